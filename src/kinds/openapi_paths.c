/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openapi_paths - the requests a kind answers, as OpenAPI paths.
 *
 * kubectl finds a kind's PATCH here by x-kubernetes-group-version-kind and looks
 * whether it takes fieldValidation and dryRun; generators of clients read the rest.
 * Source: apiserver pkg/endpoints/installer.go (operations, parameters, actions).
 */
#include <ctype.h>
#include <string.h>

#include "kinds/custom.h"
#include "kinds/openapi.h"

enum { STR, INT, BOOL };
/* Every parameter that operations take. */
static const struct param { const char *name; int type; const char *text; } params[] = {
	{ "allowWatchBookmarks", BOOL, "Let a watch send bookmarks: events that only tell how far it got." },
	{ "continue", STR, "The token that the page before gave, to get the next one." },
	{ "dryRun", STR, "\"All\": do everything but keep nothing." },
	{ "fieldManager", STR, "Who makes this change, as it is noted in metadata.managedFields." },
	{ "fieldSelector", STR, "Restricts the list of returned objects by their fields. Default: all." },
	{ "fieldValidation", STR, "What unknown or repeated fields are: Ignore, Warn (the default) or Strict." },
	{ "force", BOOL, "For apply: take fields over from other managers." },
	{ "gracePeriodSeconds", INT, "How long the object may take to end; 0 is at once." },
	{ "labelSelector", STR, "Restricts the list of returned objects by their labels. Default: all." },
	{ "limit", INT, "How many objects a page has at most." },
	{ "orphanDependents", BOOL, "Deprecated: use propagationPolicy." },
	{ "propagationPolicy", STR, "What becomes of dependents: Orphan, Background or Foreground." },
	{ "resourceVersion", STR, "The revision to read at or from; how, resourceVersionMatch says." },
	{ "resourceVersionMatch", STR, "How resourceVersion is meant: Exact or NotOlderThan." },
	{ "sendInitialEvents", BOOL, "Let a watch begin with what there is, and a bookmark that ends it." },
	{ "timeoutSeconds", INT, "How long the request may last." },
	{ "watch", BOOL, "Watch for changes to the described resources, from resourceVersion on." },
};
/* Which of them each way of access takes. */
static const char *const list_params[] = { "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector",
	"limit", "resourceVersion", "resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch", NULL };
static const char *const write_params[] = { "dryRun", "fieldManager", "fieldValidation", NULL };
static const char *const patch_params[] = { "dryRun", "fieldManager", "fieldValidation", "force", NULL };
static const char *const delete_params[] = { "dryRun", "gracePeriodSeconds", "orphanDependents",
	"propagationPolicy", NULL };
static const char *const delete_many_params[] = { "continue", "dryRun", "fieldSelector", "gracePeriodSeconds",
	"labelSelector", "limit", "orphanDependents", "propagationPolicy", "resourceVersion", "resourceVersionMatch",
	"timeoutSeconds", NULL };
static const char *const patch_types[] = { "application/apply-patch+yaml", "application/json-patch+json",
	"application/merge-patch+json", "application/strategic-merge-patch+json", NULL };
static const char *const custom_patch_types[] = { "application/apply-patch+yaml", "application/json-patch+json",
	"application/merge-patch+json", NULL };
static const char *const reply_types[] = { "application/json", "application/vnd.kubernetes.protobuf",
	"application/yaml", NULL };
static const char *const any_type[] = { "*/*", NULL };

/* One operation to write. */
struct operation {
	const struct kinds_kind *kind;
	const struct kinds_sub *sub;       /* or NULL */
	const char *method, *verb, *action;
	const struct kinds_type *body, *reply;   /* NULL: none, text */
	const char *const *params;
	const struct kinds_type *options;  /* parameters are its members */
	const char *suffix;                /* of the operation's name */
	bool namespaced;                   /* named so */
};

/* ---- parts ---- */

static void add_param(struct openapi *o, const char *name, const char *in, int type, const char *text)
{
	static const char *const types[] = { "string", "integer", "boolean" };

	openapi_open(o, NULL, '{');
	if (text)
		openapi_str(o, "description", text);
	openapi_str(o, "in", in);
	openapi_str(o, "name", name);
	if (*in == 'p')
		openapi_raw(o, "required", "true");
	if (!o->v2)
		openapi_open(o, "schema", '{');
	openapi_str(o, "type", types[type]);
	openapi_raw(o, "uniqueItems", "true");
	if (!o->v2)
		openapi_close(o, '}');
	openapi_close(o, '}');
}

