/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table cells of pods and of what makes pods.
 * Source: kubernetes pkg/printers/internalversion/printers.go (printPod and on).
 */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "kinds/columns.h"

#define REASON_MAX 256

/* Restarts of some containers and when the last of them ended. */
struct restarts { int64_t count; const char *last; };

static void add_restarts(struct restarts *r, yyjson_val *status)
{
	const char *end = doc_str(status, "lastState.terminated.finishedAt");

	r->count += doc_int(status, "restartCount", 0);
	/* Times are canonical, so text order is time order. */
	if (end && (!r->last || strcmp(r->last, end) < 0))
		r->last = end;
}

/* An init container that keeps running beside the others. */
static bool is_sidecar(yyjson_val *container)
{
	const char *policy = doc_str(container, "restartPolicy");
	return policy && !strcmp(policy, "Always");
}

static void ended(char reason[REASON_MAX], const char *prefix, yyjson_val *terminated)
{
	const char *why = doc_str(terminated, "reason");
	int64_t signal = doc_int(terminated, "signal", 0);

	if (why && *why)
		snprintf(reason, REASON_MAX, "%s%s", prefix, why);
	else if (signal)
		snprintf(reason, REASON_MAX, "%sSignal:%lld", prefix, (long long)signal);
	else
		snprintf(reason, REASON_MAX, "%sExitCode:%lld", prefix,
			(long long)doc_int(terminated, "exitCode", 0));
}

/* Init containers up to the first that is not done. True when there is one. */
static bool initializing(yyjson_val *v, char reason[REASON_MAX], struct restarts *all,
	struct restarts *sidecars, int *ret_ready)
{
	__attribute__((cleanup(map_finish))) struct map beside = { 0 };
	yyjson_val *specs = doc_get(v, "spec.initContainers"), *status;
	yyjson_arr_iter it;
	int n = 0;

	yyjson_arr_iter_init(specs, &it);
	while ((status = yyjson_arr_iter_next(&it)))
		if (is_sidecar(status))
			map_put(&beside, cells_str(status, "name"), status, NULL);
	yyjson_arr_iter_init(doc_get(v, "status.initContainerStatuses"), &it);
	for (; (status = yyjson_arr_iter_next(&it)); n++) {
		bool sidecar = map_get(&beside, cells_str(status, "name"));
		yyjson_val *terminated = doc_get(status, "state.terminated");
		const char *waiting = doc_str(status, "state.waiting.reason");
		add_restarts(all, status);
		if (sidecar)
			add_restarts(sidecars, status);
		if (terminated && !doc_int(terminated, "exitCode", 0))
			continue;
		if (sidecar && doc_bool(status, "started", false)) {
			*ret_ready += doc_bool(status, "ready", false);
			continue;
		}
		if (terminated)
			ended(reason, "Init:", terminated);
		else if (waiting && *waiting && strcmp(waiting, "PodInitializing"))
			snprintf(reason, REASON_MAX, "Init:%s", waiting);
		else
			snprintf(reason, REASON_MAX, "Init:%d/%zu", n, yyjson_arr_size(specs));
		return true;
	}
	return false;
}

static void running(yyjson_val *v, char reason[REASON_MAX], struct restarts *r, int *ret_ready)
{
	yyjson_val *list = doc_get(v, "status.containerStatuses");
	const char *ready = cells_condition(doc_get(v, "status.conditions"), "Ready");
	bool any = false, said = false;    /* the first container with a reason tells it */
	yyjson_arr_iter it;
	yyjson_val *status;

	yyjson_arr_iter_init(list, &it);
	while ((status = yyjson_arr_iter_next(&it))) {
		yyjson_val *terminated = doc_get(status, "state.terminated");
		const char *waiting = doc_str(status, "state.waiting.reason");
		add_restarts(r, status);
		if (waiting && *waiting) {
			if (!said)
				snprintf(reason, REASON_MAX, "%s", waiting);
			said = true;
		} else if (terminated) {
			if (!said)
				ended(reason, "", terminated);
			said = true;
		} else if (doc_bool(status, "ready", false) && doc_get(status, "state.running")) {
			any = true;
			++*ret_ready;
		}
	}
	if (any && !strcmp(reason, "Completed"))
		snprintf(reason, REASON_MAX, "%s", ready && !strcmp(ready, "True") ? "Running" : "NotReady");
}

