/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of CustomResourceDefinitions: names, versions, columns, subresources, selectable
 * fields, conversion; what schemas say is in the files beside this one.
 *
 * Upstream keeps what is the same for all versions above them, and its messages say so:
 * spec.validation.openAPIV3Schema instead of spec.versions[0].schema.openAPIV3Schema.
 * Source: apiextensions pkg/apis/apiextensions/validation/validation.go, v1/conversion.go.
 */
#include <ctype.h>

#include "base/text.h"
#include "kinds/kinds_custom.h"
#include "kinds/validate_crd.h"

#define APPROVED "api-approved.kubernetes.io"
#define SEE ", see https://github.com/kubernetes/enhancements/pull/1111"
#define SELECTABLE_MAX 8
#define WARNING_MAX 256   /* bytes of a deprecation warning */

/* ---- names ---- */

static void check_kind(struct vcheck *c, const struct vpath *p, const char *kind)
{
	char *lower = arena_strdup(c->a, kind);
	const char *bad;

	for (char *s = lower; s && *s; s++)
		*s = (char)tolower((unsigned char)*s);
	bad = lower && *lower ? text_bad_dns1035_label(lower) : NULL;
	if (bad)
		v_invalid(c, p, kind, v_text(c, "may have mixed case, but should otherwise match: %s", bad));
}

static void check_names(struct vcheck *c, const struct vpath *p, yyjson_mut_val *names)
{
	static const char *const labels[] = { "plural", "singular" }, *const kinds[] = { "kind", "listKind" };
	static const char *const lists[] = { "shortNames", "categories" };

	for (int i = 0; i < 2; i++)
		if (*v_str(names, labels[i]))
			v_syntax(c, V_AT(p, labels[i]), v_str(names, labels[i]), text_bad_dns1035_label);
	for (int i = 0; i < 2; i++)
		check_kind(c, V_AT(p, kinds[i]), v_str(names, kinds[i]));
	for (int i = 0; i < 2; i++) {
		V_EACH(j, m, v_get(names, lists[i]))
			v_syntax(c, V_ITEM(V_AT(p, lists[i]), j), yyjson_mut_get_str(m), text_bad_dns1035_label);
		if (!i && *v_str(names, "kind") && v_is(names, "listKind", v_str(names, "kind")))
			v_invalid(c, V_AT(p, "listKind"), v_str(names, "listKind"), "kind and listKind may not be the same");
	}
}

/* ---- parts of a version ---- */

static void check_column(struct vcheck *c, const struct vpath *p, yyjson_mut_val *column)
{
	static const char types[] = "must be one of boolean,date,integer,number,string";
	const char *type = v_str(column, "type"), *format = v_str(column, "format"), *path = v_str(column, "jsonPath");

	v_must(c, p, column, "name");
	if (!*type)
		v_required(c, V_AT(p, "type"), types);
	else if (!v_one_of(type, "boolean|date|integer|number|string"))
		v_invalid(c, V_AT(p, "type"), type, types);
	if (*format && !v_one_of(format, "byte|date|date-time|double|float|int32|int64|password"))
		v_invalid(c, V_AT(p, "format"), format, "must be one of byte,date,date-time,double,float,int32,int64,password");
	if (!*path)
		v_required(c, V_AT(p, "JSONPath"), "");
	else if (*path != '.')
		v_invalid(c, V_AT(p, "JSONPath"), path, "must be a simple json path starting with .");
}

static void check_scale_path(struct vcheck *c, const struct vpath *p, yyjson_mut_val *scale, const char *name)
{
	static const struct { const char *name, *heads[2], *what; } paths[] = {
		{ "specReplicasPath", { ".spec.", "" }, "should be a json path under .spec" },
		{ "statusReplicasPath", { ".status.", "" }, "should be a json path under .status" },
		{ "labelSelectorPath", { ".spec.", ".status." }, "should be a json path under either .spec or .status" },
	};
	const char *path = v_str(scale, name);
	const struct vpath *at = V_AT(V_AT(p, "scale"), name);
	int i = 0;

	while (strcmp(paths[i].name, name))
		i++;
	if (!*path) {
		if (i < 2)
			v_required(c, at, "");
	} else if (*path != '.') {
		v_invalid(c, at, path, "must be a simple json path starting with .");
	} else if (strncmp(path, paths[i].heads[0], strlen(paths[i].heads[0])) &&
	    (!*paths[i].heads[1] || strncmp(path, paths[i].heads[1], strlen(paths[i].heads[1])))) {
		v_invalid(c, at, path, paths[i].what);
	}
}

