/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl's tables: which function writes the cells of which type, and the
 * cells many kinds share.
 * Source: kubernetes pkg/printers/internalversion/printers.go.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "kinds/columns.h"

static const struct { const char *type; cells_fn *fn; } rows[] = {   /* ascending type */
	{ "admissionregistration/v1.MutatingAdmissionPolicy", cells_policy_mutating },
	{ "admissionregistration/v1.MutatingAdmissionPolicyBinding", cells_policy_binding },
	{ "admissionregistration/v1.MutatingWebhookConfiguration", cells_webhooks },
	{ "admissionregistration/v1.ValidatingAdmissionPolicy", cells_policy },
	{ "admissionregistration/v1.ValidatingAdmissionPolicyBinding", cells_policy_binding },
	{ "admissionregistration/v1.ValidatingWebhookConfiguration", cells_webhooks },
	{ "apiregistration/v1.APIService", cells_api_service },
	{ "apps/v1.ControllerRevision", cells_controller_revision },
	{ "apps/v1.DaemonSet", cells_daemon_set },
	{ "apps/v1.Deployment", cells_deployment },
	{ "apps/v1.ReplicaSet", cells_replica_set },
	{ "apps/v1.StatefulSet", cells_stateful_set },
	{ "autoscaling/v1.HorizontalPodAutoscaler", cells_hpa_v1 },
	{ "autoscaling/v1.Scale", cells_scale },
	{ "autoscaling/v2.HorizontalPodAutoscaler", cells_hpa },
	{ "batch/v1.CronJob", cells_cron_job },
	{ "batch/v1.Job", cells_job },
	{ "certificates/v1.CertificateSigningRequest", cells_csr },
	{ "coordination/v1.Lease", cells_lease },
	{ "core/v1.ComponentStatus", cells_component_status },
	{ "core/v1.ConfigMap", cells_config_map },
	{ "core/v1.Endpoints", cells_endpoints },
	{ "core/v1.Event", cells_event_core },
	{ "core/v1.Namespace", cells_namespace },
	{ "core/v1.Node", cells_node },
	{ "core/v1.PersistentVolume", cells_pv },
	{ "core/v1.PersistentVolumeClaim", cells_pvc },
	{ "core/v1.Pod", cells_pod },
	{ "core/v1.PodTemplate", cells_pod_template },
	{ "core/v1.ReplicationController", cells_replication_controller },
	{ "core/v1.ResourceQuota", cells_resource_quota },
	{ "core/v1.Secret", cells_secret },
	{ "core/v1.Service", cells_service },
	{ "core/v1.ServiceAccount", cells_service_account },
	{ "discovery/v1.EndpointSlice", cells_endpoint_slice },
	{ "events/v1.Event", cells_event },
	{ "flowcontrol/v1.FlowSchema", cells_flow_schema },
	{ "flowcontrol/v1.PriorityLevelConfiguration", cells_priority_level },
	{ "networking/v1.IPAddress", cells_ip_address },
	{ "networking/v1.Ingress", cells_ingress },
	{ "networking/v1.IngressClass", cells_ingress_class },
	{ "networking/v1.NetworkPolicy", cells_network_policy },
	{ "networking/v1.ServiceCIDR", cells_service_cidr },
	{ "node/v1.RuntimeClass", cells_runtime_class },
	{ "policy/v1.PodDisruptionBudget", cells_pdb },
	{ "rbac/v1.ClusterRoleBinding", cells_binding },
	{ "rbac/v1.RoleBinding", cells_binding },
	{ "resource/v1.DeviceClass", cells_device_class },
	{ "resource/v1.ResourceClaim", cells_resource_claim },
	{ "resource/v1.ResourceClaimTemplate", cells_device_class },
	{ "resource/v1.ResourceSlice", cells_resource_slice },
	{ "scheduling/v1.PriorityClass", cells_priority_class },
	{ "storage/v1.CSIDriver", cells_csi_driver },
	{ "storage/v1.CSINode", cells_csi_node },
	{ "storage/v1.CSIStorageCapacity", cells_csi_capacity },
	{ "storage/v1.StorageClass", cells_storage_class },
	{ "storage/v1.VolumeAttachment", cells_volume_attachment },
	{ "storage/v1.VolumeAttributesClass", cells_volume_attributes_class },
};

static void next(struct cells *c)
{
	if (c->count++)
		buf_addc(c->out, ',');
}

void cell_text(struct cells *c, const char *s)
{
	next(c);
	buf_add_json(c->out, s ? s : "", s ? strlen(s) : 0);
}

void cell_or(struct cells *c, const char *s, const char *otherwise)
{
	cell_text(c, s && *s ? s : otherwise);
}

void cell_format(struct cells *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cell_text(c, text);
}

void cell_int(struct cells *c, int64_t n)
{
	next(c);
	buf_printf(c->out, "%lld", (long long)n);
}

void cell_bool(struct cells *c, bool b)
{
	next(c);
	buf_adds(c->out, b ? "true" : "false");
}

void cell_value(struct cells *c, yyjson_val *v)
{
	next(c);
	if (!v)
		buf_adds(c->out, "null");
	else if (doc_write(c->out, v))
		c->out->failed = true;
}

void cell_buf(struct cells *c, struct buf *b)
{
	next(c);
	buf_add_json(c->out, b->p ? b->p : "", b->len);
	c->out->failed |= b->failed;
}

void cell_name(struct cells *c)
{
	cell_text(c, doc_str(c->v, "metadata.name"));
}

void cell_path(struct cells *c, const char *path)
{
	cell_text(c, doc_str(c->v, path));
}

void cell_path_or(struct cells *c, const char *path, const char *otherwise)
{
	cell_or(c, doc_str(c->v, path), otherwise);
}

