/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern - compiled to steps of a machine; a match keeps the set of steps it
 * may be at after each character.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kinds/pattern.h"

#define NESTING_MAX 100
#define RANGES_MAX 256
#define RUNE_MAX 0x10ffff

enum op { OP_CLASS, OP_SPLIT, OP_JUMP, OP_LINE_START, OP_LINE_END, OP_TEXT_START, OP_TEXT_END,
	OP_WORD, OP_NOT_WORD, OP_MATCH };

struct range { uint32_t lo, hi; };
struct class { uint16_t count; bool negated; struct range *ranges; };
struct step { uint8_t op; uint16_t x, y; const struct class *class; };
struct pattern { uint16_t count; struct step *steps; };

enum { FOLD = 1, DOT_ALL = 2, MULTILINE = 4, SWAP_LAZY = 8 };

struct compiler {
	struct arena *a;
	const char *p;
	struct step *steps;
	uint16_t count;
	unsigned flags, depth;
	struct err *reterr;
	struct range ranges[RANGES_MAX];   /* of the class being read */
	uint16_t range_count;
};

static int alternatives(struct compiler *c);

static int fail(struct compiler *c, const char *why)
{
	return err_set(c->reterr, ERR_BAD_REQUEST, "error parsing regexp: %s", why);
}

/* ---- characters ---- */

/* The character at *s, at most up to end; a byte that is no UTF-8 is U+FFFD. */
static uint32_t next_rune(const char **s, const char *end)
{
	const unsigned char *p = (const unsigned char *)*s;
	size_t left = (size_t)(end - *s), n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	uint32_t r = n == 1 ? *p : *p & (0xffU >> (n + 1));

	if (*p >= 0x80 && (*p < 0xc2 || *p > 0xf4))
		n = 1, r = 0xfffd;
	for (size_t i = 1; i < n; i++) {
		if (i >= left || (p[i] & 0xc0) != 0x80) {
			n = 1, r = 0xfffd;
			break;
		}
		r = r << 6 | (p[i] & 0x3f);
	}
	*s += n;
	return r;
}

