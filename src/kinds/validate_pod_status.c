/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a write of a pod's status may say.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidatePodStatusUpdate),
 * pkg/api/v1/pod/util.go (ContainerShouldRestart).
 */
#include "base/text.h"
#include "kinds/normal.h"
#include "kinds/validate.h"

#define ADDRESSES_MAX 2

static const struct { const char *statuses, *specs; } lists[] = {
	{ "containerStatuses", "containers" }, { "initContainerStatuses", "initContainers" },
	{ "ephemeralContainerStatuses", NULL },
};

/* Whether a rule of the container's own says so of the exit code; *ret: what it says. */
static bool by_rule(yyjson_mut_val *container, int64_t code)
{
	V_EACH(i, rule, v_get(container, "restartPolicyRules")) {
		yyjson_mut_val *codes = v_get(rule, "exitCodes");
		bool listed = false;
		V_EACH(j, m, v_get(codes, "values"))
			listed |= yyjson_mut_get_sint(m) == code;
		if (codes && listed == v_is(codes, "operator", "In"))
			return true;
	}
	return false;
}

static bool starts_again(yyjson_mut_val *spec, yyjson_mut_val *container, int64_t code)
{
	const char *own = v_str(container, "restartPolicy"), *policy = *own ? own : v_str(spec, "restartPolicy");

	return container && (by_rule(container, code) || !strcmp(policy, "Always") ||
		(!strcmp(policy, "OnFailure") && code));
}

/* What has ended stays ended, unless it starts again. */
static void transitions(struct vcheck *c, const struct vpath *p, int list, yyjson_mut_val *now, yyjson_mut_val *was,
	yyjson_mut_val *spec)
{
	INDEX_AUTO struct index news = index_list(now, "name");
	INDEX_AUTO struct index specs = index_list(lists[list].specs ? v_get(spec, lists[list].specs) : NULL, "name");

	V_EACH(i, o, was) {
		yyjson_mut_val *ended = doc_mget(o, "state.terminated");
		yyjson_mut_val *n = ended ? index_get(&news, v_str(o, "name")) : NULL;
		if (n && !doc_mget(n, "state.terminated") && (!lists[list].specs ||
				!starts_again(spec, index_get(&specs, v_str(o, "name")), doc_mint(ended, "exitCode", 0))))
			v_forbidden(c, V_AT(V_ITEM(p, i), "state"), "may not be transitioned to non-terminated state");
	}
}

static void conditions(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		int64_t seen = doc_mint(m, "observedGeneration", 0);
		if (seen < 0)
			v_invalid_int(c, V_AT(at, "observedGeneration"), seen, "must be a non-negative integer");
		if (!v_one_of(v_str(m, "type"), "PodScheduled|Ready|Initialized"))
			v_syntax(c, V_AT(at, "Type"), v_str(m, "type"), text_bad_qualified_name);
	}
}

static void claims(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, yyjson_mut_val *spec)
{
	INDEX_AUTO struct index known = index_list(v_get(spec, "resourceClaims"), "name");
	V_SET seen = { 0 };

	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		if (!index_get(&known, v_str(m, "name")))
			v_invalid(c, V_AT(at, "name"), v_str(m, "name"),
				"must match the name of an entry in `spec.resourceClaims`");
		if (!v_first(&seen, v_str(m, "name")))
			v_duplicate(c, V_AT(at, "name"), v_str(m, "name"));
		if (v_get(m, "resourceClaimName"))
			v_syntax(c, V_AT(at, "resourceClaimName"), v_str(m, "resourceClaimName"), text_bad_dns1123_subdomain);
	}
}

/* One address of each family at most. */
static void addresses(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	size_t n = yyjson_mut_arr_size(list);
	int families = 0;

	V_EACH(i, m, list) {
		uint8_t bytes[16];
		int family;
		v_ip(c, V_ITEM(p, i), v_str(m, "ip"));
		if (!text_parse_ip(v_str(m, "ip"), &family, bytes))
			families |= family == 4 ? 1 : 2;
	}
	if (n > ADDRESSES_MAX || (n > 1 && families != 3))
		v_invalid_value(c, p, list, "may specify no more than one IP for each IP family");
}

static void user(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, bool windows)
{
	static const char *const ids[] = { "uid", "gid" };

	if (m && windows)
		v_forbidden(c, p, "cannot be set for a windows pod");
	for (int i = 0; m && !windows && i < 2; i++)
		v_id(c, V_AT(p, ids[i]), v_get(m, ids[i]));
	V_EACH(i, group, windows ? NULL : v_get(m, "supplementalGroups"))
		v_id(c, V_ITEM(V_AT(p, "supplementalGroups"), i), group);
}

