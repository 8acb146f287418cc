/* SPDX-License-Identifier: Apache-2.0 */
/* See probes.h. What belongs to one table or iterator is in workloads.c, tables.c, connections.c.
 */
#include "kernel/probes.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "kernel/connections.h"
#include "kernel/features.h"
#include "kernel/requests.h"
#include "kernel/rings.h"
#include "kernel/skeleton.h"
#include "kernel/tables.h"
#include "kernel/workloads.h"
#include "log.h"
#include "table.h"

/* How often numbers that no task has are looked for. */
#define COLLECT_INTERVAL_NS (15 * 1000000000ULL)

/* Readings of the clocks, of which the best is told: a microsecond in all. */
#define CLOCK_TRIES 5

/* CPUs that one copy of the syscall histograms serves well; beyond, their cache lines wander. */
#define CPUS_PER_SHARD 16

struct probes {
	struct sonde *skeleton;
	record_sink sink;
	void *context;
	uint32_t ring_bytes;
	struct rings *rings;
	struct workloads *workloads;
	struct tables *tables;
	struct connections *connections;
	struct requests *requests; /* NULL: HTTP is off */
	bool tells_tcp;
	uint64_t collected_ns; /* when numbers were last taken back */
};

/* All records pass here, so that a workload is described before them. */
static void pass(void *context, const struct record *record, size_t size)
{
	struct probes *probes = context;

	workloads_pass(probes->workloads, record, size);
}

/* libbpf's own words are for developers: kept out of the way, but the last warning is often why. */
static char last_warning[256];

static int libbpf_print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char line[256];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\n")] = '\0';
	if (level == LIBBPF_WARN)
		memcpy(last_warning, line, sizeof(line));
	log_debug("libbpf", log_str("text", line));
	return 0;
}

/* --- open: what is decided before load --- */

/*
 * The kernel has a BTF tracepoint of this name: its type's name stands among the strings of the
 * BTF. Parsing 5 MB of types for it would double the time that Sonde takes to start.
 */
static bool tracepoint_exists(const char *btf, size_t size, const char *name)
{
	char type[64] = ""; /* begins with the NUL that ends the string before */
	int length = snprintf(type + 1, sizeof(type) - 1, "btf_trace_%s", name);

	return memmem(btf, size, type, (size_t)length + 2) != NULL;
}

/* A source's programs begin with its name. */
static void source_choose(struct sonde *skeleton, const char *prefix, bool on)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, skeleton->obj)
	{
		if (!strncmp(bpf_program__name(program), prefix, strlen(prefix)))
			bpf_program__set_autoload(program, on);
	}
}

static void sources_choose(struct sonde *skeleton, const struct probes_options *options)
{
	source_choose(skeleton, "syscall_", options->syscalls);
	source_choose(skeleton, "http_", options->http);
	source_choose(skeleton, "http_f", false);
	source_choose(skeleton, "http_arrival_function", false);
	source_choose(skeleton, "http_send_begin_function", false);
	source_choose(skeleton, "process_", options->processes);
	/* HTTP, too, wants to know how connections begin, and which were there before */
	source_choose(skeleton, "tcp_", options->tcp || options->http);
	skeleton->rodata_settings->tells_tcp = options->tcp;
	skeleton->rodata_settings->notes_accepts = options->http;
}

/* Programs of HTTP that stand for one thing each, which is missing on kernels without their hook.
 */
static const struct {
	const char *program, *tracepoint, *without;
} http_extras[] = {
	{"http_send_begin", "tcp_sendmsg_locked",
		"sends are timed by their end: this kernel lacks the tracepoint "
		"tcp_sendmsg_locked (Linux 6.16)"},
	{"http_arrival", "sk_data_ready",
		"how long requests wait to be read is not known: this kernel lacks the tracepoint "
		"sk_data_ready (Linux 6.2)"},
	{"http_splice", "tcp_rcv_space_adjust",
		"splices are timed late: this kernel lacks the tracepoint tcp_rcv_space_adjust"},
	{"http_uring", "io_uring_submit_req",
		"requests of io_uring are counted as unreadable: this kernel lacks the tracepoint "
		"io_uring_submit_req"},
};

