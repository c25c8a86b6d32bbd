/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - events of a resource as they happen, for as long as the client listens.
 *
 *   initial    the objects there are (synthetic ADDED), when asked for
 *   marked     the bookmark that ends them, when asked for
 *   following  events in order; bookmarks now and then
 *   ended      at its deadline, when its revision is forgotten, or when the server stops
 *
 * A watch pulls from its cursor while the client takes bytes and its user's turn comes
 * (flow.h); nothing is queued for a slow one. A frame is encoded once for all watches
 * that want the same form of it. Over a WebSocket each frame is a message.
 * Source: KEP-956 (bookmarks), KEP-3157 (initial events), apiserver pkg/endpoints/handlers/watch.go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/list.h"
#include "base/env.h"
#include "http/http.h"
#include "http/ws.h"

#define PENDING_MAX   (256u << 10)
#define PUMP_US       FLOW_QUANTUM_US   /* of a turn, for one watch */
#define BOOKMARK_MS   60000
#define TIMEOUT_MIN_S 1800
#define TIMEOUT_MAX_S 86400       /* whoever asks for more */

/* SHARED: the object's own bytes between two that all have. */
enum { SLOT_PROTO, SLOT_PARTIAL_JSON, SLOT_PARTIAL_PROTO, SLOT_NONE, SLOT_SHARED };

struct watch {
	struct call *c;
	struct ws *ws;                 /* NULL: a streamed answer */
	struct filter f;
	struct listing *initial;
	struct cache_watch *cursor;
	struct loop_timer timer;
	int64_t deadline_ms, bookmark_ms, rev;
	int slot;                      /* among cache_event.frames, or SLOT_NONE */
	bool bookmarks, mark_initial, columns_sent, ended;
};

/* ---- the way out ---- */

static size_t pending(const struct watch *w)
{
	return w->ws ? ws_pending(w->ws) : http_stream_pending(w->c->http);
}

static bool is_open(const struct watch *w)
{
	return !w->ended && (w->ws || w->c->http);
}

static void cut_off(struct watch *w)
{
	if (w->ws)
		ws_close(w->ws, 1011);
	else
		http_abort(w->c->http);
}

/* b NULL: it could not be made. */
static bool send(struct watch *w, struct blob *b)
{
	size_t skip = w->c->media == MEDIA_PROTO ? 4 : 0;   /* messages need no length */

	if (!b) {
		cut_off(w);
		return false;
	}
	flow_charge(w->c, b->len);
	if (w->ws)
		return ws_send(w->ws, b->p + skip, b->len - skip, !skip) == 0;
	http_stream_write(w->c->http, b);
	return true;
}

/* ---- frames ---- */

static struct blob *frame(struct watch *w, const char *type, const void *object, size_t n)
{
	BUF_AUTO struct buf b = { 0 };

	if (w->c->media == MEDIA_PROTO) {
		BUF_AUTO struct buf raw = { 0 };
		BUF_AUTO struct buf ev = { 0 };
		unsigned char len[4];

		proto_field(&raw, 1, object, n);
		proto_field(&ev, 1, type, strlen(type));
		proto_field(&ev, 2, raw.p, raw.len);
		len[0] = (unsigned char)(ev.len >> 24);
		len[1] = (unsigned char)(ev.len >> 16);
		len[2] = (unsigned char)(ev.len >> 8);
		len[3] = (unsigned char)ev.len;
		buf_add(&b, len, 4);
		buf_add(&b, ev.p, ev.len);
		b.failed |= raw.failed || ev.failed;
	} else {
		buf_reserve(&b, n + 48);
		buf_printf(&b, "{\"type\":\"%s\",\"object\":", type);
		buf_add(&b, object, n);
		buf_adds(&b, "}\n");
	}
	return b.failed ? NULL : blob_new(b.p, b.len);
}

/* The object's bytes in the form of this watch, appended to b. */
static int render(struct watch *w, struct buf *b, const char *json, size_t n, yyjson_val *tree,
	const char *rev)
{
	struct call *c = w->c;
	int rc;

	if (c->view == VIEW_TABLE) {
		BUF_AUTO struct buf meta = { 0 };

		buf_printf(&meta, "{\"resourceVersion\":\"%s\"}", rev ? rev : "");
		table_begin(c, b, c->kind, meta.p ? meta.p : "{}", !w->columns_sent);
		w->columns_sent = true;
		rc = table_row(c, b, c->kind, json, n, tree);
		buf_adds(b, "]}");
		return rc;
	}
	if (c->view == VIEW_PARTIAL) {
		if (c->media == MEDIA_PROTO)
			return partial_proto(b, tree, c->view_beta, true);
		partial_json(c, b, tree);
		return 0;
	}
	if (c->media == MEDIA_PROTO)
		return kinds_encode_proto(b, c->kind->type, tree, NULL);
	buf_add(b, json, n);
	return 0;
}

