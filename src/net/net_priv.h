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
	bool is_pod;
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
	char ip[INET_ADDRSTRLEN];
	uint32_t addr;                 /* host order */
	bool kept;                     /* named since this process started, or added by it */
	bool adding, del;              /* del: wanted while adding */
	struct net *net;
	struct plan_hostport *ports; unsigned port_count;
};

struct net {
	struct loop *loop;
	char *name, *pod_cidr, *cluster_cidr, *service_cidr, *dns_ip, *state_dir, *address;
	struct plan_base base;
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

	uint32_t first_addr, last_addr, next_addr;  /* host order, what pods may have */
	uint8_t *addr_used;            /* one byte an address, from first_addr */
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
int peers_open(struct net *n, const char *address);
const char *peers_tunnel(const struct net *n);         /* the link's name, also while there is none */
void peers_stop(struct net *n);        /* nothing begins any more; before the workers are closed */
void peers_close(struct net *n);       /* after */

/* announce.c: as peers.c. address: the node's own, NULL: nothing is announced */
int announce_open(struct net *n, const char *address);
void announce_stop(struct net *n);
void announce_close(struct net *n);

void peers_mtu(struct net *n);         /* of the link below: it changed */

/* ranges.c: as peers.c */
int ranges_open(struct net *n);
void ranges_stop(struct net *n);
void ranges_close(struct net *n);

/* linkwatch.c */
int linkwatch_open(struct net *n, const char *address);
void linkwatch_close(struct net *n);

/* pulse.c */
int pulse_open(struct net *n, const char *address);
void pulse_close(struct net *n);
/* Who speaks in an ARP frame without its Ethernet header. False: it is none. */
bool pulse_answer(const void *frame, size_t n, uint8_t ret_ip[4]);

/* service.c: a deep copy in one block; NULL: no memory. */
struct net_service *service_copy(const struct net_service *s);

/* pods.c */
int pods_open(struct net *n, struct err *reterr);
int pods_wanted(const struct pod *p, struct plan *out);
void pods_free(struct pod *p);

#endif
