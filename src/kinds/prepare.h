/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prepare - what single kinds add to prepare.c. For siblings only. False: over
 * the arena's cap.
 */
#ifndef KINDS_PREPARE_H
#define KINDS_PREPARE_H

#include "kinds/kinds.h"

/* Whether a write of status leaves this member of metadata as it was. */
bool prepare_resets(const struct kinds_kind *k, const char *member, size_t n);
bool prepare_pod(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v);
bool prepare_job(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v);
bool prepare_claim(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v);
/* Of these two old may be NULL: create. */
bool prepare_daemon_set(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old);
bool prepare_service(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old);

#endif
