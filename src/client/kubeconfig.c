/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig - the current context of a kubeconfig file as a client: servers, CA,
 * and a client certificate or token, inline or by file name.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "client/client_priv.h"
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

/* What a kubeconfig says, with room for it. */
struct contents {
	struct arena *arena;
	struct buf ca, cert, key;
	struct client_config cfg;
	const char *more[CLIENT_SERVERS_MAX];
};

static void contents_finish(struct contents *t)
{
	arena_close(t->arena);
	buf_finish(&t->ca);
	buf_finish(&t->cert);
	if (t->key.p)
		explicit_bzero(t->key.p, t->key.cap);
	buf_finish(&t->key);
}

/* kubectl knows one server of a cluster; several of one authority are servers of one cloud. */
static int find_more(struct contents *t, yyjson_val *root, yyjson_val *used, const char *path, struct err *reterr)
{
	yyjson_val *it;
	size_t i, max, n = 0;

	yyjson_arr_foreach(doc_get(root, "clusters"), i, max, it) {
		yyjson_val *cluster = doc_get(it, "cluster");
		const char *server = doc_str(cluster, "server");
		BUF_AUTO struct buf ca = { 0 };
		int rc;

		if (cluster == used || !server || n + 1 == CLIENT_SERVERS_MAX)
			continue;
		rc = material(cluster, "certificate-authority", path, &ca, reterr);
		if (rc)
			return rc;
		if (ca.len && ca.len == t->ca.len && !memcmp(ca.p, t->ca.p, ca.len))
			t->more[n++] = server;
	}
	t->cfg.more = t->more;
	return 0;
}

static int read_contents(struct contents *t, const char *path, struct err *reterr)
{
	BUF_AUTO struct buf text = { 0 };
	yyjson_mut_val *mroot;
	int rc = file_read(path, KUBECONFIG_MAX, &text, reterr);

	if (rc)
		return rc;
	t->arena = arena_open(16u << 20);
	yyjson_mut_doc *d = t->arena ? doc_new(t->arena) : NULL;
	if (!d)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	rc = yaml_parse(d, text.p, text.len, &mroot, reterr);
	if (rc)
		return rc;
	yyjson_val *root = mroot ? doc_freeze(t->arena, mroot) : NULL;
	const char *current = doc_str(root, "current-context");
	yyjson_val *context = named(root, "contexts", current, "context");
	yyjson_val *cluster = named(root, "clusters", doc_str(context, "cluster"), "cluster");
	yyjson_val *user = named(root, "users", doc_str(context, "user"), "user");
	if (!cluster || !user)
		return err_set(reterr, ERR_BAD_REQUEST, "%s: current-context %s names no cluster and user in this file", path,
			current ? current : "(none)");
	if ((rc = material(cluster, "certificate-authority", path, &t->ca, reterr)) ||
	    (rc = material(user, "client-certificate", path, &t->cert, reterr)) ||
	    (rc = material(user, "client-key", path, &t->key, reterr)))
		return rc;
	t->cfg = (struct client_config){ .server = doc_str(cluster, "server"), .ca_pem = t->ca.p, .cert_pem = t->cert.p,
		.key_pem = t->key.p, .token = doc_str(user, "token") };
	return find_more(t, root, cluster, path, reterr);
}

int client_open_kubeconfig(struct client **ret, struct loop *l, const char *path, const char *server_override,
	struct err *reterr)
{
	struct contents t = { 0 };
	int rc = read_contents(&t, path, reterr);

	if (!rc && server_override) {
		t.cfg.server = server_override;
		t.cfg.more = NULL;
	}
	if (!rc && !t.cfg.server)
		rc = err_set(reterr, ERR_BAD_REQUEST, "%s: the cluster has no server", path);
	if (!rc)
		rc = client_open_remote(ret, l, &t.cfg, reterr);
	contents_finish(&t);
	return rc;
}

int client_reopen_kubeconfig(struct client *c, const char *path, struct err *reterr)
{
	struct contents t = { 0 };
	int rc = read_contents(&t, path, reterr);

	if (!rc)
		rc = remote_set_identity(c, t.cfg.cert_pem, t.cfg.key_pem, t.cfg.token);
	if (rc == -ERR_NOMEM)
		rc = err_set(reterr, ERR_NOMEM, "out of memory");
	contents_finish(&t);
	return rc;
}

static void add_cluster(struct buf *out, unsigned n, const char *server, const char *ca_pem)
{
	buf_adds(out, "- name: sampan");
	if (n > 1)
		buf_printf(out, "-%u", n);
	buf_printf(out, "\n  cluster:\n    server: %s\n    certificate-authority-data: ", server);
	text_base64(out, ca_pem, strlen(ca_pem));
	buf_addc(out, '\n');
}

static void add_context(struct buf *out, unsigned n, const char *user)
{
	char name[24] = "sampan";

	if (n > 1)
		snprintf(name, sizeof(name), "sampan-%u", n);
	buf_printf(out, "- name: %s\n  context:\n    cluster: %s\n    user: %s\n", name, name, user);
}

void client_kubeconfig_text(struct buf *out, const struct client_config *cfg, const char *user)
{
	unsigned n = 1;

	buf_adds(out, "apiVersion: v1\nkind: Config\nclusters:\n");
	add_cluster(out, n, cfg->server, cfg->ca_pem);
	for (const char *const *s = cfg->more; s && *s; s++)
		add_cluster(out, ++n, *s, cfg->ca_pem);
	buf_printf(out, "users:\n- name: %s\n  user:\n    client-certificate-data: ", user);
	text_base64(out, cfg->cert_pem, strlen(cfg->cert_pem));
	buf_adds(out, "\n    client-key-data: ");
	text_base64(out, cfg->key_pem, strlen(cfg->key_pem));
	buf_adds(out, "\ncontexts:\n");
	for (unsigned i = 1; i <= n; i++)
		add_context(out, i, user);
	buf_adds(out, "current-context: sampan\n");
}
