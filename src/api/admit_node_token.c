/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_node_token - NodeRestriction of tokens: a node asks only for tokens of pods bound
 * to it, and only for whom those pods mount tokens for, themselves or by a storage driver;
 * or for what it is allowed besides by name.
 * Source: kubernetes plugin/pkg/admission/noderestriction (admitServiceAccount,
 * ServiceAccountNodeAudienceRestriction).
 */
#include <string.h>

#include "api/admit.h"

static bool same(const char *s, const char *want)
{
	return !strcmp(s ? s : "", want);
}

/* Does the driver ask for tokens for this audience? */
static bool driver_asks(struct call *c, const char *driver, const char *audience)
{
	struct cache_obj *o = driver ? cache_get(c->api->cache, c->api->k.csi_driver->store, "", driver) : NULL;
	yyjson_val *v;
	size_t i, max;

	yyjson_arr_foreach(o ? doc_get(cache_tree(o), "spec.tokenRequests") : NULL, i, max, v)
		if (same(doc_str(v, "audience"), audience))
			return true;
	return false;
}

static bool claim_asks(struct call *c, const char *claim, const char *audience)
{
	struct cache_obj *o = claim ? cache_get(c->api->cache, c->api->k.pvc->store, c->ns, claim) : NULL;
	const char *name = o ? doc_str(cache_tree(o), "spec.volumeName") : NULL;
	struct cache_obj *volume = name ? cache_get(c->api->cache, c->api->k.pv->store, "", name) : NULL;

	return volume && driver_asks(c, doc_str(cache_tree(volume), "spec.csi.driver"), audience);
}

static bool volume_asks(struct call *c, struct cache_obj *pod, yyjson_val *volume, const char *audience)
{
	const char *name = doc_str(volume, "name");
	yyjson_val *s;
	size_t i, max;

	yyjson_arr_foreach(doc_get(volume, "projected.sources"), i, max, s)
		if (doc_get(s, "serviceAccountToken") && same(doc_str(s, "serviceAccountToken.audience"), audience))
			return true;
	if (doc_get(volume, "ephemeral"))
		return claim_asks(c, arena_printf(c->arena, "%s-%s", pod->name, name ? name : ""), audience);
	return driver_asks(c, doc_str(volume, "csi.driver"), audience) ||
		claim_asks(c, doc_str(volume, "persistentVolumeClaim.claimName"), audience);
}

static enum step check_audience(struct call *c, struct cache_obj *pod)
{
	const char *audience = doc_mstr(c->input, "spec.audiences.0");
	struct attributes at = { .user = &c->user, .verb = "request-serviceaccounts-token-audience", .group = "",
		.resource = audience ? audience : "", .sub = "", .ns = c->ns, .name = c->name };
	yyjson_val *v;
	size_t i, max;

	if (doc_mlen(c->input, "spec.audiences") > 1)
		return admit_refuse(c, "node may only request 0 or 1 audiences");
	yyjson_arr_foreach(doc_get(cache_tree(pod), "spec.volumes"), i, max, v)
		if (volume_asks(c, pod, v, at.resource))
			return STEP_NEXT;
	if (authorize(c->api, &at, NULL))
		return STEP_NEXT;
	return admit_refuse(c, "audience \"%s\" not found in pod spec volume, %s is not authorized to request tokens for this "
		"audience", at.resource, c->user.name);
}

enum step node_token(struct call *c, const char *node)
{
	const char *name = doc_mstr(c->input, "spec.boundObjectRef.name");
	const char *uid = doc_mstr(c->input, "spec.boundObjectRef.uid");
	struct cache_obj *o;

	if (strcmp(c->sub, "token") || admit_op(c) != ADMIT_CREATE)
		return STEP_NEXT;
	if (!name || !*name || !same(doc_mstr(c->input, "spec.boundObjectRef.apiVersion"), "v1") ||
	    !same(doc_mstr(c->input, "spec.boundObjectRef.kind"), "Pod"))
		return admit_refuse(c, "node requested token not bound to a pod");
	if (!uid || !*uid)
		return admit_refuse(c, "node requested token with a pod binding without a uid");
	o = cache_get(c->api->cache, c->api->k.pod->store, c->ns, name);
	if (!o)
		return fail_not_found(c, "pods", "", name);
	if (strcmp(o->uid, uid))
		return admit_refuse(c, "the UID in the bound object reference (%s) does not match the UID in record. The object "
			"might have been deleted and then recreated", uid);
	if (strcmp(o->node, node))
		return admit_refuse(c, "node requested token bound to a pod scheduled on a different node");
	return check_audience(c, o);
}
