/* SPDX-License-Identifier: Apache-2.0 */
/* health - /livez, /readyz, /healthz with their single checks, and /version. */
#include <string.h>
#include <sys/utsname.h>

#include "api/call.h"

struct check { const char *name; bool ok; };

static enum step report(struct call *c, const char *what, const struct check *checks, size_t n)
{
	struct buf b = { 0 };
	const char *one = c->path + 1 + strlen(what);
	bool ok = true, verbose = param(c, "verbose") != NULL;

	while (*one == '/')
		one++;
	if (*one) {
		for (size_t i = 0; i < n; i++) {
			if (strcmp(checks[i].name, one))
				continue;
			return fail_text(c, checks[i].ok ? 200 : 500, checks[i].ok ? "ok" : "not ok\n");
		}
		return fail_text(c, 404, "404 page not found\n");
	}
	for (size_t i = 0; i < n; i++) {
		const char *exclude = param(c, "exclude");
		bool skip = exclude && !strcmp(exclude, checks[i].name);

		ok &= checks[i].ok || skip;
		buf_printf(&b, "[%c]%s %s\n", checks[i].ok || skip ? '+' : '-', checks[i].name,
			skip ? "excluded: ok" : checks[i].ok ? "ok" : "failed: reason withheld");
	}
	if (ok && !verbose) {
		buf_finish(&b);
		return fail_text(c, 200, "ok");
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

enum step health_serve(struct call *c, const char *what)
{
	struct api *a = c->api;
	const struct check live[] = { { "ping", true }, { "log", true } };
	const struct check ready[] = {
		{ "ping", true }, { "log", true },
		{ "store", true }, { "etcd", true },
		{ "poststarthook/bootstrap-controller", a->ready },
		{ "poststarthook/rbac/bootstrap-roles", a->ready },
		{ "shutdown", !a->draining },
	};

	if (!strncmp(what, "/version", 8))
		return version(c);
	if (!strncmp(what, "/livez", 6))
		return report(c, "livez", live, sizeof(live) / sizeof(live[0]));
	if (!strncmp(what, "/readyz", 7))
		return report(c, "readyz", ready, sizeof(ready) / sizeof(ready[0]));
	return report(c, "healthz", ready, sizeof(ready) / sizeof(ready[0]) - 1);
}
