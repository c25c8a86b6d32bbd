/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_lease - keys that end by themselves. Those that are written within a while of each other share a lease,
 * which is so much longer: etcd has a few of them an hour to look after, and each ends with a bounded number of
 * keys. What is written again is bound to a newer one, and what becomes of this program is of no matter.
 *
 * Source: apiserver pkg/storage/etcd3/lease_manager.go.
 */
#include "base/env.h"
#include "store/etcd_priv.h"

enum {
	SHARE = 20,                    /* of the time that keys are kept this part, */
	SHARE_MAX_S = 60,              /* or so much, is the while that a lease takes keys */
	KEYS_MAX = 1000,
	GRANT_MS = 10000, ATTEMPT_MS = 1500,
};

static unsigned share_s(unsigned keep_s)
{
	unsigned n = keep_s / SHARE;

	return n > SHARE_MAX_S ? SHARE_MAX_S : n ? n : 1;
}

static struct etcd_lease *find(struct etcd *s, unsigned keep_s)
{
	for (size_t i = 0; i < ETCD_LEASES; i++)
		if (s->leases.v[i].keep_s == keep_s)
			return &s->leases.v[i];
	return NULL;
}

static void granted(struct etcd_call *c, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(c, struct etcd, leases.call);
	unsigned keep_s = s->leases.asked_s;
	struct etcd_lease *l = find(s, keep_s);
	struct etcd_lease_granted g;
	int rc = a->rc < 0 ? a->rc : etcd_read(s, &etcd_lease_granted_msg, a->p, a->n, &g);

	if (rc == 0) {
		if (!l)
			l = &s->leases.v[s->leases.next++ % ETCD_LEASES];
		*l = (struct etcd_lease){ keep_s, 0, g.id, s->leases.asked_ms + share_s(keep_s) * 1000 };
	}
	etcd_writes_leased(s, keep_s, rc, a->message);
}

/* Its time counts from here, for etcd's begins later. Of several lengths one at a time: who waits for another asks again. */
static void ask(struct etcd *s, unsigned keep_s)
{
	const struct etcd_lease_grant m = { keep_s + share_s(keep_s) };

	if (s->leases.call.client)
		return;
	s->leases.asked_s = keep_s;
	s->leases.asked_ms = env_now_ms();
	s->leases.call.ask_again = true;
	s->leases.call.attempt_ms = ATTEMPT_MS;
	s->leases.call.done = granted;
	(void)!etcd_call(s->client, &s->leases.call, "/etcdserverpb.Lease/LeaseGrant", &etcd_lease_grant_msg, &m, GRANT_MS);
}

int64_t etcd_lease_take(struct etcd *s, unsigned keep_s)
{
	struct etcd_lease *l = find(s, keep_s);

	if (l && l->keys < KEYS_MAX && env_now_ms() < l->until_ms) {
		l->keys++;
		return l->id;
	}
	ask(s, keep_s);
	return 0;
}

void etcd_lease_drop(struct etcd *s, unsigned keep_s)
{
	struct etcd_lease *l = find(s, keep_s);

	if (l)
		l->keep_s = 0;
}

void etcd_leases_finish(struct etcd *s) { etcd_call_cancel(&s->leases.call); }
