/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a pod's spec as a whole, in a pod or in a template.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidatePodSpec,
 * ValidatePodCreate, ValidatePodTemplateSpec).
 */
#include "base/text.h"
#include "kinds/validate.h"

#define SEARCH_MAX_CHARS 2048

/* A search domain: underscores are fine, and a dot at the end. Source: KEP-4427 */
static void search_domain(struct vcheck *c, const struct vpath *p, const char *s)
{
	char *copy = arena_strdup(c->a, s);
	size_t n = copy ? strlen(copy) : 0;

	if (!n || !strcmp(s, "."))
		n = 0;
	else if (copy[n - 1] == '.')
		copy[n - 1] = 0;
	for (char *q = copy; q && *q; q++)
		if (*q == '_')
			*q = 'a';
	if (copy && strcmp(s, ".") && text_bad_dns1123_subdomain(copy))
		v_invalid(c, p, s, "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-', "
			"'_' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for "
			"validation is '[a-z0-9_]([-_a-z0-9]*[a-z0-9_])?(\\.[a-z0-9_]([-_a-z0-9]*[a-z0-9_])?)*')");
}

static void dns(struct vcheck *c, const struct vpath *at, yyjson_mut_val *spec)
{
	yyjson_mut_val *config = v_get(spec, "dnsConfig");
	size_t servers = doc_mlen(config, "nameservers"), searches = doc_mlen(config, "searches"), chars = 0;

	if (v_is(spec, "dnsPolicy", "None") && !config) {
		v_required(c, at, "must provide `dnsConfig` when `dnsPolicy` is None");
		return;
	}
	if (v_is(spec, "dnsPolicy", "None") && !servers) {
		v_required(c, V_AT(at, "nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None");
		return;
	}
	if (servers > 3)
		v_invalid_value(c, V_AT(at, "nameservers"), v_get(config, "nameservers"),
			"must not have more than 3 nameservers");
	V_EACH(i, m, v_get(config, "nameservers"))
		v_ip(c, V_ITEM(V_AT(at, "nameservers"), i), yyjson_mut_get_str(m));
	if (searches > 32)
		v_invalid_value(c, V_AT(at, "searches"), v_get(config, "searches"),
			"must not have more than 32 search paths");
	V_EACH(i, m, v_get(config, "searches"))
		chars += yyjson_mut_get_len(m) + (i > 0);
	if (chars > SEARCH_MAX_CHARS)
		v_invalid_value(c, V_AT(at, "searches"), v_get(config, "searches"),
			"must not have more than 2048 characters (including spaces) in the search list");
	V_EACH(i, m, v_get(config, "searches"))
		search_domain(c, V_ITEM(V_AT(at, "searches"), i), yyjson_mut_get_str(m));
	V_EACH(i, m, v_get(config, "options"))
		if (!*v_str(m, "name"))
			v_required(c, V_ITEM(V_AT(at, "options"), i), "must not be empty");
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

static void claims(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	static const char *const names[] = { "resourceClaimName", "resourceClaimTemplateName" };
	V_SET seen = { 0 };

	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "name");
		if (!*name)
			v_required(c, V_AT(at, "name"), "");
		else if (!v_first(&seen, name))
			v_duplicate(c, V_AT(at, "name"), name);
		else
			v_syntax(c, V_AT(at, "name"), name, text_bad_dns1123_label);
		if (v_get(m, names[0]) && v_get(m, names[1]))
			v_invalid_value(c, at, m, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be "
				"specified");
		if (!v_get(m, names[0]) && !v_get(m, names[1]))
			v_invalid_value(c, at, m, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
		for (int n = 0; n < 2; n++)
			if (v_get(m, names[n]))
				v_syntax(c, V_AT(at, names[n]), v_str(m, names[n]), text_bad_dns1123_subdomain);
	}
}

static void hostname(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *s = yyjson_mut_get_str(v_get(spec, "hostnameOverride"));
	const struct vpath *at = V_AT(p, "hostnameOverride");

	if (!s)
		return;
	if (doc_mbool(spec, "setHostnameAsFQDN", false))
		v_forbidden(c, at, "may not be specified when setHostnameAsFQDN is true");
	if (doc_mbool(spec, "hostNetwork", false))
		v_forbidden(c, at, "may not be specified when hostNetwork is true");
	if (strlen(s) > 64)
		v_too_long(c, at, 64);
	v_syntax(c, at, s, text_bad_dns1123_subdomain);
}

/* Members that are names when they are set. pointer: an empty one is set. */
static const struct name { const char *name, *(*bad)(const char *); bool pointer; } account_names[] = {
	{ "serviceAccountName", text_bad_dns1123_subdomain }, { "nodeName", text_bad_dns1123_subdomain },
}, host_names[] = {
	{ "hostname", text_bad_dns1123_label }, { "subdomain", text_bad_dns1123_label },
}, class_names[] = {
	{ "priorityClassName", text_bad_dns1123_subdomain }, { "runtimeClassName", text_bad_dns1123_subdomain, true },
};

static void names(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, const struct name rows[2])
{
	for (int i = 0; i < 2; i++)
		if (*v_str(spec, rows[i].name) || (rows[i].pointer && v_get(spec, rows[i].name)))
			v_syntax(c, V_AT(p, rows[i].name), v_str(spec, rows[i].name), rows[i].bad);
}

static void aliases(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		v_ip(c, V_AT(at, "ip"), v_str(m, "ip"));
		V_EACH(j, name, v_get(m, "hostnames"))
			v_syntax(c, V_ITEM(V_AT(at, "hostnames"), j), yyjson_mut_get_str(name), text_bad_dns1123_subdomain);
	}
}

