/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows - one fixture, and tables of (request, status, what the answer must hold) run
 * against it in their order. A body that begins with {' has ' for " all through; as names
 * who asks, the administrator when it is NULL.
 */
#ifndef TESTS_UNIT_API_ROWS_H
#define TESTS_UNIT_API_ROWS_H

#include "fixture.h"

static struct fixture f;

struct step_row {
	const char *name, *method, *path, *query, *type, *body;
	int status;
	const char *has[4], *lacks, *as;
};

#define JSON NULL
#define MERGE "application/merge-patch+json"
#define STRATEGIC "application/strategic-merge-patch+json"
#define JSONPATCH "application/json-patch+json"
#define APPLY "application/apply-patch+yaml"
#define CM "/api/v1/namespaces/default/configmaps"
#define PODS "/api/v1/namespaces/default/pods"
#define DEPLOYS "/apis/apps/v1/namespaces/default/deployments"
#define SVCS "/api/v1/namespaces/default/services"

static inline void run(const struct step_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct step_row *r = &rows[i];
		const char *const groups[] = { "system:authenticated", r->as && !strncmp(r->as, "system:node:", 12)
			? "system:nodes" : NULL, NULL };
		const struct user user = { .name = r->as, .groups = groups };
		char *body = r->body ? strdup(r->body) : NULL;
		int status;

		for (char *c = body && !strncmp(body, "{'", 2) ? body : NULL; c && *c; c++)
			*c = *c == '\'' ? '"' : *c;
		status = r->as ? fixture_call_as(&f, &user, r->method, r->path, r->query, r->type, body)
			: fixture_call(&f, r->method, r->path, r->query, r->type, body);
		free(body);

		if (status != r->status)
			fail_msg("%s: %d, not %d: %s", r->name, status, r->status, f.body.p);
		for (size_t j = 0; j < 4 && r->has[j]; j++)
			if (!strstr(f.body.p, r->has[j]))
				fail_msg("%s: lacks %s: %s", r->name, r->has[j], f.body.p);
		if (r->lacks && strstr(f.body.p, r->lacks))
			fail_msg("%s: holds %s: %s", r->name, r->lacks, f.body.p);
	}
}
#define RUN(rows) run(rows, sizeof(rows) / sizeof(rows[0]))

#endif
