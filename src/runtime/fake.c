/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake - a runtime without containers, for tests of what stands above it and for
 * simulations of many nodes. Programs are tiny scripts, taken from the last argument:
 * words separated by ';' of `sleep S`, `exit N`, `echo TEXT` and `cat`; anything else runs
 * until it is stopped. Time is the loop's.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/env.h"
#include "base/loop.h"
#include "base/map.h"
#include "runtime/priv.h"

#define FAKE_STOPS_MAX 16
#define EXEC_TIMED_OUT 124

struct fake {
	struct runtime rt;
	struct loop *loop;
	struct runtime_events ev;
	void *arg;
	struct map containers;
	pid_t next_pid;
};

struct script { const char *at; char text[1024]; };

struct fake_container {
	struct fake *f;
	char id[65], pod_id[65];
	struct runtime_status st;
	struct script script;
	struct loop_timer timer, kill_timer;
	struct { runtime_done_fn *done; void *arg; } stop[FAKE_STOPS_MAX];
	unsigned stop_count;
	struct loop_task begin;        /* tells of the start, then lets the script run */
	runtime_done_fn *begin_done;
	void *begin_arg;
};

struct fake_exec {
	struct runtime_exec rx;
	struct fake *f;
	struct script script;
	struct loop_timer timer, deadline;
	struct loop_fd *in_watch;
	int in, out, code;
	void (*exited)(void *, int, const char *);
	void *arg;
};

static void script_set(struct script *s, const char *const *args)
{
	const char *last = "";

	for (; *args; args++)
		last = *args;
	snprintf(s->text, sizeof(s->text), "%s", last);
	s->at = s->text;
}

enum step { STEP_WAIT, STEP_EXIT, STEP_FOREVER, STEP_SAY, STEP_CAT };

/* The next thing the script does; *ret_ms, *ret_code and say are filled as it needs. */
static enum step script_step(struct script *s, int64_t *ret_ms, int *ret_code, char *say, size_t say_size)
{
	char word[256];
	size_t n;

	s->at += strspn(s->at, "; ");
	n = strcspn(s->at, ";");
	snprintf(word, sizeof(word), "%.*s", (int)n, s->at);
	s->at += n;
	if (!n)
		strcpy(word, "exit 0");
	if (!strncmp(word, "sleep ", 6)) {
		*ret_ms = (int64_t)(strtod(word + 6, NULL) * 1000);
		return STEP_WAIT;
	}
	if (!strncmp(word, "exit ", 5)) {
		*ret_code = atoi(word + 5);
		return STEP_EXIT;
	}
	if (!strncmp(word, "echo ", 5)) {
		snprintf(say, say_size, "%s\n", word + 5);
		return STEP_SAY;
	}
	return !strcmp(word, "cat") ? STEP_CAT : STEP_FOREVER;
}

static struct fake_container *find(struct runtime *r, const char *id)
{
	return map_get(&((struct fake *)r)->containers, id);
}

static void begin(void *arg)
{
	struct fake_container *k = arg;
	runtime_done_fn *done = k->begin_done;

	if (k->st.state == RUNTIME_RUNNING)
		loop_timer_set(&k->timer, 0);
	if (done)
		done(k->begin_arg, 0, "");
}

/* The start is told before the end, however soon that comes. */
static void begin_now(struct fake_container *k)
{
	if (!k->begin.queued)
		return;
	loop_defer_cancel(k->f->loop, &k->begin);
	runtime_tell_later(k->f->loop, 0, k->begin_done, k->begin_arg);
}

static void ended(struct fake_container *k, int code)
{
	unsigned n = k->stop_count;

	loop_timer_stop(&k->timer);
	loop_timer_stop(&k->kill_timer);
	k->st.state = RUNTIME_EXITED;
	k->st.exit_code = code;
	k->st.finished_us = env_wall_us();
	k->stop_count = 0;
	if (k->f->ev.exited)
		k->f->ev.exited(k->f->arg, k->id, &k->st);
	for (unsigned i = 0; i < n; i++)
		runtime_tell_later(k->f->loop, 0, k->stop[i].done, k->stop[i].arg);
}

