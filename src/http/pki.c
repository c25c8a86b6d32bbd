/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki - keys and certificates over OpenSSL 3; requests for them are pki_csr.c's.
 *
 * Names are put in as UTF8String without OpenSSL's limit of 64 characters: the
 * names of nodes and service accounts are longer, and Go clients accept them.
 */
#include "http/pki.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/env.h"
#include "base/text.h"
#include "http/pki_priv.h"

/* A certificate is good this long before it was made: clocks of machines differ. */
#define NAMES_MAX  1000

int pki_err(struct err *reterr, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *why = e ? ERR_reason_error_string(e) : NULL;
	int rc = err_set(reterr, ERR_INTERNAL, "%s: %s", what, why ? why : "unknown reason");

	ERR_clear_error();
	return rc;
}

BIO *pki_text_bio(const char *pem)
{
	return pem ? BIO_new_mem_buf(pem, -1) : NULL;
}

EVP_PKEY *pki_read_key(const char *pem)
{
	AUTO(BIO_freep) BIO *in = pki_text_bio(pem);

	/* The empty pass phrase keeps OpenSSL from asking on the terminal. */
	return in ? PEM_read_bio_PrivateKey(in, NULL, NULL, (void *)(uintptr_t)"") : NULL;
}

X509 *pki_read_cert(const char *pem)
{
	AUTO(BIO_freep) BIO *in = pki_text_bio(pem);

	return in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
}

int pki_take_bio(BIO *out, struct buf *ret)
{
	char *p;
	long n = BIO_get_mem_data(out, &p);

	buf_clear(ret);
	buf_add(ret, p, n > 0 ? (size_t)n : 0);
	return ret->failed ? -ERR_NOMEM : 0;
}

static int write_key(EVP_PKEY *key, struct buf *ret, struct err *reterr)
{
	AUTO(BIO_freep) BIO *out = BIO_new(BIO_s_mem());

	if (!key || !out || !PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL))
		return pki_err(reterr, "cannot make a key");
	return pki_take_bio(out, ret);
}

bool pki_key_ok(const char *key_pem)
{
	AUTO(EVP_PKEY_freep) EVP_PKEY *key = pki_read_key(key_pem);

	ERR_clear_error();
	return key != NULL;
}

int pki_ec_key(struct buf *ret_key_pem, struct err *reterr)
{
	AUTO(EVP_PKEY_freep) EVP_PKEY *key = EVP_EC_gen("P-256");

	return write_key(key, ret_key_pem, reterr);
}

/* Three primes are found about four times as fast as two of half the length, and a
 * machine's first start waits for them; the public key does not show it. Source: RFC 8017, 3.2. */
int pki_rsa_key(struct buf *ret_key_pem, struct err *reterr)
{
	AUTO(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);

	if (!ctx || EVP_PKEY_keygen_init(ctx) <= 0 || EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, 3) <= 0 || EVP_PKEY_keygen(ctx, &key) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return write_key(key, ret_key_pem, reterr);
}

/* ---- names ---- */

static bool add_name(X509_NAME *name, int nid, const char *value)
{
	size_t n = strlen(value);

	return text_is_utf8(value, n) && X509_NAME_add_entry_by_NID(name, nid, V_ASN1_UTF8STRING,
		(const unsigned char *)value, (int)n, -1, 0);
}

X509_NAME *pki_subject(const struct pki_request *q)
{
	AUTO(X509_NAME_freep) X509_NAME *name = X509_NAME_new();
	X509_NAME *ret;

	if (!name)
		return NULL;
	for (size_t i = 0; q->orgs && q->orgs[i]; i++)
		if (i >= NAMES_MAX || !add_name(name, NID_organizationName, q->orgs[i]))
			return NULL;
	if (q->cn && *q->cn && !add_name(name, NID_commonName, q->cn))
		return NULL;
	ret = name;
	name = NULL;
	return ret;
}

static bool push_name(GENERAL_NAMES *list, int type, const void *p, size_t n)
{
	AUTO(GENERAL_NAME_freep) GENERAL_NAME *gn = GENERAL_NAME_new();
	ASN1_STRING *s = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

	if (!gn || !s || !ASN1_STRING_set(s, p, (int)n)) {
		ASN1_STRING_free(s);
		return false;
	}
	GENERAL_NAME_set0_value(gn, type, s);
	if (!sk_GENERAL_NAME_push(list, gn))
		return false;
	gn = NULL;
	return true;
}

