/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold for a dialogue:
 *
 * - The probe tells the same of it however its bytes are cut into operations, to the last byte, and
 *   whatever lies in its scratch from those before.
 * - A status that it tells stands in a status line.
 * - If it is strict HTTP, what the probe tells is what the reference finds, times included.
 */
#include "http1/dialogue.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http1/reference.h"
#include "http1/run.h"

/* Of http_message.bpf.h: how much of a line it holds on to. */
static const size_t line_limits[DIRECTIONS] = {HTTP_LINE_LEN, 64};

static const char *const cut_names[] = {
	"whole", "by bytes", "in pieces", "in pieces, over a Unix socket"};

bool dialogue_add(struct dialogue *dialogue, int direction, const char *bytes, size_t length)
{
	struct turn *turn =
		dialogue->turn_count ? &dialogue->turns[dialogue->turn_count - 1] : NULL;
	char **stream = &dialogue->streams[direction];

	if (!length)
		return true;
	if (dialogue->lengths[direction] + length > DIALOGUE_SIZE)
		return false;
	if (!turn || turn->direction != direction) {
		if (dialogue->turn_count == TURNS_MAX)
			return false;
		turn = &dialogue->turns[dialogue->turn_count++];
		*turn = (struct turn){.direction = direction};
	}
	*stream = realloc(*stream, dialogue->lengths[direction] + length);
	if (!*stream)
		abort();
	memcpy(*stream + dialogue->lengths[direction], bytes, length);
	dialogue->lengths[direction] += length;
	turn->length += length;
	return true;
}

void dialogue_free(struct dialogue *dialogue)
{
	for (int i = 0; i < DIRECTIONS; i++)
		free(dialogue->streams[i]);
}

/* --- what is told when something does not hold --- */

static void stream_print(const struct dialogue *dialogue)
{
	size_t offsets[DIRECTIONS] = {0};

	for (int i = 0; i < dialogue->turn_count; i++) {
		int direction = dialogue->turns[i].direction;

		fprintf(stderr, "%c ", direction == TO_SERVER ? '>' : '<');
		for (size_t j = 0; j < dialogue->turns[i].length; j++) {
			unsigned char c =
				(unsigned char)dialogue->streams[direction][offsets[direction]++];

			if (c == '\n')
				fprintf(stderr, "\\n\n  ");
			else if (isprint(c) && c != '\\')
				fputc(c, stderr);
			else
				fprintf(stderr, c == '\r' ? "\\r" : "\\x%02x", c);
		}
		fputc('\n', stderr);
	}
}

static const struct dialogue *checked; /* and how it was cut, for the message */
static const char *checked_cut;

static void expect(bool holds, int index, const char *what, unsigned long long found,
	unsigned long long wanted)
{
	if (holds)
		return;
	fprintf(stderr, "%s, request %d: %s is %llu, should be %llu\n", checked_cut, index, what,
		found, wanted);
	stream_print(checked);
	abort();
}

#define EXPECT(index, what, found, wanted)                                                         \
	expect((found) == (wanted), index, what, (unsigned long long)(found),                      \
		(unsigned long long)(wanted))

/* --- the same, however it is cut --- */

static bool holds_text(const char *line, size_t length, const char *wanted)
{
	for (size_t i = 0; i + strlen(wanted) <= length; i++)
		if (strncasecmp(line + i, wanted, strlen(wanted)) == 0)
			return true;
	return false;
}

/*
 * Of a line longer than its limit, the probe sees the end only when it comes in one operation with
 * the beginning. There are two ends that it looks at: the version in a request line, and the last
 * coding of a transfer. True when a line is of those.
 */
static bool has_open_end(const struct dialogue *dialogue, int direction)
{
	const char *stream = dialogue->streams[direction];
	size_t left = dialogue->lengths[direction], length;

	for (; left; stream += length, left -= length) {
		const char *newline = memchr(stream, '\n', left);
		size_t text;

		length = newline ? (size_t)(newline - stream) + 1 : left;
		text = length - (newline ? 1 : 0);
		if (text < line_limits[direction])
			continue;
		if (holds_text(stream, text, "transfer-encoding"))
			return true;
		if (direction == TO_SERVER) {
			if (text && stream[text - 1] == '\r')
				text--;
			if (memcmp(stream + text - 9, " HTTP/1.", 8) != 0 ||
				!isdigit((unsigned char)stream[text - 1]))
				return true;
		}
	}
	return false;
}

