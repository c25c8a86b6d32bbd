/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/drain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "base/map.h"
#include "kinds/kinds.h"
#include "kinds/removed_node.h"

#define AGAIN_MS   2000        /* budgets are asked again this often */
#define ANSWER_MS  10000
#define FLIGHT_MAX 16u         /* evictions under way at once */

struct drain;
struct victim {
	struct drain *d;
	char *key, *uid;               /* "ns/name" */
	char why[300];                 /* the newest refusal, "": none */
	bool asking, evicted, gone;
	bool orphan;                   /* nothing would make it again */
};
struct drain {
	struct ask *a;
	const struct drain_config *cfg;
	struct map victims;            /* key -> struct victim */
	struct client_watch *watch;
	struct loop_timer deadline, again;
	struct loop_task task;
	unsigned flying;
	bool synced, dead, over;
	int rc;
	struct err *reterr;
};

static void victim_free(struct victim *v)
{
	free(v->key);
	free(v->uid);
	free(v);
}

/* Ends when the answers under way are there. */
static void stop(struct drain *d, int rc)
{
	if (d->over)
		return;
	d->over = true;
	d->rc = rc;
	if (!d->flying)
		loop_stop(d->a->loop);
}

/* ---- which pods ---- */

static bool stays(yyjson_val *pod)
{
	const char *kind = doc_str(kinds_controller_of(pod), "kind");

	return (kind && !strcmp(kind, "DaemonSet")) ||
		yyjson_obj_get(doc_get(pod, "metadata.annotations"), "kubernetes.io/config.mirror");
}

static bool finished(yyjson_val *pod)
{
	const char *phase = doc_str(pod, "status.phase");

	return phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"));
}

static void add(struct drain *d, const char *key, yyjson_val *pod)
{
	struct victim *v = calloc(1, sizeof(*v));
	const char *uid = doc_str(pod, "metadata.uid");

	if (!v || !(v->key = strdup(key)) || !(v->uid = strdup(uid ? uid : "")) || map_put(&d->victims, key, v, NULL)) {
		if (v)
			victim_free(v);
		stop(d, err_set(d->reterr, ERR_NOMEM, "out of memory"));
		return;
	}
	v->d = d;
	v->orphan = !kinds_controller_of(pod) && !finished(pod);
	v->evicted = doc_str(pod, "metadata.deletionTimestamp") != NULL;
}

static void drop(struct drain *d, struct victim *v)
{
	map_del(&d->victims, v->key);
	v->gone = true;
	if (!v->asking)        /* else its answer frees it */
		victim_free(v);
}

/* ---- what is done ---- */

static void turn(void *arg);

static void soon(struct drain *d)
{
	loop_defer(d->a->loop, &d->task, turn, d);
}

static void evicted(void *arg, const struct client_reply *r)
{
	struct victim *v = arg;
	struct drain *d = v->d;

	v->asking = false;
	d->flying--;
	if (v->gone) {
		victim_free(v);
	} else if (!r->rc || r->rc == -ERR_NOT_FOUND || r->rc == -ERR_CONFLICT) {
		v->evicted = true;     /* a conflict: another life of that name, which the watch tells */
		if (d->dead || r->rc == -ERR_NOT_FOUND)
			drop(d, v);
	} else {
		const char *why = r->rc == -ERR_FULL ? "a disruption budget holds it" : r->message;

		if (strcmp(why, v->why))
			printf("%s waits: %s\n", v->key, why);
		snprintf(v->why, sizeof(v->why), "%s", why);
		if (!loop_timer_is_set(&d->again))
			loop_timer_set(&d->again, AGAIN_MS);
	}
	if (!d->over)
		soon(d);
	else if (!d->flying)
		loop_stop(d->a->loop);
}

static int evict(struct drain *d, struct victim *v)
{
	const char *slash = strchr(v->key, '/');
	BUF_AUTO struct buf path = { 0 };
	BUF_AUTO struct buf body = { 0 };

	buf_printf(&path, "/api/v1/namespaces/%.*s/pods/%s/eviction", (int)(slash - v->key), v->key, slash + 1);
	buf_printf(&body, "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"%s\"},\"deleteOptions\":"
		"{\"preconditions\":{\"uid\":\"%s\"}}}", slash + 1, v->uid);
	if (path.failed || body.failed)
		return -ERR_NOMEM;
	struct client_req q = { .method = "POST", .path = path.p, .body = body.p, .body_len = body.len,
		.timeout_ms = ANSWER_MS };
	int rc = client_call(d->a->client, &q, evicted, v);
	if (!rc) {
		v->asking = true;
		d->flying++;
	}
	return rc;
}

