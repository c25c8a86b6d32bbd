/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workers - jobs wait in `queue`, end in `ended`; both under one lock. An
 * eventfd of our own tells the loop, so that no completion can be lost to a
 * failed allocation.
 */
#include "base/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/loop.h"

struct job {
	struct job *next;
	void (*run)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

struct jobs {
	struct job *head, **tail;
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct jobs queue, ended;
	size_t waiting;
	unsigned queue_max, threads;
	bool stop;
	int evfd;
	struct loop_fd *watch;
	char name[16];
	pthread_t thread[];
};

static void jobs_init(struct jobs *q)
{
	q->head = NULL;
	q->tail = &q->head;
}

static void jobs_add(struct jobs *q, struct job *j)
{
	j->next = NULL;
	*q->tail = j;
	q->tail = &j->next;
}

static struct job *jobs_take(struct jobs *q)
{
	struct job *j = q->head;

	if (j && !(q->head = j->next))
		q->tail = &q->head;
	return j;
}

static void *work(void *arg)
{
	struct workers *w = arg;
	struct job *j;

	pthread_setname_np(pthread_self(), w->name);
	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!(j = jobs_take(&w->queue)) && !w->stop)
			pthread_cond_wait(&w->wake, &w->lock);
		if (!j)
			break;
		w->waiting--;
		pthread_mutex_unlock(&w->lock);
		j->run(j->arg);
		pthread_mutex_lock(&w->lock);
		if (!w->ended.head) {
			uint64_t one = 1;
			ssize_t n = write(w->evfd, &one, sizeof(one));

			(void)n;   /* fails only when the counter is full: it is awake */
		}
		jobs_add(&w->ended, j);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void run_done(struct workers *w)
{
	struct job *j, *next;

	pthread_mutex_lock(&w->lock);
	j = w->ended.head;
	jobs_init(&w->ended);
	pthread_mutex_unlock(&w->lock);
	for (; j; j = next) {
		next = j->next;
		if (j->done)
			j->done(j->arg);
		free(j);
	}
}

static void jobs_ended(void *arg, uint32_t events)
{
	struct workers *w = arg;
	uint64_t n;

	if (read(w->evfd, &n, sizeof(n)) > 0)
		run_done(w);
}

static void stop_threads(struct workers *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->wake);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->threads; i++)
		pthread_join(w->thread[i], NULL);
}

static void release(struct workers *w)
{
	loop_fd_del(w->watch);
	if (w->evfd >= 0)
		close(w->evfd);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int workers_open(struct workers **ret, struct loop *l, const char *name,
	unsigned threads, unsigned queue_max)
{
	struct workers *w = calloc(1, sizeof(*w) + threads * sizeof(w->thread[0]));
	sigset_t all, old;

	if (!w)
		return -ERR_NOMEM;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	jobs_init(&w->queue);
	jobs_init(&w->ended);
	w->queue_max = queue_max;
	snprintf(w->name, sizeof(w->name), "%s", name);
	w->evfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->evfd >= 0)
		w->watch = loop_fd_add(l, w->evfd, EPOLLIN, jobs_ended, w);
	if (!w->watch) {
		release(w);
		return -ERR_IO;
	}
	/* Signals belong to the loop thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (w->threads < threads &&
	       pthread_create(&w->thread[w->threads], NULL, work, w) == 0)
		w->threads++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (w->threads < threads) {
		stop_threads(w);
		release(w);
		return -ERR_IO;
	}
	*ret = w;
	return 0;
}

void workers_close(struct workers *w)
{
	if (!w)
		return;
	stop_threads(w);
	while (w->ended.head)
		run_done(w);
	release(w);
}

int workers_submit(struct workers *w, void (*run)(void *arg), void (*done)(void *arg), void *arg)
{
	struct job *j = malloc(sizeof(*j));
	bool full;

	if (!j)
		return -ERR_NOMEM;
	*j = (struct job){ .run = run, .done = done, .arg = arg };
	pthread_mutex_lock(&w->lock);
	full = w->stop || w->waiting >= w->queue_max;
	if (!full) {
		jobs_add(&w->queue, j);
		w->waiting++;
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&w->lock);
	if (full)
		free(j);
	return full ? -ERR_FULL : 0;
}

size_t workers_waiting(const struct workers *w)
{
	struct workers *mutable_w = (struct workers *)w;
	size_t n;

	pthread_mutex_lock(&mutable_w->lock);
	n = w->waiting;
	pthread_mutex_unlock(&mutable_w->lock);
	return n;
}
