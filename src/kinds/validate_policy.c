/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of access, budgets, scaling, certificates, webhooks and of kinds of
 * objects themselves.
 * Source: kubernetes pkg/apis/{rbac,policy,autoscaling,certificates,scheduling,
 * coordination,node,admissionregistration}/validation, apiextensions
 * pkg/apis/apiextensions/validation, kube-aggregator pkg/apis/apiregistration/validation.
 */
#include "base/text.h"
#include "kinds/kinds_custom.h"
#include "kinds/validate.h"

#define RBAC "rbac.authorization.k8s.io"

void validate_role(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *selectors = doc_mget(c->v, "aggregationRule.clusterRoleSelectors");

	V_EACH(i, m, v_get(c->v, "rules")) {
		const struct vpath *at = V_ITEM(V_AT(NULL, "rules"), i);
		bool urls = doc_mlen(m, "nonResourceURLs");
		if (!doc_mlen(m, "verbs"))
			v_required(c, V_AT(at, "verbs"), "verbs must contain at least one value");
		if (urls && c->k->namespaced)
			v_invalid_value(c, V_AT(at, "nonResourceURLs"), v_get(m, "nonResourceURLs"),
				"namespaced rules cannot apply to non-resource URLs");
		if (urls && (doc_mlen(m, "apiGroups") || doc_mlen(m, "resources") || doc_mlen(m, "resourceNames")))
			v_invalid_value(c, V_AT(at, "nonResourceURLs"), v_get(m, "nonResourceURLs"),
				"rules cannot apply to both regular resources and non-resource URLs");
		if (urls)
			continue;
		if (!doc_mlen(m, "apiGroups"))
			v_required(c, V_AT(at, "apiGroups"), "resource rules must supply at least one api group");
		if (!doc_mlen(m, "resources"))
			v_required(c, V_AT(at, "resources"), "resource rules must supply at least one resource");
	}
	if (v_get(c->v, "aggregationRule") && !yyjson_mut_arr_size(selectors))
		v_required(c, V_AT(V_AT(NULL, "aggregationRule"), "clusterRoleSelectors"),
			"at least one clusterRoleSelector required if aggregationRule is non-nil");
	V_EACH(i, m, selectors)
		v_label_selector(c, V_ITEM(V_AT(V_AT(NULL, "aggregationRule"), "clusterRoleSelectors"), i), m);
}

void validate_role_binding(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *role = v_get(c->v, "roleRef"), *was = v_get(c->old, "roleRef");
	const struct vpath *rp = V_AT(NULL, "roleRef");

	if (strcmp(v_str(role, "apiGroup"), RBAC))
		v_unsupported(c, V_AT(rp, "apiGroup"), v_str(role, "apiGroup"), RBAC);
	if (!v_one_of(v_str(role, "kind"), c->k->namespaced ? "Role|ClusterRole" : "ClusterRole"))
		v_unsupported(c, V_AT(rp, "kind"), v_str(role, "kind"),
			c->k->namespaced ? "Role|ClusterRole" : "ClusterRole");
	if (!*v_str(role, "name"))
		v_required(c, V_AT(rp, "name"), "");
	else
		v_syntax(c, V_AT(rp, "name"), v_str(role, "name"), v_bad_path_segment);
	V_EACH(i, m, v_get(c->v, "subjects")) {
		const struct vpath *at = V_ITEM(V_AT(NULL, "subjects"), i);
		const char *kind = v_str(m, "kind"), *group = v_str(m, "apiGroup");
		v_must(c, at, m, "name");
		if (!strcmp(kind, "ServiceAccount")) {
			if (*v_str(m, "name"))
				v_syntax(c, V_AT(at, "name"), v_str(m, "name"), text_bad_dns1123_subdomain);
			if (*group)
				v_unsupported(c, V_AT(at, "apiGroup"), group, "");
			if (!*v_str(m, "namespace"))
				v_required(c, V_AT(at, "namespace"), "");
		} else if (v_one_of(kind, "User|Group")) {
			if (strcmp(group, RBAC))
				v_unsupported(c, V_AT(at, "apiGroup"), group, RBAC);
		} else {
			v_unsupported(c, V_AT(at, "kind"), kind, "ServiceAccount|User|Group");
		}
	}
	if (c->old && !doc_mequal(role, was))
		v_invalid_raw(c, rp, v_text(c, "{\"APIGroup\":\"%s\",\"Kind\":\"%s\",\"Name\":\"%s\"}",
			v_str(role, "apiGroup"), v_str(role, "kind"), v_str(role, "name")), "cannot change roleRef");
}

