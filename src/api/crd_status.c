/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crd_status - what a definition says about itself, written with it: whether it is approved, or going; the versions
 * objects were ever stored in; and (crd_names.c) which of its names are accepted, and whether it is established.
 * Source: apiextensions pkg/controller/{apiapproval, finalizer}, pkg/registry/customresourcedefinition/strategy.go.
 */
#include <string.h>

#include "api/call.h"
#include "api/crd.h"
#include "base/env.h"
#include "base/text.h"
#include "kinds/kinds_custom.h"

yyjson_mut_val *crd_condition(yyjson_mut_val *list, const char *type)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *v;

	yyjson_mut_arr_iter_init(list, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(v, "type"), type))
			return v;
	return NULL;
}

bool crd_set_condition(struct call *c, const char *type, bool ok, const char *reason, const char *message)
{
	yyjson_mut_val *list = doc_marr(c->doc, c->obj, "status.conditions"), *v;
	const char *status = ok ? "True" : "False", *was;
	char now[TEXT_TIME_MAX];

	v = list ? crd_condition(list, type) : NULL;
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


static bool add_approval(struct call *c)
{
	const char *group = doc_mstr(c->obj, "spec.group"), *why_not, *state;
	const char *note = yyjson_mut_get_str(yyjson_mut_obj_get(doc_mget(c->obj, "metadata.annotations"), "api-approved.kubernetes.io"));

	state = group ? kinds_crd_approval(group, note, &why_not) : NULL;
	if (!state)
		return true;
	if (*state == 'A')
		return crd_set_condition(c, "KubernetesAPIApprovalPolicyConformant", true, state,
			arena_printf(c->arena, "approved in %s", note));
	return crd_set_condition(c, "KubernetesAPIApprovalPolicyConformant", false, state,
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
	if (!list || !yyjson_mut_is_str(storage) || crd_has(list, storage))
		return list != NULL;
	return yyjson_mut_arr_append(list, yyjson_mut_val_mut_copy(c->doc, storage));
}

static bool add_finalizer(struct call *c)
{
	yyjson_mut_val *list = doc_marr(c->doc, c->obj, "metadata.finalizers"), *name = yyjson_mut_str(c->doc, CRD_FINALIZER);

	return list && name && (crd_has(list, name) || yyjson_mut_arr_append(list, name));
}

enum step crd_prepare(struct call *c)
{
	bool ok;

	if (*c->sub)
		return STEP_NEXT;
	ok = crd_accept_names(c) && add_approval(c) && add_stored_version(c) && (!c->creating || add_finalizer(c));
	return ok ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
}

enum step crd_delete_prepare(struct call *c)
{
	if (c->remove || crd_set_condition(c, "Terminating", true, "InstanceDeletionInProgress",
			"CustomResource deletion is in progress"))
		return STEP_NEXT;
	return fail_err(c, -ERR_SIZE, NULL);
}
