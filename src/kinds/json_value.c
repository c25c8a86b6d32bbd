/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_value - single values of a JSON body, and the decoder's messages.
 *
 * Source: encoding/json (messages), apimachinery's UnmarshalJSON of Time,
 * MicroTime, Duration and Quantity.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "doc/quantity.h"
#include "doc/syntax.h"
#include "kinds/json.h"

/* ---- messages ---- */

/* "spec.containers[0].foo" */
static void print_path(struct buf *b, const struct json_step *s)
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

void json_problem(struct json_decoder *c, const char *what, const struct json_step *s)
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

void json_repeats(struct json_decoder *c, yyjson_val *in, struct json_step *at)
{
	struct syntax_seen seen;
	yyjson_obj_iter it;

	syntax_seen_open(&seen, yyjson_obj_size(in));
	yyjson_obj_iter_init(in, &it);
	for (yyjson_val *key; c->problem_count < KINDS_PROBLEMS_MAX && (key = yyjson_obj_iter_next(&it));) {
		if (!syntax_seen(&seen, key))
			continue;
		at->key = yyjson_get_str(key);
		at->len = yyjson_get_len(key);
		json_problem(c, "duplicate field", at);
	}
	syntax_seen_close(&seen);
}

static const char *short_name(const struct kinds_type *t)
{
	const char *dot = strrchr(t->name, '.');

	return dot ? dot + 1 : t->name;
}

/* "v1.PodSpec" of "core/v1.PodSpec" */
const char *json_go_name(const struct kinds_type *t)
{
	const char *slash = strrchr(t->name, '/');

	return slash ? slash + 1 : t->name;
}

const char *json_go_scalar(const struct kinds_field *f)
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
	case KV_OBJECT: return json_go_name(f->type);
	default: return "string";
	}
}

