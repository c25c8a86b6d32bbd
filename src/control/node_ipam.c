/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_ipam - each node gets a block of each range of the cluster's pod addresses, for as long as the
 * Node is there. What nodes brought themselves is respected: blocks they touch are taken. A node that has
 * one of one family already keeps to that: podCIDRs never change.
 *
 * A Node that no machine has told about itself (status.nodeInfo) gets none: others write such
 * ones, too, and would find them changed. A block is held from the moment it is chosen, so
 * that two nodes of one turn differ. With it goes the word how pods of other nodes are reached, an
 * annotation.
 * Source: kubernetes pkg/controller/nodeipam/ipam/range_allocator.go.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cidr.h"
#include "base/map.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define POD_NETWORK_ANNOTATION "sampan.io/pod-network"
#define POD_NETWORK_TUNNEL "vxlan"
#define POD_NETWORK_ROUTES "host-routes"

#define BLOCK_BITS_MAX 16

/* A node's blocks of one range: none when count is 0. */
struct held { uint32_t first, count; };
/* What a node holds, by range. */
struct holder { struct held of[2]; };
struct ipam {
	struct map nodes;              /* name -> struct holder */
	uint8_t *users[2];             /* of each range: a block's nodes, at most 255 */
	uint32_t next[2];              /* where the search for a free one goes on */
	bool waited;                   /* some node found none */
};

/* The cloud's ranges of pod addresses, the primary one first, and how they are cut. */
static struct { struct cidr cidr; int node_prefix; } ranges[2];
static const char *pod_network;

int ctl_node_cidrs_set(const char *cidrs, const int node_prefix[2])
{
	struct cidr_pair pair;

	memset(ranges, 0, sizeof(ranges));
	if (!cidrs)
		return 0;
	if (cidr_pair_parse("", cidrs, &pair, NULL))
		return -ERR_INVALID;
	for (int i = 0; i < 2 && pair.v[i].family; i++) {
		bool six = pair.v[i].family == 6;
		int prefix = node_prefix[six];

		if (prefix < pair.v[i].prefix || prefix - pair.v[i].prefix > BLOCK_BITS_MAX || prefix < 16 || prefix > (six ? 128 : 29))
			return -ERR_INVALID;
	}
	for (int i = 0; i < 2; i++) {
		ranges[i].cidr = pair.v[i];
		ranges[i].node_prefix = node_prefix[pair.v[i].family == 6];
	}
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

static uint32_t block_count(int r)
{
	return ranges[r].cidr.family ? 1u << (ranges[r].node_prefix - ranges[r].cidr.prefix) : 0;
}

/* How many bits of an address are within a block of range r. */
static int block_bits(int r)
{
	return (ranges[r].cidr.family == 4 ? 32 : 128) - ranges[r].node_prefix;
}

/* The blocks of range r that cidr has addresses of. */
static struct held blocks_of(int r, const char *text)
{
	struct cidr *whole = &ranges[r].cidr, c;
	uint32_t n = block_count(r);

	if (!n || cidr_parse(text, &c) || !cidr_overlap(whole, &c))
		return (struct held){ 0, 0 };
	if (c.prefix <= whole->prefix)
		return (struct held){ 0, n };
	return (struct held){ (uint32_t)cidr_index(whole, c.addr, block_bits(r)),
		c.prefix >= ranges[r].node_prefix ? 1 : 1u << (ranges[r].node_prefix - c.prefix) };
}

/* What a node's ranges touch of ours. */
static struct holder blocks_of_all(yyjson_val *node)
{
	yyjson_val *list = doc_get(node, "spec.podCIDRs"), *it;
	const char *one = doc_str(node, "spec.podCIDR");
	struct holder h = { { { 0, 0 } } };
	size_t i, max;

	for (int r = 0; r < 2; r++) {
		if (one && !yyjson_arr_size(list))
			h.of[r] = blocks_of(r, one);
		yyjson_arr_foreach(list, i, max, it)
			if (!h.of[r].count)
				h.of[r] = blocks_of(r, yyjson_get_str(it));
	}
	return h;
}

static void count(struct ipam *s, const struct holder *h, int by)
{
	for (int r = 0; r < 2; r++)
		for (uint32_t i = h->of[r].first; i < h->of[r].first + h->of[r].count; i++)
			if (by > 0 ? s->users[r][i] < 255 : s->users[r][i] > 0)
				s->users[r][i] = (uint8_t)(s->users[r][i] + by);
}

/* Node name holds h from now on instead of what it held. */
static int hold(struct ipam *s, const char *name, const struct holder *h)
{
	struct holder *was = map_get(&s->nodes, name);

	if (was) {
		count(s, was, -1);
	} else if (!(was = malloc(sizeof(*was))) || map_put(&s->nodes, name, was, NULL)) {
		free(was);
		return -ERR_NOMEM;
	}
	*was = *h;
	count(s, was, 1);
	return 0;
}

static void release(struct ipam *s, const char *name)
{
	struct holder *was = map_del(&s->nodes, name);

	if (was)
		count(s, was, -1);
	free(was);
}

static bool ready(struct ipam *s)
{
	for (int r = 0; r < 2; r++)
		if (block_count(r) && !s->users[r] && !(s->users[r] = calloc(1, block_count(r))))
			return false;
	return s->users[0];
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
	struct holder h;

	if (!ready(s))
		return;
	if (ev->type == CACHE_DELETED) {
		release(s, ev->obj->name);
		if (s->waited)
			cache_each(ctl_cache(c), "core/nodes", NULL, NULL, NULL, enqueue_waiting, c);
		s->waited = false;
		return;
	}
	if (doc_str(cache_tree(ev->obj), "spec.podCIDR")) {
		h = blocks_of_all(cache_tree(ev->obj));
		(void)hold(s, ev->obj->name, &h);
	}
	if (wants(cache_tree(ev->obj)))
		ctl_enqueue(c, "", ev->obj->name);
}

static int find_free(struct ipam *s, int r, struct held *ret)
{
	uint32_t n = block_count(r);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (s->next[r] + i) % n;

		if (s->users[r][at])
			continue;
		s->next[r] = (at + 1) % n;
		*ret = (struct held){ at, 1 };
		return 0;
	}
	return -ERR_FULL;
}

