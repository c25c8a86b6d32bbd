/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - the rules a Service or a pod wants, as values; and the nftables text that
 * leads from one set of them to another. Pure: no I/O, no clock.
 *
 * In:      net.c.     Out: text for libnftables.
 * Promise: text is built from addresses and numbers that were parsed and from names
 *          whose letters were checked; nothing of a caller's gets in as it stands.
 *          The text for one change speaks of that change's chains and elements only.
 * Tests:   tests/unit/net/test_plan.c
 */
#ifndef NET_PLAN_H
#define NET_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/ip.h"
#include "net/net.h"

#define PLAN_MASQUERADE_MARK 0x4000u

/* What this node has of a family; each has a table of its own, `ip` and `ip6`. */
struct plan_family {
	bool on;                                    /* false: no table, what is of this family is passed over */
	const char *pods;                           /* NULL: another network has the pods, or they have none */
	const char *cluster;                        /* who is of the cluster: a range, or "@cluster" */
	const char *mask;                           /* put on an address before that: "", " & ffff::" */
	const char *service, *dns;                  /* NULL: none */
	const char *address;                        /* the node's own, or NULL */
	const char *const *more;                    /* of Services, besides service; NULL-terminated, or NULL */
};
#define PLAN_CLUSTER_SET "@cluster"
struct plan_base {
	const char *table;                          /* also the bridge's name: "sampan" -> "sampan0" */
	struct plan_family f[IP_FAMILIES];
};
/* The tables with everything that no Service and no pod has a part in, replacing what is there. */
void plan_base_text(struct buf *out, const struct plan_base *b);

/* A shared chain is the same for all plans that name it: plan_diff_* pass over it. */
enum plan_kind { PLAN_SHARED, PLAN_SET, PLAN_CHAIN, PLAN_ELEMENT };
struct plan_item { uint8_t kind, family; uint32_t name, key, body; };   /* offsets into text */
struct plan {                                       /* {0} is the empty plan */
	struct buf text;
	struct plan_item *items;                    /* sorted by kind, family, name, key */
	unsigned count, cap;
	bool failed;
};
void plan_finish(struct plan *p);

/* id: this node's own number of the Service, part of its chains' names. before: what it has now, or
 * NULL: endpoints that stay keep their numbers. 0, -ERR_INVALID or -ERR_NOMEM. */
int plan_service(struct plan *out, const struct plan_base *b, const struct net_service *s, uint32_t id,
	const struct plan *before, struct err *reterr);
struct plan_hostport { const char *proto, *ip; int host_port, port; };
int plan_pod(struct plan *out, const struct plan_base *b, const struct ip ips[IP_FAMILIES], const struct plan_hostport *ports, unsigned count);
/* A node's ranges, as elements of the sets that say who is of the cluster. */
int plan_member(struct plan *out, const struct plan_base *b, const struct ip_range ranges[IP_FAMILIES]);

const char *plan_name(const struct plan *p, const struct plan_item *it);
const char *plan_key(const struct plan *p, const struct plan_item *it);
const char *plan_body(const struct plan *p, const struct plan_item *it);

/* The first item that does not come before this one, sealed plans only. */
unsigned plan_find(const struct plan *p, enum plan_kind kind, int family, const char *name, const char *key);
/* Is there an item of this kind, family, name and key? */
bool plan_has(const struct plan *p, enum plan_kind kind, int family, const char *name, const char *key);
/* Drop items[i]: another plan owns that element. */
void plan_drop(struct plan *p, unsigned i);

/* From old to new (either may be NULL): first for all that change what makes room, then for
 * all what fills it, in one transaction. */
void plan_diff_clear(struct buf *out, const char *table, const struct plan *old, const struct plan *new);
/* table: with its family, "ip sampan". */
void plan_rules(struct buf *out, const char *table, const char *chain, const char *text);
void plan_diff_fill(struct buf *out, const char *table, const struct plan *old, const struct plan *new);

#endif
