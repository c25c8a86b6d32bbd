/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body - what the client sent, read only now that it is known who sends it and that
 * he may: JSON, YAML or protobuf, decoded by the table of the expected type; and the
 * options of a write.
 */
#include <string.h>
#include <strings.h>

#include "api/call.h"
#include "base/text.h"
#include "doc/yaml.h"
#include "http/http.h"

#define MANAGER_MAX 128u

/* ---- options ---- */

static const char *options_kind(const struct call *c)
{
	switch (c->verb) {
	case VERB_CREATE:
		return "CreateOptions";
	case VERB_UPDATE:
		return "UpdateOptions";
	case VERB_PATCH:
		return "PatchOptions";
	default:
		return "DeleteOptions";
	}
}

static const char *default_manager(struct call *c)
{
	const char *agent = c->http ? http_header(c->http, "user-agent") : NULL;
	size_t n;

	if (!agent)
		return c->done ? c->user.name : "unknown";
	n = strcspn(agent, "/");
	if (!n)
		return "unknown";
	if (n > MANAGER_MAX)
		n = MANAGER_MAX;
	return arena_strndup(c->arena, agent, n);
}

static enum step dry_run_option(struct call *c, const char *v)
{
	if (!strcmp(v, "All")) {
		c->dry_run = true;
		return STEP_NEXT;
	}
	return fail_option(c, options_kind(c), "dryRun", "FieldValueNotSupported",
		"Unsupported value: []string{\"%s\"}: supported values: \"All\"", v);
}

static enum step options(struct call *c)
{
	const char *v = param(c, "dryRun");
	enum step step;

	if (v) {
		step = dry_run_option(c, v);
		if (step != STEP_NEXT)
			return step;
	}
	v = param(c, "fieldManager");
	if (v && strlen(v) > MANAGER_MAX)
		return fail_option(c, options_kind(c), "fieldManager", "FieldValueTooLong",
			"Too long: may not be more than 128 bytes");
	for (const char *p = v; p && *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return fail_option(c, options_kind(c), "fieldManager", "FieldValueInvalid",
				"Invalid value: \"%s\": should only contain printable characters", v);
	c->manager = v && *v ? v : default_manager(c);
	c->force = param_bool(c, "force");
	if (param(c, "force") && c->patch != PATCH_APPLY && c->verb == VERB_PATCH)
		return fail_option(c, "PatchOptions", "force", "FieldValueForbidden",
			"Forbidden: may not be specified for non-apply patch");
	if (c->patch == PATCH_APPLY && !(v && *v))
		return fail_option(c, "PatchOptions", "fieldManager", "FieldValueRequired",
			"Required value: is required for apply patch");
	v = param(c, "fieldValidation");
	c->strict = KS_WARN;
	if (v && !strcmp(v, "Ignore"))
		c->strict = KS_IGNORE;
	else if (v && !strcmp(v, "Strict"))
		c->strict = KS_STRICT;
	else if (v && *v && strcmp(v, "Warn"))
		return fail_option(c, options_kind(c), "fieldValidation", "FieldValueNotSupported",
			"Unsupported value: \"%s\": supported values: \"Ignore\", \"Strict\", \"Warn\"", v);
	if (c->done && !v)
		c->strict = KS_IGNORE;     /* those inside write from the same tables */
	return STEP_NEXT;
}

/* ---- decoding ---- */

static bool is_proto(const struct call *c)
{
	return !strcmp(c->content_type, "application/vnd.kubernetes.protobuf");
}

static bool is_yaml(const struct call *c)
{
	return !strcmp(c->content_type, "application/yaml") ||
		!strcmp(c->content_type, "application/apply-patch+yaml");
}

static enum step problems(struct call *c, struct kinds_problem *p)
{
	BUF_AUTO struct buf b = { 0 };