static bool gated(yyjson_val *conditions)
{
	yyjson_arr_iter it;
	yyjson_val *m;

	yyjson_arr_iter_init(conditions, &it);
	while ((m = yyjson_arr_iter_next(&it)))
		if (yyjson_equals_str(yyjson_obj_get(m, "type"), "PodScheduled") &&
		    yyjson_equals_str(yyjson_obj_get(m, "reason"), "SchedulingGated"))
			return true;
	return false;
}

static void readiness_gates(struct cells *c)
{
	yyjson_val *gates = doc_get(c->v, "spec.readinessGates"), *m;
	yyjson_arr_iter it;
	int yes = 0;

	yyjson_arr_iter_init(gates, &it);
	while ((m = yyjson_arr_iter_next(&it))) {
		const char *type = doc_str(m, "conditionType");
		const char *s = type ? cells_condition(doc_get(c->v, "status.conditions"), type) : NULL;
		yes += s && !strcmp(s, "True");
	}
	if (yyjson_arr_size(gates))
		cell_format(c, "%d/%zu", yes, yyjson_arr_size(gates));
	else
		cell_text(c, "<none>");
}

void cells_pod(struct cells *c)
{
	yyjson_val *specs = doc_get(c->v, "spec.initContainers"), *conditions = doc_get(c->v, "status.conditions"), *m;
	const char *phase = doc_str(c->v, "status.phase"), *why = doc_str(c->v, "status.reason");
	const char *initialized = cells_condition(conditions, "Initialized");
	struct restarts r = { 0 }, sidecars = { 0 };
	size_t total = doc_len(c->v, "spec.containers");
	char reason[REASON_MAX], ago[TEXT_TIME_MAX];
	int ready = 0;
	yyjson_arr_iter it;

	yyjson_arr_iter_init(specs, &it);
	while ((m = yyjson_arr_iter_next(&it)))
		total += is_sidecar(m);
	snprintf(reason, sizeof(reason), "%s", gated(conditions) ? "SchedulingGated" : why && *why ? why :
		phase ? phase : "");
	if (!initializing(c->v, reason, &r, &sidecars, &ready) ||
	    (initialized && !strcmp(initialized, "True"))) {
		r = sidecars;
		running(c->v, reason, &r, &ready);
	}
	if (doc_str(c->v, "metadata.deletionTimestamp")) {
		if (why && !strcmp(why, "NodeLost"))
			snprintf(reason, sizeof(reason), "Unknown");
		else if (!phase || (strcmp(phase, "Failed") && strcmp(phase, "Succeeded")))
			snprintf(reason, sizeof(reason), "Terminating");
	}
	cell_name(c);
	cell_format(c, "%d/%zu", ready, total);
	cell_text(c, reason);
	if (r.count && r.last) {
		cells_age_text(ago, c, r.last);
		cell_format(c, "%lld (%s ago)", (long long)r.count, ago);
	} else {
		cell_format(c, "%lld", (long long)r.count);
	}
	cell_age(c);
	const char *ip = doc_str(c->v, "status.podIPs.0.ip");
	cell_or(c, ip ? ip : doc_str(c->v, "status.podIP"), "<none>");
	cell_path_or(c, "spec.nodeName", "<none>");
	cell_path_or(c, "status.nominatedNodeName", "<none>");
	readiness_gates(c);
}

void cells_pod_template(struct cells *c)
{
	cell_name(c);
	cell_containers(c, doc_get(c->v, "template.spec"));
	cell_labels(c, doc_get(c->v, "template.metadata.labels"));
}

static void ready_of(struct cells *c)
{
	cell_format(c, "%lld/%lld", (long long)doc_int(c->v, "status.readyReplicas", 0),
		(long long)doc_int(c->v, "spec.replicas", 0));
}

void cells_deployment(struct cells *c)
{
	cell_name(c);
	ready_of(c);
	cell_path_int(c, "status.updatedReplicas");
	cell_path_int(c, "status.availableReplicas");
	cell_age(c);
	cell_containers(c, doc_get(c->v, "spec.template.spec"));
	cell_selector(c, doc_get(c->v, "spec.selector"));
}

static void replicas(struct cells *c)
{
	cell_name(c);
	cell_path_int(c, "spec.replicas");
	cell_path_int(c, "status.replicas");
	cell_path_int(c, "status.readyReplicas");
	cell_age(c);
	cell_containers(c, doc_get(c->v, "spec.template.spec"));
}

void cells_replica_set(struct cells *c)
{
	replicas(c);
	cell_selector(c, doc_get(c->v, "spec.selector"));
}

