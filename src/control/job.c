/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job - pods until enough of them succeeded, or too many failed.
 *
 * A finished pod is counted exactly once: it holds a finalizer; its uid is first noted
 * in status.uncountedTerminatedPods, then the finalizer goes, then the uid turns into a
 * count. Stopped between any two of these, the next run goes on.
 * Source: KEP-2307 (tracking with finalizers), KEP-2214 (indexed jobs).
 */
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/text.h"
#include "control/controllers.h"
#include "control/job.h"

#define BACKOFF_MS     10000
#define BACKOFF_MAX_MS 600000

/* Keys of pods whose Job is gone: no Job's name has a slash. */
#define ORPHAN "pod/"

/* Held for a Job that will never count it: there is none (any more). */
static bool abandoned(struct ctl *c, struct cache_obj *pod)
{
	if (pod->owners[0] && cache_by_uid(ctl_cache(c), pod->owners[0]))
		return false;
	yyjson_val *t = cache_tree(pod), *ref = kinds_controller_of(t);
	if (!ctl_has_finalizer(t, JOB_FINALIZER))
		return false;
	return !ref || (yyjson_equals_str(yyjson_obj_get(ref, "kind"), "Job") &&
		!cache_by_uid(ctl_cache(c), doc_str(ref, "uid")));
}

static bool enqueue_abandoned(void *arg, struct cache_obj *pod)
{
	char key[300];

	if (!strcmp(pod->store, "core/pods") && abandoned(arg, pod)) {
		snprintf(key, sizeof(key), ORPHAN "%s", pod->name);
		ctl_enqueue(arg, pod->ns, key);
	}
	return true;
}

static void pod_changed(struct ctl *c, const struct cache_event *ev)
{
	ctl_enqueue_owner(c, ev, "batch/v1", "Job");
	if (ev->type != CACHE_DELETED)
		enqueue_abandoned(c, ev->obj);
}

static void job_changed(struct ctl *c, const struct cache_event *ev)
{
	ctl_map_self(c, ev);
	if (ev->type == CACHE_DELETED)
		cache_each_owned(ctl_cache(c), ev->obj->uid, enqueue_abandoned, c);
}

static int let_go(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *pod = cache_get(ctl_cache(c), "core/pods", ns, name);

	if (pod && abandoned(c, pod))
		ctl_drop_finalizer(c, pod, ctl_kind("", "pods"), JOB_FINALIZER);
	return 0;
}

static bool phase_is(yyjson_val *pod, const char *phase)
{
	const char *p = doc_str(pod, "status.phase");

	return p && !strcmp(p, phase);
}

static bool listed(yyjson_mut_val *list, const char *uid)
{
	yyjson_mut_val *it;
	size_t i, max;

	yyjson_mut_arr_foreach(list, i, max, it)
		if (yyjson_mut_equals_str(it, uid))
			return true;
	return false;
}

static struct cache_obj *pod_by_uid(struct job *j, const char *uid)
{
	for (size_t i = 0; i < j->n; i++)
		if (!strcmp(j->pods[i]->uid, uid))
			return j->pods[i];
	return NULL;
}

/* Uids of list whose pod let go become a count; the others' pods are asked to. */
static void settle(struct job *j, const char *list_path, const char *count_path, int64_t *count)
{
	yyjson_mut_doc *d = ctl_doc(j->c);
	yyjson_mut_val *list = doc_mget(j->status, list_path), *left = yyjson_mut_arr(d), *it;
	size_t i, max;

	yyjson_mut_arr_foreach(list, i, max, it) {
		struct cache_obj *pod = pod_by_uid(j, yyjson_mut_get_str(it));
		if (pod && ctl_has_finalizer(cache_tree(pod), JOB_FINALIZER)) {
			yyjson_mut_arr_append(left, yyjson_mut_val_mut_copy(d, it));
			ctl_drop_finalizer(j->c, pod, ctl_kind("", "pods"), JOB_FINALIZER);
			continue;
		}
		(*count)++;
		j->changed = true;
	}
	if (yyjson_mut_arr_size(left))
		doc_mset(d, j->status, list_path, left);
	else
		doc_mdel(j->status, list_path);
	if (*count)
		doc_mset_int(d, j->status, count_path, *count);
}

