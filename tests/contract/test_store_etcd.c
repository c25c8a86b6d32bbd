/* SPDX-License-Identifier: Apache-2.0 */
/* test_store_etcd - what only a store in the network can do: members that die under writes,
 * servers that share it, history that others forget, TLS, passwords, a full quota. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/epoll.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/log.h"
#include "base/loop.h"
#include "store/store.h"

#include "etcd_servers.h"

/* ---- members die ---- */

static bool writing;
static int64_t told_ms, longest_ms;      /* of all writers: the newest answer, the longest time without */

struct writer {
	struct server *s;
	struct key *k;
	bool deletes;
};

static void next_write(struct writer *w);

/* The one writer of a key knows what is there: a conflict would mean that it was told a lie. */
static void written(void *arg, int rc, int64_t rev)
{
	struct writer *w = arg;
	struct key *k = w->k;

	k->busy = false;
	if (told_ms && env_now_ms() - told_ms > longest_ms)
		longest_ms = env_now_ms() - told_ms;
	told_ms = env_now_ms();
	if (rc == 0) {
		k->rev = w->deletes ? 0 : rev;
		k->written++;
	} else if (rc == -ERR_UNAVAILABLE) {
		k->unavailable++;
	} else if (rc == -ERR_CONFLICT) {
		k->conflicts++;
		k->rev = rev;
	} else {
		k->unknown++;
		k->rev = k->seen_rev;
	}
	if (writing)
		next_write(w);
}

static void next_write(struct writer *w)
{
	struct key *k = w->k;
	BLOB_AUTO struct blob *b = blob_alloc(16);
	char key[16];

	snprintf(key, sizeof(key), "k/%d", (int)(k - w->s->key));
	b->len = (uint32_t)snprintf(b->p, 16, "%u", k->written + 1);
	w->deletes = k->rev && k->written % 7 == 6;      /* now and then it is made anew */
	k->busy = (w->deletes ? store_del(w->s->store, key, k->rev, written, w) :
		store_put(w->s->store, key, b, k->rev, written, w)) == 0;
	assert_true(k->busy);
}

static void write_for(int64_t ms)
{
	for (int64_t until = env_now_ms() + ms; env_now_ms() < until;)
		loop_turn(loop, 20);
}

static bool any_busy(const struct server *s)
{
	for (int i = 0; i < KEYS; i++)
		if (s->key[i].busy)
			return true;
	return false;
}

static void test_members_die_under_writes(void **state)
{
	static const struct {
		const char *name;
		int signo;
	} rounds[] = {
		{ "killed", SIGKILL }, { "stopped, then going on", SIGSTOP }, { "killed", SIGKILL },
	};
	struct writer w[KEYS];
	struct server *s, *other, *later;
	unsigned total = 0, unavailable = 0, unknown = 0;
	int64_t until;

	etcd_host_open(&host, 3);
	s = serve(NULL);
	other = serve(NULL);
	writing = true;
	for (int i = 0; i < KEYS; i++) {
		w[i] = (struct writer){ s, &s->key[i], false };
		next_write(&w[i]);
	}
	write_for(500);
	for (int n = 0; n < (getenv("SAMPAN_LONG") ? 30 : 3); n++) {
		unsigned before = s->events;
		int i = n % 3, how = n % 5 % 3;        /* each member each way, in time */

		print_message("  member %d is %s\n", i, rounds[how].name);
		etcd_host_signal(&host, i, rounds[how].signo);
		/* Two of three go on, whichever it was. */
		for (until = env_now_ms() + 20000; s->events < before + 500 && env_now_ms() < until;)
			loop_turn(loop, 20);
		assert_true(s->events >= before + 500);
		write_for(500);
		if (rounds[how].signo == SIGSTOP)
			etcd_host_signal(&host, i, SIGCONT);
		else
			etcd_host_start(&host, i);
		write_for(2000);
	}
	writing = false;
	for (until = env_now_ms() + 40000; any_busy(s) && env_now_ms() < until;)
		loop_turn(loop, 100);
	assert_false(any_busy(s));
	assert_int_equal(sync_with(s), 0);
	assert_int_equal(sync_with(other), 0);
	later = serve(NULL);
	assert_false(s->disordered || other->disordered);
	assert_int_equal(s->lost + other->lost, 0);
	assert_int_equal(s->events, other->events);
	for (int i = 0; i < KEYS; i++) {
		const struct key *k = &s->key[i];

		total += k->written;
		unavailable += k->unavailable;
		unknown += k->unknown;
		/* ... unless it was told that nobody knows. */
		assert_true(k->conflicts <= k->unknown);
		assert_in_range(k->seen, k->written, k->written + k->unknown);
		assert_int_equal(other->key[i].seen, k->seen);
		assert_string_equal(other->key[i].value, k->value);
		assert_string_equal(later->key[i].value, k->value);
		if (!k->unknown)
			assert_int_equal(later->key[i].seen_rev, k->rev);
	}
	print_message("  %u writes acknowledged, %u refused for want of a member, %u of unknown outcome; "
		"%lld ms without an answer at most\n", total, unavailable, unknown, (long long)longest_ms);
	stop(later);
	stop(other);
	stop(s);
}

