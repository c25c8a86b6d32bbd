/* SPDX-License-Identifier: Apache-2.0 */
/* list - what a list or watch asks for, and one list under way: for list_options.c,
 * list.c, pages.c, watch.c and collection.c. */
#ifndef API_LIST_H
#define API_LIST_H

#include "api/call.h"

struct list_options {
	int64_t rv;                    /* 0: none, or "0" */
	int64_t limit;                 /* 0: none */
	int64_t timeout_s;
	int64_t token_rev;             /* of a continue token: -1: what is there now; 0: no token */
	int64_t seen;                  /* on the pages before */
	const char *after;             /* go on behind this key, relative to the list's: "name", "ns/name" */
	bool given_rv, given_timeout;
	bool exact;                    /* of that revision, not a newer one */
	bool initial, bookmarks;       /* watch: what there is first; bookmarks wanted */
};
/* The options and selectors of a list, watch or deletecollection: STEP_NEXT, or the
 * failure in upstream's words. Tests: tests/unit/api/test_list.c, tests/flow/api/list.py */
enum step list_options_parse(struct call *c, struct list_options *o, struct filter *f);

struct listing {
	struct call *c;
	struct filter f;
	struct list_options o;
	const char *ns;                /* NULL: all namespaces */
	bool failed;
	bool shared;                   /* list_send.c: items are sent as the cache has them */
	struct cache_obj **items;
	size_t n, cap, sent;
	size_t sifted, kept;           /* list.c */
	size_t past_bytes;             /* pages.c: of items that the cache has no more */
	size_t raw_bytes, made_bytes;  /* list_send.c: of a protobuf list, counted and made */
	struct cache_obj *last;        /* of items, borrowed */
	int64_t rev, remaining;
	const char *token;             /* for the next page, or NULL */
};

bool list_add(struct listing *l, struct cache_obj *o);     /* takes a reference */
void list_free(struct listing *l);
/* Answer with what was picked; takes l. */
enum step list_send(struct listing *l);
enum step components_list(struct listing *l);    /* components.c; takes l */
/* A token to go on after ns and name. */
const char *list_token(struct listing *l, int64_t rev, const char *ns, const char *name);
/* Pick from the store as it was at rev, in turns, then list_send(). Takes l. A page with a
 * limit ends early at PAGE_BYTES. All such lists hold at most PAST_BYTES_MAX, one alone as
 * much as there is; beyond that pages are short, and lists without a limit get 429. */
#define PAGE_BYTES     (16u << 20)
#define PAST_BYTES_MAX (64u << 20)
enum step pages_load(struct listing *l, int64_t rev);

#endif
