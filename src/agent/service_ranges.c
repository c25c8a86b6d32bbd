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
	struct map by_name;            /* its ranges, as ranges_of has them */
	bool known, over;              /* over: told once that there are too many */
};

static void tell(struct service_ranges *rs)
{
	const char *cidrs[NET_RANGES_MAX + 1];
	unsigned n = 0, all = 0;
	size_t it = 0;
	void *v;

	if (!rs->known || !rs->a->net)
		return;
	while (map_next(&rs->by_name, &it, NULL, &v))
		for (const char *c = v; *c; c += strlen(c) + 1, all++)
			if (n < NET_RANGES_MAX)
				cidrs[n++] = c;
	cidrs[n] = NULL;
	if (all > NET_RANGES_MAX && !rs->over)
		log_warn("of %u ranges of ServiceCIDRs this machine itself has a way to %u", all, NET_RANGES_MAX);
	rs->over = all > NET_RANGES_MAX;
	net_service_ranges(rs->a->net, cidrs);
}

/* One after the other, each with its NUL, and one more; NULL: none, or no memory. */
static char *ranges_of(yyjson_val *obj)
{
	yyjson_val *list = doc_get(obj, "spec.cidrs"), *it;
	size_t i, n, len = 1;
	char *out, *at;

	yyjson_arr_foreach(list, i, n, it)
		len += yyjson_get_len(it) + 1;
	at = out = calloc(1, len);
	if (out)
		yyjson_arr_foreach(list, i, n, it)
			if (yyjson_is_str(it))
				at = stpcpy(at, yyjson_get_str(it)) + 1;
	return out;
}

static void on_range(void *arg, enum client_event ev, yyjson_val *obj)
{
	struct service_ranges *rs = arg;
	const char *name = doc_str(obj, "metadata.name");
	char *ranges;

	if (ev == CLIENT_SYNCED) {
		rs->known = true;
	} else if (name) {
		free(map_del(&rs->by_name, name));
		ranges = ev == CLIENT_DELETED ? NULL : ranges_of(obj);
		if (ev != CLIENT_DELETED && (!ranges || map_put(&rs->by_name, name, ranges, NULL))) {
			log_error("ServiceCIDR %s: out of memory", name);
			free(ranges);
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
