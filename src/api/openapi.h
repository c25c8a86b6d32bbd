/* SPDX-License-Identifier: Apache-2.0 */
/* openapi - the documents made so far and those being made, kept in struct api. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"

#define OPENAPI_JOBS_MAX 64   /* documents that wait to be made; then 429 */

struct loop;
struct workers;
struct openapi_doc {
	uint64_t stamp;        /* of what it was made of */
	uint64_t generation;   /* of the kinds when it was last seen to be served */
	struct blob *body;
	char hash[33];
};
struct openapi {
	uint64_t generation;
	struct map docs;       /* "j apis/apps/v1", "p v2" -> struct openapi_doc */
	struct workers *workers;
	struct list jobs;
	atomic_bool closing;   /* jobs that have not begun do nothing */
};
int openapi_docs_open(struct openapi *o, struct loop *l);
void openapi_docs_close(struct openapi *o);     /* after all calls */

#endif
