/* SPDX-License-Identifier: Apache-2.0 */
/* test_dual - two servers of both address families over one store: no address of either is given out twice. */
#include "base/cidr.h"
#include "base/text.h"
#include "fixture.h"
#include "twin.h"

#define SERVICES "/api/v1/namespaces/default/services"
#define MANY 60
#define BODY "{\"metadata\":{\"name\":\"%s%u\"},\"spec\":{\"ports\":[{\"port\":80}],%s}}"

static struct both {
	struct twin_log log;
	struct loop *loop;
	struct fixture a, b;
} t;

static int setup(void **state)
{
	memset(&t, 0, sizeof(t));
	fixture_services = "10.96.0.0/24,fd00:96::/120";
	assert_int_equal(loop_open(&t.loop), 0);
	t.a.loop = t.b.loop = t.loop;
	t.a.store = twin_open(&t.log, t.loop);
	t.b.store = twin_open(&t.log, t.loop);
	fixture_start(&t.a, false);
	fixture_start(&t.b, false);
	return 0;
}

static void rest(void)
{
	for (int i = 0; i < 30; i++)
		loop_turn(t.loop, 5);
}

static int teardown(void **state)
{
	struct fixture *all[] = { &t.a, &t.b };

	rest();
	for (size_t i = 0; i < 2; i++) {
		api_close(all[i]->api);
		cache_close(all[i]->cache);
		store_close(all[i]->store);
		buf_finish(&all[i]->body);
	}
	loop_close(t.loop);
	twin_log_finish(&t.log);
	return 0;
}

struct one { int status; char ips[2][46]; };
static struct one ones[MANY];
static unsigned left;

static void answered(void *arg, int status, const struct blob *body)
{
	static const char *const paths[] = { "spec.clusterIPs.0", "spec.clusterIPs.1" };
	struct one *o = arg;
	yyjson_doc *d = yyjson_read(body->p, body->len, 0);

	o->status = status;
	for (int i = 0; i < 2; i++) {
		const char *ip = doc_str(yyjson_doc_get_root(d), paths[i]);

		snprintf(o->ips[i], sizeof(o->ips[i]), "%s", ip ? ip : "");
	}
	yyjson_doc_free(d);
	left--;
}

/* Through both servers in turn, at once. How many were made. */
static unsigned race(unsigned n, const char *prefix, const char *spec)
{
	static const char *const groups[] = { "system:masters", NULL };
	static const struct user admin = { .name = "admin", .groups = groups };
	unsigned made = 0;

	left = n;
	memset(ones, 0, sizeof(ones));
	for (unsigned i = 0; i < n; i++) {
		char body[600];
		struct api_call q = { .method = "POST", .path = SERVICES, .content_type = "application/json", .body = body, .user = &admin };

		q.body_len = (size_t)snprintf(body, sizeof(body), BODY, prefix, i, spec);
		assert_int_equal(api_call(i % 2 ? t.b.api : t.a.api, &q, answered, &ones[i]), 0);
	}
	for (int i = 0; i < 5000 && left; i++)
		loop_turn(t.loop, 10);
	assert_int_equal(left, 0);
	for (unsigned i = 0; i < n; i++)
		made += ones[i].status == 201;
	return made;
}

static void no_address_of_either_family_is_given_twice(void **state)
{
	struct cidr four, six;

	assert_int_equal(cidr_parse("10.96.0.0/24", &four), 0);
	assert_int_equal(cidr_parse("fd00:96::/120", &six), 0);
	assert_int_equal(race(MANY, "x", "\"ipFamilyPolicy\":\"RequireDualStack\""), MANY);
	for (unsigned i = 0; i < MANY; i++) {
		uint8_t addr[16];
		int family;

		assert_false(text_parse_ip(ones[i].ips[0], &family, addr) || !cidr_has(&four, family, addr));
		assert_false(text_parse_ip(ones[i].ips[1], &family, addr) || !cidr_has(&six, family, addr));
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(ones[i].ips[0], ones[j].ips[0]) || !strcmp(ones[i].ips[1], ones[j].ips[1]))
				fail_msg("x%u and x%u: %s %s", i, j, ones[i].ips[0], ones[i].ips[1]);
	}
}

/* The second address, asked for by all: one has it, and what the others held of the first family is free again. */
static void a_second_address_goes_to_one(void **state)
{
	char path[100];

	assert_int_equal(race(20, "w", "\"ipFamilyPolicy\":\"RequireDualStack\",\"ipFamilies\":[\"IPv6\",\"IPv4\"],"
		"\"clusterIP\":\"fd00:96::77\",\"clusterIPs\":[\"fd00:96::77\"]"), 1);
	assert_int_equal(race(20, "v", "\"ipFamilyPolicy\":\"PreferDualStack\",\"clusterIP\":\"10.96.0.99\","
		"\"clusterIPs\":[\"10.96.0.99\",\"fd00:96::78\"]"), 1);
	/* Given back with its family by one server, taken through the other. */
	for (unsigned i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), SERVICES "/v%u", i);
		fixture_call(i % 2 ? &t.a : &t.b, "PATCH", path, NULL, "application/merge-patch+json", "{\"spec\":{\"ipFamilyPolicy\":\"SingleStack\"}}");
	}
	assert_int_equal(race(2, "u", "\"clusterIP\":\"fd00:96::78\""), 1);
	assert_int_equal(race(2, "s", "\"clusterIP\":\"10.96.0.99\""), 0);
}

/* All 253 and 255 of small ranges, no one more; a range of IPv6 has no broadcast address. */
static void a_range_is_given_out_whole(void **state)
{
	unsigned six = 0;

	for (int round = 0; round < 5; round++) {
		char prefix[8];

		snprintf(prefix, sizeof(prefix), "r%d-", round);
		six += race(MANY, prefix, "\"ipFamilies\":[\"IPv6\"]");
		rest();
	}
	assert_int_equal(six, 255);
	assert_int_equal(race(1, "four", "\"ipFamilies\":[\"IPv4\"]"), 1);
	assert_int_equal(race(1, "both", "\"ipFamilyPolicy\":\"PreferDualStack\""), 0);
	assert_int_equal(ones[0].status, 500);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_address_of_either_family_is_given_twice),
		TEST(a_second_address_goes_to_one),
		TEST(a_range_is_given_out_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
