/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened as a line of JSON, for people and log pipelines: what structured logs of services
 * usually have, under their usual keys, and behind it attributes; of an exchange those of its span.
 */
#ifndef SONDE_EVENT_JSON_H
#define SONDE_EVENT_JSON_H

#include "base/buffer.h"
#include "protocol/exchange.h"
#include "telemetry/event.h"

/* What a person should make of it. */
enum event_level { EVENT_INFO, EVENT_SLOW, EVENT_FAILED };

/*
 * Both append one object and a line feed, of which there is no other in the line. The exchange was
 * described.
 */
void event_json_append(
	struct buffer *line, const struct exchange *exchange, enum event_level level);
void event_json_append_event(
	struct buffer *line, const struct event *event, enum event_level level);

#endif
