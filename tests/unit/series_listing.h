/* SPDX-License-Identifier: Apache-2.0 */
/* The series of a registry as text, for tests that compare all of it with what they expect. */
#ifndef SONDE_TEST_SERIES_LISTING_H
#define SONDE_TEST_SERIES_LISTING_H

#include "telemetry/metrics/metrics.h"

/*
 * A line for each series, in the order of families: `name{value,value} figure`, of histograms
 * `name{value,value} count sum`. Empty values stand there; `overflow` stands behind the brace of an
 * overflow series. Only of those whose names are in `families`, of all when it is NULL. Valid until
 * the next call.
 */
const char *series_listing(const struct metrics *metrics, const char *families);

#endif
