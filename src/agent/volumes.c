/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volumes - what a pod's volumes are on this machine.
 *
 *   pods/<uid>/volumes/<name>   emptyDir, configMap, downwardAPI
 *   pods/<uid>/mem              a tmpfs for what must not reach a disk:
 *   pods/<uid>/mem/<name>       secret, projected
 *   pods/<uid>/subpaths/<container>-<n>   bind mounts of parts of a volume
 *
 * Source: kubelet pkg/volume (emptydir, projected, hostpath); KEP-1205 (bound tokens:
 * refreshed at 80 % of their life, at the latest after a day).
 */
#define LOG_MODULE "volumes"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/agent_priv.h"
#include "base/env.h"
#include "base/file.h"
#include "base/text.h"
#include "doc/doc.h"
#include "doc/quantity.h"

#define TMPFS_MAGIC_NUMBER 0x01021994
#define MEM_DIR_SIZE "16m"
#define SHM_SIZE "64m"
#define TOKENS_MAX 8
#define TOKEN_REFRESH_MAX_US (24 * 3600 * INT64_C(1000000))
#define TOKEN_RETRY_MS 5000

struct token {
	struct volume *v;
	char *audience;
	int64_t expiration_s;
	char *text;
	bool busy;
	struct loop_timer timer;
};

struct volume {
	struct pod *p;
	char *name;
	char path[PATH_MAX / 4];
	bool ready, read_only;
	uint8_t hash[32];
	struct token *tokens[TOKENS_MAX];
	unsigned token_count;
};

static unsigned volume_count(const struct pod *p)
{
	return (unsigned)doc_len(p->spec, "volumes");
}

static bool is_tmpfs(const char *path)
{
	struct statfs st;

	return !statfs(path, &st) && (unsigned long)st.f_type == TMPFS_MAGIC_NUMBER;
}

static int mount_tmpfs(const char *path, const char *options, struct err *reterr)
{
	if (is_tmpfs(path))
		return 0;
	if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options))
		return err_errno(reterr, "mount tmpfs at %s", path);
	return 0;
}

int volume_shm(const char *path, struct err *reterr)
{
	return file_mkdirs(path, 0755, reterr) ? -ERR_IO : mount_tmpfs(path, "mode=1777,size=" SHM_SIZE, reterr);
}

static int64_t fs_group(const struct pod *p)
{
	return doc_int(p->spec, "securityContext.fsGroup", -1);
}

/* ---- tokens ---- */

static void token_ask(struct token *t);

static void token_timer(void *arg)
{
	token_ask(arg);
}

static void token_done(void *arg, const struct client_reply *r)
{
	struct token *t = arg;
	struct pod *p = t->v->p;
	const char *text = r->rc ? NULL : doc_str(r->obj, "status.token");
	const char *until = r->rc ? NULL : doc_str(r->obj, "status.expirationTimestamp");
	int64_t end, now = env_wall_us(), life;

	t->busy = false;
	if (p->forgotten) {
		pod_unhold(p);
		return;
	}
	if (!text || !until || text_parse_time(until, &end)) {
		if (!p->volumes_told)
			event_pod(p, NULL, "Warning", "FailedMount", "volume \"%s\": service account token: %s", t->v->name,
				r->message && *r->message ? r->message : "no token in the answer");
		p->volumes_told = true;
		loop_timer_set(&t->timer, TOKEN_RETRY_MS);
		pod_unhold(p);
		return;
	}
	free(t->text);
	t->text = strdup(text);
	life = end - now;
	life = life * 4 / 5 < TOKEN_REFRESH_MAX_US ? life * 4 / 5 : TOKEN_REFRESH_MAX_US;
	loop_timer_set(&t->timer, life > 1000000 ? life / 1000 : TOKEN_RETRY_MS);
	pod_refs_changed(p);
	pod_unhold(p);
}

static void token_ask(struct token *t)
{
	struct pod *p = t->v->p;
	BUF_AUTO struct buf path = { 0 };
	BUF_AUTO struct buf body = { 0 };
	const char *sa = doc_str(p->spec, "serviceAccountName");
	struct client_req q = { .method = "POST" };

	if (t->busy || p->forgotten || p->torn_down)
		return;
	buf_printf(&path, "/api/v1/namespaces/%s/serviceaccounts/%s/token", p->ns, sa && *sa ? sa : "default");
	buf_adds(&body, "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\",\"spec\":{\"audiences\":[");
	if (t->audience && *t->audience)
		buf_add_json(&body, t->audience, strlen(t->audience));
	buf_printf(&body, "],\"expirationSeconds\":%" PRId64 ",\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\","
		"\"name\":\"%s\",\"uid\":\"%s\"}}}", t->expiration_s, p->name, p->uid);
	q.path = path.p;
	q.body = body.p;
	q.body_len = body.len;
	if (path.failed || body.failed || client_call(p->a->client, &q, token_done, t)) {
		loop_timer_set(&t->timer, TOKEN_RETRY_MS);
		return;
	}
	t->busy = true;
	p->holds++;
}

