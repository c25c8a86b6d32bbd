/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file - whole files and directories: read, replace atomically, make, remove.
 * Blocking: call at start, in workers or in children, not on the loop, except
 * for small files known to be local.
 * Tests: tests/unit/base/test_file.c
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Read at most max_bytes; more is ERR_SIZE. Missing: -ERR_NOT_FOUND. */
int file_read(const char *path, size_t max_bytes, struct buf *out, struct err *reterr);
/* Write to a sibling, fsync, rename, fsync the directory. */
int file_replace(const char *path, const void *p, size_t n, mode_t mode, struct err *reterr);
/* Many at once in one directory, of which a disk makes one effort: all are on disk when it
 * returns 0. After a failure some may have been replaced. */
struct file_content { const char *name; const void *p; size_t n; mode_t mode; };
int file_replace_all(const char *dir, const struct file_content *f, size_t count, struct err *reterr);
int file_mkdirs(const char *path, mode_t mode, struct err *reterr);   /* like mkdir -p */
/* Remove a tree; never crosses mounts, never follows links. Missing is success. */
int file_remove_tree(const char *path, struct err *reterr);
bool file_exists(const char *path);

#endif
