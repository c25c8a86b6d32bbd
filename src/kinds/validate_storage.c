/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of persistent volumes, their claims and classes.
 * Source: kubernetes pkg/apis/{core,storage}/validation/validation.go.
 */
#include "base/text.h"
#include "doc/quantity.h"
#include "kinds/validate.h"

#define MODES "ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod"

static void access_modes(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, const char *none)
{
	bool once_pod = false;

	if (!yyjson_mut_arr_size(list))
		v_required(c, p, none);
	V_EACH(i, m, list) {
		if (!v_one_of(yyjson_mut_get_str(m), MODES))
			v_unsupported(c, p, yyjson_mut_get_str(m), MODES);
		once_pod |= yyjson_mut_equals_str(m, "ReadWriteOncePod");
	}
	if (once_pod && yyjson_mut_arr_size(list) > 1)
		v_forbidden(c, p, "may not use ReadWriteOncePod with other access modes");
}

void validate_pv(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char other[] = "capacity|accessModes|claimRef|persistentVolumeReclaimPolicy|storageClassName|"
		"mountOptions|volumeMode|nodeAffinity|volumeAttributesClassName";
	yyjson_mut_val *was = v_get(c->old, "spec"), *capacity = v_get(spec, "capacity");
	yyjson_mut_val *pair[] = { spec, was };
	int sources = 0;
	bool moved = false;

	access_modes(c, V_AT(p, "accessModes"), v_get(spec, "accessModes"), "");
	if (!yyjson_mut_obj_size(capacity))
		v_required(c, V_AT(p, "capacity"), "");
	else if (!v_get(capacity, "storage") || yyjson_mut_obj_size(capacity) > 1)
		v_unsupported(c, V_AT(p, "capacity"), yyjson_mut_get_str(yyjson_mut_obj_iter_next(
			(yyjson_mut_obj_iter[]){ v_obj_iter(capacity) })), "storage");
	v_quantity_map(c, V_AT(p, "capacity"), capacity);
	v_enum(c, p, spec, "persistentVolumeReclaimPolicy", "Delete|Recycle|Retain", false);
	v_enum(c, p, spec, "volumeMode", "Block|Filesystem", false);
	V_MEMBERS(name, m, spec) {
		if (v_one_of(name, other) || !m)
			continue;
		if (sources++)
			v_forbidden(c, V_AT(p, name), "may not specify more than 1 volume type");
	}
	if (!sources)
		v_required(c, p, "must specify a volume type");
	if (doc_mget(spec, "nodeAffinity.required"))
		v_node_selector(c, V_AT(V_AT(p, "nodeAffinity"), "required"), doc_mget(spec, "nodeAffinity.required"));
	if (v_get(spec, "local") && !v_get(spec, "nodeAffinity"))
		v_required(c, V_AT(p, "nodeAffinity"), "Local volume requires node affinity");
	if (*v_str(spec, "storageClassName"))
		v_syntax(c, V_AT(p, "storageClassName"), v_str(spec, "storageClassName"), text_bad_dns1123_subdomain);
	if (!c->old)
		return;
	for (int i = 0; i < 2; i++)
		V_MEMBERS(name, m, pair[i])
			moved |= !v_one_of(name, other) && !v_same(m, v_get(pair[!i], name));
	if (moved)
		v_forbidden(c, V_AT(p, "persistentvolumesource"), "spec.persistentvolumesource is immutable after creation");
	if (v_get(was, "volumeMode") && !v_same(v_get(spec, "volumeMode"), v_get(was, "volumeMode")))
		v_invalid_value(c, V_AT(NULL, "volumeMode"), v_get(spec, "volumeMode"), V_IMMUTABLE);
	if (v_get(was, "nodeAffinity") && !v_same(v_get(spec, "nodeAffinity"), v_get(was, "nodeAffinity")))
		v_invalid_value(c, V_AT(NULL, "nodeAffinity"), v_get(spec, "nodeAffinity"),
			"field is immutable, except for updating from beta label to GA");
}

static int compare_storage(yyjson_mut_val *a, yyjson_mut_val *b)
{
	struct quantity x, y;

	if (!a || !b || quantity_parse(yyjson_mut_get_str(a), yyjson_mut_get_len(a), &x) ||
	    quantity_parse(yyjson_mut_get_str(b), yyjson_mut_get_len(b), &y))
		return 0;
	return quantity_cmp(&x, &y);
}

