/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pods add to a write: their class of service, that they wait behind gates,
 * what their label keys select; and what the subresources of a pod may touch.
 *
 * Source: kubernetes pkg/registry/core/pod/strategy.go, pkg/apis/core/v1/helper/qos;
 * KEP-1287, KEP-3243, KEP-3633.
 */
#include <string.h>

#include "doc/doc.h"
#include "doc/quantity.h"
#include "kinds/normal.h"
#include "kinds/prepare.h"

static bool positive(yyjson_mut_val *v, struct quantity *ret)
{
	return yyjson_mut_is_str(v) &&
		!quantity_parse(yyjson_mut_get_str(v), yyjson_mut_get_len(v), ret) && ret->nano > 0;
}

/* One set of resources: counts what is asked for, and whether requests equal limits. */
static void qos_of(yyjson_mut_val *resources, bool *any, bool *guaranteed)
{
	static const char *const names[] = { "cpu", "memory" };
	yyjson_mut_val *requests = yyjson_mut_obj_get(resources, "requests");
	yyjson_mut_val *limits = yyjson_mut_obj_get(resources, "limits");

	for (int i = 0; i < 2; i++) {
		struct quantity r, l;
		yyjson_mut_val *request = yyjson_mut_obj_get(requests, names[i]);
		bool has_limit = positive(yyjson_mut_obj_get(limits, names[i]), &l);
		bool has_request = positive(request, &r);
		*any |= has_limit || has_request;
		if (!has_limit || (request && (!has_request || quantity_cmp(&r, &l))))
			*guaranteed = false;
	}
}

const char *kinds_qos_class(yyjson_mut_val *spec)
{
	static const char *const lists[] = { "containers", "initContainers" };
	bool any = false, guaranteed = true;
	yyjson_mut_val *pod = yyjson_mut_obj_get(spec, "resources");

	if (yyjson_mut_obj_size(yyjson_mut_obj_get(pod, "limits")) ||
	    yyjson_mut_obj_size(yyjson_mut_obj_get(pod, "requests"))) {
		qos_of(pod, &any, &guaranteed);
	} else {
		for (int i = 0; i < 2; i++) {
			yyjson_mut_val *c;
			yyjson_mut_arr_iter it;
			yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, lists[i]), &it);
			while ((c = yyjson_mut_arr_iter_next(&it)))
				qos_of(yyjson_mut_obj_get(c, "resources"), &any, &guaranteed);
		}
	}
	return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

/* What follows is about one list of the pod's members and their types. */
struct place { yyjson_mut_doc *d; const struct kinds_type *t; const struct index *labels; };

/* What the pod's own labels say of these keys becomes part of the selector of v. */
static bool merge_keys(const struct place *at, yyjson_mut_val *v, const char *keys, const char *operator)
{
	yyjson_mut_val *selector = yyjson_mut_obj_get(v, "labelSelector"), *key, *list;
	const struct kinds_type *t = normal_type(at->t, "labelSelector");
	yyjson_mut_arr_iter it;

	if (!selector)
		return true;
	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(v, keys), &it);
	while ((key = yyjson_mut_arr_iter_next(&it))) {
		yyjson_mut_val *value = index_get(at->labels, yyjson_mut_get_str(key)), *m, *values;
		if (!value)
			continue;
		if (!yyjson_mut_is_arr(yyjson_mut_obj_get(selector, "matchExpressions")) &&
		    !normal_put(at->d, t, selector, "matchExpressions", yyjson_mut_arr(at->d)))
			return false;
		list = yyjson_mut_obj_get(selector, "matchExpressions");
		if (!(m = yyjson_mut_arr_add_obj(at->d, list)) ||
		    !yyjson_mut_obj_add_strcpy(at->d, m, "key", yyjson_mut_get_str(key)) ||
		    !yyjson_mut_obj_add_str(at->d, m, "operator", operator) ||
		    !(values = yyjson_mut_obj_add_arr(at->d, m, "values")) ||
		    !yyjson_mut_arr_add_strcpy(at->d, values, yyjson_mut_get_str(value)))
			return false;
	}
	return true;
}

/* Source: KEP-3633, KEP-3243: the scheduler sees selectors only */
static bool merge_label_keys(yyjson_mut_doc *d, yyjson_mut_val *v)
{
	static const char *const kinds[] = { "podAffinity", "podAntiAffinity" };
	static const char *const lists[] = { "requiredDuringSchedulingIgnoredDuringExecution",
		"preferredDuringSchedulingIgnoredDuringExecution" };
	INDEX_AUTO struct index labels = index_map(doc_mget(v, "metadata.labels"));
	struct place term = { d, kinds_type_by_name("core/v1.PodAffinityTerm"), &labels };
	struct place spread = { d, kinds_type_by_name("core/v1.TopologySpreadConstraint"), &labels };
	yyjson_mut_val *spec = yyjson_mut_obj_get(v, "spec"), *m;
	yyjson_mut_arr_iter it;

	for (int n = 0; labels.of && n < 4; n++) {
		yyjson_mut_arr_iter_init(yyjson_mut_obj_get(yyjson_mut_obj_get(yyjson_mut_obj_get(spec, "affinity"),
			kinds[n / 2]), lists[n % 2]), &it);
		while ((m = yyjson_mut_arr_iter_next(&it))) {
			if (n % 2)
				m = yyjson_mut_obj_get(m, "podAffinityTerm");
			if (!merge_keys(&term, m, "matchLabelKeys", "In") ||
			    !merge_keys(&term, m, "mismatchLabelKeys", "NotIn"))
				return false;
		}
	}
	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "topologySpreadConstraints"), &it);
	while (labels.of && (m = yyjson_mut_arr_iter_next(&it)))
		if (!merge_keys(&spread, m, "matchLabelKeys", "In"))
			return false;
	return true;
}

