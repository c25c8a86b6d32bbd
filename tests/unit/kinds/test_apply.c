/* SPDX-License-Identifier: Apache-2.0 */
/* Server-side apply and owners of fields, on the real types. */
#include "../doc/doc_test.h"
#include "kinds/kinds.h"

#include <stdio.h>

#include "kinds/kinds_custom.h"

#define T0 1790000000000000LL            /* "2026-09-21T14:13:20Z" */
#define SECOND 1000000LL

static yyjson_mut_doc *doc;

/* What the API does to a body: decoded, nothing pruned silently. */
static yyjson_mut_val *object(const struct kinds_kind *k, const char *text)
{
	yyjson_mut_val *v;
	struct err e = { 0 };

	if (kinds_decode(doc, mem, k->type, json(text), KS_IGNORE, &v, NULL, &e))
		fail_msg("%s: %s", text, e.msg);
	return v;
}

static const struct kinds_kind *kind(const char *group, const char *version, const char *name)
{
	const struct kinds_kind *k = kinds_by_kind(group, version, name);

	assert_non_null(k);
	return k;
}

static yyjson_mut_val *clone(yyjson_mut_val *v)
{
	return v ? yyjson_mut_val_mut_copy(doc, v) : NULL;
}

/* "manager/Operation/sub fields" a line. */
static const char *owners(yyjson_mut_val *v)
{
	struct buf b BUF_AUTO = { 0 };
	yyjson_mut_arr_iter it;

	yyjson_mut_arr_iter_init(doc_mget(v, "metadata.managedFields"), &it);
	for (yyjson_mut_val *e; (e = yyjson_mut_arr_iter_next(&it));) {
		const char *sub = doc_mstr(e, "subresource");
		buf_printf(&b, "%s%s %s%s%s %s", b.len ? "\n" : "", doc_mstr(e, "manager"), doc_mstr(e, "operation"),
			sub ? " " : "", sub ? sub : "", text_of(doc_mget(e, "fieldsV1")));
	}
	return b.p ? arena_strdup(mem, b.p) : "";
}

static yyjson_mut_val *track(const struct kinds_kind *k, const char *sub, const char *manager, int64_t now_us,
	yyjson_mut_val *v, yyjson_mut_val *old)
{
	struct apply_req r = { .kind = k, .sub = sub, .manager = manager, .now_us = now_us };

	assert_int_equal(kinds_track(doc, mem, &r, v, old), 0);
	return v;
}

/* One line a conflict; the object in *ret. */
static const char *apply_as(const struct kinds_kind *k, const char *manager, bool force, int64_t now_us,
	yyjson_mut_val *live, const char *config, yyjson_mut_val **ret)
{
	struct apply_req r = { .kind = k, .manager = manager, .force = force, .now_us = now_us };
	struct apply_conflict *c;
	struct buf b BUF_AUTO = { 0 };
	struct err e = { 0 };
	int rc = kinds_apply(doc, mem, &r, clone(live), mjson(doc, config), ret, &c, &e);

	if (rc && rc != -ERR_CONFLICT)
		return arena_strdup(mem, e.msg);
	for (; c; c = c->next)
		buf_printf(&b, "%s%s %s: %s", b.len ? "\n" : "", c->manager, c->api_version ? c->api_version : "-", c->field);
	return b.p ? arena_strdup(mem, b.p) : "";
}

/* Apply that must work. */
static yyjson_mut_val *applied(const struct kinds_kind *k, const char *manager, int64_t now_us, yyjson_mut_val *live,
	const char *config)
{
	yyjson_mut_val *v = NULL;
	const char *problem = apply_as(k, manager, false, now_us, live, config, &v);

	if (*problem || !v)
		fail_msg("%s: %s", config, problem);
	return v;
}

static int reset(void **state)
{
	arena_reset(mem);
	doc = doc_new(mem);
	return doc ? 0 : -1;
}

#define CM(data) "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"namespace\":\"default\"},\"data\":" data "}"

