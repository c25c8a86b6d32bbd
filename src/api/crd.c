/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crd - CustomResourceDefinitions: an established one is served from the moment its write
 * is in the cache. Its objects' watches end when its spec changes, as what they show would.
 * One that goes away takes its objects along first, and leaves its names to others.
 *
 *   served -> deleting: its objects are deleted -> none left: its finalizer -> gone
 *
 * Source: apiextensions pkg/apiserver/customresource_handler.go, pkg/controller/finalizer.
 */
#define LOG_MODULE "api"
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/crd.h"
#include "base/log.h"
#include "kinds/kinds_custom.h"

#define AT_ONCE  64u
#define RETRY_MS 1000

struct cleanup {
	struct list link;
	struct crds *crds;
	struct cache_observer *obs;
	struct loop_task task;
	struct loop_timer again;           /* after a failure */
	const struct kinds_kind *kind;     /* a reference; NULL: it was never established */
	unsigned running;
	bool last;                         /* the finalizer is being dropped */
	bool failed;                       /* something of this turn did */
	char name[];
};

struct crds {
	struct api *api;
	struct cache_observer *obs;
	struct list cleanups;
	struct list holds;                 /* crd_names.c */
	struct map waiting;                /* definitions whose names others have: name -> crds */
};

/* ---- the end of a definition ---- */

static void cleanup_free(struct cleanup *cu)
{
	loop_defer_cancel(cu->crds->api->loop, &cu->task);
	loop_timer_stop(&cu->again);
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
	if (status >= 300 && status != 404 && status != 409) {
		log_error("definition %s: %s: %d; trying again", cu->name,
			cu->last ? "its finalizer stays" : "an object stays", status);
		cu->failed = true;
	}
	cu->last = false;
	if (!cu->failed)
		loop_defer(cu->crds->api->loop, &cu->task, cleanup_turn, cu);
	else if (!cu->running)
		loop_timer_set(&cu->again, RETRY_MS);
}

static const char *const itself_groups[] = { "system:masters", NULL };
static const struct user itself = { .name = "system:apiserver", .groups = itself_groups };

static int send(struct cleanup *cu, const char *method, const char *path, const char *body)
{
	struct api_call q = { .method = method, .path = path, .body = body, .body_len = body ? strlen(body) : 0,
		.user = &itself, .content_type = body ? "application/merge-patch+json" : NULL };
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

		if (!s || !strcmp(s, CRD_FINALIZER))
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

static bool has_finalizer(struct cache_obj *crd)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(cache_tree(crd), "metadata.finalizers"), i, max, it)
		if (yyjson_equals_str(it, CRD_FINALIZER))
			return true;
	return false;
}

static void cleanup_turn(void *arg)
{
	struct cleanup *cu = arg;
	struct api *a = cu->crds->api;
	struct cache_obj *crd = cache_get(a->cache, a->k.crd->store, "", cu->name);

	if (cu->running || cu->last)
		return;
	cu->failed = false;
	if (!crd || !crd->deleting || !has_finalizer(crd)) {
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
	BUF_AUTO struct buf store = { 0 };
	const struct kinds_kind *k;
	size_t n = strlen(crd->name);
	struct cleanup *cu;

	if (find_cleanup(cs, crd->name))
		return;
	buf_printf(&store, "%s/%s", group ? group : "", plural ? plural : "");
	k = store.failed ? NULL : kinds_by_store(store.p);
	if (k && (!k->custom || strcmp(kinds_custom_of(k)->name, crd->name)))
		k = NULL;      /* the names are another's: nothing of its own was ever stored */
	cu = calloc(1, sizeof(*cu) + n + 1);
	if (!cu)
		return;
	memcpy(cu->name, crd->name, n + 1);
	cu->crds = cs;
	cu->kind = k ? kinds_ref(k) : NULL;
	list_add_tail(&cs->cleanups, &cu->link);
	loop_timer_init(&cu->again, cs->api->loop, cleanup_turn, cu);
	cu->obs = k ? cache_observe(cs->api->cache, k->store, false, on_object, cu) : NULL;
	loop_defer(cs->api->loop, &cu->task, cleanup_turn, cu);
}

/* ---- the registry follows the cache ---- */

static const char *condition(yyjson_val *crd, const char *type)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach(doc_get(crd, "status.conditions"), i, n, v)
		if (yyjson_equals_str(yyjson_obj_get(v, "type"), type))
			return doc_str(v, "status") ? doc_str(v, "status") : "";
	return "";
}

/* Those who watch objects of a definition begin again, with what it is now. */
static void end_watches(struct crds *cs, const char *name)
{
	list_each(&cs->api->calls, it) {
		struct call *c = list_entry(it, struct call, link);

		if (c->kind_ref && c->drain && !strcmp(kinds_custom_of(c->kind_ref)->name, name))
			c->drain(c);
	}
}

