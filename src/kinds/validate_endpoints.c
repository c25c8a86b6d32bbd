/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of endpoints, and of the addresses that traffic may be sent to.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateEndpoints,
 * ValidateEndpointIP).
 */
#include "base/text.h"
#include "kinds/validate.h"

void v_endpoint_ip(struct vcheck *c, const struct vpath *p, const char *s)
{
	static const uint8_t loopback6[16] = { [15] = 1 }, none[16] = { 0 };
	uint8_t b[16];
	int family;

	if (text_parse_ip(s, &family, b)) {
		v_ip(c, p, s);
		return;
	}
	if (!memcmp(b, none, family == 4 ? 4 : 16))
		v_invalid(c, p, s, v_text(c, "may not be unspecified (%s)", s));
	else if (family == 4 ? b[0] == 127 : !memcmp(b, loopback6, 16))
		v_invalid(c, p, s, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
	else if (family == 4 ? b[0] == 169 && b[1] == 254 : b[0] == 0xfe && (b[1] & 0xc0) == 0x80)
		v_invalid(c, p, s, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
	else if (family == 4 ? b[0] == 224 && !b[1] && !b[2] : b[0] == 0xff && (b[1] & 0x0f) == 2)
		v_invalid(c, p, s, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
}

void validate_endpoints(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const lists[] = { "addresses", "notReadyAddresses" };
	uint8_t bytes[16];
	int family;

	V_EACH(i, subset, v_get(c->v, "subsets")) {
		const struct vpath *at = V_ITEM(V_AT(NULL, "subsets"), i);
		bool many = doc_mlen(subset, "ports") > 1;
		if (!doc_mlen(subset, "addresses") && !doc_mlen(subset, "notReadyAddresses"))
			v_required(c, at, "must specify `addresses` or `notReadyAddresses`");
		for (int l = 0; l < 2; l++)
			V_EACH(j, m, v_get(subset, lists[l])) {
				const struct vpath *ap = V_ITEM(V_AT(at, lists[l]), j);
				if (*v_str(m, "hostname"))
					v_syntax(c, V_AT(ap, "hostname"), v_str(m, "hostname"), text_bad_dns1123_label);
				if (v_get(m, "nodeName"))
					v_syntax(c, V_AT(ap, "nodeName"), v_str(m, "nodeName"), text_bad_dns1123_subdomain);
				v_endpoint_ip(c, V_AT(ap, "ip"), v_str(m, "ip"));
				if (text_parse_ip(v_str(m, "ip"), &family, bytes))
					v_invalid(c, V_AT(ap, "ip"), v_str(m, "ip"), "must be a valid IP address");
			}
		V_EACH(j, m, v_get(subset, "ports")) {
			const struct vpath *pp = V_ITEM(V_AT(at, "ports"), j);
			if (many && !*v_str(m, "name"))
				v_required(c, V_AT(pp, "name"), "");
			else if (*v_str(m, "name"))
				v_syntax(c, V_AT(pp, "name"), v_str(m, "name"), text_bad_dns1123_label);
			v_port(c, V_AT(pp, "port"), doc_mint(m, "port", 0));
			v_enum(c, pp, m, "protocol", "SCTP|TCP|UDP", true);
			if (v_get(m, "appProtocol"))
				v_syntax(c, V_AT(pp, "appProtocol"), v_str(m, "appProtocol"), text_bad_qualified_name);
		}
	}
}
