/* SPDX-License-Identifier: Apache-2.0 */
/* server_flags - see server_flags.h. */
#include "server_flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bundle.h"
#include "roles.h"
#include "roles_priv.h"

#define SECOND_NS            1000000000LL
#define CERT_VALID_MIN_S     8
#define HISTORY_MIN_S        5         /* a list in pages takes this long */
#define EVENT_TTL_MIN_S      5
#define SHUTDOWN_DELAY_MAX_S 600
#define SERVICE_BITS_MIN     8
#define SERVICE_BITS_MAX6    20
#define NODE_BLOCK_BITS_MAX  16
#define GRACE_MIN_S          1         /* agents' Leases move every ten seconds; tests lower that */

/* Where nobody said where: of IPv4 alone, unless the cloud has IPv6, too. */
#define DEFAULT_LISTEN6 "[::]:6443"
static const char default_listen[] = DEFAULT_LISTEN;

void server_flags_parse(struct server_flags *f, const struct cli_command *c, int argc, char **argv)
{
	const struct cli_option opts[] = {
		{ "data-dir", "DIR", "where state, keys and admin.kubeconfig are kept", &f->data_dir, NULL },
		{ "listen", "ADDR:PORT", "where the API is served; with ranges of IPv6 it is " DEFAULT_LISTEN6 " if nothing is said", &f->listen, NULL },
		{ "advertise", "ADDR", "the address others reach this server at", &f->advertise, NULL },
		{ "service-cidr", "CIDR[,CIDR]", "addresses of Services: a range, or one of each family, the primary one first",
			&f->service_cidr, NULL },
		{ "cluster-cidr", "CIDR[,CIDR]", "addresses of pods, the same; each node gets a block of each range", &f->cluster_cidr, NULL },
		{ "node-cidr-mask-size-ipv4", "BITS", "the prefix of a node's block of IPv4 pod addresses", &f->node_mask4, NULL },
		{ "node-cidr-mask-size-ipv6", "BITS", "the same of IPv6", &f->node_mask6, NULL },
		{ "pod-network", "NAME", "vxlan, or host-routes: no tunnel between nodes on one link", &f->pod_network, NULL },
		{ "load-balancer-pool", "RANGES", "addresses for Services of type LoadBalancer, as 192.0.2.10-192.0.2.50,2001:db8::/120",
			&f->balancer_pool, NULL },
		{ "token-file", "FILE", "static tokens, lines of token,user,uid,\"group1,group2\"", &f->tokens, NULL },
		{ "node-name", "NAME", "the agent's node that certificates are made for", &f->node_name, NULL },
		{ "enable-admission-plugins", "NAMES", "admission plug-ins that run besides the usual ones, with commas between",
			&f->plugins_on, NULL },
		{ "disable-admission-plugins", "NAMES", "admission plug-ins that do not run", &f->plugins_off, NULL },
		{ "cert-validity", "DURATION", "how long certificates live; they are renewed before (default 8760h)",
			&f->cert_validity, NULL },
		{ "history", "DURATION", "how long superseded values are kept for lists in pages, while there are not very many", &f->history, NULL },
		{ "event-ttl", "DURATION", "how long Events are kept after their last write (default 1h)", &f->event_ttl, NULL },
		{ "node-monitor-grace-period", "DURATION", "how long a node may be silent", &f->death.grace, NULL },
		{ "node-startup-grace-period", "DURATION", "the same for one that never told its status", &f->death.startup_grace, NULL },
		{ "node-eviction-rate", "NUMBER", "silent nodes a second whose pods are evicted, in a zone that is well",
			&f->death.rate, NULL },
		{ "secondary-node-eviction-rate", "NUMBER", "the same in a large zone that is partly silent; a small one loses none",
			&f->death.secondary_rate, NULL },
		{ "large-cluster-size-threshold", "NUMBER", "a zone of more nodes is large", &f->death.large, NULL },
		{ "unhealthy-zone-threshold", "SHARE", "a zone is partly silent when this share of its nodes is, three at least",
			&f->death.unhealthy, NULL },
		{ "shutdown-delay", "DURATION", "before it stops: readyz fails for so long, all else is served, so that clients turn "
			"to other servers (default 3s with a store that others share, else 0s)", &f->shutdown_delay, NULL },
		ROLE_STORE_URI(&f->store),
		ROLE_STORE_OPTIONS(&f->store_opt),
		{ NULL, NULL, NULL, NULL, NULL },
	};

	*f = (struct server_flags){ .data_dir = DEFAULT_DATA_DIR, .listen = default_listen, .service_cidr = "10.96.0.0/16",
		.cluster_cidr = "10.244.0.0/16", .node_mask4 = "24", .node_mask6 = "64", .history = "5m", .death = { "40s", "1m", "0.1", "0.01", "50", "0.55" } };
	cli_parse(c, opts, argc, argv);
}