static void a_manager_owns_what_it_wrote(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "ConfigMap");
	yyjson_mut_val *v = track(k, NULL, "unknown", T0, object(k, CM("{\"k\":\"v\"}")), NULL), *w;

	assert_string_equal(text_of(doc_mget(v, "metadata.managedFields")),
		"[{\"manager\":\"unknown\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"time\":\"2026-09-21T14:13:20Z\","
		"\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:data\":{\".\":{},\"f:k\":{}}}}]");
	w = track(k, NULL, "unknown", T0 + SECOND, object(k, CM("{\"z\":\"1\"}")), v);
	assert_string_equal(owners(w), "unknown Update {\"f:data\":{\".\":{},\"f:z\":{}}}");
	assert_string_equal(doc_mstr(w, "metadata.managedFields.0.time"), "2026-09-21T14:13:21Z");
	/* Another's change moves the field; the map stays. */
	v = track(k, NULL, "other", T0 + 2 * SECOND, object(k, CM("{\"z\":\"2\",\"y\":\"1\"}")), w);
	assert_string_equal(owners(v), "unknown Update {\"f:data\":{}}\nother Update {\"f:data\":{\"f:y\":{},\"f:z\":{}}}");
	/* Removing takes from everybody and gives nobody anything new. */
	w = track(k, NULL, "third", T0 + 3 * SECOND, object(k, CM("{\"z\":\"2\"}")), v);
	assert_string_equal(owners(w), "unknown Update {\"f:data\":{}}\nother Update {\"f:data\":{\"f:z\":{}}}");
}

static void a_write_that_changes_nothing_keeps_times(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "ConfigMap");
	yyjson_mut_val *v = track(k, NULL, "m", T0, object(k, CM("{\"k\":\"v\"}")), NULL), *w;

	w = track(k, NULL, "other", T0 + SECOND, object(k, CM("{\"k\":\"v\"}")), v);
	assert_true(doc_mequal(v, w));
	w = track(k, NULL, "other", T0 + SECOND, clone(v), v);
	assert_true(doc_mequal(v, w));
}

static const struct { const char *name, *group, *version, *kind, *object, *want; } create_cases[] = {
	{ "deployment", "apps", "v1", "Deployment",
		"{\"metadata\":{\"name\":\"web\",\"namespace\":\"default\"},\"spec\":{\"replicas\":1,\"selector\":{\"matchLabels\":{\"app\":\"w\"}},"
		"\"template\":{\"metadata\":{\"labels\":{\"app\":\"w\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\","
		"\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\"}],\"resources\":{\"limits\":{\"cpu\":\"1\"}},\"terminationMessagePath\":\"/x\"}],"
		"\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,\"securityContext\":{}}},"
		"\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxSurge\":\"25%\"}}}}",
		"m Update {\"f:spec\":{\"f:replicas\":{},\"f:selector\":{},\"f:strategy\":{\"f:rollingUpdate\":{\".\":{},\"f:maxSurge\":{}},\"f:type\":{}},"
		"\"f:template\":{\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app\":{}}},\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":"
		"{\".\":{},\"f:image\":{},\"f:name\":{},\"f:ports\":{\".\":{},\"k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":"
		"{\".\":{},\"f:containerPort\":{},\"f:protocol\":{}}},\"f:resources\":{\".\":{},\"f:limits\":{\".\":{},\"f:cpu\":{}}},"
		"\"f:terminationMessagePath\":{}}},\"f:restartPolicy\":{},\"f:securityContext\":{},\"f:terminationGracePeriodSeconds\":{}}}}}" },
	{ "service", "", "v1", "Service",
		"{\"metadata\":{\"name\":\"s\"},\"spec\":{\"ports\":[{\"port\":80,\"targetPort\":80,\"protocol\":\"TCP\"},{\"port\":9,\"targetPort\":9,\"protocol\":\"TCP\"}],"
		"\"selector\":{\"a\":\"b\"},\"type\":\"NodePort\"}}",
		"m Update {\"f:spec\":{\"f:ports\":{\".\":{},\"k:{\\\"port\\\":9,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:port\":{},\"f:protocol\":{},\"f:targetPort\":{}},"
		"\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:port\":{},\"f:protocol\":{},\"f:targetPort\":{}}},"
		"\"f:selector\":{},\"f:type\":{}}}" },
	{ "generated name, annotations and a finalizer", "", "v1", "ConfigMap",
		"{\"metadata\":{\"name\":\"x-1\",\"generateName\":\"x-\",\"uid\":\"u\",\"annotations\":{\"a.b/c\":\"1\"},\"finalizers\":[\"x.y/z\"]}}",
		"m Update {\"f:metadata\":{\"f:annotations\":{\".\":{},\"f:a.b/c\":{}},\"f:finalizers\":{\".\":{},\"v:\\\"x.y/z\\\"\":{}},\"f:generateName\":{}}}" },
	{ "roles name what they refer to", "rbac.authorization.k8s.io", "v1", "RoleBinding",
		"{\"metadata\":{\"name\":\"b\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"Role\",\"name\":\"r\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"u\"}]}",
		"m Update {\"f:roleRef\":{},\"f:subjects\":{}}" },
	{ "nothing of note", "", "v1", "ConfigMap", "{\"metadata\":{\"name\":\"n\"}}", "" },
	{ "the main resource does not own status", "", "v1", "Namespace", "{\"metadata\":{\"name\":\"n\"},\"status\":{\"phase\":\"Active\"}}", "" },
};

