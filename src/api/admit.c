/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit - the list of plug-ins, and how a write goes through it.
 * Source: kubernetes pkg/kubeapiserver/options/plugins.go (order, and which are on).
 */
#include "api/admit.h"

#include <stdarg.h>
#include <string.h>

typedef enum step plugin_fn(struct call *c);

static const struct plugin {
	const char *name;
	uint8_t ops;
	bool off;                      /* until it is asked for, as upstream */
	plugin_fn *mutate, *validate;
} plugins[] = {
	{ "NamespaceLifecycle", ADMIT_CREATE | ADMIT_UPDATE | ADMIT_DELETE, false, namespace_mutate, NULL },
	{ "LimitRanger", ADMIT_CREATE | ADMIT_UPDATE, false, limits_mutate, limits_validate },
	{ "ServiceAccount", ADMIT_CREATE | ADMIT_UPDATE, false, account_mutate, account_validate },
	{ "NodeRestriction", ADMIT_CREATE | ADMIT_UPDATE | ADMIT_DELETE, false, node_mutate, NULL },
	{ "TaintNodesByCondition", ADMIT_CREATE, false, taint_mutate, NULL },
	{ "PodSecurity", ADMIT_CREATE | ADMIT_UPDATE, false, NULL, security_validate },
	{ "Priority", ADMIT_CREATE | ADMIT_UPDATE, false, priority_mutate, priority_validate },
	{ "DefaultTolerationSeconds", ADMIT_CREATE | ADMIT_UPDATE, false, tolerations_mutate, NULL },
	{ "DefaultStorageClass", ADMIT_CREATE, false, storage_class_mutate, NULL },
	{ "StorageObjectInUseProtection", ADMIT_CREATE, false, in_use_mutate, NULL },
	{ "OwnerReferencesPermissionEnforcement", ADMIT_CREATE | ADMIT_UPDATE, true, NULL, owners_validate },
	{ "PersistentVolumeClaimResize", ADMIT_UPDATE, false, NULL, resize_validate },
	{ "RuntimeClass", ADMIT_CREATE, false, runtime_mutate, runtime_validate },
	{ "CertificateApproval", ADMIT_UPDATE, false, NULL, approval_validate },
	{ "CertificateSigning", ADMIT_UPDATE, false, NULL, signing_validate },
	{ "CertificateSubjectRestriction", ADMIT_CREATE, false, NULL, subject_validate },
	{ "DefaultIngressClass", ADMIT_CREATE, false, ingress_class_mutate, NULL },
	{ "PodTopologyLabels", ADMIT_CREATE, false, topology_mutate, NULL },
	/* The last one: it may wait, and then the next stage is what follows. */
	{ "ResourceQuota", ADMIT_CREATE | ADMIT_UPDATE, false, NULL, quota_validate },
};
#define PLUGINS (sizeof(plugins) / sizeof(*plugins))
_Static_assert(PLUGINS <= 32, "api.plugins has a bit for each");

enum admit_op admit_op(const struct call *c)
{
	/* An Eviction is made, whatever it does to the pod. */
	if (!strcmp(c->sub, "eviction"))
		return ADMIT_CREATE;
	if (c->verb == VERB_DELETE)
		return ADMIT_DELETE;
	return c->verb == VERB_CREATE || c->creating ? ADMIT_CREATE : ADMIT_UPDATE;
}

bool admit_is(const struct call *c, const struct kinds_kind *k)
{
	return c->kind == k && !*c->sub;
}

bool admit_mirror_pod(const struct call *c)
{
	return yyjson_mut_obj_get(doc_mget(c->obj, "metadata.annotations"), "kubernetes.io/config.mirror") != NULL;
}

enum step admit_refuse_for(struct call *c, const struct cause *cause, const char *fmt, ...)
{
	const char *name = c->name, *text;
	va_list ap;

	if (c->stage == STAGE_MUTATE && c->generated)
		name = doc_mstr(c->obj, "metadata.generateName");
	va_start(ap, fmt);
	text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	return fail_forbidden(c, name && *name ? name : "Unknown", cause, "%s", text ? text : "");
}

/* ---- which run ---- */

static int set_named(uint32_t *set, const char *names, bool on, struct err *reterr)
{
	for (const char *p = names; p && *p;) {
		size_t n = strcspn(p, ","), i = 0;

		while (i < PLUGINS && (strlen(plugins[i].name) != n || memcmp(plugins[i].name, p, n)))
			i++;
		if (i == PLUGINS)
			return err_set(reterr, ERR_BAD_REQUEST, "\"%.*s\" is no admission plug-in of this server; "
				"the names are upstream's, like OwnerReferencesPermissionEnforcement", (int)n, p);
		*set = on ? *set | 1u << i : *set & ~(1u << i);
		p += n + (p[n] == ',');
	}
	return 0;
}

int admit_configure(struct api *a, const char *on, const char *off, struct err *reterr)
{
	int rc;

	a->plugins = 0;
	for (size_t i = 0; i < PLUGINS; i++)
		if (!plugins[i].off)
			a->plugins |= 1u << i;
	rc = set_named(&a->plugins, on, true, reterr);
	return rc ? rc : set_named(&a->plugins, off, false, reterr);
}

/* ---- a write on its way ---- */

enum step admit_mutate(struct call *c)
{
	enum admit_op op = admit_op(c);
	enum step step = STEP_NEXT;

	for (size_t i = 0; i < PLUGINS && step == STEP_NEXT; i++)
		if (plugins[i].mutate && (plugins[i].ops & op) && (c->api->plugins & 1u << i))
			step = plugins[i].mutate(c);
	return step;
}

enum step admit_validate(struct call *c)
{
	enum admit_op op = admit_op(c);
	enum step step = STEP_NEXT;

	for (size_t i = 0; i < PLUGINS && step == STEP_NEXT; i++)
		if (plugins[i].validate && (plugins[i].ops & op) && (c->api->plugins & 1u << i))
			step = plugins[i].validate(c);
	return step;
}
