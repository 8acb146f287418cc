/* SPDX-License-Identifier: Apache-2.0 */
/* The half of TCP (telemetry_source.h), whose connections are also shown and exported. */
#ifndef SONDE_TCP_SOURCE_H
#define SONDE_TCP_SOURCE_H

struct flows;

/* Of what tcp_source.begin() returned. Borrowed. */
struct flows *tcp_source_flows(void *self);

#endif
