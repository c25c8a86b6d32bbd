/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults of pods that are computed from other members.
 * Source: kubernetes pkg/apis/core/v1/defaults.go and conversion.go; KEP-2837.
 */
#include <string.h>

#include "doc/doc.h"
#include "doc/quantity.h"
#include "kinds/default_table.h"
#include "kinds/normal.h"
#include "kinds/pod_sum.h"

#define HUGE_PAGES_MAX 16       /* sizes that are summed up; machines have three or four */

/* The tag of an image reference, "" when there is none; *ret_digest: named by digest. */
static size_t image_tag(const char *image, const char **ret_tag, bool *ret_digest)
{
	const char *at = strchr(image, '@');
	size_t len = at ? (size_t)(at - image) : strlen(image);
	size_t start = len;

	*ret_digest = at != NULL;
	*ret_tag = "";
	while (start && image[start - 1] != '/' && image[start - 1] != ':')
		start--;
	if (!start || image[start - 1] != ':')
		return 0;
	*ret_tag = image + start;
	return len - start;
}

static const char *pull_policy(const char *image)
{
	const char *tag;
	bool digest;

	if (!image || !*image)
		return "IfNotPresent";
	size_t len = image_tag(image, &tag, &digest);
	bool latest = len == 6 && !memcmp(tag, "latest", 6);
	return latest || (!len && !digest) ? "Always" : "IfNotPresent";
}

DEFAULT_CALL(container)
{
	if (!doc_mstr(v, "imagePullPolicy") || !*doc_mstr(v, "imagePullPolicy"))
		default_put(r, t, v, "imagePullPolicy",
			yyjson_mut_str(r->d, pull_policy(doc_mstr(v, "image"))));
}

DEFAULT_CALL(volume)
{
	yyjson_mut_obj_iter it;
	yyjson_mut_val *key, *image = yyjson_mut_obj_get(v, "image");
	bool source = false;

	yyjson_mut_obj_iter_init(v, &it);
	while ((key = yyjson_mut_obj_iter_next(&it)))
		source |= !yyjson_mut_equals_str(key, "name");
	if (!source)
		default_put(r, t, v, "emptyDir", yyjson_mut_obj(r->d));
	if (image && !doc_mstr(image, "pullPolicy"))
		default_put(r, default_type_at(t, "image"), image, "pullPolicy",
			yyjson_mut_str(r->d, pull_policy(doc_mstr(image, "reference"))));
}

static void container_resources(struct default_run *r, const struct kinds_type *spec_type,
	yyjson_mut_val *spec, const char *list, bool host_network)
{
	const struct kinds_type *ct = default_type_at(spec_type, list);
	yyjson_mut_val *c, *p;
	yyjson_mut_arr_iter it, pit;

	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, list), &it);
	while ((c = yyjson_mut_arr_iter_next(&it)) && !r->full) {
		yyjson_mut_val *resources = yyjson_mut_obj_get(c, "resources");
		default_fill_map(r, default_type_at(ct, "resources"), resources, "requests",
			yyjson_mut_obj_get(resources, "limits"));
		if (!host_network)
			continue;
		yyjson_mut_arr_iter_init(yyjson_mut_obj_get(c, "ports"), &pit);
		while ((p = yyjson_mut_arr_iter_next(&pit))) {
			int64_t port = doc_mint(p, "containerPort", 0);
			if (port && !doc_mint(p, "hostPort", 0))
				default_put(r, default_type_at(ct, "ports"), p, "hostPort",
					yyjson_mut_int(r->d, port));
		}
	}
}

/* The amount that the containers have together. */
static void put_sum(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *resources,
	const char *side, const char *name, const struct quantity *sum)
{
	char text[QUANTITY_MAX];

	if (!yyjson_mut_is_obj(yyjson_mut_obj_get(resources, side)))
		default_put(r, t, resources, side, yyjson_mut_obj(r->d));
	quantity_print(text, sum);
	default_put(r, NULL, yyjson_mut_obj_get(resources, side), name, yyjson_mut_strcpy(r->d, text));
}

