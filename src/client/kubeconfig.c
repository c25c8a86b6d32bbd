/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig - the current context of a kubeconfig file as a client: server, CA,
 * and a client certificate or token, inline or by file name.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "client/client.h"
#include "doc/yaml.h"

#define KUBECONFIG_MAX (1u << 20)

/* The member of list `list` named name: its object `inner`. */
static yyjson_val *named(yyjson_val *root, const char *list, const char *name, const char *inner)
{
	yyjson_val *it;
	size_t i, max;

	yyjson_arr_foreach(doc_get(root, list), i, max, it) {
		const char *n = doc_str(it, "name");
		if (n && name && !strcmp(n, name))
			return doc_get(it, inner);
	}
	return NULL;
}

/* key-data decoded, or the file that key names (relative to the kubeconfig). */
static int material(yyjson_val *v, const char *key, const char *config_path, struct buf *out, struct err *reterr)
{
	char data_key[64];
	BUF_AUTO struct buf path = { 0 };

	snprintf(data_key, sizeof(data_key), "%s-data", key);
	const char *data = yyjson_get_str(yyjson_obj_get(v, data_key));
	const char *file = yyjson_get_str(yyjson_obj_get(v, key));
	if (data)
		return text_unbase64(out, data, strlen(data)) ?
			err_set(reterr, ERR_BAD_REQUEST, "%s: %s is not base64", config_path, data_key) : 0;
	if (!file)
		return 0;
	const char *slash = strrchr(config_path, '/');
	if (file[0] != '/' && slash)
		buf_add(&path, config_path, (size_t)(slash - config_path) + 1);
	buf_adds(&path, file);
	return file_read(path.p, KUBECONFIG_MAX, out, reterr);
}

int client_open_kubeconfig(struct client **ret, struct loop *l, const char *path, const char *server_override,
	struct err *reterr)
{
	BUF_AUTO struct buf text = { 0 };
	BUF_AUTO struct buf ca = { 0 };
	BUF_AUTO struct buf cert = { 0 };
	BUF_AUTO struct buf key = { 0 };
	ARENA_AUTO struct arena *a = arena_open(16u << 20);
	yyjson_mut_val *mroot;
	int rc = file_read(path, KUBECONFIG_MAX, &text, reterr);

	if (rc)
		return rc;
	yyjson_mut_doc *d = a ? doc_new(a) : NULL;
	if (!d)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	rc = yaml_parse(d, text.p, text.len, &mroot, reterr);
	if (rc)
		return rc;
	yyjson_val *root = mroot ? doc_freeze(a, mroot) : NULL;
	const char *current = doc_str(root, "current-context");
	yyjson_val *context = named(root, "contexts", current, "context");
	yyjson_val *cluster = named(root, "clusters", doc_str(context, "cluster"), "cluster");
	yyjson_val *user = named(root, "users", doc_str(context, "user"), "user");
	if (!cluster || !user)
		return err_set(reterr, ERR_BAD_REQUEST, "%s: current-context %s names no cluster and user in this file", path,
			current ? current : "(none)");
	if ((rc = material(cluster, "certificate-authority", path, &ca, reterr)) ||
	    (rc = material(user, "client-certificate", path, &cert, reterr)) ||
	    (rc = material(user, "client-key", path, &key, reterr)))
		return rc;
	const char *server = server_override ? server_override : doc_str(cluster, "server");
	if (!server)
		return err_set(reterr, ERR_BAD_REQUEST, "%s: the cluster has no server", path);
	struct client_config cfg = { .server = server, .ca_pem = ca.p, .cert_pem = cert.p, .key_pem = key.p,
		.token = doc_str(user, "token") };
	return client_open_remote(ret, l, &cfg, reterr);
}
