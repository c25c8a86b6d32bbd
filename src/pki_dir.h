/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki_dir - the keys, certificates and kubeconfigs under DIR/pki: made at the
 * first start, read at later ones; certificates near their end or with other names
 * are made again by the same CA. Opened again while the server runs, when renew_s came.
 *
 * Thread: any; blocking.
 * Tests:  tests/unit/server/test_pki_dir.c, tests/flow/12_certificates.sh
 */
#ifndef PKI_DIR_H
#define PKI_DIR_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct pki_dir_config {
	const char *dir;
	const char *host;              /* the address people reach the server at */
	unsigned port;
	const char *service_ip[2];     /* of the API inside the cloud, one of a family; NULL or "": none */
	const char *node_name;
	int64_t valid_s;               /* of certificates; 0: a year */
	const char *const *others;     /* URLs of the cloud's other servers, for people; NULL-terminated, or NULL */
	const char *ca_pem;            /* the authority that it must be; NULL: any, made when missing */
};
struct pki_dir {
	struct buf ca_cert, ca_key;            /* the cloud's own authority */
	struct buf server_cert, server_key;    /* serves the API */
	struct buf proxy_cert, proxy_key;      /* the server towards agents */
	int64_t renew_s;                       /* wall clock: when to open again; 0: never */
	int64_t end_s, ca_end_s;               /* when the first certificate, and the authority, end */
	unsigned made;                         /* certificates made now */
};
/* Writes DIR/admin.kubeconfig (0600), DIR/pki/agent.kubeconfig and the agent's serving
 * certificate for node_name, each file replaced in one step. -ERR_CONFLICT, and nothing is
 * written: the authority is another. */
int pki_dir_open(struct pki_dir *p, const struct pki_dir_config *cfg, struct err *reterr);
void pki_dir_finish(struct pki_dir *p);    /* wipes the keys */

#endif
