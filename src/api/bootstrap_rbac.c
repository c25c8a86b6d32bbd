/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootstrap_rbac - the roles and bindings that every cloud has, kept up at each start:
 * what is missing is written (its bytes are made at build time), what is there gets the
 * rules, subjects, labels and annotations that it lacks, and loses the subjects that only
 * an earlier version gave it. What people added stays; whoever
 * wants one left alone annotates it rbac.authorization.kubernetes.io/autoupdate=false.
 * One that cannot be brought up to date serves as it is.
 * Source: kubernetes pkg/registry/rbac/rest (PostStartHook), component-helpers
 * auth/rbac/reconciliation.
 */
#include <string.h>

#include "api/bootstrap_priv.h"
#include "api/bootstrap_table.h"
#include "base/env.h"
#include "base/text.h"
#include "store/store.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"
#define AUTOUPDATE "rbac.authorization.kubernetes.io/autoupdate"

/* ---- what is missing ---- */

static void row_written(void *arg, int rc, int64_t rev)
{
	/* Somebody else being faster is as good. */
	bootstrap_one_done(arg, rc == -ERR_CONFLICT ? 0 : rc);
}

static int write_row(struct bootstrap *b, const struct bootstrap_row *r, const struct kinds_kind *k)
{
	BUF_AUTO struct buf key = { 0 };
	BUF_AUTO struct buf json = { 0 };
	char uid[TEXT_UUID_MAX], now[TEXT_TIME_MAX];
	BLOB_AUTO struct blob *value = NULL;
	int rc;

	text_time(now, env_wall_us());
	text_uuid(uid);
	buf_printf(&key, *r->ns ? "%s/%s/%s" : "%s%s/%s", k->store, r->ns, r->name);
	buf_printf(&json, "%s%s\",\"creationTimestamp\":\"%s\"%s", r->head, uid, now, r->tail);
	value = json.failed || key.failed ? NULL : blob_new(json.p, json.len);
	if (!value)
		return -ERR_NOMEM;
	rc = store_put(b->api->store, key.p, value, 0, row_written, b);
	if (!rc)
		b->waiting++;
	return rc;
}

/* ---- what is lacking ---- */

/* One object brought up to date: want as the row has it, have as the store has it, now
 * being have with what it lacked. */
struct update {
	yyjson_mut_doc *doc;
	yyjson_val *want, *have;
	yyjson_mut_val *now;
	bool changed;
};

static void add_members(struct update *u, const char *path)
{
	yyjson_val *want = doc_get(u->want, path), *have = doc_get(u->have, path), *key, *v;
	size_t i, max;

	yyjson_obj_foreach(want, i, max, key, v) {
		if (yyjson_obj_getn(have, yyjson_get_str(key), yyjson_get_len(key)))
			continue;
		doc_mset_key(u->doc, u->now, path, yyjson_get_str(key), yyjson_get_str(v));
		u->changed = true;
	}
}

static bool contains(yyjson_val *list, yyjson_val *v)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(list, i, max, it)
		if (doc_equal(it, v))
			return true;
	return false;
}

typedef bool covered_fn(yyjson_val *list, yyjson_val *v);

static void add_entries(struct update *u, const char *path, covered_fn *covered)
{
	yyjson_val *have = doc_get(u->have, path), *it;
	yyjson_mut_val *list;
	size_t i, max;

	yyjson_arr_foreach(doc_get(u->want, path), i, max, it) {
		if (covered(have, it))
			continue;
		list = doc_marr(u->doc, u->now, path);
		if (list)
			yyjson_mut_arr_append(list, yyjson_val_mut_copy(u->doc, it));
		u->changed = true;
	}
}

/* The defaulted apiGroup may be left out by whoever wrote the binding. */
static bool has_subject(yyjson_val *list, yyjson_val *want)
{
	static const char *const members[] = { "kind", "name", "namespace" };
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(list, i, max, it) {
		bool same = true;

		for (size_t m = 0; m < 3; m++) {
			const char *a = doc_str(it, members[m]), *b = doc_str(want, members[m]);

			same &= !strcmp(a ? a : "", b ? b : "");
		}
		if (same)
			return true;
	}
	return false;
}

