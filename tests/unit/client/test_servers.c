/* SPDX-License-Identifier: Apache-2.0 */
/* A client that knows several servers: whom it asks, what it asks again, and what never. The
 * servers are plain ones on loopback that count what they were asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "base/loop.h"
#include "client/client.h"
#include "http/http.h"

#define SERVERS 3

enum how { GONE, GOOD, STOPPING, BROKEN, BUSY, CUTS, SILENT, CUTS_THE_SECOND, UNKNOWN_USER, READS_ONLY, ENDS, EXPIRES, PAGE };

static struct server {
	struct http_server *http;
	enum how how;
	unsigned asked, watches, port;
	char query[300];               /* of the last watch */
	struct http_req *stream;
} servers[SERVERS];
static struct loop *loop;
static struct client_reply got;
static int answers;

static void gone(void *ctx)
{
	((struct server *)ctx)->stream = NULL;
}

static void line(struct http_req *r, const char *type, const char *name, int rev)
{
	char text[200];

	snprintf(text, sizeof(text), "{\"type\":\"%s\",\"object\":{\"metadata\":{\"name\":\"%s\",\"resourceVersion\":\"%d\"}}}\n", type,
		name, rev);
	http_stream_writec(r, text, strlen(text));
}

static void has_body(void *arg, struct http_req *r, int rc, const char *p, size_t n)
{
	static const char list[] = "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"3\"}}]}";
	struct server *s = arg;
	bool watch = strstr(http_query(r), "watch=true"), ready = !strcmp(http_path(r), "/readyz");

	s->asked++;
	s->watches += watch;
	if (s->how == STOPPING || s->how == BUSY || s->how == READS_ONLY)
		http_set_header(r, "retry-after", "1");
	if (s->how == CUTS || (s->how == CUTS_THE_SECOND && s->asked == 2))
		http_abort(r);
	else if (s->how == STOPPING || s->how == BROKEN || (s->how == READS_ONLY && (ready || strcmp(http_method(r), "GET"))))
		http_reply(r, 503, "{}", 2);
	else if (s->how == UNKNOWN_USER)
		http_reply(r, 401, "{}", 2);
	else if (s->how == EXPIRES && watch)
		http_reply(r, 410, "{}", 2);
	else if (s->how == PAGE && watch)
		http_reply(r, 502, "<p>\nno\n", 7);
	else if (s->how == BUSY)
		http_reply(r, 429, "{}", 2);
	else if (s->how == ENDS && watch) {
		http_stream_begin(r, 200);
		http_stream_end(r);
	} else if (watch) {
		snprintf(s->query, sizeof(s->query), "%s", http_query(r));
		s->stream = r;
		http_set_context(r, s, gone);
		http_stream_begin(r, 200);
	} else if (s->how != SILENT)
		http_reply(r, 200, list, sizeof(list) - 1);
}

static void handle(void *arg, struct http_req *r)
{
	http_read_body(r, 1000, has_body, arg);
}

static void serve(unsigned i, enum how how)
{
	struct server *s = &servers[i];
	struct http_config cfg = { .listen = "127.0.0.1:0", .handler = handle, .arg = s };

	s->how = how;
	s->asked = s->watches = 0;
	s->query[0] = 0;
	assert_int_equal(http_server_open(&s->http, loop, &cfg, NULL), 0);
	s->port = http_server_port(s->http);
	if (how == GONE) {
		http_server_close(s->http);
		s->http = NULL;
	}
}

static const char *url(unsigned i)
{
	static char text[SERVERS][60];

	snprintf(text[i], sizeof(text[i]), "http://127.0.0.1:%u", servers[i].port);
	return text[i];
}

static struct client *connect_to(unsigned n)
{
	const char *more[] = { n > 1 ? url(1) : NULL, n > 2 ? url(2) : NULL, NULL };
	struct client_config cfg = { .server = url(0), .more = more };
	struct client *c;
	struct err e = { 0 };

	assert_int_equal(client_open_remote(&c, loop, &cfg, &e), 0);
	return c;
}

