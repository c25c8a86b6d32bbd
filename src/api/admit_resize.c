/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_resize - PersistentVolumeClaimResize: a claim grows only when it is bound and
 * its StorageClass allows it.
 * Source: kubernetes plugin/pkg/admission/storage/persistentvolume/resize.
 */
#include <string.h>

#include "api/admit.h"
#include "doc/quantity.h"

static const char *class_of(yyjson_mut_val *claim)
{
	yyjson_mut_val *note = yyjson_mut_obj_get(doc_mget(claim, "metadata.annotations"),
		"volume.beta.kubernetes.io/storage-class");
	const char *name = note ? yyjson_mut_get_str(note) : doc_mstr(claim, "spec.storageClassName");

	return name ? name : "";
}

static void size_of(yyjson_mut_val *claim, struct quantity *ret)
{
	const char *s = doc_mstr(claim, "spec.resources.requests.storage");

	if (!s || quantity_parse(s, strlen(s), ret))
		*ret = (struct quantity){ 0 };
}

enum step resize_validate(struct call *c)
{
	struct quantity now, was;
	struct cache_obj *class;
	const char *phase, *name;

	if (!admit_is(c, c->api->k.pvc))
		return STEP_NEXT;
	size_of(c->obj, &now);
	size_of(c->old, &was);
	if (quantity_cmp(&now, &was) <= 0)
		return STEP_NEXT;
	phase = doc_mstr(c->old, "status.phase");
	if (!phase || strcmp(phase, "Bound"))
		return admit_refuse(c, "Only bound persistent volume claims can be expanded");
	name = class_of(c->obj);
	class = *name && !strcmp(name, class_of(c->old))
		? cache_get(c->api->cache, c->api->k.storage_class->store, "", name) : NULL;
	if (!class || !doc_bool(cache_tree(class), "allowVolumeExpansion", false))
		return admit_refuse(c, "only dynamically provisioned pvc can be resized and the storageclass that provisions "
			"the pvc must support resize");
	return STEP_NEXT;
}
