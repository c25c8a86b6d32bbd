/* SPDX-License-Identifier: Apache-2.0 */
/* Pure readings of a pod: quality of service, refusals, expansion, files, rights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent_priv.h"
#include "agent/ctrspec.h"
#include "base/env.h"

static yyjson_doc *parse(const char *text)
{
	char copy[4096];
	yyjson_doc *d;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	d = yyjson_read(copy, strlen(copy), 0);
	if (!d)
		fail_msg("not JSON: %s", text);
	return d;
}

static const struct { const char *name, *pod, *want; } qos_cases[] = {
	{ "nothing asked", "{'spec':{'containers':[{'name':'a'}]}}", "BestEffort" },
	{ "a request", "{'spec':{'containers':[{'resources':{'requests':{'cpu':'1m'}}}]}}", "Burstable" },
	{ "zero is nothing", "{'spec':{'containers':[{'resources':{'requests':{'cpu':'0'}}}]}}", "BestEffort" },
	{ "both limits", "{'spec':{'containers':[{'resources':{'limits':{'cpu':'1','memory':'1Gi'}}}]}}", "Guaranteed" },
	{ "same request and limit", "{'spec':{'containers':[{'resources':{'limits':{'cpu':'1','memory':'1Gi'},"
		"'requests':{'cpu':'1000m','memory':'1024Mi'}}}]}}", "Guaranteed" },
	{ "less than the limit", "{'spec':{'containers':[{'resources':{'limits':{'cpu':'1','memory':'1Gi'},"
		"'requests':{'cpu':'500m'}}}]}}", "Burstable" },
	{ "one of two", "{'spec':{'containers':[{'resources':{'limits':{'cpu':'1','memory':'1Gi'}}},{}]}}", "Burstable" },
	{ "init counts", "{'spec':{'initContainers':[{}],'containers':[{'resources':{'limits':{'cpu':'1','memory':'1Gi'}}}]}}",
		"Burstable" },
};

static void quality_of_service(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(qos_cases) / sizeof(qos_cases[0]); i++) {
		yyjson_doc *d = parse(qos_cases[i].pod);

		if (strcmp(spec_qos(yyjson_doc_get_root(d)), qos_cases[i].want))
			fail_msg("%s: %s", qos_cases[i].name, spec_qos(yyjson_doc_get_root(d)));
		yyjson_doc_free(d);
	}
}

static const struct { const char *pod, *why; } refused_cases[] = {
	{ "{'spec':{'containers':[{'name':'a'}],'volumes':[{'name':'v','emptyDir':{}},{'name':'w'}]}}", NULL },
	{ "{'spec':{'shareProcessNamespace':true}}", "shareProcessNamespace" },
	{ "{'spec':{'hostUsers':false}}", "user namespaces" },
	{ "{'spec':{'volumes':[{'name':'v','persistentVolumeClaim':{'claimName':'x'}}]}}", "volume v: this kind" },
	{ "{'spec':{'containers':[{'name':'a','livenessProbe':{'grpc':{'port':1}}}]}}", "gRPC" },
	{ "{'spec':{'containers':[{'name':'a','securityContext':{'seccompProfile':{'type':'Localhost'}}}]}}", "seccomp" },
};

static void what_is_not_done_is_refused(void **state)
{
	char text[512];

	(void)state;
	for (unsigned i = 0; i < sizeof(refused_cases) / sizeof(refused_cases[0]); i++) {
		yyjson_doc *d = parse(refused_cases[i].pod);
		const char *why = spec_refused(yyjson_doc_get_root(d), text, sizeof(text));

		if (!why != !refused_cases[i].why || (why && !strstr(why, refused_cases[i].why)))
			fail_msg("%s: %s", refused_cases[i].pod, why ? why : "taken");
		yyjson_doc_free(d);
	}
}

static const struct { const char *in, *want; } expand_cases[] = {
	{ "plain", "plain" }, { "$(A)", "1" }, { "x$(A)y$(B)z", "x1y22z" }, { "$(NONE)", "$(NONE)" },
	{ "$$(A)", "$(A)" }, { "$$$(A)", "$1" }, { "$", "$" }, { "$A", "$A" }, { "$(A", "$(A" }, { "", "" }, { "a$$", "a$" },
};

static void variables_expand(void **state)
{
	struct strv env = { 0 };

	(void)state;
	strv_set(&env, "A", "0", 1);
	strv_set(&env, "B", "22", 2);
	strv_set(&env, "A", "1", 1);
	assert_string_equal(env.v[0], "A=1");
	for (unsigned i = 0; i < sizeof(expand_cases) / sizeof(expand_cases[0]); i++) {
		char *got = env_expand(expand_cases[i].in, &env);

		assert_string_equal(got, expand_cases[i].want);
		free(got);
	}
	strv_finish(&env);
}

/* As many as a ConfigMap of 1 MiB can hold: each is found among the others at once. */
static void a_hundred_thousand_variables_take_no_time(void **state)
{
	int64_t begin = env_now_ms();
	struct strv env = { 0 };
	char name[16];

	(void)state;
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "V%d", i);
		assert_int_equal(strv_set(&env, name, "x", 1), 0);
	}
	assert_string_equal(strv_env(&env, "V99999"), "x");
	assert_null(strv_env(&env, "V100000"));
	strv_finish(&env);
	assert_true(env_now_ms() - begin < 2000);
}

