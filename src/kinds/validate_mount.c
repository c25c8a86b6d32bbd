/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a container's mounts and devices. Some are reported at the list
 * where one would look for them at its item: so does upstream.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateVolumeMounts,
 * ValidateVolumeDevices).
 */
#include "kinds/normal.h"
#include "kinds/validate.h"

static void propagation(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, bool privileged)
{
	const char *mode = yyjson_mut_get_str(v_get(m, "mountPropagation"));
	const char *recursive = yyjson_mut_get_str(v_get(m, "recursiveReadOnly"));
	const struct vpath *mp = V_AT(p, "mountPropagation"), *rp = V_AT(p, "recursiveReadOnly");

	if (mode && !v_one_of(mode, "Bidirectional|HostToContainer|None"))
		v_unsupported(c, mp, mode, "Bidirectional|HostToContainer|None");
	if (mode && !strcmp(mode, "Bidirectional") && !privileged)
		v_forbidden(c, mp, "Bidirectional mount propagation is available only to privileged containers");
	if (!recursive || !strcmp(recursive, "Disabled"))
		return;
	if (!v_one_of(recursive, "Enabled|IfPossible")) {
		v_unsupported(c, rp, recursive, "Disabled|Enabled|IfPossible");
		return;
	}
	if (!doc_mbool(m, "readOnly", false))
		v_forbidden(c, rp, "may only be specified when readOnly is true");
	if (mode && strcmp(mode, "None"))
		v_forbidden(c, rp, "may only be specified when mountPropagation is None or not specified");
}

static void mount(struct vcheck *c, const struct vpath *p, const struct vpath *at, yyjson_mut_val *m, bool privileged)
{
	const char *sub = v_str(m, "subPath"), *expr = v_str(m, "subPathExpr");

	if (*sub)
		v_descending_path(c, V_AT(p, "subPath"), sub);
	if (*expr) {
		if (*sub)
			v_invalid(c, V_AT(at, "subPathExpr"), expr, "subPathExpr and subPath are mutually exclusive");
		v_descending_path(c, V_AT(p, "subPathExpr"), expr);
	}
	propagation(c, p, m, privileged);
}

void v_mounts(struct vcheck *c, const struct vpath *p, yyjson_mut_val *container, const struct map *volumes)
{
	yyjson_mut_val *devices = v_get(container, "volumeDevices");
	INDEX_AUTO struct index by_name = index_list(devices, "name");
	INDEX_AUTO struct index by_path = index_list(devices, "devicePath");
	bool privileged = doc_mbool(container, "securityContext.privileged", false);
	V_SET seen = { 0 };

	V_EACH(i, m, v_get(container, "volumeMounts")) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "name"), *path = v_str(m, "mountPath");
		if (!*name)
			v_required(c, V_AT(at, "name"), "");
		if (!map_get(volumes, name))
			v_not_found(c, V_AT(at, "name"), name);
		if (!*path)
			v_required(c, V_AT(at, "mountPath"), "");
		if (!v_first(&seen, path))
			v_invalid(c, V_AT(at, "mountPath"), path, "must be unique");
		if (index_get(&by_name, name))
			v_invalid(c, V_AT(at, "name"), name, "must not already exist in volumeDevices");
		if (index_get(&by_path, path))
			v_invalid(c, V_AT(at, "mountPath"), path, "must not already exist as a path in volumeDevices");
		mount(c, p, at, m, privileged);
	}
}

void v_devices(struct vcheck *c, const struct vpath *p, yyjson_mut_val *container, const struct map *volumes)
{
	yyjson_mut_val *mounts = v_get(container, "volumeMounts"), *list = v_get(container, "volumeDevices");
	INDEX_AUTO struct index by_name = index_list(mounts, "name");
	INDEX_AUTO struct index by_path = index_list(mounts, "mountPath");
	V_SET names = { 0 }, paths = { 0 };

	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "name"), *path = v_str(m, "devicePath");
		yyjson_mut_val *volume = map_get(volumes, name);
		if (!*name)
			v_required(c, V_AT(at, "name"), "");
		if (map_get(&names, name))
			v_invalid(c, V_AT(at, "name"), name, "must be unique");
		if (!volume)
			v_not_found(c, V_AT(at, "name"), name);
		else if (!v_get(volume, "persistentVolumeClaim") && !v_get(volume, "ephemeral"))
			v_invalid(c, V_AT(at, "name"), name, "can only use volume source type of PersistentVolumeClaim or "
				"Ephemeral for block mode");
		if (!*path)
			v_required(c, V_AT(at, "devicePath"), "");
		if (map_get(&paths, path))
			v_invalid(c, V_AT(at, "devicePath"), path, "must be unique");
		if (v_bad_backsteps(path))
			v_invalid(c, V_AT(at, "devicePath"), path, "can not contain backsteps ('..')");
		else
			v_first(&paths, path);
		if (index_get(&by_name, name))
			v_invalid(c, V_AT(at, "name"), name, "must not already exist in volumeMounts");
		if (index_get(&by_path, path))
			v_invalid(c, V_AT(at, "devicePath"), path, "must not already exist as a path in volumeMounts");
		if (*name)
			v_first(&names, name);
	}
}
