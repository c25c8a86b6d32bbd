/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_cidrs - a range of cluster IPs is ready, and stays while addresses are of it
 * that no other range has.
 * Source: kubernetes pkg/controller/servicecidrs/servicecidrs_controller.go.
 */
#include <string.h>

#include "base/env.h"
#include "base/text.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define RANGES    "networking.k8s.io/servicecidrs"
#define ADDRESSES "networking.k8s.io/ipaddresses"
#define FINALIZER "networking.k8s.io/service-cidr-finalizer"

static bool enqueue_if_going(void *arg, struct cache_obj *range)
{
	if (range->deleting)
		ctl_enqueue(arg, "", range->name);
	return true;
}

static void range_changed(struct ctl *c, const struct cache_event *ev)
{
	ctl_enqueue(c, "", ev->obj->name);
	if (ev->type == CACHE_ADDED)       /* another may have waited for it */
		cache_each(ctl_cache(c), RANGES, NULL, NULL, NULL, enqueue_if_going, c);
}

static void address_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type == CACHE_DELETED)
		cache_each(ctl_cache(c), RANGES, NULL, NULL, NULL, enqueue_if_going, c);
}

static bool contains(struct cache_obj *range, const char *ip)
{
	uint8_t address[16], base[16];
	int family, range_family, prefix;
	yyjson_val *cidr;
	size_t i, max;

	if (text_parse_ip(ip, &family, address))
		return false;
	yyjson_arr_foreach(doc_get(cache_tree(range), "spec.cidrs"), i, max, cidr)
		if (!text_parse_cidr(yyjson_get_str(cidr), &range_family, base, &prefix) && family == range_family &&
		    text_ip_within(address, base, prefix))
			return true;
	return false;
}

struct search { struct ctl *ctl; struct cache_obj *range; const char *ip; bool other, needed; };

static bool is_other(void *arg, struct cache_obj *range)
{
	struct search *s = arg;

	s->other |= range != s->range && !range->deleting && contains(range, s->ip);
	return !s->other;
}

static bool needs(void *arg, struct cache_obj *address)
{
	struct search *s = arg;

	if (!contains(s->range, address->name))
		return true;
	s->ip = address->name;
	s->other = false;
	cache_each(ctl_cache(s->ctl), RANGES, NULL, NULL, NULL, is_other, s);
	s->needed |= !s->other;
	return !s->needed;
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	const struct kinds_kind *kind = ctl_kind("networking.k8s.io", "servicecidrs");
	struct cache_obj *o = cache_get(ctl_cache(c), RANGES, "", name);
	struct search s = { .ctl = c, .range = o };
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *patch = yyjson_mut_obj(d), *status = yyjson_mut_obj(d), *conditions;
	bool changed;

	if (!o)
		return 0;
	if (o->deleting) {
		if (!ctl_has_finalizer(cache_tree(o), FINALIZER))
			return 0;
		cache_each(ctl_cache(c), ADDRESSES, NULL, NULL, NULL, needs, &s);
		if (!s.needed) {
			ctl_drop_finalizer(c, o, kind, FINALIZER);
			return 0;
		}
	} else if (!ctl_has_finalizer(cache_tree(o), FINALIZER)) {
		yyjson_mut_val *list = yyjson_val_mut_copy(d, doc_get(cache_tree(o), "metadata.finalizers"));
		list = list ? list : yyjson_mut_arr(d);
		yyjson_mut_arr_add_str(d, list, FINALIZER);
		doc_mset_str(d, patch, "metadata.resourceVersion", doc_str(cache_tree(o), "metadata.resourceVersion"));
		doc_mset(d, patch, "metadata.finalizers", list);
		ctl_patch(c, kind, "", name, NULL, patch);
		return 0;                  /* its event comes back for the rest */
	}
	conditions = yyjson_val_mut_copy(d, doc_get(cache_tree(o), "status.conditions"));
	if (conditions)
		doc_mset(d, status, "conditions", conditions);
	changed = s.needed ? ctl_condition(d, status, "Ready", "False", "Terminating", "There are still IPAddresses "
		"referencing the ServiceCIDR, please remove them or create a new ServiceCIDR", env_wall_us()) :
		ctl_condition(d, status, "Ready", "True", "", "Kubernetes Service CIDR is ready", env_wall_us());
	doc_mset(d, patch, "status", status);
	if (changed)
		ctl_patch(c, kind, "", name, "status", patch);
	return 0;
}

static const struct ctl_watch watches[] = {
	{ RANGES, range_changed },
	{ ADDRESSES, address_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_service_cidrs = { .name = "service-cidrs-controller", .watches = watches, .reconcile = reconcile };
