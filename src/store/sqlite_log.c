/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_log - the statements: commit a group, sweep, load, range. */
#include "store/sqlite_priv.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Where lists in pages are, so that what remains is counted once for a list and not once a
 * page: at one revision it never changes. */
enum { WALKS = 16 };
struct sqlite_walk {
	struct { int64_t rev, remaining; char prefix[STORE_KEY_MAX + 1], last[STORE_KEY_MAX + 1]; } v[WALKS];
	unsigned next;
};

/* As of revision ?3: rows that it shows, in key order. */
#define SHOWN "FROM log l WHERE l.key >= ?1 AND l.key < ?2 AND l.deleted = 0 AND l.rev = " \
	"(SELECT max(m.rev) FROM log m WHERE m.key = l.key AND m.rev <= ?3)"

static int prepare(struct sqlite_log *g, sqlite3_stmt **ret, const char *sql, struct err *reterr)
{
	if (sqlite3_prepare_v3(g->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) != SQLITE_OK)
		return sqlite_failed(g->db, g->path, "open", reterr);
	return 0;
}

int sqlite_log_open_writer(struct sqlite_log *g, sqlite3 *db, const char *path, struct err *reterr)
{
	int r;

	*g = (struct sqlite_log){ .db = db, .path = path };
	if ((r = prepare(g, &g->begin, "BEGIN IMMEDIATE", reterr)) < 0 ||
	    (r = prepare(g, &g->commit, "COMMIT", reterr)) < 0 ||
	    (r = prepare(g, &g->find, "SELECT rev, deleted FROM log WHERE key = ?1 "
			"ORDER BY rev DESC LIMIT 1", reterr)) < 0 ||
	    (r = prepare(g, &g->insert, "INSERT INTO log(rev, key, create_rev, prev_rev, deleted, "
			"value) VALUES(?1, ?2, ?3, ?4, ?5, ?6)", reterr)) < 0 ||
	    (r = prepare(g, &g->next, "SELECT rev, prev_rev, deleted FROM log WHERE rev > ?1 AND "
			"rev <= ?2 ORDER BY rev LIMIT ?3", reterr)) < 0 ||
	    (r = prepare(g, &g->drop, "DELETE FROM log WHERE rev = ?1", reterr)) < 0 ||
	    (r = prepare(g, &g->created, "SELECT create_rev FROM log WHERE rev = ?1", reterr)) < 0 ||
	    (r = prepare(g, &g->set_meta, "UPDATE meta SET value = ?2 WHERE name = ?1", reterr)) < 0)
		sqlite_log_close(g);
	return r;
}

int sqlite_log_open_reader(struct sqlite_log *g, sqlite3 *db, const char *path, struct err *reterr)
{
	int r;

	*g = (struct sqlite_log){ .db = db, .path = path };
	if ((r = prepare(g, &g->begin, "BEGIN", reterr)) < 0 ||
	    (r = prepare(g, &g->commit, "COMMIT", reterr)) < 0 ||
	    (r = prepare(g, &g->live, "SELECT l.key, l.rev, l.create_rev, l.value "
			"FROM log l WHERE l.deleted = 0 AND l.rev = (SELECT max(m.rev) FROM log m "
			"WHERE m.key = l.key) ORDER BY l.key", reterr)) < 0 ||
	    (r = prepare(g, &g->range, "SELECT l.key, l.rev, l.create_rev, l.value " SHOWN
			" ORDER BY l.key LIMIT ?4", reterr)) < 0 ||
	    (r = prepare(g, &g->count, "SELECT count(*) " SHOWN " AND l.key > ?4", reterr)) < 0 ||
	    (r = prepare(g, &g->compacted, "SELECT value FROM meta WHERE name = 'compacted'",
			reterr)) < 0 ||
	    (r = prepare(g, &g->newest, "SELECT coalesce(max(rev), 0) FROM log", reterr)) < 0)
		sqlite_log_close(g);
	else if (!(g->walks = calloc(1, sizeof(*g->walks)))) {
		sqlite_log_close(g);
		r = err_set(reterr, ERR_NOMEM, "open %s: out of memory", path);
	}
	return r;
}

void sqlite_log_close(struct sqlite_log *g)
{
	sqlite3_stmt *all[] = { g->begin, g->commit, g->find, g->created, g->insert, g->next, g->drop,
		g->set_meta, g->live, g->range, g->count, g->compacted, g->newest };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		sqlite3_finalize(all[i]);
	free(g->walks);
	sqlite3_close(g->db);
	*g = (struct sqlite_log){ 0 };
}

static bool run(sqlite3_stmt *q)
{
	bool ok = sqlite3_step(q) == SQLITE_DONE;

	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return ok;
}