static int refuse_orphans(struct drain *d)
{
	BUF_AUTO struct buf names = { 0 };
	const char *key;
	size_t it = 0;
	void *v;

	while (map_next(&d->victims, &it, &key, &v))
		if (((struct victim *)v)->orphan && !((struct victim *)v)->evicted)
			buf_printf(&names, "%s%s", names.len ? ", " : "", key);
	if (!names.len || d->cfg->force)
		return 0;
	return err_set(d->reterr, ERR_CONFLICT, "nothing would make these pods again: %s; delete them, or give --force", names.p);
}

static void turn(void *arg)
{
	struct drain *d = arg;
	const char *key;
	size_t it = 0;
	void *p;

	if (d->over || !d->synced)
		return;
	if (!d->victims.len) {
		stop(d, 0);
		return;
	}
	while (d->flying < FLIGHT_MAX && map_next(&d->victims, &it, &key, &p)) {
		struct victim *v = p;

		if (v->asking || v->evicted || (v->why[0] && loop_timer_is_set(&d->again)))
			continue;
		if (!v->why[0])
			printf("evicting %s\n", key);
		if (evict(d, v)) {
			stop(d, err_set(d->reterr, ERR_NOMEM, "out of memory"));
			return;
		}
	}
	fflush(stdout);
}

static void pod_event(void *arg, enum client_event ev, yyjson_val *pod)
{
	struct drain *d = arg;
	const char *ns = pod ? doc_str(pod, "metadata.namespace") : NULL, *name = pod ? doc_str(pod, "metadata.name") : NULL;
	const char *uid = pod ? doc_str(pod, "metadata.uid") : NULL;
	BUF_AUTO struct buf key = { 0 };
	struct victim *v;

	if (d->over)
		return;
	if (ev == CLIENT_SYNCED) {
		if (!d->synced && refuse_orphans(d)) {
			stop(d, -ERR_CONFLICT);
			return;
		}
		d->synced = true;
		soon(d);
		return;
	}
	if (!name)
		return;
	buf_printf(&key, "%s/%s", ns ? ns : "", name);
	v = key.failed ? NULL : map_get(&d->victims, key.p);
	if (v && (ev == CLIENT_DELETED || (uid && strcmp(uid, v->uid)))) {
		printf("%s is gone\n", key.p);
		drop(d, v);
		v = NULL;
	}
	if (ev != CLIENT_DELETED && !v && !key.failed && !stays(pod) && !(d->dead && doc_str(pod, "metadata.deletionTimestamp")))
		add(d, key.p, pod);
	soon(d);
}

static void late(void *arg)
{
	struct drain *d = arg;
	BUF_AUTO struct buf left = { 0 };
	const char *key;
	size_t it = 0;
	void *p;

	while (map_next(&d->victims, &it, &key, &p)) {
		struct victim *v = p;

		buf_printf(&left, "\n  %s: %s", key, v->evicted ? "is ending" : v->why[0] ? v->why : "not asked yet");
	}
	stop(d, err_set(d->reterr, ERR_DEADLINE, "time is up; these pods are left:%s", left.p ? left.p : " unknown, the server "
		"does not answer"));
}

/* ---- the commands ---- */

static int cordon(struct ask *a, const char *node, bool *ret_dead, struct err *reterr)
{
	char path[300];
	yyjson_val *obj = NULL, *it;
	size_t i, max;
	int rc;

	snprintf(path, sizeof(path), "/api/v1/nodes/%s", node);
	rc = ask(a, "PATCH", path, NULL, "{\"spec\":{\"unschedulable\":true}}", &obj, reterr);
	if (rc == -ERR_NOT_FOUND)
		return err_set(reterr, ERR_NOT_FOUND, "there is no node %s; see `kubectl get nodes`", node);
	*ret_dead = true;
	yyjson_arr_foreach(doc_get(obj, "status.conditions"), i, max, it)
		if (yyjson_equals_str(yyjson_obj_get(it, "type"), "Ready"))
			*ret_dead = !yyjson_equals_str(yyjson_obj_get(it, "status"), "True");
	return rc;
}

