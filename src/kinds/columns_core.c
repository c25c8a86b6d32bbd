/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table cells of nodes, namespaces, configuration, storage, access and policy.
 * Source: kubernetes pkg/printers/internalversion/printers.go.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "kinds/columns.h"

static const char *address(yyjson_val *v, const char *type)
{
	yyjson_arr_iter it;
	yyjson_val *m;

	yyjson_arr_iter_init(doc_get(v, "status.addresses"), &it);
	while ((m = yyjson_arr_iter_next(&it)))
		if (yyjson_equals_str(yyjson_obj_get(m, "type"), type))
			return doc_str(m, "address");
	return NULL;
}

static void roles(struct cells *c)
{
	static const char prefix[] = "node-role.kubernetes.io/";
	yyjson_val *labels = doc_get(c->v, "metadata.labels"), *key;
	const char *old = yyjson_get_str(yyjson_obj_get(labels, "kubernetes.io/role"));
	struct cells_set names = { 0 };
	BUF_AUTO struct buf b = { 0 };
	yyjson_obj_iter it;

	if (old && *old)
		cells_set_add(&names, old);
	yyjson_obj_iter_init(labels, &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		const char *s = yyjson_get_str(key);
		if (!strncmp(s, prefix, sizeof(prefix) - 1) && s[sizeof(prefix) - 1])
			cells_set_add(&names, s + sizeof(prefix) - 1);
	}
	cells_set_write(&names, &b, ",");
	if (!b.len)
		buf_adds(&b, "<none>");
	cell_buf(c, &b);
}

void cells_node(struct cells *c)
{
	const char *ready = cells_condition(doc_get(c->v, "status.conditions"), "Ready");
	bool off = doc_bool(c->v, "spec.unschedulable", false);

	cell_name(c);
	cell_format(c, "%s%s", !ready ? "Unknown" : !strcmp(ready, "True") ? "Ready" : "NotReady",
		off ? ",SchedulingDisabled" : "");
	roles(c);
	cell_age(c);
	cell_path(c, "status.nodeInfo.kubeletVersion");
	cell_or(c, address(c->v, "InternalIP"), "<none>");
	cell_or(c, address(c->v, "ExternalIP"), "<none>");
	cell_path_or(c, "status.nodeInfo.osImage", "<unknown>");
	cell_path_or(c, "status.nodeInfo.kernelVersion", "<unknown>");
	cell_path_or(c, "status.nodeInfo.containerRuntimeVersion", "<unknown>");
}

/* The names the two kinds of Event give the same members. */
struct event_names {
	const char *object, *message, *first, *last, *count, *component, *controller, *instance;
};

