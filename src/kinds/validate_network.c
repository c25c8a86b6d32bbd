/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of endpoint slices, network policies and of who has which address.
 * Source: kubernetes pkg/apis/{discovery,networking}/validation/validation.go, apimachinery
 * pkg/util/validation/ip.go.
 */
#include "base/text.h"
#include "kinds/validate.h"

#define ENDPOINTS_MAX 1000
#define ADDRESSES_MAX 100
#define PORTS_MAX 20000
#define TOPOLOGY_MAX 16
#define ZONE_HINTS_MAX 8

/* ---- endpoint slices ---- */

static void address(struct vcheck *c, const struct vpath *p, const char *type, const char *s)
{
	uint8_t bytes[16];
	int family = 0;
	bool bad = text_parse_ip(s, &family, bytes) != 0;

	if (!strcmp(type, "FQDN")) {
		size_t n = strlen(s);
		const char *name = n && s[n - 1] == '.' ? arena_strndup(c->a, s, n - 1) : s, *why;
		if (!n)
			v_required(c, p, "");
		else if (name && (why = text_bad_dns1123_subdomain(name)))
			v_invalid(c, p, name, why);
		else if (name && !strchr(name, '.'))
			v_invalid(c, p, name, "should be a domain with at least two segments separated by dots");
	} else if (v_one_of(type, "IPv4|IPv6")) {
		bool four = !strcmp(type, "IPv4");
		if (bad || (family == 4) != four)
			v_invalid(c, p, s, four ? "must be a valid IPv4 address" : "must be a valid IPv6 address");
		if (bad)
			v_invalid(c, p, s, "must be a valid IP address");
		else
			v_endpoint_ip(c, p, s);
	}
}

static void hints(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_SET zones = { 0 };

	if (yyjson_mut_arr_size(list) > ZONE_HINTS_MAX) {
		v_too_many(c, p, yyjson_mut_arr_size(list), ZONE_HINTS_MAX);
		return;
	}
	V_EACH(i, m, list) {
		const struct vpath *at = V_AT(V_ITEM(p, i), "name");
		if (!v_first(&zones, v_str(m, "name")))
			v_duplicate(c, at, v_str(m, "name"));
		v_syntax(c, at, v_str(m, "name"), text_bad_label_value);
	}
}

static void endpoint(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const char *type)
{
	yyjson_mut_val *list = v_get(m, "addresses"), *topology = v_get(m, "deprecatedTopology");
	const struct vpath *ap = V_AT(p, "addresses"), *tp = V_AT(p, "deprecatedTopology");

	if (!yyjson_mut_arr_size(list))
		v_required(c, ap, "must contain at least 1 address");
	else if (yyjson_mut_arr_size(list) > ADDRESSES_MAX)
		v_too_many(c, ap, yyjson_mut_arr_size(list), ADDRESSES_MAX);
	V_EACH(j, one, list)
		address(c, V_ITEM(ap, j), type, yyjson_mut_get_str(one));
	if (v_get(m, "nodeName"))
		v_syntax(c, V_AT(p, "nodeName"), v_str(m, "nodeName"), text_bad_dns1123_subdomain);
	if (yyjson_mut_obj_size(topology) > TOPOLOGY_MAX)
		v_too_many(c, tp, yyjson_mut_obj_size(topology), TOPOLOGY_MAX);
	v_labels(c, tp, topology);
	if (v_get(m, "hostname"))
		v_syntax(c, V_AT(p, "hostname"), v_str(m, "hostname"), text_bad_dns1123_label);
	hints(c, V_AT(V_AT(p, "hints"), "forZones"), doc_mget(m, "hints.forZones"));
}

static void slice_ports(struct vcheck *c, const struct vpath *p, yyjson_mut_val *ports)
{
	V_SET names = { 0 };

	if (yyjson_mut_arr_size(ports) > PORTS_MAX) {
		v_too_many(c, p, yyjson_mut_arr_size(ports), PORTS_MAX);
		return;
	}
	V_EACH(i, m, ports) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "name");
		if (*name)
			v_syntax(c, V_AT(at, "name"), name, text_bad_dns1123_label);
		if (!v_first(&names, name))
			v_duplicate(c, V_AT(at, "name"), name);
		if (!v_get(m, "protocol"))
			v_required(c, V_AT(at, "protocol"), "");
		else if (!v_one_of(v_str(m, "protocol"), "SCTP|TCP|UDP"))
			v_unsupported(c, V_AT(at, "protocol"), v_str(m, "protocol"), "SCTP|TCP|UDP");
		if (v_get(m, "appProtocol"))
			v_syntax(c, V_AT(at, "appProtocol"), v_str(m, "appProtocol"), text_bad_qualified_name);
	}
}

