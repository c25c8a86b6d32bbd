/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate_shown - what rules see of an object whose texts have U+0000 in them.
 *
 * Rules read C strings, and would take "a\0b" for "a". They are shown a copy with another
 * control character there, which a rule about syntax refuses as it would U+0000. Neither
 * object has that character of its own: what differs goes on to differ.
 */
#include <stdio.h>

#include "kinds/validate.h"

/* The control characters that JSON writes as \u00XX. */
#define CONTROLS 0xffffc0feu

/* Whether a text in v, or a key, has a U+0000. */
static bool has_nul(yyjson_mut_val *v)
{
	if (yyjson_mut_is_str(v))
		return strlen(yyjson_mut_get_str(v)) != yyjson_mut_get_len(v);
	V_EACH(i, item, v)
		if (has_nul(item))
			return true;
	V_MEMBERS(key, m, v)
		if (has_nul(k_m) || has_nul(m))
			return true;
	return false;
}

static void each_text(yyjson_mut_val *v, void (*fn)(char *s, size_t n, uint32_t *arg), uint32_t *arg)
{
	if (yyjson_mut_is_str(v))
		fn((char *)(uintptr_t)yyjson_mut_get_str(v), yyjson_mut_get_len(v), arg);
	V_EACH(i, item, v)
		each_text(item, fn, arg);
	V_MEMBERS(key, m, v) {
		each_text(k_m, fn, arg);
		each_text(m, fn, arg);
	}
}

static void note_controls(char *s, size_t n, uint32_t *seen)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 32)
			*seen |= 1u << s[i];
}

static void put_in_place(char *s, size_t n, uint32_t *with)
{
	for (size_t i = 0; i < n; i++)
		if (!s[i])
			s[i] = (char)*with;
}

bool v_show(struct vcheck *c)
{
	bool update = c->old != NULL;
	uint32_t seen = 0, with = 0;
	yyjson_mut_doc *d;

	if (!has_nul(c->v) && !has_nul(c->old))
		return true;
	each_text(c->v, note_controls, &seen);
	each_text(c->old, note_controls, &seen);
	while (with < 32 && !(CONTROLS & ~seen & 1u << with))
		with++;
	if (with == 32) {
		v_forbidden(c, V_AT(NULL, "metadata"), "an object with U+0000 may not have every other control character too");
		return true;
	}
	d = doc_new(c->a);
	c->v = d ? yyjson_mut_val_mut_copy(d, c->v) : NULL;
	c->old = d && c->old ? yyjson_mut_val_mut_copy(d, c->old) : NULL;
	each_text(c->v, put_in_place, &with);
	each_text(c->old, put_in_place, &with);
	c->nul = (char)with;
	return c->v && (c->old || !update);
}

yyjson_mut_val *v_sent(struct vcheck *c, yyjson_mut_val *v)
{
	size_t n = yyjson_mut_get_len(v);
	yyjson_mut_val *sent;
	char *s;

	if (!c->nul || !yyjson_mut_is_str(v) || !memchr(yyjson_mut_get_str(v), c->nul, n))
		return v;
	sent = arena_zalloc(c->a, sizeof(*sent));
	s = arena_strndup(c->a, yyjson_mut_get_str(v), n);
	if (!sent || !s)
		return v;
	for (size_t i = 0; i < n; i++)
		if (s[i] == c->nul)
			s[i] = '\0';
	yyjson_mut_set_strn(sent, s, n);
	return sent;
}

const char *v_sent_json(struct vcheck *c, const char *text)
{
	char shown[8], *s;

	snprintf(shown, sizeof(shown), "\\u%04x", (unsigned)c->nul);
	if (!c->nul || !text || !strstr(text, shown))
		return text;
	s = arena_strdup(c->a, text);
	for (char *p = s; p && (p = strstr(p, shown));)
		memcpy(p, "\\u0000", 6);
	return s;
}
