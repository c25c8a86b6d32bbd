/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_ipam - each node gets a block of the cluster's pod addresses, for as long as the
 * Node is there. What nodes brought themselves is respected: blocks they touch are taken.
 *
 * A Node that no machine has told about itself (status.nodeInfo) gets none: others write such
 * ones, too, and would find them changed. A block is held from the moment it is chosen, so
 * that two nodes of one turn differ. With it goes the word how pods of other nodes are reached, an
 * annotation.
 * Source: kubernetes pkg/controller/nodeipam/ipam/range_allocator.go.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define POD_NETWORK_ANNOTATION "sampan.io/pod-network"
#define POD_NETWORK_TUNNEL "vxlan"
#define POD_NETWORK_ROUTES "host-routes"

/* A node's blocks: none when count is 0. */
struct held { uint32_t first, count; };
struct ipam {
	struct map nodes;              /* name -> struct held */
	uint8_t *users;                /* a block's nodes, at most 255 */
	uint32_t next;                 /* where the search for a free one goes on */
};

static struct { uint32_t base; int prefix, node_prefix; } range;
static const char *pod_network;

int ctl_node_cidrs_set(const char *cidr, int node_prefix)
{
	uint8_t a[16];
	int family, prefix;

	memset(&range, 0, sizeof(range));
	if (!cidr)
		return 0;
	if (text_parse_cidr(cidr, &family, a, &prefix) || family != 4 || node_prefix < prefix || node_prefix - prefix > 16 ||
	    node_prefix < 16 || node_prefix > 29)
		return -ERR_INVALID;
	range.base = ((uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3]) & (prefix ? ~0u << (32 - prefix) : 0);
	range.prefix = prefix;
	range.node_prefix = node_prefix;
	return 0;
}

int ctl_pod_network_set(const char *name)
{
	if (name && strcmp(name, POD_NETWORK_TUNNEL) && strcmp(name, POD_NETWORK_ROUTES))
		return -ERR_INVALID;
	pod_network = name ? name : POD_NETWORK_TUNNEL;
	return 0;
}

/* Its agent knows how pods of other nodes are reached; saying nothing means the tunnel. */
static bool knows_network(yyjson_val *node)
{
	const char *said = yyjson_get_str(yyjson_obj_get(doc_get(node, "metadata.annotations"), POD_NETWORK_ANNOTATION));

	return !pod_network || !strcmp(said ? said : POD_NETWORK_TUNNEL, pod_network);
}

static uint32_t block_count(void)
{
	return range.node_prefix ? 1u << (range.node_prefix - range.prefix) : 0;
}

/* The blocks that cidr has addresses of. */
static struct held blocks_of(const char *cidr)
{
	struct held none = { 0, 0 };
	uint32_t first, last, end = range.base + ((1u << (32 - range.prefix)) - 1), shift = 32 - (uint32_t)range.node_prefix;
	uint8_t a[16];
	int family, prefix;

	if (!cidr || text_parse_cidr(cidr, &family, a, &prefix) || family != 4 || prefix == 0)
		return none;
	first = ((uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3]) & (~0u << (32 - prefix));
	last = first + ((1u << (32 - prefix)) - 1);
	if (last < range.base || first > end)
		return none;
	first = first < range.base ? 0 : (first - range.base) >> shift;
	last = (last > end ? end - range.base : last - range.base) >> shift;
	return (struct held){ first, last - first + 1 };
}

static void count(struct ipam *s, struct held h, int by)
{
	for (uint32_t i = h.first; i < h.first + h.count; i++)
		if (by > 0 ? s->users[i] < 255 : s->users[i] > 0)
			s->users[i] = (uint8_t)(s->users[i] + by);
}

/* Node name holds h from now on instead of what it held. */
static int hold(struct ipam *s, const char *name, struct held h)
{
	struct held *was = map_get(&s->nodes, name);

	if (was) {
		count(s, *was, -1);
	} else if (!(was = malloc(sizeof(*was))) || map_put(&s->nodes, name, was, NULL)) {
		free(was);
		return -ERR_NOMEM;
	}
	*was = h;
	count(s, h, 1);
	return 0;
}

