/* SPDX-License-Identifier: Apache-2.0 */
/* bundle - see bundle.h. */
#include "bundle.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <yyjson.h>

#include "base/env.h"
#include "base/file.h"
#include "base/text.h"

#define FILE_MAX     (64u << 10)
#define SEALED_MAX   (512u << 10)
#define SETTINGS     "shared.json"
#define NONCE_BYTES  12
#define TAG_BYTES    16

static const struct { const char *member, *dir, *name; mode_t mode; bool needed; } files[BUNDLE_FILES] = {
	[BUNDLE_CA_CERT] = { "ca.crt", "pki", "ca.crt", 0644, true },
	[BUNDLE_CA_KEY] = { "ca.key", "pki", "ca.key", 0600, true },
	[BUNDLE_SA_KEY] = { "sa.key", "pki", "sa.key", 0600, true },
	[BUNDLE_STORE_CA] = { "storeCA", "server", "store-ca.crt", 0600, false },
	[BUNDLE_STORE_CERT] = { "storeCert", "server", "store.crt", 0600, false },
	[BUNDLE_STORE_KEY] = { "storeKey", "server", "store.key", 0600, false },
	[BUNDLE_STORE_AUTH] = { "storeAuth", "server", "store.auth", 0600, false },
};

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_finish(b);
}

void bundle_finish(struct bundle *b)
{
	for (int i = 0; i < BUNDLE_FILES; i++)
		wipe(&b->file[i]);
}

/* ---- JSON, of the settings and of what is sealed ---- */

static void add(struct buf *out, const char *member, const char *text)
{
	buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", member);
	buf_add_json(out, text, strlen(text));
}

static bool take(yyjson_val *o, const char *member, char *ret, size_t size, bool needed)
{
	yyjson_val *v = yyjson_obj_get(o, member);
	size_t n = yyjson_get_len(v);

	*ret = 0;
	if (!v)
		return !needed;
	if (!yyjson_is_str(v) || n >= size || (needed && !n) || memchr(yyjson_get_str(v), 0, n))
		return false;
	memcpy(ret, yyjson_get_str(v), n + 1);
	return true;
}

static void add_common(struct buf *out, const char *store, const char *service_cidr, const char *cluster_cidr, const char *node_masks)
{
	buf_addc(out, '{');
	add(out, "store", store);
	add(out, "serviceCIDR", service_cidr);
	add(out, "clusterCIDR", cluster_cidr);
	if (*node_masks)
		add(out, "nodeMasks", node_masks);
}

static bool take_common(yyjson_val *o, char store[1024], char service_cidr[BUNDLE_CIDR_MAX], char cluster_cidr[BUNDLE_CIDR_MAX],
	char node_masks[16])
{
	return take(o, "store", store, 1024, true) && take(o, "serviceCIDR", service_cidr, BUNDLE_CIDR_MAX, true) &&
		take(o, "clusterCIDR", cluster_cidr, BUNDLE_CIDR_MAX, true) && take(o, "nodeMasks", node_masks, 16, false);
}

/* ---- settings ---- */

static void settings_path(const char *data_dir, char ret[4300])
{
	snprintf(ret, 4300, "%s/server/" SETTINGS, data_dir);
}

int bundle_settings_write(const char *data_dir, const struct bundle_settings *s, struct err *reterr)
{
	BUF_AUTO struct buf b = { 0 };
	BUF_AUTO struct buf old = { 0 };
	char path[4300];

	settings_path(data_dir, path);
	if (!s)
		return unlink(path) && errno != ENOENT ? err_errno(reterr, "remove %s", path) : 0;
	add_common(&b, s->store, s->service_cidr, s->cluster_cidr, s->node_masks);
	for (int i = 0; i < BUNDLE_FILES; i++)
		if (*s->path[i])
			add(&b, files[i].member, s->path[i]);
	buf_adds(&b, "}\n");
	if (b.failed)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	if (!file_read(path, FILE_MAX, &old, NULL) && old.len == b.len && !memcmp(old.p, b.p, b.len))
		return 0;
	return file_replace(path, b.p, b.len, 0600, reterr);
}

