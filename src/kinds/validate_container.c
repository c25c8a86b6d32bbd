/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of containers: of each alone, then of all of a pod together.
 * Source: kubernetes pkg/apis/core/validation/validation.go (validateContainers and on).
 */
#include <ctype.h>

#include "base/text.h"
#include "doc/quantity.h"
#include "kinds/normal.h"
#include "kinds/validate.h"

#define PROTOCOLS "SCTP|TCP|UDP"

/* What kind of list a container is in; rules differ. */
enum role { ROLE_MAIN, ROLE_INIT, ROLE_DEBUG };

static const char *bad_env_name(const char *s)
{
	for (const char *p = s; *p; p++)
		if (*p < ' ' || *p > '~' || *p == '=')
			return "a valid environment variable name must consist only of printable ASCII "
				"characters other than '='";
	return NULL;
}

static void ports(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_SET seen = { 0 };

	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "name");
		const char *why = *name ? v_bad_port_name(name) : NULL;
		if (why)
			v_invalid(c, V_AT(at, "name"), name, why);
		else if (*name && !v_first(&seen, name))
			v_duplicate(c, V_AT(at, "name"), name);
		int64_t port = doc_mint(m, "containerPort", 0), host = doc_mint(m, "hostPort", 0);
		if (!port)
			v_required(c, V_AT(at, "containerPort"), "");
		else
			v_port(c, V_AT(at, "containerPort"), port);
		if (host)
			v_port(c, V_AT(at, "hostPort"), host);
		v_enum(c, at, m, "protocol", PROTOCOLS, true);
		if (*v_str(m, "hostIP"))
			v_ip(c, V_AT(at, "hostIP"), v_str(m, "hostIP"));
	}
}

