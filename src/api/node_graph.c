/* SPDX-License-Identifier: Apache-2.0 */
/* node_graph - see node_graph.h. */
#include "api/node_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define KEY_MAX 900            /* kind, namespace, name, node: 1 + 63 + 253 + 253 and slashes */

struct node_graph {
	struct api *api;
	struct map edges;              /* "kind/ns/name>node" -> count */
	struct map volume_secrets;     /* "ns/name" -> struct names of PersistentVolumes */
	struct cache_observer *obs[2];
};

struct names { char **v; size_t n; };

/* ---- what a pod refers to ---- */

typedef void edge_fn(void *arg, enum node_edge what, const char *ns, const char *name);

/* Where names stand in a volume, and in the source of a projected one. */
static const struct { const char *path; enum node_edge what; } volume_rows[] = {
	{ "secret.secretName", NODE_SECRET }, { "secret.name", NODE_SECRET },
	{ "configMap.name", NODE_CONFIG_MAP }, { "persistentVolumeClaim.claimName", NODE_CLAIM },
	{ "csi.nodePublishSecretRef.name", NODE_SECRET }, { "azureFile.secretName", NODE_SECRET },
	{ "cephfs.secretRef.name", NODE_SECRET }, { "cinder.secretRef.name", NODE_SECRET },
	{ "flexVolume.secretRef.name", NODE_SECRET }, { "iscsi.secretRef.name", NODE_SECRET },
	{ "rbd.secretRef.name", NODE_SECRET }, { "scaleIO.secretRef.name", NODE_SECRET },
	{ "storageos.secretRef.name", NODE_SECRET },
};
/* In an entry of a container's env or envFrom. */
static const struct { const char *list, *path; enum node_edge what; } env_rows[] = {
	{ "env", "valueFrom.secretKeyRef.name", NODE_SECRET },
	{ "env", "valueFrom.configMapKeyRef.name", NODE_CONFIG_MAP },
	{ "envFrom", "secretRef.name", NODE_SECRET },
	{ "envFrom", "configMapRef.name", NODE_CONFIG_MAP },
};
/* Secrets that a PersistentVolume's node part needs, and where their namespace stands. */
static const struct { const char *name, *ns; } pv_rows[] = {
	{ "spec.azureFile.secretName", "spec.azureFile.secretNamespace" },
	{ "spec.cephfs.secretRef.name", "spec.cephfs.secretRef.namespace" },
	{ "spec.cinder.secretRef.name", "spec.cinder.secretRef.namespace" },
	{ "spec.flexVolume.secretRef.name", "spec.flexVolume.secretRef.namespace" },
	{ "spec.rbd.secretRef.name", "spec.rbd.secretRef.namespace" },
	{ "spec.scaleIO.secretRef.name", "spec.scaleIO.secretRef.namespace" },
	{ "spec.iscsi.secretRef.name", "spec.iscsi.secretRef.namespace" },
	{ "spec.storageos.secretRef.name", "spec.storageos.secretRef.namespace" },
	{ "spec.csi.nodePublishSecretRef.name", "spec.csi.nodePublishSecretRef.namespace" },
	{ "spec.csi.nodeStageSecretRef.name", "spec.csi.nodeStageSecretRef.namespace" },
	{ "spec.csi.nodeExpandSecretRef.name", "spec.csi.nodeExpandSecretRef.namespace" },
};
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void tell(edge_fn *fn, void *arg, enum node_edge what, const char *ns, const char *name)
{
	if (name && *name)
		fn(arg, what, ns, name);
}

static void each_volume_edge(const struct cache_obj *pod, yyjson_val *v, edge_fn *fn, void *arg)
{
	char claim[520];
	yyjson_val *s;
	size_t i, n;

	for (size_t r = 0; r < COUNT(volume_rows); r++)
		tell(fn, arg, volume_rows[r].what, pod->ns, doc_str(v, volume_rows[r].path));
	yyjson_arr_foreach(doc_get(v, "projected.sources"), i, n, s)
		for (size_t r = 0; r < 3; r++)
			tell(fn, arg, volume_rows[r].what, pod->ns, doc_str(s, volume_rows[r].path));
	if (doc_get(v, "ephemeral") && doc_str(v, "name")) {
		snprintf(claim, sizeof(claim), "%s-%s", pod->name, doc_str(v, "name"));
		tell(fn, arg, NODE_CLAIM, pod->ns, claim);
	}
}

