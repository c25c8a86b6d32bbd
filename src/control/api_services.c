/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_services - one APIService for each version of a custom group, as long as some
 * CustomResourceDefinition serves it; and the word that those without a Service of their
 * own are always there. The groups of this program are written at start (api/bootstrap.c).
 * Source: kube-aggregator pkg/controllers/{autoregister,status/local}, kubernetes
 * pkg/controlplane/controller/crdregistration.
 */
#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "control/controllers.h"
#include "control/reconcile.h"

#define SERVICES "apiregistration.k8s.io/apiservices"
#define CRDS     "apiextensions.k8s.io/customresourcedefinitions"
#define LABEL    "kube-aggregator.kubernetes.io/automanaged"
#define GROUP_PRIORITY   1000
#define VERSION_PRIORITY 100

static void enqueue_versions(struct ctl *c, struct cache_obj *crd)
{
	yyjson_val *v;
	size_t i, max;
	char name[512];

	yyjson_arr_foreach(doc_get(cache_tree(crd), "spec.versions"), i, max, v) {
		snprintf(name, sizeof(name), "%s.%s", doc_str(v, "name"), doc_str(cache_tree(crd), "spec.group"));
		ctl_enqueue(c, "", name);
	}
}

static void crd_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->old)
		enqueue_versions(c, ev->old);
	enqueue_versions(c, ev->obj);
}

struct search { const char *group, *version; size_t version_len; bool served; };

static bool serves(void *arg, struct cache_obj *crd)
{
	struct search *s = arg;
	const char *dot = strchr(crd->name, '.');
	yyjson_val *v;
	size_t i, max;

	if (!dot || strcmp(dot + 1, s->group))     /* named PLURAL.GROUP: others are not parsed */
		return true;
	yyjson_arr_foreach(doc_get(cache_tree(crd), "spec.versions"), i, max, v) {
		const char *name = doc_str(v, "name");
		if (name && strlen(name) == s->version_len && !strncmp(name, s->version, s->version_len))
			s->served |= doc_bool(v, "served", false);
	}
	return !s->served;
}

static void write_new(struct ctl *c, const char *name, const struct search *s)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	char *version = arena_strndup(ctl_arena(c), s->version, s->version_len);

	doc_mset_str(d, o, "kind", "APIService");
	doc_mset_str(d, o, "apiVersion", "apiregistration.k8s.io/v1");
	doc_mset_str(d, o, "metadata.name", name);
	doc_mset_key(d, o, "metadata.labels", LABEL, "true");
	doc_mset_str(d, o, "spec.group", s->group);
	doc_mset_str(d, o, "spec.version", version ? version : "");
	doc_mset_int(d, o, "spec.groupPriorityMinimum", GROUP_PRIORITY);
	doc_mset_int(d, o, "spec.versionPriority", VERSION_PRIORITY);
	ctl_create(c, ctl_kind("apiregistration.k8s.io", "apiservices"), "", o, true);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	const struct kinds_kind *kind = ctl_kind("apiregistration.k8s.io", "apiservices");
	struct cache_obj *o = cache_get(ctl_cache(c), SERVICES, "", name);
	const char *dot = strchr(name, '.'), *managed;
	struct search s = { .group = dot ? dot + 1 : "", .version = name, .version_len = dot ? (size_t)(dot - name) : 0 };
	yyjson_mut_doc *d = ctl_doc(c);

	cache_each(ctl_cache(c), CRDS, NULL, NULL, NULL, serves, &s);
	if (!o) {
		if (s.served)
			write_new(c, name, &s);
		return 0;
	}
	managed = yyjson_get_str(yyjson_obj_get(doc_get(cache_tree(o), "metadata.labels"), LABEL));
	if (!s.served && managed && !strcmp(managed, "true")) {
		ctl_delete(c, kind, "", name, o->uid, NULL, -1);
		return 0;
	}
	if (o->deleting || doc_get(cache_tree(o), "spec.service"))
		return 0;
	yyjson_mut_val *obj = yyjson_val_mut_copy(d, cache_tree(o));
	if (ctl_condition(d, doc_mobj(d, obj, "status"), "Available", "True", "Local",
		"Local APIServices are always available", env_wall_us()))
		ctl_update(c, kind, "", name, "status", obj);
	return 0;
}

static const struct ctl_watch watches[] = {
	{ SERVICES, ctl_map_self },
	{ CRDS, crd_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_api_services = { .name = "api-services", .watches = watches, .reconcile = reconcile };
