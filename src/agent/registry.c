/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry - see registry.h. One get:
 *
 *   ask --401 with a Bearer challenge--> token --> ask with it --> done
 *       --401 with a Basic challenge--> ask with name and password --> done
 *       --no TLS there, and plain HTTP allowed--> ask in plain
 *       --a mirror without it--> ask the registry itself
 *
 * Each of these happens at most once. Tokens are kept by repository and user.
 */
#include "agent/registry.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <yyjson.h>

#include "base/env.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/text.h"
#define LOG_MODULE "image"
#include "base/log.h"

#define CONNECT_S      15
#define STALL_S        60              /* without this long a thousand bytes a second: given up */
#define TOKEN_MAX      65536
#define ERROR_BODY_MAX 16384
#define TOKENS_MAX     1024
#define ACCEPT "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " \
	"application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"

struct token { char *value; int64_t until_ms; };

struct registry {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer;
	struct loop_task turn;
	char *insecure, *mirror, *ca_file;
	struct map plain;              /* hosts found to speak plain HTTP */
	struct map tokens;
	struct list gets;
};

struct sock { struct loop_fd *watch; curl_socket_t fd; struct registry *r; };

enum step { STEP_ASK, STEP_TOKEN };

struct registry_get {
	struct list link;
	struct registry *r;
	struct image_name name;
	char digest[IMAGE_DIGEST_MAX];
	bool manifest;
	char *username, *password;
	uint64_t offset, at;
	int (*data)(void *, uint64_t, const void *, size_t);
	void (*done)(void *, int, const char *, const char *);
	void *arg;
	CURL *easy;
	struct curl_slist *headers;
	enum step step;
	char host[256];                /* being asked */
	bool plain, mirrored, tried_plain, tried_auth, stopped, basic, paused;
	long status;
	char got_digest[IMAGE_DIGEST_MAX];
	char challenge[2048];
	struct buf body;               /* a token's, or an error's */
	char error[CURL_ERROR_SIZE];
};

static void start(struct registry_get *g);

/* ---- libcurl on the loop ---- */

