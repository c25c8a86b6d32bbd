/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of what nodes call in containers: probes and hooks.
 * Source: kubernetes pkg/apis/core/validation/validation.go (validateProbe, validateHandler,
 * validateLifecycle).
 */
#include <ctype.h>
#include <stdlib.h>

#include "kinds/validate.h"

static const char *bad_header(const char *s)
{
	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-')
			s = "";
	return *s ? NULL : "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. "
		"'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
}

static void http_get(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	v_must(c, p, m, "path");
	v_port_or_name(c, V_AT(p, "port"), v_get(m, "port"));
	if (!v_one_of(v_str(m, "scheme"), "HTTP|HTTPS"))
		v_unsupported(c, V_AT(p, "scheme"), v_str(m, "scheme"), "HTTP|HTTPS");
	V_EACH(i, header, v_get(m, "httpHeaders"))
		v_syntax(c, V_AT(p, "httpHeaders"), v_str(header, "name"), bad_header);
}

static void sleep_action(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, yyjson_mut_val *spec)
{
	yyjson_mut_val *grace = v_get(spec, "terminationGracePeriodSeconds");
	int64_t seconds = doc_mint(m, "seconds", 0), most = yyjson_mut_get_sint(grace);

	if (grace && (seconds < 0 || seconds > most))
		v_invalid_int(c, p, seconds, v_text(c, "must be non-negative and less than terminationGracePeriodSeconds "
			"(%lld)", (long long)most));
}

/* Exactly one of these. */
static void handler(struct vcheck *c, const struct vpath *p, yyjson_mut_val *h, yyjson_mut_val *spec, bool hook)
{
	static const char *const types[] = { "exec", "httpGet", "tcpSocket", "grpc", "sleep" };
	int count = 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		yyjson_mut_val *m = v_get(h, types[i]);
		const struct vpath *at = V_AT(p, types[i]);
		if (!m || (i == 3 && hook) || (i == 4 && !hook))
			continue;
		if (count++)
			v_forbidden(c, at, "may not specify more than 1 handler type");
		else if (i == 0 && !doc_mlen(m, "command"))
			v_required(c, V_AT(at, "command"), "");
		else if (i == 1)
			http_get(c, at, m);
		else if (i == 2)
			v_port_or_name(c, V_AT(at, "port"), v_get(m, "port"));
		else if (i == 3)
			v_port(c, V_AT(at, "port"), doc_mint(m, "port", 0));
		else if (i == 4)
			sleep_action(c, at, m, spec);
	}
	if (!count)
		v_required(c, p, "must specify a handler type");
}

static void probe(struct vcheck *c, const struct vpath *up, yyjson_mut_val *container, const char *name)
{
	static const char *const counts[] = { "initialDelaySeconds", "timeoutSeconds", "periodSeconds",
		"successThreshold", "failureThreshold" };
	yyjson_mut_val *m = v_get(container, name), *grace = v_get(m, "terminationGracePeriodSeconds");
	const struct vpath *p = V_AT(up, name), *gp = V_AT(p, "terminationGracePeriodSeconds");
	bool readiness = !strcmp(name, "readinessProbe");

	if (!m)
		return;
	handler(c, p, m, NULL, false);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		v_not_negative(c, p, m, counts[i]);
	if (grace && yyjson_mut_get_sint(grace) <= 0)
		v_invalid_value(c, gp, grace, "must be greater than 0");
	if (readiness && grace)
		v_invalid_value(c, gp, grace, "must not be set for readinessProbes");
	if (!readiness && doc_mint(m, "successThreshold", 0) != 1)
		v_invalid_int(c, V_AT(p, "successThreshold"), doc_mint(m, "successThreshold", 0), "must be 1");
}

/* SIGRTMIN to SIGRTMIN+15, SIGRTMAX-14 to SIGRTMAX, and those with names of their own. */
#define SIGNALS "SIGABRT|SIGALRM|SIGBUS|SIGCHLD|SIGCLD|SIGCONT|SIGFPE|SIGHUP|SIGILL|SIGINT|SIGIO|SIGIOT|SIGKILL|" \
	"SIGPIPE|SIGPOLL|SIGPROF|SIGPWR|SIGQUIT|SIGRTMAX|SIGRTMAX-1|SIGRTMAX-10|SIGRTMAX-11|SIGRTMAX-12|SIGRTMAX-13|" \
	"SIGRTMAX-14|SIGRTMAX-2|SIGRTMAX-3|SIGRTMAX-4|SIGRTMAX-5|SIGRTMAX-6|SIGRTMAX-7|SIGRTMAX-8|SIGRTMAX-9|" \
	"SIGRTMIN|SIGRTMIN+1|SIGRTMIN+10|SIGRTMIN+11|SIGRTMIN+12|SIGRTMIN+13|SIGRTMIN+14|SIGRTMIN+15|SIGRTMIN+2|" \
	"SIGRTMIN+3|SIGRTMIN+4|SIGRTMIN+5|SIGRTMIN+6|SIGRTMIN+7|SIGRTMIN+8|SIGRTMIN+9|SIGSEGV|SIGSTKFLT|SIGSTOP|" \
	"SIGSYS|SIGTERM|SIGTRAP|SIGTSTP|SIGTTIN|SIGTTOU|SIGURG|SIGUSR1|SIGUSR2|SIGVTALRM|SIGWINCH|SIGXCPU|SIGXFSZ"

static void stop_signal(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, yyjson_mut_val *spec)
{
	const char *s = yyjson_mut_get_str(m), *os = v_str(v_get(spec, "os"), "name");
	const char *allowed = !strcmp(os, "windows") ? "SIGKILL|SIGTERM" : SIGNALS;

	if (!s)
		return;
	if (!v_get(spec, "os"))
		v_forbidden(c, p, "may not be set for containers with empty `spec.os.name`");
	else if (v_one_of(os, "linux|windows") && !v_one_of(s, allowed))
		v_unsupported(c, p, s, allowed);
}

void v_calls(struct vcheck *c, const struct vpath *p, yyjson_mut_val *container, yyjson_mut_val *spec)
{
	static const char *const hooks[] = { "postStart", "preStop" };
	static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe" };
	yyjson_mut_val *cycle = v_get(container, "lifecycle");
	const struct vpath *at = V_AT(p, "lifecycle");

	for (int i = 0; i < 2; i++)
		if (v_get(cycle, hooks[i]))
			handler(c, V_AT(at, hooks[i]), v_get(cycle, hooks[i]), spec, true);
	stop_signal(c, V_AT(at, "stopSignal"), v_get(cycle, "stopSignal"), spec);
	for (int i = 0; i < 3; i++)
		probe(c, p, container, probes[i]);
}
