/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of admission policies and their bindings, but for what is inside of expressions.
 * Source: kubernetes pkg/apis/admissionregistration/validation/validation.go.
 */
#include <ctype.h>

#include "base/text.h"
#include "kinds/validate.h"
#include "kinds/validate_rules.h"

#define AUDIT_ANNOTATIONS_MAX 20
#define AUDIT_EXPRESSION_MAX (5 * 1024)

static void param_kind(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	const char *api_version = v_str(m, "apiVersion"), *kind = v_str(m, "kind"), *slash = strchr(api_version, '/'), *why;
	char *lower = arena_strdup(c->a, kind);
	const struct vpath *at = V_AT(p, "apiVersion");

	if (!*api_version) {
		v_required(c, at, "");
	} else if (slash && strchr(slash + 1, '/')) {
		v_invalid(c, at, api_version, v_text(c, "unexpected GroupVersion string: %s", api_version));
	} else {
		const char *group = slash ? arena_strndup(c->a, api_version, (size_t)(slash - api_version)) : "";
		const char *version = slash ? slash + 1 : api_version;
		if (group && *group)
			v_syntax(c, at, group, text_bad_dns1123_subdomain);
		if (!*version)
			v_invalid(c, at, api_version, "version must be specified");
		else
			v_syntax(c, at, version, text_bad_dns1035_label);
	}
	for (char *s = lower; s && *s; s++)
		*s = tolower((unsigned char)*s);
	if (!*kind)
		v_required(c, V_AT(p, "kind"), "");
	else if (lower && (why = text_bad_dns1035_label(lower)))
		v_invalid(c, V_AT(p, "kind"), kind, v_text(c, "may have mixed case, but should otherwise match: %s", why));
}

static void named_rules(struct vcheck *c, const struct vpath *p, yyjson_mut_val *rules)
{
	V_EACH(i, rule, rules) {
		const struct vpath *at = V_ITEM(p, i), *np = V_AT(at, "resourceNames");
		V_SET names = { 0 };
		V_EACH(j, m, v_get(rule, "resourceNames")) {
			v_syntax(c, V_ITEM(np, j), yyjson_mut_get_str(m), v_bad_path_segment);
			if (!v_first(&names, yyjson_mut_get_str(m)))
				v_duplicate(c, V_ITEM(np, j), yyjson_mut_get_str(m));
		}
		v_admission_rule(c, at, rule);
	}
}

static void match_resources(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const char *const selectors[] = { "namespaceSelector", "objectSelector" };

	if (!v_get(m, "matchPolicy"))
		v_required(c, V_AT(p, "matchPolicy"), "");
	else
		v_enum(c, p, m, "matchPolicy", "Equivalent|Exact", true);
	for (int i = 0; i < 2; i++) {
		if (!v_get(m, selectors[i]))
			v_required(c, V_AT(p, selectors[i]), "");
		v_label_selector(c, V_AT(p, selectors[i]), v_get(m, selectors[i]));
	}
	named_rules(c, V_AT(p, "resourceRules"), v_get(m, "resourceRules"));
	named_rules(c, V_AT(p, "excludeResourceRules"), v_get(m, "excludeResourceRules"));
}

static bool is_identifier(const char *s)
{
	static const char reserved[] = "true|false|null|in|as|break|const|continue|else|for|function|if|import|let|"
		"loop|package|namespace|return|var|void|while";

	for (const char *p = s; *p; p++)
		if (!(isalpha((unsigned char)*p) || *p == '_' || (p > s && isdigit((unsigned char)*p))))
			return false;
	return *s && !v_one_of(s, reserved);
}

static void variables(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		if (v_blank(v_str(m, "name")))
			v_required(c, V_AT(at, "name"), "name is not specified");
		else if (!is_identifier(v_str(m, "name")))
			v_invalid(c, V_AT(at, "name"), v_str(m, "name"), "must be a valid CEL identifier");
		if (v_blank(v_str(m, "expression")))
			v_required(c, V_AT(at, "expression"), "expression is not specified");
	}
}

