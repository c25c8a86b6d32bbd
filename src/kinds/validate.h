/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate - how rules report: paths built on the stack while descending, and
 * only printed for an error; errors in upstream's words. For siblings only.
 *
 * A rule reads the object in normal form after defaulting. check->old is the
 * stored object on update, else NULL.
 * Source: apimachinery pkg/util/validation/field (errors.go, path.go).
 */
#ifndef KINDS_VALIDATE_H
#define KINDS_VALIDATE_H

#include <string.h>

#include "base/map.h"
#include "doc/doc.h"
#include "kinds/kinds.h"

#define VALIDATE_ERRORS_MAX 200    /* listed; more are not reported */
#define VALIDATE_DIFF_MAX 20       /* members of a diff */

struct vpath {
	const struct vpath *up;
	const char *name;       /* .name, or NULL */
	const char *key;        /* [key], or NULL */
	size_t index;           /* [index] when neither */
};
/* Paths live as long as the block they are written in. */
#define V_AT(up_, name_) (&(const struct vpath){ .up = (up_), .name = (name_) })
#define V_KEY(up_, key_) (&(const struct vpath){ .up = (up_), .key = (key_) })
#define V_ITEM(up_, i_) (&(const struct vpath){ .up = (up_), .index = (i_) })

struct vcheck {
	struct arena *a;
	const struct kinds_kind *k;
	const char *sub;
	yyjson_mut_val *v, *old;   /* as they are shown to rules (v_show) */
	char nul;                  /* what stands for U+0000 in them; 0: they have none */
	yyjson_mut_val *volumes;   /* that pods are given beyond their own, or NULL */
	struct field_error *first, **tail;
	int count;
	bool quiet;                /* errors are counted, nothing is printed of them */
};

/* V_EACH(i, m, list): each item m of the list, i its index.
 * V_MEMBERS(key, m, map): each member m of the map. break and continue work. */
