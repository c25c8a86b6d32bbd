/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - list, then watch, for ever.
 *
 *   LISTING --200--> WATCHING --ends--> WATCHING (from the last revision, maybe at another server)
 *      ^                 |
 *      +----410, error---+   after a back-off: 0.2 s doubling to 10 s; from the beginning once a watch has lived 5 s
 *
 * A watch that hears nothing for so long that two bookmarks are missing is begun again.
 *
 * libcurl must not be called from its own callbacks, and readers do call it: so what
 * arrives is gathered there and told from a task of the loop.
 *
 * What was told is remembered by name and revision only, so that a new list can
 * say what went away meanwhile and repeats nothing.
 */
#define LOG_MODULE "client"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/log.h"
#include "client/client_priv.h"

#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 10000
#define BUSY_MS        1000            /* at least, before one that is busy is asked again */
#define LIVED_MS       5000
#define SILENT_MS      150000
#define KICK_MS        500

struct known { uint64_t round; char rev[24]; };

struct watch_run {
	struct client_watch *w;    /* gone when closed */
	struct loop *loop;
	struct transfer t;
	struct loop_timer timer;
	struct map known;          /* "ns/name" -> struct known */
	struct buf lines;          /* of the stream, not told yet */
	struct loop_task task;
	char rev[24];              /* seen up to here */
	uint64_t round;            /* one per list */
	int64_t backoff_ms;
	int64_t begun_ms, heard_ms;
	bool running, listing, expired, closed, telling, leaving;
};

static void list_begin(struct watch_run *r);
static void watch_begin(struct watch_run *r);

static void run_free(struct watch_run *r)
{
	size_t it = 0;
	void *v;

	loop_timer_stop(&r->timer);
	if (r->running)
		transfer_finish(&r->t);
	while (map_next(&r->known, &it, NULL, &v))
		free(v);
	map_finish(&r->known);
	buf_finish(&r->lines);
	loop_defer_cancel(r->loop, &r->task);
	free(r);
}

static void tell(struct watch_run *r, enum client_event ev, yyjson_val *obj)
{
	if (!r->closed)
		r->w->fn(r->w->arg, ev, obj);
}

/* least_ms: the server wants no sooner. */
static void again_after(struct watch_run *r, int64_t least_ms)
{
	int64_t wait = r->backoff_ms ? r->backoff_ms : BACKOFF_MIN_MS;

	if (wait < least_ms)
		wait = least_ms;

	r->backoff_ms = wait * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : wait * 2;
	loop_timer_set(&r->timer, wait + env_random_below((uint32_t)wait / 2 + 1));
}

static void again_later(struct watch_run *r)
{
	again_after(r, 0);
}

static void stream_close(struct watch_run *r)
{
	transfer_finish(&r->t);
	r->running = r->leaving = false;
	buf_clear(&r->lines);
}

static void on_timer(void *arg)
{
	struct watch_run *r = arg;
	int64_t silent = loop_now_ms(r->loop) - r->heard_ms;

	if (r->running && !r->leaving && silent < SILENT_MS) {
		loop_timer_set(&r->timer, SILENT_MS - silent);
		return;
	}
	if (r->running) {
		if (!r->leaving)
			log_info("watch of %s: %s has said nothing for %d s; beginning again", r->w->kind->plural, r->t.server,
				SILENT_MS / 1000);
		stream_close(r);
	}
	if (r->listing)
		list_begin(r);
	else
		watch_begin(r);
}

static void key_of(yyjson_val *obj, char key[600])
{
	const char *ns = doc_str(obj, "metadata.namespace"), *name = doc_str(obj, "metadata.name");

	snprintf(key, 600, "%s/%s", ns ? ns : "", name ? name : "");
}

/* One object of a list or event that exists: what it is to our reader. */
static void exists(struct watch_run *r, yyjson_val *obj)
{
	const char *rev = doc_str(obj, "metadata.resourceVersion");
	char key[600];
	struct known *k;

	key_of(obj, key);
	k = map_get(&r->known, key);
	if (k && rev && !strcmp(k->rev, rev)) {
		k->round = r->round;
		return;
	}
	bool fresh = !k;
	if (fresh) {
		k = calloc(1, sizeof(*k));
		if (!k || map_put(&r->known, key, k, NULL)) {
			free(k);
			r->expired = true;     /* list again when there is memory */
			return;
		}
	}
	k->round = r->round;
	snprintf(k->rev, sizeof(k->rev), "%s", rev ? rev : "");
	tell(r, fresh ? CLIENT_ADDED : CLIENT_MODIFIED, obj);
}

