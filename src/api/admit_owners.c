/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_owners - OwnerReferencesPermissionEnforcement: owners decide when an object is
 * deleted, so only who may delete it changes them; and whoever makes an owner wait for
 * it needs the right to the owner's finalizers. Off until it is asked for, as upstream:
 * the roles edit and admin do not hold what it wants of those who set blockOwnerDeletion.
 * Source: kubernetes plugin/pkg/admission/gc.
 */
#include <string.h>

#include "api/admit.h"

static bool allowed(struct call *c, struct attributes *at, struct buf *reason)
{
	at->user = &c->user;
	return authorize(c->api, at, reason);
}

static bool was_blocking(yyjson_mut_val *old_refs, const char *uid)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *r;

	yyjson_mut_arr_iter_init(old_refs, &it);
	while ((r = yyjson_mut_arr_iter_next(&it)))
		if (uid && yyjson_mut_equals_str(yyjson_mut_obj_get(r, "uid"), uid))
			return doc_mbool(r, "blockOwnerDeletion", false);
	return false;
}

static enum step check_blocking(struct call *c, yyjson_mut_val *ref)
{
	const char *version = doc_mstr(ref, "apiVersion"), *kind = doc_mstr(ref, "kind"), *name = doc_mstr(ref, "name");
	BUF_AUTO struct buf reason = { 0 };
	const struct kinds_kind *k = NULL;
	char group[254], ver[64];

	if (version && kind && strlen(version) < 317) {
		kinds_split_api_version(version, group, ver);
		k = kinds_by_kind(group, ver, kind);
	}
	if (!k)
		return admit_refuse(c, "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for "
			"APIVersion %s Kind %s: no matches for kind \"%s\" in version \"%s\"", version ? version : "",
			kind ? kind : "", kind ? kind : "", version ? version : "");
	if (allowed(c, &(struct attributes){ .verb = "update", .group = k->group, .resource = k->plural,
		    .sub = "finalizers", .ns = k->namespaced ? call_ns(c) : "", .name = name ? name : "" }, &reason))
		return STEP_NEXT;
	return admit_refuse(c, "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set "
		"finalizers on: %s, <nil>", reason.len ? reason.p : "");
}

enum step owners_validate(struct call *c)
{
	yyjson_mut_val *refs = doc_mget(c->obj, "metadata.ownerReferences");
	yyjson_mut_val *was = doc_mget(c->old, "metadata.ownerReferences"), *r;
	BUF_AUTO struct buf reason = { 0 };
	yyjson_mut_arr_iter it;
	enum step step;

	/* A pod's status cannot change its owners. */
	if (c->kind == c->api->k.pod && !strcmp(c->sub, "status"))
		return STEP_NEXT;
	if (yyjson_mut_arr_size(refs) == yyjson_mut_arr_size(was) && (!yyjson_mut_arr_size(refs) || doc_mequal(refs, was)))
		return STEP_NEXT;
	if (admit_op(c) != ADMIT_CREATE && !allowed(c, &(struct attributes){ .verb = "delete", .group = c->group,
		    .resource = c->resource, .sub = c->sub, .ns = call_ns(c), .name = c->name }, &reason))
		return admit_refuse(c, "cannot set an ownerRef on a resource you can't delete: %s, <nil>",
			reason.len ? reason.p : "");
	yyjson_mut_arr_iter_init(refs, &it);
	while ((r = yyjson_mut_arr_iter_next(&it))) {
		if (!doc_mbool(r, "blockOwnerDeletion", false) || was_blocking(was, doc_mstr(r, "uid")))
			continue;
		step = check_blocking(c, r);
		if (step != STEP_NEXT)
			return step;
	}
	return STEP_NEXT;
}
