/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pod - carries out what podstate decides: the one place where a pod's decisions become
 * effects. Whatever changes ends in pod_sync_soon; a sync builds the input, asks podstate,
 * acts.
 *
 * Memory: a pod is freed when it is forgotten (gone from the API, all torn down) and no
 * callback holds it.
 */
#define LOG_MODULE "pod"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/ctrlog.h"
#include "agent/ctrspec.h"
#include "agent/pod_priv.h"
#include "base/env.h"
#include "base/file.h"
#include "base/text.h"
#include "doc/doc.h"

#define SANDBOX_RETRY_FIRST_MS 500
#define SANDBOX_RETRY_MAX_MS 30000
#define PULL_SHOWN_MS 1000             /* ErrImagePull is shown this long before ImagePullBackOff */
#define TERM_MESSAGE_MAX 4096
#define TERM_LOG_MAX 2048
#define TERM_LOG_LINES 80
#define DELETE_RETRY_MS 2000
#define HOOK_EXTRA_MS 2000

static void sync_now(void *arg);

/* ---- finding, waiting, failing ---- */

struct pod *pod_find(struct agent *a, const char *ns, const char *name)
{
	const char *uid;
	size_t it = 0;
	void *v;

	while (map_next(&a->pods, &it, &uid, &v)) {
		struct pod *p = v;

		if (!p->gone && !strcmp(p->name, name) && !strcmp(p->ns, ns))
			return p;
	}
	return NULL;
}

struct ctr *pod_ctr(struct pod *p, const char *name)
{
	for (unsigned i = 0; i < p->ctr_count; i++)
		if (!strcmp(p->ctrs[i].name, name))
			return &p->ctrs[i];
	return NULL;
}

void ctr_wait(struct ctr *c, const char *reason, const char *fmt, ...)
{
	va_list ap;

	snprintf(c->reason, sizeof(c->reason), "%s", reason);
	free(c->message);
	va_start(ap, fmt);
	if (vasprintf(&c->message, fmt, ap) < 0)
		c->message = NULL;
	va_end(ap);
	status_changed(c->pod);
}

void pod_fail(struct pod *p, const char *reason, const char *fmt, ...)
{
	va_list ap;

	if (p->failed || p->terminal)
		return;
	p->failed = true;
	snprintf(p->fail_reason, sizeof(p->fail_reason), "%s", reason);
	va_start(ap, fmt);
	if (vasprintf(&p->fail_message, fmt, ap) < 0)
		p->fail_message = NULL;
	va_end(ap);
	event_pod(p, NULL, "Warning", reason, "%s", p->fail_message ? p->fail_message : "");
	pod_sync_soon(p);
}

int64_t pod_grace_ms(const struct pod *p)
{
	return p->deleting ? p->grace_ms : spec_ms(p->spec, "terminationGracePeriodSeconds", 30);
}

void pod_sync_soon(struct pod *p)
{
	if (!p->forgotten && !p->a->closing)
		loop_defer(p->a->loop, &p->sync_task, sync_now, p);
}

/* ---- memory ---- */

static void ctr_finish(struct ctr *c)
{
	probes_stop(c);
	handler_cancel(c->hook);
	rotator_del(c->log);
	free(c->name);
	free(c->image_id);
	free(c->image_ref);
	free(c->message);
	free(c->term.message);
	free(c->last.message);
}

void pod_free(struct pod *p)
{
	status_close(p);
	loop_timer_stop(&p->wake);
	loop_defer_cancel(p->a->loop, &p->sync_task);
	for (unsigned i = 0; i < p->ctr_count; i++)
		ctr_finish(&p->ctrs[i]);
	free(p->ctrs);
	volumes_close(p);
	free(p->uid);
	free(p->ns);
	free(p->name);
	free(p->dir);
	free(p->netns);
	free(p->ipcns);
	free(p->ip);
	free(p->ip6);
	free(p->fail_message);
	yyjson_doc_free(p->doc);
	free(p);
}

