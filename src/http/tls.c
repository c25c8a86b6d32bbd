/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls - one OpenSSL context of the server: TLS 1.2 and 1.3, ALPN, resumption by
 * tickets, client certificates.
 *
 * A client certificate that does not verify leaves its sender without an identity
 * instead of without a connection, unless one is required: the sender may have a
 * token, and else the API answers 401 in words.
 */
#include <string.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "http/http_priv.h"
#include "http/pki.h"
#include "http/pki_priv.h"

#define TICKET_LIFE_S 3600
#define ORGS_MAX      1000

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
	const unsigned char *in, unsigned in_n, void *arg)
{
	static const unsigned char ours[] = "\x02h2\x08http/1.1";

	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_n, ours, sizeof(ours) - 1,
		    in, in_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}

/* The result stays in the connection (and in its ticket); the handshake goes on. */
static int verify_softly(X509_STORE_CTX *ctx, void *arg)
{
	if (X509_verify_cert(ctx) <= 0 && X509_STORE_CTX_get_error(ctx) == X509_V_OK)
		X509_STORE_CTX_set_error(ctx, X509_V_ERR_UNSPECIFIED);
	return 1;
}

static int use_cert(SSL_CTX *ctx, const char *cert_pem, const char *key_pem, struct err *reterr)
{
	BIO *in = BIO_new_mem_buf(cert_pem, -1);
	EVP_PKEY *key = pki_read_key(key_pem);
	X509 *cert = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL, *next;
	int rc = 0;

	if (!cert || !key || SSL_CTX_use_certificate(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		rc = pki_err(reterr, "cannot use the serving certificate");
	while (rc == 0 && (next = PEM_read_bio_X509(in, NULL, NULL, NULL)))
		if (SSL_CTX_add0_chain_cert(ctx, next) != 1) {
			X509_free(next);
			rc = pki_err(reterr, "cannot use the serving certificate's chain");
		}
	ERR_clear_error();   /* the end of the PEM text is one */
	X509_free(cert);
	EVP_PKEY_free(key);
	BIO_free(in);
	return rc;
}

static int trust(SSL_CTX *ctx, const char *ca_pem, bool require, struct err *reterr)
{
	BIO *in = BIO_new_mem_buf(ca_pem, -1);
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509 *ca;
	unsigned count = 0;
	int rc = 0;

	while (in && rc == 0 && (ca = PEM_read_bio_X509(in, NULL, NULL, NULL))) {
		if (X509_STORE_add_cert(store, ca) != 1 || SSL_CTX_add_client_CA(ctx, ca) != 1)
			rc = pki_err(reterr, "cannot use the CA of client certificates");
		X509_free(ca);
		count++;
	}
	BIO_free(in);
	ERR_clear_error();
	if (rc == 0 && !count)
		return err_set(reterr, ERR_BAD_REQUEST, "the CA of client certificates is not PEM");
	if (require)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	else {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_cert_verify_callback(ctx, verify_softly, NULL);
	}
	return rc;
}

int http_tls_open(SSL_CTX **ret, const char *cert_pem, const char *key_pem,
	const char *client_ca_pem, bool require, struct err *reterr)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int rc = 0;

	if (!ctx)
		return pki_err(reterr, "cannot set up TLS");
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF |
		SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	/* Tickets only: the server keeps nothing of clients that left. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"sampan", 6);
	SSL_CTX_set_timeout(ctx, TICKET_LIFE_S);
	SSL_CTX_set_num_tickets(ctx, 1);
	rc = use_cert(ctx, cert_pem, key_pem, reterr);
	if (rc == 0 && client_ca_pem)
		rc = trust(ctx, client_ca_pem, require, reterr);
	if (rc < 0) {
		SSL_CTX_free(ctx);
		return rc;
	}
	*ret = ctx;
	return 0;
}

bool http_tls_chose_h2(SSL *ssl)
{
	const unsigned char *p = NULL;
	unsigned n = 0;

	SSL_get0_alpn_selected(ssl, &p, &n);
	return n == 2 && memcmp(p, "h2", 2) == 0;
}

/* UTF-8 text of a name's entry; NULL when it holds a NUL. Caller frees. */
static char *entry_text(X509_NAME *name, int at)
{
	unsigned char *u = NULL;
	int n = ASN1_STRING_to_UTF8(&u, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	char *ret = n >= 0 && !memchr(u, 0, (size_t)n) ? strndup((char *)u, (size_t)n) : NULL;

	OPENSSL_free(u);
	return ret;
}

static void free_peer(struct http_peer *peer)
{
	for (size_t i = 0; peer->orgs && peer->orgs[i]; i++)
		free(peer->orgs[i]);
	free(peer->orgs);
	free(peer->cn);
	peer->orgs = NULL;
	peer->cn = NULL;
	peer->fingerprint[0] = 0;
	peer->refused = false;
}

/* SHA-256 of the certificate, when it was made, and when it ends. */
static bool identify(X509 *cert, struct http_peer *peer)
{
	unsigned char sum[32];
	unsigned n = sizeof(sum);
	struct tm tm, from;

	if (!X509_digest(cert, EVP_sha256(), sum, &n) || !ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) ||
	    !ASN1_TIME_to_tm(X509_get0_notBefore(cert), &from))
		return false;
	text_hex(peer->fingerprint, sum, sizeof(sum));
	peer->issued_s = (int64_t)timegm(&from) + PKI_BACKDATE_S;
	peer->until_s = (int64_t)timegm(&tm);
	return true;
}

void http_tls_peer(SSL *ssl, struct http_peer *peer)
{
	X509 *cert;
	X509_NAME *name;
	size_t n = 0;
	int at;

	free_peer(peer);
	cert = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
	if (!cert)
		return;
	/* A resumed session was verified when its ticket was made; that its certificate
	 * ended since is seen at each request. */
	if (SSL_get_verify_result(ssl) != X509_V_OK || !identify(cert, peer))
		goto bad;
	name = X509_get_subject_name(cert);
	/* Of several CNs Go takes the last. */
	for (at = -1; (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;) {
		free(peer->cn);
		if (!(peer->cn = entry_text(name, at)))
			goto bad;
	}
	if (!peer->cn && !(peer->cn = strdup("")))
		goto bad;
	peer->orgs = calloc(ORGS_MAX + 1, sizeof(*peer->orgs));
	if (!peer->orgs)
		goto bad;
	for (at = -1; n < ORGS_MAX && (at = X509_NAME_get_index_by_NID(name, NID_organizationName, at)) >= 0; n++)
		if (!(peer->orgs[n] = entry_text(name, at)))
			goto bad;
	char **less = realloc(peer->orgs, (n + 1) * sizeof(*less));

	if (less)
		peer->orgs = less;
	return;
bad:
	free_peer(peer);
	peer->refused = true;
}
