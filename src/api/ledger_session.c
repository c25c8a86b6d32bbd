/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_session - see ledger_priv.h. A session's key is written once and removed once. */
#define LOG_MODULE "api"
#include "api/ledger_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

#define SESSIONS "sampan/sessions"
#define KEEP_S   3600                  /* so that what nobody ends, ends */
#define AGAIN_MS 1000                  /* after the store refused it */

struct session {
	struct sessions *ss;           /* NULL: over */
	unsigned refs;                 /* holds, being the newest one, being written */
	int64_t create_rev;            /* 0: it is being written */
	bool over;                     /* as far as the cache shows */
	const char *name;              /* the end of key */
	char key[sizeof(SESSIONS) + TEXT_UUID_MAX];
};

struct cut {                           /* a session being removed */
	struct list link;
	struct sessions *ss;           /* NULL: it was closed */
	char name[];
};

struct sessions {
	struct api *api;
	void (*changed)(void *arg);
	void *arg;
	struct cache_observer *obs;
	struct session *now;           /* NULL: none was begun, or it is over */
	struct list cuts;
	int64_t begun_in_vain_ms, cut_in_vain_ms;
};

/* ---- this server's ---- */

struct session *session_ref(struct session *e)
{
	e->refs++;
	return e;
}

void session_unref(struct session *e)
{
	if (e && !--e->refs)
		free(e);
}

static void end(struct sessions *ss)
{
	ss->now->over = true;
	ss->now->ss = NULL;
	session_unref(ss->now);
	ss->now = NULL;
}

static void begun(void *arg, int rc, int64_t rev)
{
	struct session *e = arg;
	struct sessions *ss = e->ss;

	if (ss) {
		e->create_rev = rc ? 0 : rev;
		ss->begun_in_vain_ms = rc ? loop_now_ms(ss->api->loop) : 0;
		if (rc)
			end(ss);
		ss->changed(ss->arg);
	}
	session_unref(e);
}

static int begin(struct sessions *ss)
{
	static const char text[] = "{\"metadata\":{}}";
	BLOB_AUTO struct blob *value = blob_new(text, sizeof(text) - 1);
	struct session *e = calloc(1, sizeof(*e));
	char uuid[TEXT_UUID_MAX];
	int rc;

	if (!e || !value) {
		free(e);
		return -ERR_NOMEM;
	}
	text_uuid(uuid);
	rc = cache_key(e->key, sizeof(e->key), SESSIONS, "", uuid);
	e->name = e->key + sizeof(SESSIONS);
	e->ss = ss;
	e->refs = 2;
	if (!rc)
		rc = store_put_on(ss->api->store, e->key, value, 0, &(struct store_terms){ .keep_s = KEEP_S }, begun, e);
	if (rc)
		free(e);
	else
		ss->now = e;
	return rc;
}

int session_now(struct sessions *ss, struct session **ret)
{
	int rc = 0;

	*ret = NULL;
	if (!ss->now && ss->begun_in_vain_ms && loop_now_ms(ss->api->loop) - ss->begun_in_vain_ms < AGAIN_MS)
		return -ERR_UNAVAILABLE;
	if (!ss->now)
		rc = begin(ss);
	else if (ss->now->create_rev)
		*ret = ss->now;
	return rc;
}

const char *session_name(const struct session *e) { return e->name; }
bool session_is_over(const struct session *e) { return e->over; }
struct store_while session_life(const struct session *e) { return (struct store_while){ e->key, e->create_rev }; }

/* ---- anybody's ---- */

bool sessions_over(struct sessions *ss, const char *name)
{
	return !cache_get(ss->api->cache, SESSIONS, "", name);
}

bool sessions_is_own(const struct sessions *ss, const char *name) { return ss->now && !strcmp(ss->now->name, name); }

static void was_cut(void *arg, int rc, int64_t rev)
{
	struct cut *x = arg;
	struct sessions *ss = x->ss;

	(void)rev;
	if (ss) {
		list_del(&x->link);
		if (rc && rc != -ERR_CONFLICT) {
			log_warn("a server that is silent still holds what it held: %s", err_text(rc));
			ss->cut_in_vain_ms = loop_now_ms(ss->api->loop);
		}
		ss->changed(ss->arg);
	}
	free(x);
}

bool sessions_cut(struct sessions *ss, const char *name)
{
	struct cache_obj *o = cache_get(ss->api->cache, SESSIONS, "", name);
	char key[STORE_KEY_MAX + 1];
	struct cut *x;

	list_each(&ss->cuts, it)
		if (!strcmp(list_entry(it, struct cut, link)->name, name))
			return true;
	if (!o || (ss->cut_in_vain_ms && loop_now_ms(ss->api->loop) - ss->cut_in_vain_ms < AGAIN_MS))
		return false;
	x = malloc(sizeof(*x) + strlen(name) + 1);
	if (!x || cache_key(key, sizeof(key), SESSIONS, "", name) ||
	    store_del(ss->api->store, key, o->rev, was_cut, x)) {
		free(x);
		return false;
	}
	x->ss = ss;
	strcpy(x->name, name);
	list_add_tail(&ss->cuts, &x->link);
	return true;
}

/* ---- life ---- */

static void on_session(void *arg, const struct cache_event *ev)
{
	struct sessions *ss = arg;

	if (ev->type != CACHE_DELETED || !sessions_is_own(ss, ev->obj->name))
		return;
	end(ss);
	ss->changed(ss->arg);
}

int sessions_open(struct sessions **ret, struct api *a, void (*changed)(void *arg), void *arg)
{
	struct sessions *ss = calloc(1, sizeof(*ss));

	*ret = ss;
	if (!ss)
		return -ERR_NOMEM;
	ss->api = a;
	ss->changed = changed;
	ss->arg = arg;
	list_init(&ss->cuts);
	ss->obs = cache_observe(a->cache, SESSIONS, false, on_session, ss);
	return ss->obs ? 0 : -ERR_NOMEM;
}

void sessions_close(struct sessions *ss)
{
	if (!ss)
		return;
	if (ss->obs)
		cache_unobserve(ss->obs);
	list_each(&ss->cuts, it)
		list_entry(it, struct cut, link)->ss = NULL;
	if (ss->now)
		end(ss);
	free(ss);
}
