/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custom - definitions compiled to kinds, and the registry of those.
 *
 * Versions are in Kubernetes' order: v2, v1, v2beta1, v1beta1, v1alpha1, then
 * others by name.
 * Source: apimachinery pkg/version (order), apiextensions pkg/apiserver.
 */
#include <stdlib.h>
#include <string.h>

#include "kinds/custom.h"
#include "kinds/kinds_custom.h"
#include "kinds/schema.h"
#include "kinds/table.h"

#define COLUMNS_MAX 200

struct definition;
struct custom_kind {
	struct kinds_kind kind;        /* first: found back from it */
	struct kinds_custom more;
	struct definition *of;
	const struct kinds_type *list;
	bool storage;
};
struct definition {
	struct arena *a;
	unsigned refs;
	const char *name;
	struct custom_kind **kinds;
	size_t count;
};

static struct {
	const struct kinds_kind **v;   /* by group, then version, then plural */
	size_t n;
	struct definition **definitions;
	size_t definition_count;
	uint64_t generation;
} registry = { .generation = 1 };

static const struct custom_kind *custom_of(const struct kinds_kind *k)
{
	return (const struct custom_kind *)(const void *)k;
}

/* ---- order ---- */

/* "v2beta3": 2, 1 (beta), 3. False: not of that form. */
static bool split_version(const char *s, unsigned long ret[3])
{
	char *end;

	if (*s++ != 'v' || *s < '1' || *s > '9')
		return false;
	ret[0] = strtoul(s, &end, 10);
	ret[1] = !*end ? 2 : !strncmp(end, "beta", 4) ? 1 : 0;
	if (!*end)
		return true;
	if (strncmp(end, "beta", 4) && strncmp(end, "alpha", 5))
		return false;
	end += ret[1] ? 4 : 5;
	ret[2] = strtoul(end, &end, 10);
	return ret[2] && !*end;
}

int custom_version_order(const char *a, const char *b)
{
	static const int by[] = { 1, 0, 2 };   /* stability, major, minor */
	unsigned long x[3] = {0}, y[3] = {0};
	bool ax = split_version(a, x), by_form = split_version(b, y);

	if (ax != by_form)
		return ax ? -1 : 1;
	for (int i = 0; ax && i < 3; i++)
		if (x[by[i]] != y[by[i]])
			return x[by[i]] > y[by[i]] ? -1 : 1;
	return strcmp(a, b);
}

static int kind_order(const void *pa, const void *pb)
{
	const struct kinds_kind *a = *(const struct kinds_kind *const *)pa, *b = *(const struct kinds_kind *const *)pb;
	int order = strcmp(a->group, b->group);

	if (!order)
		order = custom_version_order(a->version, b->version);
	return order ? order : strcmp(a->plural, b->plural);
}

/* ---- compiling ---- */

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
	struct kinds_column *out = arena_zalloc(a, (n + 2) * sizeof(*out));

	if (!out)
		return NULL;
	out[0] = (struct kinds_column){ .name = "Name", .type = "string", .format = "name",
		.description = "Name of the object, unique in its namespace." };
	yyjson_arr_foreach(list, i, max, c)
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

/* The type of a list of k's objects. */
static const struct kinds_type *list_of(struct arena *a, const struct kinds_kind *k)
{
	struct kinds_type *t = arena_zalloc(a, sizeof(*t));
	struct kinds_field *f = arena_zalloc(a, 4 * sizeof(*f));

	if (!t || !f)
		return NULL;
	f[0] = (struct kinds_field){ .name = "apiVersion", .name_len = 10, .flags = KF_TYPEMETA, .value = KV_STRING };
	f[1] = (struct kinds_field){ .name = "items", .name_len = 5, .value = KV_OBJECT, .card = KC_LIST, .ptr = KP_SLICE,
		.omit = KO_NEVER, .type = k->type };
	f[2] = (struct kinds_field){ .name = "kind", .name_len = 4, .flags = KF_TYPEMETA, .value = KV_STRING };
	f[3] = (struct kinds_field){ .name = "metadata", .name_len = 8, .value = KV_OBJECT,
		.type = kinds_type_by_name("meta/v1.ListMeta") };
	t->name = arena_printf(a, "%s.%s", k->api_version, k->list_kind);
	t->fields = f;
	t->field_count = 4;
	return t->name ? t : NULL;
}

