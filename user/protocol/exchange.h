/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange: one question of a client with its answer, as one of both saw it. HTTP requests and
 * DNS lookups are exchanges, and so is whatever a further protocol asks.
 *
 * What every protocol has stands in struct exchange by name. What only one protocol has goes into
 * `texts` and `numbers`, whose places that protocol numbers itself. Which of all this is an
 * attribute, under which key and in which order, is the table of struct exchange_protocol. So
 * whoever counts or exports exchanges (telemetry/exchange/, export/otlp/otlp_span.c) knows no
 * protocol.
 *
 * An exchange is made in two steps: what metrics count, and, when a span is wanted, all else by
 * exchange_describe(). Strings are borrowed from whoever made it.
 */
#ifndef SONDE_EXCHANGE_H
#define SONDE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attribute.h"
#include "base/text.h"
#include "identity/service.h"

/* Whose view it is: of who answers, or of who asks. */
enum exchange_role { EXCHANGE_SERVER, EXCHANGE_CLIENT };

#define EXCHANGE_TEXTS   8 /* of one protocol's own */
#define EXCHANGE_NUMBERS 8

/* An address and a port: "" or NULL, and 0, where they are not known. */
struct exchange_end {
	const char *address;
	uint64_t port;
};

/* Where an exchange stands in a trace. */
struct exchange_trace {
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t parent_id[8]; /* all zero: a root */
	uint32_t flags;       /* W3C: bit 0 sampled */
};

struct exchange {
	const struct exchange_protocol *protocol;
	const struct service *service;
	enum exchange_role role;
	uint32_t pid; /* 0: not known; with the service it names the resource */
	uint64_t tid;

	uint64_t start_ns; /* CLOCK_MONOTONIC; what follows is since then */
	uint64_t time_to_first_byte_ns;
	uint64_t duration_ns;
	bool has_first_byte; /* some of an answer came */
	bool is_timed;       /* its end is known well enough for the duration to count */

	const char *operation;      /* what was asked for, of few: a method, a type */
	const char *target;         /* what it was asked of, by a name; or NULL */
	const char *status;         /* as the answer says it; "": none */
	const char *error;          /* why it failed, as `error.type` has it; NULL: it did not */
	struct exchange_end server; /* client: whom it asked, by the best name */

	/* From here on only after exchange_describe(). */
	int64_t realtime_offset_ns; /* how the wall clock stands to the monotonic one */
	struct exchange_trace trace;
	struct exchange_end local, peer;
	const char *peer_name, *peer_namespace; /* of the other end in its cluster; or NULL */
	const char *texts[EXCHANGE_TEXTS];      /* or NULL */
	uint64_t numbers[EXCHANGE_NUMBERS];
};

/* --- what a protocol is --- */

/* One row of a protocol's table; see the macros below. */
struct exchange_attribute {
	const char *key;
	uint32_t key_length;
	enum attribute_type type;
	uint8_t roles;    /* bits 1 << enum exchange_role */
	bool is_always;   /* also when it is "" or 0 */
	uint16_t offset;  /* in struct exchange: of a const char *, or of an uint64_t */
	const char *same; /* the text is always this one */
	/* Puts the text together; false: it is left out. */
	bool (*compose)(struct text *text, const struct exchange *exchange);
};

struct exchange_protocol {
	/* The name of the exchange's span. */
	void (*put_name)(struct text *text, const struct exchange *exchange);
	/* Adds what only a span tells: the second half of struct exchange. */
	void (*describe)(struct exchange *exchange, int64_t realtime_offset_ns);
	const struct exchange_attribute *attributes; /* in the order in which they are shown */
	size_t attribute_count;
};

#define EXCHANGE_BY_SERVER (1 << EXCHANGE_SERVER)
#define EXCHANGE_BY_CLIENT (1 << EXCHANGE_CLIENT)
#define EXCHANGE_BY_BOTH   (EXCHANGE_BY_SERVER | EXCHANGE_BY_CLIENT)

