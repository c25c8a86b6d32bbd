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

#define client_watch(...) watch_fake(__VA_ARGS__)
#define client_watch_close(...) watch_close_fake(__VA_ARGS__)
#define net_service_set(...) set_fake(__VA_ARGS__)
#define net_sync(...) sync_fake(__VA_ARGS__)
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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(slices_belong_to_their_services) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
