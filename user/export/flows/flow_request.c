/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_request.h. */
#include "export/flows/flow_request.h"

#include <stdio.h>
#include <string.h>

#include "export/denial.h"

struct reading {
	struct flow_query *query;
	char *error;
	bool failed;
};

static enum MHD_Result read_parameter(
	void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct reading *reading = context;
	(void)kind;

	reading->failed = !flow_query_set(reading->query, name, value ? value : "", reading->error);
	return reading->failed ? MHD_NO : MHD_YES;
}

/* Addresses tell who talks to whom: that is for this machine's own users. */
unsigned flow_request_read(struct MHD_Connection *connection, bool is_local,
	struct flow_query *query, char error[FLOW_REQUEST_ERROR_LEN])
{
	struct reading reading = {query, error, false};

	if (!is_local) {
		denial_add(DENIED_NOT_LOCAL);
		snprintf(error, FLOW_REQUEST_ERROR_LEN,
			"this page shows addresses, so it is for loopback clients only\n");
		return MHD_HTTP_FORBIDDEN;
	}
	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, read_parameter, &reading);
	if (!reading.failed)
		return MHD_HTTP_OK;
	strcat(error, "\n");
	return MHD_HTTP_BAD_REQUEST;
}
