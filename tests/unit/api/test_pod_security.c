/* SPDX-License-Identifier: Apache-2.0 */
/* pod_security - the checks by level and version; their words on the wire are in
 * tests/flow/api/admission.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "api/pod_security.h"
#include "doc/doc.h"

#define GOOD "'allowPrivilegeEscalation':false,'capabilities':{'drop':['ALL']},'runAsNonRoot':true,'seccompProfile':{'type':'RuntimeDefault'}"
#define WITH(more) "{'containers':[{'name':'c','securityContext':{" GOOD more "}}]}"

/* want: the reasons, "" for none */
static const struct { const char *spec; enum security_level level; int minor; const char *want; } rows[] = {
	{ "{'containers':[{'name':'c'}]}", SECURITY_PRIVILEGED, SECURITY_LATEST, "" },
	{ "{'containers':[{'name':'c'}]}", SECURITY_BASELINE, SECURITY_LATEST, "" },
	{ "{'containers':[{'name':'c'}]}", SECURITY_RESTRICTED, SECURITY_LATEST,
		"allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile" },
	{ "{'containers':[{'name':'c'}]}", SECURITY_RESTRICTED, 7, "runAsNonRoot != true" },
	{ "{'containers':[{'name':'c'}]}", SECURITY_RESTRICTED, 21, "allowPrivilegeEscalation != false, runAsNonRoot != true, seccompProfile" },
	{ "{'os':{'name':'windows'},'containers':[{'name':'c'}]}", SECURITY_RESTRICTED, SECURITY_LATEST, "runAsNonRoot != true" },
	{ "{'os':{'name':'windows'},'containers':[{'name':'c'}]}", SECURITY_RESTRICTED, 24,
		"allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile" },
	{ WITH(""), SECURITY_RESTRICTED, SECURITY_LATEST, "" },
	{ WITH(",'runAsUser':0"), SECURITY_RESTRICTED, SECURITY_LATEST, "runAsUser=0" },
	{ WITH(",'runAsUser':0"), SECURITY_RESTRICTED, 22, "" },
	{ WITH(",'privileged':true"), SECURITY_BASELINE, 0, "privileged" },
	{ WITH(",'seLinuxOptions':{'type':'container_engine_t'}"), SECURITY_BASELINE, SECURITY_LATEST, "" },
	{ WITH(",'seLinuxOptions':{'type':'container_engine_t'}"), SECURITY_BASELINE, 30, "seLinuxOptions" },
	{ WITH(",'seLinuxOptions':{'role':'r'}"), SECURITY_BASELINE, 30, "seLinuxOptions" },
	{ WITH(",'windowsOptions':{'hostProcess':true}"), SECURITY_BASELINE, 30, "hostProcess" },
	{ WITH(",'procMount':'Unmasked'"), SECURITY_BASELINE, 30, "procMount" },
	{ "{'securityContext':{'sysctls':[{'name':'net.ipv4.tcp_rmem'}]},'containers':[]}", SECURITY_BASELINE, 31, "forbidden sysctls" },
	{ "{'securityContext':{'sysctls':[{'name':'net.ipv4.tcp_rmem'}]},'containers':[]}", SECURITY_BASELINE, 32, "" },
	{ "{'volumes':[{'name':'v','hostPath':{}}],'containers':[]}", SECURITY_BASELINE, 34, "hostPath volumes" },
	{ "{'volumes':[{'name':'v','hostPath':{}}],'containers':[]}", SECURITY_RESTRICTED, 34, "restricted volume types" },
	{ "{'volumes':[{'name':'v','nfs':{}}],'containers':[]}", SECURITY_BASELINE, 34, "" },
	{ "{'ephemeralContainers':[{'name':'e','securityContext':{'privileged':true}}],'containers':[]}", SECURITY_BASELINE, 34, "privileged" },
};

static void each_level_and_version_has_its_checks(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ARENA_AUTO struct arena *a = arena_open(1u << 20);
		const struct security_policy p = { rows[i].level, rows[i].minor };
		char *text = arena_strdup(a, rows[i].spec);
		BUF_AUTO struct buf b = { 0 };
		yyjson_doc *d;
		bool good;

		for (char *c = text; *c; c++)
			*c = *c == '\'' ? '"' : *c;
		assert_int_equal(doc_parse(a, text, strlen(text), &d, NULL), 0);
		good = pod_security_check(a, &p, NULL, yyjson_doc_get_root(d), false, &b);
		if (strcmp(b.p ? b.p : "", rows[i].want) || good != !*rows[i].want)
			fail_msg("row %zu: %s, not %s", i, b.p ? b.p : "", rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_level_and_version_has_its_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
