/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records (bpf/record.h) come from the live kernel (kernel/probes.h) or from a recording
 * (record/recording.h). Whoever takes them does not learn from which.
 */
#ifndef SONDE_RECORD_SINK_H
#define SONDE_RECORD_SINK_H

#include <stddef.h>

#include "record.h"

/*
 * Takes one record of `size` bytes, its header included. The record is borrowed for the call and
 * aligned to 8 bytes. Called on the daemon's main thread only.
 */
typedef void (*record_sink)(void *context, const struct record *record, size_t size);

#endif
