/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_tolerations - DefaultTolerationSeconds: a pod stays five minutes on a node that
 * is briefly away.
 * Source: kubernetes plugin/pkg/admission/defaulttolerationseconds.
 */
#include <string.h>

#include "api/admit.h"

#define STAY_S 300

static bool tolerates(yyjson_mut_val *list, const char *key)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *t;

	yyjson_mut_arr_iter_init(list, &it);
	while ((t = yyjson_mut_arr_iter_next(&it))) {
		const char *k = doc_mstr(t, "key"), *effect = doc_mstr(t, "effect");

		if ((!k || !*k || !strcmp(k, key)) && (!effect || !*effect || !strcmp(effect, "NoExecute")))
			return true;
	}
	return false;
}

enum step tolerations_mutate(struct call *c)
{
	static const char *const keys[] = { "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable" };
	yyjson_mut_val *spec = doc_mget(c->obj, "spec");

	if (!admit_is(c, c->api->k.pod) || !spec)
		return STEP_NEXT;
	for (size_t i = 0; i < 2; i++) {
		yyjson_mut_val *list, *t;

		if (tolerates(yyjson_mut_obj_get(spec, "tolerations"), keys[i]))
			continue;
		list = doc_marr(c->doc, spec, "tolerations");
		t = list ? yyjson_mut_arr_add_obj(c->doc, list) : NULL;
		if (!t || !doc_mset_str(c->doc, t, "key", keys[i]) || !doc_mset_str(c->doc, t, "operator", "Exists") ||
		    !doc_mset_str(c->doc, t, "effect", "NoExecute") ||
		    !doc_mset_int(c->doc, t, "tolerationSeconds", STAY_S))
			return fail_err(c, -ERR_SIZE, NULL);
	}
	return STEP_NEXT;
}
