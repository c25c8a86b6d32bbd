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
 * default route (127.0.0.1 when there is none). */
void role_advertise(const char *host, char ret[256]);
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


/* What `sampan server` was told about silent nodes, and what it means (role_node_death.c). */
struct control_node_death;
struct node_death_flags { const char *grace, *startup_grace, *rate, *secondary_rate, *large, *unhealthy; };
#define NODE_DEATH_FLAGS { "40s", "1m", "0.1", "0.01", "50", "0.55" }
/* 0, or -ERR_BAD_REQUEST with the flag's name. */
int role_node_death(const struct node_death_flags *f, struct control_node_death *ret, struct err *reterr);

#endif
