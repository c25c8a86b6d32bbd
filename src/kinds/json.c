/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - a JSON body to its type's normal form.
 *
 * One pass in the order of the input, so that the first error and the order of
 * problems are those upstream's decoder would have; results wait in a slot per
 * member and are then written in table order. A member seen twice counts last.
 * Source: encoding/json and sigs.k8s.io/json (messages, what null and zero do),
 * apimachinery's UnmarshalJSON of Time, MicroTime, Quantity, IntOrString.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "doc/quantity.h"
#include "kinds/kinds_priv.h"

#define SLOTS_ON_STACK 64

/* One step of the way from the root, for messages only. */
struct step {
	const struct step *up;
	const struct kinds_type *type;   /* struct the member is of; NULL: map key or index */
	const char *key;
	size_t len;
	size_t index;                    /* when key is NULL */
	unsigned depth;
};

struct decoder {
	yyjson_mut_doc *d;
	struct arena *a;
	enum kinds_strict strict;
	struct kinds_problem *problems, **tail;
	unsigned problem_count;
	bool over;
	struct err *reterr;
};

static yyjson_mut_val *decode_type(struct decoder *c, const struct kinds_type *t, yyjson_val *in,
	const struct step *at, int *ret);

/* ---- messages ---- */

/* "spec.containers[0].foo" */
static void print_path(struct buf *b, const struct step *s)
{
	if (!s)
		return;
	print_path(b, s->up);
	if (!s->key) {
		buf_printf(b, "[%zu]", s->index);
		return;
	}
	if (b->len)
		buf_addc(b, '.');
	buf_add(b, s->key, s->len);
}

static void add_problem(struct decoder *c, const char *what, const struct step *s)
{
	BUF_AUTO struct buf path = {0}, text = {0};

	if (c->strict == KS_IGNORE || c->problem_count >= KINDS_PROBLEMS_MAX)
		return;
	print_path(&path, s);
	buf_adds(&text, what);
	buf_addc(&text, ' ');
	buf_add_json(&text, path.p ? path.p : "", path.len);
	if (text.failed || path.failed) {
		c->over = true;
		return;
	}
	for (struct kinds_problem *p = c->problems; p; p = p->next)
		if (!strcmp(p->text, text.p))
			return;
	struct kinds_problem *p = arena_zalloc(c->a, sizeof(*p));

	if (!p || !(p->text = arena_strndup(c->a, text.p, text.len))) {
		c->over = true;
		return;
	}
	*c->tail = p;
	c->tail = &p->next;
	c->problem_count++;
}

static const char *short_name(const struct kinds_type *t)
{
	const char *dot = strrchr(t->name, '.');

	return dot ? dot + 1 : t->name;
}

/* "v1.PodSpec" of "core/v1.PodSpec" */
static const char *go_name(const struct kinds_type *t)
{
	const char *slash = strrchr(t->name, '/');

	return slash ? slash + 1 : t->name;
}

static const char *go_scalar(const struct kinds_field *f)
{
	switch ((enum kinds_value)f->value) {
	case KV_INT32: return "int32";
	case KV_INT64: return "int64";
	case KV_UINT32: return "uint32";
	case KV_BOOL: return "bool";
	case KV_DOUBLE: return "float64";
	case KV_BYTES: return "[]uint8";
	case KV_QUANTITY: return "resource.Quantity";
	case KV_INT_OR_STRING: return "intstr.IntOrString";
	case KV_TIME: return "v1.Time";
	case KV_MICROTIME: return "v1.MicroTime";
	case KV_RAW: return "runtime.RawExtension";
	case KV_EXTRA: return "v1.ExtraValue";
	case KV_OBJECT: return go_name(f->type);
	default: return "string";
	}
}

static const char *value_word(yyjson_val *v)
{
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_BOOL: return "bool";
	case YYJSON_TYPE_STR: return "string";
	case YYJSON_TYPE_NUM: return "number";
	case YYJSON_TYPE_ARR: return "array";
	case YYJSON_TYPE_OBJ: return "object";
	default: return "null";
	}
}