static void release(struct ipam *s, const char *name)
{
	struct held *was = map_del(&s->nodes, name);

	if (was)
		count(s, *was, -1);
	free(was);
}

static bool ready(struct ipam *s)
{
	if (!s->users && block_count())
		s->users = calloc(1, block_count());
	return s->users;
}

static bool wants(yyjson_val *node)
{
	const char *version = doc_str(node, "status.nodeInfo.kubeletVersion");

	return version && *version && (!doc_str(node, "spec.podCIDR") || !knows_network(node));
}

static bool enqueue_waiting(void *arg, struct cache_obj *node)
{
	if (wants(cache_tree(node)))
		ctl_enqueue(arg, "", node->name);
	return true;
}

static void node_changed(struct ctl *c, const struct cache_event *ev)
{
	struct ipam *s = ctl_state(c);
	const char *cidr = ev->type == CACHE_DELETED ? NULL : doc_str(cache_tree(ev->obj), "spec.podCIDR");

	if (!ready(s))
		return;
	if (ev->type == CACHE_DELETED) {
		release(s, ev->obj->name);
		cache_each(ctl_cache(c), "core/nodes", NULL, NULL, NULL, enqueue_waiting, c);
		return;
	}
	if (cidr)
		(void)hold(s, ev->obj->name, blocks_of(cidr));
	if (wants(cache_tree(ev->obj))) {
		ctl_enqueue(c, "", ev->obj->name);
	}
}

static int take(struct ipam *s, const char *name, struct held *ret)
{
	struct held *had = map_get(&s->nodes, name);
	uint32_t n = block_count();

	if (had && had->count) {       /* chosen before; the write failed */
		*ret = *had;
		return 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (s->next + i) % n;

		if (s->users[at])
			continue;
		s->next = (at + 1) % n;
		*ret = (struct held){ at, 1 };
		return hold(s, name, *ret);
	}
	return -ERR_FULL;
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *o = cache_get(ctl_cache(c), "core/nodes", "", name);
	struct ipam *s = ctl_state(c);
	char cidr[32];
	struct held h;
	int rc;

	if (!o || !ready(s) || !wants(cache_tree(o)))
		return 0;
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *patch = yyjson_mut_obj(d), *list = yyjson_mut_arr(d);

	if (!knows_network(cache_tree(o)))
		doc_mset_key(d, patch, "metadata.annotations", POD_NETWORK_ANNOTATION, pod_network);
	rc = doc_str(cache_tree(o), "spec.podCIDR") ? 0 : take(s, name, &h);
	if (rc == -ERR_FULL)           /* a node that goes makes this run again */
		ctl_event(c, o, "Warning", "CIDRNotAvailable", "Node %s status is now: CIDRNotAvailable", name);
	else if (rc)
		return rc;
	if (!rc && !doc_str(cache_tree(o), "spec.podCIDR")) {
		uint32_t a = range.base + (h.first << (32 - range.node_prefix));

		snprintf(cidr, sizeof(cidr), "%u.%u.%u.%u/%d", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, range.node_prefix);
		yyjson_mut_arr_add_strcpy(d, list, cidr);
		doc_mset_str(d, patch, "spec.podCIDR", cidr);
		doc_mset(d, patch, "spec.podCIDRs", list);
	}
	if (yyjson_mut_obj_size(patch))
		ctl_patch(c, ctl_kind("", "nodes"), "", name, "", patch);
	return 0;
}

static void close_state(struct ctl *c)
{
	struct ipam *s = ctl_state(c);
	const char *key;
	size_t it = 0;
	void *v;

	while (map_next(&s->nodes, &it, &key, &v))
		free(v);
	map_finish(&s->nodes);
	free(s->users);
}

static const struct ctl_watch watches[] = { { "core/nodes", node_changed }, { NULL, NULL } };
const struct ctl_def ctl_node_ipam = { .name = "node-ipam-controller", .watches = watches, .reconcile = reconcile,
	.state_bytes = sizeof(struct ipam), .close = close_state };
