/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of volumes and of references to fields of the pod.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateVolumes and on).
 */
#include "base/text.h"
#include "kinds/validate.h"

static const char *bad_backsteps(const char *s)
{
	for (const char *p = s; *p; p += strcspn(p, "/"), p += *p == '/')
		if (!strncmp(p, "..", 2) && (!p[2] || p[2] == '/'))
			return "must not contain '..'";
	return NULL;
}

static const char *bad_local_path(const char *s)
{
	if (*s == '/')
		return "must be a relative path";
	const char *why = bad_backsteps(s);
	return why ? why : !strncmp(s, "..", 2) ? "must not start with '..'" : NULL;
}

static void mode(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name)
{
	yyjson_mut_val *m = v_get(obj, name);
	int64_t n = yyjson_mut_get_sint(m);

	if (m && (n < 0 || n > 0777))
		v_invalid_int(c, V_AT(p, name), n, "must be a number between 0 and 0777 (octal), both inclusive");
}

/* Keys of a ConfigMap or Secret and where they go. */
static void items(struct vcheck *c, const struct vpath *p, yyjson_mut_val *source)
{
	V_EACH(i, m, v_get(source, "items")) {
		const struct vpath *at = V_ITEM(V_AT(p, "items"), i);
		v_must(c, at, m, "key");
		if (!*v_str(m, "path"))
			v_required(c, V_AT(at, "path"), "");
		else
			v_syntax(c, V_AT(at, "path"), v_str(m, "path"), bad_local_path);
		mode(c, at, m, "mode");
	}
}

#define ENV_FIELDS "metadata.name|metadata.namespace|metadata.uid|spec.nodeName|spec.serviceAccountName|" \
	"status.hostIP|status.hostIPs|status.podIP|status.podIPs"
#define VOLUME_FIELDS "metadata.annotations|metadata.labels|metadata.name|metadata.namespace|metadata.uid"

void v_field_ref(struct vcheck *c, const struct vpath *p, yyjson_mut_val *ref, bool in_volume)
{
	const char *allowed = in_volume ? VOLUME_FIELDS : ENV_FIELDS, *path = v_str(ref, "fieldPath");

	if (!*v_str(ref, "apiVersion")) {
		v_required(c, V_AT(p, "apiVersion"), "");
	} else if (!*path) {
		v_required(c, V_AT(p, "fieldPath"), "");
	} else if (!v_is(ref, "apiVersion", "v1")) {
		v_invalid(c, V_AT(p, "fieldPath"), path, v_text(c, "error converting fieldPath: unsupported pod "
			"version: %s", v_str(ref, "apiVersion")));
	} else if (!strncmp(path, "metadata.annotations['", 22) || !strncmp(path, "metadata.labels['", 17)) {
		const char *key = strchr(path, '\'') + 1;
		size_t n = strlen(key);
		char *name = arena_strndup(c->a, key, n > 2 ? n - 2 : 0);
		if (n < 3 || strcmp(key + n - 2, "']"))
			v_invalid(c, V_AT(p, "fieldPath"), path, "error converting fieldPath: invalid subscript");
		else if (name)
			v_syntax(c, p, name, text_bad_qualified_name);
	} else if (!v_one_of(path, allowed)) {
		v_unsupported(c, V_AT(p, "fieldPath"), path, allowed);
	}
}

#define RESOURCES "limits.cpu|limits.ephemeral-storage|limits.memory|requests.cpu|" \
	"requests.ephemeral-storage|requests.memory"

void v_resource_field_ref(struct vcheck *c, const struct vpath *p, yyjson_mut_val *ref, bool in_volume)
{
	const char *name = v_str(ref, "resource");

	if (in_volume && !*v_str(ref, "containerName"))
		v_required(c, V_AT(p, "containerName"), "");
	else if (!*name)
		v_required(c, V_AT(p, "resource"), "");
	else if (!v_one_of(name, RESOURCES) && strncmp(name, "limits.hugepages-", 17) &&
		 strncmp(name, "requests.hugepages-", 19))
		v_unsupported(c, V_AT(p, "resource"), name, RESOURCES);
}

