/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent - opens the parts, follows this node's pods, takes up what an earlier life left.
 */
#define LOG_MODULE "agent"
#include "base/log.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/agent_priv.h"
#include "agent/node_priv.h"
#include "base/file.h"
#include "doc/doc.h"
#include "net/ip.h"

#define PODS_MAX_DEFAULT 110
#define WORKER_JOBS_MAX 4000
#define ORPHAN_GRACE_MS 10000

/* ---- pods ---- */

static void container_exited(void *arg, const char *id, const struct runtime_status *st)
{
	struct agent *a = arg;
	struct ctr *c = map_get(&a->by_ctr, id);
	struct adopted *ad = map_get(&a->adopted, id);

	/* Its pod is not known yet: it will be taken up as it is now. */
	if (ad)
		ad->st = *st;
	if (!c || strcmp(c->id, id))
		return;
	ctr_exited(c, st);
	if (a->kubelet)
		kubelet_log_ended(a->kubelet, id);
}

static void found(void *arg, const char *id, const char *pod_id, const struct runtime_status *st)
{
	struct agent *a = arg;
	struct adopted *ad = calloc(1, sizeof(*ad));

	if (!ad)
		return;
	snprintf(ad->pod_id, sizeof(ad->pod_id), "%s", pod_id);
	ad->st = *st;
	if (map_put(&a->adopted, id, ad, NULL))
		free(ad);
}

struct orphan { struct agent *a; char id[CTR_ID_MAX]; };

static void orphan_stopped(void *arg, int rc, const char *message)
{
	struct orphan *o = arg;

	(void)rc, (void)message;
	if (!o->a->closing) {
		image_unmount(o->a->images, o->id, NULL, NULL);
		runtime_remove(o->a->rt, o->id, NULL, NULL);
	}
	free(o);
}

/* Containers whose pod is gone from the API are stopped in their own time. */
static void drop_orphans(struct agent *a)
{
	const char *id;
	size_t it = 0;
	void *v;

	while (map_next(&a->adopted, &it, &id, &v)) {
		struct adopted *ad = v;
		struct orphan *o = calloc(1, sizeof(*o));

		log_info("container %s of a pod that is gone: stopping it", id);
		if (o) {
			o->a = a;
			snprintf(o->id, sizeof(o->id), "%s", id);
			if (ad->st.state != RUNTIME_RUNNING ||
			    runtime_stop(a->rt, id, SIGTERM, ORPHAN_GRACE_MS, orphan_stopped, o))
				orphan_stopped(o, 0, "");
		}
		map_del(&a->adopted, id);
		free(ad);
	}
}

/* Names in dir of pods that are gone: fn gets the pod's uid, which begins at the last
 * `before` in the name (0: with the name) and ends at its first `after`. */
static void each_leftover(struct agent *a, const char *dir, char before, char after,
	void (*fn)(struct agent *a, const char *path, const char *uid))
{
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d))) {
		const char *at = before ? strrchr(e->d_name, before) : NULL;
		char path[PATH_MAX + 256], uid[CTR_ID_MAX];

		at = at ? at + 1 : e->d_name;
		snprintf(uid, sizeof(uid), "%.*s", (int)(after ? strcspn(at, (char[]){ after, 0 }) : strlen(at)), at);
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.' && *uid && !map_get(&a->pods, uid))
			fn(a, path, uid);
	}
	if (d)
		closedir(d);
}

static void drop_sandbox(struct agent *a, const char *path, const char *uid)
{
	static const char *const groups[] = { "", "burstable/", "besteffort/" };

	(void)path;
	for (unsigned i = 0; i < 3; i++) {
		char cgroup[CTR_ID_MAX + 20];

		snprintf(cgroup, sizeof(cgroup), "%spod%s", groups[i], uid);
		runtime_sandbox_remove(a->rt, uid, cgroup);
	}
}

