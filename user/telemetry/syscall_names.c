/* SPDX-License-Identifier: Apache-2.0 */
/* Tables by system call number. */
#include "telemetry/syscall_names.h"

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
static const bool waits[NAME_COUNT] = {
	/* a time */
	[SYS_nanosleep] = true,
	[SYS_clock_nanosleep] = true,
	[SYS_restart_syscall] = true,
	/* any of many files */
	[SYS_pselect6] = true,
	[SYS_ppoll] = true,
	[SYS_epoll_pwait] = true,
	[SYS_io_getevents] = true,
#ifdef SYS_select
	[SYS_select] = true,
#endif
#ifdef SYS_poll
	[SYS_poll] = true,
#endif
#ifdef SYS_epoll_wait
	[SYS_epoll_wait] = true,
#endif
#ifdef SYS_epoll_wait_old
	[SYS_epoll_wait_old] = true,
#endif
#ifdef SYS_epoll_pwait2
	[SYS_epoll_pwait2] = true,
#endif
#ifdef SYS_io_pgetevents
	[SYS_io_pgetevents] = true,
#endif
#ifdef SYS_io_uring_enter
	[SYS_io_uring_enter] = true,
#endif
	/* another thread */
	[SYS_futex] = true,
	[SYS_semop] = true,
	[SYS_semtimedop] = true,
	[SYS_msgrcv] = true,
	[SYS_mq_timedreceive] = true,
#ifdef SYS_futex_waitv
	[SYS_futex_waitv] = true,
#endif
#ifdef SYS_futex_wait
	[SYS_futex_wait] = true,
#endif
	/* a child, a signal, a client */
	[SYS_wait4] = true,
	[SYS_waitid] = true,
	[SYS_rt_sigsuspend] = true,
	[SYS_rt_sigtimedwait] = true,
	[SYS_accept] = true,
	[SYS_accept4] = true,
#ifdef SYS_pause
	[SYS_pause] = true,
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

bool syscall_waits(unsigned number)
{
	return number < NAME_COUNT && waits[number];
}

bool syscall_name_waits(const char *name)
{
	for (unsigned number = 0; number < NAME_COUNT; number++)
		if (waits[number] && strcmp(names[number], name) == 0)
			return true;
	return false;
}
