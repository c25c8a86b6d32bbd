/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern - regular expressions of schemas, in Go's syntax, in time linear in
 * the text: all ways through the expression are followed at once, none is
 * tried again.
 *
 * Not known: Unicode classes (\p), names of groups mean nothing, no captures.
 * Source: Go regexp/syntax (syntax, limits).
 * Tests: tests/unit/kinds/test_pattern.c
 */
#ifndef KINDS_PATTERN_H
#define KINDS_PATTERN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

#define PATTERN_STEPS_MAX 4096   /* of a compiled expression */
#define PATTERN_REPEAT_MAX 1000

struct pattern;

/* Compiled into the arena. -ERR_BAD_REQUEST with the reason, -ERR_SIZE. */
int pattern_compile(struct arena *a, const char *source, struct pattern **ret, struct err *reterr);
/* Whether the expression matches anywhere in the n bytes at s (UTF-8). */
bool pattern_match(const struct pattern *p, const char *s, size_t n);

#endif
