/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rbac - roles and bindings, compiled: who is bound to what is found by subject, a
 * role's rules are short arrays of strings. Kept up by observers of the cache, so a
 * question costs microseconds and sees what the cache shows.
 *
 * A subject's key is "U:name", "G:group" (service accounts are users of the name
 * system:serviceaccount:ns:name). A role's key is "name" or "ns/name". Bindings refer
 * to roles by key: either may come and go in any order.
 *
 * An aggregated ClusterRole also grants what the roles its selectors pick grant; which
 * those are is computed again when any ClusterRole changed.
 * Source: kubernetes pkg/apis/rbac, plugin/pkg/auth/authorizer/rbac.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base/err.h"

struct rule { const char *const *verbs, *const *groups, *const *resources, *const *names, *const *paths; };

struct role {
	struct arena *arena;
	const char *name;
	struct labels labels;
	struct rule *rules;
	size_t rule_count;
	struct selector **selectors;   /* aggregationRule */
	size_t selector_count;
	struct role **members;         /* of an aggregated role */
	size_t member_count;
	uint64_t members_gen;
};

struct binding {
	const char *ns;                /* "" for ClusterRoleBindings */
	const char *role_key;
	bool cluster_role;
	char **subjects;
	size_t subject_count;
	struct arena *arena;
};

struct bindings { struct binding **v; size_t n, cap; };

struct rbac {
	struct api *api;
	struct map roles;              /* "ns/name" -> struct role */
	struct map cluster_roles;      /* "name" -> struct role */
	struct map bindings;           /* "ns/name" of RoleBindings, "name" of the others */
	struct map subjects;           /* "U:x" -> struct bindings */
	struct cache_observer *obs[4];
	uint64_t gen;
};

/* ---- compiling ---- */

static const char *const *strings(struct arena *a, yyjson_val *arr)
{
	const char **v;
	size_t n = 0, i, max;
	yyjson_val *it;

	v = arena_alloc(a, (yyjson_arr_size(arr) + 1) * sizeof(*v));
	if (!v)
		return NULL;
	yyjson_arr_foreach(arr, i, max, it) {
		const char *s = yyjson_get_str(it);

		if (s && (v[n] = arena_strdup(a, s)))
			n++;
	}
	v[n] = NULL;
	return v;
}

static int compile_rules(struct arena *a, yyjson_val *arr, struct rule **ret, size_t *ret_n)
{
	size_t i, max, n = 0;
	yyjson_val *it;
	struct rule *r = arena_zalloc(a, (yyjson_arr_size(arr) + 1) * sizeof(*r));

	if (!r)
		return -ERR_NOMEM;
	yyjson_arr_foreach(arr, i, max, it) {
		r[n].verbs = strings(a, yyjson_obj_get(it, "verbs"));
		r[n].groups = strings(a, yyjson_obj_get(it, "apiGroups"));
		r[n].resources = strings(a, yyjson_obj_get(it, "resources"));
		r[n].names = strings(a, yyjson_obj_get(it, "resourceNames"));
		r[n].paths = strings(a, yyjson_obj_get(it, "nonResourceURLs"));
		if (!r[n].verbs || !r[n].groups || !r[n].resources || !r[n].names || !r[n].paths)
			return -ERR_NOMEM;
		n++;
	}
	*ret = r;
	*ret_n = n;
	return 0;
}

static void role_close(struct role *r)
{
	if (!r)
		return;
	free(r->members);
	arena_close(r->arena);
}

static struct role *role_compile(yyjson_val *v)
{
	struct arena *a = arena_open(4u << 20);
	struct role *r = a ? arena_zalloc(a, sizeof(*r)) : NULL;
	yyjson_val *sel, *it;
	size_t i, max;

	if (!r) {
		arena_close(a);
		return NULL;
	}
	r->arena = a;
	r->name = arena_strdup(a, doc_str(v, "metadata.name") ? doc_str(v, "metadata.name") : "");
	labels_from(a, doc_get(v, "metadata.labels"), &r->labels);
	if (compile_rules(a, doc_get(v, "rules"), &r->rules, &r->rule_count)) {
		role_close(r);
		return NULL;
	}
	sel = doc_get(v, "aggregationRule.clusterRoleSelectors");
	r->selectors = arena_zalloc(a, (yyjson_arr_size(sel) + 1) * sizeof(*r->selectors));
	yyjson_arr_foreach(sel, i, max, it)
		if (r->selectors && !selector_from(a, it, &r->selectors[r->selector_count], NULL))
			r->selector_count++;
	return r;
}

