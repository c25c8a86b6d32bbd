/* SPDX-License-Identifier: Apache-2.0 */
/*
 * default_table - what gen_defaults.py writes and default.c walks: one tree a
 * type, its nodes the members to visit, its rules what to set there.
 * For siblings only.
 */
#ifndef KINDS_DEFAULT_TABLE_H
#define KINDS_DEFAULT_TABLE_H

#include "kinds/kinds.h"

struct default_run {
	yyjson_mut_doc *d;
	struct arena *a;
	bool full;      /* over the arena's cap */
};

enum { DC_EQUALS, DC_SET, DC_UNSET };
struct default_when { uint8_t op; const char *path, *values; };   /* values: "A|B" */

enum { DV_STRING, DV_INT, DV_BOOL, DV_JSON };
struct default_rule {
	/* A rule is either code ... */
	void (*call)(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *v);
	/* ... or: set path to the value where it is unset and all of when hold. */
	const char *path, *text;
	int64_t number;
	uint8_t type, when_count;
	struct default_when when[2];
};

struct default_node {
	const char *name;
	uint8_t name_len, rule_count, child_count;
	bool each;      /* every item of the list */
	const struct default_rule *rules;
	const struct default_node *children;
};

struct default_root { const char *type; struct default_node node; };
extern const struct default_root default_roots[];   /* ascending type */
extern const size_t default_root_count;

/* For the calls: a member, a path, the type at a path, the keys of from that obj's map lacks. */
void default_put(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *obj, const char *name,
	yyjson_mut_val *v);
void default_set(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *obj, const char *path,
	yyjson_mut_val *v);
const struct kinds_type *default_type_at(const struct kinds_type *t, const char *path);
void default_fill_map(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *obj, const char *name,
	yyjson_mut_val *from);
/* one is the first of list (of its items' member key, unless NULL); whoever sets only the one means both. */
void default_follow_first(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *v, const char *one,
	const char *list, const char *key);

/* default_calls.c, default_pod.c: what needs code. v is the object the walk is at, of type t
 * (NULL for maps). */
#define DEFAULT_CALL(name) \
	void default_##name(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *v)
DEFAULT_CALL(resource_list);
DEFAULT_CALL(replication_controller);
DEFAULT_CALL(volume);
DEFAULT_CALL(container);
DEFAULT_CALL(service);
DEFAULT_CALL(pod);
DEFAULT_CALL(pod_spec);
DEFAULT_CALL(pod_status);
DEFAULT_CALL(namespace);
DEFAULT_CALL(node_spec);
DEFAULT_CALL(node_status);
DEFAULT_CALL(limit_range_item);
DEFAULT_CALL(job);
DEFAULT_CALL(hpa_v1);
DEFAULT_CALL(network_policy);
DEFAULT_CALL(custom_resource_definition);

#endif
