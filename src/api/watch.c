/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - events of a resource as they happen, for as long as the client listens.
 *
 *   initial    the objects there are (synthetic ADDED), when asked for
 *   marked     the bookmark that ends them, when asked for
 *   following  events in order; bookmarks now and then
 *   ended      at its deadline, when its revision is forgotten, or when the server stops
 *
 * A watch pulls from its cursor while the client takes bytes; nothing is queued for a
 * slow one. A frame is encoded once for all watches that want the same form of it.
 * Source: KEP-956 (bookmarks), KEP-3157 (initial events), apiserver pkg/endpoints/handlers/watch.go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/list.h"
#include "base/env.h"
#include "http/http.h"

#define PENDING_MAX   (256u << 10)
#define BOOKMARK_MS   60000
#define TIMEOUT_MIN_S 1800

enum { SLOT_JSON, SLOT_PROTO, SLOT_PARTIAL_JSON, SLOT_PARTIAL_PROTO, SLOT_NONE };

struct watch {
	struct call *c;
	struct filter f;
	struct listing *initial;
	struct cache_watch *cursor;
	struct loop_timer timer;
	int64_t deadline_ms, bookmark_ms, rev;
	int slot;                      /* among cache_event.frames, or SLOT_NONE */
	bool bookmarks, mark_initial, columns_sent, pumping, ended;
};

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