/* "PodSpec.spec.containers", the struct being the innermost one. */
static void print_field(struct buf *b, const struct step *s)
{
	const struct kinds_type *innermost = NULL;
	const struct step *names[DOC_DEPTH_MAX];
	size_t n = 0;

	for (; s && n < DOC_DEPTH_MAX; s = s->up) {
		if (!s->type)
			continue;
		if (!innermost)
			innermost = s->type;
		names[n++] = s;
	}
	if (innermost)
		buf_adds(b, short_name(innermost));
	while (n--) {
		buf_addc(b, '.');
		buf_add(b, names[n]->key, names[n]->len);
	}
}

static int wrong_type(struct decoder *c, const char *value, const char *prefix, const char *type,
	const struct step *at)
{
	BUF_AUTO struct buf field = {0};

	print_field(&field, at);
	if (!field.len)
		return err_set(c->reterr, ERR_BAD_REQUEST,
			"json: cannot unmarshal %s into Go value of type %s%s", value, prefix, type);
	return err_set(c->reterr, ERR_BAD_REQUEST,
		"json: cannot unmarshal %s into Go struct field %s of type %s%s", value, field.p, prefix, type);
}

static int over(struct decoder *c)
{
	c->over = true;
	return -ERR_SIZE;
}

/* ---- scalars ---- */

static int64_t int_min(enum kinds_value v)
{
	return v == KV_INT32 ? INT32_MIN : v == KV_UINT32 ? 0 : INT64_MIN;
}

static uint64_t int_max(enum kinds_value v)
{
	return v == KV_INT32 ? INT32_MAX : v == KV_UINT32 ? UINT32_MAX : INT64_MAX;
}

static void number_text(yyjson_val *v, char out[32])
{
	if (yyjson_is_uint(v))
		snprintf(out, 32, "%llu", (unsigned long long)yyjson_get_uint(v));
	else if (yyjson_is_sint(v))
		snprintf(out, 32, "%lld", (long long)yyjson_get_sint(v));
	else
		snprintf(out, 32, "%.17g", yyjson_get_real(v));
}

static yyjson_mut_val *decode_int(struct decoder *c, enum kinds_value kind, const char *type,
	yyjson_val *in, const struct step *at, int *ret)
{
	char text[40] = "number ";

	if (yyjson_is_uint(in) && yyjson_get_uint(in) <= int_max(kind))
		return yyjson_mut_sint(c->d, (int64_t)yyjson_get_uint(in));
	if (yyjson_is_sint(in) && yyjson_get_sint(in) >= int_min(kind) && yyjson_get_sint(in) < 0)
		return yyjson_mut_sint(c->d, yyjson_get_sint(in));
	if (yyjson_is_num(in))
		number_text(in, text + strlen(text));
	*ret = wrong_type(c, yyjson_is_num(in) ? text : value_word(in), "", type, at);
	return NULL;
}

static yyjson_mut_val *decode_double(struct decoder *c, yyjson_val *in, const struct step *at, int *ret)
{
	double x;

	if (!yyjson_is_num(in)) {
		*ret = wrong_type(c, value_word(in), "", "float64", at);
		return NULL;
	}
	x = yyjson_get_num(in);
	if (x == floor(x) && fabs(x) < 9007199254740992.0)
		return yyjson_mut_sint(c->d, (int64_t)x);
	return yyjson_mut_real(c->d, x);
}

/* Go's layout check fails at the first part that does not fit; the year stands for all. */
static yyjson_mut_val *decode_time(struct decoder *c, bool micro, yyjson_val *in,
	const struct step *at, bool *ret_zero, int *ret)
{
	char text[TEXT_TIME_MAX];
	int64_t us;

	if (!yyjson_is_str(in)) {
		*ret = wrong_type(c, value_word(in), "", "string", at);
		return NULL;
	}
	if (strlen(yyjson_get_str(in)) != yyjson_get_len(in) || text_parse_time(yyjson_get_str(in), &us)) {
		const char *layout = micro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00";

		*ret = err_set(c->reterr, ERR_BAD_REQUEST, "parsing time \"%.100s\" as \"%s\": cannot parse \"%.100s\" as \"2006\"",
			yyjson_get_str(in), layout, yyjson_get_str(in));
		return NULL;
	}
	*ret_zero = us == KINDS_TIME_ZERO_US;
	if (micro)
		text_microtime(text, us);
	else
		text_time(text, us);
	return yyjson_mut_strcpy(c->d, text);
}

