/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemonset - one pod on every node that may have it; rolled to a new template node
 * by node. Templates are told apart by the label controller-revision-hash, each kept as
 * a ControllerRevision for `kubectl rollout`.
 */
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "control/controllers.h"
#include "control/reconcile.h"
#include "sched/sched.h"

#define HASH_LABEL "controller-revision-hash"

struct ds {
	struct ctl *c;
	struct cache_obj *obj;
	yyjson_val *tree, *template;
	const struct kinds_kind *kind;
	struct cache_obj **pods;
	size_t n;
	char hash[16];
	int64_t now_us, min_ready_s, wait_ms;
	int64_t desired, current, misplaced, ready, updated, available;
	int64_t unavailable;
};

static bool enqueue_all(void *arg, struct cache_obj *o)
{
	ctl_enqueue(arg, o->ns, o->name);
	return true;
}

static void node_changed(struct ctl *c, const struct cache_event *ev)
{
	yyjson_val *now = cache_tree(ev->obj), *old = ev->old ? cache_tree(ev->old) : NULL;

	if (old && doc_equal(doc_get(old, "spec"), doc_get(now, "spec")) &&
	    doc_equal(doc_get(old, "metadata.labels"), doc_get(now, "metadata.labels")))
		return;
	cache_each(ctl_cache(c), "apps/daemonsets", NULL, NULL, NULL, enqueue_all, c);
}

static void pod_changed(struct ctl *c, const struct cache_event *ev)
{
	ctl_enqueue_owner(c, ev, "apps/v1", "DaemonSet");
}

/* ---- pods ---- */
static bool current(const struct ds *d, struct cache_obj *pod)
{
	const char *h = labels_get(&pod->labels, HASH_LABEL);

	return h && !strcmp(h, d->hash);
}

static void tell(struct ctl *c, const char *ns, const char *name, const char *type, const char *reason,
	const char *what, const char *detail)
{
	struct cache_obj *o = cache_get(ctl_cache(c), "apps/daemonsets", ns, name);

	if (o)
		ctl_event(c, o, type, reason, "%s: %s", what, detail ? detail : "");
}

static void created(struct ctl *c, const char *ns, const char *name, int rc, yyjson_val *obj, const char *message)
{
	if (rc)
		tell(c, ns, name, "Warning", "FailedCreate", "Error creating", message);
	else
		tell(c, ns, name, "Normal", "SuccessfulCreate", "Created pod", doc_str(obj, "metadata.name"));
}

static void deleted(struct ctl *c, const char *ns, const char *name, int rc, yyjson_val *obj, const char *message)
{
	if (rc)
		tell(c, ns, name, "Warning", "FailedDelete", "Error deleting", message);
	else if (doc_str(obj, "metadata.name"))
		tell(c, ns, name, "Normal", "SuccessfulDelete", "Deleted pod", doc_str(obj, "metadata.name"));
}