static void step(void *arg)
{
	struct fake_container *k = arg;
	char say[256];
	int64_t ms;
	int code;

	for (;;)
		switch (script_step(&k->script, &ms, &code, say, sizeof(say))) {
		case STEP_WAIT:
			loop_timer_set(&k->timer, ms);
			return;
		case STEP_EXIT:
			ended(k, code);
			return;
		case STEP_SAY:
			break;
		case STEP_CAT:
		case STEP_FOREVER:
			return;
		}
}

static void killed(void *arg)
{
	ended(arg, 128 + SIGKILL);
}

static int fake_create(struct runtime *r, const struct runtime_spec *s, runtime_done_fn *done, void *arg)
{
	struct fake *f = (struct fake *)r;
	struct fake_container *k;

	if (find(r, s->id))
		return -ERR_EXISTS;
	k = calloc(1, sizeof(*k));
	if (!k || map_put(&f->containers, s->id, k, NULL)) {
		free(k);
		return -ERR_NOMEM;
	}
	k->f = f;
	snprintf(k->id, sizeof(k->id), "%s", s->id);
	snprintf(k->pod_id, sizeof(k->pod_id), "%s", s->pod_id);
	k->st.pid = f->next_pid++;
	script_set(&k->script, s->args);
	loop_timer_init(&k->timer, f->loop, step, k);
	loop_timer_init(&k->kill_timer, f->loop, killed, k);
	return runtime_tell_later(f->loop, 0, done, arg);
}

static int fake_start(struct runtime *r, const char *id, runtime_done_fn *done, void *arg)
{
	struct fake_container *k = find(r, id);

	if (!k)
		return -ERR_NOT_FOUND;
	if (k->st.state != RUNTIME_CREATED)
		return -ERR_CONFLICT;
	k->st.state = RUNTIME_RUNNING;
	k->st.started_us = env_wall_us();
	k->begin_done = done;
	k->begin_arg = arg;
	loop_defer(k->f->loop, &k->begin, begin, k);
	return 0;
}

static int fake_kill(struct runtime *r, const char *id, int signo, runtime_done_fn *done, void *arg)
{
	struct fake_container *k = find(r, id);
	int rc;

	if (!k || k->st.state == RUNTIME_EXITED)
		return -ERR_NOT_FOUND;
	rc = runtime_tell_later(k->f->loop, 0, done, arg);
	if (signo == SIGKILL)
		loop_timer_set(&k->kill_timer, 0);
	return rc;
}

static int fake_stop(struct runtime *r, const char *id, int signo, int64_t grace_ms, runtime_done_fn *done, void *arg)
{
	struct fake_container *k = find(r, id);

	(void)signo;     /* a script does not hear signals: it takes its whole grace */
	if (!k)
		return -ERR_NOT_FOUND;
	if (k->st.state == RUNTIME_EXITED)
		return runtime_tell_later(k->f->loop, 0, done, arg);
	if (k->stop_count == FAKE_STOPS_MAX)
		return -ERR_FULL;
	k->stop[k->stop_count].done = done;
	k->stop[k->stop_count++].arg = arg;
	loop_timer_set(&k->kill_timer, k->st.state == RUNTIME_CREATED ? 0 : grace_ms);
	return 0;
}

static void container_free(struct fake_container *k)
{
	loop_timer_stop(&k->timer);
	loop_timer_stop(&k->kill_timer);
	begin_now(k);
	free(k);
}

static int fake_remove(struct runtime *r, const char *id, runtime_done_fn *done, void *arg)
{
	struct fake *f = (struct fake *)r;
	struct fake_container *k = find(r, id);

	if (k && k->st.state != RUNTIME_EXITED)
		ended(k, 128 + SIGKILL);
	if ((k = map_del(&f->containers, id)))
		container_free(k);
	return runtime_tell_later(f->loop, 0, done, arg);
}

