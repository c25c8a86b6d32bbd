/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of endpoint slices, ingresses and network policies.
 * Source: kubernetes pkg/apis/{discovery,networking}/validation/validation.go.
 */
#include "base/text.h"
#include "kinds/validate.h"

#define PROTOCOLS "SCTP|TCP|UDP"

void validate_endpoint_slice(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *endpoints = v_get(c->v, "endpoints"), *ports = v_get(c->v, "ports");
	const char *type = v_str(c->v, "addressType");
	const struct vpath *ep = V_AT(NULL, "endpoints"), *pp = V_AT(NULL, "ports");
	V_SET names = { 0 };

	if (!*type)
		v_required(c, V_AT(NULL, "addressType"), "");
	else if (!v_one_of(type, "FQDN|IPv4|IPv6"))
		v_unsupported(c, V_AT(NULL, "addressType"), type, "FQDN|IPv4|IPv6");
	if (yyjson_mut_arr_size(endpoints) > 1000) {
		v_too_many(c, ep, yyjson_mut_arr_size(endpoints), 1000);
		return;
	}
	V_EACH(i, m, endpoints) {
		const struct vpath *at = V_ITEM(ep, i), *ap = V_AT(at, "addresses");
		size_t n = doc_mlen(m, "addresses");
		if (!n)
			v_required(c, ap, "must contain at least 1 address");
		else if (n > 100)
			v_too_many(c, ap, n, 100);
		V_EACH(j, address, v_get(m, "addresses")) {
			const char *s = yyjson_mut_get_str(address);
			uint8_t b[16];
			int family;
			if (!strcmp(type, "FQDN"))
				v_syntax(c, V_ITEM(ap, j), s, text_bad_dns1123_subdomain);
			else if (text_parse_ip(s, &family, b) || (family == 4) != !strcmp(type, "IPv4"))
				v_invalid(c, V_ITEM(ap, j), s, !strcmp(type, "IPv4") ? "must be an IPv4 address" :
					"must be an IPv6 address");
			else
				v_endpoint_ip(c, V_ITEM(ap, j), s);
		}
		if (*v_str(m, "hostname"))
			v_syntax(c, V_AT(at, "hostname"), v_str(m, "hostname"), text_bad_dns1123_label);
		if (*v_str(m, "nodeName"))
			v_syntax(c, V_AT(at, "nodeName"), v_str(m, "nodeName"), text_bad_dns1123_subdomain);
	}
	if (yyjson_mut_arr_size(ports) > 20000)
		v_too_many(c, pp, yyjson_mut_arr_size(ports), 20000);
	V_EACH(i, m, ports) {
		const struct vpath *at = V_ITEM(pp, i);
		const char *name = v_str(m, "name");
		if (*name)
			v_syntax(c, V_AT(at, "name"), name, text_bad_dns1123_label);
		if (!v_first(&names, name))
			v_duplicate(c, V_AT(at, "name"), name);
		v_enum(c, at, m, "protocol", PROTOCOLS, true);
		if (*v_str(m, "appProtocol"))
			v_syntax(c, V_AT(at, "appProtocol"), v_str(m, "appProtocol"), text_bad_qualified_name);
	}
}

static const char *bad_host(const char *s)
{
	if (!strncmp(s, "*.", 2))
		return text_bad_dns1123_subdomain(s + 2) ? "a wildcard DNS-1123 subdomain must start with '*.', "
			"followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, "
			"'-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for "
			"validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')" : NULL;
	return text_bad_dns1123_subdomain(s);
}

static void backend(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	yyjson_mut_val *service = v_get(m, "service"), *resource = v_get(m, "resource");
	const struct vpath *sp = V_AT(p, "service"), *pp = V_AT(sp, "port");

	if (service && resource) {
		v_invalid(c, p, "", "cannot set both resource and service backends");
	} else if (resource) {
		v_must(c, V_AT(p, "resource"), resource, "kind");
		v_must(c, V_AT(p, "resource"), resource, "name");
	} else if (!service) {
		v_required(c, p, "resource or service backend is required");
	} else {
		yyjson_mut_val *port = v_get(service, "port");
		int64_t number = doc_mint(port, "number", 0);
		const char *name = v_str(port, "name");
		if (!*v_str(service, "name"))
			v_required(c, V_AT(sp, "name"), "");
		else
			v_syntax(c, V_AT(sp, "name"), v_str(service, "name"), text_bad_dns1035_label);
		if (*name && number)
			v_invalid(c, sp, "", "cannot set both port name & port number");
		else if (*name)
			v_syntax(c, V_AT(pp, "name"), name, v_bad_port_name);
		else if (number)
			v_port(c, V_AT(pp, "number"), number);
		else
			v_required(c, sp, "port name or number is required");
	}
}

