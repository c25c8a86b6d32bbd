/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply - server-side apply.
 *
 * The configuration, as it was sent, is merged into the live object; what this
 * manager had applied and nobody owns any more is pruned; what changed against other
 * owners is a conflict unless forced, and then theirs no longer. Only then is the
 * result decoded: zero values and nulls are owned by who sends them, though the stored
 * object does not show them.
 * Source: structured-merge-diff merge/update.go; apimachinery
 * util/managedfields/internal (structuredmerge.go, managedfieldsupdater.go,
 * lastappliedmanager.go, lastappliedupdater.go).
 */
#include <stdlib.h>
#include <string.h>

#include "kinds/apply.h"
#include "kinds/normal.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define ANNOTATIONS_MAX (256u << 10)
#define BEFORE_FIRST "before-first-apply"

struct application {
	struct apply c;
	const struct apply_req *r;
	yyjson_mut_val *live, *applied;
	struct managed m;
	struct fieldset set;           /* what is applied now */
	size_t own;                    /* this manager's entry in m */
	yyjson_mut_val *merged;
	struct difference diff;
	struct fieldset taken;         /* diff's modified and added */
	struct err *err;
};

static int over(struct application *x)
{
	return err_set(x->err, ERR_SIZE, "the object is too large");
}

static int combine(struct application *x, enum fieldset_op op, const struct fieldset *a, const struct fieldset *b,
	struct fieldset *ret)
{
	return fieldset_combine(x->c.a, op, a, b, ret) ? 0 : over(x);
}

/* "default/web; apps/v1, Kind=Deployment", as sent. */
static const char *named(struct application *x)
{
	const char *ns = doc_mstr(x->applied, "metadata.namespace"), *name = doc_mstr(x->applied, "metadata.name");
	const char *s = arena_printf(x->c.a, "%s/%s; %s/%s, Kind=%s", ns ? ns : "", name ? name : "", x->r->kind->group,
		x->r->kind->version, x->r->kind->kind);

	return s ? s : "";
}

static int check_input(struct application *x)
{
	const char *problem;

	if (yyjson_mut_is_arr(doc_mget(x->applied, "metadata.managedFields")))
		return err_set(x->err, ERR_BAD_REQUEST, "metadata.managedFields must be nil");
	problem = apply_check(&x->c, x->applied);
	if (problem)
		return err_set(x->err, ERR_INTERNAL, "failed to create typed patch object (%s): %s", named(x), problem);
	return x->c.over ? over(x) : 0;
}

/* An object that nobody tracked belongs to whoever wrote it before. */
static void read_owners(struct application *x)
{
	yyjson_mut_val *list = doc_mget(x->live, "metadata.managedFields");
	struct difference all;

	managed_read(&x->c, list, &x->m);
	if (!x->live || x->m.n)
		return;
	apply_compare(&x->c, NULL, x->live, &all);
	managed_update(&x->c, &x->m, &all, BEFORE_FIRST, x->r->now_us);
}

static int find_own(struct application *x)
{
	const char *sub = x->r->sub ? x->r->sub : "";
	struct manager *own = managed_find(&x->m, x->r->manager, true, NULL, sub);

	if (!own)
		own = managed_add(&x->c, &x->m, x->r->manager, true, sub);
	if (!own)
		return over(x);
	x->own = (size_t)(own - x->m.v);
	return 0;
}

/* metadata itself is the server's: it stays when nobody owns anything in it. */
static struct fieldset metadata = { .pe = "f:metadata", .len = 10, .member = true };
static const struct fieldset server = { .n = 1, .cap = 1, .kids = &metadata };

/* The set of the new configuration, the merged object without what is given up. */
static int merge_and_prune(struct application *x)
{
	const struct fieldset **owners = arena_alloc(x->c.a, (x->m.n + 1) * sizeof(*owners));
	struct fieldset last = x->m.v[x->own].set;

	apply_set(&x->c, x->applied, &x->set);
	x->merged = apply_merge(&x->c, x->live, x->applied);
	if (!owners || !x->merged || x->c.over)
		return over(x);
	for (size_t i = 0; i < x->m.n; i++)
		owners[i] = i == x->own ? &x->set : &x->m.v[i].set;
	owners[x->m.n] = &server;
	apply_prune(&x->c, x->merged, &last, owners, x->m.n + 1);
	x->c.as_sent = true;
	apply_compare(&x->c, x->live, x->merged, &x->diff);
	x->c.as_sent = false;
	return combine(x, FIELDSET_UNION, &x->diff.modified, &x->diff.added, &x->taken);
}

/* ---- conflicts ---- */
struct conflict_list {
	struct application *x;
	const struct manager *m;
	struct apply_conflict **tail;
};

