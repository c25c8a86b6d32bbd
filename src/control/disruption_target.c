/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disruption_target - a pod that was marked to be disrupted, and then was not deleted,
 * loses the mark: a failure later on is its own.
 * Source: kubernetes pkg/controller/disruption (stale pod disruption).
 */
#include <string.h>

#include "base/env.h"
#include "base/text.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define STALE_MS 120000

/* Is there a mark that may become stale? *ret_left_ms: when; 0: it is. Those of a node
 * itself stay: such a pod may take any time to end. */
static bool marked(struct cache_obj *o, int64_t now_us, int64_t *ret_left_ms)
{
	yyjson_val *pod = cache_tree(o), *v = ctl_condition_get(pod, "DisruptionTarget");
	const char *status = doc_str(v, "status"), *reason = doc_str(v, "reason"), *since = doc_str(v, "lastTransitionTime");
	int64_t at_us;

	if (o->deleting || !status || strcmp(status, "True") || (reason && !strcmp(reason, "TerminationByKubelet")) ||
	    pod_finished(pod))
		return false;
	if (!since || text_parse_time(since, &at_us))
		at_us = now_us;
	*ret_left_ms = at_us / 1000 + STALE_MS - now_us / 1000;
	if (*ret_left_ms < 0)
		*ret_left_ms = 0;
	return true;
}

static void pod_changed(struct ctl *c, const struct cache_event *ev)
{
	int64_t left_ms;

	if (ev->type != CACHE_DELETED && marked(ev->obj, env_wall_us(), &left_ms))
		ctl_enqueue_after(c, ev->obj->ns, ev->obj->name, left_ms);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *o = cache_get(ctl_cache(c), "core/pods", ns, name);
	int64_t now = env_wall_us(), left_ms;
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *obj;

	if (!o || !marked(o, now, &left_ms))
		return 0;
	if (left_ms) {
		ctl_enqueue_after(c, ns, name, left_ms);
		return 0;
	}
	obj = yyjson_val_mut_copy(d, cache_tree(o));
	ctl_condition(d, doc_mobj(d, obj, "status"), "DisruptionTarget", "False", NULL, NULL, now);
	ctl_update(c, ctl_kind("", "pods"), ns, name, "status", obj);
	return 0;
}

static const struct ctl_watch watches[] = {
	{ "core/pods", pod_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_disruption_target = { .name = "stale-pod-disruption", .watches = watches, .reconcile = reconcile };