static void check_subresources(struct vcheck *c, const struct vpath *p, yyjson_mut_val *subs)
{
	yyjson_mut_val *scale = v_get(subs, "scale");

	if (!scale)
		return;
	check_scale_path(c, p, scale, "specReplicasPath");
	check_scale_path(c, p, scale, "statusReplicasPath");
	check_scale_path(c, p, scale, "labelSelectorPath");
}

/* The schema at the end of ".spec.a.b"; NULL: there is none. */
static yyjson_mut_val *schema_at(yyjson_mut_val *schema, const char *path)
{
	if (*path != '.')
		return NULL;
	while (*path == '.' && path[1]) {
		size_t n = strcspn(++path, ".[");

		schema = yyjson_mut_obj_getn(v_get(schema, "properties"), path, n);
		path += n;
	}
	return *path ? NULL : schema;
}

static void check_selectable(struct vcheck *c, const struct vpath *p, yyjson_mut_val *fields, yyjson_mut_val *schema)
{
	V_SET seen = { 0 };

	V_EACH(i, m, fields) {
		const char *path = v_str(m, "jsonPath"), *bad = NULL;
		const struct vpath *at = V_AT(V_ITEM(p, i), "jsonPath");
		yyjson_mut_val *s = schema_at(schema, path);

		if (!*path) {
			v_required(c, at, "");
			continue;
		}
		if (!s) {
			v_invalid(c, at, path, "is an invalid path: does not refer to a valid field");
			continue;
		}
		if (!strcmp(path, ".metadata") || !strncmp(path, ".metadata.", 10))
			bad = "must not point to fields in metadata";
		if (bad)
			v_invalid(c, at, path, bad);
		if (!v_one_of(v_str(s, "type"), "string|boolean|integer"))
			v_invalid(c, at, path, "must point to a field of type string, boolean or integer. Enum string fields "
				"and strings with formats are allowed.");
		if (!v_first(&seen, path))
			v_duplicate(c, at, path);
	}
	if (seen.len > SELECTABLE_MAX)
		v_too_many(c, p, seen.len, SELECTABLE_MAX);
}

/* With a status subresource status is taken out of the root, which may only say what stays true. */
static void check_root(struct vcheck *c, const struct vpath *p, yyjson_mut_val *schema)
{
	static const char allowed[] = "description|type|format|title|maximum|exclusiveMaximum|minimum|exclusiveMinimum|"
		"maxLength|minLength|pattern|maxItems|minItems|uniqueItems|multipleOf|required|items|properties|externalDocs|"
		"example|x-kubernetes-preserve-unknown-fields|x-kubernetes-validations";

	if (!v_is(schema, "type", "object") && *v_str(schema, "type")) {
		v_invalid(c, V_AT(p, "type"), v_str(schema, "type"), "only \"object\" is allowed as the type at the root of the "
			"schema if the status subresource is enabled");
		return;
	}
	V_MEMBERS(key, m, schema)
		if (m && !v_one_of(key, allowed)) {
			v_invalid_value(c, p, schema, "only [Description Type Format Title Maximum ExclusiveMaximum Minimum "
				"ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items "
				"Properties ExternalDocs Example XPreserveUnknownFields XValidations] fields are allowed at the root "
				"of the schema if the status subresource is enabled");
			return;
		}
}