static void claim_update(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_val *pair[] = { now, was };
	yyjson_mut_val *size = doc_mget(now, "resources.requests.storage");
	yyjson_mut_val *old_size = doc_mget(was, "resources.requests.storage");
	bool bound = v_is(v_get(c->old, "status"), "phase", "Bound"), moved = false;

	for (int i = 0; i < 2; i++)
		V_MEMBERS(name, m, pair[i]) {
			yyjson_mut_val *other = v_get(pair[!i], name);
			if (v_same(m, other) || !strcmp(name, "volumeMode"))
				continue;
			if (!strcmp(name, "volumeName") && !*v_str(was, "volumeName"))
				continue;
			if (!strcmp(name, "storageClassName") && !v_get(was, "storageClassName"))
				continue;
			if (bound && v_one_of(name, "resources|volumeAttributesClassName"))
				continue;
			moved = true;
		}
	if (moved)
		v_forbidden(c, p, "spec is immutable after creation except resources.requests and "
			"volumeAttributesClassName for bound claims");
	if (compare_storage(size, old_size) < 0 &&
	    compare_storage(size, doc_mget(c->old, "status.capacity.storage")) <= 0)
		v_forbidden(c, V_KEY(V_AT(V_AT(p, "resources"), "requests"), "storage"),
			"field can not be less than status.capacity");
	if (v_get(was, "volumeMode") && !v_same(v_get(now, "volumeMode"), v_get(was, "volumeMode")))
		v_invalid_value(c, V_AT(NULL, "volumeMode"), v_get(now, "volumeMode"), V_IMMUTABLE);
}

void validate_pvc(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *size = doc_mget(spec, "resources.requests.storage");
	const struct vpath *rp = V_KEY(V_AT(V_AT(p, "resources"), "requests"), "storage");
	struct quantity q;

	if (c->sub)
		return;
	v_label_selector(c, V_AT(p, "selector"), v_get(spec, "selector"));
	access_modes(c, V_AT(p, "accessModes"), v_get(spec, "accessModes"), "at least 1 access mode is required");
	if (!size)
		v_required(c, rp, "");
	else if (!quantity_parse(yyjson_mut_get_str(size), yyjson_mut_get_len(size), &q) && q.nano <= 0)
		v_invalid(c, rp, yyjson_mut_get_str(size), "must be greater than zero");
	if (*v_str(spec, "storageClassName"))
		v_syntax(c, V_AT(p, "storageClassName"), v_str(spec, "storageClassName"), text_bad_dns1123_subdomain);
	v_enum(c, p, spec, "volumeMode", "Block|Filesystem", false);
	if (c->old)
		claim_update(c, p, spec, v_get(c->old, "spec"));
}

void validate_storage_class(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	if (!*v_str(c->v, "provisioner"))
		v_required(c, V_AT(NULL, "provisioner"), "");
	V_MEMBERS(key, m, v_get(c->v, "parameters"))
		if (m && !*key)
			v_invalid(c, V_AT(NULL, "parameters"), key, "field must not be empty.");
	v_enum(c, NULL, c->v, "reclaimPolicy", "Delete|Retain", false);
	v_enum(c, NULL, c->v, "volumeBindingMode", "Immediate|WaitForFirstConsumer", true);
}

void validate_csi_driver(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *name = v_str(v_get(c->v, "metadata"), "name");

	if (strlen(name) > 63)
		v_too_long(c, V_AT(V_AT(NULL, "metadata"), "name"), 63);
	if (!v_get(spec, "attachRequired"))
		v_required(c, V_AT(p, "attachedRequired"), "");
	if (!v_get(spec, "podInfoOnMount"))
		v_required(c, V_AT(p, "podInfoOnMount"), "");
	if (!v_get(spec, "storageCapacity"))
		v_required(c, V_AT(p, "storageCapacity"), "");
	v_enum(c, p, spec, "fsGroupPolicy", "File|None|ReadWriteOnceWithFSType", false);
	V_EACH(i, m, v_get(spec, "volumeLifecycleModes"))
		if (!v_one_of(yyjson_mut_get_str(m), "Ephemeral|Persistent"))
			v_unsupported(c, V_AT(p, "volumeLifecycleModes"), yyjson_mut_get_str(m),
				"Ephemeral|Persistent");
}
