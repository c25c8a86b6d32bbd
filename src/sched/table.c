/* SPDX-License-Identifier: Apache-2.0 */
/* table - nodes with what they have and what is taken, kept by events. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "doc/quantity.h"
#include "sched/sched_priv.h"

/* What a container that asks for nothing counts as when nodes are compared. */
#define CPU_SCORED_DEFAULT    100
#define MEMORY_SCORED_DEFAULT (200ll << 20)

static const char *const fixed_names[RES_NAMED] = { "cpu", "memory", "ephemeral-storage", "pods" };

/* The place of a resource; -1 when SCHED_RES_MAX names are in use. */
static int res_index(struct sched *s, const char *name)
{
	for (unsigned i = 0; i < s->res_count; i++)
		if (!strcmp(s->res_names[i], name))
			return (int)i;
	if (s->res_count == SCHED_RES_MAX || !(s->res_names[s->res_count] = strdup(name)))
		return -1;
	return (int)s->res_count++;
}

static void res_read(struct sched *s, yyjson_val *list, struct res *ret)
{
	yyjson_val *k, *v;
	size_t i, max;

	memset(ret, 0, sizeof(*ret));
	yyjson_obj_foreach(list, i, max, k, v) {
		struct quantity q;
		int at = res_index(s, yyjson_get_str(k));
		if (at < 0 || !yyjson_is_str(v) || quantity_parse(yyjson_get_str(v), yyjson_get_len(v), &q))
			continue;
		ret->v[at] = at == RES_CPU ? quantity_milli(&q) : quantity_value(&q);
	}
}

static void res_add(struct res *a, const struct res *b, int64_t sign)
{
	for (unsigned i = 0; i < SCHED_RES_MAX; i++)
		a->v[i] += sign * b->v[i];
}

static void res_max(struct res *a, const struct res *b)
{
	for (unsigned i = 0; i < SCHED_RES_MAX; i++)
		if (b->v[i] > a->v[i])
			a->v[i] = b->v[i];
}

static bool is_sidecar(yyjson_val *container)
{
	const char *p = doc_str(container, "restartPolicy");

	return p && !strcmp(p, "Always");
}

/*
 * What a pod needs at its worst: all containers together, or the largest init
 * container with the sidecars started before it; and the overhead.
 * Source: the resource section of the pod documentation; KEP-753 for sidecars.
 */
int sched_requests(struct sched *s, yyjson_val *pod, struct res *ret, int64_t *ret_cpu_scored, int64_t *ret_memory_scored)
{
	struct res sum = { 0 }, sidecars = { 0 }, init_max = { 0 }, one;
	yyjson_val *it;
	size_t i, max;
	int64_t cpu = 0, memory = 0;

	yyjson_arr_foreach(doc_get(pod, "spec.containers"), i, max, it) {
		res_read(s, doc_get(it, "resources.requests"), &one);
		res_add(&sum, &one, 1);
		cpu += one.v[RES_CPU] ? one.v[RES_CPU] : CPU_SCORED_DEFAULT;
		memory += one.v[RES_MEMORY] ? one.v[RES_MEMORY] : MEMORY_SCORED_DEFAULT;
	}
	yyjson_arr_foreach(doc_get(pod, "spec.initContainers"), i, max, it) {
		res_read(s, doc_get(it, "resources.requests"), &one);
		if (is_sidecar(it))
			res_add(&sidecars, &one, 1);
		else
			res_add(&one, &sidecars, 1);
		res_max(&init_max, is_sidecar(it) ? &sidecars : &one);
	}
	res_add(&sum, &sidecars, 1);
	res_max(&sum, &init_max);
	res_read(s, doc_get(pod, "spec.overhead"), &one);
	res_add(&sum, &one, 1);
	sum.v[RES_PODS] = 1;
	*ret = sum;
	*ret_cpu_scored = cpu > sum.v[RES_CPU] ? cpu : sum.v[RES_CPU];
	*ret_memory_scored = memory > sum.v[RES_MEMORY] ? memory : sum.v[RES_MEMORY];
	return 0;
}

