/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of what makes pods: apps and batch.
 * Source: kubernetes pkg/apis/{apps,batch}/validation/validation.go.
 */
#include "base/text.h"
#include "kinds/normal.h"
#include "kinds/validate.h"

static void mismatch(struct vcheck *c, const struct vpath *p, yyjson_mut_val *labels)
{
	v_invalid_value(c, V_AT(V_AT(V_AT(p, "template"), "metadata"), "labels"), labels,
		"`selector` does not match template `labels`");
}

/* Selector and template of apps: the one selects the other. kind: as messages name it. */
static void selects(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, const char *kind)
{
	yyjson_mut_val *selector = v_get(spec, "selector"), *tmpl = v_get(spec, "template");
	yyjson_mut_val *labels = doc_mget(tmpl, "metadata.labels");

	if (!selector) {
		v_required(c, V_AT(p, "selector"), "");
	} else {
		int before = c->count;
		v_label_selector(c, V_AT(p, "selector"), selector);
		if (v_selector_empty(selector))
			v_invalid_value(c, V_AT(p, "selector"), selector,
				v_text(c, "empty selector is invalid for %s", kind));
		else if (c->count == before && !v_selector_matches(c, selector, labels))
			mismatch(c, p, labels);
	}
}

static void always_restarts(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *pod = doc_mget(spec, "template.spec");
	const struct vpath *at = V_AT(V_AT(p, "template"), "spec");

	if (*v_str(pod, "restartPolicy") && !v_is(pod, "restartPolicy", "Always"))
		v_unsupported(c, V_AT(at, "restartPolicy"), v_str(pod, "restartPolicy"), "Always");
	if (v_get(pod, "activeDeadlineSeconds"))
		v_forbidden(c, V_AT(at, "activeDeadlineSeconds"),
			"activeDeadlineSeconds in ReplicaSet is not Supported");
}

static void pods_of(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	if (!v_get(spec, "template"))
		v_required(c, V_AT(p, "template"), "");
	else
		v_pod_template(c, V_AT(p, "template"), v_get(spec, "template"));
	always_restarts(c, p, spec);
}

/* The value of a count or of a percentage of it: 0 when it is nothing. */
static bool is_zero(yyjson_mut_val *v)
{
	return !v || (yyjson_mut_is_str(v) ? v_percent(v) == 0 : yyjson_mut_get_sint(v) == 0);
}

static void at_most_all(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name)
{
	if (v_percent(v_get(obj, name)) > 100)
		v_invalid_value(c, V_AT(p, name), v_get(obj, name), "must not be greater than 100%");
}

static void rolling(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	v_count_or_percent(c, p, m, "maxUnavailable");
	v_count_or_percent(c, p, m, "maxSurge");
	if (is_zero(v_get(m, "maxUnavailable")) && is_zero(v_get(m, "maxSurge")))
		v_invalid_value(c, V_AT(p, "maxUnavailable"), v_get(m, "maxUnavailable"),
			"may not be 0 when `maxSurge` is 0");
	at_most_all(c, p, m, "maxUnavailable");
}

void validate_deployment(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *strategy = v_get(spec, "strategy"), *update = v_get(strategy, "rollingUpdate");
	const struct vpath *sp = V_AT(p, "strategy");
	yyjson_mut_val *deadline = v_get(spec, "progressDeadlineSeconds");

	v_not_negative(c, p, spec, "replicas");
	selects(c, p, spec, "deployment");
	pods_of(c, p, spec);
	v_enum(c, sp, strategy, "type", "Recreate|RollingUpdate", true);
	if (v_is(strategy, "type", "Recreate") && update)
		v_forbidden(c, V_AT(sp, "rollingUpdate"),
			"may not be specified when strategy `type` is 'Recreate'");
	else if (v_is(strategy, "type", "RollingUpdate") && !update)
		v_required(c, V_AT(sp, "rollingUpdate"),
			"this should be defaulted and never be nil");
	else if (v_is(strategy, "type", "RollingUpdate"))
		rolling(c, V_AT(sp, "rollingUpdate"), update);
	v_not_negative(c, p, spec, "minReadySeconds");
	v_not_negative(c, p, spec, "revisionHistoryLimit");
	v_not_negative(c, p, spec, "progressDeadlineSeconds");
	if (deadline && yyjson_mut_get_sint(deadline) >= 0 &&
	    yyjson_mut_get_sint(deadline) <= doc_mint(spec, "minReadySeconds", 0))
		v_invalid_value(c, V_AT(p, "progressDeadlineSeconds"), deadline,
			"must be greater than minReadySeconds");
}

void validate_replica_set(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	v_not_negative(c, p, spec, "replicas");
	v_not_negative(c, p, spec, "minReadySeconds");
	selects(c, p, spec, "deployment");
	pods_of(c, p, spec);
}

