/* SPDX-License-Identifier: Apache-2.0 */
/* What net is told of Services as their EndpointSlices come, change and go. The client and net
 * are the test's own: the module is compiled here with them in the place of the real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"

static struct { client_event_fn *fn; void *arg; } watches[2];    /* Services, slices */
static char told[200];                                           /* "ns/name n" or "ns/name gone", joined */

static int watch_fake(struct client_watch **ret, struct client *c, const struct kinds_kind *k, const char *ns,
	const char *query, client_event_fn *fn, void *arg)
{
	unsigned i = strcmp(k->plural, "services") != 0;

	(void)c, (void)ns, (void)query;
	watches[i].fn = fn;
	watches[i].arg = arg;
	*ret = NULL;
	return 0;
}

static void watch_close_fake(struct client_watch *w)
{
	(void)w;
}

static void set_fake(struct net *n, const struct net_service *s, bool gone)
{
	size_t at = strlen(told);

	(void)n;
	if (gone)
		snprintf(told + at, sizeof(told) - at, "%s/%s gone;", s->ns, s->name);
	else
		snprintf(told + at, sizeof(told) - at, "%s/%s %u;", s->ns, s->name, s->ep_count);
}

static void sync_fake(struct net *n, void (*done)(void *arg, int rc, const char *message), void *arg)
{
	(void)n;
	done(arg, 0, "");
}

static char servers[400];                                        /* the URLs learned, joined; the file's text */

static int learn_fake(struct client *c, const char *const *urls)
{
	(void)c;
	for (servers[0] = 0; *urls; urls++)
		snprintf(servers + strlen(servers), sizeof(servers) - strlen(servers), "%s;", *urls);
	return 0;
}

#define client_learn(...) learn_fake(__VA_ARGS__)
static void speaker_fake(struct speakers *s, const char *key, const char *const *ips, const char *const *nodes)
{
	(void)s, (void)key, (void)ips, (void)nodes;
}

static unsigned complaints;

static void complain_fake(struct agent *a, const char *ns, const char *name, ...)
{
	(void)a;
	assert_string_equal(ns, "d");
	assert_string_equal(name, "a");
	complaints++;
}

#define event_service(...) complain_fake(__VA_ARGS__)
#define client_watch(...) watch_fake(__VA_ARGS__)
#define client_watch_close(...) watch_close_fake(__VA_ARGS__)
#define net_service_set(...) set_fake(__VA_ARGS__)
#define net_sync(...) sync_fake(__VA_ARGS__)
#include "agent/servers.c"
#undef LOG_MODULE
#define speakers_service(...) speaker_fake(__VA_ARGS__)
#define speakers_services_known(...) (void)0
#include "agent/services.c"

/* json with ' for " */
static void event(unsigned watch, enum client_event ev, const char *json)
{
	char text[1000];
	yyjson_doc *d;

	snprintf(text, sizeof(text), "%s", json);
	for (char *p = text; (p = strchr(p, '\''));)
		*p = '"';
	d = yyjson_read(text, strlen(text), 0);
	assert_non_null(d);
	watches[watch].fn(watches[watch].arg, ev, yyjson_doc_get_root(d));
	yyjson_doc_free(d);
}

#define SLICE(name, service) "{'metadata':{'namespace':'d','name':'" name "','labels':{'kubernetes.io/service-name':'" \
	service "'}},'ports':[{'port':80}],'endpoints':[{'addresses':['10.0.0.1']},{'addresses':['10.0.0.2']}]}"
#define SERVICE(name) "{'metadata':{'namespace':'d','name':'" name "'},'spec':{'clusterIP':'10.96.0.9'}}"

static const struct { const char *name; unsigned watch; enum client_event ev; const char *json, *told; } steps[] = {
	{ "a Service", 0, CLIENT_ADDED, SERVICE("a"), "d/a 0;" },
	{ "another", 0, CLIENT_ADDED, SERVICE("b"), "d/b 0;" },
	{ "its endpoints", 1, CLIENT_ADDED, SLICE("s", "a"), "d/a 2;" },
	{ "more of them", 1, CLIENT_ADDED, SLICE("t", "a"), "d/a 4;" },
	{ "a slice given to the other", 1, CLIENT_MODIFIED, SLICE("t", "b"), "d/a 2;d/b 2;" },
	{ "a slice that is nobody's any more", 1, CLIENT_MODIFIED, "{'metadata':{'namespace':'d','name':'t'}}", "d/b 0;" },
	{ "a slice missing in a new list: only its name is told", 1, CLIENT_DELETED,
		"{'metadata':{'namespace':'d','name':'s'}}", "d/a 0;" },
	{ "the Service goes", 0, CLIENT_DELETED, SERVICE("a"), "d/a gone;" },
	{ "and comes back without what it had", 0, CLIENT_ADDED, SERVICE("a"), "d/a 0;" },
	{ "a slice before its Service says nothing", 1, CLIENT_ADDED, SLICE("u", "c"), "" },
	{ "until that comes", 0, CLIENT_ADDED, SERVICE("c"), "d/c 2;" },
};

static void slices_belong_to_their_services(void **state)
{
	struct agent a = { .net = (struct net *)&told, .node_name = "n" };
	struct services *s;

	(void)state;
	assert_int_equal(services_open(&s, &a), 0);
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		told[0] = 0;
		event(steps[i].watch, steps[i].ev, steps[i].json);
		if (strcmp(told, steps[i].told))
			fail_msg("%s: told %s", steps[i].name, told);
	}
	services_close(s);
}

