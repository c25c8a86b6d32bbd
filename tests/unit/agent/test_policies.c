/* SPDX-License-Identifier: Apache-2.0 */
/* What net is told of NetworkPolicies, namespaces and pods, and when. The client and net are the
 * test's own: the module is compiled here with them in the place of the real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"

enum { POLICIES, NAMESPACES, PODS };
static struct { client_event_fn *fn; void *arg; bool open; char query[400]; } watches[3];
static char told[4000];
static bool held;

static void say(const char *fmt, ...)
{
	size_t at = strlen(told);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(told + at, sizeof(told) - at, fmt, ap);
	va_end(ap);
}

static int watch_fake(struct client_watch **ret, struct client *c, const struct kinds_kind *k, const char *ns,
	const char *query, client_event_fn *fn, void *arg)
{
	int i = !strcmp(k->plural, "pods") ? PODS : !strcmp(k->plural, "namespaces") ? NAMESPACES : POLICIES;

	watches[i].fn = fn;
	watches[i].arg = arg;
	watches[i].open = true;
	snprintf(watches[i].query, sizeof(watches[i].query), "%s", query ? query : "");
	*ret = (struct client_watch *)(void *)&watches[i];
	return 0;
}

static void watch_close_fake(struct client_watch *w)
{
	((__typeof__(&watches[0]))(void *)w)->open = false;
}

static void say_selector(const struct policy_selector *s)
{
	static const char *const ops[] = { "in", "notin", "exists", "absent" };

	if (!s)
		return;
	say("{");
	for (unsigned i = 0; i < s->count; i++) {
		say("%s%s %s", i ? ", " : "", s->terms[i].key, ops[s->terms[i].op]);
		for (unsigned k = 0; k < s->terms[i].value_count; k++)
			say(" %s", s->terms[i].values[k]);
	}
	say("}");
}

static void set_fake(const struct policy_told *t)
{
	static const char *const dirs[] = { " in", " out" };

	say("%s/%s ", t->ns, t->name);
	say_selector(&t->pods);
	for (int d = 0; d < 2; d++) {
		if (t->acts[d])
			say("%s", dirs[d]);
		for (unsigned i = 0; i < t->rule_count[d]; i++) {
			const struct policy_rule *r = &t->rules[d][i];

			say(" (");
			for (unsigned k = 0; k < r->peer_count; k++) {
				say("%sfrom ", k ? " " : "");
				if (r->peers[k].namespaces)
					say("ns");
				say_selector(r->peers[k].namespaces);
				say_selector(r->peers[k].pods);
				say("%s", r->peers[k].cidr ? r->peers[k].cidr : "");
				for (unsigned x = 0; x < r->peers[k].except_count; x++)
					say(" but %s", r->peers[k].except[x]);
			}
			for (unsigned k = 0; k < r->port_count; k++)
				say(" at %s %s %d-%d", r->ports[k].proto, r->ports[k].name ? r->ports[k].name : "", r->ports[k].port,
					r->ports[k].end);
			say(")");
		}
	}
	say(";");
}

static void pod_fake(const struct policy_pod *p)
{
	say("pod %s/%s%s", p->ns, p->name, p->local ? " own" : "");
	for (unsigned i = 0; i < p->ip_count; i++)
		say(" %s", p->ips[i]);
	for (unsigned i = 0; i < p->label_count; i++)
		say(" %s=%s", p->labels[i].key, p->labels[i].value);
	for (unsigned i = 0; i < p->port_count; i++)
		say(" %s:%s:%d", p->ports[i].name, p->ports[i].proto, p->ports[i].port);
	say(";");
}

static void ns_fake(const char *name, const struct policy_label *l, unsigned n)
{
	say("ns %s", name);
	for (unsigned i = 0; i < n; i++)
		say(" %s=%s", l[i].key, l[i].value);
	say(";");
}

static const char *own_address;
static bool addresses_fake(const char *ret_ips[2], char link[16])
{
	strcpy(link, "sampan0af40002");
	ret_ips[0] = own_address;
	ret_ips[1] = NULL;
	return own_address;
}

#define client_watch(...) watch_fake(__VA_ARGS__)
#define client_watch_close(w) watch_close_fake(w)
#define policy_open(...) 0
#define policy_close(p) (void)(p)
#define policy_set(p, t) set_fake(t)
#define policy_del(p, ns, name) say("%s/%s gone;", ns, name)
#define policy_namespace_set(p, name, l, n) ns_fake(name, l, n)
#define policy_namespace_del(p, name) say("ns %s gone;", name)
#define policy_pod_set(p, pod) pod_fake(pod)
#define policy_pod_del(p, ns, name) say("pod %s/%s gone;", ns, name)
#define policy_forget_peers(p) say("peers forgotten;")
#define policy_hold(p, h) (held = (h))
#define policy_sync(p, done, arg) (done(arg, 0, ""), 0)
#define policy_waits(p) held
#define net_pod_addresses(n, id, ips, link) addresses_fake(ips, link)
#include "agent/policies.c"

static void event(int watch, enum client_event ev, const char *json)
{
	char *text = json ? strdup(json) : NULL;
	yyjson_doc *d = NULL;

	for (char *p = text; p && (p = strchr(p, '\''));)
		*p = '"';
	if (text) {
		d = yyjson_read(text, strlen(text), 0);
		assert_non_null(d);
	}
	told[0] = 0;
	watches[watch].fn(watches[watch].arg, ev, yyjson_doc_get_root(d));
	yyjson_doc_free(d);
	free(text);
}

static struct agent agent = { .node_name = "n1", .pods_synced = true };
static struct policies *ps;

static int setup(void **state)
{
	memset(watches, 0, sizeof(watches));
	agent.pods_synced = true;
	held = true;           /* as policy_open leaves it */
	return policies_open(&ps, &agent, NULL);
}

