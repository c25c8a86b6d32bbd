/* SPDX-License-Identifier: Apache-2.0 */
/* pod_security - see pod_security.h. */
#include "api/pod_security.h"

#include <stdarg.h>
#include <string.h>

#include "doc/doc.h"

#define NAMES_MAX 64u          /* told of in one detail; a pod with more is refused all the same */

const char *const security_levels[] = { "privileged", "baseline", "restricted", NULL };

struct pod {
	struct arena *arena;
	yyjson_val *meta, *spec;
	int minor;
};
struct names { const char *v[NAMES_MAX]; size_t n; };

/* ---- words ---- */

static void name_add(struct names *l, const char *name)
{
	if (l->n < NAMES_MAX)
		l->v[l->n++] = name ? name : "";
}

/* A set in the order of the alphabet. */
static void name_insert(struct names *l, const char *name)
{
	size_t i = 0;

	if (!name)
		name = "";
	while (i < l->n && strcmp(l->v[i], name) < 0)
		i++;
	if (l->n == NAMES_MAX || (i < l->n && !strcmp(l->v[i], name)))
		return;
	memmove(&l->v[i + 1], &l->v[i], (l->n - i) * sizeof(*l->v));
	l->v[i] = name;
	l->n++;
}

static const char *text(struct pod *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static const char *text(struct pod *p, const char *fmt, ...)
{
	const char *s;
	va_list ap;

	va_start(ap, fmt);
	s = arena_vprintf(p->arena, fmt, ap);
	va_end(ap);
	return s ? s : "";
}

static const char *join(struct pod *p, const struct names *l, const char *quote)
{
	BUF_AUTO struct buf b = { 0 };

	for (size_t i = 0; i < l->n; i++)
		buf_printf(&b, "%s%s%s%s", i ? ", " : "", quote, l->v[i], quote);
	return b.failed || !b.p ? "" : text(p, "%s", b.p);
}

static const char *quoted(struct pod *p, const struct names *l)
{
	return join(p, l, "\"");
}

/* `container "a"`, `containers "a", "b"` */
static const char *things(struct pod *p, const char *one, const struct names *l)
{
	return text(p, "%s%s %s", one, l->n == 1 ? "" : "s", quoted(p, l));
}

/* `pod and container "a"` */
static const char *setters(struct pod *p, bool pod, const struct names *l)
{
	return text(p, "%s%s%s", pod ? "pod" : "", pod && l->n ? " and " : "", l->n ? things(p, "container", l) : "");
}

static bool is(const char *s, const char *want)
{
	return s && !strcmp(s, want);
}

/* ---- containers ---- */

struct walk { yyjson_val *spec; size_t list; yyjson_arr_iter it; };

static yyjson_val *next(struct walk *w)
{
	static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };
	yyjson_val *c;

	for (;;) {
		if (w->list && (c = yyjson_arr_iter_next(&w->it)))
			return c;
		if (w->list == 3)
			return NULL;
		yyjson_arr_iter_init(doc_get(w->spec, lists[w->list++]), &w->it);
	}
}
#define EACH_CONTAINER(c, p) \
	for (struct walk w_ = { .spec = (p)->spec }; ((c) = next(&w_));)

typedef bool bad_fn(yyjson_val *container);

static void pick(struct pod *p, bad_fn *bad, struct names *ret)
{
	yyjson_val *c;

	EACH_CONTAINER(c, p)
		if (bad(c))
			name_add(ret, doc_str(c, "name"));
}

/* Since policies of 1.25 a pod that says it is for Windows need not set what only Linux has. */
static bool for_windows(const struct pod *p)
{
	return p->minor >= 25 && is(doc_str(p->spec, "os.name"), "windows");
}

/* Root in a user namespace of its own is nobody outside. */
static bool own_users(const struct pod *p)
{
	return p->minor >= 35 && !doc_bool(p->spec, "hostUsers", true);
}

/* ---- baseline ---- */

