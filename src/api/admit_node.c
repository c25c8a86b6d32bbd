/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_node - NodeRestriction: what a node's own credentials may write, beyond what its
 * role says: its own Node, Lease, CSINode and ResourceSlices, the pods bound to it, and
 * tokens for those pods. A machine that was broken into cannot speak for the others.
 * Source: kubernetes plugin/pkg/admission/noderestriction; kubelet pkg/apis/well_known_labels.go.
 */
#include <stdlib.h>
#include <string.h>

#include "api/admit.h"

#define LABELS_TOLD_MAX 64u

static bool is(const char *s, const char *want)
{
	return s && !strcmp(s, want);
}

static const char *op_text(const struct call *c)
{
	enum admit_op op = admit_op(c);

	return op == ADMIT_CREATE ? "CREATE" : op == ADMIT_UPDATE ? "UPDATE" : "DELETE";
}

/* ---- pods ---- */

static enum step owned_by_node(struct call *c, const char *node)
{
	yyjson_mut_val *owners = doc_mget(c->obj, "metadata.ownerReferences"), *owner = yyjson_mut_arr_get_first(owners);
	struct cache_obj *o;

	if (yyjson_mut_arr_size(owners) > 1)
		return admit_refuse(c, "node \"%s\" can only create pods with a single owner reference set to itself", node);
	if (!owner || !is(doc_mstr(owner, "apiVersion"), "v1") || !is(doc_mstr(owner, "kind"), "Node") ||
	    !is(doc_mstr(owner, "name"), node))
		return admit_refuse(c, "node \"%s\" can only create pods with an owner reference set to itself", node);
	if (!doc_mbool(owner, "controller", false))
		return admit_refuse(c, "node \"%s\" can only create pods with a controller owner reference set to itself", node);
	if (doc_mbool(owner, "blockOwnerDeletion", false))
		return admit_refuse(c, "node \"%s\" must not set blockOwnerDeletion on an owner reference", node);
	o = cache_get(c->api->cache, c->api->k.node->store, "", node);
	if (!o)
		return fail_not_found(c, "nodes", "", node);
	if (!is(doc_mstr(owner, "uid"), o->uid))
		return admit_refuse(c, "node %s UID mismatch: expected %s got %s", node, doc_mstr(owner, "uid"), o->uid);
	return STEP_NEXT;
}

static bool find_ref(void *arg, enum pod_ref what, const char *name)
{
	bool *found = arg;

	(void)name;
	found[what] = true;
	return true;
}

/* Nothing a mirror names may give the node a right to read it. */
static enum step names_nothing(struct call *c, const char *node)
{
	yyjson_mut_val *spec = doc_mget(c->obj, "spec"), *v, *s;
	const char *account = doc_mstr(spec, "serviceAccountName");
	yyjson_mut_arr_iter it, jt;
	bool found[2] = { false };

	if (account && *account)
		return admit_refuse(c, "node \"%s\" can not create pods that reference a service account", node);
	pod_refs(spec, find_ref, found);
	if (found[POD_SECRET])
		return admit_refuse(c, "node \"%s\" can not create pods that reference secrets", node);
	if (found[POD_CONFIG_MAP])
		return admit_refuse(c, "node \"%s\" can not create pods that reference configmaps", node);
	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "volumes"), &it);
	while ((v = yyjson_mut_arr_iter_next(&it))) {
		yyjson_mut_arr_iter_init(doc_mget(v, "projected.sources"), &jt);
		while ((s = yyjson_mut_arr_iter_next(&jt)))
			if (yyjson_mut_obj_get(s, "clusterTrustBundle"))
				return admit_refuse(c, "node \"%s\" can not create pods that reference clustertrustbundles", node);
		if (yyjson_mut_obj_get(v, "persistentVolumeClaim"))
			return admit_refuse(c, "node \"%s\" can not create pods that reference persistentvolumeclaims", node);
	}
	if (doc_mlen(spec, "resourceClaims"))
		return admit_refuse(c, "node \"%s\" can not create pods that reference resourceclaims", node);
	return STEP_NEXT;
}

static enum step pod(struct call *c, const char *node)
{
	enum step step;

