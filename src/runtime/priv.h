/* SPDX-License-Identifier: Apache-2.0 */
/* priv - what the backends of runtime share; for siblings and tests. */
#ifndef RUNTIME_PRIV_H
#define RUNTIME_PRIV_H

#include "runtime/runtime.h"

struct runtime_ops {
	void (*close)(struct runtime *r);
	void (*adopt)(struct runtime *r, void (*found)(void *, const char *, const char *,
		const struct runtime_status *), void *arg);
	int (*create)(struct runtime *r, const struct runtime_spec *s, runtime_done_fn *done, void *arg);
	int (*start)(struct runtime *r, const char *id, runtime_done_fn *done, void *arg);
	int (*kill)(struct runtime *r, const char *id, int signo, runtime_done_fn *done, void *arg);
	int (*stop)(struct runtime *r, const char *id, int signo, int64_t grace_ms,
		runtime_done_fn *done, void *arg);
	int (*remove)(struct runtime *r, const char *id, runtime_done_fn *done, void *arg);
	int (*status)(struct runtime *r, const char *id, struct runtime_status *ret);
	int (*stats)(struct runtime *r, const char *id, struct runtime_stats *ret);
	int (*exec)(struct runtime_exec **ret, struct runtime *r, const char *id,
		const struct runtime_exec_spec *s, int ret_fds[3],
		void (*exited)(void *, int, const char *), void *arg, struct err *reterr);
	void (*exec_resize)(struct runtime_exec *e, int cols, int rows);
	void (*exec_kill)(struct runtime_exec *e);
	int (*attach)(struct runtime *r, const char *id, int *ret_fd, struct err *reterr);
	void (*attach_resize)(struct runtime *r, const char *id, int cols, int rows);
	int (*reopen_log)(struct runtime *r, const char *id);
	int (*sandbox_make)(struct runtime *r, const char *pod_id, bool own_net,
		runtime_sandbox_fn *done, void *arg);
	void (*sandbox_remove)(struct runtime *r, const char *pod_id, const char *cgroup_parent);
};
struct runtime { const struct runtime_ops *ops; };          /* first member of a backend's own */
struct runtime_exec { const struct runtime_ops *ops; };     /* the same */

int crun_open(struct runtime **ret, struct loop *l, const char *state_dir, const char *run_dir,
	const struct runtime_events *ev, void *arg, struct err *reterr);
int fake_open(struct runtime **ret, struct loop *l, const struct runtime_events *ev, void *arg,
	struct err *reterr);

/* done(arg, rc, its text) in a later turn of the loop; done NULL: nothing. 0 or -ERR_NOMEM. */
int runtime_tell_later(struct loop *l, int rc, runtime_done_fn *done, void *arg);

/* ---- oci.c, seccomp.c ---- */
/* The OCI configuration of s as JSON; cgroup: path from the root of the hierarchy. */
int oci_config(struct buf *out, const struct runtime_spec *s, const char *cgroup, struct err *reterr);
/* process.json of an exec: the process of config (an OCI configuration) with s put in its place. */
int oci_exec_process(struct buf *out, const char *config, size_t config_len,
	const struct runtime_exec_spec *s, struct err *reterr);
/* linux.seccomp for a process with these capabilities (NULL-terminated). */
void seccomp_default(struct buf *out, const char *const *caps);

/* ---- cgroup.c ---- */
bool cgroup_is_v2(void);
/* Can crun work with the machine's tree? Else the message holds the command that mends it. */
int cgroup_check(struct err *reterr);
/* Has the kernel killed a process of the group for want of memory? */
bool cgroup_oom(const char *cgroup);
int cgroup_stats(const char *cgroup, struct runtime_stats *ret);
/* Remove an empty group of every hierarchy; a missing one is success. Blocking. */
void cgroup_remove(const char *cgroup);

/* ---- namespace.c ---- */
/* Pin new namespaces at the paths (netns may be NULL), keep those pinned already; lo is up.
 * Blocking: for a worker thread, which gets its own namespaces back. */
int namespace_pin(const char *netns, const char *ipcns, struct err *reterr);
void namespace_unpin(const char *path);

#endif
