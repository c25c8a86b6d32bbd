/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of security contexts, of pods and of containers, and of what a
 * pod's operating system and host namespaces leave it.
 * Source: kubernetes pkg/apis/core/validation/validation.go (validatePodSpecSecurityContext,
 * ValidateSecurityContext, validateHostUsers, validateLinux, validateWindows).
 */
#include <ctype.h>

#include "base/text.h"
#include "kinds/validate.h"

static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };

void v_id(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	int64_t n = yyjson_mut_get_sint(m);

	if (m && (n < 0 || n > INT32_MAX))
		v_invalid_int(c, p, n, "must be between 0 and 2147483647, inclusive");
}

/* Segments of letters, digits and, inside, of what inner lists, with separators between. */
static bool segments_ok(const char *s, size_t n, const char *separators, const char *inner, bool upper)
{
	bool edge = true;       /* only a letter or digit may come next, or have come last */

	for (size_t i = 0; i < n; i++) {
		unsigned char ch = (unsigned char)s[i];
		bool plain = isdigit(ch) || islower(ch) || (upper && isupper(ch));
		bool last = i + 1 == n || strchr(separators, s[i + 1]);
		if (strchr(separators, s[i]) ? edge : !plain && (edge || last || !strchr(inner, s[i])))
			return false;
		edge = strchr(separators, s[i]) != NULL;
	}
	return n && !edge;
}

/* The namespace of the kernel a sysctl belongs to; dots and slashes are alike. */
static const char *sysctl_namespace(const char *s)
{
	static const struct { const char *prefix, *ns; } rows[] = {
		{ "kernel.shm", "hostIPC" }, { "kernel.msg", "hostIPC" }, { "fs.mqueue.", "hostIPC" },
		{ "net.", "hostNetwork" },
	};

	if (!strcmp(s, "kernel.sem") || !strcmp(s, "kernel/sem"))
		return "hostIPC";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = 0;
		while (rows[i].prefix[n] && (s[n] == rows[i].prefix[n] || (s[n] == '/' && rows[i].prefix[n] == '.')))
			n++;
		if (!rows[i].prefix[n])
			return rows[i].ns;
	}
	return NULL;
}

static void sysctls(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, yyjson_mut_val *spec)
{
	V_SET seen = { 0 };

	V_EACH(i, m, list) {
		const struct vpath *at = V_AT(V_ITEM(p, i), "name");
		const char *name = v_str(m, "name"), *shared = sysctl_namespace(name);
		size_t n = strlen(name);
		if (!*name)
			v_required(c, at, "");
		else if (n > 253 || !segments_ok(name, n, "./", "-_", false))
			v_invalid(c, at, name, "must have at most 253 characters and match regex "
				"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$");
		else if (map_get(&seen, name))
			v_duplicate(c, at, name);
		if (shared && doc_mbool(spec, shared, false))
			v_invalid(c, at, name, v_text(c, "may not be specified when '%s' is true", shared));
		v_first(&seen, name);
	}
}

static void seccomp(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	const char *type = v_str(m, "type"), *local = yyjson_mut_get_str(v_get(m, "localhostProfile"));

	if (!m)
		return;
	if (!*type)
		v_required(c, V_AT(p, "type"), "type is required when seccompProfile is set");
	else if (!v_one_of(type, "Localhost|RuntimeDefault|Unconfined"))
		v_unsupported(c, V_AT(p, "type"), type, "Localhost|RuntimeDefault|Unconfined");
	if (!strcmp(type, "Localhost") && !local)
		v_required(c, V_AT(p, "localhostProfile"), "must be set when seccomp type is Localhost");
	else if (!strcmp(type, "Localhost"))
		v_descending_path(c, V_AT(p, "localhostProfile"), local);
	else if (local)
		v_invalid_value(c, V_AT(p, "localhostProfile"), m, "can only be set when seccomp type is Localhost");
}

