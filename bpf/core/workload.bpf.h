/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Workloads: a small number for "this executable in this cgroup, started under this name".
 *
 * A thread's number stands in its task storage, and next to it the hash of its OTEL_SERVICE_NAME.
 * Both are inherited over fork and found anew when a process executes a program. The number is
 * lent: each thread asks for it again, at its next event, when `workload_generation` has moved on.
 * That happens when some process changes its cgroup, and when the daemon takes numbers back
 * (user/kernel/sweep/workloads.c): those that no task has any more, and, when they get short, those
 * that nobody has asked for. So who lives and does nothing has none, and finds one when it does
 * something.
 *
 * The probes allot numbers from a queue; the daemon reads who a number is from `workloads`.
 */
#ifndef SONDE_WORKLOAD_BPF_H
#define SONDE_WORKLOAD_BPF_H

#include "core/command.h"
#include "core/kept.bpf.h"
#include "core/resource.h"
#include "core/share.bpf.h"
#include "core/table.h"

extern __u32 own_tgid; /* of Sonde */

extern __u32 workload_generation;
extern __u32 workload_denied; /* times that there was none to be had */

/*
 * The collection of numbers in which a number was last seen with a task, and in which it was last
 * asked for or found with something that outlives tasks. 0: it is free.
 */
extern __u32 workload_pass;
extern __u32 workload_seen[WORKLOADS_MAX];
extern __u32 workload_used[WORKLOADS_MAX];
extern __u32 workload_born[WORKLOADS_MAX]; /* the generation in which it was given out */

/* Of a number in an array; by a mask that older verifiers see, and the compiler must not drop. */
static __always_inline __u32 workload_index(__u32 number)
{
	barrier_var(number);
	return number & (WORKLOADS_MAX - 1);
}

static __always_inline void workload_mark(__u32 number)
{
	if (number)
		workload_used[workload_index(number)] = workload_pass;
}

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
	struct command command;
	__u64 strings; /* what is left to be searched of the environment, or of the arguments */
	__u64 strings_end;
	__u32 continued; /* they begin in the middle of one */
	struct otel_resource resource;
	__u32 resource_pieces; /* of its variable that may still be looked at; 0: of none */
	__u32 resource_at;     /* in the entry */
	bool resource_seen;
	bool resource_waits; /* the entry holds some of it that was not looked at */
	__u32 entries;       /* of the environment, that may still be looked at */
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

/* --- who fills the tables --- */

/* Cgroups at this depth are a holder: `user.slice/user-1000.slice/user@1000.service`, or a pod. */
#define HOLDER_LEVEL  3
#define HOLDER_DEPTHS 32

/*
 * What a service is part of, as far as it cannot choose that itself: its cgroup, but none that is
 * deeper than those that an administrator makes; or, in the root, its user.
 */
static __always_inline __u32 workload_holder(struct task_struct *task, struct cgroup *cgroup)
{
	__u64 id = BPF_CORE_READ(task, cred, uid.val);
	int level = BPF_CORE_READ(cgroup, level);

	for (int i = 0; i < HOLDER_DEPTHS && level > HOLDER_LEVEL; i++, level--)
		cgroup = cgroup_parent(cgroup);
	if (level > 0)
		id = BPF_CORE_READ(cgroup, kn, id);
	return id * 0x9e3779b97f4a7c15 >> 54; /* HOLDERS_MAX */
}

/* --- numbers --- */

/* The hash of the text in `entry`. Global, so that the verifier goes through its loop once. */
__u64 text_hash(void);

/*
 * A number for a holder, or 0. Who has a name of its own goes before who has none: a build or a
 * script may run any number of executables, which are told apart only while there is room.
 */
static __always_inline __u32 workload_allot(__u32 holder, bool has_name)
{
	__u32 number;

	if (!share_take(SHARE_WORKLOADS, holder, has_name ? SHARE_TIMES : SHARE_TIMES_UNNAMED))
		return 0;
	if (bpf_map_pop_elem(&workload_free, &number)) {
		share_return(SHARE_WORKLOADS, holder);
		return 0;
	}
	shares.holder[workload_index(number)] = holder;
	workload_born[workload_index(number)] = workload_generation;
	workload_mark(number);
	return number;
}

static __always_inline void executable_read(
	struct task_struct *task, struct thread *thread, struct workload_scratch *scratch)
{
	const void *name = executable_name(task);

	__builtin_memset(scratch->entry, 0, sizeof(scratch->entry));
	if (name)
		bpf_probe_read_kernel_str(scratch->entry, NAME_LEN, name);
	thread->executable_hash = text_hash();
}

/*
 * The number for a thread of a task, whose name is in the scratch; a new one if there is none yet.
 * 0 when no number is left for it, which is counted, each time that a thread asks.
 */
static __noinline __u32 workload_find(
	struct task_struct *task, struct thread *thread, struct workload_scratch *scratch)
{
	struct cgroup *cgroup = workload_cgroup(task, scratch);
	struct workload_key key = {
		.cgroup_id = BPF_CORE_READ(cgroup, kn, id),
		.cgroup_names = cgroup_names_hash(cgroup),
		.name_hash = scratch->name.hash,
		.hierarchy = BPF_CORE_READ(cgroup, root, hierarchy_id),
		.is_own = (__u32)BPF_CORE_READ(task, tgid) == own_tgid,
	};
	struct workload *workload = &scratch->workload;
	__u32 *known, number;

