/* SPDX-License-Identifier: Apache-2.0 */
/* crun_sandbox - a pod's namespaces, made and removed on the worker. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/crun_priv.h"

struct sandbox {
	struct crun *c;
	char net[PATH_MAX], ipc[PATH_MAX], cgroup[512];
	bool own_net;
	runtime_sandbox_fn *done;
	void *arg;
	int rc;
	struct err err;
};

static struct sandbox *sandbox_new(struct crun *c, const char *pod_id)
{
	struct sandbox *s = calloc(1, sizeof(*s));

	if (s) {
		s->c = c;
		snprintf(s->net, sizeof(s->net), "%s/ns/%s.net", c->run_dir, pod_id);
		snprintf(s->ipc, sizeof(s->ipc), "%s/ns/%s.ipc", c->run_dir, pod_id);
	}
	return s;
}

static void sandbox_run(void *arg)
{
	struct sandbox *s = arg;

	s->rc = namespace_pin(s->own_net ? s->net : NULL, s->ipc, &s->err);
}

static void sandbox_made(void *arg)
{
	struct sandbox *s = arg;

	if (!s->c->closing)
		s->done(s->arg, s->rc, s->own_net && !s->rc ? s->net : NULL, s->rc ? NULL : s->ipc, s->err.msg);
	free(s);
}

int crun_sandbox_make(struct runtime *r, const char *pod_id, bool own_net, runtime_sandbox_fn *done, void *arg)
{
	struct crun *c = (struct crun *)r;
	struct sandbox *s = sandbox_new(c, pod_id);
	int rc;

	if (!s)
		return -ERR_NOMEM;
	s->own_net = own_net;
	s->done = done;
	s->arg = arg;
	rc = workers_submit(c->workers, sandbox_run, sandbox_made, s);
	if (rc)
		free(s);
	return rc;
}

static void sandbox_drop(void *arg)
{
	struct sandbox *s = arg;

	namespace_unpin(s->net);
	namespace_unpin(s->ipc);
	if (s->cgroup[0])
		cgroup_remove(s->cgroup);
}

void crun_sandbox_remove(struct runtime *r, const char *pod_id, const char *cgroup_parent)
{
	struct crun *c = (struct crun *)r;
	struct sandbox *s = sandbox_new(c, pod_id);

	if (!s)
		return;
	if (cgroup_parent)
		snprintf(s->cgroup, sizeof(s->cgroup), "%s/%s", c->cgroup_root, cgroup_parent);
	if (workers_submit(c->workers, sandbox_drop, free, s)) {
		sandbox_drop(s);
		free(s);
	}
}