static void event(struct cells *c, const struct event_names *n)
{
	char path[64], target[600], source[600];
	const char *first = doc_str(c->v, n->first), *last = doc_str(c->v, n->last);
	const char *component = cells_str(c->v, n->component), *instance = doc_str(c->v, n->instance);
	const char *message = cells_str(c->v, n->message);
	int64_t count = doc_int(c->v, n->count, 0);

	if (!first)
		first = doc_str(c->v, "eventTime");
	if (!last)
		last = first;
	if (doc_get(c->v, "series")) {
		count = doc_int(c->v, "series.count", 0);
		last = doc_str(c->v, "series.lastObservedTime");
	} else if (!count) {
		count = 1;
	}
	snprintf(path, sizeof(path), "%s.kind", n->object);
	snprintf(target, sizeof(target), "%s", cells_str(c->v, path));
	for (char *p = target; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
	snprintf(path, sizeof(path), "%s.name", n->object);
	const char *name = cells_str(c->v, path);
	if (*name)
		snprintf(target + strlen(target), sizeof(target) - strlen(target), "/%s", name);
	if (!*component)
		component = cells_str(c->v, n->controller);
	if (!instance || !*instance)
		instance = cells_str(c->v, "reportingInstance");
	snprintf(source, sizeof(source), "%s%s%s", component, *instance ? ", " : "", instance);

	cell_since(c, last, "<unknown>");
	cell_path(c, "type");
	cell_path(c, "reason");
	cell_text(c, target);
	snprintf(path, sizeof(path), "%s.fieldPath", n->object);
	cell_path(c, path);
	cell_text(c, source);
	BUF_AUTO struct buf b = { 0 };
	size_t len = strlen(message);
	while (len && strchr(" \t\r\n", message[len - 1]))
		len--;
	buf_add(&b, message, len);
	cell_buf(c, &b);
	cell_since(c, first, "<unknown>");
	cell_int(c, count);
	cell_name(c);
}

void cells_event_core(struct cells *c)
{
	static const struct event_names names = { "involvedObject", "message", "firstTimestamp",
		"lastTimestamp", "count", "source.component", "reportingComponent", "source.host" };
	event(c, &names);
}

void cells_event(struct cells *c)
{
	static const struct event_names names = { "regarding", "note", "deprecatedFirstTimestamp",
		"deprecatedLastTimestamp", "deprecatedCount", "deprecatedSource.component",
		"reportingController", "deprecatedSource.host" };
	event(c, &names);
}

void cells_namespace(struct cells *c)
{
	cell_name(c);
	cell_path(c, "status.phase");
	cell_age(c);
}

void cells_secret(struct cells *c)
{
	cell_name(c);
	cell_path(c, "type");
	cell_int(c, doc_len(c->v, "data"));
	cell_age(c);
}

void cells_config_map(struct cells *c)
{
	cell_name(c);
	cell_int(c, doc_len(c->v, "data") + doc_len(c->v, "binaryData"));
	cell_age(c);
}

void cells_service_account(struct cells *c)
{
	cell_name(c);
	cell_int(c, doc_len(c->v, "secrets"));
	cell_age(c);
}

void cells_resource_quota(struct cells *c)
{
	yyjson_val *used = doc_get(c->v, "status.used"), *key;
	BUF_AUTO struct buf request = { 0 }, limit = { 0 };
	yyjson_obj_iter it;

	yyjson_obj_iter_init(doc_get(c->v, "status.hard"), &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		const char *name = yyjson_get_str(key), *now = yyjson_get_str(yyjson_obj_get(used, name));
		const char *hard = yyjson_get_str(yyjson_obj_iter_get_val(key));
		struct buf *b = strncmp(name, "limits.", 7) ? &request : &limit;
		cells_join(b, name, ", ");
		buf_printf(b, ": %s/%s", now ? now : "0", hard ? hard : "0");
	}
	cell_name(c);
	cell_buf(c, &request);
	cell_buf(c, &limit);
	cell_age(c);
}

void cells_component_status(struct cells *c)
{
	yyjson_val *list = doc_get(c->v, "conditions"), *m = NULL;
	const char *status = cells_condition(list, "Healthy");
	yyjson_arr_iter it;

	yyjson_arr_iter_init(list, &it);
	while ((m = yyjson_arr_iter_next(&it)))
		if (yyjson_equals_str(yyjson_obj_get(m, "type"), "Healthy"))
			break;
	cell_name(c);
	cell_text(c, !status ? "Unknown" : !strcmp(status, "True") ? "Healthy" : "Unhealthy");
	cell_text(c, doc_str(m, "message"));
	cell_text(c, doc_str(m, "error"));
}

/* "RWO,ROX" in the order of the modes, each once. */
static void access_modes(struct cells *c, yyjson_val *list)
{
	static const struct { const char *mode, *abbreviation; } modes[] = {
		{ "ReadWriteOnce", "RWO" }, { "ReadOnlyMany", "ROX" }, { "ReadWriteMany", "RWX" },
		{ "ReadWriteOncePod", "RWOP" },
	};
	BUF_AUTO struct buf b = { 0 };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		yyjson_arr_iter it;
		yyjson_val *m;
		yyjson_arr_iter_init(list, &it);
		while ((m = yyjson_arr_iter_next(&it)))
			if (yyjson_equals_str(m, modes[i].mode)) {
				cells_join(&b, modes[i].abbreviation, ",");
				break;
			}
	}
	cell_buf(c, &b);
}

