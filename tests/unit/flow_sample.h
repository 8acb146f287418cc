/* SPDX-License-Identifier: Apache-2.0 */
/* A connection with all that can be known of one, for tests that change what they are about. */
#ifndef SONDE_TEST_FLOW_SAMPLE_H
#define SONDE_TEST_FLOW_SAMPLE_H

#include "telemetry/tcp/flows.h"

struct flow_sample {
	struct flow flow;
	struct service service;
	struct flow_view view; /* of these two */
};

/* A client's, 127.0.0.1:40000 → 10.0.0.5:6379, that the peer has closed after 1.5 s. */
void flow_sample_make(struct flow_sample *sample);

#endif
