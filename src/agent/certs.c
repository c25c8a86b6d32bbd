/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certs - the agent's own certificates, client and serving, are read again from their
 * files before they end: whoever made them (the server, on its machine) renews them
 * there. What is open goes on as it began.
 */
#define LOG_MODULE "agent"
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "base/env.h"
#include "base/file.h"
#include "base/log.h"
#include "base/wall.h"
#include "http/pki.h"

#define PEM_MAX   (64u << 10)
/* Seconds between looks at a file that is not new yet; and when the certificate has ended. */
#define AGAIN_MIN   1
#define AGAIN_MAX   3600
#define AGAIN_ENDED 60
#define FAR_S       (3650LL * 86400)

struct certs {
	struct agent *a;
	char *kubeconfig, *cert, *key; /* paths; cert and key NULL: nothing is served */
	struct buf serving;            /* the certificate in use */
	struct wall_timer *timer;
};

/* When to look for a newer one: those who make it do so when a quarter of its time is left. */
static int64_t look_s(const char *pem, int64_t now_s)
{
	int64_t from, until, at, wait;

	if (!pem || pki_not_before(pem, &from) || pki_not_after(pem, &until))
		return INT64_MAX;
	at = until - (until - from) / 5;
	if (now_s < at)
		return at;
	if (now_s >= until)
		return now_s + AGAIN_ENDED;
	wait = (until - now_s) / 10;
	return now_s + (wait < AGAIN_MIN ? AGAIN_MIN : wait > AGAIN_MAX ? AGAIN_MAX : wait);
}

static void set_timer(struct certs *c)
{
	int64_t now_s = env_wall_us() / 1000000, client = look_s(client_cert(c->a->client), now_s);
	int64_t serving = look_s(c->serving.p, now_s), at = client < serving ? client : serving;

	/* Set even when nothing ends: that the clock was set is worth a look, too. */
	wall_timer_set(c->timer, (at < now_s + FAR_S ? at : now_s + FAR_S) * 1000000);
}

static void read_serving(struct certs *c)
{
	BUF_AUTO struct buf cert = { 0 };
	BUF_AUTO struct buf key = { 0 };
	struct err e = { 0 };

	if (!c->cert || !c->a->kubelet)
		return;
	if (file_read(c->cert, PEM_MAX, &cert, &e) || file_read(c->key, PEM_MAX, &key, &e)) {
		log_error("the serving certificate: %s", e.msg);
		return;
	}
	if (c->serving.p && cert.len == c->serving.len && !memcmp(cert.p, c->serving.p, cert.len))
		return;
	if (c->serving.p && kubelet_set_cert(c->a->kubelet, cert.p, key.p, &e)) {
		log_error("the renewed serving certificate cannot be used: %s", e.msg);
		return;
	}
	if (c->serving.p)
		log_info("serving with a renewed certificate");
	buf_clear(&c->serving);
	buf_add(&c->serving, cert.p, cert.len);
}

static void due(void *arg)
{
	struct certs *c = arg;
	const char *now = client_cert(c->a->client);
	char *was = now ? strdup(now) : NULL;
	struct err e = { 0 };

	if (client_reopen_kubeconfig(c->a->client, c->kubeconfig, &e))
		log_error("%s", e.msg);
	else if (was && client_cert(c->a->client) && strcmp(was, client_cert(c->a->client)))
		log_info("a renewed client certificate is used");
	free(was);
	read_serving(c);
	set_timer(c);
}

static int copy_path(char **ret, const char *path)
{
	*ret = path ? strdup(path) : NULL;
	return path && !*ret ? -ERR_NOMEM : 0;
}

int certs_open(struct certs **ret, struct agent *a, const struct agent_config *cfg)
{
	struct certs *c = calloc(1, sizeof(*c));

	if (!c)
		return -ERR_NOMEM;
	c->a = a;
	if (copy_path(&c->kubeconfig, cfg->kubeconfig) || copy_path(&c->cert, cfg->serving_cert) ||
	    copy_path(&c->key, cfg->serving_key) || wall_timer_open(&c->timer, a->loop, due, c)) {
		certs_close(c);
		return -ERR_NOMEM;
	}
	read_serving(c);
	set_timer(c);
	*ret = c;
	return 0;
}

void certs_close(struct certs *c)
{
	if (!c)
		return;
	wall_timer_close(c->timer);
	free(c->kubeconfig);
	free(c->cert);
	free(c->key);
	buf_finish(&c->serving);
	free(c);
}