/* The pod is for one node and says so by affinity, so that the scheduler still checks room. */
static void create_on(struct ds *d, const char *node)
{
	yyjson_mut_doc *doc = ctl_doc(d->c);
	yyjson_mut_val *pod = pod_from_template(d->c, d->template, d->obj, d->kind), *spec = doc_mobj(doc, pod, "spec");
	bool host_network = doc_bool(d->template, "spec.hostNetwork", false);
	char prefix[260];

	snprintf(prefix, sizeof(prefix), "%s-", d->obj->name);
	doc_mset_str(doc, pod, "metadata.generateName", prefix);
	doc_mset_key(doc, pod, "metadata.labels", HASH_LABEL, d->hash);
	/* Only this node, in place of whatever nodes the template requires (it fits them). */
	yyjson_mut_val *field = yyjson_mut_obj(doc), *term = yyjson_mut_obj(doc);
	doc_mset_str(doc, field, "key", "metadata.name");
	doc_mset_str(doc, field, "operator", "In");
	yyjson_mut_arr_add_strcpy(doc, doc_marr(doc, field, "values"), node);
	yyjson_mut_arr_append(doc_marr(doc, term, "matchFields"), field);
	doc_mdel(spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
	yyjson_mut_arr_append(doc_marr(doc, spec,
		"affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"), term);
	for (const struct sched_toleration *always = sched_daemon_tolerations; always->key; always++) {
		if (!strcmp(always->key, "node.kubernetes.io/network-unavailable") && !host_network)
			continue;
		yyjson_mut_val *t = yyjson_mut_obj(doc);
		doc_mset_str(doc, t, "key", always->key);
		doc_mset_str(doc, t, "operator", "Exists");
		doc_mset_str(doc, t, "effect", always->effect);
		yyjson_mut_arr_append(doc_marr(doc, spec, "tolerations"), t);
	}
	ctl_create(d->c, ctl_kind("", "pods"), d->obj->ns, pod, false);
	ctl_on_answer(d->c, created);
}

static void delete_pod(struct ds *d, struct cache_obj *pod)
{
	ctl_delete(d->c, ctl_kind("", "pods"), d->obj->ns, pod->name, pod->uid, NULL, -1);
	ctl_on_answer(d->c, deleted);
}

/* The node a pod is on, or is meant for while it waits. */
static const char *target_node(struct cache_obj *pod)
{
	yyjson_val *terms = doc_get(cache_tree(pod),
		"spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");

	return *pod->node ? pod->node : doc_str(terms, "0.matchFields.0.values.0");
}

/* ---- one node ---- */
static bool visit_node(void *arg, struct cache_obj *node)
{
	struct ds *d = arg;
	enum sched_daemon fit = sched_daemon_fit(doc_get(d->template, "spec"), node);
	struct cache_obj *best = NULL;
	unsigned here = 0;
	bool dying = false;

	for (size_t i = 0; i < d->n; i++) {
		struct cache_obj *p = d->pods[i];
		const char *on = target_node(p);
		if (!on || strcmp(on, node->name))
			continue;
		if (p->deleting) {
			dying = true;
			continue;
		}
		const char *phase = doc_str(cache_tree(p), "status.phase");
		if (phase && (!strcmp(phase, "Failed") || !strcmp(phase, "Succeeded"))) {
			delete_pod(d, p);      /* a daemon that ended is put back */
			continue;
		}
		here++;
		if (!best || pod_kill_order(&best, &p) < 0) {
			if (best)
				delete_pod(d, best);
			best = p;
		} else {
			delete_pod(d, p);
		}
	}
	if (fit == SCHED_DAEMON_NO && best)
		delete_pod(d, best);
	if (fit == SCHED_DAEMON_RUN && !best && !dying && !d->obj->deleting)
		create_on(d, node->name);
	if (fit != SCHED_DAEMON_RUN) {
		d->misplaced += here > 0;
		return true;
	}
	d->desired++;
	d->current += here > 0;
	int64_t wait = 0;
	bool available = best && pod_available(cache_tree(best), d->min_ready_s, d->now_us, &wait);
	if (wait && (!d->wait_ms || wait < d->wait_ms))
		d->wait_ms = wait;
	d->ready += best && pod_ready(cache_tree(best));
	d->available += available;
	d->updated += best && current(d, best);
	d->unavailable += !available;
	return true;
}

/* ---- rolling ---- */
static void roll(struct ds *d)
{
	const char *type = doc_str(d->tree, "spec.updateStrategy.type");
	int64_t room = ctl_share(doc_get(d->tree, "spec.updateStrategy.rollingUpdate.maxUnavailable"), d->desired, true) - d->unavailable;

	if (type && !strcmp(type, "OnDelete"))
		return;
	/* Old pods that do not work cost nothing to replace; then as many as may be missing. */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < d->n; i++) {
			struct cache_obj *p = d->pods[i];
			bool works = pod_available(cache_tree(p), d->min_ready_s, d->now_us, NULL);
			if (p->deleting || current(d, p) || works != (pass == 1) || (works && room <= 0))
				continue;
			delete_pod(d, p);
			room -= works;
		}
}

/* ---- history ---- */
static bool newest_revision(void *arg, struct cache_obj *o)
{
	int64_t *most = arg, r = doc_int(cache_tree(o), "revision", 0);

	*most = r > *most ? r : *most;
	return true;
}

static bool has_revision(struct ds *d, const char *name, int64_t *ret_most)
{
	struct cache_obj *have = cache_get(ctl_cache(d->c), "apps/controllerrevisions", d->obj->ns, name);
	int64_t most = 0, mine = have ? doc_int(cache_tree(have), "revision", 0) : 0;

	cache_each_owned(ctl_cache(d->c), d->obj->uid, newest_revision, &most);
	*ret_most = most;
	return have && mine == most;
}

