/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warnings upstream gives about services, volumes, claims, nodes and accounts, and
 * the parts that those about pods share: addresses, labels of nodes, amounts.
 *
 * Source: kubernetes pkg/api/{service,persistentvolume,persistentvolumeclaim,node}/,
 * pkg/registry/core/{node,serviceaccount}/strategy.go, apimachinery pkg/util/validation/ip.go.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "base/text.h"
#include "doc/quantity.h"
#include "kinds/warnings.h"

void warn_ip(struct warnings *w, const char *path, const char *ip)
{
	char text[46];
	uint8_t addr[16], strict[16];
	int family;

	if (!path || !ip || text_parse_ip(ip, &family, addr))
		return;
	text_ip(text, family, addr);
	bool mapped = family == 4 && strchr(ip, ':');
	if (mapped || (family == 4 && inet_pton(AF_INET, ip, strict) != 1))
		warn(w, "%s: non-standard IP address \"%s\" will be considered invalid in a future Kubernetes release: "
			"use \"%s\"", path, ip, text);
	else if (family == 6 && strcmp(text, ip))
		warn(w, "%s: IPv6 address \"%s\" should be in RFC 5952 canonical format (\"%s\")", path, ip, text);
}

/* The range a prefix means: its address without what lies past the prefix. */
static void mask(uint8_t addr[16], int prefix, int bits)
{
	for (int i = 0; i < bits / 8; i++) {
		int left = prefix - 8 * i;
		if (left < 8)
			addr[i] &= left <= 0 ? 0 : (uint8_t)(0xff << (8 - left));
	}
}

void warn_cidr(struct warnings *w, const char *path, const char *cidr)
{
	char range[46], host[46], head[64];
	uint8_t addr[16], masked[16], strict[16];
	int family, prefix;
	const char *slash = strchr(cidr, '/');

	if (!path || !slash || text_parse_cidr(cidr, &family, addr, &prefix))
		return;
	int bits = family == 4 ? 32 : 128;
	memcpy(masked, addr, sizeof(masked));
	mask(masked, prefix, bits);
	text_ip(range, family, masked);
	text_ip(host, family, addr);
	snprintf(head, sizeof(head), "%.*s", (int)(slash - cidr), cidr);
	if ((family == 4 && inet_pton(AF_INET, head, strict) != 1) || (slash[1] == '0' && slash[2]))
		warn(w, "%s: non-standard CIDR value \"%s\" will be considered invalid in a future Kubernetes release: "
			"use \"%s/%d\"", path, cidr, range, prefix);
	else if (memcmp(masked, addr, (size_t)bits / 8))
		warn(w, "%s: CIDR value \"%s\" is ambiguous in this context (should be \"%s/%d\" or \"%s/%d\"?)", path, cidr,
			range, prefix, host, bits);
	else if (family == 6 && strcmp(host, head))
		warn(w, "%s: IPv6 CIDR value \"%s\" should be in RFC 5952 canonical format (\"%s/%d\")", path, cidr, host,
			prefix);
}

const char *warn_node_label(const char *label)
{
	static const struct { const char *old, *what; } renamed[] = {
		{ "beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead" },
		{ "beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead" },
		{ "failure-domain.beta.kubernetes.io/region",
		  "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead" },
		{ "failure-domain.beta.kubernetes.io/zone",
		  "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead" },
		{ "beta.kubernetes.io/instance-type",
		  "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead" },
	};

	for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++)
		if (!strcmp(renamed[i].old, label))
			return renamed[i].what;
	return NULL;
}

void warn_node_term(struct warnings *w, const char *path, yyjson_mut_val *term, bool check_values)
{
	V_EACH(i, m, v_get(term, "matchExpressions")) {
		const char *what = warn_node_label(v_str(m, "key"));
		if (what)
			warn(w, "%s.matchExpressions[%zu].key: %s is %s", path, i, v_str(m, "key"), what);
		V_EACH(j, value, check_values ? v_get(m, "values") : NULL) {
			const char *bad = text_bad_label_value(yyjson_mut_get_str(value));
			if (bad)
				warn(w, "%s.matchExpressions[%zu].values[%zu]: %s is invalid, %s", path, i, j,
					yyjson_mut_get_str(value), bad);
		}
	}
}

void warn_fraction(struct warnings *w, const char *path, yyjson_mut_val *amounts, const char *names)
{
	V_MEMBERS(name, m, amounts) {
		struct quantity q;
		char text[QUANTITY_MAX];
		if (!v_one_of(name, names) || !v_amount(m, &q) || quantity_milli(&q) % 1000 == 0)
			continue;
		quantity_print(text, &q);
		warn(w, "%s[%s]: fractional byte value \"%s\" is invalid, must be an integer", path, name, text);
	}
}

static void ips(struct warnings *w, yyjson_mut_val *spec, const char *name, void (*each)(struct warnings *w,
	const char *path, const char *s))
{
	V_EACH(i, m, v_get(spec, name))
		each(w, arena_printf(w->a, "spec.%s[%zu]", name, i), yyjson_mut_get_str(m));
}

