/* SPDX-License-Identifier: Apache-2.0 */
/* agree - see agree.h. */
#include "agree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/cache.h"
#include "client/client.h"
#include "http/pki.h"

#define NAMESPACE "kube-system"
#define NAME      "sampan-servers"

enum { SERVICE_CIDR, CLUSTER_CIDR, MASK4, MASK6, CA, ACCOUNT_KEY, COUNT };
static const struct { const char *key, *way_out; } rows[COUNT] = {
	[SERVICE_CIDR] = { "service-cidr", "give --service-cidr that" },
	[CLUSTER_CIDR] = { "cluster-cidr", "give --cluster-cidr that" },
	[MASK4] = { "node-cidr-mask-size-ipv4", "give --node-cidr-mask-size-ipv4 that" },
	[MASK6] = { "node-cidr-mask-size-ipv6", "give --node-cidr-mask-size-ipv6 that" },
	[CA] = { "ca", "a server joins by the command that `sampan token create --server` prints; its pki/ca.crt and ca.key are the cloud's" },
	[ACCOUNT_KEY] = { "service-account-key", "put the other servers' pki/sa.key in place of this one's" },
};
struct facts { char v[COUNT][128]; };

struct agree {
	struct cache *cache;
	struct client *client;
	struct facts facts;
	void (*done)(void *arg, int rc, const struct err *e);
	void *arg;
};

static int facts_of(const struct agree_config *cfg, struct facts *f, struct err *reterr)
{
	struct pki_signer *s;
	int rc = pki_signer_open(&s, cfg->sa_key_pem, reterr);

	if (rc)
		return rc;
	cidr_pair_text(f->v[SERVICE_CIDR], cfg->services);
	cidr_pair_text(f->v[CLUSTER_CIDR], cfg->pods);
	snprintf(f->v[MASK4], sizeof(f->v[0]), "%d", cfg->node_mask[0]);
	snprintf(f->v[MASK6], sizeof(f->v[0]), "%d", cfg->node_mask[1]);
	snprintf(f->v[ACCOUNT_KEY], sizeof(f->v[0]), "%s", pki_signer_kid(s));
	pki_signer_close(s);
	if (pki_pin(cfg->ca_cert_pem, f->v[CA]))
		return err_set(reterr, ERR_CORRUPT, "the authority is no certificate");
	return 0;
}

enum { SAME, MORE, OTHER };

/* Ranges in other words, as earlier servers have kept them, are the same; a second one beside the first is more. */
static int compare(int row, const char *kept, const char *own)
{
	struct cidr_pair was, now;

	if ((row != SERVICE_CIDR && row != CLUSTER_CIDR) || cidr_pair_parse("", kept, &was, NULL) || cidr_pair_parse("", own, &now, NULL))
		return strcmp(kept, own) ? OTHER : SAME;
	if (!cidr_equal(&was.v[0], &now.v[0]))
		return OTHER;
	if (!was.v[1].family && now.v[1].family)
		return MORE;
	return was.v[1].family == now.v[1].family && cidr_equal(&was.v[1], &now.v[1]) ? SAME : OTHER;
}

/* ret_more (may be NULL): what is kept is to be added to. */
static int check(struct cache *c, const struct facts *f, bool *ret_more, struct err *reterr)
{
	struct cache_obj *o = cache_get(c, "core/configmaps", NAMESPACE, NAME);
	yyjson_val *data = o ? doc_get(cache_tree(o), "data") : NULL;

	for (int i = 0; i < COUNT; i++) {
		const char *kept = yyjson_get_str(yyjson_obj_get(data, rows[i].key));
		int how = kept ? compare(i, kept, f->v[i]) : SAME;

		if (ret_more)
			*ret_more |= how == MORE;
		if (how == OTHER)
			return err_set(reterr, ERR_CONFLICT, "this server's %s is %s, and that of the cloud's servers is %s "
				"(ConfigMap " NAME " of " NAMESPACE "): %s", rows[i].key, f->v[i], kept, rows[i].way_out);
	}
	return 0;
}

int agree_check(struct cache *c, const struct agree_config *cfg, struct err *reterr)
{
	struct facts f;
	int rc = facts_of(cfg, &f, reterr);

	return rc ? rc : check(c, &f, NULL, reterr);
}

static void kept(void *arg, const struct client_reply *r);

static int write_facts(struct agree *a, bool again)
{
	BUF_AUTO struct buf b = { 0 };
	struct client_req q = { .method = again ? "PATCH" : "POST", .content_type = again ? "application/merge-patch+json" : NULL,
		.path = again ? "/api/v1/namespaces/" NAMESPACE "/configmaps/" NAME : "/api/v1/namespaces/" NAMESPACE "/configmaps" };

	buf_adds(&b, "{\"metadata\":{\"name\":\"" NAME "\"},\"data\":{");
	for (int i = 0; i < COUNT; i++) {
		buf_printf(&b, "%s\"%s\":", i ? "," : "", rows[i].key);
		buf_add_json(&b, a->facts.v[i], strlen(a->facts.v[i]));
	}
	buf_adds(&b, "}}");
	q.body = b.p;
	q.body_len = b.len;
	return b.failed || client_call(a->client, &q, kept, a) ? -ERR_NOMEM : 0;
}

static void kept(void *arg, const struct client_reply *r)
{
	struct agree *a = arg;
	struct err e = { 0 };
	bool more = false;
	int rc = r->rc;

	if (rc == -ERR_CANCELED)
		return;
	if (rc && rc != -ERR_EXISTS)
		err_set(&e, -rc, "what servers agree on was not written: %s", r->message);
	else
		rc = check(a->cache, &a->facts, &more, &e);
	if (!rc && more && !write_facts(a, true))
		return;
	a->done(a->arg, rc, &e);
}

int agree_open(struct agree **ret, struct cache *c, struct client *client, const struct agree_config *cfg,
	void (*done)(void *arg, int rc, const struct err *e), void *arg, struct err *reterr)
{
	struct agree *a = calloc(1, sizeof(*a));
	int rc;

	if (!a) {
		client_close(client);
		return err_set(reterr, ERR_NOMEM, "out of memory");
	}
	*a = (struct agree){ .cache = c, .client = client, .done = done, .arg = arg };
	rc = facts_of(cfg, &a->facts, reterr);
	if (!rc && write_facts(a, false))
		rc = err_set(reterr, ERR_NOMEM, "out of memory");
	if (rc) {
		agree_close(a);
		return rc;
	}
	*ret = a;
	return 0;
}

void agree_close(struct agree *a)
{
	if (!a)
		return;
	client_close(a->client);
	free(a);
}
