/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity - the Lease that says this API server is there. Upstream renews it every ten
 * seconds; it lasts an hour, so a few times an hour will do.
 * Source: kubernetes pkg/controlplane/apiserver/server.go (identity lease), apiserver
 * pkg/server/config.go (APIServerID).
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/text.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define LEASES   "coordination.k8s.io/leases"
#define LEASE_S  3600
#define RENEW_MS (LEASE_S / 4 * 1000)
#define ID_BYTES 16            /* of the digest, of which a name is made */

struct identity { char host[256], name[64], holder[128]; };

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

/* Found once: a holder is one life of the process. */
static const struct identity *identity(struct ctl *c)
{
	struct identity *id = ctl_state(c);
	char host[sizeof(id->host)] = "", text[40], uid[TEXT_UUID_MAX];
	uint8_t digest[32];

	if (*id->name)
		return id;
	gethostname(host, sizeof(host) - 1);
	memcpy(id->host, host, sizeof(host));
	text_sha256(digest, host, strlen(host));
	base32(text, digest, ID_BYTES);
	text_uuid(uid);
	snprintf(id->name, sizeof(id->name), "apiserver-%s", text);
	snprintf(id->holder, sizeof(id->holder), "%s_%s", id->name, uid);
	return id;
}

static void namespace_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type == CACHE_ADDED && !strcmp(ev->obj->name, "kube-system"))
		ctl_enqueue(c, "kube-system", identity(c)->name);
}

static void lease_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type == CACHE_DELETED && !strcmp(ev->obj->ns, "kube-system") && !strcmp(ev->obj->name, identity(c)->name))
		ctl_enqueue(c, ev->obj->ns, ev->obj->name);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	const struct kinds_kind *kind = ctl_kind("coordination.k8s.io", "leases");
	const struct identity *id = identity(c);
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	char now[TEXT_TIME_MAX];

	text_microtime(now, env_wall_us());
	doc_mset_str(d, o, "metadata.name", name);
	doc_mset_key(d, o, "metadata.labels", "apiserver.kubernetes.io/identity", "kube-apiserver");
	doc_mset_key(d, o, "metadata.labels", "kubernetes.io/hostname", id->host);
	doc_mset_str(d, o, "spec.holderIdentity", id->holder);
	doc_mset_int(d, o, "spec.leaseDurationSeconds", LEASE_S);
	doc_mset_str(d, o, "spec.renewTime", now);
	if (cache_get(ctl_cache(c), LEASES, ns, name))
		ctl_patch(c, kind, ns, name, NULL, o);
	else
		ctl_create(c, kind, ns, o, true);
	ctl_enqueue_after(c, ns, name, RENEW_MS);
	return 0;
}

static const struct ctl_watch watches[] = {
	{ "core/namespaces", namespace_changed },
	{ LEASES, lease_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_identity = { .name = "apiserver-identity", .watches = watches, .reconcile = reconcile,
	.state_bytes = sizeof(struct identity) };
