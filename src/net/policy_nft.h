/* SPDX-License-Identifier: Apache-2.0 */
/* policy_nft - a sink of policy_plan: its chains and sets as a transaction of nf_tables. */
#ifndef NET_POLICY_NFT_H
#define NET_POLICY_NFT_H

#include "net/nfbatch.h"
#include "net/policy_plan.h"

struct policy_nft {
	struct nfbatch batch;
	const struct policy_set *set;  /* whose elements are being written */
	bool add;
	unsigned count;
	struct nfbatch_nest nest;
	bool any;                      /* something is in it */
};
void policy_nft_begin(struct policy_nft *n, const char *table);
struct policy_sink policy_nft_sink(struct policy_nft *n);
void policy_nft_end(struct policy_nft *n);     /* before the batch is sent */
/* Away with the table; make: anew, and empty. */
void policy_nft_table(struct nfbatch *b, bool make);

#endif
