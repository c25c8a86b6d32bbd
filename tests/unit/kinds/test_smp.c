/* SPDX-License-Identifier: Apache-2.0 */
/* Strategic merge patches, on the real types. */
#include "../doc/doc_test.h"
#include "kinds/kinds.h"

struct smp_case { const char *name, *doc, *patch, *want; int rc; };

#define SPEC(x) "{\"spec\":{" x "}}"

static const struct smp_case pod_cases[] = {
	{ "members merge", "{\"metadata\":{\"labels\":{\"a\":\"1\"}}}", "{\"metadata\":{\"labels\":{\"b\":\"2\"}}}",
		"{\"metadata\":{\"labels\":{\"a\":\"1\",\"b\":\"2\"}}}" },
	{ "null deletes", "{\"metadata\":{\"labels\":{\"a\":\"1\",\"b\":\"2\"}}}",
		"{\"metadata\":{\"labels\":{\"a\":null,\"c\":null}}}", "{\"metadata\":{\"labels\":{\"b\":\"2\"}}}" },
	{ "nulls below new members vanish", "{}", "{\"metadata\":{\"labels\":{\"a\":null,\"b\":\"1\"}}}",
		"{\"metadata\":{\"labels\":{\"b\":\"1\"}}}" },
	{ "list merges by key, patch first", SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\"}]"),
		SPEC("\"containers\":[{\"name\":\"c\",\"image\":\"3\"},{\"name\":\"a\",\"tty\":true}]"),
		SPEC("\"containers\":[{\"name\":\"c\",\"image\":\"3\"},{\"name\":\"a\",\"image\":\"1\",\"tty\":true},{\"name\":\"b\"}]") },
	{ "server's own stay before their neighbours", SPEC("\"containers\":[{\"name\":\"x\"},{\"name\":\"a\"},{\"name\":\"y\"}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"2\"}]"),
		SPEC("\"containers\":[{\"name\":\"x\"},{\"name\":\"a\",\"image\":\"2\"},{\"name\":\"y\"}]") },
	{ "nested lists merge", SPEC("\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"E\",\"value\":\"1\"}]}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"F\",\"value\":\"2\"},{\"name\":\"E\",\"value\":\"3\"}]}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"F\",\"value\":\"2\"},{\"name\":\"E\",\"value\":\"3\"}]}]") },
	{ "numbers are merge keys", SPEC("\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80},{\"containerPort\":90}]}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":90,\"name\":\"n\"}]}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":80},{\"containerPort\":90,\"name\":\"n\"}]}]") },
	{ "element deleted", SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"a\"}]"),
		SPEC("\"containers\":[{\"$patch\":\"delete\",\"name\":\"a\"}]"), SPEC("\"containers\":[{\"name\":\"b\"}]") },
	{ "element replaced", SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\"}]"),
		SPEC("\"containers\":[{\"$patch\":\"delete\",\"name\":\"a\"},{\"name\":\"a\",\"tty\":true}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"tty\":true},{\"name\":\"b\"}]") },
	{ "list replaced", SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]"),
		SPEC("\"containers\":[{\"name\":\"z\"},{\"$patch\":\"replace\"},{\"name\":\"y\"}]"),
		SPEC("\"containers\":[{\"name\":\"z\"},{\"name\":\"y\"}]") },
	{ "list emptied", SPEC("\"containers\":[{\"name\":\"a\"}]"), SPEC("\"containers\":[{\"$patch\":\"replace\"}]"),
		SPEC("\"containers\":[]") },
	{ "directives of new lists are dropped", SPEC(""), SPEC("\"containers\":[{\"$patch\":\"delete\",\"name\":\"a\"},{\"name\":\"b\",\"tty\":null}]"),
		SPEC("\"containers\":[{\"name\":\"b\"}]") },
	{ "map replaced", "{\"metadata\":{\"labels\":{\"a\":\"1\"}}}",
		"{\"metadata\":{\"labels\":{\"$patch\":\"replace\",\"b\":\"2\"}}}", "{\"metadata\":{\"labels\":{\"b\":\"2\"}}}" },
	{ "map deleted", "{\"metadata\":{\"labels\":{\"a\":\"1\"}}}",
		"{\"metadata\":{\"labels\":{\"$patch\":\"delete\"}}}", "{\"metadata\":{\"labels\":{}}}" },
	{ "unknown directive", "{}", "{\"$patch\":\"jump\"}", NULL, -ERR_INTERNAL },
	{ "lists do not merge on request", SPEC("\"containers\":[{\"name\":\"a\"}]"),
		SPEC("\"containers\":[{\"$patch\":\"merge\",\"name\":\"a\"}]"), NULL, -ERR_INTERNAL },
	{ "missing merge key", SPEC("\"containers\":[{\"name\":\"a\"}]"), SPEC("\"containers\":[{\"image\":\"x\"}]"), NULL, -ERR_INTERNAL },
	{ "null as merge key", SPEC("\"containers\":[{\"name\":\"a\"}]"), SPEC("\"containers\":[{\"name\":null,\"image\":\"x\"}]"), NULL, -ERR_INTERNAL },
	{ "atomic list replaced", SPEC("\"containers\":[{\"name\":\"a\",\"args\":[\"1\",\"2\"]}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"args\":[\"3\"]}]"), SPEC("\"containers\":[{\"name\":\"a\",\"args\":[\"3\"]}]") },
	{ "set of strings unites", "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}", "{\"metadata\":{\"finalizers\":[\"c\",\"a\"]}}",
		"{\"metadata\":{\"finalizers\":[\"c\",\"a\",\"b\"]}}" },
	{ "strings deleted", "{\"metadata\":{\"finalizers\":[\"a\",\"b\",\"c\"]}}",
		"{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"c\",\"a\",\"q\"]}}", "{\"metadata\":{\"finalizers\":[\"b\"]}}" },
	{ "neighbours deleted", "{\"metadata\":{\"finalizers\":[\"a\",\"b\",\"c\"]}}",
		"{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"a\",\"b\"]}}", "{\"metadata\":{\"finalizers\":[\"c\"]}}" },
	{ "strings deleted and added", "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}",
		"{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"a\"],\"$setElementOrder/finalizers\":[\"c\",\"b\"],\"finalizers\":[\"c\"]}}",
		"{\"metadata\":{\"finalizers\":[\"c\",\"b\"]}}" },
	{ "delete from a list not there", "{\"metadata\":{}}", "{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}}",
		"{\"metadata\":{}}" },
	{ "malformed delete list", "{\"metadata\":{}}", "{\"metadata\":{\"$deleteFromPrimitiveList\":[\"a\"]}}", NULL, -ERR_BAD_REQUEST },
	{ "order without contents", SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"s\"},{\"name\":\"b\"}]"),
		SPEC("\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]"),
		SPEC("\"containers\":[{\"name\":\"s\"},{\"name\":\"b\"},{\"name\":\"a\"}]") },
	{ "order with contents", SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]"),
		SPEC("\"$setElementOrder/containers\":[{\"name\":\"n\"},{\"name\":\"b\"},{\"name\":\"a\"}],\"containers\":[{\"name\":\"n\",\"image\":\"i\"}]"),
		SPEC("\"containers\":[{\"name\":\"n\",\"image\":\"i\"},{\"name\":\"b\"},{\"name\":\"a\"}]") },
	{ "order of a new list", SPEC(""),
		SPEC("\"$setElementOrder/containers\":[{\"name\":\"n\"}],\"containers\":[{\"name\":\"n\",\"image\":\"i\"}]"),
		SPEC("\"containers\":[{\"name\":\"n\",\"image\":\"i\"}]") },
	{ "order and deletion", SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]"),
		SPEC("\"$setElementOrder/containers\":[{\"name\":\"b\"}],\"containers\":[{\"$patch\":\"delete\",\"name\":\"a\"}]"),
		SPEC("\"containers\":[{\"name\":\"b\"}]") },
	{ "retained keys", SPEC("\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]"),
		SPEC("\"volumes\":[{\"$retainKeys\":[\"name\",\"secret\"],\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}]"),
		SPEC("\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}]") },
	{ "retained keys lack a member", SPEC("\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]"),
		SPEC("\"volumes\":[{\"$retainKeys\":[\"name\"],\"name\":\"v\",\"secret\":{}}]"), NULL, -ERR_INVALID },
	{ "retained keys not a list", "{}", "{\"$retainKeys\":1}", NULL, -ERR_BAD_REQUEST },
	{ "order of an unknown list", "{}", "{\"$setElementOrder/x\":[1]}", NULL, -ERR_INTERNAL },
	{ "another sort of value replaces", SPEC("\"nodeName\":\"x\""), SPEC("\"nodeName\":{\"a\":1}"), SPEC("\"nodeName\":{\"a\":1}") },
	{ "not an object", "{}", "[]", NULL, -ERR_BAD_REQUEST },
	{ "lists of lists", "{\"metadata\":{\"finalizers\":[\"a\"]}}", "{\"metadata\":{\"finalizers\":[[\"a\"]]}}", NULL, -ERR_INVALID },
	/* As the tables of upstream's strategicpatch tests have them. */
	{ "nulls in a new element vanish", SPEC(""), SPEC("\"containers\":[{\"name\":\"a\",\"image\":null,\"env\":[{\"name\":\"E\",\"value\":null}]}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"E\"}]}]") },
	{ "null deletes a member of an element", SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"1\",\"tty\":true}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"tty\":null}]"), SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"1\"}]") },
	{ "null deletes a list", SPEC("\"containers\":[{\"name\":\"a\"}],\"nodeName\":\"n\""), SPEC("\"containers\":null"), SPEC("\"nodeName\":\"n\"") },
	{ "an empty list changes nothing", SPEC("\"containers\":[{\"name\":\"a\"}]"), SPEC("\"containers\":[]"), SPEC("\"containers\":[{\"name\":\"a\"}]") },
	{ "an empty list that is not merged empties", SPEC("\"containers\":[{\"name\":\"a\",\"args\":[\"1\"]}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"args\":[]}]"), SPEC("\"containers\":[{\"name\":\"a\",\"args\":[]}]") },
	{ "deleting what is not there", SPEC("\"containers\":[{\"name\":\"a\"}]"), SPEC("\"containers\":[{\"$patch\":\"delete\",\"name\":\"z\"}]"),
		SPEC("\"containers\":[{\"name\":\"a\"}]") },
	{ "deleting the last leaves an empty list", SPEC("\"containers\":[{\"name\":\"a\"}]"), SPEC("\"containers\":[{\"$patch\":\"delete\",\"name\":\"a\"}]"),
		SPEC("\"containers\":[]") },
	{ "an element of the patch twice", SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"1\"}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"tty\":true},{\"name\":\"a\",\"stdin\":true}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"1\",\"tty\":true,\"stdin\":true}]") },
	{ "merge on request is what a map does", "{\"metadata\":{\"labels\":{\"a\":\"1\"}}}", "{\"metadata\":{\"labels\":{\"$patch\":\"merge\",\"b\":\"2\"}}}",
		NULL, -ERR_INTERNAL },
	{ "replace of the whole object", "{\"metadata\":{\"name\":\"n\"},\"spec\":{}}", "{\"$patch\":\"replace\",\"metadata\":{\"name\":\"m\"}}",
		"{\"metadata\":{\"name\":\"m\"}}" },
	{ "retained keys of nothing", SPEC(""), SPEC("\"volumes\":[{\"$retainKeys\":[\"name\",\"secret\"],\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}]"),
		SPEC("\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}]") },
	{ "retained keys may name what is deleted", SPEC("\"volumes\":[{\"name\":\"v\",\"emptyDir\":{},\"secret\":{}}]"),
		SPEC("\"volumes\":[{\"$retainKeys\":[\"name\"],\"name\":\"v\",\"emptyDir\":null}]"), SPEC("\"volumes\":[{\"name\":\"v\"}]") },
	{ "order of strings", "{\"metadata\":{\"finalizers\":[\"a\",\"b\",\"c\"]}}",
		"{\"metadata\":{\"$setElementOrder/finalizers\":[\"c\",\"n\",\"a\"],\"finalizers\":[\"n\"]}}",
		"{\"metadata\":{\"finalizers\":[\"b\",\"c\",\"n\",\"a\"]}}" },
	{ "an order that names strangers", SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]"),
		SPEC("\"$setElementOrder/containers\":[{\"name\":\"z\"},{\"name\":\"b\"},{\"name\":\"a\"}]"), SPEC("\"containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]") },
	{ "an order that lacks an element", SPEC("\"containers\":[{\"name\":\"a\"}]"),
		SPEC("\"$setElementOrder/containers\":[{\"name\":\"a\"}],\"containers\":[{\"name\":\"n\"}]"), NULL, -ERR_INTERNAL },
	{ "an order that is no list", SPEC("\"containers\":[]"), SPEC("\"$setElementOrder/containers\":{}"), NULL, -ERR_BAD_REQUEST },
	{ "an order of what is not there", SPEC(""), SPEC("\"$setElementOrder/containers\":[{\"name\":\"a\"}]"), SPEC("") },
	{ "order inside of an element", SPEC("\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"X\"},{\"name\":\"Y\"}]}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"$setElementOrder/env\":[{\"name\":\"Y\"},{\"name\":\"X\"}]}]"),
		SPEC("\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"Y\"},{\"name\":\"X\"}]}]") },
	{ "deletion and addition in one list", "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}",
		"{\"metadata\":{\"finalizers\":[\"c\"],\"$deleteFromPrimitiveList/finalizers\":[\"b\"]}}", "{\"metadata\":{\"finalizers\":[\"c\",\"a\"]}}" },
	{ "owner references merge by uid", "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"1\",\"name\":\"a\"}]}}",
		"{\"metadata\":{\"ownerReferences\":[{\"uid\":\"1\",\"controller\":true},{\"uid\":\"2\"}]}}",
		"{\"metadata\":{\"ownerReferences\":[{\"uid\":\"1\",\"name\":\"a\",\"controller\":true},{\"uid\":\"2\"}]}}" },
	{ "conditions merge by type", "{\"status\":{\"conditions\":[{\"type\":\"A\",\"status\":\"True\"}]}}",
		"{\"status\":{\"conditions\":[{\"type\":\"B\",\"status\":\"True\"},{\"type\":\"A\",\"status\":\"False\"}]}}",
		"{\"status\":{\"conditions\":[{\"type\":\"B\",\"status\":\"True\"},{\"type\":\"A\",\"status\":\"False\"}]}}" },
	{ "host addresses merge by ip, though atomic for apply", "{\"status\":{\"hostIPs\":[{\"ip\":\"1\"}]}}", "{\"status\":{\"hostIPs\":[{\"ip\":\"2\"}]}}",
		"{\"status\":{\"hostIPs\":[{\"ip\":\"2\"},{\"ip\":\"1\"}]}}" },
	{ "constraints merge by their topology alone", SPEC("\"topologySpreadConstraints\":[{\"topologyKey\":\"k\",\"whenUnsatisfiable\":\"DoNotSchedule\"}]"),
		SPEC("\"topologySpreadConstraints\":[{\"topologyKey\":\"k\",\"whenUnsatisfiable\":\"ScheduleAnyway\"}]"),
		SPEC("\"topologySpreadConstraints\":[{\"topologyKey\":\"k\",\"whenUnsatisfiable\":\"ScheduleAnyway\"}]") },
	{ "tolerations are replaced", SPEC("\"tolerations\":[{\"key\":\"a\"}]"), SPEC("\"tolerations\":[{\"key\":\"b\"}]"), SPEC("\"tolerations\":[{\"key\":\"b\"}]") },
	{ "selectors are atomic for apply only", SPEC("\"topologySpreadConstraints\":[{\"topologyKey\":\"k\",\"labelSelector\":{\"matchLabels\":{\"a\":\"b\"}}}]"),
		SPEC("\"topologySpreadConstraints\":[{\"topologyKey\":\"k\",\"labelSelector\":{\"matchLabels\":{\"c\":\"d\"}}}]"),
		SPEC("\"topologySpreadConstraints\":[{\"topologyKey\":\"k\",\"labelSelector\":{\"matchLabels\":{\"a\":\"b\",\"c\":\"d\"}}}]") },
};