	if (!p)
		return STEP_NEXT;
	if (c->strict != KS_STRICT) {
		for (; p; p = p->next)
			call_warn(c, p->text);
		return STEP_NEXT;
	}
	for (struct kinds_problem *q = p; q; q = q->next)
		buf_printf(&b, "%s%s", q == p ? "" : ", ", q->text);
	if (c->verb == VERB_PATCH)
		return fail_bad_request(c, "strict decoding error: %s", b.failed ? "" : b.p);
	return fail_bad_request(c, "%s in version \"%s\" cannot be handled as a %s: strict decoding error: %s",
		c->kind->kind, c->kind->version, c->kind->kind, b.failed ? "" : b.p);
}

/* The type's own name as an answer's message has it: "Deployment". */
static const char *type_kind(const struct call *c, const struct kinds_type *t)
{
	const char *dot = strrchr(t->name, '.');

	if (t == c->kind->type)
		return c->kind->kind;
	return dot ? dot + 1 : t->name;
}

static enum step check_type(struct call *c, const struct kinds_type *t, yyjson_mut_val *v)
{
	const char *kind = doc_mstr(v, "kind"), *version = doc_mstr(v, "apiVersion"), *want = type_kind(c, t);
	char group[254], ver[64];
	const struct kinds_type *got;

	if ((!kind || !*kind) && (!version || !*version))
		return STEP_NEXT;
	if (!kind || !*kind)
		return fail_bad_request(c, "Object 'Kind' is missing in the request's body");
	if (!version || !*version)
		return fail_bad_request(c, "Object 'apiVersion' is missing in the request's body");
	kinds_split_api_version(version, group, ver);
	got = kinds_type_by_gvk(group, ver, kind);
	if (got == t)
		return STEP_NEXT;
	/* Options carry whatever version the client grew up with. */
	if (!strcmp(want, "DeleteOptions") && !strcmp(kind, want))
		return STEP_NEXT;
	if (!strcmp(want, "Eviction") && !strcmp(kind, want))
		return STEP_NEXT;
	if (!got)
		return fail_bad_request(c, "%s in version \"%s\" cannot be handled as a %s: no kind \"%s\" is "
			"registered for version \"%s\"", kind, ver, want, kind, version);
	return fail_bad_request(c, "the API version in the data (%s) does not match the expected API version (%s): "
		"%s in version \"%s\" cannot be handled as a %s", version, c->kind->api_version, kind, version, want);
}

static enum step decode_value(struct call *c, const struct kinds_type *t, yyjson_val *in)
{
	struct kinds_problem *p = NULL;
	struct err e = { 0 };
	enum step step;
	int rc;

	if (!yyjson_is_obj(in))
		return fail_bad_request(c, "the object provided is unrecognized (must be of type %s): "
			"couldn't get version/kind; the body is not an object", type_kind(c, t));
	rc = kinds_decode(c->doc, c->arena, t, in, c->strict, &c->input, &p, &e);
	if (rc == -ERR_BAD_REQUEST)
		return fail_bad_request(c, "%s in version \"%s\" cannot be handled as a %s: %s",
			type_kind(c, t), c->version, type_kind(c, t), e.msg);
	if (rc)
		return fail_err(c, rc, &e);
	step = check_type(c, t, c->input);
	return step == STEP_NEXT ? problems(c, p) : step;
}

/* The bytes as a JSON value; NULL and the failure in *ret_step. */
static yyjson_val *read_value(struct call *c, enum step *ret_step)
{
	yyjson_doc *d;
	struct err e = { 0 };
	int rc = 0;

	*ret_step = STEP_NEXT;
	/* kubectl sends JSON as apply-patch+yaml: JSON first, it is a thousand times faster. */
	if (!is_yaml(c) || (c->body_len && *c->body == '{')) {
		rc = doc_parse(c->arena, c->body, c->body_len, &d, &e);
		if (!rc)
			return yyjson_doc_get_root(d);
	}
	if (is_yaml(c)) {
		yyjson_mut_val *v = NULL;

		rc = yaml_parse(c->doc, c->body, c->body_len, &v, &e);
		if (!rc && v)
			return doc_freeze(c->arena, v);
		if (!rc)
			rc = err_set(&e, ERR_BAD_REQUEST, "the body is empty");
	}
	*ret_step = rc == -ERR_BAD_REQUEST
		? fail_bad_request(c, "the object provided is unrecognized (must be of type %s): couldn't get "
			"version/kind; json parse error: %s", c->body_type ? type_kind(c, c->body_type) : "", e.msg)
		: fail_err(c, rc, &e);
	return NULL;
}

static enum step set_type(struct call *c)
{
	const char *kind = c->kind->kind, *version = c->kind->api_version;

