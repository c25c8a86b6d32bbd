/* SPDX-License-Identifier: Apache-2.0 */
/* auth_controllers - those of roles, certificates and tokens. */
#include <time.h>

#include "world.h"

#include "base/env.h"
#include "base/text.h"

static struct world w;
static struct buf ca_key, ca_cert;
static int64_t signed_for_s;           /* validity that was asked for last */
static int64_t ahead_us;               /* the wall clock, moved */

static int64_t real_now(void *arg)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t moved_wall(void *arg)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 + ahead_us;
}

static void some_random(void *arg, void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)rand();
}

static int read_request(struct arena *a, const char *pem, struct control_csr *ret, struct err *reterr)
{
	struct pki_csr_info info;
	int rc = pki_csr_read(a, pem, &info, reterr);

	*ret = (struct control_csr){ info.cn, info.orgs, info.sans[PKI_SAN_DNS], info.sans[PKI_SAN_EMAIL],
		info.sans[PKI_SAN_URI], info.sans[PKI_SAN_IP], info.dns, info.ips };
	return rc;
}

static int sign(void *arg, const char *pem, const char *const *usages, int64_t valid_s, struct buf *ret, struct err *reterr)
{
	struct pki_request q = { .usages = usages, .now_s = env_wall_us() / 1000000, .valid_s = valid_s };

	signed_for_s = valid_s;
	return pki_sign_csr(ret, pem, &q, ca_cert.p, ca_key.p, reterr);
}

/* What the API's own certificate names. */
static bool serves(void *arg, const char *dns, const char *ip)
{
	return (dns && !strcmp(dns, "kubernetes")) || (ip && !strcmp(ip, "10.9.9.9"));
}

static struct control_certs certs = { .read = read_request, .sign = sign, .not_after = pki_not_after, .serves = serves };

static int open_world(void **state)
{
	static const struct env_ops ops = { real_now, moved_wall, some_random, NULL };
	struct pki_request q = { .cn = "ca", .ca = true, .now_s = time(NULL), .valid_s = 3650LL * 86400 };

	env_set(&ops);
	assert_int_equal(pki_ec_key(&ca_key, NULL), 0);
	assert_int_equal(pki_issue(&ca_cert, &q, ca_key.p, NULL, NULL, NULL), 0);
	world_open_with(&w, &certs);
	return 0;
}

static int close_world(void **state)
{
	world_close(&w);
	buf_finish(&ca_key);
	buf_finish(&ca_cert);
	env_set(NULL);
	return 0;
}

#define ROLES "rbac.authorization.k8s.io/clusterroles"
#define ROLES_PATH "/apis/rbac.authorization.k8s.io/v1/clusterroles"

static const char *rules_text(const char *name, struct buf *out)
{
	struct cache_obj *o = cache_get(w.f.cache, ROLES, "", name);

	buf_clear(out);
	if (o && doc_get(cache_tree(o), "rules"))
		doc_write(out, doc_get(cache_tree(o), "rules"));
	return out->p ? out->p : "";
}

static void an_aggregated_role_has_what_others_are_labelled_into_it(void **state)
{
	BUF_AUTO struct buf text = { 0 };

	must(&w, "POST", ROLES_PATH, "{\"metadata\":{\"name\":\"all\"},\"aggregationRule\":{\"clusterRoleSelectors\":["
		"{\"matchLabels\":{\"into\":\"all\"}}]}}");
	must(&w, "POST", ROLES_PATH, "{\"metadata\":{\"name\":\"b\",\"labels\":{\"into\":\"all\"}},\"rules\":[{\"verbs\":[\"get\"],"
		"\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}");
	must(&w, "POST", ROLES_PATH, "{\"metadata\":{\"name\":\"a\",\"labels\":{\"into\":\"all\"}},\"rules\":[{\"verbs\":[\"get\"],"
		"\"apiGroups\":[\"\"],\"resources\":[\"nodes\"]},{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}");
	settle(&w);
	assert_string_equal(rules_text("all", &text), "[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"nodes\"]},"
		"{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]");
	must(&w, "PATCH", ROLES_PATH "/a", "{\"metadata\":{\"labels\":{\"into\":null}}}");
	settle(&w);
	assert_null(strstr(rules_text("all", &text), "nodes"));
	must(&w, "DELETE", ROLES_PATH "/b", NULL);
	settle(&w);
	assert_string_equal(rules_text("all", &text), "[]");
	/* What somebody writes into the rules is put right. */
	must(&w, "PATCH", ROLES_PATH "/all", "{\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}");
	settle(&w);
	assert_string_equal(rules_text("all", &text), "[]");
}

