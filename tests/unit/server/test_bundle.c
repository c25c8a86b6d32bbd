/* SPDX-License-Identifier: Apache-2.0 */
/* bundle - sealed and opened again; in a directory, and read from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "bundle.h"

static char dir[64];

static int make_dir(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/sampan-bundle.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) { return file_remove_tree(dir, NULL); }

static struct bundle example(bool tls)
{
	struct bundle b = { .store = "etcd://10.0.0.1:2379,10.0.0.2:2379/sampan", .service_cidr = "10.96.0.0/16",
		.cluster_cidr = "10.244.0.0/16,fd00:1111:2222:3333:4444:5555:6666:0/112", .node_masks = "24,120" };

	buf_adds(&b.file[BUNDLE_CA_CERT], "CA\n");
	buf_adds(&b.file[BUNDLE_CA_KEY], "CA \"KEY\"\n");
	buf_adds(&b.file[BUNDLE_SA_KEY], "SA KEY\n");
	if (tls) {
		buf_adds(&b.file[BUNDLE_STORE_CA], "STORE CA\n");
		buf_adds(&b.file[BUNDLE_STORE_CERT], "STORE CERT\n");
		buf_adds(&b.file[BUNDLE_STORE_KEY], "STORE KEY\n");
	}
	return b;
}

static void assert_same(const struct bundle *a, const struct bundle *b)
{
	assert_string_equal(a->store, b->store);
	assert_string_equal(a->service_cidr, b->service_cidr);
	assert_string_equal(a->cluster_cidr, b->cluster_cidr);
	assert_string_equal(a->node_masks, b->node_masks);
	for (int i = 0; i < BUNDLE_FILES; i++) {
		assert_int_equal(a->file[i].p != NULL, b->file[i].p != NULL);
		if (a->file[i].p)
			assert_string_equal(a->file[i].p, b->file[i].p);
	}
}

static const struct {
	const char *name, *id;
	bool other_key;
	int cut, flip;                 /* bytes off the end; the byte that is changed, -1: none */
	int want;
} unseal_cases[] = {
	{ "as it was", "abcdef", false, 0, -1, 0 },
	{ "another key", "abcdef", true, 0, -1, -ERR_INVALID },
	{ "of another token", "abcdeg", false, 0, -1, -ERR_INVALID },
	{ "the nonce changed", "abcdef", false, 0, 0, -ERR_INVALID },
	{ "the text changed", "abcdef", false, 0, 40, -ERR_INVALID },
	{ "cut", "abcdef", false, 1, -1, -ERR_INVALID },
	{ "nearly nothing", "abcdef", false, -28, -1, -ERR_INVALID },
	{ "nothing", "abcdef", false, -1, -1, -ERR_INVALID },
};

static void only_the_key_opens_it_and_only_unchanged(void **state)
{
	char key[BUNDLE_KEY_MAX], other[BUNDLE_KEY_MAX];

	bundle_key(key);
	bundle_key(other);
	assert_true(bundle_key_form(key) && strcmp(key, other) != 0);
	for (size_t i = 0; i < sizeof(unseal_cases) / sizeof(*unseal_cases); i++)
		for (int tls = 0; tls < 2; tls++) {
			struct bundle b = example(tls), back;
			struct buf sealed = { 0 };
			struct err e = { 0 };
			size_t n;

			assert_int_equal(bundle_seal(&b, key, "abcdef", &sealed, NULL), 0);
			assert_null(memmem(sealed.p, sealed.len, "KEY", 3));
			n = unseal_cases[i].cut < 0 ? (size_t)-unseal_cases[i].cut : sealed.len - (size_t)unseal_cases[i].cut;
			if (unseal_cases[i].flip >= 0)
				sealed.p[unseal_cases[i].flip] ^= 1;
			if (bundle_unseal(&back, unseal_cases[i].other_key ? other : key, unseal_cases[i].id, sealed.p, n, &e) != unseal_cases[i].want)
				fail_msg("%s: %s", unseal_cases[i].name, e.msg);
			if (!unseal_cases[i].want)
				assert_same(&b, &back);
			bundle_finish(&back);
			bundle_finish(&b);
			buf_finish(&sealed);
		}
}

static void what_is_written_is_read_again(void **state)
{
	static const struct { const char *path; mode_t mode; } modes[] = { { "pki/ca.key", 0600 }, { "pki/sa.key", 0600 },
		{ "pki/ca.crt", 0644 }, { "server/store.key", 0600 }, { "server/shared.json", 0600 } };
	struct bundle b = example(true), back;
	struct stat st;
	char path[200];

	struct bundle_settings s;
	char whole[200];

	assert_int_equal(chdir(dir), 0);
	assert_int_equal(bundle_write(".", &b, NULL), 0);      /* what is kept is absolute all the same */
	assert_int_equal(bundle_settings_read(dir, &s, NULL), 0);
	snprintf(whole, sizeof(whole), "%s/server/store.key", dir);
	assert_string_equal(s.path[BUNDLE_STORE_KEY], whole);
	assert_int_equal(chdir("/"), 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, modes[i].path);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, modes[i].mode);
	}
	assert_int_equal(bundle_read(dir, &back, NULL), 0);
	assert_same(&b, &back);
	bundle_finish(&back);
	bundle_finish(&b);
}

static void a_store_that_is_not_shared_is_told_how_it_may_be(void **state)
{
	struct bundle_settings s = { .store = "etcd://h", .service_cidr = "a", .cluster_cidr = "b" };
	struct bundle b;
	struct err e = { 0 };
	char server[100];

	snprintf(server, sizeof(server), "%s/server", dir);
	assert_int_equal(file_mkdirs(server, 0700, NULL), 0);
	assert_int_equal(bundle_settings_write(dir, NULL, NULL), 0);
	assert_int_equal(bundle_settings_write(dir, &s, NULL), 0);
	assert_int_equal(bundle_settings_write(dir, NULL, NULL), 0);   /* it went back to a file */
	assert_int_equal(bundle_read(dir, &b, &e), -ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "sampan store migrate"));
	bundle_finish(&b);
}

static void settings_that_are_damaged_are_refused(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{\"store\":1}", "{\"store\":\"etcd://h\"}",
		"{\"store\":\"a\\u0000b\",\"serviceCIDR\":\"a\",\"clusterCIDR\":\"b\"}",
		"{\"store\":\"etcd://h\",\"serviceCIDR\":\"\",\"clusterCIDR\":\"b\"}",
		"{\"store\":\"etcd://h\",\"serviceCIDR\":\"01234567890123456789012345678901234567890123456789"
		"01234567890123456789012345678901234567890123456789012345\",\"clusterCIDR\":\"b\"}" };
	struct bundle_settings s;
	char path[100];

	snprintf(path, sizeof(path), "%s/server", dir);
	assert_int_equal(file_mkdirs(path, 0700, NULL), 0);
	snprintf(path, sizeof(path), "%s/server/shared.json", dir);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(file_replace(path, texts[i], strlen(texts[i]), 0600, NULL), 0);
		if (bundle_settings_read(dir, &s, NULL) != -ERR_CORRUPT)
			fail_msg("%s", texts[i]);
	}
}

int main(void)
{
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_key_opens_it_and_only_unchanged),
		IN_DIR(what_is_written_is_read_again),
		IN_DIR(a_store_that_is_not_shared_is_told_how_it_may_be),
		IN_DIR(settings_that_are_damaged_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