static int teardown(void **state)
{
	policies_close(ps);
	return 0;
}

#define META "'metadata':{'namespace':'x','name':'p'},"
static const struct { const char *spec, *told; } policies[] = {
	{ "{'podSelector':{}}", "x/p {} in;" },
	{ "{'podSelector':{},'egress':[{}]}", "x/p {} in out ();" },
	{ "{'podSelector':{},'policyTypes':['Egress']}", "x/p {} out;" },
	{ "{'podSelector':{'matchLabels':{'a':'b'},'matchExpressions':[{'key':'c','operator':'NotIn','values':['d','e']},"
	  "{'key':'f','operator':'DoesNotExist'},{'key':'g','operator':'Exists'},{'key':'h','operator':'Later'}]},'policyTypes':['Ingress']}",
	  "x/p {a in b, c notin d e, f absent, g exists, h in} in;" },
	{ "{'podSelector':{},'policyTypes':['Ingress'],'ingress':[{'from':[{'podSelector':{}},{'namespaceSelector':{},'podSelector':"
	  "{'matchLabels':{'a':'b'}}},{'ipBlock':{'cidr':'10.0.0.0/8','except':['10.1.0.0/16','10.2.0.0/16']}}]},{}]}",
	  "x/p {} in (from {} from ns{}{a in b} from 10.0.0.0/8 but 10.1.0.0/16 but 10.2.0.0/16) ();" },
	{ "{'podSelector':{},'policyTypes':['Egress'],'egress':[{'to':[],'ports':[{'protocol':'TCP','port':80},{'protocol':'UDP','port':'dns'},"
	  "{'protocol':'SCTP','port':1,'endPort':9},{'protocol':'TCP'}]}]}",
	  "x/p {} out ( at TCP  80-0 at UDP dns 0-0 at SCTP  1-9 at TCP  0-0);" },
};

static void test_policies_are_told_as_they_are_meant(void **state)
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(*policies); i++) {
		char json[1000];

		snprintf(json, sizeof(json), "{" META "'spec':%s}", policies[i].spec);
		event(POLICIES, i ? CLIENT_MODIFIED : CLIENT_ADDED, json);
		assert_string_equal(told, policies[i].told);
	}
	event(POLICIES, CLIENT_DELETED, "{'metadata':{'namespace':'x','name':'p'}}");
	assert_string_equal(told, "x/p gone;peers forgotten;");
}

