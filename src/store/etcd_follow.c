/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_follow - the log, followed: what lives is listed at one revision, then everything after
 * it is watched; a watch that ended goes on behind the last event. When history was forgotten
 * before it could be watched, what lives is listed again.
 *
 * Source: etcd rpc.proto, WatchRequest; Documentation/learning/api, "Watch API".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "store/etcd_priv.h"

#define LOG_MODULE "etcd"
#include "base/log.h"

enum { AGAIN_MS = 500 };               /* between two tries of a watch that a ready member refuses */

static void watch(struct etcd *s);

/* ---- the watch ---- */

void etcd_follow_internal(struct etcd *s, const char *name, const struct etcd_kv *kv)
{
	if (!strcmp(name, "!c"))
		etcd_compact_saw(s, kv->value, kv->mod_revision);
	else if (!strcmp(name + 1, s->fence.deleted_key + s->prefix_len + 1))
		etcd_writes_saw(s, etcd_tag(kv->value), kv->mod_revision);
}

static int tell(struct etcd *s, const struct etcd_event *e)
{
	const struct etcd_kv *kv = e->kv;
	const char *name = NULL;
	struct store_event ev;
	uint64_t tag = 0;
	int r = kv ? etcd_name(s, kv->key, &name) : 0;

	if (!name)
		return r;
	if (etcd_is_internal(name)) {
		etcd_follow_internal(s, name, kv);
		return 0;
	}
	ev = (struct store_event){ .rev = kv->mod_revision, .create_rev = kv->create_revision, .key = name };
	if (e->type != ETCD_DELETED && !(ev.value = etcd_value(kv->value, &tag)))
		return -ERR_NOMEM;
	if (tag)
		etcd_writes_saw(s, tag, ev.rev);
	/* One transaction of another program may have changed several keys. */
	if (s->base.follow_rev == ev.rev)
		s->base.follow_rev--;
	s->f.event_rev = ev.rev;
	store_tell(&s->base, &ev);
	blob_unref(ev.value);
	return 0;
}

static int tell_all(struct etcd *s, const struct etcd_watched *m)
{
	for (size_t i = 0; i < m->events.n; i++) {
		const struct etcd_event *e = m->events.v[i];
		int64_t rev = e->kv ? e->kv->mod_revision : 0;
		int r;

		if (rev < s->f.part_rev)
			continue;
		if (rev > s->f.part_rev)
			s->f.part_count = s->f.part_skip = 0;
		s->f.part_rev = rev;
		if (s->f.part_skip) {
			s->f.part_skip--;
			continue;
		}
		if ((r = tell(s, e)) < 0)
			return r;
		s->f.part_count++;
	}
	return 0;
}

static void again(void *arg) { watch(arg); }

static void watch_failed(struct etcd *s, const char *why)
{
	etcd_rpc_cancel(&s->f.watch);
	log_warn("the watch of etcd's log ended: %s", why);
	loop_timer_set(&s->f.again, AGAIN_MS);
}

static void sight_lost(struct etcd *s, int64_t compacted_rev)
{
	log_warn("etcd has forgotten its history up to revision %lld, and not all of it was seen: its keys are "
		"listed again", (long long)compacted_rev);
	if (compacted_rev > s->base.compacted_rev)
		s->base.compacted_rev = compacted_rev;
	etcd_load_again(s);
}

static void watched(struct etcd_rpc *r, const char *p, size_t n)
{
	struct etcd *s = list_entry(r, struct etcd, f.watch);
	struct etcd_watched m;

	if (etcd_read(s, &etcd_watched_msg, p, n, &m) < 0 || !m.header) {
		watch_failed(s, "a message that is no etcd's");
	} else if (m.canceled && m.compact_revision) {
		etcd_rpc_cancel(r);
		sight_lost(s, m.compact_revision);
	} else if (m.canceled) {
		char why[256];

		snprintf(why, sizeof(why), "%.*s", (int)(m.cancel_reason.n < 200 ? m.cancel_reason.n : 200), m.cancel_reason.p);
		watch_failed(s, why);
		etcd_client_judge(s->client, ETCD_UNAUTHENTICATED, why);
	} else if (m.events.n) {
		if (tell_all(s, &m) < 0)
			watch_failed(s, "out of memory");
		else if (!m.fragment)
			etcd_sync_reach(s, s->f.part_rev);
	} else if (!m.created) {
		etcd_sync_reach(s, m.header->revision);
	}
}

static void watch_ended(struct etcd_rpc *r, int code, const char *message, const char *p, size_t n)
{
	struct etcd *s = list_entry(r, struct etcd, f.watch);

	if (s->closing)
		return;
	etcd_client_judge(s->client, code, message);
	if (etcd_client_conn(s->client))
		loop_timer_set(&s->f.again, AGAIN_MS);
}

static void open_watch(struct etcd *s)
{
	struct etcd_conn *conn = etcd_client_conn(s->client);
	struct etcd_watch_create create = {
		.key = pb_str(s->prefix, s->prefix_len), .range_end = pb_str(s->prefix_end, s->prefix_end_len),
		.start_revision = s->f.reached + 1, .progress_notify = 1, .fragment = 1,
	};
	struct etcd_watch m = { &create };
	struct buf b = { 0 };

	if (!conn || !s->f.on || !s->f.found || s->f.watch.conn)
		return;
	/* Of a revision that came in part, the rest; what was told is passed over. */
	s->f.part_skip = s->f.part_rev > s->f.reached ? s->f.part_count : 0;
	pb_encode(&etcd_watch_msg, &m, &b);
	s->f.watch.msg = watched;
	s->f.watch.end = watch_ended;
	if (etcd_rpc_start(conn, &s->f.watch, "/etcdserverpb.Watch/Watch", etcd_client_token(s->client), 0, &b) < 0)
		loop_timer_set(&s->f.again, AGAIN_MS);
}

static void told_whole(struct etcd_call *call, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(call, struct etcd, f.whole);

	if (a->rc == -ERR_EXPIRED)
		sight_lost(s, s->f.reached + 1);
	else if (a->rc == 0 || a->rc == -ERR_BAD_REQUEST)   /* a cluster that is behind is the watch's matter */
		open_watch(s);
	else
		loop_timer_set(&s->f.again, AGAIN_MS);
}

/* A watch from the very revision that history was forgotten up to is let through, but a
 * deletion with that revision is not there any more. A read at the revision before tells.
 * Source: etcd issues 18089 and 19179. */
static void watch(struct etcd *s)
{
	struct etcd_range m = { .key = pb_str(s->fence.session_key, strlen(s->fence.session_key)), .count_only = 1,
		.revision = s->f.reached };

	if (!etcd_client_conn(s->client) || !s->f.on || !s->f.found || s->f.watch.conn || s->f.whole.client)
		return;
	s->f.whole.done = told_whole;
	if (etcd_call(s->client, &s->f.whole, "/etcdserverpb.KV/Range", &etcd_range_msg, &m, ETCD_CALL_MS) < 0)
		loop_timer_set(&s->f.again, AGAIN_MS);
}

/* ---- a member comes and goes ---- */

void etcd_follow_ready(struct etcd *s) { watch(s); }

void etcd_follow_lost(struct etcd *s) { etcd_rpc_cancel(&s->f.watch); }

void etcd_follow_init(struct etcd *s) { loop_timer_init(&s->f.again, s->base.loop, again, s); }

void etcd_follow_finish(struct etcd *s)
{
	etcd_rpc_cancel(&s->f.watch);
	etcd_call_cancel(&s->f.whole);
	loop_timer_stop(&s->f.again);
}
