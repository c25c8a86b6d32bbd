/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_checkpoint - the thread that copies the WAL into the file, by a connection of its
 * own: SQLite lets the writer go on meanwhile, so that no write waits for megabytes.
 */
#include "store/sqlite_priv.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct sqlite_checkpointer {
	sqlite3 *db;
	const char *path;
	sqlite_copied_fn *copied;
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock;          /* over the next two */
	pthread_cond_t wake;
	bool asked, stop;
};

static void *copy_all(void *arg)
{
	struct sqlite_checkpointer *c = arg;

	pthread_setname_np(pthread_self(), "store-copier");
	pthread_mutex_lock(&c->lock);
	for (;;) {
		struct err e = { 0 };
		int rc, pages = 0;

		while (!c->asked && !c->stop)
			pthread_cond_wait(&c->wake, &c->lock);
		if (c->stop)
			break;
		c->asked = false;
		pthread_mutex_unlock(&c->lock);
		rc = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, &pages);
		/* Somebody else at it is no error; the next one gets further. */
		if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
			sqlite_failed(c->db, c->path, "checkpoint", &e);
		c->copied(c->arg, rc == SQLITE_OK ? pages : 0, &e);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

void sqlite_checkpointer_ask(struct sqlite_checkpointer *c)
{
	pthread_mutex_lock(&c->lock);
	c->asked = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

int sqlite_start_thread(pthread_t *ret, void *(*run)(void *), void *arg, struct err *reterr)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);   /* signals belong to the loop thread */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(ret, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = rc;
	return rc == 0 ? 0 : err_errno(reterr, "start a thread of the store");
}

int sqlite_checkpointer_open(struct sqlite_checkpointer **ret, const char *path, sqlite_copied_fn *copied,
	void *arg, struct err *reterr)
{
	struct sqlite_checkpointer *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(reterr, ERR_NOMEM, "open %s: out of memory", path);
	c->path = path;
	c->copied = copied;
	c->arg = arg;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	r = sqlite_file_open_reader(&c->db, path, reterr);
	if (r == 0 && (r = sqlite_start_thread(&c->thread, copy_all, c, reterr)) < 0)
		sqlite3_close(c->db);
	if (r < 0) {
		pthread_cond_destroy(&c->wake);
		pthread_mutex_destroy(&c->lock);
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void sqlite_checkpointer_close(struct sqlite_checkpointer *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	sqlite3_close(c->db);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
