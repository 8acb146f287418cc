/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Workloads: a small number for "this executable in this cgroup under this OTEL_SERVICE_NAME".
 *
 * A thread's number stands in its task storage. It is inherited over fork, found anew when a
 * process executes a program, and found anew by every thread at its next event when
 * `workload_generation` has moved on, which happens when some process changes its cgroup. The
 * probes allot numbers from a queue; the daemon reads who a number is from `workloads`, and puts
 * numbers that no task has any more back into the queue (user/kernel/workloads.c).
 */
#ifndef SONDE_WORKLOAD_BPF_H
#define SONDE_WORKLOAD_BPF_H

#include "kept.bpf.h"
#include "table.h"

extern __u32 workload_generation;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WORKLOADS_MAX);
	__type(key, __u32);
	__type(value, struct workload);
} workloads __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WORKLOADS_MAX);
	__type(key, struct workload_key);
	__type(value, __u32);
} workload_numbers __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, WORKLOADS_MAX);
	__type(value, __u32);
} workload_free __weak SEC(".maps");

/* A service name found in a process's environment. */
struct service_name {
	__u64 hash;
	char text[SERVICE_NAME_LEN];
};

struct workload_scratch {
	struct workload workload;
	struct service_name name;
	__u64 environment; /* what is left of one to be searched: its begin, */
	__u64 environment_end;
	__u32 continued; /* and whether that begins in the middle of an entry */
	char entry[256] __attribute__((aligned(8))); /* of an environment */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct workload_scratch);
} workload_scratch __weak SEC(".maps");

static __always_inline struct workload_scratch *workload_scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&workload_scratch, &zero);
}

/*
 * The cgroup that tells services apart: that of the unified hierarchy, or, on a host where it holds
 * everything in its root, the first one of cgroup v1 that does not.
 */
static __always_inline struct cgroup *workload_cgroup(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup *cgroup = BPF_CORE_READ(set, dfl_cgrp), *other;

	if (BPF_CORE_READ(cgroup, level) > 0)
		return cgroup;
#define WORKLOAD_TRY_V1(controller)                                                                \
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, controller##_cgrp_id)) {             \
		other = BPF_CORE_READ(set,                                                         \
			subsys[bpf_core_enum_value(enum cgroup_subsys_id, controller##_cgrp_id)],  \
			cgroup);                                                                   \
		if (BPF_CORE_READ(other, level) > 0)                                               \
			return other;                                                              \
	}
	WORKLOAD_TRY_V1(memory)
	WORKLOAD_TRY_V1(pids)
	WORKLOAD_TRY_V1(cpu)
#undef WORKLOAD_TRY_V1
	return cgroup;
}

/* Fills the description that user space names the service by. */
static __always_inline void workload_describe(struct record_workload *record,
	struct task_struct *task, struct cgroup *cgroup, const struct service_name *name)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);

	/* or behind each string there would be the end of a longer one, of another process */
	__builtin_memset(record, 0, sizeof(*record));
	record->record.type = RECORD_WORKLOAD;
	record->record.time_ns = bpf_ktime_get_ns();
	record->tgid = BPF_CORE_READ(task, tgid);
	BPF_CORE_READ_STR_INTO(&record->comm, task, group_leader, comm);
	if (file)
		bpf_probe_read_kernel_str(record->executable, EXECUTABLE_LEN,
			BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (name->hash)
		__builtin_memcpy(record->service_name, name->text, SERVICE_NAME_LEN);
	for (int i = 0; i < CGROUP_LEVELS; i++) {
		/* `self` is the first member of struct cgroup, so its parent is one, too */
		if (BPF_CORE_READ(cgroup, level) > 0) {
			bpf_probe_read_kernel_str(record->cgroup[i], CGROUP_NAME_LEN,
				BPF_CORE_READ(cgroup, kn, name));
			cgroup = (struct cgroup *)BPF_CORE_READ(cgroup, self.parent);
		}
	}
}

/*
 * The number for a task whose service name is `name`; a new one if there is none yet. 0 when no
 * number is left, which is counted, once for each thread that asks.
 */
