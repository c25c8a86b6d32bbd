/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - libyaml's events turned into a yyjson tree, which is all that is kept of them.
 *
 * Aliases are copied where they stand; the node budget stops the bombs that
 * makes possible.
 */
#include "doc/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/map.h"
#include "doc/members.h"

#define ANCHORS_MAX 200
#define TAGS_MAX 200
#define REPEATS_BYTES_MAX (64u << 10)   /* an alias makes a long key out of two bytes */
/* libyaml's scanner looks at every open bracket for each token: the sum of those over a document. */
#define WORK_MAX 32000000u
#define MERGE_TAG "tag:yaml.org,2002:merge"

struct anchor {
	yyjson_mut_val *v;         /* NULL: not read to its end */
	yyjson_mut_val *text;      /* of a scalar, as a key has it */
	unsigned nodes;
	int height;                /* levels below v */
};

struct conv {
	yaml_parser_t parser;
	yyjson_mut_doc *d;
	struct err *err;
	struct buf *repeated;      /* or NULL */
	unsigned nodes, repeats, brackets;
	uint64_t work;
	int deepest;               /* level that the value being read has reached */
	struct anchor anchors[ANCHORS_MAX];
	unsigned anchor_count;
	struct map names;          /* of anchors */
	int rc;
};

static bool is_one_of(const char *s, const char *const *set)
{
	for (; *set; set++)
		if (!strcmp(s, *set))
			return true;
	return false;
}

static const char *const word_null[] = { "", "~", "null", "Null", "NULL", NULL };
static const char *const word_true[] = { "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y", NULL };
static const char *const word_false[] = { "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N", NULL };

/* Decimal, 0x, 0o and leading-0 octal integers as YAML 1.1 has them. */
static bool as_int(const char *s, int64_t *ret)
{
	const char *p = s;
	int base = 10;
	char *end;

	if (*p == '-' || *p == '+')
		p++;
	if (*p < '0' || *p > '9')
		return false;
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		base = 16;
	else if (p[0] == '0' && p[1] >= '0' && p[1] <= '7')
		base = 8;
	else if (p[0] == '0' && p[1] == 'o')
		return false;
	errno = 0;
	*ret = strtoll(s, &end, base);
	return errno == 0 && *end == '\0';
}

static bool as_real(const char *s, double *ret)
{
	char *end;

	if (strspn(s, "+-.0123456789eE") != strlen(s) || !strpbrk(s, "0123456789"))
		return false;
	errno = 0;
	*ret = strtod(s, &end);
	return *end == '\0' && isfinite(*ret);
}

/* ---- the parser's events ---- */

static void *fail(struct conv *c, size_t line, const char *what)
{
	if (!c->rc)
		c->rc = err_set(c->err, ERR_BAD_REQUEST, "yaml: line %zu: %s", line, what);
	return NULL;
}

/* The next event, to be deleted; false: there is none, c->rc says why. */
static bool next(struct conv *c, yaml_event_t *e)
{
	yaml_parser_t *p = &c->parser;

	if (c->rc)
		return false;
	if (!yaml_parser_parse(p, e)) {
		c->rc = err_set(c->err, ERR_BAD_REQUEST, "yaml: line %zu, column %zu: %s", p->problem_mark.line + 1,
			p->problem_mark.column + 1, p->problem ? p->problem : "cannot be read");
		return false;
	}
	c->work += c->brackets;
	if (c->work <= WORK_MAX)
		return true;
	fail(c, e->start_mark.line + 1, "too much inside of brackets");
	yaml_event_delete(e);
	return false;
}

static size_t line_of(const yaml_event_t *e)
{
	return e->start_mark.line + 1;
}

static yyjson_mut_val *scalar(struct conv *c, const yaml_event_t *e)
{
	static const char *const word_tags[] = { YAML_NULL_TAG, YAML_BOOL_TAG, YAML_INT_TAG, YAML_FLOAT_TAG, NULL };
	const char *s = (const char *)e->data.scalar.value, *tag = (const char *)e->data.scalar.tag;
	int64_t i;
	double r;

	if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		(e->data.scalar.plain_implicit || (tag && is_one_of(tag, word_tags)))) {
		if (is_one_of(s, word_null))
			return yyjson_mut_null(c->d);
		if (is_one_of(s, word_true))
			return yyjson_mut_bool(c->d, true);
		if (is_one_of(s, word_false))
			return yyjson_mut_bool(c->d, false);
		if (as_int(s, &i))
			return yyjson_mut_sint(c->d, i);
		if (as_real(s, &r))
			return yyjson_mut_real(c->d, r);
	}
	return yyjson_mut_strncpy(c->d, s, e->data.scalar.length);
}