/* Some errors have ended the transaction already. */
static void rollback(struct sqlite_log *g)
{
	if (!sqlite3_get_autocommit(g->db))
		sqlite3_exec(g->db, "ROLLBACK", NULL, NULL, NULL);
	if (sqlite3_get_autocommit(g->db))
		sqlite_wal_forget(g->db);
}

/* Reads the key's present state; false on error. */
static bool find(struct sqlite_log *g, struct store_write *w, int64_t *ret_rev, int64_t *ret_create)
{
	bool ok = true;
	int step;

	*ret_rev = *ret_create = 0;
	sqlite3_bind_text(g->find, 1, w->key, w->key_len, SQLITE_STATIC);
	step = sqlite3_step(g->find);
	if (step == SQLITE_ROW && !sqlite3_column_int(g->find, 1))
		*ret_rev = sqlite3_column_int64(g->find, 0);
	else if (step != SQLITE_ROW && step != SQLITE_DONE)
		ok = false;
	sqlite3_reset(g->find);
	if (!ok || !*ret_rev || *ret_rev != w->expect_rev)
		return ok;
	sqlite3_bind_int64(g->created, 1, *ret_rev);
	ok = sqlite3_step(g->created) == SQLITE_ROW;
	if (ok)
		*ret_create = sqlite3_column_int64(g->created, 0);
	sqlite3_reset(g->created);
	return ok;
}

static bool insert(struct sqlite_log *g, const struct store_write *w)
{
	sqlite3_bind_int64(g->insert, 1, w->rev);
	sqlite3_bind_text(g->insert, 2, w->key, w->key_len, SQLITE_STATIC);
	sqlite3_bind_int64(g->insert, 3, w->create_rev);
	sqlite3_bind_int64(g->insert, 4, w->prev_rev);
	sqlite3_bind_int(g->insert, 5, w->del);
	if (!w->del)
		sqlite3_bind_blob(g->insert, 6, w->value->p, (int)w->value->len, SQLITE_STATIC);
	return run(g->insert);
}

