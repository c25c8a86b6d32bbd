/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policies - NetworkPolicies, and what they speak of, watched and told to net as plain structs.
 *
 *   no policy --first--> namespaces and the pods of other nodes are watched, too; nothing is
 *   applied until both were listed --last goes--> they are forgotten again
 *
 * This node's own pods are told as soon as they have an address; while there is any policy, a pod
 * starts when its rules are in force.
 * Source: networking/v1 NetworkPolicySpec and its types.
 */
#define LOG_MODULE "policies"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "base/arena.h"
#include "base/log.h"
#include "doc/doc.h"

#define EVENT_BYTES_MAX (32u << 20)    /* what the structs of one object may take */

struct policies {
	struct agent *a;
	struct policy *policy;
	struct arena *arena;           /* of one event */
	struct client_watch *policies, *namespaces, *pods;
	bool policies_known, namespaces_known, pods_known;
	size_t count;
};

static bool watched(yyjson_val *obj, const char **ret_ns, const char **ret_name)
{
	*ret_ns = doc_str(obj, "metadata.namespace");
	*ret_name = doc_str(obj, "metadata.name");
	return *ret_name;
}

/* Rules change only while all that they speak of is known. */
static void hold(struct policies *ps)
{
	policy_hold(ps->policy, !ps->policies_known || (ps->count && !(ps->namespaces_known && ps->pods_known && ps->a->pods_synced)));
}

/* ---- reading an object; NULL: no memory, and the arena says so ---- */

static void *array(struct policies *ps, yyjson_val *from, size_t size)
{
	return arena_zalloc(ps->arena, (yyjson_get_len(from) + 1) * size);
}

static struct policy_label *labels(struct policies *ps, yyjson_val *obj, unsigned *ret_count)
{
	yyjson_val *map = doc_get(obj, "metadata.labels"), *key, *value;
	struct policy_label *v = array(ps, map, sizeof(*v));
	size_t i, n;

	*ret_count = 0;
	if (v)
		yyjson_obj_foreach(map, i, n, key, value)
			if (yyjson_is_str(value))
				v[(*ret_count)++] = (struct policy_label){ yyjson_get_str(key), yyjson_get_str(value) };
	return v;
}

static const char **strings(struct policies *ps, yyjson_val *list, unsigned *ret_count)
{
	const char **v = array(ps, list, sizeof(*v));
	yyjson_val *s;
	size_t i, n;

	*ret_count = 0;
	if (v)
		yyjson_arr_foreach(list, i, n, s)
			if (yyjson_is_str(s))
				v[(*ret_count)++] = yyjson_get_str(s);
	return v;
}

static enum policy_op op_of(const char *s)
{
	static const char *const names[] = { [POLICY_IN] = "In", [POLICY_NOT_IN] = "NotIn", [POLICY_EXISTS] = "Exists",
		[POLICY_ABSENT] = "DoesNotExist" };

	for (int i = 0; s && i < 4; i++)
		if (!strcmp(s, names[i]))
			return (enum policy_op)i;
	return POLICY_IN;              /* of no values: selects nothing */
}

static struct policy_selector *selector(struct policies *ps, yyjson_val *from)
{
	yyjson_val *equal = yyjson_obj_get(from, "matchLabels"), *list = yyjson_obj_get(from, "matchExpressions"), *key, *value;
	struct policy_selector *s = arena_zalloc(ps->arena, sizeof(*s));
	struct policy_term *t = arena_zalloc(ps->arena, (yyjson_get_len(equal) + yyjson_get_len(list) + 1) * sizeof(*t));
	size_t i, n;

	if (!s || !t)
		return NULL;
	s->terms = t;
	yyjson_obj_foreach(equal, i, n, key, value) {
		const char **one = arena_zalloc(ps->arena, sizeof(*one));

		if (!one)
			return NULL;
		*one = yyjson_get_str(value);
		t[s->count++] = (struct policy_term){ yyjson_get_str(key), POLICY_IN, one, *one != NULL };
	}
	yyjson_arr_foreach(list, i, n, value) {
		struct policy_term *at = &t[s->count++];

		at->key = doc_str(value, "key") ? doc_str(value, "key") : "";
		at->op = op_of(doc_str(value, "operator"));
		at->values = strings(ps, yyjson_obj_get(value, "values"), &at->value_count);
	}
	return s;
}

static struct policy_peer *peers(struct policies *ps, yyjson_val *list, unsigned *ret_count)
{
	struct policy_peer *v = array(ps, list, sizeof(*v));
	yyjson_val *from;
	size_t i, n;

	*ret_count = 0;
	if (!v)
		return NULL;
	yyjson_arr_foreach(list, i, n, from) {
		struct policy_peer *e = &v[(*ret_count)++];
		yyjson_val *pods = yyjson_obj_get(from, "podSelector"), *namespaces = yyjson_obj_get(from, "namespaceSelector");

		if (pods && !yyjson_is_null(pods))
			e->pods = selector(ps, pods);
		if (namespaces && !yyjson_is_null(namespaces))
			e->namespaces = selector(ps, namespaces);
		e->cidr = doc_str(from, "ipBlock.cidr");
		e->except = strings(ps, doc_get(from, "ipBlock.except"), &e->except_count);
	}
	return v;
}