static void binding_unlink(struct rbac *rb, struct binding *b)
{
	for (size_t i = 0; i < b->subject_count; i++) {
		struct bindings *bs = map_get(&rb->subjects, b->subjects[i]);

		for (size_t j = 0; bs && j < bs->n; j++) {
			if (bs->v[j] != b)
				continue;
			bs->v[j] = bs->v[--bs->n];
			break;
		}
		if (bs && !bs->n) {
			map_del(&rb->subjects, b->subjects[i]);
			free(bs->v);
			free(bs);
		}
	}
	arena_close(b->arena);
}

static int binding_link(struct rbac *rb, struct binding *b)
{
	for (size_t i = 0; i < b->subject_count; i++) {
		struct bindings *bs = map_get(&rb->subjects, b->subjects[i]);

		if (!bs) {
			bs = calloc(1, sizeof(*bs));
			if (!bs || map_put(&rb->subjects, b->subjects[i], bs, NULL)) {
				free(bs);
				return -ERR_NOMEM;
			}
		}
		if (bs->n == bs->cap) {
			size_t cap = bs->cap ? 2 * bs->cap : 4;
			struct binding **v = realloc(bs->v, cap * sizeof(*v));

			if (!v)
				return -ERR_NOMEM;
			bs->v = v;
			bs->cap = cap;
		}
		bs->v[bs->n++] = b;
	}
	return 0;
}

static struct binding *binding_compile(yyjson_val *v, const char *ns)
{
	struct arena *a = arena_open(4u << 20);
	struct binding *b = a ? arena_zalloc(a, sizeof(*b)) : NULL;
	yyjson_val *subjects = doc_get(v, "subjects"), *it;
	const char *role = doc_str(v, "roleRef.name"), *kind = doc_str(v, "roleRef.kind");
	size_t i, max;

