/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpointslice - a Service's pods, at most SLICE_MAX in an object, a set of objects for each of its families. An
 * endpoint stays in its slice as long as it lives, so that a change of one pod rewrites one slice.
 */
#include <string.h>

#include "control/controllers.h"
#include "control/endpoints.h"

#define SLICE_MAX 100u
#define SLICES "discovery.k8s.io/endpointslices"
#define SERVICE_LABEL "kubernetes.io/service-name"
#define MANAGED_LABEL "endpointslice.kubernetes.io/managed-by"
#define MANAGED_BY    "endpointslice-controller.k8s.io"

struct slice {
	struct cache_obj *obj;         /* NULL: to be made */
	const char *port_key;
	struct ep **eps;               /* SLICE_MAX places */
	unsigned n;
	struct slice *next;
};
/* Those of one family. */
struct slices {
	struct ep_service *s;
	struct arena *a;
	struct slice *first, **last;
	bool *placed;                  /* by index in s->eps */
	bool six;                      /* of IPv6 */
	bool failed;
};

static void slice_changed(struct ctl *c, const struct cache_event *ev)
{
	const char *svc = labels_get(&ev->obj->labels, SERVICE_LABEL), *by = labels_get(&ev->obj->labels, MANAGED_LABEL);

	if (svc && by && !strcmp(by, MANAGED_BY))
		ctl_enqueue(c, ev->obj->ns, svc);
}

static struct slice *slice_add(struct slices *x, struct cache_obj *obj, const char *port_key)
{
	struct slice *v = arena_zalloc(x->a, sizeof(*v));

	if (v)
		v->eps = arena_zalloc(x->a, SLICE_MAX * sizeof(*v->eps));
	if (!v || !v->eps) {
		x->failed = true;
		return NULL;
	}
	v->obj = obj;
	v->port_key = port_key;
	*x->last = v;
	x->last = &v->next;
	return v;
}

static const char *key_of_slice(struct slices *x, yyjson_val *tree)
{
	BUF_AUTO struct buf key = { 0 };
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(tree, "ports"), i, max, it) {
		const char *name = doc_str(it, "name"), *proto = doc_str(it, "protocol");
		buf_printf(&key, "%s/%s/%d,", name ? name : "", proto ? proto : "TCP", (int)doc_int(it, "port", 0));
	}
	return arena_strdup(x->a, key.p ? key.p : "");
}

static long find(const struct slices *x, const char *port_key, const char *uid)
{
	const struct ep_service *s = x->s;

	for (size_t i = 0; i < s->n; i++)
		if (s->eps[i].ips[x->six] && !strcmp(s->eps[i].pod->uid, uid) && !strcmp(s->eps[i].port_key, port_key))
			return (long)i;
	return -1;
}

static bool is_ours(struct cache_obj *o)
{
	const char *by = labels_get(&o->labels, MANAGED_LABEL);

	return !strcmp(o->store, SLICES) && !o->deleting && by && !strcmp(by, MANAGED_BY);
}

static bool is_six(struct cache_obj *o)
{
	const char *type = doc_str(cache_tree(o), "addressType");

	return type && !strcmp(type, "IPv6");
}

/* An existing slice keeps those of its endpoints that still are. */
static bool load_slice(void *arg, struct cache_obj *o)
{
	struct slices *x = arg;
	yyjson_val *it;
	size_t i, max;

	if (!is_ours(o) || is_six(o) != x->six)
		return true;
	yyjson_val *tree = cache_tree(o);
	struct slice *v = slice_add(x, o, key_of_slice(x, tree));
	if (!v || !v->port_key) {
		x->failed = true;
		return false;
	}
	yyjson_arr_foreach(doc_get(tree, "endpoints"), i, max, it) {
		const char *uid = doc_str(it, "targetRef.uid");
		long at = uid ? find(x, v->port_key, uid) : -1;
		if (at >= 0 && !x->placed[at] && v->n < SLICE_MAX) {
			v->eps[v->n++] = &x->s->eps[at];
			x->placed[at] = true;
		}
	}
	return true;
}

