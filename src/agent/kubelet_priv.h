/* SPDX-License-Identifier: Apache-2.0 */
/* kubelet_priv - between the files of the kubelet's HTTPS API. */
#ifndef AGENT_KUBELET_PRIV_H
#define AGENT_KUBELET_PRIV_H

#include "agent/agent_priv.h"
#include "base/list.h"
#include "http/http.h"

#define STREAM_PENDING_MAX (256u << 10)    /* unsent bytes after which no more is read for a client */

struct kubelet {
	struct agent *a;
	struct http_server *http;
	char *client_cn;
	struct ctrlog_hub *log_hub;
	struct list logs;              /* logs being followed */
	struct list sessions;          /* exec and attach */
	struct list forwards;
};

/* Values of a query, decoded: the n-th of that name, malloc'd, NULL when there is none. */
char *query_get(const char *query, const char *name, unsigned nth);
bool query_true(const char *query, const char *name);
void reply_text(struct http_req *r, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* kubelet_stream.c */
void kubelet_exec(struct kubelet *k, struct http_req *r, struct ctr *c);
void kubelet_attach(struct kubelet *k, struct http_req *r, struct ctr *c);
void kubelet_sessions_close(struct kubelet *k);
void kubelet_sessions_log_ended(struct kubelet *k, const char *ctr_id);
/* kubelet_forward.c */
void kubelet_forward(struct kubelet *k, struct http_req *r, struct pod *p);
void kubelet_forwards_close(struct kubelet *k);
/* kubelet_stats.c */
void kubelet_summary(struct kubelet *k, struct buf *out);
void kubelet_metrics(struct kubelet *k, struct buf *out);
void kubelet_pods(struct kubelet *k, struct buf *out);

#endif
