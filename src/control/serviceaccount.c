/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serviceaccount - in each namespace that lives, the ServiceAccount "default" and the
 * ConfigMap "kube-root-ca.crt"; put back when removed or changed.
 */
#include <stdlib.h>
#include <string.h>

#include "control/controllers.h"
#include "control/reconcile.h"

#define ROOT_CA "kube-root-ca.crt"

static const char *root_ca_pem;    /* process-long, set before the controller opens */

void ctl_root_ca_set(const char *pem)
{
	root_ca_pem = pem;
}

const char *ctl_root_ca_pem(void)
{
	return root_ca_pem;
}

/* The namespace of what changed, unless it goes. */
static void in_namespace(struct ctl *c, const struct cache_event *ev, const char *name)
{
	if (!strcmp(ev->obj->name, name))
		ctl_enqueue(c, "", ev->obj->ns);
}

static struct cache_obj *living(struct ctl *c, const char *name)
{
	struct cache_obj *ns = cache_get(ctl_cache(c), "core/namespaces", "", name);

	return ns && !ns->deleting ? ns : NULL;
}

/* ---- ServiceAccount default ---- */
static void account_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type == CACHE_DELETED)
		in_namespace(c, ev, "default");
}

static int reconcile_account(struct ctl *c, const char *ns, const char *name)
{
	yyjson_mut_doc *d = ctl_doc(c);

	(void)ns;
	if (!living(c, name) || cache_get(ctl_cache(c), "core/serviceaccounts", name, "default"))
		return 0;
	yyjson_mut_val *o = yyjson_mut_obj(d);
	doc_mset_str(d, o, "kind", "ServiceAccount");
	doc_mset_str(d, o, "apiVersion", "v1");
	doc_mset_str(d, o, "metadata.name", "default");
	doc_mset_str(d, o, "metadata.namespace", name);
	ctl_create(c, ctl_kind("", "serviceaccounts"), name, o, true);
	return 0;
}

static const struct ctl_watch account_watches[] = {
	{ "core/namespaces", ctl_map_self },
	{ "core/serviceaccounts", account_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_serviceaccount = { .name = "service-account-controller", .watches = account_watches,
	.reconcile = reconcile_account };

/* ---- ConfigMap kube-root-ca.crt ---- */
static void root_ca_changed(struct ctl *c, const struct cache_event *ev)
{
	in_namespace(c, ev, ROOT_CA);
}

static int reconcile_root_ca(struct ctl *c, const char *ns, const char *name)
{
	yyjson_mut_doc *d = ctl_doc(c);
	struct cache_obj *have = cache_get(ctl_cache(c), "core/configmaps", name, ROOT_CA);
	yyjson_val *data = have ? doc_get(cache_tree(have), "data") : NULL;

	(void)ns;
	if (!living(c, name))
		return 0;
	const char *pem = yyjson_get_str(yyjson_obj_get(data, "ca.crt"));
	if (pem && !strcmp(pem, root_ca_pem) && yyjson_obj_size(data) == 1)
		return 0;
	yyjson_mut_val *o = have ? yyjson_val_mut_copy(d, cache_tree(have)) : yyjson_mut_obj(d);
	doc_mset_str(d, o, "kind", "ConfigMap");
	doc_mset_str(d, o, "apiVersion", "v1");
	doc_mset_str(d, o, "metadata.name", ROOT_CA);
	doc_mset_str(d, o, "metadata.namespace", name);
	doc_mset_key(d, o, "metadata.annotations", "kubernetes.io/description",
		"The certificate authority of this cloud's API; a copy in every namespace, kept up to date.");
	doc_mdel(o, "data");
	doc_mset_key(d, o, "data", "ca.crt", root_ca_pem);
	if (have)
		ctl_update(c, ctl_kind("", "configmaps"), name, ROOT_CA, NULL, o);
	else
		ctl_create(c, ctl_kind("", "configmaps"), name, o, true);
	return 0;
}

static const struct ctl_watch root_ca_watches[] = {
	{ "core/namespaces", ctl_map_self },
	{ "core/configmaps", root_ca_changed },
	{ NULL, NULL },
};
const struct ctl_def ctl_root_ca = { .name = "root-ca-cert-publisher", .watches = root_ca_watches,
	.reconcile = reconcile_root_ca };
