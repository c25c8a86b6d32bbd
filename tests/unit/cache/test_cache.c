/* SPDX-License-Identifier: Apache-2.0 */
/* test_cache - the snapshot: bytes, header, order, indexes, observers. */
#include "cache_test.h"

struct names {
	char text[512];
	unsigned n, stop_after;
};

static bool take_name(void *arg, struct cache_obj *o)
{
	struct names *t = arg;
	size_t at = strlen(t->text);

	snprintf(t->text + at, sizeof(t->text) - at, "%s%s%s%s", at ? " " : "", o->ns, *o->ns ? "/" : "",
		o->name);
	return ++t->n != t->stop_after;
}

static void test_revision_is_spliced_into_the_bytes(void **state)
{
	static const struct {
		const char *name, *stored, *want;
	} cases[] = {
		{ "after uid",
		  "{\"kind\":\"X\",\"metadata\":{\"name\":\"n\",\"uid\":\"u1\",\"generation\":1},\"spec\":{}}",
		  "{\"kind\":\"X\",\"metadata\":{\"name\":\"n\",\"uid\":\"u1\",\"resourceVersion\":\"%d\","
		  "\"generation\":1},\"spec\":{}}" },
		{ "uid last",
		  "{\"metadata\":{\"uid\":\"u1\"}}",
		  "{\"metadata\":{\"uid\":\"u1\",\"resourceVersion\":\"%d\"}}" },
		{ "no uid",
		  "{\"metadata\":{\"name\":\"n\"}}",
		  "{\"metadata\":{\"resourceVersion\":\"%d\",\"name\":\"n\"}}" },
		{ "empty metadata",
		  "{\"metadata\":{}}",
		  "{\"metadata\":{\"resourceVersion\":\"%d\"}}" },
		{ "decoys before",
		  "{\"a\":{\"metadata\":{\"uid\":\"no\"}},\"b\":\"\\\"metadata\\\":{\",\"c\":[{\"uid\":\"}\"}],"
		  "\"metadata\":{\"labels\":{\"uid\":\"no\"},\"n\":-1.5e3,\"t\":true,\"uid\":\"yes\"}}",
		  "{\"a\":{\"metadata\":{\"uid\":\"no\"}},\"b\":\"\\\"metadata\\\":{\",\"c\":[{\"uid\":\"}\"}],"
		  "\"metadata\":{\"labels\":{\"uid\":\"no\"},\"n\":-1.5e3,\"t\":true,\"uid\":\"yes\","
		  "\"resourceVersion\":\"%d\"}}" },
		{ "spaces",
		  "{ \"metadata\" : { \"uid\" : \"u\" , \"x\" : 1 } }",
		  "{ \"metadata\" : { \"uid\" : \"u\",\"resourceVersion\":\"%d\" , \"x\" : 1 } }" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char key[64], want[512];
		struct cache_obj *o, *gone;
		struct cache_watch *w;
		struct cache_event *ev;
		int64_t rev;

		print_message("  %s\n", cases[i].name);
		snprintf(key, sizeof(key), "g/things/n%zu", i);
		rev = put(f, key, 0, cases[i].stored);
		o = cache_get(f->cache, "g/things", NULL, key + 9);
		assert_non_null(o);
		snprintf(want, sizeof(want), cases[i].want, (int)rev);
		assert_string_equal(o->json->p, want);
		assert_int_equal(o->json->len, strlen(want));
		assert_non_null(cache_tree(o));

		/* A deletion shows the last state with the deletion's revision. */
		assert_int_equal(cache_watch_open(&w, f->cache, "g/things", NULL, NULL, NULL, rev,
			(void (*)(void *))free, NULL), 0);
		rev = del(f, key, rev);
		assert_int_equal(cache_watch_next(w, &ev), 0);
		gone = ev->obj;
		assert_int_equal(ev->type, CACHE_DELETED);
		assert_int_equal(gone->rev, rev);
		snprintf(want, sizeof(want), cases[i].want, (int)rev);
		assert_string_equal(gone->json->p, want);
		cache_watch_close(w);
		assert_null(cache_get(f->cache, "g/things", NULL, key + 9));
	}
}

static void test_header_is_read_from_the_bytes(void **state)
{
	struct fixture *f = *state;
	int64_t rev = put_pod(f, "ns", "p", 0, ",\"labels\":{\"b\":\"2\",\"a\":\"1\",\"c\":\"\"},"
		"\"ownerReferences\":[{\"uid\":\"o1\"},{\"uid\":\"o2\"}],"
		"\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"", "node-1");
	struct cache_obj *o = cache_get(f->cache, "core/pods", "ns", "p");

	assert_non_null(o);
	assert_int_equal(o->rev, rev);
	assert_int_equal(o->create_rev, rev);
	assert_string_equal(o->store, "core/pods");
	assert_string_equal(o->ns, "ns");
	assert_string_equal(o->name, "p");
	assert_string_equal(o->uid, "u-ns-p");
	assert_string_equal(o->node, "node-1");
	assert_true(o->deleting);
	assert_int_equal(o->labels.n, 3);
	assert_string_equal(o->labels.v[0].key, "a");
	assert_string_equal(o->labels.v[1].value, "2");
	assert_string_equal(o->labels.v[2].value, "");
	assert_string_equal(o->owners[0], "o1");
	assert_string_equal(o->owners[1], "o2");
	assert_null(o->owners[2]);
	assert_int_equal(cache_rev(f->cache), rev);

	/* Cluster-scoped: three segments; nodeName only counts in pods. */
	put(f, "core/nodes/n1", 0, "{\"metadata\":{\"uid\":\"u\"},\"spec\":{\"nodeName\":\"x\"}}");
	o = cache_get(f->cache, "core/nodes", "", "n1");
	assert_non_null(o);
	assert_string_equal(o->ns, "");
	assert_string_equal(o->node, "");
	assert_null(o->owners[0]);
	assert_false(o->deleting);
	assert_ptr_equal(cache_get(f->cache, "core/nodes", NULL, "n1"), o);
}

static void test_walks_are_ordered_and_bounded(void **state)
{
	static const struct {
		const char *name, *ns, *after_ns, *after_name;
		unsigned stop_after;
		const char *want;
	} cases[] = {
		{ "all", NULL, NULL, NULL, 0, "a-b/1 a/1 a/2 a/3 b/1" },
		{ "namespace", "a", NULL, NULL, 0, "a/1 a/2 a/3" },
		{ "namespace that is a prefix", "a-b", NULL, NULL, 0, "a-b/1" },
		{ "none", "c", NULL, NULL, 0, "" },
		{ "after a live one", NULL, "a", "1", 0, "a/2 a/3 b/1" },
		{ "after one that is gone", NULL, "a", "11", 0, "a/2 a/3 b/1" },
		{ "after, in a namespace", "a", "a", "2", 0, "a/3" },
		{ "after the last", "a", "a", "3", 0, "" },
		{ "after something before", "a", "0", "0", 0, "a/1 a/2 a/3" },
		{ "stop", NULL, NULL, NULL, 2, "a-b/1 a/1" },
	};
	static const char *const pods[][2] = {
		{ "b", "1" }, { "a", "3" }, { "a", "1" }, { "a-b", "1" }, { "a", "2" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < 5; i++)
		put_pod(f, pods[i][0], pods[i][1], 0, "", "");
	put(f, "core/podsx/a/9", 0, "{\"metadata\":{}}");
	put(f, "core/nodes/a", 0, "{\"metadata\":{}}");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct names t = { .stop_after = cases[i].stop_after };

		print_message("  %s\n", cases[i].name);
		cache_each(f->cache, "core/pods", cases[i].ns, cases[i].after_ns, cases[i].after_name,
			take_name, &t);
		assert_string_equal(t.text, cases[i].want);
	}
	assert_int_equal(cache_count(f->cache, "core/pods", NULL), 5);
	assert_int_equal(cache_count(f->cache, "core/pods", "a"), 3);
	assert_int_equal(cache_count(f->cache, "core/pods", "c"), 0);
	assert_int_equal(cache_count(f->cache, "none", NULL), 0);
}

static void test_indexes_follow_updates(void **state)
{
	struct fixture *f = *state;
	struct names t = { 0 };
	int64_t rev;

	rev = put_pod(f, "n", "p", 0, ",\"ownerReferences\":[{\"uid\":\"o1\"},{\"uid\":\"o2\"}]", "");
	put_pod(f, "n", "q", 0, ",\"ownerReferences\":[{\"uid\":\"o1\"}]", "h1");
	cache_each_owned(f->cache, "o1", take_name, &t);
	assert_string_equal(t.text, "n/p n/q");
	t = (struct names){ 0 };
	cache_each_on_node(f->cache, "h1", take_name, &t);
	assert_string_equal(t.text, "n/q");
	assert_string_equal(cache_by_uid(f->cache, "u-n-p")->name, "p");

	rev = put_pod(f, "n", "p", rev, ",\"ownerReferences\":[{\"uid\":\"o3\"}]", "h1");
	t = (struct names){ 0 };
	cache_each_owned(f->cache, "o2", take_name, &t);
	cache_each_owned(f->cache, "o1", take_name, &t);
	cache_each_owned(f->cache, "o3", take_name, &t);
	assert_string_equal(t.text, "n/q n/p");
	t = (struct names){ 0 };
	cache_each_on_node(f->cache, "h1", take_name, &t);
	assert_string_equal(t.text, "n/q n/p");

	del(f, "core/pods/n/p", rev);
	t = (struct names){ 0 };
	cache_each_owned(f->cache, "o3", take_name, &t);
	cache_each_on_node(f->cache, "h1", take_name, &t);
	assert_string_equal(t.text, "n/q");
	assert_null(cache_by_uid(f->cache, "u-n-p"));
	assert_int_equal(cache_count(f->cache, "core/pods", "n"), 1);
}

static void test_orphans_are_found_by_namespace(void **state)
{
	struct fixture *f = *state;
	struct names t = { 0 };
	int64_t rev = put_pod(f, "n", "p", 0, "", ""), rev_q;

	rev_q = put_pod(f, "n", "q", 0, "", "");
	put_pod(f, "n", "owned", 0, ",\"ownerReferences\":[{\"uid\":\"o1\"}]", "");
	put_pod(f, "m", "p", 0, "", "");
	cache_each_orphan(f->cache, "core/pods", "n", take_name, &t);
	assert_string_equal(t.text, "n/p n/q");
	/* Adopted; and one that goes. */
	rev = put_pod(f, "n", "p", rev, ",\"ownerReferences\":[{\"uid\":\"o1\"}]", "");
	rev_q = put_pod(f, "n", "q", rev_q, ",\"deletionTimestamp\":\"2020-01-01T00:00:00Z\"", "");
	t = (struct names){ 0 };
	cache_each_orphan(f->cache, "core/pods", "n", take_name, &t);
	assert_string_equal(t.text, "");
	/* Released. */
	rev = put_pod(f, "n", "p", rev, "", "");
	cache_each_orphan(f->cache, "core/pods", "n", take_name, &t);
	cache_each_orphan(f->cache, "core/pods", "none", take_name, &t);
	cache_each_orphan(f->cache, "core/none", "n", take_name, &t);
	assert_string_equal(t.text, "n/p");
	del(f, "core/pods/n/p", rev);
	del(f, "core/pods/n/q", rev_q);
	t = (struct names){ 0 };
	cache_each_orphan(f->cache, "core/pods", "n", take_name, &t);
	cache_each_orphan(f->cache, "core/pods", "m", take_name, &t);
	assert_string_equal(t.text, "m/p");
}

static void test_an_object_of_the_past_is_not_in_the_cache(void **state)
{
	struct fixture *f = *state;
	int64_t rev = put_pod(f, "n", "p", 0, ",\"labels\":{\"a\":\"new\"}", "h");
	const char *was = "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\",\"uid\":\"u\","
		"\"labels\":{\"a\":\"old\"}},\"spec\":{\"nodeName\":\"g\"}}";
	struct blob *b = blob_new(was, strlen(was));
	struct cache_obj *o = cache_obj_past(f->cache, "core/pods/n/p", b, 1, 2, true);

	blob_unref(b);
	assert_non_null(strstr(o->json->p, "\"uid\":\"u\",\"resourceVersion\":\"2\""));
	assert_string_equal(labels_get(&o->labels, "a"), "old");
	assert_string_equal(o->ns, "n");
	assert_string_equal(o->name, "p");
	assert_int_equal(o->rev, 2);
	assert_ptr_equal(o->store, cache_get(f->cache, "core/pods", "n", "p")->store);
	assert_int_equal(cache_get(f->cache, "core/pods", "n", "p")->rev, rev);
	cache_obj_unref(o);
}

static void test_resources_that_hold_objects(void **state)
{
	struct fixture *f = *state;
	const char *store;
	size_t it = 0;
	int64_t rev = put_pod(f, "n", "p", 0, "", "");

	put(f, "core/nodes/a", 0, "{\"metadata\":{}}");
	del(f, "core/pods/n/p", rev);
	assert_true(cache_next_store(f->cache, &it, &store));
	assert_string_equal(store, "core/nodes");
	assert_false(cache_next_store(f->cache, &it, &store));
}

static void test_objects_outlive_their_replacement_and_the_cache(void **state)
{
	struct fixture *f = *state;
	int64_t rev = put_pod(f, "n", "p", 0, "", "");
	struct cache_obj *o = cache_obj_ref(cache_get(f->cache, "core/pods", "n", "p"));
	yyjson_val *tree;

	put_pod(f, "n", "p", rev, "", "h");
	cache_close(f->cache);
	tree = cache_tree(o);
	assert_string_equal(yyjson_get_str(yyjson_obj_get(tree, "kind")), "Pod");
	assert_string_equal(o->store, "core/pods");
	cache_obj_unref(o);
	assert_int_equal(cache_open(&f->cache, f->store, NULL), 0);
	assert_string_equal(cache_get(f->cache, "core/pods", "n", "p")->node, "h");
	assert_int_equal(cache_rev(f->cache), rev + 1);
}

static void test_trees_stay_within_a_turn_and_are_trimmed_after(void **state)
{
	struct fixture *f = *state;
	yyjson_val *first;
	unsigned parsed = 0;

	for (int i = 0; i < 3000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		put_pod(f, "n", name, 0, "", "");
	}
	first = cache_tree(cache_get(f->cache, "core/pods", "n", "0"));
	for (int i = 1; i < 3000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		assert_non_null(cache_tree(cache_get(f->cache, "core/pods", "n", name)));
	}
	assert_string_equal(yyjson_get_str(yyjson_obj_get(first, "kind")), "Pod");
	loop_turn(f->loop, 0);
	for (int i = 0; i < 3000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		parsed += cache_get(f->cache, "core/pods", "n", name)->tree != NULL;
	}
	assert_int_equal(parsed, 512);
}

static void test_damaged_objects_are_left_out(void **state)
{
	struct fixture *f = *state;

	put(f, "core/pods/n/bad", 0, "{\"metadata\":{\"uid\":\"x\"},");
	put(f, "core/pods/n/list", 0, "[]");
	put(f, "odd", 0, "{\"metadata\":{}}");
	assert_null(cache_get(f->cache, "core/pods", "n", "bad"));
	assert_int_equal(cache_count(f->cache, "core/pods", NULL), 0);
	assert_int_equal(cache_rev(f->cache), 3);
}

/* ---- observers ---- */

struct seen {
	char text[512];
	struct cache_observer **remove;
};

static void see(void *arg, const struct cache_event *ev)
{
	struct seen *t = arg;
	size_t at = strlen(t->text);

	snprintf(t->text + at, sizeof(t->text) - at, "%s%c%s@%d%s", at ? " " : "", "AMD"[ev->type],
		ev->obj->name, (int)ev->rev, ev->old ? "+old" : "");
	if (t->remove && *t->remove) {
		cache_unobserve(*t->remove);
		*t->remove = NULL;
	}
}

static void test_observers(void **state)
{
	struct fixture *f = *state;
	struct seen pods = { 0 }, all = { 0 }, late = { 0 };
	struct cache_observer *o1, *o2, *o3;
	int64_t rev;

	rev = put_pod(f, "n", "p", 0, "", "");
	put(f, "core/nodes/x", 0, "{\"metadata\":{}}");
	o1 = cache_observe(f->cache, "core/pods", true, see, &pods);
	o2 = cache_observe(f->cache, NULL, false, see, &all);
	assert_string_equal(pods.text, "Ap@1");
	rev = put_pod(f, "n", "p", rev, "", "");
	put(f, "core/nodes/y", 0, "{\"metadata\":{}}");
	del(f, "core/pods/n/p", rev);
	assert_string_equal(pods.text, "Ap@1 Mp@3+old Dp@5");
	assert_string_equal(all.text, "Mp@3+old Ay@4 Dp@5");
	cache_observe(f->cache, NULL, true, see, &late);
	assert_true(strstr(late.text, "Ax@2") && strstr(late.text, "Ay@4"));

	/* One may remove another, later or earlier in the walk, or itself. */
	o3 = cache_observe(f->cache, "core/pods", false, see, &all);
	pods.remove = &o3;
	all = (struct seen){ .remove = &o1 };
	put_pod(f, "n", "q", 0, "", "");
	assert_null(o3);
	assert_null(o1);
	assert_string_equal(all.text, "Aq@6");
	cache_unobserve(o2);
	put_pod(f, "n", "r", 0, "", "");
	assert_string_equal(all.text, "Aq@6");
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_revision_is_spliced_into_the_bytes),
		T(test_header_is_read_from_the_bytes),
		T(test_walks_are_ordered_and_bounded),
		T(test_indexes_follow_updates),
		T(test_orphans_are_found_by_namespace),
		T(test_an_object_of_the_past_is_not_in_the_cache),
		T(test_resources_that_hold_objects),
		T(test_objects_outlive_their_replacement_and_the_cache),
		T(test_trees_stay_within_a_turn_and_are_trimmed_after),
		T(test_damaged_objects_are_left_out),
		T(test_observers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
