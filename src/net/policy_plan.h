/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_plan - the chains and sets that policies want, and what of it the kernel does not have
 * yet. Pure: no I/O, no clock.
 *
 *   ingress<f>, egress<f>     map: a selected pod's address -> the chain of its profile
 *   self<f>                   a selected pod's address twice: it may reach itself
 *   links<f>                  link . address of each pod of this node: what it may send under
 *   all-<d><f>-<id>           a profile: jumps to each policy that selects its pods, then drops
 *   pol-<d><f>-<id>           a policy: what it allows passes, the rest returns
 *   ports-<d><f>-<id>         the ports of a rule that has peers, too
 *   pods<f>-<id>              addresses of the pods of one peer; policies share it
 *   named<f>-<id>             address . protocol . port, of all pods, by a port's name
 *   block<f>-<id>, port<f>-<id>   ranges of addresses, of ports
 *
 * <d> is i or e, <f> 4 or 6. A packet costs a look-up in egress and one in ingress; only
 * those of selected pods go through the rules of their own policies. A family's chains and
 * sets are there while this node has a selected pod of that family.
 *
 * What is used no more is found by its count of references and goes with the next emission.
 *
 * In:      policy.c.    Out: calls of a sink, in an order that the kernel takes.
 * Promise: an emission names what changed since the one before, only that, and leaves
 *          nothing out; what it told is taken for applied.
 * Tests:   tests/unit/net/test_policy.c
 */
#ifndef NET_POLICY_PLAN_H
#define NET_POLICY_PLAN_H

#include "base/list.h"
#include "base/map.h"
#include "net/policy.h"

struct policy_chain;
struct policy_peers;
struct policy_owner;

enum policy_set_kind { SET_SELF, SET_INGRESS, SET_EGRESS, SET_LINKS, SET_PODS, SET_NAMED, SET_BLOCK, SET_PORT };
#define SET_ALWAYS 4                   /* so many of them are there with the table */
struct policy_set {
	enum policy_set_kind kind;
	int family;                    /* 0: IPv4, 1: IPv6 */
	uint32_t id;                   /* 0: one that is always there */
	unsigned refs;                 /* rules that look into it */
	bool applied;
	char *key;                     /* SET_BLOCK, SET_PORT: what is in it */
	struct policy_peers *peers;    /* SET_PODS, SET_NAMED: who fills it */
	struct map elems;              /* struct policy_elem by its text */
	struct list dirty_elems, dirty, all;
};

/* Text of an element: addresses and numbers in hex, "0af40002", "0af40002.06.0050"; of a
 * range its two ends, both in it, "0a000000-0affffff". */
#define POLICY_ELEM_MAX 80
struct policy_elem {
	struct list dirty;
	struct policy_chain *to, *applied_to;   /* of a map */
	unsigned refs;
	bool applied;
	char text[];
};

/* What is not set matches everything. */
enum policy_verdict { VERDICT_DROP, VERDICT_PASS, VERDICT_JUMP };
struct policy_match {
	struct policy_set *peer;       /* of the other end's address: SET_PODS or SET_BLOCK */
	struct policy_set *named;      /* of destination . protocol . port */
	uint8_t proto;
	struct policy_set *port;       /* of the destination port, together with proto */
	enum policy_verdict verdict;
	struct policy_chain *to;       /* VERDICT_JUMP */
};

enum policy_chain_kind { CHAIN_PROFILE, CHAIN_POLICY, CHAIN_PORTS };
struct policy_chain {
	enum policy_chain_kind kind;
	enum policy_dir dir;
	int family;
	uint32_t id;
	unsigned refs;                 /* elements or rules that lead to it */
	bool applied, changed;
	struct list dirty, all;
	char *key;                     /* CHAIN_PROFILE: its policies */
	struct policy_owner *policy;   /* CHAIN_POLICY, until the policy is gone */
	struct policy_match *rules; unsigned rule_count, rule_cap;
};

/* Where an emission goes; each call is a step of one transaction. */
struct policy_sink {
	void (*table)(void *arg, bool make);   /* away with all of it; make: anew, with what is always there */
	void (*set)(void *arg, const struct policy_set *s, bool add);
	void (*elem)(void *arg, const struct policy_set *s, const char *text, const struct policy_chain *to, bool add);
	void (*chain)(void *arg, const struct policy_chain *c, bool add);
	void (*flush)(void *arg, const struct policy_chain *c);
	void (*rule)(void *arg, const struct policy_chain *c, const struct policy_match *m);
	void *arg;
};

struct policy_plan {
	struct map namespaces, policies, pods;   /* by "ns", "ns/name" */
	struct map peers, sets, profiles;        /* by their keys */
	struct list wide;                        /* peers that choose among namespaces */
	struct list all_sets, all_chains, dirty_sets, dirty_chains;
	struct policy_set always[SET_ALWAYS][2];
	uint32_t next_id;
	bool table;                              /* the kernel has it */
	bool failed;                             /* out of memory: what is known is not all any more */
};
void policy_plan_init(struct policy_plan *p);
void policy_plan_finish(struct policy_plan *p);
/* See policy.h. */
void policy_plan_set(struct policy_plan *p, const struct policy_told *t);
void policy_plan_del(struct policy_plan *p, const char *ns, const char *name);
void policy_plan_namespace(struct policy_plan *p, const char *name, const struct policy_label *labels, unsigned count);
void policy_plan_namespace_del(struct policy_plan *p, const char *name);
void policy_plan_pod(struct policy_plan *p, const struct policy_pod *pod);
void policy_plan_pod_del(struct policy_plan *p, const char *ns, const char *name);
void policy_plan_forget_peers(struct policy_plan *p);
/* again: what the kernel has is not what was told before. */
void policy_plan_emit(struct policy_plan *p, const struct policy_sink *to, bool again);

#endif
