/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a write may touch. Each kind is a row: which parts count as a new
 * generation, whose status a create may set, what of the metadata a status
 * write may set. Everything else follows from the kind's subresources.
 *
 * Source: the strategy.go beside each kind in kubernetes pkg/registry, and
 * apiserver pkg/registry/rest (create.go, update.go, meta.go).
 */
#include <string.h>

#include "base/text.h"
#include "doc/doc.h"
#include "kinds/kinds_priv.h"
#include "kinds/normal.h"
#include "kinds/prepare.h"

enum generation {
	GEN_NONE,
	GEN_SPEC,        /* rises with spec */
	GEN_SPEC_NOTES,  /* rises with spec or annotations */
	GEN_BODY,        /* rises with anything but metadata and status */
	GEN_ALL,         /* rises with anything but metadata; a status subresource keeps its own apart */
	GEN_BODY_LABELS, /* rises with that or labels */
	GEN_FIXED,       /* 1 for good: nothing that counts may change */
};
enum status_meta {       /* metadata of a status write */
	META_FREE,       /* as sent */
	META_LABELS,     /* labels stay */
	META_OWNERS,     /* owner references stay */
	META_RESET,      /* labels, annotations, finalizers, owners stay */
};
enum {
	KEEP_STATUS = 1,        /* the creator sets status: nodes register themselves */
	CREATE_BY_UPDATE = 2,   /* PUT makes what does not exist */
	NEEDS_VERSION = 4,      /* an update must name the resourceVersion it read */
};

static prepare_fn keep_spec, merge_string_data, namespace_finalizers;

