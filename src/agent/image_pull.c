/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_pull - from a reference to an image: manifest (of an index: the one for this
 * machine), config, layers.
 *
 *   NAME -> [INDEX ->] MANIFEST -> CONFIG -> layers (image_build) -> done
 *
 * Refused for want of rights, it begins again with the next credentials that fit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/image_priv.h"
#include "base/env.h"
#include "base/text.h"

#define PROGRESS_MS 100
#define TRIES       4
#define AGAIN_MAX   3

struct waiter { struct waiter *next; image_progress_fn *progress; image_pull_fn *done; void *arg; };
struct login { char *username, *password; };

struct pull {
	struct images *m;
	struct list link;
	char *key;                             /* pulls of one key are one */
	struct image_name name;
	struct login *logins; unsigned login_count, login;   /* those that fit, then none */
	struct waiter *waiters;
	struct image_build build;
	bool building;
	struct registry_get *get;
	struct buf body; size_t body_max;
	char want[IMAGE_DIGEST_MAX];           /* of the body under way; "" when not known */
	enum { PULL_NAME, PULL_INDEX, PULL_CONFIG } step;
	char first_digest[IMAGE_DIGEST_MAX];   /* what the name stood for */
	struct manifest manifest;
	bool pulled;
	unsigned tries, agains;
	struct loop_timer retry, told;
	struct loop_task start_task;
	/* Of one decided at once, told from the next turn on; then of the first refusal. */
	int rc;
	char message[1024];
};

static void begin(struct pull *p);

static void free_pull(struct pull *p)
{
	registry_cancel(p->get);
	loop_timer_stop(&p->retry);
	loop_timer_stop(&p->told);
	loop_defer_cancel(p->m->loop, &p->start_task);
	list_del(&p->link);
	p->m->pull_count--;
	for (unsigned i = 0; i < p->login_count; i++) {
		free(p->logins[i].username);
		explicit_bzero(p->logins[i].password, strlen(p->logins[i].password));
		free(p->logins[i].password);
	}
	free(p->logins);
	while (p->waiters) {
		struct waiter *w = p->waiters;

		p->waiters = w->next;
		free(w);
	}
	image_build_finish(&p->build);
	manifest_finish(&p->manifest);
	buf_finish(&p->body);
	free(p->key);
	free(p);
}

static void end(struct pull *p, int rc, const char *message)
{
	struct waiter *all = p->waiters, *w;
	struct images *m = p->m;
	struct image_info info;
	bool pulled = p->pulled, have = false;
	char text[1024], id[IMAGE_DIGEST_MAX];

	snprintf(text, sizeof(text), "%s", message);
	snprintf(id, sizeof(id), "%s", p->build.id);
	p->waiters = NULL;
	free_pull(p);
	while ((w = all)) {
		all = w->next;
		if (!rc)
			have = !image_find(m, id, &info);
		if (rc || have)
			w->done(w->arg, rc, rc ? NULL : &info, pulled, text);
		else
			w->done(w->arg, -ERR_NOT_FOUND, NULL, pulled, "the image was removed at once");
		free(w);
	}
}

/* ---- progress ---- */

static void tell(void *arg)
{
	struct pull *p = arg;
	static const char *const phases[] = { "resolving", "downloading", "unpacking" };
	bool fetching = p->building && p->build.bytes < p->build.total_bytes;

	p->m->now = (struct image_progress){ phases[!p->building ? 0 : fetching ? 1 : 2], p->build.layers_done,
		p->build.ids.count, p->build.bytes, p->build.total_bytes };
	for (struct waiter *w = p->waiters; w; w = w->next)
		if (w->progress)
			w->progress(w->arg, p->build.layers_done, p->build.ids.count, p->build.bytes);
}

static void on_progress(void *arg)
{
	struct pull *p = arg;

	if (!loop_timer_is_set(&p->told))
		loop_timer_set(&p->told, PROGRESS_MS);
}

void image_progress(const struct images *m, struct image_progress *ret)
{
	*ret = m->now;
}

/* ---- manifests and config, held in memory ---- */

static int on_data(void *arg, uint64_t at, const void *data, size_t n)
{
	struct pull *p = arg;

	if (at != p->body.len || p->body.len + n > p->body_max)
		return -1;
	buf_add(&p->body, data, n);
	return p->body.failed ? -1 : 0;
}

static void ask(struct pull *p, const char *digest, bool manifest);
static void got_manifest(struct pull *p, const char *digest);
static void got_config(struct pull *p);

static void retry(void *arg)
{
	struct pull *p = arg;

	ask(p, *p->want ? p->want : NULL, p->step != PULL_CONFIG);
}