int bundle_settings_read(const char *data_dir, struct bundle_settings *s, struct err *reterr)
{
	BUF_AUTO struct buf b = { 0 };
	char path[4300];
	yyjson_doc *doc;
	yyjson_val *o;
	int rc;

	memset(s, 0, sizeof(*s));
	settings_path(data_dir, path);
	rc = file_read(path, FILE_MAX, &b, reterr);
	if (rc)
		return rc;
	doc = yyjson_read(b.p, b.len, 0);
	o = yyjson_doc_get_root(doc);
	bool ok = take_common(o, s->store, s->service_cidr, s->cluster_cidr, s->node_masks);
	for (int i = 0; i < BUNDLE_FILES; i++)
		ok = ok && take(o, files[i].member, s->path[i], sizeof(s->path[i]), false);
	yyjson_doc_free(doc);
	return ok ? 0 : err_set(reterr, ERR_CORRUPT, "%s is damaged: start the server with its options, which writes it anew", path);
}

/* ---- in a directory ---- */

int bundle_read(const char *data_dir, struct bundle *b, struct err *reterr)
{
	struct bundle_settings s;
	int rc = bundle_settings_read(data_dir, &s, reterr);

	memset(b, 0, sizeof(*b));
	if (rc == -ERR_NOT_FOUND)
		return err_set(reterr, ERR_NOT_FOUND, "a second server needs a shared store, and no server with one has run in %s: "
			"`sampan store migrate` moves a cloud into etcd, then start its server with --store etcd://...", data_dir);
	if (rc)
		return rc;
	memcpy(b->store, s.store, sizeof(b->store));
	memcpy(b->service_cidr, s.service_cidr, sizeof(b->service_cidr));
	memcpy(b->cluster_cidr, s.cluster_cidr, sizeof(b->cluster_cidr));
	memcpy(b->node_masks, s.node_masks, sizeof(b->node_masks));
	for (int i = 0; i < BUNDLE_FILES; i++) {
		char own[4300];
		const char *path = files[i].needed ? own : s.path[i];

		snprintf(own, sizeof(own), "%s/%s/%s", data_dir, files[i].dir, files[i].name);
		if (*path && (rc = file_read(path, FILE_MAX, &b->file[i], reterr)))
			return rc;
	}
	return 0;
}

static int write_dir(const char *data_dir, const char *dir, const struct bundle *b, struct bundle_settings *s, struct err *reterr)
{
	struct file_content list[BUNDLE_FILES];
	char given[4300], path[PATH_MAX];
	size_t n = 0;
	int rc;

	snprintf(given, sizeof(given), "%s/%s", data_dir, dir);
	rc = file_mkdirs(given, 0700, reterr);
	if (rc)
		return rc;
	if (!realpath(given, path))
		return err_errno(reterr, "%s", given);
	for (int i = 0; i < BUNDLE_FILES; i++) {
		if (!b->file[i].p || strcmp(files[i].dir, dir) != 0)
			continue;
		list[n++] = (struct file_content){ files[i].name, b->file[i].p, b->file[i].len, files[i].mode };
		if (!files[i].needed && (size_t)snprintf(s->path[i], sizeof(s->path[i]), "%s/%s", path, files[i].name) >= sizeof(s->path[i]))
			return err_set(reterr, ERR_SIZE, "%s is too long a path", path);
	}
	return n ? file_replace_all(path, list, n, reterr) : 0;
}

int bundle_write(const char *data_dir, const struct bundle *b, struct err *reterr)
{
	struct bundle_settings s = { 0 };
	int rc;

	memcpy(s.store, b->store, sizeof(s.store));
	memcpy(s.service_cidr, b->service_cidr, sizeof(s.service_cidr));
	memcpy(s.cluster_cidr, b->cluster_cidr, sizeof(s.cluster_cidr));
	memcpy(s.node_masks, b->node_masks, sizeof(s.node_masks));
	if ((rc = write_dir(data_dir, "pki", b, &s, reterr)) || (rc = write_dir(data_dir, "server", b, &s, reterr)))
		return rc;
	return bundle_settings_write(data_dir, &s, reterr);
}

/* ---- sealed ---- */

void bundle_key(char ret[BUNDLE_KEY_MAX])
{
	uint8_t r[32];

	env_random(r, sizeof(r));
	text_hex(ret, r, sizeof(r));
	explicit_bzero(r, sizeof(r));
}

