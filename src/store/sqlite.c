/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite - the log in one SQLite file, written by one thread.
 *
 *   loop thread                      writer thread
 *   write: append to `queue`   -->   take a group, one transaction, fsync
 *   finished: complete each    <--   append it to `finished`, ring the eventfd
 *
 * Whatever arrives while a group is being made durable is the next group, so that
 * groups grow with the load and one lone write waits for nobody. Between groups
 * the writer sweeps and shrinks, a few milliseconds at a time; while it has writes, sweeping
 * goes along in their transactions. The WAL is copied by a thread of its own. Ranges run on a reader
 * thread with a connection of its own.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "base/loop.h"
#include "base/workers.h"
#include "store/sqlite_priv.h"

#define LOG_MODULE "store"
#include "base/log.h"

enum {
	GROUP_MAX = 512, GROUP_BYTES_MAX = 8 << 20,
	QUEUE_BYTES_MAX = 256 << 20,
	COMPLETE_MAX = 64,             /* writes completed in one turn of the loop */
	RANGES_MAX = 256,
	SWEEP_ROWS = 256,              /* in a transaction of its own */
	SHRINK_PAGES = 64,
	WAL_COPY_PAGES = 1000,         /* copied beside the writes; */
	WAL_REST_PAGES = 256,          /* what came meanwhile by the writer, so that it begins anew; */
	WAL_MAX_PAGES = 6000,          /* all of it, when copying falls behind */
	REST_MS = 1000,                /* without work: the burst is over, and the use of its pages */
	COMPLAIN_MS = 5000,
};

struct writes {
	struct store_write *head, **tail;
};

struct sqlite {
	struct store base;
	char *path;
	int lock_fd, evfd;
	struct loop_fd *watch;
	pthread_t thread;
	bool started;

	/* loop thread */
	struct writes completing;
	size_t pending, pending_max, pending_bytes;
	struct workers *readers;
	struct sqlite_log reader;      /* used by the one reader thread */

	pthread_mutex_t lock;          /* over the next block */
	pthread_cond_t wake;
	struct writes queue, finished;
	int64_t compact_rev;
	int copied_pages;              /* -1: no copy has ended since */
	struct err copy_err;
	bool stop;

	/* writer thread */
	struct sqlite_log writer;
	int64_t rev, forgotten_rev, swept_rev;
	int64_t failed_rev;            /* compaction towards it failed: wait for the next */
	bool shrinking, copying;
	bool warm;                     /* pages are cached */
	int wal_pages;
	struct sqlite_checkpointer *checkpointer;
	int64_t complained_ms;

	_Atomic uint64_t groups;
};

static struct sqlite *sqlite_of(const struct store *s) { return (struct sqlite *)(void *)s; }

static void writes_init(struct writes *q)
{
	q->head = NULL;
	q->tail = &q->head;
}

static void writes_add(struct writes *q, struct store_write *w)
{
	w->next = NULL;
	*q->tail = w;
	q->tail = &w->next;
}

static struct store_write *writes_take(struct writes *q)
{
	struct store_write *w = q->head;

	if (w && !(q->head = w->next))
		q->tail = &q->head;
	return w;
}

/* from, which is not empty, goes behind to. */
static void writes_move(struct writes *to, struct writes *from)
{
	*to->tail = from->head;
	to->tail = from->tail;
	writes_init(from);
}

/* ---- writer thread ---- */

/* A full disk would otherwise say so hundreds of times a second. */
static void complain(struct sqlite *s, const struct err *e)
{
	int64_t now = env_now_ms();

	if (s->complained_ms && now - s->complained_ms < COMPLAIN_MS)
		return;
	s->complained_ms = now;
	log_error("%s", e->msg);
}

static unsigned take_group(struct sqlite *s, struct writes *group)
{
	unsigned n = 0;
	size_t bytes = 0;

	while (s->queue.head && n < GROUP_MAX && bytes < GROUP_BYTES_MAX) {
		struct store_write *w = writes_take(&s->queue);

		n++;
		bytes += w->value ? w->value->len : 0;
		writes_add(group, w);
	}
	return n;
}

static bool sweep_due(const struct sqlite *s, int64_t compact_rev)
{
	return s->swept_rev < s->forgotten_rev && compact_rev != s->failed_rev;
}

