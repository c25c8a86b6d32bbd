/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_follow - the log, followed: what lives is listed at one revision, then everything after
 * it is watched; a watch that ended goes on behind the last event. When history was forgotten
 * before it could be watched, what lives is listed again.
 *
 * A revision comes by when an event with it does, or a later one; when only foreign keys were
 * written, nothing of ours would. So who waits for such a revision has !m written, a moment
 * later. (WatchProgressRequest would do it without a write, but until etcd 3.4.25 and 3.5.8
 * its answer may overtake events; Debian 12 has 3.4.23.)
 *
 * Source: etcd rpc.proto, WatchRequest; Documentation/learning/api, "Watch API";
 * etcd issue 15220.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "store/etcd_priv.h"

#define LOG_MODULE "etcd"
#include "base/log.h"

enum {
	MARK_MS = 20,                  /* events that are on their way are given so long */
	AGAIN_MS = 500,                /* between two tries of a watch that a ready member refuses */
	LOAD_MS = 120000, ATTEMPT_MS = 1000,
};

static void watch(struct etcd *s);
static void list_again(struct etcd *s);

/* ---- a revision has come by ---- */

struct sync {
	struct list node;
	store_sync_fn *done;
	void *arg;
	int64_t rev, due_ms;
};

static struct sync *first_sync(const struct list *l) { return list_entry(l->next, struct sync, node); }

static void synced(struct sync *y, int rc)
{
	list_del(&y->node);
	y->done(y->arg, rc);
	free(y);
}

static void reach(struct etcd *s, int64_t rev)
{
	if (rev <= s->f.reached)
		return;
	s->f.reached = rev;
	etcd_client_saw(s->client, rev);
	store_progress(&s->base, rev);
	if (s->f.reached >= s->f.wanted)
		loop_timer_stop(&s->f.mark_timer);
	etcd_writes_shown(s);
	while (!list_empty(&s->f.syncs) && first_sync(&s->f.syncs)->rev <= s->f.reached)
		synced(first_sync(&s->f.syncs), 0);
}

static void marked(struct etcd_call *call, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(call, struct etcd, f.mark);
	struct etcd_done d;

	if (a->rc == 0 && etcd_read(s, &etcd_done_msg, a->p, a->n, &d) == 0 && d.header)
		s->f.marked = d.header->revision;
	if (s->f.wanted > s->f.reached && s->f.wanted > s->f.marked)
		loop_timer_set(&s->f.mark_timer, MARK_MS);
}

static void mark(void *arg)
{
	struct etcd *s = arg;
	char key[ETCD_KEY_MAX];
	struct etcd_put put = { .value = pb_str("\n", 1) };

	if (s->f.mark.client || s->f.marked >= s->f.wanted)
		return;
	etcd_key(s, key, "!m");
	put.key = pb_str(key, strlen(key));
	s->f.mark.ask_again = true;
	s->f.mark.attempt_ms = ATTEMPT_MS;
	s->f.mark.done = marked;
	if (etcd_call(s->client, &s->f.mark, "/etcdserverpb.KV/Put", &etcd_put_msg, &put, ETCD_CALL_MS) < 0)
		loop_timer_set(&s->f.mark_timer, AGAIN_MS);
}

void etcd_follow_want(struct etcd *s, int64_t rev)
{
	if (rev > s->f.wanted)
		s->f.wanted = rev;
	if (rev > s->f.reached && !loop_timer_is_set(&s->f.mark_timer))
		loop_timer_set(&s->f.mark_timer, MARK_MS);
}

/* ---- sync ---- */

static void ask(struct etcd *s);

static void sync_due(void *arg)
{
	struct etcd *s = arg;
	struct list *in[] = { &s->f.syncs, &s->f.asked, &s->f.fresh };   /* oldest first */
	int64_t now = loop_now_ms(s->base.loop);

	for (size_t i = 0; i < 3; i++)
		while (!list_empty(in[i])) {
			struct sync *y = first_sync(in[i]);

			if (y->due_ms > now) {
				loop_timer_set(&s->f.sync_due, y->due_ms - now);
				return;
			}
			synced(y, etcd_client_conn(s->client) ? -ERR_DEADLINE : -ERR_UNAVAILABLE);
		}
}

