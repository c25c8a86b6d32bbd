/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_endpoints - behind the kubernetes Service are the servers whose Leases are there
 * (identity.c): one subset of Endpoints for each port, one EndpointSlice for each port and
 * family. Runs on every server: what is to be is a function of the Leases alone, so they agree.
 *
 * Servers that only their own machine reaches are left out, and while there has never been
 * another, nothing is written.
 * Source: kubernetes pkg/controlplane/reconcilers/{lease,endpointsadapter}.go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client/client.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define SLICES      "discovery.k8s.io/endpointslices"
#define MANAGED_BY  "endpointslice.kubernetes.io/managed-by"
#define US          "apiserver-endpoints.sampan"
#define NAME        "kubernetes"
#define SERVERS_MAX 64

struct server { int family; unsigned port; char ip[46]; };
struct servers { struct server v[SERVERS_MAX]; size_t n; bool ours; };

/* "10.0.0.1:6443" or "[fd00::1]:6443". */
static bool parse(const char *s, struct server *ret)
{
	const char *colon = s ? strrchr(s, ':') : NULL;
	size_t n = colon ? (size_t)(colon - s) : 0;
	uint8_t addr[16];

	memset(ret, 0, sizeof(*ret));
	if (n > 2 && *s == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
	}
	if (!n || n >= sizeof(ret->ip))
		return false;
	memcpy(ret->ip, s, n);
	ret->port = (unsigned)strtoul(colon + 1, NULL, 10);
	if (!ret->port || ret->port > 65535 || text_parse_ip(ret->ip, &ret->family, addr))
		return false;
	text_ip(ret->ip, ret->family, addr);
	return strncmp(ret->ip, "127.", 4) != 0 && strcmp(ret->ip, "::1") != 0;
}

static bool add_server(void *arg, struct cache_obj *lease)
{
	struct servers *s = arg;

	if (!ctl_is_server_lease(lease) || s->n == SERVERS_MAX)
		return true;
	s->ours |= !strcmp(lease->name, ctl_server_lease());
	if (parse(ctl_server_address(lease), &s->v[s->n]))
		s->n++;
	return true;
}

static int by_port(const void *a, const void *b)
{
	const struct server *x = a, *y = b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return x->family != y->family ? x->family - y->family : strcmp(x->ip, y->ip);
}

static yyjson_mut_val *add_port(yyjson_mut_doc *d, yyjson_mut_val *o, unsigned port)
{
	yyjson_mut_val *p = yyjson_mut_arr_add_obj(d, doc_marr(d, o, "ports"));

	doc_mset_str(d, p, "name", "https");
	doc_mset_int(d, p, "port", port);
	doc_mset_str(d, p, "protocol", "TCP");
	return p;
}

/* Written as it is to be, where it is not: only over the revision seen. */
static void apply(struct ctl *c, const struct kinds_kind *k, const char *name, yyjson_mut_val *o, const char *member)
{
	struct cache_obj *have = cache_get(ctl_cache(c), k->store, "default", name);
	yyjson_val *was = have ? cache_tree(have) : NULL, *now = doc_freeze(ctl_arena(c), o);
	BUF_AUTO struct buf path = { 0 };
	char rev[24];

	if (have && doc_equal(doc_get(was, member), doc_get(now, member)) && doc_equal(doc_get(was, "ports"), doc_get(now, "ports")))
		return;
	if (have) {
		snprintf(rev, sizeof(rev), "%lld", (long long)have->rev);
		doc_mset_str(ctl_doc(c), o, "metadata.resourceVersion", rev);
	}
	client_path(&path, k, "default", name, NULL);
	ctl_call(c, "PATCH", path.p, "fieldManager=sampan&force=true", "application/apply-patch+yaml", o);
}

static void write_endpoints(struct ctl *c, const struct servers *s)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *o = yyjson_mut_obj(d), *subsets, *subset = NULL, *a;

	doc_mset_str(d, o, "kind", "Endpoints");
	doc_mset_str(d, o, "apiVersion", "v1");
	doc_mset_str(d, o, "metadata.name", NAME);
	doc_mset_key(d, o, "metadata.labels", "endpointslice.kubernetes.io/skip-mirror", "true");
	subsets = doc_marr(d, o, "subsets");
	for (size_t i = 0; i < s->n; i++) {
		if (!i || s->v[i].port != s->v[i - 1].port) {
			subset = yyjson_mut_arr_add_obj(d, subsets);
			add_port(d, subset, s->v[i].port);
		}
		a = yyjson_mut_arr_add_obj(d, doc_marr(d, subset, "addresses"));
		doc_mset_str(d, a, "ip", s->v[i].ip);
	}
	apply(c, ctl_kind("", "endpoints"), NAME, o, "subsets");
}