void cells_replication_controller(struct cells *c)
{
	replicas(c);
	cell_labels(c, doc_get(c->v, "spec.selector"));
}

void cells_daemon_set(struct cells *c)
{
	cell_name(c);
	cell_path_int(c, "status.desiredNumberScheduled");
	cell_path_int(c, "status.currentNumberScheduled");
	cell_path_int(c, "status.numberReady");
	cell_path_int(c, "status.updatedNumberScheduled");
	cell_path_int(c, "status.numberAvailable");
	cell_labels(c, doc_get(c->v, "spec.template.spec.nodeSelector"));
	cell_age(c);
	cell_containers(c, doc_get(c->v, "spec.template.spec"));
	cell_selector(c, doc_get(c->v, "spec.selector"));
}

void cells_stateful_set(struct cells *c)
{
	cell_name(c);
	ready_of(c);
	cell_age(c);
	cell_containers(c, doc_get(c->v, "spec.template.spec"));
}

static bool job_is(yyjson_val *v, const char *type)
{
	const char *s = cells_condition(doc_get(v, "status.conditions"), type);
	return s && !strcmp(s, "True");
}

void cells_job(struct cells *c)
{
	long long done = doc_int(c->v, "status.succeeded", 0), wide = doc_int(c->v, "spec.parallelism", 0);
	const char *start = doc_str(c->v, "status.startTime"), *end = doc_str(c->v, "status.completionTime");
	yyjson_val *completions = doc_get(c->v, "spec.completions");
	char text[TEXT_TIME_MAX];
	int64_t from, to;

	cell_name(c);
	cell_text(c, job_is(c->v, "Complete") ? "Complete" : job_is(c->v, "Failed") ? "Failed" :
		doc_str(c->v, "metadata.deletionTimestamp") ? "Terminating" :
		job_is(c->v, "Suspended") ? "Suspended" :
		job_is(c->v, "FailureTarget") ? "FailureTarget" :
		job_is(c->v, "SuccessCriteriaMet") ? "SuccessCriteriaMet" : "Running");
	if (completions)
		cell_format(c, "%lld/%lld", done, (long long)yyjson_get_sint(completions));
	else if (wide > 1)
		cell_format(c, "%lld/1 of %lld", done, wide);
	else
		cell_format(c, "%lld/1", done);
	if (start && end && !text_parse_time(start, &from) && !text_parse_time(end, &to)) {
		text_age(text, (to - from) * 1000);
		cell_text(c, text);
	} else {
		cell_since(c, start, "");
	}
	cell_age(c);
	cell_containers(c, doc_get(c->v, "spec.template.spec"));
	cell_selector(c, doc_get(c->v, "spec.selector"));
}

void cells_cron_job(struct cells *c)
{
	yyjson_val *suspend = doc_get(c->v, "spec.suspend");

	cell_name(c);
	cell_path(c, "spec.schedule");
	cell_path_or(c, "spec.timeZone", "<none>");
	cell_text(c, !suspend ? "<unset>" : yyjson_get_bool(suspend) ? "True" : "False");
	cell_int(c, doc_len(c->v, "status.active"));
	cell_since(c, doc_str(c->v, "status.lastScheduleTime"), "<none>");
	cell_age(c);
	cell_containers(c, doc_get(c->v, "spec.jobTemplate.spec.template.spec"));
	cell_selector(c, doc_get(c->v, "spec.jobTemplate.spec.selector"));
}

static void int_or_text(struct cells *c, const char *path)
{
	yyjson_val *v = doc_get(c->v, path);

	if (yyjson_is_int(v))
		cell_format(c, "%lld", (long long)yyjson_get_sint(v));
	else
		cell_or(c, yyjson_get_str(v), "N/A");
}

void cells_pdb(struct cells *c)
{
	cell_name(c);
	int_or_text(c, "spec.minAvailable");
	int_or_text(c, "spec.maxUnavailable");
	cell_path_int(c, "status.disruptionsAllowed");
	cell_age(c);
}

void cells_controller_revision(struct cells *c)
{
	BUF_AUTO struct buf b = { 0 };
	yyjson_arr_iter it;
	yyjson_val *m;

	yyjson_arr_iter_init(doc_get(c->v, "metadata.ownerReferences"), &it);
	while ((m = yyjson_arr_iter_next(&it))) {
		char group[254], version[64];
		if (!doc_bool(m, "controller", false))
			continue;
		kinds_split_api_version(cells_str(m, "apiVersion"), group, version);
		buf_printf(&b, "%s%s%s", cells_str(m, "kind"), *group ? "." : "", group);
		for (size_t i = 0; !b.failed && i < b.len; i++)
			if (b.p[i] >= 'A' && b.p[i] <= 'Z')
				b.p[i] += 'a' - 'A';
		buf_printf(&b, "/%s", cells_str(m, "name"));
		break;
	}
	if (!b.len)
		buf_adds(&b, "<none>");
	cell_name(c);
	cell_buf(c, &b);
	cell_path_int(c, "revision");
	cell_age(c);
}