void validate_pdb(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const counts[] = { "minAvailable", "maxUnavailable" };

	if (v_get(spec, counts[0]) && v_get(spec, counts[1]))
		v_invalid_value(c, p, spec, "minAvailable and maxUnavailable cannot be both set");
	for (int i = 0; i < 2; i++) {
		v_count_or_percent(c, p, spec, counts[i]);
		if (v_percent(v_get(spec, counts[i])) > 100)
			v_invalid_value(c, V_AT(p, counts[i]), v_get(spec, counts[i]), "must not be greater than 100%");
	}
	v_label_selector(c, V_AT(p, "selector"), v_get(spec, "selector"));
	v_enum(c, p, spec, "unhealthyPodEvictionPolicy", "AlwaysAllow|IfHealthyBudget", false);
}

static void metric(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const struct { const char *type, *member; } types[] = {
		{ "ContainerResource", "containerResource" }, { "External", "external" }, { "Object", "object" },
		{ "Pods", "pods" }, { "Resource", "resource" },
	};
	const char *type = v_str(m, "type");
	yyjson_mut_val *source = NULL;
	const char *member = NULL;

	v_enum(c, p, m, "type", "ContainerResource|External|Object|Pods|Resource", true);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].type, type)) {
			member = types[i].member;
			source = v_get(m, member);
		}
	if (member && !source) {
		v_required(c, V_AT(p, member), v_text(c, "must populate information for the given metric source"));
		return;
	}
	if (!source)
		return;
	const struct vpath *at = V_AT(p, member), *tp = V_AT(at, "target");
	yyjson_mut_val *target = v_get(source, "target");
	if (strstr(type, "Resource")) {
		v_must(c, at, source, "name");
		if (!v_get(target, "averageUtilization") && !v_get(target, "averageValue"))
			v_required(c, V_AT(tp, "averageUtilization"),
				"must set either a target raw value or a target utilization");
		if (v_get(target, "averageUtilization") && v_get(target, "averageValue"))
			v_forbidden(c, V_AT(tp, "averageValue"),
				"may not set both a target raw value and a target utilization");
	} else if (!*v_str(v_get(source, "metric"), "name")) {
		v_required(c, V_AT(V_AT(at, "metric"), "name"), "must specify a metric name");
	}
	v_enum(c, tp, target, "type", "AverageValue|Utilization|Value", true);
	yyjson_mut_val *utilization = v_get(target, "averageUtilization");
	if (utilization && yyjson_mut_get_sint(utilization) < 1)
		v_invalid_value(c, V_AT(tp, "averageUtilization"), utilization, "must be greater than 0");
}

static void scaling_rules(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	int64_t window = doc_mint(m, "stabilizationWindowSeconds", 0);

	if (!m)
		return;
	if (window < 0)
		v_invalid_int(c, V_AT(p, "stabilizationWindowSeconds"), window, "must be greater than or equal to zero");
	else if (window > 3600)
		v_invalid_int(c, V_AT(p, "stabilizationWindowSeconds"), window,
			"must be less than or equal to 3600");
	v_enum(c, p, m, "selectPolicy", "Disabled|Max|Min", false);
	if (!doc_mlen(m, "policies"))
		v_required(c, V_AT(p, "policies"), "must specify at least one Policy");
	V_EACH(i, policy, v_get(m, "policies")) {
		const struct vpath *at = V_ITEM(V_AT(p, "policies"), i);
		int64_t period = doc_mint(policy, "periodSeconds", 0), value = doc_mint(policy, "value", 0);
		v_enum(c, at, policy, "type", "Percent|Pods", true);
		if (value <= 0)
			v_invalid_int(c, V_AT(at, "value"), value, "must be greater than zero");
		if (period <= 0)
			v_invalid_int(c, V_AT(at, "periodSeconds"), period, "must be greater than zero");
		else if (period > 1800)
			v_invalid_int(c, V_AT(at, "periodSeconds"), period, "must be less than or equal to 1800");
	}
}

