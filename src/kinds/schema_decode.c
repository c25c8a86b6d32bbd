/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_decode - a custom object's JSON to its normal form: members by name,
 * what the schema does not know pruned, null dropped where it may not be.
 *
 * Types are not checked here, validation does that; only metadata is typed, as
 * that of every object.
 * Source: apiextensions pkg/apiserver/schema/pruning, .../defaulting/prune.go,
 * pkg/apiserver/schema/objectmeta.
 */
#include <string.h>

#include "kinds/json.h"
#include "kinds/schema.h"

static yyjson_mut_val *decode(struct json_decoder *c, const struct kinds_schema *s, bool meta, yyjson_val *in,
	const struct json_step *at, int *ret);

/* What the member key of an object with schema s is decoded by. */
struct member { const struct kinds_schema *schema; bool known; };

static struct member member_of(const struct kinds_schema *s, const char *key, size_t len)
{
	const struct schema_property *p;

	if (!s)
		return (struct member){ NULL, true };
	p = schema_property(s, key, len);
	if (p)
		return (struct member){ p->schema, true };
	return (struct member){ s->additional, s->additional || s->additional_any || s->keep_unknown };
}

static yyjson_mut_val *meta_member(struct json_decoder *c, const char *key, yyjson_val *in,
	const struct json_step *at, int *ret)
{
	if (!strcmp(key, "metadata"))
		return json_object(c, kinds_type_by_name("meta/v1.ObjectMeta"), in, at, ret);
	if (!yyjson_is_str(in)) {
		*ret = json_wrong_type(c, doc_word(in), "", "string", at);
		return NULL;
	}
	return yyjson_mut_strncpy(c->d, yyjson_get_str(in), yyjson_get_len(in));
}

static yyjson_mut_val *write_object(struct json_decoder *c, struct kinds_entry *entries, size_t n, int *ret)
{
	yyjson_mut_val *obj = yyjson_mut_obj(c->d);

	for (size_t i = 0; i < n; i++) {
		yyjson_mut_val *key = yyjson_mut_strncpy(c->d, entries[i].key, entries[i].len);

		if (!key || !yyjson_mut_obj_add(obj, key, entries[i].value)) {
			*ret = json_over(c);
			return NULL;
		}
	}
	if (!obj)
		*ret = json_over(c);
	return obj;
}

static yyjson_mut_val *decode_members(struct json_decoder *c, const struct kinds_schema *s, bool meta, yyjson_val *in,
	const struct json_step *at, int *ret)
{
	struct json_step here = { .up = at, .depth = at ? at->depth + 1 : 1 };
	size_t n = yyjson_obj_size(in), kept = 0, sorted;
	struct kinds_entry *entries = arena_alloc(c->a, (n + 1) * sizeof(*entries));
	bool has_meta = false;
	yyjson_obj_iter it;
	yyjson_val *key;

	if (!entries || n >= UINT32_MAX) {
		*ret = json_over(c);
		return NULL;
	}
	yyjson_obj_iter_init(in, &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		yyjson_val *v = yyjson_obj_iter_get_val(key);
		bool is_meta, is_null = yyjson_is_null(v);
		struct member m;

		here.key = yyjson_get_str(key);
		here.len = yyjson_get_len(key);
		is_meta = meta && schema_is_meta(here.key);
		m = member_of(s, here.key, here.len);
		if (!is_meta && !m.known) {
			json_problem(c, "unknown field", &here);
			continue;
		}
		if (is_null && (is_meta || (m.schema && !m.schema->nullable)))
			continue;
		has_meta |= is_meta && *here.key == 'm';
		entries[kept] = (struct kinds_entry){ .key = here.key, .len = (uint32_t)here.len, .order = (uint32_t)kept };
		entries[kept].value = is_meta ? meta_member(c, here.key, v, &here, ret) :
			decode(c, m.schema, m.schema && m.schema->embedded, v, &here, ret);
		if (!*ret && !entries[kept].value)
			*ret = json_over(c);
		if (*ret)
			return NULL;
		kept++;
	}
	if (meta && !at && !has_meta) {
		entries[kept] = (struct kinds_entry){ .key = "metadata", .len = 8, .order = (uint32_t)kept,
			.value = yyjson_mut_obj(c->d) };
		kept++;
	}
	sorted = kinds_sort_entries(entries, kept);
	if (sorted < kept && c->strict != KS_IGNORE)
		json_repeats(c, in, &here);
	return write_object(c, entries, sorted, ret);
}

static yyjson_mut_val *decode(struct json_decoder *c, const struct kinds_schema *s, bool meta, yyjson_val *in,
	const struct json_step *at, int *ret)
{
	struct json_step here = { .up = at, .depth = at ? at->depth + 1 : 1 };
	yyjson_mut_val *arr, *x;
	yyjson_arr_iter it;
	yyjson_val *item;

	if (here.depth > DOC_DEPTH_MAX) {
		*ret = err_set(c->reterr, ERR_BAD_REQUEST, "exceeded max depth");
		return NULL;
	}
	if (yyjson_is_obj(in))
		return decode_members(c, s, meta, in, at, ret);
	if (!yyjson_is_arr(in))
		return yyjson_val_mut_copy(c->d, in);
	arr = yyjson_mut_arr(c->d);
	yyjson_arr_iter_init(in, &it);
	for (; (item = yyjson_arr_iter_next(&it)); here.index++) {
		const struct kinds_schema *of = s ? s->items : NULL;

		x = decode(c, of, of && of->embedded, item, &here, ret);
		if (*ret)
			return NULL;
		if (!yyjson_mut_arr_append(arr, x)) {
			*ret = json_over(c);
			return NULL;
		}
	}
	return arr;
}

/* Problems are told in the order of their paths, repetitions first. There are few. */
static void sort_problems(struct json_decoder *c)
{
	struct kinds_problem *sorted = NULL, *next;

	for (struct kinds_problem *p = c->problems; p; p = next) {
		struct kinds_problem **at = &sorted;

		next = p->next;
		while (*at && strcmp((*at)->text, p->text) <= 0)
			at = &(*at)->next;
		p->next = *at;
		*at = p;
	}
	c->problems = sorted;
	for (c->tail = &c->problems; *c->tail; c->tail = &(*c->tail)->next)
		;
}

yyjson_mut_val *json_custom(struct json_decoder *c, const struct kinds_schema *s, yyjson_val *in,
	const struct json_step *at, int *ret)
{
	yyjson_mut_val *v;

	if (!yyjson_is_obj(in)) {
		*ret = json_wrong_type(c, doc_word(in), "", "map[string]interface {}", at);
		return NULL;
	}
	v = decode_members(c, s, true, in, at, ret);
	if (!at)
		sort_problems(c);
	return v;
}
