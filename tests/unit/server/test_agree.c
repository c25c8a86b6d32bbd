/* SPDX-License-Identifier: Apache-2.0 */
/* agree - the first server's word counts, and one that disagrees learns what and why. */
#include "../api/fixture.h"

#include "agree.h"
#include "client/client.h"

static struct fixture f;
static struct buf ca[2], key[2];       /* two authorities, two keys of accounts */

static int open_all(void **state)
{
	struct buf ca_key = { 0 };
	struct pki_request q = { .cn = "ca", .ca = true, .now_s = 1800000000, .valid_s = 3650LL * 86400 };

	for (int i = 0; i < 2; i++) {
		buf_clear(&ca_key);
		if (pki_ec_key(&ca_key, NULL) || pki_issue(&ca[i], &q, ca_key.p, NULL, NULL, NULL) || pki_rsa_key(&key[i], NULL))
			return -1;
	}
	buf_finish(&ca_key);
	fixture_open(&f, "mem:", false);
	return 0;
}

static int close_all(void **state)
{
	fixture_close(&f);
	for (int i = 0; i < 2; i++) {
		buf_finish(&ca[i]);
		buf_finish(&key[i]);
	}
	return 0;
}

static struct { bool done; int rc; struct err e; } answer;

static void told(void *arg, int rc, const struct err *e)
{
	answer.done = true;
	answer.rc = rc;
	answer.e = *e;
}

/* A server that starts: what it comes to. */
static int start(const struct agree_config *cfg)
{
	static const char *const groups[] = { "system:masters", NULL };
	struct client *client;
	struct agree *a;

	memset(&answer, 0, sizeof(answer));
	assert_int_equal(client_open_local(&client, f.loop, f.api, "system:apiserver", groups), 0);
	assert_int_equal(agree_open(&a, f.cache, client, cfg, told, NULL, NULL), 0);
	for (int i = 0; i < 100 && !answer.done; i++)
		loop_turn(f.loop, 5);
	assert_true(answer.done);
	agree_close(a);
	return answer.rc;
}

static struct cidr_pair pair(const char *text)
{
	struct cidr_pair p;

	assert_int_equal(cidr_pair_parse("", text, &p, NULL), 0);
	return p;
}

static void the_first_servers_word_counts(void **state)
{
	static const int masks[] = { 24, 64, 25, 64, 24, 80 };
	const struct cidr_pair s = pair("10.96.0.0/16"), s2 = pair("10.97.0.0/16"), p = pair("10.244.0.0/16,fd00:244::/56"),
		p2 = pair("10.245.0.0/16,fd00:244::/56"), p3 = pair("10.244.0.0/16"), p4 = pair("fd00:244::/56,10.244.0.0/16"),
		same = pair("10.244.3.0/16,FD00:0244:0::/56");
	const struct { const char *what; struct agree_config cfg; const char *way_out; } cases[] = {
		{ "the same", { &s, &p, masks, ca[0].p, key[0].p }, NULL },
		{ "another service range", { &s2, &p, masks, ca[0].p, key[0].p }, "--service-cidr" },
		{ "another range of pods", { &s, &p2, masks, ca[0].p, key[0].p }, "--cluster-cidr" },
		{ "one range less", { &s, &p3, masks, ca[0].p, key[0].p }, "--cluster-cidr" },
		{ "another primary family", { &s, &p4, masks, ca[0].p, key[0].p }, "--cluster-cidr" },
		{ "the same in other words", { &s, &same, masks, ca[0].p, key[0].p }, NULL },
		{ "other blocks", { &s, &p, masks + 2, ca[0].p, key[0].p }, "--node-cidr-mask-size-ipv4" },
		{ "other blocks of IPv6", { &s, &p, masks + 4, ca[0].p, key[0].p }, "--node-cidr-mask-size-ipv6" },
		{ "another authority", { &s, &p, masks, ca[1].p, key[0].p }, "sampan token create --server" },
		{ "another key of accounts", { &s, &p, masks, ca[0].p, key[1].p }, "pki/sa.key" },
	};
	const struct agree_config one = { &s, &p3, masks, ca[0].p, key[0].p };
	struct err e = { 0 };

	assert_int_equal(agree_check(f.cache, &cases[1].cfg, &e), 0);  /* nobody said anything yet */
	assert_int_equal(start(&one), 0);      /* of IPv4 alone, until the next one has both */
	assert_int_equal(agree_check(f.cache, &cases[0].cfg, &e), 0);
	assert_int_equal(start(&cases[0].cfg), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int want = cases[i].way_out ? -ERR_CONFLICT : 0;

		memset(&e, 0, sizeof(e));
		if (agree_check(f.cache, &cases[i].cfg, &e) != want || start(&cases[i].cfg) != want)
			fail_msg("%s: %s", cases[i].what, e.msg);
		if (want && (!strstr(e.msg, cases[i].way_out) || strcmp(e.msg, answer.e.msg) != 0))
			fail_msg("%s: %s; %s", cases[i].what, e.msg, answer.e.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_servers_word_counts, open_all, close_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
