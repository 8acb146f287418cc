/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source hands out records (bpf/record.h). There are two: the live kernel (kernel/probes.h)
 * and a recording (record/recording.h). Whoever consumes them does not learn which.
 */
#ifndef SONDE_SOURCE_H
#define SONDE_SOURCE_H

#include <stddef.h>

#include "record.h"

/*
 * Takes one record of `size` bytes, its header included. The record is borrowed for the call and
 * aligned to 8 bytes. Called on the daemon's main thread only.
 */
typedef void (*record_sink)(void *context, const struct record *record, size_t size);

#endif
