/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of pods: of the whole spec, and of what an update may change.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidatePodSpec, ValidatePodUpdate).
 */
#include "base/text.h"
#include "kinds/validate.h"

static void dns(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *config = v_get(spec, "dnsConfig");
	const struct vpath *at = V_AT(p, "dnsConfig");
	size_t servers = doc_mlen(config, "nameservers"), searches = doc_mlen(config, "searches");

	v_enum(c, p, spec, "dnsPolicy", "ClusterFirst|ClusterFirstWithHostNet|Default|None", true);
	if (v_is(spec, "dnsPolicy", "None")) {
		if (!config) {
			v_required(c, at, "must provide `dnsConfig` when `dnsPolicy` is None");
			return;
		}
		if (!servers)
			v_required(c, V_AT(at, "nameservers"),
				"must provide at least one DNS nameserver when `dnsPolicy` is None");
	}
	if (servers > 3)
		v_invalid_value(c, V_AT(at, "nameservers"), v_get(config, "nameservers"),
			"must not have more than 3 nameservers");
	V_EACH(i, m, v_get(config, "nameservers"))
		v_ip(c, V_ITEM(V_AT(at, "nameservers"), i), yyjson_mut_get_str(m));
	if (searches > 32)
		v_invalid_value(c, V_AT(at, "searches"), v_get(config, "searches"),
			"must not have more than 32 search paths");
	V_EACH(i, m, v_get(config, "searches")) {
		char *s = arena_strdup(c->a, yyjson_mut_get_str(m));
		size_t n = s ? strlen(s) : 0;
		if (n && s[n - 1] == '.')
			s[n - 1] = 0;
		const char *why = s && *s ? text_bad_dns1123_subdomain(s) : NULL;
		if (why)
			v_invalid(c, V_ITEM(V_AT(at, "searches"), i), yyjson_mut_get_str(m), why);
	}
	V_EACH(i, m, v_get(config, "options"))
		if (!*v_str(m, "name"))
			v_required(c, V_ITEM(V_AT(at, "options"), i), "must not be empty");
}

static void id_range(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	int64_t n = yyjson_mut_get_sint(m);

	if (m && (n < 0 || n > INT32_MAX))
		v_invalid_int(c, p, n, "must be between 0 and 2147483647, inclusive");
}