	switch (admit_op(c)) {
	case ADMIT_CREATE:
		if (!admit_mirror_pod(c))
			return admit_refuse(c, "pod does not have \"kubernetes.io/config.mirror\" annotation, node \"%s\" can only "
				"create mirror pods", node);
		if (!is(doc_mstr(c->obj, "spec.nodeName"), node))
			return admit_refuse(c, "node \"%s\" can only create pods with spec.nodeName set to itself", node);
		step = owned_by_node(c, node);
		return step == STEP_NEXT ? names_nothing(c, node) : step;
	case ADMIT_DELETE:
		if (!is(doc_mstr(c->old, "spec.nodeName"), node))
			return admit_refuse(c, "node \"%s\" can only delete pods with spec.nodeName set to itself", node);
		return STEP_NEXT;
	default:
		return admit_refuse(c, "unexpected operation \"%s\", node \"%s\" can only create and delete mirror pods",
			op_text(c), node);
	}
}

static enum step pod_status(struct call *c, const char *node)
{
	if (!is(doc_mstr(c->old, "spec.nodeName"), node))
		return admit_refuse(c, "node \"%s\" can only update pod status for pods with spec.nodeName set to itself", node);
	if (!doc_mequal(doc_mget(c->old, "metadata.labels"), doc_mget(c->obj, "metadata.labels")))
		return admit_refuse(c, "node \"%s\" cannot update labels through pod status", node);
	if (!doc_mequal(doc_mget(c->old, "status.resourceClaimStatuses"), doc_mget(c->obj, "status.resourceClaimStatuses")))
		return admit_refuse(c, "node \"%s\" cannot update resource claim statues", node);
	return STEP_NEXT;
}

static enum step pods(struct call *c, const char *node)
{
	if (!*c->sub)
		return pod(c, node);
	if (!strcmp(c->sub, "status"))
		return pod_status(c, node);
	if (strcmp(c->sub, "eviction"))
		return admit_refuse(c, "unexpected pod subresource \"%s\", only 'status' and 'eviction' are allowed", c->sub);
	if (!is(doc_mstr(c->old, "spec.nodeName"), node))
		return admit_refuse(c, "node %s can only evict pods with spec.nodeName set to itself", node);
	return STEP_NEXT;
}

/* ---- the node itself ---- */

/* Is the part of a label before its slash this domain or below it? */
static bool in_domain(const char *label, const char *domain)
{
	const char *slash = strchr(label, '/');
	size_t n = slash ? (size_t)(slash - label) : 0, m = strlen(domain);

	return n >= m && !memcmp(label + n - m, domain, m) && (n == m || label[n - m - 1] == '.');
}

