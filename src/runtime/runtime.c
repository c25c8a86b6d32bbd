/* SPDX-License-Identifier: Apache-2.0 */
/* runtime - picks the backend, then passes every verb on to it. */
#include "runtime/runtime.h"

#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "runtime/priv.h"

struct later { runtime_done_fn *done; void *arg; int rc; };

static void later_run(void *arg)
{
	struct later *w = arg;

	w->done(w->arg, w->rc, w->rc ? err_text(w->rc) : "");
	free(w);
}

int runtime_tell_later(struct loop *l, int rc, runtime_done_fn *done, void *arg)
{
	struct later *w;

	if (!done)
		return 0;
	w = malloc(sizeof(*w));
	if (!w)
		return -ERR_NOMEM;
	*w = (struct later){ done, arg, rc };
	if (!loop_post(l, later_run, w))
		return 0;
	free(w);
	return -ERR_NOMEM;
}

int runtime_open(struct runtime **ret, struct loop *l, const char *backend, const char *state_dir,
	const char *run_dir, const struct runtime_events *ev, void *arg, struct err *reterr)
{
	if (!strcmp(backend, "crun"))
		return crun_open(ret, l, state_dir, run_dir, ev, arg, reterr);
	if (!strcmp(backend, "fake"))
		return fake_open(ret, l, ev, arg, reterr);
	return err_set(reterr, ERR_BAD_REQUEST, "no runtime \"%s\": there are crun and fake", backend);
}

void runtime_close(struct runtime *r)
{
	if (r)
		r->ops->close(r);
}

void runtime_adopt(struct runtime *r, void (*found)(void *arg, const char *id, const char *pod_id,
	const struct runtime_status *st), void *arg)
{
	r->ops->adopt(r, found, arg);
}

int runtime_create(struct runtime *r, const struct runtime_spec *s, runtime_done_fn *done, void *arg)
{
	return r->ops->create(r, s, done, arg);
}

int runtime_start(struct runtime *r, const char *id, runtime_done_fn *done, void *arg)
{
	return r->ops->start(r, id, done, arg);
}

int runtime_kill(struct runtime *r, const char *id, int signo, runtime_done_fn *done, void *arg)
{
	return r->ops->kill(r, id, signo, done, arg);
}

int runtime_stop(struct runtime *r, const char *id, int signo, int64_t grace_ms, runtime_done_fn *done,
	void *arg)
{
	return r->ops->stop(r, id, signo, grace_ms, done, arg);
}

int runtime_remove(struct runtime *r, const char *id, runtime_done_fn *done, void *arg)
{
	return r->ops->remove(r, id, done, arg);
}

int runtime_status(struct runtime *r, const char *id, struct runtime_status *ret)
{
	return r->ops->status(r, id, ret);
}

int runtime_stats(struct runtime *r, const char *id, struct runtime_stats *ret)
{
	return r->ops->stats(r, id, ret);
}

int runtime_exec(struct runtime_exec **ret, struct runtime *r, const char *id, const struct runtime_exec_spec *s,
	int ret_fds[3], void (*exited)(void *arg, int exit_code, const char *message), void *arg, struct err *reterr)
{
	return r->ops->exec(ret, r, id, s, ret_fds, exited, arg, reterr);
}

void runtime_exec_resize(struct runtime_exec *e, int cols, int rows)
{
	e->ops->exec_resize(e, cols, rows);
}

void runtime_exec_kill(struct runtime_exec *e)
{
	e->ops->exec_kill(e);
}

int runtime_attach(struct runtime *r, const char *id, int *ret_fd, struct err *reterr)
{
	return r->ops->attach(r, id, ret_fd, reterr);
}

void runtime_attach_resize(struct runtime *r, const char *id, int cols, int rows)
{
	r->ops->attach_resize(r, id, cols, rows);
}

int runtime_reopen_log(struct runtime *r, const char *id)
{
	return r->ops->reopen_log(r, id);
}

int runtime_sandbox_make(struct runtime *r, const char *pod_id, bool own_net, runtime_sandbox_fn *done, void *arg)
{
	return r->ops->sandbox_make(r, pod_id, own_net, done, arg);
}

void runtime_sandbox_remove(struct runtime *r, const char *pod_id, const char *cgroup_parent)
{
	r->ops->sandbox_remove(r, pod_id, cgroup_parent);
}
