/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls of this architecture by number: their names, and which of them wait by design. The
 * names are generated from the kernel's headers when Sonde is built (build/syscall_names.h), so a
 * call that is newer than these headers has a number only. Constant; safe from any thread.
 */
#ifndef SONDE_SYSCALL_NAMES_H
#define SONDE_SYSCALL_NAMES_H

#include <stdbool.h>

#define SYSCALL_TEXT_LEN 24

/* "read", or NULL when there is no such call. Lives for ever. */
const char *syscall_name(unsigned number);

/* The name, or "syscall_500" written to `buffer`: what the label says. */
const char *syscall_text(unsigned number, char buffer[SYSCALL_TEXT_LEN]);

/*
 * Whether the call's very purpose is to wait for others or for a time, so that a long one tells
 * nothing about the service: timers, multiplexed I/O, locks and queues, children, signals, new
 * clients. Calls that wait for an answer (read, recvfrom, connect, fsync, flock) are not among
 * them.
 */
bool syscall_waits(unsigned number);

/* The same by name, for readers of labels; false for a name that is not known. */
bool syscall_name_waits(const char *name);

#endif
