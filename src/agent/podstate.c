/* SPDX-License-Identifier: Apache-2.0 */
/* podstate - see podstate.h. */
#include "agent/podstate.h"

#include <stddef.h>
#include <string.h>

bool podstate_restarts(enum restart_policy p, enum ctr_kind kind, int exit_code)
{
	switch (kind) {
	case CTR_SIDECAR:
		return true;
	case CTR_EPHEMERAL:
		return false;
	case CTR_INIT:
		return exit_code && p != RESTART_NEVER;
	case CTR_MAIN:
		return p == RESTART_ALWAYS || (p == RESTART_ON_FAILURE && exit_code);
	}
	return false;
}

int64_t podstate_backoff(int64_t last_ms, int64_t ran_ms)
{
	if (ran_ms >= BACKOFF_RESET_MS || last_ms < 0)
		return 0;
	if (!last_ms)
		return BACKOFF_FIRST_MS;
	return last_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : last_ms * 2;
}

static void act(struct podstate_out *out, enum pod_action what, unsigned i)
{
	if (out->action_count == POD_ACTIONS_MAX)
		return;
	out->actions[out->action_count].what = what;
	out->actions[out->action_count++].index = i;
}

static void wake(struct podstate_out *out, int64_t at_ms)
{
	if (!out->wake_at_ms || at_ms < out->wake_at_ms)
		out->wake_at_ms = at_ms;
}

static void start(const struct podstate_in *in, struct podstate_out *out, unsigned i)
{
	if (in->c[i].retry_at_ms > in->now_ms)
		wake(out, in->c[i].retry_at_ms);
	else
		act(out, POD_START, i);
}

static void stop(const struct podstate_in *in, struct podstate_out *out, unsigned i)
{
	if (in->c[i].state == CTR_RUNNING && !in->c[i].stopping)
		act(out, POD_STOP, i);
}

static bool alive(const struct podstate_ctr *c)
{
	return c->state == CTR_RUNNING || c->state == CTR_BUSY;
}

/* Mains first, then sidecars, the last one first. True when nothing is alive. */
static bool stop_all(const struct podstate_in *in, struct podstate_out *out)
{
	bool others = false;

	for (unsigned i = 0; i < in->count; i++)
		if (in->c[i].kind != CTR_SIDECAR && alive(&in->c[i])) {
			others = true;
			stop(in, out, i);
		}
	if (others)
		return false;
	for (unsigned i = in->count; i-- > 0;)
		if (in->c[i].kind == CTR_SIDECAR && alive(&in->c[i])) {
			stop(in, out, i);
			return false;
		}
	return true;
}

/* True when the init containers are through; *ret_failed: one failed for good. */
static bool run_init(const struct podstate_in *in, struct podstate_out *out, bool *ret_failed)
{
	for (unsigned i = 0; i < in->count; i++) {
		const struct podstate_ctr *c = &in->c[i];

		if (c->kind == CTR_MAIN || c->kind == CTR_EPHEMERAL)
			break;
		if (c->state == CTR_BUSY)
			return false;
		if (c->state == CTR_NONE) {
			start(in, out, i);
			return false;
		}
		if (c->state == CTR_EXITED) {
			if (c->kind == CTR_INIT && !c->exit_code)
				continue;
			if (!podstate_restarts(in->restart, c->kind, c->exit_code)) {
				*ret_failed = true;
				return false;
			}
			start(in, out, i);
			return false;
		}
		if (c->kind == CTR_INIT || !c->started)
			return false;
	}
	return true;
}

static enum pod_phase phase_of(const struct podstate_in *in, const struct podstate_out *out, bool init_failed)
{
	unsigned running = 0, waiting = 0, stopped = 0, succeeded = 0;

	if (in->failed || init_failed)
		return PHASE_FAILED;
	if (!out->initialized)
		return PHASE_PENDING;
	for (unsigned i = 0; i < in->count; i++) {
		const struct podstate_ctr *c = &in->c[i];

		if (c->kind != CTR_MAIN)
			continue;
		if (c->state == CTR_RUNNING) {
			running++;
		} else if (c->state == CTR_EXITED || c->had_exit) {
			stopped++;
			succeeded += c->state == CTR_EXITED && !c->exit_code;
		} else {
			waiting++;
		}
	}
	if (waiting)
		return PHASE_PENDING;
	if (running || !out->done)
		return PHASE_RUNNING;
	return stopped == succeeded ? PHASE_SUCCEEDED : PHASE_FAILED;
}

static bool mains_done(const struct podstate_in *in)
{
	unsigned mains = 0;

	for (unsigned i = 0; i < in->count; i++) {
		const struct podstate_ctr *c = &in->c[i];

		if (c->kind != CTR_MAIN)
			continue;
		mains++;
		if (c->state != CTR_EXITED || podstate_restarts(in->restart, c->kind, c->exit_code))
			return false;
	}
	return mains > 0;
}

static void run_mains(const struct podstate_in *in, struct podstate_out *out)
{
	for (unsigned i = 0; i < in->count; i++) {
		const struct podstate_ctr *c = &in->c[i];

		/* A sidecar that ended beside running mains comes back. */
		if (c->kind == CTR_INIT || c->kind == CTR_EPHEMERAL)
			continue;
		if (c->state == CTR_NONE ||
		    (c->state == CTR_EXITED && podstate_restarts(in->restart, c->kind, c->exit_code)))
			start(in, out, i);
	}
}

void podstate_next(const struct podstate_in *in, struct podstate_out *out)
{
	bool init_failed = false, expired;

	out->action_count = 0;
	out->wake_at_ms = 0;
	out->done = false;
	out->initialized = in->initialized;
	expired = in->deadline_at_ms && in->now_ms >= in->deadline_at_ms;
	if (in->deleting || in->failed) {
		out->done = stop_all(in, out);
		out->phase = phase_of(in, out, false);
		if (!out->done || in->sandbox_busy)
			return;
		if (!in->torn_down)
			act(out, POD_TEARDOWN, 0);
		else if (in->deleting && !in->finishing)
			act(out, POD_FINISH, 0);
		return;
	}
	if (mains_done(in)) {
		out->initialized = true;
		out->done = stop_all(in, out);
		out->phase = phase_of(in, out, false);
		if (out->done && !in->torn_down && !in->sandbox_busy)
			act(out, POD_TEARDOWN, 0);
		return;
	}
	if (expired) {
		act(out, POD_EXPIRE, 0);
		out->phase = phase_of(in, out, false);
		return;
	}
	if (in->deadline_at_ms)
		wake(out, in->deadline_at_ms);
	for (unsigned i = 0; i < in->count; i++)
		if (in->c[i].unhealthy)
			stop(in, out, i);
	if (!in->sandbox_ready) {
		if (!in->sandbox_busy)
			act(out, POD_SANDBOX, 0);
		out->phase = phase_of(in, out, false);
		return;
	}
	for (unsigned i = 0; i < in->count; i++)
		if (in->c[i].kind == CTR_EPHEMERAL && in->c[i].state == CTR_NONE)
			start(in, out, i);
	if (!out->initialized)
		out->initialized = run_init(in, out, &init_failed);
	if (init_failed) {
		out->done = stop_all(in, out);
		if (out->done && !in->torn_down)
			act(out, POD_TEARDOWN, 0);
	} else if (out->initialized) {
		run_mains(in, out);
	}
	out->phase = phase_of(in, out, init_failed);
}
