/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of what drivers offer: slices of a pool's devices, and their counters.
 * Source: kubernetes pkg/apis/resource/validation/validation.go.
 */
#include "base/text.h"
#include "kinds/normal.h"
#include "kinds/validate.h"
#include "kinds/validate_rules.h"

#define DEVICES_MAX 128
#define DEVICES_WITH_TAINTS_MAX 64     /* or that take from counters */
#define PROPERTIES_MAX 32
#define VALUE_MAX 64
#define TAINTS_MAX 16
#define COUNTER_SETS_MAX 8
#define COUNTERS_MAX 32
#define CONSUMPTIONS_MAX 2
#define ONE_PLACE "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
#define ONE_DEVICE_PLACE "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when " \
	"`perDeviceNodeSelection` is set to true in the ResourceSlice spec"

/* 1.2.3-pre.1+build. Source: semver.org 2.0.0 */
static bool is_version(const char *s)
{
	static const char tail[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";

	for (int part = 0; part < 3; part++) {
		size_t n = strspn(s, "0123456789");
		if (!n || (n > 1 && *s == '0') || (part < 2 && s[n] != '.'))
			return false;
		s += n + (part < 2);
	}
	for (int kind = 0; kind < 2; kind++) {
		if (*s != "-+"[kind])
			continue;
		do {
			size_t n = strspn(++s, tail), digits = strspn(s, "0123456789");
			if (!n || (!kind && digits == n && n > 1 && *s == '0'))
				return false;
			s += n;
		} while (*s == '.');
	}
	return !*s;
}

static void attribute(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const char *const forms[] = { "int", "bool", "string", "version", "ints", "bools", "strings", "versions" };
	const char *text = v_str(m, "string"), *version = v_str(m, "version");
	int n = 0;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		n += v_get(m, forms[i]) != NULL;
	if (strlen(text) > VALUE_MAX)
		v_too_long(c, V_AT(p, "string"), VALUE_MAX);
	if (v_get(m, "version") && !is_version(version))
		v_invalid(c, V_AT(p, "version"), version, "must be a string compatible with semver.org spec 2.0.0");
	if (strlen(version) > VALUE_MAX)
		v_too_long(c, V_AT(p, "version"), VALUE_MAX);
	if (!n)
		v_invalid(c, p, "", "exactly one value must be specified");
	else if (n > 1)
		v_invalid_value(c, p, m, "exactly one value must be specified");
}

static void counters(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const char *name)
{
	yyjson_mut_val *map = v_get(m, "counters");
	const struct vpath *at = V_AT(p, "counters");

	v_must_syntax(c, p, m, name, text_bad_dns1123_label);
	if (!yyjson_mut_obj_size(map))
		v_required(c, at, "");
	else if (yyjson_mut_obj_size(map) > COUNTERS_MAX)
		v_too_many(c, at, yyjson_mut_obj_size(map), COUNTERS_MAX);
	else
		V_MEMBERS(key, counter, map)
			if (counter)
				v_syntax(c, at, key, text_bad_dns1123_label);
}

static void counter_sets(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, const char *name, size_t max)
{
	V_SET names = { 0 };

	if (!v_list_limit(c, p, list, max))
		return;
	V_EACH(i, m, list)
		counters(c, V_ITEM(p, i), m, name);
	V_EACH(i, m, list)
		if (!v_first(&names, v_str(m, name)))
			v_duplicate(c, V_ITEM(p, i), v_str(m, name));
}

static void taints(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	if (!v_list_limit(c, p, list, TAINTS_MAX))
		return;
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		v_syntax(c, V_AT(at, "key"), v_str(m, "key"), text_bad_qualified_name);
		if (*v_str(m, "value"))
			v_syntax(c, V_AT(at, "value"), v_str(m, "value"), text_bad_label_value);
		v_enum(c, at, m, "effect", "NoExecute|NoSchedule|None", true);
	}
}

