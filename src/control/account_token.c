/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account_token - a Secret of type kubernetes.io/service-account-token gets a token of
 * the account that it names, which ends with the Secret; when the account goes, so does
 * the Secret.
 *
 *   named --token asked for--> got --next run--> written
 * Source: kubernetes pkg/controller/serviceaccount/tokens_controller.go.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "client/client.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define SECRETS   "core/secrets"
#define ACCOUNTS  "core/serviceaccounts"
#define TYPE      "kubernetes.io/service-account-token"
#define NAME_KEY  "kubernetes.io/service-account.name"
#define UID_KEY   "kubernetes.io/service-account.uid"
#define VALID_S   (1LL << 32)          /* as long as can be asked for */

struct state { struct map got; };      /* uid of a Secret -> its token */

static bool is_ours(struct cache_obj *o)
{
	const char *type;

	/* Most are others', and may be large: all of a namespace are not parsed in one turn. */
	if (!memmem(o->json->p, o->json->len, TYPE, strlen(TYPE)))
		return false;
	type = doc_str(cache_tree(o), "type");
	return type && !strcmp(type, TYPE);
}

static const char *account_of(yyjson_val *secret)
{
	return yyjson_get_str(yyjson_obj_get(doc_get(secret, "metadata.annotations"), NAME_KEY));
}

static void forget(struct state *s, const char *uid)
{
	char *token = map_del(&s->got, uid);

	if (token)
		explicit_bzero(token, strlen(token));
	free(token);
}

static void secret_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type == CACHE_DELETED)
		forget(ctl_state(c), ev->obj->uid);
	else if (is_ours(ev->obj))
		ctl_enqueue(c, ev->obj->ns, ev->obj->name);
}

struct search { struct ctl *ctl; const char *account; };

static bool names_account(void *arg, struct cache_obj *o)
{
	struct search *s = arg;
	const char *account = is_ours(o) ? account_of(cache_tree(o)) : NULL;

	if (account && !strcmp(account, s->account))
		ctl_enqueue(s->ctl, o->ns, o->name);
	return true;
}

static void account_changed(struct ctl *c, const struct cache_event *ev)
{
	struct search s = { c, ev->obj->name };

	if (ev->type == CACHE_DELETED)
		cache_each(ctl_cache(c), SECRETS, ev->obj->ns, NULL, NULL, names_account, &s);
}

static void answer(struct ctl *c, const char *ns, const char *name, int rc, yyjson_val *obj, const char *message)
{
	struct state *s = ctl_state(c);
	struct cache_obj *o = cache_get(ctl_cache(c), SECRETS, ns, name);
	const char *token = rc ? NULL : doc_str(obj, "status.token");
	char *copy = token && o ? strdup(token) : NULL;

	if (!copy)
		return;
	forget(s, o->uid);
	if (map_put(&s->got, o->uid, copy, NULL)) {
		free(copy);
		return;
	}
	ctl_enqueue(c, ns, name);
}

static void ask(struct ctl *c, struct cache_obj *o, const char *account)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *q = yyjson_mut_obj(d);
	BUF_AUTO struct buf path = { 0 };

	doc_mset_str(d, q, "kind", "TokenRequest");
	doc_mset_str(d, q, "apiVersion", "authentication.k8s.io/v1");
	doc_mset_int(d, q, "spec.expirationSeconds", VALID_S);
	doc_mset_str(d, q, "spec.boundObjectRef.kind", "Secret");
	doc_mset_str(d, q, "spec.boundObjectRef.apiVersion", "v1");
	doc_mset_str(d, q, "spec.boundObjectRef.name", o->name);
	doc_mset_str(d, q, "spec.boundObjectRef.uid", o->uid);
	client_path(&path, ctl_kind("", "serviceaccounts"), o->ns, account, "token");
	if (!path.failed)
		ctl_call(c, "POST", path.p, NULL, NULL, q);
	ctl_on_answer(c, answer);
}

/* The authority may have been exchanged since. */
static bool holds(yyjson_val *data, const char *key, const char *text)
{
	const char *now = yyjson_get_str(yyjson_obj_get(data, key));
	BUF_AUTO struct buf b64 = { 0 };

	text_base64(&b64, text, strlen(text));
	return now && (b64.failed || !strcmp(now, b64.p));
}

static void put(struct ctl *c, yyjson_mut_val *secret, const char *key, const char *text)
{
	BUF_AUTO struct buf b64 = { 0 };

	text_base64(&b64, text, strlen(text));
	if (!b64.failed)
		doc_mset_key(ctl_doc(c), secret, "data", key, b64.p);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct state *s = ctl_state(c);
	struct cache_obj *o = cache_get(ctl_cache(c), SECRETS, ns, name), *account;
	yyjson_val *secret = o ? cache_tree(o) : NULL, *data = doc_get(secret, "data");
	const char *account_name = account_of(secret), *token, *uid;
	yyjson_mut_val *now;

	if (!o || o->deleting || !is_ours(o) || !account_name)
		return 0;
	account = cache_get(ctl_cache(c), ACCOUNTS, ns, account_name);
	uid = yyjson_get_str(yyjson_obj_get(doc_get(secret, "metadata.annotations"), UID_KEY));
	if (!account || (uid && *uid && strcmp(uid, account->uid))) {
		ctl_delete(c, ctl_kind("", "secrets"), ns, name, o->uid, NULL, -1);
		return 0;
	}
	if (uid && yyjson_obj_get(data, "token") && holds(data, "ca.crt", ctl_root_ca_pem()) && holds(data, "namespace", ns))
		return 0;
	token = map_get(&s->got, o->uid);
	if (!token && !yyjson_obj_get(data, "token")) {
		ask(c, o, account_name);
		return 0;
	}
	now = yyjson_val_mut_copy(ctl_doc(c), secret);
	doc_mset_key(ctl_doc(c), now, "metadata.annotations", UID_KEY, account->uid);
	if (token)
		put(c, now, "token", token);
	put(c, now, "ca.crt", ctl_root_ca_pem());
	put(c, now, "namespace", ns);
	ctl_update(c, ctl_kind("", "secrets"), ns, name, NULL, now);
	forget(s, o->uid);
	return 0;
}

static void close_state(struct ctl *c)
{
	struct state *s = ctl_state(c);
	void *v;

	for (size_t it = 0; map_next(&s->got, &it, NULL, &v);)
		free(v);
	map_finish(&s->got);
}

static const struct ctl_watch watches[] = {
	{ SECRETS, secret_changed },
	{ ACCOUNTS, account_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_account_token = { .name = "serviceaccount-token-controller", .watches = watches,
	.reconcile = reconcile, .state_bytes = sizeof(struct state), .close = close_state };
