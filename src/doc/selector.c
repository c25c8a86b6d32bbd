/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selector - label selectors as sorted requirements over sorted labels.
 *
 * The grammar and every message are upstream's, oddities included ("x in (,)"
 * is the empty string): clients show them.
 * Source: apimachinery pkg/labels/selector.go.
 */
#include "doc/selector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum op { OP_EXISTS, OP_ABSENT, OP_IN, OP_NOT_IN, OP_EQUAL, OP_DOUBLE_EQUAL, OP_NOT_EQUAL, OP_GT, OP_LT };

struct requirement {
	const char *key;
	const char **values;       /* ascending, no duplicates */
	uint32_t n;
	enum op op;
	int64_t number;            /* OP_GT, OP_LT */
};

struct selector {
	struct requirement *v;
	uint32_t n, cap;
	bool nothing;
};

/* ---- labels ---- */
static int label_cmp(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

int labels_from(struct arena *a, yyjson_val *obj, struct labels *ret)
{
	size_t n = yyjson_obj_size(obj);
	struct label *v;
	yyjson_obj_iter it;

	*ret = (struct labels){ 0 };
	if (!n)
		return 0;
	v = arena_alloc(a, n * sizeof(*v));
	if (!v)
		return -ERR_SIZE;
	yyjson_obj_iter_init(obj, &it);
	for (yyjson_val *k; (k = yyjson_obj_iter_next(&it));) {
		yyjson_val *s = yyjson_obj_iter_get_val(k);
		if (!yyjson_is_str(s))
			continue;
		v[ret->n].key = arena_strndup(a, yyjson_get_str(k), yyjson_get_len(k));
		v[ret->n].value = arena_strndup(a, yyjson_get_str(s), yyjson_get_len(s));
		if (!v[ret->n].key || !v[ret->n].value)
			return -ERR_SIZE;
		ret->n++;
	}
	qsort(v, ret->n, sizeof(*v), label_cmp);
	ret->v = v;
	return 0;
}

const char *labels_get(const struct labels *l, const char *key)
{
	uint32_t lo = 0, hi = l->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = strcmp(l->v[mid].key, key);
		if (!c)
			return l->v[mid].value;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* ---- requirements ---- */
struct builder {
	struct arena *a;
	struct selector *s;
	struct err *err;
};

static int over(struct builder *b)
{
	return err_set(b->err, ERR_SIZE, "the selector is too large");
}

static struct selector *selector_new(struct arena *a)
{
	return arena_zalloc(a, sizeof(struct selector));
}

static int str_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_unique(const char **v, uint32_t *n)
{
	uint32_t kept = 0;

	if (*n)
		qsort(v, *n, sizeof(*v), str_cmp);
	for (uint32_t i = 0; i < *n; i++)
		if (!kept || strcmp(v[kept - 1], v[i]))
			v[kept++] = v[i];
	*n = kept;
}

static bool as_number(const char *s, int64_t *ret)
{
	char *end;

	if (!((*s >= '0' && *s <= '9') || ((*s == '-' || *s == '+') && s[1] >= '0' && s[1] <= '9')))
		return false;
	errno = 0;
	*ret = strtoll(s, &end, 10);
	return !errno && !*end;
}

/* "[a b]" as Go prints a list; the values of a message. */
static void add_list(struct buf *out, const char *const *v, uint32_t n)
{
	buf_addc(out, '[');
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			buf_addc(out, ',');
		buf_add_json(out, v[i], strlen(v[i]));
	}
	buf_addc(out, ']');
}

static int invalid_list(struct builder *b, const struct requirement *r, const char *what)
{
	struct buf list BUF_AUTO = { 0 };

	add_list(&list, r->values, r->n);
	return err_set(b->err, ERR_BAD_REQUEST, "values: Invalid value: %s: %s",
		list.p ? list.p : "[]", what);
}

static int check_key(struct builder *b, const char *path, const char *key)
{
	const char *bad = text_bad_qualified_name(key);

	return bad ? err_set(b->err, ERR_BAD_REQUEST, "%s: Invalid value: \"%s\": %s", path, key, bad) : 0;
}

static int check(struct builder *b, struct requirement *r)
{
	int rc = check_key(b, "key", r->key);

	if (rc)
		return rc;
	if ((r->op == OP_IN || r->op == OP_NOT_IN) && !r->n)
		return invalid_list(b, r, "for 'in', 'notin' operators, values set can't be empty");
	if ((r->op == OP_EXISTS || r->op == OP_ABSENT) && r->n)
		return invalid_list(b, r, "values set must be empty for exists and does not exist");
	if ((r->op == OP_GT || r->op == OP_LT) && !as_number(r->values[0], &r->number))
		return err_set(b->err, ERR_BAD_REQUEST, "values[0]: Invalid value: \"%s\": "
			"for 'Gt', 'Lt' operators, the value must be an integer", r->values[0]);
	for (uint32_t i = 0; i < r->n; i++) {
		const char *bad = text_bad_label_value(r->values[i]);
		if (bad)
			return err_set(b->err, ERR_BAD_REQUEST, "values[%u][%s]: Invalid value: \"%s\": %s",
				i, r->key, r->values[i], bad);
	}
	return 0;
}

static int append(struct builder *b, struct requirement *r)
{
	struct selector *s = b->s;
	int rc;

	sort_unique(r->values, &r->n);
	rc = check(b, r);
	if (rc)
		return rc;
	if (s->n == SELECTOR_TERMS_MAX)
		return err_set(b->err, ERR_BAD_REQUEST, "a selector may have %d terms", SELECTOR_TERMS_MAX);
	if (s->n == s->cap) {
		uint32_t cap = s->cap ? s->cap * 2 : 4;
		struct requirement *v = arena_realloc(b->a, s->v, s->cap * sizeof(*v), cap * sizeof(*v));
		if (!v)
			return over(b);
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = *r;
	return 0;
}

/* By key, otherwise as written. */
static void sort_terms(struct selector *s)
{
	for (uint32_t i = 1; i < s->n; i++) {
		struct requirement r = s->v[i];
		uint32_t at = i;
		for (; at && strcmp(s->v[at - 1].key, r.key) > 0; at--)
			s->v[at] = s->v[at - 1];
		s->v[at] = r;
	}
}

/* ---- the string form ---- */
enum token { T_END, T_WORD, T_IN, T_NOT_IN, T_NOT, T_EQ, T_EQ_EQ, T_NE, T_GT, T_LT, T_COMMA, T_OPEN, T_CLOSE };

struct lexer {
	struct builder b;
	const char *p;             /* what is not read yet */
	enum token tok;            /* the token before p */
	const char *lit;           /* its text, in the arena */
	bool over;
};

static bool is_symbol(char c)
{
	return c && strchr("=!(),<>", c);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum token symbol(const char *p, size_t *ret_n)
{
	*ret_n = 1;
	switch (*p) {
	case '=':
		*ret_n += p[1] == '=';
		return p[1] == '=' ? T_EQ_EQ : T_EQ;
	case '!':
		*ret_n += p[1] == '=';
		return p[1] == '=' ? T_NE : T_NOT;
	case '(':
		return T_OPEN;
	case ')':
		return T_CLOSE;
	case ',':
		return T_COMMA;
	case '<':
		return T_LT;
	default:
		return T_GT;
	}
}

static void advance(struct lexer *l)
{
	size_t n = 0;

	while (is_space(*l->p))
		l->p++;
	if (!*l->p) {
		l->tok = T_END;
	} else if (is_symbol(*l->p)) {
		l->tok = symbol(l->p, &n);
	} else {
		while (l->p[n] && !is_symbol(l->p[n]) && !is_space(l->p[n]))
			n++;
		l->tok = n == 2 && !memcmp(l->p, "in", 2) ? T_IN :
			n == 5 && !memcmp(l->p, "notin", 5) ? T_NOT_IN : T_WORD;
	}
	l->lit = n ? arena_strndup(l->b.a, l->p, n) : "";
	if (!l->lit) {
		l->over = true;
		l->lit = "";
		l->tok = T_END;
	}
	l->p += n;
}

/* "in" and "notin" are ordinary words wherever no operator is expected. */
static bool at_word(const struct lexer *l)
{
	return l->tok == T_WORD || l->tok == T_IN || l->tok == T_NOT_IN;
}

static int found(struct lexer *l, const char *expected)
{
	return err_set(l->b.err, ERR_BAD_REQUEST, "found '%s', %s", l->lit, expected);
}

struct values { const char **v; uint32_t n, cap; };

static bool values_add(struct arena *a, struct values *s, const char *v)
{
	if (s->n == s->cap) {
		uint32_t cap = s->cap ? s->cap * 2 : 4;
		const char **p = arena_realloc(a, s->v, s->cap * sizeof(*p), cap * sizeof(*p));
		if (!p)
			return false;
		s->v = p;
		s->cap = cap;
	}
	s->v[s->n++] = v;
	return true;
}

/* At "(": the list up to and with ")". */
static int parse_set(struct lexer *l, struct values *s)
{
	bool ok = true, any = false;

	if (l->tok != T_OPEN)
		return err_set(l->b.err, ERR_BAD_REQUEST, "found '%s' expected: '('", l->lit);
	advance(l);
	if (l->tok != T_CLOSE && l->tok != T_COMMA && !at_word(l))
		return found(l, "expected: ',', ')' or identifier");
	while (l->tok != T_CLOSE) {
		if (at_word(l)) {
			ok &= values_add(l->b.a, s, l->lit);
			any = true;
			advance(l);
			if (l->tok != T_COMMA && l->tok != T_CLOSE)
				return found(l, "expected: ',' or ')'");
		} else if (l->tok == T_COMMA) {
			/* Nothing before, between or after commas is an empty value. */
			if (!any)
				ok &= values_add(l->b.a, s, "");
			any = true;
			advance(l);
			if (l->tok == T_CLOSE || l->tok == T_COMMA)
				ok &= values_add(l->b.a, s, "");
			if (l->tok == T_COMMA)
				advance(l);
			if (l->tok == T_CLOSE)
				break;
		} else {
			return found(l, "expected: ',', or identifier");
		}
	}
	advance(l);
	return ok ? 0 : over(&l->b);
}

static int parse_value(struct lexer *l, struct values *s)
{
	const char *v = "";

	if (at_word(l)) {
		v = l->lit;
		advance(l);
	} else if (l->tok != T_END && l->tok != T_COMMA) {
		return found(l, "expected: identifier");
	}
	return values_add(l->b.a, s, v) ? 0 : over(&l->b);
}

static int parse_requirement(struct lexer *l)
{
	static const enum op ops[] = { [T_IN] = OP_IN, [T_NOT_IN] = OP_NOT_IN, [T_EQ] = OP_EQUAL,
		[T_EQ_EQ] = OP_DOUBLE_EQUAL, [T_NE] = OP_NOT_EQUAL, [T_GT] = OP_GT, [T_LT] = OP_LT };
	struct requirement r = { .op = OP_EXISTS };
	struct values s = { 0 };
	int rc;

	if (l->tok == T_NOT) {
		r.op = OP_ABSENT;
		advance(l);
	}
	if (!at_word(l))
		return found(l, "expected: identifier");
	r.key = l->lit;
	rc = check_key(&l->b, "<nil>", r.key);
	if (rc)
		return rc;
	advance(l);
	if (r.op == OP_ABSENT || l->tok == T_END || l->tok == T_COMMA)
		return append(&l->b, &r);
	switch (l->tok) {
	case T_IN:
	case T_NOT_IN:
		r.op = ops[l->tok];
		advance(l);
		rc = parse_set(l, &s);
		break;
	case T_EQ:
	case T_EQ_EQ:
	case T_NE:
	case T_GT:
	case T_LT:
		r.op = ops[l->tok];
		advance(l);
		rc = parse_value(l, &s);
		break;
	default:
		return found(l, "expected: in, notin, =, ==, !=, gt, lt");
	}
	if (rc)
		return rc;
	r.values = s.v;
	r.n = s.n;
	return append(&l->b, &r);
}

static int parse(struct lexer *l)
{
	int rc;

	advance(l);
	while (l->tok != T_END) {
		struct err e = { 0 };
		struct err *err = l->b.err;

		if (!at_word(l) && l->tok != T_NOT)
			return found(l, "expected: !, identifier, or 'end of string'");
		l->b.err = &e;
		rc = parse_requirement(l);
		l->b.err = err;
		if (rc)
			return e.code == ERR_BAD_REQUEST ?
				err_set(err, e.code, "unable to parse requirement: %.900s", e.msg) :
				err_set(err, e.code, "%s", e.msg);
		if (l->tok == T_END)
			break;
		if (l->tok != T_COMMA)
			return found(l, "expected: ',' or 'end of string'");
		advance(l);
		if (!at_word(l) && l->tok != T_NOT)
			return found(l, "expected: identifier after ','");
	}
	return l->over ? over(&l->b) : 0;
}

int selector_parse(struct arena *a, const char *s, struct selector **ret, struct err *reterr)
{
	struct lexer l = { .b = { a, selector_new(a), reterr }, .p = s ? s : "" };
	int rc;

	*ret = NULL;
	if (!l.b.s)
		return over(&l.b);
	rc = parse(&l);
	if (rc)
		return rc;
	sort_terms(l.b.s);
	*ret = l.b.s;
	return 0;
}

/* ---- the object form ---- */
static int add_equal(struct builder *b, yyjson_val *map)
{
	yyjson_obj_iter it;
	int rc = 0;

	if (map && !yyjson_is_obj(map))
		return err_set(b->err, ERR_BAD_REQUEST, "labels must be a map of strings");
	yyjson_obj_iter_init(map, &it);
	for (yyjson_val *k; !rc && (k = yyjson_obj_iter_next(&it));) {
		struct requirement r = { .op = OP_EQUAL, .n = 1 };
		yyjson_val *v = yyjson_obj_iter_get_val(k);
		r.key = arena_strndup(b->a, yyjson_get_str(k), yyjson_get_len(k));
		r.values = arena_alloc(b->a, sizeof(*r.values));
		if (!r.key || !r.values)
			return over(b);
		r.values[0] = yyjson_is_str(v) ? arena_strndup(b->a, yyjson_get_str(v), yyjson_get_len(v)) : "";
		rc = r.values[0] ? append(b, &r) : over(b);
	}
	return rc;
}

static int add_expression(struct builder *b, yyjson_val *e)
{
	static const struct { const char *name; enum op op; } ops[] = {
		{ "In", OP_IN }, { "NotIn", OP_NOT_IN }, { "Exists", OP_EXISTS }, { "DoesNotExist", OP_ABSENT },
	};
	const char *key = doc_str(e, "key"), *op = doc_str(e, "operator");
	yyjson_val *values = doc_get(e, "values");
	struct requirement r = { 0 };
	struct values s = { 0 };
	yyjson_arr_iter it;
	size_t i = 0;

	while (i < sizeof(ops) / sizeof(ops[0]) && (!op || strcmp(op, ops[i].name)))
		i++;
	if (i == sizeof(ops) / sizeof(ops[0]))
		return err_set(b->err, ERR_BAD_REQUEST, "\"%s\" is not a valid label selector operator", op ? op : "");
	r.op = ops[i].op;
	r.key = arena_strdup(b->a, key ? key : "");
	yyjson_arr_iter_init(values, &it);
	for (yyjson_val *v; (v = yyjson_arr_iter_next(&it));) {
		const char *text = yyjson_is_str(v) ? arena_strdup(b->a, yyjson_get_str(v)) : "";
		if (!text || !values_add(b->a, &s, text))
			return over(b);
	}
	r.values = s.v;
	r.n = s.n;
	return r.key ? append(b, &r) : over(b);
}

int selector_from(struct arena *a, yyjson_val *label_selector, struct selector **ret, struct err *reterr)
{
	struct builder b = { a, selector_new(a), reterr };
	yyjson_arr_iter it;
	int rc;

	*ret = NULL;
	if (!b.s)
		return over(&b);
	b.s->nothing = !label_selector || yyjson_is_null(label_selector);
	rc = add_equal(&b, doc_get(label_selector, "matchLabels"));
	yyjson_arr_iter_init(doc_get(label_selector, "matchExpressions"), &it);
	for (yyjson_val *e; !rc && (e = yyjson_arr_iter_next(&it));)
		rc = add_expression(&b, e);
	if (rc)
		return rc;
	sort_terms(b.s);
	*ret = b.s;
	return 0;
}

int selector_from_map(struct arena *a, yyjson_val *map, struct selector **ret, struct err *reterr)
{
	struct builder b = { a, selector_new(a), reterr };
	int rc;

	*ret = NULL;
	if (!b.s)
		return over(&b);
	if (yyjson_is_null(map))
		map = NULL;
	rc = add_equal(&b, map);
	if (rc)
		return rc;
	b.s->nothing = !b.s->n;
	sort_terms(b.s);
	*ret = b.s;
	return 0;
}

/* ---- use ---- */
static bool has_value(const struct requirement *r, const char *value)
{
	return bsearch(&value, r->values, r->n, sizeof(*r->values), str_cmp);
}

static bool requirement_match(const struct requirement *r, const struct labels *l)
{
	const char *value = labels_get(l, r->key);
	int64_t number;

	switch (r->op) {
	case OP_EXISTS:
		return value;
	case OP_ABSENT:
		return !value;
	case OP_IN:
	case OP_EQUAL:
	case OP_DOUBLE_EQUAL:
		return value && has_value(r, value);
	case OP_NOT_IN:
	case OP_NOT_EQUAL:
		return !value || !has_value(r, value);
	case OP_GT:
		return value && as_number(value, &number) && number > r->number;
	case OP_LT:
		return value && as_number(value, &number) && number < r->number;
	}
	return false;
}

bool selector_match(const struct selector *s, const struct labels *l)
{
	if (s->nothing)
		return false;
	for (uint32_t i = 0; i < s->n; i++)
		if (!requirement_match(&s->v[i], l))
			return false;
	return true;
}

bool selector_everything(const struct selector *s)
{
	return !s->nothing && !s->n;
}

void selector_print(const struct selector *s, struct buf *out)
{
	static const char *const text[] = { [OP_EXISTS] = "", [OP_ABSENT] = "", [OP_IN] = " in (",
		[OP_NOT_IN] = " notin (", [OP_EQUAL] = "=", [OP_DOUBLE_EQUAL] = "==",
		[OP_NOT_EQUAL] = "!=", [OP_GT] = ">", [OP_LT] = "<" };

	for (uint32_t i = 0; i < s->n; i++) {
		const struct requirement *r = &s->v[i];
		if (i)
			buf_addc(out, ',');
		if (r->op == OP_ABSENT)
			buf_addc(out, '!');
		buf_adds(out, r->key);
		buf_adds(out, text[r->op]);
		for (uint32_t k = 0; k < r->n; k++) {
			if (k)
				buf_addc(out, ',');
			buf_adds(out, r->values[k]);
		}
		if (r->op == OP_IN || r->op == OP_NOT_IN)
			buf_addc(out, ')');
	}
}
