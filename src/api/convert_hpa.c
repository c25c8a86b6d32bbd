/* SPDX-License-Identifier: Apache-2.0 */
/*
 * convert_hpa - HorizontalPodAutoscalers in version 1, which has one number for all its
 * metrics: whatever else version 2 says travels in annotations, in the shape that they
 * always had. Those annotations are gone from an object in version 2.
 * Source: kubernetes pkg/apis/autoscaling/v1/conversion.go, pkg/apis/autoscaling/helpers.go.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/call.h"

#define NOTE(name) "autoscaling.alpha.kubernetes.io/" name
#define SPECS      NOTE("metrics")
#define STATUSES   NOTE("current-metrics")
#define BEHAVIOR   NOTE("behavior")
#define CONDITIONS NOTE("conditions")
#define CPU_TARGET  "targetCPUUtilizationPercentage"
#define CPU_CURRENT "currentCPUUtilizationPercentage"

/* A member of a metric: where version 1 and version 2 have it, below the member that its type
 * names. zero: version 1 writes a nothing as "0". In the order of version 1. */
struct member { const char *source, *v1, *v2; bool zero; };
static const struct member specs[] = {
	{ "object", "target", "describedObject" },
	{ "object", "metricName", "metric.name" },
	{ "object", "targetValue", "target.value", true },
	{ "object", "selector", "metric.selector" },
	{ "object", "averageValue", "target.averageValue" },
	{ "pods", "metricName", "metric.name" },
	{ "pods", "targetAverageValue", "target.averageValue", true },
	{ "pods", "selector", "metric.selector" },
	{ "resource", "name", "name" },
	{ "resource", "targetAverageUtilization", "target.averageUtilization" },
	{ "resource", "targetAverageValue", "target.averageValue" },
	{ "containerResource", "name", "name" },
	{ "containerResource", "targetAverageUtilization", "target.averageUtilization" },
	{ "containerResource", "targetAverageValue", "target.averageValue" },
	{ "containerResource", "container", "container" },
	{ "external", "metricName", "metric.name" },
	{ "external", "metricSelector", "metric.selector" },
	{ "external", "targetValue", "target.value" },
	{ "external", "targetAverageValue", "target.averageValue" },
	{ NULL },
}, statuses[] = {
	{ "object", "target", "describedObject" },
	{ "object", "metricName", "metric.name" },
	{ "object", "currentValue", "current.value", true },
	{ "object", "selector", "metric.selector" },
	{ "object", "averageValue", "current.averageValue" },
	{ "pods", "metricName", "metric.name" },
	{ "pods", "currentAverageValue", "current.averageValue", true },
	{ "pods", "selector", "metric.selector" },
	{ "resource", "name", "name" },
	{ "resource", "currentAverageUtilization", "current.averageUtilization" },
	{ "resource", "currentAverageValue", "current.averageValue", true },
	{ "containerResource", "name", "name" },
	{ "containerResource", "currentAverageUtilization", "current.averageUtilization" },
	{ "containerResource", "currentAverageValue", "current.averageValue", true },
	{ "containerResource", "container", "container" },
	{ "external", "metricName", "metric.name" },
	{ "external", "metricSelector", "metric.selector" },
	{ "external", "currentValue", "current.value", true },
	{ "external", "currentAverageValue", "current.averageValue" },
	{ NULL },
};

static bool is_zero(const struct member *m, yyjson_mut_val *v)
{
	return m->zero && yyjson_mut_equals_str(v, "0");
}

/* What upstream derives: version 1 does not name the type of a target. */
static bool set_target_type(struct call *c, yyjson_mut_val *source)
{
	yyjson_mut_val *target = yyjson_mut_obj_get(source, "target");
	bool share = yyjson_mut_obj_get(target, "averageUtilization") != NULL;
	bool whole = yyjson_mut_obj_get(target, "value") != NULL;

	return doc_mset_str(c->doc, source, "target.type", share ? "Utilization" : whole ? "Value" : "AverageValue");
}