void pod_unhold(struct pod *p)
{
	if (!--p->holds && p->forgotten)
		pod_free(p);
}

/* Nothing of it is left on the machine and in the API. */
static void forget(struct pod *p)
{
	char logs[PATH_MAX];

	map_del(&p->a->pods, p->uid);
	for (unsigned i = 0; i < p->ctr_count; i++)
		map_del(&p->a->by_ctr, p->ctrs[i].id);
	refs_drop(p);
	log_path(logs, sizeof(logs), p, "", 0);
	*strrchr(logs, '/') = 0;
	for (size_t n = strlen(logs); n && logs[n - 1] == '/';)
		logs[--n] = 0;
	agent_remove_tree(p->a, logs);
	p->forgotten = true;
	loop_timer_stop(&p->wake);
	if (!p->holds)
		pod_free(p);
}

void pod_close(struct pod *p)
{
	for (unsigned i = 0; i < p->ctr_count; i++)
		free(p->ctrs[i].start);
	refs_drop(p);
	pod_free(p);
}

void log_path(char *out, size_t size, const struct pod *p, const char *ctr_name, unsigned attempt)
{
	snprintf(out, size, "%s/logs/%s_%s_%s/%s/%u.log", p->a->data_dir, p->ns, p->name, p->uid, ctr_name, attempt);
}

/* ---- the end of a container ---- */

static void read_message(struct ctr *c, struct termination *t)
{
	const char *policy = doc_str(c->spec, "terminationMessagePolicy");
	BUF_AUTO struct buf b = { 0 };
	char path[PATH_MAX], text[TERM_MESSAGE_MAX + 1];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/containers/%s.end", c->pod->dir, c->name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		n = read(fd, text, TERM_MESSAGE_MAX);
		close(fd);
	}
	if (n > 0) {
		buf_add(&b, text, (size_t)n);
	} else if (policy && !strcmp(policy, "FallbackToLogsOnError") && t->exit_code) {
		log_path(path, sizeof(path), c->pod, c->name, c->attempt);
		ctrlog_tail(&b, path, TERM_LOG_LINES, TERM_LOG_MAX);
	}
	free(t->message);
	t->message = NULL;
	/* The cut may have gone through a character. */
	for (int i = 0; i < 4 && b.len && !text_is_utf8(b.p, b.len); i++)
		b.p[--b.len] = 0;
	if (b.len && text_is_utf8(b.p, b.len))
		t->message = buf_take(&b, NULL);
}

void ctr_record_end(struct ctr *c, const struct runtime_status *st)
{
	c->run = *st;
	c->term.exit_code = st->exit_code;
	c->term.started_us = st->started_us;
	c->term.finished_us = st->finished_us;
	snprintf(c->term.reason, sizeof(c->term.reason), "%s", st->oom ? "OOMKilled" : st->exit_code ? "Error" : "Completed");
	snprintf(c->term.id, sizeof(c->term.id), "%s", c->id);
	read_message(c, &c->term);
	c->st.state = CTR_EXITED;
	c->st.exit_code = st->exit_code;
	c->st.had_exit = true;
	c->st.start_failed = c->st.stopping = c->st.unhealthy = c->st.started = false;
	c->ready = false;
	c->reason[0] = 0;
}

/* containers/<name>.backoff: of which attempt's end, and how long the next start waited. */
static void back_off_path(char out[PATH_MAX], const struct ctr *c, bool make)
{
	snprintf(out, PATH_MAX, "%s/containers", c->pod->dir);
	if (make)
		file_mkdirs(out, 0711, NULL);
	snprintf(out, PATH_MAX, "%s/containers/%s.backoff", c->pod->dir, c->name);
}

static void back_off_save(const struct ctr *c, int64_t delay_ms)
{
	char path[PATH_MAX];
	FILE *f;

	back_off_path(path, c, true);
	f = fopen(path, "we");
	/* Best effort: without it only the waiting begins anew. */
	if (!f || fprintf(f, "%u %" PRId64 "\n", c->attempt, delay_ms) < 0)
		log_warn("%s: %s", path, strerror(errno));
	if (f)
		fclose(f);
}