void v_pod_spec(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, yyjson_mut_val *meta)
{
	static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };
	yyjson_mut_val *deadline = v_get(spec, "activeDeadlineSeconds"), *preempts = v_get(spec, "preemptionPolicy");
	int64_t seconds = yyjson_mut_get_sint(deadline);
	V_SET volumes = { 0 };

	v_volumes(c, V_AT(p, "volumes"), v_get(spec, "volumes"), v_str(meta, "name"), &volumes);
	V_EACH(i, m, c->volumes)
		if (map_put(&volumes, v_str(m, "name"), m, NULL))
			break;
	claims(c, V_AT(p, "resourceClaims"), v_get(spec, "resourceClaims"));
	v_containers(c, p, spec, &volumes);
	v_pod_resources(c, V_AT(p, "resources"), spec);
	v_host_ports(c, p, spec, !meta);
	v_enum(c, p, spec, "restartPolicy", "Always|OnFailure|Never", true);
	v_enum(c, p, spec, "dnsPolicy", "ClusterFirstWithHostNet|ClusterFirst|Default|None", true);
	v_labels(c, V_AT(p, "nodeSelector"), v_get(spec, "nodeSelector"));
	v_pod_security(c, V_AT(p, "securityContext"), spec);
	v_affinity(c, V_AT(p, "affinity"), v_get(spec, "affinity"));
	dns(c, V_AT(p, "dnsConfig"), spec);
	V_EACH(i, m, v_get(spec, "readinessGates"))
		v_syntax(c, V_AT(V_ITEM(V_AT(p, "readinessGates"), i), "conditionType"), v_str(m, "conditionType"),
			text_bad_qualified_name);
	gates(c, V_AT(p, "schedulingGates"), v_get(spec, "schedulingGates"));
	v_spread(c, V_AT(p, "topologySpreadConstraints"), v_get(spec, "topologySpreadConstraints"));
	v_host_namespaces(c, p, spec);
	hostname(c, p, spec);
	names(c, p, spec, account_names);
	if (deadline && (seconds < 1 || seconds > INT32_MAX))
		v_invalid_int(c, V_AT(p, "activeDeadlineSeconds"), seconds, "must be between 1 and 2147483647, inclusive");
	names(c, p, spec, host_names);
	v_tolerations(c, V_AT(p, "tolerations"), v_get(spec, "tolerations"));
	aliases(c, V_AT(p, "hostAliases"), v_get(spec, "hostAliases"));
	names(c, p, spec, class_names);
	if (preempts)
		v_enum(c, p, spec, "preemptionPolicy", "PreemptLowerPriority|Never", true);
	v_overhead(c, V_AT(p, "overhead"), v_get(spec, "overhead"));
	v_pod_os(c, p, spec);
	for (int l = 0; l < 3; l++)
		v_file_volumes(c, V_AT(p, lists[l]), v_get(spec, lists[l]), &volumes);
}

void v_pod_template(struct vcheck *c, const struct vpath *p, yyjson_mut_val *tmpl)
{
	yyjson_mut_val *meta = v_get(tmpl, "metadata"), *spec = v_get(tmpl, "spec");
	const struct vpath *sp = V_AT(p, "spec");

	v_labels(c, V_AT(p, "labels"), v_get(meta, "labels"));
	v_annotations(c, V_AT(p, "annotations"), v_get(meta, "annotations"));
	v_pod_annotations(c, V_AT(p, "annotations"), v_get(meta, "annotations"), spec);
	v_pod_spec(c, sp, spec, NULL);
	v_pod_profiles(c, sp, v_get(meta, "annotations"), spec);
	if (doc_mlen(spec, "ephemeralContainers"))
		v_forbidden(c, V_AT(sp, "ephemeralContainers"), "ephemeral containers not allowed in pod template");
}

void validate_pod_template(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	v_pod_template(c, V_AT(NULL, "template"), v_get(c->v, "template"));
}

/* What holds for pods at any time, over what holds for templates. */
static void whole_pod(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *meta = v_get(c->v, "metadata"), *notes = v_get(meta, "annotations");

	v_pod_annotations(c, V_AT(V_AT(NULL, "metadata"), "annotations"), notes, spec);
	v_pod_spec(c, p, spec, meta);
	V_EACH(i, volume, v_get(spec, "volumes"))
		V_EACH(j, source, doc_mget(volume, "projected.sources"))
			if (!*v_str(spec, "serviceAccountName") && v_get(source, "serviceAccountToken"))
				v_forbidden(c, V_AT(V_ITEM(V_AT(V_AT(V_ITEM(V_AT(p, "volumes"), i), "projected"), "sources"), j),
					"serviceAccountToken"), "must not be specified when serviceAccountName is not set");
	v_images(c, p, spec);
}

void validate_pod(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	/* A binding only names a node; its own rules are api/binding.c's. */
	if (c->sub && !strcmp(c->sub, "binding"))
		return;
	whole_pod(c, p, spec);
	if (c->old) {
		v_pod_update(c);
		return;
	}
	if (doc_mlen(spec, "ephemeralContainers"))
		v_forbidden(c, V_AT(p, "ephemeralContainers"), "cannot be set on create");
	if (doc_mlen(spec, "schedulingGates") && *v_str(spec, "nodeName"))
		v_forbidden(c, V_AT(p, "nodeName"), "cannot be set until all schedulingGates have been cleared");
	v_pod_profiles(c, p, doc_mget(c->v, "metadata.annotations"), spec);
}

void validate_binding_pod(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *target = v_get(c->v, "target");
	const char *kind = v_str(target, "kind");

	if (*kind && strcmp(kind, "Node"))
		v_unsupported(c, V_AT(V_AT(NULL, "target"), "kind"), kind, "Node|<empty>");
	v_must(c, V_AT(NULL, "target"), target, "name");
}