#define API_SLICE(port_name, endpoints) "{'metadata':{'namespace':'default','name':'kubernetes','labels':{" \
	"'kubernetes.io/service-name':'kubernetes'}},'ports':[{'name':'" port_name "','port':6443}],'endpoints':[" endpoints "]}"
#define OLD_FILE "https://10.9.9.9:6443\nnonsense\n"

static const struct { const char *name, *json, *learned; } server_steps[] = {
	{ "one server", API_SLICE("https", "{'addresses':['10.0.0.1']}"), "https://10.0.0.1:6443;" },
	{ "more of them", API_SLICE("https", "{'addresses':['10.0.0.1','10.0.0.2']},{'addresses':['fd00::1']}"),
		"https://10.0.0.1:6443;https://10.0.0.2:6443;https://[fd00::1]:6443;" },
	{ "one that stops", API_SLICE("https", "{'addresses':['10.0.0.1'],'conditions':{'ready':false}},{'addresses':['10.0.0.2']}"),
		"https://10.0.0.2:6443;" },
	{ "none is no news", API_SLICE("https", ""), "https://10.0.0.2:6443;" },
	{ "another port", API_SLICE("metrics", "{'addresses':['10.0.0.7']}"), "https://10.0.0.2:6443;" },
};

static void the_servers_of_the_cloud_are_learned_and_kept(void **state)
{
	char dir[] = "/tmp/sampan-test-XXXXXX", kubeconfig[80], path[80];
	struct agent a = { .net = (struct net *)&told, .node_name = "n" };
	BUF_AUTO struct buf kept = { 0 };
	struct services *s;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(kubeconfig, sizeof(kubeconfig), "%s/agent.kubeconfig", dir);
	snprintf(path, sizeof(path), "%s/agent.servers", dir);
	assert_int_equal(file_replace(path, OLD_FILE, strlen(OLD_FILE), 0600, NULL), 0);
	assert_int_equal(loop_open(&a.loop), 0);
	assert_int_equal(workers_open(&a.workers, a.loop, "test", 1, 8), 0);
	assert_int_equal(api_servers_open(&a.servers, &a, kubeconfig), 0);
	assert_string_equal(servers, "https://10.9.9.9:6443;");
	assert_int_equal(services_open(&s, &a), 0);
	for (unsigned i = 0; i < sizeof(server_steps) / sizeof(server_steps[0]); i++) {
		event(1, CLIENT_MODIFIED, server_steps[i].json);
		if (strcmp(servers, server_steps[i].learned))
			fail_msg("%s: learned %s", server_steps[i].name, servers);
	}
	while (a.servers->busy)
		loop_turn(a.loop, 10);
	assert_int_equal(file_read(path, 1000, &kept, NULL), 0);
	assert_string_equal(kept.p, "https://10.0.0.2:6443\n");
	services_close(s);
	a.closing = true;
	workers_close(a.workers);
	api_servers_close(a.servers);
	loop_close(a.loop);
	assert_int_equal(file_remove_tree(dir, NULL), 0);
}

static void many_slices(enum client_event ev, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		BUF_AUTO struct buf b = { 0 };

		buf_printf(&b, "{\"metadata\":{\"namespace\":\"d\",\"name\":\"s%u\",\"labels\":{\"kubernetes.io/service-name\":\"a\"}},"
			"\"ports\":[{\"name\":\"x\",\"port\":80},{\"name\":\"y\",\"port\":81}],\"endpoints\":[", i);
		for (unsigned k = 0; k < 1000; k++)
			buf_printf(&b, "%s{\"addresses\":[\"10.%u.%u.%u\"]}", k ? "," : "", i, k / 250, k % 250);
		buf_adds(&b, "]}");
		yyjson_doc *d = yyjson_read(b.p, b.len, 0);
		assert_non_null(d);
		watches[1].fn(watches[1].arg, ev, yyjson_doc_get_root(d));
		yyjson_doc_free(d);
	}
}

static void a_service_has_many_endpoints_and_what_is_too_much_is_said(void **state)
{
	struct agent a = { .net = (struct net *)&told, .node_name = "n" };
	struct services *s;

	(void)state;
	assert_int_equal(services_open(&s, &a), 0);
	event(0, CLIENT_ADDED, SERVICE("a"));
	many_slices(CLIENT_ADDED, 0, 31);
	told[0] = 0;
	many_slices(CLIENT_ADDED, 31, 32);
	assert_string_equal(told, "d/a 64000;");
	assert_int_equal(complaints, 0);
	told[0] = 0;
	many_slices(CLIENT_ADDED, 32, 34);
	assert_string_equal(told, "d/a 65536;d/a 65536;");
	assert_int_equal(complaints, 1);
	told[0] = 0;
	many_slices(CLIENT_DELETED, 20, 24);
	assert_string_equal(told, "d/a 65536;d/a 64000;d/a 62000;d/a 60000;");
	services_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(slices_belong_to_their_services),
		cmocka_unit_test(a_service_has_many_endpoints_and_what_is_too_much_is_said),
		cmocka_unit_test(the_servers_of_the_cloud_are_learned_and_kept) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
