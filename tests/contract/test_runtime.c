/* SPDX-License-Identifier: Apache-2.0 */
/* One suite over every runtime: what the agent may rely on, whatever runs beneath. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "base/loop.h"
#include "runtime/priv.h"

#define WAIT_MS 20000

static const char *const backends[] = { "fake", "crun" };

struct fix {
	const char *backend;
	struct loop *loop;
	struct runtime *rt;
	char dir[64], root[128], log[128];
	int done_count, done_rc, exits_at_done;
	char message[256];
	int exits;
	struct runtime_status last;
	int exec_exits, exec_code;
	char netns[256];
	int found;
	struct runtime_status found_st;
	char found_pod[64];
};

static void exited(void *arg, const char *id, const struct runtime_status *st)
{
	struct fix *f = arg;

	(void)id;
	f->exits++;
	f->last = *st;
}

static void done(void *arg, int rc, const char *message)
{
	struct fix *f = arg;

	f->done_count++;
	f->done_rc = rc;
	f->exits_at_done = f->exits;
	snprintf(f->message, sizeof(f->message), "%s", message);
}

static void exec_exited(void *arg, int code, const char *message)
{
	struct fix *f = arg;

	f->exec_exits++;
	f->exec_code = code;
	snprintf(f->message, sizeof(f->message), "%s", message);
}

static void wait_until(struct fix *f, const int *counter, int value)
{
	int64_t end = env_now_ms() + WAIT_MS;

	while (*counter < value && env_now_ms() < end)
		loop_turn(f->loop, 100);
	assert_true(*counter >= value);
}

static void open_runtime(struct fix *f)
{
	struct runtime_events ev = { .exited = exited };
	char state[128], run[128];
	struct err e;

	snprintf(state, sizeof(state), "%s/state", f->dir);
	snprintf(run, sizeof(run), "%s/run", f->dir);
	if (runtime_open(&f->rt, f->loop, f->backend, state, run, &ev, f, &e))
		fail_msg("%s", e.msg);
}

static int setup(void **state, const char *backend)
{
	struct fix *f = calloc(1, sizeof(*f));
	char cmd[1024];

	f->backend = backend;
	strcpy(f->dir, "/tmp/rt-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->root, sizeof(f->root), "%s/root", f->dir);
	snprintf(f->log, sizeof(f->log), "%s/log", f->dir);
	if (!strcmp(backend, "crun")) {
		snprintf(cmd, sizeof(cmd), "mkdir -p %s/bin %s/proc %s/sys %s/dev %s/tmp && cp /bin/busybox %s/bin/busybox && "
			"ln -s busybox %s/bin/sh", f->root, f->root, f->root, f->root, f->root, f->root, f->root);
		assert_int_equal(system(cmd), 0);
	}
	assert_int_equal(loop_open(&f->loop), 0);
	/* Whatever process 1 of this machine does for orphans: here they are ours. */
	assert_int_equal(loop_adopt_orphans(f->loop), 0);
	open_runtime(f);
	*state = f;
	return 0;
}

static int setup_fake(void **state)
{
	return setup(state, backends[0]);
}

static int setup_crun(void **state)
{
	if (geteuid() || access("/usr/bin/crun", X_OK) || access("/usr/bin/conmon", X_OK)) {
		*state = NULL;
		return getenv("CI") ? -1 : 0;
	}
	return setup(state, backends[1]);
}

/* What create() asked for, and the test's own. */
static void remove_groups(struct fix *f)
{
	static const char *const below[] = { "/test/pod-1", "/test", "" };
	char state[128], own[RUNTIME_CGROUP_MAX], group[64];

	snprintf(state, sizeof(state), "%s/state", f->dir);
	runtime_cgroup(state, own);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(group, sizeof(group), "%s%s", own, below[i]);
		cgroup_remove(group);
	}
}

static int teardown(void **state)
{
	struct fix *f = *state;

	if (!f)
		return 0;
	for (int i = 0; i < 20; i++)
		loop_turn(f->loop, 10);
	runtime_close(f->rt);
	loop_close(f->loop);
	remove_groups(f);
	file_remove_tree(f->dir, NULL);
	free(f);
	return 0;
}

#define FIX(f) struct fix *f = *state; if (!f) skip()

