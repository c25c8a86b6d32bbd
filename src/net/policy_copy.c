/* SPDX-License-Identifier: Apache-2.0 */
/* policy_copy - what was told of policies, kept in one block each; selectors matched. */
#include <stdlib.h>
#include <string.h>

#include "net/policy_priv.h"

#define ALIGN 8u

void *policy_take(struct policy_room *r, size_t n)
{
	void *at;

	r->used = (r->used + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	at = r->p ? r->p + r->used : NULL;
	r->used += n;
	return at;
}

const char *policy_text(struct policy_room *r, const char *s)
{
	size_t n = s ? strlen(s) + 1 : 0;
	char *at = r->p ? r->p + r->used : NULL;

	r->used += n;
	return s && at ? memcpy(at, s, n) : NULL;
}

static const char *const *texts(struct policy_room *r, const char *const *v, unsigned count)
{
	const char **at = policy_take(r, count * sizeof(*at));

	for (unsigned i = 0; i < count; i++) {
		const char *s = policy_text(r, v[i]);

		if (at)
			at[i] = s;
	}
	return at;
}

static void selector(struct policy_room *r, struct policy_selector *to, const struct policy_selector *from)
{
	struct policy_term *terms = policy_take(r, from->count * sizeof(*terms)), t;

	for (unsigned i = 0; i < from->count; i++) {
		t = from->terms[i];
		t.key = policy_text(r, t.key);
		t.values = texts(r, t.values, t.value_count);
		if (terms)
			terms[i] = t;
	}
	*to = (struct policy_selector){ terms, from->count };
}

static const struct policy_selector *selector_at(struct policy_room *r, const struct policy_selector *from)
{
	struct policy_selector *at, unused;

	if (!from)
		return NULL;
	at = policy_take(r, sizeof(*at));
	selector(r, at ? at : &unused, from);
	return at;
}

static const struct policy_rule *rules(struct policy_room *r, const struct policy_rule *from, unsigned count)
{
	struct policy_rule *at = policy_take(r, count * sizeof(*at));

	for (unsigned i = 0; i < count; i++) {
		struct policy_rule to = from[i];
		struct policy_peer *peers = policy_take(r, to.peer_count * sizeof(*peers));
		struct policy_port *ports = policy_take(r, to.port_count * sizeof(*ports));

		for (unsigned k = 0; k < to.peer_count; k++) {
			struct policy_peer e = from[i].peers[k];

			e.pods = selector_at(r, e.pods);
			e.namespaces = selector_at(r, e.namespaces);
			e.cidr = policy_text(r, e.cidr);
			e.except = texts(r, e.except, e.except_count);
			if (peers)
				peers[k] = e;
		}
		for (unsigned k = 0; k < to.port_count; k++) {
			struct policy_port o = from[i].ports[k];

			o.proto = policy_text(r, o.proto);
			o.name = policy_text(r, o.name);
			if (ports)
				ports[k] = o;
		}
		to.peers = peers;
		to.ports = ports;
		if (at)
			at[i] = to;
	}
	return at;
}

static void told(struct policy_room *r, const struct policy_told *from)
{
	struct policy_told *at = policy_take(r, sizeof(*at)), to = *from;

	to.ns = policy_text(r, from->ns);
	to.name = policy_text(r, from->name);
	selector(r, &to.pods, &from->pods);
	for (int d = 0; d < 2; d++)
		to.rules[d] = rules(r, from->rules[d], from->rule_count[d]);
	if (at)
		*at = to;
}

struct policy_told *policy_told_copy(const struct policy_told *t)
{
	struct policy_room r = { 0 };
	char *block;

	told(&r, t);
	block = malloc(r.used);
	if (!block)
		return NULL;
	r = (struct policy_room){ .p = block };
	told(&r, t);
	return (struct policy_told *)(void *)block;
}

struct policy_selector *policy_selector_copy(const struct policy_selector *s)
{
	struct policy_room r = { 0 };
	char *block;

	selector_at(&r, s);
	block = malloc(r.used);
	if (!block)
		return NULL;
	r = (struct policy_room){ .p = block };
	selector_at(&r, s);
	return (struct policy_selector *)(void *)block;
}

void policy_labels_copy(struct policy_room *r, struct policy_labels *to, const struct policy_label *from, unsigned count)
{
	to->text = r->p ? r->p + r->used : NULL;
	to->count = count;
	for (unsigned i = 0; i < count; i++) {
		policy_text(r, from[i].key);
		policy_text(r, from[i].value);
	}
}

/* No label has a control character in it: they keep words apart. */
void policy_selector_key(struct buf *out, const struct policy_selector *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		const struct policy_term *t = &s->terms[i];

		buf_printf(out, "\1%d%s", (int)t->op, t->key);
		for (unsigned k = 0; k < t->value_count; k++)
			buf_printf(out, "\2%s", t->values[k]);
	}
	buf_addc(out, '\3');
}

static const char *value_of(const struct policy_labels *l, const char *key)
{
	const char *at = l->text;

	for (unsigned i = 0; i < l->count; i++) {
		const char *value = at + strlen(at) + 1;

		if (!strcmp(at, key))
			return value;
		at = value + strlen(value) + 1;
	}
	return NULL;
}

static bool among(const struct policy_term *t, const char *value)
{
	for (unsigned i = 0; i < t->value_count; i++)
		if (!strcmp(t->values[i], value))
			return true;
	return false;
}

static bool term(const struct policy_term *t, const char *value)
{
	switch (t->op) {
	case POLICY_IN:
		return value && among(t, value);
	case POLICY_NOT_IN:
		return !value || !among(t, value);
	case POLICY_EXISTS:
		return value;
	case POLICY_ABSENT:
		return !value;
	}
	return false;
}

bool policy_selector_match(const struct policy_selector *s, const struct policy_labels *l)
{
	for (unsigned i = 0; i < s->count; i++)
		if (!term(&s->terms[i], value_of(l, s->terms[i].key)))
			return false;
	return true;
}
