/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint_mirror - Endpoints that somebody wrote for a Service without a selector, as
 * EndpointSlices, which are all that nodes read. The slices are owned by the Endpoints and go
 * with them; they go as well when the Service goes, or chooses its pods itself. Of subsets
 * that would need more than SLICES_MAX slices the first are mirrored; upstream has no such bound.
 * Source: kubernetes pkg/controller/endpointslicemirroring.
 */
#include <string.h>

#include "control/controllers.h"

#define SLICE_MAX  100u
#define SUBSET_MAX 1000u               /* addresses of a family that are mirrored */
#define SLICES_MAX 100u                /* of one Endpoints: each is compared with those there are */
#define SLICES "discovery.k8s.io/endpointslices"
#define SERVICE_LABEL "kubernetes.io/service-name"
#define MANAGED_LABEL "endpointslice.kubernetes.io/managed-by"
#define MANAGED_BY    "endpointslicemirroring-controller.k8s.io"

struct have { struct cache_obj *obj; bool used; struct have *next; };
struct mirror {
	struct ctl *c;
	struct cache_obj *src;
	yyjson_val *tree;
	struct have *have;             /* slices that there are */
	unsigned slices;               /* that there shall be */
	bool failed;
};

static void slice_changed(struct ctl *c, const struct cache_event *ev)
{
	const char *svc = labels_get(&ev->obj->labels, SERVICE_LABEL), *by = labels_get(&ev->obj->labels, MANAGED_LABEL);

	if (svc && by && !strcmp(by, MANAGED_BY))
		ctl_enqueue(c, ev->obj->ns, svc);
}

static bool load_slice(void *arg, struct cache_obj *o)
{
	struct mirror *m = arg;
	const char *by = labels_get(&o->labels, MANAGED_LABEL);
	struct have *h;

	if (strcmp(o->store, SLICES) || o->deleting || !by || strcmp(by, MANAGED_BY))
		return true;
	h = arena_zalloc(ctl_arena(m->c), sizeof(*h));
	if (!h) {
		m->failed = true;
		return false;
	}
	*h = (struct have){ o, false, m->have };
	m->have = h;
	return true;
}

static bool is_mirrored(struct mirror *m)
{
	struct cache_obj *svc = cache_get(ctl_cache(m->c), "core/services", m->src->ns, m->src->name);
	const char *skip = labels_get(&m->src->labels, "endpointslice.kubernetes.io/skip-mirror");

	return svc && !svc->deleting && !yyjson_obj_size(doc_get(cache_tree(svc), "spec.selector")) &&
		!(skip && !strcmp(skip, "true")) &&
		!yyjson_obj_get(doc_get(m->tree, "metadata.annotations"), "control-plane.alpha.kubernetes.io/leader");
}

/* ---- one slice ---- */

static void copy_notes(struct mirror *m, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	yyjson_val *k, *v;
	size_t i, max;

	yyjson_obj_foreach(doc_get(m->tree, "metadata.labels"), i, max, k, v)
		doc_mset_key(d, o, "metadata.labels", yyjson_get_str(k), yyjson_get_str(v));
	doc_mset_key(d, o, "metadata.labels", SERVICE_LABEL, m->src->name);
	doc_mset_key(d, o, "metadata.labels", MANAGED_LABEL, MANAGED_BY);
	yyjson_obj_foreach(doc_get(m->tree, "metadata.annotations"), i, max, k, v)
		if (!yyjson_equals_str(k, "endpoints.kubernetes.io/last-change-trigger-time") &&
		    !yyjson_equals_str(k, "kubectl.kubernetes.io/last-applied-configuration"))
			doc_mset_key(d, o, "metadata.annotations", yyjson_get_str(k), yyjson_get_str(v));
}

static bool same(yyjson_val *a, yyjson_val *b, const char *path)
{
	return doc_equal(doc_get(a, path), doc_get(b, path));
}

/* A slice there is that says this already, or one of the same ports; NULL: a new one. */
static struct have *match(struct mirror *m, yyjson_val *want)
{
	struct have *close = NULL;

	for (struct have *h = m->have; h; h = h->next) {
		yyjson_val *t = cache_tree(h->obj);
		if (h->used || !same(t, want, "addressType") || !same(t, want, "ports"))
			continue;
		if (same(t, want, "endpoints"))
			return h;
		close = h;
	}
	return close;
}

