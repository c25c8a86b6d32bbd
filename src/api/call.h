/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call - one request on its way through the stages, and what it has gathered.
 *
 * A call lives in its arena. It is held by its HTTP request until that ends and by
 * every piece of work that will come back to it; the last to drop it frees it. When
 * the client went away (http NULL, done NULL) the stages go on: a write under way
 * is finished, only the answer has no reader.
 *
 *   route authn audit flow authz serve body load default track mutate prepare
 *   validate police commit reply
 *
 * serve answers what writes nothing. load..commit are one round of compare-and-swap
 * and run again, on the fresh object, when another writer was faster.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "api/api_priv.h"
#include "api/flow.h"
#include "doc/patch.h"

struct http_req;
struct call;
struct pki_csr_info;
struct reservation;
struct quota_hold;
struct bootstrap;
struct bootstrap_keep;
struct lane;

/* turns.c: a place in the line of those who want one thing. */
struct turn_seat {
	struct call *call;
	struct turn *turn;             /* held, or waited for; NULL: neither */
	struct list link;
};

struct ledger;
struct session;
/* ledger.c: what a write has set aside, agreed with other servers. */
struct ledger_seat {
	struct call *call;
	struct ledger *ledger;         /* NULL: it takes no part */
	struct list link, ready;
	uint64_t n;
	struct session *session;       /* NULL: it holds nothing; else that is in the store, or on its way there, */
	char *text;                    /* as this */
	uint8_t step;                  /* enum step: what its call goes on with */
};

enum step {
	STEP_NEXT,      /* on to the next stage */
	STEP_AGAIN,     /* c->stage was set: run that */
	STEP_REPLY,     /* the answer is in the call: send it */
	STEP_WAIT,      /* somebody will call call_resume() */
	STEP_END,       /* the answer is sent, or its sender owns the rest */
};
enum stage {
	STAGE_ROUTE, STAGE_AUTHN, STAGE_AUDIT, STAGE_FLOW, STAGE_AUTHZ, STAGE_SERVE,
	STAGE_BODY, STAGE_LOAD, STAGE_DEFAULT, STAGE_TRACK, STAGE_MUTATE, STAGE_PREPARE,
	STAGE_VALIDATE, STAGE_POLICE, STAGE_COMMIT, STAGE_REPLY, STAGE_COUNT
};
enum verb { VERB_NONE, VERB_GET, VERB_LIST, VERB_WATCH, VERB_CREATE, VERB_UPDATE,
	VERB_PATCH, VERB_DELETE, VERB_DELETECOLLECTION };
enum patch_type { PATCH_NONE, PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };
enum media { MEDIA_JSON, MEDIA_PROTO, MEDIA_YAML };
enum view { VIEW_OBJECT, VIEW_TABLE, VIEW_PARTIAL };

struct param { const char *key, *value; };
struct warning { struct warning *next; const char *text; };
struct cause { const char *reason, *message, *field; };

struct call {
	struct api *api;
	struct arena *arena;
	struct arena *view_arena;      /* of converted objects, one at a time; or NULL */
	struct list link;
	struct http_req *http;         /* NULL: from inside, or the client went away */
	api_done_fn *done;             /* from inside */
	void *done_arg;
	api_may_fn *may_write;         /* NULL: it may */
	void *may_arg;
	struct loop_task task;
	unsigned holds;
	uint8_t stage;
	void (*cancel)(struct call *c);    /* the client went away */
	void (*drain)(struct call *c);     /* the server stops: end soon */
	void *work;                    /* of whoever set cancel */

	/* flow.c */
	struct flow_user *flow_user;   /* NULL: not seated */
	struct lane *lane;             /* waits for its turn there */
	struct list line;
	void (*line_fn)(struct call *c);
	unsigned seats;
	bool watching;
	int64_t begun_us;

	/* route */
	const char *method, *path, *query;
	struct param *params;
	size_t param_count;
	bool is_resource;
	enum verb verb;
	const char *verb_name;         /* "list"; for other paths the method in lower case */
	const char *group, *version, *resource, *sub, *ns, *name;   /* "" where there is none */
	const char *tail;              /* what follows a proxy subresource, with its slash */
	const struct kinds_kind *kind; /* NULL: not served */
	const struct kinds_kind *kind_ref; /* a custom kind, held for the call */
	const struct kinds_sub *subdef;
	bool list_named;               /* the name comes from a field selector */