static void place_rest(struct slices *x)
{
	for (size_t i = 0; i < x->s->n && !x->failed; i++) {
		struct ep *e = &x->s->eps[i];
		struct slice *v = x->first;
		if (x->placed[i] || !e->ips[x->six])
			continue;
		while (v && (v->n == SLICE_MAX || strcmp(v->port_key, e->port_key)))
			v = v->next;
		if (!v)
			v = slice_add(x, NULL, e->port_key);
		if (v)
			v->eps[v->n++] = e;
	}
}

static void add_hint(yyjson_mut_doc *d, yyjson_mut_val *o, const char *path, const char *name)
{
	yyjson_mut_val *place = yyjson_mut_arr_add_obj(d, doc_marr(d, o, path));

	doc_mset_str(d, place, "name", name);
}

/* From where a ready endpoint is best used, as the Service would have it. A zone is said in any
 * case, so that nodes without an endpoint of their own stay in it.
 * Source: k8s.io/endpointslice/trafficdist/trafficdist.go. */
static void add_hints(struct slices *x, yyjson_mut_doc *d, yyjson_mut_val *o, const struct ep *e, const char *zone)
{
	const char *how = doc_str(x->s->tree, "spec.trafficDistribution");
	bool node = how && !strcmp(how, "PreferSameNode");

	if (!how || !e->ready || !(node || !strcmp(how, "PreferSameZone") || !strcmp(how, "PreferClose")))
		return;
	if (zone)
		add_hint(d, o, "hints.forZones", zone);
	if (node && *e->pod->node)
		add_hint(d, o, "hints.forNodes", e->pod->node);
}

static yyjson_mut_val *endpoint(struct slices *x, yyjson_mut_doc *d, const struct ep *e)
{
	yyjson_mut_val *o = yyjson_mut_obj(d);
	struct cache_obj *node = *e->pod->node ? cache_get(ctl_cache(x->s->c), "core/nodes", "", e->pod->node) : NULL;
	const char *zone = node ? labels_get(&node->labels, "topology.kubernetes.io/zone") : NULL;

	yyjson_mut_arr_add_strcpy(d, doc_marr(d, o, "addresses"), e->ips[x->six]);
	doc_mset_bool(d, o, "conditions.ready", e->ready);
	doc_mset_bool(d, o, "conditions.serving", e->serving);
	doc_mset_bool(d, o, "conditions.terminating", e->terminating);
	if (*e->hostname)
		doc_mset_str(d, o, "hostname", e->hostname);
	doc_mset(d, o, "targetRef", ep_target(d, e->pod));
	if (*e->pod->node)
		doc_mset_str(d, o, "nodeName", e->pod->node);
	if (zone)
		doc_mset_str(d, o, "zone", zone);
	add_hints(x, d, o, e, zone);
	return o;
}

static void set_labels(struct ep_service *s, yyjson_mut_doc *d, yyjson_mut_val *o)
{
	yyjson_val *k, *v;
	size_t i, max;

	doc_mdel(o, "metadata.labels");
	yyjson_obj_foreach(doc_get(s->tree, "metadata.labels"), i, max, k, v)
		doc_mset_key(d, o, "metadata.labels", yyjson_get_str(k), yyjson_get_str(v));
	doc_mset_key(d, o, "metadata.labels", SERVICE_LABEL, s->obj->name);
	doc_mset_key(d, o, "metadata.labels", MANAGED_LABEL, MANAGED_BY);
	if (s->headless)
		doc_mset_key(d, o, "metadata.labels", "service.kubernetes.io/headless", "");
}

