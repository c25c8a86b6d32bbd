/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warnings upstream gives about pods and templates of pods.
 * Source: kubernetes pkg/api/pod/warnings.go, pkg/api/node/util.go.
 */
#include "kinds/normal.h"
#include "kinds/warnings.h"

#define PORTS_MAX 128           /* with the same number and protocol; more are not compared with each other */

static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
static const char preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";
static const char no_selector[] = "a null labelSelector results in matching no pod";

static void node_labels(struct warnings *w, yyjson_mut_val *spec, const char *at)
{
	yyjson_mut_val *affinity = v_get(v_get(spec, "affinity"), "nodeAffinity");

	V_MEMBERS(label, m, v_get(spec, "nodeSelector"))
		if (m && warn_node_label(label))
			warn(w, "%sspec.nodeSelector[%s]: %s", at, label, warn_node_label(label));
	V_EACH(i, m, v_get(v_get(affinity, required), "nodeSelectorTerms"))
		warn_node_term(w, arena_printf(w->a, "%sspec.affinity.nodeAffinity.%s.nodeSelectorTerms[%zu]", at, required, i),
			m, false);
	V_EACH(i, m, v_get(affinity, preferred))
		warn_node_term(w, arena_printf(w->a, "%sspec.affinity.nodeAffinity.%s[%zu].preference", at, preferred, i),
			v_get(m, "preference"), true);
	V_EACH(i, m, v_get(spec, "topologySpreadConstraints")) {
		const char *key = v_str(m, "topologyKey"), *what = warn_node_label(key);
		if (what)
			warn(w, "%sspec.topologySpreadConstraints[%zu].topologyKey: %s is %s", at, i, key, what);
		if (!v_get(m, "labelSelector"))
			warn(w, "%sspec.topologySpreadConstraints[%zu].labelSelector: %s", at, i, no_selector);
	}
}

static void old_notes(struct warnings *w, yyjson_mut_val *notes, const char *at)
{
	static const struct { const char *key, *what; } gone[] = {
		{ "scheduler.alpha.kubernetes.io/critical-pod",
		  "non-functional in v1.16+; use the \"priorityClassName\" field instead" },
		{ "security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead" },
		{ "security.alpha.kubernetes.io/unsafe-sysctls",
		  "non-functional in v1.11+; use the \"sysctls\" field instead" },
	};

	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		if (v_get(notes, gone[i].key))
			warn(w, "%smetadata.annotations[%s]: %s", at, gone[i].key, gone[i].what);
}

static void lists(struct warnings *w, yyjson_mut_val *spec, const char *at)
{
	static const struct { const char *list, *member, *what; } unique[] = {
		{ "hostAliases", "ip", "ip" }, { "imagePullSecrets", "name", "name" },
	};

	for (size_t n = 0; n < sizeof(unique) / sizeof(unique[0]); n++) {
		V_SET seen = { 0 };
		V_EACH(i, m, v_get(spec, unique[n].list))
			if (!v_first(&seen, v_str(m, unique[n].member)))
				warn(w, "%sspec.%s[%zu].%s: duplicate %s \"%s\"", at, unique[n].list, i, unique[n].member,
					unique[n].what, v_str(m, unique[n].member));
	}
	V_EACH(i, m, v_get(spec, "imagePullSecrets"))
		if (!*v_str(m, "name"))
			warn(w, "%sspec.imagePullSecrets[%zu].name: invalid empty name \"\"", at, i);
}

/* A profile named in an annotation, as it was before there was a field. */
static void profile_note(struct warnings *w, const struct index *notes, const char *at, const char *key,
	yyjson_mut_val *owner, const char *field, const char *since)
{
	if (key && index_get(notes, key) && !v_get(v_get(owner, "securityContext"), field))
		warn(w, "%smetadata.annotations[%s]: %s; use the \"%s\" field instead", at, key, since, field);
}

/* Whether a second value of a variable builds on the first. */
static bool extends(yyjson_mut_val *m, const char *name)
{
	char ref[512];
	const char *value = v_str(m, "value");

	snprintf(ref, sizeof(ref), "$(%s)", name);
	return !v_get(m, "valueFrom") && strcmp(value, ref) && strstr(value, ref);
}

static void variables(struct warnings *w, yyjson_mut_val *c, const char *path)
{
	V_SET seen = { 0 };

	V_EACH(i, m, v_get(c, "env")) {
		const char *name = v_str(m, "name");
		if (!v_first(&seen, name) && !extends(m, name))
			warn(w, "%s.env[%zu]: hides previous definition of \"%s\", which may be dropped when using apply", path, i,
				name);
	}
}

struct port { yyjson_mut_val *v; const char *path; struct port *next; size_t n; };
struct ports { struct map same, names; };

static void compare(struct warnings *w, const struct port *p, const struct port *other)
{
	const char *ip = v_str(p->v, "hostIP"), *ip2 = v_str(other->v, "hostIP");
	int64_t host = doc_mint(p->v, "hostPort", 0), host2 = doc_mint(other->v, "hostPort", 0);

	if (host == host2 && !strcmp(ip, ip2))
		warn(w, "%s: duplicate port definition with %s", p->path, other->path);
	else if (!host || !host2)
		warn(w, "%s: overlapping port definition with %s", p->path, other->path);
	else if (host == host2 && !*ip != !*ip2)
		warn(w, "%s: dangerously ambiguous port definition with %s", p->path, other->path);
}

