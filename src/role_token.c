/* SPDX-License-Identifier: Apache-2.0 */
/* role_token - the tokens that machines join with. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "bundle.h"
#include "cli/token.h"
#include "http/pki.h"
#include "roles.h"
#include "roles_priv.h"

static const char *data_dir = DEFAULT_DATA_DIR, *kubeconfig, *ttl, *usages = "authentication", *description;

struct sealing { struct bundle bundle; char key[BUNDLE_KEY_MAX]; };

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

static int seal(void *arg, const char *id, struct buf *out, struct err *reterr)
{
	struct sealing *s = arg;

	return bundle_seal(&s->bundle, s->key, id, out, reterr);
}

/* What other servers need, of this machine's server. */
static int open_sealing(struct sealing *s, struct err *reterr)
{
	int rc = bundle_read(data_dir, &s->bundle, reterr);

	bundle_key(s->key);
	if (!rc && (strstr(s->bundle.store, "://127.") || strstr(s->bundle.store, "://localhost") || strstr(s->bundle.store, "://[::1]")))
		fprintf(stderr, "Only this machine reaches the store %s: give --store of `sampan join` another address of it.\n",
			s->bundle.store);
	return rc;
}

static int create(int argc, char **argv)
{
	struct sealing sealing = { .key = "" };
	const struct cli_token_server way = { .key = sealing.key, .seal = seal, .arg = &sealing };
	bool server = false;
	const struct cli_option opts[] = {
		WAY_IN,
		{ "server", NULL, "for a machine that becomes another server; the keys it fetches are there for 2h at most", NULL, &server },
		{ "ttl", "DURATION", "how long it is good; 0: for ever (default 24h, of a server 2h)", &ttl, NULL },
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
	if (!ttl)
		ttl = server ? "2h" : "24h";
	if (text_parse_duration(ttl, &ns) || ns < 0)
		cli_usage(&cmd_token_create, "--ttl %s is no duration, like 24h", ttl);
	rc = open_ask(&a, &e);
	if (!rc && server)
		rc = open_sealing(&sealing, &e);
	if (!rc && (!client_ca(a.client) || pki_pin(client_ca(a.client), pin)))
		rc = err_set(&e, ERR_BAD_REQUEST, "the kubeconfig names no certificate authority that could be pinned");
	if (!rc)
		rc = cli_token_create(&a, pin, ns, usages, description, server ? &way : NULL, &e);
	bundle_finish(&sealing.bundle);
	explicit_bzero(sealing.key, sizeof(sealing.key));
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
