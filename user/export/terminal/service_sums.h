/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What services did up to a look at the registry and up to the one before, by which figures.c shows
 * growth; and which services have a place of their own. Part of figures.c.
 */
#ifndef SONDE_SERVICE_SUMS_H
#define SONDE_SERVICE_SUMS_H

#include <uthash.h>

#include "export/terminal/figures.h"

/* A service uses some 30 different calls; what comes after these many has no part in the ranking.
 */
#define SYSCALLS_PER_SERVICE_MAX 96

enum { REQUESTS, ERRORS, CALLS, RECEIVED, SENT, SUMS };

struct syscall_time {
	char name[FIGURES_SYSCALL_LEN];
	bool waits;
	uint64_t now_ns, before_ns;
};

/* Counts of server requests by duration. 32 bits wrap around, which a difference does not feel. */
struct durations_seen {
	uint32_t now[DURATION_BUCKETS], before[DURATION_BUCKETS];
};

struct service_sums {
	struct figures_service shown;
	double now[SUMS], before[SUMS];
	uint64_t idle_ns;                 /* since any series of it changed */
	bool is_new;                      /* at this look: so far it was one of the others */
	struct durations_seen *durations; /* NULL: served no HTTP yet */
	struct syscall_time *syscalls;
	size_t syscall_count;
	UT_hash_handle hh;
};

struct services_summed {
	struct service_sums *own;   /* by name: those with a place of their own */
	struct service_sums others; /* all without one */
};

/*
 * A look begins: what was summed up is what was before, and places are given to who does something.
 */
void sums_begin(struct services_summed *services, const struct metrics *metrics);
void sums_end(struct services_summed *services); /* frees what it holds */

/* NULL: it is one of the others. */
struct service_sums *sums_find(const struct services_summed *services, const char *label);

/*
 * What a series says. Of a service that has only now got a place, all that was there at the last
 * look counted for the others: there it is taken off, so that neither grows by it.
 */
struct reading {
	struct services_summed *services;
	struct service_sums *service;
	bool is_moved;
};

void sums_add(const struct reading *reading, int sum, double value);
void sums_add_durations(const struct reading *reading, const struct histogram *histogram);
void sums_add_syscall(const struct reading *reading, const char *name, uint64_t sum_ns);

#endif
