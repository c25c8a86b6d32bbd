/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of services.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateServiceCreate,
 * ValidateServiceUpdate, ValidateLoadBalancerStatus).
 */
#include "base/text.h"
#include "kinds/validate.h"

#define PROTOCOLS "SCTP|TCP|UDP"
#define ONLY_BALANCER "may only be used when `type` is 'LoadBalancer'"
#define SOURCE_RANGES "service.beta.kubernetes.io/load-balancer-source-ranges"
#define HINTS_OF_OLD "service.kubernetes.io/topology-aware-hints"
#define HINTS "service.kubernetes.io/topology-mode"

static bool is_headless(yyjson_mut_val *spec)
{
	yyjson_mut_val *list = v_get(spec, "clusterIPs");

	return yyjson_mut_arr_size(list) == 1 && yyjson_mut_equals_str(yyjson_mut_arr_get_first(list), "None");
}

static void port(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, bool many, struct map *names)
{
	const char *name = v_str(m, "name");

	if (many && !*name) {
		v_required(c, V_AT(p, "name"), "");
	} else if (*name) {
		v_syntax(c, V_AT(p, "name"), name, text_bad_dns1123_label);
		if (!v_first(names, name))
			v_duplicate(c, V_AT(p, "name"), name);
	}
	v_port(c, V_AT(p, "port"), doc_mint(m, "port", 0));
	v_enum(c, p, m, "protocol", PROTOCOLS, true);
	v_port_or_name(c, V_AT(p, "targetPort"), v_get(m, "targetPort"));
	if (v_get(m, "appProtocol"))
		v_syntax(c, V_AT(p, "appProtocol"), v_str(m, "appProtocol"), text_bad_qualified_name);
}

/* No node port, and no pair of port and protocol, twice. */
static void port_conflicts(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	V_SET node_ports = { 0 }, numbers = { 0 };
	yyjson_mut_val *list = v_get(spec, "ports");

	V_EACH(i, m, list)
		if (v_is(spec, "type", "ClusterIP") && doc_mint(m, "nodePort", 0))
			v_forbidden(c, V_AT(V_ITEM(p, i), "nodePort"), "may not be used when `type` is 'ClusterIP'");
	V_EACH(i, m, list) {
		long long node = doc_mint(m, "nodePort", 0);
		const char *key = node ? v_text(c, "%s/%lld", v_str(m, "protocol"), node) : NULL;
		if (key && !v_first(&node_ports, key))
			v_duplicate_raw(c, V_AT(V_ITEM(p, i), "nodePort"), v_text(c, "%lld", node));
	}
	V_EACH(i, m, list) {
		long long number = doc_mint(m, "port", 0);
		const char *key = v_text(c, "%s/%lld", v_str(m, "protocol"), number);
		if (key && !v_first(&numbers, key))
			v_duplicate_raw(c, V_ITEM(p, i), v_text(c, "{\"Name\":\"\",\"Protocol\":\"%s\",\"AppProtocol\":null,"
				"\"Port\":%lld,\"TargetPort\":0,\"NodePort\":0}", v_str(m, "protocol"), number));
	}
}

static void by_type(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const of_ips[] = { "clusterIPs", "ipFamilies", "ipFamilyPolicy" };
	const char *type = v_str(spec, "type");

	if (v_one_of(type, "LoadBalancer|NodePort") && is_headless(spec))
		v_invalid(c, V_ITEM(V_AT(p, "clusterIPs"), 0), "None",
			v_text(c, "may not be set to 'None' for %s services", type));
	if (strcmp(type, "ExternalName"))
		return;
	for (int i = 0; i < 3; i++)
		if (yyjson_mut_get_len(v_get(spec, of_ips[i])))
			v_forbidden(c, V_AT(p, of_ips[i]), "may not be set for ExternalName services");
	char *name = arena_strdup(c->a, v_str(spec, "externalName"));
	size_t n = name ? strlen(name) : 0;
	if (n && name[n - 1] == '.')
		name[--n] = 0;
	if (!n)
		v_required(c, V_AT(p, "externalName"), "");
	else
		v_syntax(c, V_AT(p, "externalName"), name, text_bad_dns1123_subdomain);
}

