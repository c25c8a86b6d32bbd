/* SPDX-License-Identifier: Apache-2.0 */
/* deployment - one run's view of a Deployment, shared by its stages. */
#ifndef CONTROL_DEPLOYMENT_H
#define CONTROL_DEPLOYMENT_H

#include "control/reconcile.h"

#define DEPLOYMENT_REVISION "deployment.kubernetes.io/revision"
#define DEPLOYMENT_HISTORY  "deployment.kubernetes.io/revision-history"
#define DEPLOYMENT_DESIRED  "deployment.kubernetes.io/desired-replicas"
#define DEPLOYMENT_MAX      "deployment.kubernetes.io/max-replicas"

struct deployment_rs {             /* a ReplicaSet of it */
	struct cache_obj *obj;
	yyjson_val *tree;
	int64_t spec, replicas, ready, available, revision;
};
struct deployment {
	struct ctl *c;
	struct cache_obj *obj;
	yyjson_val *tree;
	const struct kinds_kind *kind, *rs_kind;
	struct deployment_rs *rs;  /* oldest first */
	size_t n;
	struct deployment_rs *new; /* has the Deployment's template; NULL: not there yet */
	int64_t replicas, surge, unavailable, min_available;
	int64_t total;             /* of all rs, by spec */
	int64_t revision_max;
	int64_t collisions;        /* to be told in the status */
	int64_t now_us;
};

/* deployment_rollout.c: the next step; each returns true when it wrote. */
bool deployment_new_rs(struct deployment *d);
bool deployment_resize(struct deployment *d);      /* spec.replicas changed: in proportion */
bool deployment_rolling(struct deployment *d);
bool deployment_recreate(struct deployment *d);
bool deployment_history(struct deployment *d);
/* deployment_status.c */
void deployment_status(struct deployment *d);

#endif
