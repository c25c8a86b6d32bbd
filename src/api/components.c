/* SPDX-License-Identifier: Apache-2.0 */
/*
 * components - ComponentStatus, made when somebody asks: the store by its last write, the
 * scheduler and the controllers by whether they run in this process. An API that nobody
 * told of controllers does not name them.
 * Source: kubernetes pkg/registry/core/componentstatus/rest.go.
 */
#include <stdio.h>
#include <string.h>

#include "api/list.h"
#include "store/store.h"

#define COMPONENTS 3
#define STORE "core/componentstatuses"       /* of that name there is none */

struct component { const char *name, *wrong; };    /* wrong: NULL when all is well */

static size_t look(const struct api *a, struct component out[COMPONENTS])
{
	const char *wrong = NULL;
	struct store_stats store;
	size_t n = 0;

	if (a->controllers_run) {
		wrong = a->controllers_run(a->controllers_arg) ? NULL : "it does not run";
		out[n++] = (struct component){ "controller-manager", wrong };
	}
	store_stats(a->store, &store);
	out[n++] = (struct component){ "etcd-0", store.failing ? "the store does not take writes" : NULL };
	if (a->controllers_run)
		out[n++] = (struct component){ "scheduler", wrong };
	return n;
}

static struct blob *json_of(const struct component *p)
{
	BUF_AUTO struct buf b = { 0 };

	buf_printf(&b, "{\"kind\":\"ComponentStatus\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\"},\"conditions\":["
		"{\"type\":\"Healthy\",\"status\":\"%s\",\"message\":\"%s\"}]}", p->name, p->wrong ? "False" : "True",
		p->wrong ? p->wrong : "ok");
	return b.failed ? NULL : blob_new(b.p, b.len);
}

enum step components_get(struct call *c)
{
	struct component v[COMPONENTS];
	size_t n = look(c->api, v);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i].name, c->name))
			return reply_json(c, 200, json_of(&v[i]), c->kind);
	return fail_not_found(c, c->resource, c->group, c->name);
}

enum step components_list(struct listing *l)
{
	struct component v[COMPONENTS];
	size_t n = look(l->c->api, v);
	char key[64];

	for (size_t i = 0; i < n && !l->failed; i++) {
		struct blob *json = json_of(&v[i]);
		struct cache_obj *o = NULL;

		snprintf(key, sizeof(key), STORE "/%s", v[i].name);
		if (json)
			o = cache_obj_made(l->c->api->cache, STORE, key, json);
		if (!o)
			l->failed = true;
		else if (filter_match(l->c, &l->f, o))
			list_add(l, o);
		cache_obj_unref(o);
	}
	return list_send(l);
}