static const char *class_of(yyjson_val *v)
{
	yyjson_val *old = yyjson_obj_get(doc_get(v, "metadata.annotations"),
		"volume.beta.kubernetes.io/storage-class");
	return old ? yyjson_get_str(old) : doc_str(v, "spec.storageClassName");
}

static const char *phase_of(yyjson_val *v)
{
	return doc_str(v, "metadata.deletionTimestamp") ? "Terminating" : doc_str(v, "status.phase");
}

void cells_pv(struct cells *c)
{
	BUF_AUTO struct buf claim = { 0 };

	if (doc_get(c->v, "spec.claimRef"))
		buf_printf(&claim, "%s/%s", cells_str(c->v, "spec.claimRef.namespace"),
			cells_str(c->v, "spec.claimRef.name"));
	cell_name(c);
	cell_path(c, "spec.capacity.storage");
	access_modes(c, doc_get(c->v, "spec.accessModes"));
	cell_path(c, "spec.persistentVolumeReclaimPolicy");
	cell_text(c, phase_of(c->v));
	cell_buf(c, &claim);
	cell_text(c, class_of(c->v));
	cell_path_or(c, "spec.volumeAttributesClassName", "<unset>");
	cell_path(c, "status.reason");
	cell_age(c);
	cell_path_or(c, "spec.volumeMode", "<unset>");
}

void cells_pvc(struct cells *c)
{
	bool bound = *cells_str(c->v, "spec.volumeName");
	const char *capacity = doc_str(c->v, "status.capacity.storage");

	cell_name(c);
	cell_text(c, phase_of(c->v));
	cell_path(c, "spec.volumeName");
	cell_text(c, !bound ? "" : capacity ? capacity : "0");
	access_modes(c, bound ? doc_get(c->v, "status.accessModes") : NULL);
	cell_text(c, class_of(c->v));
	cell_path_or(c, "spec.volumeAttributesClassName", "<unset>");
	cell_age(c);
	cell_path_or(c, "spec.volumeMode", "<unset>");
}

void cells_storage_class(struct cells *c)
{
	yyjson_val *notes = doc_get(c->v, "metadata.annotations");
	bool dflt = yyjson_equals_str(yyjson_obj_get(notes, "storageclass.kubernetes.io/is-default-class"), "true") ||
		yyjson_equals_str(yyjson_obj_get(notes, "storageclass.beta.kubernetes.io/is-default-class"), "true");

	cell_format(c, "%s%s", cells_str(c->v, "metadata.name"), dflt ? " (default)" : "");
	cell_path(c, "provisioner");
	cell_path_or(c, "reclaimPolicy", "Delete");
	cell_path_or(c, "volumeBindingMode", "Immediate");
	cell_bool(c, doc_bool(c->v, "allowVolumeExpansion", false));
	cell_age(c);
}

void cells_volume_attributes_class(struct cells *c)
{
	cell_name(c);
	cell_path(c, "driverName");
	cell_age(c);
}

void cells_volume_attachment(struct cells *c)
{
	cell_name(c);
	cell_path(c, "spec.attacher");
	cell_path(c, "spec.source.persistentVolumeName");
	cell_path(c, "spec.nodeName");
	cell_bool(c, doc_bool(c->v, "status.attached", false));
	cell_age(c);
}

void cells_csi_node(struct cells *c)
{
	cell_name(c);
	cell_int(c, doc_len(c->v, "spec.drivers"));
	cell_age(c);
}