static int fake_status(struct runtime *r, const char *id, struct runtime_status *ret)
{
	struct fake_container *k = find(r, id);

	if (!k)
		return -ERR_NOT_FOUND;
	*ret = k->st;
	return 0;
}

static int fake_stats(struct runtime *r, const char *id, struct runtime_stats *ret)
{
	struct fake_container *k = find(r, id);

	if (!k || k->st.state != RUNTIME_RUNNING)
		return -ERR_NOT_FOUND;
	*ret = (struct runtime_stats){ .pids = 1 };
	return 0;
}

static void fake_adopt(struct runtime *r, void (*found)(void *, const char *, const char *,
	const struct runtime_status *), void *arg)
{
	const char *id;
	size_t it = 0;
	void *v;

	while (map_next(&((struct fake *)r)->containers, &it, &id, &v))
		found(arg, id, ((struct fake_container *)v)->pod_id, &((struct fake_container *)v)->st);
}

/* ---- exec ---- */

static void exec_free(struct fake_exec *e)
{
	loop_timer_stop(&e->timer);
	loop_timer_stop(&e->deadline);
	loop_fd_del(e->in_watch);
	if (e->in >= 0)
		close(e->in);
	if (e->out >= 0)
		close(e->out);
	free(e);
}

static void exec_ended(struct fake_exec *e, int code, const char *message)
{
	void (*exited)(void *, int, const char *) = e->exited;
	void *arg = e->arg;

	exec_free(e);
	exited(arg, code, message);
}

static void exec_deadline(void *arg)
{
	exec_ended(arg, EXEC_TIMED_OUT, "command timed out");
}

static void exec_step(void *arg);

static void exec_cat(void *arg, uint32_t events)
{
	struct fake_exec *e = arg;
	char p[4096];
	ssize_t n = read(e->in, p, sizeof(p));

	(void)events;
	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0 && (e->out < 0 || write(e->out, p, (size_t)n) == n))
		return;
	loop_fd_del(e->in_watch);
	e->in_watch = NULL;
	exec_step(e);
}

static void exec_step(void *arg)
{
	struct fake_exec *e = arg;
	char say[256];
	int64_t ms;
	int code;

	for (;;)
		switch (script_step(&e->script, &ms, &code, say, sizeof(say))) {
		case STEP_WAIT:
			loop_timer_set(&e->timer, ms);
			return;
		case STEP_EXIT:
			exec_ended(e, code, "");
			return;
		case STEP_SAY:
			if (e->out >= 0 && write(e->out, say, strlen(say)) < 0)
				code = 1;
			break;
		case STEP_CAT:
			if (e->in >= 0) {
				e->in_watch = loop_fd_add(e->f->loop, e->in, EPOLLIN, exec_cat, e);
				return;
			}
			break;
		case STEP_FOREVER:
			return;
		}
}

static int fake_exec(struct runtime_exec **ret, struct runtime *r, const char *id, const struct runtime_exec_spec *s,
	int ret_fds[3], void (*exited)(void *, int, const char *), void *arg, struct err *reterr)
{
	struct fake_container *k = find(r, id);
	struct fake_exec *e;
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, nothing[2] = { -1, -1 };

	if (!k || k->st.state != RUNTIME_RUNNING)
		return err_set(reterr, ERR_NOT_FOUND, "container is not running");
	e = calloc(1, sizeof(*e));
	if (!e)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	if ((s->in && pipe2(in, O_CLOEXEC | O_NONBLOCK)) || (s->out && pipe2(out, O_CLOEXEC | O_NONBLOCK)) ||
	    (s->err && pipe2(nothing, O_CLOEXEC | O_NONBLOCK))) {
		int rc = err_errno(reterr, "pipe");

		for (int i = 0; i < 2; i++) {
			if (in[i] >= 0)
				close(in[i]);
			if (out[i] >= 0)
				close(out[i]);
		}
		free(e);
		return rc;
	}
	if (s->err)
		close(nothing[1]);
	e->rx.ops = r->ops;
	e->f = k->f;
	e->in = in[0];
	e->out = out[1];
	e->exited = exited;
	e->arg = arg;
	script_set(&e->script, s->args);
	loop_timer_init(&e->timer, k->f->loop, exec_step, e);
	loop_timer_init(&e->deadline, k->f->loop, exec_deadline, e);
	loop_timer_set(&e->timer, 0);
	if (s->timeout_ms > 0)
		loop_timer_set(&e->deadline, s->timeout_ms);
	ret_fds[0] = in[1];
	ret_fds[1] = out[0];
	ret_fds[2] = nothing[0];
	*ret = &e->rx;
	return 0;
}