static const char *app_armor(struct pod *p)
{
	static const char prefix[] = "container.apparmor.security.beta.kubernetes.io/";
	const char *type = doc_str(p->spec, "securityContext.appArmorProfile.type");
	struct names bad = { 0 }, values = { 0 }, notes = { 0 };
	bool pod = is(type, "Unconfined");
	yyjson_val *c, *key;
	yyjson_obj_iter it;

	if (pod)
		name_insert(&values, type);
	EACH_CONTAINER(c, p) {
		type = doc_str(c, "securityContext.appArmorProfile.type");
		if (!is(type, "Unconfined"))
			continue;
		name_add(&bad, doc_str(c, "name"));
		name_insert(&values, type);
	}
	yyjson_obj_iter_init(doc_get(p->meta, "annotations"), &it);
	while ((key = yyjson_obj_iter_next(&it))) {
		const char *v = yyjson_get_str(yyjson_obj_iter_get_val(key));

		if (!strncmp(yyjson_get_str(key), prefix, sizeof(prefix) - 1) && v && *v && strcmp(v, "runtime/default") &&
		    strncmp(v, "localhost/", 10))
			name_insert(&notes, text(p, "%s=%s", yyjson_get_str(key), v));
	}
	if (!pod && !bad.n && !notes.n)
		return NULL;
	for (size_t i = 0; i < notes.n; i++)
		name_add(&values, notes.v[i]);
	return text(p, "%s%s%s must not set AppArmor profile type to %s", setters(p, pod, &bad),
		notes.n && (pod || bad.n) ? " and " : "", notes.n ? notes.n > 1 ? "annotations" : "annotation" : "",
		quoted(p, &values));
}

static const char *added_capabilities(struct pod *p, const char *const *allowed)
{
	struct names bad = { 0 }, added = { 0 };
	yyjson_val *c, *v;
	size_t i, max;

	EACH_CONTAINER(c, p) {
		bool ok = true;

		yyjson_arr_foreach(doc_get(c, "securityContext.capabilities.add"), i, max, v) {
			const char *const *a = allowed;

			while (*a && !is(yyjson_get_str(v), *a))
				a++;
			if (*a)
				continue;
			ok = false;
			name_insert(&added, yyjson_get_str(v));
		}
		if (!ok)
			name_add(&bad, doc_str(c, "name"));
	}
	return bad.n ? text(p, "%s must not include %s in securityContext.capabilities.add", things(p, "container", &bad),
		quoted(p, &added)) : NULL;
}

static const char *capabilities(struct pod *p)
{
	static const char *const allowed[] = { "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
		"NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT", NULL };

	return added_capabilities(p, allowed);
}

static const char *host_namespaces(struct pod *p)
{
	static const char *const members[] = { "hostNetwork", "hostPID", "hostIPC" };
	struct names l = { 0 };

	for (size_t i = 0; i < 3; i++)
		if (doc_bool(p->spec, members[i], false))
			name_add(&l, text(p, "%s=true", members[i]));
	return l.n ? join(p, &l, "") : NULL;
}

static const char *host_paths(struct pod *p)
{
	struct names l = { 0 };
	yyjson_val *v;
	size_t i, max;

	yyjson_arr_foreach(doc_get(p->spec, "volumes"), i, max, v)
		if (doc_get(v, "hostPath"))
			name_add(&l, doc_str(v, "name"));
	return l.n ? things(p, "volume", &l) : NULL;
}

static const char *host_ports(struct pod *p)
{
	struct names bad = { 0 }, ports = { 0 };
	yyjson_val *c, *v;
	size_t i, max;

	EACH_CONTAINER(c, p) {
		bool ok = true;

		yyjson_arr_foreach(doc_get(c, "ports"), i, max, v) {
			if (!doc_int(v, "hostPort", 0))
				continue;
			ok = false;
			name_insert(&ports, text(p, "%lld", (long long)doc_int(v, "hostPort", 0)));
		}
		if (!ok)
			name_add(&bad, doc_str(c, "name"));
	}
	return bad.n ? text(p, "%s %s hostPort%s %s", things(p, "container", &bad), bad.n == 1 ? "uses" : "use",
		ports.n == 1 ? "" : "s", join(p, &ports, "")) : NULL;
}

static const char *host_probes(struct pod *p)
{
	static const char *const paths[] = { "livenessProbe.httpGet.host", "livenessProbe.tcpSocket.host",
		"readinessProbe.httpGet.host", "readinessProbe.tcpSocket.host", "startupProbe.httpGet.host",
		"startupProbe.tcpSocket.host", "lifecycle.postStart.httpGet.host", "lifecycle.postStart.tcpSocket.host",
		"lifecycle.preStop.httpGet.host", "lifecycle.preStop.tcpSocket.host" };
	struct names bad = { 0 }, hosts = { 0 };
	yyjson_val *c;

	EACH_CONTAINER(c, p)
		for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
			const char *host = doc_str(c, paths[i]);

			if (!host || !*host)
				continue;
			name_insert(&bad, doc_str(c, "name"));
			name_insert(&hosts, host);
		}
	return bad.n ? text(p, "%s %s probe or lifecycle host%s %s", things(p, "container", &bad),
		bad.n == 1 ? "uses" : "use", hosts.n == 1 ? "" : "s", quoted(p, &hosts)) : NULL;
}

