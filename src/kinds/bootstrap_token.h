/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootstrap_token - how the token of a machine that joins is written: "ID.SECRET", six and
 * sixteen small letters and digits.
 * Source: kubernetes cluster-bootstrap token/util (BootstrapTokenPattern).
 */
#ifndef KINDS_BOOTSTRAP_TOKEN_H
#define KINDS_BOOTSTRAP_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#define TOKEN_ID_LEN     6
#define TOKEN_SECRET_LEN 16

/* Are the first n bytes of s such letters? s may be shorter: then not. */
bool bootstrap_token_letters(const char *s, size_t n);
bool bootstrap_token_form(const char *token);

#endif