static void test_pods_elsewhere_are_followed_while_there_are_policies(void **state)
{
	event(POLICIES, CLIENT_SYNCED, NULL);
	assert_false(held || watches[PODS].open || watches[NAMESPACES].open);
	event(POLICIES, CLIENT_ADDED, "{" META "'spec':{'podSelector':{}}}");
	assert_true(held && watches[PODS].open && watches[NAMESPACES].open);
	assert_string_equal(watches[PODS].query, "fieldSelector=spec.nodeName%21%3Dn1");
	event(PODS, CLIENT_SYNCED, NULL);
	assert_true(held);
	event(NAMESPACES, CLIENT_SYNCED, NULL);
	assert_false(held);
	event(POLICIES, CLIENT_ADDED, "{'metadata':{'namespace':'x','name':'q'},'spec':{'podSelector':{}}}");
	event(POLICIES, CLIENT_DELETED, "{" META "'spec':{}}");
	assert_true(!held && watches[PODS].open);
	event(POLICIES, CLIENT_DELETED, "{'metadata':{'namespace':'x','name':'q'}}");
	assert_false(held || watches[PODS].open || watches[NAMESPACES].open);
	event(POLICIES, CLIENT_ADDED, "{" META "'spec':{'podSelector':{}}}");
	assert_true(held && watches[PODS].open);
}

static void test_nothing_is_applied_before_own_pods_are_known(void **state)
{
	agent.pods_synced = false;
	event(POLICIES, CLIENT_ADDED, "{" META "'spec':{'podSelector':{}}}");
	event(PODS, CLIENT_SYNCED, NULL);
	event(NAMESPACES, CLIENT_SYNCED, NULL);
	event(POLICIES, CLIENT_SYNCED, NULL);
	assert_true(held);
	agent.pods_synced = true;
	policies_pods_known(ps);
	assert_false(held);
}

#define POD(spec, status) "{" META "'spec':{" spec "},'status':{" status "}}"
static const struct { const char *name, *json, *told; } pods[] = {
	{ "addresses, labels, ports that have names", "{'metadata':{'namespace':'x','name':'p','labels':{'a':'b'}},'spec':{'containers':[{'ports':["
	  "{'name':'web','containerPort':80,'protocol':'TCP'},{'containerPort':81}]}],'initContainers':[{'restartPolicy':'Always','ports':["
	  "{'name':'side','containerPort':82,'protocol':'UDP'}]},{'ports':[{'name':'not','containerPort':83}]}]},"
	  "'status':{'podIPs':[{'ip':'10.0.0.1'},{'ip':'fd00::1'}],'phase':'Running'}}",
	  "pod x/p 10.0.0.1 fd00::1 a=b web:TCP:80 side:UDP:82;" },
	{ "no address yet", POD("", "'phase':'Pending'"), "pod x/p gone;" },
	{ "on its node's network", POD("'hostNetwork':true", "'podIPs':[{'ip':'192.0.2.1'}]"), "pod x/p gone;" },
	{ "ended", POD("", "'podIPs':[{'ip':'10.0.0.1'}],'phase':'Succeeded'"), "pod x/p gone;" },
	{ "failed", POD("", "'podIPs':[{'ip':'10.0.0.1'}],'phase':'Failed'"), "pod x/p gone;" },
};

static void test_pods_and_namespaces(void **state)
{
	struct pod own = { .a = &agent, .uid = "u", .ns = "x" };
	static const char json[] = "{\"metadata\":{\"labels\":{\"a\":\"c\"}}}";
	yyjson_doc *d = yyjson_read(json, sizeof(json) - 1, 0);

	event(POLICIES, CLIENT_ADDED, "{" META "'spec':{'podSelector':{}}}");
	for (size_t i = 0; i < sizeof(pods) / sizeof(*pods); i++) {
		print_message("%s\n", pods[i].name);
		event(PODS, CLIENT_MODIFIED, pods[i].json);
		assert_string_equal(told, pods[i].told);
	}
	event(PODS, CLIENT_DELETED, pods[0].json);
	assert_string_equal(told, "pod x/p gone;");
	event(NAMESPACES, CLIENT_ADDED, "{'metadata':{'name':'x','labels':{'k':'v'}}}");
	assert_string_equal(told, "ns x k=v;");
	event(NAMESPACES, CLIENT_DELETED, "{'metadata':{'name':'x'}}");
	assert_string_equal(told, "ns x gone;");
	/* Under a name that no pod can have. */
	own.obj = yyjson_doc_get_root(d);
	own_address = "10.0.0.2";
	told[0] = 0;
	policies_pod(ps, &own);
	assert_string_equal(told, "pod x//u own 10.0.0.2 a=c;");
	own_address = NULL;
	told[0] = 0;
	policies_pod(ps, &own);
	assert_string_equal(told, "pod x//u gone;");
	yyjson_doc_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_policies_are_told_as_they_are_meant, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pods_elsewhere_are_followed_while_there_are_policies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_applied_before_own_pods_are_known, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pods_and_namespaces, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
