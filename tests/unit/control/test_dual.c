/* SPDX-License-Identifier: Apache-2.0 */
/* A cloud of both address families: nodes' blocks, slices and Endpoints, balancers' addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "control/controllers.h"
#include "world.h"

#define NODES "/api/v1/nodes"
#define MACHINE(name, spec) "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{" spec "},\"status\":{\"nodeInfo\":{\"kubeletVersion\":\"v1.34.1\"}}}"

static void open_dual(struct world *w)
{
	fixture_services = "10.96.0.0/16,fd00:96::/112";
	world_pods = "10.244.0.0/22,fd00:244::/62";
	world_pool = "192.0.2.10-192.0.2.11,2001:db8::1-2001:db8::3";
	world_open(w);
}

static void join(struct buf *b, yyjson_val *list, const char *member)
{
	yyjson_val *it;
	size_t i, max;

	buf_clear(b);
	yyjson_arr_foreach(list, i, max, it)
		buf_printf(b, "%s%s", i ? " " : "", member ? doc_str(it, member) : yyjson_get_str(it));
}

/* The blocks that a node has then. */
static const struct { const char *method, *path, *body, *node, *blocks; } nodes[] = {
	{ "POST", NODES, MACHINE("own", "\"podCIDRs\":[\"fd00:244:0:1::/64\",\"10.9.0.0/24\"]"), "own", "fd00:244:0:1::/64 10.9.0.0/24" },
	{ "POST", NODES, MACHINE("wide", "\"podCIDR\":\"10.244.0.0/23\""), "wide", "10.244.0.0/23" },
	{ "POST", NODES, MACHINE("a", ""), "a", "10.244.2.0/24 fd00:244::/64" },
	{ "POST", NODES, MACHINE("b", ""), "b", "10.244.3.0/24 fd00:244:0:2::/64" },
	{ "POST", NODES, MACHINE("c", ""), "c", "" },
	{ "DELETE", NODES "/own", NULL, "c", "" },
	{ "DELETE", NODES "/b", NULL, "c", "10.244.3.0/24 fd00:244:0:1::/64" },
	{ "DELETE", NODES "/wide", NULL, "a", "10.244.2.0/24 fd00:244::/64" },
	{ "POST", NODES, MACHINE("d", ""), "d", "10.244.0.0/24 fd00:244:0:2::/64" },
};

static void nodes_get_a_block_of_each_range(void **state)
{
	struct world w;
	BUF_AUTO struct buf got = { 0 };

	(void)state;
	open_dual(&w);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		struct cache_obj *o;

		must(&w, nodes[i].method, nodes[i].path, nodes[i].body);
		settle(&w);
		if (i % 2) {
			world_restart(&w);
			settle(&w);
		}
		o = cache_get(w.f.cache, "core/nodes", "", nodes[i].node);
		join(&got, doc_get(cache_tree(o), "spec.podCIDRs"), NULL);
		if (strcmp(got.p ? got.p : "", nodes[i].blocks))
			fail_msg("%zu: %s has %s, not %s", i, nodes[i].node, got.p, nodes[i].blocks);
	}
	world_close(&w);
}

/* The addresses of a Service's slices of a type; NULL: there is none. */
static const char *slice_of(struct world *w, const char *service, const char *type, struct buf *ret)
{
	struct found slices = all(w, "discovery.k8s.io/endpointslices");
	bool any = false;

	buf_clear(ret);
	for (size_t i = 0; i < slices.n; i++) {
		const char *of = labels_get(&slices.v[i]->labels, "kubernetes.io/service-name");
		yyjson_val *tree = cache_tree(slices.v[i]), *it;
		size_t k, max;

		if (!of || strcmp(of, service) || strcmp(doc_str(tree, "addressType"), type))
			continue;
		any = true;
		yyjson_arr_foreach(doc_get(tree, "endpoints"), k, max, it)
			buf_printf(ret, "%s%s", ret->len ? " " : "", doc_str(it, "addresses.0"));
	}
	return !any ? "none" : ret->len ? ret->p : "";
}

static void add_pod(struct world *w, const char *name, const char *ips)
{
	char body[500];

	snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"app\":\"x\"}},\"spec\":" POD_SPEC "}", name);
	must(w, "POST", CORE "pods", body);
	snprintf(body, sizeof(body), "{\"status\":{\"phase\":\"Running\",\"podIPs\":[%s],\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\","
		"\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}", ips);
	char path[200];
	snprintf(path, sizeof(path), CORE "pods/%s/status", name);
	must(w, "PATCH", path, body);
}

#define SVC(name, spec) "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"" name "\"},\"spec\":{" spec \
	"\"selector\":{\"app\":\"x\"},\"ports\":[{\"port\":80}]}}"

