/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_cleaner - the token of a machine that joins goes when its time is over, and so do the
 * sealed keys for one that becomes a server (cli/token.c).
 * Source: kubernetes pkg/controller/bootstrap/tokencleaner.go.
 */
#include <string.h>

#include "base/env.h"
#include "base/text.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define NAMESPACE "kube-system"

static void secret_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type != CACHE_DELETED && !strcmp(ev->obj->ns, NAMESPACE) &&
	    (!strncmp(ev->obj->name, "bootstrap-token-", 16) || !strncmp(ev->obj->name, "sampan-server-", 14)))
		ctl_enqueue(c, ev->obj->ns, ev->obj->name);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *o = cache_get(ctl_cache(c), "core/secrets", ns, name);
	yyjson_val *secret = o ? cache_tree(o) : NULL, *at = yyjson_obj_get(doc_get(secret, "data"), "expiration");
	const char *type = doc_str(secret, "type");
	BUF_AUTO struct buf text = { 0 };
	int64_t us, left_ms;

	if (!type || (strcmp(type, "bootstrap.kubernetes.io/token") != 0 && strcmp(type, "sampan/server-keys") != 0) || o->deleting || !yyjson_is_str(at) ||
	    text_unbase64(&text, yyjson_get_str(at), yyjson_get_len(at)) || !text.p || text_parse_time(text.p, &us))
		return 0;
	left_ms = (us - env_wall_us()) / 1000;
	if (left_ms > 0)
		ctl_enqueue_after(c, ns, name, left_ms);
	else
		ctl_delete(c, ctl_kind("", "secrets"), ns, name, o->uid, NULL, -1);
	return 0;
}

static const struct ctl_watch watches[] = { { "core/secrets", secret_changed }, { NULL, NULL } };
const struct ctl_def ctl_token_cleaner = { .name = "token-cleaner", .watches = watches, .reconcile = reconcile };
