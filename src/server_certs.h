/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_certs - the certificates of a running server: made again before they end, and
 * lent to the controllers that sign requests.
 *
 *   WAITING --due, or the clock was set--> OPENING (on a worker) --> swapped, WAITING
 *
 * Connections that are open keep the certificate they began with; new ones get the new.
 * Thread: loop thread.
 * Tests:  tests/flow/12_certificates.sh
 */
#ifndef SERVER_CERTS_H
#define SERVER_CERTS_H

#include "base/buf.h"
#include "base/err.h"
#include "control/control.h"
#include "pki_dir.h"

struct loop;
struct server_certs;

/* cfg and its texts are copied; pki is the server's own and is replaced when renewed,
 * then renewed runs. */
int server_certs_open(struct server_certs **ret, struct loop *l, struct pki_dir *pki,
	const struct pki_dir_config *cfg, void (*renewed)(void *arg), void *arg, struct err *reterr);
void server_certs_close(struct server_certs *s);       /* accepts NULL */
const struct control_certs *server_certs_control(struct server_certs *s);
/* The cloud's other servers (lines of URLs, taken over) get a context each in admin.kubeconfig. */
void server_certs_others(struct server_certs *s, char *lines);
void server_certs_metrics(const struct server_certs *s, struct buf *out);

#endif
