/* SPDX-License-Identifier: Apache-2.0 */
/* Names of images, manifests, credentials, users: what is decided without I/O. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "agent/image.h"
#include "agent/image_name.h"
#include "agent/registry.h"
#include "base/file.h"

#define D64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define E64 "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct { const char *ref, *full; } names[] = {
	{ "nginx", "docker.io/library/nginx:latest" },
	{ "nginx:1.25", "docker.io/library/nginx:1.25" },
	{ "user/app", "docker.io/user/app:latest" },
	{ "docker.io/nginx", "docker.io/library/nginx:latest" },
	{ "index.docker.io/user/app:x", "docker.io/user/app:x" },
	{ "localhost/app", "localhost/app:latest" },
	{ "localhost:5000/app:1", "localhost:5000/app:1" },
	{ "host:5000/a/b/c", "host:5000/a/b/c:latest" },
	{ "example.com/a__b/c-d.e:T_1.0", "example.com/a__b/c-d.e:T_1.0" },
	{ "[::1]:5000/app", "[::1]:5000/app:latest" },
	{ "nginx@sha256:" D64, "docker.io/library/nginx@sha256:" D64 },
	{ "nginx:1@sha256:" D64, "docker.io/library/nginx@sha256:" D64 },
	{ "", NULL }, { "UPPER", NULL }, { "a//b", NULL }, { "a/", NULL }, { "/a", NULL }, { "a:", NULL }, { "a:b:c", NULL },
	{ "a@sha256:1234", NULL }, { "a@md5:" D64, NULL }, { "-a", NULL }, { "a-", NULL }, { "a..b", NULL }, { "a___b", NULL },
	{ "host:99999/a", NULL }, { "ho st.x/a", NULL }, { "a b", NULL }, { "a:-x", NULL }, { "../etc/passwd", NULL },
	{ "host.x/../a", NULL }, { "a\nb", NULL },
};

static void test_names(void **state)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct buf out = { 0 };
		struct err e;
		int rc = image_normalize(&out, names[i].ref, &e);

		print_message("\"%s\"\n", names[i].ref);
		if (names[i].full) {
			assert_int_equal(rc, 0);
			assert_string_equal(out.p, names[i].full);
		} else {
			assert_int_equal(rc, -ERR_BAD_REQUEST);
		}
		buf_finish(&out);
	}
}

static void test_loopback_hosts(void **state)
{
	assert_true(image_host_is_loopback("localhost"));
	assert_true(image_host_is_loopback("localhost:5000"));
	assert_true(image_host_is_loopback("127.3.2.1:5000"));
	assert_true(image_host_is_loopback("[::1]:5000"));
	assert_false(image_host_is_loopback("localhost.example.com"));
	assert_false(image_host_is_loopback("127.0.0.1.example.com"));
	assert_false(image_host_is_loopback("10.0.0.1:5000"));
	assert_false(image_host_is_loopback("[::2]:5000"));
}

static const struct { const char *registry, *ref; bool fits; } auths[] = {
	{ "docker.io", "nginx", true }, { "https://index.docker.io/v1/", "nginx", true }, { "quay.io", "nginx", false },
	{ "quay.io", "quay.io/a/b", true }, { "https://quay.io/a", "quay.io/a/b", true }, { "quay.io/a", "quay.io/ab/c", false },
	{ "quay.io/a/b/", "quay.io/a/b", true }, { "host:5000", "host:5001/x", false }, { "HOST:5000", "host:5000/x", true },
};

static void test_credentials_fit(void **state)
{
	for (size_t i = 0; i < sizeof(auths) / sizeof(*auths); i++) {
		struct image_name n;

		assert_int_equal(image_name_parse(&n, auths[i].ref, NULL), 0);
		print_message("%s for %s\n", auths[i].registry, auths[i].ref);
		assert_int_equal(image_auth_fits(auths[i].registry, &n), auths[i].fits);
	}
}

#define DESC(d) "{\"mediaType\":\"x\",\"digest\":\"sha256:" d "\",\"size\":7}"
#define FOR(os, arch, d) "{\"digest\":\"sha256:" d "\",\"size\":7,\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"}}"
static const struct { const char *name, *json; int rc; const char *chosen, *says; unsigned layers; } manifests[] = {
	{ "one image", "{\"schemaVersion\":2,\"config\":" DESC(D64) ",\"layers\":[" DESC(E64) "," DESC(D64) "]}", 0, "", "", 2 },
	{ "an index", "{\"schemaVersion\":2,\"manifests\":[" FOR("windows", "amd64", D64) "," FOR("linux", "arm64", D64) ","
		FOR("linux", "amd64", E64) "]}", 0, "sha256:" E64, "", 0 },
	{ "an index of one without a platform", "{\"manifests\":[" DESC(D64) "]}", 0, "sha256:" D64, "", 0 },
	{ "nothing for this machine", "{\"manifests\":[" FOR("linux", "arm64", D64) "," FOR("unknown", "unknown", E64) "]}",
		-ERR_INVALID, "", "no image for linux/amd64; it is there for linux/arm64", 0 },
	{ "schema 1", "{\"schemaVersion\":1,\"fsLayers\":[]}", -ERR_INVALID, "", "schema 1", 0 },
	{ "no JSON", "<html>", -ERR_INVALID, "", "not a JSON object", 0 },
	{ "no config", "{\"schemaVersion\":2,\"layers\":[]}", -ERR_INVALID, "", "no config", 0 },
	{ "a digest that climbs", "{\"config\":" DESC(D64) ",\"layers\":[{\"digest\":\"sha256:../../etc\",\"size\":1}]}",
		-ERR_INVALID, "", "malformed", 0 },
	{ "a negative size", "{\"config\":" DESC(D64) ",\"layers\":[{\"digest\":\"sha256:" D64 "\",\"size\":-1}]}",
		-ERR_INVALID, "", "malformed", 0 },
	{ "too many layers", "{\"config\":" DESC(D64) ",\"layers\":[" DESC(D64) "," DESC(D64) "," DESC(D64) "," DESC(D64) "]}",
		-ERR_SIZE, "", "limit", 0 },
};

static void test_manifests(void **state)
{
	for (size_t i = 0; i < sizeof(manifests) / sizeof(*manifests); i++) {
		struct manifest m;
		struct err e = { 0 };

		print_message("%s\n", manifests[i].name);
		assert_int_equal(manifest_parse(&m, manifests[i].json, strlen(manifests[i].json), "amd64", 3, &e), manifests[i].rc);
		if (manifests[i].rc) {
			assert_non_null(strstr(e.msg, manifests[i].says));
			continue;
		}
		assert_string_equal(m.chosen, manifests[i].chosen);
		assert_int_equal(m.layer_count, manifests[i].layers);
		manifest_finish(&m);
	}
}

static void test_layers_are_named_by_all_below(void **state)
{
	static const char config[] = "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[\"sha256:" D64 "\",\"sha256:" E64 "\"]}}";
	struct image_layers l;
	struct err e;

	assert_int_equal(image_layers_parse(&l, config, strlen(config), "amd64", 9, &e), 0);
	assert_int_equal(l.count, 2);
	assert_string_equal(l.chain_ids[0], "sha256:" D64);
	/* printf 'sha256:0123.. sha256:f123..' | sha256sum */
	assert_string_equal(l.chain_ids[1], "sha256:d4cf917534669162e010cf030f0af58c3472813514225293f7879eee14c02aae");
	image_layers_finish(&l);
	assert_int_equal(image_layers_parse(&l, config, strlen(config), "arm64", 9, &e), -ERR_INVALID);
	assert_string_equal(e.msg, "the image is for linux/amd64, this machine is linux/arm64");
	assert_int_equal(image_layers_parse(&l, config, strlen(config), "amd64", 1, &e), -ERR_SIZE);
	assert_int_equal(image_layers_parse(&l, "[]", 2, "amd64", 1, &e), -ERR_INVALID);
}

