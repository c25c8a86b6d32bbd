/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patch - the three patches that are no apply, onto the object as it is now. What comes
 * out is decoded like a body: checked against the table, in its order.
 *
 * A patch that cannot be read is the client's 400. One that cannot be applied, or whose
 * result is no object of the kind, is a 422 that shows the result (of a strategic merge:
 * the patch).
 * Source: apiserver pkg/endpoints/handlers/patch.go.
 */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "doc/print.h"
#include "doc/syntax.h"

#define PROBLEMS_MAX (2 * SYNTAX_REPEATS_MAX)   /* of the patch and of its result; more are not reported */

/* What field validation found, said once each. */
struct problems {
	struct call *c;
	struct problem { struct problem *next; const char *text; } *first, **tail;
	const char *prefix;
	unsigned count;
};

static void problem(struct problems *p, const char *text)
{
	struct problem *x;

	if (!text || p->count >= PROBLEMS_MAX)
		return;
	for (x = p->first; x; x = x->next)
		if (!strcmp(x->text, text))
			return;
	x = arena_zalloc(p->c->arena, sizeof(*x));
	if (!x || !(x->text = arena_strdup(p->c->arena, text)))
		return;        /* the arena is over its cap: the request ends for that */
	*p->tail = x;
	p->tail = &x->next;
	p->count++;
}

static void repeated(void *arg, const char *path)
{
	struct problems *p = arg;
	BUF_AUTO struct buf b = { 0 };

	buf_adds(&b, p->prefix);
	buf_adds(&b, "duplicate field ");
	buf_add_json(&b, path, strlen(path));
	if (!b.failed)
		problem(p, b.p);
}

/* ---- failures ---- */

static int by_key(const void *a, const void *b)
{
	return strcmp(yyjson_get_str(*(yyjson_val *const *)a), yyjson_get_str(*(yyjson_val *const *)b));
}

/* The patched object as upstream's library writes it: the first level by name. */
static void show(struct buf *b, yyjson_val *v)
{
	size_t n = yyjson_obj_size(v), i = 0;
	yyjson_val **keys = calloc(n + 1, sizeof(*keys));
	yyjson_obj_iter it;

	b->failed |= !keys;
	buf_addc(b, '{');
	yyjson_obj_iter_init(v, &it);
	for (yyjson_val *k; keys && (k = yyjson_obj_iter_next(&it));)
		keys[i++] = k;
	if (keys)
		qsort(keys, i, sizeof(*keys), by_key);
	for (size_t k = 0; k < i; k++) {
		buf_adds(b, k ? "," : "");
		buf_add_json(b, yyjson_get_str(keys[k]), yyjson_get_len(keys[k]));
		buf_addc(b, ':');
		b->failed |= doc_write(b, yyjson_obj_iter_get_val(keys[k])) != 0;
	}
	buf_addc(b, '}');
	free(keys);
}

static enum step invalid(struct call *c, yyjson_val *patch, yyjson_val *result, const char *why)
{
	BUF_AUTO struct buf text = { 0 }, b = { 0 };
	struct field_error *e = NULL;

	if (c->patch == PATCH_STRATEGIC)
		doc_print_go(&text, patch);
	else
		show(&text, result);
	if (!text.failed)
		buf_add_json(&b, text.p, text.len);
	if (text.failed || b.failed || !field_error_add(c->arena, &e, "FieldValueInvalid", "patch",
			"Invalid value: %s: %s", b.p, why))
		return fail_err(c, -ERR_SIZE, NULL);
	return fail_invalid(c, "", "", "", e);
}

static enum step unreadable(struct call *c, const char *why)
{
	/* Field validation reads merge and JSON patches first, to look for repetitions. */
	return fail_bad_request(c, "%s%s", c->patch == PATCH_STRATEGIC || c->strict == KS_IGNORE ? "" :
		"error decoding patch: ", why);
}

static enum step failed(struct call *c, int rc, const struct err *e)
{
	if (rc == -ERR_BAD_REQUEST)
		return fail_bad_request(c, "%s", e->msg);
	if (rc == -ERR_INVALID)
		return fail_generic(c, 422, "Invalid", "the server rejected our request due to an error in our request");
	if (rc == -ERR_INTERNAL)       /* upstream has no reason for it */
		return fail_status(c, 500, NULL, NULL, 0, "%s", e->msg);
	if (rc == -ERR_SIZE && c->patch == PATCH_JSON)
		return fail_status(c, 413, "RequestEntityTooLarge", NULL, 0, "Request entity too large: %s", e->msg);
	return fail_err(c, rc, e);
}

/* ---- reading ---- */

/* A JSON patch is a list of objects with four members. */
static enum step read_operations(struct call *c, yyjson_val *patch, struct problems *p)
{
	static const char *const members[] = { "op", "path", "from", "value" };
	yyjson_arr_iter it;
	yyjson_val *op;
	size_t at = 0;

