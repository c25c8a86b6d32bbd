/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address families of Services: from what is said of them, of addresses and of the policy, and from those the
 * cloud has. A family is only added or taken away when the policy, the families or the addresses say so, never because
 * the cloud has become another: a Service that prefers both stays as it is until it is changed.
 *
 * Source: kubernetes pkg/registry/core/service/storage/alloc.go (initIPFamilyFields), KEP-563.
 */
#include <string.h>

#include "api/alloc_priv.h"
#include "base/cidr.h"
#include "base/text.h"

#define POLICY "ipFamilyPolicy"
#define SINGLE "SingleStack"
#define PREFER "PreferDualStack"
#define REQUIRE "RequireDualStack"

struct families {
	yyjson_mut_doc *d;
	struct arena *a;
	yyjson_mut_val *spec, *was;    /* was: NULL on create */
	const int *have;
	struct field_error *errors;
	bool failed;
};

static bool is(yyjson_mut_val *spec, const char *key, const char *value)
{
	return yyjson_mut_equals_str(yyjson_mut_obj_get(spec, key), value);
}

static bool has_family(const struct families *f, const char *name)
{
	for (int i = 0; i < 2; i++)
		if (f->have[i] && !strcmp(cidr_family(f->have[i]), name))
			return true;
	return false;
}

static void wrong(struct families *f, const char *field, const char *value, const char *text)
{
	field_error_add(f->a, &f->errors, "FieldValueInvalid", field, "Invalid value: \"%s\": %s", value, text);
}

static void wrong_policy(struct families *f, const char *text)
{
	wrong(f, "spec.ipFamilyPolicy", doc_mstr(f->spec, POLICY), text);
}

static void set_policy(struct families *f, const char *policy)
{
	f->failed |= !policy || !doc_mset_str(f->d, f->spec, POLICY, policy);
}

static void add_family(struct families *f, const char *name)
{
	yyjson_mut_val *list = doc_marr(f->d, f->spec, "ipFamilies");

	f->failed |= !list || !yyjson_mut_arr_add_str(f->d, list, name);
}

static bool same_list(const struct families *f, const char *name)
{
	yyjson_mut_val *now = yyjson_mut_obj_get(f->spec, name), *before = yyjson_mut_obj_get(f->was, name);

	return yyjson_mut_arr_size(now) == yyjson_mut_arr_size(before) && (!yyjson_mut_arr_size(now) || doc_mequal(now, before));
}

/* Neither address nor selector: it only names what somebody else keeps, in either family. */
static bool is_bare(yyjson_mut_val *spec)
{
	return is(spec, "clusterIP", "None") && !doc_mlen(spec, "selector");
}

/* Both prefer two families, and nothing said of them has changed. */
static bool stays_preferred(const struct families *f)
{
	yyjson_mut_val *before = yyjson_mut_obj_get(f->was, POLICY);

	return f->was && is(f->spec, POLICY, PREFER) && (!before || is(f->was, POLICY, PREFER)) &&
		yyjson_mut_equals_str(yyjson_mut_obj_get(f->spec, "type"), doc_mstr(f->was, "type")) &&
		same_list(f, "clusterIPs") && same_list(f, "ipFamilies");
}

static void default_policy(struct families *f)
{
	const char *before = doc_mstr(f->was, POLICY);

	if (doc_mstr(f->spec, POLICY))
		return;
	set_policy(f, before ? before : is_bare(f->spec) ? REQUIRE : SINGLE);
}

static void keep_first(yyjson_mut_val *list)
{
	while (yyjson_mut_arr_size(list) > 1)
		yyjson_mut_arr_remove_last(list);
}

static void update(struct families *f)
{
	static const struct { const char *name, *text; } lists[] = {
		{ "clusterIPs", "must be 'SingleStack' to release the secondary cluster IP" },
		{ "ipFamilies", "must be 'SingleStack' to release the secondary IP family" },
	};
	bool single = is(f->spec, POLICY, SINGLE);

	for (int i = 0; i < 2; i++) {
		size_t now = doc_mlen(f->spec, lists[i].name), before = doc_mlen(f->was, lists[i].name);

		if (single && same_list(f, lists[i].name))
			keep_first(yyjson_mut_obj_get(f->spec, lists[i].name));
		else if (!single && now && now < before)
			wrong_policy(f, lists[i].text);
	}
}

