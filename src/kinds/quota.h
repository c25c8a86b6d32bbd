/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota - what an object counts for in a ResourceQuota: functions of the object alone.
 * Admission and the controller that tells the status ask the same functions, so that
 * what is refused and what is shown never differ.
 *
 * Source: kubernetes pkg/quota/v1/evaluator/core (pods, services,
 * persistent_volume_claims, resource_claims), apiserver pkg/quota/v1/generic/evaluator.go (count/...),
 * component-helpers resource/helpers.go (what a pod requests).
 * Tests: tests/unit/kinds/test_quota.c
 */
#ifndef KINDS_QUOTA_H
#define KINDS_QUOTA_H

#include "doc/quantity.h"
#include "kinds/kinds.h"

/* Does the quota's resource `name` ("requests.cpu", "count/jobs.batch") count objects of kind k? */
bool quota_counts(const struct kinds_kind *k, const char *name);
/* How much of it obj uses. Only where quota_counts() is true. */
void quota_amount(const struct kinds_kind *k, yyjson_val *obj, const char *name, struct quantity *ret);
/* Do the scopes and the scopeSelector of a ResourceQuota's spec take obj in? */
bool quota_in_scope(yyjson_val *spec, const struct kinds_kind *k, yyjson_val *obj);
/* A quota of cpu or memory wants every container to say how much: is `name` such a resource,
 * and does this container (of a pod with this spec) fail to say? */
bool quota_missing(yyjson_val *pod_spec, yyjson_val *container, const char *name);
/* Wall clock at which a pod that is being deleted stops to count, for its node may be
 * lost; INT64_MAX: it counts as long as it is there. */
int64_t quota_free_at_us(yyjson_val *pod);

/* What a pod takes of one resource: list is "requests" or "limits". All containers
 * together, or the largest init container with the sidecars before it; what the pod says
 * as a whole goes first; then its overhead, if asked for. False: nobody says anything. */
bool pod_resource(yyjson_val *pod_spec, const char *list, const char *resource, bool overhead,
	struct quantity *ret);

/* A quantity member of an object of them (names may hold dots). False: absent or no quantity. */
bool quota_quantity(yyjson_val *list, const char *name, struct quantity *ret);

#endif
