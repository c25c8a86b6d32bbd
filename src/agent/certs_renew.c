/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certs_renew - on a machine that joined, the agent asks for its own certificates by
 * requests to the API: its client certificate before it ends, a serving certificate for
 * its node's name and address when it has none or that ends.
 *
 *   IDLE --begin--> KEY (worker: read, or made and kept) --> ASKED (the API) -->
 *        WRITTEN (worker: one file in one step) --> IDLE, renewed; again later after a failure
 * Source: kubelet pkg/kubelet/certificate.
 */
#define LOG_MODULE "agent"
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "base/env.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "http/pki.h"

#define PEM_MAX (64u << 10)
#define WAIT_MS 30000

/* What a worker does; it outlives its renewal when that is closed. */
struct renewal_job {
	struct renewal *r;             /* NULL: closed */
	char *path;
	char cn[300], *name, *address, *address2;      /* of the node */
	bool serving;
	struct buf key, text;          /* text: the request, or what is written */
	int rc;
	struct err err;
};

static void job_free(struct renewal_job *j)
{
	if (j->key.p)
		explicit_bzero(j->key.p, j->key.cap);
	if (j->text.p)
		explicit_bzero(j->text.p, j->text.cap);
	buf_finish(&j->key);
	buf_finish(&j->text);
	free(j->path);
	free(j->name);
	free(j->address);
	free(j->address2);
	free(j);
}

static struct renewal_job *job_new(struct renewal *r, const char *path)
{
	struct renewal_job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->r = r;
	j->serving = r->serving;
	snprintf(j->cn, sizeof(j->cn), "system:node:%s", r->a->node_name);
	j->path = strdup(path);
	j->name = strdup(r->a->node_name);
	j->address = r->name_only ? NULL : strdup(r->a->address);
	j->address2 = r->name_only || !agent_address2(r->a) ? NULL : strdup(agent_address2(r->a));
	if (j->path && j->name && (j->address || r->name_only))
		return j;
	job_free(j);
	return NULL;
}

static void over(struct renewal *r, int rc, const char *why)
{
	r->rc = rc;
	if (rc)
		log_error("no new %s certificate, tried again later: %s", r->serving ? "serving" : "client", why);
	r->done(r->arg, rc);
}

/* ---- written ---- */

static void write_file(void *arg)
{
	struct renewal_job *j = arg;

	j->rc = file_replace(j->path, j->text.p, j->text.len, 0600, &j->err);
}

static void written(void *arg)
{
	struct renewal_job *j = arg;
	struct renewal *r = j->r;

	if (r) {
		r->job = NULL;
		over(r, j->rc, j->err.msg);
	}
	job_free(j);
}

static int put_text(struct renewal *r, const char *cert_pem, struct buf *out)
{
	struct client *c = r->a->client;
	struct client_config cfg = { .server = client_server(c), .ca_pem = client_ca(c), .cert_pem = cert_pem, .key_pem = r->key.p };

	if (r->serving)
		buf_adds(out, cert_pem);
	else if (cfg.ca_pem)
		client_kubeconfig_text(out, &cfg, "agent");
	return out->failed || !out->p ? -ERR_NOMEM : 0;
}

static void signed_now(void *arg, int rc, const char *cert_pem, const char *message)
{
	struct renewal *r = arg;
	struct client_csr *csr = r->csr;       /* what is told lives as long */
	struct renewal_job *j;

	r->csr = NULL;
	if (!rc && !pki_fits_key(cert_pem, r->key.p)) {
		rc = -ERR_CORRUPT;
		message = "it is not of this machine's key";
	}
	j = rc ? NULL : job_new(r, r->path);
	if (!rc && (!j || put_text(r, cert_pem, &j->text) || workers_submit(r->a->workers, write_file, written, j))) {
		rc = -ERR_NOMEM;
		message = "out of memory";
		if (j)
			job_free(j);
	}
	if (!rc)
		r->job = j;
	else
		over(r, rc, message);
	client_csr_close(csr);
}

/* ---- asked ---- */

static void make_request(void *arg)
{
	static const char *const orgs[] = { "system:nodes", NULL };
	struct renewal_job *j = arg;
	const char *dns[] = { j->name, NULL }, *ips[] = { j->address, j->address2, NULL };
	struct pki_request q = { .cn = j->cn, .orgs = orgs, .dns = j->serving ? dns : NULL, .ips = j->serving ? ips : NULL };

	j->rc = file_read(j->path, PEM_MAX, &j->key, &j->err);
	if (j->rc == -ERR_NOT_FOUND && !(j->rc = pki_ec_key(&j->key, &j->err)))
		j->rc = file_replace(j->path, j->key.p, j->key.len, 0600, &j->err);
	if (!j->rc)
		j->rc = pki_csr(&j->text, &q, j->key.p, &j->err);
}

static void request_made(void *arg)
{
	static const char *const client_usages[] = { "digital signature", "client auth", NULL };
	static const char *const serving_usages[] = { "digital signature", "server auth", NULL };
	struct renewal_job *j = arg;
	struct renewal *r = j->r;
	char name[64] = "node-csr-";

	if (!r) {
		job_free(j);
		return;
	}
	r->job = NULL;
	text_random_name(name + strlen(name), 16);
	buf_finish(&r->key);
	r->key = j->key;
	j->key = (struct buf){ 0 };
	struct client_csr_req q = { .name = name, .pem = j->text.p, .timeout_ms = WAIT_MS,
		.signer = r->serving ? "kubernetes.io/kubelet-serving" : "kubernetes.io/kube-apiserver-client-kubelet",
		.usages = r->serving ? serving_usages : client_usages };
	int rc = j->rc ? j->rc : client_csr_open(&r->csr, r->a->client, &q, signed_now, r);
	if (rc)
		over(r, rc, j->rc ? j->err.msg : err_text(rc));
	job_free(j);
}

bool renewal_busy(const struct renewal *r)
{
	return r->job || r->csr;
}

void renewal_begin(struct renewal *r)
{
	struct renewal_job *j = job_new(r, r->key_path);

	if (!j || workers_submit(r->a->workers, make_request, request_made, j)) {
		if (j)
			job_free(j);
		over(r, -ERR_NOMEM, "out of memory");
		return;
	}
	r->job = j;
}

void renewal_close(struct renewal *r)
{
	client_csr_close(r->csr);
	if (r->job)
		r->job->r = NULL;
	if (r->key.p)
		explicit_bzero(r->key.p, r->key.cap);
	buf_finish(&r->key);
}