/* Where devices can be used: exactly one of the ways. per_device: may the slice leave it to them? */
static void place(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, bool slice)
{
	yyjson_mut_val *node = v_get(m, "nodeName"), *selector = v_get(m, "nodeSelector");
	static const char *const flags[] = { "allNodes", "perDeviceNodeSelection" };
	BUF_AUTO struct buf set = { 0 };
	int n = 0;

	if (node && yyjson_mut_get_len(node)) {
		buf_printf(&set, "%s`nodeName`", n++ ? ", " : "");
		v_syntax(c, V_AT(p, "nodeName"), yyjson_mut_get_str(node), text_bad_dns1123_subdomain);
	} else if (node) {
		v_invalid(c, V_AT(p, "nodeName"), "", slice ? "must be either unset or set to a non-empty string" :
			"must not be empty");
	}
	if (selector) {
		yyjson_mut_val *terms = v_get(selector, "nodeSelectorTerms");
		buf_printf(&set, "%s`nodeSelector`", n++ ? ", " : "");
		v_node_selector(c, V_AT(p, "nodeSelector"), selector);
		if (slice && yyjson_mut_arr_size(terms) != 1)
			v_invalid_list(c, V_AT(V_AT(p, "nodeSelector"), "nodeSelectorTerms"), terms,
				"must have exactly one node selector term");
	}
	for (int i = 0; i < 1 + slice; i++) {
		yyjson_mut_val *flag = v_get(m, flags[i]);
		if (yyjson_mut_is_true(flag))
			buf_printf(&set, "%s`%s`", n++ ? ", " : "", flags[i]);
		else if (flag)
			v_invalid_value(c, V_AT(p, flags[i]), flag, "must be either unset or set to true");
	}
	if (!n)
		v_required(c, p, slice ? ONE_PLACE : ONE_DEVICE_PLACE);
	else if (n > 1)
		v_invalid(c, p, v_text(c, "{%s}", set.p), slice ? ONE_PLACE ", but multiple fields are set" : ONE_DEVICE_PLACE);
}

static void device(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, yyjson_mut_val *was, bool chooses)
{
	yyjson_mut_val *attributes = v_get(m, "attributes"), *capacity = v_get(m, "capacity");
	size_t properties = yyjson_mut_obj_size(attributes) + yyjson_mut_obj_size(capacity);

	v_syntax(c, V_AT(p, "name"), v_str(m, "name"), text_bad_dns1123_label);
	if (properties > PROPERTIES_MAX)
		v_invalid_int(c, p, (int64_t)properties, "the total number of attributes and capacities must not exceed 32");
	V_MEMBERS(key, value, attributes) {
		v_device_property(c, V_AT(p, "attributes"), key);
		attribute(c, V_KEY(V_AT(p, "attributes"), key), value);
	}
	V_MEMBERS(key, value, capacity) {
		v_device_property(c, V_AT(p, "capacity"), key);
		if (v_get(value, "requestPolicy") && !doc_mbool(m, "allowMultipleAllocations", false))
			v_forbidden(c, V_AT(V_KEY(V_AT(p, "capacity"), key), "requestPolicy"),
				"allowMultipleAllocations must be true");
	}
	if (!was || !v_same(v_get(was, "taints"), v_get(m, "taints")))
		taints(c, V_AT(p, "taints"), v_get(m, "taints"));
	counter_sets(c, V_AT(p, "consumesCounters"), v_get(m, "consumesCounters"), "counterSet", CONSUMPTIONS_MAX);
	if (chooses)
		place(c, p, m, false);
	else if (v_get(m, "nodeName") || v_get(m, "nodeSelector") || v_get(m, "allNodes"))
		v_invalid_value(c, p, NULL, "`nodeName`, `nodeSelector` and `allNodes` can only be set if "
			"`perDeviceNodeSelection` is set to true in the ResourceSlice spec");
	v_device_binding(c, p, m);
}

void validate_resource_slice(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *pool = v_get(spec, "pool"), *devices = v_get(spec, "devices"), *shared = v_get(spec, "sharedCounters");
	int64_t count = doc_mint(pool, "resourceSliceCount", 0), generation = doc_mint(pool, "generation", 0);
	const struct vpath *pp = V_AT(p, "pool"), *dp = V_AT(p, "devices");
	bool chooses = doc_mbool(spec, "perDeviceNodeSelection", false), special = false;
	INDEX_AUTO struct index was = index_list(doc_mget(c->old, "spec.devices"), "name");
	V_SET names = { 0 };

	v_csi_driver_name(c, V_AT(p, "driver"), v_str(spec, "driver"));
	v_pool_name(c, V_AT(pp, "name"), v_str(pool, "name"));
	if (count <= 0)
		v_invalid_int(c, V_AT(pp, "resourceSliceCount"), count, "must be greater than zero");
	if (generation < 0)
		v_invalid_int(c, V_AT(pp, "generation"), generation, "must be greater than or equal to zero");
	place(c, p, spec, true);
	if (yyjson_mut_arr_size(shared) && yyjson_mut_arr_size(devices))
		v_invalid(c, p, "", "only one of `sharedCounters` or `devices` is allowed");
	V_EACH(i, m, devices)
		special |= doc_mlen(m, "taints") || doc_mlen(m, "consumesCounters");
	if (v_list_limit(c, dp, devices, special ? DEVICES_WITH_TAINTS_MAX : DEVICES_MAX)) {
		V_EACH(i, m, devices)
			device(c, V_ITEM(dp, i), m, index_get(&was, v_str(m, "name")), chooses);
		V_EACH(i, m, devices)
			if (!v_first(&names, v_str(m, "name")))
				v_duplicate(c, V_ITEM(dp, i), v_str(m, "name"));
	}
	counter_sets(c, V_AT(p, "sharedCounters"), shared, "name", COUNTER_SETS_MAX);
}
