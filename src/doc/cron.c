/* SPDX-License-Identifier: Apache-2.0 */
#include "doc/cron.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define EXPR_MAX 64
#define FIELDS 5

static const char *const month_names[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct",
	"nov", "dec" };
static const char *const weekday_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

static const struct bounds {
	unsigned min, max;
	const char *const *names;      /* of min and up */
	unsigned name_count;
} bounds[FIELDS] = {
	{ 0, 59, NULL, 0 }, { 0, 23, NULL, 0 }, { 1, 31, NULL, 0 },
	{ 1, 12, month_names, 12 }, { 0, 6, weekday_names, 7 },
};

static const struct { const char *name, *fields; } descriptors[] = {
	{ "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" },
	{ "@weekly", "0 0 * * 0" }, { "@daily", "0 0 * * *" }, { "@midnight", "0 0 * * *" },
	{ "@hourly", "0 * * * *" },
};

/* The copy of a piece of text; longer ones are nothing anyway. */
static const char *piece(char out[EXPR_MAX], const char *s, size_t n)
{
	if (n >= EXPR_MAX)
		n = EXPR_MAX - 1;
	memcpy(out, s, n);
	out[n] = 0;
	return out;
}

static int number(const char *s, unsigned *ret, struct err *reterr)
{
	const char *digits = s + (*s == '-' || *s == '+');
	size_t n = strlen(digits);

	if (!n || strspn(digits, "0123456789") != n)
		return err_set(reterr, ERR_BAD_REQUEST, "failed to parse int from %s: strconv.Atoi: parsing \"%s\": "
			"invalid syntax", s, s);
	if (*s == '-' && strtol(s, NULL, 10))
		return err_set(reterr, ERR_BAD_REQUEST, "negative number (%ld) not allowed: %s", strtol(s, NULL, 10), s);
	*ret = n > 9 ? 999999999u : (unsigned)strtoul(digits, NULL, 10);
	return 0;
}

static int number_or_name(const char *s, const struct bounds *b, unsigned *ret, struct err *reterr)
{
	for (unsigned i = 0; i < b->name_count; i++)
		if (!strcasecmp(s, b->names[i])) {
			*ret = b->min + i;
			return 0;
		}
	return number(s, ret, reterr);
}

/* number | number "-" number [ "/" number ], or "*" for the first part. */
static int range(const char *expr, const struct bounds *b, uint64_t *bits, bool *any, struct err *reterr)
{
	const char *slash = strchr(expr, '/');
	size_t head = slash ? (size_t)(slash - expr) : strlen(expr);
	const char *dash = memchr(expr, '-', head);
	char low[EXPR_MAX], high[EXPR_MAX];
	unsigned start = b->min, end = b->max, step = 1;
	int rc = 0;

	piece(low, expr, dash ? (size_t)(dash - expr) : head);
	bool all = !strcmp(low, "*") || !strcmp(low, "?");
	if (!all) {
		rc = number_or_name(low, b, &start, reterr);
		end = start;
		if (!rc && dash) {
			piece(high, dash + 1, head - (size_t)(dash + 1 - expr));
			if (strchr(high, '-'))
				return err_set(reterr, ERR_BAD_REQUEST, "too many hyphens: %s", expr);
			rc = number_or_name(high, b, &end, reterr);
		}
		if (rc)
			return rc;
	}
	if (slash) {
		if (strchr(slash + 1, '/'))
			return err_set(reterr, ERR_BAD_REQUEST, "too many slashes: %s", expr);
		if ((rc = number(slash + 1, &step, reterr)))
			return rc;
		if (!dash)
			end = b->max;      /* "N/step" is "N-max/step" */
	}
	if (start < b->min)
		return err_set(reterr, ERR_BAD_REQUEST, "beginning of range (%u) below minimum (%u): %s", start, b->min, expr);
	if (end > b->max)
		return err_set(reterr, ERR_BAD_REQUEST, "end of range (%u) above maximum (%u): %s", end, b->max, expr);
	if (start > end)
		return err_set(reterr, ERR_BAD_REQUEST, "beginning of range (%u) beyond end of range (%u): %s", start, end,
			expr);
	if (!step)
		return err_set(reterr, ERR_BAD_REQUEST, "step of range should be a positive number: %s", expr);
	for (unsigned i = start; i <= end; i += step)
		*bits |= UINT64_C(1) << i;
	*any |= all && step == 1;
	return 0;
}

static int field(const char *s, size_t len, const struct bounds *b, uint64_t *bits, bool *any, struct err *reterr)
{
	*bits = 0;
	*any = false;
	for (size_t at = 0; at < len;) {
		char expr[EXPR_MAX];
		size_t n = 0;

		while (at + n < len && s[at + n] != ',')
			n++;
		if (n) {
			int rc = range(piece(expr, s + at, n), b, bits, any, reterr);
			if (rc)
				return rc;
		}
		at += n + 1;
	}
	return 0;
}

static int descriptor(const char *s, struct cron *ret, struct err *reterr)
{
	for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++)
		if (!strcmp(s, descriptors[i].name))
			return cron_parse(descriptors[i].fields, ret, reterr);
	if (strncmp(s, "@every ", 7))
		return err_set(reterr, ERR_BAD_REQUEST, "unrecognized descriptor: %s", s);
	if (text_parse_duration(s + 7, &ret->every_ns))
		return err_set(reterr, ERR_BAD_REQUEST, "failed to parse duration %s: time: invalid duration \"%s\"", s, s + 7);
	return 0;
}

int cron_parse(const char *s, struct cron *ret, struct err *reterr)
{
	struct { const char *s; size_t len; } f[FIELDS] = { 0 };
	uint64_t *const bits[FIELDS] = { &ret->minutes, &ret->hours, &ret->days, &ret->months, &ret->weekdays };
	bool ignored;
	bool *const any[FIELDS] = { &ignored, &ignored, &ret->any_day, &ignored, &ret->any_weekday };
	char shown[256] = "";
	size_t n = 0, at = 0;

	*ret = (struct cron){ 0 };
	if (!*s)
		return err_set(reterr, ERR_BAD_REQUEST, "empty spec string");
	if (!strncmp(s, "TZ=", 3) || !strncmp(s, "CRON_TZ=", 8)) {
		s += strcspn(s, " ");
		s += strspn(s, " ");
	}
	if (*s == '@')
		return descriptor(s, ret, reterr);
	for (size_t len; s += strspn(s, " \t\r\n"), *s; s += len, n++) {
		len = strcspn(s, " \t\r\n");
		if (n < FIELDS) {
			f[n].s = s;
			f[n].len = len;
		}
		if (at + len + 2 < sizeof(shown)) {
			if (at)
				shown[at++] = ' ';
			memcpy(shown + at, s, len);
			shown[at += len] = 0;
		}
	}
	if (n != FIELDS)
		return err_set(reterr, ERR_BAD_REQUEST, "expected exactly 5 fields, found %zu: [%s]", n, shown);
	for (size_t i = 0; i < FIELDS; i++) {
		int rc = field(f[i].s, f[i].len, &bounds[i], bits[i], any[i], reterr);
		if (rc)
			return rc;
	}
	return 0;
}