static void apparmor(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const char unset[] = "must be set when AppArmor type is Localhost";
	const char *type = v_str(m, "type"), *local = yyjson_mut_get_str(v_get(m, "localhostProfile"));
	const struct vpath *lp = V_AT(p, "localhostProfile");
	size_t n = local ? strlen(local) : 0;

	if (!m)
		return;
	if (!strcmp(type, "Localhost")) {
		if (!local)
			v_required(c, lp, unset);
		else if (n && (isspace((unsigned char)local[0]) || isspace((unsigned char)local[n - 1])))
			v_invalid(c, lp, local, "must not be padded with whitespace");
		else if (!n)
			v_required(c, lp, unset);
		if (n > 4095)
			v_too_long(c, lp, 4095);
	} else if (v_one_of(type, "RuntimeDefault|Unconfined")) {
		if (local)
			v_invalid(c, lp, local, "can only be set when AppArmor type is Localhost");
	} else if (!*type) {
		v_required(c, V_AT(p, "type"), "type is required when appArmorProfile is set");
	} else {
		v_unsupported(c, V_AT(p, "type"), type, "Localhost|RuntimeDefault|Unconfined");
	}
}

static bool netbios_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strchr("\\/:*?\"<>|", s[i]))
			return false;
	return n && n <= 15 && s[0] != '.';
}

/* DOMAIN\USER, the domain optional. */
static void windows_user(struct vcheck *c, const struct vpath *p, const char *s)
{
	const char *slash = strchr(s, '\\'), *user = slash ? slash + 1 : s;
	size_t domain = slash ? (size_t)(slash - s) : 0, n = strlen(user);
	bool control = false;

	for (const char *q = s; *q; q++)
		control |= iscntrl((unsigned char)*q) != 0;
	if (!*s) {
		v_invalid(c, p, s, "runAsUserName cannot be an empty string");
		return;
	}
	if (control) {
		v_invalid(c, p, s, "runAsUserName cannot contain control characters");
		return;
	}
	if (strchr(user, '\\')) {
		v_invalid(c, p, s, "runAsUserName cannot contain more than one backslash");
		return;
	}
	if (domain >= 256)
		v_invalid(c, p, s, "runAsUserName's Domain length must be under 256 characters");
	if (slash && !netbios_ok(s, domain) && !segments_ok(s, domain, ".", "-", true))
		v_invalid(c, p, s, "runAsUserName's Domain doesn't match the NetBios nor the DNS format");
	if (!n)
		v_invalid(c, p, s, "runAsUserName's User cannot be empty");
	else if (n > 104)
		v_invalid(c, p, s, "runAsUserName's User length must not be longer than 104 characters");
	if (n && strspn(user, ". ") == n)
		v_invalid(c, p, s, "runAsUserName's User cannot contain only periods or spaces");
	if (strpbrk(user, "\"/\\:;|=,+*?<>@[]"))
		v_invalid(c, p, s, "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]");
}

static void windows_options(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	const char *name = yyjson_mut_get_str(v_get(m, "gmsaCredentialSpecName"));
	const char *text = yyjson_mut_get_str(v_get(m, "gmsaCredentialSpec"));
	const char *user = yyjson_mut_get_str(v_get(m, "runAsUserName"));

	if (name)
		v_syntax(c, V_AT(p, "gmsaCredentialSpecName"), name, text_bad_dns1123_subdomain);
	if (text && !*text)
		v_invalid(c, V_AT(p, "gmsaCredentialSpec"), text, "gmsaCredentialSpec cannot be an empty string");
	else if (text && strlen(text) > 64 << 10)
		v_invalid(c, V_AT(p, "gmsaCredentialSpec"), text, "gmsaCredentialSpec size must be under 64 KiB");
	if (user)
		windows_user(c, V_AT(p, "runAsUserName"), user);
}

