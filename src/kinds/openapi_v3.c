/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_v3 - one document per group and version, made when asked for.
 */
#include <string.h>

#include "kinds/custom.h"
#include "kinds/openapi.h"

#define SECURITY "{\"BearerToken\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"authorization\"," \
	"\"description\":\"Bearer Token authentication\"}}"
#define PATH_MAX_LEN 400   /* of a document's name */

/* ---- which documents there are: "api", "apis", then each group and its versions, "version" ---- */

static const struct kinds_kind *kind_at(size_t i)
{
	const struct kinds_kind *k;

	return kinds_next(&i, &k) ? k : NULL;
}

static bool same_version(const struct kinds_kind *a, const struct kinds_kind *b)
{
	return !strcmp(a->group, b->group) && !strcmp(a->version, b->version);
}

/* What the document of the version of group that begins at kind i is made of, as a
 * number: another one when a definition of it changed. Built-in kinds never do. */
static uint64_t stamp_of(size_t i)
{
	const struct kinds_kind *first = kind_at(i), *k;
	uint64_t stamp = 0;

	for (; first->custom && (k = kind_at(i)) && same_version(first, k); i++) {
		uint64_t parts[2] = { stamp, kinds_custom_of(k)->stamp };

		stamp = hash_fnv64(parts, sizeof(parts));
	}
	return stamp;
}

/* Each kind has three places in the order: for "apis" before it, its group, its version. */
bool kinds_openapi_v3_next(size_t *it, const char **ret_path, uint64_t *ret_stamp)
{
	static char path[PATH_MAX_LEN];   /* of the loop thread, until the next call */
	const struct kinds_kind *k, *last;

	*ret_path = path;
	*ret_stamp = 0;
	if (!*it) {
		snprintf(path, sizeof(path), "api");
		++*it;
		return true;
	}
	for (; (k = kind_at((*it - 1) / 3)); ++*it) {
		size_t i = (*it - 1) / 3;

		last = i ? kind_at(i - 1) : NULL;
		if ((*it - 1) % 3 == 0 && *k->group && last && !*last->group) {
			snprintf(path, sizeof(path), "apis");
		} else if ((*it - 1) % 3 == 1 && *k->group && (!last || strcmp(last->group, k->group))) {
			snprintf(path, sizeof(path), "apis/%s", k->group);
		} else if ((*it - 1) % 3 == 2 && (!last || !same_version(last, k))) {
			snprintf(path, sizeof(path), "%s/%s", *k->group ? "apis" : "api", k->api_version);
			*ret_stamp = stamp_of(i);
		} else {
			continue;
		}
		++*it;
		return true;
	}
	snprintf(path, sizeof(path), "version");
	return (*it)++ % 3 == 1;   /* one place after the last kind */
}

/* The first kind of a version's document; false: there is no such document. */
static bool document(const char *path, const struct kinds_kind **ret_first, uint64_t *ret_stamp)
{
	const struct kinds_kind *k;
	size_t i = 0;

	*ret_first = NULL;
	*ret_stamp = 0;
	if (!strcmp(path, "api") || !strcmp(path, "apis") || !strcmp(path, "version"))
		return true;
	if (strncmp(path, "api/", 4) && strncmp(path, "apis/", 5))
		return false;
	bool grouped = path[3] == 's';

	path += grouped ? 5 : 4;
	for (; (k = kind_at(i)); i++) {
		if (*k->group ? !grouped : grouped)
			continue;
		if (grouped && !strcmp(k->group, path))
			return true;
		if (!strcmp(k->api_version, path)) {
			*ret_first = k;
			*ret_stamp = stamp_of(i);
			return true;
		}
	}
	return false;
}

bool openapi_v3_first(const char *path, const struct kinds_kind **ret_first)
{
	uint64_t stamp;

	return document(path, ret_first, &stamp);
}

int kinds_openapi_v3_stamp(const char *path, uint64_t *ret)
{
	const struct kinds_kind *first;

	return document(path, &first, ret) ? 0 : -ERR_NOT_FOUND;
}

/* What describes the API itself: lists of versions, groups and resources. */
static void add_index(struct openapi *o, const char *path)
{
	char camel[OPENAPI_NAME_MAX] = "", tag[OPENAPI_NAME_MAX] = "", name[OPENAPI_NAME_MAX + 32], at[PATH_MAX_LEN + 2];

	snprintf(at, sizeof(at), "/%s/", path);
	if (!strcmp(path, "api")) {
		openapi_get_path(o, at, "getCoreAPIVersions", "core", "get available API versions",
			kinds_type_by_name("meta/v1.APIVersions"));
	} else if (!strcmp(path, "apis")) {
		openapi_get_path(o, at, "getAPIVersions", "apis", "get available API versions",
			kinds_type_by_name("meta/v1.APIGroupList"));
	} else if (!strncmp(path, "apis/", 5)) {
		openapi_names(camel, tag, path + 5, "");
		tag[strlen(tag) - 1] = 0;
		snprintf(name, sizeof(name), "get%sAPIGroup", camel);
		openapi_get_path(o, at, name, tag, "get information of a group", kinds_type_by_name("meta/v1.APIGroup"));
	}
}

static void add_group_version(struct openapi *o, const struct kinds_openapi *s)
{
	char camel[OPENAPI_NAME_MAX], tag[OPENAPI_NAME_MAX], name[OPENAPI_NAME_MAX + 32], at[PATH_MAX_LEN + 2];

	openapi_names(camel, tag, s->kinds[0]->group, s->kinds[0]->version);
	snprintf(at, sizeof(at), "/%s/", s->path);
	snprintf(name, sizeof(name), "get%sAPIResources", camel);
	openapi_get_path(o, at, name, tag, "get available resources", kinds_type_by_name("meta/v1.APIResourceList"));
	for (size_t i = 0; i < s->count; i++)
		openapi_paths(o, s->kinds[i]);
}

static int finish(struct openapi *o, const struct kinds_openapi *s)
{
	openapi_open(o, "components", '{');
	openapi_open(o, "schemas", '{');
	for (size_t i = 0; i < s->count; i++)
		if (s->kinds[i]->custom)
			openapi_custom_schemas(o, s->kinds[i]);
	openapi_schemas(o);
	openapi_close(o, '}');
	openapi_raw(o, "securitySchemes", SECURITY);
	openapi_close(o, '}');
	openapi_raw(o, "security", "[{\"BearerToken\":[]}]");
	openapi_close(o, '}');
	return o->out->failed ? -ERR_NOMEM : 0;
}

int openapi_v3(const struct kinds_openapi *s, struct buf *out)
{
	struct openapi o = { .out = out };

	buf_addc(out, '{');
	openapi_str(&o, "openapi", "3.0.0");
	openapi_raw(&o, "info", "{\"title\":\"Kubernetes\",\"version\":\"" KINDS_API_LEVEL "\"}");
	openapi_open(&o, "paths", '{');
	if (!strcmp(s->path, "version")) {
		openapi_open(&o, "/version/", '{');
		openapi_raw(&o, "get", "{\"description\":\"get the version of the server\",\"operationId\":\"getCodeVersion\","
			"\"tags\":[\"version\"],\"responses\":{\"200\":{\"description\":\"OK\",\"content\":{\"application/json\":"
			"{\"schema\":{\"type\":\"object\"}}}},\"401\":{\"description\":\"Unauthorized\"}}}");
		openapi_close(&o, '}');
	} else if (s->count) {
		add_group_version(&o, s);
	} else {
		add_index(&o, s->path);
	}
	openapi_close(&o, '}');
	return finish(&o, s);
}
