/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role_server - the API, store, cache, controllers and scheduler of one server.
 *
 *   start:  lock, keys, store, cache, API, listen, bootstrap, controllers, READY
 *   stop:   readyz fails; stop the controllers (others take over); for --shutdown-delay
 *           everything is served, so that balancers and clients turn elsewhere; drain the
 *           API (watches end, new writes are refused), close the store, which waits for
 *           queued writes
 */
#define LOG_MODULE "server"
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "agree.h"
#include "api/entry.h"
#include "base/env.h"
#include "base/log.h"
#include "base/loop.h"
#include "cache/cache.h"
#include "client/client.h"
#include "http/http.h"
#include "other_servers.h"
#include "pki_dir.h"
#include "roles.h"
#include "roles_priv.h"
#include "server_certs.h"
#include "server_control.h"
#include "server_flags.h"
#include "store/migrate.h"
#include "store/store.h"
#include "token_key.h"

#define DRAIN_MAX_MS 5000
#define SHUTDOWN_DELAY_MS 3000     /* of one among several: clients and balancers look once in a while */
#define BURST_EVENTS 2000          /* so many events leave free memory behind, */
#define BURST_OVER_MS 3000         /* given back when nothing came for this long */

struct server {
	struct server_flags flags;
	struct server_settings set;
	struct loop *loop;
	struct store *store;
	struct cache *cache;
	struct api *api;
	struct http_server *http;
	struct agree *agree;
	struct server_control *control;
	struct pki_dir pki;
	struct token_key *token_key;
	struct server_certs *certs;
	struct other_servers *others;
	struct loop_timer retire_timer, drain_timer, burst_timer;
	unsigned burst_events;
	bool shared;                   /* other servers may use the same store */
	int64_t started_ms;
	bool stopping;
	int exit_code;
};

/* ---- the end ---- */

static void stop_now(void *arg)
{
	struct server *s = arg;

	loop_stop(s->loop);
}

static void drain(void *arg)
{
	struct server *s = arg;

	api_drain(s->api);
	loop_timer_set(&s->drain_timer, DRAIN_MAX_MS);
	http_server_drain(s->http, stop_now, s);
}

static void serve_on(void *arg)
{
	struct server *s = arg;

	if (s->set.shutdown_delay_ms)
		loop_timer_set(&s->retire_timer, s->set.shutdown_delay_ms);
	else
		drain(s);
}

static void stop(struct server *s)
{
	if (s->stopping) {
		loop_stop(s->loop);    /* asked twice: at once */
		return;
	}
	s->stopping = true;
	log_info("stopping");
	role_notify("STOPPING=1");
	api_retire(s->api);
	http_server_retire(s->http);
	/* What they still write, to take their leave, is written before writes are refused. */
	if (s->control)
		server_control_stop(s->control, serve_on, s);
	else
		serve_on(s);
}

static void on_signal(void *arg, int signo)
{
	(void)signo;
	stop(arg);
}

/* ---- while it runs ---- */

/* What a burst of requests needed lies between what it left, where free() alone cannot
 * give it back. */
static void burst_over(void *arg)
{
	struct server *s = arg;

	if (s->burst_events > BURST_EVENTS) {      /* it goes on */
		s->burst_events = BURST_EVENTS;
		loop_timer_set(&s->burst_timer, BURST_OVER_MS);
		return;
	}
	s->burst_events = 0;
	cache_rest(s->cache);
	malloc_trim(0);
}

static void on_event(void *arg, const struct cache_event *ev)
{
	struct server *s = arg;

	if (++s->burst_events >= BURST_EVENTS && !loop_timer_is_set(&s->burst_timer))
		loop_timer_set(&s->burst_timer, BURST_OVER_MS);
}

static void metrics(void *arg, struct buf *out)
{
	struct server *s = arg;
	struct http_stats h;

	if (s->control)
		server_control_metrics(s->control, out);
	server_certs_metrics(s->certs, out);
	http_server_stats(s->http, &h);
	buf_printf(out, "# HELP sampan_http_connections Open connections.\n# TYPE sampan_http_connections gauge\n"
		"sampan_http_connections %u\n# HELP sampan_http_connections_total Connections accepted.\n"
		"# TYPE sampan_http_connections_total counter\nsampan_http_connections_total %llu\n",
		h.conns, (unsigned long long)h.conns_total);
}

/* New certificates for connections from now on. */
static void renewed(void *arg)
{
	struct server *s = arg;
	struct err e = { 0 };

	if (http_server_set_cert(s->http, s->pki.server_cert.p, s->pki.server_key.p, &e) ||
	    api_set_proxy_cert(s->api, s->pki.proxy_cert.p, s->pki.proxy_key.p, &e))
		log_error("a renewed certificate cannot be used: %s", e.msg);
}

