/* SPDX-License-Identifier: Apache-2.0 */
/* Apply, case by case: what a configuration may be, what it owns, what it changes, and when.
 * Cases after structured-merge-diff's and the field manager's own tests. */
#include "../doc/doc_test.h"
#include "kinds/kinds.h"

#include "kinds/kinds_custom.h"

#define T0 1790000000000000LL            /* "2026-09-21T14:13:20Z" */
#define SECOND 1000000LL

static yyjson_mut_doc *doc;

static int reset(void **state)
{
	arena_reset(mem);
	doc = doc_new(mem);
	return doc ? 0 : -1;
}

/* "apps/v1 Deployment" */
static const struct kinds_kind *kind(const char *name)
{
	char group[254], version[64], api_version[320];
	const char *space = strchr(name, ' ');
	const struct kinds_kind *k;

	snprintf(api_version, sizeof(api_version), "%.*s", (int)(space - name), name);
	kinds_split_api_version(api_version, group, version);
	k = kinds_by_kind(group, version, space + 1);
	if (!k)
		fail_msg("no kind %s", name);
	return k;
}

/* Single quotes stand for double ones, to keep the tables readable. */
static const char *quoted(const char *text)
{
	char *s = arena_strdup(mem, text);

	for (char *p = s; *p; p++)
		if (*p == '\'')
			*p = '"';
	return s;
}

struct doing {
	const struct kinds_kind *k;
	const char *sub;
	int64_t now_us;
	yyjson_mut_val *v;             /* the object so far */
	const char *problem;           /* of the last step: the error, or conflicts a line each; "" */
};

static void step(struct doing *w, char how, const char *manager, const char *text)
{
	struct apply_req r = { .kind = w->k, .sub = w->sub, .manager = manager, .force = how == '!', .now_us = w->now_us };
	struct apply_conflict *c = NULL;
	struct buf b BUF_AUTO = { 0 };
	struct err e = { 0 };
	yyjson_mut_val *out;
	int rc;

	w->problem = "";
	if (how == 'u') {
		assert_int_equal(kinds_decode(doc, mem, w->k->type, json(quoted(text)), KS_IGNORE, &out, NULL, NULL), 0);
		assert_int_equal(kinds_track(doc, mem, &r, out, w->v), 0);
		w->v = out;
		return;
	}
	rc = kinds_apply(doc, mem, &r, w->v ? yyjson_mut_val_mut_copy(doc, w->v) : NULL, mjson(doc, quoted(text)), &out, &c, &e);
	if (!rc) {
		w->v = out;
		return;
	}
	for (; c; c = c->next)
		buf_printf(&b, "%s%s %s", b.len ? "\n" : "", c->manager, c->field);
	w->problem = arena_strdup(mem, b.len ? b.p : e.msg);
}

/* "manager: fields" a line, in the list's order; "@" before it where there is no time. */
static const char *owners(yyjson_mut_val *v)
{
	struct buf b BUF_AUTO = { 0 };
	yyjson_mut_arr_iter it;

	yyjson_mut_arr_iter_init(doc_mget(v, "metadata.managedFields"), &it);
	for (yyjson_mut_val *e; (e = yyjson_mut_arr_iter_next(&it));)
		buf_printf(&b, "%s%s%s: %s", b.len ? "\n" : "", doc_mstr(e, "time") ? "" : "@", doc_mstr(e, "manager"),
			text_of(doc_mget(e, "fieldsV1")));
	for (char *p = b.p; p && *p; p++)
		if (*p == '"')
			*p = '\'';
	return b.p ? arena_strdup(mem, b.p) : "";
}

static void expect(const char *name, const char *got, const char *want)
{
	if (strcmp(got, want))
		fail_msg("%s:\n%s\nnot\n%s", name, got, want);
}

/* ---- what a configuration may be ---- */

#define POD "{'metadata':{'name':'p','namespace':'d'},'spec':{"
#define NOT "failed to create typed patch object (d/p; /v1, Kind=Pod): "

