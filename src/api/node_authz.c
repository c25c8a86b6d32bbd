/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_authz - what the identity of a node (system:node:NAME in system:nodes) may do:
 * read what the pods bound to it refer to (node_graph.c), act on what bears its own
 * name, and else what the rules of the role system:node say. That a node writes only
 * what is its own is admit_node.c's: here the body is not known yet.
 * Source: kubernetes plugin/pkg/auth/authorizer/node/node_authorizer.go.
 */
#include <stdlib.h>
#include <string.h>

#include "api/bootstrap_table.h"
#include "api/node_graph.h"
#include "api/rbac_priv.h"

struct node_authz {
	struct api *api;
	struct node_graph *graph;
	struct arena *arena;
	struct rbac_rule *rules;       /* of system:node */
	size_t rule_count;
};

/* One question on its way through a row's function. */
struct ask { struct node_authz *n; const struct attributes *at; const char *node; struct buf *reason; };

static bool no(const struct ask *q, const char *why)
{
	if (q->reason)
		buf_adds(q->reason, why);
	return false;
}

static bool verb_in(const struct ask *q, const char *const *verbs)
{
	for (; *verbs; verbs++)
		if (!strcmp(*verbs, q->at->verb))
			return true;
	return false;
}
#define VERBS(...) (const char *const[]){ __VA_ARGS__, NULL }

/* ---- related to the node? ---- */

static struct cache_obj *stored(const struct ask *q, const char *group, const char *plural)
{
	const struct kinds_kind *k = kinds_by_resource(group, "v1", plural);

	return k ? cache_get(q->n->api->cache, k->store, k->namespaced ? q->at->ns : "", q->at->name) : NULL;
}

static bool names_node(struct cache_obj *o, const char *node)
{
	const char *on = o ? doc_str(cache_tree(o), "spec.nodeName") : NULL;

	return on && !strcmp(on, node);
}

static bool edge(const struct ask *q, enum node_edge what)
{
	return node_graph_has(q->n->graph, q->node, what, q->at->ns, q->at->name);
}
static bool is_secret(const struct ask *q) { return edge(q, NODE_SECRET); }
static bool is_config_map(const struct ask *q) { return edge(q, NODE_CONFIG_MAP); }
static bool is_claim(const struct ask *q) { return edge(q, NODE_CLAIM); }
static bool is_account(const struct ask *q) { return edge(q, NODE_ACCOUNT); }
static bool is_resource_claim(const struct ask *q) { return edge(q, NODE_RESOURCE_CLAIM); }
static bool is_volume(const struct ask *q) { return node_graph_has_volume(q->n->graph, q->node, q->at->name); }
static bool is_attachment(const struct ask *q) { return names_node(stored(q, "storage.k8s.io", "volumeattachments"), q->node); }
static bool is_slice(const struct ask *q) { return names_node(stored(q, "resource.k8s.io", "resourceslices"), q->node); }

static bool is_pod(const struct ask *q)
{
	struct cache_obj *o = cache_get(q->n->api->cache, q->n->api->k.pod->store, q->at->ns, q->at->name);

	return o && !strcmp(o->node, q->node);
}

static bool related(const struct ask *q, bool (*is)(const struct ask *q))
{
	if (!*q->at->name)
		return no(q, "No Object name found");
	if (is(q))
		return true;
	if (q->reason)
		buf_printf(q->reason, "no relationship found between node '%s' and this object", q->node);
	return false;
}

/* ---- one function a way of access ---- */

struct row;
typedef bool access_fn(const struct ask *q, const struct row *r);
struct row { const char *group, *resource; access_fn *fn; bool (*is)(const struct ask *q); };

static bool read_one(const struct ask *q, const struct row *r)
{
	if (!verb_in(q, VERBS("get", "list", "watch")))
		return no(q, "can only read resources of this type");
	if (*q->at->sub)
		return no(q, "cannot read subresource");
	if (!*q->at->ns)
		return no(q, "can only read namespaced object of this type");
	return related(q, r->is);
}

static bool get_one(const struct ask *q, const struct row *r)
{
	if (strcmp(q->at->verb, "get"))
		return no(q, "can only get individual resources of this type");
	if (*q->at->sub)
		return no(q, "cannot get subresource");
	return related(q, r->is);
}

static bool claim(const struct ask *q, const struct row *r)
{
	if (strcmp(q->at->sub, "status"))
		return get_one(q, r);
	if (!verb_in(q, VERBS("get", "update", "patch")))
		return no(q, "can only get/update/patch this type");
	return related(q, r->is);
}

static bool account(const struct ask *q, const struct row *r)
{
	if (!*q->at->sub && !strcmp(q->at->verb, "get"))
		return related(q, r->is);
	if (strcmp(q->at->verb, "create") || !*q->at->name)
		return no(q, "can only create tokens for individual service accounts");
	if (strcmp(q->at->sub, "token"))
		return no(q, "can only create token subresource of serviceaccount");
	return related(q, r->is);
}

static bool lease(const struct ask *q, const struct row *r)
{
	if (!verb_in(q, VERBS("get", "create", "update", "patch", "delete")))
		return no(q, "can only get, create, update, patch, or delete a node lease");
	if (strcmp(q->at->ns, "kube-node-lease"))
		return no(q, "can only access leases in the \"kube-node-lease\" system namespace");
	if (strcmp(q->at->verb, "create") && strcmp(q->at->name, q->node))
		return no(q, "can only access node lease with the same name as the requesting node");
	return true;
}

static bool csi_node(const struct ask *q, const struct row *r)
{
	if (!verb_in(q, VERBS("get", "create", "update", "patch", "delete")))
		return no(q, "can only get, create, update, patch, or delete a CSINode");
	if (*q->at->sub)
		return no(q, "cannot authorize CSINode subresources");
	if (strcmp(q->at->verb, "create") && strcmp(q->at->name, q->node))
		return no(q, "can only access CSINode with the same name as the requesting node");
	return true;
}

