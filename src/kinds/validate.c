/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation: which rules a kind has, and those that follow from its table
 * alone (required members, closed sets of values).
 *
 * Order as upstream: on create metadata, then the spec; on update metadata, the
 * spec of the new object, then what may not change. Kinds without rules of their
 * own have those of their table; custom kinds those of their schema.
 */
#include "kinds/validate.h"

/* Rules of an object, and of a write to its status (NULL: there are none). Ascending type. */
static const struct rules { const char *type; validate_fn *object, *status; } kinds[] = {
	{ "admissionregistration/v1.MutatingAdmissionPolicy", validate_admission_policy },
	{ "admissionregistration/v1.MutatingAdmissionPolicyBinding", validate_policy_binding },
	{ "admissionregistration/v1.MutatingWebhookConfiguration", validate_webhooks },
	{ "admissionregistration/v1.ValidatingAdmissionPolicy", validate_admission_policy, validate_policy_status },
	{ "admissionregistration/v1.ValidatingAdmissionPolicyBinding", validate_policy_binding },
	{ "admissionregistration/v1.ValidatingWebhookConfiguration", validate_webhooks },
	{ "apiextensions/v1.CustomResourceDefinition", validate_crd, validate_crd },
	{ "apiregistration/v1.APIService", validate_api_service, validate_api_service_status },
	{ "apps/v1.ControllerRevision", validate_controller_revision },
	{ "apps/v1.DaemonSet", validate_daemon_set, validate_counts },
	{ "apps/v1.Deployment", validate_deployment, validate_counts },
	{ "apps/v1.ReplicaSet", validate_replica_set, validate_counts },
	{ "apps/v1.StatefulSet", validate_stateful_set, validate_counts },
	{ "authorization/v1.LocalSubjectAccessReview", validate_access_review },
	{ "authorization/v1.SelfSubjectAccessReview", validate_access_review },
	{ "authorization/v1.SubjectAccessReview", validate_access_review },
	{ "autoscaling/v2.HorizontalPodAutoscaler", validate_hpa, validate_counts },
	{ "batch/v1.CronJob", validate_cron_job },
	{ "batch/v1.Job", validate_job, validate_job_status },
	{ "certificates/v1.CertificateSigningRequest", validate_csr, validate_csr },
	{ "coordination/v1.Lease", validate_lease },
	{ "core/v1.Binding", validate_binding_pod },
	{ "core/v1.ConfigMap", validate_config_map },
	{ "core/v1.Endpoints", validate_endpoints },
	{ "core/v1.Event", validate_event },
	{ "core/v1.LimitRange", validate_limit_range },
	{ "core/v1.Namespace", validate_namespace, validate_namespace_status },
	{ "core/v1.Node", validate_node, validate_node },
	{ "core/v1.PersistentVolume", validate_pv },
	{ "core/v1.PersistentVolumeClaim", validate_pvc, validate_pvc_status },
	{ "core/v1.Pod", validate_pod, validate_pod_status },
	{ "core/v1.PodTemplate", validate_pod_template },
	{ "core/v1.ReplicationController", validate_replication_controller, validate_replication_controller_status },
	{ "core/v1.ResourceQuota", validate_resource_quota, validate_resource_quota_status },
	{ "core/v1.Secret", validate_secret },
	{ "core/v1.Service", validate_service, validate_service_status },
	{ "discovery/v1.EndpointSlice", validate_endpoint_slice },
	{ "events/v1.Event", validate_new_event },
	{ "flowcontrol/v1.FlowSchema", validate_flow_schema, validate_flow_status },
	{ "flowcontrol/v1.PriorityLevelConfiguration", validate_priority_level, validate_flow_status },
	{ "networking/v1.IPAddress", validate_ip_address },
	{ "networking/v1.Ingress", validate_ingress, validate_ingress_status },
	{ "networking/v1.IngressClass", validate_ingress_class },
	{ "networking/v1.NetworkPolicy", validate_network_policy },
	{ "networking/v1.ServiceCIDR", validate_service_cidr },
	{ "node/v1.RuntimeClass", validate_runtime_class },
	{ "policy/v1.PodDisruptionBudget", validate_pdb, validate_pdb_status },
	{ "rbac/v1.ClusterRole", validate_role },
	{ "rbac/v1.ClusterRoleBinding", validate_role_binding },
	{ "rbac/v1.Role", validate_role },
	{ "rbac/v1.RoleBinding", validate_role_binding },
	{ "resource/v1.DeviceClass", validate_device_class },
	{ "resource/v1.ResourceClaim", validate_resource_claim, validate_claim_status },
	{ "resource/v1.ResourceClaimTemplate", validate_claim_template },
	{ "resource/v1.ResourceSlice", validate_resource_slice },
	{ "scheduling/v1.PriorityClass", validate_priority_class },
	{ "storage/v1.CSIDriver", validate_csi_driver },
	{ "storage/v1.CSINode", validate_csi_node },
	{ "storage/v1.CSIStorageCapacity", validate_csi_capacity },
	{ "storage/v1.StorageClass", validate_storage_class },
	{ "storage/v1.VolumeAttachment", validate_volume_attachment, validate_attachment_status },
	{ "storage/v1.VolumeAttributesClass", validate_attributes_class },
};

