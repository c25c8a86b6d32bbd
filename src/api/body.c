/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body - what the client sent, read only now that it is known who sends it and that
 * he may: JSON, YAML or protobuf, decoded by the table of the expected type.
 * Source: apiserver pkg/endpoints/handlers (create.go, rest.go transformDecodeError),
 * apimachinery pkg/runtime/serializer/json.
 */
#include <string.h>

#include "api/call.h"
#include "doc/print.h"
#include "doc/syntax.h"
#include "doc/yaml.h"
#include "http/http.h"

/* ---- decoding ---- */

static bool is_proto(const struct call *c)
{
	return !strcmp(c->content_type, "application/vnd.kubernetes.protobuf");
}

void body_repeats(struct buf *out, const struct buf *lines)
{
	buf_adds(out, "yaml: unmarshal errors:\n  ");
	for (size_t i = 0; i < lines->len; i++)
		buf_adds(out, lines->p[i] == '\n' ? "\n  " : (const char[]){ lines->p[i], 0 });
}

/* What field validation has to say of a body: of repeated keys of YAML, in lines, and of
 * members that are unknown or come twice. */
static enum step problems(struct call *c, const struct buf *repeated, const struct kinds_problem *p)
{
	BUF_AUTO struct buf b = { 0 };

	if (!p && !repeated->len)
		return STEP_NEXT;
	if (c->strict != KS_STRICT) {
		call_warn_lines(c, repeated);
		for (; p; p = p->next)
			call_warn(c, p->text);
		return STEP_NEXT;
	}
	if (repeated->len)
		body_repeats(&b, repeated);
	for (; p; p = p->next)
		buf_printf(&b, "%s%s", b.len ? ", " : "", p->text);
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

/* "core/v1.Secret" as Go has it outside ("v1.Secret") and inside ("core.Secret"). */
static const char *go_name(struct call *c, const struct kinds_type *t, bool inside)
{
	const char *slash = strchr(t->name, '/'), *dot = strrchr(t->name, '.');

	if (!slash || !dot)
		return t->name;
	return inside ? arena_printf(c->arena, "%.*s%s", (int)(slash - t->name), t->name, dot) : slash + 1;
}

const char *body_mismatch(struct call *c, const struct kinds_type *t, yyjson_mut_val *v)
{
	const char *kind = doc_mstr(v, "kind"), *version = doc_mstr(v, "apiVersion");
	char group[254], ver[64];
	const struct kinds_type *got;

	/* One of the two may be left out: it is what the path says. */
	if (!kind || !*kind)
		kind = type_kind(c, t);
	if (!version || !*version)
		version = t == c->kind->type ? c->kind->api_version : "v1";
	kinds_split_api_version(version, group, ver);
	got = kinds_type_by_gvk(group, ver, kind);
	if (got == t)
		return NULL;
	/* Options carry whatever version the client grew up with. */
	if ((!strcmp(type_kind(c, t), "DeleteOptions") || !strcmp(type_kind(c, t), "Eviction")) &&
	    !strcmp(kind, type_kind(c, t)))
		return NULL;
	if (!got)
		return arena_printf(c->arena, "no kind \"%s\" is registered for version \"%s\" in scheme "
			"\"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\"", kind, version);
	return arena_printf(c->arena, "converting (%s) to (%s): unknown conversion", go_name(c, got, false),
		go_name(c, t, true));
}

/* Custom objects have no types to convert: names are compared. */
static enum step check_custom(struct call *c, yyjson_mut_val *v)
{
	const char *kind = doc_mstr(v, "kind"), *version = doc_mstr(v, "apiVersion");
	struct field_error *e = NULL;

	if (version && *version && strcmp(version, c->kind->api_version))
		return fail_bad_request(c, "the API version in the data (%s) does not match the expected API version (%s)",
			version, c->kind->api_version);
	if (!kind || !*kind || !strcmp(kind, c->kind->kind))
		return STEP_NEXT;
	field_error_add(c->arena, &e, "FieldValueInvalid", "kind", "Invalid value: \"%s\": must be %s", kind, c->kind->kind);
	return fail_invalid(c, c->kind->kind, c->group, doc_mstr(v, "metadata.name") ? doc_mstr(v, "metadata.name") : "", e);
}

static enum step check_type(struct call *c, const struct kinds_type *t, yyjson_mut_val *v)
{
	const char *kind = doc_mstr(v, "kind"), *version = doc_mstr(v, "apiVersion"), *why;
	const struct kinds_kind *other;
	char group[254], ver[64];