static int list_paths(struct conflict_list *l, const struct fieldset *s, struct buf *path)
{
	size_t len = path->len;
	int rc = 0;

	/* A node's own paths before those below it. */
	for (uint32_t pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; !rc && i < s->n; i++) {
			const struct fieldset *k = &s->kids[i];
			if (pass ? !k->n : !k->member)
				continue;
			fieldset_print_element(l->x->c.a, path, k->pe, k->len);
			if (pass) {
				rc = list_paths(l, k, path);
			} else {
				struct apply_conflict *c = arena_zalloc(l->x->c.a, sizeof(*c));
				if (!c || path->failed)
					return over(l->x);
				c->manager = l->m->name;
				c->api_version = l->m->apply ? NULL : l->m->api_version;
				c->subresource = *l->m->sub ? l->m->sub : NULL;
				c->field = arena_strndup(l->x->c.a, path->p, path->len);
				if (!c->field)
					return over(l->x);
				*l->tail = c;
				l->tail = &c->next;
			}
			path->len = len;
			if (path->p)
				path->p[len] = '\0';
		}
	}
	return rc;
}

/* What kubectl's client-side apply wrote, as its annotation has it: fields whose
 * live value is still that one. Empty when there is no such annotation. */
static int last_applied_set(struct application *x, struct fieldset *ret)
{
	yyjson_mut_val *text = yyjson_mut_obj_get(doc_mget(x->live, "metadata.annotations"), LAST_APPLIED);
	struct difference diff;
	const char *version;
	yyjson_mut_val *v;
	yyjson_doc *doc;
	int rc;

	*ret = (struct fieldset){ 0 };
	if (!yyjson_mut_get_len(text) ||
	    doc_parse(x->c.a, yyjson_mut_get_str(text), yyjson_mut_get_len(text), &doc, NULL))
		return 0;
	v = yyjson_val_mut_copy(x->c.d, yyjson_doc_get_root(doc));
	version = doc_mstr(v, "apiVersion");
	if (!yyjson_mut_is_obj(v) || !version || strcmp(version, x->r->kind->api_version))
		return 0;
	apply_set(&x->c, v, ret);
	apply_compare(&x->c, v, x->live, &diff);
	rc = combine(x, FIELDSET_DIFFERENCE, ret, &diff.modified, ret);
	if (!rc)
		rc = combine(x, FIELDSET_DIFFERENCE, ret, &diff.added, ret);
	return rc ? rc : combine(x, FIELDSET_DIFFERENCE, ret, &diff.removed, ret);
}

static int by_name(const void *pa, const void *pb)
{
	const struct manager *a = *(const struct manager *const *)pa, *b = *(const struct manager *const *)pb;
	int c = strcmp(a->name, b->name);

	if (!c && a->apply != b->apply)
		return a->apply ? -1 : 1;
	if (!c)
		c = strcmp(a->api_version, b->api_version);
	/* Upstream sorts JSON texts: what has a subresource comes first. */
	if (!c && !*a->sub != !*b->sub)
		return *a->sub ? -1 : 1;
	return c ? c : strcmp(a->sub, b->sub);
}

/* Conflicts of everybody else's sets with what changed, less what is allowed; by manager. */
static int find_conflicts(struct application *x, const struct fieldset *allowed, struct apply_conflict **ret)
{
	struct conflict_list l = { .x = x, .tail = ret };
	const struct manager **others = arena_alloc(x->c.a, (x->m.n + 1) * sizeof(*others));
	struct buf path BUF_AUTO = { 0 };
	size_t n = 0;
	int rc = 0;

	*ret = NULL;
	if (!others)
		return over(x);
	for (size_t i = 0; i < x->m.n; i++)
		if (i != x->own)
			others[n++] = &x->m.v[i];
	qsort(others, n, sizeof(*others), by_name);
	for (size_t i = 0; !rc && i < n; i++) {
		struct fieldset both;
		l.m = others[i];
		rc = combine(x, FIELDSET_INTERSECTION, &l.m->set, &x->taken, &both);
		if (!rc && allowed)
			rc = combine(x, FIELDSET_DIFFERENCE, &both, allowed, &both);
		if (!rc)
			rc = list_paths(&l, &both, &path);
	}
	return rc;
}

static int settle_conflicts(struct application *x, struct apply_conflict **ret)
{
	struct fieldset allowed;
	int rc;

	if (x->r->force)
		return 0;
	rc = find_conflicts(x, NULL, ret);
	/* The same tool coming over from client-side apply takes its own along. */
	if (!rc && *ret && !strcmp(x->r->manager, "kubectl")) {
		rc = last_applied_set(x, &allowed);
		if (!rc)
			rc = find_conflicts(x, &allowed, ret);
	}
	if (!rc && *ret)
		rc = err_set(x->err, ERR_CONFLICT, "Apply failed with conflicts");
	return rc;
}

/* ---- the result ---- */
static int pass_ownership(struct application *x)
{
	struct manager *own = &x->m.v[x->own];
	struct fieldset lost;
	bool same;
	int rc = combine(x, FIELDSET_UNION, &x->taken, &x->diff.removed, &lost);

	for (size_t i = 0; !rc && i < x->m.n; i++) {
		struct fieldset rest;
		if (i == x->own)
			continue;
		rc = combine(x, FIELDSET_DIFFERENCE, &x->m.v[i].set, &lost, &rest);
		if (!rc)
			managed_set(&x->m.v[i], &rest);
	}
	if (rc)
		return rc;
	same = fieldset_equal(&own->set, &x->set) && !strcmp(own->api_version, x->r->kind->api_version);
	own->set = x->set;
	own->api_version = x->r->kind->api_version;
	/* The time is that of the last change of the object, not of its owners. */
	if (!x->live || !fieldset_empty(&lost))
		managed_touch(&x->c, own, x->r->now_us);
	else if (!same)
		own->entry = NULL;
	return 0;
}

