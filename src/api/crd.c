/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crd - CustomResourceDefinitions: a definition that can be served is, from the moment
 * its write is in the cache; what it says about itself (status) is written with it. One
 * that goes away takes its objects along first.
 *
 *   served -> deleting: its objects are deleted -> none left: its finalizer -> gone
 *
 * Source: apiextensions-apiserver pkg/apiserver, pkg/controller/{status,establish,finalizer}.
 */
#define LOG_MODULE "api"
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "base/log.h"
#include "base/text.h"
#include "kinds/kinds_custom.h"

#define FINALIZER "customresourcecleanup.apiextensions.k8s.io"
#define AT_ONCE   64u

struct cleanup {
	struct list link;
	struct crds *crds;
	struct cache_observer *obs;
	struct loop_task task;
	const struct kinds_kind *kind;     /* a reference; NULL: no version was ever served */
	unsigned running;
	bool last;                         /* the finalizer is being dropped */
	char name[];
};

struct crds {
	struct api *api;
	struct cache_observer *obs;
	struct list cleanups;
};

/* ---- the write: names, conditions, stored versions ---- */

static yyjson_mut_val *find_condition(yyjson_mut_val *list, const char *type)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *v;

	yyjson_mut_arr_iter_init(list, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(v, "type"), type))
			return v;
	return NULL;
}

static bool set_condition(struct call *c, const char *type, bool ok, const char *reason, const char *message)
{
	yyjson_mut_val *list = doc_marr(c->doc, c->obj, "status.conditions"), *v;
	const char *status = ok ? "True" : "False", *was;
	char now[TEXT_TIME_MAX];

	v = list ? find_condition(list, type) : NULL;
	if (!v)
		v = list ? yyjson_mut_arr_add_obj(c->doc, list) : NULL;
	if (!v)
		return false;
	was = doc_mstr(v, "status");
	text_time(now, env_wall_us());
	if ((!was || strcmp(was, status)) && !doc_mset_str(c->doc, v, "lastTransitionTime", now))
		return false;
	return doc_mset_str(c->doc, v, "type", type) && doc_mset_str(c->doc, v, "status", status) &&
		doc_mset_str(c->doc, v, "reason", reason) && doc_mset_str(c->doc, v, "message", message);
}

