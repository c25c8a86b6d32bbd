/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of requests for certificates. What was wrong already when an object was stored
 * is not held against an update that leaves it so.
 * Source: kubernetes pkg/apis/certificates/validation/validation.go, pkg/apis/core/validation
 * (ValidateSignerName).
 */
#include "base/text.h"
#include "kinds/validate.h"

#define SIGNER_DOMAIN_MAX 253
#define SIGNER_MAX (253 + 1 + 253 + 1 + 63)
#define EXPIRATION_MIN_S 600
#define USAGES "any|cert sign|client auth|code signing|content commitment|crl sign|data encipherment|decipher only|" \
	"digital signature|email protection|encipher only|ipsec end system|ipsec tunnel|ipsec user|key agreement|" \
	"key encipherment|microsoft sgc|netscape sgc|ocsp signing|s/mime|server auth|signing|timestamping"
#define LEGACY_SIGNER "kubernetes.io/legacy-unknown"

static const char *const decided[] = { "Approved", "Denied", "Failed" };

/* Each label of a dotted text; the first faulty one is told of. Returns how many there are. */
static size_t labels_of(struct vcheck *c, const struct vpath *p, const char *s, const char *(*bad)(const char *))
{
	char *rest = arena_strdup(c->a, s), *label;
	size_t n = 0;
	bool said = false;

	for (; (label = strsep(&rest, ".")); n++) {
		const char *why = said ? NULL : bad(label);
		if (why) {
			v_invalid(c, p, s, v_text(c, "validating label \"%s\": %s", label, why));
			said = true;
		}
	}
	return n;
}

