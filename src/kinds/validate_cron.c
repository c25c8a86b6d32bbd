/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of what makes jobs on a schedule.
 * Source: kubernetes pkg/apis/batch/validation/validation.go.
 */
#include <stdlib.h>
#include <strings.h>

#include "doc/cron.h"
#include "kinds/validate.h"

#define CRON_NAME_MAX 52    /* a time is added for each job's name */
#define ZONE_PART_MAX 14

static int zone_order(const void *name, const void *zone)
{
	return strcmp(name, *(const char *const *)zone);
}

static void time_zone(struct vcheck *c, const struct vpath *p, const char *zone)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-_0123456789+";

	if (!*zone) {
		v_invalid(c, p, zone, "timeZone must be nil or non-empty string");
		return;
	}
	for (const char *s = zone, *end; s; s = *end ? end + 1 : NULL) {
		size_t n = strcspn(s, "/");
		end = s + n;
		if (!n || n > ZONE_PART_MAX || *s == '-' || strspn(s, chars) < n || (n == 1 && *s == '.') ||
		    (n == 2 && !strncmp(s, "..", 2))) {
			v_invalid(c, p, zone, v_text(c, "unknown time zone %s", zone));
			return;
		}
	}
	if (!strcasecmp(zone, "Local"))
		v_invalid(c, p, zone,
			"timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
	else if (!bsearch(zone, v_zones, v_zone_count, sizeof(v_zones[0]), zone_order))
		v_invalid(c, p, zone, v_text(c, "unknown time zone %s", zone));
}

static void schedule(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, yyjson_mut_val *was)
{
	const char *s = v_str(spec, "schedule");
	bool tz_before = strstr(v_str(was, "schedule"), "TZ") != NULL;
	struct cron parsed;
	struct err e;

	if (!*s) {
		v_required(c, p, "");
		return;
	}
	if (cron_parse(s, &parsed, &e))
		v_invalid(c, p, s, v_text(c, "%s", e.msg));
	if (!strstr(s, "TZ"))
		return;
	if (!tz_before)
		v_invalid(c, p, s, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
	else if (v_get(spec, "timeZone"))
		v_invalid(c, p, s, "cannot use both timeZone field and TZ or CRON_TZ in schedule");
}

void validate_cron_job(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *name = v_str(v_get(c->v, "metadata"), "name");
	const struct vpath *jp = V_AT(V_AT(p, "jobTemplate"), "spec");
	yyjson_mut_val *was = v_get(c->old, "spec"), *zone = v_get(spec, "timeZone"), *job = doc_mget(spec, "jobTemplate.spec");

	schedule(c, V_AT(p, "schedule"), spec, was);
	v_not_negative(c, p, spec, "startingDeadlineSeconds");
	if (zone && !(c->old && v_same(zone, v_get(was, "timeZone"))))
		time_zone(c, V_AT(p, "timeZone"), yyjson_mut_get_str(zone));
	if (!*v_str(spec, "concurrencyPolicy"))
		v_required(c, V_AT(p, "concurrencyPolicy"), "");
	else
		v_enum(c, p, spec, "concurrencyPolicy", "Allow|Forbid|Replace", true);
	v_job_spec(c, jp, job);
	if (v_get(job, "selector"))
		v_invalid_value(c, V_AT(jp, "selector"), v_get(job, "selector"), "`selector` will be auto-generated");
	if (doc_mbool(job, "manualSelector", false))
		v_unsupported_raw(c, V_AT(jp, "manualSelector"), "true", "nil|false");
	v_not_negative(c, p, spec, "successfulJobsHistoryLimit");
	v_not_negative(c, p, spec, "failedJobsHistoryLimit");
	if (!c->old && strlen(name) > CRON_NAME_MAX)
		v_invalid(c, V_AT(V_AT(NULL, "metadata"), "name"), name, "must be no more than 52 characters");
}
