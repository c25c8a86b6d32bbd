/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rbac_cover - does a user hold all that some rules would grant: the rules broken down
 * into single permissions, each of which one rule of his must cover; those that none
 * covers, put together again by resource, are what he is told.
 * Source: component-helpers auth/rbac/validation/policy_comparator.go, kubernetes
 * pkg/registry/rbac/validation (ConfirmNoEscalation, CompactRules), rbac/v1 CompactString.
 */
#include <stdlib.h>
#include <string.h>

#include "api/rbac_priv.h"

#define PARTS_MAX 10000u       /* single permissions asked for in one write */
#define PART_COST 100          /* of what a request may cost, for asking for one; */
#define LACK_COST 400          /* for telling that it is missing */

/* One permission; name NULL: of any name. path NULL: of a resource. */
struct part { const char *verb, *group, *resource, *name, *path; };

struct cover {
	struct arena *arena;
	const struct rbac_role **owned;
	size_t owned_count, owned_cap;
	size_t asked;
	int64_t left;                  /* of RBAC_WORK_MAX; 0: too much was asked */
	bool failed;                   /* out of memory */
	struct map missing;            /* "{APIGroups:..., " -> struct buf of verbs */
};

/* ---- what the user holds ---- */

static bool own_fn(void *arg, const struct rbac_role *r, const struct rbac_link *by)
{
	struct cover *c = arg;

	if (c->owned_count == c->owned_cap) {
		size_t cap = c->owned_cap ? 2 * c->owned_cap : 64;
		const struct rbac_role **v = arena_realloc(c->arena, c->owned, c->owned_cap * sizeof(*v), cap * sizeof(*v));

		if (!v) {
			c->failed = true;
			return true;
		}
		c->owned = v;
		c->owned_cap = cap;
	}
	c->owned[c->owned_count++] = r;
	return false;
}

static int by_address(const void *a, const void *b)
{
	const struct rbac_role *x = *(const struct rbac_role *const *)a, *y = *(const struct rbac_role *const *)b;

	return (x > y) - (x < y);
}

/* A role that many bindings grant is asked once. */
static void own_once(struct cover *c)
{
	size_t n = 0;

	if (c->owned_count)
		qsort(c->owned, c->owned_count, sizeof(*c->owned), by_address);
	for (size_t i = 0; i < c->owned_count; i++)
		if (!n || c->owned[n - 1] != c->owned[i])
			c->owned[n++] = c->owned[i];
	c->owned_count = n;
}

static void spend(struct cover *c, int64_t cost)
{
	c->left = c->left > cost ? c->left - cost : 0;
}

static bool covered(struct cover *c, const struct part *p)
{
	const char *slash = p->path ? NULL : strchr(p->resource, '/');
	struct attributes at = { .verb = p->verb, .group = p->group, .resource = p->resource, .sub = slash ? slash + 1 : "",
		.name = p->name, .path = p->path };
	struct rbac_keys k;

	if (slash && !(at.resource = arena_strndup(c->arena, p->resource, (size_t)(slash - p->resource)))) {
		c->failed = true;
		return false;
	}
	rbac_keys_make(&k, &at);
	for (size_t i = 0; i < c->owned_count && c->left; i++)
		if (rbac_role_allows(c->owned[i], &k, &c->left))
			return true;
	return false;
}

/* ---- what he lacks ---- */

static void quoted(struct buf *b, const char *what, const char *s)
{
	buf_printf(b, "%s:[", what);
	buf_add_json(b, s, strlen(s));
	buf_addc(b, ']');
}

static void lacks(struct cover *c, const struct part *p)
{
	BUF_AUTO struct buf key = { 0 };
	struct buf *verbs;

	buf_addc(&key, '{');
	if (p->path) {
		quoted(&key, "NonResourceURLs", p->path);
	} else {
		quoted(&key, "APIGroups", p->group);
		buf_adds(&key, ", ");
		quoted(&key, "Resources", p->resource);
		if (p->name) {
			buf_adds(&key, ", ");
			quoted(&key, "ResourceNames", p->name);
		}
	}
	buf_adds(&key, ", Verbs:[");
	/* Only rules of resources are put together; a path's stand alone. */
	if (p->path && !key.failed)
		buf_add_json(&key, p->verb, strlen(p->verb));
	verbs = key.failed ? NULL : map_get(&c->missing, key.p);
	if (!verbs) {
		verbs = key.failed ? NULL : calloc(1, sizeof(*verbs));
		if (!verbs || map_put(&c->missing, key.p, verbs, NULL)) {
			free(verbs);
			c->failed = true;
			return;
		}
	}
	if (p->path)
		return;
	if (verbs->len)
		buf_addc(verbs, ' ');
	buf_add_json(verbs, p->verb, strlen(p->verb));
}