static yyjson_mut_val *metric(struct call *c, yyjson_mut_val *from, const struct member *m, bool to_v2)
{
	yyjson_mut_val *ret = yyjson_mut_obj(c->doc), *type = yyjson_mut_obj_get(from, "type"), *v, *into = NULL;
	bool ok = ret && (!type || doc_mset(c->doc, ret, "type", yyjson_mut_val_mut_copy(c->doc, type)));

	for (; ok && m->source; m++) {
		yyjson_mut_val *source = yyjson_mut_obj_get(from, m->source);
		if (!yyjson_mut_is_obj(source))
			continue;
		into = doc_mobj(c->doc, ret, m->source);
		v = doc_mget(source, to_v2 ? m->v1 : m->v2);
		if (v && !(to_v2 && is_zero(m, v)))
			ok = doc_mset(c->doc, into, to_v2 ? m->v2 : m->v1, yyjson_mut_val_mut_copy(c->doc, v));
		else if (!v && !to_v2 && m->zero)
			ok = doc_mset_str(c->doc, into, m->v1, "0");
	}
	return ok ? ret : NULL;
}

static yyjson_mut_val *metrics(struct call *c, yyjson_mut_val *list, const struct member *members, bool to_v2)
{
	yyjson_mut_val *ret = yyjson_mut_arr(c->doc), *it, *one;
	yyjson_mut_arr_iter iter;

	yyjson_mut_arr_iter_init(list, &iter);
	while (ret && (it = yyjson_mut_arr_iter_next(&iter))) {
		one = metric(c, it, members, to_v2);
		for (const struct member *m = members; one && to_v2 && members == specs && m->source; m++)
			if (yyjson_mut_obj_get(one, m->source) && (!m[1].source || strcmp(m->source, m[1].source)) &&
			    !set_target_type(c, yyjson_mut_obj_get(one, m->source)))
				one = NULL;
		if (!one || !yyjson_mut_arr_append(ret, one))
			return NULL;
	}
	return ret;
}

/* ---- behavior: the annotation has the names of Go's fields, and their nulls ---- */

static const char *const rules_names[] = { "StabilizationWindowSeconds", "SelectPolicy", "Policies", "Tolerance", NULL };
static const char *const policy_names[] = { "Type", "Value", "PeriodSeconds", NULL };
static const char *const sides[] = { "ScaleUp", "ScaleDown", NULL };

/* Go reads names in any case. */
static yyjson_mut_val *member_any_case(yyjson_mut_val *obj, const char *name)
{
	yyjson_mut_obj_iter it;
	yyjson_mut_val *key;

	yyjson_mut_obj_iter_init(obj, &it);
	while ((key = yyjson_mut_obj_iter_next(&it)))
		if (!strcasecmp(yyjson_mut_get_str(key), name))
			return yyjson_mut_obj_iter_get_val(key);
	return NULL;
}

static yyjson_mut_val *renamed(struct call *c, yyjson_mut_val *from, const char *const *names, bool to_v2)
{
	yyjson_mut_val *ret = yyjson_mut_obj(c->doc), *v, *copy, *it;
	yyjson_mut_arr_iter iter;
	char key[64];

	for (; ret && *names; names++) {
		snprintf(key, sizeof(key), "%s", *names);
		if (to_v2)
			key[0] |= 0x20;
		v = member_any_case(from, *names);
		if (!v || yyjson_mut_is_null(v)) {
			if (to_v2)
				continue;
			copy = yyjson_mut_null(c->doc);
		} else if (yyjson_mut_is_obj(v)) {
			copy = renamed(c, v, rules_names, to_v2);
		} else if (yyjson_mut_is_arr(v)) {
			copy = yyjson_mut_arr(c->doc);
			yyjson_mut_arr_iter_init(v, &iter);
			while (copy && (it = yyjson_mut_arr_iter_next(&iter)))
				if (!yyjson_mut_arr_append(copy, renamed(c, it, policy_names, to_v2)))
					copy = NULL;
		} else {
			copy = yyjson_mut_val_mut_copy(c->doc, v);
		}
		if (!copy || !yyjson_mut_obj_add(ret, yyjson_mut_strcpy(c->doc, key), copy))
			return NULL;
	}
	return ret;
}

