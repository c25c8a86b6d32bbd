/* SPDX-License-Identifier: Apache-2.0 */
/* openapi - the documents made so far, kept in struct api. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "base/buf.h"
#include "base/map.h"

struct openapi_doc {
	uint64_t stamp;        /* of what it was made of */
	struct blob *body;
	char hash[33];
};
struct openapi {
	uint64_t generation;
	struct map docs;       /* "apis/apps/v1" or "v2" -> struct openapi_doc */
};
void openapi_forget(struct openapi *o);

#endif
