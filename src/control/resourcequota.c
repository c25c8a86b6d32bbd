/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resourcequota - tells in a ResourceQuota's status what is allowed and what is in use,
 * as admission counts it (cache/usage.h); admission itself does not read it.
 *
 * An object's event wakes the quotas of its namespace; what they count is kept from
 * those events, so a run costs a comparison, however much the namespace holds.
 * Source: kubernetes pkg/controller/resourcequota.
 */
#include <string.h>

#include "base/env.h"
#include "cache/usage.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define QUOTAS "core/resourcequotas"

struct state { struct usage *usage; };

static bool enqueue(void *arg, struct cache_obj *o)
{
	ctl_enqueue(arg, o->ns, o->name);
	return true;
}

static void object_changed(struct ctl *c, const struct cache_event *ev)
{
	if (*ev->obj->ns && cache_count(ctl_cache(c), QUOTAS, ev->obj->ns))
		cache_each(ctl_cache(c), QUOTAS, ev->obj->ns, NULL, NULL, enqueue, c);
}

static void close_state(struct ctl *c)
{
	usage_close(((struct state *)ctl_state(c))->usage);
}

static bool put(yyjson_mut_doc *d, yyjson_mut_val *status, const char *list, const char *name, const struct quantity *q)
{
	char text[QUANTITY_MAX];

	quantity_print(text, q);
	return doc_mset_key(d, status, list, name, text);
}

static void write_status(struct ctl *c, const struct usage_quota *q)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *obj = yyjson_val_mut_copy(d, cache_tree(q->obj)), *status = yyjson_mut_obj(d);
	yyjson_val *was = doc_get(cache_tree(q->obj), "status");

	/* Both are there when they are empty: then nothing is limited, and that is known. */
	doc_mobj(d, status, "hard");
	doc_mobj(d, status, "used");
	for (size_t i = 0; i < q->n; i++) {
		put(d, status, "hard", q->lines[i].name, &q->lines[i].hard);
		put(d, status, "used", q->lines[i].name, &q->lines[i].used);
	}
	if ((!q->n && !doc_len(was, "hard") && !doc_len(was, "used")) || doc_equal(doc_freeze(ctl_arena(c), status), was))
		return;
	doc_mset(d, obj, "status", status);
	ctl_update(c, ctl_kind("", "resourcequotas"), q->obj->ns, q->obj->name, "status", obj);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct state *s = ctl_state(c);
	int64_t now = env_wall_us();
	struct usage_quota *const *v;
	size_t n;

	if (!s->usage && usage_open(&s->usage, ctl_cache(c)))
		return -ERR_NOMEM;
	v = usage_of(s->usage, ns, now, &n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(v[i]->obj->name, name))
			continue;
		write_status(c, v[i]);
		if (v[i]->stale_us != INT64_MAX)
			ctl_enqueue_after(c, ns, name, (v[i]->stale_us - now) / 1000 + 1);
	}
	return 0;
}

static const struct ctl_watch watches[] = {
	{ "*", object_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_resourcequota = { .name = "resourcequota-controller", .watches = watches,
	.reconcile = reconcile, .state_bytes = sizeof(struct state), .close = close_state };
