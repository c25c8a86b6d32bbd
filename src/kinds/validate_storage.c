/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of storage.k8s.io: classes, drivers, what nodes have of them, attachments.
 * Source: kubernetes pkg/apis/storage/validation/validation.go.
 */
#include <ctype.h>

#include "base/text.h"
#include "doc/quantity.h"
#include "kinds/normal.h"
#include "kinds/validate.h"

#define PARAMETERS_MAX 512
#define TOPOLOGIES_MAX 64       /* more are not compared with each other */
#define PARAMETERS_MAX_BYTES (256 << 10)
#define ATTACHMENT_MAX_BYTES (256 << 10)
#define ERROR_MAX_BYTES 1024
#define NODE_ID_MAX 256
#define TOKEN_MIN_S 600
#define TOKEN_MAX_S (INT64_C(1) << 32)
#define UPDATE_PERIOD_MIN_S 10

static void provisioner(struct vcheck *c, const char *name)
{
	const char *value = v_str(c->v, name), *why;
	char *lower = arena_strdup(c->a, value);

	if (!*value) {
		v_required(c, V_AT(NULL, name), "");
		return;
	}
	for (char *s = lower; s && *s; s++)
		*s = tolower((unsigned char)*s);
	if (lower && (why = text_bad_qualified_name(lower)))
		v_invalid(c, V_AT(NULL, name), lower, why);
}

static void parameters(struct vcheck *c, bool may_be_empty)
{
	yyjson_mut_val *map = v_get(c->v, "parameters");
	const struct vpath *p = V_AT(NULL, "parameters");
	size_t bytes = 0;

	if (yyjson_mut_obj_size(map) > PARAMETERS_MAX) {
		v_too_long(c, p, PARAMETERS_MAX);
		return;
	}
	V_MEMBERS(key, m, map) {
		if (!*key)
			v_invalid(c, p, key, "field can not be empty.");
		bytes += strlen(key) + yyjson_mut_get_len(m);
	}
	if (bytes > PARAMETERS_MAX_BYTES)
		v_too_long(c, p, PARAMETERS_MAX_BYTES);
	if (!may_be_empty && !yyjson_mut_obj_size(map))
		v_required(c, p, "must contain at least one key/value pair");
}

/* Source: core ValidateTopologySelectorTerm */
static void topologies(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_EACH(i, term, list) {
		const struct vpath *at = V_AT(V_ITEM(p, i), "matchLabelExpressions");
		V_SET keys = { 0 };
		V_EACH(j, m, v_get(term, "matchLabelExpressions")) {
			const struct vpath *ep = V_ITEM(at, j);
			V_SET values = { 0 };
			if (!doc_mlen(m, "values"))
				v_required(c, V_AT(ep, "values"), "");
			V_EACH(n, value, v_get(m, "values"))
				if (!v_first(&values, yyjson_mut_get_str(value)))
					v_duplicate(c, V_ITEM(V_AT(ep, "values"), n), yyjson_mut_get_str(value));
			v_syntax(c, V_AT(ep, "key"), v_str(m, "key"), text_bad_qualified_name);
			if (!v_first(&keys, v_str(m, "key")))
				v_duplicate(c, V_AT(ep, "key"), v_str(m, "key"));
		}
		V_EACH(j, earlier, list) {
			if (j >= i || i >= TOPOLOGIES_MAX)
				break;
			if (doc_mequal(earlier, term)) {
				v_duplicate(c, at, "");
				break;
			}
		}
	}
}

void validate_storage_class(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *policy = v_str(c->v, "reclaimPolicy");

	if (c->old)      /* only what may not change is looked at */
		return;
	provisioner(c, "provisioner");
	parameters(c, true);
	if (*policy && !v_one_of(policy, "Delete|Retain"))
		v_unsupported(c, V_AT(NULL, "reclaimPolicy"), policy, "Delete|Retain");
	v_enum(c, NULL, c->v, "volumeBindingMode", "Immediate|WaitForFirstConsumer", true);
	topologies(c, V_AT(NULL, "allowedTopologies"), v_get(c->v, "allowedTopologies"));
}

