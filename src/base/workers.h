/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workers - a bounded queue before a few threads, for what may block: fsync,
 * DNS, unpacking, file trees. Completion runs on the loop.
 *
 * Thread: submit and done on the loop thread; run on a worker.
 * Promise: done runs exactly once for every accepted job, in the order the
 * runs ended; workers_close waits for running jobs and runs every done.
 * Tests: tests/unit/base/test_workers.c (also under TSan)
 */
#ifndef BASE_WORKERS_H
#define BASE_WORKERS_H

#include <stddef.h>

struct loop;
struct workers;

int workers_open(struct workers **ret, struct loop *l, const char *name,
	unsigned threads, unsigned queue_max);
void workers_close(struct workers *w);
/* run(arg) on a worker, then done(arg) on the loop (may be NULL).
 * 0, or -ERR_FULL when queue_max jobs wait. */
int workers_submit(struct workers *w, void (*run)(void *arg), void (*done)(void *arg), void *arg);
size_t workers_waiting(const struct workers *w);

#endif
