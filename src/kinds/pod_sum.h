/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pod_sum - what the containers of a pod ask for at once, of one resource. For siblings only.
 * Source: kubernetes component-helpers resource/helpers.go (AggregateContainerRequests).
 */
#ifndef KINDS_POD_SUM_H
#define KINDS_POD_SUM_H

#include "doc/doc.h"
#include "doc/quantity.h"

/* side: "requests" or "limits". The sum of those that run on, or a starting one's share
 * beside the sidecars before it, whichever is more. False: no container names it. */
bool pod_sum(yyjson_mut_val *spec, const char *side, const char *name, struct quantity *ret);

#endif
