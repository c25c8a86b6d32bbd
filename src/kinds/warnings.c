/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warnings about what an object asks for: members of pods that nodes of this
 * release refuse (agent/podspec.c: spec_refused) or do not act upon, said when
 * the pod or its template is written; and what upstream warns of (warnings_*.c).
 *
 * A row leaves as soon as the node does it.
 */
#include <stdarg.h>

#include "base/text.h"
#include "kinds/warnings.h"

#define IGNORED "not done yet by this release, ignored on the node"
#define REFUSED "not done yet by this release, nodes refuse the pod"

void warn(struct warnings *w, const char *fmt, ...)
{
	va_list ap;

	if (warned_enough(w))
		return;
	va_start(ap, fmt);
	const char *text = arena_vprintf(w->a, fmt, ap);
	va_end(ap);
	for (struct kinds_problem *p = text ? w->first : NULL; p; p = p->next)
		if (!strcmp(p->text, text))
			return;
	struct kinds_problem *p = text ? arena_zalloc(w->a, sizeof(*p)) : NULL;
	if (!p)
		return;
	p->text = text;
	*w->tail = p;
	w->tail = &p->next;
	w->count++;
}

static void member(struct warnings *w, const char *path, const char *name, const char *what)
{
	warn(w, "%s.%s: %s", path, name, what);
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
		if (!path || warned_enough(w))
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
		if (!path || warned_enough(w))
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

/* Where a kind has its pod or template, and what its own name becomes part of. */
static const struct { const char *type, *at, *name; } pods[] = {
	{ "core/v1.Pod", "", "the Pod's hostname" },
	{ "core/v1.PodTemplate", "template." },
	{ "core/v1.ReplicationController", "spec.template.", "Pod names and hostnames" },
	{ "apps/v1.Deployment", "spec.template.", "Pod names and hostnames" },
	{ "apps/v1.ReplicaSet", "spec.template.", "Pod names and hostnames" },
	{ "apps/v1.DaemonSet", "spec.template." },
	{ "apps/v1.StatefulSet", "spec.template." },
	{ "batch/v1.Job", "spec.template.", "Pod names and hostnames" },
	{ "batch/v1.CronJob", "spec.jobTemplate.spec.template.", "Pod names and hostnames" },
};

static void pod(struct warnings *w, yyjson_mut_val *v, yyjson_mut_val *old, const char *at, const char *name)
{
	const char *spec_path = arena_printf(w->a, "%sspec", at), *meta_path = arena_printf(w->a, "%smetadata", at), *bad;

	if (!spec_path || !meta_path)
		return;
	yyjson_mut_val *spec = doc_mget(v, spec_path), *was = doc_mget(old, spec_path);
	/* Said already when the same spec was written before. */
	if (!spec || (was && doc_mequal(spec, was)))
		return;
	if (!old && name && doc_mstr(v, "metadata.name") && (bad = text_bad_dns1123_label(doc_mstr(v, "metadata.name"))))
		warn(w, "metadata.name: this is used in %s, which can result in surprising behavior; a DNS label is "
			"recommended: [%s]", name, bad);
	pod_spec(w, spec, spec_path);
	/* A pod is changed by machines, which have nobody to tell. */
	if (*at || !old)
		warn_pod(w, doc_mget(v, meta_path), spec, at);
}

/* ---- definitions of custom kinds ---- */

static bool has_rules(yyjson_mut_val *s)
{
	if (yyjson_mut_is_obj(s) && yyjson_mut_obj_get(s, "x-kubernetes-validations"))
		return true;
	if (yyjson_mut_is_arr(s))
		V_EACH(i, item, s)
			if (has_rules(item))
				return true;
	V_MEMBERS(key, m, yyjson_mut_is_obj(s) ? s : NULL)
		if (yyjson_mut_is_ctn(m) && has_rules(m))
			return true;
	return false;
}

static void definition(struct warnings *w, yyjson_mut_val *v, yyjson_mut_val *old)
{
	const char *strategy = doc_mstr(v, "spec.conversion.strategy");

	if (old && doc_mequal(doc_mget(v, "spec"), doc_mget(old, "spec")))
		return;
	V_EACH(i, version, doc_mget(v, "spec.versions"))
		if (has_rules(doc_mget(version, "schema")))
			warn(w, "spec.versions[%zu].schema: x-kubernetes-validations are kept and not evaluated by this release", i);
	if (strategy && !strcmp(strategy, "Webhook"))
		warn(w, "spec.conversion: webhooks are not called by this release; objects are served in their stored version only");
}

int kinds_warnings(struct arena *a, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old,
	struct kinds_problem **ret_warnings)
{
	struct warnings w = { .a = a };

	w.tail = &w.first;
	if (!k->custom) {
		warn_core(&w, k, v);
		warn_groups(&w, k, v, old);
	}
	if (!k->custom && !strcmp(k->type->name, "apiextensions/v1.CustomResourceDefinition"))
		definition(&w, v, old);
	for (size_t i = 0; !k->custom && i < sizeof(pods) / sizeof(pods[0]); i++)
		if (!strcmp(pods[i].type, k->type->name))
			pod(&w, v, old, pods[i].at, pods[i].name);
	*ret_warnings = w.first;
	return arena_over(a) ? -ERR_SIZE : 0;
}
