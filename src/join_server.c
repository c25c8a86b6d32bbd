/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join_server - see join.h. The keys come sealed in a Secret that the token may read; what opens
 * them was never sent to the cloud.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "bundle.h"
#include "cli/ask.h"
#include "cli/token.h"
#include "http/pki.h"
#include "join.h"
#include "join_priv.h"

#define PEM_MAX (64u << 10)
#define ANOTHER_TOKEN "make another with `sampan token create --server` where a server is"

/* *ret_joined: this machine is a server of that cloud already. */
static int look_around(struct joining *j, const char *data_dir, bool *ret_joined)
{
	BUF_AUTO struct buf ca = { 0 };
	char path[4300];
	int rc = file_read(join_at(j, "ca.crt"), PEM_MAX, &ca, j->reterr);

	*ret_joined = false;
	if (rc)
		return rc == -ERR_NOT_FOUND ? 0 : rc;
	rc = join_same_authority(j, &ca);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/server/shared.json", data_dir);
	*ret_joined = file_exists(path) && file_exists(join_at(j, "ca.key"));
	if (*ret_joined)
		return 0;
	/* Keys alone are what a join that was cut short has left. */
	snprintf(path, sizeof(path), "%s/admin.kubeconfig", data_dir);
	if (file_exists(path))
		return err_set(j->reterr, ERR_CONFLICT, "%s is of this cloud's own server, whose store is not shared: "
			"choose another --data-dir", data_dir);
	if (file_exists(join_at(j, "agent.kubeconfig")))
		return err_set(j->reterr, ERR_CONFLICT, "%s is of a node of this cloud: choose another --data-dir for the server", data_dir);
	return 0;
}

static int refused(struct joining *j, int rc, const char *why)
{
	if (rc == -ERR_UNAVAILABLE)
		return join_unreachable(j, why);
	if (rc == -ERR_UNAUTHORIZED)
		return err_set(j->reterr, -rc, "the server does not know the token, or it is over: " ANOTHER_TOKEN);
	if (rc == -ERR_NOT_FOUND || rc == -ERR_FORBIDDEN)
		return err_set(j->reterr, -rc, "the token is not of a server, or the keys were taken away again after their time: "
			ANOTHER_TOKEN);
	return err_set(j->reterr, -rc, "%s: %s", j->url, why);
}

static int fetch(struct joining *j, const char *key, struct bundle *b)
{
	struct client_config cfg = { .server = j->url, .ca_pem = j->ca.p, .token = j->cfg->token };
	BUF_AUTO struct buf sealed = { 0 };
	char path[200], id[TOKEN_ID_LEN + 1];
	struct err e = { 0 };
	yyjson_val *secret = NULL;
	const char *data;
	struct ask a;
	int rc = ask_open_client(&a, &cfg, j->reterr);

	snprintf(id, sizeof(id), "%.*s", TOKEN_ID_LEN, j->cfg->token);
	snprintf(path, sizeof(path), TOKEN_SERVER_SECRETS "%s", id);
	if (!rc && (rc = ask(&a, "GET", path, NULL, NULL, &secret, &e)))
		rc = refused(j, rc, e.msg);
	if (!rc) {
		data = yyjson_get_str(yyjson_obj_get(doc_get(secret, "data"), TOKEN_SERVER_SEALED));
		if (!data || text_unbase64(&sealed, data, strlen(data)) || !sealed.p)
			rc = err_set(j->reterr, ERR_CORRUPT, "the servers' keys are damaged: " ANOTHER_TOKEN);
	}
	if (!rc && bundle_unseal(b, key, id, sealed.p, sealed.len, &e))
		rc = err_set(j->reterr, ERR_INVALID, "%s: copy the whole line that `sampan token create --server` printed", e.msg);
	ask_close(&a);
	return rc;
}

/* What came is of the pinned authority, and whole. */
static int fits(struct joining *j, const struct bundle *b)
{
	char pin[80];

	if (pki_pin(b->file[BUNDLE_CA_CERT].p, pin) || strcmp(pin, j->cfg->ca_pin) != 0 ||
	    !pki_fits_key(b->file[BUNDLE_CA_CERT].p, b->file[BUNDLE_CA_KEY].p) || !pki_key_ok(b->file[BUNDLE_SA_KEY].p))
		return err_set(j->reterr, ERR_CORRUPT, "the servers' keys that came are not those of the pinned authority: " ANOTHER_TOKEN);
	return 0;
}

int join_server(const struct join_config *config, const char *data_dir, const char *key, const char *store, struct err *reterr)
{
	char pki[4200];
	struct join_config cfg = *config;
	struct joining j = { .cfg = &cfg, .reterr = reterr };
	struct bundle b = { 0 };
	bool joined = false;
	int rc;

	snprintf(pki, sizeof(pki), "%s/pki", data_dir);
	cfg.pki_dir = pki;
	rc = join_check(&j);
	if (!rc && !bundle_key_form(key))
		rc = err_set(reterr, ERR_BAD_REQUEST, "--key is not 64 hexadecimal digits");
	if (!rc)
		rc = file_mkdirs(pki, 0700, reterr);
	if (!rc)
		rc = look_around(&j, data_dir, &joined);
	if (!rc && !joined) {
		if (!j.ca.p)
			rc = join_authority(&j);
		if (!rc && !(rc = fetch(&j, key, &b)) && !(rc = fits(&j, &b))) {
			if (store)
				snprintf(b.store, sizeof(b.store), "%s", store);
			rc = bundle_write(data_dir, &b, reterr);
		}
	}
	bundle_finish(&b);
	join_finish(&j);
	return rc;
}
