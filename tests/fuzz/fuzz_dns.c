/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_dns - packets from anybody: questions answered, answers merged, kept and aged. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char *const ips[] = { "10.96.0.5", "fd00::5", NULL }, *const none[] = { NULL };
static const struct net_port ports[] = { { "http", "TCP", 80, 0 } };
static const struct net_endpoint eps[] = { { .ip = "10.244.0.2", .hostname = "db-0", .port_name = "http", .port = 80, .ready = true },
	{ .ip = "10.244.0.3", .hostname = "", .port_name = "http", .port = 80, .ready = true } };
static const struct net_service services[] = {
	{ .ns = "d", .name = "a", .ips = ips, .ports = ports, .port_count = 1 },
	{ .ns = "d", .name = "b", .ips = none, .ports = ports, .port_count = 1, .eps = eps, .ep_count = 2 },
	{ .ns = "d", .name = "c", .ips = none, .external_name = "example.com" },
	{ .ns = "d", .name = "e", .ips = none, .external_name = "a.d.svc.x" },
};

static const struct net_service *find(const void *arg, const char *ns, const char *name)
{
	for (size_t i = 0; i < 4; i++)
		if (!strcmp(services[i].ns, ns) && !strcmp(services[i].name, name))
			return &services[i];
	return NULL;
}

static const struct net_service *by_ip(const void *arg, const char *ip)
{
	return strcmp(ip, "10.96.0.5") ? NULL : &services[0];
}

static bool has_ns(const void *arg, const char *ns)
{
	return !strcmp(ns, "d");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct dns_zone zone = { "x", find, by_ip, has_ns, NULL };
	struct buf out = { 0 }, merged = { 0 }, key = { 0 }, question = { 0 };
	char target[DNS_NAME_MAX];
	size_t cut = n > 2 ? ((size_t)p[0] << 8 | p[1]) % n : 0;
	uint8_t *copy = malloc(n ? n : 1);
	enum dns_verdict v = dns_answer(&zone, p, n, false, &out, target);

	assert(v != DNS_ANSWER || (out.len >= 12 && out.len <= DNS_UDP_MAX));
	if (v == DNS_CHASE) {
		dns_question(p, n, target, 1, &question);
		dns_merge(p, n, out.p, out.len, p + cut, n - cut, false, &merged);
	}
	buf_clear(&out);
	dns_answer(&zone, p, n, true, &out, target);
	buf_clear(&out);
	dns_error(p, n, 2, &out);
	dns_udp_size(p, n);
	dns_key(p, n, &key);
	memcpy(copy, p, n);
	dns_min_ttl(copy, n);
	dns_age(copy, n, 7);
	free(copy);
	buf_finish(&out);
	buf_finish(&merged);
	buf_finish(&key);
	buf_finish(&question);
	return 0;
}