static void affinity(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char needed[] = "when session affinity type is ClientIP";
	yyjson_mut_val *config = v_get(spec, "sessionAffinityConfig"), *client = v_get(config, "clientIP");
	yyjson_mut_val *timeout = v_get(client, "timeoutSeconds");
	const struct vpath *at = V_AT(p, "sessionAffinityConfig"), *ip = V_AT(at, "clientIP");
	int64_t seconds = yyjson_mut_get_sint(timeout);

	v_enum(c, p, spec, "sessionAffinity", "ClientIP|None", true);
	if (v_is(spec, "sessionAffinity", "None") && config)
		v_forbidden(c, at, "must not be set when session affinity is None");
	if (!v_is(spec, "sessionAffinity", "ClientIP"))
		return;
	if (!config)
		v_required(c, at, needed);
	else if (!client)
		v_required(c, ip, needed);
	else if (!timeout)
		v_required(c, V_AT(ip, "timeoutSeconds"), needed);
	else if (seconds <= 0 || seconds > 86400)
		v_invalid_int(c, V_AT(ip, "timeoutSeconds"), seconds, "must be greater than 0 and less than 86400");
}

/* 4 or 6, 0: not an address. */
static int family_of(const char *ip)
{
	uint8_t bytes[16];
	int family;

	return text_parse_ip(ip, &family, bytes) ? 0 : family;
}

static void cluster_ips(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *list = v_get(spec, "clusterIPs"), *families = v_get(spec, "ipFamilies");
	const char *ip = v_str(spec, "clusterIP"), *policy = yyjson_mut_get_str(v_get(spec, "ipFamilyPolicy"));
	const struct vpath *lp = V_AT(p, "clusterIPs"), *fp = V_AT(p, "ipFamilies");
	size_t n = yyjson_mut_arr_size(list);
	bool bad = false;
	V_SET seen = { 0 };

	if (v_is(spec, "type", "ExternalName"))
		return;
	if (n && !*ip)
		v_invalid_value(c, lp, list, "must be empty when `clusterIP` is not specified");
	else if (!n && *ip)
		v_required(c, lp, "");
	else if (n && !yyjson_mut_equals_str(yyjson_mut_arr_get_first(list), ip))
		v_invalid_value(c, lp, list, "first value must match `clusterIP`");
	V_EACH(i, m, families) {
		const char *family = yyjson_mut_get_str(m);
		if (!v_one_of(family, "IPv4|IPv6"))
			v_unsupported(c, V_ITEM(fp, i), family, "IPv4|IPv6");
		if (!v_first(&seen, family))
			v_duplicate(c, V_ITEM(fp, i), family);
	}
	if (policy && !v_one_of(policy, "PreferDualStack|RequireDualStack|SingleStack"))
		v_unsupported(c, V_AT(p, "ipFamilyPolicy"), policy, "PreferDualStack|RequireDualStack|SingleStack");
	V_EACH(i, m, list) {
		const char *s = yyjson_mut_get_str(m);
		if (!i && !strcmp(s, "None")) {
			bad |= n > 1;
			if (n > 1)
				v_invalid_value(c, lp, list, "'None' must be the first and only value");
			continue;
		}
		bad |= !family_of(s);
		v_ip(c, V_ITEM(lp, i), s);
	}
	if (n > 2)
		v_invalid_value(c, lp, list, "may only hold up to 2 values");
	if (bad)
		return;
	const char *first = n > 1 ? yyjson_mut_get_str(yyjson_mut_arr_get(list, 0)) : "";
	const char *second = n > 1 ? yyjson_mut_get_str(yyjson_mut_arr_get(list, 1)) : "";
	if (n > 1 && (n > 2 || family_of(first) == family_of(second)))
		v_invalid_value(c, lp, list, "may specify no more than one IP for each IP family");
	V_EACH(i, m, is_headless(spec) ? NULL : list) {
		const char *want = i < 2 ? yyjson_mut_get_str(yyjson_mut_arr_get(families, i)) : NULL;
		const char *s = yyjson_mut_get_str(m);
		if (want && v_one_of(want, "IPv4|IPv6") && family_of(s) != (strcmp(want, "IPv4") ? 6 : 4))
			v_invalid(c, V_ITEM(lp, i), s, v_text(c, "expected an %s value as indicated by `ipFamilies[%zu]`",
				want, i));
	}
}

int kinds_validate_addresses(struct arena *a, const struct kinds_kind *k, yyjson_mut_val *v, struct field_error **ret_errors)
{
	struct vcheck c = { .a = a, .k = k, .v = v };

	c.tail = &c.first;
	if (!v_show(&c))
		return -ERR_SIZE;
	cluster_ips(&c, V_AT(NULL, "spec"), v_get(c.v, "spec"));
	*ret_errors = c.first;
	return arena_over(a) ? -ERR_SIZE : 0;
}

