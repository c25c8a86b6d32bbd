/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map - string keys to pointers: open addressing, keys copied (or borrowed), values the
 * caller's. Keys are hashed with a per-process secret (SipHash), so that a
 * client cannot choose collisions.
 * Tests: tests/unit/base/test_map.c
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* {0} is an empty map. borrows, set while it is empty: keys are not copied, but live in
 * their values; a value that replaces another brings its own key. */
struct map { void *slots; size_t len, cap, tombs; bool borrows; };

void map_finish(struct map *m);                  /* frees keys, not values */
void *map_get(const struct map *m, const char *key);
void *map_getn(const struct map *m, const char *key, size_t n);
/* Set; *ret_old (may be NULL) gets the value replaced. 0 or -ERR_NOMEM. */
int map_put(struct map *m, const char *key, void *value, void **ret_old);
void *map_del(struct map *m, const char *key);   /* the value removed, or NULL */
/* Walk: `size_t it = 0; while (map_next(&m, &it, &key, &value))`. Order is
 * arbitrary; deleting the entry just returned is allowed, adding is not. */
bool map_next(const struct map *m, size_t *it, const char **ret_key, void **ret_value);

uint64_t hash_secret(const void *p, size_t n);   /* keyed SipHash-1-3 */
uint64_t hash_fnv64(const void *p, size_t n);    /* FNV-1a, stable across runs */
uint32_t hash_fnv32a(const void *p, size_t n);

#endif
