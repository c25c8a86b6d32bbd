/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_image - what registries and archives bring. The first byte chooses: names,
 * manifests, configs, challenges, or an archive unpacked below a directory in memory.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/image.h"
#include "agent/image_name.h"
#include "agent/layer.h"
#include "agent/registry.h"
#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void archive(const uint8_t *p, size_t n, enum layer_mode mode)
{
	struct layer_job j = { .mode = mode, .limits = { 1 << 20, 50, 16 } };
	struct layer_result r = { 0 };
	char dir[] = "/dev/shm/sampan-fuzz-XXXXXX";

	if (!mkdtemp(dir))
		abort();
	j.archive_fd = memfd_create("archive", 0);
	j.root_fd = open(dir, O_RDONLY | O_DIRECTORY);
	j.hash = EVP_MD_CTX_new();
	EVP_DigestInit_ex(j.hash, EVP_sha256(), NULL);
	if (write(j.archive_fd, p, n) != (ssize_t)n || lseek(j.archive_fd, 0, SEEK_SET))
		abort();
	layer_tar(&j, &r);
	buf_finish(&r.opaque);
	buf_finish(&r.implied);
	EVP_MD_CTX_free(j.hash);
	close(j.archive_fd);
	close(j.root_fd);
	file_remove_tree(dir, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s;

	if (n < 1 || n > 1 << 20)
		return 0;
	s = malloc(n);
	memcpy(s, p + 1, n - 1);
	s[n - 1] = 0;
	switch (*p % 6) {
	case 0: {
		struct image_name name;
		struct buf full = { 0 };

		if (!image_name_parse(&name, s, NULL)) {
			image_name_print(&full, &name);
			/* A name in full is its own full name. */
			if (!full.p || image_name_parse(&name, full.p, NULL))
				abort();
			image_auth_fits(s, &name);
		}
		image_host_is_loopback(s);
		buf_finish(&full);
		break;
	}
	case 1: {
		struct manifest m;

		if (!manifest_parse(&m, s, n - 1, "amd64", 50, NULL))
			manifest_finish(&m);
		break;
	}
	case 2: {
		struct image_layers l;

		if (!image_layers_parse(&l, s, n - 1, "amd64", 50, NULL))
			image_layers_finish(&l);
		break;
	}
	case 3: {
		struct registry_challenge c;

		registry_parse_challenge(s, &c);
		break;
	}
	default:
		archive(p + 1, n - 1, *p % 6 == 4 ? LAYER_ROOTFS : LAYER_FILES);
	}
	free(s);
	return 0;
}
