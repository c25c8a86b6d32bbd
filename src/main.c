/* SPDX-License-Identifier: Apache-2.0 */
/* main - the program's name for each role: finds the command and runs it. */
#include <stdio.h>
#include <string.h>

#include "roles.h"

static const struct cli_command *const commands[] = {
	&cmd_up, &cmd_down, &cmd_server, &cmd_agent, &cmd_join, &cmd_node_drain, &cmd_node_remove,
	&cmd_token_create, &cmd_token_list, &cmd_token_delete, &cmd_status, &cmd_image_ls, &cmd_image_pull, &cmd_image_import, &cmd_image_rm,
	&cmd_backup, &cmd_restore, &cmd_store_check, &cmd_store_stats, &cmd_store_compact, &cmd_store_migrate, &cmd_store_raise,
	&cmd_version, NULL,
};

static void usage(FILE *out)
{
	fprintf(out, "sampan: a whole cloud in one small program that speaks the Kubernetes API.\n\n"
		"Usage: sampan COMMAND [OPTION...]\n\nCommands:\n");
	for (const struct cli_command *const *c = commands; *c; c++)
		fprintf(out, "  %-14s %s\n", (*c)->name, (*c)->help);
	fprintf(out, "\n`sampan COMMAND --help` tells more. Everything else is kubectl's: after `sampan up`,\n"
		"    export KUBECONFIG=" DEFAULT_DATA_DIR "/admin.kubeconfig\n"
		"    kubectl get nodes\n");
}

/* How many of argv's words the command's name takes; 0: it is another one. */
static int names(const struct cli_command *c, int argc, char **argv)
{
	const char *second = strchr(c->name, ' ');
	size_t n = second ? (size_t)(second - c->name) : strlen(c->name);

	if (argc < 2 || strlen(argv[1]) != n || memcmp(argv[1], c->name, n))
		return 0;
	if (!second)
		return 1;
	return argc > 2 && !strcmp(argv[2], second + 1) ? 2 : 0;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	for (const struct cli_command *const *c = commands; *c; c++) {
		int n = names(*c, argc, argv);
		if (n)
			return (*c)->run(argc - n, argv + n);
	}
	if (!strcmp(word, "-h") || !strcmp(word, "--help") || !strcmp(word, "help")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(word, "--version"))
		return cmd_version.run(argc - 1, argv + 1);
	if (!strcmp(word, "image"))
		fprintf(stderr, "sampan image: say what to do: ls, pull, import or rm. See `sampan --help`.\n");
	else if (!strcmp(word, "store"))
		fprintf(stderr, "sampan store: say what to do: check, stats, compact, migrate or raise. See `sampan --help`.\n");
	else if (!strcmp(word, "node"))
		fprintf(stderr, "sampan node: say what to do: drain or remove. See `sampan --help`.\n");
	else if (!strcmp(word, "token"))
		fprintf(stderr, "sampan token: say what to do: create, list or delete. See `sampan --help`.\n");
	else if (*word)
		fprintf(stderr, "sampan: there is no command %s. See `sampan --help`.\n", word);
	else
		usage(stderr);
	return 2;
}
