/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of persistent volumes and of claims for them.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidatePersistentVolume,
 * ValidatePersistentVolumeClaim and their updates).
 */
#include <ctype.h>

#include "base/text.h"
#include "doc/quantity.h"
#include "kinds/validate.h"

#define MODES "ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod"
#define BETA_CLASS "volume.beta.kubernetes.io/storage-class"

void v_csi_driver_name(struct vcheck *c, const struct vpath *p, const char *name)
{
	char *lower = name ? arena_strdup(c->a, name) : NULL;

	if (!name)
		return;    /* over the cap: kinds_validate says so */
	if (!*name)
		v_required(c, p, "");
	if (strlen(name) > 63)
		v_too_long(c, p, 63);
	for (char *s = lower; s && *s; s++)
		*s = (char)tolower((unsigned char)*s);
	const char *why = lower ? text_bad_dns1123_subdomain(lower) : NULL;
	if (why)
		v_invalid(c, p, name, why);
}

static void access_modes(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	bool once_pod = false, other = false;

	V_EACH(i, m, list) {
		const char *s = yyjson_mut_get_str(m);
		if (!v_one_of(s, MODES))
			v_unsupported(c, p, s, MODES);
		else if (!strcmp(s, "ReadWriteOncePod"))
			once_pod = true;
		else
			other = true;
	}
	if (once_pod && other)
		v_forbidden(c, p, "may not use ReadWriteOncePod with other access modes");
}

static void class_name(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, const char *name)
{
	if (*v_str(spec, name))
		v_syntax(c, V_AT(p, name), v_str(spec, name), text_bad_dns1123_subdomain);
}

static void capacity(struct vcheck *c, const struct vpath *p, yyjson_mut_val *map)
{
	if (!yyjson_mut_obj_size(map))
		v_required(c, p, "");
	if (!v_get(map, "storage") || yyjson_mut_obj_size(map) > 1)
		v_unsupported_value(c, p, map, "storage");
	V_MEMBERS(name, m, map) {
		struct quantity q;
		if (!v_amount(m, &q))
			continue;
		if (q.nano < 0)
			v_invalid_int(c, V_KEY(p, name), quantity_value(&q), "must be a valid resource quantity");
		if (q.nano <= 0)
			v_invalid(c, V_KEY(p, name), yyjson_mut_get_str(m), "must be greater than zero");
	}
}

/* A path that is the root, however it is spelled. */
static bool is_root(const char *path)
{
	return *path == '/' && strspn(path, "/.") == strlen(path);
}

static void volume_update(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *was = v_get(c->old, "spec"), *pair[] = { spec, was };
	yyjson_mut_val *now_csi = v_get(spec, "csi"), *was_csi = v_get(was, "csi");
	bool moved = false;

	for (int i = 0; i < 2; i++)
		V_MEMBERS(name, m, pair[i]) {
			yyjson_mut_val *other = v_get(pair[!i], name);
			if (!v_is_volume_source(name) || v_same(m, other))
				continue;
			/* A secret for growing may be named later. */
			moved |= strcmp(name, "csi") || v_get(was_csi, "controllerExpandSecretRef") ||
				!v_same_but(now_csi, was_csi, "controllerExpandSecretRef");
		}
	if (moved)
		v_forbidden(c, V_AT(p, "persistentvolumesource"), v_diff(c,
			"spec.persistentvolumesource is immutable after creation", was, spec));
	if (!v_same(v_get(spec, "volumeMode"), v_get(was, "volumeMode")))
		v_invalid_value(c, V_AT(NULL, "volumeMode"), v_get(spec, "volumeMode"), V_IMMUTABLE);
	if (v_get(was, "nodeAffinity") && !v_same_node_affinity(v_get(spec, "nodeAffinity"), v_get(was, "nodeAffinity")))
		v_invalid_value(c, V_AT(NULL, "nodeAffinity"), v_get(spec, "nodeAffinity"),
			V_IMMUTABLE ", except for updating from beta label to GA");
	if (v_get(was, "volumeAttributesClassName") && !v_get(spec, "volumeAttributesClassName"))
		v_forbidden(c, V_AT(p, "volumeAttributesClassName"), "update from non-nil value to nil is forbidden");
}

