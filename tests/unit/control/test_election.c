/* SPDX-License-Identifier: Apache-2.0 */
/* election - who leads, by an owned clock: the decision alone, then two servers' parts in it over one API. */
#include "world.h"

#include "base/env.h"
#include "base/text.h"
#include "control/election.h"
#include "control/lead.h"

/* ---- the decision ---- */

/* What server "a" sees at 0, and what it does at each time. */
static const struct {
	const char *name, *holder;     /* NULL: no Lease */
	int64_t duration_s, at_ms;
	enum election_step want;
	int64_t wait_ms;
} follow_cases[] = {
	{ "nobody ever led", NULL, 0, 0, ELECTION_ACQUIRE, 0 },
	{ "given away", "", 1, 0, ELECTION_REMOVE, 0 },
	{ "ours from a write whose answer was lost", "a", 4, 0, ELECTION_ACQUIRE, 0 },
	{ "another's", "b", 4, 0, ELECTION_WAIT, 4000 },
	{ "another's, nearly over", "b", 4, 3999, ELECTION_WAIT, 1 },
	{ "another's, over", "b", 4, 4000, ELECTION_REMOVE, 0 },
	{ "another's of client-go's length", "b", 15, 14999, ELECTION_WAIT, 1 },
	{ "another's of no length", "b", 0, 3999, ELECTION_WAIT, 1 },
	{ "another's for ever", "b", 1 << 30, 60000, ELECTION_REMOVE, 0 },
};

static void a_follower_waits_as_long_as_the_lease_says(void **state)
{
	for (size_t i = 0; i < sizeof(follow_cases) / sizeof(*follow_cases); i++) {
		struct election_lease l = { .rev = follow_cases[i].holder ? 7 : 0, .duration_s = follow_cases[i].duration_s };
		struct election e;
		int64_t wait;

		election_init(&e, "a");
		snprintf(l.holder, sizeof(l.holder), "%s", follow_cases[i].holder ? follow_cases[i].holder : "");
		election_observe(&e, &l, 0);
		election_observe(&e, &l, follow_cases[i].at_ms);       /* the same again is no sign of life */
		if (election_next(&e, follow_cases[i].at_ms, &wait) != follow_cases[i].want || wait != follow_cases[i].wait_ms)
			fail_msg("%s: step %d, wait %lld", follow_cases[i].name, election_next(&e, follow_cases[i].at_ms, &wait),
				(long long)wait);
	}
}

static void a_sign_of_life_begins_the_wait_anew(void **state)
{
	struct election_lease l = { .rev = 7, .holder = "b", .duration_s = 4 };
	struct election e;
	int64_t wait;

	election_init(&e, "a");
	election_observe(&e, &l, 0);
	l.rev = 8;
	election_observe(&e, &l, 3900);
	assert_int_equal(election_next(&e, 4000, &wait), ELECTION_WAIT);
	assert_int_equal(wait, 3900);
	assert_true(election_has_leader(&e, 7899));
	assert_false(election_has_leader(&e, 7900));
}

/* "a" led by a renewal sent at 1000 and answered at 1010; then something happens at a time. */
enum happens { NOTHING, ANSWERED, REFUSED, OTHER_HOLDER, LEASE_DELETED, NOT_ANSWERED };
static const struct {
	const char *name;
	enum happens what;
	int64_t sent_ms, at_ms;        /* of the next renewal; 0: none was sent */
	bool leads;
	enum election_step want;
} lead_cases[] = {
	{ "between renewals", NOTHING, 0, 1500, true, ELECTION_WAIT },
	{ "time to renew", NOTHING, 0, 2000, true, ELECTION_RENEW },
	{ "renewed", ANSWERED, 2000, 2020, true, ELECTION_WAIT },
	{ "renewed late, in time", ANSWERED, 2000, 4900, true, ELECTION_RENEW },
	{ "renewed too late to be sure", ANSWERED, 2000, 5000, false, ELECTION_STOP },
	{ "refused, time is left", REFUSED, 2000, 2100, true, ELECTION_WAIT },
	{ "refused until it is over", REFUSED, 2000, 4000, false, ELECTION_STOP },
	{ "no answer, time is left", NOT_ANSWERED, 2000, 3999, true, ELECTION_WAIT },
	{ "no answer in time", NOT_ANSWERED, 2000, 4000, false, ELECTION_STOP },
	{ "held for a minute", NOTHING, 0, 61000, false, ELECTION_STOP },
	{ "held while a renewal was under way, which was done", ANSWERED, 1900, 61000, false, ELECTION_STOP },
	{ "another took it", OTHER_HOLDER, 0, 1500, false, ELECTION_STOP },
	{ "another took it while a renewal was under way", OTHER_HOLDER, 1400, 1500, false, ELECTION_STOP },
	{ "somebody deleted the Lease", LEASE_DELETED, 0, 1500, false, ELECTION_STOP },
};

