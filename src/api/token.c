/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token - TokenRequest: a token for a service account, for a while, bound to a pod,
 * secret or node when one is named.
 * Source: kubernetes pkg/registry/core/serviceaccount/storage/token.go.
 */
#include <stdio.h>
#include <string.h>

#include "api/admit.h"
#include "base/text.h"

#define EXPIRES_MIN_S 600
#define EXPIRES_MAX_S (1LL << 32)
#define DEFAULT_S     3600
#define WARN_S        3607     /* what the projected volume asks for: such tokens live a year */
#define EXTENDED_S    (365LL * 24 * 3600)

/* The object a token is to be bound to. */
static enum step bound_object(struct call *c, const struct kinds_kind *k, const char *name, struct cache_obj **ret)
{
	*ret = name ? cache_get(c->api->cache, k->store, k->namespaced ? c->ns : "", name) : NULL;
	return *ret ? STEP_NEXT : fail_not_found(c, k->plural, "", name ? name : "");
}

static enum step bind_pod(struct call *c, struct token_claims *cl, struct cache_obj *o)
{
	const char *sa = doc_str(cache_tree(o), "spec.serviceAccountName");
	struct cache_obj *node;

	if (!sa || strcmp(sa, c->name))
		return fail_bad_request(c, "cannot bind token for serviceaccount \"%s\" to pod running with "
			"different serviceaccount name.", c->name);
	cl->pod = o->name;
	cl->pod_uid = o->uid;
	if (!*o->node)
		return STEP_NEXT;
	node = cache_get(c->api->cache, c->api->k.node->store, "", o->node);
	cl->node = o->node;
	cl->node_uid = node ? node->uid : NULL;
	return STEP_NEXT;
}

/* "apps/v1, Kind=Deployment", as Go prints a GroupVersionKind. */
static const char *gvk_text(struct call *c, const char *version, const char *kind)
{
	const char *text = arena_printf(c->arena, "%s%s, Kind=%s", strchr(version, '/') ? "" : "/", version, kind);

	return text ? text : kind;
}

static enum step bind(struct call *c, struct token_claims *cl, yyjson_mut_val *ref)
{
	const struct api_kinds *k = &c->api->k;
	const char *kind = doc_mstr(ref, "kind"), *name = doc_mstr(ref, "name"), *uid = doc_mstr(ref, "uid");
	const char *version = doc_mstr(ref, "apiVersion");
	const struct kinds_kind *const kinds[] = { k->pod, k->secret, k->node }, *target = NULL;
	struct cache_obj *o;
	enum step step;

