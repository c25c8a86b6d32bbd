/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk - an SQLite file layer that records what is written, so that a test can
 * build what a power cut would have left at any moment, and that can be full or
 * broken on demand.
 *
 * A cut keeps everything synced, and of what was not: any part, in any order, a
 * write torn at any 512-byte sector.
 */
#ifndef TESTS_CRASH_DISK_H
#define TESTS_CRASH_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Become SQLite's default file layer; call once, before any store is opened. */
void disk_install(void);
/* Forget the record. No file may be open. */
void disk_reset(void);
/* How many operations were recorded: a moment in time. Any thread. */
size_t disk_moment(void);
/* The moments right after a sync began to matter: crash points of interest. */
bool disk_is_sync(size_t moment);
/* Write into to_dir what a power cut at that moment leaves of from_dir's files. */
void disk_cut(const char *from_dir, const char *to_dir, size_t moment, uint64_t seed);

/* From now on writes that would extend the sum of written bytes over this fail as
 * on a full disk; < 0: no limit. */
void disk_set_quota(int64_t bytes);
/* The n-th sync from now fails, once; < 0: none. */
void disk_fail_sync(int n);

#endif