static yyjson_mut_val *decode_duration(struct decoder *c, yyjson_val *in, const struct step *at, int *ret)
{
	char text[TEXT_TIME_MAX];
	int64_t ns;

	if (!yyjson_is_str(in)) {
		*ret = wrong_type(c, value_word(in), "", "string", at);
		return NULL;
	}
	if (text_parse_duration(yyjson_get_str(in), &ns)) {
		*ret = err_set(c->reterr, ERR_BAD_REQUEST, "time: invalid duration \"%.100s\"", yyjson_get_str(in));
		return NULL;
	}
	text_duration(text, ns);
	return yyjson_mut_strcpy(c->d, text);
}

const char *kinds_canonical_quantity(char out[], const char *s, size_t n)
{
	struct quantity q;

	while (n && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')) {
		s++;
		n--;
	}
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\n' || s[n - 1] == '\r'))
		n--;
	if (quantity_parse(s, n, &q))
		return NULL;
	quantity_print(out, &q);
	return out;
}

static yyjson_mut_val *decode_quantity(struct decoder *c, yyjson_val *in, int *ret)
{
	char text[QUANTITY_MAX], number[32] = "";
	const char *s = number;
	size_t n, i = 0;

	if (yyjson_is_str(in))
		s = yyjson_get_str(in);
	else if (yyjson_is_num(in))
		number_text(in, number);
	else if (yyjson_is_bool(in))
		s = "bool";
	n = yyjson_is_str(in) ? yyjson_get_len(in) : strlen(s);
	if (kinds_canonical_quantity(text, s, n))
		return yyjson_mut_strcpy(c->d, text);
	/* A number with letters after it has a wrong suffix, anything else a wrong form. */
	i += n && (s[0] == '+' || s[0] == '-');
	size_t digits = strspn(s + i, "0123456789.");

	if (digits && strspn(s + i + digits, "eEinumkKMGTP") == strlen(s + i + digits))
		*ret = err_set(c->reterr, ERR_BAD_REQUEST, "unable to parse quantity's suffix");
	else
		*ret = err_set(c->reterr, ERR_BAD_REQUEST, "quantities must match the regular expression "
			"'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
	return NULL;
}

static int base64_digit(unsigned char ch)
{
	if (ch >= 'A' && ch <= 'Z')
		return ch - 'A';
	if (ch >= 'a' && ch <= 'z')
		return ch - 'a' + 26;
	if (ch >= '0' && ch <= '9')
		return ch - '0' + 52;
	return ch == '+' ? 62 : ch == '/' ? 63 : -1;
}

/* Standard alphabet with padding; line breaks are passed over and the spare
 * bits of the last digit cleared, as decoding and encoding again would. */
static yyjson_mut_val *decode_bytes(struct decoder *c, yyjson_val *in, const struct step *at,
	bool *ret_zero, int *ret)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	yyjson_mut_val *copy;
	const char *s;
	char *out;
	size_t n, o = 0, i, pad = 0;

	if (!yyjson_is_str(in)) {
		*ret = wrong_type(c, value_word(in), "", "[]uint8", at);
		return NULL;
	}
	s = yyjson_get_str(in);
	n = yyjson_get_len(in);
	copy = yyjson_mut_strncpy(c->d, s, n);
	if (!copy) {
		*ret = over(c);
		return NULL;
	}
	out = (char *)yyjson_mut_get_str(copy);
	for (i = 0; i < n; i++) {
		if (s[i] == '\n' || s[i] == '\r')
			continue;
		if (s[i] == '=' && o % 4 >= 2 && pad < 2) {
			pad++;
			out[o++] = '=';
			continue;
		}
		if (pad || base64_digit((unsigned char)s[i]) < 0)
			break;
		out[o++] = s[i];
	}
	if (i < n || o % 4) {
		*ret = err_set(c->reterr, ERR_BAD_REQUEST, "illegal base64 data at input byte %zu",
			i < n ? i : n - n % 4);
		return NULL;
	}
	if (pad) {
		size_t last = o - pad - 1;

		out[last] = digits[base64_digit((unsigned char)out[last]) & (pad == 1 ? ~3 : ~15)];
	}
	out[o] = 0;
	*ret_zero = !o;
	return yyjson_mut_strn(c->d, out, o);
}

