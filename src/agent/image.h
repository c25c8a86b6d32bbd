/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image - container images on this machine: pulled from registries or imported
 * from archives, each layer unpacked once, mounted for containers by overlayfs.
 *
 * In:      the agent's pods, `sampan image`.   Out: registries (HTTPS), data_dir/images.
 * Knows:   OCI and Docker manifests.           Never: API objects, pull policies.
 * Thread:  loop thread; every done runs once, on the loop, never before the call
 *          that took it returns. Disk and hashing on workers, unpacking in a
 *          sandboxed child.
 * Promise: nothing is visible under its name before it is whole and its digest is
 *          checked; several processes may use one data_dir, each sees what the
 *          others did; mounts survive this process.
 * Tests:   tests/unit/agent/test_image_*.c, test_registry.c, test_layer.c
 */
#ifndef AGENT_IMAGE_H
#define AGENT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct loop;
struct images;

struct image_limits {                   /* 0: the default */
	int64_t layer_bytes_max;        /* one layer as sent (16 GiB) */
	int64_t unpacked_bytes_max;     /* one layer unpacked (32 GiB) */
	int64_t entries_max;            /* files in one layer (2,000,000) */
	unsigned depth_max;             /* directories deep (128) */
	unsigned layers_max;            /* layers of one image (127) */
	unsigned downloads_max;         /* at once, over all pulls (4) */
	unsigned unpacks_max;           /* at once (2) */
};
struct image_config {
	const char *const *insecure_registries;  /* "host:port" that may speak plain HTTP; NULL-terminated, or NULL */
	const char *const *mirrors;     /* "docker.io=host:port" asked first; NULL-terminated, or NULL */
	const char *ca_file;            /* more roots to trust, or NULL */
	struct image_limits limits;
};
/* Makes data_dir/images when it is missing. Blocking, at start only. */
int image_open(struct images **ret, struct loop *l, const char *data_dir, const struct image_config *cfg,
	struct err *reterr);
/* Running pulls end with -ERR_CANCELED (their done runs); mounts stay. */
void image_close(struct images *im);

struct image_info {                     /* lists are NULL-terminated, never NULL themselves */
	const char *id;                 /* "sha256:<config digest>" */
	const char *const *names;       /* "docker.io/library/nginx:latest" */
	const char *const *digests;     /* "docker.io/library/nginx@sha256:.." */
	int64_t size_bytes;             /* layers unpacked and config */
	int64_t pulled_us;              /* wall clock */
	const char *created, *architecture, *os;
	/* What to run; "" or an empty list where the image does not say. */
	const char *const *entrypoint, *const *cmd, *const *env;
	const char *user, *workdir, *stop_signal;
	const char *const *exposed_ports;   /* "80/tcp" */
	const char *const *volumes;         /* "/data" */
	const char *const *labels;          /* "key=value" */
};
/* An image by name as people write it ("nginx", "localhost:5000/x:1", "x@sha256:..") or by id
 * (whole, or at least 8 of its digits). Borrowed, valid until the loop's next turn. NULL: not here. */
const struct image_info *image_get(struct images *im, const char *ref);
/* Every image, by name; *it 0 at first; NULL at the end. Borrowed as above. */
const struct image_info *image_next(struct images *im, size_t *it);

struct image_auth { const char *user, *password, *token; };    /* copied; NULL members where not used */
struct image_progress {
	const char *ref;
	int64_t done_bytes, total_bytes;   /* downloaded, of what was not here yet; total 0: not known yet */
	unsigned layers_done, layers;      /* unpacked */
	const char *phase;                 /* "resolving" "downloading" "unpacking" "writing" */
};
typedef void image_progress_fn(void *arg, const struct image_progress *p);
/* id: of the image, NULL on failure. message: for people, "" on success. rc: -ERR_NOT_FOUND,
 * -ERR_UNAUTHORIZED, -ERR_INVALID (refused: other architecture, malformed, malicious), -ERR_SIZE,
 * -ERR_UNAVAILABLE (registry out of reach), -ERR_IO, -ERR_CANCELED. */
typedef void image_done_fn(void *arg, int rc, const char *id, const char *message);

/* Fetch ref, whether or not it is here already; calls for one ref with one auth share the work.
 * progress (or NULL) runs at most some ten times a second. -ERR_BAD_REQUEST: no such name;
 * -ERR_FULL: IMAGE_PULLS_MAX run. */
#define IMAGE_PULLS_MAX 64u
int image_pull(struct images *im, const char *ref, const struct image_auth *auth,
	image_progress_fn *progress, image_done_fn *done, void *arg, struct err *reterr);
/* Every image of a docker-archive or OCI-layout tar (plain, gzip, zstd); name (or NULL) for an archive
 * that names none. id: of the last one. */
int image_import(struct images *im, const char *path, const char *name, image_progress_fn *progress,
	image_done_fn *done, void *arg, struct err *reterr);
/* Forget a name, and with its last name (or given an id) the image and the layers no other image has.
 * -ERR_CONFLICT while a container is mounted from it, -ERR_NOT_FOUND. */
void image_remove(struct images *im, const char *ref, image_done_fn *done, void *arg);

/* A writable rootfs of the image for a container (id [a-z0-9-]{1,64}), the same one when it is mounted
 * already. path: absolute, NULL on failure. */
typedef void image_mount_fn(void *arg, int rc, const char *path, const char *message);
int image_mount(struct images *im, const char *image_id, const char *container_id, image_mount_fn *done,
	void *arg);
/* Unmount and delete what the container wrote, in the background; harmless when there is none.
 * done may be NULL. */
void image_unmount(struct images *im, const char *container_id, void (*done)(void *arg), void *arg);
/* After a restart: rootfs of containers that are not listed are removed, in the background. */
void image_mounts_keep(struct images *im, const char *const *container_ids);
/* Bytes the container wrote (its upper directory); on a worker. rc, bytes, inodes. */
int image_usage(struct images *im, const char *container_id,
	void (*done)(void *arg, int rc, int64_t bytes, int64_t inodes), void *arg);

/* "", "1000", "www", "1000:1000", "www:www" against the rootfs's /etc/passwd and /etc/group, which may be
 * hostile: read inside the rootfs, bounded. ret_groups: at most IMAGE_GROUPS_MAX supplementary ones. Reads
 * two small local files. */
#define IMAGE_GROUPS_MAX 64u
struct image_user { uint32_t uid, gid; uint32_t groups[IMAGE_GROUPS_MAX]; unsigned group_count; char home[256]; };
int image_user(const char *rootfs, const char *user, struct image_user *ret, struct err *reterr);

/* The name in full: "nginx" -> "docker.io/library/nginx:latest". 0 or -ERR_BAD_REQUEST. */
int image_normalize(struct buf *out, const char *ref, struct err *reterr);

/* `sampan image ls|pull|import|rm ...`: argv[0] is the verb. Works on data_dir beside a running agent.
 * Returns the exit status. Blocking; owns its loop. */
int image_main(int argc, char **argv, const char *data_dir);

#endif
