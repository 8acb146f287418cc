/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP request as its client sent it, judged byte by byte before any library sees
 * it: what two readers could take for two different things is refused (RFC 9112 leaves much of it
 * to the reader's mercy). For the gate (gate.h).
 */
#ifndef SONDE_REQUEST_HEAD_H
#define SONDE_REQUEST_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#define REQUEST_HEAD_MAX   8192  /* bytes, its empty line included; what has more gets 431 */
#define REQUEST_FIELDS_MAX 100   /* lines; browsers send some 20 */
#define REQUEST_BODY_MAX   65536 /* nothing here reads a body */

struct request_text {
	const char *bytes; /* not terminated; NULL: there is none */
	size_t length;
};

struct request_head {
	unsigned status;     /* 0: well formed; else what to refuse it with, */
	const char *problem; /* and why: a constant */
	bool is_http_1_0;
	bool has_body;
	bool is_forwarded; /* bears a header that only proxies add */
	struct request_text target;
	struct request_text host;
	struct request_text origin;
	struct request_text fetch_site; /* Sec-Fetch-Site, -Mode and -Dest */
	struct request_text fetch_mode;
	struct request_text fetch_dest;
};

/*
 * Reads the `length` bytes at `bytes`, which must stay while *head is used. Returns false as long
 * as more bytes must come; what is wrong already (status) needs no more.
 */
bool request_head_read(struct request_head *head, const char *bytes, size_t length);

/* Is it this word, upper and lower case aside? */
bool request_text_is(const struct request_text *text, const char *word);

#endif