/* A block of each range, or none at all. */
static int take(struct ipam *s, const char *name, struct holder *ret)
{
	struct holder *had = map_get(&s->nodes, name);
	int rc = 0;

	if (had) {                     /* chosen before; the write failed */
		*ret = *had;
		return 0;
	}
	memset(ret, 0, sizeof(*ret));
	for (int r = 0; r < 2 && !rc; r++)
		if (block_count(r))
			rc = find_free(s, r, &ret->of[r]);
	return rc ? rc : hold(s, name, ret);
}

static void give(yyjson_mut_doc *d, yyjson_mut_val *patch, const struct holder *h)
{
	yyjson_mut_val *list = yyjson_mut_arr(d);

	for (int r = 0; r < 2; r++) {
		struct cidr c = { .family = ranges[r].cidr.family, .prefix = ranges[r].node_prefix };
		char text[CIDR_TEXT_MAX];

		if (!h->of[r].count)
			continue;
		cidr_nth(&ranges[r].cidr, h->of[r].first, block_bits(r), c.addr);
		cidr_text(text, &c);
		yyjson_mut_arr_add_strcpy(d, list, text);
		if (!doc_mget(patch, "spec.podCIDR"))
			doc_mset_str(d, patch, "spec.podCIDR", text);
	}
	doc_mset(d, patch, "spec.podCIDRs", list);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *o = cache_get(ctl_cache(c), "core/nodes", "", name);
	struct ipam *s = ctl_state(c);
	struct holder h;
	int rc;

	if (!o || !ready(s) || !wants(cache_tree(o)))
		return 0;
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *patch = yyjson_mut_obj(d);
	bool has = doc_str(cache_tree(o), "spec.podCIDR");

	if (!knows_network(cache_tree(o)))
		doc_mset_key(d, patch, "metadata.annotations", POD_NETWORK_ANNOTATION, pod_network);
	rc = has ? 0 : take(s, name, &h);
	if (rc == -ERR_FULL) {         /* a node that goes makes this run again */
		s->waited = true;
		ctl_event(c, o, "Warning", "CIDRNotAvailable", "Node %s status is now: CIDRNotAvailable", name);
	} else if (rc) {
		return rc;
	} else if (!has) {
		give(d, patch, &h);
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
	for (int r = 0; r < 2; r++)
		free(s->users[r]);
}

static const struct ctl_watch watches[] = { { "core/nodes", node_changed }, { NULL, NULL } };
const struct ctl_def ctl_node_ipam = { .name = "node-ipam-controller", .watches = watches, .reconcile = reconcile,
	.state_bytes = sizeof(struct ipam), .close = close_state };
