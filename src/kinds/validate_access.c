/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of roles, bindings and questions about access.
 * Source: kubernetes pkg/apis/{rbac,authorization}/validation/validation.go.
 */
#include "base/text.h"
#include "kinds/validate.h"

#define RBAC "rbac.authorization.k8s.io"

void validate_role(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *selectors = doc_mget(c->v, "aggregationRule.clusterRoleSelectors");

	V_EACH(i, m, v_get(c->v, "rules")) {
		const struct vpath *at = V_ITEM(V_AT(NULL, "rules"), i);
		bool urls = doc_mlen(m, "nonResourceURLs");
		if (!doc_mlen(m, "verbs"))
			v_required(c, V_AT(at, "verbs"), "verbs must contain at least one value");
		if (urls && c->k->namespaced)
			v_invalid_value(c, V_AT(at, "nonResourceURLs"), v_get(m, "nonResourceURLs"),
				"namespaced rules cannot apply to non-resource URLs");
		if (urls && (doc_mlen(m, "apiGroups") || doc_mlen(m, "resources") || doc_mlen(m, "resourceNames")))
			v_invalid_value(c, V_AT(at, "nonResourceURLs"), v_get(m, "nonResourceURLs"),
				"rules cannot apply to both regular resources and non-resource URLs");
		if (urls)
			continue;
		if (!doc_mlen(m, "apiGroups"))
			v_required(c, V_AT(at, "apiGroups"), "resource rules must supply at least one api group");
		if (!doc_mlen(m, "resources"))
			v_required(c, V_AT(at, "resources"), "resource rules must supply at least one resource");
	}
	if (v_get(c->v, "aggregationRule") && !yyjson_mut_arr_size(selectors))
		v_required(c, V_AT(V_AT(NULL, "aggregationRule"), "clusterRoleSelectors"),
			"at least one clusterRoleSelector required if aggregationRule is non-nil");
	V_EACH(i, m, selectors)
		v_label_selector(c, V_ITEM(V_AT(V_AT(NULL, "aggregationRule"), "clusterRoleSelectors"), i), m);
}

void validate_role_binding(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *role = v_get(c->v, "roleRef"), *was = v_get(c->old, "roleRef");
	const struct vpath *rp = V_AT(NULL, "roleRef");

	if (strcmp(v_str(role, "apiGroup"), RBAC))
		v_unsupported(c, V_AT(rp, "apiGroup"), v_str(role, "apiGroup"), RBAC);
	if (!v_one_of(v_str(role, "kind"), c->k->namespaced ? "Role|ClusterRole" : "ClusterRole"))
		v_unsupported(c, V_AT(rp, "kind"), v_str(role, "kind"),
			c->k->namespaced ? "Role|ClusterRole" : "ClusterRole");
	if (!*v_str(role, "name"))
		v_required(c, V_AT(rp, "name"), "");
	else
		v_syntax(c, V_AT(rp, "name"), v_str(role, "name"), v_bad_path_segment);
	V_EACH(i, m, v_get(c->v, "subjects")) {
		const struct vpath *at = V_ITEM(V_AT(NULL, "subjects"), i);
		const char *kind = v_str(m, "kind"), *group = v_str(m, "apiGroup");
		v_must(c, at, m, "name");
		if (!strcmp(kind, "ServiceAccount")) {
			if (*v_str(m, "name"))
				v_syntax(c, V_AT(at, "name"), v_str(m, "name"), text_bad_dns1123_subdomain);
			if (*group)
				v_unsupported(c, V_AT(at, "apiGroup"), group, "");
			if (!c->k->namespaced && !*v_str(m, "namespace"))
				v_required(c, V_AT(at, "namespace"), "");
		} else if (v_one_of(kind, "User|Group")) {
			if (strcmp(group, RBAC))
				v_unsupported(c, V_AT(at, "apiGroup"), group, RBAC);
		} else {
			v_unsupported(c, V_AT(at, "kind"), kind, "ServiceAccount|User|Group");
		}
	}
	if (c->old && !doc_mequal(role, was))
		v_invalid_raw(c, rp, v_text(c, "{\"APIGroup\":\"%s\",\"Kind\":\"%s\",\"Name\":\"%s\"}",
			v_str(role, "apiGroup"), v_str(role, "kind"), v_str(role, "name")), "cannot change roleRef");
}

/* Which fields or labels are asked about: as text or as requirements, not both. */
static void asked_selector(struct vcheck *c, const struct vpath *p, const char *name, yyjson_mut_val *m)
{
	bool raw = *v_str(m, "rawSelector"), some = doc_mlen(m, "requirements");
	const struct vpath *at = V_AT(p, name);

	if (!m)
		return;
	if (raw && some)
		v_invalid(c, V_AT(at, "rawSelector"), v_str(m, "rawSelector"), "may not specified at the same time as "
			"requirements");
	if (!raw && !some)
		v_required(c, V_AT(at, "requirements"),
			v_text(c, "when %s is specified, requirements or rawSelector is required", name));
	V_EACH(i, one, v_get(m, "requirements")) {
		const struct vpath *rp = V_ITEM(V_AT(at, "requirements"), i);
		const char *op = v_str(one, "operator");
		bool values = doc_mlen(one, "values");
		if (!*v_str(one, "key"))
			v_required(c, V_AT(rp, "key"), "must be specified");
		if (v_one_of(op, "In|NotIn") && !values)
			v_required(c, V_AT(rp, "values"), "must be specified when `operator` is 'In' or 'NotIn'");
		else if (v_one_of(op, "Exists|DoesNotExist") && values)
			v_forbidden(c, V_AT(rp, "values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
		else if (!v_one_of(op, "In|NotIn|Exists|DoesNotExist"))
			v_invalid(c, V_AT(rp, "operator"), op, "not a valid selector operator");
	}
}

void validate_access_review(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *resource = v_get(spec, "resourceAttributes"), *url = v_get(spec, "nonResourceAttributes");
	const struct vpath *rp = V_AT(p, "resourceAttributes"), *up = V_AT(p, "nonResourceAttributes");
	bool local = c->k->namespaced;

	if (resource && url)
		v_invalid_value(c, up, url, "cannot be specified in combination with resourceAttributes");
	if (!resource && !url)
		v_invalid_value(c, rp, NULL,
			"exactly one of nonResourceAttributes or resourceAttributes must be specified");
	if (strncmp(c->k->kind, "Self", 4) && !*v_str(spec, "user") && !doc_mlen(spec, "groups"))
		v_invalid(c, V_AT(p, "user"), "", "at least one of user or group must be specified");
	asked_selector(c, rp, "fieldSelector", v_get(resource, "fieldSelector"));
	asked_selector(c, rp, "labelSelector", v_get(resource, "labelSelector"));
	if (local && resource && !v_is(resource, "namespace", v_str(v_get(c->v, "metadata"), "namespace")))
		v_invalid(c, V_AT(rp, "namespace"), v_str(resource, "namespace"), "must match metadata.namespace");
	if (local && url)
		v_invalid_value(c, up, url, "disallowed on this kind of request");
}
