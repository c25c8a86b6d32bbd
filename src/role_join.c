/* SPDX-License-Identifier: Apache-2.0 */
/* role_join - this machine becomes a node, or another server, of a cloud that runs elsewhere. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "join.h"
#include "roles.h"
#include "roles_priv.h"

#define REST_ARGS_MAX 64

/* What comes after `--` is the agent's. */
static int become_agent(const char *data_dir, const char *node_name, const char *address, char **rest, int n,
	struct err *reterr)
{
	char kubeconfig[4300], agent_data[4300];
	const struct role_option give[] = {
		{ "--kubeconfig", kubeconfig }, { "--data-dir", agent_data }, { "--node-name", node_name }, { "--address", address },
		{ NULL, NULL },
	};
	const char *argv[REST_ARGS_MAX + 12] = { "sampan", "agent" };
	int at;

	snprintf(kubeconfig, sizeof(kubeconfig), "%s/pki/agent.kubeconfig", data_dir);
	snprintf(agent_data, sizeof(agent_data), "%s/agent", data_dir);
	at = role_give(argv, 2, give);
	for (int i = 0; i < n; i++)
		argv[at++] = rest[i];
	fflush(stdout);
	execv("/proc/self/exe", (char **)(uintptr_t)argv);
	return err_set(reterr, ERR_IO, "cannot start the agent: %s", strerror(errno));
}

/* What comes after `--` is the server's. */
static int become_server(const char *data_dir, const char *store, const char *advertise, bool no_run, char **rest, int n, struct err *reterr)
{
	struct bundle_settings s;
	int rc = bundle_settings_read(data_dir, &s, reterr);
	char *mask4 = rc ? NULL : s.node_masks, *mask6 = mask4 ? strchr(mask4, ',') : NULL;
	const struct role_option give[] = {
		{ "--data-dir", data_dir }, { "--store", store ? store : s.store }, { "--service-cidr", s.service_cidr },
		{ "--cluster-cidr", s.cluster_cidr }, { "--node-cidr-mask-size-ipv4", mask4 },
		{ "--node-cidr-mask-size-ipv6", mask6 ? mask6 + 1 : NULL }, { "--store-ca", s.path[BUNDLE_STORE_CA] },
		{ "--store-cert", s.path[BUNDLE_STORE_CERT] }, { "--store-key", s.path[BUNDLE_STORE_KEY] },
		{ "--store-auth", s.path[BUNDLE_STORE_AUTH] }, { "--advertise", advertise }, { NULL, NULL },
	};
	const char *argv[REST_ARGS_MAX + 24] = { "sampan", "server" };
	int at;

	if (rc)
		return rc;
	if (mask6)
		*mask6 = '\0';
	at = role_give(argv, 2, give);
	for (int i = 0; i < n; i++)
		argv[at++] = rest[i];
	if (no_run) {
		printf("run it with:");
		for (int i = 0; argv[i]; i++)
			printf(" %s", argv[i]);
		printf("\n");
		return 0;
	}
	fflush(stdout);
	execv("/proc/self/exe", (char **)(uintptr_t)argv);
	return err_set(reterr, ERR_IO, "cannot start the server: %s", strerror(errno));
}

static int join_as_server(const struct join_config *cfg, const char *data_dir, const char *key, const char *store,
	const char *advertise, bool no_run, char **rest, int n)
{
	struct err e = { 0 };

	if (join_server(cfg, data_dir, key, store, &e))
		return role_fail(&cmd_join, &e);
	printf("this machine is a server of the cloud at %s\n", cfg->url);
	return become_server(data_dir, store, advertise, no_run, rest, n, &e) ? role_fail(&cmd_join, &e) : 0;
}

static int run(int argc, char **argv)
{
	char node[256], pki[4200];
	const char *data_dir = DEFAULT_DATA_DIR, *address = NULL, *key = NULL, *store = NULL;
	struct join_config cfg = { .node_name = node, .pki_dir = pki };
	bool no_run = false, server = false;
	struct err e = { 0 };
	const struct cli_option opts[] = {
		{ "token", "ID.SECRET", "that `sampan token create` made", &cfg.token, NULL },
		{ "ca-pin", "sha256:HEX", "the key of the cloud's authority, as printed there", &cfg.ca_pin, NULL },
		{ "data-dir", "DIR", "where everything is kept", &data_dir, NULL },
		{ "node-name", "NAME", "the node's name, else the machine's host name", &cfg.node_name, NULL },
		{ "address", "IP", "this machine's address, else that of the default route", &address, NULL },
		{ "server", NULL, "become another server of the cloud, not a node", NULL, &server },
		{ "key", "HEX", "of a server: what opens the servers' keys, as printed by `sampan token create --server`", &key, NULL },
		{ "store", "URI", "of a server: the store's address, where it is another here", &store, NULL },
		{ "no-run", NULL, "only become a member; do not go on as the agent, or the server", NULL, &no_run },
		{ NULL, NULL, NULL, NULL, NULL },
	};

	role_node_name(node);
	int n = cli_parse(&cmd_join, opts, argc, argv);
	if (!n)
		cli_usage(&cmd_join, "which server?");
	if (!cfg.token || !cfg.ca_pin)
		cli_usage(&cmd_join, "--token and --ca-pin are needed; `sampan token create`, where the server is, prints the whole command");
	if (n > 1 && argv[2][0] != '-')
		cli_usage(&cmd_join, "unexpected argument %s", argv[2]);
	if (n - 1 > REST_ARGS_MAX)
		cli_usage(&cmd_join, "too many options after --");
	if (server != (key != NULL) || (store && !server))
		cli_usage(&cmd_join, "--server and --key go together, as `sampan token create --server` prints them; --store is for servers");
	cfg.url = argv[1];
	snprintf(pki, sizeof(pki), "%s/pki", data_dir);
	signal(SIGPIPE, SIG_IGN);
	if (server)
		return join_as_server(&cfg, data_dir, key, store, address, no_run, argv + 2, n - 1);
	if (join(&cfg, &e))
		return role_fail(&cmd_join, &e);
	printf("node %s is a member of the cloud at %s\n", cfg.node_name, cfg.url);
	if (no_run) {
		printf("run it with: sampan agent --kubeconfig %s/agent.kubeconfig --data-dir %s/agent --node-name %s\n", pki, data_dir,
			cfg.node_name);
		return 0;
	}
	become_agent(data_dir, cfg.node_name, address, argv + 2, n - 1, &e);
	return role_fail(&cmd_join, &e);
}

const struct cli_command cmd_join = { .name = "join", .args = "URL [-- OPTION...]",
	.help = "make this machine a node of a cloud, and run its pods; or another of its servers",
	.more = "Run again it goes on, with the membership it has: the token is not needed any more then.", .run = run };
