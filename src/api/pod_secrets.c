/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pod_secrets - every Secret and ConfigMap that a pod names, wherever it may.
 * Source: kubernetes pkg/api/pod/util.go (VisitPodSecretNames, VisitPodConfigmapNames).
 */
#include "api/admit.h"

struct place { const char *list, *inner, *name; enum pod_ref what; };

/* A list of the pod's spec, in each item a list of its own (or none), and there the name. */
static const struct place places[] = {
	{ "imagePullSecrets", NULL, "name", POD_SECRET },
	{ "containers", "env", "valueFrom.secretKeyRef.name", POD_SECRET },
	{ "containers", "envFrom", "secretRef.name", POD_SECRET },
	{ "containers", "env", "valueFrom.configMapKeyRef.name", POD_CONFIG_MAP },
	{ "containers", "envFrom", "configMapRef.name", POD_CONFIG_MAP },
	{ "initContainers", "env", "valueFrom.secretKeyRef.name", POD_SECRET },
	{ "initContainers", "envFrom", "secretRef.name", POD_SECRET },
	{ "initContainers", "env", "valueFrom.configMapKeyRef.name", POD_CONFIG_MAP },
	{ "initContainers", "envFrom", "configMapRef.name", POD_CONFIG_MAP },
	{ "ephemeralContainers", "env", "valueFrom.secretKeyRef.name", POD_SECRET },
	{ "ephemeralContainers", "envFrom", "secretRef.name", POD_SECRET },
	{ "ephemeralContainers", "env", "valueFrom.configMapKeyRef.name", POD_CONFIG_MAP },
	{ "ephemeralContainers", "envFrom", "configMapRef.name", POD_CONFIG_MAP },
	{ "volumes", NULL, "secret.secretName", POD_SECRET },
	{ "volumes", NULL, "azureFile.secretName", POD_SECRET },
	{ "volumes", NULL, "cephfs.secretRef.name", POD_SECRET },
	{ "volumes", NULL, "cinder.secretRef.name", POD_SECRET },
	{ "volumes", NULL, "csi.nodePublishSecretRef.name", POD_SECRET },
	{ "volumes", NULL, "flexVolume.secretRef.name", POD_SECRET },
	{ "volumes", NULL, "iscsi.secretRef.name", POD_SECRET },
	{ "volumes", NULL, "rbd.secretRef.name", POD_SECRET },
	{ "volumes", NULL, "scaleIO.secretRef.name", POD_SECRET },
	{ "volumes", NULL, "storageos.secretRef.name", POD_SECRET },
	{ "volumes", NULL, "configMap.name", POD_CONFIG_MAP },
	{ "volumes", "projected.sources", "secret.name", POD_SECRET },
	{ "volumes", "projected.sources", "configMap.name", POD_CONFIG_MAP },
};

static bool visit(yyjson_mut_val *item, const struct place *p, pod_ref_fn *fn, void *arg)
{
	const char *name = doc_mstr(item, p->name);

	return !name || !*name || fn(arg, p->what, name);
}

bool pod_refs(yyjson_mut_val *spec, pod_ref_fn *fn, void *arg)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const struct place *p = &places[i];
		yyjson_mut_arr_iter it, jt;
		yyjson_mut_val *v, *inner;

		yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, p->list), &it);
		while ((v = yyjson_mut_arr_iter_next(&it))) {
			if (!p->inner && !visit(v, p, fn, arg))
				return false;
			yyjson_mut_arr_iter_init(p->inner ? doc_mget(v, p->inner) : NULL, &jt);
			while ((inner = yyjson_mut_arr_iter_next(&jt)))
				if (!visit(inner, p, fn, arg))
					return false;
		}
	}
	return true;
}
