/* SPDX-License-Identifier: Apache-2.0 */
/* See connections.h. */
#include "kernel/connections.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "kernel/iterator.h"
#include "kernel/skeleton.h"
#include "log.h"
#include "table.h"

#define NAMESPACES_MAX    512 /* looked at; more are reported and left out */
#define NAMESPACES_SWEEPS 5   /* the list is made anew after so many sweeps */

/* How often all is told, whether it changed or not: what was lost shows by then. */
#define ALL_INTERVAL_NS 60000000000ULL

/* A network namespace, by a process that lives in it. */
struct namespace
{
	ino_t inode;
	unsigned pid;
};

struct connections {
	struct sonde *skeleton;
	record_sink sink;
	void *context;
	struct bpf_link *link; /* of the iterator */
	int home;              /* our own network namespace */
	ino_t home_inode;
	unsigned sweeps;
	uint64_t all_told_ns;
	uint64_t refusals; /* as last told */
	size_t namespace_count;
	struct namespace namespaces[NAMESPACES_MAX];
};

/* --- namespaces --- */

static bool namespace_known(const struct connections *connections, ino_t inode)
{
	if (inode == connections->home_inode)
		return true;
	for (size_t i = 0; i < connections->namespace_count; i++)
		if (connections->namespaces[i].inode == inode)
			return true;
	return false;
}

static void namespaces_find(struct connections *connections)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	struct stat status;
	char path[64];

	connections->namespace_count = 0;
	if (!proc)
		return;
	while ((entry = readdir(proc)) != NULL) {
		unsigned pid = (unsigned)strtoul(entry->d_name, NULL, 10);

		if (!pid)
			continue;
		snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
		if (stat(path, &status) || namespace_known(connections, status.st_ino))
			continue;
		if (connections->namespace_count == NAMESPACES_MAX) {
			log_warn("too many network namespaces: TCP progress of some is told late",
				log_int("limit", NAMESPACES_MAX));
			break;
		}
		connections->namespaces[connections->namespace_count++] =
			(struct namespace){.inode = status.st_ino, .pid = pid};
	}
	closedir(proc);
}

/* --- one pass --- */

/* In the namespace that the thread is in. */
static void iterate(struct connections *connections, ino_t inode)
{
	bool is_all = connections->skeleton->data->tcp_sweep_mode != TCP_SWEEP_CHANGED;
	struct record_tcp_swept swept = {
		.record = {.type = RECORD_TCP_SWEPT},
		.begin_ns = clock_monotonic_ns(),
		.netns = (__u32)inode,
	};

	if (iterator_run(connections->link, connections->sink, connections->context) || !is_all)
		return;
	swept.record.time_ns = clock_monotonic_ns();
	connections->sink(connections->context, &swept.record, sizeof(swept));
}

static void iterate_in(struct connections *connections, const struct namespace *namespace)
{
	char path[64];
	struct stat status;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/ns/net", namespace->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* its process is gone; the next list finds another one, if there is */
	if (!fstat(fd, &status) && status.st_ino == namespace->inode) {
		if (setns(fd, CLONE_NEWNET))
			log_warn("cannot enter a network namespace: TCP progress in it is told "
				 "only when connections end; CAP_SYS_ADMIN is needed",
				log_str("error", strerror(errno)));
		else
			iterate(connections, namespace->inode);
	}
	close(fd);
}

static void iterate_everywhere(struct connections *connections, enum tcp_sweep mode)
{
	connections->skeleton->data->tcp_sweep_mode = mode;
	if (mode != TCP_SWEEP_CHANGED)
		connections->all_told_ns = clock_monotonic_ns();
	if (connections->sweeps++ % NAMESPACES_SWEEPS == 0)
		namespaces_find(connections);
	iterate(connections, connections->home_inode);
	for (size_t i = 0; i < connections->namespace_count; i++)
		iterate_in(connections, &connections->namespaces[i]);
	if (connections->namespace_count && setns(connections->home, CLONE_NEWNET)) {
		/* listening and exporting from a stranger's network would be worse than stopping */
		log_error("cannot return to the own network namespace",
			log_str("error", strerror(errno)));
		abort();
	}
}

static void refusals_tell(struct connections *connections)
{
	uint64_t refusals = connections->skeleton->bss->tcp_refusals;
	struct record_tcp_refusals record = {
		.record = {.type = RECORD_TCP_REFUSALS, .time_ns = clock_monotonic_ns()},
		.count = refusals - connections->refusals,
	};

	connections->refusals = refusals;
	if (record.count)
		connections->sink(connections->context, &record.record, sizeof(record));
}

void connections_sweep(struct connections *connections)
{
	bool is_all = clock_monotonic_ns() - connections->all_told_ns >= ALL_INTERVAL_NS;

	iterate_everywhere(connections, is_all ? TCP_SWEEP_ALL : TCP_SWEEP_CHANGED);
	refusals_tell(connections);
}

/* --- begin and end --- */

int connections_new(
	struct connections **out, struct sonde *skeleton, record_sink sink, void *context)
{
	struct connections *connections = calloc(1, sizeof(*connections));
	struct stat status;
	int result;

	if (!connections)
		return -ENOMEM;
	connections->skeleton = skeleton;
	connections->sink = sink;
	connections->context = context;
	connections->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (connections->home < 0 || fstat(connections->home, &status)) {
		result = -errno;
		goto failed;
	}
	connections->home_inode = status.st_ino;
	connections->link = bpf_program__attach_iter(skeleton->progs.tcp_sweep, NULL);
	if (!connections->link) {
		result = -errno;
		goto failed;
	}
	iterate_everywhere(connections, TCP_SWEEP_FIRST);
	*out = connections;
	return 0;
failed:
	connections_free(connections);
	return result;
}

void connections_free(struct connections *connections)
{
	if (!connections)
		return;
	bpf_link__destroy(connections->link);
	if (connections->home >= 0)
		close(connections->home);
	free(connections);
}
