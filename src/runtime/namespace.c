/* SPDX-License-Identifier: Apache-2.0 */
/* namespace - network and IPC namespaces pinned as bind mounts, so that no process has
 * to live for them. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/priv.h"

#define NSFS_MAGIC_NUMBER 0x6e736673

static bool pinned(const char *path)
{
	struct statfs st;

	return !statfs(path, &st) && (unsigned long)st.f_type == NSFS_MAGIC_NUMBER;
}

static int pin(const char *self, const char *path, struct err *reterr)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0444);

	if (fd < 0)
		return err_errno(reterr, "create %s", path);
	close(fd);
	if (mount(self, path, NULL, MS_BIND, NULL)) {
		int rc = err_errno(reterr, "pin namespace at %s", path);

		unlink(path);
		return rc;
	}
	return 0;
}

static int lo_up(struct err *reterr)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr))
		rc = err_errno(reterr, "bring lo up");
	if (fd >= 0)
		close(fd);
	return rc;
}

int namespace_pin(const char *netns, const char *ipcns, struct err *reterr)
{
	bool net = netns && !pinned(netns), ipc = !pinned(ipcns);
	int old_net = -1, old_ipc = -1, rc = 0;

	if (!net && !ipc)
		return 0;
	old_net = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	old_ipc = open("/proc/thread-self/ns/ipc", O_RDONLY | O_CLOEXEC);
	if (old_net < 0 || old_ipc < 0)
		rc = err_errno(reterr, "open own namespaces");
	else if (unshare((net ? CLONE_NEWNET : 0) | (ipc ? CLONE_NEWIPC : 0)))
		rc = err_errno(reterr, "make namespaces");
	if (!rc && ipc)
		rc = pin("/proc/thread-self/ns/ipc", ipcns, reterr);
	if (!rc && net) {
		rc = lo_up(reterr);
		if (!rc)
			rc = pin("/proc/thread-self/ns/net", netns, reterr);
		if (rc && ipc)
			namespace_unpin(ipcns);
	}
	if ((old_net >= 0 && setns(old_net, CLONE_NEWNET)) || (old_ipc >= 0 && setns(old_ipc, CLONE_NEWIPC)))
		rc = err_errno(reterr, "go back to own namespaces");
	if (old_net >= 0)
		close(old_net);
	if (old_ipc >= 0)
		close(old_ipc);
	return rc;
}

void namespace_unpin(const char *path)
{
	umount2(path, MNT_DETACH);
	unlink(path);
}
