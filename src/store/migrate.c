/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate - two stores are walked side by side in the order of their keys, and what differs
 * is written to the target: so it does not matter how far an earlier try came.
 *
 *   mark the target -> raise its revisions -> copy -> compare digests -> take the mark away
 */
#include "store/migrate.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/loop.h"
#include "store/store_priv.h"

enum { PAGE_KEYS = 1000, AHEAD_MAX = 512, AHEAD_BYTES = 8 << 20, TELL_KEYS = 10000, URI_SHOWN = 500 };

/* ---- one store, walked ---- */

struct entry { char *key; int64_t rev; struct blob *value; };

struct walk {
	struct store *s;
	const char *uri;
	int64_t rev;                   /* 0: what is newest */
	struct entry *v;
	size_t n, at;
	bool last, came;
	int rc;
	char start[STORE_KEY_MAX + 2];
};

static void drop_page(struct walk *w)
{
	for (size_t i = 0; i < w->n; i++) {
		free(w->v[i].key);
		blob_unref(w->v[i].value);
	}
	free(w->v);
	w->v = NULL;
	w->n = w->at = 0;
}

static void on_page(void *arg, int rc, const struct store_item *items, size_t n, int64_t remaining)
{
	struct walk *w = arg;

	w->came = true;
	w->rc = rc;
	w->last = !remaining;
	w->v = calloc(n + 1, sizeof(*w->v));
	for (; w->v && w->n < n; w->n++) {
		struct entry *e = &w->v[w->n];

		*e = (struct entry){ strdup(items[w->n].key), items[w->n].rev, blob_ref(items[w->n].value) };
		if (!e->key) {
			blob_unref(e->value);
			break;
		}
	}
	if (!rc && w->n < n)
		w->rc = -ERR_NOMEM;
}

static int read_page(struct walk *w, struct err *reterr)
{
	drop_page(w);
	w->came = false;
	w->rc = store_range(w->s, "", w->start, PAGE_KEYS, w->rev, on_page, w);
	while (!w->rc && !w->came)
		loop_turn(store_loop(w->s), -1);
	if (w->rc)
		return err_set(reterr, -w->rc, "read %.*s: %s", URI_SHOWN, w->uri, err_text(w->rc));
	if (w->n)                      /* nothing that is used sorts between x and x\1 */
		snprintf(w->start, sizeof(w->start), "%s\001", w->v[w->n - 1].key);
	return 0;
}

static void begin(struct walk *w, struct store *s, const char *uri, int64_t rev)
{
	*w = (struct walk){ .s = s, .uri = uri, .rev = rev };
}

/* The entry that the walk stands on, NULL at its end. The mark is none. */
static int peek(struct walk *w, struct entry **ret, struct err *reterr)
{
	for (;;) {
		int r;

		if (w->at < w->n && strcmp(w->v[w->at].key, STORE_UNFINISHED_KEY)) {
			*ret = &w->v[w->at];
			return 0;
		}
		if (w->at < w->n) {
			w->at++;
			continue;
		}
		*ret = NULL;
		if (w->last)
			return 0;
		r = read_page(w, reterr);
		if (r < 0)
			return r;
	}
}

/* ---- writing ahead ---- */

struct job {
	struct loop *loop;
	struct store *from, *to;
	const char *from_uri, *to_uri;
	struct store_options opt;
	void (*tell)(int64_t keys);
	struct store_migrated *ret;
	bool changed;                  /* the source, meanwhile */
	size_t ahead, ahead_bytes;
	int rc;                        /* of the first write that failed */
};

struct write { struct job *j; size_t bytes; };

static void on_written(void *arg, int rc, int64_t rev)
{
	struct write *w = arg;

	w->j->ahead--;
	w->j->ahead_bytes -= w->bytes;
	w->j->ret->written += !rc;
	if (rc && !w->j->rc)
		w->j->rc = rc;
	free(w);
}

