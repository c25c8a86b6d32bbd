/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch - HTTP(S) GETs of probes and hooks: libcurl's multi interface on the loop. Certificates
 * are not checked (as upstream's probes do not). A redirect to the same host is followed, one to
 * another host is the answer.
 * Source: kubernetes pkg/probe/http/http.go (RedirectChecker).
 */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include "agent/agent_priv.h"
#include "base/env.h"

#define BODY_MAX (10u << 10)
#define REDIRECTS_MAX 10

struct fetcher {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer;
};

struct fetch {
	struct fetcher *f;
	CURL *easy;
	struct curl_slist *headers;
	struct buf body;
	bool body_cut;
	unsigned redirects;
	int64_t deadline_ms;
	char error[CURL_ERROR_SIZE];
	fetch_fn *done;
	void *arg;
};

struct sock { struct fetcher *f; struct loop_fd *watch; curl_socket_t s; };

static void fetch_free(struct fetch *t)
{
	curl_multi_remove_handle(t->f->multi, t->easy);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	buf_finish(&t->body);
	free(t);
}

static char *host_of(const char *url)
{
	CURLU *u = curl_url();
	char *part = NULL, *host = NULL;

	if (u && !curl_url_set(u, CURLUPART_URL, url, 0) && !curl_url_get(u, CURLUPART_HOST, &part, 0))
		host = strdup(part);
	curl_free(part);
	curl_url_cleanup(u);
	return host;
}

/* Ask on where a redirect points, if that is the same host. */
static bool redirected(struct fetch *t)
{
	const char *to = NULL, *from = NULL;
	int64_t left = t->deadline_ms - env_now_ms();
	char *host, *own;
	bool same;

	curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to);
	curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &from);
	host = to ? host_of(to) : NULL;
	own = from ? host_of(from) : NULL;
	same = host && own && !strcasecmp(host, own);
	free(host);
	free(own);
	if (!same)
		return false;
	if (++t->redirects > REDIRECTS_MAX)
		return false;
	curl_multi_remove_handle(t->f->multi, t->easy);
	curl_easy_setopt(t->easy, CURLOPT_URL, to);
	curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)(left > 0 ? left : 1));
	buf_clear(&t->body);
	t->body_cut = false;
	*t->error = 0;
	return !curl_multi_add_handle(t->f->multi, t->easy);
}

static void check(struct fetcher *f)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(f->multi, &left))) {
		struct fetch *t = NULL;
		fetch_fn *done;
		long status = 0;
		struct buf text = { 0 };
		void *arg;
		CURLcode rc = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
		/* A body longer than anybody reads: the answer counts. */
		if (rc != CURLE_OK && !(rc == CURLE_WRITE_ERROR && t->body_cut))
			status = 0;
		if (status >= 300 && status < 400 && redirected(t))
			continue;
		if (t->redirects > REDIRECTS_MAX) {
			status = 0;
			buf_printf(&text, "stopped after %d redirects", REDIRECTS_MAX);
		} else if (status) {
			text = t->body;
			t->body = (struct buf){ 0 };
		} else {
			buf_adds(&text, *t->error ? t->error : curl_easy_strerror(rc));
		}
		done = t->done;
		arg = t->arg;
		fetch_free(t);
		done(arg, (int)status, text.p ? text.p : "");
		buf_finish(&text);
	}
}

static void on_fd(void *arg, uint32_t events)
{
	struct sock *k = arg;
	struct fetcher *f = k->f;
	int running;

	curl_multi_socket_action(f->multi, k->s, ((events & EPOLLIN) ? CURL_CSELECT_IN : 0) |
		((events & EPOLLOUT) ? CURL_CSELECT_OUT : 0) |
		((events & (EPOLLERR | EPOLLHUP)) ? CURL_CSELECT_ERR : 0), &running);
	check(f);
}

static void on_timer(void *arg)
{
	struct fetcher *f = arg;
	int running;

	curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	check(f);
}

static int set_timer(CURLM *m, long timeout_ms, void *arg)
{
	struct fetcher *f = arg;

	(void)m;
	if (timeout_ms < 0)
		loop_timer_stop(&f->timer);
	else
		loop_timer_set(&f->timer, timeout_ms);
	return 0;
}

static int set_socket(CURL *e, curl_socket_t s, int what, void *arg, void *sockp)
{
	struct fetcher *f = arg;
	struct sock *k = sockp;
	uint32_t events = ((what & CURL_POLL_IN) ? EPOLLIN : 0) | ((what & CURL_POLL_OUT) ? EPOLLOUT : 0);

	(void)e;
	if (what == CURL_POLL_REMOVE) {
		if (k)
			loop_fd_del(k->watch);
		free(k);
		curl_multi_assign(f->multi, s, NULL);
		return 0;
	}
	if (k) {
		loop_fd_set(k->watch, events);
		return 0;
	}
	k = calloc(1, sizeof(*k));
	if (!k)
		return -1;
	*k = (struct sock){ f, NULL, s };
	k->watch = loop_fd_add(f->loop, s, events, on_fd, k);
	if (!k->watch) {
		free(k);
		return -1;
	}
	curl_multi_assign(f->multi, s, k);
	return 0;
}

static size_t on_data(char *p, size_t size, size_t count, void *arg)
{
	struct fetch *t = arg;

	t->body_cut = t->body.len + size * count > BODY_MAX;
	if (t->body_cut)
		return 0;
	buf_add(&t->body, p, size * count);
	return size * count;
}

int fetcher_open(struct fetcher **ret, struct loop *l)
{
	struct fetcher *f = calloc(1, sizeof(*f));

	if (!f || !(f->multi = curl_multi_init())) {
		free(f);
		return -ERR_NOMEM;
	}
	f->loop = l;
	loop_timer_init(&f->timer, l, on_timer, f);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, 0L);
	*ret = f;
	return 0;
}

void fetcher_close(struct fetcher *f)
{
	if (!f)
		return;
	curl_multi_cleanup(f->multi);
	loop_timer_stop(&f->timer);
	free(f);
}

struct fetch *fetch_get(struct fetcher *f, const char *url, const char *const *headers, int64_t timeout_ms,
	fetch_fn *done, void *arg)
{
	struct fetch *t = calloc(1, sizeof(*t));

	if (!t || !(t->easy = curl_easy_init())) {
		free(t);
		return NULL;
	}
	t->f = f;
	t->done = done;
	t->arg = arg;
	t->deadline_ms = env_now_ms() + timeout_ms;
	for (; headers && *headers; headers++)
		t->headers = curl_slist_append(t->headers, *headers);
	curl_easy_setopt(t->easy, CURLOPT_URL, url);
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	if (curl_multi_add_handle(f->multi, t->easy)) {
		curl_easy_cleanup(t->easy);
		curl_slist_free_all(t->headers);
		free(t);
		return NULL;
	}
	return t;
}

void fetch_cancel(struct fetch *t)
{
	if (t)
		fetch_free(t);
}
