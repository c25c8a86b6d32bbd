/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_priv - the parts of ledgers, for ledger.c: sessions, under which a server's holds and the writes of
 * their objects live and end together (ledger_session.c); the holds that are not this server's own
 * (ledger_holds.c); the value that is written (ledger_value.c).
 */
#ifndef API_LEDGER_PRIV_H
#define API_LEDGER_PRIV_H

#include "api/ledger.h"
#include "base/buf.h"
#include "base/text.h"
#include "store/store.h"

/*
 * A server's session is a key of the store, made before its first hold and never made again. What is held
 * under a session counts while that key is there, and an object is written only while it is (store_put_on). So whoever
 * does not want to wait for a silent server any more removes its key: then what that server still had on its
 * way, wherever it was held up, comes to nothing, and what was written before is in sight. A server that lives
 * notices, and begins its writes again under a new session.
 */
struct session;
struct sessions;
/* changed: a session has begun, is over, or neither could be done. */
int sessions_open(struct sessions **ret, struct api *a, void (*changed)(void *arg), void *arg);
void sessions_close(struct sessions *ss);      /* accepts NULL */
/* This server's; 0 and NULL: it is on its way, changed() comes; or -ERR_*. Borrowed until the loop turns. */
int session_now(struct sessions *ss, struct session **ret);
struct session *session_ref(struct session *e);
void session_unref(struct session *e);         /* accepts NULL */
const char *session_name(const struct session *e);
bool session_is_over(const struct session *e);
struct store_while session_life(const struct session *e);      /* its key lives as long as e */
/* Of any server, by name. */
bool sessions_over(struct sessions *ss, const char *name);
bool sessions_is_own(const struct sessions *ss, const char *name);     /* the one of now */
/* End it; true: on its way, changed() comes. False: it is over, or that cannot be done now. */
bool sessions_cut(struct sessions *ss, const char *name);

/* ---- a hold: a JSON object, {"by":SESSION,"n":..,...}; SESSION? is of a write that may have been done ---- */

#define LEDGER_BY_MAX (TEXT_UUID_MAX + 1)

struct unsure;
struct first_seen;
struct holds {
	struct api *api;
	struct sessions *sessions;
	struct first_seen *seen;       /* those of others in the order of the ledger, by this server's clock */
	size_t seen_count;
	struct unsure *unsure, *telling;  /* of this server, not in the store yet; on their way there */
};
void holds_finish(struct holds *h);
/* list: the ledger as it is now, also for the calls after this. A hold ages from the first look on. 0 or -ERR_NOMEM. */
int holds_look(struct holds *h, yyjson_val *list);
/* Those that have counted for too long: their sessions are ended. True: wait for that. */
bool holds_cut(struct holds *h, yyjson_val *list);
/* Those that count, of the ledger and the unsure ones. */
typedef void holds_fn(void *arg, yyjson_val *hold);
void holds_each(struct holds *h, yyjson_val *list, holds_fn *fn, void *arg);
/* One of a write that may come to be. 0 or -ERR_NOMEM. */
int holds_add(struct holds *h, const char *text, size_t n);
/* What holds_each gave is being written now; it was, or was not. */
void holds_tell(struct holds *h);
void holds_told(struct holds *h, bool ok);

/* ---- the value ---- */

#define LEDGER_BYTES_MAX (1u << 20)    /* of all servers; etcd takes 1.5 MiB */
#define LEDGER_SHARE_MAX (256u << 10)  /* of one */
#define LEDGER_HOLD_MAX  (64u << 10)
struct ledger_value { struct buf text; size_t own_bytes; bool any; };
void value_begin(struct ledger_value *v);
void value_add_other(struct ledger_value *v, yyjson_val *hold);
/* rest: a hold's text without its "{" and by. */
void value_add_own(struct ledger_value *v, const char *by, const char *rest);
/* Whatever one more hold is like? */
bool value_has_room(const struct ledger_value *v);
struct blob *value_end(struct ledger_value *v);        /* NULL: no memory. Finishes v */
/* As a text of its own. */
void value_hold(struct buf *out, const char *by, const char *rest);

#endif