static void warning_of(struct arena *a, yyjson_val *version, const struct kinds_kind *k, struct kinds_custom *more)
{
	const char *own = doc_str(version, "deprecationWarning");

	if (doc_bool(version, "deprecated", false))
		more->warning = own ? arena_strdup(a, own) : arena_printf(a, "%s %s is deprecated", k->api_version, k->kind);
}

static int compile_version(struct definition *d, yyjson_val *spec, yyjson_val *version, struct custom_kind *c, struct err *reterr)
{
	struct arena *a = d->a;
	struct kinds_kind *k = &c->kind;
	yyjson_val *names = yyjson_obj_get(spec, "names");
	struct kinds_schema *schema;
	int e;

	k->group = text(a, spec, "group");
	k->version = text(a, version, "name");
	k->kind = text(a, names, "kind");
	k->list_kind = doc_str(names, "listKind") ? text(a, names, "listKind") : arena_printf(a, "%sList", k->kind);
	k->plural = text(a, names, "plural");
	k->singular = doc_str(names, "singular") ? text(a, names, "singular") : text(a, names, "kind");
	for (char *p = doc_str(names, "singular") ? NULL : (char *)k->singular; p && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p |= 0x20;
	k->short_names = texts(a, yyjson_obj_get(names, "shortNames"), NULL);
	k->categories = texts(a, yyjson_obj_get(names, "categories"), NULL);
	k->namespaced = !strcmp(text(a, spec, "scope"), "Namespaced");
	k->ga = true;
	k->verbs = 0xff;
	k->custom = true;
	k->id = UINT16_MAX;
	k->store = arena_printf(a, "%s/%s", k->group, k->plural);
	k->api_version = arena_printf(a, "%s/%s", k->group, k->version);
	k->subs = subs_of(a, version, &c->more, &k->sub_count);
	if (yyjson_arr_size(yyjson_obj_get(version, "additionalPrinterColumns")) > COLUMNS_MAX)
		return err_set(reterr, ERR_BAD_REQUEST, "more than %d additionalPrinterColumns", COLUMNS_MAX);
	k->columns = columns_of(a, version, &k->column_count);
	c->of = d;
	c->storage = doc_bool(version, "storage", false);
	c->more.name = d->name;
	c->more.converts = !strcmp(text(a, spec, "conversion.strategy"), "Webhook");
	c->more.schema = doc_get(version, "schema.openAPIV3Schema");
	if (yyjson_arr_size(yyjson_obj_get(version, "selectableFields")))
		c->more.selectable = texts(a, yyjson_obj_get(version, "selectableFields"), "jsonPath");
	warning_of(a, version, k, &c->more);
	if (arena_over(a))
		return err_set(reterr, ERR_SIZE, "the definition needs too much memory");
	e = schema_compile(a, c->more.schema, &schema, reterr);
	if (e)
		return e;
	if (doc_bool(spec, "preserveUnknownFields", false))
		schema->keep_unknown = true;
	k->type = schema_type_of(a, schema, arena_printf(a, "%s.%s", k->api_version, k->kind), true);
	c->list = k->type ? list_of(a, k) : NULL;
	return c->list && !arena_over(a) ? 0 : err_set(reterr, ERR_SIZE, "the definition needs too much memory");
}

static int compile_versions(struct definition *d, yyjson_val *definition, struct err *reterr)
{
	yyjson_val *spec = yyjson_obj_get(definition, "spec"), *versions = yyjson_obj_get(spec, "versions"), *version;
	const char *storage = "";
	size_t i, n;

	d->kinds = arena_zalloc(d->a, (yyjson_arr_size(versions) + 1) * sizeof(*d->kinds));
	if (!d->kinds)
		return err_set(reterr, ERR_SIZE, "the definition needs too much memory");
	yyjson_arr_foreach(versions, i, n, version) {
		struct custom_kind *c;
		int e;

		if (doc_bool(version, "storage", false))
			storage = text(d->a, version, "name");
		if (!doc_bool(version, "served", false))
			continue;
		if (!yyjson_is_obj(doc_get(version, "schema.openAPIV3Schema")))
			return err_set(reterr, ERR_BAD_REQUEST, "spec.versions[%zu].schema.openAPIV3Schema: Required value", i);
		c = arena_zalloc(d->a, sizeof(*c));
		e = c ? compile_version(d, spec, version, c, reterr) : -ERR_SIZE;
		if (e)
			return e;
		d->kinds[d->count++] = c;
	}
	for (i = 0; i < d->count; i++)
		d->kinds[i]->more.storage_version = storage;
	return 0;
}

/* The definition is copied whole, since schemas point into it. */
static int compile(yyjson_val *definition, struct definition **ret, struct err *reterr)
{
	struct arena *a = arena_open(CUSTOM_DEFINITION_MAX);
	struct definition *d = a ? arena_zalloc(a, sizeof(*d)) : NULL;
	yyjson_mut_doc *doc = d ? doc_new(a) : NULL;
	yyjson_val *own = doc ? doc_freeze(a, yyjson_val_mut_copy(doc, definition)) : NULL;
	int e;

	if (!own) {
		arena_close(a);
		return err_set(reterr, ERR_SIZE, "the definition needs too much memory");
	}
	d->a = a;
	d->refs = 1;
	d->name = text(a, own, "metadata.name");
	e = compile_versions(d, own, reterr);
	if (e) {
		arena_close(a);
		return e;
	}
	*ret = d;
	return 0;
}

/* ---- registry ---- */

static void unref(struct definition *d)
{
	if (d && !--d->refs)
		arena_close(d->a);
}

static size_t find_definition(const char *name)
{
	size_t i = 0;

	while (i < registry.definition_count && strcmp(registry.definitions[i]->name, name))
		i++;
	return i;
}

static int check_free(const struct definition *d, struct err *reterr)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct kinds_kind *k = &d->kinds[i]->kind;

		for (size_t j = 0; j < kinds_builtin_count; j++)
			if (!strcmp(kinds_builtin[j].group, k->group))
				return err_set(reterr, ERR_CONFLICT, "group %s is built in", k->group);
		for (size_t j = 0; j < registry.n; j++) {
			const struct kinds_kind *other = registry.v[j];

			if (strcmp(other->group, k->group) || !strcmp(custom_of(other)->of->name, d->name))
				continue;
			if (!strcmp(other->plural, k->plural) || !strcmp(other->kind, k->kind) || !strcmp(other->list_kind, k->list_kind))
				return err_set(reterr, ERR_CONFLICT, "%s or %s is already in use in %s", k->plural, k->kind, k->group);
		}
	}
	return 0;
}

