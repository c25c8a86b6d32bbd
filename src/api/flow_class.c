/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_class - which flow schema a request is of, and so which priority level: the first
 * that matches, by precedence, then by name. Answers name both by uid; what is let in is
 * one bound for all levels (flow.c).
 * Source: apiserver pkg/util/flowcontrol/rule.go, pkg/server/filters/priority-and-fairness.go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base/arena.h"

#define SCHEMAS "flowcontrol.apiserver.k8s.io/flowschemas"
#define LEVELS  "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations"
#define PRECEDENCE 1000       /* where none is said */
#define ACCOUNT "system:serviceaccount:"

struct schema {                 /* in the table's arena */
	const char *name, *uid, *level_uid;    /* level_uid "": there is no such level */
	yyjson_val *rules;
	int64_t precedence;
};

struct flow_classes {
	struct api *api;
	struct cache_observer *schemas, *levels;
	bool stale;
	struct arena *arena;           /* of the table */
	struct schema *v;              /* in the order they are asked */
	size_t n, room;
};

static void changed(void *arg, const struct cache_event *ev)
{
	struct flow_classes *f = arg;

	(void)ev;
	f->stale = true;
}

int flow_classes_open(struct flow_classes **ret, struct api *a)
{
	struct flow_classes *f = calloc(1, sizeof(*f));

	if (!f)
		return -ERR_NOMEM;
	f->api = a;
	f->stale = true;
	f->arena = arena_open(API_ARENA_MAX);
	f->schemas = cache_observe(a->cache, SCHEMAS, false, changed, f);
	f->levels = cache_observe(a->cache, LEVELS, false, changed, f);
	if (!f->arena || !f->schemas || !f->levels) {
		flow_classes_close(f);
		return -ERR_NOMEM;
	}
	*ret = f;
	return 0;
}

void flow_classes_close(struct flow_classes *f)
{
	if (!f)
		return;
	if (f->schemas)
		cache_unobserve(f->schemas);
	if (f->levels)
		cache_unobserve(f->levels);
	arena_close(f->arena);
	free(f->v);
	free(f);
}

/* ---- the table ---- */

static bool add(void *arg, struct cache_obj *o)
{
	struct flow_classes *f = arg;
	struct cache_obj *level;
	struct schema s = { 0 };
	const char *name;
	yyjson_doc *d;

	/* Parsed again: the cache's own tree does not last. */
	if (doc_parse(f->arena, o->json->p, o->json->len, &d, NULL))
		return false;
	name = doc_str(yyjson_doc_get_root(d), "spec.priorityLevelConfiguration.name");
	level = name ? cache_get(f->api->cache, LEVELS, "", name) : NULL;
	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 32;
		struct schema *v = realloc(f->v, room * sizeof(*v));
		if (!v)
			return false;
		f->v = v;
		f->room = room;
	}
	s.name = arena_strdup(f->arena, o->name);
	s.uid = arena_strdup(f->arena, o->uid);
	s.level_uid = arena_strdup(f->arena, level ? level->uid : "");
	s.rules = doc_get(yyjson_doc_get_root(d), "spec.rules");
	s.precedence = doc_int(yyjson_doc_get_root(d), "spec.matchingPrecedence", PRECEDENCE);
	if (s.name && s.uid && s.level_uid)
		f->v[f->n++] = s;
	return true;
}

static int order(const void *pa, const void *pb)
{
	const struct schema *a = pa, *b = pb;

	return a->precedence != b->precedence ? (a->precedence > b->precedence) - (a->precedence < b->precedence) :
		strcmp(a->name, b->name);
}

static void refresh(struct flow_classes *f)
{
	f->n = 0;
	arena_reset(f->arena);
	f->stale = false;
	cache_each(f->api->cache, SCHEMAS, NULL, NULL, NULL, add, f);
	if (f->n)
		qsort(f->v, f->n, sizeof(*f->v), order);
}

/* ---- rules ---- */

static bool has(yyjson_val *list, const char *s)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(list, i, max, it)
		if (yyjson_equals_str(it, "*") || yyjson_equals_str(it, s))
			return true;
	return false;
}

static bool is(yyjson_val *obj, const char *member, const char *s)
{
	return yyjson_equals_str(yyjson_obj_get(obj, member), s);
}

static bool is_account(yyjson_val *m, const char *user)
{
	const char *ns = yyjson_get_str(yyjson_obj_get(m, "namespace")), *name = yyjson_get_str(yyjson_obj_get(m, "name"));
	size_t n = ns ? strlen(ns) : 0;

	if (!ns || !name || strncmp(user, ACCOUNT, strlen(ACCOUNT)))
		return false;
	user += strlen(ACCOUNT);
	return !strncmp(user, ns, n) && user[n] == ':' && (!strcmp(name, "*") || !strcmp(user + n + 1, name));
}

static bool is_subject(const struct call *c, yyjson_val *m)
{
	yyjson_val *part;

	if ((part = yyjson_obj_get(m, "user")))
		return is(part, "name", "*") || is(part, "name", c->user.name);
	if ((part = yyjson_obj_get(m, "serviceAccount")))
		return is_account(part, c->user.name);
	part = yyjson_obj_get(m, "group");
	if (is(part, "name", "*"))
		return true;
	for (const char *const *g = c->user.groups; part && g && *g; g++)
		if (is(part, "name", *g))
			return true;
	return false;
}

static bool is_resource(const struct call *c, yyjson_val *m)
{
	const char *ns = !strcmp(c->resource, "namespaces") && !*c->group && *c->name ? c->name : c->ns;
	char what[256];

	snprintf(what, sizeof(what), "%s%s%s", c->resource, *c->sub ? "/" : "", c->sub);
	return has(yyjson_obj_get(m, "verbs"), c->verb_name) && has(yyjson_obj_get(m, "apiGroups"), c->group) &&
		has(yyjson_obj_get(m, "resources"), what) &&
		(*ns ? has(yyjson_obj_get(m, "namespaces"), ns) : yyjson_get_bool(yyjson_obj_get(m, "clusterScope")));
}

static bool is_path(const struct call *c, yyjson_val *m)
{
	yyjson_val *it;
	size_t i, max;

	if (!has(yyjson_obj_get(m, "verbs"), c->verb_name))
		return false;
	yyjson_arr_foreach(yyjson_obj_get(m, "nonResourceURLs"), i, max, it) {
		const char *s = yyjson_get_str(it);
		size_t n = yyjson_get_len(it);
		if (n && s[n - 1] == '*' ? !strncmp(c->path, s, n - 1) : s && !strcmp(c->path, s))
			return true;
	}
	return false;
}

static bool any(const struct call *c, yyjson_val *list, bool (*fn)(const struct call *c, yyjson_val *m))
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(list, i, max, it)
		if (fn(c, it))
			return true;
	return false;
}

static bool rule_matches(const struct call *c, yyjson_val *rule)
{
	return any(c, yyjson_obj_get(rule, "subjects"), is_subject) && (c->is_resource ?
		any(c, yyjson_obj_get(rule, "resourceRules"), is_resource) :
		any(c, yyjson_obj_get(rule, "nonResourceRules"), is_path));
}

void flow_classify(struct call *c)
{
	struct flow_classes *f = c->api->flow_classes;

	if (f->stale)
		refresh(f);
	for (size_t i = 0; i < f->n; i++) {
		if (!any(c, f->v[i].rules, rule_matches))
			continue;
		c->flow_schema = arena_strdup(c->arena, f->v[i].uid);
		c->flow_level = arena_strdup(c->arena, f->v[i].level_uid);
		return;
	}
}
