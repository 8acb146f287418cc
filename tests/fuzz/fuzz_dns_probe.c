/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DNS probe under operations of all kinds, over UDP, connected or not, and over TCP: each byte
 * of the input is a choice, of a socket, an operation, a length. What must be recorded of each is
 * worked out here from what docs/metrics.md promises of DNS: messages and pieces of streams that go
 * to or come from port 53, with their first bytes, and errors that say that nobody is there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "harness/harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPERATIONS_MAX 64
#define LENGTH_MAX     4096
#define PORT           53

/* The promises: how many misses a socket has, what a list may hold, what is read for sure. */
#define MISSES_MAX   8
#define LIST_MAX     4
#define PIECES_WHOLE 4

/* --- the grammar --- */

static const uint8_t *choices, *choices_end;

/* 0 when there are no more. */
static unsigned choose(unsigned count)
{
	return choices < choices_end ? *choices++ % count : 0;
}

/* Lengths at which something may change. */
static size_t choose_length(void)
{
	static const unsigned short lengths[] = {
		1, 2, 12, 40, 500, 511, 512, 1000, 1023, 1200, 1231, 1232, 1233, 1500, 4000};

	return lengths[choose(sizeof(lengths) / sizeof(lengths[0]))] + choose(4);
}

/* All different in a row, and none of them a byte of a fill or of a gap between pieces. */
static const char *bytes_choose(void)
{
	static char bytes[LENGTH_MAX + 256];

	for (size_t i = 0; !bytes[0] && i < sizeof(bytes); i++)
		bytes[i] = (char)(33 + i % 61 + i / 61 % 7);
	return bytes + choose(256);
}

static struct endpoint endpoint_choose(bool is_ipv6)
{
	static const uint16_t ports[] = {PORT, 5353, 853, 443, PORT << 8};
	struct endpoint endpoint = {.address = {[10] = 0xff, 0xff, 10, 0, 0, 1}};

	if (is_ipv6)
		memcpy(endpoint.address, "\x20\x01\x0d\xb8\1\2\3\4\5\6\7\x08\t\n\v", 16);
	endpoint.address[15] = (uint8_t)choose(256);
	endpoint.port = ports[choose(sizeof(ports) / sizeof(ports[0]))];
	return endpoint;
}

/* --- the oracle --- */

/* A socket, and what has been seen of it. */
struct asker {
	struct socket_shape shape;
	int misses;
	bool has_asked;
};

/* A record that must come, or may. */
struct wanted {
	const struct asker *asker;
	int direction;
	int error;
	size_t length;
	const struct payload *payload;
	struct endpoint remote;
	size_t readable;
	bool is_whole; /* as many bytes are kept as of any message */
	bool is_timed; /* by the begin of its system call */
};

static struct asker askers[SOCKETS_MAX];
static enum hooks hooks;
static struct reports *reports;
static int thread;

static void expect(bool holds, const char *what, unsigned long found, unsigned long wanted)
{
	if (holds)
		return;
	fprintf(stderr, "operation %u, by %s, record %d: %s is %lu, should be %lu\n",
		harness_operation(), hooks == HOOKS_FUNCTION ? "functions" : "tracepoints",
		reports->count - 1, what, found, wanted);
	abort();
}

#define EXPECT(what, found, wanted)                                                                \
	expect((found) == (wanted), what, (unsigned long)(found), (unsigned long)(wanted))

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void expect_endpoint(const struct wanted *wanted, const struct record_dns *record)
{
	const struct endpoint *local = &wanted->asker->shape.local;

	EXPECT("local address", memcmp(record->address.local, local->address, 16), 0);
	EXPECT("local port", record->address.local_port, local->port);
	EXPECT("remote address", memcmp(record->address.remote, wanted->remote.address, 16), 0);
	EXPECT("remote port", record->address.remote_port, wanted->remote.port);
	EXPECT("network namespace", record->address.netns, NETNS);
}

static void expect_record(const struct wanted *wanted, const struct report *report)
{
	const struct record_dns *record = (const struct record_dns *)report->bytes;
	size_t most = least(wanted->length, DNS_BYTES_LEN);

	EXPECT("type", record->record.type, RECORD_DNS);
	EXPECT("size", report->size, offsetof(struct record_dns, bytes) + record->kept);
	EXPECT("operation", record->record.time_ns / OPERATION_NS, harness_operation());
	EXPECT("at the begin of its call", record->record.time_ns % OPERATION_NS == 0,
		wanted->is_timed);
	EXPECT("process", record->tgid, THREAD_TGID(thread));
	EXPECT("direction", record->direction, wanted->direction);
	EXPECT("is_tcp", record->is_tcp, wanted->asker->shape.carrier == OVER_TCP);
	EXPECT("error", record->error, wanted->error);
	EXPECT("length", record->length, wanted->length);
	expect_endpoint(wanted, record);
	expect(record->kept <= least(most, wanted->readable), "kept bytes", record->kept,
		least(most, wanted->readable));
	if (wanted->is_whole)
		EXPECT("kept bytes", record->kept, most);
	if (record->kept)
		EXPECT("bytes", memcmp(record->bytes, wanted->payload->bytes, record->kept), 0);
}

