/* SPDX-License-Identifier: Apache-2.0 */
/*
 * servers - those that a client knows, and the one that it talks to.
 *
 *   USES at --it was not reached, or another did what it refused--> USES that one
 *   USES at --it refused a watch--> DOUBTS: each is asked /readyz once --one serves--> USES that one
 *   any     --all were not reached, or refused--> AWAY: one is asked every second or two, until one serves
 *
 * A good one is kept. What hangs at one that was left goes on at the next: watches from the
 * revision they have seen; those that still heard from it since, in their own time. When all are away nobody is
 * likelier to answer: watches that live stay where they are. The order of those that were learned is each
 * client's own, so that not all of them turn to one when a server dies.
 *
 * Source: client-go reflector (back-off with jitter), apimachinery wait.Backoff.
 */
#define LOG_MODULE "client"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/log.h"
#include "client/client_priv.h"
#include "doc/doc.h"

#define LEAVE_DEAD_MS 1000             /* within which watches leave one that is gone, */
#define LEAVE_MS      5000             /* or one that is worse than another */
#define DOUBT_MS      500

static void list_free(char **v, unsigned n)
{
	for (unsigned i = 0; v && i < n; i++)
		free(v[i]);
	free(v);
}

static int find(char *const *v, unsigned n, const char *url, size_t len)
{
	for (unsigned i = 0; i < n; i++)
		if (strlen(v[i]) == len && !memcmp(v[i], url, len))
			return (int)i;
	return -1;
}

/* Without slashes at its end, once, while there is room. */
static int add(char **v, unsigned *n, const char *url)
{
	size_t len = strlen(url);

	while (len && url[len - 1] == '/')
		len--;
	if (*n == CLIENT_SERVERS_MAX || len >= CLIENT_SERVER_MAX || find(v, *n, url, len) >= 0)
		return 0;
	v[*n] = strndup(url, len);
	if (!v[*n])
		return -ERR_NOMEM;
	++*n;
	return 0;
}

static void shuffle(char **v, unsigned n)
{
	for (unsigned i = n; i > 1; i--) {
		unsigned j = env_random_below(i);
		char *t = v[i - 1];

		v[i - 1] = v[j];
		v[j] = t;
	}
}

int servers_open(struct client *c, const char *first, const char *const *more)
{
	int rc;

	c->servers = calloc(CLIENT_SERVERS_MAX, sizeof(*c->servers));
	if (!c->servers)
		return -ERR_NOMEM;
	rc = add(c->servers, &c->server_count, first);
	for (; more && *more && !rc; more++)
		rc = add(c->servers, &c->server_count, *more);
	c->server_own = c->server_count;
	return rc;
}

void servers_close(struct client *c)
{
	list_free(c->servers, c->server_count);
	c->servers = NULL;
}

const char *client_server(const struct client *c)
{
	return c->servers[c->server_at];
}

static void leave(struct client *c, const char *url, int64_t since_ms, uint32_t spread_ms)
{
	list_each(&c->watches, it)
		watch_leave(list_entry(it, struct client_watch, link), url, since_ms, spread_ms);
}

static void believe(struct client *c)
{
	c->away = c->unreached = false;
	c->failed = c->probe_left = 0;
	loop_timer_stop(&c->probe_timer);
	list_each(&c->watches, it)
		watch_kick(list_entry(it, struct client_watch, link));
}

int client_learn(struct client *c, const char *const *urls)
{
	BUF_AUTO struct buf now = { 0 };
	char **v = calloc(CLIENT_SERVERS_MAX, sizeof(*v));
	unsigned n = 0;
	int rc, at;

	buf_adds(&now, client_server(c));
	rc = v && !now.failed ? 0 : -ERR_NOMEM;
	for (unsigned i = 0; i < c->server_own && !rc; i++)
		rc = add(v, &n, c->servers[i]);
	for (; *urls && !rc; urls++)
		rc = add(v, &n, *urls);
	if (rc) {
		list_free(v, n);
		return rc;
	}
	shuffle(v + c->server_own, n - c->server_own);
	at = find(v, n, now.p, now.len);
	if (at < 0)
		log_info("%s is no server of this cloud any more, going on with %s", now.p, v[0]);
	list_free(c->servers, c->server_count);
	c->servers = v;
	c->server_count = n;
	c->server_at = at < 0 ? 0 : (unsigned)at;
	if (at < 0)
		leave(c, now.p, INT64_MAX, LEAVE_MS);
	/* Nothing bad is known of new ones. */
	if (c->away)
		believe(c);
	return 0;
}

int servers_pick(const struct client *c, uint32_t tried)
{
	for (unsigned i = 0; i < c->server_count; i++) {
		unsigned at = (c->server_at + i) % c->server_count;

		if (!(tried & UINT32_C(1) << at))
			return (int)at;
	}
	return -1;
}

void servers_failed(struct client *c, const char *url, int64_t since_ms, const char *why)
{
	if (c->away || strcmp(url, client_server(c)))
		return;
	c->server_at = (c->server_at + 1) % c->server_count;
	if (++c->failed >= c->server_count)
		servers_away(c, true);
	if (c->server_count < 2)
		return;
	log_info("%s: %s; going on with %s", url, why, client_server(c));
	leave(c, url, since_ms, LEAVE_DEAD_MS);
}