static const struct rules *find(const char *type)
{
	size_t lo = 0, hi = sizeof(kinds) / sizeof(kinds[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int d = strcmp(type, kinds[mid].type);
		if (!d)
			return &kinds[mid];
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static void table_object(struct vcheck *c, const struct vpath *p, const struct kinds_type *t, yyjson_mut_val *v);

/* One value of f: a text of a closed set, or an object with members of its own. */
static void table_value(struct vcheck *c, const struct vpath *p, const struct kinds_field *f, yyjson_mut_val *v)
{
	const char *s = yyjson_mut_get_str(v);
	BUF_AUTO struct buf b = { 0 };
	bool known = false;

	if (f->value == KV_OBJECT && f->type) {
		table_object(c, p, f->type, v);
		return;
	}
	if (!f->enum_values || !s || !*s)
		return;
	for (const char *const *e = f->enum_values; *e; e++) {
		known |= !strcmp(s, *e);
		buf_printf(&b, "%s%s", b.len ? "|" : "", *e);
	}
	if (!known)
		v_unsupported(c, p, s, b.p ? b.p : "");
}

static void table_object(struct vcheck *c, const struct vpath *p, const struct kinds_type *t, yyjson_mut_val *v)
{
	if (!yyjson_mut_is_obj(v))
		return;
	for (size_t i = 0; i < t->field_count; i++) {
		const struct kinds_field *f = &t->fields[i];
		const struct vpath *at = V_AT(p, f->name);
		yyjson_mut_val *m = v_get(v, f->name);
		/* Metadata has its own rules; status is written by controllers. */
		if (f->flags & (KF_TYPEMETA | KF_PROTO_ONLY) ||
		    (!p && (!strcmp(f->name, "metadata") || !strcmp(f->name, "status"))))
			continue;
		if ((f->flags & KF_REQUIRED) && f->card == KC_ONE && f->value == KV_STRING &&
		    !*v_str(v, f->name)) {
			v_required(c, at, "");
			continue;
		}
		if (!m)
			continue;
		if (f->card == KC_ONE)
			table_value(c, at, f, m);
		else if (f->card == KC_LIST)
			V_EACH(n, item, m)
				table_value(c, V_ITEM(at, n), f, item);
		else if (f->card == KC_MAP)
			V_MEMBERS(key, item, m)
				table_value(c, V_KEY(at, key), f, item);
	}
}

int kinds_validate(struct arena *a, const struct kinds_kind *k, const char *sub, yyjson_mut_val *v,
	yyjson_mut_val *old, struct field_error **ret_errors)
{
	struct vcheck c = { .a = a, .k = k, .sub = sub, .v = v, .old = old };
	const struct vpath *spec = V_AT(NULL, "spec");
	const struct rules *rules = k->custom ? NULL : find(k->type->name);
	/* A status write cannot touch the rest, which is not looked at again. */
	bool status = sub && !strcmp(sub, "status");
	validate_fn *fn = !rules ? NULL : status ? rules->status : rules->object;

	c.tail = &c.first;
	if (!v_show(&c))
		return -ERR_SIZE;
	if (k->store)    /* reviews are asked, not kept: they need no name */
		v_metadata(&c, V_AT(NULL, "metadata"));
	if (k->custom)
		validate_custom(&c);
	else if (fn)
		fn(&c, spec, v_get(c.v, "spec"));
	else if (!rules && !status)
		table_object(&c, NULL, k->type, c.v);
	if (c.old && !k->custom && !status)
		v_immutable(&c);
	*ret_errors = c.first;
	return arena_over(a) ? -ERR_SIZE : 0;
}
