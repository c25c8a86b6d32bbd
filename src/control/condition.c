/* SPDX-License-Identifier: Apache-2.0 */
/* condition - status.conditions: one entry a type, its times kept honest. */
#include <string.h>

#include "base/text.h"
#include "control/reconcile.h"

static bool same(yyjson_mut_val *c, const char *key, const char *want)
{
	const char *have = doc_mstr(c, key);

	return !strcmp(have ? have : "", want ? want : "");
}

bool ctl_condition(yyjson_mut_doc *d, yyjson_mut_val *status, const char *type, const char *status_text,
	const char *reason, const char *message, int64_t now_us)
{
	yyjson_mut_val *list = doc_marr(d, status, "conditions"), *it, *cond = NULL;
	size_t i, max;
	char now[TEXT_TIME_MAX];

	yyjson_mut_arr_foreach(list, i, max, it)
		if (same(it, "type", type))
			cond = it;
	if (cond && same(cond, "status", status_text) && same(cond, "reason", reason) && same(cond, "message", message))
		return false;
	text_time(now, now_us);
	bool fresh = !cond, turned = fresh || !same(cond, "status", status_text);
	if (fresh) {
		cond = yyjson_mut_obj(d);
		yyjson_mut_arr_append(list, cond);
		doc_mset_str(d, cond, "type", type);
	}
	doc_mset_str(d, cond, "status", status_text);
	if (turned)
		doc_mset_str(d, cond, "lastTransitionTime", now);
	doc_mset_str(d, cond, "reason", reason ? reason : "");
	doc_mset_str(d, cond, "message", message ? message : "");
	return true;
}

yyjson_val *ctl_condition_get(yyjson_val *obj, const char *type)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(obj, "status.conditions"), i, max, it) {
		const char *t = doc_str(it, "type");
		if (t && !strcmp(t, type))
			return it;
	}
	return NULL;
}

bool ctl_condition_true(yyjson_val *obj, const char *type)
{
	const char *s = doc_str(ctl_condition_get(obj, type), "status");

	return s && !strcmp(s, "True");
}
