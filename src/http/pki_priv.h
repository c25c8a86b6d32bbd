/* SPDX-License-Identifier: Apache-2.0 */
/* pki_priv - reading PEM texts, for siblings in http only. */
#ifndef HTTP_PKI_PRIV_H
#define HTTP_PKI_PRIV_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"

/* NULL when pem is NULL or not one; the caller frees. */
EVP_PKEY *pki_read_key(const char *pem);
X509 *pki_read_cert(const char *pem);
/* -ERR_INTERNAL with OpenSSL's newest reason; clears its queue. */
int pki_err(struct err *reterr, const char *what);

#endif
