/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of containers: of each alone, then of all of a pod together.
 * Source: kubernetes pkg/apis/core/validation/validation.go (validateContainers,
 * validateInitContainers, validateEphemeralContainers); KEP-5307 (container restart rules).
 */
#include "base/text.h"
#include "kinds/normal.h"
#include "kinds/validate.h"

#define RESTART_RULES_MAX 20
#define EXIT_CODES_MAX 255

/* A pod as its containers see it. */
struct pod {
	yyjson_mut_val *spec;
	const struct map *volumes;      /* those that are well-formed, by name */
	bool host_users;
};

static void ports(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_SET seen = { 0 };

	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "name");
		int64_t port = doc_mint(m, "containerPort", 0), host = doc_mint(m, "hostPort", 0);
		if (*name && !v_port_name(c, V_AT(at, "name"), name) && !v_first(&seen, name))
			v_duplicate(c, V_AT(at, "name"), name);
		if (!port)
			v_required(c, V_AT(at, "containerPort"), "");
		else
			v_port(c, V_AT(at, "containerPort"), port);
		if (host)
			v_port(c, V_AT(at, "hostPort"), host);
		v_enum(c, at, m, "protocol", "SCTP|TCP|UDP", true);
	}
}

static void resize_policy(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, const struct pod *pod)
{
	static const struct { const char *name, *allowed; } members[] = {
		{ "resourceName", "cpu|memory" }, { "restartPolicy", "NotRequired|RestartContainer" },
	};
	V_SET seen = { 0 };

	V_EACH(i, m, list) {
		if (!v_first(&seen, v_str(m, "resourceName")))
			v_duplicate(c, V_ITEM(p, i), v_str(m, "resourceName"));
		for (int n = 0; n < 2; n++) {
			const char *s = v_str(m, members[n].name);
			if (!*s)
				v_required(c, p, "");
			else if (!v_one_of(s, members[n].allowed))
				v_unsupported(c, p, s, members[n].allowed);
		}
		if (v_is(pod->spec, "restartPolicy", "Never") && !v_is(m, "restartPolicy", "NotRequired"))
			v_invalid(c, p, v_str(m, "restartPolicy"), "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
	}
}

/* Rules of one container wherever it is listed. */
static void common(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct pod *pod)
{
	if (!*v_str(m, "name"))
		v_required(c, V_AT(p, "name"), "");
	else
		v_syntax(c, V_AT(p, "name"), v_str(m, "name"), text_bad_dns1123_label);
	if (!*v_str(m, "image"))
		v_required(c, V_AT(p, "image"), "");
	v_enum(c, p, m, "terminationMessagePolicy", "File|FallbackToLogsOnError", true);
	ports(c, V_AT(p, "ports"), v_get(m, "ports"));
	v_env(c, V_AT(p, "env"), v_get(m, "env"));
	v_env_from(c, V_AT(p, "envFrom"), v_get(m, "envFrom"));
	v_mounts(c, V_AT(p, "volumeMounts"), m, pod->volumes);
	v_devices(c, V_AT(p, "volumeDevices"), m, pod->volumes);
	v_enum(c, p, m, "imagePullPolicy", "Always|IfNotPresent|Never", true);
	v_container_resources(c, V_AT(p, "resources"), v_get(m, "resources"), v_get(pod->spec, "resourceClaims"));
	resize_policy(c, V_AT(p, "resizePolicy"), v_get(m, "resizePolicy"), pod);
	v_container_security(c, V_AT(p, "securityContext"), v_get(m, "securityContext"), pod->host_users);
}

/* How a container starts again, by its own word over the pod's. */
static void restarts(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, bool init)
{
	const char *policy = yyjson_mut_get_str(v_get(m, "restartPolicy"));
	yyjson_mut_val *rules = v_get(m, "restartPolicyRules");
	const struct vpath *rp = V_AT(p, "restartPolicyRules");
	size_t n = yyjson_mut_arr_size(rules);

	if (!policy && n)
		v_required(c, V_AT(p, "restartPolicy"), "must specify restartPolicy when restart rules are used");
	if (init && n && policy && !strcmp(policy, "Always"))
		v_forbidden(c, rp, "restartPolicyRules are not allowed for init containers with restart policy Always");
	if (init && (!policy || !strcmp(policy, "Always")))
		return;
	if (policy && !v_one_of(policy, "Always|Never|OnFailure"))
		v_unsupported(c, V_AT(p, "restartPolicy"), policy, "Always|Never|OnFailure");
	if (n > RESTART_RULES_MAX)
		v_too_many(c, rp, n, RESTART_RULES_MAX);
	V_EACH(i, rule, rules) {
		const struct vpath *at = V_ITEM(rp, i), *ep = V_AT(at, "exitCodes");
		yyjson_mut_val *codes = v_get(rule, "exitCodes");
		if (!v_is(rule, "action", "Restart"))
			v_unsupported(c, V_AT(at, "action"), v_str(rule, "action"), "Restart");
		if (!codes) {
			v_required(c, ep, "must be specified");
			continue;
		}
		if (!v_one_of(v_str(codes, "operator"), "In|NotIn"))
			v_unsupported(c, V_AT(ep, "operator"), v_str(codes, "operator"), "In|NotIn");
		if (doc_mlen(codes, "values") > EXIT_CODES_MAX)
			v_too_many(c, V_AT(ep, "values"), doc_mlen(codes, "values"), EXIT_CODES_MAX);
	}
}

static void host_ports(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, struct map *seen)
{
	V_EACH(i, port, v_get(m, "ports")) {
		int64_t host = doc_mint(port, "hostPort", 0);
		const char *key = host ? v_text(c, "%s/%s/%lld", v_str(port, "protocol"), v_str(port, "hostIP"),
			(long long)host) : NULL;
		if (key && !v_first(seen, key))
			v_duplicate(c, V_AT(V_ITEM(V_AT(p, "ports"), i), "hostPort"), key);
	}
}

/* Spaces around an image's name: tolerated in templates that are stored already. */
static void image(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	if (v_padded(v_str(m, "image")))
		v_invalid(c, V_AT(p, "image"), v_str(m, "image"), "must not have leading or trailing whitespace");
}

static void mains(struct vcheck *c, const struct vpath *p, const struct pod *pod)
{
	yyjson_mut_val *list = v_get(pod->spec, "containers");
	V_SET names = { 0 }, ports_taken = { 0 };

	if (!yyjson_mut_arr_size(list))
		v_required(c, p, "");
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		common(c, at, m, pod);
		if (!v_first(&names, v_str(m, "name")))
			v_duplicate(c, V_AT(at, "name"), v_str(m, "name"));
		v_calls(c, at, m, pod->spec);
		restarts(c, at, m, false);
	}
	V_EACH(i, m, list)
		host_ports(c, V_ITEM(p, i), m, &ports_taken);
}

