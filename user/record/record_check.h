/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this a record? The border between bytes that anybody may have written and everything that
 * reads records: behind it, lengths fit, text ends in NUL, enums and indices are in range, so that
 * nobody downstream checks again. Times and counts are not judged: any of them is possible.
 */
#ifndef SONDE_RECORD_CHECK_H
#define SONDE_RECORD_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "record.h"

/* No valid record is longer, the padding (up to 7 bytes) of a ring buffer included. */
#define RECORD_SIZE_MAX (sizeof(struct record_workload) + 8)

/*
 * Bytes that the record takes by its type and its own lengths, or 0 when its type is unknown, a
 * length is too large, or `size` bytes do not hold it. `size` may be larger.
 */
size_t record_size(const struct record *record, size_t size);

bool record_is_valid(const struct record *record, size_t size);

/*
 * What is told in place of a record that is not valid: a loss of its source. Returns false where
 * nobody knows whose it is.
 */
bool record_loss(const struct record *record, size_t size, struct record_events *loss);

#endif