/*
 * A line that just fits is taken before its end is seen, when that comes in another operation: so
 * it may be told as truncated, and a CR as a part of it.
 */
static size_t reported_length(const struct record_http *record)
{
	size_t length = record->line_length;

	return length - (length + record->host_length == HTTP_LINE_LEN && length &&
				record->line[length - 1] == '\r');
}

/*
 * True when only one of two records of the same request has a line that is told as truncated, as
 * that just fits: then it is cut for Host, which is left out of the other one.
 */
static bool cut_in_one(const struct record_http *a, const struct record_http *b)
{
	return (a->flags ^ b->flags) & HTTP_LINE_TRUNCATED;
}

static int reported_flags(const struct record_http *record)
{
	return record->line_length + record->host_length >= HTTP_LINE_LEN - 1
		       ? record->flags & ~HTTP_LINE_TRUNCATED
		       : record->flags;
}

static void compare_lines(const struct record_http *found, const struct record_http *wanted, int i)
{
	size_t length = reported_length(found), wanted_length = reported_length(wanted);

	if (cut_in_one(found, wanted)) {
		if (length > wanted_length)
			length = wanted_length;
		EXPECT(i, "line, as far as it is in both",
			memcmp(found->line, wanted->line, length), 0);
		return;
	}
	EXPECT(i, "line length", length, wanted_length);
	EXPECT(i, "line", memcmp(found->line, wanted->line, length), 0);
	EXPECT(i, "Host's length", found->host_length, wanted->host_length);
	EXPECT(i, "Host",
		memcmp(found->line + found->line_length, wanted->line + wanted->line_length,
			wanted->host_length),
		0);
}

/* The traceparent of a record, which is its end; "": it has none. */
static const char *trace_of(const struct run *run, int i)
{
	const struct record_http *record = &run->records[i];

	if (!(record->flags & HTTP_TRACED))
		return "";
	return (const char *)run->reports.of[i].bytes + offsetof(struct record_http, line) +
	       record->line_length + record->host_length + record->path_length +
	       (record->flags & HTTP_PROXIED ? sizeof(struct http_origin) : 0);
}

static void compare_runs(const struct run *whole, const struct run *cut)
{
	EXPECT(-1, "number of records", cut->reports.count, whole->reports.count);
	EXPECT(-1, "lost", cut->lost, whole->lost);
	for (int i = 0; i < whole->reports.count; i++) {
		const struct record_http *found = &cut->records[i], *wanted = &whole->records[i];

		EXPECT(i, "index", found->index, wanted->index);
		compare_lines(found, wanted, i);
		EXPECT(i, "traceparent",
			strncmp(trace_of(cut, i), trace_of(whole, i), TRACEPARENT_LEN), 0);
		EXPECT(i, "flags", reported_flags(found), reported_flags(wanted));
		EXPECT(i, "error", found->error, wanted->error);
		EXPECT(i, "status", found->status, wanted->status);
		EXPECT(i, "request head", found->request_head_bytes, wanted->request_head_bytes);
		EXPECT(i, "request bytes", found->request_bytes, wanted->request_bytes);
		/* what is no response has no size but up to where that is seen */
		if (found->error == HTTP_RESPONSE_INVALID)
			continue;
		EXPECT(i, "response head", found->response_head_bytes, wanted->response_head_bytes);
		EXPECT(i, "response bytes", found->response_bytes, wanted->response_bytes);
	}
}

/* Bytes that nobody has written are those of another process, or of another request. */
static void compare_fills(const struct dialogue *dialogue, enum cut cut, uint64_t seed)
{
	const struct run *zeros = run_dialogue(dialogue, cut, seed, FILL_ZEROS);
	const struct run *pattern = run_dialogue(dialogue, cut, seed, FILL_PATTERN);

	reports_expect_same(&zeros->reports, &pattern->reports);
}

/* A status line "HTTP/1.1 200", and a space or the line's end. */
static bool has_status(const struct dialogue *dialogue, int direction, unsigned status)
{
	const char *at = dialogue->streams[direction];
	size_t left = dialogue->lengths[direction];
	char digits[8];

	snprintf(digits, sizeof(digits), " %03u", status);
	for (; left >= 12; at++, left--)
		if (memcmp(at, "HTTP/1.", 7) == 0 && isdigit((unsigned char)at[7]) &&
			memcmp(at + 8, digits, 4) == 0 && at[9] != '0' &&
			(left == 12 || strchr(" \r\n", at[12])))
			return true;
	return false;
}

