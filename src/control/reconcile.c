/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile - see reconcile.h for the states of a key. */
#define LOG_MODULE "control"
#include "control/reconcile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/list.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/text.h"
#include "client/client.h"

#define RUN_ARENA_MAX (64u << 20)
#define EVENTS_KNOWN_MAX 1024u

enum key_state { KEY_IDLE, KEY_QUEUED, KEY_RUNNING, KEY_BUSY };

struct key {
	struct list link;          /* in ctl.queue while QUEUED */
	struct ctl *ctl;
	struct loop_timer timer;
	int64_t due_ms;            /* of the timer */
	enum key_state state;
	bool dirty, failed;        /* changed, or a write failed, since the run began */
	unsigned in_flight;
	unsigned failures;
	char *ns, *name;           /* inside text */
	char text[];               /* "ns/name", as in ctl.keys; then ns, name */
};

struct write {
	struct list link;
	struct key *key;           /* NULL: nobody waits (events) */
	struct ctl *ctl;
	ctl_answer_fn *answer;
	bool exists_ok, absent_ok;
	char what[];               /* "POST /api/v1/..." for the log */
};

struct ctl {
	const struct ctl_def *def;
	struct loop *loop;
	struct cache *cache;
	struct client *client;
	struct cache_observer **observers;
	struct observed { struct ctl *ctl; const struct ctl_watch *watch; } *observed;
	size_t watch_count;
	struct map keys;           /* "ns/name" -> struct key, while not idle */
	struct list queue;
	struct loop_task task;
	struct arena *arena;
	yyjson_mut_doc *doc;
	struct key *running;
	unsigned writes;
	struct write *newest;
	struct list in_flight;     /* struct write */
	struct map events;         /* what was said -> name of its Event */
	struct ctl_stats stats;
	bool closing;
	char state[] __attribute__((aligned(16)));
};

void *ctl_state(struct ctl *c) { return c->state; }
struct cache *ctl_cache(struct ctl *c) { return c->cache; }
struct loop *ctl_loop(struct ctl *c) { return c->loop; }
struct arena *ctl_arena(struct ctl *c) { return c->arena; }
yyjson_mut_doc *ctl_doc(struct ctl *c) { return c->doc; }
unsigned ctl_writes(const struct ctl *c) { return c->writes; }
const char *ctl_name(const struct ctl *c) { return c->def->name; }

void ctl_stats(const struct ctl *c, struct ctl_stats *ret)
{
	size_t it = 0;
	void *v;

	*ret = c->stats;
	ret->depth = c->keys.len;
	while (map_next(&c->keys, &it, NULL, &v)) {
		const struct key *k = v;
		ret->unsettled += k->state != KEY_IDLE || k->failures;
	}
}

/* ---- keys ---- */
static void run_queue(void *arg);
static void key_timer(void *arg);

static struct key *key_get(struct ctl *c, const char *ns, const char *name)
{
	size_t n = strlen(ns), m = strlen(name);
	struct key *k = calloc(1, sizeof(*k) + 2 * (n + m + 2));

	if (!k)
		return NULL;
	memcpy(k->text, ns, n);
	k->text[n] = '/';
	memcpy(k->text + n + 1, name, m + 1);
	struct key *known = map_get(&c->keys, k->text);
	if (known) {
		free(k);
		return known;
	}
	k->ns = k->text + n + m + 2;
	memcpy(k->ns, ns, n + 1);
	k->name = k->ns + n + 1;
	memcpy(k->name, name, m + 1);
	k->ctl = c;
	list_init(&k->link);
	loop_timer_init(&k->timer, c->loop, key_timer, k);
	if (map_put(&c->keys, k->text, k, NULL)) {
		free(k);
		return NULL;
	}
	return k;
}

static void key_free(struct key *k)
{
	loop_timer_stop(&k->timer);
	list_del(&k->link);
	map_del(&k->ctl->keys, k->text);
	free(k);
}

static void key_queue(struct key *k)
{
	struct ctl *c = k->ctl;

	if (k->state == KEY_RUNNING || k->state == KEY_BUSY) {
		k->dirty = true;
		return;
	}
	if (k->state == KEY_QUEUED)
		return;
	k->state = KEY_QUEUED;
	list_add_tail(&c->queue, &k->link);
	loop_defer(c->loop, &c->task, run_queue, c);
}

static void key_timer(void *arg)
{
	struct key *k = arg;

	key_queue(k);
}

static void key_later(struct key *k, int64_t delay_ms)
{
	int64_t due = loop_now_ms(k->ctl->loop) + delay_ms;

	if (loop_timer_is_set(&k->timer) && k->due_ms <= due)
		return;
	k->due_ms = due;
	loop_timer_set(&k->timer, delay_ms);
}

