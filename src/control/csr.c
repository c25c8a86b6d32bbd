/* SPDX-License-Identifier: Apache-2.0 */
/* csr - see csr.h. */
#include "control/csr.h"

#include <string.h>

#include "base/env.h"
#include "base/text.h"
#include "control/controllers.h"

static const struct control_certs *certs;      /* process-long, set before controllers open */

void ctl_certs_set(const struct control_certs *c)
{
	certs = c;
}

const struct control_certs *csr_certs(void)
{
	return certs;
}

const char *csr_pem(struct arena *a, yyjson_val *csr)
{
	const char *text = doc_str(csr, "spec.request");
	BUF_AUTO struct buf b = { 0 };

	if (!text || text_unbase64(&b, text, strlen(text)) || b.failed || !b.len)
		return NULL;
	return arena_strndup(a, b.p, b.len);
}

const char *const *csr_usages(struct arena *a, yyjson_val *csr)
{
	yyjson_val *list = doc_get(csr, "spec.usages"), *it;
	const char **out = arena_zalloc(a, (yyjson_arr_size(list) + 1) * sizeof(*out));
	size_t i, max, n = 0;

	yyjson_arr_foreach(list, i, max, it)
		if (out && yyjson_is_str(it))
			out[n++] = yyjson_get_str(it);
	return out;
}

/* ---- the signers' rules ---- */

static bool one_of(const char *s, const char *const *v)
{
	for (; *v; v++)
		if (!strcmp(*v, s))
			return true;
	return false;
}

/* Exactly these usages, with or without key encipherment (keys that are not RSA). */
static const char *exact_usages(const char *const *usages, const char *purpose)
{
	const char *const all[] = { "digital signature", "key encipherment", purpose, NULL };
	bool ok = one_of("digital signature", usages) && one_of(purpose, usages);

	for (const char *const *u = usages; *u; u++)
		ok &= one_of(*u, all);
	if (ok)
		return NULL;
	return strcmp(purpose, "client auth") ? "usages did not match [digital signature key encipherment server auth]"
		: "usages did not match [client auth digital signature key encipherment]";
}

static const char *node_subject(const struct control_csr *q)
{
	if (!q->orgs[0] || strcmp(q->orgs[0], "system:nodes") || q->orgs[1])
		return "subject organization is not system:nodes";
	return strncmp(q->cn, "system:node:", 12) ? "subject common name does not begin with system:node:" : NULL;
}

typedef const char *judge_fn(struct arena *a, const struct control_csr *q, const char *const *usages);

static const char *client(struct arena *a, const struct control_csr *q, const char *const *usages)
{
	static const char *const known[] = { "digital signature", "key encipherment", "client auth", NULL };

	for (const char *const *u = usages; *u; u++)
		if (!one_of(*u, known))
			return arena_printf(a, "invalid usage for client certificate: %s", *u);
	return one_of("client auth", usages) ? NULL : "missing required usage for client certificate: client auth";
}

static const char *kubelet_client(struct arena *a, const struct control_csr *q, const char *const *usages)
{
	const char *why = node_subject(q);

	if (why)
		return why;
	if (q->dns)
		return "DNS subjectAltNames are not allowed";
	if (q->emails)
		return "email subjectAltNames are not allowed";
	if (q->ips)
		return "IP subjectAltNames are not allowed";
	if (q->uris)
		return "URI subjectAltNames are not allowed";
	return exact_usages(usages, "client auth");
}

static const char *kubelet_serving(struct arena *a, const struct control_csr *q, const char *const *usages)
{
	const char *why = node_subject(q);

	if (why)
		return why;
	if (!q->dns && !q->ips)
		return "DNS or IP subjectAltName is required";
	if (q->emails)
		return "email subjectAltNames are not allowed";
	if (q->uris)
		return "URI subjectAltNames are not allowed";
	return exact_usages(usages, "server auth");
}

static const struct { const char *signer; judge_fn *judge; } signers[] = {
	{ "kubernetes.io/kube-apiserver-client", client },
	{ "kubernetes.io/kube-apiserver-client-kubelet", kubelet_client },
	{ "kubernetes.io/kubelet-serving", kubelet_serving },
};

enum csr_verdict csr_judge(struct arena *a, const struct control_csr *q, const char *signer,
	const char *const *usages, const char **ret_why)
{
	for (size_t i = 0; signer && i < sizeof(signers) / sizeof(signers[0]); i++) {
		if (strcmp(signer, signers[i].signer))
			continue;
		*ret_why = signers[i].judge(a, q, usages);
		return *ret_why ? CSR_REFUSED : CSR_FITS;
	}
	return CSR_FOREIGN;
}

void csr_add_condition(struct ctl *c, yyjson_mut_val *csr, const char *type, const char *reason, const char *message)
{
	yyjson_mut_doc *d = ctl_doc(c);
	yyjson_mut_val *list = doc_marr(d, csr, "status.conditions");
	yyjson_mut_val *v = list ? yyjson_mut_arr_add_obj(d, list) : NULL;
	char now[TEXT_TIME_MAX];

	text_time(now, env_wall_us());
	doc_mset_str(d, v, "type", type);
	doc_mset_str(d, v, "status", "True");
	doc_mset_str(d, v, "reason", reason);
	doc_mset_str(d, v, "message", message);
	doc_mset_str(d, v, "lastUpdateTime", now);
	doc_mset_str(d, v, "lastTransitionTime", now);
}
