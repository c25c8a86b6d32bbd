/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_priv - one node's network as its own files see it.
 *
 * Services and pods are units: things that want rules. A changed unit is dirty; a
 * flush takes all dirty ones, gives each element to one unit (the first to ask),
 * and sends one transaction. One flush is under way at a time.
 */
#ifndef NET_PRIV_H
#define NET_PRIV_H

#include <netinet/in.h>

#include "base/list.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/workers.h"
#include "net/ip.h"
#include "net/link.h"
#include "net/net.h"
#include "net/plan.h"

struct announce;
struct dns;
struct linkwatch;
struct nft_ctx;
struct peers;
struct pulse;
struct ranges;

struct unit {
	struct plan applied, wanted;
	struct list dirty;             /* in net.dirty, or alone */
	struct list flying;            /* in net.flying, or alone */
	struct list all;               /* in net.units */
	bool gone, blocked;            /* blocked: another unit owns an element of ours */
	enum { UNIT_SERVICE, UNIT_POD, UNIT_MEMBER } kind;
};

struct svc {
	struct unit unit;
	char *key;                     /* "ns/name" */
	uint32_t id;
	struct net_service *copy;
};

struct pod {
	struct unit unit;
	char *id;
	uint32_t slot;                 /* which of the pods' addresses, in each family */
	struct ip ips[IP_FAMILIES];
	char texts[IP_FAMILIES][IP_TEXT];      /* the first family's first; "": no other */
	bool kept;                     /* named since this process started, or added by it */
	bool adding, del;              /* del: wanted while adding */
	struct net *net;
	struct plan_hostport *ports; unsigned port_count;
};

/* Another node, as those who ask whether an address is of the cluster see it. */
struct member {
	struct unit unit;
	char *name;
	struct ip_range ranges[IP_FAMILIES];
};

struct net {
	struct loop *loop;
	char *name, *state_dir;
	struct plan_base base;
	char *texts;                   /* base's, in one block */
	struct ip address[IP_FAMILIES];        /* this node's own */
	struct ip_range pods_of[IP_FAMILIES];  /* its pods' */
	int first_address, first_pods; /* the family of the first of each */
	bool with_pods;                /* false: another network has them */
	struct link_bridge bridge;
	struct workers *rules, *links, *removals;   /* one thread each */
	struct nft_ctx *rules_ctx;     /* the rules worker's */
	struct dns *dns;
	struct peers *peers;
	struct announce *announce;
	struct pulse *pulse;
	struct ranges *ranges;
	struct linkwatch *linkwatch;

	struct map services, pods;     /* by "ns/name", by pod id */
	struct map members;            /* struct member by the node's name */
	struct map by_ip;              /* "10.96.0.1" -> struct svc, for reverse names */
	struct map namespaces;         /* to the count of its Services */
	struct map owners;             /* "set key" -> struct unit */
	struct map shared;             /* by chain's name, shared.c */
	struct list shared_touched;
	struct list units, dirty, waiters;
	struct list flying;            /* units of the flush under way */
	uint32_t next_id;
	struct loop_timer flush_timer;
	struct loop_task wake_task;
	uint64_t started, finished;    /* flushes */
	bool in_flight, need_full, released, synced, closing;
	unsigned failures;

	uint32_t slot_count, next_slot;        /* pods' addresses: slot s is the address 2 + s of each range */
	uint8_t *slot_used;            /* one byte each */
	struct net_stats stats;
};

#define NET_SETTLE_MS 2000             /* at most so long the rules of an earlier life serve */

/* flush.c */
void net_dirty(struct net *n, struct unit *u);
void net_all_dirty(struct net *n);     /* the table is made anew, soon */
void net_flush(void *net);
void net_wake(void *net);              /* waiters whose flush has finished */
void net_fail_waiters(struct net *n, int rc, const char *message);
/* libnftables, kept open: when its socket closes the kernel waits for all that readers may still
 * see, which takes longer than a change. One thread at a time. 0 or -ERR_NOMEM. */
int net_rules_open(struct nft_ctx **ret);
/* Blocking; *rc and, when it is not 0, a message. */
void net_run_rules(struct nft_ctx *ctx, const char *text, int *rc, char *message, size_t size);

/* owners.c */
void net_release(struct net *n, struct unit *u);       /* what it has and no longer wants */
void net_acquire(struct net *n, struct unit *u);       /* what others own leaves u->wanted */

/* shared.c: chains that many plans name; each is there while one does. */
void shared_count(struct net *n, const struct plan *p, int by);
void shared_make(struct net *n, struct buf *out);      /* those that are needed now, and their rules */
void shared_unmake(struct net *n, struct buf *out);    /* those that no plan names any more */
void shared_forget(struct net *n);                     /* the table is made anew, all plans are counted again */

/* net.c */
void net_free_unit(struct unit *u);
const struct net_service *net_find_service(const struct net *n, const char *ns, const char *name);
bool net_has_ns(const struct net *n, const char *ns);
const struct net_service *net_find_by_ip(const struct net *n, const char *ip);

/* peers.c */
int peers_open(struct net *n);
const char *peers_tunnel(const struct net *n);         /* the link's name, also while there is none */
void peers_stop(struct net *n);        /* nothing begins any more; before the workers are closed */
void peers_close(struct net *n);       /* after */

/* announce.c: as peers.c. A node without an address of its own announces nothing. */
int announce_open(struct net *n);
void announce_stop(struct net *n);
void announce_close(struct net *n);

void peers_mtu(struct net *n);         /* of the link below: it changed */

/* ranges.c: as peers.c */
int ranges_open(struct net *n);
void ranges_stop(struct net *n);
void ranges_close(struct net *n);
/* Those on lo that have no source outlive all links. */
int ranges_down(struct err *reterr);

/* members.c: the nodes whose pods are of the cluster; ranges NULL: gone. */
void members_tell(struct net *n, const char *node, const struct ip_range *ranges);
void members_free(struct member *m);

/* linkwatch.c */
int linkwatch_open(struct net *n);
void linkwatch_close(struct net *n);

/* pulse.c */
int pulse_open(struct net *n);
void pulse_close(struct net *n);
/* Who speaks in an ARP frame without its Ethernet header. False: it is none. */
bool pulse_answer(const void *frame, size_t n, uint8_t ret_ip[4]);
/* And in a neighbour's advertisement, without its IPv6 header. */
bool pulse_answer6(const void *message, size_t n, uint8_t ret_ip[16]);

/* service.c: a deep copy in one block; NULL: no memory. */
struct net_service *service_copy(const struct net_service *s);

/* pods.c */
int pods_open(struct net *n, struct err *reterr);
int pods_wanted(const struct pod *p, struct plan *out);
void pods_free(struct pod *p);

#endif
