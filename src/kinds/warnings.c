/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warnings about what an object asks for: members of pods that nodes of this
 * release refuse (agent/podspec.c: spec_refused) or do not act upon, said when
 * the pod or its template is written; and members that are deprecated upstream.
 *
 * A row leaves as soon as the node does it.
 */
#include <string.h>

#include "doc/doc.h"
#include "kinds/kinds_custom.h"
#include "kinds/validate.h"

#define IGNORED "not done yet by this release, ignored on the node"
#define REFUSED "not done yet by this release, nodes refuse the pod"
#define WARNINGS_MAX 32

struct warnings {
	struct arena *a;
	struct kinds_problem *first, **tail;
	int count;
};

static void warn(struct warnings *w, const char *text)
{
	if (!text || w->count >= WARNINGS_MAX)
		return;
	for (struct kinds_problem *p = w->first; p; p = p->next)
		if (!strcmp(p->text, text))
			return;
	struct kinds_problem *p = arena_zalloc(w->a, sizeof(*p));
	if (!p)
		return;
	p->text = text;
	*w->tail = p;
	w->tail = &p->next;
	w->count++;
}

static void member(struct warnings *w, const char *path, const char *name, const char *what)
{
	warn(w, arena_printf(w->a, "%s.%s: %s", path, name, what));
}

/* Whether somebody asked for the member: present, and not false or empty. */
static bool asked(yyjson_mut_val *obj, const char *path)
{
	yyjson_mut_val *m = doc_mget(obj, path);

	return m && !yyjson_mut_is_null(m) && !(yyjson_mut_is_bool(m) && !yyjson_mut_get_bool(m)) &&
		!(yyjson_mut_is_str(m) && !yyjson_mut_get_len(m)) &&
		!(yyjson_mut_is_ctn(m) && !yyjson_mut_get_len(m));
}

struct row { const char *path, *what; };
static const struct row pod_rows[] = {
	{ "shareProcessNamespace", REFUSED },
	{ "runtimeClassName", IGNORED },
	{ "resourceClaims", IGNORED },
	{ "setHostnameAsFQDN", IGNORED },
	{ "hostnameOverride", IGNORED },
	{ "overhead", IGNORED },
	{ "resources", IGNORED },
	{ "securityContext.seLinuxOptions", REFUSED },
	{ "securityContext.windowsOptions", REFUSED },
};
static const struct row container_rows[] = {
	{ "volumeDevices", REFUSED },
	{ "livenessProbe.grpc", REFUSED },
	{ "readinessProbe.grpc", REFUSED },
	{ "startupProbe.grpc", REFUSED },
	{ "restartPolicyRules", IGNORED },
	{ "resources.claims", IGNORED },
	{ "securityContext.seLinuxOptions", IGNORED },
	{ "securityContext.windowsOptions", IGNORED },
};
static const char volumes_done[] = "name|emptyDir|configMap|secret|projected|downwardAPI|hostPath";
static const char sources_done[] = "configMap|secret|downwardAPI|serviceAccountToken";

static void rows(struct warnings *w, yyjson_mut_val *obj, const char *path, const struct row *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (asked(obj, r[i].path))
			member(w, path, r[i].path, r[i].what);
}
#define ROWS(w, obj, path, table) rows(w, obj, path, table, sizeof(table) / sizeof((table)[0]))

/* Profiles that lie on the machine, of a pod or of a container. */
static void profiles(struct warnings *w, yyjson_mut_val *obj, const char *path)
{
	static const char *const types[] = { "seccompProfile", "appArmorProfile" };

	for (int i = 0; i < 2; i++) {
		yyjson_mut_val *m = yyjson_mut_obj_get(yyjson_mut_obj_get(obj, "securityContext"), types[i]);
		if (v_is(m, "type", "Localhost"))
			member(w, path, i ? "securityContext.appArmorProfile" : "securityContext.seccompProfile", REFUSED);
	}
}

static void containers(struct warnings *w, yyjson_mut_val *spec, const char *at, const char *list)
{
	V_EACH(i, c, yyjson_mut_obj_get(spec, list)) {
		const char *path = arena_printf(w->a, "%s.%s[%zu]", at, list, i);
		if (!path || w->count >= WARNINGS_MAX)
			return;
		ROWS(w, c, path, container_rows);
		profiles(w, c, path);
		V_EACH(j, m, yyjson_mut_obj_get(c, "volumeMounts"))
			if (asked(m, "recursiveReadOnly") && !v_is(m, "recursiveReadOnly", "Disabled"))
				member(w, arena_printf(w->a, "%s.volumeMounts[%zu]", path, j), "recursiveReadOnly", IGNORED);
		V_EACH(j, e, yyjson_mut_obj_get(c, "env"))
			if (asked(e, "valueFrom.fileKeyRef"))
				member(w, arena_printf(w->a, "%s.env[%zu]", path, j), "valueFrom.fileKeyRef", IGNORED);
	}
}

