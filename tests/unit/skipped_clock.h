/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that jumps, instead of the C library's, for all of one test: the listener and
 * libmicrohttpd under it, too. The test's one source file includes this.
 */
#ifndef SONDE_SKIPPED_CLOCK_H
#define SONDE_SKIPPED_CLOCK_H

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_long skipped_seconds;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, clock, now);

	now->tv_sec += atomic_load(&skipped_seconds);
	return result;
}

static void skip_seconds(long seconds)
{
	atomic_fetch_add(&skipped_seconds, seconds);
}

#endif
