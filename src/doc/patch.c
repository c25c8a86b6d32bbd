/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patch - RFC 6902 and RFC 7386 over mutable trees.
 *
 * "move" can stack what parsing had bounded, so a tree under JSON patch may be
 * deeper than DOC_DEPTH_MAX until the end; nothing here recurses into it before
 * its depth is known.
 */
#include "doc/patch.h"

#include <string.h>

#include "doc/doc_priv.h"
#include "doc/members.h"

struct json_patch {
	yyjson_mut_doc *d;
	yyjson_mut_val *root;
	struct buf token;      /* the pointer's current token, unescaped */
	struct err *err;
	size_t at;             /* index of the operation, for messages */
};

static int refuse(struct json_patch *p, const char *what, const char *path)
{
	return err_set(p->err, ERR_INVALID, "operation %zu: %s: \"%s\"", p->at, what, path);
}

static int over(struct err *err)
{
	return err_set(err, ERR_SIZE, "the patched document is too large");
}

/* The next token of *s into p->token; *s moves behind it, to NULL at the end. */
static bool next_token(struct json_patch *p, const char **s)
{
	const char *c = *s + 1;

	buf_clear(&p->token);
	for (; *c && *c != '/'; c++) {
		if (*c != '~')
			buf_addc(&p->token, *c);
		else if (*++c == '0' || *c == '1')
			buf_addc(&p->token, *c == '0' ? '~' : '/');
		else
			return false;
	}
	buf_addc(&p->token, '\0');
	p->token.len--;
	*s = *c ? c : NULL;
	return !p->token.failed;
}

/* The token as an index up to `max`; false when it is none. */
static bool index_of(const struct buf *t, size_t max, size_t *ret)
{
	size_t v = 0;

	if (t->len == 0 || t->len > 9 || (t->len > 1 && t->p[0] == '0'))
		return false;
	for (size_t i = 0; i < t->len; i++) {
		if (t->p[i] < '0' || t->p[i] > '9')
			return false;
		v = v * 10 + (size_t)(t->p[i] - '0');
	}
	*ret = v;
	return v <= max;
}

static yyjson_mut_val *child(struct json_patch *p, yyjson_mut_val *v)
{
	size_t i;

	if (yyjson_mut_is_obj(v))
		return yyjson_mut_obj_getn(v, p->token.p, p->token.len);
	if (yyjson_mut_is_arr(v) && index_of(&p->token, SIZE_MAX, &i))
		return yyjson_mut_arr_get(v, i);
	return NULL;
}

/* The container of path's target, whose last token is then in p->token.
 * *ret NULL with 0: path is the root. */
static int resolve(struct json_patch *p, const char *path, yyjson_mut_val **ret)
{
	const char *s = path;
	yyjson_mut_val *v = p->root;

	*ret = NULL;
	if (!*path)
		return 0;
	if (*path != '/')
		return refuse(p, "not a JSON pointer", path);
	for (;;) {
		if (!next_token(p, &s))
			return refuse(p, "not a JSON pointer", path);
		if (!s)
			break;
		v = child(p, v);
		if (!v)
			return refuse(p, "doc is missing path", path);
	}
	if (!yyjson_mut_is_ctn(v))
		return refuse(p, "doc is missing path", path);
	*ret = v;
	return 0;
}

static int get(struct json_patch *p, const char *path, yyjson_mut_val **ret)
{
	yyjson_mut_val *in;
	int rc = resolve(p, path, &in);

	*ret = NULL;
	if (rc)
		return rc;
	*ret = in ? child(p, in) : p->root;
	return *ret ? 0 : refuse(p, "doc is missing path", path);
}

static int add(struct json_patch *p, const char *path, yyjson_mut_val *v)
{
	yyjson_mut_val *in;
	size_t i;
	int rc = resolve(p, path, &in);

	if (rc)
		return rc;
	if (!in)
		p->root = v;
	else if (yyjson_mut_is_obj(in))
		return obj_put(p->d, in, p->token.p, p->token.len, v) ? 0 : over(p->err);
	else if (!strcmp(p->token.p, "-"))
		yyjson_mut_arr_append(in, v);
	else if (index_of(&p->token, yyjson_mut_arr_size(in), &i))
		yyjson_mut_arr_insert(in, v, i);
	else
		return refuse(p, "no such index", path);
	return 0;
}

/* Take the target out. */
static int take(struct json_patch *p, const char *path, yyjson_mut_val **ret)
{
	yyjson_mut_val *in;
	size_t i;
	int rc = resolve(p, path, &in);

	*ret = NULL;
	if (rc)
		return rc;
	if (!in)
		return refuse(p, "the whole document cannot be removed", path);
	if (yyjson_mut_is_obj(in))
		*ret = obj_take(in, p->token.p, p->token.len);
	else if (index_of(&p->token, SIZE_MAX, &i))
		*ret = yyjson_mut_arr_remove(in, i);
	return *ret ? 0 : refuse(p, "doc is missing path", path);
}

static int replace(struct json_patch *p, const char *path, yyjson_mut_val *v)
{
	yyjson_mut_val *in;
	size_t i;
	int rc = resolve(p, path, &in);

	if (rc)
		return rc;
	if (!in) {
		p->root = v;
		return 0;
	}
	if (!child(p, in))
		return refuse(p, "doc is missing path", path);
	if (yyjson_mut_is_obj(in))
		return obj_put(p->d, in, p->token.p, p->token.len, v) ? 0 : over(p->err);
	return index_of(&p->token, SIZE_MAX, &i) && yyjson_mut_arr_replace(in, i, v) ?
		0 : refuse(p, "doc is missing path", path);
}

