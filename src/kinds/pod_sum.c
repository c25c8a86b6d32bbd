/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/pod_sum.h"

#include <string.h>

static bool share(yyjson_mut_val *container, const char *side, const char *name, struct quantity *ret)
{
	yyjson_mut_val *resources = yyjson_mut_obj_get(container, "resources");
	yyjson_mut_val *m = yyjson_mut_obj_get(yyjson_mut_obj_get(resources, side), name);

	*ret = (struct quantity){ 0 };
	return yyjson_mut_is_str(m) && !quantity_parse(yyjson_mut_get_str(m), yyjson_mut_get_len(m), ret);
}

bool pod_sum(yyjson_mut_val *spec, const char *side, const char *name, struct quantity *ret)
{
	struct quantity sidecars = { 0 }, start = { 0 }, q;
	yyjson_mut_arr_iter it;
	yyjson_mut_val *m;
	bool any = false;

	*ret = (struct quantity){ 0 };
	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "containers"), &it);
	while ((m = yyjson_mut_arr_iter_next(&it)))
		if (share(m, side, name, &q)) {
			quantity_add(ret, &q);
			any = true;
		}
	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "initContainers"), &it);
	while ((m = yyjson_mut_arr_iter_next(&it))) {
		any |= share(m, side, name, &q);
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(m, "restartPolicy"), "Always")) {
			quantity_add(ret, &q);
			quantity_add(&sidecars, &q);
			q = sidecars;
		} else {
			quantity_add(&q, &sidecars);
		}
		if (quantity_cmp(&q, &start) > 0)
			start = q;
	}
	if (quantity_cmp(&start, ret) > 0)
		*ret = start;
	return any;
}
