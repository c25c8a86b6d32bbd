/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki_csr - requests for certificates (PKCS#10): made, read, and signed.
 * Source: RFC 2986; Go's crypto/x509, which upstream reads them with.
 */
#include "http/pki.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/text.h"
#include "http/pki_priv.h"

#define ORGS_MAX 1000
#define SANS_MAX 1000

int pki_csr(struct buf *ret_csr_pem, const struct pki_request *q, const char *key_pem,
	struct err *reterr)
{
	AUTO(EVP_PKEY_freep) EVP_PKEY *key = pki_read_key(key_pem);
	AUTO(X509_REQ_freep) X509_REQ *req = X509_REQ_new();
	AUTO(BIO_freep) BIO *out = BIO_new(BIO_s_mem());
	AUTO(X509_NAME_freep) X509_NAME *subject = pki_subject(q);
	AUTO(GENERAL_NAMES_freep) GENERAL_NAMES *names = NULL;
	AUTO(exts_freep) STACK_OF(X509_EXTENSION) *exts = NULL;
	int rc;

	if (!key)
		return pki_err(reterr, "cannot read a key");
	if (!subject)
		return err_set(reterr, ERR_INVALID, "a certificate's subject must be UTF-8 text");
	if ((rc = pki_alt_names(q, &names, reterr)) < 0)
		return rc;
	if (!req || !out || !X509_REQ_set_version(req, 0) ||
	    !X509_REQ_set_subject_name(req, subject) || !X509_REQ_set_pubkey(req, key))
		return pki_err(reterr, "cannot fill a certificate request");
	if (sk_GENERAL_NAME_num(names) > 0 &&
	    (X509V3_add1_i2d(&exts, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1 ||
	     !X509_REQ_add_extensions(req, exts)))
		return pki_err(reterr, "cannot name a certificate request");
	if (!X509_REQ_sign(req, key, EVP_sha256()) || !PEM_write_bio_X509_REQ(out, req))
		return pki_err(reterr, "cannot sign a certificate request");
	return pki_take_bio(out, ret_csr_pem);
}

static X509_REQ *read_request(const char *pem, struct err *reterr)
{
	AUTO(BIO_freep) BIO *in = pki_text_bio(pem);
	X509_REQ *req = in ? PEM_read_bio_X509_REQ(in, NULL, NULL, NULL) : NULL;

	ERR_clear_error();
	if (!req)
		err_set(reterr, ERR_BAD_REQUEST, pem && strstr(pem, "-----BEGIN CERTIFICATE REQUEST-----")
			? "the certificate request is damaged" : "PEM block type must be CERTIFICATE REQUEST");
	return req;
}

/* The names besides the subject's; NULL when there are none. The caller frees. */
static GENERAL_NAMES *request_names(X509_REQ *req)
{
	AUTO(exts_freep) STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(req);

	return exts ? X509V3_get_d2i(exts, NID_subject_alt_name, NULL, NULL) : NULL;
}

/* The value of a subject's entry; NULL when it is no text. */
static const char *entry(struct arena *a, X509_NAME *name, int at)
{
	unsigned char *u = NULL;
	int n = ASN1_STRING_to_UTF8(&u, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	const char *ret = n >= 0 && !memchr(u, 0, (size_t)n) ? arena_strndup(a, (char *)u, (size_t)n) : NULL;

	OPENSSL_free(u);
	return ret;
}

static int read_subject(struct arena *a, X509_NAME *name, struct pki_csr_info *ret, struct err *reterr)
{
	const char **orgs = arena_zalloc(a, (size_t)(X509_NAME_entry_count(name) + 1) * sizeof(*orgs));
	size_t n = 0;
	int at;

	if (!orgs)
		return err_set(reterr, ERR_SIZE, "the request's subject is too large");
	ret->cn = "";
	ret->orgs = orgs;
	/* Of several CNs Go takes the last. */
	for (at = -1; (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;)
		if (!(ret->cn = entry(a, name, at)))
			return err_set(reterr, ERR_BAD_REQUEST, "the request's common name is no text");
	for (at = -1; (at = X509_NAME_get_index_by_NID(name, NID_organizationName, at)) >= 0;)
		if (n == ORGS_MAX || !(orgs[n++] = entry(a, name, at)))
			return err_set(reterr, ERR_BAD_REQUEST, "the request's organizations are too many or no text");
	return 0;
}

/* A DNS or IP name as text; NULL: no memory, or not one. */
static const char *san_text(struct arena *a, GENERAL_NAME *g)
{
	int type;
	const ASN1_STRING *s = GENERAL_NAME_get0_value(g, &type);
	const unsigned char *p = ASN1_STRING_get0_data(s);
	size_t n = (size_t)ASN1_STRING_length(s);
	uint8_t addr[16] = { 0 };
	char ip[46];

	if (type == GEN_DNS)
		return memchr(p, 0, n) ? NULL : arena_strndup(a, (const char *)p, n);
	if (n != 4 && n != 16)
		return NULL;
	memcpy(addr, p, n);
	text_ip(ip, n == 4 ? 4 : 6, addr);
	return arena_strndup(a, ip, strlen(ip));
}

static int read_names(struct arena *a, const GENERAL_NAMES *names, struct pki_csr_info *ret, struct err *reterr)
{
	const char **dns = arena_zalloc(a, (ret->sans[PKI_SAN_DNS] + 1) * sizeof(*dns));
	const char **ips = arena_zalloc(a, (ret->sans[PKI_SAN_IP] + 1) * sizeof(*ips));
	size_t n_dns = 0, n_ips = 0;

	if (!dns || !ips)
		return err_set(reterr, ERR_SIZE, "the request's names are too many");
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type != GEN_DNS && g->type != GEN_IPADD)
			continue;
		const char *s = san_text(a, g);
		if (!s)
			return err_set(reterr, ERR_BAD_REQUEST, "a name in the request is no text, or no address");
		if (g->type == GEN_DNS)
			dns[n_dns++] = s;
		else
			ips[n_ips++] = s;
	}
	ret->dns = dns;
	ret->ips = ips;
	return 0;
}

int pki_csr_read(struct arena *a, const char *pem, struct pki_csr_info *ret, struct err *reterr)
{
	static const struct { int type; enum pki_san san; } rows[] = {
		{ GEN_DNS, PKI_SAN_DNS }, { GEN_EMAIL, PKI_SAN_EMAIL }, { GEN_URI, PKI_SAN_URI }, { GEN_IPADD, PKI_SAN_IP },
	};
	AUTO(X509_REQ_freep) X509_REQ *req = read_request(pem, reterr);
	AUTO(GENERAL_NAMES_freep) GENERAL_NAMES *names = req ? request_names(req) : NULL;

	memset(ret, 0, sizeof(*ret));
	if (!req)
		return -ERR_BAD_REQUEST;
	if (sk_GENERAL_NAME_num(names) > SANS_MAX)
		return err_set(reterr, ERR_BAD_REQUEST, "the request has more than %d names", SANS_MAX);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
			if (sk_GENERAL_NAME_value(names, i)->type == rows[r].type)
				ret->sans[rows[r].san]++;
	if (read_names(a, names, ret, reterr))
		return -ERR_BAD_REQUEST;
	return read_subject(a, X509_REQ_get_subject_name(req), ret, reterr);
}

static bool signs_itself(X509_REQ *req)
{
	EVP_PKEY *pub = X509_REQ_get0_pubkey(req);
	bool ret = pub && X509_REQ_verify(req, pub) == 1;

	ERR_clear_error();
	return ret;
}

bool pki_csr_signed(const char *pem)
{
	AUTO(X509_REQ_freep) X509_REQ *req = read_request(pem, NULL);

	return req && signs_itself(req);
}

int pki_sign_csr(struct buf *ret_cert_pem, const char *csr_pem, const struct pki_request *usages,
	const char *ca_cert_pem, const char *ca_key_pem, struct err *reterr)
{
	AUTO(X509_REQ_freep) X509_REQ *req = read_request(csr_pem, reterr);
	AUTO(EVP_PKEY_freep) EVP_PKEY *ca_key = pki_read_key(ca_key_pem);
	AUTO(GENERAL_NAMES_freep) GENERAL_NAMES *names = NULL;

	if (!req || !signs_itself(req))
		return err_set(reterr, ERR_BAD_REQUEST, "not a certificate request, or not signed by its own key");
	if (!ca_key)
		return pki_err(reterr, "cannot read the CA's key");
	names = request_names(req);
	return pki_make_cert(ret_cert_pem, usages, X509_REQ_get_subject_name(req), names, X509_REQ_get0_pubkey(req),
		ca_cert_pem, ca_key, reterr);
}