static bool needs_tree(const struct watch *w)
{
	return w->c->view != VIEW_OBJECT || w->c->media == MEDIA_PROTO;
}

static struct blob *object_frame(struct watch *w, const char *type, struct cache_obj *o)
{
	BUF_AUTO struct buf b = { 0 };
	yyjson_val *tree = needs_tree(w) ? view_tree(w->c, o) : NULL;
	const char *json;
	size_t n;

	json = view_json(w->c, o, &n);
	if (!json || (needs_tree(w) && !tree))
		return NULL;
	if (!needs_tree(w))
		return frame(w, type, json, n);
	if (render(w, &b, json, n, tree, doc_str(tree, "metadata.resourceVersion")) || b.failed)
		return NULL;
	return frame(w, type, b.p, b.len);
}

static const char *const type_names[] = { [CACHE_ADDED] = "ADDED", [CACHE_MODIFIED] = "MODIFIED",
	[CACHE_DELETED] = "DELETED" };

static struct blob *event_frame(struct watch *w, struct cache_event *ev)
{
	struct blob *b;

	if (w->slot < SLOT_NONE && ev->frames[w->slot])
		return blob_ref(ev->frames[w->slot]);
	b = object_frame(w, type_names[ev->type], ev->obj);
	if (b && w->slot < SLOT_NONE)
		cache_event_keep(w->c->api->cache, ev, w->slot, b);
	return b;
}

int watch_prepare(struct api *a)
{
	for (int i = 0; i < 3; i++) {
		char text[48];
		int n = snprintf(text, sizeof(text), "{\"type\":\"%s\",\"object\":", type_names[i]);

		if (!(a->frame_begin[i] = blob_new(text, (size_t)n)))
			return -ERR_NOMEM;
	}
	a->frame_end = blob_new("}\n", 2);
	a->list_next = blob_new(",{", 2);
	return a->frame_end && a->list_next ? 0 : -ERR_NOMEM;
}

static bool send_object(struct watch *w, enum cache_event_type type, struct cache_obj *o)
{
	struct api *a = w->c->api;
	struct blob *b;
	bool ok;

	if (w->slot == SLOT_SHARED) {   /* as it is in the cache: nothing is copied */
		flow_charge(w->c, o->json->len);
		http_stream_write(w->c->http, a->frame_begin[type]);
		http_stream_write(w->c->http, o->json);
		http_stream_write(w->c->http, a->frame_end);
		return true;
	}
	b = object_frame(w, type_names[type], o);
	ok = send(w, b);
	blob_unref(b);
	return ok;
}

/* The object left the selection: its old state, with the revision of the event. */
static struct blob *left_frame(struct watch *w, struct cache_event *ev)
{
	BUF_AUTO struct buf b = { 0 };
	ARENA_AUTO struct arena *a = arena_open(API_ARENA_MAX);
	yyjson_mut_doc *d = a ? doc_new(a) : NULL;
	yyjson_val *tree = d ? view_tree(w->c, ev->old) : NULL;
	yyjson_mut_val *v = tree ? yyjson_val_mut_copy(d, tree) : NULL;
	BUF_AUTO struct buf out = { 0 };
	char rev[24];

	snprintf(rev, sizeof(rev), "%lld", (long long)ev->rev);
	if (!v || !doc_mset_str(d, v, "metadata.resourceVersion", rev) || doc_mwrite(&b, v) || b.failed)
		return NULL;
	if (!needs_tree(w))
		return frame(w, "DELETED", b.p, b.len);
	tree = doc_freeze(a, v);
	if (!tree || render(w, &out, b.p, b.len, tree, rev) || out.failed)
		return NULL;
	return frame(w, "DELETED", out.p, out.len);
}

