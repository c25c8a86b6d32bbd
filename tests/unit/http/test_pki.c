/* SPDX-License-Identifier: Apache-2.0 */
/* test_pki - keys and certificates hold together, and say what was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "http/pki.h"

#define NOW  1700000000
#define YEAR (365 * 86400)

static const char *const NO_NAMES[] = { NULL };

struct ca { struct buf key, cert; };

static void make_ca(struct ca *ca)
{
	struct pki_request q = { .cn = "test-ca", .ca = true, .now_s = NOW, .valid_s = YEAR };
	struct err e;

	*ca = (struct ca){ 0 };
	assert_int_equal(pki_ec_key(&ca->key, &e), 0);
	assert_int_equal(pki_issue(&ca->cert, &q, ca->key.p, NULL, NULL, &e), 0);
}

static void end_ca(struct ca *ca)
{
	buf_finish(&ca->key);
	buf_finish(&ca->cert);
}

static X509 *parse(const char *pem)
{
	BIO *in = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509(in, NULL, NULL, NULL);

	BIO_free(in);
	assert_non_null(cert);
	return cert;
}

/* Does cert_pem chain to ca_pem for purpose at time NOW? */
static bool chains(const char *cert_pem, const char *ca_pem, int purpose)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509 *cert = parse(cert_pem), *ca = parse(ca_pem);
	bool ok;

	X509_STORE_add_cert(store, ca);
	X509_STORE_CTX_init(ctx, store, cert, NULL);
	X509_STORE_CTX_set_purpose(ctx, purpose);
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), NOW);
	ok = X509_verify_cert(ctx) == 1;
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	X509_free(cert);
	X509_free(ca);
	return ok;
}

static void a_serving_certificate_names_what_was_asked(void **state)
{
	static const char *const dns[] = { "localhost", "kubernetes.default.svc", NULL };
	static const char *const ips[] = { "127.0.0.1", "fd00::1", NULL };
	static const char *const other[] = { "example.org", NULL };
	static const char *const other_ip[] = { "10.0.0.1", NULL };
	struct pki_request q = { .cn = "server", .dns = dns, .ips = ips, .server = true,
		.now_s = NOW, .valid_s = YEAR };
	BUF_AUTO struct buf key = { 0 };
	BUF_AUTO struct buf cert = { 0 };
	struct ca ca, stranger;
	struct err e;
	int64_t end;
	char pin[80];

	make_ca(&ca);
	make_ca(&stranger);
	assert_int_equal(pki_ec_key(&key, &e), 0);
	assert_non_null(strstr(key.p, "-----BEGIN PRIVATE KEY-----"));
	assert_int_equal(pki_issue(&cert, &q, key.p, ca.cert.p, ca.key.p, &e), 0);
	assert_true(pki_names_all(cert.p, dns, ips));
	assert_true(pki_names_all(cert.p, NULL, NULL));
	assert_true(pki_names_all(cert.p, NO_NAMES, ips));
	assert_false(pki_names_all(cert.p, other, NULL));
	assert_false(pki_names_all(cert.p, NULL, other_ip));
	assert_int_equal(pki_not_after(cert.p, &end), 0);
	assert_int_equal(end, NOW + YEAR);
	assert_true(chains(cert.p, ca.cert.p, X509_PURPOSE_SSL_SERVER));
	assert_false(chains(cert.p, ca.cert.p, X509_PURPOSE_SSL_CLIENT));
	assert_false(chains(cert.p, stranger.cert.p, X509_PURPOSE_SSL_SERVER));
	assert_int_equal(pki_pin(cert.p, pin), 0);
	assert_int_equal(strlen(pin), 7 + 64);
	assert_memory_equal(pin, "sha256:", 7);
	end_ca(&ca);
	end_ca(&stranger);
}

