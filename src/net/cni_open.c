/* SPDX-License-Identifier: Apache-2.0 */
/* cni_open - whose the pods are, and what an earlier life attached; closing; and taking all of it away. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "base/workers.h"
#include "net/cni_priv.h"
#define LOG_MODULE "cni"
#include "base/log.h"

#define JOBS_MAX       4096u
#define DOWN_MS_MAX    180000

static bool is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool empty = true;

	while (d && empty && (e = readdir(d)))
		empty = e->d_name[0] == '.';
	if (d)
		closedir(d);
	return empty;
}

static int load(struct cni *c, struct err *reterr)
{
	DIR *d = opendir(c->dir);
	struct dirent *e;
	int rc = d || errno == ENOENT ? 0 : err_errno(reterr, "%s", c->dir);

	while (d && !rc && (e = readdir(d))) {
		BUF_AUTO struct buf text = { 0 }, path = { 0 };
		struct err why = { 0 };
		struct att *t;

		if (e->d_name[0] == '.')
			continue;
		buf_printf(&path, "%s/%s", c->dir, e->d_name);
		if (!cni_good_id(e->d_name)) {
			unlink(path.p);        /* a writing cut short */
			continue;
		}
		t = cni_att_new(c, e->d_name);
		if (!t || path.failed) {
			rc = err_set(reterr, ERR_NOMEM, "out of memory");
		} else if (file_read(path.p, CNI_RECORD_MAX, &text, &why) || cni_record_parse(&t->rec, text.p ? text.p : "", text.len, &why)) {
			log_error("%s cannot be used, what it tells of stays attached: %s", path.p, why.msg);
			cni_att_drop(t);
		} else {
			t->recorded = true;
		}
	}
	if (d)
		closedir(d);
	return rc;
}

int cni_open(struct cni **ret, struct loop *l, const struct cni_config *cfg, struct err *reterr)
{
	struct cni *c = calloc(1, sizeof(*c));
	BUF_AUTO struct buf leases = { 0 };
	char file[256] = "";
	int rc;

	*ret = NULL;
	if (!c)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	c->loop = l;
	list_init(&c->line);
	c->arena = arena_open(CNI_ARENA_BYTES);
	c->bin_dirs = strdup(cfg->bin_dirs);
	buf_printf(&leases, "%s/leases", cfg->state_dir);
	if (!c->arena || !c->bin_dirs || leases.failed || asprintf(&c->dir, "%s/cni", cfg->state_dir) < 0) {
		rc = err_set(reterr, ERR_NOMEM, "out of memory");
		goto fail;
	}
	rc = load(c, reterr);
	if (!rc && cfg->conf_dir) {
		rc = cni_choose(c->arena, cfg->conf_dir, &c->list, file, reterr);
		if (rc == -ERR_NOT_FOUND)
			rc = c->atts.len ? err_set(reterr, ERR_INVALID, "%s has no network configuration any more, and pods of this machine are "
				"attached by one that it had: put it back, or drain the node and run `sampan down`", cfg->conf_dir) : 0;
		else if (!rc && !is_empty(leases.p))
			rc = err_set(reterr, ERR_CONFLICT, "%s/%s is a network configuration, and pods of this machine have addresses of Sampan's "
				"own network: drain the node and run `sampan down` first, or say --cni-dir none", cfg->conf_dir, file);
	}
	if (rc || (!c->list.count && !c->atts.len))
		goto fail;             /* or nothing to do */
	rc = file_mkdirs(c->dir, 0700, reterr);
	if (!rc && workers_open(&c->files, l, "net-cni", 1, JOBS_MAX))
		rc = err_set(reterr, ERR_IO, "cannot start threads");
	if (rc)
		goto fail;
	if (cfg->conf_dir)
		log_info("pods are attached by the network %s of %s/%s, not by our own", c->list.name, cfg->conf_dir, file);
	*ret = c;
	return 0;
fail:
	cni_close(c);
	return rc;
}

void cni_close(struct cni *c)
{
	size_t it = 0;
	void *v;

	if (!c)
		return;
	c->closing = true;
	loop_defer_cancel(c->loop, &c->line_task);
	if (c->files)
		workers_close(c->files);
	while (map_next(&c->atts, &it, NULL, &v)) {
		struct att *t = v;

		cni_att_added(t, -ERR_CANCELED, NULL, "shutting down");
		if (t->unwanted && t->deleted)
			t->deleted(t->deleted_arg, -ERR_CANCELED, "shutting down");
		cni_att_free(t);
	}
	map_finish(&c->atts);
	arena_close(c->arena);
	free(c->dir);
	free(c->bin_dirs);
	free(c);
}

int cni_down(const struct cni_config *cfg, struct err *reterr)
{
	static const char *const none[] = { NULL };
	struct cni_config all = { .bin_dirs = cfg->bin_dirs, .state_dir = cfg->state_dir };
	int64_t until = env_now_ms() + DOWN_MS_MAX;
	struct loop *l;
	struct cni *c;
	int rc;

	if (loop_open(&l))
		return err_set(reterr, ERR_IO, "cannot make an event loop");
	rc = cni_open(&c, l, &all, reterr);
	if (!rc && c) {
		bool failed = false;

		cni_pods_keep(c, none);
		while (c->atts.len && !failed && env_now_ms() < until) {
			size_t it = 0;
			void *v;

			loop_turn(l, 100);
			/* Once each: who asks for it again hears the same again. */
			failed = true;
			while (map_next(&c->atts, &it, NULL, &v))
				failed &= loop_timer_is_set(&((struct att *)v)->retry);
			failed &= c->atts.len > 0;
			it = 0;
			if (failed && map_next(&c->atts, &it, NULL, &v))
				rc = err_set(reterr, ERR_IO, "pod %s is not detached from its network: %s", ((struct att *)v)->id,
					((struct att *)v)->message);
		}
		if (!rc && c->atts.len)
			rc = err_set(reterr, ERR_DEADLINE, "%zu pods are not detached from their network", (size_t)c->atts.len);
		cni_close(c);
	}
	loop_close(l);
	return rc;
}