static void put_slice(struct mirror *m, bool v6, yyjson_mut_val *endpoints, yyjson_mut_val *ports)
{
	const struct kinds_kind *k = ctl_kind("discovery.k8s.io", "endpointslices");
	yyjson_mut_doc *d = ctl_doc(m->c);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	char prefix[260];

	if (m->slices == SLICES_MAX)
		return;
	m->slices++;
	doc_mset_str(d, o, "kind", "EndpointSlice");
	doc_mset_str(d, o, "apiVersion", "discovery.k8s.io/v1");
	doc_mset_str(d, o, "addressType", v6 ? "IPv6" : "IPv4");
	doc_mset_str(d, o, "metadata.namespace", m->src->ns);
	copy_notes(m, d, o);
	doc_mset(d, o, "endpoints", endpoints);
	doc_mset(d, o, "ports", ports);
	yyjson_val *want = doc_freeze(ctl_arena(m->c), o);
	struct have *h = match(m, want);
	if (!h) {
		snprintf(prefix, sizeof(prefix), "%s-", m->src->name);
		doc_mset_str(d, o, "metadata.generateName", prefix);
		ctl_set_owner(d, doc_mobj(d, o, "metadata"), m->src, ctl_kind("", "endpoints"));
		ctl_create(m->c, k, m->src->ns, o, false);
		return;
	}
	h->used = true;
	yyjson_val *t = cache_tree(h->obj);
	if (same(t, want, "endpoints") && same(t, want, "metadata.labels") && same(t, want, "metadata.annotations"))
		return;
	yyjson_mut_val *now = yyjson_val_mut_copy(d, t);
	doc_mdel(now, "metadata.labels");
	doc_mdel(now, "metadata.annotations");
	copy_notes(m, d, now);
	doc_mset(d, now, "endpoints", yyjson_mut_val_mut_copy(d, endpoints));
	ctl_update(m->c, k, h->obj->ns, h->obj->name, NULL, now);
}

/* ---- a subset ---- */

static yyjson_mut_val *endpoint_of(yyjson_mut_doc *d, yyjson_val *address, bool ready)
{
	static const char *const copied[] = { "hostname", "targetRef", "nodeName" };
	yyjson_mut_val *e = yyjson_mut_obj(d);

	yyjson_mut_arr_add_strcpy(d, doc_marr(d, e, "addresses"), doc_str(address, "ip"));
	doc_mset_bool(d, e, "conditions.ready", ready);
	for (size_t i = 0; i < sizeof(copied) / sizeof(*copied); i++)
		if (yyjson_obj_get(address, copied[i]))
			doc_mset(d, e, copied[i], yyjson_val_mut_copy(d, yyjson_obj_get(address, copied[i])));
	return e;
}

/* As a slice says them: with what was left out. */
static yyjson_mut_val *ports_of(yyjson_mut_doc *d, yyjson_val *subset)
{
	yyjson_mut_val *list = yyjson_mut_arr(d);
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(yyjson_obj_get(subset, "ports"), i, max, it) {
		const char *name = doc_str(it, "name"), *proto = doc_str(it, "protocol"), *app = doc_str(it, "appProtocol");
		yyjson_mut_val *p = yyjson_mut_obj(d);
		doc_mset_str(d, p, "name", name ? name : "");
		doc_mset_str(d, p, "protocol", proto ? proto : "TCP");
		doc_mset_int(d, p, "port", doc_int(it, "port", 0));
		if (app)
			doc_mset_str(d, p, "appProtocol", app);
		yyjson_mut_arr_append(list, p);
	}
	return list;
}

static void mirror_subset(struct mirror *m, yyjson_val *subset, bool v6)
{
	static const char *const lists[] = { "addresses", "notReadyAddresses" };
	yyjson_mut_doc *d = ctl_doc(m->c);
	yyjson_mut_val *out = yyjson_mut_arr(d);
	unsigned told = 0;
	yyjson_val *it;
	size_t i, max;

	for (size_t l = 0; l < 2; l++) {
		yyjson_arr_foreach(yyjson_obj_get(subset, lists[l]), i, max, it) {
			const char *ip = doc_str(it, "ip");
			if (!ip || (strchr(ip, ':') != NULL) != v6 || told == SUBSET_MAX)
				continue;
			told++;
			yyjson_mut_arr_append(out, endpoint_of(d, it, l == 0));
			if (yyjson_mut_arr_size(out) == SLICE_MAX) {
				put_slice(m, v6, out, ports_of(d, subset));
				out = yyjson_mut_arr(d);
			}
		}
	}
	if (yyjson_mut_arr_size(out))
		put_slice(m, v6, out, ports_of(d, subset));
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct mirror m = { .c = c, .src = cache_get(ctl_cache(c), "core/endpoints", ns, name) };
	yyjson_val *it;
	size_t i, max;

	if (!m.src || m.src->deleting)
		return 0;                      /* slices of Endpoints that are gone fall to the collector */
	m.tree = cache_tree(m.src);
	cache_each_owned(ctl_cache(c), m.src->uid, load_slice, &m);
	if (m.failed)
		return -ERR_NOMEM;
	if (is_mirrored(&m))
		yyjson_arr_foreach(yyjson_obj_get(m.tree, "subsets"), i, max, it) {
			if (m.slices == SLICES_MAX)
				break;
			mirror_subset(&m, it, false);
			mirror_subset(&m, it, true);
		}
	for (struct have *h = m.have; h; h = h->next)
		if (!h->used)
			ctl_delete(c, ctl_kind("discovery.k8s.io", "endpointslices"), ns, h->obj->name, h->obj->uid, NULL, -1);
	return 0;
}

static const struct ctl_watch watches[] = {
	{ "core/endpoints", ctl_map_self },
	{ "core/services", ctl_map_self },
	{ SLICES, slice_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_endpoint_mirror = { .name = "endpointslicemirroring-controller", .watches = watches, .reconcile = reconcile };
