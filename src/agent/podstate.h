/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podstate - what a pod needs next: a pure function of what is wished, what is seen and
 * the time.
 *
 *   container: NONE --start--> BUSY --> RUNNING --> EXITED --start, after its back-off--> BUSY
 *   pod:       sandbox -> init containers one by one -> main containers -> (all done) ->
 *              sidecars stopped in reverse order -> torn down [-> finished, when deleted]
 *
 * Invariants: no main container starts before the init containers are through; a sidecar
 * outlives the main containers; nothing starts in a pod that is deleted or has failed.
 * Source: kubelet kuberuntime_manager computePodActions, KEP-753 (sidecars), getPhase.
 * Tests: tests/unit/agent/test_podstate.c
 */
#ifndef AGENT_PODSTATE_H
#define AGENT_PODSTATE_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_FIRST_MS   10000
#define BACKOFF_MAX_MS     300000
#define BACKOFF_RESET_MS   600000      /* ran this long: the next crash is the first */

enum ctr_kind { CTR_INIT, CTR_SIDECAR, CTR_MAIN, CTR_EPHEMERAL };
enum ctr_state { CTR_NONE, CTR_BUSY, CTR_RUNNING, CTR_EXITED };
enum restart_policy { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };
enum pod_phase { PHASE_PENDING, PHASE_RUNNING, PHASE_SUCCEEDED, PHASE_FAILED };

struct podstate_ctr {
	enum ctr_kind kind;
	enum ctr_state state;
	int exit_code;
	bool started;                  /* RUNNING and its startup probe has passed */
	bool stopping;                 /* a stop is under way */
	bool unhealthy;                /* a liveness or startup probe gave up on it */
	bool had_exit;                 /* an earlier instance ended */
	bool start_failed;             /* NONE or EXITED: the last try did not get it running */
	int64_t retry_at_ms;           /* not before (back-off); 0: at once */
};

struct podstate_in {
	enum restart_policy restart;
	bool deleting;                 /* metadata.deletionTimestamp, or gone from the API */
	bool failed;                   /* refused, evicted or over its deadline: for good */
	bool sandbox_ready, sandbox_busy, torn_down, finishing;
	bool initialized;              /* the init containers were through before */
	int64_t now_ms, deadline_at_ms;/* activeDeadlineSeconds; 0: none */
	const struct podstate_ctr *c;  /* init and sidecars in order, then main, then ephemeral */
	unsigned count;
};

enum pod_action { POD_SANDBOX, POD_START, POD_STOP, POD_TEARDOWN, POD_FINISH, POD_EXPIRE };
#define POD_ACTIONS_MAX 256
struct podstate_out {
	struct { enum pod_action what; unsigned index; } actions[POD_ACTIONS_MAX];
	unsigned action_count;
	int64_t wake_at_ms;            /* look again then; 0: only when something changes */
	bool initialized;
	bool done;                     /* all containers have ended for good */
	enum pod_phase phase;
};

void podstate_next(const struct podstate_in *in, struct podstate_out *out);
/* The back-off before the start after next: 0 -> 10 s -> 20 s ... 5 min; ran_ms: how long it lived. */
int64_t podstate_backoff(int64_t last_ms, int64_t ran_ms);
/* Will a container of this kind that ended so be started again? */
bool podstate_restarts(enum restart_policy p, enum ctr_kind kind, int exit_code);

#endif
