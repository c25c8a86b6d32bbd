/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd_fence - this program's session: a key that each of its writes is bound to. Writing it anew makes sure
 * that no older write is still under way.
 *
 *   [lease ->] put --> stands
 *      | no space          ^
 *      +--> delete --------+  its absence is the fence: only deletions go, which need no space
 *
 * Where its absence is the fence already, nothing can be changed about it any more. Then a deletion whose answer was lost
 * may still be done after its writer was told that nobody knows, but only of that revision of its key.
 *
 * Source: etcd server/etcdserver/apply (applierV3Capped: with the alarm NOSPACE puts and leases are refused).
 */
#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "store/etcd_priv.h"

enum {
	FENCE_MS = 10000,
	ATTEMPT_MS = 1500,             /* no answer: what if its leader died with it? */
	SESSION_S = 3600,              /* after this the session's key is made again */
};

static void failed(struct etcd *s, int rc, const char *message)
{
	s->fence.busy = false;
	s->fence.lease = 0;
	etcd_writes_refuse(s, rc, message);
}

static void call(struct etcd *s, void (*done)(struct etcd_call *c, const struct etcd_answer *a), const char *path,
	const struct pb_msg *m, const void *msg)
{
	s->fence.call.done = done;
	if (etcd_call(s->client, &s->fence.call, path, m, msg, FENCE_MS) < 0)
		failed(s, -ERR_NOMEM, "out of memory");
}

static void stands(struct etcd *s, int64_t rev, int64_t at_rev)
{
	s->fence.busy = false;
	s->fence.rev = rev;
	s->fence.at_rev = at_rev;
	etcd_writes_fenced(s);
}

/* ---- without space ---- */

static void removed(struct etcd_call *c, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(c, struct etcd, fence.call);
	struct etcd_deleted d;
	int rc = a->rc < 0 ? a->rc : etcd_read(s, &etcd_deleted_msg, a->p, a->n, &d);

	if (rc < 0 || !d.header) {
		failed(s, rc < 0 ? rc : -ERR_CORRUPT, a->message);
		return;
	}
	/* Its deletion comes by; where it was not there, nothing may. */
	if (!d.deleted && s->f.on)
		etcd_sync_want(s, d.header->revision);
	stands(s, ETCD_FENCE_NONE, d.header->revision);
}

static void remove_session(struct etcd *s)
{
	const struct etcd_delete m = { pb_str(s->fence.session_key, strlen(s->fence.session_key)) };

	s->fence.lease = 0;
	call(s, removed, "/etcdserverpb.KV/DeleteRange", &etcd_delete_msg, &m);
}

/* ---- with space ---- */

static void written(struct etcd_call *c, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(c, struct etcd, fence.call);
	struct etcd_done d;
	int rc;

	if (a->rc == -ERR_NOT_FOUND) {         /* the lease ended meanwhile */
		s->fence.busy = false;
		s->fence.lease = 0;
		etcd_fence(s);
		return;
	}
	if (a->rc == -ERR_FULL) {
		remove_session(s);
		return;
	}
	rc = a->rc < 0 ? a->rc : etcd_read(s, &etcd_done_msg, a->p, a->n, &d);
	if (rc < 0 || !d.header)
		failed(s, rc < 0 ? rc : -ERR_CORRUPT, a->message);
	else
		stands(s, d.header->revision, d.header->revision);
}

static void write_session(struct etcd *s)
{
	const struct etcd_put m = { pb_str(s->fence.session_key, strlen(s->fence.session_key)), pb_str("\n", 1), s->fence.lease };

	call(s, written, "/etcdserverpb.KV/Put", &etcd_put_msg, &m);
}

static void granted(struct etcd_call *c, const struct etcd_answer *a)
{
	struct etcd *s = list_entry(c, struct etcd, fence.call);
	struct etcd_lease_granted g;
	int rc = a->rc < 0 ? a->rc : etcd_read(s, &etcd_lease_granted_msg, a->p, a->n, &g);

	if (rc == -ERR_FULL) {
		remove_session(s);
	} else if (rc < 0) {
		failed(s, rc, a->message);
	} else {
		s->fence.lease = g.id;
		write_session(s);
	}
}

void etcd_fence(struct etcd *s)
{
	const struct etcd_lease_grant grant = { SESSION_S };

	if (s->fence.rev || s->fence.busy)
		return;
	s->fence.busy = true;
	s->fence.call.ask_again = true;
	s->fence.call.attempt_ms = ATTEMPT_MS;
	if (s->fence.lease)
		write_session(s);
	else
		call(s, granted, "/etcdserverpb.Lease/LeaseGrant", &etcd_lease_grant_msg, &grant);
}

/* ---- beginning and end ---- */

void etcd_fence_init(struct etcd *s)
{
	char name[32];
	uint64_t id;

	env_random(&id, sizeof(id));
	snprintf(s->fence.session, sizeof(s->fence.session), "%016llx", (unsigned long long)id);
	snprintf(name, sizeof(name), "!s/%s", s->fence.session);
	etcd_key(s, s->fence.session_key, name);
	snprintf(name, sizeof(name), "!d/%s", s->fence.session);
	etcd_key(s, s->fence.deleted_key, name);
}

void etcd_fence_finish(struct etcd *s) { etcd_call_cancel(&s->fence.call); }
