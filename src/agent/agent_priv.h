/* SPDX-License-Identifier: Apache-2.0 */
/* agent_priv - the agent's own structs, for its files and their tests. */
#ifndef AGENT_AGENT_PRIV_H
#define AGENT_AGENT_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "agent/agent.h"
#include "agent/image.h"
#include "agent/podstate.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/workers.h"
#include "client/client.h"
#include "net/cni.h"
#include "net/net.h"
#include "net/policy.h"
#include "runtime/runtime.h"

#define CTR_ID_MAX 65
#define POD_CTRS_MAX 64
#define CONTAINER_ID_SCHEME "sampan://"

struct agent;
struct pod;
struct ref;
struct probe;
struct fetcher;
struct handler;
struct recorder;
struct service_ranges;
struct services;
struct api_servers;
struct policies;
struct health;
struct speakers;
struct node;
struct kubelet;
struct rotator;
struct rotated;
struct certs;

/* ---- one ended instance of a container, as status shows it ---- */
struct termination {
	int exit_code;
	int64_t started_us, finished_us;
	char reason[64];               /* Completed, Error, OOMKilled, ... */
	char *message;                 /* or NULL */
	char id[CTR_ID_MAX];
};

enum probe_kind { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS, PROBE_KINDS };

struct ctr {
	struct pod *pod;
	char *name;
	enum ctr_kind kind;
	yyjson_val *spec;              /* in pod->doc: changes with it */
	struct podstate_ctr st;
	char id[CTR_ID_MAX];           /* of the current or last instance; "" before the first */
	unsigned attempt;              /* restartCount */
	struct runtime_status run;
	int64_t backoff_ms;            /* before the next start after an exit */
	int64_t pull_backoff_ms;
	char *image_id, *image_ref;    /* ids as image.h gives them; NULL: not known yet */
	char reason[64];               /* why it waits; "" when it does not */
	char *message;
	struct termination term, last; /* of this instance (EXITED); of the one before */
	bool has_last, ready;
	bool prestop_running;
	int64_t stop_deadline_ms;
	struct probe *probes[PROBE_KINDS];
	struct start *start;           /* the start under way */
	struct handler *hook;          /* the hook under way */
	struct rotated *log;           /* while it runs */
	bool attached;                 /* this instance has had a client */
};

struct condition { bool value, set; int64_t since_us; const char *reason; char *message; };
enum pod_cond { COND_SANDBOX, COND_INITIALIZED, COND_READY, COND_CONTAINERS_READY, COND_COUNT };

struct volume;
struct pod {
	struct agent *a;
	char *uid, *ns, *name;
	char *dir;                     /* data_dir/pods/<uid> */
	yyjson_doc *doc;
	yyjson_val *obj, *spec;
	struct ctr *ctrs;
	unsigned ctr_count, ctr_max;
	enum restart_policy restart;
	bool deleting, gone, failed, initialized, terminal;
	int64_t grace_ms;              /* of the deletion */
	char fail_reason[64], *fail_message;
	/* sandbox */
	bool sandbox_ready;            /* as status shows it: also of an adopted pod */
	bool sandbox_up;               /* made or found again by this process */
	bool sandbox_busy, torn_down, finishing;
	int64_t sandbox_backoff_ms, sandbox_retry_at_ms, delete_retry_at_ms;
	unsigned removals;             /* under way in the teardown */
	char *netns, *ipcns, *ip;
	char *ip6;                     /* a second one, or NULL */
	char cgroup[128];
	struct volume *volumes;
	bool volumes_told;             /* the FailedMount event is out */
	struct ref **refs;
	unsigned ref_count;
	int64_t start_us;
	struct condition conds[COND_COUNT];
	enum pod_phase phase;
	/* work */
	struct loop_task sync_task;
	struct loop_timer wake;
	int64_t wake_at_ms;
	/* status */
	bool status_dirty, status_busy;
	int64_t status_backoff_ms;
	struct loop_timer status_timer;
	struct loop_task status_task;
	char *status_sent;             /* the last status the API took */
	unsigned holds;                /* callbacks under way; the pod is freed when 0 and forgotten */
	bool forgotten;
};

