/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pod_security - the Pod Security Standards: what a pod may ask for at the levels baseline
 * and restricted, by version of the policy, in upstream's words.
 * Source: k8s.io/pod-security-admission policy/check_*.go (checks, reasons, details),
 * policy/registry.go (order: baseline's checks by name, then restricted's, which replace
 * some of those).
 * Tests: tests/unit/api/test_pod_security.c
 */
#ifndef API_POD_SECURITY_H
#define API_POD_SECURITY_H

#include <stdbool.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/buf.h"

enum security_level { SECURITY_PRIVILEGED, SECURITY_BASELINE, SECURITY_RESTRICTED };
#define SECURITY_LATEST 1000000   /* of security_policy.minor */
struct security_policy { enum security_level level; int minor; };   /* v1.<minor> */

extern const char *const security_levels[];    /* names by level */

/* What the pod (its metadata and spec) does that the policy forbids, appended: `reason
 * (detail), reason (detail)`, or the reasons alone. True: nothing. Without memory out is
 * failed and the answer false. */
bool pod_security_check(struct arena *a, const struct security_policy *p, yyjson_val *meta, yyjson_val *spec,
	bool details, struct buf *out);

#endif
