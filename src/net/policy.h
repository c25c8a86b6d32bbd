/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - which traffic the pods of this node may have: what is told of policies, pods and
 * namespaces becomes chains and sets of the nftables table `inet <table>`, which also holds every
 * pod to its own addresses. There is no table while there is no policy.
 *
 * In:      agent, with plain structs.   Out: nf_tables by netlink.
 * Never:   API objects.
 * Thread:  loop thread; the kernel is spoken to on a worker.
 * Promise: what changes is applied in one transaction, whose size depends on the change only.
 *          Rules of an earlier life serve until the first transaction, which replaces them.
 *          A pod has its rules when a policy_sync after it was told answers.
 *
 * Every packet of a connection's opener is judged as it comes, not only its first: what a
 * policy begins to forbid stops at once, whatever stood before. Answers flow as long as the
 * connection is known. Traffic between a pod and its own node is never judged, nor what a pod
 * sends to itself. Judged is what stands in the packet after a Service's translation.
 *
 * Tests:   tests/unit/net/test_policy.c (beside a plain evaluator), test_net_root.c,
 *          tests/node/21_policies.sh
 * Source:  Kubernetes docs concepts/services-networking/network-policies; k8s.io/api
 *          networking/v1; test/e2e/network/netpol.
 */
#ifndef NET_POLICY_H
#define NET_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct loop;
struct policy;

struct policy_label { const char *key, *value; };
enum policy_op { POLICY_IN, POLICY_NOT_IN, POLICY_EXISTS, POLICY_ABSENT };
struct policy_term { const char *key; enum policy_op op; const char *const *values; unsigned value_count; };
struct policy_selector { const struct policy_term *terms; unsigned count; };   /* no term: everything */

/* port 0 without a name: every port of proto; end 0: one port. */
struct policy_port { const char *proto, *name; int port, end; };
/* Either cidr, or pods, namespaces, or both: NULL pods are all, NULL namespaces the policy's own. */
struct policy_peer {
	const struct policy_selector *pods, *namespaces;
	const char *cidr;
	const char *const *except; unsigned except_count;
};
/* No peers: everybody; no ports: everything. */
struct policy_rule {
	const struct policy_peer *peers; unsigned peer_count;
	const struct policy_port *ports; unsigned port_count;
};
enum policy_dir { POLICY_INGRESS, POLICY_EGRESS };
struct policy_told {
	const char *ns, *name;
	struct policy_selector pods;
	bool acts[2];                  /* by policy_dir */
	const struct policy_rule *rules[2]; unsigned rule_count[2];
};

struct policy_named { const char *name, *proto; int port; };   /* a container's port that has a name */
struct policy_pod {
	const char *ns, *name;
	bool local;                    /* of this node: it may be selected, not only be somebody's peer */
	const char *link;              /* of a local one: this machine's end, "sampan0af40002" */
	const char *const *ips; unsigned ip_count;
	const struct policy_label *labels; unsigned label_count;
	const struct policy_named *ports; unsigned port_count;
};

#define POLICY_IPS_MAX 2u              /* of a pod: one of each family */
#define POLICY_BLOCKS_MAX 10000u       /* ranges of one rule, exceptions cut out */

/* table: also how the names of pods' links begin; the tunnel's is that and an x. */
int policy_open(struct policy **ret, struct loop *l, const char *table, struct err *reterr);
void policy_close(struct policy *p);   /* the rules stay */
/* Remove the table; blocking, needs nothing open. */
int policy_down(const char *table, struct err *reterr);

/* All told is copied. Again under the same name: changed. What cannot be understood of a policy
 * allows nothing. */
void policy_set(struct policy *p, const struct policy_told *t);
void policy_del(struct policy *p, const char *ns, const char *name);
void policy_namespace_set(struct policy *p, const char *name, const struct policy_label *labels, unsigned count);
void policy_namespace_del(struct policy *p, const char *name);
void policy_pod_set(struct policy *p, const struct policy_pod *pod);
void policy_pod_del(struct policy *p, const char *ns, const char *name);
void policy_forget_peers(struct policy *p);    /* pods that are not local, and the namespaces' labels */

/* Held (as it is at first), changes gather and nothing is applied: not all is told yet. */
void policy_hold(struct policy *p, bool hold);
/* done runs once, later, when what was told up to now is applied (rc 0), or cannot be. */
typedef void policy_done_fn(void *arg, int rc, const char *message);
int policy_sync(struct policy *p, policy_done_fn *done, void *arg);
/* Must a pod that was told just now wait for policy_sync? False: there are no policies. */
bool policy_waits(const struct policy *p);

struct policy_stats { uint64_t applies, failures; int64_t apply_us_last; size_t bytes_last; };
void policy_stats(const struct policy *p, struct policy_stats *ret);

#endif
