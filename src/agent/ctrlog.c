/* SPDX-License-Identifier: Apache-2.0 */
/* ctrlog - see ctrlog.h. Growth is seen by inotify: nothing polls. */
#include "agent/ctrlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/text.h"

#define TAIL_STEP (64u << 10)
#define FOLLOWED (IN_MODIFY | IN_ATTRIB)     /* IN_ATTRIB: also when its name is taken away */
#define TAIL_BYTES_MAX (64u << 20)     /* how far back a tail is looked for */

struct ctrlog {
	struct loop *loop;
	struct ctrlog_opts o;
	bool (*write)(void *arg, const char *p, size_t n);
	void (*end)(void *arg);
	void *arg;
	char *path;
	int fd, notify;
	struct loop_fd *watch;
	struct loop_task task;
	struct buf in, out;
	bool paused, finished, continued;      /* continued: the entry before was a P */
	int64_t left;                          /* of limit_bytes */
};

/* Where the last n lines begin (counting F entries from the end). */
static off_t tail_start(int fd, int64_t lines)
{
	struct stat st;
	off_t end, at;
	int64_t seen = 0;
	char *p;

	if (fstat(fd, &st) || lines < 0)
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
	return at;
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

	while (used < l->in.len && (nl = memchr(l->in.p + used, '\n', l->in.len - used))) {
		entry(l, l->in.p + used, (size_t)(nl - l->in.p) - used);
		used = (size_t)(nl - l->in.p) + 1;
	}
	buf_consume(&l->in, used);
	if (l->in.len > CTRLOG_LINE_MAX)
		buf_clear(&l->in);
}

static void end(struct ctrlog *l)
{
	void (*fn)(void *arg) = l->end;
	void *arg = l->arg;

	ctrlog_close(l);
	fn(arg);
}

/* Over its size limit conmon puts a new file in the old one's place. */
static bool replaced(struct ctrlog *l)
{
	struct stat st;
	int fd;

	if (fstat(l->fd, &st) || st.st_nlink || (fd = open(l->path, O_RDONLY | O_CLOEXEC)) < 0)
		return false;
	close(l->fd);
	l->fd = fd;
	if (l->notify >= 0)
		inotify_add_watch(l->notify, l->path, FOLLOWED);
	return true;
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
		buf_add(&l->in, piece, (size_t)n);
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
	} else if (n > 0 || replaced(l)) {
		loop_defer(l->loop, &l->task, turn, l);
	} else if (!l->o.follow || l->finished) {
		end(l);
	}
}

static void grown(void *arg, uint32_t events)
{
	struct ctrlog *l = arg;
	char drop[4096];

	(void)events;
	while (read(l->notify, drop, sizeof(drop)) > 0)
		;
	loop_defer(l->loop, &l->task, turn, l);
}

int ctrlog_open(struct ctrlog **ret, struct loop *loop, const char *path, const struct ctrlog_opts *o,
	bool (*write)(void *arg, const char *p, size_t n), void (*end_fn)(void *arg), void *arg)
{
	struct ctrlog *l = calloc(1, sizeof(*l));

	if (!l)
		return -ERR_NOMEM;
	l->loop = loop;
	l->o = *o;
	l->write = write;
	l->end = end_fn;
	l->arg = arg;
	l->left = o->limit_bytes;
	l->notify = -1;
	l->path = strdup(path);
	l->fd = l->path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (l->fd < 0) {
		free(l->path);
		free(l);
		return -ERR_NOT_FOUND;
	}
	lseek(l->fd, tail_start(l->fd, o->tail), SEEK_SET);
	if (o->follow) {
		l->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (l->notify < 0 || inotify_add_watch(l->notify, path, FOLLOWED) < 0 ||
		    !(l->watch = loop_fd_add(loop, l->notify, EPOLLIN, grown, l))) {
			ctrlog_close(l);
			return -ERR_IO;
		}
	}
	loop_defer(loop, &l->task, turn, l);
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
	loop_fd_del(l->watch);
	if (l->notify >= 0)
		close(l->notify);
	if (l->fd >= 0)
		close(l->fd);
	buf_finish(&l->in);
	buf_finish(&l->out);
	free(l->path);
	free(l);
}

void ctrlog_tail(struct buf *out, const char *path, unsigned lines, size_t max)
{
	struct ctrlog l = { .o = { .limit_bytes = -1 } };
	char piece[8192];
	ssize_t n;

	l.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (l.fd < 0)
		return;
	lseek(l.fd, tail_start(l.fd, lines), SEEK_SET);
	while (l.out.len < 64 * max && (n = read(l.fd, piece, sizeof(piece))) > 0) {
		buf_add(&l.in, piece, (size_t)n);
		take_lines(&l);
	}
	if (l.out.len > max)
		buf_consume(&l.out, l.out.len - max);
	buf_add(out, l.out.p, l.out.len);
	buf_finish(&l.in);
	buf_finish(&l.out);
	close(l.fd);
}
