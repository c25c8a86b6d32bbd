/* SPDX-License-Identifier: Apache-2.0 */
/* policy_priv - policy_plan's parts as its own files see them. */
#ifndef NET_POLICY_PRIV_H
#define NET_POLICY_PRIV_H

#include "base/buf.h"
#include "net/policy_plan.h"

/* One block: first measured (p NULL), then written, by the same walk. */
struct policy_room { char *p; size_t used; };

struct policy_labels { const char *text; unsigned count; };    /* "key\0value\0" each */

struct policy_ns {
	char *name;
	bool known;                    /* its labels are; else no selector of namespaces matches it */
	char *block;                   /* labels' memory */
	struct policy_labels labels;
	struct list pods;              /* local ones first */
	struct list policies;          /* struct policy_owner, by id */
	struct policy_peers **peers; unsigned peer_count, peer_cap;   /* that may choose pods of it */
};

struct policy_address { int family; uint8_t ip[16]; };
struct policy_podport { const char *name; uint8_t proto; uint16_t port; };
struct policy_member {                 /* a pod, in one block with what it points to */
	struct policy_ns *ns;
	struct list in_ns;
	const char *key;               /* "ns/name" */
	bool local;
	char link[16];
	unsigned ip_count, port_count;
	struct policy_address ips[POLICY_IPS_MAX];
	struct policy_labels labels;
	struct policy_podport *ports;
	struct policy_chain *profiles[2][2];   /* by direction and family, while it is local */
	size_t size;                   /* of the block */
};

/* A peer's pods, or all pods that have a port of a name. */
struct policy_peers {
	char *key;
	struct policy_ns *ns;          /* the one it is about; NULL: those that namespaces matches, or by port */
	struct policy_selector *pods, *namespaces;     /* pods NULL: all */
	bool named;
	struct policy_set *sets[2];
	struct list wide;
};

struct policy_owner {                  /* a policy */
	struct policy_ns *ns;
	struct list in_ns;
	uint32_t id;
	struct policy_told *told;
	struct policy_chain *chains[2][2];
};

/* ---- policy_copy.c ---- */
void *policy_take(struct policy_room *r, size_t n);            /* aligned; NULL while measuring */
const char *policy_text(struct policy_room *r, const char *s);
struct policy_told *policy_told_copy(const struct policy_told *t);
struct policy_selector *policy_selector_copy(const struct policy_selector *s);
void policy_labels_copy(struct policy_room *r, struct policy_labels *to, const struct policy_label *from, unsigned count);
/* The same text for the same selector. */
void policy_selector_key(struct buf *out, const struct policy_selector *s);
bool policy_selector_match(const struct policy_selector *s, const struct policy_labels *l);

/* ---- policy_members.c ---- */
struct policy_ns *policy_ns_get(struct policy_plan *p, const char *name);      /* made when missing */
void policy_ns_release(struct policy_plan *p, struct policy_ns *ns);           /* freed when nobody needs it */
/* The set of a peer's pods, filled; of: the policy's namespace. NULL: out of memory. */
struct policy_set *policy_peer_set(struct policy_plan *p, struct policy_ns *of, const struct policy_peer *peer, int family);
struct policy_set *policy_named_set(struct policy_plan *p, const char *name, uint8_t proto, int family);
void policy_peers_drop(struct policy_plan *p, struct policy_set *s);           /* its set s goes */

/* ---- policy_sets.c ---- */
struct policy_set *policy_set_new(struct policy_plan *p, enum policy_set_kind kind, int family);
void policy_set_free(struct policy_set *s);
/* One more (or less) that wants this element; to: of a map. */
void policy_elem_add(struct policy_plan *p, struct policy_set *s, const char *text, struct policy_chain *to);
void policy_elem_del(struct policy_plan *p, struct policy_set *s, const char *text);
void policy_set_dirty(struct policy_plan *p, struct policy_set *s);
void policy_ip_text(char out[POLICY_ELEM_MAX], const struct policy_address *a);
/* Ranges of numbers of width bytes. */
struct policy_range { uint8_t lo[16], hi[16]; };
/* To the number after (by 1) or before (-1); false: there is none. */
bool policy_number_step(uint8_t *number, unsigned width, int by);
unsigned policy_ranges_merge(struct policy_range *v, unsigned n, unsigned width);
/* v of one set, shared by what is in it. NULL: out of memory. */
struct policy_set *policy_range_set(struct policy_plan *p, enum policy_set_kind kind, int family,
	const struct policy_range *v, unsigned n, unsigned width);
uint8_t policy_proto(const char *s);                           /* 0: none of ours */

/* ---- policy_rules.c ---- */
void policy_chain_dirty(struct policy_plan *p, struct policy_chain *c);
void policy_chain_unref(struct policy_plan *p, struct policy_chain *c);        /* accepts NULL */
void policy_rules_drop(struct policy_plan *p, struct policy_match *rules, unsigned count);
/* Which policies select it now: its elements follow. */
void policy_select(struct policy_plan *p, struct policy_member *m);
void policy_unselect(struct policy_plan *p, struct policy_member *m);
void policy_chain_free(struct policy_plan *p, struct policy_chain *c);

#endif
