/* SPDX-License-Identifier: Apache-2.0 */
/* owner - who answers for an object. */
#include "doc/doc.h"
#include "kinds/kinds.h"

yyjson_val *kinds_controller_of(yyjson_val *obj)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(obj, "metadata.ownerReferences"), i, max, it)
		if (doc_bool(it, "controller", false))
			return it;
	return NULL;
}
