/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pods - addresses and links of pods.
 *
 * An address is free, or some pod's: adding -> there -> removing -> free. Each is
 * recorded as state_dir/leases/<address> holding the pod's id, written before the
 * link is made and removed after it is gone, so that no crash gives one address to
 * two pods. Addresses are handed out in turn: one that was freed rests longest.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "net/net_priv.h"
#include "net/netlink.h"
#define LOG_MODULE "net"
#include "base/log.h"

#define POD_ID_MAX 128u

struct pod_job {
	struct pod *pod;
	struct link_pod link;
	char *netns_path, *lease_path, *id;
	net_pod_fn *done;
	void *arg;
	int rc;
	struct err err;
};

static void free_job(struct pod_job *j)
{
	free(j->netns_path);
	free(j->lease_path);
	free(j->id);
	free(j);
}

static void set_ip(struct pod *p, uint32_t addr)
{
	struct in_addr in = { htonl(addr) };

	p->addr = addr;
	inet_ntop(AF_INET, &in, p->ip, sizeof(p->ip));
}

static void host_name(char out[LINK_NAME_MAX], const struct net *n, uint32_t addr)
{
	snprintf(out, LINK_NAME_MAX, "%s%08x", n->name, addr);
}

static char *lease_path(const struct net *n, const char *ip)
{
	char *path;

	return asprintf(&path, "%s/leases/%s", n->state_dir, ip) < 0 ? NULL : path;
}

static struct pod *new_pod(struct net *n, const char *id, uint32_t addr)
{
	struct pod *p = calloc(1, sizeof(*p));

	if (!p || !(p->id = strdup(id)) || map_put(&n->pods, id, p, NULL)) {
		if (p)
			free(p->id);
		free(p);
		return NULL;
	}
	p->net = n;
	p->unit.is_pod = true;
	list_init(&p->unit.dirty);
	list_init(&p->unit.flying);
	list_add_tail(&n->units, &p->unit.all);
	set_ip(p, addr);
	n->addr_used[addr - n->first_addr] = 1;
	return p;
}

void pods_free(struct pod *p)
{
	for (unsigned i = 0; i < p->port_count; i++) {
		free((char *)p->ports[i].proto);
		free((char *)p->ports[i].ip);
	}
	free(p->ports);
	free(p->id);
	free(p);
}

int pods_wanted(const struct pod *p, struct plan *out)
{
	return plan_pod(out, p->ip, p->ports, p->port_count);
}

static bool take_addr(struct net *n, uint32_t *ret)
{
	uint32_t count = n->last_addr - n->first_addr + 1;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (n->next_addr - n->first_addr + i) % count;

		if (!n->addr_used[at]) {
			*ret = n->first_addr + at;
			n->next_addr = *ret < n->last_addr ? *ret + 1 : n->first_addr;
			return true;
		}
	}
	return false;
}

/* ---- adding ---- */

