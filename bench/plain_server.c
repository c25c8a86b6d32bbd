/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain_server - the API without TLS, for measuring what it costs itself: sampan has no
 * plain listener, and should have none. The same API, cache and HTTP server over a store
 * in memory, on loopback, with so many pods; the token `bench` is a master's.
 *
 *   plain_server PODS      prints "port N" once it is ready; ends with its parent
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "api/entry.h"
#include "base/loop.h"
#include "cache/cache.h"
#include "http/http.h"
#include "store/store.h"

static struct loop *loop;
static struct api *api;
static unsigned wanted, asked, done;
static bool booted;

static void die(const char *what)
{
	fprintf(stderr, "plain_server: %s\n", what);
	exit(1);
}

static void on_boot(void *arg, int rc)
{
	if (rc)
		die("the API does not start");
	booted = true;
}

static void more(void);

static void create(const char *path, const char *body, api_done_fn *then)
{
	static const char *const groups[] = { "system:masters", NULL };
	static const struct user user = { .name = "bench", .groups = groups };
	struct api_call q = { .method = "POST", .path = path, .body = body, .body_len = strlen(body), .user = &user };

	if (api_call(api, &q, then, NULL))
		die("out of memory");
}

static void check(int status, const struct blob *body)
{
	if (status != 201)
		die(body ? body->p : "an object was refused");
}

static void made(void *arg, int status, const struct blob *body)
{
	check(status, body);
	done++;
	more();
}

static void have_account(void *arg, int status, const struct blob *body)
{
	check(status, body);
	more();
}

/* The pod of bench.py's list. */
static void more(void)
{
	char body[512];

	while (asked < wanted && asked - done < 64) {
		snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"p-%u\",\"labels\":{\"app\":\"bench\"}},"
			"\"spec\":{\"schedulerName\":\"nobody\",\"containers\":[{\"name\":\"c\",\"image\":\"registry.example/app:1\","
			"\"env\":[{\"name\":\"A\",\"value\":\"b\"}],\"resources\":{\"requests\":{\"cpu\":\"100m\",\"memory\":\"64Mi\"}}}]}}", asked);
		create("/api/v1/namespaces/default/pods", body, made);
		asked++;
	}
}

int main(int argc, char **argv)
{
	static const char tokens[] = "bench,bench,,\"system:masters\"\n";
	char path[] = "/tmp/sampan-bench-XXXXXX";
	struct api_config cfg = { .service_cidr = "10.96.0.0/16", .advertise = "192.0.2.1:6443", .token_file = path };
	struct http_config http = { .listen = "127.0.0.1:0", .handler = api_handle_http };
	struct http_server *server;
	struct store *store;
	struct cache *cache;
	struct err e = { 0 };
	int fd = mkstemp(path);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	wanted = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
	if (fd < 0 || write(fd, tokens, sizeof(tokens) - 1) < 0)
		die("cannot write to /tmp");
	close(fd);
	if (loop_open(&loop) || store_open(&store, loop, "mem:", NULL, &e) || cache_open(&cache, store, &e) ||
	    api_open(&api, loop, store, cache, &cfg, &e))
		die(e.msg);
	unlink(path);
	api_bootstrap(api, on_boot, NULL);
	while (!booted)
		loop_turn(loop, -1);
	create("/api/v1/namespaces/default/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}", have_account);
	while (done < wanted)
		loop_turn(loop, -1);
	http.arg = api;
	if (http_server_open(&server, loop, &http, &e))
		die(e.msg);
	printf("port %u\n", http_server_port(server));
	fflush(stdout);
	loop_run(loop);
}
