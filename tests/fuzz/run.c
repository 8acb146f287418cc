/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts the turns of a dialogue into operations of all kinds. */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "probe.h"

#define SEGMENTS_MAX 24 /* more than the probe looks at in one step, */
#define FIRST_MAX    8  /* which is all that it looks at of the first operation of a connection */
#define GAP          8
#define PATTERN      0xa5 /* no character, no count that is so high */

static struct run runs[CUTS][FILLS];
static struct run *current;

/* Memory of the process; between the pieces of an operation lie bytes that would end a line. */
static char memory[DIALOGUE_SIZE + (SEGMENTS_MAX + 2) * GAP];

static uint64_t random_state;

/* xorshift64*: a number below `limit`. */
static uint64_t random_below(uint64_t limit)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1d >> 32) % limit;
}

void kernel_record(const void *record, unsigned long size)
{
	const struct record *any = record;
	int index = current->record_count;

	if (any->type != RECORD_HTTP || size > RAW_MAX)
		abort();
	if (index == REQUESTS_MAX)
		return;
	current->record_count++;
	current->sizes[index] = size;
	memset(current->raw[index], 0, RAW_MAX);
	memcpy(current->raw[index], record, size);
	memcpy(&current->records[index], current->raw[index], sizeof(struct record_http));
}

/* Pieces of `length` bytes, some of which may be empty. */
static void lengths_draw(struct segment *segments, uint32_t count, size_t length)
{
	for (uint32_t i = 0; i < count; i++) {
		segments[i].length = i + 1 == count ? length : random_below(length + 1);
		if (random_below(2) && i + 1 < count)
			segments[i].length = random_below(segments[i].length + 1);
		length -= segments[i].length;
	}
}

static void operation_run(const char *bytes, size_t length, bool send, bool first)
{
	struct segment segments[SEGMENTS_MAX] = {0};
	struct socket_call operation = {.segments = segments, .segment_count = 1, .length = length};
	char *at = memory;

	kernel_user_clear();
	operation.way = (enum way)random_below(send ? WAYS : WAY_HOOK);
	if (operation.way != WAY_BUFFER && operation.way != WAY_HOOK)
		operation.segment_count =
			1 + (uint32_t)random_below(first ? FIRST_MAX : SEGMENTS_MAX);
	if (operation.way >= WAY_HOOK && random_below(2))
		operation.skip = (uint32_t)random_below(GAP);
	lengths_draw(segments, operation.segment_count, length);
	for (uint32_t i = 0; i < operation.segment_count; i++) {
		uint64_t skip = i ? 0 : operation.skip;

		memset(at, '\n', GAP + skip);
		segments[i].base = at + GAP;
		at += GAP + skip;
		memcpy(at, bytes, segments[i].length);
		at += segments[i].length;
		bytes += segments[i].length;
		segments[i].length += skip;
		kernel_user_add(segments[i].base, segments[i].length);
	}
	memset(at, '\n', GAP);
	kernel_user_add(segments, sizeof(segments));
	if (send)
		probe_send(&operation);
	else
		probe_receive(&operation);
}

static size_t cut_length(enum cut cut, size_t left)
{
	switch (cut) {
	case CUT_NOT: return left;
	case CUT_BYTES: return 1;
	case CUT_PIECES:
	case CUT_UNIX:
	case CUTS: break;
	}
	return 1 + random_below(random_below(2) ? left : left < 8 ? left : 8);
}

const struct run *run_dialogue(
	const struct dialogue *dialogue, enum cut cut, uint64_t seed, int fill)
{
	size_t offsets[DIRECTIONS] = {0};
	uint32_t operation = 0;

	random_state = seed | 1;
	current = &runs[cut][fill];
	current->record_count = 0;
	for (int i = 0; i < DIRECTIONS; i++) {
		free(current->operations[i]);
		current->operations[i] = calloc(dialogue->lengths[i] + 1, sizeof(uint32_t));
		if (!current->operations[i])
			abort();
	}
	kernel_reset();
	kernel_fill = fill == FILL_PATTERN ? PATTERN : 0;
	probe_fill(kernel_fill);
	/* some connections have their numbers wrap around */
	probe_open(
		random_below(2) ? (uint32_t)random_below(1U << 31) : -(uint32_t)random_below(999),
		cut == CUT_UNIX);
	for (int i = 0; i < dialogue->turn_count; i++) {
		int direction = dialogue->turns[i].direction;
		bool send = (direction == TO_CLIENT) == (dialogue->role == HTTP_SERVER);
		size_t left = dialogue->turns[i].length, length;

		for (; left; left -= length) {
			length = cut_length(cut, left);
			kernel_clock = (uint64_t)++operation * OPERATION_NS;
			for (size_t j = 0; j < length; j++)
				current->operations[direction][offsets[direction] + j] = operation;
			operation_run(dialogue->streams[direction] + offsets[direction], length,
				send, operation == 1);
			offsets[direction] += length;
		}
	}
	kernel_clock = (uint64_t)++operation * OPERATION_NS;
	probe_close();
	current->lost = probe_lost();
	return current;
}
