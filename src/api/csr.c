/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr - certificate signing requests: who asked is written down by the server, and an
 * approved request of one of our signers gets its certificate with the approval.
 * Who may approve is admission's (admit_certificates.c).
 * Source: kubernetes pkg/registry/certificates, pkg/controller/certificates/signer;
 * k8s.io/api/certificates/v1 (signer names).
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "base/text.h"
#include "http/pki.h"

#define VALID_MAX_S (365LL * 24 * 3600)

static bool put_identity(struct call *c, yyjson_mut_val *spec)
{
	const struct user *u = &c->user;
	yyjson_mut_val *groups;
	yyjson_doc *d;

	static const char *const members[] = { "username", "uid", "groups", "extra" };

	for (size_t i = 0; i < 4; i++)
		doc_mdel(spec, members[i]);
	if (!doc_mset_str(c->doc, spec, "username", u->name) ||
	    (u->uid && *u->uid && !doc_mset_str(c->doc, spec, "uid", u->uid)))
		return false;
	groups = u->groups && *u->groups ? doc_marr(c->doc, spec, "groups") : NULL;
	for (const char *const *g = u->groups; groups && *g; g++)
		if (!yyjson_mut_arr_add_strcpy(c->doc, groups, *g))
			return false;
	if (!u->extra_json)
		return true;
	return !doc_parse(c->arena, u->extra_json, strlen(u->extra_json), &d, NULL) &&
		doc_mset(c->doc, spec, "extra", shape_copy(c, yyjson_doc_get_root(d)));
}

/* ---- what the request asks for ---- */

static void read_subject(X509_REQ *req, struct csr_subject *s)
{
	X509_NAME *name = X509_REQ_get_subject_name(req);
	STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(req);

	memset(s, 0, sizeof(*s));
	X509_NAME_get_text_by_NID(name, NID_commonName, s->cn, sizeof(s->cn));
	for (int i = -1; (i = X509_NAME_get_index_by_NID(name, NID_organizationName, i)) >= 0;) {
		ASN1_STRING *v = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i));
		const char *p = (const char *)ASN1_STRING_get0_data(v);
		size_t n = (size_t)ASN1_STRING_length(v);

		s->orgs++;
		s->masters |= n == 14 && !memcmp(p, "system:masters", 14);
		s->nodes |= n == 12 && !memcmp(p, "system:nodes", 12);
	}
	s->has_san = exts && X509v3_get_ext_by_NID(exts, NID_subject_alt_name, -1) >= 0;
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
}

bool csr_subject(const char *request, struct csr_subject *ret, struct buf *pem)
{
	X509_REQ *req;
	BIO *bio;

	if (!request || text_unbase64(pem, request, strlen(request)) || pem->failed || !pem->len)
		return false;
	bio = BIO_new_mem_buf(pem->p, (int)pem->len);
	req = bio ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	if (!req)
		return false;
	read_subject(req, ret);
	X509_REQ_free(req);
	return true;
}

static bool has_usage(yyjson_mut_val *list, const char *usage)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *v;

	yyjson_mut_arr_iter_init(list, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_equals_str(v, usage))
			return true;
	return false;
}

/* NULL when the signer may sign it, else why not. */
static const char *refusal(const char *signer, const struct csr_subject *s, bool client, bool server)
{
	bool node = s->nodes && s->orgs == 1 && !strncmp(s->cn, "system:node:", 12) && s->cn[12];

	if (!strcmp(signer, "kubernetes.io/kube-apiserver-client")) {
		if (!client || server)
			return "usages must be client auth, without server auth";
		return s->masters ? "the group system:masters is not given out" : NULL;
	}
	if (!strcmp(signer, "kubernetes.io/kube-apiserver-client-kubelet")) {
		if (!node || s->has_san)
			return "the subject must be a node's: O=system:nodes, CN=system:node:<name>, no names besides";
		return client && !server ? NULL : "usages must be client auth, without server auth";
	}
	if (!node || !s->has_san)
		return "the subject must be a node's, O=system:nodes, CN=system:node:<name>, with names or addresses";
	return server && !client ? NULL : "usages must be server auth, without client auth";
}

