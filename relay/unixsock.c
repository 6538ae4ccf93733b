/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/unixsock.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "relay/sys.h"

int unixsock_listen(const char *path, int type, int backlog)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int fd, rc = 0;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	fd = sys_socket(AF_UNIX, type);
	if (fd < 0)
		return fd;
	/* what a killed relay left behind, but not a living one's */
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode) &&
	    sys_connect(fd, (struct sockaddr *)&sa, sizeof(sa)) ==
		    -ECONNREFUSED)
		unlink(path);
	mask = umask(0177);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		rc = -errno;
	umask(mask);
	if (!rc && listen(fd, backlog) < 0)
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

bool unixsock_is_ours(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	return !cred.uid || cred.uid == getuid();
}