static void on_socket(void *arg, uint32_t events)
{
	struct sock *s = arg;
	struct registry *r = s->r;
	int running, mask = (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		(events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR | CURL_CSELECT_IN : 0);

	curl_multi_socket_action(r->multi, s->fd, mask, &running);
	loop_defer(r->loop, &r->turn, r->turn.fn, r);
}

static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg, void *sockp)
{
	struct registry *r = arg;
	struct sock *s = sockp;
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

	if (what == CURL_POLL_REMOVE) {
		if (s)
			loop_fd_del(s->watch);
		free(s);
		return 0;
	}
	if (s) {
		loop_fd_set(s->watch, events);
		return 0;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return -1;
	s->fd = fd;
	s->r = r;
	s->watch = loop_fd_add(r->loop, fd, events, on_socket, s);
	if (!s->watch) {
		free(s);
		return -1;
	}
	curl_multi_assign(r->multi, fd, s);
	return 0;
}

static int timer_changed(CURLM *multi, long ms, void *arg)
{
	struct registry *r = arg;

	if (ms < 0)
		loop_timer_stop(&r->timer);
	else
		loop_timer_set(&r->timer, ms);
	return 0;
}

static void on_timer(void *arg)
{
	struct registry *r = arg;
	int running;

	curl_multi_socket_action(r->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	loop_defer(r->loop, &r->turn, r->turn.fn, r);
}

/* ---- what comes ---- */

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct registry_get *g = arg;
	size_t len = size * n;
	char line[2048];

	if (!strncmp(p, "HTTP/", 5)) {                 /* a new answer: after a redirect, an interim one */
		*g->challenge = *g->got_digest = 0;
		return len;
	}
	snprintf(line, sizeof(line), "%.*s", (int)(len < sizeof(line) ? len : sizeof(line) - 1), p);
	line[strcspn(line, "\r\n")] = 0;
	if (!strncasecmp(line, "www-authenticate:", 17)) {
		const char *v = line + 17 + strspn(line + 17, " ");

		if (!*g->challenge || !strncasecmp(v, "bearer", 6))
			snprintf(g->challenge, sizeof(g->challenge), "%s", v);
	} else if (!strncasecmp(line, "docker-content-digest:", 22)) {
		const char *v = line + 22 + strspn(line + 22, " ");

		if (image_digest_ok(v))
			strcpy(g->got_digest, v);
	}
	return len;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct registry_get *g = arg;
	size_t len = size * n;
	long status = 0;
	int rc;

	curl_easy_getinfo(g->easy, CURLINFO_RESPONSE_CODE, &status);
	if (g->step == STEP_TOKEN || status < 200 || status > 299) {
		size_t max = g->step == STEP_TOKEN ? TOKEN_MAX : ERROR_BODY_MAX;

		if (g->body.len < max)
			buf_add(&g->body, p, len < max - g->body.len ? len : max - g->body.len);
		return len;
	}
	if (g->at == UINT64_MAX)
		g->at = status == 206 ? g->offset : 0;
	rc = g->data(g->arg, g->at, p, len);
	if (rc > 0) {
		g->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (rc < 0) {
		g->stopped = true;
		return 0;
	}
	g->at += len;
	return len;
}

/* ---- where and how to ask ---- */

static bool listed(const char *list, const char *host)
{
	size_t n = strlen(host);

	for (const char *s = list; s && *s;) {
		size_t len = strcspn(s, ", ");

		if (len == n && !strncasecmp(s, host, n))
			return true;
		s += len;
		s += strspn(s, ", ");
	}
	return false;
}

static bool may_be_plain(const struct registry *r, const char *host)
{
	return image_host_is_loopback(host) || listed(r->insecure, host);
}

static void free_get(struct registry_get *g)
{
	if (g->easy) {
		curl_multi_remove_handle(g->r->multi, g->easy);
		curl_easy_cleanup(g->easy);
	}
	curl_slist_free_all(g->headers);
	list_del(&g->link);
	if (g->password)
		explicit_bzero(g->password, strlen(g->password));
	free(g->username);
	free(g->password);
	buf_finish(&g->body);
	free(g);
}

static void finish(struct registry_get *g, int rc, const char *message)
{
	void (*done)(void *, int, const char *, const char *) = g->done;
	void *arg = g->arg;
	char digest[IMAGE_DIGEST_MAX], text[1024];

	strcpy(digest, g->got_digest);
	snprintf(text, sizeof(text), "%s", message);
	free_get(g);
	done(arg, rc, digest, text);
}

static void token_key(struct buf *out, const struct registry_get *g)
{
	buf_printf(out, "%s %s/%s", g->username ? g->username : "", g->host, g->name.repo);
	if (g->password) {
		char hex[65];
		uint8_t sum[32];

		/* Another password is another user's rights. */
		text_sha256(sum, g->password, strlen(g->password));
		text_hex(hex, sum, 32);
		buf_printf(out, " %s", hex);
	}
}

static const char *token_of(struct registry_get *g)
{
	BUF_AUTO struct buf key = { 0 };
	struct token *t;

	token_key(&key, g);
	t = key.failed ? NULL : map_get(&g->r->tokens, key.p);
	return t && t->until_ms > env_now_ms() ? t->value : NULL;
}

static void drop_token(struct registry *r, const char *key)
{
	struct token *t = map_del(&r->tokens, key);

	if (t)
		free(t->value);
	free(t);
}

static void keep_token(struct registry_get *g, const char *value, int64_t seconds)
{
	BUF_AUTO struct buf key = { 0 };
	struct token *t;

	token_key(&key, g);
	if (key.failed)
		return;
	drop_token(g->r, key.p);
	if (g->r->tokens.len >= TOKENS_MAX) {
		const char *any;
		size_t it = 0;

		if (map_next(&g->r->tokens, &it, &any, NULL))
			drop_token(g->r, any);
	}
	t = calloc(1, sizeof(*t));
	if (t)
		t->value = strdup(value);
	/* A little less than it lasts, so that it does not end on its way. */
	if (t)
		t->until_ms = env_now_ms() + (seconds > 20 ? seconds - 10 : seconds / 2) * 1000;
	if (!t || !t->value || map_put(&g->r->tokens, key.p, t, NULL)) {
		if (t)
			free(t->value);
		free(t);
	}
}

static void header(struct registry_get *g, const char *s)
{
	struct curl_slist *l = curl_slist_append(g->headers, s);

	if (l)
		g->headers = l;
}

static bool make_easy(struct registry_get *g, const char *url)
{
	CURL *e = curl_easy_init();

	if (!e)
		return false;
	g->easy = e;
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_PRIVATE, g);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, g);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, g);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, g->error);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1000L);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(e, CURLOPT_MAXREDIRS, 5L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, g->plain ? "http,https" : "https");
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, g->plain ? "http,https" : "https");
	curl_easy_setopt(e, CURLOPT_USERAGENT, "sampan");
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 256L << 10);
	if (g->r->ca_file)
		curl_easy_setopt(e, CURLOPT_CAINFO, g->r->ca_file);
	if (image_host_is_loopback(g->host))
		curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	return true;
}

