/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claims - what a token whose signature is ours says, held against the clock and the
 * cache: the account, and the pod, secret or node it is bound to, must still be the
 * same objects; and the user that makes.
 * Source: kubernetes pkg/serviceaccount/claims.go, jwt.go; KEP-1205, KEP-4193.
 */
#include <string.h>

#include "api/call.h"
#include "base/text.h"

#define LEEWAY_S 60            /* of clocks, and for what is being deleted (go-jose's default) */

static int unauthorized(struct err *reterr, const char *text)
{
	return err_set(reterr, ERR_UNAUTHORIZED, "%s", text);
}

bool claims_audience(yyjson_val *claims, const char *audience)
{
	yyjson_val *aud = yyjson_obj_get(claims, "aud"), *it;
	size_t i, max;

	if (yyjson_is_str(aud))
		return !strcmp(yyjson_get_str(aud), audience);
	yyjson_arr_foreach(aud, i, max, it)
		if (yyjson_is_str(it) && !strcmp(yyjson_get_str(it), audience))
			return true;
	return false;
}

static void quote_list(struct buf *b, const char *const *v)
{
	buf_addc(b, '[');
	for (size_t i = 0; v[i]; i++) {
		if (i)
			buf_addc(b, ' ');
		buf_add_json(b, v[i], strlen(v[i]));
	}
	buf_addc(b, ']');
}

static int check_audience(struct api *api, yyjson_val *claims, const struct token_check *check, struct err *reterr)
{
	const char *const own[] = { api->issuer, NULL }, *const *want = check && check->audiences ? check->audiences : own;
	BUF_AUTO struct buf have = { 0 };
	BUF_AUTO struct buf wanted = { 0 };
	yyjson_val *aud = yyjson_obj_get(claims, "aud"), *it;
	size_t i, max;

	for (const char *const *w = want; *w; w++)
		if (claims_audience(claims, *w))
			return 0;
	yyjson_arr_foreach(aud, i, max, it)
		if (yyjson_is_str(it)) {
			buf_addc(&have, have.len ? ' ' : '[');
			buf_add_json(&have, yyjson_get_str(it), yyjson_get_len(it));
		}
	quote_list(&wanted, want);
	return err_set(reterr, ERR_UNAUTHORIZED, "token audiences %s] is invalid for the target audiences %s",
		have.len ? have.p : "[", wanted.p ? wanted.p : "[]");
}

static int check_time(yyjson_val *claims, int64_t now_s, struct err *reterr)
{
	if (now_s > doc_int(claims, "exp", 0) + LEEWAY_S)
		return unauthorized(reterr, "service account token has expired");
	if (now_s + LEEWAY_S < doc_int(claims, "nbf", 0))
		return unauthorized(reterr, "service account token is not valid yet");
	if (now_s + LEEWAY_S < doc_int(claims, "iat", 0))
		return unauthorized(reterr, "service account token is issued in the future");
	return 0;
}

/* Deleted a while ago and only kept by a finalizer: as good as gone. */
static bool ended(struct cache_obj *o, int64_t now_s)
{
	const char *at = o->deleting ? doc_str(cache_tree(o), "metadata.deletionTimestamp") : NULL;
	int64_t us;

	return at && !text_parse_time(at, &us) && us / 1000000 < now_s - LEEWAY_S;
}

struct bound { const char *claim, *what; const struct kinds_kind *kind; };

static int check_bound(struct api *api, yyjson_val *k8s, const char *ns, const struct bound *b, int64_t now_s,
	struct err *reterr)
{
	yyjson_val *ref = yyjson_obj_get(k8s, b->claim);
	const char *name = doc_str(ref, "name"), *uid = doc_str(ref, "uid");
	struct cache_obj *o;

	if (!ref)
		return 0;
	o = name && uid ? cache_get(api->cache, b->kind->store, b->kind->namespaced ? ns : "", name) : NULL;
	if (!o || ended(o, now_s))
		return unauthorized(reterr, "service account token has been invalidated");
	if (strcmp(o->uid, uid))
		return err_set(reterr, ERR_UNAUTHORIZED, "%s UID (%s) does not match service account %s ref claim (%s)", b->what,
			o->uid, b->claim, uid);
	return 0;
}