static const struct { const char *name, *config, *want; } typed_cases[] = {
	{ "fits", POD "'containers':[{'name':'c','image':'i','tty':false,'ports':[{'containerPort':1}],'resources':{'limits':{'cpu':1,'memory':'1Gi'}}}]}}", "" },
	{ "null fits everywhere", POD "'containers':null,'hostname':null,'tolerations':[null],'securityContext':null}}", "" },
	{ "times may be empty", "{'metadata':{'name':'p','creationTimestamp':null},'spec':{'containers':[]}}", "" },
	{ "undeclared", POD "'foo':1}}", NOT ".spec.foo: field not declared in schema" },
	{ "undeclared, at the top", "{'metadata':{'name':'p','namespace':'d'},'specs':{}}", NOT ".specs: field not declared in schema" },
	{ "case counts", POD "'Containers':[]}}", NOT ".spec.Containers: field not declared in schema" },
	{ "the first of an object is told", POD "'foo':1,'bar':1}}", NOT ".spec.foo: field not declared in schema" },
	{ "but each object's", POD "'containers':[{'name':'a','x':1},{'name':'b','y':1}]}}", NOT "errors:\n"
		"  .spec.containers[name=\"a\"].x: field not declared in schema\n  .spec.containers[name=\"b\"].y: field not declared in schema" },
	{ "string", POD "'nodeName':1.5}}", NOT ".spec.nodeName: expected string, got &value.valueUnstructured{Value:1.5}" },
	{ "string, not a map", POD "'nodeName':{'a':'b'}}}", NOT ".spec.nodeName: expected string, got &value.valueUnstructured{Value:map[string]interface {}{\"a\":\"b\"}}" },
	{ "boolean", POD "'hostNetwork':'yes'}}", NOT ".spec.hostNetwork: expected boolean, got &{yes}" },
	{ "number", POD "'priority':true}}", NOT ".spec.priority: expected numeric (int or float), got bool" },
	{ "number, not a list", POD "'priority':[1]}}", NOT ".spec.priority: expected numeric (int or float), got []interface {}" },
	{ "map", POD "'securityContext':'x'}}", NOT ".spec.securityContext: expected map, got &{x}" },
	{ "map, not a list", POD "'nodeSelector':['x','y']}}", NOT ".spec.nodeSelector: expected map, got &{[x y]}" },
	{ "list", POD "'tolerations':'x'}}", NOT ".spec.tolerations: expected list, got &{x}" },
	{ "in a list without names", POD "'tolerations':[{'key':1}]}}", NOT ".spec.tolerations[0].key: expected string, got &value.valueUnstructured{Value:1}" },
	{ "in a map", "{'metadata':{'name':'p','namespace':'d','labels':{'a':1}}}", NOT ".metadata.labels.a: expected string, got &value.valueUnstructured{Value:1}" },
	{ "an element without its key", POD "'containers':[{'name':'a'},{'image':'i'}]}}", NOT ".spec.containers: element 1: associative list with keys "
		"has an element that omits key field \"name\" (and doesn't have default value)" },
	{ "a null key is none", POD "'containers':[{'name':null,'image':'i'}]}}", NOT ".spec.containers: element 0: associative list with keys "
		"has an element that omits key field \"name\" (and doesn't have default value)" },
	{ "a null key with a default", POD "'containers':[{'name':'a','ports':[{'containerPort':1,'protocol':null}]}]}}", "" },
	{ "null among elements", POD "'containers':[null]}}", NOT ".spec.containers: element 0: associative list with keys may not have a null element" },
	{ "no map among elements", POD "'containers':['x']}}", NOT ".spec.containers: element 0: associative list with keys may not have non-map elements" },
	{ "a map in a set", "{'metadata':{'name':'p','namespace':'d','finalizers':[{}]}}", NOT ".metadata.finalizers: element 0: "
		"associative list without keys has an element that's a map type" },
	{ "a list in a set", "{'metadata':{'name':'p','namespace':'d','finalizers':[[]]}}", NOT ".metadata.finalizers: element 0: "
		"not supported: associative list with lists as elements" },
	{ "an element twice", POD "'containers':[{'name':'a'},{'name':'b'},{'name':'a'}]}}", NOT ".spec.containers: duplicate entries for key [name=\"a\"]" },
	{ "owners are not handed in", "{'metadata':{'managedFields':[]}}", "metadata.managedFields must be nil" },
	{ "what does not convert", POD "'containers':[{'name':'c','resources':{'limits':{'cpu':'x'}}}]}}", "failed to convert new object (d/p; /v1, Kind=Pod) "
		"to proper version: unable to convert unstructured object to /v1, Kind=Pod: quantities must match the regular expression "
		"'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'" },
};

