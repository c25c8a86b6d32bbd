/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci - a container's config.json, and the process of an exec.
 * Source: OCI runtime-spec config.md, config-linux.md; what kubelet's runtimes give by
 * default (devices, masked and read-only paths).
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <yyjson.h>

#include "runtime/priv.h"

#define NOFILE_SOFT 65536
#define NOFILE_HARD 1048576
#define DEVICES_MAX 1000
#define DEVICES_DEPTH_MAX 3

typedef yyjson_mut_doc jdoc;
typedef yyjson_mut_val jval;

static const char *const masked_paths[] = {
	"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
	"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
	"/sys/devices/virtual/powercap", NULL,
};
static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};
static const struct runtime_mount default_mounts[] = {
	{ "proc", "/proc", "proc", "nosuid,noexec,nodev" },
	{ "tmpfs", "/dev", "tmpfs", "nosuid,strictatime,mode=755,size=65536k" },
	{ "devpts", "/dev/pts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5" },
	{ "mqueue", "/dev/mqueue", "mqueue", "nosuid,noexec,nodev" },
	{ "sysfs", "/sys", "sysfs", "nosuid,noexec,nodev,ro" },
	{ "cgroup", "/sys/fs/cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro" },
	{ "shm", "/dev/shm", "tmpfs", "nosuid,noexec,nodev,mode=1777,size=65536k" },
};

static jval *strings(jdoc *d, const char *const *v)
{
	jval *a = yyjson_mut_arr(d);

	for (; v && *v; v++)
		yyjson_mut_arr_add_strcpy(d, a, *v);
	return a;
}

static bool has_mount(const struct runtime_spec *s, const char *target)
{
	for (unsigned i = 0; i < s->mount_count; i++)
		if (!strcmp(s->mounts[i].target, target))
			return true;
	return false;
}

static void add_mount(jdoc *d, jval *to, const struct runtime_mount *m, bool rw)
{
	jval *o = yyjson_mut_arr_add_obj(d, to), *opts;
	const char *p = m->options ? m->options : "";

	yyjson_mut_obj_add_strcpy(d, o, "destination", m->target);
	yyjson_mut_obj_add_strcpy(d, o, "type", m->type);
	yyjson_mut_obj_add_strcpy(d, o, "source", m->source);
	opts = yyjson_mut_obj_add_arr(d, o, "options");
	while (*p) {
		size_t n = strcspn(p, ",");

		if (n == 2 && !memcmp(p, "ro", 2) && rw)
			yyjson_mut_arr_add_str(d, opts, "rw");
		else if (n)
			yyjson_mut_arr_add_strncpy(d, opts, p, n);
		p += n + (p[n] == ',');
	}
}

/* A privileged container sees the machine's devices, but has terminals of its own. */
static unsigned add_devices(jdoc *d, jval *to, const char *dir, unsigned depth, unsigned count)
{
	static const char *const own[] = { "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/console", "/dev/ptmx",
		"/dev/tty", "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/fd", NULL };
	DIR *h = opendir(dir);
	struct dirent *e;

	if (!h)
		return count;
	while ((e = readdir(h)) && count < DEVICES_MAX) {
		char path[512];
		struct stat st;
		bool skip = e->d_name[0] == '.';

		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		for (unsigned i = 0; own[i] && !skip; i++)
			skip = !strcmp(path, own[i]);
		if (skip || lstat(path, &st))
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEVICES_DEPTH_MAX) {
			count = add_devices(d, to, path, depth + 1, count);
		} else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
			jval *o = yyjson_mut_arr_add_obj(d, to);

			yyjson_mut_obj_add_strcpy(d, o, "path", path);
			yyjson_mut_obj_add_str(d, o, "type", S_ISCHR(st.st_mode) ? "c" : "b");
			yyjson_mut_obj_add_int(d, o, "major", major(st.st_rdev));
			yyjson_mut_obj_add_int(d, o, "minor", minor(st.st_rdev));
			yyjson_mut_obj_add_int(d, o, "fileMode", st.st_mode & 07777);
			yyjson_mut_obj_add_int(d, o, "uid", st.st_uid);
			yyjson_mut_obj_add_int(d, o, "gid", st.st_gid);
			count++;
		}
	}
	closedir(h);
	return count;
}

