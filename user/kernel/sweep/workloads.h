/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workload numbers as user space sees them: hands free ones to the probes, tells who a number is
 * before the first record that bears it, and takes back those that are no longer needed.
 *
 * Numbers are taken back in two steps, by collections some time apart. A number that no task has
 * and nothing that outlives tasks loses its key, so that no new task can get it, and all threads
 * are made to ask for theirs again, so that one that has it after all gets another. When it was not
 * asked for until then, its last figures are passed on, and it is free.
 *
 * When numbers get short, threads are made to ask at each collection, and a number that was not
 * asked for in a while is taken back as well, though a task has it: that one gets another when it
 * does something.
 */
#ifndef SONDE_WORKLOADS_H
#define SONDE_WORKLOADS_H

#include <stdbool.h>

#include "record/record_sink.h"

struct sonde;
struct workloads;

/*
 * Fills the queue of free numbers. Before anything is attached. `sees_all`: the iterator over tasks
 * sees all tasks that probes see. NULL: errno says why.
 */
struct workloads *workloads_new(
	struct sonde *skeleton, bool sees_all, record_sink sink, void *context);
void workloads_free(struct workloads *workloads);

/*
 * Finds the names of the tasks that are there. With fork and exec attached, and before anything
 * else is.
 */
int workloads_scan(struct workloads *workloads);

/* Passes a record on, after the description of its workload if that is new. */
void workloads_pass(struct workloads *workloads, const struct record *record, size_t size);

/* Whether it is time for a collection, and whether that cannot wait; cost next to nothing. */
bool workloads_want_collection(const struct workloads *workloads);
bool workloads_are_short(const struct workloads *workloads);

/*
 * A collection. `retire` must pass on and empty what tables hold for numbers. What the rings hold
 * must have been drained since the last one.
 */
void workloads_collect(struct workloads *workloads,
	void (*retire)(void *context, const bool *retired), void *context);

#endif