static bool is_privileged(yyjson_val *c)
{
	return doc_bool(c, "securityContext.privileged", false);
}

static const char *privileged(struct pod *p)
{
	struct names bad = { 0 };

	pick(p, is_privileged, &bad);
	return bad.n ? text(p, "%s must not set securityContext.privileged=true", things(p, "container", &bad)) : NULL;
}

static const char *proc_mount(struct pod *p)
{
	struct names bad = { 0 }, types = { 0 };
	yyjson_val *c;

	if (own_users(p))
		return NULL;
	EACH_CONTAINER(c, p) {
		const char *type = doc_str(c, "securityContext.procMount");

		if (!type || !strcmp(type, "Default"))
			continue;
		name_add(&bad, doc_str(c, "name"));
		name_insert(&types, type);
	}
	return bad.n ? text(p, "%s must not set securityContext.procMount to %s", things(p, "container", &bad),
		quoted(p, &types)) : NULL;
}

struct selinux { struct names types; bool user, role; };

static bool selinux_bad(struct pod *p, yyjson_val *options, struct selinux *s)
{
	static const struct { const char *type; int minor; } allowed[] = { { "", 0 }, { "container_t", 0 },
		{ "container_init_t", 0 }, { "container_kvm_t", 0 }, { "container_engine_t", 31 } };
	const char *type = doc_str(options, "type"), *user = doc_str(options, "user"), *role = doc_str(options, "role");
	bool known = false;

	if (!options)
		return false;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
		known |= p->minor >= allowed[i].minor && !strcmp(type ? type : "", allowed[i].type);
	if (!known)
		name_insert(&s->types, type);
	s->user |= user && *user;
	s->role |= role && *role;
	return !known || (user && *user) || (role && *role);
}

static const char *selinux(struct pod *p)
{
	bool pod;
	struct selinux s = { 0 };
	struct names bad = { 0 }, data = { 0 };
	BUF_AUTO struct buf b = { 0 };
	yyjson_val *c;

	pod = selinux_bad(p, doc_get(p->spec, "securityContext.seLinuxOptions"), &s);
	EACH_CONTAINER(c, p)
		if (selinux_bad(p, doc_get(c, "securityContext.seLinuxOptions"), &s))
			name_add(&bad, doc_str(c, "name"));
	if (!pod && !bad.n)
		return NULL;
	if (s.types.n)
		name_add(&data, things(p, "type", &s.types));
	if (s.user)
		name_add(&data, "user may not be set");
	if (s.role)
		name_add(&data, "role may not be set");
	for (size_t i = 0; i < data.n; i++)
		buf_printf(&b, "%s%s", i ? "; " : "", data.v[i]);
	return text(p, "%s set forbidden securityContext.seLinuxOptions: %s", setters(p, pod, &bad), b.failed ? "" : b.p);
}

static bool seccomp_good(const char *type)
{
	return is(type, "RuntimeDefault") || is(type, "Localhost");
}

static const char *seccomp_set(struct pod *p)
{
	const char *type = doc_str(p->spec, "securityContext.seccompProfile.type");
	struct names bad = { 0 }, values = { 0 };
	bool pod = type && !seccomp_good(type);
	yyjson_val *c;

	if (pod)
		name_insert(&values, type);
	EACH_CONTAINER(c, p) {
		type = doc_str(c, "securityContext.seccompProfile.type");
		if (!type || seccomp_good(type))
			continue;
		name_add(&bad, doc_str(c, "name"));
		name_insert(&values, type);
	}
	return pod || bad.n ? text(p, "%s must not set securityContext.seccompProfile.type to %s", setters(p, pod, &bad),
		quoted(p, &values)) : NULL;
}

