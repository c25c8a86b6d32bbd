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
#include <stdlib.h>
#include <string.h>

#include "agree.h"
#include "api/entry.h"
#include "base/env.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "bundle.h"
#include "cache/cache.h"
#include "client/client.h"
#include "http/http.h"
#include "other_servers.h"
#include "pki_dir.h"
#include "roles.h"
#include "roles_priv.h"
#include "server_certs.h"
#include "server_control.h"
#include "store/migrate.h"
#include "store/store.h"

#define DRAIN_MAX_MS 5000
#define CERT_VALID_MIN_S 8
#define NODE_CIDR_PREFIX 24        /* of each node's block of pod addresses */
#define SHUTDOWN_DELAY_MAX_S 600
#define SHUTDOWN_DELAY_MS 3000     /* of one among several: clients and balancers look once in a while */
#define HISTORY_MIN_S 5            /* a list in pages takes this long */
#define BURST_EVENTS 2000          /* so many events leave free memory behind, */
#define BURST_OVER_MS 3000         /* given back when nothing came for this long */

struct server {
	struct loop *loop;
	struct store *store;
	struct cache *cache;
	struct api *api;
	struct http_server *http;
	struct agree *agree;
	struct server_control *control;
	struct pki_dir pki;
	struct server_certs *certs;
	struct other_servers *others;
	struct loop_timer retire_timer, drain_timer, burst_timer;
	int64_t shutdown_delay_ms;
	unsigned burst_events;
	const char *listen, *data_dir, *service_cidr, *cluster_cidr, *balancer_pool, *pod_network;
	struct control_node_death death;
	char node_name[256], advertise[300];   /* "ADDR:PORT" */
	bool shared;                   /* other servers may use the same store */
	int64_t started_ms;
	bool stopping;
	int exit_code;
};

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

	if (s->shutdown_delay_ms)
		loop_timer_set(&s->retire_timer, s->shutdown_delay_ms);
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

static bool controllers_run(void *arg)
{
	const struct server *s = arg;

	return server_control_runs(s->control);
}

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
	struct server_control_config cfg = { .loop = s->loop, .cache = s->cache, .api = s->api, .name = s->node_name,
		.failed = control_failed, .arg = s,
		.control = { .address = s->advertise, .shared = s->shared, .cluster_cidr = s->cluster_cidr,
			.node_cidr_prefix = NODE_CIDR_PREFIX, .balancer_pool = s->balancer_pool, .pod_network = s->pod_network,
			.node_death = &s->death, .ca_cert_pem = s->pki.ca_cert.p, .certs = server_certs_control(s->certs) } };

	if (s->stopping)
		return;
	if (!rc)
		rc = server_control_open(&s->control, &cfg, &e);
	if (rc) {
		cannot_start(s, rc, &e);
		return;
	}
	log_info("ready on %s after %lld ms, revision %lld; the way in is %s/admin.kubeconfig", s->listen,
		(long long)(env_now_ms() - s->started_ms), (long long)store_rev(s->store), s->data_dir);
	role_notify("READY=1");
}

static struct agree_config agree_on(const struct server *s)
{
	return (struct agree_config){ s->service_cidr, s->cluster_cidr, s->pki.ca_cert.p, s->pki.sa_key.p };
}

static void on_bootstrap(void *arg, int rc)
{
	static const char *const groups[] = { "system:masters", "system:authenticated", NULL };
	struct server *s = arg;
	struct agree_config cfg = agree_on(s);
	struct client *client;
	struct err e = { 0 };

	if (rc || !s->shared) {
		agreed(s, rc, &e);
		return;
	}
	rc = client_open_local(&client, s->loop, s->api, "system:apiserver", groups);
	if (!rc)
		rc = agree_open(&s->agree, s->cache, client, &cfg, agreed, s, &e);
	if (rc)
		cannot_start(s, rc, &e);
}

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

static int service_first_ip(const char *cidr, char ret[46], struct err *reterr)
{
	uint8_t addr[16];
	int family, prefix;

	if (text_parse_cidr(cidr, &family, addr, &prefix) || prefix > (family == 4 ? 24 : 120))
		return err_set(reterr, ERR_BAD_REQUEST, "--service-cidr %s is not a network of at least 256 addresses, like 10.96.0.0/16", cidr);
	addr[family == 4 ? 3 : 15] |= 1;
	text_ip(ret, family, addr);
	return 0;
}