struct agent {
	struct loop *loop;
	char *data_dir, *run_dir, *node_name, *address, *cluster_domain;
	char *address2;                /* of the other family than address; or NULL. Told by agent_address2() */
	bool told_both;                /* by the operator */
	char *cluster_cidr, *service_cidr, *dns_ip;    /* as this and pod_cidr: one, or one of each family with a comma */
	char *labels;                  /* the operator's, as members of a JSON object; "": none */
	char *pod_cidr;                /* NULL: not known yet */
	bool fake, networked;          /* fake: no network at all; networked: pods may begin */
	int pods_max, kubelet_port, lease_s;
	struct client *client;
	struct runtime *rt;
	struct net *net;
	struct cni *cni;               /* has the pods' addresses and links in net's place; NULL: net has */
	struct images *images;
	struct workers *workers;       /* short jobs */
	struct workers *removals;      /* of trees, however long they take */
	struct fetcher *fetcher;
	struct recorder *recorder;
	struct services *services;
	struct service_ranges *service_ranges;
	struct api_servers *servers;
	struct policies *policies;     /* NULL: no network */
	struct speakers *speakers;
	struct node *node;
	struct nodes *nodes;
	struct kubelet *kubelet;
	struct rotator *rotator;
	struct certs *certs;
	struct map pods;               /* uid -> struct pod */
	struct map by_ctr;             /* container id -> struct ctr */
	struct map refs;               /* "configmaps/ns/name" -> struct ref */
	struct map adopted;            /* container id -> struct adopted, until its pod is known */
	struct client_watch *pods_watch;
	bool pods_synced, closing;
	bool believed;                 /* the API shows this node as ready */
	void (*ready)(void *arg), (*failed)(void *arg);
	void *ready_arg;
};

/* ---- agent.c ---- */
/* What the runtime held at start, until its pod is known. */
struct adopted { char pod_id[CTR_ID_MAX]; struct runtime_status st; };

/* The addresses of this node's pods are known: opens the network, then takes up the pods. Once. */
void agent_network(struct agent *a, const char *pod_cidr, const char *service_cidr);
/* Where the kubelet API is served by default. */
const char *agent_listen(const struct agent *a);
/* The second address of the Node and of pods on its network, or NULL. As with a kubelet nobody hears of one that was only
 * found, unless pods have both families. */
const char *agent_address2(const struct agent *a);
void agent_remove_tree(struct agent *a, const char *path);   /* in the background */