static yyjson_mut_val *decode_strings(struct decoder *c, yyjson_val *in, const struct step *at, int *ret)
{
	yyjson_mut_val *arr = yyjson_mut_arr(c->d);
	yyjson_arr_iter it;
	yyjson_val *v;

	if (!yyjson_is_arr(in)) {
		*ret = wrong_type(c, value_word(in), "", "[]string", at);
		return NULL;
	}
	yyjson_arr_iter_init(in, &it);
	while ((v = yyjson_arr_iter_next(&it))) {
		yyjson_mut_val *s = yyjson_is_null(v) ? yyjson_mut_str(c->d, "") :
			yyjson_mut_strncpy(c->d, yyjson_get_str(v), yyjson_get_len(v));

		if (!yyjson_is_null(v) && !yyjson_is_str(v)) {
			*ret = wrong_type(c, value_word(v), "", "string", at);
			return NULL;
		}
		if (!yyjson_mut_arr_append(arr, s)) {
			*ret = over(c);
			return NULL;
		}
	}
	return arr;
}

/* The three unions of JSON schemas. Their members are read leniently, as by
 * the UnmarshalJSON each has upstream. */
static yyjson_mut_val *decode_props_or(struct decoder *c, const struct kinds_field *f, yyjson_val *in,
	const struct step *at, int *ret)
{
	enum kinds_strict strict = c->strict;
	yyjson_mut_val *v = NULL;

	c->strict = KS_IGNORE;
	if (yyjson_is_obj(in)) {
		v = decode_type(c, f->type, in, at, ret);
	} else if (f->value == KV_PROPS_OR_BOOL) {
		if (yyjson_is_bool(in))
			v = yyjson_mut_bool(c->d, yyjson_get_bool(in));
		else
			*ret = err_set(c->reterr, ERR_BAD_REQUEST, "boolean or JSON schema expected");
	} else if (yyjson_is_arr(in) && f->value == KV_PROPS_OR_STRINGS) {
		v = decode_strings(c, in, at, ret);
	} else if (yyjson_is_arr(in)) {
		yyjson_arr_iter it;
		yyjson_val *item;

		v = yyjson_mut_arr(c->d);
		yyjson_arr_iter_init(in, &it);
		while (!*ret && (item = yyjson_arr_iter_next(&it))) {
			yyjson_mut_val *x = decode_type(c, f->type, item, at, ret);

			if (!*ret && !yyjson_mut_arr_append(v, x))
				*ret = over(c);
		}
	}
	c->strict = strict;
	return *ret ? NULL : v;
}

/* ---- values ---- */

/* One element (not null). *ret_zero: it is the zero value of its type. NULL
 * with *ret 0: nothing (a zero time). */
static yyjson_mut_val *decode_value(struct decoder *c, const struct kinds_field *f, yyjson_val *in,
	const struct step *at, bool *ret_zero, int *ret)
{
	yyjson_mut_val *v = NULL;

	*ret_zero = false;
	switch ((enum kinds_value)f->value) {
	case KV_STRING:
		if (!yyjson_is_str(in)) {
			*ret = wrong_type(c, value_word(in), "", "string", at);
			return NULL;
		}
		*ret_zero = !yyjson_get_len(in);
		v = yyjson_mut_strncpy(c->d, yyjson_get_str(in), yyjson_get_len(in));
		break;
	case KV_BOOL:
		if (!yyjson_is_bool(in)) {
			*ret = wrong_type(c, value_word(in), "", "bool", at);
			return NULL;
		}
		*ret_zero = !yyjson_get_bool(in);
		v = yyjson_mut_bool(c->d, yyjson_get_bool(in));
		break;
	case KV_INT32:
	case KV_INT64:
	case KV_UINT32:
		v = decode_int(c, f->value, go_scalar(f), in, at, ret);
		*ret_zero = v && !yyjson_mut_get_sint(v);
		break;
	case KV_DOUBLE:
		v = decode_double(c, in, at, ret);
		*ret_zero = v && yyjson_mut_get_num(v) == 0;
		break;
	case KV_BYTES:
		v = decode_bytes(c, in, at, ret_zero, ret);
		break;
	case KV_TIME:
	case KV_MICROTIME:
		v = decode_time(c, f->value == KV_MICROTIME, in, at, ret_zero, ret);
		break;
	case KV_DURATION:
		v = decode_duration(c, in, at, ret);
		break;
	case KV_QUANTITY:
		v = decode_quantity(c, in, ret);
		break;
	case KV_INT_OR_STRING:
		if (yyjson_is_str(in))
			v = yyjson_mut_strncpy(c->d, yyjson_get_str(in), yyjson_get_len(in));
		else
			v = decode_int(c, KV_INT32, "int32", in, at, ret);
		break;
	case KV_RAW:
	case KV_FIELDSV1:
	case KV_JSON:
		v = yyjson_val_mut_copy(c->d, in);
		break;
	case KV_VERBS:
	case KV_EXTRA:
		v = decode_strings(c, in, at, ret);
		break;
	case KV_PROPS_OR_ARRAY:
	case KV_PROPS_OR_BOOL:
	case KV_PROPS_OR_STRINGS:
		v = decode_props_or(c, f, in, at, ret);
		if (!v)
			return NULL;
		break;
	case KV_OBJECT:
		v = decode_type(c, f->type, in, at, ret);
		break;
	}
	if (!v && !*ret)
		*ret = over(c);
	return v;
}