/* ---- anchors ---- */

static const char *anchor_name(const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT: return (const char *)e->data.scalar.anchor;
	case YAML_SEQUENCE_START_EVENT: return (const char *)e->data.sequence_start.anchor;
	case YAML_MAPPING_START_EVENT: return (const char *)e->data.mapping_start.anchor;
	default: return NULL;
	}
}

/* A name given again means what it was given to last. NULL: e has none, or failure. */
static struct anchor *anchor_open(struct conv *c, const yaml_event_t *e)
{
	const char *name = anchor_name(e);
	struct anchor *a;

	if (!name)
		return NULL;
	if (c->anchor_count == ANCHORS_MAX)
		return fail(c, line_of(e), "too many anchors");
	a = &c->anchors[c->anchor_count];
	if (map_put(&c->names, name, a, NULL)) {
		c->rc = err_set(c->err, ERR_NOMEM, "yaml: out of memory");
		return NULL;
	}
	c->anchor_count++;
	if (e->type == YAML_SCALAR_EVENT)
		a->text = yyjson_mut_strncpy(c->d, (const char *)e->data.scalar.value, e->data.scalar.length);
	return a;
}

static struct anchor *anchor_of(struct conv *c, const yaml_event_t *e)
{
	struct anchor *a = map_get(&c->names, (const char *)e->data.alias.anchor);

	if (!a)
		return fail(c, line_of(e), "unknown anchor");
	return a->v ? a : fail(c, line_of(e), "an anchor's value contains itself");
}

static yyjson_mut_val *copy_of(struct conv *c, const yaml_event_t *e, int depth)
{
	const struct anchor *a = anchor_of(c, e);

	if (!a)
		return NULL;
	if (depth + a->height > DOC_DEPTH_MAX)
		return fail(c, line_of(e), "nested too deeply");
	c->nodes += a->nodes;
	if (c->nodes > YAML_NODES_MAX)
		return fail(c, line_of(e), "too many nodes");
	if (depth + a->height > c->deepest)
		c->deepest = depth + a->height;
	return yyjson_mut_val_mut_copy(c->d, a->v);
}

/* ---- mappings and sequences ---- */

static yyjson_mut_val *value(struct conv *c, const yaml_event_t *e, int depth);

/* A key that came before: what go-yaml says of it. */
static void note_repeat(struct conv *c, size_t line, const char *key, size_t n)
{
	if (!c->repeated || c->repeats++ >= YAML_REPEATS_MAX || c->repeated->len > REPEATS_BYTES_MAX)
		return;
	buf_printf(c->repeated, "%sline %zu: key ", c->repeated->len ? "\n" : "", line);
	buf_add_json(c->repeated, key, n);
	buf_adds(c->repeated, " already set in map");
}

/* The text of a key; NULL: it has none. */
static const char *key_of(struct conv *c, const yaml_event_t *k, size_t *ret_len)
{
	struct anchor *a;

	if (k->type == YAML_SCALAR_EVENT) {
		a = anchor_open(c, k);
		if (a) {
			a->v = scalar(c, k);
			a->nodes = 1;
		}
		*ret_len = k->data.scalar.length;
		return c->rc ? NULL : (const char *)k->data.scalar.value;
	}
	a = k->type == YAML_ALIAS_EVENT ? anchor_of(c, k) : NULL;
	if (!a || !a->text)
		return fail(c, line_of(k), "a mapping's keys must be plain strings");
	*ret_len = yyjson_mut_get_len(a->text);
	return yyjson_mut_get_str(a->text);
}

static bool is_merge(const yaml_event_t *k)
{
	const char *tag;

	if (k->type != YAML_SCALAR_EVENT || strcmp((const char *)k->data.scalar.value, "<<"))
		return false;
	tag = (const char *)k->data.scalar.tag;
	return k->data.scalar.plain_implicit || (tag && !strcmp(tag, MERGE_TAG));
}

