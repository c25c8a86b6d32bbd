/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table - kubectl's columns: a Table with its definitions, and one row an object.
 * Source: apimachinery pkg/apis/meta/v1 (Table).
 */
#include <string.h>

#include "api/call.h"
#include "base/env.h"

static void member(struct buf *b, const char *key, const char *value, bool first)
{
	buf_printf(b, "%s\"%s\":", first ? "" : ",", key);
	buf_add_json(b, value ? value : "", value ? strlen(value) : 0);
}

void table_columns(struct buf *b, const struct kinds_kind *k)
{
	buf_addc(b, '[');
	for (unsigned i = 0; i < k->column_count; i++) {
		const struct kinds_column *col = &k->columns[i];

		buf_adds(b, i ? ",{" : "{");
		member(b, "name", col->name, true);
		member(b, "type", col->type, false);
		member(b, "format", col->format, false);
		member(b, "description", col->description, false);
		buf_printf(b, ",\"priority\":%d}", col->priority);
	}
	buf_addc(b, ']');
}

void table_begin(struct call *c, struct buf *b, const struct kinds_kind *k, const char *list_meta,
	bool with_columns)
{
	buf_printf(b, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/%s\",\"metadata\":%s,\"columnDefinitions\":",
		c->view_beta ? "v1beta1" : "v1", list_meta);
	if (with_columns)
		table_columns(b, k);
	else
		buf_adds(b, "null");
	buf_adds(b, ",\"rows\":[");
}

void partial_json(struct call *c, struct buf *b, yyjson_val *tree)
{
	yyjson_val *meta = yyjson_obj_get(tree, "metadata");

	buf_printf(b, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/%s\",\"metadata\":",
		c->view_beta ? "v1beta1" : "v1");
	if (meta)
		doc_write(b, meta);
	else
		buf_adds(b, "{}");
	buf_addc(b, '}');
}

int table_row(struct call *c, struct buf *b, const struct kinds_kind *k, const char *json, size_t n,
	yyjson_val *tree)
{
	const char *include = param(c, "includeObject");
	int rc;

	buf_adds(b, "{\"cells\":");
	rc = kinds_cells(b, k, tree, env_wall_us());
	if (rc)
		return rc;
	buf_adds(b, ",\"object\":");
	if (include && !strcmp(include, "None"))
		buf_adds(b, "null");
	else if (include && !strcmp(include, "Object"))
		buf_add(b, json, n);
	else
		partial_json(c, b, tree);
	buf_addc(b, '}');
	return b->failed ? -ERR_NOMEM : 0;
}