static void check_schema(struct vcheck *c, const struct vpath *p, yyjson_mut_val *schema, bool status)
{
	int before = c->count;

	if (status)
		check_root(c, p, schema);
	if (doc_mbool(schema, "nullable", false))
		v_forbidden(c, V_AT(p, "nullable"), "nullable cannot be true at the root");
	if (!crd_schema_unsupported(schema))
		crd_structural(c, p, schema);
	crd_schema(c, p, schema);
	if (c->count == before)
		crd_defaults(c, p, schema);
}

static void check_deprecation(struct vcheck *c, const struct vpath *p, yyjson_mut_val *version)
{
	yyjson_mut_val *warning = v_get(version, "deprecationWarning");
	const char *s = yyjson_mut_get_str(warning);
	const struct vpath *at = V_AT(p, "deprecationWarning");

	if (!s)
		return;
	if (!doc_mbool(version, "deprecated", false)) {
		v_invalid(c, at, s, "can only be set for deprecated versions");
		return;
	}
	if (strlen(s) > WARNING_MAX)
		v_invalid(c, at, s, "must be <= 256 characters long");
	if (!*s)
		v_invalid(c, at, s, "must not be an empty string");
	for (size_t i = 0; s[i]; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f) {
			v_invalid(c, at, s, v_text(c, "must only contain printable UTF-8 characters; non-printable character found "
				"at index %zu", i));
			break;
		}
}

/* ---- versions: what is the same in all is checked once, above them ---- */

struct parts { yyjson_mut_val *schema, *subs, *columns, *selectable; };

static struct parts parts_of(yyjson_mut_val *version)
{
	return (struct parts){ doc_mget(version, "schema.openAPIV3Schema"), v_get(version, "subresources"),
		v_get(version, "additionalPrinterColumns"), v_get(version, "selectableFields") };
}

static bool equal(yyjson_mut_val *a, yyjson_mut_val *b)
{
	return a && b ? doc_mequal(a, b) : a == b;
}

/* The parts all versions share; the others are NULL, though they may be in each. */
static struct parts shared_parts(yyjson_mut_val *versions)
{
	struct parts all = parts_of(yyjson_mut_arr_get_first(versions));

	V_EACH(i, m, versions) {
		struct parts p = parts_of(m);

		all.schema = equal(all.schema, p.schema) ? all.schema : NULL;
		all.subs = equal(all.subs, p.subs) ? all.subs : NULL;
		all.columns = equal(all.columns, p.columns) ? all.columns : NULL;
		all.selectable = equal(all.selectable, p.selectable) ? all.selectable : NULL;
	}
	return all;
}

/* status: whether the status subresource is enabled; schema: what selectable fields are of. */
static void check_parts(struct vcheck *c, const struct vpath *p, const char *schema_name, struct parts of, bool status,
	yyjson_mut_val *schema)
{
	if (of.schema)
		check_schema(c, V_AT(V_AT(p, schema_name), "openAPIV3Schema"), of.schema, status);
	check_subresources(c, V_AT(p, "subresources"), of.subs);
	V_EACH(i, m, of.columns)
		check_column(c, V_ITEM(V_AT(p, "additionalPrinterColumns"), i), m);
	check_selectable(c, V_AT(p, "selectableFields"), of.selectable, schema);
}

static void check_versions(struct vcheck *c, const struct vpath *p, yyjson_mut_val *versions)
{
	struct parts shared = shared_parts(versions);
	const struct vpath *vp = V_AT(p, "versions");
	bool any_status = false, unique = true;
	V_SET names = { 0 };
	int storages = 0;

	V_EACH(i, m, versions)
		if (!parts_of(m).schema)
			v_required(c, V_AT(V_AT(V_ITEM(vp, i), "schema"), "openAPIV3Schema"), "schemas are required");
	V_EACH(i, m, versions) {
		const struct vpath *at = V_ITEM(vp, i);
		struct parts own = parts_of(m);
		bool status = v_get(own.subs, "status") != NULL;
		yyjson_mut_val *schema = own.schema;

		any_status |= status;
		storages += doc_mbool(m, "storage", false);
		unique &= v_first(&names, v_str(m, "name"));
		v_syntax(c, V_AT(at, "name"), v_str(m, "name"), text_bad_dns1035_label);
		check_deprecation(c, at, m);
		own.schema = shared.schema ? NULL : own.schema;
		own.subs = shared.subs ? NULL : own.subs;
		own.columns = shared.columns ? NULL : own.columns;
		own.selectable = shared.selectable ? NULL : own.selectable;
		check_parts(c, at, "schema", own, status, schema);
	}
	if (!unique)
		v_invalid_value(c, vp, versions, "must contain unique version names");
	if (storages != 1)
		v_invalid_value(c, vp, versions, "must have exactly one version marked as storage version");
	check_parts(c, p, "validation", shared, any_status, parts_of(yyjson_mut_arr_get_first(versions)).schema);
}