void ctl_enqueue(struct ctl *c, const char *ns, const char *name)
{
	struct key *k = c->closing ? NULL : key_get(c, ns, name);

	if (k) {
		c->stats.adds++;
		key_queue(k);
	}
}

void ctl_enqueue_after(struct ctl *c, const char *ns, const char *name, int64_t delay_ms)
{
	struct key *k = c->closing ? NULL : key_get(c, ns, name);

	if (k)
		key_later(k, delay_ms > 0 ? delay_ms : 0);
}

void ctl_map_self(struct ctl *c, const struct cache_event *ev)
{
	ctl_enqueue(c, ev->obj->ns, ev->obj->name);
}

/* After a run and all its answers: idle, again, or again later. */
static void key_settle(struct key *k)
{
	struct ctl *c = k->ctl;

	k->state = KEY_IDLE;
	if (k->failed) {
		int64_t wait = k->failures < 12 ? (int64_t)CTL_BACKOFF_MIN_MS << k->failures : CTL_BACKOFF_MAX_MS;
		k->failures++;
		c->stats.retries++;
		key_later(k, wait > CTL_BACKOFF_MAX_MS ? CTL_BACKOFF_MAX_MS : wait);
	} else {
		k->failures = 0;
		if (k->dirty)
			key_queue(k);
	}
	k->dirty = k->failed = false;
	if (k->state == KEY_IDLE && !loop_timer_is_set(&k->timer))
		key_free(k);
}

static bool run_begin(struct ctl *c)
{
	arena_reset(c->arena);
	c->doc = doc_new(c->arena);
	c->writes = 0;
	c->newest = NULL;
	return c->doc != NULL;
}

static void run_key(struct ctl *c, struct key *k)
{
	int64_t began = env_now_us();

	list_del(&k->link);
	k->state = KEY_RUNNING;
	k->dirty = k->failed = false;
	c->running = k;
	int rc = run_begin(c) ? c->def->reconcile(c, k->ns, k->name) : -ERR_NOMEM;
	c->running = NULL;
	if (arena_over(c->arena)) {
		log_warn("%s %s: needs too much memory", c->def->name, k->text);
		rc = -ERR_NOMEM;
	}
	if (rc) {
		k->failed = true;
		log_debug("%s %s: %s", c->def->name, k->text, err_text(rc));
	}
	c->stats.runs++;
	int64_t took = env_now_us() - began;
	if (took > c->stats.longest_us)
		c->stats.longest_us = took;
	k->state = KEY_BUSY;
	if (!k->in_flight)
		key_settle(k);
}

static void run_queue(void *arg)
{
	struct ctl *c = arg;

	for (unsigned i = 0; i < CTL_TURN_KEYS && !list_empty(&c->queue); i++)
		run_key(c, list_entry(c->queue.next, struct key, link));
	if (!list_empty(&c->queue))
		loop_defer(c->loop, &c->task, run_queue, c);
	else
		arena_reset(c->arena);
}

/* ---- writes ---- */
/* Into a namespace that goes nothing can be put, now or later. */
static bool namespace_goes(const struct client_reply *r)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(r->obj, "details.causes"), i, max, it)
		if (yyjson_equals_str(yyjson_obj_get(it, "reason"), "NamespaceTerminating"))
			return true;
	return false;
}

static void write_done(void *arg, const struct client_reply *r)
{
	struct write *w = arg;
	struct ctl *c = w->ctl;
	struct key *k = w->key;
	int rc = r->rc;

	list_del(&w->link);
	bool moot = rc == -ERR_FORBIDDEN && namespace_goes(r);
	if ((rc == -ERR_EXISTS && w->exists_ok) || (rc == -ERR_NOT_FOUND && w->absent_ok) || moot)
		rc = 0;
	if (rc && rc != -ERR_CANCELED && !c->closing) {
		if (rc == -ERR_CONFLICT || rc == -ERR_NOT_FOUND)
			log_debug("%s: %s: %s", c->def->name, w->what, r->message);
		else
			log_warn("%s: %s: %s", c->def->name, w->what, r->message);
	}
	if (k) {
		if (w->answer && !c->closing && !moot)
			w->answer(c, k->ns, k->name, rc, r->obj, r->message);
		if (rc)
			k->failed = true;
		if (--k->in_flight == 0 && k->state == KEY_BUSY && !c->closing)
			key_settle(k);
	}
	free(w);
}

