/* SPDX-License-Identifier: Apache-2.0 */
/* store - limits, completion and following: what all backends have in common. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "store/store_priv.h"

int store_open(struct store **ret, struct loop *l, const char *uri, const struct store_options *opt,
	struct err *reterr)
{
	if (strncmp(uri, "etcd://", 7) == 0 && uri[7])
		return store_etcd_open(ret, l, uri + 7, opt, reterr);
	if (opt && (opt->ca_file || opt->cert_file || opt->key_file || opt->auth_file))
		return err_set(reterr, ERR_INVALID,
			"store \"%s\" is a file: it takes neither certificates nor passwords", uri);
	if (strcmp(uri, "mem:") == 0)
		return store_mem_open(ret, l, reterr);
	if (strncmp(uri, "sqlite:", 7) == 0 && uri[7])
		return store_sqlite_open(ret, l, uri + 7, reterr);
	return err_set(reterr, ERR_INVALID,
		"store \"%s\" is none of sqlite:/path/to/file, etcd://host:port[,host:port][/prefix] and mem:", uri);
}

int64_t store_far_above(int64_t rev)
{
	const int64_t more = 1000000000;       /* writes than a server makes between backups */
	int64_t now_ms = env_wall_us() / 1000;

	return rev + more > now_ms ? rev + more : now_ms;
}

int store_raise(const char *uri, const struct store_options *opt, int64_t rev, struct err *reterr)
{
	if (strncmp(uri, "etcd://", 7) == 0 && uri[7])
		return store_etcd_raise(uri + 7, opt, rev, reterr);
	if (strncmp(uri, "sqlite:", 7) == 0 && uri[7])
		return store_sqlite_raise(uri + 7, rev, reterr);
	return err_set(reterr, ERR_INVALID, "store \"%s\" is neither sqlite:/path/to/file nor etcd://host:port", uri);
}

void store_close(struct store *s)
{
	struct store_history *h = s ? s->history : NULL;

	if (!s)
		return;
	s->ops->close(s);
	store_history_close(h);
}

bool store_decide(struct store_write *w, int64_t now_rev, int64_t now_create_rev,
	int64_t next_rev)
{
	if (w->expect_rev != now_rev || (w->del && !now_rev)) {
		w->rc = -ERR_CONFLICT;
		w->rev = now_rev;
		return false;
	}
	w->rc = 0;
	w->rev = next_rev;
	w->prev_rev = now_rev;
	w->create_rev = now_rev ? now_create_rev : next_rev;
	return true;
}

/* ---- revisions on their way in and out ---- */

static int64_t out(const struct store *s, int64_t rev) { return rev ? rev + s->base_rev : 0; }

/* One from before the store began is none that the backend has. */
static int64_t in(const struct store *s, int64_t rev)
{
	return !rev ? 0 : rev > s->base_rev ? rev - s->base_rev : -1;
}

/* ---- what the follower is told ---- */

static void tell(const struct store *s, const struct store_follower *f, void *arg, const struct store_event *ev)
{
	struct store_event shown = *ev;

	shown.rev += s->base_rev;
	shown.create_rev += s->base_rev;
	f->event(arg, &shown);
}

void store_tell(struct store *s, const struct store_event *ev)
{
	if (ev->rev > s->rev) {
		s->rev = ev->rev;
		if (s->history)
			store_history_wrote(s->history, ev->value ? ev->value->len : 0);
	}
	if (s->follow.event && ev->rev > s->follow_rev) {
		s->follow_rev = ev->rev;
		tell(s, &s->follow, s->follow_arg, ev);
	}
}

void store_progress(struct store *s, int64_t rev)
{
	if (rev > s->rev)
		s->rev = rev;
	if (rev <= s->follow_rev)
		return;
	s->follow_rev = rev;
	if (s->follow.progress)
		s->follow.progress(s->follow_arg, out(s, rev));
}

void store_lost(struct store *s)
{
	if (s->follow.lost)
		s->follow.lost(s->follow_arg);
}

void store_tell_live(struct store *s, const struct store_event *ev)
{
	tell(s, &s->follow, s->follow_arg, ev);
}

void store_found(struct store *s, int64_t rev)
{
	if (rev > s->rev)
		s->rev = rev;
	s->follow_rev = rev;
	if (s->follow.found)
		s->follow.found(s->follow_arg, out(s, rev));
}

void store_complete(struct store *s, struct store_write *w)
{
	if (w->rc == 0) {
		s->writes++;
		s->failing = false;
		store_tell(s, &(struct store_event){
			.rev = w->rev, .create_rev = w->create_rev, .key = w->key, .value = w->value });
	} else if (w->rc == -ERR_CONFLICT) {
		s->conflicts++;
	} else if (w->rc != -ERR_EXPIRED) {
		s->failing = true;
	}
	w->done(w->arg, w->rc, out(s, w->rev));
	blob_unref(w->value);
	free(w);
}

int store_sync(struct store *s, store_sync_fn *done, void *arg)
{
	return s->ops->sync ? s->ops->sync(s, done, arg) : 0;
}

bool store_is_shared(const struct store *s) { return s->ops->sync != NULL; }

/* ---- writing ---- */