static void volumes(struct warnings *w, yyjson_mut_val *spec, const char *at)
{
	V_EACH(i, v, yyjson_mut_obj_get(spec, "volumes")) {
		const char *path = arena_printf(w->a, "%s.volumes[%zu]", at, i);
		if (!path || w->count >= WARNINGS_MAX)
			return;
		V_MEMBERS(name, m, v)
			if (m && !v_one_of(name, volumes_done))
				member(w, path, name, REFUSED);
		V_EACH(j, source, doc_mget(v, "projected.sources"))
			V_MEMBERS(name, m, source)
				if (m && !v_one_of(name, sources_done))
					member(w, arena_printf(w->a, "%s.projected.sources[%zu]", path, j), name, REFUSED);
	}
}

static void pod_spec(struct warnings *w, yyjson_mut_val *spec, const char *at)
{
	static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };
	const char *os = doc_mstr(spec, "os.name");

	ROWS(w, spec, at, pod_rows);
	profiles(w, spec, at);
	if (yyjson_mut_is_false(yyjson_mut_obj_get(spec, "hostUsers")))
		member(w, at, "hostUsers", REFUSED);
	if (os && strcmp(os, "linux"))
		member(w, at, "os", REFUSED);
	volumes(w, spec, at);
	for (int i = 0; i < 3; i++)
		containers(w, spec, at, lists[i]);
}

/* Where a kind has its PodSpec. */
static const struct { const char *type, *path; } pods[] = {
	{ "core/v1.Pod", "spec" },
	{ "core/v1.PodTemplate", "template.spec" },
	{ "core/v1.ReplicationController", "spec.template.spec" },
	{ "apps/v1.Deployment", "spec.template.spec" },
	{ "apps/v1.ReplicaSet", "spec.template.spec" },
	{ "apps/v1.DaemonSet", "spec.template.spec" },
	{ "apps/v1.StatefulSet", "spec.template.spec" },
	{ "batch/v1.Job", "spec.template.spec" },
	{ "batch/v1.CronJob", "spec.jobTemplate.spec.template.spec" },
};

/* Labels of nodes that were renamed. */
static const struct { const char *old, *now; } node_labels[] = {
	{ "beta.kubernetes.io/arch", "kubernetes.io/arch" },
	{ "beta.kubernetes.io/os", "kubernetes.io/os" },
	{ "failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region" },
	{ "failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone" },
	{ "beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type" },
};

static void deprecated(struct warnings *w, yyjson_mut_val *spec, const char *at)
{
	for (size_t n = 0; n < sizeof(node_labels) / sizeof(node_labels[0]); n++)
		if (yyjson_mut_obj_get(yyjson_mut_obj_get(spec, "nodeSelector"), node_labels[n].old))
			warn(w, arena_printf(w->a, "%s.nodeSelector[%s]: deprecated since v1.14; use \"%s\" instead", at,
				node_labels[n].old, node_labels[n].now));
}

int kinds_warnings(struct arena *a, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old,
	struct kinds_problem **ret_warnings)
{
	const struct kinds_custom *custom = kinds_custom_of(k);
	struct warnings w = { .a = a };

	w.tail = &w.first;
	if (custom && custom->warning)
		warn(&w, custom->warning);
	if (!k->custom && (!strcmp(k->type->name, "core/v1.Endpoints")))
		warn(&w, "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice");
	for (size_t i = 0; !k->custom && i < sizeof(pods) / sizeof(pods[0]); i++) {
		if (strcmp(pods[i].type, k->type->name))
			continue;
		yyjson_mut_val *spec = doc_mget(v, pods[i].path), *was = doc_mget(old, pods[i].path);
		/* Said already when the same spec was written before. */
		if (!spec || (was && doc_mequal(spec, was)))
			break;
		pod_spec(&w, spec, pods[i].path);
		deprecated(&w, spec, pods[i].path);
	}
	*ret_warnings = w.first;
	return arena_over(a) ? -ERR_SIZE : 0;
}
