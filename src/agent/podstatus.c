/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podstatus - a pod's status as the API shows it, and the writing of it: at most one write
 * of a pod under way, what changes meanwhile goes with the next.
 * Source: kubelet status/generate.go (conditions), kubelet_pods.go (container statuses).
 */
#define LOG_MODULE "status"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "base/env.h"
#include "base/text.h"
#include "doc/doc.h"

#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS 30000

typedef yyjson_mut_doc jdoc;
typedef yyjson_mut_val jval;

static const char *const phase_names[] = { "Pending", "Running", "Succeeded", "Failed" };
static const char *const cond_names[COND_COUNT] = { "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady" };

static void add_time(jdoc *d, jval *o, const char *key, int64_t us)
{
	char text[TEXT_TIME_MAX];

	text_time(text, us);
	yyjson_mut_obj_add(o, yyjson_mut_str(d, key), yyjson_mut_strcpy(d, text));
}

static void add_terminated(jdoc *d, jval *state, const struct termination *t)
{
	jval *o = yyjson_mut_obj_add_obj(d, state, "terminated");
	char id[CTR_ID_MAX + 16];

	yyjson_mut_obj_add_int(d, o, "exitCode", t->exit_code);
	yyjson_mut_obj_add_strcpy(d, o, "reason", t->reason);
	if (t->message && *t->message)
		yyjson_mut_obj_add_strcpy(d, o, "message", t->message);
	if (t->started_us)
		add_time(d, o, "startedAt", t->started_us);
	if (t->finished_us)
		add_time(d, o, "finishedAt", t->finished_us);
	snprintf(id, sizeof(id), CONTAINER_ID_SCHEME "%s", t->id);
	if (*t->id)
		yyjson_mut_obj_add_strcpy(d, o, "containerID", id);
}

static void add_waiting(jdoc *d, jval *state, const char *reason, const char *message)
{
	jval *o = yyjson_mut_obj_add_obj(d, state, "waiting");

	yyjson_mut_obj_add_strcpy(d, o, "reason", reason);
	if (message && *message)
		yyjson_mut_obj_add_strcpy(d, o, "message", message);
}

bool ctr_backing_off(const struct ctr *c)
{
	return c->st.state == CTR_EXITED && *c->reason && !c->pod->deleting && !c->pod->failed &&
		podstate_restarts(c->pod->restart, c->kind, c->st.exit_code);
}

static void add_container(jdoc *d, jval *list, struct ctr *c)
{
	jval *o = yyjson_mut_arr_add_obj(d, list), *state;
	bool running = c->st.state == CTR_RUNNING, wait = ctr_backing_off(c), ready;
	/* A failed try to start again has moved the end of the instance before to last. */
	const struct termination *ended = c->st.start_failed && c->has_last ? &c->last : &c->term;
	const char *image = doc_str(c->spec, "image"), *instance;
	char id[CTR_ID_MAX + 16];

	yyjson_mut_obj_add_strcpy(d, o, "name", c->name);
	state = yyjson_mut_obj_add_obj(d, o, "state");
	if (running) {
		add_time(d, yyjson_mut_obj_add_obj(d, state, "running"), "startedAt", c->run.started_us);
	} else if (c->st.state == CTR_EXITED && !wait) {
		add_terminated(d, state, ended);
	} else if (*c->reason) {
		add_waiting(d, state, c->reason, c->message);
	} else {
		add_waiting(d, state, c->kind == CTR_EPHEMERAL || (c->pod->initialized) || !c->pod->ctrs[0].name ||
			(c->pod->ctrs[0].kind != CTR_INIT && c->pod->ctrs[0].kind != CTR_SIDECAR) ? "ContainerCreating" :
			"PodInitializing", NULL);
	}
	state = yyjson_mut_obj_add_obj(d, o, "lastState");
	if (wait)
		add_terminated(d, state, ended);
	else if (c->has_last && (running || c->st.state != CTR_EXITED || ended != &c->last))
		add_terminated(d, state, &c->last);
	ready = c->kind == CTR_INIT ? c->st.state == CTR_EXITED && !c->st.exit_code : running && c->ready;
	yyjson_mut_obj_add_bool(d, o, "ready", ready && c->kind != CTR_EPHEMERAL);
	yyjson_mut_obj_add_uint(d, o, "restartCount", c->attempt);
	yyjson_mut_obj_add_strcpy(d, o, "image", image ? image : "");
	yyjson_mut_obj_add_strcpy(d, o, "imageID", c->image_ref ? c->image_ref : "");
	/* Of the instance that runs or ran last; one that never came to be has none. */
	instance = running || (c->st.state == CTR_EXITED && ended != &c->last) ? c->id : c->has_last ? c->last.id : "";
	if (*instance) {
		snprintf(id, sizeof(id), CONTAINER_ID_SCHEME "%s", instance);
		yyjson_mut_obj_add_strcpy(d, o, "containerID", id);
	}
	if (c->kind != CTR_EPHEMERAL)
		yyjson_mut_obj_add_bool(d, o, "started", running && c->st.started);
	if (yyjson_obj_size(yyjson_obj_get(c->spec, "resources")) && c->kind != CTR_EPHEMERAL) {
		yyjson_val *r = yyjson_obj_get(c->spec, "resources"), *req = yyjson_obj_get(r, "requests");
		jval *out = yyjson_mut_obj_add_obj(d, o, "resources");

		if (req)
			yyjson_mut_obj_add_val(d, o, "allocatedResources", yyjson_val_mut_copy(d, req));
		if (yyjson_obj_get(r, "limits"))
			yyjson_mut_obj_add_val(d, out, "limits", yyjson_val_mut_copy(d, yyjson_obj_get(r, "limits")));
		if (req)
			yyjson_mut_obj_add_val(d, out, "requests", yyjson_val_mut_copy(d, req));
	}
}