	if (!yyjson_is_arr(patch))
		return unreadable(c, arena_printf(c->arena, "json: cannot unmarshal %s into Go value of type "
			"[]handlers.jsonPatchOp", doc_word(patch)));
	yyjson_arr_iter_init(patch, &it);
	for (; (op = yyjson_arr_iter_next(&it)); at++) {
		yyjson_obj_iter ot;

		if (!yyjson_is_obj(op))
			return unreadable(c, arena_printf(c->arena, "json: cannot unmarshal %s into Go value of type "
				"handlers.jsonPatchOp", doc_word(op)));
		yyjson_obj_iter_init(op, &ot);
		for (yyjson_val *k; (k = yyjson_obj_iter_next(&ot));) {
			yyjson_val *v = yyjson_obj_iter_get_val(k);
			size_t i = 0;

			while (i < 4 && !yyjson_equals_str(k, members[i]))
				i++;
			if (i < 3 && !yyjson_is_str(v) && !yyjson_is_null(v))
				return unreadable(c, arena_printf(c->arena, "json: cannot unmarshal %s into Go struct field "
					"jsonPatchOp.%s of type string", doc_word(v), members[i]));
			if (i == 4 && p->count < SYNTAX_REPEATS_MAX)
				problem(p, arena_printf(c->arena, "json patch unknown field \"[%zu].%s\"", at, yyjson_get_str(k)));
		}
	}
	return STEP_NEXT;
}

static enum step read_patch(struct call *c, yyjson_val **ret, struct problems *p)
{
	char wrong[SYNTAX_TEXT_MAX];
	struct err e = { 0 };
	enum step step = STEP_NEXT;
	yyjson_mut_val *last;
	yyjson_doc *d;
	int rc = doc_parse(c->arena, c->body, c->body_len, &d, &e);

	if (rc == -ERR_BAD_REQUEST) {
		const char *why = syntax_error(c->body, c->body_len, wrong);

		return unreadable(c, why ? why : e.msg);
	}
	if (rc)
		return fail_err(c, rc, &e);
	*ret = yyjson_doc_get_root(d);
	if (c->patch == PATCH_JSON)
		step = read_operations(c, *ret, p);
	else if (!yyjson_is_obj(*ret))
		step = unreadable(c, arena_printf(c->arena, "json: cannot unmarshal %s into Go value of type "
			"map[string]interface {}", doc_word(*ret)));
	if (step != STEP_NEXT || !syntax_repeats(*ret))
		return step;
	p->prefix = c->patch == PATCH_JSON ? "json patch " : "";
	if (c->strict != KS_IGNORE)
		syntax_each_repeat(*ret, repeated, p);
	last = syntax_copy_last(c->doc, *ret);
	*ret = last ? doc_freeze(c->arena, last) : NULL;
	return *ret ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
}

/* ---- the patch ---- */

static enum step tell(struct call *c, const struct problems *p, yyjson_val *patch, yyjson_val *result)
{
	BUF_AUTO struct buf b = { 0 };

	if (!p->first || c->strict == KS_IGNORE)
		return STEP_NEXT;
	if (c->strict != KS_STRICT) {
		for (const struct problem *x = p->first; x; x = x->next)
			call_warn(c, x->text);
		return STEP_NEXT;
	}
	buf_adds(&b, "strict decoding error: ");
	for (const struct problem *x = p->first; x; x = x->next)
		buf_printf(&b, "%s%s", x == p->first ? "" : ", ", x->text);
	return invalid(c, patch, result, b.failed ? "strict decoding error" : b.p);
}

static int change(struct call *c, const struct kinds_type *t, yyjson_mut_val **root, yyjson_val *patch, struct err *e)
{
	switch (c->patch) {
	case PATCH_JSON:
		return patch_json(c->doc, root, patch, e);
	case PATCH_MERGE:
		return patch_merge(c->doc, root, patch, e);
	default:
		return kinds_smp(c->doc, c->arena, t, root, patch, e);
	}
}

enum step patch_apply(struct call *c, const struct kinds_type *t, yyjson_mut_val **root)
{
	struct problems p = { .c = c, .tail = &p.first };
	enum kinds_strict how = c->patch == PATCH_STRATEGIC ? c->strict | KS_FROM_MAP : c->strict;
	struct kinds_problem *found = NULL;
	struct err e = { 0 };
	yyjson_val *patch, *result;
	const char *why = NULL;
	enum step step = read_patch(c, &patch, &p);
	int rc;

	if (step != STEP_NEXT)
		return step;
	rc = change(c, t, root, patch, &e);
	if (rc)
		return failed(c, rc, &e);
	result = doc_freeze(c->arena, *root);
	if (!result)
		return fail_err(c, -ERR_SIZE, NULL);
	if (!yyjson_is_obj(result))
		return failed(c, -ERR_INVALID, NULL);
	rc = kinds_decode(c->doc, c->arena, t, result, how, root, &found, &e);
	if (!rc && c->patch != PATCH_STRATEGIC && (c->scale || !c->kind->custom))
		why = body_mismatch(c, t, *root);
	if (rc == -ERR_BAD_REQUEST || why)
		return invalid(c, patch, result, why ? why : e.msg);
	if (rc)
		return fail_err(c, rc, &e);
	for (; found; found = found->next)
		problem(&p, found->text);
	step = tell(c, &p, patch, result);
	if (step != STEP_NEXT)
		return step;
	if (!c->scale)
		c->clear_owners = yyjson_is_arr(doc_get(result, "metadata.managedFields")) &&
			!doc_len(result, "metadata.managedFields");
	/* A patch may not turn one kind into another. */
	if (!c->scale && (!doc_mset_str(c->doc, *root, "kind", c->kind->kind) ||
		    !doc_mset_str(c->doc, *root, "apiVersion", c->kind->api_version)))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}
