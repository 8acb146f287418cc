/* SPDX-License-Identifier: Apache-2.0 */
/* See config_volume.h. */
#include "config/config_volume.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINK "..data"

int config_volume_watch(const char *file)
{
	char folder[PATH_MAX], link[PATH_MAX + sizeof(LINK)];
	struct stat status;
	int fd;

	if (!*file || strlen(file) >= sizeof(folder))
		return -1;
	snprintf(folder, sizeof(folder), "%s", file);
	snprintf(link, sizeof(link), "%s/" LINK, dirname(folder));
	if (lstat(link, &status) || !S_ISLNK(status.st_mode))
		return -1;
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	*strrchr(link, '/') = '\0';
	if (fd >= 0 && inotify_add_watch(fd, link, IN_MOVED_TO | IN_ONLYDIR) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

bool config_volume_has_changed(int fd)
{
	_Alignas(struct inotify_event) char bytes[4096];
	bool has_changed = false;
	ssize_t size;

	while ((size = read(fd, bytes, sizeof(bytes))) > 0) {
		for (char *at = bytes; at < bytes + size;) {
			const struct inotify_event *event = (const struct inotify_event *)at;

			/* of events that found no room, one may have been it */
			has_changed |= event->mask & IN_Q_OVERFLOW ||
				       (event->len && !strcmp(event->name, LINK));
			at += sizeof(*event) + event->len;
		}
	}
	return has_changed;
}
