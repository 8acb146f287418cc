/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each service did between two looks at the registry: the numbers of the live table
 * (export/terminal/live_table.h), with no notion of a terminal. Reads the families of
 * docs/metrics.md by name, adds up their series by service, and keeps the sums of the last look, so
 * that its memory depends on the number of services and not on the number of series. Not
 * thread-safe: the main thread owns it.
 */
#ifndef SONDE_FIGURES_H
#define SONDE_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"
#include "telemetry/metrics/metrics.h"

/* Several screens full, at most 7 KB each; what more services do is added up as "(others)". */
#define FIGURES_SERVICES_MAX 256
/* Those that did nothing for so long give way, until there are no more than this. */
#define FIGURES_IDLE_NS  60000000000ULL
#define FIGURES_IDLE_MAX 128
/* Sources × outcomes is 48 and most never happen; what more there are is only in lost_events. */
#define FIGURES_LOSSES_MAX 16
#define FIGURES_BUSIEST    3
/* Room for the longest name of a system call. */
#define FIGURES_SYSCALL_LEN 24

struct figures_service {
	char name[SERVICE_NAME_LEN];
	/* per second, in the interval */
	double requests; /* as server */
	double errors;   /* of these: 5xx, or no complete response */
	double calls;    /* HTTP requests as client */
	double received_bytes;
	double sent_bytes;
	double syscall_seconds; /* in system calls that don't wait by design (syscall_names.h) */
	/* of server requests in the interval; 0 when there was none */
	uint64_t p50_ns;
	uint64_t p99_ns;
	/* now */
	double connections;
	/* system calls by their share of syscall_seconds, the largest first; share 0 ends the list
	 */
	struct {
		char name[FIGURES_SYSCALL_LEN];
		double share;
	} busiest[FIGURES_BUSIEST];
};

struct figures_loss {
	char source[16];
	char outcome[24];
	double events; /* since Sonde started */
};

struct figures {
	bool has_rates; /* false after the first look, which has nothing to compare with */
	const struct figures_service *const *services; /* those that did something, busiest first */
	size_t service_count;
	struct figures_service total;
	const struct figures_loss *losses; /* the largest first */
	size_t loss_count;
	double lost_events; /* in all, since Sonde started */
};

struct figures_reader;

struct figures_reader *figures_reader_new(void); /* NULL: no memory */
void figures_reader_free(struct figures_reader *reader);

/* Takes a look. The result belongs to the reader and is valid until the next look. */
const struct figures *figures_read(
	struct figures_reader *reader, const struct metrics *metrics, uint64_t now_ns);

#endif