static void created_objects_are_owned_as_upstream(void **state)
{
	for (size_t i = 0; i < COUNT(create_cases); i++) {
		const struct kinds_kind *k = kind(create_cases[i].group, create_cases[i].version, create_cases[i].kind);
		yyjson_mut_val *v = track(k, NULL, "m", T0, object(k, create_cases[i].object), NULL);
		if (strcmp(owners(v), create_cases[i].want))
			fail_msg("%s:\n%s\nnot\n%s", create_cases[i].name, owners(v), create_cases[i].want);
	}
}

static void status_is_owned_through_its_subresource(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "Pod");
	yyjson_mut_val *v, *w;

	v = track(k, NULL, "m", T0, object(k, "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\"}]},\"status\":{\"phase\":\"Pending\"}}"), NULL);
	w = clone(v);
	doc_mset_str(doc, w, "status.phase", "Running");
	doc_mset_str(doc, w, "spec.nodeName", "ignored");
	doc_mset(doc, w, "status.conditions", mjson(doc, "[{\"type\":\"Ready\",\"status\":\"True\"}]"));
	track(k, "status", "kubelet", T0 + SECOND, w, v);
	assert_string_equal(owners(w), "m Update {\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},\"f:name\":{},\"f:resources\":{}}}}}\n"
		"kubelet Update status {\"f:status\":{\"f:conditions\":{\".\":{},\"k:{\\\"type\\\":\\\"Ready\\\"}\":{\".\":{},\"f:lastProbeTime\":{},"
		"\"f:lastTransitionTime\":{},\"f:status\":{},\"f:type\":{}}},\"f:phase\":{}}}");
}

static void applying_creates_and_owns_only_what_is_given(void **state)
{
	const struct kinds_kind *k = kind("apps", "v1", "Deployment");
	yyjson_mut_val *v = applied(k, "m1", T0, NULL, "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},"
		"\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"w\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"w\"}},"
		"\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"ports\":[{\"containerPort\":80}]}]}}}}");

	assert_string_equal(owners(v), "m1 Apply {\"f:spec\":{\"f:selector\":{},\"f:template\":{\"f:metadata\":{\"f:labels\":{\"f:app\":{}}},"
		"\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},\"f:image\":{},\"f:name\":{},\"f:ports\":"
		"{\"k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:containerPort\":{}}}}}}}}}");
	doc_mdel(v, "metadata.managedFields");
	/* In normal form, as if it had been decoded. */
	assert_string_equal(text_of(v), text_of(object(k, text_of(v))));
}

static void conflicts_name_managers_and_fields(void **state)
{
	const struct kinds_kind *k = kind("apps", "v1", "Deployment");
	static const char config[] = "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},\"spec\":{\"replicas\":9,"
		"\"selector\":{\"matchLabels\":{\"app\":\"w\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"w\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"zz\"}]}}}}";
	yyjson_mut_val *v = track(k, NULL, "unknown", T0, object(k, create_cases[0].object), NULL), *w = NULL;

	assert_string_equal(apply_as(k, "m2", false, T0 + SECOND, v, config, &w),
		"unknown apps/v1: .spec.replicas\nunknown apps/v1: .spec.template.spec.containers[name=\"c\"].image");
	assert_null(w);
	assert_string_equal(apply_as(k, "m2", true, T0 + SECOND, v, config, &w), "");
	assert_int_equal(doc_mint(w, "spec.replicas", 0), 9);
	assert_string_equal(doc_mstr(w, "spec.template.spec.containers.0.terminationMessagePath"), "/x");
	assert_null(strstr(strstr(owners(w), "unknown"), "f:replicas"));
	/* An applier's conflicts name no version. */
	assert_string_equal(apply_as(k, "m3", false, T0, w, "{\"spec\":{\"replicas\":3}}", &v), "m2 -: .spec.replicas");
}

