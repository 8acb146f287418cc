/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The PROXY protocol, versions 1 and 2: what a proxy says before a connection's first request of
 * who has connected to it. Called by the framing (http_message.bpf.h).
 *
 * Reference: https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt
 */
#ifndef SONDE_HTTP_PREAMBLE_BPF_H
#define SONDE_HTTP_PREAMBLE_BPF_H

#include "protocol/http1/http_text.bpf.h"

/* --- the bytes that are passed over --- */

static __always_inline void consume(struct feed *feed, struct stream *stream, __u64 offset)
{
	__u64 bytes = offset - feed->offset;

	if (stream->state <= STREAM_HEADERS)
		stream->head_bytes += bytes;
	stream->bytes += bytes;
	stream->last_ns = feed->last_ns;
	feed->offset = offset;
}

/* Keeps the beginning of a line whose rest is in an operation to come. */
static __always_inline void line_carry(struct conn *conn, struct http_scratch *scratch,
	struct stream *stream, __u32 at, __u32 length)
{
	struct feed *feed = &scratch->feed;

	if (feed->message == REQUEST) {
		bpf_probe_read_kernel(conn->carry_request, length & (CARRY_REQUEST - 1),
			scratch->data + DATA(at));
		barrier(); /* two calls, as of one the verifier would mix up the lengths */
	} else {
		bpf_probe_read_kernel(conn->carry_response, length & (CARRY_RESPONSE - 1),
			scratch->data + DATA(at));
	}
	stream->carried = length;
}

/* --- the preamble --- */

enum preamble { PREAMBLE_NONE, PREAMBLE_TAKEN, PREAMBLE_INVALID };

/* It stands before all else, and only of a connection whose begin was seen is that known. */
static __always_inline bool preamble_may_come(const struct conn *conn)
{
	return !conn->asked && !(conn->flags & (CONN_PREAMBLE | CONN_TENTATIVE));
}

/* The request line, or what it was taken for, begins behind it. */
static __always_inline void preamble_end(struct conn *conn, struct stream *stream)
{
	conn->flags |= CONN_PREAMBLE;
	stream->carried = 0;
	stream->bytes = stream->head_bytes = 0;
}

/* --- version 1: a line "PROXY TCP4 192.0.2.1 192.0.2.2 56324 80" --- */

#define PREAMBLE_ADDRESS_AT 11  /* where the first address begins */
#define PREAMBLE_LINE_MAX   105 /* without its end */

#define PROXY_TCP     WORD('P', 'R', 'O', 'X', 'Y', ' ', 'T', 'C')
#define PROXY_UNKNOWN WORD('P', 'R', 'O', 'X', 'Y', ' ', 'U', 'N')

static __always_inline bool preamble_line_begins(const struct http_scratch *scratch, __u32 at)
{
	__u64 first = load8(scratch, at);

	return first == PROXY_TCP || first == PROXY_UNKNOWN;
}

#define ADDRESS_TEXT_MAX 40 /* bytes of one that are looked at, and what ends it */
#define IPV4_PARTS       4
#define IPV6_PARTS       8
#define NO_GAP           IPV6_PARTS

static __always_inline void address_part_begin(struct address_text *text)
{
	text->value = text->digits = 0;
}

static __always_inline void text_begin(struct address_text *text, __u32 at, bool is_ipv4)
{
	*text = (struct address_text){.at = at, .gap = NO_GAP, .is_ipv4 = is_ipv4};
}

/* What a character of an address makes of it. */
enum address { ADDRESS_GOES_ON, ADDRESS_TAKEN, ADDRESS_INVALID };

/* Takes a character of "192.0.2.1", whose end is a space, into the last four bytes. */
static __always_inline enum address ipv4_step(
	struct http_origin *origin, struct address_text *text, __u8 c)
{
	if (is_digit(c)) {
		text->value = text->value * 10 + (c - '0');
		text->digits++;
		return ADDRESS_GOES_ON;
	}
	if (!text->digits || text->digits > 3 || text->value > 255)
		return ADDRESS_INVALID;
	origin->address[12 + (text->parts++ & 3)] = text->value;
	if (c == ' ')
		return text->parts == IPV4_PARTS ? ADDRESS_TAKEN : ADDRESS_INVALID;
	if (c != '.' || text->parts == IPV4_PARTS)
		return ADDRESS_INVALID;
	address_part_begin(text);
	return ADDRESS_GOES_ON;
}

static __always_inline void address_part_put(struct http_origin *origin, __u32 part, __u32 value)
{
	origin->address[2 * part & 15] = value >> 8;
	origin->address[(2 * part & 15) + 1] = value;
}

/* Moves the parts behind "::" to the end, and puts zeros in the gap. */
static __always_inline void origin_spread(struct http_origin *origin, struct address_text *text)
{
	for (__u32 to = IPV6_PARTS; to-- > 0; text->parts--) {
		__u32 from;

		barrier();
		if (to < text->gap)
			break;
		from = text->parts - 1;
		if (text->parts > text->gap && text->parts <= IPV6_PARTS) {
			address_part_put(origin, to,
				origin->address[2 * from & 15] << 8 |
					origin->address[(2 * from & 15) + 1]);
			continue;
		}
		address_part_put(origin, to, 0);
		text->parts++;
	}
}