void ctr_back_off_restore(struct ctr *c)
{
	BUF_AUTO struct buf b = { 0 };
	char path[PATH_MAX];
	unsigned attempt;
	int64_t delay_ms;

	back_off_path(path, c, false);
	if (file_read(path, 64, &b, NULL) || !b.p || sscanf(b.p, "%u %" SCNd64, &attempt, &delay_ms) != 2 ||
	    delay_ms < 0 || delay_ms > BACKOFF_MAX_MS)
		return;
	/* Of this very end, it is counted again; of the one before, it is the next one's turn. */
	c->backoff_ms = attempt == c->attempt && c->st.state == CTR_EXITED ? delay_ms : podstate_backoff(delay_ms, 0);
}

void ctr_back_off(struct ctr *c)
{
	struct pod *p = c->pod;
	int64_t ran_ms = (c->term.finished_us - c->term.started_us) / 1000, since_ms;
	int64_t delay = ran_ms >= BACKOFF_RESET_MS ? 0 : c->backoff_ms;
	char text[TEXT_TIME_MAX];

	c->backoff_ms = podstate_backoff(delay, 0);
	/* Found ended after a restart, it has waited a part of it. */
	since_ms = (env_wall_us() - c->term.finished_us) / 1000;
	c->st.retry_at_ms = loop_now_ms(p->a->loop) + (since_ms <= 0 ? delay : since_ms < delay ? delay - since_ms : 0);
	if (p->deleting || p->failed || !podstate_restarts(p->restart, c->kind, c->st.exit_code))
		return;
	back_off_save(c, delay);
	if (!delay)
		return;
	text_duration(text, delay * 1000000);
	ctr_wait(c, "CrashLoopBackOff", "back-off %s restarting failed container=%s pod=%s_%s(%s)", text, c->name, p->name,
		p->ns, p->uid);
	event_pod(p, c, "Warning", "BackOff", "Back-off restarting failed container %s in pod %s_%s(%s)", c->name, p->name,
		p->ns, p->uid);
}

void ctr_exited(struct ctr *c, const struct runtime_status *st)
{
	struct pod *p = c->pod;

	if (c->st.state != CTR_RUNNING)
		return;                /* its start was given up: that is told already */
	probes_stop(c);
	rotator_del(c->log);
	c->log = NULL;
	/* A postStart hook holds the start: it hears of the end by its own failure. */
	if (!c->start) {
		handler_cancel(c->hook);
		c->hook = NULL;
	}
	ctr_record_end(c, st);
	ctr_back_off(c);
	image_unmount(p->a->images, c->id, NULL, NULL);
	status_changed(p);
	pod_sync_soon(p);
}

/* ---- stopping ---- */

static void stop_process(struct ctr *c)
{
	struct pod *p = c->pod;
	int64_t left = c->stop_deadline_ms - loop_now_ms(p->a->loop);
	const char *wish = doc_str(c->spec, "lifecycle.stopSignal");
	struct image_config ic;

	if (!wish && c->image_id && !image_config(p->a->images, c->image_id, &ic))
		wish = ic.stop_signal;
	runtime_stop(p->a->rt, c->id, ctrspec_signal(wish), left > 0 ? left : 0, NULL, NULL);
}

static void prestop_done(void *arg, bool ok, const char *message)
{
	struct ctr *c = arg;

	c->hook = NULL;
	c->prestop_running = false;
	if (!ok)
		event_pod(c->pod, c, "Warning", "FailedPreStopHook", "PreStopHook failed: %s", message);
	if (c->stop_deadline_ms < loop_now_ms(c->pod->a->loop) + HOOK_EXTRA_MS)
		c->stop_deadline_ms = loop_now_ms(c->pod->a->loop) + HOOK_EXTRA_MS;
	stop_process(c);
}