	if ((!kind || !*kind) && (!version || !*version))
		return STEP_NEXT;
	if (t == c->kind->type && c->kind->custom)
		return check_custom(c, v);
	why = body_mismatch(c, t, v);
	if (!why)
		return STEP_NEXT;
	kinds_split_api_version(version ? version : "", group, ver);
	other = kind && version ? kinds_by_kind(group, ver, kind) : NULL;
	/* Another version of the same: it would convert, but has a path of its own. */
	if (other && other->store && c->kind->store && !strcmp(other->store, c->kind->store))
		return fail_bad_request(c, "the API version in the data (%s) does not match the expected API version (%s)",
			version, c->kind->api_version);
	return fail_bad_request(c, "%s in version \"%s\" cannot be handled as a %s: %s",
		kind && *kind ? kind : type_kind(c, t), version && *version ? ver : c->kind->version, type_kind(c, t), why);
}

/* The body's beginning, as upstream shows it where it cannot tell what it is. */
static void summary(struct call *c, struct buf *b)
{
	size_t n = c->body_len > 30 ? 30 : c->body_len;

	if (!c->body_len)
		buf_adds(b, "<empty>");
	else if (*c->body == '{')
		buf_add(b, c->body, n);
	else
		for (size_t i = 0; i < n; i++)
			buf_printf(b, "%02x", (unsigned char)c->body[i]);
	if (c->body_len > n)
		buf_adds(b, " ...");
}

static enum step unrecognized(struct call *c, const char *why)
{
	BUF_AUTO struct buf b = { 0 };

	summary(c, &b);
	return fail_bad_request(c, "the object provided is unrecognized (must be of type %s): %s (%s)",
		c->body_type ? type_kind(c, c->body_type) : "", why, b.failed ? "" : b.p);
}

static enum step decode_value(struct call *c, const struct kinds_type *t, yyjson_val *in, const struct buf *repeated)
{
	static const char not_object[] = "couldn't get version/kind; json parse error: json: cannot unmarshal %s into Go "
		"value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string "
		"\"json:\\\"kind,omitempty\\\"\" }";
	struct kinds_problem *p = NULL;
	struct err e = { 0 };
	const char *text, *kind, *version;
	const struct kinds_type *other;
	char group[254], ver[64];
	enum step step;
	int rc;

	if (!yyjson_is_obj(in)) {
		text = arena_printf(c->arena, not_object, doc_word(in));
		return unrecognized(c, text ? text : "the body is not an object");
	}
	kind = doc_str(in, "kind");
	version = doc_str(in, "apiVersion");
	kinds_split_api_version(version && *version ? version : c->kind->api_version, group, ver);
	/* What calls itself something else is read as that first. */
	other = kind && *kind && !c->kind->custom ? kinds_type_by_gvk(group, ver, kind) : NULL;
	rc = other && other != t ? kinds_decode(c->doc, c->arena, other, in, KS_IGNORE, &c->input, NULL, &e) : 0;
	if (!rc)
		rc = kinds_decode(c->doc, c->arena, other ? other : t, in, c->strict, &c->input, &p, &e);
	if (rc == -ERR_BAD_REQUEST) {
		return fail_bad_request(c, "%s in version \"%s\" cannot be handled as a %s: %s",
			kind && *kind ? kind : type_kind(c, t), ver, type_kind(c, t), e.msg);
	}
	if (rc)
		return fail_err(c, rc, &e);
	c->clear_owners = yyjson_is_arr(doc_get(in, "metadata.managedFields")) && !doc_len(in, "metadata.managedFields");
	step = check_type(c, t, c->input);
	return step == STEP_NEXT ? problems(c, repeated, p) : step;
}

/* The bytes as a JSON value; NULL and the failure in *ret_step. */
static yyjson_val *read_value(struct call *c, struct buf *repeated, enum step *ret_step)
{
	char wrong[SYNTAX_TEXT_MAX];
	struct err e = { 0 };
	yyjson_doc *d;
	const char *why;
	int rc;

	*ret_step = STEP_NEXT;
	if (strcmp(c->content_type, "application/yaml")) {
		rc = doc_parse(c->arena, c->body, c->body_len, &d, &e);
		if (!rc)
			return yyjson_doc_get_root(d);
		why = syntax_error(c->body, c->body_len, wrong);
		why = arena_printf(c->arena, "couldn't get version/kind; json parse error: %s", why ? why : e.msg);
	} else {
		yyjson_mut_val *v = NULL;

		rc = yaml_parse_noting(c->doc, c->body, c->body_len, &v, c->strict == KS_IGNORE ? NULL : repeated, &e);
		if (!rc && v)
			return doc_freeze(c->arena, v);
		if (!rc)
			rc = err_set(&e, ERR_BAD_REQUEST, "Object 'Kind' is missing in 'null'");
		why = arena_strdup(c->arena, e.msg);
	}
	*ret_step = rc == -ERR_BAD_REQUEST ? unrecognized(c, why ? why : "unreadable") : fail_err(c, rc, &e);
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
	BUF_AUTO struct buf repeated = { 0 };
	enum step step;
	yyjson_val *in;

	if (!c->doc)
		c->doc = doc_new(c->arena);
	if (!c->doc)
		return fail_err(c, -ERR_SIZE, NULL);
	if (is_proto(c) && (c->body_len < 4 || memcmp(c->body, "k8s", 4)))
		return unrecognized(c, c->body_len ? "provided data does not appear to be a protobuf message, expected prefix "
			"[107 56 115 0]" : "empty data");
	if (is_proto(c)) {
		struct err e = { 0 };
		int rc = kinds_decode_proto(c->doc, c->arena, c->body, c->body_len, c->body_type, &c->input, &e);

		if (rc == -ERR_BAD_REQUEST)
			return fail_bad_request(c, "%s", e.msg);
		if (rc)
			return fail_err(c, rc, &e);
		step = check_type(c, c->body_type, c->input);
	} else {
		in = read_value(c, &repeated, &step);
		if (!in)
			return step;
		step = decode_value(c, c->body_type, in, &repeated);
	}
	return step == STEP_NEXT ? set_type(c) : step;
}

/* ---- the stage ---- */

static enum step media_type(struct call *c)
{
	const char *t = c->content_type;
	bool proto;

