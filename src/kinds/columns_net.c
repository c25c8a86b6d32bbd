/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table cells of what is on the network.
 * Source: kubernetes pkg/printers/internalversion/printers.go.
 */
#include <stdlib.h>
#include <string.h>

#include "kinds/columns.h"

#define SHOWN_MAX 3    /* list items before "+ N more..." */

/* The addresses a load balancer answers at, sorted, each once. */
static void balancer_points(struct buf *b, yyjson_val *ingress)
{
	struct cells_set points = { 0 };
	yyjson_arr_iter it;
	yyjson_val *m;

	yyjson_arr_iter_init(ingress, &it);
	while ((m = yyjson_arr_iter_next(&it))) {
		const char *ip = cells_str(m, "ip"), *name = cells_str(m, "hostname");
		if (*ip || *name)
			cells_set_add(&points, *ip ? ip : name);
	}
	cells_set_write(&points, b, ",");
}

static void join_strings(struct buf *b, yyjson_val *list)
{
	yyjson_arr_iter it;
	yyjson_val *m;

	yyjson_arr_iter_init(list, &it);
	while ((m = yyjson_arr_iter_next(&it)))
		cells_join(b, yyjson_get_str(m), ",");
}

static void external_ip(struct cells *c)
{
	const char *type = doc_str(c->v, "spec.type");
	BUF_AUTO struct buf b = { 0 };
	bool balancer = type && !strcmp(type, "LoadBalancer");

	if (type && !strcmp(type, "ExternalName")) {
		cell_path(c, "spec.externalName");
		return;
	}
	if (balancer)
		balancer_points(&b, doc_get(c->v, "status.loadBalancer.ingress"));
	join_strings(&b, doc_get(c->v, "spec.externalIPs"));
	if (!b.len)
		buf_adds(&b, balancer ? "<pending>" : "<none>");
	cell_buf(c, &b);
}

static void ports(struct cells *c)
{
	BUF_AUTO struct buf b = { 0 };
	yyjson_arr_iter it;
	yyjson_val *m;

	yyjson_arr_iter_init(doc_get(c->v, "spec.ports"), &it);
	while ((m = yyjson_arr_iter_next(&it))) {
		long long port = doc_int(m, "port", 0), node = doc_int(m, "nodePort", 0);
		const char *protocol = doc_str(m, "protocol");
		if (b.len)
			buf_addc(&b, ',');
		if (node)
			buf_printf(&b, "%lld:%lld/%s", port, node, protocol ? protocol : "");
		else
			buf_printf(&b, "%lld/%s", port, protocol ? protocol : "");
	}
	if (!b.len)
		buf_adds(&b, "<none>");
	cell_buf(c, &b);
}

void cells_service(struct cells *c)
{
	const char *ip = doc_str(c->v, "spec.clusterIPs.0");

	cell_name(c);
	cell_path(c, "spec.type");
	cell_or(c, ip ? ip : doc_str(c->v, "spec.clusterIP"), "<none>");
	external_ip(c);
	ports(c);
	cell_age(c);
	cell_labels(c, doc_get(c->v, "spec.selector"));
}

void cells_ingress(struct cells *c)
{
	yyjson_val *rules = doc_get(c->v, "spec.rules"), *m;
	BUF_AUTO struct buf hosts = { 0 }, address = { 0 };
	yyjson_arr_iter it;
	int n = 0;
	bool more = false;

	yyjson_arr_iter_init(rules, &it);
	while ((m = yyjson_arr_iter_next(&it))) {
		const char *host = doc_str(m, "host");
		more |= n == SHOWN_MAX;
		if (more || !host || !*host)
			continue;
		cells_join(&hosts, host, ",");
		n++;
	}
	if (more)
		buf_printf(&hosts, " + %zu more...", yyjson_arr_size(rules) - SHOWN_MAX);
	if (!hosts.len)
		buf_addc(&hosts, '*');
	balancer_points(&address, doc_get(c->v, "status.loadBalancer.ingress"));
	cell_name(c);
	cell_path_or(c, "spec.ingressClassName", "<none>");
	cell_buf(c, &hosts);
	cell_buf(c, &address);
	cell_text(c, doc_len(c->v, "spec.tls") ? "80, 443" : "80");
	cell_age(c);
}

void cells_ingress_class(struct cells *c)
{
	BUF_AUTO struct buf b = { 0 };
	const char *group = doc_str(c->v, "spec.parameters.apiGroup");

	if (doc_get(c->v, "spec.parameters"))
		buf_printf(&b, "%s%s%s/%s", cells_str(c->v, "spec.parameters.kind"), group ? "." : "",
			group ? group : "", cells_str(c->v, "spec.parameters.name"));
	else
		buf_adds(&b, "<none>");
	cell_name(c);
	cell_path(c, "spec.controller");
	cell_buf(c, &b);
	cell_age(c);
}

