/* SPDX-License-Identifier: Apache-2.0 */
/* pods - what every workload controller asks of a pod, and makes of a template. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "control/reconcile.h"

bool pod_ready(yyjson_val *pod)
{
	return ctl_condition_true(pod, "Ready");
}

bool pod_finished(yyjson_val *pod)
{
	const char *phase = doc_str(pod, "status.phase");

	return phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"));
}

bool pod_available(yyjson_val *pod, int64_t min_ready_s, int64_t now_us, int64_t *ret_wait_ms)
{
	yyjson_val *ready = ctl_condition_get(pod, "Ready");
	const char *since = doc_str(ready, "lastTransitionTime");
	int64_t at_us;

	if (ret_wait_ms)
		*ret_wait_ms = 0;
	if (!pod_ready(pod))
		return false;
	if (min_ready_s <= 0)
		return true;
	if (!since || text_parse_time(since, &at_us))
		return false;
	int64_t left_us = at_us + min_ready_s * 1000000 - now_us;
	if (left_us > 0 && ret_wait_ms)
		*ret_wait_ms = left_us / 1000 + 1;
	return left_us <= 0;
}

/* Smaller dies first. */
static int64_t started(yyjson_val *pod)
{
	const char *t = doc_str(ctl_condition_get(pod, "Ready"), "lastTransitionTime");
	int64_t us;

	return t && !text_parse_time(t, &us) ? us : 0;
}

static int restarts(yyjson_val *pod)
{
	yyjson_val *it;
	size_t i, max;
	int64_t most = 0;

	yyjson_arr_foreach(doc_get(pod, "status.containerStatuses"), i, max, it) {
		int64_t n = doc_int(it, "restartCount", 0);
		most = n > most ? n : most;
	}
	return (int)most;
}

static int phase_rank(yyjson_val *pod)
{
	const char *phase = doc_str(pod, "status.phase");

	if (!phase || !strcmp(phase, "Pending"))
		return 0;
	return strcmp(phase, "Unknown") ? 2 : 1;
}

static int64_t deletion_cost(yyjson_val *pod)
{
	yyjson_val *v = yyjson_obj_get(doc_get(pod, "metadata.annotations"), "controller.kubernetes.io/pod-deletion-cost");

	return yyjson_is_str(v) ? strtoll(yyjson_get_str(v), NULL, 10) : 0;
}

int pod_kill_order(const void *pa, const void *pb)
{
	struct cache_obj *oa = *(struct cache_obj *const *)pa, *ob = *(struct cache_obj *const *)pb;
	yyjson_val *a = cache_tree(oa), *b = cache_tree(ob);
	int64_t d;

	if (!*oa->node != !*ob->node)          /* not placed before placed */
		return *oa->node ? 1 : -1;
	if ((d = phase_rank(a) - phase_rank(b)) || (d = pod_ready(a) - pod_ready(b)) ||
	    (d = deletion_cost(a) - deletion_cost(b)))
		return d < 0 ? -1 : 1;
	if ((d = started(b) - started(a)) || (d = restarts(b) - restarts(a)))
		return d < 0 ? -1 : 1;         /* ready for less long, restarted more often */
	if ((d = ob->create_rev - oa->create_rev))
		return d < 0 ? -1 : 1;         /* younger */
	return strcmp(oa->name, ob->name);
}

yyjson_mut_val *pod_from_template(struct ctl *c, yyjson_val *template, struct cache_obj *owner,
	const struct kinds_kind *owner_kind)
{
	static const char *const kept[] = { "metadata.labels", "metadata.annotations", "metadata.finalizers", "spec" };
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *pod = yyjson_mut_obj(d);

	doc_mset_str(d, pod, "kind", "Pod");
	doc_mset_str(d, pod, "apiVersion", "v1");
	doc_mset_str(d, pod, "metadata.namespace", owner->ns);
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		yyjson_val *v = doc_get(template, kept[i]);
		if (v)
			doc_mset(d, pod, kept[i], yyjson_val_mut_copy(d, v));
	}
	ctl_set_owner(d, doc_mobj(d, pod, "metadata"), owner, owner_kind);
	return pod;
}

void pod_template_hash(yyjson_val *template, int64_t collisions, char ret[16])
{
	BUF_AUTO struct buf b = { 0 };

	doc_write(&b, template);
	if (collisions > 0)
		buf_printf(&b, "%lld", (long long)collisions);
	text_safe_encode(ret, hash_fnv32a(b.p ? b.p : "", b.len));
}

int64_t ctl_share(yyjson_val *v, int64_t of, bool up)
{
	if (yyjson_is_str(v))
		return (of * strtoll(yyjson_get_str(v), NULL, 10) + (up ? 99 : 0)) / 100;
	return v ? yyjson_get_sint(v) : 0;
}
