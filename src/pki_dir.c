/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki_dir - see pki_dir.h.
 *
 * Keys are EC P-256, made in under a millisecond. What was made is written to disk at once,
 * in the end: each file alone would cost the disk two efforts.
 */
#include "pki_dir.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "base/text.h"
#include "client/client.h"
#include "http/pki.h"

#define PEM_MAX (64u << 10)
#define DAY_S 86400
#define CA_VALID_S (3650LL * DAY_S)
#define CERT_VALID_S (365LL * DAY_S)

#define FILES_MAX 16

struct place {
	const char *dir;
	char path[4096];
	struct file_content made[FILES_MAX];   /* written in the end; names and content below */
	struct buf content[FILES_MAX];
	char names[FILES_MAX][80];
	size_t count;
};

static const char *at(struct place *p, const char *name)
{
	snprintf(p->path, sizeof(p->path), "%s/%s", p->dir, name);
	return p->path;
}

static int64_t now_s(void)
{
	return env_wall_us() / 1000000;
}

/* To be written with the rest. */
static int keep(struct place *p, const char *name, const struct buf *b, mode_t mode, struct err *reterr)
{
	struct buf *copy = &p->content[p->count];

	if (p->count == FILES_MAX)
		return err_set(reterr, ERR_INTERNAL, "too many files in %s", p->dir);
	buf_add(copy, b->p, b->len);
	if (copy->failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	snprintf(p->names[p->count], sizeof(p->names[0]), "%s", name);
	p->made[p->count] = (struct file_content){ p->names[p->count], copy->p, copy->len, mode };
	p->count++;
	return 0;
}

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_finish(b);
}

static int write_made(struct place *p, struct err *reterr)
{
	return p->count ? file_replace_all(p->dir, p->made, p->count, reterr) : 0;
}

static void place_finish(struct place *p)
{
	for (size_t i = 0; i < p->count; i++)
		wipe(&p->content[i]);
	p->count = 0;
}

/* A key file read, or made when it is missing. */
static int key(struct place *p, const char *name, struct buf *out, struct err *reterr)
{
	int rc = file_read(at(p, name), PEM_MAX, out, reterr);

	if (!rc && !pki_key_ok(out->p))
		return err_set(reterr, ERR_CORRUPT, "%s is no private key; put a copy of it back", at(p, name));
	if (rc != -ERR_NOT_FOUND)
		return rc;
	rc = pki_ec_key(out, reterr);
	return rc ? rc : keep(p, name, out, 0600, reterr);
}

struct cert_row {
	const char *name;              /* NAME.crt, NAME.key */
	const char *cn;
	const char *orgs[3];
	bool server, client;
};

/* A certificate is made again when less than a quarter of its time is left. */
static int64_t renew_at(int64_t until_s, const struct pki_dir_config *cfg)
{
	return until_s - cfg->valid_s / 4;
}

/* Of this authority, good now and for a while. One that ends with the authority cannot be made better; one
 * that is not good yet was made while the clock was ahead. */
static bool still_good(const char *pem, const struct pki_dir *d, const struct pki_dir_config *cfg)
{
	int64_t from, until;

	return !pki_not_before(pem, &from) && !pki_not_after(pem, &until) && now_s() >= from && now_s() < until &&
		pki_issued_by(pem, d->ca_cert.p) && (now_s() < renew_at(until, cfg) || until >= d->ca_end_s);
}

/* The soonest of all that are to be made again. */
static void note_end(struct pki_dir *d, const struct pki_dir_config *cfg, const char *pem)
{
	int64_t until;

	if (pki_not_after(pem, &until))
		return;
	if (!d->end_s || until < d->end_s)
		d->end_s = until;
	if (until < d->ca_end_s && (!d->renew_s || renew_at(until, cfg) < d->renew_s))
		d->renew_s = renew_at(until, cfg);
}