static void others(void *arg, char *lines)
{
	struct server *s = arg;

	server_certs_others(s->certs, lines);
}

static bool controllers_run(void *arg)
{
	const struct server *s = arg;

	return server_control_runs(s->control);
}

/* ---- the beginning: what opens at once ---- */

/* Keys are made on a thread of their own while the store opens. */
struct keys_job {
	struct pki_dir *pki;
	const struct pki_dir_config *cfg;
	pthread_t thread;
	int rc;
	struct err err;
};

static void *open_keys(void *arg)
{
	struct keys_job *j = arg;

	j->rc = pki_dir_open(j->pki, j->cfg, &j->err);
	return NULL;
}

/* Only where servers share: what a server has of its own need not wait for the key. */
static int agree_on(const struct server *s, struct agree_config *ret, struct err *reterr)
{
	*ret = (struct agree_config){ &s->set.services, &s->set.pods, s->set.node_mask, s->pki.ca_cert.p, NULL };
	return token_key_pem(s->token_key, &ret->sa_key_pem, reterr);
}

static int agree_at_start(const struct server *s, struct err *reterr)
{
	struct agree_config cfg;
	int rc = agree_on(s, &cfg, reterr);

	return rc ? rc : agree_check(s->cache, &cfg, reterr);
}

/* What is kept, and read of it; and meanwhile the keys. */
static int open_kept(struct server *s, struct pki_dir_config *pki, struct err *reterr)
{
	struct keys_job keys = { .pki = &s->pki, .cfg = pki };
	int rc;

	if (pthread_create(&keys.thread, NULL, open_keys, &keys))
		return err_set(reterr, ERR_IO, "cannot start a thread");
	if (!(rc = store_open(&s->store, s->loop, s->set.store, &s->flags.store_opt, reterr)) &&
	    !(rc = store_is_whole(s->store, reterr)) && !(rc = store_keep_history(s->store, &s->set.history)))
		rc = cache_open(&s->cache, s->store, reterr);
	pthread_join(keys.thread, NULL);
	if (!rc && keys.rc)
		rc = err_set(reterr, -keys.rc, "%s", keys.err.msg);
	return rc;
}

static int open_api(struct server *s, struct err *reterr)
{
	struct api_config cfg = {
		.sa_key = token_key_pem, .sa_key_arg = s->token_key,
		.issuer = "https://kubernetes.default.svc.cluster.local", .token_file = s->flags.tokens,
		.admission_on = s->flags.plugins_on, .admission_off = s->flags.plugins_off,
		.service_cidr = s->set.service_cidr, .advertise = s->set.advertise, .agent_ca_pem = s->pki.ca_cert.p,
		.event_ttl_s = s->set.event_ttl_s, .proxy_cert_pem = s->pki.proxy_cert.p, .proxy_key_pem = s->pki.proxy_key.p,
		.metrics = metrics, .metrics_arg = s,
		.controllers_run = controllers_run, .controllers_arg = s,
	};
	int rc = api_open(&s->api, s->loop, s->store, s->cache, &cfg, reterr);
	struct http_config http = { .listen = s->set.listen, .cert_pem = s->pki.server_cert.p,
		.key_pem = s->pki.server_key.p, .client_ca_pem = s->pki.ca_cert.p,
		.handler = api_handle_http, .arg = s->api };

	return rc ? rc : http_server_open(&s->http, s->loop, &http, reterr);
}

static int open_all(struct server *s, struct err *reterr)
{
	const struct server_settings *set = &s->set;
	struct pki_dir_config pki = { .dir = s->flags.data_dir, .host = set->host, .port = set->port,
		.service_ip = { set->service_ip[0], set->service_ip[1] }, .node_name = set->node_name, .valid_s = set->cert_valid_s };
	char dir[4200], url[320];
	int rc;

	snprintf(dir, sizeof(dir), "%s/server", s->flags.data_dir);
	if ((rc = role_lock(dir, "server", reterr)) || (rc = token_key_open(&s->token_key, s->flags.data_dir, reterr)) ||
	    (rc = open_kept(s, &pki, reterr)))
		return rc;
	s->shared = store_is_shared(s->store);
	if (set->shutdown_delay_ms < 0)
		s->set.shutdown_delay_ms = s->shared ? SHUTDOWN_DELAY_MS : 0;
	if ((s->shared && (rc = agree_at_start(s, reterr))) ||
	    (rc = server_flags_keep(&s->flags, set, s->shared, reterr)) ||
	    (rc = open_api(s, reterr)) ||
	    (rc = server_certs_open(&s->certs, s->loop, &s->pki, &pki, renewed, s, reterr)))
		return rc;
	snprintf(url, sizeof(url), "https://%s", set->advertise);
	if (s->shared && other_servers_open(&s->others, s->loop, s->cache, url, others, s))
		return err_set(reterr, ERR_NOMEM, "out of memory");
	return 0;
}

