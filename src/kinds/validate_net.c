/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of services, endpoints, ingresses and network policies.
 * Source: kubernetes pkg/apis/{core,discovery,networking}/validation/validation.go.
 */
#include "base/text.h"
#include "kinds/validate.h"

#define PROTOCOLS "SCTP|TCP|UDP"

static void service_ports(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *list = v_get(spec, "ports");
	V_SET names = { 0 }, numbers = { 0 }, node_ports = { 0 };
	bool many = yyjson_mut_arr_size(list) > 1;

	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "name"), *protocol = v_str(m, "protocol");
		int64_t port = doc_mint(m, "port", 0), node = doc_mint(m, "nodePort", 0);
		yyjson_mut_val *target = v_get(m, "targetPort");
		if (many && !*name)
			v_required(c, V_AT(at, "name"), "");
		else if (*name)
			v_syntax(c, V_AT(at, "name"), name, text_bad_dns1123_label);
		if (*name && !v_first(&names, name))
			v_duplicate(c, V_AT(at, "name"), name);
		v_port(c, V_AT(at, "port"), port);
		v_enum(c, at, m, "protocol", PROTOCOLS, true);
		if (target)
			v_port_or_name(c, V_AT(at, "targetPort"), target);
		if (*v_str(m, "appProtocol"))
			v_syntax(c, V_AT(at, "appProtocol"), v_str(m, "appProtocol"), text_bad_qualified_name);
		if (node && v_is(spec, "type", "ClusterIP"))
			v_forbidden(c, V_AT(at, "nodePort"), "may not be used when `type` is 'ClusterIP'");
		const char *key = v_text(c, "%s/%lld", protocol, (long long)port);
		if (key && !v_first(&numbers, key))
			v_duplicate(c, at, key);
		key = v_text(c, "%s/%lld", protocol, (long long)node);
		if (key && node && !v_first(&node_ports, key))
			v_duplicate(c, V_AT(at, "nodePort"), v_text(c, "%lld", (long long)node));
	}
}

static void cluster_ips(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *list = v_get(spec, "clusterIPs"), *families = v_get(spec, "ipFamilies");
	const char *ip = v_str(spec, "clusterIP");
	const struct vpath *lp = V_AT(p, "clusterIPs");

	if (v_is(spec, "type", "ExternalName")) {
		if (yyjson_mut_arr_size(list))
			v_forbidden(c, lp, "may not be set for ExternalName services");
		if (yyjson_mut_arr_size(families))
			v_forbidden(c, V_AT(p, "ipFamilies"), "may not be set for ExternalName services");
		if (v_get(spec, "ipFamilyPolicy"))
			v_forbidden(c, V_AT(p, "ipFamilyPolicy"), "may not be set for ExternalName services");
		return;
	}
	if (yyjson_mut_arr_size(list) > 2)
		v_invalid_value(c, lp, list, "may only hold up to 2 values");
	if (yyjson_mut_arr_size(list) && !*ip)
		v_invalid_value(c, lp, list, "must be empty when `clusterIP` is not specified");
	else if (yyjson_mut_arr_size(list) && !yyjson_mut_equals_str(yyjson_mut_arr_get_first(list), ip))
		v_invalid_value(c, lp, list, "first value must match `clusterIP`");
	V_EACH(i, m, list) {
		const char *s = yyjson_mut_get_str(m);
		if (i && !strcmp(s, "None"))
			v_invalid(c, V_ITEM(lp, i), s, "may only be set to 'None' as the first value");
		else if (*s && strcmp(s, "None"))
			v_ip(c, V_ITEM(lp, i), s);
	}
	V_EACH(i, m, families)
		if (!v_one_of(yyjson_mut_get_str(m), "IPv4|IPv6"))
			v_unsupported(c, V_ITEM(V_AT(p, "ipFamilies"), i), yyjson_mut_get_str(m), "IPv4|IPv6");
	v_enum(c, p, spec, "ipFamilyPolicy", "PreferDualStack|RequireDualStack|SingleStack", false);
}

