/* SPDX-License-Identifier: Apache-2.0 */
/* join - see join.h. */
#include "join.h"
#include "join_priv.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/text.h"
#include "cli/ask.h"
#include "cli/token.h"
#include "client/client.h"
#include "doc/yaml.h"
#include "http/pki.h"

#define PEM_MAX      (64u << 10)
#define WAIT_MS      30000     /* for the certificate */
#define DEFAULT_PORT 6443
#define ANOTHER_TOKEN "make another with `sampan token create` where the server is"

const char *join_at(struct joining *j, const char *name)
{
	snprintf(j->path, sizeof(j->path), "%s/%s", j->cfg->pki_dir, name);
	return j->path;
}

int join_url(const char *typed, char ret[400], struct err *reterr)
{
	const char *host = strncmp(typed, "https://", 8) ? typed : typed + 8, *bracket = strchr(host, ']');
	size_t n = strlen(host);
	bool port;

	while (n && host[n - 1] == '/')
		n--;
	port = memchr(bracket ? bracket : host, ':', bracket ? n - (size_t)(bracket - host) : n) != NULL;
	if (!n || n > 300 || strcspn(host, "/?#@ \"\\\n\r\t") < n || (*host == '[') != (bracket != NULL) || *host == ':')
		return err_set(reterr, ERR_BAD_REQUEST, "%s is not the address of a server, like https://10.0.0.1:6443", typed);
	if (port)
		snprintf(ret, 400, "https://%.*s", (int)n, host);
	else
		snprintf(ret, 400, "https://%.*s:%d", (int)n, host, DEFAULT_PORT);
	return 0;
}

int join_check(struct joining *j)
{
	const struct join_config *c = j->cfg;

	if (join_url(c->url, j->url, j->reterr))
		return -ERR_BAD_REQUEST;
	if (!bootstrap_token_form(c->token))
		return err_set(j->reterr, ERR_BAD_REQUEST, "--token is not ID.SECRET, six and sixteen small letters and digits");
	if (!pki_pin_form(c->ca_pin))
		return err_set(j->reterr, ERR_BAD_REQUEST, "--ca-pin is not sha256: and 64 hexadecimal digits");
	return 0;
}

static int check_config(struct joining *j)
{
	const struct join_config *c = j->cfg;
	const char *bad = text_bad_dns1123_subdomain(c->node_name);

	if (join_check(j))
		return -ERR_BAD_REQUEST;
	if (bad)
		return err_set(j->reterr, ERR_BAD_REQUEST, "--node-name %s: %s", c->node_name, bad);
	snprintf(j->cn, sizeof(j->cn), "system:node:%s", c->node_name);
	return 0;
}

/* ---- what an earlier run, or another role, has left ---- */

int join_same_authority(struct joining *j, const struct buf *ca)
{
	struct err e = { 0 };

	if (!pki_pinned(ca->p, j->cfg->ca_pin, &j->ca, &e))
		return 0;
	return err_set(j->reterr, ERR_CONFLICT, "%s is of another cloud (%s). To leave that, stop its agent and remove %s; "
		"or choose another --data-dir", join_at(j, "ca.crt"), e.msg, j->cfg->pki_dir);
}

/* *ret_joined: agent.kubeconfig has a certificate of this name that has not ended. */
static int look_around(struct joining *j, bool *ret_joined)
{
	BUF_AUTO struct buf ca = { 0 };
	struct loop *loop = NULL;
	struct client *client = NULL;
	int64_t until;
	char cn[300];
	int rc;

	*ret_joined = false;
	if (file_exists(join_at(j, "ca.key")))
		return err_set(j->reterr, ERR_CONFLICT, "%s is a server's own directory: its agent needs no joining; "
			"see `sampan up`, or choose another --data-dir", j->cfg->pki_dir);
	rc = file_read(join_at(j, "ca.crt"), PEM_MAX, &ca, j->reterr);
	if (rc == -ERR_NOT_FOUND)
		return 0;
	if (!rc)
		rc = join_same_authority(j, &ca);
	if (rc || !file_exists(join_at(j, "agent.kubeconfig")))
		return rc;
	if (loop_open(&loop))
		return err_set(j->reterr, ERR_IO, "cannot make an event loop");
	rc = client_open_kubeconfig(&client, loop, join_at(j, "agent.kubeconfig"), NULL, j->reterr);
	if (!rc && client_cert(client) && !pki_not_after(client_cert(client), &until) && !pki_cert_cn(client_cert(client), cn)) {
		if (strcmp(cn, j->cn))
			rc = err_set(j->reterr, ERR_CONFLICT, "this machine has joined as %s already: give that --node-name, or stop "
				"its agent, `sampan node remove` it and remove %s", strrchr(cn, ':') ? strrchr(cn, ':') + 1 : cn,
				j->cfg->pki_dir);
		else
			*ret_joined = until > env_wall_us() / 1000000;
	}
	client_close(client);
	loop_close(loop);
	return rc;
}

