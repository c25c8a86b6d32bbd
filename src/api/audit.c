/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit - a request gets the id under which logs and answers speak of it: the
 * client's own when it sent a sane one.
 */
#define LOG_MODULE "api"
#include <string.h>

#include "api/call.h"
#include "base/log.h"
#include "base/text.h"
#include "http/http.h"

static bool sane(const char *id)
{
	size_t n = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.");

	return n && n <= 64 && !id[n];
}

enum step stage_audit(struct call *c)
{
	const char *given = c->http ? http_header(c->http, "audit-id") : NULL;

	if (c->http) {
		char id[TEXT_UUID_MAX];

		if (!given || !sane(given)) {
			text_uuid(id);
			given = arena_strdup(c->arena, id);
		}
		c->audit_id = given;
	}
	log_debug("%s %s%s%s by %s", c->method, c->path, *c->query ? "?" : "", c->query,
		c->user.name);
	return STEP_NEXT;
}
