/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_account - ServiceAccount: a pod runs as an account of its namespace, gets that
 * account's token mounted and its imagePullSecrets; an account may say which Secrets its
 * pods may mount; mirrors of what a node runs by itself have no account and name no Secrets.
 * Source: kubernetes plugin/pkg/admission/serviceaccount.
 */
#include <stdlib.h>
#include <string.h>

#include "api/admit.h"
#include "base/text.h"

#define TOKEN_MOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define TOKEN_VOLUME "kube-api-access-"
#define MOUNTABLE_NOTE "kubernetes.io/enforce-mountable-secrets"
#define ACCOUNT_WAIT_MS 1000    /* how long a new namespace's account may take to come */

/* ---- the account ---- */

struct account_wait {
	struct call *c;
	struct cache_watch *w;
	struct loop_timer timer;
	char *name;
};

static void wait_free(struct account_wait *aw)
{
	aw->c->cancel = NULL;
	aw->c->work = NULL;
	loop_timer_stop(&aw->timer);
	cache_watch_close(aw->w);
	free(aw->name);
	free(aw);
}

/* Nobody waits for the answer, and nothing is written yet. */
static void wait_cancel(struct call *c)
{
	wait_free(c->work);
	call_drop(c);
}

static void wait_end(void *arg)
{
	struct account_wait *aw = arg;
	struct call *c = aw->c;

	wait_free(aw);
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
	c->work = aw;
	c->cancel = wait_cancel;
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

/* A token volume that the pod brings along, as controllers copy them. */
static const char *token_volume(yyjson_mut_val *spec)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *v;

	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "volumes"), &it);
	while ((v = yyjson_mut_arr_iter_next(&it))) {
		const char *name = doc_mstr(v, "name");

		if (name && !strncmp(name, TOKEN_VOLUME, strlen(TOKEN_VOLUME)))
			return name;
	}
	return NULL;
}

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
	const char *has = token_volume(spec), *name = has;
	char fresh[24] = TOKEN_VOLUME;
	bool used = false;

	if (!has) {
		text_random_name(fresh + strlen(TOKEN_VOLUME), 5);
		name = fresh;
	}
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
	return !used || has || add_volume(c, spec, name);
}

static enum step no_account(struct call *c, const char *name)
{
	return admit_refuse(c, "error looking up service account %s/%s: serviceaccount \"%s\" not found", c->ns, name, name);
}

enum step account_mutate(struct call *c)
{
	yyjson_mut_val *spec;
	const char *name;
	struct cache_obj *o;
	yyjson_val *sa;
	bool automount;

	if (!admit_is(c, c->api->k.pod) || admit_op(c) != ADMIT_CREATE)
		return STEP_NEXT;
	/* What is refused is refused before it is validated, and again if others changed it. */
	if (admit_mirror_pod(c))
		return account_validate(c);
	spec = doc_mobj(c->doc, c->obj, "spec");
	name = doc_mstr(spec, "serviceAccountName");
	if (!name || !*name)
		name = "default";
	o = cache_get(c->api->cache, c->api->k.service_account->store, c->ns, name);
	if (!o && !c->account_waited)
		return wait_for_account(c, name);
	if (!o)
		return no_account(c, name);
	if (!spec || !doc_mset_str(c->doc, spec, "serviceAccountName", name) ||
	    !doc_mset_str(c->doc, spec, "serviceAccount", name))
		return fail_err(c, -ERR_SIZE, NULL);
	sa = cache_tree(o);
	automount = doc_bool(sa, "automountServiceAccountToken", true);
	if (doc_mbool(spec, "automountServiceAccountToken", automount) && !mount_token(c, spec))
		return fail_err(c, -ERR_SIZE, NULL);
	if (!doc_mlen(spec, "imagePullSecrets") && doc_len(sa, "imagePullSecrets") &&
	    !doc_mset(c->doc, spec, "imagePullSecrets", shape_copy(c, doc_get(sa, "imagePullSecrets"))))
		return fail_err(c, -ERR_SIZE, NULL);
	return account_validate(c);
}

/* ---- mirrors ---- */

static bool is_config_map(void *arg, enum pod_ref what, const char *name)
{
	(void)arg;
	(void)name;
	return what == POD_CONFIG_MAP;
}

static bool projects_token(yyjson_mut_val *spec)
{
	yyjson_mut_arr_iter it, jt;
	yyjson_mut_val *v, *s;

	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "volumes"), &it);
	while ((v = yyjson_mut_arr_iter_next(&it))) {
		yyjson_mut_arr_iter_init(doc_mget(v, "projected.sources"), &jt);
		while ((s = yyjson_mut_arr_iter_next(&jt)))
			if (yyjson_mut_obj_get(s, "serviceAccountToken"))
				return true;
	}
	return false;
}

static enum step check_mirror(struct call *c, yyjson_mut_val *spec)
{
	const char *name = doc_mstr(spec, "serviceAccountName");