static void inits(struct vcheck *c, const struct vpath *p, const struct pod *pod)
{
	static const char *const calls[] = { "lifecycle", "livenessProbe", "readinessProbe", "startupProbe" };
	V_SET names = { 0 };

	V_EACH(i, m, v_get(pod->spec, "containers"))
		v_first(&names, v_str(m, "name"));
	V_EACH(i, m, v_get(pod->spec, "initContainers")) {
		const struct vpath *at = V_ITEM(p, i);
		bool sidecar = v_is(m, "restartPolicy", "Always");
		V_SET ports_taken = { 0 };
		common(c, at, m, pod);
		restarts(c, at, m, true);
		if (map_get(&names, v_str(m, "name")))
			v_duplicate(c, V_AT(at, "name"), v_str(m, "name"));
		else if (*v_str(m, "name"))
			v_first(&names, v_str(m, "name"));
		/* They run one after another: upstream counts each from 0. */
		host_ports(c, V_ITEM(p, 0), m, &ports_taken);
		if (sidecar)
			v_calls(c, at, m, pod->spec);
		for (size_t n = 0; !sidecar && n < sizeof(calls) / sizeof(calls[0]); n++)
			if (v_get(m, calls[n]))
				v_forbidden(c, V_AT(at, calls[n]), "may not be set for init containers without restartPolicy=Always");
		V_EACH(j, policy, v_get(m, "resizePolicy"))
			if (!sidecar && v_is(policy, "restartPolicy", "RestartContainer"))
				v_invalid(c, V_AT(V_ITEM(V_AT(at, "resizePolicy"), j), "restartPolicy"), "RestartContainer",
					"must not be set to 'RestartContainer' for non-sidecar initContainers");
	}
}

static void debuggers(struct vcheck *c, const struct vpath *p, const struct pod *pod)
{
	static const char no[] = "cannot be set for an Ephemeral Container";
	static const char *const not_debug[] = { "ports", "resources", "resizePolicy", "restartPolicy",
		"restartPolicyRules", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle" };
	V_SET others = { 0 }, names = { 0 };
	yyjson_mut_val *list = v_get(pod->spec, "ephemeralContainers");

	for (int l = 0; yyjson_mut_arr_size(list) && l < 2; l++)
		V_EACH(i, m, v_get(pod->spec, l ? "initContainers" : "containers")) {
			v_first(&others, v_str(m, "name"));
			v_first(&names, v_str(m, "name"));
		}
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *target = v_str(m, "targetContainerName");
		common(c, at, m, pod);
		image(c, at, m);
		if (!v_first(&names, v_str(m, "name")))
			v_duplicate(c, V_AT(at, "name"), v_str(m, "name"));
		if (*target && !map_get(&others, target))
			v_not_found(c, V_AT(at, "targetContainerName"), target);
		for (size_t n = 0; n < sizeof(not_debug) / sizeof(not_debug[0]); n++)
			if (yyjson_mut_get_len(v_get(m, not_debug[n])))
				v_forbidden(c, V_AT(at, not_debug[n]), no);
		V_EACH(j, mount, v_get(m, "volumeMounts")) {
			const struct vpath *mp = V_ITEM(V_AT(at, "volumeMounts"), j);
			if (*v_str(mount, "subPath"))
				v_forbidden(c, V_AT(mp, "subPath"), no);
			if (*v_str(mount, "subPathExpr"))
				v_forbidden(c, V_AT(mp, "subPathExpr"), no);
		}
	}
}

void v_containers(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, const struct map *volumes)
{
	struct pod pod = { spec, volumes, doc_mbool(spec, "hostUsers", true) };

	mains(c, V_AT(p, "containers"), &pod);
	inits(c, V_AT(p, "initContainers"), &pod);
	debuggers(c, V_AT(p, "ephemeralContainers"), &pod);
}

void v_images(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	for (int l = 0; l < 2; l++)
		V_EACH(i, m, v_get(spec, l ? "initContainers" : "containers"))
			image(c, V_ITEM(V_AT(p, l ? "initContainers" : "containers"), i), m);
}

void v_host_ports(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, bool is_template)
{
	if (!doc_mbool(spec, "hostNetwork", false))
		return;
	V_EACH(i, m, v_get(spec, "containers"))
		V_EACH(j, port, v_get(m, "ports")) {
			int64_t host = doc_mint(port, "hostPort", 0);
			if ((!is_template || host) && host != doc_mint(port, "containerPort", 0))
				v_invalid_int(c, V_AT(V_ITEM(V_AT(V_ITEM(V_AT(p, "containers"), i), "ports"), j), "hostPort"),
					host, "must match `containerPort` when `hostNetwork` is true");
		}
}