static void set_cond(struct pod *p, enum pod_cond which, bool value, const char *reason, const char *message)
{
	struct condition *c = &p->conds[which];

	if (!c->set || c->value != value)
		c->since_us = env_wall_us();
	c->set = true;
	c->value = value;
	c->reason = value ? NULL : reason;
	free(c->message);
	c->message = value || !message ? NULL : strdup(message);
}

static bool gates_ready(struct pod *p)
{
	yyjson_val *gate, *cond;
	size_t i, n, j, m;

	yyjson_arr_foreach(yyjson_obj_get(p->spec, "readinessGates"), i, n, gate) {
		const char *type = doc_str(gate, "conditionType");
		bool found = false;

		yyjson_arr_foreach(doc_get(p->obj, "status.conditions"), j, m, cond)
			if (type && doc_str(cond, "type") && !strcmp(type, doc_str(cond, "type")))
				found = doc_str(cond, "status") && !strcmp(doc_str(cond, "status"), "True");
		if (!found)
			return false;
	}
	return true;
}

void status_conditions(struct pod *p)
{
	BUF_AUTO struct buf unready = { 0 };
	BUF_AUTO struct buf uninit = { 0 };
	bool over = p->phase == PHASE_SUCCEEDED || p->phase == PHASE_FAILED, ready, mains = false;
	const char *done = p->phase == PHASE_SUCCEEDED ? "PodCompleted" : p->phase == PHASE_FAILED ? "PodFailed" : NULL;

	for (unsigned i = 0; i < p->ctr_count; i++) {
		struct ctr *c = &p->ctrs[i];
		bool ok = c->st.state == CTR_RUNNING && c->ready;

		if (c->kind == CTR_INIT && (c->st.state != CTR_EXITED || c->st.exit_code))
			buf_printf(&uninit, "%s%s", uninit.len ? " " : "", c->name);
		if (c->kind == CTR_MAIN || c->kind == CTR_SIDECAR) {
			mains = true;
			if (!ok)
				buf_printf(&unready, "%s%s", unready.len ? " " : "", c->name);
		}
	}
	if (unready.len) {
		char *names = buf_take(&unready, NULL);

		buf_printf(&unready, "containers with unready status: [%s]", names);
		free(names);
	}
	if (uninit.len) {
		char *names = buf_take(&uninit, NULL);

		buf_printf(&uninit, "containers with incomplete status: [%s]", names);
		free(names);
	}
	ready = mains && !unready.len && !over;
	set_cond(p, COND_SANDBOX, p->sandbox_ready, NULL, NULL);
	set_cond(p, COND_INITIALIZED, p->initialized || p->phase == PHASE_SUCCEEDED, "ContainersNotInitialized", uninit.p);
	set_cond(p, COND_CONTAINERS_READY, ready, done ? done : "ContainersNotReady", done ? NULL : unready.p);
	if (ready && !gates_ready(p))
		set_cond(p, COND_READY, false, "ReadinessGatesNotReady", "corresponding condition of pod readiness gate is not true");
	else
		set_cond(p, COND_READY, ready, done ? done : "ContainersNotReady", done ? NULL : unready.p);
}