void validate_attributes_class(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	provisioner(c, "driverName");
	parameters(c, false);
}

static void token_requests(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	V_SET audiences = { 0 };

	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		yyjson_mut_val *seconds = v_get(m, "expirationSeconds");
		if (!v_first(&audiences, v_str(m, "audience"))) {
			v_duplicate(c, V_AT(at, "audience"), v_str(m, "audience"));
			continue;
		}
		if (seconds && yyjson_mut_get_sint(seconds) < TOKEN_MIN_S)
			v_invalid_value(c, V_AT(at, "expirationSeconds"), seconds,
				"may not specify a duration less than 10 minutes");
		if (seconds && yyjson_mut_get_sint(seconds) > TOKEN_MAX_S)
			v_invalid_value(c, V_AT(at, "expirationSeconds"), seconds,
				"may not specify a duration larger than 2^32 seconds");
	}
}

void validate_csi_driver(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	/* The path of the first is upstream's. */
	static const struct { const char *name, *path; } needed[] = {
		{ "attachRequired", "attachedRequired" }, { "podInfoOnMount", "podInfoOnMount" },
		{ "storageCapacity", "storageCapacity" },
	};
	yyjson_mut_val *period = v_get(spec, "nodeAllocatableUpdatePeriodSeconds");
	yyjson_mut_val *secrets = v_get(spec, "serviceAccountTokenInSecrets");
	const char *policy = v_str(spec, "fsGroupPolicy");

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!v_get(spec, needed[i].name))
			v_required(c, V_AT(p, needed[i].path), "");
	if (v_get(spec, "fsGroupPolicy") && !v_one_of(policy, "File|None|ReadWriteOnceWithFSType"))
		v_unsupported(c, V_AT(p, "fsGroupPolicy"), policy, "File|None|ReadWriteOnceWithFSType");
	token_requests(c, V_AT(p, "tokenRequests"), v_get(spec, "tokenRequests"));
	V_EACH(i, m, v_get(spec, "volumeLifecycleModes"))
		if (!v_one_of(yyjson_mut_get_str(m), "Persistent|Ephemeral"))
			v_unsupported(c, V_AT(p, "volumeLifecycleModes"), yyjson_mut_get_str(m), "Persistent|Ephemeral");
	if (period && yyjson_mut_get_sint(period) < UPDATE_PERIOD_MIN_S)
		v_invalid_value(c, V_AT(p, "nodeAllocatableUpdatePeriodSeconds"), period,
			"must be greater than or equal to 10 seconds");
	if (secrets && !doc_mlen(spec, "tokenRequests"))
		v_invalid_value(c, V_AT(p, "serviceAccountTokenInSecrets"), secrets,
			"serviceAccountTokenInSecrets is set but no tokenRequests are specified");
}

static void node_driver(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	const char *id = v_str(m, "nodeID");
	V_SET keys = { 0 };

	v_csi_driver_name(c, V_AT(p, "name"), v_str(m, "name"));
	if (!*id)
		v_required(c, V_AT(p, "nodeID"), "");
	if (strlen(id) > NODE_ID_MAX)
		v_invalid(c, V_AT(p, "nodeID"), id, "must be 256 characters or less");
	v_not_negative(c, V_AT(p, "allocatable"), v_get(m, "allocatable"), "count");
	V_EACH(i, key, v_get(m, "topologyKeys")) {
		const char *s = yyjson_mut_get_str(key);
		if (!*s)
			v_required(c, p, "");
		if (!v_first(&keys, s))
			v_duplicate(c, p, s);
		v_syntax(c, p, s, text_bad_qualified_name);
	}
}

/* Equal but for how much there is. */
static bool same_driver(yyjson_mut_val *a, yyjson_mut_val *b)
{
	static const char *const fixed[] = { "nodeID", "topologyKeys" };

	for (int i = 0; i < 2; i++)
		if (!v_same(v_get(a, fixed[i]), v_get(b, fixed[i])))
			return false;
	return true;
}

