/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds - every kind of object as data: which there are, what fields they have,
 * and what follows from that (codecs, defaults, rules, merges, columns, OpenAPI).
 *
 * The built-in tables are made at build time from src/kinds/data by gen.py and are
 * read-only. A CustomResourceDefinition's schema becomes the same structs at
 * run time, in memory of its own.
 * Thread: the built-in tables any; the registry the loop thread.
 * Knows:  doc.   Never: storage, users, HTTP.
 * Tests:  tests/unit/kinds/
 */
#ifndef KINDS_KINDS_H
#define KINDS_KINDS_H

#include <stdbool.h>
#include <stdint.h>

#include "doc/doc.h"
#include "doc/selector.h"

#define KINDS_API_LEVEL "v1.34.0+sampan"     /* the release of Kubernetes whose API this is; clients compare it */

enum kinds_value {          /* what one value of a field is */
	KV_STRING, KV_INT32, KV_INT64, KV_UINT32, KV_BOOL, KV_DOUBLE, KV_BYTES,
	KV_TIME, KV_MICROTIME, KV_DURATION, KV_QUANTITY, KV_INT_OR_STRING,
	KV_RAW,             /* RawExtension: any object, kept */
	KV_FIELDSV1, KV_VERBS, KV_EXTRA, KV_JSON,
	KV_PROPS_OR_ARRAY, KV_PROPS_OR_BOOL, KV_PROPS_OR_STRINGS,
	KV_OBJECT,          /* of .type */
};
enum kinds_card { KC_ONE, KC_LIST, KC_MAP };
enum kinds_ptr { KP_VALUE, KP_POINTER, KP_SLICE, KP_MAP };
enum kinds_omit { KO_OMITEMPTY, KO_OMITZERO, KO_NEVER };
enum kinds_list { KL_NONE, KL_ATOMIC, KL_SET, KL_MAP };
enum { /* kinds_field.flags */
	KF_REQUIRED = 1, KF_SMP_MERGE = 2, KF_SMP_RETAIN_KEYS = 4, KF_ATOMIC_MAP = 8,
	KF_TYPEMETA = 16,   /* kind, apiVersion: JSON only */
	KF_PROTO_ONLY = 32, /* a wrapper member of protobuf: never in JSON */
};

struct kinds_type;
struct kinds_field {
	const char *name;              /* JSON key */
	uint8_t value, card, ptr, omit, list, flags;
	uint16_t pbnum;                /* in the innermost message; 0: not in protobuf */
	uint16_t embed[2];             /* member numbers of the messages it is inside of, 0: none */
	uint8_t name_len;              /* bytes of name */
	const struct kinds_type *type; /* KV_OBJECT; JSONSchemaProps of KV_PROPS_* */
	const char *merge_key;         /* strategic merge */
	const char *const *list_keys;  /* KL_MAP, NULL-terminated */
	const char *const *enum_values;/* NULL-terminated, or NULL */
	const char *dflt;              /* schema default, JSON text, or NULL */
	const struct kinds_schema *schema; /* a CRD's extra rules, or NULL */
};
struct kinds_type {
	const char *name;              /* "core/v1.PodSpec" */
	const char *proto;             /* full message name, or NULL */
	const struct kinds_field *fields;  /* JSON key order */
	uint16_t field_count;
	bool atomic;                   /* struct-level x-kubernetes-map-type: atomic */
	bool keep_unknown;             /* preserve unknown fields (CRDs) */
	bool embedded;                 /* x-kubernetes-embedded-resource */
	const uint16_t *by_pbnum;      /* field indexes as protobuf writes them: ascending number */
	uint16_t pb_count;             /* how many; JSON-only members are not among them */
	const struct kinds_field *items;   /* CRD: value of unknown keys, additionalProperties */
	const struct kinds_schema *schema; /* CRD: what the type was made from, or NULL */
};

enum kinds_verb { KVERB_CREATE = 1, KVERB_DELETE = 2, KVERB_DELETECOLLECTION = 4, KVERB_GET = 8,
	KVERB_LIST = 16, KVERB_PATCH = 32, KVERB_UPDATE = 64, KVERB_WATCH = 128 };
struct kinds_sub {                 /* one subresource */
	const char *name;          /* "status" */
	uint8_t verbs;
	const char *group, *version, *kind; /* of its body; NULL: the parent's */
};
struct kinds_column { const char *name, *type, *format, *description; int priority;
	const char *json_path;     /* CRD columns; NULL for built-in ones */ };
struct kinds_kind {
	const char *group, *version, *kind, *list_kind, *plural, *singular;
	const char *const *short_names, *const *categories;   /* NULL-terminated */
	bool namespaced, ga;
	uint8_t verbs;
	const struct kinds_sub *subs; uint8_t sub_count;
	const struct kinds_type *type;
	const struct kinds_column *columns; uint8_t column_count;
	const char *store;         /* store prefix without slashes at the ends: "core/pods",
	                              "apps/deployments"; NULL: nothing is stored (reviews) */
	bool custom;               /* from a CRD */
	uint16_t id;               /* dense index of built-in kinds, UINT16_MAX for custom ones */
	const char *api_version;   /* "apps/v1" or "v1" */
};

