/* SPDX-License-Identifier: Apache-2.0 */
/* ctrspec - a container of a pod as the runtime wants it. Tests: tests/unit/agent/test_ctrspec.c */
#ifndef AGENT_CTRSPEC_H
#define AGENT_CTRSPEC_H

#include "agent/agent_priv.h"

#define CTRSPEC_MOUNTS_MAX 256
#define CTRSPEC_GROUPS_MAX 64

struct ctrspec {
	struct runtime_spec spec;      /* points into what follows */
	struct strv args, env, caps, sysctls, keep;
	struct runtime_mount mounts[CTRSPEC_MOUNTS_MAX];
	uint32_t groups[CTRSPEC_GROUPS_MAX];
	char hostname[64];
};

/* 0; -ERR_AGAIN: something referenced is not known yet; else what makes it impossible. */
int ctrspec_build(struct ctrspec *cs, struct ctr *c, const char *rootfs, const struct image_config *ic, struct err *reterr);
void ctrspec_finish(struct ctrspec *cs);

/* Default capabilities with the container's adds and drops; all of them when privileged. */
int ctrspec_caps(struct strv *out, yyjson_val *ctr);
/* "SIGTERM", "TERM" or "15"; SIGTERM when it is none. */
int ctrspec_signal(const char *name);
/* NULL, or why this sysctl is not allowed in a pod. */
const char *ctrspec_bad_sysctl(yyjson_val *pod, const char *name);

#endif