/* A certificate of ours read, or made when missing, ending soon or naming too little. */
static int cert(struct place *p, struct pki_dir *d, const struct pki_dir_config *cfg, const struct cert_row *row,
	const char *const *dns, const char *const *ips, struct buf *out, struct buf *out_key, struct err *reterr)
{
	size_t made = p->count;
	char file[80];

	snprintf(file, sizeof(file), "%s.key", row->name);
	int rc = key(p, file, out_key, reterr);
	if (rc)
		return rc;
	snprintf(file, sizeof(file), "%s.crt", row->name);
	rc = file_read(at(p, file), PEM_MAX, out, reterr);
	/* One that lies there does not belong to a key that was just made. */
	if (!rc && p->count == made && still_good(out->p, d, cfg) && (!dns || pki_names_all(out->p, dns, ips))) {
		note_end(d, cfg, out->p);
		return 0;
	}
	if (rc && rc != -ERR_NOT_FOUND)
		return rc;
	buf_clear(out);
	struct pki_request q = { .cn = row->cn, .orgs = row->orgs, .dns = dns, .ips = ips, .server = row->server,
		.client = row->client, .now_s = now_s(), .valid_s = cfg->valid_s };
	rc = pki_issue(out, &q, out_key->p, d->ca_cert.p, d->ca_key.p, reterr);
	if (rc)
		return rc;
	note_end(d, cfg, out->p);
	d->made++;
	return keep(p, file, out, 0600, reterr);
}

static int authority(struct place *p, struct pki_dir *d, const struct pki_dir_config *cfg, struct err *reterr)
{
	int rc = key(p, "ca.key", &d->ca_key, reterr);

	if (rc)
		return rc;
	rc = file_read(at(p, "ca.crt"), PEM_MAX, &d->ca_cert, reterr);
	/* A new key would sign nothing in that authority's name. */
	if (!rc && p->count)
		return err_set(reterr, ERR_CORRUPT, "%s is missing, but ca.crt is not; put a copy of it back", at(p, "ca.key"));
	if (cfg->ca_pem && (rc == -ERR_NOT_FOUND || (!rc && strcmp(d->ca_cert.p, cfg->ca_pem))))
		return err_set(reterr, ERR_CONFLICT, "%s is another than at the start: start the server again", at(p, "ca.crt"));
	if (rc == -ERR_NOT_FOUND) {
		struct pki_request q = { .cn = "sampan-ca", .ca = true, .now_s = now_s(), .valid_s = CA_VALID_S };

		rc = pki_issue(&d->ca_cert, &q, d->ca_key.p, NULL, NULL, reterr);
		if (!rc)
			rc = keep(p, "ca.crt", &d->ca_cert, 0644, reterr);
	}
	if (!rc && pki_not_after(d->ca_cert.p, &d->ca_end_s))
		rc = err_set(reterr, ERR_CORRUPT, "%s is no certificate; put a copy of it back", at(p, "ca.crt"));
	return rc;
}

