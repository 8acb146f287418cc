/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See resolvers.h.
 *
 * The files are the machine's own, and yet are read as if they were not: no path leads out of the
 * root that it is looked up in, nothing but a regular file is opened, and only its beginning is
 * read.
 */
#include "kernel/sweep/resolvers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"

#define FILE_BYTES 16384 /* that are read of a file: comments and all */

/* Where the servers stand: for programs, and for systemd-resolved and NetworkManager's dnsmasq. */
static const char *const files[] = {"etc/resolv.conf", "run/systemd/resolve/resolv.conf",
	"run/NetworkManager/no-stub-resolv.conf"};

/* --- a file's text --- */

static void server_add(struct record_resolvers *resolvers, const __u8 address[16])
{
	for (__u32 i = 0; i < resolvers->count; i++)
		if (!memcmp(resolvers->servers[i], address, 16))
			return;
	if (resolvers->count < RESOLVERS_MAX)
		memcpy(resolvers->servers[resolvers->count++], address, 16);
}

/* "192.0.2.1", "2001:db8::1" or "fe80::1%eth0", whose zone is left out. */
static void server_read(struct record_resolvers *resolvers, const char *word, size_t length)
{
	char text[INET6_ADDRSTRLEN];
	__u8 address[16] = {0};
	const char *zone = memchr(word, '%', length);

	if (zone)
		length = (size_t)(zone - word);
	if (length >= sizeof(text))
		return;
	memcpy(text, word, length);
	text[length] = '\0';
	memcpy(address, address_mapped, sizeof(address_mapped));
	if (inet_pton(AF_INET, text, address + ADDRESS_MAPPED_BYTES) == 1 ||
		inet_pton(AF_INET6, text, address) == 1)
		server_add(resolvers, address);
}

void resolvers_read(struct record_resolvers *resolvers, const char *text, size_t size)
{
	static const char key[] = "nameserver";
	const size_t key_length = sizeof(key) - 1;
	const char *end = text + size;

	for (const char *next; text < end; text = next) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text)) ?: end;

		next = line_end + 1;
		if ((size_t)(line_end - text) <= key_length || memcmp(text, key, key_length) != 0)
			continue;
		text += key_length;
		const char *word = text;
		while (word < line_end && (*word == ' ' || *word == '\t'))
			word++;
		size_t length = 0;
		while (word + length < line_end && !strchr(" \t\r;#", word[length]))
			length++;
		if (word > text)
			server_read(resolvers, word, length);
	}
}

/* --- files --- */

static int open_inside(int root, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* A descriptor of a regular file, or -1: others may block, or do something when they are opened. */
static int open_regular(int root, const char *path)
{
	int place = open_inside(root, path, O_PATH), file = -1;
	char reopened[32];
	struct stat status;

	if (place < 0)
		return -1;
	snprintf(reopened, sizeof(reopened), "/proc/self/fd/%d", place);
	if (!fstat(place, &status) && S_ISREG(status.st_mode))
		file = open(reopened, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	close(place);
	return file;
}

/* False: there is no such file, or it cannot be read. */
static bool file_read(struct record_resolvers *resolvers, int root, const char *path)
{
	int file = open_regular(root, path);
	char text[FILE_BYTES];
	ssize_t size;

	if (file < 0)
		return false;
	size = read(file, text, sizeof(text));
	close(file);
	if (size < 0)
		return false;
	resolvers_read(resolvers, text, (size_t)size);
	return true;
}

/* As a process sees it. False: that cannot be known. */
static bool look(struct record_resolvers *resolvers, const char *process)
{
	char path[32];
	struct stat netns;
	bool any = false;
	int root;

	snprintf(path, sizeof(path), "/proc/%s/ns/net", process);
	if (stat(path, &netns))
		return false;
	snprintf(path, sizeof(path), "/proc/%s/root", process);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return false;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		any |= file_read(resolvers, root, files[i]);
	close(root);
	resolvers->netns = (__u32)netns.st_ino;
	return any;
}

void resolvers_report(struct resolvers *resolvers, record_sink sink, void *context)
{
	static const __u8 localhost[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
	struct record_resolvers now = {.record = {.type = RECORD_RESOLVERS}};

	if (!look(&now, "1") && !look(&now, "self"))
		return;
	if (!now.count) /* which programs take for this */
		server_add(&now, localhost);
	now.record.time_ns = resolvers->reported.record.time_ns;
	if (!memcmp(&now, &resolvers->reported, sizeof(now)))
		return;
	now.record.time_ns = clock_monotonic_ns();
	resolvers->reported = now;
	sink(context, &now.record, sizeof(now));
}
