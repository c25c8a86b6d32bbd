/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults that are computed from other members. Each is named in
 * data/defaults.tsv, runs on the object the walk is at, and leaves alone what
 * somebody set.
 * Source: kubernetes pkg/apis/<group>/v1/defaults.go and conversion.go.
 */
#include <ctype.h>
#include <string.h>

#include "doc/doc.h"
#include "doc/quantity.h"
#include "kinds/default_table.h"
#include "kinds/normal.h"

void default_put(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *obj,
	const char *name, yyjson_mut_val *v)
{
	if (!normal_put(r->d, t, obj, name, v))
		r->full = true;
}

void default_set(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *obj,
	const char *path, yyjson_mut_val *v)
{
	if (!v || !normal_set(r->d, t, obj, path, v))
		r->full = true;
}

static yyjson_mut_val *copy(struct default_run *r, yyjson_mut_val *v)
{
	yyjson_mut_val *c = yyjson_mut_val_mut_copy(r->d, v);

	if (!c)
		r->full = true;
	return c;
}

const struct kinds_type *default_type_at(const struct kinds_type *t, const char *path)
{
	for (size_t len; t && *path; path += len + (path[len] == '.')) {
		len = strcspn(path, ".");
		const struct kinds_field *f = normal_field(t, path, len);
		t = f ? f->type : NULL;
	}
	return t;
}

/* Keys of from that to lacks. */
void default_fill_map(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *obj,
	const char *name, yyjson_mut_val *from)
{
	INDEX_AUTO struct index to = index_map(yyjson_mut_obj_get(obj, name));
	yyjson_mut_obj_iter it;
	yyjson_mut_val *key;

	/* Mostly nothing is missing. */
	yyjson_mut_obj_iter_init(from, &it);
	while ((key = yyjson_mut_obj_iter_next(&it)))
		if (!index_get(&to, yyjson_mut_get_str(key)))
			break;
	if (key && !normal_merge(r->d, t, obj, name, from, false))
		r->full = true;
}

/* podIP is the first of podIPs, podCIDR of podCIDRs; whoever sets only the one means both. */
void default_follow_first(struct default_run *r, const struct kinds_type *t, yyjson_mut_val *v, const char *one,
	const char *list, const char *key)
{
	const char *s = doc_mstr(v, one), *first;
	yyjson_mut_val *m = yyjson_mut_arr_get_first(yyjson_mut_obj_get(v, list));

	first = key ? doc_mstr(m, key) : yyjson_mut_get_str(m);
	if (s && *s && (!first || strcmp(first, s))) {
		yyjson_mut_val *fresh = yyjson_mut_arr(r->d), *item = fresh && key ? yyjson_mut_arr_add_obj(r->d, fresh) : NULL;
		bool ok = key ? item && yyjson_mut_obj_add_strcpy(r->d, item, key, s) :
			fresh && yyjson_mut_arr_add_strcpy(r->d, fresh, s);
		if (ok)
			default_put(r, t, v, list, fresh);
		else
			r->full = true;
	} else if ((!s || !*s) && first && *first) {
		default_put(r, t, v, one, yyjson_mut_strcpy(r->d, first));
	}
}

/* Amounts finer than 1/1000 round up. Only those print with n, u or a negative exponent. */
DEFAULT_CALL(resource_list)
{
	yyjson_mut_obj_iter it;
	yyjson_mut_val *key;

	yyjson_mut_obj_iter_init(v, &it);
	while ((key = yyjson_mut_obj_iter_next(&it))) {
		yyjson_mut_val *m = yyjson_mut_obj_iter_get_val(key);
		size_t len = yyjson_mut_get_len(m);
		const char *s = yyjson_mut_get_str(m);
		if (!s || !len || (s[len - 1] != 'n' && s[len - 1] != 'u' && !strstr(s, "e-")))
			continue;
		struct quantity q;
		char text[QUANTITY_MAX];
		if (quantity_parse(s, len, &q))
			continue;
		quantity_ceil_milli(&q);
		quantity_print(text, &q);
		yyjson_mut_val *n = yyjson_mut_strcpy(r->d, text);
		if (!n) {
			r->full = true;
			return;
		}
		yyjson_mut_set_strn(m, yyjson_mut_get_str(n), yyjson_mut_get_len(n));
	}
}

DEFAULT_CALL(replication_controller)
{
	yyjson_mut_val *labels = doc_mget(v, "spec.template.metadata.labels");

	if (!yyjson_mut_obj_size(labels))
		return;
	if (!doc_mlen(v, "spec.selector"))
		default_set(r, t, v, "spec.selector", copy(r, labels));
	if (!doc_mlen(v, "metadata.labels"))
		default_set(r, t, v, "metadata.labels", copy(r, labels));
}