static void validations(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *message = v_str(m, "message"), *reason = v_str(m, "reason"), *text = v_str(m, "messageExpression");
		size_t len = strlen(message);
		while (len && strchr(" \t\r\n", message[len - 1]))
			len--;
		if (v_blank(v_str(m, "expression")))
			v_required(c, V_AT(at, "expression"), "expression is not specified");
		if (*text && v_blank(text))
			v_invalid(c, V_AT(at, "messageExpression"), text, "must be non-empty if specified");
		if (*message && v_blank(message))
			v_invalid(c, V_AT(at, "message"), message, "must be non-empty if specified");
		else if (strcspn(message + strspn(message, " \t\r\n"), "\r\n") + strspn(message, " \t\r\n") < len)
			v_invalid(c, V_AT(at, "message"), message, "must not contain line breaks");
		if (v_get(m, "reason") && !v_one_of(reason, "Forbidden|Invalid|RequestEntityTooLarge"))
			v_unsupported(c, V_AT(at, "reason"), reason, "Forbidden|Invalid|RequestEntityTooLarge");
	}
}

static void audit_annotations(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	const char *policy = v_str(v_get(c->v, "metadata"), "name");
	V_SET keys = { 0 };

	if (yyjson_mut_arr_size(list) > AUDIT_ANNOTATIONS_MAX)
		v_invalid_value(c, p, list, "must not have more than 20 auditAnnotations");
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *key = v_str(m, "key"), *full = v_text(c, "%s/%s", policy, key), *text = v_str(m, "valueExpression");
		if (!*policy)
			v_invalid(c, V_AT(at, "key"), key, "requires metadata.name be non-empty");
		else if (full)
			v_syntax(c, V_AT(at, "key"), full, text_bad_qualified_name);
		if (v_blank(text))
			v_required(c, V_AT(at, "valueExpression"), "valueExpression is not specified");
		else if (strlen(text) > AUDIT_EXPRESSION_MAX)
			v_required(c, V_AT(at, "valueExpression"), "must not exceed 5120 bytes in length");
		if (!v_first(&keys, key))
			v_duplicate(c, V_AT(at, "key"), key);
	}
}

/* A mutation says what it is, and only that. */
static void mutations(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	static const struct { const char *type, *member, *other, *other_value; } forms[] = {
		{ "JSONPatch", "jsonPatch", "applyConfiguration", "{applyConfiguration}" },
		{ "ApplyConfiguration", "applyConfiguration", "jsonPatch", "{jsonPatch}" },
	};

	if (!yyjson_mut_arr_size(list))
		v_required(c, p, "mutations must contain at least one item");
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *type = v_str(m, "patchType");
		v_enum(c, at, m, "patchType", "ApplyConfiguration|JSONPatch", true);
		for (int f = 0; f < 2; f++) {
			yyjson_mut_val *form = v_get(m, forms[f].member);
			if (strcmp(type, forms[f].type))
				continue;
			if (!form)
				v_required(c, V_AT(at, forms[f].member), v_text(c, "must be specified when patchType is %s", type));
			else if (v_blank(v_str(form, "expression")))
				v_required(c, V_AT(V_AT(at, forms[f].member), "expression"), "");
			if (v_get(m, forms[f].other))
				v_invalid(c, V_AT(at, forms[f].other), forms[f].other_value,
					v_text(c, "must not be specified when patchType is %s", type));
		}
	}
}

