/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokens - bearer tokens: static ones from a file, those of machines that join
 * (bootstrap_token.c), and those of service accounts, which are JWTs signed by us (RS256).
 *
 * A signature is checked once and its claims kept; what they say is held against the
 * clock and the cache every time (claims.c).
 * Source: KEP-1205 (bound tokens), KEP-4193 (node and jti); RFC 7515, 7519.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base/file.h"
#include "base/text.h"
#include "http/pki.h"
#include "kinds/bootstrap_token.h"

#define TOKEN_MAX     (32u << 10)
#define SIGNATURE_MAX 700u     /* of the longest RSA keys in use, 4096 bits, with its dot */
#define VERIFIED_MAX  8192u    /* tokens remembered; over it all are forgotten */
#define VERIFIED_BYTES_MAX (16u << 20)  /* and over these, as tokens: claims take a few times as much */
#define FILE_MAX      (1u << 20)

struct tokens {
	struct api *api;
	struct pki_signer *signer;     /* NULL: not asked for yet, see signer_of */
	int (*sa_key)(void *arg, const char **ret_pem, struct err *reterr);
	void *sa_key_arg;
	struct arena *arena;           /* of the static ones */
	struct map fixed;              /* token -> struct user */
	struct map verified;           /* sha256 of a token, hex -> yyjson_doc of its claims */
	size_t verified_bytes;
};

/* ---- the file: token,user,uid,"group1,group2" ---- */

static char *field(char **p)
{
	char *s = *p, *end;

	if (!s)
		return NULL;
	if (*s == '"') {
		s++;
		end = strchr(s, '"');
		if (!end)
			return NULL;
		*end++ = 0;
		*p = *end == ',' ? end + 1 : NULL;
		return s;
	}
	end = strchr(s, ',');
	if (end)
		*end++ = 0;
	*p = end;
	return s;
}

static int add_line(struct tokens *t, char *line)
{
	char *p = line, *token, *name, *uid, *groups;
	struct user *u;
	const char **list;
	size_t n = 0, max = 2;

	token = field(&p);
	name = field(&p);
	uid = field(&p);
	groups = field(&p);
	if (!token || !*token || !name || !*name)
		return -ERR_BAD_REQUEST;
	for (const char *g = groups; g && *g; g++)
		max += *g == ',';
	u = arena_zalloc(t->arena, sizeof(*u));
	list = arena_zalloc(t->arena, max * sizeof(*list));
	if (!u || !list)
		return -ERR_NOMEM;
	u->name = arena_strdup(t->arena, name);
	u->uid = uid && *uid ? arena_strdup(t->arena, uid) : NULL;
	while (groups && *groups) {
		char *comma = strchr(groups, ',');

		if (comma)
			*comma++ = 0;
		list[n++] = arena_strdup(t->arena, groups);
		groups = comma;
	}
	u->groups = list;
	return map_put(&t->fixed, token, u, NULL);
}

static int read_file(struct tokens *t, const char *path, struct err *reterr)
{
	BUF_AUTO struct buf b = { 0 };
	char *line, *next;
	int rc = file_read(path, FILE_MAX, &b, reterr);
	unsigned n = 0;

	if (rc)
		return rc;
	for (line = b.p; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		n++;
		line[strcspn(line, "\r")] = 0;
		if (!*line || *line == '#')
			continue;
		rc = add_line(t, line);
		if (rc)
			return err_set(reterr, -rc, "%s:%u: expected token,user,uid,\"group1,group2\"", path, n);
	}
	return 0;
}

int tokens_open(struct tokens **ret, struct api *a, const struct api_config *cfg, struct err *reterr)
{
	struct tokens *t = calloc(1, sizeof(*t));
	int rc = 0;

	if (!t || !(t->arena = arena_open(16u << 20))) {
		free(t);
		return err_set(reterr, ERR_NOMEM, "opening tokens: out of memory");
	}
	t->api = a;
	t->sa_key = cfg->sa_key;
	t->sa_key_arg = cfg->sa_key_arg;
	if (cfg->token_file)
		rc = read_file(t, cfg->token_file, reterr);
	if (rc) {
		tokens_close(t);
		return rc;
	}
	*ret = t;
	return 0;
}

static void forget(struct tokens *t)
{
	const char *key;
	void *v;

	for (size_t it = 0; map_next(&t->verified, &it, &key, &v);)
		yyjson_doc_free(v);
	map_finish(&t->verified);
	t->verified = (struct map){ 0 };
	t->verified_bytes = 0;
}

void tokens_close(struct tokens *t)
{
	if (!t)
		return;
	forget(t);
	map_finish(&t->fixed);
	if (t->signer)
		pki_signer_close(t->signer);
	arena_close(t->arena);
	free(t);
}