static void ask(struct cover *c, const struct part *p)
{
	spend(c, ++c->asked > PARTS_MAX ? RBAC_WORK_MAX : PART_COST);
	if (!c->left || covered(c, p) || !c->left)
		return;
	spend(c, LACK_COST);
	lacks(c, p);
}

static void break_down(struct cover *c, const struct rbac_rule *r)
{
	static const char *const any[] = { NULL };
	const char *const *group, *const *resource, *const *verb, *const *path;

	for (group = r->groups; *group && *r->verbs && c->left; group++)
		for (resource = r->resources; *resource && c->left; resource++)
			for (verb = r->verbs; *verb && c->left; verb++) {
				const char *const *name = *r->names ? r->names : any;

				do
					ask(c, &(struct part){ .verb = *verb, .group = *group, .resource = *resource,
						.name = *name });
				while (*name && *++name && c->left);
			}
	for (path = r->paths; *path && c->left; path++)
		for (verb = r->verbs; *verb && c->left; verb++)
			ask(c, &(struct part){ .verb = *verb, .path = *path });
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void tell(struct cover *c, struct buf *out)
{
	char **v = arena_alloc(c->arena, (c->missing.len + 1) * sizeof(*v));
	const char *key;
	void *verbs;
	size_t n = 0;

	for (size_t it = 0; v && map_next(&c->missing, &it, &key, &verbs);)
		v[n++] = arena_printf(c->arena, "%s%s]}", key, ((struct buf *)verbs)->p ? ((struct buf *)verbs)->p : "");
	if (!v || arena_over(c->arena)) {
		c->failed = true;
		return;
	}
	qsort(v, n, sizeof(*v), by_text);
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s%s", i ? "\n" : "", v[i]);
}

static void cover_finish(struct cover *c)
{
	const char *key;
	void *v;

	for (size_t it = 0; map_next(&c->missing, &it, &key, &v);) {
		buf_finish(v);
		free(v);
	}
	map_finish(&c->missing);
}

int rbac_covers(struct rbac *rb, const struct user *u, const char *ns, yyjson_val *rules, struct buf *missing)
{
	ARENA_AUTO struct arena *a = arena_open(16u << 20);
	struct cover c = { .arena = a, .left = RBAC_WORK_MAX };
	struct rbac_rule *r;
	size_t n;
	int rc = 0;

	if (user_in_group(u, "system:masters"))
		return 0;
	if (!a || rbac_compile(a, rules, &r, &n))
		return -ERR_NOMEM;
	rbac_each_role(rb, u, ns, own_fn, &c, NULL);
	own_once(&c);
	for (size_t i = 0; i < n && !c.failed && c.left; i++)
		break_down(&c, &r[i]);
	if (c.missing.len && !c.failed)
		tell(&c, missing);
	if (c.failed)
		rc = -ERR_NOMEM;
	else if (!c.left)
		rc = -ERR_SIZE;
	else if (c.missing.len)
		rc = -ERR_FORBIDDEN;
	cover_finish(&c);
	return rc;
}

bool rbac_rule_covered(yyjson_val *rules, yyjson_val *rule)
{
	ARENA_AUTO struct arena *a = arena_open(4u << 20);
	struct rbac_role owned = { .arena = a };
	struct cover c = { .arena = a, .left = RBAC_WORK_MAX };
	struct rbac_rule *r;
	bool ret;

	if (!a || rbac_compile(a, rules, &owned.rules, &owned.count) || rbac_index_make(&owned) || !(r = rbac_compile_one(a, rule)) ||
	    own_fn(&c, &owned, NULL))
		return false;
	break_down(&c, r);
	ret = !c.failed && c.left && !c.missing.len;
	cover_finish(&c);
	return ret;
}

bool rbac_role_rules(struct api *a, const char *kind, const char *ns, const char *name, yyjson_val **ret)
{
	const struct kinds_kind *k = !strcmp(kind, "ClusterRole") ? a->k.cluster_role : a->k.role;
	struct cache_obj *o = cache_get(a->cache, k->store, k->namespaced ? ns : "", name);

	*ret = o ? doc_get(cache_tree(o), "rules") : NULL;
	return o != NULL;
}
