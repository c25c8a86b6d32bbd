/* SPDX-License-Identifier: Apache-2.0 */
/* etcd_load - what lives: for the follower's start, and anew after sight was lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "store/etcd_priv.h"

#define LOG_MODULE "etcd"
#include "base/log.h"

enum { AGAIN_MS = 500, LOAD_MS = 120000 };

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
		etcd_follow_internal(s, name, kv);
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
	etcd_follow_ready(s);
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
	etcd_sync_reach(s, rev);
	etcd_follow_ready(s);
}

static void relist(void *arg) { etcd_load_again(arg); }

void etcd_load_again(struct etcd *s)
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

/* ---- beginning and end ---- */

void etcd_load_init(struct etcd *s) { loop_timer_init(&s->f.relist, s->base.loop, relist, s); }

void etcd_load_finish(struct etcd *s)
{
	if (s->f.listing) {
		etcd_call_cancel(&s->f.listing->call);
		free(list_entry(s->f.listing, struct load, l));
	}
	loop_timer_stop(&s->f.relist);
}
