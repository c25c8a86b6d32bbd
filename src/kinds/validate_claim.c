/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of device classes, claims, their templates, and what a claim was given; but
 * for what is inside of expressions.
 * Source: kubernetes pkg/apis/resource/validation/validation.go.
 */
#include <ctype.h>

#include "base/text.h"
#include "kinds/validate.h"
#include "kinds/validate_rules.h"

#define REQUESTS_MAX 32            /* also constraints, configurations, selectors, results */
#define FIRST_AVAILABLE_MAX 8
#define RESERVED_FOR_MAX 256
#define EXPRESSION_MAX_BYTES (10 << 10)
#define PARAMETERS_MAX_BYTES (10 << 10)
#define POOL_NAME_MAX 253
#define ID_MAX 32
#define DEVICE_CONDITIONS_MAX 8
#define NETWORK_IPS_MAX 16
#define INTERFACE_MAX 256
#define HARDWARE_ADDRESS_MAX 128
#define NO_REQUEST "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"

bool v_list_limit(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, size_t max)
{
	if (yyjson_mut_arr_size(list) <= max)
		return true;
	v_too_many(c, p, yyjson_mut_arr_size(list), max);
	return false;
}

void v_pool_name(struct vcheck *c, const struct vpath *p, const char *name)
{
	char *rest = arena_strdup(c->a, name), *part;

	if (!*name) {
		v_required(c, p, "");
		return;
	}
	if (strlen(name) > POOL_NAME_MAX)
		v_too_long(c, p, POOL_NAME_MAX);
	while ((part = strsep(&rest, "/")))
		v_syntax(c, p, part, text_bad_dns1123_subdomain);
}

void v_device_binding(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const char *const names[] = { "bindingConditions", "bindingFailureConditions" };
	V_SET good = { 0 }, bad = { 0 };
	struct map *seen[] = { &good, &bad };
	size_t counts[2];

	for (int i = 0; i < 2; i++) {
		yyjson_mut_val *list = v_get(m, names[i]);
		const struct vpath *at = V_AT(p, names[i]);
		counts[i] = yyjson_mut_arr_size(list);
		if (!v_list_limit(c, at, list, DEVICE_BINDING_CONDITIONS_MAX))
			continue;
		V_EACH(j, name, list) {
			const char *s = yyjson_mut_get_str(name);
			v_syntax(c, V_ITEM(at, j), s, text_bad_qualified_name);
			if (!v_first(seen[i], s))
				v_duplicate(c, V_ITEM(at, j), s);
			if (i && map_get(&good, s))
				v_invalid(c, V_ITEM(at, j), s,
					"bindingFailureConditions must not overlap with bindingConditions");
		}
	}
	for (int i = 0; i < 2; i++)
		if (!counts[i] && counts[!i])
			v_invalid_list(c, V_AT(p, names[i]), v_get(m, names[i]),
				v_text(c, "%s are required to use %s", names[i], names[!i]));
}

/* ---- requests ---- */

static void selectors(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	if (!v_list_limit(c, p, list, REQUESTS_MAX))
		return;
	V_EACH(i, m, list) {
		const struct vpath *at = V_AT(V_ITEM(p, i), "cel");
		if (!v_get(m, "cel"))
			v_required(c, at, "");
		else if (strlen(v_str(v_get(m, "cel"), "expression")) > EXPRESSION_MAX_BYTES)
			v_too_long(c, V_AT(at, "expression"), EXPRESSION_MAX_BYTES);
	}
}

static void toleration(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	const char *op = v_str(m, "operator"), *value = v_str(m, "value");

	if (*v_str(m, "key"))
		v_syntax(c, V_AT(p, "key"), v_str(m, "key"), text_bad_qualified_name);
	v_enum(c, p, m, "operator", "Equal|Exists", true);
	if (!strcmp(op, "Exists") && *value)
		v_invalid(c, V_AT(p, "value"), value, "must be empty for operator `Exists`");
	if (!strcmp(op, "Equal"))
		v_syntax(c, V_AT(p, "value"), value, text_bad_label_value);
	v_enum(c, p, m, "effect", "NoExecute|NoSchedule|None", false);
}

