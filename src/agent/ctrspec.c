/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctrspec - what the runtime is told of one container: command, user, rights, mounts,
 * limits.
 * Source: kubelet kuberuntime_container.go, kuberuntime/security_context.go; the API's
 * PodSecurityContext and SecurityContext (the container's wins).
 */
#include "agent/ctrspec.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "doc/doc.h"

#define SHARES_MIN 2
#define QUOTA_PERIOD_US 100000
#define QUOTA_MIN_US 1000
#define UNPRIVILEGED_PORTS "net.ipv4.ip_unprivileged_port_start"

static const char *const cap_names[] = {
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
};
#define CAP_COUNT (sizeof(cap_names) / sizeof(cap_names[0]))
static const char *const cap_defaults[] = {
	"CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
	"NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE", NULL,
};

/* Manifests may write the prefix. */
static const char *without_cap(const char *name)
{
	return strncasecmp(name, "CAP_", 4) ? name : name + 4;
}

static void cap_set(bool *have, const char *name, bool value)
{
	for (unsigned i = 0; i < CAP_COUNT; i++)
		if (!strcasecmp(name, "ALL") || !strcasecmp(name, cap_names[i]))
			have[i] = value;
}

int ctrspec_caps(struct strv *out, yyjson_val *ctr)
{
	yyjson_val *caps = doc_get(ctr, "securityContext.capabilities"), *v;
	bool have[CAP_COUNT] = { 0 };
	size_t i, n;
	int rc = 0;

	for (unsigned k = 0; cap_defaults[k]; k++)
		cap_set(have, cap_defaults[k], true);
	/* ALL first, so that single ones beside it count, whatever their order. */
	yyjson_arr_foreach(yyjson_obj_get(caps, "add"), i, n, v)
		if (!strcasecmp(yyjson_get_str(v), "ALL"))
			cap_set(have, "ALL", true);
	yyjson_arr_foreach(yyjson_obj_get(caps, "drop"), i, n, v)
		cap_set(have, without_cap(yyjson_get_str(v)), false);
	yyjson_arr_foreach(yyjson_obj_get(caps, "add"), i, n, v)
		if (strcasecmp(yyjson_get_str(v), "ALL"))
			cap_set(have, without_cap(yyjson_get_str(v)), true);
	if (doc_bool(ctr, "securityContext.privileged", false))
		cap_set(have, "ALL", true);
	for (unsigned k = 0; k < CAP_COUNT && !rc; k++)
		if (have[k] && prctl(PR_CAPBSET_READ, (unsigned long)k, 0, 0, 0) == 1)
			rc = strv_add(out, "CAP_%s", cap_names[k]);
	return rc;
}

int ctrspec_signal(const char *name)
{
	static const struct { const char *name; int number; } table[] = {
		{ "HUP", SIGHUP }, { "INT", SIGINT }, { "QUIT", SIGQUIT }, { "ABRT", SIGABRT }, { "KILL", SIGKILL },
		{ "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "TERM", SIGTERM }, { "PIPE", SIGPIPE }, { "ALRM", SIGALRM },
		{ "WINCH", SIGWINCH }, { "PWR", SIGPWR }, { "CONT", SIGCONT }, { "STOP", SIGSTOP },
	};
	int number, base;
	char sign;

	if (!name || !*name)
		return SIGTERM;
	number = atoi(name);
	if (number > 0 && number < NSIG)
		return number;
	if (!strncasecmp(name, "SIG", 3))
		name += 3;
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcasecmp(name, table[i].name))
			return table[i].number;
	/* RTMIN+3 */
	if (sscanf(name, "RTMIN%c%d", &sign, &base) == 2 && sign == '+' && base >= 0 && SIGRTMIN + base <= SIGRTMAX)
		return SIGRTMIN + base;
	return SIGTERM;
}

/* Source: kubelet sysctl/safe_sysctls.go */
const char *ctrspec_bad_sysctl(yyjson_val *pod, const char *name)
{
	static const char *const safe[] = {
		"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies",
		"net.ipv4.ping_group_range", UNPRIVILEGED_PORTS, "net.ipv4.ip_local_reserved_ports",
		"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
		"net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", NULL,
	};
	char dotted[256];

	snprintf(dotted, sizeof(dotted), "%s", name);
	for (char *p = dotted; (p = strchr(p, '/'));)
		*p = '.';
	if (!strncmp(dotted, "net.", 4) && spec_host_network(pod))
		return "sysctls of the network are not allowed with hostNetwork";
	if (!strncmp(dotted, "kernel.shm", 10) && doc_bool(pod, "spec.hostIPC", false))
		return "sysctls of IPC are not allowed with hostIPC";
	for (unsigned i = 0; safe[i]; i++)
		if (!strcmp(dotted, safe[i]))
			return NULL;
	return "it is not one of the safe sysctls";
}

/* ---- user ---- */

static int64_t security_int(struct ctr *c, const char *field)
{
	char path[64];
	int64_t v;

	snprintf(path, sizeof(path), "securityContext.%s", field);
	v = doc_int(c->spec, path, -1);
	return v >= 0 ? v : doc_int(c->pod->spec, path, -1);
}

static bool security_bool(struct ctr *c, const char *field, bool dflt)
{
	char path[64];

	snprintf(path, sizeof(path), "securityContext.%s", field);
	if (doc_get(c->spec, path))
		return doc_bool(c->spec, path, dflt);
	return doc_bool(c->pod->spec, path, dflt);
}

static void add_group(struct ctrspec *cs, int64_t gid)
{
	for (unsigned i = 0; i < cs->spec.group_count; i++)
		if (cs->groups[i] == (uint32_t)gid)
			return;
	if (cs->spec.group_count < CTRSPEC_GROUPS_MAX)
		cs->groups[cs->spec.group_count++] = (uint32_t)gid;
}

static int set_user(struct ctrspec *cs, struct ctr *c, const char *rootfs, const struct image_config *ic, struct err *reterr)
{
	int64_t uid = security_int(c, "runAsUser"), gid = security_int(c, "runAsGroup");
	const char *policy = doc_str(c->pod->spec, "securityContext.supplementalGroupsPolicy");
	char number[32];
	const char *user = uid >= 0 ? number : ic->user;
	struct image_user u;
	yyjson_val *v;
	size_t i, n;
	int rc;

	snprintf(number, sizeof(number), "%lld", (long long)uid);
	rc = image_user(rootfs, user, &u, reterr);
	if (rc)
		return rc;
	cs->spec.uid = u.uid;
	cs->spec.gid = gid >= 0 ? (uint32_t)gid : u.gid;
	if (security_bool(c, "runAsNonRoot", false)) {
		if (*user && *user != ':' && !isdigit((unsigned char)*user))
			return err_set(reterr, ERR_INVALID, "container has runAsNonRoot and image has non-numeric user (%s), "
				"cannot verify user is non-root", ic->user);
		if (!cs->spec.uid)
			return err_set(reterr, ERR_INVALID, uid == 0 ?
				"container's runAsUser breaks non-root policy" :
				"container has runAsNonRoot and image will run as root");
	}
	cs->spec.groups = cs->groups;
	add_group(cs, cs->spec.gid);
	for (unsigned k = 0; k < u.group_count && (!policy || strcmp(policy, "Strict")); k++)
		add_group(cs, u.groups[k]);
	yyjson_arr_foreach(doc_get(c->pod->spec, "securityContext.supplementalGroups"), i, n, v)
		add_group(cs, yyjson_get_int(v));
	if (doc_int(c->pod->spec, "securityContext.fsGroup", -1) >= 0)
		add_group(cs, doc_int(c->pod->spec, "securityContext.fsGroup", -1));
	return 0;
}

/* ---- command ---- */

static int set_args(struct ctrspec *cs, struct ctr *c, const struct image_config *ic, struct err *reterr)
{
	yyjson_val *command = yyjson_obj_get(c->spec, "command"), *args = yyjson_obj_get(c->spec, "args"), *v;
	bool has_command = yyjson_arr_size(command) > 0, has_args = yyjson_arr_size(args) > 0;
	size_t i, n;
	int rc = 0;

	yyjson_arr_foreach(command, i, n, v) {
		char *text = env_expand(yyjson_get_str(v), &cs->env);

		rc |= !text || strv_add(&cs->args, "%s", text);
		free(text);
	}
	if (!has_command)
		for (const char *const *e = ic->entrypoint; *e; e++)
			rc |= strv_add(&cs->args, "%s", *e);
	yyjson_arr_foreach(args, i, n, v) {
		char *text = env_expand(yyjson_get_str(v), &cs->env);

		rc |= !text || strv_add(&cs->args, "%s", text);
		free(text);
	}
	if (!has_command && !has_args)
		for (const char *const *e = ic->cmd; *e; e++)
			rc |= strv_add(&cs->args, "%s", *e);
	if (rc)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	if (!cs->args.n)
		return err_set(reterr, ERR_INVALID, "no command specified");
	return 0;
}

/* ---- mounts ---- */

static int add_mount(struct ctrspec *cs, const char *source, const char *target, const char *options, struct err *reterr)
{
	struct runtime_mount *m = &cs->mounts[cs->spec.mount_count];

	if (cs->spec.mount_count == CTRSPEC_MOUNTS_MAX)
		return err_set(reterr, ERR_INVALID, "more than %d mounts", CTRSPEC_MOUNTS_MAX);
	if (strv_add(&cs->keep, "%s", source) || strv_add(&cs->keep, "%s", target) || strv_add(&cs->keep, "%s", options))
		return err_set(reterr, ERR_NOMEM, "out of memory");
	m->source = cs->keep.v[cs->keep.n - 3];
	m->target = cs->keep.v[cs->keep.n - 2];
	m->options = cs->keep.v[cs->keep.n - 1];
	m->type = "bind";
	cs->spec.mount_count++;
	return 0;
}

static bool user_mounts(struct ctr *c, const char *target)
{
	yyjson_val *m;
	size_t i, n;

	yyjson_arr_foreach(yyjson_obj_get(c->spec, "volumeMounts"), i, n, m)
		if (doc_str(m, "mountPath") && !strcmp(doc_str(m, "mountPath"), target))
			return true;
	return false;
}

static int add_volume_mount(struct ctrspec *cs, struct ctr *c, yyjson_val *m, unsigned index, struct err *reterr)
{
	const char *name = doc_str(m, "name"), *target = doc_str(m, "mountPath"), *sub = doc_str(m, "subPath");
	const char *expr = doc_str(m, "subPathExpr"), *propagation = doc_str(m, "mountPropagation"), *source;
	char path[PATH_MAX], absolute[PATH_MAX], options[64];
	bool ro = doc_bool(m, "readOnly", false), volume_ro = false;
	char *expanded = NULL;
	int rc = 0;

	source = volume_path(c->pod, name ? name : "", &volume_ro);
	if (!source)
		return err_set(reterr, ERR_INVALID, "volumeMount %s names no volume", name);
	ro |= volume_ro;
	if (expr && *expr) {
		expanded = env_expand(expr, &cs->env);
		if (!expanded || strstr(expanded, "$("))
			rc = err_set(reterr, ERR_INVALID, "subPathExpr %s cannot be expanded", expr);
		sub = expanded;
	}
	if (!rc && sub && *sub) {
		rc = volume_subpath(c->pod, c->name, index, source, sub, ro, path, sizeof(path), reterr);
		source = path;
	}
	free(expanded);
	if (rc)
		return rc;
	snprintf(options, sizeof(options), "%s,%s", !propagation || !strcmp(propagation, "None") ? "rbind,rprivate" :
		!strcmp(propagation, "Bidirectional") ? "rbind,rshared" : "rbind,rslave", ro ? "ro" : "rw");
	snprintf(absolute, sizeof(absolute), "%s%s", *target == '/' ? "" : "/", target);
	return add_mount(cs, source, absolute, options, reterr);
}

static int set_mounts(struct ctrspec *cs, struct ctr *c, struct err *reterr)
{
	static const char *const files[][2] = { { "hosts", "/etc/hosts" }, { "resolv.conf", "/etc/resolv.conf" } };
	const char *log = doc_str(c->spec, "terminationMessagePath");
	char path[PATH_MAX];
	yyjson_val *m;
	size_t i, n;
	int rc = 0, fd;

	for (unsigned k = 0; k < 2 && !rc; k++)
		if (!user_mounts(c, files[k][1])) {
			snprintf(path, sizeof(path), "%s/%s", c->pod->dir, files[k][0]);
			rc = add_mount(cs, path, files[k][1], "rbind,rprivate,rw", reterr);
		}
	if (!rc && doc_bool(c->pod->spec, "hostIPC", false)) {
		rc = add_mount(cs, "/dev/shm", "/dev/shm", "rbind,rprivate,rw", reterr);
	} else if (!rc && c->pod->ctr_count > 1 && !user_mounts(c, "/dev/shm")) {
		snprintf(path, sizeof(path), "%s/shm", c->pod->dir);
		rc = volume_shm(path, reterr);
		rc = rc ? rc : add_mount(cs, path, "/dev/shm", "rbind,rprivate,rw", reterr);
	}
	if (!rc && log && *log) {
		snprintf(path, sizeof(path), "%s/containers", c->pod->dir);
		rc = file_mkdirs(path, 0711, reterr);
		snprintf(path, sizeof(path), "%s/containers/%s.end", c->pod->dir, c->name);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (fd < 0)
			return err_errno(reterr, "create %s", path);
		fchmod(fd, 0666);
		close(fd);
		rc = rc ? rc : add_mount(cs, path, log, "rbind,rprivate,rw", reterr);
	}
	yyjson_arr_foreach(yyjson_obj_get(c->spec, "volumeMounts"), i, n, m) {
		if (rc)
			return rc;
		rc = add_volume_mount(cs, c, m, (unsigned)i, reterr);
	}
	cs->spec.mounts = cs->mounts;
	return rc;
}

/* ---- limits and rights ---- */

static void set_resources(struct ctrspec *cs, struct ctr *c)
{
	yyjson_val *r = yyjson_obj_get(c->spec, "resources");
	int64_t request = spec_quantity(r, "requests", "cpu", true), limit = spec_quantity(r, "limits", "cpu", true);
	int64_t memory = spec_quantity(r, "limits", "memory", false);

	if (request < 0)
		request = limit;
	cs->spec.cpu_shares = request > 0 ? (uint64_t)(request * 1024 / 1000) : SHARES_MIN;
	if (cs->spec.cpu_shares < SHARES_MIN)
		cs->spec.cpu_shares = SHARES_MIN;
	if (limit > 0) {
		cs->spec.cpu_period_us = QUOTA_PERIOD_US;
		cs->spec.cpu_quota_us = (uint64_t)(limit * QUOTA_PERIOD_US / 1000);
		if (cs->spec.cpu_quota_us < QUOTA_MIN_US)
			cs->spec.cpu_quota_us = QUOTA_MIN_US;
	}
	cs->spec.memory_bytes = memory > 0 ? memory : 0;
	cs->spec.oom_score_adj = spec_oom_score(spec_qos(c->pod->obj), c->spec, node_memory_bytes(c->pod->a));
}

static int set_sysctls(struct ctrspec *cs, struct ctr *c, struct err *reterr)
{
	bool ports = false;
	yyjson_val *v;
	size_t i, n;
	int rc = 0;

	yyjson_arr_foreach(doc_get(c->pod->spec, "securityContext.sysctls"), i, n, v) {
		const char *name = doc_str(v, "name"), *value = doc_str(v, "value");

		ports |= name && !strcmp(name, UNPRIVILEGED_PORTS);
		rc |= strv_add(&cs->sysctls, "%s=%s", name ? name : "", value ? value : "");
	}
	/* As other runtimes do: a pod's ports are its own, so none needs root. */
	if (!ports && !spec_host_network(c->pod->obj))
		rc |= strv_add(&cs->sysctls, UNPRIVILEGED_PORTS "=0");
	cs->spec.sysctls = (const char *const *)cs->sysctls.v;
	return rc ? err_set(reterr, ERR_NOMEM, "out of memory") : 0;
}

static bool seccomp_wanted(struct ctr *c)
{
	const char *type = doc_str(c->spec, "securityContext.seccompProfile.type");

	if (!type)
		type = doc_str(c->pod->spec, "securityContext.seccompProfile.type");
	return !type || strcmp(type, "Unconfined");
}

int ctrspec_build(struct ctrspec *cs, struct ctr *c, const char *rootfs, const struct image_config *ic, struct err *reterr)
{
	struct pod *p = c->pod;
	struct runtime_spec *s = &cs->spec;
	const char *proc_mount = doc_str(c->spec, "securityContext.procMount"), *dir = doc_str(c->spec, "workingDir");
	char path[PATH_MAX];
	int rc;

	memset(cs, 0, sizeof(*cs));
	s->id = c->id;
	s->pod_id = p->uid;
	s->privileged = doc_bool(c->spec, "securityContext.privileged", false);
	rc = env_build(c, ic->env, &cs->env, reterr);
	if (!rc)
		rc = set_args(cs, c, ic, reterr);
	if (!rc)
		rc = set_user(cs, c, rootfs, ic, reterr);
	if (!rc)
		rc = set_mounts(cs, c, reterr);
	if (!rc)
		rc = set_sysctls(cs, c, reterr);
	if (!rc && ctrspec_caps(&cs->caps, c->spec))
		rc = err_set(reterr, ERR_NOMEM, "out of memory");
	if (rc)
		return rc;
	spec_hostname(cs->hostname, p->obj);
	log_path(path, sizeof(path), p, c->name, c->attempt);
	if (strv_add(&cs->keep, "%s", rootfs) || strv_add(&cs->keep, "%s", path) ||
	    strv_add(&cs->keep, "%s", dir && *dir ? dir : *ic->workdir ? ic->workdir : "/"))
		return err_set(reterr, ERR_NOMEM, "out of memory");
	s->rootfs = cs->keep.v[cs->keep.n - 3];
	s->log_path = cs->keep.v[cs->keep.n - 2];
	s->cwd = cs->keep.v[cs->keep.n - 1];
	*strrchr(path, '/') = 0;
	rc = file_mkdirs(path, 0755, reterr);
	if (rc)
		return rc;
	s->args = (const char *const *)cs->args.v;
	s->env = (const char *const *)cs->env.v;
	s->caps = (const char *const *)cs->caps.v;
	s->hostname = spec_host_network(p->obj) ? NULL : cs->hostname;
	s->netns = p->netns;
	s->ipcns = doc_bool(p->spec, "hostIPC", false) ? NULL : p->ipcns;
	s->host_pid = doc_bool(p->spec, "hostPID", false);
	s->unmasked = proc_mount && !strcmp(proc_mount, "Unmasked");
	s->tty = doc_bool(c->spec, "tty", false);
	s->stdin_open = doc_bool(c->spec, "stdin", false);
	s->stdin_once = doc_bool(c->spec, "stdinOnce", false);
	s->read_only = doc_bool(c->spec, "securityContext.readOnlyRootFilesystem", false);
	s->no_new_privileges = !doc_bool(c->spec, "securityContext.allowPrivilegeEscalation", true);
	s->seccomp_default = seccomp_wanted(c);
	s->cgroup_parent = p->cgroup;
	set_resources(cs, c);
	return 0;
}

void ctrspec_finish(struct ctrspec *cs)
{
	strv_finish(&cs->args);
	strv_finish(&cs->env);
	strv_finish(&cs->caps);
	strv_finish(&cs->sysctls);
	strv_finish(&cs->keep);
}