yyjson_mut_val *kinds_zero_element(yyjson_mut_doc *d, const struct kinds_field *f, bool *ret_over)
{
	struct kinds_field one = *f;

	one.card = KC_ONE;
	one.ptr = KP_VALUE;
	one.omit = KO_NEVER;
	if (f->value == KV_BYTES)
		one.value = KV_STRING;
	yyjson_mut_val *v = kinds_zero(d, &one, ret_over);

	return v || *ret_over ? v : yyjson_mut_null(d);
}

/* One element of a list or map, where null and a zero time have a place. */
static yyjson_mut_val *decode_element(struct decoder *c, const struct kinds_field *f, yyjson_val *in,
	const struct step *at, int *ret)
{
	bool zero;

	if (yyjson_is_null(in))
		return kinds_zero_element(c->d, f, &c->over);
	yyjson_mut_val *v = decode_value(c, f, in, at, &zero, ret);

	if (zero && (f->value == KV_TIME || f->value == KV_MICROTIME))
		return yyjson_mut_null(c->d);
	return v || *ret ? v : yyjson_mut_null(c->d);
}

static yyjson_mut_val *decode_list(struct decoder *c, const struct kinds_field *f, yyjson_val *in,
	const struct step *at, int *ret)
{
	yyjson_mut_val *arr = yyjson_mut_arr(c->d);
	struct step here = { .up = at, .depth = at->depth + 1 };
	yyjson_arr_iter it;
	yyjson_val *v;

	if (!yyjson_is_arr(in)) {
		*ret = wrong_type(c, value_word(in), "[]", go_scalar(f), at);
		return NULL;
	}
	yyjson_arr_iter_init(in, &it);
	for (; (v = yyjson_arr_iter_next(&it)); here.index++) {
		yyjson_mut_val *x = decode_element(c, f, v, &here, ret);

		if (*ret)
			return NULL;
		if (!x || !yyjson_mut_arr_append(arr, x)) {
			*ret = over(c);
			return NULL;
		}
	}
	return arr;
}

static int entry_order(const void *pa, const void *pb)
{
	const struct kinds_entry *a = pa, *b = pb;
	int order = memcmp(a->key, b->key, a->len < b->len ? a->len : b->len);

	if (!order)
		order = (a->len > b->len) - (a->len < b->len);
	return order ? order : (a->order > b->order) - (a->order < b->order);
}

static bool same_key(const struct kinds_entry *a, const struct kinds_entry *b)
{
	return a->len == b->len && !memcmp(a->key, b->key, a->len);
}

size_t kinds_sort_entries(struct kinds_entry *entries, size_t n)
{
	size_t i, kept = 0;

	for (i = 1; i < n && !same_key(&entries[i - 1], &entries[i]) &&
			entry_order(&entries[i - 1], &entries[i]) < 0; i++)
		;
	if (i >= n)
		return n;
	qsort(entries, n, sizeof(*entries), entry_order);
	for (i = 0; i < n; i++)
		if (i + 1 == n || !same_key(&entries[i], &entries[i + 1]))
			entries[kept++] = entries[i];
	return kept;
}