/* "PodSpec.spec.containers", the struct being the innermost one. */
static void print_field(struct buf *b, const struct json_step *s)
{
	const struct kinds_type *innermost = NULL;
	const struct json_step *names[DOC_DEPTH_MAX];
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

/* "number 2.5" as the reflect.Kind that Go's maps hold it in. */
static const char *go_kind(const char *value)
{
	if (!strncmp(value, "number", 6))
		return strpbrk(value + 6, ".eE") ? "float64" : "int64";
	return !strcmp(value, "object") ? "map" : !strcmp(value, "array") ? "slice" : value;
}

/* The same of a strategic merge's result, which is converted from a map, not decoded.
 * Source: apimachinery pkg/runtime/converter.go */
static int wrong_kind(struct json_decoder *c, const char *value, const char *prefix, const char *type)
{
	const char *kind = go_kind(value);

	if (*prefix == '[' || *type == '[')
		return err_set(c->reterr, ERR_BAD_REQUEST, "cannot restore slice from %s", kind);
	if (*prefix || !strcmp(type, "v1.ResourceList"))
		return err_set(c->reterr, ERR_BAD_REQUEST, "cannot restore map from %s", kind);
	if (strchr(type, '.'))
		return err_set(c->reterr, ERR_BAD_REQUEST, "cannot restore struct from: %s", kind);
	/* Go's numbers convert to each other, and integers to strings; here that is refused. */
	if ((!strcmp(kind, "int64") && strcmp(type, "bool")) ||
	    (!strcmp(kind, "float64") && (!strncmp(type, "int", 3) || !strncmp(type, "uint", 4))))
		return err_set(c->reterr, ERR_BAD_REQUEST, "cannot convert %s to %s", kind, type);
	return err_set(c->reterr, ERR_BAD_REQUEST, "unrecognized type: %s", type);
}

int json_wrong_type(struct json_decoder *c, const char *value, const char *prefix, const char *type,
	const struct json_step *at)
{
	BUF_AUTO struct buf field = {0};

	if (c->from_map)
		return wrong_kind(c, value, prefix, type);
	print_field(&field, at);
	if (!field.len)
		return err_set(c->reterr, ERR_BAD_REQUEST,
			"json: cannot unmarshal %s into Go value of type %s%s", value, prefix, type);
	return err_set(c->reterr, ERR_BAD_REQUEST,
		"json: cannot unmarshal %s into Go struct field %s of type %s%s", value, field.p, prefix, type);
}

int json_over(struct json_decoder *c)
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

/* As short as it reads back: 0.1 is a quantity of 100m, 0.10000000000000001 of more, as quantities are
 * rounded up. */
static void number_text(yyjson_val *v, char out[32])
{
	double r = yyjson_get_real(v);
	int digits = 15;

	if (yyjson_is_uint(v))
		snprintf(out, 32, "%llu", (unsigned long long)yyjson_get_uint(v));
	else if (yyjson_is_sint(v))
		snprintf(out, 32, "%lld", (long long)yyjson_get_sint(v));
	else
		do
			snprintf(out, 32, "%.*g", digits, r);
		while (strtod(out, NULL) != r && digits++ < 17);
}

yyjson_mut_val *json_int(struct json_decoder *c, enum kinds_value kind, const char *type,
	yyjson_val *in, const struct json_step *at, int *ret)
{
	char text[40] = "number ";

	if (yyjson_is_uint(in) && yyjson_get_uint(in) <= int_max(kind))
		return yyjson_mut_sint(c->d, (int64_t)yyjson_get_uint(in));
	if (yyjson_is_sint(in) && yyjson_get_sint(in) >= int_min(kind) &&
			(yyjson_get_sint(in) < 0 || (uint64_t)yyjson_get_sint(in) <= int_max(kind)))
		return yyjson_mut_sint(c->d, yyjson_get_sint(in));
	if (yyjson_is_num(in))
		number_text(in, text + strlen(text));
	*ret = json_wrong_type(c, yyjson_is_num(in) ? text : doc_word(in), "", type, at);
	return NULL;
}

yyjson_mut_val *json_double(struct json_decoder *c, yyjson_val *in, const struct json_step *at, int *ret)
{
	double x;

	if (!yyjson_is_num(in)) {
		*ret = json_wrong_type(c, doc_word(in), "", "float64", at);
		return NULL;
	}
	x = yyjson_get_num(in);
	if (x == floor(x) && fabs(x) < 9007199254740992.0)
		return yyjson_mut_sint(c->d, (int64_t)x);
	return yyjson_mut_real(c->d, x);
}

/* Go's layout check fails at the first part that does not fit; the year stands for all. */
yyjson_mut_val *json_time(struct json_decoder *c, bool micro, yyjson_val *in,
	const struct json_step *at, bool *ret_zero, int *ret)
{
	char text[TEXT_TIME_MAX];
	int64_t us;

	if (!yyjson_is_str(in)) {
		*ret = json_wrong_type(c, doc_word(in), "", "string", at);
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

yyjson_mut_val *json_duration(struct json_decoder *c, yyjson_val *in, const struct json_step *at, int *ret)
{
	char text[TEXT_TIME_MAX];
	int64_t ns;

	if (!yyjson_is_str(in)) {
		*ret = json_wrong_type(c, doc_word(in), "", "string", at);
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

yyjson_mut_val *json_quantity(struct json_decoder *c, yyjson_val *in, int *ret)
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
yyjson_mut_val *json_bytes(struct json_decoder *c, yyjson_val *in, const struct json_step *at,
	bool *ret_zero, int *ret)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	yyjson_mut_val *copy;
	const char *s;
	char *out;
	size_t n, o = 0, i, pad = 0;

	if (!yyjson_is_str(in)) {
		*ret = json_wrong_type(c, doc_word(in), "", "[]uint8", at);
		return NULL;
	}
	s = yyjson_get_str(in);
	n = yyjson_get_len(in);
	copy = yyjson_mut_strncpy(c->d, s, n);
	if (!copy) {
		*ret = json_over(c);
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

yyjson_mut_val *json_strings(struct json_decoder *c, yyjson_val *in, const struct json_step *at, int *ret)
{
	yyjson_mut_val *arr = yyjson_mut_arr(c->d);
	yyjson_arr_iter it;
	yyjson_val *v;

	if (!yyjson_is_arr(in)) {
		*ret = json_wrong_type(c, doc_word(in), "", "[]string", at);
		return NULL;
	}
	yyjson_arr_iter_init(in, &it);
	while ((v = yyjson_arr_iter_next(&it))) {
		yyjson_mut_val *s = yyjson_is_null(v) ? yyjson_mut_str(c->d, "") :
			yyjson_mut_strncpy(c->d, yyjson_get_str(v), yyjson_get_len(v));

		if (!yyjson_is_null(v) && !yyjson_is_str(v)) {
			*ret = json_wrong_type(c, doc_word(v), "", "string", at);
			return NULL;
		}
		if (!yyjson_mut_arr_append(arr, s)) {
			*ret = json_over(c);
			return NULL;
		}
	}
	return arr;
}
