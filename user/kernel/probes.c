/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See probes.h. Which programs are loaded is chosen in programs.c; what belongs to one table or
 * iterator is in workloads.c, tables.c, connections.c, requests.c.
 */
#include "kernel/probes.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/startup.h"
#include "core/table.h"
#include "kernel/load/features.h"
#include "kernel/load/kernel_btf.h"
#include "kernel/load/kretprobe.h"
#include "kernel/load/memory_limit.h"
#include "kernel/load/refusal.h"
#include "kernel/load/skeleton.h"
#include "kernel/process/pid_namespace.h"
#include "kernel/sweep/connections.h"
#include "kernel/sweep/iterator.h"
#include "kernel/sweep/requests.h"
#include "kernel/sweep/resolvers.h"
#include "kernel/sweep/rings.h"
#include "kernel/sweep/tables.h"
#include "kernel/sweep/workloads.h"
#include "record/record_types.h"

/* Rounds of draining before numbers are taken back, each of which is bounded. */
#define DRAINS_MAX 16

/* Readings of the clocks, of which the best is told: a microsecond in all. */
#define CLOCK_TRIES 5

/* CPUs that one copy of the syscall histograms serves well; beyond, their cache lines wander. */
#define CPUS_PER_SHARD 16

struct probes {
	struct programs programs;
	struct bpf_link *links[PROGRAMS_MAX][PROGRAM_TARGETS_MAX];
	struct sonde *skeleton;
	record_sink sink;
	void *context;
	uint32_t ring_bytes;
	struct rings *rings;
	struct workloads *workloads;
	struct tables *tables;
	struct connections *connections; /* NULL: their iterator is off; likewise the next */
	struct requests *requests;
	struct resolvers resolvers;
	bool holds_cpu; /* this kernel lets programs do that */
};

/* All records pass here, so that a workload is described before them. */
static void pass(void *context, const struct record *record, size_t size)
{
	struct probes *probes = context;

	workloads_pass(probes->workloads, record, size);
}

/* --- open: what is decided before load --- */

/* As BTF spells it. */
static bool has_target(void *context, const struct program *program, const char *target)
{
	const char *prefix = program->hook == HOOK_TRACEPOINT ? "btf_trace_"
			     : program->hook == HOOK_ITERATOR ? "bpf_iter_"
							      : "";
	char name[64];

	snprintf(name, sizeof(name), "%s%s", prefix, target);
	return kernel_btf_has(context, name);
}

static bool programs_begin(
	struct probes *probes, const struct probes_options *options, struct kernel_btf *btf)
{
	struct programs_options choice = {
		.http_hooks = options->http_hooks,
		.disabled = options->disabled_programs,
		.disabled_count = options->disabled_program_count,
		.tables = !features_storage(btf),
		.storage_vanishes = features_storage_vanishes(btf),
		.has_target = has_target,
		.context = btf,
	};

	memcpy(choice.wanted, options->sources, sizeof(choice.wanted));
	probes->holds_cpu = features_try(FEATURE_HOLD_CPU, btf);
	return programs_choose(&probes->programs, &choice);
}

static void programs_apply(struct probes *probes)
{
	struct sonde *skeleton = probes->skeleton;
	struct bpf_program *program;

	bpf_object__for_each_program(program, skeleton->obj)
	{
		const struct program *row = program_find(bpf_program__name(program));

		bpf_program__set_autoload(program, row && programs_has(&probes->programs, row));
	}
	skeleton->rodata_settings->reports_tcp = programs_has_source(&probes->programs, SOURCE_TCP);
	skeleton->rodata_settings->reports_http =
		programs_has_source(&probes->programs, SOURCE_HTTP);
	skeleton->rodata_settings->reports_dns = programs_has_source(&probes->programs, SOURCE_DNS);
	skeleton->rodata_settings->sees_calls =
		programs_has_source(&probes->programs, SOURCE_SYSCALL);
	skeleton->rodata_settings->holds_cpu = probes->holds_cpu;
	skeleton->rodata_settings->lists_sockets =
		programs_lists_sockets(&probes->programs) &&
		programs_has(&probes->programs, program_find("tcp_forget"));
	skeleton->rodata_settings->notes_accepts =
		programs_has_source(&probes->programs, SOURCE_HTTP) ||
		programs_has_source(&probes->programs, SOURCE_TCP);
}

