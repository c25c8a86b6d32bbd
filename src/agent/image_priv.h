/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_priv - the image store as its own files see it. On disk, below its directory:
 *
 *   index.json          which images there are; replaced under the lock
 *   lock, users         locks: of the index; held shared by every process that is here
 *   blobs/sha256/<hex>  configs; the mtime is the image's last use
 *   layers/<hex>/fs     a layer unpacked, by its chain id; beside it its size
 *   mounts/<container>/ image (its id), upper, work, rootfs
 *   tmp/                not whole yet; emptied when nobody else is here
 *
 * A layer or blob is renamed into its place when it is whole; the index names an
 * image after its parts are on disk.
 */
#ifndef AGENT_IMAGE_PRIV_H
#define AGENT_IMAGE_PRIV_H

#include <sys/stat.h>

#include "agent/image.h"
#include "agent/image_name.h"
#include "agent/layer.h"
#include "agent/registry.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/workers.h"

/* ---- the index (image_index.c) ---- */
struct image_entry {
	char id[IMAGE_DIGEST_MAX];
	char **names, **digests;               /* each NULL-terminated */
	char (*chains)[IMAGE_DIGEST_MAX]; unsigned chain_count;
	uint64_t size_bytes;
};
struct image_index { struct image_entry *entries; unsigned count; };

int image_index_read(struct image_index *ret, const char *dir, struct err *reterr);
void image_index_finish(struct image_index *x);
/* change runs under the lock on what is on disk; written when it returns 0. Blocking. */
int image_index_update(const char *dir, int (*change)(struct image_index *x, void *arg, struct err *reterr),
	void *arg, struct err *reterr);
struct image_entry *image_index_find(const struct image_index *x, const char *id_or_ref);
struct image_entry *image_index_by_id(const struct image_index *x, const char *id);
/* The entry of id, made when there is none; NULL: no memory. */
struct image_entry *image_index_add(struct image_index *x, const char *id);
void image_index_del(struct image_index *x, struct image_entry *e);
bool image_entry_add(char ***list, const char *s);     /* once; false: no memory */
bool image_entry_drop(char **list, const char *s);

/* ---- the store (image.c) ---- */
struct image_limits { uint64_t layer_bytes, unpacked_bytes, entries; unsigned depth, layers, downloads, unpacks; };

struct images {
	struct loop *loop;
	char *dir;
	const char *arch;
	struct image_limits limits;
	struct registry *registry;
	struct workers *disk;
	int users_fd;
	struct image_index index;
	struct stat index_stat;                /* of what index was read from */
	struct config_box *box;                /* what image_config gave out last */
	struct list builds;                    /* struct image_build */
	struct list pulls, imports, unmounts;
	struct map making;                     /* chain id -> struct image_build_layer that makes it */
	unsigned pull_count, downloads, unpacks;
	unsigned seq;
	struct loop_task pump_task;
	struct image_progress now;             /* of the progress callback that runs */
	bool closing;
};

char *image_path(const struct images *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *image_tmp(struct images *m);             /* a name below tmp/ nobody has; NULL: no memory */
void image_index_refresh(struct images *m);    /* when another process changed it */
/* Blocking: a layer's place, without "sha256:". */
void image_layer_path(struct buf *out, const char *dir, const char *chain_id, const char *below);
int image_entry_info(struct images *m, const struct image_entry *e, struct image_info *ret);

/* ---- bytes into a file (image_fetch.c) ---- */
struct image_fetch;
struct image_fetch_request {                         /* strings copied, name too */
	const struct image_name *name;
	const char *digest, *username, *password;
	uint64_t size_bytes;
	const char *path;                      /* made */
	void (*progress)(void *arg, uint64_t bytes);   /* more of them */
	void (*done)(void *arg, int rc, const char *message);
	void *arg;
};
int image_fetch_start(struct image_fetch **ret, struct images *m, const struct image_fetch_request *q);
void image_fetch_cancel(struct image_fetch *f);            /* done will not run; accepts NULL */

/* ---- an image put together (image_build.c) ---- */
enum build_state { BUILD_WAIT, BUILD_DOWNLOADING, BUILD_DOWNLOADED, BUILD_UNPACKING, BUILD_UNPACKED, BUILD_HAVE };
struct image_build;
struct image_build_layer {
	struct image_build *b;
	enum build_state state;
	char digest[IMAGE_DIGEST_MAX];         /* as sent; "" from an archive */
	uint64_t size_bytes;
	char *file;                            /* the archive: downloaded to, or an import's */
	bool file_ours;
	char *tmp;                             /* unpacked to tmp/fs */
	struct image_fetch *fetch;
	struct layer *unpack;
	struct layer_result result;
};
struct image_build {                                 /* in a pull or an import */
	struct images *m;
	struct list link;
	struct image_name name;                /* downloads only */
	const char *username, *password;       /* downloads only; the owner's */
	struct buf config;
	char id[IMAGE_DIGEST_MAX];
	char **names, **digests;               /* to be given to it */
	struct image_layers ids;
	struct image_build_layer *layers;            /* ids.count of them */
	uint64_t bytes, total_bytes;
	unsigned layers_done;
	bool started, finishing, canceled, fetched;
	int rc;                                /* of the finishing */
	struct err err;
	void (*progress)(void *arg);
	void (*done)(void *arg, int rc, const char *message);
	void (*released)(void *arg);           /* of image_build_cancel */
	void *arg;
};
/* config, names, layers' digests or files are set; done runs once, later. -ERR_INVALID with words. */
int image_build_prepare(struct image_build *b, struct err *reterr);  /* reads config: ids, layers */
void image_build_start(struct image_build *b);
/* Frees what it holds, at once or when its worker is done: then released(arg). */
void image_build_cancel(struct image_build *b, void (*released)(void *arg));
void image_build_finish(struct image_build *b);
void image_build_pump(struct images *m);

/* ---- */
void pulls_close(struct images *m);            /* image_pull.c */
void imports_close(struct images *m);          /* image_import.c */

#endif
