/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cni - see cni.h: pods' attachments, each at most in one step at a time.
 *
 *   add: look (worker) -> record (worker) -> plugins in order -> keep the result (worker)
 *   del: plugins in reverse -> forget (worker)
 *
 * An add whose step fails goes on as a del. Chains of plugins run CHAINS_MAX at once, the
 * others wait in c->line.
 */
#include "net/cni.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/workers.h"
#include "net/cni_priv.h"
#define LOG_MODULE "cni"
#include "base/log.h"

#define CHAINS_MAX     16u
#define RETRY_MS_FIRST 1000
#define RETRY_MS_MAX   60000
#define ENV_MAX        9

static void del_begin(struct att *t, enum after after);
static void retry(void *att);

void cni_att_free(struct att *t)
{
	loop_timer_stop(&t->retry);
	list_del(&t->line);
	cni_exec_kill(t->exec);
	cni_record_finish(&t->rec);
	cni_record_finish(&t->next);
	free(t->id);
	free(t);
}

struct att *cni_att_new(struct cni *c, const char *id)
{
	struct att *t = calloc(1, sizeof(*t));

	if (!t || !(t->id = strdup(id)) || map_put(&c->atts, id, t, NULL)) {
		if (t)
			free(t->id);
		free(t);
		return NULL;
	}
	t->c = c;
	list_init(&t->line);
	loop_timer_init(&t->retry, c->loop, retry, t);
	return t;
}

void cni_att_drop(struct att *t)
{
	map_del(&t->c->atts, t->id);
	cni_att_free(t);
}

/* ---- files, on the worker ---- */

struct job {
	struct att *t;                 /* NULL: only for the file */
	char *path;
	struct buf text;               /* empty: remove the file */
	char netns[512], ident[128];   /* netns: told who it is, and nothing else is done */
	int rc;
	struct err err;
	void (*done)(struct att *t, struct job *j);
};

static void free_job(struct job *j)
{
	buf_finish(&j->text);
	free(j->path);
	free(j);
}

static void job_run(void *arg)
{
	struct job *j = arg;

	if (*j->netns)
		cni_netns_ident(j->ident, j->netns);
	else if (j->text.len)
		j->rc = file_replace(j->path, j->text.p, j->text.len, 0600, &j->err);
	else if (unlink(j->path) && errno != ENOENT)
		j->rc = err_errno(&j->err, "%s", j->path);
}

static void job_done(void *arg)
{
	struct job *j = arg;

	if (!j->t->c->closing)
		j->done(j->t, j);
	free_job(j);
}

/* rec: what to write, NULL: remove the file, or with netns: look at that. 0 or an error told in err. */
static int file_job(struct att *t, const struct cni_record *rec, const char *netns, void (*done)(struct att *, struct job *), struct err *err)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return err_set(err, ERR_NOMEM, "out of memory");
	j->t = t;
	j->done = done;
	if (netns)
		snprintf(j->netns, sizeof(j->netns), "%s", netns);
	if (asprintf(&j->path, "%s/%s", t->c->dir, t->id) < 0)
		j->path = NULL;
	if (!j->path || (rec && cni_record_text(&j->text, rec))) {
		free_job(j);
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	if (workers_submit(t->c->files, job_run, job_done, j)) {
		free_job(j);
		return err_set(err, ERR_FULL, "too many pods begin or end at once");
	}
	return 0;
}

/* ---- chains ---- */

static void chain_step(struct att *t);
static void chain_end(struct att *t, int rc);

static void line_run(void *arg)
{
	struct cni *c = arg;

	while (!c->closing && c->chains < CHAINS_MAX && !list_empty(&c->line)) {
		struct att *t = list_entry(c->line.next, struct att, line);

		list_del(&t->line);
		t->in_chain = true;
		c->chains++;
		chain_step(t);
	}
}

static void chain_begin(struct att *t, bool deleting)
{
	t->deleting = deleting;
	t->at = 0;
	t->prev = deleting ? t->rec.result : NULL;
	list_add_tail(&t->c->line, &t->line);
	/* From a turn of its own: a chain may end at once. */
	loop_defer(t->c->loop, &t->c->line_task, line_run, t->c);
}

static const char *verb(const struct att *t)
{
	return t->deleting ? "delete" : "add";
}

static void plugin_failed(struct att *t, const char *type, const char *why, int rc)
{
	char text[sizeof(t->message)];

	snprintf(text, sizeof(text), "plugin type=\"%s\" failed (%s): %.900s", type, verb(t), why);
	if (!t->deleting || t->after != AFTER_FAILURE)
		memcpy(t->message, text, sizeof(text));
	else
		log_warn("%s: what failed is not taken back: %s", t->id, text);
	chain_end(t, rc);
}