#define CSRS "/apis/certificates.k8s.io/v1/certificatesigningrequests"
#define CLIENT "kubernetes.io/kube-apiserver-client"
#define NODE_CLIENT CLIENT "-kubelet"
#define SERVING "kubernetes.io/kubelet-serving"
#define DS "digital signature"
#define KE "key encipherment"
#define CA "client auth"
#define SA "server auth"

static const char *const no_orgs[] = { NULL }, *const node_orgs[] = { "system:nodes", NULL };
static const char *const two_orgs[] = { "system:nodes", "more", NULL }, *const name[] = { "n1", NULL };

struct csr_case {
	const char *name, *signer, *cn;
	const char *const *orgs, *const *dns;
	const char *usages[4];
	const char *failed;            /* the message, or NULL: signed */
	const char *const *ips;
};
static const struct csr_case csr_cases[] = {
	{ "a client", CLIENT, "ann", no_orgs, NULL, { DS, CA }, NULL },
	{ "a client for nothing", CLIENT, "ann", no_orgs, NULL, { DS, KE }, "missing required usage for client certificate: client auth" },
	{ "a client that serves", CLIENT, "ann", no_orgs, NULL, { CA, SA }, "invalid usage for client certificate: server auth" },
	{ "a node", NODE_CLIENT, "system:node:n1", node_orgs, NULL, { DS, KE, CA }, NULL },
	{ "a node, short", NODE_CLIENT, "system:node:n1", node_orgs, NULL, { DS, CA }, NULL },
	{ "a node of more", NODE_CLIENT, "system:node:n1", two_orgs, NULL, { DS, CA }, "subject organization is not system:nodes" },
	{ "no node", NODE_CLIENT, "n1", node_orgs, NULL, { DS, CA }, "subject common name does not begin with system:node:" },
	{ "a node with names", NODE_CLIENT, "system:node:n1", node_orgs, name, { DS, CA }, "DNS subjectAltNames are not allowed" },
	{ "a node that serves", NODE_CLIENT, "system:node:n1", node_orgs, NULL, { DS, KE, SA },
		"usages did not match [client auth digital signature key encipherment]" },
	{ "a server", SERVING, "system:node:n1", node_orgs, name, { DS, SA }, NULL },
	{ "a server of no name", SERVING, "system:node:n1", node_orgs, NULL, { DS, SA }, "DNS or IP subjectAltName is required" },
};

/* POST one; the body of its answer is in w.f.body. */
static int request(const struct user *u, const char *object, const struct csr_case *k, const char *more)
{
	struct pki_request q = { .cn = k->cn, .orgs = k->orgs, .dns = k->dns, .ips = k->ips };
	BUF_AUTO struct buf key = { 0 };
	BUF_AUTO struct buf pem = { 0 };
	BUF_AUTO struct buf body = { 0 };

	assert_int_equal(pki_ec_key(&key, NULL), 0);
	assert_int_equal(pki_csr(&pem, &q, key.p, NULL), 0);
	buf_printf(&body, "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"signerName\":\"%s\",%s\"usages\":[", object, k->signer, more);
	for (int i = 0; i < 4 && k->usages[i]; i++)
		buf_printf(&body, "%s\"%s\"", i ? "," : "", k->usages[i]);
	buf_adds(&body, "],\"request\":\"");
	text_base64(&body, pem.p, pem.len);
	buf_adds(&body, "\"}}");
	return fixture_call_as(&w.f, u, "POST", CSRS, NULL, NULL, body.p);
}

