/* SPDX-License-Identifier: Apache-2.0 */
/*
 * police_node - what a node's own credentials may write, beyond what its role says: its
 * own Node and Lease, the pods bound to it, and tokens for the accounts of those pods.
 * A machine that was broken into cannot speak for the others.
 * Source: kubernetes plugin/pkg/admission/noderestriction.
 */
#include <string.h>

#include "api/call.h"

/* The node whose agent asks, or NULL. */
static const char *node_of(const struct call *c)
{
	if (!user_in_group(&c->user, "system:nodes") || strncmp(c->user.name, "system:node:", 12))
		return NULL;
	return c->user.name + 12;
}

static enum step pod(struct call *c, const char *node)
{
	const char *on;

	if (c->creating) {
		/* Mirrors of what the node runs by itself, and nothing else. */
		on = doc_mstr(c->obj, "spec.nodeName");
		if (!yyjson_mut_obj_get(doc_mget(c->obj, "metadata.annotations"), "kubernetes.io/config.mirror"))
			return fail_forbidden(c, c->name, NULL, "pod does not have \"kubernetes.io/config.mirror\" annotation, "
				"node \"%s\" can only create mirror pods", node);
		if (!on || strcmp(on, node))
			return fail_forbidden(c, c->name, NULL, "node \"%s\" can only create pods with spec.nodeName set to itself", node);
		return STEP_NEXT;
	}
	on = doc_mstr(c->old, "spec.nodeName");
	if (!on || strcmp(on, node))
		return fail_forbidden(c, c->name, NULL, "node \"%s\" can only %s pods with spec.nodeName set to itself", node,
			c->verb == VERB_DELETE ? "delete" : "update status for");
	return STEP_NEXT;
}

struct search { const char *ns, *sa; bool found; };

static bool runs_as(void *arg, struct cache_obj *o)
{
	struct search *s = arg;
	const char *sa = doc_str(cache_tree(o), "spec.serviceAccountName");

	s->found = !strcmp(o->ns, s->ns) && sa && !strcmp(sa, s->sa);
	return !s->found;
}

enum step police_node_token(struct call *c)
{
	const char *node = node_of(c), *pod_name = doc_mstr(c->input, "spec.boundObjectRef.name");
	struct search s = { .ns = c->ns, .sa = c->name };

	if (!node)
		return STEP_NEXT;
	if (!pod_name)
		return fail_forbidden(c, c->name, NULL, "node requested token not bound to a pod");
	cache_each_on_node(c->api->cache, node, runs_as, &s);
	return s.found ? STEP_NEXT : fail_forbidden(c, c->name, NULL,
		"node \"%s\" runs no pod of this service account", node);
}

enum step police_node(struct call *c)
{
	const char *node = node_of(c);

	if (!node)
		return STEP_NEXT;
	if (c->kind == c->api->k.pod)
		return pod(c, node);
	if (c->kind == c->api->k.node && strcmp(c->name, node))
		return fail_forbidden(c, c->name, NULL, "node \"%s\" is not allowed to modify node \"%s\"", node, c->name);
	if (c->kind == c->api->k.lease) {
		if (strcmp(c->ns, "kube-node-lease"))
			return fail_forbidden(c, c->name, NULL, "can only access leases in the \"kube-node-lease\" system namespace");
		if (strcmp(c->name, node))
			return fail_forbidden(c, c->name, NULL, "can only access node lease with the same name as the requesting node");
	}
	return STEP_NEXT;
}
