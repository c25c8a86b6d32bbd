/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logrotate - running containers' logs are bounded: one of LOG_MAX_BYTES is put aside as
 * path.1, in the place of the one before it, and conmon goes on in a new file. Until it does
 * it writes to the old one, so nothing is lost.
 *
 *   QUIET --first write (inotify, once)--> looked at again and again, the sooner the faster it
 *     ^------------grew no more---------------'     grows; renewed when it is too large
 *
 * A log that nobody writes to costs nothing; without an agent nothing is bounded.
 * Source: kubelet logs/container_log_manager.go (10 MiB, looked at every 10 s); conmon's ctl.
 * Tests:  tests/node/10_pods.sh
 */
#define LOG_MODULE "pod"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent_priv.h"
#include "base/log.h"

#define LOG_MAX_BYTES (10 << 20)
#define LOOK_FIRST_MS 1000
#define LOOK_MIN_MS 50
#define LOOK_MAX_MS 10000

struct rotator {
	struct agent *a;
	int notify;
	struct loop_fd *watch;
	struct list logs;              /* struct rotated */
};

struct rotated {
	struct list in;
	struct rotator *r;
	char id[CTR_ID_MAX], *path;
	int wd;                        /* -1: not quiet */
	off_t size;                    /* when it was looked at */
	int64_t looked_ms;
	bool renewing;                 /* the new file is not there yet */
	struct loop_timer timer;
};

static void renew(struct rotated *g)
{
	char older[PATH_MAX];

	snprintf(older, sizeof(older), "%s.1", g->path);
	if (rename(g->path, older)) {
		log_warn("%s cannot be put aside and grows on: %s", g->path, strerror(errno));
		return;
	}
	/* conmon is about to end: the log is whole as it was. */
	if (runtime_reopen_log(g->r->a->rt, g->id) && rename(older, g->path))
		log_warn("%s: %s", older, strerror(errno));
	else
		g->renewing = true;
}

/* Nothing is known of how fast it grows: the fuller, the sooner. */
static int64_t first_look_ms(off_t size)
{
	int64_t ms = size < LOG_MAX_BYTES ? LOOK_FIRST_MS * (LOG_MAX_BYTES - size) / LOG_MAX_BYTES : 0;

	return ms < LOOK_MIN_MS ? LOOK_MIN_MS : ms;
}

static void look(void *arg)
{
	struct rotated *g = arg;
	int64_t now = loop_now_ms(g->r->a->loop), took = now - g->looked_ms, wait = first_look_ms(g->size);
	struct stat st;
	off_t grown;

	if (stat(g->path, &st)) {
		/* A runtime without logs: nothing to do. */
		if (g->renewing)
			loop_timer_set(&g->timer, LOOK_MIN_MS);
		return;
	}
	grown = st.st_size < g->size ? st.st_size : st.st_size - g->size;
	g->size = st.st_size;
	g->looked_ms = now;
	g->renewing = false;
	if (!grown) {
		g->wd = inotify_add_watch(g->r->notify, g->path, IN_MODIFY | IN_ONESHOT);
		/* Written to just now: the watch may have come too late for it. */
		if (g->wd >= 0 && !stat(g->path, &st) && st.st_size == g->size)
			return;
		g->wd = -1;
	} else if (took > 0) {
		wait = (g->size < LOG_MAX_BYTES ? LOG_MAX_BYTES - g->size : LOG_MAX_BYTES) / 2 * took / grown;
	}
	if (g->size >= LOG_MAX_BYTES) {
		renew(g);
		g->size = 0;
	}
	loop_timer_set(&g->timer, wait < LOOK_MIN_MS ? LOOK_MIN_MS : wait > LOOK_MAX_MS ? LOOK_MAX_MS : wait);
}

static void written(void *arg, uint32_t events)
{
	_Alignas(struct inotify_event) char p[4096];
	struct rotator *r = arg;
	ssize_t n = read(r->notify, p, sizeof(p));

	(void)events;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *ev = (const void *)(p + at);

		at += (ssize_t)(sizeof(*ev) + ev->len);
		list_each(&r->logs, it) {
			struct rotated *g = list_entry(it, struct rotated, in);

			if (g->wd != ev->wd)
				continue;
			g->wd = -1;
			g->looked_ms = loop_now_ms(r->a->loop);
			loop_timer_set(&g->timer, first_look_ms(g->size));
			break;
		}
	}
}

struct rotated *rotator_add(struct ctr *c)
{
	struct rotator *r = c->pod->a->rotator;
	struct rotated *g = r ? calloc(1, sizeof(*g)) : NULL;
	char path[PATH_MAX];

	log_path(path, sizeof(path), c->pod, c->name, c->attempt);
	if (!g || !(g->path = strdup(path))) {
		free(g);
		return NULL;
	}
	g->r = r;
	g->wd = -1;
	snprintf(g->id, sizeof(g->id), "%s", c->id);
	g->looked_ms = loop_now_ms(r->a->loop);
	loop_timer_init(&g->timer, r->a->loop, look, g);
	loop_timer_set(&g->timer, LOOK_FIRST_MS);
	list_add_tail(&r->logs, &g->in);
	return g;
}

void rotator_del(struct rotated *g)
{
	if (!g)
		return;
	if (g->wd >= 0)
		inotify_rm_watch(g->r->notify, g->wd);
	loop_timer_stop(&g->timer);
	list_del(&g->in);
	free(g->path);
	free(g);
}

int rotator_open(struct rotator **ret, struct agent *a)
{
	struct rotator *r = calloc(1, sizeof(*r));

	if (!r)
		return -ERR_NOMEM;
	r->a = a;
	list_init(&r->logs);
	r->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	r->watch = r->notify < 0 ? NULL : loop_fd_add(a->loop, r->notify, EPOLLIN, written, r);
	*ret = r;
	return r->watch ? 0 : -ERR_IO;
}

void rotator_close(struct rotator *r)
{
	if (!r)
		return;
	list_each(&r->logs, it)
		rotator_del(list_entry(it, struct rotated, in));
	loop_fd_del(r->watch);
	if (r->notify >= 0)
		close(r->notify);
	free(r);
}