static const char *bad_sysctl(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_./*", s[i]))
			n = 0;
	return n && n <= 253 ? NULL : "must have at most 253 characters and match regex "
		"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
}

static void security(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const char *const ids[] = { "fsGroup", "runAsUser", "runAsGroup" };
	yyjson_mut_val *seccomp = v_get(m, "seccompProfile");
	V_SET seen = { 0 };

	for (int i = 0; i < 3; i++)
		id_range(c, V_AT(p, ids[i]), v_get(m, ids[i]));
	V_EACH(i, group, v_get(m, "supplementalGroups"))
		id_range(c, V_ITEM(V_AT(p, "supplementalGroups"), i), group);
	V_EACH(i, s, v_get(m, "sysctls")) {
		const struct vpath *at = V_AT(V_ITEM(V_AT(p, "sysctls"), i), "name");
		if (!*v_str(s, "name"))
			v_required(c, at, "");
		else if (!v_first(&seen, v_str(s, "name")))
			v_duplicate(c, at, v_str(s, "name"));
		else
			v_syntax(c, at, v_str(s, "name"), bad_sysctl);
	}
	v_enum(c, p, m, "fsGroupChangePolicy", "Always|OnRootMismatch", false);
	v_enum(c, p, m, "supplementalGroupsPolicy", "Merge|Strict", false);
	if (!seccomp)
		return;
	v_enum(c, V_AT(p, "seccompProfile"), seccomp, "type", "Localhost|RuntimeDefault|Unconfined", true);
	if (v_is(seccomp, "type", "Localhost") && !*v_str(seccomp, "localhostProfile"))
		v_required(c, V_AT(V_AT(p, "seccompProfile"), "localhostProfile"),
			"must be set when seccomp type is Localhost");
}

static void gates(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_SET seen = { 0 };

	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		v_syntax(c, at, v_str(m, "name"), text_bad_qualified_name);
		if (!v_first(&seen, v_str(m, "name")))
			v_duplicate(c, at, v_str(m, "name"));
	}
}

static void maybe(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, const char *name,
	const char *(*bad)(const char *))
{
	if (*v_str(spec, name))
		v_syntax(c, V_AT(p, name), v_str(spec, name), bad);
}

static void host_process(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const shared[] = { "hostNetwork", "hostPID", "hostIPC" };

	if (doc_mbool(spec, "hostPID", false) && doc_mbool(spec, "shareProcessNamespace", false))
		v_invalid(c, V_AT(p, "shareProcessNamespace"), "true",
			"ShareProcessNamespace and HostPID cannot both be enabled");
	for (int i = 0; !doc_mbool(spec, "hostUsers", true) && i < 3; i++)
		if (doc_mbool(spec, shared[i], false))
			v_forbidden(c, V_AT(p, shared[i]), "when `hostUsers` is false");
}

void v_pod_spec(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, bool is_template)
{
	int64_t deadline = doc_mint(spec, "activeDeadlineSeconds", 1);
	int64_t grace = doc_mint(spec, "terminationGracePeriodSeconds", 0);

	v_volumes(c, V_AT(p, "volumes"), v_get(spec, "volumes"));
	v_containers(c, p, spec);
	host_process(c, p, spec);
	v_enum(c, p, spec, "restartPolicy", "Always|Never|OnFailure", true);
	dns(c, p, spec);
	v_labels(c, V_AT(p, "nodeSelector"), v_get(spec, "nodeSelector"));
	security(c, V_AT(p, "securityContext"), v_get(spec, "securityContext"));
	V_EACH(i, m, v_get(spec, "imagePullSecrets"))
		if (!*v_str(m, "name"))
			v_required(c, V_ITEM(V_AT(p, "imagePullSecrets"), i), "");
	v_pod_scheduling(c, p, spec);
	V_EACH(i, m, v_get(spec, "readinessGates"))
		v_syntax(c, V_AT(V_ITEM(V_AT(p, "readinessGates"), i), "conditionType"), v_str(m, "conditionType"),
			text_bad_qualified_name);
	gates(c, V_AT(p, "schedulingGates"), v_get(spec, "schedulingGates"));
	maybe(c, p, spec, "serviceAccountName", text_bad_dns1123_subdomain);
	maybe(c, p, spec, "nodeName", text_bad_dns1123_subdomain);
	if (deadline < 1 || deadline > INT32_MAX)
		v_invalid_int(c, V_AT(p, "activeDeadlineSeconds"), deadline,
			"must be between 1 and 2147483647, inclusive");
	if (grace < 0)
		v_invalid_int(c, V_AT(p, "terminationGracePeriodSeconds"), grace,
			"must be greater than or equal to 0");
	maybe(c, p, spec, "hostname", text_bad_dns1123_label);
	maybe(c, p, spec, "subdomain", text_bad_dns1123_label);
	V_EACH(i, m, v_get(spec, "hostAliases")) {
		const struct vpath *at = V_ITEM(V_AT(p, "hostAliases"), i);
		v_ip(c, V_AT(at, "ip"), v_str(m, "ip"));
		V_EACH(j, name, v_get(m, "hostnames"))
			v_syntax(c, V_AT(at, "hostnames"), yyjson_mut_get_str(name), text_bad_dns1123_subdomain);
	}
	maybe(c, p, spec, "priorityClassName", text_bad_dns1123_subdomain);
	maybe(c, p, spec, "runtimeClassName", text_bad_dns1123_subdomain);
	v_enum(c, p, spec, "preemptionPolicy", "Never|PreemptLowerPriority", false);
	v_quantity_map(c, V_AT(p, "overhead"), v_get(spec, "overhead"));
	if (v_get(spec, "resources"))
		v_resources(c, V_AT(p, "resources"), v_get(spec, "resources"));
	if (v_get(spec, "os"))
		v_enum(c, V_AT(p, "os"), v_get(spec, "os"), "name", "linux|windows", true);
	if (is_template && doc_mlen(spec, "ephemeralContainers"))
		v_forbidden(c, V_AT(p, "ephemeralContainers"), "ephemeral containers not allowed in pod template");
}

void v_pod_template(struct vcheck *c, const struct vpath *p, yyjson_mut_val *tmpl)
{
	yyjson_mut_val *meta = v_get(tmpl, "metadata");
	const struct vpath *mp = V_AT(p, "metadata");

	v_labels(c, V_AT(mp, "labels"), v_get(meta, "labels"));
	v_annotations(c, V_AT(mp, "annotations"), v_get(meta, "annotations"));
	v_pod_spec(c, V_AT(p, "spec"), v_get(tmpl, "spec"), true);
}

void validate_pod_template(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	v_pod_template(c, V_AT(NULL, "template"), v_get(c->v, "template"));
}

void validate_pod(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	if (c->old) {
		v_pod_update(c);
		return;
	}
	v_pod_spec(c, p, spec, false);
	if (doc_mlen(spec, "ephemeralContainers"))
		v_forbidden(c, V_AT(p, "ephemeralContainers"), "cannot be set on create");
	if (doc_mlen(spec, "schedulingGates") && *v_str(spec, "nodeName"))
		v_forbidden(c, V_AT(p, "nodeName"), "cannot be set until all schedulingGates have been cleared");
}

void validate_binding_pod(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *target = v_get(c->v, "target");
	const char *kind = v_str(target, "kind");

	if (*kind && strcmp(kind, "Node"))
		v_unsupported(c, V_AT(V_AT(NULL, "target"), "kind"), kind, "Node|<empty>");
	v_must(c, V_AT(NULL, "target"), target, "name");
}