static void note(struct job *j, struct cache_obj *pod, bool succeeded)
{
	yyjson_mut_doc *d = ctl_doc(j->c);
	yyjson_mut_val *list = doc_marr(d, j->status, succeeded ? "uncountedTerminatedPods.succeeded" : "uncountedTerminatedPods.failed");

	if (listed(list, pod->uid))
		return;
	yyjson_mut_arr_add_strcpy(d, list, pod->uid);
	if (succeeded)
		job_index_done(j, pod);
	j->changed = true;
}

static int64_t finished_us(yyjson_val *pod)
{
	yyjson_val *it;
	size_t i, max;
	int64_t last = 0, us;

	yyjson_arr_foreach(doc_get(pod, "status.containerStatuses"), i, max, it) {
		const char *t = doc_str(it, "state.terminated.finishedAt");
		if (t && !text_parse_time(t, &us) && us > last)
			last = us;
	}
	return last;
}

static int64_t restarts(yyjson_val *pod)
{
	static const char *const lists[] = { "status.containerStatuses", "status.initContainerStatuses" };
	yyjson_val *it;
	size_t i, max;
	int64_t n = 0;

	for (int l = 0; l < 2; l++)
		yyjson_arr_foreach(doc_get(pod, lists[l]), i, max, it)
			n += doc_int(it, "restartCount", 0);
	return n;
}

static void look_at_pods(struct job *j)
{
	const char *policy = doc_str(j->tree, "spec.template.spec.restartPolicy");
	bool on_failure = policy && !strcmp(policy, "OnFailure");

	for (size_t i = 0; i < j->n; i++) {
		struct cache_obj *pod = j->pods[i];
		yyjson_val *t = cache_tree(pod);
		bool ok = phase_is(t, "Succeeded"), failed = phase_is(t, "Failed");
		if (ok || failed || pod->deleting) {
			/* A pod that goes before it ended failed. */
			if (ctl_has_finalizer(t, JOB_FINALIZER) && (ok || failed || !j->obj->deleting))
				note(j, pod, ok);
			/* A Job that goes counts no more. */
			else if (ctl_has_finalizer(t, JOB_FINALIZER))
				ctl_drop_finalizer(j->c, pod, ctl_kind("", "pods"), JOB_FINALIZER);
			if (failed) {
				int64_t at = finished_us(t);
				j->last_failure_us = at > j->last_failure_us ? at : j->last_failure_us;
			}
			j->terminating += pod->deleting && !ok && !failed;
			continue;
		}
		j->pods[i] = j->pods[j->active];
		j->pods[j->active++] = pod;
		j->ready += pod_ready(t);
		if (on_failure)
			j->restarts += restarts(t);
	}
}

static void created(struct ctl *c, const char *ns, const char *name, int rc, yyjson_val *obj, const char *message)
{
	struct cache_obj *o = cache_get(ctl_cache(c), "batch/jobs", ns, name);

	if (o && rc)
		ctl_event(c, o, "Warning", "FailedCreate", "Error creating: %s", message);
	else if (o)
		ctl_event(c, o, "Normal", "SuccessfulCreate", "Created pod: %s", doc_str(obj, "metadata.name"));
}

static void create_pod(struct job *j, int64_t index)
{
	yyjson_mut_doc *d = ctl_doc(j->c);
	yyjson_mut_val *pod = pod_from_template(j->c, doc_get(j->tree, "spec.template"), j->obj, j->kind);
	char prefix[300];

	yyjson_mut_arr_add_str(d, doc_marr(d, pod, "metadata.finalizers"), JOB_FINALIZER);
	if (index >= 0) {
		snprintf(prefix, sizeof(prefix), "%s-%lld-", j->obj->name, (long long)index);
		job_index_set(j, pod, index);
	} else {
		snprintf(prefix, sizeof(prefix), "%s-", j->obj->name);
	}
	doc_mset_str(d, pod, "metadata.generateName", prefix);
	ctl_create(j->c, ctl_kind("", "pods"), j->obj->ns, pod, false);
	ctl_on_answer(j->c, created);
}

static void delete_active(struct job *j, size_t count)
{
	qsort(j->pods, j->active, sizeof(*j->pods), pod_kill_order);
	for (size_t i = 0; i < count && i < j->active; i++) {
		struct cache_obj *pod = j->pods[i];
		ctl_delete(j->c, ctl_kind("", "pods"), pod->ns, pod->name, pod->uid, NULL, -1);
		ctl_event(j->c, j->obj, "Normal", "SuccessfulDelete", "Deleted pod: %s", pod->name);
	}
}

