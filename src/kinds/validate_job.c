/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of jobs.
 * Source: kubernetes pkg/apis/batch/validation/validation.go.
 */
#include <stdlib.h>

#include "base/text.h"
#include "kinds/normal.h"
#include "kinds/validate.h"

#define INDEXED_PARALLELISM_MAX 100000
#define INDEXED_FAILED_MAX 100000
#define COMPLETIONS_MANY 100000        /* above it other limits are tighter */
#define PARALLELISM_OF_MANY_MAX 10000
#define FAILED_OF_MANY_MAX 10000
#define FAILURE_RULES_MAX 20
#define EXIT_CODES_MAX 255
#define CONDITIONS_MAX 20
#define SUCCESS_RULES_MAX 20
#define INDEXES_MAX_BYTES (64 << 10)
#define MANAGED_BY_MAX 63
#define MANY "when completions are above 100000 and used with backoff limit per index"

/* ---- lists of indexes ---- */

static const char *index_of(struct vcheck *c, const char *s, int64_t completions, int64_t *ret)
{
	char *end;

	*ret = strtoll(s, &end, 10);
	if (end == s || *end)
		return v_text(c, "cannot convert string to integer for index: \"%s\"", s);
	return *ret >= completions ? v_text(c, "too large index: \"%s\"", s) : NULL;
}

/* "3" or "3-5". NULL, or what is wrong. */
static const char *interval(struct vcheck *c, char *s, int64_t completions, int64_t *ret_first, int64_t *ret_last)
{
	char *dash = strchr(s, '-');
	const char *why;

	if (dash && strchr(dash + 1, '-'))
		return v_text(c, "the fragment \"%s\" violates the requirement that an index interval can have at most "
			"two parts separated by '-'", s);
	if (dash)
		*dash = 0;
	if ((why = index_of(c, s, completions, ret_first)))
		return why;
	*ret_last = *ret_first;
	if (dash && (why = index_of(c, dash + 1, completions, ret_last)))
		return why;
	if (dash && *ret_first >= *ret_last)
		return v_text(c, "non-increasing order, previous: %lld, current: %lld", (long long)*ret_first,
			(long long)*ret_last);
	return NULL;
}

int64_t v_indexes(struct vcheck *c, const char *s, int64_t completions, const char **ret_why)
{
	char *copy = arena_strdup(c->a, s), *rest = copy, *part;
	int64_t total = 0, last = -1, first, end;

	if (!copy || !*copy)
		return 0;
	while ((part = strsep(&rest, ","))) {
		if ((*ret_why = interval(c, part, completions, &first, &end)))
			return -1;
		if (total && last >= first) {
			*ret_why = v_text(c, "non-increasing order, previous: %lld, current: %lld", (long long)last,
				(long long)first);
			return -1;
		}
		total += end - first + 1;
		last = end;
	}
	return total;
}

/* The next well-formed interval at *s, which moves on; false: there is none. */
static bool next_interval(const char **s, int64_t completions, int64_t *ret_first, int64_t *ret_last)
{
	while (**s) {
		char *end;
		bool good = **s >= '0' && **s <= '9';

		*ret_first = *ret_last = strtoll(*s, &end, 10);
		if (good && *end == '-' && end[1] >= '0' && end[1] <= '9')
			*ret_last = strtoll(end + 1, &end, 10);
		good &= (*end == ',' || !*end) && *ret_last < completions;
		*s += strcspn(*s, ",");
		*s += **s == ',';
		if (good)
			return true;
	}
	return false;
}

int64_t v_indexes_common(const char *a, const char *b, int64_t completions)
{
	int64_t a1, a2, b1, b2;
	bool more = next_interval(&a, completions, &a1, &a2) && next_interval(&b, completions, &b1, &b2);

	while (more) {
		if (a1 <= b2 && b1 <= a2)
			return a1 > b1 ? a1 : b1;
		more = a1 <= b1 ? next_interval(&a, completions, &a1, &a2) : next_interval(&b, completions, &b1, &b2);
	}
	return -1;
}

/* ---- policies ---- */