static void http_choose(struct sonde *skeleton, const char *btf, size_t size)
{
	if (!tracepoint_exists(btf, size, "sock_send_length") ||
		!tracepoint_exists(btf, size, "sock_recv_length")) {
		log_warn("HTTP is off: this kernel lacks the tracepoints sock_send_length and "
			 "sock_recv_length (Linux 6.3)");
		source_choose(skeleton, "http_", false);
		return;
	}
	for (size_t i = 0; i < sizeof(http_extras) / sizeof(*http_extras); i++) {
		if (tracepoint_exists(btf, size, http_extras[i].tracepoint))
			continue;
		log_info(http_extras[i].without);
		source_choose(skeleton, http_extras[i].program, false);
	}
}

static int hooks_choose(struct sonde *skeleton, const struct probes_options *options)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	struct stat status;
	ssize_t got = 0;
	char *btf;

	if (fd < 0)
		return -errno;
	btf = fstat(fd, &status) ? NULL : malloc((size_t)status.st_size);
	while (btf && got < status.st_size) {
		ssize_t more = read(fd, btf + got, (size_t)(status.st_size - got));

		if (more <= 0)
			break;
		got += more;
	}
	close(fd);
	if (!btf)
		return -ENOMEM;
	if (options->http)
		http_choose(skeleton, btf, (size_t)got);
	free(btf);
	return 0;
}

static uint32_t shards_plan(void)
{
	int cpus = libbpf_num_possible_cpus();

	return cpus <= CPUS_PER_SHARD ? 1 : cpus <= 2 * CPUS_PER_SHARD ? 2 : SHARDS_MAX;
}

static int tables_plan(struct sonde *skeleton, const struct probes_options *options)
{
	uint32_t rings, ring_bytes, shards = shards_plan();

	rings_plan(options->ring_bytes, &rings, &ring_bytes);
	skeleton->rodata_settings->ring_mask = rings - 1;
	skeleton->rodata_settings->ring_threshold = ring_bytes / RING_WAKE_PART;
	skeleton->rodata_settings->shard_mask = shards - 1;
	skeleton->rodata_settings->own_tgid = (uint32_t)getpid();
	for (unsigned number = 0; number < SYSCALLS_MAX; number++)
		if (options->syscall_waits(number))
			skeleton->rodata_settings->waiting_syscalls[number / 64] |= 1ULL
										    << number % 64;
	skeleton->data->workload_generation = 1;
	skeleton->bss->slow_syscall_ns = options->slow_syscall_ns;
	skeleton->bss->long_request_ns = options->long_request_ns;
	if (!options->syscalls) /* tables that nobody counts in take no memory */
		return bpf_map__set_max_entries(skeleton->maps.latency_slots, 1)
			       ?: bpf_map__set_max_entries(skeleton->maps.latencies, 1);
	return bpf_map__set_max_entries(skeleton->maps.latency_slots, shards * WORKLOADS_MAX);
}

/* --- attach, in an order that leaves nobody out --- */

static int attach(struct bpf_program *program, struct bpf_link **link)
{
	if (!bpf_program__autoload(program))
		return 0;
	*link = bpf_program__attach(program);
	return *link ? 0 : -errno;
}

/*
 * Tasks get their numbers before anything is counted for them; and the exec probe of workloads is
 * attached before that of processes, so that it runs first.
 */
