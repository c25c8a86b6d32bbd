/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_format - what strings of a named format look like. Names are compared without
 * dashes; what is not in the table is a comment.
 *
 * Source: apiextensions pkg/apiserver/validation/formats.go (the list), kube-openapi
 * pkg/validation/strfmt and govalidator (what fits).
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "doc/quantity.h"
#include "kinds/schema.h"

#define HOST_SYMBOLS "$+<=>^`|~"   /* of Unicode's class S, ASCII */

/* ---- templates: h hexadecimal, d digit, V one of 89ab, - an optional dash, _ an optional
 * dash or space, anything else itself ---- */

static bool like(const char *s, const char *template)
{
	for (; *template; template++) {
		if (*template == '-' || *template == '_') {
			s += *s == '-' || (*template == '_' && *s == ' ');
			continue;
		}
		unsigned char ch = (unsigned char)*s++;
		bool ok = *template == 'h' ? isxdigit(ch) != 0 : *template == 'd' ? isdigit(ch) != 0 :
			*template == 'V' ? ch && strchr("89abAB", ch) : ch == (unsigned char)*template;

		if (!ok)
			return false;
	}
	return !*s;
}

static bool uuid(const char *s) { return like(s, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"); }
static bool uuid3(const char *s) { return like(s, "hhhhhhhh-hhhh-3hhh-hhhh-hhhhhhhhhhhh"); }
static bool uuid4(const char *s) { return like(s, "hhhhhhhh-hhhh-4hhh-Vhhh-hhhhhhhhhhhh"); }
static bool uuid5(const char *s) { return like(s, "hhhhhhhh-hhhh-5hhh-Vhhh-hhhhhhhhhhhh"); }
static bool ssn(const char *s) { return like(s, "ddd_dd_dddd"); }
static bool object_id(const char *s) { return like(s, "hhhhhhhhhhhhhhhhhhhhhhhh"); }

static bool hex_color(const char *s)
{
	s += *s == '#';
	return like(s, "hhh") || like(s, "hhhhhh");
}

static bool any(const char *s)
{
	return s != NULL;
}

/* ---- addresses ---- */

static bool ip(const char *s, char mark)
{
	uint8_t addr[16];
	int family;

	return strchr(s, mark) && !text_parse_ip(s, &family, addr);
}

static bool ipv4(const char *s) { return ip(s, '.'); }
static bool ipv6(const char *s) { return ip(s, ':'); }

static bool cidr(const char *s)
{
	uint8_t addr[16];
	int family, prefix;

	return !text_parse_cidr(s, &family, addr, &prefix);
}

static bool mac(const char *s)
{
	char sep = strlen(s) > 4 ? s[2] == ':' || s[2] == '-' ? s[2] : '.' : 0;
	size_t group = sep == '.' ? 4 : 2, bytes = 0;

	for (; sep; s++) {
		for (size_t i = 0; i < group; i++)
			if (!isxdigit((unsigned char)*s++))
				return false;
		bytes += group / 2;
		if (!*s)
			break;
		if (*s != sep)
			return false;
	}
	return bytes == 6 || bytes == 8 || bytes == 20;
}

static bool host_char(char ch)
{
	return isalnum((unsigned char)ch) || (ch & 0x80) || (ch && strchr(HOST_SYMBOLS, ch));
}

/* One label of n bytes. */
static bool host_label(const char *s, size_t n, bool last)
{
	if (!n || n > 63 || !host_char(s[0]) || !host_char(s[n - 1]) || (last && n < 2))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!host_char(s[i]) && (s[i] != '-' || (last && s[i - 1] == '-')))
			return false;
	return true;
}

static bool hostname(const char *s)
{
	size_t n = strcspn(s, ".");

	if (strlen(s) > 255 || !host_char(*s))
		return false;
	if (!s[n]) {   /* a single label may have a dash in second place only */
		for (size_t i = 1; i < n; i++)
			if (!host_char(s[i]) && (i > 1 || s[i] != '-'))
				return false;
		return n <= 63;
	}
	for (; s[n]; s += n + 1, n = strcspn(s, "."))
		if (!host_label(s, n, false))
			return false;
	return host_label(s, n, true);
}

/* As Go's net/url takes them in a request: rooted, or with a scheme. */
static bool uri(const char *s)
{
	const char *p = s, *host;

	for (const char *c = s; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
		if (*c == '%' && (!isxdigit((unsigned char)c[1]) || !isxdigit((unsigned char)c[2])))
			return false;
	}
	if (*s == '/' || !strcmp(s, "*"))
		return true;
	if (!isalpha((unsigned char)*p))
		return false;
	while (isalnum((unsigned char)*p) || (*p && strchr("+-.", *p)))
		p++;
	if (*p++ != ':')
		return false;
	if (strncmp(p, "//", 2))
		return true;
	host = p + 2;
	return !memchr(host, ' ', strcspn(host, "/?#"));
}

static bool mail_word(const char *s, size_t n, bool domain)
{
	if (!n || s[0] == '.' || s[n - 1] == '.')
		return false;
	if (domain && s[0] == '[')
		return n > 2 && s[n - 1] == ']';
	if (!domain && s[0] == '"')
		return n > 1 && s[n - 1] == '"';
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !(s[i] & 0x80) && !strchr("!#$%&'*+-/=?^_`{|}~.", s[i]))
			return false;
	return !memmem(s, n, "..", 2);
}

