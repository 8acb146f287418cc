/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys and values of the in-kernel tables that the daemon reads or writes itself (user/kernel/), as
 * opposed to the records that it passes on.
 */
#ifndef SONDE_TABLE_H
#define SONDE_TABLE_H

#include "record.h"

#define SYSCALLS_MAX  512 /* numbers known to the tables; the highest on 6.18 is 469 */
#define LATENCIES_MAX 8192
#define SHARDS_MAX    4 /* copies of histograms, by CPU, on machines of many CPUs */

/* One CPU's counts of what became of events. */
struct counters {
	__u64 count[SOURCES][OUTCOMES];
	__u64 ring_peak; /* most bytes that were ever seen waiting in a ring */
};

/* Latency histogram of one system call of one workload. */
struct latency {
	__u32 workload; /* whose it is, and of which system call */
	__u32 number;
	__u64 sum_ns;
	__u32 buckets[HISTOGRAM_BUCKETS];
};

/* Index of the histogram of each system call of a workload: 0 when it has none yet. */
struct latency_slots {
	__u32 slot[SYSCALLS_MAX];
};

/* How often a system call failed in one way. */
struct error_key {
	__u32 workload;
	__u16 number;
	__u16 error;
};

/* One figure for each workload number. */
struct by_workload {
	__u32 figure[WORKLOADS_MAX];
};

/* What a sweep over the TCP sockets tells. */
enum tcp_sweep {
	TCP_SWEEP_CHANGED, /* those that changed since the last one */
	TCP_SWEEP_ALL,
	TCP_SWEEP_FIRST /* all; what they have counted so far was before Sonde */
};

/* One of those, in the array where they wait for the daemon. */
union tcp_swept {
	struct record record;
	struct record_tcp connection;
	struct record_tcp_listener listener;
};

/* Places in it; few where memory is short. On many CPUs the sockets lie in many lists. */
#define SWEPT_MAX       4096
#define SWEPT_MAX_SMALL 256

/* Longest environment that is searched for OTEL_SERVICE_NAME, in entries (or 255-byte pieces). */
#define ENVIRONMENT_ENTRIES 256

/* Who a number is, and the hash of its OTEL_SERVICE_NAME (0: none), which is part of its key. */
struct workload {
	struct record_workload record;
	__u64 name_hash;
};

struct workload_key {
	__u64 cgroup_id;
	__u64 inode;
	__u64 name_hash;
	__u32 device;
	__u32 hierarchy; /* of the cgroup: ids of cgroup v1 are unique only within one */
};

#endif
