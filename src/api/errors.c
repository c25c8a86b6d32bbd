/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errors - every way to fail, as the Status object that Kubernetes' clients read.
 * They match on reason and code, people on the message: both are upstream's.
 * Source: apimachinery pkg/api/errors; observed answers of a real server.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/call.h"

struct failure {
	int status;
	const char *reason, *message;
	const char *name, *group, *kind, *uid, *continue_token;
	const struct cause *causes;
	size_t cause_count;
	int retry_s;
	bool no_details;
};

static void member(struct buf *b, const char *key, const char *value, bool *first)
{
	if (!value || !*value)
		return;
	buf_printf(b, "%s\"%s\":", *first ? "" : ",", key);
	buf_add_json(b, value, strlen(value));
	*first = false;
}

static void details(struct buf *b, const struct failure *f)
{
	bool first = true;

	buf_adds(b, ",\"details\":{");
	member(b, "name", f->name, &first);
	member(b, "group", f->group, &first);
	member(b, "kind", f->kind, &first);
	member(b, "uid", f->uid, &first);
	if (f->cause_count) {
		buf_adds(b, first ? "\"causes\":[" : ",\"causes\":[");
		for (size_t i = 0; i < f->cause_count; i++) {
			bool one = true;

			buf_adds(b, i ? ",{" : "{");
			member(b, "reason", f->causes[i].reason, &one);
			member(b, "message", f->causes[i].message, &one);
			member(b, "field", f->causes[i].field, &one);
			buf_addc(b, '}');
		}
		buf_addc(b, ']');
		first = false;
	}
	if (f->retry_s)
		buf_printf(b, "%s\"retryAfterSeconds\":%d", first ? "" : ",", f->retry_s);
	buf_addc(b, '}');
}

