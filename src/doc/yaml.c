/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - libyaml's document tree turned into a yyjson one.
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

#include "doc/members.h"

#define NAMES_MAX DOC_DEPTH_MAX          /* anchors and %TAGs of one document */
#define REPEATS_BYTES_MAX (64u << 10)   /* an alias makes a long key out of two bytes */

struct conv {
	yaml_document_t *y;
	yyjson_mut_doc *d;
	struct err *err;
	struct buf *repeated;      /* or NULL */
	unsigned nodes, repeats;
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

static yyjson_mut_val *scalar(struct conv *c, const yaml_node_t *n)
{
	const char *s = (const char *)n->data.scalar.value;
	size_t len = n->data.scalar.length;
	const char *tag = (const char *)n->tag;
	int64_t i;
	double r;

	if (n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && tag && !strcmp(tag, YAML_STR_TAG)) {
		/* libyaml tags every plain scalar as a string; the text decides. */
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
	return yyjson_mut_strncpy(c->d, s, len);
}

static yyjson_mut_val *node(struct conv *c, int index, int depth);

static yyjson_mut_val *fail(struct conv *c, const yaml_node_t *n, const char *what)
{
	if (!c->rc)
		c->rc = err_set(c->err, ERR_BAD_REQUEST, "yaml: line %zu: %s", n->start_mark.line + 1, what);
	return NULL;
}

/* A key that came before: what go-yaml says of it. */
static void note_repeat(struct conv *c, const yaml_node_t *k)
{
	if (!c->repeated || c->repeats++ >= YAML_REPEATS_MAX || c->repeated->len > REPEATS_BYTES_MAX)
		return;
	buf_printf(c->repeated, "%sline %zu: key ", c->repeated->len ? "\n" : "", k->start_mark.line + 1);
	buf_add_json(c->repeated, (const char *)k->data.scalar.value, k->data.scalar.length);
	buf_adds(c->repeated, " already set in map");
}

static yyjson_mut_val *mapping(struct conv *c, const yaml_node_t *n, int depth)
{
	yyjson_mut_val *obj = yyjson_mut_obj(c->d);
	struct doc_members m;

	doc_members_open(&m, c->d, obj);
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; !m.failed && p < n->data.mapping.pairs.top; p++) {
		const yaml_node_t *k = yaml_document_get_node(c->y, p->key);
		const char *key;
		if (!k || k->type != YAML_SCALAR_NODE) {
			fail(c, n, "a mapping's keys must be plain strings");
			break;
		}
		key = (const char *)k->data.scalar.value;
		if (doc_members_has(&m, key, k->data.scalar.length))
			note_repeat(c, k);
		doc_members_put(&m, key, k->data.scalar.length, node(c, p->value, depth + 1));
	}
	return doc_members_close(&m) && !c->rc ? obj : NULL;
}

static yyjson_mut_val *sequence(struct conv *c, const yaml_node_t *n, int depth)
{
	yyjson_mut_val *arr = yyjson_mut_arr(c->d);

	for (yaml_node_item_t *it = n->data.sequence.items.start; arr && it < n->data.sequence.items.top; it++) {
		yyjson_mut_val *val = node(c, *it, depth + 1);
		if (!val || !yyjson_mut_arr_append(arr, val))
			return NULL;
	}
	return arr;
}

static yyjson_mut_val *node(struct conv *c, int index, int depth)
{
	const yaml_node_t *n = yaml_document_get_node(c->y, index);

	if (!n)
		return NULL;
	if (depth >= DOC_DEPTH_MAX && n->type != YAML_SCALAR_NODE)
		return fail(c, n, "nested too deeply");
	if (++c->nodes > YAML_NODES_MAX)
		return fail(c, n, "too many nodes");
	switch (n->type) {
	case YAML_SCALAR_NODE:
		return scalar(c, n);
	case YAML_SEQUENCE_NODE:
		return sequence(c, n, depth);
	case YAML_MAPPING_NODE:
		return mapping(c, n, depth);
	default:
		return fail(c, n, "empty node");
	}
}

/* libyaml's scanner looks at every open bracket for each token, its loader at every anchor for each
 * further one and each alias, its parser at every %TAG: their number is bounded before it is let
 * at the whole. Block nesting has no such cost. */
static int check_cost(const char *p, size_t n, struct err *reterr)
{
	yaml_parser_t parser;
	yaml_token_t token;
	unsigned depth = 0, names = 0, marks = 0;
	bool done = false;

	for (size_t i = 0; i < n && marks <= NAMES_MAX; i++)
		marks += p[i] == '[' || p[i] == '{' || p[i] == '&' || p[i] == '%';
	if (marks <= NAMES_MAX || !yaml_parser_initialize(&parser))
		return 0;
	yaml_parser_set_input_string(&parser, (const unsigned char *)p, n);
	while (!done && depth <= DOC_DEPTH_MAX && names <= NAMES_MAX && yaml_parser_scan(&parser, &token)) {
		switch (token.type) {
		case YAML_FLOW_SEQUENCE_START_TOKEN: case YAML_FLOW_MAPPING_START_TOKEN:
			depth++;
			break;
		case YAML_FLOW_SEQUENCE_END_TOKEN: case YAML_FLOW_MAPPING_END_TOKEN:
			depth -= depth > 0;
			break;
		case YAML_ANCHOR_TOKEN: case YAML_TAG_DIRECTIVE_TOKEN:
			names++;
			break;
		default:
			done = token.type == YAML_STREAM_END_TOKEN;
		}
		yaml_token_delete(&token);
	}
	yaml_parser_delete(&parser);
	if (depth > DOC_DEPTH_MAX)
		return err_set(reterr, ERR_BAD_REQUEST, "yaml: exceeded max depth of %d", DOC_DEPTH_MAX);
	return names > NAMES_MAX ? err_set(reterr, ERR_BAD_REQUEST, "yaml: more than %d anchors and tags", NAMES_MAX) : 0;
}

int yaml_parse(yyjson_mut_doc *d, const char *p, size_t n, yyjson_mut_val **ret, struct err *reterr)
{
	return yaml_parse_noting(d, p, n, ret, NULL, reterr);
}

int yaml_parse_noting(yyjson_mut_doc *d, const char *p, size_t n, yyjson_mut_val **ret, struct buf *repeated,
	struct err *reterr)
{
	yaml_parser_t parser;
	yaml_document_t y;
	struct conv c = { .y = &y, .d = d, .err = reterr, .repeated = repeated };
	int rc;

	*ret = NULL;
	rc = check_cost(p, n, reterr);
	if (rc)
		return rc;
	if (!yaml_parser_initialize(&parser))
		return err_set(reterr, ERR_NOMEM, "yaml: out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)p, n);
	if (!yaml_parser_load(&parser, &y)) {
		rc = err_set(reterr, ERR_BAD_REQUEST, "yaml: line %zu, column %zu: %s",
			parser.problem_mark.line + 1, parser.problem_mark.column + 1,
			parser.problem ? parser.problem : "cannot be read");
		yaml_parser_delete(&parser);
		return rc;
	}
	if (yaml_document_get_root_node(&y)) {
		*ret = node(&c, 1, 0);
		if (!*ret && !c.rc)
			c.rc = err_set(reterr, ERR_SIZE, "yaml: the document is too large");
	}
	yaml_document_delete(&y);
	yaml_parser_delete(&parser);
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
