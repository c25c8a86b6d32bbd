/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_cni - what plugins say, and what lies in files. The first byte says which it is: a
 * configuration, a pod's record, or an answer.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/cni_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void configuration(struct arena *a, const char *text, size_t n)
{
	struct cni_list l;

	if (cni_list_parse(a, &l, text, n, NULL))
		return;
	assert(l.count && l.count <= CNI_PLUGINS_MAX && !strchr(l.name, '/'));
	for (unsigned i = 0; i < l.count; i++) {
		BUF_AUTO struct buf out = { 0 };
		const char *type = doc_str(l.plugins[i], "type");

		assert(type && !strchr(type, '/'));
		cni_input(&out, &l, i, l.root, l.root);
	}
}

static void record(const char *text, size_t n)
{
	BUF_AUTO struct buf out = { 0 };
	struct cni_record r, again;

	if (cni_record_parse(&r, text, n, NULL))
		return;
	/* What was read can be written, and read again. */
	if (!cni_record_text(&out, &r)) {
		int rc = cni_record_parse(&again, out.p, out.len, NULL);

		assert(!rc);
		cni_record_finish(&again);
	}
	cni_record_finish(&r);
}

static void answer(struct arena *a, const char *text, size_t n)
{
	struct cni_result r;
	yyjson_doc *d;
	char why[1024];

	cni_failure(why, sizeof(why), text, n, text, n);
	assert(*why);
	if (!doc_parse(a, text, n, &d, NULL) && !cni_result_read(&r, yyjson_doc_get_root(d), "1.0.0", NULL))
		assert(strlen(r.ip4) < sizeof(r.ip4) && strlen(r.ip6) < sizeof(r.ip6));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a;
	char *text;

	if (!n)
		return -1;
	a = arena_open(CNI_ARENA_BYTES);
	text = a ? arena_strndup(a, (const char *)p + 1, n - 1) : NULL;
	if (text && *p == 'c')
		configuration(a, text, n - 1);
	else if (text && *p == 'r')
		record(text, n - 1);
	else if (text)
		answer(a, text, n - 1);
	arena_close(a);
	return 0;
}
