/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pretty - JSON laid out for people: when the request says ?pretty=true, or comes from a
 * program that shows answers as they are. Large lists, which are sent while they are made,
 * stay as they are, and so does what the request's memory cannot hold laid out: a deep object
 * grows two hundredfold.
 * Source: apiserver pkg/endpoints/handlers/negotiation (isPrettyPrint).
 */
#include <string.h>

#include "api/call.h"
#include "http/http.h"

static bool wanted(const struct call *c)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const agents[] = { "curl", "Wget", "Mozilla/5.0" };
	const char *v = param(c, "pretty"), *agent = http_header(c->http, "user-agent");

	for (size_t i = 0; v && i < sizeof(yes) / sizeof(yes[0]); i++)
		if (!strcmp(v, yes[i]))
			return true;
	for (size_t i = 0; !v && agent && i < sizeof(agents) / sizeof(agents[0]); i++)
		if (!strncmp(agent, agents[i], strlen(agents[i])))
			return true;
	return false;
}

struct blob *pretty(struct call *c, const char *type, struct blob *b)
{
	yyjson_alc alc = doc_alc(c->arena);
	yyjson_doc *doc;
	struct blob *laid_out;
	char *text;
	size_t n;

	if (!c->is_resource || strcmp(type, "application/json") || !wanted(c) || doc_parse(c->arena, b->p, b->len, &doc, NULL))
		return blob_ref(b);
	text = yyjson_write_opts(doc, YYJSON_WRITE_PRETTY_TWO_SPACES, &alc, &n, NULL);
	laid_out = text ? blob_new(text, n) : NULL;
	return laid_out ? laid_out : blob_ref(b);
}