static bool send_bookmark(struct watch *w, int64_t rev, bool initial_end)
{
	struct call *c = w->c;
	BUF_AUTO struct buf json = { 0 };
	BUF_AUTO struct buf out = { 0 };
	const char *kind = c->kind->kind, *version = c->kind->api_version;
	struct blob *b = NULL;
	yyjson_doc *d = NULL;
	bool ok;

	if (c->view != VIEW_OBJECT) {
		kind = c->view == VIEW_TABLE ? "Table" : "PartialObjectMetadata";
		version = c->view_beta ? "meta.k8s.io/v1beta1" : "meta.k8s.io/v1";
	}
	buf_printf(&json, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":\"%lld\"%s}%s}",
		kind, version, (long long)rev,
		initial_end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "",
		c->view == VIEW_TABLE ? ",\"columnDefinitions\":null,\"rows\":[]" : "");
	if (!json.failed && c->media != MEDIA_PROTO) {
		b = frame(w, "BOOKMARK", json.p, json.len);
	} else if (!json.failed && (d = yyjson_read(json.p, json.len, 0))) {
		int rc = c->view == VIEW_PARTIAL ? partial_proto(&out, yyjson_doc_get_root(d), c->view_beta, true)
			: kinds_encode_proto(&out, c->kind->type, yyjson_doc_get_root(d), NULL);

		if (!rc && !out.failed)
			b = frame(w, "BOOKMARK", out.p, out.len);
	}
	yyjson_doc_free(d);
	ok = send(w, b);
	blob_unref(b);
	return ok;
}

static void send_error(struct watch *w, int status, const char *reason, const char *message)
{
	struct blob *json = status_json(status, reason, message), *b = NULL;
	const struct kinds_type *t = kinds_type_by_name("meta/v1.Status");
	BUF_AUTO struct buf out = { 0 };

	if (json && w->c->media == MEDIA_PROTO && t) {
		yyjson_doc *d = yyjson_read(json->p, json->len, 0);

		if (d && !kinds_encode_proto(&out, t, yyjson_doc_get_root(d), NULL) && !out.failed)
			b = frame(w, "ERROR", out.p, out.len);
		yyjson_doc_free(d);
	} else if (json) {
		b = frame(w, "ERROR", json->p, json->len);
	}
	blob_unref(json);
	send(w, b);
	blob_unref(b);
}

/* ---- the states ---- */

static void watch_free(struct call *c)
{
	struct watch *w = c->work;

	c->work = NULL;
	c->drain = NULL;
	if (!w)
		return;
	loop_timer_stop(&w->timer);
	if (w->cursor)
		cache_watch_close(w->cursor);
	list_free(w->initial);
	free(w);
}

static void end(struct watch *w)
{
	if (w->ended)
		return;
	w->ended = true;
	loop_timer_stop(&w->timer);
	if (w->cursor)
		cache_watch_close(w->cursor);
	w->cursor = NULL;
	w->c->drain = NULL;
	if (w->ws)
		ws_close(w->ws, 1000);
	else
		http_stream_end(w->c->http);
}

static bool send_event(struct watch *w, struct cache_event *ev, enum cache_event_type type)
{
	struct blob *b;
	bool ok;

	if (type != ev->type || w->slot == SLOT_SHARED)
		return send_object(w, type, ev->obj);
	b = event_frame(w, ev);
	ok = send(w, b);
	blob_unref(b);
	return ok;
}

/* What the event is to this watch. */
static bool translate(struct watch *w, struct cache_event *ev)
{
	struct call *c = w->c;
	bool now, before, ok;
	struct blob *b;

	if (w->f.everything)
		return send_event(w, ev, ev->type);
	now = filter_match(c, &w->f, ev->obj);
	if (ev->type != CACHE_MODIFIED)
		return !now || send_event(w, ev, ev->type);
	before = ev->old && filter_match(c, &w->f, ev->old);
	if (now)
		return send_event(w, ev, before ? CACHE_MODIFIED : CACHE_ADDED);
	if (!before)
		return true;
	b = left_frame(w, ev);
	ok = send(w, b);
	blob_unref(b);
	return ok;
}

static void say_expired(struct watch *w, int64_t from)
{
	char text[96];

	snprintf(text, sizeof(text), "too old resource version: %lld (%lld)", (long long)from,
		(long long)cache_rev(w->c->api->cache));
	send_error(w, 410, "Expired", text);
	end(w);
}

static bool follow(struct watch *w)
{
	struct cache_event *ev;
	int rc = cache_watch_next(w->cursor, &ev);

	if (rc == -ERR_AGAIN)
		return false;
	if (rc) {
		say_expired(w, cache_watch_rev(w->cursor));
		return false;
	}
	view_reset(w->c);
	return translate(w, ev);
}