	if (c->body_type != c->kind->type) {
		const struct kinds_sub *s = c->subdef;

		if (!s || !s->kind)
			return STEP_NEXT;      /* options */
		kind = s->kind;
		version = s->group && *s->group ? arena_printf(c->arena, "%s/%s", s->group, s->version) : s->version;
	}
	if (!doc_mset_str(c->doc, c->input, "kind", kind) ||
	    !doc_mset_str(c->doc, c->input, "apiVersion", version))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}

enum step body_decode(struct call *c)
{
	enum step step;
	yyjson_val *in;

	if (!c->doc)
		c->doc = doc_new(c->arena);
	if (!c->doc)
		return fail_err(c, -ERR_SIZE, NULL);
	if (is_proto(c)) {
		struct err e = { 0 };
		int rc = kinds_decode_proto(c->doc, c->arena, c->body, c->body_len, c->body_type, &c->input, &e);

		if (rc == -ERR_BAD_REQUEST)
			return fail_bad_request(c, "%s", e.msg);
		if (rc)
			return fail_err(c, rc, &e);
		step = check_type(c, c->body_type, c->input);
	} else {
		in = read_value(c, &step);
		if (!in)
			return step;
		step = decode_value(c, c->body_type, in);
	}
	return step == STEP_NEXT ? set_type(c) : step;
}

/* ---- deletion ---- */

static enum step propagation_option(struct call *c, const char *v)
{
	if (!strcmp(v, "Foreground") || !strcmp(v, "Background") || !strcmp(v, "Orphan")) {
		c->propagation = v;
		return STEP_NEXT;
	}
	return fail_option(c, "DeleteOptions", "propagationPolicy", "FieldValueNotSupported",
		"Unsupported value: \"%s\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"", v);
}

static enum step delete_options(struct call *c)
{
	const char *v = param(c, "propagationPolicy");
	enum step step = STEP_NEXT;
	bool bad = false;
	yyjson_mut_val *m;

	param_int(c, "gracePeriodSeconds", &c->grace_s, &bad);
	if (bad)
		return fail_bad_request(c, "gracePeriodSeconds is not a number");
	if (v && *v)
		step = propagation_option(c, v);
	if (step == STEP_NEXT && param(c, "orphanDependents"))
		c->propagation = param_bool(c, "orphanDependents") ? "Orphan" : "Background";
	if (step != STEP_NEXT || !c->body_len)
		return step;
	c->strict = KS_IGNORE;
	c->body_type = kinds_type_by_gvk("", "v1", "DeleteOptions");
	step = body_decode(c);
	if (step != STEP_NEXT)
		return step;
	m = doc_mget(c->input, "gracePeriodSeconds");
	if (m)
		c->grace_s = doc_mint(c->input, "gracePeriodSeconds", 0);
	v = doc_mstr(c->input, "propagationPolicy");
	if (v && *v)
		step = propagation_option(c, v);
	if (doc_mget(c->input, "orphanDependents") && !v)
		c->propagation = doc_mbool(c->input, "orphanDependents", false) ? "Orphan" : "Background";
	c->want_uid = doc_mstr(c->input, "preconditions.uid");
	c->want_rv = doc_mstr(c->input, "preconditions.resourceVersion");
	v = doc_mstr(c->input, "dryRun.0");
	if (step == STEP_NEXT && v)
		step = dry_run_option(c, v);
	return step;
}

/* ---- the stage ---- */

static enum step media_type(struct call *c)
{
	const char *t = c->content_type;

