/* SPDX-License-Identifier: Apache-2.0 */
/* The metric families of HTTP, and their labels. docs/metrics.md defines each of them. */
#ifndef SONDE_HTTP_FAMILIES_H
#define SONDE_HTTP_FAMILIES_H

#include "telemetry/metrics/families.h"

enum http_family {
	FAMILY_HTTP_SERVER,
	FAMILY_HTTP_CLIENT,
	FAMILY_HTTP_SERVER_FIRST_BYTE,
	FAMILY_HTTP_CLIENT_FIRST_BYTE,
	FAMILY_HTTP_SERVER_QUEUE,
	FAMILY_HTTP_SERVER_ACCEPT,
	FAMILY_HTTP_CLIENT_CONNECT,
	FAMILY_HTTP_SERVER_ACTIVE,
	FAMILY_HTTP_CLIENT_ACTIVE,
	FAMILY_HTTP_SERVER_LONG,
	FAMILY_HTTP_CLIENT_LONG,
	FAMILY_HTTP_TRUNCATED,
	FAMILY_HTTP_UNTIMED,
	FAMILY_ROUTES_FOLDED,
	HTTP_FAMILIES
};

#define FAMILY_HTTP_SERVER_LABELS                                                                  \
	"service_name", "http_request_method", "http_response_status_code", "http_route",          \
		"error_type"
#define FAMILY_HTTP_CLIENT_LABELS                                                                  \
	"service_name", "http_request_method", "http_response_status_code", "http_route",          \
		"error_type", "server_address", "server_port"
#define FAMILY_HTTP_SERVER_FIRST_BYTE_LABELS "service_name", "http_request_method", "http_route"
#define FAMILY_HTTP_CLIENT_FIRST_BYTE_LABELS                                                       \
	"service_name", "http_request_method", "server_address", "server_port"
#define FAMILY_HTTP_SERVER_QUEUE_LABELS   "service_name"
#define FAMILY_HTTP_SERVER_ACCEPT_LABELS  "service_name"
#define FAMILY_HTTP_CLIENT_CONNECT_LABELS "service_name", "server_address", "server_port"
#define FAMILY_HTTP_SERVER_ACTIVE_LABELS  "service_name", "http_request_method", "url_scheme"
#define FAMILY_HTTP_CLIENT_ACTIVE_LABELS  "service_name", "http_request_method", "url_scheme"
#define FAMILY_HTTP_SERVER_LONG_LABELS    "service_name", "http_request_method"
#define FAMILY_HTTP_CLIENT_LONG_LABELS    "service_name", "http_request_method"
#define FAMILY_HTTP_TRUNCATED_LABELS      "service_name"
#define FAMILY_HTTP_UNTIMED_LABELS        "service_name"
#define FAMILY_ROUTES_FOLDED_LABELS       "service_name"

extern const struct metric_description http_families[HTTP_FAMILIES];

#endif
