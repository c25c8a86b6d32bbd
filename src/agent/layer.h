/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer - a layer's archive (tar, plain or gzip or zstd) unpacked into a directory by
 * a child that can do nothing else.
 *
 * In:      an open archive, an empty directory.   Out: files.
 * Thread:  loop thread; the child has its own mount, network and process namespaces,
 *          sees the directory as its root, keeps six capabilities and may make some
 *          forty system calls.
 * Promise: whatever the archive says, nothing outside of the directory is touched and
 *          no limit is passed; an archive that tries is refused with words.
 * Source:  OCI image-spec 1.1, layer.md (whiteouts); the kernel's overlayfs.rst.
 * Tests:   tests/unit/agent/test_image_layer.c, tests/fuzz/fuzz_image.c
 */
#ifndef AGENT_LAYER_H
#define AGENT_LAYER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct loop;
struct layer;

enum layer_mode {
	LAYER_ROOTFS,                      /* owners, modes, whiteouts as overlayfs has them */
	LAYER_FILES,                       /* an archive of images: files and links, ours, private */
};
struct layer_limits { uint64_t unpacked_bytes_max, entries_max; unsigned depth_max; };
struct layer_result {
	int rc;
	uint64_t bytes, entries;
	char diff_id[72];                  /* "sha256:" of the archive without its compression */
	/* Directories below the layer's root, each with a NUL behind it: those that hide what lower
	 * layers have in them, and those that the archive did not describe. */
	struct buf opaque, implied;
	char message[512];                 /* "" on success */
};
/* fd: borrowed for the call. result is borrowed by done. */
typedef void layer_done_fn(void *arg, struct layer_result *result);
int layer_unpack(struct layer **ret, struct loop *l, int fd, const char *dir, enum layer_mode mode,
	const struct layer_limits *limits, layer_done_fn *done, void *arg, struct err *reterr);
/* The child is killed; done will not run. */
void layer_cancel(struct layer *y);

/* ---- the child's part (layer_tar.c, layer_stream.c); also what is fuzzed ---- */
struct layer_job {
	int archive_fd, root_fd;
	enum layer_mode mode;
	struct layer_limits limits;
	void *hash;                        /* an EVP_MD_CTX ready for SHA-256 */
};
/* Unpacks into root_fd. */
void layer_tar(struct layer_job *j, struct layer_result *ret);

#endif
