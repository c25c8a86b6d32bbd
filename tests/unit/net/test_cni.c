/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations, results and errors of plugins, as tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/loop.h"
#include "net/cni_priv.h"

static const struct {
	const char *name, *text;
	int want;
	const char *say;               /* in the message, or the number of plugins */
} conf_cases[] = {
	{ "a list", "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"a\"},{\"type\":\"b\"}]}", 0, "2" },
	{ "one plugin", "{\"cniVersion\":\"0.3.1\",\"name\":\"n\",\"type\":\"bridge\"}", 0, "1" },
	{ "0.4.0", "{\"cniVersion\":\"0.4.0\",\"name\":\"n.x_y-z\",\"type\":\"a\"}", 0, "1" },
	{ "an older version", "{\"cniVersion\":\"0.2.0\",\"name\":\"n\",\"type\":\"a\"}", -ERR_INVALID, "cniVersion \"0.2.0\"" },
	{ "no version", "{\"name\":\"n\",\"type\":\"a\"}", -ERR_INVALID, "cniVersion" },
	{ "no name", "{\"cniVersion\":\"1.0.0\",\"type\":\"a\"}", -ERR_INVALID, "name" },
	{ "a name that is a path", "{\"cniVersion\":\"1.0.0\",\"name\":\"../n\",\"type\":\"a\"}", -ERR_INVALID, "name" },
	{ "a type that is a path", "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"../../bin/sh\"}", -ERR_INVALID, "type" },
	{ "neither plugins nor type", "{\"cniVersion\":\"1.0.0\",\"name\":\"n\"}", -ERR_INVALID, "plugins" },
	{ "no plugins", "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[]}", -ERR_INVALID, "plugins" },
	{ "a plugin that is none", "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[1]}", -ERR_INVALID, "plugins[0]" },
	{ "not an object", "[]", -ERR_INVALID, "object" },
	{ "cut short", "{\"cniVersion\":", -ERR_BAD_REQUEST, "" },
};

static void configurations_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(conf_cases) / sizeof(*conf_cases); i++) {
		ARENA_AUTO struct arena *a = arena_open(CNI_ARENA_BYTES);
		struct err e = { 0 };
		struct cni_list l;
		int rc = cni_list_parse(a, &l, conf_cases[i].text, strlen(conf_cases[i].text), &e);

		if (rc != conf_cases[i].want || (rc ? !strstr(e.msg, conf_cases[i].say) : (int)l.count != atoi(conf_cases[i].say)))
			fail_msg("%s: %d %s", conf_cases[i].name, rc, e.msg);
	}
}

static const struct { const char *name, *files, *want; int rc; } choice_cases[] = {       /* files: "name=kind ..."; g: good, b: bad */
	{ "nothing there", "", "", -ERR_NOT_FOUND },
	{ "other files", "README=g x.yaml=g .conf=g", "", -ERR_NOT_FOUND },
	{ "the first by name", "20-b.conf=g 10-a.json=g 30-c.conflist=g", "10-a.json", 0 },
	{ "a bad one is passed over", "10-a.conf=b 20-b.conflist=g", "20-b.conflist", 0 },
	{ "bad ones only", "10-a.conf=b 20-b.conf=b", "10-a.conf", -ERR_INVALID },
};

static void the_first_good_configuration_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(choice_cases) / sizeof(*choice_cases); i++) {
		ARENA_AUTO struct arena *a = arena_open(CNI_ARENA_BYTES);
		char dir[] = "/tmp/sampan-test-cni.XXXXXX", file[256] = "", name[64], kind, path[128];
		struct cni_list l;
		struct err e = { 0 };
		int rc, n;

		assert_non_null(mkdtemp(dir));
		for (const char *p = choice_cases[i].files; sscanf(p, " %63[^=]=%c%n", name, &kind, &n) == 2; p += n) {
			const char *text = kind == 'g' ? "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"a\"}" : "{}";

			snprintf(path, sizeof(path), "%s/%s", dir, name);
			assert_int_equal(file_replace(path, text, strlen(text), 0600, NULL), 0);
		}
		rc = cni_choose(a, dir, &l, file, &e);
		if (rc != choice_cases[i].rc || !strstr(rc ? e.msg : file, choice_cases[i].want))
			fail_msg("%s: %d %s %s", choice_cases[i].name, rc, file, e.msg);
		file_remove_tree(dir, NULL);
	}
}

