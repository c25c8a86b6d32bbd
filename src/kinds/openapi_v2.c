/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_v2 - everything in one Swagger document, for older clients, helm and
 * conformance tests.
 */
#include <string.h>

#include "kinds/openapi.h"

int openapi_v2(const struct kinds_openapi *s, struct buf *out)
{
	struct openapi o = { .out = out, .v2 = true };
	char camel[OPENAPI_NAME_MAX], tag[OPENAPI_NAME_MAX], name[OPENAPI_NAME_MAX + 32], path[400];
	const struct kinds_kind *k, *last = NULL;

	buf_addc(out, '{');
	openapi_str(&o, "swagger", "2.0");
	openapi_raw(&o, "info", "{\"title\":\"Kubernetes\",\"version\":\"" KINDS_API_LEVEL "\"}");
	openapi_open(&o, "paths", '{');
	openapi_get_path(&o, "/api/", "getCoreAPIVersions", "core", "get available API versions",
		kinds_type_by_name("meta/v1.APIVersions"));
	openapi_get_path(&o, "/apis/", "getAPIVersions", "apis", "get available API versions",
		kinds_type_by_name("meta/v1.APIGroupList"));
	for (size_t i = 0; i < s->count; last = k, i++) {
		k = s->kinds[i];
		if (!last || strcmp(last->api_version, k->api_version)) {
			openapi_names(camel, tag, k->group, k->version);
			snprintf(name, sizeof(name), "get%sAPIResources", camel);
			snprintf(path, sizeof(path), "/%s/%s/", *k->group ? "apis" : "api", k->api_version);
			openapi_get_path(&o, path, name, tag, "get available resources",
				kinds_type_by_name("meta/v1.APIResourceList"));
		}
		openapi_paths(&o, k);
	}
	openapi_close(&o, '}');
	openapi_open(&o, "definitions", '{');
	for (size_t i = 0; i < s->count; i++)
		if (s->kinds[i]->custom)
			openapi_custom_schemas(&o, s->kinds[i]);
	openapi_schemas(&o);
	openapi_close(&o, '}');
	openapi_raw(&o, "securityDefinitions", "{\"BearerToken\":{\"type\":\"apiKey\",\"in\":\"header\","
		"\"name\":\"authorization\",\"description\":\"Bearer Token authentication\"}}");
	openapi_raw(&o, "security", "[{\"BearerToken\":[]}]");
	openapi_close(&o, '}');
	return out->failed ? -ERR_NOMEM : 0;
}