/* Keys are made on a thread of their own while the store opens. */
struct keys_job {
	struct pki_dir *pki;
	struct pki_dir_config cfg;
	pthread_t thread;
	int rc;
	struct err err;
};

static void *open_keys(void *arg)
{
	struct keys_job *j = arg;

	j->rc = pki_dir_open(j->pki, &j->cfg, &j->err);
	return NULL;
}

struct server_flags { const char *data_dir, *listen, *advertise, *service_cidr, *cluster_cidr, *balancer_pool, *pod_network, *tokens, *node_name, *store, *plugins_on,
	*plugins_off, *cert_validity, *history, *shutdown_delay;
	struct store_options store_opt;
	struct node_death_flags death;
};

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

static int cert_validity(const char *s, int64_t *ret_s, struct err *reterr)
{
	int64_t ns;

	*ret_s = 0;
	if (!s)
		return 0;
	if (text_parse_duration(s, &ns) || ns < CERT_VALID_MIN_S * 1000000000LL)
		return err_set(reterr, ERR_BAD_REQUEST, "--cert-validity %s is not a duration of at least %llds, like 8760h", s,
			(long long)CERT_VALID_MIN_S);
	*ret_s = ns / 1000000000;
	return 0;
}

static int shutdown_delay(const char *s, int64_t *ret_ms, struct err *reterr)
{
	int64_t ns;

	*ret_ms = 0;
	if (s && (text_parse_duration(s, &ns) || ns < 0 || ns > SHUTDOWN_DELAY_MAX_S * 1000000000LL))
		return err_set(reterr, ERR_BAD_REQUEST, "--shutdown-delay %s is not a duration of at most %ds, like 3s", s,
			SHUTDOWN_DELAY_MAX_S);
	if (s)
		*ret_ms = ns / 1000000;
	return 0;
}

static int history(const char *s, struct store_history_limits *ret, struct err *reterr)
{
	int64_t ns;

	*ret = (struct store_history_limits)STORE_HISTORY_LIMITS;
	if (text_parse_duration(s, &ns) || ns < HISTORY_MIN_S * 1000000000LL)
		return err_set(reterr, ERR_BAD_REQUEST, "--history %s is not a duration of at least %ds, like 5m", s, HISTORY_MIN_S);
	ret->ms = ns / 1000000;
	return 0;
}

/* For `sampan token create --server`. */
static int keep_settings(bool shared, const struct server_flags *f, struct err *reterr)
{
	struct bundle_settings b = { 0 };
	const struct { enum bundle_file at; const char *path; } files[] = {
		{ BUNDLE_STORE_CA, f->store_opt.ca_file }, { BUNDLE_STORE_CERT, f->store_opt.cert_file },
		{ BUNDLE_STORE_KEY, f->store_opt.key_file }, { BUNDLE_STORE_AUTH, f->store_opt.auth_file },
	};
	bool fits = snprintf(b.store, sizeof(b.store), "%s", f->store ? f->store : "") < (int)sizeof(b.store);

	snprintf(b.service_cidr, sizeof(b.service_cidr), "%s", f->service_cidr);
	snprintf(b.cluster_cidr, sizeof(b.cluster_cidr), "%s", f->cluster_cidr);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *whole = files[i].path ? realpath(files[i].path, NULL) : NULL;

		fits = fits && snprintf(b.path[files[i].at], sizeof(b.path[0]), "%s", whole ? whole : "") < (int)sizeof(b.path[0]);
		free(whole);
	}
	if (!fits)
		return err_set(reterr, ERR_SIZE, "the store's address, or the path of one of its files, is too long");
	return bundle_settings_write(f->data_dir, shared ? &b : NULL, reterr);
}

