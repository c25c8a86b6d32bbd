/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime - what can run: eight verbs (prepare, create, start, stop, kill, wait,
 * stats, remove) behind one header. Containers by conmon and crun; a fake for tests.
 *
 * In:      agent, with plain structs.   Out: crun.c, fake.c.
 * Knows:   OCI.     Never: API objects.
 * Thread:  loop thread; children and conmon by pidfd, namespaces and trees on a worker;
 *          nothing blocks.
 * Promise: containers and their logs and exit codes survive the process that
 *          started them; runtime_adopt finds them again.
 * Tests:   tests/contract/test_runtime.c over every backend, tests/node/
 */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct loop;
struct runtime;

/* All control groups of the containers in state_dir lie below this one, in every
 * hierarchy: "sampan/<hash>", so that two clouds on one machine keep apart. */
#define RUNTIME_CGROUP_MAX 32
void runtime_cgroup(const char *state_dir, char ret[RUNTIME_CGROUP_MAX]);

struct runtime_mount { const char *source, *target, *type, *options; };   /* options comma separated */
struct runtime_spec {                  /* one container; all borrowed for the call */
	const char *id;                /* unique on the machine, [a-z0-9-]{1,64} */
	const char *pod_id;            /* its sandbox */
	const char *rootfs;            /* mounted, writable */
	const char *const *args, *const *env;   /* NULL-terminated */
	const char *cwd;
	const char *hostname;
	uint32_t uid, gid; const uint32_t *groups; unsigned group_count;
	const struct runtime_mount *mounts; unsigned mount_count;
	const char *netns, *ipcns;     /* paths, NULL: the host's */
	bool host_pid, unmasked;       /* the machine's processes; /proc without masks */
	const char *const *sysctls;    /* "net.core.somaxconn=1024", NULL-terminated, or NULL */
	bool tty, stdin_open, stdin_once, read_only, privileged, no_new_privileges, seccomp_default;
	const char *const *caps;       /* "CAP_CHOWN", NULL-terminated */
	const char *cgroup_parent;     /* below the runtime's own cgroup */
	uint64_t cpu_shares, cpu_quota_us, cpu_period_us; int64_t memory_bytes; int64_t pids; /* 0: no limit */
	int oom_score_adj;
	const char *log_path;          /* CRI format */
};
enum runtime_state { RUNTIME_CREATED, RUNTIME_RUNNING, RUNTIME_EXITED, RUNTIME_GONE };
struct runtime_status { enum runtime_state state; pid_t pid; int exit_code; bool oom;
	int64_t started_us, finished_us; };
struct runtime_stats { uint64_t cpu_ns, memory_bytes, memory_working_set_bytes, pids; };

struct runtime_events {                /* set once at open */
	/* A container's main process ended. Runs once per container. */
	void (*exited)(void *arg, const char *id, const struct runtime_status *st);
};
typedef void runtime_done_fn(void *arg, int rc, const char *message);

/* backend "crun" or "fake"; state_dir persistent over restarts, run_dir per boot. Checks that the
 * tools are there: error says which package to install. */
int runtime_open(struct runtime **ret, struct loop *l, const char *backend, const char *state_dir,
	const char *run_dir, const struct runtime_events *ev, void *arg, struct err *reterr);
void runtime_close(struct runtime *r);     /* containers run on */
/* What earlier lives of this process left, running or exited; called once after open. */
void runtime_adopt(struct runtime *r, void (*found)(void *arg, const char *id, const char *pod_id,
	const struct runtime_status *st), void *arg);
int runtime_create(struct runtime *r, const struct runtime_spec *s, runtime_done_fn *done, void *arg);
int runtime_start(struct runtime *r, const char *id, runtime_done_fn *done, void *arg);
int runtime_kill(struct runtime *r, const char *id, int signo, runtime_done_fn *done, void *arg);
/* TERM now, KILL after grace_ms. done when the process is gone. */
int runtime_stop(struct runtime *r, const char *id, int signo, int64_t grace_ms, runtime_done_fn *done, void *arg);
int runtime_remove(struct runtime *r, const char *id, runtime_done_fn *done, void *arg);
int runtime_status(struct runtime *r, const char *id, struct runtime_status *ret);
int runtime_stats(struct runtime *r, const char *id, struct runtime_stats *ret);

/* A process beside the main one. fds: our ends of its stdio (-1 where not wanted; with
 * tty one pty master in fds[0]), non-blocking, the caller's to close. exited runs once. */
struct runtime_exec;
struct runtime_exec_spec { const char *const *args, *const *env; const char *cwd; bool tty, in, out, err;
	bool err_in_out;               /* stderr comes with stdout; not with err */
	int64_t timeout_ms; };
int runtime_exec(struct runtime_exec **ret, struct runtime *r, const char *id, const struct runtime_exec_spec *s,
	int ret_fds[3], void (*exited)(void *arg, int exit_code, const char *message), void *arg, struct err *reterr);
void runtime_exec_resize(struct runtime_exec *e, int cols, int rows);
void runtime_exec_kill(struct runtime_exec *e);    /* exited will not run any more */
/* The main process's stdio: a connected conmon attach socket (SOCK_SEQPACKET; first byte of each packet:
 * 2 stdout, 3 stderr). */
int runtime_attach(struct runtime *r, const char *id, int *ret_fd, struct err *reterr);
void runtime_attach_resize(struct runtime *r, const char *id, int cols, int rows);
int runtime_reopen_log(struct runtime *r, const char *id);

/*
 * Namespaces of a pod that outlive us: run_dir/ns/<pod_id>.net (only with own_net), .ipc.
 * Made again they are the same ones. done gets their paths; netns is NULL without own_net.
 */
typedef void runtime_sandbox_fn(void *arg, int rc, const char *netns, const char *ipcns, const char *message);
int runtime_sandbox_make(struct runtime *r, const char *pod_id, bool own_net, runtime_sandbox_fn *done, void *arg);
/* Unmount them, and remove the pod's cgroup; in the background. All its containers are removed. */
void runtime_sandbox_remove(struct runtime *r, const char *pod_id, const char *cgroup_parent);

#endif
