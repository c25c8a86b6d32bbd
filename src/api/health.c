/* SPDX-License-Identifier: Apache-2.0 */
/* health - /livez, /readyz, /healthz with their single checks, and /version. */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "api/call.h"
#include "store/store.h"

/* why: what is wrong when it is not ok. */
struct check { const char *name; bool ok; const char *why; };

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What is to be left out and is no check: said, for a typing error would hide nothing. */
static bool tell_unknown(struct call *c, struct buf *b, const struct check *checks, size_t n)
{
	const char **names = arena_alloc(c->arena, (c->param_count + 1) * sizeof(*names));
	size_t count = 0;

	if (!names)
		return false;
	for (size_t i = 0; i < c->param_count; i++) {
		size_t k = 0;

		while (k < n && strcmp(checks[k].name, c->params[i].value))
			k++;
		if (k == n && !strcmp(c->params[i].key, "exclude"))
			names[count++] = c->params[i].value;
	}
	qsort(names, count, sizeof(*names), by_text);
	for (size_t i = 0; i < count; i++) {
		if (i && !strcmp(names[i], names[i - 1]))
			continue;
		buf_adds(b, i ? "," : "warn: some health checks cannot be excluded: no matches for ");
		buf_add_json(b, names[i], strlen(names[i]));
	}
	if (count)
		buf_addc(b, '\n');
	return true;
}

static bool excluded(const struct call *c, const char *check)
{
	for (size_t i = 0; i < c->param_count; i++)
		if (!strcmp(c->params[i].key, "exclude") && !strcmp(c->params[i].value, check))
			return true;
	return false;
}

static enum step one_check(struct call *c, const char *name, const struct check *checks, size_t n)
{
	const char *text;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(checks[i].name, name))
			continue;
		if (checks[i].ok)
			return fail_text(c, 200, "ok");
		text = arena_printf(c->arena, "internal server error: %s\n", checks[i].why);
		return fail_text(c, 500, text ? text : "");
	}
	return fail_text(c, 404, "404 page not found\n");
}

/* Source: apiserver pkg/server/healthz/healthz.go. */
static enum step report(struct call *c, const char *what, const struct check *checks, size_t n)
{
	struct buf b = { 0 };
	const char *one = c->path + 1 + strlen(what);
	bool ok = true;

	while (*one == '/')
		one++;
	if (*one)
		return one_check(c, one, checks, n);
	for (size_t i = 0; i < n; i++) {
		bool skip = excluded(c, checks[i].name);

		ok &= checks[i].ok || skip;
		buf_printf(&b, "[%c]%s %s\n", checks[i].ok || skip ? '+' : '-', checks[i].name,
			skip ? "excluded: ok" : checks[i].ok ? "ok" : "failed: reason withheld");
	}
	if (ok && !param(c, "verbose")) {
		buf_finish(&b);
		return fail_text(c, 200, "ok");
	}
	if (!tell_unknown(c, &b, checks, n)) {
		buf_finish(&b);
		return fail_err(c, -ERR_SIZE, NULL);
	}
	buf_printf(&b, "%s check %s\n", what, ok ? "passed" : "failed");
	return reply_buf(c, ok ? 200 : 500, &b, "text/plain; charset=utf-8");
}

static enum step version(struct call *c)
{
	struct buf b = { 0 };
	struct utsname u = { 0 };

	uname(&u);
	/* The API's level, which clients compare; the program's own version is its build. */
	buf_printf(&b, "{\"major\":\"1\",\"minor\":\"34\",\"emulationMajor\":\"1\",\"emulationMinor\":\"34\","
		"\"minCompatibilityMajor\":\"1\",\"minCompatibilityMinor\":\"33\",\"gitVersion\":\"" KINDS_API_LEVEL "\","
		"\"gitCommit\":\"\",\"gitTreeState\":\"clean\",\"buildDate\":\"1970-01-01T00:00:00Z\",\"goVersion\":\"none\","
		"\"compiler\":\"gcc\",\"platform\":\"linux/%s\"}",
		!strcmp(u.machine, "x86_64") ? "amd64" : !strcmp(u.machine, "aarch64") ? "arm64" : u.machine);
	return reply_buf(c, 200, &b, "application/json");
}

/* Is the store asked for in this? */
static bool asks_store(const struct call *c)
{
	const char *one = strchr(c->path + 1, '/');

	while (one && *one == '/')
		one++;
	if (one && *one)
		return !strncmp(one, "etcd", 4);
	return !excluded(c, "etcd") || !excluded(c, "etcd-readiness");
}

static const char *store_trouble(const struct call *c)
{
	struct store_stats store;

	if (store_is_shared(c->api->store))
		return c->sync_rc ? "etcd failed: the store cannot be reached" : NULL;
	store_stats(c->api->store, &store);
	return store.failing ? "etcd failed: the store does not take writes" : NULL;
}

enum step health_serve(struct call *c, const char *what)
{
	struct api *a = c->api;
	const char *trouble;

	if (!strncmp(what, "/version", 8))
		return version(c);
	if (asks_store(c) && fresh_ask(c) == STEP_WAIT)
		return STEP_WAIT;
	trouble = store_trouble(c);
	/* Upstream's names where the thing is the same: etcd is the store; the hooks are what
	 * api_bootstrap wrote. Whoever is answered knows that the loop goes round, and that the
	 * log, written by it, is not blocked. Those of readiness alone come last. */
	const struct check checks[] = {
		{ "ping", true, NULL },
		{ "log", true, NULL },
		{ "etcd", !trouble, trouble },
		{ "poststarthook/start-system-namespaces-controller", a->ready, "not finished" },
		{ "poststarthook/rbac/bootstrap-roles", a->ready, "not finished" },
		{ "poststarthook/scheduling/bootstrap-system-priority-classes", a->ready, "not finished" },
		{ "poststarthook/priority-and-fairness-config-producer", a->ready, "not finished" },
		{ "poststarthook/bootstrap-controller", a->ready, "not finished" },
		{ "etcd-readiness", !trouble, trouble },
		{ "shutdown", !a->retiring, "process is shutting down" },
	};
	size_t all = sizeof(checks) / sizeof(checks[0]);

	if (!strncmp(what, "/readyz", 7))
		return report(c, "readyz", checks, all);
	return report(c, strncmp(what, "/livez", 6) ? "healthz" : "livez", checks, all - 2);
}