static void check(const struct kinds_type *t, const struct smp_case *c)
{
	yyjson_mut_doc *d = doc_new(mem);
	yyjson_mut_val *root = mjson(d, c->doc);
	struct err e = { 0 };
	int rc = kinds_smp(d, mem, t, &root, json(c->patch), &e);

	if (rc != c->rc)
		fail_msg("%s: %d %s", c->name, rc, e.msg);
	if (!rc && strcmp(text_of(root), c->want))
		fail_msg("%s: %s, not %s", c->name, text_of(root), c->want);
	arena_reset(mem);
}

static void pods_merge(void **state)
{
	for (size_t i = 0; i < COUNT(pod_cases); i++)
		check(kinds_type_by_name("core/v1.Pod"), &pod_cases[i]);
}

static void order_mismatch_has_the_usual_message(void **state)
{
	yyjson_mut_doc *d = doc_new(mem);
	yyjson_mut_val *root = mjson(d, "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\"}]}}}}");
	struct err e = { 0 };

	assert_int_equal(kinds_smp(d, mem, kinds_type_by_name("apps/v1.Deployment"), &root,
		json("{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"nginx:2\"},"
		"{\"name\":\"d\",\"image\":\"x\"}],\"$setElementOrder/containers\":[{\"name\":\"d\"},{\"name\":\"c\"}]}}}}"), &e),
		-ERR_INTERNAL);
	assert_string_equal(e.msg, "The order in patch list:\n[map[image:nginx:2 name:c] map[image:x name:d]]\n"
		" doesn't match $setElementOrder list:\n[map[name:d] map[name:c]]\n");
	arena_reset(mem);
}