static bool selects_node(const struct ask *q)
{
	return q->at->node_selected && !strcmp(q->at->node_selected, q->node);
}

static bool slice(const struct ask *q, const struct row *r)
{
	if (*q->at->sub)
		return no(q, "cannot authorize ResourceSlice subresources");
	if (!strcmp(q->at->verb, "create"))
		return true;
	if (verb_in(q, VERBS("get", "update", "patch", "delete")))
		return related(q, r->is);
	if (!verb_in(q, VERBS("watch", "list", "deletecollection")))
		return no(q, "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, "
			"update, patch, delete, deletecollection");
	return selects_node(q) || no(q, "can only list/watch/deletecollection resourceslices with nodeName field selector");
}

static bool node(const struct ask *q, const struct row *r)
{
	if (!strcmp(q->at->sub, "status"))
		return verb_in(q, VERBS("update", "patch"));
	if (*q->at->sub)
		return false;
	if (verb_in(q, VERBS("create", "update", "patch")))
		return true;
	if (!verb_in(q, VERBS("get", "list", "watch")))
		return false;
	if (!strcmp(q->at->name, q->node))
		return true;
	if (q->reason && *q->at->name)
		buf_printf(q->reason, "node '%s' cannot read '%s', only its own Node object", q->node, q->at->name);
	else if (q->reason)
		buf_printf(q->reason, "node '%s' cannot read all nodes, only its own Node object", q->node);
	return false;
}

/* Ours, beyond upstream: as a firewall, each node must know the addresses and labels of all pods,
 * as soon as there is any NetworkPolicy. */
static bool polices(const struct ask *q)
{
	const struct kinds_kind *k = kinds_by_resource("networking.k8s.io", "v1", "networkpolicies");

	return !*q->at->name && k && cache_count(q->n->api->cache, k->store, NULL) > 0;
}

static bool pod(const struct ask *q, const struct row *r)
{
	if (!strcmp(q->at->sub, "status"))
		return verb_in(q, VERBS("update", "patch"));
	if (!strcmp(q->at->sub, "eviction"))
		return !strcmp(q->at->verb, "create");
	if (*q->at->sub)
		return false;
	if (!strcmp(q->at->verb, "get"))
		return related(q, r->is);
	if (verb_in(q, VERBS("create", "delete")))
		return true;
	if (!verb_in(q, VERBS("list", "watch")))
		return false;
	if (selects_node(q) || polices(q))
		return true;
	return *q->at->name ? related(q, r->is) : no(q, "can only list/watch pods with spec.nodeName field selector");
}

static const struct row rows[] = {
	{ "", "secrets", read_one, is_secret },
	{ "", "configmaps", read_one, is_config_map },
	{ "", "persistentvolumeclaims", claim, is_claim },
	{ "", "persistentvolumes", get_one, is_volume },
	{ "resource.k8s.io", "resourceclaims", get_one, is_resource_claim },
	{ "storage.k8s.io", "volumeattachments", get_one, is_attachment },
	{ "", "serviceaccounts", account, is_account },
	{ "coordination.k8s.io", "leases", lease, NULL },
	{ "storage.k8s.io", "csinodes", csi_node, NULL },
	{ "resource.k8s.io", "resourceslices", slice, is_slice },
	{ "", "nodes", node, NULL },
	{ "", "pods", pod, is_pod },
};

bool node_allowed(struct node_authz *n, const struct attributes *at, struct buf *reason)
{
	struct ask q = { .n = n, .at = at, .node = user_node(at->user), .reason = reason };

	if (!q.node)
		return false;
	if (!*q.node) {
		if (reason)
			buf_printf(reason, "unknown node for user \"%s\"", at->user->name);
		return false;
	}
	for (size_t i = 0; !at->path && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].resource, at->resource) && !strcmp(rows[i].group, at->group))
			return rows[i].fn(&q, &rows[i]);
	for (size_t i = 0; i < n->rule_count; i++)
		if (rbac_rule_allows(&n->rules[i], at))
			return true;
	return false;
}

/* ---- life ---- */

static int read_rules(struct node_authz *n)
{
	BUF_AUTO struct buf json = { 0 };
	yyjson_doc *d;

	for (size_t i = 0; i < bootstrap_row_count; i++) {
		const struct bootstrap_row *r = &bootstrap_rows[i];

		if (strcmp(r->plural, "clusterroles") || strcmp(r->name, "system:node"))
			continue;
		buf_printf(&json, "%s\",\"creationTimestamp\":\"\"%s", r->head, r->tail);
		if (json.failed || doc_parse(n->arena, json.p, json.len, &d, NULL))
			return -ERR_NOMEM;
		return rbac_compile(n->arena, doc_get(yyjson_doc_get_root(d), "rules"), &n->rules, &n->rule_count);
	}
	return -ERR_INTERNAL;
}

int node_authz_open(struct node_authz **ret, struct api *a)
{
	struct node_authz *n = calloc(1, sizeof(*n));
	int rc;

	if (!n)
		return -ERR_NOMEM;
	n->api = a;
	n->arena = arena_open(1u << 20);
	rc = n->arena ? read_rules(n) : -ERR_NOMEM;
	if (!rc)
		rc = node_graph_open(&n->graph, a);
	if (rc) {
		node_authz_close(n);
		return rc;
	}
	*ret = n;
	return 0;
}

void node_authz_close(struct node_authz *n)
{
	if (!n)
		return;
	node_graph_close(n->graph);
	arena_close(n->arena);
	free(n);
}
