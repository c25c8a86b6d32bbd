/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_soak - updates of 10,000 keys through the store for as long as it takes: the file
 * and memory must stay flat and writes quick, while history is forgotten beside them.
 *   store_soak DIR [UPDATES]     a line of JSON; exits 1 and says what was missed
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/loop.h"
#include "store/store.h"

enum { KEYS = 10000, VALUE_BYTES = 1500, IN_FLIGHT = 64, WARM = 100000, LATENCY_MAX_MS = 1000 };

static struct loop *loop;
static struct store *store;
static int64_t revs[KEYS], begun_us[KEYS];
static unsigned in_flight, failed;
static uint64_t latencies[LATENCY_MAX_MS * 10];      /* by tenths of a millisecond */
static uint64_t latency_count;

static void done(void *arg, int rc, int64_t rev)
{
	size_t key = (size_t)(int64_t *)arg - (size_t)revs, tenth;

	key /= sizeof(revs[0]);
	tenth = (size_t)(env_now_us() - begun_us[key]) / 100;
	latencies[tenth < LATENCY_MAX_MS * 10 ? tenth : LATENCY_MAX_MS * 10 - 1]++;
	latency_count++;
	begun_us[key] = 0;
	in_flight--;
	if (rc)
		failed++;
	else
		revs[key] = rev;
}

static double latency_ms(double part)
{
	uint64_t sum = 0;
	size_t i = 0;

	while (i < LATENCY_MAX_MS * 10 - 1 && (double)(sum += latencies[i]) < part * (double)latency_count)
		i++;
	return (double)(i + 1) / 10;
}

static double mb_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (double)st.st_size / 1e6;
}

static double memory_mb(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%*d %ld", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static bool missed(const char *what, double value, double max)
{
	if (value > max)
		fprintf(stderr, "store_soak: %s: %.1f, over %.1f\n", what, value, max);
	return value > max;
}

int main(int argc, char **argv)
{
	long updates = argc > 2 ? atol(argv[2]) : 1000000;
	char path[4200], wal[4300], uri[4300], key[64];
	double file_warm = 0, file_max = 0, wal_max = 0, memory_warm = 0, memory_max = 0;
	const struct store_history_limits limits = STORE_HISTORY_LIMITS;
	BLOB_AUTO struct blob *value = blob_alloc(VALUE_BYTES);
	struct err e = { 0 };
	int64_t began, took;

	if (argc < 2) {
		fprintf(stderr, "usage: store_soak DIR [UPDATES]\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s/state.db", argv[1]);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	snprintf(uri, sizeof(uri), "sqlite:%s", path);
	if (!value || loop_open(&loop) || store_open(&store, loop, uri, NULL, &e) || store_keep_history(store, &limits)) {
		fprintf(stderr, "store_soak: %s\n", e.msg);
		return 1;
	}
	memset(value->p, 'v', value->len);
	began = env_now_us();
	for (long i = 0; i < updates; i++) {
		size_t k = (size_t)i % KEYS;

		while (in_flight >= IN_FLIGHT || begun_us[k])
			loop_turn(loop, 1000);
		snprintf(key, sizeof(key), "core/configmaps/default/object-%zu", k);
		begun_us[k] = env_now_us();
		if (store_put(store, key, value, revs[k], done, &revs[k]))
			failed++;
		else
			in_flight++;
		if (i % 10000)
			continue;
		if (i == WARM) {
			file_warm = mb_of(path);
			memory_warm = memory_mb();
			memset(latencies, 0, sizeof(latencies));
			latency_count = 0;
		}
		if (mb_of(path) > file_max)
			file_max = mb_of(path);
		if (mb_of(wal) > wal_max)
			wal_max = mb_of(wal);
		if (memory_mb() > memory_max)
			memory_max = memory_mb();
		if (getenv("VERBOSE"))
			fprintf(stderr, "%ld: file %.1f MB, WAL %.1f MB, memory %.1f MB, p99 %.1f ms, max %.1f ms, behind %lld\n", i, mb_of(path),
				mb_of(wal), memory_mb(), latency_ms(0.99), latency_ms(1), (long long)(store_rev(store) - store_compacted_rev(store)));
	}
	while (in_flight)
		loop_turn(loop, 1000);
	took = env_now_us() - began;
	printf("{\"updates\":%ld,\"rate\":%.0f,\"p50_ms\":%.1f,\"p99_ms\":%.1f,\"max_ms\":%.1f,\"file_mb\":%.1f,\"file_max_mb\":%.1f,"
		"\"wal_max_mb\":%.1f,\"memory_mb\":%.1f,\"memory_max_mb\":%.1f}\n", updates,
		(double)updates * 1e6 / (double)took, latency_ms(0.5), latency_ms(0.99), latency_ms(1), file_warm, file_max, wal_max,
		memory_warm, memory_max);
	store_close(store);
	loop_close(loop);
	return missed("failed writes", failed, 0) | missed("p99 of a write (ms)", latency_ms(0.99), 20) |
		missed("the file (MB)", file_max, file_warm * 1.2) | missed("memory (MB)", memory_max, memory_warm * 1.2 + 4) |
		missed("the WAL (MB)", wal_max, 64);
}