static struct token *token_of(struct volume *v, unsigned index, yyjson_val *src)
{
	struct token *t;

	if (index < v->token_count)
		return v->tokens[index];
	if (v->token_count == TOKENS_MAX || !(t = calloc(1, sizeof(*t))))
		return NULL;
	t->v = v;
	t->audience = doc_str(src, "audience") ? strdup(doc_str(src, "audience")) : NULL;
	t->expiration_s = doc_int(src, "expirationSeconds", 3600);
	loop_timer_init(&t->timer, v->p->a->loop, token_timer, t);
	v->tokens[v->token_count++] = t;
	token_ask(t);
	return t;
}

/* ---- contents ---- */

static int add_items(struct payload *out, yyjson_val *src, yyjson_val *obj, bool secret, int64_t mode,
	const char *what, struct err *reterr)
{
	static const char *const members[] = { "data", "binaryData" };
	yyjson_val *items = yyjson_obj_get(src, "items"), *it, *k, *v;
	size_t i, n;
	int rc = 0;

	if (!obj)
		return 0;
	if (yyjson_arr_size(items)) {
		yyjson_arr_foreach(items, i, n, it) {
			BUF_AUTO struct buf b = { 0 };
			const char *key = doc_str(it, "key"), *path = doc_str(it, "path");
			bool binary = secret;

			v = yyjson_obj_get(doc_get(obj, "data"), key ? key : "");
			if (!v && !secret) {
				v = yyjson_obj_get(doc_get(obj, "binaryData"), key ? key : "");
				binary = true;
			}
			if (!v && doc_bool(src, "optional", false))
				continue;
			if (!v)
				return err_set(reterr, ERR_NOT_FOUND, "%s references non-existent key: %s", what, key);
			if (binary)
				text_unbase64(&b, yyjson_get_str(v), yyjson_get_len(v));
			else
				buf_add(&b, yyjson_get_str(v), yyjson_get_len(v));
			rc = payload_add(out, path ? path : "", b.p, b.len, (int)doc_int(it, "mode", mode));
			if (rc)
				return err_set(reterr, -rc, "%s: path %s cannot be used", what, path);
		}
		return 0;
	}
	for (unsigned m = 0; m < 2; m++)
		yyjson_obj_foreach(doc_get(obj, members[m]), i, n, k, v) {
			BUF_AUTO struct buf b = { 0 };

			if (secret || m)
				text_unbase64(&b, yyjson_get_str(v), yyjson_get_len(v));
			else
				buf_add(&b, yyjson_get_str(v), yyjson_get_len(v));
			rc = payload_add(out, yyjson_get_str(k), b.p, b.len, (int)mode);
			if (rc)
				return err_set(reterr, -rc, "%s: key %s cannot be a file", what, yyjson_get_str(k));
		}
	return 0;
}

static int add_object(struct volume *vol, struct payload *out, yyjson_val *src, bool secret, const char *name,
	int64_t mode, struct err *reterr)
{
	const char *kind = secret ? "secret" : "configmap";
	yyjson_val *obj = NULL;
	char what[400];

	snprintf(what, sizeof(what), "%s \"%s\"", kind, name ? name : "");
	switch (ref_get(vol->p, secret ? "secrets" : "configmaps", name ? name : "", &obj)) {
	case REF_UNKNOWN:
		return err_set(reterr, ERR_AGAIN, "waiting for %s", what);
	case REF_ABSENT:
		if (!doc_bool(src, "optional", false))
			return err_set(reterr, ERR_NOT_FOUND, "%s not found", what);
		break;
	case REF_PRESENT:
		break;
	}
	return add_items(out, src, obj, secret, mode, what, reterr);
}

