/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts the turns of a dialogue into operations. */
#include "http1/run.h"

#include <stdlib.h>
#include <string.h>

/* Pieces of a connection's first operation, of which the probe looks at no more. */
#define FIRST_PIECES 8

static size_t cut_length(enum cut cut, size_t left)
{
	switch (cut) {
	case CUT_NOT: return left;
	case CUT_BYTES: return 1;
	case CUT_PIECES:
	case CUT_UNIX:
	case CUTS: break;
	}
	return 1 + harness_below(harness_below(2) ? left : left < 8 ? left : 8);
}

/* Some connections have their numbers wrap around. */
static struct socket_shape shape_draw(enum cut cut)
{
	struct socket_shape shape = {.carrier = cut == CUT_UNIX ? OVER_UNIX : OVER_TCP,
		.local = {.port = 80},
		.remote = {.port = 4711}};

	shape.position = harness_below(2) ? (uint32_t)harness_below(1U << 31)
					  : -(uint32_t)harness_below(999);
	return shape;
}

static void operations_begin(struct run *run, const struct dialogue *dialogue)
{
	for (int i = 0; i < DIRECTIONS; i++) {
		free(run->operations[i]);
		run->operations[i] = calloc(dialogue->lengths[i] + 1, sizeof(uint32_t));
		if (!run->operations[i])
			abort();
	}
}

static void turn_run(struct run *run, const struct dialogue *dialogue, const struct turn *turn,
	enum cut cut, size_t *offset)
{
	bool send = (turn->direction == TO_CLIENT) == (dialogue->role == HTTP_SERVER);

	for (size_t left = turn->length; left;) {
		struct payload payload = {.bytes = dialogue->streams[turn->direction] + *offset,
			.length = cut_length(cut, left)};
		struct move move = {.send = send,
			.result = (int)payload.length,
			.payloads = &payload,
			.payload_count = 1,
			.pieces_max = harness_operation() ? 0 : FIRST_PIECES,
			.may_continue = send};

		harness_move(&move);
		left -= payload.length;
		for (size_t end = *offset + payload.length; *offset < end; ++*offset)
			run->operations[turn->direction][*offset] = harness_operation();
	}
}

static void run_end(struct run *run)
{
	harness_close(0);
	harness_end();
	run->lost = 0;
	for (int outcome = OUTCOME_DELIVERED + 1; outcome < OUTCOMES; outcome++)
		run->lost += harness_counted(SOURCE_HTTP, (enum outcome)outcome);
	for (int i = 0; i < run->reports.count; i++) {
		memcpy(&run->records[i], run->reports.of[i].bytes, sizeof(run->records[i]));
		if (run->records[i].record.type != RECORD_HTTP)
			abort();
	}
}

const struct run *run_dialogue(
	const struct dialogue *dialogue, enum cut cut, uint64_t seed, int fill)
{
	static struct run runs[CUTS][FILLS];
	size_t offsets[DIRECTIONS] = {0};
	struct run *run = &runs[cut][fill];
	struct socket_shape shape;

	operations_begin(run, dialogue);
	harness_begin(&run->reports, (enum hooks)(seed >> (8 + cut) & 1), seed, fill);
	shape = shape_draw(cut);
	harness_open(0, &shape);
	for (int i = 0; i < dialogue->turn_count; i++)
		turn_run(run, dialogue, &dialogue->turns[i], cut,
			&offsets[dialogue->turns[i].direction]);
	run_end(run);
	return run;
}
