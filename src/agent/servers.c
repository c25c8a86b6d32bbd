/* SPDX-License-Identifier: Apache-2.0 */
/*
 * servers - where the cloud's API is: the endpoints of the Service default/kubernetes as they
 * change, told to the client and kept in a file beside the kubeconfig, so that an agent
 * finds a server also when the one that the kubeconfig names is dead at its start.
 */
#define LOG_MODULE "agent"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "base/file.h"
#include "base/log.h"

#define FILE_MAX (64u << 10)

struct api_servers {
	struct agent *a;
	char *path;
	struct buf text;               /* a line for each, as last seen */
	struct buf writing;            /* being written, by a worker; or empty */
	int rc;
	struct err err;
	bool busy;
};

static int learn(struct api_servers *s)
{
	const char *urls[CLIENT_SERVERS_MAX + 1];
	char *copy = s->text.p ? strdup(s->text.p) : NULL;
	int rc;

	if (!copy)
		return s->text.failed ? -ERR_NOMEM : 0;
	client_server_list(copy, urls);
	rc = client_learn(s->a->client, urls);
	free(copy);
	return rc;
}

static void write_file(void *arg)
{
	struct api_servers *s = arg;

	s->rc = file_replace(s->path, s->writing.p, s->writing.len, 0600, &s->err);
}

static void save(struct api_servers *s);

static void written(void *arg)
{
	struct api_servers *s = arg;

	s->busy = false;
	if (s->rc)
		log_error("%s", s->err.msg);
	if (s->text.len != s->writing.len || memcmp(s->text.p, s->writing.p, s->text.len))
		save(s);
}

static void save(struct api_servers *s)
{
	if (s->busy || s->a->closing)
		return;
	buf_clear(&s->writing);
	buf_add(&s->writing, s->text.p, s->text.len);
	s->busy = !s->writing.failed && !workers_submit(s->a->workers, write_file, written, s);
	if (!s->busy)
		log_error("the servers of the cloud are not kept in %s: too much is being written", s->path);
}

void api_servers_seen(struct api_servers *s, yyjson_val *const *slices, size_t n)
{
	struct buf now = { 0 };

	for (size_t i = 0; i < n; i++)
		client_server_lines(&now, slices[i]);
	/* None at all is no news to act on: somebody told this. */
	if (now.failed || !now.len || (now.len == s->text.len && !memcmp(now.p, s->text.p, now.len))) {
		buf_finish(&now);
		return;
	}
	buf_finish(&s->text);
	s->text = now;
	if (learn(s))
		log_error("the servers of the cloud: out of memory");
	save(s);
}

int api_servers_open(struct api_servers **ret, struct agent *a, const char *kubeconfig)
{
	struct api_servers *s = calloc(1, sizeof(*s));
	const char *slash = strrchr(kubeconfig, '/');

	*ret = s;
	if (!s)
		return -ERR_NOMEM;
	s->a = a;
	if (asprintf(&s->path, "%.*s/agent.servers", slash ? (int)(slash - kubeconfig) : 1, slash ? kubeconfig : ".") < 0) {
		s->path = NULL;
		return -ERR_NOMEM;
	}
	/* A file that cannot be read leaves the kubeconfig's server, and is written again. */
	if (file_read(s->path, FILE_MAX, &s->text, NULL))
		buf_clear(&s->text);
	return learn(s);
}

void api_servers_close(struct api_servers *s)
{
	if (!s)
		return;
	buf_finish(&s->text);
	buf_finish(&s->writing);
	free(s->path);
	free(s);
}