static void a_golden_session_of_appliers(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "ConfigMap");
	yyjson_mut_val *v = track(k, NULL, "unknown", T0, object(k, CM("{\"z\":\"1\"}")), NULL), *w;

	assert_string_equal(apply_as(k, "m1", false, T0 + SECOND, v, CM("{\"z\":\"2\"}"), &w), "unknown v1: .data.z");
	assert_string_equal(apply_as(k, "m1", true, T0 + SECOND, v, CM("{\"z\":\"2\"}"), &w), "");
	assert_string_equal(owners(w), "m1 Apply {\"f:data\":{\"f:z\":{}}}\nunknown Update {\"f:data\":{}}");
	/* The same again changes nothing, not even the time. */
	v = applied(k, "m1", T0 + 9 * SECOND, w, CM("{\"z\":\"2\"}"));
	assert_true(doc_mequal(v, w));
	/* Shared ownership of an equal value; giving it up leaves it to the other. */
	v = applied(k, "m2", T0 + 10 * SECOND, w, CM("{\"z\":\"2\",\"y\":\"1\"}"));
	assert_string_equal(owners(v), "m1 Apply {\"f:data\":{\"f:z\":{}}}\nm2 Apply {\"f:data\":{\"f:y\":{},\"f:z\":{}}}\nunknown Update {\"f:data\":{}}");
	w = applied(k, "m1", T0 + 11 * SECOND, v, CM("{\"x\":\"0\"}"));
	assert_string_equal(text_of(doc_mget(w, "data")), "{\"x\":\"0\",\"y\":\"1\",\"z\":\"2\"}");
	/* The last owner takes its fields along; the empty map is its own. */
	v = applied(k, "m2", T0 + 12 * SECOND, w, CM("{}"));
	assert_string_equal(text_of(doc_mget(v, "data")), "{\"x\":\"0\"}");
	assert_string_equal(owners(v), "m1 Apply {\"f:data\":{\"f:x\":{}}}\nm2 Apply {\"f:data\":{}}\nunknown Update {\"f:data\":{}}");
}

static const struct { const char *name, *first, *other, *second, *spec; } prune_cases[] = {
	{ "a field nobody else owns goes", "{\"spec\":{\"nodeName\":\"n\",\"hostname\":\"h\"}}", NULL, "{\"spec\":{\"hostname\":\"h\"}}", "{\"containers\":null,\"hostname\":\"h\"}" },
	{ "an element goes with its defaults", "{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}", NULL,
		"{\"spec\":{\"containers\":[{\"name\":\"b\"}]}}", "{\"containers\":[{\"name\":\"b\",\"resources\":{}}]}" },
	{ "neighbouring elements go", "{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}}", NULL,
		"{\"spec\":{\"containers\":[{\"name\":\"c\"}]}}", "{\"containers\":[{\"name\":\"c\",\"resources\":{}}]}" },
	{ "an element another has a field in loses ours only", "{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"tty\":true},{\"name\":\"b\"}]}}",
		"{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}}", "{\"spec\":{\"containers\":[{\"name\":\"b\"}]}}",
		"{\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"resources\":{}},{\"name\":\"b\",\"resources\":{}}]}" },
	{ "an emptied map goes", "{\"spec\":{\"nodeSelector\":{\"a\":\"b\"},\"hostname\":\"h\"}}", NULL, "{\"spec\":{\"hostname\":\"h\"}}", "{\"containers\":null,\"hostname\":\"h\"}" },
	{ "atomic lists are one field", "{\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[\"1\",\"2\"]}]}}", NULL,
		"{\"spec\":{\"containers\":[{\"name\":\"a\",\"args\":[\"3\"]}]}}", "{\"containers\":[{\"name\":\"a\",\"args\":[\"3\"],\"resources\":{}}]}" },
	{ "struct members go whole", "{\"spec\":{\"securityContext\":{\"runAsUser\":1},\"hostname\":\"h\"}}", NULL, "{\"spec\":{\"hostname\":\"h\"}}",
		"{\"containers\":null,\"hostname\":\"h\"}" },
	{ "everything goes", "{\"spec\":{\"hostname\":\"h\"}}", NULL, "{}", "{\"containers\":null}" },
};

