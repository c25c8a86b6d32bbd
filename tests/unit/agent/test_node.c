/* SPDX-License-Identifier: Apache-2.0 */
/* How often an agent writes its Node, whatever it is answered and whoever writes it, too. The API is the test's own:
 * the module is compiled here with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "base/env.h"

static struct asked {
	struct loop_task answer;
	client_done_fn *done;
	void *arg;
	char method[8], path[200];
	struct buf body;
} asked[64];
static unsigned n_asked, registers, relabels, statuses, leases, lease_posts;
static bool lease_gone;
static int register_status, relabel_status, status_status;
static int rev;
static void (*on_status)(yyjson_val *node);
static void (*well)(void *arg);
static void *well_arg;

static struct loop *loop;

static void answer(void *arg);

static int call_fake(struct client *c, const struct client_req *q, client_done_fn *done, void *arg)
{
	struct asked *k = &asked[n_asked++ % 64];

	(void)c;
	buf_finish(&k->body);
	k->done = done;
	k->arg = arg;
	snprintf(k->method, sizeof(k->method), "%s", q->method);
	snprintf(k->path, sizeof(k->path), "%s", q->path);
	buf_add(&k->body, q->body, q->body_len);
	loop_defer(loop, &k->answer, answer, k);
	return 0;
}

static void image_list_fake(struct images *m, void (*each)(void *arg, const struct image_info *img), void *arg)
{
	(void)m, (void)each, (void)arg;
}

static void on_well_fake(struct client *c, void (*fn)(void *arg), void *arg)
{
	(void)c;
	well = fn;
	well_arg = arg;
}

#define client_call(...) call_fake(__VA_ARGS__)
#define client_on_well(...) on_well_fake(__VA_ARGS__)
#define image_list(...) image_list_fake(__VA_ARGS__)
#define agent_maybe_ready maybe_ready_fake
#define status_reclaim(p) ((void)(p))
#include "agent/node.c"

void maybe_ready_fake(struct agent *of)
{
	(void)of;
}

static void reply(struct asked *k, int status, int rc, yyjson_val *obj)
{
	k->done(k->arg, &(struct client_reply){ .rc = rc, .status = status, .obj = obj, .message = rc ? "no" : "" });
}

/* The Node of a status that was written. */
static yyjson_doc *node_of(const struct buf *body, const char *from, const char *to)
{
	BUF_AUTO struct buf text = { 0 };
	const char *at = from ? strstr(body->p, from) : NULL;
	size_t before = at ? (size_t)(at - body->p) : 1;

	buf_printf(&text, "{\"metadata\":{\"resourceVersion\":\"%d\"},", ++rev);
	buf_add(&text, body->p + 1, before - 1);
	if (at) {
		buf_adds(&text, to);
		buf_add(&text, at + strlen(from), body->len - before - strlen(from));
	} else {
		buf_add(&text, body->p + 1, body->len - 1);
	}
	yyjson_doc *doc = yyjson_read(text.p, text.len, 0);
	assert_non_null(doc);
	return doc;
}

static void answer(void *arg)
{
	struct asked *k = arg;

	if (strstr(k->path, "/leases") && !strcmp(k->method, "POST")) {
		lease_posts++;
		reply(k, 409, -ERR_EXISTS, NULL);
	} else if (strstr(k->path, "/leases")) {
		leases++;
		if (lease_gone) {
			lease_gone = false;
			reply(k, 404, -ERR_NOT_FOUND, NULL);
			return;
		}
		reply(k, status_status ? status_status : 200, status_status ? -ERR_UNAVAILABLE : 0, NULL);
	} else if (!strcmp(k->method, "POST")) {
		registers++;
		reply(k, register_status, register_status == 409 ? -ERR_EXISTS : register_status == 201 ? 0 : -ERR_UNAVAILABLE, NULL);
	} else if (!strstr(k->path, "/status")) {
		relabels++;
		reply(k, relabel_status, relabel_status == 200 ? 0 : -ERR_CONFLICT, NULL);
	} else if (status_status) {
		statuses++;
		reply(k, status_status, -ERR_UNAVAILABLE, NULL);
	} else {
		yyjson_doc *doc = node_of(&k->body, NULL, NULL);

		statuses++;
		reply(k, 200, 0, yyjson_doc_get_root(doc));
		yyjson_doc_free(doc);
		if (on_status)
			on_status(NULL);
	}
}

static void turn_for(int64_t ms)
{
	int64_t end = env_now_ms() + ms;

	while (env_now_ms() < end)
		loop_turn(loop, 10);
}

static struct agent a;

static struct node *begin(char *labels, int of_register)
{
	struct node *n;

