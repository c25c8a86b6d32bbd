/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role_image - the machine's image store from the command line. It works on the data
 * directory itself, beside a running agent or without one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/image.h"
#include "agent/image_name.h"
#include "base/env.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/text.h"
#include "roles.h"
#include "roles_priv.h"

struct work {
	struct loop *loop;
	struct images *images;
	const struct cli_command *cmd;
	const char *ref;
	bool bar;                      /* a terminal: progress on one line */
	int rc;
	struct err err;
};

static const char *data_dir = DEFAULT_DATA_DIR "/agent";
static const char *username, *password, *insecure;

static void size_text(char out[32], uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double v = (double)bytes;
	int u = 0;

	while (v >= 1000 && u < 4) {
		v /= 1000;
		u++;
	}
	snprintf(out, 32, v < 10 && u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

/* ---- the store ---- */
/* fresh: the store may be made; else it must be there. */
static int work_open(struct work *w, const struct cli_command *cmd, bool fresh)
{
	char dir[4300];
	struct image_store_config cfg = { .dir = dir, .insecure_registries = insecure };

	*w = (struct work){ .cmd = cmd, .bar = isatty(2) };
	snprintf(dir, sizeof(dir), "%s/images", data_dir);
	if (!fresh && !file_exists(dir))
		return err_set(&w->err, ERR_NOT_FOUND, "there are no images at %s; is --data-dir right?", dir);
	if (loop_open(&w->loop))
		return err_set(&w->err, ERR_IO, "cannot make an event loop");
	return image_open(&w->images, w->loop, &cfg, &w->err);
}

static int work_close(struct work *w, int rc)
{
	if (w->images)
		image_close(w->images);
	if (w->loop)
		loop_close(w->loop);
	return rc ? role_fail(w->cmd, &w->err) : 0;
}

/* ---- progress ---- */
static void draw(void *arg, unsigned layers_done, unsigned layers, uint64_t bytes)
{
	struct work *w = arg;
	struct image_progress p;
	char have[32], all[32];
	char bar[31] = { 0 };

	(void)layers_done;
	(void)layers;
	(void)bytes;
	if (!w->bar)
		return;
	image_progress(w->images, &p);
	size_text(have, p.bytes);
	size_text(all, p.total_bytes);
	size_t full = p.total_bytes ? (size_t)(p.bytes * 30 / p.total_bytes) : 0;
	memset(bar, '-', 30);
	memset(bar, '#', full > 30 ? 30 : full);
	fprintf(stderr, "\r\033[K%s: %s [%s] %s of %s, layer %u of %u", w->ref, p.phase, bar, have, all, p.layers_done, p.layers);
}

static void done(void *arg, int rc, const struct image_info *img, bool pulled, const char *message)
{
	struct work *w = arg;

	if (w->bar)
		fprintf(stderr, "\r\033[K");
	w->rc = rc;
	if (rc)
		err_set(&w->err, -rc, "%s", message && *message ? message : err_text(rc));
	else
		printf("%s %s %s\n", w->ref, img->id, pulled ? "pulled" : "is here already");
	loop_stop(w->loop);
}

/* ---- commands ---- */
static const struct cli_option pull_opts[] = {
	{ "data-dir", "DIR", "the agent's data directory", &data_dir, NULL },
	{ "username", "NAME", "for registries that ask", &username, NULL },
	{ "password", "TEXT", "its password; $SAMPAN_REGISTRY_PASSWORD when not given", &password, NULL },
	{ "insecure-registries", "HOST,..", "registries spoken to without TLS", &insecure, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};
static const struct cli_option store_opts[] = {
	{ "data-dir", "DIR", "the agent's data directory", &data_dir, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

static int pull(int argc, char **argv)
{
	struct work w;
	int n = cli_parse(&cmd_image_pull, pull_opts, argc, argv), rc;

	if (!n)
		cli_usage(&cmd_image_pull, "which image?");
	if (username && !password)
		password = getenv("SAMPAN_REGISTRY_PASSWORD");
	rc = work_open(&w, &cmd_image_pull, true);
	for (int i = 1; !rc && i <= n; i++) {
		/* Credentials go to the registry of the reference they were given with. */
		struct image_name name;
		if ((rc = image_name_parse(&name, argv[i], &w.err)))
			break;
		struct image_auth auth = { name.host, username, password ? password : "" };
		w.ref = argv[i];
		rc = image_pull(w.images, argv[i], IMAGE_ALWAYS, username ? &auth : NULL, username ? 1 : 0, draw, done, &w);
		if (!rc) {
			loop_run(w.loop);
			rc = w.rc;
		} else {
			err_set(&w.err, -rc, "%s", err_text(rc));
		}
	}
	return work_close(&w, rc);
}

static int import(int argc, char **argv)
{
	struct work w;
	int n = cli_parse(&cmd_image_import, store_opts, argc, argv), rc;

	if (n < 1 || n > 2)
		cli_usage(&cmd_image_import, "which archive?");
	rc = work_open(&w, &cmd_image_import, true);
	w.ref = argv[1];
	if (!rc)
		rc = image_import(w.images, argv[1], n == 2 ? argv[2] : NULL, draw, done, &w);
	if (!rc) {
		loop_run(w.loop);
		rc = w.rc;
	}
	return work_close(&w, rc);
}

static void list_one(void *arg, const struct image_info *img)
{
	char size[32], age[TEXT_TIME_MAX];

	(void)arg;
	size_text(size, img->size_bytes);
	text_age(age, (env_wall_us() - img->used_us) * 1000);
	for (const char *const *name = img->names; *name; name++)
		printf("%-56s %.12s  %8s  %s\n", *name, strchr(img->id, ':') ? strchr(img->id, ':') + 1 : img->id, size, age);
	if (!img->names[0])
		printf("%-56s %.12s  %8s  %s\n", "<none>", strchr(img->id, ':') ? strchr(img->id, ':') + 1 : img->id, size, age);
}

static int list(int argc, char **argv)
{
	struct work w;

	cli_parse(&cmd_image_ls, store_opts, argc, argv);
	int rc = work_open(&w, &cmd_image_ls, false);
	if (!rc) {
		printf("%-56s %-12s  %8s  %s\n", "NAME", "ID", "SIZE", "USED");
		image_list(w.images, list_one, NULL);
	}
	return work_close(&w, rc);
}

static void removed(void *arg, int rc)
{
	struct work *w = arg;

	w->rc = rc;
	loop_stop(w->loop);
}

static int rm(int argc, char **argv)
{
	struct work w;
	int n = cli_parse(&cmd_image_rm, store_opts, argc, argv), rc;

	if (!n)
		cli_usage(&cmd_image_rm, "which image?");
	rc = work_open(&w, &cmd_image_rm, false);
	for (int i = 1; !rc && i <= n; i++) {
		rc = image_remove(w.images, argv[i], removed, &w);
		if (!rc) {
			loop_run(w.loop);
			rc = w.rc;
		}
		if (rc == -ERR_NOT_FOUND)
			err_set(&w.err, ERR_NOT_FOUND, "there is no image %s here; see `sampan image ls`", argv[i]);
		else if (rc == -ERR_CONFLICT)
			err_set(&w.err, ERR_CONFLICT, "%s is in use by a container; delete its pod first", argv[i]);
		else if (rc)
			err_set(&w.err, -rc, "%s: %s", argv[i], err_text(rc));
	}
	return work_close(&w, rc);
}

const struct cli_command cmd_image_ls = { .name = "image ls", .help = "list the images on this machine", .run = list };
const struct cli_command cmd_image_pull = { .name = "image pull", .args = "REF...",
	.help = "fetch images from their registries", .run = pull };
const struct cli_command cmd_image_import = { .name = "image import", .args = "FILE [NAME]",
	.help = "take the images of a docker-archive or OCI-layout tar", .run = import };
const struct cli_command cmd_image_rm = { .name = "image rm", .args = "REF...", .help = "remove images", .run = rm };
