/* SPDX-License-Identifier: Apache-2.0 */
/* plan_priv - how the files of plan put items together. */
#ifndef NET_PLAN_PRIV_H
#define NET_PLAN_PRIV_H

#include "net/plan.h"

/* Copies; running out of memory is kept in p->failed. */
void plan_add(struct plan *p, enum plan_kind kind, int family, const char *name, const char *key, const char *body);
/* Sorted, each item once: the first of several wins. 0 or, p finished, -ERR_NOMEM. */
int plan_seal(struct plan *p);

/* "tcp", "udp" or "sctp"; NULL: none of those. Empty is TCP. */
const char *plan_proto(const char *s);
/* The address as we print it; false when it is not of the family. */
bool plan_ip(char out[IP_TEXT], int family, const char *s);

#endif
