/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podenv - a container's environment: Services, envFrom, env with its sources, expansion.
 * Source: kubelet kubelet_pods.go makeEnvironmentVariables (order, later wins), expansion.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "base/text.h"
#include "doc/doc.h"
#include "doc/quantity.h"

#define ENV_VALUE_MAX (1u << 20)
#define ENV_NAME_MAX 1024

void strv_finish(struct strv *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	map_finish(&s->names);
	*s = (struct strv){ 0 };
}

static int add_owned(struct strv *s, char *text)
{
	if (!text)
		return -ERR_NOMEM;
	if (s->n + 2 > s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		char **v = realloc(s->v, cap * sizeof(*v));

		if (!v) {
			free(text);
			return -ERR_NOMEM;
		}
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = text;
	s->v[s->n] = NULL;
	return 0;
}

int strv_add(struct strv *s, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? -ERR_NOMEM : add_owned(s, text);
}

static char **find(const struct strv *s, const char *name, size_t len)
{
	size_t at = (size_t)(uintptr_t)map_getn(&s->names, name, len);

	return at ? &s->v[at - 1] : NULL;
}

/* "NAME=value" at place i from now on is what NAME stands for. */
static int index_name(struct strv *s, size_t i)
{
	char name[ENV_NAME_MAX + 1];
	size_t n = strcspn(s->v[i], "=");

	if (n > ENV_NAME_MAX)
		return 0;              /* kept, but not to be referred to */
	memcpy(name, s->v[i], n);
	name[n] = 0;
	return map_put(&s->names, name, (void *)(uintptr_t)(i + 1), NULL);
}

const char *strv_env(const struct strv *s, const char *name)
{
	char **at = find(s, name, strlen(name));

	return at ? *at + strlen(name) + 1 : NULL;
}

static int add(struct strv *s, char *text)
{
	int rc = add_owned(s, text);

	return rc ? rc : index_name(s, s->n - 1);
}

/* Later wins, but keeps the earlier one's place. */
int strv_set(struct strv *s, const char *name, const char *value, size_t value_len)
{
	size_t n = strlen(name);
	char **at = find(s, name, n);
	char *text = malloc(n + value_len + 2);

	if (!text)
		return -ERR_NOMEM;
	memcpy(text, name, n);
	text[n] = '=';
	memcpy(text + n + 1, value, value_len);
	text[n + 1 + value_len] = 0;
	if (!at)
		return add(s, text);
	free(*at);
	*at = text;
	return 0;
}

char *env_expand(const char *s, const struct strv *env)
{
	BUF_AUTO struct buf b = { 0 };

	buf_adds(&b, "");
	for (const char *p = s; *p;) {
		const char *end;
		char **at;

		if (*p != '$' || !p[1]) {
			buf_addc(&b, *p++);
		} else if (p[1] == '$') {
			buf_addc(&b, '$');
			p += 2;
		} else if (p[1] == '(' && (end = strchr(p, ')'))) {
			at = find(env, p + 2, (size_t)(end - p - 2));
			if (at)
				buf_adds(&b, *at + (end - p - 2) + 1);
			else
				buf_add(&b, p, (size_t)(end - p + 1));
			p = end + 1;
		} else {
			buf_add(&b, p, 2);
			p += 2;
		}
		if (b.len > ENV_VALUE_MAX)
			return NULL;
	}
	return b.p ? buf_take(&b, NULL) : strdup("");
}

static void add_map(struct buf *out, yyjson_val *map)
{
	yyjson_val *k, *v;
	size_t i, n;

	yyjson_obj_foreach(map, i, n, k, v) {
		if (i)
			buf_addc(out, '\n');
		buf_printf(out, "%s=", yyjson_get_str(k));
		buf_add_json(out, yyjson_get_str(v), yyjson_get_len(v));
	}
}

int env_field(struct pod *p, const char *path, struct buf *out)
{
	static const char *const maps[] = { "metadata.labels", "metadata.annotations" };
	const char *s, *second = NULL;

	for (unsigned i = 0; i < 2; i++) {
		size_t n = strlen(maps[i]), len = strlen(path);

		if (strncmp(path, maps[i], n))
			continue;
		if (!path[n]) {
			add_map(out, doc_get(p->obj, maps[i]));
			return 0;
		}
		if (!strncmp(path + n, "['", 2) && len > n + 4 && !strcmp(path + len - 2, "']")) {
			yyjson_val *v = yyjson_obj_getn(doc_get(p->obj, maps[i]), path + n + 2, len - n - 4);

			buf_adds(out, yyjson_is_str(v) ? yyjson_get_str(v) : "");
			return 0;
		}
		return -ERR_BAD_REQUEST;
	}
	if (!strcmp(path, "status.podIP") || !strcmp(path, "status.podIPs")) {
		s = p->ip;
		second = p->ip6;
	} else if (!strcmp(path, "status.hostIP") || !strcmp(path, "status.hostIPs")) {
		s = p->a->address;
		second = agent_address2(p->a);
	} else if (!strcmp(path, "spec.nodeName")) {
		s = p->a->node_name;
	} else if (!strcmp(path, "metadata.name") || !strcmp(path, "metadata.namespace") || !strcmp(path, "metadata.uid") ||
		   !strcmp(path, "spec.serviceAccountName")) {
		s = doc_str(p->obj, path);
	} else {
		return -ERR_BAD_REQUEST;
	}
	buf_adds(out, s ? s : "");
	if (s && second && path[strlen(path) - 1] == 's')
		buf_printf(out, ",%s", second);
	return 0;
}

int env_resource(struct pod *p, const char *ctr_name, const char *resource, const char *divisor, struct buf *out)
{
	const char *dot = strchr(resource, '.');
	char list[16];
	struct ctr *c = pod_ctr(p, ctr_name);
	struct quantity d = { 0 };
	int64_t milli;
	bool cpu;

	if (!c || !dot || (size_t)(dot - resource) >= sizeof(list))
		return -ERR_BAD_REQUEST;
	snprintf(list, sizeof(list), "%.*s", (int)(dot - resource), resource);
	cpu = !strcmp(dot + 1, "cpu");
	if (strcmp(list, "limits") && strcmp(list, "requests"))
		return -ERR_BAD_REQUEST;
	milli = spec_quantity(yyjson_obj_get(c->spec, "resources"), list, dot + 1, cpu);
	/* Without a limit the machine is the limit. */
	if (milli < 0 && !strcmp(list, "limits"))
		milli = cpu ? node_milli_cpus(p->a) : !strcmp(dot + 1, "memory") ? node_memory_bytes(p->a) : 0;
	if (milli < 0)
		milli = 0;
	if (!divisor || !*divisor || !strcmp(divisor, "0"))
		divisor = "1";
	if (quantity_parse(divisor, strlen(divisor), &d))
		return -ERR_BAD_REQUEST;
	if (cpu) {
		int64_t unit = quantity_milli(&d);

		buf_printf(out, "%" PRId64, unit > 0 ? (milli + unit - 1) / unit : 0);
	} else {
		int64_t unit = quantity_value(&d);

		buf_printf(out, "%" PRId64, unit > 0 ? (milli + unit - 1) / unit : 0);
	}
	return 0;
}

static int from_object(struct ctr *c, const char *plural, const char *what, yyjson_val *ref, yyjson_val **ret,
	struct err *reterr)
{
	const char *name = doc_str(ref, "name") ? doc_str(ref, "name") : "";

	*ret = NULL;
	switch (ref_get(c->pod, plural, name, ret)) {
	case REF_PRESENT:
		return 0;
	case REF_UNKNOWN:
		return err_set(reterr, ERR_AGAIN, "waiting for %s \"%s\"", what, name);
	case REF_ABSENT:
		break;
	}
	return doc_bool(ref, "optional", false) ? 0 : err_set(reterr, ERR_NOT_FOUND, "%s \"%s\" not found", what, name);
}

/* Value of key in a ConfigMap (data) or a Secret (data, base64). False: not there. */
static bool object_value(yyjson_val *obj, const char *key, bool secret, struct buf *out)
{
	yyjson_val *v = yyjson_obj_get(doc_get(obj, "data"), key);

	if (!yyjson_is_str(v))
		return false;
	if (secret)
		return !text_unbase64(out, yyjson_get_str(v), yyjson_get_len(v));
	buf_add(out, yyjson_get_str(v), yyjson_get_len(v));
	return true;
}

static int add_from(struct ctr *c, yyjson_val *from, struct strv *env, struct err *reterr)
{
	yyjson_val *cm = yyjson_obj_get(from, "configMapRef"), *sec = yyjson_obj_get(from, "secretRef"), *obj, *k, *v;
	const char *prefix = doc_str(from, "prefix") ? doc_str(from, "prefix") : "";
	size_t i, n;
	int rc = cm ? from_object(c, "configmaps", "configmap", cm, &obj, reterr) :
		sec ? from_object(c, "secrets", "secret", sec, &obj, reterr) : -ERR_AGAIN;

	if (!cm && !sec)
		return 0;
	if (rc)
		return rc;
	yyjson_obj_foreach(doc_get(obj, "data"), i, n, k, v) {
		BUF_AUTO struct buf value = { 0 };
		const char *key = yyjson_get_str(k);
		char name[512];

		if (!key || snprintf(name, sizeof(name), "%s%s", prefix, key) >= (int)sizeof(name) || strchr(name, '=') ||
		    !object_value(obj, key, sec != NULL, &value))
			continue;
		if (strv_set(env, name, value.p ? value.p : "", value.len))
			return err_set(reterr, ERR_NOMEM, "out of memory");
	}
	return 0;
}

static int value_from(struct ctr *c, yyjson_val *from, struct buf *out, bool *ret_have, struct err *reterr)
{
	yyjson_val *f, *obj;
	int rc;

	*ret_have = true;
	if ((f = yyjson_obj_get(from, "fieldRef"))) {
		const char *path = doc_str(f, "fieldPath") ? doc_str(f, "fieldPath") : "";

		return env_field(c->pod, path, out) ?
			err_set(reterr, ERR_INVALID, "unsupported fieldPath: %s", path) : 0;
	}
	if ((f = yyjson_obj_get(from, "resourceFieldRef"))) {
		const char *name = doc_str(f, "containerName"), *res = doc_str(f, "resource") ? doc_str(f, "resource") : "";

		return env_resource(c->pod, name && *name ? name : c->name, res, doc_str(f, "divisor"), out) ?
			err_set(reterr, ERR_INVALID, "unsupported resource: %s", res) : 0;
	}
	if ((f = yyjson_obj_get(from, "configMapKeyRef")) || (f = yyjson_obj_get(from, "secretKeyRef"))) {
		bool secret = !yyjson_obj_get(from, "configMapKeyRef");
		const char *key = doc_str(f, "key") ? doc_str(f, "key") : "", *what = secret ? "secret" : "configmap";
		const char *object = doc_str(f, "name") ? doc_str(f, "name") : "";

		rc = from_object(c, secret ? "secrets" : "configmaps", what, f, &obj, reterr);
		if (rc)
			return rc;
		*ret_have = obj && object_value(obj, key, secret, out);
		if (*ret_have || doc_bool(f, "optional", false))
			return 0;
		return err_set(reterr, ERR_NOT_FOUND, "couldn't find key %s in %s %s/%s", key, secret ? "Secret" : "ConfigMap",
			c->pod->ns, object);
	}
	return err_set(reterr, ERR_INVALID, "this source of a variable is not supported");
}

int env_build(struct ctr *c, const char *const *image, struct strv *ret, struct err *reterr)
{
	static const char path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	yyjson_val *e;
	size_t i, n, known;
	int rc = 0;

	for (; image && *image && !rc; image++) {
		const char *eq = strchr(*image, '=');

		rc = eq ? add(ret, strdup(*image)) : 0;
	}
	if (!rc && !strv_env(ret, "PATH"))
		rc = strv_set(ret, "PATH", path, strlen(path));
	if (!rc) {
		char host[64];

		spec_hostname(host, c->pod->obj);
		rc = strv_set(ret, "HOSTNAME", host, strlen(host));
	}
	known = ret->n;
	if (!rc && c->pod->a->services)
		rc = services_env(c->pod->a->services, c->pod->ns, doc_bool(c->pod->spec, "enableServiceLinks", true), ret);
	for (; !rc && known < ret->n; known++)
		rc = index_name(ret, known);
	if (rc)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	yyjson_arr_foreach(yyjson_obj_get(c->spec, "envFrom"), i, n, e) {
		rc = add_from(c, e, ret, reterr);
		if (rc)
			return rc;
	}
	yyjson_arr_foreach(yyjson_obj_get(c->spec, "env"), i, n, e) {
		BUF_AUTO struct buf value = { 0 };
		yyjson_val *from = yyjson_obj_get(e, "valueFrom");
		const char *name = doc_str(e, "name") ? doc_str(e, "name") : "";
		bool have = true;

		if (from) {
			rc = value_from(c, from, &value, &have, reterr);
			if (rc)
				return rc;
		} else {
			char *text = env_expand(doc_str(e, "value") ? doc_str(e, "value") : "", ret);

			if (!text)
				return err_set(reterr, ERR_SIZE, "variable %s is too long", name);
			buf_adds(&value, text);
			free(text);
		}
		if (have && strv_set(ret, name, value.p ? value.p : "", value.len))
			return err_set(reterr, ERR_NOMEM, "out of memory");
	}
	return 0;
}