	/* authn */
	struct user user;
	const char *audit_id;
	const char *flow_schema, *flow_level;  /* their uids; NULL: none matches */
	bool trusted;                  /* the server's own bookkeeping: authz and RBAC rules not asked */

	/* what the answer may look like */
	enum media media;
	enum view view;
	bool view_beta;                /* meta.k8s.io/v1beta1 */
	struct warning *warnings, **warnings_end;

	/* body and options */
	const char *content_type;      /* without parameters */
	const char *body;
	size_t body_len;
	enum patch_type patch;
	bool dry_run, force;
	enum kinds_strict strict;
	const char *manager;
	bool clear_owners;             /* metadata.managedFields came as an empty list */

	/* the write */
	yyjson_mut_doc *doc;
	const struct kinds_type *body_type;
	yyjson_mut_val *input;         /* the decoded body: object, options, Scale ... */
	yyjson_mut_val *obj;           /* what will be written, in the version of the request */
	yyjson_mut_val *old;           /* what is there, same version; NULL: creating */
	struct cache_obj *cur;         /* what is there */
	const char *store_key;
	struct turn_seat own, budget;  /* turns: of its object; an eviction's, of the budget it charges */
	unsigned tries;                /* rounds that count against the client's patience */
	bool loaded;                   /* a round was begun: the next one forgets it */
	bool account_waited;           /* its service account had its time to appear */
	bool creating, generated;      /* generated: the name may be picked again */
	bool conditional;              /* the client named a revision: a race is its conflict */
	bool remove;                   /* the key is to be removed */
	bool reserved;                 /* addresses or ports are set aside for obj: */
	struct reservation *reservation;
	struct crd_hold *names;        /* of a definition, until the registry has them */
	struct quota_hold *held;       /* what quotas count for obj until its event does */
	struct ledger_seat quota_seat, service_seat;
	bool budget_spent;             /* an eviction: the disruption budget was charged for it */
	bool scale;                    /* the body and the answer are a Scale */
	bool synced;                   /* fresh.c: the store was asked for what is new; sync_rc came of it */
	int sync_rc;
	bool unseated;                 /* it waits for that, and flow control has not seen it */
	bool only_status;              /* success is told by a Status, 201: binding, eviction */
	int64_t grace_s;               /* deletion: -1 not given */
	const char *propagation, *want_uid, *want_rv;
	struct blob *value;            /* bytes being written, without resourceVersion */
	int64_t written_rev;

	struct list document_line;     /* openapi.c: waits for a document */
	bool document_made;            /* since the request came */

	/* the answer */
	int status, retry_s;           /* retry_s 0: the client is not told when */
	struct blob *out;              /* bytes */
	const char *out_type;          /* content type of out */
	const char *cache_control;     /* NULL: nobody may keep the answer */
	struct cache_obj *out_obj;     /* or an object, to be shown as asked */
	struct blob *out_json;         /* or its JSON */
	const struct kinds_kind *out_kind;
};

/* The namespace of the object: c->ns, but "" for cluster-scoped kinds (a Namespace's
 * requests count as inside it for authz). */
static inline const char *call_ns(const struct call *c)
{
	return c->kind && c->kind->namespaced ? c->ns : "";
}

/* ---- call.c ---- */
struct call *call_new(struct api *a);
void call_hold(struct call *c);
void call_drop(struct call *c);
/* The API closes: nobody will come back to the call. */
void call_abandon(struct call *c);
/* Run the stages from c->stage until one waits or the answer is sent. */
void call_run(struct call *c);
/* api_call() whose sender was allowed already: authz is not asked again. */
int api_call_trusted(struct api *a, const struct api_call *q, api_done_fn *done, void *arg);
/* Go on after STEP_WAIT with what the waiting stage would have returned. */
void call_resume(struct call *c, enum step step);
int64_t call_now_s(void);

/* ---- warn.c ---- */
void call_warn(struct call *c, const char *text);   /* copied; said once */
void call_warn_lines(struct call *c, const struct buf *lines);
void warn_headers(struct call *c);