void validate_hpa(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	int64_t min = doc_mint(spec, "minReplicas", 1), max = doc_mint(spec, "maxReplicas", 0);
	yyjson_mut_val *target = v_get(spec, "scaleTargetRef"), *cpu = v_get(spec, "targetCPUUtilizationPercentage");
	const struct vpath *tp = V_AT(p, "scaleTargetRef");

	if (min < 1)
		v_invalid_int(c, V_AT(p, "minReplicas"), min, "must be greater than or equal to 1");
	if (max < 1)
		v_invalid_int(c, V_AT(p, "maxReplicas"), max, "must be greater than 0");
	if (max < min)
		v_invalid_int(c, V_AT(p, "maxReplicas"), max, "must be greater than or equal to `minReplicas`");
	if (!*v_str(target, "kind"))
		v_required(c, V_AT(tp, "kind"), "");
	else
		v_syntax(c, V_AT(tp, "kind"), v_str(target, "kind"), v_bad_path_segment);
	if (!*v_str(target, "name"))
		v_required(c, V_AT(tp, "name"), "");
	else
		v_syntax(c, V_AT(tp, "name"), v_str(target, "name"), v_bad_path_segment);
	if (cpu && yyjson_mut_get_sint(cpu) < 1)
		v_invalid_value(c, V_AT(p, "targetCPUUtilizationPercentage"), cpu, "must be greater than 0");
	V_EACH(i, m, v_get(spec, "metrics"))
		metric(c, V_ITEM(V_AT(p, "metrics"), i), m);
	yyjson_mut_val *behavior = v_get(spec, "behavior");
	scaling_rules(c, V_AT(V_AT(p, "behavior"), "scaleUp"), v_get(behavior, "scaleUp"));
	scaling_rules(c, V_AT(V_AT(p, "behavior"), "scaleDown"), v_get(behavior, "scaleDown"));
}

void validate_priority_class(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const struct { const char *name; int64_t value; } system[] = {
		{ "system-cluster-critical", 2000000000 }, { "system-node-critical", 2000001000 },
	};
	const char *name = v_str(v_get(c->v, "metadata"), "name");
	int64_t value = doc_mint(c->v, "value", 0);
	bool ours = false;

	for (int i = 0; i < 2; i++)
		ours |= !strcmp(name, system[i].name) && value == system[i].value;
	if (!strncmp(name, "system-", 7) && !ours)
		v_forbidden(c, V_AT(V_AT(NULL, "metadata"), "name"), v_text(c, "priority class names with 'system-' "
			"prefix are reserved for system use only. error: %s is not a known system priority class", name));
	else if (!ours && value > 1000000000)
		v_forbidden(c, V_AT(NULL, "value"),
			"maximum allowed value of a user defined priority is 1000000000");
	v_enum(c, NULL, c->v, "preemptionPolicy", "Never|PreemptLowerPriority", true);
}

void validate_lease(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *seconds = v_get(spec, "leaseDurationSeconds"), *moves = v_get(spec, "leaseTransitions");

	if (seconds && yyjson_mut_get_sint(seconds) <= 0)
		v_invalid_value(c, V_AT(p, "leaseDurationSeconds"), seconds, "must be greater than 0");
	if (moves && yyjson_mut_get_sint(moves) < 0)
		v_invalid_value(c, V_AT(p, "leaseTransitions"), moves, "must be greater than or equal to 0");
}

