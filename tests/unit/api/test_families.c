/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_families - which families a Service has, by what is said and what the cloud has.
 * Source: kubernetes pkg/registry/core/service/storage/rest_test.go (cases of TestCreateInitIPFields,
 * TestFeatureClusterIPs and others there).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "api/alloc_priv.h"

enum { V4, V6, V46, V64 };
static const int clouds[][2] = { [V4] = { 4, 0 }, [V6] = { 6, 0 }, [V46] = { 4, 6 }, [V64] = { 6, 4 } };

#define SINGLE "SingleStack"
#define PREFER "PreferDualStack"
#define REQUIRE "RequireDualStack"
#define P(policy) "'ipFamilyPolicy':'" policy "'"
#define F4 "'ipFamilies':['IPv4']"
#define F6 "'ipFamilies':['IPv6']"
#define F46 "'ipFamilies':['IPv4','IPv6']"
#define F64 "'ipFamilies':['IPv6','IPv4']"
#define IP4 "'clusterIP':'10.0.0.5','clusterIPs':['10.0.0.5']"
#define IP6 "'clusterIP':'fd00::5','clusterIPs':['fd00::5']"
#define IP46 "'clusterIP':'10.0.0.5','clusterIPs':['10.0.0.5','fd00::5']"
#define IP64 "'clusterIP':'fd00::5','clusterIPs':['fd00::5','10.0.0.5']"
#define NONE "'clusterIP':'None','clusterIPs':['None']"
#define SELECTS "'selector':{'a':'b'}"
#define T "'type':'ClusterIP'"
#define NAME "'type':'ExternalName','externalName':'a.b'"
#define NO_DUAL "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services"
#define NO(n, f) "spec.ipFamilies[" #n "]: Invalid value: \"" f "\": not configured on this cluster"
#define MULTI(what) "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when " \
	"multiple " what " are specified"
#define RELEASE(policy, what) "spec.ipFamilyPolicy: Invalid value: \"" policy "\": must be 'SingleStack' to release the secondary " what

