/* SPDX-License-Identifier: Apache-2.0 */
/* When policies go to the kernel, and what becomes of a refusal. The kernel is the test's own: the
 * module is compiled here with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/nfbatch.h"

static int sent, kernel_says;

static int send_fake(struct nfbatch *n, struct err *reterr)
{
	(void)n;
	sent++;
	return kernel_says ? err_set(reterr, -kernel_says, "refused") : 0;
}

#define nfbatch_send(...) send_fake(__VA_ARGS__)
#include "net/policy.c"

static struct loop *loop;
static struct policy *policy;
static int answered, answer_rc;

static void on_answer(void *arg, int rc, const char *message)
{
	(void)arg, (void)message;
	answered++;
	answer_rc = rc;
}

static int sync_rc(void)
{
	int before = answered;

	assert_int_equal(policy_sync(policy, on_answer, NULL), 0);
	for (int i = 0; i < 1000 && answered == before; i++)
		loop_turn(loop, 10);
	assert_int_equal(answered, before + 1);
	return answer_rc;
}

static int open_all(void **state)
{
	struct err e;

	(void)state;
	sent = kernel_says = answered = 0;
	assert_int_equal(loop_open(&loop), 0);
	assert_int_equal(policy_open(&policy, loop, "t", &e), 0);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	policy_close(policy);
	loop_close(loop);
	return 0;
}

static void nothing_is_sent_while_held(void **state)
{
	(void)state;
	policy_set(policy, &(struct policy_told){ .ns = "n", .name = "p", .acts = { true, true } });
	assert_true(policy_waits(policy));
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 10);
	assert_int_equal(sent, 0);
	policy_hold(policy, false);
	assert_int_equal(sync_rc(), 0);
	assert_int_equal(sent, 1);
}

static void without_policies_a_kernel_without_tables_is_as_good(void **state)
{
	(void)state;
	kernel_says = -ERR_UNAVAILABLE;
	policy_hold(policy, false);
	assert_int_equal(sync_rc(), 0);
	assert_int_equal(sent, 1);
	assert_false(loop_timer_is_set(&policy->timer));       /* nor is it asked again */
	policy_set(policy, &(struct policy_told){ .ns = "n", .name = "p", .acts = { true, true } });
	assert_int_equal(sync_rc(), -ERR_UNAVAILABLE);
	assert_int_equal(sent, 3);                             /* the change, then all */
	assert_true(loop_timer_is_set(&policy->timer));
}

static void a_refused_change_is_followed_by_all(void **state)
{
	(void)state;
	policy_hold(policy, false);
	assert_int_equal(sync_rc(), 0);
	kernel_says = -ERR_IO;
	policy_set(policy, &(struct policy_told){ .ns = "n", .name = "p", .acts = { true, false } });
	assert_int_equal(sync_rc(), -ERR_IO);
	assert_int_equal(sent, 3);
	kernel_says = 0;
	assert_int_equal(sync_rc(), 0);                        /* by itself, after a while */
	assert_int_equal(sent, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_sent_while_held, open_all, close_all),
		cmocka_unit_test_setup_teardown(without_policies_a_kernel_without_tables_is_as_good, open_all, close_all),
		cmocka_unit_test_setup_teardown(a_refused_change_is_followed_by_all, open_all, close_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