bool prepare_pod(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	yyjson_mut_val *spec = yyjson_mut_obj_get(v, "spec");

	if (old)
		return true;
	if (!merge_label_keys(d, v))
		return false;
	if (doc_mlen(spec, "schedulingGates")) {
		yyjson_mut_val *list = yyjson_mut_arr(d), *c = list ? yyjson_mut_arr_add_obj(d, list) : NULL;
		if (!c || !yyjson_mut_obj_add_str(d, c, "type", "PodScheduled") ||
		    !yyjson_mut_obj_add_str(d, c, "status", "False") ||
		    !yyjson_mut_obj_add_str(d, c, "reason", "SchedulingGated") ||
		    !yyjson_mut_obj_add_str(d, c, "message",
				"Scheduling is blocked due to non-empty scheduling gates") ||
		    !normal_set(d, k->type, v, "status.conditions", list))
			return false;
	}
	return normal_set(d, k->type, v, "status.qosClass", yyjson_mut_str(d, kinds_qos_class(spec)));
}

/* Which generation was observed stays known when a client says nothing of it. */
static bool keep_generation(yyjson_mut_doc *d, const struct kinds_type *t, yyjson_mut_val *v, yyjson_mut_val *old)
{
	return doc_mint(v, "observedGeneration", 0) || normal_take(d, t, v, old, "observedGeneration");
}

bool prepare_pod_status(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	yyjson_mut_val *now = yyjson_mut_obj_get(v, "status"), *was = yyjson_mut_obj_get(old, "status"), *m;
	const struct kinds_type *t = normal_type(k->type, "status");
	const char *qos = doc_mstr(now, "qosClass");
	yyjson_mut_arr_iter it;

	if (!now || !was)
		return true;
	if ((!qos || !*qos) && !normal_take(d, t, now, was, "qosClass"))
		return false;
	if (!keep_generation(d, t, now, was))
		return false;
	INDEX_AUTO struct index known = index_list(yyjson_mut_obj_get(was, "conditions"), "type");
	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(now, "conditions"), &it);
	while ((m = yyjson_mut_arr_iter_next(&it))) {
		const char *type = doc_mstr(m, "type");
		yyjson_mut_val *o = type ? index_get(&known, type) : NULL;
		if (o && !keep_generation(d, normal_type(t, "conditions"), m, o))
			return false;
	}
	return true;
}

/* Make v what old is, but for what says which object and version of it is meant. */
static bool keep_pod(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	static const char *const named[] = { "name", "namespace", "uid", "resourceVersion", "managedFields" };
	yyjson_mut_val *meta = yyjson_mut_val_mut_copy(d, yyjson_mut_obj_get(old, "metadata"));
	const struct kinds_type *t = normal_type(k->type, "metadata");

	for (size_t i = 0; meta && i < sizeof(named) / sizeof(named[0]); i++)
		if (!normal_take(d, t, meta, yyjson_mut_obj_get(v, "metadata"), named[i]))
			return false;
	return meta && prepare_keep_all_but(d, k, v, old, NULL) && normal_put(d, k->type, v, "metadata", meta);
}

bool prepare_debuggers(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	static const char list[] = "ephemeralContainers";
	yyjson_mut_val *sent = yyjson_mut_val_mut_copy(d, yyjson_mut_obj_get(v, "spec"));

	return sent && keep_pod(d, k, v, old) &&
		normal_take(d, normal_type(k->type, "spec"), yyjson_mut_obj_get(v, "spec"), sent, list);
}

/* Known containers are the old ones with new resources. Which there are, and their
 * order, is as sent: validation says what is wrong with that. */
bool prepare_resize(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old)
{
	static const char *const lists[] = { "containers", "initContainers" };
	yyjson_mut_val *sent = yyjson_mut_val_mut_copy(d, yyjson_mut_obj_get(v, "spec")), *s, *o;
	const struct kinds_type *spec_type = normal_type(k->type, "spec");
	bool ok = sent && keep_pod(d, k, v, old);

	for (int l = 0; ok && l < 2; l++) {
		const struct kinds_type *t = normal_type(spec_type, lists[l]);
		INDEX_AUTO struct index known = index_list(doc_mget(old, l ? "spec.initContainers" : "spec.containers"), "name");
		yyjson_mut_val *list = yyjson_mut_obj_get(sent, lists[l]), *merged = list ? yyjson_mut_arr(d) : NULL;
		yyjson_mut_arr_iter it;
		yyjson_mut_arr_iter_init(list, &it);
		while (ok && (s = yyjson_mut_arr_iter_next(&it))) {
			const char *name = doc_mstr(s, "name");
			o = name ? index_get(&known, name) : NULL;
			yyjson_mut_val *c = yyjson_mut_val_mut_copy(d, o ? o : s);
			ok = c && (!o || (normal_take(d, t, c, s, "resources") && normal_take(d, t, c, s, "resizePolicy"))) &&
				yyjson_mut_arr_append(merged, c);
		}
		if (ok && merged)
			ok = normal_put(d, spec_type, yyjson_mut_obj_get(v, "spec"), lists[l], merged);
		else if (ok)
			doc_mdel(yyjson_mut_obj_get(v, "spec"), lists[l]);
	}
	return ok;
}
