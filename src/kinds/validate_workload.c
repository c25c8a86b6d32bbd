/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of what makes pods: apps, and replication controllers.
 * Source: kubernetes pkg/apis/apps/validation/validation.go.
 */
#include "base/text.h"
#include "kinds/normal.h"
#include "kinds/validate.h"

static void mismatch(struct vcheck *c, const struct vpath *p, yyjson_mut_val *labels)
{
	v_invalid_list(c, V_AT(V_AT(V_AT(p, "template"), "metadata"), "labels"), labels,
		"`selector` does not match template `labels`");
}

/* kind: as messages name it; limited: as they name what may have no deadline. */
struct maker { const char *kind, *limited; bool needs_selector; };

/* The one selects what the other makes. A missing selector selects nothing. */
static void selects(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, const struct maker *how)
{
	yyjson_mut_val *selector = v_get(spec, "selector"), *labels = doc_mget(spec, "template.metadata.labels");
	int before = c->count;

	if (!selector) {
		if (how->needs_selector)
			v_required(c, V_AT(p, "selector"), "");
		mismatch(c, p, labels);
		return;
	}
	v_label_selector(c, V_AT(p, "selector"), selector);
	if (v_selector_empty(selector))
		v_invalid_value(c, V_AT(p, "selector"), selector,
			v_text(c, "empty selector is invalid for %s", how->kind));
	else if (c->count == before && !v_selector_matches(c, selector, labels))
		mismatch(c, p, labels);
}

static void pods_of(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, const struct maker *how)
{
	yyjson_mut_val *pod = doc_mget(spec, "template.spec");
	const struct vpath *at = V_AT(V_AT(p, "template"), "spec");

	if (!v_get(spec, "template"))
		v_required(c, V_AT(p, "template"), "");
	else
		v_pod_template(c, V_AT(p, "template"), v_get(spec, "template"));
	if (*v_str(pod, "restartPolicy") && !v_is(pod, "restartPolicy", "Always"))
		v_unsupported(c, V_AT(at, "restartPolicy"), v_str(pod, "restartPolicy"), "Always");
	if (v_get(pod, "activeDeadlineSeconds"))
		v_forbidden(c, V_AT(at, "activeDeadlineSeconds"),
			v_text(c, "activeDeadlineSeconds in %s is not Supported", how->limited));
}

/* The value of a count or of a percentage of it: 0 when it is nothing. */
static bool is_zero(yyjson_mut_val *v)
{
	return !v || (yyjson_mut_is_str(v) ? v_percent(v) == 0 : yyjson_mut_get_sint(v) == 0);
}

static void at_most_all(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name)
{
	if (v_percent(v_get(obj, name)) > 100)
		v_invalid_value(c, V_AT(p, name), v_get(obj, name), "must not be greater than 100%");
}

static void rolling(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	v_count_or_percent(c, p, m, "maxUnavailable");
	v_count_or_percent(c, p, m, "maxSurge");
	if (is_zero(v_get(m, "maxUnavailable")) && is_zero(v_get(m, "maxSurge")))
		v_invalid_value(c, V_AT(p, "maxUnavailable"), v_get(m, "maxUnavailable"),
			"may not be 0 when `maxSurge` is 0");
	at_most_all(c, p, m, "maxUnavailable");
}

/* A strategy as upstream prints one that it does not know. */
static const char *strategy_text(struct vcheck *c, yyjson_mut_val *strategy)
{
	return v_text(c, "{\"Type\":\"%s\",\"RollingUpdate\":null}", v_str(strategy, "type"));
}

void validate_deployment(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const struct maker how = { "deployment", "ReplicaSet", true };
	yyjson_mut_val *strategy = v_get(spec, "strategy"), *update = v_get(strategy, "rollingUpdate");
	const struct vpath *sp = V_AT(p, "strategy");
	yyjson_mut_val *deadline = v_get(spec, "progressDeadlineSeconds");

	v_not_negative(c, p, spec, "replicas");
	selects(c, p, spec, &how);
	pods_of(c, p, spec, &how);
	if (v_is(strategy, "type", "RollingUpdate")) {
		if (update)
			rolling(c, V_AT(sp, "rollingUpdate"), update);
		else
			v_required(c, V_AT(sp, "rollingUpdate"), "this should be defaulted and never be nil");
	} else if (!v_is(strategy, "type", "Recreate")) {
		v_unsupported_raw(c, sp, strategy_text(c, strategy), "Recreate|RollingUpdate");
	} else if (update) {
		v_forbidden(c, V_AT(sp, "rollingUpdate"),
			"may not be specified when strategy `type` is 'Recreate'");
	}
	v_not_negative(c, p, spec, "minReadySeconds");
	v_not_negative(c, p, spec, "revisionHistoryLimit");
	v_not_negative(c, p, spec, "progressDeadlineSeconds");
	if (deadline && yyjson_mut_get_sint(deadline) <= doc_mint(spec, "minReadySeconds", 0))
		v_invalid_value(c, V_AT(p, "progressDeadlineSeconds"), deadline,
			"must be greater than minReadySeconds");
}

void validate_replica_set(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const struct maker how = { "deployment", "ReplicaSet", true };

	v_not_negative(c, p, spec, "replicas");
	v_not_negative(c, p, spec, "minReadySeconds");
	selects(c, p, spec, &how);
	pods_of(c, p, spec, &how);
}

