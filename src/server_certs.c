/* SPDX-License-Identifier: Apache-2.0 */
/* server_certs - see server_certs.h. */
#define LOG_MODULE "server"
#include "server_certs.h"

#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wall.h"
#include "base/workers.h"
#include "client/client.h"
#include "http/pki.h"

#define AGAIN_S      60                /* after a failure, and when the authority has ended */
#define CA_WARN_S    (365LL * 86400)   /* the authority's last year is told of */

struct server_certs {
	struct pki_dir *pki, fresh;
	struct pki_dir_config cfg;     /* its texts are ours */
	char *texts[5];
	char *others, *others_next;    /* as cfg.others has them; to be taken up */
	const char *other_list[CLIENT_SERVERS_MAX + 1];
	struct workers *workers;
	struct wall_timer *timer;
	struct control_certs control;
	void (*renewed)(void *arg);
	void *arg;
	bool opening;
	int rc;
	struct err err;
	unsigned renewals;
};

/* ---- lent to controllers ---- */

static int read_request(struct arena *a, const char *pem, struct control_csr *ret, struct err *reterr)
{
	struct pki_csr_info info;
	int rc = pki_csr_read(a, pem, &info, reterr);

	*ret = (struct control_csr){ .cn = info.cn, .orgs = info.orgs, .dns = info.sans[PKI_SAN_DNS],
		.emails = info.sans[PKI_SAN_EMAIL], .uris = info.sans[PKI_SAN_URI], .ips = info.sans[PKI_SAN_IP],
		.dns_names = info.dns, .ip_names = info.ips };
	return rc;
}

static int sign(void *arg, const char *pem, const char *const *usages, int64_t valid_s, struct buf *ret,
	struct err *reterr)
{
	struct server_certs *s = arg;
	struct pki_request q = { .usages = usages, .now_s = env_wall_us() / 1000000, .valid_s = valid_s };

	if (q.now_s >= s->pki->ca_end_s)
		return err_set(reterr, ERR_EXPIRED, "the cloud's certificate authority has ended");
	return pki_sign_csr(ret, pem, &q, s->pki->ca_cert.p, s->pki->ca_key.p, reterr);
}

static bool serves(void *arg, const char *dns, const char *ip)
{
	struct server_certs *s = arg;
	const char *names[] = { dns, NULL }, *ips[] = { ip, NULL };

	return pki_names_all(s->pki->server_cert.p, names, ips);
}

const struct control_certs *server_certs_control(struct server_certs *s)
{
	return &s->control;
}

/* ---- renewing ---- */

static void wait(struct server_certs *s)
{
	int64_t now_s = env_wall_us() / 1000000, at_s = s->rc ? now_s + AGAIN_S : s->pki->renew_s;
	char until[TEXT_TIME_MAX];

	if (s->pki->ca_end_s - now_s < CA_WARN_S) {
		text_time(until, s->pki->ca_end_s * 1000000);
		log_warn("the cloud's certificate authority ends at %s; a new one (without %s/pki/ca.crt and ca.key at a "
			"start) must be given to everybody who has a kubeconfig", until, s->cfg.dir);
	}
	if (!at_s)
		at_s = s->pki->ca_end_s;
	/* Set in any case: that the clock was set is worth a look, too. What is over already, as
	 * an authority may be, would be due at once for ever. */
	if (at_s <= now_s)
		at_s = now_s + (now_s < s->pki->ca_end_s ? 1 : AGAIN_S);
	wall_timer_set(s->timer, at_s * 1000000);
}

static void open_again(void *arg)
{
	struct server_certs *s = arg;

	s->rc = pki_dir_open(&s->fresh, &s->cfg, &s->err);
}

static void due(void *arg);

