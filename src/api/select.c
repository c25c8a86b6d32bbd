/* SPDX-License-Identifier: Apache-2.0 */
/* select - the label and field selectors of a list, watch or deletecollection. */
#include <string.h>

#include "api/call.h"

enum step filter_parse(struct call *c, struct filter *f)
{
	struct err e = { 0 };
	int rc;

	memset(f, 0, sizeof(*f));
	rc = selector_parse(c->arena, param(c, "labelSelector"), &f->labels, &e);
	if (!rc)
		rc = fieldsel_parse(c->arena, param(c, "fieldSelector"), &f->fields, &e);
	if (rc == -ERR_BAD_REQUEST)
		return fail_bad_request(c, "%s", e.msg);
	return rc ? fail_err(c, rc, &e) : STEP_NEXT;
}

static enum step unknown_field(struct call *c, const char *field)
{
	if (c->kind->custom || kinds_field_any(c->kind))
		return fail_bad_request(c, "field label not supported: %s", field);
	return fail_bad_request(c, "\"%s\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"", field);
}

enum step filter_check(struct call *c, struct filter *f)
{
	for (uint32_t i = 0; i < f->fields.n; i++) {
		const struct field_term *t = &f->fields.v[i];

		if (!kinds_field_known(c->kind, t->field))
			return unknown_field(c, t->field);
		if (t->negate)
			continue;
		if (!strcmp(t->field, "metadata.name"))
			f->name = t->value;
		else if (!strcmp(t->field, "spec.nodeName") && c->kind == c->api->k.pod)
			f->node = t->value;
	}
	/* A watch of one object by its path. */
	if (c->verb == VERB_WATCH && *c->name && !c->list_named) {
		if (f->fields.n && (!f->name || strcmp(f->name, c->name)))
			return fail_bad_request(c, "fieldSelector metadata.name doesn't match requested name");
		f->name = c->name;
	}
	f->everything = selector_everything(f->labels) && !f->fields.n && !f->name;
	return STEP_NEXT;
}

/* The value that an object's header has. False: only its tree tells. */
static bool near_value(const struct call *c, const struct field_term *t, const char *ns, const char *name,
	const struct cache_obj *o, const char **ret)
{
	if (!strcmp(t->field, "metadata.name"))
		*ret = name;
	else if (!strcmp(t->field, "metadata.namespace"))
		*ret = ns;
	else if (o && c->kind == c->api->k.pod && !strcmp(t->field, "spec.nodeName"))
		*ret = o->node;
	else
		return false;
	return true;
}

bool filter_needs_tree(const struct call *c, const struct filter *f)
{
	static const struct cache_obj any;
	const char *v;

	for (uint32_t i = 0; i < f->fields.n; i++)
		if (!near_value(c, &f->fields.v[i], "", "", &any, &v))
			return true;
	return false;
}

static bool term_match(const struct field_term *t, const char *v)
{
	return !strcmp(v ? v : "", t->value) != t->negate;
}

bool filter_near(struct call *c, const struct filter *f, struct cache_obj *o)
{
	const char *v;

	if (!selector_match(f->labels, &o->labels) || (f->name && strcmp(f->name, o->name)))
		return false;
	for (uint32_t i = 0; i < f->fields.n; i++)
		if (near_value(c, &f->fields.v[i], o->ns, o->name, o, &v) && !term_match(&f->fields.v[i], v))
			return false;
	return true;
}

bool filter_match(struct call *c, const struct filter *f, struct cache_obj *o)
{
	yyjson_val *tree = NULL;

	if (f->everything)
		return true;
	if (!selector_match(f->labels, &o->labels) || (f->name && strcmp(f->name, o->name)))
		return false;
	for (uint32_t i = 0; i < f->fields.n; i++) {
		const struct field_term *t = &f->fields.v[i];
		const char *v;

		if (!near_value(c, t, o->ns, o->name, o, &v)) {   /* only then it is parsed */
			if (!tree)
				tree = view_tree(c, o);
			v = kinds_field_value(c->kind, tree, t->field);
		}
		if (!term_match(t, v))
			return false;
	}
	return true;
}