/* ---- answers get lost ---- */

/* A question that was asked again must not be answered twice, however late it comes: not
 * even when what it expects is there again. */
static void test_a_late_question_has_no_effect(void **state)
{
	BLOB_AUTO struct blob *b = blob_new("once", 4);
	struct answer a = { 0 };
	struct server *other, *s;

	etcd_host_open(&host, 1);
	proxy_open();
	other = serve(NULL);
	s = serve_through_proxy(true);
	del(s, "k/0", must_put(s, "k/0", "first", 0));
	proxy.holds = true;
	assert_int_equal(store_put(s->store, "k/1", b, 0, take_answer, &a), 0);
	for (int i = 0; i < 100 && !proxy.held.len; i++)
		loop_turn(loop, 50);
	proxy_cut();
	proxy.holds = false;
	turn_until(&a.came, 40000);
	assert_int_equal(a.rc, 0);
	assert_int_equal(del(s, "k/1", a.rev).rc, 0);
	assert_int_equal(send(proxy.held_fd, proxy.held.p, proxy.held.len, MSG_NOSIGNAL), (ssize_t)proxy.held.len);
	write_for(500);
	assert_int_equal(sync_with(other), 0);
	assert_int_equal(other->key[1].seen, 2);
	assert_int_equal(other->key[1].seen_rev, 0);
	buf_finish(&proxy.held);
	close(proxy.held_fd);
	stop(s);
	stop(other);
	proxy_close();
}

/* Nor must one whose writer was told that nobody knows: once etcd is reached again, that stands. */
static void test_what_is_unknown_does_not_happen_later(void **state)
{
	BLOB_AUTO struct blob *b = blob_new("late", 4);
	struct answer a = { 0 };
	struct server *other, *s;
	bool fenced = false;

	etcd_host_open(&host, 1);
	proxy_open();
	other = serve(NULL);
	s = serve_through_proxy(true);
	must_put(s, "k/0", "first", 0);
	proxy.holds = true;
	assert_int_equal(store_put(s->store, "k/1", b, 0, take_answer, &a), 0);
	for (int i = 0; i < 100 && !proxy.held.len; i++)
		loop_turn(loop, 50);
	proxy.shut = true;
	proxy_cut();
	proxy.holds = false;
	turn_until(&a.came, 60000);
	assert_int_equal(a.rc, -ERR_DEADLINE);
	proxy.shut = false;
	for (int i = 0; i < 100 && !fenced; i++) {
		write_for(100);
		fenced = !etcd_host_ctl(&host, "get --prefix '/sampan/!s/' -w json | grep '\"version\":2'");
	}
	assert_true(fenced);
	assert_int_equal(send(proxy.held_fd, proxy.held.p, proxy.held.len, MSG_NOSIGNAL), (ssize_t)proxy.held.len);
	write_for(500);
	assert_int_equal(sync_with(other), 0);
	assert_int_equal(other->key[1].seen, 0);
	buf_finish(&proxy.held);
	close(proxy.held_fd);
	stop(s);
	stop(other);
	proxy_close();
}

/* A key that was made, and removed by another server, out of the sight of who waits for the answer: to make
 * it again would bring it back. */
static void test_what_was_undone_unseen_is_not_done_again(void **state)
{
	BLOB_AUTO struct blob *b = blob_new("made", 4);
	struct answer a = { 0 };
	struct server *other, *s;
	char cmd[128];
	int64_t rev;

	etcd_host_open(&host, 1);
	proxy_open();
	other = serve(NULL);
	s = serve_through_proxy(true);
	must_put(s, "k/0", "first", 0);
	proxy.pass[1] = false;
	assert_int_equal(store_put(s->store, "k/1", b, 0, take_answer, &a), 0);
	for (int i = 0; i < 100 && !other->key[1].seen_rev; i++)
		loop_turn(loop, 50);
	assert_int_equal(del(other, "k/1", other->key[1].seen_rev).rc, 0);
	rev = must_put(other, "k/2", "later", 0);
	snprintf(cmd, sizeof(cmd), "compaction --physical %lld", (long long)rev);
	assert_int_equal(etcd_host_ctl(&host, cmd), 0);
	proxy_cut();
	turn_until(&a.came, 40000);
	assert_int_equal(a.rc, -ERR_DEADLINE);
	assert_int_equal(s->lost, 1);
	assert_int_equal(sync_with(other), 0);
	assert_int_equal(other->key[1].seen, 2);
	assert_int_equal(other->key[1].seen_rev, 0);
	stop(s);
	stop(other);
	proxy_close();
}

