/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accept - which of the forms that the client lists an answer takes. The client's
 * order (by q, then as written) decides; a clause we cannot serve is passed over.
 * Source: RFC 9110 12.5.1; apiserver pkg/endpoints/handlers/negotiation.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/call.h"
#include "http/http.h"

#define CLAUSES_MAX 32u

struct clause {
	char type[96];
	char as[48], v[24], g[48];
	double q;
};

static void take(char *to, size_t size, const char *p, size_t n)
{
	while (n && *p == '"' && p[n - 1] == '"' && n >= 2) {
		p++;
		n -= 2;
	}
	if (n >= size)
		n = size - 1;
	memcpy(to, p, n);
	to[n] = 0;
}

static const char *skip_space(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* One clause up to its comma; returns what follows. */
static const char *read_clause(const char *p, struct clause *cl)
{
	size_t n;

	memset(cl, 0, sizeof(*cl));
	cl->q = 1;
	p = skip_space(p);
	n = strcspn(p, ",; \t");
	take(cl->type, sizeof(cl->type), p, n);
	p = skip_space(p + n);
	while (*p == ';') {
		const char *key = skip_space(p + 1), *eq;
		size_t kn = strcspn(key, "=,;"), vn;

		eq = key + kn;
		p = eq;
		if (*eq != '=')
			continue;
		vn = strcspn(eq + 1, ",; \t");
		if (kn == 2 && !memcmp(key, "as", 2))
			take(cl->as, sizeof(cl->as), eq + 1, vn);
		else if (kn == 1 && *key == 'v')
			take(cl->v, sizeof(cl->v), eq + 1, vn);
		else if (kn == 1 && *key == 'g')
			take(cl->g, sizeof(cl->g), eq + 1, vn);
		else if (kn == 1 && *key == 'q')
			cl->q = atof(eq + 1);
		p = skip_space(eq + 1 + vn);
	}
	p += strcspn(p, ",");
	return *p ? p + 1 : p;
}

static size_t read_accept(const struct call *c, struct clause cl[CLAUSES_MAX])
{
	const char *p = c->http ? http_header(c->http, "accept") : NULL;
	size_t n = 0;

	if (!p || !*skip_space(p))
		p = "application/json";
	while (*p && n < CLAUSES_MAX) {
		struct clause x;
		size_t i;

		p = read_clause(p, &x);
		if (!*x.type || x.q <= 0)
			continue;
		for (i = n; i && cl[i - 1].q < x.q; i--)
			cl[i] = cl[i - 1];
		cl[i] = x;
		n++;
	}
	return n;
}

/* A list that is streamed is no table: client-go falls back to objects.
 * Source: apiserver pkg/endpoints/handlers/response.go (watchListEndpointRestrictions). */
static bool streams_list(const struct call *c)
{
	return c->verb == VERB_WATCH && param_bool(c, "sendInitialEvents");
}

static bool try_clause(struct call *c, const struct clause *cl, const struct kinds_type *t, bool tables)
{
	bool proto = !strcmp(cl->type, "application/vnd.kubernetes.protobuf");
	bool yaml = !strcmp(cl->type, "application/yaml");
	bool any = !strcmp(cl->type, "*/*") || !strcmp(cl->type, "application/*");
	enum view view = VIEW_OBJECT;

	if (!proto && !yaml && !any && strcmp(cl->type, "application/json"))
		return false;
	if (*cl->as) {
		bool beta = !strcmp(cl->v, "v1beta1");

		if (strcmp(cl->g, "meta.k8s.io") || (strcmp(cl->v, "v1") && !beta) || !tables)
			return false;
		if (!strcmp(cl->as, "Table"))
			view = VIEW_TABLE;
		else if (!strcmp(cl->as, "PartialObjectMetadata") || !strcmp(cl->as, "PartialObjectMetadataList"))
			view = VIEW_PARTIAL;
		else
			return false;
		if (view == VIEW_TABLE && (proto || streams_list(c)))
			return false;
		c->view_beta = beta;
	} else if (proto && (!t || !t->proto)) {
		return false;
	}
	c->view = view;
	c->media = proto ? MEDIA_PROTO : yaml ? MEDIA_YAML : MEDIA_JSON;
	return true;
}

int accept_pick(struct call *c, const struct kinds_type *t, bool tables)
{
	struct clause cl[CLAUSES_MAX];
	const char *raw = c->http ? http_header(c->http, "accept") : NULL;
	size_t n;

	c->media = MEDIA_JSON;
	c->view = VIEW_OBJECT;
	if (!raw || !strcmp(raw, "application/json") || !strcmp(raw, "application/json, */*") || !strcmp(raw, "*/*"))
		return 0;
	n = read_accept(c, cl);
	for (size_t i = 0; i < n; i++)
		if (try_clause(c, &cl[i], t, tables))
			return 0;
	return -ERR_NOT_ACCEPTABLE;
}

bool accept_none(const struct call *c)
{
	struct clause cl[CLAUSES_MAX];
	size_t n = read_accept(c, cl);

	for (size_t i = 0; i < n; i++)
		if (strchr(cl[i].type, '*') || !strcmp(cl[i].type, "application/json") ||
		    !strcmp(cl[i].type, "application/yaml") || !strcmp(cl[i].type, "application/vnd.kubernetes.protobuf"))
			return false;
	return true;
}

bool accept_prefers(const struct call *c, const char *type, const char *as, const char *v)
{
	struct clause cl[CLAUSES_MAX];
	size_t n = read_accept(c, cl);

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(cl[i].type, type) && !strcmp(cl[i].as, as) && (!v || !strcmp(cl[i].v, v)))
			return true;
		if (!*cl[i].as && (!strcmp(cl[i].type, "application/json") || !strcmp(cl[i].type, "*/*")))
			return false;
	}
	return false;
}

int accept_json_or(const struct call *c, const char *start, const char *end)
{
	struct clause cl[CLAUSES_MAX];
	size_t n = read_accept(c, cl);

	for (size_t i = 0; i < n; i++) {
		const char *type = cl[i].type;
		size_t len = strlen(type), tail = end ? strlen(end) : 0;

		if (!strcmp(type, "application/json") || !strcmp(type, "application/*") || !strcmp(type, "*/*"))
			return 0;
		if (start && !strncmp(type, start, strlen(start)) && len >= strlen(start) + tail && !strcmp(type + len - tail, end))
			return 1;
	}
	return -ERR_NOT_ACCEPTABLE;
}
