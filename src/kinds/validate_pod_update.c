/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an update of a pod may change: images, the deadline, more tolerations,
 * fewer scheduling gates; while gates hold it, where it may run. Debug containers
 * are added by their own subresource.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidatePodUpdate,
 * ValidatePodEphemeralContainersUpdate).
 */
#include "kinds/normal.h"
#include "kinds/validate.h"

#define MIRROR "metadata.annotations"

bool v_is_mirror(yyjson_mut_val *pod)
{
	return yyjson_mut_obj_get(doc_mget(pod, MIRROR), "kubernetes.io/config.mirror") != NULL;
}

/* False: the counts differ, which has been reported. */
static bool containers(struct vcheck *c, const struct vpath *up, yyjson_mut_val *now, yyjson_mut_val *was,
	const char *name, bool *ret_other)
{
	yyjson_mut_val *list = v_get(now, name), *old = v_get(was, name);

	if (yyjson_mut_arr_size(list) != yyjson_mut_arr_size(old)) {
		v_forbidden(c, V_AT(up, name), "pod updates may not add or remove containers");
		return false;
	}
	yyjson_mut_arr_iter it = v_iter(old);
	V_EACH(i, m, list)
		*ret_other |= !v_same_but(m, yyjson_mut_arr_iter_next(&it), "image");
	return true;
}

/* False: nothing else needs to be looked at. */
static bool deadline(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_val *n = v_get(now, "activeDeadlineSeconds"), *o = v_get(was, "activeDeadlineSeconds");
	int64_t seconds = yyjson_mut_get_sint(n);

	if (n && (seconds < 0 || seconds > INT32_MAX))
		v_invalid_int(c, p, seconds, "must be between 0 and 2147483647, inclusive");
	else if (n && o && seconds > yyjson_mut_get_sint(o))
		v_invalid_int(c, p, seconds, "must be less than or equal to previous value");
	else {
		if (o && !n)
			v_invalid_raw(c, p, "null", "must not update from a positive integer to nil value");
		return true;
	}
	return false;
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

static bool starts_with(yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_arr_iter it = v_iter(now);

	V_EACH(i, o, was) {
		yyjson_mut_val *n = yyjson_mut_arr_iter_next(&it);
		if (!n || !doc_mequal(n, o))
			return false;
	}
	return true;
}

/* Terms of a gated pod's node affinity: none comes or goes, each only narrows. */
static void narrows(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	static const char *const parts[] = { "matchExpressions", "matchFields" };
	static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
	yyjson_mut_val *terms = v_get(v_get(now, required), "nodeSelectorTerms");
	yyjson_mut_val *old = v_get(v_get(was, required), "nodeSelectorTerms");
	const struct vpath *at = V_AT(V_AT(p, required), "nodeSelectorTerms");
	yyjson_mut_arr_iter it = v_iter(old);

	if (!yyjson_mut_arr_size(old))
		return;
	if (yyjson_mut_arr_size(terms) != yyjson_mut_arr_size(old)) {
		v_invalid_value(c, at, terms, "no additions/deletions to non-empty NodeSelectorTerms list are allowed");
		return;
	}
	V_EACH(i, n, terms) {
		yyjson_mut_val *o = yyjson_mut_arr_iter_next(&it);
		bool empty = !doc_mlen(o, parts[0]) && !doc_mlen(o, parts[1]);
		if ((empty && (doc_mlen(n, parts[0]) || doc_mlen(n, parts[1]))) ||
		    !starts_with(v_get(n, parts[0]), v_get(o, parts[0])) ||
		    !starts_with(v_get(n, parts[1]), v_get(o, parts[1])))
			v_invalid_value(c, V_ITEM(at, i), n, "only additions are allowed (no mutations or deletions)");
	}
}

static bool affinity_moved(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_val *n = v_get(now, "nodeAffinity"), *o = v_get(was, "nodeAffinity");

	if (!v_same(n, o))
		narrows(c, V_AT(p, "nodeAffinity"), n, o);
	return !v_same(v_get(now, "podAffinity"), v_get(was, "podAffinity")) ||
		!v_same(v_get(now, "podAntiAffinity"), v_get(was, "podAntiAffinity"));
}

static void update_main(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	bool gated = doc_mlen(was, "schedulingGates"), other = false;
	yyjson_mut_val *pair[] = { now, was };

	if (!containers(c, p, now, was, "containers", &other) ||
	    !containers(c, p, now, was, "initContainers", &other) ||
	    !deadline(c, V_AT(p, "activeDeadlineSeconds"), now, was))
		return;
	tolerations(c, V_AT(p, "tolerations"), now, was);
	gates(c, V_AT(p, "schedulingGates"), now, was);
	if (gated && !only_adds(v_get(now, "nodeSelector"), v_get(was, "nodeSelector")))
		v_invalid_value(c, V_AT(p, "nodeSelector"), v_get(now, "nodeSelector"),
			"only additions to spec.nodeSelector are allowed (no mutations or deletions)");
	if (gated)
		other |= affinity_moved(c, V_AT(p, "affinity"), v_get(now, "affinity"), v_get(was, "affinity"));
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
		v_forbidden(c, p, v_diff(c, "pod updates may not change fields other than `spec.containers[*].image`,"
			"`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
			"additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be "
			"set to 1 if it was previously negative)", was, now));
}

static void update_debug(struct vcheck *c, const struct vpath *up, yyjson_mut_val *now, yyjson_mut_val *was)
{
	const struct vpath *p = V_AT(up, "ephemeralContainers");
	INDEX_AUTO struct index news = index_list(v_get(now, "ephemeralContainers"), "name");

	if (v_is_mirror(c->old)) {
		v_forbidden(c, NULL, "static pods do not support ephemeral containers");
		return;
	}
	V_EACH(i, o, v_get(was, "ephemeralContainers")) {
		const char *name = v_str(o, "name");
		yyjson_mut_val *n = index_get(&news, name);
		if (!n)
			v_forbidden(c, p, v_text(c, "existing ephemeral containers \"%s\" may not be removed\n", name));
		else if (!doc_mequal(n, o))
			v_forbidden(c, p, v_diff(c, v_text(c, "existing ephemeral containers \"%s\" may not be changed",
				name), o, n));
	}
}

void v_pod_update(struct vcheck *c)
{
	yyjson_mut_val *now = v_get(c->v, "spec"), *was = v_get(c->old, "spec");
	const struct vpath *p = V_AT(NULL, "spec");

	if (c->sub && !strcmp(c->sub, "resize")) {
		v_pod_resize(c, p, now, was);
		return;
	}
	v_pod_annotation_update(c, V_AT(V_AT(NULL, "metadata"), "annotations"));
	if (c->sub && !strcmp(c->sub, "ephemeralcontainers"))
		update_debug(c, p, now, was);
	else if (!c->sub)
		update_main(c, p, now, was);
}
