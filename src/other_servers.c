/* SPDX-License-Identifier: Apache-2.0 */
/* other_servers - see other_servers.h. */
#include "other_servers.h"

#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "cache/cache.h"
#include "client/client.h"
#include "doc/doc.h"

#define SLICES "discovery.k8s.io/endpointslices"

struct other_servers {
	struct loop *loop;
	struct cache *cache;
	struct cache_observer *obs;
	struct loop_task task;
	char *own;                     /* as a line */
	char *told;
	other_servers_fn *fn;
	void *arg;
};

static bool is_api(struct cache_obj *slice)
{
	yyjson_val *labels = doc_get(cache_tree(slice), "metadata.labels");

	return !strcmp(slice->ns, "default") && yyjson_equals_str(yyjson_obj_get(labels, "kubernetes.io/service-name"), "kubernetes");
}

static bool add(void *arg, struct cache_obj *slice)
{
	if (is_api(slice))
		client_server_lines(arg, cache_tree(slice));
	return true;
}

static void look(void *arg)
{
	struct other_servers *o = arg;
	BUF_AUTO struct buf lines = { 0 };
	char *at, *copy;

	cache_each(o->cache, SLICES, "default", NULL, NULL, add, &lines);
	if (lines.failed || !lines.len)
		return;
	at = strstr(lines.p, o->own);
	if (at && (at == lines.p || at[-1] == '\n'))
		memmove(at, at + strlen(o->own), strlen(at + strlen(o->own)) + 1);
	if (!strcmp(o->told ? o->told : "", lines.p) || !(copy = strdup(lines.p)))
		return;
	free(o->told);
	o->told = strdup(lines.p);
	o->fn(o->arg, copy);
}

static void on_slice(void *arg, const struct cache_event *ev)
{
	struct other_servers *o = arg;

	if (is_api(ev->obj))
		loop_defer(o->loop, &o->task, look, o);
}

int other_servers_open(struct other_servers **ret, struct loop *l, struct cache *c, const char *own, other_servers_fn *fn,
	void *arg)
{
	struct other_servers *o = calloc(1, sizeof(*o));
	size_t n = strlen(own);

	*ret = NULL;
	if (!o)
		return -ERR_NOMEM;
	*o = (struct other_servers){ .loop = l, .cache = c, .fn = fn, .arg = arg, .own = malloc(n + 2) };
	if (o->own) {
		memcpy(o->own, own, n);
		memcpy(o->own + n, "\n", 2);
		o->obs = cache_observe(c, SLICES, true, on_slice, o);
	}
	if (!o->obs) {
		other_servers_close(o);
		return -ERR_NOMEM;
	}
	*ret = o;
	return 0;
}

void other_servers_close(struct other_servers *o)
{
	if (!o)
		return;
	if (o->obs)
		cache_unobserve(o->obs);
	loop_defer_cancel(o->loop, &o->task);
	free(o->own);
	free(o->told);
	free(o);
}
