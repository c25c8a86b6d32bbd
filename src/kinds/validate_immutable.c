/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members that an update may not change, one row each. What depends on other
 * members is beside its kind's rules.
 * Source: the Validate*Update functions of kubernetes pkg/apis.
 */
#include "kinds/validate.h"

enum {
	IMM_ALWAYS,
	IMM_IF_IMMUTABLE,  /* the old object says immutable: true */
};
enum { IMM_INVALID, IMM_FORBIDDEN };

static const struct row {
	const char *type, *path, *report;  /* report: the path that is named, path itself when NULL */
	uint8_t when, how;
	const char *detail;                /* NULL: the usual one */
} rows[] = {
	{ "apps/v1.ControllerRevision", "data" },
	{ "apps/v1.DaemonSet", "spec.selector" },
	{ "apps/v1.Deployment", "spec.selector" },
	{ "apps/v1.ReplicaSet", "spec.selector" },
	{ "batch/v1.Job", "spec.selector" },
	{ "batch/v1.Job", "spec.completionMode" },
	{ "batch/v1.Job", "spec.podFailurePolicy" },
	{ "batch/v1.Job", "spec.backoffLimitPerIndex" },
	{ "batch/v1.Job", "spec.managedBy" },
	{ "batch/v1.Job", "spec.successPolicy" },
	{ "core/v1.ConfigMap", "immutable", NULL, IMM_IF_IMMUTABLE, IMM_FORBIDDEN,
	  "field is immutable when `immutable` is set" },
	{ "core/v1.ConfigMap", "data", NULL, IMM_IF_IMMUTABLE, IMM_FORBIDDEN,
	  "field is immutable when `immutable` is set" },
	{ "core/v1.ConfigMap", "binaryData", NULL, IMM_IF_IMMUTABLE, IMM_FORBIDDEN,
	  "field is immutable when `immutable` is set" },
	{ "core/v1.Secret", "type" },
	{ "core/v1.Secret", "immutable", NULL, IMM_IF_IMMUTABLE, IMM_FORBIDDEN,
	  "field is immutable when `immutable` is set" },
	{ "core/v1.Secret", "data", NULL, IMM_IF_IMMUTABLE, IMM_FORBIDDEN,
	  "field is immutable when `immutable` is set" },
	{ "discovery/v1.EndpointSlice", "addressType" },
	{ "events/v1.Event", "regarding", "involvedObject" },
	{ "events/v1.Event", "reason" },
	{ "events/v1.Event", "note", "message" },
	{ "events/v1.Event", "deprecatedSource", "source" },
	{ "events/v1.Event", "deprecatedFirstTimestamp", "firstTimestamp" },
	{ "events/v1.Event", "deprecatedLastTimestamp", "lastTimestamp" },
	{ "events/v1.Event", "deprecatedCount", "count" },
	{ "events/v1.Event", "type" },
	{ "events/v1.Event", "action" },
	{ "events/v1.Event", "related" },
	{ "events/v1.Event", "reportingController" },
	{ "events/v1.Event", "reportingInstance" },
	{ "events/v1.Event", "eventTime" },
	{ "networking/v1.IPAddress", "spec.parentRef" },
	{ "networking/v1.IngressClass", "spec.controller" },
	{ "node/v1.RuntimeClass", "handler" },
	{ "resource/v1.ResourceClaim", "spec" },
	{ "resource/v1.ResourceClaimTemplate", "spec" },
	{ "resource/v1.ResourceSlice", "spec.driver" },
	{ "resource/v1.ResourceSlice", "spec.nodeName" },
	{ "resource/v1.ResourceSlice", "spec.pool.name" },
	{ "scheduling/v1.PriorityClass", "value", NULL, IMM_ALWAYS, IMM_FORBIDDEN,
	  "may not be changed in an update." },
	{ "scheduling/v1.PriorityClass", "preemptionPolicy" },
	{ "storage/v1.CSIDriver", "spec.attachRequired", "spec.attachedRequired" },
	{ "storage/v1.CSIDriver", "spec.volumeLifecycleModes" },
	{ "storage/v1.CSIStorageCapacity", "nodeTopology" },
	{ "storage/v1.CSIStorageCapacity", "storageClassName" },
	{ "storage/v1.StorageClass", "parameters", NULL, IMM_ALWAYS, IMM_FORBIDDEN,
	  "updates to parameters are forbidden." },
	{ "storage/v1.StorageClass", "provisioner", NULL, IMM_ALWAYS, IMM_FORBIDDEN,
	  "updates to provisioner are forbidden." },
	{ "storage/v1.StorageClass", "reclaimPolicy", NULL, IMM_ALWAYS, IMM_FORBIDDEN,
	  "updates to reclaimPolicy are forbidden." },
	{ "storage/v1.StorageClass", "volumeBindingMode" },
	{ "storage/v1.VolumeAttachment", "spec" },
	{ "storage/v1.VolumeAttributesClass", "driverName", NULL, IMM_ALWAYS, IMM_FORBIDDEN,
	  "updates to driverName are forbidden." },
	{ "storage/v1.VolumeAttributesClass", "parameters", NULL, IMM_ALWAYS, IMM_FORBIDDEN,
	  "updates to parameters are forbidden." },
};

