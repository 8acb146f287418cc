/* SPDX-License-Identifier: Apache-2.0 */
/* A request for /flows or /connections: who may ask, and what is asked. For the listener. */
#ifndef SONDE_FLOW_REQUEST_H
#define SONDE_FLOW_REQUEST_H

#include <microhttpd.h>

#include "export/flows/flow_query.h"

#define FLOW_REQUEST_ERROR_LEN (FLOW_QUERY_ERROR_LEN + 2)

/*
 * Adds the request's parameters to `query`; `is_local`: it comes from this machine's own users
 * (request_guard.h). Returns MHD_HTTP_OK, or the status to refuse it with, and in `error` one line
 * that says why.
 */
unsigned flow_request_read(struct MHD_Connection *connection, bool is_local,
	struct flow_query *query, char error[FLOW_REQUEST_ERROR_LEN]);

#endif
