/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custom - the registry of definitions: what is found by name is found in constant
 * time; the sorted order of all kinds, which discovery asks for, is made when asked.
 *
 * Versions are in Kubernetes' order: v2, v1, v2beta1, v1beta1, v1alpha1, then
 * others by name.
 * Source: apimachinery pkg/version (order).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kinds/custom.h"
#include "kinds/table.h"

#define KEY_MAX 512   /* group (253), version (63), name (253) are shorter together */

static struct {
	struct map definitions;        /* metadata.name -> struct definition */
	struct map versions;           /* "group/version/plural" and "group/version kind" -> struct custom_kind */
	struct map stores;             /* "group/plural" -> struct definition */
	struct map taken;              /* "r group/name", "k group/kind" -> struct definition */
	const struct kinds_kind **order;   /* served ones by group, then version, then plural */
	size_t count;
	bool stale;                    /* order is not that of what is registered */
	uint64_t generation;
} registry = { .generation = 1 };

static struct custom_kind *custom_of(const struct kinds_kind *k)
{
	return (struct custom_kind *)(uintptr_t)k;   /* those of the registry are never read-only memory */
}

static const char *key3(char key[KEY_MAX], const char *group, char sep, const char *version, const char *name)
{
	snprintf(key, KEY_MAX, "%s/%s%c%s", group, version, sep, name);
	return key;
}

