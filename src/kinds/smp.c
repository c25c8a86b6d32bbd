/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smp - strategic merge patch: a merge patch whose lists merge by key where the
 * type table says so, and whose directives are members with a "$" in front.
 *
 * Order matters: $retainKeys first, then each $setElementOrder with the list it
 * orders, then the other members as they stand in the patch.
 * Source: apimachinery pkg/util/strategicpatch/patch.go and its tests.
 */
#include "kinds/smp.h"

#include <string.h>

#include "base/map.h"
#include "doc/members.h"
#include "doc/print.h"

#define RETAIN_MAX 200

int smp_over(struct smp *c)
{
	return err_set(c->err, ERR_SIZE, "the patched document is too large");
}

/* ---- messages ---- */
int smp_bad_directive(struct smp *c, yyjson_val *value, yyjson_val *in)
{
	struct buf b BUF_AUTO = { 0 };

	doc_print_go(&b, value);
	buf_adds(&b, " in map: ");
	doc_print_go(&b, in);
	return err_set(c->err, ERR_INTERNAL, "unknown patch type found: %s", b.p ? b.p : "");
}

/* ---- directives ---- */
static bool key_is(yyjson_val *k, const char *directive)
{
	return yyjson_equals_str(k, directive);
}

static bool has_prefix(yyjson_val *k, const char *directive)
{
	return !strncmp(yyjson_get_str(k), directive, strlen(directive));
}

static bool is_directive(yyjson_val *k)
{
	return key_is(k, SMP_PATCH) || key_is(k, SMP_RETAIN) || has_prefix(k, SMP_DELETE) || has_prefix(k, SMP_ORDER);
}

/* "$setElementOrder/containers" to "containers"; NULL when malformed. */
static const char *list_of(yyjson_val *k, const char *directive)
{
	const char *s = yyjson_get_str(k) + strlen(directive);

	return *s == '/' ? s + 1 : NULL;
}

int smp_clean(struct smp *c, yyjson_val *v, yyjson_mut_val **ret)
{
	yyjson_mut_val *out;
	int rc = 0;

	*ret = NULL;
	if (yyjson_is_obj(v)) {
		yyjson_obj_iter it;
		if (yyjson_equals_str(yyjson_obj_get(v, SMP_PATCH), "delete"))
			return 0;
		out = yyjson_mut_obj(c->d);
		yyjson_obj_iter_init(v, &it);
		for (yyjson_val *k; !rc && out && (k = yyjson_obj_iter_next(&it));) {
			yyjson_val *m = yyjson_obj_iter_get_val(k);
			yyjson_mut_val *copy = NULL;
			if (is_directive(k) || yyjson_is_null(m))
				continue;
			rc = smp_clean(c, m, &copy);
			if (copy && !yyjson_mut_obj_add(out, yyjson_mut_strncpy(c->d, yyjson_get_str(k),
					yyjson_get_len(k)), copy))
				rc = smp_over(c);
		}
	} else if (yyjson_is_arr(v)) {
		yyjson_arr_iter it;
		out = yyjson_mut_arr(c->d);
		yyjson_arr_iter_init(v, &it);
		for (yyjson_val *e; !rc && out && (e = yyjson_arr_iter_next(&it));) {
			yyjson_mut_val *copy = NULL;
			/* It speaks of the list, and there is none to replace. */
			if (yyjson_equals_str(yyjson_obj_get(e, SMP_PATCH), "replace"))
				continue;
			rc = smp_clean(c, e, &copy);
			if (copy)
				yyjson_mut_arr_append(out, copy);
		}
	} else {
		out = yyjson_val_mut_copy(c->d, v);
	}
	if (!rc && !out)
		rc = smp_over(c);
	*ret = rc ? NULL : out;
	return rc;
}

/* Is key among the strings of the list? */
static bool listed(yyjson_val *list, const char *key, size_t n)
{
	yyjson_arr_iter it;

	yyjson_arr_iter_init(list, &it);
	for (yyjson_val *e; (e = yyjson_arr_iter_next(&it));)
		if (yyjson_equals_strn(e, key, n))
			return true;
	return false;
}

