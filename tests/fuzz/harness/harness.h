/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harness that the fuzz targets of all protocols use: makes operations out of bytes, runs them
 * through the probes (probe.h), and keeps and checks the records that come of them. A protocol adds
 * what is said (a grammar), and what must be recorded of it (an oracle).
 *
 * What the harness holds for all: a record is valid by record_check.h; the same operations make the
 * same records whatever lay in scratch and ring before (reports_expect_same()); no step outside of
 * memory, and no helper called as the verifier would not allow (kernel.c).
 */
#ifndef SONDE_FUZZ_HARNESS_H
#define SONDE_FUZZ_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/probe.h"
#include "record/record_check.h"

/* What lies in scratch and ring before an operation is of no meaning, and is one of these. */
enum { FILL_ZEROS, FILL_PATTERN, FILLS };

/* Times are OPERATION_NS times the number of an operation, from 1 on, and some more within it. */
#define OPERATION_NS 1000

#define REPORTS_MAX 256 /* further ones are checked, and not kept */

/* A record as it came out of the kernel; behind its end are zeros. */
struct report {
	size_t size;
	_Alignas(8) unsigned char bytes[RECORD_SIZE_MAX];
};

/* What came of the operations of one run. */
struct reports {
	int count;
	struct report of[REPORTS_MAX];
};

/* --- a run --- */

/* Begins a run: all kernel state is new. `seed` decides what harness_below() returns. */
void harness_begin(struct reports *reports, enum hooks hooks, uint64_t seed, int fill);

/* A number below `limit`, which is not 0. */
uint64_t harness_below(uint64_t limit);

void harness_open(int socket, const struct socket_shape *shape);
void harness_close(int socket);

/* From now on the ring takes no records, or takes them again. */
void harness_ring(bool is_full);

/* All sockets are closed. */
void harness_end(void);

/* The number of the operation that was run last. */
uint32_t harness_operation(void);

/* How often the probes have counted this in this run. */
uint64_t harness_counted(enum source source, enum outcome outcome);

/* --- an operation --- */

struct payload {
	const char *bytes;
	size_t length;
	const struct endpoint *peer; /* of a socket that is not connected; else NULL */
};

struct move {
	int socket;
	int thread;
	bool send;
	int result; /* bytes moved, up to the payload's length; 0: the end; or an error, negative */
	int flags;  /* of a receive: MSG_… */
	const struct payload *payloads;
	uint32_t payload_count; /* more than one: of sendmmsg(), recvmmsg() */
	uint32_t moved;         /* the one that moves now */
	uint32_t pieces_max;    /* into which a payload is cut; 0: as many as there may be */
	bool is_unreadable;     /* some of its bytes cannot be read, or none, for any reason */
	bool may_continue;      /* an earlier round may have moved bytes of the same pieces */
};

/* What the harness has chosen for an operation. */
struct laid {
	enum form form;
	enum seen seen;
	bool is_compat;
	bool is_timed; /* the begin of its system call was seen: at the operation's first time */
	bool lists_pieces; /* the list of pieces can be read, if there is one */
	uint32_t pieces;   /* of the payload that has most */
	size_t readable; /* bytes of `moved`, from the first one on; all of other payloads can be */
};

/* Runs an operation in one of the ways in which a process can make it. */
struct laid harness_move(const struct move *move);

/* --- what must hold --- */

/* Compares two runs of the same operations with different fills, byte by byte. */
void reports_expect_same(const struct reports *zeros, const struct reports *pattern);

#endif
