/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - the object as it is, and as it is to be: the first stage of a round of
 * compare-and-swap. Everything after it looks at c->old and c->obj only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base/env.h"
#include "base/text.h"
#include "store/store.h"

#define GENERATED_MAX 58u      /* bytes of generateName that are kept, as upstream */

enum step load_current(struct call *c, bool *ret_found)
{
	struct cache_obj *o = cache_get(c->api->cache, c->kind->store, call_ns(c), c->name);

	*ret_found = o != NULL;
	if (!o)
		return STEP_NEXT;
	c->cur = cache_obj_ref(o);
	c->old = convert_stored(c, o);
	return c->old ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
}

static enum step check_namespace(struct call *c, yyjson_mut_val *obj)
{
	const char *ns = doc_mstr(obj, "metadata.namespace");

	if (!ns || !*ns || !strcmp(ns, call_ns(c)))
		return STEP_NEXT;
	return fail_bad_request(c, "the namespace of the provided object does not match the namespace "
		"sent on the request");
}

static enum step check_name(struct call *c, yyjson_mut_val *obj)
{
	const char *name = doc_mstr(obj, "metadata.name");

	if (!name || !*name)
		return fail_bad_request(c, "the name of the object (%s based on URL) was undeterminable: "
			"name must be provided", c->name);
	if (strcmp(name, c->name))
		return fail_bad_request(c, "the name of the object (%s) does not match the name on the URL (%s)",
			name, c->name);
	return check_namespace(c, obj);
}

/* ---- creating ---- */

static bool pick_name(struct call *c)
{
	const char *base = doc_mstr(c->obj, "metadata.generateName");
	char tail[6];
	size_t n;

	n = strlen(base);
	if (n > GENERATED_MAX)
		n = GENERATED_MAX;
	text_random_name(tail, 5);
	c->name = arena_printf(c->arena, "%.*s%s", (int)n, base, tail);
	return c->name && meta_set(c, c->obj, "name", c->name);
}

/* What only the server writes. */
static bool system_metadata(struct call *c)
{
	char uid[TEXT_UUID_MAX], now[TEXT_TIME_MAX];
	static const char *const drop[] = { "resourceVersion", "selfLink", "deletionTimestamp",
		"deletionGracePeriodSeconds" };

	for (size_t i = 0; i < sizeof(drop) / sizeof(drop[0]); i++)
		meta_del(c->obj, drop[i]);
	text_uuid(uid);
	text_time(now, env_wall_us());
	return meta_set(c, c->obj, "uid", uid) && meta_set(c, c->obj, "creationTimestamp", now) &&
		(!c->kind->namespaced ? (meta_del(c->obj, "namespace"), true)
			: meta_set(c, c->obj, "namespace", c->ns));
}

static enum step load_create(struct call *c)
{
	const char *name = doc_mstr(c->obj, "metadata.name"), *base = doc_mstr(c->obj, "metadata.generateName");
	const char *rv = doc_mstr(c->obj, "metadata.resourceVersion");
	enum step step = check_namespace(c, c->obj);

	if (step != STEP_NEXT)
		return step;
	if (rv && *rv)
		return fail_bad_request(c, "resourceVersion should not be set on objects to be created");
	c->creating = true;
	c->generated = (!name || !*name) && base && *base;
	if (c->generated && !pick_name(c))
		return fail_err(c, -ERR_SIZE, NULL);
	if (!c->generated)
		c->name = name ? name : "";
	return system_metadata(c) ? STEP_NEXT : fail_err(c, -ERR_SIZE, NULL);
}

/* ---- updating ---- */

/* The client meant another object than the one of uid `is` ("": none). */
static enum step fail_uid(struct call *c, const char *meant, const char *is)
{
	return fail_conflict(c, "StorageError: invalid object, Code: 4, Key: /registry/%s/%s%s%s, "
		"ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: %s, "
		"UID in object meta: %s", c->resource, call_ns(c), *call_ns(c) ? "/" : "", c->name, meant, is);
}

/* The revision that the new object names, 0: none. Upstream answers with what its parser says, which is no status of
 * the API. */
static enum step meant_revision(struct call *c, const char *s, uint64_t *rev)
{
	*rev = 0;
	if (!s || !*s)
		return STEP_NEXT;
	if (s[strspn(s, "0123456789")])
		return fail_status(c, 500, NULL, NULL, 0, "strconv.ParseUint: parsing \"%s\": invalid syntax", s);
	errno = 0;
	*rev = strtoull(s, NULL, 10);
	if (errno == ERANGE)
		return fail_status(c, 500, NULL, NULL, 0, "strconv.ParseUint: parsing \"%s\": value out of range", s);
	return STEP_NEXT;
}

/* uid and resourceVersion that the new object names must be those of the old. */
static enum step check_versions(struct call *c)
{
	const char *uid = doc_mstr(c->obj, "metadata.uid");
	uint64_t rev;
	enum step step;

