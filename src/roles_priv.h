/* SPDX-License-Identifier: Apache-2.0 */
/* roles_priv - what the role_*.c files share (role_common.c). */
#ifndef ROLES_PRIV_H
#define ROLES_PRIV_H

#include <sys/types.h>

#include "base/err.h"

/* Tell the service manager ("READY=1"), when there is one ($NOTIFY_SOCKET). */
void role_notify(const char *state);
/* "HOST:PORT" or "[V6]:PORT" taken apart; exits 2 with the option's name when it is neither. */
void role_split_listen(const struct cli_command *c, const char *listen, char host[256], unsigned *ret_port);
/* The address others reach this machine at: host itself, or for a wildcard the source address of the
 * default route of the family, 4 or 6 (the loopback address when there is none). */
void role_advertise(const char *host, int family, char ret[256]);
/* The default node name: the machine's host name in lower case. */
void role_node_name(char ret[256]);
/* One process per directory: locks DIR/NAME.lock and writes the pid; says who holds it otherwise. */
int role_lock(const char *dir, const char *name, struct err *reterr);
/* Pid of the holder, 0 when nobody holds it. */
pid_t role_lock_holder(const char *dir, const char *name);
/* Print "sampan NAME: message" to stderr; returns 1. */
int role_fail(const struct cli_command *c, const struct err *e);
/* Raise the limit of open files to what the kernel allows. */
void role_raise_files(void);


/* Options with values for another role's command line, from argv[n] on; those without a value (NULL, "") are left out.
 * Ends with an option NULL. The new n; the rest of argv is the caller's and zero. */
struct role_option { const char *option, *value; };
int role_give(const char **argv, int n, const struct role_option *give);

/* Rows of a table of options: which store, and what opens it (a struct store_options). */
#define ROLE_STORE_URI(uri) \
	{ "store", "URI", "sqlite:FILE, etcd://HOST:PORT,...[/PREFIX], or mem: (nothing is kept)", (uri), NULL }
#define ROLE_STORE_OPTIONS(o) \
	{ "store-ca", "FILE", "the authority of an etcd that is reached over TLS, as PEM", &(o)->ca_file, NULL }, \
	{ "store-cert", "FILE", "the certificate that is shown to it", &(o)->cert_file, NULL }, \
	{ "store-key", "FILE", "the key of that", &(o)->key_file, NULL }, \
	{ "store-auth", "FILE", "user:password for it", &(o)->auth_file, NULL }

#endif
