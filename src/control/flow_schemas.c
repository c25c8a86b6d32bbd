/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_schemas - flow schemas say whether their priority level exists; those that every
 * cluster starts with (api/bootstrap.c), and their levels, come back when removed.
 * Source: apiserver pkg/util/flowcontrol/apf_controller.go (digestConfigObjects),
 * kubernetes pkg/registry/flowcontrol/rest/storage_flowcontrol.go.
 */
#include <string.h>

#include "base/env.h"
#include "control/controllers.h"
#include "control/reconcile.h"
#include "kinds/flow_objects.h"

#define GROUP   "flowcontrol.apiserver.k8s.io"
#define SCHEMAS GROUP "/flowschemas"
#define LEVELS  GROUP "/prioritylevelconfigurations"
/* The namespace of a key says what it names: levels, or schemas. */
#define LEVEL_KEY "level"

static void schema_changed(struct ctl *c, const struct cache_event *ev)
{
	ctl_enqueue(c, "", ev->obj->name);
}

struct of_level { struct ctl *ctl; const char *name; };

static bool enqueue_if_of(void *arg, struct cache_obj *schema)
{
	struct of_level *of = arg;
	const char *level = doc_str(cache_tree(schema), "spec.priorityLevelConfiguration.name");

	if (level && !strcmp(level, of->name))
		ctl_enqueue(of->ctl, "", schema->name);
	return true;
}

static void level_changed(struct ctl *c, const struct cache_event *ev)
{
	struct of_level of = { c, ev->obj->name };

	if (ev->type == CACHE_MODIFIED)
		return;
	if (ev->type == CACHE_DELETED)
		ctl_enqueue(c, LEVEL_KEY, ev->obj->name);
	cache_each(ctl_cache(c), SCHEMAS, NULL, NULL, NULL, enqueue_if_of, &of);
}

static void bring_back(struct ctl *c, const char *kind, const char *plural, const char *name)
{
	BUF_AUTO struct buf json = { 0 };
	yyjson_doc *parsed;

	for (size_t i = 0; i < kinds_flow_object_count; i++) {
		const struct kinds_flow_object *o = &kinds_flow_objects[i];
		if (strcmp(o->kind, kind) || strcmp(o->name, name))
			continue;
		kinds_flow_object_json(&json, o);
		if (!json.failed && !doc_parse(ctl_arena(c), json.p, json.len, &parsed, NULL))
			ctl_create(c, ctl_kind(GROUP, plural), "", yyjson_val_mut_copy(ctl_doc(c), yyjson_doc_get_root(parsed)), true);
	}
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	bool level = !strcmp(ns, LEVEL_KEY);
	struct cache_obj *o = cache_get(ctl_cache(c), level ? LEVELS : SCHEMAS, "", name);
	yyjson_mut_doc *d = ctl_doc(c);
	const char *wants;

	if (!o)
		bring_back(c, level ? "PriorityLevelConfiguration" : "FlowSchema",
			level ? "prioritylevelconfigurations" : "flowschemas", name);
	if (!o || level || o->deleting)
		return 0;
	wants = doc_str(cache_tree(o), "spec.priorityLevelConfiguration.name");
	wants = wants ? wants : "";
	bool found = cache_get(ctl_cache(c), LEVELS, "", wants) != NULL;
	const char *message = arena_printf(ctl_arena(c), "This FlowSchema references the PriorityLevelConfiguration "
		"object named \"%s\" %s", wants, found ? "and it exists" : "but there is no such object");
	yyjson_mut_val *obj = yyjson_val_mut_copy(d, cache_tree(o));
	if (ctl_condition(d, doc_mobj(d, obj, "status"), "Dangling", found ? "False" : "True",
		found ? "Found" : "NotFound", message, env_wall_us()))
		ctl_update(c, ctl_kind(GROUP, "flowschemas"), "", name, "status", obj);
	return 0;
}

static const struct ctl_watch watches[] = {
	{ SCHEMAS, schema_changed },
	{ LEVELS, level_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_flow_schemas = { .name = "flow-schemas", .watches = watches, .reconcile = reconcile };