static void leave(struct client *c)
{
	client_close(c);
	for (unsigned i = 0; i < SERVERS; i++) {
		http_server_close(servers[i].http);
		servers[i].http = NULL;
	}
}

static void answered(void *arg, const struct client_reply *r)
{
	got = *r;
	answers++;
}

static void call(struct client *c, const char *method, int64_t timeout_ms)
{
	struct client_req q = { .method = method, .path = "/api/v1/x", .body = strcmp(method, "GET") ? "{}" : NULL,
		.body_len = strcmp(method, "GET") ? 2 : 0, .timeout_ms = timeout_ms };

	answers = 0;
	assert_int_equal(client_call(c, &q, answered, NULL), 0);
	for (int i = 0; i < 1000 && !answers; i++)
		loop_turn(loop, 10);
	assert_int_equal(answers, 1);
}

#define SHORT 900                      /* of which a server that others stand in for gets a third, */
#define LONG  3000                     /* the next one of three a third of the rest */
static const struct {
	const char *name, *method;
	enum how how[SERVERS];
	int64_t timeout_ms;
	int rc;
	unsigned asked[SERVERS];
} calls[] = {
	{ "the first is good", "GET", { GOOD, GOOD, GOOD }, 0, 0, { 1, 0, 0 } },
	{ "the first is not there", "GET", { GONE, GOOD, GOOD }, 0, 0, { 0, 1, 0 } },
	{ "a POST that was not sent goes elsewhere", "POST", { GONE, GONE, GOOD }, 0, 0, { 0, 0, 1 } },
	{ "nobody is there", "GET", { GONE, GONE, GONE }, 0, -ERR_UNAVAILABLE, { 0 } },
	{ "one that stops", "GET", { STOPPING, GOOD, GOOD }, 0, 0, { 1, 1, 0 } },
	{ "a POST refused by one that stops goes elsewhere", "POST", { STOPPING, GOOD, GOOD }, 0, 0, { 1, 1, 0 } },
	{ "all stop: each is asked once", "PUT", { STOPPING, STOPPING, STOPPING }, 0, -ERR_UNAVAILABLE, { 1, 1, 1 } },
	{ "a 503 without a time to come back is an answer", "GET", { BROKEN, GOOD, GOOD }, 0, -ERR_UNAVAILABLE, { 1, 0, 0 } },
	{ "a busy one is left to the caller", "GET", { BUSY, GOOD, GOOD }, 0, -ERR_FULL, { 1, 0, 0 } },
	{ "cut off: what may be done twice is asked again", "PUT", { CUTS, GOOD, GOOD }, 0, 0, { 1, 1, 0 } },
	{ "cut off: a POST is not", "POST", { CUTS, GOOD, GOOD }, 0, -ERR_UNAVAILABLE, { 1, 0, 0 } },
	{ "one that does not know us is not believed alone", "POST", { UNKNOWN_USER, GOOD, GOOD }, 0, 0, { 1, 1, 0 } },
	{ "nobody knows us", "PUT", { UNKNOWN_USER, UNKNOWN_USER, UNKNOWN_USER }, 0, -ERR_UNAUTHORIZED, { 1, 1, 1 } },
	{ "refused, unknown and not there", "PUT", { STOPPING, GONE, GOOD }, 0, 0, { 1, 0, 1 } },
	{ "a silent one gets a part of the time", "GET", { SILENT, GOOD, GOOD }, LONG, 0, { 1, 1, 0 } },
	{ "a POST to a silent one is not repeated", "POST", { SILENT, GOOD, GOOD }, SHORT, -ERR_UNAVAILABLE, { 1, 0, 0 } },
};

static void calls_find_a_server(void **state)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct client *c;

		for (unsigned s = 0; s < SERVERS; s++)
			serve(s, calls[i].how[s]);
		c = connect_to(SERVERS);
		call(c, calls[i].method, calls[i].timeout_ms);
		if (got.rc != calls[i].rc)
			fail_msg("%s: %d", calls[i].name, got.rc);
		for (unsigned s = 0; s < SERVERS; s++)
			if (servers[s].asked != calls[i].asked[s])
				fail_msg("%s: server %u was asked %u times", calls[i].name, s, servers[s].asked);
		leave(c);
	}
}

