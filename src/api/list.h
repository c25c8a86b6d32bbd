/* SPDX-License-Identifier: Apache-2.0 */
/* list - one list under way, for list.c and pages.c. */
#ifndef API_LIST_H
#define API_LIST_H

#include "api/call.h"

struct list_item {             /* one of the two */
	struct cache_obj *o;
	struct blob *json;     /* of a revision that has passed */
};

struct listing {
	struct call *c;
	struct filter f;
	const char *ns;                /* NULL: all namespaces */
	int64_t limit, rv, token_rev;  /* token_rev -1: go on with what is there now */
	bool exact, failed;
	const char *after_ns, *after_name;
	struct list_item *items;
	size_t n, cap, sent;
	struct cache_obj *last;        /* of items, borrowed */
	int64_t rev, remaining;
	int64_t seen;                  /* on the pages before */
	const char *token;             /* for the next page, or NULL */
};

bool list_add(struct listing *l, struct cache_obj *o, struct blob *json);
void list_free(struct listing *l);
/* Answer with what was picked; takes l. */
enum step list_send(struct listing *l);
/* A token to go on after ns and name. */
const char *list_token(struct listing *l, int64_t rev, const char *ns, const char *name);
/* Pick from the store as it was at rev, then list_send(). Takes l. */
enum step pages_load(struct listing *l, int64_t rev);

#endif
