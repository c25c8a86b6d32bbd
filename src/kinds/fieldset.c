/* SPDX-License-Identifier: Apache-2.0 */
/* fieldset - trees of path elements, merged in their order. */
#include "kinds/fieldset.h"

#include <stdlib.h>
#include <string.h>

/* ---- order ---- */
static int rank(const char *pe)
{
	switch (*pe) {
	case 'f':
		return 0;
	case 'k':
		return 1;
	case 'v':
		return 2;
	default:
		return 3;
	}
}

static bool in_number(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Compare JSON texts that first differ at `at`: numbers by value, else by bytes.
 * Both texts are NUL-terminated or end in a byte that is no part of a number. */
static int json_cmp(const char *x, size_t xn, const char *y, size_t yn, size_t at)
{
	bool in_string = false;
	char a[32], b[32];
	size_t start = at, i, k;

	for (i = 0; i < at; i++) {
		if (x[i] == '\\' && in_string)
			i++;
		else if (x[i] == '"')
			in_string = !in_string;
	}
	while (start && in_number(x[start - 1]))
		start--;
	if (!in_string && ((at < xn && in_number(x[at])) || (at < yn && in_number(y[at])))) {
		for (i = 0; start + i < xn && in_number(x[start + i]) && i < sizeof(a) - 1; i++)
			a[i] = x[start + i];
		for (k = 0; start + k < yn && in_number(y[start + k]) && k < sizeof(b) - 1; k++)
			b[k] = y[start + k];
		a[i] = b[k] = '\0';
		if (i && k && strtod(a, NULL) != strtod(b, NULL))
			return strtod(a, NULL) < strtod(b, NULL) ? -1 : 1;
	}
	if (at == xn || at == yn)
		return xn < yn ? -1 : xn > yn;
	return (unsigned char)x[at] < (unsigned char)y[at] ? -1 : 1;
}

static int pe_cmp(const char *x, size_t xn, const char *y, size_t yn)
{
	size_t n = xn < yn ? xn : yn, at = 0;

	if (rank(x) != rank(y))
		return rank(x) - rank(y);
	if (*x == 'f') {
		int c = memcmp(x, y, n);
		return c ? c : xn < yn ? -1 : xn > yn;
	}
	while (at < n && x[at] == y[at])
		at++;
	return at == xn && at == yn ? 0 : json_cmp(x, xn, y, yn, at);
}

static int node_cmp(const void *x, const void *y)
{
	const struct fieldset *a = x, *b = y;

	return pe_cmp(a->pe, a->len, b->pe, b->len);
}

void fieldset_sort(struct fieldset *s)
{
	bool sorted = true;

	for (uint32_t i = 0; i < s->n; i++) {
		fieldset_sort(&s->kids[i]);
		sorted = sorted && (!i || node_cmp(&s->kids[i - 1], &s->kids[i]) <= 0);
	}
	if (!sorted)
		qsort(s->kids, s->n, sizeof(*s->kids), node_cmp);
}

/* ---- building ---- */
struct fieldset *fieldset_add(struct arena *a, struct fieldset *s, const char *pe, size_t len)
{
	if (s->n == s->cap) {
		uint32_t cap = s->cap ? s->cap * 2 : 4;
		struct fieldset *kids = arena_realloc(a, s->kids, s->cap * sizeof(*kids), cap * sizeof(*kids));
		if (!kids)
			return NULL;
		s->kids = kids;
		s->cap = cap;
	}
	s->kids[s->n] = (struct fieldset){ .pe = pe, .len = (uint32_t)len };
	return &s->kids[s->n++];
}

void fieldset_trim(struct fieldset *s)
{
	if (s->n && fieldset_empty(&s->kids[s->n - 1]))
		s->n--;
}

const struct fieldset *fieldset_find(const struct fieldset *s, const char *pe, size_t len)
{
	uint32_t lo = 0, hi = s->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = pe_cmp(s->kids[mid].pe, s->kids[mid].len, pe, len);
		if (!c)
			return &s->kids[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* ---- algebra ---- */
static bool keep(struct arena *a, struct fieldset *to, const struct fieldset *kid)
{
	struct fieldset *k = fieldset_add(a, to, kid->pe, kid->len);

	if (k)
		*k = *kid;
	return k;
}

bool fieldset_combine(struct arena *a, enum fieldset_op op, const struct fieldset *x,
	const struct fieldset *y, struct fieldset *ret)
{
	struct fieldset out = { .pe = x->pe, .len = x->len };
	uint32_t i = 0, j = 0;

	out.member = op == FIELDSET_UNION ? x->member || y->member :
		op == FIELDSET_DIFFERENCE ? x->member && !y->member : x->member && y->member;
	while (i < x->n || j < y->n) {
		int c = i == x->n ? 1 : j == y->n ? -1 : node_cmp(&x->kids[i], &y->kids[j]);
		struct fieldset *k;
		if (c < 0) {
			if (op != FIELDSET_INTERSECTION && !keep(a, &out, &x->kids[i]))
				return false;
			i++;
		} else if (c > 0) {
			if (op == FIELDSET_UNION && !keep(a, &out, &y->kids[j]))
				return false;
			j++;
		} else {
			struct fieldset both;
			if (!fieldset_combine(a, op, &x->kids[i++], &y->kids[j++], &both))
				return false;
			if (fieldset_empty(&both))
				continue;
			k = fieldset_add(a, &out, both.pe, both.len);
			if (!k)
				return false;
			*k = both;
		}
	}
	*ret = out;
	return true;
}

bool fieldset_equal(const struct fieldset *x, const struct fieldset *y)
{
	if (x->member != y->member || x->n != y->n)
		return false;
	for (uint32_t i = 0; i < x->n; i++)
		if (node_cmp(&x->kids[i], &y->kids[i]) || !fieldset_equal(&x->kids[i], &y->kids[i]))
			return false;
	return true;
}

/* ---- fieldsV1 ---- */
static bool known(const char *key, size_t n)
{
	return n > 2 && key[1] == ':' && strchr("fkvi", key[0]);
}

static bool read_node(struct arena *a, yyjson_mut_val *v, struct fieldset *s, unsigned depth)
{
	yyjson_mut_obj_iter it;

	if (!yyjson_mut_is_obj(v) || depth > DOC_DEPTH_MAX)
		return false;
	yyjson_mut_obj_iter_init(v, &it);
	for (yyjson_mut_val *k; (k = yyjson_mut_obj_iter_next(&it));) {
		yyjson_mut_val *below = yyjson_mut_obj_iter_get_val(k);
		const char *key = yyjson_mut_get_str(k);
		size_t n = yyjson_mut_get_len(k);
		struct fieldset *kid;
		if (n == 1 && *key == '.') {
			s->member = true;
			continue;
		}
		/* Elements of a later version are ignored, as upstream does. */
		if (!known(key, n))
			continue;
		kid = fieldset_add(a, s, key, n);
		if (!kid || !read_node(a, below, kid, depth + 1))
			return false;
		if (!yyjson_mut_obj_size(below))
			kid->member = true;
		fieldset_trim(s);
	}
	return true;
}

bool fieldset_read(struct arena *a, yyjson_mut_val *fields_v1, struct fieldset *ret)
{
	*ret = (struct fieldset){ 0 };
	if (!fields_v1)
		return true;
	if (!read_node(a, fields_v1, ret, 0))
		return false;
	ret->member = false;
	fieldset_sort(ret);
	return true;
}

yyjson_mut_val *fieldset_write(yyjson_mut_doc *d, const struct fieldset *s)
{
	yyjson_mut_val *obj = yyjson_mut_obj(d);

	if (obj && s->pe && s->member && s->n && !yyjson_mut_obj_add(obj, yyjson_mut_str(d, "."), yyjson_mut_obj(d)))
		return NULL;
	for (uint32_t i = 0; obj && i < s->n; i++) {
		const struct fieldset *k = &s->kids[i];
		if (!yyjson_mut_obj_add(obj, yyjson_mut_strncpy(d, k->pe, k->len), fieldset_write(d, k)))
			return NULL;
	}
	return obj;
}

/* ---- messages ---- */
void fieldset_print_element(struct arena *a, struct buf *out, const char *pe, size_t len)
{
	yyjson_doc *doc;
	yyjson_obj_iter it;
	bool first = true;

	if (*pe == 'f') {
		buf_addc(out, '.');
		buf_add(out, pe + 2, len - 2);
	} else if (*pe != 'k') {
		buf_adds(out, *pe == 'v' ? "[=" : "[");
		buf_add(out, pe + 2, len - 2);
		buf_addc(out, ']');
	} else if (!doc_parse(a, pe + 2, len - 2, &doc, NULL)) {
		buf_addc(out, '[');
		yyjson_obj_iter_init(yyjson_doc_get_root(doc), &it);
		for (yyjson_val *k; (k = yyjson_obj_iter_next(&it)); first = false) {
			if (!first)
				buf_addc(out, ',');
			buf_add(out, yyjson_get_str(k), yyjson_get_len(k));
			buf_addc(out, '=');
			if (doc_write(out, yyjson_obj_iter_get_val(k)))
				return;
		}
		buf_addc(out, ']');
	}
}
