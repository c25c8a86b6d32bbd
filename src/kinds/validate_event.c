/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of events. One object, seen through two groups: core is lenient, for
 * old clients; events.k8s.io is strict. Errors have core's names in both.
 * Source: kubernetes pkg/apis/core/validation/events.go.
 */
#include "base/text.h"
#include "kinds/validate.h"

/* What core and events.k8s.io call the same thing. */
struct words { const char *object, *controller, *note; };
static const struct words core = { "involvedObject", "reportingComponent", "message" };
static const struct words events = { "regarding", "reportingController", "note" };

static void limited(struct vcheck *c, const char *member, const char *report, size_t max, bool must)
{
	const char *s = v_str(c->v, member);

	if (must && !*s)
		v_required(c, V_AT(NULL, report), "");
	if (strlen(s) > max)
		v_invalid(c, V_AT(NULL, report), "", v_text(c, "can have at most %zu characters", max));
}

/* What both groups ask. */
static void lenient(struct vcheck *c, const struct words *w)
{
	static const struct vpath at_object = { .name = "involvedObject" };
	const char *ns = v_str(v_get(c->v, "metadata"), "namespace"), *object_ns = v_str(v_get(c->v, w->object), "namespace");
	const char *controller = v_str(c->v, w->controller);
	bool timed = v_get(c->v, "eventTime") != NULL;
	/* What is in no namespace is told of in default; by nodes also in kube-system. */
	bool agrees = *object_ns ? timed || !strcmp(object_ns, ns) : v_one_of(ns, timed ? "default|kube-system" : "default");

	if (!agrees)
		v_invalid(c, V_AT(&at_object, "namespace"), object_ns, "does not match event.namespace");
	if (!timed)
		return;
	if (!*controller)
		v_required(c, V_AT(NULL, "reportingController"), "");
	v_syntax(c, V_AT(NULL, "reportingController"), controller, text_bad_qualified_name);
	limited(c, "reportingInstance", "reportingInstance", 128, true);
	limited(c, "action", "action", 128, true);
	limited(c, "reason", "reason", 128, true);
	limited(c, w->note, "message", 1024, false);
}

static void series(struct vcheck *c)
{
	yyjson_mut_val *m = v_get(c->v, "series");

	if (!m)
		return;
	if (doc_mint(m, "count", 0) < 2)
		v_invalid(c, V_AT(NULL, "series.count"), "", "should be at least 2");
	if (!v_get(m, "lastObservedTime"))
		v_required(c, V_AT(NULL, "series.lastObservedTime"), "");
}

void validate_event(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	lenient(c, &core);
}

void validate_new_event(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const struct { const char *member, *report; } of_old[] = {
		{ "deprecatedFirstTimestamp", "firstTimestamp" }, { "deprecatedLastTimestamp", "lastTimestamp" },
		{ "deprecatedCount", "count" }, { "deprecatedSource", "source" },
	};

	lenient(c, &events);
	if (c->old) {
		if (!v_same(v_get(c->v, "series"), v_get(c->old, "series")))
			series(c);
		return;
	}
	series(c);
	if (!v_get(c->v, "eventTime"))
		v_required(c, V_AT(NULL, "eventTime"), "");
	if (!v_one_of(v_str(c->v, "type"), "Normal|Warning"))
		v_invalid(c, V_AT(NULL, "type"), "", v_text(c, "has invalid value: %s", v_str(c->v, "type")));
	for (size_t i = 0; i < sizeof(of_old) / sizeof(of_old[0]); i++) {
		yyjson_mut_val *m = v_get(c->v, of_old[i].member);
		if (yyjson_mut_get_sint(m) || yyjson_mut_get_len(m))
			v_invalid(c, V_AT(NULL, of_old[i].report), "", "needs to be unset");
	}
}
