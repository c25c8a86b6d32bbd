/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate_pod - what admission gives a new pod: its service account with the projected
 * token, its priority, and the tolerations of a node that is briefly away.
 * Source: kubernetes plugin/pkg/admission/{serviceaccount,priority,defaulttolerationseconds}.
 */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base/text.h"

#define TOKEN_MOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define ACCOUNT_WAIT_MS 1000    /* how long a new namespace's account may take to come */

static enum step too_big(struct call *c)
{
	return fail_err(c, -ERR_SIZE, NULL);
}

/* ---- the service account ---- */

struct account_wait {
	struct call *c;
	struct cache_watch *w;
	struct loop_timer timer;
	char *name;
};

static void wait_end(void *arg)
{
	struct account_wait *aw = arg;
	struct call *c = aw->c;

	loop_timer_stop(&aw->timer);
	cache_watch_close(aw->w);
	free(aw->name);
	free(aw);
	c->stage = STAGE_MUTATE;
	call_resume(c, STEP_AGAIN);
	call_drop(c);
}

static void wait_ready(void *arg)
{
	struct account_wait *aw = arg;
	struct cache_event *ev;

	if (cache_get(aw->c->api->cache, aw->c->api->k.service_account->store, aw->c->ns, aw->name)) {
		wait_end(aw);
		return;
	}
	while (!cache_watch_next(aw->w, &ev))
		;       /* not what we wait for: arm again */
}

/* The account of a new namespace is made by a controller: give it a moment. */
static enum step wait_for_account(struct call *c, const char *name)
{
	struct account_wait *aw = calloc(1, sizeof(*aw));
	struct cache_event *ev;

	if (!aw || !(aw->name = strdup(name)) ||
	    cache_watch_open(&aw->w, c->api->cache, c->api->k.service_account->store, c->ns, name, NULL, 0,
		    wait_ready, aw)) {
		if (aw)
			free(aw->name);
		free(aw);
		return fail_err(c, -ERR_NOMEM, NULL);
	}
	aw->c = c;
	c->account_waited = true;
	while (!cache_watch_next(aw->w, &ev))
		;
	loop_timer_init(&aw->timer, c->api->loop, wait_end, aw);
	loop_timer_set(&aw->timer, ACCOUNT_WAIT_MS);
	call_hold(c);
	return STEP_WAIT;
}

static bool mounted(yyjson_mut_val *container)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *m;

	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(container, "volumeMounts"), &it);
	while ((m = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(m, "mountPath"), TOKEN_MOUNT))
			return true;
	return false;
}

static const char volume_json[] =
	"{\"projected\":{\"sources\":["
	"{\"serviceAccountToken\":{\"expirationSeconds\":3607,\"path\":\"token\"}},"
	"{\"configMap\":{\"name\":\"kube-root-ca.crt\",\"items\":[{\"key\":\"ca.crt\",\"path\":\"ca.crt\"}]}},"
	"{\"downwardAPI\":{\"items\":[{\"path\":\"namespace\",\"fieldRef\":{\"apiVersion\":\"v1\","
	"\"fieldPath\":\"metadata.namespace\"}}]}}],\"defaultMode\":420}}";

static bool add_volume(struct call *c, yyjson_mut_val *spec, const char *name)
{
	yyjson_mut_val *volumes = doc_marr(c->doc, spec, "volumes"), *v;
	yyjson_doc *d;

	if (!volumes || doc_parse(c->arena, volume_json, sizeof(volume_json) - 1, &d, NULL))
		return false;
	v = shape_copy(c, yyjson_doc_get_root(d));
	return v && doc_mset_str(c->doc, v, "name", name) && yyjson_mut_arr_append(volumes, v);
}

static bool mount_token(struct call *c, yyjson_mut_val *spec)
{
	static const char *const lists[] = { "initContainers", "containers" };
	char name[24] = "kube-api-access-";
	bool used = false;

	text_random_name(name + 16, 5);
	for (size_t i = 0; i < 2; i++) {
		yyjson_mut_arr_iter it;
		yyjson_mut_val *ct, *mounts, *m;

		yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, lists[i]), &it);
		while ((ct = yyjson_mut_arr_iter_next(&it))) {
			if (mounted(ct))
				continue;
			mounts = doc_marr(c->doc, ct, "volumeMounts");
			m = mounts ? yyjson_mut_arr_add_obj(c->doc, mounts) : NULL;
			if (!m || !doc_mset_str(c->doc, m, "name", name) ||
			    !doc_mset_bool(c->doc, m, "readOnly", true) ||
			    !doc_mset_str(c->doc, m, "mountPath", TOKEN_MOUNT))
				return false;
			used = true;
		}
	}
	return !used || add_volume(c, spec, name);
}

static enum step service_account(struct call *c, yyjson_mut_val *spec)
{
	const char *name = doc_mstr(spec, "serviceAccountName");
	struct cache_obj *o;
	yyjson_val *sa;
	bool automount;

