/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crd_names - which of a definition's names are accepted, and whether it is established by them. Names belong to
 * whoever had them first in the group; once established a definition stays so by the names it has.
 *
 * Looked at first with the status (crd_prepare), for what is validated, and at the last moment again, agreed with all
 * servers (ledger.h): of several that define one name at once, one gets it. What was agreed on and is not in the
 * registry yet is held.
 *
 *   prepare: what it would be -> commit: crd_take_names, agreed and held --its event: the registry has it--> crd_undo
 *
 * Source: apiextensions pkg/controller/{status/naming_controller.go, establish}.
 * Tests: tests/unit/api/test_ledger.c
 */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/crd.h"
#include "api/ledger.h"
#include "kinds/kinds_custom.h"

/* ---- what is held ---- */

struct crd_hold {
	struct list link;              /* of crds_holds() */
	char *group, *definition;
	char *names;                   /* each behind 'k', a kind, or 'r', a resource, and a newline after it */
};

static bool is_held(const struct call *c, const char *group, bool kind, const char *name)
{
	size_t n = strlen(name);

	list_each(crds_holds(c->api), it) {
		const struct crd_hold *h = list_entry(it, struct crd_hold, link);

		if (strcmp(h->group, group) || !strcmp(h->definition, c->name))
			continue;
		for (const char *p = h->names; *p; p = strchr(p, '\n') + 1)
			if (*p == (kind ? 'k' : 'r') && !strncmp(p + 1, name, n) && p[1 + n] == '\n')
				return true;
	}
	return false;
}

static void hold_free(struct crd_hold *h)
{
	if (!h)
		return;
	list_del(&h->link);
	free(h->group);
	free(h->definition);
	free(h->names);
	free(h);
}

void crd_holds_finish(struct api *a)
{
	list_each(crds_holds(a), it)
		hold_free(list_entry(it, struct crd_hold, link));
}

static struct crd_hold *hold(struct api *a, const char *group, const char *definition, const char *names)
{
	struct crd_hold *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	list_init(&h->link);
	h->group = strdup(group);
	h->definition = strdup(definition);
	h->names = strdup(names);
	if (!h->group || !h->definition || !h->names) {
		hold_free(h);
		return NULL;
	}
	list_add_tail(crds_holds(a), &h->link);
	return h;
}

/* ---- one definition's ---- */

struct naming {
	struct call *c;
	const char *group;
	yyjson_mut_val *wanted, *had, *now;   /* names of the spec; accepted before; accepted now */
	const char *reason, *message;         /* of the last conflict, or NULL */
};

static bool is_taken(struct naming *n, bool kind, const char *name)
{
	if (!kinds_custom_taken(n->group, kind, name, n->c->name) && !is_held(n->c, n->group, kind, name))
		return false;
	n->message = arena_printf(n->c->arena, "\"%s\" is already in use", name);
	return true;
}

/* One name: the wanted one when it is free, else what it was. False over the cap. */
static bool accept_name(struct naming *n, const char *member, bool kind, const char *conflict)
{
	const char *want = doc_mstr(n->wanted, member), *was = doc_mstr(n->had, member);

	want = want ? want : "";
	was = was ? was : "";
	if (*want && strcmp(want, was) && is_taken(n, kind, want)) {
		n->reason = conflict;
		want = was;
	}
	return (!*want && strcmp(member, "plural") && strcmp(member, "kind")) || doc_mset_str(n->c->doc, n->now, member, want);
}

bool crd_has(yyjson_mut_val *list, yyjson_mut_val *name)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *v;

	yyjson_mut_arr_iter_init(list, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (doc_mequal(v, name))
			return true;
	return false;
}