static void create(struct fix *f, const char *id, const char *script, bool tty)
{
	static const char *const env[] = { "PATH=/bin", "WHO=boat", NULL };
	static const char *const caps[] = { "CAP_CHOWN", "CAP_KILL", NULL };
	const char *args[] = { "/bin/sh", "-c", script, NULL };
	struct runtime_spec s = { .id = id, .pod_id = "pod-1", .rootfs = f->root, .args = args, .env = env, .cwd = "/",
		.hostname = "boat", .caps = caps, .seccomp_default = true, .cgroup_parent = "test/pod-1",
		.memory_bytes = 64 << 20, .cpu_shares = 102, .log_path = f->log, .tty = tty, .stdin_open = tty,
		.netns = NULL };

	f->done_count = 0;
	assert_int_equal(runtime_create(f->rt, &s, done, f), 0);
	assert_int_equal(f->done_count, 0);
	wait_until(f, &f->done_count, 1);
	if (f->done_rc)
		fail_msg("create: %s", f->message);
}

static void start(struct fix *f, const char *id)
{
	f->done_count = 0;
	assert_int_equal(runtime_start(f->rt, id, done, f), 0);
	wait_until(f, &f->done_count, 1);
	if (f->done_rc)
		fail_msg("start: %s", f->message);
}

static void remove_one(struct fix *f, const char *id)
{
	struct runtime_status st;

	f->done_count = 0;
	assert_int_equal(runtime_remove(f->rt, id, done, f), 0);
	wait_until(f, &f->done_count, 1);
	assert_int_equal(f->done_rc, 0);
	assert_int_equal(runtime_status(f->rt, id, &st), -ERR_NOT_FOUND);
}

static void exit_code_is_told_once(void **state)
{
	FIX(f);
	struct runtime_status st;

	create(f, "c-1", "sleep 0.2;exit 7", false);
	assert_int_equal(runtime_status(f->rt, "c-1", &st), 0);
	assert_int_equal(st.state, RUNTIME_CREATED);
	start(f, "c-1");
	assert_int_equal(runtime_status(f->rt, "c-1", &st), 0);
	assert_int_equal(st.state, RUNTIME_RUNNING);
	assert_true(st.started_us > 0);
	wait_until(f, &f->exits, 1);
	assert_int_equal(f->last.exit_code, 7);
	assert_int_equal(f->last.state, RUNTIME_EXITED);
	assert_true(f->last.finished_us >= f->last.started_us);
	remove_one(f, "c-1");
	assert_int_equal(f->exits, 1);
}

static void short_program_starts_before_it_exits(void **state)
{
	FIX(f);

	create(f, "c-1", "exit 0", false);
	f->exits = 0;
	start(f, "c-1");
	assert_int_equal(f->exits_at_done, 0);
	wait_until(f, &f->exits, 1);
	remove_one(f, "c-1");
}

static void stop_kills_after_grace(void **state)
{
	FIX(f);
	int64_t begin;

	create(f, "c-1", "trap '' TERM;while true;do sleep 1;done", false);
	start(f, "c-1");
	loop_turn(f->loop, 50);
	begin = env_now_ms();
	f->done_count = 0;
	assert_int_equal(runtime_stop(f->rt, "c-1", SIGTERM, 300, done, f), 0);
	wait_until(f, &f->done_count, 1);
	assert_int_equal(f->exits, 1);
	assert_int_equal(f->last.exit_code, 137);
	assert_true(env_now_ms() - begin >= 250);
	remove_one(f, "c-1");
}

static void remove_ends_what_runs(void **state)
{
	FIX(f);

	create(f, "c-1", "while true;do sleep 1;done", false);
	start(f, "c-1");
	remove_one(f, "c-1");
	create(f, "c-1", "exit 0", false);
	remove_one(f, "c-1");
}

static void same_id_is_refused(void **state)
{
	FIX(f);
	const char *args[] = { "x", NULL };
	struct runtime_spec s = { .id = "c-1", .pod_id = "p", .rootfs = f->root, .args = args, .log_path = f->log };

	create(f, "c-1", "sleep 100", false);
	assert_int_equal(runtime_create(f->rt, &s, done, f), -ERR_EXISTS);
	remove_one(f, "c-1");
	assert_int_equal(runtime_start(f->rt, "c-1", done, f), -ERR_NOT_FOUND);
	assert_int_equal(runtime_kill(f->rt, "c-1", SIGTERM, done, f), -ERR_NOT_FOUND);
}

static size_t read_all(struct fix *f, int fd, char *out, size_t size)
{
	int64_t end = env_now_ms() + WAIT_MS;
	size_t n = 0;

	while (env_now_ms() < end && n < size - 1) {
		ssize_t got = read(fd, out + n, size - 1 - n);

		if (!got || (got < 0 && errno != EAGAIN))
			break;
		if (got > 0)
			n += (size_t)got;
		else
			loop_turn(f->loop, 20);
	}
	out[n] = 0;
	return n;
}

