/* SPDX-License-Identifier: Apache-2.0 */
/* err - the table of error codes. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *text, *reason;
	int http;
} errs[ERR_COUNT] = {
	[ERR_OK]             = { "ok", "", 200 },
	[ERR_BAD_REQUEST]    = { "bad request", "BadRequest", 400 },
	[ERR_UNAUTHORIZED]   = { "unauthorized", "Unauthorized", 401 },
	[ERR_FORBIDDEN]      = { "forbidden", "Forbidden", 403 },
	[ERR_NOT_FOUND]      = { "not found", "NotFound", 404 },
	[ERR_METHOD]         = { "method not allowed", "MethodNotAllowed", 405 },
	[ERR_NOT_ACCEPTABLE] = { "no acceptable representation", "NotAcceptable", 406 },
	[ERR_EXISTS]         = { "already exists", "AlreadyExists", 409 },
	[ERR_CONFLICT]       = { "conflict with a newer revision", "Conflict", 409 },
	[ERR_EXPIRED]        = { "revision is compacted", "Expired", 410 },
	[ERR_SIZE]           = { "over a size limit", "RequestEntityTooLarge", 413 },
	[ERR_MEDIA_TYPE]     = { "unsupported media type", "UnsupportedMediaType", 415 },
	[ERR_INVALID]        = { "invalid", "Invalid", 422 },
	[ERR_FULL]           = { "queue is full", "TooManyRequests", 429 },
	[ERR_INTERNAL]       = { "internal error", "InternalError", 500 },
	[ERR_IO]             = { "input/output error", "InternalError", 500 },
	[ERR_NOMEM]          = { "out of memory", "InternalError", 500 },
	[ERR_CORRUPT]        = { "stored data is damaged", "InternalError", 500 },
	[ERR_UNAVAILABLE]    = { "unavailable", "ServiceUnavailable", 503 },
	[ERR_DEADLINE]       = { "deadline passed", "Timeout", 504 },
	[ERR_AGAIN]          = { "try again", "", 0 },
	[ERR_CANCELED]       = { "canceled", "", 0 },
};

/* Codes outside the table are a bug somewhere; they read as internal errors. */
static int clean(int code)
{
	if (code < 0)
		code = -code;
	return code >= 0 && code < ERR_COUNT ? code : ERR_INTERNAL;
}

const char *err_text(int code) { return errs[clean(code)].text; }
const char *err_reason(int code) { return errs[clean(code)].reason; }
int err_http(int code) { return errs[clean(code)].http; }

int err_set(struct err *e, int code, const char *fmt, ...)
{
	if (e) {
		va_list ap;

		e->code = code;
		va_start(ap, fmt);
		vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
		va_end(ap);
	}
	return -code;
}

int err_errno(struct err *e, const char *fmt, ...)
{
	int saved = errno;

	if (e) {
		va_list ap;
		char text[128];
		size_t len;

		e->code = ERR_IO;
		va_start(ap, fmt);
		vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
		va_end(ap);
		len = strlen(e->msg);
		snprintf(e->msg + len, sizeof(e->msg) - len, ": %s",
			strerror_r(saved, text, sizeof(text)));
	}
	errno = saved;
	return -ERR_IO;
}