static bool accept_short_names(struct naming *n)
{
	yyjson_mut_val *want = yyjson_mut_obj_get(n->wanted, "shortNames"), *was = yyjson_mut_obj_get(n->had, "shortNames"), *v;
	yyjson_mut_arr_iter it;

	yyjson_mut_arr_iter_init(want, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (!crd_has(was, v) && is_taken(n, false, yyjson_mut_get_str(v))) {
			n->reason = "ShortNamesConflict";
			want = was;
			break;
		}
	return !want || doc_mset(n->c->doc, n->now, "shortNames", yyjson_mut_val_mut_copy(n->c->doc, want));
}

bool crd_accept_names(struct call *c)
{
	struct naming n = { .c = c, .group = doc_mstr(c->obj, "spec.group"), .wanted = doc_mget(c->obj, "spec.names"),
		.had = doc_mget(c->old, "status.acceptedNames"), .now = yyjson_mut_obj(c->doc) };
	yyjson_mut_val *categories = yyjson_mut_obj_get(n.wanted, "categories");
	const char *was = doc_mstr(crd_condition(doc_mget(c->old, "status.conditions"), "Established"), "status");

	if (!n.group || !n.now || !accept_name(&n, "plural", false, "PluralConflict") ||
	    !accept_name(&n, "singular", false, "SingularConflict") || !accept_short_names(&n) ||
	    !accept_name(&n, "kind", true, "KindConflict") || !accept_name(&n, "listKind", true, "ListKindConflict") ||
	    (categories && !doc_mset(c->doc, n.now, "categories", yyjson_mut_val_mut_copy(c->doc, categories))) ||
	    !doc_mset(c->doc, c->obj, "status.acceptedNames", n.now))
		return false;
	if (kinds_builtin_group(n.group)) {
		n.reason = "GroupConflict";
		n.message = arena_printf(c->arena, "the group %s is built in", n.group);
	}
	if (!crd_set_condition(c, "NamesAccepted", !n.reason, n.reason ? n.reason : "NoConflicts",
			n.reason ? n.message : "no conflicts found"))
		return false;
	if (was && !strcmp(was, "True"))
		return true;
	return crd_set_condition(c, "Established", !n.reason, n.reason ? "NotAccepted" : "InitialNamesAccepted",
		n.reason ? "not all names are accepted" : "the initial names have been accepted");
}

/* ---- with other writes under way, here and on other servers ---- */

static void add(struct buf *b, char what, const char *name)
{
	if (name && *name)
		buf_printf(b, "%c%s\n", what, name);
}

static enum step accept(struct call *c)
{
	const char *group = doc_mstr(c->obj, "spec.group");
	BUF_AUTO struct buf names = { 0 };
	yyjson_mut_val *now, *v;
	yyjson_mut_arr_iter it;

	c->reserved = true;
	if (!crd_accept_names(c))
		return fail_err(c, -ERR_SIZE, NULL);
	now = doc_mget(c->obj, "status.acceptedNames");
	add(&names, 'r', doc_mstr(now, "plural"));
	add(&names, 'r', doc_mstr(now, "singular"));
	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(now, "shortNames"), &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		add(&names, 'r', yyjson_mut_get_str(v));
	add(&names, 'k', doc_mstr(now, "kind"));
	add(&names, 'k', doc_mstr(now, "listKind"));
	c->names = names.failed || !names.len ? NULL : hold(c->api, group, c->name, names.p);
	return c->names ? STEP_NEXT : fail_err(c, -ERR_NOMEM, NULL);
}

static int describe(struct call *c, yyjson_mut_doc *d, yyjson_mut_val *hold)
{
	return doc_mset_str(d, hold, "group", c->names->group) && doc_mset_str(d, hold, "names", c->names->names) ? 1 : -ERR_NOMEM;
}

static void count_hold(struct api *a, const char *scope, yyjson_val *v, int by)
{
	const char *group = doc_str(v, "group"), *name = doc_str(v, "name"), *names = doc_str(v, "names");

	(void)scope;
	if (!group || !name || !names || !*names || names[strlen(names) - 1] != '\n')
		return;
	if (by > 0) {
		(void)!hold(a, group, name, names);
		return;
	}
	/* The newest of these: it is not this server's own. */
	for (struct list *it = crds_holds(a)->prev; it != crds_holds(a); it = it->prev) {
		struct crd_hold *h = list_entry(it, struct crd_hold, link);

		if (!strcmp(h->group, group) && !strcmp(h->definition, name) && !strcmp(h->names, names)) {
			hold_free(h);
			return;
		}
	}
}

void crd_undo(struct call *c)
{
	hold_free(c->names);
	c->names = NULL;
	if (c->kind == c->api->k.crd)
		c->reserved = false;
}

enum step crd_take_names(struct call *c)
{
	static const struct ledger_ops ops = { accept, crd_undo, describe, count_hold, STEP_AGAIN };

	return *c->sub ? STEP_NEXT : ledger_decide(c, &c->service_seat, LEDGER_DEFINITIONS, &ops);
}
