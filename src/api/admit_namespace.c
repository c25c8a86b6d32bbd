/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_namespace - NamespaceLifecycle: nothing is made where there is no namespace
 * or where it is going away, and the cloud's own namespaces stay.
 * Source: apiserver pkg/admission/plugin/namespace/lifecycle.
 */
#include <string.h>

#include "api/admit.h"

static bool immortal(const char *name)
{
	return !strcmp(name, "default") || !strcmp(name, "kube-system") || !strcmp(name, "kube-public");
}

enum step namespace_mutate(struct call *c)
{
	const struct kinds_kind *ns_kind = c->api->k.ns;
	struct cache_obj *ns;

	if (admit_op(c) == ADMIT_DELETE) {
		if (admit_is(c, ns_kind) && immortal(c->name))
			return admit_refuse(c, "this namespace may not be deleted");
		return STEP_NEXT;
	}
	if (!c->kind->namespaced)
		return STEP_NEXT;
	ns = cache_get(c->api->cache, ns_kind->store, "", c->ns);
	if (!ns)
		return fail_not_found(c, "namespaces", "", c->ns);
	if (ns->deleting && admit_op(c) == ADMIT_CREATE) {
		struct cause cause = { "NamespaceTerminating",
			arena_printf(c->arena, "namespace %s is being terminated", c->ns), "metadata.namespace" };

		return admit_refuse_for(c, &cause,
			"unable to create new content in namespace %s because it is being terminated", c->ns);
	}
	return STEP_NEXT;
}
