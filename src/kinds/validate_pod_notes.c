/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the annotations that mean something on pods, and of those that
 * say what a member says as well: they must agree.
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidatePodSpecificAnnotations,
 * ValidatePodSpecificAnnotationUpdates, validateSeccompAnnotationsAndFields,
 * validateAppArmorAnnotationsAndFieldsMatchOnCreate).
 */
#include <stdlib.h>

#include "kinds/normal.h"
#include "kinds/validate.h"

#define MIRROR "kubernetes.io/config.mirror"
#define DELETION_COST "controller.kubernetes.io/pod-deletion-cost"
#define SECCOMP_POD "seccomp.security.alpha.kubernetes.io/pod"
#define SECCOMP_CONTAINER "container.seccomp.security.alpha.kubernetes.io/"
#define APPARMOR "container.apparmor.security.beta.kubernetes.io/"

static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };

static bool is_int32(const char *s)
{
	const char *digits = *s == '-' ? s + 1 : s;
	size_t n = strlen(digits);
	long long value = n && n < 12 ? atoll(s) : INT64_MAX;

	/* No plus sign, no zeros ahead. */
	return strspn(digits, "0123456789") == n && (*s != '0' || n == 1) && value >= INT32_MIN && value <= INT32_MAX;
}

static bool has_container(const struct index containers[3], const char *name)
{
	for (int l = 0; l < 3; l++)
		if (index_get(&containers[l], name))
			return true;
	return false;
}

static void seccomp_profile(struct vcheck *c, const struct vpath *p, const char *s)
{
	if (!strncmp(s, "localhost/", 10))
		v_descending_path(c, p, s + 10);
	else if (!v_one_of(s, "runtime/default|docker/default|unconfined"))
		v_invalid(c, p, s, "must be a valid seccomp profile");
}

void v_pod_annotations(struct vcheck *c, const struct vpath *p, yyjson_mut_val *notes, yyjson_mut_val *spec)
{
	struct index containers[3];

	if (!yyjson_mut_obj_size(notes))
		return;
	for (int l = 0; l < 3; l++)
		containers[l] = index_list(v_get(spec, lists[l]), "name");
	V_MEMBERS(key, m, notes) {
		const char *s = yyjson_mut_get_str(m);
		if (!s)
			continue;
		if (!strcmp(key, MIRROR) && !*v_str(spec, "nodeName"))
			v_invalid(c, V_KEY(p, key), s, "must set spec.nodeName if mirror pod annotation is set");
		else if (!strcmp(key, DELETION_COST) && !is_int32(s))
			v_invalid(c, V_KEY(p, key), s, "must be a 32bit integer");
		else if (!strcmp(key, SECCOMP_POD) || !strncmp(key, SECCOMP_CONTAINER, sizeof(SECCOMP_CONTAINER) - 1))
			seccomp_profile(c, V_AT(p, key), s);
		if (strncmp(key, APPARMOR, sizeof(APPARMOR) - 1))
			continue;
		if (!has_container(containers, key + sizeof(APPARMOR) - 1))
			v_invalid(c, V_KEY(p, key), key + sizeof(APPARMOR) - 1, "container not found");
		if (*s && !v_one_of(s, "runtime/default|unconfined") && strncmp(s, "localhost/", 10))
			v_invalid(c, V_KEY(p, key), s, v_text(c, "invalid AppArmor profile name: \"%s\"", s));
	}
	for (int l = 0; l < 3; l++)
		index_finish(&containers[l]);
}

/* profile: the member; note: the annotation that says the same. */
static void agree(struct vcheck *c, const struct vpath *p, yyjson_mut_val *profile, const char *note, const char *what)
{
	const char *type = v_str(profile, "type"), *local = v_str(profile, "localhostProfile");
	bool docker = !strcmp(what, "seccomp") && !strcmp(note, "docker/default");

	if (!profile)
		return;
	if ((!strcmp(type, "Unconfined") && strcmp(note, "unconfined")) ||
	    (!strcmp(type, "RuntimeDefault") && strcmp(note, "runtime/default") && !docker) ||
	    (!strcmp(type, "Localhost") && strncmp(note, "localhost/", 10)))
		v_forbidden(c, V_AT(p, "type"), v_text(c, "%s type in annotation and field must match", what));
	else if (!strcmp(type, "Localhost") && (!v_get(profile, "localhostProfile") || strcmp(note + 10, local)))
		v_forbidden(c, V_AT(p, "localhostProfile"), v_text(c, "%s profile in annotation and field must match", what));
}

static const char *note_of(struct vcheck *c, const struct index *notes, const char *prefix, const char *name)
{
	const char *key = v_text(c, "%s%s", prefix, name);

	return key ? yyjson_mut_get_str(index_get(notes, key)) : NULL;
}

void v_pod_profiles(struct vcheck *c, const struct vpath *p, yyjson_mut_val *notes, yyjson_mut_val *spec)
{
	yyjson_mut_val *pod = v_get(spec, "securityContext");
	const char *note = yyjson_mut_get_str(yyjson_mut_obj_get(notes, SECCOMP_POD));
	bool windows = v_is(v_get(spec, "os"), "name", "windows");
	INDEX_AUTO struct index by_key = index_map(notes);

	if (!yyjson_mut_obj_size(notes))
		return;
	if (note)
		agree(c, V_AT(V_AT(p, "securityContext"), "seccompProfile"), v_get(pod, "seccompProfile"), note, "seccomp");
	for (int what = 0; what < 2; what++)
		for (int l = 0; l < 3 && !(what && windows); l++)
			V_EACH(i, m, v_get(spec, lists[l])) {
				const char *member = what ? "appArmorProfile" : "seccompProfile";
				yyjson_mut_val *own = v_get(v_get(m, "securityContext"), member);
				note = note_of(c, &by_key, what ? APPARMOR : SECCOMP_CONTAINER, v_str(m, "name"));
				if (what && !own)
					own = v_get(pod, member);
				if (note)
					agree(c, V_AT(V_AT(V_ITEM(V_AT(p, lists[l]), i), "securityContext"), member), own, note,
						what ? "apparmor" : "seccomp");
			}
}

void v_pod_annotation_update(struct vcheck *c, const struct vpath *p)
{
	yyjson_mut_val *now = doc_mget(c->v, "metadata.annotations"), *was = doc_mget(c->old, "metadata.annotations");
	yyjson_mut_val *pair[] = { was, now };

	for (int added = 0; added < 2; added++) {
		INDEX_AUTO struct index others = index_map(pair[!added]);
		V_MEMBERS(key, m, pair[added]) {
			bool armor = !strncmp(key, APPARMOR, sizeof(APPARMOR) - 1), mirror = !strcmp(key, MIRROR);
			yyjson_mut_val *other = armor || mirror ? index_get(&others, key) : NULL;
			if ((!armor && !mirror) || (other && (added || yyjson_mut_equals(m, other))))
				continue;
			v_forbidden(c, V_KEY(p, key), v_text(c, "may not %s %s", added ? "add" : "remove or update",
				armor ? "AppArmor annotations" : "mirror pod annotation"));
		}
	}
}
