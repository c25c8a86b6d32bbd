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

typedef bool prepare_fn(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old);

/* Make v what old is but for the member named (may be NULL), and metadata. */
bool prepare_keep_all_but(yyjson_mut_doc *d, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old, const char *name);

/* On create (old NULL) and on updates of the object itself. */
prepare_fn prepare_claim, prepare_daemon_set, prepare_job, prepare_node, prepare_pod, prepare_service,
	prepare_service_account, prepare_api_service, prepare_endpoint_slice, prepare_stateful_set;
/* On updates of status. */
prepare_fn prepare_csr_status;
/* On updates of a pod's subresource. */
prepare_fn prepare_debuggers, prepare_pod_status, prepare_resize;

#endif