static void downward_items(struct vcheck *c, const struct vpath *p, yyjson_mut_val *source)
{
	V_EACH(i, m, v_get(source, "items")) {
		const struct vpath *at = V_ITEM(V_AT(p, "items"), i);
		yyjson_mut_val *field = v_get(m, "fieldRef"), *resource = v_get(m, "resourceFieldRef");
		if (!*v_str(m, "path"))
			v_required(c, V_AT(at, "path"), "");
		else
			v_syntax(c, V_AT(at, "path"), v_str(m, "path"), bad_local_path);
		if (field)
			v_field_ref(c, V_AT(at, "fieldRef"), field, true);
		if (field && resource)
			v_invalid(c, at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously");
		else if (resource)
			v_resource_field_ref(c, V_AT(at, "resourceFieldRef"), resource, true);
		else if (!field)
			v_required(c, at, "one of fieldRef and resourceFieldRef is required");
		mode(c, at, m, "mode");
	}
}

static void token(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	int64_t seconds = doc_mint(m, "expirationSeconds", 3600);

	if (seconds < 600)
		v_invalid_int(c, V_AT(p, "expirationSeconds"), seconds,
			"may not specify a duration less than 10 minutes");
	else if (seconds > 1LL << 32)
		v_invalid_int(c, V_AT(p, "expirationSeconds"), seconds,
			"may not specify a duration larger than 2^32 seconds");
	v_must(c, p, m, "path");
}

static void projected(struct vcheck *c, const struct vpath *p, yyjson_mut_val *v)
{
	static const char *const types[] = { "secret", "configMap", "downwardAPI", "serviceAccountToken",
		"clusterTrustBundle", "podCertificate" };

	mode(c, p, v, "defaultMode");
	V_EACH(i, m, v_get(v, "sources")) {
		const struct vpath *at = V_ITEM(V_AT(p, "sources"), i);
		int count = 0;
		for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
			yyjson_mut_val *s = v_get(m, types[t]);
			const struct vpath *sp = V_AT(at, types[t]);
			if (!s)
				continue;
			if (count++) {
				v_forbidden(c, sp, "may not specify more than 1 volume type per source");
			} else if (t < 2) {
				v_must(c, sp, s, "name");
				items(c, sp, s);
			} else if (t == 2) {
				downward_items(c, sp, s);
			} else if (t == 3) {
				token(c, sp, s);
			}
		}
		if (!count)
			v_required(c, at, "must specify a volume type");
	}
}

static void source(struct vcheck *c, const struct vpath *p, const char *type, yyjson_mut_val *v)
{
	if (!strcmp(type, "emptyDir")) {
		const char *size = v_str(v, "sizeLimit");
		if (*size == '-')
			v_forbidden(c, V_AT(p, "sizeLimit"), "SizeLimit field must be a valid resource quantity");
	} else if (!strcmp(type, "hostPath")) {
		if (!*v_str(v, "path"))
			v_required(c, V_AT(p, "path"), "");
		else
			v_syntax(c, V_AT(p, "path"), v_str(v, "path"), bad_backsteps);
		v_enum(c, p, v, "type", "|BlockDevice|CharDevice|Directory|DirectoryOrCreate|File|FileOrCreate|Socket",
			false);
	} else if (!strcmp(type, "secret")) {
		v_must(c, p, v, "secretName");
		mode(c, p, v, "defaultMode");
		items(c, p, v);
	} else if (!strcmp(type, "configMap")) {
		v_must(c, p, v, "name");
		mode(c, p, v, "defaultMode");
		items(c, p, v);
	} else if (!strcmp(type, "downwardAPI")) {
		mode(c, p, v, "defaultMode");
		downward_items(c, p, v);
	} else if (!strcmp(type, "projected")) {
		projected(c, p, v);
	} else if (!strcmp(type, "persistentVolumeClaim")) {
		v_must(c, p, v, "claimName");
	} else if (!strcmp(type, "nfs")) {
		v_must(c, p, v, "server");
		v_must(c, p, v, "path");
		if (*v_str(v, "path") && *v_str(v, "path") != '/')
			v_invalid(c, V_AT(p, "path"), v_str(v, "path"), "must be an absolute path");
	} else if (!strcmp(type, "csi")) {
		v_must(c, p, v, "driver");
	} else if (!strcmp(type, "iscsi")) {
		v_must(c, p, v, "targetPortal");
		v_must(c, p, v, "iqn");
	} else if (!strcmp(type, "local")) {
		v_must(c, p, v, "path");
	} else if (!strcmp(type, "image")) {
		v_must(c, p, v, "reference");
		v_enum(c, p, v, "pullPolicy", "Always|IfNotPresent|Never", false);
	} else if (!strcmp(type, "ephemeral") && !v_get(v, "volumeClaimTemplate")) {
		v_required(c, V_AT(p, "volumeClaimTemplate"), "");
	}
}

/* Exactly one member of the volume is its source; other lists what else it may hold. */
static void one_source(struct vcheck *c, const struct vpath *p, yyjson_mut_val *volume, const char *other)
{
	int count = 0;

	V_MEMBERS(type, m, volume) {
		if (v_one_of(type, other) || !yyjson_mut_is_obj(m))
			continue;
		if (count++)
			v_forbidden(c, V_AT(p, type), "may not specify more than 1 volume type");
		else
			source(c, V_AT(p, type), type, m);
	}
	if (!count)
		v_required(c, p, "must specify a volume type");
}

void v_volume_source(struct vcheck *c, const struct vpath *p, yyjson_mut_val *volume)
{
	one_source(c, p, volume, "capacity|claimRef|nodeAffinity");
}

void v_volumes(struct vcheck *c, const struct vpath *p, yyjson_mut_val *volumes)
{
	V_SET seen = { 0 };

	V_EACH(i, m, volumes) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "name");
		one_source(c, at, m, "name");
		if (!*name)
			v_required(c, V_AT(at, "name"), "");
		else
			v_syntax(c, V_AT(at, "name"), name, text_bad_dns1123_label);
		if (*name && !v_first(&seen, name))
			v_duplicate(c, V_AT(at, "name"), name);
	}
}