static struct policy_port *ports(struct policies *ps, yyjson_val *list, unsigned *ret_count)
{
	struct policy_port *v = array(ps, list, sizeof(*v));
	yyjson_val *from;
	size_t i, n;

	*ret_count = 0;
	if (v)
		yyjson_arr_foreach(list, i, n, from)
			v[(*ret_count)++] = (struct policy_port){ doc_str(from, "protocol"), doc_str(from, "port"),
				(int)doc_int(from, "port", 0), (int)doc_int(from, "endPort", 0) };
	return v;
}

static struct policy_rule *rules(struct policies *ps, yyjson_val *list, const char *whom, unsigned *ret_count)
{
	struct policy_rule *v = array(ps, list, sizeof(*v));
	yyjson_val *from;
	size_t i, n;

	*ret_count = 0;
	if (!v)
		return NULL;
	yyjson_arr_foreach(list, i, n, from) {
		struct policy_rule *r = &v[(*ret_count)++];

		r->peers = peers(ps, yyjson_obj_get(from, whom), &r->peer_count);
		r->ports = ports(ps, yyjson_obj_get(from, "ports"), &r->port_count);
	}
	return v;
}

static void tell(struct policies *ps, yyjson_val *obj, const char *ns, const char *name)
{
	struct policy_told t = { .ns = ns, .name = name };
	yyjson_val *types = doc_get(obj, "spec.policyTypes"), *type;
	struct policy_selector *pods;
	size_t i, n;

	arena_reset(ps->arena);
	pods = selector(ps, doc_get(obj, "spec.podSelector"));
	t.rules[POLICY_INGRESS] = rules(ps, doc_get(obj, "spec.ingress"), "from", &t.rule_count[POLICY_INGRESS]);
	t.rules[POLICY_EGRESS] = rules(ps, doc_get(obj, "spec.egress"), "to", &t.rule_count[POLICY_EGRESS]);
	yyjson_arr_foreach(types, i, n, type) {
		t.acts[POLICY_INGRESS] |= yyjson_equals_str(type, "Ingress");
		t.acts[POLICY_EGRESS] |= yyjson_equals_str(type, "Egress");
	}
	if (!yyjson_arr_size(types)) {
		t.acts[POLICY_INGRESS] = true;
		t.acts[POLICY_EGRESS] = t.rule_count[POLICY_EGRESS] > 0;
	}
	if (arena_over(ps->arena)) {
		log_error("network policy %s/%s is too large to be read: it allows nothing", ns, name);
		t.rule_count[POLICY_INGRESS] = t.rule_count[POLICY_EGRESS] = 0;
	}
	if (pods)
		t.pods = *pods;
	policy_set(ps->policy, &t);
}

/* ---- pods ---- */

static unsigned named_ports(struct policy_named *out, yyjson_val *ctrs, bool init)
{
	yyjson_val *ctr, *port;
	size_t i, n, k, m;
	unsigned count = 0;

	yyjson_arr_foreach(ctrs, i, n, ctr) {
		const char *restart = doc_str(ctr, "restartPolicy");

		if (init && (!restart || strcmp(restart, "Always")))
			continue;
		yyjson_arr_foreach(yyjson_obj_get(ctr, "ports"), k, m, port) {
			struct policy_named p = { doc_str(port, "name"), doc_str(port, "protocol"), (int)doc_int(port, "containerPort", 0) };

			if (!p.name || !*p.name || p.port < 1 || p.port > 65535)
				continue;
			if (out)
				out[count] = p;
			count++;
		}
	}
	return count;
}

static void tell_pod(struct policies *ps, yyjson_val *obj, struct policy_pod *pod)
{
	yyjson_val *init = doc_get(obj, "spec.initContainers"), *ctrs = doc_get(obj, "spec.containers");
	struct policy_named *v = arena_zalloc(ps->arena, (named_ports(NULL, init, true) + named_ports(NULL, ctrs, false) + 1) * sizeof(*v));

	pod->labels = labels(ps, obj, &pod->label_count);
	pod->ports = v;
	if (v)
		pod->port_count = named_ports(v, ctrs, false);
	if (v)
		pod->port_count += named_ports(v + pod->port_count, init, true);
	if (arena_over(ps->arena))
		log_error("pod %s/%s is too large to be read for network policies", pod->ns, doc_str(obj, "metadata.name"));
	policy_pod_set(ps->policy, pod);
}