	kind = kind ? kind : "";
	version = version ? version : "";
	for (size_t i = 0; i < 3 && !strchr(version, '/'); i++)
		if (!strcmp(kind, kinds[i]->kind))
			target = kinds[i];
	if (!target)
		return fail_bad_request(c, "cannot bind token to object of type %s", gvk_text(c, version, kind));
	step = bound_object(c, target, name, &o);
	if (step == STEP_NEXT && target == k->pod)
		step = bind_pod(c, cl, o);
	if (step != STEP_NEXT)
		return step;
	if (uid && *uid && strcmp(uid, o->uid)) {
		c->resource = kind;
		c->group = "";
		c->name = name;
		return fail_conflict(c, "the UID in the bound object reference (%s) does not match the UID in record. "
			"The object might have been deleted and then recreated", uid);
	}
	if (target == k->secret) {
		cl->secret = o->name;
		cl->secret_uid = o->uid;
	} else if (target == k->node) {
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

/* Is the token for this API alone? Only such are made to live longer. */
static bool only_ours(struct call *c, const struct token_claims *cl)
{
	for (const char *const *a = cl->audiences; *a; a++)
		if (strcmp(*a, tokens_issuer(c->api->tokens)))
			return false;
	return true;
}

static enum step invalid(struct call *c, const char *name, const char *field, const char *value, const char *text)
{
	struct field_error *e = NULL;

	field_error_add(c->arena, &e, "FieldValueInvalid", field, "Invalid value: %s: %s", value, text);
	return fail_invalid(c, "TokenRequest", "authentication.k8s.io", name, e);
}

/* Only the audiences can be that many. */
static enum step too_long(struct call *c, const char *text)
{
	struct field_error *e = NULL;

	field_error_add(c->arena, &e, "FieldValueTooLong", "spec.audiences", "Too long: %s", text);
	return fail_invalid(c, "TokenRequest", "authentication.k8s.io", "", e);
}

static enum step validate(struct call *c, int64_t asked)
{
	const char *name = doc_mstr(c->input, "metadata.name"), *ns = doc_mstr(c->input, "metadata.namespace");
	char number[24];

	if (name && *name && strcmp(name, c->name))
		return invalid(c, c->name, "metadata.name", arena_printf(c->arena, "\"%s\"", name),
			"must match the service account name if specified");
	if (ns && *ns && strcmp(ns, c->ns))
		return invalid(c, c->name, "metadata.namespace", arena_printf(c->arena, "\"%s\"", ns),
			"must match the service account namespace if specified");
	snprintf(number, sizeof(number), "%lld", (long long)asked);
	if (asked < EXPIRES_MIN_S)
		return invalid(c, "", "spec.expirationSeconds", number, "may not specify a duration less than 10 minutes");
	if (asked > EXPIRES_MAX_S)
		return invalid(c, "", "spec.expirationSeconds", number, "may not specify a duration larger than 2^32 seconds");
	return STEP_NEXT;
}

static enum step answer(struct call *c, const char *token, int64_t now_s, int64_t asked)
{
	char expires[TEXT_TIME_MAX], now[TEXT_TIME_MAX];

	text_time(now, now_s * 1000000);
	/* The client is told the short life, so that it comes again in time. */
	text_time(expires, (now_s + asked) * 1000000);
	doc_mdel(c->input, "status");
	if (!meta_set(c, c->input, "name", c->name) || !meta_set(c, c->input, "namespace", c->ns) ||
	    !meta_set(c, c->input, "creationTimestamp", now) ||
	    !doc_mset_int(c->doc, c->input, "spec.expirationSeconds", asked) ||
	    !doc_mset_str(c->doc, c->input, "status.token", token) ||
	    !doc_mset_str(c->doc, c->input, "status.expirationTimestamp", expires) ||
	    !shape_order(c, c->body_type, c->input))
		return fail_err(c, -ERR_SIZE, NULL);
	return reply_mut(c, 201, c->input);
}

enum step token_create(struct call *c)
{
	struct token_claims cl = { .ns = c->ns, .sa = c->name, .now_s = call_now_s() };
	struct cache_obj *sa = cache_get(c->api->cache, c->kind->store, c->ns, c->name);
	yyjson_mut_val *ref = doc_mget(c->input, "spec.boundObjectRef");
	int64_t asked = doc_mint(c->input, "spec.expirationSeconds", DEFAULT_S);
	BUF_AUTO struct buf token = { 0 };
	struct err err = { 0 };
	enum step step;
	int rc;

	if (!sa)
		return fail_not_found(c, c->resource, c->group, c->name);
	step = validate(c, asked);
	if (step == STEP_NEXT)
		step = admit_mutate(c);
	if (step == STEP_NEXT)
		step = audiences(c, &cl);
	if (step == STEP_NEXT && ref)
		step = bind(c, &cl, ref);
	if (step != STEP_NEXT)
		return step;
	cl.sa_uid = sa->uid;
	cl.expires_s = cl.now_s + asked;
	if (cl.pod && asked == WARN_S && only_ours(c, &cl)) {
		cl.warn_after_s = cl.expires_s;
		cl.expires_s = cl.now_s + EXTENDED_S;
	}
	rc = tokens_sign(c->api->tokens, &cl, &token, &err);
	if (rc == -ERR_SIZE)
		return too_long(c, err.msg);
	return rc ? fail_err(c, rc, &err) : answer(c, token.p, cl.now_s, asked);
}
