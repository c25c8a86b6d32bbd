/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token - TokenRequest: a token for a service account, for a while, bound to a pod,
 * secret or node when one is named.
 * Source: kubernetes pkg/registry/core/serviceaccount/storage/token.go.
 */
#include <string.h>

#include "api/call.h"
#include "base/text.h"

#define EXPIRES_MIN_S 600
#define EXPIRES_MAX_S (1LL << 32)
#define DEFAULT_S     3600
#define WARN_S        3607     /* what the projected volume asks for: such tokens live a year */
#define EXTENDED_S    (365LL * 24 * 3600)

static enum step bind(struct call *c, struct token_claims *cl, yyjson_mut_val *ref)
{
	const struct api_kinds *k = &c->api->k;
	const char *kind = doc_mstr(ref, "kind"), *name = doc_mstr(ref, "name"), *uid = doc_mstr(ref, "uid");
	const struct kinds_kind *target;
	struct cache_obj *o;

	target = kind && !strcmp(kind, "Pod") ? k->pod : kind && !strcmp(kind, "Secret") ? k->secret
		: kind && !strcmp(kind, "Node") ? k->node : NULL;
	if (!target)
		return fail_bad_request(c, "cannot bind token to object of type %s", kind ? kind : "");
	o = name ? cache_get(c->api->cache, target->store, target->namespaced ? c->ns : "", name) : NULL;
	if (!o)
		return fail_not_found(c, target->plural, "", name ? name : "");
	if (uid && *uid && strcmp(uid, o->uid))
		return fail_conflict(c, "the UID in the bound object reference (%s) does not match the UID in record. "
			"The object might have been deleted and then recreated", uid);
	if (target == k->pod) {
		const char *sa = doc_str(cache_tree(o), "spec.serviceAccountName");

		if (!sa || strcmp(sa, c->name))
			return fail_bad_request(c, "cannot bind token for serviceaccount \"%s\" to pod running with "
				"different serviceaccount name.", c->name);
		cl->pod = o->name;
		cl->pod_uid = o->uid;
		if (*o->node) {
			struct cache_obj *n = cache_get(c->api->cache, k->node->store, "", o->node);

			cl->node = o->node;
			cl->node_uid = n ? n->uid : "";
		}
	} else if (target == k->secret) {
		cl->secret = o->name;
		cl->secret_uid = o->uid;
	} else {
		cl->node = o->name;
		cl->node_uid = o->uid;
	}
	return STEP_NEXT;
}

static enum step audiences(struct call *c, struct token_claims *cl)
{
	yyjson_mut_val *list = doc_mget(c->input, "spec.audiences"), *v;
	const char **out = arena_zalloc(c->arena, (yyjson_mut_arr_size(list) + 2) * sizeof(*out));
	yyjson_mut_arr_iter it;
	size_t n = 0;

	if (!out)
		return fail_err(c, -ERR_SIZE, NULL);
	yyjson_mut_arr_iter_init(list, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_is_str(v))
			out[n++] = yyjson_mut_get_str(v);
	if (!n) {
		out[0] = tokens_issuer(c->api->tokens);
		list = doc_marr(c->doc, c->input, "spec.audiences");
		if (!list || !yyjson_mut_arr_add_strcpy(c->doc, list, out[0]))
			return fail_err(c, -ERR_SIZE, NULL);
	}
	cl->audiences = out;
	return STEP_NEXT;
}

enum step token_create(struct call *c)
{
	struct token_claims cl = { .ns = c->ns, .sa = c->name, .now_s = call_now_s() };
	struct cache_obj *sa = cache_get(c->api->cache, c->kind->store, c->ns, c->name);
	yyjson_mut_val *ref = doc_mget(c->input, "spec.boundObjectRef");
	int64_t asked = doc_mint(c->input, "spec.expirationSeconds", DEFAULT_S);
	struct field_error *e = NULL;
	BUF_AUTO struct buf token = { 0 };
	char when[TEXT_TIME_MAX];
	struct err err = { 0 };
	enum step step;
	int rc;

	if (!sa)
		return fail_not_found(c, c->resource, c->group, c->name);
	if (asked < EXPIRES_MIN_S)
		field_error_add(c->arena, &e, "FieldValueInvalid", "spec.expirationSeconds",
			"Invalid value: %lld: may not specify a duration less than 10 minutes", (long long)asked);
	if (asked > EXPIRES_MAX_S)
		field_error_add(c->arena, &e, "FieldValueInvalid", "spec.expirationSeconds",
			"Invalid value: %lld: may not specify a duration larger than 2^32 seconds", (long long)asked);
	if (e)
		return fail_invalid(c, "TokenRequest", "authentication.k8s.io", c->name, e);
	step = police_node_token(c);
	if (step == STEP_NEXT)
		step = audiences(c, &cl);
	if (step == STEP_NEXT && ref)
		step = bind(c, &cl, ref);
	if (step != STEP_NEXT)
		return step;
	cl.sa_uid = sa->uid;
	cl.expires_s = cl.now_s + asked;
	if (cl.pod && asked == WARN_S) {
		cl.warn_after_s = cl.expires_s;
		cl.expires_s = cl.now_s + EXTENDED_S;
	}
	rc = tokens_sign(c->api->tokens, &cl, &token, &err);
	if (rc)
		return fail_err(c, rc, &err);
	/* The client is told the short life, so that it comes again in time. */
	text_time(when, (cl.now_s + asked) * 1000000);
	doc_mdel(c->input, "status");
	if (!meta_set(c, c->input, "name", c->name) || !meta_set(c, c->input, "namespace", c->ns) ||
	    !doc_mset_int(c->doc, c->input, "spec.expirationSeconds", asked) ||
	    !doc_mset_str(c->doc, c->input, "status.token", token.p) ||
	    !doc_mset_str(c->doc, c->input, "status.expirationTimestamp", when) ||
	    !shape_order(c, c->body_type, c->input))
		return fail_err(c, -ERR_SIZE, NULL);
	return reply_mut(c, 201, c->input);
}
