/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dnsmsg - from a question to an answer, without I/O. Names below the domain:
 *
 *   <service>.<ns>.svc                      its addresses; headless: its pods'
 *   <hostname or a-b-c-d>.<service>.<ns>.svc   one pod of a headless Service
 *   _<port>._<proto>.<service>.<ns>.svc     SRV
 *   a-b-c-d.<ns>.pod                        the address itself
 *   dns-version                             TXT "1.1.0"
 *
 * A name that is there without records of the type is answered empty with the
 * domain's SOA, one that is not with NXDOMAIN and the SOA.
 */
#include <arpa/inet.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "net/dns.h"

#define LABELS_MAX 6
#define CHASE_MAX  8
#define ADDRESSES_MAX 1000             /* of one Service in one answer */
#define HEADER     12u

struct answer {
	const struct dns_zone *zone;
	ldns_pkt *pkt;
	uint16_t type;                 /* asked for */
	unsigned rotate;               /* spreads the first address over askers */
	bool found;                    /* the name exists */
	char *target;                  /* alias outside of the domain */
};

static void free_pkt(ldns_pkt **p)
{
	ldns_pkt_free(*p);
}
#define PKT_AUTO __attribute__((cleanup(free_pkt)))

/* ---- records ---- */

static ldns_rdf *dname(const char *s)
{
	return ldns_dname_new_frm_str(s);
}

static ldns_rr *record(const char *owner, ldns_rr_type type)
{
	ldns_rr *rr = ldns_rr_new();

	if (!rr)
		return NULL;
	ldns_rr_set_owner(rr, dname(owner));
	ldns_rr_set_type(rr, type);
	ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
	ldns_rr_set_ttl(rr, DNS_TTL_S);
	return rr;
}

/* Takes rr; one with a name that cannot be is left out. */
static void push(struct answer *a, ldns_pkt_section section, ldns_rr *rr)
{
	bool whole = rr && ldns_rr_owner(rr);

	for (size_t i = 0; whole && i < ldns_rr_rd_count(rr); i++)
		whole = ldns_rr_rdf(rr, i) != NULL;
	if (!whole || !ldns_pkt_push_rr(a->pkt, section, rr))
		ldns_rr_free(rr);
}

static bool wants(const struct answer *a, ldns_rr_type type)
{
	return a->type == type || a->type == LDNS_RR_TYPE_ANY;
}

/* ip as an A or AAAA record, if that is what is asked for (or in the additional section). */
static void push_ip(struct answer *a, ldns_pkt_section section, const char *owner, const char *ip)
{
	uint8_t addr[16];
	int family;
	ldns_rr_type type;
	ldns_rr *rr;

	if (text_parse_ip(ip, &family, addr))
		return;
	type = family == 4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA;
	if (section == LDNS_SECTION_ANSWER && !wants(a, type))
		return;
	rr = record(owner, type);
	if (rr)
		ldns_rr_push_rdf(rr, ldns_rdf_new_frm_data(family == 4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA,
			family == 4 ? 4 : 16, addr));
	push(a, section, rr);
}

static void push_name(struct answer *a, const char *owner, ldns_rr_type type, const char *target)
{
	ldns_rr *rr = record(owner, type);

	if (rr)
		ldns_rr_push_rdf(rr, dname(target));
	push(a, LDNS_SECTION_ANSWER, rr);
}

static void push_srv(struct answer *a, const char *owner, int port, const char *target)
{
	ldns_rr *rr = record(owner, LDNS_RR_TYPE_SRV);

	if (rr) {
		ldns_rr_push_rdf(rr, ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, 0));
		ldns_rr_push_rdf(rr, ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, 100));
		ldns_rr_push_rdf(rr, ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, (uint16_t)port));
		ldns_rr_push_rdf(rr, dname(target));
	}
	push(a, LDNS_SECTION_ANSWER, rr);
}

