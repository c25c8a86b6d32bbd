/* SPDX-License-Identifier: Apache-2.0 */
/*
 * review_access - may he, may I, what may I: questions put as objects. Nothing is
 * stored; the answer is the question with its status.
 * Source: kubernetes pkg/apis/authorization/validation, pkg/registry/authorization;
 * KEP-4601 (selectors).
 */
#include <string.h>

#include "api/call.h"

static const char *str(yyjson_mut_val *v, const char *path)
{
	const char *s = doc_mstr(v, path);

	return s ? s : "";
}

static enum step done(struct call *c)
{
	if (!shape_order(c, c->body_type, c->input))
		return fail_err(c, -ERR_SIZE, NULL);
	return reply_mut(c, 201, c->input);
}

/* ---- is the question well-formed ---- */

struct check { struct call *c; struct field_error *errors; };

static void invalid(struct check *k, const char *field, yyjson_mut_val *value, const char *text)
{
	BUF_AUTO struct buf b = { 0 };

	if (value)
		doc_mwrite(&b, value);
	field_error_add(k->c->arena, &k->errors, "FieldValueInvalid", field, "Invalid value: %s: %s",
		b.p && !b.failed ? b.p : "null", text);
}

static void requirement(struct check *k, yyjson_mut_val *r, const char *field)
{
	struct arena *a = k->c->arena;
	const char *op = str(r, "operator");
	size_t n = doc_mlen(r, "values");

	if (!*str(r, "key"))
		field_error_add(a, &k->errors, "FieldValueRequired", arena_printf(a, "%s.key", field),
			"Required value: must be specified");
	if ((!strcmp(op, "In") || !strcmp(op, "NotIn")) && !n)
		field_error_add(a, &k->errors, "FieldValueRequired", arena_printf(a, "%s.values", field),
			"Required value: must be specified when `operator` is 'In' or 'NotIn'");
	if ((!strcmp(op, "Exists") || !strcmp(op, "DoesNotExist")) && n)
		field_error_add(a, &k->errors, "FieldValueForbidden", arena_printf(a, "%s.values", field),
			"Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
}

/* Operators that are not known are let through: a newer client may know them. */
static void selector(struct check *k, yyjson_mut_val *res, const char *name)
{
	struct arena *a = k->c->arena;
	yyjson_mut_val *sel = doc_mget(res, name), *list = doc_mget(sel, "requirements"), *r;
	const char *field = arena_printf(a, "spec.resourceAttributes.%s", name), *raw = str(sel, "rawSelector");
	yyjson_mut_arr_iter it;
	size_t i = 0;

	if (!sel || !field)
		return;
	if (*raw && yyjson_mut_arr_size(list))
		invalid(k, arena_printf(a, "%s.rawSelector", field), doc_mget(sel, "rawSelector"),
			"may not specified at the same time as requirements");
	if (!*raw && !yyjson_mut_arr_size(list))
		field_error_add(a, &k->errors, "FieldValueRequired", arena_printf(a, "%s.requirements", field),
			"Required value: when %s is specified, requirements or rawSelector is required", field);
	yyjson_mut_arr_iter_init(list, &it);
	while ((r = yyjson_mut_arr_iter_next(&it))) {
		const char *at = arena_printf(a, "%s.requirements[%zu]", field, i++);

		if (at)
			requirement(k, r, at);
	}
}

static void metadata(struct check *k)
{
	yyjson_mut_val *meta = doc_mget(k->c->input, "metadata"), *key;
	bool local = k->c->kind->namespaced, more = false;
	yyjson_mut_obj_iter it;

	yyjson_mut_obj_iter_init(meta, &it);
	while ((key = yyjson_mut_obj_iter_next(&it)))
		more |= !yyjson_mut_equals_str(key, "managedFields") && !(local && yyjson_mut_equals_str(key, "namespace")) &&
			!yyjson_mut_is_null(yyjson_mut_obj_iter_get_val(key));
	if (more)
		invalid(k, "metadata", meta, local ? "must be empty except for namespace" : "must be empty");
}

static struct field_error *validate(struct call *c, bool subject)
{
	struct check k = { .c = c };
	yyjson_mut_val *spec = doc_mget(c->input, "spec"), *res = doc_mget(spec, "resourceAttributes");
	yyjson_mut_val *path = doc_mget(spec, "nonResourceAttributes");

	if (res && path)
		invalid(&k, "spec.nonResourceAttributes", path, "cannot be specified in combination with resourceAttributes");
	if (!res && !path)
		invalid(&k, "spec.resourceAttributes", NULL,
			"exactly one of nonResourceAttributes or resourceAttributes must be specified");
	if (subject && !*str(spec, "user") && !doc_mlen(spec, "groups"))
		field_error_add(c->arena, &k.errors, "FieldValueInvalid", "spec.user",
			"Invalid value: \"\": at least one of user or group must be specified");
	selector(&k, res, "fieldSelector");
	selector(&k, res, "labelSelector");
	metadata(&k);
	if (c->kind->namespaced && res && strcmp(str(res, "namespace"), c->ns))
		field_error_add(c->arena, &k.errors, "FieldValueInvalid", "spec.resourceAttributes.namespace",
			"Invalid value: \"%s\": must match metadata.namespace", str(res, "namespace"));
	if (c->kind->namespaced && path)
		invalid(&k, "spec.nonResourceAttributes", path, "disallowed on this kind of request");
	return k.errors;
}

/* ---- the question ---- */

/* The value that a field selector demands of spec.nodeName, or NULL. */
static const char *node_selected(struct call *c, yyjson_mut_val *sel)
{
	yyjson_mut_val *list = doc_mget(sel, "requirements"), *r;
	const char *raw = str(sel, "rawSelector");
	struct fieldsel parsed = { 0 };
	yyjson_mut_arr_iter it;

	yyjson_mut_arr_iter_init(list, &it);
	while ((r = yyjson_mut_arr_iter_next(&it)))
		if (!strcmp(str(r, "key"), "spec.nodeName") && !strcmp(str(r, "operator"), "In") && doc_mlen(r, "values") == 1)
			return str(r, "values.0");
	if (*raw && !fieldsel_parse(c->arena, raw, &parsed, NULL))
		for (uint32_t i = 0; i < parsed.n; i++)
			if (!parsed.v[i].negate && !strcmp(parsed.v[i].field, "spec.nodeName"))
				return parsed.v[i].value;
	return NULL;
}

static enum step access_review(struct call *c, const struct user *u, bool subject)
{
	yyjson_mut_val *spec = doc_mget(c->input, "spec");
	yyjson_mut_val *res = doc_mget(spec, "resourceAttributes"), *path = doc_mget(spec, "nonResourceAttributes");
	struct attributes at = { .user = u, .verb = str(res ? res : path, "verb"), .group = str(res, "group"),
		.resource = str(res, "resource"), .sub = str(res, "subresource"), .ns = str(res, "namespace"),
		.name = str(res, "name"), .path = res ? NULL : str(path, "path"),
		.node_selected = node_selected(c, doc_mget(res, "fieldSelector")), .explain = true };
	struct field_error *errors = validate(c, subject);
	BUF_AUTO struct buf reason = { 0 };
	bool allowed;

	/* The kind is not named: upstream's object has forgotten it by then. */
	if (errors)
		return fail_invalid(c, "", c->kind->group, "", errors);
	allowed = authorize(c->api, &at, &reason);
	doc_mdel(c->input, "status");
	if (!doc_mset_bool(c->doc, c->input, "status.allowed", allowed) || reason.failed ||
	    (reason.len && !doc_mset_str(c->doc, c->input, "status.reason", reason.p)))
		return fail_err(c, -ERR_SIZE, NULL);
	return done(c);
}

static enum step subject(struct call *c)
{
	yyjson_mut_val *spec = doc_mget(c->input, "spec"), *groups = doc_mget(spec, "groups"), *v;
	struct user u = { .name = str(spec, "user"), .uid = str(spec, "uid") };
	const char **list = arena_zalloc(c->arena, (yyjson_mut_arr_size(groups) + 1) * sizeof(*list));
	const char *ns = str(c->input, "metadata.namespace");
	yyjson_mut_arr_iter it;
	size_t n = 0;

	if (!list)
		return fail_err(c, -ERR_SIZE, NULL);
	if (c->kind->namespaced && *ns && strcmp(ns, c->ns))
		return fail_bad_request(c, "the namespace of the provided object does not match the namespace sent on the request");
	if (c->kind->namespaced && !meta_set(c, c->input, "namespace", c->ns))
		return fail_err(c, -ERR_SIZE, NULL);
	yyjson_mut_arr_iter_init(groups, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_is_str(v))
			list[n++] = yyjson_mut_get_str(v);
	u.groups = list;
	return access_review(c, &u, true);
}

static enum step rules(struct call *c)
{
	const char *ns = str(c->input, "spec.namespace");
	/* What the Node authorizer allows cannot be listed. */
	bool incomplete = user_node(&c->user) != NULL;
	BUF_AUTO struct buf res = { 0 };
	BUF_AUTO struct buf paths = { 0 };
	BUF_AUTO struct buf errors = { 0 };
	BUF_AUTO struct buf json = { 0 };
	yyjson_doc *d;

	if (!*ns)
		return fail_bad_request(c, "no namespace on request");
	rbac_rules(c->api->rbac, &c->user, ns, &res, &paths, &errors);
	buf_printf(&json, "{\"resourceRules\":[%s],\"nonResourceRules\":[%s],\"incomplete\":%s", res.p ? res.p : "",
		paths.p ? paths.p : "", incomplete ? "true" : "false");
	if (incomplete) {
		BUF_AUTO struct buf all = { 0 };

		buf_printf(&all, "node authorizer does not support user rule resolution%s%s", errors.len ? ", " : "",
			errors.p ? errors.p : "");
		buf_finish(&errors);
		errors = all;
		all = (struct buf){ 0 };
	}
	if (errors.len) {
		buf_adds(&json, ",\"evaluationError\":");
		buf_add_json(&json, errors.p, errors.len);
	}
	buf_addc(&json, '}');
	if (res.failed || paths.failed || errors.failed || json.failed ||
	    doc_parse(c->arena, json.p, json.len, &d, NULL) ||
	    !doc_mset(c->doc, c->input, "status", shape_copy(c, yyjson_doc_get_root(d))))
		return fail_err(c, -ERR_SIZE, NULL);
	return done(c);
}

enum step review_access(struct call *c)
{
	const char *kind = c->kind->kind;

	if (!strcmp(kind, "SelfSubjectAccessReview"))
		return access_review(c, &c->user, false);
	if (!strcmp(kind, "SelfSubjectRulesReview"))
		return rules(c);
	return subject(c);
}