static void each_container_edge(const struct cache_obj *pod, yyjson_val *c, edge_fn *fn, void *arg)
{
	yyjson_val *e;
	size_t i, n;

	for (size_t r = 0; r < COUNT(env_rows); r++)
		yyjson_arr_foreach(yyjson_obj_get(c, env_rows[r].list), i, n, e)
			tell(fn, arg, env_rows[r].what, pod->ns, doc_str(e, env_rows[r].path));
}

static void each_edge(struct cache_obj *pod, edge_fn *fn, void *arg)
{
	static const char *const containers[] = { "initContainers", "containers", "ephemeralContainers" };
	yyjson_val *tree = cache_tree(pod), *spec = doc_get(tree, "spec"), *v;
	size_t i, n;

	/* A node makes mirror pods itself: they must not give it anything. */
	if (yyjson_obj_get(doc_get(tree, "metadata.annotations"), "kubernetes.io/config.mirror"))
		return;
	tell(fn, arg, NODE_ACCOUNT, pod->ns, doc_str(spec, "serviceAccountName"));
	yyjson_arr_foreach(yyjson_obj_get(spec, "imagePullSecrets"), i, n, v)
		tell(fn, arg, NODE_SECRET, pod->ns, doc_str(v, "name"));
	yyjson_arr_foreach(yyjson_obj_get(spec, "volumes"), i, n, v)
		each_volume_edge(pod, v, fn, arg);
	for (size_t l = 0; l < COUNT(containers); l++)
		yyjson_arr_foreach(yyjson_obj_get(spec, containers[l]), i, n, v)
			each_container_edge(pod, v, fn, arg);
	yyjson_arr_foreach(yyjson_obj_get(spec, "resourceClaims"), i, n, v)
		tell(fn, arg, NODE_RESOURCE_CLAIM, pod->ns, doc_str(v, "resourceClaimName"));
	yyjson_arr_foreach(doc_get(tree, "status.resourceClaimStatuses"), i, n, v)
		tell(fn, arg, NODE_RESOURCE_CLAIM, pod->ns, doc_str(v, "resourceClaimName"));
}

/* ---- counting ---- */

static bool edge_key(char key[KEY_MAX], const char *node, enum node_edge what, const char *ns, const char *name)
{
	return (size_t)snprintf(key, KEY_MAX, "%d/%s/%s>%s", (int)what, ns, name, node) < KEY_MAX;
}

struct step_by { struct node_graph *g; const char *node; int by; };

/* Out of memory loses an edge: the node may read less, which is the safe side. */
static void count(void *arg, enum node_edge what, const char *ns, const char *name)
{
	struct step_by *s = arg;
	char key[KEY_MAX];
	intptr_t n;

	if (!edge_key(key, s->node, what, ns, name))
		return;
	n = (intptr_t)map_get(&s->g->edges, key) + s->by;
	if (n > 0)
		map_put(&s->g->edges, key, (void *)n, NULL);
	else
		map_del(&s->g->edges, key);
}

static void on_pod(void *arg, const struct cache_event *ev)
{
	struct cache_obj *now = ev->type == CACHE_DELETED ? NULL : ev->obj;
	struct cache_obj *was = ev->type == CACHE_DELETED ? ev->obj : ev->old;
	struct step_by s = { .g = arg };

	if (now && *now->node) {
		s.node = now->node;
		s.by = 1;
		each_edge(now, count, &s);
	}
	if (was && *was->node) {
		s.node = was->node;
		s.by = -1;
		each_edge(was, count, &s);
	}
}

/* ---- volumes ---- */

static void names_drop(struct names *s, const char *name)
{
	for (size_t i = 0; s && i < s->n; i++)
		if (!strcmp(s->v[i], name)) {
			free(s->v[i]);
			s->v[i] = s->v[--s->n];
			return;
		}
}