/* ---- pod.c: the one place of effects ---- */
struct pod *pod_open(struct agent *a, yyjson_val *obj);
void pod_update(struct pod *p, yyjson_val *obj);
void pod_deleted(struct pod *p);                  /* gone from the API */
void pod_sync_soon(struct pod *p);
void pod_refs_changed(struct pod *p);             /* what it waited for may be there */
void pod_close(struct pod *p);                    /* at agent_close: nothing is stopped */
void pod_fail(struct pod *p, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void pod_unhold(struct pod *p);
struct pod *pod_find(struct agent *a, const char *ns, const char *name);
struct ctr *pod_ctr(struct pod *p, const char *name);
void ctr_exited(struct ctr *c, const struct runtime_status *st);
void ctr_wait(struct ctr *c, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void ctr_stop(struct ctr *c, const char *why);    /* hook, signal, kill after the grace */
int64_t pod_grace_ms(const struct pod *p);

/* ---- podnet.c ---- */
/* Have the pod's namespace attached to another network, host ports too; as cni_pod_add, or -ERR_SIZE: too many ports. */
int pod_attach(struct pod *p, cni_added_fn *done);

/* ---- podstart.c: one container from image to running ---- */
void ctr_start(struct ctr *c);
void ctr_set_aside(struct ctr *c);                /* its instance ended: the next one's turn */
void ctr_running(struct ctr *c);                  /* probes and hooks begin; also after adoption */
void ctr_id(char out[CTR_ID_MAX], const char *uid, const char *name, unsigned attempt);

/* ---- podspec.c: pure readings of a pod ---- */
int64_t spec_quantity(yyjson_val *resources, const char *list, const char *name, bool milli);
/* Seconds, in ms; at most what ends within this century, whatever is asked for. */
int64_t spec_ms(yyjson_val *v, const char *path, int64_t dflt_s);
const char *spec_qos(yyjson_val *pod);            /* "Guaranteed", "Burstable", "BestEffort" */
/* NULL, or what of this pod is not done here (static or in out). */
const char *spec_refused(yyjson_val *pod, char *out, size_t size);
int spec_oom_score(const char *qos, yyjson_val *container, int64_t machine_memory);
void spec_hostname(char out[64], yyjson_val *pod);
bool spec_host_network(yyjson_val *pod);

/* ---- podenv.c ---- */
struct strv { char **v; size_t n, cap;            /* NULL-terminated once n > 0 */
	struct map names; };                      /* of an environment: name -> place in v, from 1 */
void strv_finish(struct strv *s);
int strv_add(struct strv *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int strv_set(struct strv *env, const char *name, const char *value, size_t value_len);
const char *strv_env(const struct strv *s, const char *name);   /* of what strv_set and env_build put there */
/* $(VAR) by env; $$ is one dollar; unknown names stay. malloc'd. */
char *env_expand(const char *s, const struct strv *env);
/* Environment of c, in order; image: the image's own. -ERR_AGAIN: something referenced is not
 * known yet; -ERR_NOT_FOUND with message: it is missing. */
int env_build(struct ctr *c, const char *const *image, struct strv *ret, struct err *reterr);
/* A field of the pod ("metadata.labels['x']", "status.podIP"). 0 or -ERR_BAD_REQUEST. */
int env_field(struct pod *p, const char *path, struct buf *out);
int env_resource(struct pod *p, const char *ctr_name, const char *resource, const char *divisor, struct buf *out);

/* ---- refs.c: the ConfigMaps and Secrets that pods name ---- */
enum ref_state { REF_UNKNOWN, REF_ABSENT, REF_PRESENT };
void refs_collect(struct pod *p);                 /* watch what p names, drop what it does not */
void refs_drop(struct pod *p);
enum ref_state ref_get(struct pod *p, const char *plural, const char *name, yyjson_val **ret);

/* ---- volumes.c, volume_write.c ---- */
/* Make what is missing, refresh what has changed. 0; -ERR_AGAIN: waiting for something
 * (message says for what); other: cannot be (message). */
int volumes_prepare(struct pod *p, struct err *reterr);
void volumes_refresh(struct pod *p);
void volumes_remove(struct pod *p);               /* unmount and delete, on a worker */
void volumes_close(struct pod *p);                /* memory only */
/* Where volume name is on this machine; NULL: no such volume. */
const char *volume_path(struct pod *p, const char *name, bool *ret_read_only);
/* The shared memory of a pod's containers, mounted at path. */
int volume_shm(const char *path, struct err *reterr);
/* A bind source for subpath inside a volume, made when it is missing. */
int volume_subpath(struct pod *p, const char *ctr_name, unsigned index, const char *volume, const char *subpath,
	bool read_only, char *out, size_t size, struct err *reterr);
struct payload { struct payload_file { char *path; char *data; size_t len; int mode; } *v; size_t n, cap; };
void payload_finish(struct payload *p);
int payload_add(struct payload *p, const char *path, const void *data, size_t len, int mode);
/* Make dir hold exactly these files, all at once for readers. hash: of what is there, from
 * the last call (zeroes at first); the same again writes nothing. fs_group -1: none. */
int payload_write(const char *dir, const struct payload *p, int64_t fs_group, uint8_t hash[32], struct err *reterr);

/* ---- podfiles.c ---- */
int podfiles_write(struct pod *p, struct err *reterr);   /* hosts, resolv.conf */
void resolv_conf(struct buf *out, yyjson_val *pod, const char *host, const char *ns, const char *dns_ip,
	const char *cluster_domain);
void hosts_file(struct buf *out, yyjson_val *pod, const char *const ips[2], const char *hostname, const char *cluster_domain);

/* ---- podstatus.c ---- */
void status_changed(struct pod *p);               /* will be written soon */
/* Written again when the API shows another Ready than was told: with the node, its pods were given up. */
void status_reclaim(struct pod *p);
bool status_settled(struct pod *p);               /* nothing is left to write */
/* Conditions from the containers' state; true when readiness changed. */
void status_conditions(struct pod *p);
char *status_text(struct pod *p);                 /* malloc'd JSON of status */
void status_adopt(struct pod *p);                 /* what only the API remembers of earlier lives */
void status_close(struct pod *p);
/* It has ended and waits to be started again: shown as waiting. */
bool ctr_backing_off(const struct ctr *c);

/* ---- handler.c: one probe's or hook's action ---- */
/* message: why it failed; with ok: "" or what is odd about the success. */
typedef void handler_fn(void *arg, bool ok, const char *message);
/* action: an object with exec, httpGet, tcpSocket or sleep. NULL: it could not be started, and
 * done will not run (message in reterr). */
struct handler *handler_run(struct ctr *c, yyjson_val *action, int64_t timeout_ms, handler_fn *done, void *arg,
	struct err *reterr);
void handler_cancel(struct handler *h);           /* done will not run; accepts NULL */

/* ---- probe.c ---- */
void probes_start(struct ctr *c, bool adopted);
void probes_stop(struct ctr *c);

/* ---- fetch.c: plain HTTP(S) GETs ---- */
struct fetch;
/* text: of the answer's body, cut at a few KiB; with status 0: why there is none. */
typedef void fetch_fn(void *arg, int status, const char *text);
int fetcher_open(struct fetcher **ret, struct loop *l);
void fetcher_close(struct fetcher *f);
/* headers: "Name: value", NULL-terminated. */
struct fetch *fetch_get(struct fetcher *f, const char *url, const char *const *headers, int64_t timeout_ms,
	fetch_fn *done, void *arg);
void fetch_cancel(struct fetch *f);

/* ---- events.c ---- */
int recorder_open(struct recorder **ret, struct agent *a);
void recorder_close(struct recorder *r);
/* About a pod (ctr NULL) or one container of it. type "Normal" or "Warning". */
void event_pod(struct pod *p, const struct ctr *c, const char *type, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void event_node(struct agent *a, const char *type, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void event_service(struct agent *a, const char *ns, const char *name, const char *uid, const char *type, const char *reason,
	const char *fmt, ...) __attribute__((format(printf, 7, 8)));

/* ---- certs.c ---- */
int certs_open(struct certs **ret, struct agent *a, const struct agent_config *cfg);
void certs_close(struct certs *c);
void certs_node_up(struct certs *c);           /* the Node has its addresses now */

/* ---- certs_renew.c ---- */
struct renewal {
	struct agent *a;
	bool serving, name_only;               /* name_only: a serving certificate that names no address */
	const char *key_path, *path;           /* path: what is written, the kubeconfig or the certificate */
	void (*done)(void *arg, int rc);       /* 0: path was written */
	void *arg;
	/* its own */
	struct renewal_job *job;
	struct client_csr *csr;
	struct buf key;
	int rc;
};
void renewal_begin(struct renewal *r);
bool renewal_busy(const struct renewal *r);
void renewal_close(struct renewal *r);

/* ---- speakers.c ---- */
int speakers_open(struct speakers **ret, struct agent *a);
void speakers_close(struct speakers *s);       /* accepts NULL; what is announced stays */
/* A Service's balancer's addresses (none: it has none any more); nodes: where they may be
 * announced, NULL for anywhere. */
void speakers_service(struct speakers *s, const char *key, const char *const *ips, const char *const *nodes);
void speakers_node(struct speakers *s, const char *name, const char *address);        /* NULL: it may not speak */
void speakers_nodes_known(struct speakers *s);
void speakers_services_known(struct speakers *s);
uint64_t speakers_weight(const char *ip, const char *node);    /* the same everywhere; the highest speaks */

/* ---- health.c ---- */
int health_open(struct health **ret, struct agent *a);
void health_close(struct health *h);   /* accepts NULL */
/* A Service's healthCheckNodePort (0: it has none), and how many endpoints of this node are ready. */
void health_set(struct health *h, const char *ns, const char *name, int port, unsigned local);

/* ---- nodes.c ---- */
int nodes_open(struct nodes **ret, struct agent *a);
void nodes_close(struct nodes *ns);    /* accepts NULL */

/* ---- servers.c: the cloud's servers, by the EndpointSlices of default/kubernetes ---- */
int api_servers_open(struct api_servers **ret, struct agent *a, const char *kubeconfig);   /* -ERR_NOMEM */
void api_servers_close(struct api_servers *s);    /* accepts NULL; no worker runs any more */
void api_servers_seen(struct api_servers *s, yyjson_val *const *slices, size_t n);
/* ---- policies.c; all accept NULL ---- */
int policies_open(struct policies **ret, struct agent *a, struct err *reterr);
void policies_close(struct policies *ps);
/* p is new or changed, got its address or lost it. */
void policies_pod(struct policies *ps, struct pod *p);
void policies_pods_known(struct policies *ps);    /* all of this node's are told */
/* Must a pod that was told just now wait for its rules? Then done runs once. */
bool policies_wait(struct policies *ps, policy_done_fn *done, void *arg);

/* ---- node.c, services.c, service_ranges.c, kubelet.c ---- */
/* What the operator calls the node, as agent.labels; the caller frees *ret. -ERR_BAD_REQUEST says which word is wrong. */
int node_labels(char **ret, const struct agent_config *cfg, struct err *reterr);
int node_open(struct node **ret, struct agent *a);
void node_changed(struct node *n);     /* its status is told soon */
/* Its Node, as the API has it: one that was given up meanwhile is told at once that it lives. */
void node_seen(struct node *n, yyjson_val *node);
void node_close(struct node *n);
int64_t node_memory_bytes(const struct agent *a);
int64_t node_milli_cpus(const struct agent *a);
int services_open(struct services **ret, struct agent *a);
void services_close(struct services *s);
void services_zone(struct services *s, const char *zone);      /* of this node; NULL: none */
/* SVCNAME_SERVICE_HOST and so on, of the Services of ns, and always the API's own. */
int services_env(struct services *s, const char *ns, bool all, struct strv *out);
int service_ranges_open(struct service_ranges **ret, struct agent *a);
void service_ranges_close(struct service_ranges *s);
int kubelet_open(struct kubelet **ret, struct agent *a, const struct agent_config *cfg, struct err *reterr);
void kubelet_close(struct kubelet *k);
/* For connections from now on. */
int kubelet_set_cert(struct kubelet *k, const char *cert_pem, const char *key_pem, struct err *reterr);
/* Nothing more comes into the log of this container. */
void kubelet_log_ended(struct kubelet *k, const char *ctr_id);

/* ---- logrotate.c ---- */
int rotator_open(struct rotator **ret, struct agent *a);
void rotator_close(struct rotator *r);
/* The log of c, which runs; NULL: it grows without bound. Not after rotator_close. */
struct rotated *rotator_add(struct ctr *c);
void rotator_del(struct rotated *g);              /* accepts NULL */

/* Log of one instance: data_dir/logs/<ns>_<name>_<uid>/<container>/<attempt>.log */
void log_path(char *out, size_t size, const struct pod *p, const char *ctr_name, unsigned attempt);

#endif