static int signer_of(struct tokens *t, struct pki_signer **ret, struct err *reterr)
{
	const char *pem;
	int rc = t->signer ? 0 : t->sa_key ? t->sa_key(t->sa_key_arg, &pem, reterr) :
		err_set(reterr, ERR_UNAVAILABLE, "there is no key to sign tokens with");

	if (!rc && !t->signer)
		rc = pki_signer_open(&t->signer, pem, reterr);
	*ret = t->signer;
	return rc;
}

const char *tokens_issuer(const struct tokens *t)
{
	return t->api->issuer;
}

/* ---- verifying ---- */

static yyjson_doc *part(const char *p, size_t n)
{
	BUF_AUTO struct buf b = { 0 };

	if (text_unbase64(&b, p, n) || b.failed || !b.len)
		return NULL;
	return yyjson_read(b.p, b.len, 0);
}

static int unknown(struct err *reterr)
{
	return err_set(reterr, ERR_UNAUTHORIZED, TOKEN_UNKNOWN);
}

/* Tokens that name no audience are for this API. */
static bool for_us(struct tokens *t, const struct token_check *check)
{
	for (const char *const *w = check ? check->audiences : NULL; w; w++) {
		if (!*w)
			return false;
		if (!strcmp(*w, t->api->issuer))
			return true;
	}
	return true;
}

static int check_signature(struct tokens *t, const char *token, yyjson_doc **ret, struct err *reterr)
{
	const char *dot1 = strchr(token, '.'), *dot2 = dot1 ? strchr(dot1 + 1, '.') : NULL, *alg, *iss;
	BUF_AUTO struct buf sig = { 0 };
	struct pki_signer *signer;
	yyjson_doc *head, *claims;
	bool rs256;
	int rc;

	if (!dot2 || strchr(dot2 + 1, '.') || strlen(token) > TOKEN_MAX || !t->sa_key)
		return unknown(reterr);
	head = part(token, (size_t)(dot1 - token));
	alg = head ? doc_str(yyjson_doc_get_root(head), "alg") : NULL;
	rs256 = alg && !strcmp(alg, "RS256");
	yyjson_doc_free(head);
	if (!rs256 || text_unbase64(&sig, dot2 + 1, strlen(dot2 + 1)) || sig.failed)
		return unknown(reterr);
	claims = part(dot1 + 1, (size_t)(dot2 - dot1 - 1));
	iss = claims ? doc_str(yyjson_doc_get_root(claims), "iss") : NULL;
	rc = iss && !strcmp(iss, t->api->issuer) ? 0 : unknown(reterr);
	if (!rc)
		rc = signer_of(t, &signer, reterr);
	if (!rc && !pki_verify(signer, token, (size_t)(dot2 - token), sig.p ? sig.p : "", sig.len))
		rc = err_set(reterr, ERR_UNAUTHORIZED, "the token's signature is not this cloud's");
	if (rc)
		yyjson_doc_free(claims);
	else
		*ret = claims;
	return rc;
}

static int find_claims(struct tokens *t, const char *token, yyjson_val **ret, struct err *reterr)
{
	uint8_t sum[32];
	char key[65];
	yyjson_doc *d;
	int rc;

	text_sha256(sum, token, strlen(token));
	text_hex(key, sum, 32);
	d = map_get(&t->verified, key);
	if (!d) {
		rc = check_signature(t, token, &d, reterr);
		if (rc)
			return rc;
		if (t->verified.len >= VERIFIED_MAX || t->verified_bytes >= VERIFIED_BYTES_MAX)
			forget(t);
		if (map_put(&t->verified, key, d, NULL)) {
			yyjson_doc_free(d);
			return err_set(reterr, ERR_NOMEM, "out of memory");
		}
		t->verified_bytes += strlen(token);
	}
	*ret = yyjson_doc_get_root(d);
	return 0;
}

int tokens_verify(struct tokens *t, struct arena *a, const char *token, const struct token_check *check,
	struct user *ret, struct err *reterr)
{
	struct user *fixed = map_get(&t->fixed, token);
	yyjson_val *claims;
	int rc;

	if (fixed || bootstrap_token_form(token)) {
		if (!for_us(t, check))
			return unknown(reterr);
		return fixed ? user_copy(a, fixed, ret) : bootstrap_token_verify(t->api, a, token, ret, reterr);
	}
	rc = find_claims(t, token, &claims, reterr);
	return rc ? rc : claims_check(t->api, a, claims, check, ret, reterr);
}

void tokens_audiences(struct tokens *t, const char *token, const char *const *audiences, const char **out)
{
	yyjson_val *claims = NULL;
	bool jwt = !map_get(&t->fixed, token) && !bootstrap_token_form(token) && !find_claims(t, token, &claims, NULL);

	for (; *audiences; audiences++)
		if (jwt ? claims_audience(claims, *audiences) : !strcmp(*audiences, t->api->issuer))
			*out++ = *audiences;
	*out = NULL;
}

