/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of a status: none is negative, none above what it is part of.
 * Source: kubernetes pkg/apis/{apps,autoscaling}/validation (Validate*Status*).
 */
#include "kinds/validate.h"

#define OF_ALL "cannot be greater than status.replicas"
#define OF_READY "cannot be greater than readyReplicas"

static const struct { const char *type, *counts; } counted[] = {
	{ "apps/v1.DaemonSet", "currentNumberScheduled|numberMisscheduled|desiredNumberScheduled|numberReady|"
	  "observedGeneration|updatedNumberScheduled|numberAvailable|numberUnavailable|collisionCount" },
	{ "apps/v1.Deployment", "observedGeneration|replicas|updatedReplicas|readyReplicas|availableReplicas|"
	  "unavailableReplicas|terminatingReplicas|collisionCount" },
	{ "apps/v1.ReplicaSet", "replicas|fullyLabeledReplicas|readyReplicas|availableReplicas|"
	  "observedGeneration|terminatingReplicas" },
	{ "apps/v1.StatefulSet", "replicas|readyReplicas|currentReplicas|updatedReplicas|availableReplicas|"
	  "observedGeneration|collisionCount" },
	{ "autoscaling/v2.HorizontalPodAutoscaler", "currentReplicas|desiredReplicas" },
};

static const struct { const char *type, *part, *whole, *detail; } parts[] = {
	{ "apps/v1.Deployment", "updatedReplicas", "replicas", OF_ALL },
	{ "apps/v1.Deployment", "readyReplicas", "replicas", OF_ALL },
	{ "apps/v1.Deployment", "availableReplicas", "replicas", OF_ALL },
	{ "apps/v1.Deployment", "availableReplicas", "readyReplicas", OF_READY },
	{ "apps/v1.ReplicaSet", "fullyLabeledReplicas", "replicas", OF_ALL },
	{ "apps/v1.ReplicaSet", "readyReplicas", "replicas", OF_ALL },
	{ "apps/v1.ReplicaSet", "availableReplicas", "replicas", OF_ALL },
	{ "apps/v1.ReplicaSet", "availableReplicas", "readyReplicas", OF_READY },
	{ "apps/v1.StatefulSet", "readyReplicas", "replicas", OF_ALL },
	{ "apps/v1.StatefulSet", "currentReplicas", "replicas", OF_ALL },
	{ "apps/v1.StatefulSet", "updatedReplicas", "replicas", OF_ALL },
	{ "apps/v1.StatefulSet", "availableReplicas", "replicas", OF_ALL },
	{ "apps/v1.StatefulSet", "availableReplicas", "readyReplicas", "cannot be greater than status.readyReplicas" },
};

static void not_negative_each(struct vcheck *c, const struct vpath *p, yyjson_mut_val *status, const char *names)
{
	for (size_t n; *names; names += n + (names[n] == '|')) {
		n = strcspn(names, "|");
		const char *name = arena_strndup(c->a, names, n);
		if (name)
			v_not_negative(c, p, status, name);
	}
}

void validate_counts(struct vcheck *c, const struct vpath *spec_path, yyjson_mut_val *spec)
{
	const struct vpath *p = V_AT(NULL, "status");
	yyjson_mut_val *now = v_get(c->v, "status"), *was = v_get(c->old, "status");
	const char *type = c->k->type->name;
	int64_t collisions = doc_mint(now, "collisionCount", 0);

	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		if (!strcmp(counted[i].type, type))
			not_negative_each(c, p, now, counted[i].counts);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int64_t n = doc_mint(now, parts[i].part, 0);
		if (!strcmp(parts[i].type, type) && n > doc_mint(now, parts[i].whole, 0))
			v_invalid_int(c, V_AT(p, parts[i].part), n, parts[i].detail);
	}
	if (collisions < doc_mint(was, "collisionCount", 0))
		v_invalid_int(c, V_AT(p, "collisionCount"), collisions, "cannot be decremented");
}
