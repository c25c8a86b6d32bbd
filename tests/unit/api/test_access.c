/* SPDX-License-Identifier: Apache-2.0 */
/* access - who may do what: bindings as they come and go, escalation, reviews, tokens. */
#include "fixture.h"

#include "base/env.h"

#define RBAC "/apis/rbac.authorization.k8s.io/v1"
#define PODS "/api/v1/namespaces/default/pods"

static struct fixture f;
static const char *const no_groups[] = { NULL }, *const team[] = { "team", NULL };
static const struct user bob = { .name = "bob", .groups = no_groups };
static const struct user ann = { .name = "ann", .groups = team };

static int open_fixture(void **state)
{
	fixture_open(&f, "mem:", true);
	return 0;
}

static int close_fixture(void **state)
{
	fixture_close(&f);
	return 0;
}

static void has(const char *text)
{
	if (!strstr(f.body.p, text))
		fail_msg("lacks %s: %s", text, f.body.p);
}

static int as(const struct user *u, const char *method, const char *path, const char *body)
{
	return fixture_call_as(&f, u, method, path, NULL, NULL, body);
}

static int admin(const char *method, const char *path, const char *body)
{
	return fixture_call(&f, method, path, NULL, NULL, body);
}

static void refusals_say_what_is_missing(void **state)
{
	assert_int_equal(as(&bob, "GET", PODS, NULL), 403);
	has("pods is forbidden: User \\\"bob\\\" cannot list resource \\\"pods\\\" in API group \\\"\\\" in the namespace \\\"default\\\"");
	has("\"details\":{\"kind\":\"pods\"}");
	assert_int_equal(as(&bob, "GET", "/api/v1/nodes/n1", NULL), 403);
	has("nodes \\\"n1\\\" is forbidden: User \\\"bob\\\" cannot get resource \\\"nodes\\\" in API group \\\"\\\" at the cluster scope");
	assert_int_equal(as(&bob, "GET", "/metrics", NULL), 403);
	has("forbidden: User \\\"bob\\\" cannot get path \\\"/metrics\\\"");
	assert_int_equal(as(&bob, "GET", "/apis", NULL), 200);
	assert_int_equal(as(&bob, "GET", "/apis/apps/v1/namespaces/default/deployments/x/scale", NULL), 403);
	has("cannot get resource \\\"deployments/scale\\\" in API group \\\"apps\\\"");
}

static void bindings_count_at_once(void **state)
{
	assert_int_equal(admin("POST", RBAC "/namespaces/default/rolebindings", "{\"metadata\":{\"name\":\"b\"},\"roleRef\":{\"apiGroup\":"
		"\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"view\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"bob\"},"
		"{\"kind\":\"Group\",\"name\":\"team\"}]}"), 201);
	assert_int_equal(as(&bob, "GET", PODS, NULL), 200);
	assert_int_equal(as(&ann, "GET", PODS, NULL), 200);
	assert_int_equal(as(&bob, "GET", "/api/v1/namespaces/kube-system/pods", NULL), 403);
	assert_int_equal(as(&bob, "GET", "/api/v1/namespaces/default/secrets", NULL), 403);
	assert_int_equal(as(&bob, "DELETE", PODS "/x", NULL), 403);
	assert_int_equal(admin("DELETE", RBAC "/namespaces/default/rolebindings/b", NULL), 200);
	assert_int_equal(as(&bob, "GET", PODS, NULL), 403);
	assert_int_equal(as(&ann, "GET", PODS, NULL), 403);
}

static void nobody_grants_what_he_lacks(void **state)
{
	assert_int_equal(admin("POST", RBAC "/clusterroles", "{\"metadata\":{\"name\":\"roles\"},\"rules\":[{\"verbs\":[\"*\"],\"apiGroups\":"
		"[\"rbac.authorization.k8s.io\"],\"resources\":[\"roles\",\"rolebindings\"]},{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],"
		"\"resources\":[\"pods\"]}]}"), 201);
	/* verbs * hold escalate and bind: take them away by naming the others. */
	assert_int_equal(admin("PUT", RBAC "/clusterroles/roles", "{\"metadata\":{\"name\":\"roles\"},\"rules\":[{\"verbs\":[\"create\",\"get\","
		"\"update\"],\"apiGroups\":[\"rbac.authorization.k8s.io\"],\"resources\":[\"roles\",\"rolebindings\"]},{\"verbs\":[\"get\"],"
		"\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}"), 200);
	assert_int_equal(admin("POST", RBAC "/clusterrolebindings", "{\"metadata\":{\"name\":\"roles\"},\"roleRef\":{\"apiGroup\":"
		"\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"roles\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"bob\"}]}"), 201);
	assert_int_equal(as(&bob, "POST", RBAC "/namespaces/default/roles", "{\"metadata\":{\"name\":\"r\"},\"rules\":[{\"verbs\":[\"get\"],"
		"\"apiGroups\":[\"\"],\"resources\":[\"secrets\"]}]}"), 403);
	has("is attempting to grant RBAC permissions not currently held");
	assert_int_equal(as(&bob, "POST", RBAC "/namespaces/default/roles", "{\"metadata\":{\"name\":\"r\"},\"rules\":[{\"verbs\":[\"get\"],"
		"\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}"), 201);
	assert_int_equal(as(&bob, "POST", RBAC "/namespaces/default/rolebindings", "{\"metadata\":{\"name\":\"x\"},\"roleRef\":{\"apiGroup\":"
		"\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"cluster-admin\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"bob\"}]}"), 403);
	assert_int_equal(as(&bob, "POST", RBAC "/namespaces/default/rolebindings", "{\"metadata\":{\"name\":\"x\"},\"roleRef\":{\"apiGroup\":"
		"\"rbac.authorization.k8s.io\",\"kind\":\"Role\",\"name\":\"r\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"ann\"}]}"), 201);
}