static const struct { const char *method, *path, *body, *four, *six, *endpoints; } services[] = {
	{ "POST", "", SVC("s", ""), "10.0.0.1 10.0.0.2", "none", "10.0.0.1 10.0.0.2" },
	{ "PATCH", "/s", "{\"spec\":{\"ipFamilyPolicy\":\"PreferDualStack\"}}", "10.0.0.1 10.0.0.2", "fd00::2 fd00::3", "10.0.0.1 10.0.0.2" },
	{ "PATCH", "/s", "{\"spec\":{\"selector\":{\"app\":\"other\"}}}", "", "", "" },
	{ "PATCH", "/s", "{\"spec\":{\"selector\":{\"app\":\"x\"}}}", "10.0.0.1 10.0.0.2", "fd00::2 fd00::3", "10.0.0.1 10.0.0.2" },
	{ "PATCH", "/s", "{\"spec\":{\"ipFamilyPolicy\":\"SingleStack\"}}", "10.0.0.1 10.0.0.2", "none", "10.0.0.1 10.0.0.2" },
	{ "DELETE", "/s", NULL, "none", "none", "none" },
	{ "POST", "", SVC("s", "\"ipFamilies\":[\"IPv6\"],\"clusterIP\":\"None\","), "none", "fd00::2 fd00::3", "fd00::2 fd00::3" },
	{ "PATCH", "/s", "{\"spec\":{\"ipFamilies\":[\"IPv4\"]}}", "10.0.0.1 10.0.0.2", "none", "10.0.0.1 10.0.0.2" },
	{ "PATCH", "/s", "{\"spec\":{\"ipFamilies\":[\"IPv6\",\"IPv4\"],\"ipFamilyPolicy\":\"RequireDualStack\"}}", "10.0.0.1 10.0.0.2", "fd00::2 fd00::3",
		"fd00::2 fd00::3" },
};

static void each_family_has_slices_of_its_own(void **state)
{
	struct world w;
	BUF_AUTO struct buf got = { 0 };
	char path[100];

	(void)state;
	open_dual(&w);
	add_pod(&w, "a", "{\"ip\":\"10.0.0.1\"}");
	add_pod(&w, "b", "{\"ip\":\"10.0.0.2\"},{\"ip\":\"fd00::2\"}");
	add_pod(&w, "c", "{\"ip\":\"fd00::3\"}");
	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
		yyjson_val *o;

		snprintf(path, sizeof(path), CORE "services%s", services[i].path);
		must(&w, services[i].method, path, services[i].body);
		settle(&w);
		print_message("%zu\n", i);
		assert_string_equal(slice_of(&w, "s", "IPv4", &got), services[i].four);
		assert_string_equal(slice_of(&w, "s", "IPv6", &got), services[i].six);
		o = get(&w, "core/endpoints", "s");
		join(&got, doc_get(o, "subsets.0.addresses"), "ip");
		assert_string_equal(!o ? "none" : got.p ? got.p : "", services[i].endpoints);
	}
	world_close(&w);
}

#define BALANCED(name, more) "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"" name "\"}," \
	"\"spec\":{\"type\":\"LoadBalancer\",\"ports\":[{\"port\":80}]" more "}}"
#define PREFERS ",\"ipFamilyPolicy\":\"PreferDualStack\""

static const struct { const char *name, *method, *path, *body, *a, *b, *c; } steps[] = {
	{ "one of each", "POST", "", BALANCED("a", PREFERS), "192.0.2.10 2001:db8::1", "", "" },
	{ "in its order", "POST", "", BALANCED("b", PREFERS ",\"ipFamilies\":[\"IPv6\"]"), "192.0.2.10 2001:db8::1", "2001:db8::2 192.0.2.11", "" },
	{ "as far as there are any", "POST", "", BALANCED("c", PREFERS), "192.0.2.10 2001:db8::1", "2001:db8::2 192.0.2.11", "2001:db8::3" },
	{ "a family goes, and who waited has it", "PATCH", "/a", "{\"spec\":{\"ipFamilyPolicy\":\"SingleStack\"}}", "192.0.2.10", "2001:db8::2 192.0.2.11", "2001:db8::3" },
	{ "the first one asks for another", "PATCH", "/b", "{\"spec\":{\"loadBalancerIP\":\"2001:DB8:0::1\"}}", "192.0.2.10", "2001:db8::1 192.0.2.11", "2001:db8::3" },
	{ "for one in use", "PATCH", "/b", "{\"spec\":{\"loadBalancerIP\":\"2001:db8::3\"}}", "192.0.2.10", "", "192.0.2.11 2001:db8::3" },
	{ "that comes free", "DELETE", "/c", NULL, "192.0.2.10", "2001:db8::3 192.0.2.11", "" },
	{ "one of no family of its own", "PATCH", "/a", "{\"spec\":{\"loadBalancerIP\":\"2001:db8::1\"}}", "", "2001:db8::3 192.0.2.11", "" },
	{ "which it has again", "PATCH", "/a", "{\"spec\":{\"ipFamilyPolicy\":\"RequireDualStack\"}}", "192.0.2.10 2001:db8::1", "2001:db8::3 192.0.2.11", "" },
};

static void balancers_get_an_address_of_each_family(void **state)
{
	static const char *const names[] = { "a", "b", "c" };
	struct world w;
	char path[100];
	BUF_AUTO struct buf got = { 0 };

	(void)state;
	open_dual(&w);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		const char *const want[] = { steps[i].a, steps[i].b, steps[i].c };

		print_message("%s\n", steps[i].name);
		snprintf(path, sizeof(path), CORE "services%s", steps[i].path);
		must(&w, steps[i].method, path, steps[i].body);
		settle(&w);
		if (i % 2) {
			world_restart(&w);
			settle(&w);
		}
		for (size_t k = 0; k < 3; k++) {
			join(&got, doc_get(get(&w, "core/services", names[k]), "status.loadBalancer.ingress"), "ip");
			assert_string_equal(got.p ? got.p : "", want[k]);
		}
	}
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_get_a_block_of_each_range),
		cmocka_unit_test(each_family_has_slices_of_its_own),
		cmocka_unit_test(balancers_get_an_address_of_each_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