/* What an exact request and one of several alternatives have in common. */
static void wish(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	const char *mode = v_str(m, "allocationMode");
	int64_t count = doc_mint(m, "count", 0);

	v_must_syntax(c, p, m, "deviceClassName", text_bad_dns1123_subdomain);
	selectors(c, V_AT(p, "selectors"), v_get(m, "selectors"));
	if (!v_one_of(mode, "All|ExactCount"))
		v_unsupported(c, V_AT(p, "allocationMode"), mode, "All|ExactCount");
	else if (!strcmp(mode, "All") && count)
		v_invalid_int(c, V_AT(p, "count"), count, "must not be specified when allocationMode is 'All'");
	else if (!strcmp(mode, "ExactCount") && count <= 0)
		v_invalid_int(c, V_AT(p, "count"), count, "must be greater than zero");
	V_EACH(i, t, v_get(m, "tolerations"))
		toleration(c, V_ITEM(V_AT(p, "tolerations"), i), t);
}

static void request(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	yyjson_mut_val *exactly = v_get(m, "exactly"), *first = v_get(m, "firstAvailable");
	const struct vpath *fp = V_AT(p, "firstAvailable");
	V_SET names = { 0 };

	v_syntax(c, V_AT(p, "name"), v_str(m, "name"), text_bad_dns1123_label);
	if (!exactly && !yyjson_mut_arr_size(first)) {
		v_required(c, p, "exactly one of `exactly` or `firstAvailable` is required");
	} else if (exactly && yyjson_mut_arr_size(first)) {
		v_invalid_value(c, p, NULL,
			"exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set");
	} else if (exactly) {
		wish(c, V_AT(p, "exactly"), exactly);
	} else if (v_list_limit(c, fp, first, FIRST_AVAILABLE_MAX)) {
		V_EACH(i, one, first) {
			v_syntax(c, V_AT(V_ITEM(fp, i), "name"), v_str(one, "name"), text_bad_dns1123_label);
			wish(c, V_ITEM(fp, i), one);
			if (!v_first(&names, v_str(one, "name")))
				v_duplicate(c, V_ITEM(fp, i), v_str(one, "name"));
		}
	}
}

/* Whether "request" or "request/alternative" is in the claim. */
static bool has_request(yyjson_mut_val *claim, const char *name)
{
	size_t n = strcspn(name, "/");

	V_EACH(i, m, v_get(claim, "requests")) {
		const char *s = v_str(m, "name");
		if (strlen(s) != n || strncmp(s, name, n))
			continue;
		if (!name[n])
			return true;
		V_EACH(j, one, v_get(m, "firstAvailable"))
			if (v_is(one, "name", name + n + 1))
				return true;
	}
	return false;
}

static void request_ref(struct vcheck *c, const struct vpath *p, const char *name, yyjson_mut_val *claim)
{
	char *rest = arena_strdup(c->a, name), *part;
	const char *slash = strchr(name, '/');

	if (slash && strchr(slash + 1, '/')) {
		v_invalid(c, p, name, NO_REQUEST);
		return;
	}
	while ((part = strsep(&rest, "/")))
		v_syntax(c, p, part, text_bad_dns1123_label);
	if (!has_request(claim, name))
		v_invalid(c, p, name, NO_REQUEST);
}

static void request_refs(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, yyjson_mut_val *claim)
{
	V_SET seen = { 0 };

	if (!v_list_limit(c, p, list, REQUESTS_MAX))
		return;
	V_EACH(i, m, list)
		request_ref(c, V_ITEM(p, i), yyjson_mut_get_str(m), claim);
	V_EACH(i, m, list)
		if (!v_first(&seen, yyjson_mut_get_str(m)))
			v_duplicate(c, V_ITEM(p, i), yyjson_mut_get_str(m));
}

