/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_request.h. */
#include "export/flow_request.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "address.h"

/* Addresses tell who talks to whom: that is for this machine's own users. */
static bool is_from_here(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct in6_addr address = {.s6_addr = {[10] = 0xff, 0xff}};

	if (!info || !info->client_addr)
		return false;
	if (info->client_addr->sa_family == AF_INET6)
		address = ((const struct sockaddr_in6 *)info->client_addr)->sin6_addr;
	else
		memcpy(&address.s6_addr[12],
			&((const struct sockaddr_in *)info->client_addr)->sin_addr, 4);
	return address_is_loopback(address.s6_addr);
}

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

unsigned flow_request_read(struct MHD_Connection *connection, struct flow_query *query,
	char error[FLOW_REQUEST_ERROR_LEN])
{
	struct reading reading = {query, error, false};

	if (!is_from_here(connection)) {
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
