/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pod_condition - a condition that the server itself writes into a pod: that it was
 * bound, that it was evicted.
 * Source: kubernetes pkg/api/v1/pod/util.go (UpdatePodCondition).
 */
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "base/text.h"

static bool text_is(yyjson_mut_val *v, const char *key, const char *want)
{
	const char *s = doc_mstr(v, key);

	return !strcmp(s ? s : "", want);
}

static bool put(struct call *c, yyjson_mut_val *v, const char *key, const char *s)
{
	if (*s)
		return doc_mset_str(c->doc, v, key, s);
	doc_mdel(v, key);
	return true;
}

bool pod_condition(struct call *c, const char *type, const char *reason, const char *message)
{
	yyjson_mut_val *list = doc_marr(c->doc, c->obj, "status.conditions"), *v, *found = NULL;
	yyjson_mut_arr_iter it;
	char now[TEXT_TIME_MAX];

	yyjson_mut_arr_iter_init(list, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (text_is(v, "type", type))
			found = v;
	if (!found)
		found = list ? yyjson_mut_arr_add_obj(c->doc, list) : NULL;
	if (!found)
		return false;
	text_time(now, env_wall_us());
	if (!text_is(found, "status", "True") && !doc_mset_str(c->doc, found, "lastTransitionTime", now))
		return false;
	return put(c, found, "type", type) && put(c, found, "status", "True") && put(c, found, "reason", reason) &&
		put(c, found, "message", message) && doc_mset(c->doc, found, "lastProbeTime", yyjson_mut_null(c->doc)) &&
		doc_mset_int(c->doc, found, "observedGeneration", doc_mint(c->obj, "metadata.generation", 0));
}
