/* SPDX-License-Identifier: Apache-2.0 */
/* query - the parameters after the '?', decoded into the call's arena. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/call.h"
#include "base/text.h"

#define QUERY_PARAMS_MAX 1000u

int query_parse(struct call *c)
{
	size_t n = 1;
	char *s, *next;

	c->param_count = 0;
	if (!c->query || !*c->query)
		return 0;
	for (const char *p = c->query; *p; p++)
		n += *p == '&';
	if (n > QUERY_PARAMS_MAX)
		return -ERR_SIZE;
	s = arena_strdup(c->arena, c->query);
	c->params = arena_alloc(c->arena, n * sizeof(*c->params));
	if (!s || !c->params)
		return -ERR_SIZE;
	for (; s; s = next) {
		char *eq;

		next = strchr(s, '&');
		if (next)
			*next++ = 0;
		if (!*s)
			continue;
		eq = strchr(s, '=');
		if (eq)
			*eq++ = 0;
		else
			eq = s + strlen(s);
		if (text_urldecode(s, true) || text_urldecode(eq, true))
			return -ERR_BAD_REQUEST;
		c->params[c->param_count++] = (struct param){ s, eq };
	}
	return 0;
}

const char *param(const struct call *c, const char *key)
{
	for (size_t i = 0; i < c->param_count; i++)
		if (!strcmp(c->params[i].key, key))
			return c->params[i].value;
	return NULL;
}

bool param_bool(const struct call *c, const char *key)
{
	const char *v = param(c, key);

	/* Present is true, unless it says otherwise. */
	return v && strcmp(v, "0") && strcasecmp(v, "false");
}

bool param_int(const struct call *c, const char *key, int64_t *ret, bool *bad)
{
	const char *v = param(c, key);
	char *end;
	long long n;

	if (!v || !*v)
		return false;
	n = strtoll(v, &end, 10);
	if (*end || strlen(v) > 18) {
		*bad = true;
		return false;
	}
	*ret = n;
	return true;
}
