/* SPDX-License-Identifier: Apache-2.0 */
/* What http_exchange.c and http_attributes.c have of each other: the two halves of http_protocol.
 */
#ifndef SONDE_HTTP_ATTRIBUTES_H
#define SONDE_HTTP_ATTRIBUTES_H

#include "protocol/exchange.h"

/* `exchange` is that of a struct http_exchange. */
void http_describe(struct exchange *exchange, int64_t realtime_offset_ns);

#endif
