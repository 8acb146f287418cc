/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keeps every thread's workload number right: at fork, at exec, when a cgroup changes, and for the
 * tasks that were there before. See workload.bpf.h for the idea.
 */
#include "core/command.bpf.h"
#include "core/workload.bpf.h"

const volatile __u32 ring_mask SETTING = 0;
const volatile __u64 ring_threshold SETTING = 0;
const volatile bool holds_cpu SETTING = false;

__u32 own_tgid = 0; /* Sonde's, in the first pid namespace */

__u32 workload_generation = 1;
__u32 workload_moves = 0; /* changes of cgroups */
__u32 workload_pass = 1;
__u32 workload_denied = 0;
__u32 workload_seen[WORKLOADS_MAX] = {};
__u32 workload_used[WORKLOADS_MAX] = {};
__u32 workload_born[WORKLOADS_MAX] = {};
struct shares shares = {};

#define NAME_VARIABLE     "OTEL_SERVICE_NAME="
#define NAME_VARIABLE_LEN (sizeof(NAME_VARIABLE) - 1)

#define ENVIRONMENT_ROUND 16
#define RESOURCE_STEP     2 /* characters */
/* All entries, and each piece of the one that is looked through. */
#define ENVIRONMENT_STEPS (ENVIRONMENT_ENTRIES + RESOURCE_PIECES * (256 / RESOURCE_STEP + 1))

static __always_inline __u64 words_hash(__u64 hash, const char *text)
{
	const __u64 *words = (const __u64 *)text;

	for (__u32 i = 0; i < NAME_LEN / sizeof(*words) && words[i]; i++)
		hash = hash_add(hash, words[i]);
	return hash;
}

/* Both are global, so that the verifier goes through their loops once. */
__noinline __u64 text_hash(void)
{
	struct workload_scratch *scratch = workload_scratch_get();

	return scratch ? words_hash(HASH_BEGIN, scratch->entry) : 0;
}

__noinline int name_hash(void)
{
	struct workload_scratch *scratch = workload_scratch_get();

	if (scratch)
		scratch->name.hash =
			words_hash(hash_add(HASH_BEGIN, scratch->name.source), scratch->name.text);
	return 0;
}

/* --- the environment --- */

static __always_inline bool names_service(const char *entry)
{
	const __u64 *words = (const __u64 *)entry;

	return words[0] == WORD('O', 'T', 'E', 'L', '_', 'S', 'E', 'R') &&
	       words[1] == WORD('V', 'I', 'C', 'E', '_', 'N', 'A', 'M') && entry[16] == 'E' &&
	       entry[17] == '=';
}

static __always_inline bool names_resource(const char *entry)
{
	const __u64 *words = (const __u64 *)entry;

	return words[0] == WORD('O', 'T', 'E', 'L', '_', 'R', 'E', 'S') &&
	       words[1] == WORD('O', 'U', 'R', 'C', 'E', '_', 'A', 'T') &&
	       words[2] == WORD('T', 'R', 'I', 'B', 'U', 'T', 'E', 'S') && entry[24] == '=';
}

/* Takes some of what is in the entry of the variable. */
static __always_inline void resource_take(struct workload_scratch *scratch)
{
	for (int i = 0; i < RESOURCE_STEP; i++) {
		char c = scratch->entry[scratch->resource_at & (sizeof(scratch->entry) - 1)];

		if (!c) {
			scratch->resource_waits = false;
			return;
		}
		resource_character(&scratch->resource, c);
		scratch->resource_at++;
	}
}

static __always_inline void name_take(struct workload_scratch *scratch, const void *from)
{
	scratch->name.source = NAME_ENVIRONMENT;
	__builtin_memset(scratch->name.text, 0, NAME_LEN);
	bpf_probe_read_user_str(scratch->name.text, NAME_LEN, from);
}

/* Of a variable that stands twice the first one counts. */
static __always_inline void entry_begin(struct workload_scratch *scratch, long length)
{
	scratch->resource_pieces = 0;
	if (scratch->name.source == NAME_NONE && length > (long)NAME_VARIABLE_LEN + 1 &&
		names_service(scratch->entry))
		name_take(scratch, (void *)scratch->strings + NAME_VARIABLE_LEN);
	if (!scratch->resource_seen && names_resource(scratch->entry)) {
		scratch->resource_seen = true;
		scratch->resource_pieces = RESOURCE_PIECES;
	}
}

/* False when there is no more. */
static __always_inline bool entry_next(struct workload_scratch *scratch)
{
	long length;

	if (scratch->strings >= scratch->strings_end || !scratch->entries)
		return false;
	scratch->entries--;
	length = bpf_probe_read_user_str(
		scratch->entry, sizeof(scratch->entry), (void *)scratch->strings);
	if (length <= 0)
		return false;
	if (!scratch->continued)
		entry_begin(scratch, length);
	if (scratch->resource_pieces) {
		scratch->resource_pieces--;
		scratch->resource_waits = true;
		scratch->resource_at = scratch->continued ? 0 : sizeof(RESOURCE_VARIABLE) - 1;
	}
	/* a full buffer: the entry goes on, and its rest begins no variable */
	scratch->continued = length == sizeof(scratch->entry);
	scratch->strings += length - scratch->continued;
	return true;
}

/*
 * Looks at one entry, or at some of one; returns 1 at the end of all. Global for the verifier's
 * sake, and it calls no other such function, as few may be below those of all probes.
 */
__noinline int environment_step(void)
{
	struct workload_scratch *scratch = workload_scratch_get();

	if (!scratch)
		return 1;
	if (!scratch->resource_waits)
		return !entry_next(scratch);
	resource_take(scratch);
	return 0;
}

