/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_taint - TaintNodesByCondition: a new node takes no pods until the node controller
 * finds it ready.
 * Source: kubernetes plugin/pkg/admission/nodetaint.
 */
#include <string.h>

#include "api/admit.h"

#define NOT_READY "node.kubernetes.io/not-ready"

enum step taint_mutate(struct call *c)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *list, *t;

	if (!admit_is(c, c->api->k.node))
		return STEP_NEXT;
	list = doc_marr(c->doc, c->obj, "spec.taints");
	yyjson_mut_arr_iter_init(list, &it);
	while ((t = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(t, "key"), NOT_READY) &&
		    yyjson_mut_equals_str(yyjson_mut_obj_get(t, "effect"), "NoSchedule"))
			return STEP_NEXT;
	t = list ? yyjson_mut_arr_add_obj(c->doc, list) : NULL;
	if (!t || !doc_mset_str(c->doc, t, "key", NOT_READY) || !doc_mset_str(c->doc, t, "effect", "NoSchedule"))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}