	if (c->verb == VERB_PATCH) {
		if (!strcmp(t, "application/json-patch+json"))
			c->patch = PATCH_JSON;
		else if (!strcmp(t, "application/merge-patch+json"))
			c->patch = PATCH_MERGE;
		else if (!strcmp(t, "application/strategic-merge-patch+json") && !c->kind->custom)
			c->patch = PATCH_STRATEGIC;
		else if (!strcmp(t, "application/apply-patch+yaml"))
			c->patch = PATCH_APPLY;
		else
			return fail_status(c, 415, "UnsupportedMediaType", NULL, 0,
				"the body of the request was in an unknown format - accepted media types include: "
				"application/json-patch+json, application/merge-patch+json%s, application/apply-patch+yaml",
				c->kind->custom ? "" : ", application/strategic-merge-patch+json");
		return STEP_NEXT;
	}
	if (!strcmp(t, "application/json") || is_proto(c) || !strcmp(t, "application/yaml") ||
	    (c->verb >= VERB_DELETE && !c->body_len))
		return STEP_NEXT;
	return fail_status(c, 415, "UnsupportedMediaType", NULL, 0,
		"the body of the request was in an unknown format - accepted media types include: "
		"application/json, application/yaml, application/vnd.kubernetes.protobuf");
}

static enum step parse(struct call *c)
{
	const struct kinds_sub *s = c->subdef;
	enum step step = media_type(c);

	if (step != STEP_NEXT)
		return step;
	step = options(c);
	if (step != STEP_NEXT)
		return step;
	if (c->verb >= VERB_DELETE) {
		step = delete_options(c);
		return step == STEP_NEXT && c->verb == VERB_DELETECOLLECTION ? collection_delete(c) : step;
	}
	c->body_type = c->kind->type;
	if (s && s->kind)
		c->body_type = kinds_type_by_gvk(s->group ? s->group : "", s->version, s->kind);
	if (!c->body_type)
		return fail_no_resource(c);
	if (c->verb == VERB_PATCH) {
		c->doc = doc_new(c->arena);
		return c->doc ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
	}
	step = body_decode(c);
	if (step != STEP_NEXT)
		return step;
	/* What is answered without being stored leaves the line here. */
	if (s && !strcmp(s->name, "token"))
		return token_create(c);
	if (!c->kind->store && c->kind != c->api->k.binding)
		return !strcmp(c->kind->group, "authorization.k8s.io") ? review_access(c) : review_token(c);
	return STEP_NEXT;
}

static void body_read(void *arg, struct http_req *r, int rc, const char *p, size_t n)
{
	struct call *c = arg;

	if (rc == -ERR_CANCELED) {
		call_drop(c);
		return;
	}
	if (rc) {
		call_resume(c, fail_err(c, rc, NULL));
	} else {
		c->body = n ? arena_strndup(c->arena, p, n) : "";
		c->body_len = n;
		call_resume(c, c->body ? parse(c) : fail_err(c, -ERR_SIZE, NULL));
	}
	call_drop(c);
}

enum step stage_body(struct call *c)
{
	if (c->http && !c->body) {
		const char *t = http_header(c->http, "content-type");
		size_t n;

		if (!t || !*t)
			t = c->verb == VERB_PATCH ? "application/octet-stream" : "application/json";
		n = strcspn(t, "; \t");
		c->content_type = arena_strndup(c->arena, t, n);
		if (!c->content_type)
			return fail_err(c, -ERR_SIZE, NULL);
		call_hold(c);
		http_read_body(c->http, API_BODY_MAX, body_read, c);
		return STEP_WAIT;
	}
	return parse(c);
}
