/* SPDX-License-Identifier: Apache-2.0 */
/* role_version - which program this is. */
#include <stdio.h>

#include "roles.h"

static int run(int argc, char **argv)
{
	cli_parse(&cmd_version, NULL, argc, argv);
	printf("sampan " SAMPAN_VERSION "\n");
	return 0;
}

const struct cli_command cmd_version = { .name = "version", .help = "print the version", .run = run };
