/* SPDX-License-Identifier: Apache-2.0 */
/* What the cluster DNS answers, question by question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <ldns/ldns.h>

#include "net/dns.h"
#include "net/net_priv.h"

#define EP(a, h, r) { .ip = a, .hostname = h, .port_name = "http", .port = 8080, .ready = r }

static const char *const web_ips[] = { "10.96.0.5", "fd00::5", NULL }, *const none[] = { NULL };
static const struct net_port ports[] = { { "http", "TCP", 80, 0 }, { "dns", "UDP", 53, 0 } };
static const struct net_endpoint db_eps[] = { EP("10.244.0.2", "db-0", true), EP("10.244.0.3", "db-1", true),
	EP("10.244.0.4", "db-2", false), EP("10.244.0.7", "", true) };
/* Each address once a port, as endpoint slices have them. */
static const struct net_endpoint two_ports[] = { { "10.244.0.9", "a", "http", 80, true, true },
	{ "10.244.0.9", "a", "dns", 53, true, true }, { "10.244.0.10", "", "http", 80, true, true },
	{ "10.244.0.10", "", "dns", 53, true, true } };
static struct net_endpoint many_eps[200];
static char many_ips[200][16];
static struct net_service services[] = {
	{ .ns = "default", .name = "web", .ips = web_ips, .ports = ports, .port_count = 2 },
	{ .ns = "default", .name = "db", .ips = none, .ports = ports, .port_count = 1, .eps = db_eps, .ep_count = 4 },
	{ .ns = "default", .name = "out", .ips = none, .external_name = "Example.com" },
	{ .ns = "default", .name = "alias", .ips = none, .external_name = "web.default.svc.cluster.local." },
	{ .ns = "default", .name = "loop", .ips = none, .external_name = "loop.default.svc.cluster.local" },
	{ .ns = "default", .name = "many", .ips = none, .ports = ports, .port_count = 1, .eps = many_eps, .ep_count = 200 },
	{ .ns = "default", .name = "ports", .ips = none, .ports = ports, .port_count = 2, .eps = two_ports, .ep_count = 4 },
	{ .ns = "shop", .name = "late", .ips = none, .eps = db_eps, .ep_count = 4, .publish_not_ready = true },
};

static struct net_service *copies[sizeof(services) / sizeof(*services)];

static const struct net_service *find(const void *arg, const char *ns, const char *name)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++)
		if (!strcmp(services[i].ns, ns) && !strcmp(services[i].name, name))
			return &services[i];
	return NULL;
}

static const struct net_service *by_ip(const void *arg, const char *ip)
{
	return !strcmp(ip, "10.96.0.5") || !strcmp(ip, "fd00::5") ? &services[0] : !strcmp(ip, "10.244.0.3") ? &services[1] : NULL;
}

static bool has_ns(const void *arg, const char *ns)
{
	return !strcmp(ns, "default") || !strcmp(ns, "shop");
}

static const struct dns_zone zone = { "cluster.local", find, by_ip, has_ns, NULL };

