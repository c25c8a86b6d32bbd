/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/token.h"

#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "base/text.h"

#define SECRETS "/api/v1/namespaces/kube-system/secrets"
#define GROUP   "system:bootstrappers:sampan:default-node-token"

void cli_token_random(char out[TOKEN_MAX])
{
	text_random_name(out, TOKEN_ID_LEN);
	out[TOKEN_ID_LEN] = '.';
	text_random_name(out + TOKEN_ID_LEN + 1, TOKEN_SECRET_LEN);
}

static const char *const usage_names[] = { "authentication", "signing" };

static int add_usages(struct buf *out, const char *usages, struct err *reterr)
{
	bool on[2] = { false, false };

	for (const char *p = usages; *p;) {
		size_t n = strcspn(p, ","), i = 0;

		while (i < 2 && (strlen(usage_names[i]) != n || memcmp(usage_names[i], p, n)))
			i++;
		if (i == 2)
			return err_set(reterr, ERR_BAD_REQUEST, "--usages %s: there are authentication and signing, with a comma between",
				usages);
		on[i] = true;
		p += n + (p[n] == ',');
	}
	for (size_t i = 0; i < 2; i++)
		if (on[i])
			buf_printf(out, ",\"usage-bootstrap-%s\":\"true\"", usage_names[i]);
	return 0;
}

int cli_token_secret(struct buf *out, const char *token, int64_t expire_us, const char *usages, const char *description,
	struct err *reterr)
{
	char until[TEXT_TIME_MAX];
	int rc;

	buf_printf(out, "{\"metadata\":{\"name\":\"bootstrap-token-%.*s\"},\"type\":\"bootstrap.kubernetes.io/token\","
		"\"stringData\":{\"token-id\":\"%.*s\",\"token-secret\":\"%s\",\"auth-extra-groups\":\"" GROUP "\"",
		TOKEN_ID_LEN, token, TOKEN_ID_LEN, token, token + TOKEN_ID_LEN + 1);
	rc = add_usages(out, usages, reterr);
	if (rc)
		return rc;
	if (expire_us) {
		text_time(until, expire_us);
		buf_printf(out, ",\"expiration\":\"%s\"", until);
	}
	if (description && *description) {
		buf_adds(out, ",\"description\":");
		buf_add_json(out, description, strlen(description));
	}
	buf_adds(out, "}}");
	return out->failed ? err_set(reterr, ERR_NOMEM, "out of memory") : 0;
}

/* ---- what a server needs besides ---- */

#define ROLES    "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles"
#define BINDINGS "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings"

static int keep_sealed(struct ask *a, const char *id, int64_t ttl_ns, const struct cli_token_server *server, char uid[64],
	struct err *reterr)
{
	int64_t last_ns = TOKEN_SERVER_S * 1000000000LL;
	BUF_AUTO struct buf sealed = { 0 };
	BUF_AUTO struct buf body = { 0 };
	char until[TEXT_TIME_MAX];
	yyjson_val *made = NULL;
	int rc = server->seal(server->arg, id, &sealed, reterr);

	if (rc)
		return rc;
	text_time(until, env_wall_us() + (ttl_ns && ttl_ns < last_ns ? ttl_ns : last_ns) / 1000);
	buf_printf(&body, "{\"metadata\":{\"name\":\"sampan-server-%s\"},\"type\":\"sampan/server-keys\",\"stringData\":"
		"{\"expiration\":\"%s\"},\"data\":{\"" TOKEN_SERVER_SEALED "\":\"", id, until);
	text_base64(&body, sealed.p, sealed.len);
	buf_adds(&body, "\"}}");
	rc = body.failed ? err_set(reterr, ERR_NOMEM, "out of memory") : ask(a, "POST", SECRETS, NULL, body.p, &made, reterr);
	snprintf(uid, 64, "%s", !rc && doc_str(made, "metadata.uid") ? doc_str(made, "metadata.uid") : "");
	return rc;
}

