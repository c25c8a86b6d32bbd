/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctrlog - see ctrlog.h. Growth is seen by inotify: nothing polls.
 *
 * A log is two files at most: path, and path.1 with what came before (logrotate.c). Each file
 * is read to its end, and once more when its successor is there: nothing is written to it
 * any more by then.
 */
#include "agent/ctrlog.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"
#include "base/loop.h"
#include "base/text.h"

#define TAIL_STEP (64u << 10)
#define TAIL_BYTES_MAX (64u << 20)     /* how far back a tail is looked for */

struct ctrlog_hub {
	struct loop *loop;
	int notify;
	struct loop_fd *watch;
	struct list followers;
};

struct ctrlog {
	struct list in;                        /* of the hub's followers */
	struct ctrlog_hub *hub;
	struct loop *loop;
	struct ctrlog_opts o;
	bool (*write)(void *arg, const char *p, size_t n);
	void (*end)(void *arg);
	void *arg;
	char *path;
	int fd, next;                          /* next: of the file after fd; -1: not known */
	int grows, renews;                     /* inotify's watches of fd and of its directory; -1: none */
	struct loop_task task;
	struct buf text, out;                  /* read; to be told */
	bool paused, finished, continued;      /* continued: the entry before was a P */
	int64_t left;                          /* of limit_bytes */
};

