/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Workloads: a small number for "this executable in this cgroup, started under this name".
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
extern const volatile __u32 own_tgid; /* of Sonde */

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

struct workload_scratch {
	struct workload workload;
	struct process_name name;
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

/* `self` is the first member of struct cgroup, so what a parent points to is one, too. */
static __always_inline struct cgroup *cgroup_parent(struct cgroup *cgroup)
{
	return (struct cgroup *)BPF_CORE_READ(cgroup, self.parent);
}

/* Digits of a container's id, which stand in the name of its cgroup. */
#define CONTAINER_ID_LEN 64

/* True when the name of a cgroup, or of the one around it, has room for a container's id. */
static __always_inline bool cgroup_is_container(
	struct cgroup *cgroup, struct workload_scratch *scratch)
{
	for (int i = 0; i < 2; i++) {
		if (BPF_CORE_READ(cgroup, level) <= 0)
			return false;
		if (bpf_probe_read_kernel_str(scratch->entry, CONTAINER_ID_LEN + 1,
			    BPF_CORE_READ(cgroup, kn, name)) > CONTAINER_ID_LEN)
			return true;
		cgroup = cgroup_parent(cgroup);
	}
	return false;
}

/*
 * The cgroup that tells services apart: that of the unified hierarchy. On a host that has cgroup v1
 * as well, the first one of that which is a container, as the unified one may be the engine's unit
 * there; or, where the unified hierarchy holds everything in its root, which is any.
 */
static __always_inline struct cgroup *workload_cgroup(
	struct task_struct *task, struct workload_scratch *scratch)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup *cgroup = BPF_CORE_READ(set, dfl_cgrp), *other;
	bool is_root = BPF_CORE_READ(cgroup, level) <= 0;

	if (cgroup_is_container(cgroup, scratch))
		return cgroup;
#define WORKLOAD_TRY_V1(controller)                                                                \
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, controller##_cgrp_id)) {             \
		other = BPF_CORE_READ(set,                                                         \
			subsys[bpf_core_enum_value(enum cgroup_subsys_id, controller##_cgrp_id)],  \
			cgroup);                                                                   \
		if (BPF_CORE_READ(other, root) != BPF_CORE_READ(cgroup, root) &&                   \
			BPF_CORE_READ(other, level) > 0 &&                                         \
			(is_root || cgroup_is_container(other, scratch)))                          \
			return other;                                                              \
	}
	WORKLOAD_TRY_V1(memory)
	WORKLOAD_TRY_V1(pids)
	WORKLOAD_TRY_V1(cpu)
#undef WORKLOAD_TRY_V1
	return cgroup;
}

/* What the names of a cgroup of version 1 come to, which may change; those of version 2 do not. */
static __always_inline __u64 cgroup_names_hash(struct cgroup *cgroup)
{
	__u64 hash = 0;

	if (!BPF_CORE_READ(cgroup, root, hierarchy_id))
		return 0;
	for (int i = 0; i < CGROUP_LEVELS; i++) {
		if (BPF_CORE_READ(cgroup, level) <= 0)
			break;
		hash = hash * 31 + BPF_CORE_READ(cgroup, kn, hash);
		cgroup = cgroup_parent(cgroup);
	}
	return hash;
}

/* Puts a text behind those that are there; returns how many bytes are used then. */
static __always_inline __u32 text_append(struct workload *workload, __u32 used, const void *from)
{
	long length;

	if (used > WORKLOAD_TEXT_LEN - NAME_LEN)
		return used;
	length = bpf_probe_read_kernel_str(workload->text + used, NAME_LEN, from);
	if (length <= 0) {
		workload->text[used] = 0;
		length = 1;
	}
	return used + (length & (2 * NAME_LEN - 1));
}

/*
 * The executable's name. A kernel thread has none, even while it borrows a process's memory; of a
 * process that has ended, only its command name is left.
 */
static __always_inline const void *executable_name(struct task_struct *task)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);

	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return NULL;
	if (!file)
		return BPF_CORE_READ(task, group_leader)->comm;
	return BPF_CORE_READ(file, f_path.dentry, d_name.name);
}

