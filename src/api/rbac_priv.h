/* SPDX-License-Identifier: Apache-2.0 */
/* rbac_priv - roles and bindings as rbac.c compiles them, for rbac_index.c, rbac_ask.c and rbac_cover.c. */
#ifndef API_RBAC_PRIV_H
#define API_RBAC_PRIV_H

#include "api/call.h"

/* A PolicyRule; each list ends with NULL. */
struct rbac_rule { const char *const *verbs, *const *groups, *const *resources, *const *names, *const *paths; size_t words; };

/* The rules of a role by what they allow: rbac_index.c. */
enum { RBAC_ANY_VERB = 1, RBAC_ANY_GROUP = 2, RBAC_ANY_RESOURCE = 4, RBAC_ANY_WITH_SUB = 8, RBAC_NAMED = 16 };
struct rbac_slot { uint64_t hash; uint32_t first; };           /* hash 0: empty */
struct rbac_entry { uint32_t rule, next; };
struct rbac_index {
	struct rbac_slot *slots;
	struct rbac_entry *entries;
	uint32_t *paths, mask, used, path_count;               /* paths: rules that have some */
	uint8_t shapes;                                        /* which wildcards its keys have */
};

struct rbac_role {
	struct arena *arena;
	struct rbac_rule *rules;
	size_t count;
	struct rbac_index index;
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
/* at->name NULL: of any name, which only a rule without names allows. */
bool rbac_rule_allows(const struct rbac_rule *r, const struct attributes *at);

/* What a question is looked up by, made once for all roles. */
struct rbac_keys {
	const struct attributes *at;
	struct { uint64_t hash; uint8_t shape; } v[24];
	size_t n;
};
int rbac_index_make(struct rbac_role *role);                   /* from its rules, into its arena */
void rbac_keys_make(struct rbac_keys *k, const struct attributes *at);
/* What one request may cost, in look-ups and words compared: rules can be written so that many
 * must be compared. About 4 ns each. */
#define RBAC_WORK_MAX 3000000
/* The same answer as rbac_rule_allows for any of its rules; but no, once *left is used up (0). */
bool rbac_role_allows(const struct rbac_role *role, const struct rbac_keys *k, int64_t *left);

/* Every role that u holds in ns: those of ClusterRoleBindings first; and every rule of
 * them. fn returns true to stop, and so does the walk then. errors (may be NULL) gets
 * roles that are missing. */
typedef bool rbac_role_fn(void *arg, const struct rbac_role *r, const struct rbac_link *by);
bool rbac_each_role(struct rbac *rb, const struct user *u, const char *ns, rbac_role_fn *fn, void *arg,
	struct buf *errors);
typedef bool rbac_rule_fn(void *arg, const struct rbac_rule *r, const struct rbac_link *by);
bool rbac_each_rule(struct rbac *rb, const struct user *u, const char *ns, rbac_rule_fn *fn, void *arg,
	struct buf *errors);

#endif
