/* SPDX-License-Identifier: Apache-2.0 */
/* service_ranges - ServiceCIDRs, watched; net is told all of them whenever one changes. */
#define LOG_MODULE "services"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "doc/doc.h"

struct service_ranges {
	struct agent *a;
	struct client_watch *watch;
	struct map by_name;            /* its IPv4 range, a string of ours */
	bool known, over;              /* over: told once that there are too many */
};

static void tell(struct service_ranges *rs)
{
	const char *cidrs[NET_RANGES_MAX + 1];
	unsigned n = 0;
	size_t it = 0;
	void *v;

	if (!rs->known || !rs->a->net)
		return;
	while (n < NET_RANGES_MAX && map_next(&rs->by_name, &it, NULL, &v))
		cidrs[n++] = v;
	cidrs[n] = NULL;
	if (rs->by_name.len > NET_RANGES_MAX && !rs->over)
		log_warn("of %zu ServiceCIDRs this machine itself has a way to %u", rs->by_name.len, NET_RANGES_MAX);
	rs->over = rs->by_name.len > NET_RANGES_MAX;
	net_service_ranges(rs->a->net, cidrs);
}

static const char *ipv4_of(yyjson_val *obj)
{
	yyjson_val *it;
	size_t i, n;

	yyjson_arr_foreach(doc_get(obj, "spec.cidrs"), i, n, it)
		if (yyjson_is_str(it) && !strchr(yyjson_get_str(it), ':'))
			return yyjson_get_str(it);
	return NULL;
}

static void on_range(void *arg, enum client_event ev, yyjson_val *obj)
{
	struct service_ranges *rs = arg;
	const char *name = doc_str(obj, "metadata.name"), *cidr = ev == CLIENT_DELETED ? NULL : ipv4_of(obj);
	char *copy;

	if (ev == CLIENT_SYNCED) {
		rs->known = true;
	} else if (name) {
		free(map_del(&rs->by_name, name));
		copy = cidr ? strdup(cidr) : NULL;
		if (cidr && (!copy || map_put(&rs->by_name, name, copy, NULL))) {
			log_error("ServiceCIDR %s: out of memory", name);
			free(copy);
		}
	}
	tell(rs);
}

int service_ranges_open(struct service_ranges **ret, struct agent *a)
{
	struct service_ranges *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return -ERR_NOMEM;
	rs->a = a;
	*ret = rs;
	return client_watch(&rs->watch, a->client, kinds_by_resource("networking.k8s.io", "v1", "servicecidrs"), NULL, NULL, on_range, rs);
}

void service_ranges_close(struct service_ranges *rs)
{
	size_t it = 0;
	void *v;

	if (!rs)
		return;
	if (rs->watch)
		client_watch_close(rs->watch);
	while (map_next(&rs->by_name, &it, NULL, &v))
		free(v);
	map_finish(&rs->by_name);
	free(rs);
}
