/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rbac - roles and bindings, compiled: who is bound to what is found by subject and
 * namespace, what a role allows by its index (rbac_index.c). Kept up by observers of the
 * cache, so a question costs microseconds and sees what the cache shows.
 *
 * A subject's key is "ns|U:name" or "ns|G:group", without ns for ClusterRoleBindings
 * (service accounts are users of the name system:serviceaccount:ns:name). A role's key
 * is "name" or "ns/name". Bindings refer to roles by key: either may come and go in any
 * order. What an aggregated ClusterRole grants stands in its rules, put there by the
 * clusterrole-aggregation-controller.
 * Source: kubernetes pkg/apis/rbac, plugin/pkg/auth/authorizer/rbac.
 */
#include <stdlib.h>
#include <string.h>

#include "api/rbac_priv.h"
#define LOG_MODULE "rbac"
#include "base/err.h"
#include "base/log.h"

/* No object comes near: what the store takes (STORE_VALUE_MAX) makes less than half of it. */
#define COMPILED_MAX (96u << 20)

/* ---- compiling ---- */

/* Text and pointers of a list in two pieces: a role's words may be many and short. */
static const char *const *strings(struct arena *a, yyjson_val *arr)
{
	static const char *const none[] = { NULL };
	const char **v;
	size_t n = 0, bytes = 0, i, max;
	yyjson_val *it;
	char *text;

	yyjson_arr_foreach(arr, i, max, it)
		bytes += yyjson_is_str(it) ? yyjson_get_len(it) + 1 : 0;
	if (!bytes)
		return none;
	v = arena_alloc(a, (yyjson_arr_size(arr) + 1) * sizeof(*v));
	text = arena_alloc(a, bytes);
	if (!v || !text)
		return NULL;
	yyjson_arr_foreach(arr, i, max, it) {
		if (!yyjson_is_str(it))
			continue;
		v[n++] = memcpy(text, yyjson_get_str(it), yyjson_get_len(it) + 1);
		text += yyjson_get_len(it) + 1;
	}
	v[n] = NULL;
	return v;
}

static bool compile_rule(struct arena *a, yyjson_val *v, struct rbac_rule *r)
{
	r->verbs = strings(a, yyjson_obj_get(v, "verbs"));
	r->groups = strings(a, yyjson_obj_get(v, "apiGroups"));
	r->resources = strings(a, yyjson_obj_get(v, "resources"));
	r->names = strings(a, yyjson_obj_get(v, "resourceNames"));
	r->paths = strings(a, yyjson_obj_get(v, "nonResourceURLs"));
	if (!r->verbs || !r->groups || !r->resources || !r->names || !r->paths)
		return false;
	const char *const *const lists[] = { r->verbs, r->groups, r->resources, r->names, r->paths };
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		for (const char *const *w = lists[i]; *w; w++)
			r->words++;
	return true;
}

struct rbac_rule *rbac_compile_one(struct arena *a, yyjson_val *rule)
{
	struct rbac_rule *r = arena_zalloc(a, sizeof(*r));

	return r && compile_rule(a, rule, r) ? r : NULL;
}

int rbac_compile(struct arena *a, yyjson_val *arr, struct rbac_rule **ret, size_t *ret_n)
{
	size_t i, max;
	yyjson_val *it;
	struct rbac_rule *r = arena_zalloc(a, (yyjson_arr_size(arr) + 1) * sizeof(*r));

	if (!r)
		return -ERR_NOMEM;
	yyjson_arr_foreach(arr, i, max, it)
		if (!compile_rule(a, it, &r[i]))
			return -ERR_NOMEM;
	*ret = r;
	*ret_n = yyjson_arr_size(arr);
	return 0;
}

static void role_close(struct rbac_role *r)
{
	if (r)
		arena_close(r->arena);
}

static struct rbac_role *role_compile(yyjson_val *v)
{
	struct arena *a = arena_open(COMPILED_MAX);
	struct rbac_role *r = a ? arena_zalloc(a, sizeof(*r)) : NULL;

