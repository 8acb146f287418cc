/* SPDX-License-Identifier: Apache-2.0 */
/* A telemetry that is fed with records, all of which have to be valid. */
#ifndef SONDE_TEST_TELEMETRY_FEED_H
#define SONDE_TEST_TELEMETRY_FEED_H

#include "telemetry/telemetry.h"

extern struct telemetry *fed;

void feed_begin(const struct telemetry_settings *settings);
int feed_end(void **state); /* a tear-down */

void feed(const struct record *record, size_t size);
void feed_workload(__u32 workload, const char *service); /* that it is of this service */

#endif
