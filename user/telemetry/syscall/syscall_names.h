/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls of this architecture by number: their names, and which of them wait by design. The
 * names are generated from the kernel's headers when Sonde is built (build/syscall_names.h), so a
 * call that is newer than these headers has a number only. Constant; safe from any thread.
 */
#ifndef SONDE_SYSCALL_NAMES_H
#define SONDE_SYSCALL_NAMES_H

#include <stdbool.h>

#include "syscall/syscall_numbers.h"

#define SYSCALL_TEXT_LEN 24

/* "read", or NULL when there is no such call. Lives for ever. */
const char *syscall_name(unsigned number);

/* The name, or "syscall_500" written to `buffer`: what the label says. */
const char *syscall_text(unsigned number, char buffer[SYSCALL_TEXT_LEN]);

/*
 * Whether a long call tells nothing about the service. It waits by design for timers, multiplexed
 * I/O, locks in memory and queues, children, signals and new clients; by its file where it receives
 * or sends, reads, writes or opens. What waits for an answer of the system or of another machine
 * (connect, fsync, flock, getdents64) does not wait by design.
 */
enum syscall_wait syscall_wait(unsigned number);

/* True for SYSCALL_WAITS, by name, for readers of labels; false for a name that is not known. */
bool syscall_name_waits(const char *name);

#endif
