/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options - the query parameters of a write: dryRun, fieldManager, fieldValidation,
 * force; and of a deletion, where the body has them too. What is wrong with them is
 * told all at once.
 * Source: apimachinery pkg/apis/meta/v1/validation/validation.go (Validate*Options).
 */
#include <string.h>

#include "api/call.h"
#include "http/http.h"

#define MANAGER_MAX 128u

static const char *options_kind(const struct call *c)
{
	switch (c->verb) {
	case VERB_CREATE:
		return "CreateOptions";
	case VERB_UPDATE:
		return "UpdateOptions";
	case VERB_PATCH:
		return "PatchOptions";
	default:
		return "DeleteOptions";
	}
}

/* Those inside write as upstream's programs do, of which each is a part. */
static const char *part_of(const char *user)
{
	static const char controllers[] = "system:serviceaccount:kube-system:";

	if (!strncmp(user, controllers, sizeof(controllers) - 1))
		return "kube-controller-manager";
	if (!strcmp(user, "system:kube-scheduler"))
		return "kube-scheduler";
	return !strcmp(user, "system:apiserver") ? "kube-apiserver" : user;
}

/* A character that people can see: where it begins and its code point; at the end
 * *ret_code is 0. Bytes that are no UTF-8 count as U+FFFD, one each. */
static const char *next_rune(const char *p, unsigned *ret_code)
{
	const unsigned char *u = (const unsigned char *)p;
	int more = *u >= 0xf0 ? 3 : *u >= 0xe0 ? 2 : *u >= 0xc0 ? 1 : 0;
	unsigned code = more == 3 ? *u & 7u : more == 2 ? *u & 15u : more == 1 ? *u & 31u : *u;

	for (int i = 1; i <= more; i++) {
		if ((u[i] & 0xc0) != 0x80) {
			*ret_code = 0xfffd;
			return p + 1;
		}
		code = code << 6 | (u[i] & 0x3fu);
	}
	/* Longer than it need be is no UTF-8 either. */
	if ((!more && *u >= 0x80) || (more && code < (more == 1 ? 0x80u : more == 2 ? 0x800u : 0x10000u))) {
		*ret_code = 0xfffd;
		return p + 1;
	}
	*ret_code = code;
	return p + 1 + more;
}

/* Of what Go's unicode.IsPrint refuses: controls, spaces other than ' ', separators,
 * formats, surrogates and private use. */
static bool printable(unsigned c)
{
	return !(c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad || (c >= 0x2000 && c <= 0x200f) ||
		(c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x206f) || c == 0x3000 || c == 0xfeff ||
		(c >= 0xd800 && c <= 0xf8ff) || c >= 0xf0000);
}

/* The characters of s up to `end` that can be seen, as many as a manager's name may have: all
 * that is stored is UTF-8. */
static const char *visible(struct call *c, const char *s, char end)
{
	char *out = arena_alloc(c->arena, MANAGER_MAX + 1);
	size_t len = 0;

	for (const char *p = s, *next; out && *p && *p != end; p = next) {
		unsigned code;
		bool whole = (next = next_rune(p, &code)) > p + 1 || code < 0x80;
		const char *from = whole ? p : "\xef\xbf\xbd";
		size_t n = whole ? (size_t)(next - p) : 3;

		if (!printable(code))
			continue;
		if (len + n > MANAGER_MAX)
			break;
		memcpy(out + len, from, n);
		len += n;
	}
	if (out)
		out[len] = '\0';
	return out;
}

static const char *default_manager(struct call *c)
{
	const char *agent = c->http ? http_header(c->http, "user-agent") : NULL, *name;

	if (!agent)
		return c->done ? part_of(c->user.name) : "unknown";
	name = visible(c, agent, '/');
	return name && *name ? name : "unknown";
}

static void check_manager(struct call *c, const char *name, struct field_error **errors)
{
	if (strlen(name) > MANAGER_MAX)
		field_error_add(c->arena, errors, "FieldValueTooLong", "fieldManager",
			"Too long: may not be more than %u bytes", MANAGER_MAX);
	/* Each complaint repeats the whole name: what is too long anyway is not looked at further. */
	for (const char *p = name, *next; *p && p < name + MANAGER_MAX; p = next) {
		BUF_AUTO struct buf b = { 0 };
		unsigned code;

		next = next_rune(p, &code);
		if (printable(code))
			continue;
		buf_add_json(&b, name, strlen(name));
		field_error_add(c->arena, errors, "FieldValueInvalid", "fieldManager",
			"Invalid value: %s: invalid character U+%04X (at position %zu)", b.failed ? "\"\"" : b.p, code,
			(size_t)(p - name));
	}
}

/* All values of dryRun, of the query or of the body's list. */
static void check_dry_run(struct call *c, yyjson_mut_val *list, struct field_error **errors)
{
	BUF_AUTO struct buf b = { 0 };
	yyjson_mut_arr_iter it;
	bool bad = false;

	for (size_t i = 0; i < c->param_count && !list; i++) {
		const char *v = c->params[i].value;

		if (strcmp(c->params[i].key, "dryRun"))
			continue;
		c->dry_run = true;
		bad = bad || strcmp(v, "All");
		buf_adds(&b, b.len ? "," : "");
		buf_add_json(&b, v, strlen(v));
	}
	yyjson_mut_arr_iter_init(list, &it);
	for (yyjson_mut_val *v; (v = yyjson_mut_arr_iter_next(&it));) {
		c->dry_run = true;
		bad = bad || !yyjson_mut_equals_str(v, "All");
		buf_adds(&b, b.len ? "," : "");
		buf_add_json(&b, yyjson_mut_get_str(v), yyjson_mut_get_len(v));
	}
	if (bad)
		field_error_add(c->arena, errors, "FieldValueNotSupported", "dryRun",
			"Unsupported value: [%s]: supported values: \"All\"", b.failed ? "" : b.p);
}