	if (name && *name)
		return admit_refuse(c, "a mirror pod may not reference service accounts");
	if (!pod_refs(spec, is_config_map, NULL))
		return admit_refuse(c, "a mirror pod may not reference secrets");
	if (projects_token(spec))
		return admit_refuse(c, "a mirror pod may not use ServiceAccountToken volume projections");
	return STEP_NEXT;
}

/* ---- which Secrets may be mounted ---- */

static bool listed(yyjson_val *list, const char *name)
{
	yyjson_val *v;
	size_t i, max;

	yyjson_arr_foreach(list, i, max, v) {
		const char *n = doc_str(v, "name");

		if (n && name && !strcmp(n, name))
			return true;
	}
	return false;
}

static bool limits_secrets(yyjson_val *sa)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	yyjson_val *v = yyjson_obj_get(doc_get(sa, "metadata.annotations"), MOUNTABLE_NOTE);

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		if (yyjson_equals_str(v, yes[i]))
			return true;
	return false;
}

/* The environment of one list of containers. */
static enum step check_env(struct call *c, yyjson_mut_val *spec, const char *list, const char *role, struct cache_obj *sa)
{
	yyjson_val *may = doc_get(cache_tree(sa), "secrets");
	yyjson_mut_arr_iter it, jt;
	yyjson_mut_val *ct, *e;

	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, list), &it);
	while ((ct = yyjson_mut_arr_iter_next(&it))) {
		yyjson_mut_arr_iter_init(yyjson_mut_obj_get(ct, "env"), &jt);
		while ((e = yyjson_mut_arr_iter_next(&jt))) {
			const char *secret = doc_mstr(e, "valueFrom.secretKeyRef.name");

			if (doc_mget(e, "valueFrom.secretKeyRef") && !listed(may, secret))
				return admit_refuse(c, "%s %s with envVar %s referencing secret.secretName=\"%s\" is not allowed "
					"because service account %s does not reference that secret", role, doc_mstr(ct, "name"),
					doc_mstr(e, "name"), secret ? secret : "", sa->name);
		}
		yyjson_mut_arr_iter_init(yyjson_mut_obj_get(ct, "envFrom"), &jt);
		while ((e = yyjson_mut_arr_iter_next(&jt))) {
			const char *secret = doc_mstr(e, "secretRef.name");

			if (doc_mget(e, "secretRef") && !listed(may, secret))
				return admit_refuse(c, "%s %s with envFrom referencing secret.secretName=\"%s\" is not allowed "
					"because service account %s does not reference that secret", role, doc_mstr(ct, "name"),
					secret ? secret : "", sa->name);
		}
	}
	return STEP_NEXT;
}

static enum step check_volumes(struct call *c, yyjson_mut_val *spec, struct cache_obj *sa)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *v;

	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "volumes"), &it);
	while ((v = yyjson_mut_arr_iter_next(&it))) {
		const char *secret = doc_mstr(v, "secret.secretName");

		if (yyjson_mut_obj_get(v, "secret") && !listed(doc_get(cache_tree(sa), "secrets"), secret))
			return admit_refuse(c, "volume with secret.secretName=\"%s\" is not allowed because service account %s "
				"does not reference that secret", secret ? secret : "", sa->name);
	}
	return STEP_NEXT;
}

static enum step check_pull_secrets(struct call *c, yyjson_mut_val *spec, struct cache_obj *sa)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *v;
	unsigned i = 0;

	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "imagePullSecrets"), &it);
	for (; (v = yyjson_mut_arr_iter_next(&it)); i++) {
		const char *name = doc_mstr(v, "name");

		if (!listed(doc_get(cache_tree(sa), "imagePullSecrets"), name))
			return admit_refuse(c, "imagePullSecrets[%u].name=\"%s\" is not allowed because service account %s does "
				"not reference that imagePullSecret", i, name ? name : "", sa->name);
	}
	return STEP_NEXT;
}

enum step account_validate(struct call *c)
{
	bool debug = c->kind == c->api->k.pod && !strcmp(c->sub, "ephemeralcontainers");
	yyjson_mut_val *spec = doc_mget(c->obj, "spec");
	const char *name = doc_mstr(spec, "serviceAccountName");
	struct cache_obj *sa;
	enum step step;

	if (!debug && (!admit_is(c, c->api->k.pod) || admit_op(c) != ADMIT_CREATE))
		return STEP_NEXT;
	if (admit_mirror_pod(c))
		return debug ? STEP_NEXT : check_mirror(c, spec);
	if (!name || !*name)
		return admit_refuse(c, "no service account specified for pod %s/%s", c->ns, c->name);
	sa = cache_get(c->api->cache, c->api->k.service_account->store, c->ns, name);
	if (!sa)
		return no_account(c, name);
	if (!limits_secrets(cache_tree(sa)))
		return STEP_NEXT;
	if (debug)
		return check_env(c, spec, "ephemeralContainers", "ephemeral container", sa);
	step = check_volumes(c, spec, sa);
	if (step == STEP_NEXT)
		step = check_env(c, spec, "initContainers", "init container", sa);
	if (step == STEP_NEXT)
		step = check_env(c, spec, "containers", "container", sa);
	return step == STEP_NEXT ? check_pull_secrets(c, spec, sa) : step;
}
