/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr_approving - a node's request for its own client certificate is approved when the
 * one who asks may: for itself (certificatesigningrequests/selfnodeclient), or for any
 * node (.../nodeclient).
 *
 *   asked --access review: yes--> granted --next run--> Approved
 *     ^            | no: again later, rights may come
 *     +------------+
 * Source: kubernetes pkg/controller/certificates/approver/sarapprove.go.
 *
 * Beyond upstream:
 * - Whoever has a token of a machine that joins could ask for the identity of a node that is there already, and
 *   read its Secrets. Such a request is denied; a machine that lost its certificate joins again after its Node was
 *   removed.
 * - A node's serving certificate (kubernetes.io/kubelet-serving), which upstream leaves to people, is approved when
 *   the node asks for itself and for exactly its name and the addresses of its Node, or its name alone (the API
 *   knows an agent by that, too: what an agent beside a server asks for). A node writes these addresses
 *   itself, and the API's certificate is of the same authority: so what the API's own certificate names, or
 *   another Node has, is not approved; neither is a name other than the node's. What remains is an address that only
 *   a load balancer in front of the API has: the server cannot know of it unless --advertise says so.
 */
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/map.h"
#include "base/text.h"
#include "control/controllers.h"
#include "control/csr.h"

#define NODE_SIGNER  "kubernetes.io/kube-apiserver-client-kubelet"
#define SERVING      "kubernetes.io/kubelet-serving"
#define NODES        "core/nodes"
#define PREFIX       "system:node:"
#define AGAIN_MAX_MS 1000000

struct state { struct map granted; };  /* uid -> the words of the approval (static) */

struct way { const char *sub, *message; };
static const struct way ways[] = {
	{ "selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview." },
	{ "nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview." },
};

static void csr_changed(struct ctl *c, const struct cache_event *ev)
{
	struct state *s = ctl_state(c);

	if (ev->type == CACHE_DELETED)
		map_del(&s->granted, ev->obj->uid);
	else if (!doc_get(cache_tree(ev->obj), "status.certificate"))
		ctl_enqueue(c, "", ev->obj->name);
}

/* The longer it waits, the seldomer it is looked at. */
static void again_later(struct ctl *c, struct cache_obj *o)
{
	int64_t made;

	if (!text_parse_time(doc_str(cache_tree(o), "metadata.creationTimestamp"), &made)) {
		int64_t age_ms = (env_wall_us() - made) / 1000;

		ctl_enqueue_after(c, "", o->name, age_ms < 1000 ? 1000 : age_ms > AGAIN_MAX_MS ? AGAIN_MAX_MS : age_ms);
	}
}

static void answer(struct ctl *c, const char *name, int rc, yyjson_val *review, const struct way *w)
{
	struct state *s = ctl_state(c);
	struct cache_obj *o = cache_get(ctl_cache(c), CSRS, "", name);

	if (rc || !o)
		return;
	if (map_get(&s->granted, o->uid))
		return;        /* the narrower way was asked first */
	if (doc_bool(review, "status.allowed", false)) {
		if (!map_put(&s->granted, o->uid, (void *)(uintptr_t)w->message, NULL))
			ctl_enqueue(c, "", name);
		return;
	}
	again_later(c, o);
}

static void answer_self(struct ctl *c, const char *ns, const char *name, int rc, yyjson_val *obj, const char *message)
{
	answer(c, name, rc, obj, &ways[0]);
}

static void answer_any(struct ctl *c, const char *ns, const char *name, int rc, yyjson_val *obj, const char *message)
{
	answer(c, name, rc, obj, &ways[1]);
}

