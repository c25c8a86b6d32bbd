/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle - what a machine must have to be another server of a cloud: the authority with its
 * key, the key that signs service-account tokens, the store's URI and what opens it, the ranges.
 * It lies in a server's directory; travels sealed with a key that only who joins is told
 * (AES-256-GCM, the token's id authenticated with it); and is put into the new server's directory.
 *
 *   DIR/server/shared.json   which store, and where its files are: written by each server of a
 *                            shared store when it starts, and last by who joins: there, it has joined
 * Thread: any; blocking.
 * Source: kubeadm phases/copycerts, for the way of it.
 * Tests:  tests/unit/server/test_bundle.c, tests/flow/15_servers.sh
 */
#ifndef BUNDLE_H
#define BUNDLE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

enum bundle_file { BUNDLE_CA_CERT, BUNDLE_CA_KEY, BUNDLE_SA_KEY, BUNDLE_STORE_CA, BUNDLE_STORE_CERT, BUNDLE_STORE_KEY,
	BUNDLE_STORE_AUTH, BUNDLE_FILES };
#define BUNDLE_CIDR_MAX 104                /* two ranges */
/* node_masks: of nodes' blocks of pod addresses, "24,64"; "" in one of a server that did not know of them. */
struct bundle {
	char store[1024], service_cidr[BUNDLE_CIDR_MAX], cluster_cidr[BUNDLE_CIDR_MAX], node_masks[16];
	struct buf file[BUNDLE_FILES];         /* text; p NULL: there is none */
};
void bundle_finish(struct bundle *b);      /* wipes the keys */

/* How a server of a shared store was started; paths are absolute, "" none. */
struct bundle_settings {
	char store[1024], service_cidr[BUNDLE_CIDR_MAX], cluster_cidr[BUNDLE_CIDR_MAX], node_masks[16];
	char path[BUNDLE_FILES][1024];         /* of the store's files only */
};
/* Replaced when it would change; s NULL: removed, the store is no shared one. */
int bundle_settings_write(const char *data_dir, const struct bundle_settings *s, struct err *reterr);
/* -ERR_NOT_FOUND: no server of a shared store has run there. */
int bundle_settings_read(const char *data_dir, struct bundle_settings *s, struct err *reterr);

/* Of a server's directory. -ERR_NOT_FOUND, with the way to a shared store, when it has none. */
int bundle_read(const char *data_dir, struct bundle *b, struct err *reterr);
/* Into a directory that is not in use: every file 0600 (ca.crt 0644) in one step, shared.json last. */
int bundle_write(const char *data_dir, const struct bundle *b, struct err *reterr);

#define BUNDLE_KEY_MAX 65                  /* 64 hexadecimal digits */
void bundle_key(char ret[BUNDLE_KEY_MAX]);
bool bundle_key_form(const char *key);
int bundle_seal(const struct bundle *b, const char *key, const char *id, struct buf *out, struct err *reterr);
/* -ERR_INVALID: another key or id, or it was changed. *b is to be finished in any case. */
int bundle_unseal(struct bundle *b, const char *key, const char *id, const void *p, size_t n, struct err *reterr);

#endif
