/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP probe under valid HTTP: each byte of the input is a choice, of a method, a header, a
 * body, or who speaks next. So the fuzzer gets to what it would not write by itself, and the
 * reference has an opinion on all of it.
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http1/dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EXCHANGES_MAX 24
#define TEXT_MAX      16384

struct text {
	size_t length;
	char bytes[TEXT_MAX];
};

/* How the body of a message is framed. */
enum body { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };

static const uint8_t *choices, *choices_end;

/* 0 when there are no more. */
static unsigned choose(unsigned count)
{
	return choices < choices_end ? *choices++ % count : 0;
}

#define PICK(from) ((from)[choose(sizeof(from) / sizeof((from)[0]))])

static void write_bytes(struct text *text, const char *bytes, size_t length)
{
	if (length > TEXT_MAX - text->length)
		length = TEXT_MAX - text->length;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

__attribute__((format(printf, 2, 3))) static void write_text(
	struct text *text, const char *format, ...)
{
	char piece[512];
	va_list arguments;

	va_start(arguments, format);
	write_bytes(text, piece, (size_t)vsnprintf(piece, sizeof(piece), format, arguments));
	va_end(arguments);
}

static void write_repeated(struct text *text, char c, size_t count)
{
	while (count--)
		write_bytes(text, &c, 1);
}

/* Lengths at which something may change: of a window, a carried line, a kept line. */
static size_t choose_length(void)
{
	static const unsigned short lengths[] = {
		0, 1, 7, 16, 40, 63, 220, 255, 480, 512, 700, 1500};

	return PICK(lengths) + choose(48);
}

static const char *choose_newline(void)
{
	return choose(8) == 7 ? "\n" : "\r\n";
}

static void write_header(struct text *text)
{
	static const char *const names[] = {"Host", "host", "Cookie", "cache-control",
		"Content-Type", "Connection", "TE", "t", "c", "Content-Language", "Traceparents",
		"X"};
	static const char *const spaces[] = {" ", "", "  ", "\t"};

	write_text(text, "%s:%s", PICK(names), PICK(spaces));
	write_repeated(text, 'v', choose_length());
	write_text(text, "%s", choose_newline());
}

static void write_traceparent(struct text *text)
{
	static const char *const names[] = {"traceparent", "Traceparent", "TRACEPARENT"};
	static const char *const spaces[] = {" ", "", "  ", "\t"};

	write_text(text, "%s:%s00-%032x-%016x-01%s", PICK(names), PICK(spaces), choose(256),
		choose(256), choose_newline());
}

/* What could be taken for messages, if it were read. */
static void write_body(struct text *text, size_t length)
{
	static const char decoy[] = "GET /decoy HTTP/1.1\r\n\r\nHTTP/1.1 500 No\r\n\r\n0\r\n\r\n";

	for (; length >= sizeof(decoy) - 1; length -= sizeof(decoy) - 1)
		write_bytes(text, decoy, sizeof(decoy) - 1);
	write_bytes(text, decoy, length);
}

static void write_chunks(struct text *text)
{
	static const char *const extensions[] = {"", ";name=value", " ; a=\"b\"",
		";long=0123456789012345678901234567890123456789012345678901234567890"};

	for (unsigned chunks = choose(5); chunks; chunks--) {
		size_t length = choose_length() + 1;

		switch (choose(3)) {
		case 0: write_text(text, "%zx", length); break;
		case 1: write_text(text, "%zX", length); break;
		case 2: write_text(text, "00%zx", length); break;
		}
		write_text(text, "%s%s", PICK(extensions), choose_newline());
		write_body(text, length);
		write_text(text, "\r\n");
	}
	write_text(
		text, "%s%s%s", choose(4) == 3 ? "000" : "0", PICK(extensions), choose_newline());
	if (choose(3) == 2)
		write_header(text);
	write_text(text, "%s", choose_newline());
}

/* Headers and body. Of a request that is to expect an answer before its body, `body_at` is where
 * that begins. */
static void write_rest(
	struct text *text, enum body body, bool is_request, bool send_body, size_t *body_at)
{
	static const char *const length_names[] = {
		"Content-Length:", "content-length: ", "CONTENT-LENGTH:   ", "Content-Length:\t"};
	static const char *const codings[] = {"Transfer-Encoding: chunked",
		"transfer-encoding:chunked", "Transfer-Encoding: gzip, Chunked",
		"Transfer-Encoding:\tchunked", "Transfer-Encoding: chunked "};
	static const char *const expect_names[] = {"Expect", "expect", "EXPECT"};
	static const char *const expect_values[] = {"continue", "Continue", "CONTINUE"};
	size_t length = body == BODY_LENGTH ? choose_length() : 0;

	for (unsigned headers = choose(4); headers; headers--)
		write_header(text);
	if (is_request && choose(3) == 1)
		write_traceparent(text);
	if (body_at)
		write_text(text, "%s: 100-%s%s", PICK(expect_names), PICK(expect_values),
			choose_newline());
	for (unsigned count = body == BODY_LENGTH ? 1 + choose(8) / 7 : 0; count; count--)
		write_text(text, "%s%zu%s", PICK(length_names), length, choose_newline());
	if (body == BODY_CHUNKED)
		write_text(text, "%s%s", PICK(codings), choose_newline());
	for (unsigned headers = choose(3); headers; headers--)
		write_header(text);
	write_text(text, "%s", choose_newline());
	if (body_at)
		*body_at = text->length;
	if (!send_body)
		return;
	if (body == BODY_CHUNKED)
		write_chunks(text);
	else
		write_body(text, body == BODY_UNTIL_CLOSE ? choose_length() : length);
}

static const char *write_request(struct text *text, size_t *body_at)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT",
		"OPTIONS", "PATCH", "M-SEARCH", "BASELINE-CONTROL", "X", "get",
		"A-METHOD-OF-THIRTY-ONE-LETTERS."};
	static const enum body bodies[] = {BODY_NONE, BODY_LENGTH, BODY_CHUNKED};
	const char *method = PICK(methods);

	if (choose(8) == 7)
		write_text(text, "%s", choose_newline()); /* RFC 9112, 2.2 */
	write_text(text, "%s /", method);
	write_repeated(text, 'p', choose_length());
	write_text(text, " HTTP/1.%u%s", choose(2), choose_newline());
	write_rest(text, PICK(bodies), true, true, body_at);
	return method;
}