static bool is_word(uint32_t r)
{
	return (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') || r == '_';
}

/* ---- emitting ---- */

static int emit(struct compiler *c, enum op op, uint16_t x, uint16_t y)
{
	if (c->count >= PATTERN_STEPS_MAX)
		return fail(c, "expression nests or repeats too much");
	c->steps[c->count++] = (struct step){ .op = (uint8_t)op, .x = x, .y = y };
	return 0;
}

static int add_range(struct compiler *c, uint32_t lo, uint32_t hi)
{
	if (c->range_count >= RANGES_MAX - 2)
		return fail(c, "character class is too long");
	c->ranges[c->range_count++] = (struct range){ lo, hi };
	if (!(c->flags & FOLD))
		return 0;
	for (int up = 0; up < 2; up++) {   /* the other case of ASCII letters */
		uint32_t a = up ? 'A' : 'a', z = up ? 'Z' : 'z', from = lo < a ? a : lo, to = hi > z ? z : hi;

		if (from <= to)
			c->ranges[c->range_count++] = (struct range){ from ^ 0x20, to ^ 0x20 };
		if (c->range_count >= RANGES_MAX - 2)
			return fail(c, "character class is too long");
	}
	return 0;
}

static int emit_class(struct compiler *c, bool negated)
{
	struct class *class = arena_alloc(c->a, sizeof(*class));
	int e = emit(c, OP_CLASS, 0, 0);

	if (e)
		return e;
	if (class)
		class->ranges = arena_alloc(c->a, (c->range_count + 1U) * sizeof(*class->ranges));
	if (!class || !class->ranges)
		return err_set(c->reterr, ERR_SIZE, "regular expression needs too much memory");
	memcpy(class->ranges, c->ranges, c->range_count * sizeof(*class->ranges));
	class->count = c->range_count;
	class->negated = negated;
	c->steps[c->count - 1].class = class;
	c->range_count = 0;
	return 0;
}

/* Room for one step before those from `at` on; what points behind moves too. */
static int insert(struct compiler *c, uint16_t at)
{
	int e = emit(c, OP_JUMP, 0, 0);

	if (e)
		return e;
	memmove(&c->steps[at + 1], &c->steps[at], (size_t)(c->count - 1 - at) * sizeof(*c->steps));
	for (uint16_t i = (uint16_t)(at + 1); i < c->count; i++) {
		struct step *s = &c->steps[i];

		if (s->op == OP_SPLIT || s->op == OP_JUMP)
			s->x += s->x >= at;
		if (s->op == OP_SPLIT)
			s->y += s->y >= at;
	}
	return 0;
}

/* Another copy of the steps [from, to) at the end. */
static int duplicate(struct compiler *c, uint16_t from, uint16_t to)
{
	uint16_t shift = (uint16_t)(c->count - from);

	for (uint16_t i = from; i < to; i++) {
		struct step s = c->steps[i];

		if (s.op == OP_SPLIT || s.op == OP_JUMP)
			s.x += shift;
		if (s.op == OP_SPLIT)
			s.y += shift;
		int e = emit(c, s.op, s.x, s.y);

		if (e)
			return e;
		c->steps[c->count - 1].class = s.class;
	}
	return 0;
}

/* ---- classes ---- */

static const char *perl_class(char letter)
{
	switch (letter | 0x20) {
	case 'd': return "09";
	case 'w': return "09AZ__az";
	case 's': return "\t\n\f\r  ";
	default: return NULL;
	}
}

/* Pairs of bounds; negated adds the gaps instead. */
static int add_pairs(struct compiler *c, const char *pairs, bool negated)
{
	uint32_t from = 0;
	int e = 0;

	for (; !e && *pairs; pairs += 2) {
		uint32_t lo = (unsigned char)pairs[0], hi = (unsigned char)pairs[1];

		if (!negated)
			e = add_range(c, lo, hi);
		else if (lo > from)
			e = add_range(c, from, lo - 1);
		from = hi + 1;
	}
	return !e && negated ? add_range(c, from, RUNE_MAX) : e;
}

static int named_class(struct compiler *c)
{
	static const struct { const char *name, *pairs; } names[] = {
		{ "alnum", "09AZaz" }, { "alpha", "AZaz" }, { "blank", "\t\t  " }, { "digit", "09" },
		{ "graph", "!~" }, { "lower", "az" }, { "print", " ~" }, { "punct", "!/:@[`{~" },
		{ "space", "\t\r  " }, { "upper", "AZ" }, { "word", "09AZ__az" }, { "xdigit", "09AFaf" },
		{ "cntrl", "\001\037\177\177" },
	};
	bool negated = c->p[2] == '^';
	const char *start = c->p + 2 + negated, *end = strstr(start, ":]");

	for (size_t i = 0; end && i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == (size_t)(end - start) && !memcmp(names[i].name, start, (size_t)(end - start))) {
			c->p = end + 2;
			return add_pairs(c, names[i].pairs, negated);
		}
	return fail(c, "invalid character class");
}

static int hex_escape(struct compiler *c, uint32_t *ret)
{
	bool braces = *c->p == '{';
	uint32_t r = 0;
	int digits = 0;

	c->p += braces;
	for (; digits < (braces ? 8 : 2); digits++, c->p++) {
		char ch = *c->p, lower = (char)(ch | 0x20);

		if (ch >= '0' && ch <= '9')
			r = r * 16 + (uint32_t)(ch - '0');
		else if (lower >= 'a' && lower <= 'f')
			r = r * 16 + (uint32_t)(lower - 'a') + 10;
		else
			break;
	}
	if (!digits || r > RUNE_MAX || (braces ? *c->p++ != '}' : digits != 2))
		return fail(c, "invalid escape sequence");
	*ret = r;
	return 0;
}

/* One character after a backslash. */
static int escape(struct compiler *c, uint32_t *ret)
{
	static const char letters[] = "aftnrv", values[] = "\a\f\t\n\r\v";
	char ch = *c->p;
	const char *known = ch ? strchr(letters, ch) : NULL;

	if (!ch)
		return fail(c, "trailing backslash at end of expression");
	if (known) {
		c->p++;
		*ret = (unsigned char)values[known - letters];
		return 0;
	}
	if (ch == 'x') {
		c->p++;
		return hex_escape(c, ret);
	}
	if (ch == 'p' || ch == 'P')
		return fail(c, "Unicode classes are not supported");
	if (is_word((unsigned char)ch) && !(ch == '_'))
		return fail(c, "invalid escape sequence");
	*ret = next_rune(&c->p, c->p + strlen(c->p));
	return 0;
}

static int class_char(struct compiler *c, uint32_t *ret)
{
	if (!*c->p)
		return fail(c, "missing closing ]");
	if (*c->p == '\\') {
		c->p++;
		return escape(c, ret);
	}
	*ret = next_rune(&c->p, c->p + strlen(c->p));
	return 0;
}

/* After "[". */
static int bracket(struct compiler *c)
{
	bool negated = *c->p == '^', first = true;
	int e = 0;

	c->p += negated;
	for (; !e && (*c->p != ']' || first); first = false) {
		uint32_t lo, hi;

		if (!strncmp(c->p, "[:", 2)) {
			e = named_class(c);
			continue;
		}
		if (*c->p == '\\' && c->p[1] && perl_class(c->p[1])) {
			e = add_pairs(c, perl_class(c->p[1]), c->p[1] < 'a');
			c->p += 2;
			continue;
		}
		e = class_char(c, &lo);
		hi = lo;
		if (!e && c->p[0] == '-' && c->p[1] && c->p[1] != ']') {
			c->p++;
			e = class_char(c, &hi);
		}
		if (!e && hi < lo)
			return fail(c, "invalid character class range");
		if (!e)
			e = add_range(c, lo, hi);
	}
	if (e)
		return e;
	c->p++;
	return emit_class(c, negated);
}

/* ---- expressions ---- */

/* "(?:", "(?P<name>", "(?i)", "(?s:" ... after "(?". *ret_group: a group follows. */
static int group_flags(struct compiler *c, bool *ret_group)
{
	bool off = false;

	*ret_group = true;
	if (*c->p == 'P' || *c->p == '<') {
		c->p = strchr(c->p, '>');
		if (!c->p)
			return fail(c, "invalid named capture");
		c->p++;
		return 0;
	}
	for (;; c->p++) {
		unsigned flag = *c->p == 'i' ? FOLD : *c->p == 's' ? DOT_ALL : *c->p == 'm' ? MULTILINE :
			*c->p == 'U' ? SWAP_LAZY : 0;

		if (flag)
			c->flags = off ? c->flags & ~flag : c->flags | flag;
		else if (*c->p == '-' && !off)
			off = true;
		else
			break;
	}
	*ret_group = *c->p == ':';
	if (*c->p != ':' && *c->p != ')')
		return fail(c, "invalid or unsupported Perl syntax");
	c->p++;
	return 0;
}

static int group(struct compiler *c)
{
	unsigned flags = c->flags;
	bool inner = true;
	int e = 0;

	if (++c->depth > NESTING_MAX)
		return fail(c, "expression nests too deeply");
	if (*c->p == '?') {
		c->p++;
		e = group_flags(c, &inner);
	}
	if (e || !inner) {   /* (?i) holds until the enclosing group ends */
		c->depth--;
		return e;
	}
	e = alternatives(c);
	if (e)
		return e;
	if (*c->p != ')')
		return fail(c, "missing closing )");
	c->p++;
	c->flags = flags;
	c->depth--;
	return 0;
}

static int atom(struct compiler *c)
{
	char ch = *c->p++;
	uint32_t r;
	int e;

	switch (ch) {
	case '(': return group(c);
	case '[': return bracket(c);
	case '^': return emit(c, c->flags & MULTILINE ? OP_LINE_START : OP_TEXT_START, 0, 0);
	case '$': return emit(c, c->flags & MULTILINE ? OP_LINE_END : OP_TEXT_END, 0, 0);
	case '.':
		if (!(c->flags & DOT_ALL))
			c->ranges[c->range_count++] = (struct range){ '\n', '\n' };
		return emit_class(c, true);
	case '*': case '+': case '?': return fail(c, "missing argument to repetition operator");
	case '\\':
		if (*c->p == 'A' || *c->p == 'z')
			return emit(c, *c->p++ == 'A' ? OP_TEXT_START : OP_TEXT_END, 0, 0);
		if (*c->p == 'b' || *c->p == 'B')
			return emit(c, *c->p++ == 'b' ? OP_WORD : OP_NOT_WORD, 0, 0);
		if (*c->p && perl_class(*c->p) && strchr("dDwWsS", *c->p)) {
			e = add_pairs(c, perl_class(*c->p), false);
			return e ? e : emit_class(c, *c->p++ < 'a');
		}
		e = escape(c, &r);
		break;
	default:
		c->p--;
		r = next_rune(&c->p, c->p + strlen(c->p));
		e = 0;
	}
	if (!e)
		e = add_range(c, r, r);
	return e ? e : emit_class(c, false);
}

/* "{2}", "{2,}", "{2,5}" at c->p; anything else is text. max -1: no bound. */
static bool counts(struct compiler *c, int *ret_min, int *ret_max)
{
	const char *p = c->p + 1;
	int n[2] = { -1, -1 }, i = 0;

	for (; i < 2; i++) {
		for (; *p >= '0' && *p <= '9' && n[i] <= 10 * PATTERN_REPEAT_MAX; p++)
			n[i] = (n[i] < 0 ? 0 : n[i] * 10) + (*p - '0');
		if (i || *p != ',')
			break;
		p++;
	}
	if (n[0] < 0 || *p != '}')
		return false;
	*ret_min = n[0];
	*ret_max = i ? n[1] : n[0];
	c->p = p + 1;
	return true;
}

/* The steps from `from` on, min to max times. */
static int repeat(struct compiler *c, uint16_t from, int min, int max)
{
	uint16_t to = c->count, optional[PATTERN_REPEAT_MAX];
	int e = 0, options = 0;

	if (min > PATTERN_REPEAT_MAX || max > PATTERN_REPEAT_MAX || (max >= 0 && max < min))
		return fail(c, "invalid repeat count");
	if (max == 0) {
		c->count = from;
		return 0;
	}
	if (min == 0 && max == 1) {   /* x? */
		e = insert(c, from);
		if (!e)
			c->steps[from] = (struct step){ .op = OP_SPLIT, .x = (uint16_t)(from + 1), .y = c->count };
		return e;
	}
	for (int i = 1; !e && i < min; i++)
		e = duplicate(c, from, to);
	if (!e && max < 0 && min == 0) {   /* x* */
		e = insert(c, from);
		if (!e)
			e = emit(c, OP_JUMP, from, 0);
		if (!e)
			c->steps[from] = (struct step){ .op = OP_SPLIT, .x = (uint16_t)(from + 1), .y = c->count };
		return e;
	}
	if (!e && max < 0)             /* x+ : back to the last copy */
		return emit(c, OP_SPLIT, (uint16_t)(c->count - (to - from)), (uint16_t)(c->count + 1));
	for (int i = min ? min : 1; !e && i < max; i++) {   /* x{n,m}: each further one may end it */
		optional[options++] = c->count;
		e = emit(c, OP_SPLIT, (uint16_t)(c->count + 1), 0);
		if (!e)
			e = duplicate(c, from, to);
	}
	if (e)
		return e;
	for (int i = 0; i < options; i++)
		c->steps[optional[i]].y = c->count;
	return min ? 0 : repeat(c, from, 0, 1);
}

static int repeated(struct compiler *c)
{
	uint16_t from = c->count;
	bool any = false;
	int e = atom(c), min, max;

	while (!e) {
		if (*c->p == '*' || *c->p == '+' || *c->p == '?') {
			min = *c->p == '+';
			max = *c->p == '?' ? 1 : -1;
			c->p++;
		} else if (*c->p != '{' || !counts(c, &min, &max)) {
			break;
		}
		if (any)
			return fail(c, "invalid nested repetition operator");
		c->p += *c->p == '?';   /* lazy or not, the same texts match */
		any = true;
		e = repeat(c, from, min, max);
	}
	return e;
}

static int alternatives(struct compiler *c)
{
	uint16_t start = c->count;
	int e = 0;

	while (!e && *c->p && *c->p != ')' && *c->p != '|')
		e = repeated(c);
	if (e || *c->p != '|')
		return e;
	c->p++;
	e = insert(c, start);
	if (e)
		return e;
	uint16_t jump = c->count;

	e = emit(c, OP_JUMP, 0, 0);
	if (e)
		return e;
	c->steps[start] = (struct step){ .op = OP_SPLIT, .x = (uint16_t)(start + 1), .y = c->count };
	if (++c->depth > PATTERN_REPEAT_MAX)
		return fail(c, "too many alternatives");
	e = alternatives(c);
	c->depth--;
	c->steps[jump].x = c->count;
	return e;
}

static int finish(struct compiler *c, struct pattern **ret)
{
	struct pattern *p = arena_alloc(c->a, sizeof(*p));
	int e = alternatives(c);

	if (!e && *c->p)
		e = fail(c, "unexpected )");
	if (!e)
		e = emit(c, OP_MATCH, 0, 0);
	if (e)
		return e;
	if (p)
		p->steps = arena_alloc(c->a, c->count * sizeof(*c->steps));
	if (!p || !p->steps)
		return err_set(c->reterr, ERR_SIZE, "regular expression needs too much memory");
	p->count = c->count;
	memcpy(p->steps, c->steps, c->count * sizeof(*c->steps));
	*ret = p;
	return 0;
}

int pattern_compile(struct arena *a, const char *source, struct pattern **ret, struct err *reterr)
{
	struct compiler c = { .a = a, .p = source, .reterr = reterr };
	int e;

	c.steps = malloc(PATTERN_STEPS_MAX * sizeof(*c.steps));
	if (!c.steps)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	e = finish(&c, ret);
	free(c.steps);
	return e;
}

/* ---- matching ---- */

struct set { uint16_t count, at[PATTERN_STEPS_MAX]; };

struct matcher {
	const struct pattern *p;
	uint32_t seen[PATTERN_STEPS_MAX];   /* the place a step was last added at */
	uint32_t place;
	uint16_t todo[PATTERN_STEPS_MAX];
};

static bool holds(uint8_t op, uint32_t before, uint32_t after)
{
	bool word = (before <= RUNE_MAX && is_word(before)) != (after <= RUNE_MAX && is_word(after));

	switch (op) {
	case OP_TEXT_START: return before > RUNE_MAX;
	case OP_LINE_START: return before > RUNE_MAX || before == '\n';
	case OP_TEXT_END: return after > RUNE_MAX;
	case OP_LINE_END: return after > RUNE_MAX || after == '\n';
	case OP_WORD: return word;
	default: return !word;
	}
}

static void push(struct matcher *m, uint16_t *n, uint16_t step)
{
	if (m->seen[step] == m->place)
		return;
	m->seen[step] = m->place;
	m->todo[(*n)++] = step;
}

/* Everything reachable from step without taking a character. True: a match. */
static bool reach(struct matcher *m, struct set *set, uint16_t from, uint32_t before, uint32_t after)
{
	uint16_t n = 0;

	push(m, &n, from);
	while (n) {
		uint16_t at = m->todo[--n];
		const struct step *s = &m->p->steps[at];

		if (s->op == OP_MATCH)
			return true;
		if (s->op == OP_CLASS) {
			set->at[set->count++] = at;
		} else if (s->op == OP_JUMP) {
			push(m, &n, s->x);
		} else if (s->op == OP_SPLIT) {
			push(m, &n, s->x);
			push(m, &n, s->y);
		} else if (holds(s->op, before, after)) {
			push(m, &n, (uint16_t)(at + 1));
		}
	}
	return false;
}

static bool in_class(const struct class *class, uint32_t r)
{
	for (uint16_t i = 0; i < class->count; i++)
		if (r >= class->ranges[i].lo && r <= class->ranges[i].hi)
			return !class->negated;
	return class->negated;
}

bool pattern_match(const struct pattern *p, const char *s, size_t n)
{
	static _Thread_local struct matcher m;
	static _Thread_local struct set sets[2];
	struct set *now = &sets[0], *then = &sets[1];
	const char *end = s + n;
	uint32_t before = UINT32_MAX, here, after;

	memset(m.seen, 0, p->count * sizeof(m.seen[0]));
	m.p = p;
	m.place = 1;
	now->count = 0;
	here = s < end ? next_rune(&s, end) : UINT32_MAX;
	for (;;) {
		if (reach(&m, now, 0, before, here))   /* a match may start anywhere */
			return true;
		if (here > RUNE_MAX)
			return false;
		after = s < end ? next_rune(&s, end) : UINT32_MAX;
		m.place++;
		then->count = 0;
		for (uint16_t i = 0; i < now->count; i++)
			if (in_class(p->steps[now->at[i]].class, here) &&
					reach(&m, then, (uint16_t)(now->at[i] + 1), here, after))
				return true;
		struct set *swap = now;

		now = then;
		then = swap;
		before = here;
		here = after;
	}
}
