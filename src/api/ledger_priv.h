/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_priv - the holds of a ledger that are not this server's own (ledger_holds.c), for
 * ledger.c: which of them count, and until when.
 */
#ifndef API_LEDGER_PRIV_H
#define API_LEDGER_PRIV_H

#include "api/ledger.h"

#define LEDGER_SERVER_MAX 40           /* bytes of a server's name there */

struct unsure;
struct first_seen;
struct holds {
	struct api *api;
	const char *server;            /* whose are not counted here */
	struct first_seen *seen;       /* those of others in the order of the ledger, by this server's clock */
	size_t seen_count;
	struct unsure *unsure, *telling;  /* of this server, not in the store yet; on their way there */
};
void holds_finish(struct holds *h);
/* list: the ledger as it is now, also for holds_each after that. A hold ages from the first look on. 0 or -ERR_NOMEM. */
int holds_look(struct holds *h, yyjson_val *list);
/* Those that count, of the ledger and the unsure ones. */
typedef void holds_fn(void *arg, yyjson_val *hold);
void holds_each(struct holds *h, yyjson_val *list, holds_fn *fn, void *arg);
/* One of a write that may come to be; takes it (NULL: -ERR_NOMEM). */
int holds_add(struct holds *h, yyjson_doc *hold);
/* What holds_each gave is being written now; it was, or was not. */
void holds_tell(struct holds *h);
void holds_told(struct holds *h, bool ok);

#endif
