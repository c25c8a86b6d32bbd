/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of configuration, namespaces, nodes, events, quotas and limits.
 * Source: kubernetes pkg/apis/core/validation/{validation,events}.go.
 */
#include "base/text.h"
#include "doc/quantity.h"
#include "kinds/normal.h"
#include "kinds/validate.h"

#define DATA_MAX_BYTES (1 << 20)

void validate_config_map(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *data = v_get(c->v, "data"), *binary = v_get(c->v, "binaryData");
	INDEX_AUTO struct index also = index_map(binary);
	size_t total = 0;

	V_MEMBERS(key, m, data) {
		v_syntax(c, V_KEY(V_AT(NULL, "data"), key), key, v_bad_config_key);
		if (index_get(&also, key))
			v_invalid(c, V_KEY(V_AT(NULL, "data"), key), key, "duplicate of key present in binaryData");
		total += yyjson_mut_get_len(m);
	}
	V_MEMBERS(key, m, binary) {
		v_syntax(c, V_KEY(V_AT(NULL, "binaryData"), key), key, v_bad_config_key);
		total += yyjson_mut_get_len(m) / 4 * 3;
	}
	if (total > DATA_MAX_BYTES)
		v_too_long(c, NULL, DATA_MAX_BYTES);
}

/* A JSON document in base64 under a key of data. */
static void json_key(struct vcheck *c, yyjson_mut_val *data, const char *key)
{
	yyjson_mut_val *m = v_get(data, key);
	const struct vpath *at = V_KEY(V_AT(NULL, "data"), key);
	BUF_AUTO struct buf b = { 0 };
	yyjson_doc *doc;
	struct err e;

	if (!m)
		v_required(c, at, "");
	else if (text_unbase64(&b, yyjson_mut_get_str(m), yyjson_mut_get_len(m)) ||
		 doc_parse(c->a, b.p ? b.p : "", b.len, &doc, &e))
		v_invalid(c, at, "<secret contents redacted>", "invalid character in the JSON document");
}

void validate_secret(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *type = v_str(c->v, "type");
	yyjson_mut_val *data = v_get(c->v, "data"), *notes = doc_mget(c->v, "metadata.annotations");
	const struct vpath *dp = V_AT(NULL, "data");
	size_t total = 0;

	V_MEMBERS(key, m, data) {
		v_syntax(c, V_KEY(dp, key), key, v_bad_config_key);
		total += yyjson_mut_get_len(m) / 4 * 3;
	}
	if (total > DATA_MAX_BYTES)
		v_too_long(c, dp, DATA_MAX_BYTES);
	if (!strcmp(type, "kubernetes.io/service-account-token")) {
		if (!*v_str(notes, "kubernetes.io/service-account.name"))
			v_required(c, V_KEY(V_AT(V_AT(NULL, "metadata"), "annotations"),
				"kubernetes.io/service-account.name"), "");
	} else if (!strcmp(type, "kubernetes.io/dockercfg")) {
		json_key(c, data, ".dockercfg");
	} else if (!strcmp(type, "kubernetes.io/dockerconfigjson")) {
		json_key(c, data, ".dockerconfigjson");
	} else if (!strcmp(type, "kubernetes.io/basic-auth")) {
		if (!v_get(data, "username") && !v_get(data, "password")) {
			v_required(c, V_KEY(dp, "username"), "");
			v_required(c, V_KEY(dp, "password"), "");
		}
	} else if (!strcmp(type, "kubernetes.io/ssh-auth")) {
		if (!*v_str(data, "ssh-privatekey"))
			v_required(c, V_KEY(dp, "ssh-privatekey"), "");
	} else if (!strcmp(type, "kubernetes.io/tls")) {
		if (!v_get(data, "tls.crt"))
			v_required(c, V_KEY(dp, "tls.crt"), "");
		if (!v_get(data, "tls.key"))
			v_required(c, V_KEY(dp, "tls.key"), "");
	}
}

void validate_namespace(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	bool deleting = doc_mget(c->v, "metadata.deletionTimestamp") != NULL;
	const char *phase = v_str(v_get(c->v, "status"), "phase");

	V_EACH(i, m, v_get(spec, "finalizers")) {
		const char *s = yyjson_mut_get_str(m), *why = text_bad_qualified_name(s);
		if (why)
			v_invalid(c, V_AT(p, "finalizers"), s, why);
		else if (!strchr(s, '/') && strcmp(s, "kubernetes") && strcmp(s, "orphan") &&
			 strcmp(s, "foregroundDeletion"))
			v_invalid(c, V_AT(p, "finalizers"), s,
				"name is neither a standard finalizer name nor is it fully qualified");
	}
	if (!c->sub || strcmp(c->sub, "status"))
		return;
	if (deleting && strcmp(phase, "Terminating"))
		v_invalid(c, V_AT(V_AT(NULL, "status"), "Phase"), phase,
			"may only be 'Terminating' if `deletionTimestamp` is not empty");
	if (!deleting && strcmp(phase, "Active"))
		v_invalid(c, V_AT(V_AT(NULL, "status"), "Phase"), phase,
			"may only be 'Active' if `deletionTimestamp` is empty");
}