static bool same_file(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

static int open_older(const char *path)
{
	char older[PATH_MAX];

	snprintf(older, sizeof(older), "%s.1", path);
	return open(older, O_RDONLY | O_CLOEXEC);
}

/* The file that goes on where fd ends; -1: fd is the newest. */
static int open_next(const char *path, int fd)
{
	int newest = open(path, O_RDONLY | O_CLOEXEC), older = open_older(path);

	if (newest >= 0 && same_file(newest, fd)) {
		close(newest);
		newest = -1;
	} else if (older >= 0 && !same_file(older, fd)) {   /* renewed twice since */
		if (newest >= 0)
			close(newest);
		return older;
	}
	if (older >= 0)
		close(older);
	return newest;
}

/* Where the last n entries begin; *ret_missing: how many more there would have to be. */
static off_t tail_start(int fd, int64_t lines, int64_t *ret_missing)
{
	struct stat st;
	off_t end, at;
	int64_t seen = 0;
	char *p;

	*ret_missing = 0;
	if (fstat(fd, &st))
		return 0;
	if (!lines)
		return st.st_size;
	p = malloc(TAIL_STEP);
	end = st.st_size;
	at = end;
	while (p && at > 0 && st.st_size - at < (off_t)TAIL_BYTES_MAX) {
		size_t n = at < (off_t)TAIL_STEP ? (size_t)at : TAIL_STEP;
		ssize_t got = pread(fd, p, n, at - (off_t)n);

		if (got != (ssize_t)n)
			break;
		for (size_t i = n; i-- > 0;)
			if (p[i] == '\n' && at - (off_t)n + (off_t)i + 1 < end && ++seen == lines) {
				at = at - (off_t)n + (off_t)i + 1;
				free(p);
				return at;
			}
		at -= (off_t)n;
	}
	free(p);
	if (!at)
		*ret_missing = lines - seen - (end > 0);
	return at;
}

/* Opens where reading begins: the last `tail` entries, -1: the oldest. -1: no log. */
static int open_begin(const char *path, int64_t tail)
{
	int newest = open(path, O_RDONLY | O_CLOEXEC), older = open_older(path), fd;
	int64_t missing = tail;
	off_t at = 0;

	/* Renamed between the two. */
	if (newest >= 0 && older >= 0 && same_file(newest, older)) {
		close(older);
		older = -1;
	}
	if (newest >= 0 && tail >= 0)
		at = tail_start(newest, tail, &missing);
	fd = older >= 0 && (missing || newest < 0) ? older : newest;
	if (fd == older && fd >= 0 && tail >= 0)
		at = tail_start(older, missing, &missing);
	if (newest >= 0 && newest != fd)
		close(newest);
	if (older >= 0 && older != fd)
		close(older);
	if (fd >= 0)
		lseek(fd, at, SEEK_SET);
	return fd;
}

/* One entry without its newline, to out when it passes. */
static void entry(struct ctrlog *l, const char *line, size_t n)
{
	const char *time_end = memchr(line, ' ', n), *stream_end, *tag_end, *end = line + n;
	bool partial, begins = !l->continued;
	int64_t at;

	stream_end = time_end ? memchr(time_end + 1, ' ', (size_t)(end - time_end - 1)) : NULL;
	tag_end = stream_end ? memchr(stream_end + 1, ' ', (size_t)(end - stream_end - 1)) : NULL;
	if (!tag_end)
		return;
	partial = tag_end - stream_end == 2 && stream_end[1] == 'P';
	l->continued = partial;
	if (l->o.stream && (l->o.stream == 2) != (stream_end - time_end == 7 && !memcmp(time_end + 1, "stderr", 6)))
		return;
	if (l->o.since_us) {
		char text[64];

		if ((size_t)(time_end - line) >= sizeof(text))
			return;
		memcpy(text, line, (size_t)(time_end - line));
		text[time_end - line] = 0;
		if (!text_parse_time(text, &at) && at < l->o.since_us)
			return;
	}
	if (l->o.timestamps && begins) {
		/* UTC as Z, as readers of logs know it */
		size_t t = (size_t)(time_end - line);

		if (t > 6 && !memcmp(time_end - 6, "+00:00", 6)) {
			buf_add(&l->out, line, t - 6);
			buf_addc(&l->out, 'Z');
		} else {
			buf_add(&l->out, line, t);
		}
		buf_addc(&l->out, ' ');
	}
	buf_add(&l->out, tag_end + 1, (size_t)(end - tag_end - 1));
	if (!partial)
		buf_addc(&l->out, '\n');
}

static void take_lines(struct ctrlog *l)
{
	size_t used = 0;
	char *nl;

	while (used < l->text.len && (nl = memchr(l->text.p + used, '\n', l->text.len - used))) {
		entry(l, l->text.p + used, (size_t)(nl - l->text.p) - used);
		used = (size_t)(nl - l->text.p) + 1;
	}
	buf_consume(&l->text, used);
	if (l->text.len > CTRLOG_LINE_MAX)
		buf_clear(&l->text);
}

static void end(struct ctrlog *l)
{
	void (*fn)(void *arg) = l->end;
	void *arg = l->arg;

	ctrlog_close(l);
	fn(arg);
}

/* Followers of one file share its watch. */
static void unwatch(struct ctrlog *l, int *wd)
{
	int was = *wd;

	*wd = -1;
	if (was < 0)
		return;
	list_each(&l->hub->followers, at) {
		const struct ctrlog *other = list_entry(at, struct ctrlog, in);

		if (other->grows == was || other->renews == was)
			return;
	}
	inotify_rm_watch(l->hub->notify, was);
}

/* By descriptor: its name may be another by now. */
static void watch_growth(struct ctrlog *l)
{
	char path[64];

	unwatch(l, &l->grows);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", l->fd);
	l->grows = inotify_add_watch(l->hub->notify, path, IN_MODIFY);
}

static void go_on(struct ctrlog *l)
{
	close(l->fd);
	l->fd = l->next;
	l->next = -1;
	buf_clear(&l->text);
	if (l->o.follow)
		watch_growth(l);
}

static void turn(void *arg)
{
	struct ctrlog *l = arg;
	char piece[CTRLOG_PIECE];
	ssize_t n;

	if (l->paused)
		return;
	n = read(l->fd, piece, sizeof(piece));
	if (n > 0)
		buf_add(&l->text, piece, (size_t)n);
	take_lines(l);
	if (l->left >= 0 && (int64_t)l->out.len > l->left)
		l->out.len = (size_t)l->left;
	if (l->out.len) {
		if (l->left >= 0)
			l->left -= (int64_t)l->out.len;
		l->paused = !l->write(l->arg, l->out.p, l->out.len);
		buf_clear(&l->out);
	}
	if (!l->left) {
		end(l);
	} else if (n > 0) {
		loop_defer(l->loop, &l->task, turn, l);
	} else if (l->next >= 0) {
		go_on(l);
		loop_defer(l->loop, &l->task, turn, l);
	} else if ((l->next = open_next(l->path, l->fd)) >= 0) {
		loop_defer(l->loop, &l->task, turn, l);
	} else if (!l->o.follow || l->finished) {
		end(l);
	}
}

static void changed(void *arg, uint32_t events)
{
	_Alignas(struct inotify_event) char p[4096];
	struct ctrlog_hub *h = arg;
	ssize_t n = read(h->notify, p, sizeof(p));

	(void)events;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *ev = (const void *)(p + at);

		at += (ssize_t)(sizeof(*ev) + ev->len);
		list_each(&h->followers, it) {
			struct ctrlog *l = list_entry(it, struct ctrlog, in);

			if (l->grows == ev->wd || l->renews == ev->wd || (ev->mask & IN_Q_OVERFLOW))
				loop_defer(l->loop, &l->task, turn, l);
		}
	}
}

