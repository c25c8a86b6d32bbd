/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warn - what the client is told beside its answer: a Warning header each, every text
 * once. When all of them together are too long, each is cut short.
 * Source: apiserver pkg/endpoints/filters/warning.go; RFC 7234 5.5.
 */
#include <string.h>

#include "api/call.h"
#include "http/http.h"

#define ALL_RUNES_MAX 4096u    /* beyond, each is cut to */
#define ONE_RUNES_MAX 256u

void call_warn(struct call *c, const char *text)
{
	struct warning *w;
	char *copy;

	for (const struct warning *x = c->warnings; x; x = x->next)
		if (!strcmp(x->text, text))
			return;
	w = arena_zalloc(c->arena, sizeof(*w));
	copy = arena_strdup(c->arena, text);
	if (!w || !copy)
		return;   /* a warning is not worth failing for */
	w->text = copy;
	*c->warnings_end = w;
	c->warnings_end = &w->next;
}

void call_warn_lines(struct call *c, const struct buf *lines)
{
	for (const char *p = lines->p, *end; p && p < lines->p + lines->len; p = end + 1) {
		char *line;

		end = memchr(p, '\n', (size_t)(lines->p + lines->len - p));
		if (!end)
			end = lines->p + lines->len;
		line = arena_strndup(c->arena, p, (size_t)(end - p));
		if (line)
			call_warn(c, line);
	}
}

/* Bytes of the first n characters of s; all of them when there are fewer. */
static size_t prefix(const char *s, size_t n, size_t *ret_runes)
{
	size_t i = 0;

	for (*ret_runes = 0; s[i]; i++)
		if (((unsigned char)s[i] & 0xc0) != 0x80 && (*ret_runes)++ == n) {
			(*ret_runes)--;
			break;
		}
	return i;
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static void send(struct call *c, const char *text, size_t n)
{
	BUF_AUTO struct buf b = { 0 };

	buf_adds(&b, "299 - \"");
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '"' || text[i] == '\\')
			buf_addc(&b, '\\');
		buf_addc(&b, text[i]);
	}
	buf_addc(&b, '"');
	if (!b.failed)
		http_add_header(c->http, "warning", b.p);
}

void warn_headers(struct call *c)
{
	size_t all = 0, runes, n;
	bool cut;

	for (struct warning *w = c->warnings; w; w = w->next) {
		prefix(w->text, SIZE_MAX, &runes);
		all += runes;
	}
	cut = all > ALL_RUNES_MAX;
	all = 0;
	for (struct warning *w = c->warnings; w && all < ALL_RUNES_MAX; w = w->next) {
		if (has_control(w->text))
			continue;      /* no header may hold it */
		n = prefix(w->text, cut ? ONE_RUNES_MAX : SIZE_MAX, &runes);
		all += runes;
		send(c, w->text, n);
	}
}
