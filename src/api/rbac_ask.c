/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rbac_ask - questions to the compiled rules: is this allowed and by what, and what does
 * a user hold.
 * Source: kubernetes plugin/pkg/auth/authorizer/rbac/rbac.go, pkg/registry/rbac/validation/rule.go.
 */
#include <stdio.h>
#include <string.h>

#include "api/rbac_priv.h"

#define MISSING_MAX 8192u      /* bytes of names of roles that are missing, in one reason */
#define MISSES_MAX  256u       /* bindings looked at for it */

/* ---- one rule ---- */

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

		if (!strcmp(*v, path))
			return true;
		if (n && (*v)[n - 1] == '*' && !strncmp(*v, path, n - 1))
			return true;
	}
	return false;
}

bool rbac_rule_allows(const struct rbac_rule *r, const struct attributes *at)
{
	if (!has(r->verbs, at->verb))
		return false;
	if (at->path)
		return has_path(r->paths, at->path);
	if (!has(r->groups, at->group) || !has_resource(r->resources, at->resource, at->sub))
		return false;
	if (!*r->names || !at->name)
		return !*r->names;
	for (const char *const *n = r->names; *n; n++)
		if (!strcmp(*n, at->name))
			return true;
	return false;
}

/* ---- all rules of a user ---- */

static void missing_role(struct buf *errors, const struct rbac_binding *b)
{
	BUF_AUTO struct buf one = { 0 };

	if (errors->len >= MISSING_MAX)
		return;
	buf_printf(&one, "%s.rbac.authorization.k8s.io \"%s\" not found", b->cluster_role ? "clusterrole" : "role", b->role);
	if (one.failed || (errors->len && strstr(errors->p, one.p)))
		return;
	if (errors->len)
		buf_adds(errors, ", ");
	buf_add(errors, one.p, one.len);
}

struct walk { rbac_role_fn *fn; void *arg; struct buf *errors; size_t misses; };

static bool each_link(struct rbac *rb, const char *ns, char kind, const char *name, struct walk *w)
{
	char key[1024];
	struct rbac_links *l;

	if ((size_t)snprintf(key, sizeof(key), "%s|%c:%s", ns, kind, name) >= sizeof(key))
		return false;
	l = map_get(&rb->subjects, key);
	for (size_t i = 0; l && i < l->n; i++) {
		const struct rbac_binding *b = l->v[i].binding;
		struct rbac_role *r = map_get(b->cluster_role ? &rb->cluster_roles : &rb->roles, b->role_key);

		if (!r && w->errors && w->misses++ < MISSES_MAX)
			missing_role(w->errors, b);
		if (r && w->fn(w->arg, r, &l->v[i]))
			return true;
	}
	return false;
}

static bool each_in(struct rbac *rb, const struct user *u, const char *ns, struct walk *w)
{
	if (each_link(rb, ns, 'U', u->name, w))
		return true;
	for (const char *const *g = u->groups; g && *g; g++)
		if (each_link(rb, ns, 'G', *g, w))
			return true;
	return false;
}

bool rbac_each_role(struct rbac *rb, const struct user *u, const char *ns, rbac_role_fn *fn, void *arg,
	struct buf *errors)
{
	struct walk w = { fn, arg, errors, 0 };

	return each_in(rb, u, "", &w) || (*ns && each_in(rb, u, ns, &w));
}

struct rules_walk { rbac_rule_fn *fn; void *arg; };

static bool each_of_role(void *arg, const struct rbac_role *r, const struct rbac_link *by)
{
	const struct rules_walk *w = arg;

	for (size_t i = 0; i < r->count; i++)
		if (w->fn(w->arg, &r->rules[i], by))
			return true;
	return false;
}

bool rbac_each_rule(struct rbac *rb, const struct user *u, const char *ns, rbac_rule_fn *fn, void *arg,
	struct buf *errors)
{
	return rbac_each_role(rb, u, ns, each_of_role, &(struct rules_walk){ fn, arg }, errors);
}

/* ---- is it allowed ---- */

struct question { struct rbac_keys keys; const struct rbac_link *by; int64_t left; };

static bool allow_fn(void *arg, const struct rbac_role *r, const struct rbac_link *by)
{
	struct question *q = arg;

	if (!rbac_role_allows(r, &q->keys, &q->left))
		return !q->left;       /* over what it may cost: no, whatever else he holds */
	q->by = by;
	return true;
}

static void explain(struct buf *out, const struct rbac_link *by)
{
	const struct rbac_binding *b = by->binding;
	const struct rbac_subject *s = &b->subjects[by->subject];

	buf_clear(out);
	buf_printf(out, "RBAC: allowed by %s \"%s%s%s\" of %s \"%s\" to %s \"%s\"", *b->ns ? "RoleBinding" : "ClusterRoleBinding",
		b->name, *b->ns ? "/" : "", b->ns, b->cluster_role ? "ClusterRole" : "Role", b->role, s->kind, s->text);
}

bool rbac_allowed(struct rbac *rb, const struct attributes *at, struct buf *reason)
{
	struct question q = { .left = RBAC_WORK_MAX };
	BUF_AUTO struct buf errors = { 0 };
	const char *many;

	rbac_keys_make(&q.keys, at);
	if (rbac_each_role(rb, at->user, at->path ? "" : at->ns, allow_fn, &q, reason ? &errors : NULL) && q.by) {
		if (reason && at->explain)
			explain(reason, q.by);
		return true;
	}
	if (!reason || !errors.len)
		return false;
	many = strstr(errors.p, ", ");
	buf_printf(reason, "%sRBAC: %s%s%s", reason->len ? "\n" : "", many ? "[" : "", errors.p, many ? "]" : "");
	return false;
}

/* ---- what he holds ---- */

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

static bool list_fn(void *arg, const struct rbac_rule *r, const struct rbac_link *by)
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
	struct buf *path_rules, struct buf *errors)
{
	struct rules_out o = { resource_rules, path_rules };

	rbac_each_rule(rb, u, ns, list_fn, &o, errors);
}
