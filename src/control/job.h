/* SPDX-License-Identifier: Apache-2.0 */
/* job - one run's view of a Job, shared with the arithmetic of indexes (job_index.c). */
#ifndef CONTROL_JOB_H
#define CONTROL_JOB_H

#include "control/reconcile.h"

#define JOB_FINALIZER "batch.kubernetes.io/job-tracking"
#define JOB_INDEX     "batch.kubernetes.io/job-completion-index"
#define JOB_BURST_MAX 500

struct job {
	struct ctl *c;
	struct cache_obj *obj;
	yyjson_val *tree;
	const struct kinds_kind *kind;
	yyjson_mut_val *status;        /* to be written when changed */
	bool changed, indexed;
	struct cache_obj **pods;       /* the active ones first, after look_at_pods() */
	size_t n, active, ready, terminating, uncounted;
	int64_t succeeded, failed;     /* counted for good */
	int64_t uncounted_ok, uncounted_bad;
	int64_t restarts;              /* of running pods, where they count as failures */
	int64_t last_failure_us, now_us;
};

/* The pod's index, -1 when it has none. */
int64_t job_index_of(struct cache_obj *pod);
/* Note a succeeded pod's index in status.completedIndexes ("0,2-4"). */
void job_index_done(struct job *j, struct cache_obj *pod);
/* The first index >= from that is neither done nor has an active pod; -1: none. */
int64_t job_index_free(struct job *j, int64_t from);
/* Annotation, label, host name and environment of a pod with this index. */
void job_index_set(struct job *j, yyjson_mut_val *pod, int64_t index);

#endif
