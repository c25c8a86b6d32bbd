/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_name - see image_name.h: names. [host[:port]/]path[:tag][@digest]; the first
 * part is a host when it could not be a path: it has a dot or a colon, or is localhost.
 */
#include "agent/image_name.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/image.h"
#include "base/text.h"

#define DIGEST_PREFIX "sha256:"

bool image_digest_ok(const char *s)
{
	size_t n = strlen(DIGEST_PREFIX);

	return !strncmp(s, DIGEST_PREFIX, n) && strlen(s + n) == 64 && strspn(s + n, "0123456789abcdef") == 64;
}

static bool alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Components of lower-case letters and digits, joined inside by one '.', one or two '_', or '-'s. */
static bool path_ok(const char *s)
{
	bool start = true;

	if (!*s || strlen(s) > 255)
		return false;
	while (*s) {
		if (alnum(*s)) {
			start = false;
			s++;
		} else if (start) {
			return false;
		} else if (*s == '/') {
			start = true;
			s++;
		} else {
			size_t n = strspn(s, *s == '-' ? "-" : *s == '_' ? "_" : ".");

			if ((*s == '.' && n != 1) || (*s == '_' && n > 2) || !strchr("-_.", *s) || !alnum(s[n]))
				return false;
			s += n;
		}
	}
	return !start;
}

static bool tag_ok(const char *s)
{
	size_t n = strlen(s);

	if (n < 1 || n > 128 || !(isalnum((unsigned char)*s) || *s == '_'))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_.-", *s))
			return false;
	return true;
}

static bool host_ok(const char *s)
{
	const char *port = strrchr(s, ':');
	size_t n = port ? (size_t)(port - s) : strlen(s);

	if (*s == '[') {
		const char *end = strchr(s, ']');

		if (!end || end == s + 1 || strspn(s + 1, "0123456789abcdefABCDEF:.") != (size_t)(end - s - 1))
			return false;
		port = end[1] == ':' ? end + 1 : NULL;
		if (end[1] && !port)
			return false;
	} else {
		if (!n || !isalnum((unsigned char)s[0]) || !isalnum((unsigned char)s[n - 1]))
			return false;
		for (size_t i = 0; i < n; i++)
			if (!isalnum((unsigned char)s[i]) && s[i] != '.' && s[i] != '-')
				return false;
	}
	if (!port)
		return true;
	n = strlen(port + 1);
	return n >= 1 && n <= 5 && strspn(port + 1, "0123456789") == n && atoi(port + 1) > 0 && atoi(port + 1) < 65536;
}

int image_name_parse(struct image_name *ret, const char *ref, struct err *reterr)
{
	char s[600], *at, *slash, *colon, *path = s;

	*ret = (struct image_name){ .host = "docker.io" };
	if (!*ref || strlen(ref) >= sizeof(s))
		return err_set(reterr, ERR_BAD_REQUEST, "an image name must have 1 to %zu letters", sizeof(s) - 1);
	strcpy(s, ref);
	at = strchr(s, '@');
	if (at) {
		*at++ = 0;
		if (!image_digest_ok(at))
			return err_set(reterr, ERR_BAD_REQUEST, "image name \"%s\": a digest is sha256: and 64 hex digits", ref);
		strcpy(ret->digest, at);
	}
	slash = strchr(s, '/');
	if (slash) {
		*slash = 0;
		if (strpbrk(s, ".:") || !strcmp(s, "localhost")) {
			if (strlen(s) >= sizeof(ret->host) || !host_ok(s))
				return err_set(reterr, ERR_BAD_REQUEST, "image name \"%s\": no such host: \"%s\"", ref, s);
			strcpy(ret->host, s);
			path = slash + 1;
		}
		*slash = '/';
	}
	if (!strcasecmp(ret->host, "index.docker.io") || !strcasecmp(ret->host, "registry-1.docker.io"))
		strcpy(ret->host, "docker.io");
	colon = strrchr(path, ':');
	if (colon) {
		*colon++ = 0;
		if (!tag_ok(colon))
			return err_set(reterr, ERR_BAD_REQUEST, "image name \"%s\": no such tag: \"%s\"", ref, colon);
		if (!at)
			strcpy(ret->tag, colon);
	} else if (!at) {
		strcpy(ret->tag, "latest");
	}
	bool library = !strcmp(ret->host, "docker.io") && !strchr(path, '/');
	if (!path_ok(path) || strlen(path) + (library ? strlen("library/") : 0) > 255)
		return err_set(reterr, ERR_BAD_REQUEST,
			"image name \"%s\": up to 255 lower-case letters and digits, with / . _ - between them", ref);
	if (library)
		strcpy(ret->repo, "library/");
	strcat(ret->repo, path);
	return 0;
}

void image_name_print(struct buf *out, const struct image_name *n)
{
	buf_printf(out, "%s/%s%s%s", n->host, n->repo, *n->digest ? "@" : ":", *n->digest ? n->digest : n->tag);
}

int image_normalize(struct buf *out, const char *ref, struct err *reterr)
{
	struct image_name n;
	int rc = image_name_parse(&n, ref, reterr);

	if (!rc)
		image_name_print(out, &n);
	return rc;
}

bool image_host_is_loopback(const char *host)
{
	char h[256];
	uint8_t addr[16];
	int family;
	static const uint8_t one[16] = { [15] = 1 };

	if (*host == '[') {
		snprintf(h, sizeof(h), "%.*s", (int)strcspn(host + 1, "]"), host + 1);
	} else {
		snprintf(h, sizeof(h), "%.*s", (int)strcspn(host, ":"), host);
	}
	if (!strcasecmp(h, "localhost"))
		return true;
	if (text_parse_ip(h, &family, addr))
		return false;
	return family == 4 ? addr[0] == 127 : !memcmp(addr, one, 16);
}

bool image_auth_fits(const char *registry, const struct image_name *n)
{
	char host[256], path[512];
	const char *s = registry, *slash;
	size_t len;

	if (!strncasecmp(s, "https://", 8))
		s += 8;
	else if (!strncasecmp(s, "http://", 7))
		s += 7;
	slash = strchr(s, '/');
	snprintf(host, sizeof(host), "%.*s", (int)(slash ? (size_t)(slash - s) : strlen(s)), s);
	snprintf(path, sizeof(path), "%s", slash ? slash + 1 : "");
	if (!strcasecmp(host, "index.docker.io") || !strcasecmp(host, "registry-1.docker.io"))
		strcpy(host, "docker.io");
	if (strcasecmp(host, n->host))
		return false;
	len = strlen(path);
	while (len && path[len - 1] == '/')
		path[--len] = 0;
	if (!len || !strcmp(path, "v1") || !strcmp(path, "v2"))    /* what docker login writes */
		return true;
	return !strncmp(n->repo, path, len) && (!n->repo[len] || n->repo[len] == '/');
}