static void add_process(jdoc *d, jval *root, const struct runtime_spec *s)
{
	jval *p = yyjson_mut_obj_add_obj(d, root, "process"), *o, *a;
	struct rlimit lim;

	yyjson_mut_obj_add_bool(d, p, "terminal", s->tty);
	o = yyjson_mut_obj_add_obj(d, p, "user");
	yyjson_mut_obj_add_uint(d, o, "uid", s->uid);
	yyjson_mut_obj_add_uint(d, o, "gid", s->gid);
	a = yyjson_mut_obj_add_arr(d, o, "additionalGids");
	for (unsigned i = 0; i < s->group_count; i++)
		yyjson_mut_arr_add_uint(d, a, s->groups[i]);
	yyjson_mut_obj_add_val(d, p, "args", strings(d, s->args));
	yyjson_mut_obj_add_val(d, p, "env", strings(d, s->env));
	yyjson_mut_obj_add_strcpy(d, p, "cwd", s->cwd && *s->cwd ? s->cwd : "/");
	o = yyjson_mut_obj_add_obj(d, p, "capabilities");
	yyjson_mut_obj_add_val(d, o, "bounding", strings(d, s->caps));
	yyjson_mut_obj_add_val(d, o, "effective", strings(d, s->caps));
	yyjson_mut_obj_add_val(d, o, "permitted", strings(d, s->caps));
	a = yyjson_mut_obj_add_arr(d, p, "rlimits");
	o = yyjson_mut_arr_add_obj(d, a);
	yyjson_mut_obj_add_str(d, o, "type", "RLIMIT_NOFILE");
	/* crun sets it when it may not raise it any more. */
	if (getrlimit(RLIMIT_NOFILE, &lim))
		lim.rlim_max = NOFILE_SOFT;
	yyjson_mut_obj_add_uint(d, o, "soft", lim.rlim_max < NOFILE_SOFT ? lim.rlim_max : NOFILE_SOFT);
	yyjson_mut_obj_add_uint(d, o, "hard", lim.rlim_max < NOFILE_HARD ? lim.rlim_max : NOFILE_HARD);
	yyjson_mut_obj_add_bool(d, p, "noNewPrivileges", s->no_new_privileges);
	/* A negative one crun could not set any more from inside: crun.c does, from outside. */
	if (s->oom_score_adj >= 0)
		yyjson_mut_obj_add_int(d, p, "oomScoreAdj", s->oom_score_adj);
}

static void add_resources(jdoc *d, jval *lx, const struct runtime_spec *s)
{
	jval *r = yyjson_mut_obj_add_obj(d, lx, "resources"), *o;
	jval *devices = yyjson_mut_obj_add_arr(d, r, "devices");

	o = yyjson_mut_arr_add_obj(d, devices);
	yyjson_mut_obj_add_bool(d, o, "allow", s->privileged);
	yyjson_mut_obj_add_str(d, o, "access", "rwm");
	if (s->cpu_shares || s->cpu_quota_us) {
		o = yyjson_mut_obj_add_obj(d, r, "cpu");
		if (s->cpu_shares)
			yyjson_mut_obj_add_uint(d, o, "shares", s->cpu_shares);
		if (s->cpu_quota_us) {
			yyjson_mut_obj_add_uint(d, o, "quota", s->cpu_quota_us);
			yyjson_mut_obj_add_uint(d, o, "period", s->cpu_period_us ? s->cpu_period_us : 100000);
		}
	}
	if (s->memory_bytes > 0) {
		o = yyjson_mut_obj_add_obj(d, r, "memory");
		yyjson_mut_obj_add_int(d, o, "limit", s->memory_bytes);
	}
	if (s->pids > 0) {
		o = yyjson_mut_obj_add_obj(d, r, "pids");
		yyjson_mut_obj_add_int(d, o, "limit", s->pids);
	}
}

static void add_namespace(jdoc *d, jval *a, const char *type, const char *path)
{
	jval *o = yyjson_mut_arr_add_obj(d, a);

	yyjson_mut_obj_add_str(d, o, "type", type);
	if (path)
		yyjson_mut_obj_add_strcpy(d, o, "path", path);
}

