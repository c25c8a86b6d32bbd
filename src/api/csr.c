/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr - certificate signing requests: who asked is written down by the server. Approval
 * and signing are controllers' (control/csr_approving.c, control/csr_signing.c).
 * Who may is admission's (admit_certificates.c).
 * Source: kubernetes pkg/registry/certificates.
 */
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "base/map.h"
#include "base/text.h"
#include "http/pki.h"

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

bool csr_read(struct call *c, const char *request, struct pki_csr_info *ret, struct err *reterr)
{
	BUF_AUTO struct buf pem = { 0 };

	if (!request || text_unbase64(&pem, request, strlen(request)) || pem.failed || !pem.len) {
		err_set(reterr, ERR_BAD_REQUEST, "PEM block type must be CERTIFICATE REQUEST");
		return false;
	}
	if (pki_csr_read(c->arena, pem.p, ret, reterr))
		return false;
	if (!pki_csr_signed(pem.p)) {
		err_set(reterr, ERR_BAD_REQUEST, "the certificate request is not signed by its own key");
		return false;
	}
	return true;
}

/* What a condition is known by: its status and type. NULL: no memory. */
static const char *condition_key(struct buf *b, yyjson_mut_val *condition)
{
	const char *status = doc_mstr(condition, "status"), *type = doc_mstr(condition, "type");

	buf_clear(b);
	buf_printf(b, "%s %s", status ? status : "", type ? type : "");
	return b->failed ? NULL : b->p;
}

/* The conditions as they were, the first of each status and type. */
static int note_old(struct map *was, yyjson_mut_val *list, struct buf *b)
{
	yyjson_mut_arr_iter all;
	yyjson_mut_val *it;

	yyjson_mut_arr_iter_init(list, &all);
	while ((it = yyjson_mut_arr_iter_next(&all))) {
		const char *key = condition_key(b, it);

		if (!key || (!map_get(was, key) && map_put(was, key, it, NULL)))
			return -ERR_NOMEM;
	}
	return 0;
}

/* Conditions that say no time of their own get now, or keep when they turned so. */
static enum step put_times(struct call *c)
{
	yyjson_mut_arr_iter all;
	yyjson_mut_val *it;
	struct map was = { 0 };
	BUF_AUTO struct buf b = { 0 };
	char now[TEXT_TIME_MAX];
	int rc = note_old(&was, doc_mget(c->old, "status.conditions"), &b);

	text_time(now, env_wall_us());
	yyjson_mut_arr_iter_init(doc_mget(c->obj, "status.conditions"), &all);
	while (!rc && (it = yyjson_mut_arr_iter_next(&all))) {
		const char *key = condition_key(&b, it), *turned = doc_mstr(key ? map_get(&was, key) : NULL, "lastTransitionTime");

		if (!key || (!doc_mstr(it, "lastUpdateTime") && !doc_mset_str(c->doc, it, "lastUpdateTime", now)) ||
		    (!doc_mstr(it, "lastTransitionTime") &&
		     !doc_mset_str(c->doc, it, "lastTransitionTime", turned ? turned : now)))
			rc = -ERR_SIZE;
	}
	map_finish(&was);
	return rc ? fail_err(c, rc, NULL) : STEP_NEXT;
}

enum step csr_prepare(struct call *c)
{
	yyjson_mut_val *spec = doc_mobj(c->doc, c->obj, "spec");
	struct field_error *errors = NULL;
	struct pki_csr_info info;
	struct err e = { 0 };

	if (!spec)
		return fail_err(c, -ERR_SIZE, NULL);
	if (!c->creating)
		return *c->sub ? put_times(c) : STEP_NEXT;
	/* A text that is no request of that form is refused with the other rules, by validation. */
	if (!csr_read(c, doc_mstr(spec, "request"), &info, &e) && strncmp(e.msg, "PEM", 3)) {
		field_error_add(c->arena, &errors, "FieldValueInvalid", "spec.request", "Invalid value: \"%s\": %s",
			doc_mstr(spec, "request"), e.msg);
		return fail_invalid(c, c->kind->kind, c->kind->group, c->name, errors);
	}
	return put_identity(c, spec) ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
}