	if (c->verb == VERB_PATCH) {
		if (!strcmp(t, "application/json-patch+json"))
			c->patch = PATCH_JSON;
		else if (!strcmp(t, "application/merge-patch+json"))
			c->patch = PATCH_MERGE;
		else if (!strcmp(t, "application/strategic-merge-patch+json") && !c->kind->custom)
			c->patch = PATCH_STRATEGIC;
		else if (!strcmp(t, "application/apply-patch+yaml"))
			c->patch = PATCH_APPLY;
		else if (c->kind->custom)
			return fail_status(c, 415, "UnsupportedMediaType", NULL, 0,
				"the body of the request was in an unknown format - accepted media types include: "
				"application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
		else
			return fail_generic(c, 415, "UnsupportedMediaType", "415: Unsupported Media Type");
		return STEP_NEXT;
	}
	proto = !c->kind->custom || c->subdef || c->verb >= VERB_DELETE;
	if (!strcmp(t, "application/json") || !strcmp(t, "application/yaml") || (proto && is_proto(c)) ||
	    (c->verb >= VERB_DELETE && !c->body_len))
		return STEP_NEXT;
	return fail_status(c, 415, "UnsupportedMediaType", NULL, 0,
		"the body of the request was in an unknown format - accepted media types include: "
		"application/json, application/yaml%s", proto ? ", application/vnd.kubernetes.protobuf" : "");
}

static enum step parse(struct call *c)
{
	const struct kinds_sub *s = c->subdef;
	enum step step = media_type(c);

	if (step != STEP_NEXT)
		return step;
	if (c->verb >= VERB_DELETE) {
		step = options_delete(c);
		return step == STEP_NEXT && c->verb == VERB_DELETECOLLECTION ? collection_delete(c) : step;
	}
	step = options_write(c);
	if (step != STEP_NEXT)
		return step;
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

static void go_on(struct call *c)
{
	call_resume(c, c->body ? parse(c) : fail_err(c, -ERR_SIZE, NULL));
}

static void body_read(void *arg, struct http_req *r, int rc, const char *p, size_t n)
{
	struct call *c = arg;

	if (rc == -ERR_CANCELED) {
		call_drop(c);
		return;
	}
	if (rc == -ERR_DEADLINE) {
		call_resume(c, fail_status(c, 408, "Timeout", NULL, 0, "the body of the request came too slowly"));
	} else if (rc) {
		call_resume(c, fail_err(c, rc, NULL));
	} else {
		c->body = n ? arena_strndup(c->arena, p, n) : "";
		c->body_len = n;
		flow_run(c, go_on);
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