static yyjson_mut_val *condition(yyjson_mut_val *list, const char *type)
{
	V_EACH(i, m, list)
		if (v_is(m, "type", type))
			return m;
	return NULL;
}

static void csr_conditions(struct vcheck *c)
{
	static const char *const decided[] = { "Approved", "Denied", "Failed" };
	yyjson_mut_val *now = doc_mget(c->v, "status.conditions"), *was = doc_mget(c->old, "status.conditions");
	const struct vpath *p = V_AT(V_AT(NULL, "status"), "conditions");
	bool approval = c->sub && !strcmp(c->sub, "approval");

	if (condition(now, "Approved") && condition(now, "Denied"))
		v_invalid(c, p, "Denied", "Approved and Denied conditions are mutually exclusive");
	for (int i = 0; i < 3; i++) {
		yyjson_mut_val *n = condition(now, decided[i]), *o = condition(was, decided[i]);
		if (o && !n)
			v_forbidden(c, p, v_text(c, "updates may not remove a condition of type \"%s\"", decided[i]));
		else if (n && !o && i < 2 && !approval)
			v_forbidden(c, p, v_text(c, "updates may not add a condition of type \"%s\"", decided[i]));
		else if (n && o && !v_is(n, "status", v_str(o, "status")))
			v_forbidden(c, p, v_text(c, "updates may not modify a condition of type \"%s\"", decided[i]));
		if (n && !v_is(n, "status", "True"))
			v_invalid(c, V_AT(p, "status"), v_str(n, "status"), v_text(c, "must be \"True\" for a "
				"condition of type \"%s\"", decided[i]));
	}
	yyjson_mut_val *cert = doc_mget(c->v, "status.certificate"), *old = doc_mget(c->old, "status.certificate");
	if (old && (!cert || !doc_mequal(cert, old)))
		v_forbidden(c, V_AT(V_AT(NULL, "status"), "certificate"),
			"updates may not modify existing certificate content");
}

void validate_csr(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *signer = v_str(spec, "signerName"), *request = v_str(spec, "request");
	yyjson_mut_val *seconds = v_get(spec, "expirationSeconds");
	BUF_AUTO struct buf pem = { 0 };
	V_SET seen = { 0 };

	if (c->old) {
		csr_conditions(c);
		return;
	}
	if (text_unbase64(&pem, request, strlen(request)) || !pem.p ||
	    !strstr(pem.p, "-----BEGIN CERTIFICATE REQUEST-----"))
		v_invalid(c, V_AT(p, "request"), request, "PEM block type must be CERTIFICATE REQUEST");
	if (!doc_mlen(spec, "usages"))
		v_required(c, V_AT(p, "usages"), "usages must be provided");
	V_EACH(i, m, v_get(spec, "usages")) {
		const char *s = yyjson_mut_get_str(m);
		if (!v_one_of(s, "any|cert sign|client auth|code signing|content commitment|crl sign|data encipherment|"
				"decipher only|digital signature|email protection|encipher only|ipsec end system|"
				"ipsec tunnel|ipsec user|key agreement|key encipherment|microsoft sgc|netscape sgc|"
				"ocsp signing|s/mime|server auth|signing|timestamping"))
			v_unsupported(c, V_ITEM(V_AT(p, "usages"), i), s, "client auth|digital signature|"
				"key encipherment|server auth|signing");
		else if (!v_first(&seen, s))
			v_duplicate(c, V_ITEM(V_AT(p, "usages"), i), s);
	}
	if (!*signer)
		v_required(c, V_AT(p, "signerName"), "");
	else if (!strchr(signer, '/') || !strcmp(signer, "kubernetes.io/legacy-unknown"))
		v_invalid(c, V_AT(p, "signerName"), signer, strchr(signer, '/') ? "the legacy signerName is not allowed "
			"via this API version" : "must be a fully qualified domain and path of the form "
			"'example.com/signer-name'");
	if (seconds && yyjson_mut_get_sint(seconds) < 600)
		v_invalid_value(c, V_AT(p, "expirationSeconds"), seconds, "may not specify a duration less than 600 "
			"seconds (10 minutes)");
}

