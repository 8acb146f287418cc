/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Latencies: a histogram for each (workload, operation), kept in the kernel and swept by the daemon
 * (user/kernel/sweep/tables.c). An operation is a number in a range of enum operation: a system
 * call, the wait for a CPU.
 *
 * The common way through latency_add() is two array accesses: no hash, no lock.
 */
#ifndef SONDE_LATENCY_BPF_H
#define SONDE_LATENCY_BPF_H

#include "core/bucket.h"
#include "core/table.h"
#include "core/workload.bpf.h"

extern const volatile __u32 shard_mask; /* copies of the histograms - 1, for many CPUs */

/*
 * Histograms, 8 MiB of them; 0 is never given out. Free ones lie on a stack, so that those in use
 * stay close together and the daemon's sweep is short.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LATENCIES_MAX);
	__type(key, __u32);
	__type(value, struct latency);
} latencies __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, LATENCIES_MAX);
	__type(value, __u32);
} latencies_free __weak SEC(".maps");

/* Index of the histogram of a key, or 0: see LATENCY_PLACE. */
extern __u32 latency_places[LATENCY_PLACES];

/* The index of a key's histogram, which is made if need be; 0: there is no room. */
__u32 latency_find(__u32 key);

/* Adds one duration. False: there is no room for its histogram, which the caller counts. */
static __always_inline bool latency_add(__u32 workload, __u32 operation, __u64 duration_ns)
{
	__u32 key = LATENCY_KEY(
		workload & (WORKLOADS_MAX - 1), bpf_get_smp_processor_id() & shard_mask, operation);
	__u32 which = latency_places[LATENCY_PLACE(key)];
	struct latency *latency = which ? bpf_map_lookup_elem(&latencies, &which) : NULL;

	if (!latency || latency->key != key) {
		which = latency_find(key);
		latency = which ? bpf_map_lookup_elem(&latencies, &which) : NULL;
	}
	if (!latency)
		return false;
	__sync_fetch_and_add(&latency->sum_ns, duration_ns);
	__sync_fetch_and_add(&latency->buckets[histogram_bucket(duration_ns)], 1);
	return true;
}

#endif
