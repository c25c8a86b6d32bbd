/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address families of Services follow from their addresses; one family is what
 * the cloud has.
 * Source: kubernetes pkg/registry/core/service/storage/alloc.go (initIPFamilyFields).
 */
#include <string.h>

#include "api/call.h"
#include "base/text.h"

static bool set_list(struct call *c, yyjson_mut_val *spec, const char *first, const char *second)
{
	yyjson_mut_val *list = yyjson_mut_arr(c->doc);

	return list && yyjson_mut_arr_add_str(c->doc, list, first) &&
		(!second || yyjson_mut_arr_add_str(c->doc, list, second)) && doc_mset(c->doc, spec, "ipFamilies", list);
}

/* Without selector and address a Service only names what somebody else keeps: in either family. */
static bool is_bare(yyjson_mut_val *spec)
{
	return yyjson_mut_equals_str(yyjson_mut_obj_get(spec, "clusterIP"), "None") && !doc_mlen(spec, "selector");
}

static bool set_families(struct call *c, yyjson_mut_val *spec, int family)
{
	static const char *const names[] = { "IPv4", "IPv6" };
	const char *ip = doc_mstr(spec, "clusterIP"), *policy = doc_mstr(spec, "ipFamilyPolicy");
	uint8_t addr[16];
	bool both;

	if (!doc_mlen(spec, "ipFamilies")) {
		if (ip && *ip)
			text_parse_ip(ip, &family, addr);
		both = is_bare(spec) && (!policy || strcmp(policy, "SingleStack"));
		if (!set_list(c, spec, names[family == 6], both ? names[family == 4] : NULL))
			return false;
	}
	both = doc_mlen(spec, "ipFamilies") == 2;
	return policy || doc_mset_str(c->doc, spec, "ipFamilyPolicy", both ? "RequireDualStack" : "SingleStack");
}

static enum step check_families(struct call *c, yyjson_mut_val *spec, int family)
{
	const char *own = family == 4 ? "IPv4" : "IPv6";
	struct field_error *errors = NULL;
	yyjson_mut_val *m;
	yyjson_mut_arr_iter it;
	unsigned i = 0;

	if (is_bare(spec))
		return STEP_NEXT;
	if (yyjson_mut_equals_str(yyjson_mut_obj_get(spec, "ipFamilyPolicy"), "RequireDualStack"))
		field_error_add(c->arena, &errors, "FieldValueInvalid", "spec.ipFamilyPolicy",
			"Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services");
	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "ipFamilies"), &it);
	for (; (m = yyjson_mut_arr_iter_next(&it)); i++) {
		const char *field = arena_printf(c->arena, "spec.ipFamilies[%u]", i);
		if (!yyjson_mut_equals_str(m, own))
			field_error_add(c->arena, &errors, "FieldValueInvalid", field ? field : "spec.ipFamilies",
				"Invalid value: \"%s\": not configured on this cluster", yyjson_mut_get_str(m));
	}
	return errors ? fail_invalid(c, c->kind->kind, c->group, c->name, errors) : STEP_NEXT;
}

enum step alloc_families(struct call *c, yyjson_mut_val *spec, int family)
{
	return set_families(c, spec, family) ? check_families(c, spec, family) : fail_err(c, -ERR_SIZE, NULL);
}
