/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image - the machine's store of OCI images: pulled from registries, unpacked once,
 * mounted as a container's writable root.
 *
 * In:      pod.c (names, policies, credentials as plain values), `sampan image`.
 * Out:     registry.c, layer.c.   Never: API objects.
 * Thread:  loop thread; transfers on the loop, unpacking in a child, completion on the loop.
 * Promise: done runs once for each accepted call, never before the call returns. Pulls of
 *          the same reference under way are one transfer. What is on disk survives power
 *          loss or is not listed. A mount lives on when the process ends.
 *          Several processes may use one directory; each sees what the others did.
 * Tests:   tests/unit/agent/test_image.c, test_image_layer.c, test_registry.c, tests/node/
 */
#ifndef AGENT_IMAGE_H
#define AGENT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct loop;
struct images;

#define IMAGE_PULLS_MAX  64u           /* at once; more: -ERR_FULL */
#define IMAGE_GROUPS_MAX 64u

enum image_policy { IMAGE_IF_NOT_PRESENT, IMAGE_ALWAYS, IMAGE_NEVER };

/* One set of credentials, as imagePullSecrets give them; tried in order where registry fits. */
struct image_auth {
	const char *registry;          /* "docker.io", "host:5000", may carry a path prefix */
	const char *username, *password;
};

/* What a pull found. Borrowed: valid until the next call of this module. */
struct image_info {
	const char *id;                /* "sha256:<hex>" of the config: names the image here */
	const char *digest_ref;        /* "host/repo@sha256:<hex>" of the manifest, "" when unknown */
	const char *const *names;      /* all references it has here, NULL-terminated */
	uint64_t size_bytes;
	int64_t used_us;               /* wall clock of the last mount or pull */
};

/* The image's own wishes. Borrowed as image_info; missing strings are "". */
struct image_config {
	const char *const *entrypoint, *const *cmd, *const *env;   /* NULL-terminated, never NULL */
	const char *user;              /* "0", "name", "uid:gid", ... */
	const char *workdir;
	const char *stop_signal;       /* "SIGTERM", "15", "" */
	const char *const *volumes;    /* paths, NULL-terminated */
	const char *const *exposed_ports;   /* "80/tcp" */
	const char *const *labels;     /* "key=value" */
	const char *architecture, *os, *created;
};

struct image_store_config {
	const char *dir;               /* persistent */
	const char *insecure_registries; /* comma separated hosts for plain HTTP; loopback always may */
	const char *mirror;            /* "host:port" asked first for docker.io, or NULL */
	const char *ca_file;           /* further roots to trust, or NULL */
	/* Limits on what registries and archives bring; 0: the default in brackets. */
	uint64_t layer_bytes_max;      /* one layer as sent (16 GiB) */
	uint64_t unpacked_bytes_max;   /* one layer unpacked (32 GiB) */
	uint64_t entries_max;          /* files in one layer (2,000,000) */
	unsigned depth_max;            /* directories deep (128) */
	unsigned layers_max;           /* of one image (127) */
	unsigned downloads_max;        /* layers at once, over all pulls (4) */
	unsigned unpacks_max;          /* at once (2) */
};
/* -ERR_IO when the directory is unusable. Damaged entries are dropped and logged. */
int image_open(struct images **ret, struct loop *l, const struct image_store_config *cfg, struct err *reterr);
void image_close(struct images *m);        /* running pulls end with -ERR_CANCELED; mounts stay */

/* layers done of total and bytes so far; at most a few times a second; may be NULL. */
typedef void image_progress_fn(void *arg, unsigned layers_done, unsigned layers, uint64_t bytes);
/*
 * img is NULL unless rc is 0. pulled: bytes were fetched (false: it was here already).
 * rc: -ERR_NOT_FOUND (no such image; or not here and IMAGE_NEVER), -ERR_UNAUTHORIZED,
 * -ERR_BAD_REQUEST (reference malformed), -ERR_IO, -ERR_UNAVAILABLE, -ERR_CORRUPT (digest).
 */
typedef void image_pull_fn(void *arg, int rc, const struct image_info *img, bool pulled, const char *message);
/* 0, or -ERR_FULL. */
int image_pull(struct images *m, const char *ref, enum image_policy policy, const struct image_auth *auths,
	unsigned auth_count, image_progress_fn *progress, image_pull_fn *done, void *arg);

/* More about a pull or import under way, from its progress callback. */
struct image_progress {
	const char *phase;             /* "resolving" "downloading" "unpacking" */
	unsigned layers_done, layers;  /* unpacked */
	uint64_t bytes, total_bytes;   /* downloaded, of what was not here yet; total 0: not known yet */
};
void image_progress(const struct images *m, struct image_progress *ret);
/* Every image of a docker-archive or OCI-layout tar (plain, gzip, zstd); name (or NULL) for an archive
 * that names none. img: the last one. 0, or -ERR_FULL. */
int image_import(struct images *m, const char *path, const char *name, image_progress_fn *progress,
	image_pull_fn *done, void *arg);

/* rootfs: path of the mounted, writable root; NULL unless rc is 0. The same container id
 * mounted again (after a restart) gives the same root with what was written to it. */
typedef void image_mount_fn(void *arg, int rc, const char *rootfs, const char *message);
int image_mount(struct images *m, const char *image_id, const char *container_id, image_mount_fn *done, void *arg);
/* Unmount and drop what the container wrote. Unknown id is success. done may be NULL. */
int image_unmount(struct images *m, const char *container_id, void (*done)(void *arg, int rc), void *arg);
/* After a restart: mounts of containers not named here are dropped in the background. */
void image_mounts_keep(struct images *m, const char *const *container_ids);

/* By id or reference. 0 or -ERR_NOT_FOUND. */
int image_find(struct images *m, const char *id_or_ref, struct image_info *ret);
int image_config(struct images *m, const char *image_id, struct image_config *ret);
void image_list(struct images *m, void (*each)(void *arg, const struct image_info *img), void *arg);
/* Forget a reference and, with its last reference or given the id, the image and those of its layers
 * that no other image has. -ERR_CONFLICT while a container has it mounted. done may be NULL. */
int image_remove(struct images *m, const char *image_id, void (*done)(void *arg, int rc), void *arg);
/* Bytes and files a container wrote (its upper directory); counted on a worker. 0, or -ERR_FULL. */
int image_usage(struct images *m, const char *container_id,
	void (*done)(void *arg, int rc, uint64_t bytes, uint64_t files), void *arg);

/* "", "1000", "www", "1000:1000", "www:www" against the root's /etc/passwd and /etc/group, which may be
 * hostile: read inside the root, bounded. Reads two small local files. -ERR_NOT_FOUND: no such name. */
struct image_user { uint32_t uid, gid; uint32_t groups[IMAGE_GROUPS_MAX]; unsigned group_count;
	char home[256]; };
int image_user(const char *rootfs, const char *user, struct image_user *ret, struct err *reterr);

/* The name in full: "nginx" -> "docker.io/library/nginx:latest". 0 or -ERR_BAD_REQUEST. */
int image_normalize(struct buf *out, const char *ref, struct err *reterr);

#endif