static void opened(void *arg)
{
	struct server_certs *s = arg;
	struct buf ca = s->pki->ca_cert;

	s->opening = false;
	if (s->rc) {
		log_error("certificates were not renewed, again in %d s: %s", AGAIN_S, s->err.msg);
		pki_dir_finish(&s->fresh);
	} else if (!s->fresh.made) {
		pki_dir_finish(&s->fresh);     /* the clock was set, and all is well */
	} else {
		s->pki->ca_cert = s->fresh.ca_cert;
		s->fresh.ca_cert = ca;         /* lent to others for the process's life */
		pki_dir_finish(s->pki);
		*s->pki = s->fresh;
		s->renewals++;
		log_info("certificates renewed: %u", s->fresh.made);
		s->renewed(s->arg);
	}
	memset(&s->fresh, 0, sizeof(s->fresh));
	if (s->others_next)
		due(s);
	else
		wait(s);
}

static void due(void *arg)
{
	struct server_certs *s = arg;

	if (s->opening)
		return;
	if (s->others_next) {
		free(s->others);
		s->others = s->others_next;
		s->others_next = NULL;
		client_server_list(s->others, s->other_list);
	}
	s->opening = !workers_submit(s->workers, open_again, opened, s);
	if (!s->opening)
		wait(s);
}

void server_certs_others(struct server_certs *s, char *lines)
{
	free(s->others_next);
	s->others_next = lines;
	due(s);
}

/* ---- life ---- */

int server_certs_open(struct server_certs **ret, struct loop *l, struct pki_dir *pki,
	const struct pki_dir_config *cfg, void (*renewed)(void *arg), void *arg, struct err *reterr)
{
	struct server_certs *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(reterr, ERR_NOMEM, "out of memory");
	s->pki = pki;
	s->cfg = *cfg;
	s->cfg.ca_pem = pki->ca_cert.p;        /* what everybody here was started with, for the process's life */
	s->renewed = renewed;
	s->arg = arg;
	s->control = (struct control_certs){ .read = read_request, .sign = sign, .not_after = pki_not_after,
		.serves = serves, .valid_max_s = cfg->valid_s, .arg = s };
	s->cfg.others = s->other_list;
	s->cfg.dir = s->texts[0] = strdup(cfg->dir);
	s->cfg.host = s->texts[1] = strdup(cfg->host);
	s->cfg.node_name = s->texts[2] = strdup(cfg->node_name);
	for (int i = 0; i < 2; i++)
		s->cfg.service_ip[i] = s->texts[3 + i] = strdup(cfg->service_ip[i]);
	if (!s->texts[0] || !s->texts[1] || !s->texts[2] || !s->texts[3] || !s->texts[4] ||
	    workers_open(&s->workers, l, "certs", 1, 1) || wall_timer_open(&s->timer, l, due, s)) {
		server_certs_close(s);
		return err_set(reterr, ERR_NOMEM, "out of memory, or of timers");
	}
	wait(s);
	*ret = s;
	return 0;
}

void server_certs_close(struct server_certs *s)
{
	if (!s)
		return;
	if (s->workers)
		workers_close(s->workers);
	wall_timer_close(s->timer);
	for (size_t i = 0; i < sizeof(s->texts) / sizeof(s->texts[0]); i++)
		free(s->texts[i]);
	free(s->others);
	free(s->others_next);
	free(s);
}

void server_certs_metrics(const struct server_certs *s, struct buf *out)
{
	buf_printf(out, "# HELP sampan_certificate_expiration_timestamp_seconds When the authority, and the first of the "
		"certificates, end.\n# TYPE sampan_certificate_expiration_timestamp_seconds gauge\n"
		"sampan_certificate_expiration_timestamp_seconds{name=\"ca\"} %lld\n"
		"sampan_certificate_expiration_timestamp_seconds{name=\"first\"} %lld\n"
		"# HELP sampan_certificate_renewals_total Times certificates were made again while the server ran.\n"
		"# TYPE sampan_certificate_renewals_total counter\nsampan_certificate_renewals_total %u\n",
		(long long)s->pki->ca_end_s, (long long)s->pki->end_s, s->renewals);
}