/* Whatever is lost, the writer hears the truth, and what it wrote is there once. */
static void test_lost_answers_are_found(void **state)
{
	static const struct {
		const char *name;
		bool asked, followed, del, overwritten;
	} cases[] = {
		{ "the question is lost", false, true, false, false },
		{ "the answer is lost", true, true, false, false },
		{ "... and another server has written since", true, true, false, true },
		{ "the answer to a deletion is lost", true, true, true, false },
		{ "... and another server has made it again", true, true, true, true },
		{ "the question is lost, nobody follows", false, false, false, false },
		{ "the answer is lost, nobody follows", true, false, false, false },
		{ "... and another server has written since: who can tell", true, false, false, true },
	};
	struct server *other, *s;

	etcd_host_open(&host, 1);
	proxy_open();
	other = serve(NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		BLOB_AUTO struct blob *b = blob_new("second", 6);
		struct answer a = { 0 };
		bool blind = cases[i].overwritten && !cases[i].followed;
		int64_t rev, applied;
		char key[16];

		print_message("  %s\n", cases[i].name);
		snprintf(key, sizeof(key), "k/%zu", i);
		s = serve_through_proxy(cases[i].followed);
		rev = must_put(s, key, "first", 0);
		assert_int_equal(sync_with(other), 0);
		proxy.pass[0] = cases[i].asked;
		proxy.pass[1] = false;
		assert_int_equal(cases[i].del ? store_del(s->store, key, rev, take_answer, &a) :
			store_put(s->store, key, b, rev, take_answer, &a), 0);
		if (cases[i].asked)
			for (int k = 0; k < 100 && other->last_rev <= rev; k++)
				loop_turn(loop, 50);
		else
			write_for(300);
		applied = other->last_rev;
		assert_int_equal(applied > rev, cases[i].asked);
		if (cases[i].overwritten)
			must_put(other, key, "third", cases[i].del ? 0 : other->key[i].seen_rev);
		assert_false(a.came);
		proxy_cut();
		turn_until(&a.came, 40000);
		assert_int_equal(a.rc, blind ? -ERR_DEADLINE : 0);
		assert_int_equal(sync_with(other), 0);
		if (cases[i].asked && !blind && !cases[i].del)
			assert_int_equal(a.rev, applied);
		assert_int_equal(other->key[i].seen, 2 + cases[i].overwritten);
		assert_string_equal(other->key[i].value, cases[i].overwritten ? "third" : cases[i].del ? "" : "second");
		if (cases[i].followed)
			assert_int_equal(s->key[i].seen, other->key[i].seen);
		assert_false(s->disordered || other->disordered);
		stop(s);
	}
	stop(other);
	proxy_close();
}

/* ---- several servers ---- */

static void test_servers_share_the_log(void **state)
{
	struct server *a, *b;
	int64_t rev, compacted;
	struct answer x;

	etcd_host_open(&host, 1);
	a = serve(NULL);
	b = serve(NULL);
	rev = must_put(a, "a/1", "x", 0);
	assert_int_equal(sync_with(b), 0);
	assert_string_equal(b->text, "a/1");
	/* What another one wrote is a conflict, and seen before it is told. */
	x = put(b, "a/1", "y", 0);
	assert_int_equal(x.rc, -ERR_CONFLICT);
	assert_int_equal(x.rev, rev);
	rev = must_put(b, "a/1", "y", rev);
	x = put(a, "a/1", "z", 1);
	assert_int_equal(x.rc, -ERR_CONFLICT);
	assert_int_equal(x.rev, rev);
	x = del(a, "a/1", rev);
	assert_int_equal(x.rc, 0);
	x = put(b, "a/1", "y", rev);
	assert_int_equal(x.rc, -ERR_CONFLICT);
	assert_int_equal(x.rev, 0);
	assert_string_equal(b->text, "a/1 a/1 a/1!");
	assert_string_equal(a->text, b->text);

	/* Foreign keys have revisions, too, and hold nobody up. */
	assert_int_equal(etcd_host_ctl(&host, "put /other/key value"), 0);
	assert_int_equal(sync_with(a), 0);
	assert_int_equal(etcd_host_ctl(&host, "put /other/key value"), 0);
	assert_int_equal(sync_with(b), 0);
	x = put(b, "a/9", "y", 3);
	assert_int_equal(x.rc, -ERR_CONFLICT);
	assert_string_equal(a->text, "a/1 a/1 a/1!");

	/* One forgets history, both know. */
	rev = must_put(a, "a/2", "x", 0);
	assert_int_equal(store_compact(a->store, rev), 0);
	for (int i = 0; i < 100 && store_compacted_rev(b->store) < rev; i++)
		loop_turn(loop, 100);
	compacted = store_compacted_rev(b->store);
	assert_int_equal(compacted, rev);
	/* ... and while it does, the other does not. */
	rev = must_put(b, "a/2", "y", rev);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(store_compact(b->store, rev), 0);
		assert_int_equal(store_compacted_rev(b->store), compacted);
	}
	assert_int_equal(store_compact(b->store, rev), 0);   /* it seems to be gone */
	for (int i = 0; i < 100 && store_compacted_rev(a->store) < rev; i++)
		loop_turn(loop, 100);
	assert_int_equal(store_compacted_rev(a->store), rev);
	/* Where nothing was written, nothing is, not even that it is forgotten. */
	assert_int_equal(sync_with(b), 0);
	rev = store_rev(b->store);
	assert_true(rev > store_compacted_rev(b->store));
	assert_int_equal(store_compact(b->store, rev), 0);
	assert_int_equal(store_compacted_rev(b->store), rev);
	write_for(200);
	assert_int_equal(sync_with(b), 0);
	assert_int_equal(store_rev(b->store), rev);
	assert_false(a->disordered || b->disordered);

	/* Several keys of one transaction of somebody's have one revision. */
	*a->text = 0;
	must_put(a, "a/3", "x", 0);
	assert_int_equal(etcd_host_ctl(&host, "del --prefix /sampan/a/"), 0);
	assert_int_equal(sync_with(a), 0);
	assert_string_equal(a->text, "a/3 a/2! a/3!");
	stop(a);
	stop(b);
}

