/* SPDX-License-Identifier: Apache-2.0 */
/* podopen - a pod as the API tells it becomes one of ours; and what an earlier life of the
 * agent left of it is taken up. */
#define LOG_MODULE "pod"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ctrspec.h"
#include "agent/pod_priv.h"
#include "base/file.h"
#include "base/log.h"
#include "doc/doc.h"

#define EPHEMERAL_SPARE 8              /* ephemeral containers that may come later; others point at ctrs */

static int set_doc(struct pod *p, yyjson_val *obj)
{
	size_t n;
	char *text = yyjson_val_write(obj, 0, &n);
	yyjson_doc *d = text ? yyjson_read(text, n, 0) : NULL;

	free(text);
	if (!d)
		return -ERR_NOMEM;
	yyjson_doc_free(p->doc);
	p->doc = d;
	p->obj = yyjson_doc_get_root(d);
	p->spec = yyjson_obj_get(p->obj, "spec");
	return 0;
}

static int add_ctrs(struct pod *p, const char *list, enum ctr_kind kind)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach(yyjson_obj_get(p->spec, list), i, n, v) {
		const char *name = doc_str(v, "name"), *restart = doc_str(v, "restartPolicy");
		struct ctr *c = pod_ctr(p, name ? name : "");

		if (c) {
			c->spec = v;
			continue;
		}
		if (p->ctr_count == p->ctr_max || !name)
			return -ERR_SIZE;
		c = &p->ctrs[p->ctr_count];
		c->name = strdup(name);
		if (!c->name)
			return -ERR_NOMEM;
		c->pod = p;
		c->spec = v;
		c->kind = kind == CTR_INIT && restart && !strcmp(restart, "Always") ? CTR_SIDECAR : kind;
		c->st.kind = c->kind;
		p->ctr_count++;
	}
	return 0;
}

static int read_spec(struct pod *p)
{
	const char *restart = doc_str(p->spec, "restartPolicy"), *deleted = doc_str(p->obj, "metadata.deletionTimestamp");
	int rc;

	p->restart = !restart || !strcmp(restart, "Always") ? RESTART_ALWAYS :
		!strcmp(restart, "OnFailure") ? RESTART_ON_FAILURE : RESTART_NEVER;
	rc = add_ctrs(p, "initContainers", CTR_INIT);
	rc = rc ? rc : add_ctrs(p, "containers", CTR_MAIN);
	rc = rc ? rc : add_ctrs(p, "ephemeralContainers", CTR_EPHEMERAL);
	if (deleted && *deleted) {
		int64_t grace = spec_ms(p->obj, "metadata.deletionGracePeriodSeconds", 30);
		bool shorter = p->deleting && grace < p->grace_ms;

		p->deleting = true;
		p->grace_ms = grace;
		if (shorter)
			pod_hurry(p);
	}
	return rc;
}

/* ---- adoption ---- */

/* What was made but never started is gone: the start begins again. */
static void unstarted_removed(void *arg, int rc, const char *message)
{
	struct ctr *c = arg;
	struct pod *p = c->pod;

	(void)rc, (void)message;
	if (!p->a->closing && !p->forgotten) {
		c->st.state = c->has_last ? CTR_EXITED : CTR_NONE;
		c->st.start_failed = c->has_last;
		pod_sync_soon(p);
	}
	pod_unhold(p);
}

static void adopt_container(struct pod *p, const char *id, const struct adopted *ad)
{
	const char *dash = strrchr(id, '-');
	unsigned attempt = dash ? (unsigned)strtoul(dash + 1, NULL, 10) : 0;
	char expect[CTR_ID_MAX];
	struct ctr *c = NULL;

	for (unsigned i = 0; i < p->ctr_count && !c; i++) {
		ctr_id(expect, p->uid, p->ctrs[i].name, attempt);
		if (!strcmp(expect, id))
			c = &p->ctrs[i];
	}
	if (c && ad->st.state == RUNTIME_CREATED && !(*c->id && c->attempt > attempt)) {
		if (!runtime_remove(p->a->rt, id, unstarted_removed, c)) {
			c->st.state = CTR_BUSY;
			c->attempt = attempt;
			snprintf(c->id, sizeof(c->id), "%s", id);
			p->holds++;
		}
		return;
	}
	/* Of an older attempt, or of no container here. */
	if (!c || ad->st.state == RUNTIME_GONE || ad->st.state == RUNTIME_CREATED || (*c->id && c->attempt > attempt)) {
		runtime_remove(p->a->rt, id, NULL, NULL);
		image_unmount(p->a->images, id, NULL, NULL);
		return;
	}
	if (*c->id)
		runtime_remove(p->a->rt, c->id, NULL, NULL);
	snprintf(c->id, sizeof(c->id), "%s", id);
	c->attempt = attempt;
	map_put(&p->a->by_ctr, c->id, c, NULL);
	if (ad->st.state == RUNTIME_RUNNING) {
		c->run = ad->st;
		c->st.state = CTR_RUNNING;
		p->sandbox_ready = true;
	} else {
		ctr_record_end(c, &ad->st);
	}
}

