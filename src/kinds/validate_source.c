/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of where a volume's content comes from, one row each: of a pod's
 * volumes and of persistent volumes. The order is upstream's: of two sources
 * the later one is the one too many. Some paths differ from the member's name
 * there, and so here.
 * Source: kubernetes pkg/apis/core/validation/validation.go (validateVolumeSource,
 * ValidatePersistentVolumeSpec).
 */
#include "base/text.h"
#include "kinds/validate.h"

#define MORE "may not specify more than 1 volume type"

typedef void source_fn(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of);

struct source {
	const char *name;
	const char *must;       /* members it cannot do without, in order */
	source_fn *more;        /* further rules, or NULL */
	const char *at, *again; /* paths of its errors and of "one too many"; NULL: the name */
};

const char *v_bad_backsteps(const char *s)
{
	for (const char *p = s; *p; p += strcspn(p, "/"), p += *p == '/')
		if (!strncmp(p, "..", 2) && (!p[2] || p[2] == '/'))
			return "must not contain '..'";
	return NULL;
}

void v_descending_path(struct vcheck *c, const struct vpath *p, const char *s)
{
	if (*s == '/')
		v_invalid(c, p, s, "must be a relative path");
	v_syntax(c, p, s, v_bad_backsteps);
}

void v_local_path(struct vcheck *c, const struct vpath *p, const char *s)
{
	v_descending_path(c, p, s);
	if (!strncmp(s, "..", 2) && strncmp(s, "../", 3))
		v_invalid(c, p, s, "must not start with '..'");
}

void v_mode(struct vcheck *c, const struct vpath *p, yyjson_mut_val *obj, const char *name)
{
	yyjson_mut_val *m = v_get(obj, name);
	int64_t n = yyjson_mut_get_sint(m);

	if (m && (n < 0 || n > 0777))
		v_invalid_int(c, V_AT(p, name), n, "must be a number between 0 and 0777 (octal), both inclusive");
}

void v_key_paths(struct vcheck *c, const struct vpath *p, yyjson_mut_val *source)
{
	V_EACH(i, m, v_get(source, "items")) {
		const struct vpath *at = V_ITEM(V_AT(p, "items"), i);
		v_must(c, at, m, "key");
		v_must(c, at, m, "path");
		v_local_path(c, V_AT(at, "path"), v_str(m, "path"));
		v_mode(c, at, m, "mode");
	}
}

static void range(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const char *name, const char *why)
{
	int64_t n = doc_mint(m, name, 0);

	if (n < 0 || n > 255)
		v_invalid_int(c, V_AT(p, name), n, why);
}

static void empty_dir(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	if (*v_str(m, "sizeLimit") == '-')
		v_forbidden(c, V_AT(p, "sizeLimit"), "SizeLimit field must be a valid resource quantity");
}

static void host_path(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	if (!*v_str(m, "path")) {
		v_required(c, V_AT(p, "path"), "");
		return;
	}
	v_syntax(c, V_AT(p, "path"), v_str(m, "path"), v_bad_backsteps);
	v_choice(c, p, m, "type", "|BlockDevice|CharDevice|Directory|DirectoryOrCreate|File|FileOrCreate|Socket");
}

static void local(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	v_syntax(c, V_AT(p, "path"), v_str(m, "path"), v_bad_backsteps);
	if (!of->placed)
		v_required(c, V_AT(p->up, "nodeAffinity"), "Local volume requires node affinity");
}

static void git_repo(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	v_descending_path(c, V_AT(p, "directory"), v_str(m, "directory"));
}

static void partition(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	range(c, p, m, "partition", "must be between 1 and 255, inclusive");
}

static void key_files(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	v_mode(c, p, m, "defaultMode");
	v_key_paths(c, p, m);
}

static void nfs(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	if (*v_str(m, "path") != '/')
		v_invalid(c, V_AT(p, "path"), v_str(m, "path"), "must be an absolute path");
}

