/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to a process, as a line of a log tells it. Exchanges are told otherwise
 * (exchanges.h). */
#ifndef SONDE_EVENT_H
#define SONDE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attribute.h"
#include "identity/service.h"

/* Borrowed for the call, with all that it points to. */
struct event {
	const char *name;    /* such as process.exit */
	const char *message; /* for a person, without what the attributes say */
	const struct service *service;
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	int64_t realtime_offset_ns;
	bool has_failed; /* somebody should look at it */
	const struct attribute *attributes;
	size_t attribute_count;
};

typedef void (*event_sink)(void *context, const struct event *event);

#endif
