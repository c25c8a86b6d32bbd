/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of where a pod may run: affinity, tolerations, spread; and of taints.
 * Source: kubernetes pkg/apis/core/validation/validation.go (validateAffinity,
 * ValidateTolerations, validateTopologySpreadConstraints, validateNodeTaints).
 */
#include "base/text.h"
#include "kinds/validate.h"

#define EFFECTS "NoSchedule|PreferNoSchedule|NoExecute"

static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
static const char preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";

/* strict: values are held to the syntax of labels. */
static void requirement(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, bool strict)
{
	const char *op = v_str(m, "operator");
	size_t values = doc_mlen(m, "values");

	if (!v_one_of(op, "In|NotIn|Exists|DoesNotExist|Gt|Lt"))
		v_invalid(c, V_AT(p, "operator"), op, "not a valid selector operator");
	else if (v_one_of(op, "In|NotIn") && !values)
		v_required(c, V_AT(p, "values"), "must be specified when `operator` is 'In' or 'NotIn'");
	else if (v_one_of(op, "Exists|DoesNotExist") && values)
		v_forbidden(c, V_AT(p, "values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	else if (v_one_of(op, "Gt|Lt") && values != 1)
		v_required(c, V_AT(p, "values"), "must be specified single value when `operator` is 'Lt' or 'Gt'");
	v_syntax(c, V_AT(p, "key"), v_str(m, "key"), text_bad_qualified_name);
	V_EACH(i, value, v_get(m, "values"))
		if (strict)
			v_syntax(c, V_ITEM(V_AT(p, "values"), i), yyjson_mut_get_str(value), text_bad_label_value);
}

static void term(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, bool strict)
{
	V_EACH(i, e, v_get(m, "matchExpressions"))
		requirement(c, V_ITEM(V_AT(p, "matchExpressions"), i), e, strict);
	V_EACH(i, f, v_get(m, "matchFields")) {
		const struct vpath *at = V_ITEM(V_AT(p, "matchFields"), i);
		const char *op = v_str(f, "operator");
		if (!v_one_of(op, "In|NotIn"))
			v_invalid(c, V_AT(at, "operator"), op, "not a valid selector operator");
		else if (doc_mlen(f, "values") != 1)
			v_required(c, V_AT(at, "values"),
				"must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
		if (!v_is(f, "key", "metadata.name"))
			v_invalid(c, V_AT(at, "key"), v_str(f, "key"), "not a valid field selector key");
		V_EACH(j, value, v_get(f, "values"))
			if (v_is(f, "key", "metadata.name"))
				v_syntax(c, V_ITEM(V_AT(at, "values"), j), yyjson_mut_get_str(value), text_bad_dns1123_subdomain);
	}
}

void v_node_selector(struct vcheck *c, const struct vpath *p, yyjson_mut_val *selector)
{
	yyjson_mut_val *terms = v_get(selector, "nodeSelectorTerms");

	if (!yyjson_mut_arr_size(terms))
		v_required(c, V_AT(p, "nodeSelectorTerms"), "must have at least one node selector term");
	V_EACH(i, m, terms)
		term(c, V_ITEM(V_AT(p, "nodeSelectorTerms"), i), m, true);
}

/* Whether key took the place of a label of old. */
static bool same_label(const char *now, const char *was)
{
	static const struct { const char *old, *now; } renamed[] = {
		{ "failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone" },
		{ "failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region" },
		{ "beta.kubernetes.io/os", "kubernetes.io/os" }, { "beta.kubernetes.io/arch", "kubernetes.io/arch" },
		{ "beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type" },
	};

	for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++)
		if (!strcmp(renamed[i].old, was) && !strcmp(renamed[i].now, now))
			return true;
	return !strcmp(now, was);
}

static bool same_term(yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_arr_iter it = v_iter(v_get(was, "matchExpressions"));

	if (doc_mlen(now, "matchExpressions") != doc_mlen(was, "matchExpressions") ||
	    !v_same(v_get(now, "matchFields"), v_get(was, "matchFields")))
		return false;
	V_EACH(i, m, v_get(now, "matchExpressions")) {
		yyjson_mut_val *old = yyjson_mut_arr_iter_next(&it);
		if (!same_label(v_str(m, "key"), v_str(old, "key")) || !v_same_but(m, old, "key"))
			return false;
	}
	return true;
}

bool v_same_node_affinity(yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_val *terms = doc_mget(now, "required.nodeSelectorTerms");
	yyjson_mut_val *old = doc_mget(was, "required.nodeSelectorTerms");
	yyjson_mut_arr_iter it = v_iter(old);

	if (!now || yyjson_mut_arr_size(terms) != yyjson_mut_arr_size(old))
		return false;
	V_EACH(i, m, terms)
		if (!same_term(m, yyjson_mut_arr_iter_next(&it)))
			return false;
	return true;
}

static void weight(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	int64_t n = doc_mint(m, "weight", 0);

	if (n < 1 || n > 100)
		v_invalid_int(c, V_AT(p, "weight"), n, "must be in the range 1-100");
}

static void node_affinity(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	if (v_get(m, required))
		v_node_selector(c, V_AT(p, required), v_get(m, required));
	V_EACH(i, t, v_get(m, preferred)) {
		const struct vpath *at = V_ITEM(V_AT(p, preferred), i);
		weight(c, at, t);
		term(c, V_AT(at, "preference"), v_get(t, "preference"), false);
	}
}

/* How often a selector speaks of a label. */
static size_t mentions(yyjson_mut_val *selector, const char *key)
{
	size_t n = yyjson_mut_obj_get(v_get(selector, "matchLabels"), key) != NULL;

	V_EACH(i, m, v_get(selector, "matchExpressions"))
		n += v_is(m, "key", key);
	return n;
}

#define LABEL_KEYS_MAX 64       /* more are not compared with the selector's */

static void label_keys(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, yyjson_mut_val *selector)
{
	if (yyjson_mut_arr_size(list) && !selector)
		v_forbidden(c, p, "must not be specified when labelSelector is not set");
	V_EACH(i, key, list)
		if (selector)
			v_syntax(c, V_ITEM(p, i), yyjson_mut_get_str(key), text_bad_qualified_name);
}

static void pod_term(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	yyjson_mut_val *selector = v_get(m, "labelSelector"), *match = v_get(m, "matchLabelKeys");
	yyjson_mut_val *mismatch = v_get(m, "mismatchLabelKeys");
	V_SET others = { 0 };

	v_label_selector(c, V_AT(p, "labelSelector"), selector);
	v_label_selector(c, V_AT(p, "namespaceSelector"), v_get(m, "namespaceSelector"));
	V_EACH(i, ns, v_get(m, "namespaces"))
		v_syntax(c, V_AT(p, "namespace"), yyjson_mut_get_str(ns), text_bad_dns1123_label);
	label_keys(c, V_AT(p, "matchLabelKeys"), match, selector);
	label_keys(c, V_AT(p, "mismatchLabelKeys"), mismatch, selector);
	V_EACH(i, key, match)
		if (i < LABEL_KEYS_MAX && mentions(selector, yyjson_mut_get_str(key)) > 1)
			v_invalid(c, V_ITEM(p, i), yyjson_mut_get_str(key), "exists in both matchLabelKeys and labelSelector");
	V_EACH(i, key, mismatch)
		v_first(&others, yyjson_mut_get_str(key));
	V_EACH(i, key, match)
		if (map_get(&others, yyjson_mut_get_str(key)))
			v_invalid(c, V_ITEM(V_AT(p, "matchLabelKeys"), i), yyjson_mut_get_str(key),
				"exists in both matchLabelKeys and mismatchLabelKeys");
	if (!*v_str(m, "topologyKey"))
		v_required(c, V_AT(p, "topologyKey"), "can not be empty");
	v_syntax(c, V_AT(p, "topologyKey"), v_str(m, "topologyKey"), text_bad_qualified_name);
}

static void pod_affinity(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	V_EACH(i, t, v_get(m, required))
		pod_term(c, V_ITEM(V_AT(p, required), i), t);
	V_EACH(i, t, v_get(m, preferred)) {
		const struct vpath *at = V_ITEM(V_AT(p, preferred), i);
		weight(c, at, t);
		pod_term(c, V_AT(at, "podAffinityTerm"), v_get(t, "podAffinityTerm"));
	}
}

void v_affinity(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	node_affinity(c, V_AT(p, "nodeAffinity"), v_get(m, "nodeAffinity"));
	pod_affinity(c, V_AT(p, "podAffinity"), v_get(m, "podAffinity"));
	pod_affinity(c, V_AT(p, "podAntiAffinity"), v_get(m, "podAntiAffinity"));
}

static void effect(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, bool must)
{
	v_enum(c, p, m, "effect", EFFECTS, must);
}

void v_tolerations(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i), *op_path = V_AT(at, "operator");
		const char *key = v_str(m, "key"), *op = v_str(m, "operator"), *value = v_str(m, "value");
		if (*key)
			v_syntax(c, V_AT(at, "key"), key, text_bad_qualified_name);
		else if (strcmp(op, "Exists"))
			v_invalid(c, op_path, op,
				"operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
		if (v_get(m, "tolerationSeconds") && !v_is(m, "effect", "NoExecute"))
			v_invalid(c, V_AT(at, "effect"), v_str(m, "effect"),
				"effect must be 'NoExecute' when `tolerationSeconds` is set");
		if (!*op || !strcmp(op, "Equal"))
			v_syntax(c, op_path, value, text_bad_label_value);
		else if (!strcmp(op, "Exists") && *value)
			v_invalid(c, op_path, value, "value must be empty when `operator` is 'Exists'");
		else if (v_one_of(op, "Lt|Gt"))
			v_unsupported(c, op_path, op, "Equal|Exists|Lt|Gt");
		else if (strcmp(op, "Exists"))
			v_unsupported(c, op_path, op, "Equal|Exists");
		effect(c, at, m, false);
	}
}

static void policy(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const char *name)
{
	const char *s = yyjson_mut_get_str(v_get(m, name));

	if (s && !v_one_of(s, "Honor|Ignore"))
		v_unsupported(c, V_AT(p, name), s, "Honor|Ignore");
}

void v_spread(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_SET pairs = { 0 };

	/* Of two alike the former is named. */
	V_EACH(i, m, list) {
		const char *pair = v_text(c, "{%s, %s}", v_str(m, "topologyKey"), v_str(m, "whenUnsatisfiable"));
		if (pair && map_put(&pairs, pair, m, NULL))
			return;
	}
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *when = v_str(m, "whenUnsatisfiable");
		const char *pair = v_text(c, "{%s, %s}", v_str(m, "topologyKey"), when);
		yyjson_mut_val *domains = v_get(m, "minDomains"), *selector = v_get(m, "labelSelector");
		yyjson_mut_val *keys = v_get(m, "matchLabelKeys");
		if (doc_mint(m, "maxSkew", 0) <= 0)
			v_invalid_int(c, V_AT(at, "maxSkew"), doc_mint(m, "maxSkew", 0), "must be greater than zero");
		if (!*v_str(m, "topologyKey"))
			v_required(c, V_AT(at, "topologyKey"), "can not be empty");
		if (!v_one_of(when, "DoNotSchedule|ScheduleAnyway"))
			v_unsupported(c, V_AT(at, "whenUnsatisfiable"), when, "DoNotSchedule|ScheduleAnyway");
		if (pair && map_get(&pairs, pair) != m)
			v_duplicate(c, V_AT(at, "{topologyKey, whenUnsatisfiable}"), pair);
		if (domains && yyjson_mut_get_sint(domains) <= 0)
			v_invalid_value(c, V_AT(at, "minDomains"), domains, "must be greater than zero");
		if (domains && strcmp(when, "DoNotSchedule"))
			v_invalid_value(c, V_AT(at, "minDomains"), domains, v_text(c, "can only use minDomains if "
				"whenUnsatisfiable=DoNotSchedule, not %s", when));
		policy(c, at, m, "nodeAffinityPolicy");
		policy(c, at, m, "nodeTaintsPolicy");
		label_keys(c, V_AT(at, "matchLabelKeys"), keys, selector);
		V_EACH(j, key, keys)
			if (j < LABEL_KEYS_MAX && mentions(selector, yyjson_mut_get_str(key)) > 1)
				v_invalid(c, V_ITEM(V_AT(at, "matchLabelKeys"), j), yyjson_mut_get_str(key),
					"exists in both matchLabelKeys and labelSelector");
		v_label_selector(c, V_AT(at, "labelSelector"), selector);
	}
}

void v_taints(struct vcheck *c, const struct vpath *p, yyjson_mut_val *taints)
{
	V_SET seen = { 0 };

	V_EACH(i, m, taints) {
		const struct vpath *at = V_ITEM(p, i);
		v_syntax(c, V_AT(at, "key"), v_str(m, "key"), text_bad_qualified_name);
		v_syntax(c, V_AT(at, "value"), v_str(m, "value"), text_bad_label_value);
		effect(c, at, m, true);
		const char *pair = v_text(c, "%s:%s", v_str(m, "key"), v_str(m, "effect"));
		if (pair && !v_first(&seen, pair))
			v_duplicate_because(c, at, m, "taints must be unique by key and effect pair");
	}
}