static void add_ips(jdoc *d, jval *o, const char *one, const char *many, const char *ip, const char *ip6)
{
	jval *a;

	if (!ip || !*ip)
		return;
	yyjson_mut_obj_add(o, yyjson_mut_str(d, one), yyjson_mut_strcpy(d, ip));
	a = yyjson_mut_arr(d);
	/* Merged by address: the one of an earlier sandbox would stay. */
	yyjson_mut_obj_add_str(d, yyjson_mut_arr_add_obj(d, a), "$patch", "replace");
	yyjson_mut_obj_add_strcpy(d, yyjson_mut_arr_add_obj(d, a), "ip", ip);
	if (ip6)
		yyjson_mut_obj_add_strcpy(d, yyjson_mut_arr_add_obj(d, a), "ip", ip6);
	yyjson_mut_obj_add(o, yyjson_mut_str(d, many), a);
}

char *status_text(struct pod *p)
{
	jdoc *d = yyjson_mut_doc_new(NULL);
	jval *root, *lists[3], *a;
	unsigned counts[3] = { 0 };
	char *text;

	if (!d)
		return NULL;
	root = yyjson_mut_obj(d);
	if (doc_int(p->obj, "metadata.generation", 0))
		yyjson_mut_obj_add_int(d, root, "observedGeneration", doc_int(p->obj, "metadata.generation", 0));
	yyjson_mut_obj_add_str(d, root, "phase", phase_names[p->phase]);
	if (*p->fail_reason) {
		yyjson_mut_obj_add_strcpy(d, root, "reason", p->fail_reason);
		yyjson_mut_obj_add_strcpy(d, root, "message", p->fail_message ? p->fail_message : "");
	}
	a = yyjson_mut_obj_add_arr(d, root, "conditions");
	for (unsigned i = 0; i < COND_COUNT; i++) {
		jval *o;

		if (!p->conds[i].set)
			continue;
		o = yyjson_mut_arr_add_obj(d, a);
		yyjson_mut_obj_add_str(d, o, "type", cond_names[i]);
		yyjson_mut_obj_add_str(d, o, "status", p->conds[i].value ? "True" : "False");
		yyjson_mut_obj_add_null(d, o, "lastProbeTime");
		add_time(d, o, "lastTransitionTime", p->conds[i].since_us);
		/* null: a reason of before goes away in the merge */
		if (p->conds[i].reason)
			yyjson_mut_obj_add_str(d, o, "reason", p->conds[i].reason);
		else
			yyjson_mut_obj_add_null(d, o, "reason");
		if (p->conds[i].message)
			yyjson_mut_obj_add_strcpy(d, o, "message", p->conds[i].message);
		else
			yyjson_mut_obj_add_null(d, o, "message");
	}
	add_ips(d, root, "hostIP", "hostIPs", p->a->address, agent_address2(p->a));
	add_ips(d, root, "podIP", "podIPs", p->ip, p->ip6);
	if (p->start_us)
		add_time(d, root, "startTime", p->start_us);
	yyjson_mut_obj_add_str(d, root, "qosClass", spec_qos(p->obj));
	for (unsigned i = 0; i < 3; i++)
		lists[i] = yyjson_mut_arr(d);
	for (unsigned i = 0; i < p->ctr_count; i++) {
		unsigned l = p->ctrs[i].kind == CTR_MAIN ? 1 : p->ctrs[i].kind == CTR_EPHEMERAL ? 2 : 0;

		add_container(d, lists[l], &p->ctrs[i]);
		counts[l]++;
	}
	if (counts[0])
		yyjson_mut_obj_add_val(d, root, "initContainerStatuses", lists[0]);
	if (counts[1])
		yyjson_mut_obj_add_val(d, root, "containerStatuses", lists[1]);
	if (counts[2])
		yyjson_mut_obj_add_val(d, root, "ephemeralContainerStatuses", lists[2]);
	text = yyjson_mut_val_write(root, 0, NULL);
	yyjson_mut_doc_free(d);
	return text;
}

/* ---- writing it ---- */