static void a_url_that_is_too_long_is_refused(void **state)
{
	char url[CLIENT_SERVER_MAX + 1];
	struct client_config cfg = { .server = url };
	struct client *c = NULL;
	struct err e = { 0 };

	memset(url, 'a', sizeof(url));
	memcpy(url, "https://", 8);
	url[CLIENT_SERVER_MAX] = 0;
	assert_int_equal(client_open_remote(&c, loop, &cfg, &e), -ERR_BAD_REQUEST);
	assert_non_null(strstr(e.msg, "longer than 319 bytes"));
	url[CLIENT_SERVER_MAX - 1] = 0;
	assert_int_equal(client_open_remote(&c, loop, &cfg, &e), 0);
	assert_string_equal(client_server(c), url);
	client_close(c);
}

static void a_good_one_is_kept(void **state)
{
	struct client *c;

	serve(0, GONE);
	serve(1, GOOD);
	serve(2, GOOD);
	c = connect_to(SERVERS);
	for (int i = 0; i < 5; i++)
		call(c, "GET", 0);
	assert_int_equal(servers[1].asked, 5);
	assert_string_equal(client_server(c), url(1));
	leave(c);
}

/* libcurl alone would send it again over a new connection. */
static void a_post_over_a_kept_connection_is_sent_once(void **state)
{
	struct client *c;

	serve(0, CUTS_THE_SECOND);
	c = connect_to(1);
	call(c, "POST", 0);
	assert_int_equal(got.rc, 0);
	call(c, "POST", 0);
	assert_int_equal(got.rc, -ERR_UNAVAILABLE);
	assert_int_equal(servers[0].asked, 2);
	call(c, "POST", 0);
	assert_int_equal(got.rc, 0);
	leave(c);
}

static char seen[200];

static void event(void *arg, enum client_event ev, yyjson_val *obj)
{
	static const char *const names[] = { "+", "~", "-", "synced" };
	yyjson_val *name = yyjson_obj_get(yyjson_obj_get(obj, "metadata"), "name");

	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s%s ", names[ev], name ? yyjson_get_str(name) : "");
}

static void turn_until(const char *text, const char *in)
{
	for (int i = 0; i < 500 && !strstr(in, text); i++)
		loop_turn(loop, 10);
	if (!strstr(in, text))
		fail_msg("no %s in %s", text, in);
}

static void a_watch_goes_on_elsewhere(void **state)
{
	struct client_watch *w;
	struct client *c;

	serve(0, GOOD);
	serve(1, GOOD);
	c = connect_to(2);
	seen[0] = 0;
	assert_int_equal(client_watch(&w, c, kinds_by_resource("", "v1", "nodes"), NULL, NULL, event, NULL), 0);
	turn_until("resourceVersion=5&", servers[0].query);
	line(servers[0].stream, "ADDED", "b", 7);
	turn_until("+b", seen);
	/* Its server is cut off. */
	http_server_close(servers[0].http);
	servers[0].http = NULL;
	turn_until("resourceVersion=7&", servers[1].query);
	line(servers[1].stream, "MODIFIED", "a", 8);
	turn_until("~a", seen);
	assert_string_equal(seen, "+a synced +b ~a ");
	client_watch_close(w);
	leave(c);
}

/* What one call finds out moves the watches that hang at the same server. */
static void a_watch_leaves_a_silent_server_with_the_calls(void **state)
{
	struct client_watch *w;
	struct client *c;

	serve(0, GOOD);
	serve(1, GOOD);
	c = connect_to(2);
	seen[0] = 0;
	assert_int_equal(client_watch(&w, c, kinds_by_resource("", "v1", "nodes"), NULL, NULL, event, NULL), 0);
	turn_until("resourceVersion=5&", servers[0].query);
	servers[0].how = SILENT;
	call(c, "GET", SHORT);
	assert_int_equal(got.rc, 0);
	turn_until("resourceVersion=5&", servers[1].query);
	assert_string_equal(seen, "+a synced ");
	client_watch_close(w);
	leave(c);
}

