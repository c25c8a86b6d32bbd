/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podstart - one container from its image to a running process.
 *
 *   PULL -> MOUNT -> CREATE -> START -> HOOK (postStart) -> running
 *     \________\_________\________\_______\--> failed: reason, event, back-off
 *
 * The pod is held while a start is under way.
 */
#define LOG_MODULE "pod"
#include "base/log.h"

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent_priv.h"
#include "agent/ctrspec.h"
#include "base/env.h"
#include "base/file.h"
#include "base/text.h"
#include "doc/doc.h"

#define PULL_AUTHS_MAX 32
#define HOOK_TIMEOUT_MS (600 * 1000)
#define CONFIG_RETRY_MS 10000

struct start {
	struct ctr *c;
	bool created;
	int64_t began_ms;
};

void ctr_id(char out[CTR_ID_MAX], const char *uid, const char *name, unsigned attempt)
{
	char text[400];

	snprintf(text, sizeof(text), "%s/%s", uid, name);
	snprintf(out, CTR_ID_MAX, "%016" PRIx64 "-%u", hash_fnv64(text, strlen(text)), attempt);
}

static void start_end(struct start *s)
{
	struct ctr *c = s->c;
	struct pod *p = c->pod;

	c->start = NULL;
	free(s);
	pod_sync_soon(p);
	status_changed(p);
	pod_unhold(p);
}

/* Back to where it was, to be tried again after delay_ms. */
static void start_failed(struct start *s, int64_t delay_ms, const char *reason, const char *message)
{
	struct ctr *c = s->c;

	if (!c->pod->a->closing) {
		c->st.state = c->has_last ? CTR_EXITED : CTR_NONE;
		c->st.start_failed = true;
		c->st.retry_at_ms = loop_now_ms(c->pod->a->loop) + delay_ms;
		ctr_wait(c, reason, "%s", message);
		image_unmount(c->pod->a->images, c->id, NULL, NULL);
	}
	start_end(s);
}

/* The pod is going or the agent closes: nothing more is begun. */
static bool unwanted(struct start *s)
{
	struct pod *p = s->c->pod;

	if (!p->a->closing && !p->deleting && !p->failed)
		return false;
	if (!p->a->closing) {
		s->c->st.state = s->c->has_last ? CTR_EXITED : CTR_NONE;
		if (s->created)
			runtime_remove(p->a->rt, s->c->id, NULL, NULL);
		image_unmount(p->a->images, s->c->id, NULL, NULL);
	}
	start_end(s);
	return true;
}

/* ---- running ---- */

static void hook_done(void *arg, bool ok, const char *message)
{
	struct start *s = arg;
	struct ctr *c = s->c;

	c->hook = NULL;
	if (!ok) {
		event_pod(c->pod, c, "Warning", "FailedPostStartHook", "PostStartHook failed: %s", message);
		ctr_stop(c, "FailedPostStartHook");
	} else {
		ctr_running(c);
	}
	start_end(s);
}

void ctr_running(struct ctr *c)
{
	c->reason[0] = 0;
	probes_start(c, false);
	status_changed(c->pod);
}

static void started(void *arg, int rc, const char *message)
{
	struct start *s = arg;
	struct ctr *c = s->c;
	struct agent *a = c->pod->a;
	yyjson_val *hook;
	struct err e;

	if (rc) {
		event_pod(c->pod, c, "Warning", "Failed", "Error: %s", message);
		runtime_remove(a->rt, c->id, NULL, NULL);
		c->backoff_ms = podstate_backoff(c->backoff_ms, 0);
		start_failed(s, c->backoff_ms, "RunContainerError", message);
		return;
	}
	runtime_status(a->rt, c->id, &c->run);
	c->st.state = CTR_RUNNING;
	c->st.start_failed = false;
	c->st.retry_at_ms = 0;
	c->log = rotator_add(c);
	event_pod(c->pod, c, "Normal", "Started", "Started container %s", c->name);
	hook = doc_get(c->spec, "lifecycle.postStart");
	if (hook) {
		c->hook = handler_run(c, hook, HOOK_TIMEOUT_MS, hook_done, s, &e);
		if (!c->hook)
			hook_done(s, false, e.msg);
		return;
	}
	ctr_running(c);
	start_end(s);
}