/* The same of "2001:db8::1", into all of them; with an IPv4 address at its end it is none of these.
 */
static __always_inline enum address ipv6_step(
	struct http_origin *origin, struct address_text *text, __u8 c, bool colon_follows)
{
	if (is_a(c, HEXDIG)) {
		text->value = text->value << 4 | ((c & 15) + 9 * (c >> 6));
		text->digits++;
		return ADDRESS_GOES_ON;
	}
	if (text->digits > 4 || text->parts >= IPV6_PARTS)
		return ADDRESS_INVALID;
	if (text->digits)
		address_part_put(origin, text->parts++, text->value);
	if (c == ' ') {
		if ((text->gap == NO_GAP) != (text->parts == IPV6_PARTS))
			return ADDRESS_INVALID;
		if (text->gap != NO_GAP)
			origin_spread(origin, text);
		return ADDRESS_TAKEN;
	}
	if (c != ':')
		return ADDRESS_INVALID;
	if (colon_follows && text->gap == NO_GAP)
		text->gap = text->parts;
	else if (!text->digits && text->gap != text->parts)
		return ADDRESS_INVALID;
	address_part_begin(text);
	return ADDRESS_GOES_ON;
}

/* One character; a function by itself, which the verifier looks at once. Returns enum address. */
__weak __noinline int address_step(conn_argument which, scratch_argument where)
{
	struct conn *conn = conn_of(which);
	struct http_scratch *scratch = scratch_of(where);
	struct address_text *text;
	__u8 c;

	if (!conn || !scratch)
		return ADDRESS_INVALID;
	text = &scratch->text;
	c = scratch->data[DATA(text->at++)];
	if (text->is_ipv4)
		return ipv4_step(&conn->origin, text, c);
	return ipv6_step(&conn->origin, text, c, scratch->data[DATA(text->at)] == ':');
}

static __always_inline void origin_map(struct http_origin *origin)
{
	__u64 *first = (__u64 *)origin->address;

	first[0] = 0;
	((__u32 *)origin->address)[2] = bpf_htonl(0xffff);
}

#define WORD_UNKNOWN (~0U)

/* Skips a word and the space behind it. WORD_UNKNOWN: the word is longer than any address. */
__weak __noinline __u32 word_skip(scratch_argument where, __u32 at)
{
	struct http_scratch *scratch = scratch_of(where);

	for (int i = 0; scratch && i < ADDRESS_TEXT_MAX; i++)
		if (scratch->data[DATA(at++)] == ' ')
			return at;
	return WORD_UNKNOWN;
}

#define MAPPED_LEN 7

/* True for "::ffff:192.0.2.1", as those are written. */
static __always_inline bool is_mapped(const struct http_scratch *scratch, __u32 at)
{
	__u32 dots = 0;

	if (((load8(scratch, at) | LOWER) & FIRST(MAPPED_LEN)) !=
		(WORD(':', ':', 'f', 'f', 'f', 'f', ':', 0) | (LOWER & FIRST(MAPPED_LEN))))
		return false;
	for (int i = 1; i < 4; i++) /* the first part has one to three digits */
		dots += scratch->data[DATA(at + MAPPED_LEN + i)] == '.';
	return dots;
}

/* Returns 0 when it is no such line: then it may be that of a request. */
__weak __noinline int preamble_line(
	conn_argument which, scratch_argument where, __u32 at, __u32 length)
{
	struct conn *conn = conn_of(which);
	struct http_scratch *scratch = scratch_of(where);
	__u32 address = at + PREAMBLE_ADDRESS_AT, port_at, port_end;
	int step = ADDRESS_INVALID;
	__u64 port, second;
	bool is_ipv4;

	if (!conn || !scratch || length > PREAMBLE_LINE_MAX)
		return 0;
	second = load8(scratch, at + 8);
	if (load8(scratch, at) == PROXY_UNKNOWN) {
		if ((second & FIRST(5)) != WORD('K', 'N', 'O', 'W', 'N', 0, 0, 0) ||
			(length > 13 && scratch->data[DATA(at + 13)] != ' '))
			return 0;
		preamble_end(conn, &conn->streams[REQUEST]);
		return 1;
	}
	is_ipv4 = (second & FIRST(3)) == WORD('P', '4', ' ', 0, 0, 0, 0, 0);
	if (!is_ipv4 && (second & FIRST(3)) != WORD('P', '6', ' ', 0, 0, 0, 0, 0))
		return 0;
	if (!is_ipv4 && is_mapped(scratch, address)) {
		is_ipv4 = true;
		address += MAPPED_LEN;
	}
	text_begin(&scratch->text, address, is_ipv4);
	for (int i = 0; i < ADDRESS_TEXT_MAX; i++) {
		step = address_step(which, where);
		if (step != ADDRESS_GOES_ON)
			break;
	}
	if (step != ADDRESS_TAKEN)
		return 0;
	port_at = word_skip(where, scratch->text.at); /* the other end's address */
	port_end = word_skip(where, port_at);
	if (port_at >= at + length || port_end >= at + length)
		return 0;
	port = number_parse(where, port_at, port_end - 1, 10);
	if (port > 65535)
		return 0;
	if (is_ipv4)
		origin_map(&conn->origin);
	conn->origin.port = port;
	conn->flags |= CONN_PROXIED;
	preamble_end(conn, &conn->streams[REQUEST]);
	return 1;
}