void v_device_property(struct vcheck *c, const struct vpath *p, const char *s)
{
	const char *slash = strchr(s, '/'), *name = slash ? slash + 1 : s;
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	if (slash == s)
		v_invalid(c, p, "", "the domain must not be empty");
	else if (slash)
		v_csi_driver_name(c, p, arena_strndup(c->a, s, (size_t)(slash - s)));
	if (slash && !*name)
		v_invalid(c, p, "", "the name must not be empty");
	else if (strlen(name) > ID_MAX)
		v_too_long(c, p, ID_MAX);
	else if (name[n] || isdigit((unsigned char)*name) || !*name)
		v_invalid(c, p, name, "a valid C identifier must start with alphabetic character or '_', followed by a string "
			"of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for "
			"validation is '[A-Za-z_][A-Za-z0-9_]*')");
}

static void attribute_name(struct vcheck *c, const struct vpath *p, const char *s)
{
	v_device_property(c, p, s);
	if (!strchr(s, '/'))
		v_invalid(c, p, s, "a fully qualified name must be a domain and a name separated by a slash");
}

static void raw(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, size_t max_bytes)
{
	BUF_AUTO struct buf b = { 0 };

	if (!m)
		v_required(c, p, "");
	else if (!yyjson_mut_is_obj(m))
		v_invalid(c, p, "<value omitted>", "must be a valid JSON object");
	else if (!doc_mwrite(&b, m) && b.len > max_bytes)
		v_too_long(c, p, (int64_t)max_bytes);
}

static void config(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	yyjson_mut_val *opaque = v_get(m, "opaque");
	const struct vpath *at = V_AT(p, "opaque");

	if (!opaque) {
		v_required(c, at, "");
		return;
	}
	v_csi_driver_name(c, V_AT(at, "driver"), v_str(opaque, "driver"));
	raw(c, V_AT(at, "parameters"), v_get(opaque, "parameters"), PARAMETERS_MAX_BYTES);
}

static void device_claim(struct vcheck *c, const struct vpath *p, yyjson_mut_val *claim)
{
	yyjson_mut_val *requests = v_get(claim, "requests"), *constraints = v_get(claim, "constraints");
	yyjson_mut_val *configs = v_get(claim, "config");
	const struct vpath *rp = V_AT(p, "requests"), *np = V_AT(p, "constraints"), *gp = V_AT(p, "config");
	V_SET names = { 0 };

	if (v_list_limit(c, rp, requests, REQUESTS_MAX)) {
		V_EACH(i, m, requests)
			request(c, V_ITEM(rp, i), m);
		V_EACH(i, m, requests)
			if (!v_first(&names, v_str(m, "name")))
				v_duplicate(c, V_ITEM(rp, i), v_str(m, "name"));
	}
	V_EACH(i, m, v_list_limit(c, np, constraints, REQUESTS_MAX) ? constraints : NULL) {
		const struct vpath *at = V_ITEM(np, i);
		request_refs(c, V_AT(at, "requests"), v_get(m, "requests"), claim);
		if (v_get(m, "matchAttribute"))
			attribute_name(c, V_AT(at, "matchAttribute"), v_str(m, "matchAttribute"));
		else if (v_get(m, "distinctAttribute"))
			attribute_name(c, V_AT(at, "distinctAttribute"), v_str(m, "distinctAttribute"));
		else
			v_required(c, V_AT(at, "matchAttribute"), "");
	}
	V_EACH(i, m, v_list_limit(c, gp, configs, REQUESTS_MAX) ? configs : NULL) {
		request_refs(c, V_AT(V_ITEM(gp, i), "requests"), v_get(m, "requests"), claim);
		config(c, V_ITEM(gp, i), m);
	}
}

