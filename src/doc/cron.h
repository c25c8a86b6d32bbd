/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cron - schedules: five fields of lists, ranges and steps, or a descriptor.
 *
 * Thread:  any.   Knows: nothing.
 * Source:  github.com/robfig/cron/v3 parser.go (ParseStandard), whose errors clients see.
 * Tests:   tests/unit/doc/test_cron.c
 */
#ifndef DOC_CRON_H
#define DOC_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct cron {
	uint64_t minutes, hours, days, months, weekdays;   /* bit n: the value n; weekday 0 is Sunday */
	bool any_day, any_weekday;     /* given as "*": then the other one alone decides */
	int64_t every_ns;              /* "@every": a distance instead of the fields, else 0 */
};

/* 0 or -ERR_BAD_REQUEST with upstream's words in reterr. */
int cron_parse(const char *s, struct cron *ret, struct err *reterr);

#endif
