/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate_namespace - NamespaceLifecycle: nothing is made where there is no namespace
 * or where it is going away, and the cloud's own namespaces stay.
 * Source: apiserver pkg/admission/plugin/namespace/lifecycle.
 */
#include <string.h>

#include "api/call.h"

static bool protected_namespace(const char *name)
{
	return !strcmp(name, "default") || !strcmp(name, "kube-system") || !strcmp(name, "kube-public");
}

enum step mutate_namespace(struct call *c)
{
	const struct kinds_kind *ns_kind = c->api->k.ns;
	struct cache_obj *ns;

	if (c->verb == VERB_DELETE) {
		if (c->kind == ns_kind && protected_namespace(c->name))
			return fail_forbidden(c, c->name, NULL, "this namespace may not be deleted");
		return STEP_NEXT;
	}
	if (!c->kind->namespaced || !c->creating)
		return STEP_NEXT;
	ns = cache_get(c->api->cache, ns_kind->store, "", c->ns);
	if (!ns)
		return fail_not_found(c, "namespaces", "", c->ns);
	if (ns->deleting) {
		struct cause cause = { "NamespaceTerminating",
			arena_printf(c->arena, "namespace %s is being terminated", c->ns), "metadata.namespace" };

		return fail_forbidden(c, c->name, &cause,
			"unable to create new content in namespace %s because it is being terminated", c->ns);
	}
	return STEP_NEXT;
}
