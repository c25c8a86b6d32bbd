/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a container's environment, and of references to fields of its pod.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateEnv, ValidateEnvFrom,
 * validateObjectFieldSelector), pkg/apis/core/pods/helpers.go (ConvertDownwardAPIFieldLabel).
 */
#include <ctype.h>

#include "base/text.h"
#include "doc/quantity.h"
#include "kinds/validate.h"

#define ENV_FIELDS "metadata.name|metadata.namespace|metadata.uid|spec.nodeName|spec.serviceAccountName|" \
	"status.hostIP|status.hostIPs|status.podIP|status.podIPs"
#define VOLUME_FIELDS "metadata.annotations|metadata.labels|metadata.name|metadata.namespace|metadata.uid"
/* What has a meaning as a field of a pod, be it of use here or not. */
#define POD_FIELDS ENV_FIELDS "|metadata.annotations|metadata.labels|spec.restartPolicy|spec.schedulerName|" \
	"status.phase|spec.host"
#define RESOURCES "limits.cpu|limits.ephemeral-storage|limits.memory|requests.cpu|" \
	"requests.ephemeral-storage|requests.memory"
#define SIZES "1|1k|1M|1G|1T|1P|1E|1Ki|1Mi|1Gi|1Ti|1Pi|1Ei"
#define SIZES_TEXT "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the "

static const char *bad_env_name(const char *s)
{
	if (!*s)
		return "environment variable name must be non-empty";
	for (const char *p = s; *p; p++)
		if (*p < ' ' || *p > '~' || *p == '=')
			return "a valid environment variable name must consist only of printable ASCII "
				"characters other than '='";
	return NULL;
}

/* metadata.labels['x'] taken apart: the length of the path before the bracket, 0: no subscript. */
static size_t subscript(const char *path, const char **ret_key, size_t *ret_len)
{
	const char *open = strstr(path, "['");
	size_t n = strlen(path);

	if (!open || path + n < open + 4 || strcmp(path + n - 2, "']"))
		return 0;
	*ret_key = open + 2;
	*ret_len = n - 2 - (size_t)(open + 2 - path);
	return (size_t)(open - path);
}

void v_field_ref(struct vcheck *c, const struct vpath *p, yyjson_mut_val *ref, bool in_volume)
{
	const char *allowed = in_volume ? VOLUME_FIELDS : ENV_FIELDS, *path = v_str(ref, "fieldPath"), *key;
	const struct vpath *at = V_AT(p, "fieldPath");
	size_t len, open;

	if (!*v_str(ref, "apiVersion")) {
		v_required(c, V_AT(p, "apiVersion"), "");
	} else if (!*path) {
		v_required(c, at, "");
	} else if (!v_is(ref, "apiVersion", "v1")) {
		v_invalid(c, at, path, v_text(c, "error converting fieldPath: unsupported pod version: %s",
			v_str(ref, "apiVersion")));
	} else if ((open = subscript(path, &key, &len))) {
		char *of = arena_strndup(c->a, path, open), *name = arena_strndup(c->a, key, len);
		if (!of || !name)
			return;
		if (!v_one_of(of, "metadata.annotations|metadata.labels")) {
			v_invalid(c, at, path, v_text(c, "error converting fieldPath: field label does not support "
				"subscript: %s", path));
			return;
		}
		for (char *s = name; *s && !strcmp(of, "metadata.annotations"); s++)
			*s = (char)tolower((unsigned char)*s);
		v_syntax(c, p, name, text_bad_qualified_name);
	} else if (!v_one_of(path, POD_FIELDS)) {
		v_invalid(c, at, path, v_text(c, "error converting fieldPath: field label not supported: %s", path));
	} else {
		path = !strcmp(path, "spec.host") ? "spec.nodeName" : path;
		if (!v_one_of(path, allowed))
			v_unsupported(c, at, path, allowed);
	}
}

static void divisor(struct vcheck *c, const struct vpath *p, const char *resource, yyjson_mut_val *m)
{
	static const struct { const char *suffix, *allowed, *why; } rows[] = {
		{ ".cpu", "1m|1", "only divisor's values 1m and 1 are supported with the cpu resource" },
		{ ".memory", SIZES, SIZES_TEXT "memory resource" },
		{ ".ephemeral-storage", SIZES, SIZES_TEXT "local ephemeral storage resource" },
		{ ".hugepages-", SIZES, SIZES_TEXT "hugepages resource" },
	};
	const char *s = yyjson_mut_get_str(m), *dot = strchr(resource, '.');
	struct quantity q;

	if (!dot || !v_amount(m, &q) || !q.nano)
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = strlen(rows[i].suffix);
		if (!strncmp(dot, rows[i].suffix, n) && (!dot[n] || rows[i].suffix[n - 1] == '-') &&
		    !v_one_of(s, rows[i].allowed))
			v_invalid(c, V_AT(p, "divisor"), resource, rows[i].why);
	}
}

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
	divisor(c, p, name, v_get(ref, "divisor"));
}

