/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "agent/podstate.h"

#define CTRS_MAX 4

/* Containers as letters: kind (i init, s sidecar, m main, e ephemeral), state (- none, b busy,
 * r running, S running and started, x0 exited 0, x1 exited 1), flags: ! unhealthy, ~ stopping,
 * @N not before N, ^ had an exit before. */
static unsigned parse(const char *text, struct podstate_ctr *c)
{
	unsigned n = 0;

	memset(c, 0, CTRS_MAX * sizeof(*c));
	while (*text) {
		struct podstate_ctr *k = &c[n++];

		k->kind = *text == 'i' ? CTR_INIT : *text == 's' ? CTR_SIDECAR : *text == 'm' ? CTR_MAIN : CTR_EPHEMERAL;
		for (text++; *text && *text != ' '; text++)
			switch (*text) {
			case '-': k->state = CTR_NONE; break;
			case 'b': k->state = CTR_BUSY; break;
			case 'r': k->state = CTR_RUNNING; break;
			case 'S': k->state = CTR_RUNNING; k->started = true; break;
			case 'x': k->state = CTR_EXITED; k->had_exit = true; k->exit_code = *++text - '0'; break;
			case '!': k->unhealthy = true; break;
			case '~': k->stopping = true; break;
			case '^': k->had_exit = true; break;
			case '@': k->retry_at_ms = (*++text - '0') * 1000; break;
			}
		while (*text == ' ')
			text++;
	}
	return n;
}

/* Actions as text: "sandbox", "start1", "stop0", "teardown", "finish", "expire". */
static void print(const struct podstate_out *out, char *text, size_t size)
{
	static const char *const names[] = { "sandbox", "start", "stop", "teardown", "finish", "expire" };

	*text = 0;
	for (unsigned i = 0; i < out->action_count; i++) {
		size_t n = strlen(text);
		bool indexed = out->actions[i].what == POD_START || out->actions[i].what == POD_STOP;

		snprintf(text + n, size - n, "%s%s", n ? " " : "", names[out->actions[i].what]);
		n = strlen(text);
		if (indexed)
			snprintf(text + n, size - n, "%u", out->actions[i].index);
	}
}

enum { NOBOX = 1, BUSYBOX = 2, INITED = 4, DEL = 8, FAILED = 16, TORN = 32, FINISHING = 64, LATE = 128 };