static int add_downward(struct volume *vol, struct payload *out, yyjson_val *src, int64_t mode, struct err *reterr)
{
	yyjson_val *it, *f;
	size_t i, n;

	yyjson_arr_foreach(yyjson_obj_get(src, "items"), i, n, it) {
		BUF_AUTO struct buf b = { 0 };
		const char *path = doc_str(it, "path");
		int rc = 0;

		if ((f = yyjson_obj_get(it, "fieldRef")))
			rc = env_field(vol->p, doc_str(f, "fieldPath") ? doc_str(f, "fieldPath") : "", &b);
		else if ((f = yyjson_obj_get(it, "resourceFieldRef")))
			rc = env_resource(vol->p, doc_str(f, "containerName") ? doc_str(f, "containerName") : "",
				doc_str(f, "resource") ? doc_str(f, "resource") : "", doc_str(f, "divisor"), &b);
		if (!rc)
			rc = payload_add(out, path ? path : "", b.p, b.len, (int)doc_int(it, "mode", mode));
		if (rc)
			return err_set(reterr, -rc, "item %s cannot be made", path);
	}
	return 0;
}

static int add_projected(struct volume *vol, struct payload *out, yyjson_val *src, struct err *reterr)
{
	int64_t mode = doc_int(src, "defaultMode", 0644);
	unsigned tokens = 0;
	yyjson_val *s, *f;
	size_t i, n;
	int rc = 0;

	yyjson_arr_foreach(yyjson_obj_get(src, "sources"), i, n, s) {
		if ((f = yyjson_obj_get(s, "configMap"))) {
			rc = add_object(vol, out, f, false, doc_str(f, "name"), mode, reterr);
		} else if ((f = yyjson_obj_get(s, "secret"))) {
			rc = add_object(vol, out, f, true, doc_str(f, "name"), mode, reterr);
		} else if ((f = yyjson_obj_get(s, "downwardAPI"))) {
			rc = add_downward(vol, out, f, mode, reterr);
		} else if ((f = yyjson_obj_get(s, "serviceAccountToken"))) {
			struct token *t = token_of(vol, tokens++, f);

			if (!t)
				rc = err_set(reterr, ERR_SIZE, "more than %d tokens in a volume", TOKENS_MAX);
			else if (!t->text)
				rc = err_set(reterr, ERR_AGAIN, "waiting for the service account token");
			else
				rc = payload_add(out, doc_str(f, "path"), t->text, strlen(t->text), (int)mode);
		} else {
			rc = err_set(reterr, ERR_INVALID, "a source of the projected volume is not supported");
		}
		if (rc)
			return rc;
	}
	return 0;
}

static int fill(struct volume *vol, yyjson_val *spec, struct err *reterr)
{
	struct payload out = { 0 };
	yyjson_val *src;
	int rc;

	if ((src = yyjson_obj_get(spec, "configMap")))
		rc = add_object(vol, &out, src, false, doc_str(src, "name"), doc_int(src, "defaultMode", 0644), reterr);
	else if ((src = yyjson_obj_get(spec, "secret")))
		rc = add_object(vol, &out, src, true, doc_str(src, "secretName"), doc_int(src, "defaultMode", 0644), reterr);
	else if ((src = yyjson_obj_get(spec, "downwardAPI")))
		rc = add_downward(vol, &out, src, doc_int(src, "defaultMode", 0644), reterr);
	else
		rc = add_projected(vol, &out, yyjson_obj_get(spec, "projected"), reterr);
	if (!rc)
		rc = payload_write(vol->path, &out, fs_group(vol->p), vol->hash, reterr);
	payload_finish(&out);
	return rc;
}

/* ---- kinds ---- */

static int host_path(struct volume *vol, yyjson_val *src, struct err *reterr)
{
	const char *path = doc_str(src, "path"), *type = doc_str(src, "type");
	static const struct { const char *type; mode_t mode; } kinds[] = {
		{ "Directory", S_IFDIR }, { "DirectoryOrCreate", S_IFDIR }, { "File", S_IFREG }, { "FileOrCreate", S_IFREG },
		{ "Socket", S_IFSOCK }, { "CharDevice", S_IFCHR }, { "BlockDevice", S_IFBLK },
	};
	struct stat st;
	int fd;

	if (!path || *path != '/' || strlen(path) >= sizeof(vol->path))
		return err_set(reterr, ERR_INVALID, "hostPath %s cannot be used", path);
	strcpy(vol->path, path);
	if (!type || !*type)
		return stat(path, &st) && file_mkdirs(path, 0755, reterr) ? -ERR_IO : 0;
	if (!strcmp(type, "DirectoryOrCreate") && file_mkdirs(path, 0755, reterr))
		return -ERR_IO;
	if (!strcmp(type, "FileOrCreate")) {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0)
			return err_errno(reterr, "create %s", path);
		close(fd);
	}
	if (stat(path, &st))
		return err_errno(reterr, "hostPath %s", path);
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(type, kinds[i].type) && (st.st_mode & S_IFMT) != kinds[i].mode)
			return err_set(reterr, ERR_INVALID, "hostPath type check failed: %s is not a %s", path, type);
	return 0;
}

