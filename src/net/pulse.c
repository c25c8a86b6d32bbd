/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pulse - does a machine on this node's link still answer? An ARP request (of IPv6: a solicitation of
 * the neighbour) each PULSE_MS, which its kernel answers however busy the machine is; MISSED in a row without an answer and it is taken
 * for dead. Only who would take over from a machine asks, and only as long as it would.
 *
 *   ASKED --an answer--> ALIVE --MISSED pulses unanswered--> DEAD --an answer--> ALIVE
 *   ASKED --MISSED pulses unanswered--> DEAD
 *
 * Each change is told: whoever asks again may still hold what it heard when it asked before.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net_priv.h"
#include "net/uplink.h"
#define LOG_MODULE "net"
#include "base/log.h"

#define PULSE_MS 700
#define MISSED   4u

struct watched {
	char *key;
	struct ip ip;
	unsigned users, missed;
	bool known, dead, tell;        /* known: no longer ASKED; tell: whoever asked does not know yet */
};

/* Where those of a family are asked; open while somebody is watched. */
struct ear {
	struct pulse *p;
	int family, sock, index;
	uint8_t mac[6];
	struct loop_fd *fd;
};

struct pulse {
	struct net *net;
	struct map by_ip;              /* struct watched */
	struct ear ears[IP_FAMILIES];
	unsigned watched[IP_FAMILIES];
	struct loop_timer timer;
	struct loop_task tell;
	net_pulse_fn *fn;
	void *arg;
};

static void stop(struct ear *e)
{
	if (e->fd)
		loop_fd_del(e->fd);
	if (e->sock >= 0)
		close(e->sock);
	e->fd = NULL;
	e->sock = -1;
}

/* Who hears of it may watch others from then on, so the walk begins anew. */
static void tell(void *arg)
{
	struct pulse *p = arg;
	size_t it = 0;
	void *v;

	while (map_next(&p->by_ip, &it, NULL, &v)) {
		struct watched *w = v;
		char key[46];

		if (!w->tell)
			continue;
		w->tell = false;
		snprintf(key, sizeof(key), "%s", w->key);
		if (p->fn)
			p->fn(p->arg, key, !w->dead);
		it = 0;
	}
}

static void judge(struct pulse *p, struct watched *w, bool dead)
{
	if (!dead)
		w->missed = 0;
	if (w->known && w->dead == dead)
		return;
	if (w->dead != dead)
		log_info("%s %s", w->key, dead ? "does not answer" : "answers again");
	w->known = true;
	w->dead = dead;
	w->tell = true;
	loop_defer(p->net->loop, &p->tell, tell, p);
}

bool pulse_answer(const void *frame, size_t n, uint8_t ret_ip[4])
{
	struct ether_arp a;

	if (n < sizeof(a))
		return false;
	memcpy(&a, frame, sizeof(a));
	if (a.ea_hdr.ar_hrd != htons(ARPHRD_ETHER) || a.ea_hdr.ar_pro != htons(ETHERTYPE_IP) || a.ea_hdr.ar_hln != 6 ||
	    a.ea_hdr.ar_pln != 4)
		return false;
	memcpy(ret_ip, a.arp_spa, 4);
	return true;
}

bool pulse_answer6(const void *message, size_t n, uint8_t ret_ip[16])
{
	struct nd_neighbor_advert na;

	if (n < sizeof(na))
		return false;
	memcpy(&na, message, sizeof(na));
	if (na.nd_na_type != ND_NEIGHBOR_ADVERT || na.nd_na_code)
		return false;
	memcpy(ret_ip, &na.nd_na_target, 16);
	return true;
}

/* ---- the two ways to ask ---- */

static int open4(struct ear *e)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = e->index };

	e->sock = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return e->sock < 0 ? -1 : bind(e->sock, (struct sockaddr *)&at, sizeof(at));
}

/* Answers come to the address that asks. */
static int open6(struct ear *e)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6 };
	struct icmp6_filter filter;

	memcpy(&at.sin6_addr, e->p->net->address[IP6].b, 16);
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ND_NEIGHBOR_ADVERT, &filter);
	e->sock = uplink_icmp6(e->index);
	return e->sock < 0 || setsockopt(e->sock, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) ? -1 :
		bind(e->sock, (struct sockaddr *)&at, sizeof(at));
}

static bool ask4(const struct ear *e, const struct ip *ip)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = e->index, .sll_halen = 6,
		.sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	struct ether_arp a = { .ea_hdr = { htons(ARPHRD_ETHER), htons(ETHERTYPE_IP), 6, 4, htons(ARPOP_REQUEST) } };

	memcpy(a.arp_sha, e->mac, 6);
	memcpy(a.arp_spa, e->p->net->address[IP4].b, 4);
	memcpy(a.arp_tpa, ip->b, 4);
	return sendto(e->sock, &a, sizeof(a), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) > 0;
}

