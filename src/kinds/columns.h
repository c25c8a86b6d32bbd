/* SPDX-License-Identifier: Apache-2.0 */
/*
 * columns - writing the cells of one table row. For siblings only.
 *
 * A kind's function writes as many cells as data/columns.tsv has columns of it,
 * in that order; test_columns.c counts them.
 */
#ifndef KINDS_COLUMNS_H
#define KINDS_COLUMNS_H

#include "kinds/kinds.h"

struct cells {
	struct buf *out;
	yyjson_val *v;         /* the object */
	int64_t now_us;
	int count;
};

void cell_text(struct cells *c, const char *s);             /* NULL: "" */
void cell_or(struct cells *c, const char *s, const char *otherwise);   /* NULL or "": otherwise */
void cell_format(struct cells *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cell_int(struct cells *c, int64_t n);
void cell_bool(struct cells *c, bool b);
void cell_value(struct cells *c, yyjson_val *v);            /* as it is; absent: null */
void cell_buf(struct cells *c, struct buf *b);              /* b's text, "" when empty */
/* By path of the object. */
void cell_name(struct cells *c);
void cell_path(struct cells *c, const char *path);          /* string */
void cell_path_or(struct cells *c, const char *path, const char *otherwise);
void cell_path_int(struct cells *c, const char *path);
void cell_age(struct cells *c);                             /* since metadata.creationTimestamp */
void cell_since(struct cells *c, const char *time, const char *otherwise);
void cell_labels(struct cells *c, yyjson_val *map);         /* "a=b,c=d" or "<none>" */
void cell_selector(struct cells *c, yyjson_val *selector);  /* a LabelSelector, or "<none>" */
void cell_containers(struct cells *c, yyjson_val *pod_spec);/* two cells: names, images */
void cell_strings(struct cells *c, yyjson_val *list, const char *comma, const char *otherwise);

/* s appended to b, after comma when b is not empty. */
void cells_join(struct buf *b, const char *s, const char *comma);
/* Texts collected to be written sorted, each once. */
struct cells_set { const char **v; size_t n, cap; };
void cells_set_add(struct cells_set *s, const char *text);
void cells_set_write(struct cells_set *s, struct buf *b, const char *comma);   /* and frees */
/* Status of the condition of that type, NULL: none. */
const char *cells_condition(yyjson_val *conditions, const char *type);
/* now - time as an age, "<unknown>" when there is no time. */
void cells_age_text(char out[], const struct cells *c, const char *time);

/* Text at path, "" when there is none. */
static inline const char *cells_str(yyjson_val *v, const char *path)
{
	const char *s = doc_str(v, path);
	return s ? s : "";
}

typedef void cells_fn(struct cells *c);
cells_fn cells_pod, cells_pod_template, cells_deployment, cells_replica_set,
	cells_replication_controller, cells_daemon_set, cells_stateful_set, cells_job, cells_cron_job,
	cells_pdb, cells_hpa, cells_hpa_v1, cells_controller_revision, cells_scale,
	cells_service, cells_ingress, cells_ingress_class, cells_endpoints, cells_endpoint_slice,
	cells_network_policy, cells_service_cidr, cells_ip_address,
	cells_node, cells_event, cells_event_core, cells_namespace, cells_secret, cells_config_map,
	cells_service_account, cells_resource_quota, cells_component_status,
	cells_pv, cells_pvc, cells_storage_class, cells_volume_attributes_class,
	cells_volume_attachment, cells_csi_node, cells_csi_driver, cells_csi_capacity,
	cells_binding, cells_csr, cells_lease, cells_priority_class, cells_runtime_class,
	cells_webhooks, cells_policy, cells_policy_mutating, cells_policy_binding, cells_flow_schema,
	cells_priority_level, cells_device_class, cells_resource_claim, cells_resource_slice,
	cells_api_service;

/* columns_custom.c: the cells of a custom kind, by its columns' paths. */
void cells_custom(struct cells *c, const struct kinds_kind *k);

#endif
