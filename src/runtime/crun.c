/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crun - containers by conmon and crun. One conmon a container holds its stdio, writes its
 * log and its exit code, and lives on when we end.
 *
 *   create:  conmon -> crun create, answer on the sync pipe      (none) -> CREATED
 *   start:   crun start                                          CREATED -> RUNNING
 *   exit:    conmon writes exits/<id> and ends; its pidfd wakes us       -> EXITED
 *   remove:  crun delete, then the bundle                        EXITED -> (none)
 *
 * state_dir/<id>/ is the bundle: config.json, state.json (what adoption needs), pidfile,
 * conmon.pid, attach, ctl. state_dir/exits/<id> is the exit code. Invariants:
 * 1. state.json is written before conmon is started: what runs is always found again.
 * 2. A container is EXITED only when its conmon is gone: log and code are complete.
 * 3. At most CRUN_OPS_MAX tools of ours run at once; the rest wait in line.
 *
 * A crun that fails may leave a child inside of the container, whose end waits until somebody
 * has reaped it: the process has to adopt orphans (loop_adopt_orphans).
 *
 * Source: conmon(8), its sync pipe ("pid" or "message"); crun(1).
 */
#define LOG_MODULE "runtime"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yyjson.h>

#include "base/env.h"
#include "base/file.h"
#include "runtime/crun_priv.h"

#define CRUN_OPS_MAX 4
#define CRUN_CONTAINERS_MAX 5000
#define CRUN_FILE_JOBS_MAX 2000
#define CREATE_TIMEOUT_MS 120000

/* ---- a place in line ---- */

struct op {
	struct list in;
	struct crun *c;
	char id[CRUN_ID_MAX + 1];
	void (*run)(struct op *o);
	runtime_done_fn *done;
	void *arg;
	struct spawn_tool *tool;
	/* create */
	char *log_path;
	bool stdin_open, stdin_once;
	int sync_fd;
	struct loop_fd *sync_watch;
	struct buf answer;             /* then: why it failed */
	struct loop_timer timer;
};

static void op_free(struct op *o)
{
	list_del(&o->in);
	spawn_tool_forget(o->tool);
	loop_fd_del(o->sync_watch);
	if (o->sync_fd >= 0)
		close(o->sync_fd);
	loop_timer_stop(&o->timer);
	buf_finish(&o->answer);
	free(o->log_path);
	free(o);
}

static void op_next(void *arg);

static void op_kick(struct crun *c)
{
	loop_defer(c->loop, &c->kick, op_next, c);
}

static struct op *op_queue(struct crun *c, const char *id, bool front, void (*run)(struct op *),
	runtime_done_fn *done, void *arg)
{
	struct op *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->c = c;
	o->run = run;
	o->done = done;
	o->arg = arg;
	o->sync_fd = -1;
	snprintf(o->id, sizeof(o->id), "%s", id);
	if (front)
		list_add_head(&c->waiting, &o->in);
	else
		list_add_tail(&c->waiting, &o->in);
	op_kick(c);
	return o;
}

static void op_next(void *arg)
{
	struct crun *c = arg;

	while (c->ops < CRUN_OPS_MAX && !list_empty(&c->waiting)) {
		struct op *o = list_entry(c->waiting.next, struct op, in);

		list_del(&o->in);
		list_add_tail(&c->running, &o->in);
		c->ops++;
		o->run(o);
	}
}

static void op_end(struct op *o, int rc, const char *message)
{
	struct crun *c = o->c;
	runtime_done_fn *done = o->done;
	void *arg = o->arg;

	c->ops--;
	if (!c->closing) {
		if (done)
			done(arg, rc, message);
		op_kick(c);
	}
	op_free(o);
}

/* ---- containers ---- */

static void tell_exit(struct container *k)
{
	struct waiter stop[CRUN_WAITERS_MAX];
	unsigned n = k->stop_count;
	struct runtime_status st;
	struct crun *c = k->c;
	char id[CRUN_ID_MAX + 1];

	memcpy(stop, k->stop, sizeof(stop));
	memcpy(id, k->id, sizeof(id));
	k->stop_count = 0;
	crun_status_of(k, &st);
	if (c->ev.exited)
		c->ev.exited(c->arg, id, &st);
	for (unsigned i = 0; i < n; i++)
		if (stop[i].done)
			stop[i].done(stop[i].arg, 0, "");
}

static void delete_run(struct op *o);