static const struct { const char *pod, *want; } resolv_cases[] = {
	{ "{'spec':{}}", "search ns.svc.cluster.local svc.cluster.local cluster.local lan\nnameserver 10.96.0.10\n"
		"options ndots:5\n" },
	{ "{'spec':{'dnsPolicy':'Default'}}", "search lan\nnameserver 1.2.3.4\noptions timeout:1\n" },
	{ "{'spec':{'hostNetwork':true}}", "search lan\nnameserver 1.2.3.4\noptions timeout:1\n" },
	{ "{'spec':{'hostNetwork':true,'dnsPolicy':'ClusterFirstWithHostNet'}}",
		"search ns.svc.cluster.local svc.cluster.local cluster.local lan\nnameserver 10.96.0.10\noptions ndots:5\n" },
	{ "{'spec':{'dnsPolicy':'None','dnsConfig':{'nameservers':['9.9.9.9'],'searches':['a','b'],"
		"'options':[{'name':'ndots','value':'2'},{'name':'edns0'}]}}}",
		"search a b\nnameserver 9.9.9.9\noptions ndots:2 edns0\n" },
	{ "{'spec':{'dnsConfig':{'options':[{'name':'ndots','value':'1'}]}}}",
		"search ns.svc.cluster.local svc.cluster.local cluster.local lan\nnameserver 10.96.0.10\noptions ndots:1\n" },
};

static void resolv_conf_by_policy(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(resolv_cases) / sizeof(resolv_cases[0]); i++) {
		yyjson_doc *d = parse(resolv_cases[i].pod);
		BUF_AUTO struct buf b = { 0 };

		resolv_conf(&b, yyjson_doc_get_root(d), "# machine\nnameserver 1.2.3.4\nsearch lan\noptions timeout:1\n", "ns",
			"10.96.0.10", "cluster.local");
		assert_string_equal(b.p, resolv_cases[i].want);
		yyjson_doc_free(d);
	}
}

static void hosts_names_the_pod_and_its_aliases(void **state)
{
	yyjson_doc *d = parse("{'metadata':{'namespace':'ns'},'spec':{'subdomain':'sub',"
		"'hostAliases':[{'ip':'1.1.1.1','hostnames':['a','b']}]}}");
	BUF_AUTO struct buf b = { 0 };

	(void)state;
	hosts_file(&b, yyjson_doc_get_root(d), (const char *const[2]){ "10.0.0.5", "fd00::5" }, "web-0", "cluster.local");
	assert_non_null(strstr(b.p, "# Kubernetes-managed hosts file."));
	assert_non_null(strstr(b.p, "10.0.0.5\tweb-0.sub.ns.svc.cluster.local\tweb-0\nfd00::5\tweb-0.sub.ns.svc.cluster.local\tweb-0\n"));
	assert_non_null(strstr(b.p, "# Entries added by HostAliases.\n1.1.1.1\ta\tb\n"));
	yyjson_doc_free(d);
}

