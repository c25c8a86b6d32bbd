/* SPDX-License-Identifier: Apache-2.0 */
/* pod_gc - pods whose node is gone for good are let go by force: nobody else will. */
#include <string.h>

#include "control/controllers.h"
#include "control/reconcile.h"

#define QUARANTINE_MS 40000        /* a node may be about to come (back) */

static void pod_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type != CACHE_DELETED && *ev->obj->node && (!ev->old || !*ev->old->node) &&
	    !cache_get(ctl_cache(c), "core/nodes", "", ev->obj->node))
		ctl_enqueue_after(c, ev->obj->ns, ev->obj->name, QUARANTINE_MS);
}

static bool enqueue(void *arg, struct cache_obj *pod)
{
	ctl_enqueue_after(arg, pod->ns, pod->name, QUARANTINE_MS);
	return true;
}

static void node_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type == CACHE_DELETED)
		cache_each_on_node(ctl_cache(c), ev->obj->name, enqueue, c);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *pod = cache_get(ctl_cache(c), "core/pods", ns, name);

	if (pod && *pod->node && !cache_get(ctl_cache(c), "core/nodes", "", pod->node))
		ctl_delete(c, ctl_kind("", "pods"), ns, name, pod->uid, NULL, 0);
	return 0;
}

static const struct ctl_watch watches[] = {
	{ "core/pods", pod_changed },
	{ "core/nodes", node_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_pod_gc = { .name = "pod-garbage-collector", .watches = watches, .reconcile = reconcile };
