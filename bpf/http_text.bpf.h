/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1: finds lines, methods, numbers and values in the window of bytes that was read.
 * References: RFC 9110, RFC 9112.
 */
#ifndef SONDE_HTTP_TEXT_BPF_H
#define SONDE_HTTP_TEXT_BPF_H

#include "http_scratch.bpf.h"

#define DATA(at) ((at)&1023)

static __always_inline __u64 load8(const struct http_scratch *scratch, __u32 at)
{
	return *(const __u64 *)(scratch->data + DATA(at));
}

/* Index of the first newline in [from, to), or `to`. Eight bytes at a time, by Mycroft's test. */
__weak __noinline __u32 newline_find(scratch_argument where, __u32 from, __u32 to)
{
	struct http_scratch *scratch = scratch_of(where);

	if (!scratch)
		return to;
	for (int i = 0; i < 1024 / 8 && from < to; i++, from += 8) {
		__u64 x = load8(scratch, from) ^ 0x0a0a0a0a0a0a0a0a;
		__u64 zero = ((x - 0x0101010101010101) & ~x & 0x8080808080808080) >> 7;

		if (zero) {
			/* ones below the lowest marked byte, counted by bytes */
			__u64 below = (zero - 1) & ~zero & 0x0101010101010101;

			from += below * 0x0101010101010101 >> 56;
			break;
		}
	}
	return from < to ? from : to;
}

#define LOWER    0x2020202020202020
#define FIRST(n) ((1ULL << 8 * (n)) - 1) /* mask of the first n bytes */

#define HTTP_1 WORD('H', 'T', 'T', 'P', '/', '1', '.', 0)

/* What a character may be. */
enum character {
	IN_TOKEN = 1, /* tchar of RFC 9110, 5.6.2: of a method or a header's name */
	HEXDIG = 2,   /* RFC 9110, 2.1 */
	MATTERS = 4   /* as the first one of a line: that ends a head, or may frame its body */
};

/* Looked up, not compared: the verifier goes each way of a comparison at each round of a loop. */
static const __u8 characters[256] = {
	['\n'] = MATTERS,
	['\r'] = MATTERS,
	['!'] = IN_TOKEN,
	['#' ... '\''] = IN_TOKEN,
	['*' ... '+'] = IN_TOKEN,
	['-' ... '.'] = IN_TOKEN,
	['0' ... '9'] = IN_TOKEN | HEXDIG,
	['A' ... 'B'] = IN_TOKEN | HEXDIG,
	['C'] = IN_TOKEN | HEXDIG | MATTERS,
	['D' ... 'F'] = IN_TOKEN | HEXDIG,
	['G' ... 'S'] = IN_TOKEN,
	['T'] = IN_TOKEN | MATTERS,
	['U' ... 'Z'] = IN_TOKEN,
	['^' ... '`'] = IN_TOKEN,
	['a' ... 'b'] = IN_TOKEN | HEXDIG,
	['c'] = IN_TOKEN | HEXDIG | MATTERS,
	['d' ... 'f'] = IN_TOKEN | HEXDIG,
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
 * Index of the first header line from `at` on that may matter, as it begins with c, t or its end,
 * or that has no end before `to`. Most lines of a head are passed over here, at a third of the
 * price.
 */
__weak __noinline __u32 headers_skip(scratch_argument where, __u32 at, __u32 to)
{
	struct http_scratch *scratch = scratch_of(where);

	if (!scratch)
		return to;
	for (int i = 0; i < 64 && at < to; i++) {
		__u32 end;

		if (is_a(scratch->data[DATA(at)], MATTERS))
			break;
		end = newline_find(scratch_pass(scratch), at, to);
		if (end >= to)
			break;
		at = end + 1;
	}
	return at;
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

/* OWS of RFC 9110, 5.6.3 */
static __always_inline bool is_space(__u8 c)
{
	return c == ' ' || c == '\t';
}

/* The number that begins with a digit; what follows it does not matter here. */
__weak __noinline __u64 number_parse(scratch_argument where, __u32 at, __u32 end, __u32 base)
{
	struct http_scratch *scratch = scratch_of(where);
	__u64 value = 0;

	if (!scratch)
		return 0;
	for (int i = 0; i < 24 && at < end; i++, at++) {
		__u8 c = scratch->data[DATA(at)];
		__u8 digit = (c & 15) + 9 * (c >> 6);

		if (!is_a(c, HEXDIG) || digit >= base)
			break;
		value = value * base + digit;
	}
	return value;
}

#define SPACES_MAX 8 /* passed over before or after a value; one is what people write */

/* Index of the first byte of a value that begins at `at` or after spaces. */
__weak __noinline __u32 spaces_skip(scratch_argument where, __u32 at)
{
	struct http_scratch *scratch = scratch_of(where);

	for (int i = 0; scratch && i < SPACES_MAX && is_space(scratch->data[DATA(at)]); i++)
		at++;
	return at;
}

/* End of a value that ends at `end` or before spaces. */
__weak __noinline __u32 spaces_trim(scratch_argument where, __u32 end)
{
	struct http_scratch *scratch = scratch_of(where);

	for (int i = 0; scratch && i < SPACES_MAX && is_space(scratch->data[DATA(end - 1)]); i++)
		end--;
	return end;
}

#endif
