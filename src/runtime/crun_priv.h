/* SPDX-License-Identifier: Apache-2.0 */
/* crun_priv - the conmon and crun backend's own structs, for crun*.c. */
#ifndef RUNTIME_CRUN_PRIV_H
#define RUNTIME_CRUN_PRIV_H

#include "base/list.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/workers.h"
#include "base/spawn.h"
#include "runtime/priv.h"

#define CRUN_ID_MAX 64
#define CRUN_WAITERS_MAX 16

struct crun {
	struct runtime rt;
	struct loop *loop;
	struct workers *workers;
	struct runtime_events ev;
	void *arg;
	char *state_dir, *run_dir, *root_arg, *crun, *conmon;
	char boot_id[40], cgroup_root[RUNTIME_CGROUP_MAX];
	struct map containers;         /* id -> struct container */
	struct list waiting, running;  /* ops for which there is no place yet; others */
	struct loop_task kick;
	unsigned ops;                  /* conmon and crun processes of ours under way */
	uint64_t exec_seq;
	bool closing, oom_told;
};

struct waiter { runtime_done_fn *done; void *arg; };

struct container {
	struct crun *c;
	char id[CRUN_ID_MAX + 1];
	char *pod_id, *cgroup, *dir;   /* dir: the bundle and all of conmon's files */
	enum runtime_state state;
	pid_t pid;
	int conmon_fd;                 /* pidfd, -1: none */
	struct loop_fd *conmon_watch;
	int exit_code, oom_score_adj;
	bool oom, tty;
	int64_t started_us, finished_us;
	bool starting;                 /* the exit is told after the start */
	bool exit_seen;                /* conmon has ended */
	bool removing, deleted;        /* deleted: crun knows it no more */
	struct loop_timer kill_timer;
	struct loop_task exit_task;
	struct waiter stop[CRUN_WAITERS_MAX];
	unsigned stop_count;
	struct waiter remove;
};

struct container *crun_find(struct runtime *r, const char *id);
/* Watch the end of the conmon named in the bundle; -ERR_NOT_FOUND when it is gone. */
int crun_watch_conmon(struct container *k);

/* ---- crun_container.c ---- */
bool crun_id_ok(const char *id);
struct container *crun_container_new(struct crun *c, const char *id, const char *pod_id, const char *cgroup);
void crun_container_free(struct container *k);
void crun_status_of(const struct container *k, struct runtime_status *ret);
/* Small, and not fsynced: after a power loss nothing of it runs any more. */
int crun_write_file(const char *path, const char *p, size_t n, struct err *reterr);
int crun_save(const struct container *k, struct err *reterr);
long crun_read_number(const char *dir, const char *name);
/* conmon is gone: what it left says how the container ended. */
void crun_exit_read(struct container *k);
int crun_adopt_all(struct crun *c, struct err *reterr);
void crun_adopt(struct runtime *r, void (*found)(void *, const char *, const char *,
	const struct runtime_status *), void *arg);

/* ---- crun_sandbox.c ---- */
int crun_sandbox_make(struct runtime *r, const char *pod_id, bool own_net, runtime_sandbox_fn *done, void *arg);
void crun_sandbox_remove(struct runtime *r, const char *pod_id, const char *cgroup_parent);

/* ---- crun_exec.c ---- */

int crun_exec(struct runtime_exec **ret, struct runtime *r, const char *id, const struct runtime_exec_spec *s,
	int ret_fds[3], void (*exited)(void *, int, const char *), void *arg, struct err *reterr);
void crun_exec_resize(struct runtime_exec *e, int cols, int rows);
void crun_exec_kill(struct runtime_exec *e);
int crun_attach(struct runtime *r, const char *id, int *ret_fd, struct err *reterr);
void crun_attach_resize(struct runtime *r, const char *id, int cols, int rows);
int crun_reopen_log(struct runtime *r, const char *id);

#endif
