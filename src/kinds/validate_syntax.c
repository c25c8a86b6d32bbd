/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules about the form of texts and numbers that several groups share.
 * Source: apimachinery pkg/util/validation/validation.go, pkg/apis/meta/v1/validation
 * (ValidateConditions).
 */
#include <ctype.h>

#include "base/text.h"
#include "kinds/validate.h"

#define REASON_MAX_BYTES (1 << 10)
#define MESSAGE_MAX_BYTES (32 << 10)

bool v_all_of(yyjson_mut_val *list, const char *allowed)
{
	V_EACH(i, m, list)
		if (!v_one_of(yyjson_mut_get_str(m), allowed))
			return false;
	return true;
}

bool v_has_star(yyjson_mut_val *list)
{
	V_EACH(i, m, list)
		if (yyjson_mut_equals_str(m, "*"))
			return true;
	return false;
}

void v_star_list(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, const char *none, const char *other)
{
	if (!yyjson_mut_arr_size(list))
		v_required(c, p, none);
	else if (yyjson_mut_arr_size(list) > 1 && v_has_star(list))
		v_invalid_value(c, p, list, v_text(c, "if '*' is present, must not specify other %s", other));
}

void v_choice(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name, const char *allowed)
{
	const char *s = yyjson_mut_get_str(v_get(obj, name));

	if (s && !v_one_of(s, allowed))
		v_unsupported(c, V_AT(p, name), s, allowed);
}

void v_must_syntax(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name,
	const char *(*bad)(const char *))
{
	if (!*v_str(obj, name))
		v_required(c, V_AT(p, name), "");
	else
		v_syntax(c, V_AT(p, name), v_str(obj, name), bad);
}

void v_domain_path(struct vcheck *c, const struct vpath *p, const char *value)
{
	static const char path_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
		"/-._~%!$&'()*+,;=:";
	const char *slash = strchr(value, '/');

	if (!*value) {
		v_required(c, p, "");
		return;
	}
	if (!slash || slash == value || !slash[1]) {
		v_invalid(c, p, value, "must be a domain-prefixed path (such as \"acme.io/foo\")");
		return;
	}
	const char *host = arena_strndup(c->a, value, (size_t)(slash - value));
	if (host)
		v_syntax(c, p, host, text_bad_dns1123_subdomain);
	if (slash[1 + strspn(slash + 1, path_chars)])
		v_invalid(c, p, slash + 1, "Invalid path (regex used for validation is "
			"'[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')");
}

const char *v_bad_wildcard_host(const char *s)
{
	if (!strncmp(s, "*.", 2) && !text_bad_dns1123_subdomain(s + 2))
		return NULL;
	return "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
		"consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character "
		"(e.g. '*.example.com', regex used for validation is "
		"'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
}

static const char *bad_reason(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_,:", s[i]))
			goto bad;
	if (isalpha((unsigned char)s[0]) && s[n - 1] != ',' && s[n - 1] != ':')
		return NULL;
bad:
	return "a condition reason must start with alphabetic character, optionally followed by a string of "
		"alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  "
		"or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is "
		"'[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";
}

static void one_condition(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	const char *reason = v_str(m, "reason");
	int64_t seen = doc_mint(m, "observedGeneration", 0);

	v_syntax(c, V_AT(p, "type"), v_str(m, "type"), text_bad_qualified_name);
	if (!v_one_of(v_str(m, "status"), "False|True|Unknown"))
		v_unsupported(c, V_AT(p, "status"), v_str(m, "status"), "False|True|Unknown");
	if (seen < 0)
		v_invalid_int(c, V_AT(p, "observedGeneration"), seen, "must be greater than or equal to zero");
	if (!*v_str(m, "lastTransitionTime"))
		v_required(c, V_AT(p, "lastTransitionTime"), "must be set");
	if (!*reason)
		v_required(c, V_AT(p, "reason"), "must be set");
	else
		v_syntax(c, V_AT(p, "reason"), reason, bad_reason);
	if (strlen(reason) > REASON_MAX_BYTES)
		v_too_long(c, V_AT(p, "reason"), REASON_MAX_BYTES);
	if (strlen(v_str(m, "message")) > MESSAGE_MAX_BYTES)
		v_too_long(c, V_AT(p, "message"), MESSAGE_MAX_BYTES);
}

void v_conditions(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_SET types = { 0 };

	V_EACH(i, m, list) {
		if (!v_first(&types, v_str(m, "type")))
			v_duplicate(c, V_AT(V_ITEM(p, i), "type"), v_str(m, "type"));
		one_condition(c, V_ITEM(p, i), m);
	}
}