static void key_ref(struct vcheck *c, const struct vpath *p, yyjson_mut_val *ref)
{
	v_syntax(c, V_AT(p, "name"), v_str(ref, "name"), text_bad_dns1123_subdomain);
	if (!*v_str(ref, "key"))
		v_required(c, V_AT(p, "key"), "");
	else
		v_syntax(c, V_AT(p, "key"), v_str(ref, "key"), v_bad_config_key);
}

static void file_ref(struct vcheck *c, const struct vpath *p, yyjson_mut_val *ref)
{
	if (!*v_str(ref, "key"))
		v_required(c, V_AT(p, "key"), "");
	else
		v_syntax(c, V_AT(p, "key"), v_str(ref, "key"), bad_env_name);
	if (!*v_str(ref, "volumeName"))
		v_required(c, V_AT(p, "volumeName"), "");
	else
		v_syntax(c, V_AT(p, "volumeName"), v_str(ref, "volumeName"), text_bad_dns1123_label);
	if (!*v_str(ref, "path"))
		v_required(c, V_AT(p, "path"), "");
	else
		v_syntax(c, V_AT(p, "path"), v_str(ref, "path"), v_bad_backsteps);
}

static void env_source(struct vcheck *c, const struct vpath *p, yyjson_mut_val *from, const char *value)
{
	yyjson_mut_val *field = v_get(from, "fieldRef"), *resource = v_get(from, "resourceFieldRef");
	yyjson_mut_val *map = v_get(from, "configMapKeyRef"), *secret = v_get(from, "secretKeyRef");
	yyjson_mut_val *file = v_get(from, "fileKeyRef");
	int sources = !!field + !!resource + !!map + !!secret + !!file;

	if (field)
		v_field_ref(c, V_AT(p, "fieldRef"), field, false);
	if (resource)
		v_resource_field_ref(c, V_AT(p, "resourceFieldRef"), resource, false);
	if (map)
		key_ref(c, V_AT(p, "configMapKeyRef"), map);
	if (secret)
		key_ref(c, V_AT(p, "secretKeyRef"), secret);
	if (file)
		file_ref(c, V_AT(p, "fileKeyRef"), file);
	if (!sources)
		v_invalid(c, p, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, "
			"`secretKeyRef` or `fileKeyRef`");
	else if (*value)
		v_invalid(c, p, "", "may not be specified when `value` is not empty");
	else if (sources > 1)
		v_invalid(c, p, "", "may not have more than one field specified at a time");
}

void v_env(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		if (!*v_str(m, "name"))
			v_required(c, V_AT(at, "name"), "");
		else
			v_syntax(c, V_AT(at, "name"), v_str(m, "name"), bad_env_name);
		if (v_get(m, "valueFrom"))
			env_source(c, V_AT(at, "valueFrom"), v_get(m, "valueFrom"), v_str(m, "value"));
	}
}

void v_env_from(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	static const char *const sources[] = { "configMapRef", "secretRef" };

	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		int count = 0;
		if (*v_str(m, "prefix"))
			v_syntax(c, V_AT(at, "prefix"), v_str(m, "prefix"), bad_env_name);
		for (int s = 0; s < 2; s++) {
			yyjson_mut_val *ref = v_get(m, sources[s]);
			if (!ref)
				continue;
			count++;
			if (!*v_str(ref, "name"))
				v_required(c, V_AT(V_AT(at, sources[s]), "name"), "");
			else
				v_prefix_syntax(c, V_AT(V_AT(at, sources[s]), "name"), v_str(ref, "name"),
					text_bad_dns1123_subdomain);
		}
		/* Reported at the list, not at its item. */
		if (!count)
			v_invalid(c, p, "", "must specify one of: `configMapRef` or `secretRef`");
		else if (count > 1)
			v_invalid(c, p, "", "may not have more than one field specified at a time");
	}
}

void v_file_volumes(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, const struct map *volumes)
{
	V_EACH(i, m, list)
		V_EACH(j, e, v_get(m, "env")) {
			yyjson_mut_val *ref = doc_mget(e, "valueFrom.fileKeyRef"), *volume;
			const char *name = v_str(ref, "volumeName");
			const struct vpath *at = V_AT(V_AT(V_AT(V_ITEM(V_AT(V_ITEM(p, i), "env"), j), "valueFrom"),
				"fileKeyRef"), "volumeName");
			if (!ref)
				continue;
			if (!(volume = map_get(volumes, name)))
				v_not_found(c, at, name);
			else if (!v_get(volume, "emptyDir"))
				v_invalid(c, at, name, "referenced volume must be of type emptyDir");
		}
}