void cell_path_int(struct cells *c, const char *path)
{
	cell_int(c, doc_int(c->v, path, 0));
}

void cells_age_text(char out[], const struct cells *c, const char *time)
{
	int64_t us;

	if (!time || !*time || text_parse_time(time, &us))
		snprintf(out, TEXT_TIME_MAX, "<unknown>");
	else
		text_age(out, (c->now_us - us) * 1000);
}

void cell_since(struct cells *c, const char *time, const char *otherwise)
{
	char text[TEXT_TIME_MAX];

	cells_age_text(text, c, time);
	cell_text(c, time && *time ? text : otherwise);
}

void cell_age(struct cells *c)
{
	cell_since(c, doc_str(c->v, "metadata.creationTimestamp"), "<unknown>");
}

void cells_join(struct buf *b, const char *s, const char *comma)
{
	if (b->len)
		buf_adds(b, comma);
	buf_adds(b, s ? s : "");
}

void cells_set_add(struct cells_set *s, const char *text)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 8;
		const char **v = realloc(s->v, cap * sizeof(*v));
		if (!v)
			return;    /* one text fewer in a table */
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = text;
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void cells_set_write(struct cells_set *s, struct buf *b, const char *comma)
{
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), text_order);
	for (size_t i = 0; i < s->n; i++)
		if (!i || strcmp(s->v[i], s->v[i - 1]))
			cells_join(b, s->v[i], comma);
	free(s->v);
	*s = (struct cells_set){ 0 };
}

static void labels_text(struct buf *b, yyjson_val *map)
{
	yyjson_obj_iter it;
	yyjson_val *key;

	yyjson_obj_iter_init(map, &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		const char *value = yyjson_get_str(yyjson_obj_iter_get_val(key));
		cells_join(b, yyjson_get_str(key), ",");
		buf_addc(b, '=');
		buf_adds(b, value ? value : "");
	}
}

void cell_labels(struct cells *c, yyjson_val *map)
{
	BUF_AUTO struct buf b = { 0 };

	labels_text(&b, map);
	if (!b.len)
		buf_adds(&b, "<none>");
	cell_buf(c, &b);
}

void cell_selector(struct cells *c, yyjson_val *selector)
{
	BUF_AUTO struct buf b = { 0 };

	if (yyjson_arr_size(yyjson_obj_get(selector, "matchExpressions"))) {
		ARENA_AUTO struct arena *a = arena_open(1 << 20);
		struct selector *s;
		if (!a || selector_from(a, selector, &s, NULL))
			buf_adds(&b, "<error>");
		else
			selector_print(s, &b);
	} else {
		labels_text(&b, yyjson_obj_get(selector, "matchLabels"));
	}
	if (!b.len)
		buf_adds(&b, "<none>");
	cell_buf(c, &b);
}

void cell_strings(struct cells *c, yyjson_val *list, const char *comma, const char *otherwise)
{
	BUF_AUTO struct buf b = { 0 };
	yyjson_arr_iter it;
	yyjson_val *m;

	yyjson_arr_iter_init(list, &it);
	while ((m = yyjson_arr_iter_next(&it)))
		cells_join(&b, yyjson_get_str(m), comma);
	if (!b.len)
		buf_adds(&b, otherwise);
	cell_buf(c, &b);
}

void cell_containers(struct cells *c, yyjson_val *pod_spec)
{
	static const char *const members[] = { "name", "image" };

	for (int i = 0; i < 2; i++) {
		BUF_AUTO struct buf b = { 0 };
		yyjson_arr_iter it;
		yyjson_val *m;
		yyjson_arr_iter_init(yyjson_obj_get(pod_spec, "containers"), &it);
		while ((m = yyjson_arr_iter_next(&it)))
			cells_join(&b, doc_str(m, members[i]), ",");
		cell_buf(c, &b);
	}
}

const char *cells_condition(yyjson_val *conditions, const char *type)
{
	yyjson_arr_iter it;
	yyjson_val *m;

	yyjson_arr_iter_init(conditions, &it);
	while ((m = yyjson_arr_iter_next(&it)))
		if (yyjson_equals_str(yyjson_obj_get(m, "type"), type))
			return doc_str(m, "status");
	return NULL;
}

static cells_fn *find(const char *type)
{
	size_t lo = 0, hi = sizeof(rows) / sizeof(rows[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int d = strcmp(type, rows[mid].type);
		if (!d)
			return rows[mid].fn;
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct kinds_kind *kinds_scale_view(void)
{
	static const struct kinds_column columns[] = {
		{ "Name", "string", "", "Name must be unique within a namespace." },
		{ "Desired", "integer", "", "How many pods are asked for." },
		{ "Available", "integer", "", "How many pods there are." },
		{ "Age", "string", "", "How long ago the object was created." },
	};
	static struct kinds_kind view = { .group = "autoscaling", .version = "v1", .kind = "Scale", .columns = columns,
		.column_count = sizeof(columns) / sizeof(columns[0]), .api_version = "autoscaling/v1" };

	view.type = kinds_type_by_gvk("autoscaling", "v1", "Scale");
	return &view;
}

int kinds_cells(struct buf *out, const struct kinds_kind *k, yyjson_val *v, int64_t now_us)
{
	struct cells c = { .out = out, .v = v, .now_us = now_us };
	cells_fn *fn = k->custom ? NULL : find(k->type->name);

	buf_addc(out, '[');
	if (k->custom) {
		cells_custom(&c, k);
	} else if (fn) {
		fn(&c);
	} else {
		cell_name(&c);
		cell_path(&c, "metadata.creationTimestamp");
	}
	buf_addc(out, ']');
	return out->failed ? -ERR_NOMEM : 0;
}