static void ingress_path(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const char *const bad[] = { "//", "/./", "/../", "%2f", "%2F" };
	const char *type = v_str(m, "pathType"), *path = v_str(m, "path");

	if (!v_get(m, "pathType"))
		v_required(c, V_AT(p, "pathType"), "pathType must be specified");
	else if (v_one_of(type, "Exact|Prefix")) {
		if (*path != '/')
			v_invalid(c, V_AT(p, "path"), path, "must be an absolute path");
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			if (strstr(path, bad[i]))
				v_invalid(c, V_AT(p, "path"), path, v_text(c, "must not contain '%s'", bad[i]));
	} else if (!strcmp(type, "ImplementationSpecific")) {
		if (*path && *path != '/')
			v_invalid(c, V_AT(p, "path"), path, "must be an absolute path");
	} else {
		v_unsupported(c, V_AT(p, "pathType"), type, "Exact|ImplementationSpecific|Prefix");
	}
	backend(c, V_AT(p, "backend"), v_get(m, "backend"));
}

void validate_ingress(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	if (!doc_mlen(spec, "rules") && !v_get(spec, "defaultBackend"))
		v_invalid_value(c, p, spec, "either `defaultBackend` or `rules` must be specified");
	if (v_get(spec, "defaultBackend"))
		backend(c, V_AT(p, "defaultBackend"), v_get(spec, "defaultBackend"));
	V_EACH(i, rule, v_get(spec, "rules")) {
		const struct vpath *at = V_ITEM(V_AT(p, "rules"), i);
		const char *host = v_str(rule, "host");
		uint8_t bytes[16];
		int family;
		if (*host && !text_parse_ip(host, &family, bytes))
			v_invalid(c, V_AT(at, "host"), host, "must be a DNS name, not an IP address");
		else if (*host)
			v_syntax(c, V_AT(at, "host"), host, bad_host);
		yyjson_mut_val *http = v_get(rule, "http");
		const struct vpath *paths = V_AT(V_AT(at, "http"), "paths");
		if (http && !doc_mlen(http, "paths"))
			v_required(c, paths, "");
		V_EACH(j, m, v_get(http, "paths"))
			ingress_path(c, V_ITEM(paths, j), m);
	}
	V_EACH(i, tls, v_get(spec, "tls"))
		V_EACH(j, host, v_get(tls, "hosts"))
			v_syntax(c, V_ITEM(V_AT(V_ITEM(V_AT(p, "tls"), i), "hosts"), j), yyjson_mut_get_str(host),
				bad_host);
	if (*v_str(spec, "ingressClassName"))
		v_syntax(c, V_AT(p, "ingressClassName"), v_str(spec, "ingressClassName"), text_bad_dns1123_subdomain);
}

void validate_ingress_class(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *m = v_get(spec, "parameters");
	const char *controller = v_str(spec, "controller");
	const struct vpath *at = V_AT(p, "parameters");

	if (!*controller && !c->old)
		v_required(c, V_AT(p, "controller"), "");
	else if (*controller && (!strchr(controller, '/') || strlen(controller) > 250))
		v_invalid(c, V_AT(p, "controller"), controller,
			"must be a domain-prefixed path (such as \"acme.io/foo\")");
	if (!m)
		return;
	v_must(c, at, m, "kind");
	v_must(c, at, m, "name");
	v_enum(c, at, m, "scope", "Cluster|Namespace", true);
	if (v_is(m, "scope", "Namespace") && !*v_str(m, "namespace"))
		v_required(c, V_AT(at, "namespace"), "`parameters.scope` is set to 'Namespace'");
	if (v_is(m, "scope", "Cluster") && *v_str(m, "namespace"))
		v_forbidden(c, V_AT(at, "namespace"), "`parameters.scope` is set to 'Cluster'");
}