int pki_alt_names(const struct pki_request *q, GENERAL_NAMES **ret, struct err *reterr)
{
	AUTO(GENERAL_NAMES_freep) GENERAL_NAMES *list = GENERAL_NAMES_new();

	if (!list)
		return pki_err(reterr, "cannot list names");
	for (size_t i = 0; q->dns && q->dns[i]; i++) {
		for (const char *s = q->dns[i]; *s; s++)
			if (*s <= ' ' || *s > '~')
				return err_set(reterr, ERR_INVALID, "%s is not a DNS name", q->dns[i]);
		if (i >= NAMES_MAX || !push_name(list, GEN_DNS, q->dns[i], strlen(q->dns[i])))
			return pki_err(reterr, "cannot list names");
	}
	for (size_t i = 0; q->ips && q->ips[i]; i++) {
		uint8_t addr[16];
		int family;

		if (text_parse_ip(q->ips[i], &family, addr) < 0)
			return err_set(reterr, ERR_INVALID, "%s is not an IP address", q->ips[i]);
		if (i >= NAMES_MAX || !push_name(list, GEN_IPADD, addr, family == 4 ? 4 : 16))
			return pki_err(reterr, "cannot list names");
	}
	*ret = list;
	list = NULL;
	return 0;
}

/* ---- certificates ---- */

static bool add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return ok;
}

static bool set_serial(X509 *cert)
{
	unsigned char b[16];
	BIGNUM *bn;
	bool ok;

	env_random(b, sizeof(b));
	b[0] = (unsigned char)((b[0] & 0x3f) | 0x40);   /* positive, and of one length */
	bn = BN_bin2bn(b, sizeof(b), NULL);
	ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));
	BN_free(bn);
	return ok;
}

/* None outlives its issuer. */
static bool set_times(X509 *cert, const X509 *issuer, const struct pki_request *q)
{
	time_t end = (time_t)(q->now_s + q->valid_s);

	if (!ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(q->now_s - PKI_BACKDATE_S)))
		return false;
	if (issuer != cert && X509_cmp_time(X509_get0_notAfter(issuer), &end) < 0)
		return X509_set1_notAfter(cert, X509_get0_notAfter(issuer));
	return ASN1_TIME_set(X509_getm_notAfter(cert), end);
}

/* The usages of a CertificateSigningRequest. Source: k8s.io/api/certificates/v1, KeyUsage. */
static const struct { const char *name, *text; bool ext; } usage_rows[] = {
	{ "signing", "digitalSignature", false }, { "digital signature", "digitalSignature", false },
	{ "content commitment", "nonRepudiation", false }, { "key encipherment", "keyEncipherment", false },
	{ "data encipherment", "dataEncipherment", false }, { "key agreement", "keyAgreement", false },
	{ "cert sign", "keyCertSign", false }, { "crl sign", "cRLSign", false },
	{ "encipher only", "encipherOnly", false }, { "decipher only", "decipherOnly", false },
	{ "any", "anyExtendedKeyUsage", true }, { "server auth", "serverAuth", true },
	{ "client auth", "clientAuth", true }, { "code signing", "codeSigning", true },
	{ "email protection", "emailProtection", true }, { "s/mime", "emailProtection", true },
	{ "ipsec end system", "ipsecEndSystem", true }, { "ipsec tunnel", "ipsecTunnel", true },
	{ "ipsec user", "ipsecUser", true }, { "timestamping", "timeStamping", true },
	{ "ocsp signing", "OCSPSigning", true }, { "microsoft sgc", "msSGC", true },
	{ "netscape sgc", "nsSGC", true },
};

/* The named usages of one extension as OpenSSL writes them; "" when there are none. */
static void usage_text(char out[600], const char *const *usages, bool ext)
{
	size_t n = 0;

	out[0] = 0;
	for (size_t i = 0; i < sizeof(usage_rows) / sizeof(usage_rows[0]); i++)
		for (const char *const *u = usages; *u; u++) {
			if (usage_rows[i].ext != ext || strcmp(*u, usage_rows[i].name) || strstr(out, usage_rows[i].text))
				continue;
			n += (size_t)snprintf(out + n, 600 - n, "%s%s", n ? "," : ext ? "" : "critical,", usage_rows[i].text);
		}
}

static bool add_named_usages(X509 *cert, X509 *issuer, const char *const *usages)
{
	char text[600];

	usage_text(text, usages, false);
	if (*text && !add_ext(cert, issuer, NID_key_usage, text))
		return false;
	usage_text(text, usages, true);
	return (!*text || add_ext(cert, issuer, NID_ext_key_usage, text)) &&
		add_ext(cert, issuer, NID_basic_constraints, "critical,CA:FALSE");
}

