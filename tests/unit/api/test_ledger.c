/* SPDX-License-Identifier: Apache-2.0 */
/* test_ledger - two servers over one store: neither gives out what the other has, and what fits is given out. */
#include "api/ledger_priv.h"
#include "base/env.h"
#include "fixture.h"
#include "twin.h"

#include <sys/random.h>
#include <time.h>

#define CONFIG_MAPS "/api/v1/namespaces/default/configmaps"
#define SERVICES "/api/v1/namespaces/default/services"
#define QUOTAS "/api/v1/namespaces/default/resourcequotas"
#define LEDGER(scope) "sampan/ledgers/" scope
#define MANY 60
#define CROWD 360
#define SESSION(name) "sampan/sessions/" name
#define EMPTY "{\"metadata\":{},\"holds\":[]}"

static struct both {
	struct twin_log log;
	struct loop *loop;
	struct fixture a, b;
} t;
static int64_t ahead_ms;

static int64_t clock_us(void *arg)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000 + ahead_ms * 1000;
}

static int64_t wall_us(void *arg)
{
	return (int64_t)time(NULL) * 1000000;
}

static void random_bytes(void *arg, void *p, size_t n)
{
	assert_int_equal(getrandom(p, n, 0), n);
}

static int setup(void **state)
{
	memset(&t, 0, sizeof(t));
	assert_int_equal(loop_open(&t.loop), 0);
	t.a.loop = t.b.loop = t.loop;
	t.a.store = twin_open(&t.log, t.loop);
	t.b.store = twin_open(&t.log, t.loop);
	fixture_start(&t.a, false);
	fixture_start(&t.b, false);
	return 0;
}

static void rest(void)
{
	for (int i = 0; i < 30; i++)
		loop_turn(t.loop, 5);
}

static int teardown(void **state)
{
	struct fixture *all[] = { &t.a, &t.b };

	rest();
	for (size_t i = 0; i < 2; i++) {
		api_close(all[i]->api);
		cache_close(all[i]->cache);
		store_close(all[i]->store);
		buf_finish(&all[i]->body);
	}
	loop_close(t.loop);
	twin_log_finish(&t.log);
	return 0;
}

/* ---- many at once ---- */

struct one { int status; bool established; char ip[46], ports[80]; };
static struct one ones[CROWD];
static unsigned left;

static void answered(void *arg, int status, const struct blob *body)
{
	struct one *o = arg;
	yyjson_doc *d = yyjson_read(body->p, body->len, 0);
	yyjson_val *root = yyjson_doc_get_root(d), *port;
	const char *ip = doc_str(root, "spec.clusterIP");
	size_t i, n;

	o->status = status;
	yyjson_arr_foreach(doc_get(root, "status.conditions"), i, n, port)
		o->established |= yyjson_equals_str(yyjson_obj_get(port, "type"), "Established") &&
			yyjson_equals_str(yyjson_obj_get(port, "status"), "True");
	snprintf(o->ip, sizeof(o->ip), "%s", ip ? ip : "");
	o->ports[0] = 0;
	yyjson_arr_foreach(doc_get(root, "spec.ports"), i, n, port)
		snprintf(o->ports + strlen(o->ports), sizeof(o->ports) - strlen(o->ports), "%lld ",
			(long long)doc_int(port, "nodePort", 0));
	yyjson_doc_free(d);
	left--;
}

static void post(struct fixture *f, const char *path, const char *body, struct one *o)
{
	static const char *const groups[] = { "system:masters", NULL };
	static const struct user admin = { .name = "admin", .groups = groups };
	struct api_call q = { .method = "POST", .path = path, .content_type = "application/json", .body = body,
		.body_len = strlen(body), .user = &admin };

	*o = (struct one){ 0 };
	left++;
	assert_int_equal(api_call(f->api, &q, answered, o), 0);
}

static void all_answered(void)
{
	for (int i = 0; i < 5000 && left; i++)
		loop_turn(t.loop, 10);
	assert_int_equal(left, 0);
}

