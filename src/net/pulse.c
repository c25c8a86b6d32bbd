/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pulse - does a machine on this node's link still answer? An ARP request each PULSE_MS, which its
 * kernel answers however busy the machine is; MISSED in a row without an answer and it is taken
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
#include <netinet/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "net/net_priv.h"
#include "net/uplink.h"
#define LOG_MODULE "net"
#include "base/log.h"

#define PULSE_MS 700
#define MISSED   4u

struct watched {
	char *key;
	uint8_t ip[4];
	unsigned users, missed;
	bool known, dead, tell;        /* known: no longer ASKED; tell: whoever asked does not know yet */
};

struct pulse {
	struct net *net;
	struct map by_ip;              /* struct watched */
	struct loop_fd *fd;            /* open while somebody is watched */
	int sock, index;
	uint8_t address[4], mac[6];
	bool usable;
	struct loop_timer timer;
	struct loop_task tell;
	net_pulse_fn *fn;
	void *arg;
};

static void stop(struct pulse *p)
{
	loop_timer_stop(&p->timer);
	if (p->fd)
		loop_fd_del(p->fd);
	if (p->sock >= 0)
		close(p->sock);
	p->fd = NULL;
	p->sock = -1;
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

/* Whatever a machine says by ARP shows that it lives. */
static void on_frame(void *arg, uint32_t events)
{
	struct pulse *p = arg;
	uint8_t frame[128], ip[16] = { 0 };
	char key[46];
	ssize_t n;

	(void)events;
	for (int i = 0; p->sock >= 0 && i < 64 && (n = recv(p->sock, frame, sizeof(frame), MSG_DONTWAIT)) >= 0; i++) {
		struct watched *w;

		if (!pulse_answer(frame, (size_t)n, ip))
			continue;
		text_ip(key, 4, ip);
		w = map_get(&p->by_ip, key);
		if (w)
			judge(p, w, false);
	}
}

static int start(struct pulse *p)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP) };
	struct ifreq r = { 0 };

	p->index = at.sll_ifindex = uplink_of(p->address);
	if (!p->index || !if_indextoname((unsigned)p->index, r.ifr_name))
		return -ERR_NOT_FOUND;
	p->sock = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->sock < 0 || ioctl(p->sock, SIOCGIFHWADDR, &r) || r.ifr_hwaddr.sa_family != ARPHRD_ETHER ||
	    bind(p->sock, (struct sockaddr *)&at, sizeof(at)) ||
	    !(p->fd = loop_fd_add(p->net->loop, p->sock, EPOLLIN, on_frame, p))) {
		stop(p);
		return -ERR_IO;
	}
	memcpy(p->mac, r.ifr_hwaddr.sa_data, 6);
	return 0;
}

static bool ask(const struct pulse *p, const struct watched *w)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = p->index, .sll_halen = 6,
		.sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	struct ether_arp a = { .ea_hdr = { htons(ARPHRD_ETHER), htons(ETHERTYPE_IP), 6, 4, htons(ARPOP_REQUEST) } };

	memcpy(a.arp_sha, p->mac, 6);
	memcpy(a.arp_spa, p->address, 4);
	memcpy(a.arp_tpa, w->ip, 4);
	return sendto(p->sock, &a, sizeof(a), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) > 0;
}

static void tick(void *arg)
{
	struct pulse *p = arg;
	size_t it = 0;
	void *v;

	if (!p->by_ip.len || p->net->closing) {
		stop(p);
		return;
	}
	loop_timer_set(&p->timer, PULSE_MS);
	/* Without a link of our own nobody can be judged. */
	if (p->sock < 0 && start(p))
		return;
	while (map_next(&p->by_ip, &it, NULL, &v)) {
		struct watched *w = v;

		if (w->missed >= MISSED)
			judge(p, w, true);
		if (ask(p, w) && w->missed < MISSED)   /* a link that is down says nothing of others */
			w->missed++;
	}
}

void net_watch(struct net *n, const char *ip, bool on)
{
	struct pulse *p = n->pulse;
	struct watched *w = map_get(&p->by_ip, ip);
	uint8_t addr[16];
	int family;

	if (n->closing || !p->usable || text_parse_ip(ip, &family, addr) || family != 4 || (!w && !on))
		return;
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w || !(w->key = strdup(ip)) || map_put(&p->by_ip, ip, w, NULL)) {
			if (w)
				free(w->key);
			free(w);
			return;
		}
		memcpy(w->ip, addr, 4);
	}
	w->users += on ? 1u : -1u;
	if (!w->users) {
		map_del(&p->by_ip, ip);
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

int pulse_open(struct net *n, const char *address)
{
	struct pulse *p = calloc(1, sizeof(*p));
	uint8_t own[16];
	int family;

	if (!p)
		return -ERR_NOMEM;
	n->pulse = p;
	p->net = n;
	p->sock = -1;
	loop_timer_init(&p->timer, n->loop, tick, p);
	p->usable = address && !text_parse_ip(address, &family, own) && family == 4;
	if (p->usable)
		memcpy(p->address, own, 4);
	return 0;
}

void pulse_close(struct net *n)
{
	size_t it = 0;
	void *v;

	if (!n->pulse)
		return;
	stop(n->pulse);
	loop_defer_cancel(n->loop, &n->pulse->tell);
	while (map_next(&n->pulse->by_ip, &it, NULL, &v)) {
		free(((struct watched *)v)->key);
		free(v);
	}
	map_finish(&n->pulse->by_ip);
	free(n->pulse);
}
