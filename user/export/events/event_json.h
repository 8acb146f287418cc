/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange as a line of JSON, for people and log pipelines: what structured logs of services
 * usually have, under their usual keys, and behind it the attributes of its span.
 */
#ifndef SONDE_EVENT_JSON_H
#define SONDE_EVENT_JSON_H

#include "base/buffer.h"
#include "protocol/exchange.h"

/* What a person should make of it. */
enum event_level { EVENT_INFO, EVENT_SLOW, EVENT_FAILED };

/*
 * Appends one object and a line feed, of which there is no other in the line. The exchange was
 * described.
 */
void event_json_append(
	struct buffer *line, const struct exchange *exchange, enum event_level level);

#endif