static void check_validation(struct call *c, struct field_error **errors)
{
	const char *v = param(c, "fieldValidation");
	BUF_AUTO struct buf b = { 0 };

	/* Those inside write from the same tables. */
	c->strict = c->done && !v ? KS_IGNORE : KS_WARN;
	if (!v || !*v || !strcmp(v, "Warn"))
		return;
	if (!strcmp(v, "Ignore")) {
		c->strict = KS_IGNORE;
	} else if (!strcmp(v, "Strict")) {
		c->strict = KS_STRICT;
	} else {
		buf_add_json(&b, v, strlen(v));
		field_error_add(c->arena, errors, "FieldValueNotSupported", "fieldValidation",
			"Unsupported value: %s: supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"", b.failed ? "" : b.p);
	}
}

static enum step told(struct call *c, const struct field_error *errors)
{
	return errors ? fail_invalid(c, options_kind(c), "meta.k8s.io", "", errors) : STEP_NEXT;
}

enum step options_write(struct call *c)
{
	const char *manager = param(c, "fieldManager");
	struct field_error *errors = NULL;

	c->manager = manager && *manager ? visible(c, manager, '\0') : default_manager(c);
	if (!c->manager)
		return fail_err(c, -ERR_SIZE, NULL);
	c->force = param_bool(c, "force");
	if (c->verb == VERB_PATCH && c->patch != PATCH_APPLY && param(c, "force"))
		field_error_add(c->arena, &errors, "FieldValueForbidden", "force",
			"Forbidden: may not be specified for non-apply patch");
	if (c->patch == PATCH_APPLY && !(manager && *manager))
		field_error_add(c->arena, &errors, "FieldValueRequired", "fieldManager",
			"Required value: is required for apply patch");
	if (manager)
		check_manager(c, manager, &errors);
	check_dry_run(c, NULL, &errors);
	check_validation(c, &errors);
	return told(c, errors);
}

/* ---- deletion ---- */

static void check_propagation(struct call *c, const char *policy, bool orphans_given, struct field_error **errors)
{
	BUF_AUTO struct buf b = { 0 };

	if (!policy)
		return;
	buf_add_json(&b, policy, strlen(policy));
	if (b.failed)
		return;
	if (orphans_given)
		field_error_add(c->arena, errors, "FieldValueInvalid", "propagationPolicy",
			"Invalid value: %s: orphanDependents and deletionPropagation cannot be both set", b.p);
	if (strcmp(policy, "Foreground") && strcmp(policy, "Background") && strcmp(policy, "Orphan"))
		field_error_add(c->arena, errors, "FieldValueNotSupported", "propagationPolicy",
			"Unsupported value: %s: supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"", b.p);
}

/* Less than nothing is the shortest there is: at once is said with 0. */
static void set_grace(struct call *c, int64_t s)
{
	c->grace_s = s < 0 ? 1 : s;
}

enum step options_delete_of(struct call *c, yyjson_mut_val *opts)
{
	const char *policy = doc_mstr(opts, "propagationPolicy");
	yyjson_mut_val *orphan = doc_mget(opts, "orphanDependents");
	struct field_error *errors = NULL;

	if (doc_mget(opts, "gracePeriodSeconds"))
		set_grace(c, doc_mint(opts, "gracePeriodSeconds", 0));
	c->want_uid = doc_mstr(opts, "preconditions.uid");
	c->want_rv = doc_mstr(opts, "preconditions.resourceVersion");
	check_propagation(c, policy, orphan != NULL, &errors);
	check_dry_run(c, doc_mget(opts, "dryRun"), &errors);
	c->propagation = policy ? policy : orphan ? yyjson_mut_get_bool(orphan) ? "Orphan" : "Background" : NULL;
	return told(c, errors);
}

/* A body, when there is one, is all that counts. */
enum step options_delete(struct call *c)
{
	const char *policy = param(c, "propagationPolicy"), *orphan = param(c, "orphanDependents");
	struct field_error *errors = NULL;
	int64_t grace_s;
	bool bad = false;
	enum step step;

	c->strict = KS_IGNORE;
	if (c->body_len) {
		c->body_type = kinds_type_by_gvk("", "v1", "DeleteOptions");
		step = body_decode(c);
		return step == STEP_NEXT ? options_delete_of(c, c->input) : step;
	}
	if (param_int(c, "gracePeriodSeconds", &grace_s, &bad))
		set_grace(c, grace_s);
	if (bad)
		return fail_bad_request(c, "strconv.ParseInt: parsing \"%s\": invalid syntax", param(c, "gracePeriodSeconds"));
	check_propagation(c, policy, orphan != NULL, &errors);
	check_dry_run(c, NULL, &errors);
	c->propagation = policy ? policy : orphan ? param_bool(c, "orphanDependents") ? "Orphan" : "Background" : NULL;
	return told(c, errors);
}
