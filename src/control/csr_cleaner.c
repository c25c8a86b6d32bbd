/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr_cleaner - requests that are over go: an hour after their certificate was issued,
 * or they were denied or failed, when the certificate ended, or a day after they were
 * made and nobody cared.
 * Source: kubernetes pkg/controller/certificates/cleaner/cleaner.go.
 */
#include <string.h>

#include "base/env.h"
#include "base/text.h"
#include "control/controllers.h"
#include "control/csr.h"

#define HOUR_US (3600LL * 1000000)
#define DAY_US  (24 * HOUR_US)

static void csr_changed(struct ctl *c, const struct cache_event *ev)
{
	if (ev->type != CACHE_DELETED)
		ctl_enqueue(c, "", ev->obj->name);
}

static void sooner(int64_t *due_us, int64_t us)
{
	if (us < *due_us)
		*due_us = us;
}

/* When the certificate ends; INT64_MAX when there is none that can be read. */
static int64_t end_us(yyjson_val *csr)
{
	const char *text = doc_str(csr, "status.certificate");
	BUF_AUTO struct buf pem = { 0 };
	int64_t s;

	if (!csr_certs() || !text || text_unbase64(&pem, text, strlen(text)) || !pem.p || csr_certs()->not_after(pem.p, &s))
		return INT64_MAX;
	return s * 1000000;
}

static int64_t due_us(yyjson_val *csr)
{
	bool issued = doc_str(csr, "status.certificate") != NULL;
	yyjson_val *list = doc_get(csr, "status.conditions"), *it;
	int64_t due = INT64_MAX, us;
	size_t i, max;

	if (!yyjson_arr_size(list) && !text_parse_time(doc_str(csr, "metadata.creationTimestamp"), &us))
		return us + DAY_US;
	yyjson_arr_foreach(list, i, max, it) {
		const char *type = doc_str(it, "type"), *at = doc_str(it, "lastUpdateTime");
		bool approved = type && !strcmp(type, "Approved");

		if (!type || (!approved && strcmp(type, "Denied") && strcmp(type, "Failed")) || (approved && !issued))
			continue;
		if (at && !text_parse_time(at, &us))
			sooner(&due, us + HOUR_US);
		if (approved)
			sooner(&due, end_us(csr));
	}
	return due;
}

static int reconcile(struct ctl *c, const char *ns, const char *name)
{
	struct cache_obj *o = cache_get(ctl_cache(c), CSRS, "", name);
	int64_t due, left_ms;

	if (!o || o->deleting)
		return 0;
	due = due_us(cache_tree(o));
	if (due == INT64_MAX)
		return 0;
	left_ms = (due - env_wall_us()) / 1000;
	if (left_ms > 0)
		ctl_enqueue_after(c, "", name, left_ms);
	else
		ctl_delete(c, ctl_kind("certificates.k8s.io", "certificatesigningrequests"), "", name, o->uid, NULL, -1);
	return 0;
}

static const struct ctl_watch watches[] = { { CSRS, csr_changed }, { NULL, NULL } };
const struct ctl_def ctl_csr_cleaner = { .name = "certificatesigningrequest-cleaner-controller", .watches = watches,
	.reconcile = reconcile };
