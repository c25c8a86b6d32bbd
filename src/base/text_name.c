/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text_name - the syntax of names, labels and addresses.
 *
 * Clients and tests compare the messages, so they are upstream's to the letter.
 * Source: apimachinery util/validation.
 */
#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define LABEL "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define QUALIFIED "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
#define SUBDOMAIN_TEXT "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric " \
	"characters, '-' or '.', and must start and end with an alphanumeric character " \
	"(e.g. 'example.com', regex used for validation is '" LABEL "(\\." LABEL ")*')"
#define QUALIFIED_TEXT "must consist of alphanumeric characters, '-', '_' or '.', and must " \
	"start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or " \
	"'123-abc', regex used for validation is '" QUALIFIED "')"

static const char label_long[] = "must be no more than 63 bytes";
static const char subdomain_long[] = "must be no more than 253 bytes";

static bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
static bool is_low_alnum(char c) { return is_lower(c) || (c >= '0' && c <= '9'); }
static bool is_alnum(char c) { return is_low_alnum(c) || (c >= 'A' && c <= 'Z'); }

static bool label_ok(const char *s, size_t n)
{
	if (!n || !is_low_alnum(s[0]) || !is_low_alnum(s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_low_alnum(s[i]) && s[i] != '-')
			return false;
	return true;
}

static bool subdomain_ok(const char *s, size_t n)
{
	const char *end = s + n;

	for (;;) {
		const char *dot = memchr(s, '.', (size_t)(end - s));

		if (!label_ok(s, (size_t)((dot ? dot : end) - s)))
			return false;
		if (!dot)
			return true;
		s = dot + 1;
	}
}

static bool qualified_ok(const char *s, size_t n)
{
	if (!n || !is_alnum(s[0]) || !is_alnum(s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s[i]) && !strchr("-_.", s[i]))
			return false;
	return true;
}

const char *text_bad_dns1123_label(const char *s)
{
	size_t n = strlen(s);

	if (n > 63)
		return label_long;
	if (!label_ok(s, n))
		return "a lowercase RFC 1123 label must consist of lower case alphanumeric "
			"characters or '-', and must start and end with an alphanumeric "
			"character (e.g. 'my-name',  or '123-abc', regex used for "
			"validation is '" LABEL "')";
	return NULL;
}

const char *text_bad_dns1123_subdomain(const char *s)
{
	size_t n = strlen(s);

	if (n > 253)
		return subdomain_long;
	return subdomain_ok(s, n) ? NULL : SUBDOMAIN_TEXT;
}

const char *text_bad_dns1035_label(const char *s)
{
	size_t n = strlen(s);

	if (n > 63)
		return label_long;
	if (!label_ok(s, n) || !is_lower(s[0]))
		return "a DNS-1035 label must consist of lower case alphanumeric characters or "
			"'-', start with an alphabetic character, and end with an alphanumeric "
			"character (e.g. 'my-name',  or 'abc-123', regex used for validation "
			"is '[a-z]([-a-z0-9]*[a-z0-9])?')";
	return NULL;
}

const char *text_bad_qualified_name(const char *s)
{
	const char *slash = strchr(s, '/'), *name = slash ? slash + 1 : s;
	size_t n = strlen(name), prefix = slash ? (size_t)(slash - s) : 0;

	if (strchr(name, '/'))
		return "a qualified name " QUALIFIED_TEXT " with an optional DNS subdomain "
			"prefix and '/' (e.g. 'example.com/MyName')";
	if (slash && !prefix)
		return "prefix part must be non-empty";
	if (prefix > 253)
		return "prefix part must be no more than 253 bytes";
	if (slash && !subdomain_ok(s, prefix))
		return "prefix part " SUBDOMAIN_TEXT;
	if (!n)
		return "name part must be non-empty";
	if (n > 63)
		return "name part must be no more than 63 bytes";
	return qualified_ok(name, n) ? NULL : "name part " QUALIFIED_TEXT;
}

const char *text_bad_label_value(const char *s)
{
	size_t n = strlen(s);

	if (n > 63)
		return label_long;
	if (n && !qualified_ok(s, n))
		return "a valid label must be an empty string or consist of alphanumeric "
			"characters, '-', '_' or '.', and must start and end with an "
			"alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
			"regex used for validation is '(" QUALIFIED ")?')";
	return NULL;
}

int text_parse_ip(const char *s, int *ret_family, uint8_t ret_addr[16])
{
	uint8_t addr[16] = { 0 };
	int family = strchr(s, ':') ? 6 : 4;

	if (inet_pton(family == 6 ? AF_INET6 : AF_INET, s, addr) != 1)
		return -ERR_BAD_REQUEST;
	*ret_family = family;
	memcpy(ret_addr, addr, sizeof(addr));
	return 0;
}

int text_parse_cidr(const char *s, int *ret_family, uint8_t ret_addr[16], int *ret_prefix)
{
	const char *slash = strchr(s, '/');
	char ip[INET6_ADDRSTRLEN];
	int prefix = 0, family;

	if (!slash || (size_t)(slash - s) >= sizeof(ip))
		return -ERR_BAD_REQUEST;
	memcpy(ip, s, (size_t)(slash - s));
	ip[slash - s] = 0;
	s = slash + 1;
	if (!*s || strlen(s) > 3 || (s[0] == '0' && s[1]))
		return -ERR_BAD_REQUEST;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -ERR_BAD_REQUEST;
		prefix = prefix * 10 + (*s - '0');
	}
	if (prefix > (strchr(ip, ':') ? 128 : 32) || text_parse_ip(ip, &family, ret_addr) < 0)
		return -ERR_BAD_REQUEST;
	*ret_family = family;
	*ret_prefix = prefix;
	return 0;
}

void text_ip(char out[46], int family, const uint8_t addr[16])
{
	if (!inet_ntop(family == 6 ? AF_INET6 : AF_INET, addr, out, 46))
		out[0] = 0;
}

bool text_ip_within(const uint8_t addr[16], const uint8_t base[16], int prefix)
{
	int whole = prefix / 8, rest = prefix % 8;

	return !memcmp(addr, base, (size_t)whole) && (!rest || !((addr[whole] ^ base[whole]) >> (8 - rest)));
}
