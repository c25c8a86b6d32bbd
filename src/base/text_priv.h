/* SPDX-License-Identifier: Apache-2.0 */
/* text_priv - for siblings in base only. */
#ifndef BASE_TEXT_PRIV_H
#define BASE_TEXT_PRIV_H

#include <stddef.h>

/* Bytes of the UTF-8 character at s, 0 when it is malformed (overlong forms,
 * surrogates and values over U+10FFFF included). n > 0. */
size_t utf8_len(const char *s, size_t n);

#endif