void validate_crd(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *names = v_get(spec, "names"), *was = v_get(c->old, "spec"), *stored;
	const char *group = v_str(spec, "group"), *plural = v_str(names, "plural");
	const char *want = v_text(c, "%s.%s", plural, group), *name = v_str(v_get(c->v, "metadata"), "name");
	const struct vpath *np = V_AT(p, "names"), *sp = V_AT(V_AT(NULL, "status"), "storedVersions");
	static const char *const labels[] = { "plural", "singular" };
	const char *storage = NULL;
	V_SET versions = { 0 };
	int storages = 0, before = c->count;
	struct err e;

	if (want && strcmp(name, want))
		v_invalid(c, V_AT(V_AT(NULL, "metadata"), "name"), name, "must be spec.names.plural+\".\"+spec.group");
	if (!*group)
		v_required(c, V_AT(p, "group"), "");
	else if (!strchr(group, '.'))
		v_invalid(c, V_AT(p, "group"), group, "should be a domain with at least one dot");
	else
		v_syntax(c, V_AT(p, "group"), group, text_bad_dns1123_subdomain);
	v_enum(c, p, spec, "scope", "Cluster|Namespaced", true);
	V_EACH(i, m, v_get(spec, "versions")) {
		const struct vpath *at = V_ITEM(V_AT(p, "versions"), i);
		const char *version = v_str(m, "name");
		v_syntax(c, V_AT(at, "name"), version, text_bad_dns1035_label);
		if (!v_first(&versions, version))
			v_duplicate(c, V_AT(at, "name"), version);
		if (doc_mbool(m, "storage", false)) {
			storages++;
			storage = version;
		}
		if (!doc_mget(m, "schema.openAPIV3Schema"))
			v_required(c, V_AT(V_AT(at, "schema"), "openAPIV3Schema"), "schemas are required");
		V_EACH(j, column, v_get(m, "additionalPrinterColumns")) {
			const struct vpath *cp = V_ITEM(V_AT(at, "additionalPrinterColumns"), j);
			v_must(c, cp, column, "name");
			v_enum(c, cp, column, "type", "boolean|date|integer|number|string", true);
			v_must(c, cp, column, "jsonPath");
		}
	}
	if (storages != 1)
		v_invalid_value(c, V_AT(p, "versions"), v_get(spec, "versions"),
			"must have exactly one version marked as storage version");
	for (int i = 0; i < 2; i++)
		if (!*v_str(names, labels[i]) && !i)
			v_required(c, V_AT(np, labels[i]), "");
		else if (*v_str(names, labels[i]))
			v_syntax(c, V_AT(np, labels[i]), v_str(names, labels[i]), text_bad_dns1035_label);
	if (!*v_str(names, "kind"))
		v_required(c, V_AT(np, "kind"), "");
	if (!*v_str(names, "listKind"))
		v_required(c, V_AT(np, "listKind"), "");
	else if (v_is(names, "listKind", v_str(names, "kind")))
		v_invalid(c, V_AT(np, "listKind"), v_str(names, "listKind"), "kind and listKind may not be the same");
	V_EACH(i, m, v_get(names, "shortNames"))
		v_syntax(c, V_ITEM(V_AT(np, "shortNames"), i), yyjson_mut_get_str(m), text_bad_dns1035_label);
	V_EACH(i, m, v_get(names, "categories"))
		v_syntax(c, V_ITEM(V_AT(np, "categories"), i), yyjson_mut_get_str(m), text_bad_dns1035_label);
	yyjson_mut_val *conversion = v_get(spec, "conversion");
	v_enum(c, V_AT(p, "conversion"), conversion, "strategy", "None|Webhook", conversion != NULL);
	if (v_is(conversion, "strategy", "Webhook") && !doc_mget(conversion, "webhook.clientConfig"))
		v_required(c, V_AT(V_AT(V_AT(p, "conversion"), "webhook"), "clientConfig"),
			"required when strategy is set to Webhook");

	stored = doc_mget(c->v, "status.storedVersions");
	bool has = false;
	V_EACH(i, m, stored) {
		has |= storage && yyjson_mut_equals_str(m, storage);
		if (!map_get(&versions, yyjson_mut_get_str(m)))
			v_invalid(c, V_ITEM(sp, i), yyjson_mut_get_str(m), "missing from spec.versions; "
				"must be removed from status.storedVersions once it is not stored");
	}
	if (c->sub && storage && !has)
		v_invalid_value(c, sp, stored, v_text(c, "must have the storage version %s", storage));

	/* What its schema says is compiled to be served; that tells of the rest. */
	if (c->count == before && !c->sub && kinds_custom_check(doc_freeze(c->a, c->v), &e) == -ERR_BAD_REQUEST)
		v_invalid_raw(c, V_AT(p, "versions"), "\"\"", v_text(c, "%s", e.msg));

	const struct { const char *path; const struct vpath *at; bool until; } fixed[] = {
		{ "group", V_AT(p, "group"), false }, { "names.plural", V_AT(np, "plural"), false },
		{ "scope", V_AT(p, "scope"), true }, { "names.kind", V_AT(np, "kind"), true },
	};
	bool established = v_is(condition(doc_mget(c->old, "status.conditions"), "Established"), "status", "True");
	for (size_t i = 0; c->old && i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		yyjson_mut_val *n = doc_mget(spec, fixed[i].path), *o = doc_mget(was, fixed[i].path);
		if ((!fixed[i].until || established) && n && o && !doc_mequal(n, o))
			v_invalid_value(c, fixed[i].at, n, V_IMMUTABLE);
	}
}

