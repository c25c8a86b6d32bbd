/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfiles - /etc/hosts and /etc/resolv.conf of a pod.
 * Source: kubelet kubelet_pods.go (hosts file), network/dns (resolv.conf).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent_priv.h"
#include "base/file.h"
#include "doc/doc.h"

#define SEARCH_MAX 32
#define NAMESERVERS_MAX 3

void hosts_file(struct buf *out, yyjson_val *pod, const char *const ips[2], const char *hostname, const char *cluster_domain)
{
	const char *sub = doc_str(pod, "spec.subdomain");
	yyjson_val *alias, *name;
	size_t i, n, j, m;

	buf_adds(out, "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
		"fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n");
	for (unsigned k = 0; k < 2; k++) {
		const char *ip = ips[k];

		if (!ip || !*ip)
			continue;
		if (sub && *sub)
			buf_printf(out, "%s\t%s.%s.%s.svc.%s\t%s\n", ip, hostname, sub, doc_str(pod, "metadata.namespace"),
				cluster_domain, hostname);
		else
			buf_printf(out, "%s\t%s\n", ip, hostname);
	}
	if (doc_len(pod, "spec.hostAliases"))
		buf_adds(out, "\n# Entries added by HostAliases.\n");
	yyjson_arr_foreach(doc_get(pod, "spec.hostAliases"), i, n, alias) {
		buf_adds(out, doc_str(alias, "ip") ? doc_str(alias, "ip") : "");
		yyjson_arr_foreach(yyjson_obj_get(alias, "hostnames"), j, m, name)
			buf_printf(out, "\t%s", yyjson_get_str(name));
		buf_addc(out, '\n');
	}
}

struct resolv { char *servers[NAMESERVERS_MAX], *search[SEARCH_MAX]; unsigned server_count, search_count; struct strv options; };

static void resolv_add(char **v, unsigned *n, unsigned max, const char *s, size_t len)
{
	for (unsigned i = 0; i < *n; i++)
		if (strlen(v[i]) == len && !memcmp(v[i], s, len))
			return;
	if (*n < max && len)
		v[(*n)++] = strndup(s, len);
}

/* "ndots:5": a later one of the same name replaces the earlier. */
static void resolv_option(struct resolv *r, const char *name, size_t name_len, const char *text, size_t len)
{
	for (size_t i = 0; i < r->options.n; i++)
		if (!strncmp(r->options.v[i], name, name_len) && (r->options.v[i][name_len] == ':' || !r->options.v[i][name_len])) {
			free(r->options.v[i]);
			r->options.v[i] = strndup(text, len);
			return;
		}
	strv_add(&r->options, "%.*s", (int)len, text);
}

static void resolv_parse(struct resolv *r, const char *host, bool servers, bool options)
{
	for (const char *line = host; *line;) {
		size_t len = strcspn(line, "\n");
		size_t word = strcspn(line, " \t\n");
		const char *p = line + word, *end = line + len;
		bool server = word == 10 && !memcmp(line, "nameserver", 10), search = word == 6 && !memcmp(line, "search", 6);
		bool option = word == 7 && !memcmp(line, "options", 7);

		while (p < end && (server || search || option)) {
			size_t n;

			p += strspn(p, " \t");
			n = strcspn(p, " \t\n");
			if (!n)
				break;
			if (server && servers)
				resolv_add(r->servers, &r->server_count, NAMESERVERS_MAX, p, n);
			else if (search)
				resolv_add(r->search, &r->search_count, SEARCH_MAX, p, n);
			else if (option && options)
				resolv_option(r, p, strcspn(p, ": \t\n"), p, n);
			p += n;
		}
		line += len + (line[len] == '\n');
	}
}

