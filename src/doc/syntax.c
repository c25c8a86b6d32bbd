/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syntax - a scanner that only looks for the first offence. One turn of the loop reads
 * one token; what is open is a stack of brackets, a bit each.
 * Source: encoding/json scanner.go (what is checked in which order, and the words).
 */
#include "doc/syntax.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "doc/members.h"

struct scan {
	const unsigned char *p, *end;
	char *out;
};

static const char *ended(struct scan *s)
{
	snprintf(s->out, SYNTAX_TEXT_MAX, "unexpected end of JSON input");
	return s->out;
}

static const char *bad(struct scan *s, const char *where)
{
	unsigned char c;
	char shown[8];

	if (s->p >= s->end)
		return ended(s);
	c = *s->p;
	if (c == '\'' || c == '\\')
		snprintf(shown, sizeof(shown), "\\%c", c);
	else if (c == '\n' || c == '\t' || c == '\r')
		snprintf(shown, sizeof(shown), "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
	else if (c < 0x20 || c == 0x7f)
		snprintf(shown, sizeof(shown), "\\x%02x", c);
	else if (c >= 0x80 && c < 0xa0)
		snprintf(shown, sizeof(shown), "\\u%04x", c);
	else if (c >= 0xa0)
		snprintf(shown, sizeof(shown), "%c%c", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
	else
		snprintf(shown, sizeof(shown), "%c", c);
	snprintf(s->out, SYNTAX_TEXT_MAX, "invalid character '%s' %s", shown, where);
	return s->out;
}

static void skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool digit(const struct scan *s)
{
	return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static bool hex(const struct scan *s)
{
	return digit(s) || (s->p < s->end && ((*s->p >= 'a' && *s->p <= 'f') || (*s->p >= 'A' && *s->p <= 'F')));
}

/* Behind the opening quote. */
static const char *string(struct scan *s)
{
	for (; s->p < s->end && *s->p != '"'; s->p++) {
		if (*s->p < 0x20)
			return bad(s, "in string literal");
		if (*s->p != '\\')
			continue;
		s->p++;
		if (s->p < s->end && *s->p == 'u') {
			for (int i = 0; i < 4; i++) {
				s->p++;
				if (!hex(s))
					return bad(s, "in \\u hexadecimal character escape");
			}
		} else if (s->p >= s->end || !*s->p || !strchr("bfnrt\\/\"", *s->p)) {
			return bad(s, "in string escape code");
		}
	}
	if (s->p >= s->end)
		return ended(s);
	s->p++;
	return NULL;
}

static const char *number(struct scan *s)
{
	if (*s->p == '-' && (s->p++, !digit(s)))
		return bad(s, "in numeric literal");
	if (*s->p == '0')
		s->p++;
	else
		while (digit(s))
			s->p++;
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (!digit(s))
			return bad(s, "after decimal point in numeric literal");
		while (digit(s))
			s->p++;
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (!digit(s))
			return bad(s, "in exponent of numeric literal");
		while (digit(s))
			s->p++;
	}
	return NULL;
}

static const char *word(struct scan *s, const char *w)
{
	char where[48];

	for (const char *c = w; *c; c++, s->p++) {
		if (s->p < s->end && *s->p == (unsigned char)*c)
			continue;
		snprintf(where, sizeof(where), "in literal %s (expecting '%c')", w, *c);
		return bad(s, where);
	}
	return NULL;
}

/* A value that is no container. */
static const char *scalar(struct scan *s)
{
	switch (s->p < s->end ? *s->p : 0) {
	case '"':
		s->p++;
		return string(s);
	case 't':
		return word(s, "true");
	case 'f':
		return word(s, "false");
	case 'n':
		return word(s, "null");
	default:
		if (digit(s) || (s->p < s->end && *s->p == '-'))
			return number(s);
		return bad(s, "looking for beginning of value");
	}
}

static const char *key(struct scan *s)
{
	const char *why;

	skip_space(s);
	if (s->p >= s->end || *s->p != '"')
		return bad(s, "looking for beginning of object key string");
	s->p++;
	why = string(s);
	if (why)
		return why;
	skip_space(s);
	if (s->p >= s->end || *s->p != ':')
		return bad(s, "after object key");
	s->p++;
	return NULL;
}

const char *syntax_error(const char *p, size_t n, char out[SYNTAX_TEXT_MAX])
{
	struct scan s = { (const unsigned char *)p, (const unsigned char *)p + n, out };
	bool in_object[DOC_DEPTH_MAX + 1] = { false };
	unsigned depth = 0;
	const char *why;

	for (;;) {
		/* A value begins. */
		skip_space(&s);
		if (s.p < s.end && (*s.p == '{' || *s.p == '[')) {
			bool object = *s.p++ == '{';
			if (++depth > DOC_DEPTH_MAX)
				return NULL;
			in_object[depth] = object;
			skip_space(&s);
			if (s.p >= s.end || *s.p != (object ? '}' : ']')) {
				why = object ? key(&s) : NULL;
				if (why)
					return why;
				continue;
			}
		} else {
			why = scalar(&s);
			if (why)
				return why;
			goto after;
		}
close:
		s.p++;
		depth--;
after:
		skip_space(&s);
		if (!depth)
			return s.p < s.end ? bad(&s, "after top-level value") : NULL;
		if (s.p < s.end && *s.p == (in_object[depth] ? '}' : ']'))
			goto close;
		if (s.p >= s.end || *s.p != ',')
			return bad(&s, in_object[depth] ? "after object key:value pair" : "after array element");
		s.p++;
		why = in_object[depth] ? key(&s) : NULL;
		if (why)
			return why;
	}
}

/* ---- members that come twice ---- */

#define FEW 24u   /* members that are compared one by one */

void syntax_seen_open(struct syntax_seen *s, size_t members)
{
	*s = (struct syntax_seen){ .cap = 64 };
	while (s->cap < members * 2)
		s->cap *= 2;
	s->slots = calloc(s->cap, sizeof(*s->slots));
}

bool syntax_seen(struct syntax_seen *s, yyjson_val *key)
{
	const char *text = yyjson_get_str(key);
	size_t n = yyjson_get_len(key), i;

	if (!s->slots)
		return false;
	for (i = hash_secret(text, n) & (s->cap - 1); s->slots[i]; i = (i + 1) & (s->cap - 1))
		if (unsafe_yyjson_equals_strn(s->slots[i], text, n))
			return true;
	s->slots[i] = key;
	return false;
}

void syntax_seen_close(struct syntax_seen *s)
{
	free(s->slots);
	s->slots = NULL;
}

static bool few_repeat(yyjson_val *v)
{
	yyjson_val *k = unsafe_yyjson_get_first(v), *other;
	size_t n = yyjson_obj_size(v);

	for (size_t i = 0; i < n; i++, k = unsafe_yyjson_get_next(k + 1)) {
		other = unsafe_yyjson_get_next(k + 1);
		for (size_t j = i + 1; j < n; j++, other = unsafe_yyjson_get_next(other + 1))
			if (unsafe_yyjson_equals_strn(k, yyjson_get_str(other), yyjson_get_len(other)))
				return true;
	}
	return false;
}

static bool many_repeat(yyjson_val *v)
{
	struct syntax_seen seen;
	yyjson_obj_iter it;
	bool twice = false;

	syntax_seen_open(&seen, yyjson_obj_size(v));
	yyjson_obj_iter_init(v, &it);
	for (yyjson_val *k; !twice && (k = yyjson_obj_iter_next(&it));)
		twice = syntax_seen(&seen, k);
	syntax_seen_close(&seen);
	return twice;
}

static bool object_repeats(yyjson_val *v)
{
	return yyjson_obj_size(v) > FEW ? many_repeat(v) : few_repeat(v);
}

bool syntax_repeats(yyjson_val *v)
{
	bool object = yyjson_is_obj(v);
	size_t n = yyjson_is_ctn(v) ? unsafe_yyjson_get_len(v) : 0;
	yyjson_val *e = n ? unsafe_yyjson_get_first(v) : NULL;

	if (object && object_repeats(v))
		return true;
	for (; n; n--, e = unsafe_yyjson_get_next(e)) {
		e += object;   /* past the key */
		if (unsafe_yyjson_is_ctn(e) && syntax_repeats(e))
			return true;
	}
	return false;
}

struct repeats {
	void (*note)(void *arg, const char *path);
	void *arg;
	struct buf path;
	unsigned count;
};

static void each(struct repeats *r, yyjson_val *v)
{
	size_t len = r->path.len, i = 0;
	struct syntax_seen seen;

	if (yyjson_is_arr(v)) {
		yyjson_arr_iter it;
		yyjson_arr_iter_init(v, &it);
		for (yyjson_val *e; (e = yyjson_arr_iter_next(&it)); i++) {
			r->path.len = len;
			buf_printf(&r->path, "[%zu]", i);
			each(r, e);
		}
	} else if (yyjson_is_obj(v)) {
		yyjson_obj_iter it;
		syntax_seen_open(&seen, yyjson_obj_size(v));
		yyjson_obj_iter_init(v, &it);
		for (yyjson_val *k; r->count < SYNTAX_REPEATS_MAX && (k = yyjson_obj_iter_next(&it));) {
			r->path.len = len;
			if (len)
				buf_addc(&r->path, '.');
			buf_add(&r->path, yyjson_get_str(k), yyjson_get_len(k));
			if (syntax_seen(&seen, k) && !r->path.failed) {
				buf_addc(&r->path, '\0');
				r->path.len--;
				r->count++;
				r->note(r->arg, r->path.p);
			}
			each(r, yyjson_obj_iter_get_val(k));
		}
		syntax_seen_close(&seen);
	}
	r->path.len = len;
}

void syntax_each_repeat(yyjson_val *v, void (*note)(void *arg, const char *path), void *arg)
{
	struct repeats r = { .note = note, .arg = arg };

	each(&r, v);
	buf_finish(&r.path);
}

yyjson_mut_val *syntax_copy_last(yyjson_mut_doc *d, yyjson_val *v)
{
	yyjson_mut_val *out;

	if (yyjson_is_arr(v)) {
		yyjson_arr_iter it;
		out = yyjson_mut_arr(d);
		yyjson_arr_iter_init(v, &it);
		for (yyjson_val *e; (e = yyjson_arr_iter_next(&it));)
			if (!yyjson_mut_arr_append(out, syntax_copy_last(d, e)))
				return NULL;
		return out;
	}
	if (yyjson_is_obj(v)) {
		struct doc_members m;
		yyjson_obj_iter it;
		out = yyjson_mut_obj(d);
		doc_members_open(&m, d, out);
		yyjson_obj_iter_init(v, &it);
		for (yyjson_val *k; !m.failed && (k = yyjson_obj_iter_next(&it));)
			doc_members_put(&m, yyjson_get_str(k), yyjson_get_len(k),
				syntax_copy_last(d, yyjson_obj_iter_get_val(k)));
		return doc_members_close(&m) ? out : NULL;
	}
	return yyjson_val_mut_copy(d, v);
}
