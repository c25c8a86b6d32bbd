/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of autoscalers, in both versions: version 1 is a shorter way to write the same.
 * Source: kubernetes pkg/apis/autoscaling/validation/validation.go.
 */
#include "base/text.h"
#include "doc/quantity.h"
#include "kinds/validate.h"

#define PERIOD_MAX_S 1800
#define WINDOW_MAX_S 3600
#define METRIC_TYPES "ContainerResource|External|Object|Pods|Resource"

static void reference(struct vcheck *c, const struct vpath *p, yyjson_mut_val *ref)
{
	v_must_syntax(c, p, ref, "kind", v_bad_path_segment);
	v_must_syntax(c, p, ref, "name", v_bad_path_segment);
}

static void positive(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name)
{
	yyjson_mut_val *m = v_get(obj, name);
	struct quantity q;

	if (m && (!v_amount(m, &q) || q.nano <= 0))
		v_invalid_value(c, V_AT(p, name), m, "must be positive");
}

static void target(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	yyjson_mut_val *share = v_get(m, "averageUtilization");

	if (!*v_str(m, "type"))
		v_required(c, V_AT(p, "type"), "must specify a metric target type");
	if (!v_one_of(v_str(m, "type"), "Utilization|Value|AverageValue"))
		v_invalid(c, V_AT(p, "type"), v_str(m, "type"), "must be either Utilization, Value, or AverageValue");
	positive(c, p, m, "value");
	positive(c, p, m, "averageValue");
	if (share && yyjson_mut_get_sint(share) < 1)
		v_invalid_value(c, V_AT(p, "averageUtilization"), share, "must be greater than 0");
}

static void identifier(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	if (!*v_str(m, "name"))
		v_required(c, V_AT(p, "name"), "must specify a metric name");
	else
		v_syntax(c, V_AT(p, "name"), v_str(m, "name"), v_bad_path_segment);
}

/* One kind of source: its member, its type, and what its target says. */
static const struct source {
	const char *member, *type;
	bool named, object, container;          /* has metric.name, describedObject, container */
	const char *either, *or, *missing;      /* of the target one of the two is needed */
	const char *not, *both;                 /* and `not` may not stand beside the other */
} sources[] = {
	{ "object", "Object", true, true, false, "value", "averageValue",
	  "must set either a target value or averageValue", NULL, NULL },
	{ "external", "External", true, false, false, "value", "averageValue",
	  "must set either a target value for metric or a per-pod target",
	  "value", "may not set both a target value for metric and a per-pod target" },
	{ "pods", "Pods", true, false, false, "averageValue", "averageValue",
	  "must specify a positive target averageValue", NULL, NULL },
	{ "resource", "Resource", false, false, false, "averageValue", "averageUtilization",
	  "must set either a target raw value or a target utilization",
	  "averageValue", "may not set both a target raw value and a target utilization" },
	{ "containerResource", "ContainerResource", false, false, true, "averageValue", "averageUtilization",
	  "must set either a target raw value or a target utilization",
	  "averageValue", "may not set both a target raw value and a target utilization" },
};

static void source(struct vcheck *c, const struct vpath *p, const struct source *s, yyjson_mut_val *m)
{
	yyjson_mut_val *goal = v_get(m, "target");
	const struct vpath *tp = V_AT(p, "target");

	if (s->object)
		reference(c, V_AT(p, "describedObject"), v_get(m, "describedObject"));
	if (s->named)
		identifier(c, V_AT(p, "metric"), v_get(m, "metric"));
	else if (!*v_str(m, "name"))
		v_required(c, V_AT(p, "name"), "must specify a resource name");
	if (s->container && !*v_str(m, "container"))
		v_required(c, V_AT(p, "container"), "must specify a container");
	else if (s->container)
		v_syntax(c, V_AT(p, "container"), v_str(m, "container"), text_bad_dns1123_label);
	target(c, tp, goal);
	if (!v_get(goal, s->either) && !v_get(goal, s->or))
		v_required(c, V_AT(tp, s->or), s->missing);
	if (s->not && v_get(goal, s->either) && v_get(goal, s->or))
		v_forbidden(c, V_AT(tp, s->not), s->both);
}