static void who_leads_is_sure_of_it_or_stops(void **state)
{
	for (size_t i = 0; i < sizeof(lead_cases) / sizeof(*lead_cases); i++) {
		struct election_lease l = { .rev = 7, .holder = "a", .duration_s = 4 };
		int64_t at = lead_cases[i].at_ms, wait;
		enum election_step step;
		struct election e;

		election_init(&e, "a");
		election_sent(&e, 1000);
		election_observe(&e, &l, 1005);
		election_answered(&e, 0, 1010);
		assert_true(election_leads(&e, 1010));
		if (lead_cases[i].sent_ms)
			election_sent(&e, lead_cases[i].sent_ms);
		l.rev = 8;
		if (lead_cases[i].what == ANSWERED) {
			election_observe(&e, &l, at);
			election_answered(&e, 0, at);
		} else if (lead_cases[i].what == REFUSED) {
			election_answered(&e, -1, at);
		} else if (lead_cases[i].what == OTHER_HOLDER) {
			l.holder[0] = 'b';
			election_observe(&e, &l, at);
		} else if (lead_cases[i].what == LEASE_DELETED) {
			election_observe(&e, &(struct election_lease){ 0 }, at);
		}
		step = election_next(&e, at, &wait);
		if (election_leads(&e, at) != lead_cases[i].leads || step != lead_cases[i].want)
			fail_msg("%s: leads %d, step %d", lead_cases[i].name, election_leads(&e, at), step);
	}
}

/* What the controllers sent before ends with the Lease they sent it under. */
static void who_stopped_leads_again_by_a_new_lease(void **state)
{
	struct election_lease l = { .rev = 7, .holder = "a", .duration_s = 4, .transitions = 3 };
	struct election e;
	int64_t wait;

	election_init(&e, "a");
	election_sent(&e, 1000);
	election_observe(&e, &l, 1005);
	election_answered(&e, 0, 1010);
	election_sent(&e, 2000);
	assert_int_equal(election_next(&e, 4000, &wait), ELECTION_STOP);
	election_stopped(&e);
	assert_int_equal(election_next(&e, 4000, &wait), ELECTION_WAIT);
	l.rev = 8;
	election_observe(&e, &l, 4100);        /* the renewal was done, and answered in its time */
	election_answered(&e, 0, 4100);
	assert_false(election_leads(&e, 4100));
	assert_int_equal(election_next(&e, 4100, &wait), ELECTION_REMOVE);
	election_sent(&e, 4100);
	election_observe(&e, &(struct election_lease){ 0 }, 4110);
	election_answered(&e, 0, 4110);
	assert_int_equal(election_next(&e, 4110, &wait), ELECTION_ACQUIRE);
	assert_int_equal(e.transitions, 3);    /* no other led */
	election_sent(&e, 4110);
	l.rev = 10;
	election_observe(&e, &l, 4120);
	election_answered(&e, 0, 4120);
	assert_true(election_leads(&e, 4120));
	assert_int_equal(election_next(&e, 5110, &wait), ELECTION_RENEW);
}

static void the_answer_of_a_write_that_was_overwritten_gives_nothing(void **state)
{
	struct election_lease l = { .rev = 7, .holder = "a", .duration_s = 4 };
	struct election e;
	int64_t wait;

	election_init(&e, "a");
	election_sent(&e, 0);
	election_observe(&e, &l, 5);
	l = (struct election_lease){ .rev = 8, .holder = "b", .duration_s = 4 };
	election_observe(&e, &l, 6);
	election_answered(&e, 0, 7);
	assert_false(election_leads(&e, 7));
	assert_int_equal(election_next(&e, 7, &wait), ELECTION_WAIT);
}

/* Any two servers with clocks of their own, messages that take any time, and holds of any length: they never
 * lead at once. A seeded walk; time is global here, each server's clock is that plus its own offset. */
