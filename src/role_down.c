/* SPDX-License-Identifier: Apache-2.0 */
/* role_down - stop the cloud on this machine and leave nothing running of it. */
#define LOG_MODULE "down"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/env.h"
#include "base/file.h"
#include "base/log.h"
#include "roles.h"
#include "roles_priv.h"

#define STOP_WAIT_MS 30000

/* Ask the holder of a lock to end, and wait until it has. */
static int stop_holder(const char *dir, const char *name, struct err *reterr)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	int64_t until = env_now_ms() + STOP_WAIT_MS;
	pid_t pid = role_lock_holder(dir, name);

	if (pid > 0 && kill(pid, SIGTERM) && errno != ESRCH)
		return err_errno(reterr, "stop process %d", (int)pid);
	while (role_lock_holder(dir, name) > 0) {
		if (env_now_ms() > until)
			return err_set(reterr, ERR_DEADLINE, "process %d does not stop; look at its log", (int)pid);
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int run(int argc, char **argv)
{
	const char *data_dir = DEFAULT_DATA_DIR, *run_dir = "/run/sampan";
	char server[4200], agent[4200];
	bool purge = false;
	struct err e = { 0 };
	const struct cli_option opts[] = {
		{ "data-dir", "DIR", "the cloud's data directory", &data_dir, NULL },
		{ "run-dir", "DIR", "the agent's run directory", &run_dir, NULL },
		{ "purge", NULL, "remove the data too: state, keys, images, volumes", NULL, &purge },
		{ NULL, NULL, NULL, NULL, NULL },
	};

	cli_parse(&cmd_down, opts, argc, argv);
	log_init("down", 0);
	if (geteuid() != 0) {
		err_set(&e, ERR_FORBIDDEN, "mounts and links need root: run it as root");
		return role_fail(&cmd_down, &e);
	}
	snprintf(server, sizeof(server), "%s/server", data_dir);
	snprintf(agent, sizeof(agent), "%s/agent", data_dir);
	/* The supervisor ends its children; one of them may also run alone. */
	if (stop_holder(data_dir, "up", &e) || stop_holder(agent, "agent", &e) || stop_holder(server, "server", &e) ||
	    agent_down(agent, run_dir, &e) || (purge && file_remove_tree(data_dir, &e)))
		return role_fail(&cmd_down, &e);
	return 0;
}

const struct cli_command cmd_down = { .name = "down", .help = "stop the cloud on this machine and its pods",
	.more = "State and images stay unless --purge is given.", .run = run };