static void run(struct registry_get *g)
{
	curl_easy_setopt(g->easy, CURLOPT_HTTPHEADER, g->headers);
	if (curl_multi_add_handle(g->r->multi, g->easy) != CURLM_OK)
		finish(g, -ERR_NOMEM, "out of memory");
}

static void again(struct registry_get *g)
{
	curl_multi_remove_handle(g->r->multi, g->easy);
	curl_easy_cleanup(g->easy);
	g->easy = NULL;
	curl_slist_free_all(g->headers);
	g->headers = NULL;
	buf_clear(&g->body);
	*g->challenge = *g->error = 0;
	g->at = UINT64_MAX;
	start(g);
}

static void choose_host(struct registry_get *g)
{
	const char *host = g->mirrored ? g->r->mirror : g->name.host;

	if (!strcmp(host, "docker.io"))
		host = "registry-1.docker.io";
	snprintf(g->host, sizeof(g->host), "%s", host);
	g->plain = map_get(&g->r->plain, g->host) != NULL;
	g->tried_plain = g->tried_auth = g->basic = false;
}

static void start(struct registry_get *g)
{
	BUF_AUTO struct buf url = { 0 };
	const char *token;

	g->step = STEP_ASK;
	buf_printf(&url, "%s://%s/v2/%s/%s/%s", g->plain ? "http" : "https", g->host, g->name.repo,
		g->manifest ? "manifests" : "blobs", *g->digest ? g->digest : g->name.tag);
	if (url.failed || !make_easy(g, url.p)) {
		finish(g, -ERR_NOMEM, "out of memory");
		return;
	}
	if (g->manifest)
		header(g, ACCEPT);
	if (g->offset) {
		BUF_AUTO struct buf range = { 0 };

		buf_printf(&range, "Range: bytes=%llu-", (unsigned long long)g->offset);
		header(g, range.failed ? "Range: bytes=0-" : range.p);
	}
	/* Not for a mirror: its rights are its own. */
	token = token_of(g);
	if (token) {
		BUF_AUTO struct buf h = { 0 };

		buf_printf(&h, "Authorization: Bearer %s", token);
		if (!h.failed)
			header(g, h.p);
	} else if (g->basic) {
		curl_easy_setopt(g->easy, CURLOPT_USERNAME, g->username);
		curl_easy_setopt(g->easy, CURLOPT_PASSWORD, g->password);
		curl_easy_setopt(g->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	}
	run(g);
}

/* ---- tokens ---- */

/* key="value" or key=value; the rest behind it. */
static const char *next_param(const char *s, char *key, size_t key_size, char *value, size_t value_size)
{
	size_t k = 0, v = 0;

	s += strspn(s, " ,\t");
	while (*s && *s != '=' && *s != ',' && !isspace((unsigned char)*s)) {
		if (k + 1 < key_size)
			key[k++] = *s;
		s++;
	}
	key[k] = value[0] = 0;
	if (*s != '=')
		return k && *s == ',' ? s : NULL;
	s++;
	if (*s == '"') {
		for (s++; *s && *s != '"'; s++) {
			if (*s == '\\' && s[1])
				s++;
			if (v + 1 < value_size)
				value[v++] = *s;
		}
		s += *s == '"';
	} else {
		for (; *s && *s != ',' && !isspace((unsigned char)*s); s++)
			if (v + 1 < value_size)
				value[v++] = *s;
	}
	value[v] = 0;
	return s;
}

bool registry_parse_challenge(const char *h, struct registry_challenge *ret)
{
	char key[32], value[1024];
	size_t n;

	*ret = (struct registry_challenge){ 0 };
	h += strspn(h, " ");
	n = strcspn(h, " ");
	if (!n || n >= sizeof(ret->scheme))
		return false;
	memcpy(ret->scheme, h, n);
	h += n;
	while ((h = next_param(h, key, sizeof(key), value, sizeof(value))) && *key) {
		if (!strcasecmp(key, "realm"))
			snprintf(ret->realm, sizeof(ret->realm), "%s", value);
		else if (!strcasecmp(key, "service"))
			snprintf(ret->service, sizeof(ret->service), "%.255s", value);
		else if (!strcasecmp(key, "scope"))
			snprintf(ret->scope, sizeof(ret->scope), "%.511s", value);
	}
	return true;
}

static void ask_token(struct registry_get *g, const struct registry_challenge *c)
{
	BUF_AUTO struct buf url = { 0 };

	curl_multi_remove_handle(g->r->multi, g->easy);
	curl_easy_cleanup(g->easy);
	g->easy = NULL;
	curl_slist_free_all(g->headers);
	g->headers = NULL;
	buf_clear(&g->body);
	g->step = STEP_TOKEN;
	buf_printf(&url, "%s%cservice=", c->realm, strchr(c->realm, '?') ? '&' : '?');
	text_urlencode(&url, c->service);
	buf_adds(&url, "&scope=");
	if (*c->scope) {
		text_urlencode(&url, c->scope);
	} else {
		buf_adds(&url, "repository%3A");
		text_urlencode(&url, g->name.repo);
		buf_adds(&url, "%3Apull");
	}
	if (url.failed || !make_easy(g, url.p)) {
		finish(g, -ERR_NOMEM, "out of memory");
		return;
	}
	if (g->username && !g->mirrored) {
		curl_easy_setopt(g->easy, CURLOPT_USERNAME, g->username);
		curl_easy_setopt(g->easy, CURLOPT_PASSWORD, g->password);
		curl_easy_setopt(g->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	}
	run(g);
}

static void got_token(struct registry_get *g)
{
	yyjson_doc *d;
	yyjson_val *root;
	const char *token;
	int64_t seconds;
	char text[400];

	if (g->status != 200) {
		snprintf(text, sizeof(text), "the token server of %s refused: HTTP %ld", g->host, g->status);
		finish(g, g->status >= 500 || g->status == 429 ? -ERR_UNAVAILABLE : -ERR_UNAUTHORIZED, text);
		return;
	}
	d = yyjson_read(g->body.p ? g->body.p : "", g->body.len, 0);
	root = yyjson_doc_get_root(d);
	token = yyjson_get_str(yyjson_obj_get(root, "token"));
	if (!token)
		token = yyjson_get_str(yyjson_obj_get(root, "access_token"));
	seconds = yyjson_get_sint(yyjson_obj_get(root, "expires_in"));
	if (token && !strpbrk(token, "\r\n"))
		keep_token(g, token, seconds > 0 ? seconds : 60);
	yyjson_doc_free(d);
	if (token_of(g))
		again(g);
	else
		finish(g, -ERR_UNAUTHORIZED, "the token server's answer has no token");
}

/* ---- what came of it ---- */

static void unauthorized(struct registry_get *g)
{
	BUF_AUTO struct buf key = { 0 };
	struct registry_challenge c;
	char text[400];
	bool known = registry_parse_challenge(g->challenge, &c);

	if (!g->tried_auth && known && !strcasecmp(c.scheme, "bearer") && *c.realm) {
		g->tried_auth = true;
		token_key(&key, g);
		if (!key.failed)
			drop_token(g->r, key.p);       /* the one that was refused */
		ask_token(g, &c);
		return;
	}
	if (!g->tried_auth && known && !strcasecmp(c.scheme, "basic") && g->username && !g->mirrored) {
		g->tried_auth = g->basic = true;
		again(g);
		return;
	}
	snprintf(text, sizeof(text), "%s: %s", g->host, g->username ? "the credentials were refused" : "credentials are needed");
	finish(g, -ERR_UNAUTHORIZED, text);
}

static void refused(struct registry_get *g)
{
	yyjson_doc *d = yyjson_read(g->body.p ? g->body.p : "", g->body.len, 0);
	yyjson_val *e = yyjson_arr_get_first(yyjson_obj_get(yyjson_doc_get_root(d), "errors"));
	const char *said = yyjson_get_str(yyjson_obj_get(e, "message"));
	char text[700];
	int rc = g->status == 404 ? -ERR_NOT_FOUND : g->status == 403 ? -ERR_UNAUTHORIZED :
		g->status == 429 || g->status >= 500 ? -ERR_UNAVAILABLE : -ERR_INVALID;

	snprintf(text, sizeof(text), "%s: HTTP %ld%s%.400s", g->host, g->status, said ? ": " : "", said ? said : "");
	yyjson_doc_free(d);
	finish(g, rc, text);
}

static void ended(struct registry_get *g, CURLcode code)
{
	char text[700];

	curl_easy_getinfo(g->easy, CURLINFO_RESPONSE_CODE, &g->status);
	if (g->stopped) {
		finish(g, -ERR_CANCELED, "stopped");
		return;
	}
	if (g->step == STEP_ASK && !g->plain && !g->tried_plain && may_be_plain(g->r, g->host) &&
	    (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING)) {
		g->tried_plain = g->plain = true;
		again(g);
		return;
	}
	if (g->mirrored && g->step == STEP_ASK && g->at == UINT64_MAX && (code != CURLE_OK || g->status != 200)) {
		g->mirrored = false;
		choose_host(g);
		again(g);
		return;
	}
	if (code == CURLE_OK && g->plain && g->step == STEP_ASK)
		map_put(&g->r->plain, g->host, g->r, NULL);
	if (code != CURLE_OK) {
		snprintf(text, sizeof(text), "%s: %s%s%s", g->host, curl_easy_strerror(code), *g->error ? ": " : "", g->error);
		finish(g, -ERR_UNAVAILABLE, text);
	} else if (g->step == STEP_TOKEN) {
		got_token(g);
	} else if (g->status == 401) {
		unauthorized(g);
	} else if (g->status == 200 || g->status == 206) {
		finish(g, 0, "");
	} else {
		refused(g);
	}
}

static void turn(void *arg)
{
	struct registry *r = arg;
	struct registry_get *g;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(r->multi, &left)))
		if (m->msg == CURLMSG_DONE) {
			CURLcode code = m->data.result;

			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&g);
			ended(g, code);
		}
}