static void source_ranges(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *list = v_get(spec, "loadBalancerSourceRanges");
	const char *note = yyjson_mut_get_str(yyjson_mut_obj_get(doc_mget(c->v, "metadata.annotations"), SOURCE_RANGES));
	/* Capital, as upstream has it. */
	const struct vpath *at = V_AT(p, "LoadBalancerSourceRanges");
	const struct vpath *np = V_KEY(V_AT(V_AT(NULL, "metadata"), "annotations"), SOURCE_RANGES);
	bool balancer = v_is(spec, "type", "LoadBalancer");

	if (yyjson_mut_arr_size(list)) {
		if (!balancer)
			v_forbidden(c, at, ONLY_BALANCER);
		V_EACH(i, m, list)
			v_padded_cidr(c, V_ITEM(at, i), yyjson_mut_get_str(m), yyjson_mut_get_len(m));
	} else if (note) {
		if (!balancer)
			v_forbidden(c, np, ONLY_BALANCER);
		for (const char *s = note + (note[strspn(note, " \t")] ? 0 : strlen(note)); *s; s += *s == ',') {
			size_t n = strcspn(s, ",");
			v_padded_cidr(c, np, s, n);
			s += n;
		}
	}
}

static void policies(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *type = v_str(spec, "type"), *external = v_str(spec, "externalTrafficPolicy");
	const char *spread = yyjson_mut_get_str(v_get(spec, "trafficDistribution"));
	bool outside = v_one_of(type, "LoadBalancer|NodePort") ||
		(!strcmp(type, "ClusterIP") && doc_mlen(spec, "externalIPs"));
	bool checks = !strcmp(type, "LoadBalancer") && !strcmp(external, "Local");
	int64_t health = doc_mint(spec, "healthCheckNodePort", 0);

	if (*external && !outside)
		v_invalid(c, V_AT(p, "externalTrafficPolicy"), external, "may only be set for externally-accessible services");
	else if (outside)
		v_enum(c, p, spec, "externalTrafficPolicy", "Cluster|Local", true);
	if (health && !checks)
		v_invalid_int(c, V_AT(p, "healthCheckNodePort"), health, "may only be set when `type` is 'LoadBalancer' and "
			"`externalTrafficPolicy` is 'Local'");
	else if (health)
		v_port(c, V_AT(p, "healthCheckNodePort"), health);
	v_enum(c, p, spec, "internalTrafficPolicy", "Cluster|Local",
		*type && v_one_of(type, "ClusterIP|LoadBalancer|NodePort"));
	if (spread && !v_one_of(spread, "PreferClose|PreferSameZone|PreferSameNode"))
		v_unsupported(c, V_AT(p, "trafficDistribution"), spread, "PreferClose|PreferSameZone|PreferSameNode");
}

/* The first of a list of addresses or families stays, unless the service has none of its
 * own before or after; the second comes and goes, the policy with it. */
static void stays(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was, const char *name)
{
	bool ips = !strcmp(name, "clusterIPs");
	yyjson_mut_val *n = v_get(now, name), *o = v_get(was, name), *policy = v_get(now, "ipFamilyPolicy");
	size_t count = yyjson_mut_arr_size(n), before = yyjson_mut_arr_size(o);
	const struct vpath *at = V_AT(p, name);

	if (v_is(now, "type", "ExternalName") || v_is(was, "type", "ExternalName") ||
	    (is_headless(now) && is_headless(was)) || (!ips && is_headless(now) != is_headless(was)))
		return;
	if (before > count && !doc_mlen(now, "clusterIPs"))
		v_invalid_value(c, V_ITEM(at, 0), n, ips ? "primary clusterIP can not be unset" :
			"primary ipFamily can not be unset");
	for (size_t i = 0; i < before && i < count && (!i || before == count); i++)
		if (!doc_mequal(yyjson_mut_arr_get(n, i), yyjson_mut_arr_get(o, i)))
			v_invalid_value(c, V_ITEM(at, ips ? i : 0), n, "may not change once set");
	if (before > count && count == 1 && !v_is(now, "ipFamilyPolicy", "SingleStack"))
		v_invalid_value(c, V_AT(p, "ipFamilyPolicy"), policy, ips ?
			"must be set to 'SingleStack' when releasing the secondary clusterIP" :
			"must be set to 'SingleStack' when releasing the secondary ipFamily");
}

static bool needs_check(yyjson_mut_val *spec)
{
	return v_is(spec, "type", "LoadBalancer") && v_is(spec, "externalTrafficPolicy", "Local");
}

