/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc_priv - cluster IPs (alloc_address.c), for alloc.c: the ranges that they come from,
 * and how many hold each. Loop thread. ip: any spelling of an address.
 */
#ifndef API_ALLOC_PRIV_H
#define API_ALLOC_PRIV_H

#include "api/call.h"

struct addresses;

int addresses_open(struct addresses **ret, struct api *a, struct err *reterr);
void addresses_close(struct addresses *ad);
int addresses_family(const struct addresses *ad);              /* 4 or 6 */
/* One holder more (by 1) or less (by -1); of addresses of either family, in a range or not. */
void addresses_count(struct addresses *ad, const char *ip, int by);
/* Does a range that is ready have it? */
bool addresses_known(const struct addresses *ad, const char *ip);
bool addresses_taken(const struct addresses *ad, const char *ip);
/* A free one of any range that is ready. False: there is none. */
bool addresses_pick(const struct addresses *ad, char out[46]);
/* The nth of the configured range. */
void addresses_nth(const struct addresses *ad, unsigned nth, char out[46]);
/* The ranges that are ready, with commas. */
void addresses_ranges(const struct addresses *ad, struct buf *out);

#endif
