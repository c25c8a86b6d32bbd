/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_log - the statements: commit a group, sweep, load, range. */
#include "store/sqlite_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/env.h"

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
			"rev <= ?2 ORDER BY rev LIMIT 64", reterr)) < 0 ||
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
	    (r = prepare(g, &g->live, "SELECT l.key, l.rev, l.create_rev, l.prev_rev, l.value "
			"FROM log l WHERE l.deleted = 0 AND l.rev = (SELECT max(m.rev) FROM log m "
			"WHERE m.key = l.key) ORDER BY l.key", reterr)) < 0 ||
	    (r = prepare(g, &g->range, "SELECT l.key, l.rev, l.create_rev, l.value " SHOWN
			" ORDER BY l.key LIMIT ?4", reterr)) < 0 ||
	    (r = prepare(g, &g->count, "SELECT count(*) " SHOWN " AND l.key > ?4", reterr)) < 0 ||
	    (r = prepare(g, &g->compacted, "SELECT value FROM meta WHERE name = 'compacted'",
			reterr)) < 0 ||
	    (r = prepare(g, &g->newest, "SELECT coalesce(max(rev), 0) FROM log", reterr)) < 0)
		sqlite_log_close(g);
	return r;
}

void sqlite_log_close(struct sqlite_log *g)
{
	sqlite3_stmt *all[] = { g->begin, g->commit, g->find, g->created, g->insert, g->next, g->drop,
		g->set_meta, g->live, g->range, g->count, g->compacted, g->newest };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		sqlite3_finalize(all[i]);
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

int sqlite_log_commit(struct sqlite_log *g, struct store_write *group, int64_t *rev,
	struct err *reterr)
{
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
	if (next == *rev) {   /* conflicts only: nothing to make durable */
		rollback(g);
		return 0;
	}
	if (!run(g->commit))
		goto fail;
	*rev = next;
	return 0;
fail:
	r = sqlite_failed(g->db, g->path, "write", reterr);
	rollback(g);
	return r;
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
int sqlite_log_sweep(struct sqlite_log *g, int64_t *swept, int64_t rev, int64_t budget_us,
	struct err *reterr)
{
	int64_t until = env_now_us() + budget_us, done = *swept;
	int r;

	if (!run(g->begin))
		goto fail;
	while (done < rev && env_now_us() < until) {
		struct { int64_t rev, prev; bool deleted; } row[64];
		int n = 0, step;

		sqlite3_bind_int64(g->next, 1, done);
		sqlite3_bind_int64(g->next, 2, rev);
		while ((step = sqlite3_step(g->next)) == SQLITE_ROW) {
			row[n].rev = sqlite3_column_int64(g->next, 0);
			row[n].prev = sqlite3_column_int64(g->next, 1);
			row[n++].deleted = sqlite3_column_int(g->next, 2) != 0;
		}
		sqlite3_reset(g->next);
		if (step != SQLITE_DONE)
			goto fail;
		for (int i = 0; i < n && env_now_us() < until; i++) {
			if ((row[i].prev && !drop(g, row[i].prev)) ||
			    (row[i].deleted && !drop(g, row[i].rev)))
				goto fail;
			done = row[i].rev;
		}
		if (!n)
			done = rev;
	}
	if (!set_meta(g, "swept", done) || !run(g->commit))
		goto fail;
	*swept = done;
	return 0;
fail:
	r = sqlite_failed(g->db, g->path, "compact", reterr);
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

int sqlite_log_shrink(struct sqlite_log *g, int pages, bool *ret_more, struct err *reterr)
{
	sqlite3_stmt *free_pages = NULL, *all_pages = NULL;
	int64_t n_free = 0, n_all = 0;
	char sql[64];
	bool ok;

	*ret_more = false;
	ok = sqlite3_prepare_v2(g->db, "PRAGMA freelist_count", -1, &free_pages, NULL) == SQLITE_OK &&
		sqlite3_prepare_v2(g->db, "PRAGMA page_count", -1, &all_pages, NULL) == SQLITE_OK &&
		ask(free_pages, &n_free) && ask(all_pages, &n_all);
	sqlite3_finalize(free_pages);
	sqlite3_finalize(all_pages);
	/* Writes will want a few; giving back every page only to grow again is work. */
	if (ok && n_free > 256 && n_free > n_all / 8) {
		sqlite3_snprintf(sizeof(sql), sql, "PRAGMA incremental_vacuum(%d)", pages);
		ok = sqlite3_exec(g->db, sql, NULL, NULL, NULL) == SQLITE_OK;
		*ret_more = ok;
	}
	return ok ? 0 : sqlite_failed(g->db, g->path, "shrink", reterr);
}

static struct blob *blob_of(sqlite3_stmt *q, int column)
{
	const void *p = sqlite3_column_blob(q, column);

	return blob_new(p, (size_t)sqlite3_column_bytes(q, column));
}

int sqlite_log_load(struct sqlite_log *g, store_load_fn *fn, void *arg, int64_t *ret_rev,
	struct err *reterr)
{
	int64_t newest = 0, compacted = 0;
	int step = SQLITE_DONE, r = 0;

	if (!run(g->begin) || !ask(g->newest, &newest) || !ask(g->compacted, &compacted))
		goto fail;
	while ((step = sqlite3_step(g->live)) == SQLITE_ROW) {
		BLOB_AUTO struct blob *value = blob_of(g->live, 4);

		if (!value) {
			r = err_set(reterr, ERR_NOMEM, "load %s: out of memory", g->path);
			break;
		}
		fn(arg, &(struct store_event){
			.key = (const char *)sqlite3_column_text(g->live, 0),
			.rev = sqlite3_column_int64(g->live, 1),
			.create_rev = sqlite3_column_int64(g->live, 2),
			.prev_rev = sqlite3_column_int64(g->live, 3),
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
	if (r == 0 && ((limit && ret->n == limit) || step == SQLITE_ROW)) {
		bind_shown(g->count, from, bounded ? end : NULL, rev);
		sqlite3_bind_text(g->count, 4, ret->v[ret->n - 1].key, -1, SQLITE_STATIC);
		if (!ask(g->count, &ret->remaining))
			goto fail;
	}
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