static const char *type_of(const struct att *t)
{
	return doc_str(t->rec.list.plugins[t->deleting ? t->rec.list.count - 1 - t->at : t->at], "type");
}

static void plugin_done(void *arg, bool ok, bool late, const char *said, size_t n, const char *errors, size_t error_count)
{
	struct att *t = arg;
	struct cni_result unused;
	struct err e = { 0 };
	yyjson_doc *d;
	char why[1024];

	t->exec = NULL;
	if (late) {
		snprintf(why, sizeof(why), "it did not end within %d s", CNI_TIMEOUT_MS / 1000);
	} else if (!ok) {
		cni_failure(why, sizeof(why), said, n, errors, error_count);
	} else if (t->deleting || (!doc_parse(t->rec.arena, said, n, &d, &e) &&
				   !cni_result_read(&unused, yyjson_doc_get_root(d), t->rec.list.version, &e))) {
		if (!t->deleting)
			t->prev = yyjson_doc_get_root(d);
		t->at++;
		chain_step(t);
		return;
	} else {
		snprintf(why, sizeof(why), "%.1000s", e.msg);
	}
	plugin_failed(t, type_of(t), why, late ? -ERR_DEADLINE : -ERR_IO);
}

/* The first of bin_dirs that has it; out is a path. */
static bool find_plugin(const char *bin_dirs, const char *type, struct buf *out)
{
	for (const char *p = bin_dirs; *p;) {
		size_t n = strcspn(p, ":");

		buf_clear(out);
		buf_printf(out, "%.*s/%s", (int)n, p, type);
		if (n && !out->failed && !access(out->p, X_OK))
			return true;
		p += n + (p[n] == ':');
	}
	return false;
}

/* Is netns, now, still what it was when the record was made? */
static const char *netns_of(const struct att *t)
{
	char ident[128];

	if (!t->deleting)
		return t->rec.netns;
	cni_netns_ident(ident, t->rec.netns);
	return *ident && !strcmp(ident, t->rec.ident) ? t->rec.netns : "";
}

static void chain_step(struct att *t)
{
	const struct cni_list *l = &t->rec.list;
	BUF_AUTO struct buf in = { 0 }, path = { 0 }, bins = { 0 };
	struct buf vars[ENV_MAX] = { 0 };
	const char *env[ENV_MAX + 1] = { NULL }, *type;
	struct err e = { 0 };
	bool failed = false;
	unsigned i;
	int rc;

	if (t->at == l->count) {
		chain_end(t, 0);
		return;
	}
	i = t->deleting ? l->count - 1 - t->at : t->at;
	type = type_of(t);
	buf_adds(&bins, t->c->bin_dirs);
	if (strcmp(t->c->bin_dirs, t->rec.bins))
		buf_printf(&bins, "%s%s", bins.len ? ":" : "", t->rec.bins);
	if (bins.failed || !find_plugin(bins.p, type, &path)) {
		char why[1024];

		snprintf(why, sizeof(why), "no such program in %.400s: install it there, or say where it is by --cni-bin-dir", bins.failed ? "" : bins.p);
		plugin_failed(t, type, why, -ERR_NOT_FOUND);
		return;
	}
	buf_printf(&vars[0], "CNI_COMMAND=%s", t->deleting ? "DEL" : "ADD");
	buf_printf(&vars[1], "CNI_CONTAINERID=%s", t->id);
	buf_printf(&vars[2], "CNI_NETNS=%s", netns_of(t));
	buf_adds(&vars[3], "CNI_IFNAME=eth0");
	buf_printf(&vars[4], "CNI_ARGS=%s", t->rec.args);
	buf_printf(&vars[5], "CNI_PATH=%s", bins.p);
	buf_adds(&vars[6], "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	for (unsigned k = 0; k < ENV_MAX; k++) {
		failed |= vars[k].failed;
		env[k] = vars[k].p;
	}
	rc = failed || cni_input(&in, l, i, t->rec.ports, t->prev) ? err_set(&e, ERR_NOMEM, "out of memory") :
		cni_exec_start(&t->exec, t->c->loop, path.p, env, in.p, in.len, CNI_TIMEOUT_MS, plugin_done, t, &e);
	for (unsigned k = 0; k < ENV_MAX; k++)
		buf_finish(&vars[k]);
	if (rc)
		plugin_failed(t, type, e.msg, rc);
}

/* ---- ends ---- */

void cni_att_added(struct att *t, int rc, const struct cni_result *r, const char *message)
{
	cni_added_fn *added = t->added;

	t->added = NULL;
	if (added)
		added(t->added_arg, rc, r ? r->ip4 : "", r ? r->ip6 : "", message);
}