void validate_daemon_set(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *strategy = v_get(spec, "updateStrategy"), *update = v_get(strategy, "rollingUpdate");
	const struct vpath *sp = V_AT(p, "updateStrategy"), *up = V_AT(sp, "rollingUpdate");

	selects(c, p, spec, "daemonset");
	pods_of(c, p, spec);
	v_not_negative(c, p, spec, "minReadySeconds");
	v_not_negative(c, p, spec, "revisionHistoryLimit");
	v_enum(c, sp, strategy, "type", "RollingUpdate|OnDelete", true);
	if (!v_is(strategy, "type", "RollingUpdate"))
		return;
	if (!update) {
		v_required(c, up, "");
		return;
	}
	v_count_or_percent(c, up, update, "maxUnavailable");
	v_count_or_percent(c, up, update, "maxSurge");
	bool surge = !is_zero(v_get(update, "maxSurge")), unavailable = !is_zero(v_get(update, "maxUnavailable"));
	if (surge && unavailable)
		v_invalid_value(c, V_AT(up, "maxSurge"), v_get(update, "maxSurge"),
			"may not be set when maxUnavailable is non-zero");
	else if (!surge && !unavailable)
		v_required(c, V_AT(up, "maxUnavailable"), "cannot be 0 when maxSurge is 0");
	at_most_all(c, up, update, "maxUnavailable");
	at_most_all(c, up, update, "maxSurge");
}

void validate_stateful_set(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *strategy = v_get(spec, "updateStrategy"), *keep = v_get(spec,
		"persistentVolumeClaimRetentionPolicy");
	const struct vpath *sp = V_AT(p, "updateStrategy"), *kp = V_AT(p, "persistentVolumeClaimRetentionPolicy");
	const char *policy = v_str(spec, "podManagementPolicy");

	if (!*policy)
		v_required(c, V_AT(p, "podManagementPolicy"), "");
	else if (!v_one_of(policy, "OrderedReady|Parallel"))
		v_invalid(c, V_AT(p, "podManagementPolicy"), policy, "must be 'OrderedReady' or 'Parallel'");
	if (!*v_str(strategy, "type"))
		v_required(c, sp, "");
	else if (v_is(strategy, "type", "OnDelete") && v_get(strategy, "rollingUpdate"))
		v_invalid_value(c, V_AT(sp, "rollingUpdate"), v_get(strategy, "rollingUpdate"),
			"only allowed for updateStrategy 'RollingUpdate'");
	else if (v_is(strategy, "type", "RollingUpdate"))
		v_not_negative(c, V_AT(sp, "rollingUpdate"), v_get(strategy, "rollingUpdate"), "partition");
	else if (!v_is(strategy, "type", "OnDelete"))
		v_invalid_value(c, sp, strategy, "must be 'RollingUpdate' or 'OnDelete'");
	if (keep) {
		v_enum(c, kp, keep, "whenDeleted", "Delete|Retain", true);
		v_enum(c, kp, keep, "whenScaled", "Delete|Retain", true);
	}
	v_not_negative(c, p, spec, "replicas");
	v_not_negative(c, p, spec, "minReadySeconds");
	v_not_negative(c, p, spec, "revisionHistoryLimit");
	v_not_negative(c, V_AT(p, "ordinals"), v_get(spec, "ordinals"), "start");
	if (*v_str(spec, "serviceName"))
		v_syntax(c, V_AT(p, "serviceName"), v_str(spec, "serviceName"), text_bad_dns1123_subdomain);
	selects(c, p, spec, "statefulset");
	pods_of(c, p, spec);
}

void validate_controller_revision(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	int64_t revision = doc_mint(c->v, "revision", 0);

	if (!v_get(c->v, "data") && !c->old)
		v_required(c, V_AT(NULL, "data"), "data is mandatory");
	if (revision < 0)
		v_invalid_int(c, V_AT(NULL, "revision"), revision, "must be greater than or equal to 0");
}

static void failure_policy(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, yyjson_mut_val *spec)
{
	V_EACH(i, rule, v_get(m, "rules")) {
		const struct vpath *at = V_ITEM(V_AT(p, "rules"), i);
		yyjson_mut_val *codes = v_get(rule, "onExitCodes");
		bool conditions = doc_mlen(rule, "onPodConditions");
		v_enum(c, at, rule, "action", "Count|FailIndex|FailJob|Ignore", true);
		if (codes && conditions)
			v_invalid_value(c, at, NULL, "specifying both OnExitCodes and OnPodConditions is not supported");
		if (!codes && !conditions)
			v_invalid_value(c, at, NULL, "specifying one of OnExitCodes and OnPodConditions is required");
		if (codes) {
			v_enum(c, V_AT(at, "onExitCodes"), codes, "operator", "In|NotIn", true);
			if (!doc_mlen(codes, "values"))
				v_invalid_raw(c, V_AT(V_AT(at, "onExitCodes"), "values"), "[]",
					"at least one value is required");
		}
	}
	if (!v_is(doc_mget(spec, "template.spec"), "restartPolicy", "Never"))
		v_invalid(c, V_AT(V_AT(V_AT(p->up, "template"), "spec"), "restartPolicy"),
			v_str(doc_mget(spec, "template.spec"), "restartPolicy"),
			"only \"Never\" is supported when podFailurePolicy is specified");
}

