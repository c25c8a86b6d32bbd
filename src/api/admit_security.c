/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_security - PodSecurity: a namespace's labels pod-security.kubernetes.io/... say
 * which pods it refuses (enforce) and of which it warns; without labels everything goes.
 * What the label audit names will be noted by the audit stage once there is one.
 * Source: k8s.io/pod-security-admission admission/admission.go, api/helpers.go.
 */
#include <stdlib.h>
#include <string.h>

#include "api/admit.h"
#include "api/pod_security.h"

#define LABEL "pod-security.kubernetes.io/"
#define PODS_CHECKED_MAX 1000u         /* of a namespace whose level changes; upstream has a thread for 3000 */
#define KINDS_OF_FAULT_MAX 64u         /* told of after that */

struct policies { struct security_policy enforce, warn; };

/* ---- the labels ---- */

static bool read_level(const char *s, enum security_level *ret)
{
	for (int i = 0; security_levels[i]; i++)
		if (!strcmp(s, security_levels[i])) {
			*ret = (enum security_level)i;
			return true;
		}
	return false;
}

static bool read_version(const char *s, int *ret)
{
	size_t n = strlen(s);

	*ret = SECURITY_LATEST;
	if (!strcmp(s, "latest"))
		return true;
	if (n < 4 || n > 8 || strncmp(s, "v1.", 3) || strspn(s + 3, "0123456789") != n - 3 || (s[3] == '0' && n > 4))
		return false;
	*ret = atoi(s + 3);
	return true;
}

/* The policies of a namespace's labels; errors in the order of the labels. */
static void read_labels(struct call *c, const struct labels *labels, struct policies *ret, struct field_error **errors)
{
	static const char *const modes[] = { "enforce", "audit", "warn" };

	*ret = (struct policies){ { SECURITY_PRIVILEGED, SECURITY_LATEST }, { SECURITY_PRIVILEGED, SECURITY_LATEST } };
	for (size_t i = 0; i < 3; i++) {
		struct security_policy p = { SECURITY_PRIVILEGED, SECURITY_LATEST };
		char key[64];
		const char *v;

		snprintf(key, sizeof(key), LABEL "%s", modes[i]);
		v = labels_get(labels, key);
		if (v && !read_level(v, &p.level)) {
			/* Nobody knows what was meant: refuse what can be refused, warn of nothing. */
			p.level = i ? SECURITY_PRIVILEGED : SECURITY_RESTRICTED;
			if (errors)
				field_error_add(c->arena, errors, "FieldValueInvalid", arena_printf(c->arena, "metadata.labels[%s]", key),
					"Invalid value: \"%s\": must be one of privileged, baseline, restricted", v);
		}
		snprintf(key, sizeof(key), LABEL "%s-version", modes[i]);
		v = labels_get(labels, key);
		if (v && !read_version(v, &p.minor) && errors)
			field_error_add(c->arena, errors, "FieldValueInvalid", arena_printf(c->arena, "metadata.labels[%s]", key),
				"Invalid value: \"%s\": must be \"latest\" or \"v1.x\"", v);
		if (i == 0)
			ret->enforce = p;
		else if (i == 2)
			ret->warn = p;
	}
}

static const char *policy_text(struct call *c, const struct security_policy *p)
{
	const char *s = p->minor == SECURITY_LATEST ? arena_printf(c->arena, "%s:latest", security_levels[p->level])
		: arena_printf(c->arena, "%s:v1.%d", security_levels[p->level], p->minor);

	return s ? s : "";
}

/* ---- pods and what makes them ---- */