/* Did the pod's namespaces end, with the boot or by a hand? */
static bool sandbox_lost(const struct pod *p)
{
	char path[PATH_MAX];

	for (unsigned i = 0; i < p->ctr_count; i++)
		if (p->ctrs[i].st.state == CTR_RUNNING)
			return false;
	snprintf(path, sizeof(path), "%s/ns/%s.ipc", p->a->run_dir, p->uid);
	return !file_exists(path);
}

/* A pod that starts over runs its init containers again: what they made in memory is gone.
 * Source: the Pod's documentation ("all init containers must execute again"), kuberuntime_manager. */
static void init_again(struct pod *p)
{
	for (unsigned i = 0; i < p->ctr_count; i++) {
		struct ctr *c = &p->ctrs[i];

		if (c->kind != CTR_INIT || c->st.state != CTR_EXITED)
			continue;
		ctr_set_aside(c);
		/* Not through: a start that fails is one more try. */
		c->st = (struct podstate_ctr){ .kind = CTR_INIT, .had_exit = true, .exit_code = 1 };
		c->reason[0] = 0;
	}
	p->initialized = false;
}

static void adopt(struct pod *p)
{
	bool mains = false;
	const char *id;
	size_t it = 0;
	void *v;

	while (map_next(&p->a->adopted, &it, &id, &v)) {
		struct adopted *ad = v;

		if (strcmp(ad->pod_id, p->uid))
			continue;
		adopt_container(p, id, ad);
		map_del(&p->a->adopted, id);
		free(ad);
	}
	status_adopt(p);
	for (unsigned i = 0; i < p->ctr_count; i++) {
		struct ctr *c = &p->ctrs[i];
		struct image_info info;

		mains |= c->kind == CTR_MAIN && c->st.state != CTR_NONE;
		if (c->st.state == CTR_NONE)
			continue;
		if (!image_find(p->a->images, doc_str(c->spec, "image") ? doc_str(c->spec, "image") : "", &info))
			c->image_id = strdup(info.id);
		ctr_back_off_restore(c);
		if (c->st.state == CTR_RUNNING) {
			c->log = rotator_add(c);
			probes_start(c, true);
		} else if (c->st.state == CTR_EXITED) {
			ctr_back_off(c);
		}
	}
	p->initialized = mains;
	if (mains && !p->terminal && sandbox_lost(p))
		init_again(p);
}

struct pod *pod_open(struct agent *a, yyjson_val *obj)
{
	const char *uid = doc_str(obj, "metadata.uid"), *ns = doc_str(obj, "metadata.namespace");
	const char *name = doc_str(obj, "metadata.name"), *qos, *why;
	struct pod *p = calloc(1, sizeof(*p));
	char text[512];
	yyjson_val *v;
	size_t i, n;

	if (!p || !uid || !ns || !name) {
		free(p);
		return NULL;
	}
	p->a = a;
	loop_timer_init(&p->wake, a->loop, pod_woken, p);
	p->uid = strdup(uid);
	p->ns = strdup(ns);
	p->name = strdup(name);
	p->ctr_max = (unsigned)(doc_len(obj, "spec.initContainers") + doc_len(obj, "spec.containers") +
		doc_len(obj, "spec.ephemeralContainers")) + EPHEMERAL_SPARE;
	if (p->ctr_max > POD_CTRS_MAX)
		p->ctr_max = POD_CTRS_MAX;
	p->ctrs = calloc(p->ctr_max, sizeof(*p->ctrs));
	if (!p->uid || !p->ns || !p->name || !p->ctrs || asprintf(&p->dir, "%s/pods/%s", a->data_dir, uid) < 0 ||
	    set_doc(p, obj) || map_put(&a->pods, uid, p, NULL)) {
		pod_free(p);
		return NULL;
	}
	if (read_spec(p))
		pod_fail(p, "UnsupportedPod", "this agent takes at most %d containers in a pod", POD_CTRS_MAX);
	qos = spec_qos(obj);
	snprintf(p->cgroup, sizeof(p->cgroup), "%spod%s", !strcmp(qos, "Guaranteed") ? "" :
		!strcmp(qos, "Burstable") ? "burstable/" : "besteffort/", uid);
	adopt(p);
	refs_collect(p);
	if (!p->terminal && (why = spec_refused(p->obj, text, sizeof(text))))
		pod_fail(p, "UnsupportedPod", "%s", why);
	yyjson_arr_foreach(doc_get(p->spec, "securityContext.sysctls"), i, n, v) {
		why = ctrspec_bad_sysctl(p->obj, doc_str(v, "name") ? doc_str(v, "name") : "");
		if (why && !p->terminal)
			pod_fail(p, "SysctlForbidden", "forbidden sysctl: \"%s\": %s", doc_str(v, "name"), why);
	}
	pod_sync_soon(p);
	return p;
}

void pod_update(struct pod *p, yyjson_val *obj)
{
	if (set_doc(p, obj) || read_spec(p))
		log_error("pod %s/%s: its change cannot be taken over", p->ns, p->name);
	refs_collect(p);
	volumes_refresh(p);    /* labels and annotations in downwardAPI volumes */
	if (p->a->believed)
		status_reclaim(p);
	pod_sync_soon(p);
}