static void gone(struct watch_run *r, yyjson_val *obj)
{
	char key[600];

	key_of(obj, key);
	struct known *k = map_del(&r->known, key);
	if (k)
		tell(r, CLIENT_DELETED, obj);
	free(k);
}

/* After a list: what it did not have is gone; only its name is left to tell. */
static void sweep(struct watch_run *r)
{
	size_t it = 0;
	const char *key;
	void *v;

	while (!r->closed && map_next(&r->known, &it, &key, &v)) {
		struct known *k = v;
		if (k->round == r->round)
			continue;
		yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
		yyjson_mut_val *root = yyjson_mut_obj(d), *meta = yyjson_mut_obj_add_obj(d, root, "metadata");
		const char *slash = strchr(key, '/');
		yyjson_mut_doc_set_root(d, root);
		yyjson_mut_obj_add_strncpy(d, meta, "namespace", key, (size_t)(slash - key));
		yyjson_mut_obj_add_strcpy(d, meta, "name", slash + 1);
		yyjson_doc *im = yyjson_mut_doc_imut_copy(d, NULL);
		map_del(&r->known, key);
		free(k);
		tell(r, CLIENT_DELETED, yyjson_doc_get_root(im));
		yyjson_doc_free(im);
		yyjson_mut_doc_free(d);
	}
}

static void on_list(struct watch_run *r, const char *p, size_t n)
{
	yyjson_doc *doc = yyjson_read(p, n, 0);
	yyjson_val *root = yyjson_doc_get_root(doc), *it;
	const char *rev = doc_str(root, "metadata.resourceVersion");
	size_t i, max;

	if (!rev || !yyjson_is_arr(doc_get(root, "items"))) {
		yyjson_doc_free(doc);
		again_later(r);
		return;
	}
	r->round++;
	r->expired = false;
	r->telling = true;
	snprintf(r->rev, sizeof(r->rev), "%s", rev);
	yyjson_arr_foreach(doc_get(root, "items"), i, max, it)
		exists(r, it);
	yyjson_doc_free(doc);
	sweep(r);
	tell(r, CLIENT_SYNCED, NULL);
	r->telling = false;
	if (r->closed) {
		run_free(r);
		return;
	}
	r->listing = false;
	watch_begin(r);
}

static void on_line(struct watch_run *r, char *p, size_t n)
{
	yyjson_doc *doc = yyjson_read(p, n, 0);
	yyjson_val *root = yyjson_doc_get_root(doc), *obj = doc_get(root, "object");
	const char *type = doc_str(root, "type"), *rev = doc_str(obj, "metadata.resourceVersion");

	if (!type || !strcmp(type, "ERROR")) {
		r->expired = true;
	} else {
		if (rev)
			snprintf(r->rev, sizeof(r->rev), "%s", rev);
		if (!strcmp(type, "ADDED") || !strcmp(type, "MODIFIED"))
			exists(r, obj);
		else if (!strcmp(type, "DELETED"))
			gone(r, obj);
	}
	yyjson_doc_free(doc);
}

/* The complete lines gathered so far. False: the watch was closed, r is gone. */
static bool tell_lines(struct watch_run *r)
{
	size_t used = 0;
	char *nl;

	r->telling = true;
	while (!r->closed && !r->expired && (nl = memchr(r->lines.p + used, '\n', r->lines.len - used))) {
		size_t len = (size_t)(nl - (r->lines.p + used));
		on_line(r, r->lines.p + used, len);
		used += len + 1;
	}
	r->telling = false;
	if (r->closed) {
		run_free(r);
		return false;
	}
	buf_consume(&r->lines, used);
	return true;
}

/* A broken stream resumes where it was; a refused or expired one lists again. */
static void stop_stream(struct watch_run *r, bool list_again, int64_t least_ms)
{
	/* One that ends at once, or is told each time that it expired, is no reason to hurry. */
	if (loop_now_ms(r->loop) - r->begun_ms >= LIVED_MS)
		r->backoff_ms = 0;
	stream_close(r);
	r->listing = list_again;
	again_after(r, least_ms);
}

static void on_lines(void *arg)
{
	struct watch_run *r = arg;

	if (r->lines.len && tell_lines(r) && (r->expired || r->lines.failed || r->lines.len > CLIENT_LINE_MAX))
		stop_stream(r, true, 0);
}

/* Readers call libcurl, which is not done from here: what is read is told in the next turn. */
static bool on_data(struct transfer *t, const char *p, size_t n)
{
	struct watch_run *r = list_entry(t, struct watch_run, t);

	long status = 0;

	r->heard_ms = loop_now_ms(r->loop);
	/* The text of a refusal, a proxy's page perhaps, is no event. */
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return true;
	buf_add(&r->lines, p, n);
	loop_defer(r->loop, &r->task, on_lines, r);
	return !r->lines.failed && r->lines.len <= CLIENT_REPLY_MAX;
}

