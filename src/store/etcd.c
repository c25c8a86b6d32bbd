/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd - the log in a cluster of etcd, for any number of servers. Beginning and end, and what
 * its parts share: etcd_write.c with etcd_txn.c, etcd_fence.c and etcd_lease.c; etcd_follow.c with etcd_load.c and
 * etcd_sync.c; etcd_range.c, etcd_compact.c; all over etcd_client.c, etcd_conn.c, etcd_pb.c. All of it runs on the loop,
 * and nothing waits there but for opening, the first listing and closing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/env.h"
#include "store/etcd_priv.h"

enum { OPEN_MS = 15000, STAT_MS = 5000, PREFIX_MAX = 200 };

/* ---- keys and values ---- */

void etcd_key(const struct etcd *s, char out[ETCD_KEY_MAX], const char *key)
{
	memcpy(out, s->prefix, s->prefix_len);
	strcpy(out + s->prefix_len, key);
}

int etcd_read(struct etcd *s, const struct pb_msg *m, const char *p, size_t n, void *dst)
{
	arena_reset(s->arena);
	return pb_decode(m, p, n, s->arena, dst);
}

int etcd_name(struct etcd *s, struct pb_bytes key, const char **ret)
{
	*ret = NULL;
	if (key.n <= s->prefix_len || key.n - s->prefix_len > STORE_KEY_MAX ||
	    memcmp(key.p, s->prefix, s->prefix_len) || memchr(key.p, 0, key.n))
		return 0;
	*ret = arena_strndup(s->arena, key.p + s->prefix_len, key.n - s->prefix_len);
	return *ret ? 0 : -ERR_NOMEM;
}

bool etcd_is_internal(const char *name) { return *name <= '!'; }

void etcd_tag_text(char out[ETCD_TAG_LEN + 1], uint64_t tag)
{
	snprintf(out, ETCD_TAG_LEN + 1, "\n%016llx", (unsigned long long)tag);
}

uint64_t etcd_tag(struct pb_bytes value)
{
	uint64_t tag = 0;

	if (value.n < ETCD_TAG_LEN || value.p[value.n - ETCD_TAG_LEN] != '\n')
		return 0;
	for (const char *p = value.p + value.n - ETCD_TAG_LEN + 1; p < value.p + value.n; p++) {
		if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f')))
			return 0;
		tag = tag << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
	}
	return tag;
}

struct blob *etcd_value(struct pb_bytes value, uint64_t *ret_tag)
{
	*ret_tag = etcd_tag(value);
	return blob_new(value.p, value.n - (*ret_tag ? ETCD_TAG_LEN : 0));
}

/* ---- members ---- */

static void ready(void *arg, const struct etcd_ranged *now)
{
	struct etcd *s = arg;

	if (now->kvs.n)
		etcd_compact_saw(s, ((const struct etcd_kv *)now->kvs.v[0])->value,
			((const struct etcd_kv *)now->kvs.v[0])->mod_revision);
	/* Of what nobody follows yet; a follower's knowledge comes from its events. */
	if (!s->f.on && now->header->revision > s->base.rev)
		s->base.rev = now->header->revision;
	etcd_sync_ready(s);
	etcd_follow_ready(s);
	etcd_writes_ready(s);
}

static void lost(void *arg) { etcd_follow_lost(arg); }

static const struct etcd_client_events events = { ready, lost };

/* ---- how large it is ---- */

static void got_status(struct etcd_call *call, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(call, struct etcd, stat);
	struct etcd_status_done d;

	if (a->rc == 0 && etcd_read(s, &etcd_status_done_msg, a->p, a->n, &d) == 0)
		s->size_bytes = d.db_size;
}

/* What is told is what was known; asking makes it known for the next time. */
static void etcd_stats(const struct store *base, struct store_stats *ret)
{
	struct etcd *s = etcd_of(base);
	const struct etcd_status m = { 0 };
	int64_t now = loop_now_ms(base->loop);

	ret->groups = base->writes;
	ret->queue = s->w.pending;
	ret->queue_max = s->w.pending_max;
	ret->size_bytes = s->size_bytes;
	if (!etcd_client_conn(s->client))
		ret->failing = true;
	if (s->stat.client || (s->stat_ms && now - s->stat_ms < STAT_MS))
		return;
	s->stat_ms = now;
	s->stat.done = got_status;
	if (etcd_call(s->client, &s->stat, "/etcdserverpb.Maintenance/Status", &etcd_status_msg, &m, ETCD_CALL_MS) < 0)
		s->stat_ms = 0;
}