static const char *key2(char key[KEY_MAX], char what, const char *group, const char *name)
{
	snprintf(key, KEY_MAX, "%c %s/%s", what, group, name);
	return key;
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

/* Without memory nothing custom is listed until the next change. */
static void sort(void)
{
	const char *name;
	void *v;
	size_t n = 0;

	registry.stale = false;
	free(registry.order);
	registry.count = 0;
	for (size_t it = 0; map_next(&registry.definitions, &it, &name, &v);)
		n += ((struct definition *)v)->count;
	registry.order = malloc((n + 1) * sizeof(*registry.order));
	if (!registry.order)
		return;
	for (size_t it = 0; map_next(&registry.definitions, &it, &name, &v);) {
		struct definition *d = v;

		for (size_t i = 0; i < d->count; i++)
			if (d->kinds[i].served)
				registry.order[registry.count++] = &d->kinds[i].kind;
	}
	qsort(registry.order, registry.count, sizeof(*registry.order), kind_order);
}

/* ---- names ---- */

static bool builtin_has(const char *group, bool kind, const char *name)
{
	for (size_t i = 0; i < kinds_builtin_count; i++) {
		const struct kinds_kind *k = &kinds_builtin[i];

		if (strcmp(k->group, group))
			continue;
		if (kind ? !strcmp(k->kind, name) || !strcmp(k->list_kind, name) :
				!strcmp(k->plural, name) || !strcmp(k->singular, name))
			return true;
		for (const char *const *s = k->short_names; !kind && s && *s; s++)
			if (!strcmp(*s, name))
				return true;
	}
	return false;
}

bool kinds_builtin_group(const char *group)
{
	for (size_t i = 0; i < kinds_builtin_count; i++)
		if (!strcmp(kinds_builtin[i].group, group))
			return true;
	return false;
}

bool kinds_custom_taken(const char *group, bool kind, const char *name, const char *but)
{
	char key[KEY_MAX];
	const struct definition *d = map_get(&registry.taken, key2(key, kind ? 'k' : 'r', group, name));

	return (d && strcmp(d->name, but)) || builtin_has(group, kind, name);
}

static int check_free(const struct definition *d, struct err *reterr)
{
	if (kinds_builtin_group(d->group))
		return err_set(reterr, ERR_CONFLICT, "group %s is built in", d->group);
	for (int kind = 0; kind < 2; kind++)
		for (const char *const *n = kind ? d->kind_names : d->resource_names; *n; n++)
			if (kinds_custom_taken(d->group, kind, *n, d->name))
				return err_set(reterr, ERR_CONFLICT, "\"%s\" is already in use", *n);
	return 0;
}

/* ---- coming and going ---- */

static void take_out(struct map *m, const char *key, const void *value)
{
	if (map_get(m, key) == value)
		map_del(m, key);
}

static void leave(struct definition *d)
{
	char key[KEY_MAX];

	for (size_t i = 0; i < d->count; i++) {
		struct custom_kind *c = &d->kinds[i];
		const struct kinds_kind *k = &c->kind;

		take_out(&registry.versions, key3(key, k->group, '/', k->version, k->plural), c);
		take_out(&registry.versions, key3(key, k->group, ' ', k->version, k->kind), c);
		take_out(&registry.versions, key3(key, k->group, ' ', k->version, k->list_kind), c);
		take_out(&registry.stores, k->store, d);
	}
	for (int kind = 0; kind < 2; kind++)
		for (const char *const *n = kind ? d->kind_names : d->resource_names; *n; n++)
			take_out(&registry.taken, key2(key, kind ? 'k' : 'r', d->group, *n), d);
	take_out(&registry.definitions, d->name, d);
	registry.stale = true;
	registry.generation++;
}

/* False: no memory, and d is not in the registry. */
static bool enter(struct definition *d)
{
	char key[KEY_MAX];
	bool ok = !map_put(&registry.definitions, d->name, d, NULL);

	for (size_t i = 0; ok && i < d->count; i++) {
		struct custom_kind *c = &d->kinds[i];
		const struct kinds_kind *k = &c->kind;

		ok = !map_put(&registry.stores, k->store, d, NULL);
		if (ok && c->served)
			ok = !map_put(&registry.versions, key3(key, k->group, '/', k->version, k->plural), c, NULL) &&
				!map_put(&registry.versions, key3(key, k->group, ' ', k->version, k->kind), c, NULL) &&
				!map_put(&registry.versions, key3(key, k->group, ' ', k->version, k->list_kind), c, NULL);
	}
	for (int kind = 0; kind < 2; kind++)
		for (const char *const *n = kind ? d->kind_names : d->resource_names; ok && *n; n++)
			ok = !map_put(&registry.taken, key2(key, kind ? 'k' : 'r', d->group, *n), d, NULL);
	registry.stale = true;
	registry.generation++;
	if (!ok)
		leave(d);
	return ok;
}

int kinds_custom_put(yyjson_val *definition, int64_t changed_rev, struct err *reterr)
{
	struct definition *d, *old;
	int e = custom_compile(definition, &d, reterr);

	if (e)
		return e;
	for (size_t i = 0; i < d->count; i++)
		d->kinds[i].more.changed_rev = changed_rev;
	e = check_free(d, reterr);
	old = map_get(&registry.definitions, d->name);
	if (!e && !old && registry.definitions.len >= CUSTOM_DEFINITIONS_MAX)
		e = err_set(reterr, ERR_FULL, "there are %d definitions already", CUSTOM_DEFINITIONS_MAX);
	if (!e && old)
		leave(old);
	if (!e && !enter(d)) {
		e = err_set(reterr, ERR_NOMEM, "out of memory");
		if (old && !enter(old))
			custom_unref(old);
	} else if (!e) {
		custom_unref(old);
	}
	if (e)
		custom_unref(d);
	return e;
}

int64_t kinds_custom_changed_rev(const char *name)
{
	const struct definition *d = map_get(&registry.definitions, name);

	return d && d->count ? d->kinds[0].more.changed_rev : 0;
}

void kinds_custom_drop(const char *name)
{
	struct definition *d = map_get(&registry.definitions, name);

	if (!d)
		return;
	leave(d);
	custom_unref(d);
}

void kinds_custom_clear(void)
{
	const char *name;
	void *v;

	for (size_t it = 0; map_next(&registry.definitions, &it, &name, &v);)
		custom_unref(v);
	map_finish(&registry.definitions);
	map_finish(&registry.versions);
	map_finish(&registry.stores);
	map_finish(&registry.taken);
	registry.definitions = registry.versions = registry.stores = registry.taken = (struct map){ 0 };
	free(registry.order);
	registry.order = NULL;
	registry.count = 0;
	registry.generation++;
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
		custom_unref(custom_of(k)->of);
}

/* ---- asking ---- */

const struct kinds_custom *kinds_custom_of(const struct kinds_kind *k)
{
	return k->custom ? &custom_of(k)->more : NULL;
}

yyjson_val *kinds_custom_schema(const struct kinds_kind *k, struct arena *a)
{
	const struct custom_kind *c = custom_of(k);
	yyjson_doc *doc;

	return c->schema_len && !doc_parse(a, c->schema, c->schema_len, &doc, NULL) ? yyjson_doc_get_root(doc) : NULL;
}

const struct kinds_kind *kinds_custom_stored(const struct kinds_kind *k)
{
	const struct definition *d = custom_of(k)->of;

	for (size_t i = 0; i < d->count; i++)
		if (d->kinds[i].storage && custom_load(&d->kinds[i]))
			return &d->kinds[i].kind;
	return k;
}

const char *kinds_custom_storage_version(const struct kinds_kind *k)
{
	const struct definition *d = custom_of(k)->of;

	for (size_t i = 0; i < d->count; i++)
		if (d->kinds[i].storage)
			return d->kinds[i].kind.version;
	return k->version;
}

const struct kinds_kind *kinds_custom_version(const struct kinds_kind *k, const char *version)
{
	const struct definition *d = custom_of(k)->of;

	for (size_t i = 0; i < d->count; i++)
		if (!strcmp(d->kinds[i].kind.version, version) && custom_load(&d->kinds[i]))
			return &d->kinds[i].kind;
	return NULL;
}

/* ---- for registry.c ---- */

uint64_t custom_generation(void)
{
	return registry.generation;
}

const struct kinds_kind *custom_at(size_t i)
{
	if (registry.stale)
		sort();
	return i < registry.count ? registry.order[i] : NULL;
}

const struct kinds_kind *custom_find(const char *group, const char *version, const char *name, bool plural)
{
	char key[KEY_MAX];
	struct custom_kind *c = map_get(&registry.versions, key3(key, group, plural ? '/' : ' ', version, name));

	return c && (plural || !strcmp(c->kind.kind, name)) && custom_load(c) ? &c->kind : NULL;
}

const struct kinds_kind *custom_by_store(const char *store)
{
	const struct definition *d = map_get(&registry.stores, store);

	return d && d->count ? kinds_custom_stored(&d->kinds[0].kind) : NULL;
}

const struct kinds_type *custom_gvk(const char *group, const char *version, const char *kind)
{
	char key[KEY_MAX];
	struct custom_kind *c = map_get(&registry.versions, key3(key, group, ' ', version, kind));

	if (!c || !custom_load(c))
		return NULL;
	return strcmp(c->kind.kind, kind) ? &c->list : &c->type;
}

const struct kinds_type *custom_list_type(const struct kinds_kind *k)
{
	return &custom_of(k)->list;
}

void custom_copy(struct custom_kind *to, const struct kinds_kind *k)
{
	kinds_ref(k);
	*to = *custom_of(k);
	to->type = (struct kinds_type){ .name = to->type.name };
	to->list = (struct kinds_type){ .name = to->list.name };
	to->kind.type = &to->type;
	to->loaded = NULL;
}
