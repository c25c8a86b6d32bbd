/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join - a machine becomes a node, or a server, of a cloud: it learns the cloud's authority, which must be the
 * pinned one, and asks it for a certificate, or for the servers' keys, with a token.
 *
 *   authority: fetched from whoever answers, believed only when its key is the pinned one
 *   then:      every connection must be that authority's, before the token is sent on it
 *   files:     DIR/ca.crt, agent.key --certificate--> agent.kubeconfig; each in one step. Ended at any
 *              instruction, the same command goes on where it was.
 * Thread: the command's only one; blocking.
 * Tests:  tests/flow/13_join.sh, tests/unit/server/test_join.c
 */
#ifndef JOIN_H
#define JOIN_H

#include "base/err.h"

struct join_config {
	const char *url;               /* "https://HOST:PORT", "HOST:PORT" or "HOST" (6443) */
	const char *token, *ca_pin;    /* "ID.SECRET", "sha256:<hex>" */
	const char *pki_dir;           /* DIR/pki */
	const char *node_name;
};
/* 0: agent.kubeconfig is there, made now or before. -ERR_BAD_REQUEST: what was given is malformed. The
 * words say what to do. */
int join(const struct join_config *cfg, struct err *reterr);
/* This machine becomes another server of the cloud: what servers share is fetched with the token, and opened with
 * key (bundle.h). 0: DIR/server/shared.json is there, made now or before. pki_dir and node_name are not
 * looked at. store: another URI than that of the other servers, or NULL. Source: kubeadm join --control-plane. */
int join_server(const struct join_config *cfg, const char *data_dir, const char *key, const char *store, struct err *reterr);
/* "https://HOST:PORT" of what people type; -ERR_BAD_REQUEST. IPv6 addresses in brackets. */
int join_url(const char *typed, char ret[400], struct err *reterr);

#endif