void validate_resource_claim(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	if (!c->old)     /* the spec never changes */
		device_claim(c, V_AT(p, "devices"), v_get(spec, "devices"));
}

void validate_claim_template(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *meta = v_get(spec, "metadata");
	const struct vpath *mp = V_AT(p, "metadata");

	if (c->old)
		return;
	v_annotations(c, V_AT(mp, "annotations"), v_get(meta, "annotations"));
	v_labels(c, V_AT(mp, "labels"), v_get(meta, "labels"));
	device_claim(c, V_AT(V_AT(p, "spec"), "devices"), doc_mget(spec, "spec.devices"));
}

void validate_device_class(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *configs = v_get(spec, "config");
	const char *extended = v_str(spec, "extendedResourceName");
	const struct vpath *gp = V_AT(p, "config");

	selectors(c, V_AT(p, "selectors"), v_get(spec, "selectors"));
	V_EACH(i, m, v_list_limit(c, gp, configs, REQUESTS_MAX) ? configs : NULL)
		config(c, V_ITEM(gp, i), m);
	if (v_get(spec, "extendedResourceName") && (!strchr(extended, '/') || text_bad_qualified_name(extended) ||
	    strstr(extended, "kubernetes.io/") || !strncmp(extended, "requests.", 9)))
		v_invalid(c, V_AT(p, "extendedResourceName"), extended, "must be a valid extended resource name");
}

/* ---- the status of a claim ---- */

static const char *device_id(struct vcheck *c, yyjson_mut_val *m)
{
	const char *share = v_str(m, "shareID");

	return v_text(c, "%s/%s/%s%s%s", v_str(m, "driver"), v_str(m, "pool"), v_str(m, "device"), *share ? "/" : "", share);
}

static void allocation(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, yyjson_mut_val *claim)
{
	yyjson_mut_val *results = doc_mget(m, "devices.results"), *configs = doc_mget(m, "devices.config");
	const struct vpath *dp = V_AT(p, "devices"), *rp = V_AT(dp, "results"), *gp = V_AT(dp, "config");

	V_EACH(i, r, v_list_limit(c, rp, results, REQUESTS_MAX) ? results : NULL) {
		const struct vpath *at = V_ITEM(rp, i);
		request_ref(c, V_AT(at, "request"), v_str(r, "request"), claim);
		v_csi_driver_name(c, V_AT(at, "driver"), v_str(r, "driver"));
		v_pool_name(c, V_AT(at, "pool"), v_str(r, "pool"));
		v_syntax(c, V_AT(at, "device"), v_str(r, "device"), text_bad_dns1123_label);
		v_device_binding(c, at, r);
	}
	V_EACH(i, g, v_list_limit(c, gp, configs, (size_t)2 * REQUESTS_MAX) ? configs : NULL) {
		const struct vpath *at = V_ITEM(gp, i);
		v_enum(c, at, g, "source", "FromClaim|FromClass", true);
		request_refs(c, V_AT(at, "requests"), v_get(g, "requests"), claim);
		config(c, at, g);
	}
	if (v_get(m, "nodeSelector"))
		v_node_selector(c, V_AT(p, "nodeSelector"), v_get(m, "nodeSelector"));
}

static void network_data(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	yyjson_mut_val *ips = v_get(m, "ips");
	const struct vpath *ip = V_AT(p, "ips");
	V_SET seen = { 0 };

	if (strlen(v_str(m, "interfaceName")) > INTERFACE_MAX)
		v_too_long(c, V_AT(p, "interfaceName"), INTERFACE_MAX);
	if (strlen(v_str(m, "hardwareAddress")) > HARDWARE_ADDRESS_MAX)
		v_too_long(c, V_AT(p, "hardwareAddress"), HARDWARE_ADDRESS_MAX);
	V_EACH(i, one, v_list_limit(c, ip, ips, NETWORK_IPS_MAX) ? ips : NULL) {
		const char *s = yyjson_mut_get_str(one);
		uint8_t bytes[16];
		int family, prefix;
		if (text_parse_cidr(s, &family, bytes, &prefix))
			v_invalid(c, V_ITEM(ip, i), s, "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or "
				"2001:db8::1/64)");
		if (!v_first(&seen, s))
			v_duplicate(c, V_ITEM(ip, i), s);
	}
}