/* ---- conversion ---- */

static void check_conversion(struct vcheck *c, const struct vpath *p, yyjson_mut_val *conversion)
{
	yyjson_mut_val *config = doc_mget(conversion, "webhook.clientConfig");
	yyjson_mut_val *reviews = doc_mget(conversion, "webhook.conversionReviewVersions");
	const struct vpath *at = V_AT(p, "webhookClientConfig"), *rp = V_AT(p, "conversionReviewVersions");
	bool known = false;

	if (!conversion)
		return;
	v_enum(c, p, conversion, "strategy", "None|Webhook", true);
	if (!v_is(conversion, "strategy", "Webhook")) {
		if (config)
			v_forbidden(c, at, "should not be set when strategy is not set to Webhook");
		if (yyjson_mut_arr_size(reviews))
			v_forbidden(c, rp, "should not be set when strategy is not set to Webhook");
		return;
	}
	if (!config)
		v_required(c, at, "required when strategy is set to Webhook");
	else if (!v_get(config, "url") == !v_get(config, "service"))
		v_required(c, at, "exactly one of url or service is required");
	if (!yyjson_mut_arr_size(reviews))
		v_required(c, rp, "");
	V_EACH(i, m, reviews)
		known |= v_one_of(yyjson_mut_get_str(m), "v1|v1beta1");
	if (yyjson_mut_arr_size(reviews) && !known)
		v_invalid_value(c, rp, reviews, "must include at least one of v1, v1beta1");
}

/* ---- the definition ---- */

const char *kinds_crd_approval(const char *group, const char *annotation, const char **ret_reason)
{
	static const char *const homes[] = { "k8s.io", "kubernetes.io" };
	size_t n = strlen(group);
	bool community = false;

	for (int i = 0; i < 2; i++) {
		size_t len = strlen(homes[i]);

		community |= n >= len && !strcmp(group + n - len, homes[i]) && (n == len || group[n - len - 1] == '.');
	}
	*ret_reason = "";
	if (!community)
		return NULL;
	if (!annotation || !*annotation) {
		*ret_reason = "protected groups must have approval annotation \"" APPROVED "\"" SEE;
		return "MissingAnnotation";
	}
	if (!strncmp(annotation, "unapproved", 10))
		return "UnapprovedAnnotation";
	const char *colon = strstr(annotation, "://");

	if (colon && colon > annotation && colon[3] && colon[3] != '/')
		return "ApprovedAnnotation";
	*ret_reason = "protected groups must have approval annotation \"" APPROVED "\" with either a URL or a reason starting "
		"with \"unapproved\"" SEE;
	return "InvalidAnnotation";
}

static void check_approval(struct vcheck *c, const char *group)
{
	yyjson_mut_val *notes = doc_mget(c->v, "metadata.annotations"), *was = doc_mget(c->old, "metadata.annotations");
	const struct vpath *at = V_KEY(V_AT(V_AT(NULL, "metadata"), "annotations"), APPROVED);
	const char *reason, *before, *state = kinds_crd_approval(group, v_str(notes, APPROVED), &reason);
	const char *old = kinds_crd_approval(group, v_str(was, APPROVED), &before);

	/* What is not worse than before is left alone. */
	if (!state || !*reason || (c->old && old && !strcmp(old, state)))
		return;
	if (*state == 'M')
		v_required(c, at, reason);
	else
		v_invalid(c, at, v_str(notes, APPROVED), reason);
}

