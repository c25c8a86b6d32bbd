/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr - a certificate asked for by a CertificateSigningRequest and waited for.
 *
 *   ASKED --made, or there already--> WATCHED --signed, refused--> done
 *                                        +------ time is up -----> done
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client/client_priv.h"

struct client_csr {
	struct client *client;
	struct client_watch *watch;
	struct loop_timer timer;
	struct loop_task task;         /* done runs outside of the callbacks of client and watch */
	client_csr_fn *done;
	void *arg;
	char *name;
	int rc;
	bool over, calling, closed;
	struct buf cert, message;
};

static void csr_free(struct client_csr *r)
{
	buf_finish(&r->cert);
	buf_finish(&r->message);
	free(r->name);
	free(r);
}

static void tell(void *arg)
{
	struct client_csr *r = arg;

	r->done(r->arg, r->rc, r->rc ? NULL : r->cert.p, r->message.p ? r->message.p : "");
}

static void end(struct client_csr *r, int rc, const char *message)
{
	if (r->over)
		return;
	r->over = true;
	r->rc = rc;
	buf_adds(&r->message, message);
	loop_timer_stop(&r->timer);
	loop_defer(r->client->loop, &r->task, tell, r);
}

static void late(void *arg)
{
	end(arg, -ERR_DEADLINE, "the request is neither approved nor denied yet");
}

static void changed(void *arg, enum client_event ev, yyjson_val *obj)
{
	struct client_csr *r = arg;
	const char *cert = obj ? doc_str(obj, "status.certificate") : NULL;
	yyjson_val *it;
	size_t i, max;

	if (r->over || ev == CLIENT_SYNCED)
		return;
	if (ev == CLIENT_DELETED) {
		end(r, -ERR_NOT_FOUND, "the request was deleted");
		return;
	}
	if (cert && *cert) {
		int rc = text_unbase64(&r->cert, cert, strlen(cert)) || !r->cert.p ? -ERR_BAD_REQUEST : 0;

		end(r, rc, rc ? "the certificate cannot be read" : "");
		return;
	}
	yyjson_arr_foreach(doc_get(obj, "status.conditions"), i, max, it) {
		const char *type = doc_str(it, "type"), *message = doc_str(it, "message");

		if (type && (!strcmp(type, "Denied") || !strcmp(type, "Failed")))
			end(r, -ERR_FORBIDDEN, message ? message : "the request was denied");
	}
}

static void made(void *arg, const struct client_reply *reply)
{
	struct client_csr *r = arg;
	char query[300];

	r->calling = false;
	if (r->closed) {
		csr_free(r);
		return;
	}
	if (r->over)
		return;
	if (reply->rc && reply->rc != -ERR_EXISTS) {
		end(r, reply->rc, reply->message);
		return;
	}
	snprintf(query, sizeof(query), "fieldSelector=metadata.name%%3D%s", r->name);
	if (client_watch(&r->watch, r->client, kinds_by_resource("certificates.k8s.io", "v1", "certificatesigningrequests"),
		NULL, query, changed, r))
		end(r, -ERR_NOMEM, "out of memory");
}

static int post(struct client_csr *r, const struct client_csr_req *q)
{
	BUF_AUTO struct buf b = { 0 };
	int rc;

	buf_printf(&b, "{\"kind\":\"CertificateSigningRequest\",\"apiVersion\":\"certificates.k8s.io/v1\",\"metadata\":{\"name\":\"%s\"},"
		"\"spec\":{\"signerName\":\"%s\",\"usages\":[", q->name, q->signer);
	for (size_t i = 0; q->usages[i]; i++)
		buf_printf(&b, "%s\"%s\"", i ? "," : "", q->usages[i]);
	buf_adds(&b, "],\"request\":\"");
	text_base64(&b, q->pem, strlen(q->pem));
	buf_adds(&b, "\"}}");
	if (b.failed)
		return -ERR_NOMEM;
	struct client_req call = { .method = "POST", .path = "/apis/certificates.k8s.io/v1/certificatesigningrequests",
		.body = b.p, .body_len = b.len, .timeout_ms = q->timeout_ms };
	rc = client_call(r->client, &call, made, r);
	r->calling = !rc;
	return rc;
}

int client_csr_open(struct client_csr **ret, struct client *c, const struct client_csr_req *q, client_csr_fn *done,
	void *arg)
{
	struct client_csr *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return -ERR_NOMEM;
	*r = (struct client_csr){ .client = c, .done = done, .arg = arg, .name = strdup(q->name) };
	loop_timer_init(&r->timer, c->loop, late, r);
	rc = r->name ? post(r, q) : -ERR_NOMEM;
	if (rc) {
		csr_free(r);
		return rc;
	}
	loop_timer_set(&r->timer, q->timeout_ms);
	*ret = r;
	return 0;
}

void client_csr_close(struct client_csr *r)
{
	if (!r)
		return;
	client_watch_close(r->watch);
	loop_timer_stop(&r->timer);
	loop_defer_cancel(r->client->loop, &r->task);
	r->closed = true;
	if (!r->calling)       /* else its answer frees it */
		csr_free(r);
}