static void drop_pod(struct agent *a, const char *path, const char *uid)
{
	struct pod gone = { .a = a, .dir = (char *)path };

	volumes_remove(&gone);
	drop_sandbox(a, path, uid);
}

static void drop_logs(struct agent *a, const char *path, const char *uid)
{
	(void)uid;
	agent_remove_tree(a, path);
}

/* What was not removed before the agent ended, or of pods that went while it was away. */
static void drop_leftovers(struct agent *a)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/ns", a->run_dir);
	each_leftover(a, path, 0, '.', drop_sandbox);
	snprintf(path, sizeof(path), "%s/pods", a->data_dir);
	each_leftover(a, path, 0, 0, drop_pod);
	snprintf(path, sizeof(path), "%s/logs", a->data_dir);
	each_leftover(a, path, '_', 0, drop_logs);
}

static void tree_run(void *path)
{
	struct err e;

	if (file_remove_tree(path, &e))
		log_warn("%s", e.msg);
}

void agent_remove_tree(struct agent *a, const char *path)
{
	char *copy = strdup(path);

	if (copy && workers_submit(a->removals, tree_run, free, copy))
		free(copy);            /* found at the next start */
}

static void keep_known(struct agent *a)
{
	const char **pods = calloc(a->pods.len + 1, sizeof(*pods)), **ctrs = calloc(a->by_ctr.len + 1, sizeof(*ctrs));
	const char *key;
	size_t it = 0, n = 0;
	void *v;

	while (pods && map_next(&a->pods, &it, &key, &v))
		pods[n++] = key;
	if (pods && a->cni)
		cni_pods_keep(a->cni, pods);
	else if (pods && a->net)
		net_pods_keep(a->net, pods);
	it = n = 0;
	while (ctrs && map_next(&a->by_ctr, &it, &key, &v))
		ctrs[n++] = key;
	if (ctrs)
		image_mounts_keep(a->images, ctrs);
	free(pods);
	free(ctrs);
}

void agent_maybe_ready(struct agent *a)
{
	void (*ready)(void *arg) = a->ready;

	if (!ready || !a->pods_synced || !a->node || !node_up(a->node))
		return;
	a->ready = NULL;
	certs_node_up(a->certs);
	ready(a->ready_arg);
}

static void pod_event(void *arg, enum client_event ev, yyjson_val *obj)
{
	struct agent *a = arg;
	const char *uid = obj ? doc_str(obj, "metadata.uid") : NULL;
	struct pod *p;

	if (ev == CLIENT_SYNCED) {
		if (!a->pods_synced) {
			a->pods_synced = true;
			policies_pods_known(a->policies);
			keep_known(a);
			drop_orphans(a);
			drop_leftovers(a);
			agent_maybe_ready(a);
		}
		return;
	}
	p = uid ? map_get(&a->pods, uid) : NULL;
	if (ev == CLIENT_DELETED) {
		/* A list after a gap knows only the name of what went away. */
		if (!p && !uid && doc_str(obj, "metadata.name"))
			p = pod_find(a, doc_str(obj, "metadata.namespace") ? doc_str(obj, "metadata.namespace") : "",
				doc_str(obj, "metadata.name"));
		if (p)
			pod_deleted(p);
	} else if (p) {
		pod_update(p, obj);
		policies_pod(a->policies, p);
	} else {
		/* The same name under another uid: the one before is gone. */
		p = doc_str(obj, "metadata.name") ? pod_find(a, doc_str(obj, "metadata.namespace"), doc_str(obj, "metadata.name")) :
			NULL;
		if (p)
			pod_deleted(p);
		p = pod_open(a, obj);
		if (p)
			policies_pod(a->policies, p);
		else
			log_error("pod %s: out of memory", doc_str(obj, "metadata.name"));
	}
}

/* ---- opening ---- */

/* The address that the default route of a family leaves by; a documentation address: connecting a
 * datagram socket sends nothing. */
