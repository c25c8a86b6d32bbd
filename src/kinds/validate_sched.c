/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of where a pod may run: affinity, tolerations, spread; and of taints.
 * Source: kubernetes pkg/apis/core/validation/validation.go.
 */
#include "base/text.h"
#include "kinds/validate.h"

static void requirement(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	const char *op = v_str(m, "operator");
	size_t values = doc_mlen(m, "values");

	if (v_one_of(op, "In|NotIn")) {
		if (!values)
			v_required(c, V_AT(p, "values"), "must be specified when `operator` is 'In' or 'NotIn'");
	} else if (v_one_of(op, "Exists|DoesNotExist")) {
		if (values)
			v_forbidden(c, V_AT(p, "values"),
				"may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	} else if (v_one_of(op, "Gt|Lt")) {
		if (values != 1)
			v_required(c, V_AT(p, "values"),
				"must be specified single value when `operator` is 'Lt' or 'Gt'");
	} else {
		v_invalid(c, V_AT(p, "operator"), op, "not a valid selector operator");
	}
	v_syntax(c, V_AT(p, "key"), v_str(m, "key"), text_bad_qualified_name);
}

static void term(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	V_EACH(i, e, v_get(m, "matchExpressions"))
		requirement(c, V_ITEM(V_AT(p, "matchExpressions"), i), e);
	V_EACH(i, f, v_get(m, "matchFields")) {
		const struct vpath *at = V_ITEM(V_AT(p, "matchFields"), i);
		if (!v_one_of(v_str(f, "operator"), "In|NotIn"))
			v_invalid(c, V_AT(at, "operator"), v_str(f, "operator"), "not a valid selector operator");
		else if (doc_mlen(f, "values") != 1)
			v_required(c, V_AT(at, "values"),
				"must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
		if (!v_is(f, "key", "metadata.name"))
			v_invalid(c, V_AT(at, "key"), v_str(f, "key"), "not a valid field selector key");
	}
}

void v_node_selector(struct vcheck *c, const struct vpath *p, yyjson_mut_val *selector)
{
	yyjson_mut_val *terms = v_get(selector, "nodeSelectorTerms");

	if (!yyjson_mut_arr_size(terms))
		v_required(c, V_AT(p, "nodeSelectorTerms"), "must have at least one node selector term");
	V_EACH(i, m, terms)
		term(c, V_ITEM(V_AT(p, "nodeSelectorTerms"), i), m);
}

static void weight(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	int64_t n = doc_mint(m, "weight", 0);

	if (n < 1 || n > 100)
		v_invalid_int(c, V_AT(p, "weight"), n, "must be in the range 1-100");
}

static void node_affinity(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
	static const char preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";

	if (v_get(m, required))
		v_node_selector(c, V_AT(p, required), v_get(m, required));
	V_EACH(i, t, v_get(m, preferred)) {
		const struct vpath *at = V_ITEM(V_AT(p, preferred), i);
		weight(c, at, t);
		term(c, V_AT(at, "preference"), v_get(t, "preference"));
	}
}

static void pod_term(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	v_label_selector(c, V_AT(p, "labelSelector"), v_get(m, "labelSelector"));
	v_label_selector(c, V_AT(p, "namespaceSelector"), v_get(m, "namespaceSelector"));
	V_EACH(i, ns, v_get(m, "namespaces"))
		v_syntax(c, V_AT(p, "namespace"), yyjson_mut_get_str(ns), text_bad_dns1123_label);
	if (!*v_str(m, "topologyKey"))
		v_required(c, V_AT(p, "topologyKey"), "can not be empty");
	else
		v_syntax(c, V_AT(p, "topologyKey"), v_str(m, "topologyKey"), text_bad_qualified_name);
}

static void pod_affinity(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
	static const char preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";

	V_EACH(i, t, v_get(m, required))
		pod_term(c, V_ITEM(V_AT(p, required), i), t);
	V_EACH(i, t, v_get(m, preferred)) {
		const struct vpath *at = V_ITEM(V_AT(p, preferred), i);
		weight(c, at, t);
		pod_term(c, V_AT(at, "podAffinityTerm"), v_get(t, "podAffinityTerm"));
	}
}

#define EFFECTS "NoExecute|NoSchedule|PreferNoSchedule"

static void tolerations(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *key = v_str(m, "key"), *op = v_str(m, "operator"), *value = v_str(m, "value");
		if (*key)
			v_syntax(c, V_AT(at, "key"), key, text_bad_qualified_name);
		else if (strcmp(op, "Exists"))
			v_invalid(c, V_AT(at, "operator"), op,
				"operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
		if (v_get(m, "tolerationSeconds") && !v_is(m, "effect", "NoExecute"))
			v_invalid(c, V_AT(at, "effect"), v_str(m, "effect"),
				"effect must be 'NoExecute' when `tolerationSeconds` is set");
		if (!*op || !strcmp(op, "Equal")) {
			const char *why = text_bad_label_value(value);
			if (why)
				v_invalid(c, V_AT(at, "operator"), value, why);
		} else if (!strcmp(op, "Exists")) {
			if (*value)
				v_invalid_value(c, V_AT(at, "operator"), m,
					"value must be empty when `operator` is 'Exists'");
		} else {
			v_unsupported(c, V_AT(at, "operator"), op, "Equal|Exists");
		}
		v_enum(c, at, m, "effect", EFFECTS, false);
	}
}

static void spread(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_SET seen = { 0 };

	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *key = v_str(m, "topologyKey"), *when = v_str(m, "whenUnsatisfiable");
		yyjson_mut_val *domains = v_get(m, "minDomains");
		if (doc_mint(m, "maxSkew", 0) <= 0)
			v_invalid_int(c, V_AT(at, "maxSkew"), doc_mint(m, "maxSkew", 0), "must be greater than zero");
		if (!*key)
			v_required(c, V_AT(at, "topologyKey"), "can not be empty");
		else
			v_syntax(c, V_AT(at, "topologyKey"), key, text_bad_qualified_name);
		v_enum(c, at, m, "whenUnsatisfiable", "DoNotSchedule|ScheduleAnyway", false);
		if (!*when)
			v_unsupported(c, V_AT(at, "whenUnsatisfiable"), "", "DoNotSchedule|ScheduleAnyway");
		const char *pair = v_text(c, "{%s, %s}", key, when);
		if (pair && !v_first(&seen, pair))
			v_duplicate(c, V_AT(at, "{topologyKey, whenUnsatisfiable}"), pair);
		if (domains && yyjson_mut_get_sint(domains) <= 0)
			v_invalid_value(c, V_AT(at, "minDomains"), domains, "must be greater than zero");
		else if (domains && strcmp(when, "DoNotSchedule"))
			v_invalid_value(c, V_AT(at, "minDomains"), domains, v_text(c, "can only use minDomains if "
				"whenUnsatisfiable=DoNotSchedule, not %s", when));
		v_enum(c, at, m, "nodeAffinityPolicy", "Honor|Ignore", false);
		v_enum(c, at, m, "nodeTaintsPolicy", "Honor|Ignore", false);
		v_label_selector(c, V_AT(at, "labelSelector"), v_get(m, "labelSelector"));
	}
}

void v_pod_scheduling(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *affinity = v_get(spec, "affinity");
	const struct vpath *at = V_AT(p, "affinity");

	node_affinity(c, V_AT(at, "nodeAffinity"), v_get(affinity, "nodeAffinity"));
	pod_affinity(c, V_AT(at, "podAffinity"), v_get(affinity, "podAffinity"));
	pod_affinity(c, V_AT(at, "podAntiAffinity"), v_get(affinity, "podAntiAffinity"));
	tolerations(c, V_AT(p, "tolerations"), v_get(spec, "tolerations"));
	spread(c, V_AT(p, "topologySpreadConstraints"), v_get(spec, "topologySpreadConstraints"));
}

void v_taints(struct vcheck *c, const struct vpath *p, yyjson_mut_val *taints)
{
	V_SET seen = { 0 };

	V_EACH(i, m, taints) {
		const struct vpath *at = V_ITEM(p, i);
		v_syntax(c, V_AT(at, "key"), v_str(m, "key"), text_bad_qualified_name);
		v_syntax(c, V_AT(at, "value"), v_str(m, "value"), text_bad_label_value);
		v_enum(c, at, m, "effect", EFFECTS, true);
		const char *pair = v_text(c, "%s:%s", v_str(m, "key"), v_str(m, "effect"));
		if (pair && !v_first(&seen, pair))
			v_invalid(c, at, pair, "taints must be unique by key and effect pair");
	}
}
