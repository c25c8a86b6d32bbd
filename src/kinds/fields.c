/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field selectors: which members of a kind clients may select by, besides the
 * name and namespace all kinds have.
 * Source: kubernetes pkg/apis/core/v1/conversion.go and the strategies' ToSelectableFields.
 */
#include <stdio.h>
#include <string.h>

#include "kinds/kinds_custom.h"

struct row { const char *type, *field, *path, *otherwise; };

/* path: where the value is, field itself when NULL; otherwise: a second place,
 * or the value of an absent member when it starts with "=". */
static const struct row rows[] = {
	{ "batch/v1.Job", "status.successful", "status.succeeded", "=0" },
	{ "certificates/v1.CertificateSigningRequest", "spec.signerName" },
	{ "core/v1.Event", "involvedObject.kind" },
	{ "core/v1.Event", "involvedObject.namespace" },
	{ "core/v1.Event", "involvedObject.name" },
	{ "core/v1.Event", "involvedObject.uid" },
	{ "core/v1.Event", "involvedObject.apiVersion" },
	{ "core/v1.Event", "involvedObject.resourceVersion" },
	{ "core/v1.Event", "involvedObject.fieldPath" },
	{ "core/v1.Event", "reason" },
	{ "core/v1.Event", "reportingComponent" },
	{ "core/v1.Event", "source", "source.component", "reportingComponent" },
	{ "core/v1.Event", "type" },
	{ "events/v1.Event", "regarding.kind" },
	{ "events/v1.Event", "regarding.namespace" },
	{ "events/v1.Event", "regarding.name" },
	{ "events/v1.Event", "regarding.uid" },
	{ "events/v1.Event", "regarding.apiVersion" },
	{ "events/v1.Event", "regarding.resourceVersion" },
	{ "events/v1.Event", "regarding.fieldPath" },
	{ "events/v1.Event", "reason" },
	{ "events/v1.Event", "reportingController" },
	{ "events/v1.Event", "type" },
	{ "core/v1.Namespace", "status.phase" },
	{ "core/v1.Node", "spec.unschedulable", NULL, "=false" },
	{ "core/v1.Pod", "spec.nodeName" },
	{ "core/v1.Pod", "spec.host", "spec.nodeName" },
	{ "core/v1.Pod", "spec.restartPolicy" },
	{ "core/v1.Pod", "spec.schedulerName" },
	{ "core/v1.Pod", "spec.serviceAccountName" },
	{ "core/v1.Pod", "spec.hostNetwork", NULL, "=false" },
	{ "core/v1.Pod", "status.phase" },
	{ "core/v1.Pod", "status.podIP" },
	{ "core/v1.Pod", "status.podIPs", "status.podIP" },
	{ "core/v1.Pod", "status.nominatedNodeName" },
	{ "core/v1.ReplicationController", "status.replicas", NULL, "=0" },
	{ "apps/v1.ReplicaSet", "status.replicas", NULL, "=0" },
	{ "core/v1.Secret", "type" },
	{ "core/v1.Service", "spec.clusterIP" },
	{ "core/v1.Service", "spec.type" },
	{ "resource/v1.ResourceSlice", "spec.nodeName" },
	{ "resource/v1.ResourceSlice", "spec.driver" },
};

static const struct row *find(const struct kinds_kind *k, const char *field)
{
	for (size_t i = 0; !k->custom && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].field, field) && !strcmp(rows[i].type, k->type->name))
			return &rows[i];
	return NULL;
}

bool kinds_field_any(const struct kinds_kind *k)
{
	for (size_t i = 0; !k->custom && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].type, k->type->name))
			return true;
	return false;
}

/* Kinds with fields of their own name all that there are; the others take a namespace
 * even where objects have none. */
static bool is_common(const struct kinds_kind *k, const char *field)
{
	return !strcmp(field, "metadata.name") || ((k->namespaced || (!k->custom && !kinds_field_any(k))) &&
		!strcmp(field, "metadata.namespace"));
}

/* The path of a custom kind's selectable field, without its dot; NULL: not selectable. */
static const char *custom_path(const struct kinds_kind *k, const char *field)
{
	const struct kinds_custom *c = kinds_custom_of(k);

	for (const char *const *s = c ? c->selectable : NULL; s && *s; s++)
		if (**s == '.' && !strcmp(*s + 1, field))
			return *s + 1;
	return NULL;
}

bool kinds_field_known(const struct kinds_kind *k, const char *field)
{
	return is_common(k, field) || find(k, field) || custom_path(k, field);
}

static const char *text_of(yyjson_val *v, const char *path)
{
	static _Thread_local char number[24];

	v = doc_get(v, path);
	if (yyjson_is_str(v))
		return yyjson_get_str(v);
	if (yyjson_is_bool(v))
		return yyjson_get_bool(v) ? "true" : "false";
	if (!yyjson_is_int(v))
		return NULL;
	snprintf(number, sizeof(number), "%lld", (long long)yyjson_get_sint(v));
	return number;
}

const char *kinds_field_value(const struct kinds_kind *k, yyjson_val *v, const char *field)
{
	const struct row *r;
	const char *s;

	if (is_common(k, field)) {
		s = doc_str(v, field);
		return s ? s : "";
	}
	if (custom_path(k, field)) {
		s = text_of(v, field);
		return s ? s : "";
	}
	if (!(r = find(k, field)))
		return NULL;
	s = text_of(v, r->path ? r->path : field);
	if ((s && *s) || !r->otherwise)
		return s ? s : "";
	if (*r->otherwise == '=')
		return r->otherwise + 1;
	s = text_of(v, r->otherwise);
	return s ? s : "";
}