static void add_params(struct openapi *o, const struct operation *op)
{
	if (!op->params && !op->options && !(o->v2 && op->body))
		return;
	openapi_open(o, "parameters", '[');
	if (o->v2 && op->body) {
		openapi_open(o, NULL, '{');
		openapi_str(o, "in", "body");
		openapi_str(o, "name", "body");
		if (*op->action != 'd')
			openapi_raw(o, "required", "true");
		openapi_ref(o, "schema", op->body);
		openapi_close(o, '}');
	}
	for (const char *const *name = op->params; name && *name; name++)
		for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
			if (!strcmp(params[i].name, *name))
				add_param(o, params[i].name, "query", params[i].type, params[i].text);
	for (uint16_t i = 0; op->options && i < op->options->field_count; i++) {
		const struct kinds_field *f = &op->options->fields[i];

		if (!(f->flags & KF_TYPEMETA))
			add_param(o, f->name, "query", f->value == KV_BOOL ? BOOL : f->value == KV_STRING ||
				f->value == KV_TIME ? STR : INT, NULL);
	}
	openapi_close(o, ']');
}

static void add_content(struct openapi *o, const char *const *types, const struct kinds_type *t)
{
	openapi_open(o, "content", '{');
	for (; *types; types++) {
		openapi_open(o, *types, '{');
		if (t)
			openapi_ref(o, "schema", t);
		else
			openapi_raw(o, "schema", "{\"type\":\"string\"}");
		openapi_close(o, '}');
	}
	openapi_close(o, '}');
}

static void add_response(struct openapi *o, const char *code, const char *text, const struct kinds_type *t)
{
	openapi_open(o, code, '{');
	openapi_str(o, "description", text);
	if (o->v2 && t)
		openapi_ref(o, "schema", t);
	else if (o->v2)
		openapi_raw(o, "schema", "{\"type\":\"string\"}");
	else
		add_content(o, t ? reply_types : any_type, t);
	openapi_close(o, '}');
}

static void add_strings(struct openapi *o, const char *key, const char *const *v)
{
	openapi_open(o, key, '[');
	for (; *v; v++)
		openapi_str(o, NULL, *v);
	openapi_close(o, ']');
}

void openapi_names(char camel[OPENAPI_NAME_MAX], char tag[OPENAPI_NAME_MAX], const char *group,
	const char *version)
{
	size_t n = 0, m = 0, end = strlen(group);
	bool up = true;

	if (end > strlen(".k8s.io") && !strcmp(group + end - strlen(".k8s.io"), ".k8s.io"))
		end -= strlen(".k8s.io");
	if (!end) {
		group = "core";
		end = strlen(group);
	}
	for (size_t i = 0; i < end && n < OPENAPI_NAME_MAX / 2; i++) {
		if (group[i] == '.' || group[i] == '-') {
			up = true;
			continue;
		}
		tag[m++] = n && up ? (char)toupper((unsigned char)group[i]) : group[i];
		camel[n++] = up ? (char)toupper((unsigned char)group[i]) : group[i];
		up = false;
	}
	tag[m++] = '_';
	up = true;
	for (; *version && n < OPENAPI_NAME_MAX - 1; version++) {
		tag[m++] = *version;
		camel[n++] = up ? (char)toupper((unsigned char)*version) : *version;
		up = false;
	}
	camel[n] = tag[m] = 0;
}

static void add_gvk(struct openapi *o, const struct operation *op)
{
	const struct kinds_sub *s = op->sub && op->sub->kind ? op->sub : NULL;

	openapi_open(o, "x-kubernetes-group-version-kind", '{');
	openapi_str(o, "group", s ? s->group : op->kind->group);
	openapi_str(o, "kind", s ? s->kind : op->kind->kind);
	openapi_str(o, "version", s ? s->version : op->kind->version);
	openapi_close(o, '}');
}