static bool forbidden(const char *label)
{
	static const char *const agents[] = { "kubernetes.io/hostname", "topology.kubernetes.io/zone",
		"topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
		"failure-domain.beta.kubernetes.io/region", "node.kubernetes.io/instance-type",
		"beta.kubernetes.io/instance-type", "kubernetes.io/os", "kubernetes.io/arch",
		"beta.kubernetes.io/os", "beta.kubernetes.io/arch", NULL };

	if (in_domain(label, "node-restriction.kubernetes.io"))
		return true;
	if (!in_domain(label, "kubernetes.io") && !in_domain(label, "k8s.io"))
		return false;
	for (size_t i = 0; agents[i]; i++)
		if (!strcmp(agents[i], label))
			return false;
	return !in_domain(label, "kubelet.kubernetes.io") && !in_domain(label, "node.kubernetes.io");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Labels that one side has otherwise than the other and that are not a node's to change. */
static size_t changed_labels(yyjson_mut_val *a, yyjson_mut_val *b, const char **ret, size_t n)
{
	yyjson_mut_obj_iter it;
	yyjson_mut_val *key;

	yyjson_mut_obj_iter_init(a, &it);
	while ((key = yyjson_mut_obj_iter_next(&it)) && n < LABELS_TOLD_MAX) {
		const char *label = yyjson_mut_get_str(key);
		bool known = false;

		if (!forbidden(label) || doc_mequal(yyjson_mut_obj_iter_get_val(key), yyjson_mut_obj_get(b, label)))
			continue;
		for (size_t i = 0; i < n; i++)
			known |= !strcmp(ret[i], label);
		if (!known)
			ret[n++] = label;
	}
	return n;
}

static enum step check_labels(struct call *c, const char *node)
{
	yyjson_mut_val *now = doc_mget(c->obj, "metadata.labels"), *was = doc_mget(c->old, "metadata.labels");
	const char *labels[LABELS_TOLD_MAX];
	BUF_AUTO struct buf b = { 0 };
	size_t n = changed_labels(now, was, labels, 0);

	n = changed_labels(was, now, labels, n);
	if (!n)
		return STEP_NEXT;
	qsort(labels, n, sizeof(*labels), by_text);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", labels[i]);
	if (b.failed)
		return fail_err(c, -ERR_NOMEM, NULL);
	if (admit_op(c) == ADMIT_CREATE)
		return admit_refuse(c, "node \"%s\" is not allowed to set the following labels: %s", node, b.p);
	return admit_refuse(c, "is not allowed to modify labels: %s", b.p);
}

static enum step itself(struct call *c, const char *node)
{
	enum admit_op op = admit_op(c);

	if (strcmp(c->name, node))
		return admit_refuse(c, "node \"%s\" is not allowed to modify node \"%s\"", node, c->name);
	if (op == ADMIT_DELETE)
		return STEP_NEXT;
	if (op == ADMIT_CREATE && doc_mget(c->obj, "spec.configSource"))
		return admit_refuse(c, "node \"%s\" is not allowed to create pods with a non-nil configSource", node);
	if (op == ADMIT_UPDATE && doc_mget(c->obj, "spec.configSource") &&
	    !doc_mequal(doc_mget(c->obj, "spec.configSource"), doc_mget(c->old, "spec.configSource")))
		return admit_refuse(c, "node \"%s\" is not allowed to update configSource to a new non-nil configSource", node);
	if (op == ADMIT_UPDATE && !doc_mequal(doc_mget(c->obj, "spec.taints"), doc_mget(c->old, "spec.taints")))
		return admit_refuse(c, "node \"%s\" is not allowed to modify taints", node);
	return check_labels(c, node);
}

/* ---- all else ---- */

static enum step lease(struct call *c, const char *node)
{
	if (strcmp(c->ns, "kube-node-lease"))
		return admit_refuse(c, "can only access leases in the \"kube-node-lease\" system namespace");
	if (strcmp(c->name, node))
		return admit_refuse(c, "can only access node lease with the same name as the requesting node");
	return STEP_NEXT;
}

static enum step csi_node(struct call *c, const char *node)
{
	return strcmp(c->name, node) ? admit_refuse(c, "can only access CSINode with the same name as the requesting node")
		: STEP_NEXT;
}

static enum step slice(struct call *c, const char *node)
{
	enum admit_op op = admit_op(c);

	if (op == ADMIT_CREATE && !is(doc_mstr(c->obj, "spec.nodeName"), node))
		return admit_refuse(c, "can only create ResourceSlice with the same NodeName as the requesting node");
	if (op != ADMIT_CREATE && !is(doc_mstr(c->old, "spec.nodeName"), node))
		return admit_refuse(c, "can only %s ResourceSlice with the same NodeName as the requesting node",
			op == ADMIT_DELETE ? "delete" : "update");
	return STEP_NEXT;
}

static enum step claim(struct call *c, const char *node)
{
	static const char *const may[] = { "status.capacity", "status.conditions", "status.allocatedResourceStatuses",
		"status.allocatedResources", "metadata.managedFields", "metadata.resourceVersion" };
	yyjson_mut_val *now, *was;

	if (strcmp(c->sub, "status"))
		return admit_refuse(c, "may only update PVC status");
	now = yyjson_mut_val_mut_copy(c->doc, c->obj);
	was = yyjson_mut_val_mut_copy(c->doc, c->old);
	if (!now || !was)
		return fail_err(c, -ERR_SIZE, NULL);
	for (size_t i = 0; i < sizeof(may) / sizeof(*may); i++) {
		doc_mdel(now, may[i]);
		doc_mdel(was, may[i]);
	}
	/* Nodes relabel nothing, and add no finalizers or owners. */
	if (!doc_mequal(now, was))
		return admit_refuse(c, "node \"%s\" is not allowed to update fields other than status.capacity and "
			"status.conditions", node);
	return STEP_NEXT;
}

enum step node_mutate(struct call *c)
{
	const struct api_kinds *k = &c->api->k;
	const char *node = user_node(&c->user);

	if (!node || c->trusted)
		return STEP_NEXT;
	if (!*node)
		return admit_refuse(c, "could not determine node from user \"%s\"", c->user.name);
	if (c->kind == k->pod)
		return pods(c, node);
	if (c->kind == k->node)
		return itself(c, node);
	if (c->kind == k->pvc)
		return claim(c, node);
	if (c->kind == k->service_account)
		return node_token(c, node);
	if (c->kind == k->lease)
		return lease(c, node);
	if (c->kind == k->csi_node)
		return csi_node(c, node);
	return c->kind == k->resource_slice ? slice(c, node) : STEP_NEXT;
}
