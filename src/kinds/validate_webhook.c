/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of webhook configurations, and of the rules that say what a webhook or an
 * admission policy is about.
 * Source: kubernetes pkg/apis/admissionregistration/validation/validation.go, apiserver
 * pkg/util/webhook/validation.go.
 */
#include "base/text.h"
#include "kinds/validate.h"
#include "kinds/validate_rules.h"

#define CONDITIONS_MAX 64
#define URL_FORM "; desired format: https://host[/path]"

/* ---- rules ---- */

/* "pods", "pods/log", "*", "pods/" "*", "*" "/scale", "*" "/" "*". */
static void resources(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_SET all_of = { 0 }, of_all = { 0 };
	bool everything = false, star = false, plain = false;

	if (!yyjson_mut_arr_size(list))
		v_required(c, p, "");
	V_EACH(i, m, list) {
		const char *s = yyjson_mut_get_str(m), *slash = strchr(s, '/');
		if (!*s)
			v_required(c, V_ITEM(p, i), "");
		everything |= !strcmp(s, "*/*");
		star |= !strcmp(s, "*");
		if (!slash) {
			plain = strcmp(s, "*") != 0;
			continue;
		}
		const char *resource = arena_strndup(c->a, s, (size_t)(slash - s)), *sub = slash + 1;
		if (!resource)
			return;
		if (map_get(&all_of, resource))
			v_invalid(c, V_ITEM(p, i), s, v_text(c, "if '%s/*' is present, must not specify %s", resource, s));
		if (map_get(&of_all, sub))
			v_invalid(c, V_ITEM(p, i), s, v_text(c, "if '*/%s' is present, must not specify %s", sub, s));
		if (!strcmp(sub, "*"))
			v_first(&all_of, resource);
		if (!strcmp(resource, "*"))
			v_first(&of_all, sub);
	}
	if (everything && yyjson_mut_arr_size(list) > 1)
		v_invalid_value(c, p, list, "if '*/*' is present, must not specify other resources");
	if (star && plain)
		v_invalid_value(c, p, list, "if '*' is present, must not specify other resources without subresources");
}

void v_admission_rule(struct vcheck *c, const struct vpath *p, yyjson_mut_val *rule)
{
	static const char operations[] = "*|CONNECT|CREATE|DELETE|UPDATE", scopes[] = "*|Cluster|Namespaced";

	v_star_list(c, V_AT(p, "operations"), v_get(rule, "operations"), "", "operations");
	V_EACH(i, m, v_get(rule, "operations"))
		if (!v_one_of(yyjson_mut_get_str(m), operations))
			v_unsupported(c, V_ITEM(V_AT(p, "operations"), i), yyjson_mut_get_str(m), operations);
	v_star_list(c, V_AT(p, "apiGroups"), v_get(rule, "apiGroups"), "", "API groups");
	v_star_list(c, V_AT(p, "apiVersions"), v_get(rule, "apiVersions"), "", "API versions");
	V_EACH(i, m, v_get(rule, "apiVersions"))
		if (!yyjson_mut_get_len(m))
			v_required(c, V_ITEM(V_AT(p, "apiVersions"), i), "");
	resources(c, V_AT(p, "resources"), v_get(rule, "resources"));
	if (v_get(rule, "scope") && !v_one_of(v_str(rule, "scope"), scopes))
		v_unsupported(c, V_AT(p, "scope"), v_str(rule, "scope"), scopes);
}

void v_match_conditions(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_SET names = { 0 };

	if (yyjson_mut_arr_size(list) > CONDITIONS_MAX)
		v_too_many(c, p, yyjson_mut_arr_size(list), CONDITIONS_MAX);
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "name");
		if (v_blank(v_str(m, "expression")))
			v_required(c, V_AT(at, "expression"), "");
		v_must_syntax(c, at, m, "name", text_bad_qualified_name);
		if (*name && !v_first(&names, name))
			v_duplicate(c, V_AT(at, "name"), name);
	}
}

