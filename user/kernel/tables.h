/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep: reads the tables that probes count in and makes records of what grew since the last
 * time. Tables are never emptied while they are counted in, so that no event falls between.
 */
#ifndef SONDE_TABLES_H
#define SONDE_TABLES_H

#include "kernel/source.h"

struct sonde;
struct tables;

/* Fills the stack of free histograms. NULL: errno says why. */
struct tables *tables_new(struct sonde *skeleton, record_sink sink, void *context);
void tables_free(struct tables *tables);

/* System calls and their errors; then what became of events of all sources. */
void tables_sweep(struct tables *tables);

/* Passes on what is left of a workload and gives its histograms and error counts free. */
void tables_retire(struct tables *tables, __u32 workload);

/* Most bytes that were ever seen waiting in one ring buffer; known after a sweep. */
__u64 tables_ring_peak(const struct tables *tables);

#endif