static void service(struct warnings *w, yyjson_mut_val *v)
{
	yyjson_mut_val *spec = v_get(v, "spec");
	bool external = v_is(spec, "type", "ExternalName");

	if (v_get(doc_mget(v, "metadata.annotations"), "service.kubernetes.io/topology-aware-hints"))
		warn(w, "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use "
			"service.kubernetes.io/topology-mode instead");
	ips(w, spec, "clusterIPs", warn_ip);
	if (v_is(spec, "type", "ClusterIP") && v_is(spec, "clusterIP", "None")) {
		if (*v_str(spec, "loadBalancerIP"))
			warn(w, "spec.loadBalancerIP is ignored for headless services");
		if (doc_mlen(spec, "externalIPs"))
			warn(w, "spec.externalIPs is ignored for headless services");
		if (!v_is(spec, "sessionAffinity", "None"))
			warn(w, "spec.SessionAffinity is ignored for headless services");
	}
	ips(w, spec, "externalIPs", warn_ip);
	warn_ip(w, "spec.loadBalancerIP", v_str(spec, "loadBalancerIP"));
	ips(w, spec, "loadBalancerSourceRanges", warn_cidr);
	if (external && doc_mlen(spec, "externalIPs"))
		warn(w, "spec.externalIPs is ignored when spec.type is \"ExternalName\"");
	if (!external && *v_str(spec, "externalName"))
		warn(w, "spec.externalName is ignored when spec.type is not \"ExternalName\"");
	if (v_is(spec, "trafficDistribution", "PreferClose"))
		warn(w, "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"");
}

/* The Endpoints controller writes addresses as they should be. */
static void endpoints(struct warnings *w, yyjson_mut_val *v)
{
	static const char *const lists[] = { "addresses", "notReadyAddresses" };

	if (yyjson_mut_equals_str(yyjson_mut_obj_get(doc_mget(v, "metadata.labels"), "endpoints.kubernetes.io/managed-by"), "endpoint-controller"))
		return;
	V_EACH(i, subset, v_get(v, "subsets"))
		for (int l = 0; l < 2; l++)
			V_EACH(j, m, v_get(subset, lists[l])) {
				if (warned_enough(w))
					return;
				warn_ip(w, arena_printf(w->a, "subsets[%zu].%s[%zu].ip", i, lists[l], j), v_str(m, "ip"));
			}
}

static void old_note(struct warnings *w, yyjson_mut_val *v, const char *name, const char *what)
{
	char path[128];

	snprintf(path, sizeof(path), "volume.beta.kubernetes.io/%s", name);
	if (v_get(doc_mget(v, "metadata.annotations"), path))
		warn(w, "metadata.annotations[%s]: %s", path, what);
}

#define OLD_CLASS "deprecated since v1.8; use \"storageClassName\" attribute instead"

static void volume(struct warnings *w, yyjson_mut_val *v)
{
	yyjson_mut_val *spec = v_get(v, "spec");

	old_note(w, v, "storage-class", OLD_CLASS);
	old_note(w, v, "mount-options", "deprecated since v1.31; use \"mountOptions\" attribute instead");
	if (v_is(spec, "persistentVolumeReclaimPolicy", "Recycle"))
		warn(w, "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the "
			"recommended approach is to use dynamic provisioning.");
	V_EACH(i, m, doc_mget(spec, "nodeAffinity.required.nodeSelectorTerms"))
		warn_node_term(w, arena_printf(w->a, "spec.nodeAffinity.required.nodeSelectorTerms[%zu]", i), m, false);
	warn_volume_source(w, "spec", spec);
}

static void claim(struct warnings *w, yyjson_mut_val *v)
{
	old_note(w, v, "storage-class", OLD_CLASS);
	warn_fraction(w, "spec.resources.requests", doc_mget(v, "spec.resources.requests"), "storage");
	warn_fraction(w, "spec.resources.limits", doc_mget(v, "spec.resources.limits"), "storage");
}

static void node(struct warnings *w, yyjson_mut_val *v)
{
	yyjson_mut_val *spec = v_get(v, "spec");

	if (v_get(spec, "configSource"))
		warn(w, "spec.configSource: the feature is removed");
	if (*v_str(spec, "externalID"))
		warn(w, "spec.externalID: this field is deprecated, and is unused by Kubernetes");
	ips(w, spec, "podCIDRs", warn_cidr);
}

static void account(struct warnings *w, yyjson_mut_val *v)
{
	if (v_get(doc_mget(v, "metadata.annotations"), "kubernetes.io/enforce-mountable-secrets"))
		warn(w, "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate "
			"namespaces to isolate access to mounted secrets");
}

const char *kinds_deprecation(const struct kinds_kind *k)
{
	static const struct { const char *type, *text; } old[] = {
		{ "core/v1.ComponentStatus", "v1 ComponentStatus is deprecated in v1.19+" },
		{ "core/v1.Endpoints", "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice" },
	};

	for (size_t i = 0; !k->custom && i < sizeof(old) / sizeof(old[0]); i++)
		if (!strcmp(old[i].type, k->type->name))
			return old[i].text;
	return NULL;
}

void warn_core(struct warnings *w, const struct kinds_kind *k, yyjson_mut_val *v)
{
	static const struct { const char *type; void (*fn)(struct warnings *w, yyjson_mut_val *v); } kinds[] = {
		{ "core/v1.Endpoints", endpoints }, { "core/v1.Node", node }, { "core/v1.PersistentVolume", volume }, { "core/v1.PersistentVolumeClaim", claim },
		{ "core/v1.Service", service }, { "core/v1.ServiceAccount", account },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].type, k->type->name))
			kinds[i].fn(w, v);
}
