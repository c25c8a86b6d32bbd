/* SPDX-License-Identifier: Apache-2.0 */
/* endpoints_common - see endpoints.h. */
#include <stdlib.h>
#include <string.h>

#include "control/endpoints.h"

struct match { struct ctl *c; const struct labels *now, *old; };

static bool selects(yyjson_val *sel, const struct labels *l)
{
	yyjson_val *k, *v;
	size_t i, max;

	if (!yyjson_obj_size(sel) || !l)
		return false;
	yyjson_obj_foreach(sel, i, max, k, v) {
		const char *have = labels_get(l, yyjson_get_str(k));
		if (!have || !yyjson_equals_str(v, have))
			return false;
	}
	return true;
}

static bool enqueue_selecting(void *arg, struct cache_obj *svc)
{
	struct match *m = arg;
	yyjson_val *sel = doc_get(cache_tree(svc), "spec.selector");

	if (selects(sel, m->now) || selects(sel, m->old))
		ctl_enqueue(m->c, svc->ns, svc->name);
	return true;
}

void ep_pod_changed(struct ctl *c, const struct cache_event *ev)
{
	struct match m = { c, &ev->obj->labels, ev->old ? &ev->old->labels : NULL };

	cache_each(ctl_cache(c), "core/services", ev->obj->ns, NULL, NULL, enqueue_selecting, &m);
}

/* The number a Service port leads to on this pod; 0: the pod has no such port. */
static int resolve(yyjson_val *pod, yyjson_val *svc_port, const char *proto)
{
	yyjson_val *target = doc_get(svc_port, "targetPort"), *ctr, *p;
	size_t i, max, j, jmax;

	if (yyjson_is_int(target) && yyjson_get_int(target))
		return yyjson_get_int(target);
	if (!yyjson_is_str(target))
		return (int)doc_int(svc_port, "port", 0);
	yyjson_arr_foreach(doc_get(pod, "spec.containers"), i, max, ctr)
		yyjson_arr_foreach(doc_get(ctr, "ports"), j, jmax, p) {
			const char *name = doc_str(p, "name"), *pp = doc_str(p, "protocol");
			if (name && !strcmp(name, yyjson_get_str(target)) && !strcmp(pp ? pp : "TCP", proto))
				return (int)doc_int(p, "containerPort", 0);
		}
	return 0;
}

static bool resolve_ports(struct ep_service *s, struct ep *e, struct arena *a)
{
	yyjson_val *ports = doc_get(s->tree, "spec.ports"), *it;
	BUF_AUTO struct buf key = { 0 };
	size_t i, max;

	e->ports = arena_zalloc(a, (yyjson_arr_size(ports) + 1) * sizeof(*e->ports));
	if (!e->ports)
		return false;
	yyjson_arr_foreach(ports, i, max, it) {
		const char *name = doc_str(it, "name"), *proto = doc_str(it, "protocol");
		struct ep_port *p = &e->ports[e->port_count];
		*p = (struct ep_port){ name ? name : "", proto ? proto : "TCP", doc_str(it, "appProtocol"), 0 };
		p->port = resolve(cache_tree(e->pod), it, p->proto);
		if (!p->port)
			continue;
		buf_printf(&key, "%s/%s/%d,", p->name, p->proto, p->port);
		e->port_count++;
	}
	e->port_key = arena_strdup(a, key.p ? key.p : "");
	return e->port_key != NULL;
}

struct collect { struct ep_service *s; yyjson_val *sel; struct arena *a; size_t cap; bool failed; };

/* The first of each family. */
static void addresses_of(yyjson_val *pod, const char *ret[2])
{
	yyjson_val *list = doc_get(pod, "status.podIPs"), *it;
	const char *ip = doc_str(pod, "status.podIP");
	size_t i, max;

	yyjson_arr_foreach(list, i, max, it) {
		const char *s = doc_str(it, "ip");
		if (s && *s && !ret[strchr(s, ':') != NULL])
			ret[strchr(s, ':') != NULL] = s;
	}
	if (!yyjson_arr_size(list) && ip && *ip)
		ret[strchr(ip, ':') != NULL] = ip;
}