/* As many pods as should run now. */
static void manage_pods(struct job *j)
{
	int64_t want = doc_int(j->tree, "spec.parallelism", 1);
	yyjson_val *completions = doc_get(j->tree, "spec.completions");

	if (completions) {
		int64_t left = yyjson_get_sint(completions) - j->succeeded - j->uncounted_ok;
		want = left < want ? left : want;
	} else if (j->succeeded + j->uncounted_ok > 0) {
		want = (int64_t)j->active;     /* a work queue ends by itself */
	}
	want = want < 0 ? 0 : want;
	if ((int64_t)j->active > want) {
		delete_active(j, j->active - (size_t)want);
		return;
	}
	if ((int64_t)j->active == want)
		return;
	if (j->failed && j->last_failure_us) {
		int64_t n = j->failed > 7 ? 7 : j->failed, wait = BACKOFF_MS << (n - 1);
		wait = wait > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : wait;
		int64_t left = wait - (j->now_us - j->last_failure_us) / 1000;
		if (left > 0) {
			ctl_enqueue_after(j->c, j->obj->ns, j->obj->name, left);
			return;
		}
	}
	int64_t missing = want - (int64_t)j->active;
	if (missing > JOB_BURST_MAX) {
		missing = JOB_BURST_MAX;
		ctl_enqueue(j->c, j->obj->ns, j->obj->name);
	}
	for (int64_t i = 0, index = -1; i < missing; i++) {
		if (j->indexed && (index = job_index_free(j, index + 1)) < 0)
			break;
		create_pod(j, index);
	}
}

static void condition(struct job *j, const char *type, const char *status, const char *reason, const char *message)
{
	yyjson_mut_doc *d = ctl_doc(j->c);
	yyjson_mut_val *it;
	size_t i, max;
	char now[TEXT_TIME_MAX];

	if (!ctl_condition(d, j->status, type, status, reason, message, j->now_us))
		return;
	text_time(now, j->now_us);
	yyjson_mut_arr_foreach(doc_mget(j->status, "conditions"), i, max, it)
		if (!strcmp(doc_mstr(it, "type"), type))
			doc_mset_str(d, it, "lastProbeTime", now);
	j->changed = true;
}

static bool job_has(struct job *j, const char *type)
{
	return ctl_condition_true(j->tree, type);
}

/* Decided, but its pods are still going: the last word waits for them. */
static void end(struct job *j, bool ok, const char *reason, const char *message)
{
	char now[TEXT_TIME_MAX];

	condition(j, ok ? "SuccessCriteriaMet" : "FailureTarget", "True", reason, message);
	delete_active(j, j->active);
	if (j->active || j->terminating || j->uncounted)
		return;
	condition(j, ok ? "Complete" : "Failed", "True", reason, message);
	ctl_event(j->c, j->obj, ok ? "Normal" : "Warning", ok ? "Completed" : reason, "%s", ok ? "Job completed" : message);
	if (ok) {
		text_time(now, j->now_us);
		doc_mset_str(ctl_doc(j->c), j->status, "completionTime", now);
	}
}

/* Why it is over, if it is. */
static bool over(struct job *j)
{
	int64_t deadline_s = doc_int(j->tree, "spec.activeDeadlineSeconds", -1), started;
	int64_t limit = doc_int(j->tree, "spec.backoffLimit", 6);
	const char *start = doc_str(j->tree, "status.startTime");
	yyjson_val *completions = doc_get(j->tree, "spec.completions"), *ended;

	if ((ended = ctl_condition_get(j->tree, "FailureTarget")) || (ended = ctl_condition_get(j->tree, "SuccessCriteriaMet"))) {
		const char *reason = doc_str(ended, "reason"), *message = doc_str(ended, "message");
		end(j, job_has(j, "SuccessCriteriaMet"), reason ? reason : "", message ? message : "");
		return true;
	}
	int64_t ok = j->succeeded + j->uncounted_ok, bad = j->failed + j->uncounted_bad + j->restarts;
	if (completions ? ok >= yyjson_get_sint(completions) : ok > 0 && !j->active) {
		end(j, true, "CompletionsReached", "Reached expected number of succeeded pods");
		return true;
	}
	if (bad > limit) {
		end(j, false, "BackoffLimitExceeded", "Job has reached the specified backoff limit");
		return true;
	}
	if (deadline_s >= 0 && start && !text_parse_time(start, &started)) {
		int64_t left = started / 1000 + deadline_s * 1000 - j->now_us / 1000;
		if (left <= 0) {
			end(j, false, "DeadlineExceeded", "Job was active longer than specified deadline");
			return true;
		}
		ctl_enqueue_after(j->c, j->obj->ns, j->obj->name, left);
	}
	return false;
}

