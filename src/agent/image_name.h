/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_name - references to images and what manifests say, as values. Pure.
 *
 * Source:  OCI distribution-spec 1.1 (names, tags), image-spec 1.1 (manifest, index,
 *          config), Docker's image manifest version 2, schema 2.
 * Tests:   tests/unit/agent/test_image.c
 */
#ifndef AGENT_IMAGE_NAME_H
#define AGENT_IMAGE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

#include "base/buf.h"
#include "base/err.h"

#define IMAGE_DIGEST_MAX   72             /* "sha256:", 64 digits, NUL */
#define IMAGE_MANIFEST_MAX (4u << 20)
#define IMAGE_CONFIG_MAX   (8u << 20)

struct image_name {
	char host[256];                   /* "docker.io", "localhost:5000" */
	char repo[256];                   /* "library/nginx" */
	char tag[129];                    /* "" with a digest */
	char digest[IMAGE_DIGEST_MAX];    /* "" without */
};
int image_name_parse(struct image_name *ret, const char *ref, struct err *reterr);
/* "docker.io/library/nginx:latest" */
void image_name_print(struct buf *out, const struct image_name *n);
bool image_digest_ok(const char *s);      /* "sha256:" and 64 lower-case hex digits */
/* 127.0.0.0/8, ::1 or localhost, with or without a port. */
bool image_host_is_loopback(const char *host);
/* Does a credential for `registry` (a host, maybe with scheme and path) fit this image? */
bool image_auth_fits(const char *registry, const struct image_name *n);

struct manifest_layer { char digest[IMAGE_DIGEST_MAX]; uint64_t size_bytes; };
struct manifest {
	bool is_index;
	char config[IMAGE_DIGEST_MAX]; uint64_t config_size_bytes;
	struct manifest_layer *layers; unsigned layer_count;
	char chosen[IMAGE_DIGEST_MAX];    /* of an index: the manifest for arch */
};
/* layers_max bounds what is accepted; -ERR_INVALID with words, -ERR_SIZE. */
int manifest_parse(struct manifest *ret, const char *json, size_t len, const char *arch, unsigned layers_max,
	struct err *reterr);
void manifest_finish(struct manifest *m);
const char *image_machine_arch(void);     /* "amd64" */

/* The layers' digests unpacked, and each one's name here: of itself and all below it. */
struct image_layers { char (*diff_ids)[IMAGE_DIGEST_MAX], (*chain_ids)[IMAGE_DIGEST_MAX]; unsigned count; };
int image_layers_parse(struct image_layers *ret, const char *config, size_t len, const char *arch,
	unsigned layers_max, struct err *reterr);
void image_layers_finish(struct image_layers *l);

#endif