static int open_all(struct server *s, const struct server_flags *f, struct err *reterr)
{
	char host[256], reach[256], service_ip[46], uri[4200], url[320];
	struct store_history_limits limits;
	unsigned port;
	int rc;

	role_split_listen(&cmd_server, f->listen, host, &port);
	role_advertise(f->advertise ? f->advertise : host, reach);
	role_node_name(s->node_name);
	if (f->node_name)
		snprintf(s->node_name, sizeof(s->node_name), "%s", f->node_name);
	snprintf(uri, sizeof(uri), "sqlite:%s/server/state.db", f->data_dir);
	char dir[4200];
	snprintf(dir, sizeof(dir), "%s/server", f->data_dir);
	struct keys_job keys = { .pki = &s->pki, .cfg = { .dir = f->data_dir, .host = reach, .port = port,
		.service_ip = service_ip, .node_name = s->node_name } };
	if ((rc = service_first_ip(f->service_cidr, service_ip, reterr)) ||
	    (rc = cert_validity(f->cert_validity, &keys.cfg.valid_s, reterr)) ||
	    (rc = history(f->history, &limits, reterr)) ||
	    (rc = role_node_death(&f->death, &s->death, reterr)) ||
	    (rc = shutdown_delay(f->shutdown_delay, &s->shutdown_delay_ms, reterr)) ||
	    (rc = role_lock(dir, "server", reterr)))
		return rc;
	if (pthread_create(&keys.thread, NULL, open_keys, &keys))
		return err_set(reterr, ERR_IO, "cannot start a thread");
	if (!(rc = store_open(&s->store, s->loop, f->store ? f->store : uri, &f->store_opt, reterr)) &&
	    !(rc = store_is_whole(s->store, reterr)) && !(rc = store_keep_history(s->store, &limits)))
		rc = cache_open(&s->cache, s->store, reterr);
	if (!rc && !f->shutdown_delay && store_is_shared(s->store))
		s->shutdown_delay_ms = SHUTDOWN_DELAY_MS;
	pthread_join(keys.thread, NULL);
	if (!rc && keys.rc)
		rc = err_set(reterr, -keys.rc, "%s", keys.err.msg);
	if (rc)
		return rc;
	s->shared = store_is_shared(s->store);
	struct agree_config agree = agree_on(s);
	if ((s->shared && (rc = agree_check(s->cache, &agree, reterr))) || (rc = keep_settings(s->shared, f, reterr)))
		return rc;
	snprintf(s->advertise, sizeof(s->advertise), strchr(reach, ':') ? "[%s]:%u" : "%s:%u", reach, port);
	struct api_config cfg = {
		.sa_key_pem = s->pki.sa_key.p,
		.issuer = "https://kubernetes.default.svc.cluster.local", .token_file = f->tokens,
		.admission_on = f->plugins_on, .admission_off = f->plugins_off,
		.service_cidr = f->service_cidr, .advertise = s->advertise, .agent_ca_pem = s->pki.ca_cert.p,
		.proxy_cert_pem = s->pki.proxy_cert.p, .proxy_key_pem = s->pki.proxy_key.p,
		.metrics = metrics, .metrics_arg = s,
		.controllers_run = controllers_run, .controllers_arg = s,
	};
	if ((rc = api_open(&s->api, s->loop, s->store, s->cache, &cfg, reterr)))
		return rc;
	struct http_config hcfg = { .listen = f->listen, .cert_pem = s->pki.server_cert.p,
		.key_pem = s->pki.server_key.p, .client_ca_pem = s->pki.ca_cert.p,
		.handler = api_handle_http, .arg = s->api };
	if ((rc = http_server_open(&s->http, s->loop, &hcfg, reterr)))
		return rc;
	if ((rc = server_certs_open(&s->certs, s->loop, &s->pki, &keys.cfg, renewed, s, reterr)))
		return rc;
	snprintf(url, sizeof(url), "https://%s", s->advertise);
	if (s->shared && other_servers_open(&s->others, s->loop, s->cache, url, others, s))
		return err_set(reterr, ERR_NOMEM, "out of memory");
	return 0;
}

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
	loop_timer_stop(&s->retire_timer);
	loop_timer_stop(&s->drain_timer);
	loop_timer_stop(&s->burst_timer);
	loop_close(s->loop);
}