static void created(void *arg, int rc, const char *message)
{
	struct start *s = arg;
	struct ctr *c = s->c;

	s->created = !rc;
	if (rc) {
		event_pod(c->pod, c, "Warning", "Failed", "Error: %s", message);
		c->backoff_ms = podstate_backoff(c->backoff_ms, 0);
		start_failed(s, c->backoff_ms, "CreateContainerError", message);
		return;
	}
	if (unwanted(s))
		return;
	event_pod(c->pod, c, "Normal", "Created", "Created container: %s", c->name);
	rc = runtime_start(c->pod->a->rt, c->id, started, s);
	if (rc)
		started(s, rc, err_text(rc));
}

/* ---- create ---- */

static void mounted(void *arg, int rc, const char *rootfs, const char *message)
{
	struct start *s = arg;
	struct ctr *c = s->c;
	struct pod *p = c->pod;
	struct image_config ic;
	struct ctrspec cs;
	struct err e;

	if (rc) {
		event_pod(p, c, "Warning", "Failed", "Error: %s", message);
		start_failed(s, CONFIG_RETRY_MS, "CreateContainerError", message);
		return;
	}
	if (unwanted(s))
		return;
	if (image_config(p->a->images, c->image_id, &ic)) {
		start_failed(s, CONFIG_RETRY_MS, "CreateContainerError", "the image is gone");
		return;
	}
	rc = ctrspec_build(&cs, c, rootfs, &ic, &e);
	if (rc) {
		ctrspec_finish(&cs);
		if (rc != -ERR_AGAIN)
			event_pod(p, c, "Warning", "Failed", "Error: %s", e.msg);
		start_failed(s, CONFIG_RETRY_MS, rc == -ERR_AGAIN ? "ContainerCreating" : "CreateContainerConfigError", e.msg);
		return;
	}
	rc = runtime_create(p->a->rt, &cs.spec, created, s);
	ctrspec_finish(&cs);
	if (rc)
		created(s, rc, err_text(rc));
}

/* ---- pull ---- */

static void pull_failed(struct start *s, int rc, const char *message)
{
	struct ctr *c = s->c;
	const char *image = doc_str(c->spec, "image"), *policy = doc_str(c->spec, "imagePullPolicy"), *reason = "ErrImagePull";
	char text[1200];

	if (rc == -ERR_BAD_REQUEST) {
		reason = "InvalidImageName";
		snprintf(text, sizeof(text), "Failed to apply default image tag \"%s\": %s", image, message);
	} else if (policy && !strcmp(policy, "Never")) {
		reason = "ErrImageNeverPull";
		snprintf(text, sizeof(text), "Container image \"%s\" is not present with pull policy of Never", image);
	} else {
		snprintf(text, sizeof(text), "Failed to pull image \"%s\": %s", image, message);
	}
	event_pod(c->pod, c, "Warning", "Failed", "%s", text);
	event_pod(c->pod, c, "Warning", "Failed", "Error: %s", reason);
	c->pull_backoff_ms = podstate_backoff(c->pull_backoff_ms, 0);
	start_failed(s, c->pull_backoff_ms, reason, text);
}

static void pulled(void *arg, int rc, const struct image_info *img, bool fetched, const char *message)
{
	struct start *s = arg;
	struct ctr *c = s->c;
	const char *image = doc_str(c->spec, "image");
	int64_t took = loop_now_ms(c->pod->a->loop) - s->began_ms;

	if (rc == -ERR_CANCELED || unwanted(s)) {
		if (rc == -ERR_CANCELED)
			start_end(s);
		return;
	}
	if (rc) {
		pull_failed(s, rc, message);
		return;
	}
	c->pull_backoff_ms = 0;
	free(c->image_id);
	free(c->image_ref);
	c->image_id = strdup(img->id);
	c->image_ref = strdup(*img->digest_ref ? img->digest_ref : img->id);
	if (fetched)
		event_pod(c->pod, c, "Normal", "Pulled", "Successfully pulled image \"%s\" in %" PRId64 ".%03ds. "
			"Image size: %" PRIu64 " bytes.", image, took / 1000, (int)(took % 1000), img->size_bytes);
	else
		event_pod(c->pod, c, "Normal", "Pulled", "Container image \"%s\" already present on machine", image);
	if (!c->image_id || !c->image_ref)
		rc = -ERR_NOMEM;
	else
		rc = image_mount(c->pod->a->images, c->image_id, c->id, mounted, s);
	if (rc)
		mounted(s, rc, NULL, err_text(rc));
}

