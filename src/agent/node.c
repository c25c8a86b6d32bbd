/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node - this machine as a Node: registered once, its status told when it changes and
 * every five minutes, its Lease renewed every ten seconds (a quarter of its life; the one
 * periodic wakeup).
 *
 *   REGISTER --created or there--> STATUS --ok--> UP --tick--> (lease; status when due)
 *       ^-----------404, error (after a while)-------'
 *
 * What fails is tried again after a second, then after longer, up to an eighth of the Lease's life, or as soon as
 * servers serve again. What others write about this node is put right at once, then at a slower and slower pace.
 *
 * Source: kubelet nodestatus/setters.go (conditions, reasons), nodelease (40 s, a quarter).
 */
#define LOG_MODULE "node"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/agent_priv.h"
#include "agent/node_priv.h"
#include "base/env.h"
#include "base/file.h"
#include "base/text.h"
#include "doc/doc.h"

#define STATUS_EVERY_MS 300000
#define RETRY_MS 1000
#define CORRECT_MS 1000                /* between corrections, doubling to: */
#define CORRECT_MAX_MS 60000
#define WELL_MS 500
#define IMAGES_SHOWN 50
#define MEMORY_LOW_BYTES (100 << 20)
#define RESERVED_MEMORY (100 << 20)    /* allocatable is below capacity: the machine's own */

enum node_cond { NODE_READY, NODE_MEMORY, NODE_DISK, NODE_PID, NODE_CONDS };

struct node {
	struct agent *a;
	struct loop_timer timer, correction;
	bool registered, registering, status_busy, lease_busy, lease_there, up;
	bool failing;                  /* told once, until something works again */
	bool status_stale;             /* changed while a write was under way */
	int64_t status_at_ms;
	int64_t retry_ms;              /* before the next try */
	int64_t corrected_ms, pace_ms; /* when others' words were put right last; how soon again */
	struct node_twin twin;
	bool value[NODE_CONDS];
	int64_t since_us[NODE_CONDS];
	uint64_t disk_bytes;
	int64_t memory_bytes;
	long cpus;
};

static struct node *only;      /* node_memory_bytes is asked for before node_open in tests */

