/* SPDX-License-Identifier: Apache-2.0 */
/* pki_priv - PEM texts and certificates as OpenSSL has them, for siblings in http only. */
#ifndef HTTP_PKI_PRIV_H
#define HTTP_PKI_PRIV_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/err.h"

struct pki_request;

#define AUTO(fn) __attribute__((cleanup(fn)))
#define FREER(type, free_fn) \
	static inline void type##_freep(type **p) { free_fn(*p); *p = NULL; }
FREER(BIO, BIO_free_all)
FREER(EVP_PKEY, EVP_PKEY_free)
FREER(X509, X509_free)
FREER(X509_REQ, X509_REQ_free)
FREER(X509_NAME, X509_NAME_free)
FREER(GENERAL_NAMES, GENERAL_NAMES_free)
FREER(GENERAL_NAME, GENERAL_NAME_free)
#undef FREER

static inline void exts_freep(STACK_OF(X509_EXTENSION) **p)
{
	sk_X509_EXTENSION_pop_free(*p, X509_EXTENSION_free);
}

/* NULL when pem is NULL or not one; the caller frees. */
EVP_PKEY *pki_read_key(const char *pem);
X509 *pki_read_cert(const char *pem);
BIO *pki_text_bio(const char *pem);
int pki_take_bio(BIO *out, struct buf *ret);
/* -ERR_INTERNAL with OpenSSL's newest reason; clears its queue. */
int pki_err(struct err *reterr, const char *what);

/* A request's names: the caller frees. */
X509_NAME *pki_subject(const struct pki_request *q);
int pki_alt_names(const struct pki_request *q, GENERAL_NAMES **ret, struct err *reterr);
/* Fill, sign and print a certificate for pub; ca_cert_pem NULL: signed by ca_key itself. */
int pki_make_cert(struct buf *ret, const struct pki_request *q, X509_NAME *subject,
	GENERAL_NAMES *names, EVP_PKEY *pub, const char *ca_cert_pem, EVP_PKEY *ca_key,
	struct err *reterr);

#endif