static void on_done(void *arg, int rc, const char *said, const char *message)
{
	struct pull *p = arg;
	char digest[IMAGE_DIGEST_MAX], hex[65];
	uint8_t sum[32];

	p->get = NULL;
	if (rc == -ERR_UNAVAILABLE && ++p->tries < TRIES) {
		loop_timer_set(&p->retry, (250 << p->tries) + env_random_below(250));
		return;
	}
	if ((rc == -ERR_UNAUTHORIZED || rc == -ERR_NOT_FOUND) && p->login < p->login_count) {
		if (rc == -ERR_UNAUTHORIZED && !*p->message)
			snprintf(p->message, sizeof(p->message), "%s", message);
		p->login++;
		begin(p);
		return;
	}
	/* What was said to the credentials tells more than what is said without any. */
	if (rc == -ERR_UNAUTHORIZED && *p->message)
		message = p->message;
	if (rc == -ERR_CANCELED) {
		end(p, -ERR_SIZE, p->step == PULL_CONFIG ? "the image's config is larger than its manifest says" :
			"the manifest is larger than 4 MiB");
		return;
	}
	if (rc) {
		end(p, rc, message);
		return;
	}
	text_sha256(sum, p->body.p ? p->body.p : "", p->body.len);
	text_hex(hex, sum, 32);
	snprintf(digest, sizeof(digest), "sha256:%s", hex);
	if ((*p->want && strcmp(p->want, digest)) || (*said && p->step != PULL_CONFIG && strcmp(said, digest))) {
		end(p, -ERR_CORRUPT, "the registry sent something else than the digest says");
		return;
	}
	if (p->step == PULL_CONFIG)
		got_config(p);
	else
		got_manifest(p, digest);
}

static void ask(struct pull *p, const char *digest, bool manifest)
{
	const struct login *login = p->login < p->login_count ? &p->logins[p->login] : NULL;
	struct registry_request q = { .name = &p->name, .digest = digest, .manifest = manifest,
		.username = login ? login->username : NULL, .password = login ? login->password : NULL,
		.data = on_data, .done = on_done, .arg = p };

	if (digest != p->want)
		snprintf(p->want, sizeof(p->want), "%s", digest ? digest : "");
	if (digest)
		q.digest = p->want;
	buf_clear(&p->body);
	if (registry_get(&p->get, p->m->registry, &q))
		end(p, -ERR_NOMEM, "out of memory");
}

static bool same_entry(const struct pull *p)
{
	const struct image_entry *e = image_index_by_id(&p->m->index, p->manifest.config);

	return e;
}

static void built(void *arg, int rc, const char *message)
{
	struct pull *p = arg;

	p->building = false;
	p->pulled |= p->build.fetched;
	if (rc == -ERR_AGAIN && p->agains++ < AGAIN_MAX) {
		image_build_finish(&p->build);
		begin(p);
		return;
	}
	end(p, rc == -ERR_AGAIN ? -ERR_UNAVAILABLE : rc, message);
}

static void got_manifest(struct pull *p, const char *digest)
{
	struct manifest m;
	struct err e;
	int rc = manifest_parse(&m, p->body.p ? p->body.p : "", p->body.len, p->m->arch, p->m->limits.layers, &e);

	if (rc) {
		end(p, rc, e.msg);
		return;
	}
	if (p->step == PULL_NAME)
		strcpy(p->first_digest, digest);
	if (m.is_index) {
		if (p->step == PULL_INDEX) {
			manifest_finish(&m);
			end(p, -ERR_INVALID, "an index of indexes");
			return;
		}
		p->step = PULL_INDEX;
		p->tries = 0;
		ask(p, m.chosen, true);
		manifest_finish(&m);
		return;
	}
	manifest_finish(&p->manifest);
	p->manifest = m;
	p->build = (struct image_build){ .m = p->m, .name = p->name, .progress = on_progress, .done = built, .arg = p };
	p->step = PULL_CONFIG;
	p->tries = 0;
	p->body_max = m.config_size_bytes;
	image_index_refresh(p->m);
	p->pulled |= !same_entry(p);
	ask(p, p->manifest.config, false);
}

static void got_config(struct pull *p)
{
	struct image_build *b = &p->build;
	BUF_AUTO struct buf name = { 0 }, digest = { 0 };
	const struct login *login = p->login < p->login_count ? &p->logins[p->login] : NULL;
	struct err e;
	int rc;

	b->config = p->body;
	p->body = (struct buf){ 0 };
	rc = image_build_prepare(b, &e);
	if (!rc && b->ids.count != p->manifest.layer_count)
		rc = err_set(&e, ERR_INVALID, "the manifest has %u layers, the config %u", p->manifest.layer_count, b->ids.count);
	for (unsigned i = 0; !rc && i < b->ids.count; i++) {
		strcpy(b->layers[i].digest, p->manifest.layers[i].digest);
		b->layers[i].size_bytes = p->manifest.layers[i].size_bytes;
	}
	image_name_print(&name, &p->name);
	buf_printf(&digest, "%s/%s@%s", p->name.host, p->name.repo, p->first_digest);
	if (!rc && (name.failed || digest.failed || (!*p->name.digest && !image_entry_add(&b->names, name.p)) ||
	    !image_entry_add(&b->digests, digest.p)))
		rc = err_set(&e, ERR_NOMEM, "out of memory");
	if (rc) {
		end(p, rc, e.msg);
		return;
	}
	b->username = login ? login->username : NULL;
	b->password = login ? login->password : NULL;
	p->building = true;
	image_build_start(b);
}