static bool own_address(char out[INET6_ADDRSTRLEN], int af)
{
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) }, from6;
	struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_port = htons(53) }, from4;
	bool six = af == AF_INET6;
	socklen_t len = six ? sizeof(from6) : sizeof(from4);
	int fd = socket(af, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool found;

	inet_pton(AF_INET, "192.0.2.1", &to4.sin_addr);
	inet_pton(AF_INET6, "2001:db8::1", &to6.sin6_addr);
	found = fd >= 0 && !connect(fd, six ? (struct sockaddr *)&to6 : (struct sockaddr *)&to4, len) &&
		!getsockname(fd, six ? (struct sockaddr *)&from6 : (struct sockaddr *)&from4, &len) &&
		inet_ntop(af, six ? (void *)&from6.sin6_addr : (void *)&from4.sin_addr, out, INET6_ADDRSTRLEN);
	if (fd >= 0)
		close(fd);
	return found;
}

/* The first that is up. */
static void any_address(char out[INET6_ADDRSTRLEN])
{
	struct ifaddrs *all = NULL;

	strcpy(out, "127.0.0.1");
	if (getifaddrs(&all))
		return;
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK) ||
		    !(i->ifa_flags & IFF_UP) || !strncmp(i->ifa_name, "sampan", 6))
			continue;
		inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, out, INET6_ADDRSTRLEN);
		break;
	}
	freeifaddrs(all);
}

/* IPv4's first; "": none of the second. */
static void own_addresses(char out[2][INET6_ADDRSTRLEN])
{
	bool four = own_address(out[0], AF_INET), six = own_address(out[four], AF_INET6) && strncmp(out[four], "fe80", 4) != 0;

	if (!four && !six)
		any_address(out[0]);
	if (!four || !six)
		*out[1] = 0;
}

static const char *or(const char *s, const char *dflt)
{
	return s && *s ? s : dflt;
}

static int open_cni(struct agent *a, const struct agent_config *cfg, struct err *reterr)
{
	const char *dir = or(cfg->cni_dir, "/etc/cni/net.d");
	struct cni_config cni = { .conf_dir = strcmp(dir, "none") ? dir : "", .bin_dirs = or(cfg->cni_bin_dir, "/opt/cni/bin:/usr/lib/cni") };
	char state[PATH_MAX];

	snprintf(state, sizeof(state), "%s/net", a->data_dir);
	cni.state_dir = state;
	return a->fake ? 0 : cni_open(&a->cni, a->loop, &cni, reterr);
}

static int open_parts(struct agent *a, const struct agent_config *cfg, struct err *reterr)
{
	struct runtime_events ev = { .exited = container_exited };
	struct image_store_config images = { .insecure_registries = cfg->insecure_registries, .mirror = cfg->mirror };
	char path[PATH_MAX], state[PATH_MAX];
	const char *runtime = or(cfg->runtime, "crun");
	int rc;

	rc = client_open_kubeconfig(&a->client, a->loop, cfg->kubeconfig, cfg->server, reterr);
	if (rc)
		return rc;
	if (api_servers_open(&a->servers, a, cfg->kubeconfig))
		return err_set(reterr, ERR_NOMEM, "out of memory");
	snprintf(state, sizeof(state), "%s/containers", a->data_dir);
	snprintf(path, sizeof(path), "%s/pods", a->data_dir);
	if (file_mkdirs(state, 0711, reterr) || file_mkdirs(path, 0711, reterr) || file_mkdirs(a->run_dir, 0711, reterr))
		return -ERR_IO;
	rc = runtime_open(&a->rt, a->loop, runtime, state, a->run_dir, &ev, a, reterr);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/images", a->data_dir);
	images.dir = path;
	rc = image_open(&a->images, a->loop, &images, reterr);
	if (rc)
		return rc;
	if (workers_open(&a->workers, a->loop, "agent", 1, WORKER_JOBS_MAX) ||
	    workers_open(&a->removals, a->loop, "agent-removals", 1, WORKER_JOBS_MAX) || fetcher_open(&a->fetcher, a->loop) ||
	    recorder_open(&a->recorder, a) || rotator_open(&a->rotator, a))
		return err_set(reterr, ERR_NOMEM, "out of memory");
	if (cfg->serving_cert && cfg->serving_key && (!cfg->client_key || file_exists(cfg->serving_cert)) &&
	    (rc = kubelet_open(&a->kubelet, a, cfg, reterr)))
		return rc;
	if (certs_open(&a->certs, a, cfg))
		return err_set(reterr, ERR_NOMEM, "out of memory, or of timers");
	return open_cni(a, cfg, reterr);
}