static void configurations_fit_their_kind(void **state)
{
	for (size_t i = 0; i < COUNT(typed_cases); i++) {
		struct doing w = { .k = kind("v1 Pod"), .now_us = T0 };
		step(&w, 'a', "m", typed_cases[i].config);
		expect(typed_cases[i].name, w.problem, typed_cases[i].want);
	}
}

/* ---- what it owns and changes ---- */

/* Steps: how ('a' apply, '!' by force, 'u' update), manager, text. After the last one: what
 * was wrong with it, the owners, and the value at a path. */
static const struct {
	const char *name, *kind;
	struct { char how; const char *manager, *text; } steps[5];
	const char *problem, *owners, *path, *value;
} session_cases[] = {
	{ "zero values are owned", "apps/v1 Deployment", { { 'a', "m", "{'spec':{'replicas':0,'paused':false,'minReadySeconds':0}}" } },
		"", "m: {'f:spec':{'f:minReadySeconds':{},'f:paused':{},'f:replicas':{}}}", "spec.replicas", "0" },
	{ "null is owned", "v1 ConfigMap", { { 'a', "m", "{'data':{'a':null,'b':'1'}}" } }, "", "m: {'f:data':{'f:a':{},'f:b':{}}}", "data", "{'a':'','b':'1'}" },
	{ "an empty key is what defaulting makes of it", "v1 Service", { { 'a', "m", "{'spec':{'ports':[{'port':1,'protocol':''}]}}" },
		{ 'a', "m", "{'spec':{'ports':[{'port':1,'protocol':''}]}}" } },
		"", "m: {'f:spec':{'f:ports':{'k:{\\'port\\':1,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:port':{},'f:protocol':{}}}}}", NULL, NULL },
	{ "an empty struct is owned", "v1 Pod", { { 'a', "m", "{'spec':{'containers':[{'name':'c','resources':{}}],'securityContext':{}}}" } },
		"", "m: {'f:spec':{'f:containers':{'k:{\\'name\\':\\'c\\'}':{'.':{},'f:name':{},'f:resources':{}}},'f:securityContext':{}}}", NULL, NULL },
	{ "the server's metadata is nobody's", "v1 ConfigMap", { { 'a', "m", "{'metadata':{'name':'a','uid':'u','creationTimestamp':null,'generation':3,'labels':{'l':'1'}}}" } },
		"", "m: {'f:metadata':{'f:labels':{'f:l':{}}}}", NULL, NULL },
	{ "templates' metadata is somebody's", "apps/v1 Deployment", { { 'a', "m", "{'spec':{'template':{'metadata':{'creationTimestamp':null,'labels':{'a':'b'}}}}}" } },
		"", "m: {'f:spec':{'f:template':{'f:metadata':{'f:creationTimestamp':{},'f:labels':{'f:a':{}}}}}}", NULL, NULL },
	{ "status is not the main resource's", "apps/v1 Deployment", { { 'a', "m", "{'spec':{'replicas':1},'status':{'replicas':1}}" } },
		"", "m: {'f:spec':{'f:replicas':{}}}", NULL, NULL },
	{ "null over another's value conflicts", "v1 ConfigMap", { { 'a', "m", "{'data':{'a':'1'}}" }, { 'a', "n", "{'data':{'a':null}}" } }, "m .data.a", NULL, "data.a", "'1'" },
	{ "null of a map takes nothing", "v1 ConfigMap", { { 'a', "m", "{'data':{'a':'1'}}" }, { 'a', "n", "{'data':null}" } },
		"", "@n: {'f:data':{}}\nm: {'f:data':{'f:a':{}}}", "data", "{'a':'1'}" },
	{ "equal values are shared", "v1 ConfigMap", { { 'a', "m", "{'data':{'a':'1'}}" }, { 'a', "n", "{'data':{'a':'1'}}" } },
		"", "@n: {'f:data':{'f:a':{}}}\nm: {'f:data':{'f:a':{}}}", NULL, NULL },
	{ "a shared one stays until the last goes", "v1 ConfigMap", { { 'a', "m", "{'data':{'a':'1'}}" }, { 'a', "n", "{'data':{'a':'1'}}" }, { 'a', "m", "{}" } },
		"", "@n: {'f:data':{'f:a':{}}}", "data", "{'a':'1'}" },
	{ "and goes with it", "v1 ConfigMap", { { 'a', "m", "{'data':{'a':'1'}}" }, { 'a', "n", "{'data':{'a':'1'}}" }, { 'a', "m", "{}" }, { 'a', "n", "{}" } }, "", "", "data", "-" },
	{ "updates that share an applied value hold it", "v1 ConfigMap", { { 'u', "u", "{'data':{'a':'1'}}" }, { 'a', "m", "{'data':{'a':'1'}}" }, { 'a', "m", "{}" } },
		"", "u: {'f:data':{'.':{},'f:a':{}}}", "data", "{'a':'1'}" },
	{ "conflicts come by manager", "v1 ConfigMap", { { 'a', "z", "{'data':{'z':'1'}}" }, { 'a', "b", "{'data':{'b':'1'}}" }, { 'u', "c", "{'data':{'b':'1','c':'1','z':'1'}}" },
		{ 'a', "m", "{'data':{'b':'2','c':'2','z':'2'}}" } }, "b .data.b\nc .data.c\nz .data.z", NULL, NULL, NULL },
	{ "force takes from all", "v1 ConfigMap", { { 'a', "z", "{'data':{'z':'1'}}" }, { 'u', "c", "{'data':{'c':'1','z':'1'}}" }, { '!', "m", "{'data':{'c':'2','z':'2'}}" } },
		"", "m: {'f:data':{'f:c':{},'f:z':{}}}", "data", "{'c':'2','z':'2'}" },
	{ "removing by an update gives nobody anything", "v1 ConfigMap", { { 'a', "m", "{'data':{'a':'1','b':'1'}}" }, { 'u', "u", "{'data':{'b':'1'}}" } },
		"", "m: {'f:data':{'f:b':{}}}", NULL, NULL },
	{ "sets unite", "v1 ConfigMap", { { 'a', "m", "{'metadata':{'finalizers':['a/a']}}" }, { 'a', "n", "{'metadata':{'finalizers':['b/b']}}" } },
		"", "m: {'f:metadata':{'f:finalizers':{'v:\\'a/a\\'':{}}}}\nn: {'f:metadata':{'f:finalizers':{'v:\\'b/b\\'':{}}}}", "metadata.finalizers", "['a/a','b/b']" },
	{ "and lose what is given up", "v1 ConfigMap", { { 'a', "m", "{'metadata':{'finalizers':['a/a','c/c']}}" }, { 'a', "n", "{'metadata':{'finalizers':['b/b']}}" },
		{ 'a', "m", "{'metadata':{'finalizers':['c/c']}}" } }, "", NULL, "metadata.finalizers", "['c/c','b/b']" },
	{ "ports are told apart with their protocol", "v1 Service", { { 'a', "m", "{'spec':{'ports':[{'port':53,'name':'t'}]}}" },
		{ 'a', "n", "{'spec':{'ports':[{'port':53,'protocol':'UDP','name':'u'}]}}" } }, "",
		"m: {'f:spec':{'f:ports':{'k:{\\'port\\':53,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:name':{},'f:port':{}}}}}\n"
		"n: {'f:spec':{'f:ports':{'k:{\\'port\\':53,\\'protocol\\':\\'UDP\\'}':{'.':{},'f:name':{},'f:port':{},'f:protocol':{}}}}}", NULL, NULL },
	{ "atomic maps are one", "v1 Service", { { 'a', "m", "{'spec':{'selector':{'a':'1'}}}" }, { 'a', "n", "{'spec':{'selector':{'b':'1'}}}" } }, "m .spec.selector", NULL, NULL, NULL },
	{ "atomic structs too", "apps/v1 Deployment", { { 'a', "m", "{'spec':{'selector':{'matchLabels':{'a':'1'}}}}" }, { 'a', "n", "{'spec':{'selector':{'matchLabels':{'a':'2'}}}}" } },
		"m .spec.selector", NULL, NULL, NULL },
	{ "lists without a type are one", "v1 Pod", { { 'a', "m", "{'spec':{'tolerations':[{'key':'a'}]}}" }, { 'a', "n", "{'spec':{'tolerations':[{'key':'b'}]}}" } },
		"m .spec.tolerations", NULL, NULL, NULL },
	{ "a quantity of another spelling conflicts, as text does", "v1 Pod", { { 'a', "m", "{'spec':{'containers':[{'name':'c','resources':{'limits':{'cpu':'0.5'}}}]}}" },
		{ 'a', "n", "{'spec':{'containers':[{'name':'c','resources':{'limits':{'cpu':'0.5'}}}]}}" } }, "m .spec.containers[name=\"c\"].resources.limits.cpu", NULL, NULL, NULL },
	{ "the stored spelling does not", "v1 Pod", { { 'a', "m", "{'spec':{'containers':[{'name':'c','resources':{'limits':{'cpu':'0.5'}}}]}}" },
		{ 'a', "n", "{'spec':{'containers':[{'name':'c','resources':{'limits':{'cpu':'500m'}}}]}}" } }, "", NULL, "spec.containers.0.resources.limits.cpu", "'500m'" },
	{ "int or string keeps its type", "apps/v1 Deployment", { { 'a', "m", "{'spec':{'strategy':{'rollingUpdate':{'maxSurge':1,'maxUnavailable':'10%'}}}}" } },
		"", NULL, "spec.strategy.rollingUpdate", "{'maxUnavailable':'10%','maxSurge':1}" },
};