static void exit_handle(struct container *k)
{
	struct crun *c = k->c;

	crun_exit_read(k);
	/* Free its control group soon, but after whatever waits to start. */
	if (!k->removing && !c->closing)
		op_queue(c, k->id, false, delete_run, NULL, NULL);
	tell_exit(k);
}

static void conmon_ended(void *arg, uint32_t events)
{
	struct container *k = arg;

	(void)events;
	loop_fd_del(k->conmon_watch);
	k->conmon_watch = NULL;
	close(k->conmon_fd);
	k->conmon_fd = -1;
	k->exit_seen = true;
	if (!k->starting)
		exit_handle(k);
}

int crun_watch_conmon(struct container *k)
{
	long pid = crun_read_number(k->dir, "conmon.pid");

	if (pid <= 0)
		return -ERR_NOT_FOUND;
	k->conmon_fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (k->conmon_fd < 0)
		return -ERR_NOT_FOUND;
	k->conmon_watch = loop_fd_add(k->c->loop, k->conmon_fd, EPOLLIN, conmon_ended, k);
	return k->conmon_watch ? 0 : -ERR_NOMEM;
}

/* ---- create ---- */

struct tree { char *path, *path2; struct op *op; };

static void tree_run(void *arg)
{
	struct tree *t = arg;
	struct err e;

	if (file_remove_tree(t->path, &e))
		log_warn("%s", e.msg);
	unlink(t->path2);
}

static void tree_done(void *arg)
{
	struct tree *t = arg;

	if (t->op->answer.len)
		op_end(t->op, -ERR_IO, t->op->answer.p);
	else
		op_end(t->op, 0, "");
	free(t->path);
	free(t->path2);
	free(t);
}

/* Remove bundle and exit code on the worker, then end the op. */
static void drop_files(struct op *o)
{
	struct tree *t = calloc(1, sizeof(*t));
	struct crun *c = o->c;

	if (t && asprintf(&t->path, "%s/%s", c->state_dir, o->id) < 0)
		t->path = NULL;
	if (t && asprintf(&t->path2, "%s/exits/%s", c->state_dir, o->id) < 0)
		t->path2 = NULL;
	if (!t || !t->path || !t->path2) {
		if (t) {
			free(t->path);
			free(t->path2);
		}
		free(t);
		op_end(o, -ERR_NOMEM, "out of memory");
		return;
	}
	t->op = o;
	if (workers_submit(c->workers, tree_run, tree_done, t)) {
		tree_run(t);
		tree_done(t);
	}
}

static void create_undone(void *arg, int wstatus, const char *output)
{
	struct op *o = arg;

	(void)wstatus, (void)output;
	o->tool = NULL;
	drop_files(o);
}

/* What conmon and crun left half made goes first, then done hears of it. */
static void create_fail(struct op *o, const char *message)
{
	const char *argv[] = { o->c->crun, o->c->root_arg, "--cgroup-manager=cgroupfs", "delete", "--force", o->id, NULL };

	loop_fd_del(o->sync_watch);
	o->sync_watch = NULL;
	loop_timer_stop(&o->timer);
	crun_container_free(map_del(&o->c->containers, o->id));
	buf_clear(&o->answer);
	buf_adds(&o->answer, message);
	if (spawn_tool(&o->tool, o->c->loop, argv, create_undone, o, NULL))
		drop_files(o);
}

static void create_timeout(void *arg)
{
	struct op *o = arg;
	struct container *k = map_get(&o->c->containers, o->id);
	long pid = crun_read_number(k->dir, "conmon.pid");

	if (pid > 0)
		kill((pid_t)pid, SIGKILL);
	create_fail(o, "conmon and crun did not create the container in time");
}

static void set_oom_score(const struct container *k)
{
	char path[64], text[16];
	int fd, n = snprintf(text, sizeof(text), "%d", k->oom_score_adj);

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)k->pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if ((fd < 0 || write(fd, text, (size_t)n) != n) && !k->c->oom_told) {
		k->c->oom_told = true;
		log_warn("the kernel's OOM killer will not spare guaranteed pods (%s; CAP_SYS_RESOURCE is missing)",
			strerror(errno));
	}
	if (fd >= 0)
		close(fd);
}

