/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr - what the controllers of CertificateSigningRequests share: the request read, the
 * signers that are the cloud's own, and their rules.
 * Source: kubernetes pkg/apis/certificates/v1/helpers.go, pkg/controller/certificates.
 */
#ifndef CONTROL_CSR_H
#define CONTROL_CSR_H

#include "control/control.h"
#include "control/reconcile.h"

#define CSRS "certificates.k8s.io/certificatesigningrequests"

/* NULL where nobody wired certificates (tests): nothing is approved or signed then. */
const struct control_certs *csr_certs(void);
/* The PEM text of spec.request in the arena, NULL when there is none. */
const char *csr_pem(struct arena *a, yyjson_val *csr);
/* spec.usages in the arena, NULL-terminated; NULL: no memory. */
const char *const *csr_usages(struct arena *a, yyjson_val *csr);

enum csr_verdict { CSR_FOREIGN, CSR_FITS, CSR_REFUSED };
/* May the signer it names sign it? *ret_why says why not. */
enum csr_verdict csr_judge(struct arena *a, const struct control_csr *q, const char *signer,
	const char *const *usages, const char **ret_why);
/* status with one condition more, times set to now. */
void csr_add_condition(struct ctl *c, yyjson_mut_val *csr, const char *type, const char *reason, const char *message);

#endif