static bool send_initial(struct watch *w)
{
	struct listing *l = w->initial;
	struct cache_obj *o = l->items[l->sent++];
	bool ok;

	view_reset(w->c);
	ok = !filter_match(w->c, &w->f, o) || send_object(w, CACHE_ADDED, o);
	if (l->sent == l->n) {
		list_free(l);
		w->initial = NULL;
	}
	return ok;
}

static bool step_on(struct watch *w)
{
	if (w->initial)
		return send_initial(w);
	if (!w->mark_initial)
		return follow(w);
	w->mark_initial = false;
	return send_bookmark(w, w->rev, true);
}

/* A turn. */
static void pump(struct call *c)
{
	struct watch *w = c->work;
	int64_t until_us = env_now_us() + PUMP_US;

	call_hold(c);
	/* Cutting off or ending may run the closed callback, which frees w. */
	while (w && c->work == w && is_open(w) && pending(w) < PENDING_MAX && step_on(w)) {
		if (env_now_us() < until_us)
			continue;
		if (c->work == w)
			flow_later(c, pump);
		break;
	}
	call_drop(c);
}

static void on_ready(void *arg)
{
	struct watch *w = arg;

	flow_run(w->c, pump);
}

static void on_drained(void *ctx)
{
	struct call *c = ctx;

	if (c->work)
		flow_run(c, pump);
}

static void set_timer(struct watch *w)
{
	int64_t now = loop_now_ms(w->c->api->loop), at = w->deadline_ms;

	if (w->bookmarks && w->bookmark_ms < at)
		at = w->bookmark_ms;
	loop_timer_set(&w->timer, at > now ? at - now : 0);
}

/* Where it is, for whoever asked to be told. */
static bool mark(struct watch *w)
{
	int64_t rev = cache_watch_rev(w->cursor);

	/* A cursor that was set ahead of the log has nothing to mark yet. */
	if (rev > cache_rev(w->c->api->cache))
		rev = 0;
	return !w->bookmarks || w->initial || w->mark_initial || rev <= 0 || send_bookmark(w, rev, false);
}

static void on_timer(void *arg)
{
	struct watch *w = arg;
	int64_t now = loop_now_ms(w->c->api->loop);
	bool last = now >= w->deadline_ms;

	if (!mark(w))
		return;
	if (last) {
		end(w);
		return;
	}
	w->bookmark_ms = now + BOOKMARK_MS + env_random_below(BOOKMARK_MS / 8);
	set_timer(w);
}

/* What there is, as far as the client takes it; then where that was. */
static void on_drain(struct call *c)
{
	struct watch *w = c->work;

	call_hold(c);
	while (c->work == w && is_open(w) && pending(w) < PENDING_MAX && step_on(w))
		;
	if (c->work == w && is_open(w) && mark(w))
		end(w);
	call_drop(c);
}

/* ---- opening ---- */

static bool pick(void *arg, struct cache_obj *o)
{
	struct listing *l = arg;

	return !filter_near(l->c, &l->f, o) || list_add(l, o);
}

static int take_initial(struct watch *w, const char *ns)
{
	struct call *c = w->c;
	struct listing *l = calloc(1, sizeof(*l));

	if (!l)
		return -ERR_NOMEM;
	l->c = c;
	l->f = w->f;
	if (w->f.name && ns) {
		struct cache_obj *o = cache_get(c->api->cache, c->kind->store, ns, w->f.name);

		if (o)
			pick(l, o);
	} else if (w->f.node && !ns) {
		cache_each_on_node(c->api->cache, w->f.node, pick, l);
	} else {
		cache_each(c->api->cache, c->kind->store, ns, NULL, NULL, pick, l);
	}
	if (l->failed || !l->n) {
		int rc = l->failed ? -ERR_NOMEM : 0;

		list_free(l);
		return rc;
	}
	w->initial = l;
	return 0;
}

static void set_times(struct watch *w, const struct list_options *o)
{
	int64_t now = loop_now_ms(w->c->api->loop), timeout_s = o->timeout_s;

	if (!timeout_s)
		timeout_s = TIMEOUT_MIN_S + env_random_below(TIMEOUT_MIN_S);
	if (timeout_s > TIMEOUT_MAX_S)
		timeout_s = TIMEOUT_MAX_S;
	w->deadline_ms = now + (timeout_s > 0 ? timeout_s * 1000 : 0);
	w->bookmark_ms = now + BOOKMARK_MS + env_random_below(BOOKMARK_MS / 8);
}