void validate_api_service(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const priorities[] = { "groupPriorityMinimum", "versionPriority" };
	static const int64_t most[] = { 20000, 1000 };
	const char *name = v_str(v_get(c->v, "metadata"), "name");
	const char *want = v_text(c, "%s.%s", v_str(spec, "version"), v_str(spec, "group"));
	yyjson_mut_val *service = v_get(spec, "service");

	if (want && strcmp(name, want) && strcmp(name, v_str(spec, "version")))
		v_invalid(c, V_AT(V_AT(NULL, "metadata"), "name"), name,
			v_text(c, "must be `spec.version+\".\"+spec.group`: \"%s\"", want));
	v_syntax(c, V_AT(p, "version"), v_str(spec, "version"), text_bad_dns1035_label);
	for (int i = 0; i < 2; i++) {
		int64_t n = doc_mint(spec, priorities[i], 0);
		if (n <= 0 || n > most[i])
			v_invalid_int(c, V_AT(p, priorities[i]), n, v_text(c, "must be positive and less than %lld",
				(long long)most[i]));
	}
	if (!service) {
		if (doc_mlen(spec, "caBundle"))
			v_invalid(c, V_AT(p, "caBundle"), "", "local APIServices may not have a caBundle");
		if (doc_mbool(spec, "insecureSkipTLSVerify", false))
			v_invalid(c, V_AT(p, "insecureSkipTLSVerify"), "true",
				"local APIServices may not have insecureSkipTLSVerify");
		return;
	}
	v_must(c, V_AT(p, "service"), service, "namespace");
	v_must(c, V_AT(p, "service"), service, "name");
	if (doc_mbool(spec, "insecureSkipTLSVerify", false) && doc_mlen(spec, "caBundle"))
		v_invalid(c, V_AT(p, "insecureSkipTLSVerify"), "true", "may not be true if caBundle is present");
}

void validate_runtime_class(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	v_syntax(c, V_AT(NULL, "handler"), v_str(c->v, "handler"), text_bad_dns1123_label);
	v_quantity_map(c, V_AT(V_AT(NULL, "overhead"), "podFixed"), doc_mget(c->v, "overhead.podFixed"));
	v_labels(c, V_AT(V_AT(NULL, "scheduling"), "nodeSelector"), doc_mget(c->v, "scheduling.nodeSelector"));
}