static void allocated(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, yyjson_mut_val *container)
{
	INDEX_AUTO struct index requests = index_map(list ? doc_mget(container, "resources.requests") : NULL);
	V_SET claims = { 0 };

	V_EACH(j, own, list ? doc_mget(container, "resources.claims") : NULL) {
		const char *request = v_str(own, "request");
		const char *full = v_text(c, "claim:%s%s%s", v_str(own, "name"), *request ? "/" : "", request);
		if (full)
			v_first(&claims, full);
	}
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "name");
		bool claim = !strncmp(name, "claim:", 6);
		bool found = claim ? map_get(&claims, name) != NULL : index_get(&requests, name) != NULL;
		V_SET seen = { 0 };
		if (container && !found)
			v_invalid(c, V_AT(at, "name"), name, claim ? "must match one of the container's resource claims in a "
				"format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty" :
				"must match one of the container's resource requests");
		V_EACH(j, device, v_get(m, "resources")) {
			const struct vpath *dp = V_ITEM(V_AT(at, "resources"), j);
			if (!v_one_of(v_str(device, "health"), "Healthy|Unhealthy|Unknown"))
				v_unsupported(c, V_AT(dp, "health"), v_str(device, "health"), "Healthy|Unhealthy|Unknown");
			if (!v_first(&seen, v_str(device, "resourceID")))
				v_duplicate(c, V_AT(dp, "resourceID"), v_str(device, "resourceID"));
		}
	}
}

static void statuses(struct vcheck *c, const struct vpath *p, int list, yyjson_mut_val *now, yyjson_mut_val *spec)
{
	INDEX_AUTO struct index specs = index_list(lists[list].specs ? v_get(spec, lists[list].specs) : NULL, "name");
	bool windows = v_is(v_get(spec, "os"), "name", "windows");

	V_EACH(i, m, now) {
		const struct vpath *at = V_ITEM(p, i), *ap = V_AT(at, "allocatedResourcesStatus");
		yyjson_mut_val *devices = v_get(m, "allocatedResourcesStatus");
		user(c, V_AT(V_AT(at, "user"), "linux"), doc_mget(m, "user.linux"), windows);
		if (lists[list].specs)
			allocated(c, ap, devices, index_get(&specs, v_str(m, "name")));
		else if (yyjson_mut_arr_size(devices))
			v_forbidden(c, ap, "must not be specified in container status");
	}
}

void validate_pod_status(struct vcheck *c, const struct vpath *spec_path, yyjson_mut_val *spec)
{
	yyjson_mut_val *now = v_get(c->v, "status"), *was = v_get(c->old, "status"), *hosts = v_get(now, "hostIPs");
	const struct vpath *p = V_AT(NULL, "status"), *np = V_AT(p, "nominatedNodeName");
	const char *nominated = v_str(now, "nominatedNodeName"), *host = v_str(yyjson_mut_arr_get_first(hosts), "ip");
	bool renamed = *nominated && !v_is(was, "nominatedNodeName", nominated);
	int64_t seen = doc_mint(now, "observedGeneration", 0);

	v_pod_annotation_update(c, V_AT(V_AT(NULL, "metadata"), "annotations"));
	conditions(c, V_AT(p, "conditions"), v_get(now, "conditions"));
	if (renamed)
		v_syntax(c, np, nominated, text_bad_dns1123_subdomain);
	if (renamed && *v_str(v_get(c->old, "spec"), "nodeName"))
		v_forbidden(c, np, "may not be set on pods that are already bound to a node");
	if (seen < 0)
		v_invalid_int(c, V_AT(p, "observedGeneration"), seen, "must be a non-negative integer");
	if (!v_same(v_get(now, "qosClass"), v_get(was, "qosClass")))
		v_invalid(c, V_AT(p, "qosClass"), v_str(now, "qosClass"), V_IMMUTABLE);
	for (int l = 0; l < 3; l++)
		transitions(c, V_AT(p, lists[l].statuses), l, v_get(now, lists[l].statuses), v_get(was, lists[l].statuses),
			spec);
	claims(c, V_AT(p, "resourceClaimStatuses"), v_get(now, "resourceClaimStatuses"), spec);
	addresses(c, V_AT(p, "podIPs"), v_get(now, "podIPs"));
	if (yyjson_mut_arr_size(hosts) && !v_is(now, "hostIP", host))
		v_invalid(c, V_AT(V_ITEM(V_AT(p, "hostIPs"), 0), "ip"), host, "must be equal to `hostIP`");
	addresses(c, V_AT(p, "hostIPs"), hosts);
	for (int l = 0; l < 3; l++)
		statuses(c, V_AT(p, lists[l].statuses), l, v_get(now, lists[l].statuses), spec);
}
