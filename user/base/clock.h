/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks that everything here is timed by: records and intervals by the monotonic one. */
#ifndef SONDE_CLOCK_H
#define SONDE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* How long one of the kernel's ticks is (1 s / CONFIG_HZ): the step of the clocks that move by it.
 */
static inline uint64_t clock_tick_ns(void)
{
	struct timespec tick;

	return clock_getres(CLOCK_MONOTONIC_COARSE, &tick) ? 0 : (uint64_t)tick.tv_nsec;
}

#define CLOCK_TEXT_LEN 40

/* A time of the wall clock, since 1970, by RFC 3339: in UTC, with nanoseconds. */
void clock_text(char text[CLOCK_TEXT_LEN], uint64_t unix_ns);

#endif
