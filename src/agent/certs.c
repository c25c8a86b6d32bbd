/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certs - the agent's own certificates, client and serving, are read again from their
 * files before they end: whoever made them renews them there, on the server's machine the
 * server, on one that joined this agent (certs_renew.c). What is open goes on as it began.
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
	/* where this agent renews */
	bool renews, node_up;
	char *client_key, *client_ca, *client_cn, *listen;
	struct renewal client, server;
	int64_t client_again_s, server_again_s;    /* not before, after a failure */
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

/* When a quarter of its life is left; 0: at once. */
static int64_t renew_s(const char *pem)
{
	int64_t from, until, life;

	if (!pem || pki_not_before(pem, &from) || pki_not_after(pem, &until))
		return 0;
	life = until - from;
	return until - (life > PKI_BACKDATE_S ? life - PKI_BACKDATE_S : life) / 4;
}

/* A serving certificate is for the name and address that the node has now, or for the name alone. */
static int64_t renew_serving_s(const struct certs *c)
{
	const char *dns[] = { c->a->node_name, NULL }, *ips[] = { pki_names_ip(c->serving.p) ? c->a->address : NULL, agent_address2(c->a), NULL };

	return c->serving.p && pki_names_all(c->serving.p, dns, ips) ? renew_s(c->serving.p) : 0;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void set_timer(struct certs *c)
{
	int64_t now_s = env_wall_us() / 1000000, client, serving, at;

	if (c->renews) {
		client = renewal_busy(&c->client) ? INT64_MAX : later(renew_s(client_cert(c->a->client)), c->client_again_s);
		serving = !c->node_up || !c->cert || renewal_busy(&c->server) ? INT64_MAX :
			later(renew_serving_s(c), c->server_again_s);
	} else {
		client = look_s(client_cert(c->a->client), now_s);
		serving = look_s(c->serving.p, now_s);
	}
	at = client < serving ? client : serving;
	/* Set even when nothing ends: that the clock was set is worth a look, too. */
	wall_timer_set(c->timer, (at < now_s + FAR_S ? at : now_s + FAR_S) * 1000000);
}

/* The first serving certificate of a machine that joined: from now on there are logs and exec. */
static void serve(struct certs *c)
{
	struct agent_config cfg = { .listen = c->listen, .serving_cert = c->cert, .serving_key = c->key,
		.client_ca = c->client_ca, .client_cn = c->client_cn };
	struct err e = { 0 };

	if (kubelet_open(&c->a->kubelet, c->a, &cfg, &e))
		log_error("logs and exec cannot be served: %s", e.msg);
}

static void read_serving(struct certs *c)
{
	BUF_AUTO struct buf cert = { 0 };
	BUF_AUTO struct buf key = { 0 };
	struct err e = { 0 };

	if (!c->cert || (!c->a->kubelet && !c->renews) || (c->renews && !file_exists(c->cert)))
		return;
	if (!c->a->kubelet)
		serve(c);
	if (!c->a->kubelet)
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

static void read_client(struct certs *c)
{
	const char *now = client_cert(c->a->client);
	char *was = now ? strdup(now) : NULL;
	struct err e = { 0 };

	if (client_reopen_kubeconfig(c->a->client, c->kubeconfig, &e))
		log_error("%s", e.msg);
	else if (was && client_cert(c->a->client) && strcmp(was, client_cert(c->a->client)))
		log_info("a renewed client certificate is used");
	free(was);
}

static void renew(struct certs *c)
{
	int64_t now_s = env_wall_us() / 1000000, until;
	const char *pem = client_cert(c->a->client);

	if (!renewal_busy(&c->client) && now_s >= later(renew_s(pem), c->client_again_s)) {
		if (pem && !pki_not_after(pem, &until) && now_s >= until)
			log_error("the client certificate has ended while the agent could not renew it: `sampan node remove %s` "
				"where the server is, then join again with a new token", c->a->node_name);
		renewal_begin(&c->client);
	}
	if (c->node_up && c->cert && !renewal_busy(&c->server) && now_s >= later(renew_serving_s(c), c->server_again_s))
		renewal_begin(&c->server);
}

static void due(void *arg)
{
	struct certs *c = arg;

	read_client(c);
	read_serving(c);
	if (c->renews)
		renew(c);
	set_timer(c);
}

/* After a failure: when a tenth of what is left of the life has gone. */
static int64_t again_s(const char *pem)
{
	int64_t now_s = env_wall_us() / 1000000, until, wait;

	if (!pem || pki_not_after(pem, &until))
		until = now_s;
	wait = until > now_s ? (until - now_s) / 10 : AGAIN_ENDED;
	return now_s + (wait < AGAIN_MIN ? AGAIN_MIN : wait > AGAIN_MAX ? AGAIN_MAX : wait);
}

static void client_renewed(void *arg, int rc)
{
	struct certs *c = arg;

	c->client_again_s = rc ? again_s(client_cert(c->a->client)) : 0;
	if (!rc)
		read_client(c);
	set_timer(c);
}

static void server_renewed(void *arg, int rc)
{
	struct certs *c = arg;

	if (!rc)
		read_serving(c);
	else if (rc == -ERR_DEADLINE || rc == -ERR_FORBIDDEN)
		c->server.name_only = !c->server.name_only;    /* others may claim the address, the API itself even */
	/* One that came and cannot be used is no reason to ask at once for another. */
	c->server_again_s = rc || !c->a->kubelet ? again_s(c->serving.p) : 0;
	set_timer(c);
}

void certs_node_up(struct certs *c)
{
	c->node_up = true;
	if (c->renews)
		due(c);
}

static int copy_path(char **ret, const char *path)
{
	*ret = path ? strdup(path) : NULL;
	return path && !*ret ? -ERR_NOMEM : 0;
}

/* What a kubelet API that is opened later is told. */
static int renew_open(struct certs *c, const struct agent_config *cfg)
{
	const char *listen = cfg->listen && *cfg->listen ? cfg->listen : agent_listen(c->a);

	if (copy_path(&c->client_key, cfg->client_key) || copy_path(&c->client_ca, cfg->client_ca) ||
	    copy_path(&c->client_cn, cfg->client_cn) || copy_path(&c->listen, listen))
		return -ERR_NOMEM;
	c->renews = true;
	c->client = (struct renewal){ .a = c->a, .key_path = c->client_key, .path = c->kubeconfig, .done = client_renewed, .arg = c };
	c->server = (struct renewal){ .a = c->a, .serving = true, .key_path = c->key, .path = c->cert, .done = server_renewed,
		.arg = c };
	/* Beside a server its address is the API's, for which no node gets a certificate. The API knows the agent by
	 * its name, too. */
	const char *host = client_server(c->a->client), *at = host ? strstr(host, c->a->address) : NULL;
	size_t n = strlen(c->a->address);
	c->server.name_only = at && (at[-1] == '/' || at[-1] == '[') && (!at[n] || strchr(":/]", at[n]));
	/* The Node says where it will be served. */
	if (!c->a->kubelet && c->cert && strrchr(listen, ':'))
		c->a->kubelet_port = atoi(strrchr(listen, ':') + 1);
	return 0;
}

int certs_open(struct certs **ret, struct agent *a, const struct agent_config *cfg)
{
	struct certs *c = calloc(1, sizeof(*c));

	if (!c)
		return -ERR_NOMEM;
	c->a = a;
	if (copy_path(&c->kubeconfig, cfg->kubeconfig) || copy_path(&c->cert, cfg->serving_cert) ||
	    copy_path(&c->key, cfg->serving_key) || wall_timer_open(&c->timer, a->loop, due, c) ||
	    (cfg->client_key && renew_open(c, cfg))) {
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
	renewal_close(&c->client);
	renewal_close(&c->server);
	wall_timer_close(c->timer);
	free(c->kubeconfig);
	free(c->cert);
	free(c->key);
	free(c->client_key);
	free(c->client_ca);
	free(c->client_cn);
	free(c->listen);
	buf_finish(&c->serving);
	free(c);
}
