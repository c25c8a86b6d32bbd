/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an update of a pod may change: images, the deadline, more tolerations,
 * fewer scheduling gates. The subresources change other parts.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidatePodUpdate,
 * ValidatePodStatusUpdate, ValidatePodEphemeralContainersUpdate).
 */
#include "kinds/normal.h"
#include "kinds/validate.h"

/* Members of a container but the image. */
static bool same_but_image(yyjson_mut_val *a, yyjson_mut_val *b)
{
	V_MEMBERS(name, m, a)
		if (strcmp(name, "image") && !v_same(m, v_get(b, name)))
			return false;
	V_MEMBERS(name, m, b)
		if (strcmp(name, "image") && m && !v_get(a, name))
			return false;
	return true;
}

/* False: the counts differ, which has been reported. */
static bool containers(struct vcheck *c, const struct vpath *up, yyjson_mut_val *now, yyjson_mut_val *was,
	const char *name, bool *ret_other)
{
	yyjson_mut_val *list = v_get(now, name), *old = v_get(was, name);
	const struct vpath *p = V_AT(up, name);

	if (yyjson_mut_arr_size(list) != yyjson_mut_arr_size(old)) {
		v_forbidden(c, p, "pod updates may not add or remove containers");
		return false;
	}
	yyjson_mut_arr_iter it = v_iter(old);
	V_EACH(i, m, list) {
		*ret_other |= !same_but_image(m, yyjson_mut_arr_iter_next(&it));
		if (!*v_str(m, "image"))
			v_required(c, V_AT(V_ITEM(p, i), "image"), "");
	}
	return true;
}

static void deadline(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_val *n = v_get(now, "activeDeadlineSeconds"), *o = v_get(was, "activeDeadlineSeconds");
	int64_t seconds = yyjson_mut_get_sint(n);

	if (n && (seconds < 0 || seconds > INT32_MAX))
		v_invalid_int(c, p, seconds, "must be between 0 and 2147483647, inclusive");
	else if (n && o && seconds > yyjson_mut_get_sint(o))
		v_invalid_int(c, p, seconds, v_text(c, "must be less than or equal to previous value"));
	else if (o && !n)
		v_invalid_raw(c, p, "null", "must not update from a positive integer to nil value");
}

static const char *toleration_text(struct vcheck *c, yyjson_mut_val *m)
{
	return v_text(c, "%s|%s|%s|%s", v_str(m, "key"), v_str(m, "operator"), v_str(m, "value"),
		v_str(m, "effect"));
}

static void tolerations(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	V_SET seen = { 0 };
	const char *s;

	V_EACH(i, n, v_get(now, "tolerations"))
		if ((s = toleration_text(c, n)))
			v_first(&seen, s);
	V_EACH(i, o, v_get(was, "tolerations"))
		if ((s = toleration_text(c, o)) && !map_get(&seen, s)) {
			v_forbidden(c, p, "existing toleration can not be modified except its tolerationSeconds");
			return;
		}
}

static void gates(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	V_SET seen = { 0 };

	V_EACH(i, o, v_get(was, "schedulingGates"))
		v_first(&seen, v_str(o, "name"));
	V_EACH(i, n, v_get(now, "schedulingGates"))
		if (!map_get(&seen, v_str(n, "name")))
			v_forbidden(c, V_AT(V_ITEM(p, i), "name"), v_text(c, "only deletion is allowed, but found new "
				"scheduling gate '%s'", v_str(n, "name")));
}

/* Every pair of the old selector is still there. */
static bool only_adds(yyjson_mut_val *now, yyjson_mut_val *was)
{
	INDEX_AUTO struct index kept = index_map(now);

	V_MEMBERS(key, m, was)
		if (!v_same(m, index_get(&kept, key)))
			return false;
	return true;
}

