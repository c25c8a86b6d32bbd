/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order - a treap: a search tree by key that is at the same time a heap by a
 * keyed hash of the key, so that its shape is random to whoever chooses names.
 */
#include <string.h>

#include "cache/cache_priv.h"

static struct obj **place_of(struct obj **root, struct obj *o)
{
	return !o->parent ? root : o->parent->left == o ? &o->parent->left : &o->parent->right;
}

static void adopt(struct obj *parent, struct obj *kid)
{
	if (kid)
		kid->parent = parent;
}

/* o takes its parent's place; order is kept. */
static void rotate_up(struct obj **root, struct obj *o)
{
	struct obj *p = o->parent;

	*place_of(root, p) = o;
	o->parent = p->parent;
	if (p->left == o) {
		p->left = o->right;
		adopt(p, p->left);
		o->right = p;
	} else {
		p->right = o->left;
		adopt(p, p->right);
		o->left = p;
	}
	p->parent = o;
}

void order_insert(struct obj **root, struct obj *o)
{
	struct obj **at = root, *parent = NULL;

	while (*at) {
		parent = *at;
		at = strcmp(o->key, parent->key) < 0 ? &parent->left : &parent->right;
	}
	o->prio = (uint32_t)hash_secret(o->key, strlen(o->key));
	o->left = o->right = NULL;
	o->parent = parent;
	*at = o;
	while (o->parent && o->prio > o->parent->prio)
		rotate_up(root, o);
}

void order_remove(struct obj **root, struct obj *o)
{
	while (o->left && o->right)
		rotate_up(root, o->left->prio > o->right->prio ? o->left : o->right);
	*place_of(root, o) = o->left ? o->left : o->right;
	adopt(o->parent, o->left ? o->left : o->right);
	o->parent = o->left = o->right = NULL;
}

void order_replace(struct obj **root, struct obj *old, struct obj *o)
{
	*place_of(root, old) = o;
	o->prio = old->prio;
	o->parent = old->parent;
	o->left = old->left;
	o->right = old->right;
	adopt(o, o->left);
	adopt(o, o->right);
	old->parent = old->left = old->right = NULL;
}

struct obj *order_find(struct obj *root, const char *key, bool after)
{
	struct obj *best = NULL;

	while (root) {
		int cmp = strcmp(root->key, key);

		if (cmp > 0 || (cmp == 0 && !after)) {
			best = root;
			root = root->left;
		} else {
			root = root->right;
		}
	}
	return best;
}

struct obj *order_next(struct obj *o)
{
	if (o->right) {
		for (o = o->right; o->left; )
			o = o->left;
		return o;
	}
	while (o->parent && o->parent->right == o)
		o = o->parent;
	return o->parent;
}