static void exit_codes(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, yyjson_mut_val *pod)
{
	yyjson_mut_val *values = v_get(m, "values"), *container = v_get(m, "containerName"), *before = NULL;
	const char *op = v_str(m, "operator");
	bool known = !container, ordered = true;
	static const char *const lists[] = { "containers", "initContainers" };

	if (!*op)
		v_required(c, V_AT(p, "operator"), "valid values: [\"In\" \"NotIn\"]");
	else if (!v_one_of(op, "In|NotIn"))
		v_unsupported(c, V_AT(p, "operator"), op, "In|NotIn");
	for (int i = 0; i < 2 && !known; i++)
		V_EACH(j, one, v_get(pod, lists[i]))
			known |= v_is(one, "name", v_str(m, "containerName"));
	if (!known)
		v_invalid(c, V_AT(p, "containerName"), v_str(m, "containerName"),
			"must be one of the container or initContainer names in the pod template");
	if (!yyjson_mut_arr_size(values))
		v_invalid_list(c, V_AT(p, "values"), values, "at least one value is required");
	else if (yyjson_mut_arr_size(values) > EXIT_CODES_MAX)
		v_too_many(c, V_AT(p, "values"), yyjson_mut_arr_size(values), EXIT_CODES_MAX);
	V_SET seen = { 0 };
	V_EACH(i, value, values) {
		int64_t n = yyjson_mut_get_sint(value);
		const char *text = v_text(c, "%lld", (long long)n);
		if (!strcmp(op, "In") && !n)
			v_invalid_int(c, V_ITEM(V_AT(p, "values"), i), n, "must not be 0 for the In operator");
		if (text && !v_first(&seen, text))
			v_duplicate_raw(c, V_ITEM(V_AT(p, "values"), i), v_text(c, "%lld", (long long)n));
		ordered &= !before || yyjson_mut_get_sint(before) <= n;
		before = value;
	}
	if (!ordered)
		v_invalid_list(c, V_AT(p, "values"), values, "must be ordered");
}

static void pod_conditions(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	if (yyjson_mut_arr_size(list) > CONDITIONS_MAX)
		v_too_many(c, p, yyjson_mut_arr_size(list), CONDITIONS_MAX);
	V_EACH(i, m, list) {
		const struct vpath *at = V_ITEM(p, i);
		v_syntax(c, V_AT(at, "type"), v_str(m, "type"), text_bad_qualified_name);
		if (!*v_str(m, "status"))
			v_required(c, V_AT(at, "status"), "valid values: [\"False\" \"True\" \"Unknown\"]");
		else
			v_enum(c, at, m, "status", "False|True|Unknown", true);
	}
}

static void failure_policy(struct vcheck *c, const struct vpath *p, yyjson_mut_val *rules, yyjson_mut_val *spec)
{
	if (yyjson_mut_arr_size(rules) > FAILURE_RULES_MAX)
		v_too_many(c, p, yyjson_mut_arr_size(rules), FAILURE_RULES_MAX);
	V_EACH(i, rule, rules) {
		const struct vpath *at = V_ITEM(p, i);
		if (i >= FAILURE_RULES_MAX)
			break;    /* each looks through all containers */
		yyjson_mut_val *codes = v_get(rule, "onExitCodes");
		bool conditions = doc_mlen(rule, "onPodConditions");
		const char *action = v_str(rule, "action");
		if (!*action)
			v_required(c, V_AT(at, "action"), "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]");
		else if (!strcmp(action, "FailIndex") && !v_get(spec, "backoffLimitPerIndex"))
			v_invalid(c, V_AT(at, "action"), action, "requires the backoffLimitPerIndex to be set");
		else
			v_enum(c, at, rule, "action", "Count|FailIndex|FailJob|Ignore", true);
		if (codes)
			exit_codes(c, V_AT(at, "onExitCodes"), codes, doc_mget(spec, "template.spec"));
		pod_conditions(c, V_AT(at, "onPodConditions"), v_get(rule, "onPodConditions"));
		if (codes && conditions)
			v_invalid_bare(c, at, "specifying both OnExitCodes and OnPodConditions is not supported");
		if (!codes && !conditions)
			v_invalid_bare(c, at, "specifying one of OnExitCodes and OnPodConditions is required");
	}
}

static void success_rule(struct vcheck *c, const struct vpath *p, yyjson_mut_val *rule, int64_t completions)
{
	yyjson_mut_val *count = v_get(rule, "succeededCount"), *indexes = v_get(rule, "succeededIndexes");
	int64_t n = yyjson_mut_get_sint(count), total = 0;
	const char *why = NULL, *text = v_str(rule, "succeededIndexes");

	if (!count && !indexes)
		v_required(c, p, "at least one of succeededCount or succeededIndexes must be specified");
	if (strlen(text) > INDEXES_MAX_BYTES)
		v_too_long(c, V_AT(p, "succeededIndexes"), INDEXES_MAX_BYTES);
	else if (indexes && (total = v_indexes(c, text, completions, &why)) < 0)
		v_invalid(c, V_AT(p, "succeededIndexes"), text, v_text(c, "error parsing succeededIndexes: %s", why));
	if (!count)
		return;
	v_not_negative(c, p, rule, "succeededCount");
	if (n > completions)
		v_invalid_int(c, V_AT(p, "succeededCount"), n, v_text(c, "must be less than or equal to %lld (the number "
			"of specified completions)", (long long)completions));
	if (indexes && n > (total < 0 ? 0 : total))
		v_invalid_int(c, V_AT(p, "succeededCount"), n, v_text(c, "must be less than or equal to %lld (the number "
			"of indexes in the specified succeededIndexes field)", (long long)(total < 0 ? 0 : total)));
}