/* why: NULL for the pod's own end, else the event's message. */
void ctr_stop(struct ctr *c, const char *why)
{
	struct pod *p = c->pod;
	yyjson_val *hook = doc_get(c->spec, "lifecycle.preStop");
	int64_t grace = pod_grace_ms(p), probe;
	struct err e;

	if (c->st.stopping)
		return;
	c->st.stopping = true;
	if (c->st.unhealthy) {
		probe = spec_ms(c->spec, c->st.started ? "livenessProbe.terminationGracePeriodSeconds" :
			"startupProbe.terminationGracePeriodSeconds", -1);
		if (probe >= 0 && !p->deleting)
			grace = probe;
	}
	if (why)
		event_pod(p, c, "Normal", "Killing", "%s", why);
	else
		event_pod(p, c, "Normal", "Killing", "Stopping container %s", c->name);
	probes_stop(c);
	c->stop_deadline_ms = loop_now_ms(p->a->loop) + grace;
	if (hook && grace > 0 && !c->hook) {
		c->hook = handler_run(c, hook, grace, prestop_done, c, &e);
		c->prestop_running = c->hook != NULL;
		if (c->hook)
			return;
		event_pod(p, c, "Warning", "FailedPreStopHook", "PreStopHook failed: %s", e.msg);
	}
	stop_process(c);
}

void pod_hurry(struct pod *p)
{
	int64_t by = loop_now_ms(p->a->loop) + p->grace_ms;

	for (unsigned i = 0; i < p->ctr_count; i++) {
		struct ctr *c = &p->ctrs[i];

		if (c->st.state != CTR_RUNNING || !c->st.stopping || c->stop_deadline_ms <= by)
			continue;
		c->stop_deadline_ms = by;
		if (c->prestop_running) {
			handler_cancel(c->hook);
			c->hook = NULL;
			c->prestop_running = false;
		}
		stop_process(c);
	}
}

/* ---- sandbox ---- */

static void sandbox_end(struct pod *p, bool ready)
{
	p->sandbox_busy = false;
	p->sandbox_ready = p->sandbox_ready || ready;
	p->sandbox_up = ready;
	if (ready) {
		p->sandbox_backoff_ms = 0;
		p->sandbox_retry_at_ms = 0;
	} else {
		p->sandbox_backoff_ms = p->sandbox_backoff_ms ? p->sandbox_backoff_ms * 2 : SANDBOX_RETRY_FIRST_MS;
		if (p->sandbox_backoff_ms > SANDBOX_RETRY_MAX_MS)
			p->sandbox_backoff_ms = SANDBOX_RETRY_MAX_MS;
		p->sandbox_retry_at_ms = loop_now_ms(p->a->loop) + p->sandbox_backoff_ms;
	}
	status_changed(p);
	pod_sync_soon(p);
}

static void sandbox_error(struct pod *p, const char *message)
{
	event_pod(p, NULL, "Warning", "FailedCreatePodSandBox", "Failed to create pod sandbox: %s", message);
	sandbox_end(p, false);
}

/* At both of the pod's addresses, or those of the family that hostIP is of. */
static void host_port(struct pod *p, yyjson_val *port)
{
	const char *proto = doc_str(port, "protocol"), *at = doc_str(port, "hostIP"), *const ips[] = { p->ip, p->ip6 };

	for (unsigned i = 0; i < 2; i++)
		if (ips[i] && (!at || !*at || !strchr(at, ':') == !strchr(ips[i], ':')))
			net_hostport(p->a->net, p->uid, ips[i], proto ? proto : "TCP", (int)doc_int(port, "hostPort", 0),
				(int)doc_int(port, "containerPort", 0));
}

static void host_ports(struct pod *p)
{
	if (spec_host_network(p->obj) || !p->a->net || p->a->cni)
		return;
	for (unsigned i = 0; i < p->ctr_count; i++) {
		yyjson_val *port;
		size_t k, n;

		yyjson_arr_foreach(yyjson_obj_get(p->ctrs[i].spec, "ports"), k, n, port)
			if (doc_int(port, "hostPort", 0))
				host_port(p, port);
	}
}

