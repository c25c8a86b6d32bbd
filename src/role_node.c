/* SPDX-License-Identifier: Apache-2.0 */
/* role_node - a node is emptied, or leaves the cloud. */
#include <signal.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/drain.h"
#include "roles.h"
#include "roles_priv.h"

static int run(const struct cli_command *c, int argc, char **argv,
	int (*work)(struct ask *a, const struct drain_config *cfg, struct err *reterr))
{
	const char *data_dir = DEFAULT_DATA_DIR, *kubeconfig = NULL, *timeout = "5m";
	struct drain_config cfg = { 0 };
	struct err e = { 0 };
	struct ask a;
	char path[4200];
	int64_t ns;
	const struct cli_option opts[] = {
		{ "data-dir", "DIR", "the cloud's data directory", &data_dir, NULL },
		{ "kubeconfig", "FILE", "another way in than DIR/admin.kubeconfig", &kubeconfig, NULL },
		{ "timeout", "DURATION", "how long pods are waited for; 0: as long as it takes", &timeout, NULL },
		{ "force", NULL, "pods that nothing would make again end, too", NULL, &cfg.force },
		{ NULL, NULL, NULL, NULL, NULL },
	};
	int n = cli_parse(c, opts, argc, argv);

	if (n != 1)
		cli_usage(c, n ? "one node at a time" : "which node?");
	cfg.node = argv[1];
	if (text_bad_dns1123_subdomain(cfg.node))
		cli_usage(c, "%s is not a node's name", cfg.node);
	if (text_parse_duration(timeout, &ns) || ns < 0)
		cli_usage(c, "--timeout %s is no duration, like 5m", timeout);
	cfg.timeout_ms = ns / 1000000;
	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof(path), "%s/admin.kubeconfig", data_dir);
	int rc = ask_open(&a, kubeconfig ? kubeconfig : path, &e);
	if (!rc)
		rc = work(&a, &cfg, &e);
	ask_close(&a);
	return rc ? role_fail(c, &e) : 0;
}

static int node_drain(int argc, char **argv)
{
	return run(&cmd_node_drain, argc, argv, drain_node);
}

static int node_remove(int argc, char **argv)
{
	return run(&cmd_node_remove, argc, argv, drain_remove);
}

const struct cli_command cmd_node_drain = { .name = "node drain", .args = "NAME",
	.help = "empty a node: no new pods, and evict those it has",
	.more = "Budgets are honoured; pods of DaemonSets stay. What pods keep in emptyDir volumes is lost.\n"
		"`kubectl uncordon NAME` opens the node again.", .run = node_drain };
const struct cli_command cmd_node_remove = { .name = "node remove", .args = "NAME",
	.help = "drain a node and take it out of the cloud",
	.more = "The certificates it has are refused from then on; its machine joins again with a new token. A server's own\n"
		"agent is refused, too, until DIR/pki/agent.crt is removed there and the server starts again.",
	.run = node_remove };
