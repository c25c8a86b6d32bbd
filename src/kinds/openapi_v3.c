/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_v3 - one document per group and version, made when asked for.
 */
#include <string.h>

#include "kinds/openapi.h"

#define SECURITY "{\"BearerToken\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"authorization\"," \
	"\"description\":\"Bearer Token authentication\"}}"
#define PATH_MAX_LEN 400   /* of a document's name */

/* The paths of the documents: "api", "api/v1", "apis", then each group and its
 * versions, and "version". n counts; the text is in buf. False past the end. */
static bool document(size_t n, char path[PATH_MAX_LEN], const struct kinds_kind **ret_first)
{
	const struct kinds_kind *k, *last = NULL;

	*ret_first = NULL;
	if (!n--) {
		snprintf(path, PATH_MAX_LEN, "api");
		return true;
	}
	for (size_t it = 0; kinds_next(&it, &k); last = k) {
		bool group = !last || strcmp(last->group, k->group);

		if (group && last && !*last->group && !n--) {
			snprintf(path, PATH_MAX_LEN, "apis");
			return true;
		}
		if (group && *k->group && !n--) {
			snprintf(path, PATH_MAX_LEN, "apis/%s", k->group);
			return true;
		}
		if ((group || strcmp(last->version, k->version)) && !n--) {
			snprintf(path, PATH_MAX_LEN, "%s/%s", *k->group ? "apis" : "api", k->api_version);
			*ret_first = k;
			return true;
		}
	}
	snprintf(path, PATH_MAX_LEN, "version");
	return !n;
}

bool kinds_openapi_v3_next(size_t *it, const char **ret_path)
{
	static char path[PATH_MAX_LEN];   /* of the loop thread, until the next call */
	const struct kinds_kind *first;

	if (!document(*it, path, &first))
		return false;
	++*it;
	*ret_path = path;
	return true;
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

static void add_group_version(struct openapi *o, const struct kinds_kind *first, const char *path)
{
	char camel[OPENAPI_NAME_MAX], tag[OPENAPI_NAME_MAX], name[OPENAPI_NAME_MAX + 32], at[PATH_MAX_LEN + 2];
	const struct kinds_kind *k;

	openapi_names(camel, tag, first->group, first->version);
	snprintf(at, sizeof(at), "/%s/", path);
	snprintf(name, sizeof(name), "get%sAPIResources", camel);
	openapi_get_path(o, at, name, tag, "get available resources", kinds_type_by_name("meta/v1.APIResourceList"));
	for (size_t it = 0; kinds_next(&it, &k);)
		if (!strcmp(k->api_version, first->api_version))
			openapi_paths(o, k);
}

static int finish(struct openapi *o, const struct kinds_kind *first)
{
	const struct kinds_kind *k;

	openapi_open(o, "components", '{');
	openapi_open(o, "schemas", '{');
	for (size_t it = 0; first && first->custom && kinds_next(&it, &k);)
		if (!strcmp(k->api_version, first->api_version))
			openapi_custom_schemas(o, k);
	openapi_schemas(o);
	openapi_close(o, '}');
	openapi_raw(o, "securitySchemes", SECURITY);
	openapi_close(o, '}');
	openapi_raw(o, "security", "[{\"BearerToken\":[]}]");
	openapi_close(o, '}');
	return o->out->failed ? -ERR_NOMEM : 0;
}

int kinds_openapi_v3(struct buf *out, const char *path)
{
	struct openapi o = { .out = out };
	char known[PATH_MAX_LEN];
	const struct kinds_kind *first;
	size_t n = 0;

	do {
		if (!document(n++, known, &first))
			return -ERR_NOT_FOUND;
	} while (strcmp(known, path));
	buf_addc(out, '{');
	openapi_str(&o, "openapi", "3.0.0");
	openapi_raw(&o, "info", "{\"title\":\"Kubernetes\",\"version\":\"unversioned\"}");
	openapi_open(&o, "paths", '{');
	if (!strcmp(path, "version")) {
		openapi_open(&o, "/version/", '{');
		openapi_raw(&o, "get", "{\"description\":\"get the version of the server\",\"operationId\":\"getCodeVersion\","
			"\"tags\":[\"version\"],\"responses\":{\"200\":{\"description\":\"OK\",\"content\":{\"application/json\":"
			"{\"schema\":{\"type\":\"object\"}}}},\"401\":{\"description\":\"Unauthorized\"}}}");
		openapi_close(&o, '}');
	} else if (first) {
		add_group_version(&o, first, path);
	} else {
		add_index(&o, path);
	}
	openapi_close(&o, '}');
	return finish(&o, first);
}
