/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a job's status: what may stand together, and what may follow what. Most of
 * them are asked only when what they are about changed, so that an old status that
 * breaks one can still be written.
 * Source: kubernetes pkg/apis/batch/validation/validation.go (validateJobStatus,
 * ValidateJobStatusUpdate), pkg/registry/batch/job/strategy.go (getStatusValidationOptions).
 */
#include "kinds/validate.h"

/* Conditions that are True, as bits. */
enum { COMPLETE = 1, FAILED = 2, TARGET = 4, MET = 8 };
static const struct { const char *type; unsigned bit; } conditions[] = {
	{ "Complete", COMPLETE }, { "Failed", FAILED }, { "FailureTarget", TARGET }, { "SuccessCriteriaMet", MET },
};

/* Conditions that exclude each other: both, and when a change of either is looked at (0: always). */
static const struct { unsigned both, changed; const char *detail; } exclusive[] = {
	{ COMPLETE | FAILED, COMPLETE | FAILED, "cannot set Complete=True and Failed=true conditions" },
	{ COMPLETE | TARGET, COMPLETE | TARGET, "cannot set Complete=True and FailureTarget=true conditions" },
	{ MET | FAILED, 0, "cannot set SuccessCriteriaMet=True and Failed=true conditions" },
	{ MET | TARGET, 0, "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions" },
};
static const struct { unsigned have, need, changed; const char *detail; } ordered[] = {
	{ FAILED, TARGET, FAILED | TARGET, "cannot set Failed=True condition without the FailureTarget=true condition" },
	{ COMPLETE, MET, COMPLETE | MET,
	  "cannot set Complete=True condition without the SuccessCriteriaMet=true condition" },
};

struct job_status {
	struct vcheck *c;
	const struct vpath *p, *conditions;
	yyjson_mut_val *spec, *now, *was;
	unsigned is, before;
};

static unsigned set_of(yyjson_mut_val *status)
{
	unsigned bits = 0;

	V_EACH(i, m, v_get(status, "conditions"))
		for (size_t n = 0; n < sizeof(conditions) / sizeof(conditions[0]); n++)
			if (v_is(m, "type", conditions[n].type) && v_is(m, "status", "True"))
				bits |= conditions[n].bit;
	return bits;
}

static bool changed(const struct job_status *s, const char *name)
{
	return !v_same(v_get(s->now, name), v_get(s->was, name));
}

static bool finished(unsigned bits)
{
	return bits & (COMPLETE | FAILED);
}

static void counters(const struct job_status *s)
{
	static const char *const names[] = { "active", "succeeded", "failed", "ready", "terminating" };
	static const char *const lists[] = { "succeeded", "failed" };
	yyjson_mut_val *uncounted = v_get(s->now, "uncountedTerminatedPods");
	V_SET seen = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		v_not_negative(s->c, s->p, s->now, names[i]);
	for (int l = 0; l < 2; l++)
		V_EACH(i, m, v_get(uncounted, lists[l])) {
			const struct vpath *at = V_ITEM(V_AT(V_AT(s->p, "uncountedTerminatedPods"), lists[l]), i);
			if (!yyjson_mut_get_len(m))
				v_invalid(s->c, at, "", "must not be empty");
			else if (!v_first(&seen, yyjson_mut_get_str(m)))
				v_duplicate(s->c, at, yyjson_mut_get_str(m));
		}
}

static void together(const struct job_status *s)
{
	unsigned moved = s->is ^ s->before;

	for (size_t i = 0; i < sizeof(exclusive) / sizeof(exclusive[0]); i++)
		if ((s->is & exclusive[i].both) == exclusive[i].both && (!exclusive[i].changed || moved & exclusive[i].changed))
			v_invalid_bare(s->c, s->conditions, exclusive[i].detail);
	for (size_t i = 0; i < sizeof(ordered) / sizeof(ordered[0]); i++)
		if (s->is & ordered[i].have && !(s->is & ordered[i].need) && moved & ordered[i].changed)
			v_invalid_bare(s->c, s->conditions, ordered[i].detail);
	if (v_get(s->spec, "successPolicy") && s->is & COMPLETE && !(s->is & MET))
		v_invalid_bare(s->c, s->conditions,
			"cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True");
}

static void times(const struct job_status *s)
{
	yyjson_mut_val *end = v_get(s->now, "completionTime"), *start = v_get(s->now, "startTime");
	yyjson_mut_val *old_end = v_get(s->was, "completionTime"), *old_start = v_get(s->was, "startTime");
	bool moved = changed(s, "completionTime"), complete_moved = (s->is ^ s->before) & COMPLETE;
	const struct vpath *ep = V_AT(s->p, "completionTime"), *bp = V_AT(s->p, "startTime");

	if (end && !(s->is & COMPLETE) && (complete_moved || moved))
		v_invalid_value(s->c, ep, end, "cannot set completionTime when there is no Complete=True condition");
	if (!end && s->is & COMPLETE && (complete_moved || moved))
		v_required(s->c, ep, "completionTime is required for Complete jobs");
	/* Times are in one form, so that their texts order as they do. */
	if (start && end && strcmp(yyjson_mut_get_str(end), yyjson_mut_get_str(start)) < 0 &&
	    (moved || changed(s, "startTime")))
		v_invalid_value(s->c, ep, end, "must be equal to or after `startTime`");
	if (!start && finished(s->is) && (finished(s->is) != finished(s->before) || changed(s, "startTime")))
		v_required(s->c, bp, "startTime is required for finished job");
	if (end && old_end && moved)
		v_invalid_value(s->c, ep, end, V_IMMUTABLE);
	if (old_start && changed(s, "startTime") && !doc_mbool(s->spec, "suspend", false))
		v_required(s->c, bp, "startTime cannot be removed for unsuspended job");
}

