/* SPDX-License-Identifier: Apache-2.0 */
/* See http_telemetry.h. */
#include "telemetry/http/http_telemetry.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limit.h"
#include "base/log.h"
#include "base/utf8.h"

#define HTTP_NOT_FOUND 404

/* `error.type` of requests without a complete response. */
static const char *const error_names[] = {
	[HTTP_OK] = NULL,
	[HTTP_CLOSED_BY_PEER] = "closed_by_peer",
	[HTTP_CLOSED_LOCALLY] = "closed_locally",
	[HTTP_RESET] = "connection_reset",
	[HTTP_TIMED_OUT] = "timeout",
	[HTTP_RESPONSE_INVALID] = "response_invalid",
};

static void number_text(char *text, unsigned number)
{
	char digits[8];
	size_t count = 0;

	do
		digits[count++] = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	while (count)
		*text++ = digits[--count];
	*text = '\0';
}

/* What follows the line and Host; past the end of the struct's own room for it, perhaps. */
static const char *behind_line(const struct record_http *record)
{
	const char *line = (const char *)record + offsetof(struct record_http, line);

	return line + record->line_length + record->host_length;
}

/* Abstract names begin with a NUL and may hold more of them; ss shows each as an @, too. */
static void socket_path_text(char text[HTTP_HOST_LEN + 1], const struct record_http *record)
{
	size_t length = record->path_length;

	memcpy(text, behind_line(record), length);
	if (length && !text[0])
		for (size_t i = 0; i < length; i++)
			if (!text[i])
				text[i] = '@';
	utf8_copy(text, UNIX_PATH_LEN + 1, text, length);
}

/* --- the host that a client asks --- */

/* As a label value: names in lower case, addresses as they are written. False: it is none. */
static bool host_text(char text[HTTP_HOST_LEN + 1], const struct http1_host *host)
{
	char written[HTTP_HOST_LEN + 1];
	struct in6_addr address;

	if (host->name.length > HTTP_HOST_LEN)
		return false;
	for (size_t i = 0; i < host->name.length; i++)
		written[i] = (char)tolower((unsigned char)host->name.text[i]);
	written[host->name.length] = '\0';
	if (!host->is_address) {
		strcpy(text, written);
		return true;
	}
	if (inet_pton(AF_INET6, written, &address) != 1)
		return false;
	address_text(text, address.s6_addr);
	return true;
}

/*
 * What the target names counts before `Host` (RFC 9112, 3.2.2). Without either, or when the service
 * has too many others, the server is where the client is connected to.
 */
static void host_read(struct http_request *request, struct label_values *hosts, size_t hosts_max)
{
	const struct record_http *record = request->record;
	struct http1_part asked = request->line.authority;
	char name[HTTP_HOST_LEN + 1];
	struct http1_host host;

	if (asked.text && asked.text + asked.length == record->line + record->line_length)
		return; /* where the line was cut: the name may go on */
	if (!asked.text && record->host_length)
		asked = (struct http1_part){
			record->line + record->line_length, record->host_length};
	if (!asked.text || !http1_parse_host(asked.text, asked.length, &host) ||
		!host_text(name, &host))
		return;
	if (strcmp(name, request->server_address) != 0 &&
		!label_values_admit(hosts, request->service->name, name, hosts_max, 1,
			record->record.time_ns)) {
		limit_met(LIMIT_HTTP_HOSTS, request->service->name);
		return;
	}
	strcpy(request->server_address, name);
	request->has_host = true;
	if (host.port)
		number_text(request->server_port, host.port);
}

int http_request_read(struct http_request *request, const struct record_http *record,
	const struct service *service, struct routes *routes, struct label_values *hosts,
	size_t hosts_max)
{
	unsigned first_error = record->role == HTTP_SERVER ? 500 : 400;
	bool is_answered = !(record->flags & HTTP_OPEN);

	request->record = record;
	request->service = service;
	if (http1_parse_line(record->line, record->line_length, record->flags & HTTP_LINE_TRUNCATED,
		    &request->line))
		return -EINVAL;
	request->route_folded = false;
	request->route = NULL;
	if (request->line.path.length)
		request->route = routes_template(routes,
			&(struct route_request){.service = service->name,
				.path = request->line.path.text,
				.path_length = request->line.path.length,
				.time_ns = record->record.time_ns,
				.learn = is_answered && record->status != HTTP_NOT_FOUND},
			&request->route_folded);

	request->status[0] = '\0';
	if (record->status)
		number_text(request->status, record->status);
	request->error_type = error_names[record->error];
	if (!request->error_type && record->status >= first_error)
		request->error_type = request->status;

	/* without the end of a response it lasted until it was known that none would come */
	request->end_ns = record->error ? record->record.time_ns : record->response_last_ns;
	request->duration_ns = request->end_ns - record->request_first_ns;
	request->time_to_first_byte_ns = 0;
	if (record->response_first_ns)
		request->time_to_first_byte_ns =
			record->response_first_ns - record->request_first_ns;

	request->server_address[0] = request->server_port[0] = '\0';
	request->has_host = false;
	if (record->flags & HTTP_UNIX) {
		socket_path_text(request->server_address, record);
	} else if (record->role == HTTP_CLIENT) {
		address_text(request->server_address, record->address.remote);
		number_text(request->server_port, record->address.remote_port);
		host_read(request, hosts, hosts_max);
	}
	return 0;
}