/* format: a body with the number of the request in it. Through both servers in turn, at once. */
static void race(unsigned n, const char *path, const char *format)
{
	for (unsigned i = 0; i < n; i++) {
		char body[600];

		snprintf(body, sizeof(body), format, i);
		post(i % 2 ? &t.b : &t.a, path, body, &ones[i]);
	}
	all_answered();
}

static unsigned count(unsigned n, int status)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += ones[i].status == status;
	return sum;
}

#define MAP "{\"metadata\":{\"name\":\"m%u\"}}"
#define QUOTA(hard) "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{" hard "}}}"
#define SERVICE(spec) "{\"metadata\":{\"name\":\"s%u\"},\"spec\":{\"ports\":[{\"port\":80}]" spec "}}"

static int ask(struct fixture *f, const char *method, const char *path, const char *body)
{
	return fixture_call(f, method, path, NULL, "application/json", body);
}

/* ---- quotas ---- */

static void exactly_what_fits_is_let_through(void **state)
{
	static const struct { const char *name, *quota, *path, *body; unsigned n, fit; } cases[] = {
		{ "objects", QUOTA("\"configmaps\":\"10\""), CONFIG_MAPS, MAP, MANY, 10 },
		{ "room for all", QUOTA("\"configmaps\":\"60\""), CONFIG_MAPS, MAP, MANY, MANY },
		{ "room for none", QUOTA("\"configmaps\":\"0\""), CONFIG_MAPS, MAP, 10, 0 },
		{ "amounts", QUOTA("\"requests.storage\":\"10Gi\""), "/api/v1/namespaces/default/persistentvolumeclaims",
			"{\"metadata\":{\"name\":\"c%u\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":"
			"{\"storage\":\"1500Mi\"}}}}", 30, 6 },
		{ "of two kinds of limits", QUOTA("\"services\":\"40\",\"services.nodeports\":\"7\""), SERVICES,
			SERVICE(",\"type\":\"NodePort\""), 30, 7 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ask(&t.a, "POST", QUOTAS, cases[i].quota), 201);
		assert_int_equal(ask(&t.b, "GET", QUOTAS "/q", NULL), 200);
		race(cases[i].n, cases[i].path, cases[i].body);
		if (count(cases[i].n, 201) != cases[i].fit || count(cases[i].n, 403) != cases[i].n - cases[i].fit)
			fail_msg("%s: %u made, %u refused; the first said %d", cases[i].name, count(cases[i].n, 201), count(cases[i].n, 403),
				ones[0].status);
		assert_int_equal(ask(&t.a, "DELETE", QUOTAS "/q", NULL), 200);
		assert_int_equal(ask(&t.a, "DELETE", cases[i].path, NULL), 200);
	}
}

static void what_fails_takes_no_room(void **state)
{
	assert_int_equal(ask(&t.a, "POST", QUOTAS, QUOTA("\"configmaps\":\"3\"")), 201);
	assert_int_equal(ask(&t.b, "GET", QUOTAS "/q", NULL), 200);
	/* The same name through both: one is made. */
	race(2, CONFIG_MAPS, "{\"metadata\":{\"name\":\"same\"}}");
	assert_int_equal(count(2, 201), 1);
	assert_int_equal(count(2, 409), 1);
	rest();
	race(4, CONFIG_MAPS, MAP);
	assert_int_equal(count(4, 201), 2);
	/* What went is free for the other server at once. */
	assert_int_equal(ask(&t.b, "DELETE", CONFIG_MAPS "/same", NULL), 200);
	assert_int_equal(ask(&t.a, "POST", CONFIG_MAPS, "{\"metadata\":{\"name\":\"next\"}}"), 201);
	assert_int_equal(ask(&t.b, "POST", CONFIG_MAPS, "{\"metadata\":{\"name\":\"over\"}}"), 403);
}

/* ---- addresses and ports ---- */