/* To the probe, who begins with a request is the client, though the dialogue says otherwise. */
static void expect_statuses(const struct dialogue *dialogue, const struct run *run)
{
	for (int i = 0; i < run->reports.count; i++) {
		int direction = run->records[i].role == dialogue->role ? TO_CLIENT : TO_SERVER;
		unsigned status = run->records[i].status;

		EXPECT(i, "status that nobody sent",
			status && !has_status(dialogue, direction, status) ? status : 0, 0u);
	}
}

/* --- as the reference has it --- */

struct expectation {
	struct message requests[REQUESTS_MAX];
	struct message responses[REQUESTS_MAX];
	int request_count; /* whose line is complete */
	int response_count;
};

/* The turn that moved a byte of a stream. */
static int turn_of(const struct dialogue *dialogue, int direction, size_t offset)
{
	int i;

	for (i = 0; i < dialogue->turn_count; i++) {
		if (dialogue->turns[i].direction != direction)
			continue;
		if (offset < dialogue->turns[i].length)
			break;
		offset -= dialogue->turns[i].length;
	}
	return i;
}

/* How much of the requests had come when that turn began. */
static size_t requests_arrived(const struct dialogue *dialogue, int turn)
{
	size_t arrived = 0;

	for (int i = 0; i < turn; i++)
		if (dialogue->turns[i].direction == TO_SERVER)
			arrived += dialogue->turns[i].length;
	return arrived;
}

/* The turn in which a response became complete. */
static int answer_turn(
	const struct dialogue *dialogue, const struct expectation *expectation, int i)
{
	const struct message *response = &expectation->responses[i];

	if (i >= expectation->response_count || !response->complete || response->until_close)
		return dialogue->turn_count;
	return turn_of(dialogue, TO_CLIENT, response->end - 1);
}

/* Whether the method of a request line is not too long for the probe. */
static bool method_fits(const char *line)
{
	return strcspn(line, " ") < METHOD_LIMIT;
}

/* True when a header whose end matters is longer than what is held on to; see has_open_end(). */
static bool is_beyond_limits(const struct dialogue *dialogue, const struct expectation *expectation)
{
	for (int direction = 0; direction < DIRECTIONS; direction++) {
		const char *at = dialogue->streams[direction];
		size_t left = dialogue->lengths[direction], length;

		for (; left; at += length, left -= length) {
			const char *newline = memchr(at, '\n', left);

			length = newline ? (size_t)(newline - at) + 1 : left;
			if (length > line_limits[direction] &&
				holds_text(at, length, "transfer-encoding"))
				return true;
		}
	}
	for (int i = 0; i < expectation->request_count; i++) {
		const struct message *request = &expectation->requests[i];
		const char *line = dialogue->streams[TO_SERVER] + request->line;

		if (!method_fits(line))
			return true;
		/* it may be answered before its line is complete */
		if (request->line_end - request->line >= HTTP_LINE_LEN - 1 &&
			turn_of(dialogue, TO_SERVER, request->line) !=
				turn_of(dialogue, TO_SERVER, request->headers - 1))
			return true;
	}
	return false;
}

/*
 * A client that was to wait leaves out the body of a request whose final answer came before any of
 * it, and before it asked again.
 */
static enum body_fate body_fate(const void *context, const struct message *requests, int count)
{
	const struct dialogue *dialogue = context;
	const struct message *request = &requests[count - 1], *response;
	const char *stream = dialogue->streams[TO_SERVER];
	size_t left = dialogue->lengths[TO_SERVER] - request->head_end, line;
	static struct message responses[REQUESTS_MAX];
	int answers = reference_responses(dialogue->streams[TO_CLIENT],
		dialogue->lengths[TO_CLIENT], stream, requests, count, false, responses);

	if (answers < 0)
		return BODY_AMBIGUOUS;
	response = &responses[count - 1];
	if (answers < count || !left || response->continued || !response->complete ||
		response->until_close ||
		turn_of(dialogue, TO_CLIENT, response->end - 1) >
			turn_of(dialogue, TO_SERVER, request->head_end))
		return BODY_CAME;
	line = reference_request_line(stream + request->head_end, left);
	if (line && reference_knows_method(stream + request->head_end))
		return line < HTTP_LINE_LEN ? BODY_DECLINED : BODY_AMBIGUOUS;
	/* what comes begins as a request does, or is a body that ends within this line */
	return !memchr(stream + request->head_end, '\n', request->end - request->head_end)
		       ? BODY_AMBIGUOUS
		       : BODY_CAME;
}