static void write_now(void *arg);

static void written(void *arg, const struct client_reply *r)
{
	struct pod *p = arg;

	p->status_busy = false;
	if (r->rc && !p->forgotten) {
		free(p->status_sent);
		p->status_sent = NULL;
		if (r->rc == -ERR_NOT_FOUND || r->rc == -ERR_CONFLICT || r->rc == -ERR_CANCELED) {
			/* Deleted, or another pod has the name by now: the watch will tell. */
			p->status_dirty = false;
		} else {
			log_warn("status of pod %s/%s: %s", p->ns, p->name, r->message);
			p->status_dirty = true;
			p->status_backoff_ms = p->status_backoff_ms ? p->status_backoff_ms * 2 : RETRY_FIRST_MS;
			if (p->status_backoff_ms > RETRY_MAX_MS)
				p->status_backoff_ms = RETRY_MAX_MS;
			loop_timer_set(&p->status_timer, p->status_backoff_ms);
		}
	} else {
		p->status_backoff_ms = 0;
		if (p->status_dirty && !p->forgotten)
			loop_defer(p->a->loop, &p->status_task, write_now, p);
		else
			pod_sync_soon(p);     /* the final delete waits for the last status */
	}
	pod_unhold(p);
}

static void write_now(void *arg)
{
	struct pod *p = arg;
	BUF_AUTO struct buf body = { 0 };
	BUF_AUTO struct buf path = { 0 };
	struct client_req q = { .method = "PATCH", .content_type = "application/strategic-merge-patch+json" };
	char *text;

	if (p->status_busy || p->forgotten || p->gone || p->a->closing)
		return;
	p->status_dirty = false;
	text = status_text(p);
	if (!text)
		return;
	if (p->status_sent && !strcmp(p->status_sent, text)) {
		free(text);
		if (p->deleting && p->torn_down && !p->finishing)
			pod_sync_soon(p);     /* the final delete has waited for this */
		return;
	}
	buf_printf(&body, "{\"metadata\":{\"uid\":\"%s\"},\"status\":%s}", p->uid, text);
	buf_printf(&path, "/api/v1/namespaces/%s/pods/%s/status", p->ns, p->name);
	q.path = path.p;
	q.body = body.p;
	q.body_len = body.len;
	if (body.failed || path.failed || client_call(p->a->client, &q, written, p)) {
		free(text);
		p->status_dirty = true;
		loop_timer_set(&p->status_timer, RETRY_FIRST_MS);
		return;
	}
	free(p->status_sent);
	p->status_sent = text;
	p->status_busy = true;
	p->holds++;
}

/* Has the API all that there is to tell? Then what was planned to be written is dropped. */
bool status_settled(struct pod *p)
{
	char *text;
	bool same;

	if (p->terminal || p->gone)
		return true;
	if (p->status_busy)
		return false;
	text = status_text(p);
	same = text && p->status_sent && !strcmp(p->status_sent, text);
	free(text);
	if (same) {
		p->status_dirty = false;
		loop_defer_cancel(p->a->loop, &p->status_task);
	}
	return same;
}

void status_changed(struct pod *p)
{
	if (p->terminal || p->gone || p->forgotten || p->a->closing)
		return;
	p->status_dirty = true;
	if (!p->status_timer.loop)
		loop_timer_init(&p->status_timer, p->a->loop, write_now, p);
	if (!p->status_busy && !loop_timer_is_set(&p->status_timer))
		loop_defer(p->a->loop, &p->status_task, write_now, p);
}

void status_reclaim(struct pod *p)
{
	yyjson_val *it;
	size_t i, max;

	if (p->status_busy || !p->status_sent)
		return;
	yyjson_arr_foreach(doc_get(p->obj, "status.conditions"), i, max, it) {
		const char *type = doc_str(it, "type"), *status = doc_str(it, "status");

		if (!type || !status || strcmp(type, "Ready") || !strcmp(status, "True") == p->conds[COND_READY].value)
			continue;
		free(p->status_sent);
		p->status_sent = NULL;
		status_changed(p);
	}
}

void status_close(struct pod *p)
{
	loop_timer_stop(&p->status_timer);
	loop_defer_cancel(p->a->loop, &p->status_task);
	free(p->status_sent);
	p->status_sent = NULL;
	for (unsigned i = 0; i < COND_COUNT; i++)
		free(p->conds[i].message);
}