static int retain_keys(struct smp *c, struct doc_members *m, yyjson_val *patch)
{
	yyjson_val *keep = yyjson_obj_get(patch, SMP_RETAIN);
	yyjson_mut_obj_iter old;
	yyjson_obj_iter it;

	if (!keep)
		return 0;
	if (!yyjson_is_arr(keep) || yyjson_arr_size(keep) > RETAIN_MAX)
		return err_set(c->err, ERR_BAD_REQUEST, "invalid patch format of retainKeys");
	yyjson_obj_iter_init(patch, &it);
	for (yyjson_val *k; (k = yyjson_obj_iter_next(&it));)
		if (!is_directive(k) && !yyjson_is_null(yyjson_obj_iter_get_val(k)) &&
		    !listed(keep, yyjson_get_str(k), yyjson_get_len(k)))
			return err_set(c->err, ERR_INVALID, "patch content doesn't match retainKeys list");
	yyjson_mut_obj_iter_init(m->obj, &old);
	for (yyjson_mut_val *k; (k = yyjson_mut_obj_iter_next(&old));)
		if (!listed(keep, yyjson_mut_get_str(k), yyjson_mut_get_len(k)))
			doc_members_drop(m, yyjson_mut_get_str(k), yyjson_mut_get_len(k));
	return 0;
}

/* ---- lists ---- */
/* The merge key of a member list, and whether it merges at all. */
struct strategy { bool declared, merge; const char *key; struct shape element; };

static struct strategy strategy_of(struct shape s, const char *key, size_t n)
{
	const struct kinds_field *f;
	struct strategy r = { 0 };
	struct shape member;

	shape_member(s, key, n, 0, &member, &f);
	r.declared = f != NULL;
	if (!f || f->card != KC_LIST || !(f->flags & KF_SMP_MERGE))
		return r;
	r.merge = true;
	r.key = f->merge_key;
	if (f->type)
		r.element = (struct shape){ .kind = SHAPE_STRUCT, .type = f->type };
	return r;
}

static int merge_ordered(struct smp *c, struct shape s, struct doc_members *m, yyjson_val *patch, const char *name,
	yyjson_val *order)
{
	size_t n = strlen(name);
	struct strategy how = strategy_of(s, name, n);
	yyjson_mut_val *server = doc_members_get(m, name, n), *before = NULL, *merged = server;
	yyjson_val *list;
	int rc;

	if (!how.declared)
		return err_set(c->err, ERR_INTERNAL, "unable to find api field in struct %s for the json field \"%.200s\"",
			s.type ? s.type->name : "map", name);
	list = yyjson_obj_getn(patch, name, n);
	if (yyjson_is_null(list))
		list = NULL;
	if (!yyjson_is_arr(order) || (list && !yyjson_is_arr(list)) || (server && !yyjson_mut_is_arr(server)))
		return err_set(c->err, ERR_BAD_REQUEST, "invalid patch format of setElementOrder list");
	rc = list ? smp_list_check_order(c, how.key, list, order) : 0;
	if (rc || (!list && !server))
		return rc;
	/* Merging changes the server's list, whose order is still needed. */
	if (server)
		before = yyjson_mut_val_mut_copy(c->d, server);
	if (server && !before)
		return smp_over(c);
	if (list && server && how.merge)
		rc = smp_list(c, how.element, how.key, server, list, &merged);
	else if (list)
		rc = smp_clean(c, list, &merged);
	if (!rc)
		rc = smp_list_order(c, how.key, merged, order, before, &merged);
	if (!rc)
		doc_members_put(m, name, n, merged);
	return rc;
}

/* ---- maps ---- */
static bool same_sort(yyjson_mut_val *a, yyjson_val *b)
{
	return yyjson_mut_get_type(a) == yyjson_get_type(b);
}