static bool applies(struct vcheck *c, const struct row *r, yyjson_mut_val *now, yyjson_mut_val *was)
{
	switch (r->when) {
	case IMM_IF_IMMUTABLE:
		return doc_mbool(c->old, "immutable", false);
	default:
		return true;
	}
}

static void report(struct vcheck *c, const struct row *r, yyjson_mut_val *now)
{
	const struct vpath *p = &(const struct vpath){ .name = r->report ? r->report : r->path };
	const char *detail = r->detail ? r->detail : V_IMMUTABLE;

	if (r->how == IMM_FORBIDDEN)
		v_forbidden(c, p, detail);
	else
		v_invalid_value(c, p, now, detail);
}

static void stateful_set(struct vcheck *c)
{
	static const char mutable[] = "replicas|ordinals|template|updateStrategy|revisionHistoryLimit|"
		"persistentVolumeClaimRetentionPolicy|minReadySeconds";
	yyjson_mut_val *pair[] = { v_get(c->v, "spec"), v_get(c->old, "spec") };
	bool moved = false;

	for (int i = 0; i < 2; i++)
		V_MEMBERS(name, m, pair[i])
			moved |= !v_one_of(name, mutable) && !v_same(m, v_get(pair[!i], name));
	if (moved)
		v_forbidden(c, V_AT(NULL, "spec"), "updates to statefulset spec for fields other than 'replicas', "
			"'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
			"'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
}

/* Equal but for the members named in free, and inside of the one named partly for those in partly_free. */
static bool same_but(yyjson_mut_val *a, yyjson_mut_val *b, const char *free, const char *partly, const char *partly_free)
{
	yyjson_mut_val *pair[] = { a, b };

	for (int i = 0; i < 2; i++)
		V_MEMBERS(name, m, pair[i]) {
			yyjson_mut_val *other = v_get(pair[!i], name);
			if (v_one_of(name, free))
				continue;
			if (!strcmp(name, partly) ? !same_but(m, other, partly_free, "", "") : !v_same(m, other))
				return false;
		}
	return true;
}

static void job(struct vcheck *c)
{
	yyjson_mut_val *now = v_get(c->v, "spec"), *was = v_get(c->old, "spec");
	yyjson_mut_val *n = v_get(now, "completions"), *o = v_get(was, "completions"), *wide = v_get(now, "parallelism");
	yyjson_mut_val *tmpl = v_get(now, "template"), *old = v_get(was, "template");
	const struct vpath *p = V_AT(NULL, "spec");
	/* A job that never ran may still be told where its pods go. */
	bool waiting = doc_mbool(was, "suspend", false) && !doc_mget(c->old, "status.startTime");

	if (!v_same(n, o)) {
		if (!v_is(now, "completionMode", "Indexed"))
			v_invalid_value(c, V_AT(p, "completions"), n, V_IMMUTABLE);
		else if (n && !(wide && doc_mequal(n, wide)))
			v_invalid_value(c, V_AT(p, "completions"), n, "can only be modified in tandem with spec.parallelism");
	}
	if (waiting ? !same_but(v_get(tmpl, "metadata"), v_get(old, "metadata"), "labels|annotations", "", "") ||
	    !same_but(v_get(tmpl, "spec"), v_get(old, "spec"), "nodeSelector|tolerations|schedulingGates", "affinity",
			"nodeAffinity") : !v_same(tmpl, old))
		v_invalid_value(c, V_AT(p, "template"), tmpl, V_IMMUTABLE);
}

void v_immutable(struct vcheck *c)
{
	const char *type = c->k->type->name;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		if (strcmp(r->type, type))
			continue;
		yyjson_mut_val *now = doc_mget(c->v, r->path), *was = doc_mget(c->old, r->path);
		if (applies(c, r, now, was) && !v_same(now, was))
			report(c, r, now);
	}
	if (!strcmp(type, "apps/v1.StatefulSet"))
		stateful_set(c);
	else if (!strcmp(type, "batch/v1.Job"))
		job(c);
}