/* A process beside that of c-1, which runs. */
static struct runtime_exec *exec_in(struct fix *f, const struct runtime_exec_spec *s, int fds[3])
{
	struct runtime_exec *e = NULL;
	struct err err;

	f->exec_exits = 0;
	if (runtime_exec(&e, f->rt, "c-1", s, fds, exec_exited, f, &err))
		fail_msg("%s", err.msg);
	return e;
}

static void exec_ends_with(struct fix *f, int code)
{
	wait_until(f, &f->exec_exits, 1);
	assert_int_equal(f->exec_code, code);
}

static void exec_has_its_own_stdio_and_code(void **state)
{
	FIX(f);
	const char *args[] = { "/bin/sh", "-c", "cat;echo said;exit 5", NULL };
	struct runtime_exec_spec s = { .args = args, .in = true, .out = true };
	struct runtime_exec *e;
	char text[256];
	struct err err;
	int fds[3];

	create(f, "c-1", "sleep 100", false);
	assert_int_equal(runtime_exec(&e, f->rt, "c-1", &s, fds, exec_exited, f, &err), -ERR_NOT_FOUND);
	start(f, "c-1");
	exec_in(f, &s, fds);
	assert_int_equal(fds[2], -1);
	assert_int_equal(write(fds[0], "in\n", 3), 3);
	close(fds[0]);
	read_all(f, fds[1], text, sizeof(text));
	assert_string_equal(text, "in\nsaid\n");
	close(fds[1]);
	exec_ends_with(f, 5);
	remove_one(f, "c-1");
}

static void exec_is_cut_off_by_its_timeout(void **state)
{
	FIX(f);
	const char *args[] = { "/bin/sh", "-c", "sleep 100", NULL };
	struct runtime_exec_spec s = { .args = args, .timeout_ms = 300 };
	int fds[3];

	create(f, "c-1", "sleep 100", false);
	start(f, "c-1");
	exec_in(f, &s, fds);
	exec_ends_with(f, 124);
	assert_string_equal(f->message, "command timed out");
	remove_one(f, "c-1");
}

/* ---- what only real containers can show ---- */

static void sandbox_made_fn(void *arg, int rc, const char *netns, const char *ipcns, const char *message)
{
	struct fix *f = arg;

	done(arg, rc, message);
	snprintf(f->netns, sizeof(f->netns), "%s", netns ? netns : "");
	assert_true(rc || ipcns);
}

static void found_one(void *arg, const char *id, const char *pod_id, const struct runtime_status *st)
{
	struct fix *f = arg;

	(void)id;
	f->found++;
	f->found_st = *st;
	snprintf(f->found_pod, sizeof(f->found_pod), "%s", pod_id);
}

static void containers_outlive_the_runtime(void **state)
{
	FIX(f);
	pid_t pid;

	create(f, "c-1", "while true;do sleep 1;done", false);
	start(f, "c-1");
	create(f, "c-2", "sleep 0.5;exit 9", false);
	start(f, "c-2");
	runtime_close(f->rt);
	usleep(1000 * 1000);
	open_runtime(f);
	runtime_adopt(f->rt, found_one, f);
	assert_int_equal(f->found, 2);
	assert_string_equal(f->found_pod, "pod-1");
	struct runtime_status st;
	assert_int_equal(runtime_status(f->rt, "c-1", &st), 0);
	assert_int_equal(st.state, RUNTIME_RUNNING);
	assert_true(st.started_us > 0);
	pid = st.pid;
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(runtime_status(f->rt, "c-2", &st), 0);
	assert_int_equal(st.state, RUNTIME_EXITED);
	assert_int_equal(st.exit_code, 9);
	f->exits = 0;
	f->done_count = 0;
	assert_int_equal(runtime_stop(f->rt, "c-1", SIGKILL, 0, done, f), 0);
	wait_until(f, &f->done_count, 1);
	assert_int_equal(f->exits, 1);
	remove_one(f, "c-1");
	remove_one(f, "c-2");
}