/* ---- where a webhook is ---- */

static void url(struct vcheck *c, const struct vpath *p, const char *s)
{
	const char *colon = strstr(s, "://"), *rest = colon ? colon + 3 : s;
	const char *scheme = colon ? arena_strndup(c->a, s, (size_t)(colon - s)) : "";
	size_t host = colon ? strcspn(rest, "/?#") : 0;
	const char *at = host ? memchr(rest, '@', host) : NULL, *query = strchr(s, '?'), *fragment = strchr(s, '#');

	if (!scheme)
		return;
	if (strcmp(scheme, "https"))
		v_invalid(c, p, scheme, "'https' is the only allowed URL scheme" URL_FORM);
	if (!host || (at && at + 1 == rest + host))
		v_invalid(c, p, "", "host must be specified" URL_FORM);
	if (at)
		v_invalid(c, p, arena_strndup(c->a, rest, (size_t)(at - rest)),
			"user information is not permitted in the URL");
	if (fragment && fragment[1])
		v_invalid(c, p, fragment + 1, "fragments are not permitted in the URL");
	if (query && (!fragment || query < fragment) && query[1] && query + 1 != fragment)
		v_invalid(c, p, arena_strndup(c->a, query + 1, strcspn(query + 1, "#")),
			"query parameters are not permitted in the URL");
}

static void service_path(struct vcheck *c, const struct vpath *p, const char *s)
{
	size_t n = strlen(s);

	if (!*s || !strcmp(s, "/"))
		return;
	if (!strcmp(s, "//")) {
		v_invalid(c, p, s, "segment[0] may not be empty");
		return;
	}
	if (*s != '/')
		v_invalid(c, p, s, "must start with a '/'");
	char *rest = arena_strndup(c->a, s + 1, n - 1 - (s[n - 1] == '/' && n > 1)), *step;
	for (int i = 0; (step = strsep(&rest, "/")); i++) {
		const char *why = *step ? text_bad_dns1123_subdomain(step) : NULL;
		if (!*step)
			v_invalid(c, p, s, v_text(c, "segment[%d] may not be empty", i));
		else if (why)
			v_invalid(c, p, s, v_text(c, "segment[%d]: %s", i, why));
	}
}

static void service(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	int64_t port = doc_mint(m, "port", 443);

	if (!*v_str(m, "namespace"))
		v_required(c, V_AT(p, "namespace"), "service namespace is required");
	if (!*v_str(m, "name"))
		v_required(c, V_AT(p, "name"), "service name is required");
	if (port < 1 || port > 65535)
		v_invalid_int(c, V_AT(p, "port"), port, "port is not valid: must be between 1 and 65535, inclusive");
	service_path(c, V_AT(p, "path"), v_str(m, "path"));
}

void v_webhook_client(struct vcheck *c, const struct vpath *p, yyjson_mut_val *config)
{
	yyjson_mut_val *where = v_get(config, "service"), *link = v_get(config, "url");

	if (!where == !link)
		v_required(c, p, "exactly one of url or service is required");
	else if (link)
		url(c, V_AT(p, "url"), yyjson_mut_get_str(link));
	else
		service(c, V_AT(p, "service"), where);
}

/* ---- the configuration ---- */

static void hook_name(struct vcheck *c, const struct vpath *p, const char *s)
{
	const char *dot = strchr(s, '.'), *why = text_bad_dns1123_subdomain(s);

	if (!*s)
		v_required(c, p, "");
	else if (why)
		v_invalid(c, p, s, why);
	else if (!dot || !strchr(dot + 1, '.'))
		v_invalid(c, p, s, "should be a domain with at least three segments separated by dots");
}