static void push_soa(struct answer *a, ldns_pkt_section section)
{
	static const uint32_t numbers[] = { 1, 7200, 1800, 86400, DNS_TTL_S };   /* serial, refresh, retry, expire, minimum */
	char name[300];
	ldns_rr *rr;

	snprintf(name, sizeof(name), "%s.", a->zone->domain);
	rr = record(name, LDNS_RR_TYPE_SOA);
	if (rr) {
		snprintf(name, sizeof(name), "ns.dns.%s.", a->zone->domain);
		ldns_rr_push_rdf(rr, dname(name));
		snprintf(name, sizeof(name), "hostmaster.%s.", a->zone->domain);
		ldns_rr_push_rdf(rr, dname(name));
		for (unsigned i = 0; i < 5; i++)
			ldns_rr_push_rdf(rr, ldns_native2rdf_int32(LDNS_RDF_TYPE_INT32, numbers[i]));
	}
	push(a, section, rr);
}

/* ---- Services ---- */

static bool usable(const struct net_service *s, const struct net_endpoint *e)
{
	return e->ready || s->publish_not_ready;
}

/* What an endpoint is called below its Service: its hostname, or its address with dashes. */
static void endpoint_label(char out[64], const struct net_endpoint *e)
{
	if (e->hostname && *e->hostname) {
		snprintf(out, 64, "%s", e->hostname);
		return;
	}
	snprintf(out, 64, "%s", e->ip);
	for (char *p = out; *p; p++)
		if (*p == '.' || *p == ':')
			*p = '-';
}

static void resolve(struct answer *a, const char *owner, const char *name, int depth);

static void answer_alias(struct answer *a, const char *owner, const struct net_service *s, int depth)
{
	size_t n = strlen(s->external_name);
	char target[DNS_NAME_MAX];

	snprintf(target, sizeof(target), "%s%s", s->external_name, n && s->external_name[n - 1] == '.' ? "" : ".");
	push_name(a, owner, LDNS_RR_TYPE_CNAME, target);
	if (a->type != LDNS_RR_TYPE_CNAME && depth < CHASE_MAX)
		resolve(a, target, target, depth + 1);
}

static void answer_service(struct answer *a, const char *owner, const struct net_service *s, int depth)
{
	unsigned n = 0;

	a->found = true;
	if (s->external_name) {
		answer_alias(a, owner, s, depth);
		return;
	}
	for (const char *const *ip = s->ips; *ip; ip++)
		push_ip(a, LDNS_SECTION_ANSWER, owner, *ip);
	if (s->ips[0])
		return;
	for (unsigned i = 0; i < s->ep_count; i++) {
		const struct net_endpoint *e = &s->eps[(i + a->rotate) % s->ep_count];

		if (usable(s, e) && !e->repeated && n++ < ADDRESSES_MAX)
			push_ip(a, LDNS_SECTION_ANSWER, owner, e->ip);
	}
}

static void answer_endpoint(struct answer *a, const char *owner, const struct net_service *s, const char *label)
{
	char own[64];

	for (unsigned i = 0; i < s->ep_count; i++) {
		if (!usable(s, &s->eps[i]))
			continue;
		endpoint_label(own, &s->eps[i]);
		if (strcasecmp(own, label))
			continue;
		a->found = true;
		if (!s->eps[i].repeated)
			push_ip(a, LDNS_SECTION_ANSWER, owner, s->eps[i].ip);
	}
}

static bool same(const char *a, const char *b)
{
	return !strcasecmp(a ? a : "", b ? b : "");
}

/* port and proto without their underscores; NULL: all of the Service. */
static void answer_srv(struct answer *a, const char *owner, const struct net_service *s, const char *port,
	const char *proto)
{
	char base[DNS_NAME_MAX / 2], target[DNS_NAME_MAX], label[64];
	bool some = false;

	snprintf(base, sizeof(base), "%s.%s.svc.%s.", s->name, s->ns, a->zone->domain);
	for (unsigned p = 0; p < s->port_count; p++) {
		const struct net_port *sp = &s->ports[p];

		if (port && (!same(sp->name, port) || !same(sp->proto && *sp->proto ? sp->proto : "tcp", proto)))
			continue;
		a->found = true;
		if (!wants(a, LDNS_RR_TYPE_SRV))
			continue;
		if (s->ips[0]) {
			push_srv(a, owner, sp->port, base);
			some = true;
			continue;
		}
		for (unsigned i = 0; i < s->ep_count; i++) {
			const struct net_endpoint *e = &s->eps[i];

			if (!usable(s, e) || !same(e->port_name, sp->name))
				continue;
			endpoint_label(label, e);
			snprintf(target, sizeof(target), "%s.%s", label, base);
			push_srv(a, owner, e->port, target);
			push_ip(a, LDNS_SECTION_ADDITIONAL, target, e->ip);
		}
	}
	for (const char *const *ip = s->ips; some && *ip; ip++)
		push_ip(a, LDNS_SECTION_ADDITIONAL, base, *ip);
}

