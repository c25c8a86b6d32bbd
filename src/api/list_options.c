/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list_options - what a list, a watch or a deletecollection asks for: parsed, checked
 * and refused in upstream's order and words. First the parameters' types, then the
 * selectors, then how they go together, then field labels, then tokens and revisions.
 * Source: apimachinery pkg/apis/internalversion (defaults, validation), apiserver
 * pkg/storage (ValidateListOptions, DecodeContinue), pkg/endpoints/handlers/get.go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/list.h"
#include "base/text.h"

/* ---- the parameters' types ---- */

static enum step number(struct call *c, const char *key, int64_t *ret, bool *ret_given)
{
	const char *v = param(c, key);
	bool bad = false;

	*ret_given = param_int(c, key, ret, &bad);
	if (!bad)
		return STEP_NEXT;
	return fail_bad_request(c, "strconv.ParseInt: parsing \"%s\": %s", v,
		v[strspn(v, "+-0123456789")] || !v[strcspn(v, "0123456789")] ? "invalid syntax" : "value out of range");
}

/* A revision is a decimal number without a sign. */
static enum step revision(struct call *c, struct list_options *o, bool watch)
{
	const char *v = param(c, "resourceVersion");
	bool over;

	if (!v || !*v)
		return STEP_NEXT;
	o->given_rv = true;
	over = strlen(v) > 18;
	if (v[strspn(v, "0123456789")])
		return fail_bad_request(c, "%sresourceVersion: Invalid value: \"%s\": strconv.ParseUint: parsing \"%s\": "
			"invalid syntax", watch ? "" : "invalid resource version: ", v, v);
	o->rv = over ? INT64_MAX : strtoll(v, NULL, 10);
	return STEP_NEXT;
}

/* ---- how they go together ---- */

static void forbid(struct call *c, struct field_error **errors, const char *field, const char *why)
{
	field_error_add(c->arena, errors, "FieldValueForbidden", field, "Forbidden: %s", why);
}

