/* SPDX-License-Identifier: Apache-2.0 */
/* rbac_priv - roles and bindings as rbac.c compiles them, for rbac_ask.c and rbac_cover.c. */
#ifndef API_RBAC_PRIV_H
#define API_RBAC_PRIV_H

#include "api/call.h"

/* A PolicyRule; each list ends with NULL. */
struct rbac_rule { const char *const *verbs, *const *groups, *const *resources, *const *names, *const *paths; };

struct rbac_role {
	struct arena *arena;
	struct rbac_rule *rules;
	size_t count;
};

struct rbac_subject { const char *key, *kind, *text; };    /* text: as reasons name it */

struct rbac_binding {
	struct arena *arena;
	const char *ns, *name;         /* ns "" for ClusterRoleBindings */
	const char *role, *role_key;   /* its name; its key in the map */
	bool cluster_role;
	struct rbac_subject *subjects;
	size_t count;
};

/* One subject's bindings in one namespace ("": cluster-wide). */
struct rbac_link { const struct rbac_binding *binding; uint32_t subject; };
struct rbac_links { struct rbac_link *v; size_t n, cap; };

struct rbac {
	struct api *api;
	struct map roles;              /* "ns/name" -> struct rbac_role */
	struct map cluster_roles;      /* "name" */
	struct map bindings;           /* "ns/name" of RoleBindings, "name" of the others */
	struct map subjects;           /* "ns|U:name", "|G:name" -> struct rbac_links */
	struct cache_observer *obs[4];
};

/* Rules (an array of PolicyRule) compiled into the arena. */
int rbac_compile(struct arena *a, yyjson_val *arr, struct rbac_rule **ret, size_t *ret_n);
struct rbac_rule *rbac_compile_one(struct arena *a, yyjson_val *rule);     /* NULL: no memory */
bool rbac_rule_allows(const struct rbac_rule *r, const struct attributes *at);

/* Every rule that u holds in ns: those of ClusterRoleBindings first. fn returns true to
 * stop, and so does the walk then. errors (may be NULL) gets roles that are missing. */
typedef bool rbac_rule_fn(void *arg, const struct rbac_rule *r, const struct rbac_link *by);
bool rbac_each_rule(struct rbac *rb, const struct user *u, const char *ns, rbac_rule_fn *fn, void *arg,
	struct buf *errors);

#endif