static void turn_for(int64_t ms)
{
	int64_t end = env_now_ms() + ms;

	while (env_now_ms() < end)
		loop_turn(loop, 10);
}

static void count_synced(void *arg, enum client_event ev, yyjson_val *obj)
{
	(void)obj;
	*(unsigned *)arg += ev == CLIENT_SYNCED;
}

static void recovered(void *arg)
{
	++*(unsigned *)arg;
}

#define CLIENTS 8
#define EACH    6

/* Many clients, none of whom is served for a while: what they ask is bounded, and soon after it is over all have
 * what they want. */
static void nobody_stampedes_while_all_servers_refuse(void **state)
{
	struct client_watch *w[CLIENTS][EACH];
	struct client *c[CLIENTS];
	unsigned synced = 0, well = 0, asked;
	int64_t since;

	serve(0, STOPPING);
	serve(1, STOPPING);
	for (unsigned i = 0; i < CLIENTS; i++) {
		c[i] = connect_to(2);
		client_on_well(c[i], recovered, &well);
		for (unsigned k = 0; k < EACH; k++)
			assert_int_equal(client_watch(&w[i][k], c[i], kinds_by_resource("", "v1", "nodes"), NULL, NULL, count_synced,
				&synced), 0);
	}
	turn_for(3500);                /* the first tries are over */
	asked = servers[0].asked + servers[1].asked;
	turn_for(4000);
	asked = servers[0].asked + servers[1].asked - asked;
	if (asked > CLIENTS * 4 * 2 + CLIENTS * EACH)
		fail_msg("%u requests in 4 s", asked);
	assert_int_equal(synced, 0);
	servers[0].how = servers[1].how = GOOD;
	since = env_now_ms();
	while (synced < CLIENTS * EACH && env_now_ms() - since < 6000)
		loop_turn(loop, 10);
	if (env_now_ms() - since > 3500)
		fail_msg("converged after %d ms: %u", (int)(env_now_ms() - since), synced);
	assert_int_equal(well, CLIENTS);
	for (unsigned i = 0; i < CLIENTS; i++) {
		for (unsigned k = 0; k < EACH; k++)
			client_watch_close(w[i][k]);
		client_close(c[i]);
	}
	leave(NULL);
}

static void a_watch_that_lives_stays_while_no_server_writes(void **state)
{
	struct client_watch *w;
	struct client *c;

	serve(0, READS_ONLY);
	serve(1, READS_ONLY);
	c = connect_to(2);
	seen[0] = 0;
	assert_int_equal(client_watch(&w, c, kinds_by_resource("", "v1", "nodes"), NULL, NULL, event, NULL), 0);
	turn_until("resourceVersion=5&", servers[0].query);
	call(c, "PUT", 0);
	assert_int_equal(got.rc, -ERR_UNAVAILABLE);
	/* Known by now: one server is asked, not both. */
	servers[0].asked = servers[1].asked = 0;
	call(c, "PUT", 0);
	assert_int_equal(servers[0].asked + servers[1].asked, 1);
	turn_for(3000);
	servers[0].how = servers[1].how = GOOD;
	turn_for(3000);
	assert_int_equal(servers[0].watches + servers[1].watches, 1);
	call(c, "PUT", 0);
	assert_int_equal(got.rc, 0);
	client_watch_close(w);
	leave(c);
}

static void a_watch_leaves_a_server_that_is_worse_than_another(void **state)
{
	struct client_watch *w;
	struct client *c;

	serve(0, READS_ONLY);
	serve(1, GOOD);
	c = connect_to(2);
	seen[0] = 0;
	assert_int_equal(client_watch(&w, c, kinds_by_resource("", "v1", "nodes"), NULL, NULL, event, NULL), 0);
	turn_until("resourceVersion=5&", servers[0].query);
	call(c, "PUT", 0);
	assert_int_equal(got.rc, 0);
	assert_string_equal(client_server(c), url(1));
	for (int i = 0; i < 600 && !servers[1].watches; i++)
		loop_turn(loop, 10);
	turn_until("resourceVersion=5&", servers[1].query);
	assert_string_equal(seen, "+a synced ");
	client_watch_close(w);
	leave(c);
}

