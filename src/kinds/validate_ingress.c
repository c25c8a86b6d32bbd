/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of ingresses and their classes.
 * Source: kubernetes pkg/apis/networking/validation/validation.go.
 */
#include "base/text.h"
#include "kinds/validate.h"

#define CONTROLLER_MAX 250
#define CLASS_NOTE "kubernetes.io/ingress.class"

static bool is_ip(const char *s)
{
	uint8_t bytes[16];
	int family;

	return !text_parse_ip(s, &family, bytes);
}

static void host(struct vcheck *c, const struct vpath *p, const char *s)
{
	v_syntax(c, p, s, strchr(s, '*') ? v_bad_wildcard_host : text_bad_dns1123_subdomain);
}

static void object_reference(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	if (v_get(m, "apiGroup"))
		v_syntax(c, V_AT(p, "apiGroup"), v_str(m, "apiGroup"), text_bad_dns1123_subdomain);
	v_must_syntax(c, p, m, "kind", v_bad_path_segment);
	v_must_syntax(c, p, m, "name", v_bad_path_segment);
}

static void backend(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	yyjson_mut_val *service = v_get(m, "service"), *resource = v_get(m, "resource"), *port = v_get(service, "port");
	const struct vpath *sp = V_AT(p, "service"), *pp = V_AT(sp, "port");
	const char *name = v_str(port, "name");
	int64_t number = doc_mint(port, "number", 0);

	if (service && resource) {
		v_invalid(c, p, "", "cannot set both resource and service backends");
	} else if (resource) {
		object_reference(c, V_AT(p, "resource"), resource);
	} else if (!service) {
		v_invalid(c, p, "", "resource or service backend is required");
	} else {
		v_must_syntax(c, sp, service, "name", text_bad_dns1035_label);
		if (*name && number)
			v_invalid(c, p, "", "cannot set both port name & port number");
		else if (*name)
			v_syntax(c, V_AT(pp, "name"), name, v_bad_port_name);
		else if (number)
			v_port(c, V_AT(pp, "number"), number);
		else
			v_required(c, p, "port name or number is required");
	}
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);

	return n >= t && !strcmp(s + n - t, tail);
}

static void http_path(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const char *const inside[] = { "//", "/./", "/../", "%2f", "%2F" }, *const last[] = { "/..", "/." };
	const char *type = v_str(m, "pathType"), *path = v_str(m, "path");
	const struct vpath *at = V_AT(p, "path");
	bool strict = v_one_of(type, "Exact|Prefix");

	if (!v_get(m, "pathType")) {
		v_required(c, V_AT(p, "pathType"), "pathType must be specified");
		return;
	}
	if (!strict && strcmp(type, "ImplementationSpecific"))
		v_unsupported(c, V_AT(p, "pathType"), type, "Exact|ImplementationSpecific|Prefix");
	else if (*path != '/' && (strict || *path))
		v_invalid(c, at, path, "must be an absolute path");
	for (size_t i = 0; strict && i < sizeof(inside) / sizeof(inside[0]); i++)
		if (strstr(path, inside[i]))
			v_invalid(c, at, path, v_text(c, "must not contain '%s'", inside[i]));
	for (size_t i = 0; strict && i < sizeof(last) / sizeof(last[0]); i++)
		if (ends_with(path, last[i]))
			v_invalid(c, at, path, v_text(c, "cannot end with '%s'", last[i]));
	backend(c, V_AT(p, "backend"), v_get(m, "backend"));
}

static void rule(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	const char *name = v_str(m, "host");
	yyjson_mut_val *http = v_get(m, "http");
	const struct vpath *paths = V_AT(V_AT(p, "http"), "paths");

	if (*name && is_ip(name))
		v_invalid(c, V_AT(p, "host"), name, "must be a DNS name, not an IP address");
	if (*name)
		host(c, V_AT(p, "host"), name);
	if (http && !doc_mlen(http, "paths"))
		v_required(c, paths, "");
	V_EACH(j, path, v_get(http, "paths"))
		http_path(c, V_ITEM(paths, j), path);
}