static bool has(const struct strv *s, const char *v)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i], v))
			return true;
	return false;
}

static void capabilities_add_and_drop(void **state)
{
	static const struct { const char *ctr; const char *with, *without; } cases[] = {
		{ "{}", "CAP_CHOWN", "CAP_SYS_ADMIN" },
		{ "{'securityContext':{'capabilities':{'drop':['ALL'],'add':['NET_BIND_SERVICE']}}}", "CAP_NET_BIND_SERVICE", "CAP_CHOWN" },
		{ "{'securityContext':{'capabilities':{'add':['ALL'],'drop':['CAP_KILL']}}}", "CAP_SYS_ADMIN", "CAP_KILL" },
		{ "{'securityContext':{'capabilities':{'add':['SYS_PTRACE']}}}", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN" },
		{ "{'securityContext':{'privileged':true}}", "CAP_SYS_ADMIN", "CAP_NONE" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		yyjson_doc *d = parse(cases[i].ctr);
		struct strv caps = { 0 };

		assert_int_equal(ctrspec_caps(&caps, yyjson_doc_get_root(d)), 0);
		if (!has(&caps, cases[i].with) || has(&caps, cases[i].without))
			fail_msg("%s", cases[i].ctr);
		strv_finish(&caps);
		yyjson_doc_free(d);
	}
}

static void signals_by_name_and_number(void **state)
{
	(void)state;
	assert_int_equal(ctrspec_signal("SIGQUIT"), SIGQUIT);
	assert_int_equal(ctrspec_signal("term"), SIGTERM);
	assert_int_equal(ctrspec_signal("3"), 3);
	assert_int_equal(ctrspec_signal("SIGRTMIN+3"), SIGRTMIN + 3);
	assert_int_equal(ctrspec_signal(""), SIGTERM);
	assert_int_equal(ctrspec_signal("nonsense"), SIGTERM);
}

static void sysctls_only_safe_ones(void **state)
{
	yyjson_doc *own = parse("{'spec':{}}"), *host = parse("{'spec':{'hostNetwork':true}}");

	(void)state;
	assert_null(ctrspec_bad_sysctl(yyjson_doc_get_root(own), "net.ipv4.tcp_syncookies"));
	assert_non_null(ctrspec_bad_sysctl(yyjson_doc_get_root(host), "net.ipv4.tcp_syncookies"));
	assert_non_null(ctrspec_bad_sysctl(yyjson_doc_get_root(own), "kernel.msgmax"));
	assert_non_null(ctrspec_bad_sysctl(yyjson_doc_get_root(own), "vm.swappiness"));
	yyjson_doc_free(own);
	yyjson_doc_free(host);
}

static void seconds_have_an_end(void **state)
{
	static const struct { const char *json; int64_t want; } cases[] = {
		{ "{}", 30000 }, { "{\"s\":0}", 0 }, { "{\"s\":7}", 7000 }, { "{\"s\":-1}", -1000 },
		{ "{\"s\":9223372036854775807}", 3153600000000 }, { "{\"s\":-9223372036854775807}", -3153600000000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		yyjson_doc *d = yyjson_read(cases[i].json, strlen(cases[i].json), 0);

		assert_int_equal(spec_ms(yyjson_doc_get_root(d), "s", 30), cases[i].want);
		yyjson_doc_free(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quality_of_service),
		cmocka_unit_test(seconds_have_an_end),
		cmocka_unit_test(what_is_not_done_is_refused),
		cmocka_unit_test(variables_expand),
		cmocka_unit_test(a_hundred_thousand_variables_take_no_time),
		cmocka_unit_test(resolv_conf_by_policy),
		cmocka_unit_test(hosts_names_the_pod_and_its_aliases),
		cmocka_unit_test(capabilities_add_and_drop),
		cmocka_unit_test(signals_by_name_and_number),
		cmocka_unit_test(sysctls_only_safe_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
