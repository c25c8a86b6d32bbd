/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err - error codes, and the one table that gives each its text, HTTP status
 * and Kubernetes reason.
 *
 * Functions return 0 or -ERR_*. Where a person will read it, the last
 * parameter is `struct err *reterr`: the caller's memory, set only on failure,
 * may be NULL.
 * Tests: tests/unit/base/test_err.c
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

enum err_code {
	ERR_OK = 0,
	ERR_BAD_REQUEST,   /* 400 BadRequest: malformed input */
	ERR_UNAUTHORIZED,  /* 401 Unauthorized */
	ERR_FORBIDDEN,     /* 403 Forbidden */
	ERR_NOT_FOUND,     /* 404 NotFound */
	ERR_METHOD,        /* 405 MethodNotAllowed */
	ERR_NOT_ACCEPTABLE,/* 406 NotAcceptable */
	ERR_EXISTS,        /* 409 AlreadyExists */
	ERR_CONFLICT,      /* 409 Conflict: stale revision or precondition */
	ERR_EXPIRED,       /* 410 Expired: revision compacted */
	ERR_SIZE,          /* 413 RequestEntityTooLarge: over a limit */
	ERR_MEDIA_TYPE,    /* 415 UnsupportedMediaType */
	ERR_INVALID,       /* 422 Invalid: validation failed */
	ERR_FULL,          /* 429 TooManyRequests: a bounded queue is full */
	ERR_INTERNAL,      /* 500 InternalError */
	ERR_IO,            /* 500 InternalError: the machine failed us */
	ERR_NOMEM,         /* 500 InternalError */
	ERR_CORRUPT,       /* 500 InternalError: stored data is damaged */
	ERR_UNAVAILABLE,   /* 503 ServiceUnavailable */
	ERR_DEADLINE,      /* 504 Timeout */
	ERR_AGAIN,         /* not an answer: would block, call again */
	ERR_CANCELED,      /* not an answer: the caller went away */
	ERR_COUNT
};

struct err {
	int code;        /* ERR_*, positive */
	char msg[1024];  /* NUL-terminated, cut when too long */
};

/* Static texts of a code (positive or negative). */
const char *err_text(int code);
const char *err_reason(int code);  /* Kubernetes reason, e.g. "NotFound" */
int err_http(int code);            /* HTTP status, 0 where there is none */

/* Set *e (when not NULL) and return -code, so that callers can
 * `return err_set(reterr, ERR_IO, "open %s: %s", path, strerror(errno));` */
int err_set(struct err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* err_set with ": strerror(errno)" appended; code ERR_IO. */
int err_errno(struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