void validate_csi_node(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const struct vpath *dp = V_AT(p, "drivers");
	yyjson_mut_val *drivers = v_get(spec, "drivers");
	INDEX_AUTO struct index was = index_list(doc_mget(c->old, "spec.drivers"), "name");
	V_SET names = { 0 };

	V_EACH(i, m, drivers) {
		node_driver(c, V_ITEM(dp, i), m);
		if (!v_first(&names, v_str(m, "name")))
			v_duplicate(c, V_AT(V_ITEM(dp, i), "name"), v_str(m, "name"));
	}
	V_EACH(i, m, drivers) {
		yyjson_mut_val *o = index_get(&was, v_str(m, "name"));
		if (o && !same_driver(m, o))
			v_invalid_value(c, dp, m, V_IMMUTABLE);
	}
}

void validate_csi_capacity(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const amounts[] = { "capacity", "maximumVolumeSize" };

	if (c->old)      /* only what may not change is looked at */
		return;
	v_label_selector(c, V_AT(NULL, "nodeTopology"), v_get(c->v, "nodeTopology"));
	v_syntax(c, V_AT(NULL, "storageClassName"), v_str(c->v, "storageClassName"), text_bad_dns1123_subdomain);
	for (int i = 0; i < 2; i++) {
		yyjson_mut_val *m = v_get(c->v, amounts[i]);
		struct quantity q;
		if (v_amount(m, &q) && q.nano < 0)
			v_invalid_value(c, V_AT(NULL, amounts[i]), m, "must be greater than or equal to 0");
	}
}

static void volume_error(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	int64_t code = doc_mint(m, "errorCode", 0);

	if (strlen(v_str(m, "message")) > ERROR_MAX_BYTES)
		v_too_long(c, V_AT(p, "message"), ATTACHMENT_MAX_BYTES);
	if (code < 0)
		v_invalid_int(c, V_AT(p, "errorCode"), code, "must be between 0 and 2147483647, inclusive");
}

void validate_attachment_status(struct vcheck *c, const struct vpath *spec_path, yyjson_mut_val *spec)
{
	yyjson_mut_val *status = v_get(c->v, "status");
	const struct vpath *p = V_AT(NULL, "status");
	size_t bytes = 0;

	V_MEMBERS(key, m, v_get(status, "attachmentMetadata"))
		bytes += strlen(key) + yyjson_mut_get_len(m);
	if (bytes > ATTACHMENT_MAX_BYTES)
		v_too_long(c, V_AT(p, "attachmentMetadata"), ATTACHMENT_MAX_BYTES);
	volume_error(c, V_AT(p, "attachError"), v_get(status, "attachError"));
	volume_error(c, V_AT(p, "detachError"), v_get(status, "detachError"));
}

void validate_volume_attachment(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char one[] = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
	yyjson_mut_val *source = v_get(spec, "source"), *name = v_get(source, "persistentVolumeName");
	yyjson_mut_val *inline_spec = v_get(source, "inlineVolumeSpec");
	const struct vpath *sp = V_AT(p, "source");

	v_must(c, p, spec, "attacher");
	if (!name && !inline_spec)
		v_required(c, sp, one);
	else if (name && inline_spec)
		v_forbidden(c, sp, one);
	else if (name && !yyjson_mut_get_len(name))
		v_required(c, V_AT(sp, "persistentVolumeName"), "must specify non empty persistentVolumeName");
	v_syntax(c, V_AT(p, "nodeName"), v_str(spec, "nodeName"), text_bad_dns1123_subdomain);
	validate_attachment_status(c, p, spec);
	if (c->old)
		return;
	if (*v_str(spec, "attacher"))
		v_csi_driver_name(c, V_AT(p, "attacher"), v_str(spec, "attacher"));
	if (yyjson_mut_get_len(name))
		v_syntax(c, V_AT(sp, "persistentVolumeName"), yyjson_mut_get_str(name), text_bad_dns1123_subdomain);
}
