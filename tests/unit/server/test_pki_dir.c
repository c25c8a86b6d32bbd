/* SPDX-License-Identifier: Apache-2.0 */
/* pki_dir - what is made, kept and made again as the clock goes on, or jumps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/env.h"
#include "base/file.h"
#include "http/pki.h"
#include "pki_dir.h"

#define DAY  86400LL
#define YEAR (365 * DAY)
#define BEGIN 1800000000LL

static int64_t clock_s;
static char dir[] = "/tmp/sampan-pki.XXXXXX";

static int64_t now_us(void *arg)
{
	return clock_s * 1000000;
}

static void some_random(void *arg, void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)rand();
}

static int begin(void **state)
{
	static const struct env_ops ops = { now_us, now_us, some_random, NULL };

	env_set(&ops);
	return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	env_set(NULL);
	return file_remove_tree(dir, NULL);
}

static struct pki_dir d;

static void open_at(int64_t s)
{
	struct pki_dir_config cfg = { .dir = dir, .host = "192.0.2.1", .port = 6443, .service_ip = { "10.96.0.1", "" }, .node_name = "n1" };
	struct err e = { 0 };

	pki_dir_finish(&d);
	clock_s = s;
	if (pki_dir_open(&d, &cfg, &e))
		fail_msg("%s", e.msg);
}

static int64_t until(const struct buf *cert)
{
	int64_t s;

	assert_int_equal(pki_not_after(cert->p, &s), 0);
	return s;
}

static const struct {
	const char *name;
	int64_t at_s;
	unsigned made;
	int64_t until_s, renew_s;
} steps[] = {
	{ "the first start", BEGIN, 5, BEGIN + YEAR, BEGIN + YEAR * 3 / 4 },
	{ "the next", BEGIN + DAY, 0, BEGIN + YEAR, BEGIN + YEAR * 3 / 4 },
	{ "a moment before", BEGIN + YEAR * 3 / 4 - 1, 0, BEGIN + YEAR, BEGIN + YEAR * 3 / 4 },
	{ "three quarters on", BEGIN + YEAR * 3 / 4, 5, BEGIN + YEAR * 7 / 4, BEGIN + YEAR * 3 / 2 },
	{ "the clock set back", BEGIN + DAY, 5, BEGIN + DAY + YEAR, BEGIN + DAY + YEAR * 3 / 4 },
	{ "years off", BEGIN + 6 * YEAR, 5, BEGIN + 7 * YEAR, BEGIN + 6 * YEAR + YEAR * 3 / 4 },
	{ "the authority's last months", BEGIN + 10 * YEAR - 30 * DAY, 5, BEGIN + 10 * YEAR, 0 },
	{ "no more often for that", BEGIN + 10 * YEAR - 29 * DAY, 0, BEGIN + 10 * YEAR, 0 },
};

static void certificates_follow_the_clock(void **state)
{
	BUF_AUTO struct buf ca = { 0 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		open_at(steps[i].at_s);
		if (d.made != steps[i].made || until(&d.server_cert) != steps[i].until_s || until(&d.proxy_cert) != steps[i].until_s ||
		    d.renew_s != steps[i].renew_s || d.ca_end_s != BEGIN + 10 * YEAR)
			fail_msg("%s: %u made, until %lld, again at %lld", steps[i].name, d.made, (long long)until(&d.server_cert),
				(long long)d.renew_s);
		if (!i)
			buf_add(&ca, d.ca_cert.p, d.ca_cert.len);
		assert_string_equal(d.ca_cert.p, ca.p);
	}
	pki_dir_finish(&d);
}

static void another_authority_is_refused_before_anything_is_written(void **state)
{
	char other[] = "/tmp/sampan-pki.XXXXXX", path[80];
	struct pki_dir_config cfg = { .dir = other, .host = "192.0.2.1", .port = 6443, .service_ip = { "10.96.0.1", "" }, .node_name = "n1",
		.ca_pem = "another" };
	BUF_AUTO struct buf had = { 0 };
	BUF_AUTO struct buf now = { 0 };
	struct err e = { 0 };

	assert_non_null(mkdtemp(other));
	snprintf(path, sizeof(path), "%s/pki/server.crt", other);
	/* None is made in its place. */
	assert_int_equal(pki_dir_open(&d, &cfg, &e), -ERR_CONFLICT);
	assert_int_equal(file_read(path, 1 << 16, &had, NULL), -ERR_NOT_FOUND);
	pki_dir_finish(&d);
	cfg.ca_pem = NULL;
	clock_s = BEGIN;
	assert_int_equal(pki_dir_open(&d, &cfg, &e), 0);
	pki_dir_finish(&d);
	assert_int_equal(file_read(path, 1 << 16, &had, NULL), 0);
	cfg.ca_pem = "another";
	clock_s = BEGIN + YEAR;
	assert_int_equal(pki_dir_open(&d, &cfg, &e), -ERR_CONFLICT);
	assert_non_null(strstr(e.msg, "ca.crt is another than at the start"));
	pki_dir_finish(&d);
	assert_int_equal(file_read(path, 1 << 16, &now, NULL), 0);
	assert_string_equal(now.p, had.p);
	assert_int_equal(file_remove_tree(other, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(certificates_follow_the_clock),
		cmocka_unit_test(another_authority_is_refused_before_anything_is_written) };

	return cmocka_run_group_tests(tests, begin, end);
}