static void set_ips(struct pod *p, const char *first, const char *second)
{
	free(p->ip);
	free(p->ip6);
	p->ip = strdup(first);
	p->ip6 = second ? strdup(second) : NULL;
}

static void sandbox_last(struct pod *p)
{
	struct err e;

	if (podfiles_write(p, &e)) {
		sandbox_error(p, e.msg);
		return;
	}
	host_ports(p);
	/* Fields that waited for the address. */
	volumes_refresh(p);
	sandbox_end(p, true);
}

/* What the pod may send and get is ruled: it can begin. */
static void ruled(void *arg, int rc, const char *message)
{
	struct pod *p = arg;

	if (!p->a->closing && !p->forgotten) {
		if (rc)
			sandbox_error(p, message);
		else
			sandbox_last(p);
	}
	pod_unhold(p);
}

static void net_added(void *arg, int rc, const char *const ips[2], const char *message)
{
	struct pod *p = arg;

	if (!p->a->closing && !p->forgotten) {
		policies_pod(p->a->policies, p);
		if (!rc) {
			set_ips(p, ips[0], ips[1]);
			if (policies_wait(p->a->policies, ruled, p))
				return;
		}
	}
	ruled(p, rc, message);
}

static void attached(void *arg, int rc, const char *ip4, const char *ip6, const char *message)
{
	struct pod *p = arg;
	char text[1200];

	if (!p->a->closing && !p->forgotten && !rc)
		set_ips(p, *ip4 ? ip4 : ip6, *ip4 && *ip6 ? ip6 : NULL);
	snprintf(text, sizeof(text), "failed to set up its network: %s", message);
	ruled(p, rc, text);
}

static void sandbox_made(void *arg, int rc, const char *netns, const char *ipcns, const char *message)
{
	struct pod *p = arg;

	if (p->a->closing || p->forgotten || rc) {
		if (rc && !p->a->closing && !p->forgotten)
			sandbox_error(p, message);
		pod_unhold(p);
		return;
	}
	free(p->netns);
	free(p->ipcns);
	p->netns = netns ? strdup(netns) : NULL;
	p->ipcns = strdup(ipcns);
	if (!netns || !p->a->net) {
		if (!p->ip)
			set_ips(p, p->a->address, agent_address2(p->a));
		sandbox_last(p);
		pod_unhold(p);
		return;
	}
	rc = p->a->cni ? pod_attach(p, attached) : net_pod_add(p->a->net, p->uid, p->netns, net_added, p);
	if (rc) {
		sandbox_error(p, err_text(rc));
		pod_unhold(p);
	}
}

static void sandbox_begin(struct pod *p)
{
	struct err e;
	int rc;

	p->sandbox_busy = true;
	if (!p->start_us)
		p->start_us = env_wall_us();
	rc = file_mkdirs(p->dir, 0711, &e);
	if (!rc)
		rc = volumes_prepare(p, &e);
	if (rc == -ERR_AGAIN) {
		p->sandbox_busy = false;
		p->sandbox_retry_at_ms = INT64_MAX;    /* what it waits for wakes it */
		return;
	}
	if (rc) {
		if (!p->volumes_told || p->sandbox_backoff_ms >= SANDBOX_RETRY_MAX_MS)
			event_pod(p, NULL, "Warning", "FailedMount", "MountVolume.SetUp failed for %s", e.msg);
		p->volumes_told = true;
		sandbox_end(p, false);
		return;
	}
	rc = runtime_sandbox_make(p->a->rt, p->uid, !spec_host_network(p->obj), sandbox_made, p);
	if (rc)
		sandbox_error(p, err_text(rc));
	else
		p->holds++;
}

void pod_refs_changed(struct pod *p)
{
	volumes_refresh(p);
	p->sandbox_retry_at_ms = 0;
	for (unsigned i = 0; i < p->ctr_count; i++)
		if (!strcmp(p->ctrs[i].reason, "CreateContainerConfigError") || !strcmp(p->ctrs[i].reason, "ContainerCreating"))
			p->ctrs[i].st.retry_at_ms = 0;
	pod_sync_soon(p);
}

