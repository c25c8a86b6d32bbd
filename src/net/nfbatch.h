/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nfbatch - a transaction of nf_tables, written as netlink messages: what libnftables would
 * send, without its listing all chains and sets of the machine before each change.
 *
 * Thread:  writing: the owner's; nfbatch_send blocks: workers.
 * Errors:  a batch that had no memory says so when it is sent.
 * Tests:   tests/unit/net/test_net_root.c
 * Source:  linux/netfilter/nf_tables.h, nfnetlink.h; net/netfilter/nf_tables_api.c.
 */
#ifndef NET_NFBATCH_H
#define NET_NFBATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct nfbatch { struct buf b; const char *table; uint32_t set_id; uint8_t family; };

/* family: NFPROTO_*, of the table. */
void nfbatch_begin(struct nfbatch *n, const char *table, uint8_t family);
/* All or nothing. Not begun again after that; nfbatch_finish. -ERR_UNAVAILABLE: the kernel has no tables
 * of a family; -ERR_IO, -ERR_SIZE, -ERR_NOMEM. */
int nfbatch_send(struct nfbatch *n, struct err *reterr);
void nfbatch_finish(struct nfbatch *n);

/* One that is not there may be added and deleted again: that way one gets rid of any. */
void nfbatch_table(struct nfbatch *n, bool add);
void nfbatch_chain(struct nfbatch *n, const char *name, bool add);
/* A filter at a hook (NF_INET_*), accepting what its rules leave. */
void nfbatch_hook(struct nfbatch *n, const char *name, uint32_t hook, int32_t priority);
void nfbatch_flush(struct nfbatch *n, const char *chain);

/* key_type: nft's number of the datatype, for who lists the set; verdicts: a map to chains. */
struct nfbatch_set { const char *name; uint32_t key_type, key_len; bool interval, verdicts; };
void nfbatch_set(struct nfbatch *n, const struct nfbatch_set *s);
void nfbatch_set_del(struct nfbatch *n, const char *name);
/* One after the other, for one set: elements between _begin and _end share a message, and must
 * fit it: at most NFBATCH_ELEMS. */
#define NFBATCH_ELEMS 256
struct nfbatch_nest { size_t msg, elems; };
void nfbatch_elems_begin(struct nfbatch *n, struct nfbatch_nest *at, const char *set, bool add);
/* chain: of a map; end: the first key after an interval. */
void nfbatch_elem(struct nfbatch *n, const void *key, uint32_t key_len, const char *chain, bool end);
void nfbatch_elems_end(struct nfbatch *n, const struct nfbatch_nest *at);

void nfbatch_rule_begin(struct nfbatch *n, struct nfbatch_nest *at, const char *chain);
/* Expressions; registers are numbered as NFT_REG32_*, from 0. */
void nfbatch_payload(struct nfbatch *n, unsigned reg, uint32_t base, uint32_t offset, uint32_t len);
void nfbatch_meta(struct nfbatch *n, unsigned reg, uint32_t key);
void nfbatch_ct(struct nfbatch *n, unsigned reg, uint32_t key);
void nfbatch_compare(struct nfbatch *n, unsigned reg, uint32_t op, const void *value, uint32_t len);   /* op: NFT_CMP_* */
void nfbatch_any_bit(struct nfbatch *n, unsigned reg, uint32_t bits);       /* some of them are set */
enum nfbatch_lookup { NFBATCH_IN, NFBATCH_NOT_IN, NFBATCH_VERDICT };
void nfbatch_lookup(struct nfbatch *n, unsigned reg, const char *set, enum nfbatch_lookup how);
void nfbatch_verdict(struct nfbatch *n, int32_t code, const char *chain);   /* NF_*, NFT_*; chain: or NULL */
void nfbatch_rule_end(struct nfbatch *n, const struct nfbatch_nest *at);

#endif
