/* SPDX-License-Identifier: Apache-2.0 */
/* crun_container - what is remembered of a container, in memory and in its bundle, and how
 * it is found again after a restart. */
#define LOG_MODULE "runtime"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yyjson.h>

#include "base/env.h"
#include "base/file.h"
#include "runtime/crun_priv.h"

#define EXIT_LOST 255              /* conmon was killed: the code is not known */

void crun_container_free(struct container *k)
{
	if (!k)
		return;
	loop_fd_del(k->conmon_watch);
	if (k->conmon_fd >= 0)
		close(k->conmon_fd);
	loop_timer_stop(&k->kill_timer);
	loop_defer_cancel(k->c->loop, &k->exit_task);
	free(k->pod_id);
	free(k->cgroup);
	free(k->dir);
	free(k);
}

static void kill_now(void *arg)
{
	struct container *k = arg;

	if (k->pid > 0 && !k->exit_seen)
		kill(k->pid, SIGKILL);
}

struct container *crun_container_new(struct crun *c, const char *id, const char *pod_id, const char *cgroup)
{
	struct container *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->c = c;
	k->conmon_fd = -1;
	snprintf(k->id, sizeof(k->id), "%s", id);
	k->pod_id = strdup(pod_id);
	k->cgroup = strdup(cgroup);
	if (asprintf(&k->dir, "%s/%s", c->state_dir, id) < 0)
		k->dir = NULL;
	loop_timer_init(&k->kill_timer, c->loop, kill_now, k);
	if (!k->pod_id || !k->cgroup || !k->dir || map_put(&c->containers, id, k, NULL)) {
		crun_container_free(k);
		return NULL;
	}
	return k;
}

struct container *crun_find(struct runtime *r, const char *id)
{
	return map_get(&((struct crun *)r)->containers, id);
}

void crun_status_of(const struct container *k, struct runtime_status *ret)
{
	*ret = (struct runtime_status){ .state = k->state, .pid = k->pid, .exit_code = k->exit_code, .oom = k->oom,
		.started_us = k->started_us, .finished_us = k->finished_us };
}