static bool email(const char *s)
{
	const char *open = strchr(s, '<'), *at;
	size_t n = strlen(s);

	if (open) {    /* Name <local@domain> */
		if (s[n - 1] != '>')
			return false;
		n = (size_t)(s + n - 1 - open - 1);
		s = open + 1;
	}
	at = memrchr(s, '@', n);
	return at && mail_word(s, (size_t)(at - s), false) && mail_word(at + 1, n - (size_t)(at + 1 - s), true);
}

/* ---- numbers ---- */

/* The digits of s, at most max, without spaces and dashes; an X may end them. */
static size_t digits(const char *s, char out[], size_t max)
{
	size_t n = 0;

	for (; *s; s++) {
		if (*s == ' ' || *s == '-')
			continue;
		if (n == max || !(isdigit((unsigned char)*s) || ((*s == 'X' || *s == 'x') && !s[1])))
			return 0;
		out[n++] = *s;
	}
	return n;
}

static bool isbn10(const char *s)
{
	char d[10];
	int sum = 0;

	if (digits(s, d, 10) != 10)
		return false;
	for (int i = 0; i < 10; i++)
		sum += (i + 1) * (isdigit((unsigned char)d[i]) ? d[i] - '0' : 10);
	return sum % 11 == 0;
}

static bool isbn13(const char *s)
{
	char d[13];
	int sum = 0;

	if (digits(s, d, 13) != 13 || !isdigit((unsigned char)d[12]))
		return false;
	for (int i = 0; i < 13; i++)
		sum += (i % 2 ? 3 : 1) * (d[i] - '0');
	return sum % 10 == 0;
}

static bool isbn(const char *s)
{
	return isbn10(s) || isbn13(s);
}

static bool credit_card(const char *s)
{
	static const struct { const char *prefix; size_t len; } issuers[] = {
		{ "4", 13 }, { "4", 16 }, { "51", 16 }, { "52", 16 }, { "53", 16 }, { "54", 16 }, { "55", 16 },
		{ "6011", 16 }, { "65", 16 }, { "34", 15 }, { "37", 15 }, { "300", 14 }, { "301", 14 }, { "302", 14 },
		{ "303", 14 }, { "304", 14 }, { "305", 14 }, { "36", 14 }, { "38", 14 }, { "2131", 15 }, { "1800", 15 },
		{ "35", 16 },
	};
	char d[17] = { 0 };
	size_t n = 0;
	int sum = 0;
	bool issued = false;

	for (; *s; s++) {
		if (!isdigit((unsigned char)*s))
			continue;
		if (n == 16)
			return false;
		d[n++] = *s;
	}
	for (size_t i = 0; i < sizeof(issuers) / sizeof(issuers[0]); i++)
		issued |= n == issuers[i].len && !strncmp(d, issuers[i].prefix, strlen(issuers[i].prefix));
	for (size_t i = 0; i < n; i++) {
		int x = (d[n - 1 - i] - '0') << (i % 2);

		sum += x > 9 ? x - 9 : x;
	}
	return issued && sum % 10 == 0;
}

