/* SPDX-License-Identifier: Apache-2.0 */
/* crd - what the files about definitions share. */
#ifndef API_CRD_H
#define API_CRD_H

#include "api/call.h"

#define CRD_FINALIZER "customresourcecleanup.apiextensions.k8s.io"

/* crd_status.c; false and NULL: no memory, or none */
yyjson_mut_val *crd_condition(yyjson_mut_val *list, const char *type);
bool crd_set_condition(struct call *c, const char *type, bool ok, const char *reason, const char *message);
/* crd_names.c: into the status, with what is taken and held by now; false: over the cap */
bool crd_accept_names(struct call *c);
bool crd_has(yyjson_mut_val *list, yyjson_mut_val *name);
void crd_holds_finish(struct api *a);
/* crd.c: the names that are held */
struct list *crds_holds(struct api *a);

#endif