/* Rebuild the sorted array from the definitions. False: no memory, nothing changed. */
static bool rebuild(struct definition *without, struct definition *with)
{
	const struct kinds_kind **v;
	size_t n = 0;

	for (size_t i = 0; i < registry.definition_count; i++)
		n += registry.definitions[i]->count;
	v = malloc((n + (with ? with->count : 0) + 1) * sizeof(*v));
	if (!v)
		return false;
	n = 0;
	for (size_t i = 0; i <= registry.definition_count; i++) {
		struct definition *d = i < registry.definition_count ? registry.definitions[i] : with;

		for (size_t j = 0; d && d != without && j < d->count; j++)
			v[n++] = &d->kinds[j]->kind;
	}
	qsort(v, n, sizeof(*v), kind_order);
	free(registry.v);
	registry.v = v;
	registry.n = n;
	registry.generation++;
	return true;
}

int kinds_custom_put(yyjson_val *definition, struct err *reterr)
{
	struct definition *d, *old;
	size_t at;
	int e = compile(definition, &d, reterr);

	if (e)
		return e;
	e = check_free(d, reterr);
	at = find_definition(d->name);
	old = at < registry.definition_count ? registry.definitions[at] : NULL;
	if (!e && !old && registry.definition_count >= CUSTOM_DEFINITIONS_MAX)
		e = err_set(reterr, ERR_FULL, "there are %d definitions already", CUSTOM_DEFINITIONS_MAX);
	if (!e && !old) {
		struct definition **grown = realloc(registry.definitions, (registry.definition_count + 1) * sizeof(*grown));

		if (grown)
			registry.definitions = grown;
		else
			e = err_set(reterr, ERR_NOMEM, "out of memory");
	}
	if (!e && !rebuild(old, d))
		e = err_set(reterr, ERR_NOMEM, "out of memory");
	if (e) {
		unref(d);
		return e;
	}
	registry.definitions[at] = d;
	registry.definition_count += !old;
	unref(old);
	return 0;
}