/* The file as it grows, and its directory for a new one. */
static int watch_all(struct ctrlog *l)
{
	char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", l->path);
	slash = strrchr(dir, '/');
	if (slash)
		*slash = 0;
	list_add_tail(&l->hub->followers, &l->in);
	l->renews = inotify_add_watch(l->hub->notify, slash ? dir : ".", IN_MOVED_TO | IN_CREATE | IN_ONLYDIR);
	watch_growth(l);
	return l->grows >= 0 && l->renews >= 0 ? 0 : -ERR_IO;
}

int ctrlog_hub_open(struct ctrlog_hub **ret, struct loop *l)
{
	struct ctrlog_hub *h = calloc(1, sizeof(*h));

	if (!h)
		return -ERR_NOMEM;
	h->loop = l;
	list_init(&h->followers);
	h->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	h->watch = h->notify < 0 ? NULL : loop_fd_add(l, h->notify, EPOLLIN, changed, h);
	if (!h->watch) {
		ctrlog_hub_close(h);
		return -ERR_IO;
	}
	*ret = h;
	return 0;
}

void ctrlog_hub_close(struct ctrlog_hub *h)
{
	if (!h)
		return;
	loop_fd_del(h->watch);
	if (h->notify >= 0)
		close(h->notify);
	free(h);
}

int ctrlog_open(struct ctrlog **ret, struct ctrlog_hub *h, const char *path, const struct ctrlog_opts *o,
	bool (*write)(void *arg, const char *p, size_t n), void (*end_fn)(void *arg), void *arg)
{
	struct ctrlog *l = calloc(1, sizeof(*l));

	if (!l)
		return -ERR_NOMEM;
	list_init(&l->in);
	l->hub = h;
	l->loop = h->loop;
	l->o = *o;
	l->write = write;
	l->end = end_fn;
	l->arg = arg;
	l->left = o->limit_bytes;
	l->next = l->grows = l->renews = -1;
	l->path = strdup(path);
	l->fd = l->path ? open_begin(path, o->tail) : -1;
	if (l->fd < 0) {
		free(l->path);
		free(l);
		return -ERR_NOT_FOUND;
	}
	if (o->follow && watch_all(l)) {
		ctrlog_close(l);
		return -ERR_IO;
	}
	loop_defer(l->loop, &l->task, turn, l);
	*ret = l;
	return 0;
}

void ctrlog_more(struct ctrlog *l)
{
	l->paused = false;
	loop_defer(l->loop, &l->task, turn, l);
}

void ctrlog_finish(struct ctrlog *l)
{
	l->finished = true;
	loop_defer(l->loop, &l->task, turn, l);
}

void ctrlog_close(struct ctrlog *l)
{
	if (!l)
		return;
	loop_defer_cancel(l->loop, &l->task);
	list_del(&l->in);
	unwatch(l, &l->grows);
	unwatch(l, &l->renews);
	if (l->fd >= 0)
		close(l->fd);
	if (l->next >= 0)
		close(l->next);
	buf_finish(&l->text);
	buf_finish(&l->out);
	free(l->path);
	free(l);
}

void ctrlog_tail(struct buf *out, const char *path, unsigned lines, size_t max)
{
	struct ctrlog l = { .o = { .limit_bytes = -1 } };
	char piece[8192];
	ssize_t n;

	l.fd = open_begin(path, lines);
	while (l.fd >= 0) {
		while (l.out.len < 64 * max && (n = read(l.fd, piece, sizeof(piece))) > 0) {
			buf_add(&l.text, piece, (size_t)n);
			take_lines(&l);
		}
		l.next = l.out.len < 64 * max ? open_next(path, l.fd) : -1;
		close(l.fd);
		l.fd = l.next;
	}
	if (l.out.len > max)
		buf_consume(&l.out, l.out.len - max);
	buf_add(out, l.out.p, l.out.len);
	buf_finish(&l.text);
	buf_finish(&l.out);
}
