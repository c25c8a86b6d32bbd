/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binding - the scheduler's word: this pod runs on that node. The only way
 * spec.nodeName comes about, and only once.
 * Source: kubernetes pkg/registry/core/pod/storage (BindingREST).
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"

static enum step conflict(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static enum step conflict(struct call *c, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	c->resource = "pods/binding";
	return fail_conflict(c, "%s", text ? text : "");
}

/* Labels and annotations of the Binding go onto the pod; a label that the pod has stays. */
static bool merge_notes(struct call *c)
{
	static const struct { const char *path; bool keep; } maps[] = { { "metadata.annotations", false },
		{ "metadata.labels", true } };

	for (size_t i = 0; i < 2; i++) {
		yyjson_mut_val *has = doc_mget(c->obj, maps[i].path), *key;
		yyjson_mut_obj_iter it;

		yyjson_mut_obj_iter_init(doc_mget(c->input, maps[i].path), &it);
		while ((key = yyjson_mut_obj_iter_next(&it))) {
			const char *s = yyjson_mut_get_str(yyjson_mut_obj_iter_get_val(key));

			if (maps[i].keep && yyjson_mut_obj_get(has, yyjson_mut_get_str(key)))
				continue;
			if (s && !doc_mset_key(c->doc, c->obj, maps[i].path, yyjson_mut_get_str(key), s))
				return false;
		}
	}
	return true;
}

enum step binding_load(struct call *c)
{
	const char *node = doc_mstr(c->input, "target.name"), *kind = doc_mstr(c->input, "target.kind");
	const char *name = doc_mstr(c->input, "metadata.name"), *uid = doc_mstr(c->input, "metadata.uid"), *has, *rv;
	struct field_error *e = NULL;
	bool found;
	enum step step;

	if (c->kind == c->api->k.binding) {    /* the old path: bindings of a namespace */
		c->kind = c->api->k.pod;
		c->sub = "binding";
		c->name = name ? name : "";
	}
	c->only_status = true;
	if (!node || !*node)
		field_error_add(c->arena, &e, "FieldValueRequired", "target.name", "Required value");
	if (kind && *kind && strcmp(kind, "Node"))
		field_error_add(c->arena, &e, "FieldValueNotSupported", "target.kind",
			"Unsupported value: \"%s\": supported values: \"Node\", \"<empty>\"", kind);
	if (name && *name && strcmp(name, c->name))
		return fail_bad_request(c, "name in URL does not match name in Binding object");
	if (e)
		return fail_invalid(c, "Binding", "", c->name, e);
	step = load_current(c, &found);
	if (step != STEP_NEXT)
		return step;
	if (!found)
		return fail_not_found(c, "pods", "", c->name);
	if (uid && *uid && strcmp(uid, c->cur->uid))
		return conflict(c, "Precondition failed: UID in precondition: %s, UID in object meta: %s", uid,
			c->cur->uid);
	rv = doc_mstr(c->input, "metadata.resourceVersion");
	if (rv && *rv && strtoll(rv, NULL, 10) != c->cur->rev)
		return conflict(c, "Precondition failed: ResourceVersion in precondition: %s, ResourceVersion in object meta: %lld",
			rv, (long long)c->cur->rev);
	if (c->cur->deleting)
		return conflict(c, "pod %s is being deleted, cannot be assigned to a host", c->name);
	has = doc_mstr(c->old, "spec.nodeName");
	if (has && *has)
		return conflict(c, "pod %s is already assigned to node \"%s\"", c->name, has);
	if (doc_mlen(c->old, "spec.schedulingGates"))
		return conflict(c, "pod %s has non-empty .spec.schedulingGates", c->name);
	c->obj = yyjson_mut_val_mut_copy(c->doc, c->old);
	if (!c->obj || !doc_mset_str(c->doc, c->obj, "spec.nodeName", node) ||
	    !pod_condition(c, "PodScheduled", "", "") || !merge_notes(c))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}