static void two_never_lead_at_once(void **state)
{
	for (unsigned seed = 1; seed <= 300; seed++) {
		struct { struct election e; int64_t offset, held_until, answer_at, begin_at; int64_t base, rev; bool removes; } s[2];
		struct election_lease now = { 0 };
		int64_t newest = 0;
		unsigned begun = 0;

		srand(seed);
		memset(s, 0, sizeof(s));
		for (int i = 0; i < 2; i++) {
			char id[2] = { (char)('a' + i), 0 };
			election_init(&s[i].e, id);
			s[i].offset = rand() % 100000;
		}
		for (int64_t t = 1; t < 120000; t += 1 + rand() % 40) {
			int i = rand() % 2;
			int64_t own = t + s[i].offset, wait;
			enum election_step step;

			assert_false(election_leads(&s[0].e, t + s[0].offset) && election_leads(&s[1].e, t + s[1].offset));
			if (t < s[i].held_until)
				continue;
			if (rand() % 400 == 0) {
				s[i].held_until = t + rand() % 20000;  /* stopped, or cut off from all */
				continue;
			}
			/* The write reaches the store somewhere between its sending and its answer. */
			if (s[i].e.writing && s[i].begin_at && t >= s[i].begin_at) {
				s[i].begin_at = 0;
				if (now.rev == s[i].base) {
					s[i].rev = ++newest;
					now = (struct election_lease){ .rev = s[i].removes ? 0 : newest, .duration_s = ELECTION_DURATION_S };
					memcpy(now.holder, s[i].e.id, 2);
				}
			}
			if (s[i].e.writing && !s[i].begin_at && t >= s[i].answer_at) {
				election_observe(&s[i].e, &now, own);
				election_answered(&s[i].e, s[i].rev ? 0 : -1, own);
			} else if (rand() % 3) {
				election_observe(&s[i].e, &now, own);
			}
			step = election_next(&s[i].e, own, &wait);
			if (step == ELECTION_STOP) {
				election_stopped(&s[i].e);
			} else if (step != ELECTION_WAIT) {
				election_sent(&s[i].e, own);
				s[i].base = s[i].e.seen.rev;
				s[i].removes = step == ELECTION_REMOVE;
				s[i].rev = 0;
				s[i].begin_at = t + 1 + rand() % (rand() % 10 ? 50 : 5000);
				s[i].answer_at = s[i].begin_at + rand() % (rand() % 10 ? 50 : 5000);
				begun += step == ELECTION_ACQUIRE;
			}
		}
		assert_true(begun > 1);
	}
}

/* ---- two servers' parts ---- */

static struct world w;
static int64_t clock_us = 1000000000;
static struct part { struct lead *lead; bool leads; unsigned begins; bool released; } a, b;

static int64_t own_now(void *arg) { return clock_us; }
static int64_t own_wall(void *arg) { return INT64_C(1800000000000000) - clock_us * 3; }    /* a wall clock that runs backwards */

static void some_random(void *arg, void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)rand();
}

static void part_changed(void *arg, bool leads)
{
	struct part *p = arg;

	p->leads = leads;
	p->begins += leads;
	assert_false(a.leads && b.leads);
}

static void part_released(void *arg) { ((struct part *)arg)->released = true; }

static void part_open(struct part *p, const char *id)
{
	static const char *const groups[] = { "system:masters", NULL };
	struct lead_config cfg = { .id = id, .changed = part_changed, .arg = p };

	memset(p, 0, sizeof(*p));
	assert_int_equal(client_open_local(&cfg.client, w.f.loop, w.f.api, "system:apiserver", groups), 0);
	assert_int_equal(lead_open(&p->lead, w.f.loop, w.f.cache, &cfg, NULL), 0);
}

static void part_close(struct part *p)
{
	lead_close(p->lead);
	memset(p, 0, sizeof(*p));
}

/* So much time passes; what is due is done every 50 ms. */
static void pass(int64_t ms)
{
	for (; ms > 0; ms -= 50) {
		clock_us += 50000;
		for (int i = 0; i < 12; i++)
			loop_turn(w.f.loop, 0);
	}
}

static const char *lease(const char *path)
{
	struct cache_obj *o = cache_get(w.f.cache, "coordination.k8s.io/leases", "kube-system", LEAD_LEASE);

	return o ? doc_str(cache_tree(o), path) : NULL;
}

static int64_t transitions(void)
{
	return doc_int(cache_tree(cache_get(w.f.cache, "coordination.k8s.io/leases", "kube-system", LEAD_LEASE)),
		"spec.leaseTransitions", -1);
}

static int open_world(void **state)
{
	static const struct env_ops ops = { own_now, own_wall, some_random, NULL };

	env_set(&ops);
	memset(&w, 0, sizeof(w));
	fixture_open(&w.f, "mem:", false);
	return 0;
}

static int close_world(void **state)
{
	part_close(&a);
	part_close(&b);
	fixture_close(&w.f);
	env_set(NULL);
	return 0;
}

static void one_of_two_leads_and_goes_on(void **state)
{
	part_open(&a, "a");
	pass(200);
	part_open(&b, "b");
	pass(20000);
	assert_true(a.leads && a.begins == 1 && !b.begins);
	assert_true(lead_leads(a.lead) && lead_known(b.lead));
	assert_string_equal(lease("spec.holderIdentity"), "a");
	assert_int_equal(transitions(), 0);
}

