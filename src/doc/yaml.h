/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - YAML documents read as JSON (libyaml), with the scalar rules that
 * Kubernetes' tools have: YAML 1.1 booleans, numbers, null; keys are strings; "<<" merges.
 *
 * Limits: DOC_DEPTH_MAX levels, 200 anchors, YAML_NODES_MAX nodes after aliases are expanded, and
 * what is inside of many brackets (32 million: values times the brackets around them).
 * Source: sigs.k8s.io/yaml goyaml.v2 (decode.go) for merges and repeated keys.
 * Tests: tests/unit/doc/test_yaml.c
 */
#ifndef DOC_YAML_H
#define DOC_YAML_H

#include "doc/doc.h"

#define YAML_NODES_MAX 1000000u
#define YAML_REPEATS_MAX 100u   /* repeated keys that are noted of one document */

/* The first document of p; *ret is NULL for an empty one. d's arena caps the size.
 * -ERR_BAD_REQUEST with line and column, -ERR_SIZE. Of equal keys the last counts. */
int yaml_parse(yyjson_mut_doc *d, const char *p, size_t n, yyjson_mut_val **ret, struct err *reterr);
/* The same, and a line in repeated for each key that came before in its mapping:
 * `line 5: key "x" already set in map`. */
int yaml_parse_noting(yyjson_mut_doc *d, const char *p, size_t n, yyjson_mut_val **ret, struct buf *repeated,
	struct err *reterr);
/* True when s written bare would not read back as this string. */
bool yaml_needs_quotes(const char *s);

#endif
