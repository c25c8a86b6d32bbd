/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc_priv - cluster IPs (alloc_address.c), for alloc.c: the ranges that they come from,
 * and how many hold each; and which families a Service has (alloc_family.c).
 * Loop thread. ip: any spelling of an address. family: 4 or 6.
 */
#ifndef API_ALLOC_PRIV_H
#define API_ALLOC_PRIV_H

#include "api/call.h"

struct addresses;

int addresses_open(struct addresses **ret, struct api *a, struct err *reterr);
void addresses_close(struct addresses *ad);
/* The cloud's families, the primary one first: 1 or 2 of them, then 0. */
unsigned addresses_families(const struct addresses *ad, int ret[2]);
/* One holder more (by 1) or less (by -1); of addresses of either family, in a range or not. */
void addresses_count(struct addresses *ad, const char *ip, int by);
/* Does a range that is ready have it? */
bool addresses_known(const struct addresses *ad, const char *ip);
bool addresses_taken(const struct addresses *ad, const char *ip);
/* A free one of any range of the family that is ready. False: there is none. */
bool addresses_pick(const struct addresses *ad, int family, char out[46]);
/* The nth of the configured range that is the primary one. */
void addresses_nth(const struct addresses *ad, unsigned nth, char out[46]);
/* The ranges of the family that are ready, with commas. */
void addresses_ranges(const struct addresses *ad, int family, struct buf *out);

/*
 * What a Service that is written says of families (ipFamilyPolicy, ipFamilies, clusterIPs), completed for a
 * cloud of `have` (as addresses_families gives them); old: what it was, or NULL. The refusals in *ret_errors.
 * 0 or -ERR_SIZE.
 */
int service_families(yyjson_mut_doc *d, struct arena *a, const struct kinds_kind *k, yyjson_mut_val *service,
	yyjson_mut_val *old, const int have[2], struct field_error **ret_errors);
/* A list of strings as JSON, for people. */
const char *addresses_list(struct arena *a, yyjson_mut_val *list);
/* As addresses_families. */
unsigned alloc_configured(const struct api *a, int ret[2]);

#endif
