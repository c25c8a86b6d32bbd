/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry - finding kinds and types by their names.
 *
 * Built-in ones are found in orders made at build time; custom ones, few and
 * rarely changed, in one sorted array.
 */
#include <string.h>

#include "kinds/custom.h"
#include "kinds/table.h"

static int compare3(const char *a1, const char *a2, const char *a3,
	const char *b1, const char *b2, const char *b3)
{
	int c = strcmp(a1, b1);

	if (!c)
		c = strcmp(a2, b2);
	return c ? c : strcmp(a3, b3);
}

/* A built-in kind by one of its names in an order sorted by that name, group, version. */
static const struct kinds_kind *search(const uint8_t *order, bool by_plural, const char *name, const char *group,
	const char *version)
{
	size_t lo = 0, hi = kinds_builtin_count;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct kinds_kind *k = &kinds_builtin[order[mid]];
		int c = compare3(name, group, version, by_plural ? k->plural : k->kind, k->group, k->version);

		if (!c)
			return k;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return custom_find(group, version, name, by_plural);
}

const struct kinds_kind *kinds_by_resource(const char *group, const char *version, const char *plural)
{
	return search(kinds_by_plural_order, true, plural, group, version);
}

const struct kinds_kind *kinds_by_kind(const char *group, const char *version, const char *kind)
{
	return search(kinds_by_kind_order, false, kind, group, version);
}

const struct kinds_kind *kinds_by_store(const char *store)
{
	for (size_t i = 0; i < kinds_builtin_count; i++)
		if (kinds_builtin[i].store && !strcmp(kinds_builtin[i].store, store))
			return &kinds_builtin[i];
	return custom_by_store(store);
}

const struct kinds_sub *kinds_sub(const struct kinds_kind *k, const char *name)
{
	for (size_t i = 0; i < k->sub_count; i++)
		if (!strcmp(k->subs[i].name, name))
			return &k->subs[i];
	return NULL;
}

static void copy_cut(char *to, size_t size, const char *from, size_t n)
{
	if (n >= size)
		n = size - 1;
	memcpy(to, from, n);
	to[n] = 0;
}

void kinds_split_api_version(const char *api_version, char group[254], char version[64])
{
	const char *slash = strchr(api_version, '/');

	if (slash) {
		copy_cut(group, 254, api_version, (size_t)(slash - api_version));
		api_version = slash + 1;
	} else {
		group[0] = 0;
	}
	copy_cut(version, 64, api_version, strlen(api_version));
}

const char *kinds_api_version(const struct kinds_kind *k)
{
	return k->api_version;
}

bool kinds_next(size_t *it, const struct kinds_kind **ret)
{
	const struct kinds_kind *k = *it < kinds_builtin_count ? &kinds_builtin[*it] :
		custom_at(*it - kinds_builtin_count);

	if (!k)
		return false;
	*ret = k;
	++*it;
	return true;
}

const struct kinds_type *kinds_type_by_name(const char *name)
{
	size_t lo = 0, hi = kinds_type_count;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(name, kinds_types[mid].name);

		if (!c)
			return &kinds_types[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static const struct kinds_type *builtin_gvk(const char *group, const char *version, const char *kind)
{
	size_t lo = 0, hi = kinds_gvk_count;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct kinds_gvk *g = &kinds_gvks[mid];
		int c = compare3(kind, group, version, g->kind, g->group, g->version);

		if (!c)
			return &kinds_types[g->type];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct kinds_type *kinds_type_by_gvk(const char *group, const char *version, const char *kind)
{
	static const char *const options[] = { "CreateOptions", "DeleteOptions", "GetOptions",
		"ListOptions", "PatchOptions", "UpdateOptions", "WatchEvent" };
	const struct kinds_type *t = builtin_gvk(group, version, kind);

	if (!t)
		t = custom_gvk(group, version, kind);

	for (size_t i = 0; !t && i < sizeof(options) / sizeof(options[0]); i++)
		if (!strcmp(kind, options[i]))
			t = builtin_gvk("meta.k8s.io", "v1", kind);
	return t;
}

uint64_t kinds_generation(void)
{
	return custom_generation();
}

const char *kinds_describe(const struct kinds_type *t, uint16_t member)
{
	size_t type = (size_t)(t - kinds_types), lo = 0, hi = kinds_text_count;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct kinds_text *x = &kinds_texts[mid];

		if (x->type == type && x->member == member)
			return kinds_text_pool + x->text;
		if (type < x->type || (type == x->type && member < x->member))
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}