static void strategies_with_retained_keys_switch_over(void **state)
{
	static const struct smp_case c = { "strategy",
		"{\"spec\":{\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxSurge\":1}}}}",
		"{\"spec\":{\"strategy\":{\"$retainKeys\":[\"type\"],\"type\":\"Recreate\"}}}",
		"{\"spec\":{\"strategy\":{\"type\":\"Recreate\"}}}" };

	check(kinds_type_by_name("apps/v1.Deployment"), &c);
}

/* The fields whose merge key is not what apply tells their elements apart by. */
static void jobs_and_services_merge_by_their_own_keys(void **state)
{
	static const struct smp_case service = { "ports of services", SPEC("\"ports\":[{\"port\":80,\"protocol\":\"TCP\"}]"),
		SPEC("\"ports\":[{\"port\":80,\"protocol\":\"UDP\"}]"), SPEC("\"ports\":[{\"port\":80,\"protocol\":\"UDP\"}]") };
	static const struct smp_case job = { "conditions of jobs", "{\"status\":{\"conditions\":[{\"type\":\"A\"}]}}",
		"{\"status\":{\"conditions\":[{\"type\":\"B\"}]}}", "{\"status\":{\"conditions\":[{\"type\":\"B\"},{\"type\":\"A\"}]}}" };

	check(kinds_type_by_name("core/v1.Service"), &service);
	check(kinds_type_by_name("batch/v1.Job"), &job);
}