int64_t node_memory_bytes(const struct agent *a)
{
	(void)a;
	return only ? only->memory_bytes : (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

int64_t node_milli_cpus(const struct agent *a)
{
	(void)a;
	return (only ? only->cpus : sysconf(_SC_NPROCESSORS_ONLN)) * INT64_C(1000);
}

static const char *arch(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#else
	return "unknown";
#endif
}

static void read_line(char *out, size_t size, const char *path)
{
	BUF_AUTO struct buf b = { 0 };

	out[0] = 0;
	if (file_read(path, 4096, &b, NULL) || !b.p)
		return;
	snprintf(out, size, "%.*s", (int)strcspn(b.p, "\n"), b.p);
}

static void os_image(char out[128])
{
	BUF_AUTO struct buf b = { 0 };
	char *p;

	snprintf(out, 128, "Linux");
	if (file_read("/etc/os-release", 64 << 10, &b, NULL) || !b.p || !(p = strstr(b.p, "PRETTY_NAME=")))
		return;
	p += 12;
	p += *p == '"';
	snprintf(out, 128, "%.*s", (int)strcspn(p, "\"\n"), p);
}

static int64_t memory_available(void)
{
	BUF_AUTO struct buf b = { 0 };
	char *p;

	if (file_read("/proc/meminfo", 16 << 10, &b, NULL) || !b.p || !(p = strstr(b.p, "MemAvailable:")))
		return INT64_MAX;
	return strtoll(p + 13, NULL, 10) * 1024;
}

/* True when a condition has changed. */
static bool look(struct node *n)
{
	bool now[NODE_CONDS] = { n->a->networked, memory_available() < MEMORY_LOW_BYTES, false, false }, changed = false;
	struct statvfs st;

	if (!statvfs(n->a->data_dir, &st)) {
		n->disk_bytes = (uint64_t)st.f_blocks * st.f_frsize;
		now[NODE_DISK] = st.f_bavail < st.f_blocks / 20;
	}
	for (unsigned i = 0; i < NODE_CONDS; i++)
		if (!n->since_us[i] || now[i] != n->value[i]) {
			n->value[i] = now[i];
			n->since_us[i] = env_wall_us();
			changed = true;
		}
	return changed;
}

/* ---- texts ---- */

static void add_resources(struct buf *b, const struct node *n, const char *name, int64_t memory)
{
	buf_printf(b, "\"%s\":{\"cpu\":\"%ld\",\"memory\":\"%" PRId64 "Ki\",\"pods\":\"%d\",\"ephemeral-storage\":\"%" PRIu64
		"Ki\",\"hugepages-2Mi\":\"0\",\"hugepages-1Gi\":\"0\"}", name, n->cpus, memory / 1024, n->a->pods_max,
		n->disk_bytes / 1024);
}

static void add_conditions(struct buf *b, const struct node *n)
{
	static const struct { const char *type, *yes, *no, *yes_message, *no_message; } table[NODE_CONDS] = {
		{ "Ready", "KubeletReady", "KubeletNotReady", "kubelet is posting ready status",
			"container runtime network not ready: the Node has no spec.podCIDR yet" },
		{ "MemoryPressure", "KubeletHasInsufficientMemory", "KubeletHasSufficientMemory",
			"kubelet has insufficient memory available", "kubelet has sufficient memory available" },
		{ "DiskPressure", "KubeletHasDiskPressure", "KubeletHasNoDiskPressure", "kubelet has disk pressure",
			"kubelet has no disk pressure" },
		{ "PIDPressure", "KubeletHasInsufficientPID", "KubeletHasSufficientPID",
			"kubelet has insufficient PID available", "kubelet has sufficient PID available" },
	};
	char now[TEXT_TIME_MAX], since[TEXT_TIME_MAX], ready[400];

	/* Whoever wonders where pods get their addresses from sees it here. */
	snprintf(ready, sizeof(ready), n->a->cni ? "%s; pods are on the network %.200s of a CNI configuration" : "%s",
		table[NODE_READY].yes_message, n->a->cni ? cni_name(n->a->cni) : "");
	text_time(now, env_wall_us());
	buf_adds(b, "\"conditions\":[");
	for (unsigned i = 0; i < NODE_CONDS; i++) {
		text_time(since, n->since_us[i]);
		const char *message = !n->value[i] ? table[i].no_message : i == NODE_READY ? ready : table[i].yes_message;
		buf_printf(b, "%s{\"type\":\"%s\",\"status\":\"%s\",\"reason\":\"%s\",\"message\":", i ? "," : "", table[i].type,
			n->value[i] ? "True" : "False", n->value[i] ? table[i].yes : table[i].no);
		buf_add_json(b, message, strlen(message));
		buf_printf(b, ",\"lastHeartbeatTime\":\"%s\",\"lastTransitionTime\":\"%s\"}", now, since);
	}
	buf_addc(b, ']');
}

struct images_text { struct buf *b; unsigned count; };

static void add_image(void *arg, const struct image_info *img)
{
	struct images_text *t = arg;
	unsigned n = 0;

	if (t->count == IMAGES_SHOWN)
		return;
	buf_printf(t->b, "%s{\"names\":[", t->count++ ? "," : "");
	if (*img->digest_ref) {
		buf_add_json(t->b, img->digest_ref, strlen(img->digest_ref));
		n++;
	}
	for (const char *const *s = img->names; s && *s; s++) {
		if (n++)
			buf_addc(t->b, ',');
		buf_add_json(t->b, *s, strlen(*s));
	}
	buf_printf(t->b, "],\"sizeBytes\":%" PRIu64 "}", img->size_bytes);
}

void node_status_text(struct node *n, struct buf *b, bool patch)
{
	char machine[128], boot[64], uuid[64], os[128], host[256] = "";
	struct images_text images = { .b = b };
	struct utsname u;

	uname(&u);
	gethostname(host, sizeof(host) - 1);
	read_line(machine, sizeof(machine), "/etc/machine-id");
	read_line(boot, sizeof(boot), "/proc/sys/kernel/random/boot_id");
	read_line(uuid, sizeof(uuid), "/sys/class/dmi/id/product_uuid");
	os_image(os);
	buf_addc(b, '{');
	add_resources(b, n, "capacity", n->memory_bytes);
	buf_addc(b, ',');
	add_resources(b, n, "allocatable", n->memory_bytes > 2 * RESERVED_MEMORY ? n->memory_bytes - RESERVED_MEMORY :
		n->memory_bytes);
	buf_addc(b, ',');
	add_conditions(b, n);
	buf_printf(b, ",\"addresses\":[%s{\"type\":\"InternalIP\",\"address\":\"%s\"},", patch ? "{\"$patch\":\"replace\"}," : "", n->a->address);
	if (agent_address2(n->a))
		buf_printf(b, "{\"type\":\"InternalIP\",\"address\":\"%s\"},", agent_address2(n->a));
	buf_printf(b, "{\"type\":\"Hostname\",\"address\":\"%s\"}],"
		"\"daemonEndpoints\":{\"kubeletEndpoint\":{\"Port\":%d}},\"nodeInfo\":{\"machineID\":\"%s\",\"systemUUID\":\"%s\","
		"\"bootID\":\"%s\",\"kernelVersion\":\"%s\",\"osImage\":", n->a->node_name, n->a->kubelet_port,
		machine, *uuid ? uuid : machine, boot, u.release);
	buf_add_json(b, os, strlen(os));
	buf_printf(b, ",\"containerRuntimeVersion\":\"sampan://%s\",\"kubeletVersion\":\"%s\",\"kubeProxyVersion\":\"\","
		"\"operatingSystem\":\"linux\",\"architecture\":\"%s\"},\"images\":[", NODE_RUNTIME_VERSION, NODE_KUBELET_VERSION,
		arch());
	image_list(n->a->images, add_image, &images);
	buf_adds(b, "]}");
}

/* ---- calls ---- */

static void status_write(struct node *n);
static void tick(void *arg);

static void retry_later(struct node *n)
{
	int64_t max = n->a->lease_s * INT64_C(1000) / 8;

	n->retry_ms = n->retry_ms ? n->retry_ms * 2 : RETRY_MS;
	if (n->retry_ms > max)
		n->retry_ms = max;
	loop_timer_set(&n->timer, n->retry_ms / 2 + env_random_below((uint32_t)n->retry_ms));
}

static void call_failed(struct node *n, const char *what, const struct client_reply *r)
{
	if (r->rc != -ERR_CANCELED && !n->failing)
		log_warn("%s: %s%s; trying again", what, r->message, r->rc == -ERR_UNAUTHORIZED ? ". If this node was "
			"removed from the cloud: stop the agent, remove its pki directory, join again" : "");
	n->failing = true;
	retry_later(n);
}

static void call_worked(struct node *n)
{
	n->failing = false;
	n->retry_ms = 0;
}

static void is_registered(struct node *n)
{
	n->registered = true;
	status_write(n);
}

static void relabel(struct node *n);

static void registered(void *arg, const struct client_reply *r)
{
	struct node *n = arg;

	n->registering = false;
	if (n->a->closing)
		return;
	if (r->rc && r->rc != -ERR_EXISTS)
		call_failed(n, "registering the node", r);
	else if (r->rc && *n->a->labels)
		relabel(n);
	else
		is_registered(n);
}

static void relabelled(void *arg, const struct client_reply *r)
{
	struct node *n = arg;

	n->registering = false;
	if (n->a->closing)
		return;
	if (r->rc)
		call_failed(n, "labels of the node", r);
	else
		is_registered(n);
}

/* The Node was there before: what the operator says today holds. */
static void relabel(struct node *n)
{
	BUF_AUTO struct buf b = { 0 };
	char path[320];
	struct client_req q = { .method = "PATCH", .path = path, .content_type = "application/merge-patch+json" };

	snprintf(path, sizeof(path), "/api/v1/nodes/%s", n->a->node_name);
	buf_printf(&b, "{\"metadata\":{\"labels\":{%s}}}", n->a->labels);
	q.body = b.p;
	q.body_len = b.len;
	if (b.failed || client_call(n->a->client, &q, relabelled, n))
		retry_later(n);
	else
		n->registering = true;
}

static void node_register(struct node *n)
{
	BUF_AUTO struct buf b = { 0 };
	struct client_req q = { .method = "POST", .path = "/api/v1/nodes" };

	if (n->registering)
		return;
	buf_printf(&b, "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\",\"labels\":{"
		"\"kubernetes.io/hostname\":\"%s\",\"kubernetes.io/os\":\"linux\",\"kubernetes.io/arch\":\"%s\","
		"\"beta.kubernetes.io/os\":\"linux\",\"beta.kubernetes.io/arch\":\"%s\"%s%s}},", n->a->node_name, n->a->node_name,
		arch(), arch(), *n->a->labels ? "," : "", n->a->labels);
	if (n->a->pod_cidr) {
		const char *r = n->a->pod_cidr, *comma = strchr(r, ',');
		int first = (int)strcspn(r, ",");

		buf_printf(&b, "\"spec\":{\"podCIDR\":\"%.*s\",\"podCIDRs\":[\"%.*s\"", first, r, first, r);
		if (comma)
			buf_printf(&b, ",\"%s\"", comma + 1);
		buf_adds(&b, "]},");
	}
	buf_adds(&b, "\"status\":");
	node_status_text(n, &b, false);
	buf_addc(&b, '}');
	q.body = b.p;
	q.body_len = b.len;
	if (b.failed || client_call(n->a->client, &q, registered, n))
		retry_later(n);
	else
		n->registering = true;
}

static void status_done(void *arg, const struct client_reply *r)
{
	struct node *n = arg;

	n->status_busy = false;
	if (n->a->closing)
		return;
	if (!r->rc && n->status_stale)
		status_write(n);
	if (r->rc) {
		n->registered = r->rc != -ERR_NOT_FOUND && n->registered;
		n->status_at_ms = 0;
		call_failed(n, "status of the node", r);
		return;
	}
	call_worked(n);
	twin_wrote(&n->twin, r->obj);
	if (!n->up) {
		n->up = true;
		tick(n);
		agent_maybe_ready(n->a);
	}
}

static void status_write(struct node *n)
{
	BUF_AUTO struct buf b = { 0 };
	char path[320];
	struct client_req q = { .method = "PATCH", .path = path, .content_type = "application/strategic-merge-patch+json" };

	n->status_stale = n->status_busy;
	if (n->status_busy)
		return;
	n->status_at_ms = loop_now_ms(n->a->loop);
	snprintf(path, sizeof(path), "/api/v1/nodes/%s/status", n->a->node_name);
	buf_adds(&b, "{\"status\":");
	node_status_text(n, &b, true);
	buf_addc(&b, '}');
	q.body = b.p;
	q.body_len = b.len;
	n->status_busy = !b.failed && !client_call(n->a->client, &q, status_done, n);
	if (!n->status_busy)
		n->status_at_ms = 0;           /* the next tick does */
}

static void lease_done(void *arg, const struct client_reply *r)
{
	struct node *n = arg;

	n->lease_busy = false;
	if (n->a->closing)
		return;
	if (!r->rc) {
		n->lease_there = true;
		call_worked(n);
	} else if (r->rc == -ERR_NOT_FOUND && n->lease_there) {
		n->lease_there = false;
		loop_timer_set(&n->timer, 0);
	} else if (r->rc == -ERR_EXISTS) {
		n->lease_there = true;         /* and not renewed yet */
		retry_later(n);
	} else {
		call_failed(n, "lease of the node", r);
	}
}

static void lease_renew(struct node *n)
{
	BUF_AUTO struct buf b = { 0 };
	char path[320], now[TEXT_TIME_MAX];
	struct client_req q = { .path = path };

	if (n->lease_busy)
		return;
	text_microtime(now, env_wall_us());
	snprintf(path, sizeof(path), "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases%s%s",
		n->lease_there ? "/" : "", n->lease_there ? n->a->node_name : "");
	if (n->lease_there) {
		q.method = "PATCH";
		q.content_type = "application/merge-patch+json";
		buf_printf(&b, "{\"spec\":{\"holderIdentity\":\"%s\",\"leaseDurationSeconds\":%d,\"renewTime\":\"%s\"}}",
			n->a->node_name, n->a->lease_s, now);
	} else {
		q.method = "POST";
		buf_printf(&b, "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":\"%s\","
			"\"namespace\":\"kube-node-lease\"},\"spec\":{\"holderIdentity\":\"%s\",\"leaseDurationSeconds\":%d,"
			"\"renewTime\":\"%s\"}}", n->a->node_name, n->a->node_name, n->a->lease_s, now);
	}
	q.body = b.p;
	q.body_len = b.len;
	if (!b.failed && !client_call(n->a->client, &q, lease_done, n))
		n->lease_busy = true;
}

static void tick(void *arg)
{
	struct node *n = arg;
	bool changed = look(n);

	loop_timer_set(&n->timer, n->a->lease_s * INT64_C(1000) / 4);
	if (!n->registered) {
		node_register(n);
		return;
	}
	if (changed || !n->up || loop_now_ms(n->a->loop) - n->status_at_ms >= STATUS_EVERY_MS || !n->status_at_ms)
		status_write(n);
	lease_renew(n);
}

void node_changed(struct node *n)
{
	loop_timer_set(&n->timer, 0);
}

static void correct_now(void *arg)
{
	struct node *n = arg;

	n->corrected_ms = loop_now_ms(n->a->loop);
	n->status_at_ms = 0;
	loop_timer_set(&n->timer, 0);
}

/* The API says something else than this node does: its status is written anew, soon. */
static void correct(struct node *n)
{
	int64_t since = loop_now_ms(n->a->loop) - n->corrected_ms, wait;

	if (loop_timer_is_set(&n->correction))
		return;
	if (!n->corrected_ms || since >= 2 * CORRECT_MAX_MS)
		n->pace_ms = 0;
	wait = n->pace_ms > since ? n->pace_ms - since : 0;
	n->pace_ms = n->pace_ms * 2 > CORRECT_MAX_MS ? CORRECT_MAX_MS : n->pace_ms ? n->pace_ms * 2 : CORRECT_MS;
	loop_timer_set(&n->correction, wait);
}

void node_seen(struct node *n, yyjson_val *node)
{
	struct agent *a = n->a;
	bool twin = twin_seen(&n->twin, a, node) || twin_there(&n->twin, a);
	yyjson_val *it;
	size_t i, max;
	void *p;

	yyjson_arr_foreach(doc_get(node, "status.conditions"), i, max, it) {
		const char *type = doc_str(it, "type"), *status = doc_str(it, "status");

		if (!type || !status || strcmp(type, "Ready"))
			continue;
		bool ready = !strcmp(status, "True"), again = ready && !a->believed;
		a->believed = ready;
		if (n->up && ready != n->value[NODE_READY] && !twin)
			correct(n);
		for (size_t at = 0; again && map_next(&a->pods, &at, NULL, &p);)
			status_reclaim(p);
	}
}

/* Whoever waits need not: soon, and not all nodes at the same time. */
static void servers_serve(void *arg)
{
	struct node *n = arg;
	size_t it = 0;
	void *v;

	if (n->a->closing)
		return;
	n->retry_ms = 0;
	if (n->failing || !n->up)
		loop_timer_set(&n->timer, env_random_below(WELL_MS));
	while (map_next(&n->a->pods, &it, NULL, &v)) {
		struct pod *p = v;

		p->status_backoff_ms = 0;
		if (p->status_dirty && loop_timer_is_set(&p->status_timer))
			loop_timer_set(&p->status_timer, env_random_below(WELL_MS));
	}
}

bool node_up(const struct node *n)
{
	return n->up;
}

int node_open(struct node **ret, struct agent *a)
{
	struct node *n = calloc(1, sizeof(*n));

	if (!n)
		return -ERR_NOMEM;
	n->a = a;
	n->memory_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	n->cpus = sysconf(_SC_NPROCESSORS_ONLN);
	/* The Lease of an earlier life: the first renewal finds out. */
	n->lease_there = true;
	loop_timer_init(&n->timer, a->loop, tick, n);
	loop_timer_set(&n->timer, 0);
	loop_timer_init(&n->correction, a->loop, correct_now, n);
	client_on_well(a->client, servers_serve, n);
	only = n;
	*ret = n;
	return 0;
}

void node_close(struct node *n)
{
	if (!n)
		return;
	loop_timer_stop(&n->timer);
	loop_timer_stop(&n->correction);
	only = NULL;
	buf_finish(&n->twin.own);
	free(n);
}
