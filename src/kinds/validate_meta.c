/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of metadata, labels and label selectors.
 * Source: apimachinery pkg/api/validation (objectmeta.go), pkg/apis/meta/v1/validation.
 */
#include <ctype.h>

#include "base/text.h"
#include "doc/selector.h"
#include "kinds/validate.h"

#define ANNOTATIONS_MAX_BYTES (256 << 10)

static const char *bad_name_any(const char *s)
{
	return v_bad_path_segment(s);
}

/* Kinds whose names follow another rule than DNS subdomains. */
static const struct { const char *type; const char *(*bad)(const char *); } names[] = {
	{ "core/v1.Namespace", text_bad_dns1123_label },
	{ "core/v1.Service", text_bad_dns1035_label },
	{ "core/v1.Event", bad_name_any },
	{ "apps/v1.StatefulSet", text_bad_dns1123_label },
	{ "rbac/v1.Role", bad_name_any },
	{ "rbac/v1.ClusterRole", bad_name_any },
	{ "rbac/v1.RoleBinding", bad_name_any },
	{ "rbac/v1.ClusterRoleBinding", bad_name_any },
	{ "certificates/v1.CertificateSigningRequest", bad_name_any },
	{ "apiregistration/v1.APIService", bad_name_any },
	{ "apiextensions/v1.CustomResourceDefinition", bad_name_any },
	{ "networking/v1.IPAddress", bad_name_any },
};

static const char *(*name_rule(const struct kinds_kind *k))(const char *)
{
	for (size_t i = 0; !k->custom && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i].type, k->type->name))
			return names[i].bad;
	return text_bad_dns1123_subdomain;
}

void v_labels(struct vcheck *c, const struct vpath *p, yyjson_mut_val *map)
{
	V_MEMBERS(key, m, map) {
		v_syntax(c, p, key, text_bad_qualified_name);
		const char *s = yyjson_mut_get_str(m);
		if (s)
			v_syntax(c, p, s, text_bad_label_value);
	}
}

void v_annotations(struct vcheck *c, const struct vpath *p, yyjson_mut_val *map)
{
	size_t total = 0;

	V_MEMBERS(key, m, map) {
		/* Keys may have capitals; their syntax is checked without. */
		char *lower = arena_strdup(c->a, key);
		for (char *s = lower; s && *s; s++)
			*s = tolower((unsigned char)*s);
		const char *why = lower ? text_bad_qualified_name(lower) : NULL;
		if (why)
			v_invalid(c, p, key, why);
		total += strlen(key) + yyjson_mut_get_len(m);
	}
	if (total > ANNOTATIONS_MAX_BYTES)
		v_too_long(c, p, ANNOTATIONS_MAX_BYTES);
}