static void success_policy(struct vcheck *c, const struct vpath *p, yyjson_mut_val *policy, int64_t completions)
{
	yyjson_mut_val *rules = v_get(policy, "rules");
	const struct vpath *rp = V_AT(p, "rules");

	if (!yyjson_mut_arr_size(rules))
		v_required(c, rp, "at least one rules must be specified when the successPolicy is specified");
	if (yyjson_mut_arr_size(rules) > SUCCESS_RULES_MAX)
		v_too_many(c, rp, yyjson_mut_arr_size(rules), SUCCESS_RULES_MAX);
	V_EACH(i, rule, rules)
		success_rule(c, V_ITEM(rp, i), rule, completions);
}

/* ---- the spec ---- */

static void at_most(struct vcheck *c, const struct vpath *p, yyjson_mut_val *v, int64_t max, const char *when)
{
	if (v && yyjson_mut_get_sint(v) > max)
		v_invalid_int(c, p, yyjson_mut_get_sint(v), v_text(c, "must be less than or equal to %lld%s%s",
			(long long)max, *when ? " " : "", when));
}

static void indexed_limits(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *completions = v_get(spec, "completions"), *wide = v_get(spec, "parallelism");
	yyjson_mut_val *failed = v_get(spec, "maxFailedIndexes");
	const struct vpath *fp = V_AT(p, "maxFailedIndexes");

	if (!completions)
		v_required(c, V_AT(p, "completions"), "when completion mode is Indexed");
	at_most(c, V_AT(p, "parallelism"), wide, INDEXED_PARALLELISM_MAX, "when completion mode is Indexed");
	if (completions && failed && yyjson_mut_get_sint(failed) > yyjson_mut_get_sint(completions))
		v_invalid_value(c, fp, failed, "must be less than or equal to completions");
	at_most(c, fp, failed, INDEXED_FAILED_MAX, "");
	if (yyjson_mut_get_sint(completions) <= COMPLETIONS_MANY || !v_get(spec, "backoffLimitPerIndex"))
		return;
	if (!failed)
		v_required(c, fp, "must be specified when completions is above 100000");
	at_most(c, V_AT(p, "parallelism"), wide, PARALLELISM_OF_MANY_MAX, MANY);
	at_most(c, fp, failed, FAILED_OF_MANY_MAX, MANY);
}

static void restarts(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *restart = v_str(doc_mget(spec, "template.spec"), "restartPolicy");
	const struct vpath *at = V_AT(V_AT(V_AT(p, "template"), "spec"), "restartPolicy");

	if (!*restart || !strcmp(restart, "Always"))
		v_required(c, at, "valid values: \"OnFailure\", \"Never\"");
	else if (!v_one_of(restart, "OnFailure|Never"))
		v_unsupported(c, at, restart, "OnFailure|Never");
	else if (v_get(spec, "podFailurePolicy") && strcmp(restart, "Never"))
		v_invalid(c, at, restart, "only \"Never\" is supported when podFailurePolicy is specified");
}

static void replacement(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *policy = v_str(spec, "podReplacementPolicy");

	if (!v_get(spec, "podReplacementPolicy"))
		return;
	const char *allowed = v_get(spec, "podFailurePolicy") ? "Failed" : "Failed|TerminatingOrFailed";
	if (!v_one_of(policy, allowed))
		v_unsupported(c, V_AT(p, "podReplacementPolicy"), policy, allowed);
}

