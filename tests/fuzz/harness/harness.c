/* SPDX-License-Identifier: Apache-2.0 */
/* Makes operations of all kinds, and keeps what the probes report of them. */
#include "harness/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/kernel.h"

#define PIECES_MAX  24 /* more than a probe looks at in one step */
#define LIST_PIECES 8  /* of a message in a list: as many as are added up */
#define GAP         8
#define PATTERN     0xa5 /* no character, no count that is so high */
#define MEMORY_SIZE 131072

/* Memory of the process; between the pieces of an operation lie bytes that would end a line. */
static char memory[MEMORY_SIZE];
static char *memory_end;

static struct segment pieces[MESSAGES_MAX][PIECES_MAX];

static struct reports *current;
static enum hooks current_hooks;
static enum carrier carriers[SOCKETS_MAX];
static uint32_t operation;
static uint64_t random_state;

/* xorshift64* */
uint64_t harness_below(uint64_t limit)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1d >> 32) % limit;
}

/* --- records --- */

static void expect(bool holds, const char *what, int index, size_t at)
{
	if (holds)
		return;
	fprintf(stderr, "operation %u, record %d: %s (%zu)\n", operation, index, what, at);
	abort();
}

void kernel_record(const void *record, unsigned long size)
{
	struct report *report = &current->of[current->count];
	_Alignas(8) static unsigned char copy[RECORD_SIZE_MAX];

	expect(size <= RECORD_SIZE_MAX, "no record is so long", current->count, size);
	memset(copy, 0, sizeof(copy));
	memcpy(copy, record, size);
	expect(record_is_valid((struct record *)copy, size), "it is no valid record, of type",
		current->count, ((struct record *)copy)->type);
	if (current->count == REPORTS_MAX)
		return;
	current->count++;
	report->size = size;
	memcpy(report->bytes, copy, sizeof(copy));
}

void reports_expect_same(const struct reports *zeros, const struct reports *pattern)
{
	expect(zeros->count == pattern->count, "is not made with another fill", zeros->count,
		(size_t)pattern->count);
	for (int i = 0; i < zeros->count; i++) {
		const struct report *a = &zeros->of[i], *b = &pattern->of[i];
		size_t at = 0;

		expect(a->size == b->size, "has another size with another fill", i, b->size);
		while (at < a->size && a->bytes[at] == b->bytes[at])
			at++;
		expect(at == a->size, "has a byte that nobody wrote", i, at);
	}
}

/* --- how an operation hands over its bytes --- */

/* Pieces of `length` bytes, some of which may be empty. */
static void lengths_draw(struct segment *segments, uint32_t count, size_t length)
{
	for (uint32_t i = 0; i < count; i++) {
		segments[i].length = i + 1 == count ? length : harness_below(length + 1);
		if (harness_below(2) && i + 1 < count)
			segments[i].length = harness_below(segments[i].length + 1);
		length -= segments[i].length;
	}
}

/* Lays out a message, of which the process can read `readable` bytes. */
static void message_lay(struct probe_message *message, const struct payload *payload,
	struct segment *segments, uint32_t skipped, size_t spare, size_t readable)
{
	const char *bytes = payload->bytes;
	char *at = memory_end;

	lengths_draw(segments, message->segment_count, payload->length);
	if (payload->length + message->segment_count * GAP + skipped + spare + GAP >
		MEMORY_SIZE - (size_t)(at - memory))
		abort();
	for (uint32_t i = 0; i < message->segment_count; i++) {
		size_t skip = i ? 0 : skipped, length = segments[i].length, known = length;

		memset(at, '\n', GAP + skip);
		segments[i].base = at + GAP;
		at += GAP + skip;
		memcpy(at, bytes, length);
		at += length;
		bytes += length;
		if (known > readable)
			known = readable;
		readable -= known;
		segments[i].length += skip;
		if (i + 1 == message->segment_count) { /* it asks for more than moves */
			memset(at, '\n', spare);
			segments[i].length += spare;
			at += spare;
			if (known == length)
				known += spare;
		}
		kernel_user_add(segments[i].base, skip + known);
	}
	memset(at, '\n', GAP);
	memory_end = at;
	message->segments = segments;
	message->peer = payload->peer;
}

static enum form form_draw(const struct move *move)
{
	bool to_peer = move->send && move->payloads[0].peer;
	enum form form;

	if (move->payload_count > 1)
		return FORM_LIST;
	form = (enum form)harness_below(FORM_PAGES);
	if (to_peer)
		return form == FORM_VECTOR ? FORM_MESSAGE : form;
	if (move->send && move->is_unreadable && !harness_below(8))
		return FORM_PAGES;
	return form;
}

