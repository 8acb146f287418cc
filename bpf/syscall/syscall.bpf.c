/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * System calls: a latency histogram for each (workload, system call) and a count for each error,
 * both kept in the kernel and swept by the daemon; a call that took too long is told at once,
 * unless it waits by its nature or that of its file.
 *
 * The common way through both programs is one look-up in task storage each, one clock reading each,
 * and two array accesses: no hash, no lock. What a thread is doing lies in its own storage, so
 * nothing needs to be cleaned up when it dies inside a call.
 */
#include "core/latency.bpf.h"
#include "core/share.bpf.h"
#include "syscall/syscall_numbers.h"
#include "core/table.h"
#include "tcp/tcp_connect.bpf.h"

const volatile __u8 syscall_waits[SYSCALLS_MAX] SETTING = {}; /* enum syscall_wait */

const volatile bool notes_accepts SETTING = false; /* somebody asks for it */

__u64 slow_syscall_ns = 0; /* 0: off. Changes while running */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ERRORS_MAX);
	__type(key, struct error_key);
	__type(value, __u64);
} syscall_errors SEC(".maps");

static __always_inline int on_syscall_enter(struct pt_regs *regs, long number)
{
	struct thread *thread = thread_current(SOURCE_SYSCALL);

	if (!thread)
		return 0;
	thread->syscall_number = number;
	thread->syscall_start_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(syscall_enter, struct pt_regs *regs, long number)
{
	return HELD(on_syscall_enter(regs, number));
}

static __noinline void error_count(__u32 workload, __u32 number, long result)
{
	struct error_key key = {.workload = workload, .number = number, .error = -result};
	__u64 *known = bpf_map_lookup_elem(&syscall_errors, &key), zero = 0;

	if (!known) {
		__u32 holder = shares.holder[workload_index(workload)];

		if (share_take(SHARE_ERRORS, holder, SHARE_TIMES) &&
			bpf_map_update_elem(&syscall_errors, &key, &zero, BPF_NOEXIST))
			share_return(SHARE_ERRORS, holder);
		known = bpf_map_lookup_elem(&syscall_errors, &key);
	}
	if (known)
		__sync_fetch_and_add(known, 1);
	else
		count(SOURCE_SYSCALL, OUTCOME_TABLE_FULL);
}

/*
 * Whether reading, writing or opening this file waits for others by nature: a pipe, a socket, a
 * terminal or other device of characters, an eventfd, timer, inotify and the like, which have no
 * type or, since Linux 6.16, that of a regular file; and files of the kernel's own that are read as
 * a log is followed (/proc/kmsg, trace_pipe). What is left is storage, FUSE and NFS included. A
 * descriptor that was closed meanwhile is nothing to tell of.
 */
static __noinline bool file_waits(struct task_struct *task, __u32 descriptor)
{
	struct inode *inode;

	if (descriptor >= BPF_CORE_READ(task, files, fdt, max_fds))
		return true;
	inode = BPF_CORE_READ((struct file *)file_of(task, descriptor), f_inode);
	switch (BPF_CORE_READ(inode, i_mode) & S_IFMT) {
	case S_IFBLK:
	case S_IFDIR: return false;
	case S_IFREG: break;
	default: return true;
	}
	switch (BPF_CORE_READ(inode, i_sb, s_magic)) {
	case ANON_INODE_FS_MAGIC:
	case PROC_SUPER_MAGIC:
	case TRACEFS_MAGIC:
	case DEBUGFS_MAGIC: return true;
	default: return false;
	}
}

/* Whether a call that took long may have taken long because something is slow. */
static __always_inline bool call_works(
	struct task_struct *task, __u32 number, __u32 first_argument, long result)
{
	switch (syscall_waits[number]) {
	case SYSCALL_WORKS: return true;
	case SYSCALL_WAITS_BY_FILE: return !file_waits(task, first_argument);
	case SYSCALL_WAITS_BY_RESULT: return result < 0 || !file_waits(task, result);
	default: return false;
	}
}

static __noinline void slow_report(struct thread *thread, __u64 now, __u64 duration, long result)
{
	struct record_slow_syscall record = {};
	__u64 id = bpf_get_current_pid_tgid();

	if (!thread)
		return;
	record.record.type = RECORD_SLOW_SYSCALL;
	record.record.workload = thread->workload;
	record.record.time_ns = now;
	record.number = thread->syscall_number;
	record.tgid = id >> 32;
	record.tid = id;
	record.result = result;
	record.duration_ns = duration;
	bpf_get_current_comm(record.comm, sizeof(record.comm));
	ring_output(SOURCE_SLOW_SYSCALL, &record, sizeof(record));
}

/* Notes when the socket behind a new descriptor was accepted and by whom, also at its listener. */
static __noinline void accept_note(
	struct thread *thread, __u32 listener_descriptor, __u32 descriptor, __u64 now)
{
	struct task_struct *task = task_current();
	struct accepted accepted = {.time_ns = now}, *before;
	__u64 key = (__u64)socket_behind(task, descriptor);
	__u64 listener = (__u64)socket_behind(task, listener_descriptor);

	if (!thread)
		return;
	accepted.owner.workload = thread->workload;
	accepted.owner.tgid = bpf_get_current_pid_tgid() >> 32;
	command_read(accepted.owner.comm);
	bpf_map_update_elem(&accepts, &key, &accepted, BPF_ANY);
	before = bpf_map_lookup_elem(&accepts, &listener);
	if (!before || before->owner.workload != accepted.owner.workload)
		bpf_map_update_elem(&accepts, &listener, &accepted, BPF_ANY);
}

static __always_inline int on_syscall_exit(struct pt_regs *regs, long result)
{
	struct task_struct *task = task_current();
	struct thread *thread = thread_find(task);
	__u64 now = bpf_ktime_get_ns(), begin, duration;
	__u32 number;

	if (!thread || !thread->syscall_start_ns)
		return 0; /* it began before Sonde, or its begin was counted as lost */
	if (thread->generation != workload_generation) /* the number may be another's by now */
		workload_refresh();
	begin = thread->syscall_start_ns;
	duration = now - begin;
	thread->syscall_start_ns = 0;
	number = thread->syscall_number;
	if (number >= SYSCALLS_MAX || is_compat(task)) {
		count(SOURCE_SYSCALL, OUTCOME_COMPAT);
		return 0;
	}
	if ((number == NR_ACCEPT4 || number == NR_ACCEPT) && result >= 0 && notes_accepts)
		accept_note(thread, SYSCALL_FD(regs), result, now);

	if (!latency_add(thread->workload, OPERATION_SYSCALL + number, duration)) {
		count(SOURCE_SYSCALL, OUTCOME_TABLE_FULL);
		return 0;
	}
	if (result < 0 && result >= -4095) {
		error_count(thread->workload, number, result);
		if (number == NR_CONNECT && reports_tcp)
			connect_fails(
				thread, SYSCALL_FD(regs), SYSCALL_ARGUMENT(regs), begin, result);
	}
	if (slow_syscall_ns && duration > slow_syscall_ns &&
		call_works(task, number, SYSCALL_FD(regs), result))
		slow_report(thread, now, duration, result);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(syscall_exit, struct pt_regs *regs, long result)
{
	return HELD(on_syscall_exit(regs, result));
}
