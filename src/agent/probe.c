/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe - startup, liveness and readiness of a running container, each on its own timer.
 *
 *   startup:   until it succeeds the other two wait; giving up makes the container unhealthy
 *   liveness:  giving up makes it unhealthy: podstate has it stopped, and started again
 *   readiness: decides ctr.ready
 *
 * Source: kubelet prober/worker.go (initial values, thresholds, first run jittered only
 * after a restart of the agent).
 */
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "base/env.h"
#include "doc/doc.h"

struct probe {
	struct ctr *c;
	enum probe_kind kind;
	struct loop_timer timer;
	struct handler *run;
	unsigned in_row;
	bool last_ok;
};

static const char *const spec_names[PROBE_KINDS] = { "startupProbe", "livenessProbe", "readinessProbe" };
static const char *const event_names[PROBE_KINDS] = { "Startup", "Liveness", "Readiness" };

static yyjson_val *spec_of(const struct probe *p)
{
	return yyjson_obj_get(p->c->spec, spec_names[p->kind]);
}

static void again(struct probe *p)
{
	loop_timer_set(&p->timer, spec_ms(spec_of(p), "periodSeconds", 10));
}

static void started(struct ctr *c)
{
	c->st.started = true;
	for (unsigned k = PROBE_LIVENESS; k < PROBE_KINDS; k++)
		if (c->probes[k]) {
			int64_t delay = spec_ms(spec_of(c->probes[k]), "initialDelaySeconds", 0);
			int64_t lived = (env_wall_us() - c->run.started_us) / 1000;

			loop_timer_set(&c->probes[k]->timer, delay > lived ? delay - lived : 0);
		}
	if (!c->probes[PROBE_READINESS])
		c->ready = true;
}

/* A verdict after enough results of one kind in a row. */
static void verdict(struct probe *p, bool ok)
{
	struct ctr *c = p->c;

	switch (p->kind) {
	case PROBE_STARTUP:
		if (ok) {
			started(c);
		} else {
			c->st.unhealthy = true;
		}
		break;
	case PROBE_LIVENESS:
		if (!ok)
			c->st.unhealthy = true;
		break;
	case PROBE_READINESS:
		c->ready = ok;
		break;
	case PROBE_KINDS:
		break;
	}
	pod_sync_soon(c->pod);
}

static void result(void *arg, bool ok, const char *message)
{
	struct probe *p = arg;
	struct ctr *c = p->c;
	int64_t needed = doc_int(spec_of(p), ok ? "successThreshold" : "failureThreshold", ok ? 1 : 3);

	p->run = NULL;
	if (!ok)
		event_pod(c->pod, c, "Warning", "Unhealthy", "%s probe failed: %s", event_names[p->kind], message);
	else if (*message)
		event_pod(c->pod, c, "Warning", "ProbeWarning", "%s probe warning: %s", event_names[p->kind], message);
	p->in_row = ok == p->last_ok ? p->in_row + 1 : 1;
	p->last_ok = ok;
	if (p->in_row == (unsigned)(needed > 0 ? needed : 1))
		verdict(p, ok);
	if (p->kind == PROBE_STARTUP && c->st.started)
		return;
	if (!c->st.unhealthy)
		again(p);
}

static void run(void *arg)
{
	struct probe *p = arg;
	int64_t timeout_ms = spec_ms(spec_of(p), "timeoutSeconds", 1);
	struct err e;

	if (p->c->st.state != CTR_RUNNING || p->c->st.stopping)
		return;
	p->run = handler_run(p->c, spec_of(p), timeout_ms, result, p, &e);
	if (!p->run)
		result(p, false, e.msg);
}

void probes_start(struct ctr *c, bool adopted)
{
	bool was_started = adopted && c->st.started;

	probes_stop(c);
	c->st.unhealthy = false;
	if (!adopted)
		c->st.started = c->ready = false;
	for (unsigned k = 0; k < PROBE_KINDS; k++) {
		struct probe *p;

		if (!yyjson_obj_get(c->spec, spec_names[k]) || !(p = calloc(1, sizeof(*p))))
			continue;
		p->c = c;
		p->kind = (enum probe_kind)k;
		p->last_ok = k == PROBE_LIVENESS;
		loop_timer_init(&p->timer, c->pod->a->loop, run, p);
		c->probes[k] = p;
	}
	if (!c->probes[PROBE_STARTUP] || was_started) {
		started(c);
		/* All pods at once after a restart of the agent would be a burst. */
		for (unsigned k = PROBE_LIVENESS; adopted && k < PROBE_KINDS; k++)
			if (c->probes[k])
				loop_timer_set(&c->probes[k]->timer,
					env_random_below((uint32_t)spec_ms(spec_of(c->probes[k]), "periodSeconds", 10) + 1));
	} else {
		loop_timer_set(&c->probes[PROBE_STARTUP]->timer,
			spec_ms(spec_of(c->probes[PROBE_STARTUP]), "initialDelaySeconds", 0));
	}
}

void probes_stop(struct ctr *c)
{
	for (unsigned k = 0; k < PROBE_KINDS; k++) {
		struct probe *p = c->probes[k];

		if (!p)
			continue;
		loop_timer_stop(&p->timer);
		handler_cancel(p->run);
		free(p);
		c->probes[k] = NULL;
	}
}
