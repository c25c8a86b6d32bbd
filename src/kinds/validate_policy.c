/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of budgets, priorities, leases, runtime classes, and of kinds of objects
 * and API services.
 * Source: kubernetes pkg/apis/{policy,scheduling,coordination,node}/validation, apiextensions
 * pkg/apis/apiextensions/validation, kube-aggregator pkg/apis/apiregistration/validation.
 */
#include "base/text.h"
#include "kinds/validate.h"

void validate_pdb(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const counts[] = { "minAvailable", "maxUnavailable" };
	yyjson_mut_val *policy = v_get(spec, "unhealthyPodEvictionPolicy");

	if (v_get(spec, counts[0]) && v_get(spec, counts[1]))
		v_invalid_value(c, p, spec, "minAvailable and maxUnavailable cannot be both set");
	for (int i = 0; i < 2; i++) {
		v_count_or_percent(c, p, spec, counts[i]);
		if (v_percent(v_get(spec, counts[i])) > 100)
			v_invalid_value(c, V_AT(p, counts[i]), v_get(spec, counts[i]), "must not be greater than 100%");
	}
	v_label_selector(c, V_AT(p, "selector"), v_get(spec, "selector"));
	if (policy && !v_one_of(yyjson_mut_get_str(policy), "AlwaysAllow|IfHealthyBudget"))
		v_unsupported(c, V_AT(p, "unhealthyPodEvictionPolicy"), yyjson_mut_get_str(policy),
			"AlwaysAllow|IfHealthyBudget");
}

void validate_pdb_status(struct vcheck *c, const struct vpath *spec_path, yyjson_mut_val *spec)
{
	static const char *const counts[] = { "disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods" };
	yyjson_mut_val *status = v_get(c->v, "status");
	const struct vpath *p = V_AT(NULL, "status");

	v_conditions(c, V_AT(p, "conditions"), v_get(status, "conditions"));
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		v_not_negative(c, p, status, counts[i]);
}

/* Why the class is not the system's one of that name, NULL: it is. */
static const char *not_system(struct vcheck *c, const char *name, int64_t value)
{
	static const struct { const char *name; int64_t value; } system[] = {
		{ "system-node-critical", 2000001000 }, { "system-cluster-critical", 2000000000 },
	};

	for (int i = 0; i < 2; i++) {
		if (strcmp(name, system[i].name))
			continue;
		if (value != system[i].value)
			return v_text(c, "value of %s PriorityClass must be %lld", name, (long long)system[i].value);
		return doc_mbool(c->v, "globalDefault", false) ?
			v_text(c, "globalDefault of %s PriorityClass must be false", name) : NULL;
	}
	return v_text(c, "%s is not a known system priority class", name);
}

void validate_priority_class(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *name = v_str(v_get(c->v, "metadata"), "name"), *why;
	int64_t value = doc_mint(c->v, "value", 0);

	if (c->old)      /* only what may not change is looked at */
		return;
	if (!strncmp(name, "system-", 7)) {
		if ((why = not_system(c, name, value)))
			v_forbidden(c, V_AT(V_AT(NULL, "metadata"), "name"), v_text(c, "priority class names with 'system-' "
				"prefix are reserved for system use only. error: %s", why));
	} else if (value > 1000000000) {
		v_forbidden(c, V_AT(NULL, "value"), "maximum allowed value of a user defined priority is 1000000000");
	}
	v_enum(c, NULL, c->v, "preemptionPolicy", "PreemptLowerPriority|Never", true);
}

void validate_lease(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *seconds = v_get(spec, "leaseDurationSeconds"), *moves = v_get(spec, "leaseTransitions");

	if (seconds && yyjson_mut_get_sint(seconds) <= 0)
		v_invalid_value(c, V_AT(p, "leaseDurationSeconds"), seconds, "must be greater than 0");
	if (moves && yyjson_mut_get_sint(moves) < 0)
		v_invalid_value(c, V_AT(p, "leaseTransitions"), moves, "must be greater than or equal to 0");
}