static void metric(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	const char *type = v_str(m, "type");
	const struct source *wanted = NULL;
	size_t present = 0, n = sizeof(sources) / sizeof(sources[0]);

	if (!*type)
		v_required(c, V_AT(p, "type"), "must specify a metric source type");
	if (!v_one_of(type, METRIC_TYPES))
		v_unsupported(c, V_AT(p, "type"), type, METRIC_TYPES);
	for (size_t i = 0; i < n; i++) {
		yyjson_mut_val *s = v_get(m, sources[i].member);
		if (!strcmp(sources[i].type, type))
			wanted = &sources[i];
		if (s && ++present == 1)
			source(c, V_AT(p, sources[i].member), &sources[i], s);
	}
	if (!wanted)
		v_unsupported(c, V_AT(p, "type"), type, METRIC_TYPES);
	else if (!v_get(m, wanted->member))
		v_required(c, V_AT(p, wanted->member), "must populate information for the given metric source");
	for (size_t i = 0; i < n && present != 1; i++)
		if (&sources[i] != wanted && v_get(m, sources[i].member))
			v_forbidden(c, V_AT(p, sources[i].member), "must populate the given metric source only");
}

static void rules(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	int64_t window = doc_mint(m, "stabilizationWindowSeconds", 0);

	if (!m)
		return;
	if (window < 0)
		v_invalid_int(c, V_AT(p, "stabilizationWindowSeconds"), window, "must be greater than or equal to zero");
	if (window > WINDOW_MAX_S)
		v_invalid_int(c, V_AT(p, "stabilizationWindowSeconds"), window, "must be less than or equal to 3600");
	if (v_get(m, "selectPolicy") && !v_one_of(v_str(m, "selectPolicy"), "Disabled|Max|Min"))
		v_unsupported(c, V_AT(p, "selectPolicy"), v_str(m, "selectPolicy"), "Disabled|Max|Min");
	if (!doc_mlen(m, "policies"))
		v_required(c, V_AT(p, "policies"), "must specify at least one Policy");
	V_EACH(i, policy, v_get(m, "policies")) {
		const struct vpath *at = V_ITEM(V_AT(p, "policies"), i);
		int64_t period = doc_mint(policy, "periodSeconds", 0), value = doc_mint(policy, "value", 0);
		if (!v_one_of(v_str(policy, "type"), "Percent|Pods"))
			v_unsupported(c, V_AT(at, "type"), v_str(policy, "type"), "Percent|Pods");
		if (value <= 0)
			v_invalid_int(c, V_AT(at, "value"), value, "must be greater than zero");
		if (period <= 0)
			v_invalid_int(c, V_AT(at, "periodSeconds"), period, "must be greater than zero");
		if (period > PERIOD_MAX_S)
			v_invalid_int(c, V_AT(at, "periodSeconds"), period, "must be less than or equal to 1800");
	}
}

void validate_hpa(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *min = v_get(spec, "minReplicas"), *behavior = v_get(spec, "behavior");
	int64_t least = yyjson_mut_get_sint(min), max = doc_mint(spec, "maxReplicas", 0);
	bool zero_before = c->old && doc_mint(c->old, "spec.minReplicas", 1) == 0, scales_to_zero = false;
	const struct vpath *mp = V_AT(p, "metrics");

	if (min && least < !zero_before)
		v_invalid_int(c, V_AT(p, "minReplicas"), least, v_text(c, "must be greater than or equal to %d", !zero_before));
	if (max < 1)
		v_invalid_int(c, V_AT(p, "maxReplicas"), max, "must be greater than 0");
	if (min && max < least)
		v_invalid_int(c, V_AT(p, "maxReplicas"), max, "must be greater than or equal to `minReplicas`");
	reference(c, V_AT(p, "scaleTargetRef"), v_get(spec, "scaleTargetRef"));
	V_EACH(i, m, v_get(spec, "metrics")) {
		metric(c, V_ITEM(mp, i), m);
		scales_to_zero |= v_one_of(v_str(m, "type"), "Object|External");
	}
	if (min && !least && !scales_to_zero)
		v_forbidden(c, mp, "must specify at least one Object or External metric to support scaling to zero replicas");
	rules(c, V_AT(V_AT(p, "behavior"), "scaleUp"), v_get(behavior, "scaleUp"));
	rules(c, V_AT(V_AT(p, "behavior"), "scaleDown"), v_get(behavior, "scaleDown"));
}
