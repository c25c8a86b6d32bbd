/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What upstream warns of in kinds of other groups than core, beside the pods in them.
 * Source: kubernetes pkg/registry/{apps,batch,networking,discovery,storage,node} (strategy.go of
 * each kind), pkg/api/{job,node,storage}.
 */
#include "base/text.h"
#include "kinds/normal.h"
#include "kinds/warnings.h"

#define COMPLETIONS_SOFT 100000
#define PARALLELISM_SOFT 10000

typedef void warn_fn(struct warnings *w, yyjson_mut_val *v, yyjson_mut_val *old);

static void indexed(struct warnings *w, const char *at, yyjson_mut_val *spec)
{
	if (v_is(spec, "completionMode", "Indexed") && doc_mint(spec, "completions", 0) > COMPLETIONS_SOFT &&
	    doc_mint(spec, "parallelism", 0) > PARALLELISM_SOFT)
		warn(w, "%s: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than "
			"10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail", at);
}

static void job(struct warnings *w, yyjson_mut_val *v, yyjson_mut_val *old)
{
	indexed(w, "spec", doc_mget(v, "spec"));
}

static void cron_job(struct warnings *w, yyjson_mut_val *v, yyjson_mut_val *old)
{
	const char *schedule = doc_mstr(v, "spec.schedule");

	indexed(w, "spec.jobTemplate.spec", doc_mget(v, "spec.jobTemplate.spec"));
	if (old && schedule && strstr(schedule, "TZ"))
		warn(w, "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see "
			"https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details");
}

static void stateful_set(struct warnings *w, yyjson_mut_val *v, yyjson_mut_val *old)
{
	if (doc_mint(v, "spec.revisionHistoryLimit", 0) < 0)
		warn(w, "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is "
			"recommended");
}

static void ingress(struct warnings *w, yyjson_mut_val *v, yyjson_mut_val *old)
{
	yyjson_mut_val *notes = doc_mget(v, "metadata.annotations");

	if (!old && yyjson_mut_obj_get(notes, "kubernetes.io/ingress.class") && !doc_mget(v, "spec.ingressClassName"))
		warn(w, "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead");
}

static void blocks(struct warnings *w, yyjson_mut_val *spec, const char *rules, const char *peers)
{
	V_EACH(i, rule, yyjson_mut_obj_get(spec, rules))
		V_EACH(j, peer, yyjson_mut_obj_get(rule, peers)) {
			yyjson_mut_val *block = yyjson_mut_obj_get(peer, "ipBlock");
			const char *at = block ? arena_printf(w->a, "spec.%s[%zu].%s[%zu].ipBlock", rules, i, peers, j) : NULL;
			if (!at || warned_enough(w))
				continue;
			warn_cidr(w, arena_printf(w->a, "%s.cidr", at), v_str(block, "cidr"));
			V_EACH(n, except, yyjson_mut_obj_get(block, "except"))
				warn_cidr(w, arena_printf(w->a, "%s.except[%zu]", at, n), yyjson_mut_get_str(except));
		}
}

static void network_policy(struct warnings *w, yyjson_mut_val *v, yyjson_mut_val *old)
{
	blocks(w, doc_mget(v, "spec"), "ingress", "from");
	blocks(w, doc_mget(v, "spec"), "egress", "to");
}

static void endpoint_slice(struct warnings *w, yyjson_mut_val *v, yyjson_mut_val *old)
{
	if (v_is(v, "addressType", "FQDN"))
		return;
	V_EACH(i, endpoint, yyjson_mut_obj_get(v, "endpoints"))
		V_EACH(j, ip, yyjson_mut_obj_get(endpoint, "addresses")) {
			if (warned_enough(w))
				return;
			warn_ip(w, arena_printf(w->a, "endpoints[%zu].addresses[%zu]", i, j), yyjson_mut_get_str(ip));
		}
}

static void storage_class(struct warnings *w, yyjson_mut_val *v, yyjson_mut_val *old)
{
	const char *what;

	V_EACH(i, topology, yyjson_mut_obj_get(v, "allowedTopologies"))
		V_EACH(j, m, yyjson_mut_obj_get(topology, "matchLabelExpressions"))
			if ((what = warn_node_label(v_str(m, "key"))))
				warn(w, "allowedTopologies[%zu].matchLabelExpressions[%zu].key: %s", i, j, what);
}

static void csi_capacity(struct warnings *w, yyjson_mut_val *v, yyjson_mut_val *old)
{
	yyjson_mut_val *topology = yyjson_mut_obj_get(v, "nodeTopology");
	const char *what;

	V_EACH(i, m, yyjson_mut_obj_get(topology, "matchExpressions"))
		if ((what = warn_node_label(v_str(m, "key"))))
			warn(w, "nodeTopology.matchExpressions[%zu].key: %s is %s", i, v_str(m, "key"), what);
	V_MEMBERS(key, m, yyjson_mut_obj_get(topology, "matchLabels"))
		if (m && (what = warn_node_label(key)))
			warn(w, "nodeTopology.matchLabels.%s: %s", key, what);
}

static void runtime_class(struct warnings *w, yyjson_mut_val *v, yyjson_mut_val *old)
{
	const char *what;

	V_MEMBERS(key, m, doc_mget(v, "scheduling.nodeSelector"))
		if (m && (what = warn_node_label(key)))
			warn(w, "scheduling.nodeSelector: %s", what);
}

static const struct { const char *type; warn_fn *fn; } kinds[] = {
	{ "apps/v1.StatefulSet", stateful_set },
	{ "batch/v1.CronJob", cron_job },
	{ "batch/v1.Job", job },
	{ "discovery/v1.EndpointSlice", endpoint_slice },
	{ "networking/v1.Ingress", ingress },
	{ "networking/v1.NetworkPolicy", network_policy },
	{ "node/v1.RuntimeClass", runtime_class },
	{ "storage/v1.CSIStorageCapacity", csi_capacity },
	{ "storage/v1.StorageClass", storage_class },
};

void warn_groups(struct warnings *w, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].type, k->type->name))
			kinds[i].fn(w, v, old);
}
