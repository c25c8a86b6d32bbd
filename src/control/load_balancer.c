/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_balancer - each Service of type LoadBalancer gets an address of the pool for each of its families that the pool
 * has, and keeps them until it goes or changes its type or families. Nodes announce them (src/agent/announce.c).
 *
 * A Service that asks for an address (spec.loadBalancerIP) gets that one or none; one of another class than ours is
 * somebody else's. An address is held from the moment it is chosen; who gets none waits in line, behind those who want
 * the same: for any of a family, or for one address. What comes back wakes the first of a line, who wakes the next when
 * there is more, so that no change costs more with many Services or a large pool.
 * Source: kubernetes cloud-provider/controllers/service/controller.go (what is wanted, events).
 */
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/text.h"
#include "control/address_pool.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define OWN_CLASS "sampan.io/pool"

static struct pool_ranges pool;

struct service;
/* Its place in a line. */
struct place { struct list link; struct service *s; struct wish *wish; };
/* The line of those who want one address. */
struct wish { struct list line; char ip[46]; };
/* What a Service holds and waits for, by family: IPv4, IPv6. */
struct service { char ip[2][46]; struct place place[2]; char *key; };

struct balancer {
	struct address_pool pool;
	struct map services;           /* "ns/name" -> struct service */
	struct map wishes;             /* address -> struct wish, while somebody waits for it */
	struct list line[2];           /* who waits for any address of the family */
	bool open;
};

int ctl_balancer_pool_set(const char *text)
{
	memset(&pool, 0, sizeof(pool));
	return text ? pool_ranges_parse(text, &pool) : 0;
}

static int family_at(int f) { return f ? 6 : 4; }
static int at_family(const char *ip) { return strchr(ip, ':') != NULL; }

/* As the pool writes it; false: no address. */
static bool canonical(const char *s, char ret[46])
{
	uint8_t addr[16];
	int family;

	if (!s || text_parse_ip(s, &family, addr))
		return false;
	text_ip(ret, family, addr);
	return true;
}

static struct balancer *state(struct ctl *c)
{
	struct balancer *b = ctl_state(c);

	if (!b->open) {
		b->pool.ranges = &pool;
		list_init(&b->line[0]);
		list_init(&b->line[1]);
		b->open = true;
	}
	return b;
}

static void key_of(char out[600], const char *ns, const char *name)
{
	snprintf(out, 600, "%s/%s", ns, name);
}

static struct service *service_of(struct balancer *b, const char *key)
{
	struct service *s = map_get(&b->services, key);

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s || !(s->key = strdup(key)) || map_put(&b->services, key, s, NULL)) {
		if (s)
			free(s->key);
		free(s);
		return NULL;
	}
	for (int f = 0; f < 2; f++) {
		list_init(&s->place[f].link);
		s->place[f].s = s;
	}
	return s;
}

/* ---- lines ---- */

static void wake(struct ctl *c, struct list *line)
{
	struct service *s;
	char ns[600];

	if (list_empty(line))
		return;
	s = list_entry(line->next, struct place, link)->s;
	snprintf(ns, sizeof(ns), "%.*s", (int)strcspn(s->key, "/"), s->key);
	ctl_enqueue(c, ns, strchr(s->key, '/') + 1);
}

static int wait_for(struct balancer *b, struct service *s, int f, const char *ip)
{
	struct wish *w = ip ? map_get(&b->wishes, ip) : NULL;

	if (ip && !w) {
		w = calloc(1, sizeof(*w));
		if (!w || map_put(&b->wishes, ip, w, NULL)) {
			free(w);
			return -ERR_NOMEM;
		}
		snprintf(w->ip, sizeof(w->ip), "%s", ip);
		list_init(&w->line);
	}
	if (!list_empty(&s->place[f].link) && s->place[f].wish == w)
		return 0;              /* its place stays */
	s->place[f].wish = w;
	list_add_tail(w ? &w->line : &b->line[f], &s->place[f].link);
	return 0;
}

/* It waits no more; whoever is behind it may be lucky. */
static void leave_line(struct ctl *c, struct service *s, int f)
{
	struct balancer *b = state(c);
	struct wish *w = s->place[f].wish;

	if (list_empty(&s->place[f].link))
		return;
	list_del(&s->place[f].link);
	s->place[f].wish = NULL;
	if (w && !list_empty(&w->line)) {
		wake(c, &w->line);
		return;
	}
	if (w)
		free(map_del(&b->wishes, w->ip));
	if (pool_has_free(&b->pool, family_at(f)))
		wake(c, &b->line[f]);
}

