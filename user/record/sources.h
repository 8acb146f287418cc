/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one list of sources: what each is called, which configuration key switches it, and what is
 * said when it cannot be had. CONTRIBUTING.md says what else makes a new source.
 */
#ifndef SONDE_SOURCES_H
#define SONDE_SOURCES_H

#include "record.h"

/*
 * Sources that a configuration key switches, in the order in which they begin and a person is shown
 * them (DNS before TCP, which asks it for the names of addresses):
 *
 *   ROW(enum source, label, key, what the key's help says, name for a person, log line when off)
 *
 * The label is `source` of sonde_events_total, and what its half of telemetry/ begins with.
 */
/* clang-format off */
#define SWITCHED_SOURCES(ROW)                                                                      \
	ROW(SOURCE_HTTP, http, "http", "time HTTP requests", "HTTP/1",                             \
		"HTTP is off")                                                                     \
	ROW(SOURCE_DNS, dns, "dns", "time DNS lookups", "DNS",                                     \
		"DNS is off")                                                                      \
	ROW(SOURCE_TCP, tcp, "tcp", "follow TCP connections", "TCP",                               \
		"TCP is off, and HTTP does not learn how connections began")                       \
	ROW(SOURCE_SYSCALL, syscall, "syscalls", "measure system calls", "system calls",           \
		"system calls are off")                                                            \
	ROW(SOURCE_SCHED, sched, "sched", "measure how long threads wait for a CPU",               \
		"run queue", "the run queue is off")                                               \
	ROW(SOURCE_PROCESS, process, "processes", "count starts and exits of processes",           \
		"processes", "processes are off")
/* clang-format on */

struct source_description {
	const char *label;
	const char *name;
	const char *key; /* NULL: it runs with others, and nothing switches it by itself */
	const char *off; /* NULL: it cannot be off alone */
};

extern const struct source_description source_descriptions[SOURCES];

/* The list again, to be gone through. */
#define SOURCE_ONE(...) +1
enum { SWITCHED_SOURCES_COUNT = 0 SWITCHED_SOURCES(SOURCE_ONE) };
extern const enum source switched_sources[SWITCHED_SOURCES_COUNT];

/* What became of events, as `outcome` of sonde_events_total. */
extern const char *const outcome_names[OUTCOMES];

#endif