/* ---- history is forgotten before it was seen ---- */

static void test_a_gap_is_told_and_filled(void **state)
{
	struct server *s;
	int64_t rev;
	char cmd[128];

	etcd_host_open(&host, 1);
	s = serve(NULL);
	must_put(s, "a/stays", "x", 0);
	rev = must_put(s, "a/goes", "x", 0);
	must_put(s, "b/changes", "x", 0);
	etcd_host_signal(&host, 0, SIGKILL);
	etcd_host_start(&host, 0);
	/* Meanwhile this program sees nothing: its loop does not turn. */
	for (int i = 0; i < 100 && etcd_host_ctl(&host, "put /sampan/b/changes y"); i++)
		usleep(100000);
	assert_int_equal(etcd_host_ctl(&host, "del /sampan/a/goes"), 0);
	assert_int_equal(etcd_host_ctl(&host, "put /sampan/c/new z"), 0);
	snprintf(cmd, sizeof(cmd), "compaction --physical %lld", (long long)rev + 4);
	assert_int_equal(etcd_host_ctl(&host, cmd), 0);
	*s->text = 0;
	for (int i = 0; i < 200 && !s->found_rev; i++)
		loop_turn(loop, 100);
	assert_int_equal(s->lost, 1);
	assert_string_equal(s->text, "=a/stays =b/changes =c/new");
	assert_int_equal(s->found_rev, rev + 4);
	assert_true(store_compacted_rev(s->store) >= rev);
	must_put(s, "d", "x", 0);
	assert_string_equal(s->text, "=a/stays =b/changes =c/new d");
	assert_int_equal(sync_with(s), 0);
	stop(s);
}

static void revoke_leases(void)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "lease list | tail -n +2 | while read -r lease; do "
		"ETCDCTL_API=3 etcdctl --endpoints http://127.0.0.1:%d lease revoke $lease; done", host.port[0]);
	assert_int_equal(etcd_host_ctl(&host, cmd), 0);
}

/* Its session ends after an hour without a member, or when somebody revokes its lease. */
static void test_a_session_that_ended_begins_anew(void **state)
{
	struct answer a;
	struct server *s;
	int64_t rev;

	etcd_host_open(&host, 1);
	s = serve(NULL);
	rev = must_put(s, "a", "x", 0);
	for (int i = 0; i < 3; i++) {
		revoke_leases();
		a = i == 1 ? del(s, "a", rev) : put(s, "a", "y", rev);
		assert_int_equal(a.rc, 0);
		rev = i == 1 ? 0 : a.rev;
	}
	assert_int_equal(put(s, "a", "z", 1).rc, -ERR_CONFLICT);
	assert_string_equal(s->text, "a a a! a");
	stop(s);
}

/* To begin at a wrong revision would be to give one out twice. */
static void test_a_base_that_is_no_number_is_refused(void **state)
{
	static const char *const values[] = { "12x", "x", "''", "-- -5", "9000000000000000000", "1000000" };

	etcd_host_open(&host, 1);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		bool last = i + 1 == sizeof(values) / sizeof(values[0]);
		struct store *s = NULL;
		struct err e = { 0 };
		char uri[512], cmd[128];

		snprintf(cmd, sizeof(cmd), "put '/sampan/!b' %s", values[i]);
		for (int k = 0; k < 100 && etcd_host_ctl(&host, cmd); k++)
			usleep(100000);
		uri_of(uri);
		assert_int_equal(store_open(&s, loop, uri, NULL, &e), last ? 0 : -ERR_CORRUPT);
		assert_true(last ? store_rev(s) > 1000000 : strstr(e.msg, "is no number") != NULL);
		store_close(s);
	}
}