/* ---- teardown ---- */

static void torn_down(struct pod *p)
{
	runtime_sandbox_remove(p->a->rt, p->uid, p->cgroup);
	volumes_remove(p);
	p->sandbox_busy = false;
	p->sandbox_ready = p->sandbox_up = false;
	p->torn_down = true;
	status_changed(p);
	pod_sync_soon(p);
}

static void container_removed(void *arg, int rc, const char *message)
{
	struct pod *p = arg;

	(void)rc, (void)message;
	if (!--p->removals && !p->a->closing && !p->forgotten)
		torn_down(p);
	pod_unhold(p);
}

static void detached(void *arg, int rc, const char *message)
{
	struct pod *p = arg;

	if (rc == -ERR_AGAIN)
		event_pod(p, NULL, "Warning", "FailedKillPod", "error killing pod: failed to take its network away, trying again: %s", message);
	else
		container_removed(p, rc, message);
}

static void teardown(struct pod *p)
{
	p->sandbox_busy = true;
	p->removals = 1;
	p->holds++;
	if (p->a->cni && !cni_pod_del(p->a->cni, p->uid, detached, p)) {
		p->removals++;
		p->holds++;
	} else if (p->a->net && !p->a->cni && !spec_host_network(p->obj)) {
		net_pod_del(p->a->net, p->uid);
	}
	policies_pod(p->a->policies, p);
	for (unsigned i = 0; i < p->ctr_count; i++) {
		struct ctr *c = &p->ctrs[i];

		if (!*c->id)
			continue;
		image_unmount(p->a->images, c->id, NULL, NULL);
		if (!runtime_remove(p->a->rt, c->id, container_removed, p)) {
			p->removals++;
			p->holds++;
		}
	}
	container_removed(p, 0, "");
}

static void delete_done(void *arg, const struct client_reply *r)
{
	struct pod *p = arg;

	if (!p->forgotten && r->rc && r->rc != -ERR_CANCELED && r->rc != -ERR_NOT_FOUND && r->rc != -ERR_CONFLICT) {
		log_warn("delete of pod %s/%s: %s", p->ns, p->name, r->message);
		p->delete_retry_at_ms = loop_now_ms(p->a->loop) + DELETE_RETRY_MS;
		p->finishing = false;
		pod_sync_soon(p);
	}
	pod_unhold(p);
}

static void finish(struct pod *p)
{
	BUF_AUTO struct buf path = { 0 };
	BUF_AUTO struct buf body = { 0 };
	struct client_req q = { .method = "DELETE" };

	if (p->gone) {
		forget(p);
		return;
	}
	/* The last status is out first. */
	if (!status_settled(p) || p->delete_retry_at_ms > loop_now_ms(p->a->loop))
		return;
	buf_printf(&path, "/api/v1/namespaces/%s/pods/%s", p->ns, p->name);
	buf_printf(&body, "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"gracePeriodSeconds\":0,"
		"\"preconditions\":{\"uid\":\"%s\"}}", p->uid);
	q.path = path.p;
	q.body = body.p;
	q.body_len = body.len;
	if (path.failed || body.failed || client_call(p->a->client, &q, delete_done, p)) {
		p->delete_retry_at_ms = loop_now_ms(p->a->loop) + DELETE_RETRY_MS;
		return;
	}
	p->finishing = true;
	p->holds++;
}

/* ---- the sync ---- */

static void wake_at(struct pod *p, int64_t at_ms)
{
	int64_t now = loop_now_ms(p->a->loop);

	if (at_ms && at_ms != INT64_MAX && (!p->wake_at_ms || at_ms < p->wake_at_ms)) {
		p->wake_at_ms = at_ms;
		loop_timer_set(&p->wake, at_ms > now ? at_ms - now : 0);
	}
}