static void port(struct warnings *w, struct ports *all, struct port *p)
{
	long long number = doc_mint(p->v, "containerPort", 0), host = doc_mint(p->v, "hostPort", 0);
	const char *name = v_str(p->v, "name"), *protocol = v_str(p->v, "protocol"), *ip = v_str(p->v, "hostIP");
	char key[128];

	if (*ip && !host)
		warn(w, "%s: hostIP set without hostPort: {Name:%s HostPort:0 ContainerPort:%lld Protocol:%s HostIP:%s}",
			p->path, name, number, protocol, ip);
	snprintf(key, sizeof(key), "%lld/%s", number, protocol);
	struct port *first = map_get(&all->same, key), *last = first;
	for (struct port *o = first; o; o = o->next) {
		compare(w, p, o);
		last = o;
	}
	if (!first)
		map_put(&all->same, key, p, NULL);
	else if (first->n++ < PORTS_MAX)
		last->next = p;
	const char *other = *name ? map_get(&all->names, name) : NULL;
	if (other)
		warn(w, "%s: duplicate port name \"%s\" with %s, services and probes that select ports by name will use %s",
			p->path, name, other, other);
	else if (*name)
		map_put(&all->names, name, (void *)p->path, NULL);
}

static void ports(struct warnings *w, struct ports *all, yyjson_mut_val *c, const char *path)
{
	V_EACH(i, m, v_get(c, "ports")) {
		struct port *p = arena_zalloc(w->a, sizeof(*p));
		const char *at = arena_printf(w->a, "%s.ports[%zu]", path, i);
		if (!p || !at || warned_enough(w))
			return;
		*p = (struct port){ .v = m, .path = at };
		port(w, all, p);
	}
}

/* Each container with its path, in the order upstream visits them. */
static void containers(struct warnings *w, yyjson_mut_val *spec, const struct index *notes, const char *at)
{
	static const char *const kinds[] = { "initContainers", "containers", "ephemeralContainers" };
	static const char whole[] = "memory|ephemeral-storage";
	struct ports all = { 0 };

	for (int n = 0; n < 3; n++)
		V_EACH(i, c, v_get(spec, kinds[n])) {
			const char *path = arena_printf(w->a, "%sspec.%s[%zu]", at, kinds[n], i), *name = v_str(c, "name");
			if (!path || warned_enough(w))
				break;
			profile_note(w, notes, at, arena_printf(w->a, "container.seccomp.security.alpha.kubernetes.io/%s", name), c,
				"seccompProfile", "non-functional in v1.27+");
			if (*at)
				profile_note(w, notes, at, arena_printf(w->a, "container.apparmor.security.beta.kubernetes.io/%s",
					name), c, "appArmorProfile", "deprecated since v1.30");
			warn_fraction(w, arena_printf(w->a, "%s.resources.limits", path), doc_mget(c, "resources.limits"), whole);
			warn_fraction(w, arena_printf(w->a, "%s.resources.requests", path), doc_mget(c, "resources.requests"),
				whole);
			variables(w, c, path);
			ports(w, &all, c, path);
		}
	map_finish(&all.same);
	map_finish(&all.names);
}

static void pod_terms(struct warnings *w, yyjson_mut_val *spec, const char *at)
{
	static const char *const kinds[] = { "podAffinity", "podAntiAffinity" };

	for (int n = 0; n < 2; n++) {
		yyjson_mut_val *m = v_get(v_get(spec, "affinity"), kinds[n]);
		V_EACH(i, t, v_get(m, required))
			if (!v_get(t, "labelSelector"))
				warn(w, "%sspec.affinity.%s.%s[%zu].labelSelector: %s", at, kinds[n], required, i, no_selector);
		V_EACH(i, t, v_get(m, preferred))
			if (!v_get(v_get(t, "podAffinityTerm"), "labelSelector"))
				warn(w, "%sspec.affinity.%s.%s[%zu].podAffinityTerm.labelSelector: %s", at, kinds[n], preferred, i,
					no_selector);
	}
}

void warn_pod(struct warnings *w, yyjson_mut_val *meta, yyjson_mut_val *spec, const char *at)
{
	yyjson_mut_val *notes = v_get(meta, "annotations");
	INDEX_AUTO struct index by_key = index_map(notes);

	node_labels(w, spec, at);
	old_notes(w, notes, at);
	warn_volumes(w, spec, at);
	lists(w, spec, at);
	warn_fraction(w, arena_printf(w->a, "%sspec.overhead", at), v_get(spec, "overhead"), "memory|ephemeral-storage");
	profile_note(w, &by_key, at, "seccomp.security.alpha.kubernetes.io/pod", spec, "seccompProfile",
		"non-functional in v1.27+");
	containers(w, spec, &by_key, at);
	if (doc_mint(spec, "terminationGracePeriodSeconds", 0) < 0)
		warn(w, "%sspec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1",
			at);
	pod_terms(w, spec, at);
	V_EACH(i, m, v_get(v_get(spec, "dnsConfig"), "nameservers"))
		warn_ip(w, arena_printf(w->a, "%sspec.dnsConfig.nameservers[%zu]", at, i), yyjson_mut_get_str(m));
	V_EACH(i, m, v_get(spec, "hostAliases"))
		warn_ip(w, arena_printf(w->a, "%sspec.hostAliases[%zu].ip", at, i), v_str(m, "ip"));
}