/* ---- finding (registry.c) ---- */
/* Built-in GA kinds and registered custom ones. group "" is core. NULL: none. */
const struct kinds_kind *kinds_by_resource(const char *group, const char *version, const char *plural);
const struct kinds_kind *kinds_by_kind(const char *group, const char *version, const char *kind);
/* The kind in whose version objects under this prefix are stored. */
const struct kinds_kind *kinds_by_store(const char *store);
const struct kinds_sub *kinds_sub(const struct kinds_kind *k, const char *name);
/* apiVersion "apps/v1" or "v1" split in place of a caller's buffer of 320 bytes. */
void kinds_split_api_version(const char *api_version, char group[254], char version[64]);
const char *kinds_api_version(const struct kinds_kind *k);   /* "apps/v1", static */
/* All kinds, grouped by group in priority order, then version, then plural. */
bool kinds_next(size_t *it, const struct kinds_kind **ret);
const struct kinds_type *kinds_type_by_name(const char *name);   /* built-in types */
/* Whatever has an apiVersion and a kind: kinds, their lists, Scale, Eviction,
 * Status ... Options of meta/v1 are found under every group. NULL: none. */
const struct kinds_type *kinds_type_by_gvk(const char *group, const char *version, const char *kind);
/* Changes whenever a custom kind comes or goes (for discovery ETags). */
uint64_t kinds_generation(void);

/* ---- codecs (json.c, proto.c) ---- */
enum kinds_strict { KS_IGNORE, KS_WARN, KS_STRICT,
	KS_FROM_MAP = 4 /* with one of them: a strategic merge's result, whose errors have words of their own */ };
struct kinds_problem { struct kinds_problem *next; const char *text; };   /* `unknown field "spec.x"` */
/*
 * kinds_decode - check in against the type and build its normal form: members in
 * table order, nulls and zero omitempty members dropped, quantities and times
 * canonical, unknown members pruned (and listed in *ret_problems unless
 * KS_IGNORE; duplicates too). kind and apiVersion are kept as they are.
 * d is a mutable document in the request's arena.
 *   -ERR_BAD_REQUEST  a value has the wrong type (message as upstream's decoder)
 *   -ERR_SIZE         over the arena's cap
 */
int kinds_decode(yyjson_mut_doc *d, struct arena *a, const struct kinds_type *t, yyjson_val *in,
	enum kinds_strict strict, yyjson_mut_val **ret, struct kinds_problem **ret_problems,
	struct err *reterr);
/* Protobuf body with its envelope (k8s\0 + runtime.Unknown) to the same normal form.
 * *ret_type may be NULL: then the type is found by the envelope's apiVersion and kind. */
int kinds_decode_proto(yyjson_mut_doc *d, struct arena *a, const void *p, size_t n,
	const struct kinds_type *t, yyjson_mut_val **ret, struct err *reterr);
/* The object with its envelope appended to out. -ERR_NOT_ACCEPTABLE when the
 * type has no protobuf form. apiVersion and kind are read from v. */
int kinds_encode_proto(struct buf *out, const struct kinds_type *t, yyjson_val *v, struct err *reterr);
/* Only the message, without envelope (items of lists, watch frames' insides). */
int kinds_encode_proto_message(struct buf *out, const struct kinds_type *t, yyjson_val *v, struct err *reterr);

/* ---- rules (default.c, validate_*.c, prepare.c) ---- */
struct field_error {               /* one cause of a 422 */
	struct field_error *next;
	const char *type;          /* "FieldValueRequired", "FieldValueInvalid", ... */
	const char *field;         /* "spec.containers[0].name" */
	const char *detail;        /* upstream's message of the cause: `Required value: ...` */
};
/* Defaults, in the order of defaults-walk; v is in normal form and stays so. */
int kinds_default(yyjson_mut_doc *d, struct arena *a, const struct kinds_kind *k, yyjson_mut_val *v);
/* old NULL: create. sub NULL: the main resource. Empty list: valid. */
int kinds_validate(struct arena *a, const struct kinds_kind *k, const char *sub,
	yyjson_mut_val *v, yyjson_mut_val *old, struct field_error **ret_errors);
/* Those of its rules that are about a Service's addresses and families alone. */
int kinds_validate_addresses(struct arena *a, const struct kinds_kind *k, yyjson_mut_val *v, struct field_error **ret_errors);
/* Warnings to the client about v (deprecated or not yet done fields). */
int kinds_warnings(struct arena *a, const struct kinds_kind *k, yyjson_mut_val *v,
	yyjson_mut_val *old, struct kinds_problem **ret_warnings);