/* v copied with its members in ascending order, as the annotation has them. */
static yyjson_mut_val *sorted(struct application *x, yyjson_mut_val *v)
{
	yyjson_mut_val *out;

	if (yyjson_mut_is_arr(v)) {
		yyjson_mut_arr_iter it;
		out = yyjson_mut_arr(x->c.d);
		yyjson_mut_arr_iter_init(v, &it);
		for (yyjson_mut_val *e; (e = yyjson_mut_arr_iter_next(&it));)
			x->c.over |= !yyjson_mut_arr_append(out, sorted(x, e));
	} else if (yyjson_mut_is_obj(v)) {
		struct items t = items_of_map(&x->c, v);
		out = yyjson_mut_obj(x->c.d);
		for (size_t i = 0; i < t.n; i++)
			x->c.over |= !yyjson_mut_obj_add(out, yyjson_mut_strncpy(x->c.d, t.v[i].key, t.v[i].len),
				sorted(x, t.v[i].v));
	} else {
		out = yyjson_mut_val_mut_copy(x->c.d, v);
	}
	return out;
}

/* The merged tree to its normal form. */
static int decode_merged(struct application *x)
{
	yyjson_val *frozen = doc_freeze(x->c.a, x->merged);
	struct err e = { 0 };
	int rc;

	if (!frozen)
		return over(x);
	rc = kinds_decode(x->c.d, x->c.a, x->r->kind->type, frozen, KS_IGNORE, &x->merged, NULL, &e);
	if (rc == -ERR_BAD_REQUEST)
		return err_set(x->err, ERR_INTERNAL, "failed to convert new object (%s) to proper version: unable to convert "
			"unstructured object to %s/%s, Kind=%s: %s", named(x), x->r->kind->group, x->r->kind->version,
			x->r->kind->kind, e.msg);
	return rc ? over(x) : 0;
}

/* kubectl's client-side annotation, where there is one, follows its applies. */
static int sync_last_applied(struct application *x)
{
	yyjson_mut_val *notes = doc_mget(x->merged, "metadata.annotations"), *copy;
	struct buf text BUF_AUTO = { 0 };
	size_t total = 0;
	yyjson_mut_obj_iter it;

	if (strcmp(x->r->manager, "kubectl") || !yyjson_mut_get_len(yyjson_mut_obj_get(notes, LAST_APPLIED)))
		return 0;
	copy = sorted(x, x->applied);
	if (!copy || x->c.over)
		return over(x);
	yyjson_mut_obj_remove_key(doc_mget(copy, "metadata.annotations"), LAST_APPLIED);
	if (doc_mwrite(&text, copy))
		return over(x);
	buf_addc(&text, '\n');
	if (text.failed || !doc_mset_key(x->c.d, notes, "", LAST_APPLIED, text.p))
		return over(x);
	yyjson_mut_obj_iter_init(notes, &it);
	for (yyjson_mut_val *k; (k = yyjson_mut_obj_iter_next(&it));)
		total += yyjson_mut_get_len(k) + yyjson_mut_get_len(yyjson_mut_obj_iter_get_val(k));
	if (total > ANNOTATIONS_MAX)
		yyjson_mut_obj_remove_key(notes, LAST_APPLIED);
	return 0;
}

static int run(struct application *x, struct apply_conflict **ret_conflicts)
{
	int rc = check_input(x);

	if (rc)
		return rc;
	/* null, if anything. */
	doc_mdel(doc_mget(x->applied, "metadata"), "managedFields");
	read_owners(x);
	rc = find_own(x);
	if (!rc)
		rc = merge_and_prune(x);
	if (!rc)
		rc = settle_conflicts(x, ret_conflicts);
	if (!rc)
		rc = pass_ownership(x);
	if (!rc)
		rc = decode_merged(x);
	if (!rc)
		rc = sync_last_applied(x);
	if (!rc)
		managed_write(&x->c, &x->m, x->merged);
	return !rc && (x->c.over || arena_over(x->c.a)) ? over(x) : rc;
}

int kinds_apply(yyjson_mut_doc *d, struct arena *a, const struct apply_req *r, yyjson_mut_val *live,
	yyjson_mut_val *applied, yyjson_mut_val **ret, struct apply_conflict **ret_conflicts,
	struct err *reterr)
{
	struct application x = { .r = r, .live = live, .applied = applied, .err = reterr };
	int rc;

	*ret = NULL;
	*ret_conflicts = NULL;
	apply_init(&x.c, d, a, r);
	rc = run(&x, ret_conflicts);
	apply_finish(&x.c);
	if (!rc)
		*ret = x.merged;
	return rc;
}
