/* SPDX-License-Identifier: Apache-2.0 */
/* proxy - logs, exec and plain requests on their way to an agent and to a pod. */
#include "conn.h"

#define PODS "/api/v1/namespaces/default/pods"
#define MERGE "application/merge-patch+json"

static struct http_server *agent, *pod;
static struct http_raw *raw;
static struct buf seen;            /* what the other side was asked */
static bool raw_ended;

static void note(struct http_req *r)
{
	const char *h = http_header(r, "authorization"), *up = http_header(r, "upgrade"), *cn = NULL;
	const char *const *orgs = NULL;

	http_peer_cert(r, &cn, &orgs);
	buf_clear(&seen);
	buf_printf(&seen, "%s %s?%s auth=%s upgrade=%s peer=%s", http_method(r), http_path(r), http_query(r),
		h ? h : "-", up ? up : "-", cn ? cn : "-");
}

static void echo(void *arg, const void *p, size_t n)
{
	if (n)
		http_raw_write(raw, p, n);
	else
		http_raw_close(raw);
}

static void ended(void *arg)
{
	raw_ended = true;
}

static void serve(void *arg, struct http_req *r)
{
	static const struct http_raw_ops ops = { .data = echo, .closed = ended };

	note(r);
	if (http_header(r, "upgrade")) {
		http_set_header(r, "upgrade", "echo");
		raw = http_upgrade(r, &ops, NULL);
		assert_non_null(raw);
		return;
	}
	http_set_header(r, "content-type", "text/plain");
	http_stream_begin(r, 200);
	http_stream_writec(r, "first\n", 6);
	http_stream_writec(r, "second\n", 7);
	http_stream_end(r);
}

/* Keys of one CA: the agent's serving certificate, the server's own client certificate. */
static struct buf ca, ca_key, cert, key, client, client_key;

static void make_keys(void)
{
	static const char *const ips[] = { "127.0.0.1", NULL };
	struct pki_request q = { .cn = "ca", .ca = true, .now_s = call_now_s(), .valid_s = 3600 };

	assert_int_equal(pki_ec_key(&ca_key, NULL), 0);
	assert_int_equal(pki_ec_key(&key, NULL), 0);
	assert_int_equal(pki_ec_key(&client_key, NULL), 0);
	assert_int_equal(pki_issue(&ca, &q, ca_key.p, NULL, NULL, NULL), 0);
	q = (struct pki_request){ .cn = "agent", .ips = ips, .server = true, .now_s = q.now_s, .valid_s = 3600 };
	assert_int_equal(pki_issue(&cert, &q, key.p, ca.p, ca_key.p, NULL), 0);
	q = (struct pki_request){ .cn = "the-server", .client = true, .now_s = q.now_s, .valid_s = 3600 };
	assert_int_equal(pki_issue(&client, &q, client_key.p, ca.p, ca_key.p, NULL), 0);
}

static int open_fixture(void **state)
{
	struct api_config cfg = { 0 };
	struct http_config hc = { .listen = "127.0.0.1:0", .handler = serve };
	char body[512];

	make_keys();
	cfg.agent_ca_pem = ca.p;
	cfg.proxy_cert_pem = client.p;
	cfg.proxy_key_pem = client_key.p;
	conn_open(&cfg);
	assert_int_equal(http_server_open(&pod, f.loop, &hc, NULL), 0);
	hc.cert_pem = cert.p;
	hc.key_pem = key.p;
	hc.client_ca_pem = ca.p;
	hc.require_client_cert = true;
	assert_int_equal(http_server_open(&agent, f.loop, &hc, NULL), 0);
	assert_int_equal(fixture_call(&f, "POST", "/api/v1/namespaces/default/serviceaccounts", NULL, NULL, "{\"metadata\":{\"name\":\"default\"}}"), 201);
	assert_int_equal(fixture_call(&f, "POST", "/api/v1/nodes", NULL, NULL, "{\"metadata\":{\"name\":\"n1\"}}"), 201);
	snprintf(body, sizeof(body), "{\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"127.0.0.1\"}],\"daemonEndpoints\":"
		"{\"kubeletEndpoint\":{\"Port\":%u}}}}", http_server_port(agent));
	assert_int_equal(fixture_call(&f, "PATCH", "/api/v1/nodes/n1/status", NULL, MERGE, body), 200);
	assert_int_equal(fixture_call(&f, "POST", PODS, NULL, NULL, "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n1\","
		"\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}}"), 201);
	assert_int_equal(fixture_call(&f, "POST", PODS, NULL, NULL, "{\"metadata\":{\"name\":\"two\"},\"spec\":{"
		"\"containers\":[{\"name\":\"a\",\"image\":\"x\"},{\"name\":\"b\",\"image\":\"x\"}]}}"), 201);
	assert_int_equal(fixture_call(&f, "PATCH", PODS "/p/status", NULL, MERGE,
		"{\"status\":{\"podIP\":\"127.0.0.1\",\"podIPs\":[{\"ip\":\"127.0.0.1\"}]}}"), 200);
	return 0;
}