static enum seen seen_draw(const struct move *move, enum form form)
{
	if (current_hooks == HOOKS_FUNCTION || form == FORM_LIST)
		return SEEN_AT_END;
	if (!harness_below(4))
		return SEEN_IN_URING;
	return move->send && carriers[move->socket] != OVER_UDP && harness_below(2) ? SEEN_AT_BEGIN
										    : SEEN_AT_END;
}

/* How many bytes can be read; and why not more. */
static size_t readable_draw(const struct move *move, struct probe_call *call, bool *lists_pieces)
{
	bool by_call = current_hooks == HOOKS_TRACEPOINT && call->seen == SEEN_AT_END;
	size_t length = move->payloads[move->moved].length;

	*lists_pieces = true;
	if (!move->is_unreadable)
		return length;
	if (call->form == FORM_PAGES)
		return 0;
	switch (harness_below(4)) {
	case 0:
		if (!by_call)
			break;
		call->is_compat = true;
		return 0;
	case 1:
		if (!by_call || call->form == FORM_BUFFER)
			break;
		*lists_pieces = false;
		return 0;
	}
	return harness_below(length + 1);
}

/* Lays out all messages; returns the most pieces that one of them has. */
static uint32_t messages_lay(const struct move *move, const struct probe_call *call,
	struct probe_message *messages, size_t readable)
{
	uint32_t most = move->pieces_max ? move->pieces_max : PIECES_MAX, found = 0;

	if (call->form == FORM_LIST && most > LIST_PIECES)
		most = LIST_PIECES;
	memory_end = memory;
	for (uint32_t i = 0; i < move->payload_count; i++) {
		const struct payload *payload = &move->payloads[i];
		bool moves = i == move->moved;
		size_t spare = 0;

		messages[i].segment_count = 1;
		if (call->form != FORM_BUFFER)
			messages[i].segment_count += (uint32_t)harness_below(most);
		if (call->form != FORM_LIST && harness_below(2))
			spare = harness_below(GAP);
		message_lay(&messages[i], payload, pieces[i], moves ? call->skip : 0, spare,
			moves ? readable : payload->length);
		if (messages[i].segment_count > found)
			found = messages[i].segment_count;
	}
	return found;
}

struct laid harness_move(const struct move *move)
{
	struct probe_message messages[MESSAGES_MAX] = {0};
	struct probe_call call = {.socket = move->socket,
		.thread = move->thread,
		.send = move->send,
		.result = move->result,
		.flags = move->flags,
		.form = form_draw(move),
		.has_uring = !harness_below(4),
		.messages = messages,
		.message_count = move->payload_count,
		.moved = move->moved};
	struct laid laid = {.form = call.form};

	laid.seen = call.seen = seen_draw(move, call.form);
	laid.readable = readable_draw(move, &call, &laid.lists_pieces);
	laid.is_compat = call.is_compat;
	laid.is_timed = call.is_timed = call.seen != SEEN_IN_URING && harness_below(2);
	if (move->may_continue && call.seen != SEEN_AT_END && harness_below(2))
		call.skip = (uint32_t)harness_below(GAP);
	kernel_user_clear();
	laid.pieces = messages_lay(move, &call, messages, laid.readable);
	if (laid.lists_pieces)
		kernel_user_add(pieces, sizeof(pieces));
	kernel_clock = (uint64_t)++operation * OPERATION_NS;
	probe_move(&call);
	return laid;
}

/* --- a run --- */

void harness_begin(struct reports *reports, enum hooks hooks, uint64_t seed, int fill)
{
	random_state = seed | 1;
	operation = 0;
	current = reports;
	current->count = 0;
	current_hooks = hooks;
	kernel_reset();
	kernel_fill = fill == FILL_PATTERN ? PATTERN : 0;
	probe_reset(hooks, kernel_fill);
}

void harness_open(int socket, const struct socket_shape *shape)
{
	carriers[socket] = shape->carrier;
	probe_open(socket, shape);
}

void harness_close(int socket)
{
	kernel_clock = (uint64_t)++operation * OPERATION_NS;
	probe_close(socket);
}

void harness_ring(bool is_full)
{
	kernel_ring_full = is_full;
}

void harness_end(void)
{
	probe_end();
}

uint32_t harness_operation(void)
{
	return operation;
}

uint64_t harness_counted(enum source source, enum outcome outcome)
{
	return probe_count(source, outcome);
}