int kinds_custom_check(yyjson_val *definition, struct err *reterr)
{
	struct definition *d;
	int e = compile(definition, &d, reterr);

	if (e)
		return e;
	e = check_free(d, reterr);
	unref(d);
	return e;
}

void kinds_custom_drop(const char *name)
{
	size_t at = find_definition(name);

	if (at == registry.definition_count)
		return;
	struct definition *d = registry.definitions[at];

	if (!rebuild(d, NULL)) {
		/* Shrinking in place needs no memory: keep the order, leave its kinds out. */
		size_t n = 0;

		for (size_t i = 0; i < registry.n; i++)
			if (custom_of(registry.v[i])->of != d)
				registry.v[n++] = registry.v[i];
		registry.n = n;
		registry.generation++;
	}
	registry.definitions[at] = registry.definitions[--registry.definition_count];
	unref(d);
}

void kinds_custom_clear(void)
{
	while (registry.definition_count)
		kinds_custom_drop(registry.definitions[0]->name);
	free(registry.definitions);
	free(registry.v);
	registry.definitions = NULL;
	registry.v = NULL;
}

const struct kinds_kind *kinds_ref(const struct kinds_kind *k)
{
	if (k && k->custom)
		custom_of(k)->of->refs++;
	return k;
}

void kinds_unref(const struct kinds_kind *k)
{
	if (k && k->custom)
		unref(custom_of(k)->of);
}

const struct kinds_custom *kinds_custom_of(const struct kinds_kind *k)
{
	return k->custom ? &custom_of(k)->more : NULL;
}

const struct kinds_kind *kinds_custom_stored(const struct kinds_kind *k)
{
	const struct definition *d = custom_of(k)->of;

	for (size_t i = 0; i < d->count; i++)
		if (d->kinds[i]->storage)
			return &d->kinds[i]->kind;
	return k;   /* the stored version is not served */
}

/* ---- for registry.c ---- */

uint64_t custom_generation(void)
{
	return registry.generation;
}

const struct kinds_kind *custom_at(size_t i)
{
	return i < registry.n ? registry.v[i] : NULL;
}

const struct kinds_kind *custom_find(const char *group, const char *version, const char *name, bool plural)
{
	for (size_t i = 0; i < registry.n; i++) {
		const struct kinds_kind *k = registry.v[i];

		if (!strcmp(plural ? k->plural : k->kind, name) && !strcmp(k->group, group) && !strcmp(k->version, version))
			return k;
	}
	return NULL;
}

const struct kinds_kind *custom_by_store(const char *store)
{
	for (size_t i = 0; i < registry.n; i++)
		if (!strcmp(registry.v[i]->store, store))
			return kinds_custom_stored(registry.v[i]);
	return NULL;
}

const struct kinds_type *custom_gvk(const char *group, const char *version, const char *kind)
{
	for (size_t i = 0; i < registry.n; i++) {
		const struct kinds_kind *k = registry.v[i];

		if (strcmp(k->group, group) || strcmp(k->version, version))
			continue;
		if (!strcmp(k->kind, kind))
			return k->type;
		if (!strcmp(k->list_kind, kind))
			return custom_of(k)->list;
	}
	return NULL;
}