static void add_linux(jdoc *d, jval *root, const struct runtime_spec *s, const char *cgroup)
{
	jval *lx = yyjson_mut_obj_add_obj(d, root, "linux"), *a;

	a = yyjson_mut_obj_add_arr(d, lx, "namespaces");
	add_namespace(d, a, "mount", NULL);
	if (s->hostname)
		add_namespace(d, a, "uts", NULL);
	if (!s->host_pid)
		add_namespace(d, a, "pid", NULL);
	if (s->netns)
		add_namespace(d, a, "network", s->netns);
	if (s->ipcns)
		add_namespace(d, a, "ipc", s->ipcns);
	yyjson_mut_obj_add_strcpy(d, lx, "cgroupsPath", cgroup);
	add_resources(d, lx, s);
	if (s->sysctls && s->sysctls[0]) {
		jval *o = yyjson_mut_obj_add_obj(d, lx, "sysctl");

		for (const char *const *v = s->sysctls; *v; v++) {
			const char *eq = strchr(*v, '=');

			if (eq)
				yyjson_mut_obj_add(o, yyjson_mut_strncpy(d, *v, (size_t)(eq - *v)),
					yyjson_mut_strcpy(d, eq + 1));
		}
	}
	if (s->privileged) {
		add_devices(d, yyjson_mut_obj_add_arr(d, lx, "devices"), "/dev", 0, 0);
	} else if (!s->unmasked) {
		yyjson_mut_obj_add_val(d, lx, "maskedPaths", strings(d, masked_paths));
		yyjson_mut_obj_add_val(d, lx, "readonlyPaths", strings(d, readonly_paths));
	}
	if (s->seccomp_default && !s->privileged) {
		BUF_AUTO struct buf b = { 0 };

		seccomp_default(&b, s->caps);
		yyjson_mut_obj_add_val(d, lx, "seccomp", yyjson_mut_rawncpy(d, b.p, b.len));
	}
}

int oci_config(struct buf *out, const struct runtime_spec *s, const char *cgroup, struct err *reterr)
{
	jdoc *d = yyjson_mut_doc_new(NULL);
	jval *root, *a, *o;
	size_t n = 0;
	char *text;

	if (!d)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	root = yyjson_mut_obj(d);
	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_str(d, root, "ociVersion", "1.0.2");
	add_process(d, root, s);
	o = yyjson_mut_obj_add_obj(d, root, "root");
	yyjson_mut_obj_add_strcpy(d, o, "path", s->rootfs);
	yyjson_mut_obj_add_bool(d, o, "readonly", s->read_only);
	if (s->hostname)
		yyjson_mut_obj_add_strcpy(d, root, "hostname", s->hostname);
	a = yyjson_mut_obj_add_arr(d, root, "mounts");
	for (unsigned i = 0; i < sizeof(default_mounts) / sizeof(default_mounts[0]); i++)
		if (!has_mount(s, default_mounts[i].target))
			add_mount(d, a, &default_mounts[i], s->privileged);
	for (unsigned i = 0; i < s->mount_count; i++)
		add_mount(d, a, &s->mounts[i], false);
	add_linux(d, root, s, cgroup);
	text = yyjson_mut_val_write(root, 0, &n);
	yyjson_mut_doc_free(d);
	if (!text)
		return err_set(reterr, ERR_BAD_REQUEST, "a string of the container is not UTF-8");
	buf_add(out, text, n);
	free(text);
	return out->failed ? err_set(reterr, ERR_NOMEM, "out of memory") : 0;
}

int oci_exec_process(struct buf *out, const char *config, size_t config_len, const struct runtime_exec_spec *s,
	struct err *reterr)
{
	yyjson_doc *in = yyjson_read(config, config_len, 0);
	jdoc *d = yyjson_mut_doc_new(NULL);
	jval *p = NULL, *env;
	size_t n = 0;
	char *text;

	if (in && d)
		p = yyjson_val_mut_copy(d, yyjson_obj_get(yyjson_doc_get_root(in), "process"));
	yyjson_doc_free(in);
	if (!p) {
		yyjson_mut_doc_free(d);
		return err_set(reterr, ERR_CORRUPT, "the container's config.json cannot be read");
	}
	yyjson_mut_obj_put(p, yyjson_mut_str(d, "args"), strings(d, s->args));
	yyjson_mut_obj_put(p, yyjson_mut_str(d, "terminal"), yyjson_mut_bool(d, s->tty));
	if (s->cwd)
		yyjson_mut_obj_put(p, yyjson_mut_str(d, "cwd"), yyjson_mut_strcpy(d, s->cwd));
	if (s->env)
		yyjson_mut_obj_put(p, yyjson_mut_str(d, "env"), strings(d, s->env));
	env = yyjson_mut_obj_get(p, "env");
	if (s->tty)
		yyjson_mut_arr_add_str(d, env, "TERM=xterm");
	text = yyjson_mut_val_write(p, 0, &n);
	yyjson_mut_doc_free(d);
	if (!text)
		return err_set(reterr, ERR_BAD_REQUEST, "the command is not UTF-8");
	buf_add(out, text, n);
	free(text);
	return out->failed ? err_set(reterr, ERR_NOMEM, "out of memory") : 0;
}
