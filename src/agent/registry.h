/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry - GETs of manifests and blobs from image registries: which address, plain
 * or TLS, tokens.
 *
 * Thread:  loop thread; libcurl's multi interface on the loop.
 * Promise: credentials go only to the registry they are for (and the token server it
 *          names), over plain HTTP only where that is allowed for the registry.
 * Source:  OCI distribution-spec 1.1; Docker's token authentication; RFC 7235.
 * Tests:   tests/unit/agent/test_registry.c
 */
#ifndef AGENT_REGISTRY_H
#define AGENT_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/image_name.h"

struct loop;
struct registry;
struct registry_get;

struct registry_config {
	const char *insecure;              /* comma separated hosts, or NULL */
	const char *mirror;                /* "host:port" asked first for docker.io, or NULL */
	const char *ca_file;
};
int registry_open(struct registry **ret, struct loop *l, const struct registry_config *cfg, struct err *reterr);
void registry_close(struct registry *r);   /* no get may be under way */

struct registry_request {                  /* copied */
	const struct image_name *name;
	const char *digest;                /* what to get, or NULL: the manifest of the name's tag */
	bool manifest;                     /* of digest: the manifest, not the blob */
	const char *username, *password;   /* or NULL */
	uint64_t offset;                   /* of a blob: continue here */
	/* Bytes of a good answer (begins at offset; 0: the server would not continue). Returns 0 to go on,
	 * 1 to be called again with the same bytes after registry_resume, -1 to stop. */
	int (*data)(void *arg, uint64_t at, const void *p, size_t n);
	/* rc: 0; -ERR_UNAUTHORIZED, -ERR_NOT_FOUND, -ERR_UNAVAILABLE (worth another try), -ERR_INVALID,
	 * -ERR_CANCELED (data said -1). Runs once. digest: as the server says, or "". */
	void (*done)(void *arg, int rc, const char *digest, const char *message);
	void *arg;
};
int registry_get(struct registry_get **ret, struct registry *r, const struct registry_request *q);
void registry_resume(struct registry_get *g);
void registry_cancel(struct registry_get *g);   /* done will not run; accepts NULL */

/* One challenge of a WWW-Authenticate header; pure. */
struct registry_challenge { char scheme[16], realm[1024], service[256], scope[512]; };
bool registry_parse_challenge(const char *header, struct registry_challenge *ret);

#endif