static const char *bad_webhook_name(const char *s)
{
	const char *dot = strchr(s, '.');

	if (text_bad_dns1123_subdomain(s))
		return text_bad_dns1123_subdomain(s);
	return dot && strchr(dot + 1, '.') ? NULL : "should be a domain with at least three segments separated by dots";
}

void validate_webhooks(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	V_SET names = { 0 };

	V_EACH(i, m, v_get(c->v, "webhooks")) {
		const struct vpath *at = V_ITEM(V_AT(NULL, "webhooks"), i), *cp = V_AT(at, "clientConfig");
		yyjson_mut_val *config = v_get(m, "clientConfig"), *service = v_get(config, "service");
		int64_t timeout = doc_mint(m, "timeoutSeconds", 10);
		bool v1 = false;
		v_syntax(c, V_AT(at, "name"), v_str(m, "name"), bad_webhook_name);
		if (!v_first(&names, v_str(m, "name")))
			v_duplicate(c, V_AT(at, "name"), v_str(m, "name"));
		V_EACH(j, rule, v_get(m, "rules")) {
			static const char *const needed[] = { "operations", "apiGroups", "apiVersions", "resources" };
			const struct vpath *rp = V_ITEM(V_AT(at, "rules"), j);
			for (int n = 0; n < 4; n++)
				if (!doc_mlen(rule, needed[n]))
					v_required(c, V_AT(rp, needed[n]), "");
			v_enum(c, rp, rule, "scope", "*|Cluster|Namespaced", false);
			V_EACH(x, op, v_get(rule, "operations"))
				if (!v_one_of(yyjson_mut_get_str(op), "*|CONNECT|CREATE|DELETE|UPDATE"))
					v_unsupported(c, V_ITEM(V_AT(rp, "operations"), x), yyjson_mut_get_str(op),
						"*|CONNECT|CREATE|DELETE|UPDATE");
		}
		v_enum(c, at, m, "failurePolicy", "Fail|Ignore", false);
		v_enum(c, at, m, "matchPolicy", "Equivalent|Exact", false);
		if (!v_get(m, "sideEffects"))
			v_required(c, V_AT(at, "sideEffects"), "must specify one of None, NoneOnDryRun");
		else
			v_enum(c, at, m, "sideEffects", "None|NoneOnDryRun", true);
		v_enum(c, at, m, "reinvocationPolicy", "IfNeeded|Never", false);
		if (timeout < 1 || timeout > 30)
			v_invalid_int(c, V_AT(at, "timeoutSeconds"), timeout,
				"the timeout value must be between 1 and 30 seconds");
		v_label_selector(c, V_AT(at, "namespaceSelector"), v_get(m, "namespaceSelector"));
		v_label_selector(c, V_AT(at, "objectSelector"), v_get(m, "objectSelector"));
		if (!service == !*v_str(config, "url"))
			v_required(c, cp, "exactly one of url or service is required");
		if (*v_str(config, "url") && strncmp(v_str(config, "url"), "https://", 8))
			v_invalid(c, V_AT(cp, "url"), v_str(config, "url"),
				"'https' is the only allowed URL scheme");
		if (service) {
			v_must(c, V_AT(cp, "service"), service, "name");
			v_must(c, V_AT(cp, "service"), service, "namespace");
			v_port(c, V_AT(V_AT(cp, "service"), "port"), doc_mint(service, "port", 443));
		}
		V_EACH(j, version, v_get(m, "admissionReviewVersions"))
			v1 |= v_one_of(yyjson_mut_get_str(version), "v1|v1beta1");
		if (!doc_mlen(m, "admissionReviewVersions"))
			v_required(c, V_AT(at, "admissionReviewVersions"), "must specify one of v1, v1beta1");
		else if (!v1)
			v_invalid_value(c, V_AT(at, "admissionReviewVersions"), v_get(m, "admissionReviewVersions"),
				"must include at least one of v1, v1beta1");
	}
}