#define RANGES_FILE_MAX 256
#define RANGES_FILE "net/pod-cidr"
#define DNS_NUMBER 10                  /* the address of the cluster DNS in a range of Services'. Source: kubeadm */

static int replace(char **at, const char *text, size_t n)
{
	char *copy = strndup(text, n);

	if (!copy)
		return -ERR_NOMEM;
	free(*at);
	*at = copy;
	return 0;
}

/* The DNS has an address of each range. */
static int set_services(struct agent *a, const char *cidrs, size_t n)
{
	struct ip_range r[IP_FAMILIES];
	char text[2 * IP_TEXT] = "", one[IP_TEXT];
	int first;

	if (replace(&a->service_cidr, cidrs, n))
		return -ERR_NOMEM;
	if (!ip_parse_ranges(r, a->service_cidr, &first))
		return -ERR_INVALID;
	for (int i = 0; i < IP_FAMILIES; i++) {
		const struct ip_range *range = &r[i ? !first : first];
		struct ip dns;

		if (!range->ip.len)
			continue;
		dns = ip_add(&range->ip, DNS_NUMBER);
		ip_text(one, &dns);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", *text ? "," : "", one);
	}
	return replace(&a->dns_ip, text, strlen(text));
}

/* What the Node was given at an earlier start, and, on a second line, the ranges of Services. */
static int known_ranges(struct agent *a)
{
	BUF_AUTO struct buf b = { 0 };
	char path[PATH_MAX], *second;

	snprintf(path, sizeof(path), "%s/" RANGES_FILE, a->data_dir);
	if (file_read(path, RANGES_FILE_MAX, &b, NULL) || !b.p || !*b.p)
		return 0;
	second = strchr(b.p, '\n');
	if (second && second[1] && set_services(a, second + 1, strcspn(second + 1, "\n")) == -ERR_NOMEM)
		return -ERR_NOMEM;
	return replace(&a->pod_cidr, b.p, strcspn(b.p, "\n"));
}

static int open_network(struct agent *a, struct err *reterr)
{
	struct net_config net = { .name = "sampan", .pod_cidr = a->cni ? NULL : a->pod_cidr, .cluster_cidr = a->cluster_cidr,
		.service_cidr = a->service_cidr, .dns_ip = a->dns_ip, .cluster_domain = a->cluster_domain,
		.upstream_resolv = "/etc/resolv.conf" };
	char state[PATH_MAX], addresses[2 * INET6_ADDRSTRLEN];

	snprintf(state, sizeof(state), "%s/net", a->data_dir);
	snprintf(addresses, sizeof(addresses), "%s%s%s", a->address, a->address2 ? "," : "", a->address2 ? a->address2 : "");
	net.state_dir = state;
	net.address = addresses;
	return net_open(&a->net, a->loop, &net, reterr);
}

/* Pods and Services, which need the network. */
static int take_up(struct agent *a, struct err *reterr)
{
	char query[400];

	if (!a->fake && open_network(a, reterr))
		return -ERR_IO;
	a->networked = true;
	snprintf(query, sizeof(query), "fieldSelector=spec.nodeName%%3D%s", a->node_name);
	if (!a->fake && !a->cni && policies_open(&a->policies, a, reterr))
		return -ERR_IO;
	if ((!a->fake && service_ranges_open(&a->service_ranges, a)) || speakers_open(&a->speakers, a) || services_open(&a->services, a) ||
	    client_watch(&a->pods_watch, a->client, kinds_by_resource("", "v1", "pods"), NULL, query, pod_event, a))
		return err_set(reterr, ERR_NOMEM, "out of memory");
	return 0;
}