/* Write a group, or nothing, and sweep as much as keeps up with it. */
static int commit(struct sqlite *s, struct store_write *group, unsigned n, int64_t compact_rev, struct err *reterr)
{
	struct sqlite_sweep sweep = { s->swept_rev, s->forgotten_rev, group ? n + n / 4 + 16 : SWEEP_ROWS };
	int r;

	if (!sweep_due(s, compact_rev))
		return group ? sqlite_log_commit(&s->writer, group, &s->rev, NULL, reterr) : 0;
	r = sqlite_log_commit(&s->writer, group, &s->rev, &sweep, reterr);
	if (r < 0) {           /* the writes shall not suffer for it */
		s->failed_rev = compact_rev;
		return group ? sqlite_log_commit(&s->writer, group, &s->rev, NULL, reterr) : r;
	}
	s->swept_rev = sweep.swept;
	s->shrinking = s->swept_rev == s->forgotten_rev;
	return 0;
}

static void commit_group(struct sqlite *s, struct writes *group, unsigned n_writes, int64_t compact_rev)
{
	struct err e;
	uint64_t one = 1;
	ssize_t n;

	if (commit(s, group->head, n_writes, compact_rev, &e) < 0) {
		for (struct store_write *w = group->head; w; w = w->next) {
			w->rc = -ERR_IO;
			w->rev = 0;
		}
		complain(s, &e);
	}
	s->groups++;
	pthread_mutex_lock(&s->lock);
	writes_move(&s->finished, group);
	pthread_mutex_unlock(&s->lock);
	n = write(s->evfd, &one, sizeof(one));
	(void)n;   /* fails only when the counter is full: it is awake */
}

static void checkpoint(struct sqlite *s)
{
	struct err e;
	int rc = sqlite3_wal_checkpoint_v2(s->writer.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

	/* A reader in the way is no error; the next checkpoint gets further. */
	s->wal_pages = 0;
	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY) {
		sqlite_failed(s->writer.db, s->path, "checkpoint", &e);
		complain(s, &e);
	}
}

static int note_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct sqlite *s = arg;

	s->wal_pages = pages;
	return SQLITE_OK;
}

static void copied(void *arg, int pages, const struct err *e)
{
	struct sqlite *s = arg;

	pthread_mutex_lock(&s->lock);
	s->copied_pages = pages;
	s->copy_err = *e;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

/* A copy of the WAL has ended. Only when all of it is in the file, the next write begins
 * it anew; so what was written meanwhile is copied at once, when it is little. */
static void copy_ended(struct sqlite *s, int pages, const struct err *e)
{
	int rest = s->wal_pages - pages;

	s->copying = false;
	if (e->code)
		complain(s, e);
	if (e->code || rest <= 0)
		s->wal_pages = 0;
	else if (rest <= WAL_REST_PAGES)
		checkpoint(s);
}

/* One small piece of upkeep; false: none is due. */
static bool upkeep(struct sqlite *s, int64_t compact_rev, bool idle)
{
	struct err e;
	int r = 0;

	if (s->wal_pages >= WAL_MAX_PAGES) {
		checkpoint(s);
	} else if (s->wal_pages >= WAL_COPY_PAGES && !s->copying) {
		s->copying = true;
		sqlite_checkpointer_ask(s->checkpointer);
	} else if (s->forgotten_rev < compact_rev && compact_rev != s->failed_rev) {
		r = sqlite_log_forget(&s->writer, compact_rev, &e);
		if (r == 0)
			s->forgotten_rev = compact_rev;
	} else if (sweep_due(s, compact_rev) && idle) {
		r = commit(s, NULL, 0, compact_rev, &e);
	} else if (s->shrinking && idle) {
		r = sqlite_log_shrink(&s->writer, SHRINK_PAGES, &s->shrinking, &e);
		if (!s->shrinking)   /* only a checkpoint cuts the file */
			s->wal_pages = WAL_COPY_PAGES;
	} else {
		return false;
	}
	if (r < 0) {
		s->failed_rev = compact_rev;
		complain(s, &e);
	}
	return true;
}

/* Under the lock, until there is something to do. What a burst has read and written is kept for its
 * next write, and given back when none comes. */
static void wait_for_work(struct sqlite *s, int64_t compact_rev)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += REST_MS / 1000;
	while (!s->queue.head && !s->stop && s->compact_rev == compact_rev && s->copied_pages < 0) {
		if (!s->warm) {
			pthread_cond_wait(&s->wake, &s->lock);
		} else if (pthread_cond_timedwait(&s->wake, &s->lock, &until) == ETIMEDOUT) {
			s->warm = false;
			pthread_mutex_unlock(&s->lock);
			sqlite3_db_release_memory(s->writer.db);
			pthread_mutex_lock(&s->lock);
		}
	}
}

