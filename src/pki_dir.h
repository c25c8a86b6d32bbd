/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki_dir - the keys, certificates and kubeconfigs under DIR/pki: made at the
 * first start, read at later ones; certificates near their end or with other names
 * are made again by the same CA.
 */
#ifndef PKI_DIR_H
#define PKI_DIR_H

#include "base/buf.h"
#include "base/err.h"

struct pki_dir {
	struct buf ca_cert, ca_key;            /* the cloud's own authority */
	struct buf server_cert, server_key;    /* serves the API */
	struct buf proxy_cert, proxy_key;      /* the server towards agents */
	struct buf sa_key;                     /* signs service-account tokens */
};
/* host: address people reach the server at; port. Writes DIR/admin.kubeconfig (0600),
 * DIR/pki/agent.kubeconfig and the agent's serving certificate for node_name. Blocking. */
int pki_dir_open(struct pki_dir *p, const char *dir, const char *host, unsigned port,
	const char *service_ip, const char *node_name, struct err *reterr);
void pki_dir_finish(struct pki_dir *p);    /* wipes the keys */

#endif
