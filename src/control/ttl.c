/* SPDX-License-Identifier: Apache-2.0 */
/* ttl - a finished Job goes by itself, as long after its end as it says. */
#include "base/env.h"
#include "base/text.h"
#include "control/controllers.h"
#include "control/reconcile.h"

static void job_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type != CACHE_DELETED && !ev->obj->deleting &&
	    doc_get(cache_tree(ev->obj), "spec.ttlSecondsAfterFinished"))
		ctl_enqueue(c, ev->obj->ns, ev->obj->name);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *o = cache_get(ctl_cache(c), "batch/jobs", ns, name);
	yyjson_val *job = o ? cache_tree(o) : NULL, *ttl = doc_get(job, "spec.ttlSecondsAfterFinished");
	int64_t us;

	if (!ttl || o->deleting)
		return 0;
	yyjson_val *end = ctl_condition_get(job, ctl_condition_true(job, "Complete") ? "Complete" : "Failed");
	const char *at = doc_str(end, "lastTransitionTime");
	if (!at || text_parse_time(at, &us))
		return 0;
	int64_t left = us / 1000 + yyjson_get_sint(ttl) * 1000 - env_wall_us() / 1000;
	if (left > 0)
		ctl_enqueue_after(c, ns, name, left);
	else
		ctl_delete(c, ctl_kind("batch", "jobs"), ns, name, o->uid, "Foreground", -1);
	return 0;
}

static const struct ctl_watch watches[] = { { "batch/jobs", job_changed }, { NULL, NULL } };
const struct ctl_def ctl_ttl = { .name = "ttl-after-finished-controller", .watches = watches, .reconcile = reconcile };
