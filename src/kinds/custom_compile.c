/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custom_compile - a definition to kinds: names, columns and paths at once, schemas when
 * somebody needs them.
 * Source: apiextensions pkg/apiserver/customresource_handler.go.
 */
#define LOG_MODULE "kinds"
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kinds/custom.h"
#include "kinds/schema.h"

#define COLUMNS_MAX 250   /* fewer than fit kinds_kind.column_count */
#define TOO_MUCH "the definition needs too much memory"

static const char *text(struct arena *a, yyjson_val *v, const char *path)
{
	const char *s = doc_str(v, path);

	return arena_strdup(a, s ? s : "");
}

static const char *const *texts(struct arena *a, yyjson_val *list, const char *member)
{
	const char **out = arena_zalloc(a, (yyjson_arr_size(list) + 1) * sizeof(*out));
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach(list, i, n, v)
		if (out)
			out[i] = text(a, member ? yyjson_obj_get(v, member) : v, NULL);
	return (const char *const *)out;
}

static const struct kinds_column *columns_of(struct arena *a, yyjson_val *version, uint8_t *ret_count)
{
	yyjson_val *list = yyjson_obj_get(version, "additionalPrinterColumns"), *c;
	size_t n = yyjson_arr_size(list), i, max;
	struct kinds_column *out;

	n = n > COLUMNS_MAX ? COLUMNS_MAX : n;
	out = arena_zalloc(a, (n + 2) * sizeof(*out));
	if (!out)
		return NULL;
	out[0] = (struct kinds_column){ .name = "Name", .type = "string", .format = "name",
		.description = "Name of the object, unique in its namespace." };
	yyjson_arr_foreach(list, i, max, c)
		if (i < n)
			out[i + 1] = (struct kinds_column){ .name = text(a, c, "name"), .type = text(a, c, "type"),
				.format = text(a, c, "format"), .description = text(a, c, "description"),
				.priority = (int)doc_int(c, "priority", 0), .json_path = text(a, c, "jsonPath") };
	if (!n)
		out[1] = (struct kinds_column){ .name = "Age", .type = "date", .format = "",
			.description = "How long ago the object was created.", .json_path = ".metadata.creationTimestamp" };
	*ret_count = (uint8_t)(n ? n + 1 : 2);
	return out;
}

static const struct kinds_sub *subs_of(struct arena *a, yyjson_val *version, struct kinds_custom *more, uint8_t *ret_count)
{
	yyjson_val *subs = yyjson_obj_get(version, "subresources"), *scale = yyjson_obj_get(subs, "scale");
	struct kinds_sub *out = arena_zalloc(a, 2 * sizeof(*out));

	*ret_count = 0;
	if (!out)
		return NULL;
	if (yyjson_is_obj(scale)) {
		out[(*ret_count)++] = (struct kinds_sub){ "scale", KVERB_GET | KVERB_PATCH | KVERB_UPDATE,
			"autoscaling", "v1", "Scale" };
		more->spec_replicas = text(a, scale, "specReplicasPath");
		more->status_replicas = text(a, scale, "statusReplicasPath");
		more->label_selector = doc_str(scale, "labelSelectorPath") ? text(a, scale, "labelSelectorPath") : NULL;
	}
	if (yyjson_is_obj(yyjson_obj_get(subs, "status")))
		out[(*ret_count)++] = (struct kinds_sub){ .name = "status", .verbs = KVERB_GET | KVERB_PATCH | KVERB_UPDATE };
	return out;
}