	if (!thread)
		return 0;
	if (!thread->executable_hash)
		executable_read(task, thread, scratch);
	key.executable_hash = thread->executable_hash;
	known = bpf_map_lookup_elem(&workload_numbers, &key);
	if (known) {
		workload_mark(*known);
		return *known;
	}
	number = workload_allot(workload_holder(task, cgroup),
		key.name_hash && scratch->name.source != NAME_COMMAND);
	if (!number) {
		__sync_fetch_and_add(&workload_denied, 1);
		count(SOURCE_WORKLOAD, OUTCOME_TABLE_FULL);
		return 0;
	}
	workload_describe(workload, task, cgroup, &scratch->name);
	workload->key = key;
	workload->inode = BPF_CORE_READ(task, mm, exe_file, f_inode, i_ino);
	workload->device = BPF_CORE_READ(task, mm, exe_file, f_inode, i_sb, s_dev);
	/* described before it is published: who finds the number finds its description */
	bpf_map_update_elem(&workloads, &number, workload, BPF_ANY);
	if (bpf_map_update_elem(&workload_numbers, &key, &number, BPF_NOEXIST)) {
		workload_used[workload_index(number)] = 0;
		share_return(SHARE_WORKLOADS, shares.holder[workload_index(number)]);
		bpf_map_push_elem(&workload_free, &number, BPF_ANY);
		known = bpf_map_lookup_elem(&workload_numbers, &key);
		return known ? *known : 0;
	}
	count(SOURCE_WORKLOAD, OUTCOME_DELIVERED);
	return number;
}

/*
 * Looks for OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES in the environment of the current
 * process, into the scratch.
 */
int name_search(void);

/* A name of which only the hash is known. */
static __always_inline void name_forget(struct process_name *name, __u64 hash)
{
	name->hash = hash;
	name->source = NAME_NONE;
	name->text[0] = 0;
}

/* Takes the text of a name out of the description of a number, if it is there. */
static __always_inline bool name_described(struct process_name *name, __u32 number)
{
	struct workload *workload = number ? bpf_map_lookup_elem(&workloads, &number) : NULL;

	if (!workload || workload->key.name_hash != name->hash)
		return false;
	name->source = workload->name_source;
	bpf_probe_read_kernel_str(name->text, NAME_LEN, workload->text);
	return true;
}

/*
 * The text of a name that goes with a hash: the description of the number that the thread had has
 * it, or else the process's memory, as long as nobody has written over it. If neither has, the
 * daemon remembers the text.
 */
static __always_inline void name_recall(struct workload_scratch *scratch, __u32 number, __u64 hash)
{
	name_forget(&scratch->name, hash);
	if (!hash || name_described(&scratch->name, number))
		return;
	name_search();
	if (scratch->name.hash != hash)
		name_forget(&scratch->name, hash);
}

/*
 * Gives the current thread the number that it should have now. Of one that was never seen before,
 * the name is that of its process: the kernel makes threads for io_uring in silence, and a process
 * may be from before Sonde.
 */
__weak __noinline int workload_refresh(void)
{
	struct workload_scratch *scratch = workload_scratch_get();
	struct thread *thread = thread_find(task_current()), *leader;
	__u32 generation = workload_generation;

	if (!scratch || !thread)
		return 0;
	if (!thread->generation && !thread->name_hash) {
		leader = thread_find(READ(task_current(), group_leader));
		if (leader && leader != thread && (leader->generation || leader->name_hash)) {
			thread->name_hash = leader->name_hash;
			thread->executable_hash = leader->executable_hash;
			thread->workload = leader->workload;
		} else {
			name_search();
			thread->name_hash = scratch->name.hash;
		}
	}
	name_recall(scratch, thread->workload, thread->name_hash);
	thread->workload = workload_find(task_current(), thread, scratch);
	thread->generation = generation;
	return 0;
}

/*
 * Gives a number to a thread that has done nothing since it might have changed; for iterators. What
 * is not described yet of its name the daemon has read.
 */
static __always_inline void workload_give(struct task_struct *task, struct thread *thread)
{
	struct workload_scratch *scratch = workload_scratch_get();
	__u32 generation = workload_generation;

	if (!scratch || thread->generation == generation)
		return;
	name_forget(&scratch->name, thread->name_hash);
	name_described(&scratch->name, thread->workload);
	thread->workload = workload_find(task, thread, scratch);
	thread->generation = generation;
}

/* The current thread with an up-to-date workload, or NULL (counted under `source`). */
static __always_inline struct thread *thread_current(enum source source)
{
	struct thread *thread = thread_make(task_current());

	if (!thread) {
		count(source, OUTCOME_STORAGE_FAILED);
		return NULL;
	}
	if (thread->generation != workload_generation)
		workload_refresh();
	return thread;
}

/* The command of the current process: that of its first thread, as others name themselves. */
static __always_inline void command_read(char comm[COMM_LEN])
{
	struct task_struct *leader = READ(task_current(), group_leader);

	__builtin_memset(comm, 0, COMM_LEN); /* no end of a longer one stays behind it */
	bpf_probe_read_kernel_str(comm, COMM_LEN, leader->comm);
}

/* The current process becomes the owner of a socket; what goes wrong counts under `source`. */
static __always_inline void owner_set(struct socket_state *state, enum source source)
{
	struct thread *thread = thread_current(source);

	state->workload = thread ? thread->workload : 0;
	state->tgid = bpf_get_current_pid_tgid() >> 32;
	command_read(state->comm);
}

#endif