/* The slice that begins with server i: the first one is named as upstream's. */
static void slice_name(const struct servers *s, size_t i, char ret[64])
{
	if (i)
		snprintf(ret, 64, NAME "-%u-ipv%d", s->v[i].port, s->v[i].family);
	else
		snprintf(ret, 64, NAME);
}

static bool begins_slice(const struct servers *s, size_t i)
{
	return !i || s->v[i].port != s->v[i - 1].port || s->v[i].family != s->v[i - 1].family;
}

static void write_slice(struct ctl *c, const struct servers *s, size_t i)
{
	const struct kinds_kind *k = ctl_kind("discovery.k8s.io", "endpointslices");
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *o = yyjson_mut_obj(d), *e, *endpoints;
	const char *type = s->v[i].family == 6 ? "IPv6" : "IPv4", *was;
	struct cache_obj *have;
	char name[64];

	slice_name(s, i, name);
	have = cache_get(ctl_cache(c), SLICES, "default", name);
	was = have ? doc_str(cache_tree(have), "addressType") : NULL;
	if (was && strcmp(was, type) != 0) {       /* never changes: made anew when it is gone */
		ctl_delete(c, k, "default", name, have->uid, NULL, -1);
		return;
	}
	doc_mset_str(d, o, "kind", "EndpointSlice");
	doc_mset_str(d, o, "apiVersion", "discovery.k8s.io/v1");
	doc_mset_str(d, o, "metadata.name", name);
	doc_mset_key(d, o, "metadata.labels", "kubernetes.io/service-name", NAME);
	doc_mset_key(d, o, "metadata.labels", MANAGED_BY, US);
	doc_mset_str(d, o, "addressType", type);
	endpoints = doc_marr(d, o, "endpoints");
	add_port(d, o, s->v[i].port);
	do {
		e = yyjson_mut_arr_add_obj(d, endpoints);
		yyjson_mut_arr_add_str(d, doc_marr(d, e, "addresses"), s->v[i].ip);
		doc_mset_bool(d, e, "conditions.ready", true);
	} while (++i < s->n && !begins_slice(s, i));
	apply(c, k, name, o, "endpoints");
}

struct sweep { struct ctl *c; const struct servers *s; };

static bool remove_other(void *arg, struct cache_obj *o)
{
	const struct sweep *w = arg;
	const char *by = labels_get(&o->labels, MANAGED_BY);
	char name[64];

	if (!by || strcmp(by, US) != 0 || o->deleting)
		return true;
	for (size_t i = 0; i < w->s->n; i++) {
		slice_name(w->s, i, name);
		if (begins_slice(w->s, i) && !strcmp(name, o->name))
			return true;
	}
	ctl_delete(w->c, ctl_kind("discovery.k8s.io", "endpointslices"), "default", o->name, o->uid, NULL, -1);
	return true;
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct servers *s = arena_zalloc(ctl_arena(c), sizeof(*s));
	struct sweep sweep = { c, s };

	if (!s)
		return -ERR_NOMEM;
	cache_each(ctl_cache(c), CTL_LEASES, "kube-system", NULL, NULL, add_server, s);
	if (!s->ours || (!s->n && !cache_get(ctl_cache(c), "core/endpoints", ns, name)))
		return 0;
	qsort(s->v, s->n, sizeof(s->v[0]), by_port);
	write_endpoints(c, s);
	for (size_t i = 0; i < s->n; i++)
		if (begins_slice(s, i))
			write_slice(c, s, i);
	cache_each(ctl_cache(c), SLICES, "default", NULL, NULL, remove_other, &sweep);
	return 0;
}

/* ---- events ---- */

static void lease_changed(struct ctl *c, const struct cache_event *ev)
{
	/* A renewal alone changes nothing. */
	if (ctl_is_server_lease(ev->obj) && (!ev->old || !doc_equal(doc_get(cache_tree(ev->obj), "metadata.annotations"),
	    doc_get(cache_tree(ev->old), "metadata.annotations"))))
		ctl_enqueue(c, "default", NAME);
}

static void endpoints_changed(struct ctl *c, const struct cache_event *ev)
{
	if (!strcmp(ev->obj->name, NAME) && !strcmp(ev->obj->ns, "default"))
		ctl_enqueue(c, "default", NAME);
}

static void slice_changed(struct ctl *c, const struct cache_event *ev)
{
	const char *by = labels_get(&ev->obj->labels, MANAGED_BY);

	if (!strcmp(ev->obj->ns, "default") && (!strcmp(ev->obj->name, NAME) || (by && !strcmp(by, US))))
		ctl_enqueue(c, "default", NAME);
}

static const struct ctl_watch watches[] = {
	{ CTL_LEASES, lease_changed },
	{ "core/endpoints", endpoints_changed },
	{ SLICES, slice_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_api_endpoints = { .name = "apiserver-endpoints", .watches = watches, .reconcile = reconcile };