void validate_endpoint_slice(struct vcheck *c, const struct vpath *spec_path, yyjson_mut_val *spec)
{
	yyjson_mut_val *endpoints = v_get(c->v, "endpoints");
	const char *type = v_str(c->v, "addressType");
	const struct vpath *p = V_AT(NULL, "endpoints");

	v_enum(c, NULL, c->v, "addressType", "FQDN|IPv4|IPv6", true);
	slice_ports(c, V_AT(NULL, "ports"), v_get(c->v, "ports"));
	/* Addresses stored under older rules stay. */
	if (c->old && v_same(endpoints, v_get(c->old, "endpoints")))
		return;
	if (yyjson_mut_arr_size(endpoints) > ENDPOINTS_MAX) {
		v_too_many(c, p, yyjson_mut_arr_size(endpoints), ENDPOINTS_MAX);
		return;
	}
	V_EACH(i, m, endpoints)
		endpoint(c, V_ITEM(p, i), m, type);
}

/* ---- network policies ---- */

static void policy_port(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	yyjson_mut_val *port = v_get(m, "port"), *end = v_get(m, "endPort");

	if (v_get(m, "protocol") && !v_one_of(v_str(m, "protocol"), "TCP|UDP|SCTP"))
		v_unsupported(c, V_AT(p, "protocol"), v_str(m, "protocol"), "TCP|UDP|SCTP");
	if (end && !port)
		v_invalid_value(c, V_AT(p, "endPort"), end, "may not be specified when `port` is not specified");
	if (end && yyjson_mut_is_str(port))
		v_invalid_value(c, V_AT(p, "endPort"), end, "may not be specified when `port` is non-numeric");
	if (port)
		v_port_or_name(c, V_AT(p, "port"), port);
	if (!end || !yyjson_mut_is_int(port))
		return;
	if (yyjson_mut_get_sint(end) < yyjson_mut_get_sint(port))
		v_invalid_value(c, V_AT(p, "endPort"), end, "must be greater than or equal to `port`");
	v_port(c, V_AT(p, "endPort"), yyjson_mut_get_sint(end));
}

/* Whether the first bits of both are the same. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, int bits)
{
	int whole = bits / 8, rest = bits % 8;

	return !memcmp(a, b, (size_t)whole) && (!rest || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static void ip_block(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	const char *cidr = v_str(m, "cidr");
	uint8_t base[16], part[16];
	int family, prefix, part_family, part_prefix;

	if (!*cidr) {
		v_required(c, V_AT(p, "cidr"), "");
		return;
	}
	v_cidr(c, V_AT(p, "cidr"), cidr);
	if (text_parse_cidr(cidr, &family, base, &prefix))
		return;
	V_EACH(i, except, v_get(m, "except")) {
		const struct vpath *at = V_ITEM(V_AT(p, "except"), i);
		const char *s = yyjson_mut_get_str(except);
		v_cidr(c, at, s);
		if (!text_parse_cidr(s, &part_family, part, &part_prefix) &&
		    (part_family != family || part_prefix <= prefix || !same_prefix(base, part, prefix)))
			v_invalid(c, at, s, "must be a strict subset of `cidr`");
	}
}

static void policy_rule(struct vcheck *c, const struct vpath *p, yyjson_mut_val *rule, const char *peers)
{
	V_EACH(i, m, v_get(rule, "ports"))
		policy_port(c, V_ITEM(V_AT(p, "ports"), i), m);
	V_EACH(i, m, v_get(rule, peers)) {
		const struct vpath *at = V_ITEM(V_AT(p, peers), i);
		yyjson_mut_val *block = v_get(m, "ipBlock");
		int named = (v_get(m, "podSelector") != NULL) + (v_get(m, "namespaceSelector") != NULL);
		v_label_selector(c, V_AT(at, "podSelector"), v_get(m, "podSelector"));
		v_label_selector(c, V_AT(at, "namespaceSelector"), v_get(m, "namespaceSelector"));
		if (block)
			ip_block(c, V_AT(at, "ipBlock"), block);
		if (!block && !named)
			v_required(c, at, "must specify a peer");
		else if (block && named)
			v_forbidden(c, at, "may not specify both ipBlock and another peer");
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
	if (yyjson_mut_arr_size(types) > 2) {
		v_invalid_value(c, V_AT(p, "policyTypes"), types, "may not specify more than two policyTypes");
		return;
	}
	V_EACH(i, m, types)
		if (!v_one_of(yyjson_mut_get_str(m), "Ingress|Egress"))
			v_unsupported(c, V_ITEM(V_AT(p, "policyTypes"), i), yyjson_mut_get_str(m), "Ingress|Egress");
}

/* ---- addresses ---- */