/* want: "policy families addresses", families and addresses with commas; or the refusals, a line each. */
static const struct { int cloud; const char *old, *spec, *want; } cases[] = {
	/* nothing is said */
	{ V4, NULL, T, SINGLE " IPv4 -" }, { V6, NULL, T, SINGLE " IPv6 -" }, { V46, NULL, T, SINGLE " IPv4 -" }, { V64, NULL, T, SINGLE " IPv6 -" },
	/* a policy */
	{ V4, NULL, T "," P(SINGLE), SINGLE " IPv4 -" }, { V4, NULL, T "," P(PREFER), PREFER " IPv4 -" }, { V4, NULL, T "," P(REQUIRE), NO_DUAL },
	{ V6, NULL, T "," P(PREFER), PREFER " IPv6 -" }, { V6, NULL, T "," P(REQUIRE), NO_DUAL },
	{ V46, NULL, T "," P(SINGLE), SINGLE " IPv4 -" }, { V46, NULL, T "," P(PREFER), PREFER " IPv4,IPv6 -" },
	{ V46, NULL, T "," P(REQUIRE), REQUIRE " IPv4,IPv6 -" }, { V64, NULL, T "," P(PREFER), PREFER " IPv6,IPv4 -" },
	{ V64, NULL, T "," P(REQUIRE), REQUIRE " IPv6,IPv4 -" },
	/* families */
	{ V4, NULL, T "," F4, SINGLE " IPv4 -" }, { V4, NULL, T "," F6, NO(0, "IPv6") }, { V6, NULL, T "," F4, NO(0, "IPv4") },
	{ V46, NULL, T "," F6, SINGLE " IPv6 -" }, { V46, NULL, T "," F46, MULTI("IP families") },
	{ V46, NULL, T "," F64 "," P(SINGLE), MULTI("IP families") }, { V46, NULL, T "," F64 "," P(PREFER), PREFER " IPv6,IPv4 -" },
	{ V46, NULL, T "," F64 "," P(REQUIRE), REQUIRE " IPv6,IPv4 -" }, { V46, NULL, T "," F6 "," P(PREFER), PREFER " IPv6,IPv4 -" },
	{ V4, NULL, T "," F46 "," P(PREFER), NO(1, "IPv6") }, { V4, NULL, T "," F64 "," P(REQUIRE), NO_DUAL "\n" NO(0, "IPv6") },
	{ V46, NULL, T ",'ipFamilies':['IPv4','IPv4']", "spec.ipFamilies[1]: Duplicate value: \"IPv4\"" },
	{ V46, NULL, T "," P("Nonsense"), "spec.ipFamilyPolicy: Unsupported value: \"Nonsense\": supported values: \"PreferDualStack\", "
	  "\"RequireDualStack\", \"SingleStack\"" },
	/* addresses */
	{ V46, NULL, T "," IP4, SINGLE " IPv4 10.0.0.5" }, { V46, NULL, T "," IP6, SINGLE " IPv6 fd00::5" }, { V46, NULL, T "," IP46, MULTI("cluster IPs") },
	{ V46, NULL, T "," IP64 "," P(PREFER), PREFER " IPv6,IPv4 fd00::5,10.0.0.5" }, { V46, NULL, T "," IP6 "," P(REQUIRE), REQUIRE " IPv6,IPv4 fd00::5" },
	{ V46, NULL, T "," IP6 "," F6 "," P(PREFER), PREFER " IPv6,IPv4 fd00::5" },
	{ V4, NULL, T "," IP6, "spec.clusterIPs[0]: Invalid value: [\"fd00::5\"]: IPv6 is not configured on this cluster" },
	{ V4, NULL, T "," IP46 "," P(PREFER), "spec.clusterIPs[1]: Invalid value: [\"10.0.0.5\",\"fd00::5\"]: IPv6 is not configured on this cluster" },
	{ V46, NULL, T "," IP4 "," F6, "spec.clusterIPs[0]: Invalid value: \"10.0.0.5\": expected an IPv6 value as indicated by `ipFamilies[0]`" },
	/* without an address */
	{ V4, NULL, T "," NONE "," SELECTS, SINGLE " IPv4 None" }, { V46, NULL, T "," NONE "," SELECTS, SINGLE " IPv4 None" },
	{ V46, NULL, T "," NONE "," SELECTS "," P(PREFER), PREFER " IPv4,IPv6 None" }, { V4, NULL, T "," NONE "," SELECTS "," P(REQUIRE), NO_DUAL },
	{ V4, NULL, T "," NONE "," SELECTS "," P(PREFER), PREFER " IPv4 None" }, { V4, NULL, T "," NONE "," SELECTS "," F6, NO(0, "IPv6") },
	/* nor a selector: either family, whatever the cloud has */
	{ V4, NULL, T "," NONE, REQUIRE " IPv4,IPv6 None" }, { V6, NULL, T "," NONE, REQUIRE " IPv6,IPv4 None" }, { V64, NULL, T "," NONE, REQUIRE " IPv6,IPv4 None" },
	{ V4, NULL, T "," NONE "," P(SINGLE), SINGLE " IPv4 None" }, { V4, NULL, T "," NONE "," P(SINGLE) "," F6, SINGLE " IPv6 None" },
	{ V4, NULL, T "," NONE "," P(PREFER), PREFER " IPv4,IPv6 None" }, { V4, NULL, T "," NONE "," F6, REQUIRE " IPv6,IPv4 None" },
	{ V4, NULL, T "," NONE "," F64, REQUIRE " IPv6,IPv4 None" }, { V4, NULL, T "," NONE "," P(SINGLE) "," F46, MULTI("IP families") },
	/* a name for another */
	{ V46, NULL, NAME, "- - -" }, { V4, NULL, NAME "," P(REQUIRE), REQUIRE " - -" },

	/* changes: as it was */
	{ V46, T "," P(SINGLE) "," F4 "," IP4, T "," P(SINGLE) "," F4 "," IP4, SINGLE " IPv4 10.0.0.5" },
	{ V46, T "," P(SINGLE) "," F4 "," IP4, T "," IP4, SINGLE " IPv4 10.0.0.5" },
	{ V46, T "," P(REQUIRE) "," F64 "," IP64, T "," IP64, REQUIRE " IPv6,IPv4 fd00::5,10.0.0.5" },
	/* the cloud became another: what prefers both stays */
	{ V46, T "," P(PREFER) "," F4 "," IP4, T "," P(PREFER) "," F4 "," IP4, PREFER " IPv4 10.0.0.5" },
	{ V4, T "," P(PREFER) "," F46 "," IP46, T "," P(PREFER) "," F46 "," IP46, PREFER " IPv4,IPv6 10.0.0.5,fd00::5" },
	{ V4, T "," P(REQUIRE) "," F46 "," IP46, T "," P(REQUIRE) "," F46 "," IP46, NO_DUAL "\n" NO(1, "IPv6") },
	/* the second one comes */
	{ V46, T "," P(SINGLE) "," F4 "," IP4, T "," P(PREFER) "," F4 "," IP4, PREFER " IPv4,IPv6 10.0.0.5" },
	{ V46, T "," P(SINGLE) "," F6 "," IP6, T "," P(REQUIRE) "," F6 "," IP6, REQUIRE " IPv6,IPv4 fd00::5" },
	{ V46, T "," P(PREFER) "," F4 "," IP4, T "," P(REQUIRE) "," F4 "," IP4, REQUIRE " IPv4,IPv6 10.0.0.5" },
	{ V46, T "," P(PREFER) "," F4 "," IP4, T "," P(PREFER) "," F46 "," IP4, PREFER " IPv4,IPv6 10.0.0.5" },
	{ V46, T "," P(PREFER) "," F4 "," IP4, T "," P(PREFER) "," F4 "," IP46, PREFER " IPv4,IPv6 10.0.0.5,fd00::5" },
	{ V46, T "," P(SINGLE) "," F4 "," IP4, T "," P(SINGLE) "," F46 "," IP4, MULTI("IP families") },
	{ V46, T "," P(SINGLE) "," F4 "," IP4, T "," F4 "," IP46, MULTI("cluster IPs") },
	{ V4, T "," P(SINGLE) "," F4 "," IP4, T "," P(REQUIRE) "," F4 "," IP4, NO_DUAL },
	{ V4, T "," P(SINGLE) "," F4 "," IP4, T "," P(PREFER) "," F4 "," IP4, PREFER " IPv4 10.0.0.5" },
	/* the second one goes */
	{ V46, T "," P(REQUIRE) "," F46 "," IP46, T "," P(SINGLE) "," F46 "," IP46, SINGLE " IPv4 10.0.0.5" },
	{ V46, T "," P(PREFER) "," F64 "," IP64, T "," P(SINGLE) "," F64 "," IP64, SINGLE " IPv6 fd00::5" },
	{ V46, T "," P(REQUIRE) "," F46 "," IP46, T "," P(SINGLE) "," F4 "," IP46, SINGLE " IPv4 10.0.0.5" },
	{ V46, T "," P(REQUIRE) "," F46 "," IP46, T "," P(SINGLE) "," F46 "," IP4, SINGLE " IPv4 10.0.0.5" },
	{ V46, T "," P(REQUIRE) "," F46 "," IP46, T "," P(SINGLE) "," F4 "," IP4, SINGLE " IPv4 10.0.0.5" },
	{ V46, T "," P(REQUIRE) "," F46 "," IP46, T "," P(SINGLE), SINGLE " IPv4 -" },
	{ V46, T "," P(REQUIRE) "," F46 "," IP46, T "," P(REQUIRE) "," F46 "," IP4, RELEASE(REQUIRE, "cluster IP") },
	{ V46, T "," P(REQUIRE) "," F46 "," IP46, T "," F4 "," IP46, RELEASE(REQUIRE, "IP family") },
	{ V46, T "," P(PREFER) "," F46 "," IP46, T "," P(PREFER) "," F4 "," IP4, RELEASE(PREFER, "cluster IP") "\n" RELEASE(PREFER, "IP family") },
	/* types come and go */
	{ V46, T "," P(SINGLE) "," F4 "," IP4, NAME, "- - -" },
	{ V46, NAME, T, SINGLE " IPv4 -" }, { V46, NAME, T "," P(PREFER), PREFER " IPv4,IPv6 -" }, { V64, NAME, T "," P(PREFER), PREFER " IPv6,IPv4 -" },
	/* without an address, families are free */
	{ V46, T "," P(SINGLE) "," F4 "," NONE "," SELECTS, T "," P(SINGLE) "," F6 "," NONE "," SELECTS, SINGLE " IPv6 None" },
	{ V46, T "," P(SINGLE) "," F4 "," NONE "," SELECTS, T "," P(PREFER) "," F4 "," NONE "," SELECTS, PREFER " IPv4,IPv6 None" },
	{ V46, T "," P(REQUIRE) "," F46 "," NONE "," SELECTS, T "," P(SINGLE) "," F46 "," NONE "," SELECTS, SINGLE " IPv4 None" },
	{ V4, T "," P(REQUIRE) "," F46 "," NONE, T "," P(SINGLE) "," F46 "," NONE, SINGLE " IPv4 None" },
};