static int run(int argc, char **argv)
{
	struct server s = { .started_ms = env_now_ms() };
	struct server_flags f = { .data_dir = DEFAULT_DATA_DIR, .listen = DEFAULT_LISTEN, .service_cidr = "10.96.0.0/16",
		.cluster_cidr = "10.244.0.0/16", .history = "5m", .death = NODE_DEATH_FLAGS };
	struct err e = { 0 };
	const struct cli_option opts[] = {
		{ "data-dir", "DIR", "where state, keys and admin.kubeconfig are kept", &f.data_dir, NULL },
		{ "listen", "ADDR:PORT", "where the API is served", &f.listen, NULL },
		{ "advertise", "ADDR", "the address others reach this server at", &f.advertise, NULL },
		{ "service-cidr", "CIDR", "addresses of Services", &f.service_cidr, NULL },
		{ "cluster-cidr", "CIDR", "addresses of pods; each node gets a /24 of it", &f.cluster_cidr, NULL },
		{ "pod-network", "NAME", "vxlan, or host-routes: no tunnel between nodes on one link", &f.pod_network, NULL },
		{ "load-balancer-pool", "RANGES", "addresses for Services of type LoadBalancer, as 192.0.2.10-192.0.2.50,198.51.100.0/28",
			&f.balancer_pool, NULL },
		{ "token-file", "FILE", "static tokens, lines of token,user,uid,\"group1,group2\"", &f.tokens, NULL },
		{ "node-name", "NAME", "the agent's node that certificates are made for", &f.node_name, NULL },
		{ "enable-admission-plugins", "NAMES", "admission plug-ins that run besides the usual ones, with commas between",
			&f.plugins_on, NULL },
		{ "disable-admission-plugins", "NAMES", "admission plug-ins that do not run", &f.plugins_off, NULL },
		{ "cert-validity", "DURATION", "how long certificates live; they are renewed before (default 8760h)",
			&f.cert_validity, NULL },
		{ "history", "DURATION", "how long superseded values are kept for lists in pages, while there are not very many", &f.history, NULL },
		{ "node-monitor-grace-period", "DURATION", "how long a node may be silent", &f.death.grace, NULL },
		{ "node-startup-grace-period", "DURATION", "the same for one that never told its status", &f.death.startup_grace, NULL },
		{ "node-eviction-rate", "NUMBER", "silent nodes a second whose pods are evicted, in a zone that is well",
			&f.death.rate, NULL },
		{ "secondary-node-eviction-rate", "NUMBER", "the same in a large zone that is partly silent; a small one loses none",
			&f.death.secondary_rate, NULL },
		{ "large-cluster-size-threshold", "NUMBER", "a zone of more nodes is large", &f.death.large, NULL },
		{ "unhealthy-zone-threshold", "SHARE", "a zone is partly silent when this share of its nodes is, three at least",
			&f.death.unhealthy, NULL },
		{ "shutdown-delay", "DURATION", "before it stops: readyz fails for so long, all else is served, so that clients turn "
			"to other servers (default 3s with a store that others share, else 0s)", &f.shutdown_delay, NULL },
		{ "store", "URI", "sqlite:FILE, etcd://HOST:PORT,...[/PREFIX], or mem: (nothing is kept)", &f.store, NULL },
		{ "store-ca", "FILE", "the authority of a store that is reached over TLS, as PEM", &f.store_opt.ca_file, NULL },
		{ "store-cert", "FILE", "the certificate that is shown to it", &f.store_opt.cert_file, NULL },
		{ "store-key", "FILE", "the key of that", &f.store_opt.key_file, NULL },
		{ "store-auth", "FILE", "user:password for it", &f.store_opt.auth_file, NULL },
		{ NULL, NULL, NULL, NULL, NULL },
	};

	cli_parse(&cmd_server, opts, argc, argv);
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
	s.listen = f.listen;
	s.data_dir = f.data_dir;
	s.service_cidr = f.service_cidr;
	s.cluster_cidr = f.cluster_cidr;
	s.balancer_pool = f.balancer_pool;
	s.pod_network = f.pod_network;
	int rc = open_all(&s, &f, &e);
	if (!rc) {
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