static void what_is_no_longer_applied_is_pruned(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "Pod");

	for (size_t i = 0; i < COUNT(prune_cases); i++) {
		yyjson_mut_val *v = applied(k, "m", T0, NULL, prune_cases[i].first);
		if (prune_cases[i].other)
			v = applied(k, "other", T0, v, prune_cases[i].other);
		v = applied(k, "m", T0 + SECOND, v, prune_cases[i].second);
		if (!doc_mequal(doc_mget(v, "spec"), mjson(doc, prune_cases[i].spec)))
			fail_msg("%s: %s", prune_cases[i].name, text_of(doc_mget(v, "spec")));
	}
}

static void metadata_outlives_what_was_applied_in_it(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "ConfigMap");
	yyjson_mut_val *v = applied(k, "m", T0, NULL, "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"labels\":{\"a\":\"b\"}}}");

	v = applied(k, "m", T0, v, "{\"data\":{\"k\":\"v\"}}");
	assert_string_equal(doc_mstr(v, "metadata.uid"), "u");
	assert_null(doc_mget(v, "metadata.labels"));
	v = applied(k, "m", T0, v, "{}");
	assert_true(doc_mequal(v, mjson(doc, "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\"}}")));
}

static const struct { const char *name, *live, *config, *want; } order_cases[] = {
	{ "new after old", "a b", "c", "a b c" },
	{ "the configuration's order wins", "a b c", "c a", "b c a" },
	{ "live only between", "a x b", "a b", "a x b" },
	{ "live only before and after", "x a y", "a", "x a y" },
	{ "new where it stands", "a b", "a n b", "a n b" },
	{ "all anew", "", "c b a", "c b a" },
	{ "reversed with strangers", "a x b y c", "c b a", "x y c b a" },
};

static const char *containers(const char *names)
{
	char *copy = arena_strdup(mem, names), *save = NULL;
	struct buf b BUF_AUTO = { 0 };

	buf_adds(&b, "{\"spec\":{\"containers\":[");
	for (char *n = strtok_r(copy, " ", &save), *first = n; n; n = strtok_r(NULL, " ", &save))
		buf_printf(&b, "%s{\"name\":\"%s\"}", n == first ? "" : ",", n);
	buf_adds(&b, "]}}");
	return arena_strdup(mem, b.p);
}

static void merged_lists_keep_a_sensible_order(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "Pod");

	for (size_t i = 0; i < COUNT(order_cases); i++) {
		yyjson_mut_val *v = track(k, NULL, "u", T0, object(k, containers(order_cases[i].live)), NULL);
		struct buf b BUF_AUTO = { 0 };
		yyjson_mut_arr_iter it;
		v = applied(k, "m", T0, v, containers(order_cases[i].config));
		yyjson_mut_arr_iter_init(doc_mget(v, "spec.containers"), &it);
		for (yyjson_mut_val *e; (e = yyjson_mut_arr_iter_next(&it));)
			buf_printf(&b, "%s%s", b.len ? " " : "", doc_mstr(e, "name"));
		if (strcmp(b.p, order_cases[i].want))
			fail_msg("%s: %s, not %s", order_cases[i].name, b.p, order_cases[i].want);
	}
}

static void duplicate_keys_are_refused(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "Pod");
	yyjson_mut_val *v;

	assert_string_equal(apply_as(k, "m", false, T0, NULL, "{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\"},\"spec\":{\"containers\":"
		"[{\"name\":\"c\",\"ports\":[{\"containerPort\":1},{\"containerPort\":1,\"protocol\":\"TCP\"}]}]}}", &v),
		"failed to create typed patch object (d/p; /v1, Kind=Pod): .spec.containers[name=\"c\"].ports: duplicate entries for key [containerPort=1,protocol=\"TCP\"]");
}