#define SVC ".default.svc.cluster.local."
static const struct {
	const char *name, *type, *want;   /* the answers' last parts joined; or the RCODE; or "" for none of the type */
} cases[] = {
	{ "web" SVC, "A", "10.96.0.5" },
	{ "WEB.Default.SVC.cluster.LOCAL.", "A", "10.96.0.5" },
	{ "web" SVC, "AAAA", "fd00::5" },
	{ "web" SVC, "MX", "" },
	{ "web" SVC, "SRV", "0 100 80 web" SVC " 0 100 53 web" SVC },
	{ "_http._tcp.web" SVC, "SRV", "0 100 80 web" SVC },
	{ "_dns._udp.web" SVC, "SRV", "0 100 53 web" SVC },
	{ "_http._udp.web" SVC, "SRV", "NXDOMAIN" },
	{ "_http._tcp.web" SVC, "A", "" },
	{ "nothing" SVC, "A", "NXDOMAIN" },
	{ "web.elsewhere.svc.cluster.local.", "A", "NXDOMAIN" },
	{ "db" SVC, "A", "10.244.0.2 10.244.0.3 10.244.0.7" },
	{ "db" SVC, "AAAA", "" },
	{ "db-1.db" SVC, "A", "10.244.0.3" },
	{ "db-2.db" SVC, "A", "NXDOMAIN" },
	{ "10-244-0-7.db" SVC, "A", "10.244.0.7" },
	{ "db-9.db" SVC, "A", "NXDOMAIN" },
	{ "_http._tcp.db" SVC, "SRV", "0 100 8080 db-0.db" SVC " 0 100 8080 db-1.db" SVC " 0 100 8080 10-244-0-7.db" SVC },
	{ "ports" SVC, "A", "10.244.0.9 10.244.0.10" },
	{ "a.ports" SVC, "A", "10.244.0.9" },
	{ "_http._tcp.ports" SVC, "SRV", "0 100 80 a.ports" SVC " 0 100 80 10-244-0-10.ports" SVC },
	{ "late.shop.svc.cluster.local.", "A", "10.244.0.2 10.244.0.3 10.244.0.4 10.244.0.7" },
	{ "out" SVC, "CNAME", "Example.com." },
	{ "alias" SVC, "A", "web" SVC " 10.96.0.5" },
	{ "10-244-0-9.default.pod.cluster.local.", "A", "10.244.0.9" },
	{ "10-244-0-999.default.pod.cluster.local.", "A", "NXDOMAIN" },
	{ "cluster.local.", "A", "" },
	{ "cluster.local.", "SOA", "ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5" },
	{ "svc.cluster.local.", "A", "" },
	{ "default.svc.cluster.local.", "A", "" },
	{ "nowhere.svc.cluster.local.", "A", "NXDOMAIN" },
	{ "x.cluster.local.", "A", "NXDOMAIN" },
	{ "a.b.c.d.e.f.g.h.cluster.local.", "A", "NXDOMAIN" },
	{ "dns-version.cluster.local.", "TXT", "\"1.1.0\"" },
	{ "5.0.96.10.in-addr.arpa.", "PTR", "web" SVC },
	{ "3.0.244.10.in-addr.arpa.", "PTR", "db-1.db" SVC },
	{ "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.", "PTR", "web" SVC },
	{ "5.0.96.10.in-addr.arpa.", "A", "" },
	{ "9.9.9.9.in-addr.arpa.", "PTR", "FORWARD" },
	{ "example.com.", "A", "FORWARD" },
	{ "xcluster.local.", "A", "FORWARD" },
	{ "out" SVC, "A", "CHASE example.com." },
	{ "web" SVC, "AXFR", "REFUSED" },
};

static size_t make_query(uint8_t out[512], const char *name, const char *type, unsigned edns)
{
	ldns_pkt *q = ldns_pkt_query_new(ldns_dname_new_frm_str(name), ldns_get_rr_type_by_name(type), LDNS_RR_CLASS_IN, LDNS_RD);
	uint8_t *wire;
	size_t n;

	ldns_pkt_set_id(q, 0);
	if (edns)
		ldns_pkt_set_edns_udp_size(q, (uint16_t)edns);
	assert_int_equal(ldns_pkt2wire(&wire, q, &n), LDNS_STATUS_OK);
	memcpy(out, wire, n);
	free(wire);
	ldns_pkt_free(q);
	return n;
}

static ldns_pkt *parse(const struct buf *b)
{
	ldns_pkt *p = NULL;

	assert_int_equal(ldns_wire2pkt(&p, (const uint8_t *)b->p, b->len), LDNS_STATUS_OK);
	assert_true(ldns_pkt_qr(p));
	return p;
}

/* The records' data, joined by spaces. */
static char *texts(const ldns_rr_list *l)
{
	struct buf b = { 0 };

	buf_adds(&b, "");
	for (size_t i = 0; i < ldns_rr_list_rr_count(l); i++)
		for (size_t k = 0; k < ldns_rr_rd_count(ldns_rr_list_rr(l, i)); k++) {
			char *s = ldns_rdf2str(ldns_rr_rdf(ldns_rr_list_rr(l, i), k));

			buf_printf(&b, "%s%s", b.len ? " " : "", s);
			free(s);
		}
	return buf_take(&b, NULL);
}