/* "10-244-0-7" -> "10.244.0.7"; IPv6 with dashes for colons. */
static bool undash(char out[46], const char *label)
{
	uint8_t addr[16];
	int family;

	if (strlen(label) > 45)
		return false;
	for (int pass = 0; pass < 2; pass++) {
		strcpy(out, label);
		for (char *p = out; *p; p++)
			if (*p == '-')
				*p = pass ? ':' : '.';
		if (!text_parse_ip(out, &family, addr))
			return true;
	}
	return false;
}

/* labels of the name below the domain, first one first. */
static void answer_own(struct answer *a, const char *owner, char *const *l, int n, int depth)
{
	const struct dns_zone *z = a->zone;
	const struct net_service *s;
	char ip[46];

	if (n == 0) {
		a->found = true;
		if (wants(a, LDNS_RR_TYPE_SOA))
			push_soa(a, LDNS_SECTION_ANSWER);
		if (a->type == LDNS_RR_TYPE_NS) {
			char ns[300];

			snprintf(ns, sizeof(ns), "ns.dns.%s.", z->domain);
			push_name(a, owner, LDNS_RR_TYPE_NS, ns);
		}
		return;
	}
	if (n == 1 && !strcmp(l[0], "dns-version")) {
		a->found = true;
		if (wants(a, LDNS_RR_TYPE_TXT)) {
			ldns_rr *rr = record(owner, LDNS_RR_TYPE_TXT);

			if (rr)
				ldns_rr_push_rdf(rr, ldns_rdf_new_frm_str(LDNS_RDF_TYPE_STR, "1.1.0"));
			push(a, LDNS_SECTION_ANSWER, rr);
		}
		return;
	}
	if (!strcmp(l[n - 1], "pod")) {
		a->found = n <= 2 || (n == 3 && undash(ip, l[0]));
		if (n == 3 && a->found)
			push_ip(a, LDNS_SECTION_ANSWER, owner, ip);
		return;
	}
	if (strcmp(l[n - 1], "svc"))
		return;
	if (n <= 2) {
		a->found = n == 1 || z->has_ns(z->arg, l[0]);
		return;
	}
	s = z->find(z->arg, l[n - 2], l[n - 3]);
	if (!s)
		return;
	if (n == 3 && (a->type != LDNS_RR_TYPE_SRV || s->external_name)) {
		answer_service(a, owner, s, depth);
	} else if (n == 3) {
		answer_srv(a, owner, s, NULL, NULL);
		a->found = true;
	} else if (n == 4 && l[0][0] == '_') {
		a->found = true;               /* between the service and its ports */
	} else if (n == 4 && !s->external_name && !s->ips[0]) {
		answer_endpoint(a, owner, s, l[0]);
	} else if (n == 5 && l[0][0] == '_' && l[1][0] == '_' && !s->external_name) {
		answer_srv(a, owner, s, l[0] + 1, l[1] + 1);
	}
}

