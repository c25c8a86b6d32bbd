/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_addresses - one IPAddress for each cluster IP, named by it, that goes with its
 * Service. Who holds an address is decided by api/alloc.c; this tells it.
 * Source: kubernetes pkg/registry/core/service/ipallocator (createIPAddress),
 * pkg/registry/core/service/ipallocator/controller/repairip.go.
 */
#include <string.h>

#include "base/text.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define ADDRESSES  "networking.k8s.io/ipaddresses"
#define FAMILY     "ipaddress.kubernetes.io/ip-family"
#define MANAGED_BY "ipaddress.kubernetes.io/managed-by"
#define ALLOCATOR  "ipallocator.k8s.io"

/* Services may spell their addresses in other ways than the names of IPAddresses do. False: "None". */
static bool canonical(yyjson_val *ip, char ret[46])
{
	uint8_t addr[16];
	int family;

	if (!yyjson_is_str(ip) || text_parse_ip(yyjson_get_str(ip), &family, addr))
		return false;
	text_ip(ret, family, addr);
	return true;
}

/* A key is a Service, or an address in no namespace. */
static void enqueue_addresses(struct ctl *c, struct cache_obj *service)
{
	yyjson_val *ip;
	char name[46];
	size_t i, max;

	yyjson_arr_foreach(doc_get(cache_tree(service), "spec.clusterIPs"), i, max, ip)
		if (canonical(ip, name))
			ctl_enqueue(c, "", name);
}

static void service_changed(struct ctl *c, const struct cache_event *ev)
{
	bool gone = ev->type == CACHE_DELETED;

	if (ev->old && doc_equal(doc_get(cache_tree(ev->old), "spec.clusterIPs"),
		doc_get(cache_tree(ev->obj), "spec.clusterIPs")))
		return;
	if (gone || ev->old)
		enqueue_addresses(c, gone ? ev->obj : ev->old);
	if (!gone)
		ctl_enqueue(c, ev->obj->ns, ev->obj->name);
}

static bool has_address(struct cache_obj *service, const char *name)
{
	yyjson_val *ip;
	char s[46];
	size_t i, max;

	yyjson_arr_foreach(service ? doc_get(cache_tree(service), "spec.clusterIPs") : NULL, i, max, ip)
		if (canonical(ip, s) && !strcmp(s, name))
			return true;
	return false;
}

/* The Service that the address says it belongs to, when it still has it. */
static struct cache_obj *holder(struct ctl *c, struct cache_obj *address)
{
	yyjson_val *parent = doc_get(cache_tree(address), "spec.parentRef");
	const char *resource = doc_str(parent, "resource"), *ns = doc_str(parent, "namespace"), *name = doc_str(parent, "name");
	struct cache_obj *service = resource && !strcmp(resource, "services") && ns && name ?
		cache_get(ctl_cache(c), "core/services", ns, name) : NULL;

	return has_address(service, address->name) ? service : NULL;
}

static void address_changed(struct ctl *c, const struct cache_event *ev)
{
	struct cache_obj *service = holder(c, ev->obj);

	if (ev->type != CACHE_DELETED)
		ctl_enqueue(c, "", ev->obj->name);
	else if (service)
		ctl_enqueue(c, service->ns, service->name);
}

static void write_new(struct ctl *c, struct cache_obj *service, const char *ip)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *o = yyjson_mut_obj(d);

	doc_mset_str(d, o, "kind", "IPAddress");
	doc_mset_str(d, o, "apiVersion", "networking.k8s.io/v1");
	doc_mset_str(d, o, "metadata.name", ip);
	doc_mset_key(d, o, "metadata.labels", FAMILY, strchr(ip, ':') ? "IPv6" : "IPv4");
	doc_mset_key(d, o, "metadata.labels", MANAGED_BY, ALLOCATOR);
	doc_mset_str(d, o, "spec.parentRef.group", "");
	doc_mset_str(d, o, "spec.parentRef.resource", "services");
	doc_mset_str(d, o, "spec.parentRef.namespace", service->ns);
	doc_mset_str(d, o, "spec.parentRef.name", service->name);
	ctl_create(c, ctl_kind("networking.k8s.io", "ipaddresses"), "", o, true);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *o = cache_get(ctl_cache(c), *ns ? "core/services" : ADDRESSES, ns, name), *address;
	const char *by;
	yyjson_val *ip;
	char s[46];
	size_t i, max;

	if (!o)
		return 0;
	if (!*ns) {
		by = yyjson_get_str(yyjson_obj_get(doc_get(cache_tree(o), "metadata.labels"), MANAGED_BY));
		if (by && !strcmp(by, ALLOCATOR) && !o->deleting && !holder(c, o))
			ctl_delete(c, ctl_kind("networking.k8s.io", "ipaddresses"), "", name, o->uid, NULL, -1);
		return 0;
	}
	yyjson_arr_foreach(doc_get(cache_tree(o), "spec.clusterIPs"), i, max, ip) {
		if (!canonical(ip, s))
			continue;
		address = cache_get(ctl_cache(c), ADDRESSES, "", s);
		if (!address)
			write_new(c, o, s);
		else if (!holder(c, address))
			return -ERR_CONFLICT;      /* until the stale one is gone */
	}
	return 0;
}

static const struct ctl_watch watches[] = {
	{ "core/services", service_changed },
	{ ADDRESSES, address_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_service_addresses = { .name = "service-addresses", .watches = watches, .reconcile = reconcile };