/* ---- it is not there, or not the same any more ---- */

/* Whoever is told that a write failed, and writes again at once. */
struct stubborn {
	struct server *s;
	bool came;
	unsigned failed;
};

static void write_stubbornly(void *arg, int rc, int64_t rev)
{
	struct stubborn *t = arg;
	BLOB_AUTO struct blob *b = blob_new("x", 1);

	t->came = rc != 0;
	t->failed += rc != 0;
	if (writing)
		assert_int_equal(store_put(t->s->store, "c", b, 0, write_stubbornly, t), 0);
}

static void test_an_emptied_etcd_is_not_believed(void **state)
{
	BLOB_AUTO struct blob *b = blob_new("x", 1);
	struct answer write = { 0 }, sync = { 0 };
	struct store_stats st;
	struct server *s, *new;
	struct stubborn t = { 0 };
	char data[96], aside[96];

	etcd_host_open(&host, 1);
	s = serve(NULL);
	new = serve(NULL);             /* it has not written yet */
	must_put(s, "a", "x", 0);
	assert_int_equal(sync_with(new), 0);
	etcd_host_signal(&host, 0, SIGKILL);
	t.s = new;
	assert_int_equal(store_put(new->store, "d", b, 0, take_answer, &(struct answer){ 0 }), 0);
	write_for(100);
	writing = true;
	write_stubbornly(&t, 0, 0);
	assert_int_equal(store_sync(s->store, take_sync, &sync), 1);
	assert_int_equal(store_put(s->store, "b", b, 0, take_answer, &write), 0);
	turn_until(&sync.came, 5000);
	assert_int_equal(sync.rc, -ERR_UNAVAILABLE);
	assert_false(write.came);
	/* It comes back with nothing: its revisions would mean two things. */
	snprintf(data, sizeof(data), "%s/m0", host.dir);
	snprintf(aside, sizeof(aside), "%s/aside", host.dir);
	assert_int_equal(rename(data, aside), 0);
	etcd_host_start(&host, 0);
	turn_until(&write.came, 20000);
	turn_until(&t.came, 20000);
	writing = false;
	assert_int_equal(t.failed, 1);
	assert_int_equal(write.rc, -ERR_UNAVAILABLE);
	store_stats(s->store, &st);
	assert_true(st.failing);
	assert_int_equal(s->lost, 0);
	assert_string_equal(s->text, "a");
	assert_int_equal(etcd_host_ctl(&host, "get --prefix /sampan/ | { ! grep -q .; }"), 0);
	/* The right one comes back. */
	etcd_host_signal(&host, 0, SIGKILL);
	assert_int_equal(file_remove_tree(data, NULL), 0);
	assert_int_equal(rename(aside, data), 0);
	etcd_host_start(&host, 0);
	for (int i = 0; i < 100 && t.came; i++)        /* the last stubborn write */
		loop_turn(loop, 100);
	assert_false(t.came);
	assert_int_equal(sync_with(s), 0);
	assert_string_equal(s->text, "a c");
	stop(new);
	stop(s);
}

/* ---- who may ---- */

static void assert_refused(const struct store_options *opt, const char *says)
{
	struct store *s = NULL;
	struct err e = { 0 };
	char uri[512];

	uri_of(uri);
	assert_true(store_open(&s, loop, uri, opt, &e) < 0);
	if (!strstr(e.msg, says))
		fail_msg("\"%s\" does not say \"%s\"", e.msg, says);
}

