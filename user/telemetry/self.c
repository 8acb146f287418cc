/* SPDX-License-Identifier: Apache-2.0 */
/* Sonde's own process as metrics (self.h), read from /proc/self and from two system calls. */
#include "telemetry/self.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const struct metric_description build_info = {
	.name = "sonde_build_info",
	.help = "Always 1; the labels say which Sonde runs on which kernel.",
	.type = METRIC_GAUGE,
	.labels = {"version", "revision", "kernel"},
};
static const struct metric_description cpu_seconds = {
	.name = "process_cpu_seconds_total",
	.help = "User and system CPU time of this process.",
	.unit = "seconds",
	.type = METRIC_COUNTER,
};
static const struct metric_description resident_bytes = {
	.name = "process_resident_memory_bytes",
	.help = "Memory of this process that is in RAM, libraries included.",
	.unit = "bytes",
	.type = METRIC_GAUGE,
};
static const struct metric_description virtual_bytes = {
	.name = "process_virtual_memory_bytes",
	.help = "Address space of this process.",
	.unit = "bytes",
	.type = METRIC_GAUGE,
};
static const struct metric_description open_fds = {
	.name = "process_open_fds",
	.help = "File descriptors that this process has open.",
	.type = METRIC_GAUGE,
};
static const struct metric_description max_fds = {
	.name = "process_max_fds",
	.help = "File descriptors that this process may have open.",
	.type = METRIC_GAUGE,
};
static const struct metric_description threads = {
	.name = "process_threads",
	.help = "Threads of this process.",
	.type = METRIC_GAUGE,
};
static const struct metric_description start_time = {
	.name = "process_start_time_seconds",
	.help = "When this process started, in seconds since 1970 (UTC).",
	.unit = "seconds",
	.type = METRIC_GAUGE,
};

/* proc_pid_stat(5): fields 20, 22, 23 and 24. */
struct proc_stat {
	long threads;
	unsigned long long start_ticks; /* since boot */
	unsigned long virtual_bytes;
	long resident_pages;
};

static bool read_stat(struct proc_stat *stat)
{
	char line[1024];
	FILE *file = fopen("/proc/self/stat", "re");

	if (!file)
		return false;
	size_t length = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[length] = '\0';
	/* Field 2 is the command's name, which may hold spaces and parentheses of its own. */
	const char *field_3 = strrchr(line, ')');
	return field_3 && sscanf(field_3,
				  ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
				  "%*s %*s %ld %*s %llu %lu %ld",
				  &stat->threads, &stat->start_ticks, &stat->virtual_bytes,
				  &stat->resident_pages) == 4;
}

static double clock_seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int count_open_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = -3; /* "." and "..", and the descriptor that reads this */

	if (!directory)
		return -1;
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static struct metric_series *only_series(
	struct metrics *metrics, const struct metric_description *description)
{
	return metrics_series(metrics_family(metrics, description), NULL);
}

void self_register(struct self *self, struct metrics *metrics, const char *version,
	const char *revision, const char *kernel)
{
	const char *const build[] = {version, revision, kernel};
	struct proc_stat stat;

	metric_set(metrics_series(metrics_family(metrics, &build_info), build), 1);
	self->cpu_seconds = only_series(metrics, &cpu_seconds);
	self->resident_bytes = only_series(metrics, &resident_bytes);
	self->virtual_bytes = only_series(metrics, &virtual_bytes);
	self->open_fds = only_series(metrics, &open_fds);
	self->max_fds = only_series(metrics, &max_fds);
	self->threads = only_series(metrics, &threads);
	/* Once: each reading of the clocks would move it a little. */
	if (read_stat(&stat))
		metric_set(only_series(metrics, &start_time),
			clock_seconds(CLOCK_REALTIME) - clock_seconds(CLOCK_BOOTTIME) +
				(double)stat.start_ticks / (double)sysconf(_SC_CLK_TCK));
	self_update(self);
}

void self_update(struct self *self)
{
	int fds = count_open_fds();
	struct rlimit limit;
	struct proc_stat stat;

	metric_set(self->cpu_seconds, clock_seconds(CLOCK_PROCESS_CPUTIME_ID));
	if (fds >= 0)
		metric_set(self->open_fds, fds);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		metric_set(self->max_fds, (double)limit.rlim_cur);
	if (!read_stat(&stat))
		return;
	metric_set(self->threads, (double)stat.threads);
	metric_set(self->virtual_bytes, (double)stat.virtual_bytes);
	metric_set(
		self->resident_bytes, (double)stat.resident_pages * (double)sysconf(_SC_PAGESIZE));
}
