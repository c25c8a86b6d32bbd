/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_in_use - StorageObjectInUseProtection: claims and volumes get a finalizer, which
 * their controllers (control/in_use.c) take off when nobody uses them any more.
 * Source: kubernetes plugin/pkg/admission/storage/storageobjectinuseprotection.
 */
#include <string.h>

#include "api/admit.h"

static const char *finalizer_of(const struct call *c)
{
	if (admit_is(c, c->api->k.pvc))
		return "kubernetes.io/pvc-protection";
	if (admit_is(c, c->api->k.pv))
		return "kubernetes.io/pv-protection";
	return admit_is(c, c->api->k.attributes_class) ? "kubernetes.io/vac-protection" : NULL;
}

enum step in_use_mutate(struct call *c)
{
	const char *finalizer = finalizer_of(c);
	yyjson_mut_val *list, *v;
	yyjson_mut_arr_iter it;

	if (!finalizer)
		return STEP_NEXT;
	list = doc_marr(c->doc, c->obj, "metadata.finalizers");
	yyjson_mut_arr_iter_init(list, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_equals_str(v, finalizer))
			return STEP_NEXT;
	return list && yyjson_mut_arr_add_str(c->doc, list, finalizer) ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
}