static void show_pull_back_off(struct pod *p)
{
	int64_t now = loop_now_ms(p->a->loop);

	for (unsigned i = 0; i < p->ctr_count; i++) {
		struct ctr *c = &p->ctrs[i];
		const char *image = doc_str(c->spec, "image");
		int64_t since;

		if (strcmp(c->reason, "ErrImagePull"))
			continue;
		since = c->st.retry_at_ms - c->pull_backoff_ms;
		if (now < since + PULL_SHOWN_MS) {
			wake_at(p, since + PULL_SHOWN_MS);
			continue;
		}
		ctr_wait(c, "ImagePullBackOff", "Back-off pulling image \"%s\"", image);
		event_pod(p, c, "Normal", "BackOff", "Back-off pulling image \"%s\"", image);
	}
}

static void act(struct pod *p, enum pod_action what, unsigned index)
{
	char why[320];
	struct ctr *c = &p->ctrs[index];

	switch (what) {
	case POD_SANDBOX:
		sandbox_begin(p);
		break;
	case POD_START:
		ctr_start(c);
		break;
	case POD_STOP:
		snprintf(why, sizeof(why), "Container %s failed %s probe, will be restarted", c->name,
			c->st.started ? "liveness" : "startup");
		ctr_stop(c, c->st.unhealthy && !p->deleting ? why : NULL);
		break;
	case POD_TEARDOWN:
		teardown(p);
		break;
	case POD_FINISH:
		finish(p);
		break;
	case POD_EXPIRE:
		pod_fail(p, "DeadlineExceeded", "Pod was active on the node longer than the specified deadline");
		break;
	}
}

static void sync_now(void *arg)
{
	struct pod *p = arg;
	struct podstate_ctr ctrs[POD_CTRS_MAX];
	struct podstate_in in = { .restart = p->restart, .deleting = p->deleting, .failed = p->failed || p->terminal,
		.sandbox_ready = p->sandbox_ready && p->sandbox_up, .sandbox_busy = p->sandbox_busy, .torn_down = p->torn_down,
		.finishing = p->finishing, .initialized = p->initialized, .c = ctrs, .count = p->ctr_count };
	struct podstate_out out;
	int64_t deadline = doc_int(p->spec, "activeDeadlineSeconds", 0);

	if (p->forgotten || p->a->closing)
		return;
	in.now_ms = loop_now_ms(p->a->loop);
	if (deadline > 0 && p->start_us)
		in.deadline_at_ms = in.now_ms + deadline * 1000 - (env_wall_us() - p->start_us) / 1000;
	if (p->sandbox_retry_at_ms > in.now_ms) {
		in.sandbox_busy |= !p->deleting && !p->failed;
		wake_at(p, p->sandbox_retry_at_ms);
	}
	for (unsigned i = 0; i < p->ctr_count; i++)
		ctrs[i] = p->ctrs[i].st;
	podstate_next(&in, &out);
	p->initialized = out.initialized;
	if (!p->terminal)
		p->phase = out.phase;
	if (out.phase == PHASE_FAILED && !p->terminal)
		p->failed = true;      /* an init container failed for good: nothing starts any more */
	wake_at(p, out.wake_at_ms);
	if (p->deleting && p->torn_down && p->delete_retry_at_ms > in.now_ms)
		wake_at(p, p->delete_retry_at_ms);
	show_pull_back_off(p);
	status_conditions(p);
	status_changed(p);
	for (unsigned i = 0; i < out.action_count; i++) {
		bool last = out.actions[i].what == POD_FINISH;

		act(p, out.actions[i].what, out.actions[i].index);
		if (last)
			return;        /* p may be gone */
	}
}

void pod_woken(void *arg)
{
	struct pod *p = arg;

	p->wake_at_ms = 0;
	pod_sync_soon(p);
}

void pod_deleted(struct pod *p)
{
	p->gone = true;
	if (!p->deleting) {
		/* Deleted by force: its processes still get their time. */
		p->grace_ms = spec_ms(p->spec, "terminationGracePeriodSeconds", 30);
		p->deleting = true;
	}
	if (p->finishing && p->torn_down) {
		forget(p);
		return;
	}
	p->finishing = false;
	pod_sync_soon(p);
}