static const char *sysctls(struct pod *p)
{
	static const struct { const char *name; int minor; } allowed[] = { { "kernel.shm_rmid_forced", 0 },
		{ "net.ipv4.ip_local_port_range", 0 }, { "net.ipv4.tcp_syncookies", 0 }, { "net.ipv4.ping_group_range", 0 },
		{ "net.ipv4.ip_unprivileged_port_start", 0 }, { "net.ipv4.ip_local_reserved_ports", 27 },
		{ "net.ipv4.tcp_keepalive_time", 29 }, { "net.ipv4.tcp_fin_timeout", 29 },
		{ "net.ipv4.tcp_keepalive_intvl", 29 }, { "net.ipv4.tcp_keepalive_probes", 29 },
		{ "net.ipv4.tcp_rmem", 32 }, { "net.ipv4.tcp_wmem", 32 } };
	struct names bad = { 0 };
	yyjson_val *v;
	size_t i, max;

	yyjson_arr_foreach(doc_get(p->spec, "securityContext.sysctls"), i, max, v) {
		const char *name = doc_str(v, "name");
		bool ok = false;

		for (size_t j = 0; j < sizeof(allowed) / sizeof(*allowed); j++)
			ok |= p->minor >= allowed[j].minor && is(name, allowed[j].name);
		if (!ok)
			name_add(&bad, name);
	}
	return bad.n ? join(p, &bad, "") : NULL;
}

static bool is_host_process(yyjson_val *c)
{
	return doc_bool(c, "securityContext.windowsOptions.hostProcess", false);
}

static const char *host_process(struct pod *p)
{
	struct names bad = { 0 };
	bool pod = is_host_process(p->spec);

	pick(p, is_host_process, &bad);
	return pod || bad.n ? text(p, "%s must not set securityContext.windowsOptions.hostProcess=true",
		setters(p, pod, &bad)) : NULL;
}

/* ---- restricted ---- */

static bool may_escalate(yyjson_val *c)
{
	return doc_bool(c, "securityContext.allowPrivilegeEscalation", true);
}

static const char *escalation(struct pod *p)
{
	struct names bad = { 0 };

	if (for_windows(p))
		return NULL;
	pick(p, may_escalate, &bad);
	return bad.n ? text(p, "%s must set securityContext.allowPrivilegeEscalation=false", things(p, "container", &bad))
		: NULL;
}

static bool keeps_some(yyjson_val *c)
{
	yyjson_val *v;
	size_t i, max;

	yyjson_arr_foreach(doc_get(c, "securityContext.capabilities.drop"), i, max, v)
		if (yyjson_equals_str(v, "ALL"))
			return false;
	return true;
}

static const char *all_capabilities(struct pod *p)
{
	static const char *const allowed[] = { "NET_BIND_SERVICE", NULL };
	struct names bad = { 0 };
	const char *added, *kept = NULL;

	if (for_windows(p))
		return NULL;
	pick(p, keeps_some, &bad);
	if (bad.n)
		kept = text(p, "%s must set securityContext.capabilities.drop=[\"ALL\"]", things(p, "container", &bad));
	added = added_capabilities(p, allowed);
	return kept && added ? text(p, "%s; %s", kept, added) : kept ? kept : added;
}

static const char *volume_types(struct pod *p)
{
	static const char *const allowed[] = { "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral",
		"persistentVolumeClaim", "projected", "secret", NULL };
	struct names bad = { 0 }, types = { 0 };
	yyjson_val *v, *key;
	size_t i, max;

	yyjson_arr_foreach(doc_get(p->spec, "volumes"), i, max, v) {
		const char *type = NULL;
		yyjson_obj_iter it;

		yyjson_obj_iter_init(v, &it);
		while ((key = yyjson_obj_iter_next(&it)))
			if (strcmp(yyjson_get_str(key), "name"))
				type = yyjson_get_str(key);
		for (const char *const *a = allowed; *a && type; a++)
			if (!strcmp(*a, type))
				type = NULL;
		if (!type)
			continue;
		name_add(&bad, doc_str(v, "name"));
		name_insert(&types, type);
	}
	return bad.n ? text(p, "%s %s restricted volume type%s %s", things(p, "volume", &bad), bad.n == 1 ? "uses" : "use",
		types.n == 1 ? "" : "s", quoted(p, &types)) : NULL;
}