void servers_better(struct client *c, const char *good, const char *bad)
{
	int at = find(c->servers, c->server_count, good, strlen(good));

	if (at < 0 || (unsigned)at == c->server_at)
		return;
	log_info("%s does not serve now; going on with %s", bad, good);
	c->server_at = (unsigned)at;
	leave(c, bad, INT64_MAX, LEAVE_MS);
	servers_well(c);
}

/* ---- when nobody seems to serve ---- */

void servers_doubt(struct client *c)
{
	if (c->server_count < 2) {
		servers_away(c, false);
	} else if (!c->away && !c->probe_left) {
		c->probe_left = c->server_count;
		c->probe_at = c->server_at + 1;
		loop_timer_set(&c->probe_timer, env_random_below(DOUBT_MS));
	}
}

void servers_away(struct client *c, bool unreached)
{
	if (c->away)
		return;
	if (!list_empty(&c->watches))          /* else the one call tells */
		log_warn("%s: %s; asking every second or two", client_server(c), c->server_count > 1 ? "no server of this cloud "
			"serves" : unreached ? "it cannot be reached" : "it does not serve");
	c->away = true;
	c->unreached = unreached;
	c->probe_left = 0;
	loop_timer_set(&c->probe_timer, CLIENT_PROBE_MS + env_random_below(CLIENT_PROBE_MS));
}

void servers_heard(struct client *c, const char *url)
{
	int at;

	c->failed = 0;
	if (!c->unreached)
		return;
	at = find(c->servers, c->server_count, url, strlen(url));
	if (at >= 0)
		c->server_at = (unsigned)at;
	servers_well(c);
}

void servers_well(struct client *c)
{
	bool was = c->away;

	if (!c->away && !c->probe_left)
		return;
	believe(c);
	if (!was)
		return;
	if (!list_empty(&c->watches))
		log_info("%s serves again", client_server(c));
	if (c->well)
		c->well(c->well_arg);
}

void client_on_well(struct client *c, void (*fn)(void *arg), void *arg)
{
	c->well = fn;
	c->well_arg = arg;
}

static void probed(struct transfer *t, CURLcode rc, int status)
{
	struct client *c = t->client;
	BUF_AUTO struct buf was = { 0 };
	bool serves = rc == CURLE_OK && status < 500 && status != 429;
	int at = find(c->servers, c->server_count, t->server, strlen(t->server));

	transfer_finish(t);
	if (!c->away && !c->probe_left)        /* found out meanwhile */
		return;
	if (serves && at >= 0) {
		buf_adds(&was, client_server(c));
		if (c->away)
			c->server_at = (unsigned)at;
		else if (!was.failed)
			servers_better(c, c->servers[at], was.p);
		servers_well(c);
		return;
	}
	if (!c->away && !--c->probe_left)
		servers_away(c, false);
	else
		loop_timer_set(&c->probe_timer, c->away ? CLIENT_PROBE_MS + env_random_below(CLIENT_PROBE_MS) :
			env_random_below(DOUBT_MS));
}

void servers_probe(void *client)
{
	struct client *c = client;
	struct client_req q = { .method = "GET", .path = "/readyz", .timeout_ms = CLIENT_TRY_MS };

	if (c->probe.easy)
		return;
	c->probe = (struct transfer){ .ended = probed };
	if (transfer_start(&c->probe, c, c->probe_at++ % c->server_count, &q))
		loop_timer_set(&c->probe_timer, CLIENT_PROBE_MS);
}

/* ---- as the cloud tells them ---- */

static const char *https_port(yyjson_val *slice, char out[8])
{
	yyjson_val *port;
	size_t i, n;

	yyjson_arr_foreach(yyjson_obj_get(slice, "ports"), i, n, port) {
		const char *name = doc_str(port, "name");
		int64_t number = doc_int(port, "port", 0);

		if (name && !strcmp(name, "https") && number > 0 && number <= 65535) {
			snprintf(out, 8, "%d", (int)number);
			return out;
		}
	}
	return NULL;
}

void client_server_lines(struct buf *out, yyjson_val *slice)
{
	char number[8];
	const char *port = https_port(slice, number);
	yyjson_val *ep, *addr;
	size_t i, n, j, m;

	yyjson_arr_foreach(yyjson_obj_get(slice, "endpoints"), i, n, ep) {
		if (!port || !doc_bool(ep, "conditions.ready", true))
			continue;
		yyjson_arr_foreach(yyjson_obj_get(ep, "addresses"), j, m, addr) {
			const char *ip = yyjson_get_str(addr);

			if (ip)
				buf_printf(out, strchr(ip, ':') ? "https://[%s]:%s\n" : "https://%s:%s\n", ip, port);
		}
	}
}

void client_server_list(char *text, const char *urls[CLIENT_SERVERS_MAX + 1])
{
	unsigned n = 0;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line && n < CLIENT_SERVERS_MAX; line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, "https://", 8))
			urls[n++] = line;
	urls[n] = NULL;
}
