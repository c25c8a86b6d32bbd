/* SPDX-License-Identifier: Apache-2.0 */
/* image_user - whom a container runs as: numbers, or names of the root's own files. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/image.h"

#define TABLE_MAX (1u << 20)

/* A file of the root, links held inside of it; empty when it is missing or no file. */
static void read_table(const char *rootfs, const char *path, struct buf *out)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;
	struct stat st;
	char chunk[4096];
	ssize_t n;

	fd = root < 0 ? -1 : (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		while (out->len < TABLE_MAX && (n = read(fd, chunk, sizeof(chunk))) > 0)
			buf_add(out, chunk, (size_t)n);
	if (fd >= 0)
		close(fd);
	if (root >= 0)
		close(root);
	buf_adds(out, "");
}

/* The line's fields, cut at ':'; missing ones are "". False at the end of the table. */
static bool next_line(char **at, char *fields[], unsigned max)
{
	static char empty[1];
	char *line;

	do {
		line = strsep(at, "\n");
	} while (line && !*line);
	if (!line)
		return false;
	for (unsigned i = 0; i < max; i++) {
		char *f = strsep(&line, ":");

		fields[i] = f ? f : empty;
	}
	return true;
}

static bool number(const char *s, uint32_t *ret)
{
	char *end;
	unsigned long long v;

	if (*s < '0' || *s > '9')
		return false;
	v = strtoull(s, &end, 10);
	if (*end || v >= UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool in_list(const char *list, const char *name)
{
	size_t n = strlen(name);

	while (*list) {
		size_t len = strcspn(list, ",");

		if (len == n && !strncmp(list, name, n))
			return true;
		list += len + (list[len] == ',');
	}
	return false;
}

static void add_group(struct image_user *u, uint32_t gid)
{
	for (unsigned i = 0; i < u->group_count; i++)
		if (u->groups[i] == gid)
			return;
	if (u->group_count < IMAGE_GROUPS_MAX)
		u->groups[u->group_count++] = gid;
}

static int find_group(const char *rootfs, const char *group, const char *name, bool own_groups, struct image_user *ret,
	struct err *reterr)
{
	BUF_AUTO struct buf table = { 0 };
	char *at, *f[4];
	uint32_t gid;
	bool found = !*group || number(group, &ret->gid);

	read_table(rootfs, "etc/group", &table);
	if (table.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	for (at = table.p; at && next_line(&at, f, 4);) {
		if (!number(f[2], &gid))
			continue;
		if (!found && !strcmp(f[0], group)) {
			ret->gid = gid;
			found = true;
		}
		if (own_groups && *name && in_list(f[3], name))
			add_group(ret, gid);
	}
	return found ? 0 : err_set(reterr, ERR_NOT_FOUND, "unable to find group %.100s: no matching entries in group file", group);
}

int image_user(const char *rootfs, const char *user, struct image_user *ret, struct err *reterr)
{
	BUF_AUTO struct buf table = { 0 };
	char who[256], *group, *at, *f[6], name[256] = "";
	uint32_t uid = 0, line_uid;
	bool numeric, found;

	*ret = (struct image_user){ .home = "/" };
	if (strlen(user) >= sizeof(who))
		return err_set(reterr, ERR_NOT_FOUND, "no user of so long a name");
	strcpy(who, user);
	group = strchr(who, ':');
	if (group)
		*group++ = 0;
	numeric = found = !*who || number(who, &uid);
	ret->uid = uid;
	read_table(rootfs, "etc/passwd", &table);
	if (table.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	for (at = table.p; at && next_line(&at, f, 6);) {
		if (!number(f[2], &line_uid) || (numeric ? line_uid != uid : strcmp(f[0], who)))
			continue;
		ret->uid = line_uid;
		number(f[3], &ret->gid);
		snprintf(name, sizeof(name), "%s", f[0]);
		if (*f[5] == '/')
			snprintf(ret->home, sizeof(ret->home), "%s", f[5]);
		found = true;
		break;
	}
	if (!found)
		return err_set(reterr, ERR_NOT_FOUND, "unable to find user %.100s: no matching entries in passwd file", who);
	/* A group given by hand is the only one. */
	return find_group(rootfs, group ? group : "", name, !group, ret, reterr);
}
