/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_bench - one store beside another, through the same calls: a line of JSON.
 *   store_bench URI cas CLIENTS SECONDS    each client writes 2 KB over what it wrote before, when that was answered
 *   store_bench URI watch RATE SECONDS     so many writes a second; how late the follower has each
 *   store_bench URI fill COUNT             ConfigMaps of 0.6 KB as the API stores them
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/loop.h"
#include "base/text.h"
#include "store/store.h"

enum { VALUE_BYTES = 2048, KEYS = 32 /* of each client */, CLIENTS_MAX = 1024, FILLING = 4096, SAMPLES_MAX = 4 << 20 };

static struct loop *loop;
static struct store *store;
static struct blob *value;
static unsigned failed, in_flight;
static bool over;
static uint32_t *samples_us;
static size_t sample_count;

struct client { int64_t revs[KEYS], begun_us; unsigned at, number; };
static struct client clients[CLIENTS_MAX];

static void sample(int64_t begun_us)
{
	if (sample_count < SAMPLES_MAX)
		samples_us[sample_count++] = (uint32_t)(env_now_us() - begun_us);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double part_ms(double part)
{
	return sample_count ? samples_us[(size_t)(part * (double)(sample_count - 1))] / 1e3 : 0;
}

static void report(double seconds)
{
	qsort(samples_us, sample_count, sizeof(*samples_us), by_size);
	printf("{\"writes\":%zu,\"failed\":%u,\"rate\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n", sample_count, failed,
		(double)sample_count / seconds, part_ms(0.5), part_ms(0.99), part_ms(1));
}

static void later(void *arg)
{
	over = true;
}

/* ---- compare and swap ---- */

static void next(struct client *c);

static void swapped(void *arg, int rc, int64_t rev)
{
	struct client *c = arg;
	int64_t *had = &c->revs[c->at];

	in_flight--;
	/* A key of an earlier run: now its revision is known. */
	if (rc == -ERR_CONFLICT && !*had) {
		*had = rev;
	} else {
		failed += rc != 0;
		*had = rev;
		if (!over && !rc)
			sample(c->begun_us);
		c->at = (c->at + 1) % KEYS;
	}
	if (!over)
		next(c);
}

static void next(struct client *c)
{
	char key[64];

	snprintf(key, sizeof(key), "bench/%u-%u", c->number, c->at);
	c->begun_us = env_now_us();
	if (store_put(store, key, value, c->revs[c->at], swapped, c))
		failed++;
	else
		in_flight++;
}

static void cas(unsigned n, double seconds)
{
	struct loop_timer end;
	int64_t began;

	/* The first round makes the keys and is not counted. */
	for (unsigned i = 0; i < n; i++) {
		clients[i].number = i;
		next(&clients[i]);
	}
	loop_timer_init(&end, loop, later, NULL);
	loop_timer_set(&end, 500);
	while (!over)
		loop_turn(loop, 1000);
	while (in_flight)
		loop_turn(loop, 1000);
	over = false;
	sample_count = 0;
	began = env_now_us();
	loop_timer_set(&end, (int64_t)(seconds * 1000));
	for (unsigned i = 0; i < n; i++)
		next(&clients[i]);
	while (!over)
		loop_turn(loop, 1000);
	report((double)(env_now_us() - began) / 1e6);
	while (in_flight)
		loop_turn(loop, 1000);
}

/* ---- watch ---- */

static void followed(void *arg, const struct store_event *ev)
{
	int64_t begun;

	if (ev->value && ev->value->len == VALUE_BYTES && !strncmp(ev->key, "bench/w", 7)) {
		memcpy(&begun, ev->value->p, sizeof(begun));
		if (begun >= *(int64_t *)arg)
			sample(begun);
	}
}

static void put_answered(void *arg, int rc, int64_t rev)
{
	in_flight--;
	failed += rc && rc != -ERR_CONFLICT;
}

static void watch(unsigned rate, double seconds)
{
	static const struct store_follower follower = { .event = followed };
	static int64_t began;
	struct err e = { 0 };
	unsigned sent = 0;
	char key[64];

	began = INT64_MAX;
	if (store_follow(store, &follower, &began, &e)) {
		fprintf(stderr, "store_bench: %s\n", e.msg);
		exit(1);
	}
	began = env_now_us();
	while (env_now_us() - began < (int64_t)(seconds * 1e6)) {
		while (sent < (double)(env_now_us() - began) / 1e6 * rate) {
			struct blob *v = blob_alloc(VALUE_BYTES);
			int64_t now = env_now_us();

			memset(v->p, 'v', v->len);
			memcpy(v->p, &now, sizeof(now));
			snprintf(key, sizeof(key), "bench/w-%lld-%u", (long long)began, sent++);
			if (store_put(store, key, v, 0, put_answered, NULL))
				failed++;
			else
				in_flight++;
			blob_unref(v);
		}
		loop_turn(loop, 1);
	}
	while (in_flight)
		loop_turn(loop, 1000);
	report(seconds);
}

/* ---- many objects ---- */

static void fill(long count)
{
	int64_t began = env_now_us();
	char key[64], uid[TEXT_UUID_MAX], body[1024], filler[401];

	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = 0;
	for (long i = 0; i < count; i++) {
		while (in_flight >= FILLING)
			loop_turn(loop, 1000);
		text_uuid(uid);
		int n = snprintf(body, sizeof(body), "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"object-%ld\",\"namespace\":\"default\","
			"\"uid\":\"%s\",\"creationTimestamp\":\"2026-11-30T00:00:00Z\",\"labels\":{\"app\":\"bench\"}},\"data\":{\"k\":\"%s\"}}", i, uid, filler);
		struct blob *v = blob_alloc((size_t)n);
		memcpy(v->p, body, (size_t)n);
		snprintf(key, sizeof(key), "core/configmaps/default/object-%ld", i);
		if (store_put(store, key, v, 0, put_answered, NULL))
			failed++;
		else
			in_flight++;
		blob_unref(v);
	}
	while (in_flight)
		loop_turn(loop, 1000);
	printf("{\"objects\":%ld,\"failed\":%u,\"bytes\":%zu,\"seconds\":%.1f}\n", count, failed, strlen(body), (double)(env_now_us() - began) / 1e6);
}

int main(int argc, char **argv)
{
	const struct store_history_limits limits = STORE_HISTORY_LIMITS;
	struct err e = { 0 };

	samples_us = malloc(SAMPLES_MAX * sizeof(*samples_us));
	value = blob_alloc(VALUE_BYTES);
	if (argc < 4 || !samples_us || !value || loop_open(&loop) || store_open(&store, loop, argv[1], NULL, &e) ||
	    store_keep_history(store, &limits)) {
		fprintf(stderr, "usage: store_bench URI cas CLIENTS SECONDS | watch RATE SECONDS | fill COUNT\n%s\n", e.msg);
		return 2;
	}
	memset(value->p, 'v', value->len);
	if (!strcmp(argv[2], "cas") && argc > 4 && atoi(argv[3]) > 0 && atoi(argv[3]) <= CLIENTS_MAX)
		cas((unsigned)atoi(argv[3]), atof(argv[4]));
	else if (!strcmp(argv[2], "watch") && argc > 4)
		watch((unsigned)atoi(argv[3]), atof(argv[4]));
	else if (!strcmp(argv[2], "fill"))
		fill(atol(argv[3]));
	store_close(store);
	loop_close(loop);
	blob_unref(value);
	free(samples_us);
	return failed != 0;
}
