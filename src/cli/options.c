/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void cli_usage(const struct cli_command *c, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "sampan %s: ", c->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nSee `sampan %s --help`.\n", c->name);
	exit(2);
}

static void help(const struct cli_command *c, const struct cli_option *opts)
{
	printf("%s.\n\nUsage: sampan %s%s%s%s\n", c->help, c->name, opts && opts->name ? " [OPTION...]" : "",
		c->args ? " " : "", c->args ? c->args : "");
	if (c->more)
		printf("\n%s\n", c->more);
	if (opts && opts->name)
		printf("\nOptions:\n");
	for (const struct cli_option *o = opts; o && o->name; o++) {
		int n = printf("  --%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
		printf("%*s%s", n < 28 ? 28 - n : 1, "", o->help);
		if (o->value && *o->value && **o->value)
			printf(" (default %s)", *o->value);
		printf("\n");
	}
	exit(0);
}

static const struct cli_option *find(const struct cli_option *opts, const char *s, size_t n)
{
	for (const struct cli_option *o = opts; o && o->name; o++)
		if (strlen(o->name) == n && !memcmp(o->name, s, n))
			return o;
	return NULL;
}

int cli_parse(const struct cli_command *c, const struct cli_option *opts, int argc, char **argv)
{
	int kept = 1;

	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];
		if (!strcmp(a, "-h") || !strcmp(a, "--help"))
			help(c, opts);
		if (!strcmp(a, "--")) {
			while (++i < argc)
				argv[kept++] = argv[i];
			break;
		}
		if (a[0] != '-' || !a[1]) {
			if (!c->args)
				cli_usage(c, "unexpected argument %s", a);
			argv[kept++] = argv[i];
			continue;
		}
		const char *name = a + strspn(a, "-"), *eq = strchr(name, '=');
		const struct cli_option *o = a[1] == '-' ? find(opts, name, eq ? (size_t)(eq - name) : strlen(name)) : NULL;
		if (!o)
			cli_usage(c, "unknown option %s", a);
		if (o->flag) {
			if (eq && strcmp(eq, "=true") && strcmp(eq, "=false"))
				cli_usage(c, "option --%s takes no value", o->name);
			*o->flag = !eq || !strcmp(eq, "=true");
		} else if (eq) {
			*o->value = eq + 1;
		} else if (++i < argc) {
			*o->value = argv[i];
		} else {
			cli_usage(c, "option --%s needs a value: --%s %s", o->name, o->name, o->arg);
		}
	}
	argv[kept] = NULL;
	return kept - 1;
}
