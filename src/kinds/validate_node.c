/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of nodes. Taints are reported under metadata, amounts without brackets:
 * so does upstream.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateNode, ValidateNodeUpdate).
 */
#include "base/text.h"
#include "kinds/validate.h"

#define ADDRESSES_MAX 64        /* more are not compared with each other */

static void resources(struct vcheck *c, yyjson_mut_val *status)
{
	static const char *const maps[] = { "capacity", "allocatable" };

	for (int i = 0; i < 2; i++)
		V_MEMBERS(name, m, v_get(status, maps[i]))
			v_resource_amount(c, V_AT(V_AT(V_AT(NULL, "status"), maps[i]), name), name, m);
}

static void pod_cidrs(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	size_t n = yyjson_mut_arr_size(list);
	int families = 0;
	V_SET seen = { 0 };

	V_EACH(i, m, list) {
		uint8_t bytes[16];
		int family, prefix;
		v_cidr(c, V_ITEM(p, i), yyjson_mut_get_str(m));
		if (!text_parse_cidr(yyjson_mut_get_str(m), &family, bytes, &prefix))
			families |= family == 4 ? 1 : 2;
	}
	if (n > 2 || (n == 2 && families != 3))
		v_invalid_value(c, p, list, "may specify no more than one CIDR for each IP family");
	V_EACH(i, m, list)
		if (!v_first(&seen, yyjson_mut_get_str(m)))
			v_duplicate(c, V_ITEM(p, i), yyjson_mut_get_str(m));
}

/* Where a kubelet once took its settings from. in_status: as it was found. */
static void config_source(struct vcheck *c, const struct vpath *p, yyjson_mut_val *source, bool in_status)
{
	static const struct { const char *name, *(*bad)(const char *); } parts[] = {
		{ "namespace", text_bad_dns1123_label }, { "name", text_bad_dns1123_subdomain },
		{ "kubeletConfigKey", v_bad_config_key },
	};
	static const char *const versions[] = { "uid", "resourceVersion" };
	yyjson_mut_val *map = v_get(source, "configMap");
	const struct vpath *at = V_AT(p, "configMap");

	if (!source)
		return;
	for (int i = 0; map && i < 2; i++) {
		bool set = *v_str(map, versions[i]);
		if (set && !in_status)
			v_forbidden(c, V_AT(at, versions[i]), v_text(c, "%s must not be set in spec", versions[i]));
		else if (!set && in_status)
			v_required(c, V_AT(at, versions[i]), v_text(c, "%s must be set in status", versions[i]));
	}
	for (int i = 0; map && i < 3; i++) {
		const char *s = v_str(map, parts[i].name);
		if (!*s)
			v_required(c, V_AT(at, parts[i].name), v_text(c, "%s must be set", parts[i].name));
		else
			v_syntax(c, V_AT(at, parts[i].name), s, parts[i].bad);
	}
	if (!map)
		v_invalid_value(c, p, source, "exactly one reference subfield must be non-nil");
}

static void addresses(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_EACH(i, m, list)
		V_EACH(j, other, list) {
			if (j >= i || i >= ADDRESSES_MAX)
				break;
			if (doc_mequal(m, other))
				v_duplicate_raw(c, V_ITEM(p, i), v_text(c, "{\"Type\":\"%s\",\"Address\":\"%s\"}",
					v_str(m, "type"), v_str(m, "address")));
		}
}

static void update(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, yyjson_mut_val *status)
{
	static const char cidr[] = "node updates may not change podCIDR except from \"\" to valid";
	static const char *const configs[] = { "assigned", "active", "lastKnownGood" };
	yyjson_mut_val *was = v_get(c->old, "spec"), *config = v_get(status, "config");
	yyjson_mut_val *now_list = v_get(spec, "podCIDRs"), *was_list = v_get(was, "podCIDRs");
	size_t n = yyjson_mut_arr_size(was_list);

	addresses(c, V_AT(V_AT(NULL, "status"), "addresses"), v_get(status, "addresses"));
	if (n && n != yyjson_mut_arr_size(now_list)) {
		v_forbidden(c, V_AT(p, "podCIDRs"), cidr);
	} else if (n) {
		yyjson_mut_arr_iter it = v_iter(now_list);
		V_EACH(i, m, was_list)
			if (!yyjson_mut_equals(m, yyjson_mut_arr_iter_next(&it)))
				v_forbidden(c, V_AT(p, "podCIDRs"), cidr);
	}
	if (*v_str(was, "providerID") && !v_is(spec, "providerID", v_str(was, "providerID")))
		v_forbidden(c, V_AT(p, "providerID"), "node updates may not change providerID except from \"\" to valid");
	config_source(c, V_AT(p, "configSource"), v_get(spec, "configSource"), false);
	for (int i = 0; i < 3; i++)
		config_source(c, V_AT(V_AT(V_AT(NULL, "status"), "config"), configs[i]), v_get(config, configs[i]), true);
	v_taints(c, V_AT(V_AT(NULL, "metadata"), "taints"), v_get(spec, "taints"));
	if (!v_same(v_get(spec, "externalID"), v_get(was, "externalID")))
		v_forbidden(c, V_AT(p, "externalID"), "may not be updated");
}

void validate_node(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *status = v_get(c->v, "status");

	if (!c->old)
		v_taints(c, V_AT(V_AT(NULL, "metadata"), "taints"), v_get(spec, "taints"));
	resources(c, status);
	if (c->old)
		update(c, p, spec, status);
	else
		pod_cidrs(c, V_AT(p, "podCIDRs"), v_get(spec, "podCIDRs"));
}