void v_label_selector(struct vcheck *c, const struct vpath *p, yyjson_mut_val *selector)
{
	v_labels(c, V_AT(p, "matchLabels"), v_get(selector, "matchLabels"));
	V_EACH(i, m, v_get(selector, "matchExpressions")) {
		const struct vpath *at = V_ITEM(V_AT(p, "matchExpressions"), i);
		const char *op = v_str(m, "operator");
		bool values = doc_mlen(m, "values");
		if (v_one_of(op, "In|NotIn")) {
			if (!values)
				v_required(c, V_AT(at, "values"), "must be specified when `operator` is 'In' or 'NotIn'");
		} else if (v_one_of(op, "Exists|DoesNotExist")) {
			if (values)
				v_forbidden(c, V_AT(at, "values"),
					"may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
		} else {
			v_invalid(c, V_AT(at, "operator"), op, "not a valid selector operator");
		}
		v_syntax(c, V_AT(at, "key"), v_str(m, "key"), text_bad_qualified_name);
		V_EACH(j, value, v_get(m, "values"))
			v_syntax(c, V_ITEM(V_AT(at, "values"), j), yyjson_mut_get_str(value), text_bad_label_value);
	}
}

bool v_selector_empty(yyjson_mut_val *selector)
{
	return !doc_mlen(selector, "matchLabels") && !doc_mlen(selector, "matchExpressions");
}

bool v_selector_matches(struct vcheck *c, yyjson_mut_val *selector, yyjson_mut_val *labels)
{
	struct selector *s;
	struct labels l = { 0 };

	if (selector_from(c->a, doc_freeze(c->a, selector), &s, NULL) ||
	    (labels && labels_from(c->a, doc_freeze(c->a, labels), &l)))
		return true;    /* reported by the selector's own rules */
	return selector_match(s, &l);
}

static void owners(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	yyjson_mut_val *controller = NULL;

	V_EACH(i, m, list) {
		char group[254], version[64];
		kinds_split_api_version(v_str(m, "apiVersion"), group, version);
		if (!*version)
			v_invalid(c, V_AT(p, "apiVersion"), v_str(m, "apiVersion"), "version must not be empty");
		for (const char *const *n = (const char *const[]){ "kind", "name", "uid", NULL }; *n; n++)
			if (!*v_str(m, *n))
				v_invalid(c, V_AT(p, *n), "", "must not be empty");
		if (!*group && !strcmp(version, "v1") && v_is(m, "kind", "Event"))
			v_invalid_value(c, p, m, "/v1, Kind=Event is disallowed from being an owner");
		if (!doc_mbool(m, "controller", false))
			continue;
		if (controller)
			v_invalid_value(c, p, list, v_text(c, "Only one reference can have Controller set to true. "
				"Found \"true\" in references for %s/%s and %s/%s", v_str(controller, "kind"),
				v_str(controller, "name"), v_str(m, "kind"), v_str(m, "name")));
		else
			controller = m;
	}
}

static void finalizers(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	bool orphan = false, foreground = false;

	V_EACH(i, m, list) {
		const char *s = yyjson_mut_get_str(m);
		v_syntax(c, p, s, text_bad_qualified_name);
		orphan |= !strcmp(s, "orphan");
		foreground |= !strcmp(s, "foregroundDeletion");
	}
	if (orphan && foreground)
		v_invalid_value(c, p, list,
			"finalizer orphan and foregroundDeletion cannot be both set");
	if (c->k->custom || v_one_of(c->k->group, "apiextensions.k8s.io|apiregistration.k8s.io"))
		return;
	V_EACH(i, m, list)
		if (!strchr(yyjson_mut_get_str(m), '/') && !v_one_of(yyjson_mut_get_str(m), V_STANDARD_FINALIZERS))
			v_invalid(c, V_ITEM(p, i), yyjson_mut_get_str(m),
				"name is neither a standard finalizer name nor is it fully qualified");
}

static void metadata_update(struct vcheck *c, const struct vpath *p, yyjson_mut_val *meta)
{
	static const char *const fixed[] = { "name", "namespace", "uid", "creationTimestamp",
		"deletionTimestamp", "deletionGracePeriodSeconds" };
	yyjson_mut_val *was = v_get(c->old, "metadata");

	if (v_get(was, "deletionTimestamp")) {
		BUF_AUTO struct buf fresh = { 0 };
		V_SET known = { 0 };
		V_EACH(i, m, v_get(was, "finalizers"))
			v_first(&known, yyjson_mut_get_str(m));
		V_EACH(i, m, v_get(meta, "finalizers")) {
			if (map_get(&known, yyjson_mut_get_str(m)))
				continue;
			buf_adds(&fresh, fresh.len ? ", " : "");
			buf_add_json(&fresh, yyjson_mut_get_str(m), yyjson_mut_get_len(m));
		}
		if (fresh.len)
			v_forbidden(c, V_AT(p, "finalizers"), v_text(c, "no new finalizers can be added if the "
				"object is being deleted, found new finalizers []string{%s}", fresh.p));
	}
	int64_t generation = doc_mint(meta, "generation", 0);
	if (generation < doc_mint(was, "generation", 0))
		v_invalid_int(c, V_AT(p, "generation"), generation, "must not be decremented");
	if (!*v_str(meta, "resourceVersion") && !kinds_allows_unconditional_update(c->k))
		v_invalid(c, V_AT(p, "resourceVersion"), "", "must be specified for an update");
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		yyjson_mut_val *now = v_get(meta, fixed[i]), *then = v_get(was, fixed[i]);
		if ((now || then) && !(now && then && doc_mequal(now, then)))
			v_invalid_value(c, V_AT(p, fixed[i]), now, V_IMMUTABLE);
	}
}

void v_metadata(struct vcheck *c, const struct vpath *p)
{
	yyjson_mut_val *meta = v_get(c->v, "metadata");
	const char *name = v_str(meta, "name"), *ns = v_str(meta, "namespace");
	const char *generate = v_str(meta, "generateName");

	if (c->old)
		metadata_update(c, p, meta);
	if (*generate) {
		/* A name is made by adding to it: a trailing dash is fine. */
		v_prefix_syntax(c, V_AT(p, "generateName"), generate, name_rule(c->k));
	}
	if (!*name)
		v_required(c, V_AT(p, "name"), "name or generateName is required");
	else if (!c->old)
		v_syntax(c, V_AT(p, "name"), name, name_rule(c->k));
	if (!c->k->namespaced) {
		if (*ns)
			v_forbidden(c, V_AT(p, "namespace"), "not allowed on this type");
	} else if (!*ns) {
		v_required(c, V_AT(p, "namespace"), "");
	} else {
		v_syntax(c, V_AT(p, "namespace"), ns, text_bad_dns1123_label);
	}
	v_labels(c, V_AT(p, "labels"), v_get(meta, "labels"));
	v_annotations(c, V_AT(p, "annotations"), v_get(meta, "annotations"));
	owners(c, V_AT(p, "ownerReferences"), v_get(meta, "ownerReferences"));
	finalizers(c, V_AT(p, "finalizers"), v_get(meta, "finalizers"));
}
