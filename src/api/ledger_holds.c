/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_holds - see ledger_priv.h. */
#include "api/ledger_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_MAX (LEDGER_BY_MAX + 24)

struct first_seen { int64_t at_ms; char id[ID_MAX]; };
struct unsure { struct unsure *next; yyjson_doc *hold; };

/* The session that hold is part of; "": none that can be. */
static void session_of(yyjson_val *hold, char name[TEXT_UUID_MAX])
{
	const char *by = doc_str(hold, "by");

	snprintf(name, TEXT_UUID_MAX, "%s", by ? by : "");
	name[strcspn(name, "?")] = 0;
}

/* Is its object in the cache as it was to be written, or later? */
static bool is_shown(struct api *a, yyjson_val *hold)
{
	const char *of = doc_str(hold, "of"), *ns = doc_str(hold, "ns"), *name = doc_str(hold, "name"),
		*uid = doc_str(hold, "uid"), *from = doc_str(hold, "from");
	struct cache_obj *o = of && ns && name ? cache_get(a->cache, of, ns, name) : NULL;

	return o && uid && from && !strcmp(o->uid, uid) && o->rev > strtoll(from, NULL, 10);
}

/* Its object is not in use yet, and may come to be. */
static bool counts(const struct holds *h, yyjson_val *hold)
{
	char name[TEXT_UUID_MAX];

	session_of(hold, name);
	return !sessions_over(h->sessions, name) && !is_shown(h->api, hold);
}

static bool is_own(const struct holds *h, yyjson_val *hold)
{
	const char *by = doc_str(hold, "by");

	return by && sessions_is_own(h->sessions, by);
}

static void id_of(yyjson_val *hold, char id[ID_MAX])
{
	const char *by = doc_str(hold, "by"), *n = doc_str(hold, "n");

	snprintf(id, ID_MAX, "%s/%s", by ? by : "", n ? n : "");
}

/* Ledgers keep their order, so the next one is mostly where the last one was left. */
static const struct first_seen *find(const struct holds *h, size_t *at, const char *id)
{
	for (size_t tried = 0; tried < h->seen_count; tried++) {
		const struct first_seen *s = &h->seen[(*at + tried) % h->seen_count];

		if (!strcmp(s->id, id)) {
			*at = (size_t)(s - h->seen) + 1;
			return s;
		}
	}
	return NULL;
}

int holds_look(struct holds *h, yyjson_val *list)
{
	struct first_seen *now = calloc(yyjson_arr_size(list) + 1, sizeof(*now));
	size_t count = 0, at = 0, i, n;
	yyjson_val *hold;

	if (!now)
		return -ERR_NOMEM;
	yyjson_arr_foreach(list, i, n, hold) {
		const struct first_seen *before;

		if (is_own(h, hold))
			continue;
		id_of(hold, now[count].id);
		before = find(h, &at, now[count].id);
		now[count++].at_ms = before ? before->at_ms : loop_now_ms(h->api->loop);
	}
	free(h->seen);
	h->seen = now;
	h->seen_count = count;
	return 0;
}

bool holds_cut(struct holds *h, yyjson_val *list)
{
	int64_t now = loop_now_ms(h->api->loop);
	const struct first_seen *s = h->seen;
	bool waits = false;
	yyjson_val *hold;
	size_t i, n;

	yyjson_arr_foreach(list, i, n, hold) {
		char name[TEXT_UUID_MAX];

		if (is_own(h, hold) || now - s++->at_ms < LEDGER_STALE_MS || !counts(h, hold))
			continue;
		session_of(hold, name);
		waits |= sessions_cut(h->sessions, name);
	}
	return waits;
}

void holds_each(struct holds *h, yyjson_val *list, holds_fn *fn, void *arg)
{
	yyjson_val *hold;
	size_t i, n;

	yyjson_arr_foreach(list, i, n, hold)
		if (!is_own(h, hold) && counts(h, hold))
			fn(arg, hold);
	for (struct unsure *u = h->unsure; u; u = u->next)
		if (counts(h, yyjson_doc_get_root(u->hold)))
			fn(arg, yyjson_doc_get_root(u->hold));
}

/* ---- of writes that may come to be ---- */

static void unsure_free(struct unsure *u)
{
	while (u) {
		struct unsure *next = u->next;

		yyjson_doc_free(u->hold);
		free(u);
		u = next;
	}
}

int holds_add(struct holds *h, const char *text, size_t n)
{
	struct unsure *u = malloc(sizeof(*u));
	yyjson_doc *hold = yyjson_read(text, n, 0);

	if (!u || !hold) {
		free(u);
		yyjson_doc_free(hold);
		return -ERR_NOMEM;
	}
	*u = (struct unsure){ h->unsure, hold };
	h->unsure = u;
	return 0;
}

void holds_tell(struct holds *h)
{
	h->telling = h->unsure;
	h->unsure = NULL;
}

/* In the store they are as another server's, that is silent. */
void holds_told(struct holds *h, bool ok)
{
	struct unsure **end = &h->unsure;

	while (*end)
		end = &(*end)->next;
	if (ok)
		unsure_free(h->telling);
	else
		*end = h->telling;
	h->telling = NULL;
}

void holds_finish(struct holds *h)
{
	free(h->seen);
	unsure_free(h->unsure);
	unsure_free(h->telling);
}
