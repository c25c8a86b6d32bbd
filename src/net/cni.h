/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cni - pods' addresses and links by another network's plugins, where an operator
 * wants that instead of our own (net_pod_*).
 *
 *   pod     absent -> adding -> there -> deleting -> absent
 *                        \-> (deleted again) -> absent, the reason told
 *
 * In:      agent, with plain structs.   Out: plugins as children, files of state_dir/cni.
 * Never:   API objects.
 * Thread:  loop thread; files on a worker, plugins as children: nothing waits for them.
 * Promise: before the first plugin of a pod runs, what takes it away again is on disk:
 *          configuration, arguments, later the result. So whatever ends when, each
 *          attachment that may be there is deleted, by the configuration that made it.
 * Source:  the CNI specification 1.0.0; plugins' answers of 0.3.0 to 1.0.0.
 * Tests:   tests/unit/net/test_cni.c, tests/fuzz/fuzz_cni.c, tests/node/24_cni.sh
 */
#ifndef NET_CNI_H
#define NET_CNI_H

#include <stdbool.h>

#include "base/err.h"

struct loop;
struct cni;

struct cni_config {                    /* borrowed for the call */
	const char *conf_dir;          /* "/etc/cni/net.d"; "": none; NULL: only to delete what is there */
	const char *bin_dirs;          /* where plugins are, in order: "/opt/cni/bin:/usr/lib/cni" */
	const char *state_dir;         /* persistent; net's, too */
};
/*
 * Takes the first configuration by name (*.conf, *.conflist, *.json) that is a good one, and
 * reads what an earlier life attached.
 *
 * Returns 0, with *ret NULL where there is none and nothing is attached; or
 *   -ERR_INVALID   none of those there is good, or none is there and pods are attached
 *   -ERR_CONFLICT  pods of this machine have addresses of our own network
 *   -ERR_NOMEM, -ERR_IO
 */
int cni_open(struct cni **ret, struct loop *l, const struct cni_config *cfg, struct err *reterr);
/* Plugins that run are killed: their pods' attachments are made, or taken away, by the next
 * life. Every done that is due runs, with -ERR_CANCELED. Accepts NULL. */
void cni_close(struct cni *c);
const char *cni_name(const struct cni *c);             /* the network's; "": none */

struct cni_port { const char *proto, *host_ip; int host_port, port; };         /* host_ip: "" or an address */
struct cni_pod {                       /* borrowed for the call */
	const char *id;                /* [A-Za-z0-9._-], told as the container's */
	const char *netns_path;
	const char *args;              /* CNI_ARGS: "KEY=value;..." */
	const struct cni_port *ports; unsigned port_count;
};
/* ip6: "" where it has none; one of both is never "". message: what failed, with rc. */
typedef void cni_added_fn(void *arg, int rc, const char *ip4, const char *ip6, const char *message);
/* One whose namespace is still the one it was attached in has its addresses again, no plugin runs.
 * 0: done runs once, on the loop, later; or -ERR_BAD_REQUEST, -ERR_CONFLICT (it is being added or
 * deleted), -ERR_NOMEM, -ERR_FULL. */
int cni_pod_add(struct cni *c, const struct cni_pod *p, cni_added_fn *done, void *arg);

/* rc 0: it is gone, this was the last call. -ERR_AGAIN: it failed, as message says, and is tried
 * again in a while. -ERR_CANCELED: closing. */
typedef void cni_deleted_fn(void *arg, int rc, const char *message);
/* 0: done (may be NULL) runs, later; -ERR_NOT_FOUND: nothing is attached, done does not run.
 * Asked again: the done of the first asking is replaced. */
int cni_pod_del(struct cni *c, const char *pod_id, cni_deleted_fn *done, void *arg);
/* After a restart: all pods but these are deleted. */
void cni_pods_keep(struct cni *c, const char *const *pod_ids);
/* Deletes all that is attached. Blocking, at most a few minutes; no open cni. */
int cni_down(const struct cni_config *cfg, struct err *reterr);

#endif