static void sessions_end_as_they_should(void **state)
{
	for (size_t i = 0; i < COUNT(session_cases); i++) {
		struct doing w = { .k = kind(session_cases[i].kind), .now_us = T0, .problem = "" };
		for (size_t s = 0; s < 5 && session_cases[i].steps[s].how; s++, w.now_us += SECOND) {
			if (*w.problem)
				fail_msg("%s: %s", session_cases[i].name, w.problem);
			step(&w, session_cases[i].steps[s].how, session_cases[i].steps[s].manager, session_cases[i].steps[s].text);
		}
		expect(session_cases[i].name, w.problem, session_cases[i].problem);
		if (session_cases[i].owners)
			expect(session_cases[i].name, owners(w.v), session_cases[i].owners);
		if (session_cases[i].path) {
			yyjson_mut_val *v = doc_mget(w.v, session_cases[i].path);
			char *got = arena_strdup(mem, v ? text_of(v) : "-");
			for (char *p = got; *p; p++)
				if (*p == '"')
					*p = '\'';
			expect(session_cases[i].name, got, session_cases[i].value);
		}
	}
}

static void times_are_of_changes(void **state)
{
	struct doing w = { .k = kind("v1 ConfigMap"), .now_us = T0 };

	step(&w, 'a', "m", "{'data':{'a':'1'}}");
	w.now_us += SECOND;
	step(&w, 'a', "m", "{'data':{'a':'1'}}");
	assert_string_equal(doc_mstr(w.v, "metadata.managedFields.0.time"), "2026-09-21T14:13:20Z");
	/* Fewer owned fields, but the object is as it was: another holds them. */
	step(&w, 'a', "n", "{'data':{'a':'1'}}");
	step(&w, 'a', "m", "{'data':null}");
	assert_string_equal(owners(w.v), "@n: {'f:data':{'f:a':{}}}\nm: {'f:data':{}}");
	assert_string_equal(doc_mstr(w.v, "metadata.managedFields.1.time"), "2026-09-21T14:13:20Z");
	step(&w, 'a', "n", "{'data':{'a':'2'}}");
	assert_string_equal(doc_mstr(w.v, "metadata.managedFields.1.time"), "2026-09-21T14:13:21Z");
}