static bool take_members(struct conv *c, struct doc_members *m, yyjson_mut_val *from, size_t line)
{
	yyjson_mut_obj_iter it;

	yyjson_mut_obj_iter_init(from, &it);
	for (yyjson_mut_val *k; !m->failed && (k = yyjson_mut_obj_iter_next(&it));) {
		const char *key = yyjson_mut_get_str(k);
		size_t n = yyjson_mut_get_len(k);

		if (doc_members_has(m, key, n))
			note_repeat(c, line, key, n);
		doc_members_put(m, key, n, yyjson_mut_val_mut_copy(c->d, yyjson_mut_obj_iter_get_val(k)));
	}
	return !m->failed;
}

/* `<<: v`: v's members, or those of the mappings it lists, of which the first counts. They stand
 * where the key stands: what came before is replaced, what follows replaces them. */
static bool merge(struct conv *c, struct doc_members *m, yyjson_mut_val *v, bool is_alias, size_t line)
{
	static const char want[] = "map merge requires map or sequence of maps as the value";
	yyjson_mut_val *all = yyjson_mut_obj(c->d), *item;
	struct doc_members one;
	yyjson_mut_arr_iter it;
	bool ok = true;

	if (yyjson_mut_is_obj(v))
		return take_members(c, m, v, line);
	if (!yyjson_mut_is_arr(v) || is_alias)
		return fail(c, line, want);
	doc_members_open(&one, c->d, all);
	yyjson_mut_arr_iter_init(v, &it);
	while (ok && (item = yyjson_mut_arr_iter_next(&it))) {
		yyjson_mut_obj_iter members;

		ok = yyjson_mut_is_obj(item) || fail(c, line, want);
		yyjson_mut_obj_iter_init(item, &members);
		for (yyjson_mut_val *k; ok && (k = yyjson_mut_obj_iter_next(&members));) {
			const char *key = yyjson_mut_get_str(k);
			size_t n = yyjson_mut_get_len(k);

			if (doc_members_has(&one, key, n))
				note_repeat(c, line, key, n);
			else
				doc_members_put(&one, key, n, yyjson_mut_val_mut_copy(c->d, yyjson_mut_obj_iter_get_val(k)));
		}
	}
	return doc_members_close(&one) && ok && take_members(c, m, all, line);
}

static bool pair(struct conv *c, struct doc_members *m, const yaml_event_t *k, int depth)
{
	yyjson_mut_val *v;
	bool merges = is_merge(k), is_alias;
	yaml_event_t e;
	size_t n;
	const char *key = key_of(c, k, &n);

	if (!key)
		return false;
	if (!merges && doc_members_has(m, key, n))
		note_repeat(c, line_of(k), key, n);
	if (!next(c, &e))
		return false;
	is_alias = e.type == YAML_ALIAS_EVENT;
	v = value(c, &e, depth + 1);
	yaml_event_delete(&e);
	if (v && merges)
		return merge(c, m, v, is_alias, line_of(k));
	doc_members_put(m, key, n, v);
	return v != NULL;
}

static yyjson_mut_val *mapping(struct conv *c, int depth)
{
	yyjson_mut_val *obj = yyjson_mut_obj(c->d);
	bool more = true, ended = false;
	struct doc_members m;
	yaml_event_t k;

	doc_members_open(&m, c->d, obj);
	while (more && !m.failed && next(c, &k)) {
		ended = k.type == YAML_MAPPING_END_EVENT;
		more = !ended && pair(c, &m, &k, depth);
		yaml_event_delete(&k);
	}
	return doc_members_close(&m) && ended ? obj : NULL;
}

static yyjson_mut_val *sequence(struct conv *c, int depth)
{
	yyjson_mut_val *arr = yyjson_mut_arr(c->d);
	bool more = arr != NULL, ended = false;
	yaml_event_t e;

	while (more && next(c, &e)) {
		ended = e.type == YAML_SEQUENCE_END_EVENT;
		more = !ended && yyjson_mut_arr_append(arr, value(c, &e, depth + 1));
		yaml_event_delete(&e);
	}
	return ended ? arr : NULL;
}

