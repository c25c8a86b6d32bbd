/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map - linear probing over slots that keep the full hash, so that most misses
 * compare no key. At most 3/4 of the slots are entries or tombstones.
 */
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"

struct slot {
	char *key;         /* NULL: free or tombstone */
	void *value;
	uint64_t hash;     /* free: 0; tombstone: 1 */
	size_t key_len;
};

enum { FREE = 0, TOMB = 1, HASH_MIN = 2, CAP_MIN = 8 };

static uint64_t key_hash(const char *key, size_t n)
{
	uint64_t h = hash_secret(key, n);

	return h < HASH_MIN ? h + HASH_MIN : h;
}

void map_finish(struct map *m)
{
	struct slot *slots = m->slots;

	for (size_t i = 0; i < m->cap && !m->borrows; i++)
		free(slots[i].key);
	free(slots);
	*m = (struct map){ 0 };
}

static struct slot *find(const struct map *m, const char *key, size_t n, uint64_t h)
{
	struct slot *slots = m->slots;

	if (!m->len)
		return NULL;
	for (size_t i = h & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct slot *s = &slots[i];

		if (s->hash == FREE)
			return NULL;
		if (s->hash == h && s->key_len == n && memcmp(s->key, key, n) == 0)
			return s;
	}
}

void *map_getn(const struct map *m, const char *key, size_t n)
{
	struct slot *s = m->len ? find(m, key, n, key_hash(key, n)) : NULL;

	return s ? s->value : NULL;
}

void *map_get(const struct map *m, const char *key)
{
	return map_getn(m, key, strlen(key));
}

static int rehash(struct map *m, size_t cap)
{
	struct slot *old = m->slots, *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return -ERR_NOMEM;
	for (size_t i = 0; i < m->cap; i++) {
		size_t j = old[i].hash & (cap - 1);

		if (old[i].hash < HASH_MIN)
			continue;
		while (slots[j].hash != FREE)
			j = (j + 1) & (cap - 1);
		slots[j] = old[i];
	}
	free(old);
	m->slots = slots;
	m->cap = cap;
	m->tombs = 0;
	return 0;
}

int map_put(struct map *m, const char *key, void *value, void **ret_old)
{
	size_t n = strlen(key), i;
	uint64_t h = key_hash(key, n);
	struct slot *s = find(m, key, n, h);
	char *copy;

	if (ret_old)
		*ret_old = s ? s->value : NULL;
	if (s) {
		s->value = value;
		if (m->borrows)
			s->key = (char *)(uintptr_t)key;
		return 0;
	}
	if ((m->len + m->tombs + 1) * 4 > m->cap * 3) {
		size_t cap = m->cap ? m->cap : CAP_MIN;

		/* Mostly tombstones: the same size, swept, is enough. */
		while ((m->len + 1) * 2 > cap)
			cap *= 2;
		if (rehash(m, cap) < 0)
			return -ERR_NOMEM;
	}
	copy = m->borrows ? (char *)(uintptr_t)key : strdup(key);
	if (!copy)
		return -ERR_NOMEM;
	for (i = h & (m->cap - 1); ((struct slot *)m->slots)[i].hash >= HASH_MIN; )
		i = (i + 1) & (m->cap - 1);
	s = (struct slot *)m->slots + i;
	if (s->hash == TOMB)
		m->tombs--;
	*s = (struct slot){ copy, value, h, n };
	m->len++;
	return 0;
}

void *map_del(struct map *m, const char *key)
{
	size_t n = strlen(key);
	struct slot *s = m->len ? find(m, key, n, key_hash(key, n)) : NULL;
	void *value;

	if (!s)
		return NULL;
	value = s->value;
	if (!m->borrows)
		free(s->key);
	*s = (struct slot){ .hash = TOMB };
	m->len--;
	m->tombs++;
	return value;
}

bool map_next(const struct map *m, size_t *it, const char **ret_key, void **ret_value)
{
	struct slot *slots = m->slots;

	while (*it < m->cap) {
		struct slot *s = &slots[(*it)++];

		if (s->hash < HASH_MIN)
			continue;
		if (ret_key)
			*ret_key = s->key;
		if (ret_value)
			*ret_value = s->value;
		return true;
	}
	return false;
}

static uint64_t secret[2];
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;

static void secret_init(void) { env_random(secret, sizeof(secret)); }

static inline uint64_t rotl(uint64_t x, int b) { return x << b | x >> (64 - b); }

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1]; v[1] = rotl(v[1], 13) ^ v[0]; v[0] = rotl(v[0], 32);
	v[2] += v[3]; v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3]; v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1]; v[1] = rotl(v[1], 17) ^ v[2]; v[2] = rotl(v[2], 32);
}

/* Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", c=1 d=3. */
uint64_t hash_secret(const void *p, size_t n)
{
	const unsigned char *s = p;
	uint64_t v[4], m, tail = (uint64_t)n << 56;
	size_t i;

	pthread_once(&secret_once, secret_init);
	v[0] = secret[0] ^ 0x736f6d6570736575u;
	v[1] = secret[1] ^ 0x646f72616e646f6du;
	v[2] = secret[0] ^ 0x6c7967656e657261u;
	v[3] = secret[1] ^ 0x7465646279746573u;
	for (i = 0; i + 8 <= n; i += 8) {
		memcpy(&m, s + i, 8);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	for (int shift = 0; i < n; i++, shift += 8)
		tail |= (uint64_t)s[i] << shift;
	v[3] ^= tail;
	sip_round(v);
	v[0] ^= tail;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_fnv64(const void *p, size_t n)
{
	const unsigned char *s = p;
	uint64_t h = 0xcbf29ce484222325u;

	while (n--)
		h = (h ^ *s++) * 0x100000001b3u;
	return h;
}

uint32_t hash_fnv32a(const void *p, size_t n)
{
	const unsigned char *s = p;
	uint32_t h = 0x811c9dc5u;

	while (n--)
		h = (h ^ *s++) * 0x01000193u;
	return h;
}