/* What is said with every answer about the kind, NULL: nothing. Source: APILifecycleDeprecated */
const char *kinds_deprecation(const struct kinds_kind *k);
/* What a write may touch: on create drop status, set generation 1; on update of
 * the main resource put old's status back, raise generation when spec changed;
 * on status keep all of old but status (and metadata as upstream). metadata
 * set by the server is taken from old. On create metadata.uid is already there (a
 * job's selector names it). v is changed in place. */
int kinds_prepare(yyjson_mut_doc *d, struct arena *a, const struct kinds_kind *k, const char *sub,
	yyjson_mut_val *v, yyjson_mut_val *old);
/* "Guaranteed", "Burstable" or "BestEffort" of a PodSpec. */
const char *kinds_qos_class(yyjson_mut_val *spec);
bool kinds_allows_create_on_update(const struct kinds_kind *k);
bool kinds_allows_unconditional_update(const struct kinds_kind *k);

/* ---- merges (smp.c, apply.c) ---- */
/* Strategic merge patch; *root may be replaced; patch is copied.
 * -ERR_BAD_REQUEST, or -ERR_INTERNAL for a mismatched $setElementOrder, as upstream. */
int kinds_smp(yyjson_mut_doc *d, struct arena *a, const struct kinds_type *t,
	yyjson_mut_val **root, yyjson_val *patch, struct err *reterr);
/* api_version is NULL for a manager that applies, time always: messages have neither. */
struct apply_conflict { struct apply_conflict *next; const char *manager, *api_version, *subresource, *field, *time; };
struct apply_req {
	const struct kinds_kind *kind;
	const char *sub;           /* NULL: main resource */
	const char *manager;
	bool force;
	bool clear;                /* the client sent an empty list of managedFields */
	int64_t now_us;
};
/* Server-side apply: live (NULL: create) merged with the applied configuration, as it
 * was sent, into *ret, in normal form, managedFields updated. -ERR_CONFLICT with
 * *ret_conflicts; -ERR_INTERNAL when the configuration does not fit the kind. */
int kinds_apply(yyjson_mut_doc *d, struct arena *a, const struct apply_req *r, yyjson_mut_val *live,
	yyjson_mut_val *applied, yyjson_mut_val **ret, struct apply_conflict **ret_conflicts,
	struct err *reterr);
/* managedFields after any other write: the manager owns what it changed. old may
 * be NULL. A no-op keeps times. v is changed in place. */
int kinds_track(yyjson_mut_doc *d, struct arena *a, const struct apply_req *r, yyjson_mut_val *v,
	yyjson_mut_val *old);
/* The write as it will be stored: when it differs from old by nothing but times in
 * managedFields, they are old's, and it is no write at all. */
int kinds_settle(yyjson_mut_doc *d, yyjson_mut_val *v, yyjson_mut_val *old);

/* ---- views (columns.c, fields.c, openapi*.c) ---- */
/* The Table cells of one object, appended as a JSON array. now_us: for ages. */
int kinds_cells(struct buf *out, const struct kinds_kind *k, yyjson_val *v, int64_t now_us);
/* What a Scale is shown as: it is no kind of its own, but has columns and cells. */
const struct kinds_kind *kinds_scale_view(void);
/* Value of a field selector's field ("status.phase"), "" when empty; NULL: the
 * kind does not know the label (400 `field label not supported: x`). */
const char *kinds_field_value(const struct kinds_kind *k, yyjson_val *v, const char *field);
bool kinds_field_known(const struct kinds_kind *k, const char *field);
bool kinds_field_any(const struct kinds_kind *k);  /* others than name and namespace? */
/* OpenAPI documents: "v2" of everything, v3 of one group and version ("apis/apps/v1",
 * "api/v1", "version" ...); the index's paths of v3. A stamp changes with what the
 * document is made of; it is that of the document until the program is another. */
extern const char kinds_openapi_seed[];     /* another one when documents are made in another way */
bool kinds_openapi_v3_next(size_t *it, const char **ret_path, uint64_t *ret_stamp);
int kinds_openapi_v3_stamp(const char *path, uint64_t *ret);    /* or -ERR_NOT_FOUND */
/* What a document is made of, as it is now, so that it can be made beside the loop: begin
 * and end on the loop, make on any thread. begin: 0, -ERR_NOT_FOUND or -ERR_NOMEM. make:
 * JSON, or (proto) gnostic's message of it. */
struct kinds_openapi;
int kinds_openapi_begin(struct kinds_openapi **ret, const char *path);
int kinds_openapi_make(const struct kinds_openapi *s, bool proto, struct buf *out);
void kinds_openapi_end(struct kinds_openapi *s);    /* accepts NULL */

/* The ownerReference with controller true, or NULL. */
yyjson_val *kinds_controller_of(yyjson_val *obj);

#endif
