/* SPDX-License-Identifier: Apache-2.0 */
/* flow - who is next, and who is turned away. */
#include "fixture.h"

#include "base/env.h"

static struct fixture f;
static int64_t clock_us;
static char order[4096];
static unsigned ran;

static int64_t clock_now(void *arg) { return clock_us; }
static void clock_random(void *arg, void *p, size_t n) { memset(p, 7, n); }

static int open_fixture(void **state)
{
	static const struct env_ops ops = { .now_us = clock_now, .wall_us = clock_now, .random = clock_random };

	fixture_open(&f, "mem:", false);
	clock_us = env_now_us();
	env_set(&ops);
	return 0;
}

static int close_fixture(void **state)
{
	env_set(NULL);
	fixture_close(&f);
	return 0;
}

/* A call of a user, seated; NULL: turned away. */
static struct call *seat(const char *user)
{
	struct call *c = call_new(f.api);

	c->user.name = user;
	c->path = "/api/v1/pods";
	c->is_resource = true;
	c->verb = VERB_LIST;
	if (stage_flow(c) == STEP_NEXT)
		return c;
	call_drop(c);
	return NULL;
}

/* Work that takes 300 us. */
static void note(struct call *c)
{
	size_t n = strlen(order);

	order[n] = *c->user.name;
	order[n + 1] = 0;
	ran++;
	clock_us += 300;
	call_drop(c);
}

/* As many calls as users has letters, all seated before the first stands in line. */
static void line_up(const char *users, void (*fn)(struct call *c))
{
	static const char *const names[] = { "a", "b", "c" };
	struct call *v[64];
	size_t n = strlen(users);

	for (size_t i = 0; i < n; i++) {
		v[i] = seat(names[users[i] - 'a']);
		assert_non_null(v[i]);
	}
	*order = 0;
	ran = 0;
	for (size_t i = 0; i < n; i++)
		flow_later(v[i], fn);
}

static void run_all(unsigned n)
{
	for (int i = 0; i < 1000 && ran < n; i++)
		loop_turn(f.loop, 0);
	assert_int_equal(ran, n);
}

static void users_take_turns(void **state)
{
	line_up("aaaaaaaaaaaaaaaaaaaabbbc", note);
	run_all(24);
	/* A unit costs more than a quantum: one each. */
	assert_memory_equal(order, "abcabab", 7);
	assert_string_equal(order + 7, "aaaaaaaaaaaaaaaaa");
}

static void large_for_a(struct call *c)
{
	if (*c->user.name == 'a')
		flow_charge(c, 10 * FLOW_QUANTUM_US * FLOW_BYTES_US);
	note(c);
}

static void large_pieces_are_paid_for(void **state)
{
	line_up("aaabbbbbbbbbbbb", large_for_a);
	run_all(15);
	assert_int_equal(order[0], 'a');
	/* b has several turns for one large piece of a's. */
	assert_true(strchr(order + 1, 'a') - order >= 3);
}

static void a_turn_of_the_loop_ends(void **state)
{
	unsigned turns = 0;

	line_up("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", note);
	for (; ran < 30; turns++) {
		unsigned before = ran;

		loop_turn(f.loop, 0);
		assert_true(ran - before <= FLOW_TURN_US / 300 + 1);
	}
	assert_true(turns >= 10);
}

static void asked_twice_is_run_once(void **state)
{
	struct call *c = seat("a");

	*order = 0;
	ran = 0;
	flow_later(c, note);
	flow_later(c, note);
	run_all(1);
	for (int i = 0; i < 5; i++)
		loop_turn(f.loop, 0);
	assert_int_equal(ran, 1);
}

static void seats_are_bounded_by_user(void **state)
{
	struct call **v = calloc(FLOW_ALL_MAX + 1, sizeof(*v));
	struct call *sure;
	size_t n = 0, a;

	while (n < FLOW_ALL_MAX && (v[n] = seat("a")))
		n++;
	assert_int_equal(n, FLOW_USER_MAX);
	a = n;
	while (n < FLOW_ALL_MAX && (v[n] = seat("b")))
		n++;
	assert_int_equal(n, FLOW_ALL_MAX);
	/* All seats are taken: another user still has some. */
	sure = seat("c");
	assert_non_null(sure);
	assert_null(seat("a"));
	call_drop(sure);
	call_drop(v[0]);
	v[0] = seat("a");
	assert_non_null(v[0]);
	assert_int_equal(flow_seats(f.api->flow), FLOW_ALL_MAX);
	assert_false(flow_widen(v[a]));
	for (size_t i = 0; i < n; i++)
		call_drop(v[i]);
	assert_int_equal(flow_seats(f.api->flow), 0);
	free(v);
}

static void watches_give_their_seats_back(void **state)
{
	struct call *c = seat("a");

	assert_int_equal(flow_seats(f.api->flow), 1);
	assert_true(flow_watch(c));
	assert_int_equal(flow_seats(f.api->flow), 0);
	call_drop(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_take_turns),
		cmocka_unit_test(large_pieces_are_paid_for),
		cmocka_unit_test(a_turn_of_the_loop_ends),
		cmocka_unit_test(asked_twice_is_run_once),
		cmocka_unit_test(seats_are_bounded_by_user),
		cmocka_unit_test(watches_give_their_seats_back),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
