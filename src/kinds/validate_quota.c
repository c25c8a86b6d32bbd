/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of quotas and of limit ranges.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateResourceQuota,
 * ValidateLimitRange), pkg/apis/core/helper/helpers.go (IsResourceQuotaScopeValidForResource).
 */
#include "base/text.h"
#include "doc/quantity.h"
#include "kinds/normal.h"
#include "kinds/validate.h"

#define OF_PODS "pods|cpu|memory|limits.cpu|limits.memory|requests.cpu|requests.memory"

/* Scopes, and which of the usual resources can be counted within each. only_exists: the
 * one operator a selector may use with it. */
static const struct { const char *name, *resources; bool only_exists; } scopes[] = {
	{ "BestEffort", "pods", true }, { "CrossNamespacePodAffinity", OF_PODS, true },
	{ "NotBestEffort", OF_PODS, true }, { "NotTerminating", OF_PODS, true }, { "PriorityClass", OF_PODS, false },
	{ "Terminating", OF_PODS, true },
	{ "VolumeAttributesClass", "persistentvolumeclaims|requests.storage", false },
};
#define SCOPES (int)(sizeof(scopes) / sizeof(scopes[0]))

static int scope_of(const char *name)
{
	for (int i = 0; i < SCOPES; i++)
		if (!strcmp(scopes[i].name, name))
			return i;
	return -1;
}

static void amounts(struct vcheck *c, const struct vpath *p, yyjson_mut_val *map)
{
	V_MEMBERS(name, m, map) {
		v_resource_name(c, V_KEY(p, name), name);
		if (!strchr(name, '/') && !v_quota_resource(name))
			v_invalid(c, V_KEY(p, name), name, "must be a standard resource for quota");
		v_resource_amount(c, V_KEY(p, name), name, m);
	}
}

/* One scope against each resource. value: what the errors name. */
static void fits(struct vcheck *c, const struct vpath *p, const char *scope, yyjson_mut_val *hard, yyjson_mut_val *value)
{
	int i = scope_of(scope);

	V_MEMBERS(name, m, i < 0 ? NULL : hard)
		if (m && v_quota_resource(name) && !v_one_of(name, scopes[i].resources))
			v_invalid_value(c, p, value, "unsupported scope applied to resource");
}

static void conflicts(struct vcheck *c, const struct vpath *p, const struct map *seen, yyjson_mut_val *list)
{
	static const char *const pairs[][2] = { { "BestEffort", "NotBestEffort" }, { "Terminating", "NotTerminating" } };

	for (int i = 0; i < 2; i++)
		if (map_get(seen, pairs[i][0]) && map_get(seen, pairs[i][1]))
			v_invalid_value(c, p, list, "conflicting scopes");
}

static void scope_list(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *list = v_get(spec, "scopes");
	V_SET seen = { 0 };

	V_EACH(i, m, list) {
		const char *scope = yyjson_mut_get_str(m);
		if (scope_of(scope) < 0)
			v_invalid_value(c, p, list, "unsupported scope");
		if (v_first(&seen, scope))
			fits(c, p, scope, v_get(spec, "hard"), list);
	}
	conflicts(c, p, &seen, list);
}

