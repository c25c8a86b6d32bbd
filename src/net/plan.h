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
#include "net/net.h"

#define PLAN_MASQUERADE_MARK 0x4000u

struct plan_base {
	const char *table;                          /* also the bridge's name: "sampan" -> "sampan0" */
	const char *pod_cidr;                       /* NULL: another network has the pods */
	const char *cluster_cidr, *service_cidr, *dns_ip;
	const char *address;                        /* the node's own, or NULL */
	const char *const *more_cidrs;              /* of Services, besides service_cidr; NULL-terminated, or NULL */
};
/* The table with everything that no Service and no pod has a part in, replacing what is there. */
void plan_base_text(struct buf *out, const struct plan_base *b);

/* A shared chain is the same for all plans that name it: plan_diff_* pass over it. */
enum plan_kind { PLAN_SHARED, PLAN_SET, PLAN_CHAIN, PLAN_ELEMENT };
struct plan_item { enum plan_kind kind; uint32_t name, key, body; };   /* offsets into text */
struct plan {                                       /* {0} is the empty plan */
	struct buf text;
	struct plan_item *items;                    /* sorted by kind, name, key */
	unsigned count, cap;
	bool failed;
};
void plan_finish(struct plan *p);

/* id: this node's own number of the Service, part of its chains' names. before: what it has now, or
 * NULL: endpoints that stay keep their numbers. 0, -ERR_INVALID or -ERR_NOMEM. */
int plan_service(struct plan *out, const struct plan_base *b, const struct net_service *s, uint32_t id,
	const struct plan *before, struct err *reterr);
struct plan_hostport { const char *proto, *ip; int host_port, port; };
int plan_pod(struct plan *out, const char *ip, const struct plan_hostport *ports, unsigned count);

const char *plan_name(const struct plan *p, const struct plan_item *it);
const char *plan_key(const struct plan *p, const struct plan_item *it);
const char *plan_body(const struct plan *p, const struct plan_item *it);

/* The first item that does not come before this one, sealed plans only. */
unsigned plan_find(const struct plan *p, enum plan_kind kind, const char *name, const char *key);
/* Is there an item of this kind, name and key? */
bool plan_has(const struct plan *p, enum plan_kind kind, const char *name, const char *key);
/* Drop items[i]: another plan owns that element. */
void plan_drop(struct plan *p, unsigned i);

/* From old to new (either may be NULL): first for all that change what makes room, then for
 * all what fills it, in one transaction. */
void plan_diff_clear(struct buf *out, const char *table, const struct plan *old, const struct plan *new);
void plan_rules(struct buf *out, const char *table, const char *chain, const char *text);
void plan_diff_fill(struct buf *out, const char *table, const struct plan *old, const struct plan *new);

#endif