/* A ControllerRevision for the template; one that comes back becomes the newest. */
static void keep_revision(struct ds *d)
{
	yyjson_mut_doc *doc = ctl_doc(d->c);
	const struct kinds_kind *k = ctl_kind("apps", "controllerrevisions");
	char name[280];
	int64_t most;

	snprintf(name, sizeof(name), "%s-%s", d->obj->name, d->hash);
	if (has_revision(d, name, &most))
		return;
	yyjson_mut_val *r = yyjson_mut_obj(doc);
	if (cache_get(ctl_cache(d->c), "apps/controllerrevisions", d->obj->ns, name)) {
		doc_mset_int(doc, r, "revision", most + 1);
		ctl_patch(d->c, k, d->obj->ns, name, NULL, r);
		return;
	}
	doc_mset_str(doc, r, "kind", "ControllerRevision");
	doc_mset_str(doc, r, "apiVersion", "apps/v1");
	doc_mset_str(doc, r, "metadata.name", name);
	doc_mset_str(doc, r, "metadata.namespace", d->obj->ns);
	yyjson_val *labels = doc_get(d->template, "metadata.labels");
	if (labels)
		doc_mset(doc, r, "metadata.labels", yyjson_val_mut_copy(doc, labels));
	doc_mset_key(doc, r, "metadata.labels", HASH_LABEL, d->hash);
	/* Why it was changed is among them (kubernetes.io/change-cause). */
	yyjson_val *notes = doc_get(d->tree, "metadata.annotations");
	if (notes)
		doc_mset(doc, r, "metadata.annotations", yyjson_val_mut_copy(doc, notes));
	ctl_set_owner(doc, doc_mobj(doc, r, "metadata"), d->obj, d->kind);
	yyjson_mut_val *template = yyjson_val_mut_copy(doc, d->template);
	doc_mset_str(doc, template, "$patch", "replace");
	doc_mset(doc, r, "data.spec.template", template);
	doc_mset_int(doc, r, "revision", most + 1);
	ctl_create(d->c, k, d->obj->ns, r, true);
}

/* ---- status ---- */
static void write_status(struct ds *d)
{
	const struct { const char *field; int64_t v; } counts[] = {
		{ "currentNumberScheduled", d->current }, { "numberMisscheduled", d->misplaced },
		{ "desiredNumberScheduled", d->desired }, { "numberReady", d->ready },
		{ "observedGeneration", doc_int(d->tree, "metadata.generation", 0) },
		{ "updatedNumberScheduled", d->updated }, { "numberAvailable", d->available },
		{ "numberUnavailable", d->unavailable },
	};
	yyjson_mut_doc *doc = ctl_doc(d->c);
	yyjson_mut_val *obj = yyjson_val_mut_copy(doc, d->tree), *status = doc_mobj(doc, obj, "status");
	bool changed = !doc_get(d->tree, "status.observedGeneration");

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		changed |= doc_mint(status, counts[i].field, 0) != counts[i].v;
		doc_mset_int(doc, status, counts[i].field, counts[i].v);
	}
	if (changed)
		ctl_update(d->c, d->kind, d->obj->ns, d->obj->name, "status", obj);
	if (d->wait_ms)
		ctl_enqueue_after(d->c, d->obj->ns, d->obj->name, d->wait_ms);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct ds d = { .c = c, .obj = cache_get(ctl_cache(c), "apps/daemonsets", ns, name),
		.kind = ctl_kind("apps", "daemonsets"), .now_us = env_wall_us() };
	struct selector *sel;

	if (!d.obj)
		return 0;
	d.tree = cache_tree(d.obj);
	d.template = doc_get(d.tree, "spec.template");
	d.min_ready_s = doc_int(d.tree, "spec.minReadySeconds", 0);
	if (selector_from(ctl_arena(c), doc_get(d.tree, "spec.selector"), &sel, NULL))
		return 0;
	pod_template_hash(d.template, doc_int(d.tree, "status.collisionCount", 0), d.hash);
	d.pods = ctl_claim(c, d.obj, d.kind, ctl_kind("", "pods"), sel, &d.n);
	if (!d.pods)
		return -ERR_NOMEM;
	if (!d.obj->deleting)
		keep_revision(&d);
	cache_each(ctl_cache(c), "core/nodes", NULL, NULL, NULL, visit_node, &d);
	if (!d.obj->deleting && !ctl_writes(c))
		roll(&d);
	write_status(&d);
	return 0;
}

static const struct ctl_watch watches[] = {
	{ "apps/daemonsets", ctl_map_self },
	{ "core/pods", pod_changed },
	{ "core/nodes", node_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_daemonset = { .name = "daemon-set-controller", .watches = watches, .reconcile = reconcile };