static void untracked_objects_belong_to_whoever_came_before(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "ConfigMap");
	yyjson_mut_val *old = object(k, CM("{\"k\":\"v\"}")), *v;

	/* Tracking starts with the first apply, not with an update. */
	v = track(k, NULL, "m", T0, object(k, CM("{\"k\":\"w\"}")), old);
	assert_string_equal(owners(v), "");
	v = applied(k, "m", T0, v, CM("{\"n\":\"1\"}"));
	assert_string_equal(owners(v), "m Apply {\"f:data\":{\"f:n\":{}}}\nbefore-first-apply Update {\"f:data\":{\".\":{},\"f:k\":{}}}");
}

static void clients_may_edit_managed_fields(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "ConfigMap");
	yyjson_mut_val *v = track(k, NULL, "m", T0, object(k, CM("{\"k\":\"v\"}")), NULL), *w;

	w = clone(v);
	doc_mset(doc, w, "metadata.managedFields", mjson(doc, "[{}]"));
	assert_string_equal(owners(track(k, NULL, "m", T0, w, v)), "");
	w = clone(v);
	doc_mset(doc, w, "metadata.managedFields", mjson(doc, "[]"));
	assert_true(doc_mequal(track(k, NULL, "m", T0, w, v), v));
	w = clone(v);
	doc_mset(doc, w, "metadata.managedFields", mjson(doc, "[{\"manager\":\"x\",\"operation\":\"Jump\"}]"));
	assert_true(doc_mequal(track(k, NULL, "m", T0, w, v), v));
	w = clone(v);
	doc_mset(doc, w, "metadata.managedFields", mjson(doc, "[{\"manager\":\"helm\",\"operation\":\"Apply\",\"apiVersion\":\"v1\","
		"\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:data\":{\"f:k\":{},\"f:a\":{}},\"q:x\":{}}}]"));
	assert_string_equal(owners(track(k, NULL, "m", T0, w, v)), "helm Apply {\"f:data\":{\"f:a\":{},\"f:k\":{}}}");
	/* But not through a subresource. */
	w = clone(v);
	doc_mset(doc, w, "metadata.managedFields", mjson(doc, "[{}]"));
	assert_true(doc_mequal(track(k, "status", "m", T0, w, v), v));
}

static void the_oldest_updaters_are_united(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "ConfigMap");
	yyjson_mut_val *v = NULL;

	for (int i = 0; i < 13; i++) {
		char name[16], key[16];
		yyjson_mut_val *w = v ? clone(v) : object(k, "{\"metadata\":{\"name\":\"a\"}}");
		snprintf(name, sizeof(name), "m%02d", i);
		snprintf(key, sizeof(key), "k%02d", i);
		doc_mset_key(doc, w, "data", key, "x");
		v = track(k, NULL, name, T0 + i * SECOND, w, v);
	}
	assert_int_equal(doc_mlen(v, "metadata.managedFields"), 10);
	assert_string_equal(doc_mstr(v, "metadata.managedFields.0.manager"), "ancient-changes");
	assert_string_equal(text_of(doc_mget(v, "metadata.managedFields.0.fieldsV1")),
		"{\"f:data\":{\".\":{},\"f:k00\":{},\"f:k01\":{},\"f:k02\":{},\"f:k03\":{}}}");
	assert_string_equal(doc_mstr(v, "metadata.managedFields.1.manager"), "m04");
}

#define NOTE "kubectl.kubernetes.io/last-applied-configuration"

static void kubectl_moves_from_client_to_server_side_apply(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "ConfigMap");
	yyjson_mut_val *v = object(k, CM("{\"k\":\"v\",\"j\":\"1\"}")), *w;

	doc_mset_key(doc, v, "metadata.annotations", NOTE, CM("{\"k\":\"v\"}"));
	v = track(k, NULL, "kubectl-client-side-apply", T0, v, NULL);
	/* What the annotation has is ours; what another changed since is not. */
	assert_string_equal(apply_as(k, "kubectl", false, T0, v, CM("{\"k\":\"new\"}"), &w), "");
	assert_string_equal(doc_mstr(w, "data.k"), "new");
	assert_string_equal(yyjson_mut_get_str(yyjson_mut_obj_get(doc_mget(w, "metadata.annotations"), NOTE)),
		"{\"apiVersion\":\"v1\",\"data\":{\"k\":\"new\"},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"namespace\":\"default\"}}\n");
	assert_string_equal(apply_as(k, "kubectl", false, T0, v, CM("{\"j\":\"2\"}"), &w), "kubectl-client-side-apply v1: .data.j");
	assert_string_equal(apply_as(k, "helm", false, T0, v, CM("{\"k\":\"new\"}"), &w), "kubectl-client-side-apply v1: .data.k");
}