static void add_operation(struct openapi *o, const struct operation *op)
{
	char camel[OPENAPI_NAME_MAX], tag[OPENAPI_NAME_MAX], name[3 * OPENAPI_NAME_MAX];
	const struct kinds_kind *k = op->kind;
	const char *sub = op->sub ? op->sub->name : "";
	bool patch = !strcmp(op->action, "patch"), many = !strcmp(op->action, "deletecollection");
	const char *const *types = !patch ? any_type : k->custom ? custom_patch_types : patch_types;

	openapi_names(camel, tag, k->group, k->version);
	openapi_open(o, op->method, '{');
	snprintf(name, sizeof(name), "%s %s%s%s", op->verb, k->kind, *sub ? "/" : "", sub);
	openapi_str(o, "description", name);
	/* "replaceAppsV1NamespacedDeploymentScale" */
	size_t n = (size_t)snprintf(name, sizeof(name), "%s%s%s%s%s", op->verb, camel, many ? "Collection" : "",
		op->namespaced ? "Namespaced" : "", k->kind);

	for (bool up = true; *sub && n < 2 * OPENAPI_NAME_MAX; sub++, up = false)
		name[n++] = up ? (char)toupper((unsigned char)*sub) : *sub;
	snprintf(name + n, sizeof(name) - n, "%s", op->suffix ? op->suffix : "");
	openapi_str(o, "operationId", name);
	openapi_open(o, "tags", '[');
	openapi_str(o, NULL, tag);
	openapi_close(o, ']');
	add_params(o, op);
	if (o->v2) {
		add_strings(o, "consumes", types);
		add_strings(o, "produces", op->reply ? reply_types : any_type);
		openapi_raw(o, "schemes", "[\"https\"]");
	} else if (op->body) {
		openapi_open(o, "requestBody", '{');
		add_content(o, types, op->body);
		if (*op->action != 'd')
			openapi_raw(o, "required", "true");
		openapi_close(o, '}');
	}
	openapi_open(o, "responses", '{');
	add_response(o, "200", "OK", op->reply);
	if (!strcmp(op->action, "post") || patch || !strcmp(op->action, "put"))
		add_response(o, "201", "Created", op->reply);
	if (!strcmp(op->action, "post") || !strcmp(op->action, "delete"))
		add_response(o, "202", "Accepted", op->reply);
	openapi_raw(o, "401", "{\"description\":\"Unauthorized\"}");
	openapi_close(o, '}');
	openapi_str(o, "x-kubernetes-action", op->action);
	add_gvk(o, op);
	openapi_close(o, '}');
}

/* ---- paths ---- */

static const struct kinds_type *meta(const char *name)
{
	return kinds_type_by_gvk(!strcmp(name, "Status") ? "" : "meta.k8s.io", "v1", name);
}

static void path_params(struct openapi *o, bool namespaced, bool named, const char *rest)
{
	openapi_open(o, "parameters", '[');
	if (named)
		add_param(o, "name", "path", STR, "Name of the object.");
	if (namespaced)
		add_param(o, "namespace", "path", STR, "Namespace of the object.");
	if (rest)
		add_param(o, rest, "path", STR, "The rest of the path, handed on.");
	add_param(o, "pretty", "query", STR, "\"true\": lay the JSON out for people.");
	openapi_close(o, ']');
}

static void base_path(char out[1024], const struct kinds_kind *k, bool all)
{
	snprintf(out, 1024, "%s/%s%s/%s", *k->group ? "/apis" : "/api", k->api_version,
		k->namespaced && !all ? "/namespaces/{namespace}" : "", k->plural);
}

static void collection(struct openapi *o, const struct kinds_kind *k, const struct kinds_type *list)
{
	struct operation op = { .kind = k, .namespaced = k->namespaced };
	char path[1024];

	base_path(path, k, false);
	openapi_open(o, path, '{');
	if (k->verbs & KVERB_LIST) {
		op.method = "get"; op.verb = "list"; op.action = "list";
		op.params = list_params; op.reply = list;
		add_operation(o, &op);
	}
	if (k->verbs & KVERB_CREATE) {
		op.method = op.action = "post"; op.verb = "create";
		op.params = write_params; op.reply = op.body = k->type;
		add_operation(o, &op);
	}
	if (k->verbs & KVERB_DELETECOLLECTION) {
		op.method = "delete"; op.verb = "delete"; op.action = "deletecollection";
		op.params = delete_many_params; op.body = meta("DeleteOptions"); op.reply = meta("Status");
		add_operation(o, &op);
	}
	path_params(o, k->namespaced, false, NULL);
	openapi_close(o, '}');
	if (!k->namespaced || !(k->verbs & KVERB_LIST))
		return;
	base_path(path, k, true);
	openapi_open(o, path, '{');
	op = (struct operation){ .kind = k, .method = "get", .verb = "list", .action = "list",
		.params = list_params, .reply = list, .suffix = "ForAllNamespaces" };
	add_operation(o, &op);
	path_params(o, false, false, NULL);
	openapi_close(o, '}');
}

