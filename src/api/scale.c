/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scale - a workload seen as one number. Reading makes a Scale of it, writing sets
 * spec.replicas and nothing else.
 * Source: kubernetes pkg/registry/apps/deployment/storage (ScaleREST).
 */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "kinds/kinds_custom.h"

/* Where the numbers are: custom kinds say it in their definition (".spec.replicas"). */
struct places { const char *spec, *status, *selector; };

static struct places places_of(const struct call *c)
{
	const struct kinds_custom *more = kinds_custom_of(c->kind);
	struct places p = { "spec.replicas", "status.replicas", NULL };

	if (!more)
		return p;
	if (more->spec_replicas && *more->spec_replicas == '.')
		p.spec = more->spec_replicas + 1;
	if (more->status_replicas && *more->status_replicas == '.')
		p.status = more->status_replicas + 1;
	if (more->label_selector && *more->label_selector == '.')
		p.selector = more->label_selector + 1;
	return p;
}

static const char *selector_text(struct call *c, yyjson_val *parent)
{
	yyjson_val *v = doc_get(parent, "spec.selector");
	BUF_AUTO struct buf b = { 0 };
	struct selector *s;
	const char *text;
	int rc;

	if (c->kind->custom) {
		text = places_of(c).selector ? doc_str(parent, places_of(c).selector) : NULL;
		return text ? text : "";
	}
	rc = c->kind == c->api->k.rc ? selector_from_map(c->arena, v, &s, NULL)
		: selector_from(c->arena, v, &s, NULL);
	if (rc)
		return "";
	selector_print(s, &b);
	return b.failed || !b.p ? "" : arena_strndup(c->arena, b.p, b.len);
}

static yyjson_mut_val *make(struct call *c, yyjson_val *parent)
{
	static const char *const keep[] = { "name", "namespace", "uid", "resourceVersion", "creationTimestamp" };
	yyjson_mut_val *v, *spec, *meta;
	const char *sel = selector_text(c, parent);
	struct places p = places_of(c);
	int64_t n = doc_int(parent, p.spec, c->kind->custom ? 0 : 1);

	if (!c->doc)
		c->doc = doc_new(c->arena);
	v = c->doc ? yyjson_mut_obj(c->doc) : NULL;
	if (!v || !doc_mset_str(c->doc, v, "kind", "Scale") || !doc_mset_str(c->doc, v, "apiVersion", "autoscaling/v1"))
		return NULL;
	meta = doc_mobj(c->doc, v, "metadata");
	for (size_t i = 0; meta && i < sizeof(keep) / sizeof(keep[0]); i++) {
		const char *s = doc_str(doc_get(parent, "metadata"), keep[i]);

		if (s && !doc_mset_str(c->doc, meta, keep[i], s))
			return NULL;
	}
	spec = doc_mobj(c->doc, v, "spec");
	if (!meta || !spec || (n && !doc_mset_int(c->doc, spec, "replicas", n)))
		return NULL;
	if (!doc_mset_int(c->doc, v, "status.replicas", doc_int(parent, p.status, 0)))
		return NULL;
	if (*sel && !doc_mset_str(c->doc, v, "status.selector", sel))
		return NULL;
	return v;
}

enum step scale_reply(struct call *c, int status, yyjson_val *parent)
{
	yyjson_mut_val *v = parent ? make(c, parent) : NULL;

	return v ? reply_mut(c, status, v) : fail_err(c, -ERR_SIZE, NULL);
}

/* An applied Scale is an applied parent that says nothing but its number. */
enum step scale_configuration(struct call *c)
{
	yyjson_mut_val *n = doc_mget(c->input, "spec.replicas"), *v = yyjson_mut_obj(c->doc), *meta;
	static const char *const keep[] = { "name", "namespace", "resourceVersion" };

	meta = v && doc_mset_str(c->doc, v, "kind", c->kind->kind) &&
		doc_mset_str(c->doc, v, "apiVersion", c->kind->api_version) ? doc_mobj(c->doc, v, "metadata") : NULL;
	for (size_t i = 0; meta && i < sizeof(keep) / sizeof(keep[0]); i++) {
		const char *s = doc_mstr(doc_mget(c->input, "metadata"), keep[i]);

		if (s && !doc_mset_str(c->doc, meta, keep[i], s))
			meta = NULL;
	}
	if (!meta || (n && !doc_mset(c->doc, v, places_of(c).spec, yyjson_mut_val_mut_copy(c->doc, n))))
		return fail_err(c, -ERR_SIZE, NULL);
	c->input = v;
	return STEP_NEXT;
}

/* The Scale in the body, or the patched one, becomes a change of its parent. */
enum step scale_load(struct call *c)
{
	const struct kinds_type *t = kinds_type_by_gvk("autoscaling", "v1", "Scale");
	yyjson_mut_val *scale, *replicas;
	const char *rv, *name;
	bool found;
	int64_t n;
	enum step step = load_current(c, &found);

	if (step != STEP_NEXT)
		return step;
	if (!found)
		return fail_not_found(c, c->resource, c->group, c->name);
	if (c->patch == PATCH_APPLY)
		return load_applied(c, true);
	scale = c->input;
	if (c->verb == VERB_PATCH) {
		scale = make(c, view_tree(c, c->cur));
		if (!scale)
			return fail_err(c, -ERR_SIZE, NULL);
		step = patch_apply(c, t, &scale);
		if (step != STEP_NEXT)
			return step;
	}
	name = doc_mstr(scale, "metadata.name");
	if (name && *name && strcmp(name, c->name))
		return fail_bad_request(c, "the name of the object (%s) does not match the name on the URL (%s)",
			name, c->name);
	rv = doc_mstr(scale, "metadata.resourceVersion");
	c->conditional = c->verb == VERB_UPDATE && rv && *rv;
	if (rv && *rv && strtoll(rv, NULL, 10) != c->cur->rev)
		return fail_modified(c);
	replicas = doc_mget(scale, "spec.replicas");
	n = doc_mint(scale, "spec.replicas", 0);
	if (n < 0) {
		struct field_error *e = NULL;

		field_error_add(c->arena, &e, "FieldValueInvalid", "spec.replicas",
			"Invalid value: %lld: must be greater than or equal to 0", (long long)n);
		return fail_invalid(c, "Scale", "autoscaling", c->name, e);
	}
	c->obj = yyjson_mut_val_mut_copy(c->doc, c->old);
	if (!c->obj || !doc_mset_int(c->doc, c->obj, places_of(c).spec, replicas ? n : 0))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}