static void the_other_leads_within_five_seconds_of_a_death(void **state)
{
	part_open(&a, "a");
	pass(200);
	part_open(&b, "b");
	pass(3333);
	part_close(&a);
	pass(2800);
	assert_false(b.leads);
	pass(2200);
	assert_true(b.leads);
	assert_string_equal(lease("spec.holderIdentity"), "b");
	assert_int_equal(transitions(), 1);
}

static void the_other_leads_at_once_when_it_is_given_away(void **state)
{
	part_open(&a, "a");
	pass(200);
	part_open(&b, "b");
	pass(3333);
	lead_release(a.lead, part_released, &a);
	assert_false(a.leads || lead_leads(a.lead));
	pass(100);
	assert_true(a.released && b.leads);
}

static void who_was_held_stops_before_it_does_anything(void **state)
{
	part_open(&a, "a");
	pass(200);
	clock_us += 60000000;
	assert_false(lead_leads(a.lead));
	assert_true(a.leads);          /* it could not be told yet */
	for (int i = 0; i < 50; i++)
		loop_turn(w.f.loop, 0);
	assert_true(a.leads && a.begins == 2);     /* nobody else wanted it */
}

static void who_lost_the_lease_stops(void **state)
{
	part_open(&a, "a");
	pass(200);
	must(&w, "PATCH", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/" LEAD_LEASE,
		"{\"spec\":{\"holderIdentity\":\"somebody\",\"leaseDurationSeconds\":2}}");
	for (int i = 0; i < 5; i++)
		loop_turn(w.f.loop, 0);
	assert_false(a.leads);
	pass(2500);
	assert_true(a.leads && a.begins == 2);
}

static void an_annotation_by_others_does_not_disturb(void **state)
{
	part_open(&a, "a");
	pass(1180);
	must(&w, "PATCH", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/" LEAD_LEASE,
		"{\"metadata\":{\"annotations\":{\"a\":\"b\"}}}");
	pass(5000);
	assert_true(a.leads && a.begins == 1);
	assert_int_equal(transitions(), 0);
}

/* ---- what a guarded client may write ---- */

static bool allowed(void *arg, struct api_life *ret) { return *(bool *)arg; }

struct told { int rc; bool done; };

static void told(void *arg, const struct client_reply *r)
{
	*(struct told *)arg = (struct told){ r->rc, true };
}

static int try_write(struct client *c, const char *method, const char *path, const char *body)
{
	struct client_req q = { .method = method, .path = path, .body = body, .body_len = body ? strlen(body) : 0 };
	struct told t = { 0 };

	assert_int_equal(client_call(c, &q, told, &t), 0);
	for (int i = 0; i < 50 && !t.done; i++)
		loop_turn(w.f.loop, 0);
	assert_true(t.done);
	return t.rc;
}

static void a_guarded_client_writes_only_while_it_may(void **state)
{
	static const char *const groups[] = { "system:masters", NULL };
	static const char body[] = "{\"metadata\":{\"name\":\"m\"}}", path[] = "/api/v1/namespaces/default/configmaps";
	struct client *c;
	bool may = false;

	assert_int_equal(client_open_local(&c, w.f.loop, w.f.api, "system:apiserver", groups), 0);
	client_guard(c, allowed, &may);
	assert_int_equal(try_write(c, "POST", path, body), -ERR_UNAVAILABLE);
	assert_null(cache_get(w.f.cache, "core/configmaps", "default", "m"));
	may = true;
	assert_int_equal(try_write(c, "POST", path, body), 0);
	may = false;
	assert_int_equal(try_write(c, "GET", "/api/v1/namespaces/default/configmaps/m", NULL), 0);
	assert_int_equal(try_write(c, "DELETE", "/api/v1/namespaces/default/configmaps/m", NULL), -ERR_UNAVAILABLE);
	/* Each of a collection is a write of its own. */
	try_write(c, "DELETE", path, NULL);
	assert_non_null(cache_get(w.f.cache, "core/configmaps", "default", "m"));
	client_close(c);
}

int main(void)
{
#define WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_follower_waits_as_long_as_the_lease_says),
		cmocka_unit_test(a_sign_of_life_begins_the_wait_anew),
		cmocka_unit_test(who_leads_is_sure_of_it_or_stops),
		cmocka_unit_test(who_stopped_leads_again_by_a_new_lease),
		cmocka_unit_test(the_answer_of_a_write_that_was_overwritten_gives_nothing),
		cmocka_unit_test(two_never_lead_at_once),
		WORLD(one_of_two_leads_and_goes_on),
		WORLD(the_other_leads_within_five_seconds_of_a_death),
		WORLD(the_other_leads_at_once_when_it_is_given_away),
		WORLD(who_was_held_stops_before_it_does_anything),
		WORLD(who_lost_the_lease_stops),
		WORLD(an_annotation_by_others_does_not_disturb),
		WORLD(a_guarded_client_writes_only_while_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
