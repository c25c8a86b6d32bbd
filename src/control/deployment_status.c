/* SPDX-License-Identifier: Apache-2.0 */
/* deployment_status - counts and conditions, as `kubectl rollout status` reads them. */
#include <string.h>

#include "base/text.h"
#include "control/deployment.h"

struct counts { int64_t replicas, updated, ready, available, unavailable; };

static struct counts count(const struct deployment *d)
{
	struct counts n = { 0 };

	for (size_t i = 0; i < d->n; i++) {
		n.replicas += d->rs[i].replicas;
		n.ready += d->rs[i].ready;
		n.available += d->rs[i].available;
	}
	n.updated = d->new ? d->new->replicas : 0;
	n.unavailable = d->total > n.available ? d->total - n.available : 0;
	return n;
}

static bool set(struct deployment *d, yyjson_mut_val *status, const char *field, int64_t v)
{
	if (doc_mint(status, field, 0) == v)
		return false;
	if (v)
		doc_mset_int(ctl_doc(d->c), status, field, v);
	else
		doc_mdel(status, field);
	return true;
}

/* status.conditions[type] with the time of its last word, which only Deployments keep. */
static bool condition(struct deployment *d, yyjson_mut_val *status, const char *type, bool ok, const char *reason,
	const char *message)
{
	yyjson_mut_val *it;
	size_t i, max;
	char now[TEXT_TIME_MAX];

	if (!ctl_condition(ctl_doc(d->c), status, type, ok ? "True" : "False", reason, message, d->now_us))
		return false;
	text_time(now, d->now_us);
	yyjson_mut_arr_foreach(doc_mget(status, "conditions"), i, max, it)
		if (!strcmp(doc_mstr(it, "type"), type))
			doc_mset_str(ctl_doc(d->c), it, "lastUpdateTime", now);
	return true;
}

/* Since when nothing moved, in microseconds; 0: unknown. */
static int64_t last_progress(struct deployment *d)
{
	const char *t = doc_str(ctl_condition_get(d->tree, "Progressing"), "lastUpdateTime");
	int64_t us;

	return t && !text_parse_time(t, &us) ? us : 0;
}

static bool progressing(struct deployment *d, yyjson_mut_val *status, const struct counts *n, bool moved)
{
	int64_t deadline_s = doc_int(d->tree, "spec.progressDeadlineSeconds", 600);
	const char *had = doc_str(ctl_condition_get(d->tree, "Progressing"), "reason");
	bool paused = doc_bool(d->tree, "spec.paused", false);
	char message[400];
	const char *rs = d->new ? d->new->obj->name : d->obj->name, *what = d->new ? "ReplicaSet" : "Deployment";

	if (paused)
		return !had || strcmp(had, "DeploymentPaused") ?
			ctl_condition(ctl_doc(d->c), status, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", d->now_us) : false;
	if (had && !strcmp(had, "DeploymentPaused"))
		return ctl_condition(ctl_doc(d->c), status, "Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed", d->now_us);
	if (d->new && n->updated == d->replicas && n->replicas == d->replicas && n->available == d->replicas) {
		snprintf(message, sizeof(message), "%s \"%s\" has successfully progressed.", what, rs);
		return condition(d, status, "Progressing", true, "NewReplicaSetAvailable", message);
	}
	/* After a rollout was done, pods that fail by themselves are no rollout. */
	if (had && !strcmp(had, "NewReplicaSetAvailable") && d->new && strstr(doc_str(ctl_condition_get(d->tree, "Progressing"), "message"), rs))
		return false;
	if (moved || !had) {
		snprintf(message, sizeof(message), "%s \"%s\" is progressing.", what, rs);
		bool changed = condition(d, status, "Progressing", true, d->new ? "ReplicaSetUpdated" : "NewReplicaSetCreated", message);
		if (!changed) {
			/* The same words again: the time of progress moves all the same. */
			yyjson_mut_val *it;
			size_t i, max;
			char now[TEXT_TIME_MAX];
			text_time(now, d->now_us);
			yyjson_mut_arr_foreach(doc_mget(status, "conditions"), i, max, it)
				if (!strcmp(doc_mstr(it, "type"), "Progressing"))
					doc_mset_str(ctl_doc(d->c), it, "lastUpdateTime", now);
		}
		ctl_enqueue_after(d->c, d->obj->ns, d->obj->name, deadline_s * 1000 + 1000);
		return true;
	}
	int64_t since = last_progress(d), late = since ? d->now_us - since - deadline_s * 1000000 : -1;
	if (late < 0) {
		ctl_enqueue_after(d->c, d->obj->ns, d->obj->name, since ? -late / 1000 + 1000 : deadline_s * 1000);
		return false;
	}
	snprintf(message, sizeof(message), "%s \"%s\" has timed out progressing.", what, rs);
	return condition(d, status, "Progressing", false, "ProgressDeadlineExceeded", message);
}

/* Which revision its template is, as an annotation; a write of the status may change those. */
static bool say_revision(struct deployment *d, yyjson_mut_val *obj)
{
	const char *said = yyjson_get_str(yyjson_obj_get(doc_get(d->tree, "metadata.annotations"), DEPLOYMENT_REVISION));
	char now[24];

	snprintf(now, sizeof(now), "%lld", (long long)(d->new ? d->new->revision : 0));
	if (!d->new || !d->new->revision || (said && !strcmp(said, now)))
		return false;
	return doc_mset_key(ctl_doc(d->c), obj, "metadata.annotations", DEPLOYMENT_REVISION, now);
}

void deployment_status(struct deployment *d)
{
	yyjson_mut_doc *doc = ctl_doc(d->c);
	yyjson_mut_val *obj = yyjson_val_mut_copy(doc, d->tree), *status = doc_mobj(doc, obj, "status");
	struct counts n = count(d);
	bool moved = false, changed = false;

	moved |= set(d, status, "updatedReplicas", n.updated);
	moved |= set(d, status, "readyReplicas", n.ready);
	moved |= set(d, status, "availableReplicas", n.available);
	moved |= set(d, status, "replicas", n.replicas);
	changed |= set(d, status, "unavailableReplicas", n.unavailable);
	changed |= set(d, status, "observedGeneration", doc_int(d->tree, "metadata.generation", 0));
	changed |= set(d, status, "collisionCount", d->collisions);
	changed |= say_revision(d, obj);
	bool enough = n.available >= d->min_available;
	changed |= condition(d, status, "Available", enough, enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
		enough ? "Deployment has minimum availability." : "Deployment does not have minimum availability.");
	changed |= progressing(d, status, &n, moved || ctl_writes(d->c));
	if (changed || moved)
		ctl_update(d->c, d->kind, d->obj->ns, d->obj->name, "status", obj);
}
