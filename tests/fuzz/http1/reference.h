/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1 framing by RFC 9112, done the plain way: with the whole of a stream in memory, forwards,
 * and refusing what a strict reader may refuse. What the probe finds is compared with this.
 */
#ifndef SONDE_FUZZ_REFERENCE_H
#define SONDE_FUZZ_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

/* A message in its stream; all places are offsets there. The last one may lack its end. */
struct message {
	size_t begin;    /* of interim responses before it, if there are any */
	size_t line;     /* of its own first line, */
	size_t line_end; /* without what ends it; 0: that has not come, */
	size_t headers;  /* and with it */
	size_t head_end; /* 0: has not come */
	size_t end;      /* of the stream, when its own has not come */
	bool complete;
	bool until_close; /* complete when the connection ends */
	bool upgrade;     /* 101, or CONNECT accepted: no HTTP follows */
	bool expects;     /* of a request: `Expect: 100-continue`, with a body */
	bool continued;   /* of a response: 100 came before it */
	int status;
	size_t traceparent; /* 0: none */
	size_t traceparent_length;
	size_t host; /* 0: none */
	size_t host_length;
};

/* What a proxy says before the first request. */
struct preamble {
	size_t length; /* 0: there is none */
	bool has_address;
	unsigned char address[16]; /* of its client; IPv4 mapped */
	unsigned port;
};

/* False: what begins so is none, and no request either, or its end has not come. */
bool reference_preamble(const char *stream, size_t length, struct preamble *out);

/* What became of a body for which a client was to wait. */
enum body_fate { BODY_CAME, BODY_DECLINED, BODY_AMBIGUOUS };

/* Asked for the last of `count` requests, which `expects`, and whose `end` is that of its body. */
typedef enum body_fate (*body_fate_ask)(
	const void *context, const struct message *requests, int count);

/*
 * How many messages there are; -1 when something is no strict HTTP, or is ambiguous, or is more
 * than `most`.
 */
int reference_requests(const char *stream, size_t length, struct message *found, int most,
	body_fate_ask ask, const void *context);

/* The same for the responses to those requests; with `all`, more of them are an error. */
int reference_responses(const char *stream, size_t length, const char *request_stream,
	const struct message *requests, int request_count, bool all, struct message *found);

/* What is this long or longer the probe takes for no method (METHOD_MAX of http_message.bpf.h). */
#define METHOD_LIMIT 32

/* True when a line begins with a method that the semantic conventions know. */
bool reference_knows_method(const char *line);

/* Length of `METHOD target HTTP/1.x` and its line end; 0 when that is not how the text begins. */
size_t reference_request_line(const char *text, size_t length);

#endif