static void give_back(struct ctl *c, struct service *s, int f)
{
	struct balancer *b = state(c);
	struct wish *w;
	char ip[46];

	if (!*s->ip[f])
		return;
	memcpy(ip, s->ip[f], sizeof(ip));
	s->ip[f][0] = '\0';
	pool_give_back(&b->pool, ip);
	w = map_get(&b->wishes, ip);
	wake(c, w ? &w->line : &b->line[f]);
}

static void leave(struct ctl *c, struct service *s, int f)
{
	leave_line(c, s, f);
	give_back(c, s, f);
}

static void forget(struct ctl *c, const char *key)
{
	struct balancer *b = state(c);
	struct service *s = map_get(&b->services, key);

	if (!s)
		return;
	leave(c, s, 0);
	leave(c, s, 1);
	map_del(&b->services, key);
	free(s->key);
	free(s);
}

/* ---- one Service ---- */

static bool is_ours(yyjson_val *svc)
{
	const char *type = doc_str(svc, "spec.type"), *class = doc_str(svc, "spec.loadBalancerClass");

	return type && !strcmp(type, "LoadBalancer") && (!class || !strcmp(class, OWN_CLASS));
}

/* What it has shown already is held, first come, first served: another's by now, it gets a new one when it is looked at. */
static int hold_shown(struct balancer *b, const char *key, yyjson_val *svc)
{
	yyjson_val *list = doc_get(svc, "status.loadBalancer.ingress"), *it;
	struct service *s;
	size_t i, max;
	char ip[46];

	yyjson_arr_foreach(list, i, max, it) {
		if (!canonical(doc_str(it, "ip"), ip))
			continue;
		s = service_of(b, key);
		if (!s)
			return -ERR_NOMEM;
		if (!*s->ip[at_family(ip)] && !pool_hold(&b->pool, ip, s))
			memcpy(s->ip[at_family(ip)], ip, sizeof(ip));
	}
	return 0;
}

static void service_changed(struct ctl *c, const struct cache_event *ev)
{
	struct balancer *b = state(c);
	yyjson_val *svc = ev->type == CACHE_DELETED ? NULL : cache_tree(ev->obj);
	char key[600];

	if (!pool.n)
		return;
	key_of(key, ev->obj->ns, ev->obj->name);
	if (!svc)
		forget(c, key);
	else if (is_ours(svc))
		(void)hold_shown(b, key, svc);
	if (svc && (is_ours(svc) || map_get(&b->services, key)))
		ctl_enqueue(c, ev->obj->ns, ev->obj->name);
}

/* The place of each of its families, the primary one first. */
static int families_of(yyjson_val *svc, int ret[2])
{
	yyjson_val *list = doc_get(svc, "spec.ipFamilies"), *it;
	const char *ip = doc_str(svc, "spec.clusterIP");
	size_t i, max;
	int n = 0;

	yyjson_arr_foreach(list, i, max, it)
		if (n < 2)
			ret[n++] = yyjson_equals_str(it, "IPv6");
	if (!n)
		ret[n++] = ip && strchr(ip, ':');
	return n;
}

static void failed(struct ctl *c, struct cache_obj *o, const char *fmt, const char *what)
{
	ctl_event(c, o, "Warning", "SyncLoadBalancerFailed", fmt, what);
}

/* One of family f: what it has, what it asks for (wish), or any. 0: it has one or waits; else -ERR_NOMEM. */
static int choose(struct ctl *c, struct cache_obj *o, struct service *s, int f, const char *wish)
{
	struct balancer *b = state(c);
	char ip[46];
	int rc;

	if (wish && *s->ip[f] && strcmp(s->ip[f], wish))
		give_back(c, s, f);
	if (*s->ip[f]) {
		leave_line(c, s, f);
		return 0;
	}
	snprintf(ip, sizeof(ip), "%s", wish ? wish : "");
	rc = wish ? pool_hold(&b->pool, ip, s) : pool_take(&b->pool, family_at(f), s, ip);
	if (!rc) {
		memcpy(s->ip[f], ip, sizeof(ip));
		leave_line(c, s, f);
		return 0;
	}
	if (rc == -ERR_NOMEM)
		return rc;
	if (wish)
		failed(c, o, "spec.loadBalancerIP %s is in use", wish);
	else
		failed(c, o, "the pool has no free %s address", cidr_family(family_at(f)));
	if (!list_empty(&s->place[f].link) && (wish ? !s->place[f].wish || strcmp(s->place[f].wish->ip, wish) : s->place[f].wish != NULL))
		leave_line(c, s, f);
	return wait_for(b, s, f, wish);
}

