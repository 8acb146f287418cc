/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live kernel as where records come from: loads and attaches the probes, drains their ring
 * buffers and sweeps their tables. Everything is released by the kernel when the process ends,
 * however it ends: nothing is pinned.
 *
 * Used by the main thread alone.
 */
#ifndef SONDE_PROBES_H
#define SONDE_PROBES_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/load/programs.h"
#include "record/record_sink.h"
#include "syscall/syscall_numbers.h"

#define PROBES_ERROR_LEN 768

struct probes;

struct probes_options {
	bool sources[SOURCES];          /* to run, of those that a key switches */
	enum http_hooks http_hooks;     /* where HTTP and DNS are seen */
	char *const *disabled_programs; /* to do without */
	size_t disabled_program_count;
	uint64_t slow_syscall_ns;                           /* 0: none is slow */
	uint64_t long_request_ns;                           /* 0: none is long */
	uint64_t ring_bytes;                                /* of all ring buffers together */
	enum syscall_wait (*syscall_wait)(unsigned number); /* what is never slow */
};

/*
 * Loads and attaches what this kernel allows of it, and says in a log line each what it does not.
 * 0, or, when nothing is left, a negative errno with one line for a person in `error`. Records go
 * to `sink` from here, probes_drain() and probes_sweep() only.
 */
int probes_open(struct probes **out, const struct probes_options *options, record_sink sink,
	void *context, char error[PROBES_ERROR_LEN]);
void probes_close(struct probes *probes);

/* Stops taking in: detaches all programs. What they have left is still drained and swept. */
void probes_detach(struct probes *probes);

/* Becomes readable when a ring buffer is filling up. */
int probes_fd(const struct probes *probes);

/* Passes on what lies in the ring buffers; bounded, so that nobody starves. True: there is more. */
bool probes_drain(struct probes *probes);

/*
 * Passes on what grew in the tables since the last sweep, then RECORD_CLOCK. Also looks, now and
 * then, which workload numbers are no longer in use.
 */
void probes_sweep(struct probes *probes);

/* Whether a sweep is wanted before its time: room in the tables is short. */
bool probes_want_sweep(const struct probes *probes);

void probes_set_slow_syscall(struct probes *probes, uint64_t slow_syscall_ns);
void probes_set_long_request(struct probes *probes, uint64_t long_request_ns);

/*
 * Whether the thread may do what sweeps do, with the capabilities that it has now. `probes` is the
 * struct probes.
 */
bool probes_may_sweep(void *probes);

/* Which of them there are. Borrowed. */
struct programs *probes_programs(struct probes *probes);

/* --- figures of the probes themselves --- */

struct probe_figures {
	const char *program;
	uint64_t runs; /* 0 while kernel.bpf_stats_enabled is off */
	uint64_t run_ns;
};

void probes_visit_programs(const struct probes *probes,
	void (*visit)(void *context, const struct probe_figures *figures), void *context);

struct ring_figures {
	uint64_t size_bytes; /* of one ring */
	uint64_t peak_bytes; /* most that was ever seen waiting in one */
};

struct ring_figures probes_ring_figures(const struct probes *probes);

/* Kernel memory that the maps take together, as the kernel accounts it. */
uint64_t probes_map_bytes(const struct probes *probes);

#endif
