/* SPDX-License-Identifier: Apache-2.0 */
/* See tables.h. */
#include "kernel/sweep/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uthash.h>

#include "base/clock.h"
#include "base/limit.h"
#include "base/log.h"
#include "core/table.h"
#include "kernel/load/programs.h"
#include "kernel/load/skeleton.h"
#include "kernel/sweep/shares.h"
#include "record/record_types.h"
#include "record/sources.h"

/* Entries that one system call reads: 64 KiB of histograms. */
#define BATCH 64

/*
 * How long a histogram, or a count of errors, may rest before it is given back: the less, the fewer
 * are left.
 */
#define REST_LONG_NS  60000000000ULL
#define REST_SHORT_NS 500000000ULL

/* That a program which was about to count may take at most, and far more than it does. */
#define GRACE_NS 1000000000ULL

/* What was reported of a histogram. */
struct reported {
	struct latency *latency; /* NULL: nothing yet */
	__u64 grown_ns;
	__u64 withdrawn_ns; /* when its place was taken from it; 0: it has one */
};

/* What was reported of an error count. */
struct error_reported {
	struct error_key key;
	__u64 count;
	__u64 grown_ns;
	UT_hash_handle hh;
};

struct tables {
	struct sonde *skeleton;
	record_sink sink;
	void *context;
	int cpus;
	__u32 highest; /* histogram that was ever in use */
	struct reported reported[LATENCIES_MAX];
	struct error_reported *errors;
	__u64 events_reported[SOURCES][OUTCOMES];
	__u64 latencies_delivered[SOURCES]; /* durations in the histograms, since the last sweep */
	__u64 ring_peak;
	__u64 swept_ns;
	struct counters *counters; /* room for one of each CPU */
	struct latency batch[BATCH];
	__u32 batch_keys[BATCH];
	struct error_key error_keys[BATCH];
	__u64 error_counts[BATCH];
};

struct tables *tables_new(struct sonde *skeleton, record_sink sink, void *context)
{
	struct tables *tables = calloc(1, sizeof(*tables));

	if (!tables)
		return NULL;
	tables->skeleton = skeleton;
	tables->sink = sink;
	tables->context = context;
	tables->cpus = libbpf_num_possible_cpus();
	tables->counters = calloc((size_t)tables->cpus, sizeof(*tables->counters));
	if (!tables->counters)
		goto failed;
	skeleton->bss->shares.of[SHARE_LATENCIES].left = LATENCIES_MAX - 1;
	skeleton->bss->shares.of[SHARE_ERRORS].left = ERRORS_MAX;
	skeleton->bss->shares.of[SHARE_PIPELINE].left = PIPELINE_MAX;
	for (__u32 slot = LATENCIES_MAX - 1; slot > 0; slot--)
		if (bpf_map__update_elem(
			    skeleton->maps.latencies_free, NULL, 0, &slot, sizeof(slot), BPF_ANY))
			goto failed;
	return tables;
failed:
	tables_free(tables);
	return NULL;
}

void tables_free(struct tables *tables)
{
	struct error_reported *error, *next;

	if (!tables)
		return;
	for (__u32 slot = 0; slot < LATENCIES_MAX; slot++)
		free(tables->reported[slot].latency);
	HASH_ITER(hh, tables->errors, error, next) {
		HASH_DEL(tables->errors, error);
		free(error);
	}
	free(tables->counters);
	free(tables);
}

/* --- latencies --- */

/* Reports what a histogram grew by. Its counters are 32 bits wide and wrap; a sweep is sooner. */
static void latency_report(struct tables *tables, __u32 slot, const struct latency *latency)
{
	static union { /* one record at a time, on the main thread */
		struct record_latency record;
		char room[sizeof(struct record_latency) +
			  HISTOGRAM_BUCKETS * sizeof(struct record_bucket)];
	} out;
	struct record_latency *record = &out.record;
	__u32 operation = LATENCY_OPERATION(latency->key);
	const enum record_type type = record_of_operation(operation);
	const struct record_layout *layout = record_layout(type);
	struct latency *reported = tables->reported[slot].latency;
	__u64 now = clock_monotonic_ns();

	if (!layout)
		return; /* no probe of ours counts such */
	if (!reported) {
		reported = tables->reported[slot].latency = calloc(1, sizeof(*reported));
		if (!reported)
			return; /* nothing is lost: the next sweep tries again */
		tables->reported[slot].grown_ns = now;
	}
	record->bucket_count = 0;
	for (__u32 index = 0; index < HISTOGRAM_BUCKETS; index++) {
		__u32 grown = latency->buckets[index] - reported->buckets[index];

		if (!grown)
			continue;
		record->buckets[record->bucket_count++] = (struct record_bucket){index, grown};
		if (!layout->is_counted)
			tables->latencies_delivered[layout->source] += grown;
	}
	if (!record->bucket_count)
		return;
	tables->reported[slot].grown_ns = now;
	record->record = (struct record){
		.type = (__u16)type, .workload = LATENCY_WORKLOAD(latency->key), .time_ns = now};
	record->operation = operation - layout->operation;
	record->sum_ns = latency->sum_ns - reported->sum_ns;
	*reported = *latency;
	tables->sink(tables->context, &record->record,
		sizeof(*record) + record->bucket_count * sizeof(struct record_bucket));
}