void cells_csi_driver(struct cells *c)
{
	BUF_AUTO struct buf audiences = { 0 };
	yyjson_arr_iter it;
	yyjson_val *m;

	yyjson_arr_iter_init(doc_get(c->v, "spec.tokenRequests"), &it);
	while ((m = yyjson_arr_iter_next(&it)))
		cells_join(&audiences, doc_str(m, "audience"), ",");
	if (!doc_get(c->v, "spec.tokenRequests"))
		buf_adds(&audiences, "<unset>");
	cell_name(c);
	cell_bool(c, doc_bool(c->v, "spec.attachRequired", true));
	cell_bool(c, doc_bool(c->v, "spec.podInfoOnMount", false));
	cell_bool(c, doc_bool(c->v, "spec.storageCapacity", false));
	cell_buf(c, &audiences);
	cell_bool(c, doc_bool(c->v, "spec.requiresRepublish", false));
	cell_strings(c, doc_get(c->v, "spec.volumeLifecycleModes"), ",", "<none>");
	cell_age(c);
}

void cells_csi_capacity(struct cells *c)
{
	cell_name(c);
	cell_path(c, "storageClassName");
	cell_path_or(c, "capacity", "<unset>");
}

/* Names of the subjects of one kind. */
static void subjects(struct cells *c, const char *kind)
{
	BUF_AUTO struct buf b = { 0 };
	yyjson_arr_iter it;
	yyjson_val *m;

	yyjson_arr_iter_init(doc_get(c->v, "subjects"), &it);
	while ((m = yyjson_arr_iter_next(&it))) {
		if (!yyjson_equals_str(yyjson_obj_get(m, "kind"), kind))
			continue;
		cells_join(&b, "", ", ");
		if (!strcmp(kind, "ServiceAccount"))
			buf_printf(&b, "%s/", cells_str(m, "namespace"));
		buf_adds(&b, cells_str(m, "name"));
	}
	cell_buf(c, &b);
}

void cells_binding(struct cells *c)
{
	cell_name(c);
	cell_format(c, "%s/%s", cells_str(c->v, "roleRef.kind"), cells_str(c->v, "roleRef.name"));
	cell_age(c);
	subjects(c, "User");
	subjects(c, "Group");
	subjects(c, "ServiceAccount");
}

void cells_csr(struct cells *c)
{
	yyjson_val *conditions = doc_get(c->v, "status.conditions"), *seconds = doc_get(c->v, "spec.expirationSeconds");
	char text[TEXT_TIME_MAX];

	cell_name(c);
	cell_age(c);
	cell_path_or(c, "spec.signerName", "<none>");
	cell_path(c, "spec.username");
	if (seconds) {
		text_age(text, yyjson_get_sint(seconds) * 1000000000);
		cell_text(c, text);
	} else {
		cell_text(c, "<none>");
	}
	cell_format(c, "%s%s%s", cells_condition(conditions, "Denied") ? "Denied" :
		cells_condition(conditions, "Approved") ? "Approved" : "Pending",
		cells_condition(conditions, "Failed") ? ",Failed" : "",
		*cells_str(c->v, "status.certificate") ? ",Issued" : "");
}

void cells_lease(struct cells *c)
{
	cell_name(c);
	cell_path(c, "spec.holderIdentity");
	cell_age(c);
}

void cells_priority_class(struct cells *c)
{
	cell_name(c);
	cell_path_int(c, "value");
	cell_bool(c, doc_bool(c->v, "globalDefault", false));
	cell_age(c);
	cell_path(c, "preemptionPolicy");
}

void cells_runtime_class(struct cells *c)
{
	cell_name(c);
	cell_path(c, "handler");
	cell_age(c);
}

void cells_webhooks(struct cells *c)
{
	cell_name(c);
	cell_int(c, doc_len(c->v, "webhooks"));
	cell_age(c);
}