static void device_status(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, struct map *allocated)
{
	const char *id = device_id(c, m);

	v_csi_driver_name(c, V_AT(p, "driver"), v_str(m, "driver"));
	v_pool_name(c, V_AT(p, "pool"), v_str(m, "pool"));
	v_syntax(c, V_AT(p, "device"), v_str(m, "device"), text_bad_dns1123_label);
	if (id && !map_get(allocated, id))
		v_invalid(c, p, id, "must be an allocated device in the claim");
	if (doc_mlen(m, "conditions") > DEVICE_CONDITIONS_MAX)
		v_too_many(c, V_AT(p, "conditions"), doc_mlen(m, "conditions"), DEVICE_CONDITIONS_MAX);
	v_conditions(c, V_AT(p, "conditions"), v_get(m, "conditions"));
	if (v_get(m, "data"))
		raw(c, V_AT(p, "data"), v_get(m, "data"), PARAMETERS_MAX_BYTES);
	network_data(c, V_AT(p, "networkData"), v_get(m, "networkData"));
}

static void consumers(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, yyjson_mut_val *was)
{
	static const char *const needed[] = { "resource", "name", "uid" };
	bool allocated = doc_mget(c->v, "status.allocation") != NULL, added = false;
	V_SET uids = { 0 }, before = { 0 };

	if (v_list_limit(c, p, list, RESERVED_FOR_MAX)) {
		V_EACH(i, m, list)
			for (int n = 0; n < 3; n++)
				v_must(c, V_ITEM(p, i), m, needed[n]);
		V_EACH(i, m, list)
			if (!v_first(&uids, v_str(m, "uid")))
				v_duplicate(c, V_ITEM(p, i), v_str(m, "uid"));
	}
	V_EACH(i, m, was)
		v_first(&before, v_str(m, "uid"));
	V_EACH(i, m, list)
		added |= !map_get(&before, v_str(m, "uid"));
	if (yyjson_mut_arr_size(list) && !allocated)
		v_forbidden(c, p, "may not be specified when `allocated` is not set");
	else if (added && doc_mget(c->v, "metadata.deletionTimestamp"))
		v_forbidden(c, p, "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set");
}

void validate_claim_status(struct vcheck *c, const struct vpath *spec_path, yyjson_mut_val *spec)
{
	yyjson_mut_val *status = v_get(c->v, "status"), *was = v_get(c->old, "status"), *given = v_get(status, "allocation");
	const struct vpath *p = V_AT(NULL, "status"), *dp = V_AT(p, "devices");
	V_SET allocated = { 0 }, seen = { 0 };

	V_EACH(i, m, doc_mget(given, "devices.results")) {
		const char *id = device_id(c, m);
		if (id)
			v_first(&allocated, id);
	}
	consumers(c, V_AT(p, "reservedFor"), v_get(status, "reservedFor"), v_get(was, "reservedFor"));
	V_EACH(i, m, v_get(status, "devices")) {
		const char *id = device_id(c, m);
		device_status(c, V_ITEM(dp, i), m, &allocated);
		if (id && !v_first(&seen, id))
			v_duplicate(c, V_ITEM(dp, i), id);
	}
	if (given && v_get(was, "allocation")) {
		if (!doc_mequal(given, v_get(was, "allocation")))
			v_invalid_value(c, V_AT(p, "allocation"), given, V_IMMUTABLE);
	} else if (given) {
		allocation(c, V_AT(p, "allocation"), given, v_get(spec, "devices"));
	}
}