static void scope_selector(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *selector = v_get(spec, "scopeSelector");
	const struct vpath *at = V_AT(p, "matchExpressions"), *op_path = V_AT(at, "operator");
	V_SET seen = { 0 };

	V_EACH(i, m, v_get(selector, "matchExpressions")) {
		const char *scope = v_str(m, "scopeName"), *op = v_str(m, "operator");
		int known = scope_of(scope);
		bool values = doc_mlen(m, "values");
		if (known < 0)
			v_invalid(c, V_AT(at, "scopeName"), scope, "unsupported scope");
		if (v_first(&seen, scope))
			fits(c, at, scope, v_get(spec, "hard"), selector);
		if (known >= 0 && scopes[known].only_exists && strcmp(op, "Exists"))
			v_invalid(c, op_path, op, "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, "
				"ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
				"ResourceQuotaScopeCrossNamespacePodAffinity");
		if (!v_one_of(op, "In|NotIn|Exists|DoesNotExist"))
			v_invalid(c, op_path, op, "not a valid selector operator");
		else if (v_one_of(op, "In|NotIn") && !values)
			v_required(c, V_AT(at, "values"),
				"must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
		else if (v_one_of(op, "Exists|DoesNotExist") && values)
			v_invalid_value(c, V_AT(at, "values"), v_get(m, "values"), "must be no value when `operator` is "
				"'Exist' or 'DoesNotExist' for scope selector");
	}
	conflicts(c, V_AT(p, "matchExpressions"), &seen, v_get(spec, "scopes"));
}

static bool same_set(yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_val *pair[] = { now, was };

	for (int i = 0; i < 2; i++) {
		V_SET other = { 0 };
		V_EACH(j, m, pair[!i])
			v_first(&other, yyjson_mut_get_str(m));
		V_EACH(j, m, pair[i])
			if (!map_get(&other, yyjson_mut_get_str(m)))
				return false;
	}
	return true;
}

void validate_resource_quota(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	amounts(c, V_AT(p, "hard"), v_get(spec, "hard"));
	scope_list(c, V_AT(p, "scopes"), spec);
	scope_selector(c, V_AT(p, "scopeSelector"), spec);
	if (c->old && !same_set(v_get(spec, "scopes"), doc_mget(c->old, "spec.scopes")))
		v_invalid_value(c, V_AT(p, "scopes"), v_get(spec, "scopes"), V_IMMUTABLE);
}

void validate_resource_quota_status(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	amounts(c, V_AT(V_AT(NULL, "status"), "hard"), doc_mget(c->v, "status.hard"));
	amounts(c, V_AT(V_AT(NULL, "status"), "used"), doc_mget(c->v, "status.used"));
}

enum { MAX, MIN, DEFAULT, REQUEST, RATIO, MAPS };
static const char *const maps[MAPS] = { "max", "min", "default", "defaultRequest", "maxLimitRequestRatio" };

/* The first may not be above the second. The error names the map at, and the value of the
 * map value. */
static const struct { uint8_t a, b, at, value; const char *first, *second; } orders[] = {
	{ MIN, MAX, MIN, MIN, "min", "max" },
	{ MIN, REQUEST, REQUEST, REQUEST, "min", "default request" },
	{ REQUEST, MAX, REQUEST, REQUEST, "default request", "max" },
	{ REQUEST, DEFAULT, REQUEST, REQUEST, "default request", "default limit" },
	{ MIN, DEFAULT, DEFAULT, MIN, "min", "default" },
	{ DEFAULT, MAX, DEFAULT, MAX, "default", "max" },
};

static void ratio(struct vcheck *c, const struct vpath *p, const char *s, const struct quantity q[MAPS], const bool has[MAPS])
{
	const struct quantity one = { 1000000000, QUANTITY_DECIMAL_SI };

	if (quantity_cmp(&q[RATIO], &one) < 0)
		v_invalid(c, p, s, v_text(c, "ratio %s is less than 1", s));
	if (!has[MIN] || !has[MAX] || q[MIN].nano <= 0)
		return;
	double most = (double)q[MAX].nano / (double)q[MIN].nano;
	if ((double)q[RATIO].nano / 1e9 > most)
		v_invalid(c, p, s, v_text(c, "ratio %s is greater than max/min = %f", s, most));
}

/* One resource of an item, in all maps that speak of it. */
static void limits_of(struct vcheck *c, const struct vpath *p, yyjson_mut_val *item, const struct index in[MAPS], const char *name)
{
	const char *text[MAPS];
	struct quantity q[MAPS];
	bool has[MAPS], pod = v_is(item, "type", "Pod");

	for (int i = 0; i < MAPS; i++) {
		yyjson_mut_val *m = pod && (i == DEFAULT || i == REQUEST) ? NULL : index_get(&in[i], name);
		has[i] = v_amount(m, &q[i]);
		text[i] = yyjson_mut_get_str(m);
	}
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (has[orders[i].a] && has[orders[i].b] && quantity_cmp(&q[orders[i].a], &q[orders[i].b]) > 0)
			v_invalid(c, V_KEY(V_AT(p, maps[orders[i].at]), name), text[orders[i].value],
				v_text(c, "%s value %s is greater than %s value %s", orders[i].first, text[orders[i].a],
					orders[i].second, text[orders[i].b]));
	if (has[RATIO])
		ratio(c, V_KEY(V_AT(p, maps[RATIO]), name), text[RATIO], q, has);
	if (!v_overcommits(name) && has[DEFAULT] && has[REQUEST] && quantity_cmp(&q[DEFAULT], &q[REQUEST]))
		v_invalid(c, V_KEY(V_AT(p, "defaultRequest"), name), text[REQUEST], v_text(c, "default value %s must equal to "
			"defaultRequest value %s in %s", text[DEFAULT], text[REQUEST], name));
}

static void item(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const uint8_t order[MAPS] = { MAX, MIN, DEFAULT, REQUEST, RATIO };
	const char *type = v_str(m, "type");
	struct index in[MAPS];
	V_SET seen = { 0 };

	for (int i = 0; i < MAPS; i++) {
		const struct vpath *at = V_AT(p, maps[order[i]]);
		yyjson_mut_val *map = v_get(m, maps[order[i]]);
		in[order[i]] = index_map(map);
		if (i == RATIO && !strcmp(type, "PersistentVolumeClaim") && !v_get(v_get(m, "min"), "storage") &&
		    !v_get(v_get(m, "max"), "storage"))
			v_required(c, V_AT(p, "limits"), "either minimum or maximum storage value is required, but neither was "
				"provided");
		if (!strcmp(type, "Pod") && (i == DEFAULT || i == REQUEST)) {
			if (yyjson_mut_obj_size(map))
				v_forbidden(c, at, "may not be specified when `type` is 'Pod'");
			continue;
		}
		V_MEMBERS(name, amount, map)
			if (amount)
				(v_one_of(type, "Pod|Container") ? v_container_resource_name : v_resource_name)(c, V_KEY(at, name), name);
	}
	for (int i = 0; i < MAPS; i++)
		V_MEMBERS(name, amount, v_get(m, maps[i]))
			if (amount && v_first(&seen, name))
				limits_of(c, p, m, in, name);
	for (int i = 0; i < MAPS; i++)
		index_finish(&in[i]);
}

void validate_limit_range(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	V_SET types = { 0 };

	V_EACH(i, m, v_get(spec, "limits")) {
		const struct vpath *at = V_ITEM(V_AT(p, "limits"), i);
		const char *type = v_str(m, "type"), *why = text_bad_qualified_name(type);
		if (why)
			v_invalid(c, V_AT(at, "type"), type, why);
		else if (!strchr(type, '/') && !v_one_of(type, "Pod|Container|PersistentVolumeClaim"))
			v_invalid(c, V_AT(at, "type"), type, "must be a standard limit type or fully qualified");
		if (!v_first(&types, type))
			v_duplicate(c, V_AT(at, "type"), type);
		item(c, at, m);
	}
}
