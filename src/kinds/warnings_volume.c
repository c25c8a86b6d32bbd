/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warnings upstream gives about the volumes of pods: plug-ins that are gone, and
 * files that would hide each other.
 * Source: kubernetes pkg/api/pod/warnings.go, pkg/api/persistentvolume/util.go.
 */
#include "kinds/warnings.h"

#define PATHS_MAX 256           /* of one volume; more are not compared with each other */

void warn_volume_source(struct warnings *w, const char *path, yyjson_mut_val *v)
{
	static const struct { const char *name, *what; } gone[] = {
		{ "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+" },
		{ "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+" },
		{ "scaleIO", "deprecated in v1.16, non-functional in v1.22+" },
		{ "flocker", "deprecated in v1.22, non-functional in v1.25+" },
		{ "storageos", "deprecated in v1.22, non-functional in v1.25+" },
		{ "quobyte", "deprecated in v1.22, non-functional in v1.25+" },
		{ "glusterfs", "deprecated in v1.25, non-functional in v1.26+" },
		{ "cephfs", "deprecated in v1.28, non-functional in v1.31+" },
		{ "rbd", "deprecated in v1.28, non-functional in v1.31+" },
	};

	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		if (v_get(v, gone[i].name))
			warn(w, "%s.%s: %s", path, gone[i].name, gone[i].what);
}

struct file { const char *path, *source; size_t len; };        /* source "": the volume itself */
struct files {
	struct warnings *w;
	const char *volume, *what;
	struct file v[PATHS_MAX];
	size_t n;
};

/* Whether one is the other, or a directory above it. */
static bool overlap(const struct file *a, const struct file *b)
{
	const struct file *shorter = a->len < b->len ? a : b, *longer = shorter == a ? b : a;

	return !memcmp(shorter->path, longer->path, shorter->len) &&
		(longer->len == shorter->len || longer->path[shorter->len] == '/');
}

static const char *named(struct files *f, const struct file *x)
{
	return *x->source ? arena_printf(f->w->a, "\"%.*s\" (%s)", (int)x->len, x->path, x->source) :
		arena_printf(f->w->a, "\"%.*s\"", (int)x->len, x->path);
}

static void file(struct files *f, const char *path, const char *source)
{
	struct file x = { path, source ? source : "", strlen(path) };

	while (x.len && path[x.len - 1] == '/')
		x.len--;
	if (!x.len || f->n == PATHS_MAX || warned_enough(f->w))
		return;
	for (size_t i = 0; i < f->n; i++) {
		if (!overlap(&f->v[i], &x))
			continue;
		const char *now = named(f, &x), *other = named(f, &f->v[i]);
		if (now && other)
			warn(f->w, "volume \"%s\" (%s): overlapping paths: %s with %s", f->volume, f->what, now, other);
	}
	f->v[f->n++] = x;
}

static void items(struct files *f, yyjson_mut_val *source, const char *name)
{
	V_EACH(i, m, v_get(source, "items"))
		file(f, v_str(m, "path"), name);
}

static const char *title(struct warnings *w, const char *kind, const char *name)
{
	return arena_printf(w->a, "%s \"%s\"", kind, name);
}

static void certificate(struct files *f, yyjson_mut_val *m)
{
	static const struct { const char *path, *what; } parts[] = {
		{ "certificateChainPath", "PodCertificate chain" }, { "keyPath", "PodCertificate key" },
		{ "credentialBundlePath", "PodCertificate credential bundle" },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		file(f, v_str(m, parts[i].path), parts[i].what);
}

static void projected(struct files *f, yyjson_mut_val *sources)
{
	V_EACH(i, m, sources) {
		yyjson_mut_val *map = v_get(m, "configMap"), *secret = v_get(m, "secret"), *down = v_get(m, "downwardAPI");
		yyjson_mut_val *token = v_get(m, "serviceAccountToken"), *bundle = v_get(m, "clusterTrustBundle");
		yyjson_mut_val *cert = v_get(m, "podCertificate");
		if (!map && !secret && !down && !token && !bundle && !cert)
			warn(f->w, "volume \"%s\" (Projected) has no sources provided", f->volume);
		items(f, map, map ? title(f->w, "ConfigMap", v_str(map, "name")) : "");
		items(f, secret, secret ? title(f->w, "Secret", v_str(secret, "name")) : "");
		items(f, down, "DownwardAPI");
		file(f, v_str(token, "path"), "ServiceAccountToken");
		file(f, v_str(bundle, "path"), bundle ? title(f->w, "ClusterTrustBundle", *v_str(bundle, "name") ?
			v_str(bundle, "name") : v_str(bundle, "signerName")) : "");
		certificate(f, cert);
	}
}

static void paths(struct warnings *w, yyjson_mut_val *v)
{
	yyjson_mut_val *map = v_get(v, "configMap"), *secret = v_get(v, "secret"), *all = v_get(v, "projected");
	struct files f = { .w = w, .volume = v_str(v, "name"), .what = "DownwardAPI" };

	if (map)
		f.what = title(w, "ConfigMap", v_str(map, "name"));
	else if (secret)
		f.what = title(w, "Secret", v_str(secret, "secretName"));
	else if (all)
		f.what = "Projected";
	if (!f.what)
		return;
	items(&f, map, "");
	items(&f, secret, "");
	items(&f, v_get(v, "downwardAPI"), "");
	projected(&f, v_get(all, "sources"));
}

void warn_volumes(struct warnings *w, yyjson_mut_val *spec, const char *at)
{
	V_EACH(i, v, v_get(spec, "volumes")) {
		if (warned_enough(w))
			return;
		warn_volume_source(w, arena_printf(w->a, "%sspec.volumes[%zu]", at, i), v);
	}
	V_EACH(i, v, v_get(spec, "volumes"))
		if (!warned_enough(w))
			paths(w, v);
}
