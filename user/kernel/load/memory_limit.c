/* SPDX-License-Identifier: Apache-2.0 */
/* See memory_limit.h. */
#include "kernel/load/memory_limit.h"

#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel/load/kernel_btf.h"

#define MIB 1048576

/* Version 1 writes a limit that nobody has set as one of nearly 2^63. */
#define UNLIMITED (1ULL << 60)

/* The number behind `word` in a file, or at its beginning when that is ""; 0: it is not there. */
static uint64_t number_read(const char *folder, const char *name, const char *word)
{
	char path[768], line[256];
	size_t length = strlen(word);
	uint64_t number = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, word, length)) {
			number = strtoull(line + length, NULL, 10); /* 0: "max" */
			break;
		}
	fclose(file);
	return number;
}

static void level_read(struct memory_room *room, const char *folder, bool is_version1)
{
	uint64_t limit =
		number_read(folder, is_version1 ? "memory.limit_in_bytes" : "memory.max", "");
	uint64_t used = number_read(folder, "memory.stat", is_version1 ? "total_rss " : "anon ");
	uint64_t left = limit > used ? limit - used : 0;

	if (!limit || limit >= UNLIMITED || (room->limit_bytes && left >= room->left_bytes))
		return;
	room->limit_bytes = limit;
	room->left_bytes = left;
	snprintf(room->cgroup, sizeof(room->cgroup), "%s", folder);
}

void memory_room_read(
	struct memory_room *room, const char *mount, const char *path, bool is_version1)
{
	size_t root = strlen(mount);
	char folder[512], *end;

	*room = (struct memory_room){0};
	snprintf(folder, sizeof(folder), "%s%s", mount, path);
	if (strstr(path, "..") || access(folder, F_OK)) /* the container's own is at the mount */
		snprintf(folder, sizeof(folder), "%s", mount);
	for (;;) {
		level_read(room, folder, is_version1);
		end = strrchr(folder, '/');
		if (!end || (size_t)(end - folder) < root)
			return;
		*end = '\0';
	}
}

/* Where the memory controller's file system is mounted. */
static bool mount_find(char mount[256], bool is_version1)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;
	bool found = false;

	while (!found && mounts && (entry = getmntent(mounts)) != NULL) {
		found = is_version1
				? !strcmp(entry->mnt_type, "cgroup") && hasmntopt(entry, "memory")
				: !strcmp(entry->mnt_type, "cgroup2");
		if (found)
			snprintf(mount, 256, "%s", entry->mnt_dir);
	}
	if (mounts)
		endmntent(mounts);
	return found;
}

/* This process's cgroup with the memory controller: `4:memory:/path`, or `0::/path`. */
static bool path_find(char path[256], bool is_version1)
{
	char line[512], *controllers, *at;
	FILE *file = fopen("/proc/self/cgroup", "re");
	bool found = false;

	while (!found && file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		controllers = strchr(line, ':');
		at = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!at)
			continue;
		*at++ = '\0';
		controllers++;
		found = is_version1 ? strstr(controllers, "memory") != NULL : !*controllers;
		if (found)
			snprintf(path, 256, "%s", strcmp(at, "/") ? at : "");
	}
	if (file)
		fclose(file);
	return found;
}

static void cgroup_report(uint64_t needed_bytes)
{
	char mount[256], path[256];
	struct memory_room room;

	for (int version1 = 0; version1 <= 1; version1++) {
		if (!mount_find(mount, version1) || !path_find(path, version1))
			continue;
		memory_room_read(&room, mount, path, version1);
		if (room.limit_bytes && room.left_bytes < needed_bytes)
			log_warn("the cgroup has less memory than Sonde needs: the kernel may kill "
				 "it without a word",
				log_int("needed_mib", (int64_t)(needed_bytes / MIB)),
				log_int("left_mib", (int64_t)(room.left_bytes / MIB)),
				log_int("limit_mib", (int64_t)(room.limit_bytes / MIB)),
				log_str("cgroup", room.cgroup),
				log_str("advice", "raise the limit: MemoryMax= of the unit, "
						  "resources.limits.memory of the container"));
	}
}

static void locked_memory_report(uint64_t needed_bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur >= needed_bytes)
		return;
	log_warn("the limit of locked memory, which this kernel counts maps against, is less than "
		 "Sonde needs",
		log_int("needed_mib", (int64_t)(needed_bytes / MIB)),
		log_int("limit_mib", (int64_t)(limit.rlim_cur / MIB)),
		log_str("advice", "grant CAP_SYS_RESOURCE, or raise it: LimitMEMLOCK=, ulimit -l"));
}

void memory_limit_report(const struct kernel_btf *btf, uint64_t ring_bytes)
{
	bool cgroup_pays = kernel_btf_has_member(btf, "bpf_map", "memcg") ||
			   kernel_btf_has_member(btf, "bpf_map", "objcg");

	if (cgroup_pays) {
		cgroup_report(MEMORY_NEEDED_BYTES + ring_bytes);
	} else {
		cgroup_report(MEMORY_PROCESS_BYTES);
		locked_memory_report(MEMORY_NEEDED_BYTES - MEMORY_PROCESS_BYTES + ring_bytes);
	}
}
