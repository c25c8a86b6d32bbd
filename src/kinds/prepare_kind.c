/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What jobs, claims, nodes, accounts, daemon sets, services, slices of endpoints,
 * APIServices and certificate requests add to a write: members that follow from others or are kept from the stored object.
 *
 * Source: kubernetes pkg/registry/{batch/job,apps/daemonset,core/node,core/persistentvolumeclaim,
 * core/service,core/serviceaccount}/strategy.go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/text.h"
#include "doc/doc.h"
#include "kinds/normal.h"
#include "kinds/prepare.h"

static bool is(yyjson_mut_val *spec, const char *member, const char *value)
{
	const char *s = doc_mstr(spec, member);
	return s && !strcmp(s, value);
}

/* A job without a selector of its own selects by its uid. */
bool prepare_job(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	const char *uid = doc_mstr(v, "metadata.uid"), *name = doc_mstr(v, "metadata.name");
	const struct { const char *key, *value; } labels[] = {
		{ "batch.kubernetes.io/controller-uid", uid }, { "batch.kubernetes.io/job-name", name },
		{ "controller-uid", uid }, { "job-name", name },
	};

	if (old || doc_mbool(v, "spec.manualSelector", false) || !uid || !name)
		return true;
	if (!yyjson_mut_is_obj(doc_mget(v, "spec.template.metadata.labels")) &&
	    !normal_set(d, k->type, v, "spec.template.metadata.labels", yyjson_mut_obj(d)))
		return false;
	/* What is there already stays: validation says so when it is something else. */
	yyjson_mut_val *map = doc_mget(v, "spec.template.metadata.labels");
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (!yyjson_mut_obj_get(map, labels[i].key) && !normal_put_str(d, NULL, map, labels[i].key, labels[i].value))
			return false;
	if (!yyjson_mut_is_obj(doc_mget(v, "spec.selector")) &&
	    !normal_set(d, k->type, v, "spec.selector", yyjson_mut_obj(d)))
		return false;
	if (!yyjson_mut_is_obj(doc_mget(v, "spec.selector.matchLabels")) &&
	    !normal_set(d, k->type, v, "spec.selector.matchLabels", yyjson_mut_obj(d)))
		return false;
	map = doc_mget(v, "spec.selector.matchLabels");
	return yyjson_mut_obj_get(map, labels[0].key) || normal_put_str(d, NULL, map, labels[0].key, uid);
}

/* Claims of a template say what they are. Source: pkg/apis/apps/v1/conversion.go */
bool prepare_stateful_set(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	const struct kinds_kind *claim = kinds_by_kind("", "v1", "PersistentVolumeClaim");
	yyjson_mut_val *it;
	yyjson_mut_arr_iter iter;

	(void)k, (void)old;
	yyjson_mut_arr_iter_init(doc_mget(v, "spec.volumeClaimTemplates"), &iter);
	while ((it = yyjson_mut_arr_iter_next(&iter))) {
		const char *kind = doc_mstr(it, "kind"), *version = doc_mstr(it, "apiVersion");
		if ((!kind || !*kind) && !normal_put_str(d, claim->type, it, "kind", claim->kind))
			return false;
		if ((!version || !*version) && !normal_put_str(d, claim->type, it, "apiVersion", "v1"))
			return false;
	}
	return true;
}

/* One without a Service of its own is there from the start. */
bool prepare_api_service(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	char now[TEXT_TIME_MAX];

	if (old || doc_mget(v, "spec.service"))
		return true;
	text_time(now, env_wall_us());
	yyjson_mut_val *status = yyjson_mut_obj(d), *list = status ? yyjson_mut_obj_add_arr(d, status, "conditions") : NULL;
	yyjson_mut_val *condition = list ? yyjson_mut_arr_add_obj(d, list) : NULL;

	return condition && doc_mset_str(d, condition, "type", "Available") && doc_mset_str(d, condition, "status", "True") &&
		doc_mset_str(d, condition, "lastTransitionTime", now) && doc_mset_str(d, condition, "reason", "Local") &&
		doc_mset_str(d, condition, "message", "Local APIServices are always available") &&
		normal_set(d, k->type, v, "status", status);
}

/* A member of old that version 1 no longer takes, unless nothing changed. */
bool prepare_endpoint_slice(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(v, "endpoints"), *it, *was = yyjson_mut_obj_get(old, "endpoints");
	yyjson_mut_arr_iter iter;

	(void)d, (void)k;
	if (old && list && was && doc_mequal(list, was))
		return true;
	yyjson_mut_arr_iter_init(list, &iter);
	while ((it = yyjson_mut_arr_iter_next(&iter)))
		doc_mdel(it, "deprecatedTopology");
	return true;
}

/* The next condition of that type, NULL: none is left. */
static yyjson_mut_val *next_condition(yyjson_mut_arr_iter *it, const char *type)
{
	yyjson_mut_val *m;

	while ((m = yyjson_mut_arr_iter_next(it)) && !is(m, "type", type))
		;
	return m;
}

