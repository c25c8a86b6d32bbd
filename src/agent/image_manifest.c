/* SPDX-License-Identifier: Apache-2.0 */
/* image_manifest - see image_name.h: manifests, indexes, and a config's layers. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "agent/image_name.h"
#include "base/text.h"

#define INDEX_MAX 1024

const char *image_machine_arch(void)
{
	static const char *const names[][2] = { { "x86_64", "amd64" }, { "aarch64", "arm64" }, { "i686", "386" },
		{ "armv7l", "arm" }, { "armv6l", "arm" }, { "ppc64le", "ppc64le" }, { "s390x", "s390x" },
		{ "riscv64", "riscv64" }, { "loongarch64", "loong64" } };
	static struct utsname u;

	uname(&u);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(u.machine, names[i][0]))
			return names[i][1];
	return u.machine;
}

static const char *str(yyjson_val *o, const char *key)
{
	const char *s = yyjson_get_str(yyjson_obj_get(o, key));

	return s ? s : "";
}

static bool descriptor(yyjson_val *d, char digest[IMAGE_DIGEST_MAX], uint64_t *ret_size)
{
	yyjson_val *size = yyjson_obj_get(d, "size");

	if (!image_digest_ok(str(d, "digest")) || !yyjson_is_int(size) || yyjson_get_sint(size) < 0)
		return false;
	strcpy(digest, str(d, "digest"));
	*ret_size = yyjson_get_uint(size);
	return true;
}

static int choose(struct manifest *ret, yyjson_val *list, const char *arch, struct err *reterr)
{
	BUF_AUTO struct buf others = { 0 };
	yyjson_val *m;
	size_t i, max;
	uint64_t size;

	ret->is_index = true;
	if (yyjson_arr_size(list) > INDEX_MAX)
		return err_set(reterr, ERR_SIZE, "the index lists more than %d images", INDEX_MAX);
	yyjson_arr_foreach(list, i, max, m) {
		yyjson_val *p = yyjson_obj_get(m, "platform");
		const char *os = str(p, "os"), *a = str(p, "architecture");

		/* Without a platform: an index of one. */
		if (!(p && (strcmp(os, "linux") || strcmp(a, arch))) && descriptor(m, ret->chosen, &size))
			return 0;
		if (p && strcmp(os, "unknown") && others.len < 400)
			buf_printf(&others, "%s%s/%s", others.len ? ", " : "", os, a);
	}
	return err_set(reterr, ERR_INVALID, "no image for linux/%s; it is there for %s", arch,
		others.len ? others.p : "nothing known");
}

static int layers(struct manifest *ret, yyjson_val *root, unsigned layers_max, struct err *reterr)
{
	yyjson_val *list = yyjson_obj_get(root, "layers"), *l;
	size_t i, max;

	if (!yyjson_is_arr(list) || !descriptor(yyjson_obj_get(root, "config"), ret->config, &ret->config_size_bytes))
		return err_set(reterr, ERR_INVALID, "the manifest has no config or no layers");
	if (ret->config_size_bytes > IMAGE_CONFIG_MAX || yyjson_arr_size(list) > layers_max)
		return err_set(reterr, ERR_SIZE, "the image has %zu layers; the limit is %u", yyjson_arr_size(list), layers_max);
	ret->layers = calloc(yyjson_arr_size(list) + 1, sizeof(*ret->layers));
	if (!ret->layers)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	yyjson_arr_foreach(list, i, max, l) {
		struct manifest_layer *to = &ret->layers[ret->layer_count++];

		if (!descriptor(l, to->digest, &to->size_bytes))
			return err_set(reterr, ERR_INVALID, "layer %zu of the manifest is malformed", i);
		if (strstr(str(l, "mediaType"), "encrypted"))
			return err_set(reterr, ERR_INVALID, "layer %zu is encrypted", i);
	}
	return 0;
}