void validate_api_service(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const struct { const char *name, *detail; int64_t most; } priorities[] = {
		{ "groupPriorityMinimum", "must be positive and less than 20000", 20000 },
		{ "versionPriority", "must be positive and less than 1000", 1000 },
	};
	const char *name = v_str(v_get(c->v, "metadata"), "name"), *group = v_str(spec, "group");
	const char *want = v_text(c, "%s.%s", v_str(spec, "version"), group), *bundle = v_str(spec, "caBundle");
	yyjson_mut_val *service = v_get(spec, "service"), *skip = v_get(spec, "insecureSkipTLSVerify");
	const struct vpath *sp = V_AT(p, "service");

	if (want && *name && !v_bad_path_segment(name) && strcmp(name, want))
		v_invalid(c, V_AT(V_AT(NULL, "metadata"), "name"), name,
			v_text(c, "must be `spec.version+\".\"+spec.group`: \"%s\"", want));
	if (!*group && !v_is(spec, "version", "v1"))
		v_required(c, V_AT(p, "group"), "only v1 may have an empty group and it better be legacy kube");
	if (*group)
		v_syntax(c, V_AT(p, "group"), group, text_bad_dns1123_subdomain);
	v_syntax(c, V_AT(p, "version"), v_str(spec, "version"), text_bad_dns1035_label);
	for (int i = 0; i < 2; i++) {
		int64_t n = doc_mint(spec, priorities[i].name, 0);
		if (n <= 0 || n > priorities[i].most)
			v_invalid_int(c, V_AT(p, priorities[i].name), n, priorities[i].detail);
	}
	if (!service) {
		if (*bundle)
			v_invalid(c, V_AT(p, "caBundle"), v_text(c, "%zu bytes", strlen(bundle) / 4 * 3),
				"local APIServices may not have a caBundle");
		if (yyjson_mut_get_bool(skip))
			v_invalid_value(c, V_AT(p, "insecureSkipTLSVerify"), skip,
				"local APIServices may not have insecureSkipTLSVerify");
		return;
	}
	v_must(c, sp, service, "namespace");
	v_must(c, sp, service, "name");
	int64_t port = doc_mint(service, "port", 0);
	if (port < 1 || port > 65535)
		v_invalid_int(c, V_AT(sp, "port"), port, "port is not valid: must be between 1 and 65535, inclusive");
	if (yyjson_mut_get_bool(skip) && *bundle)
		v_invalid_value(c, V_AT(p, "insecureSkipTLSVerify"), skip, "may not be true if caBundle is present");
}

void validate_api_service_status(struct vcheck *c, const struct vpath *spec_path, yyjson_mut_val *spec)
{
	const struct vpath *p = V_AT(V_AT(NULL, "status"), "conditions");

	V_EACH(i, m, doc_mget(c->v, "status.conditions"))
		if (!v_one_of(v_str(m, "status"), "True|False|Unknown"))
			v_unsupported(c, V_AT(V_ITEM(p, i), "status"), v_str(m, "status"), "True|False|Unknown");
}

void validate_runtime_class(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *overhead = v_get(c->v, "overhead"), *scheduling = v_get(c->v, "scheduling");
	yyjson_mut_val *tolerations = v_get(scheduling, "tolerations");
	const struct vpath *sp = V_AT(NULL, "scheduling");
	V_SET seen = { 0 };

	if (c->old)      /* only what may not change is looked at */
		return;
	v_syntax(c, V_AT(NULL, "handler"), v_str(c->v, "handler"), text_bad_dns1123_label);
	v_quantity_map(c, V_AT(V_AT(NULL, "overhead"), "limits"), v_get(overhead, "podFixed"));
	v_labels(c, V_AT(sp, "nodeSelector"), v_get(scheduling, "nodeSelector"));
	/* The path upstream gives them, tolerations twice. */
	v_tolerations(c, V_AT(V_AT(sp, "tolerations"), "tolerations"), tolerations);
	V_EACH(i, m, tolerations) {
		const char *key = v_text(c, "%s\n%s\n%s\n%s", v_str(m, "key"), v_str(m, "operator"), v_str(m, "value"),
			v_str(m, "effect"));
		if (key && !v_first(&seen, key))
			v_duplicate(c, V_ITEM(V_AT(sp, "tolerations"), i), v_str(m, "key"));
	}
}