static int wait_for_writes(struct job *j, size_t ahead_max, size_t bytes_max, struct err *reterr)
{
	while (j->ahead > ahead_max || j->ahead_bytes > bytes_max)
		loop_turn(j->loop, -1);
	if (j->rc)
		return err_set(reterr, -j->rc, "write to %.*s: %s; the same command goes on from here", URI_SHOWN, j->to_uri,
			err_text(j->rc));
	return 0;
}

/* value NULL: delete. */
static int write_one(struct job *j, const char *key, struct blob *value, int64_t expect_rev, struct err *reterr)
{
	struct write *w = malloc(sizeof(*w));
	int r;

	if (!w)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	*w = (struct write){ j, value ? value->len : 0 };
	r = value ? store_put(j->to, key, value, expect_rev, on_written, w) : store_del(j->to, key, expect_rev, on_written, w);
	if (r < 0) {
		free(w);
		return err_set(reterr, -r, "write to %.*s: %s", URI_SHOWN, j->to_uri, err_text(r));
	}
	j->ahead++;
	j->ahead_bytes += w->bytes;
	return wait_for_writes(j, AHEAD_MAX, AHEAD_BYTES, reterr);
}

static bool same(const struct blob *a, const struct blob *b)
{
	return a->len == b->len && !memcmp(a->p, b->p, a->len);
}

static int copy_all(struct job *j, struct walk *f, struct walk *t, struct err *reterr)
{
	struct entry *a, *b;
	int64_t seen = 0;

	for (;;) {
		int order, r;

		if ((r = peek(f, &a, reterr)) < 0 || (r = peek(t, &b, reterr)) < 0)
			return r;
		if (!a && !b)
			return wait_for_writes(j, 0, 0, reterr);
		order = !a ? 1 : !b ? -1 : strcmp(a->key, b->key);
		if (order < 0)
			r = write_one(j, a->key, a->value, 0, reterr);
		else if (order > 0)
			r = write_one(j, b->key, NULL, b->rev, reterr);
		else if (!same(a->value, b->value))
			r = write_one(j, a->key, a->value, b->rev, reterr);
		if (r < 0)
			return r;
		f->at += order <= 0;
		t->at += order >= 0;
		if (order <= 0 && ++seen % TELL_KEYS == 0 && j->tell)
			j->tell(seen);
	}
}

static int copy(struct job *j, struct err *reterr)
{
	struct walk f, t;
	int r;

	begin(&f, j->from, j->from_uri, j->ret->from_rev);
	begin(&t, j->to, j->to_uri, store_rev(j->to));   /* what is written now is not met again */
	r = copy_all(j, &f, &t, reterr);
	if (r < 0)
		(void)wait_for_writes(j, 0, 0, NULL);
	drop_page(&f);
	drop_page(&t);
	return r;
}

/* ---- comparing ---- */