static void set_count(struct job *j, const char *field, int64_t v)
{
	if (doc_mint(j->status, field, 0) == v && (v || doc_mget(j->status, field)))
		return;
	doc_mset_int(ctl_doc(j->c), j->status, field, v);
	j->changed = true;
}

static void run_job(struct job *j)
{
	bool suspended = doc_bool(j->tree, "spec.suspend", false);
	char now[TEXT_TIME_MAX];

	if (!suspended && !doc_get(j->tree, "status.startTime")) {
		text_time(now, j->now_us);
		doc_mset_str(ctl_doc(j->c), j->status, "startTime", now);
		j->changed = true;
	}
	if (over(j))
		return;
	if (suspended) {
		delete_active(j, j->active);
		if (!job_has(j, "Suspended")) {
			condition(j, "Suspended", "True", "JobSuspended", "Job suspended");
			ctl_event(j->c, j->obj, "Normal", "Suspended", "Job suspended");
		}
		doc_mdel(j->status, "startTime");
		return;
	}
	if (job_has(j, "Suspended")) {
		condition(j, "Suspended", "False", "JobResumed", "Job resumed");
		ctl_event(j->c, j->obj, "Normal", "Resumed", "Job resumed");
	}
	if (!j->obj->deleting)
		manage_pods(j);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct job j = { .c = c, .obj = cache_get(ctl_cache(c), "batch/jobs", ns, name), .kind = ctl_kind("batch", "jobs"),
		.now_us = env_wall_us() };
	struct selector *sel;

	if (!strncmp(name, ORPHAN, strlen(ORPHAN)))
		return let_go(c, ns, name + strlen(ORPHAN));
	if (!j.obj)
		return 0;
	j.tree = cache_tree(j.obj);
	if (job_has(&j, "Complete") || job_has(&j, "Failed"))
		return 0;
	const char *mode = doc_str(j.tree, "spec.completionMode");
	j.indexed = mode && !strcmp(mode, "Indexed");
	if (selector_from(ctl_arena(c), doc_get(j.tree, "spec.selector"), &sel, NULL))
		return 0;
	j.pods = ctl_claim(c, j.obj, j.kind, ctl_kind("", "pods"), sel, &j.n);
	yyjson_mut_val *obj = yyjson_val_mut_copy(ctl_doc(c), j.tree);
	j.status = obj ? doc_mobj(ctl_doc(c), obj, "status") : NULL;
	if (!j.pods || !j.status)
		return -ERR_NOMEM;
	j.succeeded = doc_int(j.tree, "status.succeeded", 0);
	j.failed = doc_int(j.tree, "status.failed", 0);
	settle(&j, "uncountedTerminatedPods.succeeded", "succeeded", &j.succeeded);
	settle(&j, "uncountedTerminatedPods.failed", "failed", &j.failed);
	look_at_pods(&j);
	j.uncounted_ok = (int64_t)doc_mlen(j.status, "uncountedTerminatedPods.succeeded");
	j.uncounted_bad = (int64_t)doc_mlen(j.status, "uncountedTerminatedPods.failed");
	j.uncounted = (size_t)(j.uncounted_ok + j.uncounted_bad);
	run_job(&j);
	set_count(&j, "active", (int64_t)j.active);
	set_count(&j, "ready", (int64_t)j.ready);
	set_count(&j, "terminating", (int64_t)j.terminating);
	if (j.changed)
		ctl_update(c, j.kind, ns, name, "status", obj);
	return 0;
}

static const struct ctl_watch watches[] = {
	{ "batch/jobs", job_changed },
	{ "core/pods", pod_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_job = { .name = "job-controller", .watches = watches, .reconcile = reconcile };
