/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity - the Leases that say which API servers are there: each server renews its own
 * and removes those of servers that are gone. Runs on every server.
 *
 * A server that alone has its store renews as seldom as the hour that its Lease lasts needs,
 * and knows that any other is of the past. With several on one store time is counted in this
 * server's own renewals, as they are seen to arrive: whose Lease did not change while PATIENCE of
 * them came is gone. So no clock is compared with another's, and when nobody can write, nobody dies.
 * A Lease of something else lasts as long as it says.
 * Source: KEP-1965; kubernetes pkg/controlplane/apiserver/server.go (identity lease,
 * apiserverleasegc), apiserver pkg/server/config.go (APIServerID), with the address in the name
 * because servers may share a machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/map.h"
#include "base/text.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define ALONE_LEASE_S   3600
#define ALONE_RENEW_MS  (ALONE_LEASE_S / 4 * 1000)
#define SHARED_LEASE_S  12
#define SHARED_RENEW_MS 4000
#define PATIENCE        3      /* renewals of ours */
#define ID_BYTES 16            /* of the digest, of which a name is made */
#define SERVERS_MAX 1024       /* more Leases are left alone */

struct peer { unsigned seen_at; int64_t seen_ms; };    /* our count of renewals, and our clock, when it changed */
struct identity {
	char holder[128];
	unsigned renewals;
	int64_t counted_ms;
	struct map peers;      /* name -> struct peer */
};

static struct { char host[256], name[64], address[300]; bool shared; } self;

static void base32(char *out, const uint8_t *p, size_t n)
{
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < n || have; ) {
		while (have < 5 && i < n) {
			bits = bits << 8 | p[i++];
			have += 8;
		}
		if (have < 5) {
			bits <<= 5 - have;
			have = 5;
		}
		have -= 5;
		*out++ = "abcdefghijklmnopqrstuvwxyz234567"[bits >> have & 31];
		bits &= (1u << have) - 1;
	}
	*out = 0;
}

const char *ctl_server_set(const char *address, bool shared)
{
	char text[40], seed[600];
	uint8_t digest[32];

	memset(&self, 0, sizeof(self));
	gethostname(self.host, sizeof(self.host) - 1);
	snprintf(self.address, sizeof(self.address), "%s", address ? address : "");
	self.shared = shared;
	snprintf(seed, sizeof(seed), "%s/%s", self.host, self.address);
	text_sha256(digest, seed, strlen(seed));
	base32(text, digest, ID_BYTES);
	snprintf(self.name, sizeof(self.name), "apiserver-%s", text);
	return self.name;
}

const char *ctl_server_lease(void)
{
	return self.name;
}

bool ctl_is_server_lease(const struct cache_obj *lease)
{
	const char *is = labels_get(&lease->labels, "apiserver.kubernetes.io/identity");

	return is && !strcmp(is, "kube-apiserver") && !strcmp(lease->ns, "kube-system");
}

const char *ctl_server_address(struct cache_obj *lease)
{
	return yyjson_get_str(yyjson_obj_get(doc_get(cache_tree(lease), "metadata.annotations"), CTL_SERVER_ADDRESS));
}

/* ---- ours ---- */

static const char *holder(struct identity *id)
{
	char uid[TEXT_UUID_MAX];

	if (!*id->holder) {        /* one life of the process */
		text_uuid(uid);
		snprintf(id->holder, sizeof(id->holder), "%s_%s", self.name, uid);
	}
	return id->holder;
}

static int renew(struct ctl *c, const char *ns, const char *name)
{
	const struct kinds_kind *kind = ctl_kind("coordination.k8s.io", "leases");
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	char now[TEXT_TIME_MAX];

	text_microtime(now, env_wall_us());
	doc_mset_str(d, o, "metadata.name", name);
	doc_mset_key(d, o, "metadata.labels", "apiserver.kubernetes.io/identity", "kube-apiserver");
	doc_mset_key(d, o, "metadata.labels", "kubernetes.io/hostname", self.host);
	doc_mset_key(d, o, "metadata.annotations", CTL_SERVER_ADDRESS, self.address);
	doc_mset_str(d, o, "spec.holderIdentity", holder(ctl_state(c)));
	doc_mset_int(d, o, "spec.leaseDurationSeconds", self.shared ? SHARED_LEASE_S : ALONE_LEASE_S);
	doc_mset_str(d, o, "spec.renewTime", now);
	if (cache_get(ctl_cache(c), CTL_LEASES, ns, name))
		ctl_patch(c, kind, ns, name, NULL, o);
	else
		ctl_create(c, kind, ns, o, true);
	ctl_enqueue_after(c, ns, name, self.shared ? SHARED_RENEW_MS : ALONE_RENEW_MS);
	return 0;
}

