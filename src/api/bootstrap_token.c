/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootstrap_token - "abcdef.0123456789abcdef": the token of a machine that joins, kept
 * in the Secret bootstrap-token-<id> of kube-system. Those that are over are removed by
 * the token-cleaner (control/token_cleaner.c).
 * Source: kubernetes plugin/pkg/auth/authenticator/token/bootstrap/bootstrap.go.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "api/call.h"
#include "base/text.h"
#include "kinds/bootstrap_token.h"

#define GROUPS_MAX 64

static const char *const token_type = "bootstrap.kubernetes.io/token";

/* A member of the Secret's data, decoded; "" when it is not there. */
static const char *data(struct arena *a, yyjson_val *secret, const char *key)
{
	yyjson_val *v = yyjson_obj_get(doc_get(secret, "data"), key);
	BUF_AUTO struct buf b = { 0 };
	const char *s = NULL;

	if (yyjson_is_str(v) && !text_unbase64(&b, yyjson_get_str(v), yyjson_get_len(v)) && b.p && !b.failed)
		s = arena_strndup(a, b.p, b.len);
	return s ? s : "";
}

/* A time that cannot be read counts as over. */
static bool over(const char *expiration)
{
	int64_t us;

	return *expiration && (text_parse_time(expiration, &us) || call_now_s() >= us / 1000000);
}

static bool right(struct arena *a, struct cache_obj *o, const char *token)
{
	yyjson_val *secret = cache_tree(o);
	const char *type = doc_str(secret, "type"), *kept = data(a, secret, "token-secret");

	return type && !strcmp(type, token_type) && !o->deleting && strlen(kept) == TOKEN_SECRET_LEN &&
		!CRYPTO_memcmp(kept, token + TOKEN_ID_LEN + 1, TOKEN_SECRET_LEN) && !strncmp(data(a, secret, "token-id"), token, TOKEN_ID_LEN) &&
		strlen(data(a, secret, "token-id")) == TOKEN_ID_LEN && !over(data(a, secret, "expiration")) &&
		!strcmp(data(a, secret, "usage-bootstrap-authentication"), "true");
}

/* "system:bootstrappers:..." of auth-extra-groups; one that is not of that form spoils all. */
static bool extra_groups(struct arena *a, const char *list, const char **groups, size_t *n)
{
	static const char prefix[] = "system:bootstrappers:";

	for (const char *p = list; *p;) {
		size_t len = strcspn(p, ","), rest = len - (sizeof(prefix) - 1);

		if (len <= sizeof(prefix) - 1 || strncmp(p, prefix, sizeof(prefix) - 1) || rest > 256 || *n == GROUPS_MAX ||
		    strspn(p + len - rest, "abcdefghijklmnopqrstuvwxyz0123456789:-") < rest || strchr(":-", p[len - 1]))
			return false;
		groups[*n] = arena_strndup(a, p, len);
		if (!groups[(*n)++])
			return false;
		p += len + (p[len] == ',');
	}
	return true;
}

int bootstrap_token_verify(struct api *api, struct arena *a, const char *token, struct user *ret, struct err *reterr)
{
	const char *id = arena_strndup(a, token, TOKEN_ID_LEN), *name = id ? arena_printf(a, "bootstrap-token-%s", id) : NULL;
	const char **groups = arena_zalloc(a, (GROUPS_MAX + 2) * sizeof(*groups));
	struct cache_obj *o = name ? cache_get(api->cache, api->k.secret->store, "kube-system", name) : NULL;
	size_t n = 0;

	if (!groups || (o && !(ret->name = arena_printf(a, "system:bootstrap:%s", id))))
		return err_set(reterr, ERR_NOMEM, "out of memory");
	groups[n++] = "system:bootstrappers";
	if (!o || !right(a, o, token) || !extra_groups(a, data(a, cache_tree(o), "auth-extra-groups"), groups, &n))
		return err_set(reterr, ERR_UNAUTHORIZED, TOKEN_UNKNOWN);
	*ret = (struct user){ .name = ret->name, .groups = groups };
	return 0;
}
