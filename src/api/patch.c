/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patch - the four patches applied to the object as it is now. What comes out is
 * decoded like a body: checked against the table, in its order.
 */
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "doc/yaml.h"

static enum step patch_failed(struct call *c, int rc, const struct err *e)
{
	if (rc == -ERR_BAD_REQUEST)
		return fail_bad_request(c, "%s", *e->msg ? e->msg : "the patch is not well-formed");
	if (rc == -ERR_INVALID)
		return fail_status(c, 422, "Invalid", NULL, 0, "%s",
			*e->msg ? e->msg : "the server rejected our request due to an error in our request");
	if (rc == -ERR_INTERNAL)       /* upstream has no reason for it */
		return fail_status(c, 500, NULL, NULL, 0, "%s", e->msg);
	return fail_err(c, rc, e);
}

/* Unknown and duplicate members of the patch itself and of what it makes. */
static enum step patch_problems(struct call *c, struct kinds_problem *p)
{
	BUF_AUTO struct buf b = { 0 };

	if (!p)
		return STEP_NEXT;
	if (c->strict != KS_STRICT) {
		for (; p && c->tries <= 1; p = p->next)
			call_warn(c, p->text);
		return STEP_NEXT;
	}
	for (struct kinds_problem *q = p; q; q = q->next)
		buf_printf(&b, "%s%s", q == p ? "" : ", ", q->text);
	return fail_status(c, 422, "Invalid", NULL, 0, "strict decoding error: %s", b.failed ? "" : b.p);
}

enum step patch_apply(struct call *c, const struct kinds_type *t, yyjson_mut_val **root)
{
	struct kinds_problem *p = NULL;
	struct err e = { 0 };
	yyjson_doc *d;
	yyjson_val *patch, *frozen;
	enum step step;
	int rc = doc_parse(c->arena, c->body, c->body_len, &d, &e);

	if (rc)
		return patch_failed(c, rc, &e);
	patch = yyjson_doc_get_root(d);
	if (c->patch == PATCH_JSON)
		rc = patch_json(c->doc, root, patch, &e);
	else if (!yyjson_is_obj(patch))
		rc = err_set(&e, ERR_BAD_REQUEST, "the patch is not a JSON object");
	else if (c->patch == PATCH_MERGE)
		rc = patch_merge(c->doc, root, patch, &e);
	else
		rc = kinds_smp(c->doc, c->arena, t, root, patch, &e);
	if (rc)
		return patch_failed(c, rc, &e);
	if (!yyjson_mut_is_obj(*root))
		return fail_bad_request(c, "the patched object is not a JSON object");
	frozen = doc_freeze(c->arena, *root);
	if (!frozen)
		return fail_err(c, -ERR_SIZE, NULL);
	rc = kinds_decode(c->doc, c->arena, t, frozen, c->strict, root, &p, &e);
	if (rc == -ERR_BAD_REQUEST)
		return fail_bad_request(c, "%s", e.msg);
	if (rc)
		return fail_err(c, rc, &e);
	step = patch_problems(c, p);
	if (step != STEP_NEXT)
		return step;
	/* A patch may not turn one kind into another. */
	if (c->old && !c->scale && (!doc_mset_str(c->doc, *root, "kind", c->kind->kind) ||
		    !doc_mset_str(c->doc, *root, "apiVersion", c->kind->api_version)))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}

/* ---- server-side apply ---- */

static const char *conflict_manager(struct call *c, const struct apply_conflict *x)
{
	BUF_AUTO struct buf b = { 0 };

	buf_printf(&b, "\"%s\"", x->manager);
	if (x->subresource && *x->subresource)
		buf_printf(&b, " with subresource \"%s\"", x->subresource);
	if (x->api_version && *x->api_version)
		buf_printf(&b, " using %s", x->api_version);
	if (x->time && *x->time)
		buf_printf(&b, " at %s", x->time);
	return b.failed ? "" : arena_strndup(c->arena, b.p, b.len);
}

static enum step conflicts(struct call *c, const struct apply_conflict *list)
{
	BUF_AUTO struct buf b = { 0 };
	struct cause *causes;
	const char **managers;
	size_t n = 0, i = 0;

	for (const struct apply_conflict *x = list; x; x = x->next)
		n++;
	causes = arena_zalloc(c->arena, (n + 1) * sizeof(*causes));
	managers = arena_zalloc(c->arena, (n + 1) * sizeof(*managers));
	if (!causes || !managers)
		return fail_err(c, -ERR_SIZE, NULL);
	for (const struct apply_conflict *x = list; x; x = x->next, i++) {
		managers[i] = conflict_manager(c, x);
		causes[i].reason = "FieldManagerConflict";
		causes[i].message = arena_printf(c->arena, "conflict with %s", managers[i]);
		causes[i].field = x->field;
	}
	if (n == 1) {
		buf_printf(&b, "Apply failed with 1 conflict: conflict with %s: %s", managers[0], causes[0].field);
	} else {
		buf_printf(&b, "Apply failed with %zu conflicts: ", n);
		for (i = 0; i < n; i++) {
			bool told = false;

			for (size_t j = 0; j < i && !told; j++)
				told = !strcmp(managers[i], managers[j]);
			if (told)
				continue;
			buf_printf(&b, "%sconflicts with %s:", i ? "\n" : "", managers[i]);
			for (size_t j = i; j < n; j++)
				if (!strcmp(managers[i], managers[j]))
					buf_printf(&b, "\n- %s", causes[j].field);
		}
	}
	return fail_status(c, 409, "Conflict", causes, n, "%s", b.failed ? "Apply failed" : b.p);
}

enum step patch_server_side(struct call *c)
{
	struct apply_req req = { .kind = c->kind, .sub = *c->sub ? c->sub : NULL, .manager = c->manager,
		.force = c->force, .now_us = env_wall_us() };
	struct apply_conflict *found = NULL;
	struct err e = { 0 };
	yyjson_mut_val *live = NULL;
	enum step step;
	int rc;

	c->body_type = c->kind->type;
	step = body_decode(c);
	if (step != STEP_NEXT)
		return step;
	if (doc_mlen(c->input, "metadata.managedFields"))
		return fail_bad_request(c, "metadata.managedFields must be nil");
	if (!doc_mstr(c->input, "metadata.name") || !*doc_mstr(c->input, "metadata.name"))
		if (!meta_set(c, c->input, "name", c->name))
			return fail_err(c, -ERR_SIZE, NULL);
	if (c->kind->namespaced && !doc_mstr(c->input, "metadata.namespace") &&
	    !meta_set(c, c->input, "namespace", c->ns))
		return fail_err(c, -ERR_SIZE, NULL);
	if (c->old) {
		live = yyjson_mut_val_mut_copy(c->doc, c->old);
		if (!live)
			return fail_err(c, -ERR_SIZE, NULL);
	}
	rc = kinds_apply(c->doc, c->arena, &req, live, c->input, &c->obj, &found, &e);
	if (rc == -ERR_CONFLICT)
		return conflicts(c, found);
	return rc ? patch_failed(c, rc, &e) : STEP_NEXT;
}