static int submit(struct store *s, const char *key, struct blob *value, bool del,
	int64_t expect_rev, const struct store_terms *t, store_done_fn *done, void *arg)
{
	size_t n = strlen(key), more = 0;
	struct store_write *w;
	char *at;
	int r;

	for (size_t i = 0; t && i < STORE_WHILE_MAX; i++) {
		size_t len = t->alive[i].key ? strlen(t->alive[i].key) : 0;

		if (len > STORE_KEY_MAX)
			return -ERR_SIZE;
		more += len + 1;
	}
	if (!n || n > STORE_KEY_MAX || (value && value->len > STORE_VALUE_MAX))
		return -ERR_SIZE;
	w = malloc(sizeof(*w) + n + 1 + more);
	if (!w)
		return -ERR_NOMEM;
	*w = (struct store_write){
		.value = value ? blob_ref(value) : NULL, .expect_rev = in(s, expect_rev), .del = del,
		.done = done, .arg = arg, .key_len = (uint16_t)n,
	};
	memcpy(w->key, key, n + 1);
	w->keep_s = t ? t->keep_s : 0;
	at = w->key + n + 1;
	for (size_t i = 0; t && i < STORE_WHILE_MAX; i++) {
		if (!t->alive[i].key)
			continue;
		w->alive[w->alive_count++] = (struct store_while){ strcpy(at, t->alive[i].key), in(s, t->alive[i].create_rev) };
		at += strlen(at) + 1;
	}
	r = s->ops->write(s, w);
	if (r < 0) {
		blob_unref(w->value);
		free(w);
	}
	return r;
}

int store_put(struct store *s, const char *key, struct blob *value, int64_t expect_rev,
	store_done_fn *done, void *arg)
{
	return submit(s, key, value, false, expect_rev, NULL, done, arg);
}

int store_put_on(struct store *s, const char *key, struct blob *value, int64_t expect_rev,
	const struct store_terms *t, store_done_fn *done, void *arg)
{
	return submit(s, key, value, false, expect_rev, t, done, arg);
}

int store_del(struct store *s, const char *key, int64_t expect_rev,
	store_done_fn *done, void *arg)
{
	return submit(s, key, NULL, true, expect_rev, NULL, done, arg);
}

int store_del_on(struct store *s, const char *key, int64_t expect_rev, const struct store_terms *t,
	store_done_fn *done, void *arg)
{
	return submit(s, key, NULL, true, expect_rev, t, done, arg);
}

struct loading { struct store *s; const struct store_follower *f; void *arg; };

static void load_one(void *arg, const struct store_event *ev)
{
	const struct loading *l = arg;

	tell(l->s, l->f, l->arg, ev);
}

static void load_past(void *arg, int64_t rev)
{
	const struct loading *l = arg;

	l->f->past(l->arg, out(l->s, rev));
}

int store_follow(struct store *s, const struct store_follower *f, void *arg, struct err *reterr)
{
	struct loading l = { s, f, arg };
	int64_t rev;
	int r = f->past && s->ops->load_past ? s->ops->load_past(s, load_one, load_past, &l, &rev, reterr) :
		s->ops->load(s, load_one, &l, &rev, reterr);

	if (r < 0)
		return r;
	/* Writes already durable but not completed yet were part of the load. */
	s->follow = *f;
	s->follow_arg = arg;
	s->follow_rev = rev;
	if (rev > s->rev)
		s->rev = rev;
	return 0;
}

struct ranging { struct store *s; store_range_fn *done; void *arg; };

static void range_out(void *arg, int rc, const struct store_item *items, size_t n, int64_t remaining)
{
	struct ranging *g = arg;
	struct store_item *shown = n ? malloc(n * sizeof(*shown)) : NULL;

	for (size_t i = 0; shown && i < n; i++) {
		shown[i] = items[i];
		shown[i].rev = out(g->s, items[i].rev);
		shown[i].create_rev = out(g->s, items[i].create_rev);
	}
	if (n && !shown)
		g->done(g->arg, -ERR_NOMEM, NULL, 0, 0);
	else
		g->done(g->arg, rc, shown, n, remaining);
	free(shown);
	free(g);
}

int store_range(struct store *s, const char *prefix, const char *start, unsigned limit,
	int64_t rev, store_range_fn *done, void *arg)
{
	struct ranging *g;
	int r;

	if (strlen(prefix) > STORE_KEY_MAX || (start && strlen(start) > STORE_KEY_MAX))
		return -ERR_SIZE;
	if (!start)
		start = "";
	if (!s->base_rev)
		return s->ops->range(s, prefix, start, limit, rev, done, arg);
	g = malloc(sizeof(*g));
	if (!g)
		return -ERR_NOMEM;
	*g = (struct ranging){ s, done, arg };
	r = s->ops->range(s, prefix, start, limit, in(s, rev), range_out, g);
	if (r < 0)
		free(g);
	return r;
}

int store_compact(struct store *s, int64_t rev)
{
	rev = in(s, rev);
	if (rev > s->rev)
		return -ERR_BAD_REQUEST;
	return rev <= s->compacted_rev ? 0 : s->ops->compact(s, rev);
}

struct loop *store_loop(const struct store *s) { return s->loop; }
int64_t store_rev(const struct store *s) { return s->rev + s->base_rev; }
int64_t store_compacted_rev(const struct store *s) { return s->compacted_rev + s->base_rev; }

void store_stats(const struct store *s, struct store_stats *ret)
{
	*ret = (struct store_stats){ .writes = s->writes, .conflicts = s->conflicts, .failing = s->failing };
	s->ops->stats(s, ret);
}
