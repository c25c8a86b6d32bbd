/* SPDX-License-Identifier: Apache-2.0 */
/* endpoints - a Service's pods as both its EndpointSlices and its Endpoints need them. */
#ifndef CONTROL_ENDPOINTS_H
#define CONTROL_ENDPOINTS_H

#include "control/reconcile.h"

struct ep_port { const char *name, *proto, *app; int port; };
struct ep {
	struct cache_obj *pod;
	const char *ips[2];            /* its IPv4 and IPv6 addresses, NULL: none */
	const char *hostname;          /* "" when it has none in this Service */
	bool ready, serving, terminating;
	struct ep_port *ports;
	unsigned port_count;
	const char *port_key;          /* equal for endpoints with equal ports */
};
struct ep_service {
	struct ctl *c;
	struct cache_obj *obj;
	yyjson_val *tree;
	bool headless, publish_not_ready;
	bool six[2];                   /* its families, the primary one first: IPv6? */
	unsigned families;
	struct ep *eps;                /* sorted by port_key, then pod name */
	size_t n;
};
/* False when the Service is absent, has no selector or an external name: nothing to do. */
bool ep_load(struct ctl *c, const char *ns, const char *name, struct ep_service *ret, int *ret_rc);
/* Map: the Services whose selector a pod matches, or matched. */
void ep_pod_changed(struct ctl *c, const struct cache_event *ev);
/* The ports as a list of objects. */
yyjson_mut_val *ep_ports(yyjson_mut_doc *d, const struct ep *e, bool with_app);
yyjson_mut_val *ep_target(yyjson_mut_doc *d, const struct cache_obj *pod);

#endif
