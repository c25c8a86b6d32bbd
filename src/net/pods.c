/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pods - addresses and links of pods.
 *
 * An address is free, or some pod's: adding -> there -> removing -> free. Each is
 * recorded as state_dir/leases/<address> holding the pod's id, written before the
 * link is made and removed after it is gone, so that no crash gives one address to
 * two pods. Addresses are handed out in turn: one that was freed rests longest. A pod's
 * addresses of both families have one number, a slot; the first one names lease and link.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "net/net_priv.h"
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

#define FIRST_SLOT 2u                  /* behind the range's own address and the bridge's */

static void set_ips(struct net *n, struct pod *p, uint32_t slot)
{
	int second = n->first_pods == IP4 ? IP6 : IP4;

	p->slot = slot;
	for (int f = 0; f < IP_FAMILIES; f++)
		if (n->pods_of[f].ip.len)
			p->ips[f] = ip_add(&n->pods_of[f].ip, FIRST_SLOT + slot);
	ip_text(p->texts[0], &p->ips[n->first_pods]);
	if (p->ips[second].len)
		ip_text(p->texts[1], &p->ips[second]);
}

static void host_name(char out[LINK_NAME_MAX], const struct net *n, const struct ip *first)
{
	snprintf(out, LINK_NAME_MAX, "%s%08x", n->name, ip_low(first));
}

static char *lease_path(const struct net *n, const char *ip)
{
	char *path;

	return asprintf(&path, "%s/leases/%s", n->state_dir, ip) < 0 ? NULL : path;
}

static struct pod *new_pod(struct net *n, const char *id, uint32_t slot)
{
	struct pod *p = calloc(1, sizeof(*p));

	if (!p || !(p->id = strdup(id)) || map_put(&n->pods, id, p, NULL)) {
		if (p)
			free(p->id);
		free(p);
		return NULL;
	}
	p->net = n;
	p->unit.kind = UNIT_POD;
	list_init(&p->unit.dirty);
	list_init(&p->unit.flying);
	list_add_tail(&n->units, &p->unit.all);
	set_ips(n, p, slot);
	n->slot_used[slot] = 1;
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
	return plan_pod(out, &p->net->base, p->ips, p->ports, p->port_count);
}

static bool take_slot(struct net *n, uint32_t *ret)
{
	for (uint32_t i = 0; i < n->slot_count; i++) {
		uint32_t at = (n->next_slot + i) % n->slot_count;

		if (!n->slot_used[at]) {
			*ret = at;
			n->next_slot = (at + 1) % n->slot_count;
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
	char texts[IP_FAMILIES][IP_TEXT];
	const char *const ips[2] = { texts[0], *p->texts[1] ? texts[1] : NULL }, *const none[2] = { NULL, NULL };
	bool deleted = p->del;

	memcpy(texts, p->texts, sizeof(texts));
	p->adding = false;
	if (deleted || j->rc)
		start_del(n, p);
	if (deleted)
		j->done(j->arg, -ERR_CANCELED, none, "the pod was removed");
	else if (j->rc)
		j->done(j->arg, j->rc, none, j->err.msg);
	else
		j->done(j->arg, 0, ips, "");
	free_job(j);
}

int net_pod_add(struct net *n, const char *pod_id, const char *netns_path, net_pod_fn *done, void *arg)
{
	struct pod *p = map_get(&n->pods, pod_id);
	struct pod_job *j;
	uint32_t slot;

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
		if (!take_slot(n, &slot)) {
			free(j);
			return -ERR_FULL;
		}
		p = new_pod(n, pod_id, slot);
	}
	if (p) {
		j->id = strdup(pod_id);
		j->netns_path = strdup(netns_path);
		j->lease_path = lease_path(n, p->texts[0]);
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
	j->link.tunnel = peers_tunnel(n);
	j->link.netns_path = j->netns_path;
	host_name(j->link.host_name, n, &p->ips[n->first_pods]);
	memcpy(j->link.ip, p->ips, sizeof(j->link.ip));
	memcpy(j->link.gateway, n->bridge.gateway, sizeof(j->link.gateway));
	j->link.mac_of = p->ips[p->ips[IP4].len ? IP4 : IP6];
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

struct del_job { struct net *net; char name[LINK_NAME_MAX]; char *lease_path; uint32_t slot; int rc; struct err err; };

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
		j->net->slot_used[j->slot] = 0;
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
		j->slot = p->slot;
		j->lease_path = lease_path(n, p->texts[0]);
		host_name(j->name, n, &p->ips[n->first_pods]);
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

bool net_pod_addresses(const struct net *n, const char *pod_id, const char *ret_ips[2], char ret_link[16])
{
	const struct pod *p = map_get(&n->pods, pod_id);

	if (!p || p->del)
		return false;
	host_name(ret_link, n, &p->ips[n->first_pods]);
	ret_ips[0] = p->texts[0];
	ret_ips[1] = *p->texts[1] ? p->texts[1] : NULL;
	return true;
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
		if (p->ports[i].host_port == host_port && !strcmp(p->ports[i].proto, proto) && !strcmp(p->ports[i].ip, ip))
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

/* The slot of an address of this node's pods; false: it is none. */
static bool slot_of(const struct net *n, const struct ip *ip, uint32_t *ret)
{
	const struct ip_range *r = &n->pods_of[n->first_pods];
	uint32_t slot = ip_low(ip) - ip_low(&r->ip) - FIRST_SLOT;
	struct ip is;

	if (!ip_within(r, ip) || slot >= n->slot_count)
		return false;
	is = ip_add(&r->ip, FIRST_SLOT + slot);
	*ret = slot;
	return ip_same(&is, ip);
}

static void load_lease(struct net *n, const char *text)
{
	BUF_AUTO struct buf id = { 0 };
	struct ip ip;
	char *path;
	uint32_t slot;
	struct err e;

	if (!ip_parse(&ip, text))
		return;
	path = lease_path(n, text);
	if (path && slot_of(n, &ip, &slot) && !file_read(path, POD_ID_MAX, &id, &e) && id.len && !map_get(&n->pods, id.p)) {
		struct pod *p = new_pod(n, id.p, slot);

		if (p) {
			n->next_slot = (slot + 1) % n->slot_count;
			net_dirty(n, &p->unit);
		}
	} else if (path) {
		char name[LINK_NAME_MAX];

		/* Not an address of this range, or cut short: nobody can ask for it again. */
		host_name(name, n, &ip);
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

	n->slot_used = calloc(n->slot_count, 1);
	buf_printf(&path, "%s/leases", n->state_dir);
	if (!n->slot_used || path.failed)
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