static void fake_exec_resize(struct runtime_exec *e, int cols, int rows)
{
	(void)e, (void)cols, (void)rows;
}

static void fake_exec_kill(struct runtime_exec *e)
{
	exec_free((struct fake_exec *)e);
}

static int fake_attach(struct runtime *r, const char *id, int *ret_fd, struct err *reterr)
{
	(void)r, (void)id, (void)ret_fd;
	return err_set(reterr, ERR_METHOD, "this runtime has no terminals to attach to");
}

static void fake_attach_resize(struct runtime *r, const char *id, int cols, int rows)
{
	(void)r, (void)id, (void)cols, (void)rows;
}

static int fake_reopen_log(struct runtime *r, const char *id)
{
	return find(r, id) ? 0 : -ERR_NOT_FOUND;
}

struct sandbox { runtime_sandbox_fn *done; void *arg; bool own_net; };

static void sandbox_made(void *arg)
{
	struct sandbox *s = arg;

	s->done(s->arg, 0, s->own_net ? "/proc/self/ns/net" : NULL, "/proc/self/ns/ipc", "");
	free(s);
}

static int fake_sandbox_make(struct runtime *r, const char *pod_id, bool own_net, runtime_sandbox_fn *done, void *arg)
{
	struct sandbox *s = malloc(sizeof(*s));

	(void)pod_id;
	if (!s)
		return -ERR_NOMEM;
	*s = (struct sandbox){ done, arg, own_net };
	if (!loop_post(((struct fake *)r)->loop, sandbox_made, s))
		return 0;
	free(s);
	return -ERR_NOMEM;
}

static void fake_sandbox_remove(struct runtime *r, const char *pod_id, const char *cgroup_parent)
{
	(void)r, (void)pod_id, (void)cgroup_parent;
}

static void fake_close(struct runtime *r)
{
	struct fake *f = (struct fake *)r;
	const char *id;
	size_t it = 0;
	void *v;

	while (map_next(&f->containers, &it, &id, &v))
		container_free(v);
	map_finish(&f->containers);
	free(f);
}

static const struct runtime_ops fake_ops = {
	.close = fake_close, .adopt = fake_adopt, .create = fake_create, .start = fake_start, .kill = fake_kill,
	.stop = fake_stop, .remove = fake_remove, .status = fake_status, .stats = fake_stats, .exec = fake_exec,
	.exec_resize = fake_exec_resize, .exec_kill = fake_exec_kill, .attach = fake_attach,
	.attach_resize = fake_attach_resize, .reopen_log = fake_reopen_log, .sandbox_make = fake_sandbox_make,
	.sandbox_remove = fake_sandbox_remove,
};

int fake_open(struct runtime **ret, struct loop *l, const struct runtime_events *ev, void *arg, struct err *reterr)
{
	struct fake *f = calloc(1, sizeof(*f));

	if (!f)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	f->rt.ops = &fake_ops;
	f->loop = l;
	f->ev = *ev;
	f->arg = arg;
	f->next_pid = 100000;
	*ret = &f->rt;
	return 0;
}