static void told_rev(struct etcd_call *call, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(call, struct etcd, f.ask);
	struct etcd_ranged r;
	int rc = a->rc < 0 ? a->rc : etcd_read(s, &etcd_ranged_msg, a->p, a->n, &r);
	int64_t rev;

	if (rc == 0 && !r.header)
		rc = -ERR_CORRUPT;
	rev = rc == 0 ? r.header->revision : 0;
	while (!list_empty(&s->f.asked)) {
		struct sync *y = first_sync(&s->f.asked);

		y->rev = rev;
		if (rc < 0 || rev <= s->f.reached) {
			synced(y, rc == 0 ? 0 : rc == -ERR_DEADLINE ? rc : -ERR_UNAVAILABLE);
			continue;
		}
		list_del(&y->node);
		list_add_tail(&s->f.syncs, &y->node);
		etcd_follow_want(s, rev);
	}
	if (!list_empty(&s->f.fresh))
		ask(s);
}

/* One question for all who came since the last one was asked. */
static void ask(struct etcd *s)
{
	struct etcd_range m = { .key = pb_str(s->w.session_key, strlen(s->w.session_key)), .count_only = 1 };

	s->f.ask.ask_again = true;
	s->f.ask.attempt_ms = ATTEMPT_MS;
	s->f.ask.done = told_rev;
	while (!list_empty(&s->f.fresh)) {
		struct list *n = s->f.fresh.next;

		list_del(n);
		list_add_tail(&s->f.asked, n);
	}
	if (etcd_call(s->client, &s->f.ask, "/etcdserverpb.KV/Range", &etcd_range_msg, &m, STORE_SYNC_MS) < 0)
		while (!list_empty(&s->f.asked))
			synced(first_sync(&s->f.asked), -ERR_UNAVAILABLE);
}

static void ask_now(void *arg)
{
	struct etcd *s = arg;

	if (!s->f.ask.client)
		ask(s);
}

int etcd_sync(struct store *base, store_sync_fn *done, void *arg)
{
	struct etcd *s = etcd_of(base);
	struct sync *y;

	if (!s->f.on)
		return 0;
	if (s->closing)
		return -ERR_UNAVAILABLE;
	y = malloc(sizeof(*y));
	if (!y)
		return -ERR_NOMEM;
	*y = (struct sync){ .done = done, .arg = arg, .due_ms = env_now_ms() + STORE_SYNC_MS };
	list_add_tail(&s->f.fresh, &y->node);
	if (!loop_timer_is_set(&s->f.sync_due))
		loop_timer_set(&s->f.sync_due, STORE_SYNC_MS);
	loop_defer(base->loop, &s->f.ask_task, ask_now, s);
	return 1;
}

/* ---- the watch ---- */

static void internal(struct etcd *s, const char *name, const struct etcd_kv *kv)
{
	if (!strcmp(name, "!c"))
		etcd_compact_saw(s, kv->value, kv->mod_revision);
	else if (!strcmp(name + 1, s->w.deleted_key + s->prefix_len + 1))
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
		internal(s, name, kv);
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
	list_again(s);
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
			reach(s, s->f.part_rev);
	} else if (!m.created) {
		reach(s, m.header->revision);
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
	struct etcd_range m = { .key = pb_str(s->w.session_key, strlen(s->w.session_key)), .count_only = 1,
		.revision = s->f.reached };

	if (!etcd_client_conn(s->client) || !s->f.on || !s->f.found || s->f.watch.conn || s->f.whole.client)
		return;
	s->f.whole.done = told_whole;
	if (etcd_call(s->client, &s->f.whole, "/etcdserverpb.KV/Range", &etcd_range_msg, &m, ETCD_CALL_MS) < 0)
		loop_timer_set(&s->f.again, AGAIN_MS);
}

/* ---- listing ---- */

struct load {
	struct etcd_listing l;
	store_load_fn *fn;
	void *arg;
	bool ended;
	int rc;
	char message[256];
};

static int live(struct etcd *s, const struct etcd_kv *kv, store_load_fn *fn, void *arg)
{
	const char *name;
	struct store_event ev;
	uint64_t tag;
	int r = etcd_name(s, kv->key, &name);

	if (!name)
		return r;
	if (etcd_is_internal(name)) {
		internal(s, name, kv);
		return 0;
	}
	ev = (struct store_event){ kv->mod_revision, kv->create_revision, name, etcd_value(kv->value, &tag) };
	if (!ev.value)
		return -ERR_NOMEM;
	if (tag)
		etcd_writes_saw(s, tag, ev.rev);
	fn(arg, &ev);
	blob_unref(ev.value);
	return 0;
}

static bool load_page(struct etcd_listing *l, const struct etcd_ranged *r)
{
	struct load *j = list_entry(l, struct load, l);

	for (size_t i = 0; i < r->kvs.n && !j->rc; i++)
		j->rc = live(l->s, r->kvs.v[i], j->fn, j->arg);
	return !j->rc;
}

static void load_ended(struct etcd_listing *l, int rc, const char *message)
{
	struct load *j = list_entry(l, struct load, l);

	if (!j->rc)
		j->rc = rc;
	snprintf(j->message, sizeof(j->message), "%s", message);
	j->ended = true;
}