/* ---- annotations ---- */

static bool note(struct call *c, yyjson_mut_val *v, const char *name, yyjson_mut_val *value)
{
	BUF_AUTO struct buf b = { 0 };

	return value && !doc_mwrite(&b, value) && !b.failed && doc_mset_key(c->doc, v, "metadata.annotations", name, b.p);
}

/* What a note says, when it can be read and is an object (or a list). */
static yyjson_mut_val *read_note(struct call *c, yyjson_mut_val *v, const char *name, bool object)
{
	const char *text = yyjson_mut_get_str(yyjson_mut_obj_get(doc_mget(v, "metadata.annotations"), name));
	yyjson_val *root;
	yyjson_doc *d;

	if (!text || doc_parse(c->arena, text, strlen(text), &d, NULL))
		return NULL;
	root = yyjson_doc_get_root(d);
	return (object ? yyjson_is_obj(root) : yyjson_is_arr(root)) ? shape_copy(c, root) : NULL;
}

static void drop_notes(yyjson_mut_val *v)
{
	static const char *const names[] = { SPECS, STATUSES, BEHAVIOR, CONDITIONS };
	yyjson_mut_val *notes = doc_mget(v, "metadata.annotations");
	bool had = false;

	for (size_t i = 0; notes && i < sizeof(names) / sizeof(names[0]); i++)
		had |= yyjson_mut_obj_remove_key(notes, names[i]) != NULL;
	if (had && !yyjson_mut_obj_size(notes))
		doc_mdel(v, "metadata.annotations");
}

/* ---- the one number ---- */

static bool is_cpu(yyjson_mut_val *m)
{
	const char *type = doc_mstr(m, "type"), *name = doc_mstr(m, "resource.name");

	return type && name && !strcmp(type, "Resource") && !strcmp(name, "cpu");
}

static bool add_cpu(struct call *c, yyjson_mut_val *list, const char *path, yyjson_mut_val *share)
{
	yyjson_mut_val *m = share ? yyjson_mut_arr_add_obj(c->doc, list) : NULL;

	return !share || (m && doc_mset_str(c->doc, m, "type", "Resource") &&
		doc_mset_str(c->doc, m, "resource.name", "cpu") &&
		(strcmp(path, "resource.target.averageUtilization") ||
		 doc_mset_str(c->doc, m, "resource.target.type", "Utilization")) &&
		doc_mset_int(c->doc, m, path, yyjson_mut_get_sint(share)));
}

/* What a note came to, as version 2 holds it at path. NULL: it does not, and the note is no note;
 * whoever lists autoscalers could not read it. */
static yyjson_mut_val *fitting(struct call *c, const char *path, yyjson_mut_val *value)
{
	yyjson_mut_val *v = yyjson_mut_obj(c->doc), *out;
	yyjson_val *in;

	if (!value || !v || !doc_mset(c->doc, v, path, value))
		return NULL;
	in = doc_freeze(c->arena, v);
	if (!in || kinds_decode(c->doc, c->arena, c->api->k.hpa2->type, in, KS_IGNORE, &out, NULL, NULL))
		return NULL;
	v = doc_mget(out, path);
	return v ? yyjson_mut_val_mut_copy(c->doc, v) : NULL;
}

/* Upstream takes over what a write may not touch after it has converted, so that no note
 * touches it: the stored status stays in a write of the rest, the stored spec in one of the status. */
static bool keep_other(struct call *c, yyjson_mut_val *v)
{
	const char *kept = *c->sub ? "spec" : "status";
	yyjson_val *was = c->cur ? doc_get(cache_tree(c->cur), kept) : NULL;

	return !was || doc_mset(c->doc, v, kept, shape_copy(c, was));
}