/* To the group of those whose address ends alike. Source: RFC 4291, 2.7.1. */
static bool ask6(const struct ear *e, const struct ip *ip)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)e->index,
		.sin6_addr = { .s6_addr = { 0xff, 0x02, [11] = 1, 0xff, ip->b[13], ip->b[14], ip->b[15] } } };
	struct { struct nd_neighbor_solicit ns; struct nd_opt_hdr opt; uint8_t mac[6]; } m = {
		{ .nd_ns_type = ND_NEIGHBOR_SOLICIT }, { ND_OPT_SOURCE_LINKADDR, 1 }, { 0 } };

	memcpy(&m.ns.nd_ns_target, ip->b, 16);
	memcpy(m.mac, e->mac, 6);
	return sendto(e->sock, &m, sizeof(m), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) > 0;
}

static const struct {
	int (*open)(struct ear *e);
	bool (*ask)(const struct ear *e, const struct ip *ip);
	bool (*answer)(const void *message, size_t n, uint8_t *ret_ip);
} ways[IP_FAMILIES] = { { open4, ask4, pulse_answer }, { open6, ask6, pulse_answer6 } };

/* Whatever a machine says so shows that it lives. */
static void on_message(void *arg, uint32_t events)
{
	struct ear *e = arg;
	struct ip ip = { .len = ip_families[e->family].len };
	uint8_t message[128];
	char key[IP_TEXT];
	ssize_t n;

	(void)events;
	for (int i = 0; e->sock >= 0 && i < 64 && (n = recv(e->sock, message, sizeof(message), MSG_DONTWAIT)) >= 0; i++) {
		struct watched *w;

		if (!ways[e->family].answer(message, (size_t)n, ip.b))
			continue;
		ip_text(key, &ip);
		w = map_get(&e->p->by_ip, key);
		if (w)
			judge(e->p, w, false);
	}
}

static int start(struct ear *e)
{
	char name[IF_NAMESIZE];

	e->index = uplink_of(&e->p->net->address[e->family]);
	if (!e->index || uplink_mac(e->index, e->mac, name))
		return -ERR_NOT_FOUND;
	if (ways[e->family].open(e) || !(e->fd = loop_fd_add(e->p->net->loop, e->sock, EPOLLIN, on_message, e))) {
		stop(e);
		return -ERR_IO;
	}
	return 0;
}

static void tick(void *arg)
{
	struct pulse *p = arg;
	size_t it = 0;
	void *v;

	for (int f = 0; f < IP_FAMILIES; f++)
		if (!p->watched[f] || p->net->closing)
			stop(&p->ears[f]);
	if (!p->by_ip.len || p->net->closing)
		return;
	loop_timer_set(&p->timer, PULSE_MS);
	/* Without a link of our own nobody can be judged. */
	for (int f = 0; f < IP_FAMILIES; f++)
		if (p->watched[f] && p->ears[f].sock < 0)
			(void)start(&p->ears[f]);
	while (map_next(&p->by_ip, &it, NULL, &v)) {
		struct watched *w = v;
		const struct ear *e = &p->ears[ip_family(&w->ip)];

		if (e->sock < 0)
			continue;
		if (w->missed >= MISSED)
			judge(p, w, true);
		if (ways[e->family].ask(e, &w->ip) && w->missed < MISSED)      /* a link that is down says nothing of others */
			w->missed++;
	}
}

void net_watch(struct net *n, const char *ip, bool on)
{
	struct pulse *p = n->pulse;
	struct watched *w = map_get(&p->by_ip, ip);
	struct ip addr;

	if (n->closing || !ip_parse(&addr, ip) || !n->address[ip_family(&addr)].len || (!w && !on))
		return;
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w || !(w->key = strdup(ip)) || map_put(&p->by_ip, ip, w, NULL)) {
			if (w)
				free(w->key);
			free(w);
			return;
		}
		w->ip = addr;
		p->watched[ip_family(&addr)]++;
	}
	w->users += on ? 1u : -1u;
	if (!w->users) {
		map_del(&p->by_ip, ip);
		p->watched[ip_family(&addr)]--;
		free(w->key);
		free(w);
	} else if (on && !loop_timer_is_set(&p->timer)) {
		loop_timer_set(&p->timer, 0);
	}
}

void net_pulses(struct net *n, net_pulse_fn *fn, void *arg)
{
	n->pulse->fn = fn;
	n->pulse->arg = arg;
}

int pulse_open(struct net *n)
{
	struct pulse *p = calloc(1, sizeof(*p));

	if (!p)
		return -ERR_NOMEM;
	n->pulse = p;
	p->net = n;
	for (int f = 0; f < IP_FAMILIES; f++)
		p->ears[f] = (struct ear){ .p = p, .family = f, .sock = -1 };
	loop_timer_init(&p->timer, n->loop, tick, p);
	return 0;
}

void pulse_close(struct net *n)
{
	size_t it = 0;
	void *v;

	if (!n->pulse)
		return;
	loop_timer_stop(&n->pulse->timer);
	for (int f = 0; f < IP_FAMILIES; f++)
		stop(&n->pulse->ears[f]);
	loop_defer_cancel(n->loop, &n->pulse->tell);
	while (map_next(&n->pulse->by_ip, &it, NULL, &v)) {
		free(((struct watched *)v)->key);
		free(v);
	}
	map_finish(&n->pulse->by_ip);
	free(n->pulse);
}