static void a_refused_watch_finds_a_server(void **state)
{
	struct client_watch *w;
	struct client *c;

	serve(0, STOPPING);
	serve(1, STOPPING);
	serve(2, GOOD);
	c = connect_to(3);
	seen[0] = 0;
	assert_int_equal(client_watch(&w, c, kinds_by_resource("", "v1", "nodes"), NULL, NULL, event, NULL), 0);
	turn_until("synced", seen);
	assert_string_equal(client_server(c), url(2));
	client_watch_close(w);
	leave(c);
}

static void a_watch_that_fails_at_once_is_not_hurried(void **state)
{
	static const enum how bad[] = { ENDS, EXPIRES };

	for (unsigned i = 0; i < 2; i++) {
		struct client_watch *w;
		struct client *c;

		serve(0, bad[i]);
		c = connect_to(1);
		seen[0] = 0;
		assert_int_equal(client_watch(&w, c, kinds_by_resource("", "v1", "nodes"), NULL, NULL, event, NULL), 0);
		turn_for(4000);
		if (servers[0].watches < 2 || servers[0].watches > 6)
			fail_msg("%u watches in 4 s", servers[0].watches);
		client_watch_close(w);
		leave(c);
	}
}

/* What a proxy says in place of a server is no event: nothing is listed anew for it. */
static void a_page_in_place_of_a_watch_lists_nothing(void **state)
{
	struct client_watch *w;
	struct client *c;

	serve(0, PAGE);
	c = connect_to(1);
	seen[0] = 0;
	assert_int_equal(client_watch(&w, c, kinds_by_resource("", "v1", "nodes"), NULL, NULL, event, NULL), 0);
	turn_for(3000);
	assert_in_range(servers[0].watches, 2, 6);
	assert_int_equal(servers[0].asked - servers[0].watches, 1);
	client_watch_close(w);
	leave(c);
}

static void after_all_were_unreached_the_one_that_speaks_is_used(void **state)
{
	struct client *c;

	serve(0, CUTS);
	serve(1, CUTS);
	c = connect_to(2);
	call(c, "PUT", 0);
	assert_int_equal(got.rc, -ERR_UNAVAILABLE);
	assert_string_equal(client_server(c), url(0));
	servers[1].how = GOOD;
	turn_for(6000);
	assert_string_equal(client_server(c), url(1));
	servers[0].asked = 0;
	call(c, "POST", 0);
	assert_int_equal(got.rc, 0);
	assert_int_equal(servers[0].asked, 0);
	leave(c);
}

/* It accepts and says nothing, not even who it is. */
static void a_handshake_that_hangs_is_given_up(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char silent[60];
	const char *more[] = { NULL, NULL };
	struct client_config cfg = { .server = silent, .more = more };
	struct client *c;
	int64_t since = env_now_ms();

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(silent, sizeof(silent), "https://127.0.0.1:%u", ntohs(at.sin_port));
	serve(1, GOOD);
	more[0] = url(1);
	assert_int_equal(client_open_remote(&c, loop, &cfg, NULL), 0);
	call(c, "POST", 0);
	assert_int_equal(got.rc, 0);
	assert_in_range(env_now_ms() - since, 2500, 5000);
	assert_string_equal(client_server(c), url(1));
	close(fd);
	leave(c);
}

static void servers_are_learned(void **state)
{
	const char *both[3] = { 0 }, *one[2] = { 0 };
	struct client *c;

	serve(0, GONE);
	serve(1, GOOD);
	serve(2, GOOD);
	c = connect_to(1);
	call(c, "GET", 0);
	assert_int_equal(got.rc, -ERR_UNAVAILABLE);
	both[0] = url(1);
	both[1] = url(2);
	assert_int_equal(client_learn(c, both), 0);
	call(c, "GET", 0);
	assert_int_equal(got.rc, 0);
	/* The one in use is taken out: the others are used, its own first. */
	one[0] = url(servers[1].asked ? 2 : 1);
	assert_int_equal(client_learn(c, one), 0);
	assert_string_equal(client_server(c), url(0));
	call(c, "GET", 0);
	assert_string_equal(client_server(c), one[0]);
	leave(c);
}

