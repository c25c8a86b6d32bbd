/* SPDX-License-Identifier: Apache-2.0 */
/* role_node_death - the flags of `sampan server` about silent nodes. */
#include <stdlib.h>

#include "base/text.h"
#include "cli/options.h"
#include "control/control.h"
#include "roles_priv.h"

#define GRACE_MIN_MS 1000          /* agents' Leases move every ten seconds; tests lower that */

static int duration(const char *flag, const char *s, int64_t *ret_ms, struct err *reterr)
{
	int64_t ns;

	if (text_parse_duration(s, &ns) || ns < GRACE_MIN_MS * 1000000LL)
		return err_set(reterr, ERR_BAD_REQUEST, "--%s %s is not a duration of at least 1s, like 40s", flag, s);
	*ret_ms = ns / 1000000;
	return 0;
}

static int number(const char *flag, const char *s, double max, double *ret, struct err *reterr)
{
	char *end;

	*ret = strtod(s, &end);
	if (!*s || *end || !(*ret >= 0 && *ret <= max))
		return err_set(reterr, ERR_BAD_REQUEST, "--%s %s is not a number from 0 to %g", flag, s, max);
	return 0;
}

int role_node_death(const struct node_death_flags *f, struct control_node_death *ret, struct err *reterr)
{
	double large = 0;
	int rc;

	if ((rc = duration("node-monitor-grace-period", f->grace, &ret->grace_ms, reterr)) ||
	    (rc = duration("node-startup-grace-period", f->startup_grace, &ret->startup_grace_ms, reterr)) ||
	    (rc = number("node-eviction-rate", f->rate, 1000, &ret->evictions_s, reterr)) ||
	    (rc = number("secondary-node-eviction-rate", f->secondary_rate, 1000, &ret->secondary_evictions_s, reterr)) ||
	    (rc = number("large-cluster-size-threshold", f->large, 1e9, &large, reterr)) ||
	    (rc = number("unhealthy-zone-threshold", f->unhealthy, 1, &ret->unhealthy_share, reterr)))
		return rc;
	ret->large_zone = (unsigned)large;
	return 0;
}