static int move(struct json_patch *p, const char *from, const char *path)
{
	size_t n = strlen(from);
	yyjson_mut_val *v;
	int rc;

	if (!strcmp(from, path))
		return get(p, path, &v);
	if (!strncmp(from, path, n) && path[n] == '/')
		return refuse(p, "cannot move a value into itself", path);
	rc = take(p, from, &v);
	return rc ? rc : add(p, path, v);
}

static int copy(struct json_patch *p, const char *from, const char *path)
{
	yyjson_mut_val *v;
	int rc = get(p, from, &v);

	if (rc)
		return rc;
	if (!doc_mdepth_within(v, DOC_DEPTH_MAX))
		return refuse(p, "exceeded max depth", path);
	v = yyjson_mut_val_mut_copy(p->d, v);
	return v ? add(p, path, v) : over(p->err);
}

/* A missing path equals null. The comparison goes no deeper than the patch is. */
static int test(struct json_patch *p, const char *path, yyjson_val *want)
{
	yyjson_mut_val *v;
	struct err ignored;
	struct err *err = p->err;
	int rc;

	p->err = &ignored;
	rc = get(p, path, &v);
	p->err = err;
	if (rc && !yyjson_is_null(want))
		return refuse(p, "testing value failed, doc is missing path", path);
	return rc || node_equal((struct node){ v, true }, (struct node){ want, false }) ?
		0 : refuse(p, "testing value failed", path);
}

static int operate(struct json_patch *p, yyjson_val *op)
{
	const char *name = yyjson_get_str(yyjson_obj_get(op, "op"));
	const char *path = yyjson_get_str(yyjson_obj_get(op, "path"));
	const char *from = yyjson_get_str(yyjson_obj_get(op, "from"));
	yyjson_val *value = yyjson_obj_get(op, "value");
	yyjson_mut_val *v;

	if (!yyjson_is_obj(op))
		return err_set(p->err, ERR_BAD_REQUEST, "operation %zu is not an object", p->at);
	if (!name || !path)
		return err_set(p->err, ERR_INVALID, "operation %zu needs an op and a path", p->at);
	if (!strcmp(name, "remove"))
		return take(p, path, &v);
	if (!strcmp(name, "move") || !strcmp(name, "copy")) {
		if (!from)
			return err_set(p->err, ERR_INVALID, "operation %zu needs a from", p->at);
		return *name == 'm' ? move(p, from, path) : copy(p, from, path);
	}
	if (strcmp(name, "add") && strcmp(name, "replace") && strcmp(name, "test"))
		return refuse(p, "unexpected kind", name);
	if (!value)
		return err_set(p->err, ERR_INVALID, "operation %zu needs a value", p->at);
	if (!strcmp(name, "test"))
		return test(p, path, value);
	v = yyjson_val_mut_copy(p->d, value);
	if (!v)
		return over(p->err);
	return *name == 'a' ? add(p, path, v) : replace(p, path, v);
}

int patch_json(yyjson_mut_doc *d, yyjson_mut_val **root, yyjson_val *patch, struct err *reterr)
{
	struct json_patch p = { .d = d, .root = *root, .err = reterr };
	yyjson_arr_iter it;
	int rc = 0;

	if (!yyjson_is_arr(patch))
		return err_set(reterr, ERR_BAD_REQUEST, "a JSON patch is an array of operations");
	if (yyjson_arr_size(patch) > PATCH_OPS_MAX)
		return err_set(reterr, ERR_SIZE,
			"The allowed maximum operations in a JSON patch is %d, got %zu",
			PATCH_OPS_MAX, yyjson_arr_size(patch));
	yyjson_arr_iter_init(patch, &it);
	for (yyjson_val *op; !rc && (op = yyjson_arr_iter_next(&it)); p.at++)
		rc = operate(&p, op);
	buf_finish(&p.token);
	if (!rc && !doc_mdepth_within(p.root, DOC_DEPTH_MAX))
		rc = err_set(reterr, ERR_INVALID, "the patched document exceeded max depth");
	*root = p.root;
	return rc;
}

/* NULL over the cap. */
static yyjson_mut_val *merge(yyjson_mut_doc *d, yyjson_mut_val *into, yyjson_val *patch)
{
	struct doc_members m;
	yyjson_obj_iter it;

	if (!yyjson_is_obj(patch))
		return yyjson_val_mut_copy(d, patch);
	if (!yyjson_mut_is_obj(into))
		into = yyjson_mut_obj(d);
	doc_members_open(&m, d, into);
	yyjson_obj_iter_init(patch, &it);
	for (yyjson_val *k; (k = yyjson_obj_iter_next(&it));) {
		const char *key = yyjson_get_str(k);
		size_t n = yyjson_get_len(k);
		yyjson_val *v = yyjson_obj_iter_get_val(k);
		if (yyjson_is_null(v))
			doc_members_drop(&m, key, n);
		else
			doc_members_put(&m, key, n, merge(d, doc_members_get(&m, key, n), v));
	}
	return doc_members_close(&m) ? into : NULL;
}

int patch_merge(yyjson_mut_doc *d, yyjson_mut_val **root, yyjson_val *patch, struct err *reterr)
{
	yyjson_mut_val *v = merge(d, *root, patch);

	if (!v)
		return over(reterr);
	*root = v;
	return 0;
}
