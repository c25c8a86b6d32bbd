/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of validation errors, and the rules that are only one member wide.
 * Source: apimachinery pkg/util/validation/field/errors.go,
 * pkg/util/validation/validation.go.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "kinds/validate.h"

void v_path(struct buf *b, const struct vpath *p)
{
	if (!p)
		return;
	v_path(b, p->up);
	if (p->name) {
		if (b->len)
			buf_addc(b, '.');
		buf_adds(b, p->name);
	} else if (p->key) {
		buf_printf(b, "[%s]", p->key);
	} else {
		buf_printf(b, "[%zu]", p->index);
	}
}

/* What is told from here on is not listed: nothing is printed for it. A value may be as long as
 * the request, and wrong as often. */
static bool enough(const struct vcheck *c)
{
	return c->quiet || c->count >= VALIDATE_ERRORS_MAX || arena_over(c->a);
}

static void add(struct vcheck *c, const char *type, const struct vpath *p, const char *text)
{
	BUF_AUTO struct buf b = { 0 };

	if (c->quiet)
		c->count++;
	if (enough(c))
		return;    /* over the cap: kinds_validate says so */
	struct field_error *e = arena_zalloc(c->a, sizeof(*e));
	v_path(&b, p);
	const char *field = arena_strndup(c->a, b.p ? b.p : "", b.len);
	if (!e || !field || !text)
		return;
	e->type = type;
	e->field = field;
	e->detail = v_sent_json(c, text);
	*c->tail = e;
	c->tail = &e->next;
	c->count++;
}

const char *v_text(struct vcheck *c, const char *fmt, ...)
{
	va_list ap;

	if (c->quiet)
		return "";
	if (arena_over(c->a))
		return NULL;
	va_start(ap, fmt);
	char *s = arena_vprintf(c->a, fmt, ap);
	va_end(ap);
	return s;
}

static const char *colon(struct vcheck *c, const char *head, const char *detail)
{
	return detail && *detail ? v_text(c, "%s: %s", head, detail) : head;
}

static const char *quoted(struct vcheck *c, const char *s)
{
	BUF_AUTO struct buf b = { 0 };

	if (enough(c))
		return "";
	buf_add_json(&b, s, strlen(s));
	return b.failed ? "" : arena_strndup(c->a, b.p, b.len);
}

void v_required(struct vcheck *c, const struct vpath *p, const char *detail)
{
	add(c, "FieldValueRequired", p, colon(c, "Required value", detail));
}

void v_forbidden(struct vcheck *c, const struct vpath *p, const char *detail)
{
	add(c, "FieldValueForbidden", p, colon(c, "Forbidden", detail));
}

void v_invalid_raw(struct vcheck *c, const struct vpath *p, const char *value, const char *detail)
{
	add(c, "FieldValueInvalid", p, colon(c, v_text(c, "Invalid value: %s", value), detail));
}

void v_invalid(struct vcheck *c, const struct vpath *p, const char *value, const char *detail)
{
	v_invalid_raw(c, p, quoted(c, value), detail);
}

void v_invalid_int(struct vcheck *c, const struct vpath *p, int64_t value, const char *detail)
{
	v_invalid_raw(c, p, v_text(c, "%lld", (long long)value), detail);
}

static const char *value_text(struct vcheck *c, yyjson_mut_val *v)
{
	BUF_AUTO struct buf b = { 0 };

	if (enough(c))
		return "";
	if (!v)
		return "\"null\"";    /* as upstream prints a nil pointer */
	return doc_mwrite(&b, v) ? NULL : arena_strndup(c->a, b.p, b.len);
}

void v_invalid_value(struct vcheck *c, const struct vpath *p, yyjson_mut_val *value, const char *detail)
{
	v_invalid_raw(c, p, value_text(c, value), detail);
}

void v_duplicate_raw(struct vcheck *c, const struct vpath *p, const char *value)
{
	add(c, "FieldValueDuplicate", p, v_text(c, "Duplicate value: %s", value));
}

void v_invalid_list(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, const char *detail)
{
	v_invalid_raw(c, p, list ? value_text(c, list) : "null", detail);
}

void v_invalid_bare(struct vcheck *c, const struct vpath *p, const char *detail)
{
	add(c, "FieldValueInvalid", p, colon(c, "Invalid value", detail));
}

