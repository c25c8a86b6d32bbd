/* SPDX-License-Identifier: Apache-2.0 */
/* cni_conf - which configuration counts, what is in it, and what of it a plugin gets.
 * Source: CNI specification 1.0.0, sections 1 and 3; libcni's rule for the choice (by name). */
#include <dirent.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "net/cni_priv.h"
#define LOG_MODULE "cni"
#include "base/log.h"

#define FILES_MAX 256

bool cni_known_version(const char *v)
{
	static const char *const known[] = { "0.3.0", "0.3.1", "0.4.0", "1.0.0" };

	for (unsigned i = 0; v && i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(v, known[i]))
			return true;
	return false;
}

static bool word(const char *s, const char *more)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t n = s ? strlen(s) : 0;

	if (!n || n > 200 || !strchr(letters, *s))
		return false;
	while (*s && (strchr(letters, *s) || strchr(more, *s)))
		s++;
	return !*s;
}

int cni_list_read(struct cni_list *ret, yyjson_val *root, struct err *reterr)
{
	yyjson_val *plugins = yyjson_obj_get(root, "plugins"), *v;
	size_t i, n;

	*ret = (struct cni_list){ .name = doc_str(root, "name"), .version = doc_str(root, "cniVersion"), .root = root };
	if (!word(ret->name, "_.-"))
		return err_set(reterr, ERR_INVALID, "name: must be letters, digits, '_', '.' and '-', and begin with a letter or digit");
	if (!cni_known_version(ret->version))
		return err_set(reterr, ERR_INVALID, "cniVersion \"%s\": must be 0.3.0, 0.3.1, 0.4.0 or 1.0.0", ret->version ? ret->version : "");
	if (!yyjson_is_arr(plugins) || !yyjson_arr_size(plugins) || yyjson_arr_size(plugins) > CNI_PLUGINS_MAX)
		return err_set(reterr, ERR_INVALID, "plugins: one to %u are needed", CNI_PLUGINS_MAX);
	yyjson_arr_foreach(plugins, i, n, v) {
		if (!word(doc_str(v, "type"), "_.-"))
			return err_set(reterr, ERR_INVALID, "plugins[%zu].type: must be a program's name", i);
		ret->plugins[ret->count++] = v;
	}
	return 0;
}

int cni_list_parse(struct arena *a, struct cni_list *ret, const char *p, size_t n, struct err *reterr)
{
	BUF_AUTO struct buf list = { 0 };
	const char *name, *version;
	yyjson_val *root;
	yyjson_doc *d;
	int rc = n > CNI_CONF_MAX ? err_set(reterr, ERR_SIZE, "more than %u bytes", CNI_CONF_MAX) : doc_parse(a, p, n, &d, reterr);

	if (rc)
		return rc;
	root = yyjson_doc_get_root(d);
	if (!yyjson_is_obj(root))
		return err_set(reterr, ERR_INVALID, "must be a JSON object");
	if (yyjson_obj_get(root, "plugins") || !yyjson_obj_get(root, "type"))
		return cni_list_read(ret, root, reterr);
	/* One plugin alone: a list of it. */
	name = doc_str(root, "name");
	version = doc_str(root, "cniVersion");
	buf_adds(&list, "{\"name\":");
	buf_add_json(&list, name ? name : "", name ? strlen(name) : 0);
	buf_adds(&list, ",\"cniVersion\":");
	buf_add_json(&list, version ? version : "", version ? strlen(version) : 0);
	buf_adds(&list, ",\"plugins\":[");
	if (doc_write(&list, root))
		return err_set(reterr, ERR_NOMEM, "out of memory");
	buf_adds(&list, "]}");
	rc = list.failed ? err_set(reterr, ERR_NOMEM, "out of memory") : doc_parse(a, list.p, list.len, &d, reterr);
	return rc ? rc : cni_list_read(ret, yyjson_doc_get_root(d), reterr);
}

bool cni_is_conf(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && (!strcmp(dot, ".conf") || !strcmp(dot, ".conflist") || !strcmp(dot, ".json"));
}

static int is_conf(const struct dirent *e)
{
	return cni_is_conf(e->d_name);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int cni_choose(struct arena *a, const char *dir, struct cni_list *ret, char ret_file[256], struct err *reterr)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_conf, by_name), rc = -ERR_NOT_FOUND;
	struct err e = { 0 };

	for (int i = 0; i < n; i++) {
		BUF_AUTO struct buf text = { 0 }, path = { 0 };

		buf_printf(&path, "%s/%s", dir, names[i]->d_name);
		if (rc && i < FILES_MAX && !path.failed) {
			int r = file_read(path.p, CNI_CONF_MAX, &text, &e);

			r = r ? r : cni_list_parse(a, ret, text.p ? text.p : "", text.len, &e);
			if (r) {
				log_warn("%s is passed over: %s", path.p, e.msg);
				if (rc == -ERR_NOT_FOUND)
					err_set(reterr, ERR_INVALID, "%s: %s", path.p, e.msg);
			} else {
				snprintf(ret_file, 256, "%s", names[i]->d_name);
			}
			rc = r ? -ERR_INVALID : 0;
		}
		free(names[i]);
	}
	free(names);
	return rc;
}

int cni_input(struct buf *out, const struct cni_list *l, unsigned i, yyjson_val *ports, yyjson_val *prev)
{
	ARENA_AUTO struct arena *a = arena_open(CNI_ARENA_BYTES);
	yyjson_mut_doc *d = a ? doc_new(a) : NULL;
	yyjson_mut_val *root = d ? yyjson_val_mut_copy(d, l->plugins[i]) : NULL;
	bool ok = root != NULL;

	if (!ok)
		return -ERR_NOMEM;
	while (doc_mdel(root, "capabilities") || doc_mdel(root, "runtimeConfig") || doc_mdel(root, "prevResult"))
		;
	ok = doc_mset_str(d, root, "name", l->name) && doc_mset_str(d, root, "cniVersion", l->version);
	if (ok && ports && yyjson_arr_size(ports) && doc_bool(l->plugins[i], "capabilities.portMappings", false))
		ok = doc_mset(d, root, "runtimeConfig.portMappings", yyjson_val_mut_copy(d, ports));
	if (ok && prev)
		ok = doc_mset(d, root, "prevResult", yyjson_val_mut_copy(d, prev));
	return ok ? doc_mwrite(out, root) : -ERR_NOMEM;
}
