/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crd_status - what a definition says about itself, written with it: which of its names
 * are accepted, whether it is established, approved, going; the versions objects were
 * ever stored in.
 *
 * Names belong to whoever had them first in the group; once established a definition
 * stays so by the names it has.
 * Source: apiextensions pkg/controller/{status/naming_controller.go, establish,
 * apiapproval, finalizer}, pkg/registry/customresourcedefinition/strategy.go.
 */
#include <string.h>

#include "api/call.h"
#include "api/crd.h"
#include "base/env.h"
#include "base/text.h"
#include "kinds/kinds_custom.h"

static yyjson_mut_val *find_condition(yyjson_mut_val *list, const char *type)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *v;

	yyjson_mut_arr_iter_init(list, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(v, "type"), type))
			return v;
	return NULL;
}

static bool set_condition(struct call *c, const char *type, bool ok, const char *reason, const char *message)
{
	yyjson_mut_val *list = doc_marr(c->doc, c->obj, "status.conditions"), *v;
	const char *status = ok ? "True" : "False", *was;
	char now[TEXT_TIME_MAX];

	v = list ? find_condition(list, type) : NULL;
	if (!v)
		v = list ? yyjson_mut_arr_add_obj(c->doc, list) : NULL;
	if (!v || !message)
		return false;
	was = doc_mstr(v, "status");
	text_time(now, env_wall_us());
	if ((!was || strcmp(was, status)) && !doc_mset_str(c->doc, v, "lastTransitionTime", now))
		return false;
	return doc_mset_str(c->doc, v, "type", type) && doc_mset_str(c->doc, v, "status", status) &&
		doc_mset_str(c->doc, v, "reason", reason) && doc_mset_str(c->doc, v, "message", message);
}

/* ---- names ---- */

struct naming {
	struct call *c;
	const char *group;
	yyjson_mut_val *wanted, *had, *now;   /* names of the spec; accepted before; accepted now */
	const char *reason, *message;         /* of the last conflict, or NULL */
};

static bool is_taken(struct naming *n, bool kind, const char *name)
{
	if (!kinds_custom_taken(n->group, kind, name, n->c->name))
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

static bool has(yyjson_mut_val *list, yyjson_mut_val *name)
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
		if (!has(was, v) && is_taken(n, false, yyjson_mut_get_str(v))) {
			n->reason = "ShortNamesConflict";
			want = was;
			break;
		}
	return !want || doc_mset(n->c->doc, n->now, "shortNames", yyjson_mut_val_mut_copy(n->c->doc, want));
}

static bool accept_names(struct call *c)
{
	struct naming n = { .c = c, .group = doc_mstr(c->obj, "spec.group"), .wanted = doc_mget(c->obj, "spec.names"),
		.had = doc_mget(c->obj, "status.acceptedNames"), .now = yyjson_mut_obj(c->doc) };
	yyjson_mut_val *categories = yyjson_mut_obj_get(n.wanted, "categories");
	const char *was = doc_mstr(find_condition(doc_mget(c->obj, "status.conditions"), "Established"), "status");

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
	if (!set_condition(c, "NamesAccepted", !n.reason, n.reason ? n.reason : "NoConflicts",
			n.reason ? n.message : "no conflicts found"))
		return false;
	if (was && !strcmp(was, "True"))
		return true;
	return set_condition(c, "Established", !n.reason, n.reason ? "NotAccepted" : "InitialNamesAccepted",
		n.reason ? "not all names are accepted" : "the initial names have been accepted");
}

/* ---- the rest ---- */

static bool add_approval(struct call *c)
{
	const char *group = doc_mstr(c->obj, "spec.group"), *why_not, *state;
	const char *note = yyjson_mut_get_str(yyjson_mut_obj_get(doc_mget(c->obj, "metadata.annotations"), "api-approved.kubernetes.io"));

	state = group ? kinds_crd_approval(group, note, &why_not) : NULL;
	if (!state)
		return true;
	if (*state == 'A')
		return set_condition(c, "KubernetesAPIApprovalPolicyConformant", true, state,
			arena_printf(c->arena, "approved in %s", note));
	return set_condition(c, "KubernetesAPIApprovalPolicyConformant", false, state,
		*why_not ? why_not : arena_printf(c->arena, "not approved: \"%s\"", note));
}

static bool add_stored_version(struct call *c)
{
	yyjson_mut_val *list = doc_marr(c->doc, c->obj, "status.storedVersions"), *v, *storage = NULL;
	yyjson_mut_arr_iter it;

	yyjson_mut_arr_iter_init(doc_mget(c->obj, "spec.versions"), &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (doc_mbool(v, "storage", false))
			storage = yyjson_mut_obj_get(v, "name");
	if (!list || !yyjson_mut_is_str(storage) || has(list, storage))
		return list != NULL;
	return yyjson_mut_arr_append(list, yyjson_mut_val_mut_copy(c->doc, storage));
}

static bool add_finalizer(struct call *c)
{
	yyjson_mut_val *list = doc_marr(c->doc, c->obj, "metadata.finalizers"), *name = yyjson_mut_str(c->doc, CRD_FINALIZER);

	return list && name && (has(list, name) || yyjson_mut_arr_append(list, name));
}

enum step crd_prepare(struct call *c)
{
	bool ok;

	if (*c->sub)
		return STEP_NEXT;
	ok = accept_names(c) && add_approval(c) && add_stored_version(c) && (!c->creating || add_finalizer(c));
	return ok ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
}

enum step crd_delete_prepare(struct call *c)
{
	if (c->remove || set_condition(c, "Terminating", true, "InstanceDeletionInProgress",
			"CustomResource deletion is in progress"))
		return STEP_NEXT;
	return fail_err(c, -ERR_SIZE, NULL);
}
