/* SPDX-License-Identifier: Apache-2.0 */
/* cni_cache - what is known of a pod's attachment, as a JSON file that its end is read from. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "net/cni_priv.h"

void cni_record_finish(struct cni_record *r)
{
	arena_close(r->arena);
	*r = (struct cni_record){ 0 };
}

static void add_text(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, ",\"%s\":", name);
	buf_add_json(out, value, strlen(value));
}

int cni_record_text(struct buf *out, const struct cni_record *r)
{
	int rc;

	buf_adds(out, "{\"list\":");
	rc = doc_write(out, r->list.root);
	add_text(out, "netns", r->netns);
	add_text(out, "args", r->args);
	add_text(out, "bins", r->bins);
	add_text(out, "ident", r->ident);
	if (r->ports) {
		buf_adds(out, ",\"ports\":");
		rc = rc ? rc : doc_write(out, r->ports);
	}
	if (r->result) {
		buf_adds(out, ",\"result\":");
		rc = rc ? rc : doc_write(out, r->result);
	}
	buf_addc(out, '}');
	return rc ? rc : out->failed ? -ERR_NOMEM : 0;
}

int cni_record_parse(struct cni_record *ret, const char *p, size_t n, struct err *reterr)
{
	yyjson_val *root;
	yyjson_doc *d;
	int rc;

	*ret = (struct cni_record){ .arena = arena_open(CNI_ARENA_BYTES) };
	rc = !ret->arena ? err_set(reterr, ERR_NOMEM, "out of memory") : doc_parse(ret->arena, p, n, &d, reterr);
	if (!rc) {
		root = yyjson_doc_get_root(d);
		ret->netns = doc_str(root, "netns");
		ret->args = doc_str(root, "args");
		ret->bins = doc_str(root, "bins");
		ret->ident = doc_str(root, "ident");
		ret->ports = yyjson_obj_get(root, "ports");
		ret->result = yyjson_obj_get(root, "result");
		rc = !ret->netns || !ret->args || !ret->bins || !ret->ident ? err_set(reterr, ERR_INVALID, "not a pod's record") :
			cni_list_read(&ret->list, yyjson_obj_get(root, "list"), reterr);
	}
	if (rc)
		cni_record_finish(ret);
	return rc;
}

void cni_netns_ident(char ret[128], const char *netns_path)
{
	BUF_AUTO struct buf boot = { 0 };
	struct stat st;

	*ret = 0;
	if (stat(netns_path, &st) || file_read("/proc/sys/kernel/random/boot_id", 64, &boot, NULL) || !boot.p)
		return;
	snprintf(ret, 128, "%.*s/%llu/%llu", (int)strcspn(boot.p, "\n"), boot.p, (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
}
