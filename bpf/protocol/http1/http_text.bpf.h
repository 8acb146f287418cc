/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1: finds lines, methods, numbers and values in the window of bytes that was read.
 * References: RFC 9110, RFC 9112.
 */
#ifndef SONDE_HTTP_TEXT_BPF_H
#define SONDE_HTTP_TEXT_BPF_H

#include "protocol/http1/http_scratch.bpf.h"

#define DATA(at) ((at)&1023)

static __always_inline __u64 load8(const struct http_scratch *scratch, __u32 at)
{
	return *(const __u64 *)(scratch->data + DATA(at));
}

#define LOWER    0x2020202020202020
#define FIRST(n) ((1ULL << 8 * (n)) - 1) /* mask of the first n bytes */

#define HTTP_1 WORD('H', 'T', 'T', 'P', '/', '1', '.', 0)

#define HOST WORD('h', 'o', 's', 't', ':', 0, 0, 0)

/* What a character may be. */
enum character {
	IN_TOKEN = 1,    /* tchar of RFC 9110, 5.6.2: of a method or a header's name */
	HEXDIG = 2,      /* RFC 9110, 2.1 */
	BEHIND_SIZE = 4, /* of a chunk: spaces, or an extension */
	MATTERS = 8      /* first of a line that may matter; see line_matters() */
};

/* Looked up, not compared: the verifier goes each way of a comparison at each round of a loop. */
static const __u8 characters[256] = {
	['\t'] = BEHIND_SIZE,
	['\n'] = MATTERS,
	['\r'] = MATTERS,
	[' '] = BEHIND_SIZE,
	[';'] = BEHIND_SIZE,
	['!'] = IN_TOKEN,
	['#' ... '\''] = IN_TOKEN,
	['*' ... '+'] = IN_TOKEN,
	['-' ... '.'] = IN_TOKEN,
	['0' ... '9'] = IN_TOKEN | HEXDIG,
	['A' ... 'B'] = IN_TOKEN | HEXDIG,
	['C'] = IN_TOKEN | HEXDIG | MATTERS,
	['D'] = IN_TOKEN | HEXDIG,
	['E'] = IN_TOKEN | HEXDIG | MATTERS,
	['F'] = IN_TOKEN | HEXDIG,
	['G' ... 'S'] = IN_TOKEN,
	['T'] = IN_TOKEN | MATTERS,
	['U' ... 'Z'] = IN_TOKEN,
	['^' ... '`'] = IN_TOKEN,
	['a' ... 'b'] = IN_TOKEN | HEXDIG,
	['c'] = IN_TOKEN | HEXDIG | MATTERS,
	['d'] = IN_TOKEN | HEXDIG,
	['e'] = IN_TOKEN | HEXDIG | MATTERS,
	['f'] = IN_TOKEN | HEXDIG,
	['g' ... 's'] = IN_TOKEN,
	['t'] = IN_TOKEN | MATTERS,
	['u' ... 'z'] = IN_TOKEN,
	['|'] = IN_TOKEN,
	['~'] = IN_TOKEN,
};

static __always_inline bool is_a(__u8 c, enum character what)
{
	return characters[c] & what;
}

/*
 * A header that frames a body or names a trace, or the empty line at their end. Its first character
 * is asked first, as most lines have another one.
 */
static __always_inline bool line_matters(const struct http_scratch *scratch, __u32 at)
{
	__u64 first = load8(scratch, at);
	__u8 begin = first;

	if (!is_a(begin, MATTERS))
		return false;
	first |= LOWER;
	switch (first) {
	case WORD('c', 'o', 'n', 't', 'e', 'n', 't', '-'):
		return (scratch->data[DATA(at + 8)] | 0x20) == 'l';
	case WORD('t', 'r', 'a', 'n', 's', 'f', 'e', 'r'):
	case WORD('t', 'r', 'a', 'c', 'e', 'p', 'a', 'r'): return true;
	}
	return begin == '\r' || begin == '\n' ||
	       (first & FIRST(7)) == WORD('e', 'x', 'p', 'e', 'c', 't', ':', 0);
}