/* --- version 2: a signature, what it is, how long it is, and so many bytes --- */

#define PREAMBLE_HEAD 16
#define PREAMBLE_READ (PREAMBLE_HEAD + 36) /* up to the end of the ports of IPv6 */

#define SIGNATURE_FIRST  WORD('\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q')
#define SIGNATURE_SECOND WORD('U', 'I', 'T', '\n', 0, 0, 0, 0)

/* True when the `there` bytes begin with the signature, as far as they go. */
static __always_inline bool signature_begins(
	const struct http_scratch *scratch, __u32 at, __u32 there)
{
	__u64 first = load8(scratch, at) ^ SIGNATURE_FIRST;
	__u64 second = (load8(scratch, at + 8) ^ SIGNATURE_SECOND) & FIRST(4);

	if (!there)
		return false;
	if (there < 8)
		return (first & FIRST(there)) == 0;
	return !first && (there >= 12 ? !second : (second & FIRST(there - 8)) == 0);
}

/* Two bytes in network order. */
static __always_inline __u32 load_be16(const struct http_scratch *scratch, __u32 at)
{
	__u32 bytes = load8(scratch, at);

	return (bytes & 0xff) << 8 | (bytes >> 8 & 0xff);
}

/* Keeps the address that a complete head of `length` bytes has. False: it is none. */
static __always_inline bool preamble_head(
	struct conn *conn, const struct http_scratch *scratch, __u32 at, __u32 length)
{
	struct http_origin *origin = &conn->origin;
	__u64 *address = (__u64 *)origin->address;
	__u8 command = scratch->data[DATA(at + 12)], family = scratch->data[DATA(at + 13)];

	if (command == 0x20) /* LOCAL: the proxy itself */
		return true;
	if (command != 0x21)
		return false;
	if (family == 0x11 && length >= PREAMBLE_HEAD + 12) { /* TCP over IPv4 */
		origin_map(origin);
		((__u32 *)origin->address)[3] = load8(scratch, at + PREAMBLE_HEAD);
		origin->port = load_be16(scratch, at + PREAMBLE_HEAD + 8);
		conn->flags |= CONN_PROXIED;
	} else if (family == 0x21 && length >= PREAMBLE_HEAD + 36) { /* over IPv6 */
		address[0] = load8(scratch, at + PREAMBLE_HEAD);
		address[1] = load8(scratch, at + PREAMBLE_HEAD + 8);
		origin->port = load_be16(scratch, at + PREAMBLE_HEAD + 32);
		conn->flags |= CONN_PROXIED;
	} /* else Unix sockets, or what is not told */
	return true;
}

/* Takes the signature and what follows it, if that is what begins; returns enum preamble. */
__weak __noinline int preamble_take(conn_argument which, scratch_argument where)
{
	struct conn *conn = conn_of(which);
	struct http_scratch *scratch = scratch_of(where);
	__u32 at, there, length = PREAMBLE_HEAD;
	struct stream *stream;
	struct feed *feed;

	if (!conn || !scratch)
		return PREAMBLE_NONE;
	feed = &scratch->feed;
	stream = &conn->streams[REQUEST];
	at = feed->line;
	there = feed->filled - at;
	if (!signature_begins(scratch, at, there)) {
		if (at >= feed->carried)
			return PREAMBLE_NONE;
		/* what was kept as its begin were empty lines */
		line_begin(feed, feed->carried);
		stream->carried = 0;
		stream->bytes = stream->head_bytes = 0;
		return PREAMBLE_TAKEN;
	}
	if (there >= PREAMBLE_HEAD)
		length += load_be16(scratch, at + 14);
	if (there < length && there < PREAMBLE_READ) { /* the rest is in an operation to come */
		line_carry(conn, scratch, stream, at, there);
		consume(feed, stream, feed->window + feed->filled - feed->carried);
		feed->filled = 0;
		return PREAMBLE_TAKEN;
	}
	if (!preamble_head(conn, scratch, at, length))
		return PREAMBLE_INVALID;
	if (there > length)
		there = length;
	line_begin(feed, at + there);
	consume(feed, stream, feed->window + feed->line - feed->carried);
	if (feed->line >= feed->filled)
		feed->filled = 0;
	preamble_end(conn, stream);
	stream->remaining = length - there;
	if (stream->remaining) /* as if it were the body of a request that nobody asked */
		stream->state = STREAM_BODY;
	return PREAMBLE_TAKEN;
}

#endif