/*
 * Rows: `by` says whose exchanges have the attribute (EXCHANGE_BY_…), `of` is a member of struct
 * exchange. A text that is empty and a number that is 0 are left out.
 */
#define EXCHANGE_ROW(key_text, value_type, by, ...)                                                \
	{                                                                                          \
		.key = (key_text), .key_length = sizeof(key_text) - 1, .type = (value_type),       \
		.roles = (by), __VA_ARGS__                                                         \
	}
#define EXCHANGE_TEXT(key, by, of)                                                                 \
	EXCHANGE_ROW(key, ATTRIBUTE_TEXT, by, .offset = offsetof(struct exchange, of))
#define EXCHANGE_WORDS(key, by, of)                                                                \
	EXCHANGE_ROW(key, ATTRIBUTE_WORDS, by, .offset = offsetof(struct exchange, of))
#define EXCHANGE_SAME(key, by, text) EXCHANGE_ROW(key, ATTRIBUTE_TEXT, by, .same = (text))
#define EXCHANGE_COMPOSED(key, by, function)                                                       \
	EXCHANGE_ROW(key, ATTRIBUTE_TEXT, by, .compose = (function))
#define EXCHANGE_NUMBER(key, by, of)                                                               \
	EXCHANGE_ROW(key, ATTRIBUTE_NUMBER, by, .offset = offsetof(struct exchange, of))
#define EXCHANGE_TEXT_OR_EMPTY(key, by, of)                                                        \
	EXCHANGE_ROW(key, ATTRIBUTE_TEXT, by, .offset = offsetof(struct exchange, of),             \
		.is_always = true)
#define EXCHANGE_COUNT(key, by, of) /* a 0 is counted */                                           \
	EXCHANGE_ROW(key, ATTRIBUTE_NUMBER, by, .offset = offsetof(struct exchange, of),           \
		.is_always = true)
#define EXCHANGE_BOOLEAN(key, by, of)                                                              \
	EXCHANGE_ROW(key, ATTRIBUTE_BOOLEAN, by, .offset = offsetof(struct exchange, of))
#define EXCHANGE_SECONDS(key, by, of)                                                              \
	EXCHANGE_ROW(key, ATTRIBUTE_SECONDS, by, .offset = offsetof(struct exchange, of))
/* Two rows: `prefix` is "server", say, for server.address and server.port. */
#define EXCHANGE_END(prefix, by, of)                                                               \
	EXCHANGE_TEXT(prefix ".address", by, of.address),                                          \
		EXCHANGE_NUMBER(prefix ".port", by, of.port)

/* --- what is done with one --- */

/* Calls `sink` for each attribute that is known, in the order of the protocol's table. */
void exchange_visit(const struct exchange *exchange, attribute_sink sink, void *context);

static inline void exchange_put_name(struct text *text, const struct exchange *exchange)
{
	exchange->protocol->put_name(text, exchange);
}

static inline void exchange_describe(struct exchange *exchange, int64_t realtime_offset_ns)
{
	exchange->protocol->describe(exchange, realtime_offset_ns);
}

static inline uint64_t exchange_start_unix_ns(const struct exchange *exchange)
{
	return exchange->start_ns + (uint64_t)exchange->realtime_offset_ns;
}

static inline uint64_t exchange_end_unix_ns(const struct exchange *exchange)
{
	return exchange_start_unix_ns(exchange) + exchange->duration_ns;
}

/* Where its strings are, for who keeps a copy of it: offsets of a const char * each. */
#define EXCHANGE_STRINGS (4 + 5 + EXCHANGE_TEXTS)
extern const size_t exchange_strings[EXCHANGE_STRINGS];

/* --- for protocols --- */

#define EXCHANGE_IDENTITY 4

/*
 * A root's identifiers, from what tells the exchange apart from all others, the clock of this boot
 * included: so a replay makes the same identifiers.
 */
void exchange_identify(struct exchange_trace *trace, const uint64_t identity[EXCHANGE_IDENTITY]);

#endif
