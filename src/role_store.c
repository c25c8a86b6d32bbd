/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role_store - the store's file from the command line: checked, measured, compacted, backed up,
 * restored and moved. It works on the file itself, beside a running server or without one.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "roles.h"
#include "roles_priv.h"
#include "store/files.h"
#include "store/migrate.h"

static const char *data_dir = DEFAULT_DATA_DIR, *store;
static bool force;
static const struct cli_option opts[] = {
	{ "data-dir", "DIR", "the cloud's data directory", &data_dir, NULL },
	{ "store", "URI", "sqlite:FILE, where the server was given that", &store, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};
static const struct cli_option restore_opts[] = {
	{ "data-dir", "DIR", "the cloud's data directory", &data_dir, NULL },
	{ "store", "URI", "sqlite:FILE, where the server was given that", &store, NULL },
	{ "force", NULL, "move a store that is there aside", NULL, &force },
	{ NULL, NULL, NULL, NULL, NULL },
};

/* etcd looks after its own files: said with the words that do it. */
static void refuse_etcd(const struct cli_command *c)
{
	static const struct { const struct cli_command *c; const char *instead; } rows[] = {
		{ &cmd_store_check, "etcdctl endpoint health --cluster, and hashkv compares its members" },
		{ &cmd_store_stats, "etcdctl endpoint status --cluster -w table" },
		{ &cmd_store_compact, "the servers compact it by themselves; etcdctl defrag --cluster gives space back" },
		{ &cmd_backup, "etcdctl snapshot save FILE" },
		{ &cmd_restore, "etcdctl snapshot restore FILE on every member, then sampan store raise --store URI" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].c == c)
			cli_usage(c, "the store is etcd, which does this itself: %s", rows[i].instead);
}

/* The options and files of a command: as many as want, with words for what else is given. */
static const char *parse(const struct cli_command *c, const struct cli_option *o, int want, int argc, char **argv,
	char path[4200])
{
	int n = cli_parse(c, o, argc, argv);

	if (n != want && !(store && !strncmp(store, "etcd://", 7)))
		cli_usage(c, n < want ? "which file?" : "one file, please");
	if (store && !strncmp(store, "etcd://", 7))
		refuse_etcd(c);
	if (store && strncmp(store, "sqlite:", 7))
		cli_usage(c, "--store %s is not sqlite:FILE", store);
	if (store)
		snprintf(path, 4200, "%s", store + 7);
	else
		snprintf(path, 4200, "%.4000s/server/state.db", data_dir);
	return want ? argv[1] : NULL;
}

static int check(int argc, char **argv)
{
	char path[4200];
	struct err e = { 0 };

	parse(&cmd_store_check, opts, 0, argc, argv, path);
	if (store_file_check(path, &e))
		return role_fail(&cmd_store_check, &e);
	printf("%s is sound\n", path);
	return 0;
}

static void resource(void *arg, const char *name, int64_t keys, int64_t bytes)
{
	(void)arg;
	printf("%-58s %9lld %13lld\n", name, (long long)keys, (long long)bytes);
}

static int stats(int argc, char **argv)
{
	struct store_file_stats st;
	char path[4200];
	struct err e = { 0 };

	parse(&cmd_store_stats, opts, 0, argc, argv, path);
	printf("%-58s %9s %13s\n", "RESOURCE", "OBJECTS", "BYTES");
	if (store_file_stats(path, &st, resource, NULL, &e))
		return role_fail(&cmd_store_stats, &e);
	printf("\nrevision         %lld\ncompacted        %lld\nswept            %lld\nrevisions kept   %lld\n"
		"file             %lld bytes\n  free of that   %lld bytes\nWAL              %lld bytes\n",
		(long long)st.rev, (long long)st.compacted_rev, (long long)st.swept_rev, (long long)st.revisions,
		(long long)st.file_bytes, (long long)st.free_bytes, (long long)st.wal_bytes);
	return 0;
}

static int compact(int argc, char **argv)
{
	char path[4200];
	struct err e = { 0 };

	parse(&cmd_store_compact, opts, 0, argc, argv, path);
	return store_file_compact(path, &e) ? role_fail(&cmd_store_compact, &e) : 0;
}

static int backup(int argc, char **argv)
{
	char path[4200];
	struct err e = { 0 };
	const char *to = parse(&cmd_backup, opts, 1, argc, argv, path);

	return store_file_backup(path, to, &e) ? role_fail(&cmd_backup, &e) : 0;
}

static int restore(int argc, char **argv)
{
	char path[4200], old[4200];
	struct err e = { 0 };
	const char *from = parse(&cmd_restore, restore_opts, 1, argc, argv, path);
	int64_t rev;

	if (store_file_restore(path, from, force, &rev, old, &e))
		return role_fail(&cmd_restore, &e);
	if (*old)
		printf("the old store is now %s\n", old);
	printf("restored %s; it goes on at revision %lld\n", path, (long long)rev);
	return 0;
}

static struct store_options etcd_opt;
static const struct cli_option etcd_opts[] = {
	{ "store", "URI", "etcd://HOST:PORT,...[/PREFIX]", &store, NULL },   /* the first: not of migrate */
	ROLE_STORE_OPTIONS(&etcd_opt),
	{ NULL, NULL, NULL, NULL, NULL },
};

static void tell(int64_t keys)
{
	fprintf(stderr, "%lld objects\n", (long long)keys);
}

static int migrate(int argc, char **argv)
{
	struct store_migrated m;
	struct err e = { 0 };
	struct loop *l;
	int rc;

	if (cli_parse(&cmd_store_migrate, etcd_opts + 1, argc, argv) != 2)
		cli_usage(&cmd_store_migrate, "from where, and where to?");
	log_init("migrate", -1);
	signal(SIGPIPE, SIG_IGN);
	if (loop_open(&l))
		return err_set(&e, ERR_IO, "cannot make an event loop"), role_fail(&cmd_store_migrate, &e);
	rc = store_migrate(l, argv[1], argv[2], &etcd_opt, tell, &m, &e);
	loop_close(l);
	if (rc)
		return role_fail(&cmd_store_migrate, &e);
	printf("%lld objects, %lld bytes; compared, sha256 ", (long long)m.keys, (long long)m.bytes);
	for (size_t i = 0; i < sizeof(m.sha256); i++)
		printf("%02x", m.sha256[i]);
	printf("\nit goes on above revision %lld; start every server with --store %s, none on the old\n", (long long)m.from_rev, argv[2]);
	return 0;
}

static int raise_revisions(int argc, char **argv)
{
	struct err e = { 0 };
	struct loop *l;
	int64_t rev;
	int rc;

	if (cli_parse(&cmd_store_raise, etcd_opts, argc, argv) || !store || strncmp(store, "etcd://", 7))
		cli_usage(&cmd_store_raise, "which etcd? --store etcd://HOST:PORT; sampan restore does it for a file");
	log_init("raise", -1);
	signal(SIGPIPE, SIG_IGN);
	if (loop_open(&l))
		return err_set(&e, ERR_IO, "cannot make an event loop"), role_fail(&cmd_store_raise, &e);
	rc = store_begin_again(l, store, &etcd_opt, &rev, &e);
	loop_close(l);
	if (rc)
		return role_fail(&cmd_store_raise, &e);
	printf("%s goes on above revision %lld\n", store, (long long)rev);
	return 0;
}

const struct cli_command cmd_store_check = { .name = "store check", .help = "check every page and rule of the store",
	.more = "The server may run meanwhile; no write waits.", .run = check };
const struct cli_command cmd_store_stats = { .name = "store stats", .help = "show what the store holds, and its size",
	.run = stats };
const struct cli_command cmd_store_compact = { .name = "store compact", .help = "forget history and rewrite the store's file",
	.more = "A server keeps its store small by itself; this is for one that is stopped.", .run = compact };
const struct cli_command cmd_backup = { .name = "backup", .args = "FILE", .help = "copy the store into a file",
	.more = "The server may run meanwhile; no write waits. Keys are not in it: keep DIR/pki, too.", .run = backup };
const struct cli_command cmd_restore = { .name = "restore", .args = "FILE", .help = "put a backup in the store's place",
	.more = "The server must be stopped. Revisions go on far above the old ones: clients that watch are\n"
		"told that what they saw expired, and read again.", .run = restore };
const struct cli_command cmd_store_migrate = { .name = "store migrate", .args = "FROM TO",
	.help = "move all that lives in one store to another",
	.more = "FROM and TO are sqlite:FILE or etcd://HOST:PORT,...[/PREFIX]. Servers must be stopped. FROM is\n"
		"only read, TO must be empty; when it was cut short, the same command goes on. Keys are not in\n"
		"a store: keep DIR/pki, too.", .run = migrate };
const struct cli_command cmd_store_raise = { .name = "store raise",
	.help = "let revisions go on far above, after etcd was restored",
	.more = "For an etcd that was put back to a snapshot of its own. Servers must be stopped. Clients that watch\n"
		"are told that what they saw expired, and read again.", .run = raise_revisions };