static const char *const masters[] = { "system:masters", NULL };
static const struct user admin = { .name = "admin", .groups = masters };
static const char *const askers[] = { "askers", NULL };
static const struct user asker = { .name = "ann", .groups = askers };

static yyjson_val *csr(const char *object)
{
	struct cache_obj *o = cache_get(w.f.cache, "certificates.k8s.io/certificatesigningrequests", "", object);

	return o ? cache_tree(o) : NULL;
}

/* As kubectl does it. */
static void approve(const char *object, const char *type)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_val_mut_copy(d, csr(object)), *list = doc_marr(d, o, "status.conditions");
	yyjson_mut_val *c = yyjson_mut_arr_add_obj(d, list);
	char path[300], *body;

	doc_mset_str(d, c, "type", type);
	doc_mset_str(d, c, "status", "True");
	yyjson_mut_doc_set_root(d, o);
	body = yyjson_mut_write(d, 0, NULL);
	snprintf(path, sizeof(path), CSRS "/%s/approval", object);
	must(&w, "PUT", path, body);
	free(body);
	yyjson_mut_doc_free(d);
	settle(&w);
}

static void what_is_approved_is_signed_or_fails(void **state)
{
	must(&w, "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "{\"metadata\":{\"name\":\"askers\"},\"roleRef\":{"
		"\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"system:node-bootstrapper\"},"
		"\"subjects\":[{\"kind\":\"Group\",\"name\":\"askers\"}]}");
	for (size_t i = 0; i < sizeof(csr_cases) / sizeof(csr_cases[0]); i++) {
		const struct csr_case *k = &csr_cases[i];
		const char *why;

		assert_int_equal(request(&asker, "x", k, ""), 201);
		settle(&w);
		assert_null(doc_get(csr("x"), "status.certificate"));
		approve("x", "Approved");
		why = doc_str(csr("x"), "status.conditions.1.message");
		if (k->failed ? !why || strcmp(why, k->failed) : why || !doc_str(csr("x"), "status.certificate"))
			fail_msg("%s: %s", k->name, why ? why : "signed, or nothing");
		if (k->failed)
			assert_string_equal(doc_str(csr("x"), "status.conditions.1.type"), "Failed");
		must(&w, "DELETE", CSRS "/x", NULL);
	}
}

static void a_signed_one_says_what_was_asked(void **state)
{
	BUF_AUTO struct buf pem = { 0 };
	const char *cert;
	int64_t from, until;

	assert_int_equal(request(&admin, "y", &csr_cases[0], "\"expirationSeconds\":3600,"), 201);
	approve("y", "Approved");
	assert_int_equal(signed_for_s, 3600);
	cert = doc_str(csr("y"), "status.certificate");
	assert_int_equal(text_unbase64(&pem, cert, strlen(cert)), 0);
	assert_int_equal(pki_not_before(pem.p, &from), 0);
	assert_int_equal(pki_not_after(pem.p, &until), 0);
	assert_int_equal(until - from, 3900);
	must(&w, "DELETE", CSRS "/y", NULL);
	/* More than a year is not given. */
	assert_int_equal(request(&admin, "y", &csr_cases[0], "\"expirationSeconds\":99999999,"), 201);
	approve("y", "Approved");
	assert_int_equal(signed_for_s, 365 * 86400 - 300);
	must(&w, "DELETE", CSRS "/y", NULL);
	/* One that is denied, or another's, stays as it is. */
	assert_int_equal(request(&admin, "y", &csr_cases[0], ""), 201);
	approve("y", "Denied");
	assert_null(doc_get(csr("y"), "status.certificate"));
	must(&w, "DELETE", CSRS "/y", NULL);
	struct csr_case foreign = csr_cases[0];

	foreign.signer = "example.com/mine";
	assert_int_equal(request(&admin, "y", &foreign, ""), 201);
	approve("y", "Approved");
	assert_null(doc_get(csr("y"), "status.certificate"));
	assert_null(doc_get(csr("y"), "status.conditions.1"));
	must(&w, "DELETE", CSRS "/y", NULL);
}

static void a_node_that_may_is_approved_by_itself(void **state)
{
	static const char *const joining[] = { "system:bootstrappers", NULL };
	static const struct user node = { .name = "system:node:n1", .groups = node_orgs };
	static const struct user other = { .name = "system:node:n2", .groups = node_orgs };
	static const struct user machine = { .name = "system:bootstrap:aaaaaa", .groups = joining };

	assert_int_equal(request(&node, "self", &csr_cases[3], ""), 201);
	assert_int_equal(request(&other, "other", &csr_cases[3], ""), 201);
	assert_int_equal(request(&node, "serving", &csr_cases[9], ""), 201);
	settle(&w);
	assert_string_equal(doc_str(csr("self"), "status.conditions.0.message"),
		"Auto approving self kubelet client certificate after SubjectAccessReview.");
	assert_string_equal(doc_str(csr("self"), "status.conditions.0.reason"), "AutoApproved");
	assert_non_null(doc_str(csr("self"), "status.certificate"));
	assert_null(doc_get(csr("other"), "status.conditions.0"));
	assert_null(doc_get(csr("serving"), "status.conditions.0"));
	/* Machines that join ask for nodes that are not they. */
	must(&w, "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "{\"metadata\":{\"name\":\"join\"},\"roleRef\":{"
		"\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":"
		"\"system:certificates.k8s.io:certificatesigningrequests:nodeclient\"},\"subjects\":[{\"kind\":\"Group\",\"name\":\"system:bootstrappers\"}]}");
	must(&w, "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "{\"metadata\":{\"name\":\"ask\"},\"roleRef\":{"
		"\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"system:node-bootstrapper\"},"
		"\"subjects\":[{\"kind\":\"Group\",\"name\":\"system:bootstrappers\"}]}");
	assert_int_equal(request(&machine, "joins", &csr_cases[4], ""), 201);
	settle(&w);
	assert_string_equal(doc_str(csr("joins"), "status.conditions.0.message"),
		"Auto approving kubelet client certificate after SubjectAccessReview.");
	assert_non_null(doc_str(csr("joins"), "status.certificate"));
}

/* A new node; address NULL: it was made ahead, no machine lives there. */
static void add_node(const char *called, const char *address)
{
	char body[600];

	snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"}}", called);
	must(&w, "POST", "/api/v1/nodes", body);
	if (!address)
		return;
	snprintf(body, sizeof(body), "{\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"%s\"},"
		"{\"type\":\"Hostname\",\"address\":\"%s\"}],\"nodeInfo\":{\"kubeletVersion\":\"v1\",\"machineID\":\"\",\"systemUUID\":\"\","
		"\"bootID\":\"\",\"kernelVersion\":\"\",\"osImage\":\"\",\"containerRuntimeVersion\":\"\",\"kubeProxyVersion\":\"\","
		"\"operatingSystem\":\"\",\"architecture\":\"\"}}}", address, called);
	char path[300];
	snprintf(path, sizeof(path), "/api/v1/nodes/%s/status", called);
	must(&w, "PATCH", path, body);
}

static void a_token_joins_new_machines_only(void **state)
{
	static const char *const groups[] = { "system:bootstrappers", "system:bootstrappers:sampan:default-node-token",
		"system:authenticated", NULL };
	static const struct user machine = { .name = "system:bootstrap:bbbbbb", .groups = groups };
	static const struct { const char *name, *cn, *condition; } cases[] = {
		{ "a new one", "system:node:fresh", "Approved" },
		{ "one whose Node was made ahead", "system:node:ahead", "Approved" },
		{ "the name of another", "system:node:taken", "Denied" },
	};

	add_node("ahead", NULL);
	add_node("taken", "10.0.0.7");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct csr_case k = csr_cases[4];
		const char *got;

		k.cn = cases[i].cn;
		assert_int_equal(request(&machine, "j", &k, ""), 201);
		settle(&w);
		got = doc_str(csr("j"), "status.conditions.0.type");
		if (!got || strcmp(got, cases[i].condition))
			fail_msg("%s: %s", cases[i].name, got ? got : "nothing");
		must(&w, "DELETE", CSRS "/j", NULL);
	}
}

static void a_node_serves_under_its_own_names_only(void **state)
{
	static const char *const n4[] = { "n4", NULL }, *const two[] = { "n4", "n5", NULL }, *const api[] = { "kubernetes", NULL },
		*const n5[] = { "n5", NULL }, *const ip4[] = { "10.0.0.4", NULL }, *const ip5[] = { "10.0.0.5", NULL },
		*const both[] = { "10.0.0.4", "10.0.0.5", NULL }, *const ip_api[] = { "10.9.9.9", NULL },
		*const n6[] = { "n6", NULL }, *const n8[] = { "n8", NULL }, *const ip8[] = { "10.0.0.8", NULL };
	static const struct {
		const char *name, *node;
		const char *const *dns, *const *ips;
		bool approved;
	} cases[] = {
		{ "its own", "n4", n4, ip4, true },
		{ "no name", "n4", NULL, ip4, false },
		{ "its name alone", "n4", n4, NULL, true },
		{ "its name alone, at the API's address", "n6", n6, NULL, true },
		{ "another's name alone", "n4", n5, NULL, false },
		{ "a name more", "n4", two, ip4, false },
		{ "an address more", "n4", n4, both, false },
		{ "another's name", "n4", n5, ip4, false },
		{ "another's address", "n4", n4, ip5, false },
		{ "no Node", "n9", n4, ip4, false },
		{ "an address of the API, which its Node claims", "n6", n6, ip_api, false },
		{ "a name of the API", "kubernetes", api, ip8, false },
		{ "an address that another Node claims, too", "n8", n8, ip5, false },
	};

	add_node("n4", "10.0.0.4");
	add_node("n5", "10.0.0.5");
	add_node("n6", "10.9.9.9");
	add_node("n8", "10.0.0.5");
	add_node("kubernetes", "10.0.0.8");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char cn[100];
		const struct user u = { .name = cn, .groups = node_orgs };
		struct csr_case k = { "", SERVING, cn, node_orgs, cases[i].dns, { DS, SA }, NULL, cases[i].ips };
		bool got;

		snprintf(cn, sizeof(cn), "system:node:%s", cases[i].node);
		assert_int_equal(request(&u, "s", &k, ""), 201);
		settle(&w);
		got = doc_str(csr("s"), "status.certificate") != NULL;
		if (got != cases[i].approved)
			fail_msg("%s: %s", cases[i].name, got ? "approved" : "not approved");
		must(&w, "DELETE", CSRS "/s", NULL);
	}
	/* For another node, even by one that may much. */
	struct csr_case k = { "", SERVING, "system:node:n4", node_orgs, n4, { DS, SA }, NULL, ip4 };
	assert_int_equal(request(&admin, "s", &k, ""), 201);
	settle(&w);
	assert_null(doc_get(csr("s"), "status.conditions.0"));
	must(&w, "DELETE", CSRS "/s", NULL);
}