static void update(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_val *class_now = v_get(now, "loadBalancerClass"), *class_was = v_get(was, "loadBalancerClass");

	stays(c, p, now, was, "clusterIPs");
	stays(c, p, now, was, "ipFamilies");
	if (v_is(now, "type", "LoadBalancer") && v_is(was, "type", "LoadBalancer") && !v_same(class_now, class_was))
		v_invalid_value(c, V_AT(p, "loadBalancerClass"), class_now, "may not change once set");
	if (needs_check(now) && needs_check(was) &&
	    doc_mint(now, "healthCheckNodePort", 0) != doc_mint(was, "healthCheckNodePort", 0))
		v_forbidden(c, V_AT(p, "healthCheckNodePort"), V_IMMUTABLE);
}

void validate_service(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *notes = doc_mget(c->v, "metadata.annotations"), *ports = v_get(spec, "ports");
	const char *hints = yyjson_mut_get_str(yyjson_mut_obj_get(notes, HINTS));
	const char *old_hints = yyjson_mut_get_str(yyjson_mut_obj_get(notes, HINTS_OF_OLD));
	bool balancer = v_is(spec, "type", "LoadBalancer");
	V_SET names = { 0 };

	if (c->old)
		update(c, p, spec, v_get(c->old, "spec"));
	if (hints && old_hints && strcmp(hints, old_hints))
		v_invalid(c, V_KEY(V_AT(V_AT(NULL, "metadata"), "annotations"), HINTS), hints,
			"must match annotations[" HINTS_OF_OLD "] when both are specified");
	if (!yyjson_mut_arr_size(ports) && !is_headless(spec) && !v_is(spec, "clusterIP", "None") &&
	    !v_is(spec, "type", "ExternalName"))
		v_required(c, V_AT(p, "ports"), "");
	by_type(c, p, spec);
	V_EACH(i, m, ports)
		port(c, V_ITEM(V_AT(p, "ports"), i), m, yyjson_mut_arr_size(ports) > 1, &names);
	v_labels(c, V_AT(p, "selector"), v_get(spec, "selector"));
	affinity(c, p, spec);
	cluster_ips(c, p, spec);
	V_EACH(i, m, v_get(spec, "externalIPs"))
		v_endpoint_ip(c, V_ITEM(V_AT(p, "externalIPs"), i), yyjson_mut_get_str(m));
	v_enum(c, p, spec, "type", "ClusterIP|ExternalName|LoadBalancer|NodePort", true);
	port_conflicts(c, V_AT(p, "ports"), spec);
	source_ranges(c, p, spec);
	if (!balancer && v_get(spec, "allocateLoadBalancerNodePorts"))
		v_forbidden(c, V_AT(p, "allocateLoadBalancerNodePorts"), ONLY_BALANCER);
	if (balancer && v_get(spec, "loadBalancerClass"))
		v_syntax(c, V_AT(p, "loadBalancerClass"), v_str(spec, "loadBalancerClass"), text_bad_qualified_name);
	else if (v_get(spec, "loadBalancerClass"))
		v_forbidden(c, V_AT(p, "loadBalancerClass"), ONLY_BALANCER);
	policies(c, p, spec);
}

void v_balancer_status(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, bool modes)
{
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i), *mp = V_AT(at, "ipMode"), *hp = V_AT(at, "hostname");
		const char *ip = v_str(m, "ip"), *mode = yyjson_mut_get_str(v_get(m, "ipMode")), *host = v_str(m, "hostname");
		if (*ip)
			v_ip(c, V_AT(at, "ip"), ip);
		if (modes && *ip && !mode)
			v_required(c, mp, "must be specified when `ip` is set");
		else if (modes && mode && !*ip)
			v_forbidden(c, mp, "may not be specified when `ip` is not set");
		else if (modes && mode && !v_one_of(mode, "Proxy|VIP"))
			v_unsupported(c, mp, mode, "Proxy|VIP");
		if (!*host)
			continue;
		v_syntax(c, hp, host, text_bad_dns1123_subdomain);
		if (family_of(host))
			v_invalid(c, hp, host, "must be a DNS name, not an IP address");
	}
}

void validate_service_status(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *list = doc_mget(c->v, "status.loadBalancer.ingress");
	const struct vpath *at = V_AT(V_AT(V_AT(NULL, "status"), "loadBalancer"), "ingress");

	if (!v_is(spec, "type", "LoadBalancer") && yyjson_mut_arr_size(list))
		v_forbidden(c, at, "may only be used when `spec.type` is 'LoadBalancer'");
	else
		v_balancer_status(c, at, list, true);
}