/* {"auths": {"host": {"auth": base64(user:password)} or {"username","password"}}} */
static unsigned add_auths(yyjson_val *auths, struct image_auth *out, unsigned n, struct strv *keep)
{
	yyjson_val *k, *v;
	size_t i, m;

	yyjson_obj_foreach(auths, i, m, k, v) {
		const char *user = doc_str(v, "username"), *password = doc_str(v, "password"), *auth = doc_str(v, "auth");
		const char *host = yyjson_get_str(k);
		BUF_AUTO struct buf b = { 0 };
		char *colon;

		if (n == PULL_AUTHS_MAX)
			break;
		if (auth && *auth && !text_unbase64(&b, auth, strlen(auth)) && b.p && (colon = strchr(b.p, ':'))) {
			*colon = 0;
			user = b.p;
			password = colon + 1;
		}
		if (!strncmp(host, "https://", 8))
			host += 8;
		else if (!strncmp(host, "http://", 7))
			host += 7;
		if (!user || !password || strv_add(keep, "%s", host) || strv_add(keep, "%s", user) || strv_add(keep, "%s", password))
			continue;
		out[n++] = (struct image_auth){ keep->v[keep->n - 3], keep->v[keep->n - 2], keep->v[keep->n - 1] };
	}
	return n;
}

static unsigned pull_auths(struct pod *p, struct image_auth *out, struct strv *keep)
{
	yyjson_val *ref, *obj;
	unsigned count = 0;
	size_t i, n;

	yyjson_arr_foreach(yyjson_obj_get(p->spec, "imagePullSecrets"), i, n, ref) {
		static const char *const keys[] = { ".dockerconfigjson", ".dockercfg" };

		obj = NULL;
		if (ref_get(p, "secrets", doc_str(ref, "name") ? doc_str(ref, "name") : "", &obj) != REF_PRESENT)
			continue;
		for (unsigned k = 0; k < 2; k++) {
			yyjson_val *v = yyjson_obj_get(doc_get(obj, "data"), keys[k]);
			BUF_AUTO struct buf b = { 0 };
			yyjson_doc *d;

			if (!yyjson_is_str(v) || text_unbase64(&b, yyjson_get_str(v), yyjson_get_len(v)) ||
			    !(d = yyjson_read(b.p, b.len, 0)))
				continue;
			count = add_auths(k ? yyjson_doc_get_root(d) : yyjson_obj_get(yyjson_doc_get_root(d), "auths"), out,
				count, keep);
			yyjson_doc_free(d);
		}
	}
	return count;
}

/* The instance that ended stays as lastState and as its log; the one before it goes. */
void ctr_set_aside(struct ctr *c)
{
	free(c->last.message);
	c->last = c->term;
	c->term.message = NULL;
	c->has_last = true;
	if (c->attempt > 0) {
		char old[PATH_MAX];

		log_path(old, sizeof(old) - 2, c->pod, c->name, c->attempt - 1);
		unlink(old);
		strcat(old, ".1");
		unlink(old);
	}
	map_del(&c->pod->a->by_ctr, c->id);
	runtime_remove(c->pod->a->rt, c->id, NULL, NULL);
	c->attempt++;
}

void ctr_start(struct ctr *c)
{
	const char *image = doc_str(c->spec, "image"), *policy = doc_str(c->spec, "imagePullPolicy");
	enum image_policy how = policy && !strcmp(policy, "Always") ? IMAGE_ALWAYS :
		policy && !strcmp(policy, "Never") ? IMAGE_NEVER : IMAGE_IF_NOT_PRESENT;
	struct image_auth auths[PULL_AUTHS_MAX];
	struct agent *a = c->pod->a;
	struct strv keep = { 0 };
	struct start *s = calloc(1, sizeof(*s));
	struct image_info info;
	unsigned auth_count;
	int rc;

	if (!s)
		return;
	if (c->st.state == CTR_EXITED && !c->st.start_failed)
		ctr_set_aside(c);
	s->c = c;
	s->began_ms = loop_now_ms(a->loop);
	c->start = s;
	c->pod->holds++;
	ctr_id(c->id, c->pod->uid, c->name, c->attempt);
	map_put(&a->by_ctr, c->id, c, NULL);
	c->st.state = CTR_BUSY;
	c->st.stopping = c->st.unhealthy = c->attached = false;
	if (how == IMAGE_ALWAYS || (how == IMAGE_IF_NOT_PRESENT && image_find(a->images, image ? image : "", &info)))
		event_pod(c->pod, c, "Normal", "Pulling", "Pulling image \"%s\"", image);
	auth_count = pull_auths(c->pod, auths, &keep);
	rc = image_pull(a->images, image ? image : "", how, auths, auth_count, NULL, pulled, s);
	strv_finish(&keep);
	if (rc)
		pull_failed(s, rc, err_text(rc));
}