static void update_main(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	bool gated = doc_mlen(was, "schedulingGates"), other = false;

	if (!containers(c, p, now, was, "containers", &other) ||
	    !containers(c, p, now, was, "initContainers", &other))
		return;
	deadline(c, V_AT(p, "activeDeadlineSeconds"), now, was);
	tolerations(c, V_AT(p, "tolerations"), now, was);
	gates(c, V_AT(p, "schedulingGates"), now, was);
	if (gated && !only_adds(v_get(now, "nodeSelector"), v_get(was, "nodeSelector")))
		v_invalid_value(c, V_AT(p, "nodeSelector"), v_get(now, "nodeSelector"),
			"only additions are allowed to spec.nodeSelector (no mutations or deletions)");
	yyjson_mut_val *pair[] = { now, was };
	for (int i = 0; i < 2; i++)
		V_MEMBERS(name, m, pair[i]) {
			if (v_one_of(name, "containers|initContainers|activeDeadlineSeconds|tolerations|"
					"schedulingGates"))
				continue;
			if (gated && v_one_of(name, "nodeSelector|affinity"))
				continue;
			/* A grace period below zero was stored by old servers and counts as 1. */
			if (!strcmp(name, "terminationGracePeriodSeconds") &&
			    doc_mint(was, name, 0) < 0 && doc_mint(now, name, 0) == 1)
				continue;
			other |= !v_same(m, v_get(pair[!i], name));
		}
	if (other)
		v_forbidden(c, p, "pod updates may not change fields other than `spec.containers[*].image`,"
			"`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
			"additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be "
			"set to 1 if it was previously negative)");
}

static void update_status(struct vcheck *c, yyjson_mut_val *now, yyjson_mut_val *was)
{
	static const struct { const char *statuses, *specs; } lists[] = {
		{ "containerStatuses", "containers" }, { "initContainerStatuses", "initContainers" },
	};
	yyjson_mut_val *spec = v_get(c->old, "spec");
	const struct vpath *p = V_AT(NULL, "status");
	bool keeps = v_is(spec, "restartPolicy", "Always");
	const char *qos = v_str(now, "qosClass");

	if (*v_str(was, "qosClass") && !v_is(was, "qosClass", qos))
		v_invalid(c, V_AT(p, "qosClass"), qos, V_IMMUTABLE);
	if (*v_str(spec, "nodeName") && *v_str(now, "nominatedNodeName") &&
	    !v_is(was, "nominatedNodeName", v_str(now, "nominatedNodeName")))
		v_forbidden(c, V_AT(p, "nominatedNodeName"), "may not be changed directly");
	for (int l = 0; l < 2; l++) {
		INDEX_AUTO struct index olds = index_list(v_get(was, lists[l].statuses), "name");
		INDEX_AUTO struct index specs = index_list(v_get(spec, lists[l].specs), "name");
		V_EACH(i, m, v_get(now, lists[l].statuses)) {
			yyjson_mut_val *o = index_get(&olds, v_str(m, "name"));
			yyjson_mut_val *container = index_get(&specs, v_str(m, "name"));
			yyjson_mut_val *ended = doc_mget(o, "state.terminated");
			bool sidecar = v_is(container, "restartPolicy", "Always") || doc_mlen(container, "restartPolicyRules");
			bool again = sidecar || keeps || (v_is(spec, "restartPolicy", "OnFailure") &&
				doc_mint(ended, "exitCode", 0));
			if (ended && !again && !doc_mget(m, "state.terminated"))
				v_forbidden(c, V_AT(V_ITEM(V_AT(p, lists[l].statuses), i), "state"),
					"may not be transitioned to non-terminated state");
		}
	}
	V_EACH(i, m, v_get(now, "conditions"))
		v_enum(c, V_ITEM(V_AT(p, "conditions"), i), m, "status", "False|True|Unknown", true);
}

static void update_debug(struct vcheck *c, const struct vpath *up, yyjson_mut_val *now, yyjson_mut_val *was)
{
	const struct vpath *p = V_AT(up, "ephemeralContainers");

	INDEX_AUTO struct index news = index_list(v_get(now, "ephemeralContainers"), "name");

	v_containers(c, up, now);
	V_EACH(i, o, v_get(was, "ephemeralContainers")) {
		const char *name = v_str(o, "name");
		yyjson_mut_val *n = index_get(&news, name);
		if (!n)
			v_forbidden(c, p, v_text(c, "existing ephemeral containers \"%s\" may not be removed", name));
		else if (!doc_mequal(n, o))
			v_forbidden(c, p, v_text(c, "existing ephemeral containers \"%s\" may not be changed", name));
	}
}

void v_pod_update(struct vcheck *c)
{
	yyjson_mut_val *now = v_get(c->v, "spec"), *was = v_get(c->old, "spec");
	const struct vpath *p = V_AT(NULL, "spec");

	if (!c->sub)
		update_main(c, p, now, was);
	else if (!strcmp(c->sub, "status"))
		update_status(c, v_get(c->v, "status"), v_get(c->old, "status"));
	else if (!strcmp(c->sub, "ephemeralcontainers"))
		update_debug(c, p, now, was);
	else if (!strcmp(c->sub, "resize"))
		v_pod_spec(c, p, now, false);
}