/* Mycroft's test: marks the first newline in eight bytes, and maybe some behind it; 0: none. */
static __always_inline __u64 newlines_in(__u64 bytes)
{
	__u64 x = bytes ^ 0x0a0a0a0a0a0a0a0a;

	return (x - 0x0101010101010101) & ~x & 0x8080808080808080;
}

/* Index of the first of eight bytes that is marked; one is. */
static __always_inline __u32 first_marked(__u64 marks)
{
	marks >>= 7; /* from the last bit of a byte to its first one */
	/* ones below the mark, counted by bytes */
	return ((marks - 1) & ~marks & 0x0101010101010101) * 0x0101010101010101 >> 56;
}

/*
 * How far it is from `from` to the first newline of LINE_AT_ONCE bytes; LINE_AT_ONCE: there is
 * none.
 */
static __always_inline __u32 newline_find(const char *from)
{
	__u64 marks;

#pragma unroll
	for (__u32 at = 0; at < LINE_AT_ONCE; at += 8) {
		marks = newlines_in(*(const __u64 *)(from + at));
		if (marks)
			return at + first_marked(marks);
	}
	return LINE_AT_ONCE;
}

#define LINE_STEPS   16 /* of LINE_AT_ONCE bytes, or a line */
#define LINE_UNKNOWN (~0U)

/*
 * Finds the end of the line that begins at `feed.line`; with `feed.skips`, of the first one from
 * there on that matters, to which that is moved. Returns the index of its newline, or `feed.filled`
 * when there is none before, or LINE_UNKNOWN: to be asked again. One function for both, as each
 * call costs as much as ten comparisons; and so Host, which most requests have, is only noted.
 */
__weak __noinline __u32 line_find(scratch_argument where)
{
	struct http_scratch *scratch = scratch_of(where);
	struct feed *feed;

	if (!scratch)
		return 0;
	feed = &scratch->feed;
	for (int i = 0; i < LINE_STEPS; i++) {
		__u32 ahead;

		barrier(); /* all is in memory now, so each round looks the same to the verifier */
		ahead = newline_find(scratch->data + DATA(feed->at));
		feed->at += ahead;
		if (feed->at >= feed->filled)
			return feed->filled;
		if (ahead == LINE_AT_ONCE)
			continue;
		if (!feed->skips || line_matters(scratch, feed->line))
			return feed->at;
		if (feed->wants_host && ((load8(scratch, feed->line) | LOWER) & FIRST(5)) == HOST) {
			if (feed->host_end)
				return feed->at;
			feed->host = feed->line;
			feed->host_end = feed->at;
		}
		line_begin(feed, feed->at + 1);
		if (feed->at >= feed->filled)
			return feed->filled;
	}
	return LINE_UNKNOWN;
}

#define COPY_SHORT 64

/*
 * Copies `length` bytes of the window to where there is room for COPY_SHORT at least: most texts
 * are shorter, and a call costs more than to copy so many in words.
 */
static __always_inline void text_copy(
	char *to, const struct http_scratch *scratch, __u32 at, __u32 length)
{
	if (length <= COPY_SHORT) {
#pragma unroll
		for (int i = 0; i < COPY_SHORT; i += 8)
			*(__u64 *)(to + i) = load8(scratch, at + i);
		return;
	}
	bpf_probe_read_kernel(to, length, scratch->data + DATA(at));
}

#define METHOD_MAX 32

/*
 * Length of the method at the beginning of a request line of which `length` bytes are there; 0 when
 * that cannot become one; `length` when all of it is method so far.
 */
__weak __noinline __u32 method_length(scratch_argument where, __u32 at, __u32 length)
{
	struct http_scratch *scratch = scratch_of(where);
	__u32 i;

	if (!scratch)
		return 0;
	for (i = 0; i < METHOD_MAX && i < length; i++) {
		__u8 c = scratch->data[DATA(at + i)];

		if (c == ' ')
			return i;
		if (!is_a(c, IN_TOKEN))
			return 0;
	}
	return i < METHOD_MAX ? length : 0;
}