static int probes_attach(struct probes *probes, const struct probes_options *options)
{
	struct sonde *skeleton = probes->skeleton;
	int result;

	result = attach(skeleton->progs.workload_fork, &skeleton->links.workload_fork) ?:
		attach(skeleton->progs.workload_exec, &skeleton->links.workload_exec) ?:
		attach(skeleton->progs.workload_cgroup_changed,
			&skeleton->links.workload_cgroup_changed) ?:
		workloads_scan(probes->workloads) ?:
		attach(skeleton->progs.process_exec, &skeleton->links.process_exec) ?:
		attach(skeleton->progs.process_fork, &skeleton->links.process_fork) ?:
		attach(skeleton->progs.process_exit, &skeleton->links.process_exit) ?:
		attach(skeleton->progs.tcp_state, &skeleton->links.tcp_state) ?:
		attach(skeleton->progs.http_state, &skeleton->links.http_state) ?:
		attach(skeleton->progs.http_destroy, &skeleton->links.http_destroy) ?:
		attach(skeleton->progs.http_send_begin, &skeleton->links.http_send_begin) ?:
		attach(skeleton->progs.http_send, &skeleton->links.http_send) ?:
		attach(skeleton->progs.http_receive, &skeleton->links.http_receive) ?:
		attach(skeleton->progs.http_splice, &skeleton->links.http_splice) ?:
		attach(skeleton->progs.http_uring, &skeleton->links.http_uring) ?:
		attach(skeleton->progs.http_arrival, &skeleton->links.http_arrival);
	if (!result && bpf_program__autoload(skeleton->progs.tcp_state))
		result = connections_new(&probes->connections, skeleton, pass, probes);
	if (!result && bpf_program__autoload(skeleton->progs.http_sweep))
		result = requests_new(&probes->requests, skeleton, pass, probes);
	if (result)
		return result;
	probes->tells_tcp = options->tcp;
	return attach(skeleton->progs.syscall_enter, &skeleton->links.syscall_enter)
		       ?: attach(skeleton->progs.syscall_exit, &skeleton->links.syscall_exit);
}

/* --- the whole --- */

static int tables_make(struct probes *probes, const struct probes_options *options)
{
	struct sonde *skeleton = probes->skeleton;
	uint32_t rings;

	rings_plan(options->ring_bytes, &rings, &probes->ring_bytes);
	probes->workloads = workloads_new(skeleton, probes->sink, probes->context);
	probes->tables = tables_new(skeleton, pass, probes);
	if (!probes->workloads || !probes->tables)
		return errno ? -errno : -ENOMEM;
	return rings_new(&probes->rings, skeleton, rings, probes->ring_bytes, pass, probes);
}

/* The best of some tries, as we may be kept from running between two readings. */
static int64_t realtime_offset_ns(void)
{
	uint64_t narrowest = UINT64_MAX;
	int64_t offset = 0;

	for (int i = 0; i < CLOCK_TRIES; i++) {
		uint64_t before = clock_monotonic_ns();
		uint64_t realtime = clock_ns(CLOCK_REALTIME);
		uint64_t after = clock_monotonic_ns();

		if (after - before >= narrowest)
			continue;
		narrowest = after - before;
		offset = (int64_t)(realtime - before - narrowest / 2);
	}
	return offset;
}

static void clock_tell(struct probes *probes)
{
	struct record_clock record = {
		.record = {.type = RECORD_CLOCK, .time_ns = clock_monotonic_ns()},
		.realtime_offset_ns = realtime_offset_ns(),
	};

	probes->sink(probes->context, &record.record, sizeof(record));
}