/* ---- the others' ---- */

/* How long it may still be unchanged; 0: it is gone; -1: our renewals will tell. */
static int64_t left_ms(const struct identity *id, const struct peer *p, struct cache_obj *lease)
{
	int64_t over_ms = p->seen_ms + doc_int(cache_tree(lease), "spec.leaseDurationSeconds", 0) * 1000;

	if (!ctl_server_address(lease))
		return over_ms > env_now_ms() ? over_ms - env_now_ms() : 0;
	if (!self.shared)
		return 0;
	return id->renewals - p->seen_at >= PATIENCE ? 0 : -1;
}

static int judge(struct ctl *c, const char *ns, const char *name)
{
	struct identity *id = ctl_state(c);
	struct cache_obj *o = cache_get(ctl_cache(c), CTL_LEASES, ns, name);
	const struct peer *p = map_get(&id->peers, name);
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *options = yyjson_mut_obj(d);
	char path[600], rev[24];
	int64_t left = o && p ? left_ms(id, p, o) : -1;

	if (left > 0)
		ctl_enqueue_after(c, ns, name, left);
	if (left)
		return 0;
	/* Only as it was seen: one that is renewed meanwhile lives. */
	snprintf(rev, sizeof(rev), "%lld", (long long)o->rev);
	snprintf(path, sizeof(path), "/apis/coordination.k8s.io/v1/namespaces/%s/leases/%s", ns, name);
	doc_mset_str(d, options, "kind", "DeleteOptions");
	doc_mset_str(d, options, "apiVersion", "v1");
	doc_mset_str(d, options, "preconditions.uid", o->uid);
	doc_mset_str(d, options, "preconditions.resourceVersion", rev);
	ctl_call(c, "DELETE", path, NULL, NULL, options);
	return 0;
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	return strcmp(name, self.name) ? judge(c, ns, name) : renew(c, ns, name);
}

/* ---- events ---- */

static void namespace_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type == CACHE_ADDED && !strcmp(ev->obj->name, "kube-system"))
		ctl_enqueue(c, "kube-system", self.name);
}

/* A renewal of ours arrived. Two close to each other count once: a write may be tried again. */
static void count_renewal(struct ctl *c, struct identity *id)
{
	const char *name;
	size_t it = 0;
	void *v;

	if (id->counted_ms && env_now_ms() - id->counted_ms < SHARED_RENEW_MS / 2)
		return;
	id->counted_ms = env_now_ms();
	id->renewals++;
	while (map_next(&id->peers, &it, &name, &v))
		if (id->renewals - ((struct peer *)v)->seen_at >= PATIENCE)
			ctl_enqueue(c, "kube-system", name);
}

static void peer_seen(struct ctl *c, struct identity *id, const char *name)
{
	struct peer *p = map_get(&id->peers, name);

	if (!p && id->peers.len < SERVERS_MAX && (p = calloc(1, sizeof(*p))) && map_put(&id->peers, name, p, NULL)) {
		free(p);
		p = NULL;
	}
	if (!p)
		return;
	*p = (struct peer){ id->renewals, env_now_ms() };
	ctl_enqueue(c, "kube-system", name);
}

static void lease_changed(struct ctl *c, const struct cache_event *ev)
{
	struct identity *id = ctl_state(c);
	bool ours = !strcmp(ev->obj->name, self.name);

	if (!ctl_is_server_lease(ev->obj))
		return;
	if (ours && ev->type == CACHE_DELETED)
		ctl_enqueue(c, ev->obj->ns, ev->obj->name);
	else if (ours)
		count_renewal(c, id);
	else if (ev->type == CACHE_DELETED)
		free(map_del(&id->peers, ev->obj->name));
	else
		peer_seen(c, id, ev->obj->name);
}

static void finish(struct ctl *c)
{
	struct identity *id = ctl_state(c);
	size_t it = 0;
	void *v;

	while (map_next(&id->peers, &it, NULL, &v))
		free(v);
	map_finish(&id->peers);
}

static const struct ctl_watch watches[] = {
	{ "core/namespaces", namespace_changed },
	{ CTL_LEASES, lease_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_identity = { .name = "apiserver-identity", .watches = watches, .reconcile = reconcile,
	.state_bytes = sizeof(struct identity), .close = finish };