/* Whether a source runs that counts latencies. */
static bool has_latencies(const struct programs *programs)
{
	for (unsigned type = 0; type < RECORD_TYPES; type++)
		if (record_layouts[type].operations &&
			programs_has_source(programs, record_layouts[type].source))
			return true;
	return false;
}

static uint32_t shards_plan(void)
{
	int cpus = libbpf_num_possible_cpus();

	return cpus <= CPUS_PER_SHARD ? 1 : cpus <= 2 * CPUS_PER_SHARD ? 2 : SHARDS_MAX;
}

static int tables_plan(struct probes *probes, const struct probes_options *options)
{
	struct sonde *skeleton = probes->skeleton;
	uint32_t rings, ring_bytes, shards = shards_plan();

	rings_plan(options->ring_bytes, &rings, &ring_bytes);
	skeleton->rodata_settings->ring_mask = rings - 1;
	skeleton->rodata_settings->ring_threshold = ring_bytes / RING_WAKE_PART;
	skeleton->rodata_settings->shard_mask = shards - 1;
	skeleton->bss->own_tgid = (uint32_t)getpid(); /* until an iterator knows better */
	skeleton->rodata_settings->tick_ns = clock_tick_ns();
	for (unsigned number = 0; number < SYSCALLS_MAX; number++)
		skeleton->rodata_settings->syscall_waits[number] =
			(uint8_t)options->syscall_wait(number);
	if (shards == SHARDS_MAX || programs_by_tables(&probes->programs))
		bpf_map__set_max_entries(skeleton->maps.swept, SWEPT_MAX_SMALL);
	skeleton->data->workload_generation = 1;
	skeleton->bss->slow_syscall_ns = options->slow_syscall_ns;
	skeleton->bss->long_request_ns = options->long_request_ns;
	if (!has_latencies(&probes->programs)) /* tables that nobody counts in take no memory */
		return bpf_map__set_max_entries(skeleton->maps.latencies, 1);
	return 0;
}

/* --- attach, in the order of the table --- */

/* Those of iterators that are run again and again are attached by who runs them. */
static int iterator_begin(struct probes *probes, const struct bpf_program *program)
{
	struct sonde *skeleton = probes->skeleton;
	bool lists = programs_lists_sockets(&probes->programs);
	const struct bpf_map *listed = lists ? skeleton->maps.listed_sockets : NULL;

	if (program == skeleton->progs.workload_tasks)
		return workloads_scan(probes->workloads);
	startup_phase("looking at sockets");
	if (program == skeleton->progs.tcp_owners)
		return iterator_run_once(program);
	if (program == skeleton->progs.tcp_sweep)
		return connections_new(&probes->connections, skeleton,
			listed ?: skeleton->maps.sockets, pass, probes);
	if (program == skeleton->progs.http_sweep_other) /* the second of two */
		return requests_new(
			&probes->requests, skeleton, listed ?: skeleton->maps.conns, pass, probes);
	return 0;
}

static int kprobes_attach(
	struct probes *probes, const struct program *row, const struct bpf_program *program)
{
	const struct programs_options *options = &probes->programs.options;
	struct bpf_link **links = probes->links[row - program_table];

	for (int i = 0; i < PROGRAM_TARGETS_MAX && row->targets[i]; i++) {
		if (!options->has_target(options->context, row, row->targets[i]))
			continue;
		links[i] = row->hook == HOOK_KRETPROBE
				   ? kretprobe_attach(program, row->targets[i])
				   : bpf_program__attach_kprobe(program, false, row->targets[i]);
		if (!links[i])
			return -errno;
	}
	return 0;
}

