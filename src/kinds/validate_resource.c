/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of resources: their names, their amounts, what is requested of them
 * against its limit; of a container, of a pod as a whole, and of what a pod costs.
 * Source: kubernetes pkg/apis/core/validation/validation.go (validateResourceName,
 * validateResourceRequirements, validatePodResources), pkg/apis/core/helper/helpers.go.
 */
#include "base/text.h"
#include "doc/quantity.h"
#include "kinds/normal.h"
#include "kinds/pod_sum.h"
#include "kinds/validate.h"

#define CONTAINER_RESOURCES "cpu|memory|ephemeral-storage"
#define COUNTED "pods|resourcequotas|services|replicationcontrollers|secrets|configmaps|persistentvolumeclaims|" \
	"services.nodeports|services.loadbalancers"
#define QUOTA_RESOURCES CONTAINER_RESOURCES "|requests.cpu|requests.memory|requests.storage|" \
	"requests.ephemeral-storage|limits.cpu|limits.memory|limits.ephemeral-storage|" COUNTED
/* Of a pod's own requests and limits this many are compared with the sums over its containers. */
#define POD_RESOURCES_MAX 16

static bool is_hugepages(const char *name)
{
	return !strncmp(name, "hugepages-", 10);
}

static bool is_native(const char *name)
{
	return !strchr(name, '/') || strstr(name, "kubernetes.io/");
}

/* Whether less may be requested than the limit. */
bool v_overcommits(const char *name)
{
	return is_native(name) && !is_hugepages(name);
}

static bool is_extended(struct vcheck *c, const char *name)
{
	if (is_native(name) || !strncmp(name, "requests.", 9))
		return false;
	const char *quota = v_text(c, "requests.%s", name);
	return quota && !text_bad_qualified_name(quota);
}

static bool is_integer(struct vcheck *c, const char *name)
{
	return v_one_of(name, COUNTED) || is_extended(c, name);
}

bool v_quota_resource(const char *name)
{
	return v_one_of(name, QUOTA_RESOURCES) || is_hugepages(name) || !strncmp(name, "requests.hugepages-", 19);
}

bool v_amount(yyjson_mut_val *m, struct quantity *ret)
{
	return yyjson_mut_is_str(m) && !quantity_parse(yyjson_mut_get_str(m), yyjson_mut_get_len(m), ret);
}

void v_resource_name(struct vcheck *c, const struct vpath *p, const char *name)
{
	const char *why = text_bad_qualified_name(name);

	if (why)
		v_invalid(c, p, name, why);
	else if (!strchr(name, '/') && !v_quota_resource(name) && strcmp(name, "storage"))
		v_invalid(c, p, name, "must be a standard resource type or fully qualified");
}

void v_container_resource_name(struct vcheck *c, const struct vpath *p, const char *name)
{
	v_resource_name(c, p, name);
	if (!strchr(name, '/')) {
		if (!v_one_of(name, CONTAINER_RESOURCES) && !is_hugepages(name))
			v_invalid(c, p, name, "must be a standard resource for containers");
	} else if (!is_native(name) && !is_extended(c, name)) {
		v_invalid(c, p, name, "doesn't follow extended resource name standard");
	}
}

static void pod_resource_name(struct vcheck *c, const struct vpath *p, const char *name)
{
	int before = c->count;

	v_resource_name(c, p, name);
	if (c->count == before && !v_one_of(name, "cpu|memory") && !is_hugepages(name))
		v_unsupported(c, p, name, "cpu|hugepages-|memory");
}

void v_resource_amount(struct vcheck *c, const struct vpath *p, const char *name, yyjson_mut_val *m)
{
	const char *s = yyjson_mut_get_str(m);
	struct quantity q;

	if (!v_amount(m, &q))
		return;
	if (q.nano < 0)
		v_invalid(c, p, s, V_NEGATIVE);
	if (is_integer(c, name) && quantity_milli(&q) % 1000)
		v_invalid(c, p, s, "must be an integer");
}

void v_quantity_map(struct vcheck *c, const struct vpath *p, yyjson_mut_val *map)
{
	V_MEMBERS(name, m, map) {
		v_syntax(c, V_KEY(p, name), name, text_bad_qualified_name);
		v_resource_amount(c, V_KEY(p, name), name, m);
	}
}

/* Huge pages come in whole pages of the size in the resource's name. */
static void whole_pages(struct vcheck *c, const struct vpath *p, const char *name, yyjson_mut_val *m)
{
	const char *s = yyjson_mut_get_str(m);
	struct quantity q, page;

	if (!s || !is_hugepages(name) || !v_amount(m, &q))
		return;
	bool bad = quantity_parse(name + 10, strlen(name + 10), &page) || page.nano <= 0 || quantity_milli(&page) % 1000;
	if (bad || quantity_value(&q) % quantity_value(&page))
		v_invalid(c, p, s, v_text(c, "%s is not positive integer multiple of %s", s, name));
}

static void against_limit(struct vcheck *c, const struct vpath *p, const char *name, yyjson_mut_val *m,
	yyjson_mut_val *limit)
{
	const char *s = yyjson_mut_get_str(m), *l = yyjson_mut_get_str(limit);
	struct quantity q, most;

	if (!limit) {
		if (!v_overcommits(name))
			v_required(c, V_AT(p, "limits"), "Limit must be set for non overcommitable resources");
		return;
	}
	if (!v_amount(m, &q) || !v_amount(limit, &most))
		return;
	if (!v_overcommits(name) && quantity_cmp(&q, &most))
		v_invalid(c, V_AT(p, "requests"), s, v_text(c, "must be equal to %s limit of %s", name, l));
	else if (quantity_cmp(&q, &most) > 0)
		v_invalid(c, V_AT(p, "requests"), s, v_text(c, "must be less than or equal to %s limit of %s", name, l));
}