static bool ours(const char *signer)
{
	return !strcmp(signer, "kubernetes.io/kube-apiserver-client") ||
		!strcmp(signer, "kubernetes.io/kube-apiserver-client-kubelet") ||
		!strcmp(signer, "kubernetes.io/kubelet-serving");
}

static bool has_condition(yyjson_mut_val *list, const char *type)
{
	yyjson_mut_arr_iter it;
	yyjson_mut_val *v;

	yyjson_mut_arr_iter_init(list, &it);
	while ((v = yyjson_mut_arr_iter_next(&it)))
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(v, "type"), type))
			return true;
	return false;
}

static enum step add_failure(struct call *c, const char *why)
{
	yyjson_mut_val *list = doc_marr(c->doc, c->obj, "status.conditions");
	yyjson_mut_val *v = list ? yyjson_mut_arr_add_obj(c->doc, list) : NULL;
	char now[TEXT_TIME_MAX];

	text_time(now, env_wall_us());
	if (!v || !doc_mset_str(c->doc, v, "type", "Failed") || !doc_mset_str(c->doc, v, "status", "True") ||
	    !doc_mset_str(c->doc, v, "reason", "SignerValidationFailure") || !doc_mset_str(c->doc, v, "message", why) ||
	    !doc_mset_str(c->doc, v, "lastUpdateTime", now) || !doc_mset_str(c->doc, v, "lastTransitionTime", now))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}

static enum step sign(struct call *c, const char *signer)
{
	const char *text = doc_mstr(c->obj, "spec.request");
	yyjson_mut_val *usages = doc_mget(c->obj, "spec.usages");
	bool client = has_usage(usages, "client auth"), server = has_usage(usages, "server auth");
	int64_t valid = doc_mint(c->obj, "spec.expirationSeconds", VALID_MAX_S);
	struct pki_request q = { .client = client, .server = server, .now_s = call_now_s(),
		.valid_s = valid > VALID_MAX_S ? VALID_MAX_S : valid };
	BUF_AUTO struct buf pem = { 0 };
	BUF_AUTO struct buf cert = { 0 };
	BUF_AUTO struct buf b64 = { 0 };
	struct csr_subject s;
	struct err e = { 0 };
	const char *why;

	if (!csr_subject(text, &s, &pem))
		return add_failure(c, "the request is no PKCS#10 certificate request in PEM and base64");
	why = refusal(signer, &s, client, server);
	if (why)
		return add_failure(c, why);
	if (pki_sign_csr(&cert, pem.p, &q, c->api->ca_cert_pem, c->api->ca_key_pem, &e))
		return add_failure(c, e.msg);
	text_base64(&b64, cert.p, cert.len);
	if (cert.failed || b64.failed || !doc_mset_str(c->doc, c->obj, "status.certificate", b64.p))
		return fail_err(c, -ERR_SIZE, NULL);
	return STEP_NEXT;
}

enum step csr_prepare(struct call *c)
{
	yyjson_mut_val *spec = doc_mobj(c->doc, c->obj, "spec"), *conditions;
	const char *signer = doc_mstr(spec, "signerName");

	if (!spec)
		return fail_err(c, -ERR_SIZE, NULL);
	if (c->creating)
		return put_identity(c, spec) ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
	conditions = doc_mget(c->obj, "status.conditions");
	if (strcmp(c->sub, "approval") || !signer || !ours(signer) || !*c->api->ca_key_pem ||
	    doc_mget(c->obj, "status.certificate") || !has_condition(conditions, "Approved") ||
	    has_condition(conditions, "Denied") || has_condition(conditions, "Failed"))
		return STEP_NEXT;
	return sign(c, signer);
}