/* --- spans --- */

/*
 * Identifiers are made from what tells the request apart from all others (the socket's cookie, its
 * number there, its time and the clock of this boot), so that a replay makes the same ones.
 */
static uint64_t identifier(const struct record_http *record, int64_t offset_ns, uint64_t salt)
{
	uint64_t value = span_mix(salt ^ record->connection);

	value = span_mix(value ^ record->request_first_ns);
	value = span_mix(value ^ (uint64_t)offset_ns);
	value = span_mix(value ^ ((uint64_t)record->index << 1 | record->role));
	return value ? value : 1; /* zero is not a valid identifier */
}

static const char *part_text(char *room, size_t size, struct http1_part part)
{
	size_t length = part.length < size - 1 ? part.length : size - 1;

	if (!part.text)
		return NULL;
	memcpy(room, part.text, length);
	room[length] = '\0';
	return room;
}

static uint64_t body_bytes(uint64_t all, uint32_t head)
{
	return all > head ? all - head : 0;
}

void http_span_make(struct span *span, struct http_span_room *room,
	const struct http_request *request, int64_t realtime_offset_ns)
{
	const struct record_http *record = request->record;
	uint64_t id = identifier(record, realtime_offset_ns, 3), high, low;

	memset(span, 0, sizeof(*span));
	memcpy(span->span_id, &id, sizeof(id));
	if (!http1_parse_traceparent(
		    record->traceparent, span->trace_id, span->parent_id, &span->trace_flags)) {
		high = identifier(record, realtime_offset_ns, 1);
		low = identifier(record, realtime_offset_ns, 2);
		memcpy(span->trace_id, &high, sizeof(high));
		memcpy(span->trace_id + sizeof(high), &low, sizeof(low));
		memset(span->parent_id, 0, sizeof(span->parent_id));
		span->trace_flags = 1;
	}
	span->role = record->role;
	span->start_unix_ns = record->request_first_ns + (uint64_t)realtime_offset_ns;
	span->end_unix_ns = request->end_ns + (uint64_t)realtime_offset_ns;
	span->service = request->service;
	span->pid = record->tgid;
	span->tid = record->tid;
	span->method = http1_method_name(request->line.method);
	if (request->line.method == HTTP_METHOD_OTHER)
		span->method_original = part_text(
			room->method, sizeof(room->method), request->line.method_original);
	span->route = request->route;
	span->path = part_text(room->path, sizeof(room->path), request->line.path);
	span->query = part_text(room->query, sizeof(room->query), request->line.query);
	span->error_type = request->error_type;
	span->protocol_version = request->line.version;
	span->status = record->status;
	span->request_body_bytes = body_bytes(record->request_bytes, record->request_head_bytes);
	span->response_body_bytes = body_bytes(record->response_bytes, record->response_head_bytes);
	if (record->flags & HTTP_UNIX) {
		span->socket_path = request->server_address;
	} else {
		address_text(span->local_address, record->address.local);
		address_text(span->remote_address, record->address.remote);
		span->local_port = record->address.local_port;
		span->remote_port = record->address.remote_port;
	}
	if (request->has_host) {
		span->server_host = request->server_address;
		span->server_port = (uint16_t)strtoul(request->server_port, NULL, 10);
	}
	if (record->flags & HTTP_PROXIED) {
		struct http_origin origin;

		memcpy(&origin, behind_line(record) + record->path_length, sizeof(origin));
		address_text(room->client_address, origin.address);
		span->client_address = room->client_address;
		span->client_port = origin.port;
	}
	span->time_to_first_byte_ns = request->time_to_first_byte_ns;
	span->queue_ns = record->queue_ns;
	span->setup_ns = record->setup_ns;
	span->end = record->end;
	span->truncated = request->line.target_truncated;
}

/* --- log --- */

void http_log_open(const struct http_request *request)
{
	const struct record_http *record = request->record;
	char address[ADDRESS_TEXT_LEN], peer[UNIX_PATH_LEN + 1];
	struct http_span_room room;

	if (record->flags & HTTP_UNIX) {
		strcpy(peer, request->server_address);
	} else {
		address_text(address, record->address.remote);
		snprintf(peer, sizeof(peer), strchr(address, ':') ? "[%s]:%u" : "%s:%u", address,
			record->address.remote_port);
	}
	log_warn("request open for a long time", log_str("service_name", request->service->name),
		log_str("role", record->role == HTTP_SERVER ? "server" : "client"),
		log_str("method",
			part_text(room.method, sizeof(room.method), request->line.method_original)),
		log_str("path", part_text(room.path, sizeof(room.path), request->line.path)),
		log_str("route", request->route), log_str("peer", peer),
		log_int("pid", record->tgid), log_int("tid", record->tid),
		log_int("connection", (int64_t)record->connection),
		log_real("age_seconds",
			(double)(record->record.time_ns - record->request_first_ns) * 1e-9));
}