/* A sanitizer sees what its tool would leave behind. */
static void a_removal_under_way_is_done_again_by_the_next_runtime(void **state)
{
	FIX(f);

	create(f, "c-1", "exit 0", false);
	f->exits = 0;
	start(f, "c-1");
	wait_until(f, &f->exits, 1);
	f->done_count = 0;
	assert_int_equal(runtime_remove(f->rt, "c-1", done, f), 0);
	loop_turn(f->loop, 0);
	assert_int_equal(f->done_count, 0);
	runtime_close(f->rt);
	loop_close(f->loop);
	assert_int_equal(loop_open(&f->loop), 0);
	assert_int_equal(loop_adopt_orphans(f->loop), 0);
	open_runtime(f);
	runtime_adopt(f->rt, found_one, f);
	remove_one(f, "c-1");
}

/* The agent may end between the start and the note of it. */
static void a_start_that_was_not_noted_is_found(void **state)
{
	FIX(f);
	char cmd[256];

	create(f, "c-1", "while true;do sleep 1;done", false);
	start(f, "c-1");
	create(f, "c-2", "exit 3", false);
	runtime_close(f->rt);
	snprintf(cmd, sizeof(cmd), "sed -i 's/started_us\":[0-9]*/started_us\":0/' %s/state/c-*/state.json", f->dir);
	assert_int_equal(system(cmd), 0);
	open_runtime(f);
	struct runtime_status st;
	assert_int_equal(runtime_status(f->rt, "c-1", &st), 0);
	assert_int_equal(st.state, RUNTIME_RUNNING);
	assert_true(env_wall_us() - st.started_us < 60 * INT64_C(1000000));
	/* And one that was not started waits for it. */
	assert_int_equal(runtime_status(f->rt, "c-2", &st), 0);
	assert_int_equal(st.state, RUNTIME_CREATED);
	remove_one(f, "c-1");
	remove_one(f, "c-2");
}

/* Without conmon nobody would know how a container ends: it ends now. */
static void a_container_does_not_outlive_its_conmon(void **state)
{
	FIX(f);
	BUF_AUTO struct buf b = { 0 };
	struct runtime_status st;
	int64_t end = env_now_ms() + WAIT_MS;
	char path[160];

	create(f, "c-1", "while true;do sleep 1;done", false);
	start(f, "c-1");
	assert_int_equal(runtime_status(f->rt, "c-1", &st), 0);
	snprintf(path, sizeof(path), "%s/state/c-1/conmon.pid", f->dir);
	assert_int_equal(file_read(path, 32, &b, NULL), 0);
	assert_int_equal(kill((pid_t)strtol(b.p, NULL, 10), SIGKILL), 0);
	wait_until(f, &f->exits, 1);
	assert_int_equal(f->last.exit_code, 255);
	while (!kill(st.pid, 0) && env_now_ms() < end)
		loop_turn(f->loop, 20);
	assert_int_equal(kill(st.pid, 0), -1);
	remove_one(f, "c-1");
}

static void a_log_put_aside_is_followed_by_a_new_one(void **state)
{
	FIX(f);
	char older[160], cmd[512];
	int64_t end = env_now_ms() + WAIT_MS;

	create(f, "c-1", "i=0;while [ $i -lt 3000 ];do i=$((i+1));echo $i;done", false);
	snprintf(older, sizeof(older), "%s.1", f->log);
	start(f, "c-1");
	assert_int_equal(rename(f->log, older), 0);
	assert_int_equal(runtime_reopen_log(f->rt, "c-1"), 0);
	while (access(f->log, F_OK) && env_now_ms() < end)
		loop_turn(f->loop, 5);
	wait_until(f, &f->exits, 1);
	/* Every line, once, in order, over both; some in two entries, of which the first says P. */
	snprintf(cmd, sizeof(cmd), "test \"$(cat %s %s | awk '{ printf \"%%s%%s\", $4, $3 == \"F\" ? \"\\n\" : \"\" }' | "
		"md5sum)\" = \"$(seq 3000 | md5sum)\"", older, f->log);
	assert_int_equal(system(cmd), 0);
	remove_one(f, "c-1");
}

static void output_goes_to_a_cri_log(void **state)
{
	FIX(f);
	BUF_AUTO struct buf b = { 0 };

	create(f, "c-1", "echo out $WHO $(cat /proc/sys/kernel/hostname);echo bad >&2", false);
	start(f, "c-1");
	wait_until(f, &f->exits, 1);
	assert_int_equal(file_read(f->log, 4096, &b, NULL), 0);
	assert_non_null(strstr(b.p, " stdout F out boat boat\n"));
	assert_non_null(strstr(b.p, " stderr F bad\n"));
	remove_one(f, "c-1");
}