/* Small, and not fsynced: after a power loss nothing of it runs any more. */
int crun_write_file(const char *path, const char *p, size_t n, struct err *reterr)
{
	char tmp[PATH_MAX];
	int fd, rc = 0;

	snprintf(tmp, sizeof(tmp), "%s.new", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(reterr, "create %s", tmp);
	if (write(fd, p, n) != (ssize_t)n)
		rc = err_errno(reterr, "write %s", tmp);
	close(fd);
	if (!rc && rename(tmp, path))
		rc = err_errno(reterr, "rename %s", tmp);
	return rc;
}

int crun_save(const struct container *k, struct err *reterr)
{
	BUF_AUTO struct buf b = { 0 };
	char path[PATH_MAX];

	buf_adds(&b, "{\"pod\":");
	buf_add_json(&b, k->pod_id, strlen(k->pod_id));
	buf_adds(&b, ",\"cgroup\":");
	buf_add_json(&b, k->cgroup, strlen(k->cgroup));
	buf_printf(&b, ",\"boot\":\"%s\",\"tty\":%s,\"started_us\":%" PRId64 "}", k->c->boot_id,
		k->tty ? "true" : "false", k->started_us);
	if (b.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	snprintf(path, sizeof(path), "%s/state.json", k->dir);
	return crun_write_file(path, b.p, b.len, reterr);
}

long crun_read_number(const char *dir, const char *name)
{
	BUF_AUTO struct buf b = { 0 };
	char path[PATH_MAX];
	char *end;
	long v;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (file_read(path, 64, &b, NULL) || !b.len)
		return -1;
	v = strtol(b.p, &end, 10);
	return end == b.p ? -1 : v;
}

/* conmon is gone: what it left says how the container ended. */
void crun_exit_read(struct container *k)
{
	char path[PATH_MAX];
	struct stat st;
	long code;

	snprintf(path, sizeof(path), "%s/exits", k->c->state_dir);
	code = crun_read_number(path, k->id);
	k->exit_code = code < 0 ? EXIT_LOST : (int)code;
	snprintf(path, sizeof(path), "%s/exits/%s", k->c->state_dir, k->id);
	k->finished_us = !stat(path, &st) ? st.st_mtim.tv_sec * INT64_C(1000000) + st.st_mtim.tv_nsec / 1000 :
		env_wall_us();
	k->oom = cgroup_oom(k->cgroup);
	k->state = RUNTIME_EXITED;
	loop_timer_stop(&k->kill_timer);
	/* A conmon that was killed may leave its container running without a log. */
	if (code < 0 && k->pid > 0)
		kill(k->pid, SIGKILL);
}

bool crun_id_ok(const char *id)
{
	size_t n = strlen(id);

	return n && n <= CRUN_ID_MAX && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && id[0] != '-' &&
		strcmp(id, "exits");
}

/* ---- adoption ---- */

/*
 * When a container began that was started just before an earlier life of ours ended: crun's
 * FIFO, at which it waited until then, is gone, and with that its directory changed. 0: never.
 * Source: crun, src/libcrun/status.c (exec.fifo).
 */
static int64_t began_us(const struct container *k)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/crun/%s/exec.fifo", k->c->run_dir, k->id);
	if (file_exists(path))
		return 0;
	*strrchr(path, '/') = 0;
	return stat(path, &st) ? 0 : st.st_mtim.tv_sec * INT64_C(1000000) + st.st_mtim.tv_nsec / 1000;
}

static bool conmon_is_of(long pid, const char *id)
{
	BUF_AUTO struct buf b = { 0 };
	char path[64];
	size_t at = 0;

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	if (pid <= 0 || file_read(path, 64 << 10, &b, NULL))
		return false;
	for (; at < b.len; at += strlen(b.p + at) + 1)
		if (!strcmp(b.p + at, id))
			return true;
	return false;
}

static void adopt_one(struct crun *c, const char *id)
{
	BUF_AUTO struct buf b = { 0 };
	char path[PATH_MAX];
	struct container *k;
	const char *boot;
	yyjson_doc *d;
	yyjson_val *v;
	bool here;

	snprintf(path, sizeof(path), "%s/%s/state.json", c->state_dir, id);
	if (file_read(path, 64 << 10, &b, NULL) || !(d = yyjson_read(b.p, b.len, 0))) {
		snprintf(path, sizeof(path), "%s/%s", c->state_dir, id);
		file_remove_tree(path, NULL);
		return;
	}
	v = yyjson_doc_get_root(d);
	boot = yyjson_get_str(yyjson_obj_get(v, "boot"));
	k = crun_container_new(c, id, yyjson_get_str(yyjson_obj_get(v, "pod")) ?: "",
		yyjson_get_str(yyjson_obj_get(v, "cgroup")) ?: "");
	if (k) {
		k->started_us = yyjson_get_sint(yyjson_obj_get(v, "started_us"));
		k->tty = yyjson_get_bool(yyjson_obj_get(v, "tty"));
		k->pid = (pid_t)crun_read_number(k->dir, "pidfile");
		if (!k->started_us && k->pid > 0)
			k->started_us = began_us(k);
		here = boot && !strcmp(boot, c->boot_id) && conmon_is_of(crun_read_number(k->dir, "conmon.pid"), id) &&
			!crun_watch_conmon(k);
		if (here) {
			k->state = k->started_us ? RUNTIME_RUNNING : RUNTIME_CREATED;
		} else {
			k->pid = -1;
			k->exit_seen = true;
			crun_exit_read(k);
		}
	}
	yyjson_doc_free(d);
}

void crun_adopt(struct runtime *r, void (*found)(void *, const char *, const char *,
	const struct runtime_status *), void *arg)
{
	struct crun *c = (struct crun *)r;
	const char *id;
	size_t it = 0;
	void *v;

	while (map_next(&c->containers, &it, &id, &v)) {
		struct container *k = v;
		struct runtime_status st;

		crun_status_of(k, &st);
		/* Whatever became of it, its program never began. */
		if (!k->started_us)
			st.state = RUNTIME_CREATED;
		found(arg, k->id, k->pod_id, &st);
	}
}

int crun_adopt_all(struct crun *c, struct err *reterr)
{
	DIR *d = opendir(c->state_dir);
	struct dirent *e;

	if (!d)
		return err_errno(reterr, "%s", c->state_dir);
	while ((e = readdir(d)))
		if (crun_id_ok(e->d_name))
			adopt_one(c, e->d_name);
	closedir(d);
	return 0;
}
