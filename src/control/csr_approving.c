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
 */
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/map.h"
#include "base/text.h"
#include "control/controllers.h"
#include "control/csr.h"

#define NODE_SIGNER  "kubernetes.io/kube-apiserver-client-kubelet"
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

static void answer(struct ctl *c, const char *name, int rc, yyjson_val *review, const struct way *w)
{
	struct state *s = ctl_state(c);
	struct cache_obj *o = cache_get(ctl_cache(c), CSRS, "", name);
	int64_t made;

	if (rc || !o)
		return;
	if (map_get(&s->granted, o->uid))
		return;        /* the narrower way was asked first */
	if (doc_bool(review, "status.allowed", false)) {
		if (!map_put(&s->granted, o->uid, (void *)(uintptr_t)w->message, NULL))
			ctl_enqueue(c, "", name);
		return;
	}
	/* The longer it waits, the seldomer it is asked for. */
	if (!text_parse_time(doc_str(cache_tree(o), "metadata.creationTimestamp"), &made)) {
		int64_t age_ms = (env_wall_us() - made) / 1000;

		ctl_enqueue_after(c, "", name, age_ms < 1000 ? 1000 : age_ms > AGAIN_MAX_MS ? AGAIN_MAX_MS : age_ms);
	}
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

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct state *s = ctl_state(c);
	struct cache_obj *o = cache_get(ctl_cache(c), CSRS, "", name);
	yyjson_val *csr = o ? cache_tree(o) : NULL;
	const char *signer = doc_str(csr, "spec.signerName"), *user = doc_str(csr, "spec.username"), *pem, *why, *granted;
	const char *const *usages;
	struct control_csr q;
	yyjson_mut_val *now;

	if (!csr_certs() || !signer || strcmp(signer, NODE_SIGNER) || doc_get(csr, "status.certificate") ||
	    ctl_condition_get(csr, "Approved") || ctl_condition_get(csr, "Denied"))
		return 0;
	pem = csr_pem(ctl_arena(c), csr);
	usages = csr_usages(ctl_arena(c), csr);
	if (!pem || !usages || csr_certs()->read(ctl_arena(c), pem, &q, NULL) ||
	    csr_judge(ctl_arena(c), &q, signer, usages, &why) != CSR_FITS)
		return 0;
	granted = map_del(&s->granted, o->uid);
	if (granted) {
		now = yyjson_val_mut_copy(ctl_doc(c), csr);
		csr_add_condition(c, now, "Approved", "AutoApproved", granted);
		ctl_update(c, ctl_kind("certificates.k8s.io", "certificatesigningrequests"), "", name, "approval", now);
		return 0;
	}
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
