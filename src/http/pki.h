/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki - keys and certificates (OpenSSL): our own CA, serving and client
 * certificates, signing of requests, RS256 tokens. PEM texts in and out.
 * Thread: any; making an RSA key takes 50-300 ms, an EC key under 1 ms.
 * Tests: tests/unit/http/test_pki.c
 */
#ifndef HTTP_PKI_H
#define HTTP_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define PKI_BACKDATE_S 300     /* certificates begin this long before they are made: clocks differ */

int pki_ec_key(struct buf *ret_key_pem, struct err *reterr);    /* P-256, PKCS#8 */
int pki_rsa_key(struct buf *ret_key_pem, struct err *reterr);   /* 2048 bits */

/* Whether it can be read and used. */
bool pki_key_ok(const char *key_pem);

struct pki_request {
	const char *cn;
	const char *const *orgs;       /* NULL-terminated or NULL */
	const char *const *dns, *const *ips;   /* subject alternative names */
	bool server, client, ca;       /* usages */
	const char *const *usages;     /* or, named as CertificateSigningRequests do; NULL: not */
	int64_t now_s, valid_s;
};
/* A certificate for the public part of key_pem, signed by the CA (NULL, NULL: self-signed);
 * it does not outlive the CA's. */
int pki_issue(struct buf *ret_cert_pem, const struct pki_request *q, const char *key_pem,
	const char *ca_cert_pem, const char *ca_key_pem, struct err *reterr);
/* A PKCS#10 request: made, and signed with its own subject. */
int pki_csr(struct buf *ret_csr_pem, const struct pki_request *q, const char *key_pem, struct err *reterr);
/* Whom one asks a certificate for, and how many names of each sort besides; in the arena. */
enum pki_san { PKI_SAN_DNS, PKI_SAN_EMAIL, PKI_SAN_URI, PKI_SAN_IP, PKI_SAN_COUNT };
struct pki_csr_info {
	const char *cn, *const *orgs;
	unsigned sans[PKI_SAN_COUNT];
	const char *const *dns, *const *ips;   /* those names as text, NULL-terminated */
};
int pki_csr_read(struct arena *a, const char *pem, struct pki_csr_info *ret, struct err *reterr);
bool pki_csr_signed(const char *pem);      /* by its own key */
int pki_sign_csr(struct buf *ret_cert_pem, const char *csr_pem, const struct pki_request *usages,
	const char *ca_cert_pem, const char *ca_key_pem, struct err *reterr);
/* When a certificate ends, and begins; and whether it names all of dns and ips. */
int pki_not_after(const char *cert_pem, int64_t *ret_s);
int pki_not_before(const char *cert_pem, int64_t *ret_s);
bool pki_issued_by(const char *cert_pem, const char *ca_cert_pem);    /* does that key's signature stand on it? */
bool pki_names_ip(const char *cert_pem);   /* does it name any address? false: none, or no certificate */
bool pki_names_all(const char *cert_pem, const char *const *dns, const char *const *ips);
/* The last common name of a certificate's subject; -ERR_BAD_REQUEST when it has none, or a longer one. */
int pki_cert_cn(const char *cert_pem, char ret[300]);
bool pki_fits_key(const char *cert_pem, const char *key_pem);
/* sha256 of the certificate's public key, "sha256:<hex>". */
int pki_pin(const char *cert_pem, char ret[80]);
bool pki_pin_form(const char *pin);
/* pem is one certificate with that public key: *ret is it and nothing of what else the text held.
 * -ERR_CONFLICT: it is another, or not alone. */
int pki_pinned(const char *pem, const char *pin, struct buf *ret, struct err *reterr);

/* RS256 over signing_input; kid as upstream: base64url(sha256(DER public key)). */
struct pki_signer;
int pki_signer_open(struct pki_signer **ret, const char *rsa_key_pem, struct err *reterr);
void pki_signer_close(struct pki_signer *s);
const char *pki_signer_kid(const struct pki_signer *s);
int pki_sign(struct pki_signer *s, const void *p, size_t n, struct buf *ret_sig, struct err *reterr);
bool pki_verify(struct pki_signer *s, const void *p, size_t n, const void *sig, size_t sig_n);
/* n and e of the public key, base64url, for JWKS. */
int pki_signer_jwk(struct pki_signer *s, struct buf *ret_n, struct buf *ret_e);

#endif