static void pods(const struct job_status *s)
{
	static const char *const gone[] = { "active", "terminating" };
	yyjson_mut_val *uncounted = v_get(s->now, "uncountedTerminatedPods");
	bool turned = finished(s->is) != finished(s->before);
	int64_t ready = doc_mint(s->now, "ready", 0);

	for (int i = 0; i < 2; i++) {
		int64_t n = doc_mint(s->now, gone[i], 0);
		if (n > 0 && finished(s->is) && (turned || changed(s, gone[i])))
			v_invalid_int(s->c, V_AT(s->p, gone[i]), n, v_text(s->c, "%s>0 is invalid for finished job", gone[i]));
	}
	if (finished(s->is) && doc_mlen(uncounted, "failed") + doc_mlen(uncounted, "succeeded") &&
	    (turned || changed(s, "uncountedTerminatedPods")))
		v_invalid_value(s->c, V_AT(s->p, "uncountedTerminatedPods"), uncounted, "must be empty for finished job");
	if (v_get(s->now, "ready") && ready > doc_mint(s->now, "active", 0) && (changed(s, "ready") || changed(s, "active")))
		v_invalid_int(s->c, V_AT(s->p, "ready"), ready, "cannot set more ready pods than active");
}

static void indexes(const struct job_status *s)
{
	const char *done = v_str(s->now, "completedIndexes"), *failed = v_str(s->now, "failedIndexes"), *why = NULL;
	bool done_moved = changed(s, "completedIndexes"), failed_moved = changed(s, "failedIndexes");
	bool limited = v_get(s->spec, "backoffLimitPerIndex") != NULL, has_failed = v_get(s->now, "failedIndexes") != NULL;
	int64_t completions = doc_mint(s->spec, "completions", -1), both;
	const struct vpath *dp = V_AT(s->p, "completedIndexes"), *fp = V_AT(s->p, "failedIndexes");

	if (done_moved && completions >= 0 && v_indexes(s->c, done, completions, &why) < 0)
		v_invalid(s->c, dp, done, v_text(s->c, "error parsing completedIndexes: %s", why));
	if (failed_moved && completions >= 0 && limited && v_indexes(s->c, failed, completions, &why) < 0)
		v_invalid(s->c, fp, failed, v_text(s->c, "error parsing failedIndexes: %s", why));
	if (done_moved && *done && !v_is(s->spec, "completionMode", "Indexed"))
		v_invalid(s->c, dp, done, "cannot set non-empty completedIndexes when non-indexed completion mode");
	if (failed_moved && has_failed && !limited)
		v_invalid(s->c, fp, failed, "cannot set non-null failedIndexes when backoffLimitPerIndex is null");
	if ((done_moved || failed_moved) && completions >= 0 && (both = v_indexes_common(done, failed, completions)) >= 0)
		v_invalid(s->c, fp, failed, v_text(s->c, "failedIndexes and completedIndexes overlap at index: %lld",
			(long long)both));
}

static void no_way_back(const struct job_status *s)
{
	static const struct { unsigned bit; const char *detail; } last[] = {
		{ FAILED, "cannot disable the terminal Failed=True condition" },
		{ COMPLETE, "cannot disable the terminal Complete=True condition" },
		{ TARGET, "cannot disable the terminal FailureTarget=True condition" },
		{ MET, "cannot disable the SuccessCriteriaMet=True condition" },
	};
	yyjson_mut_val *all = v_get(s->spec, "completions"), *wide = v_get(s->spec, "parallelism");
	bool elastic = v_is(s->spec, "completionMode", "Indexed") && all && wide && doc_mequal(all, wide);

	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++)
		if (s->before & last[i].bit && !(s->is & last[i].bit))
			v_invalid_bare(s->c, s->conditions, last[i].detail);
	if (doc_mint(s->now, "failed", 0) < doc_mint(s->was, "failed", 0))
		v_invalid_int(s->c, V_AT(s->p, "failed"), doc_mint(s->now, "failed", 0), "cannot decrease the failed counter");
	if (!elastic && doc_mint(s->now, "succeeded", 0) < doc_mint(s->was, "succeeded", 0))
		v_invalid_int(s->c, V_AT(s->p, "succeeded"), doc_mint(s->now, "succeeded", 0),
			"cannot decrease the succeeded counter");
	if (s->before & COMPLETE && !(s->before & MET) && s->is & MET)
		v_invalid_bare(s->c, s->conditions,
			"cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions");
}

void validate_job_status(struct vcheck *c, const struct vpath *spec_path, yyjson_mut_val *spec)
{
	const struct vpath *p = V_AT(NULL, "status");
	struct job_status s = { .c = c, .p = p, .conditions = V_AT(p, "conditions"), .spec = spec,
		.now = v_get(c->v, "status"), .was = v_get(c->old, "status") };

	s.is = set_of(s.now);
	s.before = set_of(s.was);
	counters(&s);
	together(&s);
	times(&s);
	pods(&s);
	indexes(&s);
	no_way_back(&s);
}