static void plugins_get_what_they_declare(void **state)
{
	static const char conf[] = "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"a\",\"x\":1,\"prevResult\":2},"
		"{\"type\":\"b\",\"capabilities\":{\"portMappings\":true}}]}";
	static const char *const want[] = {
		"{\"type\":\"a\",\"x\":1,\"name\":\"n\",\"cniVersion\":\"1.0.0\",\"prevResult\":{\"r\":1}}",
		"{\"type\":\"b\",\"name\":\"n\",\"cniVersion\":\"1.0.0\",\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":80}]},\"prevResult\":{\"r\":1}}",
	};
	ARENA_AUTO struct arena *a = arena_open(CNI_ARENA_BYTES);
	yyjson_doc *ports, *prev;
	struct cni_list l;

	(void)state;
	assert_int_equal(cni_list_parse(a, &l, conf, strlen(conf), NULL), 0);
	assert_int_equal(doc_parse(a, "[{\"hostPort\":80}]", 17, &ports, NULL), 0);
	assert_int_equal(doc_parse(a, "{\"r\":1}", 7, &prev, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		BUF_AUTO struct buf out = { 0 };

		assert_int_equal(cni_input(&out, &l, i, yyjson_doc_get_root(ports), yyjson_doc_get_root(prev)), 0);
		assert_string_equal(out.p, want[i]);
	}
}

#define V "{\"cniVersion\":\"1.0.0\","
static const struct { const char *name, *text; int want; const char *ip4, *ip6; } result_cases[] = {
	{ "one address", V "\"ips\":[{\"address\":\"10.1.0.2/24\"}]}", 0, "10.1.0.2", "" },
	{ "both families", V "\"ips\":[{\"address\":\"fd00::2/64\"},{\"address\":\"10.1.0.2/24\"}]}", 0, "10.1.0.2", "fd00::2" },
	{ "the first of a family", V "\"ips\":[{\"address\":\"10.1.0.2/24\"},{\"address\":\"10.1.0.3/24\"}]}", 0, "10.1.0.2", "" },
	{ "eth0's only", V "\"interfaces\":[{\"name\":\"br\"},{\"name\":\"eth0\",\"sandbox\":\"/n\"}],\"ips\":[{\"interface\":0,\"address\":\"10.1.0.1/24\"},"
		"{\"interface\":1,\"address\":\"10.1.0.2/24\"}]}", 0, "10.1.0.2", "" },
	{ "an interface that is not told", V "\"ips\":[{\"interface\":7,\"address\":\"10.1.0.1/24\"}]}", 0, "", "" },
	{ "a negative interface", V "\"ips\":[{\"interface\":-1,\"address\":\"10.1.0.1/24\"}]}", 0, "", "" },
	{ "none", V "\"ips\":[]}", 0, "", "" },
	{ "another version", "{\"cniVersion\":\"0.2.0\"}", -ERR_INVALID, "", "" },
	{ "no version", "{}", -ERR_INVALID, "", "" },
	{ "not an address", V "\"ips\":[{\"address\":\"ten\"}]}", -ERR_INVALID, "", "" },
	{ "a long one", V "\"ips\":[{\"address\":\"1111111111111111111111111111111111111111111111111111/8\"}]}", -ERR_INVALID, "", "" },
	{ "not an object", "[]", -ERR_INVALID, "", "" },
	{ "null", "null", -ERR_INVALID, "", "" },
};

static void results_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(result_cases) / sizeof(*result_cases); i++) {
		ARENA_AUTO struct arena *a = arena_open(CNI_ARENA_BYTES);
		struct cni_result r;
		struct err e = { 0 };
		yyjson_doc *d;
		int rc;

		assert_int_equal(doc_parse(a, result_cases[i].text, strlen(result_cases[i].text), &d, NULL), 0);
		rc = cni_result_read(&r, yyjson_doc_get_root(d), "1.0.0", &e);
		if (rc != result_cases[i].want || (rc && !*e.msg) || (!rc && (strcmp(r.ip4, result_cases[i].ip4) || strcmp(r.ip6, result_cases[i].ip6))))
			fail_msg("%s: %d \"%s\" \"%s\" %s", result_cases[i].name, rc, r.ip4, r.ip6, e.msg);
	}
}

static const struct { const char *name, *said, *errors, *want; } failure_cases[] = {
	{ "as specified", "{\"code\":7,\"msg\":\"no\",\"details\":\"way\"}", "noise", "no; way" },
	{ "without details", "{\"code\":7,\"msg\":\"no\"}", "", "no" },
	{ "letters that are none", "{\"msg\":\"a\\nb\\u0007c\\n\"}", "", "a b?c" },
	{ "not JSON", "oops\n", "", "it did not say why as the specification has it: oops" },
	{ "on the other output", "", "panic: x", "it did not say why as the specification has it: panic: x" },
	{ "without a message", "{\"code\":7}", "", "it did not say why as the specification has it: {\"code\":7}" },
	{ "nothing", "", "", "it did not say why" },
	{ "blanks", "{\"msg\":\" \\n\"}", "", "it did not say why" },
};

