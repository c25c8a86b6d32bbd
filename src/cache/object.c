/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object - one revision: its final bytes, the header read from them, its tree.
 *
 * An object is one allocation: header, labels, owners, strings. The tree is
 * parsed again when it is not kept; at most TREES_MAX stay after a turn.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache_priv.h"

#define LOG_MODULE "cache"
#include "base/log.h"

enum { TREES_MAX = 512, TREE_BYTES_MAX = 256 << 10 };   /* of JSON; a tree takes four times that */
enum { SCRATCH_BYTES = 64 << 10 };

struct name {
	struct list node;
	char text[];
};

struct shared *shared_open(struct loop *l)
{
	struct shared *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->refs = 1;
	s->loop = l;
	list_init(&s->trees);
	list_init(&s->names);
	return s;
}

void shared_unref(struct shared *s)
{
	if (--s->refs)
		return;
	list_each(&s->names, n)
		free(list_entry(n, struct name, node));
	free(s->scratch);
	free(s);
}

const char *shared_intern(struct shared *s, const char *text)
{
	size_t n = strlen(text) + 1;
	struct name *name = malloc(sizeof(*name) + n);

	if (!name)
		return NULL;
	memcpy(name->text, text, n);
	list_add_tail(&s->names, &name->node);
	return name->text;
}

static void tree_drop(struct obj *o)
{
	if (!o->pub.tree)
		return;
	list_del(&o->tree_node);
	o->shared->tree_count--;
	o->shared->tree_bytes -= o->pub.json->len;
	yyjson_doc_free(o->pub.tree);
	o->pub.tree = NULL;
}

static void trim(void *arg)
{
	struct shared *s = arg;

	while (s->tree_count > TREES_MAX || s->tree_bytes > TREE_BYTES_MAX)
		tree_drop(list_entry(s->trees.next, struct obj, tree_node));
}

void shared_rest(struct shared *s)
{
	while (s->tree_count)
		tree_drop(list_entry(s->trees.next, struct obj, tree_node));
}

void shared_detach(struct shared *s)
{
	if (s->loop)
		loop_defer_cancel(s->loop, &s->trim);
	s->loop = NULL;
}

static void tree_keep(struct obj *o, yyjson_doc *doc)
{
	struct shared *s = o->shared;

	o->pub.tree = doc;
	list_add_tail(&s->trees, &o->tree_node);
	s->tree_count++;
	s->tree_bytes += o->pub.json->len;
	/* Not now: somebody may be looking into an older one. */
	if (s->loop && (s->tree_count > TREES_MAX || s->tree_bytes > TREE_BYTES_MAX))
		loop_defer(s->loop, &s->trim, trim, s);
}

yyjson_val *cache_tree(struct cache_obj *pub)
{
	struct obj *o = obj_of(pub);

	if (!pub->tree) {
		yyjson_doc *doc = yyjson_read(pub->json->p, pub->json->len, 0);

		if (!doc)
			return NULL;
		tree_keep(o, doc);
	} else {
		list_del(&o->tree_node);
		list_add_tail(&o->shared->trees, &o->tree_node);
	}
	return yyjson_doc_get_root(pub->tree);
}

struct cache_obj *cache_obj_ref(struct cache_obj *o)
{
	o->refs++;
	return o;
}

void cache_obj_unref(struct cache_obj *pub)
{
	struct obj *o;

	if (!pub || --pub->refs)
		return;
	o = obj_of(pub);
	tree_drop(o);
	blob_unref(pub->json);
	shared_unref(o->shared);
	free(o);
}

/* A reader of JSON known to be well formed: all functions stop at end anyway. */

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : end;
}

static const char *skip_value(const char *p, const char *end)
{
	int depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = skip_string(p, end);
			if (!depth)
				return p;
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if ((*p == '}' || *p == ']') && --depth <= 0)
			return depth < 0 ? p : p + 1;
		else if (*p == ',' && !depth)
			return p;
		p++;
	}
	return end;
}

/* The value of a member of the object at p, or NULL. */
static const char *member(const char *p, const char *end, const char *key)
{
	size_t n = strlen(key);

	p = skip_space(p, end);
	if (p >= end || *p != '{')
		return NULL;
	p = skip_space(p + 1, end);
	while (p < end && *p == '"') {
		const char *name = p + 1;
		bool found;

		p = skip_string(p, end);
		found = (size_t)(p - name) == n + 1 && memcmp(name, key, n) == 0;
		p = skip_space(p, end);
		if (p >= end || *p != ':')
			return NULL;
		p = skip_space(p + 1, end);
		if (found)
			return p < end ? p : NULL;
		p = skip_space(skip_value(p, end), end);
		if (p < end && *p == ',')
			p = skip_space(p + 1, end);
	}
	return NULL;
}