static int empty_dir(struct volume *vol, yyjson_val *src, struct err *reterr)
{
	const char *medium = doc_str(src, "medium"), *limit = doc_str(src, "sizeLimit");
	struct quantity q;
	char options[64];
	int64_t group = fs_group(vol->p);

	if (file_mkdirs(vol->path, 0755, reterr))
		return -ERR_IO;
	if (medium && *medium && strcmp(medium, "Memory"))
		return err_set(reterr, ERR_INVALID, "emptyDir medium %s is not supported", medium);
	if (medium && *medium) {
		snprintf(options, sizeof(options), "mode=0777");
		if (limit && !quantity_parse(limit, strlen(limit), &q) && quantity_value(&q) > 0)
			snprintf(options, sizeof(options), "mode=0777,size=%" PRId64, quantity_value(&q));
		if (mount_tmpfs(vol->path, options, reterr))
			return -ERR_IO;
	}
	if ((group >= 0 && chown(vol->path, (uid_t)-1, (gid_t)group)) || chmod(vol->path, group >= 0 ? 02777 : 0777))
		return err_errno(reterr, "chmod %s", vol->path);
	return 0;
}

static int prepare_one(struct volume *vol, yyjson_val *spec, struct err *reterr)
{
	struct pod *p = vol->p;
	bool mem = yyjson_obj_get(spec, "secret") || yyjson_obj_get(spec, "projected");
	char dir[PATH_MAX];

	if (yyjson_obj_get(spec, "hostPath"))
		return host_path(vol, yyjson_obj_get(spec, "hostPath"), reterr);
	if (mem) {
		snprintf(dir, sizeof(dir), "%s/mem", p->dir);
		if (file_mkdirs(dir, 0755, reterr) || mount_tmpfs(dir, "mode=0755,size=" MEM_DIR_SIZE, reterr))
			return -ERR_IO;
	}
	if (snprintf(vol->path, sizeof(vol->path), "%s/%s/%s", p->dir, mem ? "mem" : "volumes", vol->name) >=
	    (int)sizeof(vol->path))
		return err_set(reterr, ERR_IO, "path of volume %s is too long", vol->name);
	if (!mem && !yyjson_obj_get(spec, "configMap") && !yyjson_obj_get(spec, "downwardAPI"))
		return empty_dir(vol, yyjson_obj_get(spec, "emptyDir"), reterr);
	vol->read_only = true;
	if (file_mkdirs(vol->path, 0755, reterr))
		return -ERR_IO;
	return fill(vol, spec, reterr);
}

int volumes_prepare(struct pod *p, struct err *reterr)
{
	yyjson_val *list = yyjson_obj_get(p->spec, "volumes"), *spec;
	unsigned count = volume_count(p);
	size_t i, n;
	int rc = 0, first = 0;

	if (!count)
		return 0;
	if (!p->volumes) {
		p->volumes = calloc(count, sizeof(*p->volumes));
		if (!p->volumes)
			return err_set(reterr, ERR_NOMEM, "out of memory");
	}
	yyjson_arr_foreach(list, i, n, spec) {
		struct volume *vol = &p->volumes[i];
		struct err e;

		vol->p = p;
		if (!vol->name)
			vol->name = strdup(doc_str(spec, "name") ? doc_str(spec, "name") : "");
		if (vol->ready)
			continue;
		rc = prepare_one(vol, spec, &e);
		vol->ready = !rc;
		/* All are tried, so that what has to be asked for is asked for at once. */
		if (rc && (!first || (first == -ERR_AGAIN && rc != -ERR_AGAIN))) {
			first = rc;
			err_set(reterr, -rc, "volume \"%s\": %s", vol->name, e.msg);
		}
	}
	return first;
}

void volumes_refresh(struct pod *p)
{
	yyjson_val *list = yyjson_obj_get(p->spec, "volumes"), *spec;
	size_t i, n;

	if (!p->volumes || p->torn_down)
		return;
	yyjson_arr_foreach(list, i, n, spec) {
		struct volume *vol = &p->volumes[i];
		struct err e;
		int rc;

		if (!vol->ready || !vol->read_only)
			continue;
		rc = fill(vol, spec, &e);
		if (rc && rc != -ERR_AGAIN)
			log_warn("pod %s/%s: volume %s keeps its contents: %s", p->ns, p->name, vol->name, e.msg);
	}
}

