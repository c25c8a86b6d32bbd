/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_topology - PodTopologyLabels: a pod learns the zone and region of the node it is
 * bound to, so that it can be read inside of it.
 * Source: kubernetes plugin/pkg/admission/podtopologylabels (KEP-4742).
 */
#include <string.h>

#include "api/admit.h"

enum step topology_mutate(struct call *c)
{
	static const char *const copied[] = { "topology.kubernetes.io/zone", "topology.kubernetes.io/region" };
	const char *node;
	struct cache_obj *o;

	if (c->kind != c->api->k.pod || (*c->sub && strcmp(c->sub, "binding")))
		return STEP_NEXT;
	node = doc_mstr(c->obj, "spec.nodeName");
	o = node && *node ? cache_get(c->api->cache, c->api->k.node->store, "", node) : NULL;
	for (size_t i = 0; o && i < 2; i++) {
		const char *v = labels_get(&o->labels, copied[i]);

		if (v && !yyjson_mut_obj_get(doc_mget(c->obj, "metadata.labels"), copied[i]) &&
		    !doc_mset_key(c->doc, c->obj, "metadata.labels", copied[i], v))
			return fail_err(c, -ERR_SIZE, NULL);
	}
	return STEP_NEXT;
}
