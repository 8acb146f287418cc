/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel that the probes under the fuzzer run in: maps, a ring and a clock of its own, and user
 * memory of which only the declared pieces can be read. Its helpers are declared in
 * bpf/bpf_helpers.h; its sockets, threads and system calls are those of probe.h.
 */
#ifndef SONDE_FUZZ_KERNEL_H
#define SONDE_FUZZ_KERNEL_H

/* What bpf_ktime_get_ns() returns next; each call adds one. */
extern unsigned long long kernel_clock;

/* What new room in a ring buffer is full of. */
extern unsigned char kernel_fill;

/* The ring buffers have no more room. */
extern _Bool kernel_ring_full;

/* Forgets maps, user memory and time. */
void kernel_reset(void);

/* Declares memory of the process, until the next kernel_user_clear(). */
void kernel_user_add(const void *memory, unsigned long size);
void kernel_user_clear(void);

/* Called with each record that a probe puts into a ring buffer; harness.c defines it. */
void kernel_record(const void *record, unsigned long size);

#endif
