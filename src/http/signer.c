/* SPDX-License-Identifier: Apache-2.0 */
/* signer - RS256 (RSASSA-PKCS1-v1_5 with SHA-256) over tokens, and its public key. */
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/text.h"
#include "http/pki.h"
#include "http/pki_priv.h"

struct pki_signer {
	EVP_PKEY *key;
	char *kid;
};

/* Source: kube serviceaccount/jwt.go, keyIDFromPublicKey. */
static char *key_id(EVP_PKEY *key)
{
	struct buf out = { 0 };
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	uint8_t sum[32];

	if (n <= 0)
		return NULL;
	text_sha256(sum, der, (size_t)n);
	OPENSSL_free(der);
	text_base64url(&out, sum, sizeof(sum));
	return buf_take(&out, NULL);
}

int pki_signer_open(struct pki_signer **ret, const char *rsa_key_pem, struct err *reterr)
{
	struct pki_signer *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(reterr, ERR_NOMEM, "no memory");
	s->key = pki_read_key(rsa_key_pem);
	if (!s->key || !EVP_PKEY_is_a(s->key, "RSA") || !(s->kid = key_id(s->key))) {
		pki_signer_close(s);
		return pki_err(reterr, "cannot read the RSA key that signs tokens");
	}
	*ret = s;
	return 0;
}

void pki_signer_close(struct pki_signer *s)
{
	if (!s)
		return;
	EVP_PKEY_free(s->key);
	free(s->kid);
	free(s);
}

const char *pki_signer_kid(const struct pki_signer *s) { return s->kid; }

int pki_sign(struct pki_signer *s, const void *p, size_t n, struct buf *ret_sig,
	struct err *reterr)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = (size_t)EVP_PKEY_get_size(s->key);
	int rc = 0;

	buf_clear(ret_sig);
	if (buf_reserve(ret_sig, len) < 0)
		rc = err_set(reterr, ERR_NOMEM, "no memory");
	else if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, s->key) != 1 ||
		 EVP_DigestSign(ctx, (unsigned char *)ret_sig->p, &len, p, n) != 1)
		rc = pki_err(reterr, "cannot sign");
	else {
		ret_sig->len = len;
		ret_sig->p[len] = 0;
	}
	EVP_MD_CTX_free(ctx);
	return rc;
}

bool pki_verify(struct pki_signer *s, const void *p, size_t n, const void *sig, size_t sig_n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, s->key) == 1 &&
		EVP_DigestVerify(ctx, sig, sig_n, p, n) == 1;

	EVP_MD_CTX_free(ctx);
	if (!ok)
		ERR_clear_error();
	return ok;
}

static int add_number(EVP_PKEY *key, const char *name, struct buf *out)
{
	BIGNUM *bn = NULL;
	unsigned char b[1024];
	int n = EVP_PKEY_get_bn_param(key, name, &bn) ? BN_num_bytes(bn) : 0;

	buf_clear(out);
	if (n > 0 && (size_t)n <= sizeof(b)) {
		BN_bn2bin(bn, b);
		text_base64url(out, b, (size_t)n);
	}
	BN_free(bn);
	return out->len && !out->failed ? 0 : -ERR_INTERNAL;
}

int pki_signer_jwk(struct pki_signer *s, struct buf *ret_n, struct buf *ret_e)
{
	int rc = add_number(s->key, OSSL_PKEY_PARAM_RSA_N, ret_n);

	return rc < 0 ? rc : add_number(s->key, OSSL_PKEY_PARAM_RSA_E, ret_e);
}