/* ---- what only the API remembers ---- */

static void read_termination(struct termination *t, yyjson_val *v)
{
	const char *id = doc_str(v, "containerID"), *reason = doc_str(v, "reason"), *message = doc_str(v, "message");
	const char *at;

	free(t->message);
	*t = (struct termination){ .exit_code = (int)doc_int(v, "exitCode", 0) };
	snprintf(t->reason, sizeof(t->reason), "%s", reason ? reason : "");
	t->message = message ? strdup(message) : NULL;
	if ((at = doc_str(v, "startedAt")) && text_parse_time(at, &t->started_us))
		t->started_us = 0;
	if ((at = doc_str(v, "finishedAt")) && text_parse_time(at, &t->finished_us))
		t->finished_us = 0;
	id = id && strstr(id, "://") ? strstr(id, "://") + 3 : "";
	snprintf(t->id, sizeof(t->id), "%s", id);
}

static void adopt_container(struct ctr *c, yyjson_val *v)
{
	yyjson_val *state = yyjson_obj_get(v, "state"), *last = doc_get(v, "lastState.terminated");
	const char *image = doc_str(v, "imageID"), *id = doc_str(v, "containerID");
	unsigned restarts = (unsigned)doc_int(v, "restartCount", 0);

	if (image && *image && !c->image_ref)
		c->image_ref = strdup(image);
	/* The API may not have heard yet of the instance that is here. */
	if (restarts < c->attempt && yyjson_obj_get(state, "terminated"))
		last = yyjson_obj_get(state, "terminated");
	if (last) {
		read_termination(&c->last, last);
		c->has_last = true;
	}
	if (c->st.state == CTR_RUNNING && restarts == c->attempt) {
		c->ready = doc_bool(v, "ready", false);
		c->st.started = doc_bool(v, "started", false);
	}
	if (restarts > c->attempt)
		c->attempt = restarts;
	/* It ran, but the machine knows nothing of it any more: it was lost. */
	if (c->st.state == CTR_NONE && id && *id) {
		c->st.state = CTR_EXITED;
		if (yyjson_obj_get(state, "terminated")) {
			read_termination(&c->term, yyjson_obj_get(state, "terminated"));
		} else {
			c->term = (struct termination){ .exit_code = 137, .reason = "ContainerStatusUnknown" };
			c->term.message = strdup("The container could not be located when the pod was taken up again");
			c->term.finished_us = env_wall_us();
		}
		snprintf(c->id, sizeof(c->id), "%s", strstr(id, "://") ? strstr(id, "://") + 3 : id);
		c->st.exit_code = c->term.exit_code;
		c->st.had_exit = true;
	}
}

void status_adopt(struct pod *p)
{
	static const char *const lists[] = { "initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses" };
	yyjson_val *status = yyjson_obj_get(p->obj, "status"), *v;
	const char *phase = doc_str(status, "phase"), *at = doc_str(status, "startTime"), *ip = doc_str(status, "podIP");
	size_t i, n;

	for (unsigned l = 0; l < 3; l++)
		yyjson_arr_foreach(yyjson_obj_get(status, lists[l]), i, n, v) {
			struct ctr *c = pod_ctr(p, doc_str(v, "name") ? doc_str(v, "name") : "");

			if (c)
				adopt_container(c, v);
		}
	if (at && text_parse_time(at, &p->start_us))
		p->start_us = 0;
	if (ip && *ip && !p->ip)
		p->ip = strdup(ip);
	ip = doc_str(status, "podIPs.1.ip");
	if (ip && *ip && !p->ip6)
		p->ip6 = strdup(ip);
	p->terminal = phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"));
	if (p->terminal)
		p->phase = !strcmp(phase, "Failed") ? PHASE_FAILED : PHASE_SUCCEEDED;
	yyjson_arr_foreach(yyjson_obj_get(status, "conditions"), i, n, v)
		for (unsigned k = 0; k < COND_COUNT; k++)
			if (doc_str(v, "type") && !strcmp(doc_str(v, "type"), cond_names[k])) {
				const char *since = doc_str(v, "lastTransitionTime");

				p->conds[k].set = since && !text_parse_time(since, &p->conds[k].since_us);
				p->conds[k].value = doc_str(v, "status") && !strcmp(doc_str(v, "status"), "True");
			}
}