static void *write_all(void *arg)
{
	struct sqlite *s = arg;
	int64_t compact_rev = 0;
	bool busy = true;

	pthread_setname_np(pthread_self(), "store-writer");
	pthread_mutex_lock(&s->lock);
	for (;;) {
		struct writes group;
		struct err copy_err;
		int copied_pages;
		unsigned n;
		bool stop;

		if (!busy)
			wait_for_work(s, compact_rev);
		writes_init(&group);
		n = take_group(s, &group);
		copied_pages = s->copied_pages;
		copy_err = s->copy_err;
		s->copied_pages = -1;
		compact_rev = s->compact_rev;
		stop = s->stop;
		pthread_mutex_unlock(&s->lock);
		if (!group.head && stop) {
			/* What was promised to be forgotten stays so; the sweep can wait. */
			while (s->forgotten_rev < compact_rev && upkeep(s, compact_rev, false))
				;
			return NULL;
		}
		busy = s->warm = true;
		if (group.head)
			commit_group(s, &group, n, compact_rev);
		if (copied_pages >= 0)
			copy_ended(s, copied_pages, &copy_err);
		if (!stop)
			busy = upkeep(s, compact_rev, !group.head) || group.head;
		pthread_mutex_lock(&s->lock);
	}
}

/* ---- loop thread ---- */

static void complete(struct sqlite *s, size_t max)
{
	struct store_write *w;
	uint64_t n;

	if (!s->completing.head) {
		pthread_mutex_lock(&s->lock);
		/* Under the lock: a group finished after this rings again. */
		if (read(s->evfd, &n, sizeof(n)) < 0)
			n = 0;
		if (s->finished.head)
			writes_move(&s->completing, &s->finished);
		pthread_mutex_unlock(&s->lock);
	}
	while (max-- && (w = writes_take(&s->completing))) {
		s->pending--;
		s->pending_bytes -= w->value ? w->value->len : 0;
		store_complete(&s->base, w);
	}
	/* Not done: ring for the next turn, after other sockets had theirs. */
	n = 1;
	if (s->completing.head && write(s->evfd, &n, sizeof(n)) < 0)
		log_debug("the completion bell is at its end");
}

static void finished(void *arg, uint32_t events) { complete(arg, COMPLETE_MAX); }