static void write_response(struct text *text, const char *method)
{
	static const unsigned short interims[] = {100, 102, 103};
	static const unsigned short statuses[] = {200, 201, 206, 301, 404, 500, 204, 304, 101, 999};
	static const enum body bodies[] = {
		BODY_LENGTH, BODY_CHUNKED, BODY_LENGTH, BODY_UNTIL_CLOSE};
	unsigned status;

	for (unsigned count = choose(4); count > 1; count--) {
		write_text(text, "HTTP/1.1 %u Wait%s", PICK(interims), choose_newline());
		write_rest(text, BODY_NONE, false, false, NULL);
	}
	status = PICK(statuses);
	write_text(text, "HTTP/1.%u %u ", choose(2), status);
	write_repeated(text, 'R', choose_length());
	write_text(text, "%s", choose_newline());
	write_rest(text, PICK(bodies), false,
		status != 204 && status != 304 && strcmp(method, "HEAD") != 0, NULL);
}

/* A number below 65536, which is often short. */
static unsigned choose_group(void)
{
	return choose(3) ? choose(256) << 8 | choose(256) : choose(2);
}

static void write_ipv6(struct text *text)
{
	struct in6_addr address;
	char written[INET6_ADDRSTRLEN];

	for (int i = 0; i < 16; i += 2) {
		unsigned group = choose_group();

		address.s6_addr[i] = (uint8_t)(group >> 8);
		address.s6_addr[i + 1] = (uint8_t)group;
	}
	write_text(text, "%s", inet_ntop(AF_INET6, &address, written, sizeof(written)));
}