static void no_address_and_no_port_is_given_twice(void **state)
{
	race(MANY, SERVICES, SERVICE(",\"type\":\"NodePort\""));
	assert_int_equal(count(MANY, 201), MANY);
	for (unsigned i = 0; i < MANY; i++)
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(ones[i].ip, ones[j].ip) || !strcmp(ones[i].ports, ones[j].ports))
				fail_msg("s%u and s%u: %s %s", i, j, ones[i].ip, ones[i].ports);
}

static void what_is_asked_for_by_many_goes_to_one(void **state)
{
	static const char port[] = "{\"metadata\":{\"name\":\"p%u\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"nodePort\":30123}]}}";

	race(20, SERVICES, SERVICE(",\"clusterIP\":\"10.96.200.7\""));
	assert_int_equal(count(20, 201), 1);
	assert_int_equal(count(20, 422), 19);
	race(20, SERVICES, port);
	assert_int_equal(count(20, 201), 1);
	assert_int_equal(count(20, 422), 19);
	/* Given back by one server, taken through the other. */
	for (unsigned i = 0; i < 20; i++) {
		char path[100];

		snprintf(path, sizeof(path), SERVICES "/p%u", i);
		ask(i % 2 ? &t.a : &t.b, "DELETE", path, NULL);
	}
	race(2, SERVICES, port);
	assert_int_equal(count(2, 201), 1);
}

static const struct store_event *ledger(const char *key)
{
	return twin_newest(&t.log, key);
}

static bool ledger_says(const char *key, const char *text)
{
	const struct store_event *now = ledger(key);

	return now && memmem(now->value->p, now->value->len, text, strlen(text));
}

/* ---- names of definitions ---- */

static void one_of_many_that_define_a_name_gets_it(void **state)
{
	static const char *const names[] = {       /* plural, kind: what two have alike */
		"\"plural\":\"as%u\",\"singular\":\"a%u\",\"kind\":\"Thing\",\"listKind\":\"A%uList\"",
		"\"plural\":\"bs%u\",\"singular\":\"thing\",\"kind\":\"B%u\",\"listKind\":\"B%uList\"",
		"\"plural\":\"cs%u\",\"singular\":\"c%u\",\"kind\":\"C%u\",\"listKind\":\"C%uList\",\"shortNames\":[\"th\"]",
	};

	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
		unsigned established = 0;

		for (unsigned i = 0; i < 4; i++) {
			char body[900], said[300];

			snprintf(said, sizeof(said), names[k], i, i, i, i);
			snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%.3s.g%zu.example.com\"},\"spec\":{\"group\":\"g%zu.example.com\","
				"\"scope\":\"Namespaced\",\"names\":{%s},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":"
				"{\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}", said + 10, k, k, said);
			post(i % 2 ? &t.b : &t.a, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body, &ones[i]);
		}
		all_answered();
		assert_int_equal(count(4, 201), 4);
		for (unsigned i = 0; i < 4; i++)
			established += ones[i].established;
		assert_int_equal(established, 1);
	}
	rest();
	assert_true(ledger_says(LEDGER("definitions"), EMPTY));
}

/* ---- what a server leaves behind ---- */

static void put_done(void *arg, int rc, int64_t rev)
{
	*(int *)arg = rc;
}

static void write_key(const char *key, const char *text)
{
	const struct store_event *now = twin_newest(&t.log, key);
	struct blob *value = blob_new(text, strlen(text));
	int rc = 1;

	assert_int_equal(store_put(t.a.store, key, value, now ? now->rev : 0, put_done, &rc), 0);
	blob_unref(value);
	rest();
	assert_int_equal(rc, 0);
}

static void write_ledger(const char *key, const char *holds)
{
	BUF_AUTO struct buf text = { 0 };

	buf_printf(&text, "{\"metadata\":{},\"holds\":[%s]}", holds);
	write_key(key, text.p);
}