/* name ends with a dot and is in lower case; leaves target set when it is not ours. */
static void resolve(struct answer *a, const char *owner, const char *name, int depth)
{
	char copy[DNS_NAME_MAX + 1], *labels[LABELS_MAX], *p = copy, *dot;
	size_t n = strlen(name), d = strlen(a->zone->domain);
	int count = 0;

	if (n > DNS_NAME_MAX - 1)
		return;
	for (size_t i = 0; i <= n; i++)
		copy[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
	if (n < d + 1 || strncmp(copy + n - d - 1, a->zone->domain, d) || (n > d + 1 && copy[n - d - 2] != '.')) {
		if (depth)
			memcpy(a->target, copy, n + 1);
		return;
	}
	copy[n - d - 1] = 0;
	while (*p && (dot = strchr(p, '.'))) {
		if (count == LABELS_MAX)
			return;                /* deeper than any name there is */
		labels[count++] = p;
		*dot = 0;
		p = dot + 1;
	}
	answer_own(a, owner, labels, count, depth);
}

/* "4.3.2.1.in-addr.arpa." -> "1.2.3.4", and the nibbles of ip6.arpa. */
static bool reverse_ip(char out[46], const char *name)
{
	unsigned o[4];
	uint8_t addr[16] = { 0 };
	int end = 0;

	if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa.%n", &o[3], &o[2], &o[1], &o[0], &end) == 4 && end && !name[end]) {
		if (o[0] > 255 || o[1] > 255 || o[2] > 255 || o[3] > 255)
			return false;
		snprintf(out, 46, "%u.%u.%u.%u", o[0], o[1], o[2], o[3]);
		return true;
	}
	if (strlen(name) != 73 || strcmp(name + 64, "ip6.arpa."))
		return false;
	for (int i = 0; i < 32; i++) {
		char c = name[2 * i];
		int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (v < 0 || name[2 * i + 1] != '.')
			return false;
		addr[15 - i / 2] |= (uint8_t)(v << (i % 2 * 4));
	}
	text_ip(out, 6, addr);
	return true;
}

/* False: not an address of ours. */
static bool answer_reverse(struct answer *a, const char *owner, const char *name)
{
	const struct net_service *s;
	char ip[46], target[DNS_NAME_MAX];

	if (!reverse_ip(ip, name) || !(s = a->zone->find_by_ip(a->zone->arg, ip)))
		return false;
	a->found = true;
	if (!wants(a, LDNS_RR_TYPE_PTR))
		return true;
	if (s->ips[0]) {
		snprintf(target, sizeof(target), "%s.%s.svc.%s.", s->name, s->ns, a->zone->domain);
		push_name(a, owner, LDNS_RR_TYPE_PTR, target);
		return true;
	}
	for (unsigned i = 0; i < s->ep_count; i++)
		if (!strcmp(s->eps[i].ip, ip) && s->eps[i].hostname && *s->eps[i].hostname && !s->eps[i].repeated) {
			snprintf(target, sizeof(target), "%s.%s.%s.svc.%s.", s->eps[i].hostname, s->name, s->ns,
				a->zone->domain);
			push_name(a, owner, LDNS_RR_TYPE_PTR, target);
		}
	return true;
}

/* ---- packets ---- */

static size_t udp_max(const ldns_pkt *q)
{
	size_t n = ldns_pkt_edns(q) ? ldns_pkt_edns_udp_size(q) : 512;

	return n < 512 ? 512 : n > DNS_UDP_MAX ? DNS_UDP_MAX : n;
}

/* Encodes; drops records from the end until it fits, and says so. */
static void encode(struct buf *out, ldns_pkt *pkt, size_t max)
{
	uint8_t *wire = NULL;
	size_t size = 0;

	while (ldns_pkt2wire(&wire, pkt, &size) == LDNS_STATUS_OK && size > max) {
		ldns_rr_list *sections[] = { ldns_pkt_additional(pkt), ldns_pkt_authority(pkt), ldns_pkt_answer(pkt) };
		size_t over = (size - max + 15) / 16;   /* no record is smaller */
		bool dropped = false;

		free(wire);
		wire = NULL;
		for (int i = 0; i < 3 && over; i++)
			while (over && ldns_rr_list_rr_count(sections[i])) {
				ldns_rr_free(ldns_rr_list_pop_rr(sections[i]));
				over--;
				dropped = true;
				ldns_pkt_set_tc(pkt, i > 0);
			}
		ldns_pkt_set_arcount(pkt, (uint16_t)ldns_rr_list_rr_count(sections[0]));
		ldns_pkt_set_nscount(pkt, (uint16_t)ldns_rr_list_rr_count(sections[1]));
		ldns_pkt_set_ancount(pkt, (uint16_t)ldns_rr_list_rr_count(sections[2]));
		if (!dropped)
			return;
	}
	if (wire)
		buf_add(out, wire, size);
	free(wire);
}