static void ask(struct ctl *c, yyjson_val *csr, size_t way)
{
	static const struct { const char *from, *to; } members[] = {
		{ "spec.username", "spec.user" }, { "spec.uid", "spec.uid" }, { "spec.groups", "spec.groups" },
		{ "spec.extra", "spec.extra" },
	};
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *o = yyjson_mut_obj(d), *at;

	doc_mset_str(d, o, "kind", "SubjectAccessReview");
	doc_mset_str(d, o, "apiVersion", "authorization.k8s.io/v1");
	for (size_t i = 0; i < 4; i++)
		if (doc_get(csr, members[i].from))
			doc_mset(d, o, members[i].to, yyjson_val_mut_copy(d, doc_get(csr, members[i].from)));
	at = doc_mobj(d, o, "spec.resourceAttributes");
	doc_mset_str(d, at, "group", "certificates.k8s.io");
	doc_mset_str(d, at, "resource", "certificatesigningrequests");
	doc_mset_str(d, at, "verb", "create");
	doc_mset_str(d, at, "version", "*");
	doc_mset_str(d, at, "subresource", ways[way].sub);
	ctl_call(c, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", NULL, NULL, o);
	ctl_on_answer(c, way ? answer_any : answer_self);
}

/* ---- serving certificates ---- */

static bool among(const char *s, const char *const *list)
{
	for (; list && *list; list++)
		if (!strcasecmp(*list, s))
			return true;
	return false;
}

/* What is asked for is its name, and either none or each of its Node's IPs. */
static bool names_node(yyjson_val *node, const char *name, const struct control_csr *q)
{
	yyjson_val *it;
	size_t i, max, ips = 0;

	for (const char *const *d = q->dns_names; *d; d++)
		if (strcmp(*d, name))
			return false;
	if (!q->ips)
		return q->dns == 1;
	yyjson_arr_foreach(doc_get(node, "status.addresses"), i, max, it) {
		const char *type = doc_str(it, "type"), *address = doc_str(it, "address");

		if (!type || !address || (strcmp(type, "InternalIP") && strcmp(type, "ExternalIP")))
			continue;
		if (!among(address, q->ip_names))
			return false;
		ips++;
	}
	return q->dns == 1 && ips == q->ips;
}

struct others { const char *name; const struct control_csr *q; bool found; };

static bool look_at_other(void *arg, struct cache_obj *o)
{
	struct others *s = arg;
	yyjson_val *it;
	size_t i, max;

	if (!strcmp(o->name, s->name))
		return true;
	yyjson_arr_foreach(doc_get(cache_tree(o), "status.addresses"), i, max, it) {
		const char *address = doc_str(it, "address");

		s->found |= address && (among(address, s->q->ip_names) || among(address, s->q->dns_names));
	}
	return !s->found;
}

/* Once a node's and certificate's life: all Nodes may be looked at. */
static bool serving_fits(struct ctl *c, const char *user, const struct control_csr *q)
{
	const char *name = q->cn + strlen(PREFIX);
	struct cache_obj *node = cache_get(ctl_cache(c), NODES, "", name);
	struct others others = { name, q, false };

	if (!user || strcmp(user, q->cn) || !node || node->deleting || !names_node(cache_tree(node), name, q))
		return false;
	for (const char *const *d = q->dns_names; *d; d++)
		if (csr_certs()->serves(csr_certs()->arg, *d, NULL))
			return false;
	for (const char *const *ip = q->ip_names; *ip; ip++)
		if (csr_certs()->serves(csr_certs()->arg, NULL, *ip))
			return false;
	cache_each(ctl_cache(c), NODES, NULL, NULL, NULL, look_at_other, &others);
	return !others.found;
}

/* ---- both ---- */

static void decide(struct ctl *c, const char *name, yyjson_val *csr, const char *type, const char *reason,
	const char *message)
{
	yyjson_mut_val *now = yyjson_val_mut_copy(ctl_doc(c), csr);

	csr_add_condition(c, now, type, reason, message);
	ctl_update(c, ctl_kind("certificates.k8s.io", "certificatesigningrequests"), "", name, "approval", now);
}

/* A machine has lived under that name. */
static bool inhabited(struct ctl *c, const char *name)
{
	struct cache_obj *node = cache_get(ctl_cache(c), NODES, "", name);
	const char *version = node ? doc_str(cache_tree(node), "status.nodeInfo.kubeletVersion") : NULL;

	return version && *version;
}

static bool joins(yyjson_val *csr)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(csr, "spec.groups"), i, max, it)
		if (yyjson_equals_str(it, "system:bootstrappers"))
			return true;
	return false;
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct state *s = ctl_state(c);
	struct cache_obj *o = cache_get(ctl_cache(c), CSRS, "", name);
	yyjson_val *csr = o ? cache_tree(o) : NULL;
	const char *signer = doc_str(csr, "spec.signerName"), *user = doc_str(csr, "spec.username"), *pem, *why, *granted;
	const char *const *usages;
	struct control_csr q;

	if (!csr_certs() || !signer || (strcmp(signer, NODE_SIGNER) && strcmp(signer, SERVING)) ||
	    doc_get(csr, "status.certificate") || ctl_condition_get(csr, "Approved") || ctl_condition_get(csr, "Denied"))
		return 0;
	pem = csr_pem(ctl_arena(c), csr);
	usages = csr_usages(ctl_arena(c), csr);
	if (!pem || !usages || csr_certs()->read(ctl_arena(c), pem, &q, NULL) ||
	    csr_judge(ctl_arena(c), &q, signer, usages, &why) != CSR_FITS)
		return 0;
	if (!strcmp(signer, SERVING)) {
		if (serving_fits(c, user, &q))
			decide(c, name, csr, "Approved", "AutoApproved", "The node asks for its own name and addresses.");
		else
			again_later(c, o);
		return 0;
	}
	granted = map_del(&s->granted, o->uid);
	if (granted && joins(csr) && inhabited(c, q.cn + strlen(PREFIX)))
		decide(c, name, csr, "Denied", "NodeExists", arena_printf(ctl_arena(c), "there is a node %s already",
			q.cn + strlen(PREFIX)));
	else if (granted)
		decide(c, name, csr, "Approved", "AutoApproved", granted);
	if (granted)
		return 0;
	if (user && !strcmp(user, q.cn))
		ask(c, csr, 0);
	ask(c, csr, 1);
	return 0;
}

static void close_state(struct ctl *c)
{
	struct state *s = ctl_state(c);

	map_finish(&s->granted);
}

static const struct ctl_watch watches[] = { { CSRS, csr_changed }, { NULL, NULL } };
const struct ctl_def ctl_csr_approving = { .name = "certificatesigningrequest-approving-controller", .watches = watches,
	.reconcile = reconcile, .state_bytes = sizeof(struct state), .close = close_state };