void validate_admission_policy(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char either[] = "validations or auditAnnotations must contain at least one item";
	static const char operations[] = "*|CONNECT|CREATE|UPDATE";
	bool mutating = !strcmp(c->k->kind, "MutatingAdmissionPolicy");
	yyjson_mut_val *match = v_get(spec, "matchConstraints");
	const struct vpath *mp = V_AT(p, "matchConstraints");

	v_enum(c, p, spec, "failurePolicy", "Fail|Ignore", true);
	if (v_get(spec, "paramKind"))
		param_kind(c, V_AT(p, "paramKind"), v_get(spec, "paramKind"));
	if (!match)
		v_required(c, mp, "");
	else
		match_resources(c, mp, match);
	if (match && !doc_mlen(match, "resourceRules"))
		v_required(c, V_AT(mp, "resourceRules"), "");
	V_EACH(i, rule, mutating ? v_get(match, "resourceRules") : NULL)
		V_EACH(j, op, v_get(rule, "operations"))
			if (!v_one_of(yyjson_mut_get_str(op), operations))
				v_unsupported(c, V_AT(V_AT(mp, "resourceRules"), "operations"), yyjson_mut_get_str(op), operations);
	v_match_conditions(c, V_AT(p, "matchConditions"), v_get(spec, "matchConditions"));
	variables(c, V_AT(p, "variables"), v_get(spec, "variables"));
	if (mutating) {
		mutations(c, V_AT(p, "mutations"), v_get(spec, "mutations"));
		v_enum(c, p, spec, "reinvocationPolicy", "IfNeeded|Never", true);
		return;
	}
	if (!doc_mlen(spec, "validations") && !doc_mlen(spec, "auditAnnotations")) {
		v_required(c, V_AT(p, "validations"), either);
		v_required(c, V_AT(p, "auditAnnotations"), either);
	}
	validations(c, V_AT(p, "validations"), v_get(spec, "validations"));
	audit_annotations(c, V_AT(p, "auditAnnotations"), v_get(spec, "auditAnnotations"));
}

static void param_ref(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const char exclusive[] = "name and selector are mutually exclusive";
	const char *name = v_str(m, "name");
	yyjson_mut_val *selector = v_get(m, "selector");

	if (!m)
		return;
	if (*name)
		v_syntax(c, V_AT(p, "name"), name, v_bad_path_segment);
	if (*name && selector)
		v_forbidden(c, V_AT(p, "name"), exclusive);
	v_label_selector(c, V_AT(p, "selector"), selector);
	if (*name && selector)
		v_forbidden(c, V_AT(p, "selector"), exclusive);
	if (!*name && !selector)
		v_required(c, p, "one of name or selector must be specified");
	v_enum(c, p, m, "parameterNotFoundAction", "Deny|Allow", true);
}

static void actions(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_SET seen = { 0 };

	V_EACH(i, m, list) {
		const char *s = yyjson_mut_get_str(m);
		if (!v_one_of(s, "Audit|Deny|Warn"))
			v_unsupported(c, V_ITEM(p, i), s, "Audit|Deny|Warn");
		if (!v_first(&seen, s))
			v_duplicate(c, V_ITEM(p, i), s);
	}
	if (map_get(&seen, "Deny") && map_get(&seen, "Warn"))
		v_invalid_value(c, p, list, "must not contain both Deny and Warn (repeating the same validation failure "
			"information in the API response and headers serves no purpose)");
	if (!yyjson_mut_arr_size(list))
		v_required(c, p, "at least one validation action is required");
}

void validate_policy_binding(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	v_must_syntax(c, p, spec, "policyName", text_bad_dns1123_subdomain);
	param_ref(c, V_AT(p, "paramRef"), v_get(spec, "paramRef"));
	if (v_get(spec, "matchResources"))
		match_resources(c, V_AT(p, "matchResources"), v_get(spec, "matchResources"));
	if (strcmp(c->k->kind, "MutatingAdmissionPolicyBinding"))
		actions(c, V_AT(p, "validationActions"), v_get(spec, "validationActions"));
}

void validate_policy_status(struct vcheck *c, const struct vpath *spec_path, yyjson_mut_val *spec)
{
	yyjson_mut_val *status = v_get(c->v, "status");
	const struct vpath *p = V_AT(NULL, "status"), *wp = V_AT(V_AT(p, "typeChecking"), "expressionWarnings");

	V_EACH(i, m, doc_mget(status, "typeChecking.expressionWarnings")) {
		v_must(c, V_ITEM(wp, i), m, "warning");
		if (v_blank(v_str(m, "fieldRef")))
			v_required(c, V_AT(V_ITEM(wp, i), "fieldRef"), "");
	}
	v_conditions(c, V_AT(p, "conditions"), v_get(status, "conditions"));
}