static void names_may_be_longer_than_64_characters(void **state)
{
	static const char *const orgs[] = { "system:nodes", "system:masters", NULL };
	char cn[200];
	struct pki_request q = { .cn = cn, .orgs = orgs, .client = true, .now_s = NOW,
		.valid_s = YEAR };
	BUF_AUTO struct buf key = { 0 };
	BUF_AUTO struct buf cert = { 0 };
	struct ca ca;
	struct err e;
	char got[300];
	X509 *x;

	memset(cn, 'a', sizeof(cn) - 1);
	cn[sizeof(cn) - 1] = 0;
	make_ca(&ca);
	assert_int_equal(pki_ec_key(&key, &e), 0);
	assert_int_equal(pki_issue(&cert, &q, key.p, ca.cert.p, ca.key.p, &e), 0);
	x = parse(cert.p);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, got, sizeof(got));
	assert_string_equal(got, cn);
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(x)), 3);
	X509_free(x);
	assert_true(chains(cert.p, ca.cert.p, X509_PURPOSE_SSL_CLIENT));
	end_ca(&ca);
}

static void a_request_keeps_its_subject_and_names(void **state)
{
	static const char *const orgs[] = { "system:nodes", NULL };
	static const char *const dns[] = { "node-1", NULL };
	struct pki_request q = { .cn = "system:node:node-1", .orgs = orgs, .dns = dns };
	struct pki_request use = { .client = true, .now_s = NOW, .valid_s = 3600 };
	BUF_AUTO struct buf key = { 0 };
	BUF_AUTO struct buf csr = { 0 };
	BUF_AUTO struct buf cert = { 0 };
	struct ca ca, other;
	struct err e;
	char got[64];
	X509 *x;

	make_ca(&ca);
	make_ca(&other);
	assert_int_equal(pki_ec_key(&key, &e), 0);
	assert_int_equal(pki_csr(&csr, &q, key.p, &e), 0);
	assert_int_equal(pki_sign_csr(&cert, csr.p, &use, ca.cert.p, ca.key.p, &e), 0);
	assert_true(pki_names_all(cert.p, dns, NULL));
	assert_true(chains(cert.p, ca.cert.p, X509_PURPOSE_SSL_CLIENT));
	x = parse(cert.p);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, got, sizeof(got));
	assert_string_equal(got, "system:node:node-1");
	X509_free(x);
	/* A damaged request, a CA with another's key. */
	csr.p[120] = csr.p[120] == 'A' ? 'B' : 'A';
	assert_int_equal(pki_sign_csr(&cert, csr.p, &use, ca.cert.p, ca.key.p, &e), -ERR_BAD_REQUEST);
	assert_int_equal(pki_sign_csr(&cert, "nonsense", &use, ca.cert.p, ca.key.p, &e),
		-ERR_BAD_REQUEST);
	assert_true(pki_issue(&cert, &q, key.p, ca.cert.p, other.key.p, &e) < 0);
	end_ca(&ca);
	end_ca(&other);
}

static void nonsense_is_refused(void **state)
{
	static const char *const bad_ip[] = { "not-an-ip", NULL };
	static const char *const bad_dns[] = { "a b", NULL };
	struct pki_request q = { .cn = "x", .now_s = NOW, .valid_s = 1 };
	BUF_AUTO struct buf key = { 0 };
	BUF_AUTO struct buf cert = { 0 };
	struct pki_signer *s;
	struct err e;
	int64_t end;
	char pin[80];

	assert_int_equal(pki_ec_key(&key, &e), 0);
	assert_true(pki_issue(&cert, &q, "junk", NULL, NULL, &e) < 0);
	q.ips = bad_ip;
	assert_int_equal(pki_issue(&cert, &q, key.p, NULL, NULL, &e), -ERR_INVALID);
	q.ips = NULL;
	q.dns = bad_dns;
	assert_int_equal(pki_issue(&cert, &q, key.p, NULL, NULL, &e), -ERR_INVALID);
	q.dns = NULL;
	q.cn = "\xff\xfe";
	assert_int_equal(pki_issue(&cert, &q, key.p, NULL, NULL, &e), -ERR_INVALID);
	assert_true(pki_not_after("junk", &end) < 0);
	assert_true(pki_pin("junk", pin) < 0);
	assert_false(pki_names_all("junk", NULL, NULL));
	assert_true(pki_signer_open(&s, key.p, &e) < 0);   /* not RSA */
}

