/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup - reading and tidying the kernel's control groups, version 2 and the hybrid of 1 and 2.
 * Source: the kernel's admin-guide/cgroup-v1, cgroup-v2. */
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/map.h"
#include "runtime/priv.h"

#define CGROUP_DIR "/sys/fs/cgroup"

bool cgroup_is_v2(void)
{
	struct statfs st;

	return !statfs(CGROUP_DIR, &st) && (unsigned long)st.f_type == CGROUP2_SUPER_MAGIC;
}

void runtime_cgroup(const char *state_dir, char ret[RUNTIME_CGROUP_MAX])
{
	char path[4096];
	const char *real = realpath(state_dir, path) ? path : state_dir;

	snprintf(ret, RUNTIME_CGROUP_MAX, "sampan/%08x", (unsigned)hash_fnv32a(real, strlen(real)));
}

int cgroup_check(struct err *reterr)
{
	BUF_AUTO struct buf b = { 0 };
	BUF_AUTO struct buf fix = { 0 };
	char *save = NULL;

	if (cgroup_is_v2())
		return 0;
	if (file_read(CGROUP_DIR "/unified/cgroup.controllers", 4096, &b, NULL) || !b.len)
		return file_exists(CGROUP_DIR "/pids") || file_exists(CGROUP_DIR "/memory") ? 0 :
			err_set(reterr, ERR_IO, "no cgroup hierarchy is mounted at " CGROUP_DIR);
	for (char *c = strtok_r(b.p, " \n", &save); c; c = strtok_r(NULL, " \n", &save))
		buf_printf(&fix, "%smkdir -p " CGROUP_DIR "/%s && mount -t cgroup -o %s cgroup " CGROUP_DIR "/%s",
			fix.len ? " && " : "", c, c, c);
	if (!fix.len)
		return 0;
	return err_set(reterr, ERR_IO, "crun cannot use this machine's mixed cgroup tree: version 2 holds "
		"controllers that belong to version 1; run: %s", fix.p);
}

static int read_u64(const char *controller, const char *cgroup, const char *file, const char *key, uint64_t *ret)
{
	BUF_AUTO struct buf b = { 0 };
	char path[512];
	const char *p;

	snprintf(path, sizeof(path), CGROUP_DIR "%s/%s/%s", controller, cgroup, file);
	if (file_read(path, 64 << 10, &b, NULL) || !b.len)
		return -ERR_NOT_FOUND;
	p = b.p;
	if (key) {
		size_t n = strlen(key);

		while (p && (strncmp(p, key, n) || p[n] != ' '))
			p = (p = strchr(p, '\n')) ? p + 1 : NULL;
		if (!p)
			return -ERR_NOT_FOUND;
		p += n + 1;
	}
	*ret = strtoull(p, NULL, 10);
	return 0;
}

bool cgroup_oom(const char *cgroup)
{
	uint64_t kills = 0;

	if (cgroup_is_v2())
		read_u64("", cgroup, "memory.events", "oom_kill", &kills);
	else
		read_u64("/memory", cgroup, "memory.oom_control", "oom_kill", &kills);
	return kills > 0;
}

int cgroup_stats(const char *cgroup, struct runtime_stats *ret)
{
	uint64_t inactive = 0;
	int rc;

	memset(ret, 0, sizeof(*ret));
	if (cgroup_is_v2()) {
		rc = read_u64("", cgroup, "cpu.stat", "usage_usec", &ret->cpu_ns);
		ret->cpu_ns *= 1000;
		read_u64("", cgroup, "memory.current", NULL, &ret->memory_bytes);
		read_u64("", cgroup, "memory.stat", "inactive_file", &inactive);
		read_u64("", cgroup, "pids.current", NULL, &ret->pids);
	} else {
		rc = read_u64("/cpuacct", cgroup, "cpuacct.usage", NULL, &ret->cpu_ns);
		read_u64("/memory", cgroup, "memory.usage_in_bytes", NULL, &ret->memory_bytes);
		read_u64("/memory", cgroup, "memory.stat", "total_inactive_file", &inactive);
		read_u64("/pids", cgroup, "pids.current", NULL, &ret->pids);
	}
	ret->memory_working_set_bytes = ret->memory_bytes > inactive ? ret->memory_bytes - inactive : 0;
	return rc;
}

void cgroup_remove(const char *cgroup)
{
	char path[512];
	struct dirent *e;
	DIR *d;

	if (cgroup_is_v2()) {
		snprintf(path, sizeof(path), CGROUP_DIR "/%s", cgroup);
		rmdir(path);
		return;
	}
	d = opendir(CGROUP_DIR);
	if (!d)
		return;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			snprintf(path, sizeof(path), CGROUP_DIR "/%s/%s", e->d_name, cgroup);
			rmdir(path);
		}
	closedir(d);
}