/* ---- public ---- */

int registry_get(struct registry_get **ret, struct registry *r, const struct registry_request *q)
{
	struct registry_get *g = calloc(1, sizeof(*g));

	if (!g)
		return -ERR_NOMEM;
	g->r = r;
	g->name = *q->name;
	g->manifest = q->manifest || !q->digest;
	snprintf(g->digest, sizeof(g->digest), "%s", q->digest ? q->digest : q->name->digest);
	g->offset = q->offset;
	g->at = UINT64_MAX;
	g->data = q->data;
	g->done = q->done;
	g->arg = q->arg;
	list_add_tail(&r->gets, &g->link);
	if (q->username) {
		g->username = strdup(q->username);
		g->password = strdup(q->password ? q->password : "");
		if (!g->username || !g->password) {
			free_get(g);
			return -ERR_NOMEM;
		}
	}
	g->mirrored = r->mirror && !strcmp(g->name.host, "docker.io");
	choose_host(g);
	*ret = g;
	start(g);
	return 0;
}

void registry_resume(struct registry_get *g)
{
	if (!g->paused)
		return;
	g->paused = false;
	curl_easy_pause(g->easy, CURLPAUSE_CONT);
	loop_defer(g->r->loop, &g->r->turn, turn, g->r);
}

void registry_cancel(struct registry_get *g)
{
	if (g)
		free_get(g);
}