static void signer(struct vcheck *c, const struct vpath *p, const char *name)
{
	const char *slash = strchr(name, '/');

	if (!*name) {
		v_required(c, p, "");
		return;
	}
	if (!slash || strchr(slash + 1, '/')) {
		v_invalid(c, p, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
		return;
	}
	const char *domain = arena_strndup(c->a, name, (size_t)(slash - name));
	if (!domain)
		return;
	if (slash - name > SIGNER_DOMAIN_MAX)
		v_too_long(c, p, SIGNER_DOMAIN_MAX);
	if (labels_of(c, p, domain, text_bad_dns1123_label) < 2)
		v_invalid(c, p, domain, "should be a domain with at least two segments separated by dots");
	labels_of(c, p, slash + 1, text_bad_dns1123_subdomain);
	if (strlen(name) > SIGNER_MAX)
		v_too_long(c, p, SIGNER_MAX);
}

static size_t of_type(yyjson_mut_val *list, const char *type, yyjson_mut_val **ret_first)
{
	size_t n = 0;

	*ret_first = NULL;
	V_EACH(i, m, list)
		if (v_is(m, "type", type) && !n++)
			*ret_first = m;
	return n;
}

static bool repeats(yyjson_mut_val *list, const char *member)
{
	V_SET seen = { 0 };

	V_EACH(i, m, list)
		if (!v_first(&seen, member ? v_str(m, member) : yyjson_mut_get_str(m)))
			return true;
	return false;
}

static void conditions(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	yyjson_mut_val *m1, *m2;
	bool both = of_type(was, "Approved", &m1) && of_type(was, "Denied", &m2), repeated = repeats(was, "type");
	bool untyped = of_type(was, "", &m1), approved = false, denied = false;
	V_SET seen = { 0 };

	V_EACH(i, m, now) {
		const struct vpath *at = V_ITEM(p, i);
		const char *type = v_str(m, "type"), *status = v_str(m, "status");
		const char *allowed = v_one_of(type, "Approved|Denied|Failed") ? "True" : "False|True|Unknown";
		if (!*type && !untyped)
			v_required(c, V_AT(at, "type"), "");
		if (!*status)
			v_required(c, V_AT(at, "status"), "");
		else if (!v_one_of(status, allowed))
			v_unsupported(c, V_AT(at, "status"), status, allowed);
		approved |= !strcmp(type, "Approved");
		denied |= !strcmp(type, "Denied");
		if (!both && approved && denied && v_one_of(type, "Approved|Denied"))
			v_invalid(c, p, type, "Approved and Denied conditions are mutually exclusive");
		if (!v_first(&seen, type) && !repeated)
			v_duplicate(c, V_AT(at, "type"), type);
	}
}

static void usages(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, yyjson_mut_val *was)
{
	bool unknown = was && !v_all_of(was, USAGES), repeated = repeats(was, NULL);
	V_SET seen = { 0 };

	if (!yyjson_mut_arr_size(list))
		v_required(c, p, "");
	V_EACH(i, m, list)
		if (!unknown && !v_one_of(yyjson_mut_get_str(m), USAGES))
			v_unsupported(c, V_ITEM(p, i), yyjson_mut_get_str(m), USAGES);
	V_EACH(i, m, list)
		if (!v_first(&seen, yyjson_mut_get_str(m)) && !repeated)
			v_duplicate(c, V_ITEM(p, i), yyjson_mut_get_str(m));
}

static bool is_request(const char *coded)
{
	BUF_AUTO struct buf pem = { 0 };

	if (text_unbase64(&pem, coded, strlen(coded)))
		return false;
	buf_addc(&pem, 0);
	return !pem.failed && strstr(pem.p, "-----BEGIN CERTIFICATE REQUEST-----");
}

/* What a change may not take away, add or touch, and through which door. */
static void changes(struct vcheck *c, const struct vpath *p, yyjson_mut_val *now, yyjson_mut_val *was)
{
	const struct vpath *cp = V_AT(p, "conditions");
	yyjson_mut_val *list = v_get(now, "conditions"), *old_list = v_get(was, "conditions"), *m, *o;
	bool approval = c->sub && !strcmp(c->sub, "approval"), status = c->sub && !strcmp(c->sub, "status");

	for (int i = 0; i < 3; i++)
		if (of_type(list, decided[i], &m) < of_type(old_list, decided[i], &o))
			v_forbidden(c, cp, v_text(c, "updates may not remove a condition of type \"%s\"", decided[i]));
	for (int i = 0; i < 2 && !approval; i++) {
		size_t n = of_type(list, decided[i], &m), before = of_type(old_list, decided[i], &o);
		if (n > before)
			v_forbidden(c, cp, v_text(c, "updates may not add a condition of type \"%s\"", decided[i]));
		else if (n == before && m && !doc_mequal(m, o))
			v_forbidden(c, cp, v_text(c, "updates may not modify a condition of type \"%s\"", decided[i]));
	}
	if (v_same(v_get(now, "certificate"), v_get(was, "certificate")))
		return;
	/* Approval lets nobody send a certificate; the server signs there. */
	if (!status && !approval)
		v_forbidden(c, V_AT(p, "certificate"), "updates may not set certificate content");
	else if (*v_str(was, "certificate"))
		v_forbidden(c, V_AT(p, "certificate"), "updates may not modify existing certificate content");
}

void validate_csr(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *signer_name = v_str(spec, "signerName"), *request = v_str(spec, "request");
	yyjson_mut_val *seconds = v_get(spec, "expirationSeconds"), *was = v_get(c->old, "status");
	yyjson_mut_val *now = v_get(c->v, "status");
	const struct vpath *sp = V_AT(NULL, "status");

	if (!is_request(request))
		v_invalid(c, V_AT(p, "request"), request, "PEM block type must be CERTIFICATE REQUEST");
	usages(c, V_AT(p, "usages"), v_get(spec, "usages"), doc_mget(c->old, "spec.usages"));
	if (strcmp(signer_name, LEGACY_SIGNER))
		signer(c, V_AT(p, "signerName"), signer_name);
	else if (!v_is(v_get(c->old, "spec"), "signerName", LEGACY_SIGNER))
		v_invalid(c, V_AT(p, "signerName"), signer_name, "the legacy signerName is not allowed via this API version");
	if (seconds && yyjson_mut_get_sint(seconds) < EXPIRATION_MIN_S)
		v_invalid_value(c, V_AT(p, "expirationSeconds"), seconds,
			"may not specify a duration less than 600 seconds (10 minutes)");
	conditions(c, V_AT(sp, "conditions"), v_get(now, "conditions"), v_get(was, "conditions"));
	if (c->old)
		changes(c, sp, now, was);
}
