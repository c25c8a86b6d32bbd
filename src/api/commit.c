/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit - the write itself, if there is anything to write, and the end of the round:
 * done, or lost to a faster writer and begun again.
 */
#include <stdio.h>
#include <string.h>

#include "api/admit.h"
#include "api/ledger.h"
#include "store/store.h"

static int make_key(struct call *c)
{
	const char *ns = call_ns(c);

	c->store_key = *ns ? arena_printf(c->arena, "%s/%s/%s", c->kind->store, ns, c->name)
		: arena_printf(c->arena, "%s/%s", c->kind->store, c->name);
	return c->store_key ? 0 : -ERR_SIZE;
}

/* c->obj as it will be stored. -ERR_SIZE: over the arena's cap; -ERR_FULL: over what the
 * store takes, with and without the owners of fields, which may go to make room. */
static int encode(struct call *c)
{
	const struct kinds_kind *to = api_stored_as(c->api, c->kind);
	BUF_AUTO struct buf b = { 0 };
	yyjson_mut_val *v = c->obj;
	int rc;

	meta_del(v, "resourceVersion");
	meta_del(v, "selfLink");
	if (to != c->kind) {
		v = yyjson_mut_val_mut_copy(c->doc, v);
		rc = v ? convert(c, c->kind, to, &v) : -ERR_SIZE;
		if (rc)
			return rc;
	}
	if (!shape_order(c, to->type, v))
		return -ERR_SIZE;
	rc = doc_mwrite(&b, v);
	if (rc || b.failed)
		return -ERR_NOMEM;
	if (b.len > API_OBJECT_MAX)
		return c->patch != PATCH_APPLY && meta_del(c->obj, "managedFields") ? encode(c) : -ERR_FULL;
	c->value = blob_new(b.p, b.len);
	return c->value ? 0 : -ERR_NOMEM;
}

static enum step not_encoded(struct call *c, int rc)
{
	if (rc == -ERR_FULL)   /* upstream passes on what etcd says, which is no status of the API */
		return fail_status(c, 500, NULL, NULL, 0, "etcdserver: request is too large");
	return fail_err(c, rc, NULL);
}

static enum step answer_status(struct call *c)
{
	static const char text[] = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
		"\"status\":\"Success\",\"code\":201}";

	return reply_bytes(c, 201, blob_new(text, sizeof(text) - 1), "application/json");
}

/* The object as the client gets it: from the cache when that has it, else made from
 * the bytes that were (or, in a dry run, would have been) written. */
static enum step answer(struct call *c, int status, int64_t rev)
{
	struct cache_obj *o = c->remove ? NULL : cache_get(c->api->cache, c->kind->store, call_ns(c), c->name);
	struct blob *json;
	yyjson_doc *d;

	if (c->only_status)
		return answer_status(c);
	if (o && o->rev == rev && !c->dry_run) {
		if (c->scale)
			return scale_reply(c, status, view_tree(c, o));
		return reply_obj(c, status, o);
	}
	if (convert_needed(c)) {
		BUF_AUTO struct buf b = { 0 };

		if (doc_mwrite(&b, c->obj) || b.failed)
			return fail_err(c, -ERR_NOMEM, NULL);
		blob_unref(c->value);
		c->value = blob_new(b.p, b.len);
		if (!c->value)
			return fail_err(c, -ERR_NOMEM, NULL);
	}
	json = rev ? shape_splice(c->value, rev) : blob_ref(c->value);
	if (!json || !c->scale)
		return reply_json(c, status, json, c->kind);
	if (doc_parse(c->arena, json->p, json->len, &d, NULL)) {
		blob_unref(json);
		return fail_err(c, -ERR_SIZE, NULL);
	}
	blob_unref(json);
	return scale_reply(c, status, yyjson_doc_get_root(d));
}

/* Some kinds answer a removal with the object, the others with a Status. */
static bool shows_deleted(const struct call *c)
{
	const struct api_kinds *k = &c->api->k;

	return c->kind == k->pod || c->kind == k->service || c->kind == k->service_account ||
		c->kind == k->pvc || c->kind == k->pv || c->kind == k->pod_template || c->kind == k->quota;
}

static enum step answer_removed(struct call *c, int64_t rev)
{
	if (c->only_status)
		return answer_status(c);
	if (c->verb == VERB_DELETE && !shows_deleted(c))
		return reply_deleted(c, c->name, c->cur->uid);
	if (!c->value) {
		int rc = encode(c);

		if (rc)
			return not_encoded(c, rc);
	}
	return answer(c, 200, rev);
}

/* ---- the round's end ---- */

static enum step again(struct call *c)
{
	c->stage = STAGE_LOAD;
	return STEP_AGAIN;
}

static enum step lost(struct call *c)
{
	if (c->creating && !c->generated && c->verb == VERB_CREATE)
		return fail_exists(c, c->name);
	if (c->conditional && c->verb != VERB_DELETE)
		return fail_modified(c);
	return again(c);
}

