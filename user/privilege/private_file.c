/* SPDX-License-Identifier: Apache-2.0 */
/* See private_file.h. */
#include "privilege/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define PRIVATE_MODE (S_IRUSR | S_IWUSR)
#define MODE_BITS    07777
#define OTHERS       (S_IRWXG | S_IRWXO)

static struct {
	bool set;
	uid_t user;
	gid_t group;
} owner;

void private_file_set_owner(uid_t user, gid_t group)
{
	owner.set = true;
	owner.user = user;
	owner.group = group;
}

__attribute__((format(printf, 4, 5))) static int fail(
	const char *path, int result, char *error, const char *format, ...)
{
	char why[160];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	snprintf(error, PRIVATE_FILE_ERROR_LEN, "%.90s: %s", path, why);
	return result;
}

static const char *why_not(int code)
{
	switch (code) {
	case ELOOP:
		return "is a symbolic link, which could lead anywhere: name the file that it leads "
		       "to";
	case ENXIO: return "is a pipe that nobody reads, or a socket";
	default: return strerror(code);
	}
}

static bool is_ours(uid_t user)
{
	return user == 0 || user == geteuid() || (owner.set && user == owner.user);
}

/* The folder, so that what was learned of it goes for the file as well. */
static int folder_open(const char *path, const char **name, char *error)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".";
	struct stat status;
	int fd;

	*name = slash ? slash + 1 : path;
	if (slash && (size_t)(slash - path) >= sizeof(folder))
		return fail(path, -ENAMETOOLONG, error, "%s", strerror(ENAMETOOLONG));
	if (slash)
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path) + 1, path);
	if (!**name)
		return fail(path, -EISDIR, error, "%s", strerror(EISDIR));
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status)) {
		int code = errno;

		if (fd >= 0)
			close(fd);
		return fail(path, -code, error, "%s", strerror(code));
	}
	if ((status.st_mode & S_IWOTH) && !(status.st_mode & S_ISVTX)) {
		close(fd);
		return fail(path, -EPERM, error,
			"everybody may put another file in its place: choose a folder that not all "
			"may write to, or `chmod +t` this one");
	}
	return fd;
}

/* Makes it the owner's alone, whether it was just made or is an old one. */
static int make_private(const char *path, int fd, const struct stat *found, char *error)
{
	struct stat now;

	if ((found->st_mode & MODE_BITS) != PRIVATE_MODE)
		fchmod(fd, PRIVATE_MODE); /* whether that did it shows below */
	if (owner.set && found->st_uid != owner.user && fchown(fd, owner.user, owner.group))
		return fail(path, -errno, error, "cannot be given to user %u: %s",
			(unsigned)owner.user, strerror(errno));
	if (fstat(fd, &now) || (now.st_mode & OTHERS))
		return fail(path, -EPERM, error,
			"others may read it (mode %04o), and that cannot be changed: choose "
			"another "
			"file",
			(unsigned)found->st_mode & MODE_BITS);
	if (found->st_mode & OTHERS)
		log_warn("this file could be read by others; from now on it is its owner's alone",
			log_str("file", path), log_int("bytes_in_it", (int64_t)found->st_size));
	return 0;
}

static int file_check(const char *path, int fd, char *error)
{
	struct stat status;

	if (fstat(fd, &status))
		return fail(path, -errno, error, "%s", strerror(errno));
	if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode))
		return fail(path, -EINVAL, error, "is no file, pipe or character device");
	if (!is_ours(status.st_uid))
		return fail(path, -EPERM, error,
			"belongs to user %u, who could read it: remove it, or choose another file",
			(unsigned)status.st_uid);
	if (S_ISCHR(status.st_mode))
		return 0;
	if (status.st_nlink > 1)
		return fail(path, -EMLINK, error,
			"has %u names (hard links), and may be another's file: remove this one",
			(unsigned)status.st_nlink);
	return make_private(path, fd, &status, error);
}

int private_file_open(const char *path, bool append, char error[PRIVATE_FILE_ERROR_LEN])
{
	int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
		    (append ? O_APPEND : 0);
	const char *name;
	int folder = folder_open(path, &name, error), fd, result;

	if (folder < 0)
		return folder;
	fd = openat(folder, name, flags, PRIVATE_MODE);
	result = fd < 0 ? -errno : 0;
	close(folder);
	if (result)
		return fail(path, result, error, "%s", why_not(-result));
	result = file_check(path, fd, error);
	if (!result && !append && ftruncate(fd, 0) && errno != EINVAL) /* no regular file */
		result = fail(path, -errno, error, "cannot be emptied: %s", strerror(errno));
	if (!result)
		return fd;
	close(fd);
	return result;
}
