/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_value - see ledger_priv.h. Each server has a part of the room, so that none takes all of it. */
#include "api/ledger_priv.h"

static void separate(struct ledger_value *v)
{
	if (v->any)
		buf_addc(&v->text, ',');
	v->any = true;
}

void value_begin(struct ledger_value *v)
{
	*v = (struct ledger_value){ .any = false };
	buf_adds(&v->text, "{\"metadata\":{},\"holds\":[");
}

void value_add_other(struct ledger_value *v, yyjson_val *hold)
{
	separate(v);
	if (doc_write(&v->text, hold))
		v->text.failed = true;
}

void value_hold(struct buf *out, const char *by, const char *rest)
{
	buf_printf(out, "{\"by\":\"%s\",%s", by, rest);
}

void value_add_own(struct ledger_value *v, const char *by, const char *rest)
{
	size_t before = v->text.len;

	separate(v);
	value_hold(&v->text, by, rest);
	v->own_bytes += v->text.len - before;
}

bool value_has_room(const struct ledger_value *v)
{
	return v->own_bytes + LEDGER_HOLD_MAX <= LEDGER_SHARE_MAX && v->text.len + LEDGER_HOLD_MAX <= LEDGER_BYTES_MAX;
}

struct blob *value_end(struct ledger_value *v)
{
	struct blob *b;

	buf_adds(&v->text, "]}");
	b = v->text.failed ? NULL : blob_new(v->text.p, v->text.len);
	buf_finish(&v->text);
	return b;
}