void resolv_conf(struct buf *out, yyjson_val *pod, const char *host, const char *ns, const char *dns_ip,
	const char *cluster_domain)
{
	const char *policy = doc_str(pod, "spec.dnsPolicy");
	yyjson_val *config = doc_get(pod, "spec.dnsConfig"), *v;
	struct resolv r = { 0 };
	size_t i, n;

	if (!policy)
		policy = "ClusterFirst";
	if (!strcmp(policy, "ClusterFirst") && spec_host_network(pod))
		policy = "Default";
	if (!strncmp(policy, "ClusterFirst", 12)) {
		char text[512];

		for (const char *at = dns_ip; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
			resolv_add(r.servers, &r.server_count, NAMESERVERS_MAX, at, strcspn(at, ","));
		snprintf(text, sizeof(text), "search %s.svc.%s svc.%s %s\n", ns, cluster_domain, cluster_domain, cluster_domain);
		resolv_parse(&r, text, false, false);
		resolv_parse(&r, host, false, false);
		resolv_option(&r, "ndots", 5, "ndots:5", 7);
	} else if (!strcmp(policy, "Default")) {
		resolv_parse(&r, host, true, true);
	}
	yyjson_arr_foreach(doc_get(config, "nameservers"), i, n, v)
		resolv_add(r.servers, &r.server_count, NAMESERVERS_MAX, yyjson_get_str(v), yyjson_get_len(v));
	yyjson_arr_foreach(doc_get(config, "searches"), i, n, v)
		resolv_add(r.search, &r.search_count, SEARCH_MAX, yyjson_get_str(v), yyjson_get_len(v));
	yyjson_arr_foreach(doc_get(config, "options"), i, n, v) {
		const char *name = doc_str(v, "name"), *value = doc_str(v, "value");
		char text[256];
		int len = snprintf(text, sizeof(text), value && *value ? "%s:%s" : "%s", name ? name : "", value);

		if (name && len < (int)sizeof(text))
			resolv_option(&r, name, strlen(name), text, (size_t)len);
	}
	if (r.search_count)
		buf_adds(out, "search");
	for (unsigned k = 0; k < r.search_count; k++) {
		buf_printf(out, " %s", r.search[k]);
		free(r.search[k]);
	}
	if (r.search_count)
		buf_addc(out, '\n');
	for (unsigned k = 0; k < r.server_count; k++) {
		buf_printf(out, "nameserver %s\n", r.servers[k]);
		free(r.servers[k]);
	}
	if (r.options.n)
		buf_adds(out, "options");
	for (size_t k = 0; k < r.options.n; k++)
		buf_printf(out, " %s", r.options.v[k]);
	if (r.options.n)
		buf_addc(out, '\n');
	strv_finish(&r.options);
}

/* Written in place: the file is bind-mounted into running containers. */
static int write_file(const char *path, const struct buf *b, struct err *reterr)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), rc = 0;

	if (fd < 0)
		return err_errno(reterr, "create %s", path);
	if (write(fd, b->p ? b->p : "", b->len) != (ssize_t)b->len)
		rc = err_errno(reterr, "write %s", path);
	close(fd);
	return rc;
}

int podfiles_write(struct pod *p, struct err *reterr)
{
	BUF_AUTO struct buf hosts = { 0 };
	BUF_AUTO struct buf resolv = { 0 };
	BUF_AUTO struct buf machine = { 0 };
	char path[PATH_MAX], host[64];
	int rc;

	/* Taken up again: what runs has them, and may have changed them. */
	snprintf(path, sizeof(path), "%s/resolv.conf", p->dir);
	for (unsigned i = 0; i < p->ctr_count; i++)
		if (p->ctrs[i].st.state == CTR_RUNNING && file_exists(path))
			return 0;
	spec_hostname(host, p->obj);
	if (spec_host_network(p->obj))
		file_read("/etc/hosts", 1 << 20, &hosts, NULL);
	else
		hosts_file(&hosts, p->obj, (const char *const[2]){ p->ip, p->ip6 }, host, p->a->cluster_domain);
	if (file_read("/etc/resolv.conf", 64 << 10, &machine, NULL))
		buf_adds(&machine, "");
	resolv_conf(&resolv, p->obj, machine.p ? machine.p : "", p->ns, p->a->dns_ip, p->a->cluster_domain);
	snprintf(path, sizeof(path), "%s/hosts", p->dir);
	rc = write_file(path, &hosts, reterr);
	snprintf(path, sizeof(path), "%s/resolv.conf", p->dir);
	return rc ? rc : write_file(path, &resolv, reterr);
}
