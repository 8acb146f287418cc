/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row for each type of record: its name, its size, what makes it valid, and whose loss it is
 * when it is not. record_check.c and recording.c follow from this table; a new type is a row in
 * record_types.c, a handler in telemetry/, and nothing else.
 */
#ifndef SONDE_RECORD_TYPES_H
#define SONDE_RECORD_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#include "record.h"

struct record_layout {
	const char *name;   /* as docs/architecture.md has it: RECORD_… without RECORD_ */
	enum source source; /* that has lost something when a record is not valid; SOURCES: none */
	size_t size;        /* up to the part that varies in length */
	size_t tail_max;    /* of that part; 0: there is none */
	/* Bytes of that part, by the record's own lengths; called only when `size` bytes are there.
	 */
	size_t (*tail)(const void *record);
	/* Whether text ends and enums and indices are in range, called only when all of the record
	 * is there. NULL: any values are possible. */
	bool (*is_valid)(const void *record);
	/* Of a struct record_latency: the operations that it is for, which no other type is for. */
	unsigned operation; /* the first, of enum operation */
	unsigned operations;
	bool is_counted; /* the probe itself has counted what became of them */
};

/* By enum record_type; number 0 is no type, and its row is empty. */
extern const struct record_layout record_layouts[RECORD_TYPES];

/* NULL: no record has this type. */
const struct record_layout *record_layout(unsigned type);

/* The type of record that an operation's latencies become; RECORD_TYPES: there is none. */
enum record_type record_of_operation(unsigned operation);

#endif
