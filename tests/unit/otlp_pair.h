/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the OTLP exporter: one with its backend on loopback. No test depends on how fast
 * anything is: each waits until the counters say that it happened, and a watchdog ends a hang.
 */
#ifndef SONDE_TEST_OTLP_PAIR_H
#define SONDE_TEST_OTLP_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include "export/otlp/otlp.h"
#include "otlp_backend.h"

#define MS     1000000ull
#define SECOND (1000 * MS)
#define HOUR   (3600 * SECOND)

struct pair {
	struct backend *backend;
	struct otlp *otlp;
	struct otlp_options options;
	char endpoint[64];
};

extern const struct backend_reply pair_ok[1]; /* a backend that takes everything */
extern const struct service pair_service;

/* Sets the watchdog and hides expected warnings: first thing in main(). */
void pair_prepare_tests(void);

/*
 * A backend that refuses connections, and options to send soon, to try again soon and to give up
 * never. A test changes what it is about; then it calls backend_start() and pair_start().
 */
void pair_prepare(struct pair *pair, const struct backend_reply *script, size_t count);
void pair_start(struct pair *pair);

#define pair_open(pair, script)                                                                    \
	do {                                                                                       \
		pair_prepare(pair, script, sizeof(script) / sizeof(*(script)));                    \
		backend_start((pair)->backend);                                                    \
		pair_start(pair);                                                                  \
	} while (0)

/* Stops both; what is queued then is dropped. Checks the sum. */
void pair_close(struct pair *pair);

void pair_export(struct pair *pair, size_t spans);

struct otlp_counters pair_counters(struct pair *pair); /* with the sum checked */
void pair_assert_sum_exact(const struct otlp_counters *counters);

struct otlp_counters pair_wait_idle(struct pair *pair); /* until no span is queued */
void pair_wait_requests(struct pair *pair, size_t count);
void pair_wait_a_little(void);

uint64_t pair_now_ns(void);

#endif