/* Several of them; nested for the verifier's sake. */
__noinline int environment_steps(void)
{
	for (int i = 0; i < ENVIRONMENT_ROUND; i++)
		if (environment_step())
			return 1;
	return 0;
}

/* Puts a part behind the name; there is room for all of it, or it is left out. */
static __always_inline __u32 name_append(
	struct workload_scratch *scratch, __u32 used, const char *part)
{
	long length;

	if (used > RESOURCE_ROOM)
		return used;
	scratch->name.text[used] = RESOURCE_SEPARATOR;
	length = bpf_probe_read_kernel_str(scratch->name.text + used + 1, RESOURCE_PART_LEN, part);
	return used + (length > 0 ? length & (2 * RESOURCE_NAME_LEN - 1) : 1);
}

/* Makes one text, and its hash, of the name and of what else is known of the service. */
static __always_inline void name_complete(struct workload_scratch *scratch)
{
	bool has_parts = scratch->resource.namespace[0] || scratch->resource.version[0];
	__u32 used = 0;
	long length;

	if (scratch->name.source == NAME_NONE && !has_parts)
		return;
	if (scratch->name.source == NAME_NONE) {
		scratch->name.source = NAME_COMMAND;
		__builtin_memset(scratch->name.text, 0, NAME_LEN);
	}
	length = bpf_probe_read_kernel_str(
		scratch->entry, sizeof(scratch->entry), scratch->name.text);
	if (length > 0)
		used = (length - 1) & (NAME_LEN - 1);
	if (has_parts) {
		used = name_append(scratch, used, scratch->resource.namespace);
		name_append(scratch, used, scratch->resource.version);
	}
	name_hash();
}

__noinline int name_search(void)
{
	struct workload_scratch *scratch = workload_scratch_get();
	struct task_struct *task = task_current();

	if (!scratch)
		return 0;
	scratch->name.hash = 0;
	scratch->name.source = NAME_NONE;
	resource_begin(&scratch->resource);
	scratch->resource_seen = false;
	scratch->resource_waits = false;
	scratch->resource_pieces = 0;
	scratch->entries = ENVIRONMENT_ENTRIES;
	scratch->strings = BPF_CORE_READ(task, mm, env_start);
	scratch->strings_end = BPF_CORE_READ(task, mm, env_end);
	scratch->continued = 0;
	for (int i = 0; i < ENVIRONMENT_STEPS / ENVIRONMENT_ROUND; i++)
		if (environment_steps())
			break;
	if (scratch->name.source == NAME_NONE && scratch->resource.name[0]) {
		scratch->name.source = NAME_ENVIRONMENT;
		__builtin_memset(scratch->name.text, 0, NAME_LEN);
		bpf_probe_read_kernel_str(
			scratch->name.text, RESOURCE_NAME_LEN, scratch->resource.name);
	}
	if (scratch->name.source != NAME_NONE)
		name_complete(scratch);
	return 0;
}

static __always_inline int on_workload_fork(struct task_struct *parent, struct task_struct *child)
{
	struct workload_scratch *scratch = workload_scratch_get();
	struct thread *from = thread_find(parent);
	__u32 generation = workload_generation;
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
	to->name_hash = from->name_hash;
	to->executable_hash = from->executable_hash;
	/* born into another cgroup, by CLONE_INTO_CGROUP */
	if (scratch && READ(child, cgroups) != READ(parent, cgroups)) {
		name_recall(scratch, from->workload, from->name_hash);
		to->workload = workload_find(child, to, scratch);
		to->generation = generation;
	}
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
	name_search(); /* of the program that is executed: it is the current one already */
	if (!scratch->name.hash) {
		name_from_command(task, scratch);
		name_complete(scratch);
	}
	thread->name_hash = scratch->name.hash;
	thread->executable_hash = 0;
	thread->workload = workload_find(task, thread, scratch);
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

static __always_inline int on_workload_move(void)
{
	__sync_fetch_and_add(&workload_generation, 1);
	__sync_fetch_and_add(&workload_moves, 1);
	return 0;
}

/* Somebody moves a process or a thread, */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(workload_cgroup_changed)
{
	return on_workload_move();
}

/* or the kernel moves all of a cgroup, as its last CPU has gone, */
SEC("tp_btf/cgroup_transfer_tasks")
int BPF_PROG(workload_cgroup_emptied)
{
	return on_workload_move();
}

/* or a cgroup of version 1 gets another name. */
SEC("tp_btf/cgroup_rename")
int BPF_PROG(workload_cgroup_renamed)
{
	return on_workload_move();
}

/* --- the tasks that are there: at start-up, and to learn which numbers are still in use --- */

/*
 * Hashes of the names of processes that were there before, which only user space can read; by
 * process id. A thread of theirs gets a number when it does something.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PROCESS_NAMES_MAX);
	__type(key, __u32);
	__type(value, __u64);
} workload_names SEC(".maps");

static __always_inline int on_workload_task(struct task_struct *task)
{
	struct thread *thread;
	__u64 *name;
	__u32 tgid, index;

	own_tgid = bpf_get_current_pid_tgid() >> 32; /* who reads the iterator */
	if (!task)
		return 0;
	thread = thread_make(task);
	if (!thread) {
		count(SOURCE_WORKLOAD, OUTCOME_STORAGE_FAILED);
		return 0;
	}
	if (!thread->generation) {
		tgid = task->tgid;
		name = bpf_map_lookup_elem(&workload_names, &tgid);
		if (name)
			thread->name_hash = *name;
		return 0;
	}
	/* one that has slept since may have a number that is another's by now */
	index = workload_index(thread->workload);
	if ((__s32)(thread->generation - workload_born[index]) >= 0)
		workload_seen[index] = workload_pass;
	return 0;
}

SEC("iter/task")
int workload_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	return HELD_IN_FUNCTION(on_workload_task(task));
}