static void test_tls_and_certificates(void **state)
{
	char dir[] = "/tmp/sampan-test-certs-XXXXXX", cmd[2048], file[6][96];
	const char *const names[6] = { "ca.crt", "server.crt", "server.key", "client.crt", "client.key", "other.crt" };
	struct server *s;

	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < 6; i++)
		snprintf(file[i], sizeof(file[i]), "%s/%s", dir, names[i]);
	snprintf(cmd, sizeof(cmd), "cd %s && exec >log 2>&1 && key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes' &&"
		"openssl req -x509 $key -keyout ca.key -out ca.crt -subj /CN=ca -days 2 &&"
		"openssl req -x509 $key -keyout other.key -out other.crt -subj /CN=ca -days 2 &&"
		"for n in server client; do openssl req $key -keyout $n.key -out $n.csr -subj /CN=$n &&"
		"printf 'subjectAltName=IP:127.0.0.1\\nextendedKeyUsage=serverAuth,clientAuth\\n' >ext &&"
		"openssl x509 -req -in $n.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out $n.crt || exit 1; done", dir);
	assert_int_equal(system(cmd), 0);
	host.scheme = "https";
	const char *const args[] = { "--cert-file", file[1], "--key-file", file[2], "--client-cert-auth", "--trusted-ca-file", file[0] };

	memcpy(host.args, args, sizeof(args));
	etcd_host_open(&host, 1);
	s = serve(&(struct store_options){ .ca_file = file[0], .cert_file = file[3], .key_file = file[4] });
	must_put(s, "a", "x", 0);
	assert_int_equal(sync_with(s), 0);
	assert_string_equal(s->text, "a");
	stop(s);
	assert_refused(&(struct store_options){ .cert_file = file[3], .key_file = file[4] }, "--store-ca");
	assert_refused(&(struct store_options){ .ca_file = file[0], .cert_file = file[3] }, "go together");
	assert_refused(&(struct store_options){ .ca_file = file[2] }, file[2]);
	assert_refused(&(struct store_options){ .ca_file = "/nonexistent" }, "/nonexistent");
	assert_refused(&(struct store_options){ .ca_file = file[5], .cert_file = file[3], .key_file = file[4] }, "certificate");
	assert_refused(&(struct store_options){ .ca_file = file[0] }, "certificate");
	file_remove_tree(dir, NULL);
}

static void test_passwords(void **state)
{
	char right[96], wrong[96];
	struct server *s;

	host.args[0] = "--auth-token-ttl";
	host.args[1] = "2";
	etcd_host_open(&host, 1);
	s = serve(NULL);
	stop(s);
	assert_int_equal(etcd_host_ctl(&host, "user add root:secret"), 0);
	assert_int_equal(etcd_host_ctl(&host, "user add sampan:pass:word"), 0);
	assert_int_equal(etcd_host_ctl(&host, "user grant-role root root"), 0);
	assert_int_equal(etcd_host_ctl(&host, "role add sampan"), 0);
	assert_int_equal(etcd_host_ctl(&host, "role grant-permission sampan readwrite --prefix=true /sampan/"), 0);
	assert_int_equal(etcd_host_ctl(&host, "user grant-role sampan sampan"), 0);
	assert_int_equal(etcd_host_ctl(&host, "auth enable"), 0);
	snprintf(right, sizeof(right), "%s/right", host.dir);
	snprintf(wrong, sizeof(wrong), "%s/wrong", host.dir);
	assert_int_equal(file_replace(right, "sampan:pass:word\n", 17, 0600, NULL), 0);
	assert_int_equal(file_replace(wrong, "sampan:other\n", 13, 0600, NULL), 0);
	assert_refused(NULL, "--store-auth");
	assert_refused(&(struct store_options){ .auth_file = wrong }, "authentication failed");
	assert_refused(&(struct store_options){ .auth_file = "/nonexistent" }, "/nonexistent");
	s = serve(&(struct store_options){ .auth_file = right });
	must_put(s, "a", "x", 0);
	/* The token ends; another one is got, and nobody notices. */
	write_for(4500);
	must_put(s, "b", "x", 0);
	assert_int_equal(sync_with(s), 0);
	must_put(s, "c", "x", 0);
	assert_string_equal(s->text, "a b c");
	assert_int_equal(s->lost, 0);
	stop(s);
}

/* ---- etcd's quota ---- */

static void test_a_full_quota_takes_deletions_and_has_a_way_out(void **state)
{
	BLOB_AUTO struct blob *b = blob_alloc(200000);
	struct answer a = { 0 };
	struct server *s;
	int64_t rev[100];
	char key[16], cmd[64];
	int n = 0;

	host.args[0] = "--quota-backend-bytes";
	host.args[1] = "3000000";
	etcd_host_open(&host, 1);
	s = serve(NULL);
	memset(b->p, 'x', b->len);
	for (; n < 100 && a.rc == 0; n++) {
		a = (struct answer){ 0 };
		snprintf(key, sizeof(key), "a/%d", n);
		assert_int_equal(store_put(s->store, key, b, 0, take_answer, &a), 0);
		turn_until(&a.came, 40000);
		rev[n] = a.rev;
	}
	assert_in_range(n, 3, 99);
	assert_int_equal(a.rc, -ERR_FULL);
	for (int i = 0; i < n - 1; i++) {
		snprintf(key, sizeof(key), "a/%d", i);
		assert_int_equal(del(s, key, rev[i]).rc, 0);
	}
	assert_int_equal(put(s, "b", "x", 0).rc, -ERR_FULL);
	snprintf(cmd, sizeof(cmd), "compaction --physical %lld", (long long)store_rev(s->store));
	assert_int_equal(etcd_host_ctl(&host, cmd), 0);
	assert_int_equal(etcd_host_ctl(&host, "defrag"), 0);
	assert_int_equal(etcd_host_ctl(&host, "alarm disarm"), 0);
	must_put(s, "b", "x", 0);
	stop(s);
}