static void policy(struct cells *c, const char *rules)
{
	cell_name(c);
	cell_int(c, doc_len(c->v, rules));
	if (doc_get(c->v, "spec.paramKind"))
		cell_format(c, "%s/%s", cells_str(c->v, "spec.paramKind.apiVersion"),
			cells_str(c->v, "spec.paramKind.kind"));
	else
		cell_text(c, "<unset>");
	cell_age(c);
}

void cells_policy(struct cells *c)
{
	policy(c, "spec.validations");
}

void cells_policy_mutating(struct cells *c)
{
	policy(c, "spec.mutations");
}

void cells_policy_binding(struct cells *c)
{
	const char *ns = cells_str(c->v, "spec.paramRef.namespace"), *name = cells_str(c->v, "spec.paramRef.name");

	cell_name(c);
	cell_path(c, "spec.policyName");
	if (*name)
		cell_format(c, "%s/%s", *ns ? ns : "*", name);
	else
		cell_text(c, doc_get(c->v, "spec.paramRef.selector") ? "*" : "<unset>");
	cell_age(c);
}

void cells_flow_schema(struct cells *c)
{
	const char *dangling = cells_condition(doc_get(c->v, "status.conditions"), "Dangling");

	cell_name(c);
	cell_path_or(c, "spec.priorityLevelConfiguration.name", "<none>");
	cell_path_int(c, "spec.matchingPrecedence");
	cell_path_or(c, "spec.distinguisherMethod.type", "<none>");
	cell_age(c);
	cell_or(c, dangling, "?");
}

static void number_or_none(struct cells *c, const char *path)
{
	if (doc_get(c->v, path))
		cell_path_int(c, path);
	else
		cell_text(c, "<none>");
}

void cells_priority_level(struct cells *c)
{
	bool exempt = doc_get(c->v, "spec.exempt") != NULL;

	cell_name(c);
	cell_path(c, "spec.type");
	number_or_none(c, exempt ? "spec.exempt.nominalConcurrencyShares" : "spec.limited.nominalConcurrencyShares");
	number_or_none(c, "spec.limited.limitResponse.queuing.queues");
	number_or_none(c, "spec.limited.limitResponse.queuing.handSize");
	number_or_none(c, "spec.limited.limitResponse.queuing.queueLengthLimit");
	cell_age(c);
}

void cells_device_class(struct cells *c)
{
	cell_name(c);
	cell_age(c);
}

void cells_resource_claim(struct cells *c)
{
	bool allocated = doc_get(c->v, "status.allocation") != NULL;

	cell_name(c);
	cell_format(c, "%s%s%s", doc_str(c->v, "metadata.deletionTimestamp") ? "deleted," : "",
		allocated ? "allocated" : "pending", doc_len(c->v, "status.reservedFor") ? ",reserved" : "");
	cell_age(c);
}

void cells_resource_slice(struct cells *c)
{
	cell_name(c);
	cell_path_or(c, "spec.nodeName", "<unset>");
	cell_path(c, "spec.driver");
	cell_path(c, "spec.pool.name");
	cell_age(c);
}

void cells_api_service(struct cells *c)
{
	yyjson_arr_iter it;
	yyjson_val *m;

	cell_name(c);
	if (doc_get(c->v, "spec.service"))
		cell_format(c, "%s/%s", cells_str(c->v, "spec.service.namespace"),
			cells_str(c->v, "spec.service.name"));
	else
		cell_text(c, "Local");
	yyjson_arr_iter_init(doc_get(c->v, "status.conditions"), &it);
	while ((m = yyjson_arr_iter_next(&it)))
		if (yyjson_equals_str(yyjson_obj_get(m, "type"), "Available"))
			break;
	if (m && !strcmp(cells_str(m, "status"), "True"))
		cell_text(c, "True");
	else if (m)
		cell_format(c, "%s (%s)", cells_str(m, "status"), cells_str(m, "reason"));
	else
		cell_text(c, "Unknown");
	cell_age(c);
}
