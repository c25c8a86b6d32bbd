/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate - all that lives in one store goes into another, of any kind.
 *
 * Thread:  the caller's, blocking; for a command. It turns the loop itself.
 * Promise: 1. The target ends with exactly the keys and values of the source, read back
 *             and compared, or it stays marked as unfinished, and no server starts on it.
 *          2. Stopped at any instruction, the same call goes on, whatever was there by then.
 *          3. Every revision of the target is above all of the source: none means two things.
 *          4. The source is only read. One that somebody writes to is refused, and so is a
 *             target that holds anything but such unfinished work of the same source.
 * Tests:   tests/contract/test_migrate.c, tests/crash/test_kill.c, tests/flow/14_migrate.sh
 */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "store/store.h"

/* In the target from the first write to the last. */
#define STORE_UNFINISHED_KEY "sampan/migrations/unfinished"
/* So long a source that other programs could write is watched before it is believed to rest:
 * a server writes its Lease more often. */
#define STORE_QUIET_MS 5000

struct store_migrated {
	int64_t keys, bytes;           /* that live in both now */
	int64_t from_rev, to_rev;
	int64_t written;               /* by this call; less than keys when it went on */
	uint8_t sha256[32];            /* of all keys and values in order */
};
/* from, to: as in store_open; opt is for those that take them. tell: now and then, keys
 * gone through. -ERR_CONFLICT (in use, not empty, changed meanwhile), and as store_open,
 * store_put. */
int store_migrate(struct loop *l, const char *from, const char *to, const struct store_options *opt,
	void (*tell)(int64_t keys), struct store_migrated *ret, struct err *reterr);

/*
 * store_begin_again - after the store was put back to an earlier state by its own means (etcd's
 * snapshot): revisions go on far above all that were ever given out (*ret_rev), and those count as
 * compacted. No program may use it: one that is written to is refused with -ERR_CONFLICT.
 */
int store_begin_again(struct loop *l, const char *uri, const struct store_options *opt, int64_t *ret_rev,
	struct err *reterr);

/* 0, or -ERR_CONFLICT in words: the store is the target of an unfinished migration. Before
 * a server begins; blocking. */
int store_is_whole(struct store *s, struct err *reterr);

#endif