static const struct {
	const char *name, *ctrs;
	enum restart_policy restart;
	int flags;
	const char *actions;
	enum pod_phase phase;
	int64_t wake_s;
} cases[] = {
	{ "the sandbox comes first", "m-", RESTART_ALWAYS, NOBOX, "sandbox", PHASE_PENDING, 0 },
	{ "nothing while the sandbox is made", "m-", RESTART_ALWAYS, NOBOX | BUSYBOX, "", PHASE_PENDING, 0 },
	{ "mains start together", "m- m-", RESTART_ALWAYS, 0, "start0 start1", PHASE_PENDING, 0 },
	{ "a running pod needs nothing", "mS mS", RESTART_ALWAYS, INITED, "", PHASE_RUNNING, 0 },
	{ "pending while one main has not run", "mS mb", RESTART_ALWAYS, INITED, "", PHASE_PENDING, 0 },
	{ "init before main", "i- m-", RESTART_ALWAYS, 0, "start0", PHASE_PENDING, 0 },
	{ "main waits for a running init", "ir m-", RESTART_ALWAYS, 0, "", PHASE_PENDING, 0 },
	{ "init after init", "ix0 i- m-", RESTART_ALWAYS, 0, "start1", PHASE_PENDING, 0 },
	{ "init through", "ix0 m-", RESTART_ALWAYS, 0, "start1", PHASE_PENDING, 0 },
	{ "a failed init is tried again", "ix1 m-", RESTART_ALWAYS, 0, "start0", PHASE_PENDING, 0 },
	{ "a failed init waits for its back-off", "ix1@9 m-", RESTART_ALWAYS, 0, "", PHASE_PENDING, 9 },
	{ "a failed init with Never fails the pod", "ix1 m-", RESTART_NEVER, 0, "teardown", PHASE_FAILED, 0 },
	{ "a failing pod stops its sidecar first", "sS ix1 m-", RESTART_NEVER, 0, "stop0", PHASE_FAILED, 0 },
	{ "a sidecar must have started", "sr m-", RESTART_ALWAYS, 0, "", PHASE_PENDING, 0 },
	{ "a started sidecar lets others go on", "sS m-", RESTART_ALWAYS, 0, "start1", PHASE_PENDING, 0 },
	{ "a sidecar that ended comes back, also with Never", "sx0 mS", RESTART_NEVER, INITED, "start0", PHASE_RUNNING, 0 },
	{ "a crash restarts", "mx1", RESTART_ALWAYS, INITED, "start0", PHASE_RUNNING, 0 },
	{ "success restarts with Always", "mx0", RESTART_ALWAYS, INITED, "start0", PHASE_RUNNING, 0 },
	{ "a crash waits for its back-off", "mx1@9", RESTART_ALWAYS, INITED, "", PHASE_RUNNING, 9 },
	{ "the nearest back-off wakes", "mx1@9 mx1@7", RESTART_ALWAYS, INITED, "", PHASE_RUNNING, 7 },
	{ "between two instances it is running", "mb^", RESTART_ALWAYS, INITED, "", PHASE_RUNNING, 0 },
	{ "success ends with OnFailure", "mx0", RESTART_ON_FAILURE, INITED, "teardown", PHASE_SUCCEEDED, 0 },
	{ "failure restarts with OnFailure", "mx1", RESTART_ON_FAILURE, INITED, "start0", PHASE_RUNNING, 0 },
	{ "failure ends with Never", "mx1 mx0", RESTART_NEVER, INITED, "teardown", PHASE_FAILED, 0 },
	{ "one runs on with Never", "mx1 mS", RESTART_NEVER, INITED, "", PHASE_RUNNING, 0 },
	{ "the ended are torn down once", "mx0", RESTART_NEVER, INITED | TORN, "", PHASE_SUCCEEDED, 0 },
	{ "sidecars end after the mains, the last first", "sS sS mx0", RESTART_NEVER, INITED, "stop1", PHASE_RUNNING, 0 },
	{ "a sidecar under way to its end holds the next", "sS sS~ mx0", RESTART_NEVER, INITED, "", PHASE_RUNNING, 0 },
	{ "unhealthy is stopped", "mS!", RESTART_ALWAYS, INITED, "stop0", PHASE_RUNNING, 0 },
	{ "unhealthy is stopped once", "mS!~", RESTART_ALWAYS, INITED, "", PHASE_RUNNING, 0 },
	{ "an ephemeral container starts beside", "mS e-", RESTART_ALWAYS, INITED, "start1", PHASE_RUNNING, 0 },
	{ "an ephemeral container does not come back", "mS ex1", RESTART_ALWAYS, INITED, "", PHASE_RUNNING, 0 },
	{ "deleting stops all", "mS mS", RESTART_ALWAYS, INITED | DEL, "stop0 stop1", PHASE_RUNNING, 0 },
	{ "deleting waits for a start under way", "mb", RESTART_ALWAYS, INITED | DEL, "", PHASE_PENDING, 0 },
	{ "deleting stops sidecars last", "sS mS", RESTART_ALWAYS, INITED | DEL, "stop1", PHASE_RUNNING, 0 },
	{ "deleting starts nothing", "m-", RESTART_ALWAYS, DEL, "teardown", PHASE_PENDING, 0 },
	{ "deleted and torn down is finished", "mx0", RESTART_ALWAYS, INITED | DEL | TORN, "finish", PHASE_SUCCEEDED, 0 },
	{ "finished once", "mx0", RESTART_ALWAYS, INITED | DEL | TORN | FINISHING, "", PHASE_SUCCEEDED, 0 },
	{ "a failed pod is stopped and torn down", "mS", RESTART_ALWAYS, INITED | FAILED, "stop0", PHASE_FAILED, 0 },
	{ "a failed pod is kept", "mx1", RESTART_ALWAYS, INITED | FAILED | TORN, "", PHASE_FAILED, 0 },
	{ "a deadline wakes", "mS", RESTART_ALWAYS, INITED | LATE, "", PHASE_RUNNING, 8 },
};

static void each_case_gives_its_actions(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct podstate_ctr c[CTRS_MAX];
		int f = cases[i].flags;
		struct podstate_in in = { .restart = cases[i].restart, .deleting = f & DEL, .failed = f & FAILED,
			.sandbox_ready = !(f & NOBOX), .sandbox_busy = f & BUSYBOX, .torn_down = f & TORN,
			.finishing = f & FINISHING, .initialized = f & INITED, .now_ms = 1000,
			.deadline_at_ms = f & LATE ? 8000 : 0, .c = c };
		struct podstate_out out;
		char text[256];

		in.count = parse(cases[i].ctrs, c);
		podstate_next(&in, &out);
		print(&out, text, sizeof(text));
		if (strcmp(text, cases[i].actions) || out.phase != cases[i].phase || out.wake_at_ms != cases[i].wake_s * 1000)
			fail_msg("%s: got \"%s\" phase %d wake %lld", cases[i].name, text, out.phase, (long long)out.wake_at_ms);
	}
}

static void deadline_expires_a_running_pod(void **state)
{
	struct podstate_ctr c[CTRS_MAX];
	struct podstate_in in = { .sandbox_ready = true, .initialized = true, .now_ms = 1000, .deadline_at_ms = 1000, .c = c };
	struct podstate_out out;

	(void)state;
	in.count = parse("mS", c);
	podstate_next(&in, &out);
	assert_int_equal(out.action_count, 1);
	assert_int_equal(out.actions[0].what, POD_EXPIRE);
}

static void back_off_doubles_to_five_minutes(void **state)
{
	int64_t ms = 0;
	const int64_t want[] = { 10000, 20000, 40000, 80000, 160000, 300000, 300000 };

	(void)state;
	for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_int_equal(ms = podstate_backoff(ms, 1000), want[i]);
	assert_int_equal(podstate_backoff(ms, BACKOFF_RESET_MS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_gives_its_actions),
		cmocka_unit_test(deadline_expires_a_running_pod),
		cmocka_unit_test(back_off_doubles_to_five_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
