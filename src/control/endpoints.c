/* SPDX-License-Identifier: Apache-2.0 */
/* endpoints - the older form of the same: one Endpoints object beside each Service. */
#include <string.h>

#include "control/controllers.h"
#include "control/endpoints.h"

#define ADDRESSES_MAX 1000u
#define OVER_CAPACITY "endpoints.kubernetes.io/over-capacity"

static void add_address(yyjson_mut_doc *d, yyjson_mut_val *subset, const struct ep *e, const char *ip)
{
	yyjson_mut_val *a = yyjson_mut_obj(d);

	doc_mset_str(d, a, "ip", ip);
	if (*e->hostname)
		doc_mset_str(d, a, "hostname", e->hostname);
	if (*e->pod->node)
		doc_mset_str(d, a, "nodeName", e->pod->node);
	doc_mset(d, a, "targetRef", ep_target(d, e->pod));
	yyjson_mut_arr_append(doc_marr(d, subset, e->ready ? "addresses" : "notReadyAddresses"), a);
}

/* One subset for each set of ports, of the primary family; endpoints come sorted by it. */
static yyjson_mut_val *subsets(struct ep_service *s, yyjson_mut_doc *d, bool *ret_over)
{
	yyjson_mut_val *list = yyjson_mut_arr(d), *subset = NULL;
	const char *key = NULL;
	size_t told = 0;

	*ret_over = false;
	for (size_t i = 0; i < s->n; i++) {
		struct ep *e = &s->eps[i];
		if (!e->ips[s->six[0]] || (e->terminating && !s->publish_not_ready) || (!e->port_count && !s->headless))
			continue;
		if (told == ADDRESSES_MAX) {
			*ret_over = true;
			break;
		}
		if (!key || strcmp(key, e->port_key)) {
			key = e->port_key;
			subset = yyjson_mut_obj(d);
			yyjson_mut_arr_append(list, subset);
		}
		add_address(d, subset, e, e->ips[s->six[0]]);
		told++;
		if (!doc_mget(subset, "ports") && e->port_count)
			doc_mset(d, subset, "ports", ep_ports(d, e, true));
	}
	return list;
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	const struct kinds_kind *k = ctl_kind("", "endpoints");
	struct cache_obj *have = cache_get(ctl_cache(c), "core/endpoints", ns, name);
	yyjson_mut_doc *d = ctl_doc(c);
	struct ep_service s;
	yyjson_val *lk, *lv;
	size_t i, max;
	bool over;
	int rc;

	if (!ep_load(c, ns, name, &s, &rc)) {
		if (!rc && have && !cache_get(ctl_cache(c), "core/services", ns, name) &&
		    labels_get(&have->labels, "endpoints.kubernetes.io/managed-by"))
			ctl_delete(c, k, ns, name, have->uid, NULL, -1);
		return rc;
	}
	yyjson_mut_val *o = have ? yyjson_val_mut_copy(d, cache_tree(have)) : yyjson_mut_obj(d);
	doc_mset_str(d, o, "kind", "Endpoints");
	doc_mset_str(d, o, "apiVersion", "v1");
	doc_mset_str(d, o, "metadata.name", name);
	doc_mset_str(d, o, "metadata.namespace", ns);
	doc_mdel(o, "metadata.labels");
	yyjson_obj_foreach(doc_get(s.tree, "metadata.labels"), i, max, lk, lv)
		doc_mset_key(d, o, "metadata.labels", yyjson_get_str(lk), yyjson_get_str(lv));
	doc_mset_key(d, o, "metadata.labels", "endpoints.kubernetes.io/managed-by", "endpoint-controller");
	if (s.headless)
		doc_mset_key(d, o, "metadata.labels", "service.kubernetes.io/headless", "");
	yyjson_mut_val *list = subsets(&s, d, &over);
	doc_mdel(o, "subsets");
	if (yyjson_mut_arr_size(list))
		doc_mset(d, o, "subsets", list);
	if (over)
		doc_mset_key(d, o, "metadata.annotations", OVER_CAPACITY, "truncated");
	if (!have) {
		ctl_create(c, k, ns, o, true);
		return 0;
	}
	yyjson_val *now = doc_freeze(ctl_arena(c), o), *was = cache_tree(have);
	if (!doc_equal(doc_get(was, "subsets"), doc_get(now, "subsets")) ||
	    !doc_equal(doc_get(was, "metadata.labels"), doc_get(now, "metadata.labels")))
		ctl_update(c, k, ns, name, NULL, o);
	return 0;
}

static const struct ctl_watch watches[] = {
	{ "core/services", ctl_map_self },
	{ "core/pods", ep_pod_changed },
	{ "core/endpoints", ctl_map_self },
	{ NULL, NULL },
};
const struct ctl_def ctl_endpoints = { .name = "endpoint-controller", .watches = watches, .reconcile = reconcile };
