/* SPDX-License-Identifier: Apache-2.0 */
/* etcd_config - where a cluster of etcd is and how it is entered. */
#ifndef STORE_ETCD_CONFIG_H
#define STORE_ETCD_CONFIG_H

#include <openssl/types.h>
#include <stddef.h>

#include "base/err.h"
#include "store/store.h"

#define ETCD_MEMBERS_MAX 16
#define ETCD_HOST_MAX    255

struct etcd_config {
	char host[ETCD_MEMBERS_MAX][ETCD_HOST_MAX + 1];   /* "name:port" or "[address]:port" */
	size_t members;
	SSL_CTX *tls;                  /* NULL: none */
	char *user, *password;         /* NULL: none */
};

/* members: "host:port,host:port"; opt: NULL for none. c: {0}; finish it also after an error,
 * which is -ERR_INVALID, -ERR_NOT_FOUND, -ERR_IO or -ERR_NOMEM in words. */
int etcd_config_read(struct etcd_config *c, const char *members, const struct store_options *opt, struct err *reterr);
void etcd_config_finish(struct etcd_config *c);

#endif