static void names_add(struct names *s, const char *name)
{
	char **v = realloc(s->v, (s->n + 1) * sizeof(*v)), *copy = strdup(name);

	if (v)
		s->v = v;
	if (v && copy)
		s->v[s->n++] = copy;
	else
		free(copy);
}

static void names_close(struct names *s)
{
	for (size_t i = 0; s && i < s->n; i++)
		free(s->v[i]);
	if (s)
		free(s->v);
	free(s);
}

static void count_volume(struct node_graph *g, struct cache_obj *pv, bool add)
{
	yyjson_val *tree = cache_tree(pv);
	const char *claim_ns = doc_str(tree, "spec.claimRef.namespace");

	if (!claim_ns)
		return;
	for (size_t i = 0; i < COUNT(pv_rows); i++) {
		const char *name = doc_str(tree, pv_rows[i].name), *ns = doc_str(tree, pv_rows[i].ns);
		char key[KEY_MAX];
		struct names *s;

		if (!name || (size_t)snprintf(key, sizeof(key), "%s/%s", ns && *ns ? ns : claim_ns, name) >= sizeof(key))
			continue;
		s = map_get(&g->volume_secrets, key);
		if (!s && add && (s = calloc(1, sizeof(*s))) && map_put(&g->volume_secrets, key, s, NULL)) {
			free(s);
			s = NULL;
		}
		if (s && add)
			names_add(s, pv->name);
		else
			names_drop(s, pv->name);
		if (s && !s->n)
			names_close(map_del(&g->volume_secrets, key));
	}
}

static void on_volume(void *arg, const struct cache_event *ev)
{
	if (ev->type != CACHE_DELETED)
		count_volume(arg, ev->obj, true);
	if (ev->type == CACHE_DELETED || ev->old)
		count_volume(arg, ev->type == CACHE_DELETED ? ev->obj : ev->old, false);
}

/* ---- life and questions ---- */

int node_graph_open(struct node_graph **ret, struct api *a)
{
	struct node_graph *g = calloc(1, sizeof(*g));

	if (!g)
		return -ERR_NOMEM;
	g->api = a;
	g->obs[0] = cache_observe(a->cache, a->k.pod->store, true, on_pod, g);
	g->obs[1] = cache_observe(a->cache, a->k.pv->store, true, on_volume, g);
	if (!g->obs[0] || !g->obs[1]) {
		node_graph_close(g);
		return -ERR_NOMEM;
	}
	*ret = g;
	return 0;
}

void node_graph_close(struct node_graph *g)
{
	void *v;

	if (!g)
		return;
	for (size_t i = 0; i < COUNT(g->obs); i++)
		if (g->obs[i])
			cache_unobserve(g->obs[i]);
	for (size_t it = 0; map_next(&g->volume_secrets, &it, NULL, &v);)
		names_close(v);
	map_finish(&g->volume_secrets);
	map_finish(&g->edges);
	free(g);
}

static bool has_edge(struct node_graph *g, const char *node, enum node_edge what, const char *ns, const char *name)
{
	char key[KEY_MAX];

	return edge_key(key, node, what, ns, name) && map_get(&g->edges, key);
}

bool node_graph_has_volume(struct node_graph *g, const char *node, const char *name)
{
	struct cache_obj *pv = cache_get(g->api->cache, g->api->k.pv->store, "", name);
	yyjson_val *claim = pv ? doc_get(cache_tree(pv), "spec.claimRef") : NULL;
	const char *ns = doc_str(claim, "namespace"), *claim_name = doc_str(claim, "name");

	return ns && claim_name && has_edge(g, node, NODE_CLAIM, ns, claim_name);
}

bool node_graph_has(struct node_graph *g, const char *node, enum node_edge what, const char *ns, const char *name)
{
	struct names *volumes;
	char key[KEY_MAX];

	if (has_edge(g, node, what, ns, name))
		return true;
	if (what != NODE_SECRET || (size_t)snprintf(key, sizeof(key), "%s/%s", ns, name) >= sizeof(key))
		return false;
	volumes = map_get(&g->volume_secrets, key);
	for (size_t i = 0; volumes && i < volumes->n; i++)
		if (node_graph_has_volume(g, node, volumes->v[i]))
			return true;
	return false;
}