static yyjson_mut_val *decode_map(struct decoder *c, const struct kinds_field *f, yyjson_val *in,
	const struct step *at, int *ret)
{
	struct kinds_entry *entries;
	struct step here = { .up = at, .depth = at->depth + 1 };
	yyjson_mut_val *obj = yyjson_mut_obj(c->d);
	yyjson_obj_iter it;
	yyjson_val *key;
	size_t n, kept, i = 0;

	if (!yyjson_is_obj(in)) {
		*ret = f->value == KV_QUANTITY ? wrong_type(c, value_word(in), "", "v1.ResourceList", at) :
			wrong_type(c, value_word(in), "map[string]", go_scalar(f), at);
		return NULL;
	}
	n = yyjson_obj_size(in);
	entries = arena_alloc(c->a, (n ? n : 1) * sizeof(*entries));
	if (!entries || n > UINT32_MAX) {
		*ret = over(c);
		return NULL;
	}
	yyjson_obj_iter_init(in, &it);
	for (; (key = yyjson_obj_iter_next(&it)); i++) {
		yyjson_val *v = yyjson_obj_iter_get_val(key);

		here.key = yyjson_get_str(key);
		here.len = yyjson_get_len(key);
		entries[i] = (struct kinds_entry){ .key = here.key, .len = (uint32_t)here.len, .order = (uint32_t)i };
		entries[i].value = decode_element(c, f, v, &here, ret);
		if (*ret)
			return NULL;
	}
	kept = kinds_sort_entries(entries, n);
	for (i = 0; i < kept; i++) {
		yyjson_mut_val *k = yyjson_mut_strncpy(c->d, entries[i].key, entries[i].len);

		if (!k || !entries[i].value || !yyjson_mut_obj_add(obj, k, entries[i].value)) {
			*ret = over(c);
			return NULL;
		}
	}
	if (kept == n || c->strict == KS_IGNORE)
		return obj;
	/* Rare: say which keys came twice, in the order they came. */
	yyjson_obj_iter_init(in, &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		here.key = yyjson_get_str(key);
		here.len = yyjson_get_len(key);
		if (yyjson_obj_getn(in, here.key, here.len) != yyjson_obj_iter_get_val(key))
			add_problem(c, "duplicate field", &here);
	}
	return obj;
}

/* ---- structs ---- */

bool kinds_drops_zero(const struct kinds_field *f)
{
	if (f->card != KC_ONE)
		return f->omit != KO_NEVER;
	if (f->value == KV_TIME || f->value == KV_MICROTIME)
		return true;
	if (f->ptr == KP_POINTER)
		return false;
	switch ((enum kinds_value)f->value) {
	case KV_STRING: case KV_BOOL: case KV_INT32: case KV_INT64: case KV_UINT32: case KV_DOUBLE:
	case KV_BYTES:
		return f->omit != KO_NEVER;
	default:
		return false;
	}
}

static yyjson_mut_val *zero_object(yyjson_mut_doc *d, const struct kinds_type *t, bool *ret_over)
{
	yyjson_mut_val *obj = yyjson_mut_obj(d);

	for (uint16_t i = 0; i < t->field_count && !*ret_over; i++) {
		const struct kinds_field *f = &t->fields[i];
		yyjson_mut_val *v = kinds_zero(d, f, ret_over);

		if (v && !yyjson_mut_obj_add(obj, yyjson_mut_strn(d, f->name, f->name_len), v))
			*ret_over = true;
	}
	*ret_over = *ret_over || !obj;
	return obj;
}

yyjson_mut_val *kinds_zero(yyjson_mut_doc *d, const struct kinds_field *f, bool *ret_over)
{
	yyjson_mut_val *v = NULL;

	if (f->card == KC_LIST && f->omit == KO_NEVER && !strcmp(f->name, "items")) {
		v = yyjson_mut_arr(d);   /* a list's items are never absent */
	} else if (f->card != KC_ONE || f->ptr != KP_VALUE || f->omit == KO_OMITZERO) {
		return NULL;
	} else {
		switch ((enum kinds_value)f->value) {
		case KV_STRING: case KV_BOOL: case KV_INT32: case KV_INT64: case KV_UINT32: case KV_DOUBLE:
			if (f->omit != KO_NEVER)
				return NULL;
			if (f->value == KV_STRING)
				v = yyjson_mut_str(d, "");
			else if (f->value == KV_BOOL)
				v = yyjson_mut_bool(d, false);
			else
				v = yyjson_mut_sint(d, 0);
			break;
		case KV_QUANTITY: v = yyjson_mut_str(d, "0"); break;
		case KV_INT_OR_STRING: v = yyjson_mut_sint(d, 0); break;
		case KV_DURATION: v = yyjson_mut_str(d, "0s"); break;
		case KV_OBJECT: v = zero_object(d, f->type, ret_over); break;
		default: return NULL;
		}
	}
	*ret_over = *ret_over || !v;
	return v;
}