static void test_challenges(void **state)
{
	struct registry_challenge c;

	assert_true(registry_parse_challenge("Bearer realm=\"https://auth.x/token\",service=\"reg.x\",scope=\"repository:a/b:pull,push\"", &c));
	assert_string_equal(c.scheme, "Bearer");
	assert_string_equal(c.realm, "https://auth.x/token");
	assert_string_equal(c.service, "reg.x");
	assert_string_equal(c.scope, "repository:a/b:pull,push");
	assert_true(registry_parse_challenge("Basic realm=x", &c));
	assert_string_equal(c.scheme, "Basic");
	assert_string_equal(c.realm, "x");
	assert_true(registry_parse_challenge("Bearer realm=\"a\\\"b\", unknown=\"c\"", &c));
	assert_string_equal(c.realm, "a\"b");
	assert_true(registry_parse_challenge("Bearer realm=\"open", &c));
	assert_string_equal(c.realm, "open");
	assert_false(registry_parse_challenge("", &c));
}

static const struct { const char *user; int rc; uint32_t uid, gid; unsigned groups; const char *home; } users[] = {
	{ "", 0, 0, 0, 0, "/root" },
	{ "0", 0, 0, 0, 0, "/root" },
	{ "www", 0, 33, 34, 2, "/var/www" },
	{ "33", 0, 33, 34, 2, "/var/www" },
	{ "www:0", 0, 33, 0, 0, "/var/www" },
	{ "www:extra", 0, 33, 50, 0, "/var/www" },
	{ "1234", 0, 1234, 0, 0, "/" },
	{ "1234:5678", 0, 1234, 5678, 0, "/" },
	{ "nobody-here", -ERR_NOT_FOUND, 0, 0, 0, NULL },
	{ "0:no-group", -ERR_NOT_FOUND, 0, 0, 0, NULL },
	{ "4294967295", -ERR_NOT_FOUND, 0, 0, 0, NULL },
	{ "-1", -ERR_NOT_FOUND, 0, 0, 0, NULL },
};

