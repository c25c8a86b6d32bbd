/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles - what the one program can be. The role_*.c files beside this wire the
 * modules together; only they may include all of them.
 */
#ifndef ROLES_H
#define ROLES_H

#include "cli/options.h"


extern const struct cli_command cmd_server, cmd_agent, cmd_up, cmd_down, cmd_status, cmd_version,
	cmd_join, cmd_node_drain, cmd_node_remove, cmd_token_create, cmd_token_list, cmd_token_delete, cmd_image_ls, cmd_image_pull,
	cmd_image_import, cmd_image_rm, cmd_store_check, cmd_store_stats, cmd_store_compact, cmd_store_migrate, cmd_store_raise, cmd_backup, cmd_restore;

#define SAMPAN_VERSION "0.1.0"
#define DEFAULT_DATA_DIR "/var/lib/sampan"
#define DEFAULT_LISTEN "0.0.0.0:6443"

#endif
