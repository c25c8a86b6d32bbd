/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_flags - what `sampan server` is told on its command line, and what that comes to.
 *
 * Thread: any; once, at the start.
 * Tests:  tests/unit/server/test_flags.c
 */
#ifndef SERVER_FLAGS_H
#define SERVER_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cidr.h"
#include "base/err.h"
#include "cli/options.h"
#include "control/control.h"
#include "store/store.h"

struct server_flags {                  /* as typed, borrowed from argv; NULL: not given */
	const char *data_dir, *listen, *advertise, *service_cidr, *cluster_cidr, *node_mask4, *node_mask6, *balancer_pool, *pod_network, *tokens,
		*node_name, *plugins_on, *plugins_off, *cert_validity, *history, *event_ttl, *shutdown_delay, *store;
	struct store_options store_opt;
	struct { const char *grace, *startup_grace, *rate, *secondary_rate, *large, *unhealthy; } death;
};
struct server_settings {
	char node_name[256];
	char host[256], advertise[300];        /* where others reach this server; "ADDR:PORT" of that */
	unsigned port;
	const char *listen;                    /* borrowed: flags' own, or all addresses of the families there are */
	struct cidr_pair services, pods;       /* their ranges */
	char service_cidr[2 * CIDR_TEXT_MAX], cluster_cidr[2 * CIDR_TEXT_MAX];     /* the same, as cidr_pair_text has it */
	int node_mask[2];                      /* of each node's block of pod addresses, IPv4 and IPv6 */
	char service_ip[2][46];                /* the first of each range of Services; the kubernetes Service has the first one */
	char store[4200];                      /* its URI */
	int64_t cert_valid_s;                  /* 0: the usual time */
	unsigned event_ttl_s;                  /* 0: the usual time */
	int64_t shutdown_delay_ms;             /* -1: as the store asks for */
	struct store_history_limits history;
	struct control_node_death death;
};
/* Exits as cli_parse does when an option is unknown. */
void server_flags_parse(struct server_flags *ret, const struct cli_command *c, int argc, char **argv);
/* 0, or -ERR_BAD_REQUEST with the flag and what it should be like, or -ERR_CONFLICT: no --store, where the last one was
 * shared. Exits 2 when --listen is no address. */
int server_flags_settings(const struct server_flags *f, const struct cli_command *c, struct server_settings *ret, struct err *reterr);
/* Put by for `sampan token create --server` (bundle.h); taken away where the store is not shared. */
int server_flags_keep(const struct server_flags *f, const struct server_settings *set, bool shared, struct err *reterr);

#endif