/* A name of an initiator or target: iqn.2001-04.com.example:x, eui. or naa. */
static const char *bad_iqn(const char *s)
{
	static const char odd[] = "must be valid format";
	size_t n = strlen(s), digits = strspn(s + (n > 4 ? 4 : n), "0123456789abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	if (!strncmp(s, "eui", 3))
		return n == 20 && digits == 16 ? NULL : odd;
	if (!strncmp(s, "naa", 3))
		return n == 36 && digits == 32 ? NULL : odd;
	if (n < 13 || s[3] != '.' || strspn(s + 4, "0123456789") != 4 || s[8] != '-' ||
	    strspn(s + 9, "0123456789") != 2 || s[11] != '.')
		return odd;
	const char *colon = strchr(s + 12, ':');
	return colon && colon > s + 12 && colon[1] && !strpbrk(colon + 1, ",;*&$| \t\n") ? NULL : odd;
}

static void iscsi(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	static const char prefixes[] = "iqn|eui|naa";
	const char *iqn = v_str(m, "iqn"), *initiator = yyjson_mut_get_str(v_get(m, "initiatorName"));
	const char *portal = v_str(m, "targetPortal");
	const char *unknown = of->persistent ? "must be valid format" : "must be valid format starting with iqn, eui, or naa";
	char head[4] = { 0 };

	strncpy(head, iqn, 3);
	if (*iqn && !v_one_of(head, prefixes))
		v_invalid(c, V_AT(p, "iqn"), iqn, unknown);
	else if (*iqn)
		v_syntax(c, V_AT(p, "iqn"), iqn, bad_iqn);
	range(c, p, m, "lun", "must be between 0 and 255, inclusive");
	if ((doc_mbool(m, "chapAuthDiscovery", false) || doc_mbool(m, "chapAuthSession", false)) && !v_get(m, "secretRef"))
		v_required(c, V_AT(p, "secretRef"), "");
	if (of->persistent && v_get(m, "secretRef"))
		v_must(c, V_AT(p, "secretRef"), v_get(m, "secretRef"), "name");
	if (!initiator)
		return;
	strncpy(head, initiator, 3);
	if (!v_one_of(head, prefixes))
		v_invalid(c, V_AT(p, "initiatorname"), initiator, unknown);
	else
		v_syntax(c, V_AT(p, "initiatorname"), initiator, bad_iqn);
	if (strlen(of->name) + 1 + strlen(portal) > 64)
		v_invalid(c, of->persistent ? V_AT(p, "targetportal") : V_AT(p->up, "name"),
			of->persistent ? portal : of->name, "Total length of <volume name>:<iscsi.targetPortal> must be "
			"under 64 characters if iscsi.initiatorName is specified.");
}

static void glusterfs(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	const char *ns = yyjson_mut_get_str(v_get(m, "endpointsNamespace"));

	if (ns && !*ns)
		v_invalid(c, V_AT(p, "endpointsNamespace"), ns,
			"if the endpointnamespace is set, it must be a valid namespace name");
	else if (ns)
		v_syntax(c, V_AT(p, "endpointsNamespace"), ns, text_bad_dns1123_label);
}

static void flocker(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	const char *name = v_str(m, "datasetName"), *uuid = v_str(m, "datasetUUID");

	if (!*name && !*uuid)
		v_required(c, p, "one of datasetName and datasetUUID is required");
	if (*name && *uuid)
		v_invalid(c, p, "resource", "datasetName and datasetUUID can not be specified simultaneously");
	if (strchr(name, '/'))
		v_invalid(c, V_AT(p, "datasetName"), name, "must not contain '/'");
}

/* A secret that is named with its namespace in persistent volumes, without one in pods'. */
static void secret_ref(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	yyjson_mut_val *ref = v_get(m, "secretRef");

	if (!ref)
		return;
	v_must(c, V_AT(p, "secretRef"), ref, "name");
	if (of->persistent)
		v_must(c, V_AT(p, "secretRef"), ref, "namespace");
}

static void quobyte(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	static const char pairs[] = "must be a host:port pair or multiple pairs separated by commas";
	const char *registry = v_str(m, "registry");

	if (!*registry)
		v_required(c, V_AT(p, "registry"), pairs);
	else if (strlen(v_str(m, "tenant")) >= 65)
		v_required(c, V_AT(p, "tenant"), "must be a UUID and may not exceed a length of 64 characters");
	for (const char *s = registry; *registry && strlen(v_str(m, "tenant")) < 65; s++) {
		size_t n = strcspn(s, ",");
		const char *colon = memchr(s, ':', n);
		if (!colon || (*s != '[' && memchr(colon + 1, ':', n - (size_t)(colon + 1 - s))))
			v_invalid(c, V_AT(p, "registry"), registry, pairs);
		s += n;
		if (!*s)
			break;
	}
	v_must(c, p, m, "volume");
}

static void downward(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	v_mode(c, p, m, "defaultMode");
	V_EACH(i, file, v_get(m, "items"))
		v_downward_file(c, p, file);
}

static void fibre_channel(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	size_t names = doc_mlen(m, "targetWWNs"), ids = doc_mlen(m, "wwids");

	if (!names && !ids)
		v_required(c, V_AT(p, "targetWWNs"), "must specify either targetWWNs or wwids, but not both");
	if (names && ids)
		v_invalid_value(c, V_AT(p, "targetWWNs"), v_get(m, "targetWWNs"),
			"targetWWNs and wwids can not be specified simultaneously");
	if (names && !v_get(m, "lun"))
		v_required(c, V_AT(p, "lun"), "lun is required if targetWWNs is specified");
	else if (names)
		range(c, p, m, "lun", "must be between 0 and 255, inclusive");
}

static void flex(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	V_MEMBERS(key, option, v_get(m, "options")) {
		size_t n = strcspn(key, "/");
		if (!option)
			continue;
		for (const char *const *s = (const char *const[]){ ".kubernetes.io", ".k8s.io", NULL }; *s; s++) {
			size_t len = strlen(*s);
			if ((n == len - 1 && !strncasecmp(key, *s + 1, n)) ||
			    (n >= len && !strncasecmp(key + n - len, *s, len)))
				v_invalid(c, V_KEY(V_AT(p, "options"), key), key, "kubernetes.io and k8s.io namespaces are reserved");
		}
	}
}

static void azure_file(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	if (of->persistent && v_get(m, "secretNamespace"))
		v_must(c, p, m, "secretNamespace");
}

static void azure_disk(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	const char *uri = v_str(m, "diskURI");
	bool managed = v_is(m, "kind", "Managed");

	v_choice(c, p, m, "cachingMode", "None|ReadOnly|ReadWrite");
	v_choice(c, p, m, "kind", "Dedicated|Managed|Shared");
	if (managed && strncmp(uri, "/subscriptions/", 15))
		v_unsupported(c, V_AT(p, "diskURI"), uri, "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/"
			"microsoft.compute/disks/{disk-id}");
	if (v_get(m, "kind") && !managed && strncmp(uri, "https://", 8))
		v_unsupported(c, V_AT(p, "diskURI"), uri,
			"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd");
}

static void storage_os(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	if (*v_str(m, "volumeName"))
		v_syntax(c, V_AT(p, "volumeName"), v_str(m, "volumeName"), text_bad_dns1123_label);
	if (*v_str(m, "volumeNamespace"))
		v_syntax(c, V_AT(p, "volumeNamespace"), v_str(m, "volumeNamespace"), text_bad_dns1123_label);
	secret_ref(c, p, m, of);
}

static void csi(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	yyjson_mut_val *ref = v_get(m, "nodePublishSecretRef");

	v_csi_driver_name(c, V_AT(p, "driver"), v_str(m, "driver"));
	if (ref && !*v_str(ref, "name"))
		v_required(c, V_AT(V_AT(p, "nodePublishSecretRef"), "name"), "");
	else if (ref)
		v_syntax(c, V_AT(p, "name"), v_str(ref, "name"), text_bad_dns1123_subdomain);
}

static void csi_persistent(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	static const char *const refs[] = { "controllerPublishSecretRef", "controllerExpandSecretRef",
		"nodePublishSecretRef", "nodeExpandSecretRef" };

	v_csi_driver_name(c, V_AT(p, "driver"), v_str(m, "driver"));
	v_must(c, p, m, "volumeHandle");
	for (int i = 0; i < 4; i++) {
		yyjson_mut_val *ref = v_get(m, refs[i]);
		const struct vpath *at = V_AT(p, refs[i]);
		if (!ref)
			continue;
		v_must(c, at, ref, "name");
		if (*v_str(ref, "name"))
			v_syntax(c, V_AT(at, "name"), v_str(ref, "name"), text_bad_dns1123_subdomain);
		v_must(c, at, ref, "namespace");
		if (*v_str(ref, "namespace"))
			v_syntax(c, V_AT(at, "namespace"), v_str(ref, "namespace"), text_bad_dns1123_label);
	}
}

static void image(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m, const struct v_volume *of)
{
	v_enum(c, p, m, "pullPolicy", "Always|IfNotPresent|Never", true);
}

static const struct source of_pods[] = {
	{ "emptyDir", "", empty_dir }, { "hostPath", "", host_path }, { "gitRepo", "repository", git_repo },
	{ "gcePersistentDisk", "pdName", partition, "persistentDisk" }, { "awsElasticBlockStore", "volumeID", partition },
	{ "secret", "secretName", key_files }, { "nfs", "server|path", nfs }, { "iscsi", "targetPortal|iqn", iscsi },
	{ "glusterfs", "endpoints|path" }, { "flocker", "", flocker }, { "persistentVolumeClaim", "claimName" },
	{ "rbd", "monitors|image" }, { "cinder", "volumeID", secret_ref }, { "cephfs", "monitors", NULL, NULL, "cephFS" },
	{ "quobyte", "", quobyte }, { "downwardAPI", "", downward, NULL, "downwarAPI" }, { "fc", "", fibre_channel },
	{ "flexVolume", "driver", flex }, { "configMap", "name", key_files }, { "azureFile", "secretName|shareName", azure_file },
	{ "vsphereVolume", "volumePath" }, { "photonPersistentDisk", "pdID" }, { "portworxVolume", "volumeID" },
	{ "azureDisk", "diskName|diskURI", azure_disk }, { "storageos", "volumeName", storage_os },
	{ "projected", "", v_projected }, { "scaleIO", "gateway|system|volumeName" }, { "csi", "", csi },
	{ "ephemeral", "volumeClaimTemplate", v_ephemeral }, { "image", "reference", image },
};
static const struct source of_persistent[] = {
	{ "hostPath", "", host_path }, { "gcePersistentDisk", "pdName", partition, "persistentDisk" },
	{ "awsElasticBlockStore", "volumeID", partition }, { "glusterfs", "endpoints|path", glusterfs },
	{ "flocker", "", flocker }, { "nfs", "server|path", nfs }, { "rbd", "monitors|image" }, { "quobyte", "", quobyte },
	{ "cephfs", "monitors", NULL, NULL, "cephFS" }, { "iscsi", "targetPortal|iqn", iscsi },
	{ "cinder", "volumeID", secret_ref }, { "fc", "", fibre_channel }, { "flexVolume", "driver", flex },
	{ "azureFile", "secretName|shareName", azure_file }, { "vsphereVolume", "volumePath" },
	{ "photonPersistentDisk", "pdID" }, { "portworxVolume", "volumeID" },
	{ "azureDisk", "diskName|diskURI", azure_disk }, { "scaleIO", "gateway|system|volumeName" },
	{ "local", "path", local }, { "storageos", "volumeName", storage_os }, { "csi", "", csi_persistent },
};

bool v_is_volume_source(const char *name)
{
	for (size_t i = 0; i < sizeof(of_persistent) / sizeof(of_persistent[0]); i++)
		if (!strcmp(of_persistent[i].name, name))
			return true;
	return false;
}

void v_volume_source(struct vcheck *c, const struct vpath *p, yyjson_mut_val *volume, const struct v_volume *of)
{
	const struct source *rows = of->persistent ? of_persistent : of_pods;
	size_t n = of->persistent ? sizeof(of_persistent) / sizeof(of_persistent[0]) : sizeof(of_pods) / sizeof(of_pods[0]);
	int count = 0;

	for (size_t i = 0; i < n; i++) {
		const struct source *s = &rows[i];
		yyjson_mut_val *m = v_get(volume, s->name);
		const struct vpath *at = V_AT(p, s->at ? s->at : s->name);
		if (!m)
			continue;
		if (count++) {
			v_forbidden(c, V_AT(p, s->again ? s->again : s->name), MORE);
			continue;
		}
		for (const char *must = s->must; *must; must += *must == '|') {
			size_t len = strcspn(must, "|");
			yyjson_mut_val *part = yyjson_mut_obj_getn(m, must, len);
			if (!yyjson_mut_get_len(part) && !(yyjson_mut_is_obj(part) && !strcmp(s->name, "ephemeral")))
				v_required(c, V_AT(at, v_text(c, "%.*s", (int)len, must)), "");
			must += len;
		}
		if (s->more)
			s->more(c, at, m, of);
	}
	if (!count)
		v_required(c, p, "must specify a volume type");
}