static void poked(void *arg, int status, const struct blob *body)
{
	if (status >= 300 && status != 404 && status != 409)
		log_warn("a definition that waits for its names was not looked at again: %d", status);
}

/* Names are free again: who waits for names of that group is written once more, which gives
 * them out. gone: "plural.group". */
static void poke_waiting(struct crds *cs, const char *gone)
{
	const char *group = strchr(gone, '.');
	const char *name;
	void *v;

	for (size_t it = 0; map_next(&cs->waiting, &it, &name, &v);) {
		BUF_AUTO struct buf path = { 0 };
		struct api_call q = { .method = "PATCH", .body = "{}", .body_len = 2, .user = &itself,
			.content_type = "application/merge-patch+json" };
		const char *of = strchr(name, '.');

		if (group && of && strcmp(group, of))
			continue;
		buf_printf(&path, "/apis/%s/%s/%s", cs->api->k.crd->api_version, cs->api->k.crd->plural, name);
		q.path = path.p;
		if (path.failed || api_call_trusted(cs->api, &q, poked, cs))
			log_warn("definition %s waits for its names and was not looked at again", name);
	}
}

static void note_waiting(struct crds *cs, const char *name, bool waits)
{
	if (!waits)
		map_del(&cs->waiting, name);
	else if (map_put(&cs->waiting, name, cs, NULL))
		log_warn("definition %s waits for its names: no memory to remember that", name);
}

static void serve(struct crds *cs, const struct cache_event *ev, yyjson_val *v)
{
	yyjson_val *was = ev->type == CACHE_MODIFIED && ev->old ? cache_tree(ev->old) : NULL;
	bool changed = !was || !doc_equal(doc_get(v, "spec"), doc_get(was, "spec"));
	struct err e = { 0 };
	int64_t rev = kinds_custom_changed_rev(ev->obj->name);

	if (!changed && !strcmp(condition(was, "Established"), "True") &&
	    doc_equal(doc_get(v, "status.acceptedNames"), doc_get(was, "status.acceptedNames")))
		return;
	/* What was read at the start may have been changed at any time until its last write. */
	if (changed && (was || ev->obj->rev != ev->obj->create_rev))
		rev = ev->obj->rev;
	if (kinds_custom_put(v, rev, &e))
		log_warn("definition %s is not served: %s", ev->obj->name, e.msg);
	if (was && changed)
		end_watches(cs, ev->obj->name);
}

static void on_definition(void *arg, const struct cache_event *ev)
{
	struct crds *cs = arg;
	yyjson_val *v = cache_tree(ev->obj);

	if (ev->type == CACHE_DELETED) {
		struct cleanup *cu = find_cleanup(cs, ev->obj->name);

		kinds_custom_drop(ev->obj->name);
		end_watches(cs, ev->obj->name);
		note_waiting(cs, ev->obj->name, false);
		poke_waiting(cs, ev->obj->name);
		if (cu)
			loop_defer(cs->api->loop, &cu->task, cleanup_turn, cu);
		return;
	}
	note_waiting(cs, ev->obj->name, strcmp(condition(v, "NamesAccepted"), "True") != 0);
	if (!strcmp(condition(v, "Established"), "True"))
		serve(cs, ev, v);
	if (ev->obj->deleting)
		begin_cleanup(cs, ev->obj);
}

enum step crd_serve(struct call *c)
{
	const struct kinds_custom *more = kinds_custom_of(c->kind);

	if (more->warning)
		call_warn(c, more->warning);
	if (more->converts && kinds_custom_stored(c->kind) != c->kind)
		return fail_status(c, 500, "InternalError", NULL, 0, "conversion webhook for %s, Kind=%s failed: webhooks are not "
			"called by this release; use %s, in which the objects are stored", c->kind->api_version, c->kind->kind,
			kinds_custom_stored(c->kind)->api_version);
	return STEP_NEXT;
}

bool crd_ending(const struct call *c)
{
	const struct kinds_custom *more = kinds_custom_of(c->kind);
	struct cache_obj *o = more ? cache_get(c->api->cache, c->api->k.crd->store, "", more->name) : NULL;

	return more && (!o || o->deleting);
}

struct list *crds_holds(struct api *a) { return &a->crds->holds; }

int crds_open(struct crds **ret, struct api *a)
{
	struct crds *cs = calloc(1, sizeof(*cs));

	if (!cs)
		return -ERR_NOMEM;
	cs->api = a;
	list_init(&cs->cleanups);
	list_init(&cs->holds);
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
	crd_holds_finish(cs->api);
	cache_unobserve(cs->obs);
	map_finish(&cs->waiting);
	kinds_custom_clear();
	free(cs);
}