const char *volume_path(struct pod *p, const char *name, bool *ret_read_only)
{
	for (unsigned i = 0; p->volumes && i < volume_count(p); i++)
		if (p->volumes[i].name && !strcmp(p->volumes[i].name, name)) {
			*ret_read_only = p->volumes[i].read_only;
			return p->volumes[i].path;
		}
	return NULL;
}

/* ---- parts of a volume ---- */

/* Opened inside the volume as if it were the root: no link leads out of it. What is
 * missing is made with the volume's own mode. */
static int open_inside(int root, const char *path, bool make, struct err *reterr)
{
	struct stat st;
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	char *part, *slash;

	if (fd >= 0 || errno != ENOENT || !make)
		return fd >= 0 ? fd : err_errno(reterr, "subPath %s", path);
	part = strdup(path);
	slash = part ? strrchr(part, '/') : NULL;
	if (slash)
		*slash = 0;
	fd = slash ? open_inside(root, part, true, reterr) : dup(root);
	if (fd >= 0) {
		const char *last = slash ? slash + 1 : part;
		int rc = mkdirat(fd, last, 0750);

		if (!rc && (fstat(root, &st) || fchmodat(fd, last, st.st_mode & 07777, 0)))
			rc = -1;
		close(fd);
		fd = rc && errno != EEXIST ? err_errno(reterr, "subPath %s", path) : open_inside(root, path, false, reterr);
	}
	free(part);
	return fd;
}

int volume_subpath(struct pod *p, const char *ctr_name, unsigned index, const char *volume, const char *subpath,
	bool read_only, char *out, size_t size, struct err *reterr)
{
	char source[64];
	struct stat st;
	int root, fd, to, rc = 0;

	if (*subpath == '/' || !*subpath)
		return err_set(reterr, ERR_INVALID, "subPath %s cannot be used", subpath);
	root = open(volume, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_errno(reterr, "open volume");
	fd = open_inside(root, subpath, !read_only, reterr);
	close(root);
	if (fd < 0)
		return fd;
	snprintf(out, size, "%s/subpaths", p->dir);
	if (file_mkdirs(out, 0700, reterr) || fstat(fd, &st)) {
		close(fd);
		return -ERR_IO;
	}
	snprintf(out, size, "%s/subpaths/%s-%u", p->dir, ctr_name, index);
	umount2(out, MNT_DETACH);
	if (S_ISDIR(st.st_mode)) {
		mkdir(out, 0755);
	} else {
		to = open(out, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (to >= 0)
			close(to);
	}
	snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
	if (mount(source, out, NULL, MS_BIND, NULL))
		rc = err_errno(reterr, "mount subPath %s", subpath);
	close(fd);
	return rc;
}

/* ---- the end ---- */

struct removal { char dir[PATH_MAX]; };

static void unmount_in(const char *dir)
{
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) {
			char path[PATH_MAX + 300];

			snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
			umount2(path, MNT_DETACH);
		}
	if (d)
		closedir(d);
}

static void removal_run(void *arg)
{
	struct removal *r = arg;
	char path[PATH_MAX + 16];
	struct err e;

	snprintf(path, sizeof(path), "%s/subpaths", r->dir);
	unmount_in(path);
	snprintf(path, sizeof(path), "%s/volumes", r->dir);
	unmount_in(path);
	snprintf(path, sizeof(path), "%s/mem", r->dir);
	umount2(path, MNT_DETACH);
	snprintf(path, sizeof(path), "%s/shm", r->dir);
	umount2(path, MNT_DETACH);
	if (file_remove_tree(r->dir, &e))
		log_warn("%s", e.msg);
}

void volumes_remove(struct pod *p)
{
	struct removal *r = calloc(1, sizeof(*r));

	if (!r)
		return;
	snprintf(r->dir, sizeof(r->dir), "%s", p->dir);
	if (workers_submit(p->a->removals, removal_run, free, r)) {
		removal_run(r);
		free(r);
	}
}

void volumes_close(struct pod *p)
{
	unsigned count = p->volumes ? volume_count(p) : 0;

	for (unsigned i = 0; i < count; i++) {
		for (unsigned t = 0; t < p->volumes[i].token_count; t++) {
			struct token *k = p->volumes[i].tokens[t];

			loop_timer_stop(&k->timer);
			free(k->audience);
			free(k->text);
			free(k);
		}
		free(p->volumes[i].name);
	}
	free(p->volumes);
	p->volumes = NULL;
}