/* Reports the last of a histogram that nobody counts in any more, and gives it free. */
static void latency_release(struct tables *tables, __u32 slot)
{
	struct sonde *skeleton = tables->skeleton;
	static const struct latency empty; /* 1 KiB, and never written */
	struct reported *reported = &tables->reported[slot];
	struct latency last;

	if (!bpf_map__lookup_elem(
		    skeleton->maps.latencies, &slot, sizeof(slot), &last, sizeof(last), 0))
		latency_report(tables, slot, &last);
	bpf_map__update_elem(
		skeleton->maps.latencies, &slot, sizeof(slot), &empty, sizeof(empty), BPF_ANY);
	share_give_back(skeleton, SHARE_LATENCIES, LATENCY_WORKLOAD(reported->latency->key));
	free(reported->latency);
	*reported = (struct reported){0};
	bpf_map__update_elem(skeleton->maps.latencies_free, NULL, 0, &slot, sizeof(slot), BPF_ANY);
}

/* Takes a histogram its place, so that nobody finds it; who has found it counts to the end. */
static void latency_withdraw(struct tables *tables, __u32 slot)
{
	__u32 *places = tables->skeleton->bss->latency_places;
	__u32 place = LATENCY_PLACE(tables->reported[slot].latency->key);

	for (int i = 0; i < LATENCY_TRIES; i++, place++)
		if (places[place & (LATENCY_PLACES - 1)] == slot)
			__atomic_store_n(
				&places[place & (LATENCY_PLACES - 1)], 0, __ATOMIC_RELAXED);
	tables->reported[slot].withdrawn_ns = clock_monotonic_ns();
}

/* Few enough that what rests must go soon. */
static bool is_short(__u32 left, __u32 all)
{
	return left <= all / 4;
}

/* How long something may rest of which so many are left. */
static __u64 rest_ns(__u32 left, __u32 all)
{
	return left > all / 2 ? UINT64_MAX : is_short(left, all) ? REST_SHORT_NS : REST_LONG_NS;
}

/* In two steps, which lie further apart than what a program may take. */
static void latency_rest(struct tables *tables, __u32 slot, __u64 now)
{
	const struct reported *reported = &tables->reported[slot];

	if (!reported->latency)
		return;
	if (reported->withdrawn_ns) {
		if (now - reported->withdrawn_ns >= GRACE_NS)
			latency_release(tables, slot);
	} else if (now - reported->grown_ns >=
		   rest_ns(share_left(tables->skeleton, SHARE_LATENCIES), LATENCIES_MAX)) {
		latency_withdraw(tables, slot);
	}
}

static void latencies_sweep(struct tables *tables)
{
	int fd = bpf_map__fd(tables->skeleton->maps.latencies);
	__u64 now = clock_monotonic_ns();
	__u32 last = 0; /* histogram 0 is never used */
	bool used = true;

	while ((used || last < tables->highest) && last < LATENCIES_MAX - 1) {
		__u32 n = BATCH, begin = last;
		int result = bpf_map_lookup_batch(
			fd, &begin, &last, tables->batch_keys, tables->batch, &n, NULL);

		if (result && result != -ENOENT && errno != ENOENT)
			break;
		used = false;
		for (__u32 i = 0; i < n; i++) {
			if (!tables->batch[i].key)
				continue; /* free */
			used = true;
			if (tables->batch_keys[i] > tables->highest)
				tables->highest = tables->batch_keys[i];
			latency_report(tables, tables->batch_keys[i], &tables->batch[i]);
			latency_rest(tables, tables->batch_keys[i], now);
		}
		if (result)
			break; /* that was the last of them */
	}
}

/* --- errors of system calls --- */

static void error_report(struct tables *tables, const struct error_key *key, __u64 count)
{
	struct error_reported *reported;
	struct record_syscall_error record = {
		.record = {.type = RECORD_SYSCALL_ERROR,
			.workload = key->workload,
			.time_ns = clock_monotonic_ns()},
		.number = key->number,
		.error = key->error,
	};

	HASH_FIND(hh, tables->errors, key, sizeof(*key), reported);
	if (!reported) {
		reported = calloc(1, sizeof(*reported));
		if (!reported)
			return;
		reported->key = *key;
		HASH_ADD(hh, tables->errors, key, sizeof(*key), reported);
	}
	record.count = count - reported->count;
	reported->count = count;
	if (!record.count)
		return;
	reported->grown_ns = record.record.time_ns;
	tables->sink(tables->context, &record.record, sizeof(record));
}

static void error_release(struct tables *tables, struct error_reported *error)
{
	bpf_map__delete_elem(
		tables->skeleton->maps.syscall_errors, &error->key, sizeof(error->key), 0);
	share_give_back(tables->skeleton, SHARE_ERRORS, error->key.workload);
	HASH_DEL(tables->errors, error);
	free(error);
}