#define DEAD(n, uid) "{\"by\":\"dead\",\"n\":\"" n "\",\"of\":\"core/configmaps\",\"ns\":\"default\",\"name\":\"m0\",\"uid\":\"" uid \
	"\",\"from\":\"0\",\"quotas\":[[\"q\",\"configmaps\",\"1\"]]}"

static void the_holds_of_a_dead_server_end(void **state)
{
	assert_int_equal(ask(&t.a, "POST", QUOTAS, QUOTA("\"configmaps\":\"3\"")), 201);
	assert_int_equal(ask(&t.b, "GET", QUOTAS "/q", NULL), 200);
	write_key(SESSION("dead"), "{\"metadata\":{}}");
	write_ledger(LEDGER("quotas.default"), DEAD("1", "x") "," DEAD("2", "y"));
	race(3, CONFIG_MAPS, MAP);
	assert_int_equal(count(3, 201), 1);
	ahead_ms += LEDGER_STALE_MS - 1000;
	assert_int_equal(ask(&t.b, "POST", CONFIG_MAPS, "{\"metadata\":{\"name\":\"early\"}}"), 403);
	ahead_ms += 2000;
	race(3, CONFIG_MAPS, "{\"metadata\":{\"name\":\"n%u\"}}");
	assert_int_equal(count(3, 201), 2);
	rest();
	assert_false(ledger_says(LEDGER("quotas.default"), "dead"));
	assert_null(twin_newest(&t.log, SESSION("dead")));
}

static void what_is_held_under_no_session_does_not_count(void **state)
{
	assert_int_equal(ask(&t.a, "POST", QUOTAS, QUOTA("\"configmaps\":\"1\"")), 201);
	assert_int_equal(ask(&t.b, "GET", QUOTAS "/q", NULL), 200);
	write_ledger(LEDGER("quotas.default"), DEAD("1", "x"));
	assert_int_equal(ask(&t.b, "POST", CONFIG_MAPS, "{\"metadata\":{\"name\":\"m\"}}"), 201);
}

/* A write that lies somewhere, for as long as it takes. */
static const char *held_up;
static struct store_write *on_its_way;

static int write_slowly(struct store *s, struct store_write *w)
{
	if (!held_up || strncmp(w->key, held_up, strlen(held_up)))
		return twin_write(s, w);
	on_its_way = w;
	return 0;
}

static void what_a_silent_server_has_on_its_way_comes_to_nothing(void **state)
{
	static const struct { const char *key, *path, *theirs, *ours; int refused; } cases[] = {
		{ "core/configmaps/", CONFIG_MAPS, "{\"metadata\":{\"name\":\"theirs\"}}", "{\"metadata\":{\"name\":\"ours\"}}", 403 },
		{ "core/services/", SERVICES, "{\"metadata\":{\"name\":\"theirs\"},\"spec\":{\"clusterIP\":\"10.96.200.7\",\"ports\":[{\"port\":80}]}}",
			"{\"metadata\":{\"name\":\"ours\"},\"spec\":{\"clusterIP\":\"10.96.200.7\",\"ports\":[{\"port\":80}]}}", 422 },
	};
	static struct store_ops ops;

	ops = *t.b.store->ops;
	ops.write = write_slowly;
	t.b.store->ops = &ops;
	assert_int_equal(ask(&t.a, "POST", QUOTAS, QUOTA("\"configmaps\":\"1\"")), 201);
	assert_int_equal(ask(&t.b, "GET", QUOTAS "/q", NULL), 200);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_write *w;

		held_up = cases[i].key;
		post(&t.b, cases[i].path, cases[i].theirs, &ones[0]);
		for (int k = 0; k < 200 && !on_its_way; k++)
			loop_turn(t.loop, 10);
		assert_non_null(on_its_way);
		held_up = NULL;
		assert_int_equal(ask(&t.a, "POST", cases[i].path, cases[i].ours), cases[i].refused);
		ahead_ms += LEDGER_STALE_MS + 1000;
		assert_int_equal(ask(&t.a, "POST", cases[i].path, cases[i].ours), 201);
		w = on_its_way;
		on_its_way = NULL;
		assert_int_equal(twin_write(t.b.store, w), 0);
		all_answered();
		assert_int_equal(ones[0].status, cases[i].refused);
		/* Its server lives, after all, and goes on under another session. */
		assert_int_equal(ask(&t.a, "DELETE", i ? SERVICES "/ours" : CONFIG_MAPS "/ours", NULL), 200);
		assert_int_equal(ask(&t.b, "POST", cases[i].path, cases[i].theirs), 201);
	}
}

