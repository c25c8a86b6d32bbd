/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quantity - Kubernetes' numbers with suffixes: exact, canonical on output.
 *
 * Held as a 128-bit count of nano units; above that range the parse saturates
 * as upstream's does. Anything finer than nano rounds up.
 * Source: apimachinery pkg/api/resource/quantity.go (doc comment).
 * Tests: tests/unit/doc/test_quantity.c
 */
#ifndef DOC_QUANTITY_H
#define DOC_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum quantity_format { QUANTITY_DECIMAL_SI, QUANTITY_BINARY_SI, QUANTITY_DECIMAL_EXPONENT };
struct quantity { __int128 nano; enum quantity_format format; };

#define QUANTITY_MAX 64
/* 0 or -ERR_BAD_REQUEST */
int quantity_parse(const char *s, size_t n, struct quantity *ret);
void quantity_print(char out[QUANTITY_MAX], const struct quantity *q);
int quantity_cmp(const struct quantity *a, const struct quantity *b);
void quantity_add(struct quantity *a, const struct quantity *b);   /* keeps a's format unless a is 0 */
void quantity_sub(struct quantity *a, const struct quantity *b);
bool quantity_is_most(const struct quantity *q);     /* a sum that stopped at the largest there is */
void quantity_ceil_milli(struct quantity *q);
int64_t quantity_value(const struct quantity *q);    /* units, rounded up, saturating */
int64_t quantity_milli(const struct quantity *q);    /* 1/1000 units, rounded up, saturating */

#endif
