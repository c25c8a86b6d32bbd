/* SPDX-License-Identifier: Apache-2.0 */
/* validate - is the object well-formed, and is the change allowed; and what the
 * client should be warned about. */
#include <string.h>

#include "api/call.h"

/* Kinds that are kept, but that nothing of this release acts upon. A row leaves as soon
 * as something does. */
static const struct { const char *group, *kind; } idle_kinds[] = {
	{ "", "PersistentVolume" }, { "", "PersistentVolumeClaim" },
	{ "", "ReplicationController" },
	{ "admissionregistration.k8s.io", "MutatingAdmissionPolicy" },
	{ "admissionregistration.k8s.io", "MutatingWebhookConfiguration" },
	{ "admissionregistration.k8s.io", "ValidatingAdmissionPolicy" },
	{ "admissionregistration.k8s.io", "ValidatingWebhookConfiguration" },
	{ "apiregistration.k8s.io", "APIService" }, { "apps", "StatefulSet" },
	{ "autoscaling", "HorizontalPodAutoscaler" }, { "batch", "CronJob" },
	{ "flowcontrol.apiserver.k8s.io", "FlowSchema" }, { "networking.k8s.io", "Ingress" },
	{ "resource.k8s.io", "ResourceClaim" }, { "storage.k8s.io", "VolumeAttachment" },
};

static void warn_idle(struct call *c)
{
	for (size_t i = 0; i < sizeof(idle_kinds) / sizeof(idle_kinds[0]); i++) {
		const char *text;

		if (strcmp(c->kind->kind, idle_kinds[i].kind) || strcmp(c->kind->group, idle_kinds[i].group))
			continue;
		text = arena_printf(c->arena, "%s: not done yet by this release, the object is kept and nothing acts on it",
			c->kind->kind);
		if (text)
			call_warn(c, text);
	}
}

/* An object in the form that rules are about. NULL: over the cap. */
static yyjson_mut_val *judged(struct call *c, yyjson_mut_val *v)
{
	if (c->kind != c->api->k.hpa1)
		return v;
	/* What version 1 says in annotations obeys the same rules. */
	v = yyjson_mut_val_mut_copy(c->doc, v);
	return v && !convert(c, c->api->k.hpa1, c->api->k.hpa2, &v) ? v : NULL;
}

enum step stage_validate(struct call *c)
{
	const char *sub = *c->sub ? c->sub : NULL;
	const struct kinds_kind *kind = c->kind == c->api->k.hpa1 ? c->api->k.hpa2 : c->kind;
	struct field_error *errors = NULL;
	struct kinds_problem *warnings = NULL;
	yyjson_mut_val *obj, *old;

	if (!c->obj || c->verb == VERB_DELETE)
		return STEP_NEXT;
	obj = judged(c, c->obj);
	old = c->old ? judged(c, c->old) : NULL;
	if (!obj || (c->old && !old) || kinds_validate(c->arena, kind, sub, obj, old, &errors))
		return fail_err(c, -ERR_SIZE, NULL);
	if (errors)
		return fail_invalid(c, c->kind->kind, c->group, c->name, errors);
	if (!sub && c->tries <= 1 && !kinds_warnings(c->arena, c->kind, c->obj, c->old, &warnings))
		for (; warnings; warnings = warnings->next)
			call_warn(c, warnings->text);
	if (!sub && c->creating && c->tries <= 1 && !c->done)
		warn_idle(c);
	return STEP_NEXT;
}