	if (yyjson_mut_obj_get(doc_mget(c->obj, "metadata.annotations"), "kubernetes.io/config.mirror"))
		return STEP_NEXT;
	if (!name || !*name)
		name = "default";
	o = cache_get(c->api->cache, c->api->k.service_account->store, c->ns, name);
	if (!o && !c->account_waited)
		return wait_for_account(c, name);
	if (!o)
		return fail_forbidden(c, c->name, NULL,
			"error looking up service account %s/%s: serviceaccount \"%s\" not found", c->ns, name, name);
	if (!doc_mset_str(c->doc, spec, "serviceAccountName", name) ||
	    !doc_mset_str(c->doc, spec, "serviceAccount", name))
		return too_big(c);
	sa = cache_tree(o);
	automount = doc_bool(sa, "automountServiceAccountToken", true);
	if (doc_mbool(spec, "automountServiceAccountToken", automount) && !mount_token(c, spec))
		return too_big(c);
	if (!doc_mlen(spec, "imagePullSecrets") && doc_len(sa, "imagePullSecrets") &&
	    !doc_mset(c->doc, spec, "imagePullSecrets", shape_copy(c, doc_get(sa, "imagePullSecrets"))))
		return too_big(c);
	return STEP_NEXT;
}

/* ---- priority ---- */

static bool find_default(void *arg, struct cache_obj *o)
{
	struct cache_obj **best = arg;
	yyjson_val *v = cache_tree(o);

	if (!doc_bool(v, "globalDefault", false))
		return true;
	if (!*best || doc_int(v, "value", 0) < doc_int(cache_tree(*best), "value", 0))
		*best = o;
	return true;
}

static enum step priority(struct call *c, yyjson_mut_val *spec)
{
	const char *name = doc_mstr(spec, "priorityClassName"), *policy = NULL;
	const char *store = c->api->k.priority_class->store;
	struct cache_obj *o = NULL;
	int64_t value = 0;

	if (name && *name) {
		o = cache_get(c->api->cache, store, "", name);
		if (!o)
			return fail_forbidden(c, c->name, NULL, "no PriorityClass with name %s was found", name);
	} else {
		cache_each(c->api->cache, store, "", NULL, NULL, find_default, &o);
	}
	if (o) {
		value = doc_int(cache_tree(o), "value", 0);
		policy = doc_str(cache_tree(o), "preemptionPolicy");
		if (!doc_mset_str(c->doc, spec, "priorityClassName", o->name))
			return too_big(c);
	}
	if (!policy || !*policy)
		policy = "PreemptLowerPriority";
	if (yyjson_mut_obj_get(spec, "priority") && doc_mint(spec, "priority", 0) != value)
		return fail_forbidden(c, c->name, NULL,
			"the integer value of priority (%lld) must not be provided in pod spec; priority admission "
			"controller computed %lld from the given PriorityClass name",
			(long long)doc_mint(spec, "priority", 0), (long long)value);
	if (doc_mstr(spec, "preemptionPolicy") && strcmp(doc_mstr(spec, "preemptionPolicy"), policy))
		return fail_forbidden(c, c->name, NULL,
			"the string value of PreemptionPolicy (%s) must not be provided in pod spec; priority admission "
			"controller computed %s from the given PriorityClass name", doc_mstr(spec, "preemptionPolicy"),
			policy);
	if (!doc_mset_int(c->doc, spec, "priority", value) ||
	    !doc_mset_str(c->doc, spec, "preemptionPolicy", policy))
		return too_big(c);
	return STEP_NEXT;
}

/* ---- tolerations ---- */

static bool tolerates(yyjson_mut_val *list, const char *key)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *t;

	yyjson_mut_arr_iter_init(list, &it);
	while ((t = yyjson_mut_arr_iter_next(&it))) {
		const char *k = doc_mstr(t, "key"), *effect = doc_mstr(t, "effect");

		if ((!k || !*k || !strcmp(k, key)) && (!effect || !*effect || !strcmp(effect, "NoExecute")))
			return true;
	}
	return false;
}

static enum step tolerations(struct call *c, yyjson_mut_val *spec)
{
	static const char *const keys[] = { "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable" };

	for (size_t i = 0; i < 2; i++) {
		yyjson_mut_val *list, *t;

		if (tolerates(yyjson_mut_obj_get(spec, "tolerations"), keys[i]))
			continue;
		list = doc_marr(c->doc, spec, "tolerations");
		t = list ? yyjson_mut_arr_add_obj(c->doc, list) : NULL;
		if (!t || !doc_mset_str(c->doc, t, "key", keys[i]) || !doc_mset_str(c->doc, t, "operator", "Exists") ||
		    !doc_mset_str(c->doc, t, "effect", "NoExecute") ||
		    !doc_mset_int(c->doc, t, "tolerationSeconds", 300))
			return too_big(c);
	}
	return STEP_NEXT;
}

enum step mutate_pod(struct call *c)
{
	yyjson_mut_val *spec = doc_mobj(c->doc, c->obj, "spec");
	enum step step;

	if (!spec)
		return too_big(c);
	step = service_account(c, spec);
	if (step == STEP_NEXT)
		step = priority(c, spec);
	return step == STEP_NEXT ? tolerations(c, spec) : step;
}