static void create_answer(void *arg, uint32_t events)
{
	struct op *o = arg;
	struct container *k = map_get(&o->c->containers, o->id);
	char text[2048];
	ssize_t n = read(o->sync_fd, text, sizeof(text));
	yyjson_doc *d;
	yyjson_val *root;
	const char *why;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		buf_add(&o->answer, text, (size_t)n);
	if (n > 0 && !memchr(o->answer.p, '\n', o->answer.len) && o->answer.len < 64 << 10)
		return;
	d = o->answer.len ? yyjson_read(o->answer.p, o->answer.len, YYJSON_READ_STOP_WHEN_DONE) : NULL;
	root = yyjson_doc_get_root(d);
	k->pid = (pid_t)yyjson_get_int(yyjson_obj_get(root, "pid"));
	if (k->pid > 0 && crun_watch_conmon(k))
		k->pid = -1;
	if (k->pid <= 0) {
		char path[PATH_MAX];
		BUF_AUTO struct buf b = { 0 };
		char message[1024];

		why = yyjson_get_str(yyjson_obj_get(root, "message"));
		snprintf(path, sizeof(path), "%s/conmon.log", k->dir);
		if (!why && !file_read(path, 64 << 10, &b, NULL) && b.len)
			why = b.p;
		snprintf(message, sizeof(message), "%s", why ? why : "conmon ended without an answer");
		for (size_t l = strlen(message); l && (message[l - 1] == '\n' || message[l - 1] == ' ');)
			message[--l] = 0;
		yyjson_doc_free(d);
		create_fail(o, message);
		return;
	}
	yyjson_doc_free(d);
	k->state = RUNTIME_CREATED;
	if (k->oom_score_adj < 0)
		set_oom_score(k);
	op_end(o, 0, "");
}

static void conmon_forked(void *arg, pid_t pid, int wstatus)
{
	(void)arg, (void)pid, (void)wstatus;    /* the sync pipe tells all */
}