static yyjson_mut_val *object(yyjson_mut_doc *d, const char *spec)
{
	char text[600];
	yyjson_doc *doc;
	yyjson_mut_val *v;

	if (!spec)
		return NULL;
	snprintf(text, sizeof(text), "{'spec':{%s}}", spec);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	doc = yyjson_read(text, strlen(text), 0);
	assert_non_null(doc);
	v = yyjson_val_mut_copy(d, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	return v;
}

static void add_list(struct buf *b, yyjson_mut_val *list)
{
	yyjson_mut_val *m;
	yyjson_mut_arr_iter it;
	bool any = false;

	yyjson_mut_arr_iter_init(list, &it);
	while ((m = yyjson_mut_arr_iter_next(&it))) {
		buf_printf(b, "%s%s", any ? "," : "", yyjson_mut_get_str(m));
		any = true;
	}
	if (!any)
		buf_addc(b, '-');
}

static void families_follow_from_what_is_said(void **state)
{
	const struct kinds_kind *k = kinds_by_resource("", "v1", "services");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct arena *a = arena_open(1 << 20);
		yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
		yyjson_mut_val *old = object(d, cases[i].old), *v = object(d, cases[i].spec);
		struct field_error *errors = NULL;
		BUF_AUTO struct buf got = { 0 };

		assert_int_equal(service_families(d, a, k, v, old, clouds[cases[i].cloud], &errors), 0);
		for (struct field_error *e = errors; e; e = e->next)
			buf_printf(&got, "%s%s: %s", got.len ? "\n" : "", e->field, e->detail);
		if (!errors) {
			const char *policy = doc_mstr(v, "spec.ipFamilyPolicy");

			buf_printf(&got, "%s ", policy ? policy : "-");
			add_list(&got, doc_mget(v, "spec.ipFamilies"));
			buf_addc(&got, ' ');
			add_list(&got, doc_mget(v, "spec.clusterIPs"));
		}
		if (strcmp(got.p, cases[i].want))
			fail_msg("case %zu: %s -> %s\n wanted: %s\n got: %s", i, cases[i].old ? cases[i].old : "new", cases[i].spec,
				cases[i].want, got.p);
		yyjson_mut_doc_free(d);
		arena_close(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(families_follow_from_what_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