/* ---- beginning and end ---- */

static void release(struct etcd *s)
{
	etcd_client_close(s->client);
	arena_close(s->arena);
	free(s->prefix);
	free(s->prefix_end);
	free(s);
}

static void etcd_close(struct store *base)
{
	struct etcd *s = etcd_of(base);

	/* Each write has its end in time. A done may write again: until nothing is pending. */
	while (s->w.pending || etcd_compact_busy(s))
		loop_turn(base->loop, 1000);
	s->closing = true;
	etcd_ranges_finish(s);
	etcd_follow_finish(s);
	etcd_load_finish(s);
	etcd_sync_finish(s);
	etcd_writes_finish(s);
	etcd_fence_finish(s);
	etcd_leases_finish(s);
	etcd_call_cancel(&s->stat);
	release(s);
}

static const struct store_ops etcd_ops = {
	etcd_close, etcd_write, etcd_load, etcd_range, etcd_compact, etcd_stats, etcd_sync,
};

/* "host:port,host:port/prefix" */
static int split(struct etcd *s, const char *where, char members[4096], struct err *reterr)
{
	size_t n = strcspn(where, "/"), len;
	const char *prefix = where[n] && where[n + 1] ? where + n : "/sampan/";

	if (n >= 4096)
		return err_set(reterr, ERR_INVALID, "store: too many members");
	memcpy(members, where, n);
	members[n] = 0;
	len = strlen(prefix);
	if (len > PREFIX_MAX)
		return err_set(reterr, ERR_INVALID, "store: the prefix %s is longer than %d bytes", prefix, PREFIX_MAX);
	for (size_t i = 0; i < len; i++)
		if (prefix[i] <= ' ' || prefix[i] > '~')
			return err_set(reterr, ERR_INVALID, "store: the prefix %s is not printable ASCII", prefix);
	s->prefix = malloc(len + 2);
	if (!s->prefix)
		return err_set(reterr, ERR_NOMEM, "store: out of memory");
	strcpy(s->prefix, prefix);
	if (prefix[len - 1] != '/')
		strcat(s->prefix, "/");
	s->prefix_len = s->prefix_end_len = strlen(s->prefix);
	s->prefix_end = strdup(s->prefix);
	if (!s->prefix_end)
		return err_set(reterr, ERR_NOMEM, "store: out of memory");
	s->prefix_end[s->prefix_len - 1]++;
	return 0;
}

static int wait_ready(struct etcd *s, const char *members, struct err *reterr)
{
	int64_t until = env_now_ms() + OPEN_MS;
	const char *trouble = "";
	bool final = false;

	while (!etcd_client_conn(s->client) && !final && env_now_ms() < until) {
		loop_turn(s->base.loop, 200);
		trouble = etcd_client_trouble(s->client, &final);
	}
	if (etcd_client_conn(s->client))
		return 0;
	return err_set(reterr, ERR_UNAVAILABLE, "cannot use etcd at %s: %s; see whether it runs (etcdctl endpoint health) "
		"and whether --store names it", members, trouble);
}

/* ---- where revisions begin ---- */

struct wait {
	struct etcd_call call;
	bool ended;
	int rc;
	int64_t base;
	void *arg;
};

static void got_base(struct etcd_call *call, const struct etcd_answer *a)
{
	struct wait *w = list_entry(call, struct wait, call);
	struct etcd *s = w->arg;
	struct etcd_ranged r;

	w->ended = true;
	w->rc = a->rc < 0 ? a->rc : etcd_read(s, &etcd_ranged_msg, a->p, a->n, &r);
	if (w->rc == 0 && r.kvs.n) {
		struct pb_bytes v = ((const struct etcd_kv *)r.kvs.v[0])->value;
		char text[24], *end;

		/* Nineteen digits fit, and half of them leave room for revisions. */
		snprintf(text, sizeof(text), "%.*s", (int)(v.n < 20 ? v.n : 20), v.p);
		w->base = strtoll(text, &end, 10);
		if (!v.n || *end || v.n > 19 || w->base > INT64_MAX / 2)
			w->base = -1;
	}
}