static struct write *send(struct ctl *c, struct key *k, const char *method, const char *path, const char *query,
	const char *content_type, yyjson_mut_val *body)
{
	BUF_AUTO struct buf text = { 0 };
	size_t n = strlen(method) + strlen(path) + 2;
	struct write *w = calloc(1, sizeof(*w) + n);

	/* Over the cap parts of a run's body may be missing: it is not sent. */
	if (body && ((k && arena_over(c->arena)) || doc_mwrite(&text, body))) {
		free(w);
		w = NULL;
	}
	if (!w) {
		if (k)
			k->failed = true;
		return NULL;
	}
	snprintf(w->what, n, "%s %s", method, path);
	w->ctl = c;
	w->key = k;
	struct client_req q = { .method = method, .path = path, .query = query, .content_type = content_type,
		.body = body ? text.p : NULL, .body_len = body ? text.len : 0 };
	if (client_call(c->client, &q, write_done, w)) {
		if (k)
			k->failed = true;
		free(w);
		return NULL;
	}
	list_add_tail(&c->in_flight, &w->link);
	if (k) {
		k->in_flight++;
		c->writes++;
	}
	return w;
}

void ctl_call(struct ctl *c, const char *method, const char *path, const char *query, const char *content_type,
	yyjson_mut_val *body)
{
	c->newest = send(c, c->running, method, path, query, content_type, body);
}

static void call_kind(struct ctl *c, const char *method, const struct kinds_kind *k, const char *ns, const char *name,
	const char *sub, const char *content_type, yyjson_mut_val *body)
{
	BUF_AUTO struct buf path = { 0 };

	client_path(&path, k, ns, name, sub);
	ctl_call(c, method, path.p, NULL, content_type, body);
}

void ctl_create(struct ctl *c, const struct kinds_kind *k, const char *ns, yyjson_mut_val *body, bool exists_ok)
{
	call_kind(c, "POST", k, ns, NULL, NULL, NULL, body);
	if (c->newest)
		c->newest->exists_ok = exists_ok;
}

void ctl_update(struct ctl *c, const struct kinds_kind *k, const char *ns, const char *name, const char *sub,
	yyjson_mut_val *body)
{
	call_kind(c, "PUT", k, ns, name, sub, NULL, body);
}

void ctl_patch(struct ctl *c, const struct kinds_kind *k, const char *ns, const char *name, const char *sub,
	yyjson_mut_val *patch)
{
	call_kind(c, "PATCH", k, ns, name, sub, "application/merge-patch+json", patch);
}

void ctl_delete(struct ctl *c, const struct kinds_kind *k, const char *ns, const char *name, const char *uid,
	const char *propagation, int64_t grace_s)
{
	yyjson_mut_val *o = yyjson_mut_obj(c->doc);

	doc_mset_str(c->doc, o, "kind", "DeleteOptions");
	doc_mset_str(c->doc, o, "apiVersion", "v1");
	if (uid)
		doc_mset_str(c->doc, o, "preconditions.uid", uid);
	if (propagation)
		doc_mset_str(c->doc, o, "propagationPolicy", propagation);
	if (grace_s >= 0)
		doc_mset_int(c->doc, o, "gracePeriodSeconds", grace_s);
	call_kind(c, "DELETE", k, ns, name, NULL, NULL, o);
	if (c->newest)
		c->newest->absent_ok = true;
}

void ctl_on_answer(struct ctl *c, ctl_answer_fn *fn)
{
	if (c->newest)
		c->newest->answer = fn;
}

/* ---- events ---- */
struct told { char name[300]; int64_t count; char first[TEXT_TIME_MAX]; };

static void forget_events(struct ctl *c)
{
	size_t it = 0;
	void *v;

	while (map_next(&c->events, &it, NULL, &v))
		free(v);
	map_finish(&c->events);
	c->events = (struct map){ 0 };
}

static void event_body(struct ctl *c, yyjson_mut_doc *d, yyjson_mut_val *e, struct cache_obj *obj,
	const char *ns, const struct told *t, const char *type, const char *reason, const char *message, const char *now)
{
	yyjson_val *o = cache_tree(obj);
	char rev[24];

	snprintf(rev, sizeof(rev), "%lld", (long long)obj->rev);
	doc_mset_str(d, e, "kind", "Event");
	doc_mset_str(d, e, "apiVersion", "v1");
	doc_mset_str(d, e, "metadata.name", t->name);
	doc_mset_str(d, e, "metadata.namespace", ns);
	doc_mset_str(d, e, "involvedObject.kind", doc_str(o, "kind"));
	doc_mset_str(d, e, "involvedObject.apiVersion", doc_str(o, "apiVersion"));
	if (*obj->ns)
		doc_mset_str(d, e, "involvedObject.namespace", obj->ns);
	doc_mset_str(d, e, "involvedObject.name", obj->name);
	doc_mset_str(d, e, "involvedObject.uid", obj->uid);
	doc_mset_str(d, e, "involvedObject.resourceVersion", rev);
	doc_mset_str(d, e, "reason", reason);
	doc_mset_str(d, e, "message", message);
	doc_mset_str(d, e, "type", type);
	doc_mset_str(d, e, "source.component", c->def->name);
	doc_mset_str(d, e, "reportingComponent", c->def->name);
	doc_mset_str(d, e, "firstTimestamp", t->first);
	doc_mset_str(d, e, "lastTimestamp", now);
	doc_mset_int(d, e, "count", t->count);
}