static void balancer(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char only[] = "may only be used when `type` is 'LoadBalancer'";
	bool is = v_is(spec, "type", "LoadBalancer");
	int64_t health = doc_mint(spec, "healthCheckNodePort", 0);

	if (!is && v_get(spec, "allocateLoadBalancerNodePorts"))
		v_forbidden(c, V_AT(p, "allocateLoadBalancerNodePorts"), only);
	if (!is && v_get(spec, "loadBalancerClass"))
		v_forbidden(c, V_AT(p, "loadBalancerClass"), only);
	if (!is && doc_mlen(spec, "loadBalancerSourceRanges"))
		v_forbidden(c, V_AT(p, "LoadBalancerSourceRanges"), only);
	V_EACH(i, m, v_get(spec, "loadBalancerSourceRanges"))
		v_cidr(c, V_ITEM(V_AT(p, "loadBalancerSourceRanges"), i), yyjson_mut_get_str(m));
	if (health && !(is && v_is(spec, "externalTrafficPolicy", "Local")))
		v_invalid_int(c, V_AT(p, "healthCheckNodePort"), health, "may only be set when `type` is "
			"'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
	else if (health)
		v_port(c, V_AT(p, "healthCheckNodePort"), health);
}

void validate_service(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *type = v_str(spec, "type");
	bool headless = v_is(spec, "clusterIP", "None"), named = !strcmp(type, "ExternalName");
	bool outside = v_one_of(type, "LoadBalancer|NodePort") ||
		(!strcmp(type, "ClusterIP") && doc_mlen(spec, "externalIPs"));
	yyjson_mut_val *timeout = doc_mget(spec, "sessionAffinityConfig.clientIP.timeoutSeconds");

	if (!doc_mlen(spec, "ports") && !headless && !named)
		v_required(c, V_AT(p, "ports"), "");
	if (headless && v_one_of(type, "LoadBalancer|NodePort"))
		v_invalid(c, V_ITEM(V_AT(p, "clusterIPs"), 0), "None", v_text(c,
			"may not be set to 'None' for %s services", type));
	service_ports(c, V_AT(p, "ports"), spec);
	v_labels(c, V_AT(p, "selector"), v_get(spec, "selector"));
	v_enum(c, p, spec, "sessionAffinity", "ClientIP|None", true);
	if (timeout && (yyjson_mut_get_sint(timeout) <= 0 || yyjson_mut_get_sint(timeout) > 86400))
		v_invalid_value(c, V_AT(V_AT(V_AT(p, "sessionAffinityConfig"), "clientIP"), "timeoutSeconds"), timeout,
			"must be greater than 0 and less than 86400");
	cluster_ips(c, p, spec);
	if (named && !*v_str(spec, "externalName"))
		v_required(c, V_AT(p, "externalName"), "");
	else if (named) {
		char *s = arena_strdup(c->a, v_str(spec, "externalName"));
		size_t n = s ? strlen(s) : 0;
		if (n && s[n - 1] == '.')
			s[n - 1] = 0;
		if (s)
			v_syntax(c, V_AT(p, "externalName"), s, text_bad_dns1123_subdomain);
	}
	v_enum(c, p, spec, "type", "ClusterIP|ExternalName|LoadBalancer|NodePort", true);
	V_EACH(i, m, v_get(spec, "externalIPs"))
		v_ip(c, V_ITEM(V_AT(p, "externalIPs"), i), yyjson_mut_get_str(m));
	if (*v_str(spec, "externalTrafficPolicy") && !outside)
		v_invalid(c, V_AT(p, "externalTrafficPolicy"), v_str(spec, "externalTrafficPolicy"),
			"may only be set for externally-accessible services");
	else
		v_enum(c, p, spec, "externalTrafficPolicy", "Cluster|Local", false);
	v_enum(c, p, spec, "internalTrafficPolicy", "Cluster|Local", false);
	v_enum(c, p, spec, "trafficDistribution", "PreferClose|PreferSameNode|PreferSameZone", false);
	balancer(c, p, spec);
}

static void endpoint_ip(struct vcheck *c, const struct vpath *p, const char *s)
{
	uint8_t b[16];
	int family;

	if (text_parse_ip(s, &family, b)) {
		v_ip(c, p, s);
		return;
	}
	if (family == 4 && b[0] == 127)
		v_invalid(c, p, s, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
	else if (family == 4 && b[0] == 169 && b[1] == 254)
		v_invalid(c, p, s, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
	else if (family == 4 && b[0] == 224 && b[1] == 0 && b[2] == 0)
		v_invalid(c, p, s, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
	else if (family == 4 && !b[0] && !b[1] && !b[2] && !b[3])
		v_invalid(c, p, s, "may not be unspecified (0.0.0.0 or ::)");
}

void validate_endpoints(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const lists[] = { "addresses", "notReadyAddresses" };

	V_EACH(i, subset, v_get(c->v, "subsets")) {
		const struct vpath *at = V_ITEM(V_AT(NULL, "subsets"), i);
		bool many = doc_mlen(subset, "ports") > 1;
		if (!doc_mlen(subset, "addresses") && !doc_mlen(subset, "notReadyAddresses"))
			v_required(c, at, "must specify `addresses` or `notReadyAddresses`");
		for (int l = 0; l < 2; l++)
			V_EACH(j, m, v_get(subset, lists[l])) {
				const struct vpath *ap = V_ITEM(V_AT(at, lists[l]), j);
				endpoint_ip(c, V_AT(ap, "ip"), v_str(m, "ip"));
				if (*v_str(m, "hostname"))
					v_syntax(c, V_AT(ap, "hostname"), v_str(m, "hostname"),
						text_bad_dns1123_label);
				if (*v_str(m, "nodeName"))
					v_syntax(c, V_AT(ap, "nodeName"), v_str(m, "nodeName"),
						text_bad_dns1123_subdomain);
			}
		V_EACH(j, m, v_get(subset, "ports")) {
			const struct vpath *pp = V_ITEM(V_AT(at, "ports"), j);
			if (many && !*v_str(m, "name"))
				v_required(c, V_AT(pp, "name"), "");
			else if (*v_str(m, "name"))
				v_syntax(c, V_AT(pp, "name"), v_str(m, "name"), text_bad_dns1123_label);
			v_port(c, V_AT(pp, "port"), doc_mint(m, "port", 0));
			v_enum(c, pp, m, "protocol", PROTOCOLS, true);
		}
	}
}

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
				endpoint_ip(c, V_ITEM(ap, j), s);
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