static void check_stored(struct vcheck *c, yyjson_mut_val *versions)
{
	yyjson_mut_val *stored = doc_mget(c->v, "status.storedVersions");
	const struct vpath *at = V_AT(V_AT(NULL, "status"), "storedVersions");
	V_SET had = { 0 };

	if (!yyjson_mut_arr_size(stored)) {
		v_invalid_value(c, at, stored, "must have at least one stored version");
		return;
	}
	V_EACH(i, m, stored)
		v_first(&had, yyjson_mut_get_str(m));
	V_EACH(i, m, versions) {
		if (doc_mbool(m, "storage", false) && !map_get(&had, v_str(m, "name")))
			v_invalid_value(c, at, stored, v_text(c, "must have the storage version %s", v_str(m, "name")));
		map_del(&had, v_str(m, "name"));
	}
	V_EACH(i, m, stored) {
		const char *s = yyjson_mut_get_str(m);

		if (map_get(&had, s))
			v_invalid(c, V_ITEM(at, i), s, v_text(c, "missing from spec.versions; %s was previously a storage version, and "
				"must remain in spec.versions until a storage migration ensures no data remains persisted in %s and "
				"removes %s from status.storedVersions", s, s, s));
	}
}

static void check_fixed(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const struct { const char *path; bool once_established; } fixed[] = {
		{ "scope", true }, { "names.kind", true }, { "group", false }, { "names.plural", false },
	};
	yyjson_mut_val *was = v_get(c->old, "spec");
	bool established = false;

	V_EACH(i, m, doc_mget(c->old, "status.conditions"))
		established |= v_is(m, "type", "Established") && v_is(m, "status", "True");
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		yyjson_mut_val *n = doc_mget(spec, fixed[i].path);

		if ((!fixed[i].once_established || established) && n && !equal(n, doc_mget(was, fixed[i].path)))
			v_invalid_value(c, V_AT(p, fixed[i].path), n, V_IMMUTABLE);
	}
}

void validate_crd(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const needed[] = { "plural", "singular", "kind", "listKind" };
	yyjson_mut_val *names = v_get(spec, "names"), *versions = v_get(spec, "versions");
	const char *group = v_str(spec, "group"), *name = v_str(v_get(c->v, "metadata"), "name");
	const char *want = v_text(c, "%s.%s", v_str(names, "plural"), group);
	const struct vpath *np = V_AT(p, "names");

	if (c->sub) {
		check_names(c, V_AT(V_AT(NULL, "status"), "acceptedNames"), doc_mget(c->v, "status.acceptedNames"));
		return;
	}
	if (want && strcmp(name, want) && !c->old)
		v_invalid(c, V_AT(V_AT(NULL, "metadata"), "name"), name, "must be spec.names.plural+\".\"+spec.group");
	if (!*group)
		v_required(c, V_AT(p, "group"), "");
	else if (text_bad_dns1123_subdomain(group))
		v_syntax(c, V_AT(p, "group"), group, text_bad_dns1123_subdomain);
	else if (!strchr(group, '.'))
		v_invalid(c, V_AT(p, "group"), group, "should be a domain with at least one dot");
	v_enum(c, p, spec, "scope", "Cluster|Namespaced", true);
	check_versions(c, p, versions);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		v_must(c, np, names, needed[i]);
	check_names(c, np, names);
	check_conversion(c, V_AT(p, "conversion"), v_get(spec, "conversion"));
	if (c->old)
		check_fixed(c, p, spec);
	check_stored(c, versions);
	check_approval(c, group);
	if (doc_mbool(spec, "preserveUnknownFields", false) && !doc_mbool(v_get(c->old, "spec"), "preserveUnknownFields", false))
		v_invalid_raw(c, V_AT(p, "preserveUnknownFields"), "true", "cannot set to true, set "
			"x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead");
}