/* A session cannot be made anew then, and what cannot be told others is done all the same. */
static void test_without_space_what_frees_some_goes_on(void **state)
{
	BLOB_AUTO struct blob *b = blob_alloc(100000);
	struct server *s, *other;
	int64_t rev[100], began;
	struct answer a = { 0 };
	char key[16], cmd[128];
	int n = 0, i = 0;

	host.args[0] = "--quota-backend-bytes";
	host.args[1] = "3000000";
	etcd_host_open(&host, 1);
	proxy_open();
	other = serve(NULL);
	s = serve_through_proxy(true);
	must_put(other, "theirs", "x", 0);
	memset(b->p, 'x', b->len);
	for (; n < 100 && a.rc == 0; n++) {
		a = (struct answer){ 0 };
		snprintf(key, sizeof(key), "k/%d", n % KEYS);
		assert_int_equal(store_put(s->store, key, b, n < KEYS ? 0 : rev[n % KEYS], take_answer, &a), 0);
		turn_until(&a.came, 40000);
		if (a.rc == 0)
			rev[n % KEYS] = a.rev;
	}
	assert_int_equal(a.rc, -ERR_FULL);
	assert_true(n > 10);
	n = n - 1 < KEYS ? n - 1 : KEYS;
	/* The answer to a deletion is lost; and then that to one without a session. */
	for (; i < 2; i++) {
		snprintf(key, sizeof(key), "k/%d", i);
		a = (struct answer){ 0 };
		proxy.pass[1] = false;
		assert_int_equal(store_del(s->store, key, rev[i], take_answer, &a), 0);
		write_for(300);
		proxy_cut();
		turn_until(&a.came, 40000);
		assert_true(a.rc == 0 || (i && a.rc == -ERR_DEADLINE));
		for (int k = 0; k < 100 && other->key[i].seen_rev; k++)
			loop_turn(loop, 50);
		assert_int_equal(other->key[i].seen_rev, 0);
	}
	for (; i < n / 2; i++) {
		snprintf(key, sizeof(key), "k/%d", i);
		assert_int_equal(del(s, key, rev[i]).rc, 0);
		assert_int_equal(sync_with(s), 0);
	}
	assert_int_equal(put(s, "b", "x", 0).rc, -ERR_FULL);
	/* An hour has passed. */
	revoke_leases();
	for (; i < n; i++) {
		snprintf(key, sizeof(key), "k/%d", i);
		assert_int_equal(del(i % 2 ? other : s, key, rev[i]).rc, 0);
	}
	began = env_now_ms();
	assert_int_equal(put(other, "b", "x", 0).rc, -ERR_FULL);
	assert_in_range(env_now_ms() - began, 0, 4000);
	/* History goes, and then there is space again. */
	assert_int_equal(store_compact(s->store, store_rev(s->store)), 0);
	snprintf(cmd, sizeof(cmd), "get a --rev=%lld 2>&1 | grep compacted", (long long)rev[0]);
	for (i = 0; i < 50 && etcd_host_ctl(&host, cmd); i++)
		write_for(100);
	assert_in_range(i, 0, 49);
	assert_int_equal(etcd_host_ctl(&host, "defrag"), 0);
	assert_int_equal(etcd_host_ctl(&host, "alarm disarm"), 0);
	must_put(s, "b", "x", 0);
	must_put(other, "c", "x", 0);
	assert_int_equal(sync_with(s), 0);
	assert_int_equal(sync_with(other), 0);
	for (i = 0; i < n; i++) {
		assert_int_equal(s->key[i].seen_rev, 0);
		assert_int_equal(other->key[i].seen, s->key[i].seen);
	}
	assert_int_equal(s->lost + other->lost, 0);
	stop(s);
	stop(other);
	proxy_close();
}

/* ---- what ends by itself ---- */

static int64_t put_for(struct server *s, int i, unsigned keep_s, int64_t expect)
{
	BLOB_AUTO struct blob *b = blob_new("x", 1);
	struct answer a = { 0 };
	char key[16];

	snprintf(key, sizeof(key), "k/%d", i);
	assert_int_equal(store_put_on(s->store, key, b, expect, &(struct store_terms){ .keep_s = keep_s }, take_answer, &a), 0);
	turn_until(&a.came, 40000);
	assert_int_equal(a.rc, 0);
	return a.rev;
}

static int living(const struct server *s, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += s->key[i].seen_rev != 0;
	return sum;
}