/* True when the first bytes of a response are those of its version, as far as they are there. */
static __always_inline bool version_begins(__u64 word, __u32 length)
{
	return ((word ^ HTTP_1) & (length < 7 ? FIRST(length) : FIRST(7))) == 0;
}

#define VERSION_STEPS 128

/* True when a version of HTTP stands in the first bytes that were read. */
__weak __noinline int version_seen(void)
{
	struct http_scratch *scratch = http_scratch_get();

	for (__u32 i = 0; scratch && i < VERSION_STEPS && i < scratch->feed.read; i++)
		if ((load8(scratch, i) & FIRST(7)) == HTTP_1)
			return 1;
	return 0;
}

/* OWS of RFC 9110, 5.6.3 */
static __always_inline bool is_space(__u8 c)
{
	return c == ' ' || c == '\t';
}

static __always_inline bool is_digit(__u8 c)
{
	return c >= '0' && c <= '9';
}

/*
 * The status of a line "HTTP/1.1 200", after which there is a space or the end (RFC 9112, 4); 0
 * when it is no such line.
 */
static __always_inline __u32 status_parse(
	const struct http_scratch *scratch, __u32 at, __u32 length)
{
	__u64 word = load8(scratch, at + 8);
	__u8 a = word >> 8, b = word >> 16, c = word >> 24;

	if (length < 12 || (load8(scratch, at) & FIRST(7)) != HTTP_1 ||
		!is_digit(scratch->data[DATA(at + 7)]) || (word & 0xff) != ' ')
		return 0;
	if (a == '0' || !is_digit(a) || !is_digit(b) || !is_digit(c) ||
		(length > 12 && (word >> 32 & 0xff) != ' '))
		return 0;
	return (a - '0') * 100 + (b - '0') * 10 + (c - '0');
}

#define SPACES_MAX 8 /* passed over before or after a value; one is what people write */

/* Index of the end of a value that ends at `end` or before spaces. */
static __always_inline __u32 spaces_trim(const struct http_scratch *scratch, __u32 end)
{
	for (int i = 0; i < SPACES_MAX && is_space(scratch->data[DATA(end - 1)]); i++)
		end--;
	return end;
}

/* Index of the first byte of a value that begins at `at` or after spaces. */
static __always_inline __u32 spaces_pass(const struct http_scratch *scratch, __u32 at)
{
	for (int i = 0; i < SPACES_MAX && is_space(scratch->data[DATA(at)]); i++)
		at++;
	return at;
}

/* The same as a call. */
__weak __noinline __u32 spaces_skip(scratch_argument where, __u32 at)
{
	struct http_scratch *scratch = scratch_of(where);

	return scratch ? spaces_pass(scratch, at) : at;
}

#define NUMBER_INVALID (~0ULL)
#define DIGITS_MAX     24           /* leading zeros among them */
#define NUMBER_MAX     (1ULL << 58) /* so that another digit does not overflow */

/*
 * The number that a line's rest is: of base 10, a header's value, with spaces around it, and of
 * base 16, a chunk's size, with an extension. NUMBER_INVALID when it is none, such as "-1", "+5",
 * "5 6" or "".
 */
__weak __noinline __u64 number_parse(scratch_argument where, __u32 at, __u32 end, __u32 base)
{
	struct http_scratch *scratch = scratch_of(where);
	__u64 value = 0;
	__u32 begin;

	if (!scratch)
		return 0;
	if (base == 10) {
		at = spaces_pass(scratch, at);
		end = spaces_trim(scratch, end);
	}
	begin = at;
	for (int i = 0; i < DIGITS_MAX && at < end; i++, at++) {
		__u8 c = scratch->data[DATA(at)];
		__u8 digit = (c & 15) + 9 * (c >> 6);

		if (!is_a(c, HEXDIG) || digit >= base)
			break;
		if (value >= NUMBER_MAX)
			return NUMBER_INVALID;
		value = value * base + digit;
	}
	if (at == begin)
		return NUMBER_INVALID;
	if (at < end && (base == 10 || !is_a(scratch->data[DATA(at)], BEHIND_SIZE)))
		return NUMBER_INVALID;
	return value;
}

#endif