/* The frame of an answer to q: its question, its flags. */
static ldns_pkt *reply_to(const ldns_pkt *q, int rcode)
{
	ldns_pkt *p = ldns_pkt_new();
	ldns_rr_list *questions = ldns_pkt_question(q);

	if (!p)
		return NULL;
	ldns_pkt_set_id(p, ldns_pkt_id(q));
	ldns_pkt_set_qr(p, true);
	ldns_pkt_set_opcode(p, ldns_pkt_get_opcode(q));
	ldns_pkt_set_rd(p, ldns_pkt_rd(q));
	ldns_pkt_set_cd(p, ldns_pkt_cd(q));
	ldns_pkt_set_ra(p, true);
	ldns_pkt_set_rcode(p, (uint8_t)(rcode & 15));
	if (ldns_pkt_edns(q)) {
		ldns_pkt_set_edns_udp_size(p, DNS_UDP_MAX);
		ldns_pkt_set_edns_extended_rcode(p, (uint8_t)(rcode >> 4));
		ldns_pkt_set_edns_do(p, ldns_pkt_edns_do(q));
	}
	if (ldns_rr_list_rr_count(questions) == 1) {
		ldns_rr *rr = ldns_rr_clone(ldns_rr_list_rr(questions, 0));

		if (!rr || !ldns_pkt_push_rr(p, LDNS_SECTION_QUESTION, rr))
			ldns_rr_free(rr);
	}
	return p;
}

/* With our own bytes: query may be anything. */
static void bare_error(const uint8_t *q, size_t len, int rcode, struct buf *out)
{
	uint8_t h[HEADER] = { 0 };

	if (len < HEADER || (q[2] & 0x80))
		return;
	h[0] = q[0];
	h[1] = q[1];
	h[2] = (uint8_t)(0x80 | (q[2] & 0x79));       /* answer, opcode, recursion desired */
	h[3] = (uint8_t)(0x80 | rcode);
	buf_add(out, h, sizeof(h));
}

static void reply_error(const ldns_pkt *q, int rcode, struct buf *out)
{
	PKT_AUTO ldns_pkt *p = reply_to(q, rcode);

	if (p)
		encode(out, p, 512);
}

static ldns_pkt *parse(const void *query, size_t len)
{
	ldns_pkt *q = NULL;

	if (len < HEADER || ldns_wire2pkt(&q, query, len) != LDNS_STATUS_OK)
		return NULL;
	return q;
}

void dns_error(const void *query, size_t len, int rcode, struct buf *out)
{
	PKT_AUTO ldns_pkt *q = parse(query, len);

	if (!q)
		bare_error(query, len, rcode, out);
	else if (!ldns_pkt_qr(q))
		reply_error(q, rcode, out);
}

size_t dns_udp_size(const void *query, size_t len)
{
	PKT_AUTO ldns_pkt *q = parse(query, len);

	return q ? udp_max(q) : 512;
}

/* A fault of the question itself, or -1. */
static int refuse(const ldns_pkt *q)
{
	const ldns_rr *rr;

	if (ldns_pkt_get_opcode(q) != LDNS_PACKET_QUERY)
		return LDNS_RCODE_NOTIMPL;
	if (ldns_pkt_qdcount(q) != 1 || ldns_rr_list_rr_count(ldns_pkt_question(q)) != 1)
		return LDNS_RCODE_FORMERR;
	if (ldns_pkt_edns(q) && ldns_pkt_edns_version(q) > 0)
		return 16;                     /* BADVERS */
	rr = ldns_rr_list_rr(ldns_pkt_question(q), 0);
	if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
		return LDNS_RCODE_REFUSED;
	if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_AXFR || ldns_rr_get_type(rr) == LDNS_RR_TYPE_IXFR)
		return LDNS_RCODE_REFUSED;
	return -1;
}

