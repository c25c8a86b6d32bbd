/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a resize of a pod may change: cpu and memory of its containers and
 * sidecars, and how they take it; never so that its class of service changes.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidatePodResize); KEP-1287.
 */
#include "kinds/normal.h"
#include "kinds/validate.h"

static bool pod_level(yyjson_mut_val *spec)
{
	yyjson_mut_val *m = v_get(spec, "resources");

	return doc_mlen(m, "requests") || doc_mlen(m, "limits");
}

/* Whether the node that runs it tells of resources: only such ones resize. */
static bool node_resizes(yyjson_mut_val *pod)
{
	V_EACH(i, m, doc_mget(pod, "status.containerStatuses"))
		if (doc_mget(m, "state.running"))
			return v_get(m, "resources") != NULL;
	return true;
}

static bool in_order(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	static const char *const lists[] = { "containers", "initContainers" };
	int before = c->count;

	for (int l = 0; l < 2; l++) {
		yyjson_mut_val *list = v_get(now, lists[l]), *old = v_get(was, lists[l]);
		yyjson_mut_arr_iter it = v_iter(old);
		if (yyjson_mut_arr_size(list) != yyjson_mut_arr_size(old)) {
			v_forbidden(c, V_AT(p, lists[l]), v_text(c, "%s may not be added or removed on resize", lists[l]));
			continue;
		}
		V_EACH(i, m, list)
			if (!v_is(m, "name", v_str(yyjson_mut_arr_iter_next(&it), "name")))
				v_forbidden(c, V_AT(V_ITEM(V_AT(p, lists[l]), i), "name"),
					v_text(c, "%s may not be renamed or reordered on resize", lists[l]));
	}
	return c->count == before;
}

static bool removed(yyjson_mut_val *now, yyjson_mut_val *was)
{
	V_MEMBERS(name, m, was)
		if (m && !v_get(now, name))
			return true;
	return false;
}

/* Equal but for cpu and memory. */
static bool same_others(yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_val *pair[] = { now, was };

	for (int i = 0; i < 2; i++)
		V_MEMBERS(name, m, pair[i])
			if (!v_one_of(name, "cpu|memory") && !v_same(m, v_get(pair[!i], name)))
				return false;
	return true;
}

static bool same_container(yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_val *n = v_get(now, "resources"), *o = v_get(was, "resources");

	return v_same_but(now, was, "resources") && same_others(v_get(n, "requests"), v_get(o, "requests")) &&
		same_others(v_get(n, "limits"), v_get(o, "limits"));
}

static void one(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	static const char *const sides[] = { "requests", "limits" };

	for (int i = 0; i < 2; i++)
		if (removed(v_get(v_get(now, "resources"), sides[i]), v_get(v_get(was, "resources"), sides[i])))
			v_forbidden(c, V_AT(V_AT(p, "resources"), sides[i]), v_text(c, "resource %s cannot be removed", sides[i]));
}

void v_pod_resize(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	const char *qos = v_str(v_get(c->old, "status"), "qosClass");
	yyjson_mut_arr_iter it;

	if (v_is_mirror(c->old)) {
		v_forbidden(c, NULL, "static pods cannot be resized");
		return;
	}
	if (v_is(v_get(was, "os"), "name", "windows")) {
		v_forbidden(c, NULL, "windows pods cannot be resized");
		return;
	}
	if (strcmp(*qos ? qos : kinds_qos_class(was), kinds_qos_class(now)))
		v_invalid(c, p, qos, "Pod QOS Class may not change as a result of resizing");
	if (!node_resizes(c->old))
		v_forbidden(c, p, "Pod running on node without support for resize");
	if (pod_level(now) || pod_level(was)) {
		v_forbidden(c, NULL, "pods with pod-level resources cannot be resized");
		return;
	}
	if (!in_order(c, p, now, was))
		return;
	it = v_iter(v_get(was, "initContainers"));
	V_EACH(i, m, v_get(now, "initContainers")) {
		yyjson_mut_val *o = yyjson_mut_arr_iter_next(&it);
		if (v_is(o, "restartPolicy", "Always"))
			one(c, V_ITEM(V_AT(p, "initContainers"), i), m, o);
	}
	it = v_iter(v_get(was, "containers"));
	V_EACH(i, m, v_get(now, "containers"))
		one(c, V_ITEM(V_AT(p, "containers"), i), m, yyjson_mut_arr_iter_next(&it));
	it = v_iter(v_get(was, "containers"));
	V_EACH(i, m, v_get(now, "containers"))
		if (!same_container(m, yyjson_mut_arr_iter_next(&it)))
			v_forbidden(c, p, "only cpu and memory resources are mutable");
	it = v_iter(v_get(was, "initContainers"));
	V_EACH(i, m, v_get(now, "initContainers")) {
		yyjson_mut_val *o = yyjson_mut_arr_iter_next(&it);
		if (!v_is(m, "restartPolicy", "Always") && !doc_mequal(m, o))
			v_forbidden(c, p, "resources for non-sidecar init containers are immutable");
		else if (!same_container(m, o))
			v_forbidden(c, p, "only cpu and memory resources for sidecar containers are mutable");
	}
}