static void a_kubeconfig_names_several_servers(void **state)
{
	static const char text[] = "current-context: two\nclusters:\n"
		"- {name: one, cluster: {server: 'https://10.0.0.1:6443', certificate-authority-data: QQ==}}\n"
		"- {name: two, cluster: {server: 'https://10.0.0.2:6443/', certificate-authority-data: QQ==}}\n"
		"- {name: other, cluster: {server: 'https://10.0.0.3:6443', certificate-authority-data: Qg==}}\n"
		"- {name: open, cluster: {server: 'https://10.0.0.4:6443'}}\n"
		"contexts:\n- {name: two, context: {cluster: two, user: u}}\nusers:\n- {name: u, user: {token: t}}\n";
	char path[] = "/tmp/sampan-test-XXXXXX";
	struct client *c;
	struct err e = { 0 };
	int fd = mkstemp(path);
	const char *none[] = { NULL };

	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	assert_int_equal(client_open_kubeconfig(&c, loop, path, NULL, &e), 0);
	assert_string_equal(client_server(c), "https://10.0.0.2:6443");
	assert_int_equal(client_learn(c, none), 0);
	assert_string_equal(client_server(c), "https://10.0.0.2:6443");
	client_close(c);
	unlink(path);
}

static void a_kubeconfig_has_a_context_for_each_server(void **state)
{
	const char *more[] = { "https://10.0.0.2:6443", NULL };
	BUF_AUTO struct buf b = { 0 };

	client_kubeconfig_text(&b, &(struct client_config){ .server = "https://10.0.0.1:6443", .more = more, .ca_pem = "A",
		.cert_pem = "B", .key_pem = "C" }, "admin");
	assert_string_equal(b.p, "apiVersion: v1\nkind: Config\nclusters:\n"
		"- name: sampan\n  cluster:\n    server: https://10.0.0.1:6443\n    certificate-authority-data: QQ==\n"
		"- name: sampan-2\n  cluster:\n    server: https://10.0.0.2:6443\n    certificate-authority-data: QQ==\n"
		"users:\n- name: admin\n  user:\n    client-certificate-data: Qg==\n    client-key-data: Qw==\n"
		"contexts:\n- name: sampan\n  context:\n    cluster: sampan\n    user: admin\n"
		"- name: sampan-2\n  context:\n    cluster: sampan-2\n    user: admin\ncurrent-context: sampan\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_find_a_server),
		cmocka_unit_test(a_url_that_is_too_long_is_refused),
		cmocka_unit_test(a_good_one_is_kept),
		cmocka_unit_test(a_post_over_a_kept_connection_is_sent_once),
		cmocka_unit_test(a_watch_goes_on_elsewhere),
		cmocka_unit_test(a_watch_leaves_a_silent_server_with_the_calls),
		cmocka_unit_test(nobody_stampedes_while_all_servers_refuse),
		cmocka_unit_test(a_watch_that_lives_stays_while_no_server_writes),
		cmocka_unit_test(a_watch_leaves_a_server_that_is_worse_than_another),
		cmocka_unit_test(a_refused_watch_finds_a_server),
		cmocka_unit_test(a_watch_that_fails_at_once_is_not_hurried),
		cmocka_unit_test(a_page_in_place_of_a_watch_lists_nothing),
		cmocka_unit_test(after_all_were_unreached_the_one_that_speaks_is_used),
		cmocka_unit_test(a_handshake_that_hangs_is_given_up),
		cmocka_unit_test(servers_are_learned),
		cmocka_unit_test(a_kubeconfig_names_several_servers),
		cmocka_unit_test(a_kubeconfig_has_a_context_for_each_server),
	};

	if (loop_open(&loop))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	loop_close(loop);
	return failed;
}
