/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of classes and drivers of storage.
 * Source: kubernetes pkg/apis/storage/validation/validation.go.
 */
#include "base/text.h"
#include "kinds/validate.h"

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
