/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linkwatch - the kernel tells when the link with the node's own address changes its packet size;
 * fn hears of it. Nothing is asked for again and again.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net_priv.h"
#include "net/netlink.h"
#include "net/uplink.h"

struct linkwatch {
	struct net *net;
	struct ip address;
	char name[IF_NAMESIZE];
	uint32_t mtu;
	int sock;
	struct loop_fd *fd;
};

static void look(struct linkwatch *w)
{
	uint32_t mtu = netlink_mtu(w->name);
	int index;

	if (!mtu) {                    /* it goes by another name, or another link has the address now */
		index = uplink_of(&w->address);
		mtu = index && if_indextoname((unsigned)index, w->name) ? netlink_mtu(w->name) : 0;
	}
	if (!mtu || mtu == w->mtu)
		return;
	w->mtu = mtu;
	peers_mtu(w->net);
}

/* What changed is looked at once, whatever came; a queue that ran over is a change, too. */
static void on_event(void *arg, uint32_t events)
{
	struct linkwatch *w = arg;
	char skipped[8192];
	ssize_t n;
	int i = 0;

	(void)events;
	do
		n = recv(w->sock, skipped, sizeof(skipped), MSG_DONTWAIT);
	while (++i < 256 && (n > 0 || (n < 0 && errno == ENOBUFS)));
	look(w);
}

int linkwatch_open(struct net *n)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct linkwatch *w = calloc(1, sizeof(*w));
	int index;

	if (!w)
		return -ERR_NOMEM;
	n->linkwatch = w;
	w->net = n;
	w->sock = -1;
	w->address = n->address[n->first_address];
	if (!w->address.len)
		return 0;
	index = uplink_of(&w->address);
	w->mtu = index && if_indextoname((unsigned)index, w->name) ? netlink_mtu(w->name) : 0;
	w->sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (w->sock < 0 || bind(w->sock, (struct sockaddr *)&at, sizeof(at)) ||
	    !(w->fd = loop_fd_add(n->loop, w->sock, EPOLLIN, on_event, w)))
		return -ERR_IO;
	return 0;
}

void linkwatch_close(struct net *n)
{
	struct linkwatch *w = n->linkwatch;

	if (!w)
		return;
	if (w->fd)
		loop_fd_del(w->fd);
	if (w->sock >= 0)
		close(w->sock);
	free(w);
	n->linkwatch = NULL;
}
