/* SPDX-License-Identifier: Apache-2.0 */
/* role_join - this machine becomes a node of a cloud that runs elsewhere. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "join.h"
#include "roles.h"
#include "roles_priv.h"

#define AGENT_ARGS_MAX 64

/* What comes after `--` is the agent's. */
static int become_agent(const char *data_dir, const char *node_name, const char *address, char **rest, int n,
	struct err *reterr)
{
	char kubeconfig[4300], agent_data[4300];
	const char *argv[AGENT_ARGS_MAX + 12] = { "sampan", "agent", "--kubeconfig", kubeconfig, "--data-dir", agent_data,
		"--node-name", node_name };
	int at = 8;

	snprintf(kubeconfig, sizeof(kubeconfig), "%s/pki/agent.kubeconfig", data_dir);
	snprintf(agent_data, sizeof(agent_data), "%s/agent", data_dir);
	if (address) {
		argv[at++] = "--address";
		argv[at++] = address;
	}
	for (int i = 0; i < n; i++)
		argv[at++] = rest[i];
	fflush(stdout);
	execv("/proc/self/exe", (char **)(uintptr_t)argv);
	return err_set(reterr, ERR_IO, "cannot start the agent: %s", strerror(errno));
}

static int run(int argc, char **argv)
{
	char node[256], pki[4200];
	const char *data_dir = DEFAULT_DATA_DIR, *address = NULL;
	struct join_config cfg = { .node_name = node, .pki_dir = pki };
	bool no_run = false;
	struct err e = { 0 };
	const struct cli_option opts[] = {
		{ "token", "ID.SECRET", "that `sampan token create` made", &cfg.token, NULL },
		{ "ca-pin", "sha256:HEX", "the key of the cloud's authority, as printed there", &cfg.ca_pin, NULL },
		{ "data-dir", "DIR", "where everything is kept", &data_dir, NULL },
		{ "node-name", "NAME", "the node's name, else the machine's host name", &cfg.node_name, NULL },
		{ "address", "IP", "the node's address, else that of the default route", &address, NULL },
		{ "no-run", NULL, "only become a member; do not go on as the agent", NULL, &no_run },
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
	if (n - 1 > AGENT_ARGS_MAX)
		cli_usage(&cmd_join, "too many options for the agent");
	cfg.url = argv[1];
	snprintf(pki, sizeof(pki), "%s/pki", data_dir);
	signal(SIGPIPE, SIG_IGN);
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

const struct cli_command cmd_join = { .name = "join", .args = "URL [-- AGENT-OPTION...]",
	.help = "make this machine a node of a cloud, and run its pods",
	.more = "Run again it goes on, with the membership it has: the token is not needed any more then.", .run = run };