void validate_pv(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *affinity = v_get(spec, "nodeAffinity");
	yyjson_mut_val *attributes = v_get(spec, "volumeAttributesClassName");
	const struct v_volume of = { .name = v_str(v_get(c->v, "metadata"), "name"), .persistent = true, .pod = "",
		.placed = affinity != NULL };

	if (!doc_mlen(spec, "accessModes"))
		v_required(c, V_AT(p, "accessModes"), "");
	access_modes(c, V_AT(p, "accessModes"), v_get(spec, "accessModes"));
	capacity(c, V_AT(p, "capacity"), v_get(spec, "capacity"));
	v_enum(c, p, spec, "persistentVolumeReclaimPolicy", "Delete|Recycle|Retain", false);
	if (affinity && !v_get(affinity, "required"))
		v_required(c, V_AT(V_AT(p, "nodeAffinity"), "required"), "must specify required node constraints");
	else if (affinity)
		v_node_selector(c, V_AT(V_AT(p, "nodeAffinity"), "required"), v_get(affinity, "required"));
	v_volume_source(c, p, spec, &of);
	if (is_root(v_str(v_get(spec, "hostPath"), "path")) && v_is(spec, "persistentVolumeReclaimPolicy", "Recycle"))
		v_forbidden(c, V_AT(p, "persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'");
	class_name(c, p, spec, "storageClassName");
	v_enum(c, p, spec, "volumeMode", "Block|Filesystem", false);
	if (attributes && !*v_str(spec, "volumeAttributesClassName"))
		v_required(c, V_AT(p, "volumeAttributesClassName"), "an empty string is disallowed");
	class_name(c, p, spec, "volumeAttributesClassName");
	if (attributes && !v_get(spec, "csi"))
		v_required(c, V_AT(p, "csi"), "has to be specified when using volumeAttributesClassName");
	if (c->old)
		volume_update(c, p, spec);
}


static void source(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	const char *group = v_str(m, "apiGroup");
	yyjson_mut_val *was = v_get(c->old, "spec");
	/* What was stored with an odd group may keep it. */
	bool lenient = doc_mget(was, "dataSource.apiGroup") || doc_mget(was, "dataSourceRef.apiGroup");

	if (!m)
		return;
	v_must(c, p, m, "name");
	v_must(c, p, m, "kind");
	if (!*group && !v_is(m, "kind", "PersistentVolumeClaim"))
		v_invalid(c, p, v_str(m, "kind"), "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
	if (*group && !lenient)
		v_syntax(c, V_AT(p, "apiGroup"), group, text_bad_dns1123_subdomain);
	if (*v_str(m, "namespace"))
		v_syntax(c, V_AT(p, "namespace"), v_str(m, "namespace"), text_bad_dns1123_label);
}

void v_claim_spec(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *size = doc_mget(spec, "resources.requests.storage");
	yyjson_mut_val *from = v_get(spec, "dataSource"), *ref = v_get(spec, "dataSourceRef");
	const struct vpath *sp = V_KEY(V_AT(p, "resources"), "storage");
	struct quantity q;

	if (!doc_mlen(spec, "accessModes"))
		v_required(c, V_AT(p, "accessModes"), "at least 1 access mode is required");
	v_label_selector(c, V_AT(p, "selector"), v_get(spec, "selector"));
	access_modes(c, V_AT(p, "accessModes"), v_get(spec, "accessModes"));
	if (!size)
		v_required(c, sp, "");
	else if (v_amount(size, &q) && q.nano <= 0)
		v_invalid(c, sp, yyjson_mut_get_str(size), "must be greater than zero");
	class_name(c, p, spec, "storageClassName");
	v_enum(c, p, spec, "volumeMode", "Block|Filesystem", false);
	source(c, V_AT(p, "dataSource"), from);
	source(c, V_AT(p, "dataSourceRef"), ref);
	if (from && *v_str(ref, "namespace"))
		v_invalid(c, p, "spec.dataSource", "may not be specified when dataSourceRef.namespace is specified");
	else if (from && ref && (!v_is(from, "kind", v_str(ref, "kind")) || !v_is(from, "name", v_str(ref, "name")) ||
			!v_same(v_get(from, "apiGroup"), v_get(ref, "apiGroup"))))
		v_invalid(c, p, "spec.dataSource", "must match dataSourceRef");
	class_name(c, p, spec, "volumeAttributesClassName");
}

static int compare_storage(yyjson_mut_val *a, yyjson_mut_val *b)
{
	struct quantity x, y;

	if (!v_amount(a, &x))
		x = (struct quantity){ 0 };
	if (!v_amount(b, &y))
		y = (struct quantity){ 0 };
	return quantity_cmp(&x, &y);
}

/* The class may be named once: from nothing, or from the annotation of old. */
static bool class_may_change(struct vcheck *c, yyjson_mut_val *now, yyjson_mut_val *was)
{
	const char *note = yyjson_mut_get_str(yyjson_mut_obj_get(doc_mget(c->old, "metadata.annotations"), BETA_CLASS));

	return !v_get(was, "storageClassName") && v_get(now, "storageClassName") &&
		(!note || v_is(now, "storageClassName", note));
}

static bool claim_moved(struct vcheck *c, yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_val *pair[] = { now, was };
	bool bound = v_is(v_get(c->v, "status"), "phase", "Bound");

	for (int i = 0; i < 2; i++)
		V_MEMBERS(name, m, pair[i]) {
			yyjson_mut_val *other = v_get(pair[!i], name);
			if (v_same(m, other) || (!strcmp(name, "volumeName") && !*v_str(was, "volumeName")) ||
			    (!strcmp(name, "storageClassName") && class_may_change(c, now, was)) ||
			    (bound && !strcmp(name, "volumeAttributesClassName")))
				continue;
			if (bound && !strcmp(name, "resources") && v_same(v_get(m, "limits"), v_get(other, "limits")) &&
			    v_same_but(v_get(m, "requests"), v_get(other, "requests"), "storage"))
				continue;
			return true;
		}
	return false;
}

static void claim_update(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_val *size = doc_mget(now, "resources.requests.storage");
	yyjson_mut_val *note = yyjson_mut_obj_get(doc_mget(c->v, "metadata.annotations"), BETA_CLASS);
	yyjson_mut_val *old_note = yyjson_mut_obj_get(doc_mget(c->old, "metadata.annotations"), BETA_CLASS);
	yyjson_mut_val *attributes = v_get(now, "volumeAttributesClassName");
	const struct vpath *vp = V_AT(p, "volumeAttributesClassName");

	if (!v_same(note, old_note) && !(old_note && !note && class_may_change(c, now, was)))
		v_invalid(c, V_AT(V_AT(V_AT(NULL, "metadata"), "annotations"), BETA_CLASS),
			note ? yyjson_mut_get_str(note) : "", V_IMMUTABLE);
	if (claim_moved(c, now, was))
		v_forbidden(c, p, v_diff(c, "spec is immutable after creation except resources.requests and "
			"volumeAttributesClassName for bound claims", was, now));
	if (compare_storage(size, doc_mget(was, "resources.requests.storage")) < 0 &&
	    compare_storage(size, doc_mget(c->old, "status.capacity.storage")) <= 0)
		v_forbidden(c, V_AT(V_AT(V_AT(p, "resources"), "requests"), "storage"),
			"field can not be less than status.capacity");
	if (!v_same(v_get(now, "volumeMode"), v_get(was, "volumeMode")))
		v_invalid_value(c, V_AT(NULL, "volumeMode"), v_get(now, "volumeMode"), V_IMMUTABLE);
	if (doc_mget(c->old, "status.currentVolumeAttributesClassName") && v_get(was, "volumeAttributesClassName")) {
		if (!attributes)
			v_forbidden(c, vp, "update to nil is forbidden when status.currentVolumeAttributesClassName is not nil");
		else if (!*v_str(now, "volumeAttributesClassName"))
			v_forbidden(c, vp, "update to empty string is forbidden when status.currentVolumeAttributesClassName "
				"is not nil");
	}
}

void validate_pvc(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	v_claim_spec(c, p, spec);
	if (c->old)
		claim_update(c, p, spec, v_get(c->old, "spec"));
}

static bool claim_resource(struct vcheck *c, const struct vpath *p, const char *name)
{
	const char *why = text_bad_qualified_name(name);

	if (why)
		v_invalid(c, p, name, why);
	else if ((!strchr(name, '/') || strstr(name, "kubernetes.io/")) && strcmp(name, "storage"))
		v_unsupported(c, p, name, "storage");
	else
		return true;
	return false;
}

void validate_pvc_status(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char states[] = "ControllerResizeInProgress|ControllerResizeInfeasible|NodeResizeInProgress|"
		"NodeResizeInfeasible|NodeResizePending";
	yyjson_mut_val *status = v_get(c->v, "status");
	const struct vpath *sp = V_AT(NULL, "status"), *ap = V_AT(sp, "allocatedResources");
	const struct vpath *rp = V_AT(sp, "allocatedResourceStatuses");
	struct quantity q;

	V_MEMBERS(name, m, v_get(status, "capacity"))
		if (v_amount(m, &q) && q.nano < 0)
			v_invalid_int(c, V_KEY(V_AT(sp, "capacity"), name), quantity_value(&q), "must be a valid resource quantity");
	V_MEMBERS(name, m, v_get(status, "allocatedResourceStatuses")) {
		claim_resource(c, rp, name);
		if (!v_one_of(yyjson_mut_get_str(m), states))
			v_unsupported(c, rp, name, states);
	}
	V_MEMBERS(name, m, v_get(status, "allocatedResources"))
		if (claim_resource(c, ap, name) && v_amount(m, &q) && q.nano < 0)
			v_invalid_int(c, V_KEY(ap, name), quantity_value(&q), "must be a valid resource quantity");
}