static int slot_of(const struct call *c)
{
	if (c->view == VIEW_OBJECT && c->media != MEDIA_PROTO && !convert_needed(c) && !ws_wanted(c->http))
		return SLOT_SHARED;
	if (convert_needed(c) || c->view_beta || c->view == VIEW_TABLE)
		return SLOT_NONE;
	if (c->view == VIEW_PARTIAL)
		return c->media == MEDIA_PROTO ? SLOT_PARTIAL_PROTO : SLOT_PARTIAL_JSON;
	return c->media == MEDIA_PROTO ? SLOT_PROTO : SLOT_NONE;
}

/* ---- over a WebSocket ---- */

static void ws_message(void *arg, const void *p, size_t n, bool text)
{
	(void)arg;   /* upstream takes none either */
}

static void ws_drained(void *arg)
{
	on_drained(arg);
}

static void ws_gone(void *arg)
{
	struct call *c = arg;

	watch_free(c);
	call_drop(c);
}

/* The connection, and the hold on the call, go from the request to the WebSocket. */
static bool over_websocket(struct watch *w)
{
	static const struct ws_ops ops = { .message = ws_message, .drained = ws_drained, .closed = ws_gone };
	struct call *c = w->c;
	char protocol[128];
	size_t it = 0;
	bool offered = ws_next_protocol(c->http, &it, protocol, sizeof(protocol));

	w->ws = ws_accept(c->http, offered ? protocol : NULL, &ops, c);
	if (!w->ws)
		return false;
	http_set_context(c->http, NULL, NULL);
	c->http = NULL;
	c->cancel = NULL;
	return true;
}

/* ---- all of it ---- */

static void begin_stream(struct watch *w)
{
	struct call *c = w->c;

	reply_headers(c, c->media == MEDIA_PROTO ? "application/vnd.kubernetes.protobuf;stream=watch"
		: "application/json");
	http_stream_begin(c->http, 200);
	http_stream_on_drained(c->http, on_drained);
}

static enum step fail_watch(struct watch *w, int rc)
{
	struct call *c = w->c;

	cache_watch_close(w->cursor);
	list_free(w->initial);
	free(w);
	return rc == -ERR_FULL ? fail_busy(c, 429, 1, "this user has too many watches open; try again later")
		: fail_err(c, rc, NULL);
}

enum step serve_watch(struct call *c)
{
	struct watch *w;
	struct list_options o;
	const char *ns;
	int64_t from;
	bool expired;
	enum step step;
	int rc;

	if (!c->http)
		return fail_bad_request(c, "a watch needs a connection; inside, observe the cache");
	w = calloc(1, sizeof(*w));
	if (!w)
		return fail_err(c, -ERR_NOMEM, NULL);
	w->c = c;
	ns = c->kind->namespaced && *c->ns ? c->ns : c->kind->namespaced ? NULL : "";
	step = list_options_parse(c, &o, &w->f);
	if (step != STEP_NEXT) {
		free(w);
		return step;
	}
	w->slot = slot_of(c);
	w->bookmarks = o.bookmarks;
	w->mark_initial = o.bookmarks && o.initial;
	from = o.initial ? 0 : o.rv;
	set_times(w, &o);
	w->rev = cache_rev(c->api->cache);
	/* Who asks to be shown at least a revision of the future cannot be: all that was
	 * acknowledged is here (fresh.c). Who asks for what follows one waits. */
	if (o.initial && o.rv > w->rev) {
		free(w);
		return fail_too_large_rv(c, o.rv);
	}
	/* The cursor first, then what there is: nothing falls in between. */
	rc = cache_watch_open(&w->cursor, c->api->cache, c->kind->store, ns, w->f.name, w->f.node, from,
		on_ready, w);
	expired = rc == -ERR_EXPIRED;
	if (!rc && o.initial)
		rc = take_initial(w, ns);
	if (rc && !expired)
		return fail_watch(w, rc);
	if (!flow_watch(c))
		return fail_watch(w, -ERR_FULL);
	c->status = 200;
	metrics_count(c->api->metrics, c);
	c->work = w;
	c->cancel = watch_free;
	loop_timer_init(&w->timer, c->api->loop, on_timer, w);
	if (!ws_wanted(c->http)) {
		begin_stream(w);
	} else if (!over_websocket(w)) {
		watch_free(c);
		return STEP_END;
	}
	if (expired)
		say_expired(w, from);
	else if (c->api->draining || !strcmp(c->method, "HEAD"))
		end(w);
	if (w->ended)
		return STEP_END;
	c->drain = on_drain;
	set_timer(w);
	flow_later(c, pump);
	return STEP_END;
}