static bool add_stored_version(struct call *c)
{
	yyjson_mut_val *list = doc_marr(c->doc, c->obj, "status.storedVersions"), *v, *s;
	yyjson_mut_arr_iter it, have;
	const char *name = NULL;

	yyjson_mut_arr_iter_init(doc_mget(c->obj, "spec.versions"), &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (doc_mbool(v, "storage", false))
			name = doc_mstr(v, "name");
	if (!list || !name)
		return list != NULL;
	yyjson_mut_arr_iter_init(list, &have);
	while ((s = yyjson_mut_arr_iter_next(&have)))
		if (yyjson_mut_equals_str(s, name))
			return true;
	return yyjson_mut_arr_add_strcpy(c->doc, list, name);
}

static bool add_finalizer(struct call *c)
{
	yyjson_mut_val *list = doc_marr(c->doc, c->obj, "metadata.finalizers"), *v;
	yyjson_mut_arr_iter it;

	yyjson_mut_arr_iter_init(list, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_equals_str(v, FINALIZER))
			return true;
	return list && yyjson_mut_arr_add_str(c->doc, list, FINALIZER);
}

enum step crd_prepare(struct call *c)
{
	struct err e = { 0 };
	yyjson_val *frozen;
	yyjson_mut_val *names;
	bool ok;
	int rc;

	if (*c->sub)
		return STEP_NEXT;
	frozen = doc_freeze(c->arena, c->obj);
	if (!frozen)
		return fail_err(c, -ERR_SIZE, NULL);
	rc = kinds_custom_check(frozen, &e);
	if (rc == -ERR_BAD_REQUEST)
		return STEP_NEXT;      /* validation says what is wrong, field by field */
	if (rc && rc != -ERR_CONFLICT)
		return fail_err(c, rc, &e);
	names = yyjson_mut_val_mut_copy(c->doc, doc_mget(c->obj, "spec.names"));
	ok = set_condition(c, "NamesAccepted", !rc, rc ? "NameConflict" : "NoConflicts", rc ? e.msg : "no conflicts found") &&
		set_condition(c, "Established", !rc, rc ? "NotAccepted" : "InitialNamesAccepted",
			rc ? "not all names are accepted" : "the initial names have been accepted") &&
		(rc || (names && doc_mset(c->doc, c->obj, "status.acceptedNames", names))) && add_stored_version(c) &&
		(!c->creating || add_finalizer(c));
	return ok ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
}

/* ---- the end of a definition ---- */

static void cleanup_free(struct cleanup *cu)
{
	loop_defer_cancel(cu->crds->api->loop, &cu->task);
	if (cu->obs)
		cache_unobserve(cu->obs);
	if (cu->kind)
		kinds_unref(cu->kind);
	list_del(&cu->link);
	free(cu);
}

static void cleanup_turn(void *arg);

static void cleanup_done(void *arg, int status, const struct blob *body)
{
	struct cleanup *cu = arg;

	cu->running--;
	if (cu->last && status >= 300 && status != 404) {
		cu->last = false;
		if (status != 409)
			log_error("definition %s: its finalizer stays: %d", cu->name, status);
	}
	loop_defer(cu->crds->api->loop, &cu->task, cleanup_turn, cu);
}

static int send(struct cleanup *cu, const char *method, const char *path, const char *body)
{
	static const char *const groups[] = { "system:masters", NULL };
	static const struct user user = { .name = "system:apiserver", .groups = groups };
	struct api_call q = { .method = method, .path = path, .body = body, .body_len = body ? strlen(body) : 0,
		.user = &user, .content_type = body ? "application/merge-patch+json" : NULL };
	int rc = api_call_trusted(cu->crds->api, &q, cleanup_done, cu);

	if (!rc)
		cu->running++;
	return rc;
}

static bool delete_one(void *arg, struct cache_obj *o)
{
	struct cleanup *cu = arg;
	BUF_AUTO struct buf path = { 0 };

	if (o->deleting)
		return true;           /* waits for its own finalizers */
	buf_printf(&path, "/apis/%s", cu->kind->api_version);
	if (*o->ns)
		buf_printf(&path, "/namespaces/%s", o->ns);
	buf_printf(&path, "/%s/%s", cu->kind->plural, o->name);
	return !path.failed && !send(cu, "DELETE", path.p, NULL) && cu->running < AT_ONCE;
}

static void drop_finalizer(struct cleanup *cu, struct cache_obj *crd)
{
	BUF_AUTO struct buf body = { 0 };
	BUF_AUTO struct buf path = { 0 };
	yyjson_val *it;
	size_t i, max;
	bool first = true;

	buf_printf(&body, "{\"metadata\":{\"resourceVersion\":\"%lld\",\"finalizers\":[", (long long)crd->rev);
	yyjson_arr_foreach(doc_get(cache_tree(crd), "metadata.finalizers"), i, max, it) {
		const char *s = yyjson_get_str(it);

		if (!s || !strcmp(s, FINALIZER))
			continue;
		if (!first)
			buf_addc(&body, ',');
		buf_add_json(&body, s, strlen(s));
		first = false;
	}
	buf_adds(&body, "]}}");
	buf_printf(&path, "/apis/%s/%s/%s", cu->crds->api->k.crd->api_version, cu->crds->api->k.crd->plural, cu->name);
	if (!body.failed && !path.failed && !send(cu, "PATCH", path.p, body.p))
		cu->last = true;
}

static void cleanup_turn(void *arg)
{
	struct cleanup *cu = arg;
	struct api *a = cu->crds->api;
	struct cache_obj *crd = cache_get(a->cache, a->k.crd->store, "", cu->name);

	if (cu->running || cu->last)
		return;
	if (!crd || !crd->deleting) {
		cleanup_free(cu);
		return;
	}
	if (cu->kind && cache_count(a->cache, cu->kind->store, NULL))
		cache_each(a->cache, cu->kind->store, NULL, NULL, NULL, delete_one, cu);
	else
		drop_finalizer(cu, crd);
}

static void on_object(void *arg, const struct cache_event *ev)
{
	struct cleanup *cu = arg;

	if (ev->type == CACHE_DELETED)
		loop_defer(cu->crds->api->loop, &cu->task, cleanup_turn, cu);
}

static struct cleanup *find_cleanup(struct crds *cs, const char *name)
{
	list_each(&cs->cleanups, it) {
		struct cleanup *cu = list_entry(it, struct cleanup, link);

		if (!strcmp(cu->name, name))
			return cu;
	}
	return NULL;
}

static void begin_cleanup(struct crds *cs, struct cache_obj *crd)
{
	yyjson_val *v = cache_tree(crd);
	const char *group = doc_str(v, "spec.group"), *plural = doc_str(v, "spec.names.plural");
	const struct kinds_kind *k = NULL;
	size_t n = strlen(crd->name), i, max;
	struct cleanup *cu;
	yyjson_val *it;

	yyjson_arr_foreach(doc_get(v, "spec.versions"), i, max, it)
		if (!k && group && plural && doc_str(it, "name"))
			k = kinds_by_resource(group, doc_str(it, "name"), plural);
	if ((k && !k->custom) || find_cleanup(cs, crd->name))
		return;
	cu = calloc(1, sizeof(*cu) + n + 1);
	if (!cu)
		return;
	memcpy(cu->name, crd->name, n + 1);
	cu->crds = cs;
	cu->kind = k ? kinds_ref(k) : NULL;
	list_add_tail(&cs->cleanups, &cu->link);
	cu->obs = k ? cache_observe(cs->api->cache, k->store, false, on_object, cu) : NULL;
	loop_defer(cs->api->loop, &cu->task, cleanup_turn, cu);
}

/* ---- the registry follows the cache ---- */

static void on_definition(void *arg, const struct cache_event *ev)
{
	struct crds *cs = arg;
	struct err e = { 0 };
	yyjson_val *v = cache_tree(ev->obj);

	if (ev->type == CACHE_DELETED) {
		struct cleanup *cu = find_cleanup(cs, ev->obj->name);

		kinds_custom_drop(ev->obj->name);
		if (cu)
			loop_defer(cs->api->loop, &cu->task, cleanup_turn, cu);
		return;
	}
	if (ev->type == CACHE_ADDED || !ev->old || !doc_equal(doc_get(v, "spec"), doc_get(cache_tree(ev->old), "spec")))
		if (kinds_custom_put(v, &e))
			log_warn("definition %s is not served: %s", ev->obj->name, e.msg);
	if (ev->obj->deleting)
		begin_cleanup(cs, ev->obj);
}

bool crd_ending(const struct call *c)
{
	const struct kinds_custom *more = kinds_custom_of(c->kind);
	struct cache_obj *o = more ? cache_get(c->api->cache, c->api->k.crd->store, "", more->name) : NULL;

	return more && (!o || o->deleting);
}

int crds_open(struct crds **ret, struct api *a)
{
	struct crds *cs = calloc(1, sizeof(*cs));

	if (!cs)
		return -ERR_NOMEM;
	cs->api = a;
	list_init(&cs->cleanups);
	cs->obs = cache_observe(a->cache, a->k.crd->store, true, on_definition, cs);
	if (!cs->obs) {
		free(cs);
		return -ERR_NOMEM;
	}
	*ret = cs;
	return 0;
}

void crds_close(struct crds *cs)
{
	if (!cs)
		return;
	list_each(&cs->cleanups, it)
		cleanup_free(list_entry(it, struct cleanup, link));
	cache_unobserve(cs->obs);
	kinds_custom_clear();
	free(cs);
}