void v_duplicate(struct vcheck *c, const struct vpath *p, const char *value)
{
	v_duplicate_raw(c, p, quoted(c, value));
}

void v_duplicate_because(struct vcheck *c, const struct vpath *p, yyjson_mut_val *value, const char *detail)
{
	v_duplicate_raw(c, p, v_text(c, "%s: %s", value_text(c, value), detail));
}

void v_not_found_because(struct vcheck *c, const struct vpath *p, const char *value, const char *detail)
{
	add(c, "FieldValueNotFound", p, colon(c, v_text(c, "Not found: %s", quoted(c, value)), detail));
}

void v_not_found(struct vcheck *c, const struct vpath *p, const char *value)
{
	v_not_found_because(c, p, value, "");
}

void v_too_long(struct vcheck *c, const struct vpath *p, int64_t max_bytes)
{
	add(c, "FieldValueTooLong", p, v_text(c, "Too long: may not be more than %lld bytes",
		(long long)max_bytes));
}

void v_too_many(struct vcheck *c, const struct vpath *p, size_t actual, size_t max)
{
	add(c, "FieldValueTooMany", p, v_text(c, "Too many: %zu: must have at most %zu item%s", actual, max,
		max == 1 ? "" : "s"));
}

void v_unsupported_raw(struct vcheck *c, const struct vpath *p, const char *value, const char *allowed)
{
	BUF_AUTO struct buf b = { 0 };

	buf_printf(&b, "Unsupported value: %s", value ? value : "");
	for (const char *s = allowed, *comma = ": supported values: "; *s; comma = ", ") {
		size_t n = strcspn(s, "|");
		buf_adds(&b, comma);
		buf_add_json(&b, s, n);
		s += n + (s[n] == '|');
	}
	add(c, "FieldValueNotSupported", p, b.failed ? NULL : arena_strndup(c->a, b.p, b.len));
}

void v_unsupported(struct vcheck *c, const struct vpath *p, const char *value, const char *allowed)
{
	v_unsupported_raw(c, p, quoted(c, value), allowed);
}

void v_unsupported_value(struct vcheck *c, const struct vpath *p, yyjson_mut_val *value, const char *allowed)
{
	v_unsupported_raw(c, p, value_text(c, value), allowed);
}

bool v_one_of(const char *value, const char *allowed)
{
	size_t len = strlen(value);

	while (*allowed) {
		size_t n = strcspn(allowed, "|");
		if (n == len && !memcmp(allowed, value, n))
			return true;
		allowed += n + (allowed[n] == '|');
	}
	return false;
}

void v_enum(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name,
	const char *allowed, bool must)
{
	const char *s = v_str(obj, name);

	if (!*s) {
		if (must)
			v_required(c, V_AT(p, name), "");
	} else if (!v_one_of(s, allowed)) {
		v_unsupported(c, V_AT(p, name), s, allowed);
	}
}

void v_must(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name)
{
	if (!*v_str(obj, name))
		v_required(c, V_AT(p, name), "");
}

void v_not_negative(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name)
{
	int64_t n = doc_mint(obj, name, 0);

	if (n < 0)
		v_invalid_int(c, V_AT(p, name), n, V_NEGATIVE);
}

int64_t v_percent(yyjson_mut_val *v)
{
	const char *s = yyjson_mut_get_str(v);
	size_t n = s ? strspn(s, "0123456789") : 0;

	return n && n < 10 && !strcmp(s + n, "%") ? atoll(s) : -1;
}

void v_count_or_percent(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name)
{
	yyjson_mut_val *m = v_get(obj, name);

	if (yyjson_mut_is_str(m) && v_percent(m) < 0)
		v_invalid(c, V_AT(p, name), yyjson_mut_get_str(m), "a valid percent string must be a numeric "
			"string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation "
			"is '[0-9]+%')");
	else
		v_not_negative(c, p, obj, name);
}

void v_port(struct vcheck *c, const struct vpath *p, int64_t port)
{
	if (port < 1 || port > 65535)
		v_invalid_int(c, p, port, "must be between 1 and 65535, inclusive");
}

