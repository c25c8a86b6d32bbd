/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ask.h"

#include <string.h>

#include "base/loop.h"
#include "doc/doc.h"

#define TIMEOUT_MS  15000
#define ANSWERS_MAX (256u << 20)

static int open_loop(struct ask *a, struct err *reterr)
{
	*a = (struct ask){ 0 };
	a->arena = arena_open(ANSWERS_MAX);
	if (!a->arena || loop_open(&a->loop))
		return err_set(reterr, ERR_IO, "cannot make an event loop");
	return 0;
}

int ask_open(struct ask *a, const char *kubeconfig, struct err *reterr)
{
	int rc = open_loop(a, reterr);

	if (!rc)
		rc = client_open_kubeconfig(&a->client, a->loop, kubeconfig, NULL, reterr);
	if (rc == -ERR_NOT_FOUND)
		err_set(reterr, ERR_NOT_FOUND, "%s is missing: run this where the server is, or give --kubeconfig", kubeconfig);
	return rc;
}

int ask_open_client(struct ask *a, const struct client_config *cfg, struct err *reterr)
{
	int rc = open_loop(a, reterr);

	return rc ? rc : client_open_remote(&a->client, a->loop, cfg, reterr);
}

void ask_close(struct ask *a)
{
	client_close(a->client);
	if (a->loop)
		loop_close(a->loop);
	arena_close(a->arena);
}

static void answered(void *arg, const struct client_reply *r)
{
	struct ask *a = arg;
	yyjson_mut_doc *d = r->obj ? doc_new(a->arena) : NULL;
	yyjson_mut_val *copy = d ? yyjson_val_mut_copy(d, r->obj) : NULL;

	a->rc = r->rc;
	a->obj = copy ? doc_freeze(a->arena, copy) : NULL;
	if (r->rc)
		err_set(a->reterr, -r->rc, "%s", r->message);
	else if (r->obj && !a->obj)
		a->rc = err_set(a->reterr, ERR_SIZE, "the answer is too large");
	loop_stop(a->loop);
}

int ask(struct ask *a, const char *method, const char *path, const char *query, const char *body, yyjson_val **ret,
	struct err *reterr)
{
	struct client_req q = { .method = method, .path = path, .query = query, .body = body,
		.body_len = body ? strlen(body) : 0, .timeout_ms = TIMEOUT_MS,
		.content_type = strcmp(method, "PATCH") ? NULL : "application/merge-patch+json" };
	int rc;

	a->obj = NULL;
	a->reterr = reterr;
	rc = client_call(a->client, &q, answered, a);
	if (rc)
		return err_set(reterr, -rc, "%s", err_text(rc));
	loop_run(a->loop);
	a->reterr = NULL;
	if (ret)
		*ret = a->obj;
	return a->rc;
}
