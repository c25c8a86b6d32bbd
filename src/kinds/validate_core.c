/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of configuration, secrets, namespaces and replication controllers.
 * Source: kubernetes pkg/apis/core/validation/validation.go.
 */
#include "base/text.h"
#include "doc/syntax.h"
#include "kinds/normal.h"
#include "kinds/validate.h"

#define DATA_MAX_BYTES (1 << 20)

/* Bytes behind a text of base64. */
static size_t decoded_len(yyjson_mut_val *m)
{
	const char *s = yyjson_mut_get_str(m);
	size_t n = yyjson_mut_get_len(m);

	while (n && s[n - 1] == '=')
		n--;
	return n * 3 / 4;
}

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
		total += decoded_len(m);
	}
	if (total > DATA_MAX_BYTES)
		v_too_long(c, NULL, DATA_MAX_BYTES);
}

/* A JSON object in base64 under a key of data. */
static void json_key(struct vcheck *c, yyjson_mut_val *data, const char *key)
{
	static const char redacted[] = "<secret contents redacted>";
	yyjson_mut_val *m = v_get(data, key);
	const struct vpath *at = V_KEY(V_AT(NULL, "data"), key);
	BUF_AUTO struct buf b = { 0 };
	char text[SYNTAX_TEXT_MAX];
	const char *why = NULL;
	yyjson_doc *doc;
	struct err e;

	if (!m)
		v_required(c, at, "");
	else if (text_unbase64(&b, yyjson_mut_get_str(m), yyjson_mut_get_len(m)) || !b.len)
		v_invalid(c, at, redacted, "unexpected end of JSON input");
	else if ((why = syntax_error(b.p, b.len, text)) || doc_parse(c->a, b.p, b.len, &doc, &e))
		v_invalid(c, at, redacted, why ? v_text(c, "%s", why) : e.msg);
	else if (!yyjson_is_obj(yyjson_doc_get_root(doc)) && !yyjson_is_null(yyjson_doc_get_root(doc)))
		v_invalid(c, at, redacted, v_text(c, "json: cannot unmarshal %s into Go value of type map[string]interface {}",
			yyjson_get_type_desc(yyjson_doc_get_root(doc))));
}

/* What the types of secrets cannot do without. any: one of them is enough. */
static const struct { const char *type, *keys[2]; bool any, filled; } typed[] = {
	{ "kubernetes.io/basic-auth", { "username", "password" }, true, false },
	{ "kubernetes.io/ssh-auth", { "ssh-privatekey" }, false, true },
	{ "kubernetes.io/tls", { "tls.crt", "tls.key" }, false, false },
};

void validate_secret(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *type = v_str(c->v, "type");
	yyjson_mut_val *data = v_get(c->v, "data"), *notes = doc_mget(c->v, "metadata.annotations");
	const struct vpath *dp = V_AT(NULL, "data");
	size_t total = 0;

	V_MEMBERS(key, m, data) {
		v_syntax(c, V_KEY(dp, key), key, v_bad_config_key);
		total += decoded_len(m);
	}
	if (total > DATA_MAX_BYTES)
		v_too_long(c, dp, DATA_MAX_BYTES);
	if (!strcmp(type, "kubernetes.io/service-account-token") && !*v_str(notes, "kubernetes.io/service-account.name"))
		v_required(c, V_KEY(V_AT(V_AT(NULL, "metadata"), "annotations"), "kubernetes.io/service-account.name"), "");
	else if (!strcmp(type, "kubernetes.io/dockercfg"))
		json_key(c, data, ".dockercfg");
	else if (!strcmp(type, "kubernetes.io/dockerconfigjson"))
		json_key(c, data, ".dockerconfigjson");
	for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++) {
		if (strcmp(type, typed[i].type) || (typed[i].any && (v_get(data, typed[i].keys[0]) ||
				v_get(data, typed[i].keys[1]))))
			continue;
		for (int k = 0; k < 2 && typed[i].keys[k]; k++)
			if (typed[i].filled ? !*v_str(data, typed[i].keys[k]) : !v_get(data, typed[i].keys[k]))
				v_required(c, V_KEY(dp, typed[i].keys[k]), "");
	}
}

void validate_namespace(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const struct vpath *at = V_AT(p, "finalizers");

	V_EACH(i, m, v_get(spec, "finalizers")) {
		const char *s = yyjson_mut_get_str(m);
		const struct vpath *here = c->old ? V_ITEM(at, i) : at;
		v_syntax(c, here, s, text_bad_qualified_name);
		if (!strchr(s, '/') && !v_one_of(s, V_STANDARD_FINALIZERS))
			v_invalid(c, here, s, "name is neither a standard finalizer name nor is it fully qualified");
	}
}

void validate_namespace_status(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	bool deleting = doc_mget(c->v, "metadata.deletionTimestamp") != NULL;
	const char *phase = v_str(v_get(c->v, "status"), "phase");
	const struct vpath *at = V_AT(V_AT(NULL, "status"), "Phase");

	if (deleting && strcmp(phase, "Terminating"))
		v_invalid(c, at, phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
	if (!deleting && strcmp(phase, "Active"))
		v_invalid(c, at, phase, "may only be 'Active' if `deletionTimestamp` is empty");
}

void validate_replication_controller(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *selector = v_get(spec, "selector"), *tmpl = v_get(spec, "template"), *pod = v_get(tmpl, "spec");
	yyjson_mut_val *labels = doc_mget(tmpl, "metadata.labels");
	const struct vpath *tp = V_AT(p, "template"), *sp = V_AT(tp, "spec");
	INDEX_AUTO struct index has = index_map(labels);

	v_not_negative(c, p, spec, "minReadySeconds");
	if (!yyjson_mut_obj_size(selector))
		v_required(c, V_AT(p, "selector"), "");
	v_not_negative(c, p, spec, "replicas");
	if (!tmpl) {
		v_required(c, tp, "");
		return;
	}
	V_MEMBERS(key, m, selector)
		if (!yyjson_mut_equals(m, index_get(&has, key))) {
			v_invalid_value(c, V_AT(V_AT(tp, "metadata"), "labels"), labels,
				"`selector` does not match template `labels`");
			break;
		}
	v_pod_template(c, tp, tmpl);
	if (!v_is(pod, "restartPolicy", "Always"))
		v_unsupported(c, V_AT(sp, "restartPolicy"), v_str(pod, "restartPolicy"), "Always");
	if (v_get(pod, "activeDeadlineSeconds"))
		v_forbidden(c, V_AT(sp, "activeDeadlineSeconds"),
			"activeDeadlineSeconds in ReplicationController is not Supported");
}

void validate_replication_controller_status(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const counts[] = { "replicas", "fullyLabeledReplicas", "readyReplicas",
		"availableReplicas", "observedGeneration" };
	yyjson_mut_val *status = v_get(c->v, "status");
	int64_t all = doc_mint(status, "replicas", 0), available = doc_mint(status, "availableReplicas", 0);
	const struct vpath *sp = V_AT(NULL, "status");

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		v_not_negative(c, sp, status, counts[i]);
	for (int i = 1; i < 4; i++)
		if (doc_mint(status, counts[i], 0) > all)
			v_invalid_int(c, V_AT(sp, counts[i]), doc_mint(status, counts[i], 0),
				"cannot be greater than status.replicas");
	if (available > doc_mint(status, "readyReplicas", 0))
		v_invalid_int(c, V_AT(sp, "availableReplicas"), available, "cannot be greater than readyReplicas");
}