/* One more item of a list that shows SHOWN_MAX and counts the rest. */
static void show(struct buf *b, size_t *n, const char *s, yyjson_val *port)
{
	if ((*n)++ >= SHOWN_MAX)
		return;
	cells_join(b, "", ",");
	if (port && strchr(s, ':'))
		buf_printf(b, "[%s]:%lld", s, (long long)yyjson_get_sint(port));
	else if (port)
		buf_printf(b, "%s:%lld", s, (long long)yyjson_get_sint(port));
	else
		buf_adds(b, s);
}

static void show_end(struct cells *c, struct buf *b, size_t n, const char *none)
{
	if (n > SHOWN_MAX)
		buf_printf(b, " + %zu more...", n - SHOWN_MAX);
	if (!n)
		buf_adds(b, none);
	cell_buf(c, b);
}

static void show_addresses(struct buf *b, size_t *n, yyjson_val *subset, yyjson_val *port)
{
	yyjson_arr_iter it;
	yyjson_val *m;

	yyjson_arr_iter_init(yyjson_obj_get(subset, "addresses"), &it);
	while ((m = yyjson_arr_iter_next(&it)))
		if (doc_str(m, "ip"))
			show(b, n, doc_str(m, "ip"), port);
}

void cells_endpoints(struct cells *c)
{
	BUF_AUTO struct buf b = { 0 };
	yyjson_arr_iter it, pit;
	yyjson_val *m, *p;
	size_t n = 0;

	cell_name(c);
	yyjson_arr_iter_init(doc_get(c->v, "subsets"), &it);
	while ((m = yyjson_arr_iter_next(&it))) {
		yyjson_val *list = yyjson_obj_get(m, "ports");
		if (!yyjson_arr_size(list))
			show_addresses(&b, &n, m, NULL);
		yyjson_arr_iter_init(list, &pit);
		while ((p = yyjson_arr_iter_next(&pit)))
			show_addresses(&b, &n, m, yyjson_obj_get(p, "port"));
	}
	show_end(c, &b, n, "<none>");
	cell_age(c);
}

void cells_endpoint_slice(struct cells *c)
{
	BUF_AUTO struct buf port_text = { 0 }, text = { 0 };
	yyjson_arr_iter it, ait;
	yyjson_val *m, *address;
	size_t port_count = 0, n = 0;

	cell_name(c);
	cell_path(c, "addressType");
	yyjson_arr_iter_init(doc_get(c->v, "ports"), &it);
	while ((m = yyjson_arr_iter_next(&it))) {
		if (port_count++ >= SHOWN_MAX)
			continue;
		cells_join(&port_text, "", ",");
		if (yyjson_obj_get(m, "port"))
			buf_printf(&port_text, "%lld", (long long)doc_int(m, "port", 0));
		else
			buf_addc(&port_text, '*');
	}
	show_end(c, &port_text, port_count, "<unset>");
	yyjson_arr_iter_init(doc_get(c->v, "endpoints"), &it);
	while ((m = yyjson_arr_iter_next(&it))) {
		yyjson_arr_iter_init(yyjson_obj_get(m, "addresses"), &ait);
		while ((address = yyjson_arr_iter_next(&ait)))
			if (yyjson_is_str(address))
				show(&text, &n, yyjson_get_str(address), NULL);
	}
	show_end(c, &text, n, "<unset>");
	cell_age(c);
}

void cells_network_policy(struct cells *c)
{
	cell_name(c);
	cell_selector(c, doc_get(c->v, "spec.podSelector"));
	cell_age(c);
}

void cells_service_cidr(struct cells *c)
{
	cell_name(c);
	cell_strings(c, doc_get(c->v, "spec.cidrs"), ",", "");
	cell_age(c);
}

void cells_ip_address(struct cells *c)
{
	BUF_AUTO struct buf b = { 0 };
	const char *group = doc_str(c->v, "spec.parentRef.group"), *ns = doc_str(c->v, "spec.parentRef.namespace");

	if (doc_get(c->v, "spec.parentRef"))
		buf_printf(&b, "%s%s%s/%s%s%s", cells_str(c->v, "spec.parentRef.resource"),
			group && *group ? "." : "", group ? group : "", ns ? ns : "", ns && *ns ? "/" : "",
			cells_str(c->v, "spec.parentRef.name"));
	else
		buf_adds(&b, "<none>");
	cell_name(c);
	cell_buf(c, &b);
}
