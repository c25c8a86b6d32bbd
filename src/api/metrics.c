/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics - counters of what was served, and the page that shows them with those of
 * the store and the cache. Names are upstream's where the meaning is.
 * Source: Prometheus text format 0.0.4.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "store/store.h"

#define SERIES_MAX 4096u       /* verb x resource x code; more are counted as "other" */

static const int64_t bounds_us[] = { 1000, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
	5000000, 15000000 };
#define BOUNDS (sizeof(bounds_us) / sizeof(bounds_us[0]))

struct series { uint64_t count; };
struct latency { uint64_t bucket[BOUNDS + 1], count; int64_t sum_us; };

struct metrics {
	struct map requests;           /* labels -> struct series */
	struct map latencies;          /* verb -> struct latency */
};

int metrics_open(struct metrics **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ERR_NOMEM;
}

void metrics_close(struct metrics *m)
{
	const char *key;
	void *v;

	if (!m)
		return;
	for (size_t it = 0; map_next(&m->requests, &it, &key, &v);)
		free(v);
	for (size_t it = 0; map_next(&m->latencies, &it, &key, &v);)
		free(v);
	map_finish(&m->requests);
	map_finish(&m->latencies);
	free(m);
}

static void *entry(struct map *map, const char *key, size_t size)
{
	void *v = map_get(map, key);

	if (v)
		return v;
	if (map->len >= SERIES_MAX)
		key = "other";
	v = map_get(map, key);
	if (v)
		return v;
	v = calloc(1, size);
	if (v && map_put(map, key, v, NULL)) {
		free(v);
		return NULL;
	}
	return v;
}

/* Source: apiserver pkg/endpoints/metrics (CanonicalVerb, CleanVerb, CleanScope). */
static const char *verb_label(const struct call *c)
{
	static const char *const labels[] = { [VERB_GET] = "GET", [VERB_LIST] = "LIST", [VERB_WATCH] = "WATCH",
		[VERB_CREATE] = "POST", [VERB_UPDATE] = "PUT", [VERB_PATCH] = "PATCH", [VERB_DELETE] = "DELETE",
		[VERB_DELETECOLLECTION] = "DELETECOLLECTION" };

	if (c->is_resource && c->patch == PATCH_APPLY)
		return "APPLY";
	if (c->is_resource)
		return c->verb == VERB_NONE ? "other" : labels[c->verb];
	return !strcmp(c->method, "GET") || !strcmp(c->method, "HEAD") ? c->method : "other";
}

static const char *scope_label(const struct call *c)
{
	if (!c->is_resource)
		return "";
	return *c->name && !c->list_named ? "resource" : *c->ns ? "namespace" : "cluster";
}

void metrics_count(struct metrics *m, const struct call *c)
{
	char key[384];
	struct series *s;
	struct latency *l;
	int64_t us = env_now_us() - c->begun_us;
	size_t i = 0;

	/* Only kinds that exist make series: a client cannot invent them. */
	snprintf(key, sizeof(key), "component=\"apiserver\",dry_run=\"%s\",verb=\"%s\",group=\"%s\",version=\"%s\",resource=\"%s\","
		"subresource=\"%s\",scope=\"%s\",code=\"%d\"", c->dry_run ? "All" : "", verb_label(c),
		c->kind ? c->kind->group : "", c->kind ? c->kind->version : "", c->kind ? c->kind->plural : "",
		c->subdef ? c->subdef->name : "", scope_label(c), c->status);
	s = entry(&m->requests, key, sizeof(*s));
	if (s)
		s->count++;
	if (c->verb == VERB_WATCH)
		return;
	l = entry(&m->latencies, verb_label(c), sizeof(*l));
	if (!l)
		return;
	while (i < BOUNDS && us > bounds_us[i])
		i++;
	l->bucket[i]++;
	l->count++;
	l->sum_us += us;
}

static void gauge(struct buf *b, const char *name, const char *help, const char *type, double v)
{
	buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", name, help, name, type, name, v);
}

static void requests(struct buf *b, const struct metrics *m)
{
	const char *key;
	void *v;

	buf_adds(b, "# HELP apiserver_request_total Requests answered.\n# TYPE apiserver_request_total counter\n");
	for (size_t it = 0; map_next(&m->requests, &it, &key, &v);) {
		if (!strcmp(key, "other"))
			buf_printf(b, "apiserver_request_total{verb=\"other\"} %llu\n",
				(unsigned long long)((struct series *)v)->count);
		else
			buf_printf(b, "apiserver_request_total{%s} %llu\n", key,
				(unsigned long long)((struct series *)v)->count);
	}
	buf_adds(b, "# HELP apiserver_request_duration_seconds Time from headers to answer.\n"
		"# TYPE apiserver_request_duration_seconds histogram\n");
	for (size_t it = 0; map_next(&m->latencies, &it, &key, &v);) {
		const struct latency *l = v;
		uint64_t sum = 0;

		for (size_t i = 0; i < BOUNDS; i++) {
			sum += l->bucket[i];
			buf_printf(b, "apiserver_request_duration_seconds_bucket{verb=\"%s\",le=\"%g\"} %llu\n", key,
				(double)bounds_us[i] / 1e6, (unsigned long long)sum);
		}
		buf_printf(b, "apiserver_request_duration_seconds_bucket{verb=\"%s\",le=\"+Inf\"} %llu\n"
			"apiserver_request_duration_seconds_sum{verb=\"%s\"} %.6f\n"
			"apiserver_request_duration_seconds_count{verb=\"%s\"} %llu\n", key,
			(unsigned long long)l->count, key, (double)l->sum_us / 1e6, key, (unsigned long long)l->count);
	}
}

enum step metrics_serve(struct call *c)
{
	struct api *a = c->api;
	struct buf b = { 0 };
	struct store_stats st;
	struct cache_stats cs;

	store_stats(a->store, &st);
	cache_stats(a->cache, &cs);
	requests(&b, a->metrics);
	gauge(&b, "apiserver_current_inflight_requests", "Requests being served.", "gauge", flow_seats(a->flow));
	gauge(&b, "sampan_store_writes_total", "Durable writes.", "counter", (double)st.writes);
	gauge(&b, "sampan_store_groups_total", "Transactions that the writes were grouped in.", "counter", (double)st.groups);
	gauge(&b, "sampan_store_conflicts_total", "Writes lost to a faster one.", "counter", (double)st.conflicts);
	gauge(&b, "sampan_store_queue", "Writes waiting.", "gauge", (double)st.queue);
	gauge(&b, "sampan_store_size_bytes", "Size of the store's file.", "gauge", (double)st.size_bytes);
	gauge(&b, "sampan_cache_objects", "Objects in memory.", "gauge", (double)cs.objects);
	gauge(&b, "sampan_cache_object_bytes", "Their JSON.", "gauge", (double)cs.object_bytes);
	gauge(&b, "sampan_cache_events", "Recent events kept for watches.", "gauge", (double)cs.events);
	gauge(&b, "sampan_cache_watchers", "Open watches.", "gauge", (double)cs.watchers);
	gauge(&b, "sampan_revision", "Newest revision.", "gauge", (double)cache_rev(a->cache));
	gauge(&b, "process_start_time_seconds", "When the process began.", "gauge", (double)a->started_us / 1e6);
	if (a->more_metrics)
		a->more_metrics(a->more_metrics_arg, &b);
	return reply_buf(c, 200, &b, "text/plain; version=0.0.4; charset=utf-8");
}
