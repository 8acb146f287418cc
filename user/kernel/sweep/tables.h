/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep: reads the tables that probes count in and makes records of what grew since the last
 * time. Tables are never emptied while they are counted in, so that no event falls between.
 *
 * What a workload has in them is given back when it ends; and, when room gets short, what was not
 * counted in for a while: whoever lives and does little does not keep out who comes.
 */
#ifndef SONDE_TABLES_H
#define SONDE_TABLES_H

#include <stdbool.h>

#include "record/record_sink.h"

struct sonde;
struct tables;

/* Fills the stack of free histograms. NULL: errno says why. */
struct tables *tables_new(struct sonde *skeleton, record_sink sink, void *context);
void tables_free(struct tables *tables);

/* System calls and their errors; then what became of events of all sources. */
void tables_sweep(struct tables *tables);

/* Whether a sweep is wanted before its time: what rests is to be given back. */
bool tables_are_short(const struct tables *tables);

/*
 * Passes on what is left of workloads that nobody counts for any more, `retired[number]` each, and
 * gives their histograms and error counts free.
 */
void tables_retire(struct tables *tables, const bool *retired);

/* Most bytes that were ever seen waiting in one ring buffer; known after a sweep. */
__u64 tables_ring_peak(const struct tables *tables);

#endif