static bool add_usages(X509 *cert, X509 *issuer, const struct pki_request *q, EVP_PKEY *pub)
{
	const char *usage = EVP_PKEY_is_a(pub, "RSA") ?
		"critical,digitalSignature,keyEncipherment" : "critical,digitalSignature";
	const char *ext = q->server && q->client ? "serverAuth,clientAuth" :
		q->server ? "serverAuth" : "clientAuth";

	if (q->ca)
		usage = "critical,digitalSignature,keyEncipherment,keyCertSign,cRLSign";
	if (q->usages)
		return add_named_usages(cert, issuer, q->usages);
	return add_ext(cert, issuer, NID_key_usage, usage) &&
		(!(q->server || q->client) || add_ext(cert, issuer, NID_ext_key_usage, ext)) &&
		add_ext(cert, issuer, NID_basic_constraints,
			q->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
}

int pki_make_cert(struct buf *ret, const struct pki_request *q, X509_NAME *subject,
	GENERAL_NAMES *names, EVP_PKEY *pub, const char *ca_cert_pem, EVP_PKEY *ca_key,
	struct err *reterr)
{
	AUTO(X509_freep) X509 *cert = X509_new();
	AUTO(X509_freep) X509 *ca = NULL;
	AUTO(BIO_freep) BIO *out = BIO_new(BIO_s_mem());
	X509 *issuer;

	if (!cert || !out)
		return pki_err(reterr, "cannot make a certificate");
	if (ca_cert_pem) {
		ca = pki_read_cert(ca_cert_pem);
		if (!ca)
			return pki_err(reterr, "cannot read the CA's certificate");
		if (!X509_check_private_key(ca, ca_key))
			return pki_err(reterr, "the CA's certificate and key do not belong together");
	}
	issuer = ca ? ca : cert;
	if (!X509_set_version(cert, 2) || !set_serial(cert) || !set_times(cert, issuer, q) ||
	    !X509_set_subject_name(cert, subject) || !X509_set_pubkey(cert, pub) ||
	    !X509_set_issuer_name(cert, X509_get_subject_name(issuer)) ||
	    !add_usages(cert, issuer, q, pub) ||
	    !add_ext(cert, issuer, NID_subject_key_identifier, "hash") ||
	    !add_ext(cert, issuer, NID_authority_key_identifier, "keyid"))
		return pki_err(reterr, "cannot fill a certificate");
	if (names && sk_GENERAL_NAME_num(names) > 0 &&
	    !X509_add1_ext_i2d(cert, NID_subject_alt_name, names,
		    X509_NAME_entry_count(subject) == 0, 0))
		return pki_err(reterr, "cannot name a certificate");
	if (!X509_sign(cert, ca_key, EVP_sha256()) || !PEM_write_bio_X509(out, cert))
		return pki_err(reterr, "cannot sign a certificate");
	return pki_take_bio(out, ret);
}

int pki_issue(struct buf *ret_cert_pem, const struct pki_request *q, const char *key_pem,
	const char *ca_cert_pem, const char *ca_key_pem, struct err *reterr)
{
	AUTO(EVP_PKEY_freep) EVP_PKEY *key = pki_read_key(key_pem);
	AUTO(EVP_PKEY_freep) EVP_PKEY *ca_key = ca_cert_pem ? pki_read_key(ca_key_pem) : NULL;
	AUTO(X509_NAME_freep) X509_NAME *subject = pki_subject(q);
	AUTO(GENERAL_NAMES_freep) GENERAL_NAMES *names = NULL;
	int rc;

	if (!key || (ca_cert_pem && !ca_key))
		return pki_err(reterr, "cannot read a key");
	if (!subject)
		return err_set(reterr, ERR_INVALID, "a certificate's subject must be UTF-8 text");
	if ((rc = pki_alt_names(q, &names, reterr)) < 0)
		return rc;
	return pki_make_cert(ret_cert_pem, q, subject, names, key, ca_cert_pem,
		ca_key ? ca_key : key, reterr);
}

/* ---- questions ---- */

static int cert_time(const char *cert_pem, const ASN1_TIME *(*which)(const X509 *), int64_t *ret_s)
{
	AUTO(X509_freep) X509 *cert = pki_read_cert(cert_pem);
	struct tm tm;

	if (!cert || !ASN1_TIME_to_tm(which(cert), &tm)) {
		ERR_clear_error();
		return -ERR_BAD_REQUEST;
	}
	*ret_s = (int64_t)timegm(&tm);
	return 0;
}

int pki_not_after(const char *cert_pem, int64_t *ret_s)
{
	return cert_time(cert_pem, X509_get0_notAfter, ret_s);
}

int pki_not_before(const char *cert_pem, int64_t *ret_s)
{
	return cert_time(cert_pem, X509_get0_notBefore, ret_s);
}

bool pki_issued_by(const char *cert_pem, const char *ca_cert_pem)
{
	AUTO(X509_freep) X509 *cert = pki_read_cert(cert_pem);
	AUTO(X509_freep) X509 *ca = pki_read_cert(ca_cert_pem);
	bool ret = cert && ca && X509_verify(cert, X509_get0_pubkey(ca)) == 1;

	ERR_clear_error();
	return ret;
}

static bool has_name(const GENERAL_NAMES *have, int type, const void *p, size_t n)
{
	for (int i = 0; have && i < sk_GENERAL_NAME_num(have); i++) {
		int t;
		const ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(have, i), &t);

		if (t != type || ASN1_STRING_length(s) != (int)n)
			continue;
		if (type == GEN_DNS ?
		    strncasecmp((const char *)ASN1_STRING_get0_data(s), p, n) == 0 :
		    memcmp(ASN1_STRING_get0_data(s), p, n) == 0)
			return true;
	}
	return false;
}

