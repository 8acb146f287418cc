/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workload numbers as user space sees them: hands free ones to the probes, tells who a number is
 * before the first record that bears it, and takes back those that no task has any more.
 *
 * Numbers are taken back by mark and sweep: now and then an iterator marks the number of every
 * task. One that two passes did not mark loses its key, so that no new process can get it; one that
 * stays unmarked for another pass has its last figures passed on, and is free.
 */
#ifndef SONDE_WORKLOADS_H
#define SONDE_WORKLOADS_H

#include "kernel/source.h"

struct sonde;
struct workloads;

/* Fills the queue of free numbers. Before anything is attached. NULL: errno says why. */
struct workloads *workloads_new(struct sonde *skeleton, record_sink sink, void *context);
void workloads_free(struct workloads *workloads);

/* Numbers the tasks that are there. With fork and exec attached, and before anything else is. */
int workloads_scan(struct workloads *workloads);

/* Passes a record on, after the description of its workload if that is new. */
void workloads_pass(struct workloads *workloads, const struct record *record, size_t size);

/*
 * One pass of taking numbers back. `retire` must pass on and empty what tables hold for a number.
 */
void workloads_collect(
	struct workloads *workloads, void (*retire)(void *context, __u32 workload), void *context);

#endif