/* What a proxy says of its client, with what some add behind that. */
static void write_preamble(struct text *text)
{
	static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";
	static const struct {
		uint8_t command, family;
		unsigned length;
	} kinds[] = {
		{0x21, 0x11, 12}, {0x21, 0x21, 36}, {0x21, 0x31, 216}, {0x20, 0, 0}, {0x21, 0, 0}};
	unsigned kind = choose(8);
	size_t more;

	if (kind == 5) {
		write_text(text, "PROXY TCP4 %u.%u.%u.%u 192.0.2.1 %u 80\r\n", choose(256),
			choose(256), choose(256), choose(256), choose_group());
	} else if (kind == 6) {
		write_text(text, "PROXY TCP6 ");
		write_ipv6(text);
		write_text(text, " ::1 %u 80\r\n", choose_group());
	} else if (kind == 7) {
		write_text(text, "PROXY UNKNOWN%s\r\n", choose(2) ? " 1 2 3" : "");
	} else {
		more = choose(2) ? choose_length() : 0;
		write_bytes(text, signature, 12);
		write_bytes(text, (const char *)&kinds[kind].command, 1);
		write_bytes(text, (const char *)&kinds[kind].family, 1);
		write_repeated(text, (char)((kinds[kind].length + more) >> 8), 1);
		write_repeated(text, (char)(kinds[kind].length + more), 1);
		for (unsigned i = 0; i < kinds[kind].length; i++)
			write_repeated(text, (char)choose(256), 1);
		write_body(text, more);
	}
}

/* Sends what there is of answers, but for the last `keep` bytes. */
static void answer(struct dialogue *dialogue, struct text *answers, size_t keep)
{
	size_t length = answers->length - keep;

	dialogue_add(dialogue, TO_CLIENT, answers->bytes, length);
	memmove(answers->bytes, answers->bytes + length, keep);
	answers->length = keep;
}

static void exchange(struct dialogue *dialogue, struct text *answers)
{
	static struct text request;
	size_t early = 0;
	unsigned kind = choose(8);

	request.length = 0;
	write_response(answers, write_request(&request, kind >= 5 ? &early : NULL));
	switch (kind) {
	case 0: /* one after the other */
	case 1:
		dialogue_add(dialogue, TO_SERVER, request.bytes, request.length);
		answer(dialogue, answers, 0);
		break;
	case 2: /* pipelined */
		dialogue_add(dialogue, TO_SERVER, request.bytes, request.length);
		break;
	case 3: /* pipelined, while an answer is under way */
		dialogue_add(dialogue, TO_SERVER, request.bytes, request.length);
		answer(dialogue, answers, answers->length / (1 + choose(8)));
		break;
	case 4: /* answered before it is complete */
		early = request.length - request.length / (1 + choose(8));
		dialogue_add(dialogue, TO_SERVER, request.bytes, early);
		answer(dialogue, answers, 0);
		dialogue_add(dialogue, TO_SERVER, request.bytes + early, request.length - early);
		break;
	case 5: /* answered before its body, */
		dialogue_add(dialogue, TO_SERVER, request.bytes, early);
		answer(dialogue, answers, 0);
		dialogue_add(dialogue, TO_SERVER, request.bytes + early, request.length - early);
		break;
	case 6: /* which then does not come, */
		dialogue_add(dialogue, TO_SERVER, request.bytes, early);
		answer(dialogue, answers, 0);
		break;
	case 7: /* or is sent without waiting for one */
		dialogue_add(dialogue, TO_SERVER, request.bytes, request.length);
		answer(dialogue, answers, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dialogue dialogue = {.role = HTTP_SERVER};
	static struct text answers;
	uint64_t seed;

	choices = data;
	choices_end = data + size;
	answers.length = 0;
	if (choose(2))
		dialogue.role = HTTP_CLIENT;
	seed = choose(256) * 0x9e3779b97f4a7c15;
	if (choose(4) == 3) {
		static struct text preamble;

		preamble.length = 0;
		write_preamble(&preamble);
		dialogue_add(&dialogue, TO_SERVER, preamble.bytes, preamble.length);
	}
	for (int i = 0; i < EXCHANGES_MAX && choices < choices_end; i++)
		exchange(&dialogue, &answers);
	if (size % 4)
		answer(&dialogue, &answers, size % 4 == 1 ? answers.length / 2 : 0);
	dialogue_check(&dialogue, seed);
	dialogue_free(&dialogue);
	return 0;
}
