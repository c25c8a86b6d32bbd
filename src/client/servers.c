/* SPDX-License-Identifier: Apache-2.0 */
/*
 * servers - those that a client knows, and the one that it talks to.
 *
 *   USES at --a call or watch failed there, or it says that it stops--> USES the next one
 *
 * A good one is kept. What still waits for the one that was left goes on at the next:
 * watches from the revision they have seen. The order of those that were learned is each
 * client's own, so that not all of them turn to one when a server dies.
 */
#define LOG_MODULE "client"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/log.h"
#include "client/client_priv.h"
#include "doc/doc.h"

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
	loop_defer_cancel(c->loop, &c->moved);
	list_free(c->servers, c->server_count);
	c->servers = NULL;
}

const char *client_server(const struct client *c)
{
	return c->servers[c->server_at];
}

/* From the loop: those who wait are in the middle of something when it is found out. */
static void moved(void *arg)
{
	struct client *c = arg;

	list_each(&c->watches, it)
		watch_moved(list_entry(it, struct client_watch, link));
}

int client_learn(struct client *c, const char *const *urls)
{
	const char *now = client_server(c);
	char **v = calloc(CLIENT_SERVERS_MAX, sizeof(*v));
	unsigned n = 0;
	int rc = v ? 0 : -ERR_NOMEM, at;

	for (unsigned i = 0; i < c->server_own && !rc; i++)
		rc = add(v, &n, c->servers[i]);
	for (; *urls && !rc; urls++)
		rc = add(v, &n, *urls);
	if (rc) {
		list_free(v, n);
		return rc;
	}
	shuffle(v + c->server_own, n - c->server_own);
	at = find(v, n, now, strlen(now));
	if (at < 0)
		log_info("%s is no server of this cloud any more, going on with %s", now, v[0]);
	list_free(c->servers, c->server_count);
	c->servers = v;
	c->server_count = n;
	c->server_at = at < 0 ? 0 : (unsigned)at;
	if (at < 0)
		loop_defer(c->loop, &c->moved, moved, c);
	return 0;
}

void servers_failed(struct client *c, const char *url, const char *why)
{
	if (c->server_count < 2 || strcmp(url, client_server(c)))
		return;
	c->server_at = (c->server_at + 1) % c->server_count;
	log_info("%s: %s; going on with %s", url, why, client_server(c));
	loop_defer(c->loop, &c->moved, moved, c);
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
