/* SPDX-License-Identifier: Apache-2.0 */
/* cni_priv - what cni's files share: configurations, results, one plugin's run, the record. */
#ifndef NET_CNI_PRIV_H
#define NET_CNI_PRIV_H

#include <netinet/in.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/map.h"
#include "doc/doc.h"
#include "net/cni.h"

#define CNI_CONF_MAX    (256u << 10)   /* bytes of a configuration */
#define CNI_RECORD_MAX  (1u << 20)     /* bytes of a pod's record */
#define CNI_OUTPUT_MAX  (64u << 10)    /* bytes that a plugin may say */
#define CNI_ARENA_BYTES (8u << 20)
#define CNI_PLUGINS_MAX 16u
#define CNI_IPS_MAX     64u
#define CNI_ID_MAX      128u
#define CNI_TIMEOUT_MS  120000         /* of one plugin */

/* ---- cni_conf.c ---- */
/* A network: its plugins in the order of ADD. Lives in the arena it was parsed into. */
struct cni_list {
	const char *name, *version;
	yyjson_val *root;              /* as a list, also where a single plugin was configured */
	yyjson_val *plugins[CNI_PLUGINS_MAX];
	unsigned count;
};
/* 0, -ERR_INVALID with what is wrong, -ERR_SIZE or -ERR_BAD_REQUEST. */
int cni_list_read(struct cni_list *ret, yyjson_val *root, struct err *reterr);
int cni_list_parse(struct arena *a, struct cni_list *ret, const char *p, size_t n, struct err *reterr);
bool cni_known_version(const char *version);
/* Is name a configuration's (*.conf, *.conflist, *.json)? */
bool cni_is_conf(const char *name);
/* The first good configuration of dir by name. 0; -ERR_NOT_FOUND: no configuration is there;
 * -ERR_INVALID: some are, none is good (message: of the first). Blocking. */
int cni_choose(struct arena *a, const char *dir, struct cni_list *ret, char ret_file[256], struct err *reterr);
/* What plugin i gets on its standard input. ports, prev: NULL or values. */
int cni_input(struct buf *out, const struct cni_list *l, unsigned i, yyjson_val *ports, yyjson_val *prev);

/* ---- cni_result.c ---- */
struct cni_result { char ip4[INET_ADDRSTRLEN], ip6[INET6_ADDRSTRLEN]; };
/* The pod's addresses in a plugin's answer: the first of each family at eth0. 0 or -ERR_INVALID. */
int cni_result_read(struct cni_result *ret, yyjson_val *root, const char *version, struct err *reterr);
/* Why a plugin failed, of what it said on its outputs; out is printable. */
void cni_failure(char *out, size_t size, const char *said, size_t n, const char *errors, size_t error_count);

/* ---- cni_exec.c ---- */
struct cni_exec;
/* ok: it ended well. Both outputs are NUL-terminated and live during the call. */
typedef void cni_exec_fn(void *arg, bool ok, bool late, const char *said, size_t n, const char *errors, size_t error_count);
/* Run a program with in on its standard input; after timeout_ms it and its children are killed. */
int cni_exec_start(struct cni_exec **ret, struct loop *l, const char *path, const char *const *env, const char *in, size_t n,
	int64_t timeout_ms, cni_exec_fn *done, void *arg, struct err *reterr);
void cni_exec_kill(struct cni_exec *e);        /* done will not run; accepts NULL */

/* ---- cni_cache.c: what is known of a pod's attachment, on disk as state_dir/cni/<id>; blocking ---- */
struct cni_record {
	struct arena *arena;           /* of all below */
	struct cni_list list;
	const char *netns, *args, *bins;
	const char *ident;             /* which namespace netns was, of which boot; "": unknown */
	yyjson_val *ports, *result;    /* or NULL */
};
void cni_record_finish(struct cni_record *r);
int cni_record_text(struct buf *out, const struct cni_record *r);
int cni_record_parse(struct cni_record *ret, const char *p, size_t n, struct err *reterr);
/* "" where there is none. */
void cni_netns_ident(char ret[128], const char *netns_path);

/* ---- cni.c ---- */
enum att_state { ATT_THERE, ATT_ADDING, ATT_DELETING };
/* What a chain of DEL is for. */
enum after { AFTER_ADD, AFTER_FAILURE, AFTER_GONE };

struct att {
	struct cni *c;
	char *id;
	enum att_state state;
	bool recorded;                 /* a file is, or may be, there */
	bool unwanted;                 /* its end was asked for */
	struct cni_record rec;         /* of what may be attached */
	struct cni_record next;        /* of what is to be, while that is taken away first */
	struct list line;              /* in c->line, or alone */
	bool in_chain, deleting;       /* deleting: the chain is one of DEL */
	enum after after;
	unsigned at;                   /* plugins done of the chain */
	struct cni_exec *exec;
	yyjson_val *prev;              /* the last plugin's result */
	char message[1100];            /* why an add fails */
	int rc;
	struct loop_timer retry;
	int64_t retry_ms;
	cni_added_fn *added;
	cni_deleted_fn *deleted;
	void *added_arg, *deleted_arg;
};

struct cni {
	struct loop *loop;
	char *dir, *bin_dirs;
	struct arena *arena;
	struct cni_list list;
	struct map atts;               /* by pod id */
	struct workers *files;
	struct list line;              /* chains that wait */
	unsigned chains;
	struct loop_task line_task;
	bool closing;
};

bool cni_good_id(const char *id);
struct att *cni_att_new(struct cni *c, const char *id);        /* NULL: no memory */
void cni_att_free(struct att *t);
void cni_att_drop(struct att *t);              /* leaves the map, too */
void cni_att_added(struct att *t, int rc, const struct cni_result *r, const char *message);    /* its done runs, if it is due */

#endif