void cells_scale(struct cells *c)
{
	cell_name(c);
	cell_path_int(c, "spec.replicas");
	cell_path_int(c, "status.replicas");
	cell_age(c);
}

/* "current/target" of one metric: the first of the members that the target has. */
static void metric(struct buf *b, yyjson_val *spec, yyjson_val *status, const char *member)
{
	yyjson_val *m = yyjson_obj_get(spec, member), *now = yyjson_obj_get(status, member);
	const char *name = doc_str(m, "name"), *average = doc_str(m, "target.averageValue");
	const char *value = doc_str(m, "target.value"), *s;
	bool resource = !strcmp(member, "resource") || !strcmp(member, "containerResource");
	bool pods = !strcmp(member, "pods");

	if (resource)
		buf_printf(b, "%s: ", name ? name : "");
	if (resource && !average) {
		if (doc_get(now, "current.averageUtilization"))
			buf_printf(b, "%lld%%", (long long)doc_int(now, "current.averageUtilization", 0));
		else
			buf_adds(b, "<unknown>");
		if (doc_get(m, "target.averageUtilization"))
			buf_printf(b, "/%lld%%", (long long)doc_int(m, "target.averageUtilization", 0));
		else
			buf_adds(b, "/<auto>");
		return;
	}
	s = doc_str(now, average ? "current.averageValue" : "current.value");
	buf_printf(b, "%s/%s%s", s ? s : "<unknown>", average ? average : value ? value : "",
		average && !resource && !pods ? " (avg)" : "");
}

static void hpa_start(struct cells *c)
{
	cell_name(c);
	cell_format(c, "%s/%s", cells_str(c->v, "spec.scaleTargetRef.kind"),
		cells_str(c->v, "spec.scaleTargetRef.name"));
}

static void hpa_end(struct cells *c)
{
	if (doc_get(c->v, "spec.minReplicas"))
		cell_format(c, "%lld", (long long)doc_int(c->v, "spec.minReplicas", 0));
	else
		cell_text(c, "<unset>");
	cell_path_int(c, "spec.maxReplicas");
	cell_path_int(c, "status.currentReplicas");
	cell_age(c);
}

void cells_hpa(struct cells *c)
{
	static const struct { const char *type, *member; } types[] = {
		{ "Resource", "resource" }, { "ContainerResource", "containerResource" },
		{ "Pods", "pods" }, { "Object", "object" }, { "External", "external" },
	};
	yyjson_val *specs = doc_get(c->v, "spec.metrics"), *statuses = doc_get(c->v, "status.currentMetrics"), *m;
	BUF_AUTO struct buf b = { 0 };
	yyjson_arr_iter it;
	size_t n = 0, shown = 2;

	yyjson_arr_iter_init(specs, &it);
	while ((m = yyjson_arr_iter_next(&it)) && n < shown) {
		const char *type = doc_str(m, "type");
		if (n)
			buf_adds(&b, ", ");
		for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++)
			if (!strcmp(type, types[i].type))
				metric(&b, m, yyjson_arr_get(statuses, n), types[i].member);
		n++;
	}
	if (yyjson_arr_size(specs) > shown)
		buf_printf(&b, " + %zu more...", yyjson_arr_size(specs) - shown);
	if (!b.len)
		buf_adds(&b, "<none>");
	hpa_start(c);
	cell_buf(c, &b);
	hpa_end(c);
}

void cells_hpa_v1(struct cells *c)
{
	yyjson_val *now = doc_get(c->v, "status.currentCPUUtilizationPercentage");
	yyjson_val *target = doc_get(c->v, "spec.targetCPUUtilizationPercentage");

	hpa_start(c);
	if (!target)
		cell_text(c, "<none>");
	else if (!now)
		cell_format(c, "cpu: <unknown>/%lld%%", (long long)yyjson_get_sint(target));
	else
		cell_format(c, "cpu: %lld%%/%lld%%", (long long)yyjson_get_sint(now),
			(long long)yyjson_get_sint(target));
	hpa_end(c);
}