unsigned sched_ports(struct arena *a, yyjson_val *pod, struct port **ret)
{
	yyjson_val *c, *p;
	size_t i, max, j, jmax;
	unsigned n = 0, at = 0;

	*ret = NULL;
	yyjson_arr_foreach(doc_get(pod, "spec.containers"), i, max, c)
		yyjson_arr_foreach(doc_get(c, "ports"), j, jmax, p)
			n += doc_int(p, "hostPort", 0) > 0;
	if (!n)
		return 0;
	*ret = a ? arena_zalloc(a, n * sizeof(**ret)) : calloc(n, sizeof(**ret));
	if (!*ret)
		return 0;
	yyjson_arr_foreach(doc_get(pod, "spec.containers"), i, max, c)
		yyjson_arr_foreach(doc_get(c, "ports"), j, jmax, p)
			if (doc_int(p, "hostPort", 0) > 0) {
				const char *proto = doc_str(p, "protocol"), *ip = doc_str(p, "hostIP");
				struct port *to = &(*ret)[at++];
				snprintf(to->proto, sizeof(to->proto), "%s", proto ? proto : "TCP");
				snprintf(to->ip, sizeof(to->ip), "%s", ip && *ip ? ip : "0.0.0.0");
				to->port = (int)doc_int(p, "hostPort", 0);
			}
	return at;
}

int sched_open(struct sched **ret)
{
	struct sched *s = calloc(1, sizeof(*s));

	if (!s)
		return -ERR_NOMEM;
	for (int i = 0; i < RES_NAMED; i++)
		if (res_index(s, fixed_names[i]) != i) {
			sched_close(s);
			return -ERR_NOMEM;
		}
	*ret = s;
	return 0;
}

static struct sched_node *node_get(struct sched *s, const char *name)
{
	struct sched_node *n = map_get(&s->by_name, name);

	if (n)
		return n;
	if (s->node_count == s->node_cap) {
		unsigned cap = s->node_cap ? s->node_cap * 2 : 16;
		struct sched_node **v = realloc(s->nodes, cap * sizeof(*v));
		if (!v)
			return NULL;
		s->nodes = v;
		s->node_cap = cap;
	}
	n = calloc(1, sizeof(*n));
	if (!n || !(n->name = strdup(name)) || map_put(&s->by_name, name, n, NULL)) {
		if (n)
			free(n->name);
		free(n);
		return NULL;
	}
	list_init(&n->pods);
	n->index = s->node_count;
	s->nodes[s->node_count++] = n;
	return n;
}

static void node_drop_when_empty(struct sched *s, struct sched_node *n)
{
	if (n->obj || !list_empty(&n->pods))
		return;
	map_del(&s->by_name, n->name);
	s->nodes[n->index] = s->nodes[--s->node_count];
	s->nodes[n->index]->index = n->index;
	arena_close(n->arena);
	free(n->name);
	free(n);
}

enum taint_effect taint_effect(const char *effect)
{
	if (effect && !strcmp(effect, "PreferNoSchedule"))
		return TAINT_PREFER;
	return effect && !strcmp(effect, "NoExecute") ? TAINT_NO_EXECUTE : TAINT_NO_SCHEDULE;
}

static int read_taints(struct sched_node *n, yyjson_val *tree)
{
	yyjson_val *list = doc_get(tree, "spec.taints"), *it;
	size_t i, max;

	n->taint_count = 0;
	n->taints = NULL;
	if (n->arena)
		arena_reset(n->arena);
	if (!yyjson_arr_size(list))
		return 0;
	if (!n->arena && !(n->arena = arena_open(1u << 20)))
		return -ERR_NOMEM;
	n->taints = arena_zalloc(n->arena, yyjson_arr_size(list) * sizeof(*n->taints));
	yyjson_arr_foreach(list, i, max, it) {
		const char *key = doc_str(it, "key"), *value = doc_str(it, "value"), *effect = doc_str(it, "effect");
		struct taint *t = n->taints ? &n->taints[n->taint_count] : NULL;
		if (!t || !key || !effect)
			continue;
		t->key = arena_strdup(n->arena, key);
		t->value = arena_strdup(n->arena, value ? value : "");
		t->effect = taint_effect(effect);
		if (t->key && t->value)
			n->taint_count++;
	}
	return 0;
}