static void other_pod(void *arg, enum client_event ev, yyjson_val *obj)
{
	struct policies *ps = arg;
	yyjson_val *list = doc_get(obj, "status.podIPs"), *item;
	const char *ns, *name, *phase = doc_str(obj, "status.phase");
	size_t i, n;

	if (ev == CLIENT_SYNCED) {
		ps->pods_known = true;
		hold(ps);
		return;
	}
	if (!watched(obj, &ns, &name) || !ns)
		return;
	arena_reset(ps->arena);
	/* On its node's network it is the node; ended, its addresses are another's. */
	if (ev != CLIENT_DELETED && !spec_host_network(obj) && !(phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed")))) {
		struct policy_pod pod = { .ns = ns, .name = name };
		const char **ips = array(ps, list, sizeof(*ips));

		yyjson_arr_foreach(list, i, n, item)
			if (ips && doc_str(item, "ip"))
				ips[pod.ip_count++] = doc_str(item, "ip");
		pod.ips = ips;
		if (pod.ip_count) {
			tell_pod(ps, obj, &pod);
			return;
		}
	}
	policy_pod_del(ps->policy, ns, name);
}

/* No pod's name has a slash: whatever another is called, it is not taken for one of ours. */
static void own_name(char out[CTR_ID_MAX + 1], const struct pod *p)
{
	snprintf(out, CTR_ID_MAX + 1, "/%s", p->uid);
}

void policies_pod(struct policies *ps, struct pod *p)
{
	char name[CTR_ID_MAX + 1], link[16];
	const char *ips[POLICY_IPS_MAX];

	if (!ps)
		return;
	own_name(name, p);
	if (!net_pod_addresses(p->a->net, p->uid, ips, link)) {
		policy_pod_del(ps->policy, p->ns, name);
		return;
	}
	arena_reset(ps->arena);
	tell_pod(ps, p->obj, &(struct policy_pod){ .ns = p->ns, .name = name, .local = true, .link = link, .ips = ips,
		.ip_count = ips[1] ? 2 : 1 });
}

void policies_pods_known(struct policies *ps)
{
	if (ps)
		hold(ps);
}

bool policies_wait(struct policies *ps, policy_done_fn *done, void *arg)
{
	if (!ps || !policy_waits(ps->policy))
		return false;
	/* Without memory to wait, done says so; not to wait would open the pod to all. */
	if (policy_sync(ps->policy, done, arg))
		done(arg, -ERR_NOMEM, "network policies: out of memory");
	return true;
}

/* ---- namespaces, policies ---- */

static void namespace_event(void *arg, enum client_event ev, yyjson_val *obj)
{
	struct policies *ps = arg;
	const char *ns, *name;
	struct policy_label *v;
	unsigned count;

	if (ev == CLIENT_SYNCED) {
		ps->namespaces_known = true;
		hold(ps);
		return;
	}
	if (!watched(obj, &ns, &name))
		return;
	if (ev == CLIENT_DELETED) {
		policy_namespace_del(ps->policy, name);
		return;
	}
	arena_reset(ps->arena);
	v = labels(ps, obj, &count);
	policy_namespace_set(ps->policy, name, v, count);
}

static void watch_peers(struct policies *ps)
{
	char query[400];

	/* This node's own are told by themselves. */
	snprintf(query, sizeof(query), "fieldSelector=spec.nodeName%%21%%3D%s", ps->a->node_name);
	if (client_watch(&ps->namespaces, ps->a->client, kinds_by_resource("", "v1", "namespaces"), NULL, NULL, namespace_event, ps) ||
	    client_watch(&ps->pods, ps->a->client, kinds_by_resource("", "v1", "pods"), NULL, query, other_pod, ps))
		log_error("network policies are not applied: out of memory; start the agent again");
}

static void forget_peers(struct policies *ps)
{
	if (ps->namespaces)
		client_watch_close(ps->namespaces);
	if (ps->pods)
		client_watch_close(ps->pods);
	ps->namespaces = ps->pods = NULL;
	ps->namespaces_known = ps->pods_known = false;
}

static void policy_event(void *arg, enum client_event ev, yyjson_val *obj)
{
	struct policies *ps = arg;
	const char *ns, *name;

	if (ev == CLIENT_SYNCED) {
		ps->policies_known = true;
	} else if (!watched(obj, &ns, &name) || !ns) {
		return;
	} else if (ev == CLIENT_DELETED) {
		policy_del(ps->policy, ns, name);
		if (!--ps->count) {
			forget_peers(ps);
			policy_forget_peers(ps->policy);
		}
	} else {
		if (ev == CLIENT_ADDED && !ps->count++)
			watch_peers(ps);
		tell(ps, obj, ns, name);
	}
	hold(ps);
}

int policies_open(struct policies **ret, struct agent *a, struct err *reterr)
{
	struct policies *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	*ret = ps;
	ps->a = a;
	ps->arena = arena_open(EVENT_BYTES_MAX);
	if (!ps->arena)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	if (policy_open(&ps->policy, a->loop, "sampan", reterr))
		return -ERR_IO;
	if (client_watch(&ps->policies, a->client, kinds_by_resource("networking.k8s.io", "v1", "networkpolicies"), NULL, NULL, policy_event, ps))
		return err_set(reterr, ERR_NOMEM, "out of memory");
	return 0;
}

void policies_close(struct policies *ps)
{
	if (!ps)
		return;
	if (ps->policies)
		client_watch_close(ps->policies);
	forget_peers(ps);
	policy_close(ps->policy);
	arena_close(ps->arena);
	free(ps);
}