/* Of Services: at least 256 addresses, and of IPv6 at most 2^20, as kube-apiserver has it. */
static int service_ranges(const struct server_flags *f, struct server_settings *ret, struct err *reterr)
{
	int rc = cidr_pair_parse("--service-cidr", f->service_cidr, &ret->services, reterr);

	if (rc)
		return rc;
	for (int i = 0; i < 2 && ret->services.v[i].family; i++) {
		const struct cidr *c = &ret->services.v[i];
		uint8_t first[16];

		if (cidr_host_bits(c) < SERVICE_BITS_MIN)
			return err_set(reterr, ERR_BAD_REQUEST, "--service-cidr %s is not a network of at least 256 addresses: an %s range "
				"must be /%d or larger", f->service_cidr, cidr_family(c->family), c->family == 4 ? 24 : 120);
		if (c->family == 6 && cidr_host_bits(c) > SERVICE_BITS_MAX6)
			return err_set(reterr, ERR_BAD_REQUEST, "--service-cidr %s is too large: for 128-bit addresses, the mask must be >= %d, "
				"like fd00:96::/112", f->service_cidr, 128 - SERVICE_BITS_MAX6);
		cidr_nth(c, 1, 0, first);
		text_ip(ret->service_ip[i], c->family, first);
	}
	cidr_pair_text(ret->service_cidr, &ret->services);
	return 0;
}

static int node_mask(const char *flag, const char *s, const struct cidr *range, int min, int max, int *ret, struct err *reterr)
{
	char text[CIDR_TEXT_MAX], *end;
	long bits = strtol(s, &end, 10);

	if (!*s || *end || bits < min || bits > max)
		return err_set(reterr, ERR_BAD_REQUEST, "--%s %s is not a number from %d to %d", flag, s, min, max);
	*ret = (int)bits;
	if (!range)
		return 0;
	cidr_text(text, range);
	if (bits < range->prefix)
		return err_set(reterr, ERR_BAD_REQUEST, "--cluster-cidr %s has no room for a node's block of /%ld: give a larger range, or "
			"another --%s", text, bits, flag);
	if (bits - range->prefix > NODE_BLOCK_BITS_MAX)
		return err_set(reterr, ERR_BAD_REQUEST, "--cluster-cidr %s has more than 65,536 blocks of /%ld: give a smaller range, or "
			"another --%s", text, bits, flag);
	return 0;
}

static int pod_ranges(const struct server_flags *f, struct server_settings *ret, struct err *reterr)
{
	int rc = cidr_pair_parse("--cluster-cidr", f->cluster_cidr, &ret->pods, reterr);
	const struct cidr *of[2] = { NULL, NULL };

	for (int i = 0; i < 2 && !rc; i++)
		if (ret->pods.v[i].family)
			of[ret->pods.v[i].family == 6] = &ret->pods.v[i];
	if (rc || (rc = node_mask("node-cidr-mask-size-ipv4", f->node_mask4, of[0], 16, 29, &ret->node_mask[0], reterr)) ||
	    (rc = node_mask("node-cidr-mask-size-ipv6", f->node_mask6, of[1], 16, 120, &ret->node_mask[1], reterr)))
		return rc;
	cidr_pair_text(ret->cluster_cidr, &ret->pods);
	return 0;
}