/* ---- the stages, each in the file of its name ---- */
enum step stage_route(struct call *c);
enum step stage_authn(struct call *c);
enum step impersonate(struct call *c);         /* part of authn */
enum step stage_audit(struct call *c);
enum step stage_flow(struct call *c);
enum step stage_authz(struct call *c);
enum step stage_serve(struct call *c);
enum step stage_body(struct call *c);
enum step stage_load(struct call *c);
enum step stage_default(struct call *c);
enum step stage_track(struct call *c);
enum step stage_mutate(struct call *c);
enum step stage_prepare(struct call *c);
enum step stage_validate(struct call *c);
enum step stage_police(struct call *c);
enum step stage_commit(struct call *c);
enum step stage_reply(struct call *c);

/* ---- query.c ---- */
int query_parse(struct call *c);                               /* 0 or -ERR_BAD_REQUEST, -ERR_SIZE */
const char *param(const struct call *c, const char *key);      /* first value, or NULL */
bool param_bool(const struct call *c, const char *key);
/* A decimal number. Absent: *ret untouched, false. Malformed: false and *bad. */
bool param_int(const struct call *c, const char *key, int64_t *ret, bool *bad);

/* ---- options.c: the parameters of a write ---- */
enum step options_write(struct call *c);
enum step options_delete(struct call *c);      /* of the body too, when there is one */
enum step options_delete_of(struct call *c, yyjson_mut_val *opts); /* those of a DeleteOptions; NULL: none */

/* ---- accept.c: what the client takes ---- */
/* Pick media and view out of Accept for an object of type t (NULL: JSON only).
 * 0 or -ERR_NOT_ACCEPTABLE. */
int accept_pick(struct call *c, const struct kinds_type *t, bool tables);
/* Does the client take none of the media types that anything is served in? */
bool accept_none(const struct call *c);
/* Does the client rather have this media type (e.g. of discovery) than plain JSON? */
bool accept_prefers(const struct call *c, const char *type, const char *as, const char *v);
/* 0: JSON; 1: the type that starts and ends so (NULL: none); or -ERR_NOT_ACCEPTABLE. */
int accept_json_or(const struct call *c, const char *start, const char *end);