static void job_spec(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const counts[] = { "parallelism", "completions", "activeDeadlineSeconds",
		"backoffLimit", "ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes" };
	yyjson_mut_val *pod = doc_mget(spec, "template.spec");
	const char *restart = v_str(pod, "restartPolicy");
	const struct vpath *rp = V_AT(V_AT(V_AT(p, "template"), "spec"), "restartPolicy");
	bool indexed = v_is(spec, "completionMode", "Indexed");

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		v_not_negative(c, p, spec, counts[i]);
	v_enum(c, p, spec, "completionMode", "Indexed|NonIndexed", false);
	if (indexed && !v_get(spec, "completions"))
		v_required(c, V_AT(p, "completions"), "when completion mode is Indexed");
	if (!indexed && v_get(spec, "backoffLimitPerIndex"))
		v_invalid_value(c, V_AT(p, "backoffLimitPerIndex"), v_get(spec, "backoffLimitPerIndex"),
			"requires indexed completion mode");
	if (v_get(spec, "maxFailedIndexes") && !v_get(spec, "backoffLimitPerIndex"))
		v_required(c, V_AT(p, "backoffLimitPerIndex"), "when maxFailedIndexes is specified");
	if (v_get(spec, "podFailurePolicy"))
		failure_policy(c, V_AT(p, "podFailurePolicy"), v_get(spec, "podFailurePolicy"), spec);
	v_enum(c, p, spec, "podReplacementPolicy", "Failed|TerminatingOrFailed", false);
	v_pod_template(c, V_AT(p, "template"), v_get(spec, "template"));
	if (!strcmp(restart, "Always"))
		v_required(c, rp, "valid values: \"OnFailure\", \"Never\"");
}

void validate_job(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *selector = v_get(spec, "selector"), *labels = doc_mget(spec, "template.metadata.labels");

	if (c->sub && !strcmp(c->sub, "status"))
		return;
	if (!selector) {
		v_required(c, V_AT(p, "selector"), "");
	} else {
		int before = c->count;
		v_label_selector(c, V_AT(p, "selector"), selector);
		if (c->count == before && !v_selector_matches(c, selector, labels))
			mismatch(c, p, labels);
	}
	job_spec(c, p, spec);
}

#define SCHEDULE_CHARS "0123456789*/,-?LWABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#"

/* Only the shape: the controller that follows schedules reads the fields. */
static const char *bad_schedule(struct vcheck *c, const char *s)
{
	size_t fields = 0;

	if (*s == '@')
		return v_one_of(s, "@yearly|@annually|@monthly|@weekly|@daily|@midnight|@hourly") ||
			!strncmp(s, "@every ", 7) ? NULL : v_text(c, "unrecognized descriptor: %s", s);
	for (const char *p = s; *p;) {
		p += strspn(p, " \t");
		size_t n = strcspn(p, " \t");
		if (!n)
			break;
		if (strspn(p, SCHEDULE_CHARS) < n)
			return v_text(c, "failed to parse int from %.*s", (int)n, p);
		fields++;
		p += n;
	}
	return fields == 5 ? NULL : v_text(c, "expected exactly 5 fields, found %zu: [%s]", fields, s);
}

void validate_cron_job(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *schedule = v_str(spec, "schedule"), *name = v_str(v_get(c->v, "metadata"), "name"), *why;
	const struct vpath *jp = V_AT(V_AT(p, "jobTemplate"), "spec");
	yyjson_mut_val *zone = v_get(spec, "timeZone");

	if (!c->old && strlen(name) > 52)
		v_invalid(c, V_AT(V_AT(NULL, "metadata"), "name"), name, "must be no more than 52 characters");
	if (!*schedule)
		v_required(c, V_AT(p, "schedule"), "");
	else if (strstr(schedule, "TZ"))
		v_invalid(c, V_AT(p, "schedule"), schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone "
			"field instead");
	else if ((why = bad_schedule(c, schedule)))
		v_invalid(c, V_AT(p, "schedule"), schedule, why);
	v_not_negative(c, p, spec, "startingDeadlineSeconds");
	v_enum(c, p, spec, "concurrencyPolicy", "Allow|Forbid|Replace", true);
	v_not_negative(c, p, spec, "successfulJobsHistoryLimit");
	v_not_negative(c, p, spec, "failedJobsHistoryLimit");
	if (zone && !*v_str(spec, "timeZone"))
		v_invalid(c, V_AT(p, "timeZone"), "", "timeZone must be nil or non-empty string");
	yyjson_mut_val *job = doc_mget(spec, "jobTemplate.spec");
	if (doc_mbool(job, "manualSelector", false))
		v_unsupported(c, V_AT(jp, "manualSelector"), "true", "nil|false");
	if (v_get(job, "selector"))
		v_invalid_value(c, V_AT(jp, "selector"), v_get(job, "selector"),
			"`selector` will be auto-generated");
	job_spec(c, jp, job);
}