static void missing_program_is_explained(void **state)
{
	FIX(f);
	const char *args[] = { "/no/such", NULL };
	struct runtime_spec s = { .id = "c-1", .pod_id = "p", .rootfs = f->root, .args = args, .log_path = f->log,
		.hostname = "x" };

	assert_int_equal(runtime_create(f->rt, &s, done, f), 0);
	wait_until(f, &f->done_count, 1);
	if (!f->done_rc) {
		f->done_count = 0;
		assert_int_equal(runtime_start(f->rt, "c-1", done, f), 0);
		wait_until(f, &f->done_count, 1);
	}
	assert_int_equal(f->done_rc, -ERR_IO);
	assert_non_null(strstr(f->message, "/no/such"));
	remove_one(f, "c-1");
}

static void exec_on_a_terminal(void **state)
{
	FIX(f);
	const char *args[] = { "/bin/sh", "-c", "read a;echo got $a;exit 3", NULL };
	struct runtime_exec_spec s = { .args = args, .tty = true, .in = true, .out = true };
	struct runtime_exec *e;
	char text[256];
	int fds[3];

	create(f, "c-1", "sleep 100", false);
	start(f, "c-1");
	e = exec_in(f, &s, fds);
	runtime_exec_resize(e, 80, 25);
	assert_int_equal(write(fds[0], "line\n", 5), 5);
	read_all(f, fds[0], text, sizeof(text));
	assert_non_null(strstr(text, "got line\r\n"));
	close(fds[0]);
	exec_ends_with(f, 3);
	remove_one(f, "c-1");
}

/* What was on its way as the program ended is the reader's, whenever it comes for it. How much of
 * it fits where is the kernel's affair: several sizes. */
static void exec_on_a_terminal_waits_for_a_slow_reader(void **state)
{
	FIX(f);
	static char text[400000];

	create(f, "c-1", "sleep 100", false);
	start(f, "c-1");
	for (unsigned size = 80000; size < 300000; size += 40000) {
		char script[80];
		const char *args[] = { "/bin/sh", "-c", script, NULL };
		struct runtime_exec_spec s = { .args = args, .tty = true, .in = true, .out = true };
		int64_t end = env_now_ms() + 400;
		int fds[3];

		snprintf(script, sizeof(script), "stty -opost; head -c %u /dev/zero", size);
		exec_in(f, &s, fds);
		while (env_now_ms() < end)
			loop_turn(f->loop, 20);
		assert_int_equal(read_all(f, fds[0], text, sizeof(text)), size);
		close(fds[0]);
		exec_ends_with(f, 0);
	}
	remove_one(f, "c-1");
}

static void exec_gives_errors_with_the_output(void **state)
{
	FIX(f);
	const char *args[] = { "/bin/sh", "-c", "echo one;echo two >&2", NULL };
	struct runtime_exec_spec s = { .args = args, .out = true, .err_in_out = true };
	char text[256];
	int fds[3];

	create(f, "c-1", "sleep 100", false);
	start(f, "c-1");
	exec_in(f, &s, fds);
	read_all(f, fds[1], text, sizeof(text));
	assert_string_equal(text, "one\ntwo\n");
	close(fds[1]);
	wait_until(f, &f->exec_exits, 1);
	remove_one(f, "c-1");
}

/* The container's first process is a sleep: it waits for nobody else's children. */
static void exec_ends_though_its_children_have_no_parent(void **state)
{
	FIX(f);
	const char *args[] = { "/bin/sh", "-c", "(sleep 0.2 &) ; sleep 1000 & exit 4", NULL };
	int fds[3];

	create(f, "c-1", "exec sleep 100", false);
	start(f, "c-1");
	for (int i = 0; i < 20; i++) {
		struct runtime_exec_spec s = { .args = args, .out = i % 2, .err = i % 2 };

		exec_in(f, &s, fds);
		exec_ends_with(f, 4);
		for (unsigned k = 1; k < 3; k++)
			if (fds[k] >= 0)
				close(fds[k]);
	}
	remove_one(f, "c-1");
}

static void exec_of_a_missing_program_is_explained(void **state)
{
	FIX(f);
	const char *args[] = { "no-such", NULL };
	struct runtime_exec_spec s = { .args = args };
	int fds[3];

	create(f, "c-1", "sleep 100", false);
	start(f, "c-1");
	exec_in(f, &s, fds);
	wait_until(f, &f->exec_exits, 1);
	assert_int_not_equal(f->exec_code, 0);
	assert_non_null(strstr(f->message, "no-such"));
	remove_one(f, "c-1");
}