/* The add is over; t may be gone then. */
static void add_end(struct att *t, int rc)
{
	struct att gone = { .added = t->added, .added_arg = t->added_arg };
	cni_deleted_fn *deleted = t->deleted;
	void *arg = t->deleted_arg;
	struct cni_result r = { 0 };
	bool unwanted = t->unwanted, recorded = t->recorded;

	t->state = ATT_THERE;
	t->added = NULL;
	if (rc)
		memcpy(gone.message, t->message, sizeof(gone.message));
	else
		rc = cni_result_read(&r, t->rec.result, t->rec.list.version, NULL);
	/* Before its callbacks: those may ask for anything. */
	if (!recorded)
		cni_att_drop(t);
	else if (unwanted)
		del_begin(t, AFTER_GONE);
	if (unwanted)
		cni_att_added(&gone, -ERR_CANCELED, NULL, "the pod was removed");
	else
		cni_att_added(&gone, rc, &r, gone.message);
	if (unwanted && !recorded && deleted)
		deleted(arg, 0, "");
}

static void add_fail(struct att *t, int rc, const char *message)
{
	snprintf(t->message, sizeof(t->message), "%s", message);
	t->rc = rc;
	if (t->recorded)
		del_begin(t, AFTER_FAILURE);
	else
		add_end(t, rc);
}

static void kept(struct att *t, struct job *j)
{
	if (j->rc)
		add_fail(t, j->rc, j->err.msg);
	else
		add_end(t, 0);
}

static void recorded(struct att *t, struct job *j)
{
	if (j->rc)
		add_fail(t, j->rc, j->err.msg);
	else
		chain_begin(t, false);
}

/* rec is what is to be attached now. */
static void record(struct att *t)
{
	struct err e;
	int rc;

	t->recorded = true;
	rc = file_job(t, &t->rec, NULL, recorded, &e);
	if (rc) {
		t->recorded = false;
		add_fail(t, rc, e.msg);
	}
}

static void retry(void *arg)
{
	struct att *t = arg;

	del_begin(t, AFTER_GONE);
}

/* A chain of DEL, and forgetting, is over. */
static void del_end(struct att *t, int rc, const char *message)
{
	cni_deleted_fn *deleted = t->deleted;
	void *arg = t->deleted_arg;

	switch (t->after) {
	case AFTER_FAILURE:
		add_end(t, t->rc);
		return;
	case AFTER_ADD:
		if (rc) {
			if (message != t->message)
				snprintf(t->message, sizeof(t->message), "%s", message);
			add_end(t, rc);
			return;
		}
		cni_record_finish(&t->rec);
		t->rec = t->next;
		t->next = (struct cni_record){ 0 };
		record(t);
		return;
	case AFTER_GONE:
		if (!rc) {
			cni_att_drop(t);
			if (deleted)
				deleted(arg, 0, "");
			return;
		}
		t->retry_ms = !t->retry_ms ? RETRY_MS_FIRST : t->retry_ms < RETRY_MS_MAX / 2 ? t->retry_ms * 2 : RETRY_MS_MAX;
		loop_timer_set(&t->retry, t->retry_ms);
		log_warn("%s is not detached, tried again in %lld s: %s", t->id, (long long)t->retry_ms / 1000, message);
		if (deleted)
			deleted(arg, -ERR_AGAIN, message);
		return;
	}
}

static void forgotten(struct att *t, struct job *j)
{
	if (!j->rc)
		t->recorded = false;
	del_end(t, j->rc, j->err.msg);
}

static void chain_end(struct att *t, int rc)
{
	struct cni *c = t->c;
	struct cni_result r;
	struct err e = { 0 };

	if (t->in_chain) {
		t->in_chain = false;
		c->chains--;
		if (!list_empty(&c->line))
			loop_defer(c->loop, &c->line_task, line_run, c);
	}
	if (t->deleting) {
		rc = rc ? rc : file_job(t, NULL, NULL, forgotten, &e);
		if (rc)
			del_end(t, rc, *e.msg ? e.msg : t->message);
		return;
	}
	if (rc) {
		t->rc = rc;
		del_begin(t, AFTER_FAILURE);
		return;
	}
	t->rec.result = t->prev;
	rc = cni_result_read(&r, t->prev, t->rec.list.version, &e);
	if (!rc && !*r.ip4 && !*r.ip6)
		rc = err_set(&e, ERR_INVALID, "the network %s gave the pod no address at eth0", t->rec.list.name);
	rc = rc ? rc : file_job(t, &t->rec, NULL, kept, &e);
	if (rc)
		add_fail(t, rc, e.msg);
}

static void del_begin(struct att *t, enum after after)
{
	t->after = after;
	if (after == AFTER_GONE)
		t->state = ATT_DELETING;
	chain_begin(t, true);
}

/* ---- what is asked for ---- */

bool cni_good_id(const char *id)
{
	return *id && strlen(id) <= CNI_ID_MAX &&
		strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == strlen(id);
}