	if (uid && *uid && strcmp(uid, c->cur->uid))
		return fail_uid(c, uid, c->cur->uid);
	step = meant_revision(c, doc_mstr(c->obj, "metadata.resourceVersion"), &rev);
	if (step != STEP_NEXT)
		return step;
	c->conditional = rev != 0;
	if (c->conditional && rev != (uint64_t)c->cur->rev)
		return fail_modified(c);
	if (!c->conditional && !kinds_allows_unconditional_update(c->kind)) {
		struct field_error *e = NULL;

		field_error_add(c->arena, &e, "FieldValueInvalid", "metadata.resourceVersion",
			"Invalid value: 0: must be specified for an update");
		return fail_invalid(c, c->resource, c->group, c->name, e);    /* as upstream: the resource for the kind */
	}
	return STEP_NEXT;
}

static enum step load_update(struct call *c)
{
	const char *uid = doc_mstr(c->obj, "metadata.uid");
	bool found;
	enum step step = check_name(c, c->obj);

	if (step == STEP_NEXT)
		step = load_current(c, &found);
	if (step != STEP_NEXT)
		return step;
	if (found)
		return check_versions(c);
	if (uid && *uid)
		return fail_uid(c, uid, "");
	if (*c->sub || !kinds_allows_create_on_update(c->kind))
		return fail_not_found(c, c->resource, c->group, c->name);
	meta_del(c->obj, "resourceVersion");
	return load_create(c);
}

enum step load_applied(struct call *c, bool found)
{
	const char *rv, *uid;
	enum step step = apply_configuration(c);

	if (step != STEP_NEXT)
		return step;
	uid = doc_mstr(c->obj, "metadata.uid");
	if (!found && uid && *uid)
		return fail_conflict(c, "uid mismatch: the provided object specified uid %s, and no existing object was found",
			uid);
	step = check_name(c, c->obj);
	if (step != STEP_NEXT)
		return step;
	if (!found)
		return load_create(c);
	step = check_versions(c);
	/* The merged object has the revision of the old one: what counts is what was sent. */
	rv = doc_mstr(c->input, "metadata.resourceVersion");
	c->conditional = rv && *rv;
	return step;
}

static enum step load_patch(struct call *c)
{
	yyjson_mut_val *root;
	bool found;
	enum step step = load_current(c, &found);

	if (step != STEP_NEXT)
		return step;
	if (!found && (c->patch != PATCH_APPLY || *c->sub))
		return fail_not_found(c, c->resource, c->group, c->name);
	if (c->patch == PATCH_APPLY)
		return load_applied(c, found);
	root = yyjson_mut_val_mut_copy(c->doc, c->old);
	if (!root)
		return fail_err(c, -ERR_SIZE, NULL);
	step = patch_apply(c, c->kind->type, &root);
	if (step != STEP_NEXT)
		return step;
	c->obj = root;
	step = check_name(c, c->obj);
	if (step != STEP_NEXT)
		return step;
	step = check_versions(c);
	/* The base has a revision of its own. One that the patch names is held against what another writer left, too:
	 * the round is begun again. */
	c->conditional = false;
	return step;
}

/* ---- deleting ---- */

enum step load_preconditions(struct call *c)
{
	if (c->want_uid && strcmp(c->want_uid, c->cur->uid))
		return fail_precondition(c, "the UID in the precondition (%s) does not match the UID in record (%s). "
			"The object might have been deleted and then recreated", c->want_uid, c->cur->uid);
	if (c->want_rv && strtoll(c->want_rv, NULL, 10) != c->cur->rev)
		return fail_precondition(c, "the ResourceVersion in the precondition (%s) does not match the "
			"ResourceVersion in record (%lld). The object might have been modified", c->want_rv,
			(long long)c->cur->rev);
	return STEP_NEXT;
}

static enum step load_delete(struct call *c)
{
	bool found;
	enum step step;

	if (!c->doc)
		c->doc = doc_new(c->arena);
	if (!c->doc)
		return fail_err(c, -ERR_SIZE, NULL);
	step = load_current(c, &found);
	if (step != STEP_NEXT)
		return step;
	if (!found)
		return fail_not_found(c, c->resource, c->group, c->name);
	return load_preconditions(c);
}

/* ---- the stage ---- */

static void forget_round(struct call *c)
{
	cache_obj_unref(c->cur);
	blob_unref(c->value);
	c->cur = NULL;
	c->value = NULL;
	c->obj = c->old = NULL;
	c->creating = c->remove = c->conditional = c->clear_owners = false;
}

enum step stage_load(struct call *c)
{
	enum step step = turn_take(c);

	if (step != STEP_NEXT)
		return step;
	if (++c->tries > API_RETRIES_MAX)
		return fail_modified(c);
	if (c->loaded) {
		forget_round(c);
		/* The stages wrote into the decoded body: read it afresh. */
		if (c->input && c->verb != VERB_PATCH && c->verb != VERB_DELETE) {
			step = body_decode(c);
			if (step != STEP_NEXT)
				return step;
		}
	}
	c->loaded = true;
	c->obj = c->input;
	if (c->scale)
		return scale_load(c);
	if (!strcmp(c->sub, "binding") || c->kind == c->api->k.binding)
		return binding_load(c);
	if (!strcmp(c->sub, "eviction"))
		return eviction_load(c);
	switch (c->verb) {
	case VERB_CREATE:
		return load_create(c);
	case VERB_UPDATE:
		return load_update(c);
	case VERB_PATCH:
		return load_patch(c);
	default:
		c->obj = NULL;
		return load_delete(c);
	}
}