void validate_ingress(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *note = v_get(doc_mget(c->v, "metadata.annotations"), CLASS_NOTE), *class = v_get(spec, "ingressClassName");
	yyjson_mut_val *rules = v_get(spec, "rules");

	if (!yyjson_mut_arr_size(rules) && !v_get(spec, "defaultBackend"))
		v_invalid_list(c, p, rules, "either `defaultBackend` or `rules` must be specified");
	if (v_get(spec, "defaultBackend"))
		backend(c, V_AT(p, "defaultBackend"), v_get(spec, "defaultBackend"));
	V_EACH(i, m, rules)
		rule(c, V_ITEM(V_AT(p, "rules"), i), m);
	V_EACH(i, tls, v_get(spec, "tls")) {
		const struct vpath *at = V_ITEM(V_AT(p, "tls"), i);
		V_EACH(j, name, v_get(tls, "hosts"))
			host(c, V_ITEM(V_AT(at, "hosts"), j), yyjson_mut_get_str(name));
		if (*v_str(tls, "secretName"))
			v_syntax(c, V_AT(at, "secretName"), v_str(tls, "secretName"), text_bad_dns1123_subdomain);
	}
	if (class)
		v_syntax(c, V_AT(p, "ingressClassName"), yyjson_mut_get_str(class), text_bad_dns1123_subdomain);
	if (!c->old && note && class && !yyjson_mut_equals(note, class))
		v_invalid_value(c, V_AT(V_AT(NULL, "annotations"), CLASS_NOTE), note,
			"must match `ingressClassName` when both are specified");
}

void validate_ingress_status(struct vcheck *c, const struct vpath *spec_path, yyjson_mut_val *spec)
{
	const struct vpath *p = V_AT(V_AT(V_AT(NULL, "status"), "loadBalancer"), "ingress");

	V_EACH(i, m, doc_mget(c->v, "status.loadBalancer.ingress")) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "hostname");
		if (*v_str(m, "ip"))
			v_ip(c, V_AT(at, "ip"), v_str(m, "ip"));
		if (!*name)
			continue;
		v_syntax(c, V_AT(at, "hostname"), name, text_bad_dns1123_subdomain);
		if (is_ip(name))
			v_invalid(c, V_AT(at, "hostname"), name, "must be a DNS name, not an IP address");
	}
}

void validate_ingress_class(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *m = v_get(spec, "parameters"), *ns = v_get(m, "namespace");
	const char *controller = v_str(spec, "controller"), *scope = v_str(m, "scope");
	const struct vpath *at = V_AT(p, "parameters");

	if (!*controller) {
		v_required(c, V_AT(p, "controller"), "at least one controller is required");
		return;
	}
	if (strlen(controller) > CONTROLLER_MAX)
		v_too_long(c, V_AT(p, "controller"), CONTROLLER_MAX);
	v_domain_path(c, V_AT(p, "controller"), controller);
	if (!m)
		return;
	object_reference(c, at, m);
	if (!v_get(m, "scope"))
		v_required(c, V_AT(at, "scope"), "");
	else if (!v_one_of(scope, "Cluster|Namespace"))
		v_unsupported(c, V_AT(at, "scope"), scope, "Cluster|Namespace");
	else if (!strcmp(scope, "Cluster") && ns)
		v_forbidden(c, V_AT(at, "namespace"), "`parameters.scope` is set to 'Cluster'");
	else if (!strcmp(scope, "Namespace") && !ns)
		v_required(c, V_AT(at, "namespace"), "`parameters.scope` is set to 'Namespace'");
	else if (ns)
		v_syntax(c, V_AT(at, "namespace"), yyjson_mut_get_str(ns), text_bad_dns1123_label);
}