static bool collect(void *arg, struct cache_obj *pod)
{
	struct collect *x = arg;
	struct ep_service *s = x->s;

	if (!selects(x->sel, &pod->labels))
		return true;
	yyjson_val *t = cache_tree(pod);
	const char *ips[2] = { NULL, NULL };
	addresses_of(t, ips);
	if ((!ips[0] && !ips[1]) || pod_finished(t))
		return true;
	if (s->n == x->cap) {
		size_t cap = x->cap ? x->cap * 2 : 16;
		struct ep *v = arena_realloc(x->a, s->eps, x->cap * sizeof(*v), cap * sizeof(*v));
		if (!v) {
			x->failed = true;
			return false;
		}
		s->eps = v;
		x->cap = cap;
	}
	struct ep *e = &s->eps[s->n++];
	const char *host = doc_str(t, "spec.hostname"), *sub = doc_str(t, "spec.subdomain");
	bool ready = pod_ready(t);
	*e = (struct ep){ .pod = pod, .ips = { ips[0], ips[1] }, .hostname = host && sub && !strcmp(sub, s->obj->name) ? host : "",
		.serving = ready, .terminating = pod->deleting,
		.ready = s->publish_not_ready || (ready && !pod->deleting) };
	if (s->publish_not_ready)
		e->serving = true;
	x->failed = !resolve_ports(s, e, x->a);
	return !x->failed;
}

static int order(const void *pa, const void *pb)
{
	const struct ep *a = pa, *b = pb;
	int d = strcmp(a->port_key, b->port_key);

	return d ? d : strcmp(a->pod->name, b->pod->name);
}

static void families_of(struct ep_service *s, const char *ip)
{
	yyjson_val *list = doc_get(s->tree, "spec.ipFamilies"), *it;
	size_t i, max;

	yyjson_arr_foreach(list, i, max, it)
		if (s->families < 2)
			s->six[s->families++] = yyjson_equals_str(it, "IPv6");
	if (!s->families)
		s->six[s->families++] = ip && strchr(ip, ':');
}

bool ep_load(struct ctl *c, const char *ns, const char *name, struct ep_service *s, int *ret_rc)
{
	struct collect x = { .s = s, .a = ctl_arena(c) };

	*s = (struct ep_service){ .c = c, .obj = cache_get(ctl_cache(c), "core/services", ns, name) };
	*ret_rc = 0;
	if (!s->obj || s->obj->deleting)
		return false;
	s->tree = cache_tree(s->obj);
	const char *type = doc_str(s->tree, "spec.type"), *ip = doc_str(s->tree, "spec.clusterIP");
	x.sel = doc_get(s->tree, "spec.selector");
	if (!yyjson_obj_size(x.sel) || (type && !strcmp(type, "ExternalName")))
		return false;
	s->headless = ip && !strcmp(ip, "None");
	families_of(s, ip);
	s->publish_not_ready = doc_bool(s->tree, "spec.publishNotReadyAddresses", false);
	cache_each(ctl_cache(c), "core/pods", ns, NULL, NULL, collect, &x);
	if (x.failed) {
		*ret_rc = -ERR_NOMEM;
		return false;
	}
	if (s->n)
		qsort(s->eps, s->n, sizeof(*s->eps), order);
	return true;
}

yyjson_mut_val *ep_ports(yyjson_mut_doc *d, const struct ep *e, bool with_app)
{
	yyjson_mut_val *list = yyjson_mut_arr(d);

	for (unsigned i = 0; i < e->port_count; i++) {
		yyjson_mut_val *p = yyjson_mut_obj(d);
		doc_mset_str(d, p, "name", e->ports[i].name);
		doc_mset_int(d, p, "port", e->ports[i].port);
		doc_mset_str(d, p, "protocol", e->ports[i].proto);
		if (with_app && e->ports[i].app)
			doc_mset_str(d, p, "appProtocol", e->ports[i].app);
		yyjson_mut_arr_append(list, p);
	}
	return list;
}

yyjson_mut_val *ep_target(yyjson_mut_doc *d, const struct cache_obj *pod)
{
	yyjson_mut_val *t = yyjson_mut_obj(d);

	doc_mset_str(d, t, "kind", "Pod");
	doc_mset_str(d, t, "namespace", pod->ns);
	doc_mset_str(d, t, "name", pod->name);
	doc_mset_str(d, t, "uid", pod->uid);
	return t;
}