static void key_ref(struct vcheck *c, const struct vpath *p, yyjson_mut_val *ref)
{
	v_must(c, p, ref, "name");
	if (!*v_str(ref, "key"))
		v_required(c, V_AT(p, "key"), "");
	else
		v_syntax(c, V_AT(p, "key"), v_str(ref, "key"), v_bad_config_key);
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
	if (file) {
		v_must(c, V_AT(p, "fileKeyRef"), file, "volumeName");
		v_must(c, V_AT(p, "fileKeyRef"), file, "path");
		v_must(c, V_AT(p, "fileKeyRef"), file, "key");
	}
	if (!sources)
		v_invalid(c, p, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` "
			"or `secretKeyRef`");
	else if (*value)
		v_invalid(c, p, "", "may not be specified when `value` is not empty");
	else if (sources > 1)
		v_invalid(c, p, "", "may not have more than one field specified at a time");
}

static void env(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
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

static void env_from(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		yyjson_mut_val *map = v_get(m, "configMapRef"), *secret = v_get(m, "secretRef");
		if (*v_str(m, "prefix"))
			v_syntax(c, V_AT(at, "prefix"), v_str(m, "prefix"), bad_env_name);
		if (map)
			v_must(c, V_AT(at, "configMapRef"), map, "name");
		if (secret)
			v_must(c, V_AT(at, "secretRef"), secret, "name");
		if (!map && !secret)
			v_invalid(c, at, "", "must specify one of: `configMapRef` or `secretRef`");
		else if (map && secret)
			v_invalid(c, at, "", "may not have more than one field specified at a time");
	}
}

static const char *bad_inner_path(const char *s)
{
	if (*s == '/')
		return "must be a relative path";
	for (const char *p = s; *p; p += strcspn(p, "/"), p += *p == '/')
		if (!strncmp(p, "..", 2) && (!p[2] || p[2] == '/'))
			return "must not contain '..'";
	return NULL;
}

static void mounts(struct vcheck *c, const struct vpath *p, yyjson_mut_val *container,
	const struct map *volumes)
{
	bool privileged = doc_mbool(container, "securityContext.privileged", false);
	yyjson_mut_val *list = v_get(container, "volumeMounts");
	V_SET seen = { 0 }, device_paths = { 0 };

	V_EACH(k, device, v_get(container, "volumeDevices"))
		v_first(&device_paths, v_str(device, "devicePath"));
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "name"), *path = v_str(m, "mountPath");
		if (!*name)
			v_required(c, V_AT(at, "name"), "");
		if (!*path)
			v_required(c, V_AT(at, "mountPath"), "");
		if (*name && !map_get(volumes, name))
			v_not_found(c, V_AT(at, "name"), name);
		if (*path && !v_first(&seen, path))
			v_invalid(c, V_AT(at, "mountPath"), path, "must be unique");
		if (*path && map_get(&device_paths, path))
			v_invalid(c, V_AT(at, "mountPath"), path, v_text(c, "must not already exist as a path "
				"in volumeDevices"));
		if (*v_str(m, "subPath"))
			v_syntax(c, V_AT(at, "subPath"), v_str(m, "subPath"), bad_inner_path);
		if (*v_str(m, "subPathExpr")) {
			if (*v_str(m, "subPath"))
				v_invalid(c, V_AT(at, "subPathExpr"), v_str(m, "subPathExpr"),
					"subPathExpr and subPath are mutually exclusive");
			v_syntax(c, V_AT(at, "subPathExpr"), v_str(m, "subPathExpr"), bad_inner_path);
		}
		v_enum(c, at, m, "mountPropagation", "Bidirectional|HostToContainer|None", false);
		if (v_is(m, "mountPropagation", "Bidirectional") && !privileged)
			v_forbidden(c, V_AT(at, "mountPropagation"),
				"Bidirectional mount propagation is available only to privileged containers");
		v_enum(c, at, m, "recursiveReadOnly", "Disabled|Enabled|IfPossible", false);
	}
}

static void devices(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list,
	const struct map *volumes)
{
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		v_must(c, at, m, "name");
		v_must(c, at, m, "devicePath");
		if (*v_str(m, "name") && !map_get(volumes, v_str(m, "name")))
			v_not_found(c, V_AT(at, "name"), v_str(m, "name"));
	}
}

/* httpGet, tcpSocket, exec, grpc or sleep: exactly one. */
static void handler(struct vcheck *c, const struct vpath *p, yyjson_mut_val *h)
{
	static const char *const types[] = { "exec", "httpGet", "tcpSocket", "grpc", "sleep" };
	int count = 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		yyjson_mut_val *m = v_get(h, types[i]);
		const struct vpath *at = V_AT(p, types[i]);
		if (!m)
			continue;
		if (count++) {
			v_forbidden(c, at, "may not specify more than 1 handler type");
		} else if (i == 0) {
			if (!doc_mlen(m, "command"))
				v_required(c, V_AT(at, "command"), "");
		} else if (i == 1) {
			v_must(c, at, m, "path");
			v_port_or_name(c, V_AT(at, "port"), v_get(m, "port"));
			v_enum(c, at, m, "scheme", "HTTP|HTTPS", true);
			V_EACH(j, header, v_get(m, "httpHeaders"))
				if (!*v_str(header, "name"))
					v_required(c, V_AT(V_ITEM(V_AT(at, "httpHeaders"), j), "name"), "");
		} else if (i == 2) {
			v_port_or_name(c, V_AT(at, "port"), v_get(m, "port"));
		} else if (i == 3) {
			v_port(c, V_AT(at, "port"), doc_mint(m, "port", 0));
		}
	}
	if (!count)
		v_required(c, p, "must specify a handler type");
}

static void probe(struct vcheck *c, const struct vpath *up, yyjson_mut_val *container, const char *name)
{
	static const char *const counts[] = { "initialDelaySeconds", "timeoutSeconds", "periodSeconds",
		"successThreshold", "failureThreshold" };
	yyjson_mut_val *m = v_get(container, name), *grace;
	const struct vpath *p = V_AT(up, name);
	bool readiness = !strcmp(name, "readinessProbe");

	if (!m)
		return;
	handler(c, p, m);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		v_not_negative(c, p, m, counts[i]);
	if (!readiness && doc_mint(m, "successThreshold", 1) != 1)
		v_invalid_int(c, V_AT(p, "successThreshold"), doc_mint(m, "successThreshold", 1), "must be 1");
	if (!(grace = v_get(m, "terminationGracePeriodSeconds")))
		return;
	if (readiness)
		v_invalid_value(c, V_AT(p, "terminationGracePeriodSeconds"), grace,
			"must not be set for readinessProbes");
	else if (yyjson_mut_get_sint(grace) <= 0)
		v_invalid_value(c, V_AT(p, "terminationGracePeriodSeconds"), grace, "must be greater than 0");
}

static bool overcommits(const char *resource)
{
	return !strchr(resource, '/') && strncmp(resource, "hugepages-", 10);
}

void v_quantity_map(struct vcheck *c, const struct vpath *p, yyjson_mut_val *map)
{
	V_MEMBERS(name, m, map) {
		const char *s = yyjson_mut_get_str(m);
		v_syntax(c, V_KEY(p, name), name, text_bad_qualified_name);
		if (s && *s == '-')
			v_invalid(c, V_KEY(p, name), s, "must be greater than or equal to 0");
	}
}

void v_resources(struct vcheck *c, const struct vpath *p, yyjson_mut_val *resources)
{
	static const char *const sides[] = { "limits", "requests" };
	INDEX_AUTO struct index limits = index_map(v_get(resources, "limits"));

	for (int i = 0; i < 2; i++) {
		const struct vpath *side = V_AT(p, sides[i]);
		V_MEMBERS(name, m, v_get(resources, sides[i])) {
			const struct vpath *at = V_KEY(side, name);
			const char *s = yyjson_mut_get_str(m), *why = text_bad_qualified_name(name);
			struct quantity q;
			if (why)
				v_invalid(c, at, name, why);
			else if (!strchr(name, '/') && strncmp(name, "hugepages-", 10) &&
				 !v_one_of(name, "cpu|memory|ephemeral-storage"))
				v_invalid(c, at, name, "must be a standard resource for containers");
			if (!s || quantity_parse(s, strlen(s), &q))
				continue;
			if (q.nano < 0)
				v_invalid(c, at, s, "must be greater than or equal to 0");
			else if (!overcommits(name) && q.nano % 1000000000)
				v_invalid(c, at, s, "must be an integer");
		}
	}
	V_MEMBERS(name, m, v_get(resources, "requests")) {
		const char *s = yyjson_mut_get_str(m), *l = yyjson_mut_get_str(index_get(&limits, name));
		struct quantity q, limit;
		if (!s || quantity_parse(s, strlen(s), &q))
			continue;
		if (!l || quantity_parse(l, strlen(l), &limit)) {
			if (!overcommits(name))
				v_required(c, V_AT(p, "limits"), "Limit must be set for non overcommitable resources");
		} else if (!overcommits(name) && quantity_cmp(&q, &limit)) {
			v_invalid(c, V_AT(p, "requests"), s, v_text(c, "must be equal to %s limit of %s", name, l));
		} else if (quantity_cmp(&q, &limit) > 0) {
			v_invalid(c, V_AT(p, "requests"), s,
				v_text(c, "must be less than or equal to %s limit of %s", name, l));
		}
	}
}

static void security(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const char *const ids[] = { "runAsUser", "runAsGroup" };
	yyjson_mut_val *escalation = v_get(m, "allowPrivilegeEscalation"), *seccomp = v_get(m, "seccompProfile");

	for (int i = 0; i < 2; i++) {
		int64_t id = doc_mint(m, ids[i], 0);
		if (id < 0 || id > INT32_MAX)
			v_invalid_int(c, V_AT(p, ids[i]), id, "must be between 0 and 2147483647, inclusive");
	}
	v_enum(c, p, m, "procMount", "Default|Unmasked", false);
	if (escalation && !yyjson_mut_get_bool(escalation)) {
		if (doc_mbool(m, "privileged", false))
			v_invalid_value(c, p, m,
				"cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
		V_EACH(i, capability, doc_mget(m, "capabilities.add"))
			if (yyjson_mut_equals_str(capability, "CAP_SYS_ADMIN"))
				v_invalid_value(c, p, m, "cannot set `allowPrivilegeEscalation` to false and "
					"`capabilities.Add` CAP_SYS_ADMIN");
	}
	if (!seccomp)
		return;
	const struct vpath *at = V_AT(p, "seccompProfile");
	v_enum(c, at, seccomp, "type", "Localhost|RuntimeDefault|Unconfined", true);
	if (v_is(seccomp, "type", "Localhost") && !*v_str(seccomp, "localhostProfile"))
		v_required(c, V_AT(at, "localhostProfile"), "must be set when seccomp type is Localhost");
	else if (!v_is(seccomp, "type", "Localhost") && v_get(seccomp, "localhostProfile"))
		v_invalid(c, V_AT(at, "localhostProfile"), v_str(seccomp, "localhostProfile"),
			"can only be set when seccomp type is Localhost");
}

static void resize_policy(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		v_enum(c, at, m, "resourceName", "cpu|memory", true);
		v_enum(c, at, m, "restartPolicy", "NotRequired|RestartContainer", true);
		V_EACH(j, other, list)
			if (j < i && v_is(other, "resourceName", v_str(m, "resourceName")))
				v_duplicate(c, at, v_str(m, "resourceName"));
	}
}

/* Rules of one container wherever it is listed. */
static void common(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m,
	const struct map *volumes)
{
	const char *image = v_str(m, "image");
	size_t len = strlen(image);

	if (!*v_str(m, "name"))
		v_required(c, V_AT(p, "name"), "");
	else
		v_syntax(c, V_AT(p, "name"), v_str(m, "name"), text_bad_dns1123_label);
	if (!len)
		v_required(c, V_AT(p, "image"), "");
	else if (isspace((unsigned char)image[0]) || isspace((unsigned char)image[len - 1]))
		v_invalid(c, V_AT(p, "image"), image, "must not have leading or trailing whitespace");
	v_enum(c, p, m, "terminationMessagePolicy", "FallbackToLogsOnError|File", true);
	ports(c, V_AT(p, "ports"), v_get(m, "ports"));
	env(c, V_AT(p, "env"), v_get(m, "env"));
	env_from(c, V_AT(p, "envFrom"), v_get(m, "envFrom"));
	mounts(c, V_AT(p, "volumeMounts"), m, volumes);
	devices(c, V_AT(p, "volumeDevices"), v_get(m, "volumeDevices"), volumes);
	v_enum(c, p, m, "imagePullPolicy", "Always|IfNotPresent|Never", true);
	v_resources(c, V_AT(p, "resources"), v_get(m, "resources"));
	resize_policy(c, V_AT(p, "resizePolicy"), v_get(m, "resizePolicy"));
	security(c, V_AT(p, "securityContext"), v_get(m, "securityContext"));
}

static void lifecycle(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const char *const hooks[] = { "postStart", "preStop" };

	for (int i = 0; i < 2; i++)
		if (v_get(m, hooks[i]))
			handler(c, V_AT(p, hooks[i]), v_get(m, hooks[i]));
}

static void host_port_conflicts(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_SET seen = { 0 };

	V_EACH(i, m, list)
		V_EACH(j, port, v_get(m, "ports")) {
			int64_t host = doc_mint(port, "hostPort", 0);
			if (!host)
				continue;
			const char *key = v_text(c, "%s/%s/%lld", v_str(port, "protocol"), v_str(port, "hostIP"),
				(long long)host);
			if (key && !v_first(&seen, key))
				v_duplicate(c, V_AT(V_ITEM(V_AT(V_ITEM(p, i), "ports"), j), "hostPort"), key);
		}
}

static void one_list(struct vcheck *c, const struct vpath *up, yyjson_mut_val *spec, int list,
	const struct map *volumes, struct map *names)
{
	static const char *const lists[] = { "containers", "initContainers", "ephemeralContainers" };
	static const char *const not_debug[] = { "ports", "livenessProbe", "readinessProbe", "startupProbe",
		"lifecycle", "resizePolicy" };
	static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe" };
	const struct vpath *p = V_AT(up, lists[list]);
	yyjson_mut_val *targets = list == ROLE_DEBUG ? spec : NULL;
	INDEX_AUTO struct index mains = index_list(v_get(targets, "containers"), "name");
	INDEX_AUTO struct index inits = index_list(v_get(targets, "initContainers"), "name");

	V_EACH(i, m, v_get(spec, lists[list])) {
		const struct vpath *at = V_ITEM(p, i);
		bool sidecar = v_is(m, "restartPolicy", "Always");
		common(c, at, m, volumes);
		if (*v_str(m, "name") && !v_first(names, v_str(m, "name")))
			v_duplicate(c, V_AT(at, "name"), v_str(m, "name"));
		if (list == ROLE_DEBUG) {
			for (size_t n = 0; n < sizeof(not_debug) / sizeof(not_debug[0]); n++)
				if (yyjson_mut_get_len(v_get(m, not_debug[n])))
					v_forbidden(c, V_AT(at, not_debug[n]), "cannot be set for an Ephemeral Container");
			const char *target = v_str(m, "targetContainerName");
			if (*target && !index_get(&mains, target) && !index_get(&inits, target))
				v_not_found(c, V_AT(at, "targetContainerName"), target);
			continue;
		}
		if (list == ROLE_INIT) {
			v_enum(c, at, m, "restartPolicy", "Always|Never|OnFailure", false);
			for (size_t n = 0; !sidecar && n < 3; n++)
				if (v_get(m, probes[n]))
					v_forbidden(c, V_AT(at, probes[n]),
						"may not be set for init containers without restartPolicy=Always");
			if (!sidecar && v_get(m, "lifecycle"))
				v_forbidden(c, V_AT(at, "lifecycle"),
					"may not be set for init containers without restartPolicy=Always");
			if (!sidecar)
				continue;
		}
		lifecycle(c, V_AT(at, "lifecycle"), v_get(m, "lifecycle"));
		for (size_t n = 0; n < 3; n++)
			probe(c, at, m, probes[n]);
	}
	if (list == ROLE_MAIN)
		host_port_conflicts(c, p, v_get(spec, lists[list]));
}

void v_containers(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	V_SET volumes = { 0 }, names = { 0 };

	V_EACH(i, m, v_get(spec, "volumes"))
		v_first(&volumes, v_str(m, "name"));
	if (!doc_mlen(spec, "containers"))
		v_required(c, V_AT(p, "containers"), "");
	for (int list = ROLE_MAIN; list <= ROLE_DEBUG; list++)
		one_list(c, p, spec, list, &volumes, &names);
}
