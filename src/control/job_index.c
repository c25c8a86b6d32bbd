/* SPDX-License-Identifier: Apache-2.0 */
/* job_index - indexed Jobs: which indexes are done, which are free. */
#include <stdlib.h>
#include <string.h>

#include "control/job.h"

int64_t job_index_of(struct cache_obj *pod)
{
	const char *s = yyjson_get_str(yyjson_obj_get(doc_get(cache_tree(pod), "metadata.annotations"), JOB_INDEX));
	char *end;

	if (!s)
		return -1;
	int64_t i = strtoll(s, &end, 10);
	return *end || i < 0 ? -1 : i;
}

/* The next range of "0,2-4,7"; false at the end. */
static bool next_range(const char **p, int64_t *from, int64_t *to)
{
	char *end;

	if (!*p || !**p)
		return false;
	*from = *to = strtoll(*p, &end, 10);
	if (*end == '-')
		*to = strtoll(end + 1, &end, 10);
	*p = *end == ',' ? end + 1 : "";
	return true;
}

static bool done(const char *ranges, int64_t index)
{
	int64_t from, to;

	while (next_range(&ranges, &from, &to))
		if (index >= from && index <= to)
			return true;
	return false;
}

static void put_range(struct buf *b, int64_t from, int64_t to)
{
	buf_printf(b, "%s%lld", b->len ? "," : "", (long long)from);
	if (to > from)
		buf_printf(b, "-%lld", (long long)to);
}

void job_index_done(struct job *j, struct cache_obj *pod)
{
	const char *have = doc_mstr(j->status, "completedIndexes"), *p = have ? have : "";
	int64_t index = job_index_of(pod), from, to, run_from = index, run_to = index;
	BUF_AUTO struct buf out = { 0 };
	bool put = false;

	if (!j->indexed || index < 0 || done(p, index))
		return;
	while (next_range(&p, &from, &to)) {
		if (to == index - 1) {
			run_from = from;
		} else if (from == index + 1) {
			run_to = to;
		} else {
			if (!put && from > index) {
				put_range(&out, run_from, run_to);
				put = true;
			}
			put_range(&out, from, to);
		}
	}
	if (!put)
		put_range(&out, run_from, run_to);
	doc_mset_str(ctl_doc(j->c), j->status, "completedIndexes", out.p);
}

int64_t job_index_free(struct job *j, int64_t from)
{
	int64_t completions = doc_int(j->tree, "spec.completions", 0);
	const char *ranges = doc_mstr(j->status, "completedIndexes");

	for (int64_t i = from; i < completions; i++) {
		bool taken = done(ranges ? ranges : "", i);
		for (size_t k = 0; k < j->active && !taken; k++)
			taken = job_index_of(j->pods[k]) == i;
		if (!taken)
			return i;
	}
	return -1;
}

static void add_env(struct job *j, yyjson_mut_val *containers)
{
	yyjson_mut_doc *d = ctl_doc(j->c);
	yyjson_mut_val *c, *e;
	size_t i, max, k, kmax;

	yyjson_mut_arr_foreach(containers, i, max, c) {
		yyjson_mut_val *env = doc_marr(d, c, "env");
		bool have = false;
		yyjson_mut_arr_foreach(env, k, kmax, e)
			have |= doc_mstr(e, "name") && !strcmp(doc_mstr(e, "name"), "JOB_COMPLETION_INDEX");
		if (have)
			continue;
		e = yyjson_mut_obj(d);
		doc_mset_str(d, e, "name", "JOB_COMPLETION_INDEX");
		doc_mset_str(d, e, "valueFrom.fieldRef.apiVersion", "v1");
		doc_mset_str(d, e, "valueFrom.fieldRef.fieldPath", "metadata.labels['" JOB_INDEX "']");
		yyjson_mut_arr_append(env, e);
	}
}

void job_index_set(struct job *j, yyjson_mut_val *pod, int64_t index)
{
	yyjson_mut_doc *d = ctl_doc(j->c);
	char text[24], host[90];

	snprintf(text, sizeof(text), "%lld", (long long)index);
	doc_mset_key(d, pod, "metadata.annotations", JOB_INDEX, text);
	doc_mset_key(d, pod, "metadata.labels", JOB_INDEX, text);
	snprintf(host, sizeof(host), "%.40s-%lld", j->obj->name, (long long)index);
	if (!doc_mstr(pod, "spec.hostname"))
		doc_mset_str(d, pod, "spec.hostname", host);
	add_env(j, doc_mget(pod, "spec.containers"));
	add_env(j, doc_mget(pod, "spec.initContainers"));
}
