/* SPDX-License-Identifier: Apache-2.0 */
/* bootstrap_priv - what bootstrap.c and its parts share. */
#ifndef API_BOOTSTRAP_PRIV_H
#define API_BOOTSTRAP_PRIV_H

#include "api/call.h"

struct bootstrap {
	struct api *api;
	void (*done)(void *arg, int rc);
	void *arg;
	size_t waiting;                /* writes under way */
	int wave, rc;
	bool refused;                  /* something that a start can do without was */
	struct loop_task task;
};

/* A write of this wave ended. */
void bootstrap_one_done(struct bootstrap *b, int rc);
/* A call of this wave. A conflict is as good: somebody else was faster. */
int bootstrap_call(struct bootstrap *b, const char *method, const char *path, const char *json);
/* The same for what the cloud serves without: a failure is logged, and tried again later. */
int bootstrap_try(struct bootstrap *b, const char *method, const char *path, const char *json);

/* A call that creates it, when it is missing. */
int bootstrap_create(struct bootstrap *b, const struct kinds_kind *k, const char *ns, const char *name,
	const char *json);

/* What describes the API (bootstrap_objects.c). */
int bootstrap_objects(struct bootstrap *b);

/* Roles and bindings: those that are missing are made, the others get what they lack.
 * Asked again in the next wave, for what had to be removed first. */
int bootstrap_rbac(struct bootstrap *b);

#endif
