/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image - the machine's store of OCI images: pulled from registries, unpacked once,
 * mounted as a container's writable root.
 *
 * In:      pod.c (names, policies, credentials as plain values).   Out: registry.c, layer.c.
 * Never:   API objects.
 * Thread:  loop thread; transfers on the loop, unpacking in a child, completion on the loop.
 * Promise: done runs once for each accepted call, never before the call returns. Pulls of
 *          the same reference under way are one transfer. What is on disk survives power
 *          loss or is not listed. A mount lives on when the process ends.
 * Tests:   tests/unit/agent/test_image.c, tests/node/
 */
#ifndef AGENT_IMAGE_H
#define AGENT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct loop;
struct images;

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
};

struct image_store_config {
	const char *dir;               /* persistent */
	const char *insecure_registries; /* comma separated hosts for plain HTTP; loopback always may */
	const char *mirror;            /* "host:port" asked first for docker.io, or NULL */
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
/* -ERR_CONFLICT while a container has it mounted. done may be NULL. */
int image_remove(struct images *m, const char *image_id, void (*done)(void *arg, int rc), void *arg);

#endif
