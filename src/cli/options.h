/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options - a command's flags as a table: parsed, and printed as its --help.
 * Exit codes: 0, 1 for what failed, 2 for how it was called.
 * Tests: tests/unit/cli/test_options.c
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>

struct cli_option {
	const char *name;          /* "data-dir" */
	const char *arg;           /* "DIR"; NULL: a flag */
	const char *help;
	const char **value;        /* set to the argument; holds the default before */
	bool *flag;
};
struct cli_command {
	const char *name;          /* "server", "image ls" */
	const char *args;          /* positional, "REF...", or NULL: none */
	const char *help;          /* one line, no full stop */
	const char *more;          /* further lines, or NULL */
	int (*run)(int argc, char **argv);
};
/* argv[0] is the command's own name. "--name value", "--name=value", "--", -h and --help
 * (printed; exits 0). Unknown flags and, when c->args is NULL, positional arguments
 * print why and exit 2. Returns the number of positional arguments, moved to argv[1..]. */
int cli_parse(const struct cli_command *c, const struct cli_option *opts, int argc, char **argv);
/* Print "sampan NAME: message" and a hint to --help; exits 2. */
_Noreturn void cli_usage(const struct cli_command *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