/* One part of a color at *s: 0 to 255, or 0 to 100 with a percent sign. */
static bool color_part(const char **s, char end)
{
	char *rest;
	long x;

	while (**s == ' ')
		++*s;
	if (!isdigit((unsigned char)**s))
		return false;
	x = strtol(*s, &rest, 10);
	if (rest - *s > 3 || x > (*rest == '%' ? 100 : 255))
		return false;
	for (rest += *rest == '%'; *rest == ' '; rest++)
		;
	*s = rest + 1;
	return *rest == end;
}

static bool rgb_color(const char *s)
{
	if (strncmp(s, "rgb(", 4))
		return false;
	s += 4;
	return color_part(&s, ',') && color_part(&s, ',') && color_part(&s, ')') && !*s;
}

/* ---- times and bytes ---- */

static bool date_time(const char *s)
{
	int64_t us;

	return !text_parse_time(s, &us);
}

static bool date(const char *s)
{
	char text[40];

	if (strlen(s) != 10)
		return false;
	snprintf(text, sizeof(text), "%sT00:00:00Z", s);
	return date_time(text);
}

/* Go's form, or "2 days 3 hours". */
static bool duration(const char *s)
{
	static const char *const units[] = { "ns", "nano", "us", "\xc2\xb5s", "micro", "ms", "milli", "s", "sec", "m", "min",
		"h", "hr", "hour", "d", "day", "w", "wk", "week" };
	static const char *const stems[] = { "nano", "micro", "milli", "sec", "min", "hour", "day", "week" };
	bool known = false;
	int64_t ns;

	if (!text_parse_duration(s, &ns))
		return true;
	s += strspn(s, " \t");
	if (!*s)
		return false;
	while (*s) {
		size_t n = strspn(s, "0123456789"), len = 0;

		if (!n || n > 18)
			return false;
		s += n;
		s += strspn(s, " \t");
		while (isalpha((unsigned char)s[len]) || (s[len] & 0x80))
			len++;
		if (!len)
			return false;
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			known |= strlen(units[i]) == len && !strncasecmp(s, units[i], len);
		for (size_t i = 0; i < sizeof(stems) / sizeof(stems[0]); i++)
			known |= len >= strlen(stems[i]) && !strncasecmp(s, stems[i], strlen(stems[i]));
		s += len;
		s += strspn(s, " \t");
	}
	return known;
}

static bool base64(const char *s)
{
	size_t n = strlen(s), tail = 0;

	while (tail < 2 && tail < n && s[n - 1 - tail] == '=')
		tail++;
	if (!n || n % 4)
		return false;
	for (size_t i = 0; i < n - tail; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '+' && s[i] != '/')
			return false;
	return true;
}

static bool quantity_text(const char *s)
{
	struct quantity q;

	return !quantity_parse(s, strlen(s), &q);
}

static bool short_name(const char *s) { return !text_bad_dns1123_label(s); }
static bool long_name(const char *s) { return !text_bad_dns1123_subdomain(s); }

/* ---- the table ---- */

struct schema_format { const char *name; bool (*fits)(const char *s); };

static const struct schema_format formats[] = {
	{ "bsonobjectid", object_id }, { "byte", base64 }, { "cidr", cidr }, { "creditcard", credit_card },
	{ "date", date }, { "datetime", date_time }, { "duration", duration }, { "email", email },
	{ "hexcolor", hex_color }, { "hostname", hostname }, { "ipv4", ipv4 }, { "ipv6", ipv6 },
	{ "isbn", isbn }, { "isbn10", isbn10 }, { "isbn13", isbn13 }, { "k8slongname", long_name },
	{ "k8sshortname", short_name }, { "mac", mac }, { "password", any }, { "quantity", quantity_text },
	{ "rgbcolor", rgb_color }, { "ssn", ssn }, { "uri", uri }, { "uuid", uuid }, { "uuid3", uuid3 },
	{ "uuid4", uuid4 }, { "uuid5", uuid5 },
};

static bool same_name(const char *plain, const char *s)
{
	for (; *s; s++)
		if (*s != '-' && *plain++ != *s)
			return false;
	return !*plain;
}

const struct schema_format *schema_format(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (same_name(formats[i].name, name))
			return &formats[i];
	return NULL;
}

bool schema_format_fits(const struct schema_format *f, const char *s)
{
	return f->fits(s);
}