/* What earlier versions of ours gave: the Node authorizer gives nodes their own things
 * only, and so upstream's bindings name nobody there. */
static const struct { const char *binding, *kind, *name; } dropped[] = {
	{ "system:node", "Group", "system:nodes" },
	{ "system:node-proxier", "Group", "system:nodes" },
};

static void drop_subjects(struct update *u, const char *binding)
{
	yyjson_mut_val *it;
	yyjson_mut_arr_iter all;

	yyjson_mut_arr_iter_init(doc_mget(u->now, "subjects"), &all);
	while ((it = yyjson_mut_arr_iter_next(&all)))
		for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
			if (!strcmp(binding, dropped[i].binding) && yyjson_mut_equals_str(yyjson_mut_obj_get(it, "kind"), dropped[i].kind) &&
			    yyjson_mut_equals_str(yyjson_mut_obj_get(it, "name"), dropped[i].name)) {
				yyjson_mut_arr_iter_remove(&all);
				u->changed = true;
			}
}

static void update_role(struct update *u)
{
	yyjson_val *aggregation = doc_get(u->want, "aggregationRule");

	/* The rules of an aggregated role are its controller's. */
	if (!aggregation)
		add_entries(u, "rules", rbac_rule_covered);
	if (!aggregation && doc_get(u->have, "aggregationRule")) {
		doc_mdel(u->now, "aggregationRule");
		u->changed = true;
	}
	add_entries(u, "aggregationRule.clusterRoleSelectors", contains);
}

static int update_row(struct bootstrap *b, const struct bootstrap_row *r, const struct kinds_kind *k,
	struct cache_obj *o)
{
	ARENA_AUTO struct arena *a = arena_open(8u << 20);
	struct update u = { .doc = a ? doc_new(a) : NULL, .have = cache_tree(o) };
	bool role = !strcmp(r->plural, "roles") || !strcmp(r->plural, "clusterroles"), replace;
	yyjson_val *keep = yyjson_obj_get(doc_get(u.have, "metadata.annotations"), AUTOUPDATE);
	BUF_AUTO struct buf json = { 0 };
	BUF_AUTO struct buf path = { 0 };
	yyjson_doc *d;

	if (yyjson_equals_str(keep, "false") || o->deleting)
		return 0;
	buf_printf(&json, "%s\",\"creationTimestamp\":\"\"%s", r->head, r->tail);
	if (!u.doc || json.failed || doc_parse(a, json.p, json.len, &d, NULL))
		return -ERR_NOMEM;
	u.want = yyjson_doc_get_root(d);
	u.now = yyjson_val_mut_copy(u.doc, u.have);
	add_members(&u, "metadata.labels");
	add_members(&u, "metadata.annotations");
	if (role) {
		update_role(&u);
	} else {
		add_entries(&u, "subjects", has_subject);
		drop_subjects(&u, r->name);
	}
	/* A binding to another role cannot be changed: it goes, and is made anew. */
	replace = !role && !doc_equal(doc_get(u.want, "roleRef"), doc_get(u.have, "roleRef"));
	if (!u.changed && !replace)
		return 0;
	buf_printf(&path, "/apis/" RBAC_GROUP "/v1%s%s/%s/%s", *r->ns ? "/namespaces/" : "", r->ns, r->plural, r->name);
	buf_clear(&json);
	if (path.failed || !u.now || arena_over(a) || doc_mwrite(&json, u.now))
		return -ERR_NOMEM;
	return bootstrap_try(b, replace ? "DELETE" : "PUT", path.p, replace ? "{}" : json.p);
}

int bootstrap_rbac(struct bootstrap *b)
{
	int rc = 0;

	for (size_t i = 0; i < bootstrap_row_count && !rc; i++) {
		const struct bootstrap_row *r = &bootstrap_rows[i];
		const struct kinds_kind *k = kinds_by_resource(RBAC_GROUP, "v1", r->plural);
		struct cache_obj *o = cache_get(b->api->cache, k->store, r->ns, r->name);

		rc = o ? update_row(b, r, k, o) : write_row(b, r, k);
	}
	return rc;
}