static void ended(struct transfer *t, CURLcode rc, int status)
{
	struct watch_run *r = list_entry(t, struct watch_run, t);
	struct buf body = t->body;
	bool ok = status == 200 && rc == CURLE_OK;

	t->body = (struct buf){ 0 };
	if (!ok)
		log_debug("watch of %s: %s", r->w->kind->plural, status ? "refused" :
			t->error[0] ? t->error : curl_easy_strerror(rc));
	int64_t least_ms = status == 429 || status == 503 ? BUSY_MS : 0;
	if (transfer_outcome(t, rc, status) == OUTCOME_REFUSED && status == 503)
		servers_doubt(t->client);
	if (r->listing) {
		stream_close(r);
		if (ok)
			on_list(r, body.p, body.len);
		else
			again_after(r, least_ms);
	} else if (!r->lines.len || tell_lines(r)) {
		/* A server that is busy or stops says nothing about the revision. */
		stop_stream(r, r->expired || (status && status != 200 && status != 429 && status < 500), least_ms);
	}
	buf_finish(&body);
}

static void begin(struct watch_run *r, const char *more)
{
	struct client_watch *w = r->w;
	BUF_AUTO struct buf path = { 0 };
	BUF_AUTO struct buf query = { 0 };

	client_path(&path, w->kind, w->ns, NULL, NULL);
	buf_printf(&query, "%s%s%s", w->query ? w->query : "", w->query && *w->query && *more ? "&" : "", more);
	struct client_req q = { .method = "GET", .path = path.p, .query = query.p,
		.timeout_ms = r->listing ? 0 : -1 };
	r->t = (struct transfer){ .ended = ended, .data = r->listing ? NULL : on_data };
	r->begun_ms = r->heard_ms = loop_now_ms(r->loop);
	if (path.failed || query.failed || transfer_start(&r->t, w->client, w->client->server_at, &q)) {
		again_later(r);
		return;
	}
	r->running = true;
	loop_timer_set(&r->timer, SILENT_MS);
}

static void list_begin(struct watch_run *r)
{
	begin(r, "");
}

static void watch_begin(struct watch_run *r)
{
	char more[120];

	snprintf(more, sizeof(more), "watch=true&allowWatchBookmarks=true&resourceVersion=%s&timeoutSeconds=%u",
		r->rev, 300 + env_random_below(300));
	begin(r, more);
}

void watch_leave(struct client_watch *w, const char *url, int64_t since_ms, uint32_t spread_ms)
{
	struct watch_run *r = w->run;

	if (!r || !r->running || r->leaving || r->heard_ms > since_ms || strcmp(r->t.server, url))
		return;
	r->leaving = true;
	loop_timer_set(&r->timer, env_random_below(spread_ms));
}

void watch_kick(struct client_watch *w)
{
	struct watch_run *r = w->run;

	if (!r || r->running || !loop_timer_is_set(&r->timer))
		return;
	r->backoff_ms = 0;
	loop_timer_set(&r->timer, env_random_below(KICK_MS));
}

int client_watch(struct client_watch **ret, struct client *c, const struct kinds_kind *k, const char *ns,
	const char *query, client_event_fn *fn, void *arg)
{
	struct client_watch *w = calloc(1, sizeof(*w));
	struct watch_run *r = calloc(1, sizeof(*r));

	if (!w || !r || (ns && !(w->ns = strdup(ns))) || (query && !(w->query = strdup(query)))) {
		if (w)
			free(w->ns);
		free(w);
		free(r);
		return -ERR_NOMEM;
	}
	w->client = c;
	w->kind = k;
	w->fn = fn;
	w->arg = arg;
	w->run = r;
	r->w = w;
	r->loop = c->loop;
	r->listing = true;
	loop_timer_init(&r->timer, c->loop, on_timer, r);
	loop_timer_set(&r->timer, 0);
	list_add_tail(&c->watches, &w->link);
	*ret = w;
	return 0;
}

void watch_cancel(struct client_watch *w)
{
	struct watch_run *r = w->run;

	list_del(&w->link);
	w->run = NULL;
	if (!r)
		return;
	r->closed = true;
	/* Inside our own callback the frames below still use r, and free it. */
	if (!r->telling)
		run_free(r);
}

void client_watch_close(struct client_watch *w)
{
	if (!w)
		return;
	watch_cancel(w);
	free(w->ns);
	free(w->query);
	free(w);
}
