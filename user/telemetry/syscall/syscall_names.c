/* SPDX-License-Identifier: Apache-2.0 */
/* Tables by system call number. */
#include "telemetry/syscall/syscall_names.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static const char *const names[] = {
#define SYSCALL_NAME(number, name) [number] = name,
/* In angle brackets, as this file's own folder has a header of that name too. */
#include <syscall_names.h>
#undef SYSCALL_NAME
};

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

/* The old ones have successors only on arm64 (poll: ppoll), the new ones are not in old headers. */
static const uint8_t waits[NAME_COUNT] = {
	/* a time */
	[SYS_nanosleep] = SYSCALL_WAITS,
	[SYS_clock_nanosleep] = SYSCALL_WAITS,
	[SYS_restart_syscall] = SYSCALL_WAITS,
	/* any of many files */
	[SYS_pselect6] = SYSCALL_WAITS,
	[SYS_ppoll] = SYSCALL_WAITS,
	[SYS_epoll_pwait] = SYSCALL_WAITS,
	[SYS_io_getevents] = SYSCALL_WAITS,
#ifdef SYS_select
	[SYS_select] = SYSCALL_WAITS,
#endif
#ifdef SYS_poll
	[SYS_poll] = SYSCALL_WAITS,
#endif
#ifdef SYS_epoll_wait
	[SYS_epoll_wait] = SYSCALL_WAITS,
#endif
#ifdef SYS_epoll_wait_old
	[SYS_epoll_wait_old] = SYSCALL_WAITS,
#endif
#ifdef SYS_epoll_pwait2
	[SYS_epoll_pwait2] = SYSCALL_WAITS,
#endif
#ifdef SYS_io_pgetevents
	[SYS_io_pgetevents] = SYSCALL_WAITS,
#endif
#ifdef SYS_io_uring_enter
	[SYS_io_uring_enter] = SYSCALL_WAITS,
#endif
	/* another thread */
	[SYS_futex] = SYSCALL_WAITS,
	[SYS_semop] = SYSCALL_WAITS,
	[SYS_semtimedop] = SYSCALL_WAITS,
	[SYS_msgsnd] = SYSCALL_WAITS,
	[SYS_msgrcv] = SYSCALL_WAITS,
	[SYS_mq_timedsend] = SYSCALL_WAITS,
	[SYS_mq_timedreceive] = SYSCALL_WAITS,
#ifdef SYS_futex_waitv
	[SYS_futex_waitv] = SYSCALL_WAITS,
#endif
#ifdef SYS_futex_wait
	[SYS_futex_wait] = SYSCALL_WAITS,
#endif
	/* the kernel's next message */
	[SYS_syslog] = SYSCALL_WAITS,
	/* a child, a signal, a client */
	[SYS_wait4] = SYSCALL_WAITS,
	[SYS_waitid] = SYSCALL_WAITS,
	[SYS_rt_sigsuspend] = SYSCALL_WAITS,
	[SYS_rt_sigtimedwait] = SYSCALL_WAITS,
	[SYS_accept] = SYSCALL_WAITS,
	[SYS_accept4] = SYSCALL_WAITS,
#ifdef SYS_pause
	[SYS_pause] = SYSCALL_WAITS,
#endif
	/* the file decides */
	[SYS_read] = SYSCALL_WAITS_BY_FILE,
	[SYS_readv] = SYSCALL_WAITS_BY_FILE,
	[SYS_pread64] = SYSCALL_WAITS_BY_FILE,
	[SYS_preadv] = SYSCALL_WAITS_BY_FILE,
	[SYS_preadv2] = SYSCALL_WAITS_BY_FILE,
	[SYS_write] = SYSCALL_WAITS_BY_FILE,
	[SYS_writev] = SYSCALL_WAITS_BY_FILE,
	[SYS_pwrite64] = SYSCALL_WAITS_BY_FILE,
	[SYS_pwritev] = SYSCALL_WAITS_BY_FILE,
	[SYS_pwritev2] = SYSCALL_WAITS_BY_FILE,
	[SYS_sendfile] = SYSCALL_WAITS_BY_FILE, /* where it sends to */
	[SYS_recvfrom] = SYSCALL_WAITS_BY_FILE,
	[SYS_recvmsg] = SYSCALL_WAITS_BY_FILE,
	[SYS_recvmmsg] = SYSCALL_WAITS_BY_FILE,
	[SYS_sendto] = SYSCALL_WAITS_BY_FILE,
	[SYS_sendmsg] = SYSCALL_WAITS_BY_FILE,
	[SYS_sendmmsg] = SYSCALL_WAITS_BY_FILE,
	[SYS_splice] = SYSCALL_WAITS_BY_FILE,
	[SYS_tee] = SYSCALL_WAITS_BY_FILE,
	[SYS_vmsplice] = SYSCALL_WAITS_BY_FILE,
	[SYS_ioctl] = SYSCALL_WAITS_BY_FILE,
	[SYS_openat] = SYSCALL_WAITS_BY_RESULT,
#ifdef SYS_openat2
	[SYS_openat2] = SYSCALL_WAITS_BY_RESULT,
#endif
#ifdef SYS_open
	[SYS_open] = SYSCALL_WAITS_BY_RESULT,
#endif
};

const char *syscall_name(unsigned number)
{
	return number < NAME_COUNT ? names[number] : NULL;
}

const char *syscall_text(unsigned number, char buffer[SYSCALL_TEXT_LEN])
{
	const char *name = syscall_name(number);

	if (name)
		return name;
	snprintf(buffer, SYSCALL_TEXT_LEN, "syscall_%u", number);
	return buffer;
}

enum syscall_wait syscall_wait(unsigned number)
{
	return number < NAME_COUNT ? waits[number] : SYSCALL_WORKS;
}

bool syscall_name_waits(const char *name)
{
	for (unsigned number = 0; number < NAME_COUNT; number++)
		if (waits[number] == SYSCALL_WAITS && strcmp(names[number], name) == 0)
			return true;
	return false;
}
