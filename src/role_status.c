/* SPDX-License-Identifier: Apache-2.0 */
/* role_status - how the cloud is. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/status.h"
#include "roles.h"
#include "roles_priv.h"

static int run(int argc, char **argv)
{
	const char *data_dir = DEFAULT_DATA_DIR, *kubeconfig = NULL;
	char path[4200];
	struct err e = { 0 };
	const struct cli_option opts[] = {
		{ "data-dir", "DIR", "the cloud's data directory", &data_dir, NULL },
		{ "kubeconfig", "FILE", "another way in than DIR/admin.kubeconfig", &kubeconfig, NULL },
		{ NULL, NULL, NULL, NULL, NULL },
	};

	cli_parse(&cmd_status, opts, argc, argv);
	snprintf(path, sizeof(path), "%s/admin.kubeconfig", data_dir);
	return status_print(kubeconfig ? kubeconfig : path, &e) ? role_fail(&cmd_status, &e) : 0;
}

const struct cli_command cmd_status = { .name = "status", .help = "show the cloud's server, nodes and pods", .run = run };