bool convert_hpa_to_v2(struct call *c, yyjson_mut_val *v)
{
	yyjson_mut_val *spec = doc_mget(v, "spec"), *status = doc_mget(v, "status"), *noted, *list, *share;
	bool ok = true;

	share = spec ? yyjson_mut_obj_remove_key(spec, CPU_TARGET) : NULL;
	noted = read_note(c, v, SPECS, false);
	noted = noted ? fitting(c, "spec.metrics", metrics(c, noted, specs, true)) : NULL;
	list = noted ? noted : yyjson_mut_arr(c->doc);
	ok = list && add_cpu(c, list, "resource.target.averageUtilization", share);
	if (ok && spec && yyjson_mut_arr_size(list))
		ok = doc_mset(c->doc, spec, "metrics", list);
	noted = read_note(c, v, BEHAVIOR, true);
	noted = noted ? fitting(c, "spec.behavior", renamed(c, noted, sides, true)) : NULL;
	if (ok && spec && yyjson_mut_obj_size(noted))
		ok = doc_mset(c->doc, spec, "behavior", noted);

	share = status ? yyjson_mut_obj_remove_key(status, CPU_CURRENT) : NULL;
	noted = *c->sub ? read_note(c, v, STATUSES, false) : NULL;
	noted = noted ? fitting(c, "status.currentMetrics", metrics(c, noted, statuses, true)) : NULL;
	list = noted ? noted : yyjson_mut_arr(c->doc);
	ok = ok && list && (noted || add_cpu(c, list, "resource.current.averageUtilization", share));
	if (ok && yyjson_mut_arr_size(list))
		ok = doc_mset(c->doc, v, "status.currentMetrics", list);
	noted = *c->sub ? fitting(c, "status.conditions", read_note(c, v, CONDITIONS, false)) : NULL;
	if (ok && yyjson_mut_arr_size(noted))
		ok = doc_mset(c->doc, v, "status.conditions", noted);
	drop_notes(v);
	return ok && keep_other(c, v);
}

bool convert_hpa_to_v1(struct call *c, yyjson_mut_val *v)
{
	yyjson_mut_val *spec = doc_mget(v, "spec"), *status = doc_mget(v, "status"), *all, *rest, *m, *share, *list;
	yyjson_mut_arr_iter it;
	bool first = true, ok = true;

	drop_notes(v);
	all = spec ? yyjson_mut_obj_remove_key(spec, "metrics") : NULL;
	rest = yyjson_mut_arr(c->doc);
	yyjson_mut_arr_iter_init(all, &it);
	while (ok && (m = yyjson_mut_arr_iter_next(&it))) {
		share = is_cpu(m) ? doc_mget(m, "resource.target.averageUtilization") : NULL;
		if (is_cpu(m) && first && share)
			ok = doc_mset_int(c->doc, spec, CPU_TARGET, yyjson_mut_get_sint(share));
		first &= !is_cpu(m);
		if (!share)
			ok = ok && yyjson_mut_arr_append(rest, yyjson_mut_val_mut_copy(c->doc, m));
	}
	if (ok && yyjson_mut_arr_size(rest))
		ok = note(c, v, SPECS, metrics(c, rest, specs, false));
	list = status ? yyjson_mut_obj_remove_key(status, "currentMetrics") : NULL;
	if (ok && yyjson_mut_arr_size(list))
		ok = note(c, v, STATUSES, metrics(c, list, statuses, false));
	yyjson_mut_arr_iter_init(list, &it);
	while (ok && (m = yyjson_mut_arr_iter_next(&it)))
		if (is_cpu(m) && (share = doc_mget(m, "resource.current.averageUtilization")))
			ok = doc_mset_int(c->doc, status, CPU_CURRENT, yyjson_mut_get_sint(share));
	m = spec ? yyjson_mut_obj_remove_key(spec, "behavior") : NULL;
	if (ok && m)
		ok = note(c, v, BEHAVIOR, renamed(c, m, sides, false));
	list = status ? yyjson_mut_obj_remove_key(status, "conditions") : NULL;
	if (ok && yyjson_mut_arr_size(list))
		ok = note(c, v, CONDITIONS, list);
	return ok;
}