/* Rare enough that a failure which comes just when its count is given back may be lost. */
static void errors_rest(struct tables *tables)
{
	__u64 rest = rest_ns(share_left(tables->skeleton, SHARE_ERRORS), ERRORS_MAX);
	__u64 now = clock_monotonic_ns();
	struct error_reported *error, *next;

	HASH_ITER(hh, tables->errors, error, next) {
		if (now - error->grown_ns >= rest)
			error_release(tables, error);
	}
}

static void errors_sweep(struct tables *tables)
{
	int fd = bpf_map__fd(tables->skeleton->maps.syscall_errors), result;
	__u32 at, *from = NULL;

	do {
		__u32 n = BATCH;

		result = bpf_map_lookup_batch(
			fd, from, &at, tables->error_keys, tables->error_counts, &n, NULL);
		if (result && errno != ENOENT)
			return;
		for (__u32 i = 0; i < n; i++)
			error_report(tables, &tables->error_keys[i], tables->error_counts[i]);
		from = &at;
	} while (!result);
}

/* --- what became of events --- */

static void events_report(
	struct tables *tables, enum source source, enum outcome outcome, __u64 count)
{
	struct record_events record = {
		.record = {.type = RECORD_EVENTS, .time_ns = clock_monotonic_ns()},
		.source = (__u16)source,
		.outcome = (__u16)outcome,
		.count = count,
	};

	if (!count)
		return;
	tables->sink(tables->context, &record.record, sizeof(record));
	if (outcome == OUTCOME_TABLE_FULL)
		limit_met(source == SOURCE_WORKLOAD ? LIMIT_WORKLOADS : LIMIT_PROBE_TABLES,
			source == SOURCE_WORKLOAD ? NULL : source_descriptions[source].name);
}

/* Runs of a source's programs that the kernel left out, because one was running on that CPU. */
static void recursion_add(struct tables *tables, struct counters *sum)
{
	struct bpf_object_skeleton *skeleton = tables->skeleton->skeleton;

	for (int i = 0; i < skeleton->prog_cnt; i++) {
		const struct bpf_program *program = *skeleton->progs[i].prog;
		const struct program *row = program_find(bpf_program__name(program));
		struct bpf_prog_info info = {0};
		__u32 size = sizeof(info);

		if (!row || row->only_times || bpf_program__fd(program) < 0 ||
			bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
			continue;
		sum->count[row->source][OUTCOME_RECURSION] += info.recursion_misses;
	}
}

static void events_sweep(struct tables *tables)
{
	struct bpf_map *map = tables->skeleton->maps.counters;
	struct counters sum = {0};
	__u32 zero = 0;

	if (bpf_map__lookup_elem(map, &zero, sizeof(zero), tables->counters,
		    (size_t)tables->cpus * sizeof(struct counters), 0))
		return;
	for (int cpu = 0; cpu < tables->cpus; cpu++) {
		for (int s = 0; s < SOURCES; s++)
			for (int o = 0; o < OUTCOMES; o++)
				sum.count[s][o] += tables->counters[cpu].count[s][o];
		if (tables->counters[cpu].ring_peak > tables->ring_peak)
			tables->ring_peak = tables->counters[cpu].ring_peak;
	}
	recursion_add(tables, &sum);
	for (int s = 0; s < SOURCES; s++) {
		events_report(tables, s, OUTCOME_DELIVERED, tables->latencies_delivered[s]);
		tables->latencies_delivered[s] = 0;
		for (int o = 0; o < OUTCOMES; o++) {
			events_report(
				tables, s, o, sum.count[s][o] - tables->events_reported[s][o]);
			tables->events_reported[s][o] = sum.count[s][o];
		}
	}
}

bool tables_are_short(const struct tables *tables)
{
	return is_short(share_left(tables->skeleton, SHARE_LATENCIES), LATENCIES_MAX) &&
	       clock_monotonic_ns() - tables->swept_ns >= REST_SHORT_NS;
}

void tables_sweep(struct tables *tables)
{
	tables->swept_ns = clock_monotonic_ns();
	latencies_sweep(tables);
	errors_sweep(tables);
	errors_rest(tables);
	events_sweep(tables);
}

__u64 tables_ring_peak(const struct tables *tables)
{
	return tables->ring_peak;
}

/* --- the end of a workload --- */

void tables_retire(struct tables *tables, const bool *retired)
{
	struct error_reported *error, *next;

	for (__u32 slot = 1; slot < LATENCIES_MAX; slot++) {
		const struct latency *latency = tables->reported[slot].latency;

		if (!latency || !retired[LATENCY_WORKLOAD(latency->key)])
			continue;
		latency_withdraw(tables, slot);
		latency_release(tables, slot);
	}
	errors_sweep(tables);
	HASH_ITER(hh, tables->errors, error, next) {
		if (retired[error->key.workload])
			error_release(tables, error);
	}
}