/* What became of events so far. */
struct counts {
	int records;
	uint64_t delivered, full, unreadable;
};

static struct counts counts_now(void)
{
	return (struct counts){.records = reports->count,
		.delivered = harness_counted(SOURCE_DNS, OUTCOME_DELIVERED),
		.full = harness_counted(SOURCE_DNS, OUTCOME_RING_FULL),
		.unreadable = harness_counted(SOURCE_DNS, OUTCOME_UNREADABLE)};
}

static bool must_come(const struct wanted *wanted)
{
	return wanted->error || wanted->readable >= wanted->length;
}

/* Each wanted record came, or its loss was counted; and nothing else did. */
static void expect_all(
	const struct wanted *wanted, int count, const struct counts *before, bool ring_is_full)
{
	struct counts now = counts_now();
	uint64_t unreadable = now.unreadable - before->unreadable, may = 0;
	uint64_t came = (uint64_t)(now.records - before->records);
	int at = before->records;

	for (int i = 0; i < count; i++)
		may += !must_come(&wanted[i]);
	expect(unreadable <= may, "number of unreadable messages", unreadable, may);
	EXPECT("delivered", now.delivered - before->delivered, came);
	EXPECT("lost for lack of room", now.full - before->full,
		ring_is_full ? (uint64_t)count - unreadable : 0);
	EXPECT("seen", came + now.full - before->full + unreadable, (uint64_t)count);
	if (ring_is_full)
		return;
	expect(!unreadable || unreadable == may, "unreadable messages, all or none", unreadable,
		may);
	for (int i = 0; i < count; i++)
		if (!unreadable || must_come(&wanted[i]))
			expect_record(&wanted[i], &reports->of[at++]);
}

/* Whether a socket asks DNS with what it sends, as far as anybody sees to whom that goes. */
static bool is_asked(struct asker *asker, const struct endpoint *to)
{
	if (asker->shape.remote.port)
		return asker->shape.remote.port == PORT;
	if (!to)
		return false;
	if (to->port == PORT)
		asker->has_asked = true;
	else if (!asker->has_asked)
		asker->misses++;
	return to->port == PORT;
}

static bool is_error_told(const struct asker *asker, const struct move *move)
{
	if (move->result != -ECONNREFUSED && move->result != -EHOSTUNREACH &&
		move->result != -ENETUNREACH)
		return false;
	if (asker->shape.remote.port)
		return asker->shape.remote.port == PORT;
	return move->send || asker->has_asked;
}

static struct wanted wanted_make(
	const struct asker *asker, const struct move *move, const struct laid *laid)
{
	return (struct wanted){.asker = asker,
		.direction = move->send ? DNS_SENT : DNS_RECEIVED,
		.is_timed = move->send && laid->is_timed,
		.remote = asker->shape.remote};
}

/* The hook sees to whom, or from whom: a system call shows that of a send, io_uring nothing. */
static const struct endpoint *peer_seen(
	const struct move *move, const struct laid *laid, const struct payload *payload)
{
	if (hooks == HOOKS_FUNCTION)
		return payload->peer;
	if (!move->send || laid->seen != SEEN_AT_END || laid->is_compat)
		return NULL;
	return payload->peer;
}

static bool message_wanted(struct asker *asker, const struct move *move, const struct laid *laid,
	uint32_t index, struct wanted *wanted)
{
	const struct payload *payload = &move->payloads[index];
	const struct endpoint *peer = peer_seen(move, laid, payload);
	bool connected = asker->shape.remote.port;

	if (move->send      ? !is_asked(asker, peer)
		: connected ? asker->shape.remote.port != PORT
			    : !asker->has_asked)
		return false;
	*wanted = wanted_make(asker, move, laid);
	wanted->payload = payload;
	wanted->length = payload->length;
	if (index == move->moved || !laid->lists_pieces)
		wanted->readable = laid->readable;
	else
		wanted->readable = payload->length;
	/* of a list nothing tells which message came, and io_uring's requests are not looked for */
	if (hooks == HOOKS_TRACEPOINT &&
		(laid->seen == SEEN_IN_URING || (!move->send && move->payload_count > 1)))
		wanted->readable = 0;
	wanted->is_whole = laid->pieces <= PIECES_WHOLE && must_come(wanted);
	if (!connected && peer)
		wanted->remote = *peer;
	return true;
}