static void check_list(struct call *c, struct field_error **errors, const char *match)
{
	const char *rv = param(c, "resourceVersion"), *token = param(c, "continue");

	if (match) {
		if (!rv || !*rv)
			forbid(c, errors, "resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided");
		if (token && *token)
			forbid(c, errors, "resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided");
		if (strcmp(match, "Exact") && strcmp(match, "NotOlderThan"))
			field_error_add(c->arena, errors, "FieldValueNotSupported", "resourceVersionMatch",
				"Unsupported value: \"%s\": supported values: \"Exact\", \"NotOlderThan\", \"\"", match);
		if (!strcmp(match, "Exact") && rv && !strcmp(rv, "0"))
			forbid(c, errors, "resourceVersionMatch", "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
	}
	if (param(c, "sendInitialEvents"))
		forbid(c, errors, "sendInitialEvents", "sendInitialEvents is forbidden for list");
}

static void check_watch(struct call *c, struct field_error **errors, const char *match)
{
	const char *token = param(c, "continue");
	bool initial = param(c, "sendInitialEvents") != NULL;

	if (initial && (!match || strcmp(match, "NotOlderThan")))
		forbid(c, errors, "resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
	if (!match)
		return;
	if (!initial)
		forbid(c, errors, "resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
	if (strcmp(match, "NotOlderThan"))
		field_error_add(c->arena, errors, "FieldValueNotSupported", "resourceVersionMatch",
			"Unsupported value: \"%s\": supported values: \"NotOlderThan\"", match);
	if (token && *token)
		forbid(c, errors, "resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided");
}

/* ---- continue tokens ---- */

/* A byte as Go's JSON decoder quotes it: as if it were Latin-1. */
static void quote_byte(char out[12], unsigned char b)
{
	if (b == '\'' || b == '\\')
		snprintf(out, 12, "\\%c", b);
	else if (b < 0x20 || b == 0x7f)
		snprintf(out, 12, "\\x%02x", b);
	else if (b < 0x80)
		snprintf(out, 12, "%c", b);
	else if (b <= 0xa0 || b == 0xad)
		snprintf(out, 12, "\\u%04x", b);
	else
		snprintf(out, 12, "%c%c", 0xc0 | b >> 6, 0x80 | (b & 0x3f));
}

static enum step bad_token(struct call *c, const char *why)
{
	return fail_bad_request(c, "invalid continue token: continue key is not valid: %s", why);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Base64 without padding; bits behind the last byte are nobody's, as in Go. */
static bool decode_token(struct call *c, struct buf *out, const char *token)
{
	size_t n = strlen(token), loose = n % 4 == 2 ? 0x30 : n % 4 == 3 ? 0x3c : 0x3f;
	char *text = arena_strndup(c->arena, token, n);

	if (!text || text[strspn(text, alphabet)])
		return false;
	if (n)
		text[n - 1] = alphabet[(size_t)(strchr(alphabet, text[n - 1]) - alphabet) & loose];
	return text_unbase64(out, text, n) == 0 && !out->failed;
}

static enum step bad_base64(struct call *c, const char *token)
{
	size_t at = strspn(token, alphabet);
	char why[64];

	snprintf(why, sizeof(why), "illegal base64 data at input byte %zu", token[at] ? at : at - 1);
	return bad_token(c, why);
}

static enum step bad_json(struct call *c, const char *p, size_t n)
{
	char quoted[12], why[80];
	size_t i = 0;

	while (i < n && p[i] && strchr(" \t\r\n", p[i]))
		i++;
	if (i == n || (p[i] && strchr("{[\"-0123456789tfn", p[i])))
		return bad_token(c, "unexpected end of JSON input");
	quote_byte(quoted, (unsigned char)p[i]);
	snprintf(why, sizeof(why), "invalid character '%s' looking for beginning of value", quoted);
	return bad_token(c, why);
}

/* A key that stays where the list is: no empty, "." or ".." segment. */
static bool clean_key(const char *key)
{
	if (*key == '/')
		key++;
	for (;;) {
		size_t n = strcspn(key, "/");

		if (!n || (n == 1 && *key == '.') || (n == 2 && key[0] == '.' && key[1] == '.'))
			return false;
		if (!key[n])
			return true;
		key += n + 1;
	}
}

static enum step read_token(struct call *c, struct list_options *o, const char *token)
{
	BUF_AUTO struct buf json = { 0 };
	const char *version, *start;
	yyjson_doc *d = NULL;
	yyjson_val *v;

	if (!decode_token(c, &json, token))
		return bad_base64(c, token);
	if (doc_parse(c->arena, json.p ? json.p : "", json.len, &d, NULL))
		return bad_json(c, json.p, json.len);
	v = yyjson_doc_get_root(d);
	version = doc_str(v, "v");
	start = doc_str(v, "start");
	if (!version || strcmp(version, "meta.k8s.io/v1"))
		return fail_bad_request(c, "invalid continue token: continue key is not valid: server does not recognize "
			"this encoded version %s", version ? version : "");
	o->token_rev = doc_int(v, "rv", 0);
	o->seen = doc_int(v, "seen", 0);
	if (o->seen < 0 || o->seen > INT32_MAX)   /* no token of ours */
		o->seen = 0;
	if (!o->token_rev)
		return bad_token(c, "incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
	if (!start || !*start)
		return bad_token(c, "encoded start key empty (version meta.k8s.io/v1)");
	if (!clean_key(start))
		return bad_token(c, start);
	o->after = arena_strdup(c->arena, *start == '/' ? start + 1 : start);
	return o->after ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
}

const char *list_token(struct listing *l, int64_t rev, const char *ns, const char *name)
{
	BUF_AUTO struct buf start = { 0 };
	BUF_AUTO struct buf json = { 0 };
	BUF_AUTO struct buf b64 = { 0 };

	if (!l->ns && *ns)
		buf_printf(&start, "%s/", ns);
	buf_adds(&start, name);
	buf_addc(&start, 0);
	buf_printf(&json, "{\"v\":\"meta.k8s.io/v1\",\"rv\":%lld,\"start\":", (long long)rev);
	buf_add_json(&json, start.p, start.len);
	/* How many were shown tells how many remain without counting them. */
	buf_printf(&json, ",\"seen\":%lld}", (long long)(l->o.seen + (int64_t)l->n));
	text_base64url(&b64, json.p, json.len);
	return start.failed || json.failed || b64.failed ? NULL : arena_strndup(l->c->arena, b64.p, b64.len);
}

/* ---- all of it ---- */

static enum step finish_list(struct call *c, struct list_options *o, const char *match)
{
	const char *token = param(c, "continue");
	enum step step;

	if (o->limit < 0)
		o->limit = 0;
	if (token && *token) {
		step = read_token(c, o, token);
		if (step == STEP_NEXT && o->given_rv && strcmp(param(c, "resourceVersion"), "0"))
			return fail_bad_request(c, "specifying resource version is not allowed when using continue");
		return step;
	}
	step = revision(c, o, false);
	if (step != STEP_NEXT)
		return step;
	/* Whatever the cache has is given whole. Source: apiserver cacher.go (computeListLimit). */
	if (o->given_rv && !o->rv)
		o->limit = 0;
	/* A limit with a revision always meant that very revision. */
	o->exact = o->rv > 0 && (match ? !strcmp(match, "Exact") : o->limit > 0);
	return o->rv > cache_rev(c->api->cache) ? fail_too_large_rv(c, o->rv) : STEP_NEXT;
}

static enum step finish_watch(struct call *c, struct list_options *o)
{
	enum step step = revision(c, o, true);

	/* From nowhere or from 0 is from what there is, as if it had been asked for. */
	o->initial = param(c, "sendInitialEvents") ? param_bool(c, "sendInitialEvents") : !o->rv;
	o->bookmarks = param_bool(c, "allowWatchBookmarks");
	return step;
}

enum step list_options_parse(struct call *c, struct list_options *o, struct filter *f)
{
	const char *match = param(c, "resourceVersionMatch"), *rv = param(c, "resourceVersion");
	bool watch = c->verb == VERB_WATCH, given;
	struct field_error *errors = NULL;
	enum step step;

	*o = (struct list_options){ 0 };
	match = match && *match ? match : NULL;
	o->given_rv = rv && *rv;
	step = number(c, "timeoutSeconds", &o->timeout_s, &o->given_timeout);
	if (step == STEP_NEXT)
		step = number(c, "limit", &o->limit, &given);
	if (step == STEP_NEXT)
		step = filter_parse(c, f);
	if (step != STEP_NEXT)
		return step;
	if (watch)
		check_watch(c, &errors, match);
	else
		check_list(c, &errors, match);
	if (errors)
		return fail_invalid(c, "ListOptions", "meta.k8s.io", "", errors);
	step = filter_check(c, f);
	if (step != STEP_NEXT)
		return step;
	return watch ? finish_watch(c, o) : finish_list(c, o, match);
}