const struct kinds_field *kinds_find_field(const struct kinds_type *t, const char *key, size_t len,
	uint16_t hint)
{
	for (uint16_t n = 0, i = hint; n < t->field_count; n++, i++) {
		if (i >= t->field_count)
			i = 0;
		if (t->fields[i].name_len == len && !memcmp(t->fields[i].name, key, len))
			return &t->fields[i];
	}
	return NULL;
}

struct slot { yyjson_mut_val *v; bool seen, set; };

static yyjson_mut_val *decode_member(struct decoder *c, const struct kinds_field *f, yyjson_val *in,
	const struct step *at, int *ret)
{
	yyjson_mut_val *v;
	bool zero = false;

	if (f->card == KC_ONE) {
		v = decode_value(c, f, in, at, &zero, ret);
	} else {
		v = f->card == KC_LIST ? decode_list(c, f, in, at, ret) : decode_map(c, f, in, at, ret);
		zero = v && !yyjson_mut_get_len(v);
	}
	return *ret || (zero && kinds_drops_zero(f)) ? NULL : v;
}

static yyjson_mut_val *decode_type(struct decoder *c, const struct kinds_type *t, yyjson_val *in,
	const struct step *at, int *ret)
{
	struct slot on_stack[SLOTS_ON_STACK], *slots = on_stack;
	struct step here = { .up = at, .type = t, .depth = at ? at->depth + 1 : 1 };
	yyjson_mut_val *obj = yyjson_mut_obj(c->d);
	yyjson_obj_iter it;
	yyjson_val *key;
	uint16_t hint = 0;

	if (!yyjson_is_obj(in)) {
		*ret = wrong_type(c, value_word(in), "", go_name(t), at);
		return NULL;
	}
	if (here.depth > DOC_DEPTH_MAX) {
		*ret = err_set(c->reterr, ERR_BAD_REQUEST, "exceeded max depth");
		return NULL;
	}
	if (t->field_count > SLOTS_ON_STACK)
		slots = arena_alloc(c->a, t->field_count * sizeof(*slots));
	if (!slots || !obj) {
		*ret = over(c);
		return NULL;
	}
	memset(slots, 0, t->field_count * sizeof(*slots));
	yyjson_obj_iter_init(in, &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		yyjson_val *v = yyjson_obj_iter_get_val(key);

		here.key = yyjson_get_str(key);
		here.len = yyjson_get_len(key);
		const struct kinds_field *f = kinds_find_field(t, here.key, here.len, hint);

		if (!f) {
			add_problem(c, "unknown field", &here);
			continue;
		}
		uint16_t i = (uint16_t)(f - t->fields);

		hint = (uint16_t)(i + 1);
		if (slots[i].seen)
			add_problem(c, "duplicate field", &here);
		slots[i].seen = true;
		slots[i].set = !yyjson_is_null(v);
		slots[i].v = slots[i].set ? decode_member(c, f, v, &here, ret) : NULL;
		if (*ret)
			return NULL;
	}
	for (uint16_t i = 0; i < t->field_count; i++) {
		const struct kinds_field *f = &t->fields[i];
		yyjson_mut_val *v = slots[i].v;

		if (!slots[i].set)
			v = kinds_zero(c->d, f, &c->over);
		if (v && !yyjson_mut_obj_add(obj, yyjson_mut_strn(c->d, f->name, f->name_len), v))
			c->over = true;
		if (c->over) {
			*ret = over(c);
			return NULL;
		}
	}
	return obj;
}

int kinds_decode(yyjson_mut_doc *d, struct arena *a, const struct kinds_type *t, yyjson_val *in,
	enum kinds_strict strict, yyjson_mut_val **ret, struct kinds_problem **ret_problems,
	struct err *reterr)
{
	struct decoder c = { .d = d, .a = a, .strict = strict, .reterr = reterr };
	int r = 0;

	c.tail = &c.problems;
	*ret = decode_type(&c, t, in, NULL, &r);
	if (c.over)
		return err_set(reterr, ERR_SIZE, "the object needs too much memory");
	if (ret_problems)
		*ret_problems = c.problems;
	return r;
}