static int close_fixture(void **state)
{
	http_server_close(agent);
	http_server_close(pod);
	conn_close();
	buf_finish(&seen);
	buf_finish(&ca);
	buf_finish(&ca_key);
	buf_finish(&cert);
	buf_finish(&key);
	buf_finish(&client);
	buf_finish(&client_key);
	return 0;
}

static void logs_come_from_the_agent(void **state)
{
	struct conn c;

	ask(&c, "GET", PODS "/p/log?follow=true", ROOT);
	wait_for(&c, "HTTP/1.1 200");
	wait_for(&c, "first\n");
	wait_for(&c, "second\n");
	assert_string_equal(seen.p, "GET /containerLogs/default/p/c?follow=true auth=- upgrade=- peer=the-server");
	hang_up(&c);
}

static void exec_is_a_tunnel(void **state)
{
	struct conn c;

	ask(&c, "GET", PODS "/p/exec?command=ls&stdout=true&stdin=1&container=c", ROOT "connection: Upgrade\r\nupgrade: echo\r\n");
	wait_for(&c, "HTTP/1.1 101");
	assert_string_equal(seen.p, "GET /exec/default/p/c?command=ls&output=1&input=1 auth=- upgrade=echo peer=the-server");
	assert_int_equal(write(c.fd, "there and back", 14), 14);
	wait_for(&c, "there and back");
	hang_up(&c);
	for (int i = 0; i < 200 && !raw_ended; i++)
		loop_turn(f.loop, 10);
	assert_true(raw_ended);
}

static void pods_are_reached_by_port(void **state)
{
	struct conn c;
	char path[128];

	snprintf(path, sizeof(path), PODS "/p:%u/proxy/a/b%%20c?x=y", http_server_port(pod));
	ask(&c, "GET", path, ROOT);
	wait_for(&c, "second\n");
	assert_string_equal(seen.p, "GET /a/b%20c?x=y auth=- upgrade=- peer=-");
	hang_up(&c);
}

static void what_cannot_be_reached_is_said(void **state)
{
	static const struct { const char *path, *headers, *says; } rows[] = {
		{ PODS "/none/log", "", "pods \\\"none\\\" not found" },
		{ PODS "/two/log", "", "a container name must be specified for pod two, choose one of: [a b]" },
		{ PODS "/p/log?container=z", "", "container z is not valid for pod p" },
		{ PODS "/two/exec?container=a", "connection: Upgrade\r\nupgrade: echo\r\n", "pod two does not have a host assigned" },
		{ PODS "/p/exec", "", "Upgrade request required" },
		{ PODS "/p:1/proxy/", "", "error dialing backend" },
		{ "/api/v1/namespaces/default/services/kubernetes:99/proxy/", "", "no endpoints available for service \\\"kubernetes:99\\\"" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conn c;
		BUF_AUTO struct buf h = { 0 };

		buf_printf(&h, ROOT "%s", rows[i].headers);
		ask(&c, "GET", rows[i].path, h.p);
		wait_for(&c, rows[i].says);
		hang_up(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs_come_from_the_agent),
		cmocka_unit_test(exec_is_a_tunnel),
		cmocka_unit_test(pods_are_reached_by_port),
		cmocka_unit_test(what_cannot_be_reached_is_said),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