static const char *template_of(const struct call *c)
{
	const struct api_kinds *k = &c->api->k;
	const struct { const struct kinds_kind *kind; const char *path; } rows[] = {
		{ k->pod_template, "template" }, { k->rc, "spec.template" }, { k->rs, "spec.template" },
		{ k->deployment, "spec.template" }, { k->sts, "spec.template" }, { k->daemonset, "spec.template" },
		{ k->job, "spec.template" }, { k->cron_job, "spec.jobTemplate.spec.template" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (admit_is(c, rows[i].kind))
			return rows[i].path;
	return NULL;
}

/* Of an update only images and debug containers change what the policies look at. */
static bool significant(const struct call *c)
{
	static const char *const lists[] = { "containers", "initContainers", "ephemeralContainers" };

	for (size_t l = 0; l < 3; l++) {
		yyjson_mut_val *now = doc_mget(doc_mget(c->obj, "spec"), lists[l]), *a;
		yyjson_mut_val *was = doc_mget(doc_mget(c->old, "spec"), lists[l]), *b;
		yyjson_mut_arr_iter it, jt;

		if (yyjson_mut_arr_size(now) != yyjson_mut_arr_size(was))
			return true;
		yyjson_mut_arr_iter_init(now, &it);
		yyjson_mut_arr_iter_init(was, &jt);
		while ((a = yyjson_mut_arr_iter_next(&it)) && (b = yyjson_mut_arr_iter_next(&jt))) {
			const char *x = doc_mstr(a, "image"), *y = doc_mstr(b, "image");

			if (strcmp(x ? x : "", y ? y : ""))
				return true;
		}
	}
	return false;
}

/* meta and spec of a pod, or of the pods that obj makes. */
static enum step check(struct call *c, const struct policies *p, yyjson_mut_val *meta, yyjson_mut_val *spec, bool enforce)
{
	yyjson_val *m = meta ? doc_freeze(c->arena, meta) : NULL, *s = doc_freeze(c->arena, spec);
	BUF_AUTO struct buf b = { 0 };
	const char *text;

	if (!s || (meta && !m))
		return fail_err(c, -ERR_SIZE, NULL);
	if (enforce && !pod_security_check(c->arena, &p->enforce, m, s, true, &b))
		return b.failed ? fail_err(c, -ERR_NOMEM, NULL) : admit_refuse(c, "violates PodSecurity \"%s\": %s",
			policy_text(c, &p->enforce), b.p);
	buf_clear(&b);
	if (c->tries > 1 || pod_security_check(c->arena, &p->warn, m, s, true, &b) || b.failed)
		return STEP_NEXT;
	text = arena_printf(c->arena, "would violate PodSecurity \"%s\": %s", policy_text(c, &p->warn), b.p);
	if (text)
		call_warn(c, text);
	return STEP_NEXT;
}

/* ---- namespaces ---- */

struct fault { const char *what, *pod; unsigned pods; };
struct survey {
	struct call *c;
	const struct security_policy *policy;
	unsigned checked;
	struct fault v[KINDS_OF_FAULT_MAX];
	size_t n;
};

static bool look_at(void *arg, struct cache_obj *o)
{
	struct survey *s = arg;
	yyjson_val *tree = cache_tree(o);
	/* The details of a pod are not told: a thousand of them are not kept for the request. */
	ARENA_AUTO struct arena *a = arena_open(1u << 20);
	BUF_AUTO struct buf b = { 0 };

	if (!a)
		return false;
	if (pod_security_check(a, s->policy, doc_get(tree, "metadata"), doc_get(tree, "spec"), false, &b) || b.failed)
		return ++s->checked < PODS_CHECKED_MAX;
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].what, b.p)) {
			s->v[i].pods++;
			return ++s->checked < PODS_CHECKED_MAX;
		}
	if (s->n < KINDS_OF_FAULT_MAX)
		s->v[s->n++] = (struct fault){ arena_strdup(s->c->arena, b.p), o->name, 1 };
	return ++s->checked < PODS_CHECKED_MAX && s->v[s->n - 1].what;
}

static int fault_order(const void *a, const void *b)
{
	return strcmp(((const struct fault *)a)->pod, ((const struct fault *)b)->pod);
}

