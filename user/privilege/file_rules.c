/* SPDX-License-Identifier: Apache-2.0 */
/* See file_rules.h; the interface: Documentation/userspace-api/landlock.rst of Linux. */
#include "privilege/file_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the header of an older distribution lacks, with the version that brought it. */
#define ACCESS_FS_TRUNCATE  (1ULL << 14) /* 3 */
#define ACCESS_FS_IOCTL_DEV (1ULL << 15) /* 5 */
#define ACCESS_NET_BIND_TCP (1ULL << 0)  /* 4 */
#define SCOPE_SIGNAL        (1ULL << 1)  /* 6 */

struct ruleset {
	uint64_t files;
	uint64_t network; /* 4 */
	uint64_t scoped;  /* 6 */
};

#define FILES_1  ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define READ     (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_FS_TRUNCATE)
#define WRITE                                                                                      \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                             \
		LANDLOCK_ACCESS_FS_READ_DIR | ACCESS_FS_TRUNCATE)

/*
 * Folders rather than files: a file may be replaced by another of its name. What is not there needs
 * no rule. Executables of others, for probes that are attached late, would stand here as well.
 */
static const struct {
	const char *path;
	uint64_t access;
} fixed[] = {
	{"/proc", READ},
	{"/sys/devices/system/cpu", READ}, /* how many there are */
	{"/etc", READ},                    /* resolv.conf, nsswitch.conf, hosts, ssl, localtime */
	{"/usr", READ},                    /* libraries, certificates, time zones */
	{"/lib", READ},
	{"/lib64", READ},
	{"/nix/store", READ},
	{"/dev/null", READ | LANDLOCK_ACCESS_FS_WRITE_FILE},
	{"/dev/urandom", READ},
};

/* Where SIGHUP may begin a flow log, when there was none at the start. */
static const char *const log_folders[] = {"/var/log", "/var/lib/sonde", "/tmp"};

/* Variables of libraries that name a file or folder to be read. */
static const char *const variables[] = {"SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
	"OPENSSL_CONF", "OTEL_EXPORTER_OTLP_CERTIFICATE"};

static int rules = -1;
static uint64_t handled;

int file_rules_version(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0UL, LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? -errno : (int)version;
}

/* A path that is not there is no error. */
static int allow(const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr rule = {
		.parent_fd = open(path, O_PATH | O_CLOEXEC),
	};
	struct stat status;
	int result = 0;

	if (rule.parent_fd < 0)
		return 0;
	if (fstat(rule.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode))
		access &= OF_FILES;
	rule.allowed_access = access & handled;
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0U))
		result = -errno;
	close(rule.parent_fd);
	return result;
}

/* The folder in which a path is, and, when it is a link, the one in which that ends. */
static int allow_folder_of(const char *path, uint64_t access)
{
	char named[PATH_MAX], real[PATH_MAX];
	int result;

	if (!*path || strlen(path) >= sizeof(named))
		return 0;
	strcpy(named, path);
	result = allow(dirname(named), access);
	if (!result && realpath(path, real))
		result = allow(dirname(real), access);
	return result;
}

static int add_rules(const char *configuration, const char *const logs[FILE_RULES_LOGS],
	const char *token, const char *ca)
{
	bool has_log = false;
	int result = 0;

	for (size_t i = 0; i < FILE_RULES_LOGS; i++)
		has_log |= *logs[i];

	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed) && !result; i++)
		result = allow(fixed[i].path, fixed[i].access);
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables) && !result; i++)
		result = allow(getenv(variables[i]) ?: "", READ);
	for (size_t i = 0; i < sizeof(log_folders) / sizeof(*log_folders) && !has_log && !result;
		i++)
		result = allow(log_folders[i], WRITE);
	for (size_t i = 0; i < FILE_RULES_LOGS && !result; i++)
		result = allow_folder_of(logs[i], WRITE);
	return result ?: allow_folder_of("/etc/resolv.conf", READ)
			 ?: allow_folder_of(configuration, READ)
			 ?: allow_folder_of(token, READ)
			 ?: allow_folder_of(ca, READ);
}

int file_rules_make(const char *configuration, const char *const logs[FILE_RULES_LOGS],
	const char *token, const char *ca)
{
	int version = file_rules_version(), result;
	struct ruleset all = {
		.files = FILES_1,
		.network = ACCESS_NET_BIND_TCP,
		.scoped = SCOPE_SIGNAL,
	};
	size_t size = version >= 6   ? sizeof(all)
		      : version >= 4 ? offsetof(struct ruleset, scoped)
				     : offsetof(struct ruleset, network);

	if (version < 0)
		return version;
	if (version >= 2)
		all.files |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		all.files |= ACCESS_FS_TRUNCATE;
	if (version >= 5)
		all.files |= ACCESS_FS_IOCTL_DEV;
	handled = all.files;
	rules = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0U);
	if (rules < 0)
		return -errno;
	fcntl(rules, F_SETFD, FD_CLOEXEC);
	result = add_rules(configuration, logs, token, ca);
	if (!result)
		return 0;
	close(rules);
	rules = -1;
	return result;
}

int file_rules_apply(void)
{
	if (rules < 0)
		return 0;
	return syscall(SYS_landlock_restrict_self, rules, 0U) ? -errno : 0;
}
