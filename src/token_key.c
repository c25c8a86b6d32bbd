/* SPDX-License-Identifier: Apache-2.0 */
/* token_key - see token_key.h. */
#include "token_key.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "http/pki.h"

#define PEM_MAX (64u << 10)

struct token_key {
	char dir[4000];                /* DIR/pki */
	struct buf pem;
	bool threaded;                 /* the thread below is to be joined */
	pthread_t thread;
	int rc;
	struct err err;
};

static void *make(void *arg)
{
	struct token_key *k = arg;
	struct file_content made = { "sa.key", NULL, 0, 0600 };

	k->rc = pki_rsa_key(&k->pem, &k->err);
	made.p = k->pem.p;
	made.n = k->pem.len;
	if (!k->rc)
		k->rc = file_replace_all(k->dir, &made, 1, &k->err);
	return NULL;
}

static void wait_for(struct token_key *k)
{
	if (k->threaded)
		pthread_join(k->thread, NULL);
	k->threaded = false;
}

int token_key_open(struct token_key **ret, const char *dir, struct err *reterr)
{
	struct token_key *k = calloc(1, sizeof(*k));
	char path[4100];
	int rc;

	if (!k)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	snprintf(k->dir, sizeof(k->dir), "%s/pki", dir);
	snprintf(path, sizeof(path), "%s/sa.key", k->dir);
	rc = file_mkdirs(k->dir, 0700, reterr);
	if (!rc)
		rc = file_read(path, PEM_MAX, &k->pem, reterr);
	if (!rc && !pki_key_ok(k->pem.p))
		rc = err_set(reterr, ERR_CORRUPT, "%s is no private key; put a copy of it back", path);
	if (rc == -ERR_NOT_FOUND) {
		rc = 0;
		k->threaded = !pthread_create(&k->thread, NULL, make, k);
		if (!k->threaded)
			make(k);
	}
	if (rc)
		token_key_close(k);
	else
		*ret = k;
	return rc;
}

int token_key_pem(void *arg, const char **ret_pem, struct err *reterr)
{
	struct token_key *k = arg;

	wait_for(k);
	*ret_pem = k->pem.p;
	return k->rc ? err_set(reterr, -k->rc, "the key that signs tokens: %s", k->err.msg) : 0;
}

void token_key_close(struct token_key *k)
{
	if (!k)
		return;
	wait_for(k);
	if (k->pem.p)
		explicit_bzero(k->pem.p, k->pem.cap);
	buf_finish(&k->pem);
	free(k);
}