static int ranges(const struct server_flags *f, struct server_settings *ret, struct err *reterr)
{
	int rc;

	if ((rc = service_ranges(f, ret, reterr)) || (rc = pod_ranges(f, ret, reterr)))
		return rc;
	if (ret->services.v[0].family != ret->pods.v[0].family)
		return err_set(reterr, ERR_BAD_REQUEST, "--service-cidr %s and --cluster-cidr %s begin with different families: pods would not "
			"reach Services; give both the same family first", f->service_cidr, f->cluster_cidr);
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 2; k++)
			if (cidr_overlap(&ret->services.v[i], &ret->pods.v[k]))
				return err_set(reterr, ERR_BAD_REQUEST, "--service-cidr %s and --cluster-cidr %s overlap: an address would be a pod's and a "
					"Service's; give ranges that are apart", f->service_cidr, f->cluster_cidr);
	return 0;
}

/* What pods shall reach the API at has the family of the kubernetes Service. */
static int advertised(const struct server_flags *f, const char *host, struct server_settings *ret, struct err *reterr)
{
	int want = ret->services.v[0].family, family;
	uint8_t addr[16];

	role_advertise(f->advertise ? f->advertise : host, want, ret->host);
	snprintf(ret->advertise, sizeof(ret->advertise), strchr(ret->host, ':') ? "[%s]:%u" : "%s:%u", ret->host, ret->port);
	if (text_parse_ip(ret->host, &family, addr) || family == want || !strncmp(ret->host, "127.", 4) || !strcmp(ret->host, "::1"))
		return 0;
	return err_set(reterr, ERR_BAD_REQUEST, "--%s %s is an %s address, and Services are %s first (--service-cidr %s), so that pods would "
		"not reach the API there: give --advertise an address of that family, or the other range first",
		f->advertise ? "advertise" : "listen", ret->host, cidr_family(family), cidr_family(want), f->service_cidr);
}

static int duration(const char *flag, const char *s, int64_t min_s, const char *like, int64_t *ret_ns, struct err *reterr)
{
	if (text_parse_duration(s, ret_ns) || *ret_ns < min_s * SECOND_NS)
		return err_set(reterr, ERR_BAD_REQUEST, "--%s %s is not a duration of at least %llds, like %s", flag, s, (long long)min_s, like);
	return 0;
}

static int shutdown_delay(const char *s, int64_t *ret_ms, struct err *reterr)
{
	int64_t ns;

	*ret_ms = -1;
	if (!s)
		return 0;
	if (text_parse_duration(s, &ns) || ns < 0 || ns > SHUTDOWN_DELAY_MAX_S * SECOND_NS)
		return err_set(reterr, ERR_BAD_REQUEST, "--shutdown-delay %s is not a duration of at most %ds, like 3s", s,
			SHUTDOWN_DELAY_MAX_S);
	*ret_ms = ns / 1000000;
	return 0;
}

static int number(const char *flag, const char *s, double max, double *ret, struct err *reterr)
{
	char *end;

	*ret = strtod(s, &end);
	if (!*s || *end || !(*ret >= 0 && *ret <= max))
		return err_set(reterr, ERR_BAD_REQUEST, "--%s %s is not a number from 0 to %g", flag, s, max);
	return 0;
}

static int node_death(const struct server_flags *f, struct control_node_death *ret, struct err *reterr)
{
	int64_t grace, startup_grace;
	double large = 0;
	int rc;

	if ((rc = duration("node-monitor-grace-period", f->death.grace, GRACE_MIN_S, "40s", &grace, reterr)) ||
	    (rc = duration("node-startup-grace-period", f->death.startup_grace, GRACE_MIN_S, "1m", &startup_grace, reterr)) ||
	    (rc = number("node-eviction-rate", f->death.rate, 1000, &ret->evictions_s, reterr)) ||
	    (rc = number("secondary-node-eviction-rate", f->death.secondary_rate, 1000, &ret->secondary_evictions_s, reterr)) ||
	    (rc = number("large-cluster-size-threshold", f->death.large, 1e9, &large, reterr)) ||
	    (rc = number("unhealthy-zone-threshold", f->death.unhealthy, 1, &ret->unhealthy_share, reterr)))
		return rc;
	ret->grace_ms = grace / 1000000;
	ret->startup_grace_ms = startup_grace / 1000000;
	ret->large_zone = (unsigned)large;
	return 0;
}