static int fresh(struct cni *c, struct cni_record *ret, const struct cni_pod *p)
{
	BUF_AUTO struct buf ports = { 0 };
	yyjson_doc *d = NULL;
	struct err e;

	*ret = (struct cni_record){ .arena = arena_open(CNI_ARENA_BYTES), .list = c->list, .ident = "" };
	if (!ret->arena)
		return -ERR_NOMEM;
	ret->netns = arena_strdup(ret->arena, p->netns_path);
	ret->args = arena_strdup(ret->arena, p->args);
	ret->bins = arena_strdup(ret->arena, c->bin_dirs);
	for (unsigned i = 0; i < p->port_count; i++) {
		const struct cni_port *o = &p->ports[i];

		buf_printf(&ports, "%s{\"hostPort\":%d,\"containerPort\":%d,\"protocol\":", i ? "," : "[", o->host_port, o->port);
		buf_add_json(&ports, o->proto, strlen(o->proto));
		buf_adds(&ports, ",\"hostIP\":");
		buf_add_json(&ports, o->host_ip, strlen(o->host_ip));
		buf_addc(&ports, '}');
	}
	if (p->port_count)
		buf_addc(&ports, ']');
	if (!ret->netns || !ret->args || !ret->bins || ports.failed || (ports.len && doc_parse(ret->arena, ports.p, ports.len, &d, &e))) {
		cni_record_finish(ret);
		return -ERR_NOMEM;
	}
	ret->ports = d ? yyjson_doc_get_root(d) : NULL;
	return 0;
}

static void looked(struct att *t, struct job *j)
{
	struct cni_record *to = t->next.arena ? &t->next : &t->rec;
	struct cni_result r;

	if (!*j->ident) {
		add_fail(t, -ERR_IO, "its network namespace is not there");
		return;
	}
	if (to == &t->next && t->rec.result && !strcmp(t->rec.ident, j->ident) &&
	    !cni_result_read(&r, t->rec.result, t->rec.list.version, NULL) && (*r.ip4 || *r.ip6)) {
		cni_record_finish(&t->next);
		add_end(t, 0);
		return;
	}
	to->ident = arena_strdup(to->arena, j->ident);
	if (!to->ident) {
		to->ident = "";
		add_fail(t, -ERR_NOMEM, "out of memory");
	} else if (to == &t->next) {
		del_begin(t, AFTER_ADD);
	} else {
		record(t);
	}
}

int cni_pod_add(struct cni *c, const struct cni_pod *p, cni_added_fn *done, void *arg)
{
	struct att *t = map_get(&c->atts, p->id);
	bool known = t != NULL;
	struct err e;
	int rc;

	if (!cni_good_id(p->id) || strlen(p->netns_path) >= sizeof(((struct job *)0)->netns) || !c->list.count)
		return -ERR_BAD_REQUEST;
	if (t && (t->state != ATT_THERE || t->unwanted))
		return -ERR_CONFLICT;
	if (!t && !(t = cni_att_new(c, p->id)))
		return -ERR_NOMEM;
	cni_record_finish(&t->next);
	rc = fresh(c, known ? &t->next : &t->rec, p);
	rc = rc ? rc : file_job(t, NULL, p->netns_path, looked, &e);
	if (rc) {
		cni_record_finish(&t->next);
		if (!known)
			cni_att_drop(t);
		return rc;
	}
	t->state = ATT_ADDING;
	t->added = done;
	t->added_arg = arg;
	return 0;
}

int cni_pod_del(struct cni *c, const char *pod_id, cni_deleted_fn *done, void *arg)
{
	struct att *t = map_get(&c->atts, pod_id);

	if (!t)
		return -ERR_NOT_FOUND;
	t->deleted = done;
	t->deleted_arg = arg;
	if (t->unwanted)
		return 0;
	t->unwanted = true;
	if (t->state == ATT_THERE)
		del_begin(t, AFTER_GONE);
	return 0;
}

void cni_pods_keep(struct cni *c, const char *const *pod_ids)
{
	struct map keep = { 0 };
	size_t it = 0;
	void *v;

	for (size_t i = 0; pod_ids[i]; i++)
		if (map_put(&keep, pod_ids[i], c, NULL)) {
			map_finish(&keep);
			return;        /* found at the next start */
		}
	while (map_next(&c->atts, &it, NULL, &v)) {
		struct att *t = v;

		/* Deletions end in later turns: the map stays as it is. */
		if (!map_get(&keep, t->id) && t->state == ATT_THERE && !t->unwanted)
			cni_pod_del(c, t->id, NULL, NULL);
	}
	map_finish(&keep);
}

const char *cni_name(const struct cni *c)
{
	return c->list.name ? c->list.name : "";
}
