/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply - server-side apply: the configuration in the body onto the object as it is. It
 * is handed on as it was sent, for what is owned is what was said.
 * Source: apiserver pkg/endpoints/handlers/patch.go (applyPatcher), apimachinery
 * util/managedfields/internal (versioncheck.go, conflict.go).
 */
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "doc/print.h"
#include "doc/syntax.h"
#include "doc/yaml.h"

static const char *conflict_manager(struct call *c, const struct apply_conflict *x)
{
	BUF_AUTO struct buf b = { 0 };

	buf_add_json(&b, x->manager, strlen(x->manager));
	if (x->subresource && *x->subresource)
		buf_printf(&b, " with subresource \"%s\"", x->subresource);
	if (x->api_version && *x->api_version)
		buf_printf(&b, " using %s", x->api_version);
	return b.failed ? NULL : arena_strndup(c->arena, b.p, b.len);
}

static enum step conflicts(struct call *c, const struct apply_conflict *list)
{
	BUF_AUTO struct buf b = { 0 };
	struct cause *causes;
	const char *before = "";
	size_t n = 0, i = 0;

	for (const struct apply_conflict *x = list; x; x = x->next)
		n++;
	causes = arena_zalloc(c->arena, (n + 1) * sizeof(*causes));
	if (!causes)
		return fail_err(c, -ERR_SIZE, NULL);
	buf_printf(&b, "Apply failed with %zu conflict%s: ", n, n == 1 ? "" : "s");
	for (const struct apply_conflict *x = list; x; x = x->next, i++) {
		const char *manager = conflict_manager(c, x);

		causes[i].reason = "FieldManagerConflict";
		causes[i].message = manager ? arena_printf(c->arena, "conflict with %s", manager) : NULL;
		/* A Scale has its number at one place, wherever its parent keeps it. */
		causes[i].field = c->scale ? ".spec.replicas" : x->field;
		if (!causes[i].message)
			return fail_err(c, -ERR_SIZE, NULL);
		if (n == 1)
			buf_printf(&b, "%s: %s", causes[i].message, causes[i].field);
		else if (strcmp(manager, before))
			buf_printf(&b, "%sconflicts with %s:\n- %s", i ? "\n" : "", manager, causes[i].field);
		else
			buf_printf(&b, "\n- %s", causes[i].field);
		before = manager;
	}
	return fail_status(c, 409, "Conflict", causes, n, "%s", b.failed ? "Apply failed with conflicts" : b.p);
}

/* The body as a tree, of repeated keys the last; a line in repeated for each of them. */
static enum step read_configuration(struct call *c, yyjson_mut_val **ret, struct buf *repeated)
{
	struct err e = { 0 };
	yyjson_doc *d;
	int rc = -ERR_BAD_REQUEST;

	*ret = NULL;
	/* kubectl sends JSON: that is read a thousand times faster. */
	if (c->body_len && *c->body == '{')
		rc = doc_parse(c->arena, c->body, c->body_len, &d, &e);
	if (!rc && !syntax_repeats(yyjson_doc_get_root(d))) {
		*ret = yyjson_val_mut_copy(c->doc, yyjson_doc_get_root(d));
		rc = *ret ? 0 : -ERR_SIZE;
	} else if (!rc || rc == -ERR_BAD_REQUEST) {
		rc = yaml_parse_noting(c->doc, c->body, c->body_len, ret, repeated, &e);
	}
	if (rc == -ERR_BAD_REQUEST)
		return fail_bad_request(c, "error decoding YAML: error converting YAML to JSON: %s", e.msg);
	if (!rc && *ret && !yyjson_mut_is_obj(*ret))
		return fail_bad_request(c, "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot "
			"unmarshal %s into Go value of type map[string]interface {}", doc_word(doc_freeze(c->arena, *ret)));
	if (!rc && !*ret)
		*ret = yyjson_mut_obj(c->doc);
	return rc || !*ret ? fail_err(c, -ERR_SIZE, NULL) : STEP_NEXT;
}

/* The configuration must say what it is. */
static enum step check_kind(struct call *c, yyjson_mut_val *v)
{
	const char *kind = doc_mstr(v, "kind"), *version = doc_mstr(v, "apiVersion");
	const char *want_kind = c->scale ? "Scale" : c->kind->kind;
	const char *want = c->scale ? "autoscaling/v1" : c->kind->api_version;
	char group[254], ver[64];

	if (kind && version && !strcmp(kind, want_kind) && !strcmp(version, want))
		return STEP_NEXT;
	kinds_split_api_version(version ? version : "", group, ver);
	return fail_bad_request(c, "invalid object type: %s/%s, Kind=%s", group, ver, kind ? kind : "");
}

static enum step tell_repeats(struct call *c, const struct buf *repeated)
{
	BUF_AUTO struct buf b = { 0 };

	if (!repeated->len || c->strict == KS_IGNORE)
		return STEP_NEXT;
	if (c->strict != KS_STRICT) {
		call_warn_lines(c, repeated);
		return STEP_NEXT;
	}
	body_repeats(&b, repeated);
	return fail_bad_request(c, "error strict decoding YAML: error converting YAML to JSON: %s", b.failed ? "" : b.p);
}

enum step apply_configuration(struct call *c)
{
	struct apply_req req = { .kind = c->kind, .sub = *c->sub ? c->sub : NULL, .manager = c->manager,
		.force = c->force, .now_us = env_wall_us() };
	BUF_AUTO struct buf repeated = { 0 };
	struct apply_conflict *found = NULL;
	struct err e = { 0 };
	yyjson_mut_val *live = NULL;
	enum step step = read_configuration(c, &c->input, &repeated);
	int rc;

	if (step == STEP_NEXT)
		step = check_kind(c, c->input);
	if (step == STEP_NEXT && c->scale)
		step = scale_configuration(c);
	if (step != STEP_NEXT)
		return step;
	if (c->old) {
		live = yyjson_mut_val_mut_copy(c->doc, c->old);
		if (!live)
			return fail_err(c, -ERR_SIZE, NULL);
	}
	rc = kinds_apply(c->doc, c->arena, &req, live, c->input, &c->obj, &found, &e);
	if (rc == -ERR_CONFLICT)
		return conflicts(c, found);
	if (rc == -ERR_INTERNAL)       /* upstream has no reason for it */
		return fail_status(c, 500, NULL, NULL, 0, "%s", e.msg);
	return rc ? fail_err(c, rc, &e) : tell_repeats(c, &repeated);
}
