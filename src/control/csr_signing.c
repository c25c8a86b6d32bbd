/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr_signing - an approved request of one of the cloud's own signers gets its
 * certificate, or the condition Failed when that signer may not sign it.
 * Source: kubernetes pkg/controller/certificates/signer/signer.go, authority/policies.go.
 */
#include <string.h>

#include "base/text.h"
#include "control/controllers.h"
#include "control/csr.h"

#define VALID_MAX_S (365LL * 24 * 3600)
#define VALID_MIN_S 600
#define SHORT_S     (8 * 3600)         /* shorter ones get all of their time, from now */
#define BACKDATE_S  300

static void csr_changed(struct ctl *c, const struct cache_event *ev)
{
	yyjson_val *csr = ev->type == CACHE_DELETED ? NULL : cache_tree(ev->obj);

	if (ctl_condition_true(csr, "Approved") && !doc_get(csr, "status.certificate"))
		ctl_enqueue(c, "", ev->obj->name);
}

static int64_t valid_s(yyjson_val *csr)
{
	int64_t s = doc_int(csr, "spec.expirationSeconds", VALID_MAX_S), max_s = csr_certs()->valid_max_s;

	if (!max_s || max_s > VALID_MAX_S)
		max_s = VALID_MAX_S;
	if (s < VALID_MIN_S)
		s = VALID_MIN_S;
	if (s > max_s)
		s = max_s;
	return s > SHORT_S ? s - BACKDATE_S : s;
}

static void write_status(struct ctl *c, const char *name, yyjson_mut_val *csr)
{
	ctl_update(c, ctl_kind("certificates.k8s.io", "certificatesigningrequests"), "", name, "status", csr);
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	const struct control_certs *certs = csr_certs();
	struct cache_obj *o = cache_get(ctl_cache(c), CSRS, "", name);
	yyjson_val *csr = o ? cache_tree(o) : NULL;
	const char *signer = doc_str(csr, "spec.signerName"), *pem, *why = NULL;
	const char *const *usages;
	BUF_AUTO struct buf cert = { 0 };
	BUF_AUTO struct buf b64 = { 0 };
	enum csr_verdict verdict;
	struct control_csr q;
	yyjson_mut_val *now;
	struct err e = { 0 };

	if (!certs || o == NULL || doc_get(csr, "status.certificate") || !ctl_condition_true(csr, "Approved") ||
	    ctl_condition_true(csr, "Denied") || ctl_condition_true(csr, "Failed"))
		return 0;
	pem = csr_pem(ctl_arena(c), csr);
	usages = csr_usages(ctl_arena(c), csr);
	if (!pem || !usages || certs->read(ctl_arena(c), pem, &q, &e))
		return 0;      /* its creation was refused unless it could be read */
	verdict = csr_judge(ctl_arena(c), &q, signer, usages, &why);
	if (verdict == CSR_FOREIGN)
		return 0;
	now = yyjson_val_mut_copy(ctl_doc(c), csr);
	if (verdict == CSR_FITS && certs->sign(certs->arg, pem, usages, valid_s(csr), &cert, &e)) {
		verdict = CSR_REFUSED;
		why = e.msg;
	}
	if (verdict == CSR_REFUSED) {
		csr_add_condition(c, now, "Failed", "SignerValidationFailure", why);
		write_status(c, name, now);
		return 0;
	}
	text_base64(&b64, cert.p, cert.len);
	if (b64.failed)
		return -ERR_NOMEM;
	doc_mset_str(ctl_doc(c), now, "status.certificate", b64.p);
	write_status(c, name, now);
	return 0;
}

static const struct ctl_watch watches[] = { { CSRS, csr_changed }, { NULL, NULL } };
const struct ctl_def ctl_csr_signing = { .name = "certificatesigningrequest-signing-controller", .watches = watches,
	.reconcile = reconcile };