void validate_daemon_set(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const struct maker how = { "daemonset", "DaemonSet", false };
	yyjson_mut_val *strategy = v_get(spec, "updateStrategy"), *update = v_get(strategy, "rollingUpdate");
	const struct vpath *sp = V_AT(p, "updateStrategy"), *up = V_AT(sp, "rollingUpdate");
	bool rolls = v_is(strategy, "type", "RollingUpdate");

	selects(c, p, spec, &how);
	pods_of(c, p, spec, &how);
	v_not_negative(c, p, spec, "minReadySeconds");
	if (rolls && !update) {
		v_required(c, up, "");
	} else if (rolls) {
		v_count_or_percent(c, up, update, "maxUnavailable");
		v_count_or_percent(c, up, update, "maxSurge");
		at_most_all(c, up, update, "maxUnavailable");
		at_most_all(c, up, update, "maxSurge");
		bool surge = !is_zero(v_get(update, "maxSurge")), gone = !is_zero(v_get(update, "maxUnavailable"));
		if (surge && gone)
			v_invalid_value(c, V_AT(up, "maxSurge"), v_get(update, "maxSurge"),
				"may not be set when maxUnavailable is non-zero");
		else if (!surge && !gone)
			v_required(c, V_AT(up, "maxUnavailable"), "cannot be 0 when maxSurge is 0");
	} else if (!v_is(strategy, "type", "OnDelete")) {
		v_unsupported_raw(c, sp, strategy_text(c, strategy), "RollingUpdate|OnDelete");
	}
	v_not_negative(c, p, spec, "revisionHistoryLimit");
}

static void stateful_strategy(struct vcheck *c, const struct vpath *p, yyjson_mut_val *strategy)
{
	yyjson_mut_val *update = v_get(strategy, "rollingUpdate"), *most = v_get(update, "maxUnavailable");
	const struct vpath *up = V_AT(p, "rollingUpdate");

	if (!*v_str(strategy, "type")) {
		v_required(c, p, "");
	} else if (v_is(strategy, "type", "OnDelete")) {
		if (update)
			v_invalid_value(c, up, update, "only allowed for updateStrategy 'RollingUpdate'");
	} else if (!v_is(strategy, "type", "RollingUpdate")) {
		v_invalid_raw(c, p, strategy_text(c, strategy), "must be 'RollingUpdate' or 'OnDelete'");
	} else if (update) {
		v_not_negative(c, up, update, "partition");
		v_count_or_percent(c, up, update, "maxUnavailable");
		if (most && is_zero(most))
			v_invalid_value(c, V_AT(up, "maxUnavailable"), most, "cannot be 0");
		at_most_all(c, up, update, "maxUnavailable");
	}
}

/* What the pods mount under the names of the set's claims. */
static yyjson_mut_val *claimed_volumes(struct vcheck *c, yyjson_mut_val *claims)
{
	yyjson_mut_doc *d = claims ? doc_new(c->a) : NULL;
	yyjson_mut_val *ret = d ? yyjson_mut_arr(d) : NULL;

	V_EACH(i, m, ret ? claims : NULL) {
		const char *name = v_str(v_get(m, "metadata"), "name");
		yyjson_mut_val *volume = yyjson_mut_arr_add_obj(d, ret), *source;
		if (!yyjson_mut_obj_add_str(d, volume, "name", name) ||
		    !(source = yyjson_mut_obj_add_obj(d, volume, "persistentVolumeClaim")) ||
		    !yyjson_mut_obj_add_str(d, source, "claimName", name))
			break;
	}
	return ret;
}

void validate_stateful_set(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const struct maker how = { "statefulset", "StatefulSet", true };
	static const char *const kept[] = { "whenDeleted", "whenScaled" };
	yyjson_mut_val *keep = v_get(spec, "persistentVolumeClaimRetentionPolicy");
	const struct vpath *kp = V_AT(p, "persistentVolumeClaimRetentionPolicy");
	const char *policy = v_str(spec, "podManagementPolicy");

	if (!*policy)
		v_required(c, V_AT(p, "podManagementPolicy"), "");
	else if (!v_one_of(policy, "OrderedReady|Parallel"))
		v_invalid(c, V_AT(p, "podManagementPolicy"), policy, "must be 'OrderedReady' or 'Parallel'");
	stateful_strategy(c, V_AT(p, "updateStrategy"), v_get(spec, "updateStrategy"));
	for (int i = 0; keep && i < 2; i++)
		if (!v_one_of(v_str(keep, kept[i]), "Retain|Delete"))
			v_unsupported(c, V_AT(kp, kept[i]), v_str(keep, kept[i]), "Retain|Delete");
	v_not_negative(c, p, spec, "replicas");
	v_not_negative(c, p, spec, "minReadySeconds");
	v_not_negative(c, V_AT(p, "ordinals"), v_get(spec, "ordinals"), "start");
	v_not_negative(c, p, spec, "revisionHistoryLimit");
	if (*v_str(spec, "serviceName"))
		v_syntax(c, V_AT(p, "serviceName"), v_str(spec, "serviceName"), text_bad_dns1123_subdomain);
	selects(c, p, spec, &how);
	c->volumes = claimed_volumes(c, v_get(spec, "volumeClaimTemplates"));
	pods_of(c, p, spec, &how);
	c->volumes = NULL;
}

void validate_controller_revision(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	int64_t revision = doc_mint(c->v, "revision", 0);

	if (!v_get(c->v, "data") && !c->old)
		v_required(c, V_AT(NULL, "data"), "data is mandatory");
	if (revision < 0)
		v_invalid_int(c, V_AT(NULL, "revision"), revision, "must be greater than or equal to 0");
}
