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
	{ "networking.k8s.io", "NetworkPolicy" },
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

enum step stage_validate(struct call *c)
{
	const char *sub = *c->sub ? c->sub : NULL;
	struct field_error *errors = NULL;
	struct kinds_problem *warnings = NULL;

	if (!c->obj || c->verb == VERB_DELETE)
		return STEP_NEXT;
	if (kinds_validate(c->arena, c->kind, sub, c->obj, c->old, &errors))
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