static void only_the_pinned_certificate_is_taken(void **state)
{
	BUF_AUTO struct buf key = { 0 };
	BUF_AUTO struct buf cert = { 0 };
	BUF_AUTO struct buf other = { 0 };
	BUF_AUTO struct buf got = { 0 };
	BUF_AUTO struct buf text = { 0 };
	struct pki_request q = { .cn = "ca", .ca = true, .now_s = NOW, .valid_s = YEAR };
	char pin[80], cn[300];

	assert_int_equal(pki_ec_key(&key, NULL), 0);
	assert_int_equal(pki_issue(&cert, &q, key.p, NULL, NULL, NULL), 0);
	assert_int_equal(pki_pin(cert.p, pin), 0);
	assert_true(pki_pin_form(pin));
	assert_false(pki_pin_form("sha256:12"));
	assert_false(pki_pin_form(pin + 7));
	assert_true(pki_fits_key(cert.p, key.p));
	assert_int_equal(pki_cert_cn(cert.p, cn), 0);
	assert_string_equal(cn, "ca");
	/* Words around it are left behind. */
	buf_printf(&text, "hello\n%sgood bye\n", cert.p);
	assert_int_equal(pki_pinned(text.p, pin, &got, NULL), 0);
	assert_string_equal(got.p, cert.p);
	buf_clear(&key);
	assert_int_equal(pki_ec_key(&key, NULL), 0);
	assert_int_equal(pki_issue(&other, &q, key.p, NULL, NULL, NULL), 0);
	assert_false(pki_fits_key(cert.p, key.p));
	assert_int_equal(pki_pinned(other.p, pin, &got, NULL), -ERR_CONFLICT);
	/* Another authority that travels behind the right one. */
	buf_clear(&text);
	buf_printf(&text, "%s%s", cert.p, other.p);
	assert_int_equal(pki_pinned(text.p, pin, &got, NULL), -ERR_CONFLICT);
	assert_int_equal(pki_pinned("junk", pin, &got, NULL), -ERR_CONFLICT);
	assert_int_equal(pki_pinned(NULL, pin, &got, NULL), -ERR_CONFLICT);
}

static void tokens_are_signed_and_verified(void **state)
{
	BUF_AUTO struct buf key = { 0 };
	BUF_AUTO struct buf sig = { 0 };
	BUF_AUTO struct buf n = { 0 };
	BUF_AUTO struct buf exponent = { 0 };
	struct pki_signer *s;
	struct err e;

	assert_int_equal(pki_rsa_key(&key, &e), 0);
	assert_int_equal(pki_signer_open(&s, key.p, &e), 0);
	assert_int_equal(strlen(pki_signer_kid(s)), 43);
	assert_int_equal(pki_sign(s, "abc", 3, &sig, &e), 0);
	assert_int_equal(sig.len, 256);
	assert_true(pki_verify(s, "abc", 3, sig.p, sig.len));
	assert_false(pki_verify(s, "abd", 3, sig.p, sig.len));
	assert_false(pki_verify(s, "abc", 3, sig.p, sig.len - 1));
	sig.p[7] ^= 1;
	assert_false(pki_verify(s, "abc", 3, sig.p, sig.len));
	assert_int_equal(pki_signer_jwk(s, &n, &exponent), 0);
	assert_string_equal(exponent.p, "AQAB");
	assert_int_equal(n.len, 342);   /* 256 bytes in base64url */
	pki_signer_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_serving_certificate_names_what_was_asked),
		cmocka_unit_test(names_may_be_longer_than_64_characters),
		cmocka_unit_test(a_request_keeps_its_subject_and_names),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(only_the_pinned_certificate_is_taken),
		cmocka_unit_test(tokens_are_signed_and_verified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