static int merge_member(struct smp *c, struct shape s, struct doc_members *m, const char *key, size_t n,
	yyjson_val *v, bool is_delete)
{
	yyjson_mut_val *old = doc_members_get(m, key, n), *merged = NULL;
	struct strategy how;
	const struct kinds_field *f;
	struct shape member;
	int rc;

	if (yyjson_is_null(v)) {
		doc_members_drop(m, key, n);
		return 0;
	}
	if (!old || !same_sort(old, v)) {
		rc = is_delete ? 0 : smp_clean(c, v, &merged);
	} else if (yyjson_is_obj(v)) {
		/* Atomic types are for apply; a strategic merge goes into them. */
		shape_member(s, key, n, 0, &member, &f);
		if (f && f->card == KC_ONE && f->type)
			member = (struct shape){ .kind = SHAPE_STRUCT, .type = f->type };
		else if (f && f->card == KC_MAP)
			member = (struct shape){ .kind = SHAPE_MAP, .field = f };
		else if (!f && s.field && s.field->value == KV_OBJECT && s.field->type)
			member = (struct shape){ .kind = SHAPE_STRUCT, .type = s.field->type };
		rc = smp_map(c, member, old, v, &merged);
	} else if (yyjson_is_arr(v)) {
		how = strategy_of(s, key, n);
		if (is_delete)
			rc = smp_list_delete(c, old, v, &merged);
		else if (how.merge)
			rc = smp_list(c, how.element, how.key, old, v, &merged);
		else                           /* the same as where there was none */
			rc = smp_clean(c, v, &merged);
	} else {
		rc = (merged = yyjson_val_mut_copy(c->d, v)) ? 0 : smp_over(c);
	}
	if (!rc && merged)
		doc_members_put(m, key, n, merged);
	return rc;
}

/* ordered is an empty map: the lists that came with an order. */
static int merge_members(struct smp *c, struct shape s, struct doc_members *m, yyjson_val *patch, struct map *ordered)
{
	yyjson_obj_iter it;
	int rc = retain_keys(c, m, patch);

	yyjson_obj_iter_init(patch, &it);
	for (yyjson_val *k; !rc && (k = yyjson_obj_iter_next(&it));) {
		const char *name;
		if (!has_prefix(k, SMP_ORDER))
			continue;
		name = list_of(k, SMP_ORDER);
		if (name && map_get(ordered, name))
			continue;
		if (!name)
			rc = err_set(c->err, ERR_BAD_REQUEST, "invalid patch format of setElementOrder list");
		else if (map_put(ordered, name, m, NULL))
			rc = smp_over(c);
		else
			rc = merge_ordered(c, s, m, patch, name, yyjson_obj_iter_get_val(k));
	}
	yyjson_obj_iter_init(patch, &it);
	for (yyjson_val *k; !rc && (k = yyjson_obj_iter_next(&it));) {
		yyjson_val *v = yyjson_obj_iter_get_val(k);
		const char *name = yyjson_get_str(k);
		size_t n = yyjson_get_len(k);
		if (has_prefix(k, SMP_DELETE)) {
			name = list_of(k, SMP_DELETE);
			rc = name ? merge_member(c, s, m, name, strlen(name), v, true) :
				err_set(c->err, ERR_BAD_REQUEST, "invalid patch format of primitive list");
		} else if (!is_directive(k)) {
			/* A list with an order is done together with it. */
			if (!yyjson_is_arr(v) || !map_getn(ordered, name, n))
				rc = merge_member(c, s, m, name, n, v, false);
		}
	}
	return rc;
}

int smp_map(struct smp *c, struct shape s, yyjson_mut_val *into, yyjson_val *patch, yyjson_mut_val **ret)
{
	yyjson_val *directive = yyjson_obj_get(patch, SMP_PATCH);
	struct map ordered = { 0 };
	struct doc_members m;
	int rc;

	*ret = NULL;
	if (directive) {
		if (yyjson_equals_str(directive, "replace"))
			return smp_clean(c, patch, ret);
		if (!yyjson_equals_str(directive, "delete"))
			return smp_bad_directive(c, directive, patch);
		*ret = yyjson_mut_obj(c->d);
		return *ret ? 0 : smp_over(c);
	}
	if (!into)
		into = yyjson_mut_obj(c->d);
	if (!into)
		return smp_over(c);
	doc_members_open(&m, c->d, into);
	rc = merge_members(c, s, &m, patch, &ordered);
	map_finish(&ordered);
	if (!doc_members_close(&m) && !rc)
		rc = smp_over(c);
	*ret = rc ? NULL : into;
	return rc;
}

int kinds_smp(yyjson_mut_doc *d, struct arena *a, const struct kinds_type *t,
	yyjson_mut_val **root, yyjson_val *patch, struct err *reterr)
{
	struct smp c = { d, a, reterr };

	if (!yyjson_is_obj(patch) || !yyjson_mut_is_obj(*root))
		return err_set(reterr, ERR_BAD_REQUEST, "invalid JSON document");
	return smp_map(&c, (struct shape){ .kind = SHAPE_STRUCT, .type = t }, *root, patch, root);
}
