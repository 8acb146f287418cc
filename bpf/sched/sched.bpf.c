/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The run queue: how long threads that could run waited for a CPU. The kernel itself adds up these
 * waits for each thread (sched_info.run_delay, the second figure of /proc/PID/schedstat). When a
 * thread leaves the CPU, what its sum grew by is the wait before this turn. So one program on the
 * switch is enough, a wait that moved from one CPU's queue to another's is whole, and a run that
 * the kernel leaves out is made up for by the next one.
 *
 * Nothing holds on to the CPU here: a switch happens with interrupts off. The current task is still
 * the one that leaves.
 */
#include "core/latency.bpf.h"

__u64 sched_begin_ns = 0; /* since when switches are seen; 0: none was yet */

/* Whether all turns of a thread were seen, so that its sum began at 0. */
static __always_inline bool began_here(struct task_struct *task, __u64 now)
{
	if (!sched_begin_ns)
		sched_begin_ns = now;
	return READ(task, start_time) > sched_begin_ns;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev)
{
	struct thread *thread;
	__u64 delay, before;

	if (!READ(prev, pid)) /* an idle CPU */
		return 0;
	thread = thread_current(SOURCE_SCHED);
	if (!thread)
		return 0;
	delay = READ(prev, sched_info.run_delay) + 1;
	before = thread->run_delay;
	thread->run_delay = delay;
	if (!before) {
		if (!began_here(prev, bpf_ktime_get_ns()))
			return 0; /* what it waited for before is nobody's */
		before = 1;
	}
	if (!latency_add(thread->workload, OPERATION_RUN_QUEUE, delay - before))
		count(SOURCE_SCHED, OUTCOME_TABLE_FULL);
	return 0;
}