static int digest(struct store *s, const char *uri, struct store_migrated *ret, struct err *reterr)
{
	EVP_MD_CTX *sum = EVP_MD_CTX_new();
	struct entry *e = NULL;
	struct walk w;
	int r;

	if (!sum || EVP_DigestInit_ex(sum, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(sum);
		return err_set(reterr, ERR_NOMEM, "out of memory");
	}
	ret->keys = ret->bytes = 0;
	begin(&w, s, uri, 0);
	while (!(r = peek(&w, &e, reterr)) && e) {
		uint64_t len = e->value->len;

		EVP_DigestUpdate(sum, e->key, strlen(e->key) + 1);
		EVP_DigestUpdate(sum, &len, sizeof(len));
		EVP_DigestUpdate(sum, e->value->p, e->value->len);
		ret->keys++;
		ret->bytes += (int64_t)e->value->len;
		w.at++;
	}
	EVP_DigestFinal_ex(sum, ret->sha256, NULL);
	EVP_MD_CTX_free(sum);
	drop_page(&w);
	return r;
}

static int compare(struct job *j, struct err *reterr)
{
	struct store_migrated source = { 0 };
	int r;

	if ((r = digest(j->from, j->from_uri, &source, reterr)) < 0 ||
	    (r = digest(j->to, j->to_uri, j->ret, reterr)) < 0)
		return r;
	if (source.keys == j->ret->keys && !memcmp(source.sha256, j->ret->sha256, sizeof(source.sha256)))
		return 0;
	return err_set(reterr, ERR_CONFLICT, "what %.*s holds (%lld objects) is not what %.*s has now (%lld): the source was "
		"written to meanwhile; stop every server on it and run the same command again", URI_SHOWN, j->to_uri,
		(long long)j->ret->keys, URI_SHOWN, j->from_uri, (long long)source.keys);
}

/* ---- the source rests ---- */

struct quiet { struct job *j; bool loading; };

static void on_change(void *arg, const struct store_event *ev)
{
	struct quiet *q = arg;

	q->j->changed |= !q->loading;
}

static void on_gap(void *arg) { ((struct quiet *)arg)->j->changed = true; }
static void on_time(void *arg) { *(bool *)arg = true; }

static int still(const struct job *j, struct err *reterr)
{
	if (!j->changed)
		return 0;
	return err_set(reterr, ERR_CONFLICT, "%.*s is being written to: a server runs on it; stop every one, then run this again",
		URI_SHOWN, j->from_uri);
}

/* One that only this program can write rests; another is looked at for a while, and until
 * the end. */
static int watch_source(struct job *j, struct quiet *q, struct err *reterr)
{
	const struct store_follower f = { .event = on_change, .lost = on_gap };
	struct loop_timer timer;
	bool over = false;
	int r;

	if (!store_is_shared(j->from))
		return 0;
	*q = (struct quiet){ j, true };
	r = store_follow(j->from, &f, q, reterr);
	if (r < 0)
		return r;
	q->loading = false;
	loop_timer_init(&timer, j->loop, on_time, &over);
	loop_timer_set(&timer, STORE_QUIET_MS);
	while (!over && !j->changed)
		loop_turn(j->loop, -1);
	loop_timer_stop(&timer);
	return still(j, reterr);
}

/* ---- the mark ---- */

static int find_mark(struct store *s, const char *uri, struct entry **ret, struct walk *w, struct err *reterr)
{
	begin(w, s, uri, 0);
	snprintf(w->start, sizeof(w->start), "%s", STORE_UNFINISHED_KEY);
	*ret = NULL;
	if (read_page(w, reterr) < 0)
		return w->rc;
	if (w->n && !strcmp(w->v[0].key, STORE_UNFINISHED_KEY))
		*ret = &w->v[0];
	return 0;
}

int store_is_whole(struct store *s, struct err *reterr)
{
	struct entry *mark;
	struct walk w;
	int r = find_mark(s, "the store", &mark, &w, reterr);

	if (!r && mark)
		r = err_set(reterr, ERR_CONFLICT, "the store holds an unfinished migration from %.*s: run that sampan store migrate "
			"again, it goes on where it stopped", (int)(mark->value->len > URI_SHOWN ? URI_SHOWN : mark->value->len),
			mark->value->p);
	drop_page(&w);
	return r;
}

/* The target is empty and gets its mark, or has that of this very work. */
static int mark(struct job *j, struct err *reterr)
{
	BLOB_AUTO struct blob *from = blob_new(j->from_uri, strlen(j->from_uri));
	struct entry *mark, *other = NULL;
	struct walk w;
	int r = find_mark(j->to, j->to_uri, &mark, &w, reterr);

	if (!r && mark && !same(mark->value, from))
		r = err_set(reterr, ERR_CONFLICT, "%.*s holds an unfinished migration from %.*s: finish that, or empty it",
			URI_SHOWN, j->to_uri, (int)(mark->value->len > URI_SHOWN ? URI_SHOWN : mark->value->len), mark->value->p);
	drop_page(&w);
	if (r < 0 || mark)
		return r;
	begin(&w, j->to, j->to_uri, 0);
	r = peek(&w, &other, reterr);
	if (!r && other)
		r = err_set(reterr, ERR_CONFLICT, "%.*s is not empty: it holds %s; a migration wants a store of its own",
			URI_SHOWN, j->to_uri, other->key);
	drop_page(&w);
	if (!r)
		r = write_one(j, STORE_UNFINISHED_KEY, from, 0, reterr);
	return r ? r : wait_for_writes(j, 0, 0, reterr);
}

static int unmark(struct job *j, struct err *reterr)
{
	struct entry *mark;
	struct walk w;
	int r = find_mark(j->to, j->to_uri, &mark, &w, reterr);

	if (!r && mark)
		r = write_one(j, STORE_UNFINISHED_KEY, NULL, mark->rev, reterr);
	drop_page(&w);
	return r ? r : wait_for_writes(j, 0, 0, reterr);
}

/* ---- all of it ---- */

/* Opening would make it. */
static int check_uris(const struct job *j, struct err *reterr)
{
	if (!strcmp(j->from_uri, "mem:") || !strcmp(j->to_uri, "mem:"))
		return err_set(reterr, ERR_INVALID, "mem: keeps nothing that could be moved");
	if (!strncmp(j->from_uri, "sqlite:", 7) && !file_exists(j->from_uri + 7))
		return err_set(reterr, ERR_NOT_FOUND, "there is no store %.*s", URI_SHOWN, j->from_uri + 7);
	return 0;
}

static const struct store_options *options_for(const struct job *j, const char *uri)
{
	return strncmp(uri, "etcd:", 5) ? NULL : &j->opt;
}

static int open_target(struct job *j, struct err *reterr)
{
	return store_open(&j->to, j->loop, j->to_uri, options_for(j, j->to_uri), reterr);
}

static int raise_target(struct job *j, struct err *reterr)
{
	int r;

	if (store_rev(j->to) > j->ret->from_rev)
		return 0;
	store_close(j->to);
	j->to = NULL;
	r = store_raise(j->to_uri, options_for(j, j->to_uri), j->ret->from_rev, reterr);
	return r ? r : open_target(j, reterr);
}

static int run(struct job *j, struct quiet *q, struct err *reterr)
{
	int64_t written;
	int r;

	if ((r = check_uris(j, reterr)) < 0 ||
	    (r = store_open(&j->from, j->loop, j->from_uri, options_for(j, j->from_uri), reterr)) < 0 ||
	    (r = store_is_whole(j->from, reterr)) < 0 ||
	    (r = watch_source(j, q, reterr)) < 0)
		return r;
	j->ret->from_rev = store_rev(j->from);
	if ((r = open_target(j, reterr)) < 0 ||
	    (r = mark(j, reterr)) < 0 ||
	    (r = raise_target(j, reterr)) < 0)
		return r;
	j->ret->written = 0;
	if ((r = copy(j, reterr)) < 0)
		return r;
	written = j->ret->written;
	if ((r = compare(j, reterr)) < 0 ||
	    (r = still(j, reterr)) < 0 ||
	    (r = unmark(j, reterr)) < 0)
		return r;
	j->ret->written = written;
	j->ret->to_rev = store_rev(j->to);
	return 0;
}

int store_migrate(struct loop *l, const char *from, const char *to, const struct store_options *opt,
	void (*tell)(int64_t keys), struct store_migrated *ret, struct err *reterr)
{
	struct job j = { .loop = l, .from_uri = from, .to_uri = to, .tell = tell, .ret = ret };
	struct quiet q;
	int r;

	*ret = (struct store_migrated){ 0 };
	if (opt)
		j.opt = *opt;
	r = run(&j, &q, reterr);
	store_close(j.to);
	store_close(j.from);
	return r;
}

int store_begin_again(struct loop *l, const char *uri, const struct store_options *opt, int64_t *ret_rev,
	struct err *reterr)
{
	struct job j = { .loop = l, .from_uri = uri, .to_uri = uri };
	struct quiet q;
	int r;

	if (opt)
		j.opt = *opt;
	if ((r = check_uris(&j, reterr)) < 0)
		return r;
	r = store_open(&j.from, l, uri, options_for(&j, uri), reterr);
	if (!r && !(r = store_is_whole(j.from, reterr)) && !(r = watch_source(&j, &q, reterr)))
		*ret_rev = store_far_above(store_rev(j.from));
	store_close(j.from);
	return r ? r : store_raise(uri, options_for(&j, uri), *ret_rev, reterr);
}