#define V_EACH(i_, m_, list_) \
	for (size_t i_ = 0, one_##m_ = 1; one_##m_; one_##m_ = 0) \
	for (yyjson_mut_arr_iter it_##m_ = v_iter(list_); one_##m_; one_##m_ = 0) \
	for (yyjson_mut_val *m_; (m_ = yyjson_mut_arr_iter_next(&it_##m_)); i_++)
#define V_MEMBERS(key_, m_, map_) \
	for (const char *key_ = NULL, *one_##m_ = ""; one_##m_; one_##m_ = NULL) \
	for (yyjson_mut_obj_iter it_##m_ = v_obj_iter(map_); one_##m_; one_##m_ = NULL) \
	for (yyjson_mut_val *k_##m_, *m_; (k_##m_ = yyjson_mut_obj_iter_next(&it_##m_)) && \
		(m_ = yyjson_mut_obj_iter_get_val(k_##m_), key_ = yyjson_mut_get_str(k_##m_));)

static inline yyjson_mut_arr_iter v_iter(yyjson_mut_val *list)
{
	yyjson_mut_arr_iter it = { 0 };
	yyjson_mut_arr_iter_init(list, &it);
	return it;
}

static inline yyjson_mut_obj_iter v_obj_iter(yyjson_mut_val *map)
{
	yyjson_mut_obj_iter it = { 0 };
	yyjson_mut_obj_iter_init(map, &it);
	return it;
}

/* A direct member; null is absent. */
static inline yyjson_mut_val *v_get(yyjson_mut_val *obj, const char *name)
{
	yyjson_mut_val *m = yyjson_mut_obj_get(obj, name);
	return yyjson_mut_is_null(m) ? NULL : m;
}

/* A direct string member, "" when absent. */
static inline const char *v_str(yyjson_mut_val *obj, const char *name)
{
	const char *s = yyjson_mut_get_str(yyjson_mut_obj_get(obj, name));
	return s ? s : "";
}

static inline bool v_is(yyjson_mut_val *obj, const char *name, const char *value)
{
	return !strcmp(v_str(obj, name), value);
}

/* Equal, where absent equals empty and false. */
static inline bool v_same(yyjson_mut_val *a, yyjson_mut_val *b)
{
	yyjson_mut_val *x = a ? a : b;

	if (a && b)
		return doc_mequal(a, b);
	return !x || yyjson_mut_is_false(x) ||
		((yyjson_mut_is_ctn(x) || yyjson_mut_is_str(x)) && !yyjson_mut_get_len(x));
}

/* Both objects, and equal but for the member name. */
bool v_same_but(yyjson_mut_val *a, yyjson_mut_val *b, const char *name);

/* A set of names for finding repetitions in long lists: V_SET s = { 0 }; */
#define V_SET __attribute__((cleanup(map_finish))) struct map
/* Whether key is new to the set; it is added. */
static inline bool v_first(struct map *set, const char *key)
{
	return !map_get(set, key) && !map_put(set, key, set, NULL);
}

/* ---- U+0000, which would end a C string early (validate_shown.c) ---- */
/* Put in c->v and c->old what rules may read as C strings. False: over the cap. */
bool v_show(struct vcheck *c);
/* A text of them as it was sent, for what counts its bytes. */
yyjson_mut_val *v_sent(struct vcheck *c, yyjson_mut_val *v);
/* JSON of them as it was sent, for people. */
const char *v_sent_json(struct vcheck *c, const char *text);

/* ---- errors. detail "": none ---- */
void v_required(struct vcheck *c, const struct vpath *p, const char *detail);
void v_forbidden(struct vcheck *c, const struct vpath *p, const char *detail);
void v_invalid(struct vcheck *c, const struct vpath *p, const char *value, const char *detail);   /* quoted */
void v_invalid_int(struct vcheck *c, const struct vpath *p, int64_t value, const char *detail);
void v_invalid_value(struct vcheck *c, const struct vpath *p, yyjson_mut_val *value, const char *detail);   /* its JSON */
/* The same of a list or map, whose nothing is another one than a pointer's. */
void v_invalid_list(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, const char *detail);
void v_invalid_bare(struct vcheck *c, const struct vpath *p, const char *detail);   /* no value */
/* value is printed as it is */
void v_invalid_raw(struct vcheck *c, const struct vpath *p, const char *value, const char *detail);
void v_duplicate(struct vcheck *c, const struct vpath *p, const char *value);
void v_duplicate_raw(struct vcheck *c, const struct vpath *p, const char *value);   /* printed as it is */
void v_duplicate_because(struct vcheck *c, const struct vpath *p, yyjson_mut_val *value, const char *detail);
void v_not_found(struct vcheck *c, const struct vpath *p, const char *value);
void v_not_found_because(struct vcheck *c, const struct vpath *p, const char *value, const char *detail);
void v_too_long(struct vcheck *c, const struct vpath *p, int64_t max_bytes);
void v_too_many(struct vcheck *c, const struct vpath *p, size_t actual, size_t max);
/* allowed: "A|B|C" in the order they are listed */
void v_unsupported(struct vcheck *c, const struct vpath *p, const char *value, const char *allowed);
void v_unsupported_value(struct vcheck *c, const struct vpath *p, yyjson_mut_val *value, const char *allowed);
void v_unsupported_raw(struct vcheck *c, const struct vpath *p, const char *value, const char *allowed);
/* the path as errors print it, appended */
void v_path(struct buf *b, const struct vpath *p);
/* detail formatted into the arena */
const char *v_text(struct vcheck *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The names of a list of objects, sorted, as "a, b". */
const char *v_names(struct vcheck *c, yyjson_mut_val *list);
/* head, and below it a line for each member that differs, VALIDATE_DIFF_MAX of them. */
const char *v_diff(struct vcheck *c, const char *head, yyjson_mut_val *was, yyjson_mut_val *now);

/* ---- small rules on the member name of obj, reported at p.name ---- */
#define V_IMMUTABLE "field is immutable"
#define V_NEGATIVE "must be greater than or equal to 0"
#define V_STANDARD_FINALIZERS "kubernetes|orphan|foregroundDeletion"
/* One of allowed; an empty value is Required when must, else fine. */
void v_enum(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name,
	const char *allowed, bool must);
/* The same behind a pointer: an empty text is a value, and not an allowed one. */
void v_choice(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name, const char *allowed);
void v_must(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name);
void v_not_negative(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name);
/* int-or-string: a count or a percentage, neither negative */
void v_count_or_percent(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name);
/* The percentage at v, -1 when it is none. */
int64_t v_percent(yyjson_mut_val *v);
void v_port(struct vcheck *c, const struct vpath *p, int64_t port);
const char *v_bad_port_name(const char *s);
/* Reports all that is wrong with the name of a port; true when anything is. */
bool v_port_name(struct vcheck *c, const struct vpath *p, const char *s);
/* Of a user or group. */
void v_id(struct vcheck *c, const struct vpath *p, yyjson_mut_val *id);
/* Nothing but white space. */
bool v_blank(const char *s);
/* White space at either end. */
bool v_padded(const char *s);
void v_port_or_name(struct vcheck *c, const struct vpath *p, yyjson_mut_val *port);
const char *v_bad_config_key(const char *s);
const char *v_bad_path_segment(const char *s);
/* A rule of text_bad_*, reported at p with the value. */
void v_syntax(struct vcheck *c, const struct vpath *p, const char *value, const char *(*bad)(const char *));
/* The same of what a name begins with: it may end in a dash. */
void v_prefix_syntax(struct vcheck *c, const struct vpath *p, const char *value, const char *(*bad)(const char *));
bool v_one_of(const char *value, const char *allowed);
/* Every text of a list is one of allowed. */
bool v_all_of(yyjson_mut_val *list, const char *allowed);
/* "*" is among the texts of a list. */
bool v_has_star(yyjson_mut_val *list);
/* A list that must not be empty (none: what is said then), in which "*" stands alone. */
void v_star_list(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, const char *none, const char *other);
/* A rule of text_bad_* for a value that must be there. */
void v_must_syntax(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name,
	const char *(*bad)(const char *));
/* "acme.io/foo". Source: apimachinery IsDomainPrefixedPath */
void v_domain_path(struct vcheck *c, const struct vpath *p, const char *value);
const char *v_bad_wildcard_host(const char *s);
void v_ip(struct vcheck *c, const struct vpath *p, const char *ip);
void v_cidr(struct vcheck *c, const struct vpath *p, const char *cidr);
void v_padded_cidr(struct vcheck *c, const struct vpath *p, const char *s, size_t n);

/* ---- validate_meta.c ---- */
void v_metadata(struct vcheck *c, const struct vpath *p);
void v_labels(struct vcheck *c, const struct vpath *p, yyjson_mut_val *map);
void v_annotations(struct vcheck *c, const struct vpath *p, yyjson_mut_val *map);
void v_label_selector(struct vcheck *c, const struct vpath *p, yyjson_mut_val *selector);
bool v_selector_empty(yyjson_mut_val *selector);
bool v_selector_matches(struct vcheck *c, yyjson_mut_val *selector, yyjson_mut_val *labels);

/* meta/v1 conditions. Source: apimachinery ValidateConditions */
void v_conditions(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list);

/* Names of time zones, ascending (data/zones.tsv). */
extern const char *const v_zones[];
extern const size_t v_zone_count;

/* ---- validate_job.c ---- */
void v_job_spec(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec);
/* "0-3,7": how many indexes below completions, or -1 and *ret_why. */
int64_t v_indexes(struct vcheck *c, const char *s, int64_t completions, const char **ret_why);
/* The first index that two such lists have both, -1: none. Faulty parts are passed by. */
int64_t v_indexes_common(const char *a, const char *b, int64_t completions);

/* ---- validate_immutable.c ---- */
void v_immutable(struct vcheck *c);

/* ---- validate_resource.c ---- */
struct quantity;
bool v_amount(yyjson_mut_val *m, struct quantity *ret);
bool v_overcommits(const char *resource);         /* less may be requested than the limit */
bool v_quota_resource(const char *name);
void v_resource_name(struct vcheck *c, const struct vpath *p, const char *name);
void v_container_resource_name(struct vcheck *c, const struct vpath *p, const char *name);
void v_resource_amount(struct vcheck *c, const struct vpath *p, const char *name, yyjson_mut_val *m);
void v_quantity_map(struct vcheck *c, const struct vpath *p, yyjson_mut_val *map);
void v_container_resources(struct vcheck *c, const struct vpath *p, yyjson_mut_val *resources,
	yyjson_mut_val *pod_claims);
void v_overhead(struct vcheck *c, const struct vpath *p, yyjson_mut_val *overhead);
void v_pod_resources(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec);

/* ---- validate_pod.c; meta: of the pod, NULL in a template ---- */
void v_pod_spec(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, yyjson_mut_val *meta);
void v_pod_template(struct vcheck *c, const struct vpath *p, yyjson_mut_val *tmpl);

/* ---- its parts: validate_container.c, _env.c, _mount.c, _probe.c, _security.c, _sched.c ---- */
/* volumes: those that are well-formed, by name. */
void v_containers(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, const struct map *volumes);
void v_images(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec);
void v_host_ports(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, bool is_template);
void v_env(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list);
void v_env_from(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list);
void v_file_volumes(struct vcheck *c, const struct vpath *p, yyjson_mut_val *containers, const struct map *volumes);
void v_field_ref(struct vcheck *c, const struct vpath *p, yyjson_mut_val *ref, bool in_volume);
void v_resource_field_ref(struct vcheck *c, const struct vpath *p, yyjson_mut_val *ref, bool in_volume);
void v_mounts(struct vcheck *c, const struct vpath *p, yyjson_mut_val *container, const struct map *volumes);
void v_devices(struct vcheck *c, const struct vpath *p, yyjson_mut_val *container, const struct map *volumes);
void v_calls(struct vcheck *c, const struct vpath *p, yyjson_mut_val *container, yyjson_mut_val *spec);
void v_pod_security(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec);
void v_container_security(struct vcheck *c, const struct vpath *p, yyjson_mut_val *context, bool host_users);
void v_host_namespaces(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec);
void v_pod_os(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec);
void v_affinity(struct vcheck *c, const struct vpath *p, yyjson_mut_val *affinity);
void v_tolerations(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list);
void v_spread(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list);
void v_node_selector(struct vcheck *c, const struct vpath *p, yyjson_mut_val *selector);
bool v_same_node_affinity(yyjson_mut_val *now, yyjson_mut_val *was);
void v_taints(struct vcheck *c, const struct vpath *p, yyjson_mut_val *taints);

/* ---- validate_pod_notes.c, _update.c, _resize.c ---- */
void v_pod_annotations(struct vcheck *c, const struct vpath *p, yyjson_mut_val *notes, yyjson_mut_val *spec);
void v_pod_profiles(struct vcheck *c, const struct vpath *p, yyjson_mut_val *notes, yyjson_mut_val *spec);
void v_pod_annotation_update(struct vcheck *c, const struct vpath *p);
bool v_is_mirror(yyjson_mut_val *pod);
void v_pod_update(struct vcheck *c);
void v_pod_resize(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was);

/* ---- volumes: validate_volume.c, _source.c, _pv.c ---- */
struct v_volume { const char *name, *pod; bool persistent, placed; };   /* what a source belongs to */
void v_volumes(struct vcheck *c, const struct vpath *p, yyjson_mut_val *volumes, const char *pod, struct map *ret_good);
void v_volume_source(struct vcheck *c, const struct vpath *p, yyjson_mut_val *volume, const struct v_volume *of);
bool v_is_volume_source(const char *name);        /* of a persistent volume */
void v_projected(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of);
void v_ephemeral(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of);
void v_downward_file(struct vcheck *c, const struct vpath *p, yyjson_mut_val *file);
void v_key_paths(struct vcheck *c, const struct vpath *p, yyjson_mut_val *source);
void v_mode(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name);
const char *v_bad_backsteps(const char *s);
void v_descending_path(struct vcheck *c, const struct vpath *p, const char *s);
void v_local_path(struct vcheck *c, const struct vpath *p, const char *s);
void v_csi_driver_name(struct vcheck *c, const struct vpath *p, const char *name);
void v_claim_spec(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec);
void v_claim_template(struct vcheck *c, const struct vpath *p, yyjson_mut_val *claim);

/* ---- validate_service.c, validate_endpoints.c ---- */
void v_endpoint_ip(struct vcheck *c, const struct vpath *p, const char *ip);
void v_balancer_status(struct vcheck *c, const struct vpath *p, yyjson_mut_val *ingress, bool modes);

/* ---- validate_custom.c: objects of custom kinds ---- */
void validate_custom(struct vcheck *c);

typedef void validate_fn(struct vcheck *c, const struct vpath *spec_path, yyjson_mut_val *spec);
validate_fn validate_pod, validate_pod_status, validate_pod_template, validate_replication_controller_status,
	validate_service_status, validate_namespace_status, validate_new_event, validate_resource_quota_status,
	validate_pvc_status,
	validate_deployment, validate_replica_set, validate_replication_controller, validate_daemon_set,
	validate_stateful_set, validate_controller_revision, validate_counts,
	validate_job, validate_job_status, validate_cron_job,
	validate_service, validate_endpoints, validate_endpoint_slice, validate_ingress, validate_ingress_status,
	validate_ingress_class, validate_network_policy, validate_ip_address, validate_service_cidr,
	validate_config_map, validate_secret, validate_namespace, validate_node, validate_event,
	validate_resource_quota, validate_limit_range, validate_binding_pod,
	validate_pv, validate_pvc,
	validate_storage_class, validate_csi_driver, validate_csi_node, validate_csi_capacity,
	validate_volume_attachment, validate_attachment_status, validate_attributes_class,
	validate_role, validate_role_binding, validate_access_review,
	validate_pdb, validate_pdb_status, validate_hpa, validate_priority_class,
	validate_lease, validate_csr, validate_crd, validate_api_service, validate_api_service_status,
	validate_runtime_class, validate_webhooks, validate_admission_policy, validate_policy_binding,
	validate_policy_status, validate_flow_schema, validate_priority_level, validate_flow_status,
	validate_device_class, validate_resource_claim, validate_claim_status, validate_claim_template,
	validate_resource_slice;

#endif