static void attach_reads_and_writes_the_main_process(void **state)
{
	FIX(f);
	char text[512];
	int64_t end = env_now_ms() + WAIT_MS;
	size_t n = 0;
	struct err err;
	int fd;

	create(f, "c-1", "read a;echo got $a", true);
	assert_int_equal(runtime_attach(f->rt, "c-1", &fd, &err), 0);
	start(f, "c-1");
	runtime_attach_resize(f->rt, "c-1", 80, 25);
	assert_int_equal(write(fd, "line\n", 5), 5);
	text[0] = 0;
	while (!strstr(text, "got line") && env_now_ms() < end && n < sizeof(text) - 1) {
		char packet[300];
		ssize_t got = read(fd, packet, sizeof(packet));

		if (got > 1) {
			assert_int_equal(packet[0], 2);
			memcpy(text + n, packet + 1, (size_t)got - 1);
			n += (size_t)got - 1;
			text[n] = 0;
		} else {
			loop_turn(f->loop, 20);
		}
	}
	assert_non_null(strstr(text, "got line"));
	close(fd);
	wait_until(f, &f->exits, 1);
	remove_one(f, "c-1");
}

static void namespaces_are_pinned_and_found_again(void **state)
{
	FIX(f);
	struct stat a, b;

	assert_int_equal(runtime_sandbox_make(f->rt, "pod-1", true, sandbox_made_fn, f), 0);
	wait_until(f, &f->done_count, 1);
	if (f->done_rc)
		fail_msg("%s", f->message);
	assert_int_equal(stat(f->netns, &a), 0);
	f->done_count = 0;
	assert_int_equal(runtime_sandbox_make(f->rt, "pod-1", true, sandbox_made_fn, f), 0);
	wait_until(f, &f->done_count, 1);
	assert_int_equal(stat(f->netns, &b), 0);
	assert_true(a.st_ino == b.st_ino);
	assert_int_equal(stat("/proc/self/ns/net", &b), 0);
	assert_true(a.st_ino != b.st_ino);
	runtime_sandbox_remove(f->rt, "pod-1", "test/pod-1");
	runtime_close(f->rt);
	assert_int_not_equal(stat(f->netns, &b), 0);
	open_runtime(f);
}

static void out_of_memory_is_told(void **state)
{
	FIX(f);

	create(f, "c-1", "x=x;while true;do x=$x$x$x$x;done", false);
	start(f, "c-1");
	wait_until(f, &f->exits, 1);
	assert_true(f->last.oom);
	assert_int_not_equal(f->last.exit_code, 0);
	remove_one(f, "c-1");
}

static void stats_are_of_the_container(void **state)
{
	FIX(f);
	struct runtime_stats st;

	create(f, "c-1", "while true;do sleep 1;done", false);
	start(f, "c-1");
	assert_int_equal(runtime_stats(f->rt, "c-1", &st), 0);
	assert_true(st.pids >= 1);
	assert_true(st.memory_bytes > 0);
	remove_one(f, "c-1");
}

#define BOTH(fn) cmocka_unit_test_setup_teardown(fn, setup_fake, teardown), \
	cmocka_unit_test_setup_teardown(fn, setup_crun, teardown)
#define CRUN(fn) cmocka_unit_test_setup_teardown(fn, setup_crun, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(exit_code_is_told_once),
		BOTH(short_program_starts_before_it_exits),
		BOTH(stop_kills_after_grace),
		BOTH(remove_ends_what_runs),
		BOTH(same_id_is_refused),
		BOTH(exec_has_its_own_stdio_and_code),
		BOTH(exec_is_cut_off_by_its_timeout),
		CRUN(containers_outlive_the_runtime),
		CRUN(a_removal_under_way_is_done_again_by_the_next_runtime),
		CRUN(a_start_that_was_not_noted_is_found),
		CRUN(output_goes_to_a_cri_log),
		CRUN(a_container_does_not_outlive_its_conmon),
		CRUN(a_log_put_aside_is_followed_by_a_new_one),
		CRUN(missing_program_is_explained),
		CRUN(exec_on_a_terminal),
		CRUN(exec_on_a_terminal_waits_for_a_slow_reader),
		CRUN(exec_gives_errors_with_the_output),
		CRUN(exec_ends_though_its_children_have_no_parent),
		CRUN(exec_of_a_missing_program_is_explained),
		CRUN(attach_reads_and_writes_the_main_process),
		CRUN(namespaces_are_pinned_and_found_again),
		CRUN(stats_are_of_the_container),
		CRUN(out_of_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