DEFAULT_CALL(service)
{
	yyjson_mut_val *spec = doc_mget(v, "spec"), *ports = doc_mget(spec, "ports"), *port;
	const struct kinds_type *port_type = default_type_at(t, "spec.ports");
	const char *affinity = doc_mstr(spec, "sessionAffinity");
	yyjson_mut_arr_iter it;

	if (affinity && !strcmp(affinity, "None"))
		doc_mdel(spec, "sessionAffinityConfig");
	yyjson_mut_arr_iter_init(ports, &it);
	while ((port = yyjson_mut_arr_iter_next(&it))) {
		yyjson_mut_val *target = yyjson_mut_obj_get(port, "targetPort");
		yyjson_mut_val *number = yyjson_mut_obj_get(port, "port");
		bool unset = !target || (yyjson_mut_is_int(target) && !yyjson_mut_get_sint(target)) ||
			(yyjson_mut_is_str(target) && !yyjson_mut_get_len(target));
		if (unset && yyjson_mut_is_int(number))
			default_put(r, port_type, port, "targetPort",
				yyjson_mut_int(r->d, yyjson_mut_get_sint(number)));
	}
	const char *type = doc_mstr(spec, "type");
	if (!type || strcmp(type, "LoadBalancer"))
		return;
	yyjson_mut_val *ingress = doc_mget(v, "status.loadBalancer.ingress"), *point;
	yyjson_mut_arr_iter_init(ingress, &it);
	while ((point = yyjson_mut_arr_iter_next(&it)))
		if (doc_mstr(point, "ip") && !doc_mstr(point, "ipMode"))
			default_put(r, default_type_at(t, "status.loadBalancer.ingress"), point, "ipMode",
				yyjson_mut_str(r->d, "VIP"));
}

DEFAULT_CALL(node_spec)
{
	default_follow_first(r, t, v, "podCIDR", "podCIDRs", NULL);
}

DEFAULT_CALL(namespace)
{
	const char *name = doc_mstr(v, "metadata.name");

	if (!name || !*name)
		return;
	yyjson_mut_val *meta = yyjson_mut_obj_get(v, "metadata");
	if (!yyjson_mut_is_obj(yyjson_mut_obj_get(meta, "labels")))
		default_put(r, default_type_at(t, "metadata"), meta, "labels", yyjson_mut_obj(r->d));
	default_put(r, NULL, yyjson_mut_obj_get(meta, "labels"), "kubernetes.io/metadata.name",
		yyjson_mut_strcpy(r->d, name));
}

DEFAULT_CALL(node_status)
{
	yyjson_mut_val *capacity = yyjson_mut_obj_get(v, "capacity");

	if (capacity && !yyjson_mut_obj_get(v, "allocatable"))
		default_put(r, t, v, "allocatable", copy(r, capacity));
}

DEFAULT_CALL(limit_range_item)
{
	const char *type = doc_mstr(v, "type");

	if (!type || strcmp(type, "Container"))
		return;
	default_fill_map(r, t, v, "default", yyjson_mut_obj_get(v, "max"));
	default_fill_map(r, t, v, "defaultRequest", yyjson_mut_obj_get(v, "default"));
	default_fill_map(r, t, v, "defaultRequest", yyjson_mut_obj_get(v, "min"));
}

DEFAULT_CALL(job)
{
	yyjson_mut_val *labels = doc_mget(v, "spec.template.metadata.labels");

	if (yyjson_mut_obj_size(labels) && !doc_mlen(v, "metadata.labels"))
		default_set(r, t, v, "metadata.labels", copy(r, labels));
}

/* What version 1 cannot say is kept in an annotation; then there is a metric already. */
DEFAULT_CALL(hpa_v1)
{
	if (!doc_mget(v, "spec.targetCPUUtilizationPercentage") &&
	    !yyjson_mut_obj_get(doc_mget(v, "metadata.annotations"), "autoscaling.alpha.kubernetes.io/metrics"))
		default_set(r, t, v, "spec.targetCPUUtilizationPercentage", yyjson_mut_int(r->d, 80));
}

DEFAULT_CALL(network_policy)
{
	if (doc_mlen(v, "spec.policyTypes"))
		return;
	yyjson_mut_val *types = yyjson_mut_arr(r->d);
	bool ok = types && yyjson_mut_arr_add_str(r->d, types, "Ingress");
	if (ok && doc_mlen(v, "spec.egress"))
		ok = yyjson_mut_arr_add_str(r->d, types, "Egress");
	default_set(r, t, v, "spec.policyTypes", ok ? types : NULL);
}

DEFAULT_CALL(custom_resource_definition)
{
	const char *kind = doc_mstr(v, "spec.names.kind"), *s;

	if (kind && *kind) {
		if (!(s = doc_mstr(v, "spec.names.singular")) || !*s) {
			char *lower = arena_strdup(r->a, kind);
			for (char *p = lower; p && *p; p++)
				*p = tolower((unsigned char)*p);
			default_set(r, t, v, "spec.names.singular", lower ? yyjson_mut_str(r->d, lower) : NULL);
		}
		if (!(s = doc_mstr(v, "spec.names.listKind")) || !*s) {
			const char *list = arena_printf(r->a, "%sList", kind);
			default_set(r, t, v, "spec.names.listKind", list ? yyjson_mut_str(r->d, list) : NULL);
		}
	}
	if (doc_mlen(v, "status.storedVersions"))
		return;
	yyjson_mut_val *stored = yyjson_mut_arr(r->d), *version;
	yyjson_mut_arr_iter it;
	yyjson_mut_arr_iter_init(doc_mget(v, "spec.versions"), &it);
	while (stored && (version = yyjson_mut_arr_iter_next(&it)))
		if (doc_mbool(version, "storage", false) && doc_mstr(version, "name"))
			yyjson_mut_arr_add_strcpy(r->d, stored, doc_mstr(version, "name"));
	default_set(r, t, v, "status.storedVersions", stored);
}