static bool is_flow(const yaml_event_t *e)
{
	return (e->type == YAML_SEQUENCE_START_EVENT && e->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE) ||
		(e->type == YAML_MAPPING_START_EVENT && e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
}

/* The value that begins with e. */
static yyjson_mut_val *value(struct conv *c, const yaml_event_t *e, int depth)
{
	unsigned before = c->nodes, flow = is_flow(e);
	yyjson_mut_val *v = NULL;
	int deepest = c->deepest;
	struct anchor *a;

	if (e->type == YAML_ALIAS_EVENT)
		return copy_of(c, e, depth);
	if (depth >= DOC_DEPTH_MAX && e->type != YAML_SCALAR_EVENT)
		return fail(c, line_of(e), "nested too deeply");
	if (++c->nodes > YAML_NODES_MAX)
		return fail(c, line_of(e), "too many nodes");
	a = anchor_open(c, e);
	if (c->rc)
		return NULL;
	c->deepest = depth;
	c->brackets += flow;
	if (e->type == YAML_SCALAR_EVENT)
		v = scalar(c, e);
	else if (e->type == YAML_SEQUENCE_START_EVENT)
		v = sequence(c, depth);
	else if (e->type == YAML_MAPPING_START_EVENT)
		v = mapping(c, depth);
	c->brackets -= flow;
	if (a) {
		a->v = v;
		a->nodes = c->nodes - before;
		a->height = c->deepest - depth;
	}
	if (deepest > c->deepest)
		c->deepest = deepest;
	return v;
}

/* The parser compares each %TAG with all others before it tells of any. */
static bool too_many_tags(const char *p, size_t n)
{
	const char *end = p + n;
	unsigned tags = 0;

	while (p < end && tags <= TAGS_MAX && (*p == '%' || *p == '#' || *p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
		const char *line = memchr(p, '\n', (size_t)(end - p));

		tags += *p == '%';
		p = line ? line + 1 : end;
	}
	return tags > TAGS_MAX;
}

/* The first document; NULL: there is none, or failure. */
static yyjson_mut_val *document(struct conv *c)
{
	yyjson_mut_val *v = NULL;
	bool started = false, done = false;
	yaml_event_t e;

	while (!done && next(c, &e)) {
		if (e.type == YAML_STREAM_END_EVENT || e.type == YAML_DOCUMENT_END_EVENT) {
			done = true;
		} else if (e.type == YAML_DOCUMENT_START_EVENT) {
			started = true;
		} else if (e.type != YAML_STREAM_START_EVENT) {
			v = value(c, &e, 0);
			done = !v;
		}
		yaml_event_delete(&e);
	}
	if (started && !v && !c->rc)
		c->rc = err_set(c->err, ERR_SIZE, "yaml: the document is too large");
	return c->rc ? NULL : v;
}

int yaml_parse(yyjson_mut_doc *d, const char *p, size_t n, yyjson_mut_val **ret, struct err *reterr)
{
	return yaml_parse_noting(d, p, n, ret, NULL, reterr);
}

int yaml_parse_noting(yyjson_mut_doc *d, const char *p, size_t n, yyjson_mut_val **ret, struct buf *repeated,
	struct err *reterr)
{
	struct conv c = { .d = d, .err = reterr, .repeated = repeated };

	*ret = NULL;
	if (too_many_tags(p, n))
		return err_set(reterr, ERR_BAD_REQUEST, "yaml: more than %d tags", TAGS_MAX);
	if (!yaml_parser_initialize(&c.parser))
		return err_set(reterr, ERR_NOMEM, "yaml: out of memory");
	yaml_parser_set_input_string(&c.parser, (const unsigned char *)p, n);
	*ret = document(&c);
	yaml_parser_delete(&c.parser);
	map_finish(&c.names);
	return c.rc;
}

bool yaml_needs_quotes(const char *s)
{
	int64_t i;
	double r;

	if (is_one_of(s, word_null) || is_one_of(s, word_true) || is_one_of(s, word_false) ||
	    as_int(s, &i) || as_real(s, &r))
		return true;
	if (strchr("-?:,[]{}#&*!|>'\"%@` ", s[0]))
		return true;
	for (const char *q = s; *q; q++)
		if ((unsigned char)*q < ' ' || (*q == ':' && (q[1] == ' ' || !q[1])) || (*q == ' ' && (q[1] == '#' || !q[1])))
			return true;
	return false;
}