static void bad_configurations_are_refused(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "ConfigMap");
	yyjson_mut_val *v;

	assert_string_equal(apply_as(k, "m", false, T0, NULL, "{\"metadata\":{\"managedFields\":[{\"manager\":\"x\"}]}}", &v),
		"metadata.managedFields must be nil");
}

static void custom_objects_are_owned_field_by_field(void **state)
{
	static const struct kinds_field fields[] = {
		{ .name = "apiVersion", .name_len = 10, .value = KV_STRING, .flags = KF_TYPEMETA },
		{ .name = "kind", .name_len = 4, .value = KV_STRING, .flags = KF_TYPEMETA },
		{ .name = "spec", .name_len = 4, .value = KV_JSON, .ptr = KP_POINTER },
	};
	static const struct kinds_type type = { .name = "x.Foo", .fields = fields, .field_count = 3, .keep_unknown = true };
	static const struct kinds_kind k = { .group = "x.io", .version = "v1", .kind = "Foo", .type = &type, .custom = true, .api_version = "x.io/v1" };
	yyjson_mut_val *v = mjson(doc, "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Foo\",\"metadata\":{\"name\":\"f\"},"
		"\"spec\":{\"a\":{\"b\":1},\"list\":[1,{\"c\":2}]},\"more\":{}}"), *w, *result;
	struct apply_req r = { .kind = &k, .manager = "m", .now_us = T0 };
	struct apply_conflict *c;

	track(&k, NULL, "u", T0, v, NULL);
	assert_string_equal(owners(v), "u Update {\"f:more\":{},\"f:spec\":{\".\":{},\"f:a\":{\".\":{},\"f:b\":{}},\"f:list\":{}}}");
	w = mjson(doc, "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Foo\",\"metadata\":{\"name\":\"f\"},\"spec\":{\"a\":{\"d\":2}}}");
	assert_int_equal(kinds_apply(doc, mem, &r, v, w, &result, &c, NULL), 0);
	assert_true(doc_mequal(doc_mget(result, "spec"), mjson(doc, "{\"a\":{\"b\":1,\"d\":2},\"list\":[1,{\"c\":2}]}")));
	assert_non_null(strstr(owners(result), "m Apply {\"f:spec\":{\"f:a\":{\".\":{},\"f:d\":{}}}}"));
}

static const char definition[] = "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\","
	"\"metadata\":{\"name\":\"bars.x.io\"},\"spec\":{\"group\":\"x.io\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"bars\","
	"\"singular\":\"bar\",\"kind\":\"Bar\",\"listKind\":\"BarList\"},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,"
	"\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{"
	"\"ports\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"protocol\",\"port\"],"
	"\"items\":{\"type\":\"object\",\"required\":[\"port\"],\"properties\":{\"port\":{\"type\":\"integer\"},"
	"\"protocol\":{\"type\":\"string\",\"default\":\"TCP\"},\"note\":{\"type\":\"string\"}}}},"
	"\"tags\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\"}},"
	"\"plain\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
	"\"pick\":{\"type\":\"object\",\"x-kubernetes-map-type\":\"atomic\",\"additionalProperties\":{\"type\":\"string\"}},"
	"\"free\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}}}"
	"}}}}}}]}}";

