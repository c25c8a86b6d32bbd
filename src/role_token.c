/* SPDX-License-Identifier: Apache-2.0 */
/* role_token - the tokens that machines join with. */
#include <stdio.h>

#include "base/text.h"
#include "cli/token.h"
#include "http/pki.h"
#include "roles.h"
#include "roles_priv.h"

static const char *data_dir = DEFAULT_DATA_DIR, *kubeconfig, *ttl = "24h", *usages = "authentication", *description;

#define WAY_IN \
	{ "data-dir", "DIR", "the cloud's data directory", &data_dir, NULL }, \
	{ "kubeconfig", "FILE", "another way in than DIR/admin.kubeconfig", &kubeconfig, NULL }

static int open_ask(struct ask *a, struct err *reterr)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/admin.kubeconfig", data_dir);
	return ask_open(a, kubeconfig ? kubeconfig : path, reterr);
}

static int end(const struct cli_command *c, struct ask *a, int rc, const struct err *e)
{
	ask_close(a);
	return rc ? role_fail(c, e) : 0;
}

static int create(int argc, char **argv)
{
	const struct cli_option opts[] = {
		WAY_IN,
		{ "ttl", "DURATION", "how long it is good; 0: for ever", &ttl, NULL },
		{ "usages", "NAMES", "authentication (joining), signing (of cluster-info, which nothing does here)", &usages, NULL },
		{ "description", "TEXT", "for whom it is", &description, NULL },
		{ NULL, NULL, NULL, NULL, NULL },
	};
	struct err e = { 0 };
	struct ask a;
	int64_t ns;
	char pin[80];
	int rc;

	cli_parse(&cmd_token_create, opts, argc, argv);
	if (text_parse_duration(ttl, &ns) || ns < 0)
		cli_usage(&cmd_token_create, "--ttl %s is no duration, like 24h", ttl);
	rc = open_ask(&a, &e);
	if (!rc && (!client_ca(a.client) || pki_pin(client_ca(a.client), pin)))
		rc = err_set(&e, ERR_BAD_REQUEST, "the kubeconfig names no certificate authority that could be pinned");
	if (!rc)
		rc = cli_token_create(&a, pin, ns, usages, description, &e);
	return end(&cmd_token_create, &a, rc, &e);
}

static const struct cli_option way_in[] = { WAY_IN, { NULL, NULL, NULL, NULL, NULL } };

static int list(int argc, char **argv)
{
	struct err e = { 0 };
	struct ask a;

	cli_parse(&cmd_token_list, way_in, argc, argv);
	int rc = open_ask(&a, &e);
	if (!rc)
		rc = cli_token_list(&a, &e);
	return end(&cmd_token_list, &a, rc, &e);
}

static int delete(int argc, char **argv)
{
	struct err e = { 0 };
	struct ask a;
	int n = cli_parse(&cmd_token_delete, way_in, argc, argv);

	if (!n)
		cli_usage(&cmd_token_delete, "which token?");
	int rc = open_ask(&a, &e);
	for (int i = 1; i <= n && !rc; i++)
		rc = cli_token_delete(&a, argv[i], &e);
	return end(&cmd_token_delete, &a, rc, &e);
}

const struct cli_command cmd_token_create = { .name = "token create",
	.help = "print a command that joins another machine", .run = create };
const struct cli_command cmd_token_list = { .name = "token list", .help = "list the tokens machines may join with", .run = list };
const struct cli_command cmd_token_delete = { .name = "token delete", .args = "ID...", .help = "make tokens useless",
	.run = delete };
