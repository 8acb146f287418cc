/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client asks for in its request's head (RFC 9110, section 12.5), weights included. For the
 * listener; keeps no state.
 */
#ifndef SONDE_NEGOTIATION_H
#define SONDE_NEGOTIATION_H

#include <stdbool.h>

#include "export/prometheus/exposition.h"

/*
 * From `Accept`: the format that has the highest weight; of several, the one that is named most
 * precisely; of those, text before OpenMetrics before protobuf. Text also for NULL and for whom
 * takes none of them.
 */
enum exposition_format negotiate_format(const char *accept);

/* From `Accept-Encoding`; NULL: no. */
bool negotiate_gzip(const char *accept_encoding);

#endif
