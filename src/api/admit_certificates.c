/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit_certificates - CertificateApproval, CertificateSigning: who approves or signs must
 * be allowed to for that signer; CertificateSubjectRestriction: nobody gets a certificate
 * of the group that everything is allowed to.
 * Source: kubernetes plugin/pkg/admission/certificates, pkg/certauthorization.
 */
#include <string.h>

#include "api/admit.h"
#include "http/pki.h"

#define CLIENT_SIGNER "kubernetes.io/kube-apiserver-client"

/* "example.com/mine", or all of "example.com/". */
static bool may(struct call *c, const char *verb, const char *signer)
{
	struct attributes at = { .user = &c->user, .verb = verb, .group = "certificates.k8s.io",
		.resource = "signers", .sub = "", .ns = "", .name = signer };
	const char *slash = strchr(signer, '/');

	if (authorize(c->api, &at, NULL))
		return true;
	at.name = arena_printf(c->arena, "%.*s/*", (int)(slash ? slash - signer : (ptrdiff_t)strlen(signer)), signer);
	return at.name && authorize(c->api, &at, NULL);
}

static const char *signer_of(const struct call *c)
{
	const char *s = doc_mstr(c->old, "spec.signerName");

	return s ? s : "";
}

enum step approval_validate(struct call *c)
{
	if (c->kind != c->api->k.csr || strcmp(c->sub, "approval") || may(c, "approve", signer_of(c)))
		return STEP_NEXT;
	return admit_refuse(c, "user not permitted to approve requests with signerName \"%s\"", signer_of(c));
}

enum step signing_validate(struct call *c)
{
	static const char *const members[] = { "status.certificate", "status.conditions" };
	bool changed = false;

	if (c->kind != c->api->k.csr || strcmp(c->sub, "status"))
		return STEP_NEXT;
	for (size_t i = 0; i < 2; i++) {
		yyjson_mut_val *now = doc_mget(c->obj, members[i]), *was = doc_mget(c->old, members[i]);

		changed |= !now != !was || (now && !doc_mequal(now, was));
	}
	if (!changed || may(c, "sign", signer_of(c)))
		return STEP_NEXT;
	return admit_refuse(c, "user not permitted to sign requests with signerName \"%s\"", signer_of(c));
}

enum step subject_validate(struct call *c)
{
	const char *signer = doc_mstr(c->obj, "spec.signerName");
	struct pki_csr_info info;

	if (!admit_is(c, c->api->k.csr) || !signer || strcmp(signer, CLIENT_SIGNER))
		return STEP_NEXT;
	if (!csr_read(c, doc_mstr(c->obj, "spec.request"), &info, NULL))
		return admit_refuse(c, "failed to parse CSR: PEM block type must be CERTIFICATE REQUEST");
	for (const char *const *o = info.orgs; *o; o++)
		if (!strcmp(*o, "system:masters"))
			return admit_refuse(c, "use of " CLIENT_SIGNER " signer with system:masters group is not allowed");
	return STEP_NEXT;
}
