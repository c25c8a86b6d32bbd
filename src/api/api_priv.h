/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_priv - the state of the API, for siblings and tests: one struct api over one
 * store and cache, and what its files keep in it.
 */
#ifndef API_API_PRIV_H
#define API_API_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "api/entry.h"
#include "api/openapi.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/map.h"
#include "cache/cache.h"
#include "kinds/kinds.h"

#define API_BODY_MAX      (3u << 20)    /* bytes of a request's body */
#define API_OBJECT_MAX (1536u << 10)   /* of one stored object, as etcd has it (--max-request-bytes) */
#define API_ARENA_MAX     (32u << 20)   /* memory of one request */
#define API_RETRIES_MAX   16u           /* rounds of compare-and-swap, of which others win the ones before */
#define API_IDLE_ARENAS   64u           /* arenas kept for the next calls */

struct rbac;
struct node_authz;
struct tokens;
struct allocator;
struct usage;
struct ledgers;
struct metrics;
struct flow;
struct discovery;
struct tunnel_tls;
struct flow_classes;
struct expirer;
struct crds;

struct api_kinds {              /* kinds that some code here knows by name */
	const struct kinds_kind *pod, *ns, *node, *service, *service_account, *job, *secret,
		*config_map, *priority_class, *crd, *pdb, *csr, *endpoints, *slice,
		*cluster_role, *role, *cluster_role_binding, *role_binding,
		*rc, *deployment, *rs, *sts, *event, *events_event, *hpa1, *hpa2,
		*storage_class, *lease, *binding, *service_cidr, *pvc, *pv, *pod_template,
		*quota, *limit_range, *runtime_class, *ingress, *ingress_class, *attributes_class,
		*csi_node, *csi_driver, *resource_slice, *daemonset, *cron_job;
};

struct api {
	struct loop *loop;
	struct store *store;
	struct cache *cache;
	char *issuer, *service_cidr, *advertise;
	char *ca_pem;                         /* of the cloud, which machines that join are told; or NULL */
	struct api_kinds k;
	const struct kinds_kind **stored_as;  /* by kinds_kind.id: in whose version it is stored */
	struct rbac *rbac;
	struct node_authz *node_authz;
	struct tokens *tokens;
	struct allocator *alloc;
	struct usage *usage;                  /* what quotas have in use (admit_quota.c) */
	struct ledgers *ledgers;              /* NULL: this server alone writes the store */
	uint32_t plugins;                     /* admission plug-ins that run, by place in their list */
	struct metrics *metrics;
	struct flow *flow;
	void (*more_metrics)(void *arg, struct buf *out);
	void *more_metrics_arg;
	bool (*controllers_run)(void *arg);   /* or NULL */
	void *controllers_arg;
	struct discovery *discovery;
	struct openapi openapi;
	struct tunnel_tls *tunnel;
	struct expirer *expirer;
	struct crds *crds;
	struct flow_classes *flow_classes;    /* by which requests are classed */
	struct list calls;                    /* all live calls */
	struct arena *idle[API_IDLE_ARENAS];  /* of finished calls, for reuse */
	unsigned idle_count;
	struct map turns;                     /* turns.c: "store/ns/name" -> whose turn it is */
	unsigned event_ttl_s;
	unsigned unseated;                    /* fresh.c: calls that wait for the store before flow control */
	bool ready, retiring, draining;
	struct loop_timer drain_timer;        /* runs: watches have not ended yet */
	int64_t started_us;                   /* wall clock */
	size_t past_bytes;             /* pages.c: of lists of past revisions */
	struct blob *frame_begin[3], *frame_end, *list_next;  /* around objects that are shared */
	struct bootstrap *bootstrap;          /* while it runs */
	struct bootstrap_keep *bootstrap_keep; /* once it ran */
};

/* A call has its answer: one of the last may be what watches waited for. */
void api_call_over(struct api *a);
/* The kind in whose version k's objects are stored; k itself for most. */
const struct kinds_kind *api_stored_as(const struct api *a, const struct kinds_kind *k);

#endif
