/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns - the cluster's names, answered on UDP and TCP; others' passed on to the
 * machine's own resolvers.
 *
 * In:      clients' packets, net's Services.   Out: answers; queries to resolvers.
 * Thread:  loop thread.
 * Limits:  DNS_INFLIGHT_MAX questions passed on at once, DNS_TCP_MAX connections,
 *          DNS_CACHE_MAX kept answers.
 * Source:  RFC 1035, 2308 (negative answers), 6891 (EDNS), 7766 (TCP); Kubernetes
 *          DNS-Based Service Discovery 1.1.0.
 * Tests:   tests/unit/net/test_dns.c, tests/fuzz/fuzz_dns.c
 */
#ifndef NET_DNS_H
#define NET_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/net.h"

struct loop;
struct dns;

#define DNS_INFLIGHT_MAX 1024u
#define DNS_TCP_MAX      256u
#define DNS_CACHE_MAX    2048u
#define DNS_TTL_S        5
#define DNS_UDP_MAX      1232u         /* what we take and send without fragments */

struct dns_config {
	const char *ip;                /* one, or two of different families with a comma */
	unsigned port;
	const char *domain;            /* "cluster.local" */
	const char *upstream_resolv;   /* resolv.conf, or NULL: names outside the cluster are refused */
};
int dns_open(struct dns **ret, struct loop *l, const struct net *n, const struct dns_config *cfg, struct err *reterr);
void dns_close(struct dns *d);         /* accepts NULL */
uint64_t dns_queries(const struct dns *d);

/* ---- the pure part (dnsmsg.c, dnswire.c) ---- */
struct dns_zone {
	const char *domain;
	const struct net_service *(*find)(const void *arg, const char *ns, const char *name);
	const struct net_service *(*find_by_ip)(const void *arg, const char *ip);
	bool (*has_ns)(const void *arg, const char *ns);
	const void *arg;
};
enum dns_verdict {
	DNS_DROP,                      /* not a question: no answer at all */
	DNS_ANSWER,                    /* out is the answer */
	DNS_FORWARD,                   /* a well-formed question about somebody else's name */
	DNS_CHASE,                     /* out is our part, an alias of somebody else's name: target */
};
#define DNS_NAME_MAX 1020              /* a name of 255 bytes with everything escaped */
/* Answers a packet; out is cut to what the asker can take over UDP (tcp: whole, up to 65535). */
enum dns_verdict dns_answer(const struct dns_zone *z, const void *query, size_t len, bool tcp, struct buf *out,
	char target[DNS_NAME_MAX]);
/* A question for name of the type that query asks for. */
void dns_question(const void *query, size_t len, const char *name, uint16_t id, struct buf *out);
/* ours (of DNS_CHASE) with the records of theirs; out as dns_answer. */
void dns_merge(const void *query, size_t len, const void *ours, size_t ours_len, const void *theirs,
	size_t theirs_len, bool tcp, struct buf *out);
/* An answer to query with this RCODE and no records; nothing when query is not a question. */
void dns_error(const void *query, size_t len, int rcode, struct buf *out);
/* The largest UDP answer the asker of this query takes. */
size_t dns_udp_size(const void *query, size_t len);
/* Lower-case question and flags that change the answer, as a key; false: not one question. */
bool dns_key(const void *query, size_t len, struct buf *out);
/* The smallest TTL of an answer, -1: none or malformed; age is taken off each. */
int64_t dns_min_ttl(const void *answer, size_t len);
void dns_age(void *answer, size_t len, uint32_t age_s);

#endif