static bool expectation_make(const struct dialogue *dialogue, struct expectation *out)
{
	const char *requests = dialogue->streams[TO_SERVER];
	const struct message *last;

	out->request_count = reference_requests(requests, dialogue->lengths[TO_SERVER],
		out->requests, REQUESTS_MAX, body_fate, dialogue);
	if (out->request_count <= 0)
		return false;
	last = &out->requests[out->request_count - 1];
	if (!last->line_end) {
		if (last->end - last->line >= HTTP_LINE_LEN)
			return false; /* the probe does not wait for the end of such a line */
		out->request_count--;
	}
	out->response_count =
		reference_responses(dialogue->streams[TO_CLIENT], dialogue->lengths[TO_CLIENT],
			requests, out->requests, out->request_count, true, out->responses);
	if (out->response_count < 0)
		return false;
	for (int i = 0; i < out->response_count; i++) {
		const struct message *response = &out->responses[i];

		/* an answer to what was not asked yet */
		if (turn_of(dialogue, TO_CLIENT, response->begin) <
			turn_of(dialogue, TO_SERVER, out->requests[i].headers - 1))
			return false;
		if (response->upgrade)
			out->request_count = i + 1;
	}
	return !is_beyond_limits(dialogue, out);
}

static bool was_pipelined(
	const struct dialogue *dialogue, const struct expectation *expectation, int i)
{
	int asked = turn_of(dialogue, TO_SERVER, expectation->requests[i].headers - 1);

	for (int j = 0; j < i; j++)
		if (answer_turn(dialogue, expectation, j) > asked)
			return true;
	return false;
}

/* The operation in which a time lies, and the one that moved a byte. */
static void expect_time(const struct run *run, int i, const char *what, uint64_t time_ns,
	int direction, size_t offset)
{
	EXPECT(i, what, time_ns / OPERATION_NS, run->operations[direction][offset]);
}

/* What a client's record has of Host: all of it, or nothing, as a line that fits stays whole. */
static size_t host_kept(const struct dialogue *dialogue, const struct message *request, bool is_cut)
{
	size_t line = request->line_end - request->line, host = request->host_length;

	return dialogue->role == HTTP_CLIENT && host <= HTTP_HOST_LEN &&
			       (is_cut || line + host <= HTTP_LINE_LEN)
		       ? host
		       : 0;
}

/* The client that a proxy names is the same for all requests of its connection. */
static void compare_origin(const struct dialogue *dialogue, const struct run *run, int i)
{
	const struct record_http *record = &run->records[i];
	struct http_origin origin;
	struct preamble preamble;

	reference_preamble(dialogue->streams[TO_SERVER], dialogue->lengths[TO_SERVER], &preamble);
	EXPECT(i, "proxied", !!(record->flags & HTTP_PROXIED), preamble.has_address);
	if (!preamble.has_address)
		return;
	memcpy(&origin,
		run->reports.of[i].bytes + offsetof(struct record_http, line) +
			record->line_length + record->host_length,
		sizeof(origin));
	EXPECT(i, "client's address", memcmp(origin.address, preamble.address, 16), 0);
	EXPECT(i, "client's port", origin.port, preamble.port);
}

static void compare_request(const struct dialogue *dialogue, const struct expectation *expectation,
	const struct run *run, int i)
{
	const struct message *request = &expectation->requests[i];
	const struct record_http *record = &run->records[i];
	const char *stream = dialogue->streams[TO_SERVER];
	size_t line = request->line_end - request->line;
	size_t arrived = requests_arrived(dialogue, answer_turn(dialogue, expectation, i));
	bool partial = !request->complete || request->end > arrived;
	size_t end = request->end < arrived ? request->end : arrived;
	size_t head_end = request->head_end && request->head_end < end ? request->head_end : end;

	EXPECT(i, "index", record->index, (uint32_t)i);
	compare_origin(dialogue, run, i);
	EXPECT(i, "role", record->role, dialogue->role);
	size_t room = HTTP_LINE_LEN - record->host_length;

	EXPECT(i, "line length", reported_length(record), line < room ? line : room);
	EXPECT(i, "line", memcmp(record->line, stream + request->line, reported_length(record)), 0);
	if (line > room || line < HTTP_LINE_LEN - 1)
		EXPECT(i, "truncated", !!(record->flags & HTTP_LINE_TRUNCATED), line > room);
	EXPECT(i, "pipelined", !!(record->flags & HTTP_PIPELINED),
		was_pipelined(dialogue, expectation, i));
	EXPECT(i, "partial", !!(record->flags & HTTP_REQUEST_PARTIAL), partial);
	EXPECT(i, "request head", record->request_head_bytes, head_end - request->begin);
	EXPECT(i, "request bytes", record->request_bytes, end - request->begin);
	expect_time(
		run, i, "first byte's time", record->request_first_ns, TO_SERVER, request->begin);
	expect_time(run, i, "last byte's time", record->request_last_ns, TO_SERVER, end - 1);
	if (partial)
		return;
	EXPECT(i, "Host's length", record->host_length,
		host_kept(dialogue, request, record->flags & HTTP_LINE_TRUNCATED));
	EXPECT(i, "Host",
		memcmp(record->line + record->line_length, stream + request->host,
			record->host_length),
		0);
	if (!request->traceparent)
		EXPECT(i, "traceparent", trace_of(run, i)[0], 0);
	else if (request->traceparent_length >= TRACEPARENT_LEN)
		EXPECT(i, "traceparent",
			strncmp(trace_of(run, i), stream + request->traceparent, TRACEPARENT_LEN),
			0);
}