/* ---- errors.c: every way to fail; each fills the answer and gives STEP_REPLY ---- */
const char *call_resource(struct call *c);     /* "deployments.apps", "pods" */
const char *call_kind(struct call *c);         /* "Deployment.apps", "Pod" */
enum step fail_text(struct call *c, int status, const char *text);
enum step fail_bad_request(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
enum step fail_unauthorized(struct call *c);
/* message follows `pods "x" is forbidden: `. */
enum step fail_forbidden(struct call *c, const char *name, const struct cause *cause,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
enum step fail_forbidden_path(struct call *c, const char *message);
enum step fail_not_found(struct call *c, const char *resource, const char *group, const char *name);
enum step fail_no_resource(struct call *c);    /* the server could not find the requested resource */
enum step fail_method(struct call *c);
enum step fail_exists(struct call *c, const char *name);
enum step fail_conflict(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
enum step fail_modified(struct call *c);       /* the object has been modified */
/* A conflict that names the kind: preconditions of a deletion. */
enum step fail_precondition(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
enum step fail_invalid(struct call *c, const char *kind, const char *group, const char *name,
	const struct field_error *errors);
/* 422 about options: `CreateOptions.meta.k8s.io "" is invalid`. type: "FieldValueRequired" ... */
enum step fail_option(struct call *c, const char *options, const char *field, const char *type,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
enum step fail_not_acceptable(struct call *c);
/* What the routing of upstream says before a handler is reached: details are there, and
 * empty (apimachinery's NewGenericServerResponse). */
enum step fail_generic(struct call *c, int status, const char *reason, const char *message);
enum step fail_expired(struct call *c, const char *message, const char *continue_token);
enum step fail_too_large_rv(struct call *c, int64_t asked);
enum step fail_busy(struct call *c, int status, int retry_s, const char *message);
/* 429 with a cause; retry_s 0: the client is not told when. */
enum step fail_too_many(struct call *c, int retry_s, const struct cause *cause, const char *message);
/* Status, reason and text of a plain -ERR_* with its message. */
enum step fail_err(struct call *c, int rc, const struct err *e);
enum step fail_status(struct call *c, int status, const char *reason, const struct cause *causes,
	size_t cause_count, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* A Status object for places other than an answer (watch errors). */
struct blob *status_json(int status, const char *reason, const char *message);
struct field_error *field_error_add(struct arena *a, struct field_error **list, const char *type,
	const char *field, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* ---- shape.c: objects kept in the order of their tables ---- */
const struct kinds_field *shape_field(const struct kinds_type *t, const char *name);
/* Put the members of v, at every level, into the order of t. False over the cap. */
bool shape_order(struct call *c, const struct kinds_type *t, yyjson_mut_val *v);
/* Set metadata.<key> (string). */
bool meta_set(struct call *c, yyjson_mut_val *obj, const char *key, const char *value);
bool meta_del(yyjson_mut_val *obj, const char *key);
/* v, a parsed object in its stored form, written with resourceVersion after
 * metadata.uid. */
struct blob *shape_splice(const struct blob *value, int64_t rev);
/* kind and apiVersion off the front of an object's JSON: the bytes after
 * `{"kind":"..","apiVersion":"..",`, NULL when it does not begin so. */
const char *shape_skip_type(const char *json, size_t n);
/* A member value copied out of an immutable tree, or NULL. */
yyjson_mut_val *shape_copy(struct call *c, yyjson_val *v);

/* ---- flow_class.c ---- */
struct flow_classes;
int flow_classes_open(struct flow_classes **ret, struct api *a);
void flow_classes_close(struct flow_classes *f);
void flow_classify(struct call *c);

/* ---- convert.c: two versions of one stored object ---- */
bool convert_needed(const struct call *c);
/* obj from the version of `from` to that of `to`; in place, *obj may be replaced. */
int convert(struct call *c, const struct kinds_kind *from, const struct kinds_kind *to,
	yyjson_mut_val **obj);
/* convert_hpa.c; false: no memory */
bool convert_hpa_to_v1(struct call *c, yyjson_mut_val *v);
bool convert_hpa_to_v2(struct call *c, yyjson_mut_val *v);

/* A copy of a stored object in the version of the request. NULL over the cap. */
yyjson_mut_val *convert_stored(struct call *c, struct cache_obj *o);

/* ---- fresh.c ---- */
/* Before a read, in stage serve: STEP_NEXT, STEP_WAIT (then the stage runs again), or the failure. */
enum step fresh_read(struct call *c);
/* The same before an object is looked up for a connection. */
enum step fresh_target(struct call *c);
/* A stage gave STEP_REPLY: that, or STEP_WAIT while it is made sure of; c->stage runs again then. */
enum step fresh_answer(struct call *c);
/* Ask the store; STEP_WAIT, and the stage runs again, or STEP_NEXT: c->sync_rc is 0 or -ERR_*. */
enum step fresh_ask(struct call *c);
/* That failed, and nothing can be said without it: the refusal. */
enum step fresh_not(struct call *c);

/* ---- reading ---- */
enum step serve_get(struct call *c);
enum step serve_list(struct call *c);
enum step components_get(struct call *c);       /* components.c */
enum step serve_watch(struct call *c);
int watch_prepare(struct api *a);              /* once, at the start */

/* An object as the request's version has it: its JSON, or its tree. Borrowed from
 * o, or made in the call's arena. NULL: no memory. */
const char *view_json(struct call *c, struct cache_obj *o, size_t *ret_len);
yyjson_val *view_tree(struct call *c, struct cache_obj *o);
/* Those who show many objects call this before each: converted ones die then. */
void view_reset(struct call *c);

/* select.c: what a list or watch picks */
struct filter {
	struct selector *labels;
	struct fieldsel fields;
	const char *name, *node;       /* exact values among the fields, or NULL */
	bool everything;
};
enum step filter_parse(struct call *c, struct filter *f);      /* STEP_NEXT, or the failure */
enum step filter_check(struct call *c, struct filter *f);      /* then: are the fields the kind's? */
bool filter_match(struct call *c, const struct filter *f, struct cache_obj *o);
/* Does that look into objects? Else their headers suffice: what filter_near() lets
 * through then is what matches. */
bool filter_needs_tree(const struct call *c, const struct filter *f);
bool filter_near(struct call *c, const struct filter *f, struct cache_obj *o);

/* table.c, proto.c: one object appended in a form */
void table_columns(struct buf *out, const struct kinds_kind *k);
int table_row(struct call *c, struct buf *out, const struct kinds_kind *k, const char *json,
	size_t n, yyjson_val *tree);
void table_begin(struct call *c, struct buf *out, const struct kinds_kind *k, const char *list_meta,
	bool with_columns);
void partial_json(struct call *c, struct buf *out, yyjson_val *tree);
int partial_proto(struct buf *out, yyjson_val *tree, bool beta, bool envelope);
/* Around raw_bytes bytes of a message. */
void proto_envelope_begin(struct buf *out, const char *api_version, const char *kind, size_t raw_bytes);
void proto_envelope_end(struct buf *out);
void proto_field(struct buf *out, unsigned num, const void *p, size_t n);
void proto_varint_field(struct buf *out, unsigned num, uint64_t v);

/* ---- answers ---- */
enum step reply_obj(struct call *c, int status, struct cache_obj *o);
/* JSON of an object of kind k's type that is not stored; takes json. */
enum step reply_json(struct call *c, int status, struct blob *json, const struct kinds_kind *k);
enum step reply_mut(struct call *c, int status, yyjson_mut_val *v);
/* Plain bytes; takes out. */
enum step reply_bytes(struct call *c, int status, struct blob *out, const char *type);
enum step reply_buf(struct call *c, int status, struct buf *b, const char *type);
/* pretty.c: b, or a copy laid out for people; referenced. */
struct blob *pretty(struct call *c, const char *type, struct blob *b);
/* Headers that every answer has; before http_stream_begin too. */
void flow_headers(struct call *c);
void reply_headers(struct call *c, const char *content_type);
enum step reply_deleted(struct call *c, const char *name, const char *uid);

/* ---- writing ---- */
enum step body_decode(struct call *c);
/* Lines about repeated keys as go-yaml's one error. */
void body_repeats(struct buf *out, const struct buf *lines);
/* Why what calls itself v's kind and apiVersion is no object of type t, or NULL. */
const char *body_mismatch(struct call *c, const struct kinds_type *t, yyjson_mut_val *v);
/* The patch in the body applied to *root, an object of type t (patch.c). */
enum step patch_apply(struct call *c, const struct kinds_type *t, yyjson_mut_val **root);
/* Server-side apply of the body onto c->old (NULL: create) into c->obj; of a Scale,
 * onto its number (apply.c). */
enum step apply_configuration(struct call *c);
/* What an apply makes of what was loaded. */
enum step load_applied(struct call *c, bool found);
/* turns.c: STEP_NEXT when c is the one to write its object, STEP_WAIT until it is. */
enum step turn_take(struct call *c);
/* The same for anything that key names, of no object's form; a seat has one turn, the last one asked for. */
enum step turn_take_at(struct call *c, struct turn_seat *seat, const char *key);
void turn_leave(struct turn_seat *seat);       /* harmless when it has none */
void turn_end(struct call *c);                 /* leaves all */
/* Load c->cur and c->old by the request's name; false: there is none. */
enum step load_current(struct call *c, bool *ret_found);
/* uid and resourceVersion that a deletion was made to depend on, against c->cur. */
enum step load_preconditions(struct call *c);
enum step delete_prepare(struct call *c);
bool delete_complete(struct call *c, yyjson_mut_val *obj);   /* nothing keeps obj any more */
enum step collection_delete(struct call *c);

/* police_rbac.c */
enum step police_role(struct call *c);
enum step police_binding(struct call *c);

/* crd.c, crd_status.c */
int crds_open(struct crds **ret, struct api *a);
void crds_close(struct crds *cs);
enum step crd_prepare(struct call *c);         /* of a definition that is written */
/* At the last moment: its names, agreed with all servers and held. STEP_WAIT (commit runs again), STEP_NEXT or the failure. */
enum step crd_take_names(struct call *c);
void crd_undo(struct call *c);                 /* harmless when it holds none */
enum step crd_delete_prepare(struct call *c);  /* of one that is marked as going */
enum step crd_serve(struct call *c);           /* of a request about custom objects */
bool crd_ending(const struct call *c);         /* no more objects of it are made */

/* csr.c */
/* Whom a request (base64 of PEM) asks a certificate for; in the call's arena. */
bool csr_read(struct call *c, const char *request, struct pki_csr_info *ret, struct err *reterr);
enum step csr_prepare(struct call *c);

/* alloc.c: cluster IPs and node ports */
int alloc_open(struct allocator **ret, struct api *a, struct err *reterr);
void alloc_close(struct allocator *al);
enum step alloc_service(struct call *c);       /* reserve; STEP_NEXT or the failure */
void alloc_undo(struct call *c);               /* the write did not happen */
/* commit.c: what was set aside for the write, in memory and ledgers: its event counts it, or there is no write. */
void call_give_back(struct call *c);
enum step alloc_families(struct call *c);      /* alloc_family.c: a Service's families; STEP_NEXT or the refusal */
void alloc_ip(const struct api *a, unsigned nth, char out[46]);   /* nth address of the service CIDR */

/* ---- subresources ---- */
enum step scale_load(struct call *c);
enum step scale_configuration(struct call *c); /* an applied Scale in c->input, as one of its parent */
enum step scale_reply(struct call *c, int status, yyjson_val *parent);
enum step binding_load(struct call *c);
enum step eviction_load(struct call *c);
enum step eviction_prepare(struct call *c);
/* pod_condition.c: c->obj's condition of that type is True now. False over the cap. */
bool pod_condition(struct call *c, const char *type, const char *reason, const char *message);
enum step token_create(struct call *c);
enum step review_access(struct call *c);
enum step review_token(struct call *c);
enum step proxy_serve(struct call *c);
bool serve_connects(const struct call *c);     /* to a pod, by a subresource: log, exec ... */

/* ---- everything that is no resource ---- */
enum step serve_path(struct call *c);
enum step discovery_serve(struct call *c, const char *what);
enum step openapi_serve(struct call *c, const char *what);
enum step health_serve(struct call *c, const char *what);
enum step metrics_serve(struct call *c);
enum step oidc_serve(struct call *c, bool jwks);
int discovery_open(struct discovery **ret, struct api *a);
void discovery_close(struct discovery *d);
bool discovery_group(const struct api *a, const char *group, const char *version);  /* version NULL: any */

/* ---- expire.c ---- */
int expire_open(struct expirer **ret, struct api *a);
void expire_close(struct expirer *x);
/* For how long what c writes is kept, in seconds; 0: it stays. */
unsigned expire_keep_s(const struct call *c);

/* ---- metrics.c ---- */
int metrics_open(struct metrics **ret);
void metrics_close(struct metrics *m);
void metrics_count(struct metrics *m, const struct call *c);   /* when a call ends */

/* ---- authz.c: may he? system:masters, then the Node authorizer, then RBAC ---- */
struct attributes {
	const struct user *user;
	const char *verb, *group, *resource, *sub, *ns, *name;  /* "" where there is none */
	const char *path;              /* not NULL: a path, verb is the method in lower case */
	const char *node_selected;     /* what the field selector demands of spec.nodeName, or NULL */
	bool explain;                  /* say why it is allowed, too */
};
/* reason (may be NULL) gets why not, "" mostly. */
bool authorize(struct api *a, const struct attributes *at, struct buf *reason);
/* `User "x" cannot get resource "pods" in API group "" in the namespace "y": reason` */
const char *forbidden_text(struct call *c, const struct attributes *at, const char *reason);

/* ---- node_authz.c: what a node's own identity may do (node_graph.c) ---- */
int node_authz_open(struct node_authz **ret, struct api *a);
void node_authz_close(struct node_authz *n);
/* False: no opinion, and mostly a reason. */
bool node_allowed(struct node_authz *n, const struct attributes *at, struct buf *reason);

/* ---- rbac.c, rbac_index.c, rbac_ask.c, rbac_cover.c ---- */
int rbac_open(struct rbac **ret, struct api *a);
void rbac_close(struct rbac *r);
bool rbac_allowed(struct rbac *r, const struct attributes *at, struct buf *reason);
/* Every rule the user has in ns, as rules of SelfSubjectRulesReview; errors gets what
 * could not be resolved. */
void rbac_rules(struct rbac *r, const struct user *u, const char *ns, struct buf *resource_rules,
	struct buf *path_rules, struct buf *errors);
/* Does the user hold all of rules (an array of PolicyRule) in ns ("": everywhere)?
 * missing gets those that he does not, in upstream's words. 0: yes; -ERR_FORBIDDEN; or
 * -ERR_SIZE: rules are too many to be asked for one by one. */
int rbac_covers(struct rbac *r, const struct user *u, const char *ns, yyjson_val *rules,
	struct buf *missing);
/* Does a list of PolicyRules grant all that one of them does? */
bool rbac_rule_covered(yyjson_val *rules, yyjson_val *rule);
/* The rules of a role as an immutable array; false when there is no such role. */
bool rbac_role_rules(struct api *a, const char *kind, const char *ns, const char *name, yyjson_val **ret);

/* ---- tokens.c, claims.c ---- */
int tokens_open(struct tokens **ret, struct api *a, const struct api_config *cfg, struct err *reterr);
void tokens_close(struct tokens *t);
struct token_check { const char *const *audiences; };  /* NULL: the API's own */
/* Whose token it is: *ret lives in arena. -ERR_UNAUTHORIZED with the reason. */
int tokens_verify(struct tokens *t, struct arena *a, const char *token, const struct token_check *check,
	struct user *ret, struct err *reterr);
/* Which of audiences (NULL-terminated) a token that was verified is for, in their order;
 * into out, as many as they are and a NULL. */
void tokens_audiences(struct tokens *t, const char *token, const char *const *audiences, const char **out);
struct token_claims {
	const char *ns, *sa, *sa_uid, *pod, *pod_uid, *node, *node_uid, *secret, *secret_uid;
	const char *const *audiences;  /* NULL-terminated */
	int64_t now_s, expires_s;
	int64_t warn_after_s;          /* 0: none */
};
/* -ERR_SIZE: the claims are too many for a token. */
int tokens_sign(struct tokens *t, const struct token_claims *cl, struct buf *ret, struct err *reterr);
int tokens_jwks(struct tokens *t, struct buf *out);
const char *tokens_issuer(const struct tokens *t);
#define TOKEN_UNKNOWN "invalid bearer token"
/* claims.c: the claims of a token whose signature is ours; *ret lives in arena. */
int claims_check(struct api *api, struct arena *a, yyjson_val *claims, const struct token_check *check,
	struct user *ret, struct err *reterr);
bool claims_audience(yyjson_val *claims, const char *audience);
/* bootstrap_token.c: "id.secret" of a Secret in kube-system, which is of that form. */
int bootstrap_token_verify(struct api *api, struct arena *a, const char *token, struct user *ret,
	struct err *reterr);

/* ---- user ---- */
#define USER_CREDENTIAL_ID "authentication.kubernetes.io/credential-id"
bool user_in_group(const struct user *u, const char *group);
int user_copy(struct arena *a, const struct user *from, struct user *to);
/* "system:serviceaccount:ns:name" taken apart; false: somebody else. */
bool user_service_account(const char *name, char ns[64], char sa[254]);
/* The node whose agent asks ("" when it does not say which), or NULL. */
const char *user_node(const struct user *u);

/* ---- bootstrap.c ---- */
void bootstrap_cancel(struct bootstrap *b);    /* done never runs */
/* bootstrap_keep.c: from now on it runs again when something it made is deleted. */
int bootstrap_keep_open(struct api *a);
/* It ran; not whole: something was not written, and is tried again. */
void bootstrap_keep_ran(struct bootstrap_keep *k, bool whole);
void bootstrap_keep_close(struct bootstrap_keep *k);

/* ---- tunnel.c ---- */
int tunnel_open(struct tunnel_tls **ret, const struct api_config *cfg, struct err *reterr);
void tunnel_close(struct tunnel_tls *t);
int tunnel_set_cert(struct tunnel_tls *t, const char *cert_pem, const char *key_pem, struct err *reterr);

#endif