static __noinline __u32 workload_find(struct task_struct *task, struct workload_scratch *scratch)
{
	struct cgroup *cgroup = workload_cgroup(task);
	struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
	struct workload_key key = {
		.cgroup_id = BPF_CORE_READ(cgroup, kn, id),
		.inode = BPF_CORE_READ(inode, i_ino),
		.name_hash = scratch->name.hash,
		.device = BPF_CORE_READ(inode, i_sb, s_dev),
		.hierarchy = BPF_CORE_READ(cgroup, root, hierarchy_id),
	};
	__u32 *known = bpf_map_lookup_elem(&workload_numbers, &key), number;
	struct workload *workload = &scratch->workload;

	if (known)
		return *known;
	if (bpf_map_pop_elem(&workload_free, &number)) {
		count(SOURCE_WORKLOAD, OUTCOME_TABLE_FULL);
		return 0;
	}
	workload_describe(&workload->record, task, cgroup, &scratch->name);
	workload->record.record.workload = number;
	workload->record.cgroup_id = key.cgroup_id;
	workload->record.inode = key.inode;
	workload->record.device = key.device;
	workload->name_hash = key.name_hash;
	/* described before it is published: who finds the number finds its description */
	bpf_map_update_elem(&workloads, &number, workload, BPF_ANY);
	if (bpf_map_update_elem(&workload_numbers, &key, &number, BPF_NOEXIST)) {
		bpf_map_push_elem(&workload_free, &number, BPF_ANY);
		known = bpf_map_lookup_elem(&workload_numbers, &key);
		return known ? *known : 0;
	}
	count(SOURCE_WORKLOAD, OUTCOME_DELIVERED);
	return number;
}

/* Takes over the service name of a number, for a thread that is to get another one. */
static __always_inline void workload_name_of(__u32 number, struct service_name *name)
{
	struct workload *workload = number ? bpf_map_lookup_elem(&workloads, &number) : NULL;

	name->hash = 0;
	if (!workload || !workload->name_hash)
		return;
	name->hash = workload->name_hash;
	__builtin_memcpy(name->text, workload->record.service_name, SERVICE_NAME_LEN);
}

/*
 * The number that the current thread should have in place of `number`, which is outdated, or 0.
 * Those that io_uring makes for a process are forked in silence: they have none, and take over its
 * service name.
 */
__weak __noinline __u32 workload_refresh(__u32 number)
{
	struct workload_scratch *scratch = workload_scratch_get();
	struct thread *leader;

	if (!scratch)
		return number;
	if (!number) {
		leader = thread_find(READ(task_current(), group_leader));
		number = leader ? leader->workload : 0;
	}
	workload_name_of(number, &scratch->name);
	return workload_find(task_current(), scratch);
}

/* The current thread with an up-to-date workload, or NULL (counted under `source`). */
static __always_inline struct thread *thread_current(enum source source)
{
	struct thread *thread = thread_make(task_current());
	__u32 generation = workload_generation;

	if (!thread) {
		count(source, OUTCOME_STORAGE_FAILED);
		return NULL;
	}
	if (thread->generation != generation) {
		thread->workload = workload_refresh(thread->workload);
		thread->generation = generation;
	}
	return thread;
}

/* The current process becomes the owner of a socket; what goes wrong counts under `source`. */
static __always_inline void owner_set(struct socket_state *state, enum source source)
{
	struct thread *thread = thread_current(source);

	state->workload = thread ? thread->workload : 0;
	state->tgid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(state->comm, COMM_LEN);
}

/*
 * The collection of numbers that a number was last marked for: one that nobody marks before that is
 * given back. Tasks mark theirs, and so does what outlives them.
 */
extern __u32 workload_pass;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct by_workload);
} workload_seen __weak SEC(".maps");

static __always_inline void workload_mark(__u32 number)
{
	__u32 zero = 0;
	struct by_workload *seen = bpf_map_lookup_elem(&workload_seen, &zero);

	if (seen && number < WORKLOADS_MAX)
		seen->figure[number] = workload_pass;
}

#endif