/* ---- then, on the loop: bootstrap, what servers agree on, the controllers ---- */

static void control_failed(void *arg)
{
	struct server *s = arg;

	s->exit_code = 1;
	stop(s);
}

static void cannot_start(struct server *s, int rc, const struct err *e)
{
	log_error("cannot start: %s", e->msg[0] ? e->msg : err_text(rc));
	s->exit_code = 1;
	loop_stop(s->loop);
}

static void agreed(void *arg, int rc, const struct err *why)
{
	struct server *s = arg;
	struct err e = *why;
	struct server_control_config cfg = { .loop = s->loop, .cache = s->cache, .api = s->api, .name = s->set.node_name,
		.failed = control_failed, .arg = s,
		.control = { .address = s->set.advertise, .shared = s->shared, .cluster_cidr = s->set.cluster_cidr,
			.node_cidr_prefix = { s->set.node_mask[0], s->set.node_mask[1] }, .balancer_pool = s->flags.balancer_pool,
			.pod_network = s->flags.pod_network, .node_death = &s->set.death,
			.ca_cert_pem = s->pki.ca_cert.p, .certs = server_certs_control(s->certs) } };

	if (s->stopping)
		return;
	if (!rc)
		rc = server_control_open(&s->control, &cfg, &e);
	if (rc) {
		cannot_start(s, rc, &e);
		return;
	}
	log_info("ready on %s after %lld ms, revision %lld; the way in is %s/admin.kubeconfig", s->set.listen,
		(long long)(env_now_ms() - s->started_ms), (long long)store_rev(s->store), s->flags.data_dir);
	role_notify("READY=1");
}

static void on_bootstrap(void *arg, int rc)
{
	static const char *const groups[] = { "system:masters", "system:authenticated", NULL };
	struct server *s = arg;
	struct agree_config cfg;
	struct client *client;
	struct err e = { 0 };

	if (rc || !s->shared) {
		agreed(s, rc, &e);
		return;
	}
	rc = agree_on(s, &cfg, &e);
	if (!rc)
		rc = client_open_local(&client, s->loop, s->api, "system:apiserver", groups);
	if (!rc)
		rc = agree_open(&s->agree, s->cache, client, &cfg, agreed, s, &e);
	if (rc)
		cannot_start(s, rc, &e);
}

/* ---- the whole ---- */

static void close_all(struct server *s)
{
	agree_close(s->agree);
	server_control_close(s->control);
	other_servers_close(s->others);
	server_certs_close(s->certs);
	http_server_close(s->http);
	store_close(s->store);         /* runs every pending done, which the API waits for */
	api_close(s->api);
	server_control_free(s->control);
	cache_close(s->cache);
	pki_dir_finish(&s->pki);
	token_key_close(s->token_key);
	loop_timer_stop(&s->retire_timer);
	loop_timer_stop(&s->drain_timer);
	loop_timer_stop(&s->burst_timer);
	loop_close(s->loop);
}

static int run(int argc, char **argv)
{
	struct server s = { .started_ms = env_now_ms() };
	struct err e = { 0 };

	server_flags_parse(&s.flags, &cmd_server, argc, argv);
	if (server_flags_settings(&s.flags, &cmd_server, &s.set, &e))
		return role_fail(&cmd_server, &e);
	log_init("server", -1);
	role_raise_files();
	signal(SIGPIPE, SIG_IGN);
	if (loop_open(&s.loop))
		return err_set(&e, ERR_IO, "cannot make an event loop"), role_fail(&cmd_server, &e);
	loop_timer_init(&s.retire_timer, s.loop, drain, &s);
	loop_timer_init(&s.drain_timer, s.loop, stop_now, &s);
	loop_timer_init(&s.burst_timer, s.loop, burst_over, &s);
	loop_signal(s.loop, SIGTERM, on_signal, &s);
	loop_signal(s.loop, SIGINT, on_signal, &s);
	if (!open_all(&s, &e)) {
		cache_observe(s.cache, NULL, false, on_event, &s);
		api_bootstrap(s.api, on_bootstrap, &s);
		loop_run(s.loop);
	} else {
		s.exit_code = role_fail(&cmd_server, &e);
	}
	close_all(&s);
	return s.exit_code;
}

const struct cli_command cmd_server = { .name = "server",
	.help = "run the API, the store, the controllers and the scheduler", .run = run };
