/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_csr - requests for certificates: DER, put into PEM, read and signed. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "http/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct buf ca_key, ca_cert;

static void start(void)
{
	struct pki_request q = { .cn = "ca", .ca = true, .now_s = 1700000000, .valid_s = 86400 };
	int rc = pki_ec_key(&ca_key, NULL);

	rc = rc ? rc : pki_issue(&ca_cert, &q, ca_key.p, NULL, NULL, NULL);
	assert(!rc);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const usages[] = { "client auth", "digital signature", NULL };
	struct pki_request q = { .usages = usages, .now_s = 1700000000, .valid_s = 3600 };
	ARENA_AUTO struct arena *a = arena_open(4u << 20);
	BUF_AUTO struct buf pem = { 0 };
	BUF_AUTO struct buf b64 = { 0 };
	BUF_AUTO struct buf cert = { 0 };
	struct pki_csr_info info;

	if (!ca_key.p)
		start();
	buf_adds(&pem, "-----BEGIN CERTIFICATE REQUEST-----\n");
	text_base64(&b64, p, n);
	for (size_t at = 0; at < b64.len; at += 64) {
		buf_add(&pem, b64.p + at, b64.len - at < 64 ? b64.len - at : 64);
		buf_addc(&pem, '\n');
	}
	buf_adds(&pem, "-----END CERTIFICATE REQUEST-----\n");
	assert(a && !pem.failed);
	if (!pki_csr_read(a, pem.p, &info, NULL)) {
		assert(info.cn && info.orgs);
		if (!pki_sign_csr(&cert, pem.p, &q, ca_cert.p, ca_key.p, NULL))
			assert(cert.len && strstr(cert.p, "BEGIN CERTIFICATE"));
	}
	return 0;
}