static void add_verbs(struct openapi *o, struct operation op, uint8_t verbs, const struct kinds_type *t)
{
	op.body = NULL;
	op.reply = t;
	if (verbs & KVERB_GET) {
		op.method = op.action = "get"; op.verb = "read";
		op.params = NULL;
		add_operation(o, &op);
	}
	op.options = NULL;
	if (verbs & KVERB_CREATE) {
		op.method = op.action = "post"; op.verb = "create";
		op.params = write_params; op.body = t;
		add_operation(o, &op);
	}
	if (verbs & KVERB_UPDATE) {
		op.method = op.action = "put"; op.verb = "replace";
		op.params = write_params; op.body = t;
		add_operation(o, &op);
	}
	if (verbs & KVERB_DELETE) {
		op.method = op.action = "delete"; op.verb = "delete";
		op.params = delete_params; op.body = meta("DeleteOptions"); op.reply = meta("Status");
		add_operation(o, &op);
	}
	op.reply = t;
	if (verbs & KVERB_PATCH) {
		op.method = op.action = "patch"; op.verb = "patch";
		op.params = patch_params; op.body = kinds_type_by_name("meta/v1.Patch");
		add_operation(o, &op);
	}
}

/* exec, attach, portforward, proxy: what comes back is a stream or anything. */
static void connect(struct openapi *o, struct operation op)
{
	static const struct { uint8_t verb; const char *method, *name; } methods[] = {
		{ KVERB_GET, "get", "connectGet" }, { KVERB_CREATE, "post", "connectPost" },
		{ KVERB_UPDATE, "put", "connectPut" }, { KVERB_DELETE, "delete", "connectDelete" },
		{ KVERB_PATCH, "patch", "connectPatch" },
	};

	op.action = "connect";
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!(op.sub->verbs & methods[i].verb))
			continue;
		op.method = methods[i].method;
		op.verb = methods[i].name;
		add_operation(o, &op);
	}
}

static void subresource(struct openapi *o, const struct kinds_kind *k, const struct kinds_sub *s, const char *path)
{
	struct operation op = { .kind = k, .sub = s, .namespaced = k->namespaced };
	const struct kinds_type *t = s->kind ? kinds_type_by_gvk(s->group, s->version, s->kind) : k->type;
	size_t len = s->kind ? strlen(s->kind) : 0;
	char below[1200];

	openapi_open(o, path, '{');
	if (len > 7 && !strcmp(s->kind + len - 7, "Options")) {
		op.options = t;
		connect(o, op);
	} else if (!strcmp(s->name, "log")) {
		op.options = kinds_type_by_gvk("", "v1", "PodLogOptions");
		add_verbs(o, op, s->verbs, NULL);
	} else {
		add_verbs(o, op, s->verbs, t);
	}
	path_params(o, k->namespaced, true, NULL);
	openapi_close(o, '}');
	if (strcmp(s->name, "proxy"))
		return;
	snprintf(below, sizeof(below), "%s/{path}", path);
	op.suffix = "WithPath";
	openapi_open(o, below, '{');
	connect(o, op);
	path_params(o, k->namespaced, true, "path");
	openapi_close(o, '}');
}

void openapi_paths(struct openapi *o, const struct kinds_kind *k)
{
	struct operation op = { .kind = k, .namespaced = k->namespaced };
	char path[1024], below[1100];

	collection(o, k, k->custom ? custom_list_type(k) : kinds_type_by_gvk(k->group, k->version, k->list_kind));
	base_path(path, k, false);
	if (k->verbs & KVERB_GET) {
		snprintf(below, sizeof(below), "%s/{name}", path);
		openapi_open(o, below, '{');
		add_verbs(o, op, k->verbs & ~KVERB_CREATE, k->type);
		path_params(o, k->namespaced, true, NULL);
		openapi_close(o, '}');
	}
	for (uint8_t i = 0; i < k->sub_count; i++) {
		snprintf(below, sizeof(below), "%s/{name}/%s", path, k->subs[i].name);
		subresource(o, k, &k->subs[i], below);
	}
}

void openapi_get_path(struct openapi *o, const char *path, const char *operation, const char *tag,
	const char *description, const struct kinds_type *t)
{
	openapi_open(o, path, '{');
	openapi_open(o, "get", '{');
	openapi_str(o, "description", description);
	openapi_str(o, "operationId", operation);
	openapi_open(o, "tags", '[');
	openapi_str(o, NULL, tag);
	openapi_close(o, ']');
	if (o->v2) {
		add_strings(o, "consumes", any_type);
		add_strings(o, "produces", reply_types);
		openapi_raw(o, "schemes", "[\"https\"]");
	}
	openapi_open(o, "responses", '{');
	add_response(o, "200", "OK", t);
	openapi_raw(o, "401", "{\"description\":\"Unauthorized\"}");
	openapi_close(o, '}');
	openapi_close(o, '}');
	openapi_close(o, '}');
}