static void begin(struct pull *p)
{
	p->step = PULL_NAME;
	p->tries = 0;
	p->body_max = IMAGE_MANIFEST_MAX;
	ask(p, *p->name.digest ? p->name.digest : NULL, true);
}

/* ---- public ---- */

static void start(void *arg)
{
	struct pull *p = arg;

	if (p->rc || *p->build.id)
		end(p, p->rc, p->message);             /* decided at once */
	else
		begin(p);
}

static int add_waiter(struct pull *p, image_progress_fn *progress, image_pull_fn *done, void *arg)
{
	struct waiter *w = calloc(1, sizeof(*w)), **at = &p->waiters;

	if (!w)
		return -ERR_NOMEM;
	*w = (struct waiter){ NULL, progress, done, arg };
	while (*at)
		at = &(*at)->next;
	*at = w;
	return 0;
}

static int copy_logins(struct pull *p, const struct image_auth *auths, unsigned count)
{
	p->logins = calloc(count + 1, sizeof(*p->logins));
	if (!p->logins)
		return -ERR_NOMEM;
	for (unsigned i = 0; i < count; i++) {
		struct login *l = &p->logins[p->login_count];

		if (!auths[i].registry || !auths[i].username || !image_auth_fits(auths[i].registry, &p->name))
			continue;
		l->username = strdup(auths[i].username);
		l->password = strdup(auths[i].password ? auths[i].password : "");
		if (!l->username || !l->password) {
			free(l->username);
			free(l->password);
			return -ERR_NOMEM;
		}
		p->login_count++;
	}
	return 0;
}

/* The name in full, with what the answer depends on. */
static char *make_key(const struct pull *p, enum image_policy policy)
{
	struct buf key = { 0 };

	image_name_print(&key, &p->name);
	if (policy == IMAGE_ALWAYS)
		buf_adds(&key, " again");
	for (unsigned i = 0; i < p->login_count; i++) {
		uint8_t sum[32];
		char hex[65];

		text_sha256(sum, p->logins[i].password, strlen(p->logins[i].password));
		text_hex(hex, sum, 32);
		buf_printf(&key, " %s %s", p->logins[i].username, hex);
	}
	return buf_take(&key, NULL);
}

static void decide(struct pull *p, const char *ref, enum image_policy policy)
{
	struct image_info info;
	struct err e;

	p->rc = image_name_parse(&p->name, ref, &e);
	if (policy == IMAGE_ALWAYS && !p->rc)
		return;
	if (!image_find(p->m, ref, &info)) {
		p->rc = 0;
		snprintf(p->build.id, sizeof(p->build.id), "%s", info.id);
	} else if (p->rc) {
		snprintf(p->message, sizeof(p->message), "%s", e.msg);
	} else if (policy == IMAGE_NEVER) {
		p->rc = -ERR_NOT_FOUND;
		snprintf(p->message, sizeof(p->message), "image \"%s\" is not here, and may not be pulled", ref);
	}
	if (policy == IMAGE_ALWAYS && p->rc)
		snprintf(p->message, sizeof(p->message), "%s", e.msg);
}

int image_pull(struct images *m, const char *ref, enum image_policy policy, const struct image_auth *auths,
	unsigned auth_count, image_progress_fn *progress, image_pull_fn *done, void *arg)
{
	struct pull *p;

	if (m->pull_count >= IMAGE_PULLS_MAX || m->closing)
		return -ERR_FULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ERR_NOMEM;
	p->m = m;
	list_init(&p->link);
	m->pull_count++;
	p->build.m = m;
	p->build.arg = p;
	loop_timer_init(&p->retry, m->loop, retry, p);
	loop_timer_init(&p->told, m->loop, tell, p);
	decide(p, ref, policy);
	if (copy_logins(p, auths, auth_count) || !(p->key = make_key(p, policy)) || add_waiter(p, progress, done, arg)) {
		free_pull(p);
		return -ERR_NOMEM;
	}
	if (!p->rc && !*p->build.id)
		list_each(&m->pulls, it) {
			struct pull *other = list_entry(it, struct pull, link);

			if (!strcmp(other->key, p->key) && !other->rc &&
			    (other->building || !*other->build.id)) {
				free_pull(p);
				return add_waiter(other, progress, done, arg);
			}
		}
	list_add_tail(&m->pulls, &p->link);
	loop_defer(m->loop, &p->start_task, start, p);
	return 0;
}

static void released(void *arg)
{
	struct pull *p = arg;

	end(p, -ERR_CANCELED, "shutting down");
}

void pulls_close(struct images *m)
{
	list_each(&m->pulls, it) {
		struct pull *p = list_entry(it, struct pull, link);

		registry_cancel(p->get);
		p->get = NULL;
		loop_timer_stop(&p->retry);
		loop_timer_stop(&p->told);
		image_build_cancel(&p->build, released);
	}
}