/* head + text + tail as the final bytes. */
static struct blob *join(const char *p, size_t head, const char *text, size_t n, const char *tail,
	size_t tail_len)
{
	struct blob *b = blob_alloc(head + n + tail_len);

	if (b) {
		memcpy(b->p, p, head);
		memcpy(b->p + head, text, n);
		memcpy(b->p + head + n, tail, tail_len);
	}
	return b;
}

static struct blob *splice(const struct blob *stored, int64_t rev, uint32_t *ret_at, uint32_t *ret_len)
{
	const char *p = stored->p, *end = p + stored->len;
	const char *meta = member(p, end, "metadata"), *uid = meta ? member(meta, end, "uid") : NULL;
	char text[64];
	size_t at;
	int n;

	if (!meta || *meta != '{')
		return NULL;
	if (uid && *uid == '"') {
		at = (size_t)(skip_string(uid, end) - p);
		n = snprintf(text, sizeof(text), ",\"resourceVersion\":\"%lld\"", (long long)rev);
	} else {
		const char *first = skip_space(meta + 1, end);

		at = (size_t)(meta + 1 - p);
		n = snprintf(text, sizeof(text), "\"resourceVersion\":\"%lld\"%s", (long long)rev,
			first < end && *first == '}' ? "" : ",");
	}
	*ret_at = (uint32_t)at;
	*ret_len = (uint32_t)n;
	return join(p, at, text, (size_t)n, p + at, stored->len - at);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

/* Copies s to *at and moves it on. */
static const char *put(char **at, const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = *at;

	memcpy(copy, s, n);
	*at += n;
	return copy;
}

static const char *text_of(yyjson_val *v)
{
	const char *s = yyjson_get_str(v);

	return s ? s : "";
}

/* "group/plural/ns/name" or "group/plural/name": where ns and name begin. */
static void split_key(const char *key, const char **ret_ns, size_t *ret_ns_len, const char **ret_name)
{
	const char *s = strchr(key, '/'), *t;

	s = s ? strchr(s + 1, '/') : NULL;
	s = s ? s + 1 : key;
	t = strchr(s, '/');
	*ret_ns = s;
	*ret_ns_len = t ? (size_t)(t - s) : 0;
	*ret_name = t ? t + 1 : s;
}

static struct obj *build(struct shared *s, const char *store, const char *key, struct blob *json,
	yyjson_val *root)
{
	yyjson_val *meta = yyjson_obj_get(root, "metadata");
	yyjson_val *labels = yyjson_obj_get(meta, "labels");
	yyjson_val *owners = yyjson_obj_get(meta, "ownerReferences"), *k, *v;
	const char *uid = text_of(yyjson_obj_get(meta, "uid")), *node = "", *ns, *name;
	size_t n_labels = 0, n_owners = 0, n_links, ns_len, size, idx, max;
	static const char *const nobody;
	struct label *label;
	const char **owner;
	struct obj *o;
	char *at;

	split_key(key, &ns, &ns_len, &name);
	if (strcmp(store, "core/pods") == 0)
		node = text_of(yyjson_obj_get(yyjson_obj_get(root, "spec"), "nodeName"));
	size = strlen(key) + 1 + ns_len + 1 + strlen(uid) + 1 + strlen(node) + 1;
	if (yyjson_is_obj(labels))
		yyjson_obj_foreach(labels, idx, max, k, v) {
			n_labels++;
			size += strlen(text_of(k)) + 1 + strlen(text_of(v)) + 1;
		}
	if (yyjson_is_arr(owners))
		yyjson_arr_foreach(owners, idx, max, v) {
			n_owners++;
			size += strlen(text_of(yyjson_obj_get(v, "uid"))) + 1;
		}
	n_links = n_owners ? n_owners : 1;
	o = malloc(sizeof(*o) + n_links * sizeof(*o->links) + n_labels * sizeof(*label) +
		(n_owners ? n_owners + 1 : 0) * sizeof(*owner) + size);
	if (!o)
		return NULL;
	memset(o, 0, sizeof(*o));
	label = (struct label *)(o->links + n_links);
	owner = (const char **)(label + n_labels);
	at = (char *)(owner + (n_owners ? n_owners + 1 : 0));
	o->shared = s;
	s->refs++;
	list_init(&o->tree_node);
	list_init(&o->on_node);
	o->key = at;
	put(&at, key);
	memcpy(at, ns, ns_len);
	at[ns_len] = 0;
	o->pub = (struct cache_obj){ .refs = 1, .store = store, .ns = at, .json = json,
		.labels = { label, (uint32_t)n_labels }, .owners = n_owners ? owner : &nobody };
	at += ns_len + 1;
	o->pub.name = o->key + (name - key);
	o->pub.uid = put(&at, uid);
	o->pub.node = put(&at, node);
	o->pub.deleting = yyjson_is_str(yyjson_obj_get(meta, "deletionTimestamp"));
	if (n_labels)
		yyjson_obj_foreach(labels, idx, max, k, v) {
			label[idx].key = put(&at, text_of(k));
			label[idx].value = put(&at, text_of(v));
		}
	qsort(label, n_labels, sizeof(*label), by_key);
	if (n_owners)
		yyjson_arr_foreach(owners, idx, max, v) {
			owner[idx] = put(&at, text_of(yyjson_obj_get(v, "uid")));
			owner[idx + 1] = NULL;
		}
	for (size_t i = 0; i < n_links; i++) {
		list_init(&o->links[i].node);
		o->links[i].obj = &o->pub;
	}
	o->owner_count = (uint32_t)n_owners;
	return o;
}

/* A tree that is looked into once lies where the last one lay, unless it is large. */
static yyjson_doc *read_tree(struct shared *s, const struct blob *json, bool keep, yyjson_read_err *e)
{
	yyjson_alc alc;

	if (keep || yyjson_read_max_memory_usage(json->len, 0) > SCRATCH_BYTES / 2 ||
	    (!s->scratch && !(s->scratch = malloc(SCRATCH_BYTES))) || !yyjson_alc_pool_init(&alc, s->scratch, SCRATCH_BYTES))
		return yyjson_read_opts((char *)(uintptr_t)json->p, json->len, 0, NULL, e);
	return yyjson_read_opts((char *)(uintptr_t)json->p, json->len, 0, &alc, e);
}

/* Takes over json. */
static struct obj *from_json(struct shared *s, const char *store, const char *key,
	struct blob *json, bool keep_tree)
{
	yyjson_read_err e = { 0 };
	yyjson_doc *doc = json ? read_tree(s, json, keep_tree, &e) : NULL;
	struct obj *o = doc ? build(s, store, key, json, yyjson_doc_get_root(doc)) : NULL;