bool sched_node_set(struct sched *s, struct cache_obj *obj)
{
	struct sched_node *n = node_get(s, obj->name);
	yyjson_val *tree = cache_tree(obj);

	if (!n)
		return false;
	struct res alloc;
	yyjson_val *allocatable = doc_get(tree, "status.allocatable");
	res_read(s, allocatable ? allocatable : doc_get(tree, "status.capacity"), &alloc);
	bool unschedulable = doc_bool(tree, "spec.unschedulable", false);
	yyjson_val *old = n->obj ? cache_tree(n->obj) : NULL;
	bool same = old && unschedulable == n->unschedulable && !memcmp(&alloc, &n->alloc, sizeof(alloc)) &&
		doc_equal(doc_get(old, "spec.taints"), doc_get(tree, "spec.taints")) &&
		doc_equal(doc_get(old, "metadata.labels"), doc_get(tree, "metadata.labels"));
	cache_obj_ref(obj);
	cache_obj_unref(n->obj);
	n->obj = obj;
	if (same)
		return false;
	n->alloc = alloc;
	n->unschedulable = unschedulable;
	read_taints(n, tree);
	return true;
}

void sched_node_del(struct sched *s, const char *name)
{
	struct sched_node *n = map_get(&s->by_name, name);

	if (!n)
		return;
	cache_obj_unref(n->obj);
	n->obj = NULL;
	node_drop_when_empty(s, n);
}

static void account(struct sched_pod *p, int64_t sign)
{
	res_add(&p->node->used, &p->req, sign);
	p->node->used_cpu_scored += sign * p->cpu_scored;
	p->node->used_memory_scored += sign * p->memory_scored;
}

static void pod_free(struct sched *s, struct sched_pod *p)
{
	struct sched_node *n = p->node;

	if (n) {
		account(p, -1);
		list_del(&p->link);
		s->anti_count -= p->anti;
		node_drop_when_empty(s, n);
	}
	free(p->ports);
	cache_obj_unref(p->obj);
	free(p);
}

int sched_pod_set(struct sched *s, struct cache_obj *obj, const char *node)
{
	struct sched_pod *p = calloc(1, sizeof(*p));
	struct sched_node *n = node_get(s, node);
	void *old = NULL;

	if (!p || !n) {
		free(p);
		return -ERR_NOMEM;
	}
	list_init(&p->link);
	p->obj = cache_obj_ref(obj);
	sched_requests(s, cache_tree(obj), &p->req, &p->cpu_scored, &p->memory_scored);
	p->port_count = sched_ports(NULL, cache_tree(obj), &p->ports);
	p->anti = doc_len(cache_tree(obj), "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution") > 0;
	s->anti_count += p->anti;
	p->node = n;
	list_add_tail(&n->pods, &p->link);
	account(p, 1);
	if (map_put(&s->pods, obj->uid, p, &old)) {
		pod_free(s, p);
		return -ERR_NOMEM;
	}
	if (old)
		pod_free(s, old);
	return 0;
}

bool sched_pod_del(struct sched *s, const char *uid)
{
	struct sched_pod *p = map_del(&s->pods, uid);

	if (p)
		pod_free(s, p);
	return p != NULL;
}

void sched_close(struct sched *s)
{
	size_t it = 0;
	void *v;

	if (!s)
		return;
	while (map_next(&s->pods, &it, NULL, &v))
		pod_free(s, v);
	while (s->node_count) {
		struct sched_node *n = s->nodes[0];
		cache_obj_unref(n->obj);
		n->obj = NULL;
		node_drop_when_empty(s, n);
	}
	map_finish(&s->pods);
	map_finish(&s->by_name);
	for (unsigned i = 0; i < s->res_count; i++)
		free(s->res_names[i]);
	free(s->nodes);
	free(s);
}