/* The token may read that Secret, and this goes with it. */
static int let_read(struct ask *a, const char *id, const char *uid, struct err *reterr)
{
	static const char *const what[] = { ROLES, BINDINGS };

	for (int i = 0; i < 2; i++) {
		BUF_AUTO struct buf body = { 0 };

		buf_printf(&body, "{\"metadata\":{\"name\":\"sampan-server-%s\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":"
			"\"Secret\",\"name\":\"sampan-server-%s\",\"uid\":\"%s\"}]},", id, id, uid);
		if (!i)
			buf_printf(&body, "\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"resourceNames\":"
				"[\"sampan-server-%s\"],\"verbs\":[\"get\"]}]}", id);
		else
			buf_printf(&body, "\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"Role\",\"name\":"
				"\"sampan-server-%s\"},\"subjects\":[{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"User\","
				"\"name\":\"system:bootstrap:%s\"}]}", id, id);
		int rc = body.failed ? err_set(reterr, ERR_NOMEM, "out of memory") : ask(a, "POST", what[i], NULL, body.p, NULL, reterr);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- commands ---- */

int cli_token_create(struct ask *a, const char *pin, int64_t ttl_ns, const char *usages, const char *description,
	const struct cli_token_server *server, struct err *reterr)
{
	BUF_AUTO struct buf body = { 0 };
	char token[TOKEN_MAX], id[TOKEN_ID_LEN + 1], uid[64];
	int rc = 0;

	cli_token_random(token);
	snprintf(id, sizeof(id), "%.*s", TOKEN_ID_LEN, token);
	if (server && !(rc = keep_sealed(a, id, ttl_ns, server, uid, reterr)))
		rc = let_read(a, id, uid, reterr);
	if (!rc)
		rc = cli_token_secret(&body, token, ttl_ns ? env_wall_us() + ttl_ns / 1000 : 0, usages, description, reterr);
	if (!rc)
		rc = ask(a, "POST", SECRETS, NULL, body.p, NULL, reterr);
	if (body.p)
		explicit_bzero(body.p, body.cap);
	if (rc)
		return rc;
	if (!strncmp(client_server(a->client), "https://127.", 12) || !strncmp(client_server(a->client), "https://[::1]", 13))
		fprintf(stderr, "Only this machine reaches that address: see --advertise of `sampan server`.\n");
	printf("sampan join %s --token %s --ca-pin %s%s%s\n", client_server(a->client), token, pin, server ? " --server --key " : "",
		server ? server->key : "");
	return 0;
}

/* A member of data, decoded into out; "" when it is not there. */
static const char *member(yyjson_val *secret, const char *key, struct buf *out)
{
	yyjson_val *v = yyjson_obj_get(doc_get(secret, "data"), key);

	buf_clear(out);
	if (yyjson_is_str(v) && text_unbase64(out, yyjson_get_str(v), yyjson_get_len(v)))
		buf_clear(out);
	/* For a terminal. */
	for (size_t i = 0; i < out->len; i++)
		if ((unsigned char)out->p[i] < ' ' || out->p[i] == 127)
			out->p[i] = '?';
	return out->p && !out->failed ? out->p : "";
}

static void list_one(yyjson_val *secret)
{
	BUF_AUTO struct buf b = { 0 };
	char age[TEXT_TIME_MAX] = "forever", usages[64];
	const char *until;
	int64_t us;

	printf("%-8s ", member(secret, "token-id", &b));
	until = member(secret, "expiration", &b);
	if (*until && text_parse_time(until, &us))
		snprintf(age, sizeof(age), "invalid");
	else if (*until && us <= env_wall_us())
		snprintf(age, sizeof(age), "over");
	else if (*until)
		text_age(age, (us - env_wall_us()) * 1000);
	printf("%-8s %-22s ", age, *until ? until : "-");
	snprintf(usages, sizeof(usages), "%s", strcmp(member(secret, "usage-bootstrap-authentication", &b), "true") ? "" :
		usage_names[0]);
	if (!strcmp(member(secret, "usage-bootstrap-signing", &b), "true"))
		snprintf(usages + strlen(usages), sizeof(usages) - strlen(usages), "%s%s", *usages ? "," : "", usage_names[1]);
	printf("%-24s %s\n", *usages ? usages : "-", member(secret, "description", &b));
}

int cli_token_list(struct ask *a, struct err *reterr)
{
	yyjson_val *list, *it;
	size_t i, max;
	int rc = ask(a, "GET", SECRETS, "fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken", NULL, &list, reterr);

	if (rc)
		return rc;
	printf("%-8s %-8s %-22s %-24s %s\n", "ID", "LEFT", "EXPIRES", "USAGES", "DESCRIPTION");
	yyjson_arr_foreach(doc_get(list, "items"), i, max, it)
		list_one(it);
	return 0;
}

int cli_token_delete(struct ask *a, const char *id, struct err *reterr)
{
	char path[200];
	int rc;

	if (!bootstrap_token_letters(id, TOKEN_ID_LEN) || (id[TOKEN_ID_LEN] && !bootstrap_token_form(id)))
		return err_set(reterr, ERR_BAD_REQUEST, "%s is no token's id, which has %d small letters and digits", id, TOKEN_ID_LEN);
	snprintf(path, sizeof(path), SECRETS "/bootstrap-token-%.*s", TOKEN_ID_LEN, id);
	rc = ask(a, "DELETE", path, NULL, NULL, NULL, reterr);
	if (rc == -ERR_NOT_FOUND)
		return err_set(reterr, ERR_NOT_FOUND, "there is no token %.*s; see `sampan token list`", TOKEN_ID_LEN, id);
	if (!rc)
		printf("token %.*s deleted\n", TOKEN_ID_LEN, id);
	return rc;
}
