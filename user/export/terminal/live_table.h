/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live table of `sonde run` on a terminal: what each service does, refreshed by the main loop
 * each second.
 *
 *   http://127.0.0.1:9760/metrics · 3 services · 1.2k req/s · 2 err/s · lost 0
 *   SERVICE             REQ/S ERR/S   P50   P99 OUT/S CONNS  RX/S  TX/S  BUSIEST SYSCALLS
 *   nginx                1.2k     2 250us 1.9ms     0    64  180K  2.3M  sendto 61% read 22%
 *
 * REQ/S, ERR/S, P50, P99: requests served; OUT/S: requests made as a client; CONNS: TCP connections
 * open now; RX/S, TX/S: TCP payload, in bytes; the last column: system calls by their share of the
 * time in such calls, without those that wait by design. What doesn't fit the terminal is left out
 * from the right and from below.
 *
 * Log lines that go to the same terminal stay readable: the table keeps off the last
 * TABLE_LOG_LINES lines of the screen, and makes them a region that scrolls by itself. On exit
 * table and log stay visible.
 */
#ifndef SONDE_LIVE_TABLE_H
#define SONDE_LIVE_TABLE_H

#include <stdint.h>
#include <stdio.h>

#include "export/terminal/figures.h"
#include "telemetry/metrics/metrics.h"

#define TABLE_LOG_LINES 4

struct table;

/* A table on the terminal `fd`, which stays the caller's. NULL: no terminal, or no memory. */
struct table *table_new(int fd);

/*
 * Reads the figures and draws. Never waits for the terminal: what a stopped one (Ctrl-S) doesn't
 * take is dropped, and the next refresh draws all again.
 */
void table_refresh(struct table *table, const struct metrics *metrics, const char *metrics_url,
	uint64_t now_ns);

/* Gives the terminal its whole screen back, with the cursor below what is on it. */
void table_free(struct table *table);

/* The text alone: at most `lines` lines of at most `columns` characters, each with its "\n". */
void table_render(FILE *out, const struct figures *figures, const char *metrics_url, unsigned lines,
	unsigned columns);

#endif