static void test_names(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t q[512];
		size_t n = make_query(q, cases[i].name, cases[i].type, 1232);
		struct buf out = { 0 };
		char target[DNS_NAME_MAX], *got;
		enum dns_verdict v = dns_answer(&zone, q, n, false, &out, target);
		ldns_pkt *p;

		print_message("%s %s\n", cases[i].name, cases[i].type);
		if (!strcmp(cases[i].want, "FORWARD")) {
			assert_int_equal(v, DNS_FORWARD);
			continue;
		}
		if (!strncmp(cases[i].want, "CHASE ", 6)) {
			assert_int_equal(v, DNS_CHASE);
			assert_string_equal(target, cases[i].want + 6);
			buf_finish(&out);
			continue;
		}
		assert_int_equal(v, DNS_ANSWER);
		p = parse(&out);
		got = texts(ldns_pkt_answer(p));
		if (!strcmp(cases[i].want, "NXDOMAIN")) {
			assert_int_equal(ldns_pkt_get_rcode(p), LDNS_RCODE_NXDOMAIN);
		} else if (!strcmp(cases[i].want, "REFUSED")) {
			assert_int_equal(ldns_pkt_get_rcode(p), LDNS_RCODE_REFUSED);
		} else {
			assert_int_equal(ldns_pkt_get_rcode(p), LDNS_RCODE_NOERROR);
			assert_string_equal(got ? got : "", cases[i].want);
		}
		if (strcmp(cases[i].want, "REFUSED")) {
			assert_true(ldns_pkt_aa(p));
			/* Nothing to say is said with the zone's SOA. */
			assert_int_equal(ldns_pkt_nscount(p), ldns_pkt_ancount(p) ? 0 : 1);
		}
		free(got);
		ldns_pkt_free(p);
		buf_finish(&out);
	}
}

static void test_the_first_address_differs(void **state)
{
	uint8_t q[512];
	size_t n = make_query(q, "db" SVC, "A", 0);
	struct buf out = { 0 };
	char target[DNS_NAME_MAX], *got;
	ldns_pkt *p;

	q[1] = 1;
	dns_answer(&zone, q, n, false, &out, target);
	p = parse(&out);
	got = texts(ldns_pkt_answer(p));
	assert_string_equal(got, "10.244.0.3 10.244.0.7 10.244.0.2");
	free(got);
	ldns_pkt_free(p);
	buf_finish(&out);
}

static void test_large_answers_are_cut_or_whole(void **state)
{
	static const struct { unsigned edns; bool tcp; size_t max; } sizes[] = { { 0, false, 512 }, { 1232, false, 1232 },
		{ 60000, false, DNS_UDP_MAX }, { 0, true, 65535 } };

	for (size_t i = 0; i < 4; i++) {
		uint8_t q[512];
		size_t n = make_query(q, "many" SVC, "A", sizes[i].edns);
		struct buf out = { 0 };
		char target[DNS_NAME_MAX];
		ldns_pkt *p;

		assert_int_equal(dns_answer(&zone, q, n, sizes[i].tcp, &out, target), DNS_ANSWER);
		assert_true(out.len <= sizes[i].max);
		p = parse(&out);
		assert_int_equal(ldns_pkt_tc(p), !sizes[i].tcp);
		print_message("%zu bytes, %u records\n", out.len, ldns_pkt_ancount(p));
		assert_true(sizes[i].tcp ? ldns_pkt_ancount(p) == 200 : ldns_pkt_ancount(p) >= 25);
		assert_int_equal(ldns_pkt_edns(p), sizes[i].edns > 0);
		ldns_pkt_free(p);
		buf_finish(&out);
	}
}

static void test_aliases_of_themselves_end(void **state)
{
	uint8_t q[512];
	size_t n = make_query(q, "loop" SVC, "A", 1232);
	struct buf out = { 0 };
	char target[DNS_NAME_MAX];

	assert_int_equal(dns_answer(&zone, q, n, false, &out, target), DNS_ANSWER);
	buf_finish(&out);
}