/* ---- how large it gets ---- */

static size_t largest(const char *key)
{
	size_t max = 0;

	for (size_t i = 0; i < t.log.n; i++)
		if (!strcmp(t.log.v[i].key, key) && t.log.v[i].ev.value && t.log.v[i].ev.value->len > max)
			max = t.log.v[i].ev.value->len;
	return max;
}

static void a_ledger_has_room_for_all_in_turn(void **state)
{
	char map[300], quota[400], name[230];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	snprintf(map, sizeof(map), "{\"metadata\":{\"name\":\"m%%u-%s\"}}", name);
	for (int i = 0; i < 3; i++) {          /* so that each hold is long */
		snprintf(quota, sizeof(quota), "{\"metadata\":{\"name\":\"q%d-%s\"},\"spec\":{\"hard\":{\"configmaps\":\"%d\"}}}", i, name, CROWD - 10);
		assert_int_equal(ask(&t.a, "POST", QUOTAS, quota), 201);
	}
	assert_int_equal(ask(&t.b, "GET", QUOTAS, NULL), 200);
	race(CROWD, CONFIG_MAPS, map);
	assert_int_equal(count(CROWD, 201), CROWD - 10);
	assert_int_equal(count(CROWD, 403), 10);
	assert_in_range(largest(LEDGER("quotas.default")), LEDGER_SHARE_MAX / 2, 2 * LEDGER_SHARE_MAX);
	rest();
	assert_true(ledger_says(LEDGER("quotas.default"), EMPTY));
}

static void who_finds_a_ledger_full_waits(void **state)
{
	BUF_AUTO struct buf holds = { 0 };
	char pad[20000];

	memset(pad, 'x', sizeof(pad) - 1);
	pad[sizeof(pad) - 1] = 0;
	assert_int_equal(ask(&t.a, "POST", QUOTAS, QUOTA("\"configmaps\":\"100000\"")), 201);
	assert_int_equal(ask(&t.b, "GET", QUOTAS "/q", NULL), 200);
	write_key(SESSION("busy"), "{\"metadata\":{}}");
	for (unsigned i = 0; holds.len < LEDGER_BYTES_MAX - LEDGER_HOLD_MAX; i++)
		buf_printf(&holds, "%s{\"by\":\"busy\",\"n\":\"%u\",\"of\":\"core/configmaps\",\"ns\":\"default\",\"name\":\"%u\",\"uid\":\"u\","
			"\"from\":\"0\",\"quotas\":[[\"q\",\"configmaps\",\"1\"]],\"pad\":\"%s\"}", i ? "," : "", i, i, pad);
	write_ledger(LEDGER("quotas.default"), holds.p);
	post(&t.a, CONFIG_MAPS, "{\"metadata\":{\"name\":\"a\"}}", &ones[0]);
	post(&t.b, CONFIG_MAPS, "{\"metadata\":{\"name\":\"b\"}}", &ones[1]);
	rest();
	assert_int_equal(left, 2);
	write_ledger(LEDGER("quotas.default"), "");
	assert_int_equal(ask(&t.b, "GET", QUOTAS "/q", NULL), 200);    /* a twin sees what is new when it asks */
	all_answered();
	assert_int_equal(count(2, 201), 2);
	assert_true(largest(LEDGER("quotas.default")) <= LEDGER_BYTES_MAX);
}

/* A write of which its server never hears: the store may do it yet. */
static bool silent;
static struct blob *late;