static int keep_ranges(const struct agent *a, struct err *reterr)
{
	BUF_AUTO struct buf text = { 0 };
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s/net", a->data_dir);
	if ((rc = file_mkdirs(path, 0700, reterr)))
		return rc;
	snprintf(path, sizeof(path), "%s/" RANGES_FILE, a->data_dir);
	buf_printf(&text, "%s\n%s\n", a->pod_cidr, a->service_cidr);
	return text.failed ? err_set(reterr, ERR_NOMEM, "out of memory") : file_replace(path, text.p, text.len, 0600, reterr);
}

void agent_network(struct agent *a, const char *pod_cidr, const char *service_cidr)
{
	struct err e = { 0 };

	if (replace(&a->pod_cidr, pod_cidr, strlen(pod_cidr)) ||
	    (service_cidr && set_services(a, service_cidr, strlen(service_cidr)))) {
		err_set(&e, ERR_INVALID, "ranges %s and %s cannot be used", pod_cidr, service_cidr ? service_cidr : "");
	} else if (!keep_ranges(a, &e) && !take_up(a, &e)) {
		log_info("pods have addresses of %s", pod_cidr);
		node_changed(a->node);
		return;
	}
	log_error("the network of pods: %s", e.msg);
	if (a->failed)
		a->failed(a->ready_arg);
}

const char *agent_listen(const struct agent *a)
{
	return a->address2 || strchr(a->address, ':') ? ":10250" : "0.0.0.0:10250";
}

const char *agent_address2(const struct agent *a)
{
	return a->told_both || (a->pod_cidr && strchr(a->pod_cidr, ',')) ? a->address2 : NULL;
}

/* "a" or "a,b": the Node's, of different families. */
static int set_addresses(struct agent *a, const char *told, struct err *reterr)
{
	char texts[2][INET6_ADDRSTRLEN] = { "", "" };
	struct ip both[IP_FAMILIES];
	int first;

	if (!told) {
		own_addresses(texts);
	} else if (ip_parse_both(both, told, &first)) {
		ip_text(texts[0], &both[first]);       /* as everybody writes them */
		if (both[!first].len)
			ip_text(texts[1], &both[!first]);
	} else {
		return err_set(reterr, ERR_BAD_REQUEST, "the address \"%s\": an IP address, or one of each family with a comma", told);
	}
	a->address = strdup(texts[0]);
	a->address2 = *texts[1] ? strdup(texts[1]) : NULL;
	a->told_both = told && *texts[1];
	return a->address ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");
}