static void compare_response(const struct expectation *expectation, const struct run *run, int i)
{
	const struct message *response = &expectation->responses[i];
	const struct record_http *record = &run->records[i];
	bool came = i < expectation->response_count;
	bool complete = came && response->complete;

	EXPECT(i, "error", record->error, complete ? HTTP_OK : HTTP_CLOSED_LOCALLY);
	EXPECT(i, "upgraded", !!(record->flags & HTTP_UPGRADED), complete && response->upgrade);
	if (!came) {
		EXPECT(i, "status", record->status, 0);
		EXPECT(i, "response bytes", record->response_bytes, 0u);
		return;
	}
	EXPECT(i, "response bytes", record->response_bytes, response->end - response->begin);
	if (response->head_end) {
		EXPECT(i, "status", record->status, response->status);
		EXPECT(i, "response head", record->response_head_bytes,
			response->head_end - response->line);
		expect_time(run, i, "response's first byte's time", record->response_first_ns,
			TO_CLIENT, response->line);
		expect_time(run, i, "response's last byte's time", record->response_last_ns,
			TO_CLIENT, response->end - 1);
	}
}

static void compare_reference(const struct dialogue *dialogue,
	const struct expectation *expectation, const struct run *run)
{
	EXPECT(-1, "number of records", run->reports.count, expectation->request_count);
	EXPECT(-1, "lost", run->lost, 0u);
	for (int i = 0; i < expectation->request_count; i++) {
		compare_request(dialogue, expectation, run, i);
		compare_response(expectation, run, i);
	}
}

/* --- both --- */

/*
 * The probe takes a connection for HTTP, or not, by its first operation, however little that tells.
 * So what is the same for all ways to cut it must be told by the first turn.
 */
static bool begins_as_http(const struct dialogue *dialogue)
{
	const char *stream = dialogue->streams[TO_SERVER];
	struct preamble preamble;
	size_t length;

	if (!dialogue->turn_count || dialogue->turns[0].direction != TO_SERVER)
		return false;
	length = dialogue->turns[0].length;
	if (!reference_preamble(stream, length, &preamble))
		return false;
	stream += preamble.length;
	length -= preamble.length;
	return reference_request_line(stream, length) > 0 && method_fits(stream);
}

void dialogue_check(const struct dialogue *dialogue, uint64_t seed)
{
	static struct expectation expectation;
	bool strict = expectation_make(dialogue, &expectation), same = false;
	const struct run *whole = NULL, *run;

	checked = dialogue;
	same = begins_as_http(dialogue) && !has_open_end(dialogue, TO_SERVER) &&
	       !has_open_end(dialogue, TO_CLIENT);
	for (enum cut cut = CUT_NOT; cut <= CUT_PIECES; cut++) {
		checked_cut = cut_names[cut];
		run = run_dialogue(dialogue, cut, seed, FILL_ZEROS);
		expect_statuses(dialogue, run);
		if (strict)
			compare_reference(dialogue, &expectation, run);
		if (cut == CUT_NOT)
			whole = run;
		else if (same)
			compare_runs(whole, run);
	}
	for (enum cut cut = CUT_PIECES; cut <= CUT_UNIX; cut++) {
		checked_cut = cut_names[cut];
		compare_fills(dialogue, cut, seed);
	}
}