/* Addresses say their families. */
static void infer(struct families *f)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(f->spec, "clusterIPs"), *ip;
	yyjson_mut_arr_iter it;
	unsigned i = 0;

	yyjson_mut_arr_iter_init(list, &it);
	for (; (ip = yyjson_mut_arr_iter_next(&it)); i++) {
		const char *name, *field;
		uint8_t addr[16];
		int family;

		if (text_parse_ip(yyjson_mut_get_str(ip), &family, addr))
			return;        /* "None" */
		if (i < doc_mlen(f->spec, "ipFamilies"))
			continue;
		name = cidr_family(family);
		field = arena_printf(f->a, "spec.clusterIPs[%u]", i);
		if (has_family(f, name))
			add_family(f, name);
		else
			field_error_add(f->a, &f->errors, "FieldValueInvalid", field ? field : "spec.clusterIPs",
				"Invalid value: %s: %s is not configured on this cluster", addresses_list(f->a, list), name);
	}
}

static void add_other(struct families *f)
{
	if (doc_mlen(f->spec, "ipFamilies") == 1)
		add_family(f, yyjson_mut_equals_str(yyjson_mut_arr_get_first(yyjson_mut_obj_get(f->spec, "ipFamilies")), "IPv4") ?
			"IPv6" : "IPv4");
}

static void check_configured(struct families *f)
{
	yyjson_mut_val *m;
	yyjson_mut_arr_iter it;
	unsigned i = 0;

	if (is(f->spec, POLICY, REQUIRE) && !f->have[1])
		wrong_policy(f, "this cluster is not configured for dual-stack services");
	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(f->spec, "ipFamilies"), &it);
	for (; (m = yyjson_mut_arr_iter_next(&it)); i++) {
		const char *field = arena_printf(f->a, "spec.ipFamilies[%u]", i);

		if (!has_family(f, yyjson_mut_get_str(m)))
			wrong(f, field ? field : "spec.ipFamilies", yyjson_mut_get_str(m), "not configured on this cluster");
	}
}

static void complete(struct families *f)
{
	bool single, bare = is_bare(f->spec);

	if (f->was)
		update(f);
	single = is(f->spec, POLICY, SINGLE);
	if (single && doc_mlen(f->spec, "clusterIPs") == 2)
		wrong_policy(f, "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified");
	if (single && doc_mlen(f->spec, "ipFamilies") == 2)
		wrong_policy(f, "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified");
	infer(f);
	if (!f->errors && !bare)
		check_configured(f);
	if (f->errors)
		return;
	if (!doc_mlen(f->spec, "ipFamilies"))
		add_family(f, cidr_family(f->have[0]));
	if (!single && (bare || f->have[1]))
		add_other(f);
}

const char *addresses_list(struct arena *a, yyjson_mut_val *list)
{
	BUF_AUTO struct buf b = { 0 };
	yyjson_mut_val *m;
	yyjson_mut_arr_iter it;
	const char *text;

	buf_addc(&b, '[');
	yyjson_mut_arr_iter_init(list, &it);
	while ((m = yyjson_mut_arr_iter_next(&it))) {
		if (b.len > 1)
			buf_addc(&b, ',');
		buf_add_json(&b, yyjson_mut_get_str(m), yyjson_mut_get_len(m));
	}
	buf_addc(&b, ']');
	text = b.failed ? NULL : arena_strdup(a, b.p);
	return text ? text : "[]";
}

int service_families(yyjson_mut_doc *d, struct arena *a, const struct kinds_kind *k, yyjson_mut_val *service,
	yyjson_mut_val *old, const int have[2], struct field_error **ret_errors)
{
	struct families f = { .d = d, .a = a, .spec = yyjson_mut_obj_get(service, "spec"),
		.was = old ? yyjson_mut_obj_get(old, "spec") : NULL, .have = have };
	int rc;

	*ret_errors = NULL;
	if (!yyjson_mut_is_obj(f.spec) || is(f.spec, "type", "ExternalName") || stays_preferred(&f))
		return 0;
	default_policy(&f);
	rc = kinds_validate_addresses(a, k, service, ret_errors);
	if (rc || *ret_errors || f.failed)
		return rc ? rc : f.failed ? -ERR_SIZE : 0;
	complete(&f);
	*ret_errors = f.errors;
	return f.failed || arena_over(a) ? -ERR_SIZE : 0;
}

enum step alloc_families(struct call *c)
{
	struct field_error *errors;
	int have[2];

	alloc_configured(c->api, have);
	if (service_families(c->doc, c->arena, c->kind, c->obj, c->old, have, &errors))
		return fail_err(c, -ERR_SIZE, NULL);
	return errors ? fail_invalid(c, c->kind->kind, c->group, c->name, errors) : STEP_NEXT;
}