/* All that is wrong with the name of a port, told one by one; ret_n of them. */
static void port_name_errors(const char *s, const char *ret[5], size_t *ret_n)
{
	size_t n = strlen(s), count = 0;
	bool odd = !n, letter = false;

	for (size_t i = 0; i < n; i++) {
		letter |= islower((unsigned char)s[i]) != 0;
		odd |= !islower((unsigned char)s[i]) && !isdigit((unsigned char)s[i]) && s[i] != '-';
	}
	if (n > 15)
		ret[count++] = "must be no more than 15 bytes";
	if (odd)
		ret[count++] = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
	if (!letter)
		ret[count++] = "must contain at least one letter (a-z)";
	if (strstr(s, "--"))
		ret[count++] = "must not contain consecutive hyphens";
	if (n && (s[0] == '-' || s[n - 1] == '-'))
		ret[count++] = "must not begin or end with a hyphen";
	*ret_n = count;
}

const char *v_bad_port_name(const char *s)
{
	const char *why[5];
	size_t n;

	port_name_errors(s, why, &n);
	return n ? why[0] : NULL;
}

bool v_port_name(struct vcheck *c, const struct vpath *p, const char *s)
{
	const char *why[5];
	size_t n;

	port_name_errors(s, why, &n);
	for (size_t i = 0; i < n; i++)
		v_invalid(c, p, s, why[i]);
	return n > 0;
}

void v_port_or_name(struct vcheck *c, const struct vpath *p, yyjson_mut_val *port)
{
	if (yyjson_mut_is_str(port))
		v_port_name(c, p, yyjson_mut_get_str(port));
	else
		v_port(c, p, yyjson_mut_get_sint(port));
}

const char *v_bad_config_key(const char *s)
{
	if (strlen(s) > 253)
		return "must be no more than 253 bytes";
	for (const char *p = s; *p || p == s; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_' && *p != '.')
			return "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
				"(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation "
				"is '[-._a-zA-Z0-9]+')";
	if (!strcmp(s, "."))
		return "must not be '.'";
	if (!strcmp(s, ".."))
		return "must not be '..'";
	if (!strncmp(s, "..", 2))
		return "must not start with '..'";
	return NULL;
}

const char *v_bad_path_segment(const char *s)
{
	if (!strcmp(s, "."))
		return "may not be '.'";
	if (!strcmp(s, ".."))
		return "may not be '..'";
	if (strchr(s, '/'))
		return "may not contain '/'";
	return strchr(s, '%') ? "may not contain '%'" : NULL;
}

void v_syntax(struct vcheck *c, const struct vpath *p, const char *value, const char *(*bad)(const char *))
{
	const char *why = bad(value);

	if (why)
		v_invalid(c, p, value, why);
	/* An empty name does not fit the pattern either. */
	if (why && bad == text_bad_qualified_name && !strcmp(why, "name part must be non-empty"))
		v_invalid(c, p, value, bad("-"));
}

void v_prefix_syntax(struct vcheck *c, const struct vpath *p, const char *value, const char *(*bad)(const char *))
{
	char *s = arena_strdup(c->a, value);
	size_t n = s ? strlen(s) : 0;

	if (n > 1 && s[n - 1] == '-') {
		s[n - 2] = 'a';
		s[n - 1] = 0;
	}
	const char *why = s ? bad(s) : NULL;
	if (why)
		v_invalid(c, p, value, why);
}

bool v_blank(const char *s)
{
	return !s[strspn(s, " \t\r\n\v\f")];
}

bool v_padded(const char *s)
{
	size_t n = strlen(s);

	return n && (isspace((unsigned char)s[0]) || isspace((unsigned char)s[n - 1]));
}

void v_ip(struct vcheck *c, const struct vpath *p, const char *ip)
{
	uint8_t bytes[16];
	int family;

	if (text_parse_ip(ip, &family, bytes))
		v_invalid(c, p, ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
}

void v_cidr(struct vcheck *c, const struct vpath *p, const char *cidr)
{
	uint8_t bytes[16];
	int family, prefix;

	if (text_parse_cidr(cidr, &family, bytes, &prefix))
		v_invalid(c, p, cidr, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
}

void v_padded_cidr(struct vcheck *c, const struct vpath *p, const char *s, size_t n)
{
	while (n && isspace((unsigned char)*s))
		s++, n--;
	while (n && isspace((unsigned char)s[n - 1]))
		n--;
	const char *cidr = arena_strndup(c->a, s, n);
	if (cidr)
		v_cidr(c, p, cidr);
}
