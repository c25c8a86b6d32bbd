/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_list - the options of lists: the first byte chooses. A token's text, encoded as
 * one; or a whole query. Whatever is asked, a list is answered or refused in words; one
 * that is answered keeps to its limit, is in order, and its next page follows it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "base/buf.h"
#include "base/text.h"
#include "served.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define PATH  "/api/v1/namespaces/default/configmaps"
#define LIMIT 3

static bool answered;
static int status;
static struct buf answer;

static void on_answer(void *arg, int s, const struct blob *body)
{
	answered = true;
	status = s;
	buf_clear(&answer);
	if (body)
		buf_add(&answer, body->p, body->len);
}

static void call(const char *method, const char *query, const char *body)
{
	static const char *const groups[] = { "system:masters", NULL };
	static const struct user user = { .name = "fuzz", .groups = groups };
	struct api_call q = { .method = method, .path = PATH, .query = query, .body = body,
		.body_len = body ? strlen(body) : 0, .user = &user };

	answered = false;
	if (api_call(api, &q, on_answer, NULL)) {
		status = 413;
		return;
	}
	for (int i = 0; i < 3000 && !answered; i++)
		loop_turn(loop, 1);
	assert(answered);
}

static void start(void)
{
	int rc;

	served_start(NULL);
	for (char c = 'a'; c < 'k'; c++) {
		char body[] = "{\"metadata\":{\"name\":\"x\",\"labels\":{\"l\":\"x\"}}}";

		body[21] = c;
		body[39] = c % 2 ? 'o' : 'e';
		call("POST", NULL, body);
		assert(status == 201);
	}
	/* Half of the revisions are forgotten. */
	rc = store_compact(store, cache_rev(cache) - 5);
	assert(!rc);
}

/* The page's last name in last; its token in next ("": none). */
static void check_page(size_t limit, char last[256], struct buf *next)
{
	yyjson_doc *d = yyjson_read(answer.p, answer.len, 0);
	yyjson_val *root = yyjson_doc_get_root(d), *meta = yyjson_obj_get(root, "metadata");
	yyjson_val *items = yyjson_obj_get(root, "items"), *it;
	const char *token = yyjson_get_str(yyjson_obj_get(meta, "continue"));
	yyjson_arr_iter iter;

	assert(d && yyjson_is_arr(items) && yyjson_is_str(yyjson_obj_get(meta, "resourceVersion")));
	assert(!limit || yyjson_arr_size(items) <= limit);
	yyjson_arr_iter_init(items, &iter);
	while ((it = yyjson_arr_iter_next(&iter))) {
		const char *name = yyjson_get_str(yyjson_obj_get(yyjson_obj_get(it, "metadata"), "name"));

		assert(name && strlen(name) < 256 && strcmp(name, last) > 0);
		strcpy(last, name);
	}
	buf_clear(next);
	if (token)
		buf_adds(next, token);
	yyjson_doc_free(d);
}

static void token(const uint8_t *p, size_t n)
{
	BUF_AUTO struct buf query = { 0 }, next = { 0 };
	char last[256] = "";

	buf_adds(&query, "limit=3&continue=");
	text_base64url(&query, p, n);
	call("GET", query.p, NULL);
	assert(status == 200 || status == 400 || status == 410 || status == 504);
	if (status == 200)
		check_page(LIMIT, last, &next);
	/* A page leads to the next one, or to its end. */
	while (status == 200 && next.len) {
		buf_clear(&query);
		buf_printf(&query, "limit=3&continue=%s", next.p);
		call("GET", query.p, NULL);
		assert(status == 200);
		check_page(LIMIT, last, &next);
	}
}

static void any(const uint8_t *p, size_t n)
{
	char *query = strndup((const char *)p, n), last[256] = "";
	struct buf next = { 0 };

	/* Watches are not for those inside, and limits of the fuzzer's own are not known here. */
	call("GET", query, NULL);
	assert(status == 200 || (status >= 400 && status < 600 && status != 500));
	if (status == 200)
		check_page(0, last, &next);
	buf_finish(&next);
	free(query);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (!api)
		start();
	if (!n)
		return -1;
	if (*p % 2)
		token(p + 1, n - 1);
	else
		any(p + 1, n - 1);
	return 0;
}