static int write_silently(struct store *s, struct store_write *w)
{
	struct twin *b = twin_of(s);

	if (!silent || strncmp(w->key, "core/configmaps/", 16))
		return twin_write(s, w);
	late = blob_ref(w->value);
	w->rc = -ERR_DEADLINE;
	w->next = NULL;
	*b->writes_tail = w;
	b->writes_tail = &w->next;
	loop_defer(s->loop, &b->task, twin_run, b);
	return 0;
}

static void what_may_have_been_written_holds_its_room(void **state)
{
	static struct store_ops ops;

	ops = *t.b.store->ops;

	for (int done = 0; done < 2; done++) {
		int rc = 1;

		ops.write = write_silently;
		t.b.store->ops = &ops;
		silent = true;
		if (!done)
			assert_int_equal(ask(&t.a, "POST", QUOTAS, QUOTA("\"configmaps\":\"1\"")), 201);
		assert_int_equal(ask(&t.b, "GET", QUOTAS "/q", NULL), 200);
		assert_int_equal(ask(&t.b, "POST", CONFIG_MAPS, "{\"metadata\":{\"name\":\"late\"}}"), 504);
		silent = false;
		for (int i = 0; i < 3; i++) {
			assert_int_equal(ask(&t.a, "POST", CONFIG_MAPS, "{\"metadata\":{\"name\":\"a\"}}"), 403);
			assert_int_equal(ask(&t.b, "POST", CONFIG_MAPS, "{\"metadata\":{\"name\":\"b\"}}"), 403);
		}
		if (done) {
			assert_int_equal(store_put(t.a.store, "core/configmaps/default/late", late, 0, put_done, &rc), 0);
			rest();
			assert_int_equal(rc, 0);
		}
		ahead_ms += LEDGER_STALE_MS + 1000;
		assert_int_equal(ask(&t.a, "POST", CONFIG_MAPS, "{\"metadata\":{\"name\":\"a\"}}"), done ? 403 : 201);
		if (!done)
			assert_int_equal(ask(&t.a, "DELETE", CONFIG_MAPS "/a", NULL), 200);
		blob_unref(late);
		rest();
	}
}

static void a_hold_whose_object_is_there_counts_no_more(void **state)
{
	char hold[600];
	const char *uid;

	assert_int_equal(ask(&t.a, "POST", QUOTAS, QUOTA("\"configmaps\":\"2\"")), 201);
	assert_int_equal(ask(&t.a, "POST", CONFIG_MAPS, "{\"metadata\":{\"name\":\"m0\"}}"), 201);
	uid = strstr(t.a.body.p, "\"uid\":\"") + 7;
	write_key(SESSION("dead"), "{\"metadata\":{}}");
	snprintf(hold, sizeof(hold), "{\"by\":\"dead\",\"n\":\"1\",\"of\":\"core/configmaps\",\"ns\":\"default\",\"name\":\"m0\",\"uid\":\"%.36s\","
		"\"from\":\"0\",\"quotas\":[[\"q\",\"configmaps\",\"1\"]]}", uid);
	write_ledger(LEDGER("quotas.default"), hold);
	assert_int_equal(ask(&t.b, "POST", CONFIG_MAPS, "{\"metadata\":{\"name\":\"m1\"}}"), 201);
}

static void who_was_too_late_to_leave_leaves_again(void **state)
{
	struct blob *value;
	int rc = 1;

	assert_int_equal(ask(&t.a, "POST", QUOTAS, QUOTA("\"configmaps\":\"3\"")), 201);
	assert_int_equal(ask(&t.a, "POST", CONFIG_MAPS, "{\"metadata\":{\"name\":\"m0\"}}"), 201);
	assert_true(ledger_says(LEDGER("quotas.default"), "\"name\":\"m0\""));
	/* The other server writes the ledger before this one has left it. */
	value = blob_ref(ledger(LEDGER("quotas.default"))->value);
	assert_int_equal(store_put(t.b.store, LEDGER("quotas.default"), value, ledger(LEDGER("quotas.default"))->rev, put_done, &rc), 0);
	blob_unref(value);
	rest();
	assert_int_equal(rc, 0);
	assert_true(ledger_says(LEDGER("quotas.default"), EMPTY));
}