static void reviews_answer(void **state)
{
	const char *q = "{\"spec\":{\"resourceAttributes\":{\"verb\":\"create\",\"resource\":\"roles\",\"group\":\"rbac.authorization.k8s.io\","
		"\"namespace\":\"default\"}}}";

	assert_int_equal(as(&bob, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", q), 201);
	has("\"status\":{\"allowed\":true");
	assert_int_equal(as(&ann, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", q), 201);
	has("\"allowed\":false");
	assert_int_equal(as(&bob, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", q), 403);
	assert_int_equal(admin("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", "{\"spec\":{\"user\":\"bob\","
		"\"nonResourceAttributes\":{\"path\":\"/version\",\"verb\":\"get\"},\"groups\":[\"system:authenticated\"]}}"), 201);
	has("\"allowed\":true");
	assert_int_equal(as(&bob, "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", "{\"spec\":{\"namespace\":\"default\"}}"), 201);
	has("\"resourceRules\":[{\"verbs\":");
	assert_int_equal(as(&ann, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}"), 201);
	has("\"userInfo\":{\"username\":\"ann\",\"groups\":[\"team\",\"system:authenticated\"]}");
}

static void tokens_live_as_long_as_their_account(void **state)
{
	ARENA_AUTO struct arena *a = arena_open(1u << 20);
	static const char *const vault[] = { "vault", NULL };
	struct token_check for_vault = { vault };
	char token[4096], body[8192], *p, *q;
	struct user u;

	assert_int_equal(admin("POST", "/api/v1/namespaces/default/serviceaccounts", "{\"metadata\":{\"name\":\"sa\"}}"), 201);
	assert_int_equal(admin("POST", "/api/v1/namespaces/default/serviceaccounts/nobody/token", "{\"spec\":{}}"), 404);
	assert_int_equal(admin("POST", "/api/v1/namespaces/default/serviceaccounts/sa/token", "{\"spec\":{\"expirationSeconds\":10}}"), 422);
	assert_int_equal(admin("POST", "/api/v1/namespaces/default/serviceaccounts/sa/token",
		"{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\",\"spec\":{\"expirationSeconds\":3600}}"), 201);
	has("\"kind\":\"TokenRequest\"");
	p = strstr(f.body.p, "\"token\":\"");
	assert_non_null(p);
	p += strlen("\"token\":\"");
	q = strchr(p, '"');
	snprintf(token, sizeof(token), "%.*s", (int)(q - p), p);
	assert_int_equal(tokens_verify(f.api->tokens, a, token, NULL, &u, NULL), 0);
	assert_string_equal(u.name, "system:serviceaccount:default:sa");
	assert_string_equal(u.groups[1], "system:serviceaccounts:default");
	assert_int_equal(tokens_verify(f.api->tokens, a, token, &for_vault, &u, NULL), -ERR_UNAUTHORIZED);
	snprintf(body, sizeof(body), "{\"spec\":{\"token\":\"%s\"}}", token);
	assert_int_equal(admin("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body), 201);
	has("\"authenticated\":true,\"user\":{\"username\":\"system:serviceaccount:default:sa\"");
	token[strlen(token) - 5] ^= 1;
	assert_int_equal(tokens_verify(f.api->tokens, a, token, NULL, &u, NULL), -ERR_UNAUTHORIZED);
	token[strlen(token) - 5] ^= 1;
	assert_int_equal(admin("DELETE", "/api/v1/namespaces/default/serviceaccounts/sa", NULL), 200);
	assert_int_equal(tokens_verify(f.api->tokens, a, token, NULL, &u, NULL), -ERR_UNAUTHORIZED);
	assert_int_equal(admin("POST", "/api/v1/namespaces/default/serviceaccounts", "{\"metadata\":{\"name\":\"sa\"}}"), 201);
	assert_int_equal(tokens_verify(f.api->tokens, a, token, NULL, &u, NULL), -ERR_UNAUTHORIZED);
}

static void a_token_too_long_to_be_shown_is_not_made(void **state)
{
	BUF_AUTO struct buf b = { 0 };

	assert_int_equal(admin("POST", "/api/v1/namespaces/default/serviceaccounts", "{\"metadata\":{\"name\":\"wide\"}}"), 201);
	buf_adds(&b, "{\"spec\":{\"audiences\":[");
	while (b.len < 24600)
		buf_printf(&b, "\"https://%zu.example\",", b.len);
	buf_adds(&b, "\"x\"]}}");
	assert_int_equal(admin("POST", "/api/v1/namespaces/default/serviceaccounts/wide/token", b.p), 422);
	has("\"reason\":\"FieldValueTooLong\",\"message\":\"Too long: a token may not be more than 32768 bytes\",\"field\":\"spec.audiences\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_say_what_is_missing),
		cmocka_unit_test(bindings_count_at_once),
		cmocka_unit_test(nobody_grants_what_he_lacks),
		cmocka_unit_test(reviews_answer),
		cmocka_unit_test(tokens_live_as_long_as_their_account),
		cmocka_unit_test(a_token_too_long_to_be_shown_is_not_made),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
