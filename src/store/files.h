/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files - a store's file looked after from outside: checked, measured, rewritten, copied
 * and put back.
 *
 * Thread:  any, blocking; for commands, not for the loop.
 * Promise: check, stats and backup may run beside the server that writes the file and
 *          see one revision of it; no write waits for them. compact and restore refuse
 *          while it is in use. Stopped at any instruction, a store that was there is
 *          there still, or beside under the name it was to get.
 * Errors:  -ERR_CORRUPT, -ERR_CONFLICT (in use, or in the way), -ERR_NOT_FOUND, -ERR_IO.
 * Tests:   tests/contract/test_store_files.c, tests/crash/, tests/flow/13_backup.sh
 */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Every page, index and rule of the log. */
int store_file_check(const char *path, struct err *reterr);

struct store_file_stats {
	int64_t rev, compacted_rev, swept_rev;
	int64_t revisions;             /* kept, live ones too */
	int64_t file_bytes, free_bytes, wal_bytes;
};
/* One resource's live keys; in the order of keys. */
typedef void store_file_resource_fn(void *arg, const char *resource, int64_t keys, int64_t bytes);
int store_file_stats(const char *path, struct store_file_stats *ret, store_file_resource_fn *fn, void *arg,
	struct err *reterr);

/* Forget all history and rewrite the file without gaps. */
int store_file_compact(const char *path, struct err *reterr);

/* The state of one revision as one file, on disk when it returns; replaces what was there. */
int store_file_backup(const char *path, const char *to, struct err *reterr);

/*
 * store_file_restore - put a backup, checked as store_file_check does, in the store's place.
 *   force    a store that is there is moved aside; else it is refused with -ERR_CONFLICT
 *   ret_rev  the store's revision from now on: far above any that clients may have seen, and
 *            everything below counts as compacted. So a watch or a list in pages that goes
 *            on from before is told that it expired, and no revision means two things.
 *   ret_old  where the old store is now; "": there was none
 * Source: etcdutl snapshot restore --bump-revision --mark-compacted.
 */
int store_file_restore(const char *path, const char *from, bool force, int64_t *ret_rev, char ret_old[4200],
	struct err *reterr);

#endif