/* Huge pages are the sum of the containers' limits where the pod does not say. */
static void pod_huge_pages(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *spec)
{
	yyjson_mut_val *resources = yyjson_mut_obj_get(spec, "resources"), *c, *key;
	yyjson_mut_arr_iter it;
	yyjson_mut_obj_iter members;
	INDEX_AUTO struct index limits = index_map(yyjson_mut_obj_get(resources, "limits"));
	INDEX_AUTO struct index requests = index_map(yyjson_mut_obj_get(resources, "requests"));
	__attribute__((cleanup(map_finish))) struct map summed = { 0 };

	yyjson_mut_arr_iter_init(yyjson_mut_obj_get(spec, "containers"), &it);
	while ((c = yyjson_mut_arr_iter_next(&it)) && !r->full) {
		yyjson_mut_obj_iter_init(yyjson_mut_obj_get(yyjson_mut_obj_get(c, "resources"), "limits"), &members);
		while ((key = yyjson_mut_obj_iter_next(&members)) && !r->full) {
			const char *name = yyjson_mut_get_str(key);
			struct quantity sum;
			if (strncmp(name, "hugepages-", 10) || index_get(&limits, name) || index_get(&requests, name) ||
			    map_get(&summed, name) || summed.len >= HUGE_PAGES_MAX ||
			    map_put(&summed, name, resources, NULL) || !pod_sum(spec, "limits", name, &sum))
				continue;
			put_sum(r, t, resources, "limits", name, &sum);
		}
	}
}

/* Limits of a pod imply requests: what the containers ask for, else the limit. KEP-2837 */
static void pod_resources(struct default_run *r, const struct kinds_type *spec_type, yyjson_mut_val *spec)
{
	static const char *const shared[] = { "cpu", "memory" };
	yyjson_mut_val *resources = yyjson_mut_obj_get(spec, "resources");
	const struct kinds_type *t = default_type_at(spec_type, "resources");

	if (!doc_mlen(resources, "limits") && !doc_mlen(resources, "requests"))
		return;
	pod_huge_pages(r, t, spec);
	if (!doc_mlen(resources, "limits"))
		return;
	for (int i = 0; i < 2; i++) {
		struct quantity sum;
		if (!yyjson_mut_obj_get(yyjson_mut_obj_get(resources, "requests"), shared[i]) &&
		    pod_sum(spec, "requests", shared[i], &sum))
			put_sum(r, t, resources, "requests", shared[i], &sum);
	}
	default_fill_map(r, t, resources, "requests", yyjson_mut_obj_get(resources, "limits"));
}

DEFAULT_CALL(pod)
{
	yyjson_mut_val *spec = yyjson_mut_obj_get(v, "spec");
	const struct kinds_type *st = default_type_at(t, "spec");
	bool host_network = doc_mbool(spec, "hostNetwork", false);

	container_resources(r, st, spec, "containers", host_network);
	container_resources(r, st, spec, "initContainers", host_network);
	pod_resources(r, st, spec);
	if (doc_mint(spec, "terminationGracePeriodSeconds", 0) < 0)
		default_put(r, st, spec, "terminationGracePeriodSeconds", yyjson_mut_int(r->d, 1));
}

/* serviceAccount is the old name of serviceAccountName; both are always written. */
DEFAULT_CALL(pod_spec)
{
	const char *name = doc_mstr(v, "serviceAccountName");
	const char *old = doc_mstr(v, "serviceAccount");

	if (name && *name)
		default_put(r, t, v, "serviceAccount", yyjson_mut_strcpy(r->d, name));
	else if (old && *old)
		default_put(r, t, v, "serviceAccountName", yyjson_mut_strcpy(r->d, old));
}

DEFAULT_CALL(pod_status)
{
	default_follow_first(r, t, v, "podIP", "podIPs", "ip");
}