static void no_certificate_outlives_what_the_server_gives(void **state)
{
	certs.valid_max_s = 12;
	assert_int_equal(request(&admin, "z", &csr_cases[0], "\"expirationSeconds\":3600,"), 201);
	approve("z", "Approved");
	assert_int_equal(signed_for_s, 12);
	certs.valid_max_s = 0;
	must(&w, "DELETE", CSRS "/z", NULL);
}

static void old_requests_go(void **state)
{
	assert_int_equal(request(&admin, "pending", &csr_cases[0], ""), 201);
	assert_int_equal(request(&admin, "denied", &csr_cases[0], ""), 201);
	settle(&w);
	approve("denied", "Denied");
	ahead_us = 2 * 3600LL * 1000000;
	world_restart(&w);
	settle(&w);
	assert_null(csr("denied"));
	assert_null(csr("self"));
	assert_non_null(csr("pending"));
	ahead_us = 25 * 3600LL * 1000000;
	world_restart(&w);
	settle(&w);
	assert_null(csr("pending"));
	ahead_us = 0;
}

/* The time that a change of so many conditions takes, in microseconds. */
static int64_t conditions_us(int n)
{
	BUF_AUTO struct buf b = { 0 };
	int64_t from;

	buf_adds(&b, "{\"status\":{\"conditions\":[");
	for (int i = 0; i < n; i++)
		buf_printf(&b, "%s{\"type\":\"T%d\",\"status\":\"True\"}", i ? "," : "", i);
	buf_adds(&b, "]}}");
	must(&w, "PATCH", CSRS "/many/status", b.p);
	from = env_now_us();
	must(&w, "PATCH", CSRS "/many/status", b.p);
	return env_now_us() - from;
}

