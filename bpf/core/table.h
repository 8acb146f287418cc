/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys and values of the in-kernel tables that the daemon reads or writes itself (user/kernel/), as
 * opposed to the records that it passes on.
 */
#ifndef SONDE_TABLE_H
#define SONDE_TABLE_H

#include "record.h"

#define LATENCIES_MAX 8192
#define SHARDS_MAX    4 /* copies of histograms, by CPU, on machines of many CPUs */

/* One CPU's counts of what became of events. */
struct counters {
	__u64 count[SOURCES][OUTCOMES];
	__u64 ring_peak; /* most bytes that were ever seen waiting in a ring */
};

/*
 * Latency histogram of one operation of one workload, on the CPUs of one shard. `key` says which
 * histogram it is, and is 0 while nobody has it.
 */
struct latency {
	__u32 key;
	__u32 reserved;
	__u64 sum_ns;
	__u32 buckets[HISTOGRAM_BUCKETS];
};

#define LATENCY_KEY(workload, shard, operation)                                                    \
	(1U << 31 |                                                                                \
		(workload) * (SHARDS_MAX * OPERATIONS_MAX) + (shard)*OPERATIONS_MAX + (operation))
#define LATENCY_WORKLOAD(key)  (((key) & ~(1U << 31)) / (SHARDS_MAX * OPERATIONS_MAX))
#define LATENCY_OPERATION(key) ((key) % OPERATIONS_MAX)

/*
 * Where the index of a histogram lies: in one of some places that begin with that of its key. There
 * are four times as many as histograms, so the first one is nearly always it.
 */
#define LATENCY_PLACES     (4 * LATENCIES_MAX)
#define LATENCY_TRIES      8
#define LATENCY_PLACE(key) (((key)*0x9e3779b1U >> 17) & (LATENCY_PLACES - 1))

/* --- fair shares of tables; see share.bpf.h --- */

#define SHARE_TIMES         8
#define SHARE_TIMES_UNNAMED 3 /* for programs that nothing but their executable names */

enum share { SHARE_WORKLOADS, SHARE_LATENCIES, SHARE_ERRORS, SHARE_PIPELINE, SHARES };

#define PIPELINE_MAX 4096 /* requests that wait for the answers to those before them */

struct share_figures {
	__u32 left;
	__u32 taken[HOLDERS_MAX]; /* by each holder, which several may share that hash alike */
};

struct shares {
	struct share_figures of[SHARES];
	__u32 holder[WORKLOADS_MAX]; /* of each workload */
};

#define ERRORS_MAX 4096

/* How often a system call failed in one way. */
struct error_key {
	__u32 workload;
	__u16 number;
	__u16 error;
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

/* Longest environment that is searched for the name of its service, in entries (or 255-byte
 * pieces). */
#define ENVIRONMENT_ENTRIES 256

/* Where a process's own name comes from. */
enum name_source {
	NAME_NONE,
	NAME_ENVIRONMENT, /* OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES */
	NAME_COMMAND      /* what an interpreter was told to execute; see command.h */
};

/*
 * The name that a process was started with; behind it its namespace and version, where the
 * environment tells them (resource.h).
 */
struct process_name {
	__u64 hash;   /* of source and text; 0: none */
	__u32 source; /* enum name_source */
	__u32 reserved;
	char text[NAME_LEN]; /* filled up with zeros; "": only the daemon knows it */
};

#define PROCESS_NAMES_MAX 8192 /* processes that had one before Sonde was */

/*
 * Tells texts apart within a key: after FNV (Fowler, Noll, Vo), but by words, up to the first that
 * is 0, as the verifier goes through each step. So a text ends with zeros that fill its room.
 */
#define HASH_BEGIN 0xcbf29ce484222325ULL

static inline __u64 hash_add(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x100000001b3ULL;
	return hash ^ hash >> 32;
}

/* The executable counts by its name: one that is built again is the same service. */
struct workload_key {
	__u64 cgroup_id;
	__u64 cgroup_names; /* a hash of those that tell: a cgroup may be renamed */
	__u64 executable_hash;
	__u64 name_hash;
	__u32 hierarchy; /* of the cgroup: ids of cgroup v1 are unique only within one */
	__u32 is_own;
};

/*
 * Who a number is: a struct record_workload in less room. The texts, each with its NUL: the
 * process's name, the executable, the cgroups from the leaf up; an empty one ends them. What would
 * not fit for certain is left out: at least two cgroups always do.
 */
#define WORKLOAD_TEXT_LEN 1024

struct workload {
	__u64 time_ns; /* 0: nobody */
	struct workload_key key;
	__u64 inode;
	__u32 device;
	__u32 tgid;
	__u32 name_source; /* enum name_source */
	__u32 reserved;
	char comm[COMM_LEN];
	char text[WORKLOAD_TEXT_LEN];
};

#endif
