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
	if (rc)
		return fail_err(c, rc, &e);
	for (uint32_t i = 0; i < f->fields.n; i++) {
		const struct field_term *t = &f->fields.v[i];

		if (!kinds_field_known(c->kind, t->field))
			return fail_bad_request(c, "field label not supported: %s", t->field);
		if (t->negate)
			continue;
		if (!strcmp(t->field, "metadata.name"))
			f->name = t->value;
		else if (!strcmp(t->field, "spec.nodeName") && c->kind == c->api->k.pod)
			f->node = t->value;
	}
	/* A watch of one object by its path. */
	if (c->verb == VERB_WATCH && *c->name && !c->list_named)
		f->name = c->name;
	f->everything = selector_everything(f->labels) && !f->fields.n && !f->name;
	return STEP_NEXT;
}

/* One term's value; tree is asked for only when the header does not know it. */
static const char *term_value(struct call *c, const struct field_term *t, const char *ns, const char *name,
	struct cache_obj *o, yyjson_val **tree)
{
	if (!strcmp(t->field, "metadata.name"))
		return name;
	if (!strcmp(t->field, "metadata.namespace"))
		return ns;
	if (o && c->kind == c->api->k.pod && !strcmp(t->field, "spec.nodeName"))
		return o->node;
	if (!*tree)
		*tree = view_tree(c, o);
	return kinds_field_value(c->kind, *tree, t->field);
}

static bool match(struct call *c, const struct filter *f, const struct labels *labels, const char *ns,
	const char *name, struct cache_obj *o, yyjson_val *tree)
{
	if (!selector_match(f->labels, labels) || (f->name && strcmp(f->name, name)))
		return false;
	for (uint32_t i = 0; i < f->fields.n; i++) {
		const struct field_term *t = &f->fields.v[i];
		const char *v = term_value(c, t, ns, name, o, &tree);

		if (!strcmp(v ? v : "", t->value) == t->negate)
			return false;
	}
	return true;
}

bool filter_match(struct call *c, const struct filter *f, struct cache_obj *o)
{
	return f->everything || match(c, f, &o->labels, o->ns, o->name, o, NULL);
}

bool filter_match_tree(struct call *c, const struct filter *f, const struct labels *labels,
	const char *ns, const char *name, yyjson_val *tree)
{
	return f->everything || match(c, f, labels, ns, name, NULL, tree);
}