static void failures_are_told(void **state)
{
	char out[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(failure_cases) / sizeof(*failure_cases); i++) {
		cni_failure(out, sizeof(out), failure_cases[i].said, strlen(failure_cases[i].said), failure_cases[i].errors,
			strlen(failure_cases[i].errors));
		if (strcmp(out, failure_cases[i].want))
			fail_msg("%s: \"%s\"", failure_cases[i].name, out);
	}
}

static void a_record_comes_back(void **state)
{
	static const char text[] = "{\"list\":{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"a\"}]},\"netns\":\"/run/n\",\"args\":\"A=1;B=\\\"\","
		"\"bins\":\"/b\",\"ident\":\"boot/1/2\",\"ports\":[{\"hostPort\":80}],\"result\":{\"ips\":[]}}";
	BUF_AUTO struct buf out = { 0 };
	struct cni_record r;
	struct err e;

	(void)state;
	assert_int_equal(cni_record_parse(&r, text, strlen(text), NULL), 0);
	assert_int_equal(cni_record_text(&out, &r), 0);
	assert_string_equal(out.p, text);
	cni_record_finish(&r);
	/* Whatever is cut off of it, it is refused. */
	for (size_t n = 0; n < strlen(text); n++)
		assert_true(cni_record_parse(&r, text, n, &e) < 0);
}

static const struct { const char *name; bool conf, record, lease; const char *dir; int want; bool opened; const char *say; } open_cases[] = {
	{ "nothing there: our own network", false, false, false, "conf", 0, false, "" },
	{ "our own, with pods", false, false, true, "conf", 0, false, "" },
	{ "a configuration", true, false, false, "conf", 0, true, "" },
	{ "and pods that it attached", true, true, false, "conf", 0, true, "" },
	{ "a configuration beside pods of our own", true, false, true, "conf", -ERR_CONFLICT, false, "drain" },
	{ "the same, not wanted", true, false, true, NULL, 0, false, "" },
	{ "pods whose configuration went", false, true, false, "conf", -ERR_INVALID, false, "put it back" },
};

static void who_has_the_pods_is_decided_at_the_start(void **state)
{
	static const char conf[] = "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"a\"}", record[] = "{\"list\":{\"cniVersion\":\"1.0.0\","
		"\"name\":\"n\",\"plugins\":[{\"type\":\"a\"}]},\"netns\":\"/n\",\"args\":\"\",\"bins\":\"\",\"ident\":\"\"}";
	struct loop *l;

	(void)state;
	assert_int_equal(loop_open(&l), 0);
	for (size_t i = 0; i < sizeof(open_cases) / sizeof(*open_cases); i++) {
		char dir[] = "/tmp/sampan-test-cni.XXXXXX", conf_dir[64], path[128];
		struct cni_config cfg = { .conf_dir = open_cases[i].dir ? conf_dir : "", .bin_dirs = "/none", .state_dir = dir };
		struct cni *c;
		struct err e = { 0 };
		int rc;

		assert_non_null(mkdtemp(dir));
		snprintf(conf_dir, sizeof(conf_dir), "%s/conf", dir);
		for (unsigned k = 0; k < 3; k++) {
			static const char *const dirs[] = { "conf", "cni", "leases" }, *const files[] = { "conf/1.conf", "cni/uid-1", "leases/10.244.0.2" };
			const char *text[] = { conf, record, "uid-1" };
			bool wanted[] = { open_cases[i].conf, open_cases[i].record, open_cases[i].lease };

			snprintf(path, sizeof(path), "%s/%s", dir, dirs[k]);
			assert_int_equal(file_mkdirs(path, 0700, NULL), 0);
			snprintf(path, sizeof(path), "%s/%s", dir, files[k]);
			if (wanted[k])
				assert_int_equal(file_replace(path, text[k], strlen(text[k]), 0600, NULL), 0);
		}
		rc = cni_open(&c, l, &cfg, &e);
		if (rc != open_cases[i].want || (c != NULL) != open_cases[i].opened || !strstr(e.msg, open_cases[i].say))
			fail_msg("%s: %d %p %s", open_cases[i].name, rc, (void *)c, e.msg);
		cni_close(c);
		file_remove_tree(dir, NULL);
	}
	loop_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configurations_are_read),
		cmocka_unit_test(the_first_good_configuration_counts),
		cmocka_unit_test(plugins_get_what_they_declare),
		cmocka_unit_test(results_are_read),
		cmocka_unit_test(failures_are_told),
		cmocka_unit_test(a_record_comes_back),
		cmocka_unit_test(who_has_the_pods_is_decided_at_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