static int sqlite_write(struct store *base, struct store_write *w)
{
	struct sqlite *s = sqlite_of(base);
	size_t bytes = w->value ? w->value->len : 0;

	if (s->pending >= STORE_QUEUE_MAX || s->pending_bytes + bytes > QUEUE_BYTES_MAX)
		return -ERR_FULL;
	s->pending_bytes += bytes;
	if (++s->pending > s->pending_max)
		s->pending_max = s->pending;
	pthread_mutex_lock(&s->lock);
	writes_add(&s->queue, w);
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static int sqlite_load(struct store *base, store_load_fn *fn, void *arg, int64_t *ret_rev,
	struct err *reterr)
{
	struct sqlite *s = sqlite_of(base);
	struct sqlite_log g;
	sqlite3 *db;
	int r;

	/* A connection of its own: the reader thread may be using the other. */
	r = sqlite_file_open_reader(&db, s->path, reterr);
	if (r < 0)
		return r;
	r = sqlite_log_open_reader(&g, db, s->path, reterr);
	if (r < 0)
		return r;
	r = sqlite_log_load(&g, fn, arg, ret_rev, reterr);
	sqlite_log_close(&g);
	return r;
}

static int sqlite_load_past(struct store *base, store_load_fn *fn, store_past_fn *past, void *arg, int64_t *ret_rev,
	struct err *reterr)
{
	struct sqlite *s = sqlite_of(base);
	sqlite3 *db;
	int r = sqlite_file_open_reader(&db, s->path, reterr);

	if (r < 0)
		return r;
	r = sqlite_past_load(db, s->path, fn, past, arg, ret_rev, reterr);
	sqlite3_close(db);
	return r;
}

struct range_job {
	struct sqlite *s;
	unsigned limit;
	int64_t rev;
	int rc;
	struct sqlite_items items;
	store_range_fn *done;
	void *arg;
	char prefix[STORE_KEY_MAX + 1], start[STORE_KEY_MAX + 1];
};

static void range_run(void *arg)
{
	struct range_job *j = arg;
	struct err e = { 0 };

	if (j->rc)
		return;
	j->rc = sqlite_log_range(&j->s->reader, j->prefix, j->start, j->limit, j->rev, &j->items, &e);
	if (j->rc < 0 && e.code)
		log_error("%s", e.msg);
}

static void range_done(void *arg)
{
	struct range_job *j = arg;

	if (j->rc < 0)
		j->done(j->arg, j->rc, NULL, 0, 0);
	else
		j->done(j->arg, 0, j->items.v, j->items.n, j->items.remaining);
	sqlite_items_finish(&j->items);
	free(j);
}

static int sqlite_range(struct store *base, const char *prefix, const char *start, unsigned limit,
	int64_t rev, store_range_fn *done, void *arg)
{
	struct sqlite *s = sqlite_of(base);
	struct range_job *j = malloc(sizeof(*j));
	int r;

	if (!j)
		return -ERR_NOMEM;
	*j = (struct range_job){ .s = s, .limit = limit, .rev = rev, .done = done, .arg = arg };
	if (rev && rev < base->compacted_rev)
		j->rc = -ERR_EXPIRED;
	strcpy(j->prefix, prefix);
	strcpy(j->start, start);
	r = workers_submit(s->readers, range_run, range_done, j);
	if (r < 0)
		free(j);
	return r;
}

static int sqlite_compact(struct store *base, int64_t rev)
{
	struct sqlite *s = sqlite_of(base);

	base->compacted_rev = rev;
	pthread_mutex_lock(&s->lock);
	s->compact_rev = rev;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static void sqlite_stats(const struct store *base, struct store_stats *ret)
{
	const struct sqlite *s = sqlite_of(base);
	struct stat st;

	ret->groups = s->groups;
	ret->queue = s->pending;
	ret->queue_max = s->pending_max;
	ret->size_bytes = stat(s->path, &st) == 0 ? st.st_size : 0;
}

static void release(struct sqlite *s)
{
	sqlite_checkpointer_close(s->checkpointer);
	sqlite_log_close(&s->reader);
	if (s->writer.db)   /* leave one file behind, not three */
		sqlite3_wal_checkpoint_v2(s->writer.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite_log_close(&s->writer);
	loop_fd_del(s->watch);
	if (s->evfd >= 0)
		close(s->evfd);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

static void sqlite_close(struct store *base)
{
	struct sqlite *s = sqlite_of(base);

	/* A done may write again: until nothing is pending. */
	while (s->pending) {
		struct pollfd bell = { .fd = s->evfd, .events = POLLIN };

		if (poll(&bell, 1, -1) > 0)
			complete(s, SIZE_MAX);
	}
	workers_close(s->readers);
	if (s->started) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->wake);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
	}
	release(s);
}

static const struct store_ops sqlite_ops = {
	sqlite_close, sqlite_write, sqlite_load, sqlite_range, sqlite_compact, sqlite_stats, NULL, sqlite_load_past,
};

int store_sqlite_open(struct store **ret, struct loop *l, const char *path, struct err *reterr)
{
	struct sqlite *s = calloc(1, sizeof(*s));
	struct sqlite_meta meta;
	pthread_condattr_t attr;
	sqlite3 *db;
	int r;

	if (!s || !(s->path = strdup(path))) {
		free(s);
		return err_set(reterr, ERR_NOMEM, "open %s: out of memory", path);
	}
	s->base.ops = &sqlite_ops;
	s->base.loop = l;
	s->lock_fd = -1;
	writes_init(&s->queue);
	writes_init(&s->finished);
	writes_init(&s->completing);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	s->evfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->watch = s->evfd < 0 ? NULL : loop_fd_add(l, s->evfd, EPOLLIN, finished, s);
	if (!s->watch) {
		r = err_errno(reterr, "open %s: eventfd", path);
		goto fail;
	}
	if ((r = sqlite_file_lock(path, &s->lock_fd, reterr)) < 0 ||
	    (r = sqlite_file_open(&db, path, &meta, reterr)) < 0 ||
	    (r = sqlite_log_open_writer(&s->writer, db, s->path, reterr)) < 0 ||
	    (r = sqlite_file_open_reader(&db, path, reterr)) < 0 ||
	    (r = sqlite_log_open_reader(&s->reader, db, s->path, reterr)) < 0 ||
	    (r = sqlite_checkpointer_open(&s->checkpointer, s->path, copied, s, reterr)) < 0)
		goto fail;
	sqlite3_wal_hook(s->writer.db, note_wal, s);
	s->rev = s->base.rev = meta.rev;
	s->base.compacted_rev = s->compact_rev = s->forgotten_rev = meta.compacted_rev;
	s->swept_rev = meta.swept_rev;
	s->failed_rev = -1;
	s->copied_pages = -1;
	r = workers_open(&s->readers, l, "store-reader", 1, RANGES_MAX);
	if (r < 0) {
		err_set(reterr, -r, "open %s: start its reader", path);
		goto fail;
	}
	r = sqlite_start_thread(&s->thread, write_all, s, reterr);
	s->started = r == 0;
	if (r < 0) {
		workers_close(s->readers);
		goto fail;
	}
	*ret = &s->base;
	return 0;
fail:
	release(s);
	return r;
}