static int check_account(struct api *api, yyjson_val *ref, const char *ns, int64_t now_s, struct err *reterr)
{
	const char *name = doc_str(ref, "name"), *uid = doc_str(ref, "uid");
	struct cache_obj *o;

	if (!ns || !name || !uid)
		return unauthorized(reterr, "service account token claims could not be validated due to unexpected private claim");
	o = cache_get(api->cache, api->k.service_account->store, ns, name);
	if (!o)
		return err_set(reterr, ERR_UNAUTHORIZED, "serviceaccounts \"%s\" not found", name);
	if (ended(o, now_s))
		return err_set(reterr, ERR_UNAUTHORIZED, "service account %s/%s has been deleted", ns, name);
	if (strcmp(o->uid, uid))
		return err_set(reterr, ERR_UNAUTHORIZED, "service account UID (%s) does not match claim (%s)", o->uid, uid);
	return 0;
}

/* ---- the user ---- */

static void extra(struct buf *b, const char *key, const char *prefix, const char *value)
{
	BUF_AUTO struct buf v = { 0 };

	if (!value || !*value)
		return;
	buf_printf(&v, "%s%s", prefix, value);
	buf_printf(b, "%s\"%s\":[", b->len > 1 ? "," : "", key);
	buf_add_json(b, v.p ? v.p : "", v.len);
	buf_addc(b, ']');
}

static int make_user(struct arena *a, yyjson_val *claims, const char *ns, const char *sa, struct user *ret)
{
	yyjson_val *k8s = yyjson_obj_get(claims, "kubernetes.io");
	const char **groups = arena_zalloc(a, 3 * sizeof(*groups));
	BUF_AUTO struct buf b = { 0 };

	if (!groups)
		return -ERR_SIZE;
	groups[0] = "system:serviceaccounts";
	groups[1] = arena_printf(a, "system:serviceaccounts:%s", ns);
	buf_addc(&b, '{');
	extra(&b, USER_CREDENTIAL_ID, "JTI=", doc_str(claims, "jti"));
	extra(&b, "authentication.kubernetes.io/node-name", "", doc_str(k8s, "node.name"));
	extra(&b, "authentication.kubernetes.io/node-uid", "", doc_str(k8s, "node.uid"));
	extra(&b, "authentication.kubernetes.io/pod-name", "", doc_str(k8s, "pod.name"));
	extra(&b, "authentication.kubernetes.io/pod-uid", "", doc_str(k8s, "pod.uid"));
	buf_addc(&b, '}');
	*ret = (struct user){ .name = arena_printf(a, "system:serviceaccount:%s:%s", ns, sa),
		.uid = arena_strdup(a, doc_str(k8s, "serviceaccount.uid")), .groups = groups,
		.extra_json = b.failed || b.len < 3 ? NULL : arena_strndup(a, b.p, b.len) };
	return ret->name && ret->uid && groups[1] ? 0 : -ERR_SIZE;
}

int claims_check(struct api *api, struct arena *a, yyjson_val *claims, const struct token_check *check,
	struct user *ret, struct err *reterr)
{
	const struct bound bounds[] = {
		{ "secret", "secret", api->k.secret }, { "pod", "pod", api->k.pod }, { "node", "node", api->k.node },
	};
	yyjson_val *k8s = yyjson_obj_get(claims, "kubernetes.io"), *sa = yyjson_obj_get(k8s, "serviceaccount");
	const char *ns = doc_str(k8s, "namespace");
	int64_t now_s = call_now_s();
	int rc = check_audience(api, claims, check, reterr);

	if (!rc)
		rc = check_time(claims, now_s, reterr);
	if (!rc)
		rc = check_account(api, sa, ns, now_s, reterr);
	/* The node beside a pod is where that pod was; only the pod must still be. */
	for (size_t i = 0; !rc && i < (yyjson_obj_get(k8s, "pod") ? 2 : 3); i++)
		rc = check_bound(api, k8s, ns, &bounds[i], now_s, reterr);
	if (rc)
		return rc;
	rc = make_user(a, claims, ns, doc_str(sa, "name"), ret);
	return rc ? err_set(reterr, -rc, "out of memory") : 0;
}
