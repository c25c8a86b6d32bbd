/* SPDX-License-Identifier: Apache-2.0 */
/* podspec - pure readings of a pod's spec: quantities, quality of service, what is refused. */
#include <stdio.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "doc/doc.h"
#include "doc/quantity.h"

#define OOM_GUARANTEED (-997)
#define OOM_BEST_EFFORT 1000

int64_t spec_quantity(yyjson_val *resources, const char *list, const char *name, bool milli)
{
	yyjson_val *v = yyjson_obj_get(yyjson_obj_get(resources, list), name);
	struct quantity q;

	if (!yyjson_is_str(v) || quantity_parse(yyjson_get_str(v), yyjson_get_len(v), &q))
		return -1;
	return milli ? quantity_milli(&q) : quantity_value(&q);
}

static const char *const container_lists[] = { "initContainers", "containers" };

const char *spec_qos(yyjson_val *pod)
{
	static const char *const names[] = { "cpu", "memory" };
	bool any = false, guaranteed = true;

	for (unsigned l = 0; l < 2; l++) {
		yyjson_val *c, *list = doc_get(doc_get(pod, "spec"), container_lists[l]);
		size_t i, n;

		yyjson_arr_foreach(list, i, n, c) {
			yyjson_val *r = yyjson_obj_get(c, "resources");

			for (unsigned k = 0; k < 2; k++) {
				int64_t req = spec_quantity(r, "requests", names[k], true);
				int64_t lim = spec_quantity(r, "limits", names[k], true);

				any |= req > 0 || lim > 0;
				if (lim <= 0 || (req >= 0 && req != lim))
					guaranteed = false;
			}
		}
	}
	return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

/* Source: kubelet pkg/kubelet/qos/policy.go, GetContainerOOMScoreAdjust */
int spec_oom_score(const char *qos, yyjson_val *container, int64_t machine_memory)
{
	int64_t request, score;

	if (!strcmp(qos, "Guaranteed"))
		return OOM_GUARANTEED;
	if (!strcmp(qos, "BestEffort"))
		return OOM_BEST_EFFORT;
	request = spec_quantity(yyjson_obj_get(container, "resources"), "requests", "memory", false);
	if (request < 0)
		request = spec_quantity(yyjson_obj_get(container, "resources"), "limits", "memory", false);
	score = 1000 - (request > 0 && machine_memory > 0 ? (int64_t)(1000.0 * (double)request / (double)machine_memory) : 0);
	if (score < 3)
		return 3;
	return score == 1000 ? 999 : (int)score;
}

bool spec_host_network(yyjson_val *pod)
{
	return doc_bool(pod, "spec.hostNetwork", false);
}

void spec_hostname(char out[64], yyjson_val *pod)
{
	const char *h = doc_str(pod, "spec.hostname");

	if (!h || !*h)
		h = doc_str(pod, "metadata.name");
	snprintf(out, 64, "%.63s", h ? h : "pod");
	for (size_t n = strlen(out); n && (out[n - 1] == '-' || out[n - 1] == '.');)
		out[--n] = 0;
}

/* Kinds of volumes that volumes.c makes. */
static bool volume_known(yyjson_val *v)
{
	static const char *const known[] = { "emptyDir", "configMap", "secret", "projected", "downwardAPI", "hostPath" };

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (yyjson_obj_get(v, known[i]))
			return true;
	return yyjson_obj_size(v) <= 1;    /* a name alone is an emptyDir */
}

static const char *container_refused(yyjson_val *c, char *out, size_t size)
{
	static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe" };
	const char *name = doc_str(c, "name");
	const char *profile = doc_str(c, "securityContext.seccompProfile.type");
	const char *apparmor = doc_str(c, "securityContext.appArmorProfile.type");

	for (unsigned i = 0; i < 3; i++)
		if (doc_get(yyjson_obj_get(c, probes[i]), "grpc")) {
			snprintf(out, size, "container %s: gRPC probes are not supported", name);
			return out;
		}
	if (profile && !strcmp(profile, "Localhost")) {
		snprintf(out, size, "container %s: seccomp profiles of the machine are not supported", name);
		return out;
	}
	if (apparmor && !strcmp(apparmor, "Localhost")) {
		snprintf(out, size, "container %s: AppArmor profiles are not supported", name);
		return out;
	}
	if (doc_len(c, "volumeDevices")) {
		snprintf(out, size, "container %s: block volumes are not supported", name);
		return out;
	}
	return NULL;
}

const char *spec_refused(yyjson_val *pod, char *out, size_t size)
{
	static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };
	yyjson_val *spec = doc_get(pod, "spec"), *v;
	const char *profile = doc_str(spec, "securityContext.seccompProfile.type");
	size_t i, n;

	if (doc_bool(spec, "shareProcessNamespace", false))
		return "spec.shareProcessNamespace is not supported";
	if (doc_get(spec, "hostUsers") && !doc_bool(spec, "hostUsers", true))
		return "user namespaces (spec.hostUsers: false) are not supported";
	if (doc_str(spec, "os.name") && strcmp(doc_str(spec, "os.name"), "linux"))
		return "only spec.os.name: linux is supported";
	if (profile && !strcmp(profile, "Localhost"))
		return "seccomp profiles of the machine are not supported";
	if (doc_get(spec, "securityContext.seLinuxOptions") || doc_get(spec, "securityContext.windowsOptions"))
		return "SELinux and Windows options are not supported";
	yyjson_arr_foreach(yyjson_obj_get(spec, "volumes"), i, n, v)
		if (!volume_known(v)) {
			snprintf(out, size, "volume %s: this kind of volume is not supported", doc_str(v, "name"));
			return out;
		}
	for (unsigned l = 0; l < 3; l++)
		yyjson_arr_foreach(yyjson_obj_get(spec, lists[l]), i, n, v) {
			const char *why = container_refused(v, out, size);

			if (why)
				return why;
		}
	if (doc_len(spec, "containers") + doc_len(spec, "initContainers") + doc_len(spec, "ephemeralContainers") > POD_CTRS_MAX) {
		snprintf(out, size, "more than %d containers", POD_CTRS_MAX);
		return out;
	}
	return NULL;
}

#define SECONDS_MAX (100LL * 365 * 86400)

int64_t spec_ms(yyjson_val *v, const char *path, int64_t dflt_s)
{
	int64_t s = doc_int(v, path, dflt_s);

	return (s > SECONDS_MAX ? SECONDS_MAX : s < -SECONDS_MAX ? -SECONDS_MAX : s) * 1000;
}