	a = (struct agent){ .loop = loop, .node_name = (char *)"n", .address = (char *)"10.0.0.1", .data_dir = (char *)"/tmp",
		.labels = labels, .networked = true, .lease_s = 40, .pods_max = 1 };
	registers = relabels = statuses = leases = 0;
	register_status = of_register;
	relabel_status = 409;
	status_status = 0;
	on_status = NULL;
	assert_int_equal(node_open(&n, &a), 0);
	a.node = n;
	return n;
}

static void end(struct node *n)
{
	a.closing = true;
	loop_turn(loop, 0);
	node_close(n);
}

static void labels_that_conflict_are_tried_again_slowly(void **state)
{
	struct node *n = begin((char *)"\"a\":\"b\"", 409);

	turn_for(4000);
	if (relabels < 2 || relabels > 7)
		fail_msg("%u times in 4 s", relabels);
	assert_int_equal(registers, relabels);         /* it may have been removed meanwhile */
	assert_int_equal(statuses, 0);
	relabel_status = 200;
	turn_for(6000);
	assert_int_equal(statuses, 1);
	end(n);
}

static struct node *node;
static const char *from, *to;

/* Somebody else who writes whenever this agent has. */
static void other_writes(yyjson_val *unused)
{
	struct asked *k = NULL;
	yyjson_doc *doc;

	(void)unused;
	for (unsigned i = n_asked; !k && i-- > 0 && n_asked - i < 64;)
		if (strstr(asked[i % 64].path, "/status"))
			k = &asked[i % 64];
	doc = node_of(&k->body, from, to);
	node_seen(node, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
}

static void two_agents_of_one_name_leave_each_other_alone(void **state)
{
	node = begin((char *)"", 201);
	from = "\"type\":\"Ready\",\"status\":\"True\"";
	to = "\"type\":\"Ready\",\"status\":\"False\"";
	on_status = other_writes;
	/* The same machine, as far as anybody can tell: put right, but ever more slowly. */
	turn_for(4500);
	if (statuses < 3 || statuses > 5)
		fail_msg("%u times in 4.5 s", statuses);
	assert_false(twin_there(&node->twin, &a));
	end(node);

	node = begin((char *)"", 201);
	from = "\"bootID\":\"";
	to = "\"bootID\":\"another";
	on_status = other_writes;
	turn_for(300);
	assert_int_equal(statuses, 1);
	assert_true(twin_there(&node->twin, &a));
	/* From now on what it says is not put right. */
	from = "\"type\":\"Ready\",\"status\":\"True\"";
	to = "\"type\":\"Ready\",\"status\":\"False\"";
	other_writes(NULL);
	turn_for(2500);
	assert_int_equal(statuses, 1);
	assert_in_range(leases, 1, 2);
	end(node);
}

/* What this agent wrote itself in an earlier life comes by late. */
static void what_is_old_is_no_twin(void **state)
{
	yyjson_doc *old;
	struct node *n = begin((char *)"", 201);

	turn_for(100);
	assert_int_equal(statuses, 1);
	rev -= 5;
	old = node_of(&asked[1].body, "\"bootID\":\"", "\"bootID\":\"another");
	rev += 5;
	node_seen(n, yyjson_doc_get_root(old));
	assert_false(twin_there(&n->twin, &a));
	yyjson_doc_free(old);
	end(n);
}

static void nobody_hurries_while_servers_are_away_and_all_do_after(void **state)
{
	struct node *n = begin((char *)"", 201);

	turn_for(200);
	assert_int_equal(leases, 1);
	status_status = 503;
	node_changed(n);
	turn_for(6000);
	if (leases < 3 || leases > 10)
		fail_msg("%u times in 6 s", leases);
	status_status = 0;
	leases = 0;
	well(well_arg);
	turn_for(700);
	assert_int_equal(leases, 1);
	assert_int_equal(lease_posts, 0);
	/* It is gone, and there again before this agent makes one: that it is renewed does not take a tick. */
	lease_gone = true;
	node_changed(n);
	turn_for(2500);
	assert_int_equal(lease_posts, 1);
	assert_int_equal(leases, 3);
	end(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_that_conflict_are_tried_again_slowly),
		cmocka_unit_test(two_agents_of_one_name_leave_each_other_alone),
		cmocka_unit_test(what_is_old_is_no_twin),
		cmocka_unit_test(nobody_hurries_while_servers_are_away_and_all_do_after),
	};

	if (loop_open(&loop))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	for (unsigned i = 0; i < 64; i++)
		buf_finish(&asked[i].body);
	loop_close(loop);
	return failed;
}