static const struct strategy {
	const char *type;
	uint8_t generation, meta, flags;
	const char *phase;      /* status.phase of a new object */
	prepare_fn *fill, *fill_status;
} strategies[] = {              /* ascending type */
	{ "admissionregistration/v1.MutatingAdmissionPolicy", GEN_SPEC, META_FREE, NEEDS_VERSION },
	{ "admissionregistration/v1.MutatingAdmissionPolicyBinding", GEN_SPEC, META_FREE, NEEDS_VERSION },
	{ "admissionregistration/v1.MutatingWebhookConfiguration", GEN_BODY, META_FREE, NEEDS_VERSION },
	{ "admissionregistration/v1.ValidatingAdmissionPolicy", GEN_SPEC, META_RESET, NEEDS_VERSION },
	{ "admissionregistration/v1.ValidatingAdmissionPolicyBinding", GEN_SPEC, META_FREE, NEEDS_VERSION },
	{ "admissionregistration/v1.ValidatingWebhookConfiguration", GEN_BODY, META_FREE, NEEDS_VERSION },
	{ "apiextensions/v1.CustomResourceDefinition", GEN_SPEC, META_RESET, NEEDS_VERSION },
	{ "apiregistration/v1.APIService", GEN_NONE, META_RESET, NEEDS_VERSION, NULL, prepare_api_service },
	{ "apps/v1.DaemonSet", GEN_SPEC, META_FREE, 0, NULL, prepare_daemon_set },
	{ "apps/v1.Deployment", GEN_SPEC_NOTES, META_LABELS },
	{ "apps/v1.ReplicaSet", GEN_SPEC },
	{ "apps/v1.StatefulSet", GEN_SPEC, META_FREE, 0, NULL, prepare_stateful_set },
	{ "batch/v1.CronJob", GEN_SPEC },
	{ "batch/v1.Job", GEN_SPEC, META_FREE, 0, NULL, prepare_job },
	{ "certificates/v1.CertificateSigningRequest", GEN_NONE, META_FREE, 0, NULL, keep_spec, prepare_csr_status },
	{ "coordination/v1.Lease", GEN_NONE, META_FREE, CREATE_BY_UPDATE | NEEDS_VERSION },
	{ "core/v1.Endpoints", GEN_NONE, META_FREE, CREATE_BY_UPDATE },
	{ "core/v1.Event", GEN_NONE, META_FREE, CREATE_BY_UPDATE },
	{ "core/v1.LimitRange", GEN_NONE, META_FREE, CREATE_BY_UPDATE },
	{ "core/v1.Namespace", GEN_NONE, META_FREE, 0, "Active", namespace_finalizers },
	{ "core/v1.Node", GEN_NONE, META_FREE, KEEP_STATUS, NULL, prepare_node },
	{ "core/v1.PersistentVolume", GEN_NONE, META_FREE, 0, "Pending" },
	{ "core/v1.PersistentVolumeClaim", GEN_NONE, META_FREE, 0, "Pending", prepare_claim },
	{ "core/v1.Pod", GEN_SPEC, META_OWNERS, 0, "Pending", prepare_pod, prepare_pod_status },
	{ "core/v1.PodTemplate", GEN_BODY },
	{ "core/v1.ReplicationController", GEN_SPEC },
	{ "core/v1.Secret", GEN_NONE, META_FREE, 0, NULL, merge_string_data },
	{ "core/v1.Service", GEN_NONE, META_FREE, CREATE_BY_UPDATE, NULL, prepare_service },
	{ "core/v1.ServiceAccount", GEN_NONE, META_FREE, 0, NULL, prepare_service_account },
	{ "discovery/v1.EndpointSlice", GEN_BODY_LABELS, META_FREE, 0, NULL, prepare_endpoint_slice },
	{ "events/v1.Event", GEN_NONE, META_FREE, CREATE_BY_UPDATE },
	{ "flowcontrol/v1.FlowSchema", GEN_SPEC, META_RESET },
	{ "flowcontrol/v1.PriorityLevelConfiguration", GEN_SPEC, META_RESET },
	{ "networking/v1.Ingress", GEN_SPEC },
	{ "networking/v1.IngressClass", GEN_SPEC },
	{ "networking/v1.NetworkPolicy", GEN_SPEC },
	{ "networking/v1.ServiceCIDR", GEN_NONE, META_RESET },
	{ "node/v1.RuntimeClass", GEN_NONE, META_FREE, NEEDS_VERSION },
	{ "policy/v1.PodDisruptionBudget", GEN_SPEC, META_FREE, NEEDS_VERSION },
	{ "rbac/v1.ClusterRole", GEN_NONE, META_FREE, CREATE_BY_UPDATE },
	{ "rbac/v1.ClusterRoleBinding", GEN_NONE, META_FREE, CREATE_BY_UPDATE },
	{ "rbac/v1.Role", GEN_NONE, META_FREE, CREATE_BY_UPDATE },
	{ "rbac/v1.RoleBinding", GEN_NONE, META_FREE, CREATE_BY_UPDATE },
	{ "resource/v1.DeviceClass", GEN_SPEC },
	{ "resource/v1.ResourceClaim", GEN_NONE, META_RESET },
	{ "resource/v1.ResourceSlice", GEN_SPEC },
	{ "scheduling/v1.PriorityClass", GEN_FIXED },
	{ "storage/v1.CSIDriver", GEN_SPEC, META_FREE, NEEDS_VERSION },
	{ "storage/v1.CSINode", GEN_NONE, META_FREE, NEEDS_VERSION },
	{ "storage/v1.CSIStorageCapacity", GEN_NONE, META_FREE, NEEDS_VERSION },
	{ "storage/v1.VolumeAttachment", GEN_NONE, META_RESET, NEEDS_VERSION },
};
static const struct strategy plain = { "", GEN_NONE, META_FREE, 0 };
static const struct strategy custom = { "", GEN_ALL, META_RESET, NEEDS_VERSION };