int probes_open(struct probes **out, const struct probes_options *options, record_sink sink,
	void *context, char error[PROBES_ERROR_LEN])
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct probes *probes;
	const char *step = "open";
	int result = features_preflight(error);

	if (result)
		return result;
	probes = calloc(1, sizeof(*probes));
	if (!probes)
		return -ENOMEM;
	probes->sink = sink;
	probes->context = context;
	libbpf_set_print(libbpf_print);
	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* kernels before 5.11 count maps against it */

	probes->skeleton = skeleton_open(KEPT_IN_STORAGE);
	if (!probes->skeleton) {
		result = -errno;
		goto failed;
	}
	sources_choose(probes->skeleton, options);
	result = hooks_choose(probes->skeleton, options) ?: tables_plan(probes->skeleton, options);
	if (result)
		goto failed;
	step = "load";
	result = sonde__load(probes->skeleton);
	if (result)
		goto failed;
	step = "fill the tables of";
	result = tables_make(probes, options);
	if (result)
		goto failed;
	step = "attach";
	clock_tell(probes);
	result = probes_attach(probes, options);
	if (result)
		goto failed;
	probes->collected_ns = clock_monotonic_ns();
	malloc_trim(0); /* what the kernel's types took to read is not needed again */
	*out = probes;
	return 0;
failed:
	snprintf(error, PROBES_ERROR_LEN,
		"cannot %s the probes: %s%s%.256s; `sonde check` tells more", step,
		strerror(-result), *last_warning ? ": " : "", last_warning);
	probes_close(probes);
	return result;
}

void probes_detach(struct probes *probes)
{
	sonde__detach(probes->skeleton);
}

void probes_close(struct probes *probes)
{
	if (!probes)
		return;
	requests_free(probes->requests);
	connections_free(probes->connections);
	rings_free(probes->rings);
	tables_free(probes->tables);
	workloads_free(probes->workloads);
	sonde__destroy(probes->skeleton);
	free(probes);
}

int probes_fd(const struct probes *probes)
{
	return rings_fd(probes->rings);
}

bool probes_drain(struct probes *probes)
{
	return rings_drain(probes->rings);
}

static void retire(void *context, __u32 workload)
{
	struct probes *probes = context;

	tables_retire(probes->tables, workload);
}

void probes_sweep(struct probes *probes)
{
	uint64_t now = clock_monotonic_ns();

	tables_sweep(probes->tables);
	if (probes->tells_tcp)
		connections_sweep(probes->connections);
	if (probes->requests)
		requests_sweep(probes->requests);
	clock_tell(probes);
	if (now - probes->collected_ns < COLLECT_INTERVAL_NS)
		return;
	probes->collected_ns = now;
	workloads_collect(probes->workloads, retire, probes);
}

void probes_set_slow_syscall(struct probes *probes, uint64_t slow_syscall_ns)
{
	probes->skeleton->bss->slow_syscall_ns = slow_syscall_ns;
}

void probes_set_long_request(struct probes *probes, uint64_t long_request_ns)
{
	probes->skeleton->bss->long_request_ns = long_request_ns;
}

/* --- figures --- */

void probes_visit_programs(const struct probes *probes,
	void (*visit)(void *context, const struct probe_figures *figures), void *context)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, probes->skeleton->obj)
	{
		struct bpf_prog_info info = {0};
		__u32 size = sizeof(info);

		if (bpf_program__fd(program) < 0 ||
			bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
			continue;
		visit(context, &(struct probe_figures){
				       bpf_program__name(program), info.run_cnt, info.run_time_ns});
	}
}

struct ring_figures probes_ring_figures(const struct probes *probes)
{
	return (struct ring_figures){
		.size_bytes = probes->ring_bytes,
		.peak_bytes = tables_ring_peak(probes->tables),
	};
}

/* `memlock` of a map's file is what the kernel accounts for it. */
static uint64_t map_bytes(int fd)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	fclose(file);
	return bytes;
}

uint64_t probes_map_bytes(const struct probes *probes)
{
	uint64_t bytes = 0;
	struct bpf_map *map;

	bpf_object__for_each_map(map, probes->skeleton->obj) if (bpf_map__fd(map) >= 0) bytes +=
		map_bytes(bpf_map__fd(map));
	for (unsigned i = 0; i < rings_count(probes->rings); i++)
		bytes += map_bytes(rings_map_fd(probes->rings, i));
	return bytes;
}