static void warn(struct call *c, const char *text)
{
	if (text)
		call_warn(c, text);
}

/* The pods that are there already stay; who changes the label hears of them. */
static void survey(struct call *c, const struct security_policy *policy)
{
	struct survey s = { .c = c, .policy = policy };
	const char *store = c->api->k.pod->store;
	size_t all = cache_count(c->api->cache, store, c->name);

	cache_each(c->api->cache, store, c->name, NULL, NULL, look_at, &s);
	if (s.checked < all)
		warn(c, arena_printf(c->arena, "new PodSecurity enforce level only checked against the first %u of %zu existing pods",
			s.checked, all));
	if (s.n)
		warn(c, arena_printf(c->arena, "existing pods in namespace \"%s\" violate the new PodSecurity enforce level \"%s\"",
			c->name, policy_text(c, policy)));
	qsort(s.v, s.n, sizeof(*s.v), fault_order);
	for (size_t i = 0; i < s.n; i++) {
		const struct fault *f = &s.v[i];

		if (f->pods == 1)
			warn(c, arena_printf(c->arena, "%s: %s", f->pod, f->what));
		else
			warn(c, arena_printf(c->arena, "%s (and %u other pod%s): %s", f->pod, f->pods - 1, f->pods == 2 ? "" : "s",
				f->what));
	}
}

static int labels_of(struct call *c, yyjson_mut_val *obj, struct labels *ret)
{
	yyjson_mut_val *m = doc_mget(obj, "metadata.labels");
	yyjson_val *v = m ? doc_freeze(c->arena, m) : NULL;

	return m && !v ? -ERR_SIZE : labels_from(c->arena, v, ret);
}

static enum step check_namespace(struct call *c)
{
	struct field_error *errors = NULL, *old_errors = NULL;
	struct policies now, was;
	struct labels labels, old_labels;

	if (labels_of(c, c->obj, &labels) || labels_of(c, c->old, &old_labels))
		return fail_err(c, -ERR_SIZE, NULL);
	read_labels(c, &labels, &now, &errors);
	read_labels(c, &old_labels, &was, &old_errors);
	if (errors && !(old_errors && !strcmp(errors->field, old_errors->field) && !strcmp(errors->detail, old_errors->detail)))
		return fail_invalid(c, "Namespace", "", c->name, errors);
	if (admit_op(c) == ADMIT_UPDATE && c->tries <= 1 && now.enforce.level != SECURITY_PRIVILEGED &&
	    (now.enforce.level > was.enforce.level || now.enforce.minor != was.enforce.minor))
		survey(c, &now.enforce);
	return STEP_NEXT;
}

enum step security_validate(struct call *c)
{
	bool pod = c->kind == c->api->k.pod && (!*c->sub || !strcmp(c->sub, "ephemeralcontainers") || !strcmp(c->sub, "resize"));
	const char *path = pod ? NULL : template_of(c);
	yyjson_mut_val *template = path ? doc_mget(c->obj, path) : NULL;
	struct cache_obj *ns;
	struct policies p;

	if (admit_is(c, c->api->k.ns))
		return check_namespace(c);
	if (!pod && !template)
		return STEP_NEXT;
	ns = cache_get(c->api->cache, c->api->k.ns->store, "", c->ns);
	if (!ns)
		return fail_not_found(c, "namespaces", "", c->ns);
	read_labels(c, &ns->labels, &p, NULL);
	if ((!pod || p.enforce.level == SECURITY_PRIVILEGED) && p.warn.level == SECURITY_PRIVILEGED)
		return STEP_NEXT;
	if (pod && admit_op(c) == ADMIT_UPDATE && !significant(c))
		return STEP_NEXT;
	if (pod)
		return check(c, &p, doc_mget(c->obj, "metadata"), doc_mget(c->obj, "spec"), true);
	return check(c, &p, doc_mget(template, "metadata"), doc_mget(template, "spec"), false);
}
