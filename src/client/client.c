/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - what both kinds of client have in common: paths, replies, life and
 * death; and the local kind, which enters the API at authz.
 */
#define LOG_MODULE "client"
#include "client/client.h"

#include <stdlib.h>
#include <string.h>

#include "api/entry.h"
#include "base/log.h"
#include "client/client_priv.h"

void client_path(struct buf *out, const struct kinds_kind *k, const char *ns, const char *name, const char *sub)
{
	if (k->group[0])
		buf_printf(out, "/apis/%s/%s", k->group, k->version);
	else
		buf_printf(out, "/api/%s", k->version);
	if (k->namespaced && ns && *ns)
		buf_printf(out, "/namespaces/%s", ns);
	buf_printf(out, "/%s", k->plural);
	if (name && *name)
		buf_printf(out, "/%s", name);
	if (sub && *sub)
		buf_printf(out, "/%s", sub);
}

static int rc_of_status(int status, const char *reason)
{
	static const struct { int status, code; } map[] = {
		{ 400, ERR_BAD_REQUEST }, { 401, ERR_UNAUTHORIZED }, { 403, ERR_FORBIDDEN }, { 404, ERR_NOT_FOUND },
		{ 405, ERR_METHOD }, { 406, ERR_NOT_ACCEPTABLE }, { 410, ERR_EXPIRED }, { 413, ERR_SIZE },
		{ 415, ERR_MEDIA_TYPE }, { 422, ERR_INVALID }, { 429, ERR_FULL }, { 500, ERR_INTERNAL },
		{ 503, ERR_UNAVAILABLE }, { 504, ERR_DEADLINE },
	};

	if (status >= 200 && status < 300)
		return 0;
	if (status == 409)
		return reason && !strcmp(reason, "AlreadyExists") ? -ERR_EXISTS : -ERR_CONFLICT;
	for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (map[i].status == status)
			return -map[i].code;
	return -ERR_INTERNAL;
}

void reply_tell(int status, const char *p, size_t n, const char *no_answer, client_done_fn *done, void *arg)
{
	yyjson_doc *doc = n ? yyjson_read(p, n, 0) : NULL;
	struct client_reply r = { .status = status, .obj = yyjson_doc_get_root(doc), .message = "" };

	if (!status) {
		r.rc = -ERR_UNAVAILABLE;
		r.message = no_answer;
	} else {
		r.rc = rc_of_status(status, doc_str(r.obj, "reason"));
		if (r.rc) {
			const char *m = doc_str(r.obj, "message");
			r.message = m ? m : err_text(r.rc);
		}
	}
	done(arg, &r);
	yyjson_doc_free(doc);
}

/* ---- local ---- */
struct local {
	struct list link;
	struct client *client;     /* NULL: canceled */
	client_done_fn *done;
	void *arg;
};

static void local_done(void *arg, int status, const struct blob *body)
{
	struct local *l = arg;

	if (l->client) {
		list_del(&l->link);
		l->client->call_count--;
		reply_tell(status, body ? body->p : NULL, body ? body->len : 0, "the server is stopping", l->done, l->arg);
	}
	free(l);
}

int local_call(struct client *c, const struct client_req *q, client_done_fn *done, void *arg)
{
	struct user user = { .name = c->user, .uid = "", .groups = (const char *const *)c->groups };
	struct api_call call = {
		.method = q->method, .path = q->path, .query = q->query, .content_type = q->content_type,
		.body = q->body, .body_len = q->body_len, .user = &user, .may_write = c->may_write, .may_arg = c->may_arg,
	};
	struct local *l = calloc(1, sizeof(*l));

	if (!l)
		return -ERR_NOMEM;
	*l = (struct local){ .client = c, .done = done, .arg = arg };
	int rc = api_call(c->api, &call, local_done, l);
	if (rc) {
		free(l);
		return rc;
	}
	list_add_tail(&c->calls, &l->link);
	c->call_count++;
	return 0;
}

int client_open_local(struct client **ret, struct loop *l, struct api *a, const char *user,
	const char *const *groups)
{
	struct client *c = calloc(1, sizeof(*c));
	size_t n = 0;

	while (groups && groups[n])
		n++;
	if (!c || !(c->user = strdup(user)) || !(c->groups = calloc(n + 1, sizeof(char *)))) {
		client_close(c);
		return -ERR_NOMEM;
	}
	c->loop = l;
	c->api = a;
	list_init(&c->calls);
	list_init(&c->watches);
	for (size_t i = 0; i < n; i++)
		if (!(c->groups[i] = strdup(groups[i]))) {
			client_close(c);
			return -ERR_NOMEM;
		}
	*ret = c;
	return 0;
}

void client_guard(struct client *c, bool (*may)(void *arg, struct api_life *ret), void *arg)
{
	c->may_write = may;
	c->may_arg = arg;
}

int client_call(struct client *c, const struct client_req *q, client_done_fn *done, void *arg)
{
	if (c->call_count >= CLIENT_CALLS_MAX)
		return -ERR_FULL;
	return c->api ? local_call(c, q, done, arg) : remote_call(c, q, done, arg);
}

void client_close(struct client *c)
{
	if (!c)
		return;
	if (c->loop) {
		list_each(&c->watches, w)
			watch_cancel(list_entry(w, struct client_watch, link));
		if (c->api) {
			list_each(&c->calls, it) {
				struct local *l = list_entry(it, struct local, link);
				static const struct client_reply canceled = { .rc = -ERR_CANCELED, .message = "canceled" };
				list_del(&l->link);
				l->client = NULL;
				l->done(l->arg, &canceled);
			}
		} else {
			remote_finish(c);
		}
	}
	for (char **g = c->groups; g && *g; g++)
		free(*g);
	free(c->groups);
	free(c->user);
	free(c);
}