static bool set_meta(struct sqlite_log *g, const char *name, int64_t value)
{
	sqlite3_bind_text(g->set_meta, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(g->set_meta, 2, value);
	return run(g->set_meta);
}

int sqlite_log_forget(struct sqlite_log *g, int64_t rev, struct err *reterr)
{
	return set_meta(g, "compacted", rev) ? 0
		: sqlite_failed(g->db, g->path, "compact", reterr);
}

static bool drop(struct sqlite_log *g, int64_t rev)
{
	sqlite3_bind_int64(g->drop, 1, rev);
	return run(g->drop);
}

/* Every row names the one it superseded, so one walk along the revisions finds all
 * that may go; a deletion goes with what it deleted. */
static bool sweep_some(struct sqlite_log *g, struct sqlite_sweep *sweep)
{
	unsigned left = sweep->rows_max;
	int n = 1;

	while (left && n && sweep->swept < sweep->to) {
		struct { int64_t rev, prev; bool deleted; } row[64];
		int step;

		n = 0;
		sqlite3_bind_int64(g->next, 1, sweep->swept);
		sqlite3_bind_int64(g->next, 2, sweep->to);
		sqlite3_bind_int64(g->next, 3, left < 64 ? left : 64);
		while ((step = sqlite3_step(g->next)) == SQLITE_ROW) {
			row[n].rev = sqlite3_column_int64(g->next, 0);
			row[n].prev = sqlite3_column_int64(g->next, 1);
			row[n++].deleted = sqlite3_column_int(g->next, 2) != 0;
		}
		sqlite3_reset(g->next);
		if (step != SQLITE_DONE)
			return false;
		for (int i = 0; i < n; i++)
			if ((row[i].prev && !drop(g, row[i].prev)) ||
			    (row[i].deleted && !drop(g, row[i].rev)))
				return false;
		sweep->swept = n ? row[n - 1].rev : sweep->to;
		left -= (unsigned)n;
	}
	return set_meta(g, "swept", sweep->swept);
}

int sqlite_log_commit(struct sqlite_log *g, struct store_write *group, int64_t *rev,
	struct sqlite_sweep *sweep, struct err *reterr)
{
	struct sqlite_sweep swept = sweep ? *sweep : (struct sqlite_sweep){ 0 };
	int64_t next = *rev;
	int r;

	if (!run(g->begin))
		goto fail;
	for (struct store_write *w = group; w; w = w->next) {
		int64_t now, create;

		if (!find(g, w, &now, &create))
			goto fail;
		if (!store_decide(w, now, create, next + 1))
			continue;
		if (!insert(g, w))
			goto fail;
		next++;
	}
	if (group && next == *rev) {   /* conflicts only: nothing to make durable */
		rollback(g);
		return 0;
	}
	if ((sweep && !sweep_some(g, &swept)) || !run(g->commit))
		goto fail;
	*rev = next;
	if (sweep)
		*sweep = swept;
	return 0;
fail:
	r = sqlite_failed(g->db, g->path, group ? "write" : "compact", reterr);
	rollback(g);
	return r;
}

static bool ask(sqlite3_stmt *q, int64_t *ret)
{
	bool ok = sqlite3_step(q) == SQLITE_ROW;

	if (ok)
		*ret = sqlite3_column_int64(q, 0);
	sqlite3_reset(q);
	return ok;
}

static bool ask_once(struct sqlite_log *g, const char *sql, int64_t *ret)
{
	sqlite3_stmt *q = NULL;
	bool ok = sqlite3_prepare_v2(g->db, sql, -1, &q, NULL) == SQLITE_OK && ask(q, ret);

	sqlite3_finalize(q);
	return ok;
}

int sqlite_log_shrink(struct sqlite_log *g, int pages, bool *ret_more, struct err *reterr)
{
	int64_t n_free = 0, n_all = 0, left = 0;
	char sql[64];
	bool ok = ask_once(g, "PRAGMA freelist_count", &n_free) && ask_once(g, "PRAGMA page_count", &n_all);

	*ret_more = false;
	/* Writes will want a few; giving back every page only to grow again is work. */
	if (ok && n_free > 256 && n_free > n_all / 8) {
		sqlite3_snprintf(sizeof(sql), sql, "PRAGMA incremental_vacuum(%d)", pages);
		ok = sqlite3_exec(g->db, sql, NULL, NULL, NULL) == SQLITE_OK &&
			ask_once(g, "PRAGMA freelist_count", &left);
		*ret_more = ok && left < n_free;   /* a file that .recover made cannot shrink so */
	}
	return ok ? 0 : sqlite_failed(g->db, g->path, "shrink", reterr);
}

static struct blob *blob_of(sqlite3_stmt *q, int column)
{
	const void *p = sqlite3_column_blob(q, column);

	return blob_new(p, (size_t)sqlite3_column_bytes(q, column));
}

/* The column's bytes in *b, in whose memory the last row's were unless somebody keeps those. */
static bool read_again(struct blob **b, size_t *cap, sqlite3_stmt *q, int column)
{
	const void *p = sqlite3_column_blob(q, column);
	size_t n = (size_t)sqlite3_column_bytes(q, column);

	if (!*b || n > *cap || atomic_load(&(*b)->refs) > 1) {
		blob_unref(*b);
		*cap = n + n / 2;
		*b = blob_alloc(*cap);
	}
	if (!*b)
		return false;
	if (n)
		memcpy((*b)->p, p, n);
	(*b)->p[n] = 0;
	(*b)->len = (uint32_t)n;
	return true;
}

int sqlite_log_load(struct sqlite_log *g, store_load_fn *fn, void *arg, int64_t *ret_rev,
	struct err *reterr)
{
	BLOB_AUTO struct blob *value = NULL;
	int64_t newest = 0, compacted = 0;
	int step = SQLITE_DONE, r = 0;
	size_t cap = 0;

	if (!run(g->begin) || !ask(g->newest, &newest) || !ask(g->compacted, &compacted))
		goto fail;
	while ((step = sqlite3_step(g->live)) == SQLITE_ROW) {
		if (!read_again(&value, &cap, g->live, 3)) {
			r = err_set(reterr, ERR_NOMEM, "load %s: out of memory", g->path);
			break;
		}
		fn(arg, &(struct store_event){
			.key = (const char *)sqlite3_column_text(g->live, 0),
			.rev = sqlite3_column_int64(g->live, 1),
			.create_rev = sqlite3_column_int64(g->live, 2),
			.value = value,
		});
	}
	sqlite3_reset(g->live);
	if (r == 0 && step != SQLITE_DONE)
		goto fail;
	run(g->commit);
	*ret_rev = newest > compacted ? newest : compacted;
	return r;
fail:
	r = sqlite_failed(g->db, g->path, "load", reterr);
	rollback(g);
	return r;
}

/* The first key after all that begin with prefix. false: there is none. */
static bool prefix_end(char *out, const char *prefix)
{
	size_t n = strlen(prefix);

	memcpy(out, prefix, n);
	while (n && (unsigned char)out[n - 1] == 0xff)
		n--;
	if (!n)
		return false;
	out[n - 1] = (char)(out[n - 1] + 1);
	out[n] = 0;
	return true;
}

static void bind_shown(sqlite3_stmt *q, const char *from, const char *end, int64_t rev)
{
	sqlite3_bind_text(q, 1, from, -1, SQLITE_STATIC);
	/* A blob is above every text. */
	if (end)
		sqlite3_bind_text(q, 2, end, -1, SQLITE_STATIC);
	else
		sqlite3_bind_blob(q, 2, "", 0, SQLITE_STATIC);
	sqlite3_bind_int64(q, 3, rev);
}

/* The walk that goes on at start, right behind its last key; else the next one's place. */
static size_t walk_at(struct sqlite_walk *walks, const char *prefix, const char *start, int64_t rev, bool *ret_known)
{
	size_t n = strlen(start);

	*ret_known = n && start[n - 1] == 1;
	for (size_t i = 0; *ret_known && i < WALKS; i++)
		if (walks->v[i].rev == rev && strlen(walks->v[i].last) == n - 1 &&
		    memcmp(walks->v[i].last, start, n - 1) == 0 && strcmp(walks->v[i].prefix, prefix) == 0)
			return i;
	*ret_known = false;
	return walks->next++ % WALKS;
}

static bool count_rest(struct sqlite_log *g, const char *prefix, const char *start, const char *end, int64_t rev,
	struct sqlite_items *items)
{
	const char *last = items->v[items->n - 1].key;
	bool known;
	size_t i = walk_at(g->walks, prefix, start, rev, &known);

	if (known) {
		items->remaining = g->walks->v[i].remaining - (int64_t)items->n;
	} else {
		bind_shown(g->count, last, end, rev);
		sqlite3_bind_text(g->count, 4, last, -1, SQLITE_STATIC);
		if (!ask(g->count, &items->remaining))
			return false;
	}
	g->walks->v[i].rev = rev;
	g->walks->v[i].remaining = items->remaining;
	strcpy(g->walks->v[i].prefix, prefix);
	strcpy(g->walks->v[i].last, last);
	return true;
}

int sqlite_log_range(struct sqlite_log *g, const char *prefix, const char *start,
	unsigned limit, int64_t rev, struct sqlite_items *ret, struct err *reterr)
{
	char end[STORE_KEY_MAX + 1];
	const char *from = strcmp(start, prefix) > 0 ? start : prefix;
	bool bounded = prefix_end(end, prefix);
	int64_t compacted = 0, newest = 0;
	size_t cap = 0, bytes = 0;
	int step, r = 0;

	if (!run(g->begin) || !ask(g->compacted, &compacted) || !ask(g->newest, &newest))
		goto fail;
	if (newest < compacted)
		newest = compacted;
	if (!rev)
		rev = newest;
	if (rev < compacted || rev > newest) {
		r = rev < compacted ? -ERR_EXPIRED : -ERR_BAD_REQUEST;
		goto out;
	}
	bind_shown(g->range, from, bounded ? end : NULL, rev);
	sqlite3_bind_int64(g->range, 4, limit ? (int64_t)limit : -1);
	while ((step = sqlite3_step(g->range)) == SQLITE_ROW && bytes < STORE_RANGE_BYTES) {
		struct store_item *item;

		if (ret->n == cap) {
			size_t more = cap ? cap * 2 : 64;
			struct store_item *v = realloc(ret->v, more * sizeof(*v));

			if (!v) {
				r = -ERR_NOMEM;
				break;
			}
			ret->v = v;
			cap = more;
		}
		item = &ret->v[ret->n];
		item->key = strdup((const char *)sqlite3_column_text(g->range, 0));
		item->rev = sqlite3_column_int64(g->range, 1);
		item->create_rev = sqlite3_column_int64(g->range, 2);
		item->value = blob_of(g->range, 3);
		ret->n++;
		if (!item->key || !item->value) {
			r = -ERR_NOMEM;
			break;
		}
		bytes += item->value->len;
	}
	sqlite3_reset(g->range);
	if (r == 0 && step != SQLITE_DONE && step != SQLITE_ROW)
		goto fail;
	if (r == 0 && ((limit && ret->n == limit) || step == SQLITE_ROW) &&
	    !count_rest(g, prefix, start, bounded ? end : NULL, rev, ret))
		goto fail;
out:
	run(g->commit);
	return r;
fail:
	r = sqlite_failed(g->db, g->path, "read", reterr);
	rollback(g);
	return r;
}

void sqlite_items_finish(struct sqlite_items *items)
{
	for (size_t i = 0; i < items->n; i++) {
		free((char *)items->v[i].key);
		blob_unref(items->v[i].value);
	}
	free(items->v);
	*items = (struct sqlite_items){ 0 };
}