static void ledgers_are_empty_when_all_is_written(void **state)
{
	assert_int_equal(ask(&t.a, "POST", QUOTAS, QUOTA("\"configmaps\":\"30\"")), 201);
	race(20, CONFIG_MAPS, MAP);
	race(20, SERVICES, SERVICE(""));
	rest();
	assert_true(ledger_says(LEDGER("quotas.default"), EMPTY));
	assert_true(ledger_says(LEDGER("services"), EMPTY));
	/* A dry run decides, and writes nothing. */
	int64_t rev = ledger(LEDGER("services"))->rev;

	assert_int_equal(fixture_call(&t.b, "POST", SERVICES, "dryRun=All", "application/json",
		"{\"metadata\":{\"name\":\"dry\"},\"spec\":{\"ports\":[{\"port\":80}]}}"), 201);
	/* Nor does a change that needs nothing new. */
	assert_int_equal(fixture_call(&t.b, "PATCH", SERVICES "/s1", NULL, "application/merge-patch+json",
		"{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"), 200);
	rest();
	assert_int_equal(ledger(LEDGER("services"))->rev, rev);
}

static void a_namespace_takes_its_ledger_along(void **state)
{
	int rc = 1;

	assert_int_equal(ask(&t.a, "POST", QUOTAS, QUOTA("\"configmaps\":\"30\"")), 201);
	race(2, CONFIG_MAPS, MAP);
	rest();
	assert_non_null(ledger(LEDGER("quotas.default")));
	assert_int_equal(store_del(t.a.store, "core/namespaces/default", twin_newest(&t.log, "core/namespaces/default")->rev,
		put_done, &rc), 0);
	rest();
	assert_int_equal(rc, 0);
	assert_null(ledger(LEDGER("quotas.default")));
}

static void a_store_of_one_server_has_no_ledger(void **state)
{
	struct fixture f;

	fixture_open(&f, "mem:", false);
	assert_int_equal(fixture_call(&f, "POST", QUOTAS, NULL, "application/json", QUOTA("\"configmaps\":\"1\"")), 201);
	assert_int_equal(fixture_call(&f, "POST", CONFIG_MAPS, NULL, "application/json", "{\"metadata\":{\"name\":\"m\"}}"), 201);
	assert_int_equal(fixture_call(&f, "POST", CONFIG_MAPS, NULL, "application/json", "{\"metadata\":{\"name\":\"n\"}}"), 403);
	assert_int_equal(cache_count(f.cache, "sampan/ledgers", NULL), 0);
	fixture_close(&f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(exactly_what_fits_is_let_through),
		TEST(what_fails_takes_no_room),
		TEST(no_address_and_no_port_is_given_twice),
		TEST(what_is_asked_for_by_many_goes_to_one),
		TEST(one_of_many_that_define_a_name_gets_it),
		TEST(the_holds_of_a_dead_server_end),
		TEST(what_is_held_under_no_session_does_not_count),
		TEST(what_a_silent_server_has_on_its_way_comes_to_nothing),
		TEST(a_ledger_has_room_for_all_in_turn),
		TEST(who_finds_a_ledger_full_waits),
		TEST(what_may_have_been_written_holds_its_room),
		TEST(a_hold_whose_object_is_there_counts_no_more),
		TEST(who_was_too_late_to_leave_leaves_again),
		TEST(ledgers_are_empty_when_all_is_written),
		TEST(a_namespace_takes_its_ledger_along),
		cmocka_unit_test(a_store_of_one_server_has_no_ledger),
	};

	env_set(&(struct env_ops){ .now_us = clock_us, .wall_us = wall_us, .random = random_bytes });
	return cmocka_run_group_tests(tests, NULL, NULL);
}