/* ---- the authority ---- */

static int clock_fits(struct joining *j, const char *pem)
{
	int64_t from, until, now = env_wall_us() / 1000000;
	char text[TEXT_TIME_MAX];

	if (pki_not_before(pem, &from) || pki_not_after(pem, &until))
		return 0;
	text_time(text, now * 1000000);
	if (now < from)
		return err_set(j->reterr, ERR_INVALID, "this machine's clock says %s, when the cloud was not there yet: set the clock",
			text);
	if (now >= until)
		return err_set(j->reterr, ERR_EXPIRED, "this machine's clock says %s, and the cloud's authority has ended by then: "
			"set the clock", text);
	return 0;
}

/* The text of the authority in the cluster-info's kubeconfig. */
static int authority_of(struct joining *j, struct ask *a, yyjson_val *info, struct buf *out)
{
	const char *text = doc_str(info, "data.kubeconfig"), *data;
	yyjson_mut_doc *d = doc_new(a->arena);
	yyjson_mut_val *root = NULL;

	if (!text || !d || yaml_parse(d, text, strlen(text), &root, NULL) || !root)
		data = NULL;
	else
		data = doc_mstr(yyjson_mut_arr_get_first(doc_mget(root, "clusters")), "cluster.certificate-authority-data");
	if (!data || text_unbase64(out, data, strlen(data)) || !out->p)
		return err_set(j->reterr, ERR_BAD_REQUEST, "%s tells no authority in its cluster-info: is it a cloud's server?", j->url);
	return 0;
}

int join_unreachable(struct joining *j, const char *why)
{
	return err_set(j->reterr, ERR_UNAVAILABLE, "%s does not answer (%s): is the server running, and does a firewall let this "
		"machine reach it?", j->url, why);
}

int join_authority(struct joining *j)
{
	struct client_config cfg = { .server = j->url, .unverified = true };
	BUF_AUTO struct buf shown = { 0 };
	struct err e = { 0 };
	struct ask a;
	yyjson_val *info = NULL;
	int rc = ask_open_client(&a, &cfg, j->reterr);

	if (!rc) {
		rc = ask(&a, "GET", "/api/v1/namespaces/kube-public/configmaps/cluster-info", NULL, NULL, &info, &e);
		if (rc == -ERR_UNAVAILABLE)
			join_unreachable(j, e.msg);
		else if (rc)
			err_set(j->reterr, -rc, "%s does not tell its cluster-info (%s): is it a cloud's server?", j->url, e.msg);
	}
	if (!rc)
		rc = authority_of(j, &a, info, &shown);
	if (!rc && (rc = pki_pinned(shown.p, j->cfg->ca_pin, &j->ca, &e)))
		err_set(j->reterr, -rc, "%s is not the cloud of --ca-pin (%s); nothing was sent to it. Copy the command of "
			"`sampan token create` again; if it is right, somebody stands between", j->url, e.msg);
	ask_close(&a);
	return rc ? rc : clock_fits(j, j->ca.p);
}

/* ---- key and certificate ---- */

static int prepare_files(struct joining *j)
{
	int rc = file_read(join_at(j, "agent.key"), PEM_MAX, &j->key, j->reterr);

	if (!rc && !pki_key_ok(j->key.p))
		return err_set(j->reterr, ERR_CORRUPT, "%s is no private key: remove it", join_at(j, "agent.key"));
	if (rc && rc != -ERR_NOT_FOUND)
		return rc;
	if (rc && (rc = pki_ec_key(&j->key, j->reterr)))
		return rc;
	const struct file_content files[] = { { "agent.key", j->key.p, j->key.len, 0600 }, { "ca.crt", j->ca.p, j->ca.len, 0644 } };
	return file_replace_all(j->cfg->pki_dir, files, 2, j->reterr);
}

struct waiting { struct joining *j; struct loop *loop; int rc; };