	if (!r || rbac_compile(a, doc_get(v, "rules"), &r->rules, &r->count)) {
		arena_close(a);
		return NULL;
	}
	r->arena = a;
	if (rbac_index_make(r)) {
		arena_close(a);
		return NULL;
	}
	return r;
}

static void links_drop(struct rbac *rb, const struct rbac_binding *b, const char *key)
{
	struct rbac_links *l = map_get(&rb->subjects, key);

	for (size_t i = 0; l && i < l->n; i++)
		if (l->v[i].binding == b)
			l->v[i--] = l->v[--l->n];
	if (l && !l->n) {
		map_del(&rb->subjects, key);
		free(l->v);
		free(l);
	}
}

static void binding_unlink(struct rbac *rb, struct rbac_binding *b)
{
	for (size_t i = 0; i < b->count; i++)
		links_drop(rb, b, b->subjects[i].key);
	arena_close(b->arena);
}

static int binding_link(struct rbac *rb, struct rbac_binding *b)
{
	for (size_t i = 0; i < b->count; i++) {
		struct rbac_links *l = map_get(&rb->subjects, b->subjects[i].key);

		if (!l) {
			l = calloc(1, sizeof(*l));
			if (!l || map_put(&rb->subjects, b->subjects[i].key, l, NULL)) {
				free(l);
				return -ERR_NOMEM;
			}
		}
		if (l->n == l->cap) {
			size_t cap = l->cap ? 2 * l->cap : 4;
			struct rbac_link *v = realloc(l->v, cap * sizeof(*v));

			if (!v)
				return -ERR_NOMEM;
			l->v = v;
			l->cap = cap;
		}
		l->v[l->n++] = (struct rbac_link){ b, (uint32_t)i };
	}
	return 0;
}

static bool subject_compile(struct rbac_binding *b, yyjson_val *v)
{
	struct rbac_subject *s = &b->subjects[b->count];
	const char *kind = doc_str(v, "kind"), *name = doc_str(v, "name"), *ns = doc_str(v, "namespace");

	if (!kind || !name)
		return true;
	s->text = arena_strdup(b->arena, name);
	if (!strcmp(kind, "User")) {
		s->kind = "User";
		s->key = arena_printf(b->arena, "%s|U:%s", b->ns, name);
	} else if (!strcmp(kind, "Group")) {
		s->kind = "Group";
		s->key = arena_printf(b->arena, "%s|G:%s", b->ns, name);
	} else if (!strcmp(kind, "ServiceAccount")) {
		ns = ns && *ns ? ns : b->ns;
		s->kind = "ServiceAccount";
		s->key = arena_printf(b->arena, "%s|U:system:serviceaccount:%s:%s", b->ns, ns, name);
		s->text = arena_printf(b->arena, "%s/%s", name, ns);
	} else {
		return true;
	}
	b->count++;
	return s->key && s->text;
}

static struct rbac_binding *binding_compile(yyjson_val *v, const struct cache_obj *o)
{
	struct arena *a = arena_open(COMPILED_MAX);
	struct rbac_binding *b = a ? arena_zalloc(a, sizeof(*b)) : NULL;
	yyjson_val *subjects = doc_get(v, "subjects"), *it;
	const char *role = doc_str(v, "roleRef.name"), *kind = doc_str(v, "roleRef.kind");
	size_t i, max;
	bool ok = b != NULL;

	if (ok) {
		b->arena = a;
		b->ns = arena_strdup(a, o->ns);
		b->name = arena_strdup(a, o->name);
		b->role = arena_strdup(a, role ? role : "");
		b->cluster_role = kind && !strcmp(kind, "ClusterRole");
		b->role_key = b->cluster_role ? b->role : arena_printf(a, "%s/%s", o->ns, b->role ? b->role : "");
		b->subjects = arena_zalloc(a, (yyjson_arr_size(subjects) + 1) * sizeof(*b->subjects));
		ok = b->ns && b->name && b->role && b->role_key && b->subjects;
	}
	yyjson_arr_foreach(subjects, i, max, it)
		ok = ok && subject_compile(b, it);
	if (!ok) {
		arena_close(a);
		return NULL;
	}
	return b;
}