static int start_conmon(struct op *o, struct container *k, struct err *reterr)
{
	char pidfile[PATH_MAX], conmon_pid[PATH_MAX], log_arg[PATH_MAX + 16], exits[PATH_MAX], root[PATH_MAX];
	char err_path[PATH_MAX], fd_env[32];
	const char *argv[40];
	const char *env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", fd_env, NULL };
	struct spawn_req q = { .argv = argv, .env = env, .fds = { -1, -1, -1, -1 }, .fd_count = 4, .session = true,
		.cwd = k->dir };     /* conmon writes a file or two where it stands */
	int fds[2], err_fd, n = 0, rc;
	pid_t pid;

	snprintf(pidfile, sizeof(pidfile), "%s/pidfile", k->dir);
	snprintf(conmon_pid, sizeof(conmon_pid), "%s/conmon.pid", k->dir);
	snprintf(exits, sizeof(exits), "%s/exits", k->c->state_dir);
	snprintf(log_arg, sizeof(log_arg), "k8s-file:%s", o->log_path);
	snprintf(root, sizeof(root), "%s", k->c->root_arg);
	snprintf(err_path, sizeof(err_path), "%s/conmon.log", k->dir);
	snprintf(fd_env, sizeof(fd_env), "_OCI_SYNCPIPE=3");
	argv[n++] = k->c->conmon;
	argv[n++] = "-c"; argv[n++] = k->id;
	argv[n++] = "-n"; argv[n++] = k->id;
	argv[n++] = "-u"; argv[n++] = k->id;
	argv[n++] = "-r"; argv[n++] = k->c->crun;
	argv[n++] = "--runtime-arg"; argv[n++] = root;
	argv[n++] = "--runtime-arg"; argv[n++] = "--cgroup-manager=cgroupfs";
	argv[n++] = "-b"; argv[n++] = k->dir;
	argv[n++] = "-p"; argv[n++] = pidfile;
	argv[n++] = "-P"; argv[n++] = conmon_pid;
	argv[n++] = "-l"; argv[n++] = log_arg;
	argv[n++] = "--exit-dir"; argv[n++] = exits;
	argv[n++] = "--socket-dir-path"; argv[n++] = k->dir;
	argv[n++] = "--full-attach";
	argv[n++] = "--no-sync-log";
	argv[n++] = "--no-new-keyring";
	if (k->tty)
		argv[n++] = "-t";
	if (o->stdin_open) {
		argv[n++] = "-i";
		if (!o->stdin_once)
			argv[n++] = "--leave-stdin-open";
	}
	argv[n] = NULL;
	if (pipe2(fds, O_CLOEXEC))
		return err_errno(reterr, "pipe");
	err_fd = open(err_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	q.fds[2] = err_fd;
	q.fds[3] = fds[1];
	rc = spawn_start(&pid, &q, reterr);
	close(fds[1]);
	if (err_fd >= 0)
		close(err_fd);
	if (rc) {
		close(fds[0]);
		return rc;
	}
	loop_child_add(k->c->loop, pid, conmon_forked, NULL);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	o->sync_fd = fds[0];
	o->sync_watch = loop_fd_add(k->c->loop, fds[0], EPOLLIN, create_answer, o);
	return o->sync_watch ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");
}

static void create_run(struct op *o)
{
	struct container *k = map_get(&o->c->containers, o->id);
	struct err e;

	if (start_conmon(o, k, &e)) {
		create_fail(o, e.msg);
		return;
	}
	loop_timer_set(&o->timer, CREATE_TIMEOUT_MS);
}

static int crun_create(struct runtime *r, const struct runtime_spec *s, runtime_done_fn *done, void *arg)
{
	struct crun *c = (struct crun *)r;
	BUF_AUTO struct buf config = { 0 };
	char cgroup[512], path[PATH_MAX];
	struct container *k;
	struct op *o = NULL;
	struct err e;
	int rc;

	if (!crun_id_ok(s->id))
		return -ERR_BAD_REQUEST;
	if (map_get(&c->containers, s->id))
		return -ERR_EXISTS;
	if (c->containers.len >= CRUN_CONTAINERS_MAX)
		return -ERR_FULL;
	snprintf(cgroup, sizeof(cgroup), "%s/%s%s%s", c->cgroup_root, s->cgroup_parent ? s->cgroup_parent : "",
		s->cgroup_parent ? "/" : "", s->id);
	snprintf(path, sizeof(path), "/%s", cgroup);
	rc = oci_config(&config, s, path, &e);
	if (rc)
		return rc;
	k = crun_container_new(c, s->id, s->pod_id, cgroup);
	if (!k)
		return -ERR_NOMEM;
	k->state = RUNTIME_GONE;
	k->tty = s->tty;
	k->oom_score_adj = s->oom_score_adj;
	rc = file_mkdirs(k->dir, 0700, &e);
	snprintf(path, sizeof(path), "%s/config.json", k->dir);
	if (!rc)
		rc = crun_write_file(path, config.p, config.len, &e);
	if (!rc)
		rc = crun_save(k, &e);
	if (!rc && !(o = op_queue(c, s->id, false, create_run, done, arg)))
		rc = err_set(&e, ERR_NOMEM, "out of memory");
	if (!rc && !(o->log_path = strdup(s->log_path))) {
		op_free(o);
		rc = err_set(&e, ERR_NOMEM, "out of memory");
	}
	if (rc) {
		log_error("container %s: %s", s->id, e.msg);
		map_del(&c->containers, s->id);
		file_remove_tree(k->dir, NULL);
		crun_container_free(k);
		return rc;
	}
	loop_timer_init(&o->timer, c->loop, create_timeout, o);
	o->stdin_open = s->stdin_open;
	o->stdin_once = s->stdin_once;
	return 0;
}

/* ---- start, kill, stop ---- */

static void exit_deferred(void *arg)
{
	exit_handle(arg);
}

static void start_ended(void *arg, int wstatus, const char *output)
{
	struct op *o = arg;
	struct container *k = map_get(&o->c->containers, o->id);
	bool ok = WIFEXITED(wstatus) && !WEXITSTATUS(wstatus);

	o->tool = NULL;
	if (k) {
		k->starting = false;
		if (ok) {
			struct err e;

			k->started_us = env_wall_us();
			k->state = RUNTIME_RUNNING;
			if (crun_save(k, &e))
				log_error("container %s: %s", k->id, e.msg);
		}
	}
	if (k && k->exit_seen)
		loop_defer(o->c->loop, &k->exit_task, exit_deferred, k);
	op_end(o, ok ? 0 : -ERR_IO, ok ? "" : *output ? output : "crun start failed");
}

static void start_run(struct op *o)
{
	const char *argv[] = { o->c->crun, o->c->root_arg, "--cgroup-manager=cgroupfs", "start", o->id, NULL };
	struct container *k = map_get(&o->c->containers, o->id);
	struct err e = { .msg = "the container is gone" };

	if (!k || k->exit_seen || k->removing || spawn_tool(&o->tool, o->c->loop, argv, start_ended, o, &e)) {
		if (k) {
			k->starting = false;
			if (k->exit_seen)
				loop_defer(o->c->loop, &k->exit_task, exit_deferred, k);
		}
		op_end(o, -ERR_IO, e.msg);
	}
}

static int crun_start(struct runtime *r, const char *id, runtime_done_fn *done, void *arg)
{
	struct crun *c = (struct crun *)r;
	struct container *k = crun_find(r, id);

	if (!k)
		return -ERR_NOT_FOUND;
	if (k->state != RUNTIME_CREATED || k->starting)
		return -ERR_CONFLICT;
	/* In front: a created container already holds its memory. */
	if (!op_queue(c, id, true, start_run, done, arg))
		return -ERR_NOMEM;
	k->starting = true;
	return 0;
}

/* k->pid is ours as long as its conmon lives: conmon is its parent and reaps it. */
static int signal_main(struct container *k, int signo)
{
	if (k->exit_seen || k->pid <= 0)
		return -ERR_NOT_FOUND;
	return kill(k->pid, signo) ? -ERR_NOT_FOUND : 0;
}

static int crun_kill(struct runtime *r, const char *id, int signo, runtime_done_fn *done, void *arg)
{
	struct container *k = crun_find(r, id);

	return k ? runtime_tell_later(k->c->loop, signal_main(k, signo), done, arg) : -ERR_NOT_FOUND;
}

static int crun_stop(struct runtime *r, const char *id, int signo, int64_t grace_ms, runtime_done_fn *done, void *arg)
{
	struct container *k = crun_find(r, id);

	if (!k)
		return -ERR_NOT_FOUND;
	if (k->state == RUNTIME_EXITED)
		return runtime_tell_later(k->c->loop, 0, done, arg);
	if (k->state == RUNTIME_GONE)
		return -ERR_CONFLICT;
	if (k->stop_count == CRUN_WAITERS_MAX)
		return -ERR_FULL;
	k->stop[k->stop_count++] = (struct waiter){ done, arg };
	/* A created container has no program yet that could take the signal. */
	signal_main(k, grace_ms <= 0 || k->state == RUNTIME_CREATED ? SIGKILL : signo);
	if (grace_ms > 0)
		loop_timer_set(&k->kill_timer, grace_ms);
	return 0;
}

/* ---- remove ---- */

static void delete_ended(void *arg, int wstatus, const char *output)
{
	struct op *o = arg;
	struct container *k = map_get(&o->c->containers, o->id);
	bool ok = WIFEXITED(wstatus) && !WEXITSTATUS(wstatus);

	o->tool = NULL;
	if (!ok)
		log_debug("crun delete %s: %s", o->id, output);
	if (k)
		k->deleted = true;
	if (k && k->removing) {
		map_del(&o->c->containers, o->id);
		crun_container_free(k);
		drop_files(o);
		return;
	}
	op_end(o, 0, "");
}

static void delete_run(struct op *o)
{
	const char *argv[] = { o->c->crun, o->c->root_arg, "--cgroup-manager=cgroupfs", "delete", "--force", o->id, NULL };
	struct container *k = map_get(&o->c->containers, o->id);

	if (!k) {
		op_end(o, 0, "");
	} else if (k->deleted && k->removing) {
		map_del(&o->c->containers, o->id);
		crun_container_free(k);
		drop_files(o);
	} else if (k->deleted) {
		op_end(o, 0, "");
	} else if (spawn_tool(&o->tool, o->c->loop, argv, delete_ended, o, NULL)) {
		op_end(o, -ERR_IO, "cannot start crun");
	}
}

static void remove_after_exit(void *arg, int rc, const char *message)
{
	struct container *k = arg;
	struct crun *c = k->c;

	(void)rc, (void)message;
	op_queue(c, k->id, false, delete_run, k->remove.done, k->remove.arg);
}

static int crun_remove(struct runtime *r, const char *id, runtime_done_fn *done, void *arg)
{
	struct crun *c = (struct crun *)r;
	struct container *k = crun_find(r, id);

	if (!k)
		return runtime_tell_later(c->loop, 0, done, arg);
	if (k->removing)
		return -ERR_CONFLICT;
	if (k->state == RUNTIME_CREATED || k->state == RUNTIME_RUNNING) {
		int rc;

		k->remove = (struct waiter){ done, arg };
		rc = crun_stop(r, id, SIGKILL, 0, remove_after_exit, k);
		k->removing = !rc;
		return rc;
	}
	if (k->state == RUNTIME_GONE)
		return -ERR_CONFLICT;      /* create is under way */
	k->removing = true;
	if (!op_queue(c, id, false, delete_run, done, arg))
		return -ERR_NOMEM;
	return 0;
}

static int crun_status(struct runtime *r, const char *id, struct runtime_status *ret)
{
	struct container *k = crun_find(r, id);

	if (!k || k->state == RUNTIME_GONE)
		return -ERR_NOT_FOUND;
	crun_status_of(k, ret);
	return 0;
}

static int crun_stats(struct runtime *r, const char *id, struct runtime_stats *ret)
{
	struct container *k = crun_find(r, id);

	return k && k->state == RUNTIME_RUNNING ? cgroup_stats(k->cgroup, ret) : -ERR_NOT_FOUND;
}

/* ---- open, close ---- */

static void crun_close(struct runtime *r)
{
	struct crun *c = (struct crun *)r;
	const char *id;
	size_t it = 0;
	void *v;

	c->closing = true;
	if (c->workers)
		workers_close(c->workers);
	loop_defer_cancel(c->loop, &c->kick);
	list_each(&c->waiting, at)
		op_free(list_entry(at, struct op, in));
	list_each(&c->running, at)
		op_free(list_entry(at, struct op, in));
	while (map_next(&c->containers, &it, &id, &v))
		crun_container_free(v);
	map_finish(&c->containers);
	free(c->state_dir);
	free(c->run_dir);
	free(c->root_arg);
	free(c->crun);
	free(c->conmon);
	free(c);
}

static const struct runtime_ops crun_ops = {
	.close = crun_close, .adopt = crun_adopt, .create = crun_create, .start = crun_start, .kill = crun_kill,
	.stop = crun_stop, .remove = crun_remove, .status = crun_status, .stats = crun_stats, .exec = crun_exec,
	.exec_resize = crun_exec_resize, .exec_kill = crun_exec_kill, .attach = crun_attach,
	.attach_resize = crun_attach_resize, .reopen_log = crun_reopen_log, .sandbox_make = crun_sandbox_make,
	.sandbox_remove = crun_sandbox_remove,
};

static char *find_tool(const char *name, struct err *reterr)
{
	static const char *const dirs[] = { "/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin",
		"/usr/libexec/podman", "/bin" };
	char path[PATH_MAX];

	for (unsigned i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (!access(path, X_OK))
			return strdup(path);
	}
	err_set(reterr, ERR_IO, "%s is not installed; run: apt-get install %s", name, name);
	return NULL;
}

int crun_open(struct runtime **ret, struct loop *l, const char *state_dir, const char *run_dir,
	const struct runtime_events *ev, void *arg, struct err *reterr)
{
	struct crun *c = calloc(1, sizeof(*c));
	BUF_AUTO struct buf boot = { 0 };
	char path[PATH_MAX];
	int rc;

	if (!c)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	c->rt.ops = &crun_ops;
	c->loop = l;
	c->ev = *ev;
	c->arg = arg;
	list_init(&c->waiting);
	list_init(&c->running);
	c->state_dir = strdup(state_dir);
	c->run_dir = strdup(run_dir);
	runtime_cgroup(state_dir, c->cgroup_root);
	if (!(c->crun = find_tool("crun", reterr)) || !(c->conmon = find_tool("conmon", reterr))) {
		rc = -ERR_IO;
		goto fail;
	}
	rc = cgroup_check(reterr);
	if (rc)
		goto fail;
	snprintf(path, sizeof(path), "%s/exits", state_dir);
	rc = file_mkdirs(path, 0700, reterr);
	snprintf(path, sizeof(path), "%s/ns", run_dir);
	if (!rc)
		rc = file_mkdirs(path, 0700, reterr);
	snprintf(path, sizeof(path), "%s/crun", run_dir);
	if (!rc)
		rc = file_mkdirs(path, 0700, reterr);
	if (!rc && (!c->state_dir || !c->run_dir || asprintf(&c->root_arg, "--root=%s", path) < 0))
		rc = err_set(reterr, ERR_NOMEM, "out of memory");
	if (!rc)
		rc = file_read("/proc/sys/kernel/random/boot_id", 64, &boot, reterr);
	if (!rc)
		snprintf(c->boot_id, sizeof(c->boot_id), "%.36s", boot.p);
	if (!rc)
		rc = workers_open(&c->workers, l, "runtime", 1, CRUN_FILE_JOBS_MAX);
	if (!rc)
		rc = crun_adopt_all(c, reterr);
	if (rc)
		goto fail;
	*ret = &c->rt;
	return 0;
fail:
	crun_close(&c->rt);
	return rc;
}
