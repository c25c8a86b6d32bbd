/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a pod's volumes: their names, and those that are made of several
 * parts (projected, downward API, ephemeral claims).
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateVolumes,
 * validateProjectionSources); KEP-3257 (trust bundles), KEP-4317 (pod certificates).
 */
#include "base/text.h"
#include "kinds/normal.h"
#include "kinds/validate.h"

#define HOUR_S 3600
/* Of Kubernetes' own signers, and of others. Source: pkg/apis/certificates/types.go */
#define OWN_CERTIFICATE_MAX_S (24 * HOUR_S)
#define CERTIFICATE_MAX_S (91 * 24 * HOUR_S)

void v_downward_file(struct vcheck *c, const struct vpath *p, yyjson_mut_val *file)
{
	yyjson_mut_val *field = v_get(file, "fieldRef"), *resource = v_get(file, "resourceFieldRef");

	v_must(c, p, file, "path");
	v_local_path(c, V_AT(p, "path"), v_str(file, "path"));
	if (field)
		v_field_ref(c, V_AT(p, "fieldRef"), field, true);
	if (field && resource)
		v_invalid(c, p, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously");
	else if (resource)
		v_resource_field_ref(c, V_AT(p, "resourceFieldRef"), resource, true);
	else if (!field)
		v_required(c, p, "one of fieldRef and resourceFieldRef is required");
	v_mode(c, p, file, "mode");
}

/* Each path of a projected volume is filled once. value: what the error names. */
static void once(struct vcheck *c, const struct vpath *p, struct map *paths, const char *path, const char *value)
{
	if (*path && !v_first(paths, path))
		v_invalid(c, p, value, "conflicting duplicate paths");
}

static void keyed(struct vcheck *c, const struct vpath *p, const struct vpath *sp, yyjson_mut_val *m, struct map *paths)
{
	v_must(c, sp, m, "name");
	v_key_paths(c, sp, m);
	V_EACH(i, item, v_get(m, "items"))
		once(c, p, paths, v_str(item, "path"), v_str(m, "name"));
}

static void token(struct vcheck *c, const struct vpath *p, const struct vpath *sp, yyjson_mut_val *m)
{
	int64_t seconds = doc_mint(m, "expirationSeconds", 0);

	if (seconds < 600)
		v_invalid_int(c, V_AT(sp, "expirationSeconds"), seconds, "may not specify a duration less than 10 minutes");
	if (seconds > 1LL << 32)
		v_invalid_int(c, V_AT(sp, "expirationSeconds"), seconds,
			"may not specify a duration larger than 2^32 seconds");
	/* The path is reported at the volume. */
	if (!*v_str(m, "path"))
		v_required(c, V_AT(p, "path"), "");
	else
		v_local_path(c, V_AT(p, "path"), v_str(m, "path"));
}

/* domain/path, the domain of two labels or more. Source: ValidateSignerName */
static void signer(struct vcheck *c, const struct vpath *p, const char *s)
{
	const char *slash = strchr(s, '/');
	char *domain = slash ? arena_strndup(c->a, s, (size_t)(slash - s)) : NULL;

	if (!*s) {
		v_required(c, p, "");
	} else if (!slash || strchr(slash + 1, '/')) {
		v_invalid(c, p, s, "must be a fully qualified domain and path of the form \"example.com/signer-name\"");
	} else if (domain) {
		const char *why = text_bad_dns1123_subdomain(domain);
		if (why)
			v_invalid(c, p, s, v_text(c, "validating label \"%s\": %s", domain, why));
		else if (!strchr(domain, '.'))
			v_invalid(c, p, s, "should be a domain with at least two segments separated by dots");
		why = text_bad_dns1123_subdomain(slash + 1);
		if (why)
			v_invalid(c, p, s, v_text(c, "validating label \"%s\": %s", slash + 1, why));
	}
}

static void bundle(struct vcheck *c, const struct vpath *p, const struct vpath *sp, yyjson_mut_val *m, struct map *paths)
{
	const char *name = yyjson_mut_get_str(v_get(m, "name")), *by = yyjson_mut_get_str(v_get(m, "signerName"));
	const char *why;

	if (name && by) {
		v_invalid_value(c, sp, m, "only one of name and signerName may be used");
	} else if (name) {
		if (!*name)
			v_required(c, V_AT(sp, "name"), "must be a valid object name");
		why = text_bad_dns1123_subdomain(strrchr(name, ':') ? strrchr(name, ':') + 1 : name);
		if (why)
			v_invalid(c, V_AT(sp, "name"), name, v_text(c, "not a valid clustertrustbundlename: %s", why));
		if (v_get(m, "labelSelector"))
			v_invalid_value(c, V_AT(sp, "labelSelector"), v_get(m, "labelSelector"),
				"labelSelector must be unset if name is specified");
	} else if (by) {
		if (!*by)
			v_required(c, V_AT(sp, "signerName"), "must be a valid signer name");
		signer(c, V_AT(sp, "signerName"), by);
		v_label_selector(c, V_AT(sp, "labelSelector"), v_get(m, "labelSelector"));
	} else {
		v_required(c, sp, "either name or signerName must be specified");
	}
	v_must(c, sp, m, "path");
	v_local_path(c, V_AT(sp, "path"), v_str(m, "path"));
	once(c, p, paths, v_str(m, "path"), v_str(m, "path"));
}

static void certificate(struct vcheck *c, const struct vpath *p, const struct vpath *sp, yyjson_mut_val *m,
	struct map *paths)
{
	static const char *const files[] = { "credentialBundlePath", "keyPath", "certificateChainPath" };
	static const char key_types[] = "RSA3072|RSA4096|ECDSAP256|ECDSAP384|ECDSAP521|ED25519";
	yyjson_mut_val *expires = v_get(m, "maxExpirationSeconds");
	int64_t seconds = yyjson_mut_get_sint(expires);
	bool own = !strncmp(v_str(m, "signerName"), "kubernetes.io/", 14), any = false;
	int64_t most = own ? OWN_CERTIFICATE_MAX_S : CERTIFICATE_MAX_S;

	signer(c, V_AT(sp, "signerName"), v_str(m, "signerName"));
	if (!v_one_of(v_str(m, "keyType"), key_types))
		v_unsupported(c, V_AT(sp, "keyType"), v_str(m, "keyType"), key_types);
	if (expires && seconds < HOUR_S)
		v_invalid_int(c, V_AT(sp, "maxExpirationSeconds"), seconds,
			"if provided, maxExpirationSeconds must be >= 3600");
	if (expires && seconds > most)
		v_invalid_int(c, V_AT(sp, "maxExpirationSeconds"), seconds,
			v_text(c, "if provided, maxExpirationSeconds must be <= %lld", (long long)most));
	for (int i = 0; i < 3; i++) {
		const char *path = v_str(m, files[i]);
		if (!*path)
			continue;
		any = true;
		v_local_path(c, V_AT(sp, files[i]), path);
		once(c, p, paths, path, path);
	}
	if (!any)
		v_required(c, sp, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath");
}

void v_projected(struct vcheck *c, const struct vpath *p, yyjson_mut_val *v, const struct v_volume *of)
{
	V_SET paths = { 0 };

	v_mode(c, p, v, "defaultMode");
	V_EACH(i, m, v_get(v, "sources")) {
		const struct vpath *at = V_ITEM(V_AT(p, "sources"), i);
		yyjson_mut_val *s;
		int count = 0;
		if ((s = v_get(m, "secret")) && ++count)
			keyed(c, p, V_AT(at, "secret"), s, &paths);
		if ((s = v_get(m, "configMap")) && ++count)
			keyed(c, p, V_AT(at, "configMap"), s, &paths);
		if ((s = v_get(m, "downwardAPI")) && ++count)
			V_EACH(j, file, v_get(s, "items")) {
				v_downward_file(c, V_AT(at, "downwardAPI"), file);
				once(c, p, &paths, v_str(file, "path"), v_str(file, "path"));
			}
		if ((s = v_get(m, "serviceAccountToken")) && ++count)
			token(c, p, V_AT(at, "serviceAccountToken"), s);
		if ((s = v_get(m, "clusterTrustBundle")) && ++count)
			bundle(c, p, V_AT(at, "clusterTrustBundle"), s, &paths);
		if ((s = v_get(m, "podCertificate")) && ++count)
			certificate(c, p, V_AT(at, "podCertificate"), s, &paths);
		if (count > 1)
			v_forbidden(c, at, "may not specify more than 1 volume type per source");
	}
}

void v_claim_template(struct vcheck *c, const struct vpath *p, yyjson_mut_val *claim)
{
	yyjson_mut_val *meta = v_get(claim, "metadata");
	const struct vpath *mp = V_AT(p, "metadata");

	v_annotations(c, V_AT(mp, "annotations"), v_get(meta, "annotations"));
	v_labels(c, V_AT(mp, "labels"), v_get(meta, "labels"));
	V_MEMBERS(name, m, meta)
		if (m && !yyjson_mut_is_null(m) && !v_one_of(name, "annotations|labels"))
			v_forbidden(c, V_AT(mp, !strcmp(name, "uid") ? "uID" : name), "cannot be set");
	v_claim_spec(c, V_AT(p, "spec"), v_get(claim, "spec"));
}

void v_ephemeral(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	const char *claim = *of->pod && *of->name ? v_text(c, "%s-%s", of->pod, of->name) : NULL;
	const char *why = claim ? text_bad_dns1123_subdomain(claim) : NULL;

	if (v_get(m, "volumeClaimTemplate"))
		v_claim_template(c, V_AT(p, "volumeClaimTemplate"), v_get(m, "volumeClaimTemplate"));
	if (why)
		v_invalid(c, V_AT(p->up, "name"), of->name, v_text(c, "PVC name \"%s\": %s", claim, why));
}

void v_volumes(struct vcheck *c, const struct vpath *p, yyjson_mut_val *volumes, const char *pod, struct map *ret_good)
{
	V_SET made = { 0 };

	V_EACH(i, m, volumes) {
		const char *claim = *pod && v_get(m, "ephemeral") ? v_text(c, "%s-%s", pod, v_str(m, "name")) : NULL;
		if (claim)
			v_first(&made, claim);
	}
	V_EACH(i, m, volumes) {
		const struct vpath *at = V_ITEM(p, i);
		const char *name = v_str(m, "name"), *claim = v_str(v_get(m, "persistentVolumeClaim"), "claimName");
		int before = c->count;
		v_volume_source(c, at, m, &(const struct v_volume){ .name = name, .pod = pod });
		if (!*name)
			v_required(c, V_AT(at, "name"), "");
		else
			v_syntax(c, V_AT(at, "name"), name, text_bad_dns1123_label);
		if (map_get(ret_good, name))
			v_duplicate(c, V_AT(at, "name"), name);
		if (c->count == before && map_put(ret_good, name, m, NULL))
			return;
		if (*claim && map_get(&made, claim))
			v_invalid(c, V_AT(V_AT(at, "persistentVolumeClaim"), "claimName"), claim,
				"must not reference a PVC that gets created for an ephemeral volume");
	}
}