void v_job_spec(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const counts[] = { "parallelism", "completions", "activeDeadlineSeconds",
		"backoffLimit", "ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes" };
	static const char *const indexed_only[] = { "backoffLimitPerIndex", "maxFailedIndexes" };
	yyjson_mut_val *success = v_get(spec, "successPolicy");
	const char *mode = v_str(spec, "completionMode"), *manager = v_str(spec, "managedBy");
	bool indexed = !strcmp(mode, "Indexed");

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		v_not_negative(c, p, spec, counts[i]);
	if (v_get(spec, "maxFailedIndexes") && !v_get(spec, "backoffLimitPerIndex"))
		v_required(c, V_AT(p, "backoffLimitPerIndex"), "when maxFailedIndexes is specified");
	if (v_get(spec, "managedBy"))
		v_domain_path(c, V_AT(p, "managedBy"), manager);
	if (strlen(manager) > MANAGED_BY_MAX)
		v_too_long(c, V_AT(p, "managedBy"), MANAGED_BY_MAX);
	if (v_get(spec, "completionMode") && !v_one_of(mode, "NonIndexed|Indexed"))
		v_unsupported(c, V_AT(p, "completionMode"), mode, "NonIndexed|Indexed");
	if (indexed)
		indexed_limits(c, p, spec);
	for (int i = 0; i < 2 && (!*mode || !strcmp(mode, "NonIndexed")); i++)
		if (v_get(spec, indexed_only[i]))
			v_invalid_value(c, V_AT(p, indexed_only[i]), v_get(spec, indexed_only[i]),
				"requires indexed completion mode");
	if (v_get(spec, "podFailurePolicy"))
		failure_policy(c, V_AT(V_AT(p, "podFailurePolicy"), "rules"), doc_mget(spec, "podFailurePolicy.rules"), spec);
	if (success && !indexed)
		v_invalid_value(c, V_AT(p, "successPolicy"), success, "requires indexed completion mode");
	else if (success && v_get(spec, "completions"))
		success_policy(c, V_AT(p, "successPolicy"), success, doc_mint(spec, "completions", 0));
	replacement(c, p, spec);
	v_pod_template(c, V_AT(p, "template"), v_get(spec, "template"));
	restarts(c, p, spec);
}

/* What the server generated is there and is this job's. */
static void generated(struct vcheck *c, yyjson_mut_val *spec)
{
	yyjson_mut_val *meta = v_get(c->v, "metadata"), *labels = doc_mget(spec, "template.metadata.labels");
	yyjson_mut_val *selector = v_get(spec, "selector"), *was = doc_mget(c->old, "spec.template.metadata.labels");
	const struct vpath *p = V_AT(V_AT(V_AT(V_AT(NULL, "spec"), "template"), "metadata"), "labels");
	const char *uid = v_str(meta, "uid"), *name = v_str(meta, "name");
	const struct { const char *key, *want; } made[] = {
		{ "controller-uid", uid }, { "job-name", name },
		{ "batch.kubernetes.io/controller-uid", uid }, { "batch.kubernetes.io/job-name", name },
	};
	/* Jobs from before the prefixed labels go on without them. */
	size_t n = !c->old || (v_get(was, made[2].key) && v_get(was, made[3].key)) ? 4 : 2;

	if (doc_mbool(spec, "manualSelector", false) || !selector)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *detail = v_text(c, "must be '%s'", made[i].want);
		if (!v_get(labels, made[i].key))
			v_required(c, V_KEY(p, made[i].key), detail);
		else if (!v_is(labels, made[i].key, made[i].want))
			v_invalid_value(c, V_KEY(p, made[i].key), labels, detail);
	}
	bool only = !doc_mlen(selector, "matchExpressions");
	V_MEMBERS(key, m, v_get(selector, "matchLabels")) {
		bool ours = false;
		for (size_t i = 0; i < n; i++)
			ours |= !strcmp(key, made[i].key) && yyjson_mut_equals_str(m, made[i].want);
		only &= ours;
	}
	if (!only)
		v_invalid_value(c, V_AT(V_AT(NULL, "spec"), "selector"), selector, "`selector` not auto-generated");
}

/* Pods of indexed jobs are named after the job and the index. */
static void indexed_name(struct vcheck *c, yyjson_mut_val *spec)
{
	const char *name = v_str(v_get(c->v, "metadata"), "name");
	int64_t completions = doc_mint(spec, "completions", 0);
	const char *host = v_text(c, "%s-%lld", name, (long long)completions - 1);

	if (v_is(spec, "completionMode", "Indexed") && completions > 0 && host && text_bad_dns1123_label(host))
		v_invalid(c, V_AT(V_AT(NULL, "metadata"), "name"), name,
			v_text(c, "will not able to create pod with invalid DNS label: %s", host));
}

void validate_job(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *selector = v_get(spec, "selector"), *labels = doc_mget(spec, "template.metadata.labels");

	generated(c, spec);
	v_job_spec(c, p, spec);
	int before = c->count;
	if (!selector)
		v_required(c, V_AT(p, "selector"), "");
	v_label_selector(c, V_AT(p, "selector"), selector);
	if (!selector || (c->count == before && !v_selector_matches(c, selector, labels)))
		v_invalid_list(c, V_AT(V_AT(V_AT(p, "template"), "metadata"), "labels"), labels,
			"`selector` does not match template `labels`");
	indexed_name(c, spec);
}