static void conditions_cost_no_more_for_being_many(void **state)
{
	int64_t few, many;

	assert_int_equal(request(&admin, "many", &csr_cases[0], ""), 201);
	few = conditions_us(500);
	many = conditions_us(5000);
	print_message("500 conditions: %lld us, 5000: %lld us\n", (long long)few, (long long)many);
	assert_true(many < 25 * few);
	must(&w, "DELETE", CSRS "/many", NULL);
}

static void a_token_secret_follows_the_authority(void **state)
{
	const char *path = CORE "secrets/robot";

	must(&w, "POST", CORE "serviceaccounts", "{\"metadata\":{\"name\":\"robot\"}}");
	must(&w, "POST", CORE "secrets", "{\"metadata\":{\"name\":\"robot\",\"annotations\":{\"kubernetes.io/service-account.name\":\"robot\"}},"
		"\"type\":\"kubernetes.io/service-account-token\",\"data\":{\"token\":\"dA==\"}}");
	settle(&w);
	assert_string_equal(doc_str(yyjson_obj_get(get(&w, "core/secrets", "robot"), "data"), "namespace"), "ZGVmYXVsdA==");
	must(&w, "PATCH", path, "{\"data\":{\"ca.crt\":\"b2xk\"}}");
	settle(&w);
	assert_string_equal(yyjson_get_str(yyjson_obj_get(yyjson_obj_get(get(&w, "core/secrets", "robot"), "data"), "ca.crt")), "UEVN");
	assert_string_equal(doc_str(get(&w, "core/secrets", "robot"), "data.token"), "dA==");
	must(&w, "DELETE", path, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_aggregated_role_has_what_others_are_labelled_into_it),
		cmocka_unit_test(what_is_approved_is_signed_or_fails),
		cmocka_unit_test(a_signed_one_says_what_was_asked),
		cmocka_unit_test(a_node_that_may_is_approved_by_itself),
		cmocka_unit_test(a_token_joins_new_machines_only),
		cmocka_unit_test(a_node_serves_under_its_own_names_only),
		cmocka_unit_test(no_certificate_outlives_what_the_server_gives),
		cmocka_unit_test(old_requests_go),
		cmocka_unit_test(conditions_cost_no_more_for_being_many),
		cmocka_unit_test(a_token_secret_follows_the_authority),
	};

	return cmocka_run_group_tests(tests, open_world, close_world);
}