static void test_what_a_dead_server_wrote_ends_in_its_time(void **state)
{
	struct server *dead, *s, *later;
	int64_t rev, began, until;

	etcd_host_open(&host, 1);
	dead = serve(NULL);
	s = serve(NULL);
	for (int i = 0; i < 20; i++)
		put_for(dead, i, 4, 0);
	put_for(dead, 20, 0, put_for(dead, 20, 4, 0));         /* now it stays */
	rev = put_for(dead, 21, 0, 0);
	put_for(dead, 21, 4, rev);                             /* now it does not */
	/* All of these have few leases. The first write after theirs have ended gets another. */
	assert_int_equal(etcd_host_ctl(&host, "lease list | tail -n +2 | wc -l | grep -qx '[123]'"), 0);
	revoke_leases();
	for (int i = 0; i < 100 && living(s, KEYS) > 1; i++)
		loop_turn(loop, 50);
	assert_int_equal(living(s, KEYS), 1);
	for (int i = 0; i < 20; i++)
		put_for(dead, i, 4, 0);
	stop(dead);
	began = env_now_ms();
	later = serve(NULL);
	for (until = began + 15000; living(s, KEYS) > 1 && env_now_ms() < until;) {
		assert_true(living(s, KEYS) == 21 || env_now_ms() - began > 3000);
		loop_turn(loop, 50);
	}
	assert_int_equal(sync_with(s), 0);
	assert_int_equal(sync_with(later), 0);
	assert_int_equal(living(later, KEYS), 1);
	for (int i = 0; i < 22; i++) {
		assert_int_equal(s->key[i].seen, i < 20 ? 4 : i == 20 ? 2 : 3);
		assert_int_equal(later->key[i].seen, i < 20 ? 2 : i == 20);
		assert_int_equal(s->key[i].seen_rev != 0, i == 20);
	}
	must_put(s, "after", "x", 0);
	stop(later);
	stop(s);
}

/* ---- it is away ---- */

static void test_that_it_is_away_is_known_to_all_who_come(void **state)
{
	struct answer a = { 0 };
	struct server *s;
	int64_t began;
	int rc;

	etcd_host_open(&host, 1);
	s = serve(NULL);
	must_put(s, "a", "x", 0);
	for (int how = 0; how < 2; how++) {
		etcd_host_signal(&host, 0, how ? SIGKILL : SIGSTOP);
		began = env_now_ms();
		a = (struct answer){ 0 };
		assert_int_equal(store_sync(s->store, take_sync, &a), 1);
		turn_until(&a.came, 5000);
		assert_int_equal(a.rc, -ERR_UNAVAILABLE);
		assert_in_range(env_now_ms() - began, 1000, 2500);
		for (int i = 0; i < 3; i++) {
			a = (struct answer){ 0 };
			assert_int_equal(store_sync(s->store, take_sync, &a), -ERR_UNAVAILABLE);
			write_for(200);
			assert_false(a.came);
		}
		if (how)
			etcd_host_start(&host, 0);
		else
			etcd_host_signal(&host, 0, SIGCONT);
		for (rc = -ERR_UNAVAILABLE, began = env_now_ms(); rc < 0 && env_now_ms() - began < 20000; write_for(50))
			rc = store_sync(s->store, take_sync, &a);
		assert_int_equal(rc, 1);
		if (!a.came)
			turn_until(&a.came, 5000);
		assert_int_equal(a.rc, 0);
	}
	stop(s);
}

static void test_an_absent_cluster_is_named(void **state)
{
	struct store *s = NULL;
	struct err e = { 0 };
	static const struct {
		const char *uri, *says;
	} cases[] = {
		{ "etcd://", "none of" },
		{ "etcd:///x", "no member" },
		{ "etcd://127.0.0.1:0", "not host:port" },
		{ "etcd://127.0.0.1:65536", "not host:port" },
		{ "etcd://127.0.0.1:12x", "not host:port" },
		{ "etcd://a,,b", "not host:port" },
		{ "etcd://::1", "[address]:port" },
		{ "etcd://a/\xc3\xa4", "printable" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("  %s\n", cases[i].uri);
		assert_int_equal(store_open(&s, loop, cases[i].uri, NULL, &e), -ERR_INVALID);
		if (!strstr(e.msg, cases[i].says))
			fail_msg("\"%s\" does not say \"%s\"", e.msg, cases[i].says);
	}
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_an_absent_cluster_is_named),
		T(test_servers_share_the_log),
		T(test_lost_answers_are_found),
		T(test_a_late_question_has_no_effect),
		T(test_what_is_unknown_does_not_happen_later),
		T(test_what_was_undone_unseen_is_not_done_again),
		T(test_a_gap_is_told_and_filled),
		T(test_a_session_that_ended_begins_anew),
		T(test_a_base_that_is_no_number_is_refused),
		T(test_an_emptied_etcd_is_not_believed),
		T(test_tls_and_certificates),
		T(test_passwords),
		T(test_a_full_quota_takes_deletions_and_has_a_way_out),
		T(test_without_space_what_frees_some_goes_on),
		T(test_what_a_dead_server_wrote_ends_in_its_time),
		T(test_that_it_is_away_is_known_to_all_who_come),
		T(test_members_die_under_writes),
	};

	log_init("test", 0);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