static char *copy(const char *s)
{
	return s && *s ? strdup(s) : NULL;
}

int registry_open(struct registry **ret, struct loop *l, const struct registry_config *cfg, struct err *reterr)
{
	struct registry *r = calloc(1, sizeof(*r));

	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (!r || !(r->multi = curl_multi_init())) {
		free(r);
		return err_set(reterr, ERR_NOMEM, "out of memory");
	}
	r->loop = l;
	list_init(&r->gets);
	r->insecure = copy(cfg->insecure);
	r->mirror = copy(cfg->mirror);
	r->ca_file = copy(cfg->ca_file);
	r->turn.fn = turn;
	loop_timer_init(&r->timer, l, on_timer, r);
	curl_multi_setopt(r->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(r->multi, CURLMOPT_SOCKETDATA, r);
	curl_multi_setopt(r->multi, CURLMOPT_TIMERFUNCTION, timer_changed);
	curl_multi_setopt(r->multi, CURLMOPT_TIMERDATA, r);
	*ret = r;
	return 0;
}

void registry_close(struct registry *r)
{
	const char *key;
	size_t it = 0;

	if (!r)
		return;
	curl_multi_cleanup(r->multi);
	loop_timer_stop(&r->timer);
	loop_defer_cancel(r->loop, &r->turn);
	while (map_next(&r->tokens, &it, &key, NULL))
		drop_token(r, key);
	map_finish(&r->tokens);
	map_finish(&r->plain);
	free(r->insecure);
	free(r->mirror);
	free(r->ca_file);
	free(r);
}
