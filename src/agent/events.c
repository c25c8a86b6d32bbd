/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events - what happened, told to the API as Events; the same again within a while is one
 * Event counted up. Bounded: EVENTS_KEPT remembered, EVENTS_FLYING under way, the rest is
 * dropped (Events are best effort by definition).
 */
#define LOG_MODULE "events"
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "base/env.h"
#include "base/text.h"
#include "doc/doc.h"

#define EVENTS_KEPT 256
#define EVENTS_FLYING 64
#define EVENT_MESSAGE_MAX 1024
#define SAME_FOR_US (600 * INT64_C(1000000))

struct event {
	uint64_t key;                  /* hash of object, reason and message; 0: free */
	char ns[64], name[300];
	unsigned count;
	int64_t last_us;
	bool busy, again;              /* a write is under way; another is owed */
	struct recorder *r;
};

struct recorder {
	struct agent *a;
	struct event kept[EVENTS_KEPT];
	unsigned next, flying;
};

int recorder_open(struct recorder **ret, struct agent *a)
{
	struct recorder *r = calloc(1, sizeof(*r));

	if (!r)
		return -ERR_NOMEM;
	r->a = a;
	*ret = r;
	return 0;
}

void recorder_close(struct recorder *r)
{
	free(r);
}

static void count_up(struct event *e);

static void event_done(void *arg, const struct client_reply *q)
{
	struct event *e = arg;

	e->r->flying--;
	e->busy = false;
	if (q->rc) {
		if (q->rc != -ERR_CANCELED && q->rc != -ERR_NOT_FOUND && q->rc != -ERR_FORBIDDEN)
			log_warn("event: %s", q->message);
		e->key = 0;
	} else if (e->again) {
		count_up(e);
	}
}

static void count_up(struct event *e)
{
	BUF_AUTO struct buf body = { 0 };
	char path[500], stamp[TEXT_TIME_MAX];
	struct client_req q = { .method = "PATCH", .path = path, .content_type = "application/merge-patch+json" };

	if (e->busy) {
		e->again = true;
		return;
	}
	e->again = false;
	text_time(stamp, e->last_us);
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/events/%s", e->ns, e->name);
	buf_printf(&body, "{\"count\":%u,\"lastTimestamp\":\"%s\"}", e->count, stamp);
	q.body = body.p;
	q.body_len = body.len;
	if (e->r->flying >= EVENTS_FLYING || body.failed || client_call(e->r->a->client, &q, event_done, e))
		return;
	e->r->flying++;
	e->busy = true;
}

struct subject { const char *kind, *ns, *name, *uid, *rev; char path[160]; };

static void record(struct recorder *r, const struct subject *s, const char *type, const char *reason, const char *message)
{
	BUF_AUTO struct buf body = { 0 };
	char path[128], stamp[TEXT_TIME_MAX];
	struct client_req q = { .method = "POST", .path = path };
	const char *ns = *s->ns ? s->ns : "default";
	int64_t now = env_wall_us();
	struct event *e = NULL;
	uint64_t key;

	buf_printf(&body, "%s/%s/%s/%s/%s/%s/%s", s->kind, s->ns, s->name, s->uid, s->path, reason, message);
	key = hash_fnv64(body.p, body.len) | 1;
	for (unsigned i = 0; i < EVENTS_KEPT; i++)
		if (r->kept[i].key == key && now - r->kept[i].last_us < SAME_FOR_US) {
			r->kept[i].count++;
			r->kept[i].last_us = now;
			count_up(&r->kept[i]);
			return;
		}
	for (unsigned i = 0; i < EVENTS_KEPT && !e; i++) {
		r->next = (r->next + 1) % EVENTS_KEPT;
		if (!r->kept[r->next].busy)
			e = &r->kept[r->next];
	}
	if (!e || r->flying >= EVENTS_FLYING)
		return;
	*e = (struct event){ .key = key, .count = 1, .last_us = now, .r = r };
	snprintf(e->ns, sizeof(e->ns), "%s", ns);
	snprintf(e->name, sizeof(e->name), "%.250s.%" PRIx64, s->name, (uint64_t)now ^ key << 40);
	text_time(stamp, now);
	buf_clear(&body);
	buf_printf(&body, "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\"},"
		"\"involvedObject\":{\"kind\":\"%s\",\"apiVersion\":\"v1\",\"name\":\"%s\",\"uid\":\"%s\"", e->name, ns,
		s->kind, s->name, s->uid);
	if (*s->ns)
		buf_printf(&body, ",\"namespace\":\"%s\"", s->ns);
	if (s->rev)
		buf_printf(&body, ",\"resourceVersion\":\"%s\"", s->rev);
	if (*s->path)
		buf_printf(&body, ",\"fieldPath\":\"%s\"", s->path);
	buf_printf(&body, "},\"reason\":\"%s\",\"type\":\"%s\",\"message\":", reason, type);
	buf_add_json(&body, message, strlen(message));
	buf_printf(&body, ",\"source\":{\"component\":\"kubelet\",\"host\":\"%s\"},\"reportingComponent\":\"kubelet\","
		"\"reportingInstance\":\"%s\",\"firstTimestamp\":\"%s\",\"lastTimestamp\":\"%s\",\"count\":1}",
		r->a->node_name, r->a->node_name, stamp, stamp);
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/events", ns);
	q.body = body.p;
	q.body_len = body.len;
	if (body.failed || client_call(r->a->client, &q, event_done, e)) {
		e->key = 0;
		return;
	}
	r->flying++;
	e->busy = true;
}

static void say(struct agent *a, const struct subject *s, const char *type, const char *reason, const char *fmt, va_list ap)
{
	char message[EVENT_MESSAGE_MAX];

	vsnprintf(message, sizeof(message), fmt, ap);
	if (a->recorder && !a->closing)
		record(a->recorder, s, type, reason, message);
}

void event_pod(struct pod *p, const struct ctr *c, const char *type, const char *reason, const char *fmt, ...)
{
	static const char *const lists[] = { "initContainers", "initContainers", "containers", "ephemeralContainers" };
	struct subject s = { "Pod", p->ns, p->name, p->uid, doc_str(p->obj, "metadata.resourceVersion"), "" };
	va_list ap;

	if (c)
		snprintf(s.path, sizeof(s.path), "spec.%s{%s}", lists[c->kind], c->name);
	va_start(ap, fmt);
	say(p->a, &s, type, reason, fmt, ap);
	va_end(ap);
}

void event_node(struct agent *a, const char *type, const char *reason, const char *fmt, ...)
{
	struct subject s = { "Node", "", a->node_name, a->node_name, NULL, "" };
	va_list ap;

	va_start(ap, fmt);
	say(a, &s, type, reason, fmt, ap);
	va_end(ap);
}

void event_service(struct agent *a, const char *ns, const char *name, const char *uid, const char *type, const char *reason,
	const char *fmt, ...)
{
	struct subject s = { "Service", ns ? ns : "", name ? name : "", uid ? uid : "", NULL, "" };
	va_list ap;

	va_start(ap, fmt);
	say(a, &s, type, reason, fmt, ap);
	va_end(ap);
}
