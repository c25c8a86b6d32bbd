/* SPDX-License-Identifier: Apache-2.0 */
/* policy_sets - sets, their elements, and ranges of addresses and ports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "net/policy_priv.h"

void policy_set_dirty(struct policy_plan *p, struct policy_set *s)
{
	if (list_empty(&s->dirty))
		list_add_tail(&p->dirty_sets, &s->dirty);
}

static void set_init(struct policy_set *s, enum policy_set_kind kind, int family)
{
	*s = (struct policy_set){ .kind = kind, .family = family, .elems.borrows = true };
	list_init(&s->dirty_elems);
	list_init(&s->dirty);
	list_init(&s->all);
}

struct policy_set *policy_set_new(struct policy_plan *p, enum policy_set_kind kind, int family)
{
	struct policy_set *s = kind < SET_ALWAYS ? &p->always[kind][family] : malloc(sizeof(*s));

	if (!s) {
		p->failed = true;
		return NULL;
	}
	set_init(s, kind, family);
	if (kind >= SET_ALWAYS)
		s->id = p->next_id++;
	list_add_tail(&p->all_sets, &s->all);
	policy_set_dirty(p, s);
	return s;
}

/* Its references are gone; key, when it has one, is out of the map. */
void policy_set_free(struct policy_set *s)
{
	size_t it = 0;
	void *v;

	while (map_next(&s->elems, &it, NULL, &v))
		free(v);
	map_finish(&s->elems);
	list_del(&s->dirty);
	list_del(&s->all);
	free(s->key);
	if (s->kind >= SET_ALWAYS)
		free(s);
}

static void elem_dirty(struct policy_plan *p, struct policy_set *s, struct policy_elem *e)
{
	if (list_empty(&e->dirty))
		list_add_tail(&s->dirty_elems, &e->dirty);
	policy_set_dirty(p, s);
}

void policy_elem_add(struct policy_plan *p, struct policy_set *s, const char *text, struct policy_chain *to)
{
	struct policy_elem *e = map_get(&s->elems, text);

	if (!e) {
		size_t n = strlen(text) + 1;

		e = calloc(1, sizeof(*e) + n);
		if (!e) {
			p->failed = true;
			return;
		}
		memcpy(e->text, text, n);
		list_init(&e->dirty);
		if (map_put(&s->elems, e->text, e, NULL)) {
			free(e);
			p->failed = true;
			return;
		}
	}
	e->refs++;
	if (to) {              /* of two pods of one address, the one told last counts */
		to->refs++;
		policy_chain_unref(p, e->to);
		e->to = to;
	}
	if (e->refs == 1 || to)
		elem_dirty(p, s, e);
}

void policy_elem_del(struct policy_plan *p, struct policy_set *s, const char *text)
{
	struct policy_elem *e = map_get(&s->elems, text);

	if (!e || !e->refs || --e->refs)
		return;
	policy_chain_unref(p, e->to);
	e->to = NULL;
	elem_dirty(p, s, e);
}

void policy_ip_text(char out[POLICY_ELEM_MAX], const struct policy_address *a)
{
	text_hex(out, a->ip, a->family ? 16 : 4);
}

uint8_t policy_proto(const char *s)
{
	static const struct { const char *name; uint8_t number; } all[] = { { "TCP", 6 }, { "UDP", 17 }, { "SCTP", 132 } };

	for (unsigned i = 0; i < 3; i++)
		if (!s || !*s || !strcasecmp(s, all[i].name))
			return all[i].number;
	return 0;
}

/* ---- ranges ---- */

static int compare(const void *a, const void *b)
{
	return memcmp(((const struct policy_range *)a)->lo, ((const struct policy_range *)b)->lo, 16);
}

bool policy_number_step(uint8_t *number, unsigned width, int by)
{
	for (unsigned i = width; i-- > 0;) {
		number[i] = (uint8_t)(number[i] + by);
		if (number[i] != (by > 0 ? 0 : 0xff))
			return true;
	}
	return false;
}

unsigned policy_ranges_merge(struct policy_range *v, unsigned n, unsigned width)
{
	unsigned k = 0;

	if (!n)
		return 0;
	qsort(v, n, sizeof(*v), compare);
	for (unsigned i = 1; i < n; i++) {
		uint8_t after[16];

		memcpy(after, v[k].hi, 16);
		if (!policy_number_step(after, width, 1) || memcmp(v[i].lo, after, width) <= 0) {
			if (memcmp(v[i].hi, v[k].hi, width) > 0)
				memcpy(v[k].hi, v[i].hi, 16);
		} else {
			v[++k] = v[i];
		}
	}
	return k + 1;
}

struct policy_set *policy_range_set(struct policy_plan *p, enum policy_set_kind kind, int family,
	const struct policy_range *v, unsigned n, unsigned width)
{
	BUF_AUTO struct buf key = { 0 };
	struct policy_set *s;
	char text[POLICY_ELEM_MAX];

	buf_printf(&key, "%d.%d", (int)kind, family);
	for (unsigned i = 0; i < n; i++) {
		text_hex(text, v[i].lo, width);
		buf_printf(&key, " %s", text);
		text_hex(text, v[i].hi, width);
		buf_printf(&key, "-%s", text);
	}
	s = key.failed ? NULL : map_get(&p->sets, key.p);
	if (s)
		return s;
	s = key.failed ? NULL : policy_set_new(p, kind, family);
	if (!s || !(s->key = strdup(key.p)) || map_put(&p->sets, s->key, s, NULL)) {
		p->failed = true;      /* with refs 0 it goes by itself */
		return NULL;
	}
	for (unsigned i = 0; i < n; i++) {
		text_hex(text, v[i].lo, width);
		text[2 * width] = '-';
		text_hex(text + 2 * width + 1, v[i].hi, width);
		policy_elem_add(p, s, text, NULL);
	}
	return s;
}
