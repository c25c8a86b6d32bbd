/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_fetch - a blob from its registry into a file, hashed on its way.
 *
 * Bytes gather in `fill` while a worker writes and hashes `busy`; with a full one
 * and a busy one the transfer pauses. A transfer that breaks goes on where it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/image_priv.h"
#include "base/env.h"
#include "base/text.h"
#define LOG_MODULE "image"
#include "base/log.h"

#define FILL_MAX  (2u << 20)
#define TRIES     6
#define RETRY_MS  500

struct image_fetch {
	struct images *m;
	struct registry_get *get;
	struct image_name name;
	char digest[IMAGE_DIGEST_MAX];
	char *username, *password;
	uint64_t size, received;
	int fd;
	EVP_MD_CTX *hash;
	struct buf fill, busy;
	uint64_t written;
	bool job, paused, complete, canceled, too_long;
	int write_errno;
	unsigned tries;
	struct loop_timer retry;
	void (*progress)(void *, uint64_t);
	void (*done)(void *, int, const char *);
	void *arg;
};

static void free_fetch(struct image_fetch *f)
{
	registry_cancel(f->get);
	loop_timer_stop(&f->retry);
	if (f->fd >= 0)
		close(f->fd);
	EVP_MD_CTX_free(f->hash);
	buf_finish(&f->fill);
	buf_finish(&f->busy);
	free(f->username);
	free(f->password);
	free(f);
}

static void end(struct image_fetch *f, int rc, const char *message)
{
	void (*done)(void *, int, const char *) = f->done;
	void *arg = f->arg;

	registry_cancel(f->get);
	f->get = NULL;
	loop_timer_stop(&f->retry);
	if (f->job) {
		f->canceled = true;                    /* freed when the worker is done with it */
	} else {
		free_fetch(f);
	}
	done(arg, rc, message);
}

static void flush(struct image_fetch *f);

static void verify(struct image_fetch *f)
{
	uint8_t sum[32];
	char hex[65], text[600];

	EVP_DigestFinal_ex(f->hash, sum, NULL);
	text_hex(hex, sum, 32);
	if (!strcmp(hex, f->digest + 7)) {
		end(f, 0, "");
		return;
	}
	snprintf(text, sizeof(text), "blob %s of %s has the digest sha256:%s", f->digest, f->name.host, hex);
	end(f, -ERR_CORRUPT, text);
}

static void write_run(void *arg)
{
	struct image_fetch *f = arg;
	size_t at = 0;

	EVP_DigestUpdate(f->hash, f->busy.p, f->busy.len);
	while (at < f->busy.len) {
		ssize_t n = pwrite(f->fd, f->busy.p + at, f->busy.len - at, (off_t)f->written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			f->write_errno = errno;
			return;
		}
		at += (size_t)n;
		f->written += (uint64_t)n;
	}
}

static void write_done(void *arg)
{
	struct image_fetch *f = arg;
	char text[200];

	f->job = false;
	if (f->canceled) {
		free_fetch(f);
		return;
	}
	if (f->write_errno) {
		snprintf(text, sizeof(text), "writing a layer: %s", strerror(f->write_errno));
		end(f, -ERR_IO, text);
		return;
	}
	buf_clear(&f->busy);
	if (f->fill.len) {
		flush(f);
	} else if (f->complete) {
		verify(f);
		return;
	}
	if (f->paused && f->get) {
		f->paused = false;
		registry_resume(f->get);
	}
}

static void flush(struct image_fetch *f)
{
	struct buf t = f->busy;

	f->busy = f->fill;
	f->fill = t;
	f->job = true;
	if (workers_submit(f->m->disk, write_run, write_done, f)) {
		f->job = false;
		f->write_errno = EAGAIN;
	}
}

static int on_data(void *arg, uint64_t at, const void *p, size_t n)
{
	struct image_fetch *f = arg;
	const char *s = p;

	if (at + n <= f->received)
		return 0;                              /* sent from the start again */
	s += f->received - at;
	n -= (size_t)(f->received - at);
	if (f->received + n > f->size) {
		f->too_long = true;
		return -1;
	}
	if (f->job && f->fill.len + n > FILL_MAX) {
		f->paused = true;
		return 1;
	}
	buf_add(&f->fill, s, n);
	if (f->fill.failed || f->write_errno)
		return -1;
	f->received += n;
	f->progress(f->arg, n);
	if (!f->job)
		flush(f);
	return 0;
}

static void try_get(void *arg);

static void on_done(void *arg, int rc, const char *digest, const char *message)
{
	struct image_fetch *f = arg;
	char text[700];

	f->get = NULL;
	if (!rc && f->received < f->size)
		rc = -ERR_UNAVAILABLE;
	if (rc == -ERR_UNAVAILABLE && ++f->tries < TRIES) {
		/* Doubling, and not all at once after an outage. */
		loop_timer_set(&f->retry, (RETRY_MS << f->tries) / 2 + env_random_below(RETRY_MS));
		log_info("layer %.19s: %s; going on at byte %llu", f->digest, *message ? message : "ended early",
			(unsigned long long)f->received);
		return;
	}
	if (f->too_long)
		end(f, -ERR_SIZE, "the registry sent more of a layer than its manifest says");
	else if (f->write_errno || f->fill.failed)
		end(f, -ERR_IO, f->write_errno ? strerror(f->write_errno) : "out of memory");
	else if (rc) {
		snprintf(text, sizeof(text), "layer %.19s: %s", f->digest, *message ? message : "ended early");
		end(f, rc, text);
	} else {
		f->complete = true;
		if (!f->job)
			verify(f);
	}
}

static void try_get(void *arg)
{
	struct image_fetch *f = arg;
	struct registry_request q = { .name = &f->name, .digest = f->digest, .username = f->username,
		.password = f->password, .offset = f->received, .data = on_data, .done = on_done, .arg = f };

	if (registry_get(&f->get, f->m->registry, &q))
		end(f, -ERR_NOMEM, "out of memory");
}

int image_fetch_start(struct image_fetch **ret, struct images *m, const struct image_fetch_request *q)
{
	struct image_fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return -ERR_NOMEM;
	f->m = m;
	f->name = *q->name;
	strcpy(f->digest, q->digest);
	f->size = q->size_bytes;
	f->progress = q->progress;
	f->done = q->done;
	f->arg = q->arg;
	loop_timer_init(&f->retry, m->loop, try_get, f);
	f->fd = open(q->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	f->hash = EVP_MD_CTX_new();
	f->username = q->username ? strdup(q->username) : NULL;
	f->password = q->password ? strdup(q->password) : NULL;
	if (f->fd < 0 || !f->hash || !EVP_DigestInit_ex(f->hash, EVP_sha256(), NULL) || (q->username && !f->username) ||
	    (q->password && !f->password)) {
		free_fetch(f);
		return -ERR_IO;
	}
	*ret = f;
	loop_timer_set(&f->retry, 0);                  /* from the next turn on: done may not run before we return */
	return 0;
}

void image_fetch_cancel(struct image_fetch *f)
{
	if (!f)
		return;
	registry_cancel(f->get);
	f->get = NULL;
	loop_timer_stop(&f->retry);
	if (f->job)
		f->canceled = true;
	else
		free_fetch(f);
}