static void write_status(struct buf *b, const struct failure *f)
{
	bool first = true;

	buf_adds(b, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{");
	member(b, "continue", f->continue_token, &first);
	buf_adds(b, "},\"status\":\"Failure\",\"message\":");
	buf_add_json(b, f->message, strlen(f->message));
	if (f->reason && *f->reason) {
		buf_adds(b, ",\"reason\":");
		buf_add_json(b, f->reason, strlen(f->reason));
	}
	if (!f->no_details)
		details(b, f);
	buf_printf(b, ",\"code\":%d}", f->status);
}

static enum step fail(struct call *c, const struct failure *f)
{
	struct buf b = { 0 };

	write_status(&b, f);
	c->retry_s = f->retry_s;
	return reply_buf(c, f->status, &b, "application/json");
}

struct blob *status_json(int status, const char *reason, const char *message)
{
	BUF_AUTO struct buf b = { 0 };

	write_status(&b, &(struct failure){ .status = status, .reason = reason,
		.message = message, .no_details = true });
	return b.failed ? NULL : blob_new(b.p, b.len);
}

static const char *vtext(struct call *c, const char *fmt, va_list ap)
{
	const char *s = arena_vprintf(c->arena, fmt, ap);

	return s ? s : "out of memory";
}

const char *call_resource(struct call *c)
{
	if (!*c->group)
		return c->resource;
	return arena_printf(c->arena, "%s.%s", c->resource, c->group);
}

const char *call_kind(struct call *c)
{
	if (!c->kind)
		return "";
	if (!*c->kind->group)
		return c->kind->kind;
	return arena_printf(c->arena, "%s.%s", c->kind->kind, c->kind->group);
}

enum step fail_text(struct call *c, int status, const char *text)
{
	struct buf b = { 0 };

	buf_adds(&b, text);
	return reply_buf(c, status, &b, "text/plain; charset=utf-8");
}

enum step fail_status(struct call *c, int status, const char *reason, const struct cause *causes,
	size_t cause_count, const char *fmt, ...)
{
	struct failure f = { .status = status, .reason = reason, .causes = causes,
		.cause_count = cause_count, .no_details = !cause_count };
	va_list ap;

	va_start(ap, fmt);
	f.message = vtext(c, fmt, ap);
	va_end(ap);
	return fail(c, &f);
}

enum step fail_bad_request(struct call *c, const char *fmt, ...)
{
	struct failure f = { .status = 400, .reason = "BadRequest", .no_details = true };
	va_list ap;

	va_start(ap, fmt);
	f.message = vtext(c, fmt, ap);
	va_end(ap);
	return fail(c, &f);
}

enum step fail_unauthorized(struct call *c)
{
	return fail(c, &(struct failure){ .status = 401, .reason = "Unauthorized",
		.message = "Unauthorized", .no_details = true });
}

enum step fail_forbidden(struct call *c, const char *name, const struct cause *cause,
	const char *fmt, ...)
{
	struct failure f = { .status = 403, .reason = "Forbidden", .name = name, .group = c->group,
		.kind = c->resource, .causes = cause, .cause_count = cause ? 1 : 0 };
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = vtext(c, fmt, ap);
	va_end(ap);
	if (name && *name)
		f.message = arena_printf(c->arena, "%s \"%s\" is forbidden: %s", call_resource(c), name, text);
	else
		f.message = arena_printf(c->arena, "%s is forbidden: %s", call_resource(c), text);
	if (!f.message)
		f.message = "forbidden";
	return fail(c, &f);
}

enum step fail_forbidden_path(struct call *c, const char *message)
{
	return fail(c, &(struct failure){ .status = 403, .reason = "Forbidden", .message = message });
}

enum step fail_not_found(struct call *c, const char *resource, const char *group, const char *name)
{
	const char *message = *group
		? arena_printf(c->arena, "%s.%s \"%s\" not found", resource, group, name)
		: arena_printf(c->arena, "%s \"%s\" not found", resource, name);

	return fail(c, &(struct failure){ .status = 404, .reason = "NotFound",
		.message = message ? message : "not found", .name = name, .group = group, .kind = resource });
}

enum step fail_no_resource(struct call *c)
{
	return fail(c, &(struct failure){ .status = 404, .reason = "NotFound",
		.message = "the server could not find the requested resource" });
}

enum step fail_method(struct call *c)
{
	return fail(c, &(struct failure){ .status = 405, .reason = "MethodNotAllowed",
		.message = "the server does not allow this method on the requested resource" });
}

enum step fail_exists(struct call *c, const char *name)
{
	const char *message = arena_printf(c->arena, "%s \"%s\" already exists", call_resource(c), name);

	return fail(c, &(struct failure){ .status = 409, .reason = "AlreadyExists",
		.message = message ? message : "already exists", .name = name, .group = c->group,
		.kind = c->resource });
}

enum step fail_conflict(struct call *c, const char *fmt, ...)
{
	struct failure f = { .status = 409, .reason = "Conflict", .name = c->name,
		.group = c->group, .kind = c->resource };
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = vtext(c, fmt, ap);
	va_end(ap);
	f.message = arena_printf(c->arena, "Operation cannot be fulfilled on %s \"%s\": %s",
		call_resource(c), c->name, text);
	if (!f.message)
		f.message = "conflict";
	return fail(c, &f);
}

enum step fail_precondition(struct call *c, const char *fmt, ...)
{
	struct failure f = { .status = 409, .reason = "Conflict", .name = c->name,
		.group = c->kind->group, .kind = c->kind->kind };
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = vtext(c, fmt, ap);
	va_end(ap);
	f.message = arena_printf(c->arena, "Operation cannot be fulfilled on %s \"%s\": %s", call_kind(c), c->name, text);
	if (!f.message)
		f.message = "conflict";
	return fail(c, &f);
}

enum step fail_modified(struct call *c)
{
	return fail_conflict(c, "the object has been modified; please apply your changes to the "
		"latest version and try again");
}

struct field_error *field_error_add(struct arena *a, struct field_error **list, const char *type,
	const char *field, const char *fmt, ...)
{
	struct field_error *e = arena_zalloc(a, sizeof(*e));
	va_list ap;

	if (!e)
		return NULL;
	e->type = type;
	e->field = field;
	va_start(ap, fmt);
	e->detail = arena_vprintf(a, fmt, ap);
	va_end(ap);
	if (!e->detail)
		e->detail = "";
	while (*list)
		list = &(*list)->next;
	*list = e;
	return e;
}

enum step fail_invalid(struct call *c, const char *kind, const char *group, const char *name,
	const struct field_error *errors)
{
	BUF_AUTO struct buf b = { 0 };
	struct failure f = { .status = 422, .reason = "Invalid", .name = name, .group = group, .kind = kind };
	struct cause *causes;
	size_t n = 0, i = 0;

	for (const struct field_error *e = errors; e; e = e->next)
		n++;
	causes = arena_alloc(c->arena, (n ? n : 1) * sizeof(*causes));
	if (!causes)
		return fail_err(c, -ERR_SIZE, NULL);
	buf_printf(&b, "%s%s%s \"%s\" is invalid: %s", kind, *group ? "." : "", group, name, n > 1 ? "[" : "");
	for (const struct field_error *e = errors; e; e = e->next, i++) {
		causes[i] = (struct cause){ e->type, e->detail, e->field };
		buf_printf(&b, "%s%s%s%s", i ? ", " : "", e->field, *e->field ? ": " : "", e->detail);
	}
	if (n > 1)
		buf_addc(&b, ']');
	f.causes = causes;
	f.cause_count = n;
	f.message = b.failed ? "invalid" : b.p;
	return fail(c, &f);
}

enum step fail_option(struct call *c, const char *options, const char *field, const char *type,
	const char *fmt, ...)
{
	struct field_error e = { .type = type, .field = field };
	va_list ap;

	va_start(ap, fmt);
	e.detail = vtext(c, fmt, ap);
	va_end(ap);
	return fail_invalid(c, options, "meta.k8s.io", "", &e);
}

enum step fail_not_acceptable(struct call *c)
{
	static const char types[] = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
	static const char streams[] = ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
	const char *message;

	/* Routes of built-in kinds say what they produce; a form of it is the handler's matter. */
	if (c->kind && !c->kind->custom && accept_none(c)) {
		message = arena_printf(c->arena, "406: Not Acceptable\n\nAvailable representations: %s%s", types,
			c->verb == VERB_LIST || c->verb == VERB_WATCH ? streams : "");
		return fail_generic(c, 406, "NotAcceptable", message ? message : "406: Not Acceptable");
	}
	return fail_status(c, 406, "NotAcceptable", NULL, 0, "only the following media types are accepted: %s", types);
}

enum step fail_generic(struct call *c, int status, const char *reason, const char *message)
{
	return fail(c, &(struct failure){ .status = status, .reason = reason, .message = message });
}

enum step fail_expired(struct call *c, const char *message, const char *continue_token)
{
	return fail(c, &(struct failure){ .status = 410, .reason = "Expired", .message = message,
		.continue_token = continue_token, .no_details = true });
}

enum step fail_too_large_rv(struct call *c, int64_t asked)
{
	static const struct cause cause = { "ResourceVersionTooLarge", "Too large resource version", NULL };
	const char *message = arena_printf(c->arena,
		"Timeout: Too large resource version: %lld, current: %lld", (long long)asked,
		(long long)cache_rev(c->api->cache));

	return fail(c, &(struct failure){ .status = 504, .reason = "Timeout",
		.message = message ? message : "Timeout: Too large resource version",
		.causes = &cause, .cause_count = 1, .retry_s = 1 });
}

enum step fail_busy(struct call *c, int status, int retry_s, const char *message)
{
	return fail(c, &(struct failure){ .status = status,
		.reason = status == 429 ? "TooManyRequests" : "ServiceUnavailable",
		.message = message, .retry_s = retry_s });
}

enum step fail_too_many(struct call *c, int retry_s, const struct cause *cause, const char *message)
{
	return fail(c, &(struct failure){ .status = 429, .reason = "TooManyRequests", .message = message,
		.causes = cause, .cause_count = 1, .retry_s = retry_s });
}

enum step fail_err(struct call *c, int rc, const struct err *e)
{
	int status = err_http(rc);
	const char *message = e && *e->msg ? e->msg : err_text(rc);

	if (rc == -ERR_FULL || rc == -ERR_UNAVAILABLE)
		return fail_busy(c, status, 1, message);
	if (rc == -ERR_SIZE)
		return fail(c, &(struct failure){ .status = 413, .reason = "RequestEntityTooLarge",
			.message = "Request entity too large: limit is 3145728", .no_details = true });
	if (!status)
		status = 500;
	return fail(c, &(struct failure){ .status = status, .reason = err_reason(rc),
		.message = message, .no_details = true });
}