static size_t count_conditions(yyjson_mut_val *list, const char *type)
{
	yyjson_mut_arr_iter it;
	size_t n = 0;

	yyjson_mut_arr_iter_init(list, &it);
	while (next_condition(&it, type))
		n++;
	return n;
}

/* Who signs does not approve: approvals stay as they were. When some came or went, validation
 * says so. */
bool prepare_csr_status(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	static const char *const kept[] = { "Approved", "Denied" };
	yyjson_mut_val *list = doc_mget(v, "status.conditions"), *was = doc_mget(old, "status.conditions"), *m, *copy;
	yyjson_mut_arr_iter it, was_it;

	(void)k;
	for (int n = 0; n < 2; n++) {
		if (count_conditions(list, kept[n]) != count_conditions(was, kept[n]))
			continue;
		yyjson_mut_arr_iter_init(list, &it);
		yyjson_mut_arr_iter_init(was, &was_it);
		while ((m = next_condition(&it, kept[n]))) {
			copy = yyjson_mut_val_mut_copy(d, next_condition(&was_it, kept[n]));
			if (!copy)
				return false;
			*m = (yyjson_mut_val){ .tag = copy->tag, .uni = copy->uni, .next = m->next };
		}
	}
	return true;
}

/* dataSource is the old name of dataSourceRef. */
bool prepare_claim(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	yyjson_mut_val *source = doc_mget(v, "spec.dataSource"), *ref = doc_mget(v, "spec.dataSourceRef");

	(void)old;
	if (source && !ref)
		return normal_set(d, k->type, v, "spec.dataSourceRef", yyjson_mut_val_mut_copy(d, source));
	if (ref && !source && !doc_mstr(ref, "namespace"))
		return normal_set(d, k->type, v, "spec.dataSource", yyjson_mut_val_mut_copy(d, ref));
	return true;
}

/* Of the secrets an account may use only the names count. */
bool prepare_service_account(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	yyjson_mut_val *secret, *key;
	yyjson_mut_arr_iter it;
	yyjson_mut_obj_iter members;

	(void)d, (void)k, (void)old;
	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(v, "secrets"), &it);
	while ((secret = yyjson_mut_arr_iter_next(&it))) {
		yyjson_mut_obj_iter_init(secret, &members);
		while ((key = yyjson_mut_obj_iter_next(&members)))
			if (!yyjson_mut_equals_str(key, "name"))
				yyjson_mut_obj_iter_remove(&members);
	}
	return true;
}

/* Kubelets no longer take their settings from the API: only old nodes still say so. */
bool prepare_node(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	(void)d, (void)k;
	if (!doc_mget(old, "spec.configSource"))
		doc_mdel(doc_mget(v, "spec"), "configSource");
	return true;
}

#define TEMPLATE_GENERATION "deprecated.daemonset.template.generation"

/* Counts the templates a daemon set had; only the server writes it. */
bool prepare_daemon_set(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	yyjson_mut_val *notes = doc_mget(old, "metadata.annotations");
	const char *was = doc_mstr(yyjson_mut_obj_get(notes, TEMPLATE_GENERATION), NULL);
	long long n = was ? strtoll(was, NULL, 10) : 0;
	char text[24];

	if (!old || !doc_mequal(doc_mget(v, "spec.template"), doc_mget(old, "spec.template")))
		n++;
	snprintf(text, sizeof(text), "%lld", n);
	if (!yyjson_mut_is_obj(doc_mget(v, "metadata.annotations")) &&
	    !normal_set(d, k->type, v, "metadata.annotations", yyjson_mut_obj(d)))
		return false;
	return normal_put_str(d, NULL, doc_mget(v, "metadata.annotations"), TEMPLATE_GENERATION, text);
}

static bool needs_ip(yyjson_mut_val *spec)
{
	return !is(spec, "type", "ExternalName");
}

static bool needs_node_port(yyjson_mut_val *spec)
{
	return is(spec, "type", "NodePort") || (is(spec, "type", "LoadBalancer") &&
		doc_mbool(spec, "allocateLoadBalancerNodePorts", true));
}

static bool needs_health_port(yyjson_mut_val *spec)
{
	return is(spec, "type", "LoadBalancer") && is(spec, "externalTrafficPolicy", "Local");
}

/* Ports by what makes them the same: number and protocol. */
static void port_key(char key[64], yyjson_mut_val *port)
{
	const char *protocol = doc_mstr(port, "protocol");
	snprintf(key, 64, "%lld/%s", (long long)doc_mint(port, "port", 0), protocol ? protocol : "");
}

static struct map ports_of(yyjson_mut_val *spec)
{
	struct map ports = { 0 };
	yyjson_mut_val *p;
	yyjson_mut_arr_iter it;
	char key[64];

	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "ports"), &it);
	while ((p = yyjson_mut_arr_iter_next(&it))) {
		port_key(key, p);
		if (!map_get(&ports, key) && map_put(&ports, key, p, NULL))
			break;
	}
	return ports;
}

/* The old port with the same number and protocol. */
static yyjson_mut_val *old_port(const struct map *ports, yyjson_mut_val *port)
{
	char key[64];

	port_key(key, port);
	return map_get(ports, key);
}