/* An address of each family that the pool has; of those that it has no more, none. */
static int settle(struct ctl *c, struct cache_obj *o, struct service *s, const int families[2], int n)
{
	const char *text = doc_str(cache_tree(o), "spec.loadBalancerIP");
	char wish[46] = "";
	bool asks = text && *text, known = asks && canonical(text, wish) && pool_ranges_has(&pool, wish);
	bool wanted[2] = { false, false };
	int rc = 0, f = at_family(wish);

	for (int i = 0; i < n; i++)
		wanted[families[i]] = pool_ranges_family(&pool, family_at(families[i]));
	if (asks && (!known || !wanted[f])) {
		failed(c, o, known ? "spec.loadBalancerIP %s is of none of the Service's families" :
			"spec.loadBalancerIP %s is not in the pool", text);
		leave(c, s, 0);
		leave(c, s, 1);
		return 0;
	}
	if (!wanted[0] && !wanted[1])
		failed(c, o, "the pool has no %s addresses", cidr_family(family_at(families[0])));
	/* The one that is asked for comes first: without it there is none. */
	if (asks) {
		rc = choose(c, o, s, f, wish);
		wanted[!f] &= *s->ip[f] != '\0';
	}
	for (int i = 0; i < 2 && !rc; i++)
		if (!wanted[i])
			leave(c, s, i);
		else if (!asks || i != f)
			rc = choose(c, o, s, i, NULL);
	return rc;
}

static void write_status(struct ctl *c, struct cache_obj *o, const char *const ips[2], int n)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *patch = yyjson_mut_obj(d), *list = yyjson_mut_arr(d), *one;

	for (int i = 0; i < n; i++) {
		one = yyjson_mut_arr_add_obj(d, list);
		doc_mset_str(d, one, "ip", ips[i]);
		doc_mset_str(d, one, "ipMode", "VIP");
	}
	doc_mset(d, patch, "status.loadBalancer.ingress", n ? list : yyjson_mut_null(d));
	ctl_patch(c, ctl_kind("", "services"), o->ns, o->name, "status", patch);
}

static bool shows(yyjson_val *svc, const char *const ips[2], int n)
{
	yyjson_val *list = doc_get(svc, "status.loadBalancer.ingress");
	bool same = (int)yyjson_arr_size(list) == n;

	for (int i = 0; i < n && same; i++)
		same = yyjson_equals_str(yyjson_obj_get(yyjson_arr_get(list, (size_t)i), "ip"), ips[i]);
	return same;
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *o = cache_get(ctl_cache(c), "core/services", ns, name);
	struct balancer *b = state(c);
	const char *ips[2];
	int families[2], n, found = 0, rc;
	struct service *s;
	char key[600];

	key_of(key, ns, name);
	if (!o || o->deleting)
		return 0;                      /* its addresses go with it */
	if (!is_ours(cache_tree(o))) {
		s = map_get(&b->services, key);
		if (s && (*s->ip[0] || *s->ip[1]) && !shows(cache_tree(o), NULL, 0))
			write_status(c, o, NULL, 0);
		forget(c, key);
		return 0;
	}
	s = service_of(b, key);
	if (!s)
		return -ERR_NOMEM;
	n = families_of(cache_tree(o), families);
	rc = settle(c, o, s, families, n);
	if (rc)
		return rc;
	for (int i = 0; i < n; i++)
		if (*s->ip[families[i]])
			ips[found++] = s->ip[families[i]];
	if (shows(cache_tree(o), ips, found))
		return 0;
	write_status(c, o, ips, found);
	if (found)
		ctl_event(c, o, "Normal", "EnsuredLoadBalancer", "Ensured load balancer");
	return 0;
}

static void close_state(struct ctl *c)
{
	struct balancer *b = ctl_state(c);
	size_t it = 0;
	void *v;

	while (map_next(&b->services, &it, NULL, &v)) {
		free(((struct service *)v)->key);
		free(v);
	}
	it = 0;
	while (map_next(&b->wishes, &it, NULL, &v))
		free(v);
	map_finish(&b->services);
	map_finish(&b->wishes);
	pool_finish(&b->pool);
}

static const struct ctl_watch watches[] = { { "core/services", service_changed }, { NULL, NULL } };
const struct ctl_def ctl_load_balancer = { .name = "service-controller", .watches = watches, .reconcile = reconcile,
	.state_bytes = sizeof(struct balancer), .close = close_state };