static void definitions_say_how_their_objects_merge(void **state)
{
	struct err e = { 0 };
	const struct kinds_kind *k;
	yyjson_mut_val *v, *w;

	if (kinds_custom_put(json(definition), 0, &e))
		fail_msg("%s", e.msg);
	k = kind("x.io", "v1", "Bar");
	v = applied(k, "m", T0, NULL, "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Bar\",\"metadata\":{\"name\":\"b\"},\"spec\":{"
		"\"ports\":[{\"port\":1,\"note\":\"n\"}],\"tags\":[\"b\",\"a\"],\"plain\":[\"x\"],\"pick\":{\"p\":\"q\"},\"free\":{\"k\":{\"a\":1}}}}");
	assert_string_equal(owners(v), "m Apply {\"f:spec\":{\"f:free\":{\"f:k\":{\".\":{},\"f:a\":{}}},\"f:pick\":{},\"f:plain\":{},"
		"\"f:ports\":{\"k:{\\\"port\\\":1,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:note\":{},\"f:port\":{}}},"
		"\"f:tags\":{\"v:\\\"a\\\"\":{},\"v:\\\"b\\\"\":{}}}}");
	w = applied(k, "o", T0, v, "{\"spec\":{\"ports\":[{\"port\":1,\"protocol\":\"UDP\"}],\"tags\":[\"c\"],\"free\":{\"l\":{\"a\":2}}}}");
	assert_true(doc_mequal(doc_mget(w, "spec"), mjson(doc, "{\"free\":{\"k\":{\"a\":1},\"l\":{\"a\":2}},\"pick\":{\"p\":\"q\"},\"plain\":[\"x\"],"
		"\"ports\":[{\"note\":\"n\",\"port\":1},{\"port\":1,\"protocol\":\"UDP\"}],\"tags\":[\"b\",\"a\",\"c\"]}")));
	assert_string_equal(apply_as(k, "o", false, T0, v, "{\"spec\":{\"pick\":{\"z\":\"q\"}}}", &w), "m -: .spec.pick");
	assert_string_equal(apply_as(k, "o", false, T0, v, "{\"spec\":{\"ports\":[{\"port\":1,\"note\":\"x\"}]}}", &w),
		"m -: .spec.ports[port=1,protocol=\"TCP\"].note");
	kinds_custom_clear();
}

static void large_objects_are_tracked_in_linear_time(void **state)
{
	const struct kinds_kind *k = kind("", "v1", "ConfigMap");
	struct buf b BUF_AUTO = { 0 }, e BUF_AUTO = { 0 };
	yyjson_mut_val *v, *w;

	buf_adds(&b, "{\"data\":{");
	for (int i = 0; i < 20000; i++)
		buf_printf(&b, "%s\"k%05d\":\"v\"", i ? "," : "", i);
	buf_adds(&b, "}}");
	v = track(k, NULL, "m", T0, object(k, b.p), NULL);
	w = track(k, NULL, "n", T0, object(k, "{\"data\":{\"a\":\"b\"}}"), v);
	assert_string_equal(owners(w), "m Update {\"f:data\":{}}\nn Update {\"f:data\":{\"f:a\":{}}}");
	buf_adds(&e, "{\"spec\":{\"containers\":[{\"name\":\"c\",\"env\":[");
	for (int i = 0; i < 20000; i++)
		buf_printf(&e, "%s{\"name\":\"E%d\"}", i ? "," : "", i);
	buf_adds(&e, "]}]}}");
	k = kind("", "v1", "Pod");
	v = applied(k, "m", T0, NULL, e.p);
	w = applied(k, "m", T0, v, "{\"spec\":{\"containers\":[{\"name\":\"c\"}]}}");
	assert_int_equal(doc_mlen(w, "spec.containers.0.env"), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, reset)
		TEST(a_manager_owns_what_it_wrote),
		TEST(a_write_that_changes_nothing_keeps_times),
		TEST(created_objects_are_owned_as_upstream),
		TEST(status_is_owned_through_its_subresource),
		TEST(applying_creates_and_owns_only_what_is_given),
		TEST(conflicts_name_managers_and_fields),
		TEST(a_golden_session_of_appliers),
		TEST(what_is_no_longer_applied_is_pruned),
		TEST(metadata_outlives_what_was_applied_in_it),
		TEST(merged_lists_keep_a_sensible_order),
		TEST(duplicate_keys_are_refused),
		TEST(untracked_objects_belong_to_whoever_came_before),
		TEST(clients_may_edit_managed_fields),
		TEST(the_oldest_updaters_are_united),
		TEST(kubectl_moves_from_client_to_server_side_apply),
		TEST(bad_configurations_are_refused),
		TEST(custom_objects_are_owned_field_by_field),
		TEST(definitions_say_how_their_objects_merge),
		TEST(large_objects_are_tracked_in_linear_time),
	};

	return cmocka_run_group_tests(tests, mem_open, mem_close);
}