typedef void name_fn(struct vcheck *c, const struct vpath *p, const char *name);

static void requirements(struct vcheck *c, const struct vpath *p, yyjson_mut_val *resources, name_fn *name_rule)
{
	static const char *const sides[] = { "limits", "requests" };
	INDEX_AUTO struct index limits = index_map(v_get(resources, "limits"));
	bool computes = false, pages = false;

	for (int i = 0; i < 2; i++) {
		const struct vpath *side = V_AT(p, sides[i]);
		V_MEMBERS(name, m, v_get(resources, sides[i])) {
			const struct vpath *at = V_KEY(side, name);
			name_rule(c, at, name);
			v_resource_amount(c, at, name, m);
			if (i)
				against_limit(c, p, name, m, index_get(&limits, name));
			whole_pages(c, at, name, m);
			computes |= v_one_of(name, "cpu|memory");
			pages |= is_hugepages(name);
		}
	}
	if (pages && !computes)
		v_forbidden(c, p, "HugePages require cpu or memory");
}

/* References to the pod's resource claims, as "claim" or "claim/request". */
static void claims(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, yyjson_mut_val *pod_claims)
{
	INDEX_AUTO struct index known = index_list(pod_claims, "name");
	V_SET seen = { 0 }, requested = { 0 };

	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "name"), *request = v_str(m, "request");
		if (!*name) {
			v_required(c, at, "");
			continue;
		}
		const char *key = *request ? v_text(c, "%s/%s", name, request) : name;
		if (map_get(&seen, name)) {
			v_duplicate(c, at, name);
		} else {
			if (*request)
				v_syntax(c, V_AT(at, "request"), request, text_bad_dns1123_label);
			if (!key || !v_first(&seen, key) || (!*request && map_get(&requested, name)))
				v_duplicate(c, at, key ? key : name);
			if (*request)
				v_first(&requested, name);
		}
		if (!index_get(&known, name))
			v_not_found_because(c, at, name, yyjson_mut_arr_size(pod_claims) ?
				v_text(c, "must be one of the names in pod.spec.resourceClaims: %s",
					v_names(c, pod_claims)) :
				"must be one of the names in pod.spec.resourceClaims which is empty");
	}
}

void v_container_resources(struct vcheck *c, const struct vpath *p, yyjson_mut_val *resources,
	yyjson_mut_val *pod_claims)
{
	requirements(c, p, resources, v_container_resource_name);
	claims(c, V_AT(p, "claims"), v_get(resources, "claims"), pod_claims);
}

void v_overhead(struct vcheck *c, const struct vpath *p, yyjson_mut_val *overhead)
{
	const struct vpath *limits = V_AT(p, "limits");
	bool computes = false, pages = false;

	V_MEMBERS(name, m, overhead) {
		v_container_resource_name(c, V_KEY(limits, name), name);
		v_resource_amount(c, V_KEY(limits, name), name, m);
		whole_pages(c, V_KEY(limits, name), name, m);
		computes |= v_one_of(name, "cpu|memory");
		pages |= is_hugepages(name);
	}
	if (pages && !computes)
		v_forbidden(c, p, "HugePages require cpu or memory");
}

static void at_least_sum(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, const char *side,
	bool only_pages)
{
	size_t n = 0;

	V_MEMBERS(name, m, v_get(v_get(spec, "resources"), side)) {
		struct quantity q, sum;
		char text[QUANTITY_MAX];
		if (n++ >= POD_RESOURCES_MAX)
			break;
		if ((only_pages && !is_hugepages(name)) || !v_amount(m, &q) || !pod_sum(spec, side, name, &sum) ||
		    quantity_cmp(&sum, &q) <= 0)
			continue;
		quantity_print(text, &sum);
		v_invalid(c, V_KEY(V_AT(p, side), name), yyjson_mut_get_str(m), v_text(c,
			"must be greater than or equal to aggregate container %s of %s", side, text));
	}
}

void v_pod_resources(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *resources = v_get(spec, "resources"), *most = v_get(resources, "limits");

	if (!resources)
		return;
	if (v_is(v_get(spec, "os"), "name", "windows")) {
		v_forbidden(c, p, "may not be set for a windows pod");
		return;
	}
	if (v_get(resources, "claims"))
		v_forbidden(c, V_AT(p, "claims"), "claims may not be set for Resources at pod-level");
	requirements(c, p, resources, pod_resource_name);
	at_least_sum(c, p, spec, "requests", false);
	at_least_sum(c, p, spec, "limits", true);
	INDEX_AUTO struct index limits = index_map(most);
	V_EACH(i, m, v_get(spec, "containers"))
		V_MEMBERS(name, limit, v_get(v_get(m, "resources"), "limits")) {
			yyjson_mut_val *pod = most ? index_get(&limits, name) : NULL;
			struct quantity a, b;
			if (v_amount(limit, &a) && v_amount(pod, &b) && quantity_cmp(&a, &b) > 0)
				v_invalid(c, V_AT(V_KEY(V_ITEM(V_AT(p, "containers"), i), name), "limits"),
					yyjson_mut_get_str(limit), v_text(c, "must be less than or equal to pod limits of %s",
						yyjson_mut_get_str(pod)));
		}
}
