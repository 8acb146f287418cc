/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Processes: exec with arguments, fork, and exit with its reason, lifetime and CPU time. */
#include "core/workload.bpf.h"

#define SIGNAL_GROUP_EXIT 4 /* include/linux/sched/signal.h */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct record_exec);
} exec_scratch SEC(".maps");

/* Of the current process; anew if it was moved to another cgroup. */
static __always_inline __u32 workload_current(void)
{
	struct thread *thread = thread_current(SOURCE_PROCESS);

	return thread ? thread->workload : 0;
}

/*
 * Runs after workload_exec of workload.bpf.c, which gives the process its new number: the daemon
 * attaches that one first, and the kernel calls programs in that order.
 */
static __always_inline int on_process_exec(struct task_struct *task)
{
	__u64 begin = BPF_CORE_READ(task, mm, arg_start), end = BPF_CORE_READ(task, mm, arg_end);
	__u64 length = end - begin;
	__u32 zero = 0;
	struct record_exec *record = bpf_map_lookup_elem(&exec_scratch, &zero);

	if (!record)
		return 0;
	record->record.type = RECORD_EXEC;
	record->record.workload = workload_current();
	record->record.time_ns = bpf_ktime_get_ns();
	record->tgid = task->tgid;
	record->parent_tgid = BPF_CORE_READ(task, real_parent, tgid);
	record->uid = bpf_get_current_uid_gid();
	record->arguments_truncated = length > ARGUMENTS_LEN;
	if (length > ARGUMENTS_LEN)
		length = ARGUMENTS_LEN;
	if (bpf_probe_read_user(record->arguments, length, (void *)begin))
		length = 0;
	record->arguments_length = length;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	ring_output(SOURCE_PROCESS, record,
		__builtin_offsetof(struct record_exec, arguments) + (length & 511));
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task)
{
	return HELD(on_process_exec(task));
}

static __always_inline int on_process_fork(struct task_struct *parent, struct task_struct *child)
{
	struct record_fork record = {};

	if (child->pid != child->tgid)
		return 0; /* a thread */
	record.record.type = RECORD_FORK;
	record.record.workload = workload_current();
	record.record.time_ns = bpf_ktime_get_ns();
	record.tgid = child->tgid;
	record.parent_tgid = parent->tgid;
	ring_output(SOURCE_PROCESS, &record, sizeof(record));
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	return HELD(on_process_fork(parent, child));
}

static __always_inline int on_process_exit(struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	struct record_exit record = {};
	struct thread *leader;
	__u64 user, system, run;
	__u32 status;

	if (signal->live.counter)
		return 0; /* other threads live on */
	leader = thread_make(task->group_leader);
	/* the last two threads may come here at once, both seeing none alive: one of them tells */
	if (leader && exchange(&leader->exited, 1))
		return 0;
	record.record.type = RECORD_EXIT;
	record.record.workload = workload_current();
	record.record.time_ns = bpf_ktime_get_ns();
	record.tgid = task->tgid;
	/* what wait() tells, see wait_task_zombie() */
	status = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code
						   : task->group_leader->exit_code;
	record.code = status >> 8 & 0xff;
	record.signal = status & 0x7f;
	record.oom = signal->oom_mm != NULL;
	record.lifetime_ns = record.record.time_ns - task->group_leader->start_time;
	/*
	 * The scheduler's run time is exact, the split by ticks is not: so the latter only divides
	 * the former, as the kernel does it in cputime_adjust().
	 */
	user = (signal->utime + task->utime) >> 10;
	system = (signal->stime + task->stime) >> 10;
	run = signal->sum_sched_runtime + task->se.sum_exec_runtime;
	record.user_ns = user + system ? (run >> 10) * user / (user + system) << 10 : 0;
	record.system_ns = run - record.user_ns;
	BPF_CORE_READ_STR_INTO(&record.comm, task, group_leader, comm);
	ring_output(SOURCE_PROCESS, &record, sizeof(record));
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	return HELD(on_process_exit(task));
}