static int attach(struct probes *probes, const struct program *row)
{
	const struct bpf_program *program =
		bpf_object__find_program_by_name(probes->skeleton->obj, row->name);
	struct bpf_link **link = probes->links[row - program_table];

	if (!program)
		return -ENOENT;
	if (row->hook == HOOK_ITERATOR)
		return iterator_begin(probes, program);
	if (row->hook == HOOK_KPROBE || row->hook == HOOK_KRETPROBE)
		return kprobes_attach(probes, row, program);
	*link = bpf_program__attach(program);
	return *link ? 0 : -errno;
}

/* On failure *failed is the one that would not. */
static int probes_attach(struct probes *probes, const struct program **failed)
{
	int result = 0;

	kretprobes_remove();
	for (size_t i = 0; i < program_count && !result; i++) {
		if (startup_is_stopped())
			return -EINTR;
		*failed = &program_table[i];
		if (programs_has(&probes->programs, *failed))
			result = attach(probes, *failed);
	}
	return result;
}

/* --- the whole --- */

static int tables_make(struct probes *probes, const struct probes_options *options)
{
	struct sonde *skeleton = probes->skeleton;
	uint32_t rings;

	bool sees_all = pid_namespace_is_first() &&
			programs_has(&probes->programs, program_find("workload_tasks"));

	rings_plan(options->ring_bytes, &rings, &probes->ring_bytes);
	probes->workloads = workloads_new(skeleton, sees_all, probes->sink, probes->context);
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

static void clock_report(struct probes *probes)
{
	struct record_clock record = {
		.record = {.type = RECORD_CLOCK, .time_ns = clock_monotonic_ns()},
		.realtime_offset_ns = realtime_offset_ns(),
	};

	probes->sink(probes->context, &record.record, sizeof(record));
}

/* How far an attempt came. */
struct attempt {
	const char *step;
	const struct program *program; /* that failed, or NULL when it was none */
	struct refusal refusal;
	int result;
};

static void attempt(
	struct probes *probes, const struct probes_options *options, struct attempt *attempt)
{
	*attempt = (struct attempt){.step = "open"};
	probes->skeleton = skeleton_open(
		programs_by_tables(&probes->programs) ? KEPT_IN_TABLES : KEPT_IN_STORAGE);
	if (!probes->skeleton) {
		attempt->result = -errno;
		return;
	}
	programs_apply(probes);
	attempt->result = tables_plan(probes, options);
	if (attempt->result)
		return;
	attempt->step = "load";
	startup_phase("loading the probes");
	refusal_take(); /* of what was there before */
	attempt->result = sonde__load(probes->skeleton);
	attempt->refusal = refusal_take();
	if (attempt->result) {
		attempt->program = program_find(attempt->refusal.program);
		return;
	}
	attempt->step = "fill the tables of";
	attempt->result = tables_make(probes, options);
	if (attempt->result)
		return;
	attempt->step = "attach";
	startup_phase("attaching the probes");
	attempt->result = probes_attach(probes, &attempt->program);
	attempt->refusal = refusal_take();
}

static void attempt_end(struct probes *probes)
{
	probes_detach(probes);
	requests_free(probes->requests);
	connections_free(probes->connections);
	rings_free(probes->rings);
	tables_free(probes->tables);
	workloads_free(probes->workloads);
	sonde__destroy(probes->skeleton);
	probes->requests = NULL;
	probes->connections = NULL;
	probes->rings = NULL;
	probes->tables = NULL;
	probes->workloads = NULL;
	probes->skeleton = NULL;
}

/*
 * Loads and attaches what is chosen; what the kernel refuses is left out the next time. Each round
 * has one program less, so there is an end.
 */
static int probes_begin(
	struct probes *probes, const struct probes_options *options, char error[PROBES_ERROR_LEN])
{
	char why[REFUSAL_WHY_LEN];
	struct attempt last;

	for (;;) {
		attempt(probes, options, &last);
		if (!last.result)
			return 0;
		attempt_end(probes);
		if (startup_is_stopped()) {
			snprintf(error, PROBES_ERROR_LEN, "stopped by a signal");
			return -EINTR;
		}
		if (!last.program || !programs_has(&probes->programs, last.program))
			break;
		refusal_explain(&last.refusal, last.result, why);
		if (!programs_refuse(&probes->programs, last.program, why)) {
			snprintf(error, PROBES_ERROR_LEN, "%s", probes->programs.error);
			return last.result;
		}
	}
	snprintf(error, PROBES_ERROR_LEN, "cannot %s the probes: %s%s%s; `sonde check` tells more",
		last.step, strerror(-last.result), *last.refusal.warning ? ": " : "",
		last.refusal.warning);
	return last.result;
}

int probes_open(struct probes **out, const struct probes_options *options, record_sink sink,
	void *context, char error[PROBES_ERROR_LEN])
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct kernel_btf *btf;
	struct probes *probes;
	int result = features_preflight(error);

	if (result)
		return result;
	probes = calloc(1, sizeof(*probes));
	startup_phase("reading the kernel's types");
	btf = kernel_btf_read();
	if (!probes || !btf) {
		result = -errno;
		snprintf(error, PROBES_ERROR_LEN, "cannot read the kernel's types: %s",
			strerror(-result));
		goto end;
	}
	probes->sink = sink;
	probes->context = context;
	refusal_listen();
	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* kernels before 5.11 count maps against it */
	memory_limit_report(btf, options->ring_bytes);
	if (!pid_namespace_is_first())
		pid_namespace_report();
	if (programs_begin(probes, options, btf)) {
		result = probes_begin(probes, options, error);
	} else {
		result = -ENOENT;
		snprintf(error, PROBES_ERROR_LEN, "%s", probes->programs.error);
	}
end:
	kernel_btf_free(btf); /* what it was asked is remembered in `programs` */
	if (result) {
		free(probes);
		return result;
	}
	clock_report(probes);
	resolvers_report(&probes->resolvers, probes->sink, probes->context);
	malloc_trim(0); /* what the kernel's types took to read is not needed again */
	*out = probes;
	return 0;
}