static void test_malformed(void **state)
{
	uint8_t q[512];
	size_t n = make_query(q, "web" SVC, "A", 0);
	char target[DNS_NAME_MAX];
	static const struct { size_t at; uint8_t v; size_t len; enum dns_verdict want; int rcode; } bad[] = {
		{ 0, 0, 5, DNS_DROP, 0 },
		{ 2, 0x81, 0, DNS_DROP, 0 },                          /* an answer */
		{ 2, 0x29, 0, DNS_ANSWER, LDNS_RCODE_NOTIMPL },       /* an update */
		{ 5, 0, 0, DNS_ANSWER, LDNS_RCODE_FORMERR },          /* no question */
		{ 5, 2, 0, DNS_ANSWER, LDNS_RCODE_FORMERR },          /* a second that is not there */
		{ 12, 0xff, 0, DNS_ANSWER, LDNS_RCODE_FORMERR },      /* a pointer to nowhere */
		{ 0, 0, 20, DNS_ANSWER, LDNS_RCODE_FORMERR },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint8_t c[512];
		struct buf out = { 0 };

		memcpy(c, q, n);
		c[bad[i].at] = bad[i].v;
		print_message("case %zu\n", i);
		assert_int_equal(dns_answer(&zone, c, bad[i].len ? bad[i].len : n, false, &out, target), bad[i].want);
		if (bad[i].want == DNS_ANSWER)
			assert_int_equal((uint8_t)out.p[3] & 15, bad[i].rcode);
		else
			assert_int_equal(out.len, 0);
		buf_finish(&out);
	}
}

static void test_alias_and_theirs_become_one(void **state)
{
	uint8_t q[512], q2[512];
	size_t n = make_query(q, "out" SVC, "A", 1232), n2 = make_query(q2, "example.com.", "A", 0);
	struct buf ours = { 0 }, merged = { 0 }, asked = { 0 }, theirs = { 0 };
	char target[DNS_NAME_MAX], *got;
	ldns_rr *rr;
	ldns_pkt *p;
	uint8_t *wire;
	size_t size;

	assert_int_equal(dns_answer(&zone, q, n, false, &ours, target), DNS_CHASE);
	dns_question(q, n, target, 77, &asked);
	p = NULL;
	assert_int_equal(ldns_wire2pkt(&p, (uint8_t *)asked.p, asked.len), LDNS_STATUS_OK);
	assert_int_equal(ldns_pkt_id(p), 77);
	ldns_pkt_free(p);
	assert_int_equal(ldns_wire2pkt(&p, q2, n2), LDNS_STATUS_OK);
	ldns_pkt_set_qr(p, true);
	ldns_rr_new_frm_str(&rr, "example.com. 60 IN A 192.0.2.1", 0, NULL, NULL);
	ldns_pkt_push_rr(p, LDNS_SECTION_ANSWER, rr);
	ldns_pkt2wire(&wire, p, &size);
	buf_add(&theirs, wire, size);
	free(wire);
	ldns_pkt_free(p);
	assert_int_equal(dns_min_ttl(theirs.p, theirs.len), 60);
	dns_age(theirs.p, theirs.len, 20);
	assert_int_equal(dns_min_ttl(theirs.p, theirs.len), 40);
	dns_merge(q, n, ours.p, ours.len, theirs.p, theirs.len, false, &merged);
	p = parse(&merged);
	got = texts(ldns_pkt_answer(p));
	assert_string_equal(got, "Example.com. 192.0.2.1");
	free(got);
	ldns_pkt_free(p);
	buf_finish(&ours);
	buf_finish(&merged);
	buf_finish(&asked);
	buf_finish(&theirs);
}

static void test_keys(void **state)
{
	uint8_t q[512];
	struct buf a = { 0 }, b = { 0 }, c = { 0 };

	assert_true(dns_key(q, make_query(q, "Example.COM.", "A", 0), &a));
	assert_true(dns_key(q, make_query(q, "example.com.", "A", 0), &b));
	assert_true(dns_key(q, make_query(q, "example.com.", "A", 1232), &c));
	assert_string_equal(a.p, b.p);
	assert_string_not_equal(a.p, c.p);
	buf_finish(&a);
	buf_finish(&b);
	buf_finish(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_the_first_address_differs),
		cmocka_unit_test(test_large_answers_are_cut_or_whole),
		cmocka_unit_test(test_aliases_of_themselves_end),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_alias_and_theirs_become_one),
		cmocka_unit_test(test_keys),
	};

	for (int i = 0; i < 200; i++) {
		sprintf(many_ips[i], "10.244.1.%d", i);
		many_eps[i] = (struct net_endpoint)EP(many_ips[i], "", true);
	}
	/* As net keeps what it is told. */
	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
		copies[i] = service_copy(&services[i]);
		services[i] = *copies[i];
	}
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++)
		free(copies[i]);
	return rc;
}