/* Fills the description that user space names the service by. */
static __always_inline void workload_describe(struct workload *workload, struct task_struct *task,
	struct cgroup *cgroup, const struct process_name *name)
{
	__u32 used = 0;

	workload->time_ns = bpf_ktime_get_ns();
	workload->name_hash = name->hash;
	workload->name_source = name->source;
	workload->tgid = BPF_CORE_READ(task, tgid);
	BPF_CORE_READ_STR_INTO(&workload->comm, task, group_leader, comm);
	used = text_append(workload, used, name->hash ? name->text : NULL);
	used = text_append(workload, used, executable_name(task));
	for (int i = 0; i < CGROUP_LEVELS; i++) {
		if (BPF_CORE_READ(cgroup, level) <= 0)
			break;
		used = text_append(workload, used, BPF_CORE_READ(cgroup, kn, name));
		cgroup = cgroup_parent(cgroup);
	}
	if (used < WORKLOAD_TEXT_LEN)
		workload->text[used] = 0;
}

/*
 * The number for a task that was started under the name in `scratch`; a new one if there is none
 * yet. 0 when no number is left, which is counted, once for each thread that asks.
 */
static __noinline __u32 workload_find(struct task_struct *task, struct workload_scratch *scratch)
{
	struct cgroup *cgroup = workload_cgroup(task, scratch);
	struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
	struct workload_key key = {
		.cgroup_id = BPF_CORE_READ(cgroup, kn, id),
		.cgroup_names = cgroup_names_hash(cgroup),
		.inode = BPF_CORE_READ(inode, i_ino),
		.name_hash = scratch->name.hash,
		.device = BPF_CORE_READ(inode, i_sb, s_dev),
		.hierarchy = BPF_CORE_READ(cgroup, root, hierarchy_id),
		.is_own = (__u32)BPF_CORE_READ(task, tgid) == own_tgid,
	};
	__u32 *known = bpf_map_lookup_elem(&workload_numbers, &key), number;
	struct workload *workload = &scratch->workload;

	if (known)
		return *known;
	if (bpf_map_pop_elem(&workload_free, &number)) {
		count(SOURCE_WORKLOAD, OUTCOME_TABLE_FULL);
		return 0;
	}
	workload_describe(workload, task, cgroup, &scratch->name);
	workload->cgroup_id = key.cgroup_id;
	workload->inode = key.inode;
	workload->device = key.device;
	workload->is_own = key.is_own;
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

/* Takes over the name that the tasks of a number were started with. */
static __always_inline void workload_name_of(__u32 number, struct process_name *name)
{
	struct workload *workload = number ? bpf_map_lookup_elem(&workloads, &number) : NULL;

	name->hash = 0;
	name->source = NAME_NONE;
	if (!workload || !workload->name_hash)
		return;
	name->hash = workload->name_hash;
	name->source = workload->name_source;
	bpf_probe_read_kernel_str(name->text, NAME_LEN, workload->text);
}

/*
 * The number that the current thread should have in place of `number`, which is outdated, or 0.
 * Those that io_uring makes for a process are forked in silence: they have none, and take over its
 * name. One that has given its memory back as it ends keeps its number: nothing would name it.
 */
__weak __noinline __u32 workload_refresh(__u32 number)
{
	struct workload_scratch *scratch = workload_scratch_get();
	struct task_struct *task = task_current();
	struct thread *leader;

	if (!scratch || (number && !READ(task, mm)))
		return number;
	if (!number) {
		leader = thread_find(READ(task, group_leader));
		number = leader ? leader->workload : 0;
	}
	workload_name_of(number, &scratch->name);
	return workload_find(task, scratch);
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