void validate_node(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const struct { const char *name, *detail; } once[] = {
		{ "podCIDRs", "node updates may not change podCIDR except from \"\" to valid" },
		{ "providerID", "node updates may not change providerID except from \"\" to valid" },
	};
	yyjson_mut_val *status = v_get(c->v, "status"), *was = v_get(c->old, "spec");

	v_taints(c, V_AT(p, "taints"), v_get(spec, "taints"));
	v_quantity_map(c, V_AT(V_AT(NULL, "status"), "capacity"), v_get(status, "capacity"));
	v_quantity_map(c, V_AT(V_AT(NULL, "status"), "allocatable"), v_get(status, "allocatable"));
	V_EACH(i, m, v_get(spec, "podCIDRs"))
		v_cidr(c, V_ITEM(V_AT(p, "podCIDRs"), i), yyjson_mut_get_str(m));
	V_EACH(i, m, v_get(status, "addresses")) {
		V_EACH(j, other, v_get(status, "addresses")) {
			if (j >= i || i > 64)
				break;
			if (doc_mequal(m, other))
				v_duplicate(c, V_ITEM(V_AT(V_AT(NULL, "status"), "addresses"), i), v_str(m, "address"));
		}
	}
	for (size_t i = 0; c->old && i < sizeof(once) / sizeof(once[0]); i++) {
		yyjson_mut_val *o = v_get(was, once[i].name), *n = v_get(spec, once[i].name);
		if (yyjson_mut_get_len(o) && !(n && doc_mequal(n, o)))
			v_forbidden(c, V_AT(p, once[i].name), once[i].detail);
	}
}

void validate_event(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	bool core = !strcmp(c->k->type->name, "core/v1.Event");
	const char *member = core ? "involvedObject" : "regarding", *ns = v_str(v_get(c->v, "metadata"), "namespace");
	const char *object_ns = v_str(v_get(c->v, member), "namespace");

	/* What is in no namespace is told of in default, or kube-system by kubelets. */
	if (*object_ns ? strcmp(object_ns, ns) != 0 : !v_one_of(ns, "default|kube-system"))
		v_invalid(c, V_AT(V_AT(NULL, "involvedObject"), "namespace"), object_ns,
			"does not match event.namespace");
	if (core && !v_get(c->v, "eventTime"))
		return;
	if (!c->old && !v_get(c->v, "eventTime") && !v_get(c->v, "deprecatedFirstTimestamp"))
		v_required(c, V_AT(NULL, "eventTime"), "");
	const char *controller = v_str(c->v, core ? "reportingComponent" : "reportingController");
	if (!*controller)
		v_required(c, V_AT(NULL, "reportingController"), "");
	else
		v_syntax(c, V_AT(NULL, "reportingController"), controller, text_bad_qualified_name);
	static const struct { const char *name; size_t max; } texts[] = {
		{ "reportingInstance", 128 }, { "action", 128 }, { "reason", 128 },
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *s = v_str(c->v, texts[i].name);
		if (!*s)
			v_required(c, V_AT(NULL, texts[i].name), "");
		else if (strlen(s) > texts[i].max)
			v_invalid(c, V_AT(NULL, texts[i].name), "", v_text(c, "can have at most %zu characters",
				texts[i].max));
	}
	if (strlen(v_str(c->v, core ? "message" : "note")) > 1024)
		v_invalid(c, V_AT(NULL, "message"), "", "can have at most 1024 characters");
	if (!v_one_of(v_str(c->v, "type"), "Normal|Warning"))
		v_invalid(c, V_AT(NULL, "type"), "", v_text(c, "has invalid value: %s", v_str(c->v, "type")));
}

