/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One answer to `GET /metrics`, /flows or /connections, made in turns: the main thread renders a
 * piece, then the listener's thread hands it to the client, gzipped there if asked for. So an
 * answer of any length takes the memory of one piece, and keeps the main thread for some 50 µs at a
 * time.
 *
 * A scrape belongs to the thread whose turn it is; listener.c passes it to and fro under its lock.
 */
#ifndef SONDE_SCRAPE_H
#define SONDE_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <zlib.h>

#include "base/buffer.h"
#include "export/flows/flow_page.h"
#include "export/prometheus/exposition.h"

/* Long enough that changing threads costs less than rendering it, short beside 16 MiB in all. */
#define SCRAPE_PIECE_BYTES 32768

/* What the answers are made of; the main thread's. */
struct scrape_source {
	const struct metrics *metrics;
	const struct flows *flows;
};

struct scrape {
	bool is_of_flows; /* else of metrics */
	enum exposition_format format;
	struct exposition exposition;
	struct flow_page page;
	struct scrape_source source; /* once it has begun */
	struct buffer piece;
	size_t taken; /* of the piece */
	bool has_begun;
	bool is_last; /* the piece is the last one */
	bool is_gzip;
	bool has_ended; /* gzip: all is out */
	z_stream stream;
};

/* Without memory for gzip, it will be plain (is_gzip). */
void scrape_begin_metrics(struct scrape *scrape, enum exposition_format format, bool want_gzip);
void scrape_begin_flows(struct scrape *scrape, const struct flow_query *query, bool want_gzip);

const char *scrape_content_type(const struct scrape *scrape);

/* The main thread's turn: the next piece. `source` is the same each time. */
void scrape_render(struct scrape *scrape, const struct scrape_source *source);

enum { SCRAPE_USED_UP = 0, SCRAPE_END = -1, SCRAPE_FAILED = -2 };

/*
 * The listener's turn: the answer's next bytes, at most `room`; or SCRAPE_USED_UP when it takes
 * another piece, SCRAPE_END, or SCRAPE_FAILED (no memory).
 */
ssize_t scrape_read(struct scrape *scrape, char *to, size_t room);

/* Frees what it holds. */
void scrape_end(struct scrape *scrape);

#endif