static const char *non_root(struct pod *p)
{
	yyjson_val *said = doc_get(p->spec, "securityContext.runAsNonRoot"), *c;
	struct names set = { 0 }, silent = { 0 };
	bool pod = said && !yyjson_get_bool(said);

	if (own_users(p))
		return NULL;
	EACH_CONTAINER(c, p) {
		yyjson_val *v = doc_get(c, "securityContext.runAsNonRoot");

		if (v && !yyjson_get_bool(v))
			name_add(&set, doc_str(c, "name"));
		else if (!v && !(said && yyjson_get_bool(said)))
			name_add(&silent, doc_str(c, "name"));
	}
	if (pod || set.n)
		return text(p, "%s must not set securityContext.runAsNonRoot=false", setters(p, pod, &set));
	return silent.n ? text(p, "pod or %s must set securityContext.runAsNonRoot=true", things(p, "container", &silent))
		: NULL;
}

static bool is_root(yyjson_val *c)
{
	return doc_int(c, "securityContext.runAsUser", -1) == 0;
}

static const char *root_user(struct pod *p)
{
	struct names bad = { 0 };
	bool pod = is_root(p->spec);

	if (own_users(p))
		return NULL;
	pick(p, is_root, &bad);
	return pod || bad.n ? text(p, "%s must not set runAsUser=0", setters(p, pod, &bad)) : NULL;
}

static const char *seccomp_needed(struct pod *p)
{
	const char *set = seccomp_set(p);
	struct names silent = { 0 };
	yyjson_val *c;

	if (for_windows(p))
		return NULL;
	if (set || doc_str(p->spec, "securityContext.seccompProfile.type"))
		return set;
	EACH_CONTAINER(c, p)
		if (!doc_str(c, "securityContext.seccompProfile.type"))
			name_add(&silent, doc_str(c, "name"));
	return silent.n ? text(p, "pod or %s must set securityContext.seccompProfile.type to \"RuntimeDefault\" or "
		"\"Localhost\"", things(p, "container", &silent)) : NULL;
}

/* ---- the checks, in the order of their answers ---- */

static const struct {
	enum security_level level;
	int minor;                     /* since which version of the policy */
	bool replaced;                 /* restricted has a stricter one */
	const char *reason;
	const char *(*detail)(struct pod *p);  /* NULL: nothing is wrong */
} checks[] = {
	{ SECURITY_BASELINE, 0, false, "forbidden AppArmor profile", app_armor },
	{ SECURITY_BASELINE, 0, true, "non-default capabilities", capabilities },
	{ SECURITY_BASELINE, 0, false, "host namespaces", host_namespaces },
	{ SECURITY_BASELINE, 0, true, "hostPath volumes", host_paths },
	{ SECURITY_BASELINE, 0, false, "hostPort", host_ports },
	{ SECURITY_BASELINE, 34, false, "probe or lifecycle host", host_probes },
	{ SECURITY_BASELINE, 0, false, "privileged", privileged },
	{ SECURITY_BASELINE, 0, false, "procMount", proc_mount },
	{ SECURITY_BASELINE, 0, false, "seLinuxOptions", selinux },
	{ SECURITY_BASELINE, 19, true, "seccompProfile", seccomp_set },
	{ SECURITY_BASELINE, 0, false, "forbidden sysctls", sysctls },
	{ SECURITY_BASELINE, 0, false, "hostProcess", host_process },
	{ SECURITY_RESTRICTED, 8, false, "allowPrivilegeEscalation != false", escalation },
	{ SECURITY_RESTRICTED, 22, false, "unrestricted capabilities", all_capabilities },
	{ SECURITY_RESTRICTED, 0, false, "restricted volume types", volume_types },
	{ SECURITY_RESTRICTED, 0, false, "runAsNonRoot != true", non_root },
	{ SECURITY_RESTRICTED, 23, false, "runAsUser=0", root_user },
	{ SECURITY_RESTRICTED, 19, false, "seccompProfile", seccomp_needed },
};

bool pod_security_check(struct arena *a, const struct security_policy *policy, yyjson_val *meta, yyjson_val *spec,
	bool details, struct buf *out)
{
	struct pod p = { a, meta, spec, policy->minor };
	size_t before = out->len;

	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		const char *detail;

		if (policy->level < checks[i].level || policy->minor < checks[i].minor ||
		    (checks[i].replaced && policy->level == SECURITY_RESTRICTED))
			continue;
		detail = checks[i].detail(&p);
		if (!detail)
			continue;
		buf_printf(out, "%s%s", out->len > before ? ", " : "", checks[i].reason);
		if (details)
			buf_printf(out, " (%s)", detail);
	}
	return out->len == before && !out->failed;
}