bool pki_names_ip(const char *cert_pem)
{
	AUTO(X509_freep) X509 *cert = cert_pem ? pki_read_cert(cert_pem) : NULL;
	AUTO(GENERAL_NAMES_freep) GENERAL_NAMES *have = cert ? X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL) : NULL;
	bool ret = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(have); i++)
		ret |= sk_GENERAL_NAME_value(have, i)->type == GEN_IPADD;
	ERR_clear_error();
	return ret;
}

bool pki_names_all(const char *cert_pem, const char *const *dns, const char *const *ips)
{
	AUTO(X509_freep) X509 *cert = pki_read_cert(cert_pem);
	AUTO(GENERAL_NAMES_freep) GENERAL_NAMES *have = NULL;

	if (!cert) {
		ERR_clear_error();
		return false;
	}
	have = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (size_t i = 0; dns && dns[i]; i++)
		if (!has_name(have, GEN_DNS, dns[i], strlen(dns[i])))
			return false;
	for (size_t i = 0; ips && ips[i]; i++) {
		uint8_t addr[16];
		int family;

		if (text_parse_ip(ips[i], &family, addr) < 0 ||
		    !has_name(have, GEN_IPADD, addr, family == 4 ? 4 : 16))
			return false;
	}
	return true;
}

int pki_pin(const char *cert_pem, char ret[80])
{
	AUTO(X509_freep) X509 *cert = pki_read_cert(cert_pem);
	unsigned char *der = NULL;
	uint8_t sum[32];
	int n = cert ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der) : 0;

	if (n <= 0) {
		ERR_clear_error();
		return -ERR_BAD_REQUEST;
	}
	text_sha256(sum, der, (size_t)n);
	OPENSSL_free(der);
	memcpy(ret, "sha256:", 7);
	text_hex(ret + 7, sum, sizeof(sum));
	return 0;
}

bool pki_pin_form(const char *pin)
{
	return !strncmp(pin, "sha256:", 7) && strlen(pin) == 71 && strspn(pin + 7, "0123456789abcdefABCDEF") == 64;
}

int pki_pinned(const char *pem, const char *pin, struct buf *ret, struct err *reterr)
{
	AUTO(X509_freep) X509 *cert = pki_read_cert(pem);
	AUTO(BIO_freep) BIO *out = BIO_new(BIO_s_mem());
	const char *first = pem ? strstr(pem, "-----BEGIN ") : NULL;
	char have[80];

	ERR_clear_error();
	if (!cert || !out || pki_pin(pem, have))
		return err_set(reterr, ERR_CONFLICT, "what is shown as the cloud's authority is no certificate");
	/* The pin speaks of one. Whoever believes a text of several believes all of them. */
	if (strstr(first + 1, "-----BEGIN "))
		return err_set(reterr, ERR_CONFLICT, "more than one certificate is shown as the cloud's authority");
	if (strcasecmp(have, pin))
		return err_set(reterr, ERR_CONFLICT, "the authority shown is %s", have);
	if (!PEM_write_bio_X509(out, cert))
		return pki_err(reterr, "cannot write a certificate");
	return pki_take_bio(out, ret) ? err_set(reterr, ERR_NOMEM, "out of memory") : 0;
}

int pki_cert_cn(const char *cert_pem, char ret[300])
{
	AUTO(X509_freep) X509 *cert = pki_read_cert(cert_pem);
	X509_NAME *name = cert ? X509_get_subject_name(cert) : NULL;
	unsigned char *u = NULL;
	int at = -1, last = -1, n;

	while (name && (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
		last = at;
	n = last < 0 ? -1 : ASN1_STRING_to_UTF8(&u, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
	ERR_clear_error();
	if (n >= 0 && n < 300 && !memchr(u, 0, (size_t)n))
		memcpy(ret, u, (size_t)n);
	else
		n = -1;
	OPENSSL_free(u);
	if (n < 0)
		return -ERR_BAD_REQUEST;
	ret[n] = 0;
	return 0;
}

bool pki_fits_key(const char *cert_pem, const char *key_pem)
{
	AUTO(X509_freep) X509 *cert = pki_read_cert(cert_pem);
	AUTO(EVP_PKEY_freep) EVP_PKEY *key = pki_read_key(key_pem);
	bool ret = cert && key && X509_check_private_key(cert, key) == 1;

	ERR_clear_error();
	return ret;
}