static const struct strategy *strategy_of(const struct kinds_kind *k)
{
	size_t lo = 0, hi = sizeof(strategies) / sizeof(strategies[0]);

	if (k->custom)
		return &custom;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(k->type->name, strategies[mid].type);
		if (!c)
			return &strategies[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return &plain;
}

bool kinds_allows_create_on_update(const struct kinds_kind *k)
{
	return strategy_of(k)->flags & CREATE_BY_UPDATE;
}

bool kinds_allows_unconditional_update(const struct kinds_kind *k)
{
	return !(strategy_of(k)->flags & NEEDS_VERSION);
}

/* An empty status as the kind writes one. Custom kinds have none. */
static bool reset_status(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v)
{
	const struct kinds_field *f = normal_field(k->type, "status", 6);

	bool over = false;

	doc_mdel(v, "status");
	if (k->custom || !f)
		return true;
	yyjson_mut_val *zero = kinds_zero(d, f, &over);
	return !over && (!zero || normal_put(d, k->type, v, "status", zero));
}

static bool same(yyjson_mut_val *a, yyjson_mut_val *b)
{
	if (!a || !b)
		return (!a || !yyjson_mut_get_len(a)) && (!b || !yyjson_mut_get_len(b));
	return doc_mequal(a, b);
}

/* Equal apart from metadata, the type's name and, unless it counts, status. */
static bool same_body(yyjson_mut_val *a, yyjson_mut_val *b, bool status_counts)
{
	INDEX_AUTO struct index in_a = index_map(a), in_b = index_map(b);
	yyjson_mut_val *pair[] = { a, b };

	for (int i = 0; i < 2; i++) {
		yyjson_mut_obj_iter it;
		yyjson_mut_val *key;
		yyjson_mut_obj_iter_init(pair[i], &it);
		while ((key = yyjson_mut_obj_iter_next(&it))) {
			const char *name = yyjson_mut_get_str(key);
			if (!strcmp(name, "metadata") || (!status_counts && !strcmp(name, "status")) ||
			    !strcmp(name, "kind") || !strcmp(name, "apiVersion"))
				continue;
			if (!same(index_get(&in_a, name), index_get(&in_b, name)))
				return false;
		}
	}
	return true;
}

static bool counts_as_new(const struct strategy *s, yyjson_mut_val *v, yyjson_mut_val *old)
{
	switch (s->generation) {
	case GEN_SPEC:
		return !same(doc_mget(v, "spec"), doc_mget(old, "spec"));
	case GEN_SPEC_NOTES:
		return !same(doc_mget(v, "spec"), doc_mget(old, "spec")) ||
			!same(doc_mget(v, "metadata.annotations"), doc_mget(old, "metadata.annotations"));
	case GEN_BODY:
	case GEN_ALL:
		return !same_body(v, old, s->generation == GEN_ALL);
	case GEN_BODY_LABELS:
		return !same_body(v, old, false) || !same(doc_mget(v, "metadata.labels"), doc_mget(old, "metadata.labels"));
	default:
		return false;
	}
}

static bool set_generation(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, int64_t n)
{
	yyjson_mut_val *meta = yyjson_mut_obj_get(v, "metadata");

	if (n <= 0)
		return doc_mdel(meta, "generation") || true;
	return normal_put(d, normal_type(k->type, "metadata"), meta, "generation", yyjson_mut_int(d, n));
}

/* stringData is how people write data; it is never stored. */
static bool merge_string_data(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	yyjson_mut_val *text = yyjson_mut_obj_get(v, "stringData"), *key;
	yyjson_mut_obj_iter it;

	(void)old;
	yyjson_mut_obj_iter_init(text, &it);
	while ((key = yyjson_mut_obj_iter_next(&it))) {
		BUF_AUTO struct buf b = { 0 };
		yyjson_mut_val *m = yyjson_mut_obj_iter_get_val(key), *coded;
		text_base64(&b, yyjson_mut_get_str(m), yyjson_mut_get_len(m));
		if (b.failed || !(coded = yyjson_mut_strncpy(d, b.p ? b.p : "", b.len)))
			return false;
		yyjson_mut_set_strn(m, yyjson_mut_get_str(coded), b.len);
	}
	if (!normal_merge(d, k->type, v, "data", text, true))
		return false;
	doc_mdel(v, "stringData");
	return true;
}

static bool keep_spec(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	return !old || normal_take(d, k->type, v, old, "spec");
}

/* The server's own is there from the start; after that only finalize changes them. */
static bool namespace_finalizers(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	yyjson_mut_val *list = doc_mget(v, "spec.finalizers"), *item;
	yyjson_mut_arr_iter it;

	if (old)
		return keep_spec(d, k, v, old);
	yyjson_mut_arr_iter_init(list, &it);
	while ((item = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_equals_str(item, "kubernetes"))
			return true;
	if (list)
		return yyjson_mut_arr_add_str(d, list, "kubernetes");
	list = yyjson_mut_arr(d);
	return list && yyjson_mut_arr_add_str(d, list, "kubernetes") &&
		normal_set(d, k->type, v, "spec.finalizers", list);
}

static int prepare_create(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v)
{
	const struct strategy *s = strategy_of(k);
	bool ok = true;

	if (!yyjson_mut_is_obj(yyjson_mut_obj_get(v, "metadata")))
		ok = normal_put(d, k->type, v, "metadata", yyjson_mut_obj(d));
	if (ok && kinds_sub(k, "status") && !(s->flags & KEEP_STATUS))
		ok = reset_status(d, k, v);
	if (ok && s->phase)
		ok = normal_set(d, k->type, v, "status.phase", yyjson_mut_str(d, s->phase));
	if (ok)
		ok = set_generation(d, k, v, s->generation == GEN_NONE ? 0 : 1);
	if (ok && s->fill)
		ok = s->fill(d, k, v, NULL);
	return ok ? 0 : -ERR_SIZE;
}

/* What the server set once: filled in when the client left it out, so that a
 * client that sends something else is told so by validation. */
static bool keep_metadata(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	static const char *const once[] = { "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp",
		"deletionGracePeriodSeconds" };
	const struct kinds_type *t = normal_type(k->type, "metadata");
	yyjson_mut_val *was = yyjson_mut_obj_get(old, "metadata"), *meta;

	if (!yyjson_mut_is_obj(yyjson_mut_obj_get(v, "metadata")) &&
	    !normal_put(d, k->type, v, "metadata", yyjson_mut_obj(d)))
		return false;
	meta = yyjson_mut_obj_get(v, "metadata");
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		yyjson_mut_val *m = yyjson_mut_obj_get(meta, once[i]);
		bool unset = !m || yyjson_mut_is_null(m) || (yyjson_mut_is_str(m) && !yyjson_mut_get_len(m));
		bool deletion = yyjson_mut_obj_get(was, once[i]) && !strncmp(once[i], "deletionT", 9);
		if ((unset || deletion) && !normal_take(d, t, meta, was, once[i]))
			return false;
	}
	doc_mdel(meta, "selfLink");
	return set_generation(d, k, v, doc_mint(was, "generation", 0));
}

bool prepare_keep_all_but(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old, const char *name)
{
	yyjson_mut_val *fresh = yyjson_mut_val_mut_copy(d, old), *key;
	yyjson_mut_obj_iter it;

	if (!fresh || !normal_take(d, k->type, fresh, v, "metadata") ||
	    (name && !normal_take(d, k->type, fresh, v, name)))
		return false;
	yyjson_mut_obj_iter_init(fresh, &it);
	while ((key = yyjson_mut_obj_iter_next(&it)))
		if (yyjson_mut_equals_str(key, "kind") || yyjson_mut_equals_str(key, "apiVersion")) {
			yyjson_mut_val *m = yyjson_mut_obj_get(v, yyjson_mut_get_str(key));
			if (m)
				yyjson_mut_set_strn(yyjson_mut_obj_iter_get_val(key),
					yyjson_mut_get_str(m), yyjson_mut_get_len(m));
		}
	*v = (yyjson_mut_val){ .tag = fresh->tag, .uni = fresh->uni, .next = v->next };
	return true;
}

/* Metadata that people write, and which status_meta (besides META_RESET) keeps it. */
static const struct { const char *name; uint8_t how; } meta_members[] = {
	{ "labels", META_LABELS }, { "ownerReferences", META_OWNERS },
	{ "annotations", META_RESET }, { "finalizers", META_RESET },
};
#define META_MEMBERS (sizeof(meta_members) / sizeof(meta_members[0]))

bool prepare_resets(const struct kinds_kind *k, const char *member, size_t n)
{
	int how = strategy_of(k)->meta;

	for (size_t i = 0; i < META_MEMBERS; i++)
		if (strlen(meta_members[i].name) == n && !memcmp(meta_members[i].name, member, n))
			return how == META_RESET || how == meta_members[i].how;
	return false;
}

static bool keep_meta_members(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	const struct kinds_type *t = normal_type(k->type, "metadata");
	yyjson_mut_val *meta = yyjson_mut_obj_get(v, "metadata"), *was = yyjson_mut_obj_get(old, "metadata");

	for (size_t i = 0; i < META_MEMBERS; i++)
		if (prepare_resets(k, meta_members[i].name, strlen(meta_members[i].name)) &&
		    !normal_take(d, t, meta, was, meta_members[i].name))
			return false;
	return true;
}

/* One member of what old has at path comes from the client, all else stays. */
static bool only(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old, const char *path)
{
	yyjson_mut_val *sent = yyjson_mut_val_mut_copy(d, doc_mget(v, path));

	if (!prepare_keep_all_but(d, k, v, old, NULL))
		return false;
	if (sent)
		return normal_set(d, k->type, v, path, sent);
	doc_mdel(v, path);
	return true;
}

static int prepare_update(yyjson_mut_doc *d, const struct kinds_kind *k, const char *sub,
	yyjson_mut_val *v, yyjson_mut_val *old)
{
	const struct strategy *s = strategy_of(k);
	bool ok;

	if (!keep_metadata(d, k, v, old))
		return -ERR_SIZE;
	if (!sub || !strcmp(sub, "scale"))
		ok = (!kinds_sub(k, "status") || normal_take(d, k->type, v, old, "status")) &&
			(!s->fill || s->fill(d, k, v, old));
	else if (!strcmp(sub, "status"))
		ok = prepare_keep_all_but(d, k, v, old, "status") && keep_meta_members(d, k, v, old) &&
			(!s->fill_status || s->fill_status(d, k, v, old));
	else if (!strcmp(sub, "approval"))
		ok = only(d, k, v, old, "status.conditions");
	else if (!strcmp(sub, "finalize"))
		ok = only(d, k, v, old, "spec.finalizers");
	else if (!strcmp(sub, "ephemeralcontainers"))
		ok = prepare_debuggers(d, k, v, old);
	else if (!strcmp(sub, "resize"))
		ok = prepare_resize(d, k, v, old);
	else
		ok = true;    /* binding: made by the server from the stored pod */
	/* A binding is the scheduler's word on where, not a new wish. */
	if (ok && (!sub || (strcmp(sub, "status") && strcmp(sub, "binding"))) && counts_as_new(s, v, old))
		ok = set_generation(d, k, v, doc_mint(old, "metadata.generation", 0) + 1);
	return ok ? 0 : -ERR_SIZE;
}

int kinds_prepare(yyjson_mut_doc *d, struct arena *a, const struct kinds_kind *k, const char *sub,
	yyjson_mut_val *v, yyjson_mut_val *old)
{
	int rc = old ? prepare_update(d, k, sub, v, old) : prepare_create(d, k, v);

	return arena_over(a) ? -ERR_SIZE : rc;
}