void validate_resource_quota(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char scopes[] = "BestEffort|CrossNamespacePodAffinity|NotBestEffort|NotTerminating|"
		"PriorityClass|Terminating|VolumeAttributesClass";

	v_quantity_map(c, V_AT(p, "hard"), v_get(spec, "hard"));
	V_MEMBERS(name, m, v_get(spec, "hard"))
		if (m && !strchr(name, '/') && !v_one_of(name, "cpu|memory|ephemeral-storage|requests.cpu|"
				"requests.memory|requests.ephemeral-storage|requests.storage|limits.cpu|limits.memory|"
				"limits.ephemeral-storage|pods|services|replicationcontrollers|resourcequotas|secrets|"
				"configmaps|persistentvolumeclaims|services.nodeports|services.loadbalancers") &&
		    !strstr(name, "hugepages-") && strncmp(name, "count/", 6))
			v_invalid(c, V_KEY(V_AT(p, "hard"), name), name, "must be a standard resource for quota");
	V_EACH(i, m, v_get(spec, "scopes"))
		if (!v_one_of(yyjson_mut_get_str(m), scopes))
			v_invalid_value(c, V_AT(p, "scopes"), v_get(spec, "scopes"), "unsupported scope");
	V_EACH(i, m, doc_mget(spec, "scopeSelector.matchExpressions")) {
		const struct vpath *at = V_ITEM(V_AT(V_AT(p, "scopeSelector"), "matchExpressions"), i);
		const char *op = v_str(m, "operator");
		bool values = doc_mlen(m, "values");
		if (!v_one_of(v_str(m, "scopeName"), scopes))
			v_invalid(c, V_AT(at, "scopeName"), v_str(m, "scopeName"), "unsupported scope");
		if (v_one_of(op, "In|NotIn")) {
			if (!values)
				v_required(c, V_AT(at, "values"),
					"must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
		} else if (v_one_of(op, "Exists|DoesNotExist")) {
			if (values)
				v_invalid_value(c, V_AT(at, "values"), v_get(m, "values"), "must be no value when "
					"`operator` is 'Exists' or 'DoesNotExist' for scope selector");
		} else {
			v_invalid(c, V_AT(at, "operator"), op, "not a valid selector operator");
		}
	}
	if (!c->sub || strcmp(c->sub, "status"))
		return;
	v_quantity_map(c, V_AT(V_AT(NULL, "status"), "hard"), doc_mget(c->v, "status.hard"));
	v_quantity_map(c, V_AT(V_AT(NULL, "status"), "used"), doc_mget(c->v, "status.used"));
}

static bool amount(yyjson_mut_val *m, struct quantity *ret)
{
	return yyjson_mut_is_str(m) && !quantity_parse(yyjson_mut_get_str(m), yyjson_mut_get_len(m), ret);
}

/* a may not be above b where both are given. */
static void ordered(struct vcheck *c, const struct vpath *p, yyjson_mut_val *item, const char *a, const char *b,
	const char *fmt)
{
	INDEX_AUTO struct index upper = index_map(v_get(item, b));

	V_MEMBERS(name, m, v_get(item, a)) {
		yyjson_mut_val *most = index_get(&upper, name);
		struct quantity x, y;
		if (amount(m, &x) && amount(most, &y) && quantity_cmp(&x, &y) > 0)
			v_invalid(c, V_KEY(V_AT(p, a), name), yyjson_mut_get_str(m), v_text(c, "%s value %s is greater than "
				"%s value %s", fmt, yyjson_mut_get_str(m), !strcmp(b, "defaultRequest") ?
				"default request" : b, yyjson_mut_get_str(most)));
	}
}

void validate_limit_range(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const maps[] = { "max", "min", "default", "defaultRequest", "maxLimitRequestRatio" };
	V_SET types = { 0 };

	V_EACH(i, m, v_get(spec, "limits")) {
		const struct vpath *at = V_ITEM(V_AT(p, "limits"), i);
		const char *type = v_str(m, "type");
		if (!*type || (!strchr(type, '/') && !v_one_of(type, "Pod|Container|PersistentVolumeClaim")))
			v_invalid(c, V_AT(at, "type"), type,
				"must be a standard limit type or fully qualified");
		if (!v_first(&types, type))
			v_duplicate(c, V_AT(at, "type"), type);
		for (size_t n = 0; n < sizeof(maps) / sizeof(maps[0]); n++)
			v_quantity_map(c, V_AT(at, maps[n]), v_get(m, maps[n]));
		if (!strcmp(type, "Pod")) {
			if (doc_mlen(m, "default"))
				v_forbidden(c, V_AT(at, "default"), "may not be specified when `type` is 'Pod'");
			if (doc_mlen(m, "defaultRequest"))
				v_forbidden(c, V_AT(at, "defaultRequest"), "may not be specified when `type` is 'Pod'");
		}
		if (!strcmp(type, "PersistentVolumeClaim") && !doc_mlen(m, "min") && !doc_mlen(m, "max"))
			v_required(c, at, "either minimum or maximum storage value is required, but neither was "
				"provided");
		ordered(c, at, m, "min", "max", "min");
		ordered(c, at, m, "min", "defaultRequest", "min");
		ordered(c, at, m, "defaultRequest", "max", "default request");
		ordered(c, at, m, "defaultRequest", "default", "default request");
		ordered(c, at, m, "default", "max", "default");
	}
}
