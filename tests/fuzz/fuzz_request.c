/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_request - whole requests: "METHOD path?query", a line with the content type, then
 * the body. Each runs through all stages over a store in memory.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "served.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool answered;

static void on_answer(void *arg, int status, const struct blob *body)
{
	assert(status >= 200 && status < 600);
	answered = true;
}

/* The next line of p, without its end; NULL when there is none. */
static char *line(char **p)
{
	char *s = *p, *end = s ? strchr(s, '\n') : NULL;

	if (end)
		*end++ = 0;
	*p = end;
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const groups[] = { "system:masters", NULL };
	static const struct user user = { .name = "fuzz", .groups = groups };
	char *copy = malloc(n + 1), *rest = copy, *request, *type, *path, *query;
	struct api_call q = { .user = &user };

	if (!api)
		served_start(NULL);
	memcpy(copy, p, n);
	copy[n] = 0;
	request = line(&rest);
	type = line(&rest);
	path = request ? strchr(request, ' ') : NULL;
	if (!path) {
		free(copy);
		return -1;
	}
	*path++ = 0;
	query = strchr(path, '?');
	if (query)
		*query++ = 0;
	q.method = request;
	q.path = path;
	q.query = query;
	q.content_type = type && *type ? type : NULL;
	q.body = rest;
	q.body_len = rest ? n - (size_t)(rest - copy) : 0;
	answered = false;
	if (!api_call(api, &q, on_answer, NULL))
		for (int i = 0; i < 3000 && !answered; i++)
			loop_turn(loop, 1);
	assert(answered);
	free(copy);
	return 0;
}