void v_pod_security(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const char *const ids[] = { "fsGroup", "runAsUser", "runAsGroup" };
	yyjson_mut_val *m = v_get(spec, "securityContext");

	for (int i = 0; i < 3; i++)
		v_id(c, V_AT(p, ids[i]), v_get(m, ids[i]));
	V_EACH(i, group, v_get(m, "supplementalGroups"))
		v_id(c, V_ITEM(V_AT(p, "supplementalGroups"), i), group);
	if (doc_mbool(spec, "hostPID", false) && doc_mbool(spec, "shareProcessNamespace", false))
		v_invalid_raw(c, V_AT(p, "shareProcessNamespace"), "true",
			"ShareProcessNamespace and HostPID cannot both be enabled");
	sysctls(c, V_AT(p, "sysctls"), v_get(m, "sysctls"), spec);
	v_choice(c, p, m, "fsGroupChangePolicy", "Always|OnRootMismatch");
	seccomp(c, V_AT(p, "seccompProfile"), v_get(m, "seccompProfile"));
	windows_options(c, V_AT(p, "windowsOptions"), v_get(m, "windowsOptions"));
	apparmor(c, V_AT(p, "appArmorProfile"), v_get(m, "appArmorProfile"));
	v_choice(c, p, m, "supplementalGroupsPolicy", "Merge|Strict");
	v_choice(c, p, m, "seLinuxChangePolicy", "MountOption|Recursive");
}