int agent_open(struct agent **ret, struct loop *l, const struct agent_config *cfg, struct err *reterr)
{
	char data[PATH_MAX];
	struct agent *a;
	int rc;

	if (strcmp(or(cfg->runtime, "crun"), "fake") && geteuid())
		return err_set(reterr, ERR_FORBIDDEN, "the agent must run as root");
	rc = file_mkdirs(cfg->data_dir, 0711, reterr);
	if (rc)
		return rc;
	/* Mounts are told apart by their paths: these must be the kernel's. */
	if (!realpath(cfg->data_dir, data))
		return err_errno(reterr, "%s", cfg->data_dir);
	a = calloc(1, sizeof(*a));
	if (!a)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	a->loop = l;
	a->data_dir = strdup(data);
	a->run_dir = strdup(or(cfg->run_dir, "/run/sampan"));
	a->node_name = strdup(cfg->node_name);
	a->dns_ip = strdup(or(cfg->dns_ip, "10.96.0.10"));
	a->cluster_domain = strdup(or(cfg->cluster_domain, "cluster.local"));
	a->cluster_cidr = strdup(or(cfg->cluster_cidr, "10.244.0.0/16"));
	a->service_cidr = strdup(or(cfg->service_cidr, "10.96.0.0/16"));
	a->fake = !strcmp(or(cfg->runtime, "crun"), "fake");
	a->pods_max = cfg->pods_max > 0 ? cfg->pods_max : PODS_MAX_DEFAULT;
	a->lease_s = cfg->lease_s > 0 ? cfg->lease_s : NODE_LEASE_S;
	a->ready = cfg->ready;
	a->failed = cfg->failed;
	a->ready_arg = cfg->arg;
	rc = !a->data_dir || !a->run_dir || !a->node_name || !a->dns_ip || !a->cluster_domain || !a->cluster_cidr ||
		!a->service_cidr ? err_set(reterr, ERR_NOMEM, "out of memory") : node_labels(&a->labels, cfg, reterr);
	if (!rc)
		rc = set_addresses(a, cfg->address, reterr);
	if (!rc)
		rc = open_parts(a, cfg, reterr);
	if (!rc) {
		runtime_adopt(a->rt, found, a);
		rc = known_ranges(a) || (cfg->pod_cidr && replace(&a->pod_cidr, cfg->pod_cidr, strlen(cfg->pod_cidr))) ?
			err_set(reterr, ERR_NOMEM, "out of memory") : 0;
		if (!rc && (a->fake || a->cni || a->pod_cidr))
			rc = take_up(a, reterr);
	}
	if (!rc && (node_open(&a->node, a) || (!a->fake && nodes_open(&a->nodes, a))))
		rc = err_set(reterr, ERR_NOMEM, "out of memory");
	if (rc) {
		agent_close(a);
		return rc;
	}
	*ret = a;
	return 0;
}

void agent_close(struct agent *a)
{
	const char *key;
	size_t it = 0;
	void *v;

	if (!a)
		return;
	a->closing = true;
	certs_close(a->certs);
	kubelet_close(a->kubelet);
	a->kubelet = NULL;
	if (a->pods_watch)
		client_watch_close(a->pods_watch);
	service_ranges_close(a->service_ranges);
	a->service_ranges = NULL;
	services_close(a->services);
	a->services = NULL;
	policies_close(a->policies);
	a->policies = NULL;
	nodes_close(a->nodes);
	a->nodes = NULL;
	speakers_close(a->speakers);
	a->speakers = NULL;
	while (map_next(&a->pods, &it, &key, &v)) {
		struct pod *p = v;

		refs_drop(p);
		for (unsigned i = 0; i < p->ctr_count; i++) {
			probes_stop(&p->ctrs[i]);
			handler_cancel(p->ctrs[i].hook);
			p->ctrs[i].hook = NULL;
			rotator_del(p->ctrs[i].log);
			p->ctrs[i].log = NULL;
		}
	}
	if (a->client)
		client_close(a->client);
	if (a->images)
		image_close(a->images);
	runtime_close(a->rt);
	if (a->net)
		net_close(a->net);
	cni_close(a->cni);
	if (a->workers)
		workers_close(a->workers);
	if (a->removals)
		workers_close(a->removals);
	it = 0;
	while (map_next(&a->pods, &it, &key, &v))
		pod_close(v);
	it = 0;
	while (map_next(&a->adopted, &it, &key, &v))
		free(v);
	api_servers_close(a->servers);
	node_close(a->node);
	rotator_close(a->rotator);
	recorder_close(a->recorder);
	fetcher_close(a->fetcher);
	map_finish(&a->pods);
	map_finish(&a->by_ctr);
	map_finish(&a->refs);
	map_finish(&a->adopted);
	free(a->data_dir);
	free(a->run_dir);
	free(a->node_name);
	free(a->address);
	free(a->address2);
	free(a->dns_ip);
	free(a->cluster_domain);
	free(a->cluster_cidr);
	free(a->service_cidr);
	free(a->pod_cidr);
	free(a->labels);
	free(a);
}