/* A server of a shared store does not begin with a file of its own because its options were forgotten. */
static int store_told(const struct server_flags *f, const char *file, struct err *reterr)
{
	struct bundle_settings b;
	struct err e = { 0 };
	int rc = f->store ? -ERR_NOT_FOUND : bundle_settings_read(f->data_dir, &b, &e);

	if (rc == -ERR_NOT_FOUND)
		return 0;
	if (rc)
		return err_set(reterr, -rc, "%s", e.msg);
	return err_set(reterr, ERR_CONFLICT, "the store of this server has been %s: give it --store that, with the --store-... options "
		"it had; or --store %s for a file of its own", b.store, file);
}

int server_flags_settings(const struct server_flags *f, const struct cli_command *c, struct server_settings *ret, struct err *reterr)
{
	char host[256];
	int64_t valid = 0, history = 0, ttl = 0;
	bool six;
	int rc;

	memset(ret, 0, sizeof(*ret));
	role_node_name(ret->node_name);
	if (f->node_name)
		snprintf(ret->node_name, sizeof(ret->node_name), "%s", f->node_name);
	if (f->store)
		rc = snprintf(ret->store, sizeof(ret->store), "%s", f->store);
	else
		rc = snprintf(ret->store, sizeof(ret->store), "sqlite:%s/server/state.db", f->data_dir);
	if (rc >= (int)sizeof(ret->store))
		return err_set(reterr, ERR_BAD_REQUEST, "%s is too long", f->store ? "--store" : "--data-dir");
	if ((rc = ranges(f, ret, reterr)))
		return rc;
	six = ret->services.v[0].family == 6 || ret->services.v[1].family || ret->pods.v[1].family;
	ret->listen = f->listen == default_listen && six ? DEFAULT_LISTEN6 : f->listen;
	role_split_listen(c, ret->listen, host, &ret->port);
	if ((rc = advertised(f, host, ret, reterr)) ||
	    (f->cert_validity && (rc = duration("cert-validity", f->cert_validity, CERT_VALID_MIN_S, "8760h", &valid, reterr))) ||
	    (rc = duration("history", f->history, HISTORY_MIN_S, "5m", &history, reterr)) ||
	    (f->event_ttl && (rc = duration("event-ttl", f->event_ttl, EVENT_TTL_MIN_S, "1h", &ttl, reterr))) ||
	    (rc = shutdown_delay(f->shutdown_delay, &ret->shutdown_delay_ms, reterr)))
		return rc;
	ret->cert_valid_s = valid / SECOND_NS;
	ret->event_ttl_s = ttl / SECOND_NS < UINT32_MAX / 2 ? (unsigned)(ttl / SECOND_NS) : UINT32_MAX / 2;
	ret->history = (struct store_history_limits)STORE_HISTORY_LIMITS;
	ret->history.ms = history / 1000000;
	rc = node_death(f, &ret->death, reterr);
	return rc ? rc : store_told(f, ret->store, reterr);
}

int server_flags_keep(const struct server_flags *f, const struct server_settings *set, bool shared, struct err *reterr)
{
	struct bundle_settings b = { 0 };
	const struct { enum bundle_file at; const char *path; } files[] = {
		{ BUNDLE_STORE_CA, f->store_opt.ca_file }, { BUNDLE_STORE_CERT, f->store_opt.cert_file },
		{ BUNDLE_STORE_KEY, f->store_opt.key_file }, { BUNDLE_STORE_AUTH, f->store_opt.auth_file },
	};
	bool fits = snprintf(b.store, sizeof(b.store), "%s", f->store ? f->store : "") < (int)sizeof(b.store);

	if (!shared)
		return bundle_settings_write(f->data_dir, NULL, reterr);
	snprintf(b.service_cidr, sizeof(b.service_cidr), "%s", set->service_cidr);
	snprintf(b.cluster_cidr, sizeof(b.cluster_cidr), "%s", set->cluster_cidr);
	snprintf(b.node_masks, sizeof(b.node_masks), "%d,%d", set->node_mask[0], set->node_mask[1]);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *whole = files[i].path ? realpath(files[i].path, NULL) : NULL;

		fits = fits && snprintf(b.path[files[i].at], sizeof(b.path[0]), "%s", whole ? whole : "") < (int)sizeof(b.path[0]);
		free(whole);
	}
	if (!fits)
		return err_set(reterr, ERR_SIZE, "the store's address, or the path of one of its files, is too long");
	return bundle_settings_write(f->data_dir, &b, reterr);
}
