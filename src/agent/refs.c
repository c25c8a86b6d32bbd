/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refs - the ConfigMaps and Secrets that this node's pods name: each watched by its name,
 * once, for as long as a pod here names it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "doc/doc.h"

#define REFS_PER_POD_MAX 256

struct ref {
	struct agent *a;
	char *key;                     /* "secrets/ns/name" */
	unsigned users;
	struct client_watch *watch;
	bool synced;
	yyjson_doc *doc;               /* NULL: absent */
};

static void ref_event(void *arg, enum client_event ev, yyjson_val *obj)
{
	struct ref *r = arg;
	const char *key;
	size_t it = 0;
	void *v;

	if (ev == CLIENT_SYNCED) {
		r->synced = true;
	} else {
		yyjson_doc_free(r->doc);
		r->doc = NULL;
		if (ev != CLIENT_DELETED) {
			size_t n;
			char *text = yyjson_val_write(obj, 0, &n);

			r->doc = text ? yyjson_read(text, n, 0) : NULL;
			free(text);
		}
	}
	if (!r->synced)
		return;
	while (map_next(&r->a->pods, &it, &key, &v)) {
		struct pod *p = v;

		for (unsigned i = 0; i < p->ref_count; i++)
			if (p->refs[i] == r) {
				pod_refs_changed(p);
				break;
			}
	}
}

static void ref_unref(struct ref *r)
{
	if (--r->users)
		return;
	map_del(&r->a->refs, r->key);
	client_watch_close(r->watch);
	yyjson_doc_free(r->doc);
	free(r->key);
	free(r);
}

static struct ref *ref_of(struct agent *a, const char *plural, const char *ns, const char *name)
{
	const struct kinds_kind *k = kinds_by_resource("", "v1", plural);
	char key[600], query[320];
	struct ref *r;

	snprintf(key, sizeof(key), "%s/%s/%s", plural, ns, name);
	r = map_get(&a->refs, key);
	if (r) {
		r->users++;
		return r;
	}
	r = calloc(1, sizeof(*r));
	if (!r || !(r->key = strdup(key)) || map_put(&a->refs, key, r, NULL)) {
		if (r)
			free(r->key);
		free(r);
		return NULL;
	}
	r->a = a;
	r->users = 1;
	snprintf(query, sizeof(query), "fieldSelector=metadata.name%%3D%s", name);
	if (!k || client_watch(&r->watch, a->client, k, ns, query, ref_event, r)) {
		r->watch = NULL;
		ref_unref(r);
		return NULL;
	}
	return r;
}

struct collect { struct pod *p; struct ref *v[REFS_PER_POD_MAX]; unsigned n; };

static void add(struct collect *c, const char *plural, const char *name)
{
	struct ref *r;
	char key[600];

	if (!name || !*name || c->n == REFS_PER_POD_MAX)
		return;
	snprintf(key, sizeof(key), "%s/%s/%s", plural, c->p->ns, name);
	for (unsigned i = 0; i < c->n; i++)
		if (!strcmp(c->v[i]->key, key))
			return;
	r = ref_of(c->p->a, plural, c->p->ns, name);
	if (r)
		c->v[c->n++] = r;
}

static void collect_sources(struct collect *c, yyjson_val *v)
{
	yyjson_val *s;
	size_t i, n;

	add(c, "configmaps", doc_str(v, "configMap.name"));
	add(c, "secrets", doc_str(v, "secret.secretName"));
	add(c, "secrets", doc_str(v, "secret.name"));
	yyjson_arr_foreach(doc_get(v, "projected.sources"), i, n, s)
		collect_sources(c, s);
}

void refs_collect(struct pod *p)
{
	static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };
	struct collect c = { .p = p };
	struct ref **old = p->refs;
	unsigned old_count = p->ref_count;
	yyjson_val *v, *e;
	size_t i, n, j, m;

	yyjson_arr_foreach(yyjson_obj_get(p->spec, "volumes"), i, n, v)
		collect_sources(&c, v);
	yyjson_arr_foreach(yyjson_obj_get(p->spec, "imagePullSecrets"), i, n, v)
		add(&c, "secrets", doc_str(v, "name"));
	for (unsigned l = 0; l < 3; l++)
		yyjson_arr_foreach(yyjson_obj_get(p->spec, lists[l]), i, n, v) {
			yyjson_arr_foreach(yyjson_obj_get(v, "envFrom"), j, m, e) {
				add(&c, "configmaps", doc_str(e, "configMapRef.name"));
				add(&c, "secrets", doc_str(e, "secretRef.name"));
			}
			yyjson_arr_foreach(yyjson_obj_get(v, "env"), j, m, e) {
				add(&c, "configmaps", doc_str(e, "valueFrom.configMapKeyRef.name"));
				add(&c, "secrets", doc_str(e, "valueFrom.secretKeyRef.name"));
			}
		}
	p->refs = NULL;
	p->ref_count = 0;
	if (c.n && (p->refs = malloc(c.n * sizeof(*p->refs)))) {
		memcpy(p->refs, c.v, c.n * sizeof(*p->refs));
		p->ref_count = c.n;
	}
	for (unsigned k = 0; k < old_count; k++)
		ref_unref(old[k]);
	free(old);
}

void refs_drop(struct pod *p)
{
	for (unsigned i = 0; i < p->ref_count; i++)
		ref_unref(p->refs[i]);
	free(p->refs);
	p->refs = NULL;
	p->ref_count = 0;
}

enum ref_state ref_get(struct pod *p, const char *plural, const char *name, yyjson_val **ret)
{
	char key[600];
	struct ref *r;

	snprintf(key, sizeof(key), "%s/%s/%s", plural, p->ns, name);
	r = map_get(&p->a->refs, key);
	if (!r || !r->synced)
		return r ? REF_UNKNOWN : REF_ABSENT;
	if (!r->doc)
		return REF_ABSENT;
	*ret = yyjson_doc_get_root(r->doc);
	return REF_PRESENT;
}