static void scale_keeps_the_times_its_managers_had(void **state)
{
	struct doing w = { .k = kind("apps/v1 Deployment"), .now_us = T0 };

	step(&w, 'a', "m", "{'spec':{'replicas':1}}");
	w.sub = "scale";
	step(&w, 'u', "k", "{'spec':{'replicas':2}}");
	assert_string_equal(owners(w.v), "@k: {'f:spec':{'f:replicas':{}}}");
	assert_string_equal(doc_mstr(w.v, "metadata.managedFields.0.subresource"), "scale");
	step(&w, 'a', "s", "{'spec':{'replicas':3}}");
	assert_string_equal(w.problem, "k .spec.replicas");
	step(&w, '!', "s", "{'spec':{'replicas':3}}");
	assert_string_equal(owners(w.v), "@s: {'f:spec':{'f:replicas':{}}}");
}

static void status_writes_own_no_metadata_they_leave(void **state)
{
	struct doing w = { .k = kind("apps/v1 Deployment"), .sub = "status", .now_us = T0 };

	step(&w, 'a', "m", "{'metadata':{'labels':{'a':'b'},'annotations':{'c':'d'}},'spec':{'replicas':1},'status':{'replicas':1}}");
	assert_string_equal(owners(w.v), "m: {'f:metadata':{'f:annotations':{'f:c':{}}},'f:status':{'f:replicas':{}}}");
}

