/* SPDX-License-Identifier: Apache-2.0 */
/* kubelet_stats - what the node and its pods use: /stats/summary, /metrics, /pods. */
#include <inttypes.h>
#include <string.h>

#include "agent/kubelet_priv.h"
#include "base/env.h"
#include "base/text.h"
#include "doc/doc.h"

static void add_usage(struct buf *b, const char *now, const struct runtime_stats *s)
{
	buf_printf(b, "\"cpu\":{\"time\":\"%s\",\"usageCoreNanoSeconds\":%" PRIu64 "},\"memory\":{\"time\":\"%s\","
		"\"usageBytes\":%" PRIu64 ",\"workingSetBytes\":%" PRIu64 "}", now, s->cpu_ns, now, s->memory_bytes,
		s->memory_working_set_bytes);
}

void kubelet_summary(struct kubelet *k, struct buf *out)
{
	BUF_AUTO struct buf pods = { 0 };
	struct runtime_stats node = { 0 };
	char now[TEXT_TIME_MAX], start[TEXT_TIME_MAX];
	unsigned count = 0;
	const char *key;
	size_t it = 0;
	void *v;

	text_time(now, env_wall_us());
	while (map_next(&k->a->pods, &it, &key, &v)) {
		struct runtime_stats sum = { 0 }, one;
		struct pod *p = v;
		unsigned ctrs = 0;

		if (!p->start_us)
			continue;
		text_time(start, p->start_us);
		buf_printf(&pods, "%s{\"podRef\":{\"name\":\"%s\",\"namespace\":\"%s\",\"uid\":\"%s\"},\"startTime\":\"%s\","
			"\"containers\":[", count++ ? "," : "", p->name, p->ns, p->uid, start);
		for (unsigned i = 0; i < p->ctr_count; i++) {
			struct ctr *c = &p->ctrs[i];

			if (c->st.state != CTR_RUNNING || runtime_stats(k->a->rt, c->id, &one))
				continue;
			text_time(start, c->run.started_us);
			buf_printf(&pods, "%s{\"name\":\"%s\",\"startTime\":\"%s\",", ctrs++ ? "," : "", c->name, start);
			add_usage(&pods, now, &one);
			buf_addc(&pods, '}');
			sum.cpu_ns += one.cpu_ns;
			sum.memory_bytes += one.memory_bytes;
			sum.memory_working_set_bytes += one.memory_working_set_bytes;
			sum.pids += one.pids;
		}
		buf_adds(&pods, "],");
		add_usage(&pods, now, &sum);
		buf_printf(&pods, ",\"process_stats\":{\"process_count\":%" PRIu64 "}}", sum.pids);
		node.cpu_ns += sum.cpu_ns;
		node.memory_bytes += sum.memory_bytes;
		node.memory_working_set_bytes += sum.memory_working_set_bytes;
	}
	buf_printf(out, "{\"node\":{\"nodeName\":\"%s\",\"startTime\":\"%s\",", k->a->node_name, now);
	add_usage(out, now, &node);
	buf_adds(out, "},\"pods\":[");
	buf_add(out, pods.p ? pods.p : "", pods.len);
	buf_adds(out, "]}");
}

void kubelet_metrics(struct kubelet *k, struct buf *out)
{
	static const struct { const char *name, *help, *type; } table[] = {
		{ "container_cpu_usage_seconds_total", "Cumulative cpu time consumed by the container in core-seconds", "counter" },
		{ "container_memory_working_set_bytes", "Current working set of the container in bytes", "gauge" },
		{ "container_start_time_seconds", "Start time of the container since unix epoch in seconds", "gauge" },
	};
	struct buf rows[3] = { 0 };
	unsigned running = 0, known = 0;
	const char *key;
	size_t it = 0;
	void *v;

	while (map_next(&k->a->pods, &it, &key, &v)) {
		struct pod *p = v;

		known++;
		for (unsigned i = 0; i < p->ctr_count; i++) {
			struct ctr *c = &p->ctrs[i];
			struct runtime_stats s;

			if (c->st.state != CTR_RUNNING || runtime_stats(k->a->rt, c->id, &s))
				continue;
			running++;
			for (unsigned m = 0; m < 3; m++)
				buf_printf(&rows[m], "%s{container=\"%s\",namespace=\"%s\",pod=\"%s\"} ", table[m].name, c->name,
					p->ns, p->name);
			buf_printf(&rows[0], "%.6f\n", (double)s.cpu_ns / 1e9);
			buf_printf(&rows[1], "%" PRIu64 "\n", s.memory_working_set_bytes);
			buf_printf(&rows[2], "%.3f\n", (double)c->run.started_us / 1e6);
		}
	}
	for (unsigned m = 0; m < 3; m++) {
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", table[m].name, table[m].help, table[m].name, table[m].type);
		buf_add(out, rows[m].p ? rows[m].p : "", rows[m].len);
		buf_finish(&rows[m]);
	}
	buf_printf(out, "# HELP kubelet_running_containers Number of containers currently running\n"
		"# TYPE kubelet_running_containers gauge\nkubelet_running_containers{container_state=\"running\"} %u\n"
		"# HELP kubelet_desired_pods Number of pods bound to this node\n# TYPE kubelet_desired_pods gauge\n"
		"kubelet_desired_pods %u\n", running, known);
}

void kubelet_pods(struct kubelet *k, struct buf *out)
{
	unsigned count = 0;
	const char *key;
	size_t it = 0;
	void *v;

	buf_adds(out, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[");
	while (map_next(&k->a->pods, &it, &key, &v)) {
		if (count++)
			buf_addc(out, ',');
		doc_write(out, ((struct pod *)v)->obj);
	}
	buf_adds(out, "]}");
}