static const char *key_of(struct buf *b, const struct cache_obj *o)
{
	buf_clear(b);
	if (*o->ns)
		buf_printf(b, "%s/", o->ns);
	buf_adds(b, o->name);
	return b->p;
}

static void on_role(void *arg, const struct cache_event *ev)
{
	struct rbac *rb = arg;
	struct map *m = *ev->obj->ns ? &rb->roles : &rb->cluster_roles;
	BUF_AUTO struct buf b = { 0 };
	const char *key = key_of(&b, ev->obj);
	void *old = NULL;

	if (ev->type == CACHE_DELETED) {
		role_close(map_del(m, key));
		return;
	}
	struct rbac_role *r = role_compile(cache_tree(ev->obj));

	/* The safe side. */
	if (!r || map_put(m, key, r, &old)) {
		log_error("out of memory: %s %s grants nothing", *ev->obj->ns ? "Role" : "ClusterRole", key);
		role_close(r);
		role_close(map_del(m, key));
		return;
	}
	role_close(old);
}

static void on_binding(void *arg, const struct cache_event *ev)
{
	struct rbac *rb = arg;
	BUF_AUTO struct buf b = { 0 };
	const char *key = key_of(&b, ev->obj);
	struct rbac_binding *old = map_del(&rb->bindings, key), *now;

	if (old)
		binding_unlink(rb, old);
	if (ev->type == CACHE_DELETED)
		return;
	now = binding_compile(cache_tree(ev->obj), ev->obj);
	if (now && !map_put(&rb->bindings, key, now, NULL) && !binding_link(rb, now))
		return;
	log_error("out of memory: %s %s grants nothing", *ev->obj->ns ? "RoleBinding" : "ClusterRoleBinding", key);
	if (now) {
		map_del(&rb->bindings, key);
		binding_unlink(rb, now);
	}
}

int rbac_open(struct rbac **ret, struct api *a)
{
	struct rbac *rb = calloc(1, sizeof(*rb));

	if (!rb)
		return -ERR_NOMEM;
	rb->api = a;
	rb->obs[0] = cache_observe(a->cache, a->k.cluster_role->store, true, on_role, rb);
	rb->obs[1] = cache_observe(a->cache, a->k.role->store, true, on_role, rb);
	rb->obs[2] = cache_observe(a->cache, a->k.cluster_role_binding->store, true, on_binding, rb);
	rb->obs[3] = cache_observe(a->cache, a->k.role_binding->store, true, on_binding, rb);
	if (!rb->obs[0] || !rb->obs[1] || !rb->obs[2] || !rb->obs[3]) {
		rbac_close(rb);
		return -ERR_NOMEM;
	}
	*ret = rb;
	return 0;
}

void rbac_close(struct rbac *rb)
{
	const char *key;
	void *v;

	if (!rb)
		return;
	for (size_t i = 0; i < 4; i++)
		if (rb->obs[i])
			cache_unobserve(rb->obs[i]);
	for (size_t it = 0; map_next(&rb->bindings, &it, &key, &v);)
		arena_close(((struct rbac_binding *)v)->arena);
	for (size_t it = 0; map_next(&rb->subjects, &it, &key, &v);) {
		free(((struct rbac_links *)v)->v);
		free(v);
	}
	for (size_t it = 0; map_next(&rb->roles, &it, &key, &v);)
		role_close(v);
	for (size_t it = 0; map_next(&rb->cluster_roles, &it, &key, &v);)
		role_close(v);
	map_finish(&rb->bindings);
	map_finish(&rb->subjects);
	map_finish(&rb->roles);
	map_finish(&rb->cluster_roles);
	free(rb);
}

