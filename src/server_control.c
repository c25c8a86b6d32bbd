/* SPDX-License-Identifier: Apache-2.0 */
/* server_control - see server_control.h. */
#define LOG_MODULE "server"
#include "server_control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/entry.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "client/client.h"
#include "control/election.h"
#include "control/lead.h"

#define LEAVE_MAX_MS 1500              /* for the last writes of a stop */

struct server_control {
	struct server_control_config cfg;
	struct control *every, *leaders;
	struct lead *lead;             /* NULL: alone */
	struct client *client;         /* takes our Lease off */
	char name[256], address[300];
	struct loop_timer leave_timer; /* the end of a stop, whatever is answered */
	unsigned leaving;              /* its parts under way */
	void (*done)(void *arg);
	void *done_arg;
};

/* For writes of the leader's controllers, at the last moment; and what is under way then ends with the Lease's life. */
static bool may_write(void *arg, struct api_life *ret)
{
	const struct server_control *s = arg;

	*ret = (struct api_life){ LEAD_KEY, lead_life(s->lead) };
	return lead_leads(s->lead);
}

static int client_as(void *arg, const char *user, const char *const *groups, struct client **ret)
{
	struct server_control *s = arg;

	return client_open_local(ret, s->cfg.loop, s->cfg.api, user, groups);
}

static int leaders_client(void *arg, const char *user, const char *const *groups, struct client **ret)
{
	struct server_control *s = arg;
	int rc = client_as(s, user, groups, ret);

	if (!rc && s->lead)
		client_guard(*ret, may_write, s);
	return rc;
}

static int own_client(struct server_control *s, struct client **ret)
{
	static const char *const groups[] = { "system:masters", "system:authenticated", NULL };

	return client_as(s, "system:apiserver", groups, ret);
}

static int open_leaders(struct server_control *s, struct err *reterr)
{
	struct control_config cfg = s->cfg.control;

	cfg.part = CONTROL_LEADER;
	cfg.client_as = leaders_client;
	return control_open(&s->leaders, s->cfg.loop, s->cfg.cache, &cfg, reterr);
}

static void lead_changed(void *arg, bool leads)
{
	struct server_control *s = arg;
	struct err e = { 0 };

	if (!leads) {
		control_close(s->leaders);
		s->leaders = NULL;
	} else if (open_leaders(s, &e)) {
		log_error("the controllers cannot start: %s", e.msg);
		s->cfg.failed(s->cfg.arg);
	}
}

static int open_lead(struct server_control *s, struct err *reterr)
{
	char id[ELECTION_ID_MAX], uid[TEXT_UUID_MAX];
	struct lead_config cfg = { .id = id, .changed = lead_changed, .arg = s };
	int rc = own_client(s, &cfg.client);

	if (rc)
		return err_set(reterr, -rc, "%s", err_text(rc));
	text_uuid(uid);
	snprintf(id, sizeof(id), "%.250s_%s", s->cfg.name, uid);
	return lead_open(&s->lead, s->cfg.loop, s->cfg.cache, &cfg, reterr);
}

static void left(void *arg)
{
	struct server_control *s = arg;
	void (*done)(void *) = s->done;

	loop_timer_stop(&s->leave_timer);
	s->done = NULL;
	if (done)
		done(s->done_arg);
}

int server_control_open(struct server_control **ret, const struct server_control_config *cfg, struct err *reterr)
{
	struct server_control *s = calloc(1, sizeof(*s));
	struct control_config every;
	int rc;

	if (!s)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	s->cfg = *cfg;
	snprintf(s->address, sizeof(s->address), "%s", cfg->control.address);
	snprintf(s->name, sizeof(s->name), "%s", cfg->name);
	s->cfg.name = s->name;
	s->cfg.control.address = s->address;
	s->cfg.control.arg = s;
	loop_timer_init(&s->leave_timer, cfg->loop, left, s);
	every = s->cfg.control;
	every.part = CONTROL_SERVER;
	every.client_as = client_as;
	if ((rc = control_open(&s->every, cfg->loop, cfg->cache, &every, reterr)) ||
	    (rc = every.shared ? open_lead(s, reterr) : open_leaders(s, reterr))) {
		server_control_close(s);
		server_control_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

/* ---- stop ---- */

static void part_left(void *arg)
{
	struct server_control *s = arg;

	if (--s->leaving == 0)
		left(s);
}

static void lease_gone(void *arg, const struct client_reply *r)
{
	if (r->rc == -ERR_CANCELED)
		return;
	if (r->rc)
		log_warn("this server's Lease was not taken off, others will do it: %s", r->message);
	part_left(arg);
}

/* The others see that it leaves: they take it out of the kubernetes Service. */
static bool take_lease_off(struct server_control *s)
{
	char path[600];
	struct client_req q = { .method = "DELETE", .path = path };

	return !control_server_path(path, sizeof(path)) && !own_client(s, &s->client) && !client_call(s->client, &q, lease_gone, s);
}

void server_control_stop(struct server_control *s, void (*done)(void *arg), void *arg)
{
	s->done = done;
	s->done_arg = arg;
	control_close(s->every);
	s->every = NULL;
	if (s->lead) {
		s->leaving = 1 + take_lease_off(s);
		lead_release(s->lead, part_left, s);
	}
	control_close(s->leaders);
	s->leaders = NULL;
	loop_timer_set(&s->leave_timer, s->lead ? LEAVE_MAX_MS : 0);
}

void server_control_close(struct server_control *s)
{
	if (!s)
		return;
	control_close(s->every);
	control_close(s->leaders);
	lead_close(s->lead);
	client_close(s->client);
	loop_timer_stop(&s->leave_timer);
	s->every = s->leaders = NULL;
	s->lead = NULL;
	s->client = NULL;
}

void server_control_free(struct server_control *s)
{
	free(s);
}

/* ---- what is told ---- */

bool server_control_runs(const struct server_control *s)
{
	return s && (s->leaders || (s->lead && lead_known(s->lead)));
}

void server_control_metrics(const struct server_control *s, struct buf *out)
{
	if (s->leaders)
		control_metrics(s->leaders, out);
	if (s->lead)
		lead_metrics(s->lead, out);
}