/* Written only when it would change: people copy these files. */
static int kubeconfig(struct place *p, const char *name, const struct pki_dir *d, const char *server,
	const char *const *others, const char *user, const struct buf *crt, const struct buf *k, struct err *reterr)
{
	BUF_AUTO struct buf b = { 0 };
	BUF_AUTO struct buf old = { 0 };

	client_kubeconfig_text(&b, &(struct client_config){ .server = server, .more = others, .ca_pem = d->ca_cert.p, .cert_pem = crt->p,
		.key_pem = k->p }, user);
	if (b.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	if (!file_read(at(p, name), PEM_MAX, &old, NULL) && old.len == b.len && !memcmp(old.p, b.p, b.len))
		return 0;
	return keep(p, name, &b, 0600, reterr);
}

static int certificates(struct place *p, struct place *top, struct pki_dir *d, const struct pki_dir_config *cfg,
	struct err *reterr)
{
	BUF_AUTO struct buf admin = { 0 };
	BUF_AUTO struct buf admin_key = { 0 };
	BUF_AUTO struct buf agent = { 0 };
	BUF_AUTO struct buf agent_key = { 0 };
	BUF_AUTO struct buf serving = { 0 };
	BUF_AUTO struct buf serving_key = { 0 };
	char node_cn[300], url[300], machine[256] = "localhost";
	const char *host = cfg->host;
	uint8_t addr[16];
	int family, rc, n = 2;
	bool is_ip = !text_parse_ip(host, &family, addr);

	gethostname(machine, sizeof(machine) - 1);
	const char *dns[] = { "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local", "localhost", machine, is_ip ? NULL : host, NULL };
	const char *ips[] = { "127.0.0.1", "::1", NULL, NULL, NULL, NULL };
	const char *node_dns[] = { cfg->node_name, "localhost", NULL };
	const char *node_ips[] = { "127.0.0.1", "::1", is_ip ? host : NULL, NULL };
	const struct cert_row row_server = { "server", "sampan-server", { NULL }, true, false };
	const struct cert_row row_proxy = { "proxy", "sampan-proxy", { "system:masters", NULL }, false, true };
	const struct cert_row row_admin = { "admin", "admin", { "system:masters", NULL }, false, true };
	const struct cert_row row_agent = { "agent", node_cn, { "system:nodes", NULL }, false, true };
	const struct cert_row row_serving = { "agent-serving", node_cn, { "system:nodes", NULL }, true, false };

	for (int i = 0; i < 2; i++)
		if (cfg->service_ip[i] && *cfg->service_ip[i])
			ips[n++] = cfg->service_ip[i];
	if (is_ip)
		ips[n] = host;
	snprintf(node_cn, sizeof(node_cn), "system:node:%s", cfg->node_name);
	if ((rc = cert(p, d, cfg, &row_server, dns, ips, &d->server_cert, &d->server_key, reterr)) ||
	    (rc = cert(p, d, cfg, &row_proxy, NULL, NULL, &d->proxy_cert, &d->proxy_key, reterr)) ||
	    (rc = cert(p, d, cfg, &row_admin, NULL, NULL, &admin, &admin_key, reterr)) ||
	    (rc = cert(p, d, cfg, &row_agent, NULL, NULL, &agent, &agent_key, reterr)) ||
	    (rc = cert(p, d, cfg, &row_serving, node_dns, node_ips, &serving, &serving_key, reterr)))
		return rc;
	snprintf(url, sizeof(url), strchr(host, ':') ? "https://[%s]:%u" : "https://%s:%u", host, cfg->port);
	if ((rc = kubeconfig(top, "admin.kubeconfig", d, url, cfg->others, "admin", &admin, &admin_key, reterr)))
		return rc;
	return kubeconfig(p, "agent.kubeconfig", d, url, NULL, "agent", &agent, &agent_key, reterr);
}

int pki_dir_open(struct pki_dir *d, const struct pki_dir_config *config, struct err *reterr)
{
	char pki[4000];
	struct pki_dir_config cfg = *config;
	struct place p = { .dir = pki }, top = { .dir = cfg.dir };
	int rc;

	if (!cfg.valid_s)
		cfg.valid_s = CERT_VALID_S;
	memset(d, 0, sizeof(*d));
	snprintf(pki, sizeof(pki), "%s/pki", cfg.dir);
	rc = file_mkdirs(pki, 0700, reterr);
	if (rc)
		return rc;
	rc = authority(&p, d, &cfg, reterr);
	if (!rc)
		rc = certificates(&p, &top, d, &cfg, reterr);
	/* What people copy names the authority, so it comes last. */
	if (!rc)
		rc = write_made(&p, reterr);
	if (!rc)
		rc = write_made(&top, reterr);
	place_finish(&p);
	place_finish(&top);
	return rc;
}

void pki_dir_finish(struct pki_dir *d)
{
	buf_finish(&d->ca_cert);
	buf_finish(&d->server_cert);
	buf_finish(&d->proxy_cert);
	wipe(&d->ca_key);
	wipe(&d->server_key);
	wipe(&d->proxy_key);
}