static void review_versions(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, bool must_know_one)
{
	V_SET seen = { 0 };
	bool known = false;

	if (!yyjson_mut_arr_size(list))
		v_required(c, p, "must specify one of v1, v1beta1");
	V_EACH(i, m, list) {
		const char *s = yyjson_mut_get_str(m);
		if (!v_first(&seen, s)) {
			v_invalid(c, V_ITEM(p, i), s, "duplicate version");
			continue;
		}
		v_syntax(c, V_ITEM(p, i), s, text_bad_dns1035_label);
		known |= v_one_of(s, "v1|v1beta1");
	}
	if (yyjson_mut_arr_size(list) && must_know_one && !known)
		v_invalid_value(c, p, list, "must include at least one of v1, v1beta1");
}

/* What a stored configuration has that new ones may not have. */
struct tolerated { bool effects, versions, names; };

static struct tolerated tolerated(yyjson_mut_val *hooks)
{
	struct tolerated t = { 0 };
	V_SET names = { 0 };

	V_EACH(i, m, hooks) {
		bool known = false;
		V_EACH(j, version, v_get(m, "admissionReviewVersions"))
			known |= v_one_of(yyjson_mut_get_str(version), "v1|v1beta1");
		t.effects |= !v_one_of(v_str(m, "sideEffects"), "None|NoneOnDryRun");
		t.versions |= !known && doc_mlen(m, "admissionReviewVersions");
		t.names |= !v_first(&names, v_str(m, "name"));
	}
	return t;
}

static void effects(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, bool any)
{
	const char *allowed = any ? "None|NoneOnDryRun|Some|Unknown" : "None|NoneOnDryRun";

	if (!v_get(m, "sideEffects"))
		v_required(c, V_AT(p, "sideEffects"), any ? "must specify one of None, NoneOnDryRun, Some, Unknown" :
			"must specify one of None, NoneOnDryRun");
	else if (!v_one_of(v_str(m, "sideEffects"), allowed))
		v_unsupported(c, V_AT(p, "sideEffects"), v_str(m, "sideEffects"), allowed);
}

void validate_webhooks(struct vcheck *c, const struct vpath *spec_path, yyjson_mut_val *spec)
{
	static const struct { const char *name, *allowed; } texts[] = {
		{ "failurePolicy", "Fail|Ignore" }, { "matchPolicy", "Equivalent|Exact" },
		{ "reinvocationPolicy", "IfNeeded|Never" },
	};
	struct tolerated old = tolerated(v_get(c->old, "webhooks"));
	V_SET names = { 0 };

	V_EACH(i, m, v_get(c->v, "webhooks")) {
		const struct vpath *p = V_ITEM(V_AT(NULL, "webhooks"), i);
		int64_t timeout = doc_mint(m, "timeoutSeconds", 10);
		hook_name(c, V_AT(p, "name"), v_str(m, "name"));
		V_EACH(j, rule, v_get(m, "rules"))
			v_admission_rule(c, V_ITEM(V_AT(p, "rules"), j), rule);
		for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++)
			if (v_get(m, texts[n].name) && !v_one_of(v_str(m, texts[n].name), texts[n].allowed))
				v_unsupported(c, V_AT(p, texts[n].name), v_str(m, texts[n].name), texts[n].allowed);
		effects(c, p, m, old.effects);
		if (timeout < 1 || timeout > 30)
			v_invalid_int(c, V_AT(p, "timeoutSeconds"), timeout,
				"the timeout value must be between 1 and 30 seconds");
		v_label_selector(c, V_AT(p, "namespaceSelector"), v_get(m, "namespaceSelector"));
		v_label_selector(c, V_AT(p, "objectSelector"), v_get(m, "objectSelector"));
		v_webhook_client(c, V_AT(p, "clientConfig"), v_get(m, "clientConfig"));
		v_match_conditions(c, V_AT(p, "matchConditions"), v_get(m, "matchConditions"));
		review_versions(c, V_AT(p, "admissionReviewVersions"), v_get(m, "admissionReviewVersions"), !old.versions);
		if (!v_first(&names, v_str(m, "name")) && !old.names && *v_str(m, "name"))
			v_duplicate(c, V_AT(p, "name"), v_str(m, "name"));
	}
}