static void list_all(struct etcd *s, struct etcd_listing *l)
{
	*l = (struct etcd_listing){ .s = s };
	memcpy(l->start, s->prefix, s->prefix_len);
	l->start_len = s->prefix_len;
	memcpy(l->end, s->prefix_end, s->prefix_end_len);
	l->end_len = s->prefix_end_len;
}

int etcd_load(struct store *base, store_load_fn *fn, void *arg, int64_t *ret_rev, struct err *reterr)
{
	struct etcd *s = etcd_of(base);
	struct load j = { .fn = fn, .arg = arg };
	int64_t until = env_now_ms() + LOAD_MS;
	int r;

	list_all(s, &j.l);
	j.l.got = load_page;
	j.l.done = load_ended;
	r = etcd_list(&j.l);
	if (r < 0)
		return err_set(reterr, -r, "load the store: out of memory");
	while (!j.ended && env_now_ms() < until)
		loop_turn(base->loop, 1000);
	if (!j.ended)
		etcd_call_cancel(&j.l.call);
	if (!j.ended || j.rc)
		return err_set(reterr, j.rc ? -j.rc : ERR_UNAVAILABLE, "load the store from etcd: %s",
			j.ended ? j.message : "it takes too long");
	*ret_rev = j.l.rev;
	s->f.on = s->f.found = true;
	s->f.reached = s->f.part_rev = s->f.event_rev = j.l.rev;
	s->f.part_count = s->f.part_skip = 0;
	watch(s);
	return 0;
}

static void found_live(void *arg, const struct store_event *ev) { store_tell_live(arg, ev); }

static void listed_again(struct etcd_listing *l, int rc, const char *message)
{
	struct load *j = list_entry(l, struct load, l);
	struct etcd *s = l->s;
	int64_t rev = l->rev;

	if (!j->rc)
		j->rc = rc;
	rc = j->rc;
	s->f.listing = NULL;
	free(j);
	if (rc < 0) {
		log_warn("listing etcd's keys again failed (%s): once more", message);
		loop_timer_set(&s->f.relist, AGAIN_MS);
		return;
	}
	s->f.found = true;
	s->f.part_rev = s->f.event_rev = rev;
	s->f.part_count = s->f.part_skip = 0;
	store_found(&s->base, rev);
	reach(s, rev);
	watch(s);
}

static void relist(void *arg) { list_again(arg); }

static void list_again(struct etcd *s)
{
	struct load *j = calloc(1, sizeof(*j));

	s->f.found = false;
	s->f.gaps++;
	etcd_writes_blind(s);
	store_lost(&s->base);
	if (j) {
		j->fn = found_live;
		j->arg = &s->base;
		list_all(s, &j->l);
		j->l.got = load_page;
		j->l.done = listed_again;
		s->f.listing = &j->l;
	}
	if (!j || etcd_list(&j->l) < 0) {
		free(j);
		s->f.listing = NULL;
		loop_timer_set(&s->f.relist, AGAIN_MS);
	}
}

/* ---- a member comes and goes ---- */

void etcd_follow_ready(struct etcd *s) { watch(s); }

void etcd_follow_lost(struct etcd *s) { etcd_rpc_cancel(&s->f.watch); }

void etcd_follow_init(struct etcd *s)
{
	list_init(&s->f.fresh);
	list_init(&s->f.asked);
	list_init(&s->f.syncs);
	loop_timer_init(&s->f.mark_timer, s->base.loop, mark, s);
	loop_timer_init(&s->f.again, s->base.loop, again, s);
	loop_timer_init(&s->f.relist, s->base.loop, relist, s);
	loop_timer_init(&s->f.sync_due, s->base.loop, sync_due, s);
}

void etcd_follow_finish(struct etcd *s)
{
	struct list *in[] = { &s->f.syncs, &s->f.asked, &s->f.fresh };

	etcd_rpc_cancel(&s->f.watch);
	etcd_call_cancel(&s->f.mark);
	etcd_call_cancel(&s->f.ask);
	etcd_call_cancel(&s->f.whole);
	if (s->f.listing) {
		etcd_call_cancel(&s->f.listing->call);
		free(list_entry(s->f.listing, struct load, l));
	}
	loop_timer_stop(&s->f.mark_timer);
	loop_timer_stop(&s->f.again);
	loop_timer_stop(&s->f.relist);
	loop_timer_stop(&s->f.sync_due);
	loop_defer_cancel(s->base.loop, &s->f.ask_task);
	for (size_t i = 0; i < 3; i++)
		while (!list_empty(in[i]))
			synced(first_sync(in[i]), -ERR_UNAVAILABLE);
}