static void a_write_of_times_alone_is_none(void **state)
{
	static const char stored[] = "{'metadata':{'name':'a','resourceVersion':'5','managedFields':[{'manager':'m','operation':'Update','apiVersion':'v1',"
		"'time':'2026-01-01T00:00:00Z','fieldsType':'FieldsV1','fieldsV1':{'f:data':{}}}]},'data':{'k':'v'}}";
	static const struct { const char *name, *path, *value; bool same; } cases[] = {
		{ "its time", "metadata.managedFields.0.time", "2026-02-02T00:00:00Z", true },
		{ "and its revision", "metadata.resourceVersion", "", true },
		{ "another manager", "metadata.managedFields.0.manager", "n", false },
		{ "a label", "metadata.labels.a", "b", false },
		{ "data", "data.k", "w", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		yyjson_mut_val *old = mjson(doc, quoted(stored)), *v = mjson(doc, quoted(stored));
		yyjson_mut_val *entry = doc_mget(v, "metadata.managedFields.0");
		doc_mset_str(doc, entry, "time", "2026-02-02T00:00:00Z");
		if (!strncmp(cases[i].path, "metadata.managedFields.0.", 25))
			doc_mset_str(doc, entry, cases[i].path + 25, cases[i].value);
		else if (*cases[i].value)
			doc_mset_str(doc, v, cases[i].path, cases[i].value);
		else
			doc_mdel(v, cases[i].path);
		assert_int_equal(kinds_settle(doc, v, old), 0);
		if (doc_mequal(doc_mget(v, "metadata.managedFields"), doc_mget(old, "metadata.managedFields")) != cases[i].same)
			fail_msg("%s", cases[i].name);
	}
}

static void an_empty_list_clears_owners(void **state)
{
	struct doing w = { .k = kind("v1 ConfigMap"), .now_us = T0 };
	struct apply_req r = { .kind = w.k, .manager = "m", .clear = true, .now_us = T0 };
	yyjson_mut_val *v;

	step(&w, 'a', "m", "{'data':{'a':'1'}}");
	v = yyjson_mut_val_mut_copy(doc, w.v);
	doc_mdel(v, "metadata.managedFields");
	assert_int_equal(kinds_track(doc, mem, &r, v, w.v), 0);
	assert_null(doc_mget(v, "metadata.managedFields"));
	/* Not through a subresource. */
	r.sub = "status";
	v = yyjson_mut_val_mut_copy(doc, w.v);
	doc_mdel(v, "metadata.managedFields");
	assert_int_equal(kinds_track(doc, mem, &r, v, w.v), 0);
	assert_true(doc_mequal(v, w.v));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, reset)
		TEST(configurations_fit_their_kind),
		TEST(sessions_end_as_they_should),
		TEST(times_are_of_changes),
		TEST(scale_keeps_the_times_its_managers_had),
		TEST(status_writes_own_no_metadata_they_leave),
		TEST(a_write_of_times_alone_is_none),
		TEST(an_empty_list_clears_owners),
	};

	return cmocka_run_group_tests(tests, mem_open, mem_close);
}