static void write_slice(struct slices *x, struct slice *v)
{
	struct ep_service *s = x->s;
	yyjson_mut_doc *d = ctl_doc(s->c);
	const struct kinds_kind *k = ctl_kind("discovery.k8s.io", "endpointslices");
	yyjson_mut_val *o = v->obj ? yyjson_val_mut_copy(d, cache_tree(v->obj)) : yyjson_mut_obj(d);
	yyjson_mut_val *list = yyjson_mut_arr(d);

	for (unsigned i = 0; i < v->n; i++)
		yyjson_mut_arr_append(list, endpoint(x, d, v->eps[i]));
	set_labels(s, d, o);
	doc_mset(d, o, "endpoints", list);
	if (v->n)
		doc_mset(d, o, "ports", ep_ports(d, v->eps[0], true));
	if (v->obj) {
		yyjson_val *was = cache_tree(v->obj);
		yyjson_val *now = doc_freeze(x->a, o);
		if (!doc_equal(doc_get(was, "endpoints"), doc_get(now, "endpoints")) ||
		    !doc_equal(doc_get(was, "metadata.labels"), doc_get(now, "metadata.labels")))
			ctl_update(s->c, k, s->obj->ns, v->obj->name, NULL, o);
		return;
	}
	char prefix[270];
	snprintf(prefix, sizeof(prefix), "%s-", s->obj->name);
	doc_mset_str(d, o, "kind", "EndpointSlice");
	doc_mset_str(d, o, "apiVersion", "discovery.k8s.io/v1");
	doc_mset_str(d, o, "metadata.generateName", prefix);
	doc_mset_str(d, o, "metadata.namespace", s->obj->ns);
	doc_mset_str(d, o, "addressType", x->six ? "IPv6" : "IPv4");
	ctl_set_owner(d, doc_mobj(d, o, "metadata"), s->obj, ctl_kind("", "services"));
	ctl_create(s->c, k, s->obj->ns, o, false);
}

static void remove_slice(struct ep_service *s, struct cache_obj *o)
{
	ctl_delete(s->c, ctl_kind("discovery.k8s.io", "endpointslices"), o->ns, o->name, o->uid, NULL, -1);
}

/* Of a family that the Service has no more. */
static bool remove_other(void *arg, struct cache_obj *o)
{
	struct ep_service *s = arg;

	if (is_ours(o) && s->families == 1 && is_six(o) != s->six[0])
		remove_slice(s, o);
	return true;
}

static int write_family(struct ep_service *s, bool six)
{
	struct slices x = { .s = s, .a = ctl_arena(s->c), .last = &x.first, .six = six };
	bool any = false;

	x.placed = arena_zalloc(x.a, s->n + 1);
	if (!x.placed)
		return -ERR_NOMEM;
	cache_each_owned(ctl_cache(s->c), s->obj->uid, load_slice, &x);
	place_rest(&x);
	if (!x.first)
		slice_add(&x, NULL, "");       /* none is said by an empty slice */
	if (x.failed)
		return -ERR_NOMEM;
	for (struct slice *v = x.first; v; v = v->next)
		any |= v->n > 0;
	for (struct slice *v = x.first; v; v = v->next) {
		if (v->n || !v->obj || (!any && v == x.first))
			write_slice(&x, v);
		else
			remove_slice(s, v->obj);
	}
	return 0;
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct ep_service s;
	int rc;

	if (!ep_load(c, ns, name, &s, &rc))
		return rc;             /* slices of a Service that is gone fall to the collector */
	for (unsigned i = 0; i < s.families && !rc; i++)
		rc = write_family(&s, s.six[i]);
	if (!rc)
		cache_each_owned(ctl_cache(c), s.obj->uid, remove_other, &s);
	return rc;
}

static const struct ctl_watch watches[] = {
	{ "core/services", ctl_map_self },
	{ "core/pods", ep_pod_changed },
	{ SLICES, slice_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_endpointslice = { .name = "endpointslice-controller", .watches = watches, .reconcile = reconcile };