void probes_detach(struct probes *probes)
{
	for (size_t i = 0; i < program_count; i++)
		for (int j = 0; j < PROGRAM_TARGETS_MAX; j++) {
			bpf_link__destroy(probes->links[i][j]);
			probes->links[i][j] = NULL;
		}
	kretprobes_remove();
}

void probes_close(struct probes *probes)
{
	if (!probes)
		return;
	attempt_end(probes);
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

static void retire(void *context, const bool *retired)
{
	struct probes *probes = context;

	tables_retire(probes->tables, retired);
}

void probes_sweep(struct probes *probes)
{
	tables_sweep(probes->tables);
	if (probes->connections && programs_has_source(&probes->programs, SOURCE_TCP))
		connections_sweep(probes->connections);
	if (probes->requests)
		requests_sweep(probes->requests);
	clock_report(probes);
	if (!workloads_want_collection(probes->workloads))
		return;
	/* what bears a number that is taken back must have been passed on */
	for (int i = 0; i < DRAINS_MAX && rings_drain(probes->rings); i++)
		;
	workloads_collect(probes->workloads, retire, probes);
}

bool probes_want_sweep(const struct probes *probes)
{
	return workloads_are_short(probes->workloads) || tables_are_short(probes->tables);
}

/* As the sweeps, with one of each call: a table is read, an iterator attached and run. */
bool probes_may_sweep(void *context)
{
	struct probes *probes = context;
	struct sonde *skeleton = probes->skeleton;
	struct workload workload;
	const __u32 number = 0;

	if (bpf_map__lookup_elem(skeleton->maps.workloads, &number, sizeof(number), &workload,
		    sizeof(workload), 0) ||
		bpf_map__update_elem(skeleton->maps.workloads, &number, sizeof(number), &workload,
			sizeof(workload), BPF_ANY))
		return false;
	return !programs_has(&probes->programs, program_find("workload_tasks")) ||
	       !iterator_run_once(skeleton->progs.workload_tasks);
}

void probes_set_slow_syscall(struct probes *probes, uint64_t slow_syscall_ns)
{
	probes->skeleton->bss->slow_syscall_ns = slow_syscall_ns;
}

void probes_set_long_request(struct probes *probes, uint64_t long_request_ns)
{
	probes->skeleton->bss->long_request_ns = long_request_ns;
}

struct programs *probes_programs(struct probes *probes)
{
	return &probes->programs;
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
