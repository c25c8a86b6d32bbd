/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctrlog - reading a container's log: entries "TIME STREAM TAG TEXT" as the CRI has them
 * (TAG P: the line goes on in the next entry), filtered, followed as it grows and through
 * its renewals; what was put aside as path.1 is read first.
 *
 * Thread:  loop thread; files are local, read in pieces of CTRLOG_PIECE a turn (where a tail
 *          begins is looked for at once).
 * Promise: write gets whole pieces of output in order; end runs once, then nothing. A renewal
 *          loses nothing and repeats nothing, unless the reader is two behind.
 * Source:  the CRI logging format; kubelet kuberuntime/logs.
 * Tests:   tests/unit/agent/test_ctrlog.c
 */
#ifndef AGENT_CTRLOG_H
#define AGENT_CTRLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct loop;
struct ctrlog;
struct ctrlog_hub;

/* What all followers share: one inotify, of which a user may have few. */
int ctrlog_hub_open(struct ctrlog_hub **ret, struct loop *l);
void ctrlog_hub_close(struct ctrlog_hub *h);      /* no log is open; accepts NULL */

#define CTRLOG_PIECE (32u << 10)
#define CTRLOG_LINE_MAX (256u << 10)   /* a longer entry is passed over; conmon's are far shorter */

struct ctrlog_opts {
	bool follow, timestamps;
	int64_t tail;                  /* last entries only; -1: all */
	int64_t since_us;              /* wall clock; 0: all */
	int64_t limit_bytes;           /* -1: none */
	int stream;                    /* 0: both, 1: stdout, 2: stderr */
};
/* write returns false when the reader wants no more until ctrlog_more(). */
int ctrlog_open(struct ctrlog **ret, struct ctrlog_hub *h, const char *path, const struct ctrlog_opts *o,
	bool (*write)(void *arg, const char *p, size_t n), void (*end)(void *arg), void *arg);
void ctrlog_more(struct ctrlog *l);
/* Nothing is written to the file any more: end comes when all of it is read. */
void ctrlog_finish(struct ctrlog *l);
void ctrlog_close(struct ctrlog *l);       /* end does not run */

/* Text of the last lines, at most max bytes of it, into out. */
void ctrlog_tail(struct buf *out, const char *path, unsigned lines, size_t max);

#endif