void ctl_event(struct ctl *c, struct cache_obj *obj, const char *type, const char *reason, const char *fmt, ...)
{
	ARENA_AUTO struct arena *a = arena_open(256u << 10);
	BUF_AUTO struct buf path = { 0 };
	const char *ns = *obj->ns ? obj->ns : "default";
	char now[TEXT_TIME_MAX];
	va_list ap;

	va_start(ap, fmt);
	char *message = a ? arena_vprintf(a, fmt, ap) : NULL;
	va_end(ap);
	yyjson_mut_doc *d = message ? doc_new(a) : NULL;
	char *said = d ? arena_printf(a, "%s/%s/%s/%s", obj->uid, type, reason, message) : NULL;
	if (!said)
		return;
	text_time(now, env_wall_us());
	if (c->events.len >= EVENTS_KNOWN_MAX)
		forget_events(c);
	struct told *t = map_get(&c->events, said);
	yyjson_mut_val *e = yyjson_mut_obj(d);
	if (t) {
		t->count++;
		doc_mset_int(d, e, "count", t->count);
		doc_mset_str(d, e, "lastTimestamp", now);
		client_path(&path, ctl_kind("", "events"), ns, t->name, NULL);
		send(c, NULL, "PATCH", path.p, NULL, "application/merge-patch+json", e);
		return;
	}
	t = calloc(1, sizeof(*t));
	if (!t || map_put(&c->events, said, t, NULL)) {
		free(t);
		return;
	}
	t->count = 1;
	snprintf(t->first, sizeof(t->first), "%s", now);
	snprintf(t->name, sizeof(t->name), "%.200s.%llx", obj->name,
		(unsigned long long)(env_wall_us() * 1000 + env_random_below(1000)));
	event_body(c, d, e, obj, ns, t, type, reason, message, now);
	client_path(&path, ctl_kind("", "events"), ns, NULL, NULL);
	send(c, NULL, "POST", path.p, NULL, NULL, e);
}

/* ---- life ---- */
static void observed(void *arg, const struct cache_event *ev)
{
	struct observed *o = arg;

	o->watch->map(o->ctl, ev);
}

int ctl_open(struct ctl **ret, const struct ctl_def *def, struct loop *l, struct cache *cache, struct client *client)
{
	struct ctl *c = calloc(1, sizeof(*c) + def->state_bytes);

	if (!c)
		return -ERR_NOMEM;
	c->def = def;
	c->loop = l;
	c->cache = cache;
	c->client = client;
	list_init(&c->queue);
	list_init(&c->in_flight);
	while (def->watches[c->watch_count].store)
		c->watch_count++;
	c->observers = calloc(c->watch_count + 1, sizeof(*c->observers));
	c->observed = calloc(c->watch_count + 1, sizeof(*c->observed));
	c->arena = arena_open(RUN_ARENA_MAX);
	if (!c->observers || !c->observed || !c->arena) {
		ctl_close(c);
		return -ERR_NOMEM;
	}
	for (size_t i = 0; i < c->watch_count; i++) {
		c->observed[i] = (struct observed){ c, &def->watches[i] };
		c->observers[i] = cache_observe(cache, strcmp(def->watches[i].store, "*") ? def->watches[i].store : NULL, true, observed, &c->observed[i]);
		if (!c->observers[i]) {
			ctl_close(c);
			return -ERR_NOMEM;
		}
	}
	*ret = c;
	return 0;
}

/* The client outlives its controllers' writes: closing it first answers them all. */
void ctl_close(struct ctl *c)
{
	size_t it = 0;
	void *v;

	if (!c)
		return;
	c->closing = true;
	for (size_t i = 0; c->observers && i < c->watch_count; i++)
		if (c->observers[i])
			cache_unobserve(c->observers[i]);
	client_close(c->client);
	loop_defer_cancel(c->loop, &c->task);
	while (map_next(&c->keys, &it, NULL, &v))
		key_free(v);
	map_finish(&c->keys);
	forget_events(c);
	if (c->def->close)
		c->def->close(c);
	arena_close(c->arena);
	free(c->observers);
	free(c->observed);
	free(c);
}

const struct kinds_kind *ctl_kind(const char *group, const char *plural)
{
	const struct kinds_kind *k = kinds_by_resource(group, "v1", plural);

	return k ? k : kinds_by_resource(group, "v2", plural);
}
