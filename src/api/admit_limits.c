/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_limits - LimitRanger: what the containers of a namespace ask for when they do not
 * say, and between which bounds they, their pods and claims may ask.
 *
 * A container that has limits and no requests has got those as requests before this
 * (a default of pods), so that a LimitRange's default never undercuts an explicit limit.
 * Source: kubernetes plugin/pkg/admission/limitranger/admission.go.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "api/admit.h"
#include "kinds/quota.h"

#define NOTE "kubernetes.io/limit-ranger"
#define FAULTS_MAX 64u         /* told of in one refusal */

static const char *const container_lists[] = { "containers", "initContainers" };

/* Pods as they are made or resized, claims whenever they change. */
static bool concerns(const struct call *c)
{
	bool resize = c->kind == c->api->k.pod && !strcmp(c->sub, "resize");

	if (c->cur && c->cur->deleting)
		return false;
	if (!resize && !admit_is(c, c->api->k.pod) && !admit_is(c, c->api->k.pvc))
		return false;
	if (c->kind == c->api->k.pod && !resize && admit_op(c) != ADMIT_CREATE)
		return false;
	return cache_count(c->api->cache, c->api->k.limit_range->store, c->ns) > 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of an object, sorted; *ret_n of them. NULL: no memory. */
static const char **keys_of(struct arena *a, yyjson_val *obj, size_t *ret_n)
{
	const char **keys = arena_alloc(a, (yyjson_obj_size(obj) + 1) * sizeof(*keys));
	yyjson_obj_iter it;
	yyjson_val *key;

	*ret_n = 0;
	yyjson_obj_iter_init(obj, &it);
	while (keys && (key = yyjson_obj_iter_next(&it)))
		keys[(*ret_n)++] = yyjson_get_str(key);
	if (keys)
		qsort(keys, *ret_n, sizeof(*keys), by_text);
	return keys;
}

/* ---- defaults ---- */

struct setting { struct call *c; struct buf note; bool failed; };

/* What container has not of the defaults is set. The note tells what: `cpu, memory request`. */
static void set_list(struct setting *s, yyjson_mut_val *container, yyjson_val *defaults, const char *list,
	const char *word, const char *role)
{
	const char *path = arena_printf(s->c->arena, "resources.%s", list), **names;
	bool any = false;
	size_t n;

	names = keys_of(s->c->arena, defaults, &n);
	if (!path || !names)
		s->failed = true;
	for (size_t i = 0; i < n && path; i++) {
		if (yyjson_mut_obj_get(doc_mget(container, path), names[i]))
			continue;
		if (!doc_mset_key(s->c->doc, container, path, names[i], yyjson_get_str(yyjson_obj_get(defaults, names[i]))))
			s->failed = true;
		buf_adds(&s->note, any ? ", " : s->note.len ? "; " : "LimitRanger plugin set: ");
		buf_adds(&s->note, names[i]);
		any = true;
	}
	if (any)
		buf_printf(&s->note, " %s for %s %s", word, role, doc_mstr(container, "name"));
}

static void set_defaults(struct setting *s, yyjson_val *limit)
{
	for (size_t l = 0; l < 2; l++) {
		const char *role = l ? "init container" : "container";
		yyjson_mut_arr_iter it;
		yyjson_mut_val *container;

		yyjson_mut_arr_iter_init(doc_mget(doc_mget(s->c->obj, "spec"), container_lists[l]), &it);
		while ((container = yyjson_mut_arr_iter_next(&it))) {
			set_list(s, container, doc_get(limit, "defaultRequest"), "requests", "request", role);
			set_list(s, container, doc_get(limit, "default"), "limits", "limit", role);
		}
	}
}

static bool each_default(void *arg, struct cache_obj *o)
{
	struct setting *s = arg;
	yyjson_val *limit;
	size_t i, max;

	buf_clear(&s->note);
	yyjson_arr_foreach(doc_get(cache_tree(o), "spec.limits"), i, max, limit)
		if (doc_str(limit, "type") && !strcmp(doc_str(limit, "type"), "Container"))
			set_defaults(s, limit);
	if (s->note.failed || (s->note.len &&
	    !doc_mset_key(s->c->doc, s->c->obj, "metadata.annotations", NOTE, s->note.p)))
		s->failed = true;
	return !s->failed;
}

enum step limits_mutate(struct call *c)
{
	struct setting s = { .c = c };

	if (c->kind != c->api->k.pod || !concerns(c))
		return STEP_NEXT;
	cache_each(c->api->cache, c->api->k.limit_range->store, c->ns, NULL, NULL, each_default, &s);
	buf_finish(&s.note);
	return s.failed ? fail_err(c, -ERR_SIZE, NULL) : STEP_NEXT;
}

/* ---- bounds ---- */

struct amount { bool set; struct quantity q; char text[QUANTITY_MAX]; };
struct checking { struct call *c; yyjson_val *obj; const char *faults[FAULTS_MAX]; size_t n; bool failed; };

static void violated(struct checking *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void violated(struct checking *k, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = arena_vprintf(k->c->arena, fmt, ap);
	va_end(ap);
	/* What holds for several containers is said once, as upstream's list of errors does. */
	for (size_t i = 0; text && i < k->n; i++)
		if (!strcmp(k->faults[i], text))
			return;
	if (k->n < FAULTS_MAX)
		k->faults[k->n++] = text ? text : "";
}

static void amount_print(struct amount *a)
{
	if (a->set)
		quantity_print(a->text, &a->q);
}

static void check_min(struct checking *k, const char *type, const char *name, const struct amount *bound,
	const struct amount *request, const struct amount *limit)
{
	if (!request->set)
		violated(k, "minimum %s usage per %s is %s.  No request is specified", name, type, bound->text);
	else if (quantity_cmp(&request->q, &bound->q) < 0)
		violated(k, "minimum %s usage per %s is %s, but request is %s", name, type, bound->text, request->text);
	else if (limit->set && quantity_cmp(&limit->q, &bound->q) < 0)
		violated(k, "minimum %s usage per %s is %s, but limit is %s", name, type, bound->text, limit->text);
}

static void check_max(struct checking *k, const char *type, const char *name, const struct amount *bound,
	const struct amount *request, const struct amount *limit)
{
	if (!limit->set)
		violated(k, "maximum %s usage per %s is %s.  No limit is specified", name, type, bound->text);
	else if (quantity_cmp(&limit->q, &bound->q) > 0)
		violated(k, "maximum %s usage per %s is %s, but limit is %s", name, type, bound->text, limit->text);
	else if (request->set && quantity_cmp(&request->q, &bound->q) > 0)
		violated(k, "maximum %s usage per %s is %s, but request is %s", name, type, bound->text, request->text);
}

/* Of a claim, which has no limits. */
static void check_max_request(struct checking *k, const char *type, const char *name, const struct amount *bound,
	const struct amount *request, const struct amount *limit)
{
	(void)limit;
	if (!request->set)
		violated(k, "maximum %s usage per %s is %s.  No request is specified", name, type, bound->text);
	else if (quantity_cmp(&request->q, &bound->q) > 0)
		violated(k, "maximum %s usage per %s is %s, but request is %s", name, type, bound->text, request->text);
}

static void check_ratio(struct checking *k, const char *type, const char *name, const struct amount *bound,
	const struct amount *request, const struct amount *limit)
{
	double ratio;

	if (!request->set || !request->q.nano) {
		violated(k, "%s max limit to request ratio per %s is %s, but no request is specified or request is 0", name,
			type, bound->text);
		return;
	}
	if (!limit->set || !limit->q.nano) {
		violated(k, "%s max limit to request ratio per %s is %s, but no limit is specified or limit is 0", name, type,
			bound->text);
		return;
	}
	ratio = (double)limit->q.nano / (double)request->q.nano;
	if (ratio * 1e9 > (double)bound->q.nano)
		violated(k, "%s max limit to request ratio per %s is %s, but provided ratio is %f", name, type, bound->text,
			ratio);
}

typedef void check_fn(struct checking *k, const char *type, const char *name, const struct amount *bound,
	const struct amount *request, const struct amount *limit);
static const struct { const char *bounds; check_fn *check, *check_claim; } checks[] = {
	{ "min", check_min, check_min },
	{ "max", check_max, check_max_request },
	{ "maxLimitRequestRatio", check_ratio, NULL },
};

/* What `from` asks for of one resource. */
typedef void amounts_fn(yyjson_val *from, const char *name, struct amount *request, struct amount *limit);

static void asked(yyjson_val *resources, const char *name, struct amount *request, struct amount *limit)
{
	request->set = quota_quantity(doc_get(resources, "requests"), name, &request->q);
	limit->set = quota_quantity(doc_get(resources, "limits"), name, &limit->q);
}

static void asked_by_pod(yyjson_val *spec, const char *name, struct amount *request, struct amount *limit)
{
	request->set = pod_resource(spec, "requests", name, false, &request->q);
	limit->set = pod_resource(spec, "limits", name, false, &limit->q);
}

static void check_all(struct checking *k, yyjson_val *limit, const char *type, amounts_fn *amounts, yyjson_val *from)
{
	bool claim = k->c->kind == k->c->api->k.pvc;

	for (size_t j = 0; j < sizeof(checks) / sizeof(*checks); j++) {
		yyjson_val *bounds = doc_get(limit, checks[j].bounds);
		check_fn *check = claim ? checks[j].check_claim : checks[j].check;
		const char **names;
		size_t n = 0;

		if (!check)
			continue;
		names = keys_of(k->c->arena, bounds, &n);
		k->failed |= !names;
		for (size_t i = 0; i < n; i++) {
			struct amount bound = { 0 }, request = { 0 }, most = { 0 };

			bound.set = quota_quantity(bounds, names[i], &bound.q);
			amounts(from, names[i], &request, &most);
			amount_print(&bound);
			amount_print(&request);
			amount_print(&most);
			check(k, type, names[i], &bound, &request, &most);
		}
	}
}

static bool each_check(void *arg, struct cache_obj *o)
{
	struct checking *k = arg;
	bool pod = k->c->kind == k->c->api->k.pod;
	yyjson_val *limit;
	size_t i, max;

	yyjson_arr_foreach(doc_get(cache_tree(o), "spec.limits"), i, max, limit) {
		const char *type = doc_str(limit, "type");

		if (pod && type && !strcmp(type, "Container")) {
			for (size_t l = 0; l < 2; l++) {
				yyjson_val *c;
				size_t j, jmax;

				yyjson_arr_foreach(doc_get(doc_get(k->obj, "spec"), container_lists[l]), j, jmax, c)
					check_all(k, limit, type, asked, doc_get(c, "resources"));
			}
		} else if (pod && type && !strcmp(type, "Pod")) {
			check_all(k, limit, type, asked_by_pod, doc_get(k->obj, "spec"));
		} else if (!pod && type && !strcmp(type, "PersistentVolumeClaim")) {
			check_all(k, limit, type, asked, doc_get(k->obj, "spec.resources"));
		}
	}
	return !k->n;          /* the first LimitRange that refuses speaks */
}

enum step limits_validate(struct call *c)
{
	struct checking k = { .c = c };
	BUF_AUTO struct buf b = { 0 };

	if (!concerns(c))
		return STEP_NEXT;
	k.obj = doc_freeze(c->arena, c->obj);
	if (!k.obj)
		return fail_err(c, -ERR_SIZE, NULL);
	cache_each(c->api->cache, c->api->k.limit_range->store, c->ns, NULL, NULL, each_check, &k);
	if (k.failed)
		return fail_err(c, -ERR_SIZE, NULL);
	if (!k.n)
		return STEP_NEXT;
	for (size_t i = 0; i < k.n; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", k.faults[i]);
	if (b.failed)
		return fail_err(c, -ERR_NOMEM, NULL);
	return admit_refuse(c, "%s%s%s", k.n > 1 ? "[" : "", b.p, k.n > 1 ? "]" : "");
}