static void large_lists_take_linear_time(void **state)
{
	const struct kinds_type *t = kinds_type_by_name("core/v1.Pod");
	yyjson_mut_doc *d = doc_new(mem);
	yyjson_mut_val *root = mjson(d, SPEC("\"containers\":[{\"name\":\"first\"}]"));
	struct buf b BUF_AUTO = { 0 };

	buf_adds(&b, "{\"spec\":{\"containers\":[");
	for (int i = 0; i < 20000; i++)
		buf_printf(&b, "%s{\"name\":\"c%d\"}", i ? "," : "", i);
	buf_adds(&b, "]}}");
	assert_int_equal(kinds_smp(d, mem, t, &root, json(b.p), NULL), 0);
	assert_int_equal(doc_mlen(root, "spec.containers"), 20001);
	buf_clear(&b);
	buf_adds(&b, "{\"spec\":{\"containers\":[");
	for (int i = 1; i < 20000; i++)
		buf_printf(&b, "%s{\"$patch\":\"delete\",\"name\":\"c%d\"}", i > 1 ? "," : "", i);
	buf_adds(&b, "]}}");
	assert_int_equal(kinds_smp(d, mem, t, &root, json(b.p), NULL), 0);
	assert_string_equal(text_of(root), SPEC("\"containers\":[{\"name\":\"c0\"},{\"name\":\"first\"}]"));
	arena_reset(mem);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_merge),
		cmocka_unit_test(order_mismatch_has_the_usual_message),
		cmocka_unit_test(strategies_with_retained_keys_switch_over),
		cmocka_unit_test(jobs_and_services_merge_by_their_own_keys),
		cmocka_unit_test(large_lists_take_linear_time),
	};

	return cmocka_run_group_tests(tests, mem_open, mem_close);
}