/* The store tells the log what is wrong; whoever writes learns where to look. */
static const struct err unwritten = { .msg = "the store could not write this: its disk may be full; "
	"free space (the server's log says more), then write again" };

static const struct err unreached = { .msg = "the store cannot be reached: nothing was written; try again" };
static const struct err full = { .msg = "the space of the store is used up, and nothing was written: remove what is not needed, "
	"which goes on, then give it space (the server's log and docs/ETCD.md say how)" };
static const struct err unknown = { .msg = "the store did not answer in time, so nobody can tell whether this was written: "
	"read it, then write again if it was not" };

static const struct err *why_not(int rc)
{
	return rc == -ERR_FULL ? &full : rc == -ERR_IO ? &unwritten : rc == -ERR_UNAVAILABLE ? &unreached : rc == -ERR_DEADLINE ? &unknown : NULL;
}

void call_give_back(struct call *c)
{
	alloc_undo(c);
	crd_undo(c);
	quota_undo(c);
	ledger_leave(&c->service_seat);
	ledger_leave(&c->quota_seat);
}

static void written(void *arg, int rc, int64_t rev)
{
	struct call *c = arg;
	enum step step;

	if (rc == -ERR_DEADLINE)
		ledger_unsure(c);
	call_give_back(c);
	if (rc == -ERR_CONFLICT)
		step = lost(c);
	else if (rc == -ERR_EXPIRED)
		step = again(c);
	else if (rc)
		step = fail_err(c, rc == -ERR_FULL ? -ERR_IO : rc, why_not(rc));
	else if (c->remove)
		step = answer_removed(c, rev);
	else
		step = answer(c, c->creating ? 201 : 200, rev);
	call_resume(c, step);
	call_drop(c);
}

/* Is what would be written what is there? */
static bool same_as_current(struct call *c)
{
	struct blob *b;
	bool same;

	if (!c->cur || c->cur->json->len < c->value->len)
		return false;
	b = shape_splice(c->value, c->cur->rev);
	same = b && b->len == c->cur->json->len && !memcmp(b->p, c->cur->json->p, b->len);
	blob_unref(b);
	return same;
}

/* Whoever asked may have lost the right to write while the call went its way. */
static const struct err not_now = { .msg = "this server does not lead any more: its controllers write nothing" };

/* *ret: what to hold the store to. */
static bool may_write(const struct call *c, struct store_terms *ret)
{
	struct api_life life = { 0 };
	bool may = !c->may_write || c->may_write(c->may_arg, &life);

	*ret = (struct store_terms){ .alive = { { life.key, life.create_rev } } };
	return may;
}

static enum step remove_key(struct call *c)
{
	struct store_terms terms;
	int rc;

	if (c->dry_run)
		return answer_removed(c, c->cur->rev);
	if (!may_write(c, &terms))
		return fail_err(c, -ERR_UNAVAILABLE, &not_now);
	rc = store_del_on(c->api->store, c->store_key, c->cur->rev, &terms, written, c);
	if (rc)
		return fail_err(c, rc, NULL);
	call_hold(c);
	return STEP_WAIT;
}

static enum step commit(struct call *c)
{
	struct store_terms terms;
	enum step step;
	int rc = make_key(c);

	blob_unref(c->value);          /* of before it waited for other servers */
	c->value = NULL;
	if (!rc && c->obj)
		rc = encode(c);
	if (rc)
		return not_encoded(c, rc);
	/* The last finalizer is gone: so is the object. */
	if (c->old && c->obj && c->verb != VERB_DELETE && !c->remove)
		c->remove = delete_complete(c, c->obj);
	if (c->remove)
		return remove_key(c);
	if (same_as_current(c))
		return answer(c, 200, c->cur->rev);
	if (c->creating && cache_get(c->api->cache, c->kind->store, call_ns(c), c->name))
		return lost(c);
	if ((c->kind == c->api->k.service || c->kind == c->api->k.crd) && !c->reserved) {
		step = c->kind == c->api->k.crd ? crd_take_names(c) : alloc_service(c);
		if (step != STEP_NEXT)
			return step;
		blob_unref(c->value);
		c->value = NULL;
		rc = encode(c);
		if (rc)
			return not_encoded(c, rc);
	}
	if (c->dry_run)
		return answer(c, c->creating ? 201 : 200, c->cur ? c->cur->rev : 0);
	if (!may_write(c, &terms))
		return fail_err(c, -ERR_UNAVAILABLE, &not_now);
	terms.keep_s = expire_keep_s(c);
	if (!ledger_life(c, &terms.alive[1]))
		return again(c);
	rc = store_put_on(c->api->store, c->store_key, c->value, c->cur ? c->cur->rev : 0, &terms, written, c);
	if (rc)
		return fail_err(c, rc, NULL);
	call_hold(c);
	return STEP_WAIT;
}

enum step stage_commit(struct call *c)
{
	enum step step = commit(c);

	if (step != STEP_WAIT)
		call_give_back(c);
	return step;
}