bool bundle_key_form(const char *key)
{
	return strlen(key) == BUNDLE_KEY_MAX - 1 && strspn(key, "0123456789abcdef") == BUNDLE_KEY_MAX - 1;
}

/* seal: tag is made; else it is checked, and out means nothing when this is false. */
static bool aes_gcm(bool seal, const char *key, const char *id, const uint8_t *nonce, const uint8_t *in, size_t n, uint8_t *out,
	uint8_t tag[TAG_BYTES])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t k[32];
	int len = 0, end = 0;
	bool ok;

	text_sha256(k, key, strlen(key));
	ok = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, k, nonce, seal) == 1 &&
		EVP_CipherUpdate(ctx, NULL, &len, (const uint8_t *)id, (int)strlen(id)) == 1 &&
		EVP_CipherUpdate(ctx, out, &len, in, (int)n) == 1 &&
		(seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1) &&
		EVP_CipherFinal_ex(ctx, out + len, &end) == 1 && (size_t)(len + end) == n &&
		(!seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1);
	explicit_bzero(k, sizeof(k));
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

int bundle_seal(const struct bundle *b, const char *key, const char *id, struct buf *out, struct err *reterr)
{
	struct buf text = { 0 }, sealed = { 0 };
	uint8_t nonce[NONCE_BYTES], tag[TAG_BYTES];
	bool ok;

	add_common(&text, b->store, b->service_cidr, b->cluster_cidr, b->node_masks);
	for (int i = 0; i < BUNDLE_FILES; i++)
		if (b->file[i].p)
			add(&text, files[i].member, b->file[i].p);
	buf_addc(&text, '}');
	env_random(nonce, sizeof(nonce));
	buf_add(&sealed, text.p, text.len);
	ok = !text.failed && !sealed.failed && text.len <= SEALED_MAX - NONCE_BYTES - TAG_BYTES &&
		aes_gcm(true, key, id, nonce, (const uint8_t *)text.p, text.len, (uint8_t *)sealed.p, tag);
	if (ok) {
		buf_add(out, nonce, sizeof(nonce));
		buf_add(out, sealed.p, sealed.len);
		buf_add(out, tag, sizeof(tag));
	}
	wipe(&text);
	wipe(&sealed);
	return ok && !out->failed ? 0 : err_set(reterr, ERR_INTERNAL, "the servers' keys could not be sealed");
}

static bool take_files(struct bundle *b, yyjson_val *o)
{
	for (int i = 0; i < BUNDLE_FILES; i++) {
		yyjson_val *v = yyjson_obj_get(o, files[i].member);
		size_t n = yyjson_get_len(v);

		if (!v && !files[i].needed)
			continue;
		if (!yyjson_is_str(v) || !n || n > FILE_MAX || memchr(yyjson_get_str(v), 0, n))
			return false;
		buf_adds(&b->file[i], yyjson_get_str(v));
		if (b->file[i].failed)
			return false;
	}
	return true;
}

int bundle_unseal(struct bundle *b, const char *key, const char *id, const void *p, size_t n, struct err *reterr)
{
	struct buf text = { 0 };
	const uint8_t *in = p;
	uint8_t tag[TAG_BYTES];
	yyjson_doc *doc = NULL;
	bool ok = n > NONCE_BYTES + TAG_BYTES && n <= SEALED_MAX;

	memset(b, 0, sizeof(*b));
	if (ok) {
		size_t len = n - NONCE_BYTES - TAG_BYTES;

		memcpy(tag, in + NONCE_BYTES + len, TAG_BYTES);
		buf_add(&text, in + NONCE_BYTES, len);
		ok = !text.failed && aes_gcm(false, key, id, in, in + NONCE_BYTES, len, (uint8_t *)text.p, tag);
	}
	if (ok)
		doc = yyjson_read(text.p, text.len, 0);
	ok = doc && take_common(yyjson_doc_get_root(doc), b->store, b->service_cidr, b->cluster_cidr, b->node_masks) &&
		take_files(b, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	wipe(&text);
	return ok ? 0 : err_set(reterr, ERR_INVALID, "the servers' keys do not open with --key");
}