static const char *lower(struct arena *a, const char *s)
{
	char *out = arena_strdup(a, s);

	for (char *p = out; p && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p |= 0x20;
	return out;
}

static void names_of(struct arena *a, yyjson_val *names, struct kinds_kind *k)
{
	k->kind = text(a, names, "kind");
	k->list_kind = doc_str(names, "listKind") ? text(a, names, "listKind") : arena_printf(a, "%sList", k->kind);
	k->plural = text(a, names, "plural");
	k->singular = doc_str(names, "singular") ? text(a, names, "singular") : lower(a, k->kind ? k->kind : "");
	k->short_names = texts(a, yyjson_obj_get(names, "shortNames"), NULL);
	k->categories = texts(a, yyjson_obj_get(names, "categories"), NULL);
}

static void schema_of(struct arena *a, yyjson_val *version, struct custom_kind *c)
{
	yyjson_val *schema = doc_get(version, "schema.openAPIV3Schema");
	BUF_AUTO struct buf b = { 0 };

	if (schema && doc_write(&b, schema))
		return;
	c->schema_len = b.len;
	c->schema = arena_strndup(a, b.p ? b.p : "", b.len);
}

/* Everything of a version that its OpenAPI document shows. */
static uint64_t stamp_of(const struct custom_kind *c)
{
	const char *const names[] = { c->kind.plural, c->kind.kind, c->kind.list_kind };
	uint64_t parts[5] = { hash_fnv64(c->schema, c->schema ? c->schema_len : 0), c->kind.namespaced };

	for (unsigned i = 0; i < c->kind.sub_count; i++)   /* status and scale */
		parts[1] |= c->kind.subs[i].kind ? 2 : 4;
	for (int i = 0; i < 3; i++)
		parts[i + 2] = names[i] ? hash_fnv64(names[i], strlen(names[i])) : 0;
	return hash_fnv64(parts, sizeof(parts));
}

/* names: those of the kind, the same for all versions. */
static void compile_version(struct definition *d, yyjson_val *spec, yyjson_val *version, const struct kinds_kind *names,
	struct custom_kind *c)
{
	struct arena *a = d->a;
	struct kinds_kind *k = &c->kind;
	const char *warning = doc_str(version, "deprecationWarning"), *strategy = doc_str(spec, "conversion.strategy");
	const char *scope = doc_str(spec, "scope");

	*k = *names;
	k->group = d->group;
	k->version = text(a, version, "name");
	k->namespaced = scope && !strcmp(scope, "Namespaced");
	k->ga = true;
	k->verbs = 0xff;
	k->custom = true;
	k->id = UINT16_MAX;
	k->store = arena_printf(a, "%s/%s", k->group, k->plural);
	k->api_version = arena_printf(a, "%s/%s", k->group, k->version);
	k->subs = subs_of(a, version, &c->more, &k->sub_count);
	k->columns = columns_of(a, version, &k->column_count);
	k->type = &c->type;
	c->type.name = arena_printf(a, "%s.%s", k->api_version, k->kind);
	c->list.name = arena_printf(a, "%s.%s", k->api_version, k->list_kind);
	c->of = d;
	c->storage = doc_bool(version, "storage", false);
	c->served = doc_bool(version, "served", false);
	c->keep_unknown = doc_bool(spec, "preserveUnknownFields", false);
	c->more.name = d->name;
	c->more.converts = strategy && !strcmp(strategy, "Webhook");
	if (yyjson_arr_size(yyjson_obj_get(version, "selectableFields")))
		c->more.selectable = texts(a, yyjson_obj_get(version, "selectableFields"), "jsonPath");
	if (doc_bool(version, "deprecated", false))
		c->more.warning = warning ? arena_strdup(a, warning) : arena_printf(a, "%s %s is deprecated", k->api_version, k->kind);
	schema_of(a, version, c);
	c->more.stamp = stamp_of(c);
}

static void taken_names(struct definition *d, const struct kinds_kind *k)
{
	const char **kinds = arena_zalloc(d->a, 3 * sizeof(*kinds)), **resources;
	size_t n = 0;

	while (k->short_names && k->short_names[n])
		n++;
	resources = arena_zalloc(d->a, (n + 3) * sizeof(*resources));
	if (!kinds || !resources)
		return;   /* over the cap, as the caller sees */
	kinds[0] = k->kind;
	kinds[1] = k->list_kind;
	resources[0] = k->plural;
	resources[1] = k->singular;
	for (size_t i = 0; i < n; i++)
		resources[i + 2] = k->short_names[i];
	d->kind_names = kinds;
	d->resource_names = resources;
}

int custom_compile(yyjson_val *definition, struct definition **ret, struct err *reterr)
{
	struct arena *a = arena_open(CUSTOM_DEFINITION_MAX);
	struct definition *d = a ? arena_zalloc(a, sizeof(*d)) : NULL;
	yyjson_val *spec = yyjson_obj_get(definition, "spec"), *versions = yyjson_obj_get(spec, "versions"), *version;
	yyjson_val *accepted = doc_get(definition, "status.acceptedNames");
	const char *plural = doc_str(accepted, "plural");
	struct kinds_kind names = { 0 };
	size_t i, n;

	if (d) {
		d->a = a;
		d->refs = 1;
		d->name = text(a, definition, "metadata.name");
		d->group = text(a, spec, "group");
		d->count = yyjson_arr_size(versions);
		d->kinds = arena_zalloc(a, (d->count + 1) * sizeof(*d->kinds));
		names_of(a, plural && *plural ? accepted : yyjson_obj_get(spec, "names"), &names);
		taken_names(d, &names);
	}
	if (!d || arena_over(a)) {
		arena_close(a);
		return err_set(reterr, ERR_SIZE, TOO_MUCH);
	}
	yyjson_arr_foreach(versions, i, n, version)
		compile_version(d, spec, version, &names, &d->kinds[i]);
	if (arena_over(a)) {
		arena_close(a);
		return err_set(reterr, ERR_SIZE, TOO_MUCH);
	}
	*ret = d;
	return 0;
}

void custom_unref(struct definition *d)
{
	if (!d || --d->refs)
		return;
	for (size_t i = 0; i < d->count; i++)
		arena_close(d->kinds[i].loaded);
	arena_close(d->a);
}

/* ---- schemas ---- */

static bool fill_list(struct arena *a, struct custom_kind *c)
{
	struct kinds_field *f = arena_zalloc(a, 4 * sizeof(*f));

	if (!f)
		return false;
	f[0] = (struct kinds_field){ .name = "apiVersion", .name_len = 10, .flags = KF_TYPEMETA, .value = KV_STRING };
	f[1] = (struct kinds_field){ .name = "items", .name_len = 5, .value = KV_OBJECT, .card = KC_LIST, .ptr = KP_SLICE,
		.omit = KO_NEVER, .type = &c->type };
	f[2] = (struct kinds_field){ .name = "kind", .name_len = 4, .flags = KF_TYPEMETA, .value = KV_STRING };
	f[3] = (struct kinds_field){ .name = "metadata", .name_len = 8, .value = KV_OBJECT,
		.type = kinds_type_by_name("meta/v1.ListMeta") };
	c->list.fields = f;
	c->list.field_count = 4;
	return true;
}

bool custom_load(struct custom_kind *c)
{
	ARENA_AUTO struct arena *source = c->loaded || c->broken ? NULL : arena_open(CUSTOM_DEFINITION_MAX);
	struct kinds_schema *schema;
	struct arena *a;
	yyjson_doc *doc;
	struct err e = { .msg = TOO_MUCH };
	int rc;

	if (c->loaded || c->broken)
		return c->loaded != NULL;
	a = arena_open(CUSTOM_DEFINITION_MAX);
	rc = a && source && c->schema ? doc_parse(source, c->schema_len ? c->schema : "{}", c->schema_len ? c->schema_len : 2,
		&doc, &e) : -ERR_SIZE;
	if (!rc)
		rc = schema_compile(a, yyjson_doc_get_root(doc), &schema, &e);
	if (!rc && c->keep_unknown)
		schema->keep_unknown = true;
	if (!rc && (!schema_type_fill(a, schema, &c->type, c->type.name, true) || !fill_list(a, c)))
		rc = -ERR_SIZE;
	if (rc) {
		log_error("%s is not served: %s", c->type.name, e.msg);
		c->type = (struct kinds_type){ .name = c->type.name };
		c->broken = a && source;       /* else there was no memory to try */
		arena_close(a);
		return false;
	}
	c->loaded = a;
	return true;
}