void v_container_security(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, bool host_users)
{
	yyjson_mut_val *escalation = v_get(m, "allowPrivilegeEscalation");

	v_id(c, V_AT(p, "runAsUser"), v_get(m, "runAsUser"));
	v_id(c, V_AT(p, "runAsGroup"), v_get(m, "runAsGroup"));
	v_choice(c, p, m, "procMount", "Default|Unmasked");
	if (host_users && v_is(m, "procMount", "Unmasked"))
		v_invalid(c, V_AT(p, "procMount"), "Unmasked", "`hostUsers` must be false to use `Unmasked`");
	seccomp(c, V_AT(p, "seccompProfile"), v_get(m, "seccompProfile"));
	if (escalation && !yyjson_mut_get_bool(escalation)) {
		if (doc_mbool(m, "privileged", false))
			v_invalid_value(c, p, m,
				"cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
		V_EACH(i, capability, doc_mget(m, "capabilities.add"))
			if (yyjson_mut_equals_str(capability, "CAP_SYS_ADMIN"))
				v_invalid_value(c, p, m, "cannot set `allowPrivilegeEscalation` to false and "
					"`capabilities.Add` CAP_SYS_ADMIN");
	}
	windows_options(c, V_AT(p, "windowsOptions"), v_get(m, "windowsOptions"));
	apparmor(c, V_AT(p, "appArmorProfile"), v_get(m, "appArmorProfile"));
}

/* Containers of Windows that run on the host: all of a pod or none. */
static void host_process(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	yyjson_mut_val *pod = doc_mget(spec, "securityContext.windowsOptions.hostProcess");
	size_t all = 0, hosts = 0;

	for (int l = 0; l < 3; l++)
		V_EACH(i, m, v_get(spec, lists[l])) {
			yyjson_mut_val *own = doc_mget(m, "securityContext.windowsOptions.hostProcess");
			all++;
			hosts += yyjson_mut_get_bool(own ? own : pod);
			if (own && pod && yyjson_mut_get_bool(own) != yyjson_mut_get_bool(pod))
				v_invalid_value(c, V_AT(V_AT(V_AT(V_ITEM(V_AT(p, lists[l]), i), "securityContext"),
					"windowsOptions"), "hostProcess"), own, v_text(c, "pod hostProcess value must be "
					"identical if both are specified, was %s", yyjson_mut_get_bool(pod) ? "true" : "false"));
		}
	if (hosts && hosts != all)
		v_invalid(c, p, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers");
	if (hosts && !doc_mbool(spec, "hostNetwork", false))
		v_invalid_raw(c, V_AT(p, "hostNetwork"), "false",
			"hostNetwork must be true if pod contains any hostProcess containers");
}

void v_host_namespaces(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	static const struct { const char *name, *report; } shared[] = {
		{ "hostNetwork", "hostNetwork" }, { "hostPID", "HostPID" }, { "hostIPC", "HostIPC" },
	};

	host_process(c, p, spec);
	if (doc_mbool(spec, "hostUsers", true))
		return;
	for (int i = 0; i < 3; i++)
		if (doc_mbool(spec, shared[i].name, false))
			v_forbidden(c, V_AT(p, shared[i].report), "when `hostUsers` is false");
	for (int l = 0; l < 3; l++)
		V_EACH(i, m, v_get(spec, lists[l]))
			if (doc_mlen(m, "volumeDevices"))
				v_forbidden(c, V_AT(V_ITEM(V_AT(p, lists[l]), i), "volumeDevices"), "when `hostUsers` is false");
}

/* What a pod of the one system may not have; of the pod's security context, of the spec
 * itself, and of each container's security context. */
static const char *const windows_pod[] = { "appArmorProfile", "seLinuxOptions", "+hostUsers", "-hostPID", "-hostIPC",
	"seccompProfile", "fsGroup", "fsGroupChangePolicy", "sysctls", "+shareProcessNamespace", "runAsUser",
	"runAsGroup", "supplementalGroups", "supplementalGroupsPolicy", "seLinuxChangePolicy" };
static const char *const windows_container[] = { "appArmorProfile", "seLinuxOptions", "seccompProfile",
	"capabilities", "readOnlyRootFilesystem", "privileged", "allowPrivilegeEscalation", "procMount",
	"runAsUser", "runAsGroup" };

void v_pod_os(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *os = v_str(v_get(spec, "os"), "name"), *why = "cannot be set for a windows pod";
	yyjson_mut_val *pod = v_get(spec, "securityContext");
	const struct vpath *sp = V_AT(p, "securityContext");
	bool linux_pod = !strcmp(os, "linux");

	if (!v_get(spec, "os"))
		return;
	if (!*os) {
		v_required(c, V_AT(V_AT(p, "os"), "name"), "cannot be empty");
		return;
	}
	if (!v_one_of(os, "linux|windows")) {
		v_unsupported(c, V_AT(p, "os"), os, "linux|windows");
		return;
	}
	if (linux_pod) {
		why = "windows options cannot be set for a linux pod";
		if (v_get(pod, "windowsOptions"))
			v_forbidden(c, V_AT(sp, "windowsOptions"), why);
	}
	for (size_t i = 0; !linux_pod && i < sizeof(windows_pod) / sizeof(windows_pod[0]); i++) {
		/* "+": a member of the spec; "-": one that counts when true */
		const char *name = windows_pod[i];
		bool of_spec = *name == '+' || *name == '-';
		yyjson_mut_val *m = v_get(of_spec ? spec : pod, name + of_spec);
		if (m && (*name != '-' || yyjson_mut_get_bool(m)) && !(yyjson_mut_is_arr(m) && !yyjson_mut_arr_size(m)))
			v_forbidden(c, V_AT(of_spec ? p : sp, name + of_spec), why);
	}
	for (int l = 0; l < 3; l++)
		V_EACH(i, m, v_get(spec, lists[l])) {
			yyjson_mut_val *own = v_get(m, "securityContext");
			const struct vpath *at = V_AT(V_ITEM(V_AT(p, lists[l]), i), "securityContext");
			if (linux_pod && v_get(own, "windowsOptions"))
				v_forbidden(c, V_AT(at, "windowsOptions"), why);
			for (size_t n = 0; !linux_pod && n < sizeof(windows_container) / sizeof(windows_container[0]); n++)
				if (v_get(own, windows_container[n]))
					v_forbidden(c, V_AT(at, windows_container[n]), why);
		}
}
