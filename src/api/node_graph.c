/* SPDX-License-Identifier: Apache-2.0 */
/* node_graph - see node_graph.h. */
#include "api/node_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define KEY_MAX 900            /* kind, namespace, name, node: 1 + 63 + 253 + 253 and slashes */
#define GENERATION_WITHIN 1024 /* bytes; only names, a uid and a revision come before it */

struct node_graph {
	struct api *api;
	struct map edges;              /* "kind/ns/name>node" -> count */
	struct map claims;             /* "ns/name" -> struct claim */
	struct cache_observer *obs[2];
};

struct names { char **v; size_t n; };
/* What a claim joins: the nodes whose pods mount it, and the secrets ("ns/name", once for
 * each time) of the volumes bound to it. Each pair of the two is counted as an edge. */
struct claim { struct names nodes, secrets; };

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

/* The count before. Out of memory loses an edge: the node may read less, which is the safe side. */
static intptr_t step(struct node_graph *g, const char *key, int by)
{
	intptr_t was = (intptr_t)map_get(&g->edges, key);

	if (was + by > 0)
		map_put(&g->edges, key, (void *)(was + by), NULL);
	else
		map_del(&g->edges, key);
	return was;
}

static void step_secret(struct node_graph *g, const char *secret, const char *node, int by)
{
	char key[KEY_MAX];

	if ((size_t)snprintf(key, sizeof(key), "%d/%s>%s", (int)NODE_SECRET, secret, node) < sizeof(key))
		step(g, key, by);
}

static bool names_drop(struct names *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i], name)) {
			free(s->v[i]);
			s->v[i] = s->v[--s->n];
			return true;
		}
	return false;
}

static bool names_add(struct names *s, const char *name)
{
	char **v = realloc(s->v, (s->n + 1) * sizeof(*v)), *copy = strdup(name);

	if (v)
		s->v = v;
	if (v && copy)
		s->v[s->n++] = copy;
	else
		free(copy);
	return v && copy;
}

static bool names_step(struct names *s, const char *name, int by)
{
	return by > 0 ? names_add(s, name) : names_drop(s, name);
}

static void names_finish(struct names *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
}

static void claim_close(struct claim *c)
{
	if (!c)
		return;
	names_finish(&c->nodes);
	names_finish(&c->secrets);
	free(c);
}

/* A node, or else a secret, comes to the claim or leaves it. */
static void claim_step(struct node_graph *g, const char *ns, const char *name, const char *node, const char *secret, int by)
{
	char key[KEY_MAX];
	struct claim *c;

	if ((size_t)snprintf(key, sizeof(key), "%s/%s", ns, name) >= sizeof(key))
		return;
	c = map_get(&g->claims, key);
	if (!c && by > 0 && (c = calloc(1, sizeof(*c))) && map_put(&g->claims, key, c, NULL)) {
		free(c);
		c = NULL;
	}
	if (!c || !names_step(node ? &c->nodes : &c->secrets, node ? node : secret, by))
		return;
	for (size_t i = 0; node && i < c->secrets.n; i++)
		step_secret(g, c->secrets.v[i], node, by);
	for (size_t i = 0; !node && i < c->nodes.n; i++)
		step_secret(g, secret, c->nodes.v[i], by);
	if (!c->nodes.n && !c->secrets.n)
		claim_close(map_del(&g->claims, key));
}

/* ---- pods ---- */

struct step_by { struct node_graph *g; const char *node; int by; };

static void count(void *arg, enum node_edge what, const char *ns, const char *name)
{
	struct step_by *s = arg;
	char key[KEY_MAX];
	intptr_t was;

	if (!edge_key(key, s->node, what, ns, name))
		return;
	was = step(s->g, key, s->by);
	/* The first of the node's pods, or the last. */
	if (what == NODE_CLAIM && was == (s->by > 0 ? 0 : 1))
		claim_step(s->g, ns, name, s->node, NULL, s->by);
}

/* metadata.generation, as the bytes have it in their first kilobyte; 0: not there. */
static long long generation_of(const struct cache_obj *o)
{
	static const char member[] = "\"generation\":";
	size_t n = o->json->len < GENERATION_WITHIN ? o->json->len : GENERATION_WITHIN;
	const char *at = memmem(o->json->p, n, member, sizeof(member) - 1);

	/* The object goes on after its metadata, and so a number ends within it. */
	return at ? strtoll(at + sizeof(member) - 1, NULL, 10) : 0;
}

static bool claims_in_status(const struct cache_obj *o)
{
	static const char member[] = "\"resourceClaimStatuses\"";

	return memmem(o->json->p, o->json->len, member, sizeof(member) - 1) != NULL;
}

/* Most events are of a status: neither object is parsed for them. What a pod refers to
 * changes with its spec only (a mirror pod stays one), and a spec with its generation. */
static bool refers_to_the_same(const struct cache_obj *now, const struct cache_obj *was)
{
	long long generation = generation_of(now);

	return generation > 0 && generation == generation_of(was) && !strcmp(now->node, was->node) &&
		!claims_in_status(now) && !claims_in_status(was);
}

static void on_pod(void *arg, const struct cache_event *ev)
{
	struct cache_obj *now = ev->type == CACHE_DELETED ? NULL : ev->obj;
	struct cache_obj *was = ev->type == CACHE_DELETED ? ev->obj : ev->old;
	struct step_by s = { .g = arg };

	if (now && was && refers_to_the_same(now, was))
		return;
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

static void count_volume(struct node_graph *g, struct cache_obj *pv, int by)
{
	yyjson_val *tree = cache_tree(pv);
	const char *claim_ns = doc_str(tree, "spec.claimRef.namespace"), *claim = doc_str(tree, "spec.claimRef.name");

	if (!claim_ns || !claim)
		return;
	for (size_t i = 0; i < COUNT(pv_rows); i++) {
		const char *name = doc_str(tree, pv_rows[i].name), *ns = doc_str(tree, pv_rows[i].ns);
		char secret[KEY_MAX];

		if (name && (size_t)snprintf(secret, sizeof(secret), "%s/%s", ns && *ns ? ns : claim_ns, name) < sizeof(secret))
			claim_step(g, claim_ns, claim, NULL, secret, by);
	}
}

static void on_volume(void *arg, const struct cache_event *ev)
{
	if (ev->type != CACHE_DELETED)
		count_volume(arg, ev->obj, 1);
	if (ev->type == CACHE_DELETED || ev->old)
		count_volume(arg, ev->type == CACHE_DELETED ? ev->obj : ev->old, -1);
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
	for (size_t it = 0; map_next(&g->claims, &it, NULL, &v);)
		claim_close(v);
	map_finish(&g->claims);
	map_finish(&g->edges);
	free(g);
}

bool node_graph_has(struct node_graph *g, const char *node, enum node_edge what, const char *ns, const char *name)
{
	char key[KEY_MAX];

	return edge_key(key, node, what, ns, name) && map_get(&g->edges, key);
}

bool node_graph_has_volume(struct node_graph *g, const char *node, const char *name)
{
	struct cache_obj *pv = cache_get(g->api->cache, g->api->k.pv->store, "", name);
	yyjson_val *claim = pv ? doc_get(cache_tree(pv), "spec.claimRef") : NULL;
	const char *ns = doc_str(claim, "namespace"), *claim_name = doc_str(claim, "name");

	return ns && claim_name && node_graph_has(g, node, NODE_CLAIM, ns, claim_name);
}