	if (!o) {
		log_error("%s is left out: %s", key, !json ? "no metadata" : !doc ? e.msg : "out of memory");
		yyjson_doc_free(doc);
		blob_unref(json);
		return NULL;
	}
	if (keep_tree)
		tree_keep(o, doc);
	else
		yyjson_doc_free(doc);
	return o;
}

struct obj *obj_made(struct shared *s, const char *store, const char *key, struct blob *json)
{
	return from_json(s, store, key, json, false);
}

struct obj *obj_new(struct shared *s, const char *store, const char *key, const struct blob *stored,
	int64_t create_rev, int64_t rev, bool keep_tree)
{
	uint32_t at = 0, len = 0;
	struct obj *o = from_json(s, store, key, splice(stored, rev, &at, &len), keep_tree);

	if (!o)
		return NULL;
	o->pub.rev = rev;
	o->pub.create_rev = create_rev;
	o->version_at = at;
	o->version_len = len;
	return o;
}

struct obj *obj_deleted(const struct obj *old, int64_t rev, bool keep_tree)
{
	const struct blob *was = old->pub.json;
	const char *version = was->p + old->version_at;
	char text[64];
	/* As it was spliced, comma before or behind, with the other number. */
	int n = snprintf(text, sizeof(text), "%s\"resourceVersion\":\"%lld\"%s",
		*version == ',' ? "," : "", (long long)rev,
		version[old->version_len - 1] == ',' ? "," : "");
	size_t tail = old->version_at + old->version_len;
	struct obj *o = from_json(old->shared, old->pub.store, old->key,
		join(was->p, old->version_at, text, (size_t)n, was->p + tail, was->len - tail), keep_tree);

	if (!o)
		return NULL;
	o->pub.rev = rev;
	o->pub.create_rev = old->pub.create_rev;
	o->version_at = old->version_at;
	o->version_len = (uint32_t)n;
	return o;
}
