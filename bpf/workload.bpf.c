/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keeps every thread's workload number right: at fork, at exec, when a cgroup changes, and for the
 * tasks that were there before. See workload.bpf.h for the idea.
 */
#include "workload.bpf.h"

const volatile __u32 ring_mask SETTING = 0;
const volatile __u64 ring_threshold SETTING = 0;
const volatile bool holds_cpu SETTING = false;

__u32 workload_generation = 1;
__u32 workload_pass = 1;

#define NAME_VARIABLE     "OTEL_SERVICE_NAME="
#define NAME_VARIABLE_LEN (sizeof(NAME_VARIABLE) - 1)

/*
 * FNV-1a, 64 bits (Fowler, Noll, Vo): tells names apart within the key of a workload. Global, so
 * that the verifier goes through its loop once.
 */
__noinline int name_hash(void)
{
	struct workload_scratch *scratch = workload_scratch_get();
	__u64 hash = 0xcbf29ce484222325;

	if (!scratch)
		return 0;
	hash ^= scratch->name.source;
	for (int i = 0; i < NAME_LEN && scratch->name.text[i]; i++)
		hash = (hash ^ (__u8)scratch->name.text[i]) * 0x100000001b3;
	scratch->name.hash = hash;
	return 0;
}

static __always_inline bool names_service(const char *entry)
{
	const __u64 *words = (const __u64 *)entry;

	return words[0] == WORD('O', 'T', 'E', 'L', '_', 'S', 'E', 'R') &&
	       words[1] == WORD('V', 'I', 'C', 'E', '_', 'N', 'A', 'M') && entry[16] == 'E' &&
	       entry[17] == '=';
}

/* Looks at one entry; returns 1 when it was the one, or the last. Global for the verifier's sake.
 */
__noinline int environment_step(void)
{
	struct workload_scratch *scratch = workload_scratch_get();
	long length;

	if (!scratch || scratch->environment >= scratch->environment_end)
		return 1;
	length = bpf_probe_read_user_str(
		scratch->entry, sizeof(scratch->entry), (void *)scratch->environment);
	if (length <= 0)
		return 1;
	if (!scratch->continued && length > (long)NAME_VARIABLE_LEN + 1 &&
		names_service(scratch->entry)) {
		scratch->name.source = NAME_ENVIRONMENT;
		bpf_probe_read_user_str(scratch->name.text, NAME_LEN,
			(void *)scratch->environment + NAME_VARIABLE_LEN);
		name_hash();
		return 1;
	}
	/* a full buffer: the entry goes on, and its rest begins no variable */
	scratch->continued = length == sizeof(scratch->entry);
	scratch->environment += length - scratch->continued;
	return 0;
}

/* Looks for OTEL_SERVICE_NAME in the environment that the current process has just been given. */
static __always_inline void name_from_environment(
	struct task_struct *task, struct workload_scratch *scratch)
{
	scratch->name.hash = 0;
	scratch->name.source = NAME_NONE;
	scratch->environment = BPF_CORE_READ(task, mm, env_start);
	scratch->environment_end = BPF_CORE_READ(task, mm, env_end);
	scratch->continued = 0;
	for (int i = 0; i < ENVIRONMENT_ENTRIES; i++)
		if (environment_step())
			break;
}

static __always_inline int on_workload_fork(struct task_struct *parent, struct task_struct *child)
{
	struct thread *from = thread_find(parent);
	struct thread *to;

	if (!from)
		return 0;
	to = thread_make(child);
	if (!to) {
		count(SOURCE_WORKLOAD, OUTCOME_STORAGE_FAILED);
		return 0;
	}
	to->workload = from->workload;
	to->generation = from->generation;
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(workload_fork, struct task_struct *parent, struct task_struct *child)
{
	return HELD(on_workload_fork(parent, child));
}

static __always_inline int on_workload_exec(struct task_struct *task)
{
	struct workload_scratch *scratch = workload_scratch_get();
	struct thread *thread = thread_make(task);
	__u32 generation = workload_generation;

	if (!thread || !scratch) {
		count(SOURCE_WORKLOAD, OUTCOME_STORAGE_FAILED);
		return 0;
	}
	name_from_environment(task, scratch);
	thread->workload = workload_find(task, scratch);
	thread->generation = generation;
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(workload_exec, struct task_struct *task)
{
	return HELD(on_workload_exec(task));
}

#ifdef SONDE_TABLES
/* After all else: a thread that ended makes system calls and events to its end. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(workload_thread_end, struct task_struct *task)
{
	__u32 id = task->pid;

	bpf_map_delete_elem(&threads, &id);
	return 0;
}
#endif

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(workload_cgroup_changed)
{
	__sync_fetch_and_add(&workload_generation, 1);
	return 0;
}

/* --- the tasks that are there: at start-up, and to learn which numbers are still in use --- */

/*
 * Names of processes that were there before, which only user space can read; by process id. As many
 * as it hands over at a time.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct process_name);
} workload_names SEC(".maps");

/* True while more of them follow: the iterator leaves out what has no name so far. */
bool workload_names_follow = false;

static __always_inline int on_workload_task(struct task_struct *task)
{
	struct workload_scratch *scratch = workload_scratch_get();
	struct process_name *name;
	struct thread *thread;
	__u32 tgid;

	if (!task || !scratch)
		return 0;
	thread = thread_make(task);
	if (!thread) {
		count(SOURCE_WORKLOAD, OUTCOME_STORAGE_FAILED);
		return 0;
	}
	if (!thread->generation) {
		__u32 generation = workload_generation;

		tgid = task->tgid;
		name = bpf_map_lookup_elem(&workload_names, &tgid);
		if (!name && workload_names_follow)
			return 0;
		scratch->name.hash = 0;
		scratch->name.source = NAME_NONE;
		if (name) {
			scratch->name = *name;
			name_hash();
		}
		thread->workload = workload_find(task, scratch);
		thread->generation = generation;
	}
	workload_mark(thread->workload);
	return 0;
}

SEC("iter/task")
int workload_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	return HELD_IN_FUNCTION(on_workload_task(task));
}