static void put_base(struct etcd_call *call, const struct etcd_answer *a)
{
	struct wait *w = list_entry(call, struct wait, call);

	w->ended = true;
	w->rc = a->rc;
}

static int ask_and_wait(struct etcd *s, struct wait *w, const char *path, const struct pb_msg *m, const void *msg,
	struct err *reterr)
{
	w->arg = s;
	w->call.ask_again = true;
	w->rc = etcd_call(s->client, &w->call, path, m, msg, OPEN_MS);
	while (!w->rc && !w->ended)
		loop_turn(s->base.loop, 1000);
	return w->rc ? err_set(reterr, -w->rc, "ask etcd where revisions begin: %s", err_text(w->rc)) : 0;
}

static int read_base(struct etcd *s, struct err *reterr)
{
	char key[ETCD_KEY_MAX];
	struct wait w = { .call.done = got_base };
	int r;

	etcd_key(s, key, "!b");
	r = ask_and_wait(s, &w, "/etcdserverpb.KV/Range", &etcd_range_msg,
		&(struct etcd_range){ .key = pb_str(key, strlen(key)) }, reterr);
	if (r == 0 && w.base < 0)
		return err_set(reterr, ERR_CORRUPT, "the key %s in etcd is no number; only sampan store migrate and "
			"sampan store raise write it", key);
	s->base.base_rev = w.base;
	return r;
}

static int write_base(struct etcd *s, int64_t base, struct err *reterr)
{
	char key[ETCD_KEY_MAX], text[24];
	struct wait w = { .call.done = put_base };

	snprintf(text, sizeof(text), "%lld", (long long)base);
	etcd_key(s, key, "!b");
	return ask_and_wait(s, &w, "/etcdserverpb.KV/Put", &etcd_put_msg,
		&(struct etcd_put){ .key = pb_str(key, strlen(key)), .value = pb_str(text, strlen(text)) }, reterr);
}

int store_etcd_open(struct store **ret, struct loop *l, const char *where, const struct store_options *opt,
	struct err *reterr)
{
	struct etcd *s = calloc(1, sizeof(*s));
	char members[4096], probe[ETCD_KEY_MAX];
	int r;

	if (!s || !(s->arena = arena_open(ETCD_DECODE_BYTES))) {
		free(s);
		return err_set(reterr, ERR_NOMEM, "store: out of memory");
	}
	s->base.ops = &etcd_ops;
	s->base.loop = l;
	s->value_avg = 2048;
	list_init(&s->ranges);
	if ((r = split(s, where, members, reterr)) < 0)
		goto fail;
	etcd_writes_init(s);
	etcd_fence_init(s);
	etcd_follow_init(s);
	etcd_load_init(s);
	etcd_sync_init(s);
	etcd_key(s, probe, "!c");
	if ((r = etcd_client_open(&s->client, l, members, probe, opt, &events, s, reterr)) < 0 ||
	    (r = wait_ready(s, members, reterr)) < 0 ||
	    (r = read_base(s, reterr)) < 0)
		goto fail;
	*ret = &s->base;
	return 0;
fail:
	release(s);
	return r;
}

int store_etcd_raise(const char *where, const struct store_options *opt, int64_t rev, struct err *reterr)
{
	struct store *base;
	struct loop *l;
	int r;

	if (loop_open(&l) < 0)
		return err_set(reterr, ERR_IO, "cannot make an event loop");
	r = store_etcd_open(&base, l, where, opt, reterr);
	if (r == 0) {
		/* So etcd's first revision is above it, and what is not above it is none of etcd's. */
		if (store_rev(base) <= rev)
			r = write_base(etcd_of(base), rev, reterr);
		store_close(base);
	}
	loop_close(l);
	return r;
}