static void add_run(void *arg)
{
	struct pod_job *j = arg;
	int fd = open(j->lease_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t len = strlen(j->id);

	if (fd < 0 || write(fd, j->id, len) != (ssize_t)len)
		j->rc = err_errno(&j->err, "recording the pod's address in %s", j->lease_path);
	if (fd >= 0)
		close(fd);
	if (!j->rc)
		j->rc = link_pod_add(&j->link, &j->err);
}

static void start_del(struct net *n, struct pod *p);

static void add_done(void *arg)
{
	struct pod_job *j = arg;
	struct pod *p = j->pod;
	struct net *n = p->net;
	char ip[INET_ADDRSTRLEN];
	bool deleted = p->del;

	memcpy(ip, p->ip, sizeof(ip));
	p->adding = false;
	if (deleted || j->rc)
		start_del(n, p);
	if (deleted)
		j->done(j->arg, -ERR_CANCELED, NULL, "the pod was removed");
	else if (j->rc)
		j->done(j->arg, j->rc, NULL, j->err.msg);
	else
		j->done(j->arg, 0, ip, "");
	free_job(j);
}

int net_pod_add(struct net *n, const char *pod_id, const char *netns_path, net_pod_fn *done, void *arg)
{
	struct pod *p = map_get(&n->pods, pod_id);
	struct pod_job *j;
	uint32_t addr;

	if (!*pod_id || strlen(pod_id) > POD_ID_MAX || strpbrk(pod_id, "/\n"))
		return -ERR_BAD_REQUEST;
	if (n->closing)
		return -ERR_CANCELED;
	if (p && p->adding)
		return -ERR_CONFLICT;
	j = calloc(1, sizeof(*j));
	if (!j)
		return -ERR_NOMEM;
	if (!p) {
		if (!take_addr(n, &addr)) {
			free(j);
			return -ERR_FULL;
		}
		p = new_pod(n, pod_id, addr);
	}
	if (p) {
		j->id = strdup(pod_id);
		j->netns_path = strdup(netns_path);
		j->lease_path = lease_path(n, p->ip);
	}
	if (!j->id || !j->netns_path || !j->lease_path) {
		free_job(j);
		if (p)
			start_del(n, p);
		return -ERR_NOMEM;
	}
	j->pod = p;
	j->done = done;
	j->arg = arg;
	j->link.bridge = n->bridge.name;
	j->link.tunnel = peers_tunnel(n);
	j->link.netns_path = j->netns_path;
	host_name(j->link.host_name, n, p->addr);
	addr = htonl(p->addr);
	memcpy(j->link.ip, &addr, 4);
	memcpy(j->link.gateway, n->bridge.gateway, 4);
	p->kept = p->adding = true;
	if (workers_submit(n->links, add_run, add_done, j)) {
		free_job(j);
		p->adding = false;
		start_del(n, p);
		return -ERR_FULL;
	}
	net_dirty(n, &p->unit);
	return 0;
}

/* ---- removing ---- */

struct del_job { struct net *net; char name[LINK_NAME_MAX]; char *lease_path; uint32_t addr; int rc; struct err err; };

static void del_run(void *arg)
{
	struct del_job *j = arg;

	j->rc = link_del(j->name, &j->err);
	if (!j->rc && unlink(j->lease_path) && errno != ENOENT)
		j->rc = err_errno(&j->err, "%s", j->lease_path);
}

static void del_done(void *arg)
{
	struct del_job *j = arg;

	/* An address whose link could not be removed stays taken until the next start. */
	if (j->rc)
		log_error("link %s not removed: %s", j->name, j->err.msg);
	else
		j->net->addr_used[j->addr - j->net->first_addr] = 0;
	free(j->lease_path);
	free(j);
}

/* p leaves the map; its address is free when its link is gone. */
static void start_del(struct net *n, struct pod *p)
{
	struct del_job *j;

	map_del(&n->pods, p->id);
	p->unit.gone = true;
	net_dirty(n, &p->unit);
	j = calloc(1, sizeof(*j));
	if (j) {
		j->net = n;
		j->addr = p->addr;
		j->lease_path = lease_path(n, p->ip);
		host_name(j->name, n, p->addr);
	}
	if (!j || !j->lease_path || workers_submit(n->removals, del_run, del_done, j)) {
		log_error("the link of pod %s is left over until the next start", p->id);
		if (j)
			free(j->lease_path);
		free(j);
	}
}

void net_pod_del(struct net *n, const char *pod_id)
{
	struct pod *p = map_get(&n->pods, pod_id);

	if (!p)
		return;
	if (p->adding)
		p->del = true;
	else
		start_del(n, p);
}

const char *net_pod_address(const struct net *n, const char *pod_id, char ret_link[16])
{
	const struct pod *p = map_get(&n->pods, pod_id);

	if (!p || p->del)
		return NULL;
	host_name(ret_link, n, p->addr);
	return p->ip;
}

void net_bridge_mac(const struct net *n, uint8_t ret[6])
{
	netlink_mac(n->bridge.gateway, ret);
}

void net_pods_keep(struct net *n, const char *const *pod_ids)
{
	size_t it = 0;
	void *v;

	for (size_t i = 0; pod_ids[i]; i++) {
		struct pod *p = map_get(&n->pods, pod_ids[i]);

		if (p)
			p->kept = true;
	}
	while (map_next(&n->pods, &it, NULL, &v)) {
		struct pod *p = v;

		if (!p->kept)
			start_del(n, p);
	}
}

void net_hostport(struct net *n, const char *pod_id, const char *ip, const char *proto, int host_port, int port)
{
	struct pod *p = map_get(&n->pods, pod_id);
	struct plan_hostport *ports;
	char *proto_copy = strdup(proto), *ip_copy = strdup(ip);

	for (unsigned i = 0; p && i < p->port_count; i++)
		if (p->ports[i].host_port == host_port && !strcmp(p->ports[i].proto, proto))
			p = NULL;              /* told before */
	ports = p ? realloc(p->ports, (p->port_count + 1) * sizeof(*ports)) : NULL;
	if (ports)
		p->ports = ports;
	if (!ports || !proto_copy || !ip_copy) {
		free(proto_copy);
		free(ip_copy);
		return;
	}
	p->ports[p->port_count++] = (struct plan_hostport){ proto_copy, ip_copy, host_port, port };
	net_dirty(n, &p->unit);
}

/* ---- what an earlier life left ---- */

static void load_lease(struct net *n, const char *ip)
{
	BUF_AUTO struct buf id = { 0 };
	struct in_addr in;
	char *path;
	uint32_t addr;
	struct err e;

	if (inet_pton(AF_INET, ip, &in) != 1)
		return;
	addr = ntohl(in.s_addr);
	path = lease_path(n, ip);
	if (path && addr >= n->first_addr && addr <= n->last_addr && !file_read(path, POD_ID_MAX, &id, &e) &&
	    id.len && !map_get(&n->pods, id.p)) {
		struct pod *p = new_pod(n, id.p, addr);

		if (p) {
			n->next_addr = addr < n->last_addr ? addr + 1 : n->first_addr;
			net_dirty(n, &p->unit);
		}
	} else if (path) {
		char name[LINK_NAME_MAX];

		/* Not an address of this range, or cut short: nobody can ask for it again. */
		host_name(name, n, addr);
		link_del(name, NULL);
		unlink(path);
	}
	free(path);
}

int pods_open(struct net *n, struct err *reterr)
{
	BUF_AUTO struct buf path = { 0 };
	struct dirent *e;
	DIR *d;
	int rc;

	n->addr_used = calloc(n->last_addr - n->first_addr + 1, 1);
	buf_printf(&path, "%s/leases", n->state_dir);
	if (!n->addr_used || path.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	if ((rc = file_mkdirs(path.p, 0700, reterr)))
		return rc;
	d = opendir(path.p);
	if (!d)
		return err_errno(reterr, "%s", path.p);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			load_lease(n, e->d_name);
	closedir(d);
	return 0;
}