void validate_ip_address(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *name = v_str(v_get(c->v, "metadata"), "name");
	const struct vpath *np = V_AT(V_AT(NULL, "metadata"), "name"), *pp = V_AT(p, "parentRef");
	yyjson_mut_val *parent = v_get(spec, "parentRef");
	uint8_t bytes[16];
	int family;
	char canonical[46];

	if (c->old)      /* all of it is fixed */
		return;
	v_ip(c, np, name);
	if (!text_parse_ip(name, &family, bytes)) {
		text_ip(canonical, family, bytes);
		if (strcmp(name, canonical))
			v_invalid(c, np, name, v_text(c, "must be in canonical form (\"%s\")", canonical));
	}
	if (!parent) {
		v_required(c, pp, "");
		return;
	}
	if (*v_str(parent, "group"))
		v_syntax(c, V_AT(pp, "group"), v_str(parent, "group"), text_bad_dns1123_subdomain);
	v_must_syntax(c, pp, parent, "resource", v_bad_path_segment);
	v_must_syntax(c, pp, parent, "name", v_bad_path_segment);
	if (*v_str(parent, "namespace"))
		v_syntax(c, V_AT(pp, "namespace"), v_str(parent, "namespace"), v_bad_path_segment);
}

/* A range in the one form it may have. Returns its family, 0: it is none. */
static int strict_cidr(struct vcheck *c, const struct vpath *p, const char *s)
{
	uint8_t bytes[16];
	int family, prefix, total, extra;
	char ip[46];
	bool beyond = false;

	v_cidr(c, p, s);
	if (text_parse_cidr(s, &family, bytes, &prefix))
		return 0;
	total = family == 4 ? 32 : 128;
	text_ip(ip, family, bytes);
	for (extra = prefix; extra < total; extra++)
		beyond |= bytes[extra / 8] >> (7 - extra % 8) & 1;
	const char *canonical = v_text(c, "%s/%d", ip, prefix);
	if (beyond)
		v_invalid(c, p, s, "must not have bits set beyond the prefix length");
	else if (canonical && strcmp(s, canonical))
		v_invalid(c, p, s, v_text(c, "must be in canonical form (\"%s\")", canonical));
	return family;
}

static void ranges(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *list = v_get(spec, "cidrs");
	int families[2] = { 0, 0 };

	if (!yyjson_mut_arr_size(list)) {
		v_required(c, p, "at least one CIDR required");
		return;
	}
	if (yyjson_mut_arr_size(list) > 2) {
		v_invalid_value(c, p, spec, "may only hold up to 2 values");
		return;
	}
	V_EACH(i, m, list)
		families[i] = strict_cidr(c, V_ITEM(p, i), yyjson_mut_get_str(m));
	if (families[0] && families[0] == families[1])
		v_invalid_value(c, p, list, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and "
			"2001:db8::/64");
}

void validate_service_cidr(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *now = v_get(spec, "cidrs"), *was = doc_mget(c->old, "spec.cidrs");
	const struct vpath *at = V_AT(p, "cidrs");
	size_t n = yyjson_mut_arr_size(now), before = yyjson_mut_arr_size(was);

	if (!c->old) {
		ranges(c, at, spec);
		return;
	}
	/* A second family may be added to the first, nothing else changes. */
	if (n != before && !(before == 1 && n == 2)) {
		v_invalid_list(c, at, now, V_IMMUTABLE);
		return;
	}
	for (size_t i = 0; i < before; i++)
		if (!yyjson_mut_equals(yyjson_mut_arr_get(now, i), yyjson_mut_arr_get(was, i)))
			v_invalid_value(c, V_ITEM(at, i), yyjson_mut_arr_get(now, i), V_IMMUTABLE);
	if (n > before)
		ranges(c, at, spec);
}