static void signed_now(void *arg, int rc, const char *cert_pem, const char *message)
{
	struct waiting *w = arg;
	struct joining *j = w->j;

	w->rc = rc;
	if (!rc)
		buf_adds(&j->cert, cert_pem);
	else if (rc == -ERR_UNAUTHORIZED)
		err_set(j->reterr, -rc, "the server does not know the token, or it is over: " ANOTHER_TOKEN);
	else if (rc == -ERR_FORBIDDEN && strstr(message, "already"))
		err_set(j->reterr, -rc, "%s: choose another --node-name; or, when that machine is gone or was this one, "
			"`sampan node remove %s` where the server is", message, j->cfg->node_name);
	else if (rc == -ERR_FORBIDDEN)
		err_set(j->reterr, -rc, "the server refuses a certificate (%s): " ANOTHER_TOKEN, message);
	else if (rc == -ERR_DEADLINE)
		err_set(j->reterr, -rc, "the server did not sign a certificate in %d s; look at `kubectl get csr`, and run this again",
			WAIT_MS / 1000);
	else if (rc == -ERR_UNAVAILABLE && (strstr(message, "not yet valid") || strstr(message, "expired")))
		err_set(j->reterr, -rc, "the server's certificate is not good at this machine's time (%s): set both clocks", message);
	else if (rc == -ERR_UNAVAILABLE)
		join_unreachable(j, message);
	else
		err_set(j->reterr, -rc, "%s: %s", j->url, message);
	loop_stop(w->loop);
}

static int ask_certificate(struct joining *j)
{
	static const char *const orgs[] = { "system:nodes", NULL }, *const usages[] = { "digital signature", "client auth", NULL };
	struct client_config cfg = { .server = j->url, .ca_pem = j->ca.p, .token = j->cfg->token };
	struct pki_request q = { .cn = j->cn, .orgs = orgs };
	BUF_AUTO struct buf pem = { 0 };
	BUF_AUTO struct buf seed = { 0 };
	struct waiting w = { .j = j };
	struct client *client = NULL;
	struct client_csr *csr = NULL;
	uint8_t sum[32];
	char name[80] = "node-csr-";

	/* One name for one key and node: run again, this goes on with the request that was made before. */
	buf_printf(&seed, "%s\n%s", j->cn, j->key.p);
	if (seed.failed)
		return err_set(j->reterr, ERR_NOMEM, "out of memory");
	text_sha256(sum, seed.p, seed.len);
	explicit_bzero(seed.p, seed.cap);
	text_hex(name + strlen(name), sum, 16);
	int rc = pki_csr(&pem, &q, j->key.p, j->reterr);
	if (!rc && loop_open(&w.loop))
		rc = err_set(j->reterr, ERR_IO, "cannot make an event loop");
	if (!rc)
		rc = client_open_remote(&client, w.loop, &cfg, j->reterr);
	if (!rc) {
		struct client_csr_req r = { .name = name, .pem = pem.p, .signer = "kubernetes.io/kube-apiserver-client-kubelet",
			.usages = usages, .timeout_ms = WAIT_MS };

		rc = client_csr_open(&csr, client, &r, signed_now, &w);
		if (rc) {
			err_set(j->reterr, -rc, "%s", err_text(rc));
		} else {
			loop_run(w.loop);
			rc = w.rc;
		}
	}
	client_csr_close(csr);
	client_close(client);
	if (w.loop)
		loop_close(w.loop);
	/* What was refused stays refused: the next try is with another key, and so another request. */
	if (rc == -ERR_FORBIDDEN)
		unlink(join_at(j, "agent.key"));
	if (!rc && (!pki_fits_key(j->cert.p, j->key.p) || !pki_issued_by(j->cert.p, j->ca.p)))
		return err_set(j->reterr, ERR_CORRUPT, "the certificate that came is not of this machine's key and that authority");
	return rc;
}

static int write_kubeconfig(struct joining *j)
{
	struct client_config cfg = { .server = j->url, .ca_pem = j->ca.p, .cert_pem = j->cert.p, .key_pem = j->key.p };
	struct buf b = { 0 };
	int rc;

	client_kubeconfig_text(&b, &cfg, "agent");
	rc = b.failed ? err_set(j->reterr, ERR_NOMEM, "out of memory") :
		file_replace(join_at(j, "agent.kubeconfig"), b.p, b.len, 0600, j->reterr);
	if (b.p)
		explicit_bzero(b.p, b.cap);
	buf_finish(&b);
	return rc;
}

void join_finish(struct joining *j)
{
	if (j->key.p)
		explicit_bzero(j->key.p, j->key.cap);
	buf_finish(&j->key);
	buf_finish(&j->ca);
	buf_finish(&j->cert);
}

int join(const struct join_config *cfg, struct err *reterr)
{
	struct joining j = { .cfg = cfg, .reterr = reterr };
	bool joined = false;
	int rc = check_config(&j);

	if (!rc)
		rc = file_mkdirs(cfg->pki_dir, 0700, reterr);
	if (!rc)
		rc = look_around(&j, &joined);
	if (!rc && !joined) {
		if (!j.ca.p)
			rc = join_authority(&j);
		if (!rc && !(rc = prepare_files(&j)) && !(rc = ask_certificate(&j)))
			rc = write_kubeconfig(&j);
	}
	join_finish(&j);
	return rc;
}