/* What was allocated stays allocated when an update leaves it out. */
static bool keep_allocated(yyjson_mut_doc *d, const struct kinds_type *t, yyjson_mut_val *spec,
	yyjson_mut_val *old, const struct map *ports)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *p, *o;

	if (needs_ip(spec) && needs_ip(old)) {
		const char *ip = doc_mstr(spec, "clusterIP");
		if ((!ip || !*ip) && !normal_take(d, t, spec, old, "clusterIP"))
			return false;
		if (!doc_mlen(spec, "clusterIPs") && yyjson_mut_equals(yyjson_mut_obj_get(spec, "clusterIP"),
				yyjson_mut_obj_get(old, "clusterIP")) &&
		    !normal_take(d, t, spec, old, "clusterIPs"))
			return false;
	}
	if (needs_node_port(spec) && needs_node_port(old)) {
		const struct kinds_field *f = normal_field(t, "ports", 5);
		bool used[65536] = { 0 };
		yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "ports"), &it);
		while ((p = yyjson_mut_arr_iter_next(&it)))
			used[(uint16_t)doc_mint(p, "nodePort", 0)] = true;
		yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "ports"), &it);
		while ((p = yyjson_mut_arr_iter_next(&it))) {
			if (doc_mint(p, "nodePort", 0) || !(o = old_port(ports, p)))
				continue;
			uint16_t n = doc_mint(o, "nodePort", 0);
			if (n && !used[n] && !normal_take(d, f ? f->type : NULL, p, o, "nodePort"))
				return false;
			used[n] = true;
		}
	}
	if (needs_health_port(spec) && needs_health_port(old) && !doc_mint(spec, "healthCheckNodePort", 0))
		return normal_take(d, t, spec, old, "healthCheckNodePort");
	return true;
}

static void drop_unchanged(yyjson_mut_val *spec, yyjson_mut_val *old, const char *name)
{
	yyjson_mut_val *now = yyjson_mut_obj_get(spec, name), *was = yyjson_mut_obj_get(old, name);

	if (now && was && doc_mequal(now, was))
		doc_mdel(spec, name);
}

/* A change of type releases what the new type has no use for, unless the
 * client changed that member too: then validation says so. */
static void drop_unused(yyjson_mut_val *spec, yyjson_mut_val *old, const struct map *ports)
{
	static const char *const of_ip[] = { "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy",
		"internalTrafficPolicy" };
	bool outside = is(spec, "type", "LoadBalancer") || is(spec, "type", "NodePort") ||
		(is(spec, "type", "ClusterIP") && doc_mlen(spec, "externalIPs"));
	yyjson_mut_arr_iter it;
	yyjson_mut_val *p, *o;

	if (needs_ip(old) && !needs_ip(spec))
		for (size_t i = 0; i < sizeof(of_ip) / sizeof(of_ip[0]); i++)
			drop_unchanged(spec, old, of_ip[i]);
	if (needs_node_port(old) && !needs_node_port(spec)) {
		yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "ports"), &it);
		while ((p = yyjson_mut_arr_iter_next(&it)))
			if ((o = old_port(ports, p)))
				drop_unchanged(p, o, "nodePort");
	}
	if (needs_health_port(old) && !needs_health_port(spec))
		drop_unchanged(spec, old, "healthCheckNodePort");
	if (!outside)
		drop_unchanged(spec, old, "externalTrafficPolicy");
	if (is(old, "type", "LoadBalancer") && !is(spec, "type", "LoadBalancer")) {
		drop_unchanged(spec, old, "allocateLoadBalancerNodePorts");
		drop_unchanged(spec, old, "loadBalancerClass");
	}
}

/* clusterIP is the first of clusterIPs; whoever sets only the one means both. */
static bool follow_first_ip(yyjson_mut_doc *d, const struct kinds_type *t, yyjson_mut_val *spec,
	yyjson_mut_val *old)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(spec, "clusterIPs"), *was = yyjson_mut_obj_get(old, "clusterIPs");
	const char *ip = doc_mstr(spec, "clusterIP");
	bool untouched = !yyjson_mut_get_len(list) || (was && doc_mequal(list, was));

	if (!ip || !*ip || !untouched ||
	    yyjson_mut_equals_str(yyjson_mut_arr_get_first(list), ip))
		return true;
	yyjson_mut_val *first = yyjson_mut_arr(d);
	return first && yyjson_mut_arr_add_strcpy(d, first, ip) && normal_put(d, t, spec, "clusterIPs", first);
}

bool prepare_service(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old)
{
	yyjson_mut_val *spec = yyjson_mut_obj_get(v, "spec"), *was = yyjson_mut_obj_get(old, "spec");
	const struct kinds_field *f = normal_field(k->type, "spec", 4);

	if (!yyjson_mut_is_obj(spec) || !f)
		return false;
	if (old) {
		struct map ports = ports_of(was);
		bool ok = keep_allocated(d, f->type, spec, was, &ports);
		if (ok)
			drop_unused(spec, was, &ports);
		map_finish(&ports);
		if (!ok)
			return false;
	}
	return follow_first_ip(d, f->type, spec, was);
}