static bool send(struct watch *w, struct blob *b)
{
	if (!b) {
		http_abort(w->c->http);
		return false;
	}
	http_stream_write(w->c->http, b);
	return true;
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

static struct blob *event_frame(struct watch *w, struct cache_event *ev)
{
	static const char *const names[] = { [CACHE_ADDED] = "ADDED", [CACHE_MODIFIED] = "MODIFIED",
		[CACHE_DELETED] = "DELETED" };
	struct blob *b;

	if (w->slot != SLOT_NONE && ev->frames[w->slot])
		return blob_ref(ev->frames[w->slot]);
	b = object_frame(w, names[ev->type], ev->obj);
	if (b && w->slot != SLOT_NONE)
		ev->frames[w->slot] = blob_ref(b);
	return b;
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
	if (b)
		http_stream_write(w->c->http, b);
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
	http_stream_end(w->c->http);
}

/* What an event is to this watch, and its frame; *ret NULL: nothing. False: no memory. */
static bool translate(struct watch *w, struct cache_event *ev, struct blob **ret)
{
	struct call *c = w->c;
	bool now, before;

	*ret = NULL;
	if (w->f.everything) {
		*ret = event_frame(w, ev);
		return *ret != NULL;
	}
	now = filter_match(c, &w->f, ev->obj);
	if (ev->type != CACHE_MODIFIED) {
		if (!now)
			return true;
		*ret = event_frame(w, ev);
		return *ret != NULL;
	}
	before = ev->old && filter_match(c, &w->f, ev->old);
	if (!now && !before)
		return true;
	*ret = now && before ? event_frame(w, ev) : now ? object_frame(w, "ADDED", ev->obj)
		: left_frame(w, ev);
	return *ret != NULL;
}

static bool follow(struct watch *w)
{
	struct cache_event *ev;
	struct blob *b;
	int rc = cache_watch_next(w->cursor, &ev);

	if (rc == -ERR_AGAIN)
		return false;
	if (rc) {
		char text[96];

		snprintf(text, sizeof(text), "too old resource version: %lld (%lld)",
			(long long)cache_watch_rev(w->cursor), (long long)cache_rev(w->c->api->cache));
		send_error(w, 410, "Expired", text);
		end(w);
		return false;
	}
	view_reset(w->c);
	if (!translate(w, ev, &b)) {
		http_abort(w->c->http);
		return false;
	}
	if (b)
		http_stream_write(w->c->http, b);
	blob_unref(b);
	return true;
}

static bool send_initial(struct watch *w)
{
	struct listing *l = w->initial;
	struct blob *b;
	bool ok;

	view_reset(w->c);
	b = object_frame(w, "ADDED", l->items[l->sent].o);
	l->sent++;
	ok = send(w, b);
	blob_unref(b);
	if (l->sent == l->n) {
		list_free(l);
		w->initial = NULL;
	}
	return ok;
}

static void pump(struct watch *w)
{
	struct call *c = w->c;

	if (w->pumping || w->ended)
		return;
	w->pumping = true;
	call_hold(c);
	/* Aborting or ending may run the closed callback, which frees w. */
	while (c->work == w && c->http && !w->ended && http_stream_pending(c->http) < PENDING_MAX) {
		if (w->initial) {
			if (!send_initial(w))
				break;
		} else if (w->mark_initial) {
			w->mark_initial = false;
			if (!send_bookmark(w, w->rev, true))
				break;
		} else if (!follow(w)) {
			break;
		}
	}
	if (c->work == w)
		w->pumping = false;
	call_drop(c);
}

static void on_ready(void *arg)
{
	pump(arg);
}

static void on_drained(void *ctx)
{
	struct call *c = ctx;

	if (c->work)
		pump(c->work);
}

static void set_timer(struct watch *w)
{
	int64_t now = loop_now_ms(w->c->api->loop), at = w->deadline_ms;

	if (w->bookmarks && w->bookmark_ms < at)
		at = w->bookmark_ms;
	loop_timer_set(&w->timer, at > now ? at - now : 0);
}

static void on_timer(void *arg)
{
	struct watch *w = arg;
	int64_t now = loop_now_ms(w->c->api->loop);
	bool last = now >= w->deadline_ms;
	int64_t rev = cache_watch_rev(w->cursor);

	if (w->bookmarks && !w->initial && !w->mark_initial && rev > 0 && !send_bookmark(w, rev, false))
		return;
	if (last) {
		end(w);
		return;
	}
	w->bookmark_ms = now + BOOKMARK_MS + env_random_below(BOOKMARK_MS / 8);
	set_timer(w);
}

static void on_drain(struct call *c)
{
	end(c->work);
}

/* ---- opening ---- */

static bool pick(void *arg, struct cache_obj *o)
{
	struct listing *l = arg;

	view_reset(l->c);
	return !filter_match(l->c, &l->f, o) || list_add(l, o, NULL);
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

static enum step read_options(struct watch *w, int64_t *ret_from, bool *ret_initial)
{
	struct call *c = w->c;
	const char *rv = param(c, "resourceVersion"), *match = param(c, "resourceVersionMatch");
	const char *send_initial_events = param(c, "sendInitialEvents");
	int64_t from = 0, timeout_s = 0, now = loop_now_ms(c->api->loop);
	bool bad = false, bad_timeout = false;

	param_int(c, "resourceVersion", &from, &bad);
	if (bad || from < 0)
		return fail_bad_request(c, "resourceVersion: Invalid value: \"%s\": strconv.ParseUint: parsing "
			"\"%s\": invalid syntax", rv, rv);
	param_int(c, "timeoutSeconds", &timeout_s, &bad_timeout);
	if (bad_timeout || timeout_s < 0)
		return fail_bad_request(c, "timeoutSeconds is not a number of seconds");
	if (match && *match && !send_initial_events)
		return fail_option(c, "ListOptions", "resourceVersionMatch", "FieldValueForbidden",
			"Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
	if (send_initial_events && (!match || strcmp(match, "NotOlderThan")))
		return fail_option(c, "ListOptions", "resourceVersionMatch", "FieldValueForbidden",
			"Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
	if (from > cache_rev(c->api->cache))
		return fail_too_large_rv(c, from);
	w->bookmarks = param_bool(c, "allowWatchBookmarks");
	*ret_initial = send_initial_events ? param_bool(c, "sendInitialEvents") : from == 0;
	w->mark_initial = w->bookmarks && send_initial_events && *ret_initial;
	*ret_from = *ret_initial ? 0 : from;
	if (!timeout_s)
		timeout_s = TIMEOUT_MIN_S + env_random_below(TIMEOUT_MIN_S);
	w->deadline_ms = now + timeout_s * 1000;
	w->bookmark_ms = now + BOOKMARK_MS + env_random_below(BOOKMARK_MS / 8);
	return STEP_NEXT;
}

static int slot_of(const struct call *c)
{
	if (convert_needed(c) || c->view_beta || c->view == VIEW_TABLE)
		return SLOT_NONE;
	if (c->view == VIEW_PARTIAL)
		return c->media == MEDIA_PROTO ? SLOT_PARTIAL_PROTO : SLOT_PARTIAL_JSON;
	return c->media == MEDIA_PROTO ? SLOT_PROTO : SLOT_JSON;
}

/* The revision asked for is forgotten: told in the stream, as clients expect. */
static enum step begin_expired(struct watch *w, int64_t from)
{
	char text[96];

	snprintf(text, sizeof(text), "too old resource version: %lld (%lld)", (long long)from,
		(long long)cache_rev(w->c->api->cache));
	send_error(w, 410, "Expired", text);
	end(w);
	return STEP_END;
}

enum step serve_watch(struct call *c)
{
	struct watch *w;
	const char *ns;
	int64_t from;
	bool initial;
	enum step step;
	int rc;

	if (!c->http)
		return fail_bad_request(c, "a watch needs a connection; inside, observe the cache");
	w = calloc(1, sizeof(*w));
	if (!w)
		return fail_err(c, -ERR_NOMEM, NULL);
	w->c = c;
	ns = c->kind->namespaced && *c->ns ? c->ns : c->kind->namespaced ? NULL : "";
	step = filter_parse(c, &w->f);
	if (step == STEP_NEXT)
		step = read_options(w, &from, &initial);
	if (step != STEP_NEXT) {
		free(w);
		return step;
	}
	w->slot = slot_of(c);
	w->rev = cache_rev(c->api->cache);
	/* The cursor first, then what there is: nothing falls in between. */
	rc = cache_watch_open(&w->cursor, c->api->cache, c->kind->store, ns, w->f.name, w->f.node, from,
		on_ready, w);
	if (rc && rc != -ERR_EXPIRED) {
		free(w);
		return fail_err(c, rc, NULL);
	}
	if (!rc && initial)
		rc = take_initial(w, ns);
	if (rc && rc != -ERR_EXPIRED) {
		cache_watch_close(w->cursor);
		free(w);
		return fail_err(c, rc, NULL);
	}
	c->status = 200;
	metrics_count(c->api->metrics, c);
	c->work = w;
	c->cancel = watch_free;
	loop_timer_init(&w->timer, c->api->loop, on_timer, w);
	reply_headers(c, c->media == MEDIA_PROTO ? "application/vnd.kubernetes.protobuf;stream=watch"
		: "application/json");
	http_stream_begin(c->http, 200);
	http_stream_on_drained(c->http, on_drained);
	if (rc == -ERR_EXPIRED)
		return begin_expired(w, from);
	c->drain = on_drain;
	if (c->api->draining) {
		end(w);
		return STEP_END;
	}
	set_timer(w);
	pump(w);
	return STEP_END;
}
