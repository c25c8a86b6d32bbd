/* SPDX-License-Identifier: Apache-2.0 */
/* image_cli - `sampan image ls|pull|import|rm`: the store used by hand, beside a running agent or without one. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/image.h"
#include "base/env.h"
#include "base/loop.h"
#include "base/text.h"

#define BAR_WIDTH 30

struct cli {
	struct loop *loop;
	struct images *m;
	const char *what;              /* being worked on */
	bool bar, bar_shown;
	int status;
	unsigned left;                 /* calls whose done has not run */
};

static void human(char out[32], uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double v = (double)bytes;
	unsigned u = 0;

	while (v >= 1000 && u < 4) {
		v /= 1000;
		u++;
	}
	snprintf(out, 32, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

static void clear_bar(struct cli *c)
{
	if (c->bar_shown)
		fprintf(stderr, "\r\033[K");
	c->bar_shown = false;
}

/* Bytes while there are some to fetch, then layers. */
static void on_progress(void *arg, unsigned layers_done, unsigned layers, uint64_t bytes)
{
	struct cli *c = arg;
	struct image_progress p;
	char bar[BAR_WIDTH + 1], done[32], total[32];
	double part;
	unsigned fill;

	if (!c->bar)
		return;
	image_progress(c->m, &p);
	part = p.total_bytes && p.bytes < p.total_bytes ? (double)p.bytes / (double)p.total_bytes :
		layers ? (double)layers_done / layers : 0;
	fill = (unsigned)(part * BAR_WIDTH);
	memset(bar, '.', BAR_WIDTH);
	memset(bar, '=', fill < BAR_WIDTH ? fill : BAR_WIDTH);
	bar[BAR_WIDTH] = 0;
	human(done, p.bytes);
	human(total, p.total_bytes);
	fprintf(stderr, "\r\033[K%s [%s] %3d%% ", p.phase, bar, (int)(part * 100));
	if (p.total_bytes)
		fprintf(stderr, "%s of %s, ", done, total);
	fprintf(stderr, "%u of %u layers", layers_done, layers);
	fflush(stderr);
	c->bar_shown = true;
}

static void on_image(void *arg, int rc, const struct image_info *img, bool pulled, const char *message)
{
	struct cli *c = arg;
	char size[32];

	clear_bar(c);
	c->left--;
	if (rc) {
		fprintf(stderr, "sampan image: %s: %s\n", c->what, *message ? message : err_text(rc));
		c->status = 1;
		return;
	}
	human(size, img->size_bytes);
	printf("%s %.19s %s%s\n", img->names[0] ? img->names[0] : img->digest_ref, img->id, size,
		pulled ? "" : " (was here)");
}

static void on_removed(void *arg, int rc)
{
	struct cli *c = arg;

	c->left--;
	if (rc) {
		fprintf(stderr, "sampan image: %s: %s\n", c->what, rc == -ERR_NOT_FOUND ? "no such image here" :
			rc == -ERR_CONFLICT ? "a container uses it" : err_text(rc));
		c->status = 1;
	} else {
		printf("removed %s\n", c->what);
	}
}

static void list_one(void *arg, const struct image_info *img)
{
	char size[32], age[TEXT_TIME_MAX];

	human(size, img->size_bytes);
	text_age(age, (env_wall_us() - img->used_us) * 1000);
	if (!img->names[0])
		printf("%-60s %-12.12s %10s %8s\n", *img->digest_ref ? img->digest_ref : "<none>", img->id + 7, size, age);
	for (unsigned i = 0; img->names[i]; i++)
		printf("%-60s %-12.12s %10s %8s\n", img->names[i], img->id + 7, size, age);
}

static void wait_all(struct cli *c)
{
	while (c->left)
		loop_turn(c->loop, -1);
}

static void pull(struct cli *c, const char *ref, const char *login)
{
	struct image_auth auth = { 0 };
	BUF_AUTO struct buf full = { 0 };
	char *user = login ? strdup(login) : NULL, *colon = user ? strchr(user, ':') : NULL;
	struct err e;
	int rc;

	c->what = ref;
	c->left++;
	if ((rc = image_normalize(&full, ref, &e))) {
		on_image(c, rc, NULL, false, e.msg);
		free(user);
		return;
	}
	if (colon) {
		*colon = 0;
		full.p[strcspn(full.p, "/")] = 0;
		auth = (struct image_auth){ full.p, user, colon + 1 };
	}
	rc = image_pull(c->m, ref, IMAGE_ALWAYS, &auth, colon ? 1 : 0, on_progress, on_image, c);
	if (rc)
		on_image(c, rc, NULL, false, err_text(rc));
	wait_all(c);
	free(user);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: sampan image ls\n"
		"       sampan image pull [--login USER:PASSWORD] [--insecure HOST[:PORT]] [--quiet] IMAGE...\n"
		"       sampan image import [--name IMAGE] [--quiet] FILE...\n"
		"       sampan image rm IMAGE...\n");
	return 2;
}

static int run(struct cli *c, const char *verb, char **args, const char *login, const char *name)
{
	if (!strcmp(verb, "ls")) {
		printf("%-60s %-12s %10s %8s\n", "IMAGE", "ID", "SIZE", "USED");
		image_list(c->m, list_one, NULL);
		return 0;
	}
	if (!*args)
		return usage();
	for (; *args; args++) {
		int rc = 0;

		if (!strcmp(verb, "pull")) {
			pull(c, *args, login);
			continue;
		}
		c->what = *args;
		c->left++;
		if (!strcmp(verb, "import")) {
			rc = image_import(c->m, *args, name, on_progress, on_image, c);
			if (rc)
				on_image(c, rc, NULL, false, err_text(rc));
		} else if ((rc = image_remove(c->m, *args, on_removed, c))) {
			on_removed(c, rc);
		}
		wait_all(c);
	}
	return c->status;
}

int image_main(int argc, char **argv, const char *dir)
{
	static const struct option options[] = { { "login", 1, NULL, 'l' }, { "insecure", 1, NULL, 'i' },
		{ "name", 1, NULL, 'n' }, { "quiet", 0, NULL, 'q' }, { 0 } };
	struct image_store_config cfg = { .dir = dir };
	struct cli c = { .bar = isatty(2) };
	const char *login = NULL, *name = NULL, *verb = argc > 0 ? argv[0] : "";
	struct err e;
	int opt, status;

	if (strcmp(verb, "ls") && strcmp(verb, "pull") && strcmp(verb, "import") && strcmp(verb, "rm"))
		return usage();
	optind = 1;
	while ((opt = getopt_long(argc, argv, "q", options, NULL)) != -1) {
		if (opt == 'l')
			login = optarg;
		else if (opt == 'i')
			cfg.insecure_registries = optarg;
		else if (opt == 'n')
			name = optarg;
		else if (opt == 'q')
			c.bar = false;
		else
			return usage();
	}
	if (loop_open(&c.loop)) {
		fprintf(stderr, "sampan image: cannot start\n");
		return 1;
	}
	if (image_open(&c.m, c.loop, &cfg, &e)) {
		fprintf(stderr, "sampan image: %s\n", e.msg);
		loop_close(c.loop);
		return 1;
	}
	status = run(&c, verb, argv + optind, login, name);
	image_close(c.m);
	loop_close(c.loop);
	return status;
}