enum dns_verdict dns_answer(const struct dns_zone *z, const void *query, size_t len, bool tcp, struct buf *out,
	char target[DNS_NAME_MAX])
{
	const uint8_t *bytes = query;
	PKT_AUTO ldns_pkt *q = NULL;
	struct answer a = { .zone = z, .target = target };
	char *owner, lower[DNS_NAME_MAX];
	size_t n, d = strlen(z->domain);
	bool ours;
	int rcode;

	if (len < HEADER || (bytes[2] & 0x80))
		return DNS_DROP;
	q = parse(query, len);
	if (!q) {
		bare_error(query, len, LDNS_RCODE_FORMERR, out);
		return DNS_ANSWER;
	}
	rcode = refuse(q);
	if (rcode >= 0) {
		reply_error(q, rcode, out);
		return DNS_ANSWER;
	}
	owner = ldns_rdf2str(ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_question(q), 0)));
	a.pkt = reply_to(q, 0);
	if (!owner || !a.pkt || (n = strlen(owner)) >= sizeof(lower)) {
		free(owner);
		ldns_pkt_free(a.pkt);
		bare_error(query, len, LDNS_RCODE_SERVFAIL, out);
		return DNS_ANSWER;
	}
	a.type = (uint16_t)ldns_rr_get_type(ldns_rr_list_rr(ldns_pkt_question(q), 0));
	a.rotate = ldns_pkt_id(q);
	*target = 0;
	for (size_t i = 0; i <= n; i++)
		lower[i] = owner[i] >= 'A' && owner[i] <= 'Z' ? (char)(owner[i] | 0x20) : owner[i];
	ours = n >= d + 1 && !strncmp(lower + n - d - 1, z->domain, d) && (n == d + 1 || lower[n - d - 2] == '.');
	if (ours)
		resolve(&a, owner, lower, 0);
	else
		ours = answer_reverse(&a, owner, lower);
	free(owner);
	if (!ours) {
		ldns_pkt_free(a.pkt);
		return DNS_FORWARD;
	}
	ldns_pkt_set_aa(a.pkt, true);
	if (!a.found)
		ldns_pkt_set_rcode(a.pkt, LDNS_RCODE_NXDOMAIN);
	if (!ldns_rr_list_rr_count(ldns_pkt_answer(a.pkt)))
		push_soa(&a, LDNS_SECTION_AUTHORITY);
	encode(out, a.pkt, *target ? 65535 : tcp ? 65535 : udp_max(q));
	ldns_pkt_free(a.pkt);
	if (!out->len)
		bare_error(query, len, LDNS_RCODE_SERVFAIL, out);
	return *target ? DNS_CHASE : DNS_ANSWER;
}

void dns_question(const void *query, size_t len, const char *name, uint16_t id, struct buf *out)
{
	PKT_AUTO ldns_pkt *q = parse(query, len);
	PKT_AUTO ldns_pkt *p = NULL;
	ldns_rdf *owner = q && ldns_rr_list_rr_count(ldns_pkt_question(q)) == 1 ? dname(name) : NULL;

	if (!owner)
		return;
	p = ldns_pkt_query_new(owner, ldns_rr_get_type(ldns_rr_list_rr(ldns_pkt_question(q), 0)),
		LDNS_RR_CLASS_IN, LDNS_RD);
	if (!p)
		return;
	ldns_pkt_set_id(p, id);
	ldns_pkt_set_edns_udp_size(p, DNS_UDP_MAX);
	encode(out, p, 512);
}

void dns_merge(const void *query, size_t len, const void *ours, size_t ours_len, const void *theirs,
	size_t theirs_len, bool tcp, struct buf *out)
{
	PKT_AUTO ldns_pkt *q = parse(query, len);
	PKT_AUTO ldns_pkt *own = parse(ours, ours_len);
	PKT_AUTO ldns_pkt *their = parse(theirs, theirs_len);
	ldns_rr_list *answers;

	if (!q || !own || !their) {
		dns_error(query, len, LDNS_RCODE_SERVFAIL, out);
		return;
	}
	answers = ldns_pkt_answer(their);
	for (size_t i = 0; i < ldns_rr_list_rr_count(answers); i++) {
		ldns_rr *rr = ldns_rr_clone(ldns_rr_list_rr(answers, i));

		if (!rr || !ldns_pkt_push_rr(own, LDNS_SECTION_ANSWER, rr))
			ldns_rr_free(rr);
	}
	ldns_pkt_set_rcode(own, ldns_pkt_get_rcode(their));
	ldns_pkt_set_tc(own, ldns_pkt_tc(their));
	ldns_pkt_set_aa(own, false);
	encode(out, own, tcp ? 65535 : udp_max(q));
}
