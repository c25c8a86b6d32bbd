/* SPDX-License-Identifier: Apache-2.0 */
/*
 * down - take everything of an agent off the machine: processes by their cgroups,
 * mounts by their paths, then the network, the groups and what is under run_dir.
 *
 * It trusts no state of ours: what the kernel still shows is what has to go, also
 * after a crash in the middle of anything.
 */
#define LOG_MODULE "down"
#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/env.h"
#include "base/file.h"
#include "base/log.h"
#include "net/cni.h"
#include "net/net.h"
#include "runtime/runtime.h"

#define KILL_WAIT_MS 10000

static void nap_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* Every process listed in the cgroup.procs below dir is sent signo; their number. */
static unsigned signal_tree(const char *dir, int signo)
{
	char *const paths[] = { (char *)dir, NULL };
	FTS *f = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	unsigned n = 0;

	for (FTSENT *e; f && (e = fts_read(f));) {
		if (e->fts_info != FTS_F || strcmp(e->fts_name, "cgroup.procs"))
			continue;
		FILE *p = fopen(e->fts_path, "re");
		int pid;
		while (p && fscanf(p, "%d", &pid) == 1)
			n += pid > 0 && pid != getpid() && !kill(pid, signo);
		if (p)
			fclose(p);
	}
	if (f)
		fts_close(f);
	return n;
}

/* The agent's own group in every hierarchy that has it. */
static void each_hierarchy(const char *data_dir, void (*fn)(void *arg, const char *dir), void *arg)
{
	DIR *d = opendir("/sys/fs/cgroup");
	char path[4200], group[RUNTIME_CGROUP_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/containers", data_dir);
	runtime_cgroup(path, group);
	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", group);
	if (!stat(path, &st))
		fn(arg, path);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s", e->d_name, group);
		if (!stat(path, &st))
			fn(arg, path);
	}
	if (d)
		closedir(d);
}

struct killing { int signo; unsigned found; };

static void kill_in(void *arg, const char *dir)
{
	struct killing *k = arg;

	k->found += signal_tree(dir, k->signo);
}

static void remove_groups(void *arg, const char *dir)
{
	char *const paths[] = { (char *)dir, NULL };
	FTS *f = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);

	(void)arg;
	for (FTSENT *e; f && (e = fts_read(f));)
		if (e->fts_info == FTS_DP)
			rmdir(e->fts_path);
	if (f)
		fts_close(f);
	/* What all clouds share goes with the last of them. */
	char parent[4200];
	snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(dir, '/') - dir), dir);
	rmdir(parent);
}

/* The processes end by themselves once; those that do not are killed. */
static int stop_processes(const char *data_dir, struct err *reterr)
{
	int64_t until = env_now_ms() + KILL_WAIT_MS;

	for (struct killing k = { .signo = SIGKILL };; k.found = 0) {
		each_hierarchy(data_dir, kill_in, &k);
		if (!k.found)
			return 0;
		if (env_now_ms() > until)
			return err_set(reterr, ERR_DEADLINE, "%u container processes do not end (stuck in the kernel?); look at `ps`", k.found);
		nap_ms(20);
	}
}

/* Unmount what is below dir, the newest first; mount points hide others. */
static unsigned unmount_below(const char *dir)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	size_t n = 0, cap = 0, len = strlen(dir), size = 0;
	char **v = NULL, *line = NULL, point[4096];
	unsigned left = 0;

	while (f && getline(&line, &size, f) > 0) {
		if (sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1 || strncmp(point, dir, len) ||
		    (point[len] && point[len] != '/'))
			continue;
		if (n == cap) {
			char **more = realloc(v, (cap = cap ? cap * 2 : 64) * sizeof(*v));
			if (!more)
				break;
			v = more;
		}
		v[n++] = strdup(point);
	}
	free(line);
	if (f)
		fclose(f);
	while (n--) {
		if (v[n] && umount2(v[n], UMOUNT_NOFOLLOW) && umount2(v[n], MNT_DETACH | UMOUNT_NOFOLLOW) && errno != EINVAL) {
			log_warn("unmount %s: %s", v[n], strerror(errno));
			left++;
		}
		free(v[n]);
	}
	free(v);
	return left;
}

int agent_down(const char *data_dir, const char *run_dir, struct err *reterr)
{
	char path[4200], data[4096], run[4096];
	struct cni_config cni = { .bin_dirs = "", .state_dir = path };     /* plugins: where they were */
	int rc = stop_processes(data_dir, reterr), rc2, rc3;
	unsigned left = 0;

	snprintf(path, sizeof(path), "%s/net", data_dir);
	/* While their namespaces are there. */
	rc3 = cni_down(&cni, rc ? NULL : reterr);
	rc = rc ? rc : rc3;
	if (realpath(run_dir, run))
		left += unmount_below(run);
	if (realpath(data_dir, data))
		left += unmount_below(data);
	snprintf(path, sizeof(path), "%s/net", data_dir);
	rc2 = net_down("sampan", path, rc ? NULL : reterr);
	if (!rc2 && !rc3)              /* with the range its Node was given */
		rc2 = file_remove_tree(path, rc ? NULL : reterr);
	each_hierarchy(data_dir, remove_groups, NULL);
	if (left)
		return rc ? rc : err_set(reterr, ERR_IO, "%u mounts are busy; see `grep sampan /proc/mounts`", left);
	file_remove_tree(run_dir, NULL);
	/* Containers and pods are gone; images stay for the next start. */
	snprintf(path, sizeof(path), "%s/pods", data_dir);
	file_remove_tree(path, NULL);
	snprintf(path, sizeof(path), "%s/containers", data_dir);
	file_remove_tree(path, NULL);
	return rc ? rc : rc2;
}