/* ---- signing ---- */

static void ref(struct buf *b, const char *key, const char *name, const char *uid)
{
	if (!name)
		return;
	buf_printf(b, ",\"%s\":{\"name\":", key);
	buf_add_json(b, name, strlen(name));
	if (uid && *uid) {
		buf_adds(b, ",\"uid\":");
		buf_add_json(b, uid, strlen(uid));
	}
	buf_addc(b, '}');
}

int tokens_sign(struct tokens *t, const struct token_claims *cl, struct buf *ret, struct err *reterr)
{
	BUF_AUTO struct buf head = { 0 };
	BUF_AUTO struct buf body = { 0 };
	BUF_AUTO struct buf sig = { 0 };
	char jti[TEXT_UUID_MAX];
	struct pki_signer *signer;
	int rc = signer_of(t, &signer, reterr);

	if (rc)
		return rc;
	text_uuid(jti);
	buf_printf(&head, "{\"alg\":\"RS256\",\"kid\":\"%s\"}", pki_signer_kid(signer));
	buf_adds(&body, "{\"aud\":[");
	for (size_t i = 0; cl->audiences[i]; i++) {
		if (i)
			buf_addc(&body, ',');
		buf_add_json(&body, cl->audiences[i], strlen(cl->audiences[i]));
	}
	buf_printf(&body, "],\"exp\":%lld,\"iat\":%lld,\"iss\":", (long long)cl->expires_s, (long long)cl->now_s);
	buf_add_json(&body, t->api->issuer, strlen(t->api->issuer));
	buf_printf(&body, ",\"jti\":\"%s\",\"kubernetes.io\":{\"namespace\":", jti);
	buf_add_json(&body, cl->ns, strlen(cl->ns));
	ref(&body, "node", cl->node, cl->node_uid);
	ref(&body, "pod", cl->pod, cl->pod_uid);
	ref(&body, "secret", cl->secret, cl->secret_uid);
	ref(&body, "serviceaccount", cl->sa, cl->sa_uid);
	if (cl->warn_after_s)
		buf_printf(&body, ",\"warnafter\":%lld", (long long)cl->warn_after_s);
	buf_printf(&body, "},\"nbf\":%lld,\"sub\":\"system:serviceaccount:%s:%s\"}", (long long)cl->now_s, cl->ns, cl->sa);
	text_base64url(ret, head.p, head.len);
	buf_addc(ret, '.');
	text_base64url(ret, body.p, body.len);
	if (head.failed || body.failed || ret->failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	/* Nobody could use what is refused when it is shown. */
	if (ret->len + SIGNATURE_MAX > TOKEN_MAX)
		return err_set(reterr, ERR_SIZE, "a token may not be more than %u bytes", TOKEN_MAX);
	rc = pki_sign(signer, ret->p, ret->len, &sig, reterr);
	if (rc)
		return rc;
	buf_addc(ret, '.');
	text_base64url(ret, sig.p, sig.len);
	return ret->failed || sig.failed ? err_set(reterr, ERR_NOMEM, "out of memory") : 0;
}

int tokens_jwks(struct tokens *t, struct buf *out)
{
	BUF_AUTO struct buf n = { 0 };
	BUF_AUTO struct buf e = { 0 };
	struct pki_signer *signer;

	if (signer_of(t, &signer, NULL) || pki_signer_jwk(signer, &n, &e) || n.failed || e.failed)
		return -ERR_UNAVAILABLE;
	buf_printf(out, "{\"keys\":[{\"use\":\"sig\",\"kty\":\"RSA\",\"kid\":\"%s\",\"alg\":\"RS256\",\"n\":\"%s\",\"e\":\"%s\"}]}",
		pki_signer_kid(signer), n.p, e.p);
	return 0;
}

/* ---- OpenID discovery ---- */

enum step oidc_serve(struct call *c, bool jwks)
{
	struct buf b = { 0 };

	if (jwks) {
		if (tokens_jwks(c->api->tokens, &b)) {
			buf_finish(&b);
			return fail_text(c, 404, "404 page not found\n");
		}
		c->cache_control = "public, max-age=3600";
		return reply_buf(c, 200, &b, "application/jwk-set+json");
	}
	c->cache_control = "public, max-age=3600";
	buf_adds(&b, "{\"issuer\":");
	buf_add_json(&b, c->api->issuer, strlen(c->api->issuer));
	buf_printf(&b, ",\"jwks_uri\":\"https://%s/openid/v1/jwks\",\"response_types_supported\":[\"id_token\"],"
		"\"subject_types_supported\":[\"public\"],\"id_token_signing_alg_values_supported\":[\"RS256\"]}",
		c->api->advertise);
	return reply_buf(c, 200, &b, "application/json");
}