int manifest_parse(struct manifest *ret, const char *json, size_t len, const char *arch, unsigned layers_max,
	struct err *reterr)
{
	yyjson_doc *d = len <= IMAGE_MANIFEST_MAX ? yyjson_read(json, len, 0) : NULL;
	yyjson_val *root = yyjson_doc_get_root(d), *list = yyjson_obj_get(root, "manifests");
	int rc;

	*ret = (struct manifest){ 0 };
	if (!yyjson_is_obj(root))
		rc = err_set(reterr, ERR_INVALID, "the manifest is not a JSON object");
	else if (yyjson_get_int(yyjson_obj_get(root, "schemaVersion")) == 1)
		rc = err_set(reterr, ERR_INVALID, "the manifest is of schema 1, which nobody should use any more");
	else if (list)
		rc = choose(ret, list, arch, reterr);
	else
		rc = layers(ret, root, layers_max, reterr);
	yyjson_doc_free(d);
	if (rc)
		manifest_finish(ret);
	return rc;
}

void manifest_finish(struct manifest *m)
{
	free(m->layers);
	*m = (struct manifest){ 0 };
}

static void hash_chain(char out[IMAGE_DIGEST_MAX], const char *below, const char *diff_id)
{
	char both[2 * IMAGE_DIGEST_MAX], hex[65];
	uint8_t sum[32];
	int n = snprintf(both, sizeof(both), "%s %s", below, diff_id);

	text_sha256(sum, both, (size_t)n);
	text_hex(hex, sum, 32);
	snprintf(out, IMAGE_DIGEST_MAX, "sha256:%s", hex);
}

int image_layers_parse(struct image_layers *ret, const char *config, size_t len, const char *arch,
	unsigned layers_max, struct err *reterr)
{
	yyjson_doc *d = len <= IMAGE_CONFIG_MAX ? yyjson_read(config, len, 0) : NULL;
	yyjson_val *root = yyjson_doc_get_root(d), *list, *v;
	const char *a = str(root, "architecture"), *os = str(root, "os");
	size_t i, max;
	int rc = 0;

	*ret = (struct image_layers){ 0 };
	list = yyjson_obj_get(yyjson_obj_get(root, "rootfs"), "diff_ids");
	if (!yyjson_is_obj(root) || (list && !yyjson_is_arr(list)))
		rc = err_set(reterr, ERR_INVALID, "the image's config is malformed");
	else if ((*os && strcmp(os, "linux")) || (*a && strcmp(a, arch)))
		rc = err_set(reterr, ERR_INVALID, "the image is for %s/%s, this machine is linux/%s", *os ? os : "linux", a, arch);
	else if (yyjson_arr_size(list) > layers_max)
		rc = err_set(reterr, ERR_SIZE, "the image has %zu layers; the limit is %u", yyjson_arr_size(list), layers_max);
	if (!rc) {
		ret->diff_ids = calloc(yyjson_arr_size(list) + 1, sizeof(*ret->diff_ids));
		ret->chain_ids = calloc(yyjson_arr_size(list) + 1, sizeof(*ret->chain_ids));
		if (!ret->diff_ids || !ret->chain_ids)
			rc = err_set(reterr, ERR_NOMEM, "out of memory");
	}
	if (!rc)
		yyjson_arr_foreach(list, i, max, v) {
			const char *s = yyjson_get_str(v);

			if (!s || !image_digest_ok(s)) {
				rc = err_set(reterr, ERR_INVALID, "the image's config names layer %zu \"%s\"", i, s ? s : "");
				break;
			}
			strcpy(ret->diff_ids[i], s);
			if (i)
				hash_chain(ret->chain_ids[i], ret->chain_ids[i - 1], s);
			else
				strcpy(ret->chain_ids[i], s);
			ret->count++;
		}
	yyjson_doc_free(d);
	if (rc)
		image_layers_finish(ret);
	return rc;
}

void image_layers_finish(struct image_layers *l)
{
	free(l->diff_ids);
	free(l->chain_ids);
	*l = (struct image_layers){ 0 };
}