/* What must be recorded of an operation; returns how many. */
static int move_wanted(struct asker *asker, const struct move *move, const struct laid *laid,
	struct wanted wanted[MESSAGES_MAX])
{
	bool of_list = hooks == HOOKS_TRACEPOINT && move->send && move->payload_count > 1 &&
		       !laid->is_compat;
	int count = 0;

	if (move->flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB | MSG_TRUNC))
		return 0;
	if ((!asker->has_asked && asker->misses >= MISSES_MAX) || thread == THREAD_OWN)
		return 0;
	if (move->result < 0 && is_error_told(asker, move)) {
		wanted[0] = wanted_make(asker, move, laid);
		wanted[0].error = -move->result;
		return 1;
	}
	if (move->result <= 0)
		return 0;
	if (!of_list)
		return message_wanted(asker, move, laid, move->moved, wanted);
	for (uint32_t i = 0; i < move->payload_count && i < LIST_MAX; i++)
		count += message_wanted(asker, move, laid, i, &wanted[count]);
	return count;
}

/* --- operations --- */

static void move_check(const struct move *move, bool ring_is_full)
{
	struct wanted wanted[MESSAGES_MAX];
	struct counts before = counts_now();
	struct laid laid;

	harness_ring(ring_is_full);
	laid = harness_move(move);
	expect_all(wanted, move_wanted(&askers[move->socket], move, &laid, wanted), &before,
		ring_is_full);
}

static int choose_result(size_t length)
{
	static const int errors[] = {
		-EAGAIN, -ECONNREFUSED, -EHOSTUNREACH, -ENETUNREACH, -ECONNRESET, -EPERM, 0};

	return choose(5) == 4 ? errors[choose(sizeof(errors) / sizeof(errors[0]))] : (int)length;
}

static int choose_flags(void)
{
	static const int flags[] = {MSG_PEEK, MSG_TRUNC, MSG_ERRQUEUE, MSG_OOB,
		MSG_PEEK | MSG_TRUNC, MSG_DONTWAIT, MSG_WAITALL};

	return choose(4) == 3 ? flags[choose(sizeof(flags) / sizeof(flags[0]))] : 0;
}

static void operation_play(void)
{
	static struct endpoint peers[MESSAGES_MAX];
	struct payload payloads[MESSAGES_MAX];
	int socket = (int)choose(SOCKETS_MAX);
	const struct socket_shape *shape = &askers[socket].shape;
	struct move move = {.socket = socket, .payloads = payloads, .payload_count = 1};

	move.thread = thread = choose(8) == 7 ? THREAD_OWN : (int)choose(THREAD_OWN);
	move.send = choose(2);
	if (shape->carrier == OVER_UDP && choose(4) == 3)
		move.payload_count = 2 + choose(MESSAGES_MAX - 1);
	for (uint32_t i = 0; i < move.payload_count; i++) {
		peers[i] = endpoint_choose(shape->is_ipv6);
		payloads[i] = (struct payload){.bytes = bytes_choose(),
			.length = choose_length(),
			.peer = shape->remote.port ? NULL : &peers[i]};
	}
	move.moved = choose(move.payload_count);
	move.result = choose_result(payloads[move.moved].length);
	move.flags = move.send ? 0 : choose_flags();
	move.is_unreadable = choose(4) == 3;
	move_check(&move, choose(8) == 7);
}

static void askers_open(void)
{
	for (int i = 0; i < SOCKETS_MAX; i++) {
		struct socket_shape *shape = &askers[i].shape;

		askers[i] = (struct asker){0};
		shape->carrier = choose(3) == 2 ? OVER_TCP : OVER_UDP;
		shape->is_ipv6 = choose(2);
		shape->local = endpoint_choose(shape->is_ipv6);
		shape->local.port = (uint16_t)(40000 + i);
		shape->remote = (struct endpoint){.address = {[10] = 0xff, 0xff}};
		if (shape->is_ipv6)
			shape->remote = (struct endpoint){0};
		if (shape->carrier == OVER_TCP || choose(2))
			shape->remote = endpoint_choose(shape->is_ipv6);
		shape->position = harness_below(2) ? 7 : -(uint32_t)harness_below(999);
		harness_open(i, shape);
	}
}

static void play(const uint8_t *data, size_t size, struct reports *into, int fill)
{
	uint64_t seed;

	choices = data;
	choices_end = data + size;
	hooks = (enum hooks)choose(HOOKS);
	seed = choose(256) * 0x9e3779b97f4a7c15;
	reports = into;
	harness_begin(into, hooks, seed, fill);
	askers_open();
	for (int i = 0; i < OPERATIONS_MAX && choices < choices_end; i++)
		operation_play();
	for (int i = 0; i < SOCKETS_MAX; i++)
		harness_close(i);
	harness_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reports zeros, pattern;

	play(data, size, &zeros, FILL_ZEROS);
	play(data, size, &pattern, FILL_PATTERN);
	reports_expect_same(&zeros, &pattern);
	return 0;
}