static int drain(struct ask *a, const struct drain_config *cfg, bool removing, struct err *reterr)
{
	struct drain d = { .a = a, .cfg = cfg, .reterr = reterr };
	char query[400];
	const char *key;
	size_t it = 0;
	void *v;
	int rc = cordon(a, cfg->node, &d.dead, reterr);

	if (rc)
		return rc;
	printf("node %s takes no new pods\n", cfg->node);
	/* Whom nobody can end is only waited for when the node is to stay. */
	if (d.dead && removing)
		printf("node %s is not ready: its pods are not waited for\n", cfg->node);
	d.dead = d.dead && removing;
	loop_timer_init(&d.deadline, a->loop, late, &d);
	loop_timer_init(&d.again, a->loop, turn, &d);
	if (cfg->timeout_ms)
		loop_timer_set(&d.deadline, cfg->timeout_ms);
	snprintf(query, sizeof(query), "fieldSelector=spec.nodeName%%3D%s", cfg->node);
	rc = client_watch(&d.watch, a->client, kinds_by_resource("", "v1", "pods"), NULL, query, pod_event, &d);
	if (rc)
		return err_set(reterr, -rc, "%s", err_text(rc));
	loop_run(a->loop);
	client_watch_close(d.watch);
	loop_timer_stop(&d.deadline);
	loop_timer_stop(&d.again);
	loop_defer_cancel(a->loop, &d.task);
	while (map_next(&d.victims, &it, &key, &v))
		victim_free(v);
	map_finish(&d.victims);
	return d.rc;
}

int drain_node(struct ask *a, const struct drain_config *cfg, struct err *reterr)
{
	int rc = drain(a, cfg, false, reterr);

	if (!rc)
		printf("node %s is drained\n", cfg->node);
	return rc;
}

static int delete(struct ask *a, const char *path, struct err *reterr)
{
	struct err e = { 0 };
	int rc = ask(a, "DELETE", path, NULL, NULL, NULL, &e);

	return !rc || rc == -ERR_NOT_FOUND ? 0 : err_set(reterr, -rc, "%s", e.msg);
}

static void second_over(void *arg)
{
	loop_stop(arg);
}

/* From now on the certificates it has are refused. */
static int record(struct ask *a, const char *node, struct err *reterr)
{
	char path[200], body[600], name[REMOVED_NODE_MAX];
	struct loop_timer t;
	struct err e = { 0 };
	int rc;

	removed_node_name(name, node);
	snprintf(path, sizeof(path), "/api/v1/namespaces/" REMOVED_NODE_NS "/configmaps/%s", name);
	/* Of an earlier removal: another machine has had the name since. */
	if ((rc = delete(a, path, reterr)))
		return rc;
	snprintf(body, sizeof(body), "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\"},\"data\":{\"node\":\"%s\"}}",
		name, node);
	*strrchr(path, '/') = 0;
	if ((rc = ask(a, "POST", path, NULL, body, NULL, &e)))
		return err_set(reterr, -rc, "%s", e.msg);
	loop_timer_init(&t, a->loop, second_over, a->loop);
	loop_timer_set(&t, 1000);
	loop_run(a->loop);
	loop_timer_stop(&t);
	return 0;
}

int drain_remove(struct ask *a, const struct drain_config *cfg, struct err *reterr)
{
	char node[300], lease[400];
	int rc = drain(a, cfg, true, reterr);

	snprintf(node, sizeof(node), "/api/v1/nodes/%s", cfg->node);
	snprintf(lease, sizeof(lease), "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/%s", cfg->node);
	if (rc || (rc = record(a, cfg->node, reterr)) || (rc = delete(a, node, reterr)) || (rc = delete(a, lease, reterr)))
		return rc;
	printf("node %s is removed, and its certificates with it. If its agent still runs, stop it; to come back it joins again, "
		"without its pki directory.\n", cfg->node);
	return 0;
}