static void test_users(void **state)
{
	char dir[] = "/tmp/sampan-user-XXXXXX", path[64];
	static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\nbroken\n\nwww:x:33:34::/var/www:\n";
	static const char group[] = "root:x:0:\nwww:x:34:\nextra:x:50:a,www\nmore:x:51:www,b\nnot:x:52:wwww\n";
	struct err e;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/etc", dir);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/etc/passwd", dir);
	file_replace(path, passwd, strlen(passwd), 0644, &e);
	snprintf(path, sizeof(path), "%s/etc/group", dir);
	file_replace(path, group, strlen(group), 0644, &e);
	for (size_t i = 0; i < sizeof(users) / sizeof(*users); i++) {
		struct image_user u;

		print_message("\"%s\"\n", users[i].user);
		assert_int_equal(image_user(dir, users[i].user, &u, &e), users[i].rc);
		if (users[i].rc)
			continue;
		assert_int_equal(u.uid, users[i].uid);
		assert_int_equal(u.gid, users[i].gid);
		assert_int_equal(u.group_count, users[i].groups);
		assert_string_equal(u.home, users[i].home);
	}
	/* A link out of the root leads back into it. */
	unlink(path);
	assert_int_equal(symlink("/../../../../etc/group", path), 0);
	{
		struct image_user u;

		assert_int_equal(image_user(dir, "33:daemon", &u, &e), -ERR_NOT_FOUND);
	}
	assert_int_equal(file_remove_tree(dir, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_loopback_hosts),
		cmocka_unit_test(test_credentials_fit),
		cmocka_unit_test(test_manifests),
		cmocka_unit_test(test_layers_are_named_by_all_below),
		cmocka_unit_test(test_challenges),
		cmocka_unit_test(test_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