static void policy_rule(struct vcheck *c, const struct vpath *p, yyjson_mut_val *rule, const char *peers)
{
	V_EACH(i, m, v_get(rule, "ports")) {
		const struct vpath *at = V_ITEM(V_AT(p, "ports"), i);
		yyjson_mut_val *port = v_get(m, "port"), *end = v_get(m, "endPort");
		v_enum(c, at, m, "protocol", PROTOCOLS, false);
		if (port)
			v_port_or_name(c, V_AT(at, "port"), port);
		if (end && !yyjson_mut_is_int(port))
			v_required(c, V_AT(at, "port"), "must be specified when `endPort` is specified");
		else if (end && yyjson_mut_get_sint(end) < yyjson_mut_get_sint(port))
			v_invalid_value(c, V_AT(at, "endPort"), end, "must be greater than or equal to `port`");
	}
	V_EACH(i, m, v_get(rule, peers)) {
		const struct vpath *at = V_ITEM(V_AT(p, peers), i), *bp = V_AT(at, "ipBlock");
		yyjson_mut_val *block = v_get(m, "ipBlock");
		if (!yyjson_mut_obj_size(m))
			v_required(c, at, "must specify a peer");
		else if (block && yyjson_mut_obj_size(m) > 1)
			v_forbidden(c, at, "may not specify both ipBlock and another peer");
		v_label_selector(c, V_AT(at, "podSelector"), v_get(m, "podSelector"));
		v_label_selector(c, V_AT(at, "namespaceSelector"), v_get(m, "namespaceSelector"));
		if (!block)
			continue;
		if (!*v_str(block, "cidr"))
			v_required(c, V_AT(bp, "cidr"), "");
		else
			v_cidr(c, V_AT(bp, "cidr"), v_str(block, "cidr"));
		V_EACH(j, except, v_get(block, "except"))
			v_cidr(c, V_ITEM(V_AT(bp, "except"), j), yyjson_mut_get_str(except));
	}
}

void validate_network_policy(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *types = v_get(spec, "policyTypes");

	v_label_selector(c, V_AT(p, "podSelector"), v_get(spec, "podSelector"));
	V_EACH(i, m, v_get(spec, "ingress"))
		policy_rule(c, V_ITEM(V_AT(p, "ingress"), i), m, "from");
	V_EACH(i, m, v_get(spec, "egress"))
		policy_rule(c, V_ITEM(V_AT(p, "egress"), i), m, "to");
	if (yyjson_mut_arr_size(types) > 2)
		v_invalid_value(c, V_AT(p, "policyTypes"), types, "may not specify more than two policyTypes");
	else
		V_EACH(i, m, types)
			if (!v_one_of(yyjson_mut_get_str(m), "Egress|Ingress"))
				v_unsupported(c, V_ITEM(V_AT(p, "policyTypes"), i), yyjson_mut_get_str(m),
					"Egress|Ingress");
}

void validate_ip_address(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *name = v_str(v_get(c->v, "metadata"), "name");
	yyjson_mut_val *parent = v_get(spec, "parentRef");

	v_ip(c, V_AT(V_AT(NULL, "metadata"), "name"), name);
	if (!parent) {
		v_required(c, V_AT(p, "parentRef"), "");
		return;
	}
	v_must(c, V_AT(p, "parentRef"), parent, "resource");
	v_must(c, V_AT(p, "parentRef"), parent, "name");
}

void validate_service_cidr(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *list = v_get(spec, "cidrs");

	if (!yyjson_mut_arr_size(list))
		v_required(c, V_AT(p, "cidrs"), "at least one CIDR required");
	if (yyjson_mut_arr_size(list) > 2)
		v_too_many(c, V_AT(p, "cidrs"), yyjson_mut_arr_size(list), 2);
	V_EACH(i, m, list)
		v_cidr(c, V_ITEM(V_AT(p, "cidrs"), i), yyjson_mut_get_str(m));
}