	if (!b) {
		arena_close(a);
		return NULL;
	}
	b->arena = a;
	b->ns = arena_strdup(a, ns);
	b->cluster_role = kind && !strcmp(kind, "ClusterRole");
	b->role_key = b->cluster_role ? arena_strdup(a, role ? role : "")
		: arena_printf(a, "%s/%s", ns, role ? role : "");
	b->subjects = arena_alloc(a, (yyjson_arr_size(subjects) + 1) * sizeof(*b->subjects));
	if (!b->ns || !b->role_key || !b->subjects) {
		arena_close(a);
		return NULL;
	}
	yyjson_arr_foreach(subjects, i, max, it) {
		const char *k = doc_str(it, "kind"), *name = doc_str(it, "name"), *sns = doc_str(it, "namespace");
		char *key = NULL;

		if (!k || !name)
			continue;
		if (!strcmp(k, "User"))
			key = arena_printf(a, "U:%s", name);
		else if (!strcmp(k, "Group"))
			key = arena_printf(a, "G:%s", name);
		else if (!strcmp(k, "ServiceAccount"))
			key = arena_printf(a, "U:system:serviceaccount:%s:%s", sns ? sns : ns, name);
		if (key)
			b->subjects[b->subject_count++] = key;
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

	rb->gen++;
	if (ev->type == CACHE_DELETED) {
		role_close(map_del(m, key));
		return;
	}
	/* Out of memory loses the role: it grants nothing, which is the safe side. */
	struct role *r = role_compile(cache_tree(ev->obj));

	if (!r || map_put(m, key, r, &old)) {
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
	struct binding *old = map_del(&rb->bindings, key), *now;

	if (old)
		binding_unlink(rb, old);
	if (ev->type == CACHE_DELETED)
		return;
	now = binding_compile(cache_tree(ev->obj), ev->obj->ns);
	if (!now)
		return;
	if (map_put(&rb->bindings, key, now, NULL)) {
		arena_close(now->arena);
		return;
	}
	if (binding_link(rb, now)) {
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
		arena_close(((struct binding *)v)->arena);
	for (size_t it = 0; map_next(&rb->subjects, &it, &key, &v);) {
		free(((struct bindings *)v)->v);
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

/* ---- deciding ---- */

static bool has(const char *const *v, const char *s)
{
	for (; *v; v++)
		if (!strcmp(*v, s) || (**v == '*' && !(*v)[1]))
			return true;
	return false;
}

/* "pods/log" against resource and sub: "*", "pods/log", "*" + "/log". */
static bool has_resource(const char *const *v, const char *resource, const char *sub)
{
	size_t n = strlen(resource);

	for (; *v; v++) {
		const char *s = *v;

		if (*s == '*' && !s[1])
			return true;
		if (*s == '*' && s[1] == '/' && *sub && !strcmp(s + 2, sub))
			return true;
		if (strncmp(s, resource, n))
			continue;
		if (!*sub ? !s[n] : s[n] == '/' && !strcmp(s + n + 1, sub))
			return true;
	}
	return false;
}

static bool has_path(const char *const *v, const char *path)
{
	for (; *v; v++) {
		size_t n = strlen(*v);

		if (!strcmp(*v, "*") || !strcmp(*v, path))
			return true;
		if (n && (*v)[n - 1] == '*' && !strncmp(*v, path, n - 1))
			return true;
	}
	return false;
}

static bool rule_allows(const struct rule *r, const struct attributes *at)
{
	if (!has(r->verbs, at->verb))
		return false;
	if (at->path)
		return has_path(r->paths, at->path);
	if (!has(r->groups, at->group) || !has_resource(r->resources, at->resource, at->sub))
		return false;
	if (!*r->names)
		return true;
	for (const char *const *n = r->names; *n; n++)
		if (!strcmp(*n, at->name))
			return true;
	return false;
}

/* The roles an aggregated role stands for besides itself. */
static void refresh_members(struct rbac *rb, struct role *r)
{
	const char *key;
	void *v;
	size_t n = 0;

	if (r->members_gen == rb->gen)
		return;
	free(r->members);
	r->member_count = 0;
	r->members = calloc(rb->cluster_roles.len + 1, sizeof(*r->members));
	for (size_t it = 0; r->members && map_next(&rb->cluster_roles, &it, &key, &v);) {
		struct role *m = v;

		for (size_t i = 0; i < r->selector_count && m != r; i++) {
			if (!selector_match(r->selectors[i], &m->labels))
				continue;
			r->members[n++] = m;
			break;
		}
	}
	r->member_count = n;
	r->members_gen = rb->gen;
}

typedef bool rule_fn(void *arg, const struct rule *r);   /* true: stop */

static bool each_rule_of(struct rbac *rb, struct role *r, unsigned depth, rule_fn *fn, void *arg)
{
	for (size_t i = 0; i < r->rule_count; i++)
		if (fn(arg, &r->rules[i]))
			return true;
	if (!r->selector_count || depth > 4)   /* admin picks edit picks view */
		return false;
	refresh_members(rb, r);
	for (size_t i = 0; i < r->member_count; i++)
		if (each_rule_of(rb, r->members[i], depth + 1, fn, arg))
			return true;
	return false;
}

static bool each_rule_for(struct rbac *rb, const char *subject, const char *ns, rule_fn *fn, void *arg,
	struct buf *reason)
{
	struct bindings *bs = map_get(&rb->subjects, subject);

	for (size_t i = 0; bs && i < bs->n; i++) {
		struct binding *b = bs->v[i];
		struct role *r;

		if (*b->ns && strcmp(b->ns, ns))
			continue;
		r = map_get(b->cluster_role ? &rb->cluster_roles : &rb->roles, b->role_key);
		if (r && each_rule_of(rb, r, 0, fn, arg))
			return true;
		if (!r && reason && !reason->len)
			buf_printf(reason, "RBAC: %s.rbac.authorization.k8s.io \"%s\" not found",
				b->cluster_role ? "clusterrole" : "role",
				b->cluster_role ? b->role_key : strchr(b->role_key, '/') + 1);
	}
	return false;
}

static bool each_rule(struct rbac *rb, const struct user *u, const char *ns, rule_fn *fn, void *arg,
	struct buf *reason)
{
	char key[1024];

	if ((size_t)snprintf(key, sizeof(key), "U:%s", u->name) < sizeof(key) &&
	    each_rule_for(rb, key, ns, fn, arg, reason))
		return true;
	for (const char *const *g = u->groups; g && *g; g++)
		if ((size_t)snprintf(key, sizeof(key), "G:%s", *g) < sizeof(key) &&
		    each_rule_for(rb, key, ns, fn, arg, reason))
			return true;
	return false;
}

static bool allow_fn(void *arg, const struct rule *r)
{
	return rule_allows(r, arg);
}

bool rbac_allowed(struct rbac *rb, const struct attributes *at, struct buf *reason)
{
	/* Whoever holds the cluster's own key needs no binding, or nobody could repair them. */
	if (user_in_group(at->user, "system:masters"))
		return true;
	return each_rule(rb, at->user, at->path ? "" : at->ns, allow_fn, (void *)(uintptr_t)at, reason);
}

/* ---- listing ---- */

static void put_strings(struct buf *b, const char *key, const char *const *v, bool *first)
{
	if (!*v)
		return;
	buf_printf(b, "%s\"%s\":[", *first ? "" : ",", key);
	for (size_t i = 0; v[i]; i++) {
		if (i)
			buf_addc(b, ',');
		buf_add_json(b, v[i], strlen(v[i]));
	}
	buf_addc(b, ']');
	*first = false;
}

struct rules_out { struct buf *resources, *paths; };

static bool list_fn(void *arg, const struct rule *r)
{
	struct rules_out *o = arg;
	struct buf *b = *r->paths ? o->paths : o->resources;
	bool first = true;

	buf_adds(b, b->len ? ",{" : "{");
	put_strings(b, "verbs", r->verbs, &first);
	put_strings(b, "apiGroups", r->groups, &first);
	put_strings(b, "resources", r->resources, &first);
	put_strings(b, "resourceNames", r->names, &first);
	put_strings(b, "nonResourceURLs", r->paths, &first);
	buf_addc(b, '}');
	return false;
}

void rbac_rules(struct rbac *rb, const struct user *u, const char *ns, struct buf *resource_rules,
	struct buf *path_rules)
{
	struct rules_out o = { resource_rules, path_rules };
	static const char *const all[] = { "*", NULL }, *const none[] = { NULL };

	if (user_in_group(u, "system:masters")) {
		list_fn(&o, &(struct rule){ all, all, all, none, none });
		list_fn(&o, &(struct rule){ all, none, none, none, all });
	}
	each_rule(rb, u, ns, list_fn, &o, NULL);
}

/* ---- covering: nobody grants what he does not hold ---- */

static bool covered(struct rbac *rb, const struct user *u, const char *ns, const struct attributes *part)
{
	struct attributes at = *part;

	at.user = u;
	at.ns = ns;
	return each_rule(rb, u, ns, allow_fn, &at, NULL);
}

/* A rule as all its single questions. '*' is asked as itself: only '*' covers it. */
static bool rule_covered(struct rbac *rb, const struct user *u, const char *ns, const struct rule *r)
{
	static const char *const any[] = { "", NULL };
	const char *const *names = *r->names ? r->names : any;

	for (const char *const *v = r->verbs; *v; v++) {
		for (const char *const *p = r->paths; *p; p++)
			if (!covered(rb, u, ns, &(struct attributes){ .verb = *v, .path = *p }))
				return false;
		for (const char *const *g = r->groups; *g; g++)
			for (const char *const *s = r->resources; *s; s++)
				for (const char *const *n = names; *n; n++) {
					char resource[512];
					char *slash;

					if ((size_t)snprintf(resource, sizeof(resource), "%s", *s) >= sizeof(resource))
						return false;
					slash = strchr(resource, '/');
					if (slash)
						*slash++ = 0;
					if (!covered(rb, u, ns, &(struct attributes){ .verb = *v, .group = *g,
						    .resource = resource, .sub = slash ? slash : "", .name = *n }))
						return false;
				}
	}
	return true;
}

bool rbac_covers(struct rbac *rb, const struct user *u, const char *ns, yyjson_val *rules,
	struct buf *missing)
{
	ARENA_AUTO struct arena *a = arena_open(4u << 20);
	struct rules_out o = { missing, missing };
	struct rule *r;
	size_t n;

	if (user_in_group(u, "system:masters"))
		return true;
	if (!a || compile_rules(a, rules, &r, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (rule_covered(rb, u, ns, &r[i]))
			continue;
		list_fn(&o, &r[i]);
		return false;
	}
	return true;
}

yyjson_val *rbac_role_rules(struct api *a, const char *kind, const char *ns, const char *name)
{
	const struct kinds_kind *k = !strcmp(kind, "ClusterRole") ? a->k.cluster_role : a->k.role;
	struct cache_obj *o = cache_get(a->cache, k->store, k->namespaced ? ns : "", name);

	return o ? doc_get(cache_tree(o), "rules") : NULL;
}
